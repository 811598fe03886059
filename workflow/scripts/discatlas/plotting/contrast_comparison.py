"""A map beside a density contrast, and their correlation among those of maps that know nothing of each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from scipy.stats import beta

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, overlays, top_bars
from discatlas.plotting.azimuthal import format_p
from discatlas.plotting.cells import DECORATION, MapFacts, draw_cells
from discatlas.plotting.contrast import CONTOUR_COLOUR, CONTRAST_LABEL, ContrastGrid, draw_contrast_contours
from discatlas.plotting.panels import Head, draw_mesh
from discatlas.plotting.residual_maps import Overlay, keep_corner
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, add_axes_mm, diverging_map, figure_style, new_figure
from discatlas.tables import check_columns

SCALED_LABEL, R_LABEL = r"$r\,\sqrt{n/n_\mathrm{map}}$", "correlation $r$"
AUTOCORRELATION_LABEL, DENSITY_LABEL = "autocorrelation", "probability density"
DIMENSIONLESS = (CONTRAST_LABEL, SCALED_LABEL, R_LABEL, AUTOCORRELATION_LABEL, DENSITY_LABEL)
_LEFT, _RIGHT, _BETWEEN, _BELOW, _NULL = 12.0, 2.5, 10.0, 9.0, 42.0  # [mm]
_WIDTH = (PAGE_MM - _LEFT - _RIGHT - _BETWEEN) / 2
_HEIGHTS = (30.0, 82.0)  # least and greatest height of a map [mm]
_NULL_COLOUR, _OBSERVED, _EFFECTIVE = "0.62", "#b5321f", "#14397a"
_MOVES = {
    "rotations_centre": "rotations about the Galactic centre",
    "rotations_sun": "rotations about the Sun",
    "shifts": "rotations about the Galactic centre with stretched radii",
    "effective_cells": "as many independent cells as the autocorrelations of both maps leave",
}
Columns = Mapping[str, NDArray]


@figure_style()
def draw_comparison_figure(
    cells: Columns,
    facts: MapFacts,
    column: str,
    null: Columns,
    summary: Mapping[str, Any],
    overlay: Overlay,
    *,
    title: str,
    percentile: float,
) -> Figure:
    """Draw the contrast (a), the map with its contours (b), the null distribution of r (c), and r of each move (d).

    Without moves (d) shows the autocorrelations that tell how many cells are independent.

    Parameters
    ----------
    cells : mapping of str to ndarray, shape (m,)
        Columns of contract ``map`` or ``metallicity_residual`` with axes X and Y.
    column : str
        The one that is compared, such as ``v_R_ml_mean_kms`` or ``feh_residual_dex``.
    null : mapping of str to ndarray
        Columns of contract ``overdensity_comparison``; its row ``observed`` is the map as it is.
    summary : mapping
        Record of the comparison: ``p_value`` and ``null``, and what is known of the effective number of cells.
    overlay : Overlay
        With a contrast.

    Raises
    ------
    DiscatlasError
        If the map is not one of X and Y or has no such column, or if there is no correlation.
    """
    if facts.axes != ("X_kpc", "Y_kpc") or overlay.contrast is None:
        raise DiscatlasError(
            f"comparison: a map of {', '.join(facts.axes)}; expected one of X_kpc, Y_kpc and a contrast"
        )
    is_observed = null["kind"].astype(str) == "observed"
    if not is_observed.any() or not np.isfinite(null["r"][is_observed]).all():
        raise DiscatlasError("comparison: no correlation: the maps share too few cells; nothing to draw")
    check_columns("comparison", [column], list(cells))
    values = np.asarray(cells[column], dtype=np.float64)
    label, words, is_centred = describe_column(column)
    head = Head(title, _note(facts, values, words, summary))
    (x0, x1), (y0, y1) = facts.limits
    height = float(np.clip(_WIDTH * (y1 - y0) / (x1 - x0), *_HEIGHTS))
    below = head.height + top_bars.OVER_PANEL + height + 16.0
    figure = new_figure(PAGE_MM, below + _NULL + _BELOW)
    head.write(figure)
    maps = [top_bars.add_panel(figure, _LEFT + k * (_WIDTH + _BETWEEN), head.height, _WIDTH, height) for k in range(2)]
    _draw_contrast(*maps[0], overlay.contrast, facts, percentile)
    centres = np.stack([cells["X_centre_kpc"], cells["Y_centre_kpc"]], axis=1).astype(np.float64)
    norm = limits.linear_norm(values, percentile, centred=is_centred)
    cmap = diverging_map() if is_centred else SEQUENTIAL
    top_bars.draw_top_bar(maps[1][1], draw_cells(maps[1][0], facts, centres, values, cmap, norm), label)
    _finish_maps([ax for ax, _ in maps], (_WIDTH, height), facts, centres, overlay)
    low = [add_axes_mm(figure, _LEFT + k * (_WIDTH + _BETWEEN), below, _WIDTH, _NULL) for k in range(2)]
    _draw_null(low[0], null, is_observed, summary)
    _draw_moves(low[1], null, is_observed) if not is_observed.all() else _draw_autocorrelation(low[1], summary)
    return figure


def describe_column(column: str) -> tuple[str, str, bool]:
    """Return the label with its unit of a column of cells, what it is in words, and whether its zero has a meaning."""
    base, suffix = split_unit(column)
    if base.startswith("sigma_"):
        return labels.dispersion_label(join_unit(base.removeprefix("sigma_"), suffix)), "a dispersion", False
    for ending, words in (("residual", "residual"), ("ml_mean", "mean"), ("mean", "mean"), ("median", "median")):
        if base.endswith(f"_{ending}"):
            quantity = join_unit(base.removesuffix(f"_{ending}"), suffix)
            symbol, unit = labels.symbol(quantity), labels.column_unit(quantity)
            text = rf"\Delta{symbol}" if words == "residual" else symbol
            is_centred = words == "residual" or labels.is_signed(quantity)
            return labels.with_unit(f"{words} ${text}$", unit), f"a {words}", is_centred
    return labels.axis_label(column), "a value", labels.is_signed(column)


def _note(facts: MapFacts, values: NDArray[np.float64], words: str, summary: Mapping[str, Any]) -> Sequence[str]:
    move = _MOVES.get(str(summary.get("null")), str(summary.get("null")))
    counted = f"{facts.n_stars:,} {facts.objects} in the map; {int(np.isfinite(values).sum()):,} cells with {words}"
    worth = []
    if summary.get("n_effective") is not None:
        p, least = format_p(summary.get("p_value_effective")).replace("$", ""), summary.get("r_detectable")
        found = f"; 80 % of all |r| = {least:.2f} would be found at 5 %" if least is not None else ""
        worth = [
            f"By their autocorrelations (blue) the maps are worth {summary['n_effective']:.0f} independent cells: {p}{found}"
        ]
    return [
        f"{counted}; selection: {facts.selection or 'none'}; white in (a): no data",
        f"Null: {move}. Contours: density contrast of 0 (thick) and 0.5 (thin). Black: spiral arms of Reid et al. (2019)",
        *worth,
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
    n_effective = summary.get("n_effective")
    widest = np.abs(drawn).max() if drawn.size else min(3.5 / np.sqrt(n_effective or 100.0), 0.95)
    reach = 1.06 * max(float(widest), abs(observed), 0.05)
    n_bins = int(np.clip(np.sqrt(drawn.size) * 1.3, 8, 41))
    if drawn.size:
        ax.hist(drawn, bins=np.linspace(-reach, reach, n_bins + 1), color=_NULL_COLOUR, zorder=2)
    if n_effective is not None:
        r = np.linspace(-min(reach, 1.0), min(reach, 1.0), 401)
        height = drawn.size * 2 * reach / n_bins if drawn.size else 1.0
        density = 0.5 * beta.pdf(0.5 * (1.0 + r), n_effective / 2 - 1, n_effective / 2 - 1)
        ax.plot(r, height * density, color=_EFFECTIVE, linewidth=0.9, zorder=3)
    ax.axvline(observed, color=_OBSERVED, linewidth=1.2, zorder=4)
    ax.axvline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.set_xlabel(SCALED_LABEL if drawn.size else R_LABEL, labelpad=1.5)
    ax.set_ylabel(f"{labels.COUNT} moved maps" if drawn.size else DENSITY_LABEL, labelpad=2)
    words = f"$r$ = {observed:.2f}, {format_p(summary.get('p_value'))}".replace("-", "\N{MINUS SIGN}")
    ax.set_title(f"(c) {words}; {int(n_map):,} cells", loc="left", pad=3)


def _draw_autocorrelation(ax: Axes, summary: Mapping[str, Any]) -> None:
    """Draw the autocorrelation of both maps against the distance of cells, averaged over directions."""
    curves = {name: np.array(values, dtype=np.float64) for name, values in summary["autocorrelation"].items()}
    for name, label, colour in (("cells", "map (b)", _OBSERVED), ("grid", "contrast (a)", CONTOUR_COLOUR)):
        ax.plot(curves["distance_kpc"], curves[name], color=colour, linewidth=1.0, label=label, zorder=3)
    ax.axhline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    ax.set_xlim(0.0, None)
    ax.set_xlabel("distance of cells [kpc]", labelpad=1.5)
    ax.set_ylim(min(ax.get_ylim()[0], -0.2), 1.0)
    ax.yaxis.set_major_locator(MultipleLocator(0.2))
    ax.set_ylabel(AUTOCORRELATION_LABEL, labelpad=1)
    ax.legend(loc="upper right", frameon=False, fontsize=SMALL_PT, handlelength=1.5)
    ax.set_title("(d) autocorrelation of both maps", loc="left", pad=3, fontsize=SMALL_PT + 1)


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
