"""How often the intervals of a posterior contain the truth, over maps of particles that were integrated forward.

Truths are drawn from the priors. A map is made of particles of a truth by the forward kernel, never by the emulator or by
backward integration; one emulator, which learns from backward integration in all of the priors, serves all maps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.cell_nodes import CellNodes
from discatlas.bar_spirals.designs import initial_design
from discatlas.bar_spirals.emulator import Emulator, FeatureMap
from discatlas.bar_spirals.likelihood import Cells, Floor, QuadraticForms
from discatlas.bar_spirals.mock import BarredMock, simulate_chunks
from discatlas.bar_spirals.mock_map import MapDeclaration, MapStars
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.posterior import centred, sample
from discatlas.calibration.coverage import Intervals
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, v_R_medians
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.frames import cylindrical_position

Array = NDArray[np.float64]
ENDS = {0.68: (15.865525, 84.134475), 0.95: (2.275013, 97.724987)}
HELD = 5  # every fifth model of the design tells the emulator's error
N_DRAWS = 4000
LOST_KMS = 0.03


@dataclass(frozen=True)
class Study:
    """A situation in which intervals are counted.

    Parameters
    ----------
    parameters : SpiralParameters
        What is free, and the priors.
    plane : PlaneProfile
        The axisymmetric potential.
    declaration : MapDeclaration
        Cells and velocities of the maps.
    nodes : CellNodes
        Nodes among all cells of the declaration within the radii.
    cells : array of int, shape (n,)
        Numbers of these cells.
    floor : Floor
        Prior of the misfit.
    """

    parameters: SpiralParameters
    plane: PlaneProfile
    declaration: MapDeclaration
    nodes: CellNodes
    cells: NDArray[np.int64]
    floor: Floor

    @classmethod
    def prepare(
        cls,
        parameters: SpiralParameters,
        plane: PlaneProfile,
        declaration: MapDeclaration,
        R_limits_kpc: tuple[float, float],
        n_nodes: int,
        floor: Floor,
    ) -> Self:
        """Choose the cells within `R_limits_kpc`, and nodes among them."""
        numbers = np.arange(declaration.cells.n_cells)
        R, phi = cylindrical_position(*declaration.cells.centres(numbers).T)
        inside = (R_limits_kpc[0] <= R) & (R_limits_kpc[1] >= R)
        nodes = CellNodes.choose(R[inside], phi[inside], n_nodes)
        return cls(parameters, plane, declaration, nodes, numbers[inside], floor)

    def medians(self, vector: Array, grid: VelocityGrid, accuracy: str | int) -> Array:
        """Return the medians of v_R at the nodes by backward integration [km/s], shape (k,)."""
        model = BarredModel.from_spec(self.plane, self.parameters.spec(vector, self.plane))
        return v_R_medians(model, self.nodes.R_kpc, self.nodes.phi_deg, grid, accuracy)

    def forward_map(self, vector: Array, mock: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Array]:
        """Return the map of particles of a truth (contract ``barred_mock_map``); `mock` as of `BarredMock`."""
        model = BarredModel.from_spec(self.plane, self.parameters.spec(vector, self.plane))
        stars = MapStars(self.declaration)
        for chunk in simulate_chunks(BarredMock.from_config(mock, model, "mock"), model, rng, rng):
            stars.add(chunk)
        return stars.columns(self.plane)

    def forms(self, columns: Mapping[str, Array]) -> QuadraticForms:
        """Return the likelihood of a map at the nodes, of those of its cells that are among the study's."""
        row = np.searchsorted(self.cells, columns["cell"])
        known = (row < self.cells.size) & (self.cells[np.minimum(row, self.cells.size - 1)] == columns["cell"])
        names = ("X_kpc", "Y_kpc", "v_R_kms", "v_R_error_kms")
        cells = Cells(*(np.asarray(columns[name], float)[known] for name in names))
        return QuadraticForms.build(cells, self.nodes.weights[row[known]], self.floor)


@dataclass(frozen=True)
class Learned:
    """An emulator with the covariance of its errors in its coefficients, and their rms [km/s]."""

    emulator: Emulator
    variance: Array
    rms_kms: float


def train(study: Study, evaluate: Callable[[Array], Array], n_design: int, rng: np.random.Generator) -> Learned:
    """Learn from `n_design` models in all of the priors; `evaluate` gives the medians of vectors, shape (n, k)."""
    design = initial_design(None, study.parameters, n_design, 1.0, {}, rng)
    medians, held = evaluate(design), np.arange(n_design) % HELD == HELD - 1
    options = {"lost_kms": LOST_KMS, "groups": [], "n_subset": n_design}
    trial = Emulator.train(FeatureMap(study.parameters), design[~held], medians[~held], **options)
    residual = medians[held] - trial.medians(design[held])
    emulator = Emulator.train(FeatureMap(study.parameters), design, medians, **options)
    errors = residual @ emulator.basis
    return Learned(emulator, errors.T @ errors / len(errors), float(np.sqrt(np.mean(residual**2))))


def intervals_of(
    study: Study, learned: Learned, columns: Mapping[str, Array], truth: Array, rng: np.random.Generator, n_live: int
) -> dict[float, Intervals]:
    """Return the intervals of all parameters given one map, by their probability."""
    emulator = learned.emulator
    forms = study.forms(columns).project(emulator.mean, emulator.basis, learned.variance)
    run = sample(
        lambda vector: float(forms.ln_likelihood(emulator.coefficients(vector[None]))[0]), study.parameters, rng, n_live
    )
    draws = centred(run.vectors[run.draw(N_DRAWS, rng)], study.parameters)
    middle = np.median(draws, axis=0)
    true = centred(truth[None], study.parameters, middle)[0]
    return {share: Intervals(middle, *np.percentile(draws, ends, axis=0), true) for share, ends in ENDS.items()}
