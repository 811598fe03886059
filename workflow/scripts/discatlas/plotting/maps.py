"""Maps of one quantity in four panels: mean, intrinsic dispersion, error of the mean, number of stars."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.cells import COLOUR_BAR, MapFacts, draw_cells, infix
from discatlas.plotting.contrast import ContrastGrid, draw_contrast_contours
from discatlas.plotting.style import (
    DISPERSION,
    ERROR,
    FONT_PT,
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
    text_mm,
)
from discatlas.plotting.wrapping import wrap

_LEFT, _WIDTH, _PITCH = 13.0, 61.0, 90.0  # of a panel, and from one column of panels to the next [mm]
_BAR_GAP, _BAR = 1.5, 2.6  # colour bar [mm]
_ABOVE, _BELOW = 6.0, 10.0  # panel title above, axis label below [mm]
_HEIGHTS = (32.0, 80.0)  # least and greatest height of a panel [mm]

Panel = tuple[str, NDArray[np.float64], str | Colormap, Normalize, str]


@figure_style()
def draw_map_figure(
    cells: Mapping[str, NDArray],
    facts: MapFacts,
    quantity: str,
    *,
    R0_kpc: float,
    z_sun_kpc: float,
    arms: Sequence[Arm] = (),
    contrast: ContrastGrid | None = None,
    title: str = "",
    percentile: float = 98.0,
) -> Figure:
    """Draw a map of `quantity` (a column name such as ``v_R_kms``) in four panels.

    Parameters
    ----------
    cells : mapping of str to ndarray, shape (m,)
        Columns of contract ``map``; NaN where a cell has no statistics: such cells are grey, empty ones white.
    facts : MapFacts
        Grid, selection and counts of the map.
    R0_kpc, z_sun_kpc : float
        The Sun's distance to the Galactic centre and height above the plane.
    arms : sequence of Arm
        Spiral arms, drawn in the planes (X, Y) and (phi, R) only.
    contrast : ContrastGrid or None
        A density contrast whose contours lie over the mean, in the plane (X, Y) only.
    percentile : float
        Central share of the cells [per cent] inside the colour limits, 96 or more. Velocities v_R and v_Z are
        centred on zero; other quantities have a sequential scale.

    Raises
    ------
    DiscatlasError
        If the map is not of two axes, has no such quantity, or no cell has enough stars for it.
    """
    _check(cells, facts, quantity)
    centres = np.stack([cells[infix(axis, "centre")] for axis in facts.axes], axis=1).astype(np.float64)
    width, height = _panel_size(facts)
    in_plane = facts.axes == ("X_kpc", "Y_kpc")
    note = _note(cells, facts, quantity)
    if contrast is not None and in_plane:
        note += ["Green in (a): density contrast of 0 (thick) and 0.5 (thin)"]
    title_lines = wrap(title, PAGE_MM - 2 * _LEFT, FONT_PT + 1.5)
    above = 2.5 + 4.8 * len(title_lines)
    top = above + 3.0 * len(note) + 1.5
    figure = new_figure(PAGE_MM, top + 2 * (_ABOVE + height + _BELOW) + 1.0)
    text_mm(figure, _LEFT, 2.0, title_lines, 4.8, fontsize=FONT_PT + 1.5)
    text_mm(figure, _LEFT, above, note, 3.0, fontsize=SMALL_PT, color="0.25")
    sun = overlays.sun_coordinates(R0_kpc, z_sun_kpc)
    for number, panel in enumerate(_panels(cells, facts, quantity, percentile)):
        left = _LEFT + _PITCH * (number % 2) + (_WIDTH - width) / 2
        upper = top + _ABOVE + (number // 2) * (_ABOVE + height + _BELOW)
        ax = add_axes_mm(figure, left, upper, width, height)
        mappable = _draw_panel(ax, facts, centres, panel)
        _draw_bar(add_axes_mm(figure, left + width + _BAR_GAP, upper, _BAR, height), mappable, panel)
        ax.set_title(f"({'abcd'[number]}) {panel[0]}", loc="left", pad=3)
        _draw_overlays(ax, (width, height), facts, centres, sun, arms, named=number == 3)
        if contrast is not None and in_plane and number == 0:
            draw_contrast_contours(ax, contrast)
    return figure


def _check(cells: Mapping[str, NDArray], facts: MapFacts, quantity: str) -> None:
    where = f"map of {', '.join(facts.axes)}"
    if len(facts.axes) != 2:
        raise DiscatlasError(f"{where}: a map figure needs two axes; draw a map of one axis with rule plot_profile")
    for column in _columns(quantity):
        if column not in cells:
            raise DiscatlasError(f"{where}: no {column!r}{nearest(column, cells)}; add {quantity!r} to its quantities")
        if not np.isfinite(cells[column]).any():
            needed = f"{column}: it needs {facts.min_stars} stars with {quantity}"
            raise DiscatlasError(f"{where}: no cell has {needed}; lower min_stars or enlarge the cells")


def _columns(quantity: str) -> tuple[str, str, str]:
    """Columns of mean, intrinsic dispersion and error of the mean."""
    base, suffix = split_unit(quantity)
    return infix(quantity, "ml_mean"), join_unit(f"sigma_{base}", suffix), infix(quantity, "ml_mean_error")


def _panel_size(facts: MapFacts) -> tuple[float, float]:
    """Width and height of a panel [mm]; equal scales in the Galactic plane."""
    (x0, x1), (y0, y1) = facts.limits
    if set(facts.axes) != {"X_kpc", "Y_kpc"}:
        return _WIDTH, 0.72 * _WIDTH
    height = _WIDTH * (y1 - y0) / (x1 - x0)
    clipped = min(max(height, _HEIGHTS[0]), _HEIGHTS[1])
    return (_WIDTH * clipped / height, clipped) if height > clipped else (_WIDTH, height)


def _note(cells: Mapping[str, NDArray], facts: MapFacts, quantity: str) -> list[str]:
    measured = int(np.sum(cells[f"{split_unit(quantity)[0]}_n_stars"]))
    with_statistics = int(np.count_nonzero(np.isfinite(cells[infix(quantity, "ml_mean")])))
    n_cells = cells["n_stars"].size
    words = [f"{facts.n_stars:,} {facts.objects} in {n_cells:,} cells"]
    if measured != facts.n_stars:
        words.append(f"{measured:,} of them measured")
    enough = f"at least {facts.min_stars} measured (grey: fewer)"
    words.append(f"statistics in the {with_statistics:,} cells with {enough}")
    return [
        line
        for text in ("; ".join(words), facts.selection_note(quantity))
        for line in wrap(text, PAGE_MM - 2 * _LEFT, SMALL_PT)
    ]


def _panels(cells: Mapping[str, NDArray], facts: MapFacts, quantity: str, percentile: float) -> list[Panel]:
    """Title, values, colour map, colour scale and colour-bar label of each panel."""
    mean, dispersion, error = (np.asarray(cells[column], dtype=np.float64) for column in _columns(quantity))
    n_measured = cells[f"{split_unit(quantity)[0]}_n_stars"]
    counts = np.where(n_measured > 0, n_measured, np.nan).astype(np.float64)
    signed = labels.is_signed(quantity)
    mean_map = diverging_map() if signed else SEQUENTIAL
    norms = [
        limits.linear_norm(mean, percentile, signed),
        limits.linear_norm(dispersion, percentile),
        limits.linear_norm(error, percentile),
    ]
    return [
        ("maximum-likelihood mean", mean, mean_map, norms[0], labels.mean_label(quantity)),
        ("intrinsic dispersion", dispersion, DISPERSION, norms[1], labels.dispersion_label(quantity)),
        ("error of the mean", error, ERROR, norms[2], labels.error_label(quantity)),
        (f"{facts.objects} per cell", counts, SEQUENTIAL, limits.count_norm(counts), f"{labels.COUNT} {facts.objects}"),
    ]


def _draw_panel(ax: Axes, facts: MapFacts, centres: NDArray[np.float64], panel: Panel) -> ScalarMappable:
    _, values, cmap, norm, _ = panel
    ax.set_xlim(*facts.limits[0])
    ax.set_ylim(*facts.limits[1])
    ax.set_xlabel(labels.axis_label(facts.axes[0]), labelpad=2)
    ax.set_ylabel(labels.axis_label(facts.axes[1]), labelpad=2)
    return draw_cells(ax, facts, centres, values, cmap, norm)


def _draw_bar(bar: Axes, mappable: ScalarMappable, panel: Panel) -> None:
    _, values, _, norm, label = panel
    bar.set_label(COLOUR_BAR)
    colour_bar = bar.figure.colorbar(mappable, cax=bar, extend=limits.extension(values, norm), extendfrac=0.04)
    colour_bar.set_label(label, labelpad=2)
    colour_bar.outline.set_linewidth(0.5)


def _draw_overlays(
    ax: Axes,
    size_mm: tuple[float, float],
    facts: MapFacts,
    centres: NDArray[np.float64],
    sun: dict[str, float],
    arms: Sequence[Arm],
    named: bool,
) -> None:
    drawn = arms if overlays.has_arms(facts.axes) else ()
    placer = overlays.LabelPlacer(ax, size_mm, centres)
    overlays.draw_sun(ax, facts.axes, sun, placer)
    overlays.draw_arms(ax, facts.axes, drawn, placer if named else None)
    if facts.axes == ("X_kpc", "Y_kpc"):
        placer.avoid(overlays.arm_points(drawn))
        overlays.draw_longitudes(ax, placer, sun)
        overlays.draw_circles(ax, placer)
        overlays.draw_centre(ax)
