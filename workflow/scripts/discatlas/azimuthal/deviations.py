"""Deviation of each star from the mean of all stars within a window in R, and its mean in bins of azimuth.

The mean of a bin is sum(c_i q_i) over the stars i, where c_i is 1/n for a star of the bin, less its share in the references
of the bin's stars. Its error is that of this sum, so it knows that the reference has an error and contains the star itself:

    variance = s^2 sum(c_i^2) + sum over blocks b, d of C_b C_d cov(b, d),   C_b = sum of c_i over the stars of block b,

with s the scatter of single stars and cov that of what stars near each other share (`discatlas.azimuthal.noise`). Hawkins
(2023, Fig. 6) has s/sqrt(n).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
TRENDS = ("mean", "linear")


@dataclass(frozen=True)
class AnnulusStars:
    """The stars of an annulus and of the window beyond it, in order of R, shape (n,) each.

    `low` and `high` bound the rows within the window of a star; `deviation` is NaN for stars beyond the annulus.
    """

    limits_kpc: tuple[float, float]
    R_kpc: Array
    phi_deg: Array
    low: Integers
    high: Integers
    deviation: Array
    is_inside: NDArray[np.bool_]
    slopes: dict[str, float]


def annulus_stars(
    R_kpc: Array,
    phi_deg: Array,
    Z_kpc: Array,
    values: Array,
    limits_kpc: Sequence[float],
    half_window_kpc: float,
    trend: str = "mean",
) -> AnnulusStars:
    """Return the deviation of the stars of an annulus from the mean of all stars within `half_window_kpc` in R.

    Parameters
    ----------
    R_kpc, phi_deg, Z_kpc, values : array, shape (n,)
        All stars, at whatever azimuth. Values in any unit, finite.
    limits_kpc : (float, float)
        Of the annulus, the lower one included.
    trend : str
        ``mean``: the plain mean of the window (Hawkins 2023). ``linear``: what is left is also freed of its linear dependence
        on R and abs(Z) within the windows, with one slope each for the annulus, so that stars that lie higher at some
        azimuth do not look like a pattern.

    Raises
    ------
    DiscatlasError
        For limits in the wrong order, a window that is not above zero, an unknown trend, and an annulus without stars.
    """
    low, high = limits_kpc
    if not 0 <= low < high or not half_window_kpc > 0 or trend not in TRENDS:
        raise DiscatlasError(
            f"azimuthal variation: got annulus {list(limits_kpc)} kpc, R_window_kpc {half_window_kpc:g}, trend {trend!r}; "
            f"expected 0 <= lower < upper, a window above 0, and one of {', '.join(TRENDS)}"
        )
    near = np.flatnonzero((R_kpc >= low - half_window_kpc) & (R_kpc < high + half_window_kpc))
    near = near[np.argsort(R_kpc[near], kind="stable")]
    R = R_kpc[near]
    first = np.searchsorted(R, R - half_window_kpc, side="left")
    last = np.searchsorted(R, R + half_window_kpc, side="right")
    is_inside = (low <= R) & (high > R)
    if not is_inside.any():
        raise DiscatlasError(f"azimuthal variation: no star with a value in the annulus {low:g} to {high:g} kpc")
    deviation, slopes = window_deviation(values[near], first, last), {}
    if trend == "linear":
        along = {"R": window_deviation(R, first, last), "abs_Z": window_deviation(np.abs(Z_kpc[near]), first, last)}
        design = np.stack([column[is_inside] for column in along.values()], axis=1)
        found = np.linalg.lstsq(design, deviation[is_inside], rcond=None)[0]
        deviation = deviation - found[0] * along["R"] - found[1] * along["abs_Z"]
        slopes = {f"{name}_per_kpc": float(slope) for name, slope in zip(along, found, strict=True)}
    deviation = np.where(is_inside, deviation, np.nan)
    return AnnulusStars((low, high), R, phi_deg[near], first, last, deviation, is_inside, slopes)


def window_deviation(values: Array, low: Integers, high: Integers) -> Array:
    """Return each value minus the mean of rows low to high (not included), shape (n,)."""
    centred = values - values.mean()  # so that the sums lose no digits
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    return centred - (sums[high] - sums[low]) / (high - low)


@dataclass(frozen=True)
class PhiBins:
    """Bins of azimuth of equal width [deg]; the lower edges are included."""

    low_deg: float
    width_deg: float
    n_bins: int

    @classmethod
    def between(cls, limits_deg: Sequence[float], width_deg: float) -> "PhiBins":
        """Build the bins from limits and width.

        Raises
        ------
        DiscatlasError
            Unless -180 <= lower < upper <= 180 and the width divides the range.
        """
        low, high = limits_deg
        n_bins = round((high - low) / width_deg) if width_deg > 0 else 0
        if not -180 <= low < high <= 180 or n_bins < 1 or abs(low + n_bins * width_deg - high) > 1e-6 * width_deg:
            raise DiscatlasError(
                f"azimuthal variation: got phi_limits_deg {list(limits_deg)} and phi_width_deg {width_deg:g}; expected "
                "-180 <= lower < upper <= 180 and a width that divides the range"
            )
        return cls(low, width_deg, n_bins)

    @property
    def centres_deg(self) -> Array:
        """Middles of the bins, shape (n_bins,)."""
        return self.low_deg + self.width_deg * (np.arange(self.n_bins) + 0.5)

    def steps(self, phi_deg: Array) -> Integers:
        """Return the number of widths from the lower limit to each azimuth, also outside the limits, shape (n,)."""
        return np.floor((phi_deg - self.low_deg) / self.width_deg).astype(np.int64)

    def numbers(self, phi_deg: Array) -> Integers:
        """Return the bin of each azimuth, -1 outside the limits, shape (n,)."""
        step = self.steps(phi_deg)
        return np.where((step >= 0) & (step < self.n_bins), step, -1)


def bin_weights(
    stars: AnnulusStars, bins: Integers, n_bins: int, blocks: Integers, n_blocks: int
) -> tuple[Array, Array]:
    """Return sum(c_i^2), shape (n_bins,), and the sums C_b over blocks, shape (n_bins, n_blocks), for each bin (see the module).

    Parameters
    ----------
    bins : array of int, shape (n,)
        Bin of each star of `stars`, -1 for stars that are in none.
    blocks : array of int, shape (n,)
        Block of each star, also of those in no bin, which are part of references.
    """
    counts = np.bincount(bins[bins >= 0], minlength=n_bins)
    share = 1.0 / (stars.high - stars.low)
    of_stars, of_blocks = np.full(n_bins, np.nan), np.zeros((n_bins, n_blocks))
    _sum_weights(bins, counts, stars.low, stars.high, share, blocks, of_stars, of_blocks)
    return of_stars, of_blocks


@njit(cache=True, parallel=True)
def _sum_weights(
    bins: Integers,
    counts: Integers,
    low: Integers,
    high: Integers,
    share: Array,
    blocks: Integers,
    of_stars: Array,
    of_blocks: Array,
) -> None:
    for j in prange(counts.size):
        if counts[j] == 0:
            continue
        sums = np.zeros(bins.size + 1)
        for i in range(bins.size):
            sums[i + 1] = sums[i] + (share[i] if bins[i] == j else 0.0)
        total = 0.0
        for i in range(bins.size):
            c = ((1.0 if bins[i] == j else 0.0) - (sums[high[i]] - sums[low[i]])) / counts[j]
            total += c * c
            of_blocks[j, blocks[i]] += c
        of_stars[j] = total
