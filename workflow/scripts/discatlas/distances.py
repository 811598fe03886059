"""Distances by named estimator.

Each estimator turns the columns of a catalogue into one distance with a standard error and a 16-84 % interval.
Values that an estimator cannot give (a parallax that is not positive, a missing input) are missing (NaN).
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from discatlas import cepheids
from discatlas.errors import DiscatlasError, nearest
from discatlas.galactocentric import radius_distance

Array = NDArray[np.float64]
Columns = Mapping[str, Array]


def estimate_distance(columns: Columns, estimator: str, R0_kpc: float | None = None) -> dict[str, Array]:
    """Return the distance of each star by the named estimator.

    Parameters
    ----------
    columns : mapping of array, shape (n,)
        Standard catalogue columns: parallaxes in mas, r_*_geo and r_*_photogeo in pc, catalogue_distance_* in kpc;
        text as arrays of objects.
    estimator : str
        - ``inverse_parallax``: 1/parallax with error parallax_error/parallax^2; the interval is 1/(parallax +- error).
        - ``geometric``, ``photogeometric``: Bailer-Jones et al. (2021), median and 16th and 84th percentile.
        - ``catalogue``: the catalogue's own, with its percentiles or else its standard error.
        - ``galactocentric_radius``: the one that gives the catalogue's Galactocentric radius (see `galactocentric`).
        - ``period_wesenheit``: of Cepheids, from period and Gaia magnitudes (Ripepi et al. 2022; see `cepheids`).
    R0_kpc : float, optional
        The Sun's radius, which ``galactocentric_radius`` needs (the one that the catalogue took) and
        ``period_wesenheit`` (for the metallicity at the star's radius).

    Returns
    -------
    dict
        distance_kpc, distance_error_kpc (half of hi - lo where the interval is the catalogue's own),
        distance_lo_kpc, distance_hi_kpc.

    Raises
    ------
    DiscatlasError
        For an unknown estimator or a missing column, with the nearest name.
    """
    required_columns(estimator, columns)
    distance, error, lo, hi = ESTIMATORS[estimator](columns, R0_kpc)
    is_missing = ~(np.isfinite(distance) & (distance > 0))
    values = {"distance_kpc": distance, "distance_error_kpc": error, "distance_lo_kpc": lo, "distance_hi_kpc": hi}
    return {name: np.where(is_missing | ~np.isfinite(value), np.nan, value) for name, value in values.items()}


def required_columns(estimator: str, present: Collection[str]) -> list[str]:
    """Return the columns that an estimator reads, given those present.

    Raises
    ------
    DiscatlasError
        For an unknown estimator, or a column that it needs and that is not present.
    """
    check_estimator(estimator)
    needed = {
        "inverse_parallax": ["parallax", "parallax_error"],
        "geometric": ["r_med_geo", "r_lo_geo", "r_hi_geo"],
        "photogeometric": ["r_med_photogeo", "r_lo_photogeo", "r_hi_photogeo"],
        "catalogue": ["catalogue_distance_kpc"],
        "galactocentric_radius": ["ra", "dec", "galactocentric_radius_kpc"],
        "period_wesenheit": list(cepheids.COLUMNS),
    }[estimator]
    for name in needed:
        if name not in present:
            raise DiscatlasError(
                f"distance estimator {estimator!r} needs column {name!r}, which the catalogue lacks{nearest(name, present)}"
            )
    if estimator == "catalogue":
        interval = ["catalogue_distance_lo_kpc", "catalogue_distance_hi_kpc"]
        extra = interval if all(name in present for name in interval) else ["catalogue_distance_error_kpc"]
        return needed + [name for name in extra if name in present]
    if estimator == "galactocentric_radius":
        return needed + [name for name in ("galactocentric_radius_error_kpc",) if name in present]
    if estimator == "period_wesenheit":
        return needed + [name for name in cepheids.OPTIONAL_COLUMNS if name in present]
    return needed


def check_estimator(estimator: str) -> None:
    """Raise a DiscatlasError with the nearest known name if there is no such distance estimator."""
    if estimator not in ESTIMATORS:
        raise DiscatlasError(
            f"distance estimator {estimator!r} is unknown{nearest(estimator, ESTIMATORS)}; expected one of {', '.join(ESTIMATORS)}"
        )


def _inverse_parallax(columns: Columns) -> tuple[Array, Array, Array, Array]:
    parallax, error = np.asarray(columns["parallax"], float), np.asarray(columns["parallax_error"], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(parallax > 0, 1.0 / parallax, np.nan)
        # a parallax within its error of zero has no upper end
        hi = np.where(parallax > error, 1.0 / (parallax - error), np.nan)
        return distance, error * distance**2, 1.0 / (parallax + error), hi


def _bailer_jones(columns: Columns, kind: str) -> tuple[Array, Array, Array, Array]:
    median, lo, hi = (np.asarray(columns[f"r_{part}_{kind}"], float) / 1000.0 for part in ("med", "lo", "hi"))
    return median, 0.5 * (hi - lo), lo, hi


def _catalogue(columns: Columns) -> tuple[Array, Array, Array, Array]:
    distance = np.asarray(columns["catalogue_distance_kpc"], float)
    names = required_columns("catalogue", columns)
    if "catalogue_distance_lo_kpc" in names:
        lo, hi = (np.asarray(columns[f"catalogue_distance_{end}_kpc"], float) for end in ("lo", "hi"))
        return distance, 0.5 * (hi - lo), lo, hi
    error = np.asarray(columns.get("catalogue_distance_error_kpc", np.full_like(distance, np.nan)), float)
    return distance, error, distance - error, distance + error


def _galactocentric_radius(columns: Columns, R0_kpc: float | None) -> tuple[Array, Array, Array, Array]:
    return radius_distance(columns, _given(R0_kpc, "galactocentric_radius"))


def _period_wesenheit(columns: Columns, R0_kpc: float | None) -> tuple[Array, Array, Array, Array]:
    return cepheids.period_wesenheit_distance(columns, _given(R0_kpc, "period_wesenheit"))


def _given(R0_kpc: float | None, estimator: str) -> float:
    if R0_kpc is None:
        raise DiscatlasError(f"distance estimator {estimator!r} needs the Sun's radius; give R0_kpc")
    return R0_kpc


ESTIMATORS: dict[str, Callable[[Columns, float | None], tuple[Array, Array, Array, Array]]] = {
    "inverse_parallax": lambda columns, _: _inverse_parallax(columns),
    "geometric": lambda columns, _: _bailer_jones(columns, "geo"),
    "photogeometric": lambda columns, _: _bailer_jones(columns, "photogeo"),
    "catalogue": lambda columns, _: _catalogue(columns),
    "galactocentric_radius": _galactocentric_radius,
    "period_wesenheit": _period_wesenheit,
}
