"""Script fit_rotation_curve: curves and Oort constants of a disc whose field is known, and what bad input gets."""

import json

import numpy as np
import polars as pl
import pytest
from made_field import draw_cells, field_table

import fit_rotation_curve
from discatlas import frames
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import TableWriter, read_columns, read_provenance

R0, SLOPE = 8.2, -2.0
SUN = frames.Sun(R0, 0.0, (11.0, 245.0, 7.0), "test")
SETTINGS = {
    "radius_kpc": 1.0,
    "R_limits_kpc": [7.5, 9.0],
    "R_step_kpc": 0.5,
    "phi_max_deg": 30.0,
    "density_scale_kpc": 2.6,
    "dispersion_scale_kpc": 20.0,
    "distance_limits_kpc": [0.1, 0.7],
    "b_max_deg": 60.0,
    "R0_kpc": R0,
    "threads": 2,
}
ROUTES = [
    "velocity field, first order",
    "velocity field, second order",
    "proper motions",
    "proper motions and line-of-sight velocities",
]


def rotation(R):
    return 228.0 + SLOPE * (R - R0)


def write_stars(folder, rng, n=30_000):
    """A phase-space table and a sample of the same stars about the Sun."""
    stars = draw_cells(rng, (7.4, 9.1), 8.0, 1.2, n)
    v_R, v_Z = 30.0 * rng.normal(size=n), 15.0 * rng.normal(size=n)
    v_phi = rotation(stars["R_kpc"]) + 20.0 * rng.normal(size=n)
    v_X, v_Y = frames.cartesian_velocity(stars["phi_deg"], v_R, v_phi)
    seen = frames.observe(
        np.stack([stars[name] for name in ("X_kpc", "Y_kpc", "Z_kpc")]), np.stack([v_X, v_Y, v_Z]), SUN
    )
    seen["radial_velocity"][::3] = np.nan
    seen["pmra"][7] = np.nan
    ids = {"source_id": np.arange(n)}
    distance = {"distance_kpc": seen.pop("distance_kpc"), "distance_error_kpc": np.full(n, 0.01)}
    distance |= {f"distance_{side}_kpc": distance["distance_kpc"] for side in ("lo", "hi")}
    error = {"v_R_error_kms": np.full(n, 8.0), "v_phi_error_kms": np.full(n, 6.0)}
    v_R, v_phi = v_R + 8.0 * rng.normal(size=n), v_phi + 6.0 * rng.normal(size=n)
    v_R[::10] = np.nan
    high = np.abs(stars["Z_kpc"]) > 1.0
    v_phi[high] = 0.0  # beyond the spheres: they do not count
    velocity = {"v_R_kms": v_R, "v_phi_kms": v_phi, "v_Z_kms": v_Z} | error
    for name, table in (("phase_space", ids | stars | velocity), ("sample", ids | seen | distance)):
        contract = load_contract(name)
        with TableWriter(folder / f"{name}.parquet", contract, contract_order(contract, table), {}) as writer:
            writer.write(table)


def contract_order(contract, table):
    return [name for name in contract.names if name in table]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    rng, folder = np.random.default_rng(31), tmp_path_factory.mktemp("inputs")
    write_stars(folder, rng)
    cells = draw_cells(rng, (6.4, 10.1), 22.0, 1.1, 40_000)
    cells |= {"v_R_kms": 5.0 * rng.normal(size=40_000), "v_phi_kms": rotation(cells["R_kpc"])}
    cells["v_phi_kms"] = np.where(np.abs(cells["Z_kpc"]) > 1.0, 0.0, cells["v_phi_kms"] + 5 * rng.normal(size=40_000))
    pl.DataFrame(cells).write_parquet(folder / "cells.parquet")
    nodes = [(R, phi) for R in (7.6, 7.9, R0, 8.4) for phi in (-10.0, -5.0, 0.0, 5.0, 10.0)]
    field = field_table(cells, nodes, 1.0)
    other = field | {"radius_kpc": np.full(len(nodes), 2.0), "v_phi_0_kms": np.full(len(nodes), 999.0)}
    table = {name: np.concatenate([field[name], other[name]]) for name in field}
    pl.DataFrame(table, strict=False).write_parquet(folder / "field.parquet")
    return folder


def fit(inputs, folder, replace=None, **changes):
    paths = {name: inputs / f"{name}.parquet" for name in ("field", "cells", "phase_space", "sample")} | (replace or {})
    fit_rotation_curve.run(**paths, curve=folder / "curve.parquet", oort=folder / "oort.json", **(SETTINGS | changes))
    return read_columns(folder / "curve.parquet"), json.loads((folder / "oort.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def result(inputs, tmp_path_factory):
    return fit(inputs, tmp_path_factory.mktemp("result"))


def test_all_curves_return_the_rotation(result):
    curve, _ = result
    np.testing.assert_allclose(curve["R_kpc"], [7.75, 8.25, 8.75])
    assert curve["n_nodes"].tolist() == [10, 10, 0]
    expected = np.array([rotation(np.array([7.6, 7.9])).mean(), rotation(np.array([R0, 8.4])).mean()])
    for name in ("axisymmetric", "nonaxisymmetric", "second_order"):
        value, error = curve[f"v_{name}_kms"], curve[f"v_{name}_error_kms"]
        assert (np.abs(value[:2] - expected) < 4 * error[:2]).all()
        assert (error[:2] < 1.0).all()
        assert np.isnan([value[2], error[2]]).all()
    value, error = curve["v_mean_kms"], curve["v_mean_error_kms"]
    assert (np.abs(value - rotation(curve["R_kpc"])) < 4 * error + 0.02).all()
    assert (error < 0.1).all()
    assert (curve["n_effective_nodes"][:2] >= 1).all()


def test_the_circular_velocity_has_the_drift_of_the_declared_scales(result):
    curve, _ = result
    R, v_phi = curve["R_kpc"], rotation(curve["R_kpc"])
    expected = np.sqrt(v_phi**2 + 20.0**2 - 30.0**2 * (1 - R / 2.6 - 2 * R / 20.0))
    assert (np.abs(curve["v_c_kms"] - expected) < 4 * curve["v_c_error_kms"]).all()
    assert (expected > v_phi + 5).all()
    np.testing.assert_allclose(curve["sigma_v_R_kms"], 30.0, atol=1.2)
    np.testing.assert_allclose(curve["sigma_v_phi_kms"], 20.0, atol=0.8)
    assert 30_000 * 0.6 < curve["n_stars"].sum() < 30_000 * 0.9 / 1.2


def test_all_routes_to_the_oort_constants_agree(result):
    _, oort = result
    assert [record["route"] for record in oort["routes"]] == ROUTES
    truth = {"A": (228.0 / R0 - SLOPE) / 2, "B": (-228.0 / R0 - SLOPE) / 2, "C": 0.0, "K": 0.0}
    for record in oort["routes"]:
        for name, value in truth.items():
            assert abs(record[f"{name}_kms_kpc"] - value) < 4 * record[f"{name}_error_kms_kpc"] + 0.05, record
            assert record[f"{name}_error_kms_kpc"] < (8 if record["route"] == "proper motions" else 2)
    first, second, motions, both = oort["routes"]
    assert first["X_kpc"] == second["X_kpc"] == -R0
    assert first["n_cells"] > 2000
    for record in (motions, both):
        assert record["u0_kms"] == pytest.approx(11.0, abs=4 * record["u0_error_kms"])
        assert record["v0_kms"] == pytest.approx(245.0 - 228.0, abs=4 * record["v0_error_kms"])
        assert record["w0_kms"] == pytest.approx(7.0, abs=4 * record["w0_error_kms"])
        assert record["selection"] == {"distance_limits_kpc": [0.1, 0.7], "b_max_deg": 60.0, "clip_sigma": 3.0}
    assert both["n_stars"] < 0.7 * motions["n_stars"]


def test_the_table_keeps_its_contract_and_says_where_from(inputs, result, tmp_path):
    fit(inputs, tmp_path, threads=1)
    names = load_contract("rotation_curve").names
    curve, oort = result
    assert list(curve) == names
    again = read_columns(tmp_path / "curve.parquet")
    for name in names:
        np.testing.assert_array_equal(curve[name], again[name])
    assert json.loads((tmp_path / "oort.json").read_text(encoding="utf-8")) == oort
    assert read_provenance(tmp_path / "curve.parquet")["density_scale_kpc"] == 2.6


def test_a_route_that_cannot_be_gone_says_why(inputs, tmp_path):
    sample = tmp_path / "sample.parquet"
    pl.read_parquet(inputs / "sample.parquet").drop("radial_velocity").write_parquet(sample)
    _, oort = fit(inputs, tmp_path, {"sample": sample}, distance_limits_kpc=[0.1, 0.6])
    *others, last = oort["routes"]
    assert "no column 'radial_velocity'" in last["reason"]
    assert "A_kms_kpc" not in last
    assert all("A_kms_kpc" in record for record in others)
    _, oort = fit(inputs, tmp_path, distance_limits_kpc=[3.0, 4.0])
    assert ["reason" in record for record in oort["routes"]] == [False, False, True, True]
    assert "0 stars are left" in oort["routes"][2]["reason"]
    _, oort = fit(inputs, tmp_path, R0_kpc=12.0)
    assert "within 1 kpc of the Sun" in oort["routes"][0]["reason"]
    field = tmp_path / "field.parquet"
    pl.read_parquet(inputs / "field.parquet").drop("C_error_kms_kpc").write_parquet(field)
    _, oort = fit(inputs, tmp_path, {"field": field})
    assert "'C_error_kms_kpc'" in oort["routes"][1]["reason"]


def test_stars_without_errors_leave_the_other_curves(inputs, tmp_path):
    stars = tmp_path / "stars.parquet"
    table = pl.read_parquet(inputs / "phase_space.parquet")
    table.with_columns(v_R_error_kms=pl.lit(None, pl.Float64)).write_parquet(stars)
    curve, _ = fit(inputs, tmp_path, {"phase_space": stars})
    assert np.isnan(curve["v_c_kms"]).all()
    assert curve["n_stars"].sum() == 0
    assert np.isfinite(curve["v_mean_kms"]).all()


def test_bad_input_is_refused_and_nothing_is_written(inputs, tmp_path):
    for changes, message in (
        ({"radius_kpc": 1.5}, r"no node of radius_kpc 1.5; it has 1, 2"),
        ({"R_limits_kpc": [20.0, 21.0]}, "no cell, node or star in R 20 to 21 kpc"),
        ({"R_step_kpc": 0.4}, "divides the range"),
        ({"dispersion_scale_kpc": -1.0}, "dispersion_scale_kpc -1"),
        ({"distance_limits_kpc": [2.0, 0.3]}, "distance_limits_kpc"),
        ({"replace": {"cells": inputs / "sample.parquet"}}, "no column 'R_kpc'"),
    ):
        with pytest.raises(DiscatlasError, match=message):
            fit(inputs, tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []
