"""Draw a map of one quantity in four panels (rule ``plot_map``)."""

from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.cells import map_facts
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.maps import draw_map_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    cells: Path,
    pdf: Path,
    png: Path,
    quantity: str,
    R0_kpc: float,
    z_sun_kpc: float,
    arms: Path | None,
    overdensity: Path | None = None,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `quantity` of the map in `cells`; spiral arms of the table `arms` and contours of a contrast where the plane has them."""
    facts = map_facts(read_provenance(cells), str(cells), objects)
    figure = draw_map_figure(
        read_columns(cells),
        facts,
        quantity,
        R0_kpc=R0_kpc,
        z_sun_kpc=z_sun_kpc,
        arms=read_arms(arms) if arms else (),
        contrast=contrast_grid(read_columns(overdensity), str(overdensity)) if overdensity else None,
        title=title,
        percentile=percentile,
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            quantity=snakemake.params.quantity,
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            overdensity=Path(snakemake.input.overdensity) if snakemake.input.get("overdensity") else None,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
