"""Gradients of several samples beside each other and beside published ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import gradient_others, labels, limits
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.gradient_data import (
    BinStars,
    GradientFacts,
    chain_of,
    coordinate_label,
    draws,
    is_fitted,
    model_curves,
    model_rows,
    padded,
    require_fits,
    running_median,
    stars_of_bins,
)
from discatlas.plotting.gradient_lines import signed
from discatlas.plotting.gradient_published import PublishedGradients
from discatlas.plotting.gradients import GradientTables
from discatlas.plotting.panels import Head
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure
from discatlas.plotting.wrapping import wrap

MOST_POINTS = 4000  # more stars are drawn as running medians
N_CURVES = 400
SOURCE_LABEL = "sample or source"
DIMENSIONLESS = (SOURCE_LABEL,)
_COLOURS = ("#b5321f", "#14397a", "#e08a4c", "#4f8f5b", "#8c6bb1", "black")
_MARKS = ("o", "s", "^", "D", "v", "P")
_LEFT, _RIGHT, _BELOW = 13.0, 2.5, 9.0  # [mm]
_WIDE, _HEIGHT, _NAMES, _LINE = 164.5, 78.0, 66.0, 7.0  # [mm]
_NUMBERS, _MANY, _TALL = 32.0, 108.0, 95.0  # room for numbers, size of the panel of many bins [mm]


@dataclass(frozen=True)
class SampleGradient:
    """One sample: its name, what its fit says about itself, its tables, and the file for messages."""

    name: str
    facts: GradientFacts
    tables: GradientTables
    where: str


@figure_style()
def draw_gradient_comparison(
    samples: Sequence[SampleGradient], published: Sequence[PublishedGradients], title: str
) -> Figure:
    """Draw one gradient of several samples.

    With one bin, the stars with their lines (a) and the slopes (b); with several, the slopes against the bins.

    Raises
    ------
    DiscatlasError
        If there is no sample, if their gradients differ in coordinates, or if one has no fit.
    """
    if not samples:
        raise DiscatlasError("comparison of gradients: no sample")
    first = samples[0].facts
    for sample in samples:
        if (sample.facts.x, sample.facts.bin_by, sample.facts.quantity) != (first.x, first.bin_by, first.quantity):
            got = f"{sample.facts.quantity} against {sample.facts.x} in bins of {sample.facts.bin_by}"
            raise DiscatlasError(f"{sample.where}: a gradient of {got}, unlike {samples[0].where}; compare one kind")
        require_fits(model_rows(sample.tables.fits, "linear"), sample.facts, sample.where)
    n_bins = {model_rows(sample.tables.fits, "linear")["bin"].size for sample in samples}
    draw = _draw_single if n_bins == {1} else _draw_many
    return draw(samples, published, first, title)


def _colour(k: int) -> tuple[str, str]:
    return _COLOURS[k % len(_COLOURS)], _MARKS[k % len(_MARKS)]


def _selections(samples: Sequence[SampleGradient]) -> str:
    chosen = {sample.facts.selection or "none" for sample in samples}
    return f"selection: {chosen.pop()}" if len(chosen) == 1 else "selections differ between the samples"


def _draw_single(
    samples: Sequence[SampleGradient], published: Sequence[PublishedGradients], facts: GradientFacts, title: str
) -> Figure:
    row = model_rows(samples[0].tables.fits, "linear")
    where = facts.bin_words(row["bin_low_kpc"][0], row["bin_high_kpc"][0]).replace("$", "")
    drawn = "lines and bands: posterior of the straight line, median and central 68 %"
    head = Head(title, [f"{where}; {_selections(samples)}", f"{drawn}; points: stars, or running medians of many"])
    slopes = [*(_slope_of(sample) for sample in samples), *_published_slopes(published, float(row["bin_mean_kpc"][0]))]
    top = head.height + 2.0
    low = top + _HEIGHT + 15.0
    height = max(_LINE * len(slopes) + 2.0, 16.0)
    figure = new_figure(PAGE_MM, low + height + _BELOW)
    head.write(figure)
    _draw_stars(add_axes_mm(figure, _LEFT, top, _WIDE, _HEIGHT), samples, facts)
    ax = add_axes_mm(figure, _NAMES, low, PAGE_MM - _NAMES - _RIGHT - _NUMBERS, height)
    _draw_slopes(ax, slopes, len(samples), facts)
    return figure


def _slope_of(sample: SampleGradient) -> tuple[str, float, float]:
    row = {name: column[0] for name, column in model_rows(sample.tables.fits, "linear").items()}
    return sample.name, float(row["slope_dex_per_kpc"]), float(row["slope_error_dex_per_kpc"])


def _published_slopes(published: Sequence[PublishedGradients], place_kpc: float) -> list[tuple[str, float, float]]:
    """Return the published slopes that have no bin, and of the bins of each source the one nearest to `place_kpc`."""
    slopes = []
    for source in published:
        rows = np.flatnonzero(np.isfinite(source.slope) & ~np.isfinite(source.place)).tolist()
        labels_of = dict.fromkeys(rows, source.label)
        binned = np.flatnonzero(np.isfinite(source.slope) & np.isfinite(source.place))
        if binned.size:
            k = int(binned[np.argmin(np.abs(source.place[binned] - place_kpc))])
            labels_of[k] = f"{source.label}, bin {source.low[k]:g}\N{EN DASH}{source.high[k]:g} kpc"
        slopes += [(label, float(source.slope[k]), float(source.slope_error[k])) for k, label in labels_of.items()]
    return slopes


def _draw_stars(ax: Axes, samples: Sequence[SampleGradient], facts: GradientFacts) -> None:
    x_ends, y_ends = [], []
    for k, sample in enumerate(samples):
        colour, mark = _colour(k)
        fits = model_rows(sample.tables.fits, "linear")
        stars = stars_of_bins(sample.tables.stars, fits, sample.facts)[0]
        _draw_points(ax, stars, colour, mark, k)
        grid = np.linspace(float(fits["x_low_kpc"][0]), float(fits["x_high_kpc"][0]), 121)
        chain = draws(chain_of(sample.tables.chains, int(fits["bin"][0]), "linear"), N_CURVES)
        parameters = chain if chain["bin"].size else fits
        curves = model_curves("linear", parameters, float(fits["pivot_kpc"][0]), grid)
        low, middle, high = np.percentile(curves, [15.865, 50.0, 84.135], axis=0)
        ax.fill_between(grid, low, high, color=colour, alpha=0.25, linewidth=0, zorder=4)
        label = f"{sample.name}: {int(fits['n_stars'][0]):,} {sample.facts.objects}"
        ax.plot(grid, middle, color=colour, linewidth=1.3, zorder=6, label=label)
        x_ends.append(np.array(limits.central_range(stars.x, 99.8)))
        y_ends.append(np.array(limits.central_range(stars.y, 99.5)))
    ax.set_xlim(*padded(x_ends, 0.03))
    low, high = padded(y_ends, 0.05)
    ax.set_ylim(low, high + 0.05 * len(samples) * (high - low))
    ax.set_xlabel(coordinate_label(facts.x), labelpad=1.5)
    ax.set_ylabel(labels.axis_label(facts.quantity), labelpad=2)
    ax.text(0.008, 0.975, "(a)", transform=ax.transAxes, va="top")
    ax.legend(loc="upper right", handlelength=1.6)


def _draw_points(ax: Axes, stars: BinStars, colour: str, mark: str, k: int) -> None:
    if stars.x.size <= MOST_POINTS:
        alpha = float(np.clip(12.0 / np.sqrt(stars.x.size), 0.2, 0.6))
        style = {"color": colour, "markersize": 2.2, "markeredgewidth": 0, "alpha": alpha, "linestyle": "none"}
        ax.plot(stars.x, stars.y, mark, zorder=2 + 0.1 * k, **style)
    x, median, error = running_median(stars.x, stars.y)
    style = {"fmt": mark, "color": colour, "markersize": 3.8, "elinewidth": 0.9, "zorder": 7}
    ax.errorbar(x, median, yerr=error, markeredgecolor="white", markeredgewidth=0.5, **style)


def _draw_slopes(ax: Axes, slopes: Sequence[tuple[str, float, float]], n_samples: int, facts: GradientFacts) -> None:
    """Draw slopes one below the other, those of the samples first, with their numbers on the right."""
    for y, (_, slope, error) in enumerate(slopes):
        colour, mark = _colour(y) if y < n_samples else ("0.35", "D")
        face = colour if y < n_samples else "white"
        style = {"fmt": mark, "color": colour, "markerfacecolor": face, "markersize": 3.6, "elinewidth": 0.9}
        ax.errorbar([slope], [y], xerr=[np.nan_to_num(error)], **style)
        number = f"{signed(slope, error)}" if np.isfinite(error) else f"${slope:.3f}$"
        ax.text(1.03, y, number, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL_PT + 0.5)
    if len(slopes) > n_samples:
        ax.axhline(n_samples - 0.5, color="0.5", linewidth=0.4, gid=DECORATION)
    names = ["\n".join(wrap(name, _NAMES - _LEFT - 3.0, SMALL_PT)) for name, _, _ in slopes]
    ax.set_yticks(range(len(names)), names, fontsize=SMALL_PT)
    ax.set_ylim(len(slopes) - 0.4, -0.6)
    ax.yaxis.minorticks_off()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", linewidth=0.4)
    ax.margins(x=0.12)
    ax.set_xlabel(facts.slope_label, labelpad=2)
    ax.set_ylabel(SOURCE_LABEL)
    ax.yaxis.set_label_coords(-(_NAMES - _LEFT + 3.0) / (PAGE_MM - _NAMES - _RIGHT - _NUMBERS), 0.5)
    ax.set_title("(b)", loc="left", pad=3)


def _draw_many(
    samples: Sequence[SampleGradient], published: Sequence[PublishedGradients], facts: GradientFacts, title: str
) -> Figure:
    bars = "bars: central 68 %, and the width of the bin"
    head = Head(title, [f"{_selections(samples)}; {bars}"])
    strip = gradient_others.STRIP + gradient_others.STRIP_GAP if gradient_others.any_without_bin(published) else 0.0
    top, left, width = head.height + 2.0, _LEFT + 2.0, _MANY - strip
    figure = new_figure(PAGE_MM, top + _TALL + _BELOW)
    head.write(figure)
    ax = add_axes_mm(figure, left, top, width, _TALL)
    handles, names, y_ends, x_ends = [], [], [], []
    for k, sample in enumerate(samples):
        rows = model_rows(sample.tables.fits, "linear")
        rows = {name: column[is_fitted(rows)] for name, column in rows.items()}
        handles.append(_draw_sample(ax, rows, k))
        names.append(f"{sample.name} ({int(rows['n_stars'].sum()):,} {sample.facts.objects})")
        y_ends += [rows["slope_lo_dex_per_kpc"], rows["slope_hi_dex_per_kpc"]]
        x_ends += [rows["bin_low_kpc"], rows["bin_high_kpc"]]
    handles += gradient_others.draw_others([ax], published)
    names += [source.label for source in published]
    ax.set_xlim(*padded(x_ends, 0.04))
    ax.set_ylim(*padded([*y_ends, *gradient_others.inner_slopes(published, *ax.get_xlim())], 0.08))
    ax.set_xlabel(coordinate_label(facts.bin_by), labelpad=1.5)
    ax.set_ylabel(facts.slope_label, labelpad=2)
    last = ax
    if strip:
        place = (left + width + gradient_others.STRIP_GAP, top, _TALL)
        last = gradient_others.draw_strip(figure, ax, published, facts, place)
    gradient_others.write_legend(last, handles, names)
    return figure


def _draw_sample(ax: Axes, rows: dict[str, NDArray], k: int) -> object:
    colour, mark = _colour(k)
    shift = 0.06 * k * (rows["bin_high_kpc"] - rows["bin_low_kpc"])
    x, slope = rows["bin_mean_kpc"] + shift, rows["slope_dex_per_kpc"]
    across = np.clip([x - rows["bin_low_kpc"], rows["bin_high_kpc"] - x], 0, None)
    along = np.clip([slope - rows["slope_lo_dex_per_kpc"], rows["slope_hi_dex_per_kpc"] - slope], 0, None)
    style = {"fmt": mark, "color": colour, "markersize": 4.2, "elinewidth": 1.0, "zorder": 6 - 0.1 * k}
    return ax.errorbar(x, slope, xerr=across, yerr=along, **style)
