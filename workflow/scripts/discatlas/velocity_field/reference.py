"""The second-order fit about one node as one would write it with numpy: slow, and independent of `nodes`, to check it."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]


def fit_plainly(tree: cKDTree, positions: Array, velocities: Array, X: float, Y: float, radius_kpc: float) -> tuple:
    """Return the coefficients about (X, Y, 0), shape (3, 10), and their errors for cells that scatter alike.

    `tree` holds the `positions` (n, 3) of the cells. At least 11 cells must lie within the radius.
    """
    rows = tree.query_ball_point([X, Y, 0.0], radius_kpc)
    x, y, z = positions[rows].T
    R, phi = np.hypot(X, Y), np.arctan2(Y, -X)
    turn = (np.arctan2(y, -x) - phi + np.pi) % (2 * np.pi) - np.pi
    dR, s = np.hypot(x, y) - R, R * turn
    design = np.stack([np.ones_like(z), dR, s, z, dR**2 / 2, s**2 / 2, z**2 / 2, dR * s, dR * z, s * z], axis=1)
    solution, chi2, *_ = np.linalg.lstsq(design, velocities[rows])
    inverse = np.linalg.pinv(design.T @ design)
    return solution.T, np.sqrt(np.outer(chi2 / (len(rows) - 10), np.diagonal(inverse)))
