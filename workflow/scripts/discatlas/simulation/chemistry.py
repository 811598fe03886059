"""Metallicities of a simulated disc: gradients in radius and height, an azimuthal pattern, and scatter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Chemistry:
    """Mean [Fe/H] = feh + g_R (R - R0) + g_Z |Z| + A cos(m (phi - phi_0)), with Gaussian scatter; R, phi, Z are today's."""

    feh_dex: float
    gradient_R_dex_per_kpc: float
    gradient_Z_dex_per_kpc: float
    scatter_dex: float
    azimuthal_amplitude_dex: float
    azimuthal_number: int
    azimuthal_phase_deg: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the chemistry from its config entry.

        Raises
        ------
        DiscatlasError
            For a negative scatter.
        """
        if config["scatter_dex"] < 0:
            raise DiscatlasError(f"chemistry.scatter_dex: got {config['scatter_dex']}; a scatter cannot be negative")
        return cls(**{key: config[key] for key in cls.__dataclass_fields__})

    def mean_feh(self, R_kpc: Array, phi_deg: Array, Z_kpc: Array, R0_kpc: float) -> Array:
        """Return the mean [Fe/H] at a place [dex]."""
        wave = np.cos(np.radians(self.azimuthal_number * (phi_deg - self.azimuthal_phase_deg)))
        gradients = self.gradient_R_dex_per_kpc * (R_kpc - R0_kpc) + self.gradient_Z_dex_per_kpc * np.abs(Z_kpc)
        return self.feh_dex + gradients + self.azimuthal_amplitude_dex * wave

    def draw_feh(self, R_kpc: Array, phi_deg: Array, Z_kpc: Array, R0_kpc: float, rng: np.random.Generator) -> Array:
        """Draw [Fe/H] of stars at their places today [dex]."""
        return self.mean_feh(R_kpc, phi_deg, Z_kpc, R0_kpc) + self.scatter_dex * rng.standard_normal(R_kpc.size)
