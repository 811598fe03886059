"""Profiles: mean, median and intrinsic dispersion of one quantity along one axis."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.cells import COLOUR_BAR, MapFacts, draw_cells, infix
from discatlas.plotting.style import COLUMN_MM, FONT_PT, SMALL_PT, add_axes_mm, figure_style, new_figure, text_mm
from discatlas.plotting.wrapping import wrap

MAX_POINTS = 20_000
_LEFT, _RIGHT, _BAR, _UPPER, _LOWER, _BELOW = 12.5, 2.5, 13.5, 48.0, 24.0, 10.0  # [mm]
_MEAN, _MEDIAN, _DISPERSION = "#b5321f", "#14397a", "#14397a"


@dataclass(frozen=True)
class Background:
    """What lies behind a profile: a map of counts in (axis, quantity), or the stars themselves.

    `cells` are columns of contract ``map`` with its `facts`; `points` has shape (n, 2), at most 20,000 stars.
    """

    cells: Mapping[str, NDArray] | None = None
    facts: MapFacts | None = None
    points: NDArray[np.float64] | None = None


@figure_style()
def draw_profile_figure(
    profile: Mapping[str, NDArray],
    facts: MapFacts,
    quantity: str,
    *,
    R0_kpc: float,
    z_sun_kpc: float = 0.0,
    title: str = "",
    background: Background | None = None,
    percentile: float = 98.0,
) -> Figure:
    """Draw mean with its standard error and median of `quantity` (upper panel) and its intrinsic dispersion (lower).

    Points stand at the mean coordinate of the stars in each bin, which is not its centre where the density is steep.

    Parameters
    ----------
    profile : mapping of str to ndarray, shape (m,)
        Columns of contract ``map`` with one axis; NaN where a bin has too few stars.
    facts : MapFacts
        Axis, bins, selection and counts.
    quantity : str
        Column name with its unit, for example ``v_phi_kms``.
    R0_kpc, z_sun_kpc : float
        Where the Sun's place on the axis is known, a dashed line marks it.
    background : Background, optional
        Density of stars, or the stars, drawn behind.

    Raises
    ------
    DiscatlasError
        If the profile has not one axis, no such quantity, no bin with enough stars, or too many points behind it.
    """
    _check(profile, facts, quantity, background)
    with_bar = background is not None and background.cells is not None
    title_lines = wrap(title, COLUMN_MM - _LEFT - _RIGHT, FONT_PT + 1)
    note = wrap(_note(profile, facts, quantity), COLUMN_MM - _LEFT - _RIGHT, SMALL_PT)
    above = 2.0 + 4.5 * len(title_lines)
    top = above + 2.9 * len(note) + 2.0
    figure = new_figure(COLUMN_MM, top + _UPPER + _LOWER + _BELOW)
    text_mm(figure, _LEFT, 1.5, title_lines, 4.5, fontsize=FONT_PT + 1)
    text_mm(figure, _LEFT, above, note, 2.9, fontsize=SMALL_PT, color="0.25")
    profile = with_gaps(profile)
    width = COLUMN_MM - _LEFT - (_BAR if with_bar else _RIGHT)
    upper = add_axes_mm(figure, _LEFT, top, width, _UPPER)
    lower = add_axes_mm(figure, _LEFT, top + _UPPER, width, _LOWER)
    _draw_mean(upper, profile, facts, quantity, percentile, background)
    if with_bar:
        _draw_bar(figure, upper, add_axes_mm(figure, _LEFT + width + 1.5, top, 2.4, _UPPER), facts.objects)
    _draw_dispersion(lower, profile, facts, quantity)
    sun = overlays.sun_coordinates(R0_kpc, z_sun_kpc)
    for ax in (upper, lower):
        ax.set_xlim(*facts.limits[0])
        overlays.draw_sun(ax, (facts.axes[0], ""), sun)
    figure.align_ylabels((upper, lower))
    return figure


def _check(profile: Mapping[str, NDArray], facts: MapFacts, quantity: str, background: Background | None) -> None:
    where = f"profile along {', '.join(facts.axes)}"
    if len(facts.axes) != 1:
        raise DiscatlasError(f"{where}: a profile needs one axis; draw a map of two axes with rule plot_map")
    column = infix(quantity, "ml_mean")
    if column not in profile:
        raise DiscatlasError(f"{where}: no {column!r}{nearest(column, profile)}; add {quantity!r} to its quantities")
    if not np.isfinite(profile[column]).any():
        needed = f"{facts.min_stars} stars with {quantity}"
        raise DiscatlasError(f"{where}: no bin has {needed}; lower min_stars or widen the bins")
    if background is None:
        return
    if background.facts is not None and background.facts.axes != (facts.axes[0], quantity):
        got, expected = ", ".join(background.facts.axes), f"{facts.axes[0]}, {quantity}"
        raise DiscatlasError(f"{where}: the density behind it has axes {got}, expected {expected}")
    if background.points is not None and len(background.points) > MAX_POINTS:
        raise DiscatlasError(f"{where}: {len(background.points):,} points, at most {MAX_POINTS:,}; use a density map")


def _note(profile: Mapping[str, NDArray], facts: MapFacts, quantity: str) -> str:
    measured = int(np.sum(profile[f"{split_unit(quantity)[0]}_n_stars"]))
    n_bins = int(np.count_nonzero(np.isfinite(profile[infix(quantity, "ml_mean")])))
    return f"{measured:,} {facts.objects}; {n_bins:,} bins with at least {facts.min_stars}; {facts.selection_note(quantity)}"


def with_gaps(profile: Mapping[str, NDArray]) -> dict[str, NDArray[np.float64]]:
    """Return the columns in order of the bins, with NaN in bins that have no row, so that curves break there."""
    place = profile["cell"].astype(np.int64) - int(np.min(profile["cell"]))
    columns = {name: np.full(place.max() + 1, np.nan) for name in profile}
    for name, column in columns.items():
        column[place] = profile[name]
    return columns


def _coordinates(profile: Mapping[str, NDArray], facts: MapFacts) -> NDArray[np.float64]:
    return np.asarray(profile[infix(facts.axes[0], "mean")], dtype=np.float64)


def _draw_mean(
    ax: Axes,
    profile: Mapping[str, NDArray],
    facts: MapFacts,
    quantity: str,
    percentile: float,
    background: Background | None,
) -> None:
    x = _coordinates(profile, facts)
    mean, error = profile[infix(quantity, "ml_mean")], profile[infix(quantity, "ml_mean_error")]
    median = profile[infix(quantity, "median")]
    low, high = np.nanmin(np.append(mean - error, median)), np.nanmax(np.append(mean + error, median))
    if background is not None:
        behind_low, behind_high = _draw_background(ax, background, percentile)
        low, high = min(low, behind_low), max(high, behind_high)
    rim = {"markeredgecolor": _MEAN if background is None else "white", "markeredgewidth": 0.3}
    bars = {"elinewidth": 0.8, "capsize": 1.2, "capthick": 0.6}
    ax.errorbar(x, mean, error, fmt="o", color=_MEAN, markersize=2.6, zorder=5, label="mean, 68 % error", **bars, **rim)
    ax.plot(x, median, color=_MEDIAN, marker="o", markersize=1.3, linewidth=0.9, zorder=4, label="median")
    margin = 0.08 * (high - low) or 1.0
    # Room for the legend above the data.
    ax.set_ylim(low - margin, high + margin + 0.1 * (high - low))
    ax.set_ylabel(labels.axis_label(quantity), labelpad=2)
    ax.tick_params(labelbottom=False)
    frame = {"frameon": True, "framealpha": 1.0, "edgecolor": "none", "fancybox": False, "borderaxespad": 0.3}
    ax.legend(loc="upper right", ncols=2, handlelength=1.4, columnspacing=1.0, **frame)


def _draw_background(ax: Axes, background: Background, percentile: float) -> tuple[float, float]:
    """Draw stars or their density in grey; return the range of the quantity that holds the central stars."""
    if background.points is not None:
        points = background.points[np.isfinite(background.points).all(axis=1)]
        ax.plot(
            points[:, 0],
            points[:, 1],
            "o",
            color="0.62",
            markersize=0.9,
            markeredgewidth=0,
            zorder=1,
            rasterized=len(points) > 5000,
        )
        return limits.central_range(points[:, 1], percentile)
    cells, facts = background.cells, background.facts
    centres = np.stack([cells[infix(axis, "centre")] for axis in facts.axes], axis=1).astype(np.float64)
    counts = cells["n_stars"].astype(np.float64)
    draw_cells(ax, facts, centres, counts, _greys(), limits.count_norm(counts))
    order = np.argsort(centres[:, 1], kind="stable")
    share = np.cumsum(counts[order]) / counts.sum()
    tail = (100 - percentile) / 200
    return tuple(float(np.interp(level, share, centres[order, 1])) for level in (tail, 1 - tail))


def _greys() -> ListedColormap:
    """Greys that stay light enough for the curves over them."""
    return ListedColormap(colormaps["Greys"](np.linspace(0.06, 0.62, 256)), name="discatlas_greys")


def _draw_bar(figure: Figure, ax: Axes, bar: Axes, objects: str) -> None:
    bar.set_label(COLOUR_BAR)
    colour_bar = figure.colorbar(ax.collections[0], cax=bar)
    colour_bar.set_label(f"{labels.COUNT} {objects}", labelpad=1)
    colour_bar.outline.set_linewidth(0.5)


def _draw_dispersion(ax: Axes, profile: Mapping[str, NDArray], facts: MapFacts, quantity: str) -> None:
    base, suffix = split_unit(quantity)
    x = _coordinates(profile, facts)
    names = (join_unit(f"sigma_{base}{end}", suffix) for end in ("", "_lo", "_hi"))
    sigma, low, high = (np.asarray(profile[name], dtype=np.float64) for name in names)
    ax.fill_between(x, low, high, color=_DISPERSION, alpha=0.22, linewidth=0, zorder=2)
    interval = np.clip([sigma - low, high - sigma], 0, None)
    ax.errorbar(
        x, sigma, yerr=interval, fmt="o-", color=_DISPERSION, markersize=2.0, linewidth=0.8, elinewidth=0.5, zorder=3
    )
    top, bottom = np.nanmax(np.append(high, sigma)), np.nanmin(np.append(low, sigma))
    margin = 0.12 * (top - bottom) or 1.0
    ax.set_ylim(max(bottom - margin, 0.0), top + margin)
    ax.set_xlabel(labels.axis_label(facts.axes[0]), labelpad=2)
    ax.set_ylabel(labels.dispersion_label(quantity), labelpad=2)
    ax.yaxis.get_major_locator().set_params(prune="upper", nbins=5)
