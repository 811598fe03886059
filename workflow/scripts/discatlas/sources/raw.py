"""What the reader of every file format gives: the columns with their units, and batches of raw values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

BATCH_BYTES = 64 << 20


@dataclass(frozen=True)
class RawField:
    """One column of a file: the unit that the file states (None if it states none) and the width of a 2-D column."""

    unit: str | None = None
    width: int | None = None


@dataclass(frozen=True)
class RawColumn:
    """Values of one column in one batch, shape (rows,) or (rows, width): an array of numbers, or a Series of text.

    `missing` is True where the file marks the value as missing in another way than by NaN or an empty text.
    """

    values: NDArray | pl.Series
    missing: NDArray[np.bool_] | None = None

    def component(self, index: int) -> "RawColumn":
        """Return one component of a 2-D column."""
        missing = None if self.missing is None else self.missing[:, index]
        return replace(self, values=self.values[:, index], missing=missing)


RawBatch = dict[str, RawColumn]


@dataclass(frozen=True)
class RawTable:
    """A table in a file: its columns by name, and a function that yields batches of named columns.

    ``batches(names, rows)`` opens the file and yields at most `rows` rows at a time, in file order.
    """

    fields: dict[str, RawField]
    batches: Callable[[Sequence[str], int], Iterator[RawBatch]]


def text_column(values: NDArray) -> RawColumn:
    """Return an array of bytes, text or objects as a column of text; None and masked values become null."""
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.zeros(len(values), dtype=bool)
    items = np.ma.getdata(values).tolist()
    text = [None if hidden else _text(item) for item, hidden in zip(items, mask.tolist(), strict=True)]
    return RawColumn(pl.Series(text, dtype=pl.String))


def _text(item: object) -> str | None:
    if isinstance(item, bytes):
        return item.decode("utf-8", errors="replace").rstrip("\x00")
    return None if item is None else str(item)


def array_column(values: NDArray) -> RawColumn:
    """Return an array, masked or not, as a raw column: text for bytes, strings and objects, numbers otherwise."""
    if values.dtype.kind in "SUO":
        return text_column(values)
    missing = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) and values.mask.any() else None
    return RawColumn(np.ma.getdata(values), missing)
