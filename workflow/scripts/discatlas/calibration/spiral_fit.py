"""Intervals of the spiral fit: stars of a linear response, smoothed in overlapping windows as the rule does, and fitted.

The truth is drawn from the priors of the fit, so that right intervals cover it with exactly their probability, whatever
the shape of the posterior. Each simulation is a patch of the disc with a velocity dispersion and measurement errors. The
posterior comes from compiled walkers (`discatlas.spiral_fit.ensemble`), which agree with the nested sampling of the rule.
"""

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals
from discatlas.calibration.study import Key, Study
from discatlas.maps.smoothing import Smoothed, correlations, smooth
from discatlas.maps.windows import Windows, member_weights, window_members
from discatlas.spiral_fit.covariance import Noise, pooled_errors, shared_correlations
from discatlas.spiral_fit.ensemble import walk
from discatlas.spiral_fit.evidence import INTERVAL
from discatlas.spiral_fit.likelihood import Likelihood, Response
from discatlas.spiral_fit.nodes import Places, make_nodes, star_places
from discatlas.spiral_fit.parameters import PHASE, PITCH, SCALE_LENGTH, SURFACE_DENSITY, Priors, SpiralModel
from discatlas.spiral_fit.predictions import point_v_R

Array = NDArray[np.float64]
MODEL = SpiralModel(2, "full", "exponential", 1.0, 8.122, 229.0, 0.0, None, 0.05, 9.0)
PRIORS = Priors((4.0, 20.0), (2e6, 8e6), (8.0, 20.0), 12.0)
WINDOWS = Windows(((-12.0, -6.0), (-4.0, 4.0)), 0.5, 1.25)
N_STARS, MIN_STARS, N_BOOTSTRAPS = 2500, 20, 200
SIGMA_KMS, ERROR_KMS = 25.0, (1.0, 10.0)
SCALE_KPC = 4.0  # with which the stars thin out
N_WALKERS, N_BURN, N_STEPS = 24, 150, 250
CORRELATION_KPC = WINDOWS.window_kpc / np.sqrt(2 * np.pi)  # 2 pi l^2 is the area of a window
NAMES = {SCALE_LENGTH: "scale length", SURFACE_DENSITY: "surface density", PITCH: "pitch angle", PHASE: "phase"}
ESTIMATORS = ("pooled", "windows", "effective number", "diagonal")


def draw_map(point: Array, rng: np.random.Generator) -> tuple[Smoothed, Places, tuple[Array, ...]]:
    """Return a smoothed map of stars with the response of one point, their places, and the correlations by rows."""
    X = -6.0 + SCALE_KPC * np.log(1.0 - rng.random(N_STARS) * (1.0 - np.exp(-6.0 / SCALE_KPC)))
    Y = rng.uniform(-4.0, 4.0, N_STARS)
    errors = rng.uniform(*ERROR_KMS, N_STARS)
    mean = point_v_R(MODEL, point, np.hypot(X, Y), np.degrees(np.arctan2(Y, -X)))
    v_R = mean + np.hypot(SIGMA_KMS, errors) * rng.standard_normal(N_STARS)
    members = window_members(X, Y, WINDOWS)
    smoothed = smooth(v_R, errors, members, MIN_STARS, N_BOOTSTRAPS, rng)
    pairs = correlations(v_R, errors, members, smoothed, WINDOWS)
    weights = member_weights(errors, smoothed.sigma**2, *members)
    return smoothed, star_places(X, Y, *members, weights), (pairs.a, pairs.b, pairs.correlation)


def likelihoods(
    smoothed: Smoothed, places: Places, pairs: tuple[Array, ...], estimators: tuple[str, ...] = ESTIMATORS
) -> dict[str, Likelihood]:
    """Return the likelihood of the map with each kind of errors."""
    rows = np.flatnonzero(np.isfinite(smoothed.value) & (smoothed.error > 0))
    at = np.full(smoothed.value.size, -1)
    at[rows] = np.arange(rows.size)
    a, b, rho = pairs
    both = (at[a] >= 0) & (at[b] >= 0)
    errors = smoothed.error[rows]
    X, Y = WINDOWS.grid.centres(rows).T
    taken = places.take(rows)
    n_stars = np.diff(taken.offsets).astype(np.float64)
    noises = {
        "pooled": lambda: Noise.windows(
            pooled_errors(errors, n_stars, X, Y), *shared_correlations(taken), 1.0 / N_BOOTSTRAPS
        ),
        "windows": lambda: Noise.windows(errors, at[a[both]], at[b[both]], rho[both], 1.0 / N_BOOTSTRAPS),
        "effective number": lambda: Noise.effective(errors, X, Y, CORRELATION_KPC),
        "diagonal": lambda: Noise.diagonal(errors),
    }
    response = Response(MODEL, make_nodes(MODEL, PRIORS, taken.R_limits_kpc), taken)
    return {name: Likelihood(response, smoothed.value[rows], noises[name]()) for name in estimators}


def intervals_of(likelihood: Likelihood, truth: Array, rng: np.random.Generator) -> dict[str, Intervals]:
    """Return median and central 68 % interval of each parameter, by its name, with the truth."""
    points = walk(likelihood, PRIORS, rng, N_WALKERS, N_BURN, N_STEPS)
    found = {}
    for k in PRIORS.free:
        lo, value, hi = np.percentile(points[:, k], INTERVAL)
        true = truth[k]
        if k == PHASE:
            true = value + np.angle(np.exp(1j * (true - value)))
        found[NAMES[k]] = Intervals(*(np.atleast_1d(x) for x in (value, lo, hi, true)))
    return found


def draw(rng: np.random.Generator, estimators: tuple[str, ...] = ESTIMATORS) -> dict[Key, Intervals]:
    """Draw a spiral and its map, and fit it with each kind of errors."""
    truth = PRIORS.point(rng.random(PRIORS.free.size), MODEL)
    rows = {}
    for estimator, likelihood in likelihoods(*draw_map(truth, rng), estimators).items():
        for name, found in intervals_of(likelihood, truth, rng).items():
            rows[Key(f"spiral fit, {estimator}", name)] = found
    return rows


REASONS = {
    "spiral fit, windows": (
        "errors and correlations from the few stars of a window scatter, and the inverse of a covariance makes most of those "
        "that are too small"
    ),
    "spiral fit, diagonal": "overlapping windows share stars: taken as independent, their errors are too small",
}
STUDIES = (
    Study(
        "spiral fit",
        "patch of 6 by 8 kpc",
        draw,
        f"truth drawn from the priors; {N_STARS} stars, dispersion {SIGMA_KMS:g} km/s, windows of 1.25 kpc every 0.5 kpc",
        REASONS,
    ),
)
