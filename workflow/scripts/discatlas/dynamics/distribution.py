"""The equilibrium distribution function of the tracers in the plane: quasi-isothermal components (Khalil et al. 2025, Sect. 3.2).

F(sigma_0) = Omega / (kappa sigma^2) exp(-R_g / h) exp(-J_R kappa / sigma^2), sigma = sigma_0 exp(-(R_g - R0) / R_sigma), with
everything at the guiding radius R_g of the angular momentum; zero for stars that do not rotate or are not bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from discatlas.dynamics.action_table import RadialActionTable, action_at, line_table, line_value, plane_potential
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.hermite import INLINE, KERNEL, basis, locate
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DistributionFunction:
    """A sum of quasi-isothermal components.

    Parameters
    ----------
    scale_length_kpc : float
        Of the density in guiding radius.
    sigma_scale_kpc : float
        Scale length of the radial dispersions.
    R0_kpc : float
        Guiding radius at which the dispersions are given.
    components : tuple of (float, float)
        Radial dispersion [km/s] and weight of each.
    """

    scale_length_kpc: float
    sigma_scale_kpc: float
    R0_kpc: float
    components: tuple[tuple[float, float], ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the function from its config entry.

        Raises
        ------
        DiscatlasError
            If there is no component, or a dispersion or scale is not positive, or a weight is negative.
        """
        components = tuple((float(part["sigma_R_kms"]), float(part["weight"])) for part in config["components"])
        scales = {name: float(config[name]) for name in ("scale_length_kpc", "sigma_scale_kpc", "R0_kpc")}
        if not components or min(scales.values()) <= 0 or any(sigma <= 0 or weight < 0 for sigma, weight in components):
            raise DiscatlasError(
                f"distribution: got {scales} and components {list(components)}; expected scales and dispersions above 0, weights of 0 or more"
            )
        return cls(components=components, **scales)

    def of_actions(self, L_kpc_kms: ArrayLike, J_R_kpc_kms: ArrayLike, plane: PlaneProfile) -> Array:
        """Return f at angular momenta and radial actions, which broadcast; 0 where J_R is NaN."""
        L, J = np.asarray(L_kpc_kms, float), np.asarray(J_R_kpc_kms, float)
        R_guide = plane.guiding_radius(np.maximum(L, 1e-9))
        Omega, kappa, _ = plane.frequencies(R_guide)
        total = np.zeros(np.broadcast_shapes(L.shape, J.shape))
        for sigma_0, weight in self.components:
            squared = (sigma_0 * np.exp(-(R_guide - self.R0_kpc) / self.sigma_scale_kpc)) ** 2
            total = total + weight * Omega / (kappa * squared) * np.exp(
                -R_guide / self.scale_length_kpc - J * kappa / squared
            )
        return np.where((L > 0) & np.isfinite(J), total, 0.0)


@numba.njit(**INLINE)
def density(R: float, v_R: float, v_phi: float, tables: tuple) -> float:
    """Return f at one point of phase space."""
    numbers, line, grid, potential, nodes, components = tables
    L = R * v_phi
    if not L > 0.0:
        return 0.0
    E = plane_potential(R, potential, nodes) + 0.5 * (v_R * v_R + v_phi * v_phi)
    i, place, _ = locate(L, numbers[5], numbers[2:5])
    if not 0.0 <= place <= 1.0:
        return 0.0
    w = basis(place)
    J = action_at(E, L, i, w, numbers, line, grid)
    if not np.isfinite(J):
        return 0.0
    log_factor, slope = line_value(w, line, i, 2), line_value(w, line, i, 3)
    total = 0.0
    for k in range(components.shape[0]):
        total += components[k, 0] * np.exp(log_factor - J * slope * components[k, 1])
    return total


@numba.njit(parallel=True, **KERNEL)
def densities(R: Array, v_R: Array, v_phi: Array, tables: tuple) -> Array:
    """Return f at points of phase space, shape (n,) each."""
    result = np.empty(R.size)
    for k in numba.prange(R.size):
        result[k] = density(R[k], v_R[k], v_phi[k], tables)
    return result


@dataclass(frozen=True)
class EquilibriumTables:
    """A distribution function in a potential, tabulated.

    Parameters
    ----------
    actions : RadialActionTable
        The radial action.
    line : array, shape (n, 4, 2)
        That of `actions`, with the logarithm of the factor that all components share, and sigma_0^2 kappa / sigma^2.
    components : array, shape (k, 2)
        weight / sigma_0^2 and 1 / sigma_0^2 of each.
    """

    actions: RadialActionTable
    line: Array
    components: Array

    @classmethod
    def build(cls, plane: PlaneProfile, distribution: DistributionFunction, actions: RadialActionTable) -> Self:
        """Tabulate `distribution`."""
        L, R = actions.L_kpc_kms, actions.R_guide_kpc
        Omega, kappa = (CubicSpline(plane.R_kpc, f)(R) for f in (plane.Omega_kms_kpc, plane.kappa_kms_kpc))
        widening = 2 * (R - distribution.R0_kpc) / distribution.sigma_scale_kpc
        log_factor = np.log(Omega / kappa) - R / distribution.scale_length_kpc + widening
        w = L / (L + actions.numbers[5])
        sigma, weight = np.array(distribution.components).T
        line = np.concatenate([actions.line, line_table(w, log_factor, kappa * np.exp(widening))], axis=1)
        return cls(
            actions, np.ascontiguousarray(line), np.stack([weight, np.ones_like(weight)], axis=1) / sigma[:, None] ** 2
        )

    def arrays(self) -> tuple:
        """Return the arrays in the order in which the compiled functions take them."""
        numbers, _, *others = self.actions.arrays()
        return numbers, self.line, *others, self.components

    def density(self, R_kpc: Array, v_R_kms: Array, v_phi_kms: Array) -> Array:
        """Return f at points of phase space, shape (n,) each."""
        return densities(R_kpc, v_R_kms, v_phi_kms, self.arrays())
