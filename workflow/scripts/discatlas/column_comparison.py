"""Two columns of a sample against each other: differences, how often they agree within their errors, slope, histogram.

As in Sect. 2 of Zari et al. (2025, Figs. 3 and 5). Differences are y - x; temperatures are compared as log10, whose
scatter is about the same for hot and cool stars. Whether a difference is within the errors is asked in the columns' own
units. The combined error is that of independent errors: two results from one spectrum share noise, and agree better.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
GAUSSIAN_SHARES = (0.682689492137086, 0.954499736103642)  # within 1 and 2 sigma
CENTRAL = (0.005, 0.995)  # of either column in the histogram
_CLIP, _MAX_ROUNDS = 5.0, 20


@dataclass(frozen=True)
class Pair:
    """Values of two columns with their errors, stars without a value left out.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Values in the columns' own unit, positive where `is_log`.
    x_error, y_error : ndarray, shape (n,)
        Standard errors, NaN where unknown.
    is_log : bool
        Whether differences and slope are those of log10.
    n_missing : int
        Stars without one of the values.
    """

    x: Array
    y: Array
    x_error: Array
    y_error: Array
    is_log: bool
    n_missing: int

    @classmethod
    def of(cls, x: Array, y: Array, x_error: Array | None, y_error: Array | None, is_log: bool) -> Self:
        """Build from whole columns; None stands for a column of errors that the table lacks."""
        x, y = (np.asarray(values, np.float64) for values in (x, y))
        nothing = np.full(x.size, np.nan)
        errors = [nothing if error is None else np.asarray(error, np.float64) for error in (x_error, y_error)]
        known = np.isfinite(x) & np.isfinite(y)
        if is_log:
            known &= (x > 0) & (y > 0)
        return cls(x[known], y[known], errors[0][known], errors[1][known], is_log, int(np.count_nonzero(~known)))

    @property
    def scaled(self) -> tuple[Array, Array, Array, Array]:
        """Values and errors as they are compared: log10 with the errors in dex, or as they are."""
        if not self.is_log:
            return self.x, self.y, self.x_error, self.y_error
        errors = (self.x_error / (self.x * np.log(10)), self.y_error / (self.y * np.log(10)))
        return np.log10(self.x), np.log10(self.y), *errors


def half_width(values: Array) -> float:
    """Return half of p84.13 - p15.87, the standard deviation of a Gaussian whatever a few outliers do; NaN for none."""
    if not values.size:
        return np.nan
    tail = (1 - GAUSSIAN_SHARES[0]) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(high - low) / 2


def median_error(values: Array) -> float:
    """Return the standard error of a median, whatever the distribution: half the distance of the quantiles 1/2 +- 1/(2 sqrt n).

    The number of values below the true median is binomial, with standard deviation sqrt(n) / 2.
    """
    shift = 0.5 / np.sqrt(values.size)
    low, high = np.quantile(values, (0.5 - shift, 0.5 + shift))
    return float(high - low) / 2


def binomial_error(k: int, n: int) -> float:
    """Return the standard deviation of a share of which k of n were seen, with Jeffreys' prior: never zero."""
    a, b = k + 0.5, n - k + 0.5
    return float(np.sqrt(a * b / (a + b + 1)) / (a + b))


def compare_pair(pair: Pair) -> dict[str, float]:
    """Return the numbers of one row of contract ``columns_comparison`` that come from the stars.

    Shares and pulls are of the stars that
    have both errors, not both zero; NaN where there is none.
    """
    x, y, x_error, y_error = pair.scaled
    difference = y - x
    scatter = half_width(difference)
    combined = np.hypot(pair.x_error, pair.y_error)
    has_errors = np.isfinite(combined) & (combined > 0)
    pull = (pair.y - pair.x)[has_errors] / combined[has_errors]
    n = int(pull.size)
    slope, slope_error = fit_slope(x, y, x_error, y_error)
    numbers = {
        "n_stars": x.size,
        "n_missing": pair.n_missing,
        "n_with_errors": n,
        "difference_median": float(np.median(difference)),
        "difference_median_error": median_error(difference),
        "difference_scatter": scatter,
        "pull_median": float(np.median(pull)) if n else np.nan,
        "pull_scatter": half_width(pull),
    }
    for k in (1, 2):
        within = int(np.count_nonzero(np.abs(pull) <= k))
        numbers[f"share_within_{k}"] = within / n if n else np.nan
        numbers[f"share_within_{k}_error"] = binomial_error(within, n) if n else np.nan
    return numbers | {"slope": slope, "slope_error": slope_error}


def fit_slope(x: Array, y: Array, x_error: Array, y_error: Array) -> tuple[float, float]:
    """Return the slope of y over x with errors in both, and its standard error; NaN where the values do not vary.

    Deming's regression (Fuller 1987, Measurement Error Models, eq. 1.3.7) with the ratio of the median squared errors;
    equal errors where they are unknown or zero. It is the same line whichever column is called x. Its model is that all
    scatter is in proportion to the errors. Stars farther than 5 robust standard deviations from the line are left out, in
    rounds, from the line through the medians whose slope is the ratio of the robust widths. The error is that of the
    estimating equation sum u z = 0, u = y - slope x, z = var(y) x + slope var(x) y: it holds for scatter of any shape.
    """
    known = [error[np.isfinite(error)] ** 2 for error in (x_error, y_error)]
    squares = [float(np.median(some)) if some.size else 0.0 for some in known]
    weights = squares if max(squares) > 0 else [1.0, 1.0]
    x, y = x - np.median(x), y - np.median(y)
    widths = half_width(x), half_width(y)
    if not min(widths) > 0:
        return np.nan, np.nan
    slope = widths[1] / widths[0] * (1.0 if np.median(x * y) >= 0 else -1.0)
    keep = np.zeros(x.size, dtype=bool)
    for _ in range(_MAX_ROUNDS):
        residual = y - slope * x
        inside = np.abs(residual - np.median(residual)) <= max(_CLIP * half_width(residual), 1e-12 * widths[1])
        if np.array_equal(inside, keep):
            break
        keep = inside
        slope, error = _deming(x[keep], y[keep], *weights)
    return slope, error


def _deming(x: Array, y: Array, x_weight: float, y_weight: float) -> tuple[float, float]:
    """Return slope and standard error of Deming's regression; the weights are the variances of the errors."""
    x, y = x - x.mean(), y - y.mean()
    s_xx, s_yy, s_xy = (float(np.dot(a, b)) for a, b in ((x, x), (y, y), (x, y)))
    # both sides multiplied by the variance of x, so that either column may be without error
    lead = x_weight * s_yy - y_weight * s_xx
    root = np.sqrt(lead**2 + 4 * x_weight * y_weight * s_xy**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # of two equal forms the one in which nothing cancels
        parts = (lead + root, 2 * x_weight * s_xy) if lead > 0 else (2 * y_weight * s_xy, root - lead)
        slope = float(np.divide(*parts))
        u, z = y - slope * x, y_weight * x + slope * x_weight * y
        turn = np.sum(x_weight * u * y - x * z)
        error = float(np.sqrt(np.sum((u * z) ** 2)) / abs(turn))
    return slope, error


def bin_pair(pair: Pair, n_bins: int) -> tuple[dict[str, NDArray], int]:
    """Return the cells of contract ``columns_histogram`` that hold stars, and the number of stars outside of all cells.

    Both axes have the same `n_bins` bins, of equal width in what is compared, over the central 99 % of either column.
    """
    x, y, *_ = pair.scaled
    ends = np.array([np.quantile(values, CENTRAL) for values in (x, y)])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if high <= low:
        low, high = low - max(abs(low), 1.0) * 0.05, high + max(abs(high), 1.0) * 0.05
    edges = np.linspace(low, high, n_bins + 1)
    counts = np.histogram2d(x, y, bins=(edges, edges))[0].astype(np.int64)
    i, j = np.nonzero(counts)
    edges = 10**edges if pair.is_log else edges
    cells = {
        "x_low": edges[i],
        "x_high": edges[i + 1],
        "y_low": edges[j],
        "y_high": edges[j + 1],
        "n_stars": counts[i, j],
    }
    return cells, int(x.size - counts.sum())


def require_stars(pair: Pair, names: Mapping[str, str], min_stars: int, where: str) -> None:
    """Raise a DiscatlasError if fewer than `min_stars` have both values."""
    if pair.x.size < min_stars:
        raise DiscatlasError(
            f"{where}: {pair.x.size:,} stars have both {names['x']} and {names['y']}, expected at least {min_stars:,}; "
            "drop this pair, or lower min_stars"
        )
