"""The cut flow of a sample as a flow chart: one box per step, what remains in it, what it removed beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.style import FONT_PT, SMALL_PT, add_axes_mm, figure_style, new_figure
from discatlas.plotting.wrapping import wrap

_MARGIN, _BOX, _ARM, _SIDE, _GAP = 4.0, 100.0, 8.0, 42.0, 5.0  # margins, boxes, side arrows, side texts, gaps [mm]
_PAD, _LINE = 2.4, 3.2  # inside a box, and from line to line [mm]
_TEXT = 68.0  # of a box's width for name and expression; the count has the rest [mm]
_MONO = "DejaVu Sans Mono"
_PAPER = "#8a4b08"  # what a paper had
_FILL, _EDGE, _MUTED = "#f3f1ea", "#3b4a63", "0.35"


@dataclass(frozen=True)
class Step:
    """One box: its lines of text and its counts."""

    name: list[str]
    expression: list[str]
    n_after: int
    n_removed: int
    n_missing: int
    n_published: int | None = None

    @property
    def height(self) -> float:
        """Height of the box [mm]."""
        return max(2 * _PAD + _LINE * (len(self.name) + len(self.expression)), 2 * _PAD + 2.1 * _LINE)


@figure_style()
def draw_cut_flow_figure(rows: Mapping[str, NDArray], title: str = "") -> Figure:
    """Draw the flow chart of a cut flow (columns of contract ``cut_flow``, each of shape (k,), in order of the steps).

    Raises
    ------
    DiscatlasError
        If there is no step.
    """
    steps = read_steps(rows)
    title_lines = wrap(title, _BOX + _ARM + _SIDE - 2, FONT_PT + 2)
    top = _MARGIN + 5.0 * len(title_lines)
    width = 2 * _MARGIN + _BOX + _ARM + _SIDE
    height = top + sum(step.height for step in steps) + _GAP * (len(steps) - 1) + _MARGIN
    figure = new_figure(width, height)
    ax = add_axes_mm(figure, 0, 0, width, height)
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    if title:
        _write(ax, _MARGIN, _MARGIN - 1.0, "\n".join(title_lines), fontsize=FONT_PT + 2, va="top")
    y = top
    for number, step in enumerate(steps):
        if number:
            _arrow(ax, (_MARGIN + _BOX / 2, y - _GAP), (_MARGIN + _BOX / 2, y))
        _draw_box(ax, y, step, steps[0].n_after)
        _draw_side(ax, y + step.height / 2, step, first=number == 0)
        y += step.height + _GAP
    return figure


@figure_style()
def read_steps(rows: Mapping[str, NDArray]) -> list[Step]:
    """Turn the rows of a cut flow into boxes, in the order of the steps, with their texts wrapped to the box."""
    if not len(rows["step"]):
        raise DiscatlasError("cut flow: no steps to draw; make the sample anew with rule clean_sample")
    steps = []
    for i in np.argsort(rows["step"], kind="stable"):
        name = wrap(str(rows["name"][i]), _TEXT, FONT_PT, weight="bold") or ["(no name)"]
        expression = wrap(str(rows["expression"][i]), _TEXT, SMALL_PT, indent="  ", family=_MONO)
        counts = (int(rows[key][i]) for key in ("n_after", "n_removed", "n_missing"))
        published = float(rows["n_published"][i]) if "n_published" in rows else np.nan
        steps.append(Step(name, expression, *counts, int(published) if np.isfinite(published) else None))
    return steps


def _write(ax: Axes, x: float, y: float, text: str, **style: object) -> None:
    ax.text(x, y, text, parse_math=False, **style)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=7, shrinkA=0, shrinkB=0, linewidth=0.7, color=_EDGE
        )
    )


def _draw_box(ax: Axes, y: float, step: Step, n_start: int) -> None:
    ax.add_patch(Rectangle((_MARGIN, y), _BOX, step.height, facecolor=_FILL, edgecolor=_EDGE, linewidth=0.7))
    lines = len(step.name) + len(step.expression)
    first = y + (step.height - _LINE * lines) / 2
    x = _MARGIN + _PAD
    for k, line in enumerate(step.name):
        _write(ax, x, first + _LINE * (k + 0.5), line, fontsize=FONT_PT, fontweight="bold", va="center_baseline")
    for k, line in enumerate(step.expression, len(step.name)):
        _write(ax, x, first + _LINE * (k + 0.5), line, fontsize=SMALL_PT, family=_MONO, va="center_baseline")
    right, middle = _MARGIN + _BOX - _PAD, y + step.height / 2
    _write(
        ax,
        right,
        middle - 0.55 * _LINE,
        f"{step.n_after:,}",
        fontsize=FONT_PT + 1,
        fontweight="bold",
        ha="right",
        va="center_baseline",
    )
    share = f"{100 * step.n_after / n_start:.3g} %" if n_start else "none"
    _write(ax, right, middle + 0.6 * _LINE, share, fontsize=SMALL_PT, color=_MUTED, ha="right", va="center_baseline")


def _draw_side(ax: Axes, y: float, step: Step, first: bool) -> None:
    """Write what the step removed to the right of its box, and what a paper had left.

    The first box is the catalogue, which removes nothing.
    """
    left = _MARGIN + _BOX
    x = left + _ARM + 1.0
    if step.n_published is not None:
        below = y + (0.0 if first else 1.25 if step.n_missing else 1.0) * _LINE
        _write(ax, x, below, f"paper: {step.n_published:,}", fontsize=SMALL_PT, color=_PAPER, va="center_baseline")
    if first and not step.n_removed:
        return
    if not step.n_removed:
        _write(ax, x, y, "none removed", fontsize=SMALL_PT, color=_MUTED, va="center_baseline")
        return
    _arrow(ax, (left, y), (left + _ARM, y))
    offset = 0.5 * _LINE if step.n_missing else 0.0
    _write(ax, x, y - offset, f"{step.n_removed:,} removed", fontsize=FONT_PT, va="center_baseline")
    if step.n_missing:
        how_many = "all" if step.n_missing == step.n_removed else f"{step.n_missing:,}"
        _write(
            ax, x, y + offset, f"{how_many} for missing values", fontsize=SMALL_PT, color=_MUTED, va="center_baseline"
        )
