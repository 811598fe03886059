"""Scripts of the ages: tables in the order of the phase space, the summary, the check against the truth, bad input."""

import json

import numpy as np
import pytest
from made_ages import EXTINCTION, OBSERVABLES, RADIAL, as_columns, draw_stars, observe

import check_ages
import estimate_ages
from discatlas.ages.posterior import cumulative_at, log_age_prior, log_likelihood, trapezoid_weights
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.streams import stream_generator
from discatlas.tables import TableWriter, read_columns, read_provenance, write_table
from places import ROOT

N = 120
R_SUN = 0.546 / 0.0678


def settings(folder):
    return {
        "sample": folder / "sample.parquet",
        "stars": folder / "stars.parquet",
        "bolometric_corrections": ROOT / "resources/mist_bolometric_corrections.csv",
        "grid_folder": None,
        "ages": folder / "ages.parquet",
        "posteriors": folder / "posteriors.parquet",
        "summary": folder / "ages.json",
        "grid": "lachesis",
        "log_age": [6.5, 8.5, 0.1],
        "feh_dex": [-0.2, 0.2, 0.2],
        "observables": OBSERVABLES,
        "min_observables": 3,
        "extinction": EXTINCTION,
        "metallicity": RADIAL | {"sigma_dex": 0.15},
        "imf_slope": 2.7,
        "age_prior": "time",
        "max_chi2": 16.0,
        "edge_share": 0.3,
        "threads": 2,
    }


def write_loose(path, columns):
    """Write columns of mixed contracts without checking them."""
    import polars as pl

    pl.DataFrame(columns).write_parquet(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ages")
    rng = stream_generator(3, "test_ages_scripts")
    from discatlas.ages.grid import load_grid
    from discatlas.photometry import read_bolometric_corrections

    arguments = settings(folder)
    corrections = read_bolometric_corrections(arguments["bolometric_corrections"])
    grid = load_grid("lachesis", None, arguments["log_age"], arguments["feh_dex"], 2.7, corrections)
    age, true = draw_stars(grid, N, rng, feh=(0.0, 0.15), teff_min=12_000.0)
    columns = as_columns(*observe(true, rng))
    columns["ebv_mag"][7] = np.nan
    write_loose(arguments["sample"], columns)
    write_loose(arguments["stars"], {"source_id": columns["source_id"], "R_kpc": np.full(N, R_SUN)})
    truth = {"source_id": columns["source_id"][::-1], "age_Gyr": 10.0 ** (age[::-1] - 9), "weight": np.ones(N)}
    write_loose(folder / "truth.parquet", truth)
    estimate_ages.run(**arguments)
    return folder


def test_tables_keep_the_order_and_hold_the_same_stars(made):
    ages, posteriors = (read_columns(made / f"{name}.parquet") for name in ("ages", "posteriors"))
    np.testing.assert_array_equal(ages["source_id"], np.arange(1, N + 1))
    np.testing.assert_array_equal(posteriors["source_id"], ages["source_id"])
    nodes = np.array(read_provenance(made / "posteriors.parquet")["log_age"])
    assert posteriors["likelihood"].shape == (N, nodes.size)
    assert posteriors["likelihood"].dtype == np.float32
    missing = np.arange(N) == 7
    np.testing.assert_array_equal(np.isnan(posteriors["likelihood"][:, 0]), missing)
    np.testing.assert_allclose(posteriors["likelihood"][~missing] @ trapezoid_weights(nodes), 1.0, rtol=1e-5)
    assert ages["missing"][7] == "ebv_mag"
    half = cumulative_at(
        log_likelihood(posteriors["likelihood"]), log_age_prior(nodes, "time"), nodes, ages["log_age_p50_dex"]
    )
    np.testing.assert_allclose(half[~missing], 0.5, atol=2e-3)


def test_summary_counts_what_the_table_holds(made):
    summary = json.loads((made / "ages.json").read_text(encoding="utf-8"))
    ages = read_columns(made / "ages.parquet")
    n = summary["n_stars"]
    assert (n["all"], n["with_age"], n["good"]) == (N, N - 1, int(ages["is_good"].sum()))
    assert n["missing"] == {"ebv_mag": 1}
    assert n["flagged"]["is_at_old_edge"] == int(ages["is_at_old_edge"].sum())
    good = ages["is_good"].astype(bool)
    assert summary["median_log_age_error_dex"] == pytest.approx(np.median(ages["log_age_error_dex"][good]))
    assert summary["age_prior"] == "time"
    assert summary["feh_dex"] == [-0.2, 0.0, 0.2]


def run_check(folder, **changes):
    arguments = {
        "ages": folder / "ages.parquet",
        "posteriors": folder / "posteriors.parquet",
        "truth": folder / "truth.parquet",
        "result": folder / "check.json",
        "name": "ages",
        "weighted": False,
        "coverage_tolerance": 0.12,
        "bias_tolerance": 0.3,
        "threads": 2,
    }
    check_ages.run(**arguments | changes)
    return json.loads((folder / "check.json").read_text(encoding="utf-8"))


def test_check_passes_on_stars_of_the_priors_and_fails_on_wrong_truth(made):
    records = run_check(made)
    assert [record["pass"] for record in records] == [True] * 3
    truth = read_columns(made / "truth.parquet")
    write_loose(made / "wrong.parquet", truth | {"age_Gyr": truth["age_Gyr"] * 2.0})
    records = run_check(made, truth=made / "wrong.parquet")
    assert not records[0]["pass"]
    assert not records[2]["pass"]


def test_tables_of_other_stars_and_missing_columns_are_refused(made, tmp_path):
    stars = read_columns(made / "stars.parquet")
    write_loose(tmp_path / "stars.parquet", {name: column[::-1] for name, column in stars.items()})
    arguments = settings(made) | {"ages": tmp_path / "a.parquet", "posteriors": tmp_path / "p.parquet"}
    with pytest.raises(DiscatlasError, match="another order"):
        estimate_ages.run(**arguments | {"stars": tmp_path / "stars.parquet"})
    write_loose(tmp_path / "stars.parquet", {name: column[1:] for name, column in stars.items()})
    with pytest.raises(DiscatlasError, match="has 119; make both anew"):
        estimate_ages.run(**arguments | {"stars": tmp_path / "stars.parquet"})
    with pytest.raises(DiscatlasError, match=r"no column 'ebv'.*'ebv_mag'"):
        estimate_ages.run(**arguments | {"extinction": EXTINCTION | {"column": "ebv"}})
    assert not (tmp_path / "a.parquet").exists()
    assert not (tmp_path / "p.parquet").exists()


def test_lists_are_written_and_read_as_rows(tmp_path):
    contract = load_contract("age_posteriors")
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    rows[2] = np.nan
    write_table(tmp_path / "a.parquet", contract, {"source_id": np.arange(4), "likelihood": rows}, {})
    np.testing.assert_array_equal(read_columns(tmp_path / "a.parquet")["likelihood"], rows)
    with TableWriter(tmp_path / "b.parquet", contract) as writer:
        for part in (slice(0, 1), slice(1, 4)):
            writer.write({"source_id": np.arange(4)[part], "likelihood": rows[part]})
    np.testing.assert_array_equal(read_columns(tmp_path / "b.parquet")["likelihood"], rows)
    write_table(tmp_path / "c.parquet", contract, {"source_id": np.arange(0), "likelihood": rows[:0]}, {})
    assert len(read_columns(tmp_path / "c.parquet")["likelihood"]) == 0
    uneven = {"source_id": np.arange(2), "likelihood": [[1.0], [1.0, 2.0]]}
    write_table(tmp_path / "d.parquet", contract, uneven, {})
    with pytest.raises(DiscatlasError, match="lists of 1 to 2 values"):
        read_columns(tmp_path / "d.parquet")
