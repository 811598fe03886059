"""Draw the gradients of several samples beside each other and published ones (rule ``plot_gradient_comparison``)."""

from pathlib import Path

from discatlas.azimuthal.stars import read_disc_stars
from discatlas.plotting.gradient_comparison import SampleGradient, draw_gradient_comparison
from discatlas.plotting.gradient_data import gradient_facts
from discatlas.plotting.gradient_published import read_published
from discatlas.plotting.gradients import GradientTables
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    gradients: list[Path],
    chains: list[Path],
    stars: list[Path],
    memberships: list[Path],
    published: list[Path],
    pdf: Path,
    png: Path,
    titles: list[str],
    objects: list[str],
    title: str,
    dpi: int,
) -> None:
    """Draw the tables `gradients` of one gradient for several samples, whose names are `titles`.

    `chains`, `stars` and `objects` belong to them in the same order; so do `memberships` unless the list is empty.
    """
    samples = []
    for k, (path, name) in enumerate(zip(gradients, titles, strict=True)):
        facts = gradient_facts(read_provenance(path), str(path), objects[k])
        membership = memberships[k] if facts.halo_cut and memberships else None
        taken, _ = read_disc_stars(stars[k], membership, facts.star_columns, facts.selection)
        tables = GradientTables(read_columns(path), read_columns(chains[k]), taken)
        samples.append(SampleGradient(name, facts, tables, str(path)))
    save_figure(draw_gradient_comparison(samples, read_published(published, samples[0].facts), title), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            gradients=[Path(path) for path in snakemake.input.gradients],
            chains=[Path(path) for path in snakemake.input.chains],
            stars=[Path(path) for path in snakemake.input.stars],
            memberships=[Path(path) for path in snakemake.input.memberships],
            published=[Path(path) for path in snakemake.input.published],
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            titles=list(snakemake.params.titles),
            objects=list(snakemake.params.objects),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
