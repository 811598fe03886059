"""Pages of a posterior of spiral modes beside corner plot and map: its emulator, degeneracies and variants."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.plotting import limits, top_bars
from discatlas.plotting.bar_fit_pages import parameter_symbol
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import COUNT, unit_label, with_unit
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import write_corner
from discatlas.plotting.spiral_labels import number
from discatlas.plotting.style import (
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
)

Columns = Mapping[str, NDArray]
CORRELATION_LABEL = "correlation coefficient"
ROUND_LABEL = f"{COUNT} the round"
VARIANT_LABEL = "posterior"
LABELS_WITHOUT_UNIT = (CORRELATION_LABEL, VARIANT_LABEL)
UNITS = {"amplitude": "%", "pitch": "deg", "phase": "deg", "Omega": unit_label("km / (s kpc)")}
_MAIN, _OTHER, _REFERENCE = "#b5321f", "#14397a", "#0b6b3a"
_LEFT, _RIGHT, _BELOW = 15.0, 4.0, 10.0  # [mm]
BINS = 40


def parameter_label(name: str) -> str:
    """Return the axis label of a parameter, with its unit; a pure number has [1]."""
    return f"{parameter_symbol(name)} [{UNITS.get(name.split('_', maxsplit=1)[0], '1')}]"


@figure_style()
def draw_emulator_page(validation: Columns, summary: Mapping[str, Any], head: Head) -> Figure:
    """Draw the emulator's error round by round, at draws it has not seen, by node, and full less quick evaluation."""
    width, height, gap = 70.0, 52.0, 17.0
    figure = new_figure(PAGE_MM, head.height + 2 * (height + 13.0) + 4.0)
    head.write(figure)
    axes = [
        add_axes_mm(figure, _LEFT + column * (width + gap), head.height + 3.0 + row * (height + 13.0), width, height)
        for row in range(2)
        for column in range(2)
    ]
    _draw_rounds(axes[0], summary)
    _draw_against(axes[1], validation)
    error = validation["coarse_kms"] - validation["emulated_kms"]
    known = np.isfinite(validation["full_kms"])
    bias = (validation["full_kms"] - validation["coarse_kms"])[known]
    _draw_histogram(axes[2], error, with_unit("evaluated less emulated", "km / s"))
    _draw_histogram(axes[3], bias, with_unit("full less quick evaluation", "km / s"))
    for ax, letter in zip(axes, "abcd", strict=True):
        write_corner(ax, f"({letter})")
    return figure


def _draw_rounds(ax: Axes, summary: Mapping[str, Any]) -> None:
    rounds = summary["rounds"]
    at = [record["round"] for record in rounds]
    ax.plot(at, [record["rms_kms"] for record in rounds], "o-", color=_MAIN, markersize=3, label="posterior")
    flatter = [(record["round"], record["rms_flatter_kms"]) for record in rounds if record.get("rms_flatter_kms")]
    if flatter:
        ax.plot(*zip(*flatter, strict=True), "s--", color=_OTHER, markersize=2.5, label="flatter posterior")
    ax.axhline(summary["settings"]["target_rms_kms"], color="0.5", linestyle=(0, (1, 1.5)), linewidth=0.8)
    ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlim(min(at) - 0.4, max(at) + 0.4)
    ax.set_xlabel(ROUND_LABEL, labelpad=1.5)
    ax.set_ylabel(with_unit("rms error of the emulator", "km / s"), labelpad=2)
    ax.legend(loc="upper right")


def _draw_against(ax: Axes, validation: Columns) -> None:
    x, y = validation["coarse_kms"], validation["emulated_kms"]
    both = np.concatenate([x, y])
    margin = 0.04 * np.ptp(both) or 1.0
    ends = float(both.min() - margin), float(both.max() + margin)
    counts, *edges = np.histogram2d(x, y, bins=BINS, range=[ends, ends])
    mesh = ax.pcolormesh(
        *edges, np.ma.masked_equal(counts, 0).T, cmap=SEQUENTIAL, norm=limits.count_norm(counts), rasterized=True
    )
    mesh.set_gid(DECORATION)
    ax.plot(ends, ends, color="black", linewidth=0.5, linestyle=(0, (4, 2)))
    ax.set_xlim(ends)
    ax.set_ylim(ends)
    ax.set_xlabel(with_unit("evaluated median $v_R$", "km / s"), labelpad=1.5)
    ax.set_ylabel(with_unit("emulated median $v_R$", "km / s"), labelpad=2)


def _draw_histogram(ax: Axes, values: NDArray, label: str) -> None:
    edge = float(np.percentile(np.abs(values), 99.5)) * 1.1 or 1.0
    ax.hist(
        np.clip(values, -edge, edge), bins=BINS, range=(-edge, edge), histtype="stepfilled", color=_OTHER, alpha=0.6
    )
    ax.axvline(0.0, color="black", linewidth=0.5)
    ax.set_xlim(-edge, edge)
    ax.set_xlabel(label, labelpad=1.5)
    ax.set_ylabel(f"{COUNT} nodes and draws", labelpad=2)
    words = f"mean {number(float(values.mean()), 3)}, rms {np.sqrt(np.mean(values**2)):.3f}"
    ax.text(0.97, 0.95, words, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL_PT)


@figure_style()
def draw_degeneracies_page(summary: Mapping[str, Any], head: Head) -> Figure:
    """Draw the matrix of correlations, with their values."""
    names = list(summary["parameters"])
    n = len(names)
    matrix = np.eye(n)
    for pair in summary["degeneracies"]:
        i, j = names.index(pair["x"]), names.index(pair["y"])
        matrix[i, j] = matrix[j, i] = pair["correlation"]
    side = min(16.0 * n, PAGE_MM - 2 * _LEFT - 22.0)
    figure = new_figure(PAGE_MM, head.height + top_bars.OVER_PANEL + side + 14.0)
    head.write(figure)
    ax, bar = top_bars.add_panel(figure, _LEFT + 20.0, head.height, side, side)
    edges = np.arange(n + 1) - 0.5
    mesh = ax.pcolormesh(edges, edges, matrix, cmap=diverging_map(), norm=Normalize(-1, 1))
    top_bars.draw_top_bar(bar, mesh, CORRELATION_LABEL)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(edges[-1], edges[0])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(np.arange(n), [parameter_label(name) for name in names], fontsize=TINY_PT)
        axis.set_tick_params(which="both", length=0)
        axis.minorticks_off()
    for label in ax.get_xticklabels():
        label.set_rotation(30)
        label.set_ha("right")
    ax.set_xlabel("parameter [its unit]", fontsize=SMALL_PT, labelpad=1)
    ax.set_ylabel("parameter [its unit]", fontsize=SMALL_PT, labelpad=4)
    for i in range(n):
        for j in range(n):
            if i != j:
                colour = "white" if abs(matrix[i, j]) > 0.6 else "black"
                ax.text(j, i, number(matrix[i, j], 2), ha="center", va="center", fontsize=SMALL_PT, color=colour)
    return figure


@figure_style()
def draw_variants_page(summary: Mapping[str, Any], references: Mapping[str, float | None], head: Head) -> Figure:
    """Draw the intervals of each parameter in the posterior and in its variants."""
    names = list(summary["parameters"])
    rows = {"posterior": summary["parameters"]} | {
        name: part["parameters"] for name, part in summary["variants"].items()
    }
    n_columns, gap = 2, 7.0
    names_mm = 31.0
    width = (PAGE_MM - names_mm - _RIGHT - (n_columns - 1) * gap) / n_columns
    height, n_rows = 4.5 * len(rows) + 3.0, -(-len(names) // n_columns)
    figure = new_figure(PAGE_MM, head.height + n_rows * (height + _BELOW + 1.5) + 2.0)
    head.write(figure)
    for k, name in enumerate(names):
        row, column = divmod(k, n_columns)
        left, top = names_mm + column * (width + gap), head.height + 2.0 + row * (height + _BELOW + 1.5)
        ax = add_axes_mm(figure, left, top, width, height)
        _draw_intervals(ax, name, rows, references.get(name))
        if column > 0:
            ax.tick_params(axis="y", labelleft=False)
            ax.set_ylabel("")
    return figure


def _draw_intervals(ax: Axes, name: str, rows: Mapping[str, Any], reference: float | None) -> None:
    main = rows["posterior"][name]
    period = main["prior"][1] - main["prior"][0] if name.startswith("phase") else None
    for place, record in enumerate(rows.values()):
        if name not in record:
            continue
        part, colour = record[name], _MAIN if place == 0 else _OTHER
        shift = 0.0 if period is None else period * np.round((part["median"] - main["median"]) / period)
        for ends, thick in ((("lo_95", "hi_95"), 0.8), (("lo", "hi"), 2.2)):
            ax.plot(
                [part[end] - shift for end in ends],
                [place, place],
                color=colour,
                linewidth=thick,
                solid_capstyle="butt",
            )
        ax.plot(part["median"] - shift, place, "o", color=colour, markersize=3)
    if reference is not None:
        near = (
            reference
            if period is None
            else main["median"] + (reference - main["median"] + period / 2) % period - period / 2
        )
        ax.axvline(near, color=_REFERENCE, linestyle=(0, (4, 2)), linewidth=0.9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.yaxis.set_ticks(np.arange(len(rows)), [text.replace("_", " ") for text in rows], fontsize=TINY_PT + 0.5)
    ax.yaxis.minorticks_off()
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel(VARIANT_LABEL, fontsize=TINY_PT, labelpad=1)
    ax.set_xlabel(parameter_label(name), labelpad=1.5)
