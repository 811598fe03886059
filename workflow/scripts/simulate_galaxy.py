"""Simulate a galaxy: orbits through the growth of bar and spirals, or a mean field; chemistry, stars (rule ``simulate_galaxy``)."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.isochrones import CITATIONS, load_isochrones
from discatlas.photometry import read_bolometric_corrections
from discatlas.runtime import require_space, script_log
from discatlas.simulation.chemistry import Chemistry
from discatlas.simulation.galaxy import (
    BYTES_ON_DISK,
    BYTES_PER_PARTICLE,
    CHUNK_PARTICLES,
    FEH_LIMITS_DEX,
    LOG_AGE_LIMITS,
    Galaxy,
    MeanFieldMotion,
    Motion,
    simulate_chunks,
)
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.simulation.orbits import Mechanics, OrbitModel
from discatlas.simulation.stars import StarSampling
from discatlas.tables import TableWriter, read_columns


def run(
    *,
    plane: Path | None,
    grid: Path | None,
    bolometric_corrections: Path,
    galaxy: Path,
    model: Mapping[str, Any],
    bar: Mapping[str, Any] | None,
    spirals: list[Mapping[str, Any]],
    seed: int,
    name: str,
) -> None:
    """Write the particles of `galaxy` chunk by chunk (contract ``galaxy``).

    Parameters
    ----------
    plane, grid : Path or None
        Tables of the axisymmetric potential, of ``kind: orbits`` alone.
    model, bar, spirals
        Config entries of the galaxy, of its bar (None for none) and of its spirals.
    """
    n_particles = model["n_particles"]
    needed = min(n_particles, CHUNK_PARTICLES) * BYTES_PER_PARTICLE
    require_space(f"galaxies.{name}", galaxy, memory_bytes=needed, disk_bytes=n_particles * BYTES_ON_DISK)
    whole = Galaxy(
        motion=_motion(plane, grid, model, bar, spirals),
        chemistry=Chemistry.from_config(model["chemistry"]),
        sampling=StarSampling.from_config(model["stars"]),
        isochrones=load_isochrones(FEH_LIMITS_DEX, LOG_AGE_LIMITS),
        corrections=read_bolometric_corrections(bolometric_corrections),
        R0_kpc=model["R0_kpc"],
    )
    provenance = {"model": dict(model), "bar": bar, "spirals": spirals, "seed": seed, "citation": "; ".join(CITATIONS)}
    total: Counter[str] = Counter()
    contract = load_contract("galaxy")
    with TableWriter(galaxy, contract, contract.names, provenance) as writer:
        for chunk, counts in simulate_chunks(whole, n_particles, seed, name):
            writer.write(chunk)
            total.update(counts)
            logging.info("%s of %s particles", f"{writer.n_rows:,}", f"{n_particles:,}")
        writer.add_provenance({"counts": dict(total)})
    logging.info("stars at the edge of the isochrones or of the bolometric corrections: %s", dict(total))


def _motion(
    plane: Path | None,
    grid: Path | None,
    model: Mapping[str, Any],
    bar: Mapping[str, Any] | None,
    spirals: list[Mapping[str, Any]],
) -> Motion:
    if model["kind"] == "mean_field":
        return MeanFieldMotion(MeanFieldModel.from_config(model))
    orbits = OrbitModel.from_config(model, Perturbation.from_config(bar, spirals))
    return Mechanics.build(
        orbits, PlaneProfile.from_columns(read_columns(plane)), PotentialGrid.from_columns(read_columns(grid))
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            plane=Path(snakemake.input.plane) if snakemake.input.get("plane") else None,
            grid=Path(snakemake.input.grid) if snakemake.input.get("grid") else None,
            bolometric_corrections=Path(snakemake.input.bolometric_corrections),
            galaxy=Path(snakemake.output.galaxy),
            model=snakemake.params.model,
            bar=snakemake.params.bar,
            spirals=snakemake.params.spirals,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.galaxy,
        )
