"""Bin the stars of a sample in azimuth and angular momentum: medians of v_R (rule ``bin_angular_momentum_plane``)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.angular_momentum import AngularMomentumPlane
from discatlas.bar_spirals.star_medians import CellStars, cell_medians, gather_stars, velocity_window
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


def _columns(found: CellStars, grid: Grid, min_stars: int, where: str) -> dict[str, NDArray[np.float64]]:
    """Return the table's columns for the cells that hold a star."""
    n_stars, medians = cell_medians(found.cell, grid.n_cells, found.columns, min_stars)
    if n_stars.max() < min_stars:
        raise DiscatlasError(
            f"{where}: no cell has {min_stars} stars, the fullest has {n_stars.max():,}; lower min_stars"
        )
    held = np.flatnonzero(n_stars)
    phi, L_z = grid.centres(held).T
    median, error = (values[held] for values in medians["v_R_kms"])
    columns = {"cell": held, "phi_deg": phi, "L_z_kpc_kms": L_z, "n_stars": n_stars[held]}
    return columns | {"v_R_kms": median, "v_R_error_kms": error}


def run(
    *,
    stars: Path,
    cells: Path,
    phi_deg: Sequence[float],
    L_z_kpc_kms: Sequence[float],
    window_kpc: Sequence[Sequence[float]],
    v_R_kms: Sequence[float],
    v_phi_kms: Sequence[float],
    velocity_cut: bool,
    selection: str | None,
    min_stars: int,
    threads: int,
) -> None:
    """Write a sample's median v_R in cells of azimuth and angular momentum (contract ``angular_momentum``).

    Parameters
    ----------
    stars : Path
        A phase space.
    phi_deg, L_z_kpc_kms : list of three float
        Lower and upper limit and size of the cells.
    window_kpc : list of two ranges
        X and Y of the stars that count.
    v_R_kms, v_phi_kms : list of three float
        First and last bin centre and step of the model's velocities.
    velocity_cut : bool
        Whether stars outside of these bins are left out, as they are in the model's medians.
    selection : str or None
        A condition of `discatlas.cuts`.
    min_stars : int
        Least number of stars for a median.

    Raises
    ------
    DiscatlasError
        For bad cells, a selection that keeps no star, and no cell with `min_stars`.
    """
    use_threads(threads)
    # the spacing of a model's radii is not needed here
    settings = {"phi_deg": phi_deg, "L_z_kpc_kms": L_z_kpc_kms, "window_kpc": window_kpc, "R_step_kpc": 1.0}
    plane = AngularMomentumPlane.build(**settings, v_R_kms=v_R_kms, v_phi_kms=v_phi_kms)
    window = dict(zip(("X_kpc", "Y_kpc"), plane.window_kpc, strict=True))
    window |= velocity_window(plane.velocities) if velocity_cut else {}
    found = gather_stars(stars, plane.grid, ["v_R_kms"], selection, window)
    columns = _columns(found, plane.grid, min_stars, str(stars))
    provenance = {
        "plane": plane.record() | {"velocity_cut": velocity_cut},
        "selection": selection,
        "min_stars": min_stars,
        "n_stars": found.counts,
        "phase_space": read_provenance(stars),
    }
    write_table(cells, load_contract("angular_momentum"), columns, provenance)
    counts = found.counts
    log.info(f"{cells}: {counts['in_cells']:,} of {counts['read']:,} stars in {columns['cell'].size:,} cells")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            cells=Path(snakemake.output.cells),
            phi_deg=snakemake.params.phi_deg,
            L_z_kpc_kms=snakemake.params.L_z_kpc_kms,
            window_kpc=snakemake.params.window_kpc,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            velocity_cut=snakemake.params.velocity_cut,
            selection=snakemake.params.selection,
            min_stars=snakemake.params.min_stars,
            threads=snakemake.threads,
        )
