"""The velocity field that the true positions and velocities of the same stars give, to hold the observed field against.

The stars are grouped in cells where they were observed; each cell is then put at the mean of its stars' true positions,
with the mean of their true velocities, or of the mean field at their true positions. The fits to these cells are plain
ones (`reference`), independent of the code under test. What differs is what errors of distances and velocities do, so the
differences in units of the standard errors (pulls) are small for true velocities, which share the stars' own scatter, and
scatter by about 1 for the mean field, which does not.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from discatlas.contracts import error_column
from discatlas.errors import DiscatlasError
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column
from discatlas.velocity_field.reference import fit_plainly

Array = NDArray[np.float64]
MOST_NODES = 400  # nodes that are compared at most, evenly chosen
LARGEST_PULL = 100.0  # also that of a node that the truth cannot fit
MIN_CELLS = len(TERMS) + 1


class TrueCells:
    """Sums of true positions and velocities of the stars in each cell.

    Parameters
    ----------
    cells : ndarray of int, shape (n,)
        Numbers of the cells of the table, growing.
    source_id : ndarray of int, shape (t,)
        Identifiers of the truth; a star that was observed twice may be there twice, with the same values.
    values : ndarray, shape (t, 6)
        X, Y, Z [kpc] and v_R, v_phi, v_Z [km/s] of the truth.

    Raises
    ------
    DiscatlasError
        If two rows of the truth with one identifier differ.
    """

    def __init__(self, cells: NDArray[np.int64], source_id: NDArray[np.int64], values: Array) -> None:
        order = np.argsort(source_id, kind="stable")
        self._ids, self._values, self._cells = source_id[order], values[order], cells
        again = np.flatnonzero(np.diff(self._ids) == 0)
        if (self._values[again] != self._values[again + 1]).any():
            raise DiscatlasError("the truth has two different rows of one source_id; each star must have one truth")
        self._sums, self._observed = np.zeros((cells.size, 6)), np.zeros((cells.size, 3))
        self._n, self._n_unknown = np.zeros(cells.size, dtype=np.int64), 0

    def add(self, cell: NDArray[np.int64], source_id: NDArray[np.int64], positions: Array) -> None:
        """Add observed stars by the number of their cell; stars of other cells and without truth are left out."""
        row = np.minimum(np.searchsorted(self._cells, cell), self._cells.size - 1)
        place = np.minimum(np.searchsorted(self._ids, source_id), self._ids.size - 1)
        in_cell, known = self._cells[row] == cell, self._ids[place] == source_id
        self._n_unknown += int((in_cell & ~known).sum())
        used = in_cell & known
        np.add.at(self._sums, row[used], self._values[place[used]])
        np.add.at(self._observed, row[used], positions[used])
        np.add.at(self._n, row[used], 1)

    def means(self) -> tuple[Array, Array, float]:
        """Return true positions and velocities (m, 3) of the cells with stars, and the median displacement [kpc].

        Raises
        ------
        DiscatlasError
            If more than 1 per cent of the stars are not in the truth.
        """
        n_known = int(self._n.sum())
        if self._n_unknown > 0.01 * (n_known + self._n_unknown):
            raise DiscatlasError(
                f"{self._n_unknown:,} of {n_known + self._n_unknown:,} stars are not in the truth: it is of another catalogue"
            )
        some = self._n > 0
        means = self._sums[some] / self._n[some, None]
        shift = np.linalg.norm(means[:, :3] - self._observed[some] / self._n[some, None], axis=1)
        return means[:, :3], means[:, 3:], float(np.median(shift))


def pulls(field: Mapping[str, NDArray], positions: Array, velocities: Array, radius_kpc: float) -> Array:
    """Return (field - truth) / error of the coefficients at fitted nodes, shape (k, 3, 10), at most `LARGEST_PULL` in size.

    `field` holds the rows of the ``velocity_field`` table of one radius; of more than `MOST_NODES` fitted nodes some are
    chosen evenly. A node that the true cells cannot fit has the largest pull.
    """
    tree = cKDTree(positions)
    fitted = np.flatnonzero(np.isin(field["quality"].astype(str), ("good", "sparse")))
    chosen = fitted[np.linspace(0, fitted.size - 1, min(fitted.size, MOST_NODES)).astype(int)]
    names = [coefficient_column(component, term, 2) for component in COMPONENTS for term in TERMS]
    value = np.stack([field[name][chosen] for name in names], axis=1).reshape(-1, 3, 10)
    error = np.stack([field[error_column(name)][chosen] for name in names], axis=1).reshape(-1, 3, 10)
    result = np.full(value.shape, LARGEST_PULL)
    for k, (X, Y) in enumerate(zip(field["X_kpc"][chosen], field["Y_kpc"][chosen], strict=True)):
        if tree.query_ball_point([X, Y, 0.0], radius_kpc, return_length=True) >= MIN_CELLS:
            result[k] = (value[k] - fit_plainly(tree, positions, velocities, X, Y, radius_kpc)[0]) / error[k]
    return np.clip(result, -LARGEST_PULL, LARGEST_PULL)


def rms_pull(values: Array, displacement_kpc: float, radius_kpc: float) -> float:
    """Return the root mean square of pulls; `LARGEST_PULL` where the truth lies farther off than a sphere's radius.

    So a truth whose stars are those of the sample, but not these, does not pass.
    """
    return LARGEST_PULL if displacement_kpc > radius_kpc else float(np.sqrt(np.mean(values**2)))
