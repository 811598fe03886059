"""The Sun's radius and the surface density at its place over time (Khalil et al. 2025, Fig. 11)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import with_unit
from discatlas.plotting.panels import LEFT, Head
from discatlas.plotting.style import PAGE_MM, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
_HEIGHT, _GAP, _BELOW = 50.0, 2.5, 11.0  # [mm]
_STYLES = {"axisymmetric": ("#e08a2c", "axisymmetric"), "barred": ("#14397a", "with bar and spirals")}
_TIME = with_unit("time", "Myr")


@figure_style()
def draw_solar_orbit(columns: Mapping[str, Array], summary: Mapping[str, Any], title: str) -> Figure:
    """Draw radius and surface density against time, in the axisymmetric and in the barred potential.

    Parameters
    ----------
    columns : mapping of str to array
        Those of contract ``solar_orbit``; with percentiles over a posterior there is a band.
    summary : mapping
        The record beside the table: periods, pericentres and density maxima.
    title : str
        Title of the page.
    """
    head = Head(title, [_note(summary)])
    figure = new_figure(PAGE_MM, head.height + 2 * _HEIGHT + _GAP + _BELOW + 2.0)
    head.write(figure)
    width = PAGE_MM - LEFT - 3.0
    radius = add_axes_mm(figure, LEFT, head.height + 1.0, width, _HEIGHT)
    density = add_axes_mm(figure, LEFT, head.height + 1.0 + _HEIGHT + _GAP, width, _HEIGHT)
    _draw(radius, columns, summary, ("R", "kpc", 1.0), "pericentres_Myr")
    _draw(density, columns, summary, ("surface_density", "msun_kpc2", 1e-6), "density_maxima_Myr")
    radius.set_ylabel(with_unit("$R$", "kpc"))
    density.set_ylabel(with_unit(r"$\Sigma$", "solMass / pc2"))
    radius.tick_params(labelbottom=False)
    density.set_xlabel(_TIME)
    radius.legend(loc="upper left", ncols=2)
    return figure


def _draw(
    ax: Axes, columns: Mapping[str, Array], summary: Mapping[str, Any], what: tuple[str, str, float], marks: str
) -> None:
    """Draw one quantity of both models, and mark the events of the summary."""
    base, unit, factor = what
    t = 1e3 * columns["t_Gyr"]
    low, high = f"{base}_barred_lo_{unit}", f"{base}_barred_hi_{unit}"
    if low in columns:
        ax.fill_between(
            t, factor * columns[low], factor * columns[high], color=_STYLES["barred"][0], alpha=0.2, linewidth=0
        )
    for name, (colour, label) in _STYLES.items():
        values = factor * columns[f"{base}_{name}_{unit}"]
        ax.plot(t, values, color=colour, label=label)
        events = np.array(summary[name][marks])
        ax.plot(events, np.interp(events, t, values), linestyle="none", marker="o", markersize=3, color=colour)
    ax.axvline(0.0, color="0.5", linewidth=0.5, linestyle="--", gid=DECORATION)
    ax.set_xlim(t[0], t[-1])
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top + 0.12 * (top - bottom))


def _note(summary: Mapping[str, Any]) -> str:
    parts = []
    for key, what in (
        ("radial_period_Myr", "between the pericentres around today"),
        ("density_period_Myr", "between the density maxima around today"),
    ):
        values = [summary[name][key] for name in _STYLES]
        parts.append(
            f"{what}: {_number(values[0])} axisymmetric, {_number(values[1])} with bar and spirals{_spread(summary, key)}"
        )
    height = summary["bar_height_kpc"]
    bar = (
        "the bar's density is left out"
        if height is None
        else f"the bar's density counts within {height:g} kpc of the plane"
    )
    return f"Motion in the plane. Time {'; '.join(parts)}. Points: pericentres and density maxima; {bar}; dashed: today"


def _number(value: float | None) -> str:
    return "longer than this" if value is None else f"{value:.1f} Myr"


def _spread(summary: Mapping[str, Any], key: str) -> str:
    found = summary.get("posterior", {}).get(key)
    return f" ({found['lo']:.1f} to {found['hi']:.1f} over the posterior)" if found else ""
