"""Sample the posterior of spiral modes given all cells of a map of v_R, by an emulator (rule ``fit_spiral_posterior``)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from discatlas.bar_spirals.emulator import FeatureMap
from discatlas.bar_spirals.evaluations import Evaluations, Problem
from discatlas.bar_spirals.likelihood import QuadraticForms
from discatlas.bar_spirals.mode_contrasts import ModeContrasts
from discatlas.bar_spirals.posterior import NestedRun, degeneracies, peaks, sample, summaries
from discatlas.bar_spirals.posterior_files import (
    evaluation_columns,
    parameter_columns,
    read_evaluations,
    read_problem,
    state_file,
    varied_parameters,
)
from discatlas.bar_spirals.posterior_report import (
    Validation,
    by_ring,
    fit_record,
    floor_record,
    interpolation_errors,
    map_columns,
    validation_record,
)
from discatlas.bar_spirals.rounds import Lesson, Streams, Target, begin, learn, make_target
from discatlas.contracts import load_contract
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)
N_CHECKED = 200  # draws of which chi^2 is averaged


class _Fitted(NamedTuple):
    """All that a fit knows: what was learned, the target, likelihood at the nodes, its samples and draws, errors of the interpolation."""

    lesson: Lesson
    target: Target
    forms: QuadraticForms
    samples: NestedRun
    draws: np.ndarray
    extra_kms: np.ndarray


def _interpolation(
    problem: Problem, vectors: np.ndarray, medians: np.ndarray, best: np.ndarray, store: Evaluations
) -> tuple[np.ndarray, dict[str, Any]]:
    """Evaluate all cells for the best vector and the design's models nearest to the map; return the errors by cell, and a record."""
    rows, n = problem.nodes.rows, problem.settings.n_interpolation
    error = problem.table[f"{problem.settings.errors}_kms"][rows]
    misfit = (((medians - problem.table["v_R_kms"][rows]) / error) ** 2).sum(axis=1)
    chosen = np.concatenate([best[None], vectors[np.argsort(misfit, kind="stable")[: n - 1]]])
    maps = store.complete("interpolation", chosen, problem.map_medians, log.info)
    errors = interpolation_errors(problem, maps[:, rows], maps)
    plain = maps[:, rows] @ problem.nodes.weights.T - maps
    record = {"n_models": n, "rms_kms": float(np.sqrt(np.mean(plain**2))), "n_nodes": rows.size}
    record["by_ring"] = by_ring(problem.table["R_kpc"], np.sqrt(np.mean(plain**2, axis=0)))
    log.info(f"interpolation between {rows.size} nodes: rms {record['rms_kms']:.2f} km/s over {n} models")
    return errors, record


def _forms(problem: Problem, settings: Any, extra_kms: np.ndarray) -> QuadraticForms:  # noqa: ANN401
    (cells, kept), nodes = problem.cells(settings, extra_kms), problem.nodes
    if settings.n_nodes < nodes.rows.size:
        nodes = nodes.thinned(problem.table["R_kpc"], problem.table["phi_deg"], settings.n_nodes)
    return QuadraticForms.build(cells, nodes.weights[kept], settings.floor, settings.correlation_kpc)


def _fit(
    problem: Problem,
    density: DensityModel,
    best: np.ndarray,
    design: tuple[np.ndarray, np.ndarray],
    store: Evaluations,
    streams: Streams,
) -> tuple[_Fitted, dict[str, Any]]:
    settings = problem.settings
    extra, interpolation = _interpolation(problem, *design, best, store)
    forms = _forms(problem, settings, extra)
    contrasts = ModeContrasts.build(FeatureMap(problem.parameters), density, problem.plane)
    lesson, emulator = learn(problem, forms, contrasts, begin(problem, *design), store, streams)
    target = make_target(lesson, emulator, forms, contrasts, settings.max_contrast)
    rng = streams("posterior")
    samples = sample(target, problem.parameters, rng, settings.n_live)
    if samples.n_effective < settings.n_effective_min:
        raise DiscatlasError(
            f"spiral posterior: {samples.n_effective:,.0f} effective draws with n_live = {settings.n_live}, expected {settings.n_effective_min:,}; raise n_live"
        )
    draws = problem.parameters.canonical(samples.vectors[samples.draw(settings.n_draws, rng)])
    log.info(
        f"{samples.n_effective:,.0f} effective draws, ln Z {samples.ln_evidence:.1f}, {samples.n_calls:,} likelihoods"
    )
    return _Fitted(lesson, target, forms, samples, draws, extra), {"interpolation": interpolation}


def _validate(problem: Problem, fitted: _Fitted, store: Evaluations) -> Validation:
    """Evaluate draws again, the first of them in full."""
    settings = problem.settings
    chosen = fitted.draws[np.linspace(0, len(fitted.draws) - 1, settings.n_validation).astype(np.int64)]
    coarse = store.complete("validation", chosen, problem.medians, log.info)
    full = store.complete(
        "validation_full", chosen[: settings.n_predictive], lambda vector: problem.medians(vector, full=True), log.info
    )
    return Validation(chosen, fitted.target.emulator.medians(chosen), coarse, full)


def _variants(problem: Problem, fitted: _Fitted, density: DensityModel, streams: Streams) -> dict[str, Any]:
    """Return the parameters of the posteriors with other choices, from the same emulator."""
    records = {}
    for name in problem.settings.variants:
        settings = problem.settings.with_variant(name)
        parameters = varied_parameters(problem.parameters, settings)
        emulator = replace(fitted.target.emulator, feature_map=FeatureMap(parameters))
        contrasts = ModeContrasts.build(emulator.feature_map, density, problem.plane)
        forms = _forms(problem, settings, fitted.extra_kms)
        target = make_target(fitted.lesson, emulator, forms, contrasts, settings.max_contrast)
        rng = streams(f"variant {name}")
        found = sample(target, parameters, rng, settings.n_live)
        draws = parameters.canonical(found.vectors[found.draw(settings.n_draws, rng)])
        pairs = target.forms.draw_pairs(emulator.coefficients(draws), rng)
        records[name] = {
            "changes": dict(problem.settings.variants[name]),
            "n_cells": int(problem.cells(settings)[1].sum()),
            "ln_evidence": found.ln_evidence,
            "n_effective": found.n_effective,
            "parameters": summaries(draws, parameters),
            "peaks": peaks(draws, parameters),
            "floor": floor_record(settings.floor, pairs),
        }
        log.info(f"variant {name}: ln Z {found.ln_evidence:.1f}, {found.n_effective:,.0f} effective draws")
    return records


def _references(problem: Problem, fitted: _Fitted, best: np.ndarray, store: Evaluations) -> dict[str, float]:
    """Return ln L of v_R = 0, of the bar alone and of the best vector of the fit, the misfit integrated over."""
    without = best.copy()
    for k, name in enumerate(problem.parameters.names):
        if name.startswith("amplitude"):
            without[k] = 0.0
    medians = (
        store.complete("references", np.stack([without, best]), problem.medians, log.info) + fitted.lesson.mean_bias
    )
    values = fitted.forms.ln_likelihood(np.concatenate([np.zeros((1, medians.shape[1])), medians]))
    return dict(zip(("zero", "bar_only", "fit"), values.tolist(), strict=True))


def _record(problem: Problem, fitted: _Fitted, columns: Mapping[str, Any], pairs: np.ndarray) -> dict[str, Any]:
    parameters, draws, lesson = problem.parameters, fitted.draws, fitted.lesson
    best = fitted.samples.vectors[np.argmax(fitted.samples.ln_likelihood)]
    medians = fitted.target.emulator.medians(draws[:N_CHECKED]) + lesson.mean_bias
    contrasts = fitted.target.contrasts(draws)
    return {
        "parameters": summaries(draws, parameters),
        "best": dict(zip(parameters.names, parameters.canonical(best).tolist(), strict=True)),
        "best_ln_likelihood": float(fitted.samples.ln_likelihood.max()),
        "contrasts": {
            f"contrast_{m}": dict(
                zip(("lo", "median", "hi"), np.percentile(contrasts[:, k], [15.87, 50.0, 84.13]).tolist(), strict=True)
            )
            for k, m in enumerate(parameters.modes)
        },
        "degeneracies": degeneracies(draws, parameters),
        "peaks": peaks(draws, parameters),
        "floor": floor_record(problem.settings.floor, pairs),
        "fit": fit_record(columns, fitted.forms, medians, pairs[:N_CHECKED]),
        "ln_evidence": fitted.samples.ln_evidence,
        "ln_evidence_error": fitted.samples.ln_evidence_error,
        "sampler": {
            "n_calls": fitted.samples.n_calls,
            "n_effective": fitted.samples.n_effective,
            "n_draws": len(draws),
        },
        "rounds": lesson.history,
        "n_models": len(lesson.vectors),
    }


def _validation_columns(problem: Problem, found: Validation) -> dict[str, np.ndarray]:
    columns = evaluation_columns(problem, found.vectors, found.coarse)
    full = np.full_like(found.coarse, np.nan)
    full[: len(found.full)] = found.full
    dropped = ("part", "round", "v_R_kms")
    kept = {name: values for name, values in columns.items() if name not in dropped}
    return kept | {"emulated_kms": found.emulated.ravel(), "coarse_kms": found.coarse.ravel(), "full_kms": full.ravel()}


def _write_tables(
    problem: Problem,
    fitted: _Fitted,
    found: Validation,
    pairs: np.ndarray,
    columns: Mapping[str, Any],
    paths: tuple[Path, Path, Path, Path],
) -> None:
    """Write draws, training, map and validation."""
    parameters, lesson = problem.parameters, fitted.lesson
    provenance = {"settings": problem.settings.record, "digest": problem.digest(), "names": list(parameters.names)}
    contrasts = fitted.target.contrasts(fitted.draws)
    sigma, length = (values[pairs] for values in problem.settings.floor.pairs)
    draws = parameter_columns(parameters, fitted.draws)
    draws |= {f"contrast_{m}": contrasts[:, k] for k, m in enumerate(parameters.modes)}
    draws |= {"floor_kms": sigma, "floor_length_kpc": length, "ln_likelihood": fitted.target.many(fitted.draws)}
    learned = evaluation_columns(problem, lesson.vectors, lesson.medians, rounds=lesson.round)
    tables = (
        (load_contract("spiral_posterior"), draws),
        (load_contract("spiral_evaluations"), learned),
        (load_contract("spiral_posterior_map"), columns),
        (load_contract("spiral_validation"), _validation_columns(problem, found)),
    )
    for path, (contract, table) in zip(paths, tables, strict=True):
        write_table(path, contract, table, provenance)


def _report(record: Mapping[str, Any]) -> None:
    for name, part in record["parameters"].items():
        log.info(f"{name}: {part['median']:.4g} ({part['lo']:.4g} to {part['hi']:.4g}) {part['unit']}")
        if part["at_bound"]:
            log.warning(f"{name}: its posterior is cut off by its prior {part['prior']}: {part['at_bound']}")


def run(
    *,
    cells: Path,
    plane: Path,
    fit: Path,
    parts: Sequence[Path],
    draws: Path,
    training: Path,
    predictive_map: Path,
    validation: Path,
    summary: Path,
    source: str,
    posterior: str,
    model: Mapping[str, Any],
    fit_settings: Mapping[str, Any],
    settings: Mapping[str, Any],
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write draws, training, map and validation of a posterior (contracts: see `_write_tables`) and its summary (JSON).

    Parameters
    ----------
    cells, plane, fit, model, fit_settings, settings
        As of rule ``evaluate_spiral_models``.
    parts : sequence of Path
        All parts of the design, of that rule.

    Evaluations are stored beside the summary; a run that was killed goes on there, to the same numbers. The random
    streams are (seed, ``fit_spiral_posterior``, source, posterior, step).

    Raises
    ------
    DiscatlasError
        For parts that were made with other settings, and too few effective draws.
    """
    use_threads(threads)
    problem, best = read_problem(cells, plane, fit, model, fit_settings, settings, R0_kpc, posterior)
    density = DensityModel.from_config(read_provenance(plane)["model"])
    store = Evaluations(state_file(summary), problem.digest())
    streams = partial(stream_generator, seed, "fit_spiral_posterior", source, posterior)
    fitted, record = _fit(problem, density, best, read_evaluations(parts, problem), store, streams)
    pairs = fitted.target.forms.draw_pairs(fitted.target.emulator.coefficients(fitted.draws), streams("floor"))
    sigma = problem.settings.floor.pairs[0][pairs]
    columns = map_columns(problem, fitted.target, fitted.lesson, fitted.draws, sigma, fitted.extra_kms)
    found = _validate(problem, fitted, store)
    record = {"source": source, "posterior": posterior} | _record(problem, fitted, columns, pairs) | record
    record |= {
        "validation": validation_record(found, fitted.lesson, fitted.target, fitted.forms),
        "ln_likelihood_of": _references(problem, fitted, best, store),
        "variants": _variants(problem, fitted, density, streams),
        "settings": problem.settings.record,
    }
    _write_tables(problem, fitted, found, pairs, columns, (draws, training, predictive_map, validation))
    write_json(summary, record)
    store.remove()
    _report(record)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            plane=Path(snakemake.input.plane),
            fit=Path(snakemake.input.fit),
            parts=[Path(path) for path in snakemake.input.parts],
            draws=Path(snakemake.output.draws),
            training=Path(snakemake.output.training),
            predictive_map=Path(snakemake.output.predictive_map),
            validation=Path(snakemake.output.validation),
            summary=Path(snakemake.output.summary),
            source=snakemake.wildcards.source,
            posterior=snakemake.wildcards.posterior,
            model=snakemake.params.model,
            fit_settings=snakemake.params.fit_settings,
            settings=snakemake.params.settings,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
