"""Curves of a velocity field: coefficients along rays of constant azimuth, and what the radius of the spheres changes."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.contracts import error_column, split_unit
from discatlas.plotting import overlays
from discatlas.plotting.field_labels import column_label, column_symbol
from discatlas.plotting.labels import axis_label
from discatlas.plotting.nodes import Field, FieldFacts, is_fitted
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
from discatlas.velocity_field import COMPONENTS, DEGREES, TERMS, coefficient_column
from discatlas.velocity_field.oort import CONSTANTS

RAYS_DEG = (-30.0, -15.0, 0.0, 15.0, 30.0)
SIGNIFICANT = 3.0
_LEFT, _RIGHT, _BELOW, _INNER = 11.0, 2.0, 9.0, 11.0  # margins, and between columns of panels [mm]
_STYLES = (("#14397a", "-"), ("#5d8fd3", (0, (4, 1.2))), ("black", "-"), ("#e08a4c", (0, (4, 1.2))), ("#b5321f", "-"))
_MARKS, _COLOURS = ("o", "s", "^", "D", "v"), ("#14397a", "#e08a4c", "#b5321f", "black", "#5d8fd3")
COEFFICIENT_LABEL = "coefficient"


def along_ray(rows: Field, facts: FieldFacts, phi_deg: float) -> NDArray[np.int64]:
    """Return the fitted nodes within half a grid step of a ray from the centre, in order of R; a -1 marks each gap."""
    turn = np.deg2rad(rows["phi_deg"] - phi_deg)
    near = (np.abs(rows["R_kpc"] * np.sin(turn)) <= 0.5001 * facts.spacing_kpc) & (np.cos(turn) > 0) & is_fitted(rows)
    order = np.flatnonzero(near)[np.argsort(rows["R_kpc"][near], kind="stable")]
    gaps = np.flatnonzero(np.diff(rows["R_kpc"][order]) > 2.5 * facts.spacing_kpc) + 1
    return np.insert(order, gaps, -1)


def _taken(column: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(order < 0, np.nan, column[order])


@figure_style()
def draw_profile_page(rows: Field, facts: FieldFacts, radius_kpc: float, title: str, second: bool) -> Figure:
    """Draw coefficients against R along the rays `RAYS_DEG`, with bands of one standard error.

    Values, first derivatives and Oort's constants, or the second derivatives.
    """
    if second:
        terms = [term for term, degree in zip(TERMS, DEGREES, strict=True) if degree == 2]
        names = [[coefficient_column(component, term, 2) for component in COMPONENTS] for term in terms]
    else:
        names = [[coefficient_column(component, term, 2) for term in TERMS[:4]] for component in COMPONENTS]
        names.append([f"{constant}_kms_kpc" for constant in CONSTANTS])
    n_columns, height, pitch = len(names[0]), 29.0, 31.5
    width = (PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _INNER) / n_columns
    spheres = f"fits to the {facts.counted} within {radius_kpc:g} kpc"
    words = f"{facts.counts}; {spheres}; nodes within half a grid step of each ray; bands: one standard error"
    figure, top = _headed_figure(title, words, 5.0 + len(names) * pitch + _BELOW)
    rays = {phi: along_ray(rows, facts, phi) for phi in RAYS_DEG}
    drawn = np.concatenate([order[order >= 0] for order in rays.values()])
    R = rows["R_kpc"][drawn] if drawn.size else rows["R_kpc"][is_fitted(rows)]
    sun = overlays.sun_coordinates(facts.R0_kpc, facts.z_sun_kpc)
    for i, line in enumerate(names):
        for j, name in enumerate(line):
            ax = add_axes_mm(figure, _LEFT + j * (width + _INNER), top + 5.0 + i * pitch, width, height)
            _draw_rays(ax, rows, rays, name)
            ax.set_xlim(R.min() - facts.spacing_kpc, R.max() + facts.spacing_kpc)
            ax.axhline(0.0, color="0.6", linewidth=0.4, zorder=0.5)
            overlays.draw_sun(ax, ("R_kpc", ""), sun)
            _trim(ax, lowest=i == len(names) - 1)
            ax.set_ylabel(column_label(name), fontsize=SMALL_PT, labelpad=1)
            if i == len(names) - 1:
                ax.set_xlabel(axis_label("R_kpc"), fontsize=SMALL_PT, labelpad=1)
    handles = figure.axes[0].get_lines()[: len(RAYS_DEG)]
    names_of_rays = [rf"$\varphi = {phi:g}$°" for phi in RAYS_DEG]
    middle = 1 - (top + 1.8) / (figure.get_size_inches()[1] * 25.4)
    figure.legend(handles, names_of_rays, loc="center", bbox_to_anchor=(0.5, middle), ncols=5, fontsize=SMALL_PT)
    return figure


def _draw_rays(ax: Axes, rows: Field, rays: dict[float, NDArray[np.int64]], name: str) -> None:
    values, errors = [], []
    for order, (colour, dashes) in zip(rays.values(), _STYLES, strict=True):
        R, value, error = (_taken(rows[key], order) for key in ("R_kpc", name, error_column(name)))
        ax.plot(R, value, color=colour, linestyle=dashes, linewidth=0.9, zorder=3)
        ax.fill_between(R, value - error, value + error, color=colour, alpha=0.15, linewidth=0, zorder=2)
        values.append(value)
        errors.append(error)
    values, errors = np.concatenate(values), np.concatenate(errors)
    if np.isfinite(values).any():
        bottom, top = np.nanpercentile(values, [3, 97])
        margin = 0.05 * (top - bottom) + 2 * np.nanmedian(errors) or 1.0
        ax.set_ylim(bottom - margin, top + margin)


def _trim(ax: Axes, lowest: bool) -> None:
    ax.tick_params(labelsize=TINY_PT, labelbottom=lowest, pad=1.5, length=2)
    ax.tick_params(which="minor", length=1.2)
    ax.yaxis.get_major_locator().set_params(nbins=5, prune="both")


def _headed_figure(title: str, note: str, height: float) -> tuple[Figure, float]:
    """Return a figure of page width with title and note, and where they end [mm]."""
    title_lines = wrap(title, PAGE_MM - 2 * _LEFT, FONT_PT + 1.5)
    note_lines = wrap(note, PAGE_MM - 2 * _LEFT, SMALL_PT)
    above = 2.5 + 4.8 * len(title_lines)
    top = above + 3.0 * len(note_lines) + 1.5
    figure = new_figure(PAGE_MM, top + height)
    text_mm(figure, _LEFT, 2.0, title_lines, 4.8, fontsize=FONT_PT + 1.5)
    text_mm(figure, _LEFT, above, note_lines, 3.0, fontsize=SMALL_PT, color="0.25")
    return figure, top


def common_nodes(field: Field) -> dict[float, dict[str, NDArray]]:
    """Return by radius the rows of the nodes that are fitted at every radius, in the same order."""
    radii = np.unique(field["radius_kpc"])
    fitted = is_fitted(field)
    nodes = [set(field["node"][(field["radius_kpc"] == radius) & fitted].tolist()) for radius in radii]
    shared = np.array(sorted(set.intersection(*nodes)), dtype=np.int64)
    parts = {}
    for radius in radii:
        rows = np.flatnonzero((field["radius_kpc"] == radius) & fitted & np.isin(field["node"], shared))
        rows = rows[np.argsort(field["node"][rows], kind="stable")]
        parts[float(radius)] = {name: column[rows] for name, column in field.items()}
    return parts


def _listed() -> Iterator[str]:
    for component in COMPONENTS:
        yield from (coefficient_column(component, term, 2) for term in TERMS)
    yield from (f"{constant}_kms_kpc" for constant in CONSTANTS)


@figure_style()
def draw_radius_page(field: Field, facts: FieldFacts, title: str) -> Figure:
    """Draw, for each coefficient, how many nodes differ from zero, and how large the errors are, with each radius.

    Only nodes that are fitted at every radius count; where there is none, each radius counts its own.
    """
    parts = common_nodes(field)
    which = "nodes fitted at every radius"
    if not next(iter(parts.values()))["node"].size:
        which = "nodes of each radius: none is fitted at all"
        fitted = is_fitted(field)
        radii = [radius for radius in parts if ((field["radius_kpc"] == radius) & fitted).any()]
        parts = {r: {n: c[(field["radius_kpc"] == r) & fitted] for n, c in field.items()} for r in radii}
    names, n_nodes = list(_listed()), max(part["node"].size for part in parts.values())
    note = (
        f"{facts.n_stars:,} {facts.objects}; {n_nodes:,} {which}. Errors of derivatives are multiplied with the radius "
        f"once or twice. Dotted: what chance gives beyond {SIGNIFICANT:g} errors where there is nothing, 0.27 %"
    )
    figure, top = _headed_figure(title, note, 8.0 + 3.6 * len(names) + _BELOW)
    width, height = (PAGE_MM - 34.0 - _RIGHT - 4.0) / 2, 3.6 * len(names)
    left, right = (add_axes_mm(figure, 34.0 + k * (width + 4.0), top + 6.0, width, height) for k in (0, 1))
    _draw_dots(left, right, parts, names)
    left.set_xlabel(f"nodes beyond {SIGNIFICANT:g} errors [%]", labelpad=2)
    right.set_xlabel(r"median error $\times$ radius$^{\,\mathrm{order}}$ [km s$^{-1}$]", labelpad=2)
    left.set_xlim(-2, 102)
    right.set_xscale("log")
    for ax in (left, right):
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_yticks(range(len(names)), [f"${column_symbol(name)}$" for name in names], fontsize=SMALL_PT)
        ax.minorticks_off()
        ax.tick_params(axis="y", length=0, labelleft=ax is left)
        ax.grid(axis="y", color="0.9", linewidth=0.4)
        for edge in (10, 20, 30):
            ax.axhline(edge - 0.5, color="0.5", linewidth=0.5)
    left.set_ylabel(COEFFICIENT_LABEL, labelpad=2)
    left.axvline(0.27, color="black", linestyle=":", linewidth=0.8)
    left.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(parts), fontsize=SMALL_PT, borderaxespad=0.2)
    return figure


def _draw_dots(left: Axes, right: Axes, parts: dict[float, dict[str, NDArray]], names: list[str]) -> None:
    degrees = {"kms": 0, "kms_kpc": 1, "kms_kpc2": 2}
    for k, (radius, rows) in enumerate(parts.items()):
        y = np.arange(len(names)) + 0.22 * (k - (len(parts) - 1) / 2)
        errors = [rows[error_column(name)] for name in names]
        shares = [100 * np.mean(np.abs(rows[n]) > SIGNIFICANT * e) for n, e in zip(names, errors, strict=True)]
        sizes = [
            np.median(error) * radius ** degrees[split_unit(name)[1]] for name, error in zip(names, errors, strict=True)
        ]
        style = {
            "marker": _MARKS[k % len(_MARKS)],
            "linestyle": "none",
            "markersize": 3.0,
            "color": _COLOURS[k % len(_COLOURS)],
        }
        left.plot(shares, y, label=f"radius {radius:g} kpc", **style)
        right.plot(sizes, y, **style)
