"""Rotation curves in bins of R: mean of the cells, two from the Oort constants, V0 of the second-order fit, and v_c.

With phi along rotation, A - B = v_phi/R - (1/R) dv_R/dphi, so

    axisymmetric      R (A - B)                  right if v_R does not depend on phi
    nonaxisymmetric   R (A - B) + dv_R/dphi      equal to V0 of v_phi in the same fit
    second_order      V0 of v_phi

The first two take the first-order fit (from the second-order one nonaxisymmetric equals second_order identically).
See Akhmetov et al. 2024, Eqs. 25, 26, 29 and Fig. 10.

Averages over nodes: the spheres of neighbouring nodes share cells, so their errors are correlated. With cells spread
evenly in the circles in which the spheres cut the plane, two values of a field have as correlation the shared part of
the circles, and two slopes along phi the shared part of their moments (`circle_overlap`), which is negative at large
separations: the error of a mean slope is that of its two ends. The error of an average is the sum over all pairs of
nodes. The effective number of nodes, n^2 over the sum of shared parts, is the area of a wide bin over that of a circle;
in a bin narrower than the spheres it counts circles along its length. Against the exact errors of linear fits (R = 7.5
to 8 kpc, spheres of 1 kpc) these errors are right to a few per cent for the first two curves, and a third too large for
second_order, whose weights within a sphere are narrower.

The circular velocity is that of the Jeans equation in the plane of an axisymmetric, stationary disc,

    v_c^2 = v_phi^2 + sigma_phi^2 - sigma_R^2 (1 + dln nu/dln R + dln sigma_R^2/dln R),

with density nu and dispersion sigma_R (not its square) falling as exp(-R / scale), the scales declared. Mean v_phi and
dispersions are those of the same stars, measurement errors removed. The term R/nu d(nu <v_R v_Z>)/dZ, the tilt of the
velocity ellipsoid, is neglected. No error is attached to the scales.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.maps.likelihood import Estimate, estimate

Array = NDArray[np.float64]

MIN_STARS = 20  # a bin of fewer stars has no dispersions
TRUSTED = ("good", "sparse")
FIELD_CURVES = ("axisymmetric", "nonaxisymmetric", "second_order")
FIELD_COLUMNS = (
    "radius_kpc",
    "node",
    "X_kpc",
    "Y_kpc",
    "R_kpc",
    "phi_deg",
    "n_cells",
    "quality",
    "v_phi_0_kms",
    "v_phi_0_error_kms",
    "linear_v_phi_0_error_kms",
    "linear_v_R_phi_kms_kpc",
    "linear_v_R_phi_error_kms_kpc",
    "linear_A_kms_kpc",
    "linear_B_kms_kpc",
)


def bin_edges(R_limits_kpc: Sequence[float], R_step_kpc: float) -> Array:
    """Return the edges of the bins of R, shape (m + 1,), from the limits and the width.

    Raises
    ------
    DiscatlasError
        Unless 0 <= lower < upper and the width divides the range.
    """
    low, high = R_limits_kpc
    n_bins = round((high - low) / R_step_kpc) if R_step_kpc > 0 else 0
    if low < 0 or n_bins < 1 or abs(low + n_bins * R_step_kpc - high) > 1e-6 * R_step_kpc:
        raise DiscatlasError(
            f"rotation curve: got R_limits_kpc {list(R_limits_kpc)} and R_step_kpc {R_step_kpc:g}; "
            "expected 0 <= lower < upper and a width that divides the range"
        )
    return low + R_step_kpc * np.arange(n_bins + 1)


def bin_numbers(R_kpc: Array, phi_deg: Array, edges_kpc: Array, phi_max_deg: float) -> NDArray[np.int64]:
    """Return the bin of each point, lower edge included; -1 outside the bins, and from `phi_max_deg` on either side."""
    number = np.searchsorted(edges_kpc, R_kpc, side="right") - 1
    is_inside = (number >= 0) & (number < edges_kpc.size - 1) & (np.abs(phi_deg) < phi_max_deg)
    return np.where(is_inside, number, -1)


def circle_overlap(distance_kpc: Array, along_kpc: Array, radius_kpc: float) -> tuple[Array, Array]:
    """Return the correlations of two levels and of two slopes, each fitted to the cells of one of two circles.

    Parameters
    ----------
    distance_kpc : array, shape (n,)
        Separation of the centres.
    along_kpc : array, shape (n,)
        Its component along the direction of the slopes, which is taken as that of both circles.

    Returns
    -------
    level, slope : array, shape (n,)
        The shared area over pi r^2; the integral of s1 s2 over it, s1 and s2 the coordinates along the direction from
        either centre, over pi r^4 / 4. Both are 1 at no separation and 0 from 2 r on.
    """
    h = np.minimum(distance_kpc / (2.0 * radius_kpc), 1.0)  # half the separation
    angle, root = np.arccos(h), np.sqrt(1.0 - h**2)
    area = 2.0 * (angle - h * root)
    ripple = np.sin(4.0 * angle)
    along_axis = (angle / 2.0 - ripple / 8.0) - 8.0 / 3.0 * h * root**3 + h**2 * area  # second moments of the lens
    across_axis = (1.5 * angle - np.sin(2.0 * angle) + ripple / 8.0) / 3.0
    share = np.divide(along_kpc, distance_kpc, out=np.zeros_like(h), where=distance_kpc > 0.0) ** 2
    share = np.minimum(share, 1.0)
    slope = share * (along_axis - h**2 * area) + (1.0 - share) * across_axis
    return area / np.pi, slope * 4.0 / np.pi


def average_errors(
    nodes: Mapping[str, Array], level_errors: Array, slope_errors: Array, radius_kpc: float
) -> tuple[Array, float]:
    """Return the standard errors of averages over nodes, shape (c,), and the effective number of nodes.

    Parameters
    ----------
    nodes : mapping of arrays, shape (n,)
        X_kpc, Y_kpc, R_kpc and phi_deg.
    level_errors, slope_errors : array, shape (c, n)
        Errors of the parts of each of c quantities that are values of a field, and slopes along phi; these two parts
        are of different components of the velocity and independent.

    Notes
    -----
    Values that share cells are correlated positively, slopes at some distance negatively: the mean of slopes is better
    than that of as many independent ones. Their sum vanishes for a closed ring and is taken as 0 where rounding makes
    it negative.
    """
    n_nodes, sum_of_shares = nodes["R_kpc"].size, 0.0
    level_variance, slope_variance = np.zeros((2, level_errors.shape[0]))
    for i in range(n_nodes):
        distance = np.hypot(nodes["X_kpc"] - nodes["X_kpc"][i], nodes["Y_kpc"] - nodes["Y_kpc"][i])
        turn = np.deg2rad(nodes["phi_deg"] - nodes["phi_deg"][i])
        level, slope = circle_overlap(distance, 0.5 * (nodes["R_kpc"] + nodes["R_kpc"][i]) * turn, radius_kpc)
        sum_of_shares += float(level.sum())
        level_variance += level_errors[:, i] * np.sum(level_errors * level, axis=1)
        slope_variance += slope_errors[:, i] * np.sum(slope_errors * slope, axis=1)
    variance = level_variance + np.maximum(slope_variance, 0.0)
    return np.sqrt(variance) / n_nodes, n_nodes**2 / sum_of_shares


def mean_curve(number: NDArray[np.int64], v_phi_kms: Array, n_bins: int) -> dict[str, Array]:
    """Return number, plain mean and std/sqrt(n) of the cells' v_phi [km/s] per bin; cells do not overlap.

    `number` is the bin of each cell (-1: none). Bins without cells hold NaN, as do errors of a single cell.
    """
    mean, error = np.full(n_bins, np.nan), np.full(n_bins, np.nan)
    n_cells = np.bincount(number[number >= 0], minlength=n_bins)
    for k in np.flatnonzero(n_cells):
        values = v_phi_kms[number == k]
        mean[k] = values.mean()
        if values.size > 1:
            error[k] = values.std(ddof=1) / np.sqrt(values.size)
    return {"n_cells": n_cells, "v_mean_kms": mean, "v_mean_error_kms": error}


def field_curves(
    field: Mapping[str, NDArray[Any]], edges_kpc: Array, phi_max_deg: float, radius_kpc: float
) -> dict[str, Array]:
    """Return the three curves of a velocity field: means over the trusted nodes of each bin, with errors.

    Parameters
    ----------
    field : mapping of arrays, shape (n,)
        `FIELD_COLUMNS` of the ``velocity_field`` table, rows of one radius.

    Returns
    -------
    dict
        n_nodes, n_effective_nodes and v_{c}_kms with v_{c}_error_kms [km/s] for c axisymmetric, nonaxisymmetric and
        second_order, each of shape (m,). The errors are those of `average_errors`; the spread of the nodes (streaming) is
        not in them. Bins without nodes hold NaN.
    """
    R, turning = field["R_kpc"], field["R_kpc"] * field["linear_v_R_phi_kms_kpc"]
    axisymmetric = R * (field["linear_A_kms_kpc"] - field["linear_B_kms_kpc"])
    values = np.stack([axisymmetric, axisymmetric + turning, field["v_phi_0_kms"]])
    level_errors = np.stack([field[f"{prefix}v_phi_0_error_kms"] for prefix in ("linear_", "linear_", "")])
    slope_errors = np.stack([R * field["linear_v_R_phi_error_kms_kpc"], 0.0 * R, 0.0 * R])
    is_usable = np.isin(field["quality"].astype(str), TRUSTED)
    is_usable &= np.isfinite([*values, *level_errors, *slope_errors]).all(axis=0)
    number = np.where(is_usable, bin_numbers(R, field["phi_deg"], edges_kpc, phi_max_deg), -1)
    n_nodes = np.bincount(number[number >= 0], minlength=edges_kpc.size - 1)
    names = [f"v_{curve}{part}_kms" for curve in FIELD_CURVES for part in ("", "_error")]
    columns = {name: np.full(n_nodes.size, np.nan) for name in ("n_effective_nodes", *names)}
    for k in np.flatnonzero(n_nodes):
        rows = np.flatnonzero(number == k)
        nodes = {name: field[name][rows] for name in ("X_kpc", "Y_kpc", "R_kpc", "phi_deg")}
        errors, columns["n_effective_nodes"][k] = average_errors(
            nodes, level_errors[:, rows], slope_errors[:, rows], radius_kpc
        )
        for curve, value, error in zip(FIELD_CURVES, values[:, rows].mean(axis=1), errors, strict=True):
            columns[f"v_{curve}_kms"][k], columns[f"v_{curve}_error_kms"][k] = value, error
    return {"n_nodes": n_nodes} | columns


def drift_factor(R_kpc: Array, density_scale_kpc: float, dispersion_scale_kpc: float) -> Array:
    """Return 1 + dln nu/dln R + dln sigma_R^2/dln R for nu and sigma_R falling as exp(-R / scale).

    Raises
    ------
    DiscatlasError
        Unless both scales are positive (infinite: no fall).
    """
    if not (density_scale_kpc > 0 and dispersion_scale_kpc > 0):
        raise DiscatlasError(
            f"rotation curve: got density_scale_kpc {density_scale_kpc:g} and dispersion_scale_kpc "
            f"{dispersion_scale_kpc:g}; expected positive lengths"
        )
    return 1.0 - R_kpc / density_scale_kpc - 2.0 * R_kpc / dispersion_scale_kpc


def circular_velocity(v_phi: Estimate, v_R: Estimate, factor: float) -> tuple[float, float]:
    """Return v_c and its error [km/s] from the mean and dispersion of v_phi, the dispersion of v_R and `drift_factor`.

    The error of a dispersion is half its 68 % interval. NaN where the right side is not positive.
    """
    square = v_phi.mean**2 + v_phi.sigma**2 - factor * v_R.sigma**2
    if not square > 0.0:
        return np.nan, np.nan
    terms = (
        v_phi.mean * v_phi.mean_error,
        v_phi.sigma * 0.5 * (v_phi.sigma_hi - v_phi.sigma_lo),
        factor * v_R.sigma * 0.5 * (v_R.sigma_hi - v_R.sigma_lo),
    )
    return float(np.sqrt(square)), float(np.sqrt(np.sum(np.square(terms)) / square))


def jeans_curve(
    number: NDArray[np.int64], stars: Mapping[str, Array], edges_kpc: Array, factor: Array
) -> dict[str, Array]:
    """Return the circular velocity in each bin from mean v_phi and dispersions of the same stars, errors removed.

    Parameters
    ----------
    number : ndarray of int, shape (n,)
        Bin of each star, none of them -1.
    stars : mapping of arrays, shape (n,)
        v_R_kms, v_phi_kms and their errors v_R_error_kms, v_phi_error_kms, all finite.
    factor : array, shape (m,)
        `drift_factor` of each bin.

    Returns
    -------
    dict
        n_stars; mean v_stars_kms, dispersions sigma_v_R_kms and sigma_v_phi_kms, and v_c_kms, each with its error
        [km/s]; NaN in bins of fewer than `MIN_STARS` stars.
    """
    n_bins = edges_kpc.size - 1
    order = np.argsort(number, kind="stable")
    offsets = np.searchsorted(number[order], np.arange(n_bins + 1))
    names = [f"{name}{part}_kms" for name in ("v_stars", "sigma_v_R", "sigma_v_phi", "v_c") for part in ("", "_error")]
    columns = {name: np.full(n_bins, np.nan) for name in names}
    for k in np.flatnonzero(np.diff(offsets) >= MIN_STARS):
        rows = order[offsets[k] : offsets[k + 1]]
        v_R, v_phi = (estimate(stars[f"{v}_kms"][rows], stars[f"{v}_error_kms"][rows]) for v in ("v_R", "v_phi"))
        v_c = circular_velocity(v_phi, v_R, float(factor[k]))
        pairs = [(v_phi.mean, v_phi.mean_error), *((v.sigma, 0.5 * (v.sigma_hi - v.sigma_lo)) for v in (v_R, v_phi))]
        for name, value in zip(names, [x for pair in (*pairs, v_c) for x in pair], strict=True):
            columns[name][k] = value
    return {"n_stars": np.diff(offsets)} | columns
