"""Prior on the metallicity of each star at the nodes of the grid: about a radial line, about its own value, or flat."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
METALLICITIES = ("radial", "measured", "flat")
LEAST_SIGMA = 0.75  # in steps: a Gaussian that is narrower cannot be summed over the nodes
MEASURED = ("feh_dex", "feh_error_dex")


def check_metallicity(prior: Mapping[str, Any]) -> None:
    """Raise a DiscatlasError for an unknown prior, or a radial one without a positive sigma."""
    kind = prior["prior"]
    if kind not in METALLICITIES:
        raise DiscatlasError(
            f"ages: metallicity prior {kind!r} is unknown{nearest(kind, METALLICITIES)}; expected one of {', '.join(METALLICITIES)}"
        )
    if kind == "radial" and not prior["sigma_dex"] > 0:
        raise DiscatlasError(
            f"ages: sigma_dex of the metallicity is {prior['sigma_dex']:g}, expected a number above zero"
        )


def metallicity_moments(prior: Mapping[str, Any], R_kpc: Array, columns: Mapping[str, NDArray]) -> tuple[Array, Array]:
    """Return mean and standard deviation of the prior of each star [dex], shape (n,); NaN and inf for a flat one.

    Parameters
    ----------
    prior : mapping
        ``prior``: ``radial`` (mean ``slope_dex_per_kpc`` R + ``intercept_dex``, standard deviation ``sigma_dex``),
        ``measured`` (the star's own feh_dex and feh_error_dex; NaN where they are missing) or ``flat``.
    R_kpc : ndarray, shape (n,)
        Galactocentric radius.
    """
    n = R_kpc.size
    if prior["prior"] == "radial":
        return prior["slope_dex_per_kpc"] * R_kpc + prior["intercept_dex"], np.full(n, float(prior["sigma_dex"]))
    if prior["prior"] == "measured":
        mean, sigma = (np.asarray(columns[name], np.float64) for name in MEASURED)
        bad = ~(np.isfinite(mean) & np.isfinite(sigma) & (sigma >= 0))
        return np.where(bad, np.nan, mean), np.where(bad, np.nan, sigma)
    return np.full(n, np.nan), np.full(n, np.inf)


def log_metallicity_prior(mean: Array, sigma: Array, feh_dex: Array) -> Array:
    """Return ln phi at the nodes, shape (n, n_feh), its largest 0; NaN where the mean of a Gaussian is missing.

    The sum over the nodes is the trapezoidal rule: the outer ones count half. A standard deviation below 3/4 of the step
    counts as that, or the sum would depend on where the nodes happen to be.
    """
    step = feh_dex[1] - feh_dex[0]
    width = np.maximum(sigma, LEAST_SIGMA * step)[:, None]
    with np.errstate(invalid="ignore"):
        log_phi = -0.5 * ((feh_dex - mean[:, None]) / width) ** 2
    log_phi[np.isinf(sigma)] = 0.0
    log_phi[:, [0, -1]] += np.log(0.5)
    return log_phi - log_phi.max(axis=1, keepdims=True)
