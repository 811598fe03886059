"""Every file format gives the same standard columns, whatever its units and its marks for missing values."""

import gzip
import warnings

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import source_files
from astropy.io import fits
from source_files import STANDARD, open_catalogue

from discatlas.errors import DiscatlasError

CASES = {
    "parquet": ("stars.parquet", source_files.write_parquet, source_files.mapping(declare=False), None),
    "fits": ("stars.fits", source_files.write_fits, source_files.mapping(declare=True), "stars"),
    "votable": ("stars.vot", source_files.write_votable, source_files.mapping(declare=False), None),
    "ecsv": ("stars.ecsv", source_files.write_ecsv, source_files.mapping(declare=True), None),
    "csv": ("stars.csv", source_files.write_csv, source_files.mapping(declare=True), None),
    "hdf5": ("stars.hdf5", source_files.write_hdf5, source_files.hdf5_mapping(), "Stardata"),
}
MISSING = {"source_id": 0, "name": 1, "ra": 0, "dec": 1, "parallax": 1, "pmra": 1, "pmdec": 1, "radial_velocity": 2}
MISSING |= {"astrometric_params_solved": 1, "catalogue_distance_kpc": 1, "feh_dex": 1}


def read(path, file_format, columns, table=None, **options):
    """Read all batches into whole columns, with the report."""
    catalogue = open_catalogue(path, file_format, columns, table, **options)
    batches = list(catalogue.batches)
    return {name: np.ma.concatenate([batch[name] for batch in batches]) for name in catalogue.names}, catalogue.report


def assert_standard(columns):
    for name, expected in STANDARD.items():
        got = columns[name]
        if expected.dtype == np.float64:
            np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=0, err_msg=name)
        elif np.ma.isMaskedArray(expected):
            assert got.tolist() == expected.tolist()
            assert got.dtype == np.int64
        else:
            assert got.tolist() == expected.tolist(), name


@pytest.mark.parametrize("file_format", CASES)
@pytest.mark.parametrize("batch_rows", [131_072, 4, 1])
def test_formats_agree(tmp_path, file_format, batch_rows):
    name, write, mapping, table = CASES[file_format]
    write(tmp_path / name)
    columns, report = read(tmp_path / name, file_format, mapping, table, batch_rows=batch_rows)
    assert_standard(columns)
    assert list(columns) == list(STANDARD)
    assert report.rows == 6
    assert report.missing == MISSING
    assert set(report.out_of_range.values()) == {0}


@pytest.mark.parametrize("file_format", ["fits", "votable", "ecsv", "csv"])
def test_gzipped_files_are_the_same(tmp_path, file_format):
    name, write, mapping, table = CASES[file_format]
    write(tmp_path / name)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress((tmp_path / name).read_bytes(), mtime=0))
    columns, _ = read(path, file_format, mapping, table, batch_rows=4)
    assert_standard(columns)


@pytest.mark.parametrize("table", [None, 2, "STARS", "stars"])
def test_fits_extensions(tmp_path, table):
    source_files.write_fits(tmp_path / "stars.fits")
    columns, _ = read(tmp_path / "stars.fits", "fits", {"ra": "RAJ"}, table)
    np.testing.assert_allclose(columns["ra"], STANDARD["ra"], rtol=1e-12)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("STARZ", r"no extension 'STARZ' \(nearest: 'STARS'\); the file has: 0 PRIMARY \(PrimaryHDU\), 1 PICTURE"),
        (7, r"no extension 7; the file has"),
        (1, r"extension 1 is a ImageHDU, expected a binary table"),
    ],
)
def test_wrong_fits_extension(tmp_path, table, message):
    source_files.write_fits(tmp_path / "stars.fits")
    with pytest.raises(DiscatlasError, match=message):
        open_catalogue(tmp_path / "stars.fits", "fits", {"ra": "RAJ"}, table)


def test_fits_without_a_table(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "picture.fits")
    with pytest.raises(DiscatlasError, match=r"no binary table; the file has: 0 PRIMARY"):
        open_catalogue(tmp_path / "picture.fits", "fits", {"ra": "RAJ"})


def test_fits_number_types(tmp_path):
    """Unsigned 64-bit identifiers, logical values, scaled integers, vectors and big-endian floats come out exactly."""
    extra = [
        fits.Column("unsigned", "K", bzero=2**63, array=np.arange(6, dtype=np.uint64) + 2**62),
        fits.Column("flag", "L", array=[True, False, True, True, False, False]),
        fits.Column("signed", "B", bzero=-128, array=np.array([-128, -1, 0, 1, 5, 127], dtype=np.int8)),
        fits.Column("scaled", "I", array=np.arange(6, dtype=np.int16)),
        fits.Column("vector", "3E", unit="mas", array=np.arange(18, dtype=np.float32).reshape(6, 3) / 4),
    ]
    path = tmp_path / "types.fits"
    source_files.write_fits(path, extra)
    with warnings.catch_warnings(action="ignore"), fits.open(path, mode="update") as hdus:
        number = hdus["STARS"].columns.names.index("scaled") + 1
        hdus["STARS"].header[f"TSCAL{number}"], hdus["STARS"].header[f"TZERO{number}"] = 0.5, 10.0
    flag = {"column": "flag", "unit": "", "dtype": "bool", "description": "flag"}
    columns = {"source_id": "unsigned", "n_members": "signed", "feh_dex": "scaled", "flag": flag}
    columns["parallax"] = {"column": "vector", "index": 2}
    got, report = read(path, "fits", columns)
    assert got["source_id"].tolist() == [2**62 + number for number in range(6)]
    assert got["flag"].tolist() == [True, False, True, True, False, False]
    np.testing.assert_array_equal(got["n_members"], [np.nan, np.nan, 0, 1, 5, 127])
    assert report.out_of_range["n_members"] == 2
    np.testing.assert_array_equal(got["parallax"], np.arange(18).reshape(6, 3)[:, 2] / 4)
    np.testing.assert_array_equal(got["feh_dex"], [10.0, np.nan, np.nan, np.nan, np.nan, np.nan])


def test_fits_columns_that_are_no_numbers(tmp_path):
    bits = fits.Column("bits", "11X", array=np.ones((6, 11), dtype=bool))
    source_files.write_fits(tmp_path / "bits.fits", [bits])
    catalogue = open_catalogue(tmp_path / "bits.fits", "fits", {"quality": {"column": "bits", "index": 0}})
    with pytest.raises(DiscatlasError, match="column 'bits' holds bits, expected numbers or text"):
        next(catalogue.batches)


def test_parquet_types(tmp_path):
    """Dictionaries, decimals, half floats and unsigned integers are read; dates and lists are refused by name."""
    table = pa.table(
        {
            "label": pa.array(["a", None, "b"]).dictionary_encode(),
            "decimal": pa.array(["1.25", "2.5", None]).cast(pa.decimal128(5, 2)),
            "half": pa.array(np.array([1.5, np.nan, 2.0], dtype=np.float16)),
            "id": pa.array([1, 2, 2**63 - 1], pa.uint64()),
            "day": pa.array([1, 2, 3], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, tmp_path / "types.parquet")
    columns = {"source_id": "id", "name": "label", "parallax": "decimal", "pmra": "half"}
    got, _ = read(tmp_path / "types.parquet", "parquet", columns)
    assert got["name"].tolist() == ["a", None, "b"]
    assert got["source_id"].tolist() == [1, 2, 2**63 - 1]
    np.testing.assert_array_equal(got["parallax"], [1.25, 2.5, np.nan])
    np.testing.assert_array_equal(got["pmra"], [1.5, np.nan, 2.0])
    with pytest.raises(DiscatlasError, match=r"column 'day' holds timestamp\[ms\], expected numbers or text"):
        read(tmp_path / "types.parquet", "parquet", {"quality": "day"})


def test_hdf5_compound_dataset(tmp_path):
    stars = np.zeros(5, dtype=[("id", "<i8"), ("xyz", "<f4", (3,)), ("label", "S4")])
    stars["id"], stars["xyz"][:, 1], stars["label"] = np.arange(5) + 10, np.arange(5) / 2, b"ab"
    with h5py.File(tmp_path / "compound.hdf5", "w") as file:
        file["stars"] = stars
    columns = {"source_id": "id", "name": "label", "quality": {"column": "xyz", "index": 1}}
    got, _ = read(tmp_path / "compound.hdf5", "hdf5", columns, "stars", batch_rows=2)
    assert got["source_id"].tolist() == [10, 11, 12, 13, 14]
    assert got["name"].tolist() == ["ab"] * 5
    np.testing.assert_array_equal(got["quality"], np.arange(5) / 2)


@pytest.mark.parametrize(
    ("mapping", "table", "message"),
    [
        ({"ra": "ra"}, "Stardat", r"no group 'Stardat' \(nearest: 'Stardata'\); it has: Header, Stardata"),
        ({"ra": "ra"}, None, r"group '/' holds no columns; name the group with 'table'; it has: Header, Stardata"),
        ({"ra": "ra"}, "Stardata/Distance", "one dataset without named columns"),
        ({"ra": "HCoordinates"}, "Stardata", r"index for 'ra' is None, expected 0 to 2: the column has 3 components"),
        ({"ra": {"column": "HCoordinates", "index": 3}}, "Stardata", "index for 'ra' is 3, expected 0 to 2"),
        (
            {"feh_dex": {"column": "ID", "index": 0}},
            "Stardata",
            "index 0 is given for 'feh_dex', but the column has no",
        ),
        ({"ra": {"column": "HCoords", "index": 0}}, "Stardata", r"no column 'HCoords' \(nearest: 'HCoordinates'\)"),
    ],
)
def test_wrong_place_in_hdf5(tmp_path, mapping, table, message):
    source_files.write_hdf5(tmp_path / "stars.hdf5")
    with pytest.raises(DiscatlasError, match=message):
        open_catalogue(tmp_path / "stars.hdf5", "hdf5", mapping, table)


def test_hdf5_datasets_of_different_length(tmp_path):
    with h5py.File(tmp_path / "uneven.hdf5", "w") as file:
        file["a"], file["b"] = np.arange(3.0), np.arange(4.0)
    catalogue = open_catalogue(tmp_path / "uneven.hdf5", "hdf5", {"pmra": "a", "pmdec": "b"})
    with pytest.raises(DiscatlasError, match=r"dataset 'b' has 4 rows but 'a' has 3"):
        next(catalogue.batches)


def test_votable_tables_by_number_and_id(tmp_path):
    source_files.write_votable(tmp_path / "stars.vot")
    for table in (0, "stars"):
        columns, _ = read(tmp_path / "stars.vot", "votable", {"feh_dex": "[Fe/H]"}, table)
        np.testing.assert_array_equal(columns["feh_dex"], STANDARD["feh_dex"])
    with pytest.raises(DiscatlasError, match=r"no table 'stras' \(nearest: 'stars'\)"):
        open_catalogue(tmp_path / "stars.vot", "votable", {"feh_dex": "[Fe/H]"}, "stras")


def test_votable_cut_at_the_row_limit_is_announced(tmp_path, caplog):
    path = tmp_path / "cut.vot"
    source_files.write_votable(path)
    info = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    path.write_text(path.read_text().replace("<TABLE", f"{info}<TABLE", 1))
    open_catalogue(path, "votable", {"feh_dex": "[Fe/H]"})
    assert "cut this result at its row limit" in caplog.text
