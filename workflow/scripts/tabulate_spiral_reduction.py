"""Tabulate how much weaker the response of a warm disc to a spiral is than a cold one's (rule ``tabulate_spiral_reduction``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.runtime import script_log
from discatlas.simulation.spiral_reduction import ReductionGrid, reduction_columns
from discatlas.tables import write_table

log = logging.getLogger(__name__)


def run(*, reduction: Path, model: Mapping[str, Any], name: str) -> None:
    """Write the complex factor for each dispersion, pitch angle, pattern speed and radius (contract ``spiral_reduction``).

    Parameters
    ----------
    model : mapping
        Config entry of the reduction: potential, population, spiral and the grid; see `ReductionGrid`.

    Raises
    ------
    DiscatlasError
        For an impossible population, spiral or grid.
    """
    grid = ReductionGrid.from_config(model, f"spiral_reductions.{name}")
    columns = reduction_columns(grid)
    write_table(reduction, load_contract("spiral_reduction"), columns, {"model": dict(model)})
    factor = columns["factor"][columns["valid"]]
    log.info(f"{name}: {factor.size:,} factors away from Lindblad resonances, {factor.min():.2f} to {factor.max():.2f}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            reduction=Path(snakemake.output.reduction),
            model=snakemake.params.model,
            name=snakemake.wildcards.reduction,
        )
