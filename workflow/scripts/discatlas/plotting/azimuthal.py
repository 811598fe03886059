"""Deviations from the mean at the same radius, against azimuth, and the power of each azimuthal wave."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm, arm_locus
from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels
from discatlas.plotting.cells import DECORATION, infix
from discatlas.plotting.panels import Head
from discatlas.plotting.style import PAGE_MM, SMALL_PT, TINY_PT, add_axes_mm, figure_style, new_figure
from discatlas.plotting.wrapping import width_mm

WAVE_LABEL, POWER_LABEL = "azimuthal wavenumber $m$", r"power $\Delta\chi^2$"
DIMENSIONLESS = (WAVE_LABEL, POWER_LABEL)
_LEFT, _RIGHT, _HEIGHT, _PITCH, _BELOW = 12.0, 2.5, 42.0, 56.0, 9.0  # [mm]
_WIDE, _POWER_LEFT = 106.0, 132.0  # width of the left panels, left edge of the right ones [mm]
_POINT, _LINE, _SIGNIFICANT, _FAINT = "#14397a", "#5d8fd3", "#b5321f", "0.72"
_ARM = "#d9a441"
_NARROWEST = 1.0  # range of azimuth that is shaded [deg]
Columns = Mapping[str, NDArray]


def deviation_quantity(columns: Columns, where: str) -> str:
    """Return the quantity, such as ``feh_dex``, of a table of deviations, from its columns."""
    for name in columns:
        base, suffix = split_unit(name)
        if base.endswith("_deviation"):
            return join_unit(base.removesuffix("_deviation"), suffix)
    raise DiscatlasError(f"{where}: no column of deviations; it has: {', '.join(columns)}; make it with its rule")


def arm_crossings(arm: Arm, R_low_kpc: float, R_high_kpc: float) -> list[tuple[float, float]]:
    """Return the ranges of azimuth [deg] in which an arm's locus lies in the annulus, in order."""
    R_kpc, phi_deg, _, _ = arm_locus(arm, 2000)
    inside = np.concatenate([[0], (R_kpc >= R_low_kpc) & (R_kpc < R_high_kpc), [0]])
    steps = np.diff(inside.astype(np.int64))
    first, last = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1
    return [(float(phi_deg[i]), float(phi_deg[j])) for i, j in zip(first, last, strict=True)]


@figure_style()
def draw_azimuthal_figure(
    bins: Columns,
    waves: Columns,
    annuli: Sequence[Mapping[str, Any]],
    quantity: str,
    *,
    arms: Sequence[Arm] = (),
    title: str,
    objects: str,
    note: Sequence[str],
) -> Figure:
    """Draw, for each annulus, the deviations against azimuth and the power of each wavenumber.

    Parameters
    ----------
    bins, waves : mapping of str to ndarray
        Columns of contracts ``azimuthal_variation`` and ``azimuthal_waves``.
    annuli : sequence of mappings
        One record per annulus with ``annulus``, ``n_stars``, ``p_value`` of all sectors and ``p_any_wave``.
    arms : sequence of Arm
        Ranges of azimuth in which an arm runs through the annulus are shaded.

    Raises
    ------
    DiscatlasError
        If no bin has a deviation.
    """
    names = (infix(quantity, "deviation"), infix(quantity, "deviation_error"))
    if not np.isfinite(bins[names[0]]).any():
        raise DiscatlasError("azimuthal variation: no bin has a deviation: nothing to draw; see min_stars")
    numbers = np.unique(bins["annulus"])
    head = Head(title, note)
    figure = new_figure(PAGE_MM, head.height + 4.0 + _PITCH * (numbers.size - 1) + _HEIGHT + _BELOW)
    head.write(figure)
    limits, range_deg = _common_limits(bins, names), _common_range(bins, names[0])
    powers = waves["power"][np.isfinite(waves["power"])]
    records = {int(record["annulus"]): record for record in annuli}
    for k, number in enumerate(numbers):
        top = head.height + 4.0 + k * _PITCH
        left = add_axes_mm(figure, _LEFT, top, _WIDE, _HEIGHT)
        right = add_axes_mm(figure, _POWER_LEFT, top, PAGE_MM - _POWER_LEFT - _RIGHT, _HEIGHT)
        rows = {name: column[bins["annulus"] == number] for name, column in bins.items()}
        _draw_deviations(left, rows, quantity, (range_deg, limits), arms)
        _write_annulus(left, rows, records.get(int(number), {}), "abcdefghij"[2 * k % 10], objects)
        _draw_power(right, {name: column[waves["annulus"] == number] for name, column in waves.items()}, powers)
        right.set_title(f"({'bcdefghijk'[2 * k % 10]})", loc="left", pad=3)
    return figure


def azimuthal_note(provenance: Mapping[str, Any], objects: str, with_arms: bool) -> list[str]:
    """Return the lines below the title: what is averaged, which null the p-values have, what is drawn."""
    chosen = [provenance["selection"]] if provenance.get("selection") else []
    chosen += ["disc stars by their velocities"] if provenance.get("halo_cut") else []
    window = f"mean of all {objects} within {provenance['R_window_kpc']:g} kpc in R"
    null = {"blocks": f"blocks of {provenance['block_kpc']:g} kpc", "stars": "single stars"}[provenance["null"]]
    arms = ". Shaded: arms of Reid et al. (2019) in the annulus" if with_arms else ""
    return [
        f"Deviation from the {window}; selection: {' and '.join(chosen) or 'none'}{arms}",
        f"p-values: {provenance['n_permutations']:,} permutations of {null} within the annulus. Thin bars: standard errors; "
        "thick ones: as if stars were independent",
    ]


def _common_limits(bins: Columns, names: tuple[str, str]) -> tuple[float, float]:
    """Limits of the deviations, the same for all annuli, symmetric about zero, with room for the arms' names."""
    value, error = bins[names[0]], np.nan_to_num(bins[names[1]])
    known = np.isfinite(value)
    reach = float(np.max((np.abs(value) + error)[known])) or 0.1
    return -1.12 * reach, 1.34 * reach


def _common_range(bins: Columns, name: str) -> tuple[float, float]:
    """Range of azimuth of the bins with a deviation and one more on both sides, within that of all bins."""
    centres = np.unique(bins["phi_centre_deg"])
    step = float(np.min(np.diff(centres))) if centres.size > 1 else 10.0
    known = bins["phi_centre_deg"][np.isfinite(bins[name])]
    low, high = max(known.min() - step, centres.min()), min(known.max() + step, centres.max())
    return float(low - step / 2), float(high + step / 2)


def _draw_deviations(
    ax: Axes, rows: Columns, quantity: str, limits: tuple[tuple[float, float], ...], arms: Sequence[Arm]
) -> None:
    value, error, plain = (rows[infix(quantity, word)] for word in ("deviation", "deviation_error", "star_error"))
    phi = np.where(np.isfinite(rows["phi_mean_deg"]), rows["phi_mean_deg"], rows["phi_centre_deg"])
    known = np.isfinite(value)
    gapped = np.where(known, value, np.nan)
    ax.plot(phi, gapped, color=_LINE, linewidth=0.7, zorder=3)
    bars = {"linestyle": "none", "color": _POINT, "zorder": 4}
    ax.errorbar(phi[known], value[known], yerr=error[known], fmt="o", markersize=2.8, elinewidth=0.7, **bars)
    ax.errorbar(phi[known], value[known], yerr=plain[known], fmt="none", elinewidth=1.8, ecolor=_POINT, zorder=4)
    ax.axhline(0.0, color="0.4", linewidth=0.5, zorder=1, gid=DECORATION)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])
    ax.set_xlabel(labels.axis_label("phi_deg"), labelpad=1)
    symbol = rf"$\langle\delta{labels.symbol(quantity)}\rangle$"
    ax.set_ylabel(labels.with_unit(symbol, labels.column_unit(quantity)), labelpad=2)
    _shade_arms(ax, arms, float(rows["R_low_kpc"][0]), float(rows["R_high_kpc"][0]))


def _shade_arms(ax: Axes, arms: Sequence[Arm], R_low_kpc: float, R_high_kpc: float) -> None:
    """Shade where arms run through the annulus; each name stands at the first height where it meets no other."""
    low, high = ax.get_xlim()
    taken: list[tuple[int, float, float]] = []
    for arm in arms:
        for ends in arm_crossings(arm, R_low_kpc, R_high_kpc):
            first, last = np.clip(ends, low, high)
            if last - first < _NARROWEST:
                continue
            half = 0.55 * width_mm(arm.label, TINY_PT) * (high - low) / _WIDE
            middle = float(np.clip((first + last) / 2, low + half, high - half))
            left, right = min(first, middle - half) - 0.5, max(last, middle + half) + 0.5
            free = (k for k in range(9) if not any(k == at and left < b and right > a for at, a, b in taken))
            level = next(free, 8)
            taken.append((level, left, right))
            ax.axvspan(first, last, color=_ARM, alpha=0.16, linewidth=0, zorder=0, gid=DECORATION)
            y = 0.98 - 0.075 * level
            line = {"transform": ax.get_xaxis_transform(), "color": _ARM, "gid": DECORATION}
            ax.plot([first, last], [y, y], linewidth=1.0, solid_capstyle="butt", **line)
            text = {"transform": ax.get_xaxis_transform(), "fontsize": TINY_PT, "ha": "center", "va": "top"}
            ax.text(middle, y - 0.01, arm.label, color="0.25", **text)


def _write_annulus(ax: Axes, rows: Columns, record: Mapping[str, Any], letter: str, objects: str) -> None:
    words = f"({letter}) {rows['R_low_kpc'][0]:g} < $R$ < {rows['R_high_kpc'][0]:g} kpc"
    ax.set_title(words, loc="left", pad=3)
    n_stars = int(record.get("n_stars", rows["n_stars"].sum()))
    tests = f"sectors {format_p(record.get('p_value'))}, best wave {format_p(record.get('p_any_wave'))}"
    ax.set_title(f"{n_stars:,} {objects}; {tests}", loc="right", pad=3, fontsize=SMALL_PT + 0.5)


def format_p(p_value: float | None) -> str:
    """Return a p-value as it is printed: ``p = 0.012``; unknown ones are said to be."""
    if p_value is None or not np.isfinite(p_value):
        return "$p$ unknown"
    return f"$p$ = {p_value:.2g}" if p_value < 0.1 else f"$p$ = {p_value:.2f}"


def _draw_power(ax: Axes, rows: Columns, powers: NDArray[np.float64]) -> None:
    """Draw the power of each wavenumber, with its p-value above, dark where this is below 1 %."""
    known = np.isfinite(rows["power"])
    m, power, p_value = rows["m"][known], rows["power"][known], rows["p_value"][known]
    colours = [_SIGNIFICANT if p < 0.01 else _POINT if p < 0.05 else _FAINT for p in p_value]
    ax.bar(m, power, width=0.62, color=colours, zorder=2)
    top = float(powers.max()) if powers.size and powers.max() > 0 else 1.0
    for x, height, p in zip(m, power, p_value, strict=True):
        text = {"fontsize": TINY_PT, "ha": "center", "va": "bottom", "color": "0.25"}
        ax.text(x, height + 0.02 * top, f"{p:.2g}" if p < 0.1 else f"{p:.2f}", **text)
    ax.set_ylim(0, 1.14 * top)
    ax.set_xlim(0.4, rows["m"].max() + 0.6)
    ax.set_xticks(rows["m"])
    ax.tick_params(axis="x", which="minor", bottom=False, top=False)
    ax.set_xlabel(WAVE_LABEL, labelpad=1)
    ax.set_ylabel(POWER_LABEL, labelpad=2)
