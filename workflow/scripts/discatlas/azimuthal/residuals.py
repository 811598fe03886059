"""Median of a quantity per cell, less the mean of linear fits at the places of the cell's own stars (Hawkins 2023, Fig. 5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.maps.moments import MOMENTS, cell_moments, divide_blocks, sort_by_cell

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class GradientBins:
    """Lines slope x + intercept, each for a bin of another variable, shape (b,) each; `level_error` is that at the mean x."""

    low: Array
    high: Array
    slope: Array
    slope_error: Array
    intercept: Array
    level_error: Array

    def bin_of(self, values: Array) -> Integers:
        """Return the row of the bin that holds each value, the lower edge included; -1 for none, shape (n,)."""
        order = np.argsort(self.low, kind="stable")
        place = np.searchsorted(self.low[order], values, side="right") - 1
        row = order[np.maximum(place, 0)]
        return np.where((place >= 0) & (values < self.high[row]), row, -1)


@dataclass(frozen=True)
class CellResiduals:
    """Columns of contract ``metallicity_residual``, shape (m,) each."""

    cell: Integers
    n_stars: Integers
    median: Array
    median_error: Array
    model: Array
    model_error: Array
    residual: Array
    residual_error: Array


def cell_residuals(
    cell: Integers, values: Array, fit: Integers, x: Array, fits: GradientBins, min_stars: int
) -> CellResiduals:
    """Return median, model and residual of the cells that hold stars.

    Parameters
    ----------
    cell, values, x : array, shape (n,)
        Cell, quantity and variable of the fits of each star.
    fit : array of int, shape (n,)
        Row of its bin in `fits`.
    min_stars : int
        Cells of fewer stars have no numbers.

    Notes
    -----
    The errors of slope and level of a bin are independent at the mean x of its stars, for which that of the stars given here
    is taken. The model of a cell is a mean over bins b of n_b (level_b + slope_b (x_b - mean x of the bin)), so its variance
    is the sum over bins of (n_b/n)^2 (level_error^2 + slope_error^2 (x_b - mean x)^2).
    """
    found, row, n = np.unique(cell, return_inverse=True, return_counts=True)
    offsets, sorted_values, _ = sort_by_cell(row.astype(np.int32), (values, values), found.size)
    moments = cell_moments(sorted_values, offsets, divide_blocks(offsets))
    model = np.bincount(row, fits.intercept[fit] + fits.slope[fit] * x) / n
    counts = np.bincount(fit, minlength=fits.slope.size)
    middle = np.bincount(fit, x, fits.slope.size) / np.maximum(counts, 1)
    shape = (found.size, fits.slope.size)
    pair = row * fits.slope.size + fit
    share = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape) / n[:, None]
    lever = np.bincount(pair, x - middle[fit], shape[0] * shape[1]).reshape(shape) / n[:, None]
    model_error = np.sqrt(
        (share * fits.level_error) ** 2 @ np.ones(shape[1]) + (lever * fits.slope_error) ** 2 @ np.ones(shape[1])
    )
    median, median_error = (moments[:, MOMENTS.index(name)] for name in ("median", "median_error"))
    columns = (median, median_error, model, model_error, median - model, np.hypot(median_error, model_error))
    return CellResiduals(found, n, *(np.where(n >= min_stars, column, np.nan) for column in columns))
