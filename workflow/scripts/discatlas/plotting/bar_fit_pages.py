"""Pages of a fit of spiral modes beside the map: the evolution generation by generation, and the points and parameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import unit_label
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import write_corner
from discatlas.plotting.spiral_labels import MINUS
from discatlas.plotting.style import PAGE_MM, SMALL_PT, TINY_PT, add_axes_mm, figure_style, new_figure

Columns = Mapping[str, NDArray]
OBJECTIVE_LABEL = "objective"
GENERATION_LABEL = "generation [number]"
GROUPS = {"all": "rms, all cells", "outside": "rms, away from points", "beyond_bar": "rms, beyond corotation"}
BROKEN = 1e6  # objective of members that break a constraint
SYMBOLS = {"amplitude": "A", "pitch": "p", "phase": r"\varphi", "Omega": r"\Omega"}
UNITS = {"percent": "%"}
DIGITS = {"percent": 3, "deg": 1, "km / (s kpc)": 2}
_BEST, _MEMBERS, _OTHER = "#b5321f", "0.55", "#14397a"
_LEFT, _RIGHT, _GAP, _BELOW = 13.0, 3.0, 12.0, 10.0  # [mm]


def parameter_symbol(name: str) -> str:
    """Return the TeX symbol of a parameter, with dollars."""
    kind, index = name.split("_")[:2]
    if kind == "bar":
        return r"$f_\mathrm{bar}$"
    return rf"${SYMBOLS[kind]}_\mathrm{{{index if index.isdigit() else 'b'}}}$"


def _unit(name: str) -> str:
    """Return the unit of a parameter as printed, in brackets; the bar's factor has none."""
    unit = {"amplitude": "%", "pitch": "deg", "phase": "deg", "Omega": unit_label("km / (s kpc)")}.get(
        name.split("_", maxsplit=1)[0]
    )
    return f" [{unit}]" if unit else " [1]"


@figure_style()
def draw_convergence_page(generations: Columns, summary: Mapping[str, Any], title: str, line: str) -> Figure:
    """Draw objective, spread and parameters of all members against the generation."""
    evolution, names = summary["evolution"], list(summary["parameters"])
    state = "converged" if evolution["converged"] else "not converged"
    words = (
        f"{evolution['n_generations']} generations of {evolution['n_members']} members, {evolution['n_evaluations']:,} evaluations; spread at the "
        f"end {100 * evolution['spread']:.1f} % of the mean ({state}). Dots: members; red: the best one; dashed: after the gradient "
        "descent; dotted: v_R = 0 (grey), compared model (blue). Members that break a constraint are left out"
    )
    head = Head(title, [line, words])
    n_columns, height = 4, 36.0
    n_rows = -(-len(names) // n_columns)
    width = (PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _GAP) / n_columns
    top = head.height + 2.0
    figure = new_figure(PAGE_MM, top + 46.0 + 9.0 + n_rows * (height + 9.0))
    head.write(figure)
    half = (PAGE_MM - _LEFT - _RIGHT - _GAP) / 2
    _draw_objective(add_axes_mm(figure, _LEFT, top, half, 46.0), generations, summary)
    _draw_spread(add_axes_mm(figure, _LEFT + half + _GAP, top, half, 46.0), generations, summary)
    for k, name in enumerate(names):
        row, column = divmod(k, n_columns)
        left, above = _LEFT + column * (width + _GAP), top + 55.0 + row * (height + 9.0)
        ax = add_axes_mm(figure, left, above, width, height)
        _draw_parameter(ax, generations, summary["parameters"][name], name)
        write_corner(ax, f"({'cdefghijklmn'[k]})")
    return figure


def _finish(ax: Axes, generation: NDArray, label: str) -> None:
    margin = 0.03 * max(float(np.max(generation)), 1.0)
    ax.set_xlim(-margin, np.max(generation) + margin)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(GENERATION_LABEL, labelpad=1.5)
    ax.set_ylabel(label, labelpad=2)


def _draw_objective(ax: Axes, generations: Columns, summary: Mapping[str, Any]) -> None:
    generation, values = generations["generation"], generations["objective"]
    good, best = values < BROKEN, generations["member"] == 0
    ax.plot(generation[good], values[good], ".", color=_MEMBERS, markersize=2.2, markeredgewidth=0, rasterized=True)
    ax.plot(generation[best], values[best], color=_BEST)
    objective = summary["objective"]
    for name, colour, dashes in (
        ("zero", "0.3", (0, (1, 1.5))),
        ("compared", _OTHER, (0, (1, 1.5))),
        ("best", _BEST, (0, (4, 2))),
    ):
        if name in objective:
            ax.axhline(objective[name]["unbiased"], color=colour, linestyle=dashes, linewidth=0.9)
    ax.set_yscale("log")
    ends = [part["unbiased"] for part in objective.values()] + [
        float(np.quantile(values[good], q)) for q in (0.0, 0.99)
    ]
    ax.set_ylim(0.85 * min(ends), 1.3 * max(ends))
    _plain_decades(ax)
    _finish(ax, generation, OBJECTIVE_LABEL)
    write_corner(ax, "(a)")


def _plain_decades(ax: Axes) -> None:
    """Label a logarithmic axis in plain numbers, with 2 and 5 between the decades."""
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")


def _draw_spread(ax: Axes, generations: Columns, summary: Mapping[str, Any]) -> None:
    numbers = np.unique(generations["generation"])
    groups = [generations["objective"][generations["generation"] == number] for number in numbers]
    spread = np.array([100 * np.std(values) / np.abs(np.mean(values)) for values in groups])
    ax.plot(numbers, spread, ".-", color=_BEST, markersize=3.0)
    ax.axhline(100 * summary["settings"]["tolerance"], color="0.3", linestyle=(0, (4, 2)), linewidth=0.8)
    ax.set_yscale("log")
    _plain_decades(ax)
    _finish(ax, numbers, "spread / mean of the objective [%]")
    write_corner(ax, "(b)")


def _draw_parameter(ax: Axes, generations: Columns, part: Mapping[str, Any], name: str) -> None:
    generation, values = generations["generation"], generations[name]
    good, best = generations["objective"] < BROKEN, generations["member"] == 0
    ax.plot(generation[good], values[good], ".", color=_MEMBERS, markersize=2.0, markeredgewidth=0, rasterized=True)
    ax.plot(generation[best], values[best], color=_BEST)
    ax.axhline(part["best"], color=_BEST, linestyle=(0, (4, 2)), linewidth=0.8)
    if part["compared"] is not None:
        ax.axhline(part["compared"], color=_OTHER, linestyle=(0, (1, 1.5)), linewidth=0.9)
    low, high = part["bounds"]
    ax.set_ylim(low - 0.03 * (high - low), high + 0.16 * (high - low))  # room for the letter
    _finish(ax, generation, parameter_symbol(name) + _unit(name))


@figure_style()
def draw_parameters_page(summary: Mapping[str, Any], title: str, line: str) -> Figure:
    """Draw data and models at the points, and a table of the parameters."""
    words = (
        "Points in order of weight: bars are their sigma; the last ones only guide the fit (their bars are cut). Below: best "
        "parameters, those before the gradient descent, and the compared model's; A: amplitude of the potential at R0 in per cent "
        "of the axisymmetric one; contrast: of surface density at the Sun; chi-square by unbiased medians, and by the published ones in brackets"
    )
    head = Head(title, [line, words])
    rows = _table(summary)
    top, height, pitch = head.height + 2.0, 52.0, 4.2
    figure = new_figure(PAGE_MM, top + height + 14.0 + pitch * (len(rows) + 1) + 4.0)
    head.write(figure)
    _draw_points(add_axes_mm(figure, _LEFT, top, PAGE_MM - _LEFT - _RIGHT, height), summary["points"])
    _write_rows(figure, rows, top + height + 14.0, pitch)
    return figure


def _draw_points(ax: Axes, points: list[Mapping[str, float]]) -> None:
    order = np.argsort([point["sigma_kms"] for point in points], kind="stable")
    place = np.arange(order.size)
    columns = {name: np.array([points[k][name] for k in order]) for name in points[0]}
    known = [columns[name] for name in ("v_R_kms", "best_kms", "compared_kms") if name in columns]
    reach = 1.25 * max(float(np.abs(values).max()) for values in known) + 1.0
    bars = np.minimum(columns["sigma_kms"], 3 * reach)
    ax.axhline(0.0, color="0.6", linewidth=0.6, gid=DECORATION)
    dots = {"fmt": "o", "markersize": 4.0, "elinewidth": 0.9, "color": "black", "label": "data"}
    ax.errorbar(place, columns["v_R_kms"], yerr=bars, **dots)
    ax.plot(place - 0.12, columns["best_kms"], "D", color=_BEST, markersize=4.0, label="fit")
    if "compared_kms" in columns:
        ax.plot(place + 0.12, columns["compared_kms"], "s", color=_OTHER, markersize=3.6, label="compared model")
    names = [f"{points[k]['x_kpc']:g}\n{points[k]['y_kpc']:g}".replace("-", MINUS) for k in order]
    ax.set_xticks(place, names, fontsize=TINY_PT + 0.5)
    ax.xaxis.set_tick_params(which="minor", bottom=False, top=False)
    ax.set_xlim(-0.7, order.size - 0.3)
    ax.set_ylim(-reach, reach)
    ax.set_xlabel("point: x above y [kpc]", labelpad=2)
    ax.set_ylabel(rf"median $v_R$ [{unit_label('km / s')}]", labelpad=2)
    ax.legend(loc="lower right", ncols=3, frameon=True, framealpha=0.9, edgecolor="none")


def _table(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the table, the head first."""
    rows = [["", "unit", "bounds", "fit", "before descent", "compared"]]
    for name, part in summary["parameters"].items():
        digits = DIGITS.get(part["unit"], 3)
        low, high = part["bounds"]
        texts = [_number(part[which], digits) for which in ("best", "before_polish", "compared")]
        unit = UNITS.get(part["unit"], unit_label(part["unit"]) if part["unit"] else "")
        rows.append([parameter_symbol(name), unit, f"{low:g} to {high:g}", *texts])
    for name, ratios in summary["model"]["contrasts"].items():
        m = name.removeprefix("spiral_m")
        rows.append([f"contrast, m = {m}", "%", "", _number(100 * ratios["winding"], 1), "", ""])
        low, high = summary["model"]["cut_offs_kpc"][name]["used"]
        limits = f"{low:.2f} to {high:.2f}" if high is not None else f"from {low:.2f}"
        rows.append([f"range of R, m = {m}", "kpc", "", limits, "", ""])
    objective, rms = summary["objective"], summary["rms"]
    pairs = [objective.get(name) for name in ("best", "before_polish", "compared")]
    texts = ["" if part is None else f"{part['unbiased']:.2f} ({part['khalil2025']:.2f})" for part in pairs]
    rows.append(["objective", "", "", *texts])
    for which, text in GROUPS.items():
        values = [rms[f"{which}_kms"].get(name) for name in ("best", "before_polish", "compared")]
        rows.append([text, unit_label("km / s"), "", *(_number(value, 2) for value in values)])
    return rows


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def _write_rows(figure: Figure, rows: list[list[str]], top: float, pitch: float) -> None:
    """Write the table with a line below its head."""
    _, full = figure.get_size_inches() * 25.4
    lefts = (_LEFT, 60.0, 84.0, 112.0, 136.0, 160.0)
    for i, row in enumerate(rows):
        y = 1 - (top + pitch * (i + 0.75)) / full
        for left, text in zip(lefts, row, strict=True):
            if text:
                weight = "bold" if i == 0 else "normal"
                figure.text(left / PAGE_MM, y, text, ha="left", va="baseline", fontsize=SMALL_PT + 0.5, weight=weight)
