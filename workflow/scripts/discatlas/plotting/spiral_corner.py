"""The posterior of a spiral fit: marginal distributions of each parameter and of each pair (package corner)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.corner_panels import Frame, draw_panels
from discatlas.plotting.labels import COUNT
from discatlas.plotting.spiral_context import Columns, Context, Tables
from discatlas.plotting.spiral_labels import PARAMETERS, rounded, unwrap_deg
from discatlas.plotting.style import PAGE_MM, SMALL_PT, TINY_PT, figure_style, new_figure

_LEFT, _RIGHT, _BELOW, _GAP = 16.0, 6.0, 14.0, 1.5  # [mm]
_COLOUR, _REFERENCE, _BEST = "#14397a", "#0b6b3a", "#b5321f"


def drawn_parameters(posterior: Columns, context: Context) -> dict[str, NDArray[np.float64]]:
    """Return the draws of each parameter in its printed unit: those that vary, the time instead of the phase if sampled."""
    phase = "time_Gyr" if context.settings.get("parametrisation") == "time" else "phase_deg"
    skipped = {"contrast", "time_Gyr", "phase_deg"} - {phase}
    draws = {}
    for name, printed in PARAMETERS.items():
        if name in skipped or name not in posterior:
            continue
        values = unwrap_deg(posterior[name]) if name == "phase_deg" else posterior[name]
        if np.ptp(values) > 1e-9 * max(abs(float(np.mean(values))), 1e-300):
            draws[name] = printed.factor * values
    return draws


@figure_style()
def draw_corner_page(tables: Tables, context: Context) -> Figure:
    """Draw the corner plot, with the most likely spiral and, if there are any, reference values."""
    draws = drawn_parameters(tables.posterior, context)
    if len(draws) < 2:
        raise DiscatlasError(f"{context.where}: {len(draws)} parameters vary, expected 2 or more: no corner to draw")
    for name in context.references:
        if name not in PARAMETERS:
            raise DiscatlasError(
                f"{context.where}: references: unknown parameter {name!r}{nearest(name, PARAMETERS)}; expected {', '.join(PARAMETERS)}"
            )
    words = (
        f"{tables.posterior['pitch_deg'].size:,} draws; contours hold 39 and 86 % of them (one and two sigma in two "
        "dimensions), dashed lines the central 68 %; titles: median and that interval. Phase at the pivot radius "
        f"{context.summary['pivot_kpc']:.2f} kpc"
    )
    head = context.head(tables.posterior, words)
    side = PAGE_MM - _LEFT - _RIGHT
    top = head.height + 5.0
    figure = new_figure(PAGE_MM, top + side + _BELOW)
    head.write(figure)
    panel = draw_panels(figure, draws, Frame(_LEFT, _RIGHT, top, _BELOW, _GAP), _COLOUR, 4, (0.9, 0.7))
    _finish(figure, draws, context, panel)
    return figure


def _finish(figure: Figure, draws: dict[str, NDArray[np.float64]], context: Context, side_mm: float) -> None:
    """Label the outer panels, mark best and reference values, and take away the empty half."""
    names, n = list(draws), len(draws)
    axes = np.array(figure.axes[: n * n]).reshape(n, n)
    records = context.summary["parameters"]
    best = {name: PARAMETERS[name].factor * records[name]["best"] for name in names if name in records}
    best |= {"phase_deg": _near(best["phase_deg"], draws["phase_deg"])} if "phase_deg" in draws else {}
    marks = {name: PARAMETERS[name].factor * value for name, value in context.references.items() if name in draws}
    for i in range(n):
        for j in range(n):
            ax = axes[i, j]
            if j > i:
                figure.delaxes(ax)
                continue
            _label(ax, names, i, j, side_mm)
            for artist in ax.collections:
                if isinstance(artist, ContourSet):
                    artist.set_gid(DECORATION)
            if i == j:
                lo, middle, hi = np.percentile(draws[names[i]], [15.87, 50.0, 84.13])
                ax.set_title(f"${PARAMETERS[names[i]].symbol}$ = {rounded(middle, lo, hi)}", fontsize=SMALL_PT, pad=3)
                for end in (lo, hi):
                    ax.axvline(end, color=_COLOUR, linestyle=(0, (4, 2)), linewidth=0.6)
            for values, colour in ((best, _BEST), (marks, _REFERENCE)):
                _mark(ax, values, names, i, j, colour, "-" if values is best else (0, (4, 2)))
    handles = [Line2D([], [], color=_BEST, linewidth=0.8, label="most likely spiral")]
    if marks:
        handles.append(Line2D([], [], color=_REFERENCE, linestyle=(0, (4, 2)), linewidth=0.8, label="reference values"))
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.97, axes[0, 0].get_position().y1 - 0.02))


def _near(value: float, phases: NDArray[np.float64]) -> float:
    middle = float(np.median(phases))
    return middle + (value - middle + 180.0) % 360.0 - 180.0


def _label(ax: Axes, names: list[str], i: int, j: int, side_mm: float) -> None:
    ax.tick_params(labelsize=TINY_PT, labelbottom=i == len(names) - 1, labelleft=j == 0 and i > 0, length=2, pad=1.5)
    ax.tick_params(which="minor", length=0)
    ax.set_xlabel(PARAMETERS[names[j]].label if i == len(names) - 1 else "", fontsize=SMALL_PT)
    ax.set_ylabel(PARAMETERS[names[i]].label if j == 0 and i > 0 else "", fontsize=SMALL_PT)
    for axis, at in ((ax.xaxis, (0.5, -8.5 / side_mm)), (ax.yaxis, (-10.0 / side_mm, 0.5))):
        axis.set_label_coords(*at)
    if i == j:
        ax.yaxis.set_label_position("right")
        ax.set_ylabel(f"{COUNT} draws", fontsize=TINY_PT, labelpad=2)
        ax.yaxis.set_label_coords(1 + 1.6 / side_mm, 0.5)


def _mark(ax: Axes, values: dict[str, float], names: list[str], i: int, j: int, colour: str, line: object) -> None:
    style = {"color": colour, "linestyle": line, "linewidth": 0.7, "zorder": 6}
    if names[j] in values:
        ax.axvline(values[names[j]], **style)
    if i != j and names[i] in values:
        ax.axhline(values[names[i]], **style)
