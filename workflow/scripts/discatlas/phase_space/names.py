"""Columns that the conversion reads and makes, and how the kernels get them."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import error_column, join_unit, split_unit
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
Columns = Mapping[str, Array]

COORDINATES = ("X_kpc", "Y_kpc", "Z_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms", "v_Z_kms", "L_z_kpc_kms")
CORRELATED = ("R", "phi", "Z", "v_R", "v_phi", "v_Z")
PERCENTILES = (16, 50, 84)
OBSERVABLES = ("ra", "dec", "distance_kpc", "pmra", "pmdec", "radial_velocity")
ERRORS = ("ra_error", "dec_error", "distance_error_kpc", "pmra_error", "pmdec_error", "radial_velocity_error")
# Gaia's ten correlations, in the order of the upper triangle of (ra, dec, parallax, pmra, pmdec)
CORRELATIONS = tuple(f"{one}_{two}_corr" for one, two in combinations(("ra", "dec", "parallax", "pmra", "pmdec"), 2))


def error_columns() -> list[str]:
    """Return the names of the standard errors of the nine coordinates."""
    return [error_column(name) for name in COORDINATES]


def correlation_columns() -> list[str]:
    """Return the names of the 15 correlations of (R, phi, Z, v_R, v_phi, v_Z)."""
    return [f"{one}_{two}_corr" for one, two in combinations(CORRELATED, 2)]


def percentile_columns() -> list[str]:
    """Return the names of the percentiles of the nine coordinates, those of one coordinate together."""
    parts = [split_unit(name) for name in COORDINATES]
    return [join_unit(f"{base}_p{percent}", unit) for base, unit in parts for percent in PERCENTILES]


def input_columns(present: Collection[str]) -> list[str]:
    """Return the columns that the conversion reads among those present.

    Raises
    ------
    DiscatlasError
        If ra, dec or distance_kpc is not among them.
    """
    for name in OBSERVABLES[:3]:
        if name not in present:
            raise DiscatlasError(f"phase space needs column {name!r}, which the sample lacks{nearest(name, present)}")
    wanted = (*OBSERVABLES, *ERRORS, "distance_lo_kpc", "distance_hi_kpc", *CORRELATIONS)
    return [name for name in wanted if name in present]


def gather(columns: Columns, names: tuple[str, ...], missing: float) -> tuple[Array, ...]:
    """Return the named columns as the kernels take them; an absent one is `missing` throughout."""
    absent = np.full(len(columns["ra"]), missing)
    # kernels are compiled for one array type: contiguous, writable float64
    return tuple(np.require(columns[name], np.float64, ["C", "W"]) if name in columns else absent for name in names)


def distance_sign(estimator: str) -> float:
    """Return the sign that turns a correlation with the parallax into one with the distance, 0 for independent."""
    return -1.0 if estimator == "inverse_parallax" else 0.0
