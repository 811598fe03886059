"""Script bin_map: a map of a Parquet table keeps its contract and gives back the velocity field it was drawn from."""

import numpy as np
import pytest

import bin_map
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import TableWriter, column_names, read_columns, read_provenance

AXES = ["X_kpc", "Y_kpc"]
SETTINGS = {
    "axes": AXES,
    "cell_shape": "square",
    "cell_size": [0.5, 0.5],
    "limits": [[-10.0, -6.0], [-2.0, 2.0]],
    "selection": None,
    "quantities": ["v_R_kms"],
    "min_stars": 6,
    "estimator": "restricted",
    "threads": 2,
}
SIGMA = 15.0


def mean_v_R(X):
    return 10.0 * (X + 8.0)


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    rng, n = np.random.default_rng(41), 20_000
    X, Y, Z = rng.uniform(-10.5, -5.5, n), rng.uniform(-2.5, 2.5, n), rng.normal(0, 0.3, n)
    error = 8 * np.exp(0.6 * rng.normal(size=n))
    v_R = rng.normal(mean_v_R(X), np.hypot(SIGMA, error))
    v_R[Z > 0.5] += 1000.0
    v_R[::50] = np.nan
    table = {
        "source_id": np.arange(n),
        "X_kpc": X,
        "Y_kpc": Y,
        "Z_kpc": Z,
        "R_kpc": np.hypot(X, Y),
        "phi_deg": np.rad2deg(np.arctan2(Y, -X)),
    }
    table |= {"v_R_kms": v_R, "v_R_error_kms": error, "v_phi_kms": np.full(n, np.nan), "v_Z_kms": Z * 10}
    path = tmp_path_factory.mktemp("stars") / "stars.parquet"
    with TableWriter(path, load_contract("phase_space"), list(table), {"sample": "mock"}) as writer:
        writer.write(table)
    return path


def bin_cells(stars, folder, **changes):
    path = folder / "map.parquet"
    bin_map.run(stars=stars, cells=path, **(SETTINGS | changes))
    assert [file.name for file in folder.iterdir()] == ["map.parquet"]
    return read_columns(path)


def test_the_field_and_the_dispersion_come_back(stars, tmp_path):
    cells = bin_cells(stars, tmp_path, selection="abs(Z_kpc) < 0.5")
    pull = (cells["v_R_ml_mean_kms"] - mean_v_R(cells["X_mean_kpc"])) / cells["v_R_ml_mean_error_kms"]
    assert cells["cell"].size == 64
    assert abs(pull.mean()) < 4 / np.sqrt(64)
    assert pull.std() == pytest.approx(1.0, abs=0.35)
    # the slope of 10 km/s/kpc across a cell of 0.5 kpc adds to the dispersion
    assert cells["sigma_v_R_kms"].mean() == pytest.approx(np.hypot(SIGMA, 10 * 0.5 / np.sqrt(12)), rel=0.02)
    assert cells["v_R_std_kms"].mean() > 1.1 * cells["sigma_v_R_kms"].mean()
    assert np.all(cells["v_R_n_stars"] < cells["n_stars"])


def test_the_map_keeps_its_contract_and_its_provenance(stars, tmp_path):
    selection = "abs(Z_kpc) < 0.5 and is_known(v_R_kms)"
    cells = bin_cells(
        stars, tmp_path, selection=selection, cell_shape="hexagon", quantities=["v_R_kms", "v_Z_kms"], max_rows=5000
    )
    path = tmp_path / "map.parquet"
    assert column_names(path) == load_contract("map").expand(a=AXES, q=["v_R_kms", "v_Z_kms"]).names
    provenance = read_provenance(path)
    table = read_columns(stars)
    kept = (np.abs(table["Z_kpc"]) < 0.5) & np.isfinite(table["v_R_kms"])
    inside = kept & (table["X_kpc"] >= -10) & (table["X_kpc"] < -6) & (np.abs(table["Y_kpc"]) < 2)
    assert provenance["n_stars"] == {
        "read": 20_000,
        "selected": kept.sum(),
        "in_cells": inside.sum(),
        "outside": kept.sum() - inside.sum(),
    }
    assert cells["n_stars"].sum() == inside.sum()
    assert provenance["phase_space"]["sample"] == "mock"
    assert provenance["errors"] == {"v_R_kms": "v_R_error_kms", "v_Z_kms": "none"}
    assert provenance["selection"] == selection
    assert provenance["grid"]["cell_shape"] == "hexagon"


def test_same_bytes_for_any_tiles_and_threads(stars, tmp_path):
    paths = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    bin_map.run(stars=stars, cells=paths[0], **SETTINGS)
    bin_map.run(stars=stars, cells=paths[1], max_rows=777, **(SETTINGS | {"threads": 1}))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_profiles_have_one_axis(stars, tmp_path):
    changes = {
        "axes": ["R_kpc"],
        "cell_size": [0.25],
        "limits": [[6.0, 10.0]],
        "selection": "-10 <= phi_deg <= 10 and Z_kpc < 0.5",
    }
    cells = bin_cells(stars, tmp_path, **changes)
    np.testing.assert_allclose(cells["R_centre_kpc"], np.arange(6.125, 10, 0.25))
    assert np.all(np.abs(cells["R_mean_kpc"] - cells["R_centre_kpc"]) < 0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "Z_kpc > 90"}, r"stars.parquet: selection 'Z_kpc > 90' keeps none of 20,000 stars"),
        ({"selection": "Z_kp > 90"}, "nearest: 'Z_kpc'"),
        ({"quantities": ["v_r_kms"]}, "nearest: 'v_R_kms'"),
        ({"quantities": ["v_phi_kms"]}, "stars.parquet: no cell reaches min_stars = 6 stars with a value of v_phi_kms"),
        ({"min_stars": 5000}, "the fullest has"),
        ({"limits": [[10.0, 14.0], [-2.0, 2.0]]}, "widen the limits"),
        ({"cell_size": [0.3, 0.5]}, "whole number"),
    ],
)
def test_failures_leave_no_file(stars, tmp_path, changes, words):
    with pytest.raises(DiscatlasError, match=words):
        bin_map.run(stars=stars, cells=tmp_path / "map.parquet", **(SETTINGS | changes))
    assert not list(tmp_path.iterdir())
