"""Forward mocks: particles in equilibrium before bar and spirals grew, integrated to today.

The independent test of backward integration: they are drawn from the distribution function in actions and angles, where
it needs no potential, and follow the orbits in the other direction, by another kernel. In actions f d2x d2v is
(2 pi)^2 f(J_R, L) dJ_R dL with even angles, so of one component, f = Omega/(kappa sigma^2) exp(-R_g/h - kappa J_R/sigma^2),
J_R is exponential with mean sigma^2/kappa at a given L, and guiding radii have the density R exp(-R/h), for
dL = R kappa^2/(2 Omega) dR; every component has the mass (2 pi)^2/2 int R exp(-R/h) dR.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.adiabatic import N_ACTION, VerticalTables, place_orbits
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid, node_grid
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.distribution import DistributionFunction
from discatlas.dynamics.orbits import ForceTables, count_steps, integrate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC, vertical_nodes
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_velocity

Array = NDArray[np.float64]
Columns = dict[str, Array]
CHUNK_PARTICLES = 200_000
N_RADII = 20_001  # at which the mass within is known
COLUMNS = ("X_kpc", "Y_kpc", "v_R_kms", "v_phi_kms", "J_R_birth_kpc_kms", "L_z_birth_kpc_kms", "weight")


@dataclass(frozen=True)
class BarredMock:
    """How a mock is drawn.

    Parameters
    ----------
    n_particles : int
        Number of particles.
    R_limits_kpc : tuple of two float
        Guiding radii at birth. A place sees the whole distribution function only if it lies within these by several
        epicycles and by what bar and spirals move stars.
    sampling_scale_kpc : float
        Scale length h_s of the drawn guiding radii, whose density is R exp(-R/h_s); the weights make up for a difference
        from that of the distribution function. A longer one puts more particles where stars are few.
    radians_per_step : float
        How far the fastest frequency of an orbit turns in one step.
    velocity_error_kms : float
        Standard deviation of the Gaussian errors that both velocities get.
    """

    n_particles: int
    R_limits_kpc: tuple[float, float]
    sampling_scale_kpc: float
    radians_per_step: float
    velocity_error_kms: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any], model: BarredModel, where: str) -> Self:
        """Build the mock of a config entry, whose null ``sampling_scale_kpc`` is that of the model; `where` names the entry.

        Raises
        ------
        DiscatlasError
            For numbers that are not positive, a negative error, and radii out of order or beyond the potential's table.
        """
        scale = config["sampling_scale_kpc"]
        mock = cls(
            int(config["n_particles"]),
            tuple(map(float, config["R_limits_kpc"])),
            model.distribution.scale_length_kpc if scale is None else float(scale),
            float(config["radians_per_step"]),
            float(config["velocity_error_kms"]),
        )
        for name in ("n_particles", "sampling_scale_kpc", "radians_per_step"):
            if not getattr(mock, name) > 0:
                raise DiscatlasError(f"{where}.{name}: got {getattr(mock, name)}, expected more than 0")
        if not mock.velocity_error_kms >= 0:
            raise DiscatlasError(f"{where}.velocity_error_kms: got {mock.velocity_error_kms:g}, expected 0 or more")
        (low, high), (first, last) = mock.R_limits_kpc, model.plane.R_kpc[[0, -1]]
        if not first <= low < high <= last:
            raise DiscatlasError(
                f"{where}.R_limits_kpc: got [{low:g}, {high:g}], expected two radii in order within the potential's table, {first:g} to {last:g} kpc"
            )
        return mock

    def _mass_within(self, scale_kpc: float) -> tuple[Array, Array]:
        """Return radii over the limits, and int R exp(-R/scale) dR from the first to each [kpc^2]."""
        R = np.linspace(*self.R_limits_kpc, N_RADII)
        mass = -scale_kpc * (R + scale_kpc) * np.exp(-R / scale_kpc)
        return R, mass - mass[0]

    def mass(self, distribution: DistributionFunction) -> float:
        """Return int f d2x d2v over the guiding radii of the mock [kpc^2]."""
        _, within = self._mass_within(distribution.scale_length_kpc)
        return float(2 * np.pi**2 * within[-1] * sum(weight for _, weight in distribution.components))

    def draw_radii(self, n: int, distribution: DistributionFunction, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw n guiding radii [kpc]; return them and their weights, which have the mean 1 over many."""
        R, within = self._mass_within(self.sampling_scale_kpc)
        drawn = np.interp(rng.random(n) * within[-1], within, R)
        h, total = distribution.scale_length_kpc, self._mass_within(distribution.scale_length_kpc)[1][-1]
        return drawn, np.exp(drawn / self.sampling_scale_kpc - drawn / h) * within[-1] / total


def plane_tables(plane: PlaneProfile) -> VerticalTables:
    """Return the tables of `place_orbits` for orbits in the plane alone: the potential of `plane` at all heights."""
    Z = vertical_nodes(4, 1.0)
    Phi, slope = (np.repeat(f[:, None], Z.size, axis=1) for f in (plane.Phi_km2_s2, plane.dPhi_dR_km2_s2_kpc))
    grid = PotentialGrid(plane.R_kpc, Z, Phi, slope, 0 * Phi, 0 * Phi)
    nodes = node_grid(plane.R_kpc, RADIAL_SCALE_KPC), node_grid(Z, VERTICAL_SCALE_KPC)
    none = np.zeros((plane.R_kpc.size, N_ACTION))
    return VerticalTables(grid.node_table(), *nodes, none, none)


def draw_birth(mock: BarredMock, model: BarredModel, n: int, rng: np.random.Generator) -> Columns:
    """Draw n particles from the distribution function of the model before bar and spirals.

    Returns
    -------
    dict
        R_kpc, phi_deg, v_R_kms, v_phi_kms, R_peri_kpc, J_R_kpc_kms, L_z_kpc_kms and weight, each of shape (n,).
    """
    distribution, plane = model.distribution, model.plane
    R_guide, weight = mock.draw_radii(n, distribution, rng)
    Omega, kappa, _ = plane.frequencies(R_guide)
    sigma_0, share = np.array(distribution.components).T
    component = np.searchsorted(np.cumsum(share) / share.sum(), rng.random(n), side="right")
    sigma = sigma_0[component] * np.exp(-(R_guide - distribution.R0_kpc) / distribution.sigma_scale_kpc)
    J_R, L_z = rng.exponential(sigma**2 / kappa), R_guide**2 * Omega
    zero = np.zeros(n)
    placed = place_orbits(plane_tables(plane), L_z, J_R, zero, R_guide, rng.random(n), zero)
    columns = {name: placed[name] for name in ("R_kpc", "v_R_kms", "v_phi_kms", "R_peri_kpc")}
    return columns | {"phi_deg": rng.uniform(-180, 180, n), "J_R_kpc_kms": J_R, "L_z_kpc_kms": L_z, "weight": weight}


def simulate_chunks(
    mock: BarredMock, model: BarredModel, rng: np.random.Generator, error_rng: np.random.Generator
) -> Iterator[Columns]:
    """Yield the particles as they are today, by chunks (columns of contract ``barred_mock``).

    `error_rng` draws the errors alone: the particles are the same with others.
    """
    tables, duration = ForceTables.build(model.plane, model.perturbation), model.integration_kpc_kms
    for first in range(0, mock.n_particles, CHUNK_PARTICLES):
        birth = draw_birth(mock, model, min(CHUNK_PARTICLES, mock.n_particles - first), rng)
        phi, zero = birth["phi_deg"], np.zeros(birth["phi_deg"].size)
        position = np.stack([*cartesian_position(birth["R_kpc"], phi), zero], axis=1)
        velocity = np.stack([*cartesian_velocity(phi, birth["v_R_kms"], birth["v_phi_kms"]), zero], axis=1)
        steps = count_steps(model.plane, birth["R_peri_kpc"], duration, mock.radians_per_step)
        position, velocity = integrate(tables, position, velocity, -duration, 0.0, steps, mock.radians_per_step)
        places = position[:, 0], position[:, 1]
        velocities = np.stack(cylindrical_velocity(*places, velocity[:, 0], velocity[:, 1]))
        velocities += mock.velocity_error_kms * error_rng.standard_normal(velocities.shape)
        births = birth["J_R_kpc_kms"], birth["L_z_kpc_kms"], birth["weight"]
        yield dict(zip(COLUMNS, (*places, *velocities, *births), strict=True))
