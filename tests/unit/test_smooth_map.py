"""Script smooth_map: a table of stars becomes a smoothed map with its correlations, from which its means can be rebuilt."""

import numpy as np
import pytest

import smooth_map
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.maps.smoothing import correlation_matrix, covariance_factor
from discatlas.maps.stars import read_selected
from discatlas.maps.windows import Windows, is_usable, member_weights, window_average, window_members
from discatlas.tables import TableWriter, column_names, read_columns, read_provenance

QUANTITIES = ["v_R_kms", "v_phi_kms"]
SETTINGS = {
    "sample": "mock",
    "smoothed": "response",
    "quantities": QUANTITIES,
    "limits_kpc": [[-10.0, -7.0], [-1.5, 1.5]],
    "spacing_kpc": 0.25,
    "window_kpc": 0.625,
    "selection": "abs(Z_kpc) < 0.5",
    "min_stars": 8,
    "n_bootstraps": 200,
    "seed": 1,
    "threads": 2,
}


def mean_v_R(X):
    return 10.0 * (X + 8.5)


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    rng, n = np.random.default_rng(41), 4000
    X, Y, Z = rng.uniform(-10.5, -6.5, n), rng.uniform(-2, 2, n), rng.normal(0, 0.3, n)
    error = 5 * np.exp(0.6 * rng.normal(size=n))
    v_R = rng.normal(mean_v_R(X), np.hypot(20, error))
    v_R[np.abs(Z) > 0.5] += 1000.0
    v_R[::50], error[1::50] = np.nan, np.nan
    R, phi = cylindrical_position(X, Y)
    table = {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
    table |= {"v_R_kms": v_R, "v_R_error_kms": error, "v_phi_kms": rng.normal(220, 15, n)}
    table |= {"v_phi_error_kms": np.full(n, 2.0), "v_Z_kms": Z, "v_Z_error_kms": np.where(Z > 0, 1.0, 0.0)}
    path = tmp_path_factory.mktemp("stars") / "stars.parquet"
    with TableWriter(path, load_contract("phase_space"), list(table), {"sample": "mock"}) as writer:
        writer.write(table)
    return path


def smooth_stars(stars, folder, **changes):
    paths = folder / "map.parquet", folder / "pairs.parquet"
    smooth_map.run(stars=stars, cells=paths[0], covariance_table=paths[1], **(SETTINGS | changes))
    assert sorted(file.name for file in folder.iterdir()) == ["map.parquet", "pairs.parquet"]
    return paths


@pytest.fixture(scope="module")
def smoothed(stars, tmp_path_factory):
    return smooth_stars(stars, tmp_path_factory.mktemp("smoothed"))


def test_tables_keep_their_contracts_and_provenance(stars, smoothed):
    cells, pairs = smoothed
    assert column_names(cells) == load_contract("map_smoothed").expand(q=QUANTITIES).names
    assert {"v_R_kms", "v_R_error_kms", "v_R_ml_kms", "sigma_v_R_kms", "v_R_plain_kms", "v_R_plain_n"} < set(
        column_names(cells)
    )
    assert column_names(pairs) == ["cell_a", "cell_b", "correlation_v_R", "correlation_v_phi"]
    provenance, table = read_provenance(cells), read_columns(stars)
    assert Windows(**provenance["windows"]).n_windows == 144
    assert provenance["n_stars"] == {"read": 4000, "selected": int((np.abs(table["Z_kpc"]) < 0.5).sum())}
    assert provenance["n_bootstraps"] == read_provenance(pairs)["n_bootstraps"] == 200
    assert provenance["phase_space"]["sample"] == "mock"


def test_the_field_comes_back_with_errors_that_hold(smoothed):
    cells = read_columns(smoothed[0])
    every, diagonal = np.arange(cells["cell"].size), cells["v_R_error_kms"]
    residual = cells["v_R_kms"] - mean_v_R(cells["X_mean_kpc"])
    a, b, rho = (read_columns(smoothed[1])[name] for name in ("cell_a", "cell_b", "correlation_v_R"))
    np.testing.assert_array_equal(cells["cell"], every)
    matrix = correlation_matrix(cells["cell"], a, b, rho)
    chi_square = np.sum(np.linalg.solve(covariance_factor(matrix, diagonal, 200), residual) ** 2)
    assert chi_square == pytest.approx(every.size, abs=4 * np.sqrt(2 * every.size))
    # the mean residual, of windows that share most of their stars, is not that of 144 independent ones
    covariance = matrix * np.outer(diagonal, diagonal)
    assert abs(residual.mean()) < 4 * np.sqrt(covariance.sum()) / every.size
    assert covariance.sum() > 3 * np.sum(diagonal**2)
    assert np.median(cells["sigma_v_R_kms"]) == pytest.approx(np.hypot(20, 10 * 0.625 / np.sqrt(12)), rel=0.05)


def test_means_can_be_rebuilt_from_the_stars_of_the_windows(stars, smoothed):
    """What a fit does with its model: the same stars, windows of the provenance, weights 1/(V + e^2)."""
    cells, provenance = read_columns(smoothed[0]), read_provenance(smoothed[0])
    windows = Windows(**provenance["windows"])
    columns, _ = read_selected(stars, ["X_kpc", "Y_kpc", "v_R_kms", "v_R_error_kms"], provenance["selection"])
    usable = is_usable(columns["v_R_kms"], columns["v_R_error_kms"])
    X, Y, v, e = (values[usable] for values in columns.values())
    members = window_members(X, Y, windows)
    weights = member_weights(e, cells["sigma_v_R_kms"] ** 2, *members)
    np.testing.assert_allclose(window_average(v, weights, *members), cells["v_R_ml_kms"], atol=1e-5)
    np.testing.assert_array_equal(np.diff(members[0]), cells["v_R_n_stars"])
    assert (cells["v_R_n_stars"] < cells["n_stars"]).any()


def test_plain_means_are_those_of_the_cells(stars, smoothed):
    cells, table = read_columns(smoothed[0]), read_columns(stars)
    kept = (np.abs(table["Z_kpc"]) < 0.5) & np.isfinite(table["v_R_kms"])
    for k in range(0, cells["cell"].size, 11):
        inside = kept & (np.abs(table["X_kpc"] - cells["X_kpc"][k]) < 0.125)
        inside &= np.abs(table["Y_kpc"] - cells["Y_kpc"][k]) < 0.125
        assert cells["v_R_plain_n"][k] == inside.sum()
        assert cells["v_R_plain_kms"][k] == pytest.approx(table["v_R_kms"][inside].mean(), abs=1e-9)


def test_same_bytes_on_any_number_of_threads(stars, smoothed, tmp_path):
    for path, again in zip(smoothed, smooth_stars(stars, tmp_path, threads=1), strict=True):
        assert path.read_bytes() == again.read_bytes()


def test_a_quantity_has_the_same_numbers_alone(stars, smoothed, tmp_path):
    alone = read_columns(smooth_stars(stars, tmp_path, quantities=["v_phi_kms"])[0])
    np.testing.assert_array_equal(alone["v_phi_kms"], read_columns(smoothed[0])["v_phi_kms"])


def test_windows_with_few_stars_are_empty_and_without_stars_not_there(stars, tmp_path):
    changes = {"limits_kpc": [[-12.0, -9.0], [-1.5, 1.5]], "min_stars": 60, "quantities": ["v_R_kms"]}
    cells, pairs = (read_columns(path) for path in smooth_stars(stars, tmp_path, **changes))
    assert 0 < cells["cell"].size < 144
    few = cells["v_R_n_stars"] < 60
    assert 0 < few.sum() < few.size
    for name in ("v_R_kms", "v_R_error_kms", "v_R_ml_kms", "sigma_v_R_kms"):
        np.testing.assert_array_equal(np.isnan(cells[name]), few)
    assert np.isin(pairs["cell_a"], cells["cell"][~few]).all()
    assert (pairs["cell_a"] < pairs["cell_b"]).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "Z_kpc > 90"}, r"stars.parquet: selection 'Z_kpc > 90' keeps none of 4,000 stars"),
        ({"selection": "Z_kp > 90"}, "nearest: 'Z_kpc'"),
        ({"quantities": ["v_r_kms"]}, "nearest: 'v_R_kms'"),
        ({"quantities": ["v_Z_kms"]}, "v_Z_kms.*errors are not positive .first: 0 in row"),
        ({"quantities": ["Z_kpc"]}, "no column 'Z_error_kpc'"),
        ({"min_stars": 500}, "stars.parquet: v_R_kms: no window reaches min_stars = 500 stars, the fullest has"),
        ({"limits_kpc": [[10.0, 14.0], [-2.0, 2.0]]}, "the fullest has 0; widen the limits"),
        ({"window_kpc": 0.1}, "narrower than spacing_kpc"),
        ({"spacing_kpc": 0.4}, "whole number"),
    ],
)
def test_failures_leave_no_file(stars, tmp_path, changes, words):
    paths = {"cells": tmp_path / "map.parquet", "covariance_table": tmp_path / "pairs.parquet"}
    with pytest.raises(DiscatlasError, match=words):
        smooth_map.run(stars=stars, **paths, **(SETTINGS | changes))
    assert not list(tmp_path.iterdir())
