"""How many independent cells a correlation of two autocorrelated maps is worth (Clifford, Richardson & Hemon; Dutilleul).

For maps a and b that know nothing of each other, with covariances A and B between the cells and the centring H = 1 - 11'/n,
the variance of r is tr(H A H B) / [tr(H A) tr(H B)] (Dutilleul 1993, Biometrics 49, 305, after Clifford et al. 1989,
Biometrics 45, 123), and r has the distribution of 1 + 1/variance independent pairs: t = r sqrt[(N - 2)/(1 - r^2)] with N - 2
degrees of freedom. The covariances are estimated from the maps, in classes of pairs of cells.

Classes of distance alone, as they are usual, take features for round. In a disc these are long along azimuth in both maps at
once, which makes r scatter more: 5 % tests then fire in 10 to 15 % of the cases. So a class is a step in ln R and in azimuth,
as wide as the cells at the mean radius: features may have any shape and direction, and pitch angles are the same everywhere,
as where one map is turned and stretched. Waves through the whole disc count as the few features that they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.stats import norm, t

Array = NDArray[np.float64]
N_CHUNKS = 32  # of cells: their sums are added in this order on any number of threads
MAX_STEPS = 300  # classes along either direction; beyond them they are wider than the spacing of the cells
LEVEL, POWER = 0.05, 0.8  # of `detectable_r`


@dataclass(frozen=True)
class EffectiveCells:
    """The variance of r for independent maps (NaN if it cannot be told), and the autocorrelations behind it.

    `distance_kpc`, `first` and `second` have one entry per distance at the mean radius, up to half of the largest, NaN without pairs.
    """

    variance: float
    distance_kpc: Array
    first: Array
    second: Array

    @property
    def number(self) -> float:
        """Number of independent cells, above 2; NaN if it cannot be told."""
        return 1.0 + 1.0 / self.variance

    def p_value(self, r: float) -> float:
        """Return the two-sided p-value of a correlation; NaN if it cannot be told."""
        if not np.isfinite(self.variance):
            return np.nan
        freedom = self.number - 2.0
        score = abs(r) * np.sqrt(freedom / max(1.0 - r * r, 1e-300))
        return float(2.0 * t.sf(score, freedom))

    def detectable_r(self) -> float:
        """Return the correlation that a test at 5 % finds in 80 % of the cases, by Fisher's transform; NaN for 3 cells or fewer."""
        if not self.number > 3.0:
            return np.nan
        return float(np.tanh((norm.isf(LEVEL / 2) + norm.ppf(POWER)) / np.sqrt(self.number - 3.0)))

    def record(self, r: float) -> dict[str, Any]:
        """Return what is written of it, None for what cannot be told."""
        numbers = {
            "n_effective": self.number,
            "p_value_effective": self.p_value(r),
            "r_detectable": self.detectable_r(),
        }
        curves = {"distance_kpc": self.distance_kpc, "cells": self.first, "grid": self.second}
        return {name: _or_none(value) for name, value in numbers.items()} | {
            "autocorrelation": {name: [_or_none(x) for x in values] for name, values in curves.items()}
        }


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def effective_cells(X_kpc: Array, Y_kpc: Array, a: Array, b: Array) -> EffectiveCells:
    """Return how many independent cells two maps are worth to each other.

    Parameters
    ----------
    X_kpc, Y_kpc : array, shape (n,)
        Centres of the cells, the Galactic centre at 0, 0.
    a, b : array, shape (n,)
        The maps, finite and neither of them constant.
    """
    X, Y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in (X_kpc, Y_kpc))
    a, b = a - a.mean(), b - b.mean()
    u, phi, width, radius = _places(X, Y)
    shape = int(np.ptp(u) / width + 0.5) + 1, int(min(np.ptp(phi), np.pi) * radius / width + 0.5)
    n_classes = 1 + shape[0] * (2 * shape[1] + 1)
    edges = np.linspace(0, X.size, N_CHUNKS + 1).astype(np.int64)
    parts = np.zeros((N_CHUNKS, 3, n_classes))
    _sum_classes(u, phi, a, b, edges, width, radius, shape[1], parts)
    sums = parts.sum(axis=0)
    found = sums[2] > 0
    A, B = (np.divide(row, sums[2], out=np.zeros(n_classes), where=found) for row in sums[:2])
    rows = np.zeros((3, X.size))
    _sum_rows(u, phi, A, B, edges, width, radius, shape[1], rows)
    n, total_A, total_B = X.size, rows[0].sum(), rows[1].sum()
    trace = rows[2].sum() - 2.0 * np.sum(rows[0] * rows[1]) / n + total_A * total_B / n**2
    size = (n * A[0] - total_A / n) * (n * B[0] - total_B / n)
    variance = trace / size if size > 0 else np.nan
    usable = float(variance) if 0.0 < variance < 1.0 else np.nan
    return EffectiveCells(usable, *_by_distance(sums, width, shape[1], (A[0], B[0])))


def _places(X: Array, Y: Array) -> tuple[Array, Array, float, float]:
    """Return ln R times the mean radius, azimuths [rad], the width of a class [kpc] and the mean radius [kpc]."""
    spacing = _spacing(X, Y)
    R, phi = np.maximum(np.hypot(X, Y), spacing), np.arctan2(Y, -X)
    radius = float(np.exp(np.mean(np.log(R))))
    u = radius * np.log(R)
    return u, phi, max(spacing, np.ptp(u) / MAX_STEPS, np.ptp(phi) * radius / MAX_STEPS), radius


def _by_distance(sums: Array, width: float, m: int, at_zero: tuple[float, float]) -> tuple[Array, Array, Array]:
    """Return distances [kpc] and the autocorrelations of both maps there, averaged over directions."""
    i, j = np.divmod(np.arange(sums.shape[1] - 1), 2 * m + 1)
    step = np.round(np.hypot(i, j - m)).astype(np.int64)
    totals = [np.bincount(step, row[1:]) for row in sums]
    distance = width * np.arange(totals[0].size)
    near = (distance > 0) & (distance <= distance[-1] / 2)
    curves = (
        np.divide(total, totals[2] * first, out=np.full(distance.size, np.nan), where=totals[2] > 0)[near]
        for total, first in zip(totals[:2], at_zero, strict=True)
    )
    return distance[near], *curves


def _spacing(X: Array, Y: Array) -> float:
    """Return the median distance of a cell from the next one."""
    nearest = np.full(X.size, np.inf)
    _find_nearest(X, Y, nearest)
    return float(np.median(nearest))


@njit(cache=True, parallel=True)
def _find_nearest(X: Array, Y: Array, nearest: Array) -> None:
    for i in prange(X.size):
        for j in range(X.size):
            if i != j:
                nearest[i] = min(nearest[i], np.hypot(X[i] - X[j], Y[i] - Y[j]))


@njit(cache=True)
def _class_of(du: float, dphi: float, width: float, radius: float, m: int) -> int:
    """Return the class of a pair of different cells, from 1; it is the same for both orders."""
    along = radius * (dphi - 2.0 * np.pi * np.floor(dphi / (2.0 * np.pi) + 0.5))
    if du < 0.0:
        du, along = -du, -along
    i, j = int(np.floor(du / width + 0.5)), int(np.floor(along / width + 0.5))
    if i == 0:
        j = abs(j)
    return 1 + i * (2 * m + 1) + min(max(j, -m), m) + m


@njit(cache=True, parallel=True)
def _sum_classes(
    u: Array, phi: Array, a: Array, b: Array, edges: NDArray, width: float, radius: float, m: int, parts: Array
) -> None:
    """Add the products of each map, and the number, of the pairs of each class; class 0 is a cell with itself."""
    for chunk in prange(edges.size - 1):
        for i in range(edges[chunk], edges[chunk + 1]):
            for j in range(i + 1):
                k = _class_of(u[i] - u[j], phi[i] - phi[j], width, radius, m) if i != j else 0
                parts[chunk, 0, k] += a[i] * a[j]
                parts[chunk, 1, k] += b[i] * b[j]
                parts[chunk, 2, k] += 1.0


@njit(cache=True, parallel=True)
def _sum_rows(
    u: Array, phi: Array, A: Array, B: Array, edges: NDArray, width: float, radius: float, m: int, rows: Array
) -> None:
    """Sum each row of both covariance matrices, and of their product element by element."""
    for chunk in prange(edges.size - 1):
        for i in range(edges[chunk], edges[chunk + 1]):
            for j in range(u.size):
                k = _class_of(u[i] - u[j], phi[i] - phi[j], width, radius, m) if i != j else 0
                rows[0, i] += A[k]
                rows[1, i] += B[k]
                rows[2, i] += A[k] * B[k]
