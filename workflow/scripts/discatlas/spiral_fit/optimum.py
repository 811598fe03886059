"""The most likely spiral, without sampling.

The response is linear in the surface density and in the sine and cosine of the phase, so the likelihood's maximum over
these is known for any scale length, pitch angle and pattern speed: a grid of them finds the highest maximum.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from discatlas.spiral_fit.likelihood import Likelihood
from discatlas.spiral_fit.parameters import MEAN, PATTERN_SPEED, PHASE, PITCH, SCALE_LENGTH, SURFACE_DENSITY, Priors

Array = NDArray[np.float64]
GRID = {SCALE_LENGTH: 8, PITCH: 24, PATTERN_SPEED: 30}  # number of values of each


def climb(likelihood: Likelihood, priors: Priors, start: Array) -> tuple[Array, float]:
    """Return the point of a maximum of the likelihood within the prior, and ln L there, from a start."""
    limits, free = priors.limits, priors.free
    low, width = limits[free, 0], limits[free, 1] - limits[free, 0]
    is_phase = free == PHASE
    point = np.array(start, dtype=np.float64)

    def place(cube: Array) -> Array:
        inside = np.where(is_phase, np.mod(cube, 1.0), np.clip(cube, 0.0, 1.0))
        point[free] = low + inside * width
        return point

    def cost(cube: Array) -> float:
        outside = np.where(is_phase, 0.0, cube - np.clip(cube, 0.0, 1.0))
        return -likelihood(place(cube)) + 1e3 * float(outside @ outside)

    cube = (np.asarray(start)[free] - low) / width
    simplex = np.vstack([cube, cube + 0.02 * np.where(cube[:, None] < 0.5, 1, -1) * np.eye(free.size)])
    options = {"initial_simplex": simplex, "xatol": 1e-7, "fatol": 1e-6, "maxiter": 2000}
    found = minimize(cost, cube, method="Nelder-Mead", options=options)
    best = place(found.x).copy()
    return best, likelihood(best)


def search(likelihood: Likelihood, priors: Priors, n_best: int = 3) -> Array:
    """Return the best points of a grid, shape (n_best, 6), the amplitude, the phase and the mean fitted at each node."""
    limits = priors.limits
    axes = [_axis(limits[k], n) for k, n in GRID.items()]
    points = np.repeat(limits[None, :, 0], np.prod([axis.size for axis in axes]), axis=0)
    for k, column in zip(GRID, zip(*product(*axes), strict=True), strict=True):
        points[:, k] = column
    density = np.clip(1e6, *limits[SURFACE_DENSITY])
    waves = _linear_fits(likelihood, points, density, priors.mean == "free")
    points[:, SURFACE_DENSITY] = np.clip(np.hypot(waves[:, 0], waves[:, 1]) * density, *limits[SURFACE_DENSITY])
    points[:, PHASE] = np.mod(np.arctan2(waves[:, 1], waves[:, 0]), 2 * np.pi)
    points[:, MEAN] = np.clip(waves[:, 2], *limits[MEAN])
    order = np.argsort(-likelihood.many(points), kind="stable")
    return points[order[:n_best]]


def _axis(limits: Array, n: int) -> Array:
    """Return n values within limits, evenly in the logarithm."""
    return limits[:1] if limits[0] == limits[1] else np.geomspace(*limits, n)


def _linear_fits(likelihood: Likelihood, points: Array, density: float, with_mean: bool) -> Array:
    """Return cos and sin parts of the amplitude in units of `density`, and the mean, that minimise chi^2 at each point.

    From chi^2 at combinations of the basis responses, which give its gradient and its curvature.
    """
    unit = points.copy()
    unit[:, [PHASE, MEAN]] = 0.0

    def chi2(cos: float, sin: float, mean: float) -> Array:
        unit[:, SURFACE_DENSITY] = density * np.hypot(cos, sin)
        unit[:, PHASE], unit[:, MEAN] = np.arctan2(sin, cos), mean
        return likelihood.chi_squares(unit)

    n = 3 if with_mean else 2
    zero, basis = chi2(0.0, 0.0, 0.0), np.eye(3)[:n]
    plus, minus = (np.stack([chi2(*(sign * row)) for row in basis], axis=1) for sign in (1.0, -1.0))
    slope = (plus - minus) / 2
    curve = np.zeros((len(points), n, n))
    for i in range(n):
        curve[:, i, i] = plus[:, i] + minus[:, i] - 2 * zero
        for j in range(i):
            both = chi2(*(basis[i] + basis[j]))
            curve[:, i, j] = curve[:, j, i] = both - plus[:, i] - plus[:, j] + zero
    scale = np.sqrt(np.maximum(np.einsum("nii->ni", curve), 1e-300))
    normed = curve / (scale[:, :, None] * scale[:, None, :]) + 1e-9 * np.eye(n)
    out = np.zeros((len(points), 3))
    out[:, :n] = np.linalg.solve(normed, (-slope / scale)[:, :, None])[:, :, 0] / scale
    return out
