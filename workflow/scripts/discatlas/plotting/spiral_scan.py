"""Fits of a spiral at fixed pattern speeds: measures of the fit, parameters and resonances against the pattern speed."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import write_corner
from discatlas.plotting.spiral_labels import (
    PARAMETERS,
    RESONANCE_COLOURS,
    RESONANCE_LINES,
    RESONANCES,
    digits_of,
    number,
    resonance_name,
)
from discatlas.plotting.style import (
    MM_PER_INCH,
    PAGE_MM,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    figure_style,
    new_figure,
)

BAYES_LABEL = r"$\ln B$ against an axisymmetric disc"
VARIANCE_LABEL = "explained variance [%]"
DIMENSIONLESS = (BAYES_LABEL,)
_LEFT, _RIGHT, _GAP, _HEIGHT, _BETWEEN, _ROW = 13.0, 3.0, 13.0, 38.0, 3.0, 3.6  # [mm]
_COLOUR, _BEST = "#14397a", "#b5321f"
Columns = Mapping[str, NDArray]
# parameter and its error; those of the second row of panels first
MEASURED = {
    "contrast": "contrast_error",
    "pitch_deg": "pitch_error_deg",
    "scale_length_kpc": "scale_length_error_kpc",
    "surface_density_msun_kpc2": "surface_density_error_msun_kpc2",
    "phase_deg": "phase_error_deg",
    "v_R_mean_kms": "v_R_mean_error_kms",
}
_IN_TABLE = ("scale_length_kpc", "surface_density_msun_kpc2", "pitch_deg", "phase_deg", "contrast", "v_R_mean_kms")


@figure_style()
def draw_scan_figure(scan: Columns, R_limits_kpc: tuple[float, float], m: int, title: str, where: str) -> Figure:
    """Draw the columns of contract ``spiral_scan`` against the pattern speed, with a table of them below.

    Parameters
    ----------
    R_limits_kpc : (float, float)
        Range of radii of the fit, shaded among the resonances.
    m : int
        Number of arms.
    where : str
        The file, for messages.

    Raises
    ------
    DiscatlasError
        For a scan without a pattern speed.
    """
    if not scan["pattern_speed_kms_kpc"].size:
        raise DiscatlasError(f"{where}: no pattern speed: nothing to draw; see scan_kms_kpc")
    order = np.argsort(scan["pattern_speed_kms_kpc"])
    scan = {name: column[order] for name, column in scan.items()}
    best, speed = int(np.argmax(scan["ln_evidence"])), scan["pattern_speed_kms_kpc"]
    head = Head(title, [_note(scan, best, R_limits_kpc, m)])
    top = head.height + 2.0
    table_top = top + 2 * _HEIGHT + _BETWEEN + 12.0
    figure = new_figure(PAGE_MM, table_top + _ROW * (speed.size + 2) + 4.0)
    head.write(figure)
    width = (PAGE_MM - _LEFT - _RIGHT - 2 * _GAP) / 3
    axes = [
        add_axes_mm(figure, _LEFT + j * (width + _GAP), top + i * (_HEIGHT + _BETWEEN), width, _HEIGHT)
        for i in range(2)
        for j in range(3)
    ]
    _points(axes[0], speed, scan["ln_bayes_factor"], scan["ln_evidence_error"], best, BAYES_LABEL)
    _points(axes[1], speed, 100 * scan["explained_variance"], None, best, VARIANCE_LABEL)
    _draw_resonances(axes[2], scan, R_limits_kpc, m)
    for ax, name in zip(axes[3:], MEASURED, strict=False):
        printed = PARAMETERS[name]
        _points(ax, speed, printed.factor * scan[name], printed.factor * scan[MEASURED[name]], best, printed.label)
    margin = 0.08 * float(np.ptp(speed)) or 1.0
    for k, ax in enumerate(axes):
        ax.set_xlim(speed.min() - margin, speed.max() + margin)
        ax.tick_params(labelbottom=k > 2)
        ax.set_xlabel(PARAMETERS["pattern_speed_kms_kpc"].label if k > 2 else "")
        write_corner(ax, f"({'abcdef'[k]})")
    _write_table(figure, scan, best, table_top)
    return figure


def _note(scan: Columns, best: int, R_limits_kpc: tuple[float, float], m: int) -> str:
    speed = scan["pattern_speed_kms_kpc"][best]
    return (
        f"{m} arms; {int(scan['n_cells'][0]):,} cells at R {R_limits_kpc[0]:g} to {R_limits_kpc[1]:g} kpc, the same for all "
        f"pattern speeds. Largest evidence at {speed:g} km/s/kpc (red): the response then explains "
        f"{number(100 * scan['explained_variance'][best], 1)} % of the variance. Values: medians and half of the central "
        "68 %; B: evidence over that of an axisymmetric disc"
    )


def _points(ax: Axes, x: NDArray, y: NDArray, error: NDArray | None, best: int, label: str) -> None:
    ax.plot(x, y, color=_COLOUR, linewidth=0.6, alpha=0.5)
    for k in range(x.size):
        bars = None if error is None else [error[k]]
        style = {"fmt": "o", "markersize": 3.4, "elinewidth": 0.8, "color": _BEST if k == best else _COLOUR}
        ax.errorbar([x[k]], [y[k]], yerr=bars, **style)
    low, high = ax.get_ylim()
    if low < 0 < high:
        ax.axhline(0.0, color="0.5", linewidth=0.5, gid=DECORATION)
    ax.set_ylim(low, high + 0.12 * (high - low))  # room for the letter
    ax.set_ylabel(label, labelpad=2)


def _draw_resonances(ax: Axes, scan: Columns, R_limits_kpc: tuple[float, float], m: int) -> None:
    """Draw the radii of the resonances against the pattern speed, over the range of the fit."""
    ax.axhspan(*R_limits_kpc, color="0.92", zorder=0)
    speed = scan["pattern_speed_kms_kpc"]
    handles = {}
    for name in RESONANCES:
        style = {"color": RESONANCE_COLOURS[name], "linestyle": RESONANCE_LINES[name], "linewidth": 1.0}
        ax.plot(speed, scan[f"R_{name}_kpc"], marker="o", markersize=2.0, **style)
        handles.setdefault(name.replace("outer", "inner").replace("olr", "ilr"), Line2D([], [], **style))
    ax.set_ylim(0.0, 1.9 * R_limits_kpc[1])
    ax.set_ylabel(axis_label("R_kpc"), labelpad=2)
    words = {
        "ilr": "Lindblad",
        "corotation": "corotation",
        "inner_ultraharmonic": resonance_name("inner_ultraharmonic", m),
    }
    ax.legend(list(handles.values()), [words[name] for name in handles], loc="upper right", handlelength=1.8)


def _cells(scan: Columns, k: int, names: Sequence[str]) -> list[str]:
    """Return one row of the table."""
    row = [f"{scan['pattern_speed_kms_kpc'][k]:g}"]
    for name in names:
        factor = PARAMETERS[name].factor
        value, error = factor * scan[name][k], factor * scan[MEASURED[name]][k]
        digits = digits_of(error)
        row.append(rf"${value:.{digits}f} \pm {error:.{digits}f}$")
    return [
        *row,
        f"{scan['chi_square'][k] / scan['n_cells'][k]:.2f}",
        number(100 * scan["explained_variance"][k], 1),
        number(scan["rms_residual_kms"][k], 2),
        rf"${scan['ln_bayes_factor'][k]:.1f} \pm {scan['ln_evidence_error'][k]:.1f}$",
    ]


def _write_table(figure: Figure, scan: Columns, best: int, top: float) -> None:
    """Write the table below the panels, the row of the largest evidence in red."""
    names = [name for name in _IN_TABLE if name in scan]
    speed = PARAMETERS["pattern_speed_kms_kpc"]
    head = [(f"${speed.symbol}$", speed.unit)]
    head += [(f"${PARAMETERS[name].symbol}$", PARAMETERS[name].unit) for name in names]
    head += [(r"$\chi^2/N$", ""), ("expl. var.", "%"), ("rms resid.", r"km s$^{-1}$"), (r"$\ln B$", "")]
    width, height = figure.get_size_inches() * MM_PER_INCH
    left = 6.0 + (np.arange(len(head)) + 0.5) * (PAGE_MM - 12.0) / len(head)

    def write(row: Sequence[str], number_of_row: float, size: float, colour: str) -> None:
        for x, text in zip(left, row, strict=True):
            y = 1 - (top + _ROW * (number_of_row + 0.75)) / height
            figure.text(x / width, y, text, ha="center", va="baseline", fontsize=size, color=colour)

    write([symbol for symbol, _ in head], 0, SMALL_PT, "black")
    write([f"[{unit}]" if unit else "" for _, unit in head], 1, TINY_PT, "0.3")
    y = 1 - (top + _ROW * 2.15) / height
    figure.add_artist(Line2D([6.0 / width, 1 - 6.0 / width], [y, y], color="black", linewidth=0.5))
    for k in range(scan["pattern_speed_kms_kpc"].size):
        write(_cells(scan, k, names), k + 2.3, SMALL_PT, _BEST if k == best else "black")
