"""The cored logarithmic potential Phi = v_c^2/2 ln(R^2 + Z^2 + core^2) as tables for the orbit kernel: a flat rotation curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.potential_nodes import R_MIN_KPC, radial_nodes, vertical_nodes
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
N_RADII, N_GRID_RADII, N_HEIGHTS = 2000, 400, 4
R_MAX_KPC = 100.0


@dataclass(frozen=True)
class Logarithmic:
    """The potential; zero at a distance of 1 kpc for a core of nothing.

    Parameters
    ----------
    v_c_kms : float
        Circular velocity far out, above 0.
    core_kpc : float
        Radius of the core, 0 or more.
    """

    v_c_kms: float
    core_kpc: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.v_c_kms, self.core_kpc]).all() and self.v_c_kms > 0 and self.core_kpc >= 0):
            raise DiscatlasError(
                f"logarithmic potential: got v_c_kms {self.v_c_kms}, core_kpc {self.core_kpc}; expected more than 0, and 0 or more"
            )

    def frequencies(self, R_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return Omega and kappa at R [km/s/kpc]; the vertical frequency is Omega, as the potential is a sphere's."""
        square = np.asarray(R_kpc, float) ** 2 + self.core_kpc**2
        Omega = self.v_c_kms / np.sqrt(square)
        return Omega, Omega * np.sqrt(2 * (1 + self.core_kpc**2 / square))

    def log_slopes(self, R_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return d ln Omega/dR and d ln kappa/dR [1/kpc]."""
        R, core2 = np.asarray(R_kpc, float), self.core_kpc**2
        square = R**2 + core2
        along = -R / square
        return along, along - R * core2 / square**2 / (1 + core2 / square)

    def guiding_radius(self, L_z_kpc_kms: ArrayLike) -> Array:
        """Return the radius of the circular orbit of angular momentum L_z > 0 [kpc]."""
        L = np.asarray(L_z_kpc_kms, float)
        v2 = self.v_c_kms**2
        return np.sqrt((L**2 + L * np.sqrt(L**2 + 4 * v2 * self.core_kpc**2)) / (2 * v2))

    def plane(self) -> PlaneProfile:
        """Return the potential in the plane, tabulated."""
        R = radial_nodes(N_RADII, R_MIN_KPC, R_MAX_KPC)
        Omega, kappa = self.frequencies(R)
        Phi = self.v_c_kms**2 / 2 * np.log(R**2 + self.core_kpc**2)
        return PlaneProfile(R, Phi, R * Omega**2, Omega, kappa, Omega)

    def grid(self) -> PotentialGrid:
        """Return the potential at few radii and heights: enough for actions and angles in the plane."""
        R, Z = radial_nodes(N_GRID_RADII, R_MIN_KPC, R_MAX_KPC), vertical_nodes(N_HEIGHTS, R_MAX_KPC)
        v2, square = self.v_c_kms**2, R[:, None] ** 2 + Z**2 + self.core_kpc**2
        slopes = (v2 * R[:, None] / square, v2 * Z / square, -2 * v2 * R[:, None] * Z / square**2)
        return PotentialGrid(R, Z, v2 / 2 * np.log(square), *slopes)
