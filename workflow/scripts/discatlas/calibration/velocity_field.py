"""The velocity field at one node: coefficients, Oort's constants and north minus south, one node per simulation.

The mean velocities are series about the node of known coefficients, or those of the galaxy in equilibrium, which is the
same to the north and to the south. The node lies off the Sun's azimuth, the galaxy being turned.
"""

from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.galaxy import R0_KPC, SERIES, draw_stars, galaxy, position, taylor_field, velocity
from discatlas.calibration.study import Key, Study
from discatlas.frames import cartesian_position
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.velocity_field import COMPONENTS, TERMS
from discatlas.velocity_field.cells import ERRORS, POSITIONS, VELOCITIES, CubeSums, Window
from discatlas.velocity_field.hemispheres import north_minus_south, sort_hemispheres
from discatlas.velocity_field.nodes import Expansion, fit_nodes, sort_cells
from discatlas.velocity_field.oort import CONSTANTS, SUMMANDS, oort_constants

Array = NDArray[np.float64]
RADIUS_KPC = 1.0
PHI_DEG = 12.0
NODE = tuple(np.atleast_1d(x) for x in cartesian_position(R0_KPC, PHI_DEG))
WINDOW = Window(half_width_kpc=2.8, Z_max_kpc=RADIUS_KPC, max_speed_kms=1000.0, R0_kpc=-float(NODE[0][0]))
CELLS, STARS = "velocity field of cells", "velocity field of stars"


@cache
def local_galaxy(order: int | None) -> MeanFieldModel:
    """Return the galaxy about the node, with a series of an order or (None) its own mean velocity."""
    return galaxy(radius_kpc=RADIUS_KPC, taylor=None if order is None else taylor_field(order))


def turned(stars: dict[str, NDArray[Any]], phi_deg: float) -> dict[str, NDArray[Any]]:
    """Return the positions of stars with the galaxy turned by an angle; cylindrical velocities stay."""
    X, Y = cartesian_position(stars["R_kpc"], stars["phi_deg"] + phi_deg)
    return stars | {"X_kpc": X, "Y_kpc": Y, "phi_deg": stars["phi_deg"] + phi_deg}


def average(stars: dict[str, NDArray[Any]], window: Window, cell_kpc: float, min_stars: int) -> dict[str, NDArray[Any]]:
    """Return the cells of the stars in a window (contract ``phase_space_cells``)."""
    positions, velocities = position(stars), velocity(stars)
    used, _ = window.select(positions, velocities)
    cubes = CubeSums(window, cell_kpc)
    cubes.add(positions[used], velocities[used])
    return cubes.columns(min_stars)


def draw(
    rng: np.random.Generator,
    order: int | None,
    n_stars: int,
    cell_kpc: float | None = None,
    min_stars: int = 1,
    weighted: bool = False,
    is_both: bool = False,
) -> dict[Key, Intervals]:
    """Fit the field about the node to the stars of one simulation, or to their means in cubes."""
    stars = turned(draw_stars(local_galaxy(order), n_stars, rng), PHI_DEG)
    weights = None
    if cell_kpc is None:
        positions, velocities = position(stars), velocity(stars)
    else:
        cells = average(stars, WINDOW, cell_kpc, min_stars)
        positions, velocities = (np.column_stack([cells[name] for name in names]) for names in (POSITIONS, VELOCITIES))
        weights = np.column_stack([cells[name] for name in ERRORS]) ** -2 if weighted else None
    what = (STARS if cell_kpc is None else CELLS) + (", weighted" if weighted else "")
    if order is None:
        halves = sort_hemispheres(positions, velocities, weights, RADIUS_KPC)
        difference, error = (part[0, :, 0] for part in north_minus_south(halves, *NODE, 1, robust=True)[0])
        return {
            Key(what, f"north minus south {c}"): symmetric(difference[k], error[k], 0.0)
            for k, c in enumerate(COMPONENTS)
        }
    fits = fit_nodes(sort_cells(positions, velocities, weights, RADIUS_KPC), *NODE, 1)
    rows = {}
    if order == 2:
        rows |= _expansion(f"{what}, second order", fits.quadratic)
    if order == 1 or is_both:
        rows |= _expansion(f"{what}, first order", fits.linear)
    return rows


def _expansion(estimator: str, fit: Expansion) -> dict[Key, Intervals]:
    n_terms, rows = fit.coefficients.shape[2], {}
    for c, component in enumerate(COMPONENTS):
        for t, term in enumerate(TERMS[:n_terms]):
            key = Key(estimator, f"{component}_{term}")
            rows[key] = symmetric(fit.coefficients[:, c, t], fit.errors[:, c, t], SERIES[component][t])
    values, errors = oort_constants(np.array([R0_KPC]), fit.coefficients, fit.covariance)
    for name, value, error, truth in zip(CONSTANTS, values.T, errors.T, true_oort(), strict=True):
        rows[Key(estimator, name)] = symmetric(value, error, truth)
    return rows


def true_oort() -> Array:
    """Return Oort's constants of `SERIES` at its node."""
    terms = np.array([SERIES["v_R"][:3], SERIES["v_phi"][:3]])
    terms[:, 0] /= R0_KPC
    return 0.5 * np.einsum("kct,ct->k", SUMMANDS, terms)


VERTICAL = (
    "all cells count alike, but those far from the plane hold the fewest stars: errors 4 % too small, 66 % covered"
)
RADIAL = "all cells count alike, but the inner ones hold more stars, which scatter more: errors 3-5 % too large, 70 % covered"
TRUNCATED = "a first-order fit: the second-order terms of the field have means over the sphere of 1 kpc"
CURVED = "the field bends within a cube of 250 pc: V_ZZ (250 pc)^2/24 = -0.14 km/s"
NOISY = "weights are from the scatter of some 30 stars in each cell, and their noise is not in the errors: 67 % covered"


def _terms(estimator: str, terms: tuple[str, ...], reason: str) -> dict[Key | str, str]:
    return {Key(estimator, f"{component}_{term}"): reason for component in COMPONENTS for term in terms}


def _study(case: str, note: str, reasons: dict[Key | str, str], **settings: Any) -> Study:  # noqa: ANN401
    return Study(f"velocity field, {case}", case, partial(draw, **settings), note, reasons)


UNEQUAL = _terms(f"{CELLS}, second order", ("Z", "ZZ", "RZ", "phiZ"), VERTICAL)
UNEQUAL |= _terms(f"{CELLS}, second order", ("R",), RADIAL)
UNEQUAL_LINEAR = _terms(f"{CELLS}, first order", ("Z",), VERTICAL)
WEIGHTED = f"{CELLS}, weighted, second order"
SIZES = "coefficients as large as at the Sun (Akhmetov et al. 2024)"
CUBES = {"n_stars": 6000, "cell_kpc": 0.1, "min_stars": 3}
STUDIES = (
    _study(
        "quadratic field, 100 pc",
        f"{SIZES}; cubes of 100 pc with 3 stars or more",
        UNEQUAL | {f"{CELLS}, first order": TRUNCATED},
        order=2, is_both=True, **CUBES,
    ),
    _study("linear field, 100 pc", "cubes of 100 pc with 3 stars or more", UNEQUAL_LINEAR, order=1, **CUBES),
    _study("equilibrium, 100 pc", "cubes of 100 pc with 3 stars or more", {}, order=None, **CUBES),
    _study(
        "quadratic field, 250 pc",
        f"{SIZES}; cubes of 250 pc with 30 stars or more",
        {WEIGHTED: NOISY, Key(WEIGHTED, "v_phi_0"): CURVED},
        order=2, n_stars=20_000, cell_kpc=0.25, min_stars=30, weighted=True,
    ),
    _study("quadratic field", f"{SIZES}; 2000 single stars", {}, order=2, n_stars=2000),
)  # fmt: skip
