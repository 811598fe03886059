"""A density contrast on a regular grid: as an image, and as contours over another map."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.tables import check_columns

CONTRAST_LABEL = "density contrast"
CONTOUR_COLOUR = "#0b5d1e"
_SPARSEST = 20  # places of a grid for each node with data


@dataclass(frozen=True)
class ContrastGrid:
    """A density contrast: coordinates of shape (nx,) and (ny,) [kpc], values of shape (nx, ny), NaN for no data."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    values: NDArray[np.float64]

    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the edges of the cells about the nodes on both axes [kpc]."""
        return _edges(self.x), _edges(self.y)

    def inside(self, x: tuple[float, float], y: tuple[float, float]) -> NDArray[np.float64]:
        """Return the values of the nodes within a range of both axes, shape (k,), with NaN for no data."""
        columns = (self.x >= min(x)) & (self.x <= max(x))
        rows = (self.y >= min(y)) & (self.y <= max(y))
        return self.values[np.ix_(columns, rows)].ravel()


def _edges(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    middles = (nodes[1:] + nodes[:-1]) / 2
    return np.concatenate([[2 * nodes[0] - middles[0]], middles, [2 * nodes[-1] - middles[-1]]])


def contrast_grid(columns: Mapping[str, NDArray], where: str) -> ContrastGrid:
    """Arrange the nodes of a table with ``X_kpc``, ``Y_kpc`` and ``overdensity`` as a grid.

    Nodes that the table lacks have no data.

    Raises
    ------
    DiscatlasError
        If a column is missing, if the nodes are not of a grid, or if no node has data.
    """
    check_columns(where, ["X_kpc", "Y_kpc", "overdensity"], list(columns))
    x, column = np.unique(np.round(columns["X_kpc"], 9), return_inverse=True)
    y, row = np.unique(np.round(columns["Y_kpc"], 9), return_inverse=True)
    if min(x.size, y.size) < 2 or x.size * y.size > _SPARSEST * columns["X_kpc"].size:
        raise DiscatlasError(f"{where}: {columns['X_kpc'].size:,} nodes are no grid of X_kpc and Y_kpc; remake it")
    values = np.full((x.size, y.size), np.nan)
    values[column, row] = columns["overdensity"]
    if not np.isfinite(values).any():
        raise DiscatlasError(f"{where}: no node has a density contrast: nothing to draw; see min_density_fraction")
    return ContrastGrid(x, y, values)


def draw_contrast_contours(ax: Axes, grid: ContrastGrid, colour: str = CONTOUR_COLOUR) -> None:
    """Draw where the density is the mean (thick) and half as much again (thin, only where it is reached)."""
    image = np.ma.masked_invalid(grid.values.T)
    levels = [level for level in (0.0, 0.5) if image.min() < level < image.max()]
    if levels:
        widths = [{0.0: 0.8, 0.5: 0.4}[level] for level in levels]
        lines = ax.contour(grid.x, grid.y, image, levels=levels, colors=colour, linewidths=widths, zorder=3.5)
        lines.set_gid(DECORATION)
