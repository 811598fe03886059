"""Compiled kernels of `smoothing`: the deconvolved mean of a window and of its bootstrap samples, by profile likelihood.

Throughout d are values minus a centre of their window, e2 squared errors (> 0), c how often a star counts, V the
squared intrinsic dispersion (>= 0), w = 1/(V + e2), mu(V) = sum c w d / sum c w, and
ln L(V) = -1/2 sum c [ln(V + e2) + w (d - mu)^2]. All sums run in the order of the stars; all compiled functions that
call each other stand in this one file: numba's cache does not notice edits of another.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

FACTOR = 2.5  # between neighbouring V of the grid: ln L has no feature narrower than that
MAX_GRID = 64
CONVERGED = 1e-4  # step of Newton's method in units of V: it converges quadratically, what is left is its square
N_SUMS = 4  # that ln L is made of: of c w, c w d, c w d^2 and c ln w
FEW = 64  # stars in a window, from which on V that no bootstrap sample can prefer are left out of the grid
SAFE_SIGMA = 8.0


@njit(cache=True)
def _mix(z: np.uint64) -> np.uint64:
    """Mix 64 bits (SplitMix64; Steele, Lea & Flood 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def _stream(seed: np.uint64, window: int) -> tuple[np.uint64, np.uint64]:
    """Return start and odd step of the counter of one window."""
    start = _mix(_mix(seed + np.uint64(0x9E3779B97F4A7C15)) + np.uint64(window) * np.uint64(0xD1342543DE82EF95))
    return start, _mix(start ^ np.uint64(0x5851F42D4C957F2D)) | np.uint64(1)


@njit(cache=True)
def _resample(counts: NDArray, start: np.uint64, step: np.uint64, counter: int) -> int:
    """Draw n of n stars with replacement into `counts`; return the counter after the draws, two from each 64 bits."""
    n = counts.size
    counts[:] = 0
    drawn = 0
    while drawn < n:
        bits = _mix(start + np.uint64(counter) * step)
        counter += 1
        counts[np.int64(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))] += 1
        drawn += 1
        if drawn < n:
            counts[np.int64(((bits & np.uint64(0xFFFFFFFF)) * np.uint64(n)) >> np.uint64(32))] += 1
            drawn += 1
    return counter


@njit(cache=True, error_model="numpy")
def _slopes(d: NDArray, e2: NDArray, c: NDArray, n: int, V: float) -> tuple[float, float, float, float]:
    """Return mu(V), d mu/d V, and the first and second derivative of ln L in V, of the first n entries."""
    sw, swd, sw2, sw2d, sw2dd, sw3, sw3d, sw3dd = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        w = 1.0 / (V + e2[i])
        x = d[i]
        cw = c[i] * w
        cw2 = cw * w
        cw3 = cw2 * w
        sw += cw
        swd += cw * x
        sw2 += cw2
        sw2d += cw2 * x
        sw2dd += cw2 * x * x
        sw3 += cw3
        sw3d += cw3 * x
        sw3dd += cw3 * x * x
    mu = swd / sw
    skew = sw2d - mu * sw2
    first = 0.5 * (sw2dd - 2.0 * mu * sw2d + mu * mu * sw2 - sw)
    second = 0.5 * sw2 - (sw3dd - 2.0 * mu * sw3d + mu * mu * sw3) + skew * skew / sw
    return mu, -skew / sw, first, second


@njit(cache=True, error_model="numpy")
def _log_likelihood(d: NDArray, e2: NDArray, c: NDArray, n: int, V: float) -> float:
    sw, swd, swdd, log_sum = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        w = 1.0 / (V + e2[i])
        cw = c[i] * w
        sw += cw
        swd += cw * d[i]
        swdd += cw * d[i] * d[i]
        log_sum -= c[i] * np.log(w)
    return -0.5 * (log_sum + swdd - swd * swd / sw)


@njit(cache=True, error_model="numpy")
def _refine(
    d: NDArray, e2: NDArray, c: NDArray, n: int, low: float, V: float, high: float, scale: float
) -> tuple[float, float]:
    """Return V and mu of the maximum of ln L between `low` and `high`: Newton's method from V, kept in the bracket."""
    mu = 0.0
    for _ in range(200):
        mu, turn, first, second = _slopes(d, e2, c, n, V)
        if first > 0.0:
            low = V
        else:
            high = V
        new = V - first / second if second < 0.0 else -1.0
        if not (low <= new <= high):
            new = 0.5 * (low + high)
        change = new - V
        V, mu = new, mu + turn * change
        if abs(change) <= CONVERGED * (V + scale):
            break
    return V, mu


@njit(cache=True, error_model="numpy")
def _grid(d: NDArray, e2: NDArray) -> NDArray:
    """Return the V at which ln L is tabulated: 0, and from where the weights are nearly those at 0 to beyond any maximum."""
    low, high, smallest = d[0], d[0], e2[0]
    for i in range(d.size):
        low, high, smallest = min(low, d[i]), max(high, d[i]), min(smallest, e2[i])
    top = max((high - low) ** 2, smallest)
    bottom = max(0.2 * smallest, top * FACTOR ** (3 - MAX_GRID))
    V = np.zeros(int(np.ceil(np.log(top / bottom) / np.log(FACTOR))) + 2)
    for g in range(1, V.size):
        V[g] = bottom * FACTOR ** (g - 1)
    return V


@njit(cache=True, error_model="numpy")
def _terms(d: NDArray, e2: NDArray, V: NDArray) -> NDArray:
    """Return what each star adds to the sums of ln L, shape (n, N_SUMS, grid)."""
    terms = np.empty((d.size, N_SUMS, V.size))
    for i in range(d.size):
        for g in range(V.size):
            w = 1.0 / (V[g] + e2[i])
            terms[i, 0, g] = w
            terms[i, 1, g] = w * d[i]
            terms[i, 2, g] = w * d[i] * d[i]
            terms[i, 3, g] = np.log(w)
    return terms


@njit(cache=True, error_model="numpy")
def _narrow(d: NDArray, e2: NDArray, V: NDArray, best_V: float, best_mu: float) -> NDArray:
    """Return the part of the grid where a bootstrap sample may have its maximum.

    Left out are V whose ln L lies below the best by more than `SAFE_SIGMA` times the scatter of that difference over
    bootstrap samples; the nearest one on either side stays.
    """
    first, last = V.size, -1
    for g in range(V.size):
        drop, square = 0.0, 0.0
        for i in range(d.size):
            w, best_w = 1.0 / (V[g] + e2[i]), 1.0 / (best_V + e2[i])
            x = 0.5 * (np.log(best_w / w) + (w - best_w) * (d[i] - best_mu) ** 2)
            drop += x
            square += x * x
        if drop <= SAFE_SIGMA * np.sqrt(square) or best_V < FACTOR * V[g] < FACTOR * FACTOR * best_V:
            first, last = min(first, g), max(last, g)
    return V[max(first - 1, 0) : min(last + 2, V.size)]


@njit(cache=True, error_model="numpy")
def _best(
    d: NDArray, e2: NDArray, c: NDArray, n: int, V: NDArray, sums: NDArray, table: NDArray
) -> tuple[float, float]:
    """Return V and mu of the highest maximum of ln L, from its sums (N_SUMS, grid); `table` (grid) is work space.

    Every maximum of the table is refined, and if there are several their ln L decide.
    """
    size = V.size
    for g in range(size):
        table[g] = 0.5 * (sums[3, g] - sums[2, g] + sums[1, g] * sums[1, g] / sums[0, g])
    best_V, best_mu, best_log, n_found = 0.0, 0.0, 0.0, 0
    for g in range(size):
        if (g > 0 and table[g] < table[g - 1]) or (g < size - 1 and table[g] <= table[g + 1]):
            continue
        found_V, found_mu = V[g], sums[1, g] / sums[0, g]
        if V[g] > 0.0 or _slopes(d, e2, c, n, 0.0)[2] > 0.0:
            low, high = V[max(g - 1, 0)], V[min(g + 1, size - 1)]
            start = V[g] if V[g] > 0.0 else 0.5 * high
            if 0 < g < size - 1 and V[g - 1] > 0.0:  # the top of the parabola in ln V
                bend = table[g - 1] - 2.0 * table[g] + table[g + 1]
                start = V[g] * FACTOR ** (0.5 * (table[g - 1] - table[g + 1]) / bend)
            found_V, found_mu = _refine(d, e2, c, n, low, start, high, V[1])
        n_found += 1
        if n_found == 1:
            best_V, best_mu = found_V, found_mu
            continue
        if n_found == 2:
            best_log = _log_likelihood(d, e2, c, n, best_V)
        log = _log_likelihood(d, e2, c, n, found_V)
        if log > best_log:
            best_V, best_mu, best_log = found_V, found_mu, log
    return best_V, best_mu


@njit(cache=True, error_model="numpy")
def _add(terms: NDArray, count: float, sums: NDArray) -> None:
    for k in range(sums.size):
        sums[k] += count * terms[k]


@njit(cache=True, error_model="numpy")
def _mean_of_counts(
    d: NDArray,
    e2: NDArray,
    counts: NDArray,
    V: NDArray,
    terms: NDArray,
    sums: NDArray,
    table: NDArray,
    packed: NDArray,
) -> tuple[float, float]:
    """Return V and mu of the stars counted `counts` times; NaN if none is. `packed` (3, n) is work space."""
    n = 0
    sums[:] = 0.0
    for i in range(d.size):
        if counts[i] > 0:
            packed[0, n], packed[1, n], packed[2, n] = d[i], e2[i], counts[i]
            _add(terms[i], packed[2, n], sums)
            n += 1
    if n == 0:
        return np.nan, np.nan
    return _best(packed[0], packed[1], packed[2], n, V, sums.reshape(N_SUMS, V.size), table)


@njit(cache=True, error_model="numpy")
def _gather(values: NDArray, e2: NDArray, indices: NDArray, start: int, stop: int) -> tuple[NDArray, NDArray, float]:
    """Return deviations from their mean, squared errors and that mean of the stars of a window."""
    d, variance, centre = np.empty(stop - start), np.empty(stop - start), 0.0
    for i in range(start, stop):
        centre += values[indices[i]]
    centre /= stop - start
    for i in range(start, stop):
        d[i - start] = values[indices[i]] - centre
        variance[i - start] = e2[indices[i]]
    return d, variance, centre


@njit(cache=True, error_model="numpy")
def _prepare(d: NDArray, e2: NDArray) -> tuple[float, float, NDArray, NDArray]:
    """Return V and mu of the stars themselves, and grid and terms (n, N_SUMS grid) for their bootstrap samples."""
    V, ones = _grid(d, e2), np.ones(d.size)
    sums = _terms(d, e2, V).sum(axis=0)
    best_V, best_mu = _best(d, e2, ones, d.size, V, sums, np.empty(V.size))
    if d.size >= FEW and best_V > 0.0:
        V = _narrow(d, e2, V, best_V, best_mu)
    return best_V, best_mu, V, _terms(d, e2, V).reshape(d.size, N_SUMS * V.size)


@njit(cache=True, error_model="numpy")
def _bootstrap_window(d: NDArray, e2: NDArray, number: int, seed: np.uint64, n_bootstraps: int, out: NDArray) -> None:
    best_V, best_mu, V, terms = _prepare(d, e2)
    counts, packed = np.empty(d.size, np.int64), np.empty((3, d.size))
    sums, table, means = np.empty(N_SUMS * V.size), np.empty(V.size), np.empty(n_bootstraps)
    start, step = _stream(seed, number)
    counter = 0
    for b in range(n_bootstraps):
        counter = _resample(counts, start, step, counter)
        means[b] = _mean_of_counts(d, e2, counts, V, terms, sums, table, packed)[1]
    mean = means.sum() / n_bootstraps
    out[0], out[1], out[2] = best_mu, best_V, mean
    out[3] = np.sqrt(((means - mean) ** 2).sum() / (n_bootstraps - 1))


@njit(cache=True, parallel=True, error_model="numpy")
def bootstrap_windows(
    values: NDArray,
    e2: NDArray,
    offsets: NDArray,
    indices: NDArray,
    rows: NDArray,
    seed: np.uint64,
    n_bootstraps: int,
    out: NDArray,
) -> None:
    """Fill out[row] with mean and V of the stars of a window, and mean and standard deviation over bootstrap samples.

    `rows` are the numbers of the windows to be done; each has its own stream of random numbers.
    """
    for k in prange(rows.size):
        row = rows[k]
        d, variance, centre = _gather(values, e2, indices, offsets[row], offsets[row + 1])
        _bootstrap_window(d, variance, row, seed, n_bootstraps, out[row])
        out[row, 0] += centre
        out[row, 2] += centre


@njit(cache=True, parallel=True)
def draw_counts(seed: np.uint64, first: int, counts: NDArray) -> None:
    """Fill each row of `counts` (b, n) with how often n stars are drawn in one bootstrap sample of them all."""
    for b in prange(counts.shape[0]):
        start, step = _stream(seed, first + b)
        _resample(counts[b], start, step, 0)


@njit(cache=True, parallel=True, error_model="numpy")
def means_of_counts(
    values: NDArray, e2: NDArray, offsets: NDArray, indices: NDArray, rows: NDArray, counts: NDArray, out: NDArray
) -> None:
    """Fill out[b, k] with the mean of window rows[k] in the bootstrap sample `counts[b]` of all stars."""
    for k in prange(rows.size):
        start, stop = offsets[rows[k]], offsets[rows[k] + 1]
        d, variance, centre = _gather(values, e2, indices, start, stop)
        _, _, V, terms = _prepare(d, variance)
        mine, packed = np.empty(d.size, np.int64), np.empty((3, d.size))
        sums, table = np.empty(N_SUMS * V.size), np.empty(V.size)
        for b in range(counts.shape[0]):
            for i in range(start, stop):
                mine[i - start] = counts[b, indices[i]]
            out[b, k] = centre + _mean_of_counts(d, variance, mine, V, terms, sums, table, packed)[1]


@njit(cache=True, parallel=True, error_model="numpy")
def influences(
    values: NDArray, e2: NDArray, offsets: NDArray, indices: NDArray, rows: NDArray, best: NDArray, out: NDArray
) -> None:
    """Fill `out`, one number per member, with the unit vector of influences on the mean of its window.

    `best` (windows, 2) holds mean and V.
    """
    for k in prange(rows.size):
        start, stop = offsets[rows[k]], offsets[rows[k] + 1]
        mu, V = best[rows[k], 0], best[rows[k], 1]
        sw, sw2r, curvature = 0.0, 0.0, 0.0
        for i in range(start, stop):
            w, r = 1.0 / (V + e2[indices[i]]), values[indices[i]] - mu
            sw += w
            sw2r += w * w * r
            curvature += w * w * (w * r * r - 0.5)
        mix = sw2r / curvature if V > 0.0 and curvature * sw > sw2r * sw2r else 0.0
        norm = 0.0
        for i in range(start, stop):
            w, r = 1.0 / (V + e2[indices[i]]), values[indices[i]] - mu
            out[i] = w * r - mix * 0.5 * w * (w * r * r - 1.0)
            norm += out[i] ** 2
        norm = np.sqrt(norm)
        for i in range(start, stop):
            out[i] = out[i] / norm if norm > 0.0 else 0.0


@njit(cache=True, parallel=True)
def pair_products(
    influence: NDArray, offsets: NDArray, indices: NDArray, a: NDArray, b: NDArray, out: NDArray, shared: NDArray
) -> None:
    """Fill `out` with the sum of products of influences over the stars that windows a[k] and b[k] share, `shared` of them."""
    for k in prange(a.size):
        i, j = offsets[a[k]], offsets[b[k]]
        total, n = 0.0, 0
        while i < offsets[a[k] + 1] and j < offsets[b[k] + 1]:
            if indices[i] == indices[j]:
                total += influence[i] * influence[j]
                n += 1
                i += 1
                j += 1
            elif indices[i] < indices[j]:
                i += 1
            else:
                j += 1
        out[k], shared[k] = total, n
