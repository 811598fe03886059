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

from discatlas.velocity_field import COMPONENTS, DEGREES, N_LINEAR, TERMS

Array = NDArray[np.float64]
N_TERMS = len(TERMS)
SINGULAR = 1e-13  # ratio of eigenvalues of a normal matrix below which rounding makes them: condition beyond 3e6
BINS_PER_RADIUS, MAX_BINS = 3, 2000  # for finding neighbours, along each axis


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
    """Fits about k nodes: number of cells (k,), condition (k,), both expansions, north minus south with error (k, 3)."""

    n_cells: NDArray[np.int64]
    condition: Array
    linear: Expansion
    quadratic: Expansion
    north_minus_south: Array
    north_minus_south_error: Array


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


def fit_nodes(cells: Neighbourhood, X_kpc: Array, Y_kpc: Array, min_fit: int) -> NodeFits:
    """Fit the expansions of both orders about nodes at (X, Y, 0), shape (k,), that have at least `min_fit` cells.

    Without weights the errors follow from the dispersion of the residuals. With weights w they do so too: the
    covariance is the inverse of sum w x x^T times chi^2/(n - p), so that only ratios of weights matter, and the residual
    dispersion is that of a cell of mean weight. The condition number is that of the second-order design (with weights:
    the largest of the three components), infinite beyond 3e6. North minus south is the difference of the mean
    velocities of the cells at Z > 0 and Z < 0, each with its standard error.
    """
    nodes = np.column_stack([X_kpc, Y_kpc, np.hypot(X_kpc, Y_kpc), np.arctan2(Y_kpc, -X_kpc)])
    if cells.weights is None:
        groups = [(cells.velocities, np.ones(cells.places.shape[0]))]
    else:
        columns = range(len(COMPONENTS))
        groups = [(cells.velocities[:, c : c + 1].copy(), cells.weights[:, c].copy()) for c in columns]
    fits = [_fit_group(cells, nodes, velocities, weights, min_fit) for velocities, weights in groups]
    orders = (
        Expansion(*(np.concatenate(parts, axis=1) for parts in zip(*(fit[key] for fit in fits), strict=True)))
        for key in ("linear", "quadratic")
    )
    north_south = (np.concatenate(parts, axis=1) for parts in zip(*(fit["north_south"] for fit in fits), strict=True))
    return NodeFits(fits[0]["n_cells"], np.max([fit["condition"] for fit in fits], axis=0), *orders, *north_south)


def _fit_group(cells: Neighbourhood, nodes: Array, velocities: Array, weights: Array, min_fit: int) -> dict:
    """Fit components (n, m) that share their weights (n,)."""
    where = (np.array([*cells.origin, cells.side]), np.array(cells.shape), cells.offsets, cells.places)
    n_cells = np.zeros(len(nodes), dtype=np.int64)
    sums = np.zeros((len(nodes), N_TERMS, N_TERMS + velocities.shape[1]))
    halves = np.zeros((len(nodes), 2, 2 + velocities.shape[1]))
    _add_normal(nodes, cells.radius_kpc, *where, velocities, weights, min_fit, n_cells, sums, halves)
    normal, right = sums[:, :, :N_TERMS], sums[:, :, N_TERMS:]
    fitted = n_cells >= min_fit
    condition = np.full(len(nodes), np.nan)
    quadratic, inverse_2, condition[fitted] = _solve(normal[fitted], right[fitted])
    linear, inverse_1, _ = _solve(normal[fitted, :N_LINEAR, :N_LINEAR], right[fitted, :N_LINEAR])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = halves[fitted, :, 2:] / halves[fitted, :, 1:2]
    squares = np.zeros((len(means), 4, velocities.shape[1]))
    _add_squares(nodes[fitted], cells.radius_kpc, *where, velocities, weights, quadratic, linear, means, squares)
    n, mean_weight = n_cells[fitted], normal[fitted, 0, 0] / n_cells[fitted]
    parts = {"n_cells": n_cells, "condition": condition}
    for name, beta, inverse, chi2 in (
        ("linear", linear, inverse_1, squares[:, 1]),
        ("quadratic", quadratic, inverse_2, squares[:, 0]),
    ):
        scale = cells.radius_kpc ** -np.array(DEGREES[: beta.shape[2]], dtype=float)
        variance = chi2 / (n - beta.shape[2])[:, None]
        covariance = variance[:, :, None, None] * (inverse * np.outer(scale, scale))[:, None]
        filled = (beta * scale, covariance, np.sqrt(variance / mean_weight[:, None]))
        parts[name] = tuple(_spread(part, fitted) for part in filled)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = halves[fitted, :, :1] - 1.0
        error = np.sqrt(
            np.sum(np.where(degrees > 0, squares[:, 2:] / degrees / halves[fitted, :, 1:2], np.nan), axis=1)
        )
    parts["north_south"] = tuple(_spread(part, fitted) for part in (means[:, 0] - means[:, 1], error))
    return parts


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
    return np.ascontiguousarray(np.swapaxes(inverse @ right, 1, 2)), inverse, condition


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
    n_cells: NDArray,
    sums: NDArray,
    halves: NDArray,
) -> None:
    """Sum, for each node, weighted products of the design with itself and the velocities; and of north and south."""
    m = velocities.shape[1]
    for k in prange(nodes.shape[0]):
        rows, n = _neighbours(nodes[k], radius, bins, shape, offsets, places)
        n_cells[k] = n
        if n >= min_fit:
            row, total = np.empty(N_TERMS + m), np.zeros((N_TERMS, N_TERMS + m))
            for j in range(n):
                i = rows[j]
                w, z = weights[i], places[i, 2]
                dR, s = local_coordinates(places[i, 3], places[i, 4], nodes[k, 2], nodes[k, 3])
                fill_design_row(dR / radius, s / radius, z / radius, row)
                for c in range(m):
                    row[N_TERMS + c] = velocities[i, c]
                for a in range(N_TERMS):
                    factor = w * row[a]
                    for b in range(N_TERMS + m):
                        total[a, b] += factor * row[b]
                if z != 0.0:
                    side = halves[k, 0 if z > 0.0 else 1]
                    side[0] += 1.0
                    side[1] += w
                    for c in range(m):
                        side[2 + c] += w * velocities[i, c]
            sums[k] = total


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
    quadratic: NDArray,
    linear: NDArray,
    means: NDArray,
    squares: NDArray,
) -> None:
    """Sum weighted squares of the residuals of the second- and first-order fits and of north and south (4, m)."""
    for k in prange(nodes.shape[0]):
        rows, n = _neighbours(nodes[k], radius, bins, shape, offsets, places)
        row, total = np.empty(N_TERMS), np.zeros((4, velocities.shape[1]))
        for j in range(n):
            i = rows[j]
            w, z = weights[i], places[i, 2]
            dR, s = local_coordinates(places[i, 3], places[i, 4], nodes[k, 2], nodes[k, 3])
            fill_design_row(dR / radius, s / radius, z / radius, row)
            for c in range(velocities.shape[1]):
                v, first, second = velocities[i, c], 0.0, 0.0
                for a in range(N_LINEAR):
                    first += linear[k, c, a] * row[a]
                for a in range(N_TERMS):
                    second += quadratic[k, c, a] * row[a]
                total[0, c] += w * (v - second) ** 2
                total[1, c] += w * (v - first) ** 2
                if z != 0.0:
                    total[2 if z > 0.0 else 3, c] += w * (v - means[k, 0 if z > 0.0 else 1, c]) ** 2
        squares[k] = total
