"""What all spectroscopic surveys share: signal to noise, and measurements with the errors that they state."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def signal_to_noise(
    magnitude: Array, at_magnitude: float, value: float, scatter_dex: float, rng: np.random.Generator
) -> Array:
    """Return signal to noise per pixel: `value` at `at_magnitude`, limited by photons, with log-normal scatter."""
    scatter = 10 ** (scatter_dex * rng.standard_normal(magnitude.size))
    return value * 10 ** (-0.2 * (magnitude - at_magnitude)) * scatter


def error_growth(snr: Array, knee: float) -> Array:
    """Return the factor sqrt(1 + (knee / snr)^2) by which errors exceed their floor."""
    return np.sqrt(1 + (knee / snr) ** 2)


def measure(truth: Array, error: Array, rng: np.random.Generator) -> Array:
    """Return the true values plus Gaussian noise of the standard errors `error`."""
    return truth + error * rng.standard_normal(truth.shape)
