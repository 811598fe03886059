"""The settings of a fit of spiral modes, and the objective that follows from them and the data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.evolution import Domain
from discatlas.bar_spirals.objective import Objective
from discatlas.bar_spirals.parameters import SpiralParameters, default_bounds
from discatlas.bar_spirals.points import FitPoints, LocalPeaks
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
# SCIENCE: widths of the box of the gradient descent (Khalil et al. 2025, Sect. 4.2)
BOX = {"amplitude": 0.04, "pitch": 2.0, "phase": 6.0, "Omega": 1.0, "bar": 0.1}


@dataclass(frozen=True)
class FitSettings:
    """All that the config says about a fit.

    Parameters
    ----------
    modes : list of int
        Numbers of arms, one or two.
    bounds : mapping
        Bounds by name of parameter in place of the published ones, and of those that are free beyond them.
    points : list of [x, y, sigma]
        Points in the papers' frame [kpc], sigma in units of `sigma_kms`.
    local : mapping or None
        ``v_phi_kms`` and ``sigma_kms`` of the local constraint; its data come from elsewhere.
    second_amplitude, cut_offs : str
        See `discatlas.bar_spirals.parameters`.
    max_contrast : float or None
        Limit of the sum of the contrasts of surface density.
    h_kpc, turns : float
        Scale height and age of the modes.
    v_R_kms, v_phi_kms, coarse_v_R_kms, coarse_v_phi_kms : list of float
        First, last and step of the velocity grids of the gradient descent, and of the evolution and the map.
    accuracy : str or int
        Of the integration.
    population, tolerance, max_generations : numbers
        Of the differential evolution; members a parameter.
    polish_iterations : int
        Of the gradient descent; 0 for none.
    """

    modes: list[int]
    bounds: Mapping[str, list[float]]
    points: list[list[float]]
    sigma_kms: float
    local: Mapping[str, Any] | None
    second_amplitude: str
    cut_offs: str
    max_contrast: float | None
    h_kpc: float
    turns: float
    v_R_kms: list[float]
    v_phi_kms: list[float]
    coarse_v_R_kms: list[float]
    coarse_v_phi_kms: list[float]
    accuracy: str | int
    population: int
    tolerance: float
    max_generations: int
    polish_iterations: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """Take the settings from a config entry; an unknown or missing key is a DiscatlasError that names `where`."""
        known = [field.name for field in fields(cls)]
        for key in config:
            if key not in known:
                raise DiscatlasError(f"{where}: unknown key {key!r}{nearest(key, known)}")
        if missing := [key for key in known if key not in config]:
            raise DiscatlasError(f"{where}: key {missing[0]!r} is missing")
        settings = cls(**config)
        if settings.population < 2 or settings.max_generations < 0 or settings.polish_iterations < 0:
            raise DiscatlasError(
                f"{where}: population {settings.population}, max_generations {settings.max_generations}, polish_iterations "
                f"{settings.polish_iterations}; expected at least 2, 0 and 0"
            )
        return settings

    @property
    def record(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    @property
    def fine_grid(self) -> VelocityGrid:
        """Velocities of the gradient descent and of what is reported."""
        return VelocityGrid.from_config({"v_R_kms": self.v_R_kms, "v_phi_kms": self.v_phi_kms})

    @property
    def coarse_grid(self) -> VelocityGrid:
        """Velocities of the evolution and of the map of all cells."""
        return VelocityGrid.from_config({"v_R_kms": self.coarse_v_R_kms, "v_phi_kms": self.coarse_v_phi_kms})

    def parameters(self, base: Mapping[str, Any], R0_kpc: float) -> SpiralParameters:
        """Return the free parameters of a model whose bar is that of `base`; errors as of `SpiralParameters.from_config`."""
        speed = base["bar"]["Omega_kms_kpc"] if base.get("bar") else 60.0
        bounds = default_bounds(self.modes, self.second_amplitude, speed) | dict(self.bounds)
        constants = {"h_kpc": self.h_kpc, "turns": self.turns}
        options = {"second_amplitude": self.second_amplitude, "cut_offs": self.cut_offs, "constants": constants}
        return SpiralParameters.from_config(bounds, base, R0_kpc, **options)

    def objective(
        self,
        cells: Mapping[str, Array],
        plane: PlaneProfile,
        density: DensityModel,
        base: Mapping[str, Any],
        R0_kpc: float,
        peaks: LocalPeaks | None,
    ) -> Objective:
        """Return the objective over the coarse grid."""
        return Objective(
            plane=plane,
            parameters=self.parameters(base, R0_kpc),
            density=density,
            points=FitPoints.of_map(cells, self.points, self.sigma_kms),
            grid=self.coarse_grid,
            accuracy=self.accuracy,
            max_contrast=self.max_contrast,
            peaks=peaks,
        )


def domain_of(parameters: SpiralParameters) -> Domain:
    """Return bounds and periods of the parameters."""
    return Domain(parameters.lower, parameters.upper, parameters.periods)


def box_of(parameters: SpiralParameters) -> Array:
    """Return the widths of the box of the gradient descent, shape (k,)."""
    return np.array([BOX[name.split("_")[0]] for name in parameters.names])
