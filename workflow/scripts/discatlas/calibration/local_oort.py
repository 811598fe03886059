"""Oort's constants at the Sun by every route, one set of stars per simulation.

Two galaxies: one in which the velocity about the Sun is exactly linear, as the fits to motions take it, and the galaxy in
equilibrium, whose velocities bend within the shell. The routes through the velocity field take cells of the same stars.
"""

from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.galaxy import R0_KPC, SUN, draw_stars, galaxy
from discatlas.calibration.study import Key, Study
from discatlas.calibration.velocity_field import average
from discatlas.frames import cartesian_velocity, cylindrical_velocity, observe
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.velocity_field.cells import POSITIONS, VELOCITIES, Window
from discatlas.velocity_field.local_oort import OORT, field_oort, fit_oort, galactic_motion, select_shell
from discatlas.velocity_field.nodes import fit_nodes, sort_cells
from discatlas.velocity_field.oort import oort_constants

Array = NDArray[np.float64]
N_STARS = 2500
RADIUS_KPC = 2.0
LIMITS_KPC, B_MAX_DEG = [0.3, RADIUS_KPC], 15.0
FIELD_RADIUS_KPC, CELL_KPC, MIN_STARS = 1.0, 0.25, 3
WINDOW = Window(RADIUS_KPC, FIELD_RADIUS_KPC, 1000.0, R0_KPC)
MOTIONS, ALL = "Oort at the Sun, proper motions", "Oort at the Sun, all motions"
FIELD = "Oort at the Sun, field"
LINEAR_FLOW = (15.0, -12.0, -3.0, -3.0)  # A, B, C, K [km/s/kpc]


@cache
def local_galaxy() -> MeanFieldModel:
    """Return the galaxy within 2 kpc of the Sun in the plane."""
    return galaxy(radius_kpc=RADIUS_KPC)


def straighten(stars: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the stars with their mean velocity replaced by one that is linear in X and Y about the Sun."""
    A, B, C, K = LINEAR_FLOW
    x, y = stars["X_kpc"] + R0_KPC, stars["Y_kpc"]
    means = local_galaxy().mean_velocity(stars["X_kpc"], stars["Y_kpc"], stars["Z_kpc"])
    rest = [stars[f"{v}_kms"] - mean for v, mean in zip(("v_R", "v_phi", "v_Z"), means, strict=True)]
    v_X, v_Y = cartesian_velocity(stars["phi_deg"], *rest[:2])
    v_X = v_X + (K + C) * x + (A - B) * y
    v_Y = v_Y + (A + B) * x + (K - C) * y + (A - B) * R0_KPC
    v_R, v_phi = cylindrical_velocity(stars["X_kpc"], stars["Y_kpc"], v_X, v_Y)
    return stars | {"v_X_kms": v_X, "v_Y_kms": v_Y, "v_R_kms": v_R, "v_phi_kms": v_phi}


def draw(rng: np.random.Generator, is_linear: bool, distance_error: float, with_field: bool) -> dict[Key, Intervals]:
    """Measure A, B, C and K of one set of stars; distances have a relative error, proper motions none."""
    stars = draw_stars(local_galaxy(), N_STARS, rng)
    stars = straighten(stars) if is_linear else stars
    truth = LINEAR_FLOW if is_linear else local_galaxy().oort_constants(R0_KPC, 0.0)
    where, motion = ([stars[f"{v}{axis}_{unit}"] for axis in "XYZ"] for v, unit in (("", "kpc"), ("v_", "kms")))
    seen = observe(np.stack(where), np.stack(motion), SUN)
    distance = seen["distance_kpc"] * (1.0 + distance_error * rng.standard_normal(N_STARS))
    l_deg, b_deg, pm_l, pm_b = galactic_motion(seen["ra"], seen["dec"], seen["pmra"], seen["pmdec"])
    inside = select_shell(b_deg, distance, LIMITS_KPC, B_MAX_DEG)
    motions = [column[inside] for column in (l_deg, b_deg, distance, pm_l, pm_b)]
    fits = {
        MOTIONS: fit_oort(*motions),
        ALL: fit_oort(*motions, seen["radial_velocity"][inside]),
    }
    rows = {}
    for route, fit in fits.items():
        for k, name in enumerate(OORT):
            rows[Key(route, name)] = symmetric(fit.values[k], fit.errors[k], float(truth[k]))
    return rows | (_field_routes(stars, truth) if with_field else {})


def _field_routes(stars: dict[str, NDArray[Any]], truth: tuple[float, ...]) -> dict[Key, Intervals]:
    cells = average(stars, WINDOW, CELL_KPC, MIN_STARS)
    positions, velocities = (np.column_stack([cells[name] for name in names]) for names in (POSITIONS, VELOCITIES))
    X, Y = np.array([SUN.position_kpc[0]]), np.zeros(1)
    fits = fit_nodes(sort_cells(positions, velocities, None, FIELD_RADIUS_KPC), X, Y, 1)
    field: dict[str, Any] = {"X_kpc": X, "Y_kpc": Y, "node": np.zeros(1, int), "n_cells": fits.n_cells}
    field["quality"] = np.array(["good"], dtype=object)
    rows = {}
    for order, prefix, fit in (("first", "linear_", fits.linear), ("second", "", fits.quadratic)):
        values, errors = oort_constants(-X, fit.coefficients, fit.covariance)
        for k, name in enumerate(OORT):
            field |= {f"{prefix}{name}_kms_kpc": values[:, k], f"{prefix}{name}_error_kms_kpc": errors[:, k]}
        found = field_oort(field, R0_KPC, FIELD_RADIUS_KPC, prefix)
        for k, name in enumerate(OORT):
            value, error = found[f"{name}_kms_kpc"], found[f"{name}_error_kms_kpc"]
            rows[Key(f"{FIELD}, {order} order", name)] = symmetric(value, error, float(truth[k]))
    return rows


CLIPPED = "the factor that makes up for clipping holds for one component of Gaussian scatter: errors 2-5 % too small"
BENT = "the mean velocity bends within the shell of 2 kpc, the fit takes it as linear"
DISTANCES = "errors of the distances are not in the model: they flatten the gradient of the line-of-sight velocity"


def _study(case: str, note: str, reasons: dict[Key | str, str], **settings: Any) -> Study:  # noqa: ANN401
    return Study(f"local Oort, {case}", case, partial(draw, **settings), f"shell of 0.3-2 kpc; {note}", reasons)


STUDIES = (
    _study(
        "linear flow",
        "mean velocity linear in X and Y",
        {MOTIONS: CLIPPED, ALL: CLIPPED},
        is_linear=True, distance_error=0.0, with_field=False,
    ),
    _study(
        "linear flow, distances to 10 %",
        "mean velocity linear in X and Y",
        {MOTIONS: CLIPPED, ALL: DISTANCES},
        is_linear=True, distance_error=0.1, with_field=False,
    ),
    _study(
        "equilibrium",
        "velocities of an exponential disc in equilibrium",
        {Key(route, name): reason for route in (MOTIONS, ALL) for name, reason in zip(OORT, (BENT, BENT, CLIPPED, CLIPPED), strict=True)},
        is_linear=False, distance_error=0.0, with_field=True,
    ),
)  # fmt: skip
