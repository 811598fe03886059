"""Fit the linear response to a spiral to a map of v_R by nested sampling (rule ``fit_spiral_response``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.spiral_fit.evidence import fit_measures, null_evidences, parameter_records, predictive_checks
from discatlas.spiral_fit.masks import resonance_radii
from discatlas.spiral_fit.parameters import COLUMNS, PATTERN_SPEED, PHASE, SURFACE_DENSITY
from discatlas.spiral_fit.reference import plain_v_R
from discatlas.spiral_fit.sampling import Posterior, sample
from discatlas.spiral_fit.setting import CONFIG_KEYS, Problem, Settings, everywhere, prepare, read_map
from discatlas.streams import stream_generator
from discatlas.tables import write_table

log = logging.getLogger(__name__)
N_MODELS = 200  # draws for the error of the model
R_MIN_KPC = 1e-3  # a spiral has no phase at the centre itself


def _posterior_columns(posterior: Posterior, settings: Settings) -> dict[str, np.ndarray]:
    points = posterior.points
    names = [name for name in COLUMNS if name != "v_R_mean_kms" or settings.mean == "free"]
    columns = {name: points[:, COLUMNS.index(name)] for name in names}
    columns["phase_deg"] = np.degrees(np.mod(points[:, PHASE], 2 * np.pi))
    columns["time_Gyr"] = settings.model.time_gyr(points)
    columns["contrast"] = points[:, SURFACE_DENSITY] / settings.disc_surface_density_msun_kpc2
    return columns | {"ln_likelihood": posterior.ln_likelihood}


def _map_columns(problem: Problem, posterior: Posterior) -> dict[str, np.ndarray]:
    """Return the map with the most likely model and the model's spread over the posterior, where the windows are known."""
    table, settings = problem.chart.columns, problem.settings
    rows, response = everywhere(problem)
    some = posterior.points[np.linspace(0, len(posterior.points) - 1, N_MODELS).astype(int)]
    model, error = (np.full(problem.errors.size, np.nan) for _ in range(2))
    with np.errstate(invalid="ignore", over="ignore"):  # on a Lindblad resonance outside the mask
        model[rows] = response.v_R(posterior.best)
        error[rows] = np.std([response.v_R(point) for point in some], axis=0, ddof=1)
    model[~np.isfinite(error)] = np.nan
    error[~np.isfinite(error)] = np.nan
    density = settings.model.spiral(posterior.best).surface_density(
        np.maximum(table["R_kpc"], R_MIN_KPC), table["phi_deg"]
    )
    columns = {name: table[name] for name in ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg", "v_R_kms")}
    return columns | {
        "v_R_error_kms": problem.errors,
        "used": problem.reason == "used",
        "reason": problem.reason.astype(object),
        "model_kms": model,
        "model_error_kms": error,
        "residual_kms": table["v_R_kms"] - model,
        "surface_density_msun_kpc2": density,
        "overdensity_model": density / settings.disc_surface_density_msun_kpc2,
    }


def _summary(problem: Problem, posterior: Posterior, rng: np.random.Generator) -> dict[str, Any]:
    settings, likelihood, chart = problem.settings, problem.likelihood, problem.chart
    response, best = likelihood.response, posterior.best
    names, counts = np.unique(problem.reason, return_counts=True)
    nulls = null_evidences(likelihood)
    null = nulls["constant" if settings.mean == "free" else "zero"]
    X, Y = (chart.columns[name][problem.rows] for name in ("X_kpc", "Y_kpc"))
    averaging: dict[str, Any] = {"of": chart.averaging, "n_nodes": response.nodes.n}
    if problem.reduction_table is None:
        plain = plain_v_R(settings.model, response.places, best)
        averaging["largest_error_kms"] = float(np.abs(response.v_R(best) - plain).max())
    contrast = posterior.points[:, SURFACE_DENSITY] / settings.disc_surface_density_msun_kpc2
    lo, median, hi = np.percentile(contrast, [15.87, 50.0, 84.13]).tolist()
    return {
        "cells": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "parameters": parameter_records(posterior.points, best, settings.priors),
        "contrast": {"median": median, "lo": lo, "hi": hi},
        "time_Gyr": {"best": float(settings.model.time_gyr(best)), "period": settings.model.period_gyr(best)},
        "pivot_kpc": settings.model.pivot_kpc,
        "ln_evidence": posterior.ln_evidence,
        "ln_evidence_error": posterior.ln_evidence_error,
        "ln_evidence_axisymmetric": nulls,
        "ln_bayes_factor": posterior.ln_evidence - null,
        "ln_likelihood": posterior.best_ln_likelihood,
        "fit": fit_measures(likelihood, best, settings.priors),
        "predictive": predictive_checks(likelihood, posterior.points, X, Y, rng),
        "resonances_kpc": {
            name: (radius if np.isfinite(radius) else None)
            for name, radius in resonance_radii(settings.model, float(best[PATTERN_SPEED])).items()
        },
        "averaging": averaging,
        "covariance": {"kind": settings.covariance, "jitter": likelihood.noise.jitter},
        "sampler": {
            "n_calls": posterior.n_calls,
            "n_effective": posterior.n_effective,
            "ln_likelihood_of_grid": posterior.grid_ln_likelihood,
        },
    }


def _report(path: Path, found: Posterior, record: dict[str, Any]) -> None:
    measures = record["fit"]
    log.info(
        f"{path}: {measures['n_cells']:,} cells, ln Z {found.ln_evidence:.1f} +- {found.ln_evidence_error:.1f}, "
        f"{record['ln_bayes_factor']:+.1f} against an axisymmetric disc; explained variance "
        f"{measures['explained_variance']:.3f}, rms {measures['rms_v_R_kms']:.2f} -> {measures['rms_residual_kms']:.2f} km/s; "
        f"{found.n_calls:,} likelihoods"
    )
    for name, part in record["parameters"].items():
        if part["at_bound"]:
            log.warning(f"{name}: its posterior is cut off by its prior {part['prior']}: {part['at_bound']}")


def run(
    *,
    cells: Path,
    covariance_table: Path | None,
    stars: Path | None,
    reduction_table: Path | None,
    posterior: Path,
    response_map: Path,
    summary: Path,
    source: str,
    response: str,
    fit: Mapping[str, Any],
    n_live: int,
    n_posterior: int,
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write posterior (contract ``spiral_response``), map (``spiral_response_map``) and summary (JSON) of a fit.

    Parameters
    ----------
    cells, covariance_table, stars : Path
        The map: of rule ``smooth_map`` with its correlations and the phase space that it was made of, so that the model is
        averaged over the stars of each window; or of ``clean_published_map``, with None for the other two.
    reduction_table : Path or None
        Of rule ``tabulate_spiral_reduction``: the fit is then that of a warm disc.
    fit : mapping
        All fields of `discatlas.spiral_fit.setting.Settings` but `R0_kpc` (`CONFIG_KEYS`).
    n_live, n_posterior : int
        Live points, and draws that are written.
    R0_kpc : float
        Distance of the Sun to the centre, the radius of the surface density.

    The random stream is (seed, ``fit_spiral_response``, source, name of the response, step).

    Raises
    ------
    DiscatlasError
        For priors that are not physical, a map with no valid cell in the range or without errors, and a sampler that does
        not end.
    """
    use_threads(threads)
    settings = Settings.from_config(fit, R0_kpc, f"spiral_responses.{response}")
    problem = prepare(settings, read_map(cells, covariance_table, stars, settings.window_kpc), reduction_table)
    streams = [stream_generator(seed, "fit_spiral_response", source, response, step) for step in ("sample", "check")]
    found = sample(problem.likelihood, settings.priors, streams[0], n_live, n_posterior)
    provenance = {"settings": settings.record, "n_live": n_live, "best": found.best.tolist()}
    write_table(posterior, load_contract("spiral_response"), _posterior_columns(found, settings), provenance)
    write_table(response_map, load_contract("spiral_response_map"), _map_columns(problem, found), provenance)
    record = (
        {"source": source, "response": response} | _summary(problem, found, streams[1]) | {"settings": settings.record}
    )
    write_json(summary, record)
    _report(posterior, found, record)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            covariance_table=Path(snakemake.input.covariance_table) if snakemake.input.covariance_table else None,
            stars=Path(snakemake.input.stars) if snakemake.input.stars else None,
            reduction_table=Path(snakemake.input.reduction_table) if snakemake.input.reduction_table else None,
            posterior=Path(snakemake.output.posterior),
            response_map=Path(snakemake.output.response_map),
            summary=Path(snakemake.output.summary),
            source=snakemake.wildcards.source,
            response=snakemake.wildcards.response,
            fit={name: snakemake.params[name] for name in CONFIG_KEYS},
            n_live=snakemake.params.n_live,
            n_posterior=snakemake.params.n_posterior,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
