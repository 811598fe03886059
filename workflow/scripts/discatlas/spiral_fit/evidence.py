"""How good a fit is: evidence against an axisymmetric disc, explained variance, posterior-predictive checks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr
from scipy.stats import chi2

from discatlas.spiral_fit.likelihood import Likelihood
from discatlas.spiral_fit.parameters import COLUMNS, MEAN_LIMITS_KMS, PHASE, Priors

Array = NDArray[np.float64]
INTERVAL = (15.865525393145708, 50.0, 84.13447460685429)  # percentiles
N_REPLICAS = 400
BLOCK_KPC = 1.0


def null_evidences(likelihood: Likelihood) -> dict[str, float]:
    """Return ln Z of a disc with v_R = 0, and with v_R constant: ``zero`` and ``constant``.

    The constant has the prior of a free mean, uniform within `MEAN_LIMITS_KMS`; its evidence is exact, chi^2 being a
    parabola.
    """
    zero, plus, minus = (likelihood.constant(mean) for mean in (0.0, 1.0, -1.0))
    curvature, slope = 2 * zero - plus - minus, (plus - minus) / 2
    best, sigma = slope / curvature, curvature**-0.5
    low, high = ((limit - best) / sigma for limit in MEAN_LIMITS_KMS)
    if low > 0:  # the far tail keeps its digits on the other side
        low, high = -high, -low
    ln_share = log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))
    top = zero + 0.5 * slope**2 / curvature
    width = MEAN_LIMITS_KMS[1] - MEAN_LIMITS_KMS[0]
    return {"zero": zero, "constant": float(top + np.log(np.sqrt(2 * np.pi) * sigma / width) + ln_share)}


def explained_variance(v_R_kms: Array, model_kms: Array, errors: Array, with_mean: bool) -> float:
    """Return 1 minus the ratio of the error-weighted sums of squares of residuals and of v_R.

    v_R counts about its weighted mean where the mean is a parameter, and about 0 where it is not.
    """
    weights = errors**-2
    reference = np.average(v_R_kms, weights=weights) if with_mean else 0.0
    return float(1.0 - weights @ (v_R_kms - model_kms) ** 2 / (weights @ (v_R_kms - reference) ** 2))


def fit_measures(likelihood: Likelihood, best: Array, priors: Priors) -> dict[str, Any]:
    """Return chi^2, explained variance and root mean squares [km/s] of the best point."""
    data, errors = likelihood.v_R_kms, likelihood.noise.errors
    model = likelihood.response.v_R(best)
    with_mean = priors.mean == "free"
    free, n = priors.free.size, likelihood.n_cells
    chi_square = likelihood.chi_square(best)
    reference = np.average(data, weights=errors**-2) if with_mean else 0.0
    norm = likelihood.noise.ln_norm
    return {
        "n_cells": n,
        "n_effective_cells": likelihood.noise.n_effective,
        "n_parameters": int(free),
        "chi_square": chi_square,
        "chi_square_expected": likelihood.noise.n_chi_square,
        "chi_square_reduced": chi_square / max(likelihood.noise.n_chi_square - free, 1.0),
        "chi_square_null": -2.0 * (likelihood.constant(float(reference)) - norm),
        "explained_variance": explained_variance(data, model, errors, with_mean),
        "rms_v_R_kms": float(np.sqrt(np.mean((data - reference) ** 2))),
        "rms_residual_kms": float(np.sqrt(np.mean((data - model) ** 2))),
    }


def predictive_checks(
    likelihood: Likelihood, points: Array, X_kpc: Array, Y_kpc: Array, rng: np.random.Generator
) -> dict[str, float]:
    """Return the shares of replicated maps that deviate more from the model than the map does.

    ``chi_square_p`` is for chi^2 and exact. ``block_rms_p`` is for the root mean square over squares of `BLOCK_KPC` of
    the mean residual, weighted by their cells: structure of the size of the arms that the model leaves; its replicas are
    draws of the errors with their covariance. Shares near 0 mean that the model leaves more than the errors allow.
    """
    some = points[np.linspace(0, len(points) - 1, min(N_REPLICAS, len(points))).astype(int)]
    exceed = chi2.sf(likelihood.chi_squares(some), likelihood.noise.n_chi_square)
    block = np.floor(X_kpc / BLOCK_KPC).astype(np.int64) * 100_003 + np.floor(Y_kpc / BLOCK_KPC).astype(np.int64)
    number = np.unique(block, return_inverse=True)[1]
    counts = np.bincount(number)

    def statistic(residual: Array) -> float:
        return float(np.sqrt(np.sum(np.bincount(number, residual) ** 2 / counts) / residual.size))

    seen = [statistic(likelihood.v_R_kms - likelihood.response.v_R(point)) for point in some]
    drawn = [statistic(likelihood.noise.colour(rng.standard_normal(likelihood.n_cells))) for _ in some]
    return {
        "chi_square_p": float(exceed.mean()),
        "block_rms_p": float(np.mean(np.array(drawn) >= np.array(seen))),
        "block_rms_kms": float(np.median(seen)),
        "block_rms_expected_kms": float(np.median(drawn)),
    }


def unwrapped(phase: Array) -> Array:
    """Return phases [rad] within pi of their circular mean."""
    middle = np.angle(np.mean(np.exp(1j * phase)))
    return middle + np.angle(np.exp(1j * (phase - middle)))


def intervals(values: Array) -> tuple[float, float, float]:
    """Return the 16 %, 50 % and 84 % points."""
    low, middle, high = np.percentile(values, INTERVAL)
    return float(low), float(middle), float(high)


def cut_off(values: Array, low: float, high: float) -> str | None:
    """Return at which end of a prior a posterior is cut off, if at any.

    There the 5 % point lies much nearer to the end than to the median: 0.1 of that distance for half a Gaussian and for
    an even distribution, more than 0.6 where the end is 3 sigma away.
    """
    first, middle, last = np.percentile(values, [5.0, 50.0, 95.0])
    is_low, is_high = first - low < 0.15 * (middle - first), high - last < 0.15 * (last - middle)
    return "both" if is_low and is_high else "low" if is_low else "high" if is_high else None


def parameter_records(points: Array, best: Array, priors: Priors) -> dict[str, dict[str, Any]]:
    """Return median, central 68.27 % interval, best value and prior of each free parameter, by name, in its unit.

    The phase is that nearest to its circular mean, so that its interval may reach beyond 0 or 360 deg. ``at_bound`` says
    at which end of its prior the posterior is cut off: ``low``, ``high``, ``both`` (it is not constrained) or None.
    """
    records = {}
    for k in priors.free:
        low, high = priors.limits[k]
        values = unwrapped(points[:, k]) if k == PHASE else points[:, k]
        factor = np.degrees(1.0) if k == PHASE else 1.0
        lo, middle, hi = (factor * x for x in intervals(values))
        records[COLUMNS[k]] = {
            "median": middle,
            "lo": lo,
            "hi": hi,
            "best": float(factor * best[k]),
            "prior": [float(factor * low), float(factor * high)],
            "at_bound": None if k == PHASE else cut_off(values, low, high),
        }
    return records
