"""Draw the pages of a metallicity gradient (rule ``plot_metallicity_gradient``)."""

from pathlib import Path

from discatlas.azimuthal.stars import read_disc_stars
from discatlas.plotting.gradient_data import gradient_facts
from discatlas.plotting.gradient_published import read_published
from discatlas.plotting.gradients import GradientTables, draw_gradient_page
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    gradient: Path,
    chains: Path,
    stars: Path,
    membership: Path | None,
    published: list[Path],
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw `pages` of the table `gradient`, each into its own PDF and PNG.

    The stars are those of the phase space `stars` that the fit took: its selection, and its halo cut by the table
    `membership`. The pages are those of `discatlas.gradients.pages.PAGES`; `published` are tables of values to compare.
    """
    facts = gradient_facts(read_provenance(gradient), str(gradient), objects)
    taken, _ = read_disc_stars(stars, membership if facts.halo_cut else None, facts.star_columns, facts.selection)
    tables = GradientTables(read_columns(gradient), read_columns(chains), taken)
    theirs = read_published(published, facts)
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_gradient_page(page, tables, facts, theirs, title, str(gradient)), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            gradient=Path(snakemake.input.gradient),
            chains=Path(snakemake.input.chains),
            stars=Path(snakemake.input.stars),
            membership=Path(snakemake.input.membership) if snakemake.input.get("membership") else None,
            published=[Path(path) for path in snakemake.input.published],
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
