"""Published gradients as they are drawn beside ours: in their bins, and those of no bin in a strip at the side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from discatlas.plotting.cells import DECORATION
from discatlas.plotting.gradient_data import GradientFacts
from discatlas.plotting.gradient_published import PublishedGradients
from discatlas.plotting.style import SMALL_PT, add_axes_mm
from discatlas.plotting.wrapping import wrap

STRIP, STRIP_GAP = 15.0, 1.5  # width of the strip, gap to the panel [mm]
LEGEND = 53.0  # width of the legend [mm]
_LOOKS = (
    ("black", "s"),
    ("#5d8fd3", "^"),
    ("#e08a4c", "D"),
    ("#4f8f5b", "v"),
    ("#8c6bb1", "P"),
    ("#8c564b", "X"),
    ("#c2a000", "<"),
    ("#0f8b8d", ">"),
    ("#c51b7d", "h"),
    ("0.45", "p"),
    ("#1b7837", "d"),
    ("#542788", "*"),
)


def any_without_bin(published: Sequence[PublishedGradients]) -> bool:
    """Whether a strip is needed."""
    return any(not np.isfinite(source.place).all() for source in published)


def draw_others(panels: Sequence[Axes], published: Sequence[PublishedGradients]) -> list[Artist]:
    """Draw slopes into the first panel, and into further ones intercepts and scatters; return the legend's handles."""
    handles: list[Artist] = []
    for k, source in enumerate(published):
        colour, marker = _LOOKS[k % len(_LOOKS)]
        binned = np.isfinite(source.place)
        style = {"marker": marker, "color": colour, "markersize": 3.4, "linewidth": 0.6, "markeredgewidth": 0.0}
        style |= {"linestyle": "-" if binned.sum() > 1 else "none"}
        handles.append(Line2D([], [], **style))
        for ax, name in zip(panels, ("slope", "intercept", "scatter"), strict=False):
            value, error = (getattr(source, key)[binned] for key in (name, f"{name}_error"))
            if np.isfinite(value).any():
                bars = {"elinewidth": 0.6, "alpha": 0.85, "zorder": 3}
                ax.errorbar(source.place[binned], value, yerr=np.nan_to_num(error), **style, **bars)
    return handles


def draw_strip(
    figure: Figure,
    beside: Axes,
    published: Sequence[PublishedGradients],
    facts: GradientFacts,
    place: tuple[float, ...],
) -> Axes:
    """Draw the slopes of no bin in a strip at `place` (left, top, height [mm]) with the limits of the panel `beside`.

    A slope beyond the limits becomes an arrow at the edge.
    """
    left, top, height = place
    ax = add_axes_mm(figure, left, top, STRIP, height)
    rows = [(k, j) for k, source in enumerate(published) for j in np.flatnonzero(~np.isfinite(source.place))]
    bottom, upper = beside.get_ylim()
    for x, (k, j) in enumerate(rows):
        source, (colour, marker) = published[k], _LOOKS[k % len(_LOOKS)]
        slope, error = float(source.slope[j]), float(np.nan_to_num(source.slope_error[j]))
        if bottom < slope < upper:
            bars = {"elinewidth": 0.6, "markersize": 3.4, "markeredgewidth": 0.0, "alpha": 0.85}
            ax.errorbar([x], [slope], yerr=[error], fmt=marker, color=colour, **bars)
        else:
            inner, edge = (0.05, 0.005) if slope <= bottom else (0.95, 0.995)
            arrow = {
                "arrowstyle": "-|>",
                "color": colour,
                "linewidth": 0.8,
                "mutation_scale": 6,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            where = {"xycoords": ax.get_xaxis_transform(), "textcoords": ax.get_xaxis_transform()}
            ax.annotate("", (x, edge), xytext=(x, inner), arrowprops=arrow, **where)
    ax.set_xlim(-0.8, len(rows) - 0.2)
    ax.set_ylim(bottom, upper)
    ax.set_xticks([])
    ax.xaxis.minorticks_off()
    ax.tick_params(labelleft=False)
    ax.set_xlabel(facts.all_label, fontsize=SMALL_PT + 0.5, labelpad=3)
    if bottom < 0 < upper:
        ax.axhline(0.0, color="0.6", linewidth=0.5, zorder=1, gid=DECORATION)
    return ax


def inner_slopes(published: Sequence[PublishedGradients], low: float, high: float) -> list[np.ndarray]:
    """Return the slopes of bins whose middles lie between `low` and `high` [kpc]."""
    return [source.slope[(source.place >= low) & (source.place <= high)] for source in published]


def write_legend(ax: Axes, handles: Sequence[object], names: Sequence[str]) -> None:
    """Write the legend to the right of a panel, its names wrapped."""
    wrapped = ["\n".join(wrap(name, LEGEND - 9.0, SMALL_PT)) for name in names]
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.01), "borderaxespad": 0.4}
    ax.legend(handles, wrapped, handletextpad=0.5, labelspacing=0.6, **place)
