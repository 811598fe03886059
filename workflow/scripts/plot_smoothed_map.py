"""Draw a smoothed map and the unsmoothed one beside it (rule ``plot_smoothed_map``)."""

from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.save import save_figure
from discatlas.plotting.smoothed_map import SmoothedFacts, draw_smoothed_page
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    cells: Path,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    R0_kpc: float,
    z_sun_kpc: float,
    arms: Path | None,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages` of the table in `cells` (contract ``map_smoothed``), each into its own PDF and PNG.

    The pages are those of `discatlas.spiral_pages.SMOOTHED_PAGES`; spiral arms are those of the table `arms`.
    """
    facts = SmoothedFacts.from_provenance(
        read_provenance(cells),
        str(cells),
        objects=objects,
        R0_kpc=R0_kpc,
        z_sun_kpc=z_sun_kpc,
        arms=tuple(read_arms(arms)) if arms else (),
    )
    columns = read_columns(cells)
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_smoothed_page(page, columns, facts, title, percentile, str(cells)), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
