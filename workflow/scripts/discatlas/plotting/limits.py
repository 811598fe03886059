"""Colour limits that keep the data: a stated central share of the cells lies inside, the rest is shown as extended."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

LEAST_PERCENTILE = 96.0


def central_range(values: NDArray[np.float64], percentile: float = 98.0) -> tuple[float, float]:
    """Return the range that holds at least the central `percentile` per cent of the finite `values`.

    The ends are values of the data, rounded outwards, so that at most (100 - percentile) per cent lie outside however
    few there are. No finite value gives (0, 1); equal values give a range of width 1 (or 10 % of the value) about them.

    Raises
    ------
    DiscatlasError
        If the percentile is not in 96...100.
    """
    if not LEAST_PERCENTILE <= percentile <= 100:
        raise DiscatlasError(
            f"colour percentile {percentile:g}: expected {LEAST_PERCENTILE:g} to 100 per cent of the cells"
        )
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    tail = (100 - percentile) / 200
    low = float(np.quantile(finite, tail, method="lower"))
    high = float(np.quantile(finite, 1 - tail, method="higher"))
    if high > low:
        return low, high
    margin = 0.05 * abs(low) or 0.5
    return low - margin, high + margin


def linear_norm(values: NDArray[np.float64], percentile: float, centred: bool = False) -> Normalize:
    """Return the linear colour scale of `values`; `centred` makes it symmetric about zero."""
    low, high = central_range(values, percentile)
    if centred:
        high = max(abs(low), abs(high))
        low = -high
    return Normalize(low, high)


def count_norm(counts: NDArray[np.float64]) -> LogNorm:
    """Return the logarithmic colour scale of positive counts, which covers all of them."""
    positive = counts[np.isfinite(counts) & (counts > 0)]
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (1.0, 10.0)
    return LogNorm(low, high if high > low else low * 10)


def extension(values: NDArray[np.float64], norm: Normalize) -> str:
    """Return which ends of the colour bar are drawn as extended: ``neither``, ``min``, ``max`` or ``both``."""
    finite = values[np.isfinite(values)]
    below, above = bool(np.any(finite < norm.vmin)), bool(np.any(finite > norm.vmax))
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]
