"""The real open clusters, from the files of the catalogues to the checks; skipped where the files are not at hand."""

import json
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Galactocentric, SkyCoord
from harness import environment, read_json

from discatlas.tables import read_columns
from places import ROOT


@pytest.fixture(scope="module")
def results(tmp_path_factory, real_data):
    folder = tmp_path_factory.mktemp("clusters")
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "-d", folder, "--cores", "2"]
    command += ["--configfile", ROOT / "config/clusters.yaml", "--config", f"data_folder={real_data}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "results"


def test_every_check_passes(results):
    checks = json.loads((results / "checks/atlas.json").read_text(encoding="utf-8"))
    assert {check["name"] for check in checks} == {"hunt2023_count", "hunt2023_rotation", "hunt2023_rotation_near_sun"}


def test_cut_flow_has_the_published_counts(results):
    flow = read_columns(results / "samples/cut_flow_hunt2023_young.parquet")
    assert dict(zip(flow["name"], flow["n_after"], strict=True))["catalogue"] == 6806
    assert dict(zip(flow["name"], flow["n_after"], strict=True))["6-D phase space"] == 5469
    assert read_columns(results / "samples/cut_flow_dias2021.parquet")["n_after"].tolist() == [1741] * 4


def test_phase_space_is_that_of_astropy(results):
    clusters = read_columns(results / "samples/hunt2023.parquet")
    ours = read_columns(results / "phase_space/hunt2023.parquet")
    frame = Galactocentric(
        galcen_coord=SkyCoord(266.4051 * u.deg, -28.936175 * u.deg), galcen_distance=8.178 * u.kpc, z_sun=20.8 * u.pc,
        galcen_v_sun=[11.1, 245.6, 7.8] * u.km / u.s, roll=0 * u.deg,
    )  # fmt: skip
    theirs = SkyCoord(
        clusters["ra"] * u.deg, clusters["dec"] * u.deg, clusters["distance_kpc"] * u.kpc,
        pm_ra_cosdec=clusters["pmra"] * u.mas / u.yr, pm_dec=clusters["pmdec"] * u.mas / u.yr,
        radial_velocity=clusters["radial_velocity"] * u.km / u.s,
    ).transform_to(frame)  # fmt: skip
    X, Y, vX, vY = theirs.x.to_value("kpc"), theirs.y.to_value("kpc"), theirs.v_x.value, theirs.v_y.value
    assert np.allclose(ours["R_kpc"], np.hypot(X, Y), rtol=0, atol=1e-9 * 8)
    assert np.allclose(ours["v_phi_kms"], (vX * Y - vY * X) / np.hypot(X, Y), rtol=0, atol=1e-9 * 240)
    assert abs(np.median(ours["v_phi_kms"]) - 230) < 2


def test_oort_constants_are_the_known_ones_by_every_route(results):
    """A = 15.6 +- 1, B = -12.5 +- 1 from proper motions at 0.3 to 2 kpc; the field of the clusters agrees."""
    fits = results / "fits/hunt2023"
    routes = {route["route"]: route for route in read_json(fits / "rotation_curve_clusters.json")["routes"]}
    assert routes["proper motions"]["selection"]["distance_limits_kpc"] == [0.3, 2.0]
    assert len(routes) == 4
    for name, route in routes.items():
        assert abs(route["A_kms_kpc"] - 15.6) < (1.0 if name == "proper motions" else 1.5), name
        assert abs(route["B_kms_kpc"] + 12.5) < 1.0, name
    field = read_columns(fits / "velocity_field_clusters.parquet")
    assert (field["quality"] == "good").sum() > 500
    assert len(list((results / "figures/hunt2023").glob("velocity_field_clusters-*.png"))) == 9
    assert (results / "figures/hunt2023/rotation_curve_clusters.pdf").exists()


def test_metallicity_falls_outwards_as_published(results):
    """Unweighted slope of the same 1,741 clusters: -0.068 +- 0.002 dex/kpc."""
    clusters = read_columns(results / "phase_space/dias2021.parquet")
    assert clusters["R_kpc"].size == 1741
    slope = np.polyfit(clusters["R_kpc"], clusters["feh_dex"], 1)[0]
    assert abs(slope + 0.068) < 3 * 0.002
