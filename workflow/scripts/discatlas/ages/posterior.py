"""From the marginal likelihood of an age to its posterior: percentiles, mean, mode.

Between the nodes the logarithm of the density is interpolated after Akima (1970, J. ACM 17, 589), which is exact for a
Gaussian, however narrow, and does not overshoot at a jump; the density then is cumulated on a finer grid.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
AGE_PRIORS = ("time", "log_age")
FLOOR = 60.0  # a likelihood of zero counts as exp(-60) of the largest
FINE = 8  # parts of a step between nodes, on which the posterior of one star is cumulated
_KERNEL = {"cache": True, "error_model": "numpy"}


class Summary(NamedTuple):
    """Percentiles, mean and mode of posteriors [dex], and the shares within one step of either end; shape (n,) each."""

    p16: Array
    p50: Array
    p84: Array
    mean: Array
    mode: Array
    young_share: Array
    old_share: Array


def log_age_prior(log_age: Array, kind: str) -> Array:
    """Return ln psi(tau) at the nodes: ``time`` is uniform in time, psi = 10^tau; ``log_age`` is uniform in tau.

    Raises
    ------
    DiscatlasError
        For an unknown kind.
    """
    if kind not in AGE_PRIORS:
        raise DiscatlasError(
            f"ages: age_prior {kind!r} is unknown{nearest(kind, AGE_PRIORS)}; expected one of {', '.join(AGE_PRIORS)}"
        )
    return np.log(10.0) * (log_age - log_age[-1]) if kind == "time" else np.zeros_like(log_age)


def log_likelihood(likelihood: NDArray) -> Array:
    """Return ln G relative to each star's largest, shape (n, n_age), not below -`FLOOR`; NaN rows stay NaN."""
    G = np.asarray(likelihood, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(G / np.max(G, axis=1, keepdims=True)), -FLOOR)


def normalise(likelihood: NDArray, log_age: Array) -> Array:
    """Return rows whose integral over log age is 1 (trapezoids), shape (n, n_age)."""
    weights = trapezoid_weights(log_age)
    return likelihood / (likelihood @ weights)[:, None]


def trapezoid_weights(nodes: Array) -> Array:
    """Return the weights of the trapezoidal rule at uniform nodes."""
    weights = np.full(nodes.size, nodes[1] - nodes[0])
    weights[[0, -1]] *= 0.5
    return weights


def summarise(log_like: Array, log_prior: Array, log_age: Array, fine: int = FINE) -> Summary:
    """Return what is reported of the posteriors; NaN for a row of NaN.

    Parameters
    ----------
    log_like : ndarray, shape (n, n_age)
        Logarithm of the marginal likelihood, finite (`log_likelihood`).
    log_prior : ndarray, shape (n_age,)
        Logarithm of the prior density in log age (`log_age_prior`).
    log_age : ndarray, shape (n_age,)
        Uniform nodes [dex], 5 or more.
    fine : int
        Parts of a step.
    """
    return Summary(*_summarise(np.ascontiguousarray(log_like), log_prior, log_age, fine).T.copy())


def cumulative_at(log_like: Array, log_prior: Array, log_age: Array, at: Array) -> Array:
    """Return the share of each posterior below a log age of its own, shape (n,): uniform if all is right."""
    return _cumulative_at(np.ascontiguousarray(log_like), log_prior, log_age, at, FINE)


def fine_density(likelihood: NDArray, log_prior: Array, log_age: Array, fine: int = FINE) -> tuple[Array, Array]:
    """Return a finer grid of log age and the normalised posterior densities on it, shape (n, n_fine) [1/dex]."""
    nodes = np.linspace(log_age[0], log_age[-1], (log_age.size - 1) * fine + 1)
    rows = np.empty((len(likelihood), nodes.size))
    for row, log_like in zip(rows, log_likelihood(likelihood), strict=True):
        _refine(log_like + log_prior, fine, row)
    return nodes, normalise(np.exp(rows - rows.max(axis=1, keepdims=True)), nodes)


def stack(likelihood: NDArray, log_prior: Array, log_age: Array) -> Array:
    """Return the sum of the normalised posteriors over the stars, shape (n_age,): the stacked posterior [1/dex]."""
    known = likelihood[np.isfinite(likelihood[:, 0])].astype(np.float64)
    posterior = normalise(known * np.exp(log_prior), log_age)
    return posterior.sum(axis=0)


@njit(**_KERNEL)
def _slopes(y: NDArray, slope: NDArray) -> None:
    """Akima's slopes at uniform nodes, per step; the ends continue as parabolas."""
    n = y.size
    m = np.empty(n + 3)  # m[i + 2] is the difference from node i to the next
    for i in range(n - 1):
        m[i + 2] = y[i + 1] - y[i]
    m[1] = 2.0 * m[2] - m[3]
    m[0] = 2.0 * m[1] - m[2]
    m[n + 1] = 2.0 * m[n] - m[n - 1]
    m[n + 2] = 2.0 * m[n + 1] - m[n]
    for i in range(n):
        left, right = abs(m[i + 1] - m[i]), abs(m[i + 3] - m[i + 2])
        total = left + right
        slope[i] = (right * m[i + 1] + left * m[i + 2]) / total if total > 1e-9 else 0.5 * (m[i + 1] + m[i + 2])


@njit(**_KERNEL)
def _refine(y: NDArray, fine: int, result: NDArray) -> None:
    """Interpolate y onto `fine` parts of each step, shape ((n - 1) fine + 1,)."""
    slope = np.empty(y.size)
    _slopes(y, slope)
    for i in range(y.size - 1):
        rise = y[i + 1] - y[i]
        second, third = 3.0 * rise - 2.0 * slope[i] - slope[i + 1], slope[i] + slope[i + 1] - 2.0 * rise
        for f in range(fine):
            t = f / fine
            result[i * fine + f] = y[i] + t * (slope[i] + t * (second + t * third))
    result[(y.size - 1) * fine] = y[-1]


@njit(**_KERNEL)
def _mode(y: NDArray, top: int) -> float:
    """Place of the maximum in steps: the vertex of the parabola through the largest value and its neighbours."""
    if top in (0, y.size - 1):
        return float(top)
    bend = y[top - 1] - 2.0 * y[top] + y[top + 1]
    return top + 0.5 * (y[top - 1] - y[top + 1]) / bend if bend < 0.0 else float(top)


@njit(**_KERNEL)
def _cumulate(y: NDArray, cumulated: NDArray) -> tuple[int, float]:
    """Cumulate exp(y) by trapezoids, relative to its maximum; return where that is, and the mean place."""
    top = np.argmax(y)
    mean, before = 0.0, np.exp(y[0] - y[top])
    cumulated[0] = 0.0
    for i in range(1, y.size):
        density = np.exp(y[i] - y[top])
        cumulated[i] = cumulated[i - 1] + 0.5 * (before + density)
        mean += 0.5 * (before * (i - 1) + density * i)
        before = density
    return top, mean / cumulated[-1]


@njit(parallel=True, **_KERNEL)
def _cumulative_at(log_like: NDArray, log_prior: NDArray, log_age: NDArray, at: NDArray, fine: int) -> NDArray:
    n, n_age = log_like.shape
    n_fine = (n_age - 1) * fine + 1
    result = np.full(n, np.nan)
    for s in prange(n):
        if not (np.isfinite(log_like[s, 0]) and np.isfinite(at[s])):
            continue
        y, cumulated = np.empty(n_fine), np.empty(n_fine)
        _refine(log_like[s] + log_prior, fine, y)
        _cumulate(y, cumulated)
        place = (at[s] - log_age[0]) / (log_age[-1] - log_age[0]) * (n_fine - 1)
        place = min(max(place, 0.0), n_fine - 1.0)
        i = min(int(place), n_fine - 2)
        result[s] = (cumulated[i] + (place - i) * (cumulated[i + 1] - cumulated[i])) / cumulated[-1]
    return result


@njit(parallel=True, **_KERNEL)
def _summarise(log_like: NDArray, log_prior: NDArray, log_age: NDArray, fine: int) -> NDArray:
    n, n_age = log_like.shape
    n_fine = (n_age - 1) * fine + 1
    result = np.full((n, 7), np.nan)
    step = (log_age[-1] - log_age[0]) / (n_fine - 1)
    for s in prange(n):
        if not np.isfinite(log_like[s, 0]):
            continue
        y, cumulated = np.empty(n_fine), np.empty(n_fine)
        _refine(log_like[s] + log_prior, fine, y)
        top, mean = _cumulate(y, cumulated)
        total = cumulated[-1]
        quantiles = (0.158655254, 0.5, 0.841344746)
        for q in range(3):
            goal = quantiles[q] * total
            i = np.searchsorted(cumulated, goal)
            part = (goal - cumulated[i - 1]) / (cumulated[i] - cumulated[i - 1])
            result[s, q] = log_age[0] + step * (i - 1 + part)
        result[s, 3] = log_age[0] + step * mean
        result[s, 4] = log_age[0] + step * _mode(y, top)
        result[s, 5] = cumulated[fine] / total
        result[s, 6] = 1.0 - cumulated[n_fine - 1 - fine] / total
    return result
