"""Density contrast of a sample in the plane: local over mean density minus 1, by two truncated kernels of different width.

The kernels, of integral 1 over their extent:

epanechnikov  9/(16 h^2) (1 - x^2/h^2) (1 - y^2/h^2) within |x|, |y| < h
gaussian      exp(-(x^2 + y^2)/(2 h^2)) within 3 h of the star (Zari et al. 2025)

In three dimensions the density is smoothed with the same kernels of x, y and z, the Gaussian being cut on the sphere of 3 h, and
then integrated over a range of Z. Both steps are linear, so a star adds to a node its own kernel integrated over Z, which has
a closed form: at distance s in the plane, with c = sqrt(9 h^2 - s^2), t = sqrt(2) h and C = erf(3/sqrt(2)) - 3 sqrt(2/pi) exp(-9/2),

gaussian      exp(-s^2/(2 h^2)) / (2 pi h^2 C) [erf(min(c, Z_high - z)/t) - erf(max(-c, Z_low - z)/t)] / 2
epanechnikov  that in the plane times the integral of 3/(4 h) (1 - z^2/h^2)

No grid in Z is needed, and over all Z the smoothing along Z leaves only the rounder cut of the Gaussian. Within limits of Z
it counts: stars beyond them smear in, those within smear out, the more the wider the kernel.

Near the border of a sample both densities fall, the mean one less, since it reaches inside: the contrast is low there, and
high just beyond an empty border; the least mean density keeps that out. Poggio et al. (2021) take 0.3 and 2 kpc.
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
KERNELS = ("epanechnikov", "gaussian")
TRUNCATION = 3.0  # of the Gaussian, in sigmas
SPHERE = math.erf(TRUNCATION / math.sqrt(2.0)) - math.sqrt(2.0 / math.pi) * TRUNCATION * math.exp(-0.5 * TRUNCATION**2)
N_CHUNKS = 32  # of stars: their sums are added in this order on any number of threads
MAX_NODES = 4_000_000


def grid_axes(limits_kpc: Sequence[Sequence[float]], spacing_kpc: float) -> tuple[Array, Array]:
    """Return the nodes along X and along Y, from the first to the last of the limits.

    Raises
    ------
    DiscatlasError
        Unless both limits are in order and a whole number of spacings apart, and the nodes are not too many.
    """
    axes = []
    for axis, (low, high) in zip("XY", limits_kpc, strict=True):
        steps = (high - low) / spacing_kpc if spacing_kpc > 0 else 0.0
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
            raise DiscatlasError(
                f"over-density: got limits {low:g} to {high:g} kpc along {axis} and spacing_kpc {spacing_kpc:g}; expected "
                "first < last, a whole number of spacings apart"
            )
        axes.append(low + spacing_kpc * np.arange(round(steps) + 1))
    if axes[0].size * axes[1].size > MAX_NODES:
        raise DiscatlasError(
            f"over-density: {axes[0].size * axes[1].size:,} nodes, at most {MAX_NODES:,} are allowed; take a wider spacing"
        )
    return axes[0], axes[1]


def kernel_sums(
    x: Array,
    y: Array,
    X: Array,
    Y: Array,
    width_kpc: float,
    kernel: str,
    with_squares: bool = True,
    z: Array | None = None,
    Z_limits_kpc: Sequence[float] | None = None,
) -> tuple[Array, Array]:
    """Return the sums over stars of the kernel [1/kpc2] and of its square at each node, shape (len(X), len(Y)) each.

    Without squares the first stands for both.

    Parameters
    ----------
    x, y : array, shape (n,)
        Places of the stars [kpc].
    X, Y : array
        Evenly spaced nodes along either axis [kpc].
    width_kpc : float
        h of the kernel.
    kernel : str
        One of `KERNELS`.
    z : array, shape (n,), or None
        Heights of the stars [kpc] for kernels in three dimensions, integrated over Z; None for kernels in the plane.
    Z_limits_kpc : (float, float) or None
        Range of Z of the integral; None for all.

    Raises
    ------
    DiscatlasError
        For an unknown kernel, a width that is not above zero, and limits of Z out of order or without heights.
    """
    if kernel not in KERNELS or not width_kpc > 0:
        raise DiscatlasError(
            f"over-density: got kernel {kernel!r} of width {width_kpc}{nearest(str(kernel), KERNELS)}; expected one of "
            f"{', '.join(KERNELS)} and a width above 0"
        )
    is_gaussian = kernel == "gaussian"
    reach = TRUNCATION * width_kpc if is_gaussian else width_kpc
    out = np.zeros((N_CHUNKS, 2 if with_squares else 1, X.size, Y.size))
    edges = np.linspace(0, x.size, N_CHUNKS + 1).astype(np.int64)
    low, high = _heights(z, Z_limits_kpc)
    grid = X[0], X[1] - X[0], Y[0], Y[1] - Y[0]
    if z is None:
        _scatter(x, y, edges, *grid, width_kpc, reach, is_gaussian, out)
    else:
        _scatter_projected(x, y, z, edges, *grid, width_kpc, reach, is_gaussian, low, high, out)
    sums = out.sum(axis=0)
    if is_gaussian:
        inside = (1.0 - np.exp(-0.5 * TRUNCATION**2)) if z is None else SPHERE
        norm = 1.0 / (2.0 * np.pi * width_kpc**2 * inside)
    else:
        norm = 9.0 / (16.0 * width_kpc**2)
    return norm * sums[0], norm**2 * sums[1] if with_squares else norm * sums[0]


def _heights(z: Array | None, Z_limits_kpc: Sequence[float] | None) -> tuple[float, float]:
    if Z_limits_kpc is None:
        return -np.inf, np.inf
    low, high = Z_limits_kpc
    if z is None or not low < high:
        raise DiscatlasError(
            f"over-density: got Z_limits_kpc [{low:g}, {high:g}]"
            f"{' in two dimensions' if z is None else ''}; expected null in two dimensions (use selection), else low < high"
        )
    return float(low), float(high)


def density_contrast(
    x: Array,
    y: Array,
    X: Array,
    Y: Array,
    local_kpc: float,
    mean_kpc: float,
    kernel: str,
    min_density_share_per_kpc2: float,
    z: Array | None = None,
    Z_limits_kpc: Sequence[float] | None = None,
) -> dict[str, Array]:
    """Return the columns of contract ``overdensity`` beside the places, shape (len(X) len(Y),) each, Y running fastest.

    Parameters
    ----------
    local_kpc, mean_kpc : float
        Widths of the two kernels.
    min_density_share_per_kpc2 : float
        Mean density below which there is no contrast, as a share of all stars.
    z, Z_limits_kpc
        For smoothing in three dimensions (Zari et al. 2025, Eq. 15): see `kernel_sums`.

    Raises
    ------
    DiscatlasError
        For bad kernels, a local one that is not the narrower, and a mean density that is too low everywhere.
    """
    if not local_kpc < mean_kpc:
        raise DiscatlasError(
            f"over-density: got local_kpc {local_kpc:g} and mean_kpc {mean_kpc:g}; expected the first to be smaller"
        )
    local, squares = (part.ravel() for part in kernel_sums(x, y, X, Y, local_kpc, kernel, True, z, Z_limits_kpc))
    mean = kernel_sums(x, y, X, Y, mean_kpc, kernel, False, z, Z_limits_kpc)[0].ravel()
    known = (mean >= min_density_share_per_kpc2 * x.size) & (mean > 0)
    if not known.any():
        raise DiscatlasError(
            f"over-density: the mean density of {x.size:,} stars is below min_density_share_per_kpc2 "
            f"{min_density_share_per_kpc2:g} at every node (highest: {mean.max() / x.size:.3g}); check limits_kpc"
        )
    n_effective = np.divide(local**2, squares, out=np.zeros_like(local), where=squares > 0)
    ratio = np.divide(local, mean, out=np.full_like(local, np.nan), where=known)
    error = np.divide(np.sqrt(squares), mean, out=np.full_like(local, np.nan), where=known & (squares > 0))
    return {
        "n_effective": n_effective,
        "density_per_kpc2": local,
        "mean_density_per_kpc2": mean,
        "overdensity": ratio - 1.0,
        "overdensity_error": error,
    }


@njit(cache=True)
def _reached(place: float, reach: float, first: float, step: float, n: int) -> tuple[int, int]:
    """Return the first and last of n nodes along an axis that are within `reach` of a place."""
    low, high = int(np.ceil((place - reach - first) / step)), int(np.floor((place + reach - first) / step))
    return max(0, low), min(n - 1, high)


@njit(cache=True, parallel=True)
def _scatter(
    x: Array,
    y: Array,
    edges: NDArray,
    X_0: float,
    X_step: float,
    Y_0: float,
    Y_step: float,
    width: float,
    reach: float,
    is_gaussian: bool,
    out: Array,
) -> None:
    """Add the kernel of each star, without its norm, and its square to the nodes that it reaches."""
    n_X, n_Y = out.shape[2], out.shape[3]
    for chunk in prange(edges.size - 1):
        along = np.empty(n_Y)
        for k in range(edges[chunk], edges[chunk + 1]):
            first_X, last_X = _reached(x[k], reach, X_0, X_step, n_X)
            first_Y, last_Y = _reached(y[k], reach, Y_0, Y_step, n_Y)
            for j in range(first_Y, last_Y + 1):
                v = ((Y_0 + j * Y_step - y[k]) / width) ** 2
                along[j] = np.exp(-0.5 * v) if is_gaussian else max(1.0 - v, 0.0)
            for i in range(first_X, last_X + 1):
                offset = X_0 + i * X_step - x[k]
                u = (offset / width) ** 2
                across = np.exp(-0.5 * u) if is_gaussian else max(1.0 - u, 0.0)
                low, high = first_Y, last_Y
                if is_gaussian:
                    half = np.sqrt(max(reach * reach - offset * offset, 0.0))
                    low = max(low, int(np.ceil((y[k] - half - Y_0) / Y_step)))
                    high = min(high, int(np.floor((y[k] + half - Y_0) / Y_step)))
                row = out[chunk, 0, i]
                for j in range(low, high + 1):
                    row[j] += across * along[j]
                if out.shape[1] > 1:
                    row = out[chunk, 1, i]
                    for j in range(low, high + 1):
                        row[j] += (across * along[j]) ** 2


@njit(cache=True)
def _share_along_z(
    s2: float, width: float, is_gaussian: bool, below: float, above: float, t_low: float, t_high: float
) -> float:
    """Return the integral over Z, from `below` to `above` the star, of the kernel at squared distance s2 in the plane.

    `t_low` and `t_high` are the same integral's ends for a kernel that reaches beyond both limits.
    """
    if not is_gaussian:
        return t_high - t_low
    cut = np.sqrt(max((TRUNCATION * width) ** 2 - s2, 0.0))
    if below >= cut or above <= -cut:
        return 0.0
    if below > -cut and above < cut:
        return 0.5 * (t_high - t_low)
    end = math.erf(cut / (math.sqrt(2.0) * width))
    return 0.5 * ((t_high if above < cut else end) - (t_low if below > -cut else -end))


@njit(cache=True, parallel=True)
def _scatter_projected(
    x: Array,
    y: Array,
    z: Array,
    edges: NDArray,
    X_0: float,
    X_step: float,
    Y_0: float,
    Y_step: float,
    width: float,
    reach: float,
    is_gaussian: bool,
    Z_low: float,
    Z_high: float,
    out: Array,
) -> None:
    """Add the kernel in three dimensions of each star, integrated over Z, without its norm, and its square to the nodes."""
    n_X, n_Y = out.shape[2], out.shape[3]
    for chunk in prange(edges.size - 1):
        for k in range(edges[chunk], edges[chunk + 1]):
            below, above = Z_low - z[k], Z_high - z[k]
            if is_gaussian:
                t_low, t_high = math.erf(below / (math.sqrt(2.0) * width)), math.erf(above / (math.sqrt(2.0) * width))
            else:
                ends = min(max(below / width, -1.0), 1.0), min(max(above / width, -1.0), 1.0)
                t_low, t_high = 0.75 * (ends[0] - ends[0] ** 3 / 3.0), 0.75 * (ends[1] - ends[1] ** 3 / 3.0)
            first_X, last_X = _reached(x[k], reach, X_0, X_step, n_X)
            first_Y, last_Y = _reached(y[k], reach, Y_0, Y_step, n_Y)
            for i in range(first_X, last_X + 1):
                u = X_0 + i * X_step - x[k]
                for j in range(first_Y, last_Y + 1):
                    v = Y_0 + j * Y_step - y[k]
                    s2 = u * u + v * v
                    if is_gaussian:
                        if s2 > reach * reach:
                            continue
                        inside = np.exp(-0.5 * s2 / width**2)
                    else:
                        inside = max(1.0 - (u / width) ** 2, 0.0) * max(1.0 - (v / width) ** 2, 0.0)
                    value = inside * _share_along_z(s2, width, is_gaussian, below, above, t_low, t_high)
                    out[chunk, 0, i, j] += value
                    if out.shape[1] > 1:
                        out[chunk, 1, i, j] += value * value
