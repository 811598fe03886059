"""Simulate a disc observed with Gaia's errors (rule ``simulate_galaxy``)."""

import logging
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.frames import Sun
from discatlas.runtime import script_log
from discatlas.simulation import COLUMNS
from discatlas.simulation.disc import DiscModel, simulate_disc
from discatlas.tables import TableWriter


def run(*, catalogue: Path, model: dict[str, Any], sun: dict[str, Any], seed: int, name: str) -> None:
    """Write the simulated catalogue chunk by chunk."""
    disc, where = DiscModel.from_config(model), Sun.from_config(sun)
    provenance = {"source": "simulation", "model": model, "sun": sun, "seed": seed, "citation": "discatlas"}
    with TableWriter(catalogue, load_contract("catalogue"), COLUMNS, provenance) as writer:
        for chunk in simulate_disc(disc, where, seed, name):
            writer.write(chunk)
            logging.info("%d rows", writer.n_rows)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            catalogue=Path(snakemake.output.catalogue),
            model=snakemake.params.model,
            sun=snakemake.params.sun,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.catalogue,
        )
