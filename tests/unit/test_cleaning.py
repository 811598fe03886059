"""Cleaning: duplicates by each rule, a cut flow whose counts add up, and the script on a whole file."""

import json

import numpy as np
import polars as pl
import pytest

from discatlas import cleaning
from discatlas.cleaning import duplicate_rows
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, read_provenance, write_table

IDS = pl.DataFrame({"source_id": [7, 8, 7, 9, 8, 7, None, None], "err": [3.0, 1.0, 2.0, 5.0, None, 2.0, 1.0, 1.0]})


def batches_of(frame, size):
    return lambda columns: (frame.select(columns).slice(i, size) for i in range(0, frame.height, size))


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize(("keep", "expected"), [("first", [2, 4, 5]), ("lowest", [0, 4, 5]), ("highest", [2, 4, 5])])
def test_one_row_per_identifier_stays_whatever_the_batches(keep, expected, size):
    dropped = duplicate_rows(batches_of(IDS, size), IDS.height, "source_id", keep, "err")
    assert dropped.tolist() == expected


@pytest.mark.parametrize("keep", ["first", "lowest", "highest"])
def test_many_passes_give_the_same_as_one(keep, monkeypatch):
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"source_id": rng.integers(0, 400, 1000), "err": rng.random(1000)})
    once = duplicate_rows(batches_of(frame, 100), 1000, "source_id", keep, "err")
    monkeypatch.setattr(cleaning, "ROWS_PER_PASS", 90)
    assert np.array_equal(duplicate_rows(batches_of(frame, 100), 1000, "source_id", keep, "err"), once)
    assert 1000 - once.size == frame["source_id"].n_unique()


def test_texts_are_identifiers_too():
    frame = pl.DataFrame({"name": ["a", "b", "a", None, None, "c"]})
    assert duplicate_rows(batches_of(frame, 2), 6, "name", "first", None).tolist() == [2]


def test_duplicates_are_an_error_where_so_declared():
    with pytest.raises(DiscatlasError, match=r"source_id 7 stands in more than one row \(first: row 0; 5 such rows\)"):
        duplicate_rows(batches_of(IDS, 3), IDS.height, "source_id", "error", None)


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "catalogue.parquet"
    stars = {
        "source_id": np.array([1, 2, 3, 4, 4, 5, 6]),
        "ra": np.array([10.0, 20.0, np.nan, 40.0, 40.0, 50.0, 60.0]),
        "dec": np.zeros(7),
        "parallax": np.array([1.0, 2.0, 1.0, 0.5, 0.4, -1.0, 4.0]),
        "parallax_error": np.array([0.1, 0.1, 0.1, 0.3, 0.2, 0.1, 0.1]),
        "ruwe": np.array([1.0, np.nan, 1.0, 1.0, 1.0, 1.0, 1.7]),
    }
    write_table(path, load_contract("catalogue"), stars, {"source": "test", "missing": {"ra": 1}, "out_of_range": {}})
    return path


def clean(catalogue, tmp_path, cuts, **changes):
    from clean_sample import run

    out = {
        "sample": tmp_path / "sample.parquet",
        "cut_flow": tmp_path / "flow.parquet",
        "cut_flow_json": tmp_path / "flow.json",
    }
    declared = {
        "corrections": [],
        "distance": "inverse_parallax",
        "duplicates": {"by": "source_id", "keep": "lowest", "order_by": "parallax_error"},
    }
    run(catalogue=catalogue, cuts=cuts, **out, **(declared | changes))
    return out


def test_every_row_is_accounted_for(catalogue, tmp_path):
    out = clean(catalogue, tmp_path, [{"name": "astrometry", "expression": "ruwe < 1.4"}])
    flow = read_columns(out["cut_flow"])
    assert flow["name"].tolist() == ["catalogue", "duplicates", "position and distance", "astrometry"]
    assert flow["n_before"].tolist() == [7, 7, 6, 4]
    assert flow["n_after"].tolist() == [7, 6, 4, 2]  # 3 has no ra, 5 no distance; 2 has no ruwe, 6 a bad one
    assert flow["n_removed"].tolist() == [0, 1, 2, 2]
    assert flow["n_missing"].tolist() == [0, 0, 2, 1]
    stars = read_columns(out["sample"])
    assert stars["source_id"].tolist() == [1, 4]
    assert stars["parallax"].tolist() == [1.0, 0.4]  # of the two rows of star 4, the one with the smaller error
    assert np.allclose(stars["distance_kpc"], [1.0, 2.5])
    assert np.allclose(stars["distance_error_kpc"], [0.1, 0.2 / 0.4**2])
    record = json.loads(out["cut_flow_json"].read_text(encoding="utf-8"))
    assert record["missing_in_catalogue"] == {"ra": 1}
    assert record["steps"][3]["n_missing"] == 1
    assert read_provenance(out["sample"])["catalogue"]["source"] == "test"


def test_a_distance_beyond_reason_is_no_distance(tmp_path):
    path = tmp_path / "catalogue.parquet"
    stars = {
        "source_id": np.arange(3),
        "ra": np.zeros(3),
        "dec": np.zeros(3),
        "parallax": np.array([1.0, 1e-5, 0.0]),
        "parallax_error": np.full(3, 0.5),
    }
    write_table(path, load_contract("catalogue"), stars, {})
    out = clean(path, tmp_path, [])
    assert read_columns(out["sample"])["source_id"].tolist() == [0]
    assert read_columns(out["cut_flow"])["n_missing"].tolist() == [0, 0, 2]


def test_order_of_cuts_moves_the_counts_but_not_the_stars(catalogue, tmp_path):
    cuts = [{"name": "a", "expression": "ruwe < 1.4"}, {"name": "b", "expression": "parallax > 0.45"}]
    first = read_columns(clean(catalogue, tmp_path, cuts)["sample"])["source_id"]
    second = read_columns(clean(catalogue, tmp_path, cuts[::-1])["sample"])["source_id"]
    assert first.tolist() == second.tolist() == [1]


def test_a_cut_that_keeps_no_star_is_an_error_and_leaves_the_earlier_product(catalogue, tmp_path):
    out = clean(catalogue, tmp_path, [])
    before = out["sample"].read_bytes()
    with pytest.raises(DiscatlasError, match=r"0 of 4 rows pass 'near' \(parallax > 5\)"):
        clean(catalogue, tmp_path, [{"name": "near", "expression": "parallax > 5"}])
    assert out["sample"].read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


def test_a_cut_on_constants_alone_keeps_or_drops_all(catalogue, tmp_path):
    assert (
        read_columns(clean(catalogue, tmp_path, [{"name": "all", "expression": "1 < 2"}])["sample"])["source_id"].size
        == 4
    )


def test_missing_columns_are_named_with_the_nearest(catalogue, tmp_path):
    with pytest.raises(DiscatlasError, match=r"no column 'ruw' \(nearest: 'ruwe'\)"):
        clean(catalogue, tmp_path, [{"name": "x", "expression": "ruw < 1"}])
    with pytest.raises(DiscatlasError, match="r_med_geo"):
        clean(catalogue, tmp_path, [], distance="geometric")
    with pytest.raises(DiscatlasError, match="no column 'name'"):
        clean(catalogue, tmp_path, [], duplicates={"by": "name", "keep": "first"})


def test_a_table_of_zero_rows_is_an_error(tmp_path):
    path = tmp_path / "empty.parquet"
    write_table(
        path, load_contract("catalogue"), {name: np.empty(0) for name in ("source_id", "ra", "dec", "parallax")}, {}
    )
    with pytest.raises(DiscatlasError, match="no rows"):
        clean(path, tmp_path, [])
