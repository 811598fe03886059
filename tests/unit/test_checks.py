"""Checks can pass, can fail, and say why."""

import json

import numpy as np
import pytest

from discatlas.checks import Check, chi_square_deviation, statistic
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun
from discatlas.simulation.disc import DiscModel
from discatlas.tables import write_table

SUN = {"R0_kpc": 8.122, "z_sun_kpc": 0.0208, "v_sun_kms": [12.9, 245.6, 7.78], "source": "test"}


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


def entry(config, **changes):
    return {k: v for k, v in config["catalogues"]["simulated_disc"].items() if k not in ("source", "sun")} | changes


@pytest.mark.parametrize(("amplitude", "passes"), [(8.0, True), (11.0, False), (0.0, False)])
def test_simulation_check_tells_the_true_wave_from_others(config, tmp_path, amplitude, passes):
    from check_simulation import run

    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-10, -6, 300), rng.uniform(-2, 2, 300)
    truth = DiscModel.from_config(entry(config)).mean_v_R(
        np.hypot(X, Y), np.degrees(np.arctan2(Y, -X)), Sun.from_config(SUN)
    )
    contract = load_contract("map").expand(a=["X_kpc", "Y_kpc"], q=["v_R_kms"])
    table = {name: np.ones(300) for name in contract.names} | {"cell": np.arange(300), "n_stars": np.full(300, 9)}
    table |= {
        "v_R_n_stars": np.full(300, 9),
        "X_mean_kpc": X,
        "Y_mean_kpc": Y,
        "v_R_ml_mean_kms": truth + rng.normal(size=300),
    }
    write_table(tmp_path / "cells.parquet", contract, table, {})
    run(
        cells=tmp_path / "cells.parquet",
        result=tmp_path / "x.json",
        name="wave",
        model=entry(config, wave_amplitude_kms=amplitude),
        sun=SUN,
        radius_kpc=2.0,
        max_deviation=4.0,
    )
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["pass"] is passes


def test_a_failed_check_stops_the_atlas_with_its_numbers(tmp_path):
    from check_atlas import run

    good, bad = Check("a", 1.0, 1.0, 0.1, "kpc", "s"), Check("b", 2.0, 1.0, 0.1, "km / s", "a paper")
    for check in (good, bad):
        (tmp_path / f"{check.name}.json").write_text(json.dumps(check.record()), encoding="utf-8")
    run(results=[tmp_path / "a.json"], summary=tmp_path / "atlas.json")
    assert json.loads((tmp_path / "atlas.json").read_text(encoding="utf-8"))[0]["name"] == "a"
    with pytest.raises(DiscatlasError, match=r"1 of 2 checks failed: b: 2 km / s, expected 1 \+- 0.1 \(a paper\)"):
        run(results=[tmp_path / "a.json", tmp_path / "b.json"], summary=tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()
