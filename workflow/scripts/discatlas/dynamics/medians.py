"""Medians of binned densities: the unbiased one, and the published one, which is half a bin too low."""

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
DEFINITIONS = ("unbiased", "khalil2025")


def weighted_median(weights: Array, centres: Array, definition: str = "unbiased") -> Array:
    """Return the median of a density that is constant within each bin; NaN where nothing is in the bins.

    Parameters
    ----------
    weights : array, shape (..., n)
        Content of the bins.
    centres : array, shape (n,)
        Their centres, uniform.
    definition : str
        ``unbiased``, or ``khalil2025``: the sum up to and including a bin is taken for that at the bin's centre instead
        of its upper edge, as in the code of Khalil et al. (2025), so the result is half a bin lower.

    Raises
    ------
    DiscatlasError
        For an unknown definition or fewer than two bins.
    """
    if definition not in DEFINITIONS:
        raise DiscatlasError(f"median: definition {definition!r}; expected one of {', '.join(DEFINITIONS)}")
    weights, centres = np.asarray(weights, float), np.asarray(centres, float)
    if centres.size < 2 or weights.shape[-1] != centres.size:
        raise DiscatlasError(
            f"median: {weights.shape[-1]} weights for {centres.size} bins; expected as many, at least 2"
        )
    step = centres[1] - centres[0]
    cumulated = np.cumsum(weights, axis=-1)
    half = 0.5 * cumulated[..., -1:]
    i = np.minimum((cumulated < half).sum(axis=-1, keepdims=True), centres.size - 1)
    within = np.take_along_axis(weights, i, axis=-1)
    above = np.take_along_axis(cumulated, i, axis=-1) - half
    with np.errstate(invalid="ignore", divide="ignore"):
        upper = centres[i] + 0.5 * step - step * above / within
    bias = 0.5 * step if definition == "khalil2025" else 0.0
    return np.where(half > 0, upper - bias, np.nan)[..., 0]


def sample_median(values: Array, weights: Array) -> float:
    """Return the median of weighted values of any order, linear between the values' middles in cumulated weight."""
    order = np.argsort(values, kind="stable")
    sorted_weights = weights[order]
    cumulated = np.cumsum(sorted_weights)
    if not cumulated[-1] > 0:
        return float("nan")
    return float(np.interp(0.5 * cumulated[-1], cumulated - 0.5 * sorted_weights, values[order]))
