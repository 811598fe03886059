"""Correlation of a map of cells with a map on a grid, held against moved copies of the grid (rule ``compare_overdensity``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.correlation import GriddedMap, compare_maps
from discatlas.contracts import error_column, load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import check_columns, column_names, read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
CENTRES = (("X_centre_kpc", "Y_centre_kpc"), ("X_kpc", "Y_kpc"))


def _read_cells(path: Path, column: str) -> tuple[NDArray, NDArray, NDArray, NDArray | None]:
    """Return X, Y, value and, if there is one, error of the cells."""
    present = column_names(path)
    names = next((pair for pair in CENTRES if set(pair) <= set(present)), None)
    if names is None:
        raise DiscatlasError(
            f"{path}: the cells have no place in the plane; expected columns X_centre_kpc and Y_centre_kpc, or X_kpc and Y_kpc"
        )
    error = error_column(column)
    check_columns(path, [column], present)
    table = read_columns(path, [*names, column, *([error] if error in present else [])])
    return table[names[0]], table[names[1]], table[column], table.get(error)


def run(
    *,
    cells: Path,
    overdensity: Path,
    null_distribution: Path,
    summary: Path,
    cell_column: str,
    grid_column: str,
    null: str,
    n_null: int,
    min_overlap: float,
    R0_kpc: float,
    z_sun_kpc: float,
    seed: int,
    sample: str,
    name: str,
    threads: int,
) -> None:
    """Write r for the map as it is and for moved copies of the grid, and the p-value (JSON).

    Parameters
    ----------
    cells : Path
        Table with X_centre_kpc and Y_centre_kpc, or X_kpc and Y_kpc, and `cell_column`, of a residual map or any other.
    overdensity : Path
        Table with X_kpc and Y_kpc on a regular grid and `grid_column`; null means no data, as in the cells.
    null, n_null, min_overlap
        How the grid is moved, how often, and the share of the cells that a move must leave: see
        `discatlas.azimuthal.correlation`.
    R0_kpc, z_sun_kpc : float
        The Sun's place, for rotations about it.
    seed, sample, name
        Name the stream of random numbers.

    Raises
    ------
    DiscatlasError
        For missing columns, a grid that is not regular, and maps that share too few cells.
    """
    use_threads(threads)
    X, Y, value, _ = _read_cells(cells, cell_column)
    check_columns(overdensity, ["X_kpc", "Y_kpc", grid_column], column_names(overdensity))
    grid = GriddedMap.from_columns(*read_columns(overdensity, ["X_kpc", "Y_kpc", grid_column]).values())
    rng = stream_generator(seed, "compare_overdensity", sample, name)
    sun = (-float(np.sqrt(R0_kpc**2 - z_sun_kpc**2)), 0.0)
    found = compare_maps(X, Y, value, grid, null, n_null, min_overlap, sun, rng)
    settings: dict[str, Any] = {"cell_column": cell_column, "grid_column": grid_column, "null": null}
    settings |= {"n_null": n_null, "min_overlap": min_overlap, "seed": seed}
    provenance = settings | {"cells": read_provenance(cells), "overdensity": read_provenance(overdensity)}
    write_table(null_distribution, load_contract("overdensity_comparison"), found.columns(), provenance)
    write_json(summary, settings | found.record())
    worth = f"worth {found.effective.number:.0f} independent ones, p-value {found.effective.p_value(found.r):.3g}"
    log.info(
        f"{summary}: r = {found.r:.3f} over {found.n_cells:,} cells, p-value {found.p_value:.3g} ({null}); {worth}"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            overdensity=Path(snakemake.input.overdensity),
            null_distribution=Path(snakemake.output.null_distribution),
            summary=Path(snakemake.output.summary),
            cell_column=snakemake.params.cell_column,
            grid_column=snakemake.params.grid_column,
            null=snakemake.params.null,
            n_null=snakemake.params.n_null,
            min_overlap=snakemake.params.min_overlap,
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            seed=snakemake.params.seed,
            sample=snakemake.wildcards.sample,
            name=snakemake.wildcards.comparison,
            threads=snakemake.threads,
        )
