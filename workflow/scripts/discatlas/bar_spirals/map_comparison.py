"""A predicted map of the disc held against an observed one: residuals in the observed cells, and what they amount to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
Columns = Mapping[str, NDArray]
QUANTITIES = ("v_R_kms", "v_phi_kms", "J_R_kpc_kms")
ANNULUS_KPC = 0.5  # over which a median is "at fixed radius"
CLEARLY, SURELY = (
    0.1,
    0.5,
)  # a map is refused whose correlation is better by this, and at least this, the other way round
_ON_NODE = 1e-6  # of a spacing
_LEAST_CELLS = 30  # for a verdict about the orientation


@dataclass(frozen=True)
class RegularMap:
    """Values on a grid: coordinates `x` (nx,) and `y` (ny,) [kpc], values (nx, ny), NaN where there are none."""

    x: Array
    y: Array
    values: Array

    @classmethod
    def of(cls, columns: Columns, quantity: str, where: str) -> Self:
        """Arrange the cells of a table as a grid.

        Raises
        ------
        DiscatlasError
            If they are no grid of two or more rows and columns.
        """
        x, i = np.unique(np.round(columns["X_kpc"], 9), return_inverse=True)
        y, j = np.unique(np.round(columns["Y_kpc"], 9), return_inverse=True)
        if min(x.size, y.size) < 2 or x.size * y.size > 100 * columns["X_kpc"].size:
            raise DiscatlasError(
                f"{where}: {columns['X_kpc'].size:,} cells are no grid in X_kpc and Y_kpc; make it anew"
            )
        values = np.full((x.size, y.size), np.nan)
        values[i, j] = columns[quantity]
        return cls(x, y, values)

    def at(self, X_kpc: Array, Y_kpc: Array) -> Array:
        """Return bilinear interpolations, shape (n,); NaN outside, and where one of the nodes that count has no value."""
        i, s = _place(self.x, X_kpc)
        j, t = _place(self.y, Y_kpc)
        total = np.zeros(s.shape)
        for k, along_x in ((0, 1 - s), (1, s)):
            for n, along_y in ((0, 1 - t), (1, t)):
                weight = along_x * along_y
                total += np.where(weight > 0, weight * self.values[i + k, j + n], 0.0)
        outside = (X_kpc < self.x[0] - 1e-9) | (X_kpc > self.x[-1] + 1e-9)
        outside |= (Y_kpc < self.y[0] - 1e-9) | (Y_kpc > self.y[-1] + 1e-9)
        return np.where(outside, np.nan, total)


def _place(nodes: Array, values: Array) -> tuple[NDArray[np.int64], Array]:
    i = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, nodes.size - 2)
    fraction = np.clip((values - nodes[i]) / (nodes[i + 1] - nodes[i]), 0.0, 1.0)
    near = np.rint(fraction)
    return i, np.where(np.abs(fraction - near) < _ON_NODE, near, fraction)


def about_radius(R_kpc: Array, values: Array, annulus_kpc: float = ANNULUS_KPC) -> Array:
    """Return values less their median at the same radius, shape (n,).

    The medians of annuli are interpolated linearly between their mean radii, and on beyond the first and the last.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, np.nan)
    number, place = np.unique(np.floor(R_kpc[known] / annulus_kpc), return_inverse=True)
    members = [place == k for k in range(number.size)]
    radius = np.array([R_kpc[known][member].mean() for member in members])
    median = np.array([np.median(values[known][member]) for member in members])
    profile = np.interp(R_kpc, radius, median)
    if radius.size > 1:
        for end, beyond in (((0, 1), R_kpc < radius[0]), ((-1, -2), R_kpc > radius[-1])):
            slope = np.diff(median[list(end)])[0] / np.diff(radius[list(end)])[0]
            profile = np.where(beyond, median[end[0]] + slope * (R_kpc - radius[end[0]]), profile)
    return values - profile


def observed_values(observed: Columns, quantity: str) -> Array:
    """Return what is compared: v_phi less its median at the same radius, else the values themselves."""
    values = np.asarray(observed[quantity], float)
    return about_radius(observed["R_kpc"], values) if quantity == "v_phi_kms" else values


def predicted_values(predicted: Columns, observed: Columns, quantity: str, where: str) -> Array:
    """Return the prediction at the observed cells, treated as they are: only where there are data, NaN elsewhere."""
    values = RegularMap.of(predicted, quantity, where).at(observed["X_kpc"], observed["Y_kpc"])
    values = np.where(np.isfinite(observed[quantity]), values, np.nan)
    return about_radius(observed["R_kpc"], values) if quantity == "v_phi_kms" else values


def summary(data: Array, model: Array, error: Array | None) -> dict[str, float | int | None]:
    """Return number of common cells, rms of the data, of the model and of data - model, mean of it, and correlation.

    `rms_error` is that of the standard errors of the medians, null where none are known.
    """
    both = np.isfinite(data) & np.isfinite(model)
    if not both.any():
        return {"n_cells": 0}
    data, model = data[both], model[both]
    known = np.full(1, np.nan) if error is None else error[both]
    varies = both.sum() > 2 and np.std(data) > 0 and np.std(model) > 0
    return {
        "n_cells": int(both.sum()),
        "rms_data": _rms(data),
        "rms_model": _rms(model),
        "rms_residual": _rms(data - model),
        "mean_residual": float(np.mean(data - model)),
        "correlation": float(np.corrcoef(data, model)[0, 1]) if varies else None,
        "rms_error": _rms(known[np.isfinite(known)]) if np.isfinite(known).any() else None,
    }


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def check_orientation(observed: Columns, predicted: Columns, where: str) -> float:
    """Return the correlation of observed v_phi with that of the equilibrium over the cells.

    Raises
    ------
    DiscatlasError
        For a map that rotates backward, and one that follows the equilibrium clearly better with X reversed or with X
        and Y exchanged: its gradient has the wrong sign.
    """
    X, Y, v_phi = (np.asarray(observed[name], float) for name in ("X_kpc", "Y_kpc", "v_phi_kms"))
    known = np.isfinite(v_phi)
    X, Y, v_phi = X[known], Y[known], v_phi[known]
    if np.median(v_phi) < 0:
        raise DiscatlasError(
            f"{where}: v_phi is {np.median(v_phi):.1f} km/s in the median; here it is positive with rotation"
        )
    profile = np.unique(np.round(predicted["R_kpc"], 6), return_index=True)
    equilibrium = predicted["v_phi_equilibrium_kms"][profile[1]]

    def correlation(x: Array, y: Array) -> float:
        expected = np.interp(np.hypot(x, y), profile[0], equilibrium)
        return float(np.corrcoef(expected, v_phi)[0, 1]) if np.std(expected) > 0 and np.std(v_phi) > 0 else 0.0

    as_it_is = correlation(X, Y)
    if v_phi.size >= _LEAST_CELLS:
        middle_X, middle_Y = (X.min() + X.max()) / 2, (Y.min() + Y.max()) / 2
        others = {
            "X reversed": correlation(2 * middle_X - X, Y),
            "X and Y exchanged": correlation(middle_X + (Y - middle_Y), middle_Y + (X - middle_X)),
        }
        for name, other in others.items():
            if other > max(as_it_is + CLEARLY, SURELY):
                raise DiscatlasError(
                    f"{where}: v_phi follows the rotation of the model with a correlation of {as_it_is:.2f}, with {name} of "
                    f"{other:.2f}: its gradient has the wrong sign; check frame and index order of the map"
                )
    return as_it_is
