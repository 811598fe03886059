"""Pages of small maps of the nodes of a velocity field: one panel per quantity, each with its own colour bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits, overlays
from discatlas.plotting.cells import COLOUR_BAR, DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.style import (
    DISPERSION,
    ERROR,
    FEW_STARS,
    FONT_PT,
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
    text_mm,
)
from discatlas.plotting.wrapping import wrap

_LEFT, _RIGHT, _GAP, _BELOW = 10.0, 2.5, 4.0, 9.0  # [mm]
_BAR, _BAR_GAP, _BAR_LABELS = 1.6, 0.8, 7.4  # colour bar above a panel, its distance, its numbers and label [mm]
_LARGEST, _HIGHEST = 52.0, 250.0  # greatest side of a panel and height of a page [mm]
_MAX_RASTER = 1_000  # nodes; beyond this many the PDF holds them as an image
Field = Mapping[str, NDArray]

COLOURS: dict[str, str | Colormap] = {
    "plain": SEQUENTIAL,
    "error": ERROR,
    "dispersion": DISPERSION,
    "count": SEQUENTIAL,
}


@dataclass(frozen=True)
class FieldFacts:
    """What the provenance of a velocity field says: grid, Sun, limits of the fits, numbers of cells and stars."""

    half_width_kpc: float
    spacing_kpc: float
    R0_kpc: float
    z_sun_kpc: float
    min_fit: int
    min_trust: int
    cell_kpc: float | None
    n_cells: int
    n_stars: int
    objects: str = "stars"

    @property
    def counted(self) -> str:
        """What the fits count, in words."""
        return "cells" if self.cell_kpc is not None else self.objects

    def note(self, radius_kpc: float, n_fitted: int) -> str:
        """Return how many nodes, stars and cells there are, and what the marks mean, in words."""
        return f"{self.counts}; {n_fitted:,} nodes fitted to the {self.counted} within {radius_kpc:g} kpc. {self.marks}"

    @property
    def counts(self) -> str:
        """How many stars and cells there are, in words."""
        cells = f" in {self.n_cells:,} cells of {self.cell_kpc:g} kpc" if self.cell_kpc is not None else ""
        return f"{self.n_stars:,} {self.objects}{cells}"

    @property
    def marks(self) -> str:
        """What the marks on a map mean, in words."""
        return (
            f"White: no {self.counted}; grey: fewer than {self.min_fit:,}; hatched: ill-conditioned; "
            f"black line: limit of the nodes with {self.min_trust:,} {self.counted} or more"
        )


def field_facts(provenance: Mapping[str, Any], where: str, objects: str = "stars") -> FieldFacts:
    """Return the facts of a velocity field from its provenance; a missing key is a DiscatlasError that names `where`."""
    try:
        return FieldFacts(
            half_width_kpc=float(provenance["grid"]["half_width_kpc"]),
            spacing_kpc=float(provenance["grid"]["spacing_kpc"]),
            R0_kpc=float(provenance["sun"]["R0_kpc"]),
            z_sun_kpc=float(provenance["sun"]["z_sun_kpc"]),
            min_fit=int(provenance["min_fit"]),
            min_trust=int(provenance["min_trust"]),
            cell_kpc=provenance["cells"].get("cell_kpc"),
            n_cells=int(provenance["n_cells"]["used"]),
            n_stars=int(provenance["cells"]["n_stars"]["in_cells"]),
            objects=objects,
        )
    except KeyError as error:
        raise DiscatlasError(
            f"{where}: no {error} in its provenance: no velocity field of this workflow; remake it with fit_velocity_field"
        ) from None


@dataclass(frozen=True)
class NodePanel:
    """One map: label with unit, values of the nodes, kind (a key of `COLOURS`, or ``signed``), and optional extras.

    `alike` holds the values of the panels that have the same colour scale; `lines` are levels that are drawn as contours;
    `rows` are the nodes of this panel where the panels of a page differ in radius.
    """

    label: str
    values: NDArray[np.float64]
    kind: str = "signed"
    alike: tuple[NDArray[np.float64], ...] = ()
    lines: tuple[float, ...] = ()
    title: str = ""
    rows: Field | None = None


def rows_of_radius(field: Field, radius_kpc: float, where: str) -> dict[str, NDArray]:
    """Return the rows of one radius of the sphere; a DiscatlasError if no node of it was fitted."""
    chosen = np.isclose(field["radius_kpc"], radius_kpc)
    rows = {name: column[chosen] for name, column in field.items()}
    if not is_fitted(rows).any():
        raise DiscatlasError(
            f"{where}: no node was fitted with radius_kpc {radius_kpc:g}: nothing to draw; see min_fit"
        )
    return rows


def is_fitted(rows: Field) -> NDArray[np.bool_]:
    """Return True for nodes with a fit."""
    return np.isin(rows["quality"].astype(str), ("good", "sparse"))


@figure_style()
def draw_node_page(
    panels: Sequence[Sequence[NodePanel | None]],
    rows: Field,
    facts: FieldFacts,
    note: str,
    title: str,
    percentile: float,
) -> Figure:
    """Draw rows of panels, each a map of the nodes in the plane with a colour bar above it; None leaves a place free.

    Values of v_R, v_Z and of derivatives have a scale centred on zero; limits hold the central `percentile` per cent.
    """
    n_columns = max(len(line) for line in panels)
    width, between = PAGE_MM - _LEFT - _RIGHT, _BAR_LABELS + _BAR + _BAR_GAP + 1.5
    title_lines = wrap(title, PAGE_MM - 2 * _LEFT, FONT_PT + 1.5)
    note_lines = wrap(note, PAGE_MM - 2 * _LEFT, SMALL_PT)
    above = 2.5 + 4.8 * len(title_lines)
    top = above + 3.0 * len(note_lines) + 1.5
    room = (_HIGHEST - top - _BELOW) / len(panels) - between
    side = min((width - (n_columns - 1) * _GAP) / n_columns, room, _LARGEST)
    gap = min((width - n_columns * side) / max(n_columns - 1, 1), 3 * _GAP)
    pitch = between + side
    figure = new_figure(PAGE_MM, top + len(panels) * pitch + _BELOW)
    text_mm(figure, _LEFT, 2.0, title_lines, 4.8, fontsize=FONT_PT + 1.5)
    text_mm(figure, _LEFT, above, note_lines, 3.0, fontsize=SMALL_PT, color="0.25")
    for i, line in enumerate(panels):
        for j, panel in enumerate(line):
            if panel is None:
                continue
            left, upper = _LEFT + j * (side + gap), top + i * pitch + _BAR_LABELS
            ax = add_axes_mm(figure, left, upper + _BAR + _BAR_GAP, side, side)
            mappable = _draw_panel(ax, panel, panel.rows or rows, facts, percentile)
            _draw_bar(add_axes_mm(figure, left, upper, side, _BAR), mappable, panel)
            lowest = i == len(panels) - 1 or j >= len(panels[i + 1]) or panels[i + 1][j] is None
            _label_axes(ax, side, leftmost=j == 0, lowest=lowest)
            if panel.title:
                style = {"fontsize": TINY_PT, "va": "top", "path_effects": overlays.HALO, "zorder": 8}
                ax.text(0.04, 0.96, panel.title, transform=ax.transAxes, **style)
    return figure


def _label_axes(ax: Axes, side: float, leftmost: bool, lowest: bool) -> None:
    ax.tick_params(labelsize=TINY_PT, labelbottom=lowest, labelleft=leftmost, length=2, pad=1.5)
    ax.tick_params(which="minor", length=1.2)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(nbins=max(round(side / 8), 3), integer=True)
    if lowest:
        ax.set_xlabel(axis_label("X_kpc"), fontsize=SMALL_PT, labelpad=1)
    if leftmost:
        ax.set_ylabel(axis_label("Y_kpc"), fontsize=SMALL_PT, labelpad=1)


def _draw_panel(ax: Axes, panel: NodePanel, rows: Field, facts: FieldFacts, percentile: float) -> ScalarMappable:
    half = facts.half_width_kpc
    sun = overlays.sun_coordinates(facts.R0_kpc, facts.z_sun_kpc)
    ax.set_xlim(sun["X_kpc"] - half, sun["X_kpc"] + half)
    ax.set_ylim(-half, half)
    quality, n_cells = rows["quality"].astype(str), rows["n_cells"]
    grid = _Grid(rows, facts.spacing_kpc)
    values = np.where(is_fitted(rows) | (panel.kind == "count"), panel.values, np.nan)
    few = ((quality == "few") & (n_cells > 0)) | (is_fitted(rows) & ~np.isfinite(values))
    grey = ListedColormap([FEW_STARS])
    grid.draw(ax, np.where(few, 0.0, np.nan), grey, Normalize(0, 1)).set_gid(DECORATION)
    mappable = grid.draw(ax, values, COLOURS.get(panel.kind) or diverging_map(), _norm(panel, values, percentile))
    grid.hatch(ax, quality == "ill_conditioned")
    grid.outline(ax, quality == "good")
    for level in panel.lines:
        grid.contour(ax, values, level)
    overlays.draw_circles(ax, None)
    overlays.draw_sun(ax, ("X_kpc", "Y_kpc"), sun)
    overlays.draw_centre(ax)
    return mappable


def _norm(panel: NodePanel, values: NDArray[np.float64], percentile: float) -> Normalize:
    if panel.kind == "count":
        return limits.count_norm(values)
    norms = [limits.linear_norm(some, percentile, panel.kind == "signed") for some in (values, *panel.alike)]
    low, high = min(norm.vmin for norm in norms), max(norm.vmax for norm in norms)
    return LogNorm(low, high) if panel.kind == "error" and low > 0 else Normalize(low, high)


class _Grid:
    """The nodes as a regular grid, from their coordinates."""

    def __init__(self, rows: Field, spacing_kpc: float) -> None:
        x, y = rows["X_kpc"], rows["Y_kpc"]
        self.spacing = spacing_kpc
        self.index = tuple(np.rint((c - c.min()) / spacing_kpc).astype(np.int64) for c in (x, y))
        self.shape = tuple(int(i.max()) + 1 for i in self.index)
        self.x, self.y = (c.min() + spacing_kpc * np.arange(n) for c, n in zip((x, y), self.shape, strict=True))

    def fill(self, values: NDArray) -> NDArray[np.float64]:
        """Return the values as an image, shape (ny, nx)."""
        image = np.full(self.shape, np.nan)
        image[self.index] = values
        return image.T

    def draw(self, ax: Axes, values: NDArray, cmap: str | Colormap, norm: Normalize) -> ScalarMappable:
        """Draw a square about each node with a value."""
        edges = [np.append(c - self.spacing / 2, c[-1] + self.spacing / 2) for c in (self.x, self.y)]
        image = np.ma.masked_invalid(self.fill(values))
        raster = values.size > _MAX_RASTER
        return ax.pcolormesh(*edges, image, cmap=cmap, norm=norm, linewidth=0, rasterized=raster, zorder=1)

    def hatch(self, ax: Axes, which: NDArray[np.bool_]) -> None:
        """Hatch the squares of these nodes."""
        corners = self.spacing / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        centres = np.stack([self.x[self.index[0]], self.y[self.index[1]]], axis=1)[which]
        style = {"facecolors": FEW_STARS, "edgecolors": "0.35", "linewidths": 0.0, "hatch": "//////", "zorder": 2}
        ax.add_collection(PolyCollection(centres[:, None] + corners, gid=DECORATION, **style), autolim=False)

    def outline(self, ax: Axes, which: NDArray[np.bool_]) -> None:
        """Draw the edges of the squares between these nodes and others."""
        inside = np.pad(np.nan_to_num(self.fill(which.astype(float))) > 0, 1)
        segments = []
        for (dy, dx), corners in (((0, 1), ((0.5, -0.5), (0.5, 0.5))), ((1, 0), ((-0.5, 0.5), (0.5, 0.5)))):
            here, there = inside, np.roll(inside, (-dy, -dx), axis=(0, 1))
            for iy, ix in np.argwhere(here != there):
                place = np.array([self.x[0] + (ix - 1) * self.spacing, self.y[0] + (iy - 1) * self.spacing])
                segments.append(place + self.spacing * np.array(corners))
        lines = {"colors": "black", "linewidths": 0.5, "gid": DECORATION, "zorder": 2.5}
        ax.add_collection(LineCollection(segments, **lines), autolim=False)

    def contour(self, ax: Axes, values: NDArray, level: float) -> None:
        """Draw a thin contour, where the values cross the level."""
        image = np.ma.masked_invalid(self.fill(values))
        if min(self.shape) > 1 and image.min() < level < image.max():
            lines = ax.contour(self.x, self.y, image, levels=[level], colors="black", linewidths=0.35, zorder=3)
            lines.set_gid(DECORATION)


def _draw_bar(bar: Axes, mappable: ScalarMappable, panel: NodePanel) -> None:
    bar.set_label(COLOUR_BAR)
    values = np.ma.filled(np.ma.masked_invalid(mappable.get_array()).astype(float), np.nan)
    extend = limits.extension(values, mappable.norm)
    colour_bar = bar.figure.colorbar(mappable, cax=bar, orientation="horizontal", extend=extend, extendfrac=0.06)
    colour_bar.outline.set_linewidth(0.4)
    bar.xaxis.set_ticks_position("top")
    bar.xaxis.set_label_position("top")
    bar.tick_params(axis="x", which="both", labelsize=TINY_PT, pad=0.8, length=1.4)
    if panel.kind != "count":
        low, high = mappable.get_clim()
        ticks = _log_ticks(low, high) if isinstance(mappable.norm, LogNorm) else ()
        bar.xaxis.set_major_locator(FixedLocator(ticks) if len(ticks) > 1 else MaxNLocator(nbins=4))
        bar.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}")))
        bar.xaxis.set_minor_locator(NullLocator())
    bar.set_xlabel(panel.label, fontsize=TINY_PT, labelpad=2.5)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between the limits, the densest set of at most five."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0)):
        ticks = [float(step * decade) for decade in decades for step in steps if low <= step * decade <= high]
        if len(ticks) <= 5:
            return ticks
    return [float(decade) for decade in decades if low <= decade <= high][:: max(len(decades) // 5, 1)]
