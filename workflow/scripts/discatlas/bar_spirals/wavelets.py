"""Overdensities in a distribution of velocities by a wavelet transform, with their Poisson errors.

The wavelet is the Mexican hat psi(u) = (1 - u^2) exp(-u^2 / 2), u = (v' - v) / scale. The coefficient is -scale^2 times the
second derivative of the distribution summed under a Gaussian of that scale: it does not see level and slope, so that a
shoulder is found as well as a maximum. Moving groups were sought so by Bernet et al. (2022, A&A 667, A116).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
REACH = 4.0  # scales beyond which the wavelet is taken as zero: peaks nearer to an end of the bins are not looked for
FINEST = 3.0  # bins per scale, at least
_NEWTON = 3


def mexican_hat(u: Array) -> tuple[Array, Array, Array]:
    """Return the wavelet and its first and second derivative at u."""
    square, decay = u * u, np.exp(-0.5 * u * u)
    return (1 - square) * decay, u * (square - 3) * decay, (6 * square - square * square - 3) * decay


@dataclass(frozen=True)
class Peaks:
    """Maxima of the coefficients of one distribution, shape (k,) each, in the order of velocity.

    Parameters
    ----------
    v_kms, v_error_kms : array
        Place, to a fraction of a bin, and its standard error for Poisson noise; NaN without noise. The error of the maximum
        of a broad distribution is a lower limit.
    significance : array
        By how much the coefficient exceeds the lowest one on either side, as far as none is higher than the peak, in units
        of the Poisson error of that difference: the lesser of both sides. NaN without noise.
    prominence : array
        The lesser difference in units of the smoothed distribution at the peak.
    n_near : array
        What lies within one scale of the peak: stars, or density summed over bins.
    """

    v_kms: Array
    v_error_kms: Array
    significance: Array
    prominence: Array
    n_near: Array

    @property
    def size(self) -> int:
        """Number of peaks."""
        return self.v_kms.size

    def select(self, which: NDArray) -> Self:
        """Return some of the peaks."""
        return type(self)(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Wavelet:
    """The transform of distributions over bins of velocity with uniform `centres_kms` (n,) at `scale_kms`."""

    centres_kms: Array
    scale_kms: float

    def __post_init__(self) -> None:
        """Check the bins.

        Raises
        ------
        DiscatlasError
            For bins that are not uniform, too wide for the scale, or too few for it.
        """
        steps = np.diff(self.centres_kms)
        if not (steps.size and steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6)):
            raise DiscatlasError("wavelet: centres_kms must grow in equal steps")
        if steps[0] * FINEST > self.scale_kms * (1 + 1e-9):
            raise DiscatlasError(
                f"wavelet: bins of {steps[0]:g} km/s for a scale of {self.scale_kms:g} km/s; expected at most {self.scale_kms / FINEST:g}"
            )
        if steps.size * steps[0] <= 2 * REACH * self.scale_kms:
            raise DiscatlasError(
                f"wavelet: bins from {self.centres_kms[0]:g} to {self.centres_kms[-1]:g} km/s leave no room for a scale of {self.scale_kms:g} km/s; expected more than {2 * REACH * self.scale_kms:g} km/s"
            )
        object.__setattr__(self, "_kernel", mexican_hat(self._distance(self.centres_kms))[0])

    def _distance(self, v_kms: Array) -> Array:
        """Distance of all bins from velocities, in scales, shape (k, n)."""
        return (self.centres_kms - np.asarray(v_kms, float)[:, None]) / self.scale_kms

    def transform(self, values: Array) -> Array:
        """Return the coefficients of distributions of shape (..., n) at the centres of their bins."""
        return np.asarray(values, float) @ self._kernel.T

    def error(self, counts: Array) -> Array:
        """Return the standard errors of the coefficients of counts that are Poisson distributed."""
        return np.sqrt(np.asarray(counts, float) @ (self._kernel**2).T)

    def peaks(self, values: Array, noise: bool, least: float = 0.0) -> Peaks:
        """Return the peaks of a distribution of shape (n,): counts with Poisson `noise`, or a density without.

        `least` is the least significance with noise, and the least prominence without.

        Peaks within `REACH` scales of the first and last bin are left out. A smooth distribution with one maximum has one
        peak; noise adds few above a significance of 3.
        """
        values = np.asarray(values, float)
        coefficients = self.transform(values)
        edge = self.centres_kms[[0, -1]] + np.array([1.0, -1.0]) * REACH * self.scale_kms
        inner = coefficients[1:-1]
        is_peak = (inner > coefficients[:-2]) & (inner >= coefficients[2:])
        at = 1 + np.flatnonzero(is_peak)
        at = at[(self.centres_kms[at] >= edge[0] - 1e-9) & (self.centres_kms[at] <= edge[1] + 1e-9)]
        rise, significance = np.empty(at.size), np.full(at.size, np.nan)
        for k, i in enumerate(at):
            rise[k], deviation = self._rise(values, coefficients, i)
            significance[k] = deviation if noise else np.nan
        if noise:
            at, rise, significance = (array[significance >= least] for array in (at, rise, significance))
        v, v_error = self._refine(values, at)
        v_error = np.maximum(v_error, [self._extent(values, coefficients, place) for place in v]) if noise else v_error
        distance = self._distance(v)
        smooth = np.exp(-0.5 * distance**2) @ values
        n_near = (np.abs(distance) < 1) @ values
        prominence = np.divide(rise, smooth, out=np.zeros(at.size), where=smooth > 0)
        found = Peaks(v, v_error if noise else np.full(at.size, np.nan), significance, prominence, n_near)
        return found if noise else found.select(prominence >= least)

    def _extent(self, values: Array, coefficients: Array, v: float) -> float:
        """Return a quarter of the range about a peak in which the coefficient is not lower by its Poisson error.

        That is the standard error of a sharp peak's place; on a broad one, where noise makes maxima of its own, it is more.
        """
        at_peak = mexican_hat(self._distance(np.array([v])))[0]
        errors = np.sqrt((at_peak - self._kernel) ** 2 @ values)
        lower = (at_peak @ values - coefficients) / np.maximum(errors, 1e-300)
        ends = []
        for side in (1, -1):
            order = slice(None, None, side)
            beyond = side * (self.centres_kms[order] - v) > 0
            distance = np.append(0.0, np.abs(self.centres_kms[order][beyond] - v))
            depth = np.append(0.0, lower[order][beyond])
            k = int(np.argmax(depth >= 1)) if (depth >= 1).any() else depth.size - 1
            share = np.clip((1 - depth[k - 1]) / max(depth[k] - depth[k - 1], 1e-300), 0, 1)
            ends.append(distance[k - 1] + share * (distance[k] - distance[k - 1]))
        return sum(ends) / 4

    def _rise(self, values: Array, coefficients: Array, i: int) -> tuple[float, float]:
        """Return the lesser rise of peak `i` above the lowest on either side, and the lesser in Poisson errors."""
        height = coefficients[i]
        left = np.flatnonzero(coefficients[:i] > height)
        right = np.flatnonzero(coefficients[i + 1 :] > height)
        first = left[-1] if left.size else 0
        last = i + 1 + right[0] if right.size else coefficients.size - 1
        lowest = [first + np.argmin(coefficients[first:i]), i + 1 + np.argmin(coefficients[i + 1 : last + 1])]
        rises = height - coefficients[lowest]
        filters = self._kernel[i] - self._kernel[lowest]
        errors = np.sqrt(filters**2 @ values)
        return float(rises.min()), float(np.min(rises / np.maximum(errors, 1e-300)))

    def _refine(self, values: Array, at: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return the places of the maxima near bins `at` by Newton's method, and their Poisson errors."""
        step = self.centres_kms[1] - self.centres_kms[0]
        v = self.centres_kms[at]
        for _ in range(_NEWTON):
            _, slope, curvature = mexican_hat(self._distance(v))
            # d/dv is -1/scale d/du
            move = np.clip(self.scale_kms * (slope @ values) / np.minimum(curvature @ values, -1e-300), -step, step)
            v = np.clip(v + move, self.centres_kms[at] - step, self.centres_kms[at] + step)
        _, slope, curvature = mexican_hat(self._distance(v))
        error = self.scale_kms * np.sqrt(slope**2 @ values) / np.maximum(-(curvature @ values), 1e-300)
        return v, error
