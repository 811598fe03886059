"""The likelihood of a spiral given a map of v_R.

With A the matrix that makes the cells' means of the response g at the nodes, chi^2 = |L^-1 (v - A g)|^2 is
v'C^-1 v - 2 (A'C^-1 v)'g + g'(A'C^-1 A)g. The vector and the matrix are made once; with independent cells the matrix is a
band, since one window reaches over few nodes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.spiral_fit import kernels
from discatlas.spiral_fit.covariance import Noise
from discatlas.spiral_fit.nodes import Nodes, Places, window_matrix
from discatlas.spiral_fit.parameters import SpiralModel
from discatlas.spiral_response import NORMALISATIONS

Array = NDArray[np.float64]
COLD = kernels.Reduction(np.zeros(0), np.zeros(0), np.zeros((0, 0, 0)), np.zeros((0, 0, 0)))


@dataclass(frozen=True)
class Response:
    """Means of the response of spirals over the windows of cells.

    Parameters
    ----------
    model : SpiralModel
        What is fixed.
    nodes : Nodes
        Radii at which the response is taken.
    places : Places
        The windows of the cells.
    reduction : kernels.Reduction
        Factor on the response of a warm disc at the nodes.
    """

    model: SpiralModel
    nodes: Nodes
    places: Places
    reduction: kernels.Reduction = COLD

    @cached_property
    def curve(self) -> kernels.Curve:
        """The nodes as the kernels take them."""
        R = self.nodes.R_kpc
        Omega, kappa = self.model.frequencies(R)
        return kernels.Curve(self.nodes.ln_R - np.log(self.model.pivot_kpc), R, Omega, kappa**2)

    @cached_property
    def settings(self) -> kernels.Settings:
        """What is fixed as the kernels take it."""
        model = self.model
        return kernels.Settings(
            float(model.m),
            float(model.R0_kpc),
            float(model.scale_height_kpc),
            NORMALISATIONS.index(model.normalisation),
            float(model.regularisation),
            model.terms == "sin_only",
        )

    @cached_property
    def matrix(self) -> Array:
        """The matrix A of the cells' means, shape (n_cells, 2 n_nodes + 1)."""
        W = window_matrix(self.places, self.nodes, self.model.m)
        out = np.ones((self.places.n_cells, 2 * self.nodes.n + 1))
        out[:, 1::2], out[:, 2::2] = W.real, -W.imag
        return out

    def at_nodes(self, point: Array) -> Array:
        """Return the mean v_R, then Re G, Im G of each node in turn [km/s]."""
        return kernels.response_at_nodes(np.asarray(point, np.float64), self.curve, self.settings, self.reduction)

    def v_R(self, point: Array) -> Array:
        """Return the mean v_R of each cell [km/s], shape (n_cells,)."""
        return self.matrix @ np.where(self._touched, self.at_nodes(point), 0.0)

    @cached_property
    def _touched(self) -> NDArray[np.bool_]:
        """Nodes that any cell takes: one on an unregularised resonance is infinite, and outside the mask."""
        return (self.matrix != 0).any(axis=0)


class Likelihood:
    """ln L of points of the model, for the cells of a response.

    Parameters
    ----------
    response : Response
        Of the fitted cells.
    v_R_kms : ndarray, shape (n,)
        The map.
    noise : Noise
        Its errors.

    Raises
    ------
    DiscatlasError
        For values that are not finite.
    """

    def __init__(self, response: Response, v_R_kms: Array, noise: Noise) -> None:
        self.response, self.v_R_kms, self.noise = response, np.asarray(v_R_kms, np.float64), noise
        bad = ~(np.isfinite(self.v_R_kms) & np.isfinite(noise.errors) & (noise.errors > 0))
        if bad.any() or not bad.size:
            raise DiscatlasError(
                f"spiral fit: {int(bad.sum()):,} of {bad.size:,} fitted cells have no finite v_R with an error above zero"
            )
        white = noise.whiten(response.matrix)
        data = noise.whiten(self.v_R_kms)
        self.form = pack(float(data @ data), white.T @ data, white.T @ white)
        self._ln_norm = noise.ln_norm
        self._room = np.empty(self.form.linear.size)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.v_R_kms.size

    def chi_square(self, point: Array) -> float:
        """Return chi^2 of one point, shape (6,)."""
        at = self.response
        return kernels.chi_square(point, at.curve, at.settings, at.reduction, self.form, self._room)

    def chi_squares(self, points: Array) -> Array:
        """Return chi^2 of points, shape (n, 6)."""
        at = self.response
        points = np.ascontiguousarray(points, np.float64)
        return kernels.chi_squares(points, at.curve, at.settings, at.reduction, self.form)

    def __call__(self, point: Array) -> float:
        """Return ln L of one point, its normalisation included."""
        return self._ln_norm - 0.5 * self.chi_square(point)

    def many(self, points: Array) -> Array:
        """Return ln L of points, shape (n, 6)."""
        return self._ln_norm - 0.5 * self.chi_squares(points)

    def constant(self, mean_kms: float) -> float:
        """Return ln L of a disc with v_R the same everywhere."""
        g = np.zeros_like(self.form.linear)
        g[0] = mean_kms
        return self._ln_norm - 0.5 * kernels.form_of(g, self.form)


def pack(constant: float, linear: Array, matrix: Array) -> kernels.Form:
    """Return chi^2 as the kernels take it; `matrix` is symmetric."""
    n = len(matrix)
    is_there = matrix != 0.0
    last = np.where(is_there.any(axis=1), n - np.argmax(is_there[:, ::-1], axis=1), 0)
    lengths = np.maximum(last - np.arange(n), 0).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    packed = np.concatenate([matrix[i, i : i + lengths[i]] for i in range(n)])
    return kernels.Form(constant, np.ascontiguousarray(linear), starts, lengths, packed)
