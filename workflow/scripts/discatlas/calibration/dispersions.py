"""Dispersions of cells of 6 to 1,000 stars: bias of each likelihood estimator, and coverage of its intervals.

The velocity of a star of dispersion 15 km/s is measured with an error; cells differ in number of stars and in errors. All
estimators see the same cells. With equal errors both biases are known in closed form and stand beside those found.
"""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from discatlas.calibration.coverage import Intervals, clopper_pearson, symmetric
from discatlas.errors import DiscatlasError
from discatlas.maps.likelihood import ESTIMATORS, Estimate, estimate_cells, expected_dispersion
from discatlas.streams import stream_generator

Array = NDArray[np.float64]
N_STARS = (6, 10, 20, 50, 100, 1000)
SIGMA_KMS = 15.0
ERRORS = ((3.0, 0.0), (13.0, 0.0), (13.0, 0.8))  # median [km/s], and spread of their logarithm within a cell
MAX_STARS = 2_000_000  # held at a time


def tabulate_dispersions(n_cells: int, seed: int) -> dict[str, NDArray[Any]]:
    """Return the columns of the contract ``calibration_dispersions``, one row per estimator, errors and number of stars.

    Parameters
    ----------
    n_cells : int
        Independent cells of every row, at least 2.
    seed : int
        Seed of the atlas; each number of stars and each kind of errors has a stream of its own.

    Raises
    ------
    DiscatlasError
        For fewer than 2 cells.
    """
    if n_cells < 2:
        raise DiscatlasError(f"calibration of dispersions: got n_cells {n_cells}, expected 2 or more")
    rows = []
    for (error, spread), n_stars in product(ERRORS, N_STARS):
        found = _estimates(n_stars, error, spread, n_cells, seed)
        rows += [_row(estimator, n_stars, error, spread, found[estimator]) for estimator in ESTIMATORS]
    rows.sort(key=lambda row: ESTIMATORS.index(row["estimator"]))  # stable: errors and numbers stay in order
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def expected_variance(n_stars: int, sigma: float, error: float, estimator: str) -> float:
    """Return the expectation of the estimated sigma^2 in cells of n stars with equal errors [unit of sigma, squared].

    It is max(0, S/d - error^2), d = n - 1 (restricted) or n, and S is (sigma^2 + error^2) times a chi-squared variable of
    n - 1 degrees of freedom. ``restricted`` is unbiased but for the cells that end at 0, which raise the mean.
    """
    total, degrees = sigma**2 + error**2, n_stars - 1
    divisor = degrees if estimator == "restricted" else n_stars
    least = error**2 * divisor / total
    return float(total / divisor * degrees * chi2.sf(least, degrees + 2) - error**2 * chi2.sf(least, degrees))


def _estimates(n_stars: int, error: float, spread: float, n_cells: int, seed: int) -> dict[str, Estimate]:
    """Return what each estimator finds in the same cells; the fields have shape (n_cells,)."""
    rng = stream_generator(seed, "check_calibration", "dispersions", f"{n_stars} {error} {spread}")
    parts: dict[str, list[Array]] = {estimator: [] for estimator in ESTIMATORS}
    step = max(1, MAX_STARS // n_stars)
    for first in range(0, n_cells, step):
        shape = (min(step, n_cells - first), n_stars)
        errors = error * np.exp(spread * rng.standard_normal(shape))
        values = np.hypot(SIGMA_KMS, errors) * rng.standard_normal(shape)
        offsets, centres = np.arange(0, values.size + 1, n_stars), np.zeros(shape[0])
        blocks = np.unique(np.linspace(0, shape[0], 17).astype(np.int64))
        for estimator, found in parts.items():
            found.append(estimate_cells(values.ravel(), errors.ravel() ** 2, offsets, centres, blocks, estimator))
    return {estimator: Estimate(*np.concatenate(found).T) for estimator, found in parts.items()}


def _row(estimator: str, n_stars: int, error: float, spread: float, found: Estimate) -> dict[str, Any]:
    sigma = np.asarray(found.sigma)
    row: dict[str, Any] = {"estimator": estimator, "n_stars": n_stars, "n_cells": sigma.size}
    row |= {"sigma_kms": SIGMA_KMS, "velocity_error_kms": error, "velocity_error_spread": spread}
    for name, unit, power in (("sigma", "kms", 1), ("variance", "km2_s2", 2)):
        off = sigma**power - SIGMA_KMS**power
        row[f"{name}_bias_{unit}"] = off.mean()
        row[f"{name}_bias_error_{unit}"] = off.std(ddof=1) / np.sqrt(sigma.size)
    closed = (np.nan, np.nan)
    if not spread:
        sigma_mean = expected_dispersion(np.array([n_stars]), SIGMA_KMS, error, estimator)[0]
        closed = (sigma_mean - SIGMA_KMS, expected_variance(n_stars, SIGMA_KMS, error, estimator) - SIGMA_KMS**2)
    row["expected_sigma_bias_kms"], row["expected_variance_bias_km2_s2"] = closed
    row["zero_share"] = float((sigma == 0).mean())
    intervals = {
        "mean": symmetric(np.asarray(found.mean), np.asarray(found.mean_error), 0.0),
        "sigma": Intervals(
            sigma, np.asarray(found.sigma_lo), np.asarray(found.sigma_hi), np.full(sigma.size, SIGMA_KMS)
        ),
    }
    for name, interval in intervals.items():
        n_covered = int(interval.is_covered.sum())
        row[f"{name}_coverage"] = n_covered / sigma.size
        row[f"{name}_coverage_lo"], row[f"{name}_coverage_hi"] = clopper_pearson(n_covered, sigma.size)
    return row
