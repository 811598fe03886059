"""Rotation curves and Oort's constants at the Sun beside the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label, column_unit, with_unit
from discatlas.plotting.style import (
    FONT_PT,
    PAGE_MM,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    figure_style,
    new_figure,
    text_mm,
)
from discatlas.plotting.wrapping import wrap
from discatlas.velocity_field.oort import CONSTANTS
from discatlas.velocity_field.published import CURVES, Published

_LEFT, _RIGHT, _MAIN, _SMALL, _OORT, _GAP = 11.0, 2.5, 62.0, 42.0, 34.0, 3.0  # [mm]
_ROUTES = 38.0  # room for the names of the routes [mm]
_OURS, _STARS, _SECOND, _THEIRS = "#b5321f", "#e08a4c", "#14397a", "0.35"
_VELOCITY = with_unit(r"$v_\varphi$", "km / s")
ROUTE_LABEL = "route or source"
TITLES = {
    "mean": "plain mean",
    "axisymmetric": r"$R\,(A - B)$",
    "nonaxisymmetric": r"$R\,(A - B) + \partial_\varphi v_R$",
    "second_order": r"$v_\varphi$ of the second order",
}
Columns = Mapping[str, NDArray]


@dataclass(frozen=True)
class PublishedCurves:
    """Published values: four curves and constants of Akhmetov et al. (2024), Bovy's (2017), Eilers et al.'s (2019) v_c."""

    akhmetov: Columns
    eilers: Columns
    constants: Mapping[str, Mapping[str, Published]]


@figure_style()
def draw_rotation_figure(
    curve: Columns,
    provenance: Mapping[str, Any],
    routes: Sequence[Mapping[str, Any]],
    published: PublishedCurves,
    *,
    R0_kpc: float,
    title: str,
    objects: str,
) -> Figure:
    """Draw circular velocity and second-order curve (a), each of the four curves (b-e), and Oort's constants (f-i).

    Parameters
    ----------
    curve : mapping of str to ndarray, shape (m,)
        Columns of contract ``rotation_curve``.
    provenance : mapping
        That of the table: ``radius_kpc``, ``phi_max_deg``, ``density_scale_kpc``, ``dispersion_scale_kpc``.
    routes : sequence of mappings
        Records of the routes to Oort's constants; one without values is named as such.

    Raises
    ------
    DiscatlasError
        If no curve has any value.
    """
    names = ["v_c_kms", *(f"v_{name}_kms" for name in CURVES)]
    if not any(np.isfinite(curve[name]).any() for name in names):
        raise DiscatlasError("rotation curve: no bin has a value: nothing to draw; see R_limits_kpc and min_fit")
    title_lines = wrap(title, PAGE_MM - 2 * _LEFT, FONT_PT + 1.5)
    note_lines = wrap(_note(curve, provenance, objects), PAGE_MM - 2 * _LEFT, SMALL_PT)
    above = 2.5 + 4.8 * len(title_lines)
    top = above + 3.0 * len(note_lines) + 2.0
    figure = new_figure(PAGE_MM, top + _MAIN + _SMALL + _OORT + 36.0)
    text_mm(figure, _LEFT, 2.0, title_lines, 4.8, fontsize=FONT_PT + 1.5)
    text_mm(figure, _LEFT, above, note_lines, 3.0, fontsize=SMALL_PT, color="0.25")
    width = PAGE_MM - _LEFT - _RIGHT
    _draw_main(add_axes_mm(figure, _LEFT, top, width, _MAIN), curve, published, R0_kpc)
    top += _MAIN + 13.0
    small = (width - 3 * _GAP) / 4
    panels = [add_axes_mm(figure, _LEFT + k * (small + _GAP), top, small, _SMALL) for k in range(4)]
    _draw_four(panels, curve, published.akhmetov, R0_kpc)
    top += _SMALL + 14.0
    small = (PAGE_MM - _ROUTES - _RIGHT - 3 * _GAP) / 4
    panels = [add_axes_mm(figure, _ROUTES + k * (small + _GAP), top, small, _OORT) for k in range(4)]
    _draw_oort(panels, routes, published.constants)
    return figure


def _note(curve: Columns, provenance: Mapping[str, Any], objects: str) -> str:
    about_cells = provenance.get("velocity_field", {}).get("cells", {})
    cells = "" if about_cells.get("cell_kpc", 0.0) is None else f", {int(curve['n_cells'].sum()):,} cells"
    return (
        f"{int(curve['n_stars'].sum()):,} {objects}{cells} and {int(curve['n_nodes'].sum()):,} nodes with |φ| < {provenance['phi_max_deg']:g}°, within "
        f"{provenance['radius_kpc']:g} kpc of the plane. Circular velocity: Jeans equation with scale lengths of "
        f"{provenance['density_scale_kpc']:g} kpc (density) and {provenance['dispersion_scale_kpc']:g} kpc (dispersion). "
        "Bars and bands: one standard error; dashed: the Sun"
    )


def _limits(ax: Axes, curve: Columns, values: Sequence[NDArray]) -> None:
    """Set limits that hold the bins and the values; published ones count within the bins."""
    ax.set_xlim(curve["R_lo_kpc"].min() - 0.1, curve["R_hi_kpc"].max() + 0.1)
    known = np.concatenate([value[np.isfinite(value)] for value in values])
    low, high = np.percentile(known, [1, 99])
    margin = 0.12 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)


def _inside(curve: Columns, R_kpc: NDArray) -> NDArray[np.bool_]:
    return (R_kpc >= curve["R_lo_kpc"].min()) & (R_kpc <= curve["R_hi_kpc"].max())


def _sun_line(ax: Axes, R0_kpc: float) -> None:
    overlays.draw_sun(ax, ("R_kpc", ""), overlays.sun_coordinates(R0_kpc, 0.0))


def _draw_main(ax: Axes, curve: Columns, published: PublishedCurves, R0_kpc: float) -> None:
    for name, colour, mark, label in (
        ("v_c", _OURS, "o", r"$v_\mathrm{c}$: $v_\varphi$ corrected for asymmetric drift"),
        ("v_stars", _STARS, "s", r"mean $v_\varphi$ of the stars"),
        ("v_second_order", _SECOND, "^", r"$v_\varphi$ of the second-order field"),
    ):
        bars = {"fmt": mark, "markersize": 3.2, "elinewidth": 0.8, "color": colour, "zorder": 4}
        ax.errorbar(curve["R_kpc"], curve[f"{name}_kms"], yerr=curve[f"{name}_error_kms"], label=label, **bars)
    theirs = published.eilers
    bars = {"fmt": "D", "markersize": 2.6, "elinewidth": 0.6, "color": _THEIRS, "markerfacecolor": "white", "zorder": 3}
    ax.errorbar(
        theirs["R_kpc"],
        theirs["v_c_kms"],
        yerr=[theirs["v_c_error_lo_kms"], theirs["v_c_error_hi_kms"]],
        label=r"$v_\mathrm{c}$ of Eilers et al. (2019)",
        **bars,
    )
    R, value = published.akhmetov["R_kpc"], published.akhmetov["v_second_order_kms"]
    ax.plot(R, value, color=_THEIRS, linewidth=0.8, label="second order, Akhmetov et al. (2024)", zorder=2)
    shown = [value[_inside(curve, R)], theirs["v_c_kms"][_inside(curve, theirs["R_kpc"])]]
    _limits(ax, curve, [*shown, *(curve[name] for name in ("v_c_kms", "v_stars_kms", "v_second_order_kms"))])
    _sun_line(ax, R0_kpc)
    ax.set_xlabel(axis_label("R_kpc"), labelpad=1)
    ax.set_ylabel(with_unit(r"$v_\varphi,\ v_\mathrm{c}$", "km / s"), labelpad=2)
    ax.text(0.008, 0.97, "(a)", transform=ax.transAxes, va="top")
    ax.legend(loc="best", handletextpad=0.3)


def _draw_four(panels: Sequence[Axes], curve: Columns, akhmetov: Columns, R0_kpc: float) -> None:
    inside, values = _inside(curve, akhmetov["R_kpc"]), []
    for name in CURVES:
        values += [curve[f"v_{name}_kms"], akhmetov[f"v_{name}_kms"][inside]]
    for number, (ax, name) in enumerate(zip(panels, CURVES, strict=True)):
        value, error = curve[f"v_{name}_kms"], curve[f"v_{name}_error_kms"]
        style = {"fmt": "o", "markersize": 2.4, "elinewidth": 0.7, "color": _OURS, "zorder": 4}
        ax.errorbar(curve["R_kpc"], value, yerr=error, label="this sample", **style)
        R, theirs, width = (akhmetov[key] for key in ("R_kpc", f"v_{name}_kms", f"v_{name}_error_kms"))
        ax.plot(R, theirs, color=_THEIRS, linewidth=0.8, label="Akhmetov et al. (2024)", zorder=3)
        ax.fill_between(R, theirs - width, theirs + width, color=_THEIRS, alpha=0.2, linewidth=0, zorder=2)
        _limits(ax, curve, values)
        _sun_line(ax, R0_kpc)
        ax.set_title(f"({'bcde'[number]}) {TITLES[name]}", loc="left", pad=3, fontsize=SMALL_PT + 0.5)
        ax.set_xlabel(axis_label("R_kpc"), labelpad=1)
        ax.tick_params(labelleft=number == 0)
    panels[0].set_ylabel(_VELOCITY, labelpad=2)
    panels[0].legend(loc="lower right", fontsize=TINY_PT, handlelength=1.4)


def _draw_oort(
    panels: Sequence[Axes], routes: Sequence[Mapping[str, Any]], published: Mapping[str, Mapping[str, Published]]
) -> None:
    names = [_short(route["route"]) for route in routes] + list(published)
    for number, (ax, constant) in enumerate(zip(panels, CONSTANTS, strict=True)):
        key, error = f"{constant}_kms_kpc", f"{constant}_error_kms_kpc"
        for y, route in enumerate(routes):
            if key in route:
                style = {"fmt": "o", "markersize": 3.2, "color": _OURS, "elinewidth": 0.9}
                ax.errorbar([route[key]], [y], xerr=[route[error]], **style)
            else:
                where = {"transform": ax.get_yaxis_transform(), "va": "center", "ha": "center"}
                ax.text(0.5, y, "no value", fontsize=TINY_PT, color="0.4", **where)
        for y, values in enumerate(published.values(), len(routes)):
            style = {"fmt": "D", "markersize": 2.8, "color": _THEIRS, "markerfacecolor": "white", "elinewidth": 0.7}
            ax.errorbar([values[key].value], [y], xerr=[values[key].error], **style)
        ax.axhline(len(routes) - 0.5, color="0.5", linewidth=0.4, gid=DECORATION)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_yticks(range(len(names)), names, fontsize=SMALL_PT)
        ax.yaxis.minorticks_off()
        ax.tick_params(axis="y", length=0, labelleft=number == 0)
        ax.grid(axis="x", color="0.9", linewidth=0.4)
        ax.xaxis.get_major_locator().set_params(nbins=5)
        ax.margins(x=0.12)
        ax.set_title(f"({'fghi'[number]})", loc="left", pad=3, fontsize=SMALL_PT + 0.5)
        ax.set_xlabel(with_unit(f"${constant}$", column_unit(key)), labelpad=2)
    panels[0].set_ylabel(ROUTE_LABEL, labelpad=2)


def _short(route: str) -> str:
    """Return the name of a route as it fits beside a panel."""
    return route.replace("velocity field, ", "field, ").replace(
        "proper motions and line-of-sight velocities", "proper motions, velocities"
    )
