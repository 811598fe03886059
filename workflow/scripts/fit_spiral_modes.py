"""Fit spiral modes, beside a bar, to the median v_R at points of a map (rule ``fit_spiral_modes``)."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.bar_spirals.evolution import Evolution, evolve, polish
from discatlas.bar_spirals.fit_report import (
    cell_groups,
    compared_vector,
    model_map,
    objective_record,
    parameter_records,
    point_records,
    rms_record,
    specs_of,
)
from discatlas.bar_spirals.model_record import model_record, resolved_spec
from discatlas.bar_spirals.objective import Objective, settings_record
from discatlas.bar_spirals.points import LocalPeaks
from discatlas.bar_spirals.setting import FitSettings, box_of, domain_of
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
CELLS = ["cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_R_error_kms"]
NO_PEAKS = "off: it needs velocities at the Sun, and the fit has medians of a map alone"


def _cells(path: Path) -> dict[str, np.ndarray]:
    """Return the cells of the map with a median."""
    columns = read_columns(path, CELLS)
    known = np.isfinite(columns["v_R_kms"])
    if not known.any():
        raise DiscatlasError(f"{path}: no cell has a median v_R: nothing to fit")
    return {name: values[known] for name, values in columns.items()}


def _peaks(histogram: Path | None, settings: FitSettings, R0_kpc: float) -> LocalPeaks | None:
    if settings.local is None:
        return None
    if histogram is None:
        raise DiscatlasError(
            "spiral modes: a local constraint needs a histogram of velocities at the Sun; give its source"
        )
    bins = read_columns(histogram, ["v_R_kms", "v_phi_kms", "n_stars"])
    return LocalPeaks.of_stars(bins["v_R_kms"], bins["v_phi_kms"], bins["n_stars"], settings.local, R0_kpc)


def _objective(
    table: Mapping[str, np.ndarray],
    plane: Path,
    histogram: Path | None,
    model: Mapping[str, Any],
    settings: FitSettings,
    R0_kpc: float,
) -> Objective:
    potential, density = read_columns(plane), DensityModel.from_config(read_provenance(plane)["model"])
    base = dict(model) | {"spirals": []}
    peaks = _peaks(histogram, settings, R0_kpc)
    return settings.objective(table, PlaneProfile.from_columns(potential), density, base, R0_kpc, peaks)


def _digest(objective: Objective, settings: FitSettings, seed: int, names: tuple[str, str]) -> str:
    """Return a digest of all that the evolution depends on, but not of when it stops."""
    record = {"objective": settings_record(objective), "population": settings.population, "seed": seed, "names": names}
    text = json.dumps(record, sort_keys=True, default=float)
    tables = b"".join(
        values.tobytes()
        for values in (objective.plane.R_kpc, objective.plane.Phi_km2_s2, objective.plane.kappa_kms_kpc)
    )
    return hashlib.sha256(text.encode("utf-8") + tables).hexdigest()


def _evolve(
    objective: Objective, settings: FitSettings, rng: np.random.Generator, state: Path, digest: str
) -> Evolution:
    """Run the differential evolution, from the stored generation where there is one of the same settings."""
    known = Evolution.load(state, digest)
    if known is not None:
        log.info(f"{state.name}: going on after generation {len(known.energies) - 1}")

    def keep(evolution: Evolution) -> None:
        evolution.save(state, digest)
        energies = evolution.energies[-1]
        log.info(
            f"generation {len(evolution.energies) - 1}: best {energies[0]:.3f}, spread {100 * evolution.spread:.1f} %"
        )

    options = {name: getattr(settings, name) for name in ("population", "tolerance", "max_generations")}
    return evolve(objective.population, domain_of(objective.parameters), rng, **options, state=known, keep=keep)


def _generation_columns(found: Evolution, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    n_generations, n_members, _ = found.populations.shape
    columns = {
        "generation": np.repeat(np.arange(n_generations), n_members),
        "member": np.tile(np.arange(n_members), n_generations),
        "objective": found.energies.ravel(),
    }
    return columns | {name: found.populations[:, :, i].ravel() for i, name in enumerate(names)}


def _polished(coarse: Objective, best: np.ndarray, settings: FitSettings) -> np.ndarray:
    """Return the best point in the box about the evolution's, over the fine grid."""
    if not settings.polish_iterations:
        return best
    fine, box = coarse.with_grid(settings.fine_grid), box_of(coarse.parameters)
    best, value = polish(fine.population, domain_of(coarse.parameters), best, box, settings.polish_iterations)
    log.info(f"after the gradient descent: {value:.3f}")
    return best


def _results(
    coarse: Objective,
    fine: Objective,
    before: np.ndarray,
    best: np.ndarray,
    compare: Mapping[str, Any] | None,
    table: Mapping[str, np.ndarray],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what is reported of the best point, that before the gradient descent and other models, and the map."""
    compared = None if compare is None else resolved_spec(compare)
    specs = specs_of(fine, best, before, compared)
    maps = {name: model_map(coarse, specs[name], table) for name in ("best", "compared") if name in specs}
    groups = cell_groups(fine, table)
    zero = fine.points.chi_square(np.zeros_like(fine.points.v_R_kms))
    vector = None if compared is None else compared_vector(fine.parameters, compared, fine)
    record = {
        "parameters": parameter_records(fine.parameters, best, before, vector),
        "objective": {"zero": {"map": zero, "unbiased": zero, "khalil2025": zero}}
        | {name: objective_record(fine, spec) for name, spec in specs.items()},
        "rms": rms_record(table["v_R_kms"], {"zero": 0.0 * table["v_R_kms"]} | maps, groups),
        "local_constraint": NO_PEAKS if fine.peaks is None else settings_record(fine)["local"],
        "points": point_records(fine, {name: specs[name] for name in maps}),
        "model": model_record(specs["best"], fine.plane, fine.density, fine.parameters.R0_kpc),
    }
    return record, _map_columns(table, ~groups["outside"], maps)


def _map_columns(cells: Mapping[str, np.ndarray], is_near: np.ndarray, maps: Mapping[str, np.ndarray]) -> dict:
    columns = {name: cells[name] for name in CELLS} | {"near_point": is_near, "model_kms": maps["best"]}
    columns["residual_kms"] = cells["v_R_kms"] - maps["best"]
    return columns | ({"compared_kms": maps["compared"]} if "compared" in maps else {})


def _evolution_record(found: Evolution, settings: FitSettings) -> dict[str, Any]:
    return {
        "n_generations": len(found.energies) - 1,
        "n_members": found.energies.shape[1],
        "n_evaluations": int(found.energies.size),
        "spread": found.spread,
        "converged": found.spread <= settings.tolerance,
        "best_on_coarse_grid": float(found.energies[-1, 0]),
    }


def _report(summary: Path, record: Mapping[str, Any]) -> None:
    values = ", ".join(f"{name} {part['best']:.4g}" for name, part in record["parameters"].items())
    log.info(f"{summary}: {values}")
    objectives = ", ".join(f"{name} {part['unbiased']:.2f}" for name, part in record["objective"].items())
    log.info(f"objective (unbiased medians): {objectives}; rms over all cells {record['rms']['all_kms']}")
    if not record["evolution"]["converged"]:
        log.warning(
            f"the evolution has not converged: its spread is {100 * record['evolution']['spread']:.1f} % of its mean"
        )
    for name, part in record["parameters"].items():
        if part["at_bound"]:
            log.warning(f"{name}: the best value {part['best']:.4g} lies at its {part['at_bound']} bound")


def run(
    *,
    cells: Path,
    plane: Path,
    histogram: Path | None,
    generations: Path,
    fit_map: Path,
    summary: Path,
    source: str,
    modes_fit: str,
    model: Mapping[str, Any],
    compare: Mapping[str, Any] | None,
    fit: Mapping[str, Any],
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write the generations (contract ``spiral_modes_generations``), map (``spiral_modes_map``) and summary (JSON) of a fit.

    Parameters
    ----------
    cells : Path
        A published map, or a sample's disc map: `CELLS`.
    plane : Path
        The potential in the plane (rule ``tabulate_potential``), with its densities in the provenance.
    histogram : Path or None
        Velocities at the Sun (``v_R_kms``, ``v_phi_kms``, ``n_stars``), for the local constraint.
    model, compare : mapping
        Config entries of the model whose spirals are replaced by the fit's, and of the one to compare with, or None:
        ``bar``, ``spirals``, ``distribution``, ``integration_kpc_kms``.
    fit : mapping
        The fields of `discatlas.bar_spirals.setting.FitSettings`.

    Each generation is stored beside the summary; a run that was killed goes on there, to the same numbers. The random
    stream is (seed, ``fit_spiral_modes``, source, modes_fit).

    Raises
    ------
    DiscatlasError
        For settings that fit no model, points without data, and a spiral without a range.
    """
    use_threads(threads)
    settings = FitSettings.from_config(fit, f"spiral_mode_fits.{modes_fit}")
    table = _cells(cells)
    coarse = _objective(table, plane, histogram, model, settings, R0_kpc)
    state = summary.with_name(f".{summary.stem}.npz")
    rng = stream_generator(seed, "fit_spiral_modes", source, modes_fit)
    found = _evolve(coarse, settings, rng, state, _digest(coarse, settings, seed, (source, modes_fit)))
    best = _polished(coarse, found.best, settings)
    results, columns = _results(coarse, coarse.with_grid(settings.fine_grid), found.best, best, compare, table)
    record = {"source": source, "fit": modes_fit, "modes": list(coarse.parameters.modes), **results}
    record |= {"evolution": _evolution_record(found, settings), "settings": settings.record}
    record["points_without_data"] = len(settings.points) - coarse.points.x_kpc.size
    provenance = {"settings": settings.record, "best": {k: v["best"] for k, v in results["parameters"].items()}}
    rows = _generation_columns(found, coarse.parameters.names)
    write_table(generations, load_contract("spiral_modes_generations"), rows, provenance)
    write_table(fit_map, load_contract("spiral_modes_map"), columns, provenance)
    write_json(summary, record)
    state.unlink(missing_ok=True)
    _report(summary, record)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            plane=Path(snakemake.input.plane),
            histogram=Path(snakemake.input.histogram) if snakemake.input.get("histogram") else None,
            generations=Path(snakemake.output.generations),
            fit_map=Path(snakemake.output.fit_map),
            summary=Path(snakemake.output.summary),
            source=snakemake.wildcards.source,
            modes_fit=snakemake.wildcards.modes,
            model=snakemake.params.model,
            compare=snakemake.params.compare,
            fit=snakemake.params.fit,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
