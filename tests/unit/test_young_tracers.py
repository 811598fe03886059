"""Cepheids, masers and open clusters of `config/young_tracers.yaml`: its checks, and the real stars through the scripts."""

import json
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

import bin_map
import clean_catalogue
import clean_sample
import convert_phase_space
from discatlas.cepheids import period_wesenheit_distance
from discatlas.config import complete_config
from discatlas.frames import Sun, cartesian_velocity, galactic_angles
from discatlas.phase_space import convert
from discatlas.tables import read_columns
from discatlas.velocities import radio_lsr_velocity
from places import ROOT

PARALLAX_OFFSET_MAS = 0.014  # by which the parallaxes of Cepheids bluer than BP - RP = 2.5 are too small
# the axes of masers_parallax.csv: x = our Y, y = our -X, z = Z; its Sun from the columns themselves
FILE_R0_KPC, FILE_V_SUN_KMS = 8.1778, (11.0, 247.9, 8.1)


@pytest.fixture
def tracers(config):
    overlay = yaml.safe_load((ROOT / "config/young_tracers.yaml").read_text(encoding="utf-8"))
    merged = deepcopy(config)
    merged["atlas"]["samples"] = overlay.pop("atlas")["samples"]
    for section, entries in overlay.items():
        if section == "checks":
            merged["checks"]["statistics"] |= entries["statistics"]
        else:
            merged.setdefault(section, {}).update(entries)
    return merged


def test_the_overlay_is_a_config(tracers, schema):
    complete = complete_config(tracers, schema)
    page = complete["population_pages"]["young_tracers"]
    assert [panel["sample"] for panel in page["panels"]] == complete["atlas"]["samples"]


@pytest.fixture(scope="module")
def made(request, tmp_path_factory):
    """Sample, phase space, cut flow and map of every tracer, by the scripts of the rules."""
    real_data, folder = request.getfixturevalue("real_data"), tmp_path_factory.mktemp("tracers")
    overlay = yaml.safe_load((ROOT / "config/young_tracers.yaml").read_text(encoding="utf-8"))
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    results = {"raw": real_data, "folder": folder}
    for name, entry in overlay["catalogues"].items():
        clean_catalogue.run(
            raw=real_data / entry["path"], catalogue=folder / f"catalogue_{name}.parquet", file_format="csv", table=None,
            columns=entry["columns"], digest=None, date=None, citation=entry["citation"], query=None, origin=entry["path"],
        )  # fmt: skip
    for name, sample in overlay["samples"].items():
        results[name] = _make(name, sample, default["sun"][sample["sun"]], overlay["maps"]["tracers_face_on"], folder)
    return results


def _make(name, sample, sun, spec, folder):
    (folder / "phase_space").mkdir(exist_ok=True)
    stars, phase_space = folder / f"{name}.parquet", folder / "phase_space" / f"{name}.parquet"
    cells, flow = folder / f"map_{name}.parquet", folder / f"cut_flow_{name}.json"
    clean_sample.run(
        catalogue=folder / f"catalogue_{sample['catalogue']}.parquet", sample=stars, cut_flow=Path(flow).with_suffix(".parquet"),
        cut_flow_json=flow, corrections=sample.get("corrections", []), distance=sample["distance"],
        duplicates=sample["duplicates"], cuts=sample["cuts"], R0_kpc=sun["R0_kpc"],
    )  # fmt: skip
    convert_phase_space.run(
        stars=stars, phase_space=phase_space, sun=sun, distance_estimator=sample["distance"], error_method="linear",
        n_draws=100, seed=1, correlations=False, keep_columns=sample["keep_columns"], threads=2,
    )  # fmt: skip
    spec = {key: value for key, value in spec.items() if key != "samples"}
    bin_map.run(stars=phase_space, cells=cells, estimator="restricted", threads=2, **spec)
    removed = {step["name"]: step["n_removed"] for step in json.loads(flow.read_text(encoding="utf-8"))["steps"]}
    return read_columns(stars), read_columns(phase_space), read_columns(cells), removed


def test_the_magellanic_cepheids_are_removed_and_counted(made):
    stars, _, _, removed = made["cepheids"]
    assert removed["off the Magellanic Clouds"] == 351
    assert removed["position and distance"] == removed["duplicates"] == removed["classical Cepheids"] == 0
    assert removed["BP - RP below 2.5"] == 627
    assert stars["ra"].size == 721
    assert not ((stars["dec"] < -60) & (stars["ra"] < 110)).any()
    assert 1854 - sum(removed.values()) == 721


def test_the_height_of_the_cut_is_that_above_the_sun(made):
    _, space, _, _ = made["cepheids"]
    assert np.abs(space["Z_kpc"] - 0.0208).max() < 1.5 + 0.04  # tilt of 0.15 deg between the two planes


def test_distances_of_cepheids_agree_with_their_parallaxes(made):
    """One scale for both: parallax = (1.00 +- 0.03)/distance - 0.014 mas, for 833 Cepheids with BP - RP < 2.5."""
    stars, distance, error, colour = _galactic_cepheids(made)
    used = (colour < 2.5) & (distance < 25)
    inverse, offset, scale = 1 / distance[used], 0.0, 1.0
    parallax, sigma = stars["parallax"][used], np.hypot(stars["parallax_error"], error / distance**2)[used]
    design = np.stack([np.ones(used.sum()), inverse], axis=1)
    for _ in range(30):  # clipped at 3 sigma: type II Cepheids and blends
        kept = np.abs(parallax - offset - scale * inverse) < 3 * sigma
        weight = kept / sigma**2
        offset, scale = np.linalg.solve(design.T @ (design * weight[:, None]), design.T @ (weight * parallax))
    assert kept.mean() > 0.9
    assert offset == pytest.approx(-PARALLAX_OFFSET_MAS, abs=0.006)
    assert scale == pytest.approx(1.0, abs=0.03)
    near = used & (stars["phot_g_mean_mag"] < 11)
    ratio = (stars["parallax"] + PARALLAX_OFFSET_MAS)[near] * distance[near]
    scatter = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
    expected = np.median(np.hypot(1.3 * stars["parallax_error"] * distance, error / distance)[near])
    assert scatter == pytest.approx(expected, rel=0.15)  # DR3's parallax errors of bright stars are 1.3 times too small


def test_the_wesenheit_magnitude_fails_for_red_cepheids(made):
    """A finding, and why the sample has a cut on colour: beyond BP - RP = 2.5 the distances are short by 10 to 60 %."""
    stars, distance, _, colour = _galactic_cepheids(made)
    ratio = (stars["parallax"] + PARALLAX_OFFSET_MAS) * distance
    edges = [1.0, 2.25, 2.5, 3.0, 3.5, 4.0, 8.0]
    near = distance < 15
    shares = [np.median(ratio[near & (colour > low) & (colour < high)]) for low, high in pairwise(edges)]
    assert shares[0] == pytest.approx(1.0, abs=0.03)
    assert 0.85 < shares[1] < 0.97
    assert all(np.diff(shares) < 0)
    assert shares[3] < 0.82
    assert shares[5] < 0.5


def _galactic_cepheids(made):
    stars = read_columns(made["folder"] / "catalogue_cepheids.parquet")
    columns = dict(stars) | {"pulsation_mode": np.asarray(stars["pulsation_mode"], object)}
    distance, error, _, _ = period_wesenheit_distance(columns, 8.178)
    is_galactic = ~((stars["dec"] < -60) & (stars["ra"] < 110))
    colour = stars["phot_bp_mean_mag"] - stars["phot_rp_mean_mag"]
    stars = {name: np.asarray(values)[is_galactic] for name, values in stars.items()}
    return stars, distance[is_galactic], error[is_galactic], colour[is_galactic]


def test_cepheids_of_the_large_cloud_are_where_eclipsing_binaries_are(made):
    """49.6 kpc (Pietrzynski et al. 2019); with [Fe/H] = -0.41 (Romaniello et al. 2022). Gaia sees only the bright ones."""
    stars = read_columns(made["folder"] / "catalogue_cepheids.parquet")
    is_large = (stars["dec"] < -60) & (stars["ra"] > 60) & (stars["ra"] < 110)
    columns = {name: np.asarray(values)[is_large] for name, values in stars.items()}
    columns |= {"feh_dex": np.full(is_large.sum(), -0.41), "pulsation_mode": columns["pulsation_mode"].astype(object)}
    assert is_large.sum() == 247
    assert np.median(period_wesenheit_distance(columns, 8.178)[0]) == pytest.approx(49.6, rel=0.06)


def test_masers_have_the_positions_and_velocities_of_their_file(made):
    """The file's own Cartesian columns, by the same distances: 0.02 kpc and 1.5 km/s; uncorrected LSR velocities miss by 5."""
    raw = _raw_masers(made["raw"])
    stars = read_columns(made["folder"] / "catalogue_masers.parquet")
    good = raw["e_plx"] < 0.1 * raw["plx"]
    seen = {name: np.asarray(stars[name], float) for name in ("ra", "dec", "pmra", "pmdec", "radial_velocity")}
    l_deg, b_deg = galactic_angles(seen["ra"], seen["dec"])
    np.testing.assert_allclose(b_deg, raw["glat"], rtol=0, atol=1e-5)
    np.testing.assert_allclose((l_deg - raw["glong"] + 180) % 360 - 180, 0, rtol=0, atol=1e-5)
    scatter = {}
    for frame in ("barycentric", "radio LSR"):
        velocity = _maser_velocities(seen, raw["dist_mode"], frame)
        own = np.stack([-raw["vy_mode"], raw["vx_mode"], raw["vz_mode"]])
        scatter[frame] = np.median(np.abs(velocity - own)[:, good], axis=1)
    assert scatter["barycentric"].max() < 1.0
    assert scatter["radio LSR"].max() > 5.0


def _raw_masers(folder):
    names = ["plx", "e_plx", "glong", "glat", "dist_mode", "vx_mode", "vy_mode", "vz_mode"]
    table = pl.read_csv(folder / "masers_parallax.csv", infer_schema_length=None)
    return {name: table[name].to_numpy() for name in names}


def _maser_velocities(seen, distance_kpc, frame):
    """Galactocentric (v_X, v_Y, v_Z), shape (3, n), with the file's Sun."""
    v = radio_lsr_velocity(seen)["radial_velocity"] if frame == "barycentric" else seen["radial_velocity"]
    sun = Sun(FILE_R0_KPC, 0.0055, FILE_V_SUN_KMS, "the file's own columns")
    made = convert(seen["ra"], seen["dec"], distance_kpc, seen["pmra"], seen["pmdec"], v, sun)
    v_X, v_Y = cartesian_velocity(made["phi_deg"], made["v_R_kms"], made["v_phi_kms"])
    return np.stack([v_X, v_Y, made["v_Z_kms"]])


@pytest.mark.parametrize("name", ["cepheids", "masers", "young_clusters", "hunt2023"])
def test_all_tracers_rotate_alike_and_drift_little(made, name):
    _, space, cells, _ = made[name]
    near = (space["R_kpc"] > 6) & (space["R_kpc"] < 11)
    assert np.nanmedian(space["v_phi_kms"][near]) == pytest.approx(229.5, abs=5.0)
    assert abs(np.nanmedian(space["v_R_kms"][near])) < 6.0
    assert abs(np.nanmedian(space["v_Z_kms"][near])) < 2.5
    inner, outer = ((space["R_kpc"] > low) & (space["R_kpc"] < low + 2.5) for low in (6.0, 8.5))
    slope = np.nanmedian(space["v_phi_kms"][outer]) - np.nanmedian(space["v_phi_kms"][inner])
    assert abs(slope) < 13.0  # over 2.5 kpc: the curve is flat
    assert (cells["n_stars"] >= 3).sum() >= 15


def test_cepheids_and_clusters_move_alike_cell_by_cell(made):
    """Two independent tracers, distances by two methods: their mean v_R agree in the cells that both fill."""
    maps = [{cell: v for cell, v, n in zip(*(made[name][2][c] for c in ("cell", "v_R_ml_mean_kms", "n_stars")), strict=True) if n >= 4}
            for name in ("cepheids", "hunt2023")]  # fmt: skip
    both = sorted(set(maps[0]) & set(maps[1]))
    cepheids, clusters = (np.array([values[cell] for cell in both]) for values in maps)
    assert len(both) > 30
    assert np.corrcoef(cepheids, clusters)[0, 1] > 0.3
