"""Counts and sums on a fixed fine grid, filled batch by batch, then cut to a window and merged into wider cells.

The range and the cell size that suit a figure are known only once all rows are seen. A fine grid costs a few
megabytes however many rows there are, and merging whole cells loses nothing: a histogram made in batches is that of
the whole table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_CELL_NUMBERS = (160, 120, 90, 68, 51, 38, 29, 22, 16)  # along an axis


@dataclass(frozen=True)
class Axis:
    """One axis of a grid: `n` cells of width `size`, the first of which begins at `low`."""

    low: float
    size: float
    n: int

    @property
    def edges(self) -> Array:
        """The n + 1 edges of the cells."""
        return self.low + self.size * np.arange(self.n + 1)

    @property
    def centres(self) -> Array:
        """The n centres of the cells."""
        return self.low + self.size * (np.arange(self.n) + 0.5)

    def index(self, values: Array) -> NDArray[np.int64]:
        """Return the cell of each value, -1 outside the grid and for NaN."""
        with np.errstate(invalid="ignore"):
            place = (np.asarray(values, dtype=np.float64) - self.low) / self.size
            inside = (place >= 0) & (place < self.n)
        return np.where(inside, place, -1).astype(np.int64)

    def widths(self) -> list[int]:
        """Return the numbers of cells that may be merged into one: those that divide each half of the grid evenly."""
        half = self.n // 2
        return [k for k in range(1, half + 1) if half % k == 0]


class Histogram:
    """Counts of rows in cells, and sums of any quantities of these rows, to which batches are added.

    Attributes
    ----------
    counts : ndarray, shape as the grid
        Number of rows in each cell.
    sums : mapping of str to ndarray of that shape
        Sum over the rows of each cell.
    n_outside : int
        Rows that lie outside the grid, or have no coordinate.
    """

    def __init__(self, axes: Sequence[Axis], sums: Sequence[str] = ()) -> None:
        self.axes = tuple(axes)
        shape = tuple(axis.n for axis in self.axes)
        self.counts = np.zeros(shape, dtype=np.int64)
        self.sums = {name: np.zeros(shape) for name in sums}
        self.n_outside = 0

    @property
    def n_inside(self) -> int:
        """Rows counted in the grid."""
        return int(self.counts.sum())

    def add(self, coordinates: Sequence[Array], values: Mapping[str, Array] | None = None) -> None:
        """Add rows given by one coordinate array per axis; `values` holds the quantities to be summed."""
        index = [axis.index(column) for axis, column in zip(self.axes, coordinates, strict=True)]
        inside = np.all([place >= 0 for place in index], axis=0)
        flat = np.ravel_multi_index([place[inside] for place in index], self.counts.shape)
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
        for name in self.sums:
            part = np.asarray(values[name], dtype=np.float64)[inside]
            self.sums[name] += np.bincount(flat, weights=part, minlength=self.counts.size).reshape(self.counts.shape)
        self.n_outside += int(inside.size - np.count_nonzero(inside))

    def mean(self, name: str, min_count: int = 1) -> Array:
        """Return the mean of a summed quantity in each cell, NaN in cells of fewer than `min_count` rows."""
        enough = self.counts >= max(min_count, 1)
        return np.where(enough, self.sums[name] / np.maximum(self.counts, 1), np.nan)

    def window(self, limits: Sequence[tuple[float, float]], widths: Sequence[int]) -> Self:
        """Return the part of the grid that covers `limits`, with `widths` (which divide n) cells merged on each axis."""
        axes, cuts = [], []
        for axis, (low, high), width in zip(self.axes, limits, widths, strict=True):
            size, n = axis.size * width, axis.n // width
            first = int(np.clip(np.floor((low - axis.low) / size + 1e-9), 0, n - 1))
            last = int(np.clip(np.ceil((high - axis.low) / size - 1e-9), first + 1, n))
            axes.append(Axis(axis.low + size * first, size, last - first))
            cuts.append(slice(first, last))
        part = type(self)(axes)
        part.counts = merge_cells(self.counts, widths)[tuple(cuts)]
        part.sums = {name: merge_cells(total, widths)[tuple(cuts)] for name, total in self.sums.items()}
        part.n_outside = self.n_outside + self.n_inside - part.n_inside
        return part

    def fitted(self, limits: Sequence[tuple[float, float]], min_count: int, share: float) -> Self:
        """Return the part within `limits` in the finest cells that leave `share` of the rows in cells of `min_count`.

        All axes get about the same number of cells, so that they are square in a square panel: 160 at most and, whether
        that suffices or not, 16 at least.
        """
        for n in _CELL_NUMBERS:
            spans = [(high - low) / n / axis.size for axis, (low, high) in zip(self.axes, limits, strict=True)]
            widths = [nearest_width(axis, span) for axis, span in zip(self.axes, spans, strict=True)]
            part = self.window(limits, widths)
            if part.counts[part.counts >= min_count].sum() >= share * part.n_inside:
                break
        return part

    def quantiles(self, axis: int, shares: Sequence[float]) -> Array:
        """Return quantiles of one coordinate over all rows in the grid, rows spread evenly in their cells."""
        others = tuple(k for k in range(len(self.axes)) if k != axis)
        total = np.concatenate([[0], np.cumsum(self.counts.sum(axis=others))])
        return np.interp(np.asarray(shares) * total[-1], total, self.axes[axis].edges)

    def suitable_width(self, min_count: int, share: float, most: int = 12) -> int:
        """Return the least merging, the same on all axes, that leaves `share` of the rows in cells of `min_count` or more.

        At most `most` cells are merged, whether that suffices or not.
        """
        common = set.intersection(*(set(axis.widths()) for axis in self.axes))
        widths = sorted(width for width in common if width <= most)
        for width in widths:
            merged = merge_cells(self.counts, [width] * len(self.axes))
            if merged[merged >= min_count].sum() >= share * merged.sum():
                return width
        return widths[-1]


def nearest_width(axis: Axis, wanted: float) -> int:
    """Return the number of cells that may be merged which is nearest in ratio to `wanted`."""
    return min(axis.widths(), key=lambda width: abs(np.log(width / max(wanted, 1.0))))


def merge_cells(values: NDArray, widths: Sequence[int]) -> NDArray:
    """Sum blocks of `widths` neighbouring cells along each axis; the widths divide the shape."""
    for axis, width in enumerate(widths):
        shape = (*values.shape[:axis], values.shape[axis] // width, width, *values.shape[axis + 1 :])
        values = values.reshape(shape).sum(axis=axis + 1)
    return values


def smooth(values: Array, sigma_cells: float) -> Array:
    """Return a two-dimensional array convolved with a Gaussian of `sigma_cells`, nothing added beyond its edges."""
    for axis in (0, 1):
        place = np.arange(values.shape[axis], dtype=np.float64)
        kernel = np.exp(-0.5 * ((place[:, None] - place) / sigma_cells) ** 2)
        kernel /= np.sqrt(2 * np.pi) * sigma_cells
        values = np.tensordot(kernel, values, axes=(1, axis)) if axis == 0 else values @ kernel.T
    return values
