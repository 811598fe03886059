"""Fitted spiral arms among published ones: face-on, and as lines in azimuth and the logarithm of the radius."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from discatlas.arms import Arm, arm_locus
from discatlas.plotting import overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import draw_mesh
from discatlas.plotting.plane import PlaneGrid, write_corner
from discatlas.plotting.spiral_context import Columns, Context, Tables, draw_loci
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

_LEFT, _RIGHT, _GAP, _BELOW, _LEGEND = 12.0, 3.0, 13.0, 10.0, 13.0  # [mm]
_AZIMUTH_DEG = 130.0
_OTHERS = ("0.4", "#6b8e23", "#8c564b", "#5f4b8b")
# arms of one name have one colour in all sources
COLOURS = {
    "near 3-kpc": "#7f7f7f",
    "Norma": "#8e44ad",
    "Sct–Cen": "#1f77b4",
    "Scutum": "#1f77b4",
    "Sgr–Car": "#2a9d55",
    "Local": "#e08a00",
    "Orion": "#e08a00",
    "Perseus": "#c2185b",
    "Outer": "#00838f",
}


def arm_colour(label: str) -> str:
    """Return the colour of an arm by its label."""
    return COLOURS.get(label) or _OTHERS[sum(map(ord, label)) % len(_OTHERS)]


@figure_style()
def draw_loci_page(tables: Tables, context: Context) -> Figure:
    """Draw crests of the fitted arms with their range over the posterior among published arms."""
    words = (
        "Black: crests of the fitted arms, with the central 68 % of their azimuth in (b); coloured, full: Reid et al. (2019), "
        f"in their scale (R0 = 8.15 kpc), over their range of data{_others(context.other_arms)}. Grey: cells of the fit"
    )
    head = context.head(tables.posterior, words)
    side = (PAGE_MM - _LEFT - _RIGHT - _GAP) / 2
    figure = new_figure(PAGE_MM, head.height + 2.0 + side + _BELOW + _LEGEND)
    head.write(figure)
    plane = add_axes_mm(figure, _LEFT, head.height + 2.0, side, side)
    _draw_plane(plane, (side, side), tables, context)
    _draw_azimuth(add_axes_mm(figure, _LEFT + side + _GAP, head.height + 2.0, side, side), tables, context)
    _draw_legend(figure, context)
    return figure


def _others(arms: Sequence[Arm]) -> str:
    sources = dict.fromkeys(arm.source.split(";")[0].split(" (")[0] for arm in arms)
    return f"; dashed: {'; '.join(sources)}" if arms else ""


def _draw_plane(ax: Axes, size_mm: tuple[float, float], tables: Tables, context: Context) -> None:
    chart = tables.fit_map
    used = chart["used"].astype(bool)
    grid = PlaneGrid.of(chart["X_kpc"], chart["Y_kpc"], context.where)
    shade = grid.fill(np.where(used, 0.0, np.nan))
    draw_mesh(ax, grid.edges, shade, ListedColormap(["0.88"]), Normalize(0, 1)).set_gid(DECORATION)
    reach = max(context.R_limits_kpc[1], 13.0) + 1.5
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    placer = overlays.LabelPlacer(ax, size_mm, np.empty((0, 2)))
    overlays.draw_sun(ax, ("X_kpc", "Y_kpc"), overlays.sun_coordinates(context.R0_kpc, context.z_sun_kpc), placer)
    overlays.draw_centre(ax)
    overlays.draw_circles(ax, placer, step_kpc=4.0)
    for arm, style in _styled(context):
        _, _, X, Y = arm_locus(arm, 300)
        ax.plot(X, Y, **style)
    draw_loci(ax, tables.loci, width=1.6)
    ax.set_xlabel(axis_label("X_kpc"))
    ax.set_ylabel(axis_label("Y_kpc"), labelpad=1)
    write_corner(ax, "(a)")


def _styled(context: Context) -> list[tuple[Arm, dict[str, object]]]:
    """Each published arm with its line."""
    lines = [(arm, "-", 1.3) for arm in context.arms] + [(arm, (0, (4, 2)), 1.1) for arm in context.other_arms]
    return [
        (arm, {"color": arm_colour(arm.label), "linestyle": line, "linewidth": width, "zorder": 4})
        for arm, line, width in lines
    ]


def _draw_azimuth(ax: Axes, tables: Tables, context: Context) -> None:
    low, high = min(context.R_limits_kpc[0], 4.0), max(context.R_limits_kpc[1], 16.0)
    chart = tables.fit_map
    used = chart["used"].astype(bool)
    ax.set_yscale("log")
    ax.set_xlim(-_AZIMUTH_DEG, _AZIMUTH_DEG)
    ax.set_ylim(low, high)
    dots = {"s": 9.0, "color": "0.88", "linewidths": 0, "zorder": 0, "rasterized": True}
    ax.scatter(chart["phi_deg"][used], chart["R_kpc"][used], **dots).set_gid(DECORATION)
    for arm, style in _styled(context):
        R, phi, _, _ = arm_locus(arm, 300)
        ax.plot(phi, R, **style)
    _draw_crests(ax, tables.loci)
    overlays.draw_sun(ax, ("phi_deg", "R_kpc"), overlays.sun_coordinates(context.R0_kpc, context.z_sun_kpc))
    ax.set_xticks(range(-120, 121, 40))
    ticks = [R for R in (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30) if low <= R <= high]
    ax.set_yticks(ticks)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(axis_label("phi_deg"))
    ax.set_ylabel(axis_label("R_kpc"), labelpad=1)
    write_corner(ax, "(b)")


def _draw_crests(ax: Axes, loci: Columns) -> None:
    """Draw each crest and its range, unwrapped, at every turn that comes into view."""
    for arm in np.unique(loci["arm"]):
        rows = loci["arm"] == arm
        R, phi = loci["R_kpc"][rows], np.unwrap(loci["phi_deg"][rows], period=360.0)
        low, high = (phi + loci[f"phi_{end}_deg"][rows] - loci["phi_deg"][rows] for end in ("lo", "hi"))
        for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
            if not np.any(np.abs(phi + turn) < _AZIMUTH_DEG):
                continue
            ax.fill_betweenx(R, low + turn, high + turn, color="black", alpha=0.25, linewidth=0, zorder=3)
            ax.plot(phi + turn, R, color="black", linewidth=1.6, zorder=5, path_effects=overlays.HALO)


def _draw_legend(figure: Figure, context: Context) -> None:
    handles = [Line2D([], [], color="black", linewidth=1.6, label="fitted crests")]
    for arm, style in _styled(context):
        shown = {key: style[key] for key in ("color", "linestyle", "linewidth")}
        handles.append(Line2D([], [], label=arm.label, **shown))
    style = {"ncols": 6, "fontsize": SMALL_PT, "handlelength": 2.2, "columnspacing": 1.4}
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0), **style)
