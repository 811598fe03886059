"""Published metallicity gradients to set beside ours, each row of their tables with its citation."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting.gradient_data import GradientFacts

WORDS = ("gradient", "tracer", "citation")
NUMBERS = ("bin_low_kpc", "bin_high_kpc", "slope_dex_per_kpc", "slope_error_dex_per_kpc")
FURTHER = ("intercept_dex", "intercept_error_dex", "scatter_dex", "scatter_error_dex")
RANGE = ("x_low_kpc", "x_high_kpc")
GRADIENTS = {"radial": ("R_kpc", "abs_Z_kpc"), "vertical": ("abs_Z_kpc", "R_kpc")}  # x, and what the bins are in
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PublishedGradients:
    """Published gradients of one source: `label` cites it; arrays of shape (n,), in order of the bins.

    `low` and `high` are the edges of the bins [kpc], NaN for a value of no bin; slopes in dex/kpc, intercept and scatter
    in dex, NaN where the source gives none.
    """

    label: str
    low: Array
    high: Array
    slope: Array
    slope_error: Array
    intercept: Array
    intercept_error: Array
    scatter: Array
    scatter_error: Array

    @property
    def place(self) -> Array:
        """Middles of the bins [kpc], NaN for values of no bin."""
        return (self.low + self.high) / 2


def read_published(paths: Iterable[Path], facts: GradientFacts) -> list[PublishedGradients]:
    """Return the published gradients of the kind of `facts`, one item per citation, tracer and range, in order of the tables.

    The tables are CSV files with comment lines that begin with ``#`` and the columns `WORDS`, `NUMBERS` and, where a source
    has them, `FURTHER`, `RANGE` (of x) and ``quantity``; an empty cell is an unknown number. Only gradients of a metallicity,
    radial in bins of abs(Z) or vertical in bins of R, have published values.

    Raises
    ------
    DiscatlasError
        If a file is missing or lacks a column, for a row without its citation, and for what is no number.
    """
    groups: dict[str, list[list[float]]] = {}
    for path in paths:
        for number, row in enumerate(_rows(path), 1):
            where = f"{path}: row {number}"
            if not row["citation"].strip():
                raise DiscatlasError(f"{where}: no citation; each published value needs its own")
            if row["gradient"] not in GRADIENTS:
                got = f"gradient is {row['gradient']!r}"
                raise DiscatlasError(f"{where}: {got}, expected one of {', '.join(GRADIENTS)}")
            values = [_number(where, row, name) for name in (*NUMBERS, *FURTHER)]
            ends = [_number(where, row, name) for name in RANGE]
            if facts.is_of_iron and GRADIENTS[row["gradient"]] == (facts.x, facts.bin_by):
                groups.setdefault(_label(row, ends, facts), []).append(values)
    return [_source(label, rows) for label, rows in groups.items()]


def _label(row: Mapping[str, str], ends: Sequence[float], facts: GradientFacts) -> str:
    """Return citation and tracer, and the range of x and another metallicity than [Fe/H] where they are given."""
    words = [f"{row['citation'].strip()}: {row['tracer'].strip()}"]
    quantity = (row.get("quantity") or "").strip()
    words += [quantity] if quantity not in ("", "[Fe/H]") else []
    low, high = ends
    name = {"R_kpc": "R", "abs_Z_kpc": "|Z|"}[facts.x]
    if np.isfinite(low) and np.isfinite(high):
        words.append(f"{name} = {low:g}\N{EN DASH}{high:g} kpc")
    elif np.isfinite(low) or np.isfinite(high):
        words.append(f"{name} > {low:g} kpc" if np.isfinite(low) else f"{name} < {high:g} kpc")
    return ", ".join(words)


def _source(label: str, rows: Sequence[Sequence[float]]) -> PublishedGradients:
    columns = np.array(sorted(rows, key=lambda row: np.nan_to_num(row[0], nan=-1.0))).T
    return PublishedGradients(label, *columns)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DiscatlasError(f"{path}: no such file (a table of published gradients)") from None
    reader = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    for name in (*WORDS, *NUMBERS):
        if name not in (reader.fieldnames or ()):
            raise DiscatlasError(f"{path}: no column {name!r}; it has: {', '.join(reader.fieldnames or ())}")
    return list(reader)


def _number(where: str, row: dict[str, str], name: str) -> float:
    text = (row.get(name) or "").strip()
    try:
        return float(text) if text else np.nan
    except ValueError:
        raise DiscatlasError(f"{where}, column {name!r}: got {text!r}, expected a number or nothing") from None
