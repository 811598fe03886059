"""The likelihood of a model given all cells of a map, with the misfit of the model as a correlated floor.

The data d are Gaussian about A x, where x are the model's medians at the nodes and A interpolates them to the cells, with
the covariance N + s^2 K: N of the measurement, K the correlation of the model's misfit over a length l. For each s and l of
a grid ln L is a quadratic form in x, c - 2 b'x + x'Gx, made once; so one evaluation costs no more than a product with a
matrix of the size of x, for all cells at once, and s and l are integrated over by a sum. K is factorised to low rank by
pivots: what is left out is below `TOLERANCE` of its diagonal, or beyond `MAX_RANK`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
TOLERANCE = 1e-4
MAX_RANK = 2000  # short lengths need less on the diagonal: their misfit is hardly larger than the error
LEAST_SHARE, DEPTH = 1e-9, 100.0  # of the likelihood, and in ln L
NUGGET = 0.05  # of a correlated measurement's variance: its independent share
INDEPENDENT = "independent"  # a misfit of every cell by itself
KERNELS: dict[str, Callable[[Array], Array]] = {
    "gaussian": lambda r: np.exp(-0.5 * r**2),
    "matern32": lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r),
    "matern52": lambda r: (1 + np.sqrt(5) * r + 5 / 3 * r**2) * np.exp(-np.sqrt(5) * r),
}


class Cells(NamedTuple):
    """The cells of a map: places [kpc], values and errors [km/s], shape (n,) each."""

    X_kpc: Array
    Y_kpc: Array
    v_R_kms: Array
    error_kms: Array


@dataclass(frozen=True)
class Floor:
    """The prior of the model's misfit: uniform in the logarithm of its amplitude and of its length, on a grid.

    Parameters
    ----------
    kernel : str
        One of `KERNELS`, or `INDEPENDENT`, which knows no length.
    sigma_kms, length_kpc : array, shape (s,) and (l,)
        The grid.
    """

    kernel: str
    sigma_kms: Array
    length_kpc: Array

    @classmethod
    def from_limits(
        cls, kernel: str, sigma_kms: tuple[float, float], n_sigma: int, length_kpc: tuple[float, float], n_length: int
    ) -> Self:
        """Build the grid between limits, both included, with equal steps in the logarithm; one value stands for itself.

        Raises
        ------
        DiscatlasError
            For an unknown kernel, and limits that are not above zero and in order.
        """
        known = (*KERNELS, INDEPENDENT)
        if kernel not in known:
            raise DiscatlasError(
                f"floor: kernel {kernel!r}{nearest(str(kernel), known)}; expected one of {', '.join(known)}"
            )
        for name, (low, high), n in (("sigma_kms", sigma_kms, n_sigma), ("length_kpc", length_kpc, n_length)):
            if not (0 < low <= high and n >= 1 and (n > 1) == (high > low)):
                raise DiscatlasError(
                    f"floor: {name} {[low, high]} with {n} values; expected limits above 0 in order, and one value only where they are equal"
                )
        lengths = np.zeros(1) if kernel == INDEPENDENT else np.geomspace(*length_kpc, n_length)
        return cls(kernel, np.geomspace(*sigma_kms, n_sigma), lengths)

    @property
    def ln_prior(self) -> Array:
        """Logarithm of the weight of each pair, s fast, shape (l s,): the trapezium rule on either axis."""
        return np.log(np.outer(_trapezium(self.length_kpc.size), _trapezium(self.sigma_kms.size)).ravel())

    @property
    def pairs(self) -> tuple[Array, Array]:
        """Amplitude and length of each pair, s fast, shape (l s,) each."""
        length, sigma = np.meshgrid(self.length_kpc, self.sigma_kms, indexing="ij")
        return sigma.ravel(), length.ravel()


def _trapezium(n: int) -> Array:
    if n == 1:
        return np.ones(1)
    weights = np.ones(n)
    weights[[0, -1]] = 0.5
    return weights / weights.sum()


def low_rank(X: Array, Y: Array, kernel: Callable[[Array], Array], length: float) -> Array:
    """Return F, shape (n, rank), with F F' the correlation matrix of places, by Cholesky with pivots.

    It ends where nothing above `TOLERANCE` is left on the diagonal, or at `MAX_RANK`.
    """
    largest = min(X.size, MAX_RANK)
    left, rows, rank = np.ones(X.size), np.empty((largest, X.size)), 0
    while left.max() > TOLERANCE and rank < largest:
        i = int(np.argmax(left))
        column = kernel(np.hypot(X - X[i], Y - Y[i]) / length) - rows[:rank, i] @ rows[:rank]
        rows[rank] = column / np.sqrt(left[i])
        left = np.maximum(left - rows[rank] ** 2, 0.0)
        left[i], rank = 0.0, rank + 1
    return rows[:rank].T


@dataclass(frozen=True)
class QuadraticForms:
    """ln L = ln_norm - (constant - 2 linear'x + x'Gx) / 2 for each pair of the floor's grid.

    Parameters
    ----------
    constant, ln_norm, ln_prior : array, shape (g,)
        Terms without x, and the prior weight of each pair.
    linear : array, shape (g, k)
        Term of first order.
    matrix : array, shape (g, k, k)
        Term of second order.
    pair : array of int, shape (g,)
        Numbers of the pairs in the floor's grid.
    """

    constant: Array
    ln_norm: Array
    ln_prior: Array
    linear: Array
    matrix: Array
    pair: NDArray[np.int64]

    @classmethod
    def build(cls, cells: Cells, weights: Array, floor: Floor, correlation_kpc: float | None = None) -> Self:
        """Make the forms of a map.

        Parameters
        ----------
        cells : Cells
            The map.
        weights : array, shape (n, k)
            From nodes to cells.
        floor : Floor
            The grid of the model's misfit.
        correlation_kpc : float or None
            Length l of the correlation exp(-r^2 / 2 l^2) of the measurement errors; None: independent cells.

        Raises
        ------
        DiscatlasError
            For values that are not finite or errors that are not above zero.
        """
        bad = ~(np.isfinite(cells.v_R_kms) & np.isfinite(cells.error_kms) & (cells.error_kms > 0))
        if bad.any() or not bad.size:
            raise DiscatlasError(
                f"spiral posterior: {int(bad.sum()):,} of {bad.size:,} cells have no finite v_R with an error above zero"
            )
        both = np.column_stack([weights, cells.v_R_kms])
        make = _independent_forms if floor.kernel == INDEPENDENT else _correlated_forms
        forms, norms = (np.array(values) for values in zip(*make(cells, both, floor, correlation_kpc), strict=True))
        ln_norm = -0.5 * (norms + bad.size * np.log(2 * np.pi))
        return cls(
            forms[:, -1, -1], ln_norm, floor.ln_prior, forms[:, :-1, -1], forms[:, :-1, :-1], np.arange(norms.size)
        )

    def project(self, mean: Array, basis: Array, variance: Array | None = None) -> Self:
        """Return the forms in the coefficients z of x = mean + basis z.

        `variance`, shape (q, q), is that of errors of z (of an emulator): they are integrated over.
        """
        matrix = np.einsum("kq,gkl,lr->gqr", basis, self.matrix, basis, optimize=True)
        at_mean = self.matrix @ mean
        linear = (self.linear - at_mean) @ basis
        constant = self.constant - 2 * self.linear @ mean + at_mean @ mean
        ln_norm = self.ln_norm
        if variance is not None:
            damped = np.linalg.inv(np.eye(len(variance)) + matrix @ variance)  # (1 + G V)^-1
            constant = constant - np.einsum("gq,qr,grs,gs->g", linear, variance, damped, linear, optimize=True)
            linear = np.einsum("gqr,gr->gq", damped, linear)
            ln_norm = ln_norm + 0.5 * np.linalg.slogdet(damped)[1]
            matrix = damped @ matrix
        return type(self)(constant, ln_norm, self.ln_prior, linear, 0.5 * (matrix + matrix.swapaxes(1, 2)), self.pair)

    def pruned(self, x: Array) -> Self:
        """Return the forms of the pairs that matter for any of the points x, shape (m, k), whose ln L comes near the largest.

        Left out are pairs with less than `LEAST_SHARE` of the likelihood of all points within `DEPTH` of the largest ln L.
        """
        joint = self.ln_joint(x)
        total = logsumexp(joint, axis=1)
        near = total > total.max() - DEPTH
        kept = (joint[near] - total[near, None]).max(axis=0) > np.log(LEAST_SHARE)
        return type(self)(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    def chi_squares(self, x: Array) -> Array:
        """Return chi^2 of points, shape (m, k), for each pair: shape (m, g)."""
        g, k = self.linear.shape
        turned = (x @ self.matrix.reshape(g * k, k).T).reshape(len(x), g, k)
        return self.constant + ((turned - 2 * self.linear) @ x[:, :, None])[..., 0]

    def ln_joint(self, x: Array) -> Array:
        """Return ln L plus the logarithm of the prior weight of each pair, shape (m, g)."""
        return self.ln_prior + self.ln_norm - 0.5 * self.chi_squares(x)

    def ln_likelihood(self, x: Array) -> Array:
        """Return ln L, the floor integrated over, of points, shape (m, k)."""
        return logsumexp(self.ln_joint(x), axis=1)

    def draw_pairs(self, x: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw one pair of the floor's grid for each point from its conditional posterior, shape (m,)."""
        joint = self.ln_joint(x)
        share = np.cumsum(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)), axis=1)
        return self.pair[np.minimum((share < rng.random(len(x))[:, None]).sum(axis=1), share.shape[1] - 1)]


def _correlated_forms(
    cells: Cells, both: Array, floor: Floor, correlation_kpc: float | None
) -> Iterator[tuple[Array, float]]:
    """Yield both' C^-1 both and ln det C for each pair of the floor; `both` has the weights and last the data."""
    solve, ln_det = _measurement(cells, correlation_kpc)
    inner = both.T @ solve(both)
    for length in floor.length_kpc:
        factor = low_rank(cells.X_kpc, cells.Y_kpc, KERNELS[floor.kernel], float(length))
        solved = solve(factor)
        strength, turn = np.linalg.eigh(factor.T @ solved)
        strength, across = np.maximum(strength, 0.0), turn.T @ (solved.T @ both)
        for sigma in floor.sigma_kms:
            gain = sigma**2 / (1 + sigma**2 * strength)
            yield inner - across.T @ (gain[:, None] * across), ln_det + np.log1p(sigma**2 * strength).sum()


def _independent_forms(
    cells: Cells, both: Array, floor: Floor, correlation_kpc: float | None
) -> Iterator[tuple[Array, float]]:
    """Do as `_correlated_forms` for a misfit of every cell by itself."""
    for sigma in floor.sigma_kms:
        solve, ln_det = _measurement(cells, correlation_kpc, float(sigma))
        yield both.T @ solve(both), ln_det


def _measurement(
    cells: Cells, correlation_kpc: float | None, sigma_kms: float = 0.0
) -> tuple[Callable[[Array], Array], float]:
    """Return the function that applies the inverse of the measurement's covariance, and the logarithm of its determinant.

    `sigma_kms` is an independent error that is added.
    """
    variance = cells.error_kms**2 + sigma_kms**2
    if correlation_kpc is None:
        return lambda values: values / variance[:, None], float(np.log(variance).sum())
    r = np.hypot(cells.X_kpc[:, None] - cells.X_kpc, cells.Y_kpc[:, None] - cells.Y_kpc) / correlation_kpc
    matrix = (1 - NUGGET) * KERNELS["gaussian"](r) * np.outer(cells.error_kms, cells.error_kms)
    matrix[np.diag_indices_from(matrix)] = variance
    factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    return lambda values: cho_solve(factor, values, check_finite=False), float(2 * np.log(np.diag(factor[0])).sum())
