"""Draw one page of a velocity field (rule ``plot_velocity_field``)."""

from pathlib import Path

from discatlas.plotting.nodes import field_facts
from discatlas.plotting.save import save_figure
from discatlas.plotting.velocity_field import draw_field_page
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    field: Path,
    pdf: Path,
    png: Path,
    page: str,
    radius_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `page` of the table in `field` (see `discatlas.plotting.velocity_field.PAGES`) for spheres of `radius_kpc`."""
    facts = field_facts(read_provenance(field), str(field), objects)
    figure = draw_field_page(page, read_columns(field), facts, radius_kpc, title, percentile, str(field))
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            field=Path(snakemake.input.field),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            page=snakemake.wildcards.page,
            radius_kpc=snakemake.params.radius_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
