"""What is drawn over a map: the Sun, circles of constant radius, Galactic longitudes, the centre, spiral arms."""

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from numpy.typing import NDArray

from discatlas.arms import Arm, arm_locus
from discatlas.plotting.style import TINY_PT
from discatlas.plotting.wrapping import MM_PER_PT

HALO = [patheffects.withStroke(linewidth=1.5, foreground="white")]
_GUIDE = {"color": "0.25", "linewidth": 0.35, "zorder": 3}


def sun_coordinates(R0_kpc: float, z_sun_kpc: float) -> dict[str, float]:
    """Return the Sun's coordinates by column name: X = -sqrt(R0^2 - z^2), Y = 0, Z = z_sun, R = -X, phi = 0."""
    R_kpc = float(np.sqrt(R0_kpc**2 - z_sun_kpc**2))
    return {"X_kpc": -R_kpc, "Y_kpc": 0.0, "Z_kpc": z_sun_kpc, "R_kpc": R_kpc, "phi_deg": 0.0}


class LabelPlacer:
    """Places short labels inside a panel: never over one another, and where possible not over cells with data.

    Parameters
    ----------
    ax : Axes
        With its final limits, linear on both axes.
    size_mm : (float, float)
        Width and height of the panel.
    data : ndarray, shape (m, 2)
        Centres of the cells that hold data.
    """

    def __init__(self, ax: Axes, size_mm: tuple[float, float], data: NDArray[np.float64]) -> None:
        self.ax, self.size_mm = ax, np.array(size_mm)
        self._boxes: list[NDArray[np.float64]] = []
        self._data_mm = self.to_mm(data)
        self._lines_mm = np.empty((0, 2))

    def to_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert points in data coordinates, shape (m, 2), to millimetres from the panel's lower left corner."""
        limits = np.array([self.ax.get_xlim(), self.ax.get_ylim()])
        return (np.asarray(points, dtype=np.float64) - limits[:, 0]) / (limits[:, 1] - limits[:, 0]) * self.size_mm

    def reserve(self, point: Sequence[float], half_mm: float) -> None:
        """Keep labels away from a marker at `point` (data coordinates)."""
        centre = self.to_mm(np.array([point]))[0]
        self._boxes.append(np.concatenate([centre - half_mm, centre + half_mm]))

    def avoid(self, points: NDArray[np.float64]) -> None:
        """Let later labels shun lines given as dense points of shape (k, 2) in data coordinates."""
        self._lines_mm = self.to_mm(points)

    def place(self, text: str, candidates: NDArray[np.float64], n_letters: int | None = None) -> None:
        """Write `text` at the best of `candidates`, shape (k, 2) [data], earlier ones first; or not at all."""
        half = np.array([0.29 * (n_letters or len(text)) + 0.3, 0.62]) * TINY_PT * MM_PER_PT
        best, best_cost = None, np.inf
        for rank, (point, centre) in enumerate(zip(candidates, self.to_mm(candidates), strict=True)):
            box = np.concatenate([centre - half, centre + half])
            if np.any(box[:2] < 0.6) or np.any(box[2:] > self.size_mm - 0.6) or self._taken(box):
                continue
            shunned = (self._data_mm, self._lines_mm)
            on_data, on_line = (np.any(np.all(np.abs(xy - centre) < half, axis=1)) for xy in shunned)
            # A free place is worth half of the way along the line, a place off the arms a third.
            cost = rank / len(candidates) + 0.5 * on_data + 0.33 * on_line
            if cost < best_cost:
                best, best_cost, best_box = point, cost, box
        if best is not None:
            self._boxes.append(best_box)
            self.ax.text(*best, text, fontsize=TINY_PT, ha="center", va="center", path_effects=HALO, zorder=6)

    def _taken(self, box: NDArray[np.float64]) -> bool:
        return any(np.all(box[:2] < other[2:] + 0.4) and np.all(box[2:] > other[:2] - 0.4) for other in self._boxes)


def draw_sun(ax: Axes, axes: Sequence[str], sun: dict[str, float], placer: LabelPlacer | None = None) -> None:
    """Mark the Sun: with its symbol where both coordinates are known, with a thin line where only one is."""
    place = [sun.get(axis) for axis in axes]
    if None not in place:
        x, y = place
        disc = {"markerfacecolor": "white", "markeredgecolor": "black", "markeredgewidth": 0.7}
        ax.plot([x], [y], "o", markersize=5, zorder=7, **disc)
        ax.plot([x], [y], "o", markersize=1.4, color="black", zorder=7)
        if placer is not None:
            placer.reserve((x, y), 1.2)
    elif place[0] is not None:
        ax.axvline(place[0], linestyle=(0, (4, 2)), **_GUIDE)
    elif place[1] is not None:
        ax.axhline(place[1], linestyle=(0, (4, 2)), **_GUIDE)


def _inside(ax: Axes, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    return (points[:, 0] > x0) & (points[:, 0] < x1) & (points[:, 1] > y0) & (points[:, 1] < y1)


def draw_circles(ax: Axes, placer: LabelPlacer | None, step_kpc: float = 2.0) -> None:
    """Draw circles of constant Galactocentric radius every `step_kpc`, labelled near the lower edge if a placer is given."""
    corners = [np.hypot(x, y) for x in ax.get_xlim() for y in ax.get_ylim()]
    angle = np.linspace(-np.pi, np.pi, 1441)
    for R_kpc in np.arange(step_kpc, max(corners), step_kpc):
        points = R_kpc * np.stack([-np.cos(angle), np.sin(angle)], axis=1)
        seen = points[_inside(ax, points)]
        if not len(seen):
            continue
        ax.plot(points[:, 0], points[:, 1], linestyle=(0, (4, 3)), **_GUIDE)
        if placer is not None:
            placer.place(f"{R_kpc:g} kpc", seen[np.argsort(seen[:, 1], kind="stable")][::4])


def draw_longitudes(ax: Axes, placer: LabelPlacer, sun: dict[str, float], step_deg: int = 30) -> None:
    """Draw lines of constant Galactic longitude from the Sun every `step_deg`; l = 90 deg is along rotation."""
    origin = np.array([sun["X_kpc"], sun["Y_kpc"]])
    reach = max(np.hypot(x - origin[0], y - origin[1]) for x in ax.get_xlim() for y in ax.get_ylim())
    distance = np.linspace(0.0, reach, 801)[1:]
    for l_deg in range(0, 360, step_deg):
        direction = np.array([np.cos(np.radians(l_deg)), np.sin(np.radians(l_deg))])
        points = origin + distance[:, None] * direction
        seen = points[_inside(ax, points)]
        if not len(seen):
            continue
        ax.plot(*np.stack([seen[0], seen[-1]]).T, linestyle=(0, (1, 1.5)), **_GUIDE)
        text, letters = (f"$l={l_deg}$°", 6) if l_deg % 90 == 0 else (f"{l_deg}°", 4)
        placer.place(text, seen[::-1][: len(seen) // 2 + 1], letters)


def draw_centre(ax: Axes) -> None:
    """Mark the Galactic centre where it lies in the panel."""
    if _inside(ax, np.zeros((1, 2)))[0]:
        ax.plot([0.0], [0.0], "+", color="black", markersize=5, markeredgewidth=0.8, zorder=7, path_effects=HALO)


def draw_arms(ax: Axes, axes: Sequence[str], arms: Sequence[Arm], placer: LabelPlacer | None) -> None:
    """Draw the arms' loci in a plane that has them (see `has_arms`); name them if a placer is given."""
    halo = [patheffects.withStroke(linewidth=1.5, foreground="white", alpha=0.75)]
    visible = []
    for arm in arms:
        columns = dict(zip(("R_kpc", "phi_deg", "X_kpc", "Y_kpc"), arm_locus(arm, 400), strict=True))
        points = np.stack([columns[axes[0]], columns[axes[1]]], axis=1)
        seen = points[_inside(ax, points)]
        if len(seen) > 1:
            ax.plot(points[:, 0], points[:, 1], color="black", linewidth=0.7, zorder=4, path_effects=halo)
            visible.append((np.linalg.norm(np.ptp(seen, axis=0)), arm.label, seen[::-1]))
    if placer is not None:
        # Where room is short the long arms keep their names.
        for _, label, seen in sorted(visible, key=lambda item: -item[0]):
            placer.place(label, seen)


def arm_points(arms: Sequence[Arm]) -> NDArray[np.float64]:
    """Return points along all arms in the Galactic plane, shape (k, 2)."""
    loci = [np.stack(arm_locus(arm, 400)[2:], axis=1) for arm in arms]
    return np.concatenate([np.empty((0, 2)), *loci])


def has_arms(axes: Sequence[str]) -> bool:
    """Whether the arms can be drawn on a map of these axes."""
    return set(axes) in ({"X_kpc", "Y_kpc"}, {"phi_deg", "R_kpc"})
