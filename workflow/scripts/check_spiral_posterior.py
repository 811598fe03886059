"""Count how often the intervals of a spiral posterior contain the truth of forward mocks (rule ``check_spiral_posterior``)."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.bar_spirals.evaluations import Evaluations
from discatlas.bar_spirals.likelihood import Floor
from discatlas.bar_spirals.mock_map import MapDeclaration
from discatlas.bar_spirals.model_record import resolved_spec
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.posterior_coverage import ENDS, Study, intervals_of, train
from discatlas.calibration.coverage import Intervals, clopper_pearson, summarise
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)


def _study(model: Mapping[str, Any], plane: Path, settings: Mapping[str, Any], R0_kpc: float) -> Study:
    base = resolved_spec(dict(model) | {"spirals": []})
    parameters = SpiralParameters.from_config(settings["bounds"], base, R0_kpc)
    floor = Floor.from_limits("matern52", tuple(settings["floor_kms"]), settings["n_floor"], (1.0, 1.0), 1)
    declaration = MapDeclaration.from_config(settings["map"])
    potential = PlaneProfile.from_columns(read_columns(plane))
    limits = tuple(settings["R_limits_kpc"])
    return Study.prepare(parameters, potential, declaration, limits, settings["n_nodes"], floor)


def _intervals(
    study: Study,
    evaluate: Callable[[np.ndarray], np.ndarray],
    settings: Mapping[str, Any],
    streams: Callable[[str], np.random.Generator],
    store: Evaluations,
) -> list[np.ndarray]:
    """Return truth, median and interval ends of all parameters for each mock, shape (parameters, 6) each."""
    learned = train(study, evaluate, settings["n_design"], streams("design"))
    log.info(f"emulator: rms {learned.rms_kms:.2f} km/s at models that were held out")
    lower, upper = study.parameters.lower, study.parameters.upper

    def rows(number: np.ndarray) -> np.ndarray:
        rng = streams(f"mock {int(number[0])}")
        truth = lower + rng.random(lower.size) * (upper - lower)
        columns = study.forward_map(truth, settings["mock"], rng)
        found = intervals_of(study, learned, columns, truth, rng, settings["n_live"])
        narrow, wide = (found[share] for share in ENDS)
        return np.stack([narrow.truth, narrow.value, narrow.lo, narrow.hi, wide.lo, wide.hi], axis=1).ravel()

    numbers = np.arange(settings["n_mocks"], dtype=float)[:, None]
    return [row.reshape(-1, 6) for row in store.complete("mocks", numbers, rows, log.info)]


def _record(study: Study, found: np.ndarray) -> dict[str, Any]:
    """Return the coverage of each parameter, shape of `found` (mocks, parameters, 6), with its binomial interval."""
    records, passed = {}, True
    for k, name in enumerate(study.parameters.names):
        truth, median, lo, hi, lo_95, hi_95 = found[:, k].T
        record = summarise(Intervals(median, lo, hi, truth))
        inside = int(np.sum((lo_95 <= truth) & (truth <= hi_95)))
        low, high = clopper_pearson(inside, truth.size)
        record |= {"coverage_95": inside / truth.size, "coverage_95_lo": low, "coverage_95_hi": high}
        record["half_width_over_prior"] = float(
            np.mean(hi - lo) / 2 / (study.parameters.upper - study.parameters.lower)[k]
        )
        records[name] = record
        passed &= record["verdict"] == "pass" and low <= max(ENDS) <= high
        log.info(f"{name}: {100 * record['coverage']:.0f} % of {truth.size} intervals of 68 % contain the truth")
    return {"parameters": records, "pass": bool(passed)}


def run(
    *,
    plane: Path,
    result: Path,
    intervals: Path,
    check: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    R0_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write the coverage (JSON) and the intervals (contract ``spiral_posterior_check``) of a posterior over forward mocks.

    Parameters
    ----------
    plane : Path
        The potential in the plane (rule ``tabulate_potential``).
    model : mapping
        Config entries of the model whose spirals are replaced.
    settings : mapping
        ``bounds`` of the free parameters, ``mock`` (see `discatlas.bar_spirals.mock.BarredMock`), ``map`` (see
        `discatlas.bar_spirals.mock_map.MapDeclaration`), ``R_limits_kpc``, ``n_nodes``, ``v_R_kms``, ``v_phi_kms``,
        ``accuracy``, ``floor_kms``, ``n_floor``, ``n_design``, ``n_mocks`` and ``n_live``.

    Mocks are stored beside the result; a run that was killed goes on there. The random streams are (seed,
    ``check_spiral_posterior``, check, step).
    """
    use_threads(threads)
    study = _study(model, plane, settings, R0_kpc)
    grid = VelocityGrid.from_config(settings)
    store = Evaluations(result.with_name(f".{result.stem}.npz"), f"{seed} {dict(settings)} {dict(model)}")

    def streams(step: str) -> np.random.Generator:
        return stream_generator(seed, "check_spiral_posterior", check, step)

    def evaluate(vectors: np.ndarray) -> np.ndarray:
        return store.complete("design", vectors, lambda v: study.medians(v, grid, settings["accuracy"]), log.info)

    found = np.array(_intervals(study, evaluate, settings, streams, store))
    names = np.array(study.parameters.names, dtype=object)
    columns = {"mock": np.repeat(np.arange(len(found)), names.size), "parameter": np.tile(names, len(found))}
    parts = ("truth", "median", "lo", "hi", "lo_95", "hi_95")
    columns |= {part: found[:, :, k].ravel() for k, part in enumerate(parts)}
    write_table(intervals, load_contract("spiral_posterior_check"), columns, {"settings": dict(settings)})
    write_json(result, {"check": check, "n_mocks": len(found)} | _record(study, found))
    store.remove()


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            plane=Path(snakemake.input.plane),
            result=Path(snakemake.output.result),
            intervals=Path(snakemake.output.intervals),
            check=snakemake.wildcards.check,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
            R0_kpc=snakemake.params.R0_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
