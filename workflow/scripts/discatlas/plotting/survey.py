"""The page of a survey: its sky, its stars in the Kiel and the colour-magnitude diagram, distances and magnitudes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from discatlas.plotting import labels, limits
from discatlas.plotting.histograms import Histogram, nearest_width
from discatlas.plotting.panels import LEFT, Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.sky import draw_sky
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, add_axes_mm, figure_style, new_figure
from discatlas.plotting.survey_counts import SurveyCounts

CENTRAL = (0.001, 0.999)  # shares of the stars at the ends of a panel
_SKY = (148.0, 74.0)  # of the sky [mm]
_SIZE, _PITCH, _ABOVE, _BELOW = 61.0, 90.0, 6.0, 10.0  # of a panel, from panel to panel, title, axis label [mm]
_WIDE, _HIGH, _LOW = 71.0, 68.0, 38.0  # width of a histogram; heights of diagrams and of histograms [mm]
_BAR_GAP, _BAR = 1.5, 2.6  # colour bar [mm]
_COLOURS = {"G": "0.35", "BP": "#14397a", "RP": "#b5321f"}
_FILL = "#c9d1de"
_TEFF_TICKS = (2500, 3000, 3500, 4000, 5000, 6000, 8000, 10_000, 15_000, 20_000, 30_000, 50_000, 100_000, 200_000)


@dataclass(frozen=True)
class Place:
    """Where a panel stands: its left and upper edge, from the top of the panels, its width and height [mm]."""

    left: float
    top: float
    width: float
    height: float


Draw = Callable[[Figure, Axes, Place, SurveyCounts, str], str]


@figure_style()
def draw_survey_figure(
    counts: SurveyCounts, *, title: str = "", objects: str = "stars", where: str = "survey"
) -> Figure:
    """Draw the page of a survey from the counts of its stars (see `count_survey`).

    Panels without data are left out and the others take their place. `objects` is what the rows are, `where` names
    the sample in errors.

    Raises
    ------
    DiscatlasError
        If there are fewer than ten rows, or none for either diagram of stars.
    """
    counts.check(where, objects)
    head = Head(title, _note(counts, objects))
    panels = _arrange(counts)
    bottom = max(place.top + place.height for _, place in panels)
    figure = new_figure(PAGE_MM, head.height + bottom + _BELOW + 1.0)
    head.write(figure)
    for number, (draw, place) in enumerate(panels):
        placed = Place(place.left, head.height + place.top, place.width, place.height)
        ax = add_axes_mm(figure, placed.left, placed.top, placed.width, placed.height)
        name = draw(figure, ax, placed, counts, objects)
        ax.set_title(f"({'abcdef'[number]}) {name}", loc="left", pad=3)
    return figure


def _note(counts: SurveyCounts, objects: str) -> list[str]:
    words = [f"{counts.n_rows:,} {objects}"]
    if counts.sky.n:
        grid = counts.sky.suitable()[0]
        words.append(f"sky in Galactic coordinates (Mollweide), pixels of {grid.area_deg2:.2f} square degrees")
    words.append(f"ranges hold the central {100 * (CENTRAL[1] - CENTRAL[0]):.1f} % in each coordinate")
    note = ["; ".join(words) + "."]
    if counts.colour_magnitude.n_inside:
        note.append(
            "M_G = G \N{MINUS SIGN} 5 log10(d / 10 pc) and BP \N{MINUS SIGN} RP are not corrected for extinction."
        )
    return note


def _arrange(counts: SurveyCounts) -> list[tuple[Draw, Place]]:
    """Return the panels that have data and their places: the sky above, then diagrams of stars, then histograms."""
    diagrams = [
        draw
        for draw, data in ((_draw_kiel, counts.kiel), (_draw_colour_magnitude, counts.colour_magnitude))
        if data.n_inside
    ]
    histograms = [_draw_distances] if counts.distances.n_inside else []
    histograms += [_draw_magnitudes] if _bands(counts) else []
    panels, top = [], _ABOVE
    if counts.sky.n:
        panels.append((_draw_sky, Place(LEFT, top, *_SKY)))
        top += _SKY[1] + 4.0 + _ABOVE
    panels += [(draw, Place(LEFT + _PITCH * k, top, _SIZE, _HIGH)) for k, draw in enumerate(diagrams)]
    if len(diagrams) == 1:
        # One diagram leaves the right half of its row to the histograms.
        height = (_HIGH - (len(histograms) - 1) * (_ABOVE + _BELOW)) / max(len(histograms), 1)
        step = height + _ABOVE + _BELOW
        return panels + [
            (draw, Place(LEFT + _PITCH, top + step * k, _WIDE, height)) for k, draw in enumerate(histograms)
        ]
    top += _HIGH + _BELOW + _ABOVE
    width = _WIDE if len(histograms) > 1 else _PITCH + _WIDE
    return panels + [(draw, Place(LEFT + _PITCH * k, top, width, _LOW)) for k, draw in enumerate(histograms)]


def _bands(counts: SurveyCounts) -> list[str]:
    return [band for band, histogram in counts.magnitudes.items() if histogram.n_inside]


def _draw_sky(figure: Figure, ax: Axes, place: Place, counts: SurveyCounts, objects: str) -> str:
    grid, pixels = counts.sky.suitable()
    drawn = draw_sky(ax, grid, pixels)
    bar = add_axes_mm(figure, place.left + place.width + 4.0, place.top + 4.0, _BAR, place.height - 8.0)
    draw_colour_bar(bar, drawn, f"{labels.COUNT} {objects} per pixel")
    return f"sky: {counts.sky.n:,} {objects}"


def _limits(histogram: Histogram, axis: int, margin: float = 0.04) -> tuple[float, float]:
    low, high = histogram.quantiles(axis, CENTRAL)
    extra = margin * (high - low) + histogram.axes[axis].size
    return low - extra, high + extra


def _draw_diagram(figure: Figure, ax: Axes, place: Place, data: Histogram, objects: str, log_x: bool = False) -> None:
    """Draw counts in the cells of a diagram of stars on a logarithmic colour scale, with its colour bar."""
    part = data.fitted([_limits(data, 0), _limits(data, 1)], min_count=5, share=0.5)
    values = positive(part.counts)
    edges = [axis.edges for axis in part.axes]
    if log_x:
        ax.set_xscale("log")
        edges[0] = 10 ** edges[0]
    mesh = draw_mesh(ax, (edges[0], edges[1]), values, SEQUENTIAL, limits.count_norm(values))
    ax.invert_yaxis()
    bar = add_axes_mm(figure, place.left + place.width + _BAR_GAP, place.top, _BAR, place.height)
    draw_colour_bar(bar, mesh, f"{labels.COUNT} {objects} per cell")


def _draw_kiel(figure: Figure, ax: Axes, place: Place, counts: SurveyCounts, objects: str) -> str:
    _draw_diagram(figure, ax, place, counts.kiel, objects, log_x=True)
    ax.invert_xaxis()
    low, high = sorted(ax.get_xlim())
    ax.xaxis.set_major_locator(FixedLocator(_thinned([tick for tick in _TEFF_TICKS if low < tick < high])))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.0f}"))
    steps = [k * 10**power for power in (2, 3, 4, 5) for k in range(1, 10)]
    ax.xaxis.set_minor_locator(FixedLocator([step for step in steps if low < step < high]))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(labels.axis_label("teff_K"), labelpad=2)
    ax.set_ylabel(labels.axis_label("logg_dex"), labelpad=2)
    return f"Kiel diagram: {counts.kiel.n_inside:,} {objects}"


def _thinned(ticks: Sequence[float], least_ratio: float = 0.14) -> list[float]:
    """Leave out ticks nearer to the one before than `least_ratio` of the whole logarithmic range."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or np.log(tick / kept[-1]) > least_ratio * np.log(ticks[-1] / ticks[0]):
            kept.append(tick)
    return kept


def _draw_colour_magnitude(figure: Figure, ax: Axes, place: Place, counts: SurveyCounts, objects: str) -> str:
    _draw_diagram(figure, ax, place, counts.colour_magnitude, objects)
    ax.set_xlabel("$G_\\mathrm{BP}-G_\\mathrm{RP}$ [mag]", labelpad=2)
    ax.set_ylabel("$M_G$ [mag]", labelpad=2)
    return f"colour and absolute magnitude: {counts.colour_magnitude.n_inside:,} {objects}"


def _rebinned(histogram: Histogram, limits_: tuple[float, float], n_bins: int) -> Histogram:
    """Return the histogram within limits in about `n_bins` bins."""
    axis = histogram.axes[0]
    return histogram.window([limits_], (nearest_width(axis, (limits_[1] - limits_[0]) / n_bins / axis.size),))


def _n_bins(n: int) -> int:
    """Return a number of bins that grows with the cube root of the number of rows."""
    return int(np.clip(2 * n ** (1 / 3), 8, 60))


def _draw_distances(_: Figure, ax: Axes, place: Place, counts: SurveyCounts, objects: str) -> str:
    data = counts.distances
    part = _rebinned(data, (0.0, float(data.quantiles(0, [CENTRAL[1]])[0])), _n_bins(data.n_inside))
    edges = part.axes[0].edges
    ax.stairs(part.counts, edges, fill=True, color=_FILL, zorder=1)
    ax.stairs(part.counts, edges, color=_COLOURS["BP"], linewidth=0.8, zorder=2)
    median = float(data.quantiles(0, [0.5])[0])
    ax.axvline(median, color="0.25", linewidth=0.6, linestyle=(0, (4, 2)), zorder=3)
    _finish_histogram(ax, edges, part.counts.max(), place, objects)
    ax.set_xlabel(labels.axis_label("distance_kpc"), labelpad=2)
    return f"distances, median {median:.2f} kpc (dashed)"


def _draw_magnitudes(_: Figure, ax: Axes, place: Place, counts: SurveyCounts, objects: str) -> str:
    bands = _bands(counts)
    ends = np.array([counts.magnitudes[band].quantiles(0, CENTRAL) for band in bands])
    n = max(counts.magnitudes[band].n_inside for band in bands)
    parts = {band: _rebinned(counts.magnitudes[band], (ends.min(), ends.max()), _n_bins(n)) for band in reversed(bands)}
    for band, part in parts.items():
        edges = part.axes[0].edges
        if band == "G":
            ax.stairs(part.counts, edges, fill=True, color=_FILL, zorder=1)
        ax.stairs(part.counts, edges, color=_COLOURS[band], linewidth=0.8, zorder=2, label=f"${_band_symbol(band)}$")
    _finish_histogram(ax, edges, max(part.counts.max() for part in parts.values()), place, objects)
    ax.set_xlabel("apparent magnitude [mag]", labelpad=2)
    if len(bands) > 1:
        ax.legend(loc="upper left", handlelength=1.2, borderaxespad=0.3, reverse=True)
    return "magnitudes in " + ", ".join(f"${_band_symbol(band)}$" for band in bands)


def _band_symbol(band: str) -> str:
    return "G" if band == "G" else f"G_\\mathrm{{{band}}}"


def _finish_histogram(ax: Axes, edges: np.ndarray, peak: int, place: Place, objects: str) -> None:
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.08 * peak)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=max(int(place.height / 8), 3), integer=True))
    ax.set_ylabel(f"{labels.COUNT} {objects}", labelpad=2)
