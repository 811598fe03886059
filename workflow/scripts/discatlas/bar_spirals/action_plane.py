"""From velocities at a place to the plane of actions (L_z, J_R) of the axisymmetric potential."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.velocity_histogram import edges_of
from discatlas.dynamics.action_table import RadialActionTable
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ActionBins:
    """Edges of bins of equal width in L_z and in J_R [kpc km/s], shapes (n + 1,) and (m + 1,)."""

    L_z_kpc_kms: Array
    J_R_kpc_kms: Array

    @classmethod
    def from_config(cls, config: Mapping[str, Sequence[float]]) -> Self:
        """Build the bins from first and last edge and width of either axis.

        Raises
        ------
        DiscatlasError
            If the range is not a whole number of bins.
        """
        edges = {}
        for name in ("L_z_kpc_kms", "J_R_kpc_kms"):
            first, last, width = (float(value) for value in config[name])
            n = (last - first) / width if width > 0 else 0.0
            if n < 1 or abs(n - round(n)) > 1e-6:
                raise DiscatlasError(
                    f"action plane: {name} {[first, last, width]}: expected [first edge, last edge, width], a whole number of bins apart"
                )
            edges[name] = first + width * np.arange(round(n) + 1)
        return cls(**edges)

    @property
    def area(self) -> float:
        """Area of a bin [(kpc km/s)^2]."""
        return float((self.L_z_kpc_kms[1] - self.L_z_kpc_kms[0]) * (self.J_R_kpc_kms[1] - self.J_R_kpc_kms[0]))

    def centres(self) -> tuple[Array, Array]:
        """Return L_z and J_R of all bins, shape (n m,) each, J_R fast."""
        L, J = (0.5 * (edges[1:] + edges[:-1]) for edges in (self.L_z_kpc_kms, self.J_R_kpc_kms))
        return tuple(axis.ravel() for axis in np.meshgrid(L, J, indexing="ij"))


class ActionMap:
    """Where the bins of velocity at one radius lie among those of action.

    What a bin of velocity holds is spread evenly over it: cut where v_phi crosses an edge of L_z = R v_phi, and into `n_sub`
    parts along v_R, each of which belongs to one bin of action. The Jacobian between velocities and actions
    follows from counting, and nothing is lost or made on the way.

    Parameters
    ----------
    grid : VelocityGrid
        The bins of velocity.
    R_kpc : float
        The radius.
    actions : RadialActionTable
        J_R of the potential.
    bins : ActionBins
        The bins of action.
    n_sub : int
        Parts of a bin of velocity along v_R, and the least along v_phi.
    """

    def __init__(
        self, grid: VelocityGrid, R_kpc: float, actions: RadialActionTable, bins: ActionBins, n_sub: int = 6
    ) -> None:
        self.bins, self._R, self._actions, self._n_sub = bins, R_kpc, actions, n_sub
        self._shape = bins.L_z_kpc_kms.size - 1, bins.J_R_kpc_kms.size - 1
        edges = edges_of(grid.v_phi_kms)
        fine = np.linspace(edges[0], edges[-1], n_sub * grid.v_phi_kms.size + 1)
        crossed = bins.L_z_kpc_kms / R_kpc
        cuts = np.unique(np.concatenate([fine, crossed[(crossed > edges[0]) & (crossed < edges[-1])]]))
        self._v_phi, step = 0.5 * (cuts[1:] + cuts[:-1]), edges[1] - edges[0]
        self._weight = np.diff(cuts) / step / n_sub
        self._cell = np.clip(((self._v_phi - edges[0]) / step).astype(np.int64), 0, grid.v_phi_kms.size - 1)
        self._v_R, self._step_R = grid.v_R_kms, grid.v_R_kms[1] - grid.v_R_kms[0]

    def spread(self, values: Sequence[Array]) -> list[Array]:
        """Return what the bins of action hold, shape (n, m) each, for arrays of shape `grid.shape` over the bins of velocity."""
        totals = np.zeros((len(values), self._shape[0] * self._shape[1]))
        number_L, is_L = _number(self.bins.L_z_kpc_kms, self._R * self._v_phi)
        parts = [np.asarray(value, float)[:, self._cell] * self._weight for value in values]
        for across in (np.arange(self._n_sub) + 0.5) / self._n_sub - 0.5:
            v_R = (self._v_R + across * self._step_R)[:, None]
            number_J, is_J = _number(self.bins.J_R_kpc_kms, self._actions.radial_action(self._R, v_R, self._v_phi))
            held = is_J & is_L
            number = (number_L * self._shape[1] + number_J)[held]
            for k, part in enumerate(parts):
                totals[k] += np.bincount(number, part[held], totals.shape[1])
        return list(totals.reshape(-1, *self._shape))


def _number(edges: Array, values: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of the bin of each value, and whether there is one."""
    place = (np.nan_to_num(values, nan=np.inf) - edges[0]) / (edges[1] - edges[0])
    held = (place >= 0) & (place < edges.size - 1)
    return np.where(held, place, 0).astype(np.int64), held
