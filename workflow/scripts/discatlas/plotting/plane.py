"""Pages of maps of the Galactic plane on one regular grid, each panel with its colour bar above it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits, overlays, top_bars
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import Head, draw_mesh
from discatlas.plotting.style import PAGE_MM, SMALL_PT, figure_style, new_figure
from discatlas.plotting.wrapping import width_mm

LEFT, RIGHT, BETWEEN, BELOW = 10.0, 2.5, 3.0, 9.0  # [mm]
_LONGEST = 235.0  # height of a page [mm]
_LARGEST = 80.0  # width of a panel [mm]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PlaneGrid:
    """A regular grid that holds some places: coordinates of shape (nx,) and (ny,), spacings, and the place of each row."""

    x: Array
    y: Array
    spacing_kpc: tuple[float, float]
    column: NDArray[np.int64]
    row: NDArray[np.int64]

    @classmethod
    def of(cls, X_kpc: Array, Y_kpc: Array, where: str) -> Self:
        """Return the grid whose nodes the places are; places between nodes are a DiscatlasError that names `where`."""
        steps = [np.diff(np.unique(np.round(values, 6))) for values in (X_kpc, Y_kpc)]
        if not any(step.size for step in steps):
            raise DiscatlasError(f"{where}: {X_kpc.size:,} places are no grid in X_kpc and Y_kpc: nothing to draw")
        index, axes, spacings = [], [], []
        for values, step in zip((X_kpc, Y_kpc), steps, strict=True):
            # a single row is as high as its cells are wide
            spacing = float(np.min(step if step.size else np.concatenate(steps)))
            at = (values - values.min()) / spacing
            if np.abs(at - np.rint(at)).max() > 0.02 or at.max() > 20_000:
                raise DiscatlasError(f"{where}: places {spacing:g} kpc apart are no regular grid in X_kpc and Y_kpc")
            index.append(np.rint(at).astype(np.int64))
            axes.append(values.min() + spacing * np.arange(index[-1].max() + 1))
            spacings.append(spacing)
        return cls(*axes, (spacings[0], spacings[1]), *index)

    @property
    def edges(self) -> tuple[Array, Array]:
        """Edges of the cells on both axes [kpc]."""
        x, y = (
            np.append(c - step / 2, c[-1] + step / 2)
            for c, step in zip((self.x, self.y), self.spacing_kpc, strict=True)
        )
        return x, y

    def fill(self, values: NDArray) -> NDArray:
        """Return values of the places as an image, shape (nx, ny), with NaN (False for booleans) elsewhere."""
        image = np.full((self.x.size, self.y.size), values.dtype.kind != "b" and np.nan)
        image[self.column, self.row] = values
        return image.astype(bool) if values.dtype.kind == "b" else image

    def outline(self, which: NDArray[np.bool_]) -> LineCollection:
        """Return the edges of the cells between these places and all others."""
        inside = np.pad(self.fill(which), 1)
        x, y = self.edges
        segments = []
        for i, j in np.argwhere(inside[1:, 1:-1] != inside[:-1, 1:-1]):
            segments.append([(x[i], y[j]), (x[i], y[j + 1])])
        for i, j in np.argwhere(inside[1:-1, 1:] != inside[1:-1, :-1]):
            segments.append([(x[i], y[j]), (x[i + 1], y[j])])
        return LineCollection(segments, colors="black", linewidths=0.5, gid=DECORATION, zorder=2.5)


@dataclass(frozen=True)
class PlanePanel:
    """One map: label with unit, values of the grid's places, colours and scale; places of `few` are grey.

    A panel without a `label` has no colour bar of its own; `text` is written into it.
    """

    label: str
    values: Array
    cmap: str | Colormap
    norm: Normalize
    few: NDArray[np.bool_] | None = None
    text: str = ""


def shared_norm(values: Sequence[Array], percentile: float, centred: bool = False) -> Normalize:
    """Return one linear scale that holds the central `percentile` per cent of each of `values`."""
    norms = [limits.linear_norm(some, percentile, centred) for some in values if np.isfinite(some).any()]
    if not norms:
        return Normalize(-1.0, 1.0)
    return Normalize(min(norm.vmin for norm in norms), max(norm.vmax for norm in norms))


Decorate = Callable[[Axes, int, overlays.LabelPlacer], None]


@figure_style()
def draw_plane_page(
    grid: PlaneGrid, panels: Sequence[PlanePanel], n_columns: int, head: Head, decorate: Decorate
) -> Figure:
    """Draw panels row by row; `decorate` draws over each: it takes the axes, the panel's number and a placer of labels."""
    (x0, *_, x1), (y0, *_, y1) = grid.edges
    n_rows = -(-len(panels) // n_columns)
    widest = min((PAGE_MM - LEFT - RIGHT - (n_columns - 1) * BETWEEN) / n_columns, _LARGEST)
    room = (_LONGEST - head.height - BELOW) / n_rows - top_bars.OVER_PANEL - 1.0
    height = min(widest * (y1 - y0) / (x1 - x0), room)
    width = height * (x1 - x0) / (y1 - y0)
    between = min((PAGE_MM - LEFT - RIGHT - n_columns * width) / max(n_columns - 1, 1), 4 * BETWEEN)
    pitch = top_bars.OVER_PANEL + height + 1.0
    figure = new_figure(PAGE_MM, head.height + n_rows * pitch + BELOW)
    head.write(figure)
    for number, panel in enumerate(panels):
        row, column = divmod(number, n_columns)
        ax, bar = top_bars.add_panel(
            figure, LEFT + column * (width + between), head.height + row * pitch, width, height
        )
        top_bars.draw_top_bar(bar, draw_plane(ax, grid, panel), panel.label)
        lowest = number + n_columns >= len(panels)
        label_plane(ax, width, lowest=lowest, leftmost=column == 0)
        text = f"({'abcdefghijkl'[number]}) {panel.text}".rstrip()
        write_corner(ax, text)
        placer = overlays.LabelPlacer(ax, (width, height), _centres(grid, panel))
        _reserve_corner(placer, (width, height), text)
        decorate(ax, number, placer)
    return figure


def _reserve_corner(placer: overlays.LabelPlacer, size_mm: tuple[float, float], text: str) -> None:
    """Keep labels away from the text in the upper left corner."""
    (x0, x1), (y0, y1) = placer.ax.get_xlim(), placer.ax.get_ylim()
    y = y1 - 3.0 / size_mm[1] * (y1 - y0)
    for along in np.arange(1.0, width_mm(text, SMALL_PT) + 3.0, 2.0):
        placer.reserve((x0 + along / size_mm[0] * (x1 - x0), y), 1.8)


def _centres(grid: PlaneGrid, panel: PlanePanel) -> Array:
    known = np.isfinite(panel.values)
    return np.stack([grid.x[grid.column[known]], grid.y[grid.row[known]]], axis=1)


def draw_plane(ax: Axes, grid: PlaneGrid, panel: PlanePanel) -> ScalarMappable:
    """Draw the values of a panel and return what the colour bar needs."""
    few = None if panel.few is None else grid.fill(panel.few)
    return draw_mesh(ax, grid.edges, grid.fill(panel.values), panel.cmap, panel.norm, few)


def label_plane(ax: Axes, side_mm: float, lowest: bool, leftmost: bool) -> None:
    """Label X and Y of a panel at the outer sides of a page."""
    top_bars.trim_panel(ax, side_mm, lowest, leftmost)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(nbins=max(round(side_mm / 11), 3), integer=True)
    if lowest:
        ax.set_xlabel(axis_label("X_kpc"), labelpad=1.5)
    if leftmost:
        ax.set_ylabel(axis_label("Y_kpc"), labelpad=1.5)


def write_corner(ax: Axes, text: str) -> None:
    """Write `text` into the upper left corner of a panel."""
    style = {"fontsize": SMALL_PT, "va": "top", "path_effects": overlays.HALO, "zorder": 8}
    ax.text(0.025, 0.975, text, transform=ax.transAxes, **style)


def draw_sky_marks(ax: Axes, R0_kpc: float, z_sun_kpc: float, placer: overlays.LabelPlacer, named: bool) -> None:
    """Draw the Sun, the centre and circles of constant R; these are named where `named`."""
    overlays.draw_sun(ax, ("X_kpc", "Y_kpc"), overlays.sun_coordinates(R0_kpc, z_sun_kpc), placer)
    overlays.draw_circles(ax, placer if named else None)
    overlays.draw_centre(ax)
