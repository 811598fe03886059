"""Monte-Carlo errors: percentiles of the nine coordinates over draws of the observables.

The random numbers are a pure function of (seed, row, draw, component): a 64-bit counter per row is mixed as in SplitMix64
(Steele, Lea & Flood 2014) and made normal by the ziggurat method (Marsaglia & Tsang 2000; form of Doornik 2005).
Positions are drawn in the tangent plane, exact to the square of their error in radians.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import KMS_PER_KPC_MASYR, MAS_PER_DEG, Sun
from discatlas.phase_space.linear import local_axes, sun_vector
from discatlas.phase_space.names import CORRELATIONS, ERRORS, OBSERVABLES, Columns, gather, percentile_columns

Array = NDArray[np.float64]
Arrays = tuple[Array, ...]
Floats = tuple[float, ...]
RAD_PER_MAS = math.pi / 180.0 / MAS_PER_DEG
KERNEL = {"cache": True, "error_model": "numpy", "nogil": True}
BLOCK = 16  # stars per task

ZIGGURAT_LAYERS, ZIGGURAT_EDGE, ZIGGURAT_AREA = 256, 3.6541528853610088, 0.00492867323399


def _ziggurat_tables() -> tuple[Array, Array]:
    """Return the right edges of the layers under exp(-x^2/2), and the ratio of each to the one above."""
    edge = np.zeros(ZIGGURAT_LAYERS + 1)
    height = math.exp(-0.5 * ZIGGURAT_EDGE**2)
    edge[0], edge[1] = ZIGGURAT_AREA / height, ZIGGURAT_EDGE
    for i in range(2, ZIGGURAT_LAYERS):
        height = ZIGGURAT_AREA / edge[i - 1] + height
        edge[i] = math.sqrt(-2.0 * math.log(height))
    return edge, edge[1:] / edge[:-1]


EDGE, RATIO = _ziggurat_tables()


def sample_percentiles(
    columns: Columns, sun: Sun, estimator: str, n_draws: int, seed: int, rows: NDArray[np.int64]
) -> dict[str, Array]:
    """Return the 16th, 50th and 84th percentile of the nine coordinates over draws of the observables.

    Parameters
    ----------
    columns : mapping of array, shape (n,)
        As for `propagate`, with distance_lo_kpc and distance_hi_kpc where there are.
    estimator : str
        With ``inverse_parallax`` the parallax is drawn, as normal with the mean 1/distance and the error
        distance_error/distance^2 (which undoes the estimator) and with its correlations; draws that are not positive
        are discarded, so that the percentiles are of the rest. With any other the distance is drawn by itself:
        two half normals of equal weight that meet in distance_kpc and have the widths distance - lo and hi - distance
        (or the standard error where there is no interval); draws that are not positive are discarded.
    n_draws : int
        Draws per star, at least 2.
    seed : int
        Seed of the stream (see `streams.stream_seed`).
    rows : array of int64, shape (n,)
        Row number of each star in its sample, on which alone its random numbers depend.

    Returns
    -------
    dict
        ``X_p16_kpc`` ... by column name, each of shape (n,), linearly interpolated between draws; missing for all
        where the distance's error is missing, for the velocities where a proper motion, the radial velocity or one of
        their errors is. The percentiles of phi are taken around the star's own phi and may leave [-180, 180].
    """
    if n_draws < 2:
        raise DiscatlasError(f"Monte-Carlo errors need at least 2 draws per star, got {n_draws}")
    percentiles = np.empty((len(rows), 27))
    _sample(
        gather(columns, OBSERVABLES, np.nan),
        gather(columns, ERRORS, np.nan),
        gather(columns, ("distance_lo_kpc", "distance_hi_kpc"), np.nan),
        gather(columns, CORRELATIONS, 0.0),
        estimator == "inverse_parallax",
        local_axes(columns["ra"], columns["dec"], sun),
        sun_vector(sun),
        np.uint64(seed),
        np.require(rows, np.int64, ["C", "W"]),
        n_draws,
        percentiles,
    )
    return dict(zip(percentile_columns(), np.ascontiguousarray(percentiles.T), strict=True))


def normal_deviates(seed: int, rows: NDArray[np.int64], n_draws: int) -> Array:
    """Return the standard normal deviates that `sample_percentiles` uses, shape (n, n_draws, 6)."""
    deviates = np.empty((len(rows), n_draws, 6))
    _fill_normals(np.uint64(seed), np.asarray(rows, np.int64), deviates)
    return deviates


@numba.njit(**KERNEL)
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(**KERNEL)
def _stream(seed: np.uint64, row: int) -> tuple[np.uint64, np.uint64]:
    """Return start and odd step of the counter of one row; a step of its own keeps rows from sharing a sequence."""
    start = _mix(_mix(seed + np.uint64(0x9E3779B97F4A7C15)) + np.uint64(row) * np.uint64(0xD1342543DE82EF95))
    return start, _mix(start ^ np.uint64(0x5851F42D4C957F2D)) | np.uint64(1)


@numba.njit(**KERNEL)
def _uniform(h: np.uint64) -> float:
    """Return a number in (0, 1) from the upper 53 bits."""
    return (np.float64(h >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@numba.njit(**KERNEL)
def _normal(h: np.uint64) -> float:
    """Return a standard normal deviate from 64 random bits, which are mixed anew in the rare rejections."""
    while True:
        layer = np.int64(h & np.uint64(ZIGGURAT_LAYERS - 1))
        u = 2.0 * _uniform(h) - 1.0
        x = u * EDGE[layer]
        if abs(u) < RATIO[layer]:
            return x
        h = _mix(h + np.uint64(0x9E3779B97F4A7C15))
        if layer == 0:
            return _tail(h, u)
        inner, outer = math.exp(-0.5 * (EDGE[layer] ** 2 - x * x)), math.exp(-0.5 * (EDGE[layer + 1] ** 2 - x * x))
        if outer + _uniform(h) * (inner - outer) < 1.0:
            return x
        h = _mix(h + np.uint64(0x9E3779B97F4A7C15))


@numba.njit(**KERNEL)
def _tail(h: np.uint64, sign: float) -> float:
    while True:
        x = -math.log(_uniform(h)) / ZIGGURAT_EDGE
        h = _mix(h + np.uint64(0x9E3779B97F4A7C15))
        y = -math.log(_uniform(h))
        h = _mix(h + np.uint64(0x9E3779B97F4A7C15))
        if 2.0 * y >= x * x:
            return math.copysign(ZIGGURAT_EDGE + x, sign)


@numba.njit(parallel=True, **KERNEL)
def _fill_normals(seed: np.uint64, rows: NDArray[np.int64], deviates: Array) -> None:
    for i in numba.prange(rows.size):
        start, step = _stream(seed, rows[i])
        for j in range(deviates.shape[1]):
            for k in range(6):
                deviates[i, j, k] = _normal(_mix(start + np.uint64(6 * j + k) * step))


@numba.njit(**KERNEL)
def _known(value: float) -> float:
    return value if value == value else 0.0  # noqa: PLR0124  (NaN is missing)


@numba.njit(**KERNEL)
def _cholesky(rho: Arrays, i: int, with_parallax: bool, L: Array) -> None:
    """Fill the lower factor of the correlations of (parallax, ra, dec, pmra, pmdec); a matrix that is not positive is clipped."""
    one = 1.0 if with_parallax else 0.0
    L[1, 0], L[2, 0], L[3, 0], L[4, 0] = (
        one * _known(rho[1][i]),
        one * _known(rho[4][i]),
        one * _known(rho[7][i]),
        one * _known(rho[8][i]),
    )
    L[2, 1], L[3, 1], L[4, 1] = _known(rho[0][i]), _known(rho[2][i]), _known(rho[3][i])
    L[3, 2], L[4, 2], L[4, 3] = _known(rho[5][i]), _known(rho[6][i]), _known(rho[9][i])
    for row in range(5):
        rest = 1.0
        for column in range(row):
            value = L[row, column]
            for k in range(column):
                value -= L[row, k] * L[column, k]
            value = value / L[column, column] if L[column, column] > 0.0 else 0.0
            value = min(max(value, -math.sqrt(rest)), math.sqrt(rest))
            L[row, column] = value
            rest = max(rest - value * value, 0.0)
        L[row, row] = math.sqrt(rest)


@numba.njit(parallel=True, **KERNEL)
def _sample(
    observed: Arrays,
    sigma: Arrays,
    interval: Arrays,
    rho: Arrays,
    draw_parallax: bool,
    axes: Array,
    sun: Array,
    seed: np.uint64,
    rows: NDArray[np.int64],
    n_draws: int,
    percentiles: Array,
) -> None:
    for block in numba.prange((rows.size + BLOCK - 1) // BLOCK):
        draws, L, frame = np.empty((9, n_draws)), np.zeros((5, 5)), np.empty((4, 3))
        for i in range(block * BLOCK, min((block + 1) * BLOCK, rows.size)):
            D, lo, hi = observed[2][i], interval[0][i], interval[1][i]
            below, above = sigma[2][i], sigma[2][i]
            if draw_parallax:
                below, above, D = below / (D * D), above / (D * D), 1.0 / D
            elif lo == lo and hi == hi:  # noqa: PLR0124
                below, above = D - lo, hi - D
            percentiles[i, :] = math.nan
            if not (D > 0.0 and below >= 0.0 and above >= 0.0 and axes[i, 0] == axes[i, 0]):
                continue
            _cholesky(rho, i, draw_parallax, L)
            cos_x, cos_y = _star_frame(axes[i], observed[2][i], sun, frame)
            star = (D, below, above, observed[3][i], observed[4][i], observed[5][i])
            width = (
                _known(sigma[0][i]) * RAD_PER_MAS,
                _known(sigma[1][i]) * RAD_PER_MAS,
                sigma[3][i],
                sigma[4][i],
                sigma[5][i],
            )
            tan_dec = math.tan(observed[1][i] * (math.pi / 180.0))
            m = _draw(star, width, tan_dec, L, frame, cos_x, cos_y, sun, draw_parallax, _stream(seed, rows[i]), draws)
            if m > 0:
                moving = width[2] + width[3] + width[4] + star[3] + star[4] + star[5]
                phi = math.atan2(cos_y, -cos_x) * (180.0 / math.pi)
                _store_percentiles(draws, m, moving == moving, phi, percentiles[i])  # noqa: PLR0124


@numba.njit(**KERNEL)
def _star_frame(axes: Array, distance: float, sun: Array, frame: Array) -> Floats:
    """Fill east, north, outward and the Sun's velocity in the star's own cylindrical axes; returns (X, Y)/R."""
    X, Y = distance * axes[6] + sun[0], distance * axes[7] + sun[1]
    R = math.sqrt(X * X + Y * Y)
    cos_x, cos_y = X / R, Y / R
    for k in range(4):
        x, y, z = (axes[3 * k], axes[3 * k + 1], axes[3 * k + 2]) if k < 3 else (sun[3], sun[4], sun[5])
        frame[k, 0], frame[k, 1], frame[k, 2] = cos_x * x + cos_y * y, cos_y * x - cos_x * y, z
    return cos_x, cos_y


@numba.njit(**KERNEL)
def _draw(
    star: Floats,
    width: Floats,
    tan_dec: float,
    L: Array,
    frame: Array,
    cos_x: float,
    cos_y: float,
    sun: Array,
    draw_parallax: bool,
    stream: tuple[np.uint64, np.uint64],
    draws: Array,
) -> int:
    """Fill `draws` (nine coordinates, with a stand-in for phi) and return how many draws were kept."""
    centre, below, above, pmra, pmdec, rv = star
    e, n, o, v_sun = frame[0], frame[1], frame[2], frame[3]
    sun_R, sun_phi, sun_Z = cos_x * sun[0] + cos_y * sun[1], cos_y * sun[0] - cos_x * sun[1], sun[2]
    start, step = stream
    m = 0
    for j in range(draws.shape[1]):
        h = start + np.uint64(6 * j) * step
        z0 = _normal(_mix(h))
        D = centre + z0 * (below if z0 < 0.0 else above)
        if not D > 0.0:
            continue
        D = 1.0 / D if draw_parallax else D
        z1, z2, z3 = (
            _normal(_mix(h + step)),
            _normal(_mix(h + np.uint64(2) * step)),
            _normal(_mix(h + np.uint64(3) * step)),
        )
        z4, z5 = _normal(_mix(h + np.uint64(4) * step)), _normal(_mix(h + np.uint64(5) * step))
        a = width[0] * (L[1, 0] * z0 + L[1, 1] * z1)
        d = width[1] * (L[2, 0] * z0 + L[2, 1] * z1 + L[2, 2] * z2)
        speed = KMS_PER_KPC_MASYR * D
        w_e = speed * (pmra + width[2] * (L[3, 0] * z0 + L[3, 1] * z1 + L[3, 2] * z2 + L[3, 3] * z3))
        w_n = speed * (pmdec + width[3] * (L[4, 0] * z0 + L[4, 1] * z1 + L[4, 2] * z2 + L[4, 3] * z3 + L[4, 4] * z4))
        w_o = rv + width[4] * z5
        u_e, u_n = w_e + a * (w_o - tan_dec * w_n), w_n + d * w_o + a * tan_dec * w_e
        u_o = w_o - a * w_e - d * w_n
        x = D * (o[0] + a * e[0] + d * n[0]) + sun_R
        y = D * (o[1] + a * e[1] + d * n[1]) + sun_phi
        v_x, v_y = u_e * e[0] + u_n * n[0] + u_o * o[0] + v_sun[0], u_e * e[1] + u_n * n[1] + u_o * o[1] + v_sun[1]
        R = math.sqrt(x * x + y * y)
        v_phi = (x * v_y - y * v_x) / R
        draws[0, m], draws[1, m] = cos_x * x + cos_y * y, cos_y * x - cos_x * y
        draws[2, m], draws[3, m] = D * (o[2] + a * e[2] + d * n[2]) + sun_Z, R
        draws[4, m] = _stand_in(x, y)
        draws[5, m], draws[6, m] = (x * v_x + y * v_y) / R, v_phi
        draws[7, m], draws[8, m] = u_e * e[2] + u_n * n[2] + u_o * o[2] + v_sun[2], R * v_phi
        m += 1
    return m


@numba.njit(**KERNEL)
def _stand_in(x: float, y: float) -> float:
    """Return a number in [-2, 2] that grows with the angle atan2(y, x) and costs no arc tangent."""
    p = y / (abs(x) + abs(y))
    return p if x >= 0.0 else math.copysign(2.0, y) - p


@numba.njit(**KERNEL)
def _angle_deg(p: float) -> float:
    """Return the angle of a stand-in [deg]."""
    y = p if abs(p) <= 1.0 else math.copysign(2.0, p) - p
    x = 1.0 - abs(p)
    return math.atan2(y, x) * (180.0 / math.pi)


@numba.njit(**KERNEL)
def _store_percentiles(draws: Array, m: int, is_moving: bool, phi: float, percentiles: Array) -> None:
    for q in range(9 if is_moving else 5):
        values = draws[q, :m]
        low = 0
        for k in range(3):
            position = (m - 1) * (0.16 + 0.34 * k)
            rank = int(position)
            _select(values, low, m - 1, rank)
            below, above = values[rank], values[rank]
            if rank + 1 < m:
                above = values[rank + 1 :].min()
            if q == 4:
                below, above = phi + _angle_deg(below), phi + _angle_deg(above)
            percentiles[3 * q + k] = below + (above - below) * (position - rank)
            low = rank


@numba.njit(**KERNEL)
def _select(values: Array, low: int, high: int, rank: int) -> None:
    """Reorder values[low : high + 1] so that values[rank] is in its sorted place, smaller ones before it (Hoare)."""
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return
