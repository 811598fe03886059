"""Median of a quantity in the cells of a map less what its gradient predicts there (rule ``predict_metallicity_residual``)."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.residuals import CellResiduals, GradientBins, cell_residuals
from discatlas.azimuthal.stars import read_disc_stars
from discatlas.contracts import error_column, join_unit, load_contract, split_unit
from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid
from discatlas.runtime import script_log, use_threads
from discatlas.tables import check_columns, column_names, read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
FITS = (
    "bin_low_kpc",
    "bin_high_kpc",
    "model",
    "status",
    "n_stars",
    "slope_dex_per_kpc",
    "slope_error_dex_per_kpc",
    "intercept_dex",
    "scatter_dex",
)


def _read_gradient(path: Path) -> GradientBins:
    """Return the linear fits of the bins that have one."""
    table = read_columns(path, FITS)
    used = (table["model"] == "linear") & (table["status"] == "fitted")
    if not used.any():
        raise DiscatlasError(f"{path}: no bin has a linear fit; see its column status")
    low, high, _, _, n, slope, slope_error, intercept, scatter = (table[name][used] for name in FITS)
    return GradientBins(low, high, slope, slope_error, intercept, scatter / np.sqrt(n))


def _columns(stars: Path, axes: list[str], quantity: str, bin_by: str, x: str) -> list[str]:
    """Return the columns to read; abs_Z_kpc is made of Z_kpc."""
    wanted = [*axes, quantity, *(name.replace("abs_Z_kpc", "Z_kpc") for name in (bin_by, x))]
    check_columns(stars, wanted, column_names(stars))
    return list(dict.fromkeys(wanted))


def _take(table: dict[str, NDArray], name: str) -> NDArray:
    return np.abs(table["Z_kpc"]) if name == "abs_Z_kpc" else table[name]


def _table(found: CellResiduals, grid: Grid, quantity: str) -> dict[str, NDArray]:
    """Return the columns of the contract."""
    base, unit = split_unit(quantity)
    columns = {"cell": found.cell, "n_stars": found.n_stars}
    for axis, centre in zip(grid.axes, grid.centres(found.cell).T, strict=True):
        name, suffix = split_unit(axis)
        columns[join_unit(f"{name}_centre", suffix)] = centre
    for name in ("median", "model", "residual"):
        column = join_unit(f"{base}_{name}", unit)
        columns |= {column: getattr(found, name), error_column(column): getattr(found, f"{name}_error")}
    return columns


def run(
    *,
    stars: Path,
    cells: Path,
    gradient: Path,
    membership: Path | None,
    residual: Path,
    quantity: str,
    x: str,
    bin_by: str,
    min_stars: int,
    threads: int,
) -> None:
    """Write median, model and residual per cell (contract ``metallicity_residual``).

    Parameters
    ----------
    stars, cells : Path
        Phase space and the map of it whose grid and selection are used; the medians are taken anew, of the stars that have
        a fit and, with `membership`, are of the disc.
    gradient : Path
        Linear fits in bins, contract ``metallicity_gradient``; a star beyond them, or in a bin that was not fitted, is left
        out.
    membership : Path or None
        Table of memberships if the halo is to be left out.
    x, bin_by : str
        ``R_kpc`` or ``abs_Z_kpc``: the variable of the fits and that of their bins, as in the gradient's config.
    min_stars : int
        Cells of fewer such stars get no numbers.

    Raises
    ------
    DiscatlasError
        For missing columns, a gradient without a linear fit, and no star in a cell with a fit.
    """
    use_threads(threads)
    about = read_provenance(cells)
    spec = about["grid"]
    grid = Grid(tuple(spec["axes"]), spec["cell_shape"], tuple(spec["cell_size"]), tuple(map(tuple, spec["limits"])))
    fits = _read_gradient(gradient)
    wanted = _columns(stars, spec["axes"], quantity, bin_by, x)
    table, counts = read_disc_stars(stars, membership, wanted, about["selection"])
    cell = grid.cell_of(*(table[axis] for axis in spec["axes"]))
    fit = fits.bin_of(_take(table, bin_by))
    used = (cell >= 0) & (fit >= 0)
    if not used.any():
        raise DiscatlasError(
            f"{stars}: none of {cell.size:,} stars lies both in a cell of {cells} and in a bin of {gradient} that was fitted"
        )
    counts |= {"in_cells": int((cell >= 0).sum()), "with_fit": int(used.sum())}
    found = cell_residuals(cell[used], table[quantity][used], fit[used], _take(table, x)[used], fits, min_stars)
    columns = _table(found, grid, quantity)
    provenance = {"grid": spec, "selection": about["selection"], "halo_cut": membership is not None, "n_stars": counts}
    provenance |= {"quantity": quantity, "x": x, "bin_by": bin_by, "min_stars": min_stars}
    provenance |= {"gradient": read_provenance(gradient), "phase_space": read_provenance(stars)}
    contract = load_contract("metallicity_residual").expand(a=spec["axes"], q=[quantity])
    write_table(residual, contract, columns, provenance)
    log.info(
        f"{residual}: {counts['with_fit']:,} of {counts['in_cells']:,} stars in cells have a fit; {found.cell.size:,} cells"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            cells=Path(snakemake.input.cells),
            gradient=Path(snakemake.input.gradient),
            membership=Path(snakemake.input.membership) if snakemake.input.get("membership") else None,
            residual=Path(snakemake.output.residual),
            quantity=snakemake.params.quantity,
            x=snakemake.params.x,
            bin_by=snakemake.params.bin_by,
            min_stars=snakemake.params.min_stars,
            threads=snakemake.threads,
        )
