"""Ages of clusters against those of a catalogue: the product with the prior once, and as the paper multiplies."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import SYMBOLS
from discatlas.plotting.panels import Head, draw_colour_bar
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
CATALOGUE = f"${SYMBOLS['log_age']}$ in the catalogue [dex]"
OURS = f"${SYMBOLS['log_age']}$ from the members [dex]"
MEMBERS = "number of stars in the cluster"
PANELS = (("(a) prior on age once", "log_age_p50_dex"), ("(b) prior once for each star", "log_age_zari2025_dex"))
_LEFT, _SIDE, _GAP, _BAR = 13.0, 67.0, 12.0, 2.5  # [mm]


@figure_style()
def draw_cluster_ages(rows: Mapping[str, NDArray], title: str, catalogue_title: str) -> Figure:
    """Draw the clusters that the catalogue has ages of (contract ``cluster_ages``), coloured by their members.

    Raises
    ------
    DiscatlasError
        If the catalogue has the age of none.
    """
    known = np.isfinite(rows["catalogue_log_age_dex"])
    if not known.any():
        raise DiscatlasError(
            f"cluster ages: {catalogue_title} has the age of none of {known.size:,} clusters; compare names"
        )
    rows = {name: column[known] for name, column in rows.items()}
    n_stars = int(rows["n_members"].sum())
    without = int(np.sum(~np.isfinite(rows["catalogue_log_age_error_dex"])))
    head = Head(
        title,
        [
            f"{known.sum():,} of {known.size:,} clusters, those with an age in {catalogue_title}; {n_stars:,} stars; dashed: "
            "equal ages; bars: standard errors"
            + (f", unknown for {without:,} ages of the catalogue" if without else ""),
        ],
    )
    top = head.height + 3.0
    figure = new_figure(PAGE_MM, top + _SIDE + 11.0)
    head.write(figure)
    limits, norm = _limits(rows), LogNorm(*_counts(rows["n_members"]))
    for k, (text, name) in enumerate(PANELS):
        ax = add_axes_mm(figure, _LEFT + k * (_SIDE + _GAP), top, _SIDE, _SIDE)
        drawn = _draw(ax, rows, name, limits, norm)
        deviation = rows[name] - rows["catalogue_log_age_dex"]
        ax.set_title(text, loc="left")
        words = f"median difference {np.median(deviation):+.2f} dex".replace("-", "\N{MINUS SIGN}")
        ax.text(0.04, 0.95, words, transform=ax.transAxes, va="top", fontsize=SMALL_PT)
    bar = add_axes_mm(figure, _LEFT + 2 * _SIDE + _GAP + 1.5, top, _BAR, _SIDE)
    draw_colour_bar(bar, drawn, MEMBERS)
    return figure


def _limits(rows: Mapping[str, NDArray]) -> tuple[float, float]:
    values = np.concatenate([rows[name] for name in ("catalogue_log_age_dex", *(name for _, name in PANELS))])
    margin = max(0.1 * np.ptp(values), 0.1)
    return float(values.min() - margin), float(values.max() + margin)


def _counts(n_members: NDArray) -> tuple[float, float]:
    """Return limits of the colours that differ."""
    low, high = float(n_members.min()), float(n_members.max())
    return low, max(high, low + 1.0)


def _draw(
    ax: Axes, rows: Mapping[str, NDArray], name: str, limits: tuple[float, float], norm: LogNorm
) -> ScalarMappable:
    x, y = rows["catalogue_log_age_dex"], rows[name]
    error = rows["log_age_error_dex" if name == "log_age_p50_dex" else "log_age_zari2025_error_dex"]
    x_error = np.nan_to_num(rows["catalogue_log_age_error_dex"])
    (line,) = ax.plot(limits, limits, color="0.4", linestyle="--", linewidth=0.7, zorder=1)
    line.set_gid(DECORATION)
    ax.errorbar(x, y, error, x_error, fmt="none", ecolor="0.6", elinewidth=0.6, zorder=2)
    points = ax.scatter(
        x, y, c=rows["n_members"], s=14.0, cmap=SEQUENTIAL, norm=norm, edgecolor="black", linewidth=0.3, zorder=3
    )
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    ax.set_xlabel(CATALOGUE)
    ax.set_ylabel(OURS)
    return points
