"""The sky in Galactic coordinates: Mollweide's equal-area projection, and pixels of equal area to count in.

The Galactic centre is in the middle, longitude grows to the left as seen from inside, north is up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from discatlas.plotting import limits
from discatlas.plotting.cells import RASTER_CELLS
from discatlas.plotting.style import SEQUENTIAL, SMALL_PT, TINY_PT

Array = NDArray[np.float64]
_GUIDE = {"color": "0.25", "linewidth": 0.35, "zorder": 3}
_HALO = [patheffects.withStroke(linewidth=1.5, foreground="white")]


def mollweide(l_deg: Array, b_deg: Array) -> tuple[Array, Array]:
    """Return x in [-2, 2] and y in [-1, 1] of Galactic l and b [deg]; x = 0 at l = 0, negative for l in (0, 180).

    The point opposite to the centre, l = 180 deg, is put on the left. The auxiliary angle solves
    2 theta + sin 2 theta = pi sin b (Snyder 1987, USGS Professional Paper 1395, Eqs. 31-1 to 31-3).
    """
    l_deg, b_deg = np.broadcast_arrays(np.asarray(l_deg, dtype=np.float64), np.asarray(b_deg, dtype=np.float64))
    theta = _auxiliary(np.radians(b_deg))
    return -wrap_longitude(l_deg) / 90 * np.cos(theta), np.sin(theta)


def wrap_longitude(l_deg: Array) -> Array:
    """Return Galactic longitude in (-180, 180]."""
    return 180 - np.mod(180 - np.asarray(l_deg, dtype=np.float64), 360)


def _auxiliary(b: Array) -> Array:
    """Solve 2 theta + sin 2 theta = pi sin b by bisection, which is safe at the poles, where the slope vanishes."""
    low, high = np.full(b.shape, -np.pi / 2), np.full(b.shape, np.pi / 2)
    wanted = np.pi * np.sin(b)
    for _ in range(52):
        middle = 0.5 * (low + high)
        below = 2 * middle + np.sin(2 * middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(np.abs(b) < np.pi / 2, 0.5 * (low + high), np.sign(b) * np.pi / 2)


@dataclass(frozen=True)
class EqualAreaPixels:
    """The sky in bands of constant latitude, each cut evenly in longitude; all pixels have exactly the same area.

    A band `k` has about as many pixels as make them square, and its edges in sin b share the sphere in proportion to
    their numbers.
    """

    size_deg: float

    @cached_property
    def per_band(self) -> NDArray[np.int64]:
        """Number of pixels of each band, from south to north."""
        n = max(round(180 / self.size_deg), 2)
        middle = np.radians(-90 + (np.arange(n) + 0.5) * 180 / n)
        return np.maximum(np.round(2 * n * np.cos(middle)), 3).astype(np.int64)

    @cached_property
    def sin_b(self) -> Array:
        """Edges of the bands in sin b."""
        return 2 * np.concatenate([[0], np.cumsum(self.per_band)]) / self.n - 1

    @property
    def n(self) -> int:
        """Number of pixels."""
        return int(self.per_band.sum())

    @property
    def area_deg2(self) -> float:
        """Area of one pixel [deg^2]."""
        return 4 * np.pi * np.degrees(1) ** 2 / self.n

    def index(self, l_deg: Array, b_deg: Array) -> NDArray[np.int64]:
        """Return the pixel of each place: bands from the south, in each from l = 180 deg with falling l."""
        band = np.clip(
            np.searchsorted(self.sin_b, np.sin(np.radians(b_deg)), side="right") - 1, 0, len(self.per_band) - 1
        )
        n = self.per_band[band]
        place = np.minimum(((180 - wrap_longitude(l_deg)) / 360 * n).astype(np.int64), n - 1)
        return self._first[band] + place

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.per_band)[:-1]])

    def corners(self, pixels: NDArray[np.int64]) -> Array:
        """Return the corners of `pixels` in the projection, shape (m, 4, 2)."""
        band = np.searchsorted(self._first, pixels, side="right") - 1
        place, n = pixels - self._first[band], self.per_band[band]
        sides = np.stack([place, place + 1], axis=1) / n[:, None]
        b_edges = np.degrees(np.arcsin(np.clip(self.sin_b, -1, 1)))
        x_scale, y_edge = mollweide(np.full(b_edges.size, -90.0), b_edges)
        # Meridians are proportional to longitude on each parallel, so that corners need no further solving.
        x = [2 * (2 * sides[:, side] - 1) * x_scale[band + up] for side, up in ((0, 0), (1, 0), (1, 1), (0, 1))]
        y = [y_edge[band + up] for up in (0, 0, 1, 1)]
        return np.stack([np.stack(x, axis=1), np.stack(y, axis=1)], axis=2)


class SkyCounts:
    """Counts in pixels of several sizes, filled batch by batch; the size that suits is chosen at the end."""

    def __init__(self, sizes_deg: Sequence[float] = (1.0, 2.0, 3.0, 5.0)) -> None:
        self._grids = [EqualAreaPixels(size) for size in sizes_deg]
        self._counts = [np.zeros(grid.n, dtype=np.int64) for grid in self._grids]

    def add(self, l_deg: Array, b_deg: Array) -> None:
        """Add places on the sky; those without a number are left out."""
        known = np.isfinite(l_deg) & np.isfinite(b_deg)
        for k, grid in enumerate(self._grids):
            self._counts[k] += np.bincount(grid.index(l_deg[known], b_deg[known]), minlength=grid.n)

    @property
    def n(self) -> int:
        """Number of places counted."""
        return int(self._counts[0].sum())

    def suitable(self, typical: float = 8.0) -> tuple[EqualAreaPixels, NDArray[np.int64]]:
        """Return the finest pixels in which a typical star is one of at least `typical`, and their counts."""
        choices = list(zip(self._grids, self._counts, strict=True))
        enough = [item for item in choices if np.sum(item[1].astype(np.float64) ** 2) >= typical * self.n]
        return (enough or choices[-1:])[0]


def draw_sky(ax: Axes, grid: EqualAreaPixels, counts: NDArray[np.int64]) -> ScalarMappable:
    """Draw positive counts on a logarithmic scale, the outline of the sky and a labelled grid; return the pixels."""
    held = np.flatnonzero(counts)
    values = counts[held].astype(np.float64)
    norm: LogNorm = limits.count_norm(values)
    pixels = PolyCollection(
        grid.corners(held), array=values, cmap=SEQUENTIAL, norm=norm, edgecolors="face", linewidths=0.2, zorder=1
    )
    pixels.set_rasterized(held.size > RASTER_CELLS // 4)
    ax.add_collection(pixels, autolim=False)
    ax.set_xlim(-2.02, 2.02)
    ax.set_ylim(-1.02, 1.02)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _draw_grid(ax)
    return pixels


def _draw_grid(ax: Axes) -> None:
    along = np.linspace(-90, 90, 181)
    for l_deg in range(-150, 181, 30):
        ax.plot(*mollweide(np.full(along.size, l_deg), along), linestyle=(0, (1, 1.5)), **_GUIDE)
    for b_deg in (-60, -30, 0, 30, 60):
        x, y = mollweide(np.array([180.0, -179.999999]), np.full(2, b_deg))
        ax.plot(x, y, linestyle=(0, (1, 1.5)), **_GUIDE)
        text = "$b=0$°" if b_deg == 0 else f"{b_deg:+d}°".replace("-", "\N{MINUS SIGN}")
        side = "center" if b_deg == 0 else "bottom" if b_deg > 0 else "top"
        ax.text(x[0] - 0.03, y[0], text, fontsize=SMALL_PT, ha="right", va=side, clip_on=False)
    angle = np.linspace(0, 2 * np.pi, 361)
    ax.plot(2 * np.cos(angle), np.sin(angle), color="black", linewidth=0.6, zorder=4)
    for l_deg in (150, 120, 90, 60, 30, 0, 330, 300, 270, 240, 210):
        x, y = mollweide(np.array(l_deg), np.array(-38.0))
        text = f"$l={l_deg}$°" if l_deg % 90 == 0 else f"{l_deg}°"
        ax.text(x, y, text, fontsize=TINY_PT, ha="center", va="center", path_effects=_HALO, zorder=6)
