"""Populations of the disc in equilibrium, and stars that are born during the integration.

A population is quasi-isothermal: its distribution function is that of Khalil et al. (2025, Sect. 3.2; Binney 2010,
MNRAS 401, 2318), proportional to Omega/(kappa sigma_R^2) exp(-R_g/h_R) exp(-kappa J_R/sigma_R^2), times the same
exponential in nu J_Z. Integrated over the actions it leaves R_g exp(-R_g/h_R) dR_g, and actions that are exponential, so
stars are drawn directly, without rejection. Dispersions may grow with age as a power law (age-velocity relation).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
NAMES = ("thin", "thick", "young")
AGE_AT_BIRTH_GYR = 0.1  # of the age-velocity relation, so that dispersions at birth are finite


@dataclass(frozen=True)
class Population:
    """One population.

    Parameters
    ----------
    name : str
        thin, thick or young.
    particle_fraction, star_fraction : float
        Its share of the particles, and of the real stars that they stand for; their ratio is part of the weight.
    scale_length_kpc : float
        h_R of the guiding radii (of the birth radii for stars born during the integration).
    R_limits_kpc : tuple of two float
        Range of these radii.
    sigma_R_kms, sigma_Z_kms : float
        Dispersion parameters at the reference radius, of the oldest stars.
    sigma_scale_kpc : float
        Their exponential scale length in guiding radius.
    age_limits_Gyr : tuple of two float
        Real stars were born at a constant rate between these ages.
    age_sampling : str
        ``uniform`` draws particles as real stars; ``log_uniform`` draws more young ones, and the weight makes up for it.
    age_exponent : float
        Dispersions grow as (age + 0.1 Gyr)^exponent; 0 for none.
    azimuth_half_range_deg : float
        Stars born during the integration are born at azimuths from which a circular orbit brings them within this of
        the Sun's azimuth today; 180 for all. The weight makes up for it.
    """

    name: str
    particle_fraction: float
    star_fraction: float
    scale_length_kpc: float
    R_limits_kpc: tuple[float, float]
    sigma_R_kms: float
    sigma_Z_kms: float
    sigma_scale_kpc: float
    age_limits_Gyr: tuple[float, float]
    age_sampling: str
    age_exponent: float
    azimuth_half_range_deg: float

    @classmethod
    def from_config(cls, name: str, config: Mapping[str, Any]) -> Self:
        """Build the population from its config entry.

        Raises
        ------
        DiscatlasError
            For a negative dispersion, limits in the wrong order, or a fraction that is not positive.
        """
        numbers = {key: config[key] for key in cls.__dataclass_fields__ if key != "name"}
        for key in ("sigma_R_kms", "sigma_Z_kms"):
            if numbers[key] < 0:
                raise DiscatlasError(f"populations.{name}.{key}: got {numbers[key]}; a dispersion cannot be negative")
        for key in ("R_limits_kpc", "age_limits_Gyr"):
            low, high = numbers[key] = tuple(map(float, numbers[key]))
            if not 0 <= low < high:
                raise DiscatlasError(f"populations.{name}.{key}: got {[low, high]}; expected 0 <= first < second")
        if numbers["age_sampling"] == "log_uniform" and numbers["age_limits_Gyr"][0] <= 0:
            raise DiscatlasError(
                f"populations.{name}.age_limits_Gyr: got {list(numbers['age_limits_Gyr'])}; the first must be positive for log_uniform"
            )
        if numbers["particle_fraction"] <= 0 or numbers["scale_length_kpc"] <= 0:
            raise DiscatlasError(f"populations.{name}: particle_fraction and scale_length_kpc must be positive")
        return cls(name, **numbers)

    def draw_radii(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n radii with density R exp(-R/h_R) within the limits [kpc], by inverting its integral on a fine grid."""
        R = np.linspace(*self.R_limits_kpc, 4001)
        x = R / self.scale_length_kpc
        enclosed = -(1 + x) * np.exp(-x)
        return np.interp(rng.random(n), (enclosed - enclosed[0]) / (enclosed[-1] - enclosed[0]), R)

    def draw_ages(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw n ages [Gyr], and the factors of weight that make up for the sampling."""
        low, high = self.age_limits_Gyr
        if self.age_sampling == "uniform":
            return rng.uniform(low, high, n), np.ones(n)
        age = low * (high / low) ** rng.random(n)
        return age, age * np.log(high / low) / (high - low)

    def draw_azimuths(
        self,
        R_kpc: Array,
        duration_kpc_kms: Array,
        born: NDArray[np.bool_],
        plane: PlaneProfile,
        rng: np.random.Generator,
    ) -> tuple[Array, Array]:
        """Draw azimuths at the start [deg], and the factors of weight that make up for those left out."""
        phi = rng.uniform(-180.0, 180.0, R_kpc.size)
        if self.azimuth_half_range_deg >= 180:
            return phi, np.ones(R_kpc.size)
        share = self.azimuth_half_range_deg / 180.0
        turned = np.degrees(plane.frequencies(R_kpc)[0] * duration_kpc_kms)
        aimed = (share * phi - turned + 180.0) % 360.0 - 180.0
        return np.where(born, aimed, phi), np.where(born, share, 1.0)

    def dispersions(self, R_guide_kpc: Array, age_Gyr: Array, R0_kpc: float) -> tuple[Array, Array]:
        """Return sigma_R and sigma_Z [km/s] of the distribution function."""
        oldest = self.age_limits_Gyr[1] + AGE_AT_BIRTH_GYR
        factor = np.exp(-(R_guide_kpc - R0_kpc) / self.sigma_scale_kpc)
        factor = factor * ((age_Gyr + AGE_AT_BIRTH_GYR) / oldest) ** self.age_exponent
        return self.sigma_R_kms * factor, self.sigma_Z_kms * factor

    def draw_actions(
        self, R_guide_kpc: Array, age_Gyr: Array, plane: PlaneProfile, R0_kpc: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Draw J_R and J_Z [kpc km/s] at given guiding radii."""
        _, kappa, nu = plane.frequencies(R_guide_kpc)
        sigma_R, sigma_Z = self.dispersions(R_guide_kpc, age_Gyr, R0_kpc)
        return rng.exponential(sigma_R**2 / kappa), rng.exponential(sigma_Z**2 / nu)


def birth_velocities(
    population: Population, R_kpc: Array, plane: PlaneProfile, R0_kpc: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw v_R and v_phi [km/s] of stars at their birth: circular speed and a small Gaussian ellipsoid of epicycles."""
    Omega, kappa, _ = plane.frequencies(R_kpc)
    sigma_R, _ = population.dispersions(R_kpc, np.zeros(R_kpc.shape), R0_kpc)
    v_R, v_phi = rng.standard_normal((2, R_kpc.size)) * sigma_R
    return v_R, R_kpc * Omega + v_phi * kappa / (2 * Omega)
