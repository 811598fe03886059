"""Streaming maps: the same numbers as cell by cell, to the bit whatever the batches, tiles and threads."""

import numba
import numpy as np
import pytest

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.maps.likelihood import estimate
from discatlas.maps.partition import bin_stream, divide_tiles

GRID = Grid(("X_kpc", "Y_kpc"), "square", (0.5, 0.5), ((-10.0, -6.0), (-2.0, 2.0)))
ERRORS = {"v_R_kms": "v_R_error_kms", "v_phi_kms": "v_phi_error_kms"}


@pytest.fixture(scope="module")
def stars():
    """Stars piled up around the Sun; some without velocity, some without error, some outside the grid."""
    rng, n = np.random.default_rng(31), 6000
    table = {"X_kpc": rng.normal(-8.2, 0.8, n), "Y_kpc": rng.normal(0, 0.8, n)}
    for name, column in ERRORS.items():
        table[column] = 3 * np.exp(rng.normal(size=n))
        table[name] = rng.normal(200 if "phi" in name else 0, np.hypot(30, table[column]))
    table["v_R_kms"][rng.random(n) < 0.1] = np.nan
    table["v_phi_error_kms"][rng.random(n) < 0.05] = np.nan
    table["X_kpc"][::500] = np.nan
    return table


def bin_table(table, tmp_path, rows=700, max_rows=100_000, **changes):
    def batches(columns):
        for start in range(0, len(table["X_kpc"]), rows):
            yield {name: table[name][start : start + rows] for name in columns}

    arguments = {
        "grid": GRID,
        "quantities": list(ERRORS),
        "error_columns": ERRORS,
        "min_stars": 6,
        "estimator": "restricted",
    }
    return bin_stream(batches, scratch=tmp_path, max_rows=max_rows, **(arguments | changes))


def test_equals_a_loop_over_cells(stars, tmp_path):
    columns = bin_table(stars, tmp_path)
    cell_of = GRID.cell_of(stars["X_kpc"], stars["Y_kpc"])
    np.testing.assert_array_equal(columns["cell"], np.unique(cell_of[cell_of >= 0]))
    for row, cell in enumerate(columns["cell"]):
        inside = cell_of == cell
        assert columns["n_stars"][row] == inside.sum()
        np.testing.assert_allclose(columns["Y_mean_kpc"][row], stars["Y_kpc"][inside].mean(), rtol=1e-10, atol=1e-12)
        known = inside & np.isfinite(stars["v_phi_kms"]) & np.isfinite(stars["v_phi_error_kms"])
        v, e = stars["v_phi_kms"][known], stars["v_phi_error_kms"][known]
        assert columns["v_phi_n_stars"][row] == known.sum()
        if known.sum() < 6:
            assert np.isnan(columns["v_phi_median_kms"][row])
            assert np.isnan(columns["sigma_v_phi_hi_kms"][row])
            continue
        assert columns["v_phi_median_kms"][row] == np.median(v)
        np.testing.assert_allclose(columns["v_phi_mean_kms"][row], v.mean(), rtol=1e-13)
        np.testing.assert_allclose(columns["v_phi_mean_error_kms"][row], v.std(ddof=1) / np.sqrt(v.size), rtol=1e-12)
        alone = estimate(v, e)
        names = [
            "v_phi_ml_mean_kms",
            "v_phi_ml_mean_error_kms",
            "sigma_v_phi_kms",
            "sigma_v_phi_lo_kms",
            "sigma_v_phi_hi_kms",
        ]
        np.testing.assert_allclose([columns[name][row] for name in names], alone, rtol=1e-9)
    assert set(load_contract("map").expand(a=list(GRID.axes), q=list(ERRORS)).names) == set(columns)


@pytest.mark.parametrize(("rows", "max_rows"), [(6000, 100_000), (37, 100_000), (700, 900), (6000, 1), (59, 2500)])
def test_batches_and_tiles_do_not_change_a_bit(stars, tmp_path, rows, max_rows):
    reference = bin_table(stars, tmp_path)
    other = bin_table(stars, tmp_path, rows, max_rows)
    assert list(reference) == list(other)
    for name in reference:
        np.testing.assert_array_equal(reference[name], other[name], err_msg=name)
    assert not list(tmp_path.iterdir())


def test_threads_do_not_change_a_bit(stars, tmp_path):
    threads = numba.config.NUMBA_NUM_THREADS
    try:
        numba.set_num_threads(1)
        one = bin_table(stars, tmp_path)
    finally:
        numba.set_num_threads(threads)
    for name, values in bin_table(stars, tmp_path).items():
        np.testing.assert_array_equal(one[name], values, err_msg=name)


def test_one_tile_uses_no_disk(stars, tmp_path):
    columns = bin_table(stars, tmp_path / "nowhere")
    assert columns["n_stars"].sum() == np.sum(GRID.cell_of(stars["X_kpc"], stars["Y_kpc"]) >= 0)


def test_tiles_are_as_full_as_allowed():
    n_stars = np.array([3, 3, 4, 1, 50, 2, 2, 9])
    edges = divide_tiles(n_stars, 10)
    np.testing.assert_array_equal(edges, [0, 3, 4, 5, 7, 8])
    np.testing.assert_array_equal(divide_tiles(n_stars, 1000), [0, 8])


def test_without_error_columns_the_dispersion_is_the_standard_deviation(stars, tmp_path):
    columns = bin_table(stars, tmp_path, error_columns={})
    np.testing.assert_allclose(columns["sigma_v_R_kms"], columns["v_R_std_kms"], rtol=1e-12)
    np.testing.assert_allclose(columns["v_R_ml_mean_kms"], columns["v_R_mean_kms"], rtol=1e-9)


def test_counts_only_and_one_axis(stars, tmp_path):
    grid = Grid(("X_kpc",), "square", (1.0,), ((-10.0, -6.0),))
    columns = bin_table(stars, tmp_path, grid=grid, quantities=[], error_columns={})
    assert list(columns) == ["cell", "n_stars", "X_centre_kpc", "X_mean_kpc"]
    np.testing.assert_array_equal(columns["n_stars"], np.histogram(stars["X_kpc"], np.arange(-10, -5))[0])


def test_an_axis_may_also_be_a_quantity(stars, tmp_path):
    grid = Grid(("X_kpc", "v_R_kms"), "hexagon", (0.5, 20.0), ((-10.0, -6.0), (-100.0, 100.0)))
    columns = bin_table(stars, tmp_path, grid=grid, quantities=["v_R_kms"], error_columns={})
    np.testing.assert_array_equal(columns["n_stars"], columns["v_R_n_stars"])
    full = columns["n_stars"] >= 6
    np.testing.assert_allclose(columns["v_R_mean_kms"][full], columns["v_R_mean_kms"][full])
    assert np.all(np.abs(columns["v_R_median_kms"][full] - columns["v_R_centre_kms"][full]) < 20 / np.sqrt(3))


def test_failures_say_what_to_do(stars, tmp_path):
    with pytest.raises(DiscatlasError, match=r"min_stars = 9,000 stars: the fullest has [\d,]+; lower min_stars"):
        bin_table(stars, tmp_path, min_stars=9000)
    with pytest.raises(DiscatlasError, match="value of v_R_kms and its error: the fullest has 0"):
        bin_table(stars | {"v_R_kms": np.full(6000, np.nan)}, tmp_path)
    with pytest.raises(DiscatlasError, match="no star lies inside"):
        bin_table(stars | {"X_kpc": np.full(6000, 50.0)}, tmp_path)
    with pytest.raises(DiscatlasError, match="'v_phi_error_kms' holds negative errors"):
        bin_table(stars | {"v_phi_error_kms": -np.abs(stars["v_phi_error_kms"])}, tmp_path)
    with pytest.raises(DiscatlasError, match="unknown estimator 'median'"):
        bin_table(stars, tmp_path, estimator="median")
