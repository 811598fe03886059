"""Contrast of the local density of a sample to its mean over a wider region in the plane (rule ``smooth_overdensity``)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discatlas.azimuthal.stars import read_disc_stars
from discatlas.contracts import load_contract
from discatlas.frames import cylindrical_position
from discatlas.overdensity import density_contrast, grid_axes
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    stars: Path,
    overdensity: Path,
    limits_kpc: Sequence[Sequence[float]],
    spacing_kpc: float,
    local_kpc: float,
    mean_kpc: float,
    kernel: str,
    min_density_share_per_kpc2: float,
    selection: str | None,
    threads: int,
) -> None:
    """Write the contrast at the nodes of a square grid in the plane (contract ``overdensity``).

    Parameters
    ----------
    stars : Path
        A phase space, or any table with X_kpc and Y_kpc.
    limits_kpc : ((float, float), (float, float))
        First and last node along X and along Y.
    local_kpc, mean_kpc, kernel
        Widths and kind of the kernels: see `discatlas.overdensity.density_contrast`.
    min_density_share_per_kpc2 : float
        Where the mean density, as a share of all stars used, is below this the contrast is null (Poggio 2021: 0.003).
    selection : str or None
        A condition of `discatlas.cuts`.

    Raises
    ------
    DiscatlasError
        For a bad grid or widths, no star selected, and a mean density that is too low everywhere.
    """
    use_threads(threads)
    X, Y = grid_axes(limits_kpc, spacing_kpc)
    table, counts = read_disc_stars(stars, None, ["X_kpc", "Y_kpc"], selection)
    found = density_contrast(
        table["X_kpc"], table["Y_kpc"], X, Y, local_kpc, mean_kpc, kernel, min_density_share_per_kpc2
    )
    node_X, node_Y = (axis.ravel() for axis in np.meshgrid(X, Y, indexing="ij"))
    R, phi = cylindrical_position(node_X, node_Y)
    columns = {"X_kpc": node_X, "Y_kpc": node_Y, "R_kpc": R, "phi_deg": phi} | found
    settings = {
        "limits_kpc": [list(pair) for pair in limits_kpc],
        "spacing_kpc": spacing_kpc,
        "local_kpc": local_kpc,
        "mean_kpc": mean_kpc,
        "kernel": kernel,
        "min_density_share_per_kpc2": min_density_share_per_kpc2,
        "selection": selection,
        "n_stars": {name: counts[name] for name in ("read", "selected")},
        "phase_space": read_provenance(stars),
    }
    write_table(overdensity, load_contract("overdensity"), columns, settings)
    known = np.isfinite(found["overdensity"])
    log.info(f"{overdensity}: {counts['with_values']:,} stars, a contrast at {known.sum():,} of {known.size:,} nodes")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            overdensity=Path(snakemake.output.overdensity),
            limits_kpc=snakemake.params.limits_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
            local_kpc=snakemake.params.local_kpc,
            mean_kpc=snakemake.params.mean_kpc,
            kernel=snakemake.params.kernel,
            min_density_share_per_kpc2=snakemake.params.min_density_share_per_kpc2,
            selection=snakemake.params.selection,
            threads=snakemake.threads,
        )
