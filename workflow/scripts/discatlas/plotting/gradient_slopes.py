"""Slope, intercept and scatter of the linear fits against the coordinate of the bins, beside published values."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from discatlas.plotting import gradient_others
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.gradient_data import (
    OURS,
    SECOND,
    Columns,
    GradientFacts,
    coordinate_label,
    count_words,
    is_fitted,
    model_rows,
    padded,
    require_fits,
)
from discatlas.plotting.gradient_published import PublishedGradients
from discatlas.plotting.panels import Head
from discatlas.plotting.style import PAGE_MM, add_axes_mm, figure_style, new_figure

_LEFT, _WIDTH = 15.0, 109.0  # [mm]
_SLOPES, _SMALL, _BELOW = 72.0, 31.0, 9.0  # heights of the panels, room below the last [mm]
_TOO_FEW = "0.93"


@figure_style()
def draw_slopes_page(
    table: Columns, facts: GradientFacts, published: Sequence[PublishedGradients], title: str, where: str
) -> Figure:
    """Draw slope (a), intercept (b) and scatter (c) of the linear fits against the coordinate of the bins.

    Parameters
    ----------
    table : mapping of str to ndarray, shape (n,)
        Columns of contract ``metallicity_gradient``.
    published : sequence of PublishedGradients
        Drawn where they lie, each named in the legend.

    Raises
    ------
    DiscatlasError
        If no bin was fitted.
    """
    rows = model_rows(table, "linear")
    require_fits(rows, facts, where)
    few = "" if is_fitted(rows).all() else "; grey: too few stars"
    bars = "bars: central 68 %, and the width of the bin"
    head = Head(
        title,
        [
            count_words(facts, rows),
            f"{bars}; intercept: the line at {_zero(facts)}; scatter: at fixed {_zero(facts)[0]}{few}",
        ],
    )
    top = head.height + 2.0
    figure = new_figure(PAGE_MM, top + _SLOPES + 2 * _SMALL + _BELOW)
    head.write(figure)
    tops, heights = (top, top + _SLOPES, top + _SLOPES + _SMALL), (_SLOPES, _SMALL, _SMALL)
    strip = gradient_others.STRIP + gradient_others.STRIP_GAP if gradient_others.any_without_bin(published) else 0.0
    width = _WIDTH - strip
    panels = [add_axes_mm(figure, _LEFT, y, width, height) for y, height in zip(tops, heights, strict=True)]
    fitted = {name: column[is_fitted(rows)] for name, column in rows.items()}
    handles = [_draw_ours(panels, fitted), _draw_second(panels[0], fitted)]
    names = [f"this sample: {facts.objects}, linear fit", "the same by moments, without a likelihood"]
    handles += gradient_others.draw_others(panels, published)
    names += [source.label for source in published]
    _set_limits(panels, rows, fitted, published)
    _label_panels(panels, facts, rows)
    last = panels[0]
    if strip:
        place = (_LEFT + width + gradient_others.STRIP_GAP, top, _SLOPES)
        last = gradient_others.draw_strip(figure, panels[0], published, facts, place)
    gradient_others.write_legend(last, handles, names)
    return figure


def _zero(facts: GradientFacts) -> str:
    return {"R_kpc": "R = 0", "abs_Z_kpc": "Z = 0"}[facts.x]


def _draw_ours(panels: Sequence[Axes], rows: Columns) -> object:
    x = rows["bin_mean_kpc"]
    across = [x - rows["bin_low_kpc"], rows["bin_high_kpc"] - x]
    style = {"fmt": "o", "color": OURS, "markersize": 4.2, "elinewidth": 1.0, "zorder": 6}
    slope = rows["slope_dex_per_kpc"]
    along = [slope - rows["slope_lo_dex_per_kpc"], rows["slope_hi_dex_per_kpc"] - slope]
    handle = panels[0].errorbar(x, slope, xerr=across, yerr=np.clip(along, 0, None), **style)
    for ax, name in zip(panels[1:], ("intercept", "scatter"), strict=True):
        ax.errorbar(x, rows[f"{name}_dex"], xerr=across, yerr=rows[f"{name}_error_dex"], **style)
    return handle


def _draw_second(ax: Axes, rows: Columns) -> object:
    """Draw the slopes by moments, a little to the right of the others."""
    shift = 0.12 * (rows["bin_high_kpc"] - rows["bin_low_kpc"])
    style = {"fmt": "D", "color": SECOND, "markerfacecolor": "white", "markersize": 3.4, "elinewidth": 0.8, "zorder": 5}
    error = rows["second_slope_error_dex_per_kpc"]
    return ax.errorbar(rows["bin_mean_kpc"] + shift, rows["second_slope_dex_per_kpc"], yerr=error, **style)


def _set_limits(
    panels: Sequence[Axes], rows: Columns, fitted: Columns, published: Sequence[PublishedGradients]
) -> None:
    low, high = float(rows["bin_low_kpc"].min()), float(rows["bin_high_kpc"].max())
    margin = max(0.04 * (high - low), 0.02)
    near = [(source.place >= low - margin) & (source.place <= high + margin) for source in published]
    x0, x1 = low - margin, high + margin
    if high - low == rows["bin_high_kpc"][0] - rows["bin_low_kpc"][0]:  # one bin: published values around it matter
        x0, x1 = padded([np.array([x0, x1]), *(source.place for source in published)])
        near = [np.isfinite(source.place) for source in published]
    for ax, name, unit in zip(panels, ("slope", "intercept", "scatter"), ("dex_per_kpc", "dex", "dex"), strict=True):
        value, error = fitted[f"{name}_{unit}"], fitted[f"{name}_error_{unit}"]
        theirs = [getattr(source, name)[inside] for source, inside in zip(published, near, strict=True)]
        ends = [value - error, value + error, *theirs]
        if name == "slope":
            ends.append(fitted["second_slope_dex_per_kpc"])
        ax.set_xlim(x0, x1)
        bottom, top = padded(ends, 0.08)
        ax.set_ylim(bottom, top + (0.04 if name == "slope" else 0.16) * (top - bottom))  # room for the letter


def _label_panels(panels: Sequence[Axes], facts: GradientFacts, rows: Columns) -> None:
    names = (facts.slope_label, "intercept [dex]", "intrinsic scatter [dex]")
    few = ~is_fitted(rows)
    for number, (ax, name) in enumerate(zip(panels, names, strict=True)):
        ax.set_ylabel(name, labelpad=2)
        ax.tick_params(labelbottom=number == 2)
        ax.text(0.012, 0.965 if number == 0 else 0.93, f"({'abc'[number]})", transform=ax.transAxes, va="top")
        for low, high in zip(rows["bin_low_kpc"][few], rows["bin_high_kpc"][few], strict=True):
            ax.axvspan(low, high, color=_TOO_FEW, linewidth=0, zorder=0, gid=DECORATION)
        if number:
            ax.yaxis.get_major_locator().set_params(nbins=5, prune="upper")
    bottom, top = panels[0].get_ylim()
    if bottom < 0 < top:
        panels[0].axhline(0.0, color="0.6", linewidth=0.5, zorder=1, gid=DECORATION)
    panels[2].set_xlabel(coordinate_label(facts.bin_by), labelpad=1.5)
    panels[0].figure.align_ylabels(panels)
