"""The rotation curves in one bin of R, one galaxy in equilibrium per simulation.

The truth of the curves from cells and from the field is the mean v_phi at the middle of the bin, that of the curve
corrected for asymmetric drift the circular speed there.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.galaxy import GALAXY, R0_KPC, draw_stars, galaxy
from discatlas.calibration.study import Key, Study
from discatlas.calibration.velocity_field import average
from discatlas.contracts import error_column
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column, rotation
from discatlas.velocity_field.cells import POSITIONS, VELOCITIES, Window
from discatlas.velocity_field.nodes import fit_nodes, sort_cells
from discatlas.velocity_field.oort import CONSTANTS, oort_constants

Array = NDArray[np.float64]
N_STARS = 25_000
RADIUS_KPC, CELL_KPC, MIN_STARS, SPACING_KPC = 1.0, 0.25, 3, 0.25
PHI_MAX_DEG = 30.0
STEP_KPC = 0.5
EDGES = np.array([R0_KPC - 0.5 * STEP_KPC, R0_KPC + 0.5 * STEP_KPC])
ERROR_KMS = (1.0, 10.0)
WINDOW = Window(5.7, RADIUS_KPC, 1000.0, R0_KPC)
CURVES = ("mean", *rotation.FIELD_CURVES, "stars")


@cache
def local_galaxy() -> MeanFieldModel:
    """Return the galaxy within 5.7 kpc of the Sun in the plane and 1.5 kpc in R."""
    return galaxy(radius_kpc=WINDOW.half_width_kpc, R_min_kpc=R0_KPC - 1.5, R_max_kpc=R0_KPC + 1.5)


@cache
def nodes() -> tuple[Array, Array]:
    """Return X and Y [kpc] of the nodes of a square grid in the bin."""
    steps = SPACING_KPC * np.arange(-18, 19)
    X, Y = (axis.ravel() for axis in np.meshgrid(-R0_KPC + steps, steps, indexing="ij"))
    inside = rotation.bin_numbers(np.hypot(X, Y), np.rad2deg(np.arctan2(Y, -X)), EDGES, PHI_MAX_DEG) == 0
    return X[inside], Y[inside]


def draw(rng: np.random.Generator) -> dict[Key, Intervals]:
    """Measure all curves from one set of stars whose velocities have errors."""
    stars = draw_stars(local_galaxy(), N_STARS, rng)
    for name in VELOCITIES:
        stars[error_column(name)] = rng.uniform(*ERROR_KMS, N_STARS)
        stars[name] = stars[name] + stars[error_column(name)] * rng.standard_normal(N_STARS)
    cells = average(stars, WINDOW, CELL_KPC, MIN_STARS)
    columns = rotation.field_curves(_field(cells), EDGES, PHI_MAX_DEG, RADIUS_KPC)
    columns |= rotation.mean_curve(_bins(cells), cells["v_phi_kms"], 1)
    is_used = (_bins(stars) == 0) & (np.abs(stars["Z_kpc"]) <= RADIUS_KPC)
    used = {name: stars[name][is_used] for name in (*VELOCITIES, *(error_column(name) for name in VELOCITIES))}
    factor = rotation.drift_factor(np.array([R0_KPC]), GALAXY.scale_length_kpc, GALAXY.sigma_scale_kpc)
    columns |= rotation.jeans_curve(np.zeros(int(is_used.sum()), dtype=np.int64), used, EDGES, factor)
    model, rows = local_galaxy(), {}
    truth = {f"v_{curve}": model.jeans_v_phi(R0_KPC) for curve in CURVES} | {"v_c": model.circular_speed(R0_KPC)}
    sigma_R, sigma_phi, _ = model.dispersion(R0_KPC)
    truth |= {"sigma_v_R": sigma_R, "sigma_v_phi": sigma_phi}
    for name, true in truth.items():
        rows[Key("rotation curve", name)] = symmetric(columns[f"{name}_kms"], columns[f"{name}_error_kms"], float(true))
    return rows


def _bins(points: dict[str, Array]) -> NDArray[np.int64]:
    return rotation.bin_numbers(points["R_kpc"], points["phi_deg"], EDGES, PHI_MAX_DEG)


def _field(cells: dict[str, Array]) -> dict[str, NDArray]:
    """Return the columns of the contract ``velocity_field`` that the curves need."""
    positions, velocities = (np.column_stack([cells[name] for name in names]) for names in (POSITIONS, VELOCITIES))
    X, Y = nodes()
    fits, R = fit_nodes(sort_cells(positions, velocities, None, RADIUS_KPC), X, Y, 1), np.hypot(X, Y)
    field = {"radius_kpc": np.full(R.size, RADIUS_KPC), "node": np.arange(R.size), "n_cells": fits.n_cells}
    field |= {"X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": np.rad2deg(np.arctan2(Y, -X))}
    field["quality"] = np.full(R.size, "good", dtype=object)
    for component, term, order in (("v_phi", "0", 2), ("v_phi", "0", 1), ("v_R", "phi", 1)):
        fit, name = fits.quadratic if order == 2 else fits.linear, coefficient_column(component, term, order)
        c, t = COMPONENTS.index(component), TERMS.index(term)
        field |= {name: fit.coefficients[:, c, t], error_column(name): fit.errors[:, c, t]}
    values, _ = oort_constants(R, fits.linear.coefficients, fits.linear.covariance)
    return field | {f"linear_{name}_kms_kpc": column for name, column in zip(CONSTANTS, values.T, strict=True)}


UNEVEN = "the overlap of spheres is computed for cells that lie evenly and scatter alike"
REASONS = {
    "v_second_order": "the nodes' correlation is that of first-order fits; second-order ones weight the cells nearer to the node",
    "v_axisymmetric": UNEVEN,
    "v_nonaxisymmetric": f"{UNEVEN}, and v_phi(R) bends within the spheres of 1 kpc",
}
NOTE = "bin of 0.5 kpc, |phi| < 30 deg; truth: mean v_phi, circular speed, dispersion at its middle"
STUDIES = (Study("rotation curve, equilibrium", "equilibrium", draw, NOTE, REASONS),)
