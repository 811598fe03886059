"""What missing, empty, truncated, corrupt and foreign files of each format are called."""

import gzip

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import source_files
from astropy.io import fits
from astropy.table import Table
from source_files import open_catalogue

from discatlas.errors import DiscatlasError
from discatlas.sources.files import check_digest, file_digest, looks_like_html, parse_digest

N_ROWS = 4000
FORMATS = ["parquet", "fits", "votable", "ecsv", "hdf5", "csv"]


def write(path, file_format, n_rows=N_ROWS):
    """A file of two columns large enough to be cut somewhere in its rows."""
    rng = np.random.default_rng(11)
    data = {"plx": rng.normal(2, 1, n_rows), "hrv": rng.normal(0, 30, n_rows)}
    if file_format == "parquet":
        pq.write_table(pa.table(data), path, compression="none", use_dictionary=False)
    elif file_format == "hdf5":
        with h5py.File(path, "w") as file:
            for name, values in data.items():
                file.create_dataset(
                    name, data=values, chunks=(max(1, n_rows // 4),) if n_rows else None, fletcher32=n_rows > 0
                )
    else:
        names = {"fits": "fits", "votable": "votable", "ecsv": "ascii.ecsv", "csv": "ascii.csv"}
        Table(data).write(path, format=names[file_format], overwrite=True)


def read(path, file_format):
    catalogue = open_catalogue(path, file_format, {"parallax": "plx", "radial_velocity": "hrv"})
    return list(catalogue.batches), catalogue.report


@pytest.mark.parametrize("file_format", FORMATS)
def test_sound_file(tmp_path, file_format):
    write(tmp_path / "stars", file_format)
    assert read(tmp_path / "stars", file_format)[1].rows == N_ROWS


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("fraction", [0.02, 0.6, 0.9])
def test_truncated_file(tmp_path, file_format, fraction):
    write(tmp_path / "stars", file_format)
    content = (tmp_path / "stars").read_bytes()
    kept = content[: int(len(content) * fraction)]
    if file_format in {"csv", "ecsv"}:
        kept = kept[: kept.rindex(b"\n") + 10]  # a cut in the first of two cells; one in the last cannot be seen
    (tmp_path / "stars").write_bytes(kept)
    with pytest.raises(DiscatlasError, match=r"stars: (not a whole|truncated)") as caught:
        read(tmp_path / "stars", file_format)
    assert len(str(caught.value).splitlines()) == 1


def test_truncated_fits_says_how_many_rows_are_there(tmp_path):
    write(tmp_path / "stars.fits", "fits")
    with fits.open(tmp_path / "stars.fits") as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    content = (tmp_path / "stars.fits").read_bytes()
    (tmp_path / "stars.fits").write_bytes(content[: start + 16 * 1234 + 5])
    with pytest.raises(
        DiscatlasError, match="truncated: its header promises 4,000 rows, it holds 1,234; fetch it anew"
    ):
        read(tmp_path / "stars.fits", "fits")


@pytest.mark.parametrize("file_format", ["fits", "csv", "votable"])
def test_truncated_gzip(tmp_path, file_format):
    write(tmp_path / "stars", file_format)
    content = gzip.compress((tmp_path / "stars").read_bytes(), mtime=0)
    (tmp_path / "stars").write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(DiscatlasError, match=r"stars: not a whole .* file"):
        read(tmp_path / "stars", file_format)


@pytest.mark.parametrize("file_format", [name for name in FORMATS if name != "fits"])
def test_corrupt_file(tmp_path, file_format):
    """Bytes overwritten are noticed, except in FITS rows, which only the declared digest protects."""
    write(tmp_path / "stars", file_format)
    content = bytearray((tmp_path / "stars").read_bytes())
    if file_format == "parquet":
        content[-200:-40] = b"\xfe" * 160  # in the footer; the pages have no checksum
    else:
        content[len(content) // 2 : len(content) // 2 + 64] = b"\xfe" * 64
    (tmp_path / "stars").write_bytes(bytes(content))
    with pytest.raises(DiscatlasError, match=rf"stars: not a whole (?i:{file_format}) file \("):
        read(tmp_path / "stars", file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_zero_rows(tmp_path, file_format):
    write(tmp_path / "stars", file_format, n_rows=0)
    with pytest.raises(DiscatlasError, match="stars: holds zero rows; check the file, or the query that made it"):
        read(tmp_path / "stars", file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_missing_empty_and_folder(tmp_path, file_format):
    with pytest.raises(DiscatlasError, match="absent: no such file"):
        read(tmp_path / "absent", file_format)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DiscatlasError, match=r"empty: is empty \(0 bytes\)"):
        read(tmp_path / "empty", file_format)
    with pytest.raises(DiscatlasError, match=f"is a folder, expected one {file_format} file"):
        read(tmp_path, file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_web_page_instead_of_data(tmp_path, file_format):
    (tmp_path / "stars").write_bytes(b"\r\n<!DOCTYPE HTML>\n<html><body>503</body></html>")
    with pytest.raises(DiscatlasError, match=f"stars: is an HTML page, expected a {file_format} file"):
        read(tmp_path / "stars", file_format)


@pytest.mark.parametrize(
    ("file_format", "wrong"),
    [(right, wrong) for right in ["parquet", "fits", "hdf5", "votable"] for wrong in FORMATS if right != wrong],
)
def test_file_of_another_format(tmp_path, file_format, wrong):
    write(tmp_path / "stars", wrong)
    with pytest.raises(DiscatlasError, match=r"stars: not a whole .* file \(.*check its format"):
        read(tmp_path / "stars", file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_misspelt_column_names_the_nearest(tmp_path, file_format):
    write(tmp_path / "stars", file_format)
    message = r"stars: no column 'hrvv' \(nearest: 'hrv'\), mapped to 'radial_velocity'; it has: (plx, hrv|hrv, plx)"
    with pytest.raises(DiscatlasError, match=message):
        open_catalogue(tmp_path / "stars", file_format, {"radial_velocity": "hrvv"})


def test_unknown_format_and_needless_table(tmp_path):
    with pytest.raises(
        DiscatlasError, match=r"unknown format 'fit' \(nearest: 'fits'\); expected one of parquet, fits"
    ):
        open_catalogue(tmp_path / "stars", "fit", {"ra": "ra"})
    with pytest.raises(DiscatlasError, match="table 1 is given, but a csv file holds one table only"):
        open_catalogue(tmp_path / "stars", "csv", {"ra": "ra"}, 1)


def test_damage_in_a_later_row_group_is_found_there(tmp_path):
    """The first batches are good; the error comes when the damaged one is read."""
    path = tmp_path / "stars.hdf5"
    write(path, "hdf5")
    with h5py.File(path) as file:
        place = file["plx"].id.get_chunk_info(3).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 8] = b"\x00" * 8
    path.write_bytes(bytes(content))
    catalogue = open_catalogue(path, "hdf5", {"parallax": "plx"}, batch_rows=1000)
    for _ in range(3):
        next(catalogue.batches)
    with pytest.raises(DiscatlasError, match="not a whole HDF5 file"):
        next(catalogue.batches)


@pytest.mark.parametrize(
    ("head", "is_page"),
    [
        (b"<!doctype html>", True),
        (b"\xef\xbb\xbf \n<HTML lang=en>", True),
        (b'<?xml version="1.0"?><!DOCTYPE html><html xmlns="x">', True),
        (b'<?xml version="1.0"?><VOTABLE>', False),
        (b"SIMPLE  =                    T", False),
        (b"html,body\n1,2\n", False),
        (b"", False),
    ],
)
def test_web_pages_by_their_first_bytes(head, is_page):
    assert looks_like_html(head) is is_page


def test_digests(tmp_path):
    """Digests of the three bytes 'abc' as published (FIPS 180, RFC 1321)."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    check_digest(path, "md5:900150983CD24FB0D6963F7D28E17F72")
    check_digest(path, "sha1:a9993e364706816aba3e25717850c26c9cd0d89d")
    with pytest.raises(DiscatlasError, match=f"md5 digest is 900150983cd24fb0d6963f7d28e17f72, expected {'0' * 32}"):
        check_digest(path, "md5:" + "0" * 32)
    with pytest.raises(DiscatlasError, match=r"digest 'abc': no algorithm 'abc'"):
        parse_digest("abc")


def test_source_files_helper_hides_nothing(tmp_path):
    """The six stars survive a plain astropy reading, so that the other tests compare with what the file really holds."""
    source_files.write_ecsv(tmp_path / "stars.ecsv")
    data = Table.read(tmp_path / "stars.ecsv", format="ascii.ecsv")
    assert data["RAJ"].unit == "rad"
    np.testing.assert_array_equal(data["ID"], source_files.IDS)
