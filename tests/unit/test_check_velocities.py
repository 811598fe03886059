"""Mean velocities against their truth: honest errors pass, halved errors, shifts and shuffled stars do not."""

import json

import numpy as np
import polars as pl
import pytest
from made_visits import EPOCHS, make_visits

import check_velocities
import combine_epochs
from discatlas.errors import DiscatlasError

RULES = [("plain", "combined"), ("weighted", "combined"), ("plain", "zari2025")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("survey")
    make_visits(path)
    return path


def combine(folder, visits, errors="combined", mean="plain"):
    out = {name: folder / f"v.{kind}" for name, kind in (("velocities", "parquet"), ("summary", "json"))}
    combine_epochs.run(epochs=visits, mean=mean, errors=errors, **EPOCHS, **out)
    return out["velocities"]


def check(folder, velocities, truth, **changes):
    tolerance = {"coverage_tolerance": 0.01, "bias_tolerance": 0.02}
    check_velocities.run(
        velocities=velocities, truth=truth, result=folder / "r.json", name="x", **(tolerance | changes)
    )
    records = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    return {record["name"].removeprefix("x: "): record for record in records}


@pytest.mark.parametrize(("mean", "errors"), RULES)
def test_honest_errors_pass_by_every_rule(folder, tmp_path, mean, errors):
    records = check(tmp_path, combine(tmp_path, folder / "visits.parquet", errors, mean), folder / "truth.parquet")
    assert [name for name, record in records.items() if not record["pass"]] == []
    ours, paper = (
        records[f"single stars, 2 epochs, errors {rule}: within one error"] if rule in (errors, "zari2025") else None
        for rule in ("combined", "zari2025")
    )
    assert paper["value"] < 0.45
    assert ours is None or 0.70 < ours["value"] < 0.77
    assert all(
        record["source"] and record["tolerance"] < 0.2 for name, record in records.items() if name.startswith("single")
    )


def test_binaries_are_shown_apart(folder, tmp_path):
    records = check(tmp_path, combine(tmp_path, folder / "visits.parquet"), folder / "truth.parquet")
    within = {
        name: record["value"] for name, record in records.items() if name.startswith("binaries") and "combined" in name
    }
    assert within["binaries, 1 epoch, errors combined: within one error"] < 0.45
    assert within["binaries, 4 or more, errors combined: within one error"] > 0.6
    assert all("shown, not required" in records[name]["source"] for name in within)
    assert records["binaries: variable at 0.05"]["value"] > 0.4


def changed(folder, tmp_path, **columns):
    pl.read_parquet(folder / "visits.parquet").with_columns(**columns).write_parquet(tmp_path / "changed.parquet")
    return combine(tmp_path, tmp_path / "changed.parquet")


def test_halved_errors_fail(folder, tmp_path):
    halved = {name: pl.col(name) / 2 for name in ("xcsao_e_v_rad", "e_v_rad")}
    records = check(tmp_path, changed(folder, tmp_path, **halved), folder / "truth.parquet")
    assert not records["single stars, 1 epoch, errors combined: within one error"]["pass"]
    assert not records["single stars, any number, errors combined: within one error"]["pass"]
    assert not records["single stars: variable at 0.05"]["pass"]
    assert records["single stars, 2 epochs, errors zari2025: within one error"]["pass"]  # it does not use them


def test_a_shift_fails(folder, tmp_path):
    shifted = {name: pl.col(name) + 3.0 for name in ("xcsao_v_rad", "v_rad")}
    records = check(tmp_path, changed(folder, tmp_path, **shifted), folder / "truth.parquet")
    assert not records["single stars: median deviation"]["pass"]
    assert records["single stars: variable at 0.05"]["pass"]


def test_bad_velocities_of_weak_correlations_fail(folder, tmp_path):
    trusted = changed(folder, tmp_path, xcsao_rxc=pl.lit(10.0))
    records = check(tmp_path, trusted, folder / "truth.parquet")
    assert not records["single stars: variable at 0.05"]["pass"]


def test_shuffled_stars_fail(folder, tmp_path):
    truth = pl.read_parquet(folder / "truth.parquet")
    truth = truth.with_columns(source_id=truth["source_id"].shuffle(seed=2))
    truth.write_parquet(tmp_path / "truth.parquet")
    records = check(tmp_path, combine(tmp_path, folder / "visits.parquet"), tmp_path / "truth.parquet")
    assert not any(
        record["pass"] for name, record in records.items() if name.startswith("single") and "combined" in name
    )


def test_stars_without_truth_or_too_few_are_told(folder, tmp_path):
    velocities = combine(tmp_path, folder / "visits.parquet")
    truth = pl.read_parquet(folder / "truth.parquet")
    truth.with_columns(is_binary=True).write_parquet(tmp_path / "truth.parquet")
    with pytest.raises(DiscatlasError, match=r"0 single stars, expected 20 or more"):
        check(tmp_path, velocities, tmp_path / "truth.parquet")
    truth[10:].write_parquet(tmp_path / "truth.parquet")
    with pytest.raises(DiscatlasError, match=r"no truth for \d+ of [\d,]+ stars"):
        check(tmp_path, velocities, tmp_path / "truth.parquet")
    assert not (tmp_path / "r.json").exists()


def test_the_summary_of_the_visits_adds_up(folder, tmp_path):
    combine(tmp_path, folder / "visits.parquet")
    summary = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))
    visits, truth = (pl.read_parquet(folder / f"{name}.parquet") for name in ("visits", "truth"))
    assert summary["n_rows"] == summary["n_epochs"] == visits.height
    assert summary["n_stars"] == truth["source_id"].n_unique()
    share = summary["epochs_by_pipeline"]["XCSAO"] / summary["n_epochs"]
    assert share == pytest.approx(np.mean(visits["xcsao_rxc"].to_numpy() > 6), abs=1e-12)


def test_the_survey_itself_averages_its_visits_alike(tmp_path):
    tables = make_visits(tmp_path, 10_000)
    made = pl.read_parquet(combine(tmp_path, tmp_path / "visits.parquet"))
    star = pl.DataFrame(
        {name: tables.raw[name] for name in ("gaia_dr3_source_id", "v_rad", "e_v_rad", "n_good_rvs", "std_v_rad")}
    )
    both = made.join(star.sort("gaia_dr3_source_id"), left_on="source_id", right_on="gaia_dr3_source_id")
    assert both.height == made.height == star.height
    pairs = {
        "radial_velocity": "v_rad",
        "v_combined_error_kms": "e_v_rad",
        "n_epochs": "n_good_rvs",
        "v_scatter_kms": "std_v_rad",
    }
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(both[ours].to_numpy(), both[theirs].to_numpy(), rtol=1e-9, atol=1e-9)
