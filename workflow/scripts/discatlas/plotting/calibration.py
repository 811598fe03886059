"""The coverage of every estimator's intervals on one page: rows in columns, each with its 99.7 % interval.

Everything is drawn in millimetres on one pair of axes, as a table is set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from string import ascii_lowercase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.labels import SYMBOLS
from discatlas.plotting.style import FONT_PT, TINY_PT, add_axes_mm, figure_style, new_figure
from discatlas.plotting.wrapping import width_mm, wrap

NOMINAL_PERCENT = 68.27
LOW, HIGH = 52.0, 84.0  # of the drawn coverages [%]; values beyond stand at the edge as arrows
TICKS = (55, 60, 65, 70, 75, 80)
CONTINUED = " (cont.)"
N_COLUMNS, MAX_LINES, LEAST_ROWS = 5, 62, 4
_MARGIN, _COLUMN, _LABEL, _BAR = 5.0, 57.0, 24.0, 22.5  # [mm]: page margins; a column, its labels, its scale
_HINTED = 0.85  # small bold letters come out wider than their outlines on a screen
_PITCH, _TITLE, _SCALE, _NOTE = 2.45, 6.5, 4.0, 2.5  # [mm]: of rows; heights of title and of a scale; of notes
_ROW_PT, _NOTE_PT = TINY_PT, 6.0
_PASS, _FAIL, _BAND, _MUTED = "#14397a", "#b5321f", "#f3f1ea", "0.4"
# of a velocity field's coefficients and of curves; the rest is in `labels.SYMBOLS` or stands as it is
CURVES = {
    "v_mean": "mean of cells",
    "v_axisymmetric": "$R(A-B)$",
    "v_nonaxisymmetric": r"$R(A-B)+\partial v_R/\partial\varphi$",
    "v_second_order": r"$v_\varphi$, second order",
    "v_stars": r"$v_\varphi$ of stars",
    "v_c": r"$v_c$",
    "sigma_v_R": r"$\sigma_R$",
    "sigma_v_phi": r"$\sigma_\varphi$",
}


@dataclass(frozen=True)
class Line:
    """One line of the page: a heading of level 1 or 2, or a row of the table (level 0) by its number."""

    level: int
    text: str
    row: int = -1


def quantity_label(name: str) -> str:
    r"""Return a quantity as it is printed: ``v_phi_RR`` gives ``$v_{\varphi,RR}$``, a derivative; words stay."""
    if name in CURVES:
        return CURVES[name]
    if name in SYMBOLS or (len(name) == 1 and name.isupper()):
        return f"${SYMBOLS.get(name, name)}$"
    for component in ("v_R", "v_phi", "v_Z"):
        if name.endswith(f" {component}"):
            return f"{name.removesuffix(component)}${SYMBOLS[component]}$"
        if name.startswith(f"{component}_"):
            term = name.removeprefix(f"{component}_").replace("phi", r"\varphi ")
            base, index = SYMBOLS[component].split("_")
            return f"${SYMBOLS[component]}$" if term == "0" else rf"${base}_{{{index},{term}}}$"
    for tensor, sign in (("deformation", "+"), ("rotation", "-")):
        if name.startswith(f"{tensor}_"):
            return f"$M^{sign}_{{{name.removeprefix(tensor)[1:]}}}$"
    return name


def arrange(rows: Mapping[str, NDArray]) -> list[Line]:
    """Return the lines of the page: estimators, below each its cases with the quantities, or the other way round.

    The shorter list gives the headings. Estimators stand in the order of their first row.
    """
    lines = []
    for estimator in dict.fromkeys(rows["estimator"]):
        lines.append(Line(1, str(estimator)))
        mine = np.flatnonzero(rows["estimator"] == estimator)
        n_cases, n_quantities = (len(set(rows[key][mine])) for key in ("case", "quantity"))
        upper, lower = ("quantity", "case") if n_quantities < n_cases else ("case", "quantity")
        for heading in dict.fromkeys(rows[upper][mine]):
            lines.append(Line(2, _label(upper, heading)))
            for row in mine[rows[upper][mine] == heading]:
                lines.append(Line(0, _label(lower, rows[lower][row]), int(row)))
    return lines


def _label(kind: str, text: str) -> str:
    return quantity_label(str(text)) if kind == "quantity" else str(text)


def break_columns(lines: Sequence[Line], max_lines: int) -> list[list[Line]]:
    """Return the lines in columns of at most `max_lines`; headings keep some of their rows, and are repeated."""
    columns: list[list[Line]] = [[]]
    heads: dict[int, Line] = {}
    for k, line in enumerate(lines):
        needed = _kept_together(lines[k:])
        if len(columns[-1]) + needed > max_lines:
            columns.append([Line(n, f"{heads[n].text}{CONTINUED}") for n in (1, 2) if n in heads and _goes_on(line, n)])
        heads = {n: head for n, head in heads.items() if _goes_on(line, n)} | ({line.level: line} if line.level else {})
        columns[-1].append(line)
    return columns


def _kept_together(lines: Sequence[Line]) -> int:
    """Return the number of lines from the first one on that a column must hold: a heading with its first rows."""
    head = next((n for n, line in enumerate(lines) if line.level == 0), 0)
    return max(head, 1) + sum(1 for line in lines[head : head + LEAST_ROWS] if head and line.level == 0)


def _goes_on(line: Line, level: int) -> bool:
    """Whether a heading of that level still holds on a line."""
    return line.level == 0 or line.level > level


@figure_style()
def draw_calibration_figure(rows: Mapping[str, NDArray]) -> Figure:
    """Draw the coverages of a table (contract ``calibration``), failures in red with a letter for each reason.

    Raises
    ------
    DiscatlasError
        If there is no row.
    """
    if not len(rows["estimator"]):
        raise DiscatlasError("calibration: no rows to draw; make the table anew with rule check_calibration")
    lines = arrange(rows)
    least = max(MAX_LINES, -(-len(lines) // N_COLUMNS))
    columns = next(c for n in count(least) if len(c := break_columns(lines, n)) <= N_COLUMNS)
    letters, notes = _notes(rows, len(columns))
    height = max(len(column) for column in columns) * _PITCH
    width = 2 * _MARGIN + max(len(columns) * _COLUMN, 2 * _COLUMN)
    head = wrap(_head(rows), width - 3 * _MARGIN, _NOTE_PT)
    top = _TITLE + _NOTE * len(head) + 1.5 * _SCALE
    below = top + height + 1.5 * _SCALE
    page = below + _NOTE * max(len(note) for note in notes) + _MARGIN
    figure = new_figure(width, page)
    ax = add_axes_mm(figure, 0, 0, width, page)
    ax.set_xlim(0, width)
    ax.set_ylim(page, 0)
    ax.set_axis_off()
    _write(ax, _MARGIN, 4.0, "Calibration: coverage of the 68 % intervals", fontsize=FONT_PT + 2)
    for k, text in enumerate(head):
        _write(ax, _MARGIN, _TITLE + _NOTE * (k + 0.5), text, fontsize=_NOTE_PT, color="0.25")
    for number, column in enumerate(columns):
        _draw_column(ax, rows, column, (_MARGIN + number * _COLUMN, top), letters)
    for number, note in enumerate(notes):
        for k, text in enumerate(note):
            _write(ax, _MARGIN + number * _COLUMN, below + _NOTE * (k + 0.5), text, fontsize=_NOTE_PT)
    return figure


def _write(ax: Axes, x: float, y: float, text: str, **style: object) -> None:
    ax.text(x, y, text, va="center_baseline", **style)


def _head(rows: Mapping[str, NDArray]) -> str:
    n_rows, n_failed = len(rows["verdict"]), int((rows["verdict"] == "fail").sum())
    counts = sorted({int(n) for n in rows["n_intervals"]})
    number = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return (
        f"{n_rows} rows of {number} independent intervals each: {n_rows - n_failed} pass, {n_failed} fail. Points: share of "
        f"the intervals that contain the truth; bars: its 99.7 % interval (Clopper & Pearson); line: {NOMINAL_PERCENT} %. A row "
        f"fails where the bar misses the line; with right errors {0.003 * n_rows:.1f} of {n_rows} rows would. Red: failures, "
        "with their coverage in per cent and a letter for the reason below; arrows: beyond the scale."
    )


def _notes(rows: Mapping[str, NDArray], n_columns: int) -> tuple[dict[str, str], list[list[str]]]:
    """Return a letter for each reason of a failure, and the reasons as lines of text in columns."""
    reasons = list(dict.fromkeys(str(r) for r, v in zip(rows["remark"], rows["verdict"], strict=True) if v == "fail"))
    names = [*ascii_lowercase, *(a + b for a in ascii_lowercase for b in ascii_lowercase)]
    letters = dict(zip(reasons, names, strict=False))
    blocks = [wrap(f"({letters[r]}) {r}", _COLUMN - 4.0, _NOTE_PT, indent="     ") for r in reasons]
    share = -(-sum(len(block) for block in blocks) // n_columns)
    notes: list[list[str]] = [[]]
    for block in blocks:
        if len(notes[-1]) + len(block) / 2 > share and len(notes) < n_columns:
            notes.append([])
        notes[-1] += block
    return letters, notes


def _place(percent: float, left: float) -> float:
    """Return where a coverage stands [mm]."""
    return left + _LABEL + _BAR * (min(max(percent, LOW), HIGH) - LOW) / (HIGH - LOW)


def _draw_column(
    ax: Axes, rows: Mapping[str, NDArray], column: list[Line], corner: tuple[float, float], letters: Mapping[str, str]
) -> None:
    left, top = corner
    _draw_scale(ax, left, top - 0.4 * _SCALE)
    _draw_scale(ax, left, top + _PITCH * len(column) + 0.4 * _SCALE)
    _write(ax, left + _LABEL + _BAR / 2, top - _SCALE, "coverage [%]", fontsize=_ROW_PT, ha="center", color=_MUTED)
    for k, line in enumerate(column):
        y = top + _PITCH * (k + 0.5)
        if line.level:
            weight, indent = ("bold", 0.0) if line.level == 1 else ("normal", 1.2)
            style = {} if line.level == 1 else {"style": "italic"}
            size = _ROW_PT + 0.5 * (line.level == 1)
            _write(
                ax,
                left + indent,
                y,
                _fitted(line.text, indent, size, weight),
                fontsize=size,
                fontweight=weight,
                **style,
            )
            continue
        ax.add_patch(
            Rectangle((left + _LABEL, y - _PITCH / 2), _BAR, _PITCH, facecolor=_BAND, edgecolor="none", zorder=0)
        )
        x = _place(NOMINAL_PERCENT, left)
        ax.plot([x, x], [y - _PITCH / 2, y + _PITCH / 2], color="0.55", linewidth=0.6, zorder=1)
        _write(ax, left + 2.4, y, line.text, fontsize=_ROW_PT)
        _draw_row(ax, {key: values[line.row] for key, values in rows.items()}, left, y, letters)


def _fitted(text: str, indent: float, size: float, weight: str) -> str:
    """Return a heading cut where the column ends; that it goes on is said all the same."""
    limit, end = _HINTED * (_COLUMN - indent - 1.0), CONTINUED if text.endswith(CONTINUED) else ""
    if width_mm(text, size, weight=weight) <= limit:
        return text
    body = text.removesuffix(CONTINUED)
    while body and width_mm(f"{body}…{end}", size, weight=weight) > limit:
        body = body[:-1].rstrip(" ,")
    return f"{body}…{end}"


def _draw_scale(ax: Axes, left: float, y: float) -> None:
    for tick in TICKS:
        _write(ax, _place(tick, left), y, f"{tick}", fontsize=_ROW_PT - 0.5, ha="center", color=_MUTED)


def _draw_row(ax: Axes, row: Mapping[str, object], left: float, y: float, letters: Mapping[str, str]) -> None:
    is_failed = row["verdict"] == "fail"
    colour = _FAIL if is_failed else _PASS
    centre, low, high = (100.0 * float(row[key]) for key in ("coverage", "coverage_lo", "coverage_hi"))
    ax.plot([_place(low, left), _place(high, left)], [y, y], color=colour, linewidth=0.9, zorder=2)
    marker = "<" if centre < LOW else ">" if centre > HIGH else "o"
    ax.plot([_place(centre, left)], [y], marker, color=colour, markersize=2.2, markeredgewidth=0, zorder=3)
    if is_failed:
        text = f"{centre:.1f}  {letters[str(row['remark'])]}"
        _write(ax, left + _LABEL + _BAR + 1.0, y, text, fontsize=_ROW_PT, color=_FAIL)
