"""The errors of a map whose windows share stars.

The covariance of two cells is the product of their errors times their correlation (`discatlas.maps.smoothing`). In the
order of the cells' numbers only cells near each other overlap, so the matrix is a band, and so is its Cholesky factor L:
L^-1 (data - model) are independent unit normals. Windows with the same stars have a correlation of 1 and no independent
noise but that of their own bootstraps, 1/n_bootstraps of the variance.

Standard errors and correlations that are estimated from the few stars of a window scatter, by 10 % with 50 stars, and the
inverse of a covariance makes most of combinations of cells whose variance came out too small: intervals from the map's own
errors and correlations are too short by 20 %. `pooled_errors` and `shared_correlations` are the remedy. The variance of
one star, n error^2, is smooth across the disc, and is averaged over neighbouring windows; the correlation of two windows
follows from the weights of the stars that they share alone. Intervals are then right (`discatlas.calibration.spiral_fit`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cholesky_banded, solve_banded
from scipy.sparse import csr_array, triu

from discatlas.errors import DiscatlasError
from discatlas.spiral_fit.nodes import Places

Array = NDArray[np.float64]
MAX_JITTER = 0.5
POOL_KPC = 1.5  # standard deviation of the Gaussian over which the variance of a star is averaged


@dataclass(frozen=True)
class Noise:
    """Gaussian errors of n cells.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        Standard errors [km/s], above zero.
    factor : ndarray, shape (bands, n)
        Lower Cholesky factor of the correlations, by diagonals as scipy has them; one row of ones where there are none.
    n_effective : float
        Number of independent cells with the same information on a mean over neighbours: n over the mean sum of a row
        of correlations.
    n_chi_square : float
        What chi^2 of the true model is expected to be: the number of cells, or that of independent ones where the errors
        were made longer for it.
    jitter : float
        Independent variance of each cell that was added, in units of its own.
    """

    errors: Array
    factor: Array
    n_effective: float
    n_chi_square: float
    jitter: float

    @classmethod
    def diagonal(cls, errors: ArrayLike) -> Self:
        """Return independent errors."""
        errors = np.asarray(errors, np.float64)
        return cls(errors, np.ones((1, errors.size)), float(errors.size), float(errors.size), 0.0)

    @classmethod
    def windows(
        cls, errors: ArrayLike, first: ArrayLike, second: ArrayLike, correlation: ArrayLike, jitter: float
    ) -> Self:
        """Return errors with correlations of pairs of cells, given by their rows: no pair twice, none of a cell with itself.

        `jitter` is the share of the variance that each cell has beside its own, such as 1/n_bootstraps; it is doubled
        until the matrix is positive definite.

        Raises
        ------
        DiscatlasError
            For correlations outside [-1, 1], and a matrix that is far from positive definite.
        """
        errors, rho = np.asarray(errors, np.float64), np.asarray(correlation, np.float64)
        a, b = np.asarray(first, np.int64), np.asarray(second, np.int64)
        if rho.size and not np.all(np.abs(rho) <= 1 + 1e-9):
            worst = rho[np.argmax(np.abs(np.nan_to_num(rho, nan=np.inf)))]
            raise DiscatlasError(f"covariance of the map: got a correlation of {worst:g}, expected -1 to 1")
        low, high = np.minimum(a, b), np.maximum(a, b)
        matrix = np.zeros((int((high - low).max(initial=0)) + 1, errors.size))
        matrix[high - low, low] = rho
        n_effective = errors.size / max(1.0 + 2.0 * matrix.sum() / errors.size, 1.0 / errors.size)
        tried = max(jitter, 1e-9)
        while tried <= MAX_JITTER:
            matrix[0] = 1.0 + tried
            try:
                factor = cholesky_banded(matrix, lower=True)
                return cls(errors, factor, float(n_effective), float(errors.size), tried)
            except LinAlgError:
                tried *= 2.0
        raise DiscatlasError(
            f"covariance of the map: not positive definite even with {MAX_JITTER:g} of each variance added; is it the "
            "covariance of this map?"
        )

    @classmethod
    def effective(cls, errors: ArrayLike, X_kpc: Array, Y_kpc: Array, correlation_kpc: float) -> Self:
        """Return independent errors, made longer for a correlation exp(-r^2/(2 l^2)) of cells at a distance r.

        Each variance is multiplied by the mean sum of correlations of a cell with all: the error of a smooth model is
        then that of the number of independent cells. For maps whose stars are not known.
        """
        plain = cls.diagonal(errors)
        total = 0.0
        for first in range(0, X_kpc.size, 512):
            part = slice(first, first + 512)
            square = (X_kpc[part, None] - X_kpc) ** 2 + (Y_kpc[part, None] - Y_kpc) ** 2
            total += float(np.exp(-0.5 * square / correlation_kpc**2).sum())
        share = total / X_kpc.size
        return cls(plain.errors * np.sqrt(share), plain.factor, X_kpc.size / share, X_kpc.size / share, 0.0)

    @property
    def ln_norm(self) -> float:
        """Logarithm of the density of the data at chi^2 = 0."""
        n = self.errors.size
        return float(-0.5 * n * np.log(2 * np.pi) - np.log(self.errors).sum() - np.log(self.factor[0]).sum())

    def whiten(self, values: Array) -> Array:
        """Return L^-1 (values / errors), shape (n,) or (n, k): independent unit normals, if `values` are errors."""
        scaled = values / (self.errors if values.ndim == 1 else self.errors[:, None])
        if len(self.factor) == 1:
            return scaled
        return solve_banded((len(self.factor) - 1, 0), self.factor, scaled, check_finite=False)

    def colour(self, normals: Array) -> Array:
        """Return errors [km/s] made of unit normals, shape (n,): the inverse of `whiten`."""
        out = np.zeros_like(normals)
        for offset, diagonal in enumerate(self.factor):
            stop = normals.size - offset
            out[offset:] += diagonal[:stop] * normals[:stop]
        return out * self.errors


def pooled_errors(errors: Array, n_stars: Array, X_kpc: Array, Y_kpc: Array) -> Array:
    """Return standard errors with the variance of one star averaged over the windows nearby, weighted by their stars.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        Standard errors of the map [km/s]; windows where they are not above zero do not count, and stay NaN.
    n_stars : ndarray, shape (n,)
        Number of stars in each window.
    X_kpc, Y_kpc : ndarray, shape (n,)
        Centres of the windows.
    """
    known = np.flatnonzero(np.isfinite(errors) & (errors > 0) & (n_stars > 0))
    X, Y, n = X_kpc[known], Y_kpc[known], n_stars[known]
    variance = n * errors[known] ** 2
    out = np.full(errors.size, np.nan)
    for first in range(0, known.size, 512):
        part = slice(first, first + 512)
        weight = n * np.exp(-0.5 * ((X[part, None] - X) ** 2 + (Y[part, None] - Y) ** 2) / POOL_KPC**2)
        out[known[part]] = np.sqrt(weight @ variance / weight.sum(axis=1) / n[part])
    return out


def shared_correlations(places: Places) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return rows a < b of the cells that share stars, and the correlation of their weighted means.

    With weights w = 1/(V + e^2), a star's variance being the geometric mean of those that two windows take, it is
    sum sqrt(w_a w_b) over shared stars / sqrt(sum w_a sum w_b): products of unit vectors, so positive semi-definite.
    """
    cell = np.repeat(np.arange(places.n_cells), np.diff(places.offsets))
    root = np.sqrt(places.weights / np.bincount(cell, places.weights, minlength=places.n_cells)[cell])
    rows = csr_array((root, places.indices, places.offsets), shape=(places.n_cells, places.R_kpc.size))
    pairs = triu(rows @ rows.T, k=1).tocoo()
    order = np.lexsort((pairs.col, pairs.row))
    a, b = (np.asarray(part, np.int64)[order] for part in (pairs.row, pairs.col))
    return a, b, np.minimum(pairs.data[order], 1.0)
