"""The radial action of the plane, tabulated on energy and angular momentum.

Nodes are uniform in w = L / (L + L_scale) and in s = sqrt((E - E_c) / (E_top - E_c)): E_c is the energy of the circular
orbit of L, E_top that of the orbit that just reaches the edge of the potential's table. Tabulated is
g = J_R kappa / (E - E_c), which is smooth in both and 1 on circles.
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile, node_grid
from discatlas.dynamics.hermite import INLINE, KERNEL, basis, locate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC

Array = NDArray[np.float64]
N_L, N_S = 400, 160
INNER_KPC, EDGE = 0.05, 0.8  # guiding radii of the nodes: smallest, and largest as a fraction of the table's edge


@numba.njit(**INLINE)
def line_value(w: tuple, line: Array, i: int, column: int) -> float:
    """Return a function of L from its values and slopes at nodes i and i + 1 with the weights of `basis`."""
    return (
        w[0] * line[i, column, 0]
        + w[1] * line[i, column, 1]
        + w[2] * line[i + 1, column, 0]
        + w[3] * line[i + 1, column, 1]
    )


@numba.njit(**INLINE)
def action_at(E: float, L: float, i: int, w: tuple, numbers: Array, line: Array, grid: Array) -> float:
    """Return J_R of an orbit in interval i of L; infinite for one that leaves the potential's table.

    `numbers` is Phi at the edge, 1 / (2 R_edge^2), first value, inverse step and number of the nodes of L, its scale, and
    the number of steps in s.
    """
    above = max(E - line_value(w, line, i, 0), 0.0)
    depth = numbers[0] + numbers[1] * L * L - line_value(w, line, i, 0)
    if not above < depth:
        return np.inf
    place = np.sqrt(above / depth) * numbers[6]
    j = min(int(place), int(numbers[6]) - 1)
    v = basis(place - j)
    total = 0.0
    for a in range(2):
        for b in range(2):
            node = grid[i + a, j + b]
            total += w[2 * a] * (v[2 * b] * node[0] + v[2 * b + 1] * node[2])
            total += w[2 * a + 1] * (v[2 * b] * node[1] + v[2 * b + 1] * node[3])
    return above * line_value(w, line, i, 1) * total


@numba.njit(**INLINE)
def plane_potential(R: float, table: Array, nodes: Array) -> float:
    """Return Phi_0 at R."""
    i, place, _ = locate(R, RADIAL_SCALE_KPC, nodes)
    w = basis(place)
    return w[0] * table[i, 0] + w[1] * table[i, 1] + w[2] * table[i + 1, 0] + w[3] * table[i + 1, 1]


@numba.njit(parallel=True, **KERNEL)
def _actions(R: Array, v_R: Array, v_phi: Array, tables: tuple) -> Array:
    numbers, line, grid, potential, nodes = tables
    result = np.empty(R.size)
    for k in numba.prange(R.size):
        L = abs(R[k] * v_phi[k])
        E = plane_potential(R[k], potential, nodes) + 0.5 * (v_R[k] * v_R[k] + v_phi[k] * v_phi[k])
        i, place, _ = locate(L, numbers[5], numbers[2:5])
        J = action_at(E, L, i, basis(place), numbers, line, grid)
        result[k] = J if 0.0 <= place <= 1.0 and np.isfinite(J) else np.nan
    return result


@dataclass(frozen=True)
class RadialActionTable:
    """J_R(E, L) of a plane.

    Parameters
    ----------
    numbers : array, shape (7,)
        As `action_at` takes them.
    L_kpc_kms, R_guide_kpc : array, shape (n,)
        Nodes in angular momentum and their guiding radii.
    line : array, shape (n, 2, 2)
        E_c and 1 / kappa, value and slope per node.
    grid : array, shape (n, m, 4)
        g: value, slopes per node along L and along s, and the mixed one.
    potential, nodes : array, shape (k, 2) and (3,)
        The potential of the plane, and its nodes.
    """

    numbers: Array
    L_kpc_kms: Array
    R_guide_kpc: Array
    line: Array
    grid: Array
    potential: Array
    nodes: Array

    @classmethod
    def build(cls, plane: PlaneProfile) -> Self:
        """Tabulate the actions of `plane`."""
        R_edge = plane.R_kpc[-1]
        circular = np.sqrt(plane.R_kpc**3 * plane.dPhi_dR_km2_s2_kpc)
        scale, low, high = np.interp([RADIAL_SCALE_KPC, INNER_KPC, EDGE * R_edge], plane.R_kpc, circular)
        w = np.linspace(low / (low + scale), high / (high + scale), N_L)
        L = scale * w / (1 - w)
        R_guide = CubicSpline(circular, plane.R_kpc)(L)
        kappa = CubicSpline(plane.R_kpc, plane.kappa_kms_kpc)(R_guide)
        E_c = plane.potential(R_guide) + 0.5 * (L / R_guide) ** 2
        depth = plane.Phi_km2_s2[-1] + 0.5 * (L / R_edge) ** 2 - E_c
        s = np.linspace(0.0, 1.0, N_S + 1)
        above = depth[:, None] * s[1:-1] ** 2
        J = radial_action(R_guide[:, None], np.sqrt(2 * above), (L / R_guide)[:, None], plane)
        g = np.ones((N_L, N_S + 1))
        g[:, 1:-1] = J * kappa[:, None] / above
        g[:, -1] = CubicSpline(s[-12:-1], g[:, -12:-1], axis=1)(1.0)
        step = (w[1] - w[0], s[1])
        along_L = CubicSpline(w, g).derivative()(w) * step[0]
        along_s = CubicSpline(s, g, axis=1, bc_type=((1, np.zeros(N_L)), "not-a-knot")).derivative()(s) * step[1]
        mixed = CubicSpline(w, along_s).derivative()(w) * step[0]
        numbers = [plane.Phi_km2_s2[-1], 0.5 / R_edge**2, w[0], 1 / step[0], N_L, scale, N_S]
        return cls(
            numbers=np.array(numbers),
            L_kpc_kms=L,
            R_guide_kpc=R_guide,
            line=line_table(w, E_c, 1 / kappa),
            grid=np.ascontiguousarray(np.stack([g, along_L, along_s, mixed], axis=-1)),
            potential=np.ascontiguousarray(plane.node_table()[:, 0]),
            nodes=node_grid(plane.R_kpc, RADIAL_SCALE_KPC),
        )

    def arrays(self) -> tuple:
        """Return the arrays in the order in which the compiled functions take them."""
        return self.numbers, self.line, self.grid, self.potential, self.nodes

    def radial_action(self, R_kpc: ArrayLike, v_R_kms: ArrayLike, v_phi_kms: ArrayLike) -> Array:
        """Return J_R [kpc km/s] as `actions.radial_action` does; NaN also for guiding radii outside the table's."""
        arrays = np.broadcast_arrays(*(np.asarray(values, float) for values in (R_kpc, v_R_kms, v_phi_kms)))
        R, v_R, v_phi = (np.ascontiguousarray(values.ravel()) for values in arrays)
        return _actions(R, v_R, v_phi, self.arrays()).reshape(arrays[0].shape)


def line_table(w: Array, *functions: Array) -> Array:
    """Return values and slopes per node of functions on the uniform nodes w, shape (n, len(functions), 2)."""
    values = np.stack(functions, axis=1)
    return np.ascontiguousarray(np.stack([values, CubicSpline(w, values).derivative()(w) * (w[1] - w[0])], axis=-1))
