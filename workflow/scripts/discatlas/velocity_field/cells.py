"""Mean positions and velocities of the stars in cubes of space, from a stream of stars of any length.

The cubes are aligned on the Galactic centre. Stars are added one by one in row order by one thread, so the numbers do
not depend on how the rows come in batches.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.velocity_field import COMPONENTS

Array = NDArray[np.float64]
POSITIONS = ("X_kpc", "Y_kpc", "Z_kpc")
VELOCITIES = tuple(f"{component}_kms" for component in COMPONENTS)
ERRORS = tuple(f"{component}_error_kms" for component in COMPONENTS)
MAX_CUBES = 20_000_000  # 80 bytes each where there are stars


@dataclass(frozen=True)
class Window:
    """Which stars are used: a box about the Sun, a height limit and a speed limit (all inclusive).

    Parameters
    ----------
    half_width_kpc : float
        Largest |X + R0| and |Y|.
    Z_max_kpc : float
        Largest |Z|.
    max_speed_kms : float
        Largest speed in the Galactocentric frame.
    R0_kpc : float
        The Sun is taken at X = -R0; its height changes that by less than a parsec.
    """

    half_width_kpc: float
    Z_max_kpc: float
    max_speed_kms: float
    R0_kpc: float

    def select(self, positions: Array, velocities: Array) -> tuple[NDArray[np.bool_], dict[str, int]]:
        """Return which of the stars, shape (n, 3) each, are used, and how many leave for which (first) reason."""
        X, Y, Z = positions.T
        outside = ~((np.abs(X + self.R0_kpc) <= self.half_width_kpc) & (np.abs(Y) <= self.half_width_kpc))
        outside |= ~(np.abs(Z) <= self.Z_max_kpc)
        unknown = ~outside & ~np.isfinite(velocities).all(axis=1)
        speed = np.sqrt(np.sum(np.where(np.isfinite(velocities), velocities, 0.0) ** 2, axis=1))
        fast = ~outside & ~unknown & (speed > self.max_speed_kms)
        counts = {"read": X.size, "outside": outside.sum(), "without_velocity": unknown.sum(), "too_fast": fast.sum()}
        return ~(outside | unknown | fast), {name: int(count) for name, count in counts.items()}


class CubeSums:
    """Counts, means and sums of squares of the stars in every cube of a window.

    Parameters
    ----------
    window : Window
        Every star of `add` lies in it.
    cell_kpc : float
        Side of a cube.

    Raises
    ------
    DiscatlasError
        For more cubes than fit into the memory.
    """

    def __init__(self, window: Window, cell_kpc: float) -> None:
        self.cell_kpc = cell_kpc
        half, Z_max = window.half_width_kpc, window.Z_max_kpc
        low, high = np.array([[-window.R0_kpc - half, -half, -Z_max], [half - window.R0_kpc, half, Z_max]])
        # a cube more on each side, for stars that rounding puts there
        self.first = np.floor(low / cell_kpc).astype(np.int64) - 1
        self.shape = np.floor(high / cell_kpc).astype(np.int64) + 2 - self.first
        n_cubes = math.prod(int(n) for n in self.shape)
        if n_cubes > MAX_CUBES:
            raise DiscatlasError(
                f"cubes of cell_kpc = {cell_kpc:g} in a box of half_width_kpc = {half:g} and Z_max_kpc = {Z_max:g}: "
                f"{n_cubes:,} cubes, expected at most {MAX_CUBES:,}; take larger cubes or a smaller box"
            )
        self.counts = np.zeros(n_cubes, dtype=np.int64)
        self._sums = np.zeros((n_cubes, 9))

    def add(self, positions: Array, velocities: Array) -> None:
        """Add stars: positions (X, Y, Z) [kpc] and velocities (v_R, v_phi, v_Z) [km/s], each of shape (n, 3)."""
        _add_stars(positions, velocities, self.cell_kpc, self.first, self.shape, self.counts, self._sums)

    def numbers(self, positions: Array) -> NDArray[np.int64]:
        """Return the number of the cube of each star, as `add` counts it."""
        steps = np.floor(positions / self.cell_kpc).astype(np.int64) - self.first
        return (steps[:, 0] * self.shape[1] + steps[:, 1]) * self.shape[2] + steps[:, 2]

    def columns(self, min_stars: int) -> dict[str, NDArray]:
        """Return the columns of the contract ``phase_space_cells`` for all cubes of at least `min_stars` stars.

        The error of a mean is the standard deviation (n - 1) over the root of n, NaN for one star.

        Raises
        ------
        DiscatlasError
            If no cube holds that many.
        """
        cells = np.flatnonzero(self.counts >= max(min_stars, 1))
        if not cells.size:
            raise DiscatlasError(
                f"no cube of {self.cell_kpc:g} kpc holds min_stars = {min_stars} stars (the fullest has "
                f"{self.counts.max():,}); take larger cubes (cell_kpc) or a smaller min_stars"
            )
        n, sums = self.counts[cells], self._sums[cells]
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.where(n[:, None] > 1, np.sqrt(sums[:, 6:] / (n * (n - 1.0))[:, None]), np.nan)
        return cell_columns(cells, n, sums[:, :3], sums[:, 3:6], errors)


def cell_columns(
    cells: NDArray[np.int64], n_stars: NDArray[np.int64], positions: Array, velocities: Array, errors: Array
) -> dict[str, NDArray]:
    """Return the columns of the contract ``phase_space_cells`` of mean positions, velocities and errors, shape (n, 3)."""
    R, phi = cylindrical_position(positions[:, 0], positions[:, 1])
    columns = {"cell": cells, "n_stars": n_stars} | dict(zip(POSITIONS, positions.T, strict=True))
    columns |= {"R_kpc": R, "phi_deg": phi} | dict(zip(VELOCITIES, velocities.T, strict=True))
    return columns | dict(zip(ERRORS, errors.T, strict=True))


@njit(cache=True)
def _add_stars(
    positions: NDArray, velocities: NDArray, side: float, first: NDArray, shape: NDArray, counts: NDArray, sums: NDArray
) -> None:
    """Update counts, means (first six of `sums`) and sums of squared deviations (last three) as Welford (1962) does."""
    for i in range(positions.shape[0]):
        cube = 0
        for k in range(3):
            cube = cube * shape[k] + math.floor(positions[i, k] / side) - first[k]
        counts[cube] += 1
        share = 1.0 / counts[cube]
        for k in range(3):
            sums[cube, k] += share * (positions[i, k] - sums[cube, k])
            deviation = velocities[i, k] - sums[cube, 3 + k]
            sums[cube, 3 + k] += share * deviation
            sums[cube, 6 + k] += deviation * (velocities[i, k] - sums[cube, 3 + k])
