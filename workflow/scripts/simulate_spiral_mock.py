"""Integrate test particles through the slow growth of a spiral and measure their response (rule ``simulate_spiral_mock``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.runtime import require_space, script_log
from discatlas.simulation.mock_orbits import simulate_outputs
from discatlas.simulation.spiral_mock import SpiralMock, annulus_columns
from discatlas.streams import stream_generator
from discatlas.tables import TableWriter, write_table

log = logging.getLogger(__name__)
BYTES_PER_ROW, BYTES_PER_PARTICLE = 60, 200  # on disk; in memory, with all that is made of them


def run(*, particles: Path, annuli: Path, model: Mapping[str, Any], seed: int, name: str) -> None:
    """Write the particles at all times (contract ``spiral_mock``) and their harmonic by annulus (``spiral_mock_annuli``).

    Parameters
    ----------
    model : mapping
        Config entry of the mock: potential, spiral, population, times, engine and annuli; see `SpiralMock`.
    seed : int
        Seed of the atlas: it shifts where the quiet start puts the particles.

    Raises
    ------
    DiscatlasError
        For an impossible mock, an engine that is not installed, and too little memory or disk.
    """
    mock = SpiralMock.from_config(model, f"spiral_mocks.{name}")
    rows = mock.n_particles * mock.n_outputs
    memory = BYTES_PER_PARTICLE * mock.n_particles + 24 * rows
    require_space(f"spiral_mocks.{name}", particles, memory_bytes=memory, disk_bytes=BYTES_PER_ROW * rows)
    rng = stream_generator(seed, "simulate_spiral_mock", name, "start")
    contract, provenance, kept = load_contract("spiral_mock"), {"model": dict(model), "seed": seed}, []
    with TableWriter(particles, contract, contract.names, provenance) as writer:
        for number, rows in enumerate(simulate_outputs(mock, rng)):
            writer.write(rows | {"output": np.full(rows["R_kpc"].size, number, np.int32)})
            kept.append([rows[column] for column in ("R_kpc", "phi_deg", "v_R_kms")])
    R, phi, v_R = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    columns = annulus_columns(mock, R, phi, v_R)
    write_table(annuli, load_contract("spiral_mock_annuli"), columns, provenance)
    valid = columns["valid"]
    if valid.any():
        ratio, phase = columns["ratio"][valid], columns["phase_error_deg"][valid]
        log.info(
            f"{name}: {valid.sum()} annuli away from resonances: ratio to the cold linear response {ratio.min():.3f} to "
            f"{ratio.max():.3f}, phase {phase.min():+.2f} to {phase.max():+.2f} deg"
        )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            particles=Path(snakemake.output.particles),
            annuli=Path(snakemake.output.annuli),
            model=snakemake.params.model,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.mock,
        )
