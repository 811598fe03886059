"""Count the stars of a sample near a place in the plane of velocities (rule ``bin_velocity_plane``)."""

import logging
from pathlib import Path

import numpy as np

from discatlas.bar_spirals.velocity_histogram import Neighbourhood, count_stars, histogram_columns, provenance_of_grid
from discatlas.contracts import load_contract
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_batches, read_provenance, write_table

log = logging.getLogger(__name__)
COLUMNS = ("X_kpc", "Y_kpc", "Z_kpc", "v_R_kms", "v_phi_kms")


def run(
    *,
    stars: Path,
    table: Path,
    R_kpc: float,
    phi_deg: float,
    radius_kpc: float,
    height_kpc: float,
    v_R_kms: list[float],
    v_phi_kms: list[float],
    threads: int,
) -> None:
    """Write the counts of a phase-space table, one row per bin of velocity (contract ``velocity_histogram``).

    Counted are stars within `radius_kpc` of the place at R_kpc and phi_deg, both in the plane, and |Z| < `height_kpc`.
    `v_R_kms` and `v_phi_kms` are first and last centre of the bins and their width.

    Raises
    ------
    DiscatlasError
        For a bad grid or cylinder, a missing column, and no star with velocities in the cylinder.
    """
    use_threads(threads)
    grid = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
    place = {"R_kpc": R_kpc, "phi_deg": phi_deg, "radius_kpc": radius_kpc, "height_kpc": height_kpc}
    neighbourhood = Neighbourhood.from_config(place)
    counts, n_read, n_near = np.zeros(grid.shape, np.int64), 0, 0
    for batch in read_batches(stars, COLUMNS):
        X, Y, Z, v_R, v_phi = (np.asarray(batch[name], float) for name in COLUMNS)
        near = neighbourhood.holds(X, Y, Z) & np.isfinite(v_R) & np.isfinite(v_phi)
        counts += count_stars(grid, v_R[near], v_phi[near])
        n_read, n_near = n_read + X.size, n_near + int(near.sum())
    if not counts.any():
        raise DiscatlasError(
            f"{stars}: none of {n_read:,} stars is within {radius_kpc:g} kpc of R {R_kpc:g} kpc, phi {phi_deg:g} deg with |Z| < {height_kpc:g} kpc, "
            "with velocities in the grid; widen radius_kpc or height_kpc, or drop the sample"
        )
    provenance = {
        "place": place,
        "grid": provenance_of_grid(grid),
        "n_stars": {"read": n_read, "near": n_near, "in_bins": int(counts.sum())},
        "phase_space": read_provenance(stars),
    }
    write_table(table, load_contract("velocity_histogram"), histogram_columns(grid, counts), provenance)
    log.info(f"{table}: {n_near:,} of {n_read:,} stars are near, {counts.sum():,} of them in the bins")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            table=Path(snakemake.output.table),
            R_kpc=snakemake.params.R_kpc,
            phi_deg=snakemake.params.phi_deg,
            radius_kpc=snakemake.params.radius_kpc,
            height_kpc=snakemake.params.height_kpc,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            threads=snakemake.threads,
        )
