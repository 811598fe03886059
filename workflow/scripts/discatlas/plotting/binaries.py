"""Mean velocities of simulated single stars and binaries, by the number of their epochs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import labels
from discatlas.plotting.panels import LEFT, Head
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
GROUPS = {"all": "all", "one_epoch": "one epoch", "several_epochs": "two or more epochs"}
_COLOURS = {"single": "#b5521f", "mixed": "#14397a", "binary": "0.55"}
_LINES = {"single": (0, (4, 2)), "mixed": (0, (1, 1.3))}
_LINE_TOP = 0.76  # of the height of a panel; the words stand above
_HEIGHT, _GAP, _ABOVE, _BELOW = 54.0, 4.0, 6.0, 10.0  # of a panel, between panels, title, axis label [mm]


@figure_style()
def draw_binaries_figure(
    table: Mapping[str, NDArray], summary: Mapping[str, Any], *, title: str = "", objects: str = "stars"
) -> Figure:
    """Draw the histograms of `table` (contract ``binaries``) with the percentiles of `summary`, one panel per group.

    Numbers are those of one realisation: the mean of all. A group without stars has no panel.

    Raises
    ------
    DiscatlasError
        If no group has stars.
    """
    groups = [group for group in GROUPS if summary["groups"][group]["n_stars"]]
    if not groups:
        raise DiscatlasError("binaries: no group of stars to draw; simulate them for a sample that has epochs")
    head = Head(title, _note(summary))
    figure = new_figure(PAGE_MM, head.height + _ABOVE + _HEIGHT + _BELOW + 1.0)
    head.write(figure)
    width = (PAGE_MM - LEFT - 3.0 - (len(groups) - 1) * (_GAP + 9.0)) / len(groups)
    for number, group in enumerate(groups):
        left = LEFT + number * (width + _GAP + 9.0)
        ax = add_axes_mm(figure, left, head.height + _ABOVE, width, _HEIGHT)
        _draw_group(ax, table, summary, group, objects)
        count = summary["groups"][group]["n_stars"]
        ax.set_title(f"({'abc'[number]}) {GROUPS[group]}: {count:,} {objects}", loc="left", pad=3)
    return figure


def _mass_words(summary: Mapping[str, Any]) -> str:
    mass = f"{summary['median_mass_msun']:.3g} solar masses"
    given = summary["primary_mass"]
    return (
        f"primaries of {summary['primary_mass']}, median {mass}" if isinstance(given, str) else f"primaries of {mass}"
    )


def _note(summary: Mapping[str, Any]) -> list[str]:
    n = summary["n_realisations"]
    outside = summary["groups"]["all"]["mixed"]["n_outside"] / n
    times = "one realisation" if n == 1 else f"mean of {n} realisations"
    return [
        f"Times and errors of the sample's own epochs, {summary['mean']} means; {_mass_words(summary)}; {times}; "
        f"without epochs: {summary['n_without_epochs']:,}, without mass: {summary['n_without_mass']:,} of {summary['n_sample']:,}.",
        "Vertical lines: 16th and 84th percentiles, of single stars dashed, with binaries dotted; written: mean, and how far "
        f"these lie from it [km/s]. Beyond the scale: {outside:,.0f} of all stars with binaries.",
    ]


def _draw_group(ax: Axes, table: Mapping[str, NDArray], summary: Mapping[str, Any], group: str, objects: str) -> None:
    percent = f"{100 * summary['binary_fraction']:.3g} % binaries"
    names = {"single": "all single", "mixed": percent, "binary": "binaries alone"}
    about, top = summary["groups"][group], 0.0
    for number, population in enumerate(("mixed", "single", "binary")):
        rows = (table["group"] == group) & (table["population"] == population)
        edges = np.append(table["v_lo_kms"][rows], table["v_hi_kms"][rows][-1])
        counts = table["n_stars"][rows] / summary["n_realisations"]
        colour, top = _COLOURS[population], max(top, counts.max())
        if population == "mixed":
            ax.stairs(counts, edges, fill=True, color="#c9d1de", zorder=1)
        ax.stairs(counts, edges, color=colour, linewidth=0.8, zorder=4 - number)
        if population in _LINES:
            for name in ("p16_kms", "p84_kms"):
                ax.axvline(
                    about[population][name],
                    color=colour,
                    linewidth=0.9,
                    linestyle=_LINES[population],
                    zorder=5,
                    ymax=_LINE_TOP,
                )
    for number, population in enumerate(("single", "mixed", "binary")):
        text = f"{names[population]}: {_interval(about[population])}"
        place = {"x": 0.03, "y": 0.97 - 0.068 * number, "transform": ax.transAxes, "va": "top", "ha": "left"}
        ax.text(s=text, fontsize=SMALL_PT, color=_text_colour(population), zorder=6, **place)
    ax.set_xlim(table["v_lo_kms"].min(), table["v_hi_kms"].max())
    ax.set_ylim(0, 1.04 * top / _LINE_TOP)  # room for the words
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
    ax.set_xlabel(labels.with_unit(r"$\langle v_\mathrm{los}\rangle-v_\mathrm{sys}$", "km / s"), labelpad=2)
    bin_kms = table["v_hi_kms"][0] - table["v_lo_kms"][0]
    ax.set_ylabel(f"{labels.COUNT} {objects} per {bin_kms:g} km s$^{{-1}}$", labelpad=2)


def _text_colour(population: str) -> str:
    return "0.35" if population == "binary" else _COLOURS[population]


def _interval(about: Mapping[str, float]) -> str:
    """Return the mean with the distances of the percentiles from it, as in Fig. C.1 of Zari et al. (2025)."""
    if about["mean_kms"] is None:
        return "none"
    low, high = about["mean_kms"] - about["p16_kms"], about["p84_kms"] - about["mean_kms"]
    return f"${_signed(about['mean_kms'])}_{{-{low:.1f}}}^{{+{high:.1f}}}$"


def _signed(value: float) -> str:
    text = f"{value:.1f}"
    return "0.0" if float(text) == 0 else text
