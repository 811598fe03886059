"""The response at a few hundred radii, and the matrix that makes means over windows of it.

Nodes are equally spaced in ln R. Between them G(ln R) is interpolated by the polynomial of degree 5 through the six
nearest. With step h the error of a wave exp(i q ln R) is 0.005 (q h)^6 of its amplitude: at q h = `PHASE_STEP` = 0.3
4e-6. Near a regularised Lindblad resonance G has a pole at a distance w off the real axis, w the regularisation over the
slope of Delta/kappa^2 in ln R; three steps within w leave 0.2 % of the peak, at the peak alone.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.errors import DiscatlasError
from discatlas.spiral_fit.kernels import ORDER, average_rows
from discatlas.spiral_fit.parameters import Priors, SpiralModel

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
PHASE_STEP = 0.3  # phase between neighbouring nodes at the smallest pitch angle [rad]
POLE_STEPS = 3.0  # nodes within the width of a resonance
MAX_NODES = 3000
MAX_STEP = 0.05


@dataclass(frozen=True)
class Nodes:
    """Radii, equally spaced in ln R.

    Parameters
    ----------
    first, step : float
        ln R of the first node and the distance to the next [ln kpc].
    n : int
        Their number.
    """

    first: float
    step: float
    n: int

    @cached_property
    def ln_R(self) -> Array:
        """Logarithms of the radii, shape (n,)."""
        return self.first + self.step * np.arange(self.n)

    @property
    def R_kpc(self) -> Array:
        """Radii, shape (n,)."""
        return np.exp(self.ln_R)


def resonance_slope(model: SpiralModel, priors: Priors, R_limits: tuple[float, float]) -> float:
    """Return the largest |d(Delta/kappa^2)/dln R| near a Lindblad resonance within radii and prior, 0 without one."""
    ln_R = np.linspace(math.log(R_limits[0]), math.log(R_limits[1]), 400)
    Omega, kappa = model.frequencies(np.exp(ln_R))
    speeds = np.linspace(*priors.speed_limits, 100 if priors.has_free_speed else 1)
    ratio = 1.0 - (model.m * (Omega - speeds[:, None]) / kappa) ** 2
    slope = np.abs(np.gradient(ratio, ln_R, axis=1))
    near = slope[np.abs(ratio) < 0.25]
    return float(near.max()) if near.size else 0.0


def make_nodes(model: SpiralModel, priors: Priors, R_limits: tuple[float, float]) -> Nodes:
    """Return nodes that resolve the response of every spiral of the priors between two radii (see the module).

    Raises
    ------
    DiscatlasError
        If that takes more than `MAX_NODES`.
    """
    step = min(MAX_STEP, PHASE_STEP * math.tan(math.radians(priors.pitch_deg[0])) / model.m)
    slope = resonance_slope(model, priors, R_limits)
    if slope > 0 and model.regularisation > 0:
        step = min(step, model.regularisation / slope / POLE_STEPS)
    low, high = math.log(R_limits[0]), math.log(R_limits[1])
    n = math.ceil((high - low) / step) + ORDER
    if n > MAX_NODES:
        raise DiscatlasError(
            f"spiral fit: arms of {priors.pitch_deg[0]:g} deg with regularisation {model.regularisation:g} take {n:,} "
            f"radial nodes, expected at most {MAX_NODES:,}; raise the low end of pitch_deg, or the regularisation"
        )
    return Nodes(low - step * (ORDER // 2 - 1), step, n)


@dataclass(frozen=True)
class Places:
    """Where the response is taken, and which cells each place counts for.

    Parameters
    ----------
    R_kpc, phi_deg : ndarray, shape (n_places,)
        Where.
    offsets, indices : ndarray, shape (n_cells + 1,) and (n_members,)
        The places of cell k are indices[offsets[k] : offsets[k + 1]] (`discatlas.maps.windows.window_members`).
    weights : ndarray, shape (n_members,)
        Weight of each member, of any sum.
    """

    R_kpc: Array
    phi_deg: Array
    offsets: Indices
    indices: Indices
    weights: Array

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.offsets.size - 1

    def take(self, cells: Indices) -> "Places":
        """Return the places of some cells alone, in that order, without those that count for none of them."""
        counts = np.diff(self.offsets)[cells]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        members = np.arange(offsets[-1]) + np.repeat(self.offsets[cells] - offsets[:-1], counts)
        indices = self.indices[members]
        counts_for_any = np.zeros(self.R_kpc.size, dtype=bool)
        counts_for_any[indices] = True
        number = np.cumsum(counts_for_any) - 1
        where = (part[counts_for_any] for part in (self.R_kpc, self.phi_deg))
        return Places(*where, offsets, number[indices], self.weights[members])

    @cached_property
    def R_limits_kpc(self) -> tuple[float, float]:
        """Smallest and largest radius of a member."""
        R = self.R_kpc[self.indices]
        return float(R.min()), float(R.max())

    def average(self, values: Array) -> Array:
        """Return the weighted mean of values, given for each place, over the members of each cell, shape (n_cells,)."""
        cell = np.repeat(np.arange(self.n_cells), np.diff(self.offsets))
        total = np.bincount(cell, self.weights * values[self.indices], minlength=self.n_cells)
        return total / np.bincount(cell, self.weights, minlength=self.n_cells)


def centres(X_kpc: ArrayLike, Y_kpc: ArrayLike) -> Places:
    """Return one place for each cell: its centre."""
    return _regular(*(np.asarray(x, np.float64)[:, None] for x in (X_kpc, Y_kpc)), np.ones(1))


def squares(X_kpc: ArrayLike, Y_kpc: ArrayLike, window_kpc: float, order: int = 5) -> Places:
    """Return order^2 places for each cell: means over evenly filled squares by Gauss and Legendre's rule."""
    x, w = np.polynomial.legendre.leggauss(order)
    dx, dy = (part.ravel() * window_kpc / 2 for part in np.meshgrid(x, x, indexing="ij"))
    return _regular(np.add.outer(X_kpc, dx), np.add.outer(Y_kpc, dy), (w[:, None] * w / 4).ravel())


def _regular(X: Array, Y: Array, weights: Array) -> Places:
    """Return places of shape (n_cells, k), with one set of weights for all."""
    n_cells, k = X.shape
    offsets = k * np.arange(n_cells + 1)
    return star_places(X.ravel(), Y.ravel(), offsets, np.arange(X.size), np.tile(weights, n_cells))


def star_places(X_kpc: Array, Y_kpc: Array, offsets: Indices, indices: Indices, weights: Array) -> Places:
    """Return the stars of each window as its places (arguments as those of `Places`)."""
    return Places(np.hypot(X_kpc, Y_kpc), np.degrees(np.arctan2(Y_kpc, -X_kpc)), offsets, indices, weights)


def window_matrix(places: Places, nodes: Nodes, m: int) -> NDArray[np.complex128]:
    """Return W, shape (n_cells, n_nodes): the mean v_R of each cell is Re(W @ G), with G at the nodes."""
    turn = m * np.radians(places.phi_deg)
    at = (np.log(places.R_kpc) - nodes.first) / nodes.step
    out = np.zeros((places.n_cells, nodes.n), dtype=np.complex128)
    average_rows(at, np.cos(turn), np.sin(turn), places.offsets, places.indices, places.weights, out)
    return out
