"""North minus south: expansions fitted to the cells above and below the plane, and their difference.

The height enters as |Z|, so the south is laid over the north: in a disc that is its own mirror image v_R and v_phi do not
differ in any term, and v_Z differs by twice what it is in the north. The term Z is thus the difference of the gradients
away from the plane, as Akhmetov et al. (2024, Sect. 5.5) compare them, and the term 0 that of the two velocities
at the plane.
"""

import numpy as np
from numpy.typing import NDArray

from discatlas.velocity_field import COMPONENTS
from discatlas.velocity_field.nodes import N_TERMS, Neighbourhood, fit_nodes, sort_cells

Array = NDArray[np.float64]


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
    halves: list[Neighbourhood | None], X_kpc: Array, Y_kpc: Array, min_fit: int, robust: bool
) -> dict[int, tuple[Array, Array]]:
    """Return by order the differences of the coefficients about k nodes and their errors, each of shape (k, 3, p).

    Order 0 compares the mean velocities, order 1 the linear expansions. NaN where one hemisphere has fewer than half of
    `min_fit` cells.
    """
    least, orders = max((min_fit + 1) // 2, N_TERMS[1] + 1), (0, 1)
    shapes = {order: (2, X_kpc.size, len(COMPONENTS), N_TERMS[order]) for order in orders}
    values, variances = ({order: np.full(shapes[order], np.nan) for order in orders} for _ in range(2))
    for half, cells in enumerate(halves):
        if cells is not None:
            fits = fit_nodes(cells, X_kpc, Y_kpc, least, orders, robust)
            for order, expansion in fits.expansions.items():
                values[order][half], variances[order][half] = expansion.coefficients, expansion.errors**2
    return {order: (values[order][0] - values[order][1], np.sqrt(variances[order].sum(axis=0))) for order in orders}
