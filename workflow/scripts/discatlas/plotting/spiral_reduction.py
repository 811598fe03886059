"""How much weaker the response of a warm disc is than a cold one's, and by how much it leads, against the radius."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import write_corner
from discatlas.plotting.spiral_labels import PARAMETERS
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

FACTOR_LABEL = "warm / cold amplitude"
LEAD_LABEL = "phase lead of the warm disc [deg]"
DIMENSIONLESS = (FACTOR_LABEL,)
MOST_SPEEDS = 3
_LEFT, _RIGHT, _GAP, _BELOW = 13.0, 3.0, 4.0, 10.0  # [mm]
_HEIGHTS = (52.0, 40.0)
Columns = Mapping[str, NDArray]


def chosen_values(values: NDArray, most: int) -> list[float]:
    """Return at most `most` of the different values, evenly spread from the least to the largest."""
    every = np.unique(values)
    if every.size <= most:
        return [float(value) for value in every]
    return [float(every[k]) for k in np.unique(np.rint(np.linspace(0, every.size - 1, most)).astype(int))]


@figure_style()
def draw_reduction_figure(table: Columns, pitch_deg: float | None, title: str, where: str) -> Figure:
    """Draw factor (upper row) and phase lead (lower row) for each dispersion, a column per pattern speed, three at most.

    Parameters
    ----------
    table : mapping of str to ndarray
        Columns of contract ``spiral_reduction``.
    pitch_deg : float or None
        Pitch angle, the nearest in the table; None takes the middle one.

    Raises
    ------
    DiscatlasError
        For a table without a radius away from the Lindblad resonances.
    """
    if not table["valid"].astype(bool).any():
        raise DiscatlasError(f"{where}: no radius away from the Lindblad resonances: nothing to draw; see R_kpc")
    pitches = np.unique(table["pitch_deg"])
    pitch = float(
        pitches[np.argmin(np.abs(pitches - pitch_deg))] if pitch_deg is not None else pitches[pitches.size // 2]
    )
    of_pitch = table["pitch_deg"] == pitch
    speeds = chosen_values(table["pattern_speed_kms_kpc"], MOST_SPEEDS)
    sigmas = [float(sigma) for sigma in np.unique(table["sigma_R_kms"])]
    colours = [colormaps["viridis"](0.85 * k / max(len(sigmas) - 1, 1)) for k in range(len(sigmas))]
    words = (
        f"Pitch angle {pitch:g} deg. From orbits of a warm population (full, dots), and the factor of Lin, Shu and Kalnajs for "
        "tight winding (dotted); open: near a Lindblad resonance, where the response of a cold disc is not finite"
    )
    head = Head(title, [words])
    top = head.height + 2.0
    figure = new_figure(PAGE_MM, top + sum(_HEIGHTS) + 2.0 + _BELOW)
    head.write(figure)
    width = (PAGE_MM - _LEFT - _RIGHT - (len(speeds) - 1) * _GAP) / len(speeds)
    rows = [
        [
            add_axes_mm(figure, _LEFT + j * (width + _GAP), top + i * (_HEIGHTS[0] + 2.0), width, _HEIGHTS[i])
            for j in range(len(speeds))
        ]
        for i in range(2)
    ]
    for j, speed in enumerate(speeds):
        for sigma, colour in zip(sigmas, colours, strict=True):
            chosen = of_pitch & (table["pattern_speed_kms_kpc"] == speed) & (table["sigma_R_kms"] == sigma)
            _draw_one(rows[0][j], rows[1][j], {name: column[chosen] for name, column in table.items()}, colour)
    _finish(rows, table, of_pitch, speeds)
    printed = [Line2D([], [], color=colour, marker="o", markersize=2.6) for colour in colours]
    texts = [rf"$\sigma_R = {sigma:g}$ km s$^{{-1}}$" for sigma in sigmas]
    rows[1][-1].legend(printed, texts, loc="best", fontsize=SMALL_PT, handlelength=1.6)
    return figure


def _draw_one(upper: Axes, lower: Axes, rows: Columns, colour: object) -> None:
    order = np.argsort(rows["R_kpc"])
    R, valid = rows["R_kpc"][order], rows["valid"][order].astype(bool)
    for ax, name in ((upper, "factor"), (lower, "phase_lead_deg")):
        values = rows[name][order]
        ax.plot(R, np.where(valid, values, np.nan), "-", color=colour, linewidth=1.0, zorder=3)
        for which, face in ((valid, colour), (~valid, "white")):
            style = {"color": colour, "markerfacecolor": face, "markersize": 2.8, "zorder": 4}
            ax.plot(R[which], values[which], "o", **style)
    tight = np.where(valid, rows["tight_winding_factor"][order], np.nan)
    upper.plot(R, tight, color=colour, linestyle=(0, (1, 1.5)), linewidth=0.9, zorder=2)


def _finish(rows: Sequence[Sequence[Axes]], table: Columns, of_pitch: NDArray, speeds: Sequence[float]) -> None:
    """Set limits and labels; the panels of a row have the same."""
    R, shown = table["R_kpc"], of_pitch & table["valid"].astype(bool) & np.isin(table["pattern_speed_kms_kpc"], speeds)
    margin = 0.03 * float(np.ptp(R)) or 0.5
    leads = table["phase_lead_deg"][shown]
    low, high = min(0.0, float(leads.min(initial=0.0))), max(10.0, float(leads.max(initial=0.0)))
    top = 1.12 * max(1.0, float(np.quantile(table["factor"][shown], 0.98)) if shown.any() else 1.0)
    speed = PARAMETERS["pattern_speed_kms_kpc"]
    for i, (line, ends) in enumerate(zip(rows, ((0.0, top), (low - 0.06 * (high - low), high * 1.12)), strict=True)):
        for j, ax in enumerate(line):
            ax.axhline(1.0 - i, color="0.5", linewidth=0.5, gid=DECORATION)
            ax.set_xlim(R.min() - margin, R.max() + margin)
            ax.set_ylim(*ends)
            ax.tick_params(labelbottom=i == 1, labelleft=j == 0)
            ax.set_xlabel(axis_label("R_kpc") if i else "", labelpad=1)
            ax.set_ylabel((FACTOR_LABEL, LEAD_LABEL)[i] if j == 0 else "", labelpad=2)
            number = i * len(line) + j
            write_corner(
                ax,
                f"({'abcdef'[number]}) ${speed.symbol} = {speeds[j]:g}$ {speed.unit}"
                if i == 0
                else f"({'abcdef'[number]})",
            )
