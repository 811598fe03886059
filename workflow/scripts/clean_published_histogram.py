"""Read a published histogram of velocities into this project's columns (rule ``clean_published_histogram``)."""

import logging
from pathlib import Path

from discatlas.bar_spirals.velocity_histogram import (
    check_orientation,
    histogram_columns,
    provenance_of_grid,
    read_published_histogram,
)
from discatlas.contracts import load_contract
from discatlas.runtime import script_log
from discatlas.sources.files import file_digest
from discatlas.tables import write_table

log = logging.getLogger(__name__)


def run(*, values: Path, table: Path, v_R_kms: list[float], v_phi_kms: list[float], index: str, citation: str) -> None:
    """Write a published array of counts, one row per bin (contract ``velocity_histogram``).

    `v_R_kms` and `v_phi_kms` are first and last edge of the bins and their width; `index` is ``phi_R`` where the array is indexed
    [i_phi, i_R], else ``R_phi``. The histogram is held against the rotation of a disc first.

    Raises
    ------
    DiscatlasError
        For a bad file, bins that do not fit, values that are no counts, and the wrong orientation.
    """
    grid, counts = read_published_histogram(values, v_R_kms, v_phi_kms, index)
    provenance = {
        "file": values.name,
        "sha256": file_digest(values),
        "citation": citation,
        "index": index,
        "grid": provenance_of_grid(grid),
        "n_stars": int(counts.sum()),
        "disc": check_orientation(str(values), grid, counts),
    }
    write_table(table, load_contract("velocity_histogram"), histogram_columns(grid, counts), provenance)
    log.info(f"{table}: {counts.sum():,} stars in {counts.size:,} bins of {values.name}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            values=Path(snakemake.input.values),
            table=Path(snakemake.output.table),
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            index=snakemake.params.index,
            citation=snakemake.params.citation,
        )
