"""Predict a part of a map of the disc from a model with bar and spirals (rule ``predict_disc_map_part``)."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from discatlas.bar_spirals.disc_cells import all_cells, disc_grid, part_of
from discatlas.bar_spirals.disc_map import concatenate, predict_blocks, table_columns
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)
_REPORTS = 10


def run(
    *,
    model: Path,
    plane: Path,
    cells: Path,
    limits_kpc: Sequence[Sequence[float]],
    spacing_kpc: float,
    v_R_kms: Sequence[float],
    v_phi_kms: Sequence[float],
    accuracy: str | int,
    part: int,
    n_parts: int,
    threads: int,
) -> None:
    """Write part number `part`, from 0, of the cells of a map (contract ``disc_map``).

    Parameters
    ----------
    model, plane : Path
        The model's JSON, and the axisymmetric potential in the plane (contract ``potential_plane``).
    limits_kpc, spacing_kpc : list of two ranges, float
        Ranges of X and Y, and side of the square cells.
    v_R_kms, v_phi_kms : list of three float
        First and last bin centre and step of the velocities over which medians are taken.
    accuracy : str or int
        See `discatlas.dynamics.backward.distribution_at`.

    Raises
    ------
    DiscatlasError
        For bad cells, velocities or parts, and cells outside the potential's table.
    """
    use_threads(threads)
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(plane)), spec)
    velocities = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
    places = part_of(all_cells(disc_grid(limits_kpc, spacing_kpc)), part, n_parts)
    blocks, n_done, n = [], 0, places["cell"].size
    for block in predict_blocks(barred, places, velocities, accuracy):
        blocks.append(block)
        before, n_done = n_done, n_done + block["cell"].size
        if before * _REPORTS // n != n_done * _REPORTS // n:
            log.info(f"{cells}: {n_done:,} of {n:,} cells")
    provenance = {
        "model": spec,
        "grid": {"limits_kpc": limits_kpc, "spacing_kpc": spacing_kpc},
        "velocities": {"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms},
        "accuracy": accuracy,
        "part": {"number": part, "of": n_parts},
    }
    write_table(cells, load_contract("disc_map"), table_columns(concatenate(blocks)), provenance)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            cells=Path(snakemake.output.cells),
            limits_kpc=snakemake.params.limits_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            accuracy=snakemake.params.accuracy,
            part=int(snakemake.wildcards.part),
            n_parts=snakemake.params.n_parts,
            threads=snakemake.threads,
        )
