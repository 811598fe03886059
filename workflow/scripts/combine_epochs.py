"""One velocity for each star from those of its epochs (rule ``combine_epochs``)."""

import logging
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.epoch_tables import read_epochs
from discatlas.epochs import average_epochs, check_rules
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    epochs: Path,
    velocities: Path,
    summary: Path,
    id: str,  # noqa: A002 - the key of the config
    time: str,
    pipelines: list[dict[str, Any]],
    mean: str,
    errors: str,
) -> None:
    """Write the mean velocities (contract ``velocities``), and what happened to the rows of `epochs` as JSON.

    Parameters
    ----------
    epochs : Path
        Parquet table of one row per epoch.
    id, time : str
        Its columns of the star's identifier, which becomes source_id, and of the time [d].
    pipelines : list of dict
        In order of preference, each with the keys of `discatlas.epochs.Pipeline`.
    mean, errors : str
        As `discatlas.epochs.average_epochs` takes them.

    Raises
    ------
    DiscatlasError
        For a column that is not there or has another unit, an unknown rule, or no epoch with a velocity.
    """
    check_rules(mean, errors)
    chosen, counts = read_epochs(epochs, id, time, pipelines)
    stars = average_epochs(chosen, mean, errors)
    rules = {"id": id, "time": time, "pipelines": pipelines, "mean": mean, "errors": errors}
    write_table(velocities, load_contract("velocities"), stars, rules | {"epochs": read_provenance(epochs)})
    n = stars["n_epochs"]
    by_number = {"1": int((n == 1).sum()), "2": int((n == 2).sum()), "3 or more": int((n >= 3).sum())}
    write_json(summary, counts | {"stars_by_epochs": by_number, "mean": mean, "errors": errors})
    log.info(f"{velocities}: {n.size:,} stars of {counts['n_epochs']:,} epochs; {by_number}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            epochs=Path(snakemake.input.epochs),
            velocities=Path(snakemake.output.velocities),
            summary=Path(snakemake.output.summary),
            id=snakemake.params.id,
            time=snakemake.params.time,
            pipelines=snakemake.params.pipelines,
            mean=snakemake.params.mean,
            errors=snakemake.params.errors,
        )
