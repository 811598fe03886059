"""Distances from a published Galactocentric radius, where a catalogue gives no other.

With rho = d cos b the radius is R^2 = R0^2 + rho^2 - 2 R0 rho cos l. Beyond the solar circle one distance solves it,
within it two: the nearer is taken, since clusters beyond the tangent point are rarely seen. R0 has to be the one that
the catalogue took: with it the radii come out again as they were published, however uncertain the distances are.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
