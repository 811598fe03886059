"""Contrasts of surface density of spiral modes as a quick function of their parameters, as a limit of the prior."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.contrast import baryonic_surface_density, mode_surface_density
from discatlas.bar_spirals.emulator import FeatureMap
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.modes import Spiral

Array = NDArray[np.float64]
N_PITCH = 97


@dataclass(frozen=True)
class ModeContrasts:
    """The contrast at R0 of each mode: proportional to the amplitude, a tabulated function of the pitch angle.

    Parameters
    ----------
    feature_map : FeatureMap
        Which gives the amplitudes.
    pitch_deg : array, shape (p,)
        Pitch angles of the table.
    per_percent : array, shape (modes, p)
        Contrast for an amplitude of 1 % of |Phi_0(R0)|.
    """

    feature_map: FeatureMap
    pitch_deg: Array
    per_percent: Array

    @classmethod
    def build(cls, feature_map: FeatureMap, density: DensityModel, plane: PlaneProfile) -> Self:
        """Tabulate the contrasts in one density model, of first order in the winding."""
        parameters = feature_map.parameters
        names, R0 = parameters.names, parameters.R0_kpc
        of_pitch = [parameters.parameters[names.index(f"pitch_{m}_deg")] for m in parameters.modes]
        pitch = np.linspace(min(p.lower for p in of_pitch), max(p.upper for p in of_pitch), N_PITCH)
        below, depth = baryonic_surface_density(density, R0), abs(float(plane.potential(R0)))
        table = np.empty((len(parameters.modes), pitch.size))
        for k, m in enumerate(parameters.modes):
            for j, angle in enumerate(pitch):
                entry = {"m": m, "K_km2_s2": 1.0, "pitch_deg": angle, "phase_deg": 0.0, "R0_kpc": R0, "source": ""}
                entry |= dict(parameters.constants) | {"Omega_kms_kpc": 1.0, "R_limits_kpc": [None, None]}
                mode = Spiral.from_config(entry)
                unit = float(np.abs(mode.amplitude(R0)[0])) / depth
                table[k, j] = mode_surface_density(mode, R0) / below / (100 * unit)
        return cls(feature_map, pitch, table)

    def __call__(self, vectors: Array) -> Array:
        """Return the contrasts of vectors, shape (n, d): shape (n, modes)."""
        vectors = np.atleast_2d(vectors)
        parameters = self.feature_map.parameters
        amplitudes, columns = self.feature_map.amplitudes(vectors), []
        for k, m in enumerate(parameters.modes):
            pitch = vectors[:, parameters.names.index(f"pitch_{m}_deg")]
            columns.append(amplitudes[:, k] * np.interp(pitch, self.pitch_deg, self.per_percent[k]))
        return np.stack(columns, axis=1)
