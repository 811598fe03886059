"""The particles of a spiral mock, integrated by the orbit kernel or by AGAMA.

The start is quiet: radii are stratified, and each orbit starts at several azimuths of one period of the spiral, evenly
apart, which shear does not disturb. Orbits that the spiral's symmetry of 2 pi/m maps on each other are integrated once.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.agama_engine import follow_in_mode
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, integrate
from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position, cylindrical_velocity
from discatlas.simulation.spiral_mock import AZIMUTHS, SpiralMock

Array = NDArray[np.float64]
Columns = dict[str, Array]


def _start(mock: SpiralMock, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return positions and velocities, shape (n, 3), within one period of the spiral, and the innermost radii."""
    low, high = mock.R_limits_kpc
    n, period = mock.n_particles // mock.copies, 360.0 / mock.spiral.m
    if mock.disc is None:
        R = np.sqrt(low**2 + (np.arange(n) + rng.random(n)) / n * (high**2 - low**2))
        orbits = {"R_kpc": R, "v_R_kms": 0 * R, "v_phi_kms": R * mock.potential.frequencies(R)[0], "R_peri_kpc": R}
    else:
        orbits = mock.disc.draw(n, (low, high), rng)
    orbits = {key: np.repeat(values, AZIMUTHS) for key, values in orbits.items()}
    phi = np.add.outer(rng.random(n), np.arange(AZIMUTHS) / AZIMUTHS).ravel() * period
    R, zero = orbits["R_kpc"], np.zeros(phi.size)
    position = np.stack([*cartesian_position(R, phi), zero], axis=1)
    velocity = np.stack([*cartesian_velocity(phi, orbits["v_R_kms"], orbits["v_phi_kms"]), zero], axis=1)
    return position, velocity, orbits["R_peri_kpc"]


def simulate_outputs(mock: SpiralMock, rng: np.random.Generator) -> Iterator[Columns]:
    """Yield X, Y, R, phi, v_R and v_phi of all particles at each output, with azimuths in the frame of the pattern."""
    position, velocity, R_inner = _start(mock, rng)
    times = mock.times_kpc_kms
    plane, m = mock.potential.plane(), mock.spiral.m
    if mock.engine == "kernel":
        tables = ForceTables.build(plane, Perturbation(None, (mock.mode,)))
    for start, end in pairwise(times):
        if mock.engine == "kernel":
            steps = count_steps(plane, R_inner, end - start, mock.radians_per_step)
            position, velocity = integrate(tables, position, velocity, start, end, steps, mock.radians_per_step)
        else:
            position, velocity = follow_in_mode(mock.potential, mock.mode, position, velocity, start, end)
        R, phi = cylindrical_position(position[:, 0], position[:, 1])
        v_R, v_phi = cylindrical_velocity(*position[:, :2].T, *velocity[:, :2].T)
        phi = np.add.outer(np.arange(m) * 360.0 / m, phi - np.degrees(mock.spiral.pattern_speed_kms_kpc * end)).ravel()
        R, v_R, v_phi = (np.tile(values, m) for values in (R, v_R, v_phi))
        phi = (phi + 180.0) % 360.0 - 180.0
        X, Y = cartesian_position(R, phi)
        yield {"X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi, "v_R_kms": v_R, "v_phi_kms": v_phi}
