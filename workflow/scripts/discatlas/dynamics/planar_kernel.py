"""Compiled orbits in the plane, many side by side in one time grid; `planar_orbits` explains the method and builds the tables.

Coordinates are x = R cos phi, y = R sin phi. A block of LANES orbits goes through each stage together, so that
rotations and growth of the patterns are those of the stage, and all loops but those that read tables are vectors.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.distribution import density
from discatlas.dynamics.hermite import INLINE, KERNEL, basis
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC

Array = NDArray[np.float64]
LANES = 32
FAR_KPC = 1e9  # stands for infinity, which fast arithmetic does not know
STAGES = 4  # of Nystroem's method of fifth order (Hairer, Norsett & Wanner 1993, Table II.14.2): times, and weights of the accelerations
TIMES = np.array([0.0, 1 / 5, 2 / 3, 1.0])
PLACES = np.array([[0.0, 0.0, 0.0], [1 / 50, 0.0, 0.0], [-1 / 27, 7 / 27, 0.0], [3 / 10, -2 / 35, 9 / 35]])
GAUSS = np.array([0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0)])
VECTOR = {**KERNEL, "fastmath": {"nnan", "ninf", "nsz"}}


@numba.njit(forceinline=True, **VECTOR)
def _locate(x: Array, y: Array, scratch: Array, index: NDArray, nodes: Array, last: int) -> None:
    """Fill the intervals, and the rows of `scratch` that depend on place alone; `last` is the last interval."""
    R, cosine, sine, real, imag = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    place, inverse, du = scratch[7], scratch[8], scratch[9]
    first, inverse_step = nodes[0], nodes[1]
    for j in range(LANES):
        r = np.sqrt(x[j] * x[j] + y[j] * y[j])
        outer = r + RADIAL_SCALE_KPC
        product = 1.0 / (r * outer)
        w = product * r
        where = (r * w - first) * inverse_step
        i = min(max(np.int64(where), 0), last)
        index[j], place[j], R[j], inverse[j] = i, where - i, r, product * outer
        du[j] = RADIAL_SCALE_KPC * w * w * inverse_step
        cosine[j], sine[j] = x[j] * product * outer, y[j] * product * outer
        real[j], imag[j] = cosine[j], sine[j]


@numba.njit(forceinline=True, **VECTOR)
def _read(rows: Array, index: NDArray, table: Array, n: int) -> None:
    """Copy n coefficients of the interval of each orbit: alone in a loop, so that it does not keep others from being vectors."""
    for j in range(LANES):
        i = np.uint64(index[j])
        for c in range(n):
            rows[c, j] = table[i, c]


@numba.njit(forceinline=True, **VECTOR)
def _forces(
    x: Array,
    y: Array,
    a_x: Array,
    a_y: Array,
    scratch: Array,
    rows: Array,
    index: NDArray,
    acts: Array,
    rotation: Array,
    tables: tuple,
) -> None:
    """Fill the accelerations of LANES orbits at one time.

    `rotation` is real and imaginary part of G exp(-i m (Omega t + phase)) per mode; modes are in the order of m.
    """
    nodes, background, radial, multiplicity, is_complex, _ = tables
    cosine, sine, real, imag = scratch[1], scratch[2], scratch[3], scratch[4]
    F_R, F_phi, place, inverse, du = scratch[5], scratch[6], scratch[7], scratch[8], scratch[9]
    _locate(x, y, scratch, index, nodes, background.shape[0] - 1)
    _read(rows, index, background, 3)
    for j in range(LANES):
        F_R[j] = rows[0, j] + place[j] * (rows[1, j] + place[j] * rows[2, j])
        F_phi[j] = 0.0
    turn = 1
    for k in range(multiplicity.size):
        while turn < multiplicity[k]:
            for j in range(LANES):
                a = real[j] * cosine[j] - imag[j] * sine[j]
                imag[j] = real[j] * sine[j] + imag[j] * cosine[j]
                real[j] = a
            turn += 1
        c, s, m = rotation[k, 0], rotation[k, 1], float(turn)
        if c == 0.0 and s == 0.0:
            continue
        _read(rows, index, radial[k], 4)
        if is_complex[k]:
            _read(rows[4:], index, radial[k, :, 4:], 4)
            for j in range(LANES):
                t, on = place[j], acts[k, j]
                q_real, q_imag = on * (c * real[j] - s * imag[j]), on * (c * imag[j] + s * real[j])
                a1, a2, a3 = rows[1, j], rows[2, j], rows[3, j]
                b1, b2, b3 = rows[5, j], rows[6, j], rows[7, j]
                value, slope = rows[0, j] + t * (a1 + t * (a2 + t * a3)), a1 + t * (2.0 * a2 + t * (3.0 * a3))
                other, other_slope = rows[4, j] + t * (b1 + t * (b2 + t * b3)), b1 + t * (2.0 * b2 + t * (3.0 * b3))
                F_R[j] += slope * q_real - other_slope * q_imag
                F_phi[j] -= m * (value * q_imag + other * q_real)
        else:
            for j in range(LANES):
                t, a1, a2, a3 = place[j], rows[1, j], rows[2, j], rows[3, j]
                F_R[j] += (a1 + t * (2.0 * a2 + t * (3.0 * a3))) * (c * real[j] - s * imag[j])
                F_phi[j] -= m * (rows[0, j] + t * (a1 + t * (a2 + t * a3))) * (c * imag[j] + s * real[j])
    for j in range(LANES):
        radial_force, azimuthal_force = F_R[j] * du[j], F_phi[j] * inverse[j]
        a_x[j] = azimuthal_force * sine[j] - radial_force * cosine[j]
        a_y[j] = -radial_force * sine[j] - azimuthal_force * cosine[j]


@numba.njit(**INLINE)
def _pull(x: float, y: float, k: int, c: float, s: float, tables: tuple) -> tuple[float, float]:
    """Return the acceleration by mode k at one place, as if it acted there; c + i s is its `rotation`."""
    nodes, _, radial, multiplicity, _, _ = tables
    R = np.sqrt(x * x + y * y)
    outer = R + RADIAL_SCALE_KPC
    where = (R / outer - nodes[0]) * nodes[1]
    i = min(max(int(where), 0), radial.shape[1] - 1)
    t, p = where - i, radial[k, i]
    value = complex(p[0] + t * (p[1] + t * (p[2] + t * p[3])), p[4] + t * (p[5] + t * (p[6] + t * p[7])))
    slope = complex(p[1] + t * (2.0 * p[2] + t * (3.0 * p[3])), p[5] + t * (2.0 * p[6] + t * (3.0 * p[7])))
    e, q = complex(x / R, y / R), complex(c, s)
    for _ in range(multiplicity[k]):
        q *= e
    along = (slope * q).real * RADIAL_SCALE_KPC / (outer * outer) * nodes[1]
    across = -multiplicity[k] * (value * q).imag / R
    return across * e.imag - along * e.real, -along * e.imag - across * e.real


@numba.njit(**INLINE)
def _crossing(
    x0: float, y0: float, u0: float, v0: float, x1: float, y1: float, u1: float, v1: float, limit: float
) -> float:
    """Return when a step, 0 to 1, crosses a radius: Newton's method; 0 where it began on the side where it ends."""
    target = limit * limit
    start, end = x0 * x0 + y0 * y0 - target, x1 * x1 + y1 * y1 - target
    if start * end >= 0.0:
        return 0.0
    theta = start / (start - end)
    for _ in range(3):
        w = basis(theta)
        x, y = w[0] * x0 + w[1] * u0 + w[2] * x1 + w[3] * u1, w[0] * y0 + w[1] * v0 + w[2] * y1 + w[3] * v1
        u, v = w[4] * x0 + w[5] * u0 + w[6] * x1 + w[7] * u1, w[4] * y0 + w[5] * v0 + w[6] * y1 + w[7] * v1
        rate = 2.0 * (x * u + y * v)
        theta = min(max(theta - (x * x + y * y - target) / rate, 0.0), 1.0) if rate != 0.0 else theta
    return theta


@numba.njit(**KERNEL)
def _correct(
    state: Array, before: Array, lane: int, k: int, h: float, sign: float, rotations: Array, tables: tuple
) -> None:
    """Add (sign 1) or take away (-1) what mode k does to one orbit from where the last step crossed its limit to the step's end."""
    limits = tables[5]
    x0, y0, u0, v0 = before[0, lane], before[1, lane], h * before[2, lane], h * before[3, lane]
    x1, y1, u1, v1 = state[0, lane], state[1, lane], h * state[2, lane], h * state[3, lane]
    middle = 0.5 * (limits[k, 0] + limits[k, 1])
    limit = limits[k, 0] if np.sqrt(x1 * x1 + y1 * y1) < middle else limits[k, 1]
    theta = _crossing(x0, y0, u0, v0, x1, y1, u1, v1, limit)
    for g in range(2):
        when = theta + (1.0 - theta) * GAUSS[g]
        w = basis(when)
        x, y = w[0] * x0 + w[1] * u0 + w[2] * x1 + w[3] * u1, w[0] * y0 + w[1] * v0 + w[2] * y1 + w[3] * v1
        c, s = 0.0, 0.0
        for i in range(STAGES):
            weight = 1.0
            for j in range(STAGES):
                if j != i:
                    weight *= (when - TIMES[j]) / (TIMES[i] - TIMES[j])
            c += weight * rotations[i, k, 0]
            s += weight * rotations[i, k, 1]
        a_x, a_y = _pull(x, y, k, c, s, tables)
        kick = 0.5 * sign * h * (1.0 - theta)
        shift = kick * h * (1.0 - when)
        state[0, lane] += shift * a_x
        state[1, lane] += shift * a_y
        state[2, lane] += kick * a_x
        state[3, lane] += kick * a_y


@numba.njit(forceinline=True, **VECTOR)
def _sides(acts: Array, x: Array, y: Array, low: float, high: float) -> float:
    """Note between which radii the orbits are, and return how many have come or gone since the last time."""
    inner, outer, changed = low * low, high * high, 0.0
    for j in range(LANES):
        square = x[j] * x[j] + y[j] * y[j]
        now = (1.0 if square >= inner else 0.0) * (1.0 if square <= outer else 0.0)
        changed += abs(now - acts[j])
        acts[j] = now
    return changed


@numba.njit(**VECTOR)
def _make_good(state: Array, before: Array, acts: Array, was: Array, h: float, rotations: Array, tables: tuple) -> None:
    """Correct the orbits that crossed a cut-off in the step that began with the states `before`."""
    limits = tables[5]
    for k in range(limits.shape[0]):
        if limits[k, 0] <= 0.0 and limits[k, 1] >= FAR_KPC:
            continue
        for j in range(LANES):
            was[j] = acts[k, j]
        if _sides(acts[k], state[0], state[1], limits[k, 0], limits[k, 1]) > 0.0:
            for j in range(LANES):
                if acts[k, j] != was[j]:
                    _correct(state, before, j, k, h, acts[k, j] - was[j], rotations, tables)


@numba.njit(**VECTOR)
def _advance(state: Array, h: float, rotations: Array, tables: tuple) -> None:
    """Integrate a block, shape (5, LANES), over the steps whose stages `rotations` has, and lower the radii in its last row."""
    limits = tables[5]
    x, y, u, v, least = state[0], state[1], state[2], state[3], state[4]
    a_x, a_y = np.zeros((STAGES, LANES)), np.zeros((STAGES, LANES))
    work, scratch, rows = np.empty((2, LANES)), np.empty((10, LANES)), np.empty((8, LANES))
    index = np.empty(LANES, np.int64)
    acts, was, before = np.ones((limits.shape[0], LANES)), np.empty(LANES), np.empty((4, LANES))
    p, q = work[0], work[1]
    h2 = h * h
    for k in range(limits.shape[0]):
        _sides(acts[k], x, y, limits[k, 0], limits[k, 1])
    for step in range(rotations.shape[0] // STAGES):
        for c in range(4):
            for j in range(LANES):
                before[c, j] = state[c, j]
        for s in range(STAGES):
            c, w0, w1, w2 = h * TIMES[s], h2 * PLACES[s, 0], h2 * PLACES[s, 1], h2 * PLACES[s, 2]
            for j in range(LANES):
                p[j] = x[j] + c * u[j] + w0 * a_x[0, j] + w1 * a_x[1, j] + w2 * a_x[2, j]
                q[j] = y[j] + c * v[j] + w0 * a_y[0, j] + w1 * a_y[1, j] + w2 * a_y[2, j]
            _forces(p, q, a_x[s], a_y[s], scratch, rows, index, acts, rotations[STAGES * step + s], tables)
            for j in range(LANES):
                least[j] = min(least[j], scratch[0, j])
        for j in range(LANES):
            x[j] += h * u[j] + h2 / 336 * (14 * a_x[0, j] + 100 * a_x[1, j] + 54 * a_x[2, j])
            y[j] += h * v[j] + h2 / 336 * (14 * a_y[0, j] + 100 * a_y[1, j] + 54 * a_y[2, j])
            u[j] += h / 336 * (14 * a_x[0, j] + 125 * a_x[1, j] + 162 * a_x[2, j] + 35 * a_x[3, j])
            v[j] += h / 336 * (14 * a_y[0, j] + 125 * a_y[1, j] + 162 * a_y[2, j] + 35 * a_y[3, j])
        _make_good(state, before, acts, was, h, rotations[STAGES * step : STAGES * (step + 1)], tables)


@numba.njit(parallel=True, **KERNEL)
def follow_blocks(
    state: Array, members: NDArray, steps: NDArray, first: NDArray, T: float, rotations: Array, tables: tuple
) -> None:
    """Integrate orbits in place over the time T, negative for backward.

    Parameters
    ----------
    state : array, shape (5, n)
        x, y, their velocities, and the least radius so far, which is lowered to that at the stages.
    members : array of int, shape (b, LANES)
        The orbits of each block; the last may be repeated.
    steps, first : array of int, shape (b,)
        Number of steps of each block, and the row of `rotations` of its first stage.
    T : float
        The time.
    rotations : array, shape (r, k, 2)
        Of the modes at the stages of all time grids.
    tables : tuple
        `planar_orbits.PlanarTables.arrays()`.
    """
    for block in numba.prange(members.shape[0]):
        own = np.empty((5, LANES))
        for j in range(LANES):
            for c in range(5):
                own[c, j] = state[c, members[block, j]]
        n = steps[block]
        _advance(own, T / n, rotations[first[block] : first[block] + STAGES * n], tables)
        for j in range(LANES):
            for c in range(5):
                state[c, members[block, j]] = own[c, j]


@numba.njit(parallel=True, **KERNEL)
def densities_of_states(state: Array, tables: tuple) -> Array:
    """Return the distribution function of orbits, shape (4 or more, n), where they are; `tables` of `distribution.density`."""
    result = np.empty(state.shape[1])
    for k in numba.prange(state.shape[1]):
        x, y, u, v = state[0, k], state[1, k], state[2, k], state[3, k]
        R = np.sqrt(x * x + y * y)
        result[k] = density(R, (x * u + y * v) / R, (x * v - y * u) / R, tables)
    return result
