"""A Gaussian process for several outputs that share one kernel, with the physics of weak modes in it.

To first order the response to a spiral mode is linear in its complex amplitude, with coefficients that are smooth in pitch
angle and pattern speed. The kernel is a sum of one term z.z' exp(-d^2/2) for each mode, z its complex amplitude and d a
distance in the smooth features, of exp(-d^2/2) in all features for what is not linear, of a constant and of a nugget. The
variance of every output is profiled out, so all of them have one matrix. Lengths, weights and nugget maximise the
likelihood on a subset of the training set.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Array = NDArray[np.float64]
CONSTANT = 10.0  # weight of the constant, that is of an unknown mean
START = {"weight": 1.0, "length": 2.0, "nugget": 1e-3}
LIMITS = {"weight": (1e-3, 1e5), "length": (0.05, 100.0), "nugget": (1e-7, 0.5)}
MAX_ITERATIONS = 120


class Features(NamedTuple):
    """What the columns of the features are: linear and smooth ones of each mode, and the number of all.

    `linear` and `smooth` hold a tuple of columns for each mode.
    """

    linear: tuple[tuple[int, ...], ...]
    smooth: tuple[tuple[int, ...], ...]
    n: int

    @property
    def slices(self) -> list[slice]:
        """Where the lengths of each term lie in the vector of logarithms: after the weights of the modes."""
        edges = np.cumsum([len(self.linear), *(len(columns) for columns in self.smooth), self.n])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]

    @property
    def n_parameters(self) -> int:
        """Number of hyper-parameters; the nugget is the last."""
        return self.slices[-1].stop + 1

    def bounds(self) -> list[tuple[float, float]]:
        """Return the bounds of the logarithms."""
        kinds = ["weight"] * len(self.linear) + ["length"] * (self.n_parameters - 1 - len(self.linear)) + ["nugget"]
        return [tuple(np.log(LIMITS[kind])) for kind in kinds]

    def start(self) -> Array:
        """Return where the search begins."""
        kinds = ["weight"] * len(self.linear) + ["length"] * (self.n_parameters - 1 - len(self.linear)) + ["nugget"]
        return np.log([START[kind] for kind in kinds])


def _square(a: Array, b: Array) -> Array:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * (a @ b.T), 0.0)


def kernel_terms(features: Features, logs: Array, a: Array, b: Array) -> list[Array]:
    """Return the terms of the kernel between two sets of features, shape (n, m) each: one per mode, then the common one."""
    terms = []
    for number, place in enumerate(features.slices):
        length = np.exp(logs[place])
        if number < len(features.linear):
            columns, linear = list(features.smooth[number]), list(features.linear[number])
            smooth = np.exp(-0.5 * _square(a[:, columns] / length, b[:, columns] / length))
            terms.append(np.exp(logs[number]) * (a[:, linear] @ b[:, linear].T) * smooth)
        else:
            terms.append(np.exp(-0.5 * _square(a / length, b / length)))
    return terms


def kernel(features: Features, logs: Array, a: Array, b: Array) -> Array:
    """Return the kernel without its nugget, shape (n, m)."""
    return sum(kernel_terms(features, logs, a, b)) + CONSTANT


def negative_ln_likelihood(logs: Array, features: Features, x: Array, z: Array) -> tuple[float, Array]:
    """Return minus the profile ln L of outputs z, shape (n, q), and its gradient, each divided by n q."""
    n, q = z.shape
    nugget = np.exp(logs[-1])
    terms = kernel_terms(features, logs, x, x)
    factor = cho_factor(sum(terms) + CONSTANT + nugget * np.eye(n), lower=True, check_finite=False)
    alpha = cho_solve(factor, z, check_finite=False)
    variance = np.maximum((z * alpha).sum(axis=0) / n, 1e-300)
    value = 0.5 * np.log(variance).mean() + np.log(np.diag(factor[0])).sum() / n
    inner = (alpha / (variance * q)) @ alpha.T - cho_solve(factor, np.eye(n), check_finite=False)
    gradient = np.empty_like(logs)
    for number, (place, term) in enumerate(zip(features.slices, terms, strict=True)):
        along = inner * term
        columns = list(features.smooth[number]) if number < len(features.linear) else slice(None)
        at = x[:, columns]
        # sum of along (x_i - x_j)^2 / l^2 without the differences themselves
        change = 2 * (along.sum(axis=1) @ at**2) - 2 * (at * (along @ at)).sum(axis=0)
        gradient[place] = change / np.exp(2 * logs[place])
        if number < len(features.linear):
            gradient[number] = along.sum()
    gradient[-1] = nugget * np.trace(inner)
    return float(value), -0.5 * gradient / n


@numba.njit(cache=True, error_model="numpy")
def _predict(
    smooth: tuple[Array, Array, NDArray[np.int64]],
    linear: tuple[Array, Array, NDArray[np.int64]],
    constant: Array,
    alpha: Array,
) -> Array:
    """Return the outputs at m places, shape (m, q): `kernel` times alpha, one place after the other.

    `smooth` and `linear` are features of the places, shape (m, c), and of the training set, shape (c, n), scaled, all terms
    in a row, with the first column of each term; `constant` is what each term has beside its products, shape (t,).
    """
    (here, known, starts), (here_linear, known_linear, starts_linear) = smooth, linear
    n = known.shape[1]
    result = np.zeros((here.shape[0], alpha.shape[1]))
    square, factor, total = np.empty(n), np.empty(n), np.empty(n)
    for i in range(here.shape[0]):
        total[:] = CONSTANT
        for t in range(constant.size):
            square[:], factor[:] = 0.0, constant[t]
            for c in range(starts[t], starts[t + 1]):
                for j in range(n):
                    square[j] += (here[i, c] - known[c, j]) ** 2
            for c in range(starts_linear[t], starts_linear[t + 1]):
                for j in range(n):
                    factor[j] += here_linear[i, c] * known_linear[c, j]
            for j in range(n):
                total[j] += factor[j] * np.exp(-0.5 * square[j])
        for j in range(n):
            for q in range(alpha.shape[1]):
                result[i, q] += total[j] * alpha[j, q]
    return result


@dataclass(frozen=True)
class GaussianProcess:
    """A trained process of q outputs.

    Parameters
    ----------
    features : Features
        What the columns are.
    logs : array
        Logarithms of the hyper-parameters.
    x : array, shape (n, f)
        Features of the training set.
    alpha : array, shape (n, q)
        Inverse of the matrix times the outputs.
    """

    features: Features
    logs: Array
    x: Array
    alpha: Array

    @classmethod
    def train(
        cls, features: Features, x: Array, z: Array, subset: NDArray[np.int64], start: Array | None = None
    ) -> Self:
        """Find the hyper-parameters on the rows `subset`, from `start` on where given, and train on all rows."""
        found = minimize(
            negative_ln_likelihood,
            features.start() if start is None else start,
            args=(features, x[subset], z[subset]),
            jac=True,
            method="L-BFGS-B",
            bounds=features.bounds(),
            options={"maxiter": MAX_ITERATIONS},
        )
        matrix = kernel(features, found.x, x, x)
        matrix[np.diag_indices_from(matrix)] += np.exp(found.x[-1])
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        return cls(
            features, found.x, np.ascontiguousarray(x), np.ascontiguousarray(cho_solve(factor, z, check_finite=False))
        )

    def predict(self, x: Array) -> Array:
        """Return the outputs at features of shape (m, f): shape (m, q)."""
        columns, lengths, linear, weights, *starts = self._terms
        smooth = np.ascontiguousarray(x[:, columns] / lengths), self._known[0], starts[0]
        products = np.ascontiguousarray(x[:, linear] * weights), self._known[1], starts[1]
        constant = np.zeros(len(self.features.linear) + 1)
        constant[-1] = 1.0
        return _predict(smooth, products, constant, self.alpha)

    @cached_property
    def _terms(self) -> tuple[NDArray[np.int64], Array, NDArray[np.int64], Array, NDArray[np.int64], NDArray[np.int64]]:
        """Columns and lengths of all terms in a row, columns and weights of the products, and where each term begins."""
        features = self.features
        smooth = [*features.smooth, tuple(range(features.n))]
        linear = [*features.linear, ()]
        lengths = np.exp(np.concatenate([self.logs[place] for place in features.slices]))
        weights = np.repeat(np.exp(self.logs[: len(features.linear)]), [len(part) for part in features.linear])
        starts = (np.cumsum([0, *(len(part) for part in parts)]) for parts in (smooth, linear))
        return np.concatenate(smooth), lengths, np.concatenate(linear).astype(np.int64), weights, *starts

    @cached_property
    def _known(self) -> tuple[Array, Array]:
        """The training set as `_predict` takes it."""
        columns, lengths, linear, *_ = self._terms
        return np.ascontiguousarray((self.x[:, columns] / lengths).T), np.ascontiguousarray(self.x[:, linear].T)
