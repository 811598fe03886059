"""The axisymmetric background as numeric tables: radial profile of the plane, and potential on a grid in (R, Z).

Both come from an engine (`tabulate_potential`); nothing here knows which. Times are in kpc/(km/s).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from discatlas.dynamics.hermite import node_step, slopes_per_node
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PlaneProfile:
    """The axisymmetric potential in the plane at the radii `R_kpc`, shape (n,) each, growing.

    Parameters
    ----------
    R_kpc : array
        Radii, uniform in R / (R + RADIAL_SCALE_KPC).
    Phi_km2_s2, dPhi_dR_km2_s2_kpc : array
        Potential and its radial derivative.
    Omega_kms_kpc, kappa_kms_kpc, nu_kms_kpc : array
        Circular, epicyclic and vertical frequency.
    """

    R_kpc: Array
    Phi_km2_s2: Array
    dPhi_dR_km2_s2_kpc: Array
    Omega_kms_kpc: Array
    kappa_kms_kpc: Array
    nu_kms_kpc: Array

    @classmethod
    def from_columns(cls, columns: Mapping[str, Array]) -> Self:
        """Build the profile from the columns of contract ``potential_plane``."""
        return cls(**{name: np.asarray(columns[name], float) for name in cls.__dataclass_fields__})

    @cached_property
    def _spline(self) -> CubicHermiteSpline:
        return CubicHermiteSpline(self.R_kpc, self.Phi_km2_s2, self.dPhi_dR_km2_s2_kpc)

    def potential(self, R_kpc: Array) -> Array:
        """Return Phi_0 at R [(km/s)^2]."""
        return self._spline(R_kpc)

    def frequencies(self, R_kpc: Array) -> tuple[Array, Array, Array]:
        """Return Omega, kappa and nu at R [km/s/kpc], linear between the nodes."""
        return tuple(np.interp(R_kpc, self.R_kpc, f) for f in (self.Omega_kms_kpc, self.kappa_kms_kpc, self.nu_kms_kpc))

    def circular_velocity(self, R_kpc: Array) -> Array:
        """Return v_c at R [km/s]."""
        return R_kpc * self.frequencies(R_kpc)[0]

    def guiding_radius(self, L_z_kpc_kms: Array) -> Array:
        """Return the radius of the circular orbit of angular momentum L_z > 0 [kpc]."""
        return np.interp(L_z_kpc_kms, self.R_kpc**2 * self.Omega_kms_kpc, self.R_kpc)

    def resonance(self, Omega_pattern_kms_kpc: float, m: int, order: int) -> float:
        """Return the radius where m (Omega - Omega_p) = order * kappa: 0 corotation, -1 outer, +1 inner Lindblad resonance [kpc].

        Raises
        ------
        DiscatlasError
            If there is none, or not just one, in the tabulated range.
        """
        f = m * (self.Omega_kms_kpc - Omega_pattern_kms_kpc) - order * self.kappa_kms_kpc
        crossings = np.flatnonzero(np.sign(f[1:]) != np.sign(f[:-1]))
        if crossings.size != 1:
            raise DiscatlasError(
                f"resonance {order}:{m} of a pattern of {Omega_pattern_kms_kpc} km/s/kpc: found {crossings.size} radii between {self.R_kpc[0]:g} and {self.R_kpc[-1]:g} kpc, expected one"
            )
        i = crossings[0]
        return float(self.R_kpc[i] + (self.R_kpc[i + 1] - self.R_kpc[i]) * f[i] / (f[i] - f[i + 1]))

    def node_table(self) -> Array:
        """Return potential and slope per node, shape (n, 1, 2), for the kernel."""
        slope = slopes_per_node(self.R_kpc, self.dPhi_dR_km2_s2_kpc, RADIAL_SCALE_KPC)
        return np.stack([self.Phi_km2_s2, slope], axis=-1)[:, None, :]


@dataclass(frozen=True)
class PotentialGrid:
    """The axisymmetric potential on the nodes `R_kpc` (n,) times `Z_kpc` (m,), Z >= 0; the tables have shape (n, m)."""

    R_kpc: Array
    Z_kpc: Array
    Phi_km2_s2: Array
    dPhi_dR_km2_s2_kpc: Array
    dPhi_dZ_km2_s2_kpc: Array
    d2Phi_dRdZ_km2_s2_kpc2: Array

    @classmethod
    def from_columns(cls, columns: Mapping[str, Array]) -> Self:
        """Build the grid from the columns of contract ``potential_grid``, R slow and Z fast."""
        R, Z = np.unique(columns["R_kpc"]), np.unique(columns["Z_kpc"])
        names = list(cls.__dataclass_fields__)[2:]
        return cls(R, Z, *(np.asarray(columns[name], float).reshape(R.size, Z.size) for name in names))

    def node_table(self) -> Array:
        """Return potential, its slopes along both axes and the mixed one per node, shape (n, m, 1, 4), for the kernel."""
        return field_table(
            self.R_kpc,
            self.Z_kpc,
            self.Phi_km2_s2,
            self.dPhi_dR_km2_s2_kpc,
            self.dPhi_dZ_km2_s2_kpc,
            self.d2Phi_dRdZ_km2_s2_kpc2,
        )


def field_table(R_kpc: Array, Z_kpc: Array, value: Array, d_R: Array, d_Z: Array, d_RZ: Array) -> Array:
    """Return a field and its derivatives as the kernel takes them, shape (n, m, 1, 4): slopes are per node."""
    along_R = slopes_per_node(R_kpc, d_R, RADIAL_SCALE_KPC)
    along_Z = slopes_per_node(Z_kpc, d_Z.T, VERTICAL_SCALE_KPC).T
    mixed = slopes_per_node(Z_kpc, slopes_per_node(R_kpc, d_RZ, RADIAL_SCALE_KPC).T, VERTICAL_SCALE_KPC).T
    return np.stack([value, along_R, along_Z, mixed], axis=-1)[:, :, None, :]


def node_grid(nodes_kpc: Array, scale_kpc: float) -> Array:
    """Return first value and inverse step in the rational variable, and number of the nodes, as `hermite.locate` takes them."""
    first, step = node_step(nodes_kpc, scale_kpc)
    return np.array([first, 1.0 / step, nodes_kpc.size])
