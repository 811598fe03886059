"""The single epochs of a survey of the simulated Galaxy (rule ``simulate_visits``)."""

import logging
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun
from discatlas.runtime import script_log
from discatlas.simulation.surveys.extinction import DustDisc
from discatlas.simulation.surveys.observe import WITH_VISITS, add_passed, observe_galaxy, require_stars
from discatlas.tables import TableWriter

logger = logging.getLogger(__name__)


def run(
    *,
    galaxy: Path,
    visits: Path,
    survey: dict[str, Any],
    sun: dict[str, Any],
    extinction: dict[str, Any],
    seed: int,
    name: str,
) -> None:
    """Write the visits of the same stars that rule ``simulate_survey`` lists, drawn from the same streams.

    Arguments are those of that rule; `visits` is a table of contract ``visits_sdssv_ob``.
    """
    if survey["kind"] not in WITH_VISITS:
        raise DiscatlasError(
            f"catalogue {name!r}: a survey of kind {survey['kind']!r} has no visits; expected {', '.join(WITH_VISITS)}"
        )
    where, dust = Sun.from_config(sun), DustDisc.from_config(extinction)
    provenance = {"source": "simulation", "survey": survey, "sun": sun, "extinction": extinction, "seed": seed}
    passed: dict[str, int] = {"particles": 0}
    with TableWriter(visits, load_contract("visits_sdssv_ob"), provenance=provenance) as writer:
        for tables in observe_galaxy(galaxy, survey, where, dust, seed, name):
            add_passed(passed, tables.passed)
            if tables.visits is not None and tables.visits["mjd"].size:
                writer.write(tables.visits)
            logger.info("%s particles, %s visits", f"{passed['particles']:,}", f"{writer.n_rows:,}")
        require_stars(passed, name)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            galaxy=Path(snakemake.input.galaxy),
            visits=Path(snakemake.output.visits),
            survey=snakemake.params.survey,
            sun=snakemake.params.sun,
            extinction=snakemake.params.extinction,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.catalogue,
        )
