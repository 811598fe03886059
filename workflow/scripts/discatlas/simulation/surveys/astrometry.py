"""Gaia's astrometry: errors by PyGaia, correlated noise, RUWE, bad solutions, and the distances that follow from it."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pygaia.errors.astrometric import parallax_uncertainty, position_uncertainty, proper_motion_uncertainty

from discatlas.frames import MAS_PER_DEG
from discatlas.simulation.surveys.distances import estimate_distances
from discatlas.simulation.surveys.parameters import Parameters
from discatlas.simulation.surveys.stars import Stars, true_modulus

Array = NDArray[np.float64]
RELEASE = "dr3"
REF_EPOCH_YR = 2016.0
FIVE, SIX = 31, 95  # astrometric_params_solved
ASTROMETRY = ("ra", "dec", "parallax", "pmra", "pmdec")
CORRELATIONS = tuple(f"{first}_{second}_corr" for first, second in combinations(ASTROMETRY, 2))
OBLIQUITY = np.radians(84381.411 / 3600)  # of Gaia's ecliptic


def ecliptic_angles(ra_deg: Array, dec_deg: Array) -> tuple[Array, Array]:
    """Return ecliptic longitude and latitude [deg]."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    x, y, z = np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)
    y, z = y * np.cos(OBLIQUITY) + z * np.sin(OBLIQUITY), z * np.cos(OBLIQUITY) - y * np.sin(OBLIQUITY)
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))


def effective_wavenumber(bp_rp: Array) -> Array:
    """Return the effective wavenumber [1/um] of a colour BP - RP [mag] (Lindegren et al. 2021, A&A 649, A2, Eq. 3)."""
    C = np.clip(bp_rp, -0.6, 10.0)
    return 2.0 - 1.81 / np.pi * np.arctan(0.331 + 0.572 * C - 0.014 * C**2 + 0.045 * C**3)


def correlation_factor(longitude_deg: Array, latitude_deg: Array, largest: float) -> Array:
    """Return the Cholesky factor of the correlations of (ra, dec, parallax, pmra, pmdec), shape (n, 5, 5).

    The real ones follow from the scanning law. These are made up, and like those smooth on the sky: each partial
    correlation is a wave in ecliptic longitude of amplitude `largest`, weaker toward the poles. The factor is built
    from partial correlations (Lewandowski, Kurowicka & Joe 2009), so the matrix is positive definite everywhere.
    """
    longitude, latitude = np.radians(longitude_deg), np.radians(latitude_deg)
    factor = np.zeros((longitude.size, 5, 5))
    for i in range(5):
        left = np.ones(longitude.size)
        for j in range(i):
            k = 5 * i + j
            partial = largest * np.cos((1 + k % 3) * longitude + k) * np.cos(latitude) ** 2
            factor[:, i, j] = partial * np.sqrt(left)
            left = left - factor[:, i, j] ** 2
        factor[:, i, i] = np.sqrt(left)
    return factor


def astrometric_errors(G: Array, inflation: Array) -> Array:
    """Return the errors of ra (times cos dec), dec, parallax [mas], pmra, pmdec [mas/yr], shape (n, 5), at magnitude G.

    PyGaia's model of DR3, averaged over the sky, times `inflation`.
    """
    G = np.asarray(G, float)
    position, motion = position_uncertainty(G, release=RELEASE), proper_motion_uncertainty(G, release=RELEASE)
    errors = np.stack([*position, parallax_uncertainty(G, release=RELEASE), *motion], axis=1)
    return errors * 1e-3 * inflation[:, None]  # from micro-arcseconds


def measure_astrometry(stars: Stars, parameters: Parameters, factor: Array | None = None) -> dict[str, Array]:
    """Return what Gaia measures of the stars, under the archive's names; r_* are the distances from it [pc].

    Parameters
    ----------
    stars : Stars
        With the shared deviates.
    parameters : Parameters
        Of the survey.
    factor : array, shape (n,), optional
        Further factor on the errors, such as that of stars listed again.
    """
    is_bad = stars["u_bad"] < parameters.bad_fraction
    inflation = np.where(is_bad, parameters.error_inflation, 1.0) * (1.0 if factor is None else factor)
    errors = astrometric_errors(stars["G"], inflation)
    longitude, latitude = ecliptic_angles(stars["ra"], stars["dec"])
    cholesky = correlation_factor(longitude, latitude, parameters.correlation)
    noise = errors * np.einsum("nij,nj->ni", cholesky, stars["z_astrometry"])
    correlations = np.einsum("nij,nkj->nik", cholesky, cholesky)
    wavenumber = effective_wavenumber(stars["BP"] - stars["RP"])
    parallax = 1.0 / stars["distance_kpc"] + noise[:, 2]
    ra = stars["ra"] + noise[:, 0] / MAS_PER_DEG / np.cos(np.radians(stars["dec"]))
    return {
        "ra": ra % 360.0,
        "dec": np.clip(stars["dec"] + noise[:, 1] / MAS_PER_DEG, -90.0, 90.0),
        "parallax": parallax,
        "pmra": stars["pmra"] + noise[:, 3],
        "pmdec": stars["pmdec"] + noise[:, 4],
        **{f"{name}_error": errors[:, k] for k, name in enumerate(ASTROMETRY)},
        **dict(zip(CORRELATIONS, (correlations[:, i, j] for i, j in combinations(range(5), 2)), strict=True)),
        "ref_epoch": np.full(parallax.size, REF_EPOCH_YR),
        "ruwe": _ruwe(stars["z_ruwe"], is_bad),
        "astrometric_params_solved": np.where(is_bad, SIX, FIVE),
        "nu_eff_used_in_astrometry": np.where(is_bad, np.nan, wavenumber),
        "pseudocolour": np.where(is_bad, wavenumber, np.nan),
        "ecl_lat": latitude,
        **estimate_distances(
            parallax,
            errors[:, 2],
            true_modulus(stars) + parameters.modulus_error_mag * stars["z_modulus"],
            parameters.modulus_error_mag,
            parameters.prior_length_kpc,
        ),
    }


def _ruwe(z: Array, is_bad: NDArray[np.bool_]) -> Array:
    """About 1.02 for good solutions, never above 1.39; from 1.4 on for bad ones, with a long tail."""
    return np.where(is_bad, 1.4 + np.exp(0.8 * z - 0.5), np.clip(1.02 + 0.06 * z, 0.7, 1.39))
