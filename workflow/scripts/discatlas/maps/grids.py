"""Grids of map cells: squares in one or two columns, regular hexagons in two.

A cell holds its lower edges and not its upper ones. Edges are rounded to 1e-12 so that a cell of 0.1 kpc has an edge at
0.3 exactly. The lattice of hexagons is anchored at the middle of the limits, where a cell is centred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

SHAPES = ("square", "hexagon")
MAX_CELLS = 10_000_000
ROW_STEP = np.sqrt(3.0) / 2.0  # distance between rows of hexagons whose neighbours in a row are 1 apart
CIRCUMRADIUS = 1.0 / np.sqrt(3.0)


@dataclass(frozen=True)
class Grid:
    """A declared grid of map cells.

    Parameters
    ----------
    axes : tuple of str
        One or two column names, for example ``("X_kpc", "Y_kpc")`` or ``("R_kpc",)``. A column in degrees whose name
        starts with ``phi`` is an azimuth: its values are wrapped to [-180, 180) and its limits must lie in that range
        (a grid across phi = 180 deg, the far side of the centre, cannot be declared).
    shape : str
        ``"square"`` (rectangles, if the two sizes differ; intervals on one axis) or ``"hexagon"`` (two axes only).
    cell_size : tuple of float
        Per axis, in the axis's unit. Squares: sides. Hexagons: the first is the distance between neighbouring centres
        along the first axis; the cells are regular hexagons once each axis is divided by its size.
    limits : tuple of (float, float)
        Per axis: low (in) and high (out). Stars outside belong to no cell; hexagons at the border are cut by it.

    Raises
    ------
    DiscatlasError
        For an unknown shape, sizes or limits of the wrong number, a size that is not positive, reversed limits, limits
        that are not a whole number of squares apart, and more than 10 million cells.
    """

    axes: tuple[str, ...]
    shape: str
    cell_size: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _check_declaration(self)

    @cached_property
    def edges(self) -> tuple[NDArray[np.float64], ...]:
        """Edges of the square cells along each axis, each of shape (n + 1,), in the axis's unit."""
        return tuple(
            np.round(np.linspace(low, high, _count(low, high, size) + 1), 12)
            for (low, high), size in zip(self.limits, self.cell_size, strict=True)
        )

    @cached_property
    def lattice(self) -> tuple[int, int]:
        """Hexagons: largest column and row number from the middle, which cover the limits whole."""
        half = [(high - low) / size / 2 for (low, high), size in zip(self.limits, self.cell_size, strict=True)]
        return int(np.ceil(half[0] + 0.5)), int(np.ceil((half[1] + CIRCUMRADIUS) / ROW_STEP))

    @property
    def middle(self) -> tuple[float, ...]:
        """Middle of the limits, where a hexagon is centred."""
        return tuple((low + high) / 2 for low, high in self.limits)

    @property
    def n_cells(self) -> int:
        """Number of cells; cells are numbered 0 to n_cells - 1, the second axis running fastest."""
        if self.shape == "hexagon":
            columns, rows = self.lattice
            return (2 * columns + 1) * (2 * rows + 1)
        counts = [_count(low, high, size) for (low, high), size in zip(self.limits, self.cell_size, strict=True)]
        return int(np.prod(counts, dtype=float))

    def cell_of(self, x: NDArray[np.float64], y: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
        """Return the cell number of each star, shape (n,); -1 outside the limits or where a coordinate is NaN."""
        x = self.wrap(0, x)
        if len(self.axes) == 1:
            return _cells_1d(x, self.edges[0])
        y = self.wrap(1, y)
        if self.shape == "square":
            return _cells_2d(x, y, *self.edges)
        return _cells_hexagon(
            x, y, np.array(self.limits), np.array(self.cell_size), np.array(self.middle), *self.lattice
        )

    def wrap(self, axis: int, values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return the coordinates along axis number `axis`, with azimuths in [-180, 180)."""
        values = np.ascontiguousarray(values, dtype=np.float64)
        if not _is_azimuth(self.axes[axis]):
            return values
        # Values in range keep their bits.
        wrapped = values - 360.0 * np.floor((values + 180.0) / 360.0)
        return np.where((values >= -180.0) & (values < 180.0), values, wrapped)

    def centres(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the centres of cells, shape (m, number of axes), in the axes' units."""
        cells = np.asarray(cells, dtype=np.int64)
        if self.shape == "hexagon":
            columns, rows = self.lattice
            column, row = np.divmod(cells, 2 * rows + 1)
            column, row = column - columns, row - rows
            u = column + 0.5 * (row % 2)
            return np.stack(
                [self.middle[0] + u * self.cell_size[0], self.middle[1] + row * ROW_STEP * self.cell_size[1]], axis=1
            )
        numbers = np.unravel_index(cells, [edges.size - 1 for edges in self.edges])
        return np.stack([(edges[i] + edges[i + 1]) / 2 for edges, i in zip(self.edges, numbers, strict=True)], axis=1)

    def corners(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the corners of cells for plotting, anticlockwise: shape (m, 4, 2), (m, 6, 2) or on one axis (m, 2, 1)."""
        centres = self.centres(cells)
        if self.shape == "hexagon":
            angles = np.deg2rad(30.0 + 60.0 * np.arange(6))
            offsets = CIRCUMRADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        else:
            offsets = (
                np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
                if len(self.axes) == 2
                else np.array([[-0.5], [0.5]])
            )
        return centres[:, None, :] + offsets[None] * np.array(self.cell_size)


def _is_azimuth(axis: str) -> bool:
    return axis.startswith("phi") and axis.endswith("_deg")


def _count(low: float, high: float, size: float) -> int:
    return round((high - low) / size)


def _check_declaration(grid: Grid) -> None:
    where = f"grid of {', '.join(grid.axes)}"
    if grid.shape not in SHAPES:
        raise DiscatlasError(
            f"{where}: unknown cell shape {grid.shape!r}{nearest(grid.shape, SHAPES)}; expected one of {', '.join(SHAPES)}"
        )
    allowed = (2,) if grid.shape == "hexagon" else (1, 2)
    if len(grid.axes) not in allowed or len(set(grid.axes)) != len(grid.axes):
        raise DiscatlasError(
            f"{where}: {grid.shape} cells need {' or '.join(map(str, allowed))} different axes, got {len(grid.axes)}"
        )
    for name, given in (("cell_size", grid.cell_size), ("limits", grid.limits)):
        if len(given) != len(grid.axes):
            raise DiscatlasError(
                f"{where}: {name} has {len(given)} entries for {len(grid.axes)} axes; give one per axis"
            )
    for axis, size, limits in zip(grid.axes, grid.cell_size, grid.limits, strict=True):
        _check_axis(where, axis, size, limits, grid.shape)
    if grid.n_cells > MAX_CELLS:
        raise DiscatlasError(
            f"{where}: {grid.n_cells:,} cells, at most {MAX_CELLS:,} are allowed; widen the cells or narrow the limits"
        )


def _check_axis(where: str, axis: str, size: float, limits: Sequence[float], shape: str) -> None:
    if len(limits) != 2 or not np.all(np.isfinite([size, *limits])):
        raise DiscatlasError(
            f"{where}: {axis} needs finite limits [low, high] and cell size, got {list(limits)} and {size}"
        )
    low, high = limits
    if not size > 0:
        raise DiscatlasError(f"{where}: cell size {size:g} of {axis} is not positive")
    if not low < high:
        raise DiscatlasError(
            f"{where}: limits [{low:g}, {high:g}] of {axis} are reversed or empty; expected [low, high]"
        )
    if _is_azimuth(axis) and not (low >= -180 and high <= 180):
        raise DiscatlasError(
            f"{where}: limits [{low:g}, {high:g}] of {axis} must lie in [-180, 180] and may not cross 180 deg"
        )
    count = (high - low) / size
    if shape == "square" and (round(count) < 1 or abs(count - round(count)) > 1e-6):
        raise DiscatlasError(
            f"{where}: {axis} from {low:g} to {high:g} is {count:g} cells of {size:g}; expected a whole number, change the size or the limits"
        )
    if shape == "hexagon" and count < 1:
        raise DiscatlasError(f"{where}: {axis} from {low:g} to {high:g} does not hold one hexagon of size {size:g}")


@njit(cache=True)
def _index(x: float, edges: NDArray[np.float64], scale: float) -> int:
    if not (edges[0] <= x < edges[-1]):
        return -1
    i = min(int((x - edges[0]) * scale), edges.size - 2)
    # The quotient may round across an edge: the edges themselves decide.
    if x < edges[i]:
        return i - 1
    if x >= edges[i + 1]:
        return i + 1
    return i


@njit(cache=True)
def _cells_1d(x: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    cells = np.empty(x.size, np.int64)
    scale = (edges.size - 1) / (edges[-1] - edges[0])
    for k in range(x.size):
        cells[k] = _index(x[k], edges, scale)
    return cells


@njit(cache=True)
def _cells_2d(x: NDArray, y: NDArray, edges_x: NDArray, edges_y: NDArray) -> NDArray[np.int64]:
    cells = np.empty(x.size, np.int64)
    n_y = edges_y.size - 1
    scale_x, scale_y = (edges_x.size - 1) / (edges_x[-1] - edges_x[0]), n_y / (edges_y[-1] - edges_y[0])
    for k in range(x.size):
        i, j = _index(x[k], edges_x, scale_x), _index(y[k], edges_y, scale_y)
        cells[k] = i * n_y + j if i >= 0 and j >= 0 else -1
    return cells


@njit(cache=True)
def _cells_hexagon(
    x: NDArray, y: NDArray, limits: NDArray, size: NDArray, middle: NDArray, columns: int, rows: int
) -> NDArray[np.int64]:
    """Nearest centre of the lattice, which is two interleaved rectangular ones: even rows and odd rows."""
    cells = np.empty(x.size, np.int64)
    pair = 2.0 * ROW_STEP
    for k in range(x.size):
        if not (limits[0, 0] <= x[k] < limits[0, 1] and limits[1, 0] <= y[k] < limits[1, 1]):
            cells[k] = -1
            continue
        u, v = (x[k] - middle[0]) / size[0], (y[k] - middle[1]) / size[1]
        even_column, even_row = np.floor(u + 0.5), np.floor(v / pair + 0.5)
        odd_column, odd_row = np.floor(u), np.floor(v / pair)
        even = (u - even_column) ** 2 + (v - even_row * pair) ** 2
        odd = (u - odd_column - 0.5) ** 2 + (v - (odd_row + 0.5) * pair) ** 2
        column, row = (even_column, 2 * even_row) if even <= odd else (odd_column, 2 * odd_row + 1)
        cells[k] = (int(column) + columns) * (2 * rows + 1) + int(row) + rows
    return cells
