"""Mean, standard deviation and median of the stars in each cell, with their errors.

Every number of a cell is computed from its stars in row order by one thread, so it does not depend on the number of threads.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import stats

ONE_SIGMA_TAIL = 0.15865525393145707  # probability beyond +1 sigma
MOMENTS = ("median", "median_error", "mean", "mean_error", "std")
N_BLOCKS = 256


def sort_by_cell(
    cells: NDArray[np.int32], columns: tuple[NDArray, NDArray], n_cells: int
) -> tuple[NDArray[np.int64], NDArray, NDArray]:
    """Return the offsets of each cell, shape (n_cells + 1,), and two columns sorted by cell, stars in row order.

    `cells` holds numbers from 0 to n_cells - 1; cell k is rows offsets[k] to offsets[k + 1] of the result.
    """
    offsets = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=n_cells))])
    first, second = np.empty(cells.size), np.empty(cells.size)
    _scatter(cells, columns[0], columns[1], offsets[:-1].copy(), first, second)
    return offsets, first, second


def divide_blocks(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return edges of blocks of cells with about equal numbers of stars, for threads to share."""
    targets = np.linspace(0, offsets[-1], N_BLOCKS + 1)[1:-1]
    inner = np.unique(np.searchsorted(offsets, targets))
    return np.unique(np.concatenate([[0], inner, [offsets.size - 1]]))


def cell_moments(
    values: NDArray[np.float64], offsets: NDArray[np.int64], blocks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the columns of `MOMENTS` for each cell, shape (m, 5), in the unit of the values.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite values sorted by cell.
    offsets, blocks : ndarray of int
        See `sort_by_cell` and `divide_blocks`.

    Returns
    -------
    ndarray, shape (m, 5)
        Median; its standard error, half the interval of `median_ranks`; mean; std/sqrt(n); std with n - 1 in the
        denominator. Errors and std are NaN for one star, all are NaN for none.
    """
    counts = np.diff(offsets)
    distinct, inverse = np.unique(counts, return_inverse=True)
    ranks, fractions = median_ranks(distinct)
    out = np.full((counts.size, len(MOMENTS)), np.nan)
    _moments(values, offsets, blocks, ranks[inverse], fractions[inverse], out)
    return out


def median_ranks(n_stars: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rank k and the fraction f that bound the 68.27 % interval of the median of n stars.

    The number of stars below the true median is binomial(n, 1/2), so the order statistics x_(k) to x_(n + 1 - k) cover it
    with probability g_k = 1 - 2 P(B < k), whatever the distribution. k is the largest rank with g_k >= 68.27 %; the
    interval runs from (1 - f) x_(k) + f x_(k + 1) to its mirror image, with f between this pair and the next as in
    Hettmansperger & Sheather (1986), Statistics & Probability Letters 4, 75. For n = 2 no pair reaches 68.27 %: k = 1, f = 0.
    """
    n = np.asarray(n_stars, dtype=np.int64)
    k = np.maximum(stats.binom.ppf(ONE_SIGMA_TAIL, n, 0.5), 1).astype(np.int64)
    outer, inner = 1 - 2 * stats.binom.cdf(k - 1, n, 0.5), 1 - 2 * stats.binom.cdf(k, n, 0.5)
    share = np.clip((outer - (1 - 2 * ONE_SIGMA_TAIL)) / np.maximum(outer - inner, 1e-300), 0.0, 1.0)
    weight = k + (n - 2 * k) * share
    return k, np.where(weight > 0, (n - k) * share / np.where(weight > 0, weight, 1), 0.0)


@njit(cache=True)
def _scatter(cells: NDArray, a: NDArray, b: NDArray, position: NDArray, sorted_a: NDArray, sorted_b: NDArray) -> None:
    for i in range(cells.size):
        k = position[cells[i]]
        position[cells[i]] = k + 1
        sorted_a[k] = a[i]
        sorted_b[k] = b[i]


@njit(cache=True)
def _select(x: NDArray, low: int, high: int, k: int) -> float:
    """Put into x[k] what would stand there if x[low:high + 1] were sorted; smaller before it, larger after it."""
    for _ in range(64):
        if low >= high:
            return x[k]
        a, b, c = x[low], x[(low + high) // 2], x[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while x[i] < pivot:
                i += 1
            while x[j] > pivot:
                j -= 1
            if i <= j:
                x[i], x[j] = x[j], x[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            return x[k]
    x[low : high + 1].sort()  # an order that defeats the choice of pivots
    return x[k]


@njit(cache=True, error_model="numpy")
def _median(x: NDArray, rank: int, fraction: float) -> tuple[float, float]:
    """Median and its error; reorders x."""
    n = x.size
    middle = (n - 1) // 2
    median = _select(x, 0, n - 1, middle)
    if n % 2 == 0:
        median = 0.5 * (median + x[middle + 1 :].min())
    if n == 1:
        return median, np.nan
    low = _select(x, 0, middle, rank - 1)
    if fraction > 0.0 and rank <= middle:
        low += fraction * (x[rank : middle + 1].min() - low)
    high = _select(x, middle, n - 1, n - rank)
    if fraction > 0.0 and n - rank > middle:
        high += fraction * (x[middle : n - rank].max() - high)
    return median, 0.5 * (high - low)


@njit(cache=True, error_model="numpy")
def _mean_and_std(x: NDArray) -> tuple[float, float]:
    total = 0.0
    for i in range(x.size):
        total += x[i]
    mean = total / x.size
    # Two passes: the second removes what rounding left in the first.
    rest, squares = 0.0, 0.0
    for i in range(x.size):
        rest += x[i] - mean
        squares += (x[i] - mean) ** 2
    variance = (squares - rest * rest / x.size) / (x.size - 1)
    return mean + rest / x.size, np.sqrt(max(variance, 0.0)) if x.size > 1 else np.nan


@njit(cache=True, parallel=True, error_model="numpy")
def _moments(
    values: NDArray, offsets: NDArray, blocks: NDArray, ranks: NDArray, fractions: NDArray, out: NDArray
) -> None:
    for block in prange(blocks.size - 1):
        for cell in range(blocks[block], blocks[block + 1]):
            x = values[offsets[cell] : offsets[cell + 1]]
            if x.size > 0:
                mean, std = _mean_and_std(x)
                median, error = _median(x.copy(), ranks[cell], fractions[cell])
                out[cell, 0], out[cell, 1] = median, error
                out[cell, 2], out[cell, 3], out[cell, 4] = mean, std / np.sqrt(x.size), std
