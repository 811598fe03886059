"""The profile of v_phi in a strip of v_R against models with a bar alone, and the objective over pattern speed and age."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits, overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label, unit_label
from discatlas.plotting.panels import Head, draw_colour_bar, draw_mesh
from discatlas.plotting.plane import write_corner
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, TINY_PT, add_axes_mm, figure_style, new_figure

SHARE_LABEL = r"share of the stars [10$^{-2}$ per bin]"
SPEED_LABEL = f"$\\Omega_\\mathrm{{b}}$ [{unit_label('km / (s kpc)')}]"
TURNS_LABEL = "number of turns since the bar's birth"
OBJECTIVE_LABEL = r"sum of squared differences [10$^{-4}$]"
DIMENSIONLESS = (TURNS_LABEL,)
_LEFT, _MIDDLE, _RIGHT, _HEIGHT, _TICKS, _BELOW, _BAR = 13.0, 14.0, 15.0, 62.0, 9.0, 10.0, 2.5  # [mm]
_PROFILE = 88.0  # width of the first panel [mm]
_DATA, _BEST, _OTHER = "0.35", "#b5321f", "#2b7a4b"
Columns = Mapping[str, NDArray]


@figure_style()
def draw_bar_strip(scan: Columns, profile: Columns, summary: Mapping[str, Any], title: str, where: str) -> Figure:
    """Draw the columns of the contracts ``bar_strip_profile`` (left) and ``bar_strip`` (right); `summary` is the fit's.

    Raises
    ------
    DiscatlasError
        For a scan that is no whole grid; `where` names it.
    """
    head = Head(f"Pattern speed of the bar: {title}", [_note(summary)])
    top = head.height + _TICKS
    figure = new_figure(PAGE_MM, top + _HEIGHT + _BELOW)
    head.write(figure)
    left = add_axes_mm(figure, _LEFT, top, _PROFILE, _HEIGHT)
    width = PAGE_MM - _LEFT - _PROFILE - _MIDDLE - _RIGHT - _BAR
    right = add_axes_mm(figure, _LEFT + _PROFILE + _MIDDLE, top, width, _HEIGHT)
    bar = add_axes_mm(figure, _LEFT + _PROFILE + _MIDDLE + width + 1.0, top, _BAR, _HEIGHT)
    _draw_profile(left, profile, summary)
    _draw_objective(right, bar, scan, summary, where)
    for ax, letter in ((left, "a"), (right, "b")):
        write_corner(ax, f"({letter})")
    return figure


def _note(summary: Mapping[str, Any]) -> str:
    settings, spread = summary["settings"], summary["bootstrap"]["Omega_kms_kpc"]["sd"]
    smoothing, error = settings["smoothing"], summary["curvature_error_kms_kpc"]
    curvature = "" if error is None else f", {error:.2f} from the curvature with the misfit taken for noise"
    return (
        f"{summary['n_stars']:,} stars with v_R {settings['v_R_kms']:g} ± {settings['width_kms'] / 2:g} km/s; best bar alone: "
        f"{summary['Omega_kms_kpc']:.2f} ± {spread:.2f} km/s/kpc (Poisson draws{curvature}), {summary['turns']:.2f} turns = "
        f"{summary['integration_Myr']:.0f} Myr. Both smoothed (Savitzky-Golay, {smoothing['window']} bins, order {smoothing['order']}) and "
        "normalised in the panel; grey band: central 68 % of Poisson draws; marks on top: resonances l:m at this v_R by Eq. A.5 of Khalil et "
        "al. (2025), triangles by the orbits' own frequencies; cross: best values with errors; dotted: durations in Myr"
    )


def _draw_profile(ax: Axes, profile: Columns, summary: Mapping[str, Any]) -> None:
    v_phi = profile["v_phi_kms"]
    share = 100.0 * profile["n_stars"] / profile["n_stars"].sum()
    ax.plot(v_phi, share, ".", color="0.7", markersize=2, label="stars, not smoothed", zorder=1)
    band = (100 * profile["share_low"], 100 * profile["share_high"])
    ax.fill_between(v_phi, *band, color="0.8", linewidth=0, zorder=2)
    ax.plot(v_phi, 100 * profile["share"], color=_DATA, label="stars", zorder=3)
    ax.plot(v_phi, 100 * profile["share_equilibrium"], ":", color="0.3", label="no bar", zorder=3)
    if np.isfinite(profile["share_reference"]).all():
        speed = summary["settings"]["reference_Omega_kms_kpc"]
        ax.plot(v_phi, 100 * profile["share_reference"], "--", color=_OTHER, label=f"{speed:g} km/s/kpc", zorder=4)
    label = f"{summary['Omega_kms_kpc']:.1f} km/s/kpc, {summary['turns']:.1f} turns"
    ax.plot(v_phi, 100 * profile["share_best"], color=_BEST, linewidth=1.2, label=label, zorder=5)
    ax.set_xlim(*summary["settings"]["v_phi_limits_kms"])
    ax.set_ylim(0.0, 1.6 * max(share.max(), 100 * profile["share_best"].max()))  # a reference may leave the panel
    ax.set_xlabel(axis_label("v_phi_kms"))
    ax.set_ylabel(SHARE_LABEL)
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, 0.95))
    for row, (name, colour) in enumerate((("best", _BEST), ("reference", _OTHER))):
        _mark_resonances(ax, summary["resonances"].get(name, []), colour, row)


def _mark_resonances(ax: Axes, marks: list[dict[str, Any]], colour: str, row: int) -> None:
    """Write l:m above the panel, with a mark at each v_phi: the best model's lower, the reference's higher."""
    (low, high), transform = ax.get_xlim(), ax.get_xaxis_transform()
    base, last = 1.015 + 0.06 * row, -np.inf
    for mark in sorted((m for m in marks if m["v_phi_kms"] is not None), key=lambda m: m["v_phi_kms"]):
        x, exact = mark["v_phi_kms"], mark["v_phi_exact_kms"]
        if not low < x < high:
            continue
        style = {"transform": transform, "clip_on": False, "gid": DECORATION}
        ax.plot([x, x], [base, base + 0.02], color=colour, linewidth=1.2, **style)
        if exact is not None and low < exact < high:
            ax.plot([exact], [base + 0.01], "v", color=colour, markersize=2.5, **style)
        if x - last > 0.05 * (high - low):
            text = {"fontsize": TINY_PT, "color": colour, "ha": "center", "va": "bottom", "transform": transform}
            ax.text(x, base + 0.022, f"{mark['l']}:{mark['m']}", **text)
            last = x


def _draw_objective(ax: Axes, bar: Axes, scan: Columns, summary: Mapping[str, Any], where: str) -> None:
    """Draw the objective over pattern speed and turns, with the best point and its error."""
    speeds, turns = np.unique(scan["Omega_kms_kpc"]), np.unique(scan["turns"])
    if scan["objective"].size != speeds.size * turns.size:
        raise DiscatlasError(f"{where}: {scan['objective'].size} rows are no grid of speeds and turns; make it anew")
    image = 1e4 * scan["objective"].reshape(speeds.size, turns.size)
    edges = tuple(
        np.append(axis - (axis[1] - axis[0]) / 2, axis[-1] + (axis[1] - axis[0]) / 2) for axis in (speeds, turns)
    )
    norm = limits.linear_norm(image, 100.0)
    draw_colour_bar(bar, draw_mesh(ax, edges, image, SEQUENTIAL + "_r", norm), OBJECTIVE_LABEL)
    spread = summary["bootstrap"]
    ax.errorbar(
        [summary["Omega_kms_kpc"]],
        [summary["turns"]],
        xerr=spread["Omega_kms_kpc"]["sd"],
        yerr=spread["turns"]["sd"],
        fmt="+",
        color="black",
        elinewidth=0.8,
        markersize=5,
    )
    _draw_durations(ax, edges)
    ax.set_xlabel(SPEED_LABEL)
    ax.set_ylabel(TURNS_LABEL)


def _draw_durations(ax: Axes, edges: tuple[NDArray, NDArray]) -> None:
    """Draw lines of equal duration, numbered in Myr near the right edge."""
    x = np.linspace(*edges[0][[0, -1]], 100)
    per_Myr = 1 / (977.792221 * 2 * np.pi)
    corners = [turns / (speed * per_Myr) for speed in edges[0][[0, -1]] for turns in edges[1][[0, -1]]]
    for duration in np.arange(100.0 * np.ceil(min(corners) / 100), max(corners), 100.0):
        y = duration * x * per_Myr
        ax.plot(x, y, ":", color="black", linewidth=0.6, gid=DECORATION)
        inside = np.flatnonzero((y > edges[1][0] + 0.05) & (y < edges[1][-1] - 0.05))
        inside = inside[(x[inside] > x[0] + 0.07 * np.ptp(x)) & (x[inside] < x[-1] - 0.1 * np.ptp(x))]
        if inside.size:
            k = inside[-1]
            style = {"fontsize": TINY_PT, "ha": "center", "va": "center", "path_effects": overlays.HALO}
            ax.text(x[k], y[k], f"{duration:g}", **style)
