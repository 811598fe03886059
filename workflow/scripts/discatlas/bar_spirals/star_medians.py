"""Stars of a sample in cells, and their medians with standard errors, for comparison with a model's medians.

A model's medians are over a grid of velocities, so stars outside of it are left out here too where a window says so: in
the inner disc, where the dispersion is large, they would move the median of J_R by a tenth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.cuts import compile_cut
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.maps.moments import cell_moments, divide_blocks, sort_by_cell
from discatlas.tables import check_columns, column_names, frame_batches

Window = Mapping[str, tuple[float, float]]


class CellStars(NamedTuple):
    """Stars in cells: number of the cell, shape (n,), columns of the same shape, and how many were where."""

    cell: NDArray[np.int32]
    columns: dict[str, NDArray[np.float64]]
    counts: dict[str, int]


def velocity_window(velocities: VelocityGrid) -> dict[str, tuple[float, float]]:
    """Return the range of the bins of a grid of velocities, as a window of `gather_stars` [km/s]."""
    window = {}
    for name in ("v_R_kms", "v_phi_kms"):
        centres = getattr(velocities, name)
        half = (centres[1] - centres[0]) / 2
        window[name] = (float(centres[0] - half), float(centres[-1] + half))
    return window


def gather_stars(path: Path, grid: Grid, columns: Sequence[str], selection: str | None, window: Window) -> CellStars:
    """Return the stars of a Parquet table that lie in the cells of `grid`, in file order.

    Parameters
    ----------
    path : Path
        A phase space.
    columns : sequence of str
        What is wanted of each star; one without a finite value of all of them is left out.
    selection : str or None
        A condition of `discatlas.cuts`.
    window : mapping
        Range of further columns: low (in) and high (out).

    Raises
    ------
    DiscatlasError
        For a column that is not there, a bad selection, and where no star is left.
    """
    present = column_names(path)
    check_columns(path, [*grid.axes, *columns, *window], present)
    cut = compile_cut(selection, present) if selection else None
    needed = list(dict.fromkeys([*grid.axes, *columns, *window]))
    counts = dict.fromkeys(("read", "selected", "in_window", "in_cells"), 0)
    cells, parts = [], []
    for frame in frame_batches(path, list(dict.fromkeys([*needed, *(cut.columns if cut else ())]))):
        stars = (frame.filter(cut.expression) if cut else frame).select(pl.col(needed).cast(pl.Float64))
        values = {name: stars[name].fill_null(np.nan).to_numpy() for name in needed}
        inside = np.logical_and.reduce([np.isfinite(values[name]) for name in columns])
        for name, (low, high) in window.items():
            inside &= (values[name] >= low) & (values[name] < high)
        cell = grid.cell_of(*(values[axis] for axis in grid.axes))
        kept = inside & (cell >= 0)
        for key, n in zip(counts, (frame.height, stars.height, inside.sum(), kept.sum()), strict=True):
            counts[key] += int(n)
        cells.append(cell[kept].astype(np.int32))
        parts.append(np.stack([values[name][kept] for name in columns]))
    if not counts["in_cells"]:
        numbers = ", ".join(f"{n:,} {key.replace('_', ' ')}" for key, n in counts.items())
        raise DiscatlasError(f"{path}: no star lies in the cells ({numbers}); widen limits, selection or velocities")
    return CellStars(np.concatenate(cells), dict(zip(columns, np.concatenate(parts, axis=1), strict=True)), counts)


def cell_medians(
    cell: NDArray[np.int32], n_cells: int, quantities: Mapping[str, NDArray[np.float64]], min_stars: int
) -> tuple[NDArray[np.int64], dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Return the number of stars in each cell, shape (n_cells,), and median and standard error of each quantity.

    The error is half of the 68.27 % interval between order statistics (`discatlas.maps.moments.median_ranks`). Both are
    NaN in cells of fewer than `min_stars`. Infinite values are allowed: they are the largest.
    """
    names = list(quantities)
    medians = {}
    for first, second in zip(names[::2], [*names[1::2], names[-1]], strict=False):
        offsets, *ordered = sort_by_cell(cell, (quantities[first], quantities[second]), n_cells)
        counts = np.diff(offsets)
        for name, values in zip((first, second), ordered, strict=True):
            moments = cell_moments(values, offsets, divide_blocks(offsets))
            moments[(counts < min_stars) | ~np.isfinite(moments[:, 0])] = np.nan
            medians[name] = moments[:, 0], np.where(np.isfinite(moments[:, 1]), moments[:, 1], np.nan)
    return counts, medians
