"""The plane of velocities at one place: the model's density, and where its moving groups lie (Khalil et al. 2025, Sect. 4)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.resonant_lines import exact_line, resonance_radius, resonant_line
from discatlas.dynamics.backward import BarredModel, velocity_planes
from discatlas.dynamics.velocity_grid import VelocityGrid

Array = NDArray[np.float64]
SIRIUS_V_PHI_KMS, SIRIUS_V_R_KMS = (250.0, 260.0), (-12.0, 0.0)
# ranges of v_R, and of v_phi relative to the circular velocity, in which groups are looked for [km/s]
HERCULES = ((20.0, 60.0), (-65.0, -20.0))
GAP = ((20.0, 60.0), (-32.0, -5.0))
HAT = ((-60.0, 60.0), (30.0, 70.0))
LINE_COLUMNS = (
    "l",
    "m",
    "R_resonance_kpc",
    "v_R_kms",
    "v_phi_kms",
    "L_z_kpc_kms",
    "J_R_kpc_kms",
    "v_phi_exact_kms",
    "L_z_exact_kpc_kms",
    "J_R_exact_kpc_kms",
)


class Prediction(NamedTuple):
    """Density of the barred model and of its equilibrium, shape `grid.shape`, each of integral 1 [(s/km)^2], and the ratio of their integrals."""

    density: Array
    density_equilibrium: Array
    surface_density_ratio: float


def predict_plane(
    model: BarredModel, R_kpc: float, phi_deg: float, grid: VelocityGrid, accuracy: str | int
) -> Prediction:
    """Return the densities of a model in the plane of velocities at a place."""
    f = velocity_planes(model, [R_kpc], [phi_deg], grid, accuracy)[0]
    f_equilibrium = equilibrium_plane(model, R_kpc, *grid.velocities()).reshape(grid.shape)
    area = cell_area(grid)
    return Prediction(
        f / f.sum() / area, f_equilibrium / f_equilibrium.sum() / area, float(f.sum() / f_equilibrium.sum())
    )


def equilibrium_plane(model: BarredModel, R_kpc: float, v_R_kms: Array, v_phi_kms: Array) -> Array:
    """Return the distribution function before bar and spirals, shape (n,), for velocities of shape (n,)."""
    return model.equilibrium_tables.density(np.full(v_R_kms.size, float(R_kpc)), v_R_kms, v_phi_kms)


def cell_area(grid: VelocityGrid) -> float:
    """Return the area of a bin [(km/s)^2]."""
    return float((grid.v_R_kms[1] - grid.v_R_kms[0]) * (grid.v_phi_kms[1] - grid.v_phi_kms[0]))


def line_columns(
    model: BarredModel, R_kpc: float, grid: VelocityGrid, resonances: Sequence[Sequence[int]]
) -> dict[str, NDArray]:
    """Return the columns of the contract ``velocity_plane_lines``: the bar's resonances l:m at a radius.

    A model without a bar has none. Of either line, that of Eq. A.5 and the exact one, L_z and J_R are given too.
    """
    rows: list[dict[str, Array]] = []
    v_R, action = grid.v_R_kms, model.equilibrium_tables.actions.radial_action
    limits = max(float(grid.v_phi_kms[0]), 1.0), float(grid.v_phi_kms[-1])
    for l, m in resonances if model.perturbation.bar else []:  # noqa: E741
        speed = model.perturbation.bar.pattern.Omega_kms_kpc
        radius = resonance_radius(model.plane, speed, l, m)
        row = {"l": np.full(v_R.size, l), "m": np.full(v_R.size, m), "R_resonance_kpc": np.full(v_R.size, radius)}
        row["v_R_kms"] = v_R
        for name, v_phi in (
            ("", resonant_line(model.plane, R_kpc, v_R, speed, l, m)),
            ("exact_", exact_line(model.plane, R_kpc, v_R, speed, l, m, limits)),
        ):
            J_R = action(R_kpc, v_R, np.nan_to_num(v_phi))
            row[f"v_phi_{name}kms"], row[f"L_z_{name}kpc_kms"] = v_phi, R_kpc * v_phi
            row[f"J_R_{name}kpc_kms"] = np.where(np.isfinite(v_phi), J_R, np.nan)
        rows.append(row)
    columns = {name: np.concatenate([row[name] for row in rows]) if rows else np.empty(0) for name in LINE_COLUMNS}
    return columns | {name: columns[name].astype(np.int64) for name in ("l", "m")}


def sirius_ratio(values: Array, grid: VelocityGrid) -> float | None:
    """Return the density at v_R = -12 over that at 0 km/s for 250 < v_phi < 260, minus 1; None where the grid lacks them.

    `values` may be a density or counts, shape `grid.shape`. Between centres of bins it is taken for linear.
    """
    low, high = SIRIUS_V_PHI_KMS
    strip = np.asarray(values[:, (grid.v_phi_kms > low) & (grid.v_phi_kms < high)].sum(axis=1), float)
    at, reference = np.interp(SIRIUS_V_R_KMS, grid.v_R_kms, strip, left=np.nan, right=np.nan)
    return float(at / reference - 1) if reference > 0 else None


def sirius_error(counts: NDArray, grid: VelocityGrid) -> float | None:
    """Return the Poisson error of `sirius_ratio` of counts."""
    ratio = sirius_ratio(counts, grid)
    low, high = SIRIUS_V_PHI_KMS
    strip = counts[:, (grid.v_phi_kms > low) & (grid.v_phi_kms < high)].sum(axis=1)
    variance = 0.0
    for v_R in SIRIUS_V_R_KMS:
        weight = np.array([np.interp(v_R, grid.v_R_kms, row) for row in np.eye(grid.v_R_kms.size)])
        variance += weight**2 @ strip / max(weight @ strip, 1e-300) ** 2
    return None if ratio is None else float((1 + ratio) * np.sqrt(variance))


def group_places(values: Array, equilibrium: Array, grid: VelocityGrid, v_c_kms: float) -> dict[str, float | None]:
    """Return v_phi of Hercules, of the gap above it, and of the Hat: where the excess over equilibrium is extreme [km/s].

    Parameters
    ----------
    values, equilibrium : array, shape `grid.shape`
        Densities or counts of what is looked at, and density of the equilibrium.
    v_c_kms : float
        Circular velocity at the place.

    Returns
    -------
    dict
        ``hercules``, ``gap`` and ``hat``; None where there is no extremum within the range.
    """
    places = {}
    for name, (v_R, v_phi), sign in (("hercules", HERCULES, 1), ("gap", GAP, -1), ("hat", HAT, 1)):
        rows = (grid.v_R_kms > v_R[0]) & (grid.v_R_kms < v_R[1])
        columns = np.flatnonzero((grid.v_phi_kms > v_c_kms + v_phi[0]) & (grid.v_phi_kms < v_c_kms + v_phi[1]))
        sums = (part[rows][:, columns].sum(axis=0) for part in (values, equilibrium))
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = sign * np.divide(*sums)
        places[name] = _peak(grid.v_phi_kms[columns], excess)
    return places


def _peak(x: Array, y: Array) -> float | None:
    """Return where y has its largest maximum that is not at an end, by a parabola through three bins."""
    inner = np.flatnonzero((y[1:-1] >= y[:-2]) & (y[1:-1] > y[2:])) + 1
    if not inner.size or not np.isfinite(y).all():
        return None
    k = inner[np.argmax(y[inner])]
    bend = y[k - 1] - 2 * y[k] + y[k + 1]
    return float(x[k] + 0.5 * (x[1] - x[0]) * (y[k - 1] - y[k + 1]) / bend)
