"""The measurement error of a map as the map itself shows it: its scatter from cell to cell."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
RADIUS_KPC = 0.45  # of the neighbourhood in which a map counts as a paraboloid
SMOOTHING_KPC = 0.75  # over which variances are averaged
LEAST = 10  # cells in a neighbourhood


def local_scatter(X_kpc: Array, Y_kpc: Array, values: Array) -> Array:
    """Return the standard deviation of each cell [unit of the values], shape (n,), about the paraboloid through its neighbours.

    What bar and spirals make is smooth over a neighbourhood, so what is left is the noise of the cells, as far as it is
    independent from one to the next. Variances are averaged over neighbours.

    Raises
    ------
    DiscatlasError
        If no cell has enough neighbours: the map is too coarse for this.
    """
    where = np.stack([X_kpc, Y_kpc], axis=-1)
    tree = cKDTree(where)
    variance, freedom = np.zeros(values.size), np.zeros(values.size)
    for i, near in enumerate(tree.query_ball_point(where, RADIUS_KPC, return_sorted=True)):
        if len(near) < LEAST:
            continue
        x, y = (where[near] - where[i]).T
        design = np.column_stack([np.ones(x.size), x, y, x**2, x * y, y**2])
        left = values[near] - design @ np.linalg.lstsq(design, values[near], rcond=None)[0]
        variance[i], freedom[i] = left @ left, x.size - design.shape[1]
    if not freedom.any():
        raise DiscatlasError(
            f"scatter of a map: no cell has {LEAST} neighbours within {RADIUS_KPC:g} kpc; take the stated errors instead"
        )
    return np.sqrt(smoothed(X_kpc, Y_kpc, variance, freedom, SMOOTHING_KPC))


def smoothed(X_kpc: Array, Y_kpc: Array, values: Array, weights: Array, scale_kpc: float) -> Array:
    """Return the sum of values over the sum of weights, both averaged over neighbours within `scale_kpc`, shape (n,).

    Cells without any weight nearby get the median of the others.
    """
    where = np.stack([X_kpc, Y_kpc], axis=-1)
    result = np.full(values.size, np.nan)
    for i, near in enumerate(cKDTree(where).query_ball_point(where, scale_kpc, return_sorted=True)):
        taper = np.exp(-0.5 * ((where[near] - where[i]) ** 2).sum(axis=1) / (0.5 * scale_kpc) ** 2)
        total = taper @ weights[near]
        if total > 0:
            result[i] = taper @ values[near] / total
    return np.where(np.isfinite(result), result, np.nanmedian(result))
