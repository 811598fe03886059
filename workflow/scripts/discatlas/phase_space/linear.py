"""Conversion of observables to phase space, and linear propagation of their covariance (analytic Jacobian)."""

import numpy as np
from numpy.typing import NDArray

from discatlas.frames import Sun, galactocentric_rotation
from discatlas.phase_space import kernels
from discatlas.phase_space.names import (
    COORDINATES,
    CORRELATIONS,
    ERRORS,
    OBSERVABLES,
    Columns,
    correlation_columns,
    distance_sign,
    error_columns,
    gather,
)

Array = NDArray[np.float64]


def convert(
    ra: Array, dec: Array, distance_kpc: Array, pmra: Array, pmdec: Array, radial_velocity: Array, sun: Sun
) -> dict[str, Array]:
    """Return the nine Galactocentric coordinates of stars.

    Parameters
    ----------
    ra, dec, distance_kpc, pmra, pmdec, radial_velocity : array, shape (n,)
        ICRS observables in deg, kpc, mas/yr (pmra times cos dec) and km/s; NaN where missing.
    sun : Sun
        Position and velocity of the Sun.

    Returns
    -------
    dict
        X, Y, Z, R [kpc], phi [deg], v_R, v_phi, v_Z [km/s] and L_z [kpc km/s] by column name, each of shape (n,);
        all velocities are NaN where a proper motion or the radial velocity is missing.
    """
    columns = dict(zip(OBSERVABLES, (ra, dec, distance_kpc, pmra, pmdec, radial_velocity), strict=True))
    values = np.empty((9, len(ra)))
    kernels.fill_values(gather(columns, OBSERVABLES, np.nan), galactocentric_rotation(sun), sun_vector(sun), values)
    return dict(zip(COORDINATES, values, strict=True))


def propagate(columns: Columns, sun: Sun, estimator: str, correlations: bool = False) -> dict[str, Array]:
    """Return the nine coordinates with linearly propagated standard errors.

    Parameters
    ----------
    columns : mapping of array, shape (n,)
        Observables, their errors (ra_error and dec_error in mas) and Gaia's ten correlations, by the names of the
        sample contract. A correlation that is absent or missing counts as 0, and so does a position error (its
        effect is below 1e-7); any other missing error leaves the errors that depend on it missing.
    estimator : str
        Distance estimator: with ``inverse_parallax`` the parallax's correlations are carried to the distance
        with their sign turned, with any other the distance is independent of the astrometry.
    correlations : bool
        Return the 15 correlations of (R, phi, Z, v_R, v_phi, v_Z) too (float32; missing where an error is 0).

    Returns
    -------
    dict
        The nine coordinates, their ``_error`` columns and, if wanted, the ``_corr`` columns.
    """
    n = len(columns["ra"])
    table = np.empty((18, n))  # one allocation: the allocator keeps it from batch to batch
    values, errors = table[:9], table[9:]
    pairs = np.empty((15, n), dtype=np.float32) if correlations else None
    rho = gather(columns, CORRELATIONS, 0.0) if any(name in columns for name in CORRELATIONS) else None
    observed, sigma = gather(columns, OBSERVABLES, np.nan), gather(columns, ERRORS, np.nan)
    matrix, sign = galactocentric_rotation(sun), distance_sign(estimator)
    kernels.fill_errors(observed, sigma, rho, sign, matrix, sun_vector(sun), values, errors, pairs)
    made = dict(zip(COORDINATES, values, strict=True)) | dict(zip(error_columns(), errors, strict=True))
    return made | (dict(zip(correlation_columns(), pairs, strict=True)) if correlations else {})


def local_axes(ra: Array, dec: Array, sun: Sun) -> Array:
    """Return the unit vectors (east, north, outward) of each star in Galactocentric axes, shape (n, 9)."""
    axes = np.empty((len(ra), 9))
    kernels.fill_axes(*gather({"ra": ra, "dec": dec}, ("ra", "dec"), np.nan), galactocentric_rotation(sun), axes)
    return axes


def sun_vector(sun: Sun) -> Array:
    """Return the Sun's position and velocity as the kernels take them, shape (6,)."""
    return np.array(sun.position_kpc + sun.v_sun_kms)
