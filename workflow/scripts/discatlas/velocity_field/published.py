"""Published values to set beside ours: Oort constants, coefficients of the field at the Sun, rotation curves.

The tables are CSV files under ``resources``; comment lines that begin with ``#`` name source, table and doubts. Signs
are ours already: v_phi positive with rotation.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

CURVES = ("mean", "axisymmetric", "nonaxisymmetric", "second_order")


class Published(NamedTuple):
    """One published number: value and 1 sigma error in `unit` (astropy's spelling), and the table it stands in."""

    value: float
    error: float
    unit: str
    table: str


def read_values(path: Path) -> dict[str, Published]:
    """Return the published values of a table with the columns quantity, value, error, unit and table.

    The quantities have the names of the ``velocity_field`` table: ``A_kms_kpc``, ``v_phi_RZ_kms_kpc2`` and so on.

    Raises
    ------
    DiscatlasError
        If the file is missing, lacks a column, or holds what is no number or a quantity twice.
    """
    values: dict[str, Published] = {}
    for number, row in enumerate(_rows(path, ("quantity", "value", "error", "unit", "table")), 1):
        if row["quantity"] in values:
            raise DiscatlasError(f"{path}: quantity {row['quantity']!r} stands there twice")
        value, error = (_number(path, number, row, name) for name in ("value", "error"))
        values[row["quantity"]] = Published(value, error, row["unit"], row["table"])
    return values


def read_rotation_curves(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return published rotation curves: ``R_kpc``, and ``v_{c}_kms`` with ``v_{c}_error_kms`` for c in `CURVES`.

    Each is an array of shape (n,), in order of R. They are named as in the ``rotation_curve`` table.

    Raises
    ------
    DiscatlasError
        If the file is missing, lacks a column, holds what is no number, or its radii do not grow.
    """
    return _read_columns(path, ["R_kpc", *(f"v_{curve}{part}_kms" for curve in CURVES for part in ("", "_error"))])


def read_circular_velocity(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return a published circular velocity: ``R_kpc``, ``v_c_kms``, ``v_c_error_lo_kms`` and ``v_c_error_hi_kms``.

    Raises
    ------
    DiscatlasError
        As `read_rotation_curves`.
    """
    return _read_columns(path, ["R_kpc", "v_c_kms", "v_c_error_lo_kms", "v_c_error_hi_kms"])


def _read_columns(path: Path, names: list[str]) -> dict[str, NDArray[np.float64]]:
    rows = _rows(path, names)
    columns = {
        name: np.array([_number(path, number, row, name) for number, row in enumerate(rows, 1)]) for name in names
    }
    if not (np.diff(columns["R_kpc"]) > 0).all():
        raise DiscatlasError(f"{path}: column 'R_kpc' does not grow from row to row")
    return columns


def read_source(path: Path) -> str:
    """Return the first comment line of a published table: what it is and where it is from."""
    return _text(path).splitlines()[0].lstrip("# ")


def _text(path: Path) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DiscatlasError(f"{path}: no such file (a table of published values)") from None
    if not text.startswith("#"):
        raise DiscatlasError(f"{path}: expected a first line '# source, table' in a table of published values")
    return text


def _rows(path: Path, names: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    lines = [line for line in _text(path).splitlines() if not line.startswith("#")]
    reader = csv.DictReader(lines)
    for name in names:
        if name not in (reader.fieldnames or ()):
            raise DiscatlasError(f"{path}: no column {name!r}; it has: {', '.join(reader.fieldnames or ())}")
    return list(reader)


def _number(path: Path, number: int, row: dict[str, str], name: str) -> float:
    try:
        return float(row[name])
    except (TypeError, ValueError):
        raise DiscatlasError(f"{path}: row {number}, column {name!r}: got {row[name]!r}, expected a number") from None
