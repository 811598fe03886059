"""The distribution function today in a disc with bar and spirals, by backward integration (Khalil et al. 2025, Sect. 3).

Along an orbit it is conserved, so its value here and now is that of the equilibrium where the orbit was before bar and
spirals grew. Azimuths are 0 at the Sun and positive with rotation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.dynamics.action_table import RadialActionTable
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.distribution import DistributionFunction, EquilibriumTables
from discatlas.dynamics.medians import sample_median, weighted_median
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.planar_orbits import PlanarTables, trace_back
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
ORBITS_AT_ONCE = 20_000
KEPT = 4  # equilibria that stay in memory
_kept: list[tuple[PlaneProfile, DistributionFunction, EquilibriumTables]] = []


def equilibrium_tables(plane: PlaneProfile, distribution: DistributionFunction) -> EquilibriumTables:
    """Return the tables of a distribution function in a potential, made once for each of the last few pairs."""
    for known_plane, known, tables in _kept:
        if known_plane is plane and known == distribution:
            return tables
    actions = next((tables.actions for known_plane, _, tables in _kept if known_plane is plane), None)
    tables = EquilibriumTables.build(plane, distribution, actions or RadialActionTable.build(plane))
    _kept.append((plane, distribution, tables))
    del _kept[:-KEPT]
    return tables


@dataclass(frozen=True)
class BarredModel:
    """A disc in equilibrium that bar and spirals have stirred for `integration_kpc_kms` [kpc/(km/s)] until today."""

    plane: PlaneProfile
    perturbation: Perturbation
    distribution: DistributionFunction
    integration_kpc_kms: float

    @classmethod
    def from_spec(cls, plane: PlaneProfile, spec: Mapping[str, Any]) -> Self:
        """Build the model from config entries: ``bar`` (or null), ``spirals``, ``distribution``, ``integration_kpc_kms``.

        Raises
        ------
        DiscatlasError
            If the time is not positive.
        """
        duration = float(spec["integration_kpc_kms"])
        if not 0 < duration < np.inf:
            raise DiscatlasError(f"backward integration: integration_kpc_kms {duration:g}; expected a time above 0")
        perturbation = Perturbation.from_config(spec["bar"], spec["spirals"])
        return cls(plane, perturbation, DistributionFunction.from_config(spec["distribution"]), duration)

    def replace(self, perturbation: Perturbation) -> Self:
        """Return the model with another bar and other spirals."""
        return type(self)(self.plane, perturbation, self.distribution, self.integration_kpc_kms)

    def equilibrium(self) -> Self:
        """Return the model without bar and spirals."""
        return self.replace(Perturbation(None, ()))

    @cached_property
    def tables(self) -> PlanarTables:
        """The forces."""
        return PlanarTables.build(self.plane, self.perturbation)

    @property
    def equilibrium_tables(self) -> EquilibriumTables:
        """The distribution function before bar and spirals."""
        return equilibrium_tables(self.plane, self.distribution)


class MapMedians(NamedTuple):
    """Medians over the velocities at each place, shape (n,): v_R, v_phi [km/s], J_R [kpc km/s], and the density, the sum of f over the bins times their area."""

    v_R_kms: Array
    v_phi_kms: Array
    J_R_kpc_kms: Array
    density: Array


def _places(model: BarredModel, R_kpc: ArrayLike, phi_deg: ArrayLike) -> tuple[Array, Array]:
    R, phi = np.broadcast_arrays(*(np.atleast_1d(np.asarray(values, float)) for values in (R_kpc, phi_deg)))
    _check_radii(model, R)
    return R, phi


def _check_radii(model: BarredModel, R_kpc: Array) -> None:
    low, high = model.plane.R_kpc[[0, -1]]
    outside = ~((R_kpc >= low) & (R_kpc <= high))
    if outside.any():
        raise DiscatlasError(
            f"backward integration: {outside.sum()} of {R_kpc.size} places lie outside the potential's table, {low:g} to {high:g} kpc; the first at R = {R_kpc[outside][0]:g} kpc"
        )


def distribution_at(
    model: BarredModel,
    R_kpc: ArrayLike,
    phi_deg: ArrayLike,
    v_R_kms: ArrayLike,
    v_phi_kms: ArrayLike,
    accuracy: str | int = "fast",
) -> Array:
    """Return the distribution function today at points of phase space, which broadcast against each other.

    Parameters
    ----------
    model : BarredModel
        The disc.
    R_kpc, phi_deg, v_R_kms, v_phi_kms : array
        Radius, azimuth, and velocities outward and with rotation.
    accuracy : str or int
        ``fast``: medians of v_R within 0.05 km/s of the converged ones; ``reference``; or a number of steps.

    Raises
    ------
    DiscatlasError
        For places outside the potential's table, or an unknown accuracy.
    """
    arrays = np.broadcast_arrays(*(np.asarray(values, float) for values in (R_kpc, phi_deg, v_R_kms, v_phi_kms)))
    R, phi, v_R, v_phi = (np.ascontiguousarray(values.ravel()) for values in arrays)
    _check_radii(model, R)
    f = trace_back(model.tables, model.equilibrium_tables, model.integration_kpc_kms, R, phi, v_R, v_phi, accuracy)
    return f.reshape(arrays[0].shape)


def velocity_planes(
    model: BarredModel, R_kpc: ArrayLike, phi_deg: ArrayLike, grid: VelocityGrid, accuracy: str | int = "fast"
) -> Array:
    """Return the distribution function at n places on a grid of velocities, shape (n, n_vR, n_vphi)."""
    R, phi = _places(model, R_kpc, phi_deg)
    planes = np.empty((R.size, *grid.shape))
    for some, f in _planes(model, R, phi, grid, accuracy):
        planes[some] = f
    return planes


def _planes(
    model: BarredModel, R: Array, phi: Array, grid: VelocityGrid, accuracy: str | int
) -> Iterator[tuple[slice, Array]]:
    """Yield the places of a few planes, and the planes."""
    n = max(ORBITS_AT_ONCE // (grid.v_R_kms.size * grid.v_phi_kms.size), 1)
    for first in range(0, R.size, n):
        some = slice(first, first + n)
        at = R[some, None, None], phi[some, None, None], grid.v_R_kms[:, None], grid.v_phi_kms
        yield some, distribution_at(model, *at, accuracy)


def v_R_medians(
    model: BarredModel,
    R_kpc: ArrayLike,
    phi_deg: ArrayLike,
    grid: VelocityGrid,
    accuracy: str | int = "fast",
    definition: str = "unbiased",
) -> Array:
    """Return the median of v_R at n places [km/s], by a definition of `medians.weighted_median`."""
    R, phi = _places(model, R_kpc, phi_deg)
    profiles = np.empty((R.size, grid.v_R_kms.size))
    for some, f in _planes(model, R, phi, grid, accuracy):
        profiles[some] = f.sum(axis=2)
    return weighted_median(profiles, grid.v_R_kms, definition)


def map_medians(
    model: BarredModel,
    R_kpc: ArrayLike,
    phi_deg: ArrayLike,
    grid: VelocityGrid,
    accuracy: str | int = "fast",
    definition: str = "unbiased",
) -> MapMedians:
    """Return medians and density at n places, a few at a time: the memory does not grow with their number.

    J_R is that of the axisymmetric potential at today's places and velocities.
    """
    R, phi = _places(model, R_kpc, phi_deg)
    result = MapMedians(*np.empty((4, R.size)))
    actions = model.equilibrium_tables.actions
    area = (grid.v_R_kms[1] - grid.v_R_kms[0]) * (grid.v_phi_kms[1] - grid.v_phi_kms[0])
    for some, f in _planes(model, R, phi, grid, accuracy):
        result.v_R_kms[some] = weighted_median(f.sum(axis=2), grid.v_R_kms, definition)
        result.v_phi_kms[some] = weighted_median(f.sum(axis=1), grid.v_phi_kms, definition)
        result.density[some] = f.sum(axis=(1, 2)) * area
        J = actions.radial_action(R[some, None, None], grid.v_R_kms[:, None], grid.v_phi_kms)
        for k, (values, weights) in enumerate(zip(J, f, strict=True)):
            known = np.isfinite(values)
            result.J_R_kpc_kms[some.start + k] = sample_median(values[known], weights[known])
    return result
