"""The orbit kernel: test particles in a background with rotating modes, in the plane or in space, forward or backward.

Nystroem's method of fifth order (four forces a step; Hairer, Norsett & Wanner 1993, Table II.14.2) with steps of one
length for each particle, divided where it passes the centre. Forces come from tables (`hermite`), rotations of the
patterns by complex multiplication, so a step has neither trigonometry nor powers. Particles are independent of one
another: the numbers do not depend on the number of threads. Coordinates inside: x = -X, y = Y, so that
phi = atan2(y, x) grows with rotation.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import (
    PlaneProfile,
    PotentialGrid,
    field_table,
    node_grid,
)
from discatlas.dynamics.hermite import slopes_per_node
from discatlas.dynamics.modes import Perturbation, RotatingMode
from discatlas.dynamics.orbit_kernel import follow_all, total_energies
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ForceTables:
    """Everything the kernel needs, as arrays.

    Parameters
    ----------
    radial : array, shape (n, 1 + 2 k, 2)
        Potential of the plane, and real and imaginary part of each mode's C(R); value and slope per node.
    radial_nodes : array, shape (3,)
        First value, inverse step and number of the radial nodes.
    space : array, shape (n, m, f, 4)
        Fields in (R, Z) for orbits in space: the potential, and the height factors of the spirals; shape (1, 1, 1, 4) for planar
        orbits.
    space_R, space_Z : array, shape (3,)
        The nodes of `space`.
    multiplicity, pattern, field : array of int, shape (k,)
        m of each mode, its pattern, and the field that multiplies it (-1: none).
    limits_kpc : array, shape (k, 2)
        Radii between which each mode acts.
    Omega, life : array, shape (p,)
        Of the patterns.
    """

    radial: Array
    radial_nodes: Array
    space: Array
    space_R: Array
    space_Z: Array
    multiplicity: NDArray[np.int64]
    pattern: NDArray[np.int64]
    field: NDArray[np.int64]
    limits_kpc: Array
    Omega: Array
    life: Array

    @classmethod
    def build(cls, plane: PlaneProfile, perturbation: Perturbation, grid: PotentialGrid | None = None) -> Self:
        """Tabulate the modes on the nodes of `plane`; with a `grid` orbits move in space, without in the plane."""
        R = plane.R_kpc
        columns, fields, modes = [plane.node_table()], [], []
        if grid is not None:
            fields.append(grid.node_table())
        if perturbation.bar:
            columns += _bar_columns(plane, perturbation, modes, in_space=grid is not None)
        for number, spiral in enumerate(perturbation.spirals):
            columns += _complex_columns(R, *spiral.amplitude(R))
            field = -1
            if grid is not None and spiral.vertical != "constant":
                field = len(fields)
                fields.append(_height_table(spiral, grid))
            modes.append((spiral.m, number + bool(perturbation.bar), field, *spiral.R_limits_kpc))
        table = np.array(modes).reshape(-1, 5)
        flat = np.array([0.0, 1.0, 2.0])
        return cls(
            radial=np.ascontiguousarray(np.concatenate(columns, axis=1)),
            radial_nodes=node_grid(R, RADIAL_SCALE_KPC),
            space=np.ascontiguousarray(np.concatenate(fields, axis=2)) if fields else np.zeros((2, 2, 1, 4)),
            space_R=node_grid(grid.R_kpc, RADIAL_SCALE_KPC) if grid else flat,
            space_Z=node_grid(grid.Z_kpc, VERTICAL_SCALE_KPC) if grid else flat,
            multiplicity=table[:, 0].astype(np.int64),
            pattern=table[:, 1].astype(np.int64),
            field=table[:, 2].astype(np.int64),
            limits_kpc=np.ascontiguousarray(table[:, 3:]),
            Omega=np.array([p.Omega_kms_kpc for p in perturbation.patterns], float),
            life=np.array([p.life_kpc_kms for p in perturbation.patterns], float),
        )

    @property
    def in_space(self) -> bool:
        """Whether orbits move in space."""
        return self.space.shape[0] > 2

    def arrays(self) -> tuple:
        """Return the fields in the order in which the compiled functions take them."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def _complex_columns(R_kpc: Array, value: NDArray, slope: NDArray) -> list[Array]:
    per_node = slopes_per_node(R_kpc, np.stack([slope.real, slope.imag], axis=1), RADIAL_SCALE_KPC)
    return [np.stack([np.stack([value.real, value.imag], axis=1), per_node], axis=-1)]


def _bar_columns(plane: PlaneProfile, perturbation: Perturbation, modes: list, in_space: bool) -> list[Array]:
    """Columns of the bar's modes: fractions of the potential field in space, products with the plane's potential else."""
    bar, columns = perturbation.bar, []
    as_fraction = in_space and bar.vertical == "thomas2023"
    for mode in bar.modes:
        value, slope = bar.fraction(mode, plane.R_kpc)
        if not as_fraction:
            slope = slope * plane.Phi_km2_s2 + value * plane.dPhi_dR_km2_s2_kpc
            value = value * plane.Phi_km2_s2
        columns += _complex_columns(plane.R_kpc, value * bar.phase(mode), slope * bar.phase(mode))
        modes.append((mode.m, 0, 0 if as_fraction else -1, 0.0, np.inf))
    return columns


def _height_table(spiral: RotatingMode, grid: PotentialGrid) -> Array:
    R, Z = grid.R_kpc[:, None], grid.Z_kpc[None, :]
    W, dW_dR, dW_dZ = spiral.height_factor(R, Z)
    step = 1e-5 * R
    mixed = (spiral.height_factor(R + step, Z)[2] - spiral.height_factor(R - step, Z)[2]) / (2 * step)
    return field_table(grid.R_kpc, grid.Z_kpc, W, dW_dR, dW_dZ, mixed)


def integrate(
    tables: ForceTables,
    position_kpc: Array,
    velocity_kms: Array,
    start_kpc_kms: Array,
    end_kpc_kms: float,
    n_steps: NDArray[np.int64],
    radians_per_step: float = np.inf,
) -> tuple[Array, Array]:
    """Return positions and velocities at the end time of particles that start at times of their own.

    Parameters
    ----------
    tables : ForceTables
        The forces.
    position_kpc, velocity_kms : array, shape (n, 3)
        Cartesian X, Y, Z and v_X, v_Y, v_Z at the start; planar orbits leave the third component alone.
    start_kpc_kms, n_steps : array, shape (n,)
        Time at which each particle starts, 0 today and negative before, and its number of steps; an end before the
        start integrates backward.
    end_kpc_kms : float
        Time at which all end.
    radians_per_step : float
        A step is divided where a particle turns by more than this in it, which `count_steps` cannot know of before:
        near the centre, where a bar sends it. Infinite: never.
    """
    sign = np.array([-1.0, 1.0, 1.0])
    position, velocity = position_kpc * sign, velocity_kms * sign
    if not tables.in_space:
        height = position[:, 2].copy(), velocity[:, 2].copy()
        position[:, 2] = velocity[:, 2] = 0.0
    start = np.ascontiguousarray(np.broadcast_to(start_kpc_kms, position.shape[:1]), dtype=float)
    steps = np.ascontiguousarray(np.broadcast_to(n_steps, position.shape[:1]), dtype=np.int64)
    follow_all(position, velocity, start, float(end_kpc_kms), steps, float(radians_per_step), tables.arrays())
    if not tables.in_space:
        position[:, 2], velocity[:, 2] = height
    return position * sign, velocity * sign


def energies(tables: ForceTables, position_kpc: Array, velocity_kms: Array, t_kpc_kms: float) -> Array:
    """Return the energy of particles, shape (n,), in the potential at one time [(km/s)^2]."""
    sign = np.array([-1.0, 1.0, 1.0])
    return total_energies(position_kpc * sign, velocity_kms * sign, float(t_kpc_kms), tables.arrays())


def count_steps(
    plane: PlaneProfile, R_inner_kpc: Array, duration_kpc_kms: Array, radians_per_step: float
) -> NDArray[np.int64]:
    """Return the number of steps for orbits that reach in to `R_inner_kpc`: the fastest frequency there turns by at most `radians_per_step`.

    The fastest is the vertical one, or that of passing through a bar's sixfold pattern. A bar sends stars farther in:
    give `integrate` the same `radians_per_step`.
    """
    Omega, kappa, nu = plane.frequencies(np.maximum(R_inner_kpc, plane.R_kpc[0]))
    fastest = np.maximum(np.maximum(nu, kappa), 3.0 * Omega)
    return np.maximum(np.ceil(np.abs(duration_kpc_kms) * fastest / radians_per_step), 1).astype(np.int64)
