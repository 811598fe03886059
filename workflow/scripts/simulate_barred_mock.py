"""Draw particles from a disc before bar and spirals, integrate them to today and map them (rule ``simulate_barred_mock``)."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.bar_spirals.mock import CHUNK_PARTICLES, COLUMNS, BarredMock, simulate_chunks
from discatlas.bar_spirals.mock_map import MapDeclaration, MapStars
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.runtime import require_space, script_log
from discatlas.streams import stream_generator
from discatlas.tables import TableWriter, read_columns, write_table

log = logging.getLogger(__name__)
BYTES_PER_ROW, BYTES_PER_PARTICLE, BYTES_IN_CHUNK = 60, 120, 500  # on disk; in memory, kept for the map and of a chunk


def run(
    *, model: Path, plane: Path, particles: Path, cells: Path, mock: Mapping[str, Any], seed: int, name: str
) -> None:
    """Write the particles (contract ``barred_mock``) and their map (``barred_mock_map``).

    Parameters
    ----------
    model : Path
        Specification of the model by rule tabulate_barred_model.
    plane : Path
        Table of its axisymmetric potential in the plane.
    mock : mapping
        Config entry: see `BarredMock`; ``map`` declares cells and velocities, see `MapDeclaration`.

    Raises
    ------
    DiscatlasError
        For an impossible mock or map, and too little memory or disk.
    """
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(plane)), spec)
    declared = BarredMock.from_config(mock, barred, f"barred_mocks.{name}")
    stars = MapStars(MapDeclaration.from_config(mock["map"]))
    n = declared.n_particles
    memory = BYTES_PER_PARTICLE * n + BYTES_IN_CHUNK * min(n, CHUNK_PARTICLES)
    require_space(f"barred_mocks.{name}", particles, memory_bytes=memory, disk_bytes=BYTES_PER_ROW * n)
    rngs = (stream_generator(seed, "simulate_barred_mock", name, step) for step in ("birth", "errors"))
    provenance = {"mock": dict(mock), "model": spec, "seed": seed}
    with TableWriter(particles, load_contract("barred_mock"), COLUMNS, provenance) as writer:
        for chunk in simulate_chunks(declared, barred, *rngs):
            writer.write(chunk)
            stars.add(chunk)
            log.info("%s of %s particles", f"{writer.n_rows:,}", f"{n:,}")
    columns = stars.columns(barred.plane)
    write_table(cells, load_contract("barred_mock_map"), columns, provenance)
    log.info("%s cells with at least %s particles", f"{columns['cell'].size:,}", stars.declaration.min_particles)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            particles=Path(snakemake.output.particles),
            cells=Path(snakemake.output.cells),
            mock=snakemake.params.mock,
            seed=snakemake.params.seed,
            name=snakemake.wildcards.mock,
        )
