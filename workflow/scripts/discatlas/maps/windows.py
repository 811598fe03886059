"""Overlapping square windows on a grid of cells, the stars that each holds, and averages over them.

`window_members` and `window_average` are also what a fit to a smoothed map takes to average its model over the window's
own stars before it compares the two: with the positions of the stars that have a value and an error (`is_usable`), the
windows of the map's provenance, and weights 1/(V + e^2) with V the squared dispersion of the map's window.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Square windows centred on the cells of a square grid in X and Y.

    Parameters
    ----------
    limits_kpc : ((float, float), (float, float))
        Low and high of the cells in X and in Y.
    spacing_kpc : float
        Side of a cell, the distance between neighbouring centres.
    window_kpc : float
        Side of a window, at least `spacing_kpc`: wider ones overlap. Windows at the border reach beyond the limits.

    Raises
    ------
    DiscatlasError
        As `Grid`, and for windows narrower than the cells.
    """

    limits_kpc: tuple[tuple[float, float], tuple[float, float]]
    spacing_kpc: float
    window_kpc: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits_kpc", tuple((float(low), float(high)) for low, high in self.limits_kpc))
        if not (np.isfinite(self.window_kpc) and self.window_kpc >= self.spacing_kpc):
            raise DiscatlasError(
                f"window_kpc = {self.window_kpc:g} is narrower than spacing_kpc = {self.spacing_kpc:g}: stars between "
                "the windows would be lost; expected window_kpc >= spacing_kpc"
            )
        _ = self.grid

    @cached_property
    def grid(self) -> Grid:
        """The cells: number i n_Y + j, i along X, j along Y."""
        return Grid(("X_kpc", "Y_kpc"), "square", (self.spacing_kpc, self.spacing_kpc), self.limits_kpc)

    @property
    def n_windows(self) -> int:
        """Number of windows, which have the numbers of their cells."""
        return self.grid.n_cells

    @cached_property
    def edges(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Lower (in) and upper (out) edges of the windows along X, and along Y [kpc]."""
        middles = [(edges[:-1] + edges[1:]) / 2 for edges in self.grid.edges]
        x, y = ((np.round(m - self.window_kpc / 2, 12), np.round(m + self.window_kpc / 2, 12)) for m in middles)
        return x, y

    def overlap(self) -> list[tuple[int, int]]:
        """Return the steps (di, dj) from a window to those of a higher number that it overlaps."""
        reach = int(np.ceil(self.window_kpc / self.spacing_kpc - 1e-9)) - 1
        steps = [(i, j) for i in range(reach + 1) for j in range(-reach, reach + 1)]
        return [step for step in steps if step > (0, 0)]


def is_usable(values: Array, errors: Array, where: str = "stars") -> NDArray[np.bool_]:
    """Return which stars have a value and an error, shape (n,).

    Raises
    ------
    DiscatlasError
        For an error that is zero, negative or infinite, and if no star is left.
    """
    values, errors = np.asarray(values, np.float64), np.asarray(errors, np.float64)
    is_known = np.isfinite(values) & ~np.isnan(errors)
    bad = np.flatnonzero(is_known & ~((errors > 0) & (errors < np.inf)))
    if bad.size:
        raise DiscatlasError(
            f"{where}: {bad.size:,} errors are not positive (first: {errors[bad[0]]:g} in row {bad[0]:,}); deconvolution "
            "needs an error above zero for each star: leave these stars out with a selection, or give them an error"
        )
    if not is_known.any():
        raise DiscatlasError(f"{where}: none of {values.size:,} stars has a value and an error")
    return is_known


def window_members(X_kpc: Array, Y_kpc: Array, windows: Windows) -> tuple[Indices, Indices]:
    """Return the stars of each window as offsets, shape (n_windows + 1,), and indices.

    The stars of window k are rows indices[offsets[k] : offsets[k + 1]] of the positions, in ascending order. A window
    holds its lower edges and not its upper ones; a star lies in as many windows as cover it, one with a NaN in none.
    """
    X, Y = (np.ascontiguousarray(values, np.float64) for values in (X_kpc, Y_kpc))
    edges = [part for pair in windows.edges for part in pair]
    counts = np.zeros(windows.n_windows, np.int64)
    _members(X, Y, *edges, counts, np.empty(0, np.int64), count_only=True)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    indices = np.empty(offsets[-1], np.int64)
    _members(X, Y, *edges, offsets[:-1].copy(), indices, count_only=False)
    return offsets, indices


def member_weights(errors: Array, variances: Array, offsets: Indices, indices: Indices) -> Array:
    """Return the maximum-likelihood weights 1/(V + e^2) of each member, in the order of `indices`.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        Errors e of the stars [km/s].
    variances : ndarray, shape (n_windows,)
        V of each window, the square of its intrinsic dispersion [km2/s2]; NaN where it is not known gives NaN.
    """
    return 1.0 / (np.repeat(variances, np.diff(offsets)) + np.asarray(errors)[indices] ** 2)


def window_average(values: Array, weights: Array, offsets: Indices, indices: Indices) -> Array:
    """Return the weighted mean over the members of each window, shape (n_windows,); NaN for a window without stars.

    Parameters
    ----------
    values : ndarray, shape (n,)
        What is averaged, one for each star, such as a model at the positions of the stars.
    weights : ndarray, shape (number of members,)
        See `member_weights`.
    """
    out = np.empty(offsets.size - 1)
    _average(np.ascontiguousarray(values, np.float64), weights, offsets, indices, out)
    return out


@njit(cache=True)
def _first_window(x: float, upper: NDArray, scale: float) -> int:
    """Return the number of the first window whose upper edge is beyond x."""
    i = min(max(int((x - upper[0]) * scale), 0), upper.size)
    while i > 0 and x < upper[i - 1]:
        i -= 1
    while i < upper.size and x >= upper[i]:
        i += 1
    return i


@njit(cache=True)
def _members(
    X: NDArray,
    Y: NDArray,
    x_low: NDArray,
    x_high: NDArray,
    y_low: NDArray,
    y_high: NDArray,
    position: NDArray,
    indices: NDArray,
    count_only: bool,
) -> None:
    """Count the members of each window in `position`, or write them from `position` on."""
    n_y = y_low.size
    x_scale = (x_low.size - 1) / (x_low[-1] - x_low[0]) if x_low.size > 1 else 0.0
    y_scale = (n_y - 1) / (y_low[-1] - y_low[0]) if n_y > 1 else 0.0
    for star in range(X.size):
        x, y = X[star], Y[star]
        if not (x_low[0] <= x < x_high[-1] and y_low[0] <= y < y_high[-1]):
            continue
        i, first = _first_window(x, x_high, x_scale), _first_window(y, y_high, y_scale)
        while i < x_low.size and x >= x_low[i]:
            j = first
            while j < n_y and y >= y_low[j]:
                k = i * n_y + j
                if not count_only:
                    indices[position[k]] = star
                position[k] += 1
                j += 1
            i += 1


@njit(cache=True, parallel=True)
def _average(values: NDArray, weights: NDArray, offsets: NDArray, indices: NDArray, out: NDArray) -> None:
    for k in prange(offsets.size - 1):
        total, norm = 0.0, 0.0
        for at in range(offsets[k], offsets[k + 1]):
            total += weights[at] * values[indices[at]]
            norm += weights[at]
        out[k] = total / norm if norm > 0.0 else np.nan
