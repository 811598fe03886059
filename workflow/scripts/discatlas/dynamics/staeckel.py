"""Actions and limits of orbits by the Staeckel fudge, compiled: many stars in a potential that is given as a table.

At each star the potential is taken for one of Staeckel's form in prolate spheroidal coordinates (u, v),
R = D sinh u sin v and Z = D cosh u cos v (Binney 2012, MNRAS 426, 1324; Sanders & Binney 2016, MNRAS 457, 2107). The
focal distance D depends on energy and angular momentum: it is that of the spheroid on which the closed orbit of both (the
shell orbit, J_R = 0) moves. In the plane the actions are exact.
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid, node_grid
from discatlas.dynamics.hermite import KERNEL
from discatlas.dynamics.orbit_kernel import background_in_space
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC

Array = NDArray[np.float64]
N_ANGLE = 32  # points of a quadrature between turning points
N_RADII, N_CIRCULARITY, CIRCULARITY = 48, 16, (0.05, 0.97)  # nodes of the focal distance
FOCUS_MIN = 0.002  # smallest focal distance, relative to the circular orbit's radius
SHELL_STEPS, SHELL_HALVINGS = 200, 40  # of a shell orbit: steps per vertical period in the plane, halvings of its start
BOUND, BEYOND_TABLE, UNBOUND = 0, 1, 2


@dataclass(frozen=True)
class StaeckelTables:
    """What the kernel needs, as arrays.

    `potential`, `nodes_R`, `nodes_Z` are those of `PotentialGrid`, `limits_kpc` its largest R and Z. `circular` has the rows
    radius, energy and angular momentum of circular orbits. `focus_kpc`, shape (N_RADII, N_CIRCULARITY), is the focal
    distance at the radii `focus_R_kpc` of the circular orbits of the same energy and at even ratios of L_z to theirs.
    """

    potential: Array
    nodes_R: Array
    nodes_Z: Array
    limits_kpc: Array
    circular: Array
    focus_R_kpc: Array
    focus_kpc: Array

    @classmethod
    def build(cls, plane: PlaneProfile, grid: PotentialGrid) -> Self:
        """Tabulate circular orbits and focal distances of a potential."""
        R = plane.R_kpc
        v_c = np.sqrt(R * plane.dPhi_dR_km2_s2_kpc)
        circular = np.ascontiguousarray([R, plane.Phi_km2_s2 + 0.5 * v_c**2, R * v_c])
        parts = grid.node_table(), node_grid(grid.R_kpc, RADIAL_SCALE_KPC), node_grid(grid.Z_kpc, VERTICAL_SCALE_KPC)
        limits = np.array([grid.R_kpc[-1], grid.Z_kpc[-1]])
        radii = np.geomspace(max(10 * R[0], 0.1), 0.75 * R[-1], N_RADII)
        Omega, _, nu = plane.frequencies(radii)
        energy = np.interp(radii, R, circular[1])
        focus = _focal_distances(radii, energy, radii**2 * Omega, nu, limits, *parts)
        return cls(*parts, limits, circular, radii, focus)

    def arrays(self) -> tuple:
        """Return the fields in the order in which the compiled functions take them."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@numba.njit(**KERNEL)
def _climb(R: float, E: float, L: float, step: float, limits: Array, space: tuple) -> tuple[float, float, float]:
    """Follow an orbit that leaves the plane at R with v_R = 0 until v_Z = 0; return R, Z and v_R there, NaN beyond the table."""
    potential, nodes_R, nodes_Z = space
    Phi, d_R, d_Z = background_in_space(R, 0.0, potential, nodes_R, nodes_Z)
    z, u, w = 0.0, 0.0, np.sqrt(max(2.0 * (E - Phi) - (L / R) ** 2, 0.0))
    u_half, w_half = u + 0.5 * step * (L * L / R**3 - d_R), w - 0.5 * step * d_Z
    while True:
        R_new, z_new = R + step * u_half, z + step * w_half
        if not (0.0 < R_new < limits[0] and z_new < limits[1]):
            return np.nan, np.nan, np.nan
        _, d_R, d_Z = background_in_space(R_new, z_new, potential, nodes_R, nodes_Z)
        a_R = L * L / R_new**3 - d_R
        u_new, w_new = u_half + 0.5 * step * a_R, w_half - 0.5 * step * d_Z
        if w_new <= 0.0:
            share = w / (w - w_new)
            return R + share * (R_new - R), z + 0.5 * w * share * step, u + share * (u_new - u)
        R, z, u, w = R_new, z_new, u_new, w_new
        u_half, w_half = u_half + step * a_R, w_half - step * d_Z


@numba.njit(**KERNEL)
def _edge(E: float, L: float, inside: float, outside: float, space: tuple) -> float:
    """Return the radius in the plane where an orbit with nothing but v_phi has the energy E."""
    potential, nodes_R, nodes_Z = space
    for _ in range(50):
        middle = 0.5 * (inside + outside)
        Phi, _, _ = background_in_space(middle, 0.0, potential, nodes_R, nodes_Z)
        if Phi + 0.5 * (L / middle) ** 2 < E:
            inside = middle
        else:
            outside = middle
    return inside


@numba.njit(**KERNEL)
def _shell_focus(R_c: float, E: float, L: float, step: float, limits: Array, space: tuple) -> float:
    """Return the focal distance of the spheroid of a shell orbit [kpc]; NaN if it leaves the table."""
    low, high = _edge(E, L, R_c, 1e-3 * R_c, space), _edge(E, L, R_c, limits[0], space)
    R, R_top, z_top = R_c, np.nan, np.nan
    for _ in range(SHELL_HALVINGS):
        R = 0.5 * (low + high)
        R_top, z_top, drift = _climb(R, E, L, step, limits, space)
        if not np.isfinite(drift):
            return np.nan
        if drift > 0.0:
            low = R
        else:
            high = R
    square = z_top * z_top / (1.0 - (R_top / R) ** 2) - R * R if R_top < R else 0.0
    return np.sqrt(max(square, (FOCUS_MIN * R_c) ** 2))


@numba.njit(parallel=True, **KERNEL)
def _shells(R_c: Array, E: Array, L_c: Array, nu: Array, limits: Array, space: tuple) -> Array:
    focus = np.empty((R_c.size, N_CIRCULARITY))
    for i in numba.prange(R_c.size):
        for j in range(N_CIRCULARITY):
            share = CIRCULARITY[0] + (CIRCULARITY[1] - CIRCULARITY[0]) * j / (N_CIRCULARITY - 1)
            step = 2.0 * np.pi / nu[i] / SHELL_STEPS
            focus[i, j] = _shell_focus(R_c[i], E[i], share * L_c[i], step, limits, space)
    return focus


def _focal_distances(R: Array, E: Array, L_c: Array, nu: Array, limits: Array, *space: Array) -> Array:
    """Return the focal distances; where a shell orbit leaves the table that of the next that does not stands in."""
    focus = _shells(R, E, L_c, nu, limits, space)
    for j in range(N_CIRCULARITY - 2, -1, -1):
        focus[:, j] = np.where(np.isfinite(focus[:, j]), focus[:, j], focus[:, j + 1])
    known = np.isfinite(focus[:, 0])
    for j in range(N_CIRCULARITY):
        focus[:, j] = R * np.interp(R, R[known], focus[known, j] / R[known])
    return focus


@numba.njit(**KERNEL)
def _between(x: float, nodes: Array) -> tuple[int, float]:
    """Return the interval of growing nodes in which x lies and the place in it, 0 to 1."""
    i = min(max(np.searchsorted(nodes, x) - 1, 0), nodes.size - 2)
    return i, min(max((x - nodes[i]) / (nodes[i + 1] - nodes[i]), 0.0), 1.0)


@numba.njit(**KERNEL)
def _focus(E: float, L: float, circular: Array, focus_R: Array, focus: Array) -> float:
    """Interpolate the focal distance at an energy and an angular momentum."""
    i, a = _between(E, circular[1])
    R_c = circular[0, i] + a * (circular[0, i + 1] - circular[0, i])
    L_c = circular[2, i] + a * (circular[2, i + 1] - circular[2, i])
    share = (abs(L) / L_c - CIRCULARITY[0]) / (CIRCULARITY[1] - CIRCULARITY[0]) * (N_CIRCULARITY - 1)
    j = min(max(int(share), 0), N_CIRCULARITY - 2)
    b = min(max(share - j, 0.0), 1.0)
    i, a = _between(R_c, focus_R)
    near, far = (
        focus[i, j] + b * (focus[i, j + 1] - focus[i, j]),
        (focus[i + 1, j] + b * (focus[i + 1, j + 1] - focus[i + 1, j])),
    )
    return (near + a * (far - near)) * min(R_c / focus_R[0], 1.0)


@numba.njit(**KERNEL)
def _momentum(x: float, is_radial: bool, star: tuple, space: tuple) -> float:
    """Return p_u^2 at x = D sinh u with the star's v, or p_v^2 at x = cos v with its u [(kpc km/s)^2]."""
    D2, x_0, c_0, Phi_0, E, L, p_u, p_v = star
    s_0 = 1.0 - c_0 * c_0
    if is_radial:
        Phi, _, _ = background_in_space(x * np.sqrt(s_0), np.sqrt(x * x + D2) * c_0, *space)
        falls = (x * x + D2 * s_0) * Phi - (x_0 * x_0 + D2 * s_0) * Phi_0
        return p_u * p_u + 2.0 * (E * (x * x - x_0 * x_0) - falls) - L * L * D2 * (1.0 / (x * x) - 1.0 / (x_0 * x_0))
    s = 1.0 - x * x
    Phi, _, _ = background_in_space(x_0 * np.sqrt(s), np.sqrt(x_0 * x_0 + D2) * x, *space)
    falls = (x_0 * x_0 + D2 * s) * Phi - (x_0 * x_0 + D2 * s_0) * Phi_0
    return p_v * p_v + 2.0 * (E * D2 * (s - s_0) - falls) - L * L * (1.0 / s - 1.0 / s_0)


@numba.njit(**KERNEL)
def _turn(allowed: float, forbidden: float, is_radial: bool, star: tuple, space: tuple) -> float:
    """Return where the momentum vanishes, by bisection."""
    for _ in range(60):
        middle = 0.5 * (allowed + forbidden)
        if _momentum(middle, is_radial, star, space) > 0.0:
            allowed = middle
        else:
            forbidden = middle
        if abs(forbidden - allowed) < 1e-10:
            break
    return allowed


@numba.njit(**KERNEL)
def _limits(star: tuple, limits: Array, space: tuple) -> tuple[float, float, float, bool]:
    """Return the least and largest x and the largest cos v of an orbit, and whether it stays in the table."""
    D2, x_0, c_0, _, _, _, _, _ = star
    s_0, h_0 = np.sqrt(1.0 - c_0 * c_0), np.sqrt(x_0 * x_0 + D2)
    far = limits[0] / s_0
    if c_0 > 0.0:
        far = min(far, np.sqrt(max((limits[1] / c_0) ** 2 - D2, 0.0)))
    high = min(1.0 - 1e-9, limits[1] / h_0)
    if not (x_0 < far and c_0 < high):
        return 0.0, 0.0, 0.0, False
    if _momentum(far, True, star, space) > 0.0 or (high < 0.999 and _momentum(high, False, star, space) > 0.0):
        return 0.0, 0.0, 0.0, False
    x_min, x_max = _turn(x_0, 1e-4 * x_0, True, star, space), _turn(x_0, far, True, star, space)
    return x_min, x_max, _turn(c_0, high, False, star, space), True


@numba.njit(**KERNEL)
def _elements(place: Array, tables: tuple, result: Array) -> int:
    """Fill J_R, J_Z, E, r_peri, r_apo, Z_max of one star (R, Z, v_R, v_Z, v_phi), and return what it is."""
    potential, nodes_R, nodes_Z, limits, circular, focus_R, focus = tables
    space = (potential, nodes_R, nodes_Z)
    R, Z, v_R, v_Z, v_phi = max(place[0], 1e-6), abs(place[1]), place[2], place[3], place[4]
    v_Z = v_Z if place[1] >= 0.0 else -v_Z
    if limits[0] <= R or limits[1] <= Z:
        return BEYOND_TABLE
    Phi, _, _ = background_in_space(R, Z, potential, nodes_R, nodes_Z)
    E, L = Phi + 0.5 * (v_R * v_R + v_Z * v_Z + v_phi * v_phi), R * v_phi
    result[2] = E
    if E >= 0.0:
        return UNBOUND
    D = _focus(E, L, circular, focus_R, focus)
    near, far = np.hypot(R, Z - D), np.hypot(R, Z + D)
    h = 0.5 * (near + far)
    c = min(max(2.0 * Z / (near + far), 0.0), 1.0 - 1e-12)
    s = np.sqrt(1.0 - c * c)
    x = R / s
    star = (D * D, x, c, Phi, E, L, v_R * h * s + v_Z * x * c, v_R * x * c - v_Z * h * s)
    x_min, x_max, c_max, is_inside = _limits(star, limits, space)
    if not is_inside:
        return BEYOND_TABLE
    middle, half, J_R, J_Z = 0.5 * (x_min + x_max), 0.5 * (x_max - x_min), 0.0, 0.0
    for k in range(N_ANGLE):
        eta = (k + 0.5) / N_ANGLE * np.pi
        y = middle - half * np.cos(eta)
        J_R += np.sqrt(max(_momentum(y, True, star, space), 0.0) / (y * y + D * D)) * half * np.sin(eta) / N_ANGLE
        y = c_max * np.sin(0.5 * eta)
        J_Z += np.sqrt(max(_momentum(y, False, star, space), 0.0) / (1.0 - y * y)) * c_max * np.cos(0.5 * eta) / N_ANGLE
    result[0], result[1], result[3] = J_R, J_Z, x_min
    result[4], result[5] = np.sqrt(x_max * x_max + (D * c_max) ** 2), np.sqrt(x_max * x_max + D * D) * c_max
    return BOUND


@numba.njit(parallel=True, **KERNEL)
def _all_elements(places: Array, tables: tuple) -> tuple[Array, NDArray[np.int64]]:
    result, status = np.full((places.shape[0], 6), np.nan), np.empty(places.shape[0], np.int64)
    for i in numba.prange(places.shape[0]):
        status[i] = _elements(places[i], tables, result[i])
    return result, status


def staeckel_elements(
    tables: StaeckelTables, R_kpc: Array, Z_kpc: Array, v_R_kms: Array, v_Z_kms: Array, v_phi_kms: Array
) -> tuple[dict[str, Array], NDArray[np.int64]]:
    """Return actions and limits of orbits, and which of them are BOUND, BEYOND_TABLE or UNBOUND; arrays of shape (n,).

    Returns
    -------
    dict
        J_R_kpc_kms, J_Z_kpc_kms, energy_km2_s2, r_peri_kpc, r_apo_kpc (distances from the centre) and Z_max_kpc: the limits
        that an orbit comes as near to as one likes, not those of a finite time. NaN where the orbit leaves the table;
        the energy alone for an unbound one.
    """
    places = np.ascontiguousarray(np.stack([R_kpc, Z_kpc, v_R_kms, v_Z_kms, v_phi_kms], axis=1), dtype=float)
    found, status = _all_elements(places, tables.arrays())
    names = ("J_R_kpc_kms", "J_Z_kpc_kms", "energy_km2_s2", "r_peri_kpc", "r_apo_kpc", "Z_max_kpc")
    return dict(zip(names, found.T, strict=True)), status
