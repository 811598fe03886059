"""Raw values of one batch of a column, turned into the standard column: numbers, missing, out of range."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.contracts import Column
from discatlas.errors import DiscatlasError
from discatlas.sources.raw import RawColumn

MISSING_TEXT = ["", "nan", "NaN", "NAN", "null", "NULL", "Null", "--"]
TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
LARGEST_EXACT = 2**53  # above it not every integer has its own float64


@dataclass(frozen=True)
class Place:
    """Where a batch comes from, for messages: file and source column, and the number of its first row from 0."""

    where: str
    first_row: int

    def error(self, row: int, got: str, expected: str) -> DiscatlasError:
        """Return the error about the value in one row of the batch."""
        return DiscatlasError(
            f"{self.where}: data row {self.first_row + int(row) + 1:,} (the first is 1) holds {got}, expected "
            f"{expected}"
        )


@dataclass(frozen=True)
class Standard:
    """A standard column of one batch.

    Floats have NaN where missing, other numbers are masked arrays where any is missing, text is objects with None.
    """

    values: NDArray
    n_missing: int
    n_out_of_range: int = 0


def standardise(raw: RawColumn, column: Column, factor: float, place: Place) -> Standard:
    """Turn raw values, shape (rows,), into the standard column.

    Parameters
    ----------
    raw : RawColumn
        Values as the file holds them.
    column : Column
        The standard column: dtype, range and whether it may be missing.
    factor : float
        Factor from the source's unit to the standard one.
    place : Place
        For messages.

    Raises
    ------
    DiscatlasError
        For text that is neither a number nor missing, a fraction where integers are expected, or a missing value in a
        column that must be complete.
    """
    if column.dtype == "string":
        result = _text(raw)
    elif column.dtype == "bool":
        result = _truth(raw, place)
    elif column.dtype.startswith("int"):
        result = _integers(raw, column, factor, place)
    else:
        result = _floats(raw, column, factor, place)
    if not column.nullable and result.n_missing + result.n_out_of_range:
        row = int(np.flatnonzero(np.ma.getmaskarray(result.values))[0])
        raise place.error(row, "no value", f"one in every row of {column.name!r}")
    return result


def _strip(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    text = text.cast(pl.String).str.strip_chars()
    return text, text.is_null() | text.is_in(MISSING_TEXT)


def _text(raw: RawColumn) -> Standard:
    if isinstance(raw.values, pl.Series):
        series = raw.values
    else:
        series = pl.Series(raw.values)
        series = series.fill_nan(None) if series.dtype.is_float() else series
    text, missing = _strip(series)
    values = text.to_numpy().astype(object)
    hidden = missing.to_numpy() if raw.missing is None else missing.to_numpy() | raw.missing
    values[hidden] = None
    return Standard(values, int(np.count_nonzero(hidden)))


def _parse(raw: RawColumn, dtype: type[pl.DataType], place: Place, expected: str) -> tuple[NDArray, NDArray[np.bool_]]:
    """Return the numbers in a column of text (0 where missing) and where they are missing."""
    text, missing = _strip(raw.values)
    numbers = text.cast(dtype, strict=False)
    bad = numbers.is_null() & ~missing
    if bad.any():
        row = bad.arg_true()[0]
        raise place.error(row, repr(text[row]), expected)
    return numbers.set(missing, None).fill_null(0).to_numpy(), missing.to_numpy()


def _check_numeric(values: NDArray, place: Place) -> None:
    if values.dtype.kind not in "iufb":
        raise DiscatlasError(f"{place.where}: holds values of type {values.dtype}, expected numbers")


def _floats(raw: RawColumn, column: Column, factor: float, place: Place) -> Standard:
    if isinstance(raw.values, pl.Series):
        values, missing = _parse(raw, pl.Float64, place, "a number or nothing")
        values = np.where(missing, np.nan, values)
    else:
        _check_numeric(raw.values, place)
        values = raw.values.astype(np.float64)
        if raw.missing is not None:
            values[raw.missing] = np.nan
    if factor != 1:
        values = values * factor
    if column.name == "ra":
        # some mocks (AURIGAIA) count right ascension from -180 to 180
        values = np.where((values >= -180) & (values < 0), values + 360, values)
    n_missing = int(np.count_nonzero(np.isnan(values)))
    outside = _outside(values, column)
    n_out_of_range = int(np.count_nonzero(outside))
    if n_out_of_range:
        values = np.where(outside, np.nan, values)
    return Standard(values.astype(column.dtype, copy=False), n_missing, n_out_of_range)


def _outside(values: NDArray, column: Column) -> NDArray[np.bool_]:
    """Tell where finite or infinite values lie outside the column's range; infinity always does."""
    outside = np.isinf(values)
    if column.minimum is not None:
        outside |= values < column.minimum
    if column.maximum is not None:
        outside |= values > column.maximum
    return outside


def _integers(raw: RawColumn, column: Column, factor: float, place: Place) -> Standard:
    values, missing = _to_integers(raw, factor, place)
    limits = np.iinfo(column.dtype)
    too_large = ~missing & ((values < limits.min) | (values > limits.max))
    if too_large.any():
        row = int(np.flatnonzero(too_large)[0])
        raise place.error(row, str(values[row]), f"an integer that fits into {column.dtype}")
    outside = ~missing & _outside(values, column)
    hidden = missing | outside
    values = values.astype(column.dtype)
    masked = np.ma.MaskedArray(values, hidden) if hidden.any() else values
    return Standard(masked, int(np.count_nonzero(missing)), int(np.count_nonzero(outside)))


def _to_integers(raw: RawColumn, factor: float, place: Place) -> tuple[NDArray, NDArray[np.bool_]]:
    """Return integers (0 where missing) and where they are missing; identifiers of 19 digits stay exact."""
    values, missing = raw.values, raw.missing
    if isinstance(values, pl.Series):
        text, absent = _strip(values)
        exact = text.cast(pl.Int64, strict=False)
        if factor == 1 and not (exact.is_null() & ~absent).any():
            return exact.set(absent, None).fill_null(0).to_numpy(), absent.to_numpy()
        values, missing = _parse(raw, pl.Float64, place, "an integer or nothing")
    _check_numeric(values, place)
    missing = np.zeros(len(values), dtype=bool) if missing is None else missing
    if values.dtype.kind in "iub" and factor == 1:
        values = values.astype(np.int64) if values.dtype.kind == "b" else values
        return np.where(missing, values.dtype.type(0), values), missing
    values = values.astype(np.float64) * factor
    missing = missing | np.isnan(values)
    values = np.where(missing, 0.0, values)
    broken = (values != np.round(values)) | (np.abs(values) > LARGEST_EXACT)
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        raise place.error(row, repr(float(values[row])), "an integer, exact in the file's own type")
    return values.astype(np.int64), missing


def _truth(raw: RawColumn, place: Place) -> Standard:
    if isinstance(raw.values, pl.Series):
        text, absent = _strip(raw.values)
        truth = text.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)
        bad = truth.is_null() & ~absent
        if bad.any():
            raise place.error(bad.arg_true()[0], repr(text[bad.arg_true()[0]]), "true, false or nothing")
        values, missing = truth.set(absent, None).fill_null(value=False).to_numpy(), absent.to_numpy()
    else:
        _check_numeric(raw.values, place)
        missing = np.isnan(raw.values) if raw.values.dtype.kind == "f" else np.zeros(len(raw.values), dtype=bool)
        missing = missing if raw.missing is None else missing | raw.missing
        values = np.where(missing, 0, raw.values).astype(bool)
    return Standard(np.ma.MaskedArray(values, missing) if missing.any() else values, int(np.count_nonzero(missing)))
