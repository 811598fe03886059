"""Parts that pages of several panels share: the head of a page, cells as a mesh, colour bars."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from discatlas.plotting import limits
from discatlas.plotting.cells import COLOUR_BAR, DECORATION, RASTER_CELLS
from discatlas.plotting.style import FEW_STARS, FONT_PT, PAGE_MM, SMALL_PT, text_mm
from discatlas.plotting.wrapping import wrap

LEFT = 13.0  # margin of a page [mm]
_TITLE, _NOTE = 4.8, 3.0  # from line to line [mm]


class Head:
    """Title and note above the panels of a page; `height` [mm] is known before the figure is made."""

    def __init__(self, title: str, note: Sequence[str]) -> None:
        width = PAGE_MM - 2 * LEFT
        self._title = wrap(title, width, FONT_PT + 1.5)
        self._note = [line for text in note for line in wrap(text, width, SMALL_PT)]
        self._above = 2.5 + _TITLE * len(self._title)
        self.height = self._above + _NOTE * len(self._note) + 1.5

    def write(self, figure: Figure) -> None:
        """Write both into the figure."""
        text_mm(figure, LEFT, 2.0, self._title, _TITLE, fontsize=FONT_PT + 1.5)
        text_mm(figure, LEFT, self._above, self._note, _NOTE, fontsize=SMALL_PT, color="0.25")


def draw_mesh(
    ax: Axes,
    edges: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: NDArray[np.float64],
    cmap: str | Colormap,
    norm: Normalize,
    few: NDArray[np.bool_] | None = None,
) -> ScalarMappable:
    """Draw cells of shape (n_x, n_y) between the `edges` of both axes; NaN is white, cells of `few` are grey.

    The panel takes the range of the edges. Returns what the colour bar needs.
    """
    style = {"rasterized": values.size > RASTER_CELLS, "linewidth": 0, "zorder": 1}
    if few is not None and few.any():
        ones = np.ma.masked_array(np.zeros(values.shape), ~few).T
        grey = ax.pcolormesh(*edges, ones, cmap=ListedColormap([FEW_STARS]), norm=Normalize(0, 1), **style)
        grey.set_gid(DECORATION)
    mesh = ax.pcolormesh(*edges, np.ma.masked_invalid(values).T, cmap=cmap, norm=norm, **style)
    ax.set_xlim(edges[0][0], edges[0][-1])
    ax.set_ylim(edges[1][0], edges[1][-1])
    return mesh


def draw_colour_bar(bar: Axes, mappable: ScalarMappable, label: str) -> None:
    """Draw the colour bar of `mappable` into the axes `bar`, its ends pointed where values lie beyond the limits."""
    bar.set_label(COLOUR_BAR)
    values = np.ma.filled(np.ma.asarray(mappable.get_array(), dtype=np.float64), np.nan).ravel()
    extend = limits.extension(values, mappable.norm)
    colour_bar = bar.figure.colorbar(mappable, cax=bar, extend=extend, extendfrac=0.04)
    colour_bar.set_label(label, labelpad=2)
    colour_bar.outline.set_linewidth(0.5)
    if isinstance(mappable.norm, LogNorm):
        _label_decades(bar.yaxis, mappable.norm)


def _label_decades(axis: Axis, norm: LogNorm) -> None:
    """Label the decades in plain numbers while these are short, with 2 and 5 between where there are few of them."""
    if norm.vmax >= 1e5:
        return
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    between = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    axis.set_minor_formatter(between if norm.vmax / norm.vmin < 150 else NullFormatter())


def positive(counts: NDArray) -> NDArray[np.float64]:
    """Return counts as floats with NaN for zero, which is drawn white."""
    return np.where(counts > 0, counts, np.nan).astype(np.float64)
