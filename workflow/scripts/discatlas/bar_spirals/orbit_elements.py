"""Orbital elements of stars with errors: axisymmetric ones, and limits of the orbit in the barred potential.

Axisymmetric: actions and limits by the Staeckel fudge (`dynamics.staeckel`). Barred: limits along the integrated orbit
(`dynamics.orbit_limits`), over a time that is given. Distances r are from the centre, eccentricities are
(r_apo - r_peri) / (r_apo + r_peri).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import error_column, join_unit, split_unit
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbit_limits import orbit_limits
from discatlas.dynamics.orbits import ForceTables, count_steps, energies
from discatlas.dynamics.staeckel import BEYOND_TABLE, BOUND, StaeckelTables, staeckel_elements
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position, cartesian_velocity
from discatlas.phase_space.names import PERCENTILES, correlation_columns

Array = NDArray[np.float64]
COORDINATES = ("R_kpc", "phi_deg", "Z_kpc", "v_R_kms", "v_phi_kms", "v_Z_kms")  # of CORRELATED
ELEMENTS = (
    "J_R_kpc_kms", "J_Z_kpc_kms", "J_phi_kpc_kms", "R_guide_kpc", "energy_km2_s2", "r_peri_kpc", "r_apo_kpc",
    "eccentricity", "Z_max_kpc", "r_peri_barred_kpc", "r_apo_barred_kpc", "eccentricity_barred", "Z_max_barred_kpc",
    "L_z_mean_barred_kpc_kms", "L_z_min_barred_kpc_kms", "L_z_max_barred_kpc_kms", "jacobi_energy_km2_s2",
)  # fmt: skip
STATUS = ("bound", "beyond_table", "unbound", "missing")
BARRED = {
    "r_min_kpc": "r_peri_barred_kpc",
    "r_max_kpc": "r_apo_barred_kpc",
    "Z_max_kpc": "Z_max_barred_kpc",
    "L_z_mean_kpc_kms": "L_z_mean_barred_kpc_kms",
    "L_z_min_kpc_kms": "L_z_min_barred_kpc_kms",
    "L_z_max_kpc_kms": "L_z_max_barred_kpc_kms",
}
MISSING = STATUS.index("missing")
CHUNK = 100_000  # orbits that are held at a time


@dataclass(frozen=True)
class OrbitModel:
    """The potential of the orbits, and how they are followed.

    Parameters
    ----------
    plane : PlaneProfile
        The axisymmetric potential in the plane.
    staeckel : StaeckelTables
        The same in space, for actions.
    forces : ForceTables
        Forces in space, of bar and spirals too.
    Omega_kms_kpc : float
        Pattern speed of the Jacobi energy: the bar's, or that of a single spiral; NaN where there is none.
    duration_kpc_kms : float
        Time over which orbits are followed, after today if positive (see `orbit_limits`).
    radians_per_step : float
        Accuracy of the steps.
    """

    plane: PlaneProfile
    staeckel: StaeckelTables
    forces: ForceTables
    Omega_kms_kpc: float
    duration_kpc_kms: float
    radians_per_step: float

    @classmethod
    def build(
        cls,
        plane: PlaneProfile,
        grid: PotentialGrid,
        perturbation: Perturbation,
        duration_kpc_kms: float,
        radians_per_step: float,
    ) -> Self:
        """Tabulate the potential.

        Raises
        ------
        DiscatlasError
            For a duration of nothing.
        """
        if not (np.isfinite(duration_kpc_kms) and duration_kpc_kms != 0 and radians_per_step > 0):
            raise DiscatlasError(
                f"orbits: got duration_kpc_kms {duration_kpc_kms}, radians_per_step {radians_per_step}; expected a number other than 0, and a positive one"
            )
        patterns = perturbation.patterns
        Omega = patterns[0].Omega_kms_kpc if perturbation.bar or len(patterns) == 1 else np.nan
        forces = ForceTables.build(plane, perturbation, grid)
        tables = StaeckelTables.build(plane, grid)
        return cls(plane, tables, forces, Omega, duration_kpc_kms, radians_per_step)


def orbit_elements(model: OrbitModel, places: Array) -> tuple[dict[str, Array], NDArray[np.int64]]:
    """Return the ELEMENTS of stars and their place in STATUS, shape (n,) each.

    Parameters
    ----------
    model : OrbitModel
        The potential.
    places : array, shape (n, 6)
        The COORDINATES; NaN where one is missing. A negative R is the place across the axis.

    Returns
    -------
    dict, array of int
        NaN stands where a star has no such element: an unbound one has energies and angular momentum alone, one whose
        orbit leaves the table these and the guiding radius; the barred limits are NaN where the orbit leaves the table
        in the time followed.
    """
    n = len(places)
    found, status = {name: np.full(n, np.nan) for name in ELEMENTS}, np.full(n, MISSING)
    rows = np.flatnonzero(np.isfinite(places).all(axis=1))
    R, phi, Z, v_R, v_phi, v_Z = places[rows].T
    across = R < 0
    R, phi = np.abs(R), np.where(across, phi + 180.0, phi)
    v_R, v_phi = np.where(across, -v_R, v_R), np.where(across, -v_phi, v_phi)
    axisymmetric, status[rows] = staeckel_elements(model.staeckel, R, Z, v_R, v_Z, v_phi)
    for name, values in axisymmetric.items():
        found[name][rows] = values
    found["J_phi_kpc_kms"][rows] = R * v_phi
    near, far = found["r_peri_kpc"], found["r_apo_kpc"]
    found["eccentricity"] = (far - near) / (far + near)
    is_held = status[rows] <= BEYOND_TABLE
    found["R_guide_kpc"][rows[is_held]] = model.plane.guiding_radius(np.abs(R * v_phi)[is_held])
    position = np.stack([*cartesian_position(R, phi), Z], axis=1)
    velocity = np.stack([*cartesian_velocity(phi, v_R, v_phi), v_Z], axis=1)
    inside = (model.staeckel.limits_kpc[0] > R) & (np.abs(Z) < model.staeckel.limits_kpc[1])
    found["jacobi_energy_km2_s2"][rows[inside]] = (
        energies(model.forces, position[inside], velocity[inside], 0.0) - model.Omega_kms_kpc * (R * v_phi)[inside]
    )
    held = np.flatnonzero(status[rows] == BOUND)
    for name, values in _barred(model, position[held], velocity[held], near[rows[held]]).items():
        found[name][rows[held]] = values
    near, far = found["r_peri_barred_kpc"], found["r_apo_barred_kpc"]
    found["eccentricity_barred"] = (far - near) / (far + near)
    return found, status


def _barred(model: OrbitModel, position: Array, velocity: Array, R_peri_kpc: Array) -> dict[str, Array]:
    radians = model.radians_per_step
    n_steps = count_steps(model.plane, R_peri_kpc, np.array(model.duration_kpc_kms), radians)
    reach = tuple(model.staeckel.limits_kpc)
    limits = orbit_limits(model.forces, position, velocity, model.duration_kpc_kms, n_steps, radians, reach)
    return {BARRED[name]: values for name, values in limits.items()}


def principal_errors(columns: Mapping[str, Array], where: str) -> Array:
    """Return matrices A with A A^T the covariance of the COORDINATES, shape (n, 6, 6); NaN where an error is missing.

    Raises
    ------
    DiscatlasError
        If a correlation is not among the columns: errors of a distance move all six coordinates together.
    """
    names = correlation_columns()
    absent = [name for name in names if name not in columns]
    if absent:
        raise DiscatlasError(
            f"{where}: no column {absent[0]!r}; errors of orbits need the correlations of the phase space: set correlations: true for the sample, or errors: false for the orbits"
        )
    errors = np.stack([columns[error_column(name)] for name in COORDINATES], axis=1)
    n = len(errors)
    matrix = np.broadcast_to(np.eye(6), (n, 6, 6)).copy()
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    for (i, j), name in zip(pairs, names, strict=True):
        matrix[:, i, j] = matrix[:, j, i] = columns[name]
    is_known = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(errors).all(axis=1)
    values, vectors = np.linalg.eigh(np.where(is_known[:, None, None], matrix, np.eye(6)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]  # rounding may leave a negative eigenvalue
    return np.where(is_known[:, None, None], root * errors[:, :, None], np.nan)


def with_linear_errors(model: OrbitModel, places: Array, errors: Array) -> dict[str, Array]:
    """Return ELEMENTS, status and the standard errors of stars, by differences of one sigma along each principal error.

    `places` has shape (n, 6) and `errors` (n, 6, 6) (see `principal_errors`). An error is NaN where one of the twelve
    displaced orbits has no such element.
    """
    found, status = orbit_elements(model, places)
    variance = {name: np.zeros(len(places)) for name in ELEMENTS}
    for k in range(6):
        ahead, _ = orbit_elements(model, places + errors[:, :, k])
        behind, _ = orbit_elements(model, places - errors[:, :, k])
        for name in ELEMENTS:
            variance[name] += (0.5 * (ahead[name] - behind[name])) ** 2
    return with_status(found, status) | {error_column(name): np.sqrt(variance[name]) for name in ELEMENTS}


def with_sampled_errors(model: OrbitModel, places: Array, errors: Array, draws: Array) -> dict[str, Array]:
    """Return ELEMENTS, status, percentiles and standard errors (half of p84 - p16) of stars from draws of their places.

    Parameters
    ----------
    model, places, errors
        As in `with_linear_errors`.
    draws : array, shape (n, n_draws, 6)
        Standard normal deviates.

    Returns
    -------
    dict
        Percentiles are over the draws that have the element; ``bound_share`` is the share of those that are bound within the
        table.
    """
    found, status = orbit_elements(model, places)
    n, n_draws = draws.shape[:2]
    result = with_status(found, status)
    sampled = {name: np.empty((n, n_draws)) for name in ELEMENTS}
    share, step = np.full(n, np.nan), max(CHUNK // n_draws, 1)
    for start in range(0, n, step):
        part = slice(start, start + step)
        moved = places[part, None, :] + np.einsum("nij,ndj->ndi", errors[part], draws[part])
        drawn, state = orbit_elements(model, moved.reshape(-1, 6))
        for name in ELEMENTS:
            sampled[name][part] = drawn[name].reshape(-1, n_draws)
        share[part] = np.mean(state.reshape(-1, n_draws) == BOUND, axis=1)
    result["bound_share"] = np.where(np.isfinite(errors).all(axis=(1, 2)) & (status != MISSING), share, np.nan)
    for name in ELEMENTS:
        percentiles = _percentiles(sampled[name])
        for percent, values in zip(PERCENTILES, percentiles, strict=True):
            base, unit = split_unit(name)
            result[join_unit(f"{base}_p{percent}", unit)] = values
        result[error_column(name)] = 0.5 * (percentiles[2] - percentiles[0])
    return result


def _percentiles(values: Array) -> Array:
    """Return the PERCENTILES along the second axis without the NaN, shape (3, n); NaN where fewer than half are numbers."""
    enough = np.isfinite(values).mean(axis=1) >= 0.5
    result = np.full((len(PERCENTILES), len(values)), np.nan)
    result[:, enough] = np.nanpercentile(values[enough], PERCENTILES, axis=1)
    return result


def with_status(found: Mapping[str, Array], status: NDArray[np.int64]) -> dict[str, Array]:
    """Return ELEMENTS and the names of the states, as columns."""
    return dict(found) | {"status": np.array(STATUS, dtype=object)[status]}


def needed_columns(is_with_errors: bool) -> Sequence[str]:
    """Return the columns of the phase space that the elements need."""
    names = ["source_id", *COORDINATES]
    return names + [error_column(name) for name in COORDINATES] + correlation_columns() if is_with_errors else names
