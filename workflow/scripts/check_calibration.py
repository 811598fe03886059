"""Count how often the 68 % intervals of every estimator contain the truth (rule ``check_calibration``)."""

import logging
from pathlib import Path

from discatlas.calibration.dispersions import tabulate_dispersions
from discatlas.calibration.registry import STUDIES, calibrate
from discatlas.contracts import load_contract
from discatlas.files import write_text
from discatlas.publish import to_csv
from discatlas.runtime import script_log, use_threads
from discatlas.tables import write_table

log = logging.getLogger(__name__)
CELLS_PER_INTERVAL = 10  # a bias needs more cells than a coverage, and they cost little


def run(
    *, table: Path, csv: Path, dispersions: Path, dispersions_csv: Path, n_intervals: int, seed: int, threads: int
) -> None:
    """Write the table of coverages (contract ``calibration``) and that of dispersions, as Parquet and as CSV.

    An estimator that fails is a row of the table and a line of the log, not an error. The simulations are so small that
    threads wait for each other more than they work: one is best, and any number gives the same table. Dispersions of
    cells (contract ``calibration_dispersions``) are of ten times as many cells as there are intervals.

    Parameters
    ----------
    n_intervals : int
        Independent intervals of every row, 1000 or more for a verdict that means something.
    seed : int
        Seed of the atlas; each simulation has a stream of its own.

    Raises
    ------
    DiscatlasError
        For no interval wanted.
    """
    use_threads(threads)
    contract = load_contract("calibration")
    rows = calibrate(STUDIES, n_intervals, seed)
    columns = {name: rows[name] for name in contract.names}
    write_table(table, contract, columns, {"n_intervals": n_intervals, "seed": seed})
    write_text(csv, to_csv(columns))
    contract = load_contract("calibration_dispersions")
    n_cells = CELLS_PER_INTERVAL * n_intervals
    rows = tabulate_dispersions(n_cells, seed)
    by_size = {name: rows[name] for name in contract.names}
    write_table(dispersions, contract, by_size, {"n_cells": n_cells, "seed": seed})
    write_text(dispersions_csv, to_csv(by_size))
    n_failed, n_rows = int((columns["verdict"] == "fail").sum()), columns["verdict"].size
    log.info(f"{table}: {n_rows} rows of {n_intervals:,} intervals, {n_failed} fail")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            table=Path(snakemake.output.table),
            csv=Path(snakemake.output.csv),
            dispersions=Path(snakemake.output.dispersions),
            dispersions_csv=Path(snakemake.output.dispersions_csv),
            n_intervals=snakemake.params.n_intervals,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
