"""Checks: a value, what it must be, where that comes from, and whether it passes."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
STATISTICS = {"count": np.size, "mean": np.mean, "median": np.median, "std": lambda x: np.std(x, ddof=1)}


@dataclass(frozen=True)
class Check:
    """The outcome of one check; `tolerance` is the largest difference from `expected` that passes."""

    name: str
    value: float
    expected: float
    tolerance: float
    unit: str
    source: str

    @property
    def passed(self) -> bool:
        """Whether the value is within the tolerance; NaN never is."""
        return bool(abs(self.value - self.expected) <= self.tolerance)

    def record(self) -> dict[str, Any]:
        """Return the check as a JSON record."""
        return asdict(self) | {"pass": self.passed}


def statistic(values: Array, name: str) -> float:
    """Return count, mean, median or std of the known values; a DiscatlasError if none is known."""
    known = values[np.isfinite(values)]
    if name != "count" and known.size == 0:
        raise DiscatlasError(f"no known value to take the {name} of; check the selection of this check")
    return float(STATISTICS[name](known))


def chi_square_deviation(value: Array, error: Array, truth: Array) -> tuple[float, int]:
    """Return how far chi-square lies from its expectation in standard deviations, and the number of cells.

    (chi^2 - n) / sqrt(2 n) over the cells with a finite value and error; a DiscatlasError if there are none.
    """
    good = np.isfinite(value) & np.isfinite(error) & (error > 0)
    n_cells = int(good.sum())
    if n_cells == 0:
        raise DiscatlasError("no cell to compare with the truth; widen radius_kpc of this check")
    chi_square = np.sum(((value[good] - truth[good]) / error[good]) ** 2)
    return float((chi_square - n_cells) / np.sqrt(2 * n_cells)), n_cells
