"""Least-squares fits of the velocity field about nodes in the plane, to all cells within a sphere about each node.

Coordinates are divided by the radius of the sphere, so the condition number that is reported tells how the cells lie, not
which units are used. Every node is summed by one thread in a fixed order: results do not depend on the number of threads.
All compiled functions that call each other stand in this one file: numba's cache does not notice edits of another.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.velocity_field import COMPONENTS, DEGREES

Array = NDArray[np.float64]
N_TERMS = {0: 1, 1: 4, 2: 10}  # coefficients of an expansion of each order
SINGULAR = 1e-13  # ratio of eigenvalues of a normal matrix below which rounding makes them: condition beyond 3e6
BINS_PER_RADIUS, MAX_BINS = 4, 2000  # for finding neighbours, along each axis


@dataclass(frozen=True)
class Neighbourhood:
    """Cells sorted in square bins of the plane, so that those about a node are found fast.

    Cells of bin (i, j) are rows offsets[i * shape[1] + j] to the next offset; `places` holds X, Y, Z, R [kpc] and phi
    [rad] of the cells, shape (n, 5), `velocities` [km/s] and `weights` are of shape (n, 3).
    """

    radius_kpc: float
    origin: tuple[float, float]
    side: float
    shape: tuple[int, int]
    offsets: NDArray[np.int64]
    places: Array
    velocities: Array
    weights: Array | None


@dataclass(frozen=True)
class Expansion:
    """Expansions of one order about k nodes: p coefficients for each of three components, in km/s/kpc^degree.

    `coefficients` (k, 3, p), their `covariance` (k, 3, p, p) and the dispersion of the residuals (k, 3) [km/s], with
    n - p degrees of freedom; NaN where the node is not fitted.
    """

    coefficients: Array
    covariance: Array
    residual: Array

    @property
    def errors(self) -> Array:
        """Standard errors of the coefficients, shape (k, 3, p)."""
        return np.sqrt(np.diagonal(self.covariance, axis1=2, axis2=3))


@dataclass(frozen=True)
class NodeFits:
    """Fits about k nodes: number of cells (k,), condition of the highest order (k,), and the expansion of each order."""

    n_cells: NDArray[np.int64]
    condition: Array
    expansions: dict[int, Expansion]

    @property
    def linear(self) -> Expansion:
        """The expansion of first order."""
        return self.expansions[1]

    @property
    def quadratic(self) -> Expansion:
        """The expansion of second order."""
        return self.expansions[2]


def sort_cells(positions: Array, velocities: Array, weights: Array | None, radius_kpc: float) -> Neighbourhood:
    """Sort cells for `fit_nodes`.

    Parameters
    ----------
    positions, velocities : ndarray, shape (n, 3)
        X, Y, Z [kpc] and v_R, v_phi, v_Z [km/s] of at least one cell, all finite.
    weights : ndarray, shape (n, 3), or None
        Positive weights for each component; None weights all cells alike.
    radius_kpc : float
        Radius of the spheres.
    """
    low, high = positions[:, :2].min(axis=0), positions[:, :2].max(axis=0)
    side = max(radius_kpc / BINS_PER_RADIUS, float((high - low).max()) / MAX_BINS)
    bins = np.floor((positions[:, :2] - low) / side).astype(np.int64)
    n_x, n_y = (int(n) + 1 for n in bins.max(axis=0))
    flat = bins[:, 0] * n_y + bins[:, 1]
    order = np.argsort(flat, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=n_x * n_y))])
    X, Y, Z = positions[order].T
    places = np.column_stack([X, Y, Z, np.hypot(X, Y), np.arctan2(Y, -X)])
    origin = (float(low[0]), float(low[1]))
    sorted_weights = None if weights is None else weights[order]
    return Neighbourhood(radius_kpc, origin, side, (n_x, n_y), offsets, places, velocities[order], sorted_weights)


def node_grid(half_width_kpc: float, spacing_kpc: float, X_sun_kpc: float) -> tuple[Array, Array]:
    """Return X and Y [kpc] of the nodes of a square grid about the Sun, which is itself a node; Y runs fastest."""
    n = math.floor(half_width_kpc / spacing_kpc * (1 + 1e-12))
    steps = spacing_kpc * np.arange(-n, n + 1)
    X, Y = np.meshgrid(X_sun_kpc + steps, steps, indexing="ij")
    return X.ravel(), Y.ravel()


def fit_nodes(
    cells: Neighbourhood,
    X_kpc: Array,
    Y_kpc: Array,
    min_fit: int,
    orders: tuple[int, ...] = (1, 2),
    robust: bool = True,
) -> NodeFits:
    """Fit the expansions of these orders (0, 1, 2) about nodes at (X, Y, 0), shape (k,), of at least `min_fit` cells.

    `min_fit` must exceed the number of coefficients. The condition number is that of the design of the highest order
    (with weights: the largest of the three components), infinite beyond 3e6.

    The errors follow from the residuals. If `robust` they allow for a scatter that differs from cell to cell, and need
    not be known: the covariance is N^-1 (sum w^2 e^2 / (1 - h) x x^T) N^-1 with N = sum w x x^T and h = w x^T N^-1 x
    (White 1980; HC2 of MacKinnon & White 1985). Else one scatter is assumed for all cells, as Akhmetov et al. (2024) do:
    N^-1 chi^2 / (n - p). Cells near the plane hold more stars and scatter less; then 68 % intervals of the second kind
    contain the truth in 56 (Z, ZZ) to 76 % of cases, those of the first in 68 %. Only ratios of weights matter in both,
    and the residual dispersion is that of a cell of mean weight.
    """
    nodes = np.column_stack([X_kpc, Y_kpc, np.hypot(X_kpc, Y_kpc), np.arctan2(Y_kpc, -X_kpc)])
    if cells.weights is None:
        groups = [(cells.velocities, np.ones(cells.places.shape[0]))]
    else:
        columns = range(len(COMPONENTS))
        groups = [(cells.velocities[:, c : c + 1].copy(), cells.weights[:, c].copy()) for c in columns]
    fits = [_fit_group(cells, nodes, *group, min_fit, orders, robust) for group in groups]
    expansions = {
        order: Expansion(
            *(np.concatenate(parts, axis=1) for parts in zip(*(fit[2][order] for fit in fits), strict=True))
        )
        for order in orders
    }
    return NodeFits(fits[0][0], np.max([condition for _, condition, _ in fits], axis=0), expansions)


def _fit_group(
    cells: Neighbourhood,
    nodes: Array,
    velocities: Array,
    weights: Array,
    min_fit: int,
    orders: tuple[int, ...],
    robust: bool,
) -> tuple[NDArray[np.int64], Array, dict[int, tuple[Array, ...]]]:
    """Fit components (n, m) that share their weights (n,): counts, conditions, and the parts of each expansion."""
    where = (
        cells.radius_kpc,
        np.array([*cells.origin, cells.side]),
        np.array(cells.shape),
        cells.offsets,
        cells.places,
    )
    m, p, n_cells = velocities.shape[1], N_TERMS[max(orders)], np.zeros(len(nodes), dtype=np.int64)
    pairs, right = np.zeros((len(nodes), p * (p + 1) // 2)), np.zeros((len(nodes), m, p))
    _add_normal(nodes, *where, velocities, weights, min_fit, p, n_cells, pairs, right)
    fitted = n_cells >= min_fit
    normal, right = _unpack(pairs[fitted], p), right[fitted]
    solved = {
        order: _solve(normal[:, : N_TERMS[order], : N_TERMS[order]], right[:, :, : N_TERMS[order]]) for order in orders
    }
    squares, meat = _add_residuals(cells, nodes[fitted], velocities, weights, solved, robust)
    parts, n = {}, n_cells[fitted]
    for k, (order, (beta, inverse, _)) in enumerate(solved.items()):
        p = N_TERMS[order]
        variance = squares[:, k] / (n - p)[:, None]
        if robust:
            covariance = inverse[:, None] @ _unpack(meat[:, k, :, : p * (p + 1) // 2], p) @ inverse[:, None]
        else:
            covariance = variance[:, :, None, None] * inverse[:, None]
        scale = cells.radius_kpc ** -np.array(DEGREES[:p], dtype=float)
        residual = np.sqrt(variance / (normal[:, 0, 0] / n)[:, None])
        filled = (beta * scale, covariance * np.outer(scale, scale), residual)
        parts[order] = tuple(_spread(part, fitted) for part in filled)
    return n_cells, _spread(solved[max(orders)][2], fitted), parts


def _add_residuals(
    cells: Neighbourhood,
    nodes: Array,
    velocities: Array,
    weights: Array,
    solved: dict[int, tuple[Array, Array, Array]],
    robust: bool,
) -> tuple[Array, Array]:
    """Return sums of squared residuals of each order, shape (k, orders, m), and the middle of the robust covariance."""
    n_terms = [N_TERMS[order] for order in solved]
    p, m, shape = max(n_terms), velocities.shape[1], (len(nodes), len(solved))
    beta, inverse = np.zeros((*shape, m, p)), np.zeros((*shape, p, p))
    for k, (values, matrix, _) in enumerate(solved.values()):
        beta[:, k, :, : n_terms[k]], inverse[:, k, : n_terms[k], : n_terms[k]] = values, matrix
    squares, meat = np.zeros((*shape, m)), np.zeros((*shape, m, p * (p + 1) // 2 if robust else 0))
    arguments = (cells.offsets, cells.places, velocities, weights, np.array(n_terms), beta, inverse)
    bins, where = np.array([*cells.origin, cells.side]), np.array(cells.shape)
    _add_squares(nodes, cells.radius_kpc, bins, where, *arguments, robust, squares, meat)
    return squares, meat


def _unpack(pairs: Array, p: int) -> Array:
    """Return symmetric matrices, shape (..., p, p), from their elements (a, b <= a) along the last axis."""
    matrix = np.empty((*pairs.shape[:-1], p, p))
    a, b = np.tril_indices(p)
    matrix[..., a, b] = matrix[..., b, a] = pairs
    return matrix


def _spread(part: Array, fitted: NDArray[np.bool_]) -> Array:
    """Put the rows of the fitted nodes among rows of NaN."""
    out = np.full((fitted.size, *part.shape[1:]), np.nan)
    out[fitted] = part
    return out


def _solve(normal: Array, right: Array) -> tuple[Array, Array, Array]:
    """Return solutions (k, m, p), inverses (k, p, p) and conditions of the design (k,) of normal equations."""
    values, vectors = np.linalg.eigh(normal)
    singular = values[:, 0] <= SINGULAR * values[:, -1]
    values[singular] = np.nan
    condition = np.where(singular, np.inf, np.sqrt(values[:, -1] / values[:, 0]))
    inverse = (vectors / values[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return right @ inverse, inverse, condition


@njit(cache=True)
def local_coordinates(R_kpc: float, phi: float, R_node_kpc: float, phi_node: float) -> tuple[float, float]:
    """Return dR = R - R_node and s = R_node (phi - phi_node) [kpc] for angles in radians, which are wrapped."""
    turn = phi - phi_node
    turn -= 2.0 * math.pi * math.floor(turn / (2.0 * math.pi) + 0.5)
    return R_kpc - R_node_kpc, R_node_kpc * turn


@njit(cache=True)
def fill_design_row(dR: float, s: float, z: float, row: NDArray) -> None:
    """Write into row[:10] what the coefficients `TERMS` are multiplied with; squares carry the 1/2."""
    row[0], row[1], row[2], row[3] = 1.0, dR, s, z
    row[4], row[5], row[6] = 0.5 * dR * dR, 0.5 * s * s, 0.5 * z * z
    row[7], row[8], row[9] = dR * s, dR * z, s * z


@njit(cache=True)
def _neighbours(
    node: NDArray, radius: float, bins: NDArray, shape: NDArray, offsets: NDArray, places: NDArray
) -> tuple[NDArray, int]:
    """Return an array whose first n elements are the rows of the cells within the radius, in order, and n."""
    reach = radius * (1.0 + 1e-9)
    x0, y0 = math.floor((node[0] - reach - bins[0]) / bins[2]), math.floor((node[1] - reach - bins[1]) / bins[2])
    x1, y1 = math.floor((node[0] + reach - bins[0]) / bins[2]), math.floor((node[1] + reach - bins[1]) / bins[2])
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, shape[0] - 1), min(y1, shape[1] - 1)
    candidates = 0
    if y0 <= y1:
        for x in range(x0, x1 + 1):
            candidates += offsets[x * shape[1] + y1 + 1] - offsets[x * shape[1] + y0]
    rows, n = np.empty(candidates, dtype=np.int64), 0
    if candidates:
        for x in range(x0, x1 + 1):
            for i in range(offsets[x * shape[1] + y0], offsets[x * shape[1] + y1 + 1]):
                dx, dy, z = places[i, 0] - node[0], places[i, 1] - node[1], places[i, 2]
                if dx * dx + dy * dy + z * z <= radius * radius:
                    rows[n] = i
                    n += 1
    return rows, n


@njit(cache=True)
def _gather(
    node: NDArray, radius: float, rows: NDArray, n: int, places: NDArray, velocities: NDArray, weights: NDArray, p: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the design (p, n) of the cells `rows[:n]` in units of the radius, their velocities (m, n) and weights (n,)."""
    row, unit, m = np.empty(10), 1.0 / radius, velocities.shape[1]
    design, seen, w = np.empty((p, n)), np.empty((m, n)), np.empty(n)
    for j in range(n):
        i = rows[j]
        dR, s = local_coordinates(places[i, 3], places[i, 4], node[2], node[3])
        fill_design_row(dR * unit, s * unit, places[i, 2] * unit, row)
        for a in range(p):
            design[a, j] = row[a]
        for c in range(m):
            seen[c, j] = velocities[i, c]
        w[j] = weights[i]
    return design, seen, w


@njit(cache=True, fastmath={"reassoc"})  # sums in vectors, the same on any number of threads
def _dot(one: NDArray, other: NDArray) -> float:
    total = 0.0
    for j in range(one.size):
        total += one[j] * other[j]
    return total


@njit(cache=True)
def _add_pairs(factor: NDArray, design: NDArray, p: int, pairs: NDArray) -> None:
    """Add the sums over cells of factor times products of the first p terms: (0, 0), (1, 0), (1, 1), (2, 0) ..."""
    q = 0
    for a in range(p):
        scaled = factor * design[a]
        for b in range(a + 1):
            pairs[q + b] += _dot(scaled, design[b])
        q += a + 1


@njit(cache=True, parallel=True)
def _add_normal(
    nodes: NDArray,
    radius: float,
    bins: NDArray,
    shape: NDArray,
    offsets: NDArray,
    places: NDArray,
    velocities: NDArray,
    weights: NDArray,
    min_fit: int,
    p: int,
    n_cells: NDArray,
    normal: NDArray,
    right: NDArray,
) -> None:
    """Sum, for each node, weighted products of the first p terms with each other (pairs) and with each velocity (m, p)."""
    for k in prange(nodes.shape[0]):
        rows, n = _neighbours(nodes[k], radius, bins, shape, offsets, places)
        n_cells[k] = n
        if n >= min_fit:
            design, seen, w = _gather(nodes[k], radius, rows, n, places, velocities, weights, p)
            _add_pairs(w, design, p, normal[k])
            for c in range(velocities.shape[1]):
                scaled = w * seen[c]
                for a in range(p):
                    right[k, c, a] = _dot(scaled, design[a])


@njit(cache=True, parallel=True)
def _add_squares(
    nodes: NDArray,
    radius: float,
    bins: NDArray,
    shape: NDArray,
    offsets: NDArray,
    places: NDArray,
    velocities: NDArray,
    weights: NDArray,
    n_terms: NDArray,
    beta: NDArray,
    inverse: NDArray,
    robust: bool,
    squares: NDArray,
    meat: NDArray,
) -> None:
    """Sum weighted squares of the residuals and, if robust, the pairs of terms times w^2 e^2 / (1 - h), for each order."""
    for k in prange(nodes.shape[0]):
        rows, n = _neighbours(nodes[k], radius, bins, shape, offsets, places)
        design, seen, w = _gather(nodes[k], radius, rows, n, places, velocities, weights, beta.shape[3])
        for order in range(n_terms.size):
            p, leverage = n_terms[order], np.zeros(n)
            if robust:
                for a in range(p):
                    turned = np.zeros(n)
                    for b in range(p):
                        turned += inverse[k, order, a, b] * design[b]
                    leverage += w * turned * design[a]
            for c in range(velocities.shape[1]):
                residual = seen[c].copy()
                for a in range(p):
                    residual -= beta[k, order, c, a] * design[a]
                weighted = w * residual
                squares[k, order, c] = _dot(weighted, residual)
                if robust:
                    factor = weighted * weighted / np.maximum(1.0 - leverage, 1e-9)
                    _add_pairs(factor, design, p, meat[k, order, c])
