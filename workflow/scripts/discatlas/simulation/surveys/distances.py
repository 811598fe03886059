"""Distances as Bailer-Jones gives them: percentiles of a posterior of the parallax, and of parallax and photometry."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]
POINTS = 256  # of the grid in ln r
SIGMAS = 6.0  # the grid covers the parallax to this many standard errors
LENGTHS = 20.0  # and ends at this many lengths of the prior
PARTS = ("med", "lo", "hi")
PERCENTILES = np.array([0.5, 0.16, 0.84])


def estimate_distances(
    parallax_mas: Array, error_mas: Array, modulus_mag: Array, modulus_error_mag: float, length_kpc: float
) -> dict[str, Array]:
    """Return median, 16th and 84th percentile of the distance [pc], geometric and photogeometric.

    The posterior is that of Bailer-Jones (2015, PASP 127, 994): a Gaussian likelihood of the parallax about 1/r times
    the prior r^2 exp(-r/L), which is one length for the whole sky where Bailer-Jones et al. (2021) fit one in every
    direction. The photogeometric posterior has, as a third factor, a Gaussian likelihood of the distance modulus
    instead of their prior of colour and magnitude. Quantiles cover the truth as they say for stars that follow the
    prior, and nearly so where the parallax is precise.

    Parameters
    ----------
    parallax_mas, error_mas : array, shape (n,)
        Parallax, of any sign, and its standard error.
    modulus_mag : array, shape (n,)
        Photometric estimate of 5 log10(r / 10 pc).
    modulus_error_mag : float
        Its standard error.
    length_kpc : float
        Length L of the prior.

    Returns
    -------
    dict
        r_med_geo, r_lo_geo, r_hi_geo, r_med_photogeo, r_lo_photogeo, r_hi_photogeo, each of shape (n,).
    """
    parallax, error = np.ascontiguousarray(parallax_mas, float), np.ascontiguousarray(error_mas, float)
    modulus = np.ascontiguousarray(modulus_mag, float)
    result = {}
    for kind, weight in (("geo", 0.0), ("photogeo", 1.0 / modulus_error_mag)):
        quantiles = 1000.0 * _quantiles(parallax, error, modulus, weight, length_kpc, PERCENTILES)
        result |= {f"r_{part}_{kind}": quantiles[:, k] for k, part in enumerate(PARTS)}
    return result


@njit(cache=True, parallel=True, error_model="numpy")
def _quantiles(parallax: Array, error: Array, modulus: Array, weight: float, length: float, levels: Array) -> Array:
    """Quantiles of r [kpc], shape (n, levels), from the trapezoidal sum of the posterior over a grid in ln r.

    `weight` is 1 over the error of the modulus, 0 for none. The grid is narrow enough that a standard error of the
    parallax is ten steps or more.
    """
    result = np.empty((parallax.size, levels.size))
    for i in prange(parallax.size):
        nearest = 1.0 / max(parallax[i] + SIGMAS * error[i], error[i])
        farthest = max(LENGTHS * length, 2.0 * nearest)
        if parallax[i] > SIGMAS * error[i]:
            farthest = min(farthest, 1.0 / (parallax[i] - SIGMAS * error[i]))
            farthest = max(farthest, 1.001 * nearest)
        step = np.log(farthest / nearest) / (POINTS - 1)
        factor, r = np.exp(step), nearest
        modulus_there, modulus_step = 5.0 * np.log10(nearest) + 10.0, 5.0 * step / np.log(10.0)
        cumulative = np.empty(POINTS)
        total, before = 0.0, 0.0
        for k in range(POINTS):
            offset = (parallax[i] - 1.0 / r) / error[i]
            photometric = weight * (modulus_there - modulus[i])
            density = r * r * r * np.exp(-r / length - 0.5 * (offset * offset + photometric * photometric))
            if k > 0:
                total += 0.5 * (density + before)
            cumulative[k] = total
            before = density
            r *= factor
            modulus_there += modulus_step
        for j in range(levels.size):
            wanted = levels[j] * total
            k = min(max(np.searchsorted(cumulative, wanted), 1), POINTS - 1)
            inside = cumulative[k] - cumulative[k - 1]
            part = (wanted - cumulative[k - 1]) / inside if inside > 0.0 else 0.5
            result[i, j] = nearest * np.exp(step * (k - 1 + part))
    return result
