"""Draw the pages of a fit of spiral modes (rule ``plot_spiral_modes``)."""

import json
from pathlib import Path

from discatlas.plotting.bar_fit import ModesFit, draw_modes_page
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(
    *,
    generations: Path,
    fit_map: Path,
    summary: Path,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    z_sun_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages` of a fit, each into its own PDF and PNG.

    Parameters
    ----------
    generations, fit_map, summary : Path
        Of rule ``fit_spiral_modes``; the summary is JSON.
    pages : list of str
        Some of `discatlas.bar_spirals.mode_pages.MODES_PAGES`.
    """
    fit = ModesFit(
        generations=read_columns(generations),
        fit_map=read_columns(fit_map),
        summary=json.loads(summary.read_text(encoding="utf-8")),
        z_sun_kpc=z_sun_kpc,
        title=title,
        objects=objects,
        percentile=percentile,
        where=str(fit_map),
    )
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_modes_page(page, fit), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            generations=Path(snakemake.input.generations),
            fit_map=Path(snakemake.input.fit_map),
            summary=Path(snakemake.input.summary),
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
