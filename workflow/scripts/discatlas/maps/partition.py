"""A map of any number of stars: medians and likelihoods have no mergeable sums, so stars are brought together by cell.

Pass 1 reads the axes and counts. Occupied cells are then grouped into tiles of neighbouring cell numbers, each with at
most `max_rows` stars (or one fuller cell). Pass 2 hands each star's cell, value and error to its tile: in memory if
all fit into one tile, else in files under a scratch folder. Tiles are reduced one after the other, their cells in
parallel. Stars keep their row order in every cell: the numbers do not depend on batches, tiles or threads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.maps.likelihood import check_estimator, estimate_cells
from discatlas.maps.moments import MOMENTS, cell_moments, divide_blocks, sort_by_cell

Batch = Mapping[str, NDArray]
RECORD = np.dtype([("row", np.int32), ("value", np.float64), ("error", np.float64)])
LIKELIHOOD = ("ml_mean", "ml_mean_error", "sigma", "sigma_lo", "sigma_hi")


def bin_stream(
    batches: Callable[[Sequence[str]], Iterator[Batch]],
    grid: Grid,
    quantities: Sequence[str],
    error_columns: Mapping[str, str],
    min_stars: int,
    estimator: str,
    scratch: Path,
    max_rows: int,
) -> dict[str, NDArray]:
    """Return the columns of a map (contract ``map``), one row per cell with a star, in the order of the cell numbers.

    Parameters
    ----------
    batches : callable
        Called once or twice with the names of the columns wanted; returns an iterator over the stars as arrays by
        column name, each time the same stars in the same order. NaN marks a missing value.
    grid : Grid
        The cells; stars outside are left out.
    quantities : sequence of str
        Columns whose statistics are wanted, each in its own unit. None: numbers of stars only.
    error_columns : mapping
        Column of 1 sigma errors by quantity; a quantity without one has errors of 0.
    min_stars : int
        Statistics are NaN in a cell with fewer stars with a finite value (and error) of the quantity.
    estimator : str
        See `discatlas.maps.likelihood`.
    scratch : Path
        Folder for temporary files.
    max_rows : int
        Most stars held in memory at a time (20 bytes each for each quantity), unless one cell has more.

    Raises
    ------
    DiscatlasError
        If no star is inside the grid, no cell reaches `min_stars` (in any quantity), an error is negative, or the
        estimator is unknown.
    """
    check_estimator(estimator)
    counts, sums = _count_stars(batches, grid)
    cells = np.flatnonzero(counts)
    n_stars = counts[cells]
    _check_counts(n_stars, min_stars, "stars")
    columns = {"cell": cells, "n_stars": n_stars} | _coordinates(grid, cells, n_stars, sums)
    if not quantities:
        return columns
    row_of_cell = np.full(grid.n_cells, -1, np.int32)
    row_of_cell[cells] = np.arange(cells.size)
    bounds = divide_tiles(n_stars, max_rows)
    spill = Spill(scratch if n_stars.sum() > max_rows else None)
    for batch in batches(list(dict.fromkeys([*grid.axes, *quantities, *error_columns.values()]))):
        _distribute(batch, grid, row_of_cell, bounds, quantities, error_columns, spill)
    for number, quantity in enumerate(quantities):
        found, statistics = _reduce(spill, number, bounds, min_stars, estimator)
        _check_counts(found, min_stars, f"stars with a value of {quantity} and its error")
        columns |= _name_columns(quantity, found, statistics)
    return columns


def divide_tiles(n_stars: NDArray[np.int64], max_rows: int) -> NDArray[np.int64]:
    """Return the edges of tiles of consecutive cells, shape (t + 1,): each as full as `max_rows` allows."""
    ends = np.cumsum(n_stars)
    edges = [0]
    while edges[-1] < n_stars.size:
        before = ends[edges[-1] - 1] if edges[-1] else 0
        edges.append(max(int(np.searchsorted(ends, before + max_rows, side="right")), edges[-1] + 1))
    return np.array(edges)


class Spill:
    """Records of stars by quantity and tile, in memory (no folder) or one file each; order of arrival is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._parts = folder, {}

    def append(self, quantity: int, tile: int, records: NDArray) -> None:
        """Add records at the end of a tile."""
        if self._folder is None:
            self._parts.setdefault((quantity, tile), []).append(records)
            return
        with (self._folder / f"quantity_{quantity}_tile_{tile}.bin").open("ab") as file:
            records.tofile(file)

    def take(self, quantity: int, tile: int) -> NDArray:
        """Return the records of a tile and forget them."""
        if self._folder is None:
            parts = self._parts.pop((quantity, tile), [])
            return np.concatenate(parts) if parts else np.empty(0, RECORD)
        path = self._folder / f"quantity_{quantity}_tile_{tile}.bin"
        if not path.exists():
            return np.empty(0, RECORD)
        records = np.fromfile(path, RECORD)
        path.unlink()
        return records


def _count_stars(batches: Callable[[Sequence[str]], Iterator[Batch]], grid: Grid) -> tuple[NDArray, NDArray]:
    """Numbers of stars, shape (n_cells,), and sums of each coordinate from its lower limit, shape (axes, n_cells)."""
    counts, sums = np.zeros(grid.n_cells, np.int64), np.zeros((len(grid.axes), grid.n_cells))
    for batch in batches(grid.axes):
        cells = grid.cell_of(*(batch[axis] for axis in grid.axes))
        _add_counts(cells, counts)
        for number, axis in enumerate(grid.axes):
            _add_sums(cells, grid.wrap(number, batch[axis]), grid.limits[number][0], sums[number])
    return counts, sums


def _coordinates(grid: Grid, cells: NDArray, n_stars: NDArray, sums: NDArray) -> dict[str, NDArray]:
    centres, columns = grid.centres(cells), {}
    for number, axis in enumerate(grid.axes):
        base, suffix = split_unit(axis)
        columns[join_unit(f"{base}_centre", suffix)] = centres[:, number]
        columns[join_unit(f"{base}_mean", suffix)] = grid.limits[number][0] + sums[number, cells] / n_stars
    return columns


def _check_counts(n_stars: NDArray, min_stars: int, what: str) -> None:
    if not n_stars.size:
        raise DiscatlasError("no star lies inside the map's limits; widen the limits")
    if n_stars.max() < min_stars:
        raise DiscatlasError(
            f"no cell reaches min_stars = {min_stars:,} {what}: the fullest has {n_stars.max():,}; lower min_stars or widen the cells"
        )


def _distribute(
    batch: Batch,
    grid: Grid,
    row_of_cell: NDArray,
    bounds: NDArray,
    quantities: Sequence[str],
    error_columns: Mapping[str, str],
    spill: Spill,
) -> None:
    cells = grid.cell_of(*(batch[axis] for axis in grid.axes))
    rows = np.where(cells >= 0, row_of_cell[cells], np.int32(-1))
    tiles = np.searchsorted(bounds, rows, side="right") - 1
    for number, quantity in enumerate(quantities):
        values = np.asarray(batch[quantity], dtype=np.float64)
        errors = (
            np.asarray(batch[error_columns[quantity]], dtype=np.float64)
            if quantity in error_columns
            else np.zeros(values.size)
        )
        records, edges = _split(rows, tiles, values, errors, bounds.size - 1)
        if edges.size == 0:
            raise DiscatlasError(
                f"column {error_columns[quantity]!r} holds negative errors; expected 1 sigma errors >= 0"
            )
        for tile in np.flatnonzero(np.diff(edges)):
            spill.append(number, int(tile), records[edges[tile] : edges[tile + 1]])


def _reduce(spill: Spill, quantity: int, bounds: NDArray, min_stars: int, estimator: str) -> tuple[NDArray, NDArray]:
    """Numbers of stars and the statistics of one quantity, shapes (m,) and (m, 10), NaN below `min_stars`."""
    found = np.zeros(bounds[-1], np.int64)
    statistics = np.full((bounds[-1], len(MOMENTS) + len(LIKELIHOOD)), np.nan)
    for tile, (first, last) in enumerate(pairwise(bounds)):
        records = spill.take(quantity, tile)
        offsets, values, variances = sort_by_cell(
            records["row"] - np.int32(first), (records["value"], records["error"]), last - first
        )
        del records
        np.square(variances, out=variances)
        blocks = divide_blocks(offsets)
        moments = cell_moments(values, offsets, blocks)
        _subtract(values, offsets, moments[:, 0])
        statistics[first:last, : len(MOMENTS)] = moments
        statistics[first:last, len(MOMENTS) :] = estimate_cells(
            values, variances, offsets, moments[:, 0], blocks, estimator
        )
        found[first:last] = np.diff(offsets)
    statistics[found < min_stars] = np.nan
    return found, statistics


def _name_columns(quantity: str, found: NDArray, statistics: NDArray) -> dict[str, NDArray]:
    base, suffix = split_unit(quantity)
    names = [f"{base}_{statistic}" for statistic in (*MOMENTS, *LIKELIHOOD[:2])]
    names += [statistic.replace("sigma", f"sigma_{base}") for statistic in LIKELIHOOD[2:]]
    named = {join_unit(name, suffix): statistics[:, number] for number, name in enumerate(names)}
    return {f"{base}_n_stars": found} | named


@njit(cache=True)
def _add_counts(cells: NDArray, counts: NDArray) -> None:
    for i in range(cells.size):
        if cells[i] >= 0:
            counts[cells[i]] += 1


@njit(cache=True)
def _add_sums(cells: NDArray, x: NDArray, low: float, sums: NDArray) -> None:
    for i in range(cells.size):
        if cells[i] >= 0:
            sums[cells[i]] += x[i] - low


@njit(cache=True)
def _split(rows: NDArray, tiles: NDArray, values: NDArray, errors: NDArray, n_tiles: int) -> tuple[NDArray, NDArray]:
    """Return records by tile in row order and the tiles' edges (empty if an error is negative)."""
    edges = np.zeros(n_tiles + 1, np.int64)
    for i in range(rows.size):
        if rows[i] >= 0 and np.isfinite(values[i]) and np.isfinite(errors[i]):
            edges[tiles[i] + 1] += 1
            if errors[i] < 0.0:
                return np.empty(0, RECORD), np.empty(0, np.int64)
    edges = np.cumsum(edges)
    position, records = edges[:-1].copy(), np.empty(edges[-1], RECORD)
    for i in range(rows.size):
        if rows[i] >= 0 and np.isfinite(values[i]) and np.isfinite(errors[i]):
            record = records[position[tiles[i]]]
            record["row"], record["value"], record["error"] = rows[i], values[i], errors[i]
            position[tiles[i]] += 1
    return records, edges


@njit(cache=True)
def _subtract(values: NDArray, offsets: NDArray, centres: NDArray) -> None:
    for cell in range(centres.size):
        for i in range(offsets[cell], offsets[cell + 1]):
            values[i] -= centres[cell]
