"""Compiled kernels of the conversion and of the linear propagation of errors.

A small change of the observables moves the star by (D da, D dd, dD) along (east, north, outward), with da = cos(dec)
d(ra), and changes its velocity both through the proper motions and the radial velocity and by turning those three
axes. Everything is written in the star's cylindrical axes, where the errors of (R, R phi, Z, v_R, v_phi, v_Z) follow.

Stars go through in blocks that stay in the cache: rows of a flat scratch array at fixed distances, so that
the compiler can prove that they do not overlap and works on several stars per instruction. That is also why
`trigonometry` is written out: a call of the mathematical library would undo it. All kernels that call each other are
in one file, since the cache of compiled code watches only the file of the caller.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.frames import KMS_PER_KPC_MASYR, MAS_PER_DEG
from discatlas.phase_space.trigonometry import INLINE, RAD_PER_DEG, angle_deg, sine_cosine

Array = NDArray[np.float64]
Arrays = tuple[Array, ...]
Floats = tuple[float, ...]
Gradients = tuple[Floats, ...]  # of (R, R phi, Z, v_R, v_phi, v_Z), each along (ra, dec, distance, pmra, pmdec)
Local = tuple[float, float, Floats, Floats, Floats, float, float, float, float]  # see `_star`

RAD_PER_MAS = RAD_PER_DEG / MAS_PER_DEG

# rows of the scratch array: what is read, then what is made
BLOCK = 256  # stars; fills the second-level cache by about a tenth
OBSERVED, SIGMA, RHO, VALUES, ERRORS, PAIRS, ROWS = 0, 6, 12, 22, 31, 40, 55

KERNEL = {"cache": True, "error_model": "numpy", "nogil": True}


@numba.njit(parallel=True, **KERNEL)
def fill_values(observed: Arrays, A: Array, sun: Array, values: Array) -> None:
    """Fill the nine coordinates, shape (9, n), of stars given as a tuple of six arrays."""
    for block in numba.prange((observed[0].size + BLOCK - 1) // BLOCK):
        s = np.empty(VALUES * BLOCK + 9 * BLOCK)
        first, count = block * BLOCK, min(BLOCK, observed[0].size - block * BLOCK)
        _copy_in(observed, OBSERVED, first, count, s)
        _block_values(s, _flat(A), _vector(sun))
        _copy_out(values, VALUES, first, count, s)


@numba.njit(parallel=True, **KERNEL)
def fill_errors(
    observed: Arrays,
    sigma: Arrays,
    rho: Arrays | None,
    sign: float,
    A: Array,
    sun: Array,
    values: Array,
    errors: Array,
    pairs: Array | None,
) -> None:
    """Fill the nine coordinates, their standard errors, and `pairs` with the 15 correlations unless it is None.

    `sigma` is a tuple of six arrays, `rho` of ten, or None for no correlations; `sign` times the correlations with the
    parallax are those with the distance.
    """
    for block in numba.prange((observed[0].size + BLOCK - 1) // BLOCK):
        s = np.empty(ROWS * BLOCK)
        first, count = block * BLOCK, min(BLOCK, observed[0].size - block * BLOCK)
        _copy_in(observed, OBSERVED, first, count, s)
        _copy_in(sigma, SIGMA, first, count, s)
        if rho is not None:
            _copy_in(rho, RHO, first, count, s)
        _block_errors(s, _flat(A), _vector(sun), sign, rho, pairs)
        _copy_out(values, VALUES, first, count, s)
        _copy_out(errors, ERRORS, first, count, s)
        if pairs is not None:
            _copy_out(pairs, PAIRS, first, count, s)


@numba.njit(parallel=True, **KERNEL)
def fill_axes(ra: Array, dec: Array, A: Array, axes: Array) -> None:
    """Fill the unit vectors (east, north, outward) of each star in Galactocentric axes, shape (n, 9)."""
    for i in numba.prange(ra.size):
        east, north, outward, _ = _axes(ra[i], dec[i], _flat(A))
        for k in range(3):
            axes[i, k], axes[i, 3 + k], axes[i, 6 + k] = east[k], north[k], outward[k]


@numba.njit(**KERNEL)
def _copy_in(arrays: Arrays, row: int, first: int, count: int, s: Array) -> None:
    for k in range(len(arrays)):
        source, target = arrays[k][first : first + count], s[(row + k) * BLOCK : (row + k + 1) * BLOCK]
        for j in range(count):
            target[j] = source[j]


@numba.njit(**KERNEL)
def _copy_out(table: Array, row: int, first: int, count: int, s: Array) -> None:
    for k in range(table.shape[0]):
        source, target = s[(row + k) * BLOCK : (row + k + 1) * BLOCK], table[k, first : first + count]
        for j in range(count):
            target[j] = source[j]


@numba.njit(**KERNEL)
def _block_values(s: Array, A: Floats, sun: Floats) -> None:
    for j in range(BLOCK):
        value, _ = _star(_load6(s, OBSERVED, j), A, sun)
        _store9(s, VALUES, j, value)


@numba.njit(**KERNEL)
def _block_errors(s: Array, A: Floats, sun: Floats, sign: float, rho: Arrays | None, pairs: Array | None) -> None:
    for j in range(BLOCK):
        observed, sigma = _load6(s, OBSERVED, j), _load6(s, SIGMA, j)
        value, local = _star(observed, A, sun)
        _store9(s, VALUES, j, value)
        gradients, last = _gradients(observed, sigma, local, value)
        # the branch is chosen when the kernel is compiled
        if rho is None:
            _finish(s, j, gradients, None, last, local, value, pairs)
        else:
            _finish(s, j, gradients, _load_rho(s, j, sign), last, local, value, pairs)


@numba.njit(**INLINE)
def _finish(
    s: Array, j: int, g: Gradients, r: Floats | None, last: Floats, local: Local, value: Floats, pairs: Array | None
) -> None:
    error, six = _errors(g, r, last, local, value)
    _store9(s, ERRORS, j, error)
    if pairs is not None:
        _store_pairs(s, j, g, _weigh_all(g, r), last, six)


@numba.njit(**INLINE)
def _load6(s: Array, row: int, j: int) -> Floats:
    return (
        s[row * BLOCK + j],
        s[(row + 1) * BLOCK + j],
        s[(row + 2) * BLOCK + j],
        s[(row + 3) * BLOCK + j],
        s[(row + 4) * BLOCK + j],
        s[(row + 5) * BLOCK + j],
    )


@numba.njit(**INLINE)
def _load_rho(s: Array, j: int, sign: float) -> Floats:
    """Return the correlations of (ra, dec, distance, pmra, pmdec), upper triangle by rows; missing ones are 0."""
    a, b = _load6(s, RHO, j), _load6(s, RHO + 4, j)
    return (
        _known(a[0]),
        sign * _known(a[1]),
        _known(a[2]),
        _known(a[3]),
        sign * _known(a[4]),
        _known(a[5]),
        _known(b[2]),
        sign * _known(b[3]),
        sign * _known(b[4]),
        _known(b[5]),
    )


@numba.njit(**INLINE)
def _store9(s: Array, row: int, j: int, value: Floats) -> None:
    s[row * BLOCK + j], s[(row + 1) * BLOCK + j], s[(row + 2) * BLOCK + j] = value[0], value[1], value[2]
    s[(row + 3) * BLOCK + j], s[(row + 4) * BLOCK + j], s[(row + 5) * BLOCK + j] = value[3], value[4], value[5]
    s[(row + 6) * BLOCK + j], s[(row + 7) * BLOCK + j], s[(row + 8) * BLOCK + j] = value[6], value[7], value[8]


@numba.njit(**INLINE)
def _flat(A: Array) -> Floats:
    return A[0, 0], A[0, 1], A[0, 2], A[1, 0], A[1, 1], A[1, 2], A[2, 0], A[2, 1], A[2, 2]


@numba.njit(**INLINE)
def _vector(sun: Array) -> Floats:
    return sun[0], sun[1], sun[2], sun[3], sun[4], sun[5]


@numba.njit(**INLINE)
def _known(value: float) -> float:
    return value if value == value else 0.0  # noqa: PLR0124  (NaN is missing)


@numba.njit(**INLINE)
def _root(variance: float) -> float:
    # rounding can leave a variance of zero slightly negative; NaN stays NaN
    return math.sqrt(variance if variance > 0.0 else abs(variance * 0.0))


@numba.njit(**INLINE)
def _turn(x: float, y: float, z: float, A: Floats) -> Floats:
    return A[0] * x + A[1] * y + A[2] * z, A[3] * x + A[4] * y + A[5] * z, A[6] * x + A[7] * y + A[8] * z


@numba.njit(**INLINE)
def _axes(ra: float, dec: float, A: Floats) -> tuple[Floats, Floats, Floats, float]:
    sin_ra, cos_ra = sine_cosine(ra)
    sin_dec, cos_dec = sine_cosine(dec)
    east = _turn(-sin_ra, cos_ra, 0.0, A)
    north = _turn(-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec, A)
    outward = _turn(cos_dec * cos_ra, cos_dec * sin_ra, sin_dec, A)
    return east, north, outward, sin_dec / cos_dec


@numba.njit(**INLINE)
def _cylindrical(v: Floats, cos_x: float, cos_y: float) -> Floats:
    """Return the components along R, phi and Z; (cos_x, cos_y) = (X, Y)/R."""
    return cos_x * v[0] + cos_y * v[1], cos_y * v[0] - cos_x * v[1], v[2]


@numba.njit(**INLINE)
def _star(observed: Floats, A: Floats, sun: Floats) -> tuple[Floats, Local]:
    """Return the nine coordinates of a star, and its local axes: (X, Y)/R, east, north, outward, motion, tan(dec), 1/R."""
    ra, dec, D, pmra, pmdec, rv = observed
    east, north, outward, tan_dec = _axes(ra, dec, A)
    X, Y, Z = D * outward[0] + sun[0], D * outward[1] + sun[1], D * outward[2] + sun[2]
    R = math.sqrt(X * X + Y * Y)
    per_R = 1.0 / R
    cos_x, cos_y = X * per_R, Y * per_R
    e, n, o = _cylindrical(east, cos_x, cos_y), _cylindrical(north, cos_x, cos_y), _cylindrical(outward, cos_x, cos_y)
    v_sun = _cylindrical((sun[3], sun[4], sun[5]), cos_x, cos_y)
    w_e, w_n = KMS_PER_KPC_MASYR * D * pmra, KMS_PER_KPC_MASYR * D * pmdec
    v_R = w_e * e[0] + w_n * n[0] + rv * o[0] + v_sun[0]
    v_phi = w_e * e[1] + w_n * n[1] + rv * o[1] + v_sun[1]
    v_Z = w_e * e[2] + w_n * n[2] + rv * o[2] + v_sun[2]
    value = (X, Y, Z, R, angle_deg(Y, -X), v_R, v_phi, v_Z, R * v_phi)
    return value, (cos_x, cos_y, e, n, o, w_e, w_n, tan_dec, per_R)


@numba.njit(**INLINE)
def _velocity_gradient(
    observed: Floats, s_a: float, s_d: float, sigma: Floats, local: Local, e: float, n: float, o: float
) -> Floats:
    _, _, D, pmra, pmdec, rv = observed
    _, _, _, _, _, w_e, w_n, tan_dec, _ = local
    k = KMS_PER_KPC_MASYR
    return (
        s_a * ((rv - w_n * tan_dec) * e + w_e * tan_dec * n - w_e * o),
        s_d * (rv * n - w_n * o),
        sigma[2] * k * (pmra * e + pmdec * n),
        sigma[3] * k * D * e,
        sigma[4] * k * D * n,
    )


@numba.njit(**INLINE)
def _turned(g: Floats, g_phi: Floats, rate: float) -> Floats:
    """Add what the turn of the R and phi axes with phi does to a velocity component."""
    return g[0] + rate * g_phi[0], g[1] + rate * g_phi[1], g[2] + rate * g_phi[2], g[3], g[4]


@numba.njit(**INLINE)
def _gradients(observed: Floats, sigma: Floats, local: Local, value: Floats) -> tuple[Gradients, Floats]:
    """Return gradients of (R, R phi, Z, v_R, v_phi, v_Z) along (ra, dec, distance, pmra, pmdec), each times its error.

    Second come those of the three velocities along the radial velocity.
    """
    D = observed[2]
    _, _, e, n, o, _, _, _, per_R = local
    s_a, s_d, s_D = _known(sigma[0]) * RAD_PER_MAS, _known(sigma[1]) * RAD_PER_MAS, sigma[2]
    g_R = (D * s_a * e[0], D * s_d * n[0], s_D * o[0], 0.0, 0.0)
    g_phi = (D * s_a * e[1], D * s_d * n[1], s_D * o[1], 0.0, 0.0)
    g_Z = (D * s_a * e[2], D * s_d * n[2], s_D * o[2], 0.0, 0.0)
    g_vR = _turned(_velocity_gradient(observed, s_a, s_d, sigma, local, e[0], n[0], o[0]), g_phi, value[6] * per_R)
    g_vphi = _turned(_velocity_gradient(observed, s_a, s_d, sigma, local, e[1], n[1], o[1]), g_phi, -value[5] * per_R)
    g_vZ = _velocity_gradient(observed, s_a, s_d, sigma, local, e[2], n[2], o[2])
    return (g_R, g_phi, g_Z, g_vR, g_vphi, g_vZ), (sigma[5] * o[0], sigma[5] * o[1], sigma[5] * o[2])


@numba.njit(**INLINE)
def _weigh(g: Floats, r: Floats) -> Floats:
    """Return a gradient times the correlation matrix whose upper triangle is r."""
    return (
        g[0] + r[0] * g[1] + r[1] * g[2] + r[2] * g[3] + r[3] * g[4],
        r[0] * g[0] + g[1] + r[4] * g[2] + r[5] * g[3] + r[6] * g[4],
        r[1] * g[0] + r[4] * g[1] + g[2] + r[7] * g[3] + r[8] * g[4],
        r[2] * g[0] + r[5] * g[1] + r[7] * g[2] + g[3] + r[9] * g[4],
        r[3] * g[0] + r[6] * g[1] + r[8] * g[2] + r[9] * g[3] + g[4],
    )


@numba.njit(**INLINE)
def _weigh_all(g: Gradients, r: Floats | None) -> Gradients:
    if r is None:
        return g
    return _weigh(g[0], r), _weigh(g[1], r), _weigh(g[2], r), _weigh(g[3], r), _weigh(g[4], r), _weigh(g[5], r)


@numba.njit(**INLINE)
def _dot(a: Floats, b: Floats) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4]


@numba.njit(**INLINE)
def _quadratic(g: Floats, r: Floats | None) -> float:
    """Return g C g for the correlation matrix C whose upper triangle is r."""
    squares = g[0] * g[0] + g[1] * g[1] + g[2] * g[2] + g[3] * g[3] + g[4] * g[4]
    if r is None:
        return squares
    mixed = g[0] * (r[0] * g[1] + r[1] * g[2] + r[2] * g[3] + r[3] * g[4]) + g[1] * (
        r[4] * g[2] + r[5] * g[3] + r[6] * g[4]
    )
    return squares + 2.0 * (mixed + g[2] * (r[7] * g[3] + r[8] * g[4]) + r[9] * g[3] * g[4])


@numba.njit(**INLINE)
def _position_quadratic(g: Floats, r: Floats | None) -> float:
    """Return the same for a position, which does not depend on the proper motions."""
    squares = g[0] * g[0] + g[1] * g[1] + g[2] * g[2]
    return squares if r is None else squares + 2.0 * (g[0] * (r[0] * g[1] + r[1] * g[2]) + r[4] * g[1] * g[2])


@numba.njit(**INLINE)
def _position_weigh(g: Floats, r: Floats | None) -> Floats:
    """Return `_weigh` for a position."""
    if r is None:
        return g
    return (
        g[0] + r[0] * g[1] + r[1] * g[2],
        r[0] * g[0] + g[1] + r[4] * g[2],
        r[1] * g[0] + r[4] * g[1] + g[2],
        r[2] * g[0] + r[5] * g[1] + r[7] * g[2],
        r[3] * g[0] + r[6] * g[1] + r[8] * g[2],
    )


@numba.njit(**INLINE)
def _errors(g: Gradients, r: Floats | None, last: Floats, local: Local, value: Floats) -> tuple[Floats, Floats]:
    """Return standard errors of the nine coordinates, and of the six (R, R phi, Z, v_R, v_phi, v_Z)."""
    cos_x, cos_y, R, v_phi = local[0], local[1], value[3], value[6]
    t = _position_weigh(g[0], r)
    R_R, R_phi = t[0] * g[0][0] + t[1] * g[0][1] + t[2] * g[0][2], t[0] * g[1][0] + t[1] * g[1][1] + t[2] * g[1][2]
    phi_phi, Z_Z, R_vphi = _position_quadratic(g[1], r), _position_quadratic(g[2], r), _dot(t, g[4])
    vR_vR, vphi_vphi = _quadratic(g[3], r) + last[0] * last[0], _quadratic(g[4], r) + last[1] * last[1]
    vZ_vZ = _quadratic(g[5], r) + last[2] * last[2]
    X_X = cos_x * cos_x * R_R + 2.0 * cos_x * cos_y * R_phi + cos_y * cos_y * phi_phi
    Y_Y = cos_y * cos_y * R_R - 2.0 * cos_x * cos_y * R_phi + cos_x * cos_x * phi_phi
    L_L = v_phi * (v_phi * R_R + 2.0 * R * R_vphi) + R * R * vphi_vphi
    six = (_root(R_R), _root(phi_phi), _root(Z_Z), _root(vR_vR), _root(vphi_vphi), _root(vZ_vZ))
    nine = (
        _root(X_X),
        _root(Y_Y),
        six[2],
        six[0],
        six[1] * local[8] * (1.0 / RAD_PER_DEG),
        six[3],
        six[4],
        six[5],
        _root(L_L),
    )
    return nine, six


@numba.njit(**INLINE)
def _store_pairs(s: Array, j: int, g: Gradients, t: Gradients, last: Floats, six: Floats) -> None:
    """Correlations of the six, upper triangle by rows."""
    row = PAIRS
    R, phi, Z, vR, vphi, vZ = 1.0 / six[0], 1.0 / six[1], 1.0 / six[2], 1.0 / six[3], 1.0 / six[4], 1.0 / six[5]
    s[row * BLOCK + j] = _dot(t[0], g[1]) * R * phi
    s[(row + 1) * BLOCK + j] = _dot(t[0], g[2]) * R * Z
    s[(row + 2) * BLOCK + j] = _dot(t[0], g[3]) * R * vR
    s[(row + 3) * BLOCK + j] = _dot(t[0], g[4]) * R * vphi
    s[(row + 4) * BLOCK + j] = _dot(t[0], g[5]) * R * vZ
    s[(row + 5) * BLOCK + j] = _dot(t[1], g[2]) * phi * Z
    s[(row + 6) * BLOCK + j] = _dot(t[1], g[3]) * phi * vR
    s[(row + 7) * BLOCK + j] = _dot(t[1], g[4]) * phi * vphi
    s[(row + 8) * BLOCK + j] = _dot(t[1], g[5]) * phi * vZ
    s[(row + 9) * BLOCK + j] = _dot(t[2], g[3]) * Z * vR
    s[(row + 10) * BLOCK + j] = _dot(t[2], g[4]) * Z * vphi
    s[(row + 11) * BLOCK + j] = _dot(t[2], g[5]) * Z * vZ
    s[(row + 12) * BLOCK + j] = (_dot(t[3], g[4]) + last[0] * last[1]) * vR * vphi
    s[(row + 13) * BLOCK + j] = (_dot(t[3], g[5]) + last[0] * last[2]) * vR * vZ
    s[(row + 14) * BLOCK + j] = (_dot(t[4], g[5]) + last[1] * last[2]) * vphi * vZ
