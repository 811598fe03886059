"""Associations traced back with and without bar and spirals (Khalil et al. 2025, Fig. 12)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.labels import axis_label, with_unit
from discatlas.plotting.overlays import HALO
from discatlas.plotting.panels import LEFT, Head
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
_COLUMNS, _GAP, _ABOVE, _BELOW = 2, 15.0, 6.0, 11.0  # panels beside one another, gaps [mm]
_MAP = 84.0  # height of the overview [mm]
_FORWARD, _BARRED, _AXISYMMETRIC, _BIRTH = "0.6", "black", "#b5321f", "#2f7fb5"


@figure_style()
def draw_trace(
    columns: Mapping[str, NDArray], records: Sequence[Mapping[str, Any]], title: str, duration_Myr: float
) -> Figure:
    """Draw the paths of all associations, and each about its birth: stars at birth, and traced in either potential.

    Parameters
    ----------
    columns : mapping of str to array
        Those of contract ``trace``.
    records : sequence of mappings
        Offset and size of each association (`bar_spirals.trace.describe`).
    title, duration_Myr
        Title of the page, age of the associations.

    Raises
    ------
    DiscatlasError
        For a table without stars.
    """
    if not columns["association"].size:
        raise DiscatlasError("trace: the table has no star: nothing to draw")
    numbers = np.unique(columns["association"])
    head = Head(title, [_note(columns, duration_Myr)])
    size = (PAGE_MM - LEFT - 3.0 - _GAP) / _COLUMNS
    rows = -(-len(numbers) // _COLUMNS)
    figure = new_figure(PAGE_MM, head.height + _ABOVE + _MAP + _BELOW + rows * (_ABOVE + 0.75 * size + _BELOW))
    head.write(figure)
    top = head.height + _ABOVE
    _draw_paths(add_axes_mm(figure, LEFT, top, PAGE_MM - LEFT - 3.0, _MAP), columns, numbers)
    top += _MAP + _BELOW + _ABOVE
    for k, number in enumerate(numbers):
        left, upper = LEFT + (size + _GAP) * (k % _COLUMNS), top + (k // _COLUMNS) * (_ABOVE + 0.75 * size + _BELOW)
        _draw_birth(add_axes_mm(figure, left, upper, size, 0.75 * size), columns, number, records[k])
    return figure


def _note(columns: Mapping[str, NDArray], duration_Myr: float) -> str:
    n = int(columns["star"].max())
    return (
        f"Associations of {n} stars, followed for {duration_Myr:g} Myr in the barred potential and traced back from there. "
        "Grey: paths; blue: births; black: traced back in the barred potential; red: in the axisymmetric one; squares: now"
    )


def _of(columns: Mapping[str, NDArray], number: int, stage: str, row: int | None = None) -> tuple[Array, Array]:
    """Return X and Y of an association in a stage: of all times, shape (n_times, n), or one of them."""
    mine = (columns["association"] == number) & (columns["stage"] == stage)
    n_times = np.unique(columns["t_Gyr"][mine]).size
    X, Y = (columns[name][mine].reshape(n_times, -1) for name in ("X_kpc", "Y_kpc"))
    return (X, Y) if row is None else (X[row], Y[row])


def _draw_paths(ax: Axes, columns: Mapping[str, NDArray], numbers: NDArray) -> None:
    """Draw the mean path of each association and its way back in the axisymmetric potential."""
    ax.set_title("(a) paths", loc="left", pad=3)
    for number in numbers:
        for stage, colour, width in (("forward", _FORWARD, 2.2), ("back_axisymmetric", _AXISYMMETRIC, 0.8)):
            X, Y = (values.mean(axis=1) for values in _of(columns, number, stage))
            ax.plot(X, Y, color=colour, linewidth=width)
        X, Y = (values.mean(axis=1) for values in _of(columns, number, "forward"))
        ax.plot(X[0], Y[0], marker="o", markersize=3.5, color=_BIRTH)
        ax.plot(X[-1], Y[-1], marker="s", markersize=3.5, color="0.3")
        offset = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": SMALL_PT, "path_effects": HALO}
        ax.annotate(f"{number}", (X[0], Y[0]), **offset)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.08)
    ax.set_xlabel(axis_label("X_kpc"))
    ax.set_ylabel(axis_label("Y_kpc"))


def _draw_birth(ax: Axes, columns: Mapping[str, NDArray], number: int, record: Mapping[str, Any]) -> None:
    """Draw the stars about the centre of their birth [pc]."""
    letter = "bcdefghijklmnopqrstuvwxyz"[(number - 1) % 25]
    offset = record["back_axisymmetric"]["offset_pc"]
    ax.set_title(
        f"({letter}) association {number}, $R$ = {record['R_kpc']:.1f} kpc: {offset:.0f} pc off", loc="left", pad=3
    )
    centre = [values.mean() for values in _of(columns, number, "forward", 0)]
    for stage, colour, size in (
        ("forward", _BIRTH, 5.0),
        ("back_barred", _BARRED, 1.6),
        ("back_axisymmetric", _AXISYMMETRIC, 2.0),
    ):
        X, Y = (1e3 * (values - middle) for values, middle in zip(_of(columns, number, stage, 0), centre, strict=True))
        ax.plot(X, Y, linestyle="none", marker="o", markersize=size, markeredgewidth=0, color=colour, alpha=0.8)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.15)
    ax.set_xlabel(with_unit(r"$\Delta X$", "pc"))
    ax.set_ylabel(with_unit(r"$\Delta Y$", "pc"))
