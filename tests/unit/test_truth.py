"""Checks against a truth: they pass on honest errors, and fail on wrong errors, a shifted or a shuffled truth."""

import json

import numpy as np
import pytest

import bin_map
import check_gradient_truth
import check_map_truth
import check_truth
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.tables import TableWriter, read_columns
from discatlas.truth import match_truth, stars_in_cells

N, SIGMA, SLOPE = 24_000, 15.0, -5.0
PLACES = ("X_kpc", "Y_kpc", "Z_kpc", "R_kpc", "phi_deg")
COLUMNS = ["X_kpc", "Y_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms"]
FACE_ON = {"axes": ["X_kpc", "Y_kpc"], "cell_size": [0.5, 0.5], "limits": [[-11.0, -5.0], [-3.0, 3.0]]}
PROFILE = {"axes": ["R_kpc"], "cell_size": [0.5], "limits": [[5.0, 11.0]]}
BINNING = {
    "cell_shape": "square",
    "selection": "abs(Z_kpc) < 0.5",
    "quantities": ["v_R_kms", "v_phi_kms"],
    "min_stars": 6,
    "estimator": "restricted",
    "threads": 1,
}


def error_name(column):
    base, unit = column.rsplit("_", 1)
    return f"{base}_error_{unit}"


def draw_world(seed):
    """Stars about a point of the disc: measured with errors, of 15 km/s for velocities, and true."""
    rng = np.random.default_rng(seed)
    X, Y = rng.uniform(-11.5, -4.5, N), rng.uniform(-3.5, 3.5, N)
    R, phi = cylindrical_position(X, Y)
    true = {"X_kpc": X, "Y_kpc": Y, "Z_kpc": rng.laplace(scale=0.3, size=N), "R_kpc": R, "phi_deg": phi}
    true |= {"v_R_kms": rng.normal(8 * np.sin(R), SIGMA), "v_phi_kms": rng.normal(230 + SLOPE * (R - 8), SIGMA)}
    error = {name: np.full(N, 0.02 if name in PLACES else 15.0) * np.exp(0.2 * rng.normal(size=N)) for name in true}
    star = {name: values + error[name] * rng.standard_normal(N) for name, values in true.items()}
    star["v_R_kms"][::40] = np.nan  # not all have a velocity
    return star | {error_name(name): values for name, values in error.items()}, true


def write(path, contract, table):
    with TableWriter(path, load_contract(contract), list(table), {}) as writer:
        writer.write(table)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Paths of stars, truth and two maps, and the arrays behind them; the truth has more stars, in another order."""
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(2)
    star, true = draw_world(1)
    ids = rng.choice(10**15, N, replace=False)
    seen = np.sort(rng.choice(N, N * 9 // 10, replace=False))
    made = {"star": {name: values[seen] for name, values in star.items()} | {"source_id": ids[seen]}}
    made["true"] = {"source_id": ids} | true
    made["stars"] = write(folder / "stars.parquet", "phase_space", made["star"])
    made["truth"] = write(folder / "truth.parquet", "truth", made["true"])
    for name, grid in (("face_on", FACE_ON), ("profile", PROFILE)):
        made[name] = folder / f"{name}.parquet"
        bin_map.run(stars=made["stars"], cells=made[name], **BINNING, **grid)
    return made


def check_stars(world, folder, **changes):
    check_truth.run(
        **{"stars": world["stars"], "truth": world["truth"], "columns": COLUMNS} | changes,
        result=folder / "x.json",
        name="x",
        coverage_tolerance=0.03,
        bias_tolerance=0.1,
    )
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


def check_map(world, folder, quantity="v_R_kms", **changes):
    check_map_truth.run(
        **{"cells": world["face_on"], "stars": world["stars"], "truth": world["truth"]} | changes,
        result=folder / "x.json",
        name="x",
        quantity=quantity,
        min_stars=20,
        max_chi_square=1.0,
        max_noise_chi_square=2.0,
    )
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


def check_gradient(world, folder, quantity="v_phi_kms", **changes):
    check_gradient_truth.run(
        **{"cells": world["profile"], "stars": world["stars"], "truth": world["truth"]} | changes,
        result=folder / "x.json",
        name="x",
        quantity=quantity,
        max_deviation=4.0,
    )
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


CHECKS = (check_stars, check_map, check_gradient)


def passed(records):
    return {record["name"].removeprefix("x: "): record["pass"] for record in records}


@pytest.mark.parametrize("check", CHECKS)
def test_honest_errors_pass(world, tmp_path, check):
    records = check(world, tmp_path)
    assert len(records) == {check_stars: 2 * len(COLUMNS), check_map: 3, check_gradient: 1}[check]
    assert all(passed(records).values())
    assert all(record["source"] for record in records)


@pytest.mark.parametrize("check", CHECKS)
def test_shuffled_identifiers_fail_every_check(world, tmp_path, check):
    shuffled = world["true"] | {"source_id": np.random.default_rng(3).permutation(world["true"]["source_id"])}
    result = passed(check(world, tmp_path, truth=write(tmp_path / "t.parquet", "truth", shuffled)))
    of_coverage = [passes for name, passes in result.items() if "median" not in name]
    assert len(of_coverage) > 0
    assert not any(of_coverage)


def test_errors_that_are_halved_fail_star_by_star_and_in_the_map(world, tmp_path):
    halved = {name: values / 2 if "_error_" in name else values for name, values in world["star"].items()}
    stars = write(tmp_path / "s.parquet", "phase_space", halved)
    result = passed(check_stars(world, tmp_path, stars=stars))
    assert not any(passes for name, passes in result.items() if name.endswith("within one error"))
    assert all(passes for name, passes in result.items() if name.startswith("median"))
    cells = tmp_path / "cells.parquet"
    bin_map.run(stars=stars, cells=cells, **BINNING, **FACE_ON)  # takes the rest of the errors for dispersion
    result = passed(check_map(world, tmp_path, cells=cells, stars=stars))
    assert not result["dispersion"]
    assert not result["mean, by the stars' errors alone"]


@pytest.mark.parametrize("check", CHECKS)
def test_a_shifted_truth_fails(world, tmp_path, check):
    """By a few errors of what is compared: of a star, of a cell's mean, of a slope."""
    true = dict(world["true"])
    true["v_R_kms"] = true["v_R_kms"] + {check_stars: 5.0, check_map: 8.0, check_gradient: 0.0}[check]
    true["v_phi_kms"] = true["v_phi_kms"] + (0.5 * (true["R_kpc"] - 8) if check is check_gradient else 0.0)
    result = passed(check(world, tmp_path, truth=write(tmp_path / "t.parquet", "truth", true)))
    wrong = {check_stars: "median deviation of v_R_kms", check_map: "mean", check_gradient: "slope"}[check]
    assert not result.pop(wrong)
    others = {name: passes for name, passes in result.items() if "v_R_kms" not in name and not name.startswith("mean")}
    assert all(others.values())


def test_a_truth_of_another_dispersion_fails(world, tmp_path):
    true = dict(world["true"])
    mean = 8 * np.sin(true["R_kpc"])
    true["v_R_kms"] = mean + 1.3 * (true["v_R_kms"] - mean)
    assert not passed(check_map(world, tmp_path, truth=write(tmp_path / "t.parquet", "truth", true)))["dispersion"]


def test_the_stated_error_of_a_slope_is_right(tmp_path):
    """Deviations over many worlds scatter by one standard error."""
    values = []
    for seed in range(40):
        star, true = draw_world(100 + seed)
        ids = {"source_id": np.arange(N)}
        made = {"stars": write(tmp_path / "s.parquet", "phase_space", star | ids)}
        made |= {"truth": write(tmp_path / "t.parquet", "truth", true | ids), "profile": tmp_path / "p.parquet"}
        bin_map.run(stars=made["stars"], cells=made["profile"], **BINNING, **PROFILE)
        values.append(check_gradient(made, tmp_path)[0]["value"])
    assert abs(np.mean(values)) < 4 / np.sqrt(40)
    assert 40 * np.var(values) < 80  # chi-square of 40 degrees of freedom: 99.98 %
    assert 40 * np.var(values) > 15


@pytest.mark.parametrize("check", CHECKS)
def test_no_truth_table_is_a_clear_error(world, tmp_path, check):
    with pytest.raises(DiscatlasError, match=r"absent\.parquet: no truth table; it is made .* by rule simulate_survey"):
        check(world, tmp_path, truth=tmp_path / "absent.parquet")
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("check", CHECKS)
def test_a_star_without_truth_is_a_clear_error(world, tmp_path, check):
    inside = stars_in_cells(world["face_on"], world["stars"], world["truth"], "v_R_kms")
    assert inside.row.size > 1000
    lost = np.hypot(world["true"]["X_kpc"] + 8, world["true"]["Y_kpc"]) > 1
    fewer = {name: values[lost] for name, values in world["true"].items()}
    path = write(tmp_path / "t.parquet", "truth", fewer)
    with pytest.raises(
        DiscatlasError, match=r"t\.parquet: no truth for [\d,]+ of [\d,]+ stars, the first with source_id \d+"
    ):
        check(world, tmp_path, truth=path)


@pytest.mark.parametrize("check", CHECKS)
def test_stars_listed_twice_in_the_truth_are_fine(world, tmp_path, check):
    twice = {name: np.append(values, values[::7]) for name, values in world["true"].items()}
    path = write(tmp_path / "t.parquet", "truth", twice)
    assert check(world, tmp_path, truth=path) == check(world, tmp_path)


def test_a_truth_without_the_column_is_a_clear_error(world, tmp_path):
    true = {name: values for name, values in world["true"].items() if name != "v_R_kms"}
    with pytest.raises(DiscatlasError, match=r"no column 'v_R_kms' \(nearest: 'v_"):
        check_map(world, tmp_path, truth=write(tmp_path / "t.parquet", "truth", true))


def test_azimuth_wraps(tmp_path):
    """Stars beyond the centre, of which many are measured on the other side of the line where the azimuth jumps."""
    rng, n = np.random.default_rng(5), 4000
    beyond = 180.0 + rng.normal(0, 0.01, n)
    true, phi = ({"phi_deg": (values + 180.0) % 360.0 - 180.0} for values in (beyond, beyond + rng.normal(0, 0.02, n)))
    assert np.mean(np.abs(phi["phi_deg"] - true["phi_deg"]) > 300) > 0.3
    ids = {"source_id": np.arange(n)}
    made = {
        "stars": write(tmp_path / "s.parquet", "phase_space", ids | phi | {"phi_error_deg": np.full(n, 0.02)}),
        "truth": write(tmp_path / "t.parquet", "truth", ids | true),
    }
    records = {record["name"]: record["value"] for record in check_stars(made, tmp_path, columns=["phi_deg"])}
    assert abs(records["x: phi_deg within one error"] - 0.6827) < 4 * np.sqrt(0.2166 / n)
    assert abs(records["x: median deviation of phi_deg"]) < 4 * 1.2533 / np.sqrt(n)


def test_truth_comes_in_the_order_asked_for(world):
    asked = world["star"]["source_id"][::-3]
    place = {number: k for k, number in enumerate(world["true"]["source_id"])}
    expected = world["true"]["R_kpc"][[place[number] for number in asked]]
    np.testing.assert_array_equal(match_truth(world["truth"], asked, ["R_kpc"])["R_kpc"], expected)


@pytest.mark.parametrize(("cells", "quantity"), [("face_on", "v_R_kms"), ("profile", "v_phi_kms")])
def test_stars_in_cells_are_those_that_the_map_counted(world, cells, quantity):
    inside = stars_in_cells(world[cells], world["stars"], world["truth"], quantity)
    counted = read_columns(world[cells], [f"{quantity.removesuffix('_kms')}_n_stars"])
    np.testing.assert_array_equal(np.bincount(inside.row, minlength=inside.n_cells), *counted.values())
    assert np.abs(inside.measured - inside.true).max() > 0


def test_means_of_the_measured_are_those_of_the_map(world):
    """With the weights of the likelihood, the measured stars give the map's own mean: so the truth is averaged alike."""
    inside = stars_in_cells(world["face_on"], world["stars"], world["truth"], "v_R_kms")
    mean, sigma = read_columns(world["face_on"], ["v_R_ml_mean_kms", "sigma_v_R_kms"]).values()
    again = inside.mean(1 / (sigma[inside.row] ** 2 + inside.error**2), inside.measured)
    known = np.isfinite(mean) & (sigma > 0)
    assert known.sum() > 100
    np.testing.assert_allclose(again[known], mean[known], atol=1e-3)


def test_a_map_without_full_cells_says_so(world, tmp_path):
    with pytest.raises(DiscatlasError, match=r"no cell of 100000 stars to compare; lower min_stars of check 'x'"):
        check_map_truth.run(
            cells=world["face_on"],
            stars=world["stars"],
            truth=world["truth"],
            result=tmp_path / "x.json",
            name="x",
            quantity="v_R_kms",
            min_stars=100_000,
            max_chi_square=1.0,
            max_noise_chi_square=2.0,
        )
