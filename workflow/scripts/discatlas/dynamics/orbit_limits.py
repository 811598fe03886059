"""Limits of orbits in a rotating potential: how near and far, how high, and how the angular momentum varies.

The orbit kernel of `orbits` takes the steps; between two of them the extremes are those of the cubic through both ends.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.hermite import INLINE, KERNEL, basis
from discatlas.dynamics.orbit_kernel import acceleration, follow, set_sides
from discatlas.dynamics.orbits import ForceTables

Array = NDArray[np.float64]
NAMES = ("r_min_kpc", "r_max_kpc", "Z_max_kpc", "L_z_mean_kpc_kms", "L_z_min_kpc_kms", "L_z_max_kpc_kms")


@numba.njit(**INLINE)
def _extreme(f: float, rate: float, f_new: float, rate_new: float, h: float) -> float:
    """Return a function's value where its rate vanishes in a step, by the cubic through both ends."""
    w = basis(rate / (rate - rate_new))
    return w[0] * f + w[1] * h * rate + w[2] * f_new + w[3] * h * rate_new


@numba.njit(**KERNEL)
def _limits_of_one(
    x: Array, v: Array, h: float, n_steps: int, radians: float, reach: Array, tables: tuple, result: Array
) -> None:
    """Follow one orbit from time 0 and fill its limits; NaN if it leaves the table."""
    L = x[0] * v[1] - x[1] * v[0]
    r2, rate = x[0] * x[0] + x[1] * x[1] + x[2] * x[2], 2.0 * (x[0] * v[0] + x[1] * v[1] + x[2] * v[2])
    z, w = x[2], v[2]
    low, high, top, mean, L_low, L_high = r2, r2, abs(z), 0.0, L, L
    for step in range(n_steps):
        before = L
        follow(x, v, step * h, h, 1, radians, tables)
        r2_new, rate_new = (
            x[0] * x[0] + x[1] * x[1] + x[2] * x[2],
            2.0 * (x[0] * v[0] + x[1] * v[1] + x[2] * v[2]),
        )
        low, high = min(low, r2_new), max(high, r2_new)
        if rate * rate_new < 0.0:
            turn = _extreme(r2, rate, r2_new, rate_new, h)
            low, high = min(low, turn), max(high, turn)
        if w * v[2] < 0.0:
            top = max(top, abs(_extreme(z, w, x[2], v[2], h)))
        top = max(top, abs(x[2]))
        L = x[0] * v[1] - x[1] * v[0]
        mean += 0.5 * (before + L) / n_steps
        L_low, L_high = min(L_low, L), max(L_high, L)
        r2, rate, z, w = r2_new, rate_new, x[2], v[2]
        if not (x[0] * x[0] + x[1] * x[1] < reach[0] * reach[0] and top < reach[1]):
            return
    result[0], result[1], result[2] = np.sqrt(max(low, 0.0)), np.sqrt(high), top
    result[3], result[4], result[5] = mean, L_low, L_high


@numba.njit(parallel=True, **KERNEL)
def _limits_of_all(
    position: Array, velocity: Array, end: float, n_steps: NDArray, radians: float, reach: Array, tables: tuple
) -> Array:
    result = np.full((position.shape[0], 6), np.nan)
    for i in numba.prange(position.shape[0]):
        h = end / max(n_steps[i], 1)
        _limits_of_one(position[i], velocity[i], h, n_steps[i], radians, reach, tables, result[i])
    return result


def orbit_limits(
    tables: ForceTables,
    position_kpc: Array,
    velocity_kms: Array,
    duration_kpc_kms: float,
    n_steps: NDArray[np.int64],
    radians_per_step: float,
    reach_kpc: tuple[float, float],
) -> dict[str, Array]:
    """Return the limits of orbits over a time from today on; NaN for those that go beyond `reach_kpc` in R or |Z|.

    Parameters
    ----------
    tables : ForceTables
        The forces; orbits in the plane keep Z = 0.
    position_kpc, velocity_kms : array, shape (n, 3)
        Cartesian X, Y, Z and v_X, v_Y, v_Z today.
    duration_kpc_kms : float
        After today if positive: the patterns turn and keep the strength of today. If negative, before today: they
        had less of it.
    n_steps : array, shape (n,)
        Steps of each orbit (see `orbits.count_steps`).
    radians_per_step : float
        As in `orbits.integrate`.

    Returns
    -------
    dict
        By the NAMES: least and largest distance from the centre, largest height, and mean, least and largest R v_phi.
    """
    sign = np.array([-1.0, 1.0, 1.0])
    position, velocity = position_kpc * sign, velocity_kms * sign
    if not tables.in_space:
        position[:, 2] = velocity[:, 2] = 0.0
    steps = np.ascontiguousarray(n_steps, np.int64)
    reach = np.array(reach_kpc, float)
    limits = _limits_of_all(
        position, velocity, float(duration_kpc_kms), steps, float(radians_per_step), reach, tables.arrays()
    )
    return dict(zip(NAMES, limits.T, strict=True))


@numba.njit(**KERNEL)
def _accelerations(position: Array, t: float, tables: tuple) -> Array:
    result = np.empty_like(position)
    limits, Omega = tables[8], tables[9]
    rotation, sides = np.exp(-1j * Omega * t), np.empty(limits.shape[0] + 1, np.bool_)
    for i in range(position.shape[0]):
        x, y, z = position[i]
        set_sides(sides, (x, y, z, 0.0, 0.0, 0.0), limits)
        _, result[i, 0], result[i, 1], result[i, 2] = acceleration(x, y, z, t, rotation, sides, tables)
    return result


def accelerations(tables: ForceTables, position_kpc: Array, t_kpc_kms: float) -> Array:
    """Return the accelerations of the kernel at places X, Y, Z, shape (n, 3) [(km/s)^2 / kpc]."""
    sign = np.array([-1.0, 1.0, 1.0])
    return _accelerations(position_kpc * sign, float(t_kpc_kms), tables.arrays()) * sign
