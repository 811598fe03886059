"""Compiled integral of a star's likelihood along isochrones.

Between neighbouring points of an isochrone the observables run along a straight line, so chi-square is a parabola in
the place s on it. The integral over s takes Gauss's rule with two nodes on pieces no longer than half an error, so it
does not matter how far the points are apart beside the errors. Segments stand in blocks, blocks in groups, each with
its bounding box: what is farther than the cut-off from the star is skipped unseen.
"""

from math import exp, sqrt

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

BLOCK, GROUP = 8, 8  # segments in a block, blocks in a group
CUT = 50.0  # in chi-square above the best: what is left out is below exp(-25) of the peak
PIECE = 0.7  # longest piece of a segment [standard errors]
SHORT = 0.02  # in chi-square: for segments shorter than its root the middle is enough, corrected for the curvature
_KERNEL = {"cache": True, "error_model": "numpy"}
_NODE = 0.5 - 0.5 / sqrt(3.0)  # of Gauss's rule on 0 ... 1


@njit(**_KERNEL)
def _box_distance(low: NDArray, high: NDArray, star: NDArray, weight: NDArray) -> float:
    """Chi-square of the nearest corner, edge or face of a box; zero inside."""
    total = 0.0
    for i in range(3):
        x = star[i]
        d = low[i] - x if x < low[i] else (x - high[i] if x > high[i] else 0.0)
        d *= weight[i]
        total += d * d
    return total


@njit(**_KERNEL)
def _integral(a: float, b: float, c: float, limit: float, best: float) -> float:
    """Integral of exp(-(chi-square - best) / 2) over the part of the segment where chi-square is below `limit`."""
    if a < SHORT:
        middle, slope = c + b + 0.25 * a, b + 0.5 * a
        return exp(-0.5 * (middle - best)) * (1.0 + (slope * slope - a) / 24.0) if middle < limit else 0.0
    if a < PIECE * PIECE:
        s, t = _NODE, 1.0 - _NODE
        return 0.5 * (exp(-0.5 * (c + s * (2.0 * b + a * s) - best)) + exp(-0.5 * (c + t * (2.0 * b + a * t) - best)))
    nearest = -b / a
    rest = limit - (c - b * b / a)
    if rest <= 0.0:
        return 0.0
    half = sqrt(rest / a)
    first, last = max(0.0, nearest - half), min(1.0, nearest + half)
    if last <= first:
        return 0.0
    n = 1 + int(sqrt(a) * (last - first) / PIECE)
    step = (last - first) / n
    total = 0.0
    for k in range(n):
        s = first + step * (k + _NODE)
        t = first + step * (k + 1.0 - _NODE)
        total += exp(-0.5 * (c + s * (2.0 * b + a * s) - best)) + exp(-0.5 * (c + t * (2.0 * b + a * t) - best))
    return 0.5 * step * total


@njit(**_KERNEL)
def _smallest(a: float, b: float, c: float) -> float:
    """Smallest chi-square on the segment."""
    s = min(max(-b / a, 0.0), 1.0) if a > 1e-12 else 0.0
    return max(c + s * (2.0 * b + a * s), 0.0)


@njit(**_KERNEL)
def _walk(
    grid: tuple, k: int, j: int, star: NDArray, weight: NDArray, limit: float, best: float
) -> tuple[float, float]:
    """Return the smallest chi-square below `limit` and, for a finite `best`, the integral along isochrone (k, j)."""
    points, masses, groups, group_low, group_high, blocks, block_low, block_high = grid
    is_search = not np.isfinite(best)
    total, found = 0.0, limit
    for g in range(groups[k, j, 0], groups[k, j, 1]):
        if _box_distance(group_low[g], group_high[g], star, weight) >= found:
            continue
        first_block = groups[k, j, 2] + (g - groups[k, j, 0]) * GROUP
        for block in range(first_block, min(first_block + GROUP, groups[k, j, 3])):
            if _box_distance(block_low[block], block_high[block], star, weight) >= found:
                continue
            p = blocks[block, 0]
            x = (points[p, 0] - star[0]) * weight[0]
            y = (points[p, 1] - star[1]) * weight[1]
            z = (points[p, 2] - star[2]) * weight[2]
            for p in range(blocks[block, 0], blocks[block, 1]):
                u, v, w = x, y, z
                x = (points[p + 1, 0] - star[0]) * weight[0]
                y = (points[p + 1, 1] - star[1]) * weight[1]
                z = (points[p + 1, 2] - star[2]) * weight[2]
                if masses[p] <= 0.0:
                    continue
                # chi-square = a s^2 + 2 b s + c along the segment
                c = u * u + v * v + w * w
                b = u * (x - u) + v * (y - v) + w * (z - w)
                a = (x - u) ** 2 + (y - v) ** 2 + (z - w) ** 2
                if is_search:
                    found = min(found, _smallest(a, b, c))
                else:
                    total += masses[p] * _integral(a, b, c, limit, best)
    return found, total


@njit(parallel=True, **_KERNEL)
def marginal_likelihood(grid: tuple, stars: NDArray, weights: NDArray, log_phi: NDArray) -> tuple[NDArray, NDArray]:
    """Return G at each age, shape (n, n_age), relative to the best point, and the smallest chi-square, shape (n,).

    Parameters
    ----------
    grid : tuple
        `AgeGrid.arrays`.
    stars, weights : ndarray, shape (n, 3)
        Observables and the inverse of their errors; a weight of zero leaves one out. Stars without any have NaN.
    log_phi : ndarray, shape (n, n_feh)
        Logarithm of the metallicity prior at each node, its maximum 0; -inf leaves a node out.
    """
    n, n_age, n_feh = stars.shape[0], grid[2].shape[0], grid[2].shape[1]
    G, chi2 = np.full((n, n_age), np.nan), np.full(n, np.nan)
    for s in prange(n):
        if not np.isfinite(log_phi[s, 0]) and log_phi[s, 0] != -np.inf:
            continue
        best = np.inf
        for j in range(n_feh):
            offset = -2.0 * log_phi[s, j]
            for k in range(n_age):
                if offset < best:
                    found, _ = _walk(grid, k, j, stars[s], weights[s], best - offset, np.inf)
                    best = min(best, found + offset)
        chi2[s] = best
        for k in range(n_age):
            total = 0.0
            for j in range(n_feh):
                offset = -2.0 * log_phi[s, j]
                if offset < best + CUT:
                    _, part = _walk(grid, k, j, stars[s], weights[s], best + CUT - offset, best - offset)
                    total += part
            G[s, k] = total
    return G, chi2
