"""Actions of orbits in the plane of an axisymmetric potential, exact: no Staeckel approximation is needed there."""

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile, node_grid
from discatlas.dynamics.hermite import KERNEL, basis, locate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC

Array = NDArray[np.float64]
N_ANGLE = 48  # points of the quadrature between the turning points, which converges as a power of the eccentricity


@numba.njit(**KERNEL)
def _effective(R: float, L: float, table: Array, nodes: Array) -> float:
    """Return the potential plus that of the centrifugal force."""
    i, place, _ = locate(R, RADIAL_SCALE_KPC, nodes)
    w = basis(place)
    a, b = table[i, 0], table[i + 1, 0]
    return w[0] * a[0] + w[1] * a[1] + w[2] * b[0] + w[3] * b[1] + 0.5 * (L / R) ** 2


@numba.njit(**KERNEL)
def _turning_point(E: float, L: float, allowed: float, forbidden: float, table: Array, nodes: Array) -> float:
    """Return where the effective potential is E, by bisection."""
    for _ in range(60):
        middle = 0.5 * (allowed + forbidden)
        if _effective(middle, L, table, nodes) < E:
            allowed = middle
        else:
            forbidden = middle
    return allowed


@numba.njit(parallel=True, **KERNEL)
def _radial_actions(R: Array, v_R: Array, v_phi: Array, R_limits: Array, table: Array, nodes: Array) -> Array:
    result = np.empty(R.size)
    for i in numba.prange(R.size):
        L = R[i] * v_phi[i]
        E = 0.5 * v_R[i] * v_R[i] + _effective(R[i], L, table, nodes)
        if _effective(R_limits[1], L, table, nodes) < E:
            result[i] = np.nan
            continue
        near = _turning_point(E, L, R[i], R_limits[0], table, nodes)
        far = _turning_point(E, L, R[i], R_limits[1], table, nodes)
        middle, half, action = 0.5 * (near + far), 0.5 * (far - near), 0.0
        for k in range(N_ANGLE):
            eta = (k + 0.5) / N_ANGLE * np.pi
            speed = np.sqrt(max(2.0 * (E - _effective(middle - half * np.cos(eta), L, table, nodes)), 0.0))
            action += speed * half * np.sin(eta) / N_ANGLE
        result[i] = action
    return result


def radial_action(R_kpc: ArrayLike, v_R_kms: ArrayLike, v_phi_kms: ArrayLike, plane: PlaneProfile) -> Array:
    """Return J_R = (1/pi) int v_R dR between the turning points [kpc km/s]; NaN for orbits that leave the table of the plane.

    Parameters
    ----------
    R_kpc, v_R_kms, v_phi_kms : array
        Radius within the table, and velocities in the plane; they broadcast against each other.
    plane : PlaneProfile
        The potential.
    """
    arrays = np.broadcast_arrays(*(np.asarray(values, float) for values in (R_kpc, v_R_kms, v_phi_kms)))
    R, v_R, v_phi = (np.ascontiguousarray(values.ravel()) for values in arrays)
    nodes = node_grid(plane.R_kpc, RADIAL_SCALE_KPC)
    table = np.ascontiguousarray(plane.node_table())
    return _radial_actions(R, v_R, v_phi, plane.R_kpc[[0, -1]], table, nodes).reshape(arrays[0].shape)
