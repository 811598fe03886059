"""Draw a map less its metallicity gradient: median, model, residual, errors and stars (rule ``plot_metallicity_residual``)."""

from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.residual_maps import (
    Overlay,
    draw_residual_figure,
    residual_facts,
    residual_note,
    residual_quantity,
)
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    residual: Path,
    overdensity: Path | None,
    arms: Path | None,
    pdf: Path,
    png: Path,
    R0_kpc: float,
    z_sun_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw the table `residual`; arms and contours of the table `overdensity` where its axes are X and Y."""
    cells = read_columns(residual)
    facts = residual_facts(read_provenance(residual), str(residual), objects)
    quantity = residual_quantity(cells, str(residual))
    overlay = Overlay(
        R0_kpc,
        z_sun_kpc,
        arms=read_arms(arms) if arms else (),
        contrast=contrast_grid(read_columns(overdensity), str(overdensity)) if overdensity else None,
    )
    note = residual_note(cells, facts, quantity, overlay)
    figure = draw_residual_figure(cells, facts, quantity, overlay, title=title, note=note, percentile=percentile)
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            residual=Path(snakemake.input.residual),
            overdensity=Path(snakemake.input.overdensity) if snakemake.input.get("overdensity") else None,
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
