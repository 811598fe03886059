"""Bin the stars of a sample into a map: counts, moments, medians and likelihood fits per cell (rule ``bin_map``)."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from discatlas.contracts import error_column, load_contract
from discatlas.cuts import CompiledCut, compile_cut
from discatlas.errors import DiscatlasError
from discatlas.files import scratch_folder
from discatlas.maps.grids import Grid
from discatlas.maps.joined import JoinedStars
from discatlas.maps.partition import bin_stream
from discatlas.runtime import script_log, use_threads
from discatlas.tables import check_columns, read_provenance, write_table

log = logging.getLogger(__name__)


class _SelectedStars:
    """The stars of a Parquet table, with what is joined to it, that pass a selection, batch by batch; counts them in each pass."""

    def __init__(self, table: JoinedStars, cut: CompiledCut | None) -> None:
        self.table, self.cut, self.n_read, self.n_selected = table, cut, 0, 0

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the named columns of the selected stars, in file order; complain in the end if there was none."""
        self.n_read = self.n_selected = 0
        needed = list(dict.fromkeys([*columns, *(self.cut.columns if self.cut else ())]))
        for frame in self.table.frames(needed):
            stars = frame.filter(self.cut.expression) if self.cut else frame
            self.n_read += frame.height
            self.n_selected += stars.height
            yield {name: stars[name].cast(pl.Float64).to_numpy() for name in columns}
        if not self.n_selected:
            reason = (
                f"selection {self.cut.text!r} keeps none of {self.n_read:,} stars"
                if self.cut
                else "the table has no rows"
            )
            raise DiscatlasError(f"{self.table.stars}: {reason}")

    def counts(self, n_used: int) -> dict[str, int]:
        """Return the numbers of stars read, selected, in cells (`n_used`) and outside the limits."""
        outside = self.n_selected - n_used
        return {"read": self.n_read, "selected": self.n_selected, "in_cells": n_used, "outside": outside}


def run(
    *,
    stars: Path,
    cells: Path,
    axes: list[str],
    cell_shape: str,
    cell_size: list[float],
    limits: list[list[float]],
    selection: str | None,
    quantities: list[str],
    min_stars: int,
    estimator: str,
    threads: int,
    tables: Sequence[Path] = (),
    max_rows: int = 4_000_000,
) -> None:
    """Write the map of a phase-space table, one row per cell with a star (contract ``map``).

    The columns of `tables` of the same stars, such as ages, are joined by ``source_id`` (`discatlas.maps.joined`) and may be
    axes, quantities and in the selection; a star without an entry has none of them. Axes, sizes and limits are those of `discatlas.maps.grids.Grid`; `selection` is a condition of `discatlas.cuts`;
    quantities, `min_stars`, `estimator` and `max_rows` those of `discatlas.maps.partition.bin_stream`.

    Raises
    ------
    DiscatlasError
        For a bad grid, a column that is not there or in two tables, a selection that keeps no star, no star in the limits, and a map
        without a cell of `min_stars` stars.
    """
    use_threads(threads)
    grid = Grid(tuple(axes), cell_shape, tuple(cell_size), tuple((low, high) for low, high in limits))
    table = JoinedStars(stars, tables)
    check_columns(stars, [*axes, *quantities], table.columns)
    selected = _SelectedStars(table, compile_cut(selection, table.columns) if selection else None)
    errors = {quantity: error_column(quantity) for quantity in quantities if error_column(quantity) in table.columns}
    needed = [*axes, *quantities, *errors.values(), *(selected.cut.columns if selected.cut else ())]
    try:
        with scratch_folder(cells) as scratch:
            table.join(needed, scratch, max_rows)
            columns = bin_stream(selected.batches, grid, quantities, errors, min_stars, estimator, scratch, max_rows)
    except DiscatlasError as error:
        message = str(error)
        raise DiscatlasError(message if message.startswith(str(stars)) else f"{stars}: {message}") from None
    n_used = int(columns["n_stars"].sum())
    provenance = {
        "grid": {"axes": axes, "cell_shape": cell_shape, "cell_size": cell_size, "limits": limits},
        "selection": selection,
        "estimator": estimator,
        "min_stars": min_stars,
        "errors": {quantity: errors.get(quantity, "none") for quantity in quantities},
        "n_stars": selected.counts(n_used),
        "phase_space": read_provenance(stars),
    } | ({"tables": table.record()} if tables else {})
    write_table(cells, load_contract("map").expand(a=axes, q=quantities), columns, provenance)
    log.info(f"{cells}: {n_used:,} of {selected.n_read:,} stars in {columns['cell'].size:,} cells")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            cells=Path(snakemake.output.cells),
            axes=snakemake.params.axes,
            cell_shape=snakemake.params.cell_shape,
            cell_size=snakemake.params.cell_size,
            limits=snakemake.params.limits,
            selection=snakemake.params.selection,
            quantities=snakemake.params.quantities,
            min_stars=snakemake.params.min_stars,
            estimator=snakemake.params.estimator,
            tables=[Path(path) for path in snakemake.input.get("tables", [])],
            threads=snakemake.threads,
        )
