"""Measured stars beside the truth of a simulated catalogue, matched by their identifier; for checks alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.contracts import error_column
from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.tables import check_columns, column_names, read_columns, read_provenance

Array = NDArray[np.float64]


def match_truth(truth: Path, source_id: NDArray[np.int64], columns: Sequence[str]) -> dict[str, Array]:
    """Return true values in the order of `source_id`, shape (n,) each.

    Raises
    ------
    DiscatlasError
        If the truth table is not there, or lacks a star.
    """
    if not truth.exists():
        raise DiscatlasError(
            f"{truth}: no truth table; it is made with the simulated catalogue by rule simulate_survey"
        )
    check_columns(truth, columns, column_names(truth))
    table = read_columns(truth, ["source_id", *columns])
    ids, first = np.unique(table["source_id"], return_index=True)
    place = np.clip(np.searchsorted(ids, source_id), 0, ids.size - 1)
    missing = ids[place] != source_id
    if missing.any():
        raise DiscatlasError(
            f"{truth}: no truth for {missing.sum():,} of {source_id.size:,} stars, the first with source_id {source_id[missing][0]}"
        )
    return {name: np.asarray(table[name], float)[first[place]] for name in columns}


@dataclass(frozen=True)
class CellStars:
    """Stars in the cells of a map: the row of the map, the measured and true quantity and its error, shape (n,) each."""

    row: NDArray[np.int64]
    measured: Array
    error: Array
    true: Array
    n_cells: int

    def mean(self, weight: Array, values: Array) -> Array:
        """Return the weighted mean per cell, shape (n_cells,); NaN where a cell has no star."""
        total = np.bincount(self.row, weight, self.n_cells)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.bincount(self.row, weight * values, self.n_cells) / total

    def noise(self, weight: Array) -> Array:
        """Return what measurement errors alone make of the weighted mean per cell: sqrt(sum(w^2 e^2)) / sum(w)."""
        share = weight / np.bincount(self.row, weight, self.n_cells)[self.row]
        return np.sqrt(np.bincount(self.row, (share * self.error) ** 2, self.n_cells))


def stars_in_cells(cells: Path, stars: Path, truth: Path, quantity: str) -> CellStars:
    """Return the stars that rule bin_map put into the cells of a map, with the truth of one quantity.

    The grid and the selection are those of the map's provenance; the cell is that of the measured place.
    """
    provenance, names = read_provenance(cells), column_names(stars)
    spec = provenance["grid"]
    grid = Grid(tuple(spec["axes"]), spec["cell_shape"], tuple(spec["cell_size"]), tuple(map(tuple, spec["limits"])))
    error = error_column(quantity)
    check_columns(stars, [quantity, error], names)
    frame = pl.scan_parquet(stars)
    if provenance["selection"]:
        frame = frame.filter(compile_cut(provenance["selection"], names).expression)
    frame = frame.select("source_id", *dict.fromkeys([*spec["axes"], quantity, error])).drop_nulls().collect()
    cell = grid.cell_of(*(frame[axis].to_numpy() for axis in spec["axes"]))
    table = read_columns(cells, ["cell"])["cell"]
    row = np.clip(np.searchsorted(table, cell), 0, table.size - 1)
    inside = (cell >= 0) & (table[row] == cell)
    frame = frame.filter(pl.Series(inside))
    true = match_truth(truth, frame["source_id"].to_numpy(), [quantity])[quantity]
    return CellStars(row[inside], frame[quantity].to_numpy(), frame[error].to_numpy(), true, table.size)
