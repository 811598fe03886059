"""Compiled kernels of `isochrones`: bracket four isochrones, mix their tables at equal EEP, find a mass in the mixture.

Arrays of the grid: ``feh`` (n_feh,), ``log_age`` (n_age,), ``extent`` (n_feh, n_age, 2) first and last row with a star,
``log_mass`` (n_feh, n_age, n_row) natural logarithm of the initial mass, ``values`` (n_feh, n_age, n_row, n_column).
All compiled functions that call each other stand in this one file: numba's cache does not notice edits of another.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

NODE = 1e-9  # of a cell: nearer than this to a node of the grid, only the node counts
LOG_TEFF, LOGG, LOG_LUMINOSITY, MASS_FRACTION, PHASE = range(5)  # columns of ``values``


@njit(cache=True, error_model="numpy")
def _bracket(axis: NDArray, x: float) -> tuple[int, float]:
    """Return i and w with x = (1 - w) axis[i] + w axis[i + 1]; w is exactly 0 or 1 on a node."""
    i = min(max(np.searchsorted(axis, x, side="right") - 1, 0), axis.size - 2)
    w = (x - axis[i]) / (axis[i + 1] - axis[i])
    if abs(w) < NODE:
        w = 0.0
    elif abs(w - 1.0) < NODE:
        w = 1.0
    return i, w


@njit(cache=True, error_model="numpy")
def _weight(u: float, w: float, a: int, b: int) -> float:
    """Bilinear weight of corner (a, b)."""
    return (u if a == 1 else 1.0 - u) * (w if b == 1 else 1.0 - w)


@njit(cache=True, error_model="numpy")
def _place(
    feh_axis: NDArray, age_axis: NDArray, extent: NDArray, feh: float, log_age: float
) -> tuple[int, float, int, float, int, int]:
    """Return the lower corner in [Fe/H] and age, each with its weight, and the rows that all corners with weight have."""
    i, u = _bracket(feh_axis, feh)
    j, w = _bracket(age_axis, log_age)
    low, high = 0, np.int64(2**31)
    for a in range(2):
        for b in range(2):
            if _weight(u, w, a, b) > 0.0:
                low = max(low, np.int64(extent[i + a, j + b, 0]))
                high = min(high, np.int64(extent[i + a, j + b, 1]))
    return i, u, j, w, low, high


@njit(cache=True, error_model="numpy")
def _log_mass(log_mass: NDArray, i: int, u: float, j: int, w: float, row: int) -> float:
    """Logarithm of the initial mass at one row of the mixture; it grows with the row as in each corner."""
    total = 0.0
    for a in range(2):
        for b in range(2):
            weight = _weight(u, w, a, b)
            if weight > 0.0:
                total += weight * log_mass[i + a, j + b, row]
    return total


@njit(cache=True, error_model="numpy")
def _value(values: NDArray, i: int, u: float, j: int, w: float, row: int, column: int) -> float:
    """One column at one row of the mixture; the phase, a label, is that of the corner with the largest weight."""
    if column == PHASE:
        return values[i + (1 if u > 0.5 else 0), j + (1 if w > 0.5 else 0), row, PHASE]
    total = 0.0
    for a in range(2):
        for b in range(2):
            weight = _weight(u, w, a, b)
            if weight > 0.0:
                total += weight * values[i + a, j + b, row, column]
    return total


@njit(cache=True, error_model="numpy")
def mix_isochrone(
    feh_axis: NDArray,
    age_axis: NDArray,
    extent: NDArray,
    log_mass: NDArray,
    values: NDArray,
    feh: float,
    log_age: float,
) -> tuple[int, NDArray, NDArray]:
    """Return the first row of the isochrone at (feh, log_age), its logarithms of mass and its columns (n_row, n_column)."""
    i, u, j, w, low, high = _place(feh_axis, age_axis, extent, feh, log_age)
    n = max(high - low + 1, 0)
    masses, table = np.empty(n), np.empty((n, values.shape[3]))
    for k in range(n):
        masses[k] = _log_mass(log_mass, i, u, j, w, low + k)
        for column in range(values.shape[3]):
            table[k, column] = _value(values, i, u, j, w, low + k, column)
    return low, masses, table


@njit(cache=True, error_model="numpy", parallel=True)
def masses_at_rows(
    feh_axis: NDArray,
    age_axis: NDArray,
    extent: NDArray,
    log_mass: NDArray,
    feh: NDArray,
    log_age: NDArray,
    row: int,
) -> NDArray:
    """Return per star the log mass of the first row of its isochrone, of `row` (or the last before it), and of the last."""
    result = np.empty((feh.size, 3))
    for s in prange(feh.size):
        i, u, j, w, low, high = _place(feh_axis, age_axis, extent, feh[s], log_age[s])
        result[s, 0] = _log_mass(log_mass, i, u, j, w, low)
        result[s, 1] = _log_mass(log_mass, i, u, j, w, min(max(row, low), high))
        result[s, 2] = _log_mass(log_mass, i, u, j, w, high)
    return result


@njit(cache=True, error_model="numpy", parallel=True)
def sample_at_mass(
    feh_axis: NDArray,
    age_axis: NDArray,
    extent: NDArray,
    log_mass: NDArray,
    values: NDArray,
    feh: NDArray,
    log_age: NDArray,
    star_log_mass: NDArray,
) -> tuple[NDArray, NDArray]:
    """Return per star the columns at its mass (n, n_column) and whether it lives.

    Beyond the last row it is dead; below the first, which the grid lacks, it lives. The columns are NaN in both cases.
    """
    n, n_column = feh.size, values.shape[3]
    result, alive = np.full((n, n_column), np.nan), np.zeros(n, np.bool_)
    for s in prange(n):
        i, u, j, w, low, high = _place(feh_axis, age_axis, extent, feh[s], log_age[s])
        x = star_log_mass[s]
        alive[s] = x <= _log_mass(log_mass, i, u, j, w, high)
        below = _log_mass(log_mass, i, u, j, w, low)
        if not alive[s] or not x >= below:
            continue
        top = high
        while top - low > 1:  # the last row whose mass is not above x
            middle = (low + top) // 2
            m = _log_mass(log_mass, i, u, j, w, middle)
            if m <= x:
                low, below = middle, m
            else:
                top = middle
        step = _log_mass(log_mass, i, u, j, w, top) - below
        t = (x - below) / step if step > 0.0 else 1.0
        for column in range(n_column):
            if column == PHASE:
                result[s, column] = _value(values, i, u, j, w, top if t > 0.5 else low, column)
            else:
                first = _value(values, i, u, j, w, low, column)
                result[s, column] = first + t * (_value(values, i, u, j, w, top, column) - first)
    return result, alive
