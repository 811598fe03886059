"""Maps of several populations on one page with the same axes and colours: a row for each, a column for each statistic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays, top_bars
from discatlas.plotting.cells import DECORATION, MapFacts, draw_cells, infix
from discatlas.plotting.contrast import CONTOUR_COLOUR, ContrastGrid, draw_contrast_contours
from discatlas.plotting.panels import Head
from discatlas.plotting.residual_maps import keep_corner
from discatlas.plotting.style import (
    DISPERSION,
    ERROR,
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
    text_mm,
)
from discatlas.tables import check_columns

STATISTICS = ("density", "mean", "dispersion", "error")
DENSITY_LABEL = f"{labels.COUNT} stars per kpc$^2$"
MOST_PANELS, MOST_COLUMNS = 6, 4
SHARES = (0.25, 0.5, 0.75)  # of the stars within a contour of the density
_LEFT, _RIGHT, _BETWEEN, _APART, _BELOW = 11.0, 2.5, 3.0, 9.0, 9.0  # [mm]
_NAME, _SPACE = 4.6, 1.4  # a row's name above it, and what is left below it [mm]
_TALLEST, _LEAST = 250.0, 22.0  # of all rows, and of a panel [mm]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """One map and what belongs to it: columns of contract ``map``, its facts, a title, the inner radius that is left out."""

    cells: Mapping[str, NDArray]
    facts: MapFacts
    title: str
    R0_kpc: float
    z_sun_kpc: float
    R_min_kpc: float | None = None

    @property
    def centres(self) -> Array:
        """X and Y of the cells, shape (m, 2) [kpc]."""
        return np.stack([self.cells["X_centre_kpc"], self.cells["Y_centre_kpc"]], axis=1).astype(np.float64)

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        """Which cells lie at the inner radius or beyond it."""
        return np.hypot(*self.centres.T) >= (self.R_min_kpc or 0.0)

    def density(self) -> Array:
        """Return the stars per kpc2 of each cell."""
        area = float(np.prod(self.facts.cell_size)) * (np.sqrt(0.75) if self.facts.cell_shape == "hexagon" else 1.0)
        return self.cells["n_stars"] / area


@dataclass(frozen=True)
class Column:
    """A column of panels: its label, its values for each population, colours and scale; contours on the first and the means."""

    label: str
    values: Sequence[Array]
    cmap: str | Colormap
    norm: Normalize
    has_contours: bool


@figure_style()
def draw_population_page(
    populations: Sequence[Population],
    quantities: Sequence[str],
    statistics: Sequence[str],
    *,
    contrast: ContrastGrid | None,
    arms: Sequence[Arm],
    title: str,
    percentile: float,
) -> Figure:
    """Draw the maps of two to six populations.

    Parameters
    ----------
    populations : sequence of Population
        One row each, up to three below one another, more in two blocks side by side where there is room.
    quantities : sequence of str
        Columns such as ``v_R_kms`` that every map has.
    statistics : sequence of str
        Of `STATISTICS`: the density once, the others for each quantity. Together at most four columns.
    contrast : ContrastGrid or None
        Drawn as contours over densities and means; None draws contours of each population's own density.
    percentile : float
        Central share of the cells [per cent] of every map inside the colour limits of a column.

    Raises
    ------
    DiscatlasError
        For too few or many populations or columns, unknown statistics, maps not of X and Y, and columns that a map lacks.
    """
    _check(populations, quantities, statistics)
    columns = _columns(populations, quantities, statistics, percentile)
    frame = _frame(populations)
    n_blocks = 2 if len(populations) > 3 and 2 * len(columns) <= MOST_COLUMNS else 1
    n_rows = -(-len(populations) // n_blocks)
    head = Head(title, _note(populations, contrast, arms))
    ratio = (frame[1][1] - frame[1][0]) / (frame[0][1] - frame[0][0])
    width = _panel_width(n_blocks, n_rows, len(columns), head.height, ratio)
    pitch = _NAME + width * ratio + _SPACE
    top = head.height + top_bars.OVER_PANEL - top_bars.GAP
    figure = new_figure(PAGE_MM, top + n_rows * pitch + _BELOW)
    head.write(figure)
    for k, (number, column) in product(range(len(populations)), enumerate(columns)):
        block, row = divmod(k, n_rows)  # down one block, then the next
        left = _LEFT + block * (len(columns) * (width + _BETWEEN) - _BETWEEN + _APART) + number * (width + _BETWEEN)
        place = (left, top + row * pitch + _NAME, width, width * ratio)
        ax = add_axes_mm(figure, *place)
        mappable = _draw_panel(ax, populations[k], column, k, frame)
        if number == 0:
            name = f"({'abcdef'[k]}) {populations[k].title}: {_count(populations[k])}"
            text_mm(figure, left, place[1] - _NAME, [name], _NAME - 0.6, fontsize=SMALL_PT + 0.5)
        over = contrast if column.has_contours else None
        _finish(ax, place, populations[k], over, arms, named=k == 0 and number == 0)
        if column.has_contours and contrast is None:
            _draw_density_contours(ax, populations[k], frame)
        _label_axes(ax, width, lowest=row == n_rows - 1 or k == len(populations) - 1, leftmost=number == 0)
        if row == 0:
            bar = add_axes_mm(figure, left, head.height + top_bars.ABOVE, width, top_bars.BAR)
            top_bars.draw_top_bar(bar, mappable, column.label)
    return figure


def _panel_width(n_blocks: int, n_rows: int, n_columns: int, above: float, ratio: float) -> float:
    """Return the width of a panel [mm], as wide as the page and its height allow; `ratio` is height over width."""
    room = PAGE_MM - _LEFT - _RIGHT - (n_blocks - 1) * _APART - n_blocks * (n_columns - 1) * _BETWEEN
    most = (_TALLEST - above - top_bars.OVER_PANEL) / n_rows - _NAME - _SPACE
    return min(room / (n_blocks * n_columns), max(most, _LEAST) / ratio)


def _check(populations: Sequence[Population], quantities: Sequence[str], statistics: Sequence[str]) -> None:
    for name in statistics:
        if name not in STATISTICS:
            raise DiscatlasError(
                f"population page: unknown statistic {name!r}{nearest(name, STATISTICS)}; expected of {', '.join(STATISTICS)}"
            )
    n_columns = ("density" in statistics) + len(quantities) * sum(name != "density" for name in statistics)
    if not 2 <= len(populations) <= MOST_PANELS or not 1 <= n_columns <= MOST_COLUMNS:
        raise DiscatlasError(
            f"population page: {len(populations)} maps with {n_columns} columns; expected 2 to {MOST_PANELS} maps and 1 to "
            f"{MOST_COLUMNS} columns of density, and of the other statistics of each quantity"
        )
    for population in populations:
        if population.facts.axes != ("X_kpc", "Y_kpc"):
            raise DiscatlasError(
                f"population page: map {population.title!r} is of {', '.join(population.facts.axes)}; expected X_kpc, Y_kpc"
            )
        wanted = [_column_of(q, name) for q in quantities for name in statistics if name != "density"]
        check_columns(f"population page: map {population.title!r}", wanted, list(population.cells))


def _column_of(quantity: str, statistic: str) -> str:
    base, suffix = split_unit(quantity)
    names = {"mean": infix(quantity, "ml_mean"), "error": infix(quantity, "ml_mean_error")}
    return names.get(statistic, join_unit(f"sigma_{base}", suffix))


def _columns(
    populations: Sequence[Population], quantities: Sequence[str], statistics: Sequence[str], percentile: float
) -> list[Column]:
    """Return the columns of panels, each with one scale for all populations."""
    found = []
    if "density" in statistics:
        values = [np.where(p.is_shown, p.density(), np.nan) for p in populations]
        found.append(Column(DENSITY_LABEL, values, SEQUENTIAL, limits.count_norm(np.concatenate(values)), True))
    makers = {"mean": labels.mean_label, "dispersion": labels.dispersion_label, "error": labels.error_label}
    for quantity, name in product(quantities, [name for name in statistics if name != "density"]):
        column = _column_of(quantity, name)
        values = [np.where(p.is_shown, np.asarray(p.cells[column], np.float64), np.nan) for p in populations]
        if not any(np.isfinite(part).any() for part in values):
            raise DiscatlasError(f"population page: no cell of any map has {column}; lower min_stars of the maps")
        is_signed = name == "mean" and labels.is_signed(quantity)
        cmap = {"mean": diverging_map() if is_signed else SEQUENTIAL, "dispersion": DISPERSION, "error": ERROR}[name]
        norm = _common_norm(values, percentile, is_signed)
        found.append(Column(makers[name](quantity), values, cmap, norm, name == "mean"))
    return found


def _common_norm(values: Sequence[Array], percentile: float, is_signed: bool) -> Normalize:
    """Return the scale that holds the central share of the cells of each map."""
    ends = [limits.central_range(part, percentile) for part in values if np.isfinite(part).any()]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    most = max(abs(low), abs(high))
    return Normalize(-most, most) if is_signed else Normalize(low, high)


def _frame(populations: Sequence[Population]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Range of X and of Y that holds all maps."""
    x, y = (
        (
            min(population.facts.limits[axis][0] for population in populations),
            max(population.facts.limits[axis][1] for population in populations),
        )
        for axis in range(2)
    )
    return x, y


def _count(population: Population) -> str:
    shown = int(population.cells["n_stars"][population.is_shown].sum())
    words = f"{shown:,} {population.facts.objects}"
    return f"{words} at R ≥ {population.R_min_kpc:g} kpc" if population.R_min_kpc else words


def _note(populations: Sequence[Population], contrast: ContrastGrid | None, arms: Sequence[Arm]) -> list[str]:
    fewest = sorted({population.facts.min_stars for population in populations})
    words = f"Statistics in cells with at least {' or '.join(map(str, fewest))} stars (grey: fewer)"
    lines = "green lines: density contrast of 0 (thick) and 0.5 (thin)"
    if contrast is None:
        lines = "green lines enclose 25, 50 and 75 % of the stars of each panel, smoothed by one cell"
    arm_words = "; black: spiral arms of Reid et al. (2019)" if arms else ""
    selections = [f"({'abcdef'[k]}) {p.facts.selection or 'all'}" for k, p in enumerate(populations)]
    if len({p.facts.selection for p in populations}) == 1:
        selections = [populations[0].facts.selection or "all"]
    return [f"{words}; {lines}{arm_words}", f"Selection: {'; '.join(selections)}"]


def _draw_panel(
    ax: Axes, population: Population, column: Column, k: int, frame: tuple[tuple[float, float], tuple[float, float]]
) -> ScalarMappable:
    shown = population.is_shown
    ax.set_xlim(*frame[0])
    ax.set_ylim(*frame[1])
    mappable = draw_cells(
        ax, population.facts, population.centres[shown], column.values[k][shown], column.cmap, column.norm
    )
    if population.R_min_kpc:
        angle = np.linspace(0, 2 * np.pi, 361)
        circle = population.R_min_kpc * np.stack([np.cos(angle), np.sin(angle)])
        ax.plot(*circle, color="0.3", linewidth=0.7, zorder=3, gid=DECORATION)
    return mappable


def _finish(
    ax: Axes,
    place: tuple[float, float, float, float],
    population: Population,
    contrast: ContrastGrid | None,
    arms: Sequence[Arm],
    named: bool,
) -> None:
    placer = overlays.LabelPlacer(ax, place[2:], population.centres)
    keep_corner(placer, ax)
    sun = overlays.sun_coordinates(population.R0_kpc, population.z_sun_kpc)
    overlays.draw_sun(ax, population.facts.axes, sun, placer)
    overlays.draw_arms(ax, population.facts.axes, arms, placer if named else None)
    overlays.draw_circles(ax, placer if named else None)
    overlays.draw_centre(ax)
    if contrast is not None:
        draw_contrast_contours(ax, contrast)


def _label_axes(ax: Axes, width: float, lowest: bool, leftmost: bool) -> None:
    top_bars.trim_panel(ax, width, lowest, leftmost)
    if lowest:
        ax.set_xlabel(labels.axis_label("X_kpc"), labelpad=1.5)
    if leftmost:
        ax.set_ylabel(labels.axis_label("Y_kpc"), labelpad=1.5)


def _draw_density_contours(
    ax: Axes, population: Population, frame: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    """Draw the lines of equal density, smoothed by one cell, that enclose `SHARES` of the smoothed stars."""
    shown = population.is_shown
    places, weights = population.centres[shown], population.cells["n_stars"][shown].astype(np.float64)
    x, y = (np.linspace(*ends, 101) for ends in frame)
    across = np.exp(-0.5 * ((x[:, None] - places[:, 0]) / population.facts.cell_size[0]) ** 2)
    along = np.exp(-0.5 * ((y[:, None] - places[:, 1]) / population.facts.cell_size[1]) ** 2)
    density = (across * weights) @ along.T
    order = np.sort(density.ravel())[::-1]
    enclosed = np.cumsum(order) / order.sum()
    levels = sorted({float(order[np.searchsorted(enclosed, share)]) for share in SHARES})
    lines = ax.contour(x, y, density.T, levels=levels, colors=CONTOUR_COLOUR, linewidths=0.45, zorder=3.5)
    lines.set_gid(DECORATION)
