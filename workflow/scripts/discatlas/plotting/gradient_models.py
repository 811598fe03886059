"""Straight, broken and curved gradients beside each other: criteria for each bin, and their curves less the straight line."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.gradient_data import (
    OURS,
    SECOND,
    BinStars,
    Columns,
    GradientFacts,
    chain_of,
    coordinate_label,
    count_words,
    draws,
    grid_shape,
    is_fitted,
    letters,
    model_curves,
    model_rows,
    models_of,
    padded,
    require_fits,
    running_median,
)
from discatlas.plotting.panels import Head
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

CRITERION_LABEL = r"$\Delta$BIC"
DIMENSIONLESS = (CRITERION_LABEL,)
N_CURVES = 400
_CENTRAL = 99.0  # share of the stars of a bin in whose range of x models are drawn [per cent]
DECISIVE = 10.0  # Kass & Raftery (1995), J. Am. Stat. Assoc. 90, 773: very strong evidence
_LOOKS = {"linear": (OURS, "o"), "broken": ("#e08a4c", "s"), "quadratic": ("#4f8f5b", "^")}
_WORDS = {"linear": "straight line", "broken": "broken line", "quadratic": "quadratic"}
_LEFT, _RIGHT, _GAP, _BELOW, _BETWEEN = 14.0, 2.5, 2.0, 9.0, 13.0  # [mm]
_CRITERIA, _HIGHEST = 38.0, 46.0  # heights of the upper panel and of a lower one, at most [mm]


@figure_style()
def draw_models_page(
    table: Columns, chains: Columns, bins: Sequence[BinStars], facts: GradientFacts, title: str, where: str
) -> Figure:
    """Draw BIC above the least of each bin (a), and for each fitted bin the models less the straight line (b, ...).

    Parameters
    ----------
    table, chains : mapping of str to ndarray
        Columns of contracts ``metallicity_gradient`` and ``metallicity_gradient_chains``.
    bins : sequence of BinStars
        Stars of each row of the linear model, in order of the bins.

    Raises
    ------
    DiscatlasError
        If no bin was fitted.
    """
    rows = model_rows(table, "linear")
    require_fits(rows, facts, where)
    words = (
        f"bands: central 68 % of each model; points: running medians; dashed in (a): {DECISIVE:g}, very strong evidence"
    )
    head = Head(title, [count_words(facts, rows), words + _unconverged_words(table)])
    fitted = np.flatnonzero(is_fitted(rows))
    n_rows, n_columns = grid_shape(fitted.size)
    width = (PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _GAP) / n_columns
    height = min(0.75 * width, _HIGHEST)
    top = head.height + 5.0
    below = top + _CRITERIA + _BETWEEN
    figure = new_figure(PAGE_MM, below + n_rows * (height + _GAP) - _GAP + _BELOW)
    head.write(figure)
    upper = add_axes_mm(figure, _LEFT, top, PAGE_MM - _LEFT - _RIGHT, _CRITERIA)
    _draw_criteria(upper, table, facts)
    panels, drawn = [], []
    for k, number in enumerate(fitted):
        line, column = divmod(k, n_columns)
        ax = add_axes_mm(figure, _LEFT + column * (width + _GAP), below + line * (height + _GAP), width, height)
        drawn += _draw_bin(ax, table, chains, bins[number], rows, int(number))
        _label_bin(ax, rows, facts, int(number), k + 1)
        outer = (k + n_columns >= fitted.size, column == 0)
        ax.tick_params(labelbottom=outer[0], labelleft=outer[1])
        ax.set_xlabel(coordinate_label(facts.x) if outer[0] else "", labelpad=1.5)
        ax.set_ylabel(rf"${labels.symbol(facts.quantity)}$ less the line [dex]" if outer[1] else "", labelpad=2)
        panels.append(ax)
    ends = padded([np.array(limits.central_range(bins[number].x, _CENTRAL)) for number in fitted], 0.02)
    for ax in panels:
        ax.set_xlim(*ends)
        low, high = padded(drawn, 0.08)
        ax.set_ylim(low, high + 0.16 * (high - low))
    return figure


def _unconverged_words(table: Columns) -> str:
    """Say what open marks mean, where there are any."""
    bad = is_fitted(table) & ~table["converged"].astype(bool)
    return "; open marks: chains have not converged" if bad.any() else ""


def criteria(table: Columns, name: str = "bic") -> dict[str, NDArray[np.float64]]:
    """Return for each model the criterion above the least of its bin, in order of the bins; NaN where there is none."""
    parts = {model: model_rows(table, model)[name] for model in models_of(table)}
    known = np.stack(list(parts.values()))
    least = np.min(np.where(np.isfinite(known), known, np.inf), axis=0)
    return {model: np.where(np.isfinite(least), values - least, np.nan) for model, values in parts.items()}


def _draw_criteria(ax: Axes, table: Columns, facts: GradientFacts) -> None:
    parts = criteria(table)
    rows = model_rows(table, "linear")
    names = [f"{low:g}\N{EN DASH}{high:g}" for low, high in zip(rows["bin_low_kpc"], rows["bin_high_kpc"], strict=True)]
    places = np.arange(len(names))
    for k, (model, values) in enumerate(parts.items()):
        colour, marker = _LOOKS[model]
        x = places + (0.16 if places.size > 2 else 0.06) * (k - (len(parts) - 1) / 2)
        ax.vlines(x, 0.0, np.nan_to_num(values), color=colour, linewidth=0.8, zorder=2, gid=DECORATION)
        converged = model_rows(table, model)["converged"].astype(bool)
        style = {"color": colour, "markersize": 4.0, "linestyle": "none"}
        ax.plot(x, np.where(converged, values, np.nan), marker, label=_WORDS[model], zorder=3, **style)
        ax.plot(x, np.where(converged, np.nan, values), marker, markerfacecolor="white", zorder=3, **style)
    for place in places[~is_fitted(rows)]:
        note = {"fontsize": SMALL_PT, "color": "0.45", "ha": "center", "va": "center"}
        ax.text(place, 0.5, "too few\nstars", transform=ax.get_xaxis_transform(), **note)
    most = np.nanmax([np.nanmax(values) if np.isfinite(values).any() else 0.0 for values in parts.values()])
    if most > 60.0:
        ax.set_yscale("symlog", linthresh=DECISIVE, linscale=0.8)
        ax.set_ylim(-1.0, 2.2 * most)
    else:
        ax.set_ylim(-0.06 * max(most, 12.0), 1.2 * max(most, 12.0))
    ax.axhline(DECISIVE, color="0.4", linewidth=0.5, linestyle=(0, (5, 3)), zorder=1, gid=DECORATION)
    ax.axhline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    ax.set_xlim(-0.6, places.size - 0.4)
    ax.set_xticks(places, names)
    ax.tick_params(axis="x", which="minor", bottom=False, top=False)
    ax.set_xlabel(coordinate_label(facts.bin_by), labelpad=2)
    ax.set_ylabel(CRITERION_LABEL, labelpad=2)
    ax.set_title("(a) BIC above the least of the bin", loc="left", pad=3)
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(parts), borderaxespad=0.1, handletextpad=0.2)


def _draw_bin(
    ax: Axes, table: Columns, chains: Columns, stars: BinStars, rows: Columns, number: int
) -> list[NDArray[np.float64]]:
    """Draw medians and models of a bin less its straight line; return what the limits have to hold."""
    row = {name: column[number : number + 1] for name, column in rows.items()}
    pivot = float(row["pivot_kpc"][0])
    x, median, error = running_median(stars.x, stars.y)
    line = model_curves("linear", row, pivot, x)[0]
    style = {"fmt": "o", "color": SECOND, "markersize": 3.0, "elinewidth": 0.8, "zorder": 5}
    ax.errorbar(x, median - line, yerr=error, markeredgecolor="white", markeredgewidth=0.3, **style)
    drawn = [median - line - error, median - line + error]
    grid = np.linspace(*limits.central_range(stars.x, _CENTRAL), 241)
    straight = model_curves("linear", row, pivot, grid)[0]
    for model in models_of(table):
        chain = draws(chain_of(chains, int(row["bin"][0]), model), N_CURVES)
        if not chain["bin"].size:
            continue
        curves = model_curves(model, chain, pivot, grid) - straight
        low, middle, high = np.percentile(curves, [15.865, 50.0, 84.135], axis=0)
        colour = _LOOKS[model][0]
        ax.fill_between(grid, low, high, color=colour, alpha=0.25, linewidth=0, zorder=2)
        ax.plot(grid, middle, color=colour, linewidth=1.0, zorder=3)
        drawn.append(middle)
    return drawn


def _label_bin(ax: Axes, rows: Columns, facts: GradientFacts, number: int, panel: int) -> None:
    words = f"{letters(panel)} {facts.bin_words(rows['bin_low_kpc'][number], rows['bin_high_kpc'][number])}"
    halo = {"transform": ax.transAxes, "path_effects": overlays.HALO, "zorder": 8, "va": "top"}
    ax.text(0.025, 0.965, words, fontsize=SMALL_PT + 0.5, **halo)
    ax.text(0.975, 0.965, f"{int(rows['n_stars'][number]):,} {facts.objects}", ha="right", fontsize=SMALL_PT, **halo)
