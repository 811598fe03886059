"""Panels in a row with a horizontal colour bar above each, the label of the bar being the panel's title."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from discatlas.plotting import limits
from discatlas.plotting.cells import COLOUR_BAR
from discatlas.plotting.style import SMALL_PT, TINY_PT, add_axes_mm

BAR, ABOVE, GAP = 2.0, 7.5, 1.2  # height of a bar, room for its numbers and label, from bar to panel [mm]
OVER_PANEL = ABOVE + BAR + GAP  # room above a panel [mm]


def add_panel(figure: Figure, left: float, top: float, width: float, height: float) -> tuple[Axes, Axes]:
    """Add a panel whose bar begins below `top` [mm], and the bar; return both. They take `OVER_PANEL` + height."""
    bar = add_axes_mm(figure, left, top + ABOVE, width, BAR)
    return add_axes_mm(figure, left, top + OVER_PANEL, width, height), bar


def draw_top_bar(bar: Axes, mappable: ScalarMappable, label: str) -> None:
    """Draw the colour bar of `mappable` into `bar`, numbers and `label` above it; ends are pointed beyond the limits."""
    bar.set_label(COLOUR_BAR)
    values = np.ma.filled(np.ma.asarray(mappable.get_array(), dtype=np.float64), np.nan).ravel()
    extend = limits.extension(values, mappable.norm)
    colour_bar = bar.figure.colorbar(mappable, cax=bar, orientation="horizontal", extend=extend, extendfrac=0.03)
    colour_bar.outline.set_linewidth(0.4)
    bar.xaxis.set_ticks_position("top")
    bar.xaxis.set_label_position("top")
    bar.tick_params(axis="x", which="both", labelsize=TINY_PT + 0.5, pad=0.8, length=1.4)
    if not isinstance(mappable.norm, LogNorm):
        bar.xaxis.set_major_locator(MaxNLocator(nbins=5))
    if not isinstance(mappable.norm, LogNorm) or mappable.norm.vmax < 1e5:
        bar.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}")))
    bar.xaxis.set_minor_locator(NullLocator())
    bar.set_xlabel(label, fontsize=SMALL_PT + 0.5, labelpad=2.5)


def trim_panel(ax: Axes, width: float, lowest: bool, leftmost: bool) -> None:
    """Make the numbers of a small panel small and few; they are shown on the outer panels of a page alone."""
    ax.tick_params(labelsize=TINY_PT + 0.5, labelbottom=lowest, labelleft=leftmost, length=2, pad=1.5)
    ax.tick_params(which="minor", length=1.2)
    ax.xaxis.get_major_locator().set_params(nbins=max(round(width / 8), 3))
