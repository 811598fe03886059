"""Distances from a published Galactocentric radius, where a catalogue gives no other.

With rho = d cos b the radius is R^2 = R0^2 + rho^2 - 2 R0 rho cos l. Beyond the solar circle one distance solves it,
within it two: the nearer is taken, since clusters beyond the tangent point are rarely seen. R0 has to be the one that
the catalogue took: with it the radii come out again as they were published, however uncertain the distances are.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from discatlas.frames import galactic_angles

Array = NDArray[np.float64]
ASSUMED_ERROR_KPC = 0.1  # of a radius that is published without an error: a distance of 2 kpc known to 5 per cent


def distance_of_radius(R: Array, R_error: Array, l_deg: Array, b_deg: Array, R0_kpc: float) -> tuple[Array, Array]:
    """Return the distance from the Sun and its standard error [kpc], shape (n,).

    Parameters
    ----------
    R, R_error : ndarray, shape (n,)
        Galactocentric cylindrical radius and its standard error [kpc].
    l_deg, b_deg : ndarray, shape (n,)
        Galactic longitude and latitude [deg].
    R0_kpc : float
        The Sun's radius that the catalogue took [kpc].

    Returns
    -------
    tuple of ndarray
        Where no distance gives the radius (it is smaller than that of the tangent point, by rounding or by another R0),
        that of the tangent point; NaN where this lies behind the Sun. The error is R_error / |dR/dd|, and no more than
        what the radius allows where the line of sight runs along the circle.
    """
    cosine, sine = np.cos(np.deg2rad(l_deg)), np.sin(np.deg2rad(l_deg))
    cos_b = np.cos(np.deg2rad(b_deg))
    middle, half = R0_kpc * cosine, np.sqrt(np.maximum(R * R - (R0_kpc * sine) ** 2, 0.0))
    rho = np.where(middle - half > 0.0, middle - half, middle + half)
    rho = np.where(rho > 0.0, rho, np.nan)
    with np.errstate(divide="ignore"):
        error = np.minimum(R * R_error / half, np.sqrt(2.0 * R * R_error))
    return rho / cos_b, error / cos_b


def radius_distance(columns: Mapping[str, Array], R0_kpc: float) -> tuple[Array, Array, Array, Array]:
    """Return distance, error, lower and upper end [kpc] from ra, dec [deg] and galactocentric_radius_kpc, shape (n,).

    The error is that of galactocentric_radius_error_kpc where the catalogue has it, or of `ASSUMED_ERROR_KPC`.
    """
    R = np.asarray(columns["galactocentric_radius_kpc"], float)
    R_error = np.asarray(columns.get("galactocentric_radius_error_kpc", np.full_like(R, ASSUMED_ERROR_KPC)), float)
    angles = galactic_angles(np.asarray(columns["ra"], float), np.asarray(columns["dec"], float))
    distance, error = distance_of_radius(R, R_error, *angles, R0_kpc)
    return distance, error, np.maximum(distance - error, 0.0), distance + error
