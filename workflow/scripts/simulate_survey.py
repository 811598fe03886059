"""Observe the simulated Galaxy with one survey (rule ``simulate_survey``)."""

import logging
from pathlib import Path
from typing import Any

from discatlas.contracts import Contract, load_contract
from discatlas.frames import Sun
from discatlas.runtime import script_log
from discatlas.simulation.surveys.extinction import DustDisc
from discatlas.simulation.surveys.observe import add_passed, observe_galaxy, require_stars, survey_parameters
from discatlas.tables import TableWriter, count_rows

logger = logging.getLogger(__name__)


def run(
    *,
    galaxy: Path,
    raw: Path,
    truth: Path,
    survey: dict[str, Any],
    sun: dict[str, Any],
    extinction: dict[str, Any],
    seed: int,
    name: str,
) -> None:
    """Write the survey's table in its own columns, and the truth behind each row, chunk by chunk.

    Parameters
    ----------
    galaxy : Path
        Table of particles, contract ``galaxy``.
    raw, truth : Path
        Tables of contracts ``survey_{kind}`` and ``truth``, row by row the same stars.
    survey : dict
        The kind of survey and its parameters.
    sun, extinction : dict
        The solar set and the disc of dust from which and through which it is observed.
    seed, name
        Seed of the atlas and name of the catalogue.
    """
    kind, _ = survey_parameters(survey)
    where, dust, n_particles = Sun.from_config(sun), DustDisc.from_config(extinction), count_rows(galaxy)
    provenance = {"source": "simulation", "survey": survey, "sun": sun, "extinction": extinction, "seed": seed}
    passed: dict[str, int] = {"particles": 0}
    contract, true = _contract(kind), load_contract("truth")
    with (
        TableWriter(raw, contract, provenance=provenance) as stars,
        TableWriter(truth, true, provenance=provenance) as truths,
    ):
        for tables in observe_galaxy(galaxy, survey, where, dust, seed, name):
            add_passed(passed, tables.passed)
            if tables.truth["source_id"].size:
                stars.write(tables.raw)
                truths.write(tables.truth)
            logger.info(
                "%s of %s particles, %s rows", f"{passed['particles']:,}", f"{n_particles:,}", f"{stars.n_rows:,}"
            )
        require_stars(passed, name)
        stars.add_provenance({"passed": passed})
    for limit, count in passed.items():
        logger.info("%s: %s", limit, f"{count:,}")


def _contract(kind: str) -> Contract:
    return {
        "gaia_rvs": load_contract("survey_gaia_rvs"),
        "apogee": load_contract("survey_apogee"),
        "lamost_hot": load_contract("survey_lamost_hot"),
        "sdssv_ob": load_contract("survey_sdssv_ob"),
    }[kind]


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            galaxy=Path(snakemake.input.galaxy),
            raw=Path(snakemake.output.raw),
            truth=Path(snakemake.output.truth),
            survey=snakemake.params.survey,
            sun=snakemake.params.sun,
            extinction=snakemake.params.extinction,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.catalogue,
        )
