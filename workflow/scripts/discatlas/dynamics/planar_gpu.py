"""The planar orbit kernel on a graphics card, by numba: one orbit a thread, with the steps, forces and cut-offs of `planar_kernel`.

Imported only where it is asked for (accuracy ``fast_gpu``): nothing changes on a machine without one.
"""

import math

import numpy as np
from numba import cuda, float64
from numpy.typing import NDArray

from discatlas.dynamics.hermite import basis
from discatlas.dynamics.planar_kernel import FAR_KPC, GAUSS, PLACES, STAGES, TIMES
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
MAX_MODES, THREADS = 16, 128
_basis = cuda.jit(device=True)(basis.py_func)
_W = tuple(tuple(float(w) for w in row) for row in PLACES)
_C = tuple(float(c) for c in TIMES)
_G = tuple(float(g) for g in GAUSS)


@cuda.jit(device=True)
def _pull(x: float, y: float, k: int, c: float, s: float, tables: tuple) -> tuple:
    """Return the acceleration by mode k at one place, as if it acted there; c + i s is its rotation."""
    nodes, _, radial, multiplicity, _, _ = tables
    R = math.sqrt(x * x + y * y)
    outer = R + RADIAL_SCALE_KPC
    where = (R / outer - nodes[0]) * nodes[1]
    i = min(max(int(where), 0), radial.shape[1] - 1)
    t = where - i
    a0, a1, a2, a3 = radial[k, i, 0], radial[k, i, 1], radial[k, i, 2], radial[k, i, 3]
    b0, b1, b2, b3 = radial[k, i, 4], radial[k, i, 5], radial[k, i, 6], radial[k, i, 7]
    for _ in range(multiplicity[k]):
        c, s = (c * x - s * y) / R, (c * y + s * x) / R
    value, other = a0 + t * (a1 + t * (a2 + t * a3)), b0 + t * (b1 + t * (b2 + t * b3))
    slope, other_slope = a1 + t * (2 * a2 + t * 3 * a3), b1 + t * (2 * b2 + t * 3 * b3)
    along = (slope * c - other_slope * s) * RADIAL_SCALE_KPC / (outer * outer) * nodes[1]
    across = -multiplicity[k] * (value * s + other * c) / R
    return (across * y - along * x) / R, -(along * y + across * x) / R


@cuda.jit(device=True)
def _along(w: tuple, first: tuple, last: tuple) -> tuple:
    """Return place and velocity in a step, from its states (x, y, h u, h v) at the ends and the weights of `_basis`."""
    return (
        w[0] * first[0] + w[1] * first[2] + w[2] * last[0] + w[3] * last[2],
        w[0] * first[1] + w[1] * first[3] + w[2] * last[1] + w[3] * last[3],
        w[4] * first[0] + w[5] * first[2] + w[6] * last[0] + w[7] * last[2],
        w[4] * first[1] + w[5] * first[3] + w[6] * last[1] + w[7] * last[3],
    )


@cuda.jit(device=True)
def _crossing(first: tuple, last: tuple, limit: float) -> float:
    """Return when a step, 0 to 1, crosses a radius, as `planar_kernel` does."""
    target = limit * limit
    start, end = first[0] * first[0] + first[1] * first[1] - target, last[0] * last[0] + last[1] * last[1] - target
    if start * end >= 0.0:
        return 0.0
    theta = start / (start - end)
    for _ in range(3):
        x, y, u, v = _along(_basis(theta), first, last)
        rate = 2.0 * (x * u + y * v)
        if rate != 0.0:
            theta = min(max(theta - (x * x + y * y - target) / rate, 0.0), 1.0)
    return theta


@cuda.jit(device=True)
def _correct(
    state: Array, before: Array, j: int, k: int, h: float, sign: float, row: int, rotations: Array, tables: tuple
) -> None:
    """Add (sign 1) or take away (-1) what mode k does from the crossing of its limit to the step's end."""
    limits = tables[5]
    first = before[0, j], before[1, j], h * before[2, j], h * before[3, j]
    last = state[0, j], state[1, j], h * state[2, j], h * state[3, j]
    is_inner = math.sqrt(last[0] * last[0] + last[1] * last[1]) < 0.5 * (limits[k, 0] + limits[k, 1])
    theta = _crossing(first, last, limits[k, 0] if is_inner else limits[k, 1])
    for g in range(2):
        when = theta + (1.0 - theta) * _G[g]
        x, y, _, _ = _along(_basis(when), first, last)
        c, s = 0.0, 0.0
        for i in range(STAGES):
            weight = 1.0
            for other in range(STAGES):
                if other != i:
                    weight *= (when - _C[other]) / (_C[i] - _C[other])
            c += weight * rotations[row + i, k, 0]
            s += weight * rotations[row + i, k, 1]
        a_x, a_y = _pull(x, y, k, c, s, tables)
        kick = 0.5 * sign * h * (1.0 - theta)
        shift = kick * h * (1.0 - when)
        state[0, j] += shift * a_x
        state[1, j] += shift * a_y
        state[2, j] += kick * a_x
        state[3, j] += kick * a_y


@cuda.jit(device=True)
def _force(x: float, y: float, row: int, acts: Array, rotations: Array, tables: tuple) -> tuple:
    """Return the acceleration at one place and the radius; `row` is the stage's in `rotations`."""
    nodes, background, _, multiplicity, _, _ = tables
    R = math.sqrt(x * x + y * y)
    outer = R + RADIAL_SCALE_KPC
    where = (R / outer - nodes[0]) * nodes[1]
    i = min(max(int(where), 0), background.shape[0] - 1)
    t = where - i
    inward = background[i, 0] + t * (background[i, 1] + t * background[i, 2])
    inward *= RADIAL_SCALE_KPC / (outer * outer) * nodes[1] / R
    a_x, a_y = -inward * x, -inward * y
    for k in range(multiplicity.size):
        if acts[k] > 0.0:
            b_x, b_y = _pull(x, y, k, rotations[row, k, 0], rotations[row, k, 1], tables)
            a_x += b_x
            a_y += b_y
    return a_x, a_y, R


@cuda.jit(device=True)
def _is_inside(x: float, y: float, low: float, high: float) -> float:
    square = x * x + y * y
    return 1.0 if low * low <= square <= high * high else 0.0


@cuda.jit(device=True)
def _make_good(
    state: Array, before: Array, j: int, h: float, acts: Array, row: int, rotations: Array, tables: tuple
) -> None:
    """Correct an orbit that crossed cut-offs in the step that began at `before`, as `planar_kernel` does."""
    limits = tables[5]
    for k in range(limits.shape[0]):
        if limits[k, 0] <= 0.0 and limits[k, 1] >= FAR_KPC:
            continue
        now = _is_inside(state[0, j], state[1, j], limits[k, 0], limits[k, 1])
        if now != acts[k]:
            _correct(state, before, j, k, h, now - acts[k], row, rotations, tables)
        acts[k] = now


@cuda.jit
def _follow(
    state: Array, before: Array, steps: NDArray, first: NDArray, T: float, rotations: Array,
    nodes: Array, background: Array, radial: Array, multiplicity: NDArray, is_complex: NDArray, limits: Array,
) -> None:  # fmt: skip
    j = cuda.grid(1)
    if j >= state.shape[1]:
        return
    tables = (nodes, background, radial, multiplicity, is_complex, limits)
    acts, a_x, a_y = cuda.local.array(MAX_MODES, float64), cuda.local.array(4, float64), cuda.local.array(4, float64)
    h, row = T / steps[j], first[j]
    for k in range(limits.shape[0]):
        acts[k] = _is_inside(state[0, j], state[1, j], limits[k, 0], limits[k, 1])
    for s in range(STAGES):
        a_x[s] = a_y[s] = 0.0
    for _ in range(steps[j]):
        for c in range(4):
            before[c, j] = state[c, j]
        x, y, u, v = before[0, j], before[1, j], before[2, j], before[3, j]
        for s in range(STAGES):
            p = x + h * _C[s] * u + h * h * (_W[s][0] * a_x[0] + _W[s][1] * a_x[1] + _W[s][2] * a_x[2])
            q = y + h * _C[s] * v + h * h * (_W[s][0] * a_y[0] + _W[s][1] * a_y[1] + _W[s][2] * a_y[2])
            a_x[s], a_y[s], R = _force(p, q, row + s, acts, rotations, tables)
            state[4, j] = min(state[4, j], R)
        state[0, j] = x + h * u + h * h / 336 * (14 * a_x[0] + 100 * a_x[1] + 54 * a_x[2])
        state[1, j] = y + h * v + h * h / 336 * (14 * a_y[0] + 100 * a_y[1] + 54 * a_y[2])
        state[2, j] = u + h / 336 * (14 * a_x[0] + 125 * a_x[1] + 162 * a_x[2] + 35 * a_x[3])
        state[3, j] = v + h / 336 * (14 * a_y[0] + 125 * a_y[1] + 162 * a_y[2] + 35 * a_y[3])
        _make_good(state, before, j, h, acts, row, rotations, tables)
        row += STAGES


def follow(
    state: Array, steps: NDArray[np.int64], first: NDArray[np.int64], T: float, rotations: Array, tables: tuple
) -> Array:
    """Return the states, shape (5, n), of orbits, each after its own number of steps: see `planar_kernel.follow_blocks`.

    Raises
    ------
    DiscatlasError
        If numba sees no graphics card, or there are more than MAX_MODES modes.
    """
    if not cuda.is_available():
        raise DiscatlasError(
            "backward integration: accuracy fast_gpu, and numba sees no graphics card here; take fast, which gives the same medians"
        )
    if tables[3].size > MAX_MODES:
        raise DiscatlasError(f"backward integration: {tables[3].size} modes; fast_gpu takes at most {MAX_MODES}")
    on_card = cuda.to_device(np.ascontiguousarray(state))
    scratch = cuda.to_device(np.empty((4, state.shape[1])))
    arrays = [cuda.to_device(np.ascontiguousarray(array)) for array in (steps, first)]
    others = [cuda.to_device(np.ascontiguousarray(array)) for array in (rotations, *tables)]
    blocks = -(-state.shape[1] // THREADS)
    _follow[blocks, THREADS](on_card, scratch, *arrays, T, *others)
    return on_card.copy_to_host()
