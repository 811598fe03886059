"""Smoothed maps: extreme deconvolution with one component in overlapping windows, its bootstrap, and the covariance.

Model of a window (Bovy, Hogg & Roweis 2011 with one component in one dimension; Tang et al. 2026, Sect. 2): value x_i is
drawn from a Gaussian of mean mu and variance V + e_i^2. At given V the best mean is that with weights 1/(V + e_i^2), so
one search in V >= 0 is left, which is exact: every maximum of ln L(V) on a logarithmic grid is refined by Newton's
method, and the highest is taken. The published value is the mean of the maximum-likelihood means of bootstrap samples of
the window's stars, its error their standard deviation.

The covariance of two windows comes from the stars that they share. The influence of star i on the mean of a window is,
to first order, psi_i = [s_i - (J_mu,V / J_V,V) t_i] J_V,V / det J with the scores s_i = w_i r_i in mu and
t_i = w_i (w_i r_i^2 - 1)/2 in V, w = 1/(V + e^2), r = x - mu, and J the observed information; on the boundary V = 0 it
is w_i r_i / sum w. Then corr(a, b) = sum psi_i psi'_i / (|psi| |psi'|) over shared stars, and

    covariance(a, b) = error_a error_b corr(a, b).

A matrix of products of unit vectors is positive semi-definite, and error^2 stands on its diagonal. Against one bootstrap
of all stars, whose samples serve all windows (`star_bootstrap`), the covariances agree to 2 % on the whole; of single
pairs that correlate by more than 0.25, 90 % agree to 6 % from 40 stars a window on, to 10 % from 20 on. With 10 to 20
stars and a dispersion far below the errors, where samples fall on either side of V = 0, some are off by 30 %.

The matrix is singular where windows hold the same stars, and for more windows than stars. But the bootstrap adds noise of
its own to each value, error^2 / n_bootstraps, independent from window to window. So a likelihood of the published values
takes the correlations with 1 + 1/n_bootstraps on the diagonal, which is positive definite: `covariance_factor` gives its
Cholesky factor. That jitter is no fudge: it is the variance of what the bootstrap's mean differs by from the
maximum-likelihood mean of the same stars.

Measured coverage in % of value +- error (nominal 68.3), 4,000 windows each of n = 8, 12, 20, 30, 100, 300 stars with
errors 8 exp(0.7 x) km/s: 63.3 64.5 65.7 66.3 66.5 68.9 for a dispersion of 35 km/s (the bootstrap's variance is (n - 1)/n
of the sample's, and its error follows Student's t: 61.9 64.1 65.8 66.6 67.8 68.1), 68.1 for n = 8 and 68.3 for n = 300
without dispersion. The mean of 16 overlapping windows of 30 stars is covered in 66.5 % with the covariance, in 36 % if
they are taken as independent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.maps.smoothing_kernels import (
    bootstrap_windows,
    draw_counts,
    influences,
    means_of_counts,
    pair_products,
)
from discatlas.maps.windows import Windows

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
SAMPLES_AT_ONCE = 256
LARGEST_SEED = 2**63


class Smoothed(NamedTuple):
    """Values of each window, each of shape (n_windows,), NaN where it has fewer than the least number of stars.

    ``value`` and ``error`` are mean and standard deviation of the bootstrap means, ``ml`` the maximum-likelihood mean and
    ``sigma`` the intrinsic dispersion (root of V) of the stars themselves; all in the unit of the values.
    """

    value: Array
    error: Array
    ml: Array
    sigma: Array


class Pairs(NamedTuple):
    """Pairs of overlapping windows a < b that share stars: their numbers, correlation and number of shared stars."""

    a: Indices
    b: Indices
    correlation: Array
    n_shared: Indices


def smooth(
    values: Array,
    errors: Array,
    members: tuple[Indices, Indices],
    min_stars: int,
    n_bootstraps: int,
    rng: np.random.Generator,
) -> Smoothed:
    """Return the smoothed values of the windows.

    Parameters
    ----------
    values, errors : ndarray, shape (n,)
        Values of the stars and their errors, finite and above zero, in one unit.
    members : (offsets, indices)
        The stars of each window, of `discatlas.maps.windows.window_members`.
    min_stars : int
        Windows with fewer stars stay empty; at least 2.
    n_bootstraps : int
        Bootstrap samples of each window, at least 2.
    rng : Generator
        Gives one seed; window k has the stream (seed, k), whatever the others are and however many threads there are.

    Raises
    ------
    DiscatlasError
        For too few samples or stars asked for, bad values or errors, and no window with `min_stars` stars.
    """
    _check_settings(min_stars, n_bootstraps)
    values, variances = _checked(values, errors)
    offsets, indices = members
    rows = _rows(offsets, min_stars)
    out = np.full((offsets.size - 1, 4), np.nan)
    seed = np.uint64(rng.integers(LARGEST_SEED))
    bootstrap_windows(values, variances, offsets, indices, rows, seed, n_bootstraps, out)
    return Smoothed(out[:, 2], out[:, 3], out[:, 0], np.sqrt(out[:, 1]))


def star_bootstrap(
    values: Array,
    errors: Array,
    members: tuple[Indices, Indices],
    min_stars: int,
    n_bootstraps: int,
    rng: np.random.Generator,
) -> Array:
    """Return the means of all windows in bootstrap samples of all stars, shape (n_bootstraps, n_windows).

    The slow way to the covariance, to check `correlations` by: the stars are drawn once for all windows. NaN where a
    sample leaves a window without a star, and for windows with fewer than `min_stars`. Arguments as in `smooth`.

    Raises
    ------
    DiscatlasError
        As `smooth`.
    """
    _check_settings(min_stars, n_bootstraps)
    values, variances = _checked(values, errors)
    offsets, indices = members
    rows = _rows(offsets, min_stars)
    seed = np.uint64(rng.integers(LARGEST_SEED))
    means = np.full((n_bootstraps, offsets.size - 1), np.nan)
    for first in range(0, n_bootstraps, SAMPLES_AT_ONCE):
        counts = np.empty((min(SAMPLES_AT_ONCE, n_bootstraps - first), values.size), np.int32)
        draw_counts(seed, first, counts)
        part = np.empty((len(counts), rows.size))
        means_of_counts(values, variances, offsets, indices, rows, counts, part)
        means[first : first + len(counts), rows] = part
    return means


def correlations(
    values: Array, errors: Array, members: tuple[Indices, Indices], smoothed: Smoothed, windows: Windows
) -> Pairs:
    """Return the correlations of the means of overlapping windows, which share stars (see the module).

    Only pairs that share at least one star are there; all others are uncorrelated.
    """
    values, variances = _checked(values, errors)
    offsets, indices = members
    is_known = np.isfinite(smoothed.ml)
    rows, best = np.flatnonzero(is_known), np.stack([smoothed.ml, smoothed.sigma**2], axis=1)
    influence = np.zeros(indices.size)
    influences(values, variances, offsets, indices, rows, best, influence)
    a, b = _overlapping(windows, is_known)
    correlation, n_shared = np.empty(a.size), np.empty(a.size, np.int64)
    pair_products(influence, offsets, indices, a, b, correlation, n_shared)
    shared = n_shared > 0
    return Pairs(a[shared], b[shared], np.clip(correlation[shared], -1.0, 1.0), n_shared[shared])


def correlation_matrix(cells: Indices, cell_a: Indices, cell_b: Indices, correlation: Array) -> Array:
    """Return the correlations of chosen windows as a full matrix, shape (m, m), from the pairs of the table.

    Parameters
    ----------
    cells : ndarray of int, shape (m,)
        Numbers of the windows, each once, in the order of the matrix.
    cell_a, cell_b, correlation : ndarray, shape (n_pairs,)
        Columns of ``map_smoothed_covariance``; pairs with other windows, or without a correlation, are left out.
    """
    cells = np.asarray(cells, np.int64)
    size = 1 + max((int(part.max()) for part in (cells, cell_a, cell_b) if part.size), default=0)
    place = np.full(size, -1)
    place[cells] = np.arange(cells.size)
    i, j = place[cell_a], place[cell_b]
    used = (i >= 0) & (j >= 0) & np.isfinite(correlation)
    matrix = np.eye(cells.size)
    matrix[i[used], j[used]] = matrix[j[used], i[used]] = correlation[used]
    return matrix


def covariance_factor(correlation: Array, errors: Array, n_bootstraps: int, floor: float = 0.0) -> Array:
    """Return the lower Cholesky factor L of the covariance of the published values, L L^T, shape (m, m).

    Parameters
    ----------
    correlation : ndarray, shape (m, m)
        Of `correlation_matrix`.
    errors : ndarray, shape (m,)
        Standard errors of the windows, above zero.
    n_bootstraps : int
        1/n_bootstraps is added to the diagonal of the correlations: the bootstrap's own noise, and the jitter.
    floor : float
        Independent error of each window in the same unit, added in squares.

    Raises
    ------
    DiscatlasError
        For errors that are not above zero, and a matrix that is not positive definite.
    """
    errors = np.asarray(errors, np.float64)
    if not (errors > 0).all():
        raise DiscatlasError(
            f"covariance of windows: {np.count_nonzero(~(errors > 0))} standard errors are not above zero; leave these "
            "windows out"
        )
    matrix = correlation * np.outer(errors, errors)
    matrix[np.diag_indices_from(matrix)] += errors**2 / n_bootstraps + floor**2
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise DiscatlasError(
            f"covariance of {errors.size} windows: not positive definite with 1/{n_bootstraps} added to its diagonal; "
            "are the correlations those of this map?"
        ) from None


def _check_settings(min_stars: int, n_bootstraps: int) -> None:
    for name, value in (("min_stars", min_stars), ("n_bootstraps", n_bootstraps)):
        if value < 2:
            raise DiscatlasError(f"smoothing: got {name} {value}, expected 2 or more")


def _checked(values: Array, errors: Array) -> tuple[Array, Array]:
    """Return values and squared errors, all fit for the kernels."""
    values, errors = (np.ascontiguousarray(column, np.float64) for column in (values, errors))
    for what, bad in (("value", ~np.isfinite(values)), ("error", ~(np.isfinite(errors) & (errors > 0)))):
        if bad.any():
            row = int(np.argmax(bad))
            got = (values if what == "value" else errors)[row]
            expected = "a number" if what == "value" else "a number above zero"
            raise DiscatlasError(f"smoothing: {what} of star {row:,} is {got:g}, expected {expected}")
    return values, errors**2


def _rows(offsets: Indices, min_stars: int) -> Indices:
    """Return the windows to be done, in an order that gives every thread windows of all sizes."""
    counts = np.diff(offsets)
    rows = np.flatnonzero(counts >= min_stars)
    if not rows.size:
        fullest = int(counts.max(initial=0))
        raise DiscatlasError(
            f"no window reaches min_stars = {min_stars} stars, the fullest has {fullest:,}; "
            + ("lower min_stars or widen the windows" if fullest else "widen the limits, or move them to the stars")
        )
    return rows[np.argsort(np.arange(rows.size) * 0.6180339887498949 % 1.0, kind="stable")]


def _overlapping(windows: Windows, is_known: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Return the pairs of known windows that overlap, sorted."""
    n_x, n_y = (edges.size - 1 for edges in windows.grid.edges)
    i, j = np.divmod(np.flatnonzero(is_known), n_y)
    pairs = []
    for di, dj in windows.overlap():
        inside = (i + di < n_x) & (j + dj >= 0) & (j + dj < n_y)
        a, b = (i * n_y + j)[inside], ((i + di) * n_y + j + dj)[inside]
        pairs.append(np.stack([a, b])[:, is_known[b]])
    a, b = np.concatenate(pairs, axis=1) if pairs else np.empty((2, 0), np.int64)
    order = np.lexsort((b, a))
    return a[order], b[order]
