"""Maps of forward mocks, and what backward integration expects in their cells.

The median of a cell is not that at its centre: velocities of a fine lattice of places in the cell are pooled. Both sides
count the same window of velocities, that of the grid of the backward integration to the outer edges of its bins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.mock import BarredMock
from discatlas.contracts import error_column
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, velocity_planes
from discatlas.dynamics.medians import weighted_median
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.frames import cylindrical_position
from discatlas.maps.grids import Grid

Array = NDArray[np.float64]
Columns = dict[str, Array]
KEPT = ("v_R_kms", "v_phi_kms", "weight")
HALL_SHEATHER = 1.96 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3)  # times n^(-1/3)
MEDIANS = ("v_R_kms", "v_phi_kms", "J_R_kpc_kms")
ERRORS = {"density": "density_error"} | {name: error_column(name) for name in MEDIANS}


@dataclass(frozen=True)
class MapDeclaration:
    """Cells in X and Y, the window of velocities, and the least number of particles of a cell."""

    cells: Grid
    velocities: VelocityGrid
    min_particles: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build from a config entry; errors as of `Grid` and `VelocityGrid`."""
        limits = tuple((float(low), float(high)) for low, high in config["limits_kpc"])
        size = float(config["spacing_kpc"])
        cells = Grid(("X_kpc", "Y_kpc"), "square", (size, size), limits)
        return cls(cells, VelocityGrid.from_config(config), int(config["min_particles"]))

    @property
    def area_kpc2(self) -> float:
        """Area of a cell."""
        return float(np.prod(self.cells.cell_size))

    def is_in_window(self, v_R_kms: Array, v_phi_kms: Array) -> NDArray[np.bool_]:
        """Return which velocities lie within the bins of the grid."""
        inside = np.ones(np.shape(v_R_kms), bool)
        for values, centres in ((v_R_kms, self.velocities.v_R_kms), (v_phi_kms, self.velocities.v_phi_kms)):
            half = (centres[1] - centres[0]) / 2
            inside &= (values >= centres[0] - half) & (values < centres[-1] + half)
        return inside


@dataclass
class MapStars:
    """Particles of the cells, collected chunk by chunk: 40 bytes each."""

    declaration: MapDeclaration
    n_particles: int = 0
    _parts: list[tuple] = field(default_factory=list)

    def add(self, particles: Mapping[str, Array]) -> None:
        """Take the particles that lie in the cells and in the window."""
        self.n_particles += particles["X_kpc"].size
        cell = self.declaration.cells.cell_of(particles["X_kpc"], particles["Y_kpc"])
        kept = (cell >= 0) & self.declaration.is_in_window(particles["v_R_kms"], particles["v_phi_kms"])
        R = np.hypot(particles["X_kpc"][kept], particles["Y_kpc"][kept])
        self._parts.append((cell[kept], R, *(particles[name][kept] for name in KEPT)))

    def columns(self, plane: PlaneProfile) -> Columns:
        """Return the map (contract ``barred_mock_map``): cells with enough particles, by their number."""
        cell, R, v_R, v_phi, weight = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        values = {"v_R_kms": v_R, "v_phi_kms": v_phi, "J_R_kpc_kms": radial_action(R, v_R, v_phi, plane)}
        grid = self.declaration.cells
        count = np.bincount(cell, minlength=grid.n_cells)
        numbers = np.flatnonzero(count >= max(self.declaration.min_particles, 1))
        squares = np.bincount(cell, weight**2, grid.n_cells)[numbers]
        total = np.bincount(cell, weight, grid.n_cells)[numbers]
        X, Y = grid.centres(numbers).T
        R_centre, phi = cylindrical_position(X, Y)
        scale = 1 / (self.n_particles * self.declaration.area_kpc2)
        columns = {"cell": numbers, "X_kpc": X, "Y_kpc": Y, "R_kpc": R_centre, "phi_deg": phi}
        columns |= {"n_stars": count[numbers], "n_effective": total**2 / squares}
        for name in MEDIANS:
            columns[name], columns[ERRORS[name]] = cell_medians(cell, values[name], weight, numbers)
        return columns | {"density": total * scale, "density_error": np.sqrt(squares) * scale}


def cell_medians(
    cell: NDArray[np.int64], values: Array, weight: Array, numbers: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return weighted medians and their standard errors in the cells `numbers`, from order statistics.

    The share of the weight below the median has the standard deviation 1/(2 sqrt(n)), n = (sum w)^2 / sum w^2; divided by
    the density at the median, from quantiles as far from one half as Hall & Sheather (1988, J. R. Stat. Soc. B 50, 381)
    have it for intervals of 95 %.
    """
    order = np.lexsort((values, cell))
    cell, values, weight = cell[order], values[order], weight[order]
    first, last = np.searchsorted(cell, numbers, "left"), np.searchsorted(cell, numbers, "right")
    result = np.empty((2, numbers.size))
    for k, (i, j) in enumerate(zip(first, last, strict=True)):
        w = weight[i:j]
        total = w.sum()
        n = total**2 / np.sum(w**2)
        apart = min(HALL_SHEATHER * n ** (-1 / 3), 0.4)
        share = (np.cumsum(w) - 0.5 * w) / total
        low, middle, high = np.interp([0.5 - apart, 0.5, 0.5 + apart], share, values[i:j])
        result[:, k] = middle, (high - low) / (4 * apart * np.sqrt(n))
    return result[0], result[1]


def expected_cells(
    model: BarredModel,
    mock: BarredMock,
    declaration: MapDeclaration,
    centres_kpc: Array,
    n_side: int,
    accuracy: str | int = "fast",
) -> Columns:
    """Return v_R_kms, v_phi_kms and density of cells by backward integration from n_side^2 places in each.

    Parameters
    ----------
    centres_kpc : array, shape (n, 2)
        X and Y of the cells' centres.

    Returns
    -------
    dict
        Arrays of shape (n,); the density is the share of all particles of the mock per kpc^2 that lie in the window.
    """
    offset = ((np.arange(n_side) + 0.5) / n_side - 0.5)[:, None] * declaration.cells.cell_size
    grid = declaration.velocities
    bin_area = (grid.v_R_kms[1] - grid.v_R_kms[0]) * (grid.v_phi_kms[1] - grid.v_phi_kms[0])
    scale = bin_area / n_side**2 / mock.mass(model.distribution)
    v_R, v_phi, density = np.empty((3, len(centres_kpc)))
    for k, centre in enumerate(centres_kpc):
        X, Y = (places.ravel() for places in np.meshgrid(*(centre + offset).T, indexing="ij"))
        pooled = velocity_planes(model, *cylindrical_position(X, Y), grid, accuracy).sum(axis=0)
        v_R[k] = weighted_median(pooled.sum(axis=1), grid.v_R_kms)
        v_phi[k] = weighted_median(pooled.sum(axis=0), grid.v_phi_kms)
        density[k] = pooled.sum() * scale
    return {"v_R_kms": v_R, "v_phi_kms": v_phi, "density": density}


def pulls(columns: Mapping[str, Array], expected: Mapping[str, Array]) -> Columns:
    """Return (mock - backward) / error in the cells, of v_R_kms, v_phi_kms and density."""
    return {name: (columns[name] - expected[name]) / columns[ERRORS[name]] for name in expected}
