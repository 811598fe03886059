"""Pages against the radius: frequencies with the pattern speed, and the spread of v_R with its gradient."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from discatlas.errors import DiscatlasError
from discatlas.plotting import overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label, unit_label
from discatlas.plotting.spiral_context import Context, Tables
from discatlas.plotting.spiral_labels import PARAMETERS, RESONANCE_COLOURS, resonance_name, rounded
from discatlas.plotting.style import PAGE_MM, SMALL_PT, TINY_PT, add_axes_mm, figure_style, new_figure

FREQUENCY_LABEL = f"frequency [{unit_label('km / (s kpc)')}]"
SPREAD_LABEL = f"$\\sigma_{{v_R}}$ [{unit_label('km / s')}]"
GRADIENT_LABEL = f"d$\\sigma_{{v_R}}$/d$R$ [{unit_label('km / (s kpc)')}]"
_LEFT, _RIGHT, _BELOW = 14.0, 3.0, 10.0  # [mm]
_NAME = 12.0  # room for the name of a resonance [mm]
_DATA, _MODEL = "#14397a", "#b5321f"


@figure_style()
def draw_resonance_page(tables: Tables, context: Context) -> Figure:
    """Draw Omega, Omega +- kappa/m and Omega +- kappa/(2m) against R, the pattern speed, and where they meet."""
    m, (low, high) = context.m, context.R_limits_kpc
    words = (
        "Curves: angular speed and its sums and differences with fractions of the epicycle frequency; grey: radii of the "
        "fit; band: central 68 % of the pattern speed; dots: resonances"
    )
    head = context.head(tables.posterior, words)
    figure = new_figure(PAGE_MM, head.height + 92.0 + _BELOW)
    head.write(figure)
    ax = add_axes_mm(figure, _LEFT, head.height + 2.0, PAGE_MM - _LEFT - _RIGHT - 24.0, 88.0)
    reach = (0.5 * low, max(1.6 * high, 1.1 * max(context.resonances.values(), default=0.0)))
    reach = (reach[0], min(reach[1], 3.0 * high))
    R = np.geomspace(*reach, 500)
    Omega, kappa = context.model.frequencies(R)
    lines = {
        "ilr": (Omega - kappa / m, rf"$\Omega - \kappa/{m}$"),
        "inner_ultraharmonic": (Omega - kappa / (2 * m), rf"$\Omega - \kappa/{2 * m}$"),
        "corotation": (Omega, r"$\Omega$"),
        "outer_ultraharmonic": (Omega + kappa / (2 * m), rf"$\Omega + \kappa/{2 * m}$"),
        "olr": (Omega + kappa / m, rf"$\Omega + \kappa/{m}$"),
    }
    speeds = context.speeds(tables.posterior)
    top = max(2.2 * speeds[1], 1.25 * float(np.interp(low, R, Omega)))
    ax.set_xlim(*reach)
    ax.set_ylim(0.0, top)
    for name, (values, text) in lines.items():
        style = {"color": RESONANCE_COLOURS[name], "linestyle": ":" if "ultra" in name else "-"}
        ax.plot(R, values, linewidth=1.4 if name == "corotation" else 1.0, **style)
        where = {"va": "center", "ha": "left", "fontsize": SMALL_PT, "clip_on": False}
        ax.text(reach[1] * 1.01, values[-1], text, color=RESONANCE_COLOURS[name], **where)
    ax.axvspan(low, high, color="0.92", zorder=0)
    ax.axhspan(speeds[0], speeds[2], color="black", alpha=0.18, linewidth=0, zorder=1)
    ax.axhline(speeds[1], color="black", linewidth=1.0, zorder=2, label=_speed_label(speeds, context.has_free_speed))
    _mark_crossings(ax, context, speeds[1], reach)
    ax.set_xlabel(axis_label("R_kpc"))
    ax.set_ylabel(FREQUENCY_LABEL)
    ax.legend(loc="upper right")
    overlays.draw_sun(ax, ("R_kpc", ""), overlays.sun_coordinates(context.R0_kpc, context.z_sun_kpc))
    return figure


def _speed_label(speeds: tuple[float, float, float], is_free: bool) -> str:
    printed = PARAMETERS["pattern_speed_kms_kpc"]
    value = rounded(speeds[1], speeds[0], speeds[2]) if is_free else f"${speeds[1]:g}$"
    return f"${printed.symbol}$ = {value} {printed.unit}"


def _mark_crossings(ax: Axes, context: Context, speed: float, reach: tuple[float, float]) -> None:
    """Mark and name the resonances; names that would run into each other stand in turn above and below the line."""
    radii = {name: R for name, R in context.radii(speed).items() if reach[0] < R < reach[1]}
    share = np.diff(sorted(radii.values())).min(initial=np.inf) / (reach[1] - reach[0])
    is_close = share * (PAGE_MM - _LEFT - _RIGHT) < _NAME
    for number, (name, R) in enumerate(sorted(radii.items(), key=lambda item: item[1])):
        ax.plot([R], [speed], "o", color=RESONANCE_COLOURS[name], markersize=4, markeredgecolor="white", zorder=5)
        # the curves fall outward: above on the right and below on the left there is room
        where = {"xytext": (3, 3), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        if 0.85 * reach[1] < R or (is_close and number % 2):
            where |= {"xytext": (-3, -3), "ha": "right", "va": "top"}
        text = f"{resonance_name(name, context.m)}\n{R:.1f} kpc"
        ax.annotate(text, (R, speed), fontsize=TINY_PT + 0.5, path_effects=overlays.HALO, zorder=6, **where)


@figure_style()
def draw_spread_page(tables: Tables, context: Context) -> Figure:
    """Draw the spread of v_R over the cells of annuli against R (upper panel) and its gradient (lower panel)."""
    profile = tables.profile
    if not np.isfinite(profile["spread_kms"]).any():
        raise DiscatlasError(f"{context.where}: no annulus has enough cells for a spread; widen profile_step_kpc")
    words = (
        "Spread: half of the difference between the 84th and 16th percentiles of v_R over the cells of an annulus (Tang et al. "
        "2026, Eq. 15); band: central 68 % of the fitted response with noise as in the map; upright lines: resonances; dashed: "
        "the Sun"
    )
    head = context.head(tables.posterior, words)
    upper, lower = 58.0, 40.0
    figure = new_figure(PAGE_MM, head.height + upper + lower + _BELOW + 6.0)
    head.write(figure)
    width = PAGE_MM - _LEFT - _RIGHT
    axes = [add_axes_mm(figure, _LEFT, head.height + 4.0, width, upper)]
    axes.append(add_axes_mm(figure, _LEFT, head.height + 4.0 + upper, width, lower))
    R = profile["R_kpc"]
    step = float(np.median(np.diff(R))) if R.size > 1 else 1.0
    names = (("spread", "kms"), ("gradient", "kms_kpc"))
    for number, (ax, (name, unit)) in enumerate(zip(axes, names, strict=True)):
        bars = {"fmt": "o", "markersize": 3.2, "elinewidth": 0.8, "color": _DATA, "zorder": 4}
        ax.errorbar(R, profile[f"{name}_{unit}"], yerr=profile[f"{name}_error_{unit}"], label="map", **bars)
        ax.plot(
            R, profile[f"{name}_model_{unit}"], "-", color=_MODEL, label="most likely response, without noise", zorder=3
        )
        ax.set_xlim(R.min() - step / 2, R.max() + step / 2)
        context.draw_lines(ax, context.resonances, *ax.get_xlim(), named=number == 0)
        overlays.draw_sun(ax, ("R_kpc", ""), overlays.sun_coordinates(context.R0_kpc, context.z_sun_kpc))
    band = (profile["spread_model_lo_kms"], profile["spread_model_hi_kms"])
    axes[0].fill_between(R, *band, color=_MODEL, alpha=0.2, linewidth=0, label="with noise", zorder=2)
    axes[0].set_ylim(bottom=0.0)
    axes[0].set_ylabel(SPREAD_LABEL)
    axes[0].tick_params(labelbottom=False)
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    order = ["map", "most likely response, without noise", "with noise"]
    axes[0].legend([handles[text] for text in order], order, loc="best")
    axes[1].axhline(0.0, color="0.5", linewidth=0.5, gid=DECORATION)
    axes[1].set_ylabel(GRADIENT_LABEL)
    axes[1].set_xlabel(axis_label("R_kpc"))
    figure.align_ylabels(axes)
    return figure
