"""Bin the stars of a sample into the cells of a map of the disc: medians of v_R, v_phi and J_R (rule ``bin_disc_map``)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.disc_cells import cell_places, disc_grid
from discatlas.bar_spirals.star_medians import CellStars, cell_medians, gather_stars, velocity_window
from discatlas.contracts import error_column, load_contract
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.runtime import script_log, use_threads
from discatlas.sources.grid_map import GridMap, check_rotation
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
_NEEDED = ("R_kpc", "v_R_kms", "v_phi_kms")


def _columns(
    found: CellStars, grid: Grid, profile: PlaneProfile, min_stars: int, where: str
) -> dict[str, NDArray[np.float64]]:
    """Return the table's columns for the cells that hold a star."""
    R, v_R, v_phi = (found.columns[name] for name in _NEEDED)
    low, high = profile.R_kpc[[0, -1]]
    if R.min() < low or R.max() > high:
        raise DiscatlasError(
            f"{where}: R from {R.min():g} to {R.max():g} kpc, the potential's table holds {low:g} to {high:g} kpc; narrow the limits"
        )
    action = radial_action(R, v_R, v_phi, profile)
    action[np.isnan(action)] = np.inf  # an orbit that leaves the table has the largest
    quantities = {"v_R_kms": v_R, "v_phi_kms": v_phi, "J_R_kpc_kms": action}
    n_stars, medians = cell_medians(found.cell, grid.n_cells, quantities, min_stars)
    if n_stars.max() < min_stars:
        raise DiscatlasError(
            f"{where}: no cell has {min_stars} stars, the fullest has {n_stars.max():,}; lower min_stars"
        )
    held = np.flatnonzero(n_stars)
    columns = cell_places(grid, held) | {"n_stars": n_stars[held]}
    for name, (median, error) in medians.items():
        columns |= {name: median[held], error_column(name): error[held]}
    return columns


def run(
    *,
    stars: Path,
    plane: Path,
    cells: Path,
    limits_kpc: Sequence[Sequence[float]],
    spacing_kpc: float,
    v_R_kms: Sequence[float],
    v_phi_kms: Sequence[float],
    velocity_cut: bool,
    selection: str | None,
    min_stars: int,
    threads: int,
) -> None:
    """Write a sample's map, one row per cell with a star (contract ``disc_map``).

    Parameters
    ----------
    stars, plane : Path
        A phase space, and the axisymmetric potential in the plane in which J_R is that of v_R and v_phi alone.
    limits_kpc, spacing_kpc : list of two ranges, float
        Ranges of X and Y, and side of the square cells.
    v_R_kms, v_phi_kms : list of three float
        First and last bin centre and step of the model's velocities.
    velocity_cut : bool
        Whether stars outside of these bins are left out, as they are in the model's medians.
    selection : str or None
        A condition of `discatlas.cuts`.
    min_stars : int
        Least number of stars for medians.

    Raises
    ------
    DiscatlasError
        For bad cells, a selection that keeps no star, no cell with `min_stars`, stars outside the potential's table, and
        a map of v_phi that is negative or has its axes exchanged.
    """
    use_threads(threads)
    grid = disc_grid(limits_kpc, spacing_kpc)
    velocities = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
    found = gather_stars(stars, grid, _NEEDED, selection, velocity_window(velocities) if velocity_cut else {})
    profile = PlaneProfile.from_columns(read_columns(plane))
    columns = _columns(found, grid, profile, min_stars, str(stars))
    known = np.isfinite(columns["v_phi_kms"])
    centres = [(edges[1:] + edges[:-1]) / 2 for edges in grid.edges]
    checked = GridMap(*(columns[name][known] for name in ("cell", "X_kpc", "Y_kpc", "v_phi_kms")))
    provenance = {
        "grid": {"limits_kpc": limits_kpc, "spacing_kpc": spacing_kpc},
        "velocities": {"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms, "cut": velocity_cut},
        "selection": selection,
        "min_stars": min_stars,
        "n_stars": found.counts,
        "rotation": check_rotation(str(stars), checked, *centres),
        "phase_space": read_provenance(stars),
    }
    write_table(cells, load_contract("disc_map"), columns, provenance)
    counted = f"{found.counts['in_cells']:,} of {found.counts['read']:,} stars"
    log.info(f"{cells}: {counted} in {known.size:,} cells, medians in {known.sum():,}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            plane=Path(snakemake.input.plane),
            cells=Path(snakemake.output.cells),
            limits_kpc=snakemake.params.limits_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            velocity_cut=snakemake.params.velocity_cut,
            selection=snakemake.params.selection,
            min_stars=snakemake.params.min_stars,
            threads=snakemake.threads,
        )
