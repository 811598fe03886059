"""A page of models and data: models above, below them one row for each source of data with what each model leaves of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from discatlas.plotting import overlays, top_bars
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import Head, draw_mesh
from discatlas.plotting.plane import PlaneGrid, write_corner
from discatlas.plotting.style import MM_PER_INCH, PAGE_MM, SMALL_PT, figure_style, new_figure
from discatlas.plotting.wrapping import width_mm, wrap

LEFT, RIGHT, BETWEEN, BELOW = 10.0, 2.5, 3.0, 9.0  # [mm]
_LONGEST, _LARGEST = 235.0, 80.0  # height of a page, width of a panel [mm]
_LINE = 2.8  # from line to line in a panel's corner [mm]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
Array = NDArray[np.float64]
Edges = tuple[Array, Array]


@dataclass(frozen=True)
class BarPanel:
    """One map: label with unit, edges of its cells on both axes, values (nx, ny), colours, scale, words, and cells in grey.

    `of` is the number of the model whose lines are drawn over it.
    """

    label: str
    edges: Edges
    values: Array
    cmap: str | Colormap
    norm: Normalize
    text: str = ""
    of: int = 0
    few: NDArray[np.bool_] | None = None

    @classmethod
    def on(
        cls, grid: PlaneGrid, label: str, values: Array, *scale: object, few: NDArray | None = None, **more: object
    ) -> "BarPanel":
        """Build from the values of the places of a grid, shape (n,); `scale` is colour map and norm."""
        grey = None if few is None else grid.fill(few)
        return cls(label, grid.edges, grid.fill(values), *scale, few=grey, **more)

    @property
    def centres(self) -> Array:
        """Centres of the cells that have a value, shape (n, 2)."""
        x, y = ((edges[1:] + edges[:-1]) / 2 for edges in self.edges)
        i, j = np.nonzero(np.isfinite(self.values))
        return np.stack([x[i], y[j]], axis=1)


@dataclass(frozen=True)
class Frame:
    """What all panels of a page share: names of the axes, their limits, and height over width of a panel."""

    axes: tuple[str, str]
    limits: tuple[tuple[float, float], tuple[float, float]]
    aspect: float


Decorate = Callable[[Axes, BarPanel, overlays.LabelPlacer], None]
Rows = Sequence[Sequence[BarPanel | None]]


@figure_style()
def draw_page(rows: Rows, frame: Frame, head: Head, handles: Sequence[Line2D], decorate: Decorate) -> Figure:
    """Draw rows of panels; a place without a panel holds the legend of `handles` if it is the first.

    `decorate` draws over each panel: it takes the axes, the panel, and a placer of labels.
    """
    n_columns, n_rows = max(len(row) for row in rows), len(rows)
    widest = min((PAGE_MM - LEFT - RIGHT - (n_columns - 1) * BETWEEN) / n_columns, _LARGEST)
    room = (_LONGEST - head.height - BELOW) / n_rows - top_bars.OVER_PANEL - 1.0
    height = min(widest * frame.aspect, room)
    width = height / frame.aspect
    pitch = top_bars.OVER_PANEL + height + 1.0
    figure = new_figure(PAGE_MM, head.height + n_rows * pitch + BELOW)
    head.write(figure)
    number = 0
    for r, row in enumerate(rows):
        for c, panel in enumerate(row):
            place = (LEFT + c * (width + BETWEEN), head.height + r * pitch)
            if panel is None:
                _draw_legend(figure, handles, (place[0], place[1] + top_bars.OVER_PANEL)) if r == c == 0 else None
                continue
            leftmost = all(other is None for other in row[:c])
            lowest = all(c >= len(below) or below[c] is None for below in rows[r + 1 :])
            ax = _draw_panel(figure, panel, frame, (*place, width, height), lowest=lowest, leftmost=leftmost)
            text = wrap(f"({_LETTERS[number]}) {panel.text}", 0.94 * width, SMALL_PT)
            write_corner(ax, "\n".join(text))
            placer = overlays.LabelPlacer(ax, (width, height), panel.centres)
            _reserve(placer, (width, height), text)
            decorate(ax, panel, placer)
            number += 1
    return figure


def _draw_panel(
    figure: Figure,
    panel: BarPanel,
    frame: Frame,
    place: tuple[float, float, float, float],
    lowest: bool,
    leftmost: bool,
) -> Axes:
    ax, bar = top_bars.add_panel(figure, *place)
    top_bars.draw_top_bar(bar, draw_mesh(ax, panel.edges, panel.values, panel.cmap, panel.norm, panel.few), panel.label)
    ax.set_xlim(*frame.limits[0])
    ax.set_ylim(*frame.limits[1])
    top_bars.trim_panel(ax, place[2], lowest, leftmost)
    for axis, side in ((ax.xaxis, place[2]), (ax.yaxis, place[3])):
        axis.get_major_locator().set_params(nbins=max(round(side / 11), 3), integer=True)
    ax.yaxis.get_major_locator().set_params(prune="lower")  # in the corner it would touch the other axis's first number
    if lowest:
        ax.set_xlabel(axis_label(frame.axes[0]), labelpad=1.5)
    if leftmost:
        ax.set_ylabel(axis_label(frame.axes[1]), labelpad=1.5)
    return ax


def _reserve(placer: overlays.LabelPlacer, size_mm: tuple[float, float], text: Sequence[str]) -> None:
    """Keep labels away from the lines of text in the upper left corner."""
    (x0, x1), (y0, y1) = placer.ax.get_xlim(), placer.ax.get_ylim()
    for row, line in enumerate(text):
        y = y1 - (3.0 + _LINE * row) / size_mm[1] * (y1 - y0)
        for along in np.arange(1.0, width_mm(line, SMALL_PT) + 3.0, 2.0):
            placer.reserve((x0 + along / size_mm[0] * (x1 - x0), y), 1.8)


def _draw_legend(figure: Figure, handles: Sequence[Line2D], place: tuple[float, float]) -> None:
    if not handles:
        return
    width, height = figure.get_size_inches() * MM_PER_INCH
    style = {"fontsize": SMALL_PT, "handlelength": 2.6, "borderaxespad": 0.0, "labelspacing": 0.7}
    anchor = (place[0] / width, 1 - place[1] / height)
    figure.legend(handles=list(handles), loc="upper left", bbox_to_anchor=anchor, **style)


def name_levels(ax: Axes, levels: Mapping[str, float], placer: overlays.LabelPlacer) -> None:
    """Draw lines across a panel at some values of its y axis, with their names at the right where there is room."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for name, level in levels.items():
        if low < level < high:
            ax.axhline(level, color="0.15", linewidth=0.5, linestyle=(0, (4, 3)), zorder=3)
            x = right - np.linspace(0.1, 0.9, 17) * (right - left)
            placer.place(name, np.stack([x, np.full(x.size, level + 0.025 * (high - low))], axis=1))
