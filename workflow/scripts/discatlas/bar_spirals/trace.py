"""Associations of young stars, followed in the barred potential and traced back in it and in the axisymmetric one.

As in Khalil et al. (2025, Sect. 5.6): from today on, when bar and spirals keep their strength, and in the plane.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, integrate
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_velocity, cylindrical_position

Array = NDArray[np.float64]
STAGES = ("forward", "back_barred", "back_axisymmetric")
SUBSTEP_KPC_KMS = 1e-3  # longest step of the integration


def draw_associations(
    plane: PlaneProfile,
    places_kpc: Sequence[Sequence[float]],
    n_stars: int,
    sigma_kpc: float,
    sigma_kms: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return the association (from 1), position and velocity of stars at birth, shapes (n,), (n, 3) and (n, 3).

    Parameters
    ----------
    plane : PlaneProfile
        The axisymmetric potential: associations are on circular orbits in it.
    places_kpc : sequence of (X, Y)
        Their centres.
    n_stars : int
        Stars in each.
    sigma_kpc, sigma_kms : float
        Standard deviations in X and Y, and in v_R and v_phi.

    Raises
    ------
    DiscatlasError
        For no association, fewer than two stars, or a centre outside the potential's table.
    """
    centres = np.asarray(places_kpc, float).reshape(-1, 2)
    R, phi = cylindrical_position(*centres.T)
    if not len(centres) or n_stars < 2:
        raise DiscatlasError(
            f"trace: got {len(centres)} places, {n_stars} stars in each; expected one and two at least"
        )
    if R.min() < plane.R_kpc[0] or R.max() > plane.R_kpc[-1]:
        raise DiscatlasError(
            f"trace: places lie {R.min():g} to {R.max():g} kpc from the centre; expected {plane.R_kpc[0]:g} to {plane.R_kpc[-1]:g}"
        )
    number = np.repeat(np.arange(len(centres)), n_stars)
    spread = rng.standard_normal((number.size, 4))
    position = np.zeros((number.size, 3))
    position[:, :2] = centres[number] + sigma_kpc * spread[:, :2]
    R, phi = cylindrical_position(*position[:, :2].T)
    velocity = np.zeros_like(position)
    speeds = sigma_kms * spread[:, 2], plane.circular_velocity(R) + sigma_kms * spread[:, 3]
    velocity[:, :2] = np.stack(cartesian_velocity(phi, *speeds), axis=1)
    return number + 1, position, velocity


def trace(
    plane: PlaneProfile,
    perturbation: Perturbation,
    position_kpc: Array,
    velocity_kms: Array,
    times_kpc_kms: Array,
) -> dict[str, Array]:
    """Return the places of stars at the times after birth in each of STAGES, arrays of shape (n_times, n, 2): X and Y.

    `times_kpc_kms` grows from 0, the birth, to now; position and velocity, shape (n, 3), are those at birth.
    """
    barred, axisymmetric = ForceTables.build(plane, perturbation), ForceTables.build(plane, Perturbation(None, ()))
    forward = _series(barred, position_kpc, velocity_kms, times_kpc_kms)
    now = forward[-1]
    states = (forward, *(_series(tables, *now, times_kpc_kms[::-1])[::-1] for tables in (barred, axisymmetric)))
    return {name: np.array([x[:, :2] for x, _ in series]) for name, series in zip(STAGES, states, strict=True)}


def _series(tables: ForceTables, position: Array, velocity: Array, times: Array) -> list[tuple[Array, Array]]:
    states = [(position, velocity)]
    for before, after in itertools.pairwise(times):
        n_steps = np.full(len(position), max(int(np.ceil(abs(after - before) / SUBSTEP_KPC_KMS)), 1))
        states.append(integrate(tables, *states[-1], before, after, n_steps))
    return states


def describe(number: NDArray[np.int64], places: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return of each association how far its traced centre and its stars are from their birth, and its size [pc].

    ``offset`` is that of the centre, ``star_offset`` the median over its stars, ``size`` the larger standard deviation of the
    places along their principal axes, ``axis_ratio`` the smaller over the larger.
    """
    records = []
    for k in np.unique(number):
        mine = number == k
        birth = places["forward"][0][mine]
        R, phi = (float(value[0]) for value in cylindrical_position(*birth.mean(axis=0)[:, None]))
        record: dict[str, Any] = {
            "association": int(k),
            "R_kpc": R,
            "phi_deg": phi,
            "size_at_birth_pc": _shape(birth)[0],
        }
        for stage in STAGES[1:]:
            traced = places[stage][0][mine]
            size, ratio = _shape(traced)
            record[stage] = {
                "offset_pc": 1e3 * float(np.linalg.norm(traced.mean(axis=0) - birth.mean(axis=0))),
                "star_offset_pc": 1e3 * float(np.median(np.linalg.norm(traced - birth, axis=1))),
                "size_pc": size,
                "axis_ratio": ratio,
            }
        records.append(record)
    return records


def _shape(places: Array) -> tuple[float, float]:
    """Return the larger standard deviation along the principal axes [pc] and the ratio of both."""
    small, large = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(places.T)), 0.0))
    return 1e3 * float(large), float(small / large)
