"""The compiled likelihood of `likelihood`: ln L of many sets of parameters at once.

The stars are cut into chunks of a fixed number, each summed by one thread in order of the stars, and the sums of the
chunks are added in order: the result has the same bits on any number of threads.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

CHUNK = 2048  # stars that one thread sums at a time
GROUP = 8  # variances whose product is taken before its logarithm; their eighth power must not overflow
PARALLEL_FROM = 400_000  # stars times sets of parameters: below, threads cost more than they save
SLOPE, VALUE, BREAK, OUTER, CURVATURE, SCATTER = range(6)


@njit(cache=True, error_model="numpy")
def _straight(stars: NDArray, first: int, last: int, p: NDArray, orthogonal: bool) -> float:
    """Sum of ln V + d^2/V over some stars for a straight line; V is divided by 1 + m^2 in the logarithm if `orthogonal`."""
    m, value, s2 = p[SLOPE], p[VALUE], p[SCATTER] * p[SCATTER]
    squares, logs, product, k = 0.0, 0.0, 1.0, 0
    for i in range(first, last):
        d = stars[1, i] - value - m * stars[0, i]
        V = s2 + stars[4, i] - 2.0 * m * stars[3, i] + m * m * stars[2, i]
        squares += d * d / V
        product *= V
        k += 1
        if k == GROUP:
            logs += math.log(product)
            product, k = 1.0, 0
    logs += math.log(product)
    return squares + logs - ((last - first) * math.log(1.0 + m * m) if orthogonal else 0.0)


@njit(cache=True, error_model="numpy")
def _bent(stars: NDArray, first: int, last: int, p: NDArray, orthogonal: bool) -> float:
    """Return the same sum for a line that breaks or bends; m is the slope at the star."""
    slope, value, edge, outer, curvature = p[SLOPE], p[VALUE], p[BREAK], p[OUTER], p[CURVATURE]
    s2, at_edge = p[SCATTER] * p[SCATTER], 0.0
    if edge < np.inf:
        at_edge = value + slope * edge + 0.5 * curvature * edge * edge
    squares, logs, product, k = 0.0, 0.0, 1.0, 0
    for i in range(first, last):
        u = stars[0, i]
        if u < edge:
            m = slope + curvature * u
            d = stars[1, i] - value - u * (slope + 0.5 * curvature * u)
        else:
            m = outer
            d = stars[1, i] - at_edge - outer * (u - edge)
        V = s2 + stars[4, i] - 2.0 * m * stars[3, i] + m * m * stars[2, i]
        squares += d * d / V
        product *= V / (1.0 + m * m) if orthogonal else V
        k += 1
        if k == GROUP:
            logs += math.log(product)
            product, k = 1.0, 0
    return squares + logs + math.log(product)


def _chunk_sums(stars: NDArray, p: NDArray, orthogonal: bool, sums: NDArray) -> None:
    """Fill the sums of each set of parameters and chunk, shape (k, n_chunks)."""
    n_chunks = sums.shape[1]
    for task in prange(sums.size):
        row, chunk = task // n_chunks, task % n_chunks
        first = chunk * CHUNK
        last = min(first + CHUNK, stars.shape[1])
        if p[row, CURVATURE] == 0.0 and p[row, BREAK] == np.inf:
            sums[row, chunk] = _straight(stars, first, last, p[row], orthogonal)
        else:
            sums[row, chunk] = _bent(stars, first, last, p[row], orthogonal)


_chunk_sums_serial = njit(cache=True, error_model="numpy")(_chunk_sums)
_chunk_sums_parallel = njit(cache=True, parallel=True, error_model="numpy")(_chunk_sums)


def log_likelihoods(
    stars: NDArray[np.float64], parameters: NDArray[np.float64], orthogonal: bool
) -> NDArray[np.float64]:
    """Return ln L of each set of parameters, shape (k,).

    Parameters
    ----------
    stars : ndarray, shape (5, n)
        u, y, and the variances and covariance of their errors: V_xx [kpc^2], V_xy [kpc dex], V_yy [dex^2].
    parameters : ndarray, shape (k, 6)
        slope [dex/kpc], value at u = 0 [dex], break in u [kpc] (infinite for none), slope beyond it, curvature
        [dex/kpc^2], scatter in y [dex].
    orthogonal : bool
        Add 1/2 ln(1 + m^2) for every star.
    """
    n = stars.shape[1]
    sums = np.empty((len(parameters), max(1, -(-n // CHUNK))))
    fill = _chunk_sums_parallel if n * len(parameters) > PARALLEL_FROM else _chunk_sums_serial
    fill(np.ascontiguousarray(stars), np.ascontiguousarray(parameters), orthogonal, sums)
    total = np.zeros(len(parameters))
    for column in sums.T:  # in order
        total += column
    return -0.5 * (total + n * math.log(2.0 * math.pi))
