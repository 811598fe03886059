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
from discatlas.velocity_field.oort import CONSTANTS, SUMMANDS, TENSORS, milne_tensors, oort_constants

Array = NDArray[np.float64]
RADIUS_KPC = 1.0
PHI_DEG = 12.0
NODE = tuple(np.atleast_1d(x) for x in cartesian_position(R0_KPC, PHI_DEG))
WINDOW = Window(half_width_kpc=2.8, Z_max_kpc=RADIUS_KPC, max_speed_kms=1000.0, R0_kpc=-float(NODE[0][0]))
PUBLISHED = "akhmetov2024"  # the errors of that paper
MIN_FIT = 30
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


def draw_cells(
    rng: np.random.Generator, order: int | None, n_stars: int, cell_kpc: float | None, min_stars: int, weighted: bool
) -> tuple[Array, Array, Array | None]:
    """Return positions, velocities and weights of the stars of one simulation, or of their means in cubes."""
    stars = turned(draw_stars(local_galaxy(order), n_stars, rng), PHI_DEG)
    if cell_kpc is None:
        return position(stars), velocity(stars), None
    cells = average(stars, WINDOW, cell_kpc, min_stars)
    positions, velocities, errors = (
        np.column_stack([cells[name] for name in names]) for names in (POSITIONS, VELOCITIES, ERRORS)
    )
    return positions, velocities, errors**-2 if weighted else None


def draw(
    rng: np.random.Generator,
    order: int,
    n_stars: int,
    what: str,
    cell_kpc: float | None = None,
    min_stars: int = 1,
    weighted: bool = False,
    others: tuple[str, ...] = (),
) -> dict[Key, Intervals]:
    """Fit a field of known coefficients about the node by the expansion of its own order.

    `others` adds the first-order fit, the published errors (akhmetov2024) or the tensors of the linear field.
    """
    cells = sort_cells(*draw_cells(rng, order, n_stars, cell_kpc, min_stars, weighted), RADIUS_KPC)
    fits, name = fit_nodes(cells, *NODE, MIN_FIT), {1: "first order", 2: "second order"}[order]
    rows = _expansion(f"{what}, {name}", fits.expansions[order])
    if "first order" in others:
        rows |= _expansion(f"{what}, first order", fits.linear)
    if PUBLISHED in others:
        published = fit_nodes(cells, *NODE, MIN_FIT, (order,), robust=False).expansions[order]
        rows |= _expansion(f"{what}, {name}, {PUBLISHED}", published)
    if "tensors" in others:
        rows |= _tensors(f"{what}, {name}", fits.linear)
    return rows


def draw_hemispheres(rng: np.random.Generator, **settings: Any) -> dict[Key, Intervals]:  # noqa: ANN401
    """Compare north and south of a galaxy in equilibrium, where no term differs."""
    halves = sort_hemispheres(*draw_cells(rng, order=None, weighted=False, **settings), RADIUS_KPC)
    rows = {}
    for order, (difference, error) in north_minus_south(halves, *NODE, 2 * MIN_FIT, robust=True).items():
        estimator = f"{CELLS}, north minus south, {('means', 'first order')[order]}"
        for c, component in enumerate(COMPONENTS):
            for t in range(difference.shape[2]):
                rows[Key(estimator, f"{component}_{TERMS[t]}")] = symmetric(difference[:, c, t], error[:, c, t], 0.0)
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


def _tensors(estimator: str, fit: Expansion) -> dict[Key, Intervals]:
    where = np.array([R0_KPC]), np.array([PHI_DEG])
    series = np.array([[SERIES[component][:4] for component in COMPONENTS]])
    truth, _ = milne_tensors(*where, series, np.zeros((1, 3, 4, 4)))
    values, errors = milne_tensors(*where, fit.coefficients, fit.covariance)
    return {Key(estimator, name): symmetric(values[0, k], errors[0, k], truth[0, k]) for k, name in enumerate(TENSORS)}


def true_oort() -> Array:
    """Return Oort's constants of `SERIES` at its node."""
    terms = np.array([SERIES["v_R"][:3], SERIES["v_phi"][:3]])
    terms[:, 0] /= R0_KPC
    return 0.5 * np.einsum("kct,ct->k", SUMMANDS, terms)


ALIKE = "akhmetov2024 takes all cells as alike, but those far from the plane hold the fewest stars, inner ones the most"
TRUNCATED = "a first-order fit: the second-order terms of the field have means over the sphere of 1 kpc"
CURVED = "the field bends within a cube of 250 pc: V_ZZ (250 pc)^2/24 = -0.14 km/s"
NOISY = "weights are from the scatter of some 30 stars in each cell, and their noise is not in the errors"
SIZES = "coefficients as large as at the Sun (Akhmetov et al. 2024)"
CUBES = {"n_stars": 6000, "cell_kpc": 0.1, "min_stars": 3}
WEIGHTED = f"{CELLS}, weighted"


def _study(case: str, note: str, reasons: dict[Key | str, str], **settings: Any) -> Study:  # noqa: ANN401
    return Study(f"velocity field, {case}", case, partial(draw, **settings), note, reasons)


STUDIES = (
    _study(
        "quadratic field, 100 pc",
        f"{SIZES}; cubes of 100 pc with 3 stars or more",
        {f"{CELLS}, first order": TRUNCATED, f"{CELLS}, second order, {PUBLISHED}": ALIKE},
        what=CELLS, order=2, others=("first order", PUBLISHED), **CUBES,
    ),
    _study(
        "linear field, 100 pc",
        "cubes of 100 pc with 3 stars or more",
        {},
        what=CELLS, order=1, others=("tensors",), **CUBES,
    ),
    Study(
        "velocity field, equilibrium, 100 pc",
        "equilibrium, 100 pc",
        partial(draw_hemispheres, **CUBES),
        "cubes of 100 pc with 3 stars or more; north and south are alike",
    ),
    _study(
        "quadratic field, 250 pc",
        f"{SIZES}; cubes of 250 pc with 30 stars or more",
        {f"{WEIGHTED}, second order": NOISY, Key(f"{WEIGHTED}, second order", "v_phi_0"): CURVED},
        what=WEIGHTED, order=2, n_stars=20_000, cell_kpc=0.25, min_stars=30, weighted=True,
    ),
    _study("quadratic field", f"{SIZES}; 2000 single stars", {}, what=STARS, order=2, n_stars=2000),
)  # fmt: skip
