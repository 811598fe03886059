"""Maps of the disc that a model with bar and spirals predicts: medians of v_R, v_phi and J_R (Khalil et al. 2025, Figs. 4-7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.disc_cells import PLACE, Columns, take
from discatlas.dynamics.backward import BarredModel, map_medians
from discatlas.dynamics.velocity_grid import VelocityGrid

BLOCK = 16  # cells between two reports
MEDIANS = ("v_R_kms", "v_phi_kms", "J_R_kpc_kms")
EQUILIBRIUM = ("v_phi_equilibrium_kms", "J_R_equilibrium_kpc_kms", "density_equilibrium")
PREDICTED = (*PLACE, *MEDIANS, "density", *EQUILIBRIUM)
_RADIUS_DIGITS = 9  # of kpc: cells of one radius share their equilibrium, whatever the part that they are in
_NO_TIME = 1e-9  # kpc/(km/s), 0.001 years: what is in equilibrium need not be followed


def predict_blocks(
    model: BarredModel,
    places: Mapping[str, NDArray],
    velocities: VelocityGrid,
    accuracy: str | int,
    block: int = BLOCK,
) -> Iterator[Columns]:
    """Yield the columns `PREDICTED` in blocks of cells.

    Every cell is computed for itself: its numbers do not depend on the blocks or on other cells.

    Parameters
    ----------
    model : BarredModel
        The disc with bar and spirals.
    places : mapping of str to ndarray, shape (n,)
        Those of `disc_cells.all_cells`, or a part.
    velocities : VelocityGrid
        Bins over which the medians are taken.
    accuracy : str or int
        That of `map_medians`.
    """
    rest = _equilibrium(model, places["R_kpc"], velocities)
    for first in range(0, places["cell"].size, block):
        columns = take(places, slice(first, first + block))
        found = map_medians(model, columns["R_kpc"], columns["phi_deg"], velocities, accuracy)
        columns |= {name: getattr(found, name) for name in (*MEDIANS, "density")}
        yield columns | take(rest, slice(first, first + block))


def predict_map(
    model: BarredModel, places: Mapping[str, NDArray], velocities: VelocityGrid, accuracy: str | int
) -> Columns:
    """Return the columns `PREDICTED` of all cells; see `predict_blocks`."""
    return concatenate(list(predict_blocks(model, places, velocities, accuracy)))


def concatenate(blocks: Sequence[Mapping[str, NDArray]]) -> Columns:
    """Return blocks of columns one after the other."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def table_columns(columns: Mapping[str, NDArray]) -> Columns:
    """Return the columns of contract ``disc_map``: a model has neither stars nor errors."""
    n = columns["cell"].size
    unknown = {name: np.full(n, np.nan) for name in ("v_R_error_kms", "v_phi_error_kms", "J_R_error_kpc_kms")}
    return dict(columns) | unknown | {"n_stars": np.ma.masked_all(n, np.int64)}


def _equilibrium(model: BarredModel, R_kpc: NDArray, velocities: VelocityGrid) -> Columns:
    """Return medians and density without bar and spirals, which depend on the radius alone."""
    R, row = np.unique(np.round(R_kpc, _RADIUS_DIGITS), return_inverse=True)
    still = replace(model.equilibrium(), integration_kpc_kms=_NO_TIME)
    found = map_medians(still, R, np.zeros(R.size), velocities)
    return dict(zip(EQUILIBRIUM, (found.v_phi_kms[row], found.J_R_kpc_kms[row], found.density[row]), strict=True))
