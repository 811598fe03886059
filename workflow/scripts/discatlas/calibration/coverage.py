"""Intervals with their truths, and what they show: coverage, its binomial interval, pulls."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Array = NDArray[np.float64]

NOMINAL = 0.6826894921370859  # probability within 1 sigma
CONFIDENCE = 0.997  # of the binomial interval of a coverage
BIASED = 0.1  # mean pull from which on a remark calls a row biased
OFF = 0.05  # deviation of the width of the pulls from 1 that a remark names


class Intervals(NamedTuple):
    """Estimates, the ends of their 68 % intervals, and the truths, each of shape (n,) in one unit."""

    value: Array
    lo: Array
    hi: Array
    truth: Array

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Where the estimator gives a value and both ends."""
        return np.isfinite(self.value) & np.isfinite(self.lo) & np.isfinite(self.hi)

    @property
    def is_covered(self) -> NDArray[np.bool_]:
        """Where the interval contains the truth."""
        return (self.lo <= self.truth) & (self.truth <= self.hi)

    def take(self, rows: NDArray[np.int64]) -> "Intervals":
        """Return the intervals of these row numbers."""
        return Intervals(*(column[rows] for column in self))

    def scaled(self, factor: float) -> "Intervals":
        """Return the intervals with both arms made longer by a factor: a wrong error bar, to try the machinery."""
        value, lo, hi, truth = self
        return Intervals(value, value + factor * (lo - value), value + factor * (hi - value), truth)


def symmetric(value: Array, error: Array, truth: Array | float) -> Intervals:
    """Return the intervals value - error to value + error, error being 1 sigma; all broadcast to one shape (n,)."""
    value, error, truth = (np.atleast_1d(x) for x in np.broadcast_arrays(value, error, truth))
    return Intervals(value, value - error, value + error, truth)


def join(parts: Sequence[Intervals]) -> Intervals:
    """Return several sets as one, in order."""
    return Intervals(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def clopper_pearson(n_covered: int, n_intervals: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact interval of a binomial probability (Clopper & Pearson 1934) of at least that confidence."""
    tail, n_missed = 0.5 * (1.0 - confidence), n_intervals - n_covered
    low = beta.ppf(tail, n_covered, n_missed + 1) if n_covered else 0.0
    high = beta.isf(tail, n_covered + 1, n_missed) if n_missed else 1.0
    return float(low), float(high)


def pulls(intervals: Intervals) -> Array:
    """Return value minus truth in units of the arm that points to the truth: at most 1 in size where it is covered.

    Where that arm has no length they are infinite, or 0 if the value is the truth.
    """
    value, lo, hi, truth = intervals
    arm, off = np.where(truth < value, value - lo, hi - value), value - truth
    beyond = np.where(off == 0.0, 0.0, np.copysign(np.inf, off))
    return np.divide(off, arm, out=beyond, where=arm > 0)


def summarise(intervals: Intervals) -> dict[str, Any]:
    """Return the columns of the contract ``calibration`` that follow from intervals, all of them known.

    The verdict is ``pass`` where `NOMINAL` lies within the `CONFIDENCE` interval of the coverage seen.
    """
    n_intervals, n_covered = intervals.value.size, int(intervals.is_covered.sum())
    low, high = clopper_pearson(n_covered, n_intervals)
    pull = pulls(intervals)
    low_pull, high_pull = np.quantile(pull, [0.5 - NOMINAL / 2, 0.5 + NOMINAL / 2], method="nearest")
    pull = pull[np.isfinite(pull)]
    return {
        "n_intervals": n_intervals,
        "n_covered": n_covered,
        "coverage": n_covered / n_intervals,
        "coverage_lo": low,
        "coverage_hi": high,
        "pull_mean": float(pull.mean()) if pull.size else np.nan,
        "pull_std": float(pull.std(ddof=1)) if pull.size > 1 else np.nan,
        "error_ratio": float(2.0 / (high_pull - low_pull)) if high_pull > low_pull else np.nan,
        "verdict": "pass" if low <= NOMINAL <= high else "fail",
    }


def diagnosis(row: dict[str, Any]) -> str:
    """Return in words what the pulls of a row of `summarise` say: biased, errors too small or too large."""
    words = []
    if abs(row["pull_mean"]) > BIASED:
        words.append(f"biased by {row['pull_mean']:+.2f} of the error")
    if row["error_ratio"] < 1.0 - OFF:
        words.append(f"errors {row['error_ratio']:.2f} of the scatter")
    elif row["error_ratio"] > 1.0 + OFF:
        words.append(f"errors {row['error_ratio']:.2f} times the scatter")
    return ", ".join(words)
