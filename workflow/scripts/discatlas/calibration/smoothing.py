"""Smoothed maps: single windows, differences of overlapping windows, and means over many of them.

The stars have one mean everywhere. Windows of one row of the table share no stars, so that their intervals are
independent; pairs and blocks of overlapping windows lie apart from each other.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.study import Key, Study
from discatlas.maps.smoothing import correlation_matrix, correlations, smooth
from discatlas.maps.windows import Windows, window_members

Array = NDArray[np.float64]
MEAN_KMS = 3.0
ERROR_KMS, SPREAD = 8.0, 0.7
N_BOOTSTRAPS = 500
N_WINDOWS = 50
APART = Windows(((0.0, float(N_WINDOWS)), (0.0, 1.0)), 1.0, 1.0)

SPACING_KPC, WINDOW_KPC = 0.25, 0.625
N_BLOCKS, BLOCK_KPC, PITCH_KPC = 10, 1.0, 1.5  # 16 windows that reach over 1.375 kpc, 1.5 kpc from block to block
OVERLAPPING = Windows(((0.0, N_BLOCKS * PITCH_KPC), (0.0, BLOCK_KPC)), SPACING_KPC, WINDOW_KPC)
WINDOWS = "smoothed map"
OVERLAP = "smoothed map, overlapping windows"


def draw_velocities(rng: np.random.Generator, shape: tuple[int, ...], sigma_kms: float) -> tuple[Array, Array]:
    """Return velocities about `MEAN_KMS` and their errors, which are unequal."""
    error = ERROR_KMS * np.exp(SPREAD * rng.standard_normal(shape))
    return MEAN_KMS + np.hypot(sigma_kms, error) * rng.standard_normal(shape), error


def draw_apart(rng: np.random.Generator, n_stars: int, sigma_kms: float) -> dict[Key, Intervals]:
    """Fill each window of a row with n stars."""
    shape = (N_WINDOWS, n_stars)
    X = np.arange(N_WINDOWS)[:, None] + rng.random(shape)
    velocity, error = draw_velocities(rng, shape, sigma_kms)
    members = window_members(X.ravel(), np.full(X.size, 0.5), APART)
    smoothed = smooth(velocity.ravel(), error.ravel(), members, n_stars, N_BOOTSTRAPS, rng)
    return {
        Key(WINDOWS, "mean"): symmetric(smoothed.value, smoothed.error, MEAN_KMS),
        Key(WINDOWS, "mean, maximum likelihood"): symmetric(smoothed.ml, smoothed.error, MEAN_KMS),
    }


def draw_blocks(rng: np.random.Generator, n_stars: int, sigma_kms: float) -> dict[Key, Intervals]:
    """Fill blocks of overlapping windows with stars, about n in each window."""
    n = round(n_stars * ((BLOCK_KPC + WINDOW_KPC - SPACING_KPC) / WINDOW_KPC) ** 2)
    low, high = -(WINDOW_KPC - SPACING_KPC) / 2, BLOCK_KPC + (WINDOW_KPC - SPACING_KPC) / 2
    X = PITCH_KPC * np.arange(N_BLOCKS)[:, None] + rng.uniform(low, high, (N_BLOCKS, n))
    Y = rng.uniform(low, high, X.shape)
    velocity, error = draw_velocities(rng, X.shape, sigma_kms)
    members = window_members(X.ravel(), Y.ravel(), OVERLAPPING)
    stars = velocity.ravel(), error.ravel(), members
    smoothed = smooth(*stars, 2, N_BOOTSTRAPS, rng)
    pairs = correlations(*stars, smoothed, OVERLAPPING)
    n_y, per_block = round(BLOCK_KPC / SPACING_KPC), round(PITCH_KPC / SPACING_KPC)
    results: dict[Key, list[tuple[float, float]]] = {}
    for block in range(N_BLOCKS):
        cells = np.arange(block * per_block * n_y, (block * per_block + n_y) * n_y)
        error = smoothed.error[cells]
        correlation = correlation_matrix(cells, pairs.a, pairs.b, pairs.correlation)
        covariance = (correlation + np.eye(cells.size) / N_BOOTSTRAPS) * np.outer(error, error)
        every, difference = np.full(cells.size, 1.0 / cells.size), np.eye(cells.size)[5] - np.eye(cells.size)[6]
        for what, weights, matrix in (
            ("mean of 16 windows", every, covariance),
            ("mean of 16 windows taken as independent", every, np.diag(error**2)),
            ("difference of neighbours", difference, covariance),
        ):
            value = float(weights @ (smoothed.value[cells] - MEAN_KMS))
            results.setdefault(Key(OVERLAP, what), []).append((value, float(np.sqrt(weights @ matrix @ weights))))
    return {key: symmetric(*np.array(rows).T, 0.0) for key, rows in results.items()}


INDEPENDENT = "the windows share stars, which Tang et al. (2026) leave out: the error is less than half of the scatter"
COLD = "the bootstrap takes chance as dispersion in some samples of stars without any: its scatter is above that of the mean"
FEW = "the bootstrap's variance is (n - 1)/n of that of n stars, itself uncertain: by Student's t {:.1f} % at n = {}"


def _study(n_stars: int, sigma_kms: float, overlapping: bool = False) -> Study:
    draw = draw_blocks if overlapping else draw_apart
    case = f"n = {n_stars}, dispersion {sigma_kms:g}{', blocks' if overlapping else ''}"
    note = f"dispersion {sigma_kms:g}, errors {ERROR_KMS:g} exp({SPREAD:g} x) km/s, x normal; {N_BOOTSTRAPS} bootstraps"
    few = FEW.format(100.0 * (2.0 * student_t.cdf(np.sqrt(1.0 - 1.0 / n_stars), n_stars - 1) - 1.0), n_stars)
    reasons = {
        Key(OVERLAP, "mean of 16 windows taken as independent"): INDEPENDENT,
        OVERLAP: few,
        WINDOWS: few if sigma_kms else COLD,
    }
    return Study(f"smoothed map, {case}", case, partial(draw, n_stars=n_stars, sigma_kms=sigma_kms), note, reasons)


STUDIES = (
    *(_study(n, 35.0) for n in (8, 12, 20, 30, 100, 300)),
    *(_study(n, 0.0) for n in (8, 30, 300)),
    *(_study(n, 35.0, overlapping=True) for n in (8, 30)),
)
