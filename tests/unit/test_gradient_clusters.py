"""Open clusters: distances solved from a published radius, and the gradients of two published catalogues."""

import numpy as np
import polars as pl
import pytest
from source_files import open_catalogue
from test_gradient_scripts import fit

from discatlas import phase_space
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun, galactic_angles
from discatlas.galactocentric import distance_of_radius, radius_distance
from discatlas.tables import read_columns

R0 = (
    8.34  # of the radii of Otto et al., as of Cantat-Gaudin et al. (2020): the distances of near clusters agree with it
)
DIAS = {
    "name": "Cluster", "ra": {"column": "RA_ICRS", "unit": "deg"}, "dec": {"column": "DE_ICRS", "unit": "deg"},
    "catalogue_distance_kpc": {"column": "Dist", "unit": "pc"},
    "catalogue_distance_error_kpc": {"column": "e_Dist", "unit": "pc"},
    "feh_dex": {"column": "[Fe/H]", "unit": "dex"}, "feh_error_dex": {"column": "e_[Fe/H]", "unit": "dex"},
}  # fmt: skip
OTTO = {
    "name": "Cluster", "ra": {"column": "RAdeg", "unit": "deg"}, "dec": {"column": "DEdeg", "unit": "deg"},
    "galactocentric_radius_kpc": {"column": "Rgc", "unit": "kpc", "dtype": "float64", "description": "R"},
    "feh_dex": {"column": "[FeH]", "unit": "dex"}, "feh_error_dex": {"column": "e_[FeH]", "unit": "dex"},
}  # fmt: skip


def read(path, columns):
    catalogue = open_catalogue(path, "csv", columns)
    batches = list(catalogue.batches)
    return {name: np.ma.concatenate([batch[name] for batch in batches]) for name in catalogue.names}


def as_phase_space(path, clusters, R0_kpc):
    """Write what a gradient needs of clusters with distances: R, Z and their errors, as rule convert_phase_space does."""
    plain = {name: np.ma.filled(clusters[name].astype(float), np.nan) for name in clusters if name != "name"}
    distance, error = plain["distance_kpc"], plain["distance_error_kpc"]
    plain |= {"distance_lo_kpc": distance - error, "distance_hi_kpc": distance + error}
    made = phase_space.propagate(plain, Sun(R0_kpc, 0.0208, (11.1, 245.6, 7.8), "test"), "catalogue", False)
    columns = {name: made[name] for name in ("R_kpc", "R_error_kpc", "Z_kpc", "Z_error_kpc")}
    columns |= {name: plain[name] for name in ("feh_dex", "feh_error_dex")}
    pl.DataFrame({"source_id": np.arange(distance.size), **columns}).write_parquet(path)
    return made


def slope_of(folder, stars, **changes):
    settings = {"edges_kpc": [0.0, 20.0], "min_stars": 100, "models": ["linear", "broken"], "max_steps": 20_000}
    return read_columns(fit(folder, stars, **(settings | changes))["gradient"])


def test_dias_2021_has_the_gradient_that_is_known(real_data, tmp_path):
    clusters = read(real_data / "dias2021_open_clusters.csv", DIAS)
    clusters["distance_kpc"] = clusters.pop("catalogue_distance_kpc")
    clusters["distance_error_kpc"] = clusters.pop("catalogue_distance_error_kpc")
    as_phase_space(tmp_path / "dias.parquet", clusters, 8.178)
    with pytest.raises(DiscatlasError, match="R_error_kpc of 12 of 1,741 stars is not above zero"):  # e_Dist of 0 pc
        slope_of(tmp_path / "zero", tmp_path / "dias.parquet")
    for likelihood in ("hogg2010", "kelly2007"):
        changes = {"likelihood": likelihood, "selection": "R_error_kpc > 0"}
        table = slope_of(tmp_path / likelihood, tmp_path / "dias.parquet", **changes)
        assert table["n_stars"][0] > 1500
        assert table["converged"].all()
        assert table["slope_dex_per_kpc"][0] == pytest.approx(-0.068, abs=0.01)
        assert table["second_slope_dex_per_kpc"][0] == pytest.approx(-0.068, abs=0.01)
        assert table["slope_error_dex_per_kpc"][0] < 0.004


def test_otto_2026_has_the_gradient_that_is_known(real_data, tmp_path):
    clusters = read(real_data / "otto2026_open_clusters.csv", OTTO)
    plain = {name: clusters[name].filled(np.nan) for name in ("ra", "dec", "galactocentric_radius_kpc")}
    R, (distance, error, _, _) = plain["galactocentric_radius_kpc"], radius_distance(plain, R0)
    clusters.pop("galactocentric_radius_kpc")
    clusters |= {"distance_kpc": distance, "distance_error_kpc": error}
    made = as_phase_space(tmp_path / "otto.parquet", {k: np.ma.asarray(v) for k, v in clusters.items()}, R0)
    known = np.isfinite(distance)
    assert known.sum() >= 156
    off = np.abs(made["R_kpc"] - R)[known]
    assert np.quantile(off, 0.95) < 0.01  # the radii come out again
    table = slope_of(tmp_path / "all", tmp_path / "otto.parquet", likelihood="hogg2010")
    assert table["slope_dex_per_kpc"][0] == pytest.approx(-0.068, abs=0.01)
    inner = slope_of(tmp_path / "inner", tmp_path / "otto.parquet", likelihood="hogg2010", selection="R_kpc < 14")
    assert inner["slope_dex_per_kpc"][0] == pytest.approx(-0.068, abs=0.01)
    assert inner["slope_error_dex_per_kpc"][0] == pytest.approx(0.0044, abs=0.001)
    assert table["slope_dex_per_kpc"][1] < table["outer_slope_dex_per_kpc"][1]  # flatter far out


def test_solved_distances_are_near_those_of_another_catalogue(real_data):
    clusters = read(real_data / "otto2026_open_clusters.csv", OTTO)
    dias = read(real_data / "dias2021_open_clusters.csv", DIAS)
    theirs = dict(zip(dias["name"], dias["catalogue_distance_kpc"], strict=True))
    l_deg, b_deg = galactic_angles(clusters["ra"].filled(np.nan), clusters["dec"].filled(np.nan))
    R = clusters["galactocentric_radius_kpc"].filled(np.nan)
    distance, _ = distance_of_radius(R, 0.01 + 0 * R, l_deg, b_deg, R0)
    pairs = [(d, theirs[name]) for d, name in zip(distance, clusters["name"], strict=True) if name in theirs]
    ours, other = np.array(pairs, float).T
    both = np.isfinite(ours) & np.isfinite(other)
    assert both.sum() > 120
    assert np.median(np.abs(ours - other)[both] / other[both]) < 0.12


@pytest.mark.parametrize("inside", [False, True])
def test_distances_come_back_from_radii(inside):
    rng = np.random.default_rng(1)
    n = 2000
    l_deg, b_deg = rng.uniform(0, 360, n), rng.uniform(-20, 20, n)
    rho = rng.uniform(0.2, 1.0, n) * np.where(inside, 0.98 * R0 * np.cos(np.deg2rad(l_deg)), 6.0)
    R = np.sqrt(R0**2 + rho**2 - 2 * R0 * rho * np.cos(np.deg2rad(l_deg)))
    use = (rho > 0.05) if inside else (R > R0)
    distance, error = distance_of_radius(R[use], np.full(use.sum(), 1e-5), l_deg[use], b_deg[use], R0)
    np.testing.assert_allclose(distance, rho[use] / np.cos(np.deg2rad(b_deg[use])), rtol=1e-6)
    moved, _ = distance_of_radius(R[use] + 1e-5, np.full(use.sum(), 1e-5), l_deg[use], b_deg[use], R0)
    far = error < 1e-3
    np.testing.assert_allclose(np.abs(moved - distance)[far], error[far], rtol=0.05)


def test_a_radius_within_the_tangent_points_gives_the_tangent_point():
    distance, error = distance_of_radius(
        np.array([7.0, 8.0]), np.array([0.1, 0.1]), np.array([60.0, 120.0]), np.zeros(2), R0
    )
    assert distance[0] == pytest.approx(R0 / 2)
    assert error[0] == pytest.approx(np.sqrt(2 * 7.0 * 0.1))
    assert np.isnan(distance[1])  # behind the Sun
