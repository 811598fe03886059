"""Slopes by moments, without any likelihood: the second route to a gradient, one for each assumption on the stars.

Each estimator is a function of means over the stars, so its standard error follows from the scatter of the stars'
influence on it (Akritas & Bershady 1996, ApJ 470, 706, as in their BCES): no distribution of scatter or errors is
assumed.

=============  ===============================================  ==================================================
likelihood     slope                                            unbiased for
=============  ===============================================  ==================================================
hogg2010       least squares of y on x                          the mean true x at a measured x is that x: evenly
                                                                spread stars, or distances that are posterior means
kelly2007      (C_xy - mean V_xy) / (C_xx - mean V_xx)          any distribution of x, scatter along y
robotham2015   principal axis of C - mean V                     any distribution of x, scatter across the line
=============  ===============================================  ==================================================
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def moment_slope(likelihood: str, x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> tuple[float, float]:
    """Return the slope [y per x] and its standard error of the estimator that belongs to a likelihood (module docstring).

    The principal axis solves B m^2 + (A - D) m - B = 0 for A, B, D = C_xx - V_xx, C_xy - V_xy, C_yy - V_yy (means over
    the stars); it depends on the units of x and y, as every orthogonal fit does.

    Parameters
    ----------
    likelihood : str
        One of `discatlas.gradients.LIKELIHOODS`.
    x, y : ndarray, shape (n,)
        Coordinates of the stars.
    V_xx, V_xy, V_yy : ndarray, shape (n,)
        Variances and covariance of the errors of x and y.

    Returns
    -------
    tuple of float
        NaN twice where the errors account for all of the variance of x.
    """
    return ROUTES[likelihood](x - x.mean(), y - y.mean(), V_xx, V_xy, V_yy)


def _least_squares(x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> tuple[float, float]:
    del V_xx, V_xy, V_yy
    square = np.mean(x * x)
    slope = np.mean(x * y) / square
    return float(slope), _standard_error(x * (y - slope * x) / square)


def _deconvolved(x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> tuple[float, float]:
    del V_yy
    square = np.mean(x * x) - np.mean(V_xx)
    if not square > 0.0:
        return np.nan, np.nan
    slope = (np.mean(x * y) - np.mean(V_xy)) / square
    return float(slope), _standard_error((x * (y - slope * x) + slope * V_xx - V_xy) / square)


def _orthogonal(x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> tuple[float, float]:
    a, b, d = x * x - V_xx, x * y - V_xy, y * y - V_yy
    A, B, D = a.mean(), b.mean(), d.mean()
    if not A > 0.0:
        return np.nan, np.nan
    difference, root = A - D, np.hypot(A - D, 2.0 * B)
    slope = 2.0 * B / (difference + root) if difference > 0 else (root - difference) / (2.0 * B)
    influence = -((slope * slope - 1.0) * b + slope * (a - d)) / (2.0 * B * slope + difference)
    return float(slope), _standard_error(influence)


def _standard_error(influence: Array) -> float:
    return float(np.std(influence, ddof=1) / np.sqrt(influence.size))


ROUTES = {"hogg2010": _least_squares, "kelly2007": _deconvolved, "robotham2015": _orthogonal}
