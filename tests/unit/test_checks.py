"""Checks can pass, can fail, and say why."""

import json

import numpy as np
import pytest

from discatlas.checks import Check, chi_square_deviation, statistic
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.tables import TableWriter, write_table


def test_a_check_passes_within_its_tolerance_and_nan_never_does():
    assert Check("x", 230.7, 230.0, 2.0, "km / s", "s").passed
    assert not Check("x", 232.1, 230.0, 2.0, "km / s", "s").passed
    assert not Check("x", np.nan, 230.0, 2.0, "km / s", "s").passed


def test_statistics_ignore_missing_values():
    values = np.array([1.0, 2.0, np.nan, 6.0])
    assert [statistic(values, name) for name in ("count", "mean", "median")] == [3, 3.0, 2.0]
    assert statistic(values, "std") == pytest.approx(np.sqrt(7))
    assert statistic(values[2:3], "count") == 0
    with pytest.raises(DiscatlasError, match="no known value to take the median of"):
        statistic(values[2:3], "median")


def test_chi_square_of_pure_noise_is_as_expected_and_of_an_offset_is_not():
    rng = np.random.default_rng(1)
    deviations = [
        chi_square_deviation(rng.normal(size=100) * 2, np.full(100, 2.0), np.zeros(100))[0] for _ in range(500)
    ]
    assert abs(np.mean(deviations)) < 4 / np.sqrt(500)
    assert abs(np.std(deviations) - 1) < 0.15
    assert chi_square_deviation(np.full(100, 2.0), np.ones(100), np.zeros(100))[0] > 20
    with pytest.raises(DiscatlasError, match="no cell"):
        chi_square_deviation(np.array([np.nan]), np.ones(1), np.zeros(1))


@pytest.fixture
def analytic(config):
    return config["galaxies"]["analytic"]


def made_cells(path, analytic, quantity):
    """A map whose means scatter by 1 km/s, their error, about the mean field of the analytic galaxy."""
    rng, base = np.random.default_rng(2), quantity.removesuffix("_kms")
    X, Y = rng.uniform(-11, -5.5, 400), rng.uniform(-3, 3, 400)
    R, phi = cylindrical_position(X, Y)
    components = ("v_R_kms", "v_phi_kms", "v_Z_kms")
    mean = MeanFieldModel.from_config(analytic).mean_velocity_cylindrical(R, phi, 0.0)[components.index(quantity)]
    contract = load_contract("map").expand(a=["X_kpc", "Y_kpc"], q=[quantity])
    table = {name: np.ones(400) for name in contract.names} | {"cell": np.arange(400), "n_stars": np.full(400, 9)}
    table |= {
        f"{base}_n_stars": np.full(400, 9),
        "X_mean_kpc": X,
        "Y_mean_kpc": Y,
        f"{base}_ml_mean_kms": mean + rng.normal(size=400),
    }
    write_table(path, contract, table, {})
    return path


def check_mean_field(folder, analytic, model, quantity="v_R_kms", radius_kpc=2.5):
    from check_mean_field import run

    run(
        cells=made_cells(folder / "cells.parquet", analytic, quantity),
        result=folder / "x.json",
        name="x",
        model=model,
        quantity=quantity,
        radius_kpc=radius_kpc,
        max_deviation=4.0,
    )
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("quantity", ["v_R_kms", "v_phi_kms", "v_Z_kms"])
def test_mean_field_check_passes_on_its_own_field(analytic, tmp_path, quantity):
    (record,) = check_mean_field(tmp_path, analytic, analytic, quantity)
    assert record["pass"]
    assert record["name"] == f"x: {quantity}"


def stronger(model):
    model["spirals"][0]["surface_density_msun_kpc2"] *= 1.5


def opposite(model):
    model["spirals"][0]["phase_deg"] += 180.0


def still(model):
    model["spirals"] = []


def faster(model):
    model["v_c_kms"] += 1.0


@pytest.mark.parametrize(
    ("change", "quantity"),
    [(stronger, "v_R_kms"), (opposite, "v_R_kms"), (still, "v_R_kms"), (still, "v_phi_kms"), (faster, "v_phi_kms")],
)
def test_mean_field_check_tells_the_true_field_from_others(analytic, config, tmp_path, change, quantity):
    other = json.loads(json.dumps(analytic))
    change(other)
    assert not check_mean_field(tmp_path, analytic, other, quantity)[0]["pass"]


def test_mean_field_check_compares_cells_near_the_sun_alone(analytic, tmp_path):
    far = check_mean_field(tmp_path, analytic, analytic, radius_kpc=4.0)[0]["source"]
    near = check_mean_field(tmp_path, analytic, analytic, radius_kpc=1.0)[0]["source"]
    cells = [int(source.split(" of ")[1].split()[0]) for source in (far, near)]
    assert cells[0] == 400
    assert abs(cells[1] - 400 * np.pi / 33) < 4 * np.sqrt(400 * np.pi / 33)
    with pytest.raises(DiscatlasError, match="no cell to compare with the truth; widen radius_kpc"):
        check_mean_field(tmp_path, analytic, analytic, radius_kpc=1e-3)


def check_statistic(folder, **changes):
    from check_statistic import run

    columns = {"R_kpc": np.arange(5.0, 15.0), "v_R_kms": np.array([np.nan, *np.arange(9.0)])}
    with TableWriter(folder / "s.parquet", load_contract("phase_space"), list(columns)) as writer:
        writer.write(columns)
    settings = {"column": "v_R_kms", "statistic_name": "mean", "selection": None, "expected": 4.0, "tolerance": 0.1}
    run(stars=folder / "s.parquet", result=folder / "x.json", name="x", source="made", **(settings | changes))
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


def test_statistic_check_is_a_list_of_one_record(tmp_path):
    (record,) = check_statistic(tmp_path)
    assert (record["name"], record["value"], record["unit"], record["pass"]) == ("x", 4.0, "km / s", True)
    (record,) = check_statistic(tmp_path, selection="R_kpc > 7.5", statistic_name="count", expected=7)
    assert (record["value"], record["unit"], record["pass"]) == (7.0, "", True)
    assert not check_statistic(tmp_path, expected=5.0)[0]["pass"]
    with pytest.raises(DiscatlasError, match=r"no column 'v_r_kms' \(nearest: 'v_R_kms'\)"):
        check_statistic(tmp_path, column="v_r_kms")


def test_a_failed_check_stops_the_atlas_with_its_numbers(tmp_path):
    from check_atlas import run

    good, bad = Check("a", 1.0, 1.0, 0.1, "kpc", "s"), Check("b", 2.0, 1.0, 0.1, "km / s", "a paper")
    for name, checks in (("a", [good, good]), ("b", [good, bad])):
        text = json.dumps([check.record() for check in checks])
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    run(results=[tmp_path / "a.json"], summary=tmp_path / "atlas.json")
    summary = json.loads((tmp_path / "atlas.json").read_text(encoding="utf-8"))
    assert summary == [good.record(), good.record()]
    with pytest.raises(DiscatlasError, match=r"1 of 4 checks failed: b: 2 km / s, expected 1 \+- 0.1 \(a paper\)"):
        run(results=[tmp_path / "a.json", tmp_path / "b.json"], summary=tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()
