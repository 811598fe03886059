"""The page of a simulated galaxy: face-on densities and velocities, the velocity plane at the Sun, rotation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.galaxy_counts import YOUNG, GalaxyCounts
from discatlas.plotting.histograms import Histogram, smooth
from discatlas.plotting.panels import LEFT, Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, add_axes_mm, diverging_map, figure_style, new_figure

Array = NDArray[np.float64]
MIN_CELL = 10  # old particles for a mean
SHARE_INSIDE = 0.975  # of the old particles within the radius of the maps
_SIZE, _PITCH, _ABOVE, _BELOW = 61.0, 90.0, 6.0, 10.0  # of a panel, from panel to panel, title, axis label [mm]
_BAR_GAP, _BAR = 1.5, 2.6  # colour bar [mm]
_CURVE = "#b5321f"
_LETTERS = "abcdef"
_BLUR_KPC, _BLUR_KMS = 0.3, 6.0  # of the contours


@dataclass(frozen=True)
class Page:
    """What all panels of one page need: the counts, the Sun, arms, the radius of the maps and the share of colours."""

    counts: GalaxyCounts
    sun: dict[str, float]
    arms: tuple[Arm, ...]
    reach_kpc: float
    mean_width: int
    percentile: float
    curve: Mapping[str, Array] | None


Panel = tuple[str, Callable[[Axes, Page], tuple[ScalarMappable, str]]]


@figure_style()
def draw_galaxy_figure(
    counts: GalaxyCounts,
    *,
    R0_kpc: float,
    z_sun_kpc: float,
    title: str = "",
    arms: Sequence[Arm] = (),
    curve: Mapping[str, Array] | None = None,
    percentile: float = 96.0,
    where: str = "galaxy",
) -> Figure:
    """Draw the page of a galaxy from the histograms of its particles.

    Parameters
    ----------
    counts : GalaxyCounts
        See `count_galaxy`.
    R0_kpc, z_sun_kpc : float
        The Sun's distance to the Galactic centre and height above the plane.
    arms : sequence of Arm
        Spiral arms, drawn over the map of the young stars and that of v_R.
    curve : mapping of str to ndarray, optional
        ``R_kpc`` and ``v_c_kms`` of the circular velocity (contract ``potential_plane``).
    percentile : float
        Central share of the cells [per cent] inside the colour limits of the velocities, 96 or more.
    where : str
        Names the galaxy in errors.

    Raises
    ------
    DiscatlasError
        If there are no particles, or too few for a map of mean velocities or for the velocity plane at the Sun.
    """
    counts.check(where)
    reach = float(np.ceil(np.clip(_radius_of(counts.rings, SHARE_INSIDE), R0_kpc + 1, 24)))
    width = counts.old.suitable_width(5 * MIN_CELL, 0.8)
    sun = overlays.sun_coordinates(R0_kpc, z_sun_kpc)
    page = Page(counts, sun, tuple(arms), reach, width, percentile, curve)
    panels = _panels(counts)
    head = Head(title, _note(page, len(panels)))
    rows = (len(panels) + 1) // 2
    figure = new_figure(PAGE_MM, head.height + rows * (_ABOVE + _SIZE + _BELOW) + 1.0)
    head.write(figure)
    for number, (name, draw) in enumerate(panels):
        # The last one of an odd number has the whole row.
        panel_width = _SIZE + _PITCH * (number == len(panels) - 1 and number % 2 == 0)
        left, top = LEFT + _PITCH * (number % 2), head.height + _ABOVE + (number // 2) * (_ABOVE + _SIZE + _BELOW)
        ax = add_axes_mm(figure, left, top, panel_width, _SIZE)
        ax.set_title(f"({_LETTERS[number]}) {name}", loc="left", pad=3)
        mappable, label = draw(ax, page)
        draw_colour_bar(add_axes_mm(figure, left + panel_width + _BAR_GAP, top, _BAR, _SIZE), mappable, label)
    return figure


def _radius_of(rings: Histogram, share: float) -> float:
    return float(rings.quantiles(0, [share])[0])


def _panels(counts: GalaxyCounts) -> list[Panel]:
    """Name and drawing of each panel; without young stars theirs is left out."""
    young = [("surface density, young stars", _draw_young)] if counts.n_young else []
    return [
        ("surface density, old populations", _draw_old),
        *young,
        (f"mean ${labels.symbol('v_R_kms')}$", _draw_v_R),
        (f"mean ${labels.symbol('v_phi_kms')}$ less its azimuthal mean", _draw_v_phi),
        (f"velocities within {counts.local()[0]:g} kpc of the Sun", _draw_local),
        ("rotation", _draw_rotation),
    ]


def _note(page: Page, n_panels: int) -> list[str]:
    """Say what is counted and averaged; the last two panels are named by their letters."""
    counts = page.counts
    total = counts.n_old + counts.n_young
    each = ", ".join(f"{n:,} {name}" for name, n in sorted(counts.populations.items(), key=lambda item: -item[1]))
    old = ", ".join(sorted(set(counts.populations) - {YOUNG}, reverse=True))
    radius_kpc, local = counts.local()
    cell = counts.old.axes[0].size * page.mean_width
    missing = f" ({counts.n_missing:,} more lack a position or velocity)" if counts.n_missing else ""
    n_local = local.n_inside + local.n_outside
    inside = _inside_reach(page)
    return [
        f"{total:,} particles, unweighted: {each}{missing}; old populations: {old}; velocities are those of the old "
        f"populations. {100 * inside:.1f} % of these lie in the maps. Means in cells of {cell:g} kpc with at least "
        f"{MIN_CELL} particles (grey: fewer).",
        f"({_LETTERS[n_panels - 2]}) {n_local:,} old particles within {radius_kpc:g} kpc of the Sun's place in the plane "
        f"and |Z| < {counts.Z_max_kpc:g} kpc; lines: smoothed by {_BLUR_KMS:g} km/s, around 30, 60 and 90 % of them. "
        f"({_LETTERS[n_panels - 1]}) number in each column relative to its peak.",
    ]


def _inside_reach(page: Page) -> float:
    part = page.counts.old.window([(-page.reach_kpc, page.reach_kpc)] * 2, (1, 1))
    return part.n_inside / page.counts.n_old


def _face_on(histogram: Histogram, page: Page, width: int) -> Histogram:
    return histogram.window([(-page.reach_kpc, page.reach_kpc)] * 2, (width, width))


def _edges(histogram: Histogram) -> tuple[Array, Array]:
    first, second = (axis.edges for axis in histogram.axes)
    return first, second


def _draw_density(ax: Axes, page: Page, histogram: Histogram, share: float) -> tuple[ScalarMappable, str]:
    part = _face_on(histogram, page, histogram.suitable_width(MIN_CELL, share))
    density = positive(part.counts) / part.axes[0].size ** 2
    mesh = draw_mesh(ax, _edges(part), density, SEQUENTIAL, limits.count_norm(density))
    return mesh, "particles [kpc$^{-2}$]"


def _draw_old(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    drawn = _draw_density(ax, page, page.counts.old, 0.8)
    _draw_isophotes(ax, page)
    _finish_face_on(ax, page)
    return drawn


def _draw_isophotes(ax: Axes, page: Page) -> None:
    """Contours of the smoothed density, 0.25 dex apart, which show the bar."""
    part = _face_on(page.counts.old, page, 2)
    size = part.axes[0].size
    density = smooth(part.counts / size**2, _BLUR_KPC / size)
    # From forty particles under the Gaussian, within 1.5 dex of the peak: further out the disc is round.
    least = max(4 * MIN_CELL / (4 * np.pi * _BLUR_KPC**2), density.max() / 10**1.5)
    _draw_contours(ax, part, density, 10 ** (np.arange(np.ceil(4 * np.log10(least)), 4 * np.log10(density.max())) / 4))


def _draw_contours(ax: Axes, part: Histogram, values: Array, levels: Array) -> None:
    if levels.size:
        style = {"colors": "white", "linewidths": 0.6, "zorder": 2}
        lines = ax.contour(*(axis.centres for axis in part.axes), values.T, levels, **style)
        lines.set(gid=DECORATION, path_effects=[patheffects.withStroke(linewidth=1.2, foreground="0.2")])


def enclosing_levels(density: Array, shares: Sequence[float]) -> Array:
    """Return the levels of `density` whose contours enclose the given shares of its sum, in growing order."""
    falling = np.sort(density, axis=None)[::-1]
    place = np.searchsorted(np.cumsum(falling) / falling.sum(), shares)
    return np.unique(falling[np.minimum(place, falling.size - 1)])


def _draw_young(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    drawn = _draw_density(ax, page, page.counts.young, 0.6)
    _finish_face_on(ax, page, page.arms, named=True)
    return drawn


def _draw_mean(ax: Axes, page: Page, name: str) -> ScalarMappable:
    part = _face_on(page.counts.with_residual(), page, page.mean_width)
    mean = part.mean(name, MIN_CELL)
    few = (part.counts > 0) & (part.counts < MIN_CELL)
    return draw_mesh(ax, _edges(part), mean, diverging_map(), limits.linear_norm(mean, page.percentile, True), few)


def _draw_v_R(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    mesh = _draw_mean(ax, page, "v_R")
    _finish_face_on(ax, page, page.arms)
    return mesh, labels.mean_label("v_R_kms")


def _draw_v_phi(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    mesh = _draw_mean(ax, page, "residual")
    _finish_face_on(ax, page)
    v = labels.symbol("v_phi_kms")
    text = rf"$\langle {v} \rangle - \langle {v} \rangle_{{{labels.symbol('phi_deg')}}}$"
    return mesh, labels.with_unit(text, "km / s")


def _finish_face_on(ax: Axes, page: Page, arms: Sequence[Arm] = (), named: bool = False) -> None:
    """Axis labels, the Sun, the centre, circles of constant radius, and arms."""
    ax.set_xlim(-page.reach_kpc, page.reach_kpc)
    ax.set_ylim(-page.reach_kpc, page.reach_kpc)
    _label(ax, "X_kpc", "Y_kpc")
    placer = overlays.LabelPlacer(ax, (_SIZE, _SIZE), np.empty((0, 2)))
    overlays.draw_sun(ax, ("X_kpc", "Y_kpc"), page.sun, placer)
    overlays.draw_arms(ax, ("X_kpc", "Y_kpc"), arms, placer if named else None)
    placer.avoid(overlays.arm_points(arms))
    overlays.draw_circles(ax, placer, 4.0)
    overlays.draw_centre(ax)


def _draw_local(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    local = page.counts.local()[1]
    middle = float(np.round(local.quantiles(1, [0.5])[0], -1))
    ends = np.abs([*local.quantiles(0, [0.01, 0.99]), *(local.quantiles(1, [0.01, 0.99]) - middle)])
    half = float(np.ceil(1.05 * ends.max() / 10) * 10)
    part = local.fitted([(-half, half), (middle - half, middle + half)], min_count=5, share=0.5)
    counts = positive(part.counts)
    mesh = draw_mesh(ax, _edges(part), counts, SEQUENTIAL, Normalize(0, np.nanmax(counts)))
    fine = local.window([(-half, half), (middle - half, middle + half)], (1, 1))
    density = smooth(fine.counts.astype(np.float64), _BLUR_KMS / fine.axes[0].size)
    _draw_contours(ax, fine, density, enclosing_levels(density, [0.3, 0.6, 0.9]))
    _label(ax, "v_R_kms", "v_phi_kms")
    return mesh, f"{labels.COUNT} particles per cell"


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(labels.axis_label(x), labelpad=2)
    ax.set_ylabel(labels.axis_label(y), labelpad=2)


def _draw_rotation(ax: Axes, page: Page) -> tuple[ScalarMappable, str]:
    rotation = page.counts.rotation
    low, high = rotation.quantiles(1, [0.01, 0.999])
    part = rotation.fitted([(0.0, page.reach_kpc), (low, high)], min_count=20, share=0.7)
    peak = part.counts.max(axis=1, keepdims=True)
    share = np.where((part.counts > 0) & (peak >= MIN_CELL), 100 * part.counts / np.maximum(peak, 1), np.nan)
    mesh = draw_mesh(ax, _edges(part), share, SEQUENTIAL, Normalize(0, 100))
    R, mean = page.counts.azimuthal_mean(5 * MIN_CELL)
    halo = [patheffects.withStroke(linewidth=2.2, foreground="white")]
    ax.plot(R, mean, color="black", linestyle=(0, (3, 1.2)), path_effects=halo, zorder=4, label="mean")
    if page.curve is not None:
        radii, v_c = page.curve["R_kpc"], page.curve["v_c_kms"]
        ax.plot(radii, v_c, color=_CURVE, path_effects=halo, zorder=5, label="circular velocity")
    overlays.draw_sun(ax, ("R_kpc", ""), page.sun)
    frame = {"frameon": True, "framealpha": 1.0, "edgecolor": "none", "fancybox": False, "borderaxespad": 0.3}
    ax.legend(loc="lower right", **frame)
    _label(ax, "R_kpc", "v_phi_kms")
    return mesh, "share of the column's peak [%]"
