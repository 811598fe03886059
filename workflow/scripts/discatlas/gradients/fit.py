"""One bin of a gradient: maximum, chains, moments, and the row of the table that they make."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import error_column
from discatlas.gradients import LIKELIHOODS, MODELS, PARAMETERS
from discatlas.gradients.likelihood import Line, make_line, maxima
from discatlas.gradients.moments import moment_slope
from discatlas.gradients.sampling import Chains, SamplerSettings, sample_line
from discatlas.gradients.stars import GradientStars

Array = NDArray[np.float64]
MAX_ROWS = 4000  # of the chains kept of one bin and model


def fit_bin(
    stars: GradientStars, model: str, likelihood: str, settings: SamplerSettings, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Fit one model to the stars of a bin.

    Returns
    -------
    dict
        The columns of the contract ``metallicity_gradient`` that the stars and the fit give; ``moments``: the slopes and
        errors of all estimators of `discatlas.gradients.moments`; ``at_limit``: the maximum lies outside the priors.
    dict
        Columns of the contract ``metallicity_gradient_chains``, at most `MAX_ROWS` rows.

    Raises
    ------
    DiscatlasError
        See `discatlas.gradients.likelihood.make_line`.
    """
    arrays = (stars.x, stars.y, stars.V_xx, stars.V_xy, stars.V_yy)
    line = make_line(model, likelihood, *arrays)
    top, starts = maxima(line)
    chains = sample_line(line, starts, settings, rng)
    log_likelihood = max(top.log_likelihood, float(chains.log_probability.max()))
    k, n = line.n_parameters, stars.x.size
    row = describe(stars) | summarise(table_parameters(line, chains.flat))
    row |= {"pivot_kpc": line.pivot, "status": "fitted", "model": model, "converged": chains.converged}
    row |= {
        "n_steps": chains.theta.shape[0],
        "autocorrelation_steps": chains.autocorrelation,
        "n_effective": chains.n_effective,
        "r_hat": chains.r_hat if np.isfinite(chains.r_hat) else np.nan,
        "acceptance": chains.acceptance,
        "ln_likelihood": log_likelihood,
        "aic": 2.0 * k - 2.0 * log_likelihood,
        "bic": k * np.log(n) - 2.0 * log_likelihood,
        "ln_evidence": top.log_evidence,
        "x_error_share": float(np.mean(stars.V_xx) / np.var(stars.x)),
    }
    row["at_limit"] = not np.isfinite(line.log_posterior(top.theta[None])[0])
    row["moments"] = {}
    for name in LIKELIHOODS:
        slope, error = moment_slope(name, *arrays)
        row["moments"] |= {f"{name}_slope_dex_per_kpc": slope, f"{name}_slope_error_dex_per_kpc": error}
        if model == "linear" and name == likelihood:
            row |= {"second_slope_dex_per_kpc": slope, "second_slope_error_dex_per_kpc": error}
    return row, _chain_columns(line, chains)


def describe(stars: GradientStars) -> dict[str, Any]:
    """Return the number of stars and where they lie; NaN without stars."""
    some = stars.x.size > 0
    return {
        "n_stars": stars.x.size,
        "bin_mean_kpc": float(stars.place.mean()) if some else np.nan,
        "x_low_kpc": float(stars.x.min()) if some else np.nan,
        "x_high_kpc": float(stars.x.max()) if some else np.nan,
    }


def table_parameters(line: Line, theta: Array) -> dict[str, Array]:
    """Return sampled parameters, shape (k, p), as columns of shape (k,): x counted from 0, the intercept there."""
    named = dict(zip(MODELS[line.model], theta.T, strict=True))
    columns = {name: named[name] for name in PARAMETERS if name in named}
    columns["intercept"] = (
        named["value"] - line.pivot * named["slope"] + 0.5 * line.pivot**2 * named.get("curvature", 0.0)
    )
    if "break" in columns:
        columns["break"] = columns["break"] + line.pivot
    return columns


def summarise(samples: dict[str, Array]) -> dict[str, float]:
    """Return median and half of the central 68 % interval of each parameter, in the names of the table."""
    row = {}
    for name, values in samples.items():
        row |= _interval(PARAMETERS[name], values)
    if "break" not in samples and "curvature" not in samples:
        row |= _interval("scatter_orthogonal_dex", samples["scatter"] / np.sqrt(1.0 + samples["slope"] ** 2))
    low, high = np.percentile(samples["slope"], [16, 84])
    return row | {"slope_lo_dex_per_kpc": float(low), "slope_hi_dex_per_kpc": float(high)}


def _interval(column: str, values: Array) -> dict[str, float]:
    low, middle, high = np.percentile(values, [16, 50, 84])
    return {column: float(middle), error_column(column): float(0.5 * (high - low))}


def _chain_columns(line: Line, chains: Chains) -> dict[str, NDArray]:
    steps, theta, log_probability = chains.thinned(MAX_ROWS)
    n_steps, n_walkers, _ = theta.shape
    columns = table_parameters(line, theta.reshape(-1, line.n_parameters))
    missing = np.full(n_steps * n_walkers, np.nan)
    return {
        "walker": np.tile(np.arange(n_walkers), n_steps),
        "step": np.repeat(steps, n_walkers),
        "ln_probability": log_probability.ravel(),
    } | {column: columns.get(name, missing) for name, column in PARAMETERS.items()}


def evaluate(
    model: str,
    x: Array,
    slope: float,
    intercept: float,
    pivot: float,
    *,
    edge: float = np.nan,
    outer_slope: float = np.nan,
    curvature: float = np.nan,
) -> Array:
    """Return the line of a row of the table at x [kpc]: values [dex], in the shape of x."""
    if model == "quadratic":
        return intercept + slope * x + 0.5 * curvature * x * (x - 2.0 * pivot)
    if model == "broken":
        return intercept + slope * np.minimum(x, edge) + outer_slope * np.maximum(x - edge, 0.0)
    return intercept + slope * x
