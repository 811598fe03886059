"""Read a ready-made map from a published file into this project's frame and columns (rule ``clean_published_map``)."""

import logging
from pathlib import Path

import numpy as np

from discatlas.contracts import error_column, load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log
from discatlas.sources.files import file_digest
from discatlas.sources.grid_map import check_rotation, map_columns, read_axis, read_grid_map
from discatlas.tables import write_table

log = logging.getLogger(__name__)


def _check_error(quantity: str, error: float | None) -> None:
    """Raise a DiscatlasError for a stated error that is not above zero."""
    if error is not None and not (np.isfinite(error) and error > 0):
        raise DiscatlasError(f"published map: got error {error} of {quantity}, expected one above zero, or null")


def run(
    *,
    values: Path,
    x_file: Path | None,
    y_file: Path | None,
    table: Path,
    quantity: str,
    x_kpc: dict[str, float] | None,
    y_kpc: dict[str, float] | None,
    frame: str,
    R0_kpc: float | None,
    index: str,
    no_data: float | None,
    error: float | None,
    correlation_kpc: float | None,
    citation: str,
) -> None:
    """Write a published map, one row per cell with data (contract ``published_map``).

    Centres of the cells are in `x_file` and `y_file`, or, where these are None, `x_kpc` and `y_kpc` declare them as
    start, stop and n. Frame, index order and `no_data` are those of `discatlas.sources.grid_map.read_grid_map`. The error
    model is the config's, since the file has none: `error` of every cell in the unit of the quantity, and the length
    `correlation_kpc` over which errors are alike, which is handed on in the provenance for the likelihood. A map of v_phi is held against rotation first.

    Raises
    ------
    DiscatlasError
        For bad files, axes or frames, an error model that does not fit, and a map of v_phi with the wrong orientation.
    """
    _check_error(quantity, error)
    x, y = read_axis("x_kpc", x_file or x_kpc or {}), read_axis("y_kpc", y_file or y_kpc or {})
    cells = read_grid_map(values, x, y, frame=frame, index=index, no_data=no_data, R0_kpc=R0_kpc)
    rotation = check_rotation(str(values), cells, x, y) if quantity == "v_phi_kms" else None
    columns = map_columns(cells, quantity, error_column(quantity), error)
    provenance = {
        "file": values.name,
        "sha256": file_digest(values),
        "citation": citation,
        "quantity": quantity,
        "frame": frame,
        "R0_kpc": R0_kpc,
        "index": index,
        "no_data": no_data,
        "grid": {"n_x": x.size, "n_y": y.size, "x_kpc": [x[0], x[-1]], "y_kpc": [y[0], y[-1]]},
        "error_model": {"error": error, "correlation_kpc": correlation_kpc},
        "rotation": rotation,
        "n_cells": {"all": x.size * y.size, "with_data": cells.cell.size},
    }
    write_table(table, load_contract("published_map").expand(q=[quantity]), columns, provenance)
    log.info(f"{table}: {cells.cell.size:,} of {x.size * y.size:,} cells of {values.name} have data")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            values=Path(snakemake.input.values),
            x_file=Path(snakemake.input.x_file) if snakemake.input.get("x_file") else None,
            y_file=Path(snakemake.input.y_file) if snakemake.input.get("y_file") else None,
            table=Path(snakemake.output.table),
            quantity=snakemake.params.quantity,
            x_kpc=snakemake.params.x_kpc,
            y_kpc=snakemake.params.y_kpc,
            frame=snakemake.params.frame,
            R0_kpc=snakemake.params.R0_kpc,
            index=snakemake.params.index,
            no_data=snakemake.params.no_data,
            error=snakemake.params.error,
            correlation_kpc=snakemake.params.correlation_kpc,
            citation=snakemake.params.citation,
        )
