"""Draw the pages of a posterior of spiral modes (rule ``plot_spiral_posterior``)."""

import json
from collections.abc import Mapping
from pathlib import Path

from discatlas.plotting.bar_posterior import PosteriorFit, draw_posterior_page
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(
    *,
    draws: Path,
    predictive_map: Path,
    validation: Path,
    summary: Path,
    fit: Path,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    references: Mapping[str, float],
    R0_kpc: float,
    z_sun_kpc: float,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages` of a posterior, each into its own PDF and PNG.

    Parameters
    ----------
    draws, predictive_map, validation, summary : Path
        Of rule ``fit_spiral_posterior``; the summary is JSON.
    fit : Path
        Summary of rule ``fit_spiral_modes``, whose best values are marked.
    pages : list of str
        Some of `discatlas.bar_spirals.posterior_pages.POSTERIOR_PAGES`.
    references : mapping of str to float
        Values of parameters to mark by name, such as published ones; may be empty.
    """
    best = json.loads(fit.read_text(encoding="utf-8"))["parameters"]
    found = PosteriorFit(
        draws=read_columns(draws),
        predictive_map=read_columns(predictive_map),
        validation=read_columns(validation),
        summary=json.loads(summary.read_text(encoding="utf-8")),
        references=dict(references),
        fitted={name: part["best"] for name, part in best.items()},
        R0_kpc=R0_kpc,
        z_sun_kpc=z_sun_kpc,
        title=title,
        objects=objects,
        percentile=percentile,
        where=str(draws),
    )
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_posterior_page(page, found), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            draws=Path(snakemake.input.draws),
            predictive_map=Path(snakemake.input.predictive_map),
            validation=Path(snakemake.input.validation),
            summary=Path(snakemake.input.summary),
            fit=Path(snakemake.input.fit),
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            references=snakemake.params.references,
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
