"""Ridges of moving groups of a sample and of a model, over the density of either (Khalil et al. 2025, Figs. 9 and 10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from discatlas.bar_spirals.ridge_pages import RIDGE_PAGES
from discatlas.bar_spirals.ridge_tables import NamedRidge, read_ridges
from discatlas.bar_spirals.volumes import AXES, COORDINATES
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import limits, overlays, top_bars
from discatlas.plotting.labels import COUNT, axis_label
from discatlas.plotting.panels import Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
RELATIVE_LABEL = "distribution of $v_\\varphi$ over its maximum"
DIMENSIONLESS = (RELATIVE_LABEL,)
_LEFT, _BAR, _BELOW, _HIGH = 13.0, 13.0, 10.0, 62.0  # left margin, room for the bar, below, height of a panel [mm]
_BETWEEN, _OVER = 5.0, 2.0  # between panels, above each [mm]
_PER_LINE, _SMALL_BETWEEN = 4, 3.0
_OURS, _THEIRS, _MARKED = "white", "#ff5a36", "#7dff6b"
_NEAR_KMS = 15.0  # the marked ridge lies nearer than this to the velocity asked for
_ROUND = 6
_EDGE = 0.06  # of the length of an axis, near whose ends there are no numbers


@dataclass(frozen=True)
class RidgeSet:
    """Ridges of a sample or a model, and the density behind them: columns of contract ``ridges_density``."""

    ridges: tuple[NamedRidge, ...]
    density: Mapping[str, NDArray]
    words: str

    @classmethod
    def of(cls, ridges: Mapping[str, NDArray], density: Mapping[str, NDArray], words: str) -> Self:
        """Build the set from the columns of its two tables; `words` name it in texts."""
        return cls(tuple(read_ridges(ridges)), density, words)

    @property
    def is_sample(self) -> bool:
        """Whether the density is that of counted stars."""
        return "n_stars" in self.density

    def rows(self, *axes: str) -> list[int]:
        """Return the numbers of the rows along some axes."""
        return [int(row) for row in np.unique(self.density["row"][np.isin(self.density["axis"], axes)])]

    def of_row(self, row: int) -> list[NamedRidge]:
        """Return the ridges of a row."""
        return [ridge for ridge in self.ridges if ridge.row == row]

    def image(self, row: int) -> "Image":
        """Return the density of a row as an image."""
        here = self.density["row"] == row
        part = {name: values[here] for name, values in self.density.items()}
        axis = str(part["axis"][0])
        places, velocities = np.unique(part[AXES[axis]].round(_ROUND)), np.unique(part["v_phi_kms"].round(_ROUND))
        values = part["n_stars" if self.is_sample else "density"].astype(float).reshape(places.size, velocities.size)
        fixed = {name: float(part[name][0]) for name in COORDINATES if name != AXES[axis]}
        return Image(axis, places, velocities, values, fixed)


@dataclass(frozen=True)
class Image:
    """Density of one row, shape (n_places, n_bins), and where it is."""

    axis: str
    places: Array
    velocities: Array
    values: Array
    fixed: dict[str, float]

    @property
    def edges(self) -> tuple[Array, Array]:
        """Edges of the places and of the bins."""
        return _edges(self.places), _edges(self.velocities)

    def merged(self) -> Self:
        """Return the image with bins of v_phi merged to about the extent of a place."""
        width = max(round(float(np.diff(self.places)[0] / np.diff(self.velocities)[0])), 1)
        n = self.velocities.size // width
        values = self.values[:, : n * width].reshape(self.places.size, n, width).sum(axis=2)
        velocities = self.velocities[: n * width].reshape(n, width).mean(axis=1)
        return type(self)(self.axis, self.places, velocities, values, self.fixed)


def _edges(centres: Array) -> Array:
    step = centres[1] - centres[0]
    return np.append(centres - step / 2, centres[-1] + step / 2)


def marked_ridge(ridges: Sequence[NamedRidge], place: float, v_phi_kms: float | None) -> NamedRidge | None:
    """Return the ridge nearest to a velocity at a place, or None where none is near it."""
    if v_phi_kms is None:
        return None
    away = [(abs(float(ridge.velocity(np.array([place]))[0]) - v_phi_kms), k) for k, ridge in enumerate(ridges)]
    near = [pair for pair in away if pair[0] < _NEAR_KMS]
    return ridges[min(near)[1]] if near else None


@figure_style()
def draw_ridge_page(
    page: str,
    sample: RidgeSet | None,
    model: RidgeSet,
    settings: Mapping[str, Any],
    *,
    marked_kms: float | None,
    title: str,
    note: Sequence[str],
    where: str,
) -> Figure:
    """Draw one of `RIDGE_PAGES`.

    ``model`` and ``sample`` show the density of either against R at the azimuth of the Sun and against azimuth at its radius,
    a row of panels for each v_R; ``planes`` shows the sample's stars in the plane of velocities at several places. White
    are the ridges of the sample, the one nearest to `marked_kms` at the Sun green, red those of the model.

    Parameters
    ----------
    sample : RidgeSet or None
        None leaves only the page ``model``.
    settings : mapping
        Those of the ridges: see `discatlas.bar_spirals.volumes.VolumeSettings`.
    where : str
        The file, for messages.

    Raises
    ------
    DiscatlasError
        For an unknown page, and one that needs a sample where there is none.
    """
    if page not in RIDGE_PAGES:
        raise DiscatlasError(f"{where}: no page {page!r}{nearest(page, RIDGE_PAGES)}; pages: {', '.join(RIDGE_PAGES)}")
    if page != "model" and sample is None:
        raise DiscatlasError(f"{where}: page {page!r} needs a sample; without one there is only 'model'")
    head = Head(title, [*_note(page, sample, model, settings, marked_kms), *note])
    if page == "planes":
        return _draw_planes(sample, model, head)
    shown = model if page == "model" else sample
    return _draw_rows(shown, sample, model, settings, marked_kms, head)


def _note(
    page: str, sample: RidgeSet | None, model: RidgeSet, settings: Mapping[str, Any], marked_kms: float | None
) -> list[str]:
    volumes = (
        f"volumes of {settings['R_width_kpc']:g} kpc with |φ| < {settings['phi_half_deg']:g}° and of "
        f"{settings['phi_width_deg']:g}° with |R - {settings['R0_kpc']:g} kpc| < {settings['R_half_kpc']:g} kpc"
    )
    if page == "planes":
        volumes = (
            f"within {settings['R_half_kpc']:g} kpc in R and {settings['phi_half_deg']:g}° of each place, slices of "
            f"{settings['v_R_step_kms']:g} km/s in radial velocity"
        )
    if page == "sample":
        volumes += f"; grey: fewer than {settings['min_stars']:g} stars"
    green = f" (green: nearest to {marked_kms:g} km/s at the Sun)" if marked_kms and page != "planes" else ""
    lines = f"White: {sample.words}{green}; red" if sample else "Red"
    return [f"{lines}: {model.words}. Wavelet of {settings['scale_kms']:g} km/s; {volumes}"]


def _draw_rows(
    shown: RidgeSet,
    sample: RidgeSet | None,
    model: RidgeSet,
    settings: Mapping[str, Any],
    marked_kms: float | None,
    head: Head,
) -> Figure:
    v_R = sorted({shown.image(row).fixed["v_R_kms"] for row in shown.rows("R")}, reverse=True)
    width = (PAGE_MM - _LEFT - _BAR - _BETWEEN) / 2
    height = min(_HIGH, (235.0 - head.height) / len(v_R) - _OVER)
    figure = new_figure(PAGE_MM, head.height + len(v_R) * (height + _OVER) + _BELOW)
    head.write(figure)
    for row in shown.rows("R", "phi"):
        image = shown.image(row)
        line, column = v_R.index(image.fixed["v_R_kms"]), int(image.axis == "phi")
        top = head.height + _OVER + line * (height + _OVER)
        ax = add_axes_mm(figure, _LEFT + column * (width + _BETWEEN), top, width, height)
        mesh = _draw_relative(ax, image, settings["min_stars"] if shown.is_sample else None)
        ours, place = sample.of_row(row) if sample else [], (0.0 if column else settings["R0_kpc"])
        _draw_ridges(ax, ours, model.of_row(row), marked_ridge(ours, place, marked_kms))
        _finish(ax, (line == len(v_R) - 1, column == 0), AXES[image.axis])
        other = "$\\varphi = 0$°" if image.axis == "R" else f"$R = {image.fixed['R_kpc']:g}$ kpc"
        _write_place(
            ax, f"({'abcdefghijkl'[2 * line + column]}) $v_R = {image.fixed['v_R_kms']:g}$ km s$^{{-1}}$, {other}"
        )
    bar = add_axes_mm(figure, PAGE_MM - _BAR + 2.5, head.height + _OVER, 2.5, height)
    draw_colour_bar(bar, mesh, RELATIVE_LABEL)
    return figure


def _draw_relative(ax: Axes, image: Image, min_stars: int | None) -> Any:  # noqa: ANN401
    """Draw the distributions of v_phi over their maxima; volumes with too few stars are grey."""
    top = image.values.max(axis=1, keepdims=True)
    few = image.values.sum(axis=1) < min_stars if min_stars is not None else np.zeros(image.places.size, bool)
    if few.all():
        text = f"fewer than {min_stars:g} stars in each volume"
        ax.text(
            0.5,
            0.05,
            text,
            transform=ax.transAxes,
            ha="center",
            fontsize=SMALL_PT,
            zorder=8,
            path_effects=overlays.HALO,
        )
    relative = np.where(few[:, None], np.nan, image.values / np.maximum(top, 1e-300))
    grey = np.broadcast_to(few[:, None], relative.shape)
    return draw_mesh(ax, image.edges, relative, SEQUENTIAL, limits.Normalize(0, 1), grey)


def _draw_ridges(
    ax: Axes, ours: Sequence[NamedRidge], theirs: Sequence[NamedRidge], marked: NamedRidge | None = None
) -> None:
    def halo(width: float) -> list[Any]:
        return [patheffects.withStroke(linewidth=width + 0.9, foreground="0.1")]

    for ridge in theirs:
        ax.plot(
            ridge.places, ridge.columns["v_phi_kms"], color=_THEIRS, linewidth=0.9, zorder=4, path_effects=halo(0.9)
        )
    for ridge in ours:
        width = 2.0 if ridge is marked else 0.9
        style = {"color": _MARKED if ridge is marked else _OURS, "zorder": 5}
        v = ridge.columns["v_phi_kms"]
        ax.plot(ridge.places, v, "o-", markersize=1.6, linewidth=width, path_effects=halo(width), **style)
        ax.errorbar(ridge.places, v, yerr=ridge.errors, fmt="none", elinewidth=0.6, ecolor=style["color"], zorder=5)


def _finish(ax: Axes, outer: tuple[bool, bool], along: str, n_numbers: int = 7) -> None:
    """Label a panel at the lower and left sides of the page; meshes of many small cells become images in the PDF."""
    for mesh in ax.collections:
        mesh.set_rasterized(isinstance(mesh, QuadMesh))
    lowest, leftmost = outer
    ax.tick_params(labelbottom=lowest, labelleft=leftmost)
    for axis, n in ((ax.xaxis, n_numbers), (ax.yaxis, 8)):
        low, high = axis.get_view_interval()
        margin = _EDGE * (high - low)
        values = MaxNLocator(nbins=n).tick_values(low, high)
        axis.set_ticks(values[(values > low + margin) & (values < high - margin)])
    if lowest:
        ax.set_xlabel(axis_label(along), labelpad=1.5)
    if leftmost:
        ax.set_ylabel(axis_label("v_phi_kms"), labelpad=1.5)


def _write_place(ax: Axes, text: str) -> None:
    style = {"fontsize": SMALL_PT + 0.5, "va": "top", "path_effects": overlays.HALO, "zorder": 8}
    ax.text(0.025, 0.965, text, transform=ax.transAxes, **style)


def _draw_planes(sample: RidgeSet, model: RidgeSet, head: Head) -> Figure:
    rows = sample.rows("v_R")
    n_lines = -(-len(rows) // _PER_LINE)
    width = (PAGE_MM - _LEFT - 3.0 - (_PER_LINE - 1) * _SMALL_BETWEEN) / _PER_LINE
    height = 1.25 * width
    pitch = top_bars.OVER_PANEL + height + 2.0
    figure = new_figure(PAGE_MM, head.height + n_lines * pitch + _BELOW)
    head.write(figure)
    for number, row in enumerate(rows):
        image = sample.image(row).merged()
        line, column = divmod(number, _PER_LINE)
        left = _LEFT + column * (width + _SMALL_BETWEEN)
        ax, bar = top_bars.add_panel(figure, left, head.height + line * pitch, width, height)
        counts = positive(image.values)
        mesh = draw_mesh(ax, image.edges, counts, SEQUENTIAL, limits.count_norm(counts))
        top_bars.draw_top_bar(bar, mesh, f"{COUNT} stars")
        _draw_ridges(ax, sample.of_row(row), model.of_row(row))
        _finish(ax, (number + _PER_LINE >= len(rows), column == 0), "v_R_kms", 5)
        place = f"$R = {image.fixed['R_kpc']:g}$ kpc, $\\varphi = {image.fixed['phi_deg']:g}$°"
        _write_place(ax, f"({'abcdefghijkl'[number]}) {place}")
    return figure
