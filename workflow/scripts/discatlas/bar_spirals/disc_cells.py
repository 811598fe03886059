"""The cells of a map of the disc, the same for a model and for stars, and their division into parts."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.maps.grids import Grid

Columns = dict[str, NDArray]
LEAST_R_KPC = 0.1  # there is no azimuth at the centre
PLACE = ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg")


def disc_grid(limits_kpc: Sequence[Sequence[float]], spacing_kpc: float) -> Grid:
    """Return the square cells in X and Y between `limits_kpc`, [[X low, X high], [Y low, Y high]].

    Raises
    ------
    DiscatlasError
        For limits that are no whole number of cells apart, and those of `Grid`.
    """
    limits = tuple((float(low), float(high)) for low, high in limits_kpc)
    return Grid(("X_kpc", "Y_kpc"), "square", (float(spacing_kpc), float(spacing_kpc)), limits)


def cell_places(grid: Grid, cells: NDArray[np.int64]) -> Columns:
    """Return number, X, Y, R [kpc] and azimuth [deg] of cells, shape (n,) each."""
    X, Y = grid.centres(cells).T
    R, phi = cylindrical_position(X, Y)
    return dict(zip(PLACE, (np.asarray(cells, np.int64), X, Y, R, phi), strict=True))


def all_cells(grid: Grid) -> Columns:
    """Return the places of all cells but one centred on the Galactic centre."""
    places = cell_places(grid, np.arange(grid.n_cells))
    return take(places, places["R_kpc"] >= LEAST_R_KPC)


def take(columns: Mapping[str, NDArray], rows: NDArray | slice) -> Columns:
    """Return some rows of all columns."""
    return {name: values[rows] for name, values in columns.items()}


def part_of(columns: Mapping[str, NDArray], part: int, n_parts: int) -> Columns:
    """Return part number `part`, from 0, of the cells: every `n_parts`-th, so that all parts take about as long.

    Raises
    ------
    DiscatlasError
        For a part that does not exist, or more parts than cells.
    """
    n = columns["cell"].size
    if not 0 <= part < n_parts <= n:
        raise DiscatlasError(
            f"disc map: part {part} of {n_parts} of {n:,} cells: expected 0 to n_parts - 1, at most one part a cell"
        )
    return take(columns, slice(part, None, n_parts))


def join_parts(parts: Sequence[Mapping[str, NDArray]], grid: Grid, where: str) -> Columns:
    """Return all parts as one table, in the order of the cells.

    Raises
    ------
    DiscatlasError
        If a cell of the grid is missing or there twice.
    """
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    joined = take(joined, np.argsort(joined["cell"], kind="stable"))
    expected = all_cells(grid)["cell"]
    if not np.array_equal(joined["cell"], expected):
        n_missing = np.setdiff1d(expected, joined["cell"]).size
        raise DiscatlasError(
            f"{where}: {joined['cell'].size:,} cells in {len(parts)} parts, expected each of {expected.size:,} once "
            f"({n_missing:,} are missing); make the parts anew"
        )
    return joined
