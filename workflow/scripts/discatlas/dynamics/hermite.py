"""Cubic Hermite interpolation on nodes that are uniform in a rational variable, compiled: the tables of the orbit kernel.

Radius and height are mapped to u = R / (R + c) and v = |Z| / (|Z| + b), in which the nodes are uniform: fine where the
disc is, coarse far out, and without a logarithm per call. Values and slopes are interpolated together, so that a force
is the exact derivative of the interpolated potential and energy is conserved as well as the integrator can.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
KERNEL = {"cache": True, "error_model": "numpy", "boundscheck": False}
INLINE = {**KERNEL, "forceinline": True}  # LLVM's inlining: passing the tables by value would cost more than a force


@numba.njit(**INLINE)
def locate(x: float, scale: float, nodes: Array) -> tuple[int, float, float]:
    """Return the interval (0 ... n - 2) of x >= 0, the place in it (0 ... 1), and d(place)/dx; outside, the end interval's.

    `nodes` is first value and inverse step of x / (x + scale), and number n of the nodes.
    """
    w = 1.0 / (x + scale)
    place = (x * w - nodes[0]) * nodes[1]
    i = min(max(int(place), 0), int(nodes[2]) - 2)
    return i, place - i, scale * w * w * nodes[1]


@numba.njit(**INLINE)
def basis(t: float) -> tuple[float, float, float, float, float, float, float, float]:
    """Return the weights of value and slope at the left and right node, and their derivatives in t."""
    s = 1.0 - t
    return (
        s * s * (1.0 + 2.0 * t), t * s * s, t * t * (3.0 - 2.0 * t), -t * t * s,
        -6.0 * t * s, s * (1.0 - 3.0 * t), 6.0 * t * s, t * (3.0 * t - 2.0),
    )  # fmt: skip


def node_step(nodes: Array, scale: float) -> tuple[float, float]:
    """Return first value and step of x / (x + scale) at the nodes.

    Raises
    ------
    DiscatlasError
        If the nodes are not uniform in that variable.
    """
    u = nodes / (nodes + scale)
    step = (u[-1] - u[0]) / (u.size - 1)
    if not np.allclose(np.diff(u), step, rtol=1e-6):
        raise DiscatlasError(
            f"potential table: nodes from {nodes[0]:g} to {nodes[-1]:g} kpc are not uniform in x / (x + {scale:g})"
        )
    return float(u[0]), float(step)


def slopes_per_node(nodes: Array, derivative: Array, scale: float) -> Array:
    """Return d/dt of a function along the first axis, t counting nodes, from its derivative in x."""
    _, step = node_step(nodes, scale)
    dx_dt = step * (nodes + scale) ** 2 / scale
    return derivative * dx_dt.reshape(-1, *([1] * (derivative.ndim - 1)))
