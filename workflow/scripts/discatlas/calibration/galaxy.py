"""The analytic galaxy of the calibration, whose mean field, dispersions and circular speed are known everywhere."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.frames import Sun
from discatlas.simulation.mean_field import MeanFieldModel, simulate_mean_field
from discatlas.simulation.taylor_field import TaylorField
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column

Array = NDArray[np.float64]
R0_KPC = 8.2
SUN = Sun(R0_KPC, 0.0208, (11.1, 245.0, 7.8), "calibration")

# a warm disc without floors, so that dispersions are exponential, as the correction for asymmetric drift takes them
GALAXY = MeanFieldModel(
    n_particles=1,
    R0_kpc=R0_KPC,
    radius_kpc=None,
    R_min_kpc=3.0,
    R_max_kpc=15.0,
    scale_length_kpc=2.6,
    scale_height_kpc=0.3,
    v_c_kms=235.0,
    v_c_slope=-0.05,
    sigma_R_kms=35.0,
    sigma_R_floor_kms=0.0,
    sigma_Z_kms=18.0,
    sigma_Z_floor_kms=0.0,
    sigma_scale_kpc=9.0,
    population="thin",
    age_min_Gyr=1.0,
    age_max_Gyr=9.0,
    spirals=(),
    regularisation=0.05,
    taylor=None,
)

# second-order fields about a node, of the size of that at the Sun (Akhmetov et al. 2024, Table 1)
SERIES = {
    "v_R": (0.6, -5.1, -0.4, 2.5, 0.7, 0.1, 10.1, 1.0, 1.1, 0.1),
    "v_phi": (232.2, -1.0, -0.5, -3.6, -4.9, -0.5, -53.9, -0.4, 4.2, 0.3),
    "v_Z": (0.8, 0.4, 0.3, -0.2, 0.4, 0.0, -1.5, 0.2, -0.7, -0.1),
}


def taylor_field(order: int) -> TaylorField:
    """Return the field `SERIES` about (R0, phi = 0), to first or second order."""
    n_terms = {1: 4, 2: len(TERMS)}[order]
    coefficients = {
        coefficient_column(component, term, 2): value
        for component in COMPONENTS
        for term, value in zip(TERMS[:n_terms], SERIES[component][:n_terms], strict=True)
    }
    return TaylorField(R0_KPC, 0.0, coefficients)


def galaxy(**changes: Any) -> MeanFieldModel:  # noqa: ANN401
    """Return `GALAXY` with other parameters."""
    return replace(GALAXY, **changes)


def draw_stars(model: MeanFieldModel, n_stars: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Return n stars of a galaxy, columns of the contract ``galaxy``."""
    return simulate_mean_field(model, n_stars, rng, 0)


def position(stars: dict[str, NDArray[Any]]) -> Array:
    """Return X, Y, Z [kpc], shape (n, 3)."""
    return np.column_stack([stars[f"{axis}_kpc"] for axis in "XYZ"])


def velocity(stars: dict[str, NDArray[Any]]) -> Array:
    """Return v_R, v_phi, v_Z [km/s], shape (n, 3)."""
    return np.column_stack([stars[f"{component}_kms"] for component in COMPONENTS])
