"""Average stars in cubes of space: the cells that the velocity field is fitted to (rule ``bin_phase_space_cells``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log, use_threads
from discatlas.tables import TableWriter, read_batches, read_provenance, write_table
from discatlas.velocity_field.cells import ERRORS, POSITIONS, VELOCITIES, CubeSums, Window, cell_columns

log = logging.getLogger(__name__)


def run(
    *,
    stars: Path,
    cells: Path,
    cell_kpc: float | None,
    min_stars: int,
    half_width_kpc: float,
    Z_max_kpc: float,
    max_speed_kms: float,
    R0_kpc: float,
    threads: int,
    batch_rows: int = 131_072,
) -> None:
    """Write the cells of a phase-space table, one row per cube of `cell_kpc` with `min_stars` stars.

    Where `cell_kpc` is None every star is its own cell (number: its row in `stars`), with the errors of the catalogue;
    `min_stars` has no meaning then. Stars without velocity, too fast, or outside the box |X + R0|, |Y| <=
    `half_width_kpc`, |Z| <= `Z_max_kpc` are left out and counted in the provenance.

    Raises
    ------
    DiscatlasError
        For too many cubes, no star left, and no cube with `min_stars` stars.
    """
    use_threads(threads)
    window = Window(half_width_kpc, Z_max_kpc, max_speed_kms, R0_kpc)
    provenance: dict[str, Any] = {
        "cell_kpc": cell_kpc,
        "min_stars": min_stars,
        "half_width_kpc": half_width_kpc,
        "Z_max_kpc": Z_max_kpc,
        "max_speed_kms": max_speed_kms,
        "R0_kpc": R0_kpc,
        "phase_space": read_provenance(stars),
    }
    if cell_kpc is None:
        _copy_stars(stars, cells, window, provenance, batch_rows)
        return
    try:
        cubes = CubeSums(window, cell_kpc)
        counts: dict[str, int] = {}
        for batch in read_batches(stars, [*POSITIONS, *VELOCITIES], batch_rows):
            positions, velocities = _stack(batch, POSITIONS), _stack(batch, VELOCITIES)
            used, left = window.select(positions, velocities)
            _add_counts(counts, left, used)
            cubes.add(positions[used], velocities[used])
        _check_counts(counts)
        columns = cubes.columns(min_stars)
    except DiscatlasError as error:
        raise DiscatlasError(f"{stars}: {error}") from None
    counts["in_cells"] = int(columns["n_stars"].sum())
    provenance |= {"n_stars": counts, "first_cube": cubes.first.tolist(), "n_cubes": cubes.shape.tolist()}
    write_table(cells, load_contract("phase_space_cells"), columns, provenance)
    log.info(f"{cells}: {counts['in_cells']:,} of {counts['read']:,} stars in {columns['cell'].size:,} cells")


def _copy_stars(stars: Path, cells: Path, window: Window, provenance: dict[str, Any], batch_rows: int) -> None:
    """Write every star of the window as a cell of its own."""
    counts: dict[str, int] = {}
    with TableWriter(cells, load_contract("phase_space_cells"), None, provenance) as writer:
        for batch in read_batches(stars, [*POSITIONS, *VELOCITIES, *ERRORS], batch_rows):
            positions, velocities = _stack(batch, POSITIONS), _stack(batch, VELOCITIES)
            used, left = window.select(positions, velocities)
            rows = np.flatnonzero(used) + counts.get("read", 0)
            _add_counts(counts, left, used)
            ones = np.ones(rows.size, dtype=np.int64)
            errors = _stack(batch, ERRORS)[used]
            writer.write(cell_columns(rows, ones, positions[used], velocities[used], errors))
        try:
            _check_counts(counts)
        except DiscatlasError as error:
            raise DiscatlasError(f"{stars}: {error}") from None
        counts["in_cells"] = counts["used"]
        writer.add_provenance({"n_stars": counts})
    log.info(f"{cells}: {counts['used']:,} of {counts['read']:,} stars, each a cell")


def _stack(batch: dict[str, NDArray], names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(batch[name], dtype=np.float64) for name in names])


def _add_counts(counts: dict[str, int], left: dict[str, int], used: NDArray[np.bool_]) -> None:
    for name, count in (left | {"used": int(used.sum())}).items():
        counts[name] = counts.get(name, 0) + count


def _check_counts(counts: dict[str, int]) -> None:
    if not counts:
        raise DiscatlasError("the table has no rows")
    if not counts["used"]:
        hints = {
            "outside": "enlarge half_width_kpc or Z_max_kpc, or check the sample's Sun",
            "without_velocity": "the field needs six dimensions: check the sample's columns and cuts for radial velocities",
            "too_fast": "raise max_speed_kms, or check the units of the velocities",
        }
        most = max(hints, key=lambda reason: counts[reason])
        raise DiscatlasError(
            f"none of {counts['read']:,} stars is left: {counts['outside']:,} outside half_width_kpc and Z_max_kpc, "
            f"{counts['without_velocity']:,} without velocity, {counts['too_fast']:,} beyond max_speed_kms; {hints[most]}"
        )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            cells=Path(snakemake.output.cells),
            cell_kpc=snakemake.params.cell_kpc,
            min_stars=snakemake.params.min_stars,
            half_width_kpc=snakemake.params.half_width_kpc,
            Z_max_kpc=snakemake.params.Z_max_kpc,
            max_speed_kms=snakemake.params.max_speed_kms,
            R0_kpc=snakemake.params.R0_kpc,
            threads=snakemake.threads,
        )
