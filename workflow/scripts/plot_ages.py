"""Draw the ages of a sample's stars (rule ``plot_ages``)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discatlas.ages.grid import isochrone_lines
from discatlas.errors import DiscatlasError
from discatlas.plotting.ages import AgeTables, draw_ages_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import column_names, read_columns, read_provenance


def run(
    *,
    sample: Path,
    ages: Path,
    posteriors: Path,
    grid_folder: Path | None,
    pdf: Path,
    png: Path,
    grid: str,
    isochrone_log_ages: Sequence[float],
    isochrone_feh_dex: float,
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw Kiel diagram with isochrones of `isochrone_log_ages`, distribution, errors and some posteriors.

    Raises
    ------
    DiscatlasError
        If the tables are not of the same stars, or no star has an age without a flag.
    """
    wanted = ["source_id", "teff_K", "logg_dex"]
    stars = read_columns(sample, [name for name in wanted if name in column_names(sample)])
    table, densities = read_columns(ages), read_columns(posteriors)
    for path, other in ((ages, table), (posteriors, densities)):
        if not np.array_equal(stars["source_id"], other["source_id"]):
            raise DiscatlasError(
                f"{path} and {sample} are not of the same stars; make the ages anew with estimate_ages"
            )
    unknown = np.full(len(stars["source_id"]), np.nan)
    teff, logg = (stars.get(name, unknown).astype(np.float64) for name in wanted[1:])
    lines = isochrone_lines(grid, grid_folder, isochrone_log_ages, isochrone_feh_dex) if isochrone_log_ages else []
    figure = draw_ages_figure(
        AgeTables(teff, logg, table, densities["likelihood"]),
        read_provenance(posteriors),
        dict(zip(isochrone_log_ages, lines, strict=True)),
        title,
        objects,
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            ages=Path(snakemake.input.ages),
            posteriors=Path(snakemake.input.posteriors),
            grid_folder=Path(str(snakemake.input.grid_folder)) if snakemake.input.get("grid_folder") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            grid=snakemake.params.grid,
            isochrone_log_ages=snakemake.params.isochrone_log_ages,
            isochrone_feh_dex=snakemake.params.isochrone_feh_dex,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
