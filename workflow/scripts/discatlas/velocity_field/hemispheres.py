"""North minus south: linear expansions fitted to the cells above and below the plane, and their difference.

The height enters as |Z|, so the south is laid over the north: in a disc that is its own mirror image v_R and v_phi do not
differ in any term, and v_Z differs by twice what it is in the north. The term Z is thus the difference of the gradients
away from the plane, as Akhmetov et al. (2024, Sect. 5.5) compare them, and the term 0 that of the two velocities
at the plane.
"""

import numpy as np
from numpy.typing import NDArray

from discatlas.velocity_field import COMPONENTS, N_LINEAR, TERMS
from discatlas.velocity_field.nodes import Neighbourhood, fit_nodes, sort_cells

Array = NDArray[np.float64]
LEAST_CELLS = len(TERMS) + 1  # of a hemisphere: the fits of both orders need that many


def sort_hemispheres(
    positions: Array, velocities: Array, weights: Array | None, radius_kpc: float
) -> list[Neighbourhood | None]:
    """Return the cells at Z > 0 and at Z < 0, sorted as by `sort_cells`, with |Z| for Z; None where there is no cell."""
    halves: list[Neighbourhood | None] = []
    for side in (1.0, -1.0):
        inside = side * positions[:, 2] > 0.0
        some = None if weights is None else weights[inside]
        folded = positions[inside] * [1.0, 1.0, side]
        halves.append(sort_cells(folded, velocities[inside], some, radius_kpc) if inside.any() else None)
    return halves


def north_minus_south(
    halves: list[Neighbourhood | None], X_kpc: Array, Y_kpc: Array, min_fit: int
) -> tuple[Array, Array]:
    """Return the differences of the linear coefficients about k nodes and their errors, each of shape (k, 3, 4).

    NaN where one hemisphere has fewer than half of `min_fit` cells (and fewer than `LEAST_CELLS`).
    """
    least = max(min_fit // 2, LEAST_CELLS)
    values, variances = np.full((2, 2, X_kpc.size, len(COMPONENTS), N_LINEAR), np.nan)
    for half, cells in enumerate(halves):
        if cells is not None:
            linear = fit_nodes(cells, X_kpc, Y_kpc, least).linear
            values[half], variances[half] = linear.coefficients, linear.errors**2
    return values[0] - values[1], np.sqrt(variances.sum(axis=0))
