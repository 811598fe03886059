"""Compiled forces and steps of the orbit kernel; `orbits` explains the method and builds the tables.

A step is Nystroem's of fifth order with four forces. Coordinates are x = -X, y = Y; tables is `orbits.ForceTables.arrays()`.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.hermite import INLINE, KERNEL, basis, locate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC

Array = NDArray[np.float64]
Vector = tuple[float, float, float]
LANDING_KPC, PLANE_KPC = (
    1e-6,
    1e-4,
)  # how near to a cut-off radius (the force jumps) and to the plane (its curvature) a step ends
MAX_EVENTS = 8  # in one step
MAX_PARTS, SLACK = 1000.0, 1.1  # of one step, and by how much it may turn too far before it is divided


@numba.njit(**INLINE)
def _value(w: tuple, a: float, a_slope: float, b: float, b_slope: float) -> float:
    """Interpolate between values and slopes of two nodes with the weights of `basis`."""
    return w[0] * a + w[1] * a_slope + w[2] * b + w[3] * b_slope


@numba.njit(**INLINE)
def _slope(w: tuple, a: float, a_slope: float, b: float, b_slope: float) -> float:
    """Return the slope per node of the interpolant."""
    return w[4] * a + w[5] * a_slope + w[6] * b + w[7] * b_slope


@numba.njit(**INLINE)
def _field(space: Array, f: int, i: int, j: int, wR: tuple, wZ: tuple) -> Vector:
    """Return field f in cell (i, j) and its derivatives per node along R and Z, from the weights of both axes."""
    s = space
    a, a_R, a_Z, a_RZ = s[i, j, f, 0], s[i, j, f, 1], s[i, j, f, 2], s[i, j, f, 3]
    b, b_R, b_Z, b_RZ = s[i, j + 1, f, 0], s[i, j + 1, f, 1], s[i, j + 1, f, 2], s[i, j + 1, f, 3]
    c, c_R, c_Z, c_RZ = s[i + 1, j, f, 0], s[i + 1, j, f, 1], s[i + 1, j, f, 2], s[i + 1, j, f, 3]
    d, d_R, d_Z, d_RZ = s[i + 1, j + 1, f, 0], s[i + 1, j + 1, f, 1], s[i + 1, j + 1, f, 2], s[i + 1, j + 1, f, 3]
    near, near_R = _value(wZ, a, a_Z, b, b_Z), _value(wZ, a_R, a_RZ, b_R, b_RZ)
    far, far_R = _value(wZ, c, c_Z, d, d_Z), _value(wZ, c_R, c_RZ, d_R, d_RZ)
    near_Z, near_RZ = _slope(wZ, a, a_Z, b, b_Z), _slope(wZ, a_R, a_RZ, b_R, b_RZ)
    far_Z, far_RZ = _slope(wZ, c, c_Z, d, d_Z), _slope(wZ, c_R, c_RZ, d_R, d_RZ)
    return (
        _value(wR, near, near_R, far, far_R),
        _slope(wR, near, near_R, far, far_R),
        _value(wR, near_Z, near_RZ, far_Z, far_RZ),
    )


@numba.njit(**INLINE)
def _radial(radial: Array, i: int, column: int, w: tuple) -> tuple[float, float]:
    """Return a function of radius and its slope per node, in interval i."""
    a, a_slope, b, b_slope = (
        radial[i, column, 0],
        radial[i, column, 1],
        radial[i + 1, column, 0],
        radial[i + 1, column, 1],
    )
    return _value(w, a, a_slope, b, b_slope), _slope(w, a, a_slope, b, b_slope)


@numba.njit(**INLINE)
def _growth(t: float, life: float) -> float:
    """G(t) of `modes.Pattern.growth`."""
    if not life < np.inf:
        return 1.0
    T = min(max((4.0 * t + 3.0 * life) / life, -1.0), 1.0)
    T2 = T * T
    return T * (0.9375 - T2 * (0.625 - 0.1875 * T2)) + 0.5


@numba.njit(**INLINE)
def background_in_space(R: float, z: float, space: Array, space_R: Array, space_Z: Array) -> Vector:
    """Return the axisymmetric potential and its derivatives along R and Z at one place."""
    i, place_R, d_R = locate(R, RADIAL_SCALE_KPC, space_R)
    j, place_Z, d_Z = locate(abs(z), VERTICAL_SCALE_KPC, space_Z)
    potential, along_R, along_Z = _field(space, 0, i, j, basis(place_R), basis(place_Z))
    return potential, along_R * d_R, along_Z * (d_Z if z >= 0 else -d_Z)


@numba.njit(**INLINE)
def acceleration(x: float, y: float, z: float, t: float, rotation: NDArray, sides: NDArray, tables: tuple) -> tuple:
    """Return the potential and the acceleration (a_x, a_y, a_z) at one place and time.

    `rotation` is exp(-i Omega t) per pattern, `sides` says which modes act.
    """
    radial, radial_nodes, space, space_R, space_Z, multiplicity, pattern, field, _, _, life = tables
    R = np.sqrt(x * x + y * y)
    cos_phi, sin_phi = x / R, y / R
    i, place, du = locate(R, RADIAL_SCALE_KPC, radial_nodes)
    w = basis(place)
    iR, placeR, dR = locate(R, RADIAL_SCALE_KPC, space_R)
    jZ, placeZ, dZ = locate(abs(z), VERTICAL_SCALE_KPC, space_Z)
    wR, wZ = basis(placeR), basis(placeZ)
    dZ = dZ if z >= 0 else -dZ
    if space.shape[0] > 2:
        background, background_R, background_Z = _field(space, 0, iR, jZ, wR, wZ)
        background_R, background_Z = background_R * dR, background_Z * dZ
    else:
        background, background_R = _radial(radial, i, 0, w)
        background_R, background_Z = background_R * du, 0.0
    potential, F_R, F_Z, F_phi = background, background_R, background_Z, 0.0
    base, power, m_before, p_before, G = 1.0 + 0.0j, 1.0 + 0.0j, 0, -1, 0.0
    for k in range(multiplicity.size):
        p = pattern[k]
        if p != p_before:
            base = complex(cos_phi, sin_phi) * rotation[p]
            power, m_before, p_before, G = 1.0 + 0.0j, 0, p, _growth(t, life[p])
        for _ in range(multiplicity[k] - m_before):
            power *= base
        m_before = multiplicity[k]
        if G == 0.0 or not sides[k]:
            continue
        (real, real_R), (imag, imag_R) = _radial(radial, i, 1 + 2 * k, w), _radial(radial, i, 2 + 2 * k, w)
        mode = G * complex(real, imag) * power
        mode_R = G * du * (real_R * power.real - imag_R * power.imag)
        if field[k] < 0:
            W, W_R, W_Z = 1.0, 0.0, 0.0
        elif field[k] == 0:
            W, W_R, W_Z = background, background_R, background_Z
        else:
            W, W_R, W_Z = _field(space, field[k], iR, jZ, wR, wZ)
            W_R, W_Z = W_R * dR, W_Z * dZ
        potential += mode.real * W
        F_R += mode_R * W + mode.real * W_R
        F_Z += mode.real * W_Z
        F_phi -= multiplicity[k] * mode.imag * W
    F_phi /= R
    return potential, F_phi * sin_phi - F_R * cos_phi, -F_R * sin_phi - F_phi * cos_phi, -F_Z


@numba.njit(**INLINE)
def _stage(
    state: tuple,
    h: float,
    c: float,
    k: Vector,
    a: Vector,
    b: Vector,
    d: Vector,
    t: float,
    rotation: NDArray,
    sides: NDArray,
    tables: tuple,
) -> Vector:
    """Return the acceleration at x + c h v + h^2 (k . (a, b, d)), time t, from the accelerations a, b, d before."""
    x, y, z, u, v, w = state
    k0, k1, k2 = h * h * k[0], h * h * k[1], h * h * k[2]
    _, f_x, f_y, f_z = acceleration(
        x + c * h * u + k0 * a[0] + k1 * b[0] + k2 * d[0],
        y + c * h * v + k0 * a[1] + k1 * b[1] + k2 * d[1],
        z + c * h * w + k0 * a[2] + k1 * b[2] + k2 * d[2],
        t, rotation, sides, tables,
    )  # fmt: skip
    return f_x, f_y, f_z


@numba.njit(**KERNEL)
def _step(
    state: tuple, a: Vector, t: float, h: float, turns: NDArray, rotation: NDArray, sides: NDArray, tables: tuple
) -> tuple:
    """Return the state after one step that starts with the acceleration a.

    `turns` are the rotations over h/5, 2h/3 and h, rows 1 to 3 of `rotation` are scratch.
    """
    none = (0.0, 0.0, 0.0)
    for s in range(3):
        for p in range(rotation.shape[1]):
            rotation[s + 1, p] = rotation[0, p] * turns[s, p]
    b = _stage(state, h, 0.2, (0.02, 0.0, 0.0), a, none, none, t + 0.2 * h, rotation[1], sides, tables)
    c = _stage(state, h, 2 / 3, (-1 / 27, 7 / 27, 0.0), a, b, none, t + 2 / 3 * h, rotation[2], sides, tables)
    d = _stage(state, h, 1.0, (0.3, -2 / 35, 9 / 35), a, b, c, t + h, rotation[3], sides, tables)
    x, y, z, u, v, w = state
    e, g = h * h / 336.0, h / 336.0
    return (
        x + h * u + e * (14.0 * a[0] + 100.0 * b[0] + 54.0 * c[0]),
        y + h * v + e * (14.0 * a[1] + 100.0 * b[1] + 54.0 * c[1]),
        z + h * w + e * (14.0 * a[2] + 100.0 * b[2] + 54.0 * c[2]),
        u + g * (14.0 * a[0] + 125.0 * b[0] + 162.0 * c[0] + 35.0 * d[0]),
        v + g * (14.0 * a[1] + 125.0 * b[1] + 162.0 * c[1] + 35.0 * d[1]),
        w + g * (14.0 * a[2] + 125.0 * b[2] + 162.0 * c[2] + 35.0 * d[2]),
    )


@numba.njit(**INLINE)
def _set_turns(turns: NDArray, Omega: Array, h: float) -> None:
    """Fill the rotations over h/5, 2h/3 and h: the powers 3, 10 and 15 of that over h/15."""
    for p in range(Omega.size):
        q = np.exp(-1j * Omega[p] * h / 15.0)
        q3 = q * q * q
        q5 = q3 * q * q
        turns[0, p], turns[1, p], turns[2, p] = q3, q5 * q5, q5 * q5 * q5


@numba.njit(**INLINE)
def _distance(state: tuple, event: int, limit: float, n_modes: int) -> tuple[float, float]:
    """Return the height above the plane for the last event, else the distance from a cut-off radius, and its rate."""
    if event == n_modes:
        return state[2], state[5]
    R = np.sqrt(state[0] * state[0] + state[1] * state[1])
    return R - limit, (state[0] * state[3] + state[1] * state[4]) / R


@numba.njit(**INLINE)
def _hermite_root(f_low: float, rate_low: float, f_high: float, rate_high: float, h: float) -> float:
    """Return the root in (0, h) of the cubic with these values and rates at its ends, by bisection; f changes its sign."""
    low, high, at_low, at_high = 0.0, 1.0, f_low, f_high
    for _ in range(10):
        middle = 0.5 * (low + high)
        value = _value(basis(middle), f_low, h * rate_low, f_high, h * rate_high)
        if value * f_low > 0.0:
            low, at_low = middle, value
        else:
            high, at_high = middle, value
    return h * (low * at_high - high * at_low) / (at_high - at_low)


@numba.njit(**INLINE)
def set_sides(sides: NDArray, state: tuple, limits: Array) -> None:
    """Note which modes act, and last whether the particle is above the plane."""
    R = np.sqrt(state[0] * state[0] + state[1] * state[1])
    for k in range(limits.shape[0]):
        sides[k] = limits[k, 0] <= R and limits[k, 1] >= R
    sides[-1] = state[2] > 0.0 or (state[2] == 0.0 and state[5] > 0.0)


@numba.njit(**INLINE)
def _event(state: tuple, sides: NDArray, limits: Array, in_space: bool) -> tuple[int, float]:
    """Return the first cut-off that was passed since `sides` was right, with its radius, or the plane; -1 if none."""
    R = np.sqrt(state[0] * state[0] + state[1] * state[1])
    for k in range(limits.shape[0]):
        slack = LANDING_KPC if sides[k] else -LANDING_KPC
        if (limits[k, 0] - slack <= R and limits[k, 1] + slack >= R) != sides[k]:
            is_inner = abs(R - limits[k, 0]) < abs(R - limits[k, 1])
            return k, limits[k, 0] if is_inner else limits[k, 1]
    if in_space and (-state[2] if sides[-1] else state[2]) > PLANE_KPC:
        return limits.shape[0], 0.0
    return -1, 0.0


@numba.njit(**KERNEL)
def _land(
    state: tuple,
    a: Vector,
    t: float,
    h: float,
    whole: tuple,
    event: tuple,
    turns: NDArray,
    rotation: NDArray,
    sides: NDArray,
    tables: tuple,
) -> tuple:
    """Return the length of the step that ends on a cut-off radius or on the plane, and the state there.

    `whole` is the state after the step h, which is beyond. Forces or their derivatives jump there (the disc's density
    has a cusp in the plane), so that a step across would lose the order of the method. The root is that of the cubic
    through both ends, mended by regula falsi with the Illinois factor on true steps.
    """
    k, limit = event
    n_modes = tables[8].shape[0]
    tolerance = PLANE_KPC if k == n_modes else LANDING_KPC
    low, high, length, new, side = 0.0, h, h, whole, 0
    (f_low, rate_low), (f_high, rate_high) = _distance(state, k, limit, n_modes), _distance(whole, k, limit, n_modes)
    for attempt in range(30):
        if f_low * f_high >= 0.0:
            break
        length = (low * f_high - high * f_low) / (f_high - f_low)
        if attempt == 0:
            length = _hermite_root(f_low, rate_low, f_high, rate_high, h)
        _set_turns(turns, tables[9], length)
        new = _step(state, a, t, length, turns, rotation, sides, tables)
        f, _ = _distance(new, k, limit, n_modes)
        if abs(f) < tolerance:
            break
        if f * f_low > 0.0:
            low, f_low, f_high = length, f, f_high * (0.5 if side == 1 else 1.0)
            side = 1
        else:
            high, f_high, f_low = length, f, f_low * (0.5 if side == -1 else 1.0)
            side = -1
    sides[k] = not sides[k]
    return length, new


@numba.njit(**INLINE)
def _parts(state: tuple, a: Vector, h: float, radians: float) -> float:
    """Return into how many parts to divide a step, so that the local frequency turns by about `radians` in each at most.

    A bar sends stars nearer to the centre than their pericentre in the background, where they turn faster: with the
    frequency of a circular orbit, three times for the sixfold pattern, or by passing the axis on a straight line.
    """
    x, y, z, u, v, _ = state
    circular = 9.0 * np.sqrt((a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) / (x * x + y * y + z * z))
    passing = (u * u + v * v) / (x * x + y * y)
    wanted = abs(h) * np.sqrt(max(circular, passing)) / radians
    return min(np.ceil(wanted), MAX_PARTS) if wanted > SLACK else 1.0


@numba.njit(**KERNEL)
def follow(position: Array, velocity: Array, t: float, h: float, n_steps: int, radians: float, tables: tuple) -> None:
    """Integrate one particle in place over n_steps of length h from time t, with parts that end on what is crossed."""
    limits, Omega, in_space = tables[8], tables[9], tables[2].shape[0] > 2
    rotation, turns = np.empty((4, Omega.size), np.complex128), np.empty((3, Omega.size), np.complex128)
    state = (position[0], position[1], position[2], velocity[0], velocity[1], velocity[2])
    sides = np.empty(limits.shape[0] + 1, np.bool_)
    none = (0.0, 0.0, 0.0)
    set_sides(sides, state, limits)
    rotation[0] = np.exp(-1j * Omega * t)
    turned = np.nan  # the step of which `turns` are the rotations
    for step in range(n_steps):
        now, left, n_events, is_whole = t + step * h, h, 0, False
        while not is_whole:
            a = _stage(state, 0.0, 0.0, none, none, none, none, now, rotation[0], sides, tables)
            parts = _parts(state, a, left, radians)
            length = left / parts
            if length != turned:
                _set_turns(turns, Omega, length)
                turned = length
            new = _step(state, a, now, length, turns, rotation, sides, tables)
            event = _event(new, sides, limits, in_space) if n_events < MAX_EVENTS else (-1, 0.0)
            if event[0] >= 0:
                length, new = _land(state, a, now, length, new, event, turns, rotation, sides, tables)
                turned = np.nan
                n_events += 1
            state = new
            rotation[0] = rotation[3]
            now, left = now + length, left - length
            is_whole = parts == 1.0 and event[0] < 0
    position[0], position[1], position[2] = state[0], state[1], state[2]
    velocity[0], velocity[1], velocity[2] = state[3], state[4], state[5]


@numba.njit(parallel=True, **KERNEL)
def follow_all(
    position: Array, velocity: Array, start: Array, end: float, n_steps: NDArray, radians: float, tables: tuple
) -> None:
    """Integrate all particles in place, each from its start to the common end."""
    for i in numba.prange(position.shape[0]):
        if n_steps[i] > 0:
            h = (end - start[i]) / n_steps[i]
            follow(position[i], velocity[i], start[i], h, n_steps[i], radians, tables)


@numba.njit(parallel=True, **KERNEL)
def total_energies(position: Array, velocity: Array, t: float, tables: tuple) -> Array:
    """Return the energies at one time."""
    limits, Omega = tables[8], tables[9]
    energy = np.empty(position.shape[0])
    for i in numba.prange(position.shape[0]):
        rotation = np.exp(-1j * Omega * t)
        x, v = position[i], velocity[i]
        sides = np.empty(limits.shape[0] + 1, np.bool_)
        set_sides(sides, (x[0], x[1], x[2], v[0], v[1], v[2]), limits)
        potential, _, _, _ = acceleration(x[0], x[1], x[2], t, rotation, sides, tables)
        energy[i] = potential + 0.5 * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return energy
