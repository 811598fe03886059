"""Residual of a map from the gradient of its own stars: exact for stars on their lines, errors that hold, and the script."""

import numpy as np
import polars as pl
import pytest

import predict_metallicity_residual
from discatlas.azimuthal.residuals import GradientBins, cell_residuals
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

SLOPES, LEVELS = np.array([-0.07, -0.04, -0.02]), np.array([0.5, 0.2, 0.0])
EDGES = np.array([0.0, 0.2, 0.4, 0.6])
FITS = GradientBins(EDGES[:-1], EDGES[1:], SLOPES, np.full(3, 0.002), LEVELS, np.full(3, 0.003))


def stream(*names):
    return stream_generator(20260101, "test_metallicity_residual", *names)


def test_stars_on_the_lines_leave_nothing_and_a_shift_comes_out():
    rng = stream("exact")
    R, Z, cell = rng.uniform(6, 11, 4000), rng.uniform(0, 0.6, 4000), rng.integers(0, 20, 4000)
    fit = FITS.bin_of(Z)
    constant = np.round(R)  # one R and one bin in a cell: then the median is the model
    cell = (constant * 3 + fit).astype(np.int64)
    values = SLOPES[fit] * constant + LEVELS[fit] + 0.05 * (cell == cell[0])
    found = cell_residuals(cell, values, fit, constant, FITS, 5)
    expected = np.where(found.cell == cell[0], 0.05, 0.0)
    np.testing.assert_allclose(found.residual, expected, atol=1e-12)
    assert found.n_stars.sum() == 4000


def test_model_is_the_mean_of_the_lines_over_the_stars_of_the_cell():
    rng = stream("mean")
    R, Z, cell = rng.uniform(6, 11, 500), rng.uniform(0, 0.6, 500), rng.integers(0, 7, 500)
    fit = FITS.bin_of(Z)
    found = cell_residuals(cell, R, fit, R, FITS, 1)
    for k in range(7):
        inside = cell == k
        assert found.model[k] == pytest.approx(np.mean(SLOPES[fit[inside]] * R[inside] + LEVELS[fit[inside]]))
        assert found.median[k] == pytest.approx(np.median(R[inside]))


def test_bins_hold_their_lower_edge_and_gaps_hold_nothing():
    fits = GradientBins(np.array([0.4, 0.0]), np.array([0.6, 0.2]), *(np.zeros(2) for _ in range(4)))
    assert fits.bin_of(np.array([0.0, 0.1999, 0.2, 0.4, 0.6, -0.1])).tolist() == [1, 1, -1, 0, -1, -1]


def test_errors_of_the_residual_hold():
    """Lines drawn from their errors, stars from the true lines: pulls of one cell are unit normals."""
    pulls = []
    for k in range(600):
        rng = stream("errors", str(k))
        R, Z = rng.uniform(6, 11, 600), rng.uniform(0, 0.6, 600)
        fit = FITS.bin_of(Z)
        values = SLOPES[fit] * R + LEVELS[fit] + 0.1 * rng.standard_normal(600)
        middle = np.array([R[fit == b].mean() for b in range(3)])
        slope = SLOPES + 0.01 * rng.standard_normal(3)
        level = LEVELS + SLOPES * middle + 0.02 * rng.standard_normal(3)
        drawn = GradientBins(EDGES[:-1], EDGES[1:], slope, np.full(3, 0.01), level - slope * middle, np.full(3, 0.02))
        cell = (R > 10.5).astype(np.int64)
        # the spread of the lines within a cell is not scatter of the median: stars of one R and line
        flat = values - (SLOPES[fit] * R + LEVELS[fit])
        found = cell_residuals(cell, flat + SLOPES[0] * 10.75 + LEVELS[0], fit, R, drawn, 5)
        truth = SLOPES[0] * 10.75 + LEVELS[0] - np.mean((SLOPES[fit] * R + LEVELS[fit])[cell == 1])
        pulls.append((found.residual[1] - truth) / found.residual_error[1])
    assert np.std(pulls) == pytest.approx(1.0, abs=3.5 / np.sqrt(1200))
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(600)


def gradient_table(path, status="fitted"):
    contract = load_contract("metallicity_gradient")
    data = {"bin": np.arange(3), "bin_low_kpc": EDGES[:-1], "bin_high_kpc": EDGES[1:], "n_stars": np.full(3, 1000)}
    data |= {"status": np.full(3, status, object), "model": np.full(3, "linear", object), "best": np.full(3, True)}
    data |= {"slope_dex_per_kpc": SLOPES, "slope_error_dex_per_kpc": np.full(3, 0.002), "intercept_dex": LEVELS}
    data |= {"scatter_dex": np.full(3, 0.1)}
    for column in contract.columns:
        data.setdefault(column.name, np.full(3, np.nan))
    write_table(path, contract, data, {"test": True})


@pytest.fixture
def files(tmp_path):
    """Phase space, map and gradient as the rules write them, as far as the script reads them."""
    rng = stream("files")
    n = 3000
    X, Y, Z = rng.uniform(-10, -6, n), rng.uniform(-2, 2, n), rng.uniform(-0.7, 0.7, n)
    R = np.hypot(X, Y)
    bins = np.minimum((np.abs(Z) / 0.2).astype(int), 2)
    feh = SLOPES[bins] * R + LEVELS[bins] + 0.05 * rng.standard_normal(n)
    feh[:50] = np.nan
    stars = {"source_id": 2**60 + np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "feh_dex": feh}
    pl.DataFrame(stars).with_columns(pl.col("feh_dex").fill_nan(None)).write_parquet(tmp_path / "stars.parquet")
    disc = {"source_id": stars["source_id"], "in_disc": rng.random(n) < 0.9}
    pl.DataFrame(disc).write_parquet(tmp_path / "membership.parquet")
    spec = {
        "axes": ["X_kpc", "Y_kpc"],
        "cell_shape": "hexagon",
        "cell_size": [0.6, 0.6],
        "limits": [[-10.0, -6.0], [-2.0, 2.0]],
    }
    contract = load_contract("map").expand(a=spec["axes"], q=[])
    row = {name: np.zeros(1) for name in ("X_centre_kpc", "X_mean_kpc", "Y_centre_kpc", "Y_mean_kpc")}
    row |= {"cell": np.zeros(1, int), "n_stars": np.ones(1, int)}
    write_table(tmp_path / "map.parquet", contract, row, {"grid": spec, "selection": "abs(Z_kpc) < 0.5"})
    gradient_table(tmp_path / "gradient.parquet")
    return {
        "stars": tmp_path / "stars.parquet",
        "cells": tmp_path / "map.parquet",
        "gradient": tmp_path / "gradient.parquet",
        "membership": tmp_path / "membership.parquet",
        "residual": tmp_path / "residual.parquet",
    }


def run(files, **changes):
    settings = {"quantity": "feh_dex", "x": "R_kpc", "bin_by": "abs_Z_kpc", "min_stars": 6, "threads": 1}
    predict_metallicity_residual.run(**files, **settings | changes)
    return read_columns(files["residual"]), read_provenance(files["residual"])


def test_script_writes_residuals_of_the_stars_of_the_map(files):
    table, about = run(files)
    stars = pl.read_parquet(files["stars"])
    disc = pl.read_parquet(files["membership"])["in_disc"]
    used = stars.filter(disc & (pl.col("Z_kpc").abs() < 0.5) & pl.col("feh_dex").is_not_null())
    assert about["n_stars"]["with_values"] == used.height
    assert about["n_stars"]["with_fit"] == table["n_stars"].sum()
    grid = Grid(("X_kpc", "Y_kpc"), "hexagon", (0.6, 0.6), ((-10.0, -6.0), (-2.0, 2.0)))
    cell = grid.cell_of(used["X_kpc"].to_numpy(), used["Y_kpc"].to_numpy())
    k = int(np.argmax(table["n_stars"]))
    here = used.filter(pl.Series(cell == table["cell"][k]))
    assert here.height == table["n_stars"][k]
    assert table["feh_median_dex"][k] == pytest.approx(here["feh_dex"].median())
    np.testing.assert_allclose(
        np.stack([table["X_centre_kpc"], table["Y_centre_kpc"]], axis=1), grid.centres(table["cell"])
    )
    known = table["n_stars"] >= 6
    assert np.isnan(table["feh_residual_dex"][~known]).all()
    pull = (table["feh_residual_dex"] / table["feh_residual_error_dex"])[known]
    assert 0.7 < np.std(pull) < 1.4


def test_script_without_memberships_takes_all_and_says_what_is_wrong(files, tmp_path):
    _, about = run(files | {"membership": None})
    assert about["n_stars"]["in_disc"] == about["n_stars"]["selected"]
    gradient_table(tmp_path / "gradient.parquet", status="too_few_stars")
    with pytest.raises(DiscatlasError, match="no bin has a linear fit"):
        run(files)
    gradient_table(tmp_path / "gradient.parquet")
    pl.read_parquet(files["membership"]).reverse().write_parquet(tmp_path / "membership.parquet")
    with pytest.raises(DiscatlasError, match="its stars are not those of"):
        run(files)
    with pytest.raises(DiscatlasError, match=r"no column 'feh_dx' .nearest: 'feh_dex'."):
        run(files | {"membership": None}, quantity="feh_dx")
