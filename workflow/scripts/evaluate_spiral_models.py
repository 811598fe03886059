"""Evaluate one part of the design from which the emulator of a spiral posterior learns (rule ``evaluate_spiral_models``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.bar_spirals.designs import initial_design, part_of
from discatlas.bar_spirals.evaluations import Evaluations
from discatlas.bar_spirals.posterior_files import evaluation_columns, read_problem, state_file
from discatlas.contracts import load_contract
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import write_table

log = logging.getLogger(__name__)


def run(
    *,
    cells: Path,
    plane: Path,
    fit: Path,
    evaluations: Path,
    source: str,
    posterior: str,
    part: int,
    n_parts: int,
    model: Mapping[str, Any],
    fit_settings: Mapping[str, Any],
    settings: Mapping[str, Any],
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write the medians of v_R at the nodes of a map for one part of a design (contract ``spiral_evaluations``).

    Parameters
    ----------
    cells : Path
        A published map, or a sample's disc map.
    plane : Path
        The potential in the plane (rule ``tabulate_potential``).
    fit : Path
        Summary of rule ``fit_spiral_modes``: the design is dense about its best vector.
    part, n_parts : int
        Which part this is, from 0, of how many: the design is the same for all.
    model, fit_settings, settings : mapping
        Config entries of the model whose spirals are free, of the fit and of the posterior
        (`discatlas.bar_spirals.posterior_setting.PosteriorSettings`).

    Evaluations are stored beside the table; a run that was killed goes on there. The random stream is (seed,
    ``evaluate_spiral_models``, source, posterior), the same for all parts.

    Raises
    ------
    DiscatlasError
        For settings that make no problem, and a part that is not there.
    """
    use_threads(threads)
    problem, best = read_problem(cells, plane, fit, model, fit_settings, settings, R0_kpc, posterior)
    chosen = problem.settings
    rng = stream_generator(seed, "evaluate_spiral_models", source, posterior)
    design = initial_design(best, problem.parameters, chosen.n_initial, chosen.box_share, chosen.box, rng)
    vectors = part_of(design, part, n_parts)
    store = Evaluations(state_file(evaluations), problem.digest())
    medians = store.complete("design", vectors, problem.medians, log.info)
    provenance = {"digest": problem.digest(), "part": part, "n_parts": n_parts, "n_design": len(design)}
    columns = evaluation_columns(problem, vectors, medians, part)
    contract = load_contract("spiral_evaluations")
    write_table(evaluations, contract, columns, provenance)
    store.remove()
    log.info(f"{evaluations}: {len(vectors):,} of {len(design):,} models at {problem.nodes.rows.size} nodes")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            plane=Path(snakemake.input.plane),
            fit=Path(snakemake.input.fit),
            evaluations=Path(snakemake.output.evaluations),
            source=snakemake.wildcards.source,
            posterior=snakemake.wildcards.posterior,
            part=int(snakemake.wildcards.part),
            n_parts=snakemake.params.n_parts,
            model=snakemake.params.model,
            fit_settings=snakemake.params.fit_settings,
            settings=snakemake.params.settings,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
