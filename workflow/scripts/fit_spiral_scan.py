"""Fit the spiral response at fixed pattern speeds to the same cells, one after the other (rule ``fit_spiral_scan``)."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import error_column, load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log, use_threads
from discatlas.spiral_fit.evidence import fit_measures, null_evidences, parameter_records
from discatlas.spiral_fit.masks import resonance_radii
from discatlas.spiral_fit.sampling import sample
from discatlas.spiral_fit.setting import CONFIG_KEYS, Problem, Settings, prepare, read_map
from discatlas.streams import stream_generator
from discatlas.tables import write_table

log = logging.getLogger(__name__)
OVERRIDDEN = ("pattern_speed_kms_kpc", "resonance_margin", "crowding")  # by the scan


def _row(problem: Problem, rng: np.random.Generator, n_live: int, n_posterior: int) -> dict[str, float]:
    """Return the columns of the table for one pattern speed."""
    settings, likelihood = problem.settings, problem.likelihood
    found = sample(likelihood, settings.priors, rng, n_live, n_posterior)
    nulls = null_evidences(likelihood)
    measures = fit_measures(likelihood, found.best, settings.priors)
    row = {"pattern_speed_kms_kpc": settings.priors.speed_limits[0]}
    for name, part in parameter_records(found.points, found.best, settings.priors).items():
        row[name], row[error_column(name)] = part["median"], (part["hi"] - part["lo"]) / 2
    if "phase_deg" in row:
        row["phase_deg"] %= 360.0
    name = "surface_density_msun_kpc2"
    row["surface_density_error_msun_kpc2"] = row.pop(error_column(name))
    for part, column in (("", name), ("_error", "surface_density_error_msun_kpc2")):
        row[f"contrast{part}"] = row[column] / settings.disc_surface_density_msun_kpc2
    row |= {
        "ln_evidence": found.ln_evidence,
        "ln_evidence_error": found.ln_evidence_error,
        "ln_bayes_factor": found.ln_evidence - nulls["constant" if settings.mean == "free" else "zero"],
        "ln_likelihood": found.best_ln_likelihood,
    }
    row |= {name: measures[name] for name in ("chi_square", "n_cells", "explained_variance", "rms_residual_kms")}
    radii = resonance_radii(settings.model, settings.priors.speed_limits[0])
    return row | {f"R_{name}_kpc": radius for name, radius in radii.items()}


def run(
    *,
    cells: Path,
    covariance_table: Path | None,
    stars: Path | None,
    reduction_table: Path | None,
    scan: Path,
    source: str,
    response: str,
    scan_kms_kpc: list[float],
    fit: Mapping[str, Any],
    n_live: int,
    n_posterior: int,
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write the scan over pattern speeds (contract ``spiral_scan``; Tang et al. 2026, Table 4).

    Every pattern speed is fitted to all cells in the range of R: none is left out for a resonance or for crowding, since
    evidences of different cells cannot be compared. Resonances are smoothed by the regularisation instead, which must be
    above 0. `fit` need not hold the keys `OVERRIDDEN`. All other arguments are those of rule ``fit_spiral_response``; the random stream of a pattern speed is (seed,
    ``fit_spiral_scan``, source, name of the response, pattern speed).

    Raises
    ------
    DiscatlasError
        For no pattern speed, no regularisation, and as in ``fit_spiral_response``.
    """
    use_threads(threads)
    if not scan_kms_kpc:
        raise DiscatlasError("scan_kms_kpc: got no pattern speed, expected one or more [km/s/kpc]")
    chosen = dict(fit) | dict(zip(OVERRIDDEN, (scan_kms_kpc[0], None, None), strict=True))
    settings = Settings.from_config(chosen, R0_kpc, f"spiral_responses.{response}")
    if not settings.regularisation > 0:
        raise DiscatlasError(
            f"spiral_responses.{response}.regularisation: got {settings.regularisation!r}, expected above 0 (0.05): the scan "
            "crosses Lindblad resonances"
        )
    chart = read_map(cells, covariance_table, stars, settings.window_kpc)
    rows = []
    for speed in scan_kms_kpc:
        problem = prepare(replace(settings, pattern_speed_kms_kpc=float(speed)), chart, reduction_table)
        rng = stream_generator(seed, "fit_spiral_scan", source, response, f"{speed:g}")
        rows.append(_row(problem, rng, n_live, n_posterior))
        log.info(
            f"{speed:g} km/s/kpc: ln Z {rows[-1]['ln_evidence']:.1f}, chi^2 {rows[-1]['chi_square']:.1f} of "
            f"{rows[-1]['n_cells']:,} cells, explained variance {rows[-1]['explained_variance']:.3f}"
        )
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    write_table(scan, load_contract("spiral_scan"), columns, {"settings": settings.record, "n_live": n_live})


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            covariance_table=Path(snakemake.input.covariance_table) if snakemake.input.covariance_table else None,
            stars=Path(snakemake.input.stars) if snakemake.input.stars else None,
            reduction_table=Path(snakemake.input.reduction_table) if snakemake.input.reduction_table else None,
            scan=Path(snakemake.output.scan),
            source=snakemake.wildcards.source,
            response=snakemake.wildcards.response,
            scan_kms_kpc=snakemake.params.scan_kms_kpc,
            fit={name: snakemake.params[name] for name in CONFIG_KEYS if name not in OVERRIDDEN},
            n_live=snakemake.params.n_live,
            n_posterior=snakemake.params.n_posterior,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
