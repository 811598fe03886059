"""The likelihood of a spiral over pairs of its parameters."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits
from discatlas.plotting.cells import COLOUR_BAR, DECORATION
from discatlas.plotting.panels import draw_mesh
from discatlas.plotting.spiral_context import Context, Tables
from discatlas.plotting.spiral_labels import PARAMETERS
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, TINY_PT, add_axes_mm, figure_style, new_figure

CHI2_LABEL = r"$\log_{10}(1 + 2\,\Delta\ln L)$"
DIMENSIONLESS = (CHI2_LABEL,)
LEVEL = 6.180  # 2 Delta ln L that holds 95.4 % for two parameters
COLUMNS = 3
Array = NDArray[np.float64]
_LEFT, _RIGHT, _GAP, _BELOW, _BAR, _UNDER = 12.0, 3.0, 13.0, 3.0, 11.5, 11.0  # [mm]


@figure_style()
def draw_degeneracy_page(tables: Tables, context: Context) -> Figure:
    """Draw twice the difference of ln L to its largest value over each pair, with contours and the most likely spiral."""
    table = tables.degeneracy
    names = list(dict.fromkeys(zip(table["x_name"].tolist(), table["y_name"].tolist(), strict=True)))
    known = table["ln_likelihood"][np.isfinite(table["ln_likelihood"])]
    if not names or not known.size:
        raise DiscatlasError(f"{context.where}: no pair of parameters with a likelihood: nothing to draw")
    words = (
        "All parameters but the two are those of the most likely spiral (cross); where the time is one of the two the phase "
        "follows from it. Contours: 95.4 % for two parameters, where the grid resolves them"
    )
    head = context.head(tables.posterior, words)
    best = max(float(known.max()), float(context.summary.get("ln_likelihood", known.max())))
    n_columns = min(COLUMNS, len(names))
    n_rows = -(-len(names) // n_columns)
    side = min((PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _GAP) / n_columns, 60.0)
    height = min(side, (235.0 - head.height - _BAR) / n_rows - _UNDER)
    figure = new_figure(PAGE_MM, head.height + _BAR + n_rows * (height + _UNDER) + _BELOW)
    head.write(figure)
    excess = np.log10(1 + 2 * np.maximum(best - table["ln_likelihood"], 0.0))
    parts = [excess[(table["x_name"] == x) & (table["y_name"] == y)] for x, y in names]
    norm = Normalize(float(np.nanmin(excess)), max(limits.central_range(part, context.percentile)[1] for part in parts))
    for number, pair in enumerate(names):
        i, j = divmod(number, n_columns)
        left, top = _LEFT + j * (side + _GAP), head.height + _BAR + i * (height + _UNDER)
        ax = add_axes_mm(figure, left, top, side, height)
        rows = (table["x_name"] == pair[0]) & (table["y_name"] == pair[1])
        mappable = _draw_pair(ax, table["x"][rows], table["y"][rows], excess[rows], pair, norm)
        _mark_best(ax, pair, context)
    bar = add_axes_mm(figure, _LEFT, head.height + 7.0, n_columns * (side + _GAP) - _GAP, 2.2)
    bar.set_label(COLOUR_BAR)
    figure.colorbar(mappable, cax=bar, orientation="horizontal", extend="max", extendfrac=0.015).outline.set_linewidth(
        0.4
    )
    bar.xaxis.set_ticks_position("top")
    bar.xaxis.set_label_position("top")
    bar.tick_params(axis="x", which="both", labelsize=TINY_PT + 0.5, pad=0.8, length=1.4)
    bar.set_xlabel(CHI2_LABEL, fontsize=SMALL_PT + 0.5, labelpad=2.5)
    return figure


def _draw_pair(ax: Axes, x: Array, y: Array, excess: Array, pair: tuple[str, str], norm: Normalize) -> ScalarMappable:
    printed = [PARAMETERS[name] for name in pair]
    x, y = printed[0].factor * x, printed[1].factor * y
    nodes = [np.unique(values) for values in (x, y)]
    image = np.full([axis.size for axis in nodes], np.nan)
    image[tuple(np.searchsorted(axis, values) for axis, values in zip(nodes, (x, y), strict=True))] = excess
    edges = []
    for axis in nodes:
        middle = (axis[1:] + axis[:-1]) / 2
        edges.append(np.concatenate([[2 * axis[0] - middle[0]], middle, [2 * axis[-1] - middle[-1]]]))
    mesh = draw_mesh(ax, (edges[0], edges[1]), image, f"{SEQUENTIAL}_r", norm)
    level = np.log10(1 + LEVEL)
    if is_resolved(image < level):
        lines = ax.contour(*nodes, image.T, levels=[level], colors="black", linewidths=0.5, zorder=3)
        lines.set_gid(DECORATION)
    ax.set_xlabel(printed[0].label, labelpad=1.5)
    ax.set_ylabel(printed[1].label, labelpad=1.5)
    ax.tick_params(labelsize=TINY_PT + 0.5)
    return mesh


def is_resolved(inside: NDArray[np.bool_]) -> bool:
    """Return whether the nodes inside a contour are more than a line of them: one has all four neighbours inside too."""
    core = inside[1:-1, 1:-1] & inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:] & inside[1:-1, :-2]
    return bool(core.any() and not inside.all())


def _mark_best(ax: Axes, pair: tuple[str, str], context: Context) -> None:
    records = context.summary["parameters"] | {"time_Gyr": context.summary.get("time_Gyr", {})}
    place = [PARAMETERS[name].factor * records.get(name, {}).get("best", np.nan) for name in pair]
    style = {"color": "white", "markersize": 6, "markeredgewidth": 1.2, "zorder": 7}
    ax.plot(*[[value] for value in place], "x", gid=DECORATION, **style)
    ax.plot(
        *[[value] for value in place], "x", gid=DECORATION, **(style | {"color": "#b5321f", "markeredgewidth": 0.7})
    )
