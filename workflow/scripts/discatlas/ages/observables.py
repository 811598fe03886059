"""What is compared with the isochrones: Teff, log g and M_Ks of each star with their errors; what is missing is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.ages.grid import OBSERVABLES
from discatlas.contracts import error_column
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
MAGNITUDE = ("ks_mag", "ks_error_mag", "distance_kpc", "distance_error_kpc")
POSITIVE = ("teff_K", "distance_kpc")
PER_RELATIVE = 5.0 / np.log(10.0)  # magnitudes of the distance modulus per relative error of the distance


@dataclass(frozen=True)
class Measured:
    """Observables of stars.

    Attributes
    ----------
    values, errors : ndarray, shape (n, 3)
        In the order of `OBSERVABLES`; NaN where unknown or not asked for.
    A_Ks_mag : ndarray, shape (n,)
        Extinction that was taken off [mag]; NaN where unknown or no magnitude is asked for.
    n_known : ndarray of int32, shape (n,)
        Number of observables that are known.
    missing : ndarray of object, shape (n,)
        Names of the columns without a value, joined by commas; None where there is none.
    """

    values: Array
    errors: Array
    A_Ks_mag: Array
    n_known: NDArray[np.int32]
    missing: NDArray[np.object_]


def check_observables(observables: Mapping[str, Any], min_observables: int) -> None:
    """Raise a DiscatlasError for an unknown observable, none, or a least number that cannot be."""
    for name in observables:
        if name not in OBSERVABLES:
            raise DiscatlasError(
                f"ages: observable {name!r} is unknown{nearest(name, OBSERVABLES)}; expected some of {', '.join(OBSERVABLES)}"
            )
    if not 1 <= min_observables <= len(observables):
        raise DiscatlasError(
            f"ages: min_observables is {min_observables}, expected 1 to the number of observables, {len(observables)}"
        )


def needed_columns(observables: Mapping[str, Any], extinction: Mapping[str, Any] | None) -> list[str]:
    """Return the columns of the sample that the observables need."""
    names = []
    for name in observables:
        if name != "M_Ks_mag":
            names += [name, error_column(name)]
            continue
        names += MAGNITUDE
        if extinction:
            names += [extinction[key] for key in ("column", "error_column") if extinction[key]]
    return names


def measure_observables(
    columns: Mapping[str, NDArray], observables: Mapping[str, Any], extinction: Mapping[str, Any] | None
) -> Measured:
    """Return the observables of stars from the columns of their sample (`needed_columns`).

    M_Ks = Ks - 5 log10(d / 10 pc) - A_Ks, with the errors of the three added in squares. A value that is not finite, a
    temperature or distance that is not positive, a negative error, and an error of zero without a floor count as missing.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
    observables : mapping
        For each one asked for, ``error_floor`` in its unit and ``relative_error_floor``, a fraction of its value: its
        error is the largest of its own and both.
    extinction : mapping, optional
        ``column`` and ``error_column`` (or None, for no error) of the sample, and ``A_Ks_ratio``, A_Ks over the column.
        Without it no extinction is taken off.
    """
    n = next(iter(columns.values())).size
    values, errors = (np.full((n, len(OBSERVABLES)), np.nan) for _ in range(2))
    A_Ks = np.full(n, np.nan)
    missing = np.full(n, None, dtype=object)
    for name, floors in observables.items():
        used = needed_columns({name: floors}, extinction)
        known = _known(columns, used, missing)
        i = OBSERVABLES.index(name)
        if name == "M_Ks_mag":
            values[:, i], errors[:, i], A_Ks = _magnitude(columns, extinction)
        else:
            values[:, i], errors[:, i] = columns[name], columns[error_column(name)]
        relative = floors["relative_error_floor"] * np.abs(values[:, i])
        errors[:, i] = np.maximum(errors[:, i], np.maximum(floors["error_floor"], relative))
        is_exact = known & ~(errors[:, i] > 0)
        add_missing(missing, is_exact, next(column for column in used if "_error" in column))
        values[~known | is_exact, i] = errors[~known | is_exact, i] = np.nan
    return Measured(values, errors, A_Ks, np.isfinite(values).sum(axis=1, dtype=np.int32), missing)


def add_missing(missing: NDArray[np.object_], is_missing: NDArray[np.bool_], name: str) -> None:
    """Add a name to the lists of what is missing, in place."""
    for row in np.flatnonzero(is_missing):
        missing[row] = name if missing[row] is None else f"{missing[row]}, {name}"


def _known(columns: Mapping[str, NDArray], used: list[str], missing: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which stars have all the columns, and name those that are missing."""
    known = np.ones(missing.size, dtype=bool)
    for column in used:
        good = np.isfinite(columns[column])
        if column in POSITIVE:
            good &= columns[column] > 0
        if "_error" in column:
            good &= columns[column] >= 0
        add_missing(missing, ~good, column)
        known &= good
    return known


def _magnitude(columns: Mapping[str, NDArray], extinction: Mapping[str, Any] | None) -> tuple[Array, Array, Array]:
    """Return M_Ks, its error, and A_Ks [mag]."""
    Ks, Ks_error, distance, distance_error = (np.asarray(columns[name], np.float64) for name in MAGNITUDE)
    A_Ks, A_error = np.zeros(Ks.size), np.zeros(Ks.size)
    if extinction:
        ratio = extinction["A_Ks_ratio"]
        A_Ks = ratio * columns[extinction["column"]]
        if extinction["error_column"]:
            A_error = ratio * columns[extinction["error_column"]]
    with np.errstate(divide="ignore", invalid="ignore"):
        M_Ks = Ks - 5.0 * np.log10(100.0 * distance) - A_Ks
        error = np.sqrt(Ks_error**2 + (PER_RELATIVE * distance_error / distance) ** 2 + A_error**2)
    return M_Ks, error, A_Ks
