"""Particles drawn in equilibrium and integrated through the growth of bar and spirals to today.

A particle older than the integration starts on an orbit of its population, mixed in phase; a younger one is born at
t = -age near a circular orbit. With ``vertical: coupled`` orbits move in space; with ``oscillator`` the planar orbit is
joined by an independent harmonic one of the vertical frequency at the guiding radius.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.adiabatic import VerticalTables, place_heights, place_orbits
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, integrate
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position, cylindrical_velocity
from discatlas.simulation.populations import NAMES, Population, birth_velocities

Array = NDArray[np.float64]
Columns = dict[str, Array]


@dataclass(frozen=True)
class OrbitModel:
    """The dynamics of a simulated galaxy; keys as in the config entry of ``kind: orbits``."""

    populations: tuple[Population, ...]
    perturbation: Perturbation
    vertical: str
    integration_kpc_kms: float
    radians_per_step: float
    R0_kpc: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any], perturbation: Perturbation) -> Self:
        """Build the model from its config entry and the perturbation that it names.

        Raises
        ------
        DiscatlasError
            For an impossible population, or an integration that begins after a pattern was born.
        """
        populations = tuple(
            Population.from_config(name, config["populations"][name])
            for name in NAMES
            if config["populations"].get(name)
        )
        if not populations:
            raise DiscatlasError(f"populations: none declared; expected some of {', '.join(NAMES)}")
        duration, life = float(config["integration_kpc_kms"]), perturbation.life_kpc_kms
        if duration < life * (1 - 1e-3):
            raise DiscatlasError(
                f"integration_kpc_kms: got {duration}, shorter than the life {life:.4f} kpc/(km/s) of a pattern; lengthen it, or lessen the pattern's turns"
            )
        return cls(
            populations,
            perturbation,
            config["vertical"],
            duration,
            float(config["radians_per_step"]),
            float(config["R0_kpc"]),
        )

    @property
    def integration_Gyr(self) -> float:
        """The time that is integrated [Gyr]."""
        return self.integration_kpc_kms * GYR_PER_KPC_KMS


@dataclass(frozen=True)
class Mechanics:
    """A model with its tables, ready to make particles chunk by chunk."""

    model: OrbitModel
    plane: PlaneProfile
    forces: ForceTables
    vertical: VerticalTables

    @classmethod
    def build(cls, model: OrbitModel, plane: PlaneProfile, grid: PotentialGrid) -> Self:
        """Tabulate the forces of the model on the potential's tables."""
        coupled = model.vertical == "coupled"
        forces = ForceTables.build(plane, model.perturbation, grid if coupled else None)
        return cls(model, plane, forces, VerticalTables.build(grid))

    def simulate(self, n: int, rng: np.random.Generator) -> Columns:
        """Return n particles today: population, weight, places, velocities, birth and guiding radii, ages."""
        start = self._draw_start(n, rng)
        position = np.stack([*cartesian_position(start["R_kpc"], start["phi_deg"]), start["Z_kpc"]], axis=1)
        velocity = np.stack(
            [*cartesian_velocity(start["phi_deg"], start["v_R_kms"], start["v_phi_kms"]), start["v_Z_kms"]], axis=1
        )
        duration = np.minimum(start["age_Gyr"] / GYR_PER_KPC_KMS, self.model.integration_kpc_kms)
        radians = self.model.radians_per_step
        steps = count_steps(self.plane, start["R_peri_kpc"], duration, radians)
        position, velocity = integrate(self.forces, position, velocity, -duration, 0.0, steps, radians)
        return _today(position, velocity) | {
            key: start[key] for key in ("population", "weight", "R_birth_kpc", "R_guide_kpc", "age_Gyr")
        }

    def _draw_start(self, n: int, rng: np.random.Generator) -> Columns:
        """Draw populations, and of each the particles at their start; in the order drawn."""
        fractions = np.array([population.particle_fraction for population in self.model.populations])
        which = rng.choice(fractions.size, size=n, p=fractions / fractions.sum())
        parts = [self._draw_population(p, int(np.sum(which == k)), rng) for k, p in enumerate(self.model.populations)]
        order = np.argsort(which, kind="stable")
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        return {key: np.concatenate([part[key] for part in parts])[place] for key in parts[0]}

    def _draw_population(self, population: Population, n: int, rng: np.random.Generator) -> Columns:
        age, weight = population.draw_ages(n, rng)
        R_start = population.draw_radii(n, rng)
        born = age < self.model.integration_Gyr
        age_at_start = np.where(born, 0.0, age)
        J_R, J_Z = population.draw_actions(R_start, age_at_start, self.plane, self.model.R0_kpc, rng)
        phi, share = population.draw_azimuths(R_start, age / GYR_PER_KPC_KMS, born, self.plane, rng)
        angle_R, angle_Z = rng.random((2, n))
        Omega, kappa, nu = self.plane.frequencies(R_start)
        coupled = self.model.vertical == "coupled"
        place = place_orbits(
            self.vertical, R_start**2 * Omega, J_R, J_Z if coupled else np.zeros(n), R_start, angle_R, angle_Z
        )
        v_R, v_phi = birth_velocities(population, R_start, self.plane, self.model.R0_kpc, rng)
        Z, v_Z = place_heights(self.vertical, R_start, J_Z, angle_Z)
        epicycle = np.hypot(v_R / kappa, (v_phi - R_start * Omega) * 2 * Omega / kappa**2)
        newborn = {"R_kpc": R_start, "v_R_kms": v_R, "v_phi_kms": v_phi, "Z_kpc": Z, "v_Z_kms": v_Z}
        newborn["R_peri_kpc"] = np.maximum(R_start - 2 * epicycle, 0.3 * R_start)
        start = {key: np.where(born, newborn[key], place[key]) for key in place}
        if not coupled:
            size = np.sqrt(2 * J_Z / nu)
            start["Z_kpc"] = size * np.sin(2 * np.pi * angle_Z)
            start["v_Z_kms"] = size * nu * np.cos(2 * np.pi * angle_Z)
        guide = self.plane.guiding_radius(start["R_kpc"] * start["v_phi_kms"])
        return start | {
            "population": np.full(n, population.name, dtype=object),
            "phi_deg": phi,
            "weight": weight * share * population.star_fraction / population.particle_fraction,
            "age_Gyr": age,
            "R_guide_kpc": guide,
            "R_birth_kpc": np.where(born, R_start, guide),
        }


def _today(position_kpc: Array, velocity_kms: Array) -> Columns:
    X, Y, Z = np.ascontiguousarray(position_kpc.T)
    v_X, v_Y, v_Z = np.ascontiguousarray(velocity_kms.T)
    R, phi = cylindrical_position(X, Y)
    v_R, v_phi = cylindrical_velocity(X, Y, v_X, v_Y)
    return {
        "X_kpc": X,
        "Y_kpc": Y,
        "Z_kpc": Z,
        "v_X_kms": v_X,
        "v_Y_kms": v_Y,
        "v_Z_kms": v_Z,
        "R_kpc": R,
        "phi_deg": phi,
        "v_R_kms": v_R,
        "v_phi_kms": v_phi,
    }
