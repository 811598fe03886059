"""Compiled kernels of `likelihood`: slope and value of ln L, its highest maximum, and where it has fallen by a given drop.

Throughout d are values minus a robust centre of their cell, e2 squared errors, s = sigma^2 and w = 1/(s + e2); `profile`
takes the mean that maximises ln L at that s instead of `mu`; `restricted` adds -1/2 ln sum w. Sums run in row order.
All compiled functions that call each other stand in this one file: numba's cache does not notice edits of another.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

TINY = 1e-12  # of the squared range: variance that stands for 0 where a star has no error


@njit(cache=True, error_model="numpy")
def _slope(d: NDArray, e2: NDArray, s: float, mu: float, profile: bool, restricted: bool) -> tuple[float, float, float]:
    """Slope of ln L in s, the mean it is taken at (the best one if `profile`) and sum w, at s + e^2 > 0."""
    sw, swd, sw2, sw2d, sw2dd = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(d.size):
        w = 1.0 / (s + e2[i])
        wd = w * d[i]
        sw += w
        swd += wd
        sw2 += w * w
        sw2d += w * wd
        sw2dd += wd * wd
    if profile:
        mu = swd / sw
    slope = sw2dd - 2.0 * mu * sw2d + mu * mu * sw2 - sw
    if restricted:
        slope += sw2 / sw
    return 0.5 * slope, mu, sw


@njit(cache=True, error_model="numpy")
def _log_likelihood(d: NDArray, e2: NDArray, s: float, mu: float, profile: bool, restricted: bool) -> float:
    """Ln L without its constant, at s + e^2 > 0; the logarithm is taken of products of many variances at a time."""
    sw, swd, swdd, log_sum, product = 0.0, 0.0, 0.0, 0.0, 1.0
    for i in range(d.size):
        variance = s + e2[i]
        w = 1.0 / variance
        wd = w * d[i]
        sw += w
        swd += wd
        swdd += wd * d[i]
        product *= variance
        if product > 1e100 or product < 1e-100:
            log_sum += np.log(product)
            product = 1.0
    if profile:
        mu = swd / sw
    result = -0.5 * (log_sum + np.log(product)) - 0.5 * (swdd - 2.0 * mu * swd + mu * mu * sw)
    return result - 0.5 * np.log(sw) if restricted else result


@njit(cache=True, error_model="numpy")
def _root_of_slope(
    d: NDArray, e2: NDArray, a: float, fa: float, b: float, fb: float, mu: float, profile: bool, restricted: bool
) -> float:
    """Root of the slope in [a, b] (fa > 0 >= fb) by regula falsi with Anderson and Bjorck's factor, then bisection."""
    for k in range(200):
        # A step that regula falsi cannot shorten for long is halved: convergence is certain.
        s = 0.5 * (a + b) if k % 8 == 7 else b - fb * (b - a) / (fb - fa)
        f = _slope(d, e2, s, mu, profile, restricted)[0]
        previous = b
        if (f > 0.0) == (fb > 0.0):
            factor = 1.0 - f / fb if fb != 0.0 else 0.5
            fa *= factor if factor > 0.0 else 0.5
        else:
            a, fa = b, fb
        b, fb = s, f
        if f == 0.0 or abs(b - a) <= 1e-12 * b or abs(b - previous) <= 1e-13 * b:
            break
    return b


@njit(cache=True, error_model="numpy")
def _spread(d: NDArray, e2: NDArray, mu: float, profile: bool) -> tuple[float, float, float]:
    """Squared largest distance (the range if `profile`), smallest and largest squared error."""
    low, high, e2_min, e2_max = np.inf, -np.inf, np.inf, 0.0
    for i in range(d.size):
        low, high = min(low, d[i]), max(high, d[i])
        e2_min, e2_max = min(e2_min, e2[i]), max(e2_max, e2[i])
    distance = high - low if profile else max(high - mu, mu - low)
    return distance * distance, e2_min, e2_max


@njit(cache=True, error_model="numpy")
def _equal_errors(d: NDArray, e2: float, mu: float, profile: bool, restricted: bool) -> float:
    """Return the best s where all errors are equal, in closed form."""
    if profile:
        mu = d.mean()
    total = 0.0
    for i in range(d.size):
        total += (d[i] - mu) ** 2
    return max(total / (d.size - 1 if restricted else d.size) - e2, 0.0)


@njit(cache=True, error_model="numpy")
def _best_variance(d: NDArray, e2: NDArray, mu: float, profile: bool, restricted: bool) -> tuple[float, float]:
    """Return the s of the highest maximum of ln L, and the smallest s at which ln L may be evaluated."""
    reach, e2_min, e2_max = _spread(d, e2, mu, profile)
    floor = 0.0 if e2_min > 0.0 else TINY * max(reach, e2_max)
    if e2_min == e2_max:
        return _equal_errors(d, e2_min, mu, profile, restricted), floor
    step = max(e2_min, TINY * max(reach, e2_max)) / 4.0
    a = floor
    fa = _slope(d, e2, a, mu, profile, restricted)[0]
    best, best_log, start_is_maximum, bracket = -1.0, -np.inf, fa <= 0.0, step
    for _ in range(2000):
        b = max(bracket, a)
        fb, _, sw = _slope(d, e2, b, mu, profile, restricted)
        if fa > 0.0 >= fb:
            s = _root_of_slope(d, e2, a, fa, b, fb, mu, profile, restricted)
            log = _log_likelihood(d, e2, s, mu, profile, restricted)
            if log > best_log:
                best, best_log = s, log
        # Beyond this every term of the slope is negative: w d^2 <= 1/2, and no star holds half of the weight.
        dominated = restricted and sw * (b + e2_min) <= 2.0
        if fb <= 0.0 and b >= 2.0 * reach and (not dominated or b >= 4.0 * d.size * max(reach, e2_max)):
            break
        a, fa, bracket = b, fb, 2.0 * b
    if best < 0.0:
        return 0.0, floor
    if start_is_maximum and e2_min > 0.0 and _log_likelihood(d, e2, 0.0, mu, profile, restricted) >= best_log:
        return 0.0, floor
    return best, floor


@njit(cache=True, error_model="numpy")
def _drop(d: NDArray, e2: NDArray, x: float, over_mean: bool, restricted: bool, target: float) -> float:
    """Ln L minus `target`: at mean x with the best s (`over_mean`), or at s = x with the best mean."""
    if over_mean:
        s, floor = _best_variance(d, e2, x, False, restricted)
        return _log_likelihood(d, e2, max(s, floor), x, False, restricted) - target
    return _log_likelihood(d, e2, x, 0.0, True, restricted) - target


@njit(cache=True, error_model="numpy")
def _crossing(
    d: NDArray,
    e2: NDArray,
    start: float,
    step: float,
    limit: float,
    over_mean: bool,
    restricted: bool,
    target: float,
    height: float,
) -> float:
    """First x from `start` (ln L - target = height > 0) in steps growing from `step` where ln L falls to `target`.

    `limit` is returned if ln L is still above the target there.
    """
    a, fa = start, height
    b, fb = start, height
    for k in range(2000):
        b = start + step * 1.5**k
        if (b - limit) * step > 0.0:
            b = limit
        fb = _drop(d, e2, b, over_mean, restricted, target)
        if fb <= 0.0:
            break
        if b == limit:
            return limit
        a, fa = b, fb
    for k in range(100):
        x = 0.5 * (a + b) if k % 6 == 5 else b - fb * (b - a) / (fb - fa)
        f = _drop(d, e2, x, over_mean, restricted, target)
        if (f > 0.0) == (fb > 0.0):
            factor = 1.0 - f / fb if fb != 0.0 else 0.5
            fa *= factor if factor > 0.0 else 0.5
        else:
            a, fa = b, fb
        b, fb = x, f
        if abs(f) < 1e-7 or abs(b - a) <= 1e-9 * abs(b - start):
            break
    return b


@njit(cache=True, error_model="numpy")
def _information(e2: NDArray, s: float, restricted: bool) -> float:
    """Return the expected (Fisher) information on s."""
    sw, sw2, sw3 = 0.0, 0.0, 0.0
    for i in range(e2.size):
        w = 1.0 / (s + e2[i])
        sw += w
        sw2 += w * w
        sw3 += w * w * w
    return 0.5 * (sw2 - 2.0 * sw3 / sw + (sw2 / sw) ** 2) if restricted else 0.5 * sw2


@njit(cache=True, error_model="numpy")
def _estimate_cell(d: NDArray, e2: NDArray, restricted: bool, published: bool, drops: NDArray, out: NDArray) -> None:
    s, floor = _best_variance(d, e2, 0.0, True, restricted)
    if max(s, floor) + e2.max() == 0.0:  # all values equal, no errors
        out[:] = 0.0
        out[0] = d[0]
        return
    at = max(s, floor)
    _, mu, sw = _slope(d, e2, at, 0.0, True, restricted)
    top = _log_likelihood(d, e2, at, 0.0, True, restricted)
    out[0], out[2] = mu, np.sqrt(s)
    information, step = _information(e2, at, restricted), at + e2.max()
    if information * step * step > 1.0:  # false also where cancellation leaves no information
        step = 1.0 / np.sqrt(information)
    out[3] = 0.0
    if at > floor:
        out[3] = np.sqrt(max(_crossing(d, e2, at, -step, floor, False, restricted, top - 0.5, 0.5), 0.0))
        if out[3] ** 2 <= floor * (1.0 + 1e-9):
            out[3] = 0.0
    out[4] = np.sqrt(_crossing(d, e2, at, step, np.inf, False, restricted, top - 0.5, 0.5))
    out[1] = np.sqrt(s / d.size) if published else 1.0 / np.sqrt(sw)
    if not published and d.size < drops.size:
        drop, step = drops[d.size], out[1]
        high = _crossing(d, e2, mu, step, np.inf, True, restricted, top - drop, drop)
        low = _crossing(d, e2, mu, -step, -np.inf, True, restricted, top - drop, drop)
        out[1] = 0.5 * (high - low)


@njit(cache=True, parallel=True, error_model="numpy")
def estimate_blocks(
    d: NDArray,
    e2: NDArray,
    offsets: NDArray,
    blocks: NDArray,
    restricted: bool,
    published: bool,
    drops: NDArray,
    out: NDArray,
) -> None:
    """Fill `out` (mean, its error, sigma, low, high) for each cell of at least 2 stars, in parallel over blocks of cells."""
    for block in prange(blocks.size - 1):
        for cell in range(blocks[block], blocks[block + 1]):
            start, stop = offsets[cell], offsets[cell + 1]
            if stop - start >= 2:
                _estimate_cell(d[start:stop], e2[start:stop], restricted, published, drops, out[cell])
