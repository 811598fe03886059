"""Draw maps of the disc of models and data side by side (rule ``plot_disc_map``)."""

from collections.abc import Sequence
from pathlib import Path

from discatlas.plotting.bar_map import DiscMaps, draw_disc_map_page
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(
    *,
    predicted: Sequence[tuple[str, Path]],
    loci: Sequence[Path],
    observed: Sequence[tuple[str, Path]],
    overdensity: Path | None,
    pdf: Sequence[Path],
    png: Sequence[Path],
    pages: Sequence[str],
    R0_kpc: float,
    z_sun_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages`, each into its own PDF and PNG.

    Parameters
    ----------
    predicted : sequence of (str, Path)
        Title and table ``disc_map`` of each model.
    loci : sequence of Path
        Table ``disc_map_loci`` of each model.
    observed : sequence of (str, Path)
        Title and table ``disc_map`` of each sample, or ``published_map``; a page takes those that have its quantity.
    overdensity : Path or None
        Density contrast of young stars for the wide page.
    pages : sequence of str
        Of `discatlas.bar_spirals.disc_map_pages`.

    Raises
    ------
    DiscatlasError
        As `discatlas.plotting.bar_map.draw_disc_map_page`.
    """
    maps = DiscMaps(
        predicted=[(title, read_columns(path)) for title, path in predicted],
        loci=[read_columns(path) for path in loci],
        observed=[(title, read_columns(path)) for title, path in observed],
        R0_kpc=R0_kpc,
        z_sun_kpc=z_sun_kpc,
        title=title,
        objects=objects,
        percentile=percentile,
        where=str(pdf[0]),
        overdensity=contrast_grid(read_columns(overdensity), str(overdensity)) if overdensity else None,
    )
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_disc_map_page(page, maps), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            predicted=list(zip(snakemake.params.models, map(Path, snakemake.input.predicted), strict=True)),
            loci=[Path(path) for path in snakemake.input.loci],
            observed=list(zip(snakemake.params.sources, map(Path, snakemake.input.observed), strict=True)),
            overdensity=Path(snakemake.input.overdensity) if snakemake.input.get("overdensity") else None,
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
