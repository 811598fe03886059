"""A residual map beside a density contrast, and their correlation among those with moved copies of the contrast."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, overlays, top_bars
from discatlas.plotting.azimuthal import format_p
from discatlas.plotting.cells import DECORATION, MapFacts, draw_cells, infix
from discatlas.plotting.contrast import CONTRAST_LABEL, ContrastGrid, draw_contrast_contours
from discatlas.plotting.panels import Head, draw_mesh
from discatlas.plotting.residual_maps import Overlay, keep_corner
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, diverging_map, figure_style, new_figure

SCALED_LABEL, R_LABEL = r"$r\,\sqrt{n/n_\mathrm{map}}$", "correlation $r$"
DIMENSIONLESS = (CONTRAST_LABEL, SCALED_LABEL, R_LABEL)
_LEFT, _RIGHT, _BETWEEN, _BELOW, _NULL = 12.0, 2.5, 10.0, 9.0, 42.0  # [mm]
_WIDTH = (PAGE_MM - _LEFT - _RIGHT - _BETWEEN) / 2
_HEIGHTS = (30.0, 82.0)  # least and greatest height of a map [mm]
_NULL_COLOUR, _OBSERVED = "0.62", "#b5321f"
_MOVES = {
    "rotations_centre": "rotations about the Galactic centre",
    "rotations_sun": "rotations about the Sun",
    "shifts": "rotations about the Galactic centre with stretched radii",
}
Columns = Mapping[str, NDArray]


@figure_style()
def draw_comparison_figure(
    cells: Columns,
    facts: MapFacts,
    quantity: str,
    null: Columns,
    summary: Mapping[str, Any],
    overlay: Overlay,
    *,
    title: str,
    percentile: float,
) -> Figure:
    """Draw the contrast (a), the residual with its contours (b), the null distribution of r (c), and r of each move (d).

    Parameters
    ----------
    cells : mapping of str to ndarray, shape (m,)
        Columns of contract ``metallicity_residual`` with axes X and Y.
    null : mapping of str to ndarray
        Columns of contract ``overdensity_comparison``; its row ``observed`` is the map as it is.
    summary : mapping
        Record of the comparison: ``p_value`` and ``null``.
    overlay : Overlay
        With a contrast.

    Raises
    ------
    DiscatlasError
        If the map is not one of X and Y, or if there is no correlation.
    """
    if facts.axes != ("X_kpc", "Y_kpc") or overlay.contrast is None:
        raise DiscatlasError(
            f"comparison: a map of {', '.join(facts.axes)}; expected one of X_kpc, Y_kpc and a contrast"
        )
    is_observed = null["kind"].astype(str) == "observed"
    if not is_observed.any() or not np.isfinite(null["r"][is_observed]).all():
        raise DiscatlasError("comparison: no correlation: the maps share too few cells; nothing to draw")
    residual = np.asarray(cells[infix(quantity, "residual")], dtype=np.float64)
    head = Head(title, _note(facts, residual, summary))
    (x0, x1), (y0, y1) = facts.limits
    height = float(np.clip(_WIDTH * (y1 - y0) / (x1 - x0), *_HEIGHTS))
    below = head.height + top_bars.OVER_PANEL + height + 16.0
    figure = new_figure(PAGE_MM, below + _NULL + _BELOW)
    head.write(figure)
    maps = [top_bars.add_panel(figure, _LEFT + k * (_WIDTH + _BETWEEN), head.height, _WIDTH, height) for k in range(2)]
    _draw_contrast(*maps[0], overlay.contrast, facts, percentile)
    symbol = rf"residual $\Delta{labels.symbol(quantity)}$"
    centres = np.stack([cells["X_centre_kpc"], cells["Y_centre_kpc"]], axis=1).astype(np.float64)
    norm = limits.linear_norm(residual, percentile, centred=True)
    mappable = draw_cells(maps[1][0], facts, centres, residual, diverging_map(), norm)
    top_bars.draw_top_bar(maps[1][1], mappable, labels.with_unit(symbol, labels.column_unit(quantity)))
    _finish_maps([ax for ax, _ in maps], (_WIDTH, height), facts, centres, overlay)
    low = [add_axes_mm(figure, _LEFT + k * (_WIDTH + _BETWEEN), below, _WIDTH, _NULL) for k in range(2)]
    _draw_null(low[0], null, is_observed, summary)
    _draw_moves(low[1], null, is_observed)
    return figure


def _note(facts: MapFacts, residual: NDArray[np.float64], summary: Mapping[str, Any]) -> Sequence[str]:
    move = _MOVES.get(str(summary.get("null")), str(summary.get("null")))
    counted = (
        f"{facts.n_stars:,} {facts.objects} in the map; {int(np.isfinite(residual).sum()):,} cells with a residual"
    )
    return [
        f"{counted}; selection: {facts.selection or 'none'}; white in (a): no data",
        f"Null: {move}. Contours: density contrast of 0 (thick) and 0.5 (thin). Black: spiral arms of Reid et al. (2019)",
    ]


def _draw_contrast(ax: Axes, bar: Axes, grid: ContrastGrid, facts: MapFacts, percentile: float) -> None:
    shown = grid.inside(*facts.limits)
    norm = limits.linear_norm(shown if np.isfinite(shown).any() else grid.values, percentile, centred=True)
    x, y = ((axis >= low) & (axis <= high) for axis, (low, high) in zip((grid.x, grid.y), facts.limits, strict=True))
    part = ContrastGrid(grid.x[x], grid.y[y], grid.values[np.ix_(x, y)]) if min(x.sum(), y.sum()) > 1 else grid
    top_bars.draw_top_bar(bar, draw_mesh(ax, part.edges(), part.values, diverging_map(), norm), CONTRAST_LABEL)


def _finish_maps(
    panels: Sequence[Axes],
    size_mm: tuple[float, float],
    facts: MapFacts,
    centres: NDArray[np.float64],
    overlay: Overlay,
) -> None:
    sun = overlays.sun_coordinates(overlay.R0_kpc, overlay.z_sun_kpc)
    for k, ax in enumerate(panels):
        ax.set_xlim(*facts.limits[0])
        ax.set_ylim(*facts.limits[1])
        ax.set_xlabel(labels.axis_label("X_kpc"), labelpad=1.5)
        ax.set_ylabel(labels.axis_label("Y_kpc"), labelpad=1.5)
        placer = overlays.LabelPlacer(ax, size_mm, centres)
        keep_corner(placer, ax)
        overlays.draw_sun(ax, facts.axes, sun, placer)
        overlays.draw_circles(ax, placer if k == 0 else None)
        overlays.draw_centre(ax)
        overlays.draw_arms(ax, facts.axes, overlay.arms, placer if k == 0 else None)
        letter = {"va": "top", "path_effects": overlays.HALO, "zorder": 8}
        ax.text(0.02, 0.975, f"({'ab'[k]})", transform=ax.transAxes, **letter)
        if overlay.contrast is not None:
            draw_contrast_contours(ax, overlay.contrast)


def _draw_null(ax: Axes, null: Columns, is_observed: NDArray[np.bool_], summary: Mapping[str, Any]) -> None:
    n_map = float(null["n_cells"][is_observed][0])
    values = null["score"] / np.sqrt(n_map)
    drawn = values[~is_observed & np.isfinite(values)]
    observed = float(null["r"][is_observed][0])
    reach = 1.06 * max(np.abs(drawn).max() if drawn.size else 0.1, abs(observed), 0.05)
    n_bins = int(np.clip(np.sqrt(drawn.size) * 1.3, 8, 41))
    ax.hist(drawn, bins=np.linspace(-reach, reach, n_bins + 1), color=_NULL_COLOUR, zorder=2)
    ax.axvline(observed, color=_OBSERVED, linewidth=1.2, zorder=4)
    ax.axvline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.set_xlabel(SCALED_LABEL, labelpad=1.5)
    ax.set_ylabel(f"{labels.COUNT} moved maps", labelpad=2)
    words = f"$r$ = {observed:.2f}, {format_p(summary.get('p_value'))}".replace("-", "\N{MINUS SIGN}")
    ax.set_title(f"(c) {words}; {int(n_map):,} cells", loc="left", pad=3)


def _draw_moves(ax: Axes, null: Columns, is_observed: NDArray[np.bool_]) -> None:
    """Draw r of each move against its angle; points are the larger, the more cells the maps share."""
    share = null["n_cells"] / max(float(null["n_cells"][is_observed][0]), 1.0)
    size = 1.0 + 5.0 * np.clip(share, 0, 1)
    moved = ~is_observed & np.isfinite(null["r"])
    ax.scatter(
        null["parameter_deg"][moved],
        null["r"][moved],
        s=size[moved],
        color=_NULL_COLOUR,
        linewidth=0,
        zorder=2,
        rasterized=int(moved.sum()) > 5000,
    )
    r = null["r"][is_observed]
    ax.plot(null["parameter_deg"][is_observed], r, "D", color=_OBSERVED, markersize=4.5, zorder=4)
    ax.axhline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    reach = 1.12 * float(np.nanmax(np.abs(null["r"])))
    ax.set_ylim(-reach, reach)
    farthest = float(np.abs(null["parameter_deg"][moved]).max()) if moved.any() else 180.0
    ax.set_xlim(-1.04 * farthest, 1.04 * farthest)
    ax.xaxis.set_major_locator(MultipleLocator(60.0 if farthest > 90 else 20.0))
    ax.set_xlabel("angle of the move [deg]", labelpad=1.5)
    ax.set_ylabel(R_LABEL, labelpad=2)
    ax.set_title("(d) moved maps; diamond: the map as it is", loc="left", pad=3, fontsize=SMALL_PT + 1)
