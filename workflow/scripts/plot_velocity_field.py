"""Draw the pages of a velocity field (rule ``plot_velocity_field``)."""

from pathlib import Path

from discatlas.plotting.nodes import field_facts
from discatlas.plotting.save import save_figure
from discatlas.plotting.velocity_field import draw_field_page
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    field: Path,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    radius_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages` of the table in `field`, for spheres of `radius_kpc`, each into its own PDF and PNG.

    The pages are those of `discatlas.velocity_field.pages.PAGES`.
    """
    facts, columns = field_facts(read_provenance(field), str(field), objects), read_columns(field)
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_field_page(page, columns, facts, radius_kpc, title, percentile, str(field)), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            field=Path(snakemake.input.field),
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            radius_kpc=snakemake.params.radius_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
