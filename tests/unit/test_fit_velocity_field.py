"""Script fit_velocity_field: from cells to the table of the velocity field, with marks, provenance and clear failures."""

import numpy as np
import pytest

import bin_phase_space_cells
import fit_velocity_field
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import TableWriter, column_names, read_columns, read_provenance, write_table
from discatlas.velocity_field.cells import cell_columns

R0, V0 = 8.2, 230.0
SETTINGS = {
    "radii_kpc": [0.6, 1.0],
    "half_width_kpc": 1.5,
    "spacing_kpc": 0.5,
    "R_min_kpc": 2.0,
    "min_fit": 60,
    "min_trust": 300,
    "max_condition": 1000.0,
    "weighted": False,
    "errors": "robust",
    "R0_kpc": R0,
    "z_sun_kpc": 0.02,
    "threads": 2,
}


def write_cells(path, n=6000, centre=-R0, thickness=0.35, errors=True, noise=3.0):
    """Cells of a flat rotation curve with a vertical breathing motion, about the Sun unless told otherwise."""
    rng = np.random.default_rng(23)
    positions = np.stack([rng.uniform(-2, 2, n) + centre, rng.uniform(-2, 2, n), rng.normal(0, thickness, n)], axis=1)
    velocities = rng.normal(0, noise, (n, 3)) + np.stack([np.zeros(n), np.full(n, V0), 5 * positions[:, 2]], axis=1)
    sizes = np.full((n, 3), noise if errors else np.nan)
    sizes[:10] = np.nan
    columns = cell_columns(np.arange(n), np.full(n, 3), positions, velocities, sizes)
    write_table(path, load_contract("phase_space_cells"), columns, {"sample": "mock"})
    return path


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return write_cells(tmp_path_factory.mktemp("cells") / "cells.parquet")


def fit(cells, folder, **changes):
    path = folder / "field.parquet"
    fit_velocity_field.run(cells=cells, field=path, **(SETTINGS | changes))
    return read_columns(path)


def finite_coefficients(field):
    names = [name for name in field if name.startswith(("v_", "linear_", "A_", "K_", "north_"))]
    assert len(names) > 100
    known = np.stack([np.isfinite(field[name]) for name in names])
    assert np.array_equal(known.any(axis=0), known.all(axis=0))
    return known.all(axis=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_flat_rotation_curve_comes_back(cells, tmp_path, weighted):
    field = fit(cells, tmp_path, weighted=weighted)
    assert column_names(tmp_path / "field.parquet") == load_contract("velocity_field").names
    sun = (np.abs(field["X_kpc"] + np.sqrt(R0**2 - 0.02**2)) < 1e-9) & (field["Y_kpc"] == 0)
    assert np.array_equal(field["radius_kpc"][sun], [0.6, 1.0])
    for prefix in ("", "linear_"):
        for name, truth in (("A", V0 / 2 / R0), ("B", -V0 / 2 / R0), ("C", 0.0), ("K", 0.0)):
            pull = (field[f"{prefix}{name}_kms_kpc"] - truth)[sun] / field[f"{prefix}{name}_error_kms_kpc"][sun]
            assert np.all(np.abs(pull) < 4), (prefix, name)
            assert np.all(field[f"{prefix}{name}_error_kms_kpc"][sun] < 1.5)
    np.testing.assert_allclose(field["v_phi_0_kms"][sun], V0, atol=1)
    np.testing.assert_allclose(field["v_Z_Z_kms_kpc"][sun], 5, atol=2)
    np.testing.assert_allclose(field["v_R_residual_kms"][sun], 3, rtol=0.1)
    # 10 <|Z|> for a Gaussian of 0.35 kpc in discs of the sphere, of area r^2 - Z^2
    Z = np.linspace(0, 1, 2001)[:, None] * [0.6, 1.0]
    density = np.exp(-((Z / 0.35) ** 2) / 2) * ([0.36, 1.0] - Z**2)
    difference = field["north_minus_south_v_Z_kms"][sun] - 10 * np.average(Z, axis=0, weights=density)
    assert np.all(np.abs(difference) < 4 * field["north_minus_south_v_Z_error_kms"][sun])
    assert np.all(field["north_minus_south_v_Z_error_kms"][sun] < 0.4)


def test_nodes_are_marked_by_what_their_cells_allow(cells, tmp_path):
    field = fit(cells, tmp_path, R_min_kpc=7.2, half_width_kpc=3.0)
    quality, n = field["quality"], field["n_cells"]
    assert set(quality) == {"good", "sparse", "few", "inner"}
    inner = field["R_kpc"] < 7.2
    assert np.array_equal(quality == "inner", inner)
    assert np.array_equal(quality == "few", ~inner & (n < 60))
    assert np.array_equal(quality == "good", ~inner & (n >= 300))
    fitted = np.isin(quality, ["good", "sparse"])
    assert np.array_equal(finite_coefficients(field), fitted)
    assert np.array_equal(np.isfinite(field["condition"]), fitted)
    assert np.array_equal(field["node"], np.tile(np.arange(169), 2))
    assert read_provenance(tmp_path / "field.parquet")["cells"]["sample"] == "mock"


def test_ill_conditioned_nodes_are_marked_and_empty(cells, tmp_path):
    free = fit(cells, tmp_path)
    limit = float(np.nanmedian(free["condition"]))
    field = fit(cells, tmp_path, max_condition=limit)
    above = free["condition"] > limit
    assert np.array_equal(field["quality"] == "ill_conditioned", above)
    assert np.array_equal(field["condition"], free["condition"], equal_nan=True)
    assert not finite_coefficients(field)[above].any()


def test_without_errors_a_cell_has_no_weight(cells, tmp_path):
    field = fit(cells, tmp_path, weighted=True, radii_kpc=[9.0])
    assert np.all(field["n_cells"] == 5990)
    assert read_provenance(tmp_path / "field.parquet")["n_cells"] == {"used": 5990, "without_errors": 10}


def test_same_bytes_for_any_threads_and_blocks(cells, tmp_path, monkeypatch):
    fit(cells, tmp_path)
    first = (tmp_path / "field.parquet").read_bytes()
    monkeypatch.setattr(fit_velocity_field, "NODES_AT_ONCE", 7)
    fit(cells, tmp_path, threads=1)
    assert (tmp_path / "field.parquet").read_bytes() == first


def test_from_stars_to_the_field(tmp_path):
    """Stars of a flat rotation curve, binned in cubes: A and the value at the Sun come back; so from the stars themselves."""
    rng, n = np.random.default_rng(31), 40_000
    X, Y, Z = rng.uniform(-9.4, -7.0, n), rng.uniform(-1.2, 1.2, n), rng.normal(0, 0.3, n)
    stars = {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z}
    stars |= {"R_kpc": np.hypot(X, Y), "phi_deg": np.rad2deg(np.arctan2(Y, -X))}
    for name, mean in (("v_R", 0.0), ("v_phi", V0), ("v_Z", 0.0)):
        stars |= {f"{name}_kms": rng.normal(mean, 20.0, n), f"{name}_error_kms": np.full(n, 2.0)}
    path = tmp_path / "stars.parquet"
    with TableWriter(path, load_contract("phase_space"), list(stars)) as writer:
        writer.write(stars)
    for cell_kpc in (0.1, None):
        bin_phase_space_cells.run(
            stars=path,
            cells=tmp_path / "cells.parquet",
            cell_kpc=cell_kpc,
            min_stars=3,
            half_width_kpc=1.2,
            Z_max_kpc=1.0,
            max_speed_kms=1000.0,
            R0_kpc=R0,
            threads=2,
        )
        field = fit(tmp_path / "cells.parquet", tmp_path, half_width_kpc=0.0, radii_kpc=[1.0])
        assert field["quality"].tolist() == ["good"]
        for name, truth in (("v_phi_0", V0), ("A", V0 / 2 / R0), ("B", -V0 / 2 / R0), ("K", 0.0)):
            unit = "kms" if name == "v_phi_0" else "kms_kpc"
            assert abs(field[f"{name}_{unit}"][0] - truth) < 4 * field[f"{name}_error_{unit}"][0]
        assert field["A_error_kms_kpc"][0] < 0.8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_fit": 5000, "min_trust": 5000}, r"no node has min_fit = 5000 cells within 1 kpc \(the fullest has \d"),
        (
            {"R0_kpc": 20.0},
            "no cell lies within 1 kpc of any node; the cells have X -10.20 to -6.20, the nodes X -21.5",
        ),
        ({"spacing_kpc": 0.0001}, "gives more than 4,000,000 nodes; take a wider spacing"),
        ({"max_condition": 1.0}, "no node can be fitted"),
    ],
)
def test_failures_leave_no_file(cells, tmp_path, changes, words):
    with pytest.raises(DiscatlasError, match=words):
        fit(cells, tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_cells_that_cannot_be_fitted_are_told(tmp_path):
    flat = write_cells(tmp_path / "flat.parquet", thickness=0.0)
    with pytest.raises(DiscatlasError, match="whether all cells have one Z"):
        fit(flat, tmp_path)
    single = write_cells(tmp_path / "single.parquet", errors=False)
    with pytest.raises(DiscatlasError, match="none of 6,000 cells has velocity errors above zero"):
        fit(single, tmp_path, weighted=True)
