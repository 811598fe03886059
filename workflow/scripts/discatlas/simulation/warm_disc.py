"""A warm disc in equilibrium in a logarithmic potential, as a distribution function of the exact actions of the plane.

f(J_R, L) = S(R_g) Omega/(pi kappa sigma^2) exp(-kappa J_R/sigma^2), with Omega, kappa, S and sigma those at the guiding
radius R_g of the angular momentum L (the planar case of Binney & McMillan 2011, MNRAS 413, 1889, Eq. 2). It depends on
integrals of motion alone, so it is in equilibrium, however warm; v_R has a dispersion near sigma, and surface density is
near S. Without retrograde orbits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.dynamics.adiabatic import VerticalTables, place_orbits
from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
# shifts of a Kronecker sequence: powers of the root of x^4 = x + 1 below 1, the generalised golden ratio of three dimensions
SEQUENCE = 1.2207440846057596 ** -np.arange(1.0, 4.0)


@dataclass(frozen=True)
class WarmDisc:
    """The population.

    Parameters
    ----------
    potential : Logarithmic
        Where it moves.
    sigma_R_kms, R0_kpc, sigma_scale_kpc : float
        Dispersion of v_R at `R0_kpc`, above 0, and the scale length with which it falls outward; infinite for none.
    scale_length_kpc : float
        With which the surface density falls outward; infinite for none.
    """

    potential: Logarithmic
    sigma_R_kms: float
    R0_kpc: float
    sigma_scale_kpc: float
    scale_length_kpc: float

    def __post_init__(self) -> None:
        for name in ("sigma_R_kms", "R0_kpc", "sigma_scale_kpc", "scale_length_kpc"):
            if not getattr(self, name) > 0:
                raise DiscatlasError(f"warm disc: got {name} {getattr(self, name)}, expected more than 0")

    def dispersion(self, R_kpc: ArrayLike) -> Array:
        """Return sigma at guiding radius R [km/s]."""
        return self.sigma_R_kms * np.exp((self.R0_kpc - np.asarray(R_kpc, float)) / self.sigma_scale_kpc)

    def density_terms(self, L_z_kpc_kms: ArrayLike) -> tuple[Array, Array, Array, Array]:
        """Return a, b and their derivatives by L_z, for f = exp(a - b J_R); of the shape of L_z, which is above 0."""
        R = self.potential.guiding_radius(L_z_kpc_kms)
        Omega, kappa = self.potential.frequencies(R)
        along_Omega, along_kappa = self.potential.log_slopes(R)
        sigma = self.dispersion(R)
        a = -R / self.scale_length_kpc + np.log(Omega / (np.pi * kappa * sigma**2))
        b = kappa / sigma**2
        dR_dL = 2 * Omega / (R * kappa**2)
        da = (-1 / self.scale_length_kpc + along_Omega - along_kappa + 2 / self.sigma_scale_kpc) * dR_dL
        return a, b, da, b * (along_kappa + 2 / self.sigma_scale_kpc) * dR_dL

    def draw(self, n: int, R_limits_kpc: tuple[float, float], rng: np.random.Generator) -> dict[str, Array]:
        """Return R_kpc, v_R_kms, v_phi_kms and R_peri_kpc of n stars, without azimuths; guiding radii lie within the limits.

        A quiet start: guiding radii are stratified, actions and angles those of a sequence that fills space evenly, which
        `rng` shifts as a whole.
        """
        shares = (rng.random(3) + np.arange(1, n + 1)[:, None] * SEQUENCE) % 1.0
        R_g = self._guiding_radii((np.arange(n) + shares[:, 0]) / n, R_limits_kpc)
        Omega, kappa = self.potential.frequencies(R_g)
        J_R = -np.log1p(-shares[:, 1]) * self.dispersion(R_g) ** 2 / kappa
        tables, zeros = VerticalTables.build(self.potential.grid()), np.zeros(n)
        places = place_orbits(tables, R_g**2 * Omega, J_R, zeros, R_g, shares[:, 2], zeros)
        return {name: places[name] for name in ("R_kpc", "v_R_kms", "v_phi_kms", "R_peri_kpc")}

    def _guiding_radii(self, share: Array, R_limits_kpc: tuple[float, float]) -> Array:
        """Return the radii inside which these shares of the mass within the limits lie."""
        low, high = R_limits_kpc
        if np.isinf(self.scale_length_kpc):
            return np.sqrt(low**2 + share * (high**2 - low**2))
        R = np.linspace(low, high, 20_001)
        h = self.scale_length_kpc
        mass = -(1 + R / h) * np.exp((low - R) / h)
        return np.interp(share, (mass - mass[0]) / (mass[-1] - mass[0]), R)
