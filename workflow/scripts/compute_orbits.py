"""Compute actions and limits of the orbits of a sample's stars, axisymmetric and barred (rule ``compute_orbits``)."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.bar_spirals.orbit_elements import (
    COORDINATES,
    ELEMENTS,
    OrbitModel,
    needed_columns,
    orbit_elements,
    principal_errors,
    with_linear_errors,
    with_sampled_errors,
    with_status,
)
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import TableWriter, read_batches, read_columns, read_provenance

log = logging.getLogger(__name__)
ROWS = 16_384  # stars at a time


def _output_names(names: list[str], errors: bool, n_draws: int) -> list[str]:
    """Return the columns of the table among those of its contract."""
    is_sampled = errors and n_draws > 0
    wanted = []
    for name in names:
        is_percentile = any(f"_p{percent}" in name for percent in (16, 50, 84)) or name == "bound_share"
        if is_sampled or not is_percentile:
            wanted += [name] if errors or "_error" not in name else []
    return wanted


def _orbit_model(spec: Mapping[str, Any], plane: Path, grid: Path, duration: float, radians: float) -> OrbitModel:
    """Return the potential of the orbits from its tables and the specification of bar and spirals."""
    profile = PlaneProfile.from_columns(read_columns(plane))
    space = PotentialGrid.from_columns(read_columns(grid))
    perturbation = Perturbation.from_config(spec["bar"], spec["spirals"])
    return OrbitModel.build(profile, space, perturbation, duration, radians)


def _elements(
    setting: OrbitModel, places: np.ndarray, errors: np.ndarray | None, draws: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return the columns of stars: without errors, with linear ones, or from draws."""
    if errors is None:
        return with_status(*orbit_elements(setting, places))
    if draws is None:
        return with_linear_errors(setting, places, errors)
    return with_sampled_errors(setting, places, errors, draws)


def run(
    *,
    stars: Path,
    model: Path,
    plane: Path,
    grid: Path,
    orbits: Path,
    sample: str,
    duration_kpc_kms: float,
    radians_per_step: float,
    errors: bool,
    n_draws: int,
    seed: int,
    threads: int,
) -> None:
    """Write the orbits of a sample, star by star in the sample's order.

    Parameters
    ----------
    stars, model, plane, grid : Path
        Phase space of the sample, specification of the barred model, and tables of its axisymmetric potential.
    orbits : Path
        The table to write (contract ``orbits``).
    sample : str
        Name of the sample; with the seed it decides the draws.
    duration_kpc_kms : float
        Time over which barred orbits are followed. Positive: after today, while bar and spirals turn with the strength of
        today, as is usual for limits of orbits; negative: before today, with the growth of the patterns.
    radians_per_step : float
        How far the fastest frequency of an orbit turns in one step; 0.45 gives limits to 1 pc for 99 % of disc stars.
    errors : bool
        Whether errors are propagated; they need the correlations of the phase space.
    n_draws, seed : int
        Monte-Carlo draws per star, which give percentiles too; 0 for linear propagation (twelve orbits a star).
    threads : int
        Threads of the kernels; the result does not depend on it.

    Raises
    ------
    DiscatlasError
        For a sample without the correlations of its errors, or a duration of nothing.
    """
    use_threads(threads)
    spec = json.loads(model.read_text(encoding="utf-8"))
    setting = _orbit_model(spec, plane, grid, float(duration_kpc_kms), float(radians_per_step))
    contract = load_contract("orbits").expand(q=ELEMENTS)
    record = {"model": spec, "duration_kpc_kms": duration_kpc_kms, "radians_per_step": radians_per_step}
    record |= {"errors": ("monte_carlo" if n_draws else "linear") if errors else None, "n_draws": n_draws, "seed": seed}
    record |= {"sample": read_provenance(stars), "potential": read_provenance(plane)}
    rng, counts = stream_generator(seed, "compute_orbits", sample), Counter()
    with TableWriter(orbits, contract, _output_names(contract.names, errors, n_draws), record) as writer:
        for batch in read_batches(stars, needed_columns(errors), ROWS):
            places = np.stack([batch[name] for name in COORDINATES], axis=1)
            draws = rng.standard_normal((len(places), n_draws, len(COORDINATES))) if errors and n_draws else None
            made = _elements(setting, places, principal_errors(batch, str(stars)) if errors else None, draws)
            counts.update(made["status"].tolist())
            writer.write({"source_id": batch["source_id"]} | made)
    log.info(f"{orbits}: {sum(counts.values()):,} stars: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            grid=Path(snakemake.input.grid),
            orbits=Path(snakemake.output.orbits),
            sample=snakemake.wildcards.sample,
            duration_kpc_kms=snakemake.params.duration_kpc_kms,
            radians_per_step=snakemake.params.radians_per_step,
            errors=snakemake.params.errors,
            n_draws=snakemake.params.n_draws,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
