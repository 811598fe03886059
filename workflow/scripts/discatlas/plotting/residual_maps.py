"""A map less its model: median, model and residual side by side; below the error, the significance and the stars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, overlays, top_bars
from discatlas.plotting.cells import MapFacts, draw_cells, infix, map_facts
from discatlas.plotting.contrast import ContrastGrid, draw_contrast_contours
from discatlas.plotting.panels import Head
from discatlas.plotting.style import ERROR, PAGE_MM, SEQUENTIAL, SMALL_PT, diverging_map, figure_style, new_figure

SIGNIFICANCE_LABEL = "residual / error"
DIMENSIONLESS = (SIGNIFICANCE_LABEL,)
_LEFT, _RIGHT, _BETWEEN, _BELOW = 10.0, 2.5, 3.0, 9.0  # [mm]
_WIDTH = (PAGE_MM - _LEFT - _RIGHT - 2 * _BETWEEN) / 3
_HEIGHTS = (26.0, 75.0)  # least and greatest height of a panel [mm]
Columns = Mapping[str, NDArray]


@dataclass(frozen=True)
class Overlay:
    """What lies over the maps: the Sun's place, spiral arms, and the density contrast for the residual."""

    R0_kpc: float
    z_sun_kpc: float
    arms: Sequence[Arm] = ()
    contrast: ContrastGrid | None = None


def residual_quantity(columns: Columns, where: str) -> str:
    """Return the quantity, such as ``feh_dex``, of a table of residuals, from its columns."""
    for name in columns:
        base, suffix = split_unit(name)
        if base.endswith("_residual"):
            return join_unit(base.removesuffix("_residual"), suffix)
    raise DiscatlasError(f"{where}: no column of residuals; it has: {', '.join(columns)}; make it with its rule")


def residual_facts(provenance: Mapping[str, Any], where: str, objects: str) -> MapFacts:
    """Return the grid and the selection of a table of residuals from its provenance."""
    return map_facts({**provenance.get("map", {}), **provenance}, where, objects)


@figure_style()
def draw_residual_figure(
    cells: Columns,
    facts: MapFacts,
    quantity: str,
    overlay: Overlay,
    *,
    title: str,
    note: Sequence[str],
    percentile: float,
) -> Figure:
    """Draw median, model, residual (upper row), error and significance of the residual and number of stars (lower row).

    Parameters
    ----------
    cells : mapping of str to ndarray, shape (m,)
        Columns of contract ``metallicity_residual``; cells without a median are grey.
    facts : MapFacts
        Grid of the map.
    overlay : Overlay
        Arms and contours are drawn where the axes are X and Y.
    note : sequence of str
        Lines below the title.
    percentile : float
        Central share of the cells [per cent] inside the colour limits; median and model have the same.

    Raises
    ------
    DiscatlasError
        If the map is not of two axes, or if no cell has a residual.
    """
    if len(facts.axes) != 2:
        raise DiscatlasError(f"residual map of {', '.join(facts.axes)}: its figure needs a map of two axes")
    if not np.isfinite(cells[infix(quantity, "residual")]).any():
        needed = f"{facts.min_stars} stars"
        raise DiscatlasError(f"residual map of {', '.join(facts.axes)}: no cell has {needed}; lower its min_stars")
    head = Head(title, note)
    height = _panel_height(facts)
    pitch = top_bars.OVER_PANEL + height + 1.0
    figure = new_figure(PAGE_MM, head.height + 2 * pitch + _BELOW)
    head.write(figure)
    centres = np.stack([cells[infix(axis, "centre")] for axis in facts.axes], axis=1).astype(np.float64)
    for number, (label, values, cmap, norm) in enumerate(_panels(cells, facts, quantity, percentile)):
        row, column = divmod(number, 3)
        place = (_LEFT + column * (_WIDTH + _BETWEEN), head.height + row * pitch, _WIDTH, height)
        ax, bar = top_bars.add_panel(figure, *place)
        ax.set_xlim(*facts.limits[0])
        ax.set_ylim(*facts.limits[1])
        top_bars.draw_top_bar(bar, draw_cells(ax, facts, centres, values, cmap, norm), label)
        _label_axes(ax, facts, lowest=row == 1, leftmost=column == 0)
        letter = {"fontsize": SMALL_PT, "va": "top", "path_effects": overlays.HALO, "zorder": 8}
        ax.text(0.025, 0.97, f"({'abcdef'[number]})", transform=ax.transAxes, **letter)
        _draw_overlays(ax, (_WIDTH, height), facts, centres, overlay, number)
    return figure


def residual_note(cells: Columns, facts: MapFacts, quantity: str, overlay: Overlay) -> list[str]:
    """Return the lines below the title: what was counted, what is drawn."""
    known = np.isfinite(cells[infix(quantity, "residual")])
    counted = f"{int(cells['n_stars'].sum()):,} {facts.objects} with a fit in {known.size:,} cells"
    words = f"{counted}; medians in the {int(known.sum()):,} cells with at least {facts.min_stars} (grey: fewer)"
    lines = [f"{words}; selection: {facts.selection or 'none'}"]
    if overlays.has_arms(facts.axes) and overlay.arms:
        lines.append("Black: spiral arms of Reid et al. (2019)")
    if facts.axes == ("X_kpc", "Y_kpc") and overlay.contrast is not None:
        lines.append("Green in (c): density contrast of 0 (thick) and 0.5 (thin)")
    return [lines[0], ". ".join(lines[1:])]


def _panel_height(facts: MapFacts) -> float:
    """Height of a panel [mm]: equal scales in the Galactic plane where that fits."""
    (x0, x1), (y0, y1) = facts.limits
    in_plane = set(facts.axes) == {"X_kpc", "Y_kpc"}
    return float(np.clip(_WIDTH * (y1 - y0) / (x1 - x0) if in_plane else 0.72 * _WIDTH, *_HEIGHTS))


def _panels(
    cells: Columns, facts: MapFacts, quantity: str, percentile: float
) -> list[tuple[str, NDArray[np.float64], str | Colormap, Normalize]]:
    """Label, values, colour map and scale of each panel."""
    words = ("median", "model", "residual", "residual_error")
    median, model, residual, error = (np.asarray(cells[infix(quantity, word)], dtype=np.float64) for word in words)
    model = np.where(np.isfinite(median), model, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        significance = np.where(error > 0, residual / error, np.nan)
    ends = [limits.central_range(values, percentile) for values in (median, model)]
    level = Normalize(min(low for low, _ in ends), max(high for _, high in ends))
    counts = cells["n_stars"].astype(np.float64)
    symbol, unit = labels.symbol(quantity), labels.column_unit(quantity)
    return [
        (labels.with_unit(f"median ${symbol}$", unit), median, SEQUENTIAL, level),
        (labels.with_unit(f"model ${symbol}$", unit), model, SEQUENTIAL, level),
        (
            labels.with_unit(rf"residual $\Delta{symbol}$", unit),
            residual,
            diverging_map(),
            limits.linear_norm(residual, percentile, centred=True),
        ),
        (
            labels.with_unit(rf"error $\varepsilon(\Delta{symbol})$", unit),
            error,
            ERROR,
            limits.linear_norm(error, percentile),
        ),
        (
            SIGNIFICANCE_LABEL,
            significance,
            diverging_map(),
            limits.linear_norm(significance, percentile, centred=True),
        ),
        (f"{labels.COUNT} {facts.objects}", counts, SEQUENTIAL, limits.count_norm(counts)),
    ]


def _label_axes(ax: Axes, facts: MapFacts, lowest: bool, leftmost: bool) -> None:
    top_bars.trim_panel(ax, _WIDTH, lowest, leftmost)
    if lowest:
        ax.set_xlabel(labels.axis_label(facts.axes[0]), labelpad=1.5)
    if leftmost:
        ax.set_ylabel(labels.axis_label(facts.axes[1]), labelpad=1.5)


def _draw_overlays(
    ax: Axes, size_mm: tuple[float, float], facts: MapFacts, centres: NDArray[np.float64], overlay: Overlay, number: int
) -> None:
    placer = overlays.LabelPlacer(ax, size_mm, centres)
    keep_corner(placer, ax)
    overlays.draw_sun(ax, facts.axes, overlays.sun_coordinates(overlay.R0_kpc, overlay.z_sun_kpc), placer)
    if overlays.has_arms(facts.axes):
        overlays.draw_arms(ax, facts.axes, overlay.arms, placer if number == 5 else None)
    if facts.axes == ("X_kpc", "Y_kpc"):
        placer.avoid(overlays.arm_points(overlay.arms))
        overlays.draw_circles(ax, placer if number == 5 else None)
        overlays.draw_centre(ax)
        if number == 2 and overlay.contrast is not None:
            draw_contrast_contours(ax, overlay.contrast)


def keep_corner(placer: overlays.LabelPlacer, ax: Axes) -> None:
    """Keep labels away from the upper left corner of a panel, where its letter is."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    placer.reserve((x0 + 0.05 * (x1 - x0), y1 - 0.05 * (y1 - y0)), 3.0)
