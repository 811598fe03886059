"""Script of rule clean_catalogue: a file becomes a table that keeps its contract, with its provenance."""

import hashlib
import logging

import numpy as np
import pyarrow.parquet as pq
import pytest
import source_files

import clean_catalogue
from discatlas.errors import DiscatlasError
from discatlas.tables import count_rows, read_columns, read_provenance

EXTRA = {"column": "CST", "unit": "", "dtype": "float64", "description": "significance"}


def clean(raw, catalogue, **options):
    settings = {
        "file_format": "csv",
        "table": None,
        "columns": {"ra": "ra", "dec": "dec"},
        "digest": None,
        "date": "2023-05",
        "citation": "A paper",
        "query": None,
        "origin": "stars.csv",
    }
    clean_catalogue.run(raw=raw, catalogue=catalogue, **(settings | options))


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "data" / "stars.csv"
    path.parent.mkdir()
    path.write_text("ra,dec,CST\n1,2,3\n-5,95,4\n7,nan,5\n")
    return path


def test_table_units_and_provenance(tmp_path, raw, caplog):
    catalogue = tmp_path / "results" / "stars.parquet"
    digest = hashlib.sha256(raw.read_bytes()).hexdigest()
    columns = {"significance": EXTRA, "dec": "dec", "ra": "ra"}
    with caplog.at_level(logging.INFO):
        clean(raw, catalogue, columns=columns, digest=f"sha256:{digest}", query="SELECT 1")
    table = read_columns(catalogue)
    assert list(table) == ["source_id", "ra", "dec", "significance"]
    np.testing.assert_array_equal(table["ra"], [1, 355, 7])
    np.testing.assert_array_equal(table["dec"], [2, np.nan, np.nan])
    np.testing.assert_array_equal(table["source_id"], [0, 1, 2])
    assert read_provenance(catalogue) == {
        "table": "catalogue",
        "source": "stars.csv",
        "sha256": digest,
        "query": "SELECT 1",
        "date": "2023-05",
        "citation": "A paper",
        "rows": 3,
        "missing": {"source_id": 0, "ra": 0, "dec": 1, "significance": 0},
        "out_of_range": {"source_id": 0, "ra": 0, "dec": 1, "significance": 0},
    }
    assert str(tmp_path) not in str(pq.read_metadata(catalogue).metadata)
    assert pq.read_schema(catalogue).field("ra").metadata[b"unit"] == b"deg"
    assert "stars.csv: 3 rows" in caplog.text
    assert "dec: 1 missing, 1 out of range (set to missing)" in caplog.text


def test_digest_that_differs_shows_both(tmp_path, raw):
    found = hashlib.md5(raw.read_bytes(), usedforsecurity=False).hexdigest()
    with pytest.raises(DiscatlasError, match=f"md5 digest is {found}, expected {'0' * 32}"):
        clean(raw, tmp_path / "stars.parquet", digest="md5:" + "0" * 32)


def test_failure_leaves_the_earlier_product_intact(tmp_path, raw):
    catalogue = tmp_path / "stars.parquet"
    clean(raw, catalogue)
    before = catalogue.read_bytes()
    raw.write_text("ra,dec\n" + "1,2\n" * 5 + "1,oops\n")
    with pytest.raises(DiscatlasError, match=r"column 'dec': data row 6 \(the first is 1\) holds 'oops'"):
        clean(raw, catalogue)
    assert catalogue.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "stars.parquet"]


def test_zero_rows_write_nothing(tmp_path, raw):
    raw.write_text("ra,dec\n")
    with pytest.raises(DiscatlasError, match="holds zero rows"):
        clean(raw, tmp_path / "stars.parquet")
    assert not (tmp_path / "stars.parquet").exists()


def test_all_formats_give_the_same_table(tmp_path):
    """The tables from FITS and from HDF5 hold the same stars, though neither units nor layout agree in the files."""
    source_files.write_fits(tmp_path / "stars.fits")
    source_files.write_hdf5(tmp_path / "stars.hdf5")
    cases = {"fits": (source_files.mapping(declare=False), "STARS"), "hdf5": (source_files.hdf5_mapping(), "Stardata")}
    tables = {}
    for file_format, (columns, table) in cases.items():
        catalogue = tmp_path / f"{file_format}.parquet"
        clean(tmp_path / f"stars.{file_format}", catalogue, file_format=file_format, table=table, columns=columns)
        tables[file_format] = read_columns(catalogue)
    for name, values in tables["fits"].items():
        if values.dtype == object:
            assert values.tolist() == tables["hdf5"][name].tolist()
        else:
            np.testing.assert_allclose(values, tables["hdf5"][name], rtol=1e-12, atol=0, err_msg=name)


def test_reading_the_product_again_changes_nothing(tmp_path):
    """A round trip through a Parquet file with units gives the same columns."""
    source_files.write_parquet(tmp_path / "raw.parquet")
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    clean(tmp_path / "raw.parquet", first, file_format="parquet", columns=source_files.mapping(declare=True))
    names = pq.read_schema(first).names
    clean(first, second, file_format="parquet", columns={name: name for name in names})
    assert pq.read_table(first).equals(pq.read_table(second))
    assert pq.read_schema(first).equals(pq.read_schema(second), check_metadata=True)


def test_hunt_and_reffert_2023(tmp_path, real_data):
    catalogue = tmp_path / "hunt2023.parquet"
    columns = {
        "source_id": "ID",
        "name": "Name",
        "ra": {"column": "RA_ICRS", "unit": "deg"},
        "radial_velocity": {"column": "RV", "unit": "km / s"},
        "catalogue_distance_kpc": {"column": "dist50", "unit": "pc"},
        "significance": EXTRA,
    }
    clean(real_data / "hunt2023_open_clusters.csv", catalogue, columns=columns)
    assert count_rows(catalogue) == 6806
    record = read_provenance(catalogue)
    assert record["sha256"].startswith("0e1a931b8b584f50")
    assert record["rows"] - record["missing"]["radial_velocity"] == 5469
    assert record["out_of_range"]["ra"] == 0
