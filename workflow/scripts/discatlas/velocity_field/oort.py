"""Oort's constants and the tensors of the Ogorodnikov-Milne field, from the coefficients of a velocity expansion.

With phi and v_phi along rotation (Akhmetov et al. 2024; `SUMMANDS`):
    2A =  v_phi/R - dv_phi/dR - (1/R) dv_R/dphi        2C = -v_R/R + dv_R/dR - (1/R) dv_phi/dphi
    2B = -v_phi/R - dv_phi/dR + (1/R) dv_R/dphi        2K =  v_R/R + dv_R/dR + (1/R) dv_phi/dphi
In the plane the gradient tensor in the axes (R, phi) is G = [[K + C, B - A], [-A - B, K - C]]: A and C are its shear,
K half its divergence, and -B its rate of rotation with phi.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CONSTANTS = ("A", "B", "C", "K")
_ELEMENTS = [("deformation", i, j) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
_ELEMENTS += [("rotation", i, j) for i, j in ((0, 1), (0, 2), (1, 2))]
TENSORS = tuple(f"{half}_{'XYZ'[i]}{'XYZ'[j]}" for half, i, j in _ELEMENTS)
# twice each constant, as factors of (v_R/R, dv_R/dR, (1/R) dv_R/dphi) and of the same three of v_phi
SUMMANDS = np.array(
    [
        [[0.0, 0.0, -1.0], [1.0, -1.0, 0.0]],
        [[0.0, 0.0, 1.0], [-1.0, -1.0, 0.0]],
        [[-1.0, 1.0, 0.0], [0.0, 0.0, -1.0]],
        [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ]
)


def oort_constants(R_kpc: Array, coefficients: Array, covariance: Array) -> tuple[Array, Array]:
    """Return Oort's A, B, C, K and their standard errors [km/s/kpc], each of shape (n, 4).

    Parameters
    ----------
    R_kpc : ndarray, shape (n,)
        Radius of the nodes, above zero.
    coefficients : ndarray, shape (n, c, p)
        Of an expansion of either order: components v_R, v_phi (and more, unused), terms 0, R, phi (and more, unused).
    covariance : ndarray, shape (n, c, p, p)
        Covariance of the coefficients of each component. Those between components are taken as zero, which holds
        where the residuals of v_R and v_phi are independent (the velocity ellipsoid has no vertex deviation).
    """
    factors = 0.5 * np.broadcast_to(SUMMANDS, (R_kpc.size, *SUMMANDS.shape)).copy()
    factors[..., 0] /= R_kpc[:, None, None]
    return _linear_combinations(factors, coefficients[:, :2, :3], covariance[:, :2, :3, :3])


def _linear_combinations(factors: Array, coefficients: Array, covariance: Array) -> tuple[Array, Array]:
    """Return sums of coefficients (n, c, t) times factors (n, k, c, t) with standard errors, each of shape (n, k)."""
    value = np.einsum("nkct,nct->nk", factors, coefficients)
    return value, np.sqrt(np.einsum("nkct,nctu,nkcu->nk", factors, covariance, factors))


def milne_tensors(R_kpc: Array, phi_deg: Array, coefficients: Array, covariance: Array) -> tuple[Array, Array]:
    """Return the tensors of the linear field in the axes (X, Y, Z) and their errors [km/s/kpc], each of shape (n, 9).

    The order is that of `TENSORS`: six elements of the deformation, then three of the rotation. Arguments as those of
    `oort_constants`, with phi of the nodes; of the coefficients 0, R, phi, Z (and more, unused) of all three components.
    """
    factors = np.empty((R_kpc.size, len(TENSORS), 3, 4))
    for c, t in np.ndindex(3, 4):  # the elements are linear in the coefficients
        unit = np.zeros((R_kpc.size, 3, 4))
        unit[:, c, t] = 1.0
        gradient = cartesian_gradient(velocity_gradient(R_kpc, unit), phi_deg)
        halves = {"deformation": deformation_tensor(gradient), "rotation": rotation_tensor(gradient)}
        factors[:, :, c, t] = np.stack([halves[half][:, i, j] for half, i, j in _ELEMENTS], axis=1)
    return _linear_combinations(factors, coefficients[:, :, :4], covariance[:, :, :4, :4])


def velocity_gradient(R_kpc: Array, linear: Array) -> Array:
    """Return the gradient tensor of the linear field in the local axes (R, phi, Z) [km/s/kpc], shape (n, 3, 3).

    Element (i, j) is the derivative of the velocity along axis i with distance along axis j; the curvature of the axes
    is in it. `linear` holds the coefficients 0, R, phi, Z (and more, unused) of v_R, v_phi, v_Z, shape (n, 3, 4).
    """
    gradient = linear[:, :, 1:4].copy()
    gradient[:, 0, 1] -= linear[:, 1, 0] / R_kpc
    gradient[:, 1, 1] += linear[:, 0, 0] / R_kpc
    return gradient


def cartesian_gradient(gradient: Array, phi_deg: Array) -> Array:
    """Return a gradient tensor of the axes (R, phi, Z), shape (n, 3, 3), in the axes (X, Y, Z)."""
    phi = np.deg2rad(phi_deg)
    axes = np.zeros((phi.size, 3, 3))
    axes[:, 0, 0], axes[:, 0, 1], axes[:, 1, 0], axes[:, 1, 1] = -np.cos(phi), np.sin(phi), np.sin(phi), np.cos(phi)
    axes[:, 2, 2] = 1.0
    return axes @ gradient @ np.swapaxes(axes, 1, 2)


def deformation_tensor(gradient: Array) -> Array:
    """Return the symmetric part of gradient tensors, shape (n, 3, 3): the deformation M+ of Ogorodnikov and Milne."""
    return 0.5 * (gradient + np.swapaxes(gradient, 1, 2))


def rotation_tensor(gradient: Array) -> Array:
    """Return the antisymmetric part of gradient tensors, shape (n, 3, 3): the rotation M- of Ogorodnikov and Milne."""
    return 0.5 * (gradient - np.swapaxes(gradient, 1, 2))
