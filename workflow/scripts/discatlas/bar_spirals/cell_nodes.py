"""Nodes that stand for the cells of a map: a model is evaluated at few places and interpolated to all cells.

Nodes are cells of the map, chosen one after the other where the interpolation knows least so far (the pivots of a Cholesky
factorisation), so they fill any footprint, its edge included. Distances are in (8 ln R, 4 phi): structures that bar and
spirals make are narrow in radius and long in azimuth, and grow with radius. The interpolation is linear in the values at
the nodes, so its weights are computed once for all models.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
RADIAL_KPC, AZIMUTHAL_KPC = 8.0, 4.0  # a step of d ln R counts as 8 kpc times it, one of phi [rad] as 4 kpc times it
LENGTH_KPC = 1.5
NUGGET = 1e-8


def places(R_kpc: Array, phi_deg: Array) -> Array:
    """Return the places in which distances are taken, shape (n, 2) [kpc]."""
    return np.stack([RADIAL_KPC * np.log(R_kpc), AZIMUTHAL_KPC * np.radians(phi_deg)], axis=-1)


def distances(a: Array, b: Array) -> Array:
    """Return the distances between two sets of places, shape (n, 2) and (m, 2)."""
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(np.maximum(square, 0.0))


def matern52(distance: Array, length: float) -> Array:
    """Return the correlation (1 + s + s^2/3) exp(-s), s = sqrt(5) r / l."""
    s = np.sqrt(5.0) * distance / length
    return (1 + s + s**2 / 3) * np.exp(-s)


def choose_nodes(where: Array, n_nodes: int) -> NDArray[np.int64]:
    """Return the row numbers of the nodes among `where`, shape (n, 2), in growing order.

    Raises
    ------
    DiscatlasError
        For less than four nodes.
    """
    if n_nodes < 4:
        raise DiscatlasError(f"nodes of a map: got n_nodes {n_nodes}, expected at least 4")
    n = min(n_nodes, len(where))
    left, factor, chosen = np.ones(len(where)), np.zeros((len(where), n)), np.empty(n, np.int64)
    for k in range(n):
        i = chosen[k] = int(np.argmax(left))
        correlation = matern52(np.hypot(*(where - where[i]).T), LENGTH_KPC)
        factor[:, k] = (correlation - factor[:, :k] @ factor[i, :k]) / np.sqrt(left[i])
        left -= factor[:, k] ** 2
        left[chosen[: k + 1]] = -1.0
    return np.sort(chosen)


def interpolation_weights(where: Array, nodes: Array) -> Array:
    """Return the matrix from values at the nodes to values at places, shape (n, n_nodes): kriging with an unknown mean.

    Rows sum to one: what is constant is interpolated exactly.
    """
    among = matern52(distances(nodes, nodes), LENGTH_KPC) + NUGGET * np.eye(len(nodes))
    towards = matern52(distances(where, nodes), LENGTH_KPC)
    solved = np.linalg.solve(among, np.column_stack([towards.T, np.ones(len(nodes))]))
    weights, of_mean = solved[:, :-1].T, solved[:, -1]
    return weights + np.outer((1 - weights.sum(axis=1)) / of_mean.sum(), of_mean)


@dataclass(frozen=True)
class CellNodes:
    """The nodes of a map: their row numbers among the cells, places, and the weights to all cells.

    Parameters
    ----------
    rows : array of int, shape (k,)
        Which cells they are.
    R_kpc, phi_deg : array, shape (k,)
        Where they are.
    weights : array, shape (n, k)
        From values at the nodes to those of all cells.
    """

    rows: NDArray[np.int64]
    R_kpc: Array
    phi_deg: Array
    weights: Array

    @classmethod
    def choose(cls, R_kpc: Array, phi_deg: Array, n_nodes: int) -> Self:
        """Choose nodes among n cells; errors as in `choose_nodes`."""
        where = places(R_kpc, phi_deg)
        rows = choose_nodes(where, n_nodes)
        return cls(rows, R_kpc[rows], phi_deg[rows], interpolation_weights(where, where[rows]))

    def thinned(self, R_kpc: Array, phi_deg: Array, n_nodes: int) -> Self:
        """Return the same nodes with weights from `n_nodes` of them alone, those of the others zero; the cells are as of `choose`."""
        where = places(R_kpc, phi_deg)
        kept = choose_nodes(where[self.rows], n_nodes)
        weights = np.zeros_like(self.weights)
        weights[:, kept] = interpolation_weights(where, where[self.rows[kept]])
        return type(self)(self.rows, self.R_kpc, self.phi_deg, weights)
