"""Maps of the linear response for several values of one parameter, on one colour scale."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits, overlays
from discatlas.plotting.cells import COLOUR_BAR
from discatlas.plotting.labels import axis_label
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane, label_plane
from discatlas.plotting.spiral_context import Context, Tables, draw_loci
from discatlas.plotting.spiral_labels import MINUS, PARAMETERS, resonance_name
from discatlas.plotting.style import PAGE_MM, SMALL_PT, TINY_PT, add_axes_mm, diverging_map, figure_style, new_figure

PANELS = {
    "pattern_speed": "pattern_speed_kms_kpc",
    "scale_length": "scale_length_kpc",
    "surface_density": "surface_density_msun_kpc2",
}
COLUMNS = 3
_LEFT, _RIGHT, _GAP, _BELOW, _BAR = 10.0, 2.5, 3.0, 9.0, 11.5  # [mm]
_LONGEST = 240.0  # [mm]


@dataclass(frozen=True)
class _Chart:
    """One map: the parameter that is varied, its value, v_R at the grid's places, and the radii of the resonances."""

    name: str
    value: float
    v_R_kms: NDArray[np.float64]
    radii_kpc: dict[str, float]

    @property
    def text(self) -> str:
        """What is written into the panel."""
        printed = PARAMETERS[PANELS[self.name]]
        return rf"${printed.symbol} = {printed.factor * self.value:g}$ {printed.unit}"


def draw_gallery_page(tables: Tables, context: Context) -> Figure:
    """Draw the response for several pattern speeds, with the resonances of each."""
    words = (
        "The most likely spiral at other pattern speeds in a cold disc; the arms (black) stand still. Rings: Lindblad resonances (full), "
        f"corotation (dashed), {2 * context.m}:1 (dotted). One scale, linear near zero and logarithmic beyond"
    )
    return _draw(tables, context, ["pattern_speed"], words)


def draw_parameter_page(tables: Tables, context: Context) -> Figure:
    """Draw the response for several scale lengths and surface densities."""
    words = (
        "The most likely spiral with other scale lengths (upper row) and surface densities (lower row) of the crest in a cold disc; rings: "
        "resonances. One scale, linear near zero and logarithmic beyond"
    )
    return _draw(tables, context, ["scale_length", "surface_density"], words)


def _charts(tables: Tables, context: Context, name: str) -> list[_Chart]:
    rows, gallery = tables.gallery["panel"] == name, tables.gallery
    charts = []
    for value in np.unique(gallery["value"][rows]):
        v_R = gallery["v_R_kms"][rows & (gallery["value"] == value)]
        radii = context.radii(float(value)) if name == "pattern_speed" else context.resonances
        charts.append(_Chart(name, float(value), v_R, radii))
    return charts


@figure_style()
def _draw(tables: Tables, context: Context, names: list[str], words: str) -> Figure:
    groups = [charts for name in names if (charts := _charts(tables, context, name))]
    if not groups:
        raise DiscatlasError(
            f"{context.where}: no map for other values of {', '.join(names)} in its gallery: nothing to draw"
        )
    # each group begins a row
    lines = [charts[k : k + COLUMNS] for charts in groups for k in range(0, len(charts), COLUMNS)]
    head = context.head(tables.posterior, words)
    first = groups[0][0]
    rows = (tables.gallery["panel"] == first.name) & (tables.gallery["value"] == first.value)
    grid = PlaneGrid.of(tables.gallery["X_kpc"][rows], tables.gallery["Y_kpc"][rows], context.where)
    (x0, *_, x1), (y0, *_, y1) = grid.edges
    n_columns = max(map(len, lines))
    width = min((PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _GAP) / n_columns, 80.0)
    room = (_LONGEST - head.height - _BAR - _BELOW) / len(lines) - _GAP
    height = min(width * (y1 - y0) / (x1 - x0), room)
    width = height * (x1 - x0) / (y1 - y0)
    figure = new_figure(PAGE_MM, head.height + _BAR + len(lines) * (height + _GAP) + _BELOW - _GAP)
    head.write(figure)
    norm = shared_asinh([chart.v_R_kms for charts in groups for chart in charts], context.percentile)
    for i, line in enumerate(lines):
        for j, chart in enumerate(line):
            top = head.height + _BAR + i * (height + _GAP)
            ax = add_axes_mm(figure, _LEFT + j * (width + _GAP), top, width, height)
            mappable = draw_plane(ax, grid, PlanePanel("", chart.v_R_kms, diverging_map(), norm))
            _decorate(ax, (width, height), chart, tables, context)
            lowest = i == len(lines) - 1 or j >= len(lines[i + 1])
            label_plane(ax, width, lowest=lowest, leftmost=j == 0)
    full = n_columns * (width + _GAP) - _GAP
    _draw_bar(add_axes_mm(figure, _LEFT, head.height + 7.0, full, 2.2), mappable)
    return figure


def shared_asinh(values: list[NDArray[np.float64]], percentile: float) -> AsinhNorm:
    """Return a scale about zero, linear below the median size of the values, that holds the central part of each map."""
    every = np.concatenate([np.abs(v[np.isfinite(v)]) for v in values])
    if not every.size:
        return AsinhNorm(1.0, -1.0, 1.0)
    ends = [np.abs(limits.central_range(v, percentile)).max() for v in values if np.isfinite(v).any()]
    high = max(float(max(ends)), 1e-6)
    return AsinhNorm(max(float(np.median(every)), high / 1e3), -high, high)


def _decorate(ax: Axes, size_mm: tuple[float, float], chart: _Chart, tables: Tables, context: Context) -> None:
    placer = overlays.LabelPlacer(ax, size_mm, np.empty((0, 2)))
    overlays.draw_sun(ax, ("X_kpc", "Y_kpc"), overlays.sun_coordinates(context.R0_kpc, context.z_sun_kpc), placer)
    overlays.draw_centre(ax)
    context.draw_rings(ax, chart.radii_kpc)
    draw_loci(ax, tables.loci)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.2}
    ax.text(0.025, 0.97, chart.text, transform=ax.transAxes, va="top", fontsize=SMALL_PT, bbox=box, zorder=8)
    placer.reserve((ax.get_xlim()[0], ax.get_ylim()[1]), 6.0)
    x, y = ax.get_xlim(), ax.get_ylim()
    turn = np.radians(np.arange(270.0, 270.0 + 360.0, 5.0))
    for name, R in chart.radii_kpc.items():
        points = R * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        inside = (points[:, 0] > x[0]) & (points[:, 0] < x[1]) & (points[:, 1] > y[0]) & (points[:, 1] < y[1])
        if inside.any():
            placer.place(resonance_name(name, context.m), points[inside])


def _draw_bar(bar: Axes, mappable: ScalarMappable) -> None:
    bar.set_label(COLOUR_BAR)
    colour_bar = bar.figure.colorbar(mappable, cax=bar, orientation="horizontal", extend="both", extendfrac=0.015)
    colour_bar.outline.set_linewidth(0.4)
    bar.xaxis.set_ticks_position("top")
    bar.xaxis.set_label_position("top")
    bar.tick_params(axis="x", which="both", labelsize=TINY_PT + 0.5, pad=0.8, length=1.4)
    high, linear = mappable.norm.vmax, mappable.norm.linear_width
    sizes = [a * 10.0**k for k in range(-3, 5) for a in (1.0, 3.0)]
    sizes = [size for size in sizes if 0.5 * linear <= size <= high]
    bar.xaxis.set_major_locator(FixedLocator([*(-size for size in reversed(sizes)), 0.0, *sizes]))
    bar.xaxis.set_minor_locator(NullLocator())
    bar.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
    bar.set_xlabel(axis_label("v_R_kms"), fontsize=SMALL_PT + 0.5, labelpad=2.5)
