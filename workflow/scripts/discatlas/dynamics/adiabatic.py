"""Places and velocities of given actions and angles in the adiabatic approximation.

The vertical motion at each radius is that of the vertical potential there with its action conserved; its energy
E_Z(R; J_Z) adds to the potential in which the star moves radially (Binney & McMillan 2011, MNRAS 413, 1889, Sect. 2;
Schoenrich & Binney 2012, MNRAS 419, 1546). In the plane (J_Z = 0) this is exact.
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from discatlas.dynamics.axisymmetric import PotentialGrid, node_grid
from discatlas.dynamics.hermite import KERNEL, locate
from discatlas.dynamics.orbit_kernel import background_in_space
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC

Array = NDArray[np.float64]
N_ANGLE = 48  # points of a quadrature between turning points
N_ACTION, J_Z_MAX = 96, 2000.0  # nodes in sqrt(J_Z), and the largest action [kpc km/s]
R_INNERMOST_KPC = 1e-3


@dataclass(frozen=True)
class VerticalTables:
    """Vertical energy over action, and height reached over its root, on nodes of radius and of sqrt(J_Z).

    `potential`, `nodes_R` and `nodes_Z` are those of `PotentialGrid` for the kernel; `energy_ratio` and `height_ratio` have
    shape (n_R, N_ACTION).
    """

    potential: Array
    nodes_R: Array
    nodes_Z: Array
    energy_ratio: Array
    height_ratio: Array

    @classmethod
    def build(cls, grid: PotentialGrid) -> Self:
        """Tabulate J_Z = (2/pi) int_0^z_max v_Z dz at every radius of the grid, and invert it."""
        energy, height = np.empty((2, grid.R_kpc.size, N_ACTION))
        root = np.linspace(0.0, np.sqrt(J_Z_MAX), N_ACTION)
        eta = (np.arange(N_ANGLE) + 0.5) / N_ANGLE * np.pi / 2
        z_max = grid.Z_kpc[1:]
        for i in range(grid.R_kpc.size):
            spline = CubicHermiteSpline(grid.Z_kpc, grid.Phi_km2_s2[i], grid.dPhi_dZ_km2_s2_kpc[i])
            rise = grid.Phi_km2_s2[i, 1:] - grid.Phi_km2_s2[i, 0]
            above = spline(z_max)[:, None] - spline(z_max[:, None] * np.sin(eta))
            speed = np.sqrt(2 * np.maximum(above, 0.0))
            action = 2 / np.pi * np.sum(speed * np.cos(eta), axis=1) * z_max * (np.pi / 2 / N_ANGLE)
            place = np.clip(root, np.sqrt(action[0]), np.sqrt(action[-1]))
            energy[i] = PchipInterpolator(np.sqrt(action), rise / action)(place)
            height[i] = PchipInterpolator(np.sqrt(action), z_max / np.sqrt(action))(place)
        nodes_R, nodes_Z = node_grid(grid.R_kpc, RADIAL_SCALE_KPC), node_grid(grid.Z_kpc, VERTICAL_SCALE_KPC)
        return cls(grid.node_table(), nodes_R, nodes_Z, energy, height)

    def arrays(self) -> tuple:
        """Return the fields in the order in which the compiled functions take them."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@numba.njit(**KERNEL)
def _ratio(table: Array, R: float, J_Z: float, nodes_R: Array) -> float:
    """Interpolate linearly in the radial nodes and in sqrt(J_Z)."""
    i, a, _ = locate(R, RADIAL_SCALE_KPC, nodes_R)
    a = min(max(a, 0.0), 1.0)
    s = np.sqrt(J_Z / J_Z_MAX) * (N_ACTION - 1)
    j = min(int(s), N_ACTION - 2)
    b = min(s - j, 1.0)
    near, far = (
        table[i, j] + b * (table[i, j + 1] - table[i, j]),
        table[i + 1, j] + b * (table[i + 1, j + 1] - table[i + 1, j]),
    )
    return near + a * (far - near)


@numba.njit(**KERNEL)
def _effective(R: float, L: float, J_Z: float, tables: tuple) -> float:
    """Return the potential of the radial motion."""
    potential, nodes_R, nodes_Z, energy_ratio, _ = tables
    in_plane, _, _ = background_in_space(R, 0.0, potential, nodes_R, nodes_Z)
    return in_plane + J_Z * _ratio(energy_ratio, R, J_Z, nodes_R) + 0.5 * (L / R) ** 2


@numba.njit(**KERNEL)
def _minimum(L: float, J_Z: float, R_guess: float, tables: tuple) -> float:
    """Return the radius of the minimum of the effective potential, by golden section."""
    g = 0.5 * (np.sqrt(5.0) - 1.0)
    low, high = 0.5 * R_guess, 2.5 * R_guess
    a, b = high - g * (high - low), low + g * (high - low)
    f_a, f_b = _effective(a, L, J_Z, tables), _effective(b, L, J_Z, tables)
    while high - low > 1e-5 * R_guess:
        if f_a < f_b:
            high, b, f_b = b, a, f_a
            a = high - g * (high - low)
            f_a = _effective(a, L, J_Z, tables)
        else:
            low, a, f_a = a, b, f_b
            b = low + g * (high - low)
            f_b = _effective(b, L, J_Z, tables)
    return 0.5 * (low + high)


@numba.njit(**KERNEL)
def _turning_point(E: float, L: float, J_Z: float, inside: float, outside: float, tables: tuple) -> float:
    """Return where the effective potential equals E, between an allowed and a forbidden radius, by bisection."""
    for _ in range(60):
        middle = 0.5 * (inside + outside)
        if _effective(middle, L, J_Z, tables) < E:
            inside = middle
        else:
            outside = middle
        if abs(outside - inside) < 1e-9:
            break
    return inside


@numba.njit(**KERNEL)
def _radial_orbit(E: float, L: float, J_Z: float, R_c: float, tables: tuple, time: Array) -> tuple:
    """Return the turning points and the radial action at energy E; `time` gets the time from pericentre at the angles' ends."""
    outer = 2.0 * R_c
    while _effective(outer, L, J_Z, tables) < E and outer < 1e3:
        outer *= 2.0
    R_near = _turning_point(E, L, J_Z, R_c, R_INNERMOST_KPC, tables)
    R_far = _turning_point(E, L, J_Z, R_c, outer, tables)
    middle, half, action = 0.5 * (R_near + R_far), 0.5 * (R_far - R_near), 0.0
    time[0] = 0.0
    for k in range(N_ANGLE):
        eta = (k + 0.5) / N_ANGLE * np.pi
        v = np.sqrt(max(2.0 * (E - _effective(middle - half * np.cos(eta), L, J_Z, tables)), 1e-12))
        action += v * half * np.sin(eta) / N_ANGLE
        time[k + 1] = time[k] + half * np.sin(eta) / v * np.pi / N_ANGLE
    return R_near, R_far, action


@numba.njit(**KERNEL)
def _at_share(time: Array, share: float, width: float) -> float:
    """Return the angle in [0, width] at which a share of the whole time has passed, linear between the angles' ends."""
    wanted = share * time[-1]
    k = min(max(np.searchsorted(time, wanted) - 1, 0), N_ANGLE - 1)
    return (k + (wanted - time[k]) / (time[k + 1] - time[k])) * width / N_ANGLE


@numba.njit(**KERNEL)
def _height(R: float, J_Z: float, share: float, tables: tuple, time: Array) -> tuple[float, float]:
    """Return z >= 0 and v_Z >= 0 after a share of the quarter period."""
    potential, nodes_R, nodes_Z, _, height_ratio = tables
    z_max = np.sqrt(J_Z) * _ratio(height_ratio, R, J_Z, nodes_R)
    if z_max <= 0.0:
        return 0.0, 0.0
    top, _, _ = background_in_space(R, z_max, potential, nodes_R, nodes_Z)
    time[0] = 0.0
    for k in range(N_ANGLE):
        eta = (k + 0.5) / N_ANGLE * np.pi / 2
        here, _, _ = background_in_space(R, z_max * np.sin(eta), potential, nodes_R, nodes_Z)
        time[k + 1] = time[k] + z_max * np.cos(eta) / np.sqrt(max(2.0 * (top - here), 1e-12))
    z = z_max * np.sin(_at_share(time, share, np.pi / 2))
    here, _, _ = background_in_space(R, z, potential, nodes_R, nodes_Z)
    return z, np.sqrt(max(2.0 * (top - here), 0.0))


@numba.njit(parallel=True, **KERNEL)
def _place_all(L: Array, J_R: Array, J_Z: Array, guess: Array, share_R: Array, share_Z: Array, tables: tuple) -> Array:
    result = np.empty((L.size, 5))
    for i in numba.prange(L.size):
        time = np.empty(N_ANGLE + 1)
        R_c = _minimum(L[i], J_Z[i], guess[i], tables)
        lowest = _effective(R_c, L[i], J_Z[i], tables)
        step = 1e-3 * R_c
        curvature = (
            _effective(R_c + step, L[i], J_Z[i], tables) + _effective(R_c - step, L[i], J_Z[i], tables) - 2.0 * lowest
        ) / step**2
        E = lowest + J_R[i] * np.sqrt(max(curvature, 1e-6))
        R_near, R_far, action = _radial_orbit(E, L[i], J_Z[i], R_c, tables, time)
        for _ in range(20):
            if abs(action - J_R[i]) <= 1e-7 * J_R[i] + 1e-9:
                break
            E = max(E + (J_R[i] - action) * np.pi / time[-1], lowest + 0.2 * (E - lowest))  # dE/dJ = 2 pi / T_R
            R_near, R_far, action = _radial_orbit(E, L[i], J_Z[i], R_c, tables, time)
        R = 0.5 * (R_near + R_far) - 0.5 * (R_far - R_near) * np.cos(_at_share(time, share_R[i], np.pi))
        v = np.sqrt(max(2.0 * (E - _effective(R, L[i], J_Z[i], tables)), 0.0))
        z, v_z = _height(R, J_Z[i], share_Z[i], tables, time)
        result[i, 0], result[i, 1], result[i, 2], result[i, 3], result[i, 4] = R, v, z, v_z, R_near
    return result


@numba.njit(parallel=True, **KERNEL)
def _heights(R: Array, J_Z: Array, share: Array, tables: tuple) -> Array:
    result = np.empty((R.size, 2))
    for i in numba.prange(R.size):
        result[i, 0], result[i, 1] = _height(R[i], J_Z[i], share[i], tables, np.empty(N_ANGLE + 1))
    return result


def _signed(share: Array) -> tuple[Array, Array]:
    """Split a uniform number in [0, 1) into a sign and another uniform number."""
    return np.where(share < 0.5, -1.0, 1.0), 2.0 * share % 1.0


def place_orbits(
    tables: VerticalTables,
    L_z_kpc_kms: Array,
    J_R_kpc_kms: Array,
    J_Z_kpc_kms: Array,
    guess_kpc: Array,
    angle_R: Array,
    angle_Z: Array,
) -> dict[str, Array]:
    """Return places and velocities, and the radius of pericentre, of actions and angles.

    Parameters
    ----------
    L_z_kpc_kms, J_R_kpc_kms, J_Z_kpc_kms : array, shape (n,)
        Actions; L_z positive with rotation, J_Z up to J_Z_MAX.
    guess_kpc : array
        Guiding radius, to begin the search.
    angle_R, angle_Z : array
        Phases along the orbit, uniform in [0, 1) for a mixed population.

    Returns
    -------
    dict
        R_kpc, v_R_kms, v_phi_kms, Z_kpc, v_Z_kms, R_peri_kpc, each of shape (n,).
    """
    (sign_R, share_R), (quadrant, share_Z) = _signed(angle_R), _signed(angle_Z)
    sign_Z, share_Z = _signed(share_Z)
    placed = _place_all(L_z_kpc_kms, J_R_kpc_kms, J_Z_kpc_kms, guess_kpc, share_R, share_Z, tables.arrays())
    R, v_R, Z, v_Z, R_peri = np.ascontiguousarray(placed.T)
    return {
        "R_kpc": R,
        "v_R_kms": sign_R * v_R,
        "v_phi_kms": L_z_kpc_kms / R,
        "Z_kpc": quadrant * Z,
        "v_Z_kms": sign_Z * v_Z,
        "R_peri_kpc": R_peri,
    }


def place_heights(tables: VerticalTables, R_kpc: Array, J_Z_kpc_kms: Array, angle_Z: Array) -> tuple[Array, Array]:
    """Return Z [kpc] and v_Z [km/s] at radius R of vertical actions and phases, shape (n,) each."""
    quadrant, share = _signed(angle_Z)
    sign, share = _signed(share)
    Z, v_Z = _heights(R_kpc, J_Z_kpc_kms, share, tables.arrays()).T
    return quadrant * Z, sign * v_Z
