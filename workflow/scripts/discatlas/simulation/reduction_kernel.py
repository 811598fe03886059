"""Compiled sum over the orbits of a warm disc through one radius; `spiral_reduction` explains it."""

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.hermite import INLINE, KERNEL, basis, locate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC

Array = NDArray[np.float64]
N_ANGLE = 64  # points between the turning points
N_ORDER = 20  # harmonics of the radial motion, on either side of 0


def integration_matrix() -> Array:
    """Return M so that M @ w is the integral from 0 to each midpoint eta_j of the even periodic function with values w there."""
    eta = (np.arange(N_ANGLE) + 0.5) / N_ANGLE * np.pi
    k = np.arange(1, N_ANGLE)
    sines = np.sin(eta[:, None] * k) / k
    return (eta[:, None] + 2 * sines @ np.cos(k[:, None] * eta)) / N_ANGLE


def cosine_matrix() -> Array:
    """Return C so that C @ w are the coefficients of cos(k eta), k = 0 ... N_ANGLE - 1, of a function with values w at eta_j."""
    eta = (np.arange(N_ANGLE) + 0.5) / N_ANGLE * np.pi
    k = np.arange(N_ANGLE)
    return np.where(k == 0, 1.0, 2.0)[:, None] / N_ANGLE * np.cos(k[:, None] * eta)


@numba.njit(**INLINE)
def _column(radial: Array, i: int, column: int, w: tuple) -> float:
    a, b = radial[i, column], radial[i + 1, column]
    return w[0] * a[0] + w[1] * a[1] + w[2] * b[0] + w[3] * b[1]


@numba.njit(**KERNEL)
def _effective(R: float, L: float, radial: Array, nodes: Array) -> float:
    i, place, _ = locate(R, RADIAL_SCALE_KPC, nodes)
    return _column(radial, i, 0, basis(place)) + 0.5 * (L / R) ** 2


@numba.njit(**KERNEL)
def _turning_point(E: float, L: float, allowed: float, forbidden: float, radial: Array, nodes: Array) -> float:
    for _ in range(54):
        middle = 0.5 * (allowed + forbidden)
        if _effective(middle, L, radial, nodes) < E:
            allowed = middle
        else:
            forbidden = middle
    return allowed


@numba.njit(**KERNEL)
def _orbit(R: float, v_R: float, v_phi: float, radial: Array, nodes: Array, work: Array) -> tuple:
    """Fill rows 0 to 2 of `work` with radius, and time and azimuth per eta, at the points eta_j of an orbit.

    Returns the radial action, kappa, Omega_phi, and the cosine of the angle at which the orbit passes R outward.
    """
    L = R * v_phi
    E = 0.5 * v_R * v_R + _effective(R, L, radial, nodes)
    near = _turning_point(E, L, R, 1e-3 * R, radial, nodes)
    far = _turning_point(E, L, R, 50.0 * R, radial, nodes)
    middle, half, action = 0.5 * (near + far), 0.5 * (far - near), 0.0
    for j in range(N_ANGLE):
        eta = (j + 0.5) / N_ANGLE * np.pi
        r = middle - half * np.cos(eta)
        along = half * np.sin(eta)
        speed = np.sqrt(max(2.0 * (E - _effective(r, L, radial, nodes)), 1e-20))
        action += speed * along / N_ANGLE
        work[0, j], work[1, j], work[2, j] = r, along / speed, along / speed * L / (r * r)
    w_0, u_0 = work[1].mean(), work[2].mean()
    return action, 1.0 / w_0, u_0 / w_0, (middle - R) / half


@numba.njit(**KERNEL)
def _fill_angles(kappa: float, Omega: float, integrals: Array, work: Array) -> None:
    """Fill rows 3 and 4 of `work` with theta_R and psi at the points of an orbit."""
    for j in range(N_ANGLE):
        t = phi = 0.0
        for i in range(N_ANGLE):
            t += integrals[j, i] * work[1, i]
            phi += integrals[j, i] * work[2, i]
        work[3, j], work[4, j] = t * kappa, phi - Omega * t


@numba.njit(**KERNEL)
def _angles_at(cosine: float, coefficients: Array, w_0: float, Omega: float, work: Array) -> tuple[float, float]:
    """Return theta_R and psi at the angle eta with this cosine, from the cosine series of time and azimuth."""
    eta = np.arccos(min(max(cosine, -1.0), 1.0))
    t, phi = 0.0, 0.0
    for k in range(N_ANGLE // 2):
        w = u = 0.0
        for j in range(N_ANGLE):
            w += coefficients[k, j] * work[1, j]
            u += coefficients[k, j] * work[2, j]
        s = np.sin(k * eta) / k if k > 0 else eta
        t += w * s
        phi += u * s
    return t / w_0, phi - Omega * t


@numba.njit(**KERNEL)
def _harmonics(m: int, radial: Array, nodes: Array, work: Array, waves: Array, c: NDArray) -> None:
    """Fill c[mode, n + N_ORDER] of Phi_a(R) exp(i m psi) = sum of c_n exp(i n theta_R)."""
    c[:] = 0.0
    w_0 = work[1].mean()
    for j in range(N_ANGLE):
        i, place, _ = locate(work[0, j], RADIAL_SCALE_KPC, nodes)
        weights = basis(place)
        share = work[1, j] / (w_0 * N_ANGLE)
        turn = complex(np.cos(work[3, j]), -np.sin(work[3, j]))
        angle = m * work[4, j] + N_ORDER * work[3, j]
        power = complex(np.cos(angle), np.sin(angle))
        for n in range(2 * N_ORDER + 1):
            waves[n] = power.real * share
            power *= turn
        for k in range(c.shape[0]):
            mode = complex(_column(radial, i, 1 + 2 * k, weights), _column(radial, i, 2 + 2 * k, weights))
            for n in range(2 * N_ORDER + 1):
                c[k, n] += mode * waves[n]


@numba.njit(**KERNEL)
def _add_orbit(
    response: NDArray, c: NDArray, factor: Array, f: Array, slopes: Array, frequencies: tuple, speeds: Array
) -> None:
    """Add one orbit to response[d, k, s]: `factor` holds 2 v_R sin(n theta_R - m psi), `slopes` df/dJ_R and m df/dL over f."""
    kappa, turning, m, gamma = frequencies
    for s in range(speeds.size):
        for i in range(factor.size):
            n = i - N_ORDER
            share = complex(0.0, factor[i]) / complex(n * kappa + m * (turning - speeds[s]), -gamma)
            for d in range(f.size):
                weighted = share * (f[d] * (n * slopes[d, 0] + slopes[d, 1]))
                for k in range(c.shape[0]):
                    response[d, k, s] += weighted * c[k, i]


@numba.njit(parallel=True, **KERNEL)
def sum_orbits(
    R: float,
    v_R: Array,
    v_phi: Array,
    m: int,
    speeds: Array,
    gamma: float,
    terms: Array,
    radial: Array,
    nodes: Array,
    integrals: Array,
    coefficients: Array,
) -> tuple[NDArray, Array]:
    """Return, per v_phi, the sums over v_R of v_R (f_1(v_R) - f_1(-v_R)), and of f and v_R^2 f.

    Parameters
    ----------
    R : float
        Radius [kpc].
    v_R, v_phi : array, shapes (a,) and (b,)
        Velocities; v_R above 0.
    speeds : array, shape (s,)
        Pattern speeds.
    gamma : float
        Rate at which the spiral grew [km/s/kpc].
    terms : array, shape (b, d, 4)
        Of each v_phi and each of d populations: a, b, da/dL, db/dL of f = exp(a - b J_R).
    radial, nodes : array
        Potential and modes, of `orbits.ForceTables`.

    Returns
    -------
    array of complex, shape (b, d, modes, s); array, shape (b, d, 2)
    """
    n_modes = (radial.shape[1] - 1) // 2
    response = np.zeros((v_phi.size, terms.shape[1], n_modes, speeds.size), np.complex128)
    moments = np.zeros((v_phi.size, terms.shape[1], 2))
    n_discs, n_harmonics = terms.shape[1], 2 * N_ORDER + 1
    for b in numba.prange(v_phi.size):
        work, c = np.empty((5, N_ANGLE)), np.empty((n_modes, n_harmonics), np.complex128)
        waves, factor, f, slopes = (
            np.empty(n_harmonics),
            np.empty(n_harmonics),
            np.empty(n_discs),
            np.empty((n_discs, 2)),
        )
        for a in range(v_R.size):
            J, kappa, Omega, cosine = _orbit(R, v_R[a], v_phi[b], radial, nodes, work)
            _fill_angles(kappa, Omega, integrals, work)
            theta, psi = _angles_at(cosine, coefficients, 1.0 / kappa, Omega, work)
            _harmonics(m, radial, nodes, work, waves, c)
            for i in range(n_harmonics):
                factor[i] = 2.0 * v_R[a] * np.sin((i - N_ORDER) * theta - m * psi)
            for d in range(n_discs):
                f[d] = np.exp(terms[b, d, 0] - terms[b, d, 1] * J)
                slopes[d, 0], slopes[d, 1] = -terms[b, d, 1], m * (terms[b, d, 2] - terms[b, d, 3] * J)
                moments[b, d, 0] += f[d]
                moments[b, d, 1] += f[d] * v_R[a] * v_R[a]
            _add_orbit(response[b], c, factor, f, slopes, (kappa, Omega, float(m), gamma), speeds)
    return response, moments
