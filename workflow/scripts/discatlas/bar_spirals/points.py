"""What a fit of bar and spirals compares with: medians of v_R at chosen points of a map, and local peaks of v_R.

Points are given as published, x = -X and y = Y. A point has the map's value, bilinear between the centres of cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position

Array = NDArray[np.float64]
SMOOTHING_KMS = 4.0  # Gaussian, of the profile whose peak is sought
STRIP_KMS = 5.0  # half the width in v_phi of the strip whose peak is sought
PEAK_LIMIT_KMS = 60.0  # a peak is sought nearer to v_R = 0 than this


@dataclass(frozen=True)
class FitPoints:
    """Points with data, shape (n,) each: the papers' x and y, R and azimuth, data and their weights' sigma [km/s]."""

    x_kpc: Array
    y_kpc: Array
    R_kpc: Array
    phi_deg: Array
    v_R_kms: Array
    sigma_kms: Array

    @classmethod
    def of_map(cls, cells: Mapping[str, Array], points: Sequence[Sequence[float]], sigma_kms: float) -> Self:
        """Take the data from a map; points where it has none are left out.

        Parameters
        ----------
        cells : mapping of str to array, shape (m,)
            ``X_kpc``, ``Y_kpc`` and ``v_R_kms`` of cells on a regular grid, some of which may be missing or NaN.
        points : sequence of (x, y, sigma / sigma_0)
            In the papers' frame [kpc].
        sigma_kms : float
            sigma_0.

        Raises
        ------
        DiscatlasError
            For points without a positive sigma, and if no point lies where the map has data.
        """
        table = np.array(points, float).reshape(-1, 3)
        if not (np.isfinite(table).all() and (table[:, 2] > 0).all() and sigma_kms > 0):
            raise DiscatlasError(
                f"points of the fit: got {[list(row) for row in points]} and sigma {sigma_kms:g} km/s; "
                "expected [x, y, sigma] with positive sigmas"
            )
        x, y, share = table.T
        value = bilinear(cells["X_kpc"], cells["Y_kpc"], cells["v_R_kms"], -x, y)
        known = np.isfinite(value)
        if not known.any():
            raise DiscatlasError(
                f"points of the fit: the map has data at none of the {x.size} points; it covers X {np.min(cells['X_kpc']):g} "
                f"to {np.max(cells['X_kpc']):g}, Y {np.min(cells['Y_kpc']):g} to {np.max(cells['Y_kpc']):g} kpc"
            )
        R, phi = cylindrical_position(-x, y)
        columns = (values[known] for values in (x, y, R, phi, value, share * sigma_kms))
        return cls(*columns)

    def chi_square(self, v_R_kms: Array) -> float:
        """Return the objective of model medians at the points."""
        return float(np.sum(((v_R_kms - self.v_R_kms) / self.sigma_kms) ** 2))


def bilinear(X_kpc: Array, Y_kpc: Array, values: Array, at_X: Array, at_Y: Array) -> Array:
    """Interpolate values of cells on a regular grid; NaN where one of the four cells around has none.

    Raises
    ------
    DiscatlasError
        For cells that are no grid.
    """
    X, Y = np.unique(np.round(X_kpc, 6)), np.unique(np.round(Y_kpc, 6))
    if X.size < 2 or Y.size < 2 or X.size * Y.size > 4_000_000:
        raise DiscatlasError(
            f"points of the fit: {np.size(values):,} cells at {X.size:,} X and {Y.size:,} Y are no regular grid to interpolate in"
        )
    image = np.full((X.size, Y.size), np.nan)
    image[np.searchsorted(X, np.round(X_kpc, 6)), np.searchsorted(Y, np.round(Y_kpc, 6))] = values
    inside = (at_X >= X[0]) & (at_X <= X[-1]) & (at_Y >= Y[0]) & (at_Y <= Y[-1])
    i = np.clip(np.searchsorted(X, at_X, side="right") - 1, 0, X.size - 2)
    j = np.clip(np.searchsorted(Y, at_Y, side="right") - 1, 0, Y.size - 2)
    s, t = (at_X - X[i]) / (X[i + 1] - X[i]), (at_Y - Y[j]) / (Y[j + 1] - Y[j])
    result = np.zeros(np.shape(at_X))
    for corner, weight in (
        ((i, j), (1 - s) * (1 - t)),
        ((i + 1, j), s * (1 - t)),
        ((i, j + 1), (1 - s) * t),
        ((i + 1, j + 1), s * t),
    ):
        result += np.where(weight > 0, weight * image[corner], 0.0)
    return np.where(inside, result, np.nan)


@dataclass(frozen=True)
class LocalPeaks:
    """Where the density over v_R peaks at some v_phi at the Sun, shape (k,) each, with sigma_Delta [km/s]."""

    R_kpc: float
    v_phi_kms: Array
    peak_kms: Array
    sigma_kms: float

    @classmethod
    def of_stars(
        cls, v_R_kms: Array, v_phi_kms: Array, n_stars: Array, config: Mapping[str, Any], R_kpc: float
    ) -> Self:
        """Find the peaks of a histogram or of stars.

        Parameters
        ----------
        v_R_kms, v_phi_kms, n_stars : array, shape (m,)
            Centres of bins and their counts, or velocities of stars and ones.
        config : mapping
            ``v_phi_kms`` (list) and ``sigma_kms`` of the constraint.

        Raises
        ------
        DiscatlasError
            For a strip without stars.
        """
        at = np.array(config["v_phi_kms"], float)
        edges = np.arange(-100.0, 100.1, 2.0)
        peaks = []
        for v_phi in at:
            chosen = np.abs(v_phi_kms - v_phi) <= STRIP_KMS
            counts = np.histogram(v_R_kms[chosen], edges, weights=n_stars[chosen])[0]
            if not counts.sum() > 0:
                raise DiscatlasError(f"local constraint: no star within {STRIP_KMS:g} km/s of v_phi = {v_phi:g} km/s")
            peaks.append(peak_of(0.5 * (edges[1:] + edges[:-1]), counts))
        return cls(R_kpc, at, np.array(peaks), float(config["sigma_kms"]))

    def chi_square(self, peak_kms: Array) -> float:
        """Return what peaks of a model add to the objective."""
        return float(np.sum(((peak_kms - self.peak_kms) / self.sigma_kms) ** 2))


def peak_of(v_R_kms: Array, density: Array) -> float:
    """Return where a smoothed profile peaks [km/s]: the highest bin within 60 km/s of zero and a parabola through three."""
    offsets = v_R_kms[:, None] - v_R_kms
    smooth = np.exp(-0.5 * (offsets / SMOOTHING_KMS) ** 2) @ density
    rows = np.flatnonzero(np.abs(v_R_kms) <= PEAK_LIMIT_KMS)
    i = int(np.clip(rows[np.argmax(smooth[rows])], 1, v_R_kms.size - 2))
    before, top, after = smooth[i - 1 : i + 2]
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(v_R_kms[i] + shift * (v_R_kms[1] - v_R_kms[0]))
