"""Contrast of the local density of a sample to its mean over a wider region in the plane (rule ``smooth_overdensity``)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.contracts import load_contract
from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError
from discatlas.files import scratch_folder
from discatlas.frames import cylindrical_position
from discatlas.maps.joined import JoinedStars
from discatlas.overdensity import density_contrast, grid_axes
from discatlas.runtime import script_log, use_threads
from discatlas.tables import check_columns, read_provenance, write_table

Array = NDArray[np.float64]
NODES = ("X_kpc", "Y_kpc", "R_kpc", "phi_deg")
MAX_ROWS = 4_000_000  # of a table in memory
log = logging.getLogger(__name__)


def _read_places(
    table: JoinedStars, dimensions: int, selection: str | None, scratch: Path
) -> tuple[tuple[Array, Array, Array | None], dict[str, int]]:
    """Return X, Y and, in three dimensions, Z of the selected stars that have them, and the numbers read, selected and used."""
    if dimensions not in (2, 3):
        raise DiscatlasError(f"over-density: got dimensions {dimensions!r}, expected 2 or 3")
    columns = ["X_kpc", "Y_kpc", "Z_kpc"][:dimensions]
    check_columns(table.stars, columns, table.columns)
    cut = compile_cut(selection, table.columns) if selection else None
    needed = list(dict.fromkeys([*columns, *(cut.columns if cut else ())]))
    table.join(needed, scratch, MAX_ROWS)
    counts = {"read": 0, "selected": 0, "with_values": 0}
    parts = []
    for frame in table.frames(needed):
        chosen = frame.filter(cut.expression) if cut else frame
        known = chosen.select(pl.col(columns).cast(pl.Float64)).filter(
            pl.all_horizontal(pl.col(columns).is_finite().fill_null(value=False))
        )
        for name, part in zip(counts, (frame, chosen, known), strict=True):
            counts[name] += part.height
        parts.append(known)
    if not counts["with_values"]:
        raise DiscatlasError(
            f"{table.stars}: no star is left to use of {counts['read']:,}, {counts['selected']:,} of them selected; see "
            f"selection {selection!r}, and whether {', '.join(columns)} are known"
        )
    whole = pl.concat(parts)
    x, y, *z = (whole[name].to_numpy() for name in columns)
    return (x, y, z[0] if z else None), counts


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
    dimensions: int = 2,
    Z_limits_kpc: Sequence[float] | None = None,
    tables: Sequence[Path] = (),
    threads: int,
) -> None:
    """Write the contrast at the nodes of a square grid in the plane (contract ``overdensity``).

    Parameters
    ----------
    stars : Path
        A phase space, or any table with X_kpc and Y_kpc, and Z_kpc in three dimensions.
    limits_kpc : ((float, float), (float, float))
        First and last node along X and along Y.
    local_kpc, mean_kpc, kernel
        Widths and kind of the kernels: see `discatlas.overdensity.density_contrast`.
    min_density_share_per_kpc2 : float
        Where the mean density, as a share of all stars used, is below this the contrast is null (Poggio 2021: 0.003).
    selection
        A condition of `discatlas.cuts`, also on columns of `tables`.
    dimensions, Z_limits_kpc
        2: kernels in the plane. 3: in space, integrated over all Z or these limits (Zari et al. 2025, Eq. 15).
    tables : sequence of Path
        Tables of the same stars, such as ages, joined by ``source_id`` (`discatlas.maps.joined`).

    Raises
    ------
    DiscatlasError
        For bad dimensions, grid or widths, no star selected, and a mean density that is too low everywhere.
    """
    use_threads(threads)
    X, Y = grid_axes(limits_kpc, spacing_kpc)
    joined = JoinedStars(stars, tables)
    with scratch_folder(overdensity) as scratch:
        (x, y, z), counts = _read_places(joined, dimensions, selection, scratch)
    found = density_contrast(x, y, X, Y, local_kpc, mean_kpc, kernel, min_density_share_per_kpc2, z, Z_limits_kpc)
    nodes = [axis.ravel() for axis in np.meshgrid(X, Y, indexing="ij")]
    columns = dict(zip(NODES, (*nodes, *cylindrical_position(*nodes)), strict=True)) | found
    settings = {"limits_kpc": [list(pair) for pair in limits_kpc]}
    settings |= {"spacing_kpc": spacing_kpc, "local_kpc": local_kpc, "mean_kpc": mean_kpc, "kernel": kernel}
    settings |= {"min_density_share_per_kpc2": min_density_share_per_kpc2, "selection": selection}
    settings |= {"dimensions": dimensions, "Z_limits_kpc": None if Z_limits_kpc is None else list(Z_limits_kpc)}
    settings |= {
        "n_stars": {name: counts[name] for name in ("read", "selected")},
        "phase_space": read_provenance(stars),
    }
    settings |= {"tables": joined.record()} if tables else {}
    write_table(overdensity, load_contract("overdensity"), columns, settings)
    known = np.isfinite(found["overdensity"])
    log.info(f"{overdensity}: {counts['with_values']:,} stars, contrast at {known.sum():,} of {known.size:,} nodes")


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
            dimensions=snakemake.params.dimensions,
            Z_limits_kpc=snakemake.params.Z_limits_kpc,
            tables=[Path(path) for path in snakemake.input.get("tables", [])],
            threads=snakemake.threads,
        )
