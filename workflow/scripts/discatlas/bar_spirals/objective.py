"""The objective of a fit of spiral modes: model medians of v_R at the points, constraints, and optionally local peaks.

    sum_i (model_i - data_i)^2 / sigma_i^2 [+ sum_j (Delta_j - Delta_j,data)^2 / sigma_Delta^2]

(Khalil et al. 2025, Sect. 4.2), for models whose contrasts of surface density at R0 add up to less than a limit. Others,
and those with a mode without a range, have an objective far above any that is evaluated, and are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.contrast import baryonic_surface_density, mode_surface_density
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.points import STRIP_KMS, FitPoints, LocalPeaks, peak_of
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, distribution_at
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.medians import weighted_median
from discatlas.dynamics.modes import Spiral
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
EXCLUDED = 1e6  # objective of what is not evaluated, times one plus how far it is from the limit


@dataclass(frozen=True)
class Objective:
    """The objective of vectors of `parameters`.

    Parameters
    ----------
    plane : PlaneProfile
        The axisymmetric potential.
    parameters : SpiralParameters
        What a vector means.
    density : DensityModel
        Discs and bulge, for the contrasts.
    points : FitPoints
        The data.
    grid : VelocityGrid
        Velocities over which a median is taken.
    accuracy, definition : str
        Of the integration and of the median (`discatlas.dynamics.backward`).
    max_contrast : float, optional
        Limit of the sum of the contrasts.
    peaks : LocalPeaks, optional
        The local constraint.
    """

    plane: PlaneProfile
    parameters: SpiralParameters
    density: DensityModel
    points: FitPoints
    grid: VelocityGrid
    accuracy: str | int = "fast"
    definition: str = "unbiased"
    max_contrast: float | None = None
    peaks: LocalPeaks | None = None

    def with_grid(self, grid: VelocityGrid) -> "Objective":
        """Return the objective over other velocities."""
        return replace(self, grid=grid)

    def __call__(self, vector: Array) -> float:
        """Return the objective of one vector, shape (k,)."""
        try:
            spec = self.parameters.spec(vector, self.plane)
        except DiscatlasError:  # a mode without a range
            return 2 * EXCLUDED
        if self.max_contrast is not None:
            excess = sum(contrasts(spec, self.density, self.parameters.R0_kpc).values()) / self.max_contrast - 1
            if excess > 0:
                return EXCLUDED * (1 + excess)
        value = sum(self.parts(spec).values())
        return value if np.isfinite(value) else 2 * EXCLUDED

    def population(self, vectors: Array) -> Array:
        """Return the objective of vectors, shape (n, k); each takes all threads for its points."""
        return np.array([self(vector) for vector in vectors])

    def parts(self, spec: Mapping[str, Any]) -> dict[str, float]:
        """Return ``map`` and, with peaks, ``local``: the terms of the objective of any model."""
        model = BarredModel.from_spec(self.plane, spec)
        parts = {"map": self.points.chi_square(self.medians(model))}
        if self.peaks is not None:
            parts["local"] = self.peaks.chi_square(model_peaks(model, self.peaks, self.grid, self.accuracy))
        return parts

    def medians(self, model: BarredModel) -> Array:
        """Return the model's medians at the points, whose orbits are integrated all at once."""
        R, phi = (values[:, None, None] for values in (self.points.R_kpc, self.points.phi_deg))
        f = distribution_at(model, R, phi, self.grid.v_R_kms[:, None], self.grid.v_phi_kms, self.accuracy)
        return weighted_median(f.sum(axis=2), self.grid.v_R_kms, self.definition)


def contrasts(spec: Mapping[str, Any], density: DensityModel, R_kpc: float, exact: bool = False) -> dict[int, float]:
    """Return the contrast of surface density of each spiral mode at one radius, by number of arms."""
    baryons = baryonic_surface_density(density, R_kpc)
    modes = [Spiral.from_config(entry) for entry in spec["spirals"]]
    return {mode.m: mode_surface_density(mode, R_kpc, exact) / baryons for mode in modes}


def model_peaks(model: BarredModel, peaks: LocalPeaks, grid: VelocityGrid, accuracy: str | int) -> Array:
    """Return where the model's density over v_R peaks at the Sun, in strips of v_phi like those of the data [km/s]."""
    across = peaks.v_phi_kms[:, None] + STRIP_KMS * np.linspace(-1, 1, 5)
    v_R = grid.v_R_kms[:, None]
    profiles = [distribution_at(model, peaks.R_kpc, 0.0, v_R, strip, accuracy).sum(axis=1) for strip in across]
    return np.array([peak_of(grid.v_R_kms, profile) for profile in profiles])


def settings_record(objective: Objective) -> dict[str, Any]:
    """Return everything that the objective depends on as plain values, for a digest and for the record."""
    points, grid, parameters = objective.points, objective.grid, objective.parameters
    peaks = objective.peaks
    return {
        "parameters": [vars(parameter) for parameter in parameters.parameters],
        "modes": list(parameters.modes),
        "base": dict(parameters.base),
        "constants": dict(parameters.constants),
        "R0_kpc": parameters.R0_kpc,
        "second_amplitude": parameters.second_amplitude,
        "cut_offs": parameters.cut_offs,
        "points": np.stack([points.x_kpc, points.y_kpc, points.v_R_kms, points.sigma_kms], axis=1).tolist(),
        "v_R_kms": grid.v_R_kms.tolist(),
        "v_phi_kms": grid.v_phi_kms.tolist(),
        "accuracy": objective.accuracy,
        "definition": objective.definition,
        "max_contrast": objective.max_contrast,
        "local": None
        if peaks is None
        else {"v_phi_kms": peaks.v_phi_kms.tolist(), "peak_kms": peaks.peak_kms.tolist(), "sigma_kms": peaks.sigma_kms},
    }
