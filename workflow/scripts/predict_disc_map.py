"""Gather the parts of a predicted map of the disc, and say where bar and arms are (rule ``predict_disc_map``)."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discatlas.bar_spirals.arm_loci import loci_columns
from discatlas.bar_spirals.disc_cells import disc_grid, join_parts
from discatlas.bar_spirals.disc_map import PREDICTED, table_columns
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Perturbation
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def _common_provenance(parts: Sequence[Path]) -> dict[str, object]:
    """Return what all parts say of their making, which must be the same."""
    about = [read_provenance(part) for part in parts]
    for path, one in zip(parts, about, strict=True):
        one.pop("part", None)
        if one != about[0]:
            raise DiscatlasError(f"{path}: made with other settings than {parts[0]}; make all parts anew")
    return about[0]


def run(
    *,
    parts: Sequence[Path],
    model: Path,
    plane: Path,
    cells: Path,
    loci: Path,
    limits_kpc: Sequence[Sequence[float]],
    spacing_kpc: float,
) -> None:
    """Write the whole map (contract ``disc_map``), and the lines of bar and arms (contract ``disc_map_loci``).

    Parameters
    ----------
    parts : sequence of Path
        All parts of the map, in any order.
    model, plane : Path
        The model's JSON, and the axisymmetric potential in the plane (contract ``potential_plane``).
    limits_kpc, spacing_kpc : list of two ranges, float
        Those of the parts; the lines reach as far as the corners.

    Raises
    ------
    DiscatlasError
        For parts that are of different makes, or that lack a cell.
    """
    provenance = _common_provenance(parts)
    joined = join_parts(
        [read_columns(part, PREDICTED) for part in parts], disc_grid(limits_kpc, spacing_kpc), str(cells)
    )
    write_table(cells, load_contract("disc_map"), table_columns(joined), provenance)
    spec = json.loads(model.read_text(encoding="utf-8"))
    perturbation = Perturbation.from_config(spec["bar"], spec["spirals"])
    R_max = float(np.hypot(*np.abs(limits_kpc).max(axis=1)))
    lines = loci_columns(perturbation, PlaneProfile.from_columns(read_columns(plane)), R_max)
    write_table(loci, load_contract("disc_map_loci"), lines, {"model": spec})
    log.info(
        f"{cells}: {joined['cell'].size:,} cells of {len(parts)} parts; {loci}: {np.unique(lines['line']).size} lines"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            parts=[Path(path) for path in snakemake.input.parts],
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            cells=Path(snakemake.output.cells),
            loci=Path(snakemake.output.loci),
            limits_kpc=snakemake.params.limits_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
        )
