"""Tables: contracts are kept, files are whole or absent, bytes do not depend on how rows arrive."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from astropy import units

from discatlas.contracts import error_column, join_unit, load_contract, split_unit
from discatlas.errors import DiscatlasError
from discatlas.tables import (
    ROW_GROUP_ROWS,
    TableWriter,
    column_names,
    count_rows,
    extra_columns,
    frame_batches,
    read_batches,
    read_columns,
    read_provenance,
    write_table,
)
from places import ROOT

CATALOGUE = load_contract("catalogue")


def stars(n, start=0):
    index = np.arange(start, start + n)
    return {"source_id": index, "ra": index % 360 / 1.0, "dec": np.where(index % 7 == 0, np.nan, 1.0)}


def write(path, parts, names=("source_id", "ra", "dec")):
    with TableWriter(path, CATALOGUE, names, {"source": "test"}) as writer:
        for part in parts:
            writer.write(part)
    return path


def test_bytes_do_not_depend_on_the_batches(tmp_path):
    n = 2 * ROW_GROUP_ROWS + 1000
    whole = write(tmp_path / "whole.parquet", [stars(n)])
    sizes = [1, 70_000, 130_000, n - 200_001]
    starts = np.cumsum([0, *sizes[:-1]])
    parts = write(tmp_path / "parts.parquet", [stars(size, start) for size, start in zip(sizes, starts, strict=True)])
    assert whole.read_bytes() == parts.read_bytes()
    assert [pq.ParquetFile(whole).metadata.row_group(i).num_rows for i in range(3)] == [
        ROW_GROUP_ROWS,
        ROW_GROUP_ROWS,
        1000,
    ]


def test_round_trip_through_arrays_and_frames(tmp_path):
    path = write(tmp_path / "x.parquet", [stars(1000)])
    back = read_columns(path)
    for name, values in stars(1000).items():
        assert np.array_equal(back[name], values, equal_nan=True)
    assert pl.concat(frame_batches(path, rows=300))["dec"].null_count() == 143
    assert sum(batch["ra"].size for batch in read_batches(path, ["ra"], rows=300)) == count_rows(path) == 1000
    copy = tmp_path / "copy.parquet"
    write_table(copy, CATALOGUE, pl.read_parquet(path), {"source": "test"})
    assert copy.read_bytes() == path.read_bytes()


def test_units_descriptions_and_provenance_travel_in_the_file(tmp_path):
    path = write(tmp_path / "x.parquet", [stars(3)])
    field = pq.read_schema(path).field("ra")
    assert field.metadata == {b"unit": b"deg", b"description": b"Right ascension, ICRS"}
    assert not pq.read_schema(path).field("source_id").nullable
    assert read_provenance(path) == {"table": "catalogue", "source": "test"}
    assert column_names(path) == ["source_id", "ra", "dec"]


BROKEN = [
    ({"ra": np.array([10.0, 361.0])}, r"'ra' holds 361 deg, expected 0 to 360 deg"),
    ({"dec": np.array([-91.0, 0.0])}, r"'dec' holds -91 deg, expected -90 to 90 deg"),
    ({"ra": np.array([10.0, np.inf])}, r"'ra' holds inf deg"),
    ({"source_id": np.ma.array([1, 2], mask=[False, True])}, r"'source_id' is missing in 1 rows \(first: row 1\)"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=["high", "low", "infinite", "null"])
def test_a_broken_contract_leaves_the_earlier_file_and_no_other(tmp_path, change, message):
    path = write(tmp_path / "x.parquet", [stars(2)])
    before = path.read_bytes()
    with pytest.raises(DiscatlasError, match=message):
        write(path, [stars(200_000), stars(2) | change])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_unknown_and_missing_columns(tmp_path):
    with pytest.raises(DiscatlasError, match=r"no column 'rra' in its contract \(nearest: 'ra'\)"):
        write_table(tmp_path / "x", CATALOGUE, {"source_id": [1], "rra": [1.0]}, {})
    with pytest.raises(DiscatlasError, match="required column 'source_id' is missing"):
        write_table(tmp_path / "x", CATALOGUE, {"ra": [1.0]}, {})
    path = write(tmp_path / "x.parquet", [stars(2)])
    with pytest.raises(DiscatlasError, match=r"no column 'decc' \(nearest: 'dec'\)"):
        read_columns(path, ["decc"])
    with pytest.raises(DiscatlasError, match=r"no contract for table 'phase_spac' .*'phase_space'"):
        load_contract("phase_spac")


def test_truncated_foreign_and_absent_files_are_explained(tmp_path):
    path = write(tmp_path / "x.parquet", [stars(100_000)])
    path.write_bytes(path.read_bytes()[:-200])
    for damaged in (path, ROOT / "README.md"):
        with pytest.raises(DiscatlasError, match="not a whole Parquet file"):
            read_columns(damaged)
    with pytest.raises(DiscatlasError, match="no such file"):
        read_columns(tmp_path / "absent.parquet")


def test_a_damaged_page_is_explained(tmp_path):
    path = write(tmp_path / "x.parquet", [stars(100_000)])
    content = bytearray(path.read_bytes())
    content[2000:60_000] = bytes(58_000)
    path.write_bytes(bytes(content))
    with pytest.raises(DiscatlasError, match="damaged"):
        list(read_batches(path))


def test_empty_table_keeps_its_columns(tmp_path):
    path = write(tmp_path / "x.parquet", [])
    assert count_rows(path) == 0
    assert read_columns(path)["ra"].size == 0


def test_templates_are_filled_value_by_value_with_their_units():
    contract = load_contract("map").expand(a=["phi_deg", "R_kpc"], q=["v_R_kms", "feh_dex"])
    assert contract.names[2:6] == ["phi_centre_deg", "phi_mean_deg", "R_centre_kpc", "R_mean_kpc"]
    assert contract.column("v_R_ml_mean_error_kms").unit == "km / s"
    assert contract.column("sigma_feh_dex").unit == "dex"
    assert contract.column("feh_n_stars").unit == ""
    assert load_contract("map").expand(a=["R_kpc"], q=[]).names == ["cell", "n_stars", "R_centre_kpc", "R_mean_kpc"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "workflow/schemas/tables").glob("*.yaml")))
def test_every_contract_has_units_and_meanings(name):
    contract = load_contract(name)
    assert len(set(contract.names)) == len(contract.names)
    for column in contract.columns:
        assert column.description
        if "{" not in column.unit:
            units.Unit(column.unit)
        if "{" not in column.name and (suffix := split_unit(column.name)[1]):
            from discatlas.contracts import SUFFIX_UNITS

            assert column.unit == SUFFIX_UNITS[suffix], column.name


def test_unit_suffixes():
    assert split_unit("L_z_kpc_kms") == ("L_z", "kpc_kms")
    assert split_unit("ruwe") == ("ruwe", "")
    assert join_unit(*split_unit("v_phi_kms")) == "v_phi_kms"
    assert error_column("L_z_kpc_kms") == "L_z_error_kpc_kms"
    assert error_column("radial_velocity") == "radial_velocity_error"


def test_extra_columns_describe_themselves(tmp_path):
    path = tmp_path / "x.parquet"
    from discatlas.contracts import Column

    contract = CATALOGUE.extend([Column("significance", "", "float64", True, None, None, True, "of the cluster")])
    write_table(path, contract, {"source_id": [1], "significance": [5.0]}, {})
    extras = extra_columns(path, CATALOGUE)
    assert [(column.name, column.dtype, column.description) for column in extras] == [
        ("significance", "float64", "of the cluster")
    ]
