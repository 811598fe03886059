"""Nodes of the tables of a potential: fine where it bends, coarse far out, and known in closed form.

A coordinate x >= 0 is spaced evenly in w = x / (x + scale), so the node nearest to x is found without a search:
x = scale w / (1 - w). Steps grow as (x + scale)^2.
"""

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]

R_MIN_KPC = 0.01  # innermost radius of the tables
RADIAL_SCALE_KPC = 4.0  # the orbit kernel counts on these two; orbits through the centre want fine steps there
VERTICAL_SCALE_KPC = 1.0


def radial_nodes(n: int, R_min_kpc: float, R_max_kpc: float, c_kpc: float = RADIAL_SCALE_KPC) -> Array:
    """Return n radii [kpc] from R_min to R_max, both included, even in R / (R + c).

    Raises
    ------
    DiscatlasError
        For fewer than 4 nodes, limits out of order, or a scale that is not positive.
    """
    return _nodes("R", n, R_min_kpc, R_max_kpc, c_kpc)


def vertical_nodes(n: int, Z_max_kpc: float, b_kpc: float = VERTICAL_SCALE_KPC) -> Array:
    """Return n heights [kpc] from 0 to Z_max, both included, even in Z / (Z + b); errors as in `radial_nodes`."""
    return _nodes("Z", n, 0.0, Z_max_kpc, b_kpc)


def _nodes(name: str, n: int, low: float, high: float, scale: float) -> Array:
    if n < 4:
        raise DiscatlasError(f"potential table: got {n} nodes in {name}; expected at least 4")
    if not (np.isfinite([low, high, scale]).all() and 0 <= low < high and scale > 0):
        raise DiscatlasError(
            f"potential table: got {name} from {low:g} to {high:g} kpc with scale {scale:g} kpc; expected 0 <= min < max and a positive scale"
        )
    w = np.linspace(low / (low + scale), high / (high + scale), n)
    nodes = scale * w / (1 - w)
    nodes[0], nodes[-1] = low, high  # to the last bit
    return nodes
