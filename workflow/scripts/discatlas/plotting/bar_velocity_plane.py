"""Velocities and actions at a place: data, axisymmetric disc and barred models side by side, with the bar's resonances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import overlays
from discatlas.plotting.labels import axis_label
from discatlas.plotting.limits import LEAST_PERCENTILE
from discatlas.plotting.panels import Head, draw_colour_bar, draw_mesh
from discatlas.plotting.plane import shared_norm, write_corner
from discatlas.plotting.style import (
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
)
from discatlas.plotting.top_bars import trim_panel
from discatlas.plotting.wrapping import wrap

VELOCITY_LABEL = r"density [10$^{-6}$ (km s$^{-1}$)$^{-2}$]"
ACTION_LABEL = r"density [10$^{-6}$ (kpc km s$^{-1}$)$^{-2}$]"
EXCESS_LABEL = r"$\log_2$ (density / axisymmetric)"
DIMENSIONLESS = (EXCESS_LABEL,)
SCALE = 1e6
VELOCITY, ACTION = ("v_R_kms", "v_phi_kms"), ("L_z_kpc_kms", "J_R_kpc_kms")
MOST_LINES = 3  # of the name of a column
ENOUGH, FEWEST_BINS = 40, 16  # stars that the fullest bin should hold; bins along an axis that are left at least
_LEFT, _RIGHT, _GAP, _BETWEEN, _BELOW, _BAR, _LINE = 12.0, 17.0, 1.5, 2.0, 9.5, 2.5, 3.0  # [mm]
_WIDEST, _HEIGHT = 48.0, 42.0  # of a panel [mm]
_DEPTH = 1000.0  # by how much the faintest drawn density is below the highest
_SHARE, _MARGIN = 0.998, 0.08  # of the stars lie in the range drawn of either axis, widened by this share
Columns = Mapping[str, NDArray]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelTables:
    """The tables of one model at one place, its name as printed, and its summary."""

    name: str
    plane: Columns
    lines: Columns
    actions: Columns
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class _Image:
    """A density on a grid: edges of both axes, and values of shape (n_x, n_y) in the unit of the figure."""

    edges: tuple[Array, Array]
    values: Array

    @classmethod
    def of(cls, columns: Columns, axes: tuple[str, str], density: Array) -> Self:
        """Return the image of a density, one value for each row of a table, over two of its columns."""
        x, y = (np.unique(columns[axis]) for axis in axes)
        edges = tuple(np.append(c - (c[1] - c[0]) / 2, c[-1] + (c[1] - c[0]) / 2) for c in (x, y))
        return cls(edges, SCALE * density.reshape(x.size, y.size))

    @property
    def area(self) -> float:
        """Area of a bin."""
        return float(np.prod([edge[1] - edge[0] for edge in self.edges]))

    def merged(self, k: int) -> Self:
        """Return the image with k times k bins made one."""
        n, m = self.values.shape
        values = self.values.reshape(n // k, k, m // k, k).mean(axis=(1, 3))
        return type(self)((self.edges[0][::k], self.edges[1][::k]), values)

    def for_stars(self, n_stars: int) -> Self:
        """Return the image with as few bins merged as let the fullest hold `ENOUGH` of `n_stars`, or as far as they may."""
        n, m = self.values.shape
        allowed = [k for k in range(1, min(n, m) // FEWEST_BINS + 1) if n % k == m % k == 0] or [1]
        images = [self.merged(k) for k in allowed]
        enough = (image for image in images if image.values.max() * image.area * n_stars >= ENOUGH * SCALE)
        return next(enough, images[-1])


@dataclass(frozen=True)
class _Column:
    """What one column of panels shows: the lines of its title, planes of velocity and action, and lines of resonance."""

    title: list[str]
    velocity: _Image
    action: _Image
    lines: Columns | None


@figure_style()
def draw_velocity_plane(
    models: Sequence[ModelTables],
    data_name: str | None,
    sun_v_kms: tuple[float, float] | None,
    title: str,
    where: str,
) -> Figure:
    """Draw the planes of velocity, of the excess over the axisymmetric disc, and of action.

    Columns are the data (where the tables of the first model have them), the axisymmetric disc of the first model, and
    the models. `sun_v_kms` is the Sun's v_R and v_phi, marked where it is given.

    Raises
    ------
    DiscatlasError
        For no model, and models on different grids; `where` names the tables.
    """
    if not models:
        raise DiscatlasError(f"{where}: no model to draw; see velocity_planes")
    n_stars = int(models[0].plane["n_stars"].sum()) if "n_stars" in models[0].plane else 0
    n = len(models) + 1 + (n_stars > 0)
    width = min((PAGE_MM - _LEFT - _RIGHT - (n - 1) * _GAP) / n, _WIDEST)
    columns = _columns(models, n_stars, data_name, width, where)
    floors = [_floor([getattr(column, kind) for column in columns], n_stars) for kind in ("velocity", "action")]
    head = Head(f"Velocities and actions: {title}", [_note(models[0], columns[0], floors, n_stars, sun_v_kms)])
    top = head.height + _LINE * max(len(column.title) for column in columns) + 1.5
    figure = new_figure(PAGE_MM, top + 3 * _HEIGHT + _BETWEEN + 2 * _BELOW + 2.0)
    head.write(figure)
    tops = (top, top + _HEIGHT + _BETWEEN, top + 2 * _HEIGHT + _BETWEEN + _BELOW)
    axes = [[add_axes_mm(figure, _LEFT + k * (width + _GAP), row, width, _HEIGHT) for k in range(n)] for row in tops]
    bars = [add_axes_mm(figure, _LEFT + n * (width + _GAP) + 0.5, row, _BAR, _HEIGHT) for row in tops]
    _draw_density_row(axes[0], bars[0], [column.velocity for column in columns], floors[0], VELOCITY_LABEL)
    _draw_excess_row(axes[1], bars[1], [column.velocity for column in columns], floors[0], skipped=int(n_stars > 0))
    _draw_density_row(axes[2], bars[2], [column.action for column in columns], floors[1], ACTION_LABEL)
    _decorate(axes, columns, models[0], sun_v_kms)
    return figure


def _columns(
    models: Sequence[ModelTables], n_stars: int, data_name: str | None, width_mm: float, where: str
) -> list[_Column]:
    """Return the columns of the figure, unless the models have different grids."""
    first = models[0]
    for model in models[1:]:
        for name in VELOCITY:
            if not np.array_equal(model.plane[name], first.plane[name]):
                raise DiscatlasError(f"{where}: model {model.name!r} has other bins of {name} than {first.name!r}")

    def column(name: str, model: ModelTables, in_velocity: Array, in_action: Array, lines: Columns | None) -> _Column:
        title = wrap(name, width_mm - 1.0, SMALL_PT)[:MOST_LINES]
        images = _Image.of(model.plane, VELOCITY, in_velocity), _Image.of(model.actions, ACTION, in_action)
        return _Column(title, *images, lines)

    plane, actions, name = first.plane, first.actions, "density_equilibrium"
    found = [column("axisymmetric", first, plane[name], actions[name], None)]
    found += [column(m.name, m, m.plane["density"], m.actions["density"], m.lines) for m in models]
    for shown, model, which in zip(found, (first, *models), ("equilibrium", *["model"] * len(models)), strict=True):
        shown.title.append(_sirius(model, which))
    if n_stars:
        density = plane["n_stars"] / n_stars / found[0].velocity.area
        data = column(data_name or "data", first, density, actions["density_data"], first.lines)
        images = (image.for_stars(n_stars) for image in (data.velocity, data.action))
        found.insert(0, _Column([*data.title, f"{n_stars:,} stars", _sirius(first, "data")], *images, first.lines))
    return found


def _sirius(model: ModelTables, which: str) -> str:
    found = model.summary[which]
    ratio, error = found["sirius_ratio"], found.get("sirius_ratio_error")
    if ratio is None:
        return "Sirius: no bins"
    spread = "" if error is None else f" ± {100 * error:.0f}"
    return f"Sirius {100 * ratio:+.0f}{spread} %".replace("-", "\N{MINUS SIGN}")


def _floor(images: Sequence[_Image], n_stars: int) -> float:
    """Return the lowest density that is drawn: that of one star in a bin of the data, or a share of the highest."""
    one_star = 0.999 * SCALE / n_stars / images[0].area if n_stars else 0.0
    return max(one_star, float(max(image.values.max() for image in images)) / _DEPTH)


def _note(
    model: ModelTables, first: _Column, floors: Sequence[float], n_stars: int, sun_v_kms: tuple[float, float] | None
) -> str:
    summary, edges = model.summary, first.velocity.edges
    words = (
        f"At R {summary['R_kpc']:g} kpc, azimuth {summary['phi_deg']:g}°. Each plane of velocities is of integral 1; logarithmic scales, "
        f"white below {floors[0]:.2g} (velocities) and {floors[1]:.2g} (actions)"
    )
    if n_stars:
        words += f"; stars in bins of {edges[0][1] - edges[0][0]:g} km/s by {edges[1][1] - edges[1][0]:g} km/s"
    words += (
        ". Lines: resonances l:m of the bar, l\u2009κ + m\u2009(Ω \N{MINUS SIGN} Ω_b) = 0, 0:1 is corotation; dashed: Eq. A.5 of "
        "Khalil et al. (2025), solid: where the frequencies of the orbits themselves meet the condition. Sirius: density at v_R "
        "\N{MINUS SIGN}12 against 0 km/s for v_phi 250 to 260 km/s"
    )
    return words + ("" if sun_v_kms is None else "; circled dot: the Sun")


def _limits(images: Sequence[_Image], axis: int, floor: float) -> tuple[float, float]:
    """Return the range of one axis that holds nearly all that is drawn in every image."""
    low, high = np.inf, -np.inf
    for image in images:
        profile = np.where(image.values >= floor, image.values, 0.0).sum(axis=1 - axis)
        share = np.cumsum(profile) / max(profile.sum(), 1e-300)
        first, last = np.searchsorted(share, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
        low, high = min(low, image.edges[axis][first]), max(high, image.edges[axis][min(last, profile.size - 1) + 1])
    margin, edges = _MARGIN * (high - low), images[-1].edges[axis]
    return float(max(low - margin, edges[0])), float(min(high + margin, edges[-1]))


def _draw_density_row(axes: Sequence[Axes], bar: Axes, images: Sequence[_Image], floor: float, label: str) -> None:
    limits = _limits(images, 0, floor), _limits(images, 1, floor)
    drawn = [np.where(image.values >= floor, image.values, np.nan) for image in images]
    norm = LogNorm(floor, max(float(np.nanmax(values)) for values in drawn))
    for ax, image, values in zip(axes, images, drawn, strict=True):
        _draw_image(ax, image, values, SEQUENTIAL, norm, limits)
    _draw_bar(bar, drawn, SEQUENTIAL, norm, label)


def _draw_excess_row(axes: list[Axes], bar: Axes, images: Sequence[_Image], floor: float, skipped: int) -> None:
    """Draw the logarithm of density over that of the axisymmetric disc, whose own panel, `skipped`, is left out."""
    limits = _limits(images, 0, floor), _limits(images, 1, floor)
    equilibrium, ratios = images[skipped], {}
    axes[skipped].set_axis_off()
    for k, image in enumerate(images):
        if k != skipped:
            smooth = equilibrium.merged(equilibrium.values.shape[0] // image.values.shape[0]).values
            known = (image.values >= floor) & (smooth >= floor)
            ratios[k] = np.where(known, np.log2(np.where(known, image.values, 1) / np.where(known, smooth, 1)), np.nan)
    norm = shared_norm(list(ratios.values()), LEAST_PERCENTILE, centred=True)
    for k, ratio in ratios.items():
        _draw_image(axes[k], images[k], ratio, diverging_map(), norm, limits)
    _draw_bar(bar, list(ratios.values()), diverging_map(), norm, EXCESS_LABEL)


def _draw_image(
    ax: Axes, image: _Image, values: Array, cmap: str | Colormap, norm: Normalize, limits: Sequence[tuple[float, float]]
) -> None:
    draw_mesh(ax, image.edges, values, cmap, norm)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def _draw_bar(bar: Axes, drawn: Sequence[Array], cmap: str | Colormap, norm: Normalize, label: str) -> None:
    """Draw the colour bar of several panels."""
    mappable = ScalarMappable(norm, cmap)
    mappable.set_array(np.concatenate([values[np.isfinite(values)] for values in drawn]))
    draw_colour_bar(bar, mappable, label)


def _decorate(
    axes: list[list[Axes]], columns: Sequence[_Column], first: ModelTables, sun_v_kms: tuple[float, float] | None
) -> None:
    """Write titles and labels, draw resonances and the Sun."""
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    for row, (x, y) in enumerate((VELOCITY, VELOCITY, ACTION)):
        shown = [k for k, ax in enumerate(axes[row]) if ax.axison]
        for k in shown:
            ax, column = axes[row][k], columns[k]
            is_lowest = row > 0 or not axes[1][k].axison
            trim_panel(ax, ax.get_position().width * PAGE_MM, lowest=is_lowest, leftmost=k == shown[0])
            write_corner(ax, f"({next(letters)})")
            if row == 0:
                ax.set_title("\n".join(column.title), fontsize=SMALL_PT, pad=2.5, parse_math=False)
            if is_lowest:
                ax.set_xlabel(axis_label(x), labelpad=1.5)
            if k == shown[0]:
                ax.set_ylabel(axis_label(y), labelpad=1.5)
            if column.lines is not None:
                _draw_lines(ax, column.lines, is_action=row == 2, named=row != 1)
            if sun_v_kms is not None:
                _draw_sun(ax, first, sun_v_kms, is_action=row == 2)


def _draw_lines(ax: Axes, lines: Columns, is_action: bool, named: bool) -> None:
    """Draw the resonances, and write l:m at an end of each in view."""
    x, y = ACTION if is_action else VELOCITY
    corners = np.array([ax.get_xlim(), ax.get_ylim()]).T
    margin = np.array([0.06, 0.14]) * np.diff(corners, axis=0)[0]
    low, high = corners[0] + margin, corners[1] - margin
    style = {"color": "black", "linewidth": 0.6, "zorder": 4, "path_effects": overlays.HALO}
    for l, m in sorted(set(zip(lines["l"].tolist(), lines["m"].tolist(), strict=True))):  # noqa: E741
        rows = (lines["l"] == l) & (lines["m"] == m)
        for word, dashes in (("", (0, (4, 2))), ("exact", "-")):
            across = _with(x, word) if is_action else x
            ax.plot(lines[across][rows], lines[_with(y, word)][rows], linestyle=dashes, **style)
        place = np.stack([lines[across][rows], lines[_with(y, "exact")][rows]], axis=1)
        seen = place[(place > low).all(axis=1) & (place < high).all(axis=1)]
        if named and len(seen):
            at = seen[np.argmax(seen[:, 1])] if is_action else seen[np.argmin(seen[:, 0])]
            ax.text(*at, f"{l}:{m}", fontsize=TINY_PT, ha="center", va="center", path_effects=overlays.HALO, zorder=6)


def _with(name: str, word: str) -> str:
    """Return a column's name with a word before its unit."""
    base, unit = split_unit(name)
    return join_unit(f"{base}_{word}" if word else base, unit)


def _draw_sun(ax: Axes, model: ModelTables, v_kms: tuple[float, float], is_action: bool) -> None:
    """Mark the Sun's velocity, or the actions of a star with it at the place."""
    place = v_kms
    if is_action:
        v_R, v_phi = (np.unique(model.plane[axis]) for axis in VELOCITY)
        J_R = model.plane["J_R_kpc_kms"].reshape(v_R.size, v_phi.size)
        at_v_phi = [np.interp(v_kms[1], v_phi, row) for row in J_R]
        place = model.summary["R_kpc"] * v_kms[1], float(np.interp(v_kms[0], v_R, at_v_phi))
    overlays.draw_sun(ax, ("x", "y"), {"x": place[0], "y": place[1]})
