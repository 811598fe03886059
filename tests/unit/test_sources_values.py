"""The mapping and the values: extra columns, missing, out of range, text that is no number, identifiers."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_files import open_catalogue

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.sources.mapping import parse_mapping


def read_csv(tmp_path, text, columns, **options):
    """Read a CSV text, whole; returns columns and report."""
    path = tmp_path / "stars.csv"
    path.write_text(text, encoding="utf-8")
    catalogue = open_catalogue(path, "csv", columns, **options)
    batches = list(catalogue.batches)
    return {name: np.ma.concatenate([batch[name] for batch in batches]) for name in catalogue.names}, catalogue.report


def extra(column, dtype="float64", unit=""):
    return {"column": column, "unit": unit, "dtype": dtype, "description": "an extra column"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "the mapping is empty"),
        ({"pmrA": "a"}, r"columns.pmrA: no standard column 'pmrA' \(nearest: 'pmra'\).*description, unit, dtype"),
        ({"colour": {"column": "a", "unit": "mag"}}, r"giving also description, dtype"),
        ({"ra": {"column": "a", "units": "deg"}}, r"columns.ra: unknown key 'units' \(nearest: 'unit'\)"),
        ({"ra": {"unit": "deg"}}, r"columns.ra: 'column' is None, expected the name"),
        ({"ra": {"column": "a", "index": -1}}, r"columns.ra: 'index' is -1, expected the number of a component"),
        ({"colour": extra("a", "float")}, r"columns.colour: dtype 'float' \(nearest: 'float64'\)"),
        ({"colour": extra("a", unit="mags")}, r"columns.colour: unit 'mags' is not understood"),
    ],
)
def test_wrong_mapping(columns, message):
    with pytest.raises(DiscatlasError, match=message):
        parse_mapping(columns, load_contract("catalogue"))


def test_order_is_the_contract_s_with_extra_columns_last():
    columns = {"colour": extra("c", unit="mag"), "feh_dex": "f", "dec": "d", "quality_class": "q", "ra": "r"}
    mapping = parse_mapping(columns, load_contract("catalogue"))
    assert mapping.names == ["source_id", "ra", "dec", "feh_dex", "quality_class", "colour"]
    assert mapping.contract.column("colour").unit == "mag"
    assert "Row number" in mapping.contract.column("source_id").description
    assert (
        "Row number"
        not in parse_mapping({"source_id": "i"}, load_contract("catalogue")).contract.column("source_id").description
    )


def test_row_number_stands_in_for_an_identifier(tmp_path):
    got, _ = read_csv(tmp_path, "x\n" + "1\n" * 7, {"ra": "x"}, batch_rows=3)
    assert got["source_id"].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_missing_text_is_counted(tmp_path):
    cells = ["nan", "NaN", "null", "NULL", "", "--", "   ", " -- ", " 1.5 ", "2e3", "-.5", "+4", '" 7 "']
    got, report = read_csv(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells), {"quality": "x"})
    np.testing.assert_array_equal(got["quality"], [np.nan] * 8 + [1.5, 2000, -0.5, 4, 7])
    assert report.missing["quality"] == 8
    assert report.rows == 13


@pytest.mark.parametrize(
    ("target", "cells", "message"),
    [
        (
            "parallax",
            ["1", "nan", "12,5"],
            r"column 'x': data row 3 \(the first is 1\) holds '12,5', expected a number",
        ),
        ("parallax", ["1", "~", "x"], r"data row 2 \(the first is 1\) holds '~'"),
        ("source_id", ["1", "Gaia DR3 5"], r"data row 2 \(the first is 1\) holds 'Gaia DR3 5', expected an integer"),
        ("source_id", ["1", "1.5"], r"data row 2 \(the first is 1\) holds 1.5, expected an integer"),
        ("source_id", ["1", "nan"], r"data row 2 .* holds no value, expected one in every row of 'source_id'"),
        ("source_id", ["1", "99999999999999999999"], r"data row 2 .* holds 1e\+20, expected an integer, exact"),
        ("flag", ["true", "0", "maybe"], r"data row 3 .* holds 'maybe', expected true, false or nothing"),
    ],
)
def test_text_that_is_no_number(tmp_path, target, cells, message):
    columns = {target: extra("x", "bool") if target == "flag" else "x"}
    with pytest.raises(DiscatlasError, match=message):
        read_csv(tmp_path, "x,y\n" + "".join(f'"{cell}",1\n' for cell in cells), columns)


def test_row_number_in_messages_counts_over_batches(tmp_path):
    text = "x\n" + "1\n" * 10 + "bad\n"
    with pytest.raises(DiscatlasError, match=r"data row 11 \(the first is 1\) holds 'bad'"):
        read_csv(tmp_path, text, {"ra": "x"}, batch_rows=4)


def test_identifiers_of_19_digits_stay_exact(tmp_path):
    got, _ = read_csv(
        tmp_path, "id\n 5853498713190525696\n6917528997577384321 \n9223372036854775807\n", {"source_id": "id"}
    )
    assert got["source_id"].tolist() == [5853498713190525696, 6917528997577384321, 9223372036854775807]


def test_identifiers_that_went_through_floats_are_refused(tmp_path):
    pq.write_table(pa.table({"id": pa.array([5.0, 5.853498713190526e18])}), tmp_path / "stars.parquet")
    with pytest.raises(DiscatlasError, match=r"data row 2 .* holds 5.853498713190526e\+18, expected an integer, exact"):
        next(open_catalogue(tmp_path / "stars.parquet", "parquet", {"source_id": "id"}).batches)
    pq.write_table(pa.table({"id": pa.array([1, 2**63 + 1], pa.uint64())}), tmp_path / "stars.parquet")
    with pytest.raises(DiscatlasError, match=r"data row 2 .* holds 9223372036854775809, expected .* fits into int64"):
        next(open_catalogue(tmp_path / "stars.parquet", "parquet", {"source_id": "id"}).batches)


def test_integers_written_as_floats_are_read(tmp_path):
    got, report = read_csv(tmp_path, "n,y\n31.0,1\n,1\n95,1\n3,1\n200,1\n", {"astrometric_params_solved": "n"})
    assert got["astrometric_params_solved"].tolist() == [31, None, 95, 3, None]
    assert report.missing["astrometric_params_solved"] == 1
    assert report.out_of_range["astrometric_params_solved"] == 1


def test_out_of_range_is_set_to_missing_and_counted(tmp_path):
    text = "ra,dec,rv\n359,90.5,1\n361,-90,9999\n-181,nan,inf\n400,0,-inf\n"
    columns = {"ra": "ra", "dec": "dec", "radial_velocity": "rv"}
    got, report = read_csv(tmp_path, text, columns)
    np.testing.assert_array_equal(got["ra"], [359, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(got["dec"], [np.nan, -90, np.nan, 0])
    np.testing.assert_array_equal(got["radial_velocity"], [1, np.nan, np.nan, np.nan])
    assert report.out_of_range == {"source_id": 0, "ra": 3, "dec": 1, "radial_velocity": 3}
    assert report.missing == {"source_id": 0, "ra": 0, "dec": 1, "radial_velocity": 0}


def test_right_ascension_is_wrapped_and_longitude_is_not(tmp_path):
    got, report = read_csv(tmp_path, "x\n-180\n-0.25\n0\n180\n359.75\n", {"ra": "x", "l": "x"})
    np.testing.assert_array_equal(got["ra"], [180, 359.75, 0, 180, 359.75])
    np.testing.assert_array_equal(got["l"], [-180, -0.25, 0, 180, 359.75])
    assert report.out_of_range["ra"] == 0


def test_text_columns(tmp_path):
    text = 'name,id\n"NGC 1, the ""first""",7\n  M 67  ,8\n--,9\nTrümpler 14,10\n'
    got, report = read_csv(tmp_path, text, {"name": "name", "quality_class": "id"})
    assert got["name"].tolist() == ['NGC 1, the "first"', "M 67", None, "Trümpler 14"]
    assert got["quality_class"].tolist() == ["7", "8", "9", "10"]
    assert report.missing["name"] == 1


def test_numbers_as_text_columns(tmp_path):
    pq.write_table(pa.table({"n": pa.array([12, None, 3]), "x": pa.array([1.5, np.nan, None])}), tmp_path / "a.parquet")
    columns = {"name": "n", "quality_class": "x"}
    batch = next(open_catalogue(tmp_path / "a.parquet", "parquet", columns).batches)
    assert batch["name"].tolist() == ["12", None, "3"]
    assert batch["quality_class"].tolist() == ["1.5", None, None]


def test_extra_columns_of_other_types(tmp_path):
    columns = {"flag": extra("f", "bool"), "half": extra("x", "float32", "km"), "n": extra("n", "int32")}
    got, report = read_csv(tmp_path, "f,x,n\ntrue,1.5,1\nF,,2\n--,2,\n1,3,4\n", columns)
    assert got["flag"].tolist() == [True, False, None, True]
    assert got["n"].tolist() == [1, 2, None, 4]
    np.testing.assert_array_equal(got["half"], np.array([1.5, np.nan, 2, 3], dtype=np.float32))
    assert (got["half"].dtype, got["n"].dtype) == (np.float32, np.int32)
    assert report.missing == {"source_id": 0, "flag": 1, "half": 1, "n": 1}
    with pytest.raises(
        DiscatlasError, match=r"data row 1 .* holds 3000000000, expected an integer that fits into int32"
    ):
        read_csv(tmp_path, "n,y\n3000000000,1\n", {"n": extra("n", "int32")})


def test_header_with_blanks_byte_order_mark_and_windows_lines(tmp_path):
    got, _ = read_csv(tmp_path, "\ufeff ra , dec\r\n1,2\r\n3,4\r\n", {"ra": "ra", "dec": "dec"})
    assert got["ra"].tolist() == [1, 3]
    assert got["dec"].tolist() == [2, 4]


def test_two_columns_of_one_name(tmp_path):
    with pytest.raises(DiscatlasError, match="2 columns are named 'ra'"):
        read_csv(tmp_path, "ra,dec, ra\n1,2,3\n", {"ra": "ra"})
    got, _ = read_csv(tmp_path, "ra,dec, ra\n1,2,3\n", {"dec": "dec"})
    assert got["dec"].tolist() == [2]


def test_batches_give_the_same_values(tmp_path):
    """A file of many blocks: every split gives the same columns and counts."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 60, size=20_000)
    text = "dec,name\n" + "".join(f"{value!r},s{number}\n" for number, value in enumerate(values.tolist()))
    whole, report = read_csv(tmp_path, text, {"dec": "dec", "name": "name"})
    parts, parts_report = read_csv(tmp_path, text, {"dec": "dec", "name": "name"}, batch_rows=777)
    np.testing.assert_array_equal(whole["dec"], np.where(np.abs(values) <= 90, values, np.nan))
    np.testing.assert_array_equal(whole["dec"], parts["dec"])
    assert whole["name"].tolist() == parts["name"].tolist()
    assert report == parts_report
    assert report.out_of_range["dec"] == np.count_nonzero(np.abs(values) > 90)
