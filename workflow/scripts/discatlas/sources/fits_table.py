"""Raw columns of a FITS binary table, plain or gzipped, read row block by row block from the stream of the file."""

import gzip
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.sources.files import is_gzip, whole_file
from discatlas.sources.raw import BATCH_BYTES, RawBatch, RawColumn, RawField, RawTable, text_column

UNREADABLE = dict.fromkeys("PQ", "arrays of varying length") | dict.fromkeys("CM", "complex numbers") | {"X": "bits"}


@dataclass(frozen=True)
class _Layout:
    """Where the rows of a table lie in the file, and how."""

    offset: int
    n_rows: int
    dtype: np.dtype
    columns: dict[str, fits.Column]


def open_fits_table(path: Path, table: str | int | None) -> RawTable:
    """Read the columns of one binary table: the extension with that number or EXTNAME, or the first table if None.

    Units are those of TUNIT; integers equal to TNULL are missing; TSCAL and TZERO are applied.

    Raises
    ------
    DiscatlasError
        If there is no such extension (with the nearest name), or it is not a binary table.
    """
    # a file cut short is reported by us, with the row; astropy also warns about much that does no harm
    with (
        whole_file(path, "FITS"),
        warnings.catch_warnings(record=True, action="always") as caught,
        fits.open(path, memmap=False) as hdus,
    ):
        names = [f"{number} {hdu.name or 'without name'} ({type(hdu).__name__})" for number, hdu in enumerate(hdus)]
        hdu = _find(hdus, table)
        if hdu is None:
            _check_readable(path, caught)
            hint = nearest(str(table), [hdu.name for hdu in hdus if hdu.name])
            wanted = "binary table" if table is None else f"extension {table!r}{hint}"
            raise DiscatlasError(f"{path}: no {wanted}; the file has: {', '.join(names)}")
        if not isinstance(hdu, fits.BinTableHDU):
            kind = type(hdu).__name__
            raise DiscatlasError(
                f"{path}: extension {table!r} is a {kind}, expected a binary table; the file has: {', '.join(names)}"
            )
        dtype = hdu.columns.dtype.newbyteorder(">")
        columns = {column.name: column for column in hdu.columns}
        layout = _Layout(hdu.fileinfo()["datLoc"], hdu.header["NAXIS2"], dtype, columns)
    if layout.dtype.itemsize != hdu.header["NAXIS1"]:
        raise DiscatlasError(
            f"{path}: rows of {hdu.header['NAXIS1']} bytes, but the columns declared take {dtype.itemsize}; the file "
            "is damaged"
        )
    fields = {name: RawField(column.unit or None, _width(dtype[name])) for name, column in columns.items()}
    return RawTable(fields, lambda names, rows: _batches(path, layout, names, rows))


def _find(hdus: fits.HDUList, table: str | int | None) -> Any:  # noqa: ANN401 astropy has no public base class of HDUs
    for number, hdu in enumerate(hdus):
        if table is None and isinstance(hdu, fits.BinTableHDU):
            return hdu
        if number == table or (isinstance(table, str) and hdu.name.lower() == table.lower()):
            return hdu
    return None


def _check_readable(path: Path, caught: list[warnings.WarningMessage]) -> None:
    """Raise an OSError if a part of the file could not be read, which astropy takes for the end of the file."""
    if is_gzip(path):
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    for warning in caught:
        if "header" in str(warning.message).lower():
            raise OSError(str(warning.message))


def _width(dtype: np.dtype) -> int | None:
    return int(np.prod(dtype.shape)) if dtype.shape else None


def _batches(path: Path, layout: _Layout, names: Sequence[str], rows: int) -> Iterator[RawBatch]:
    """Read rows in order; reading instead of mapping keeps the memory small, and serves gzipped files too."""
    for name in names:
        if (code := layout.columns[name].format.format) in UNREADABLE:
            raise DiscatlasError(f"{path}: column {name!r} holds {UNREADABLE[code]}, expected numbers or text")
    rows = max(1, min(rows, BATCH_BYTES // max(1, layout.dtype.itemsize)))
    with whole_file(path, "FITS"), (gzip.open if is_gzip(path) else open)(path, "rb") as stream:
        stream.seek(layout.offset)
        for start in range(0, layout.n_rows, rows):
            wanted = min(rows, layout.n_rows - start)
            block = stream.read(wanted * layout.dtype.itemsize)
            if len(block) < wanted * layout.dtype.itemsize:
                whole = start + len(block) // layout.dtype.itemsize
                raise DiscatlasError(
                    f"{path}: truncated: its header promises {layout.n_rows:,} rows, it holds {whole:,}; fetch it anew"
                )
            records = np.frombuffer(block, dtype=layout.dtype)
            yield {name: _column(records[name], layout.columns[name]) for name in names}


def _column(values: NDArray, column: fits.Column) -> RawColumn:
    code = column.format.format
    values = values.reshape(len(values), -1) if values.ndim > 2 else values
    if code == "A":
        return text_column(values)
    if code == "L":
        return RawColumn(values == ord("T"), ~np.isin(values, (ord("T"), ord("F"))))
    native = values.astype(values.dtype.newbyteorder("="))
    missing = native == column.null if native.dtype.kind in "iu" and column.null is not None else None
    return RawColumn(_rescale(native, column.bscale, column.bzero), missing)


def _rescale(values: NDArray, scale: float | None, zero: float | None) -> NDArray:
    """Apply TSCAL and TZERO; unsigned integers, which FITS stores with an offset, stay exact integers."""
    scale, zero = 1 if scale in {None, ""} else scale, 0 if zero in {None, ""} else zero
    if scale == 1 and zero == 0:
        return values
    if values.dtype.kind in "iu" and scale == 1 and zero == 2**63:
        return values.view(np.uint64) + np.uint64(2**63)
    if values.dtype.kind in "iu" and scale == 1 and float(zero).is_integer() and values.dtype.itemsize < 8:
        return values.astype(np.int64) + int(zero)
    return values.astype(np.float64) * scale + zero
