"""Draw the pages of a fitted spiral response (rule ``plot_spiral_response``)."""

import json
from collections.abc import Mapping
from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.save import save_figure
from discatlas.plotting.spiral_context import Context, Tables
from discatlas.plotting.spiral_figures import draw_response_page
from discatlas.runtime import script_log
from discatlas.tables import column_names, read_columns, read_provenance


def _counts(cells: Path | None) -> dict[str, object]:
    """Return the number of stars of each cell of the fitted map, and of all, as far as the map knows them."""
    if cells is None:
        return {}
    n_stars = read_provenance(cells).get("n_stars")
    known = "n_stars" in column_names(cells)
    return {
        "counts": read_columns(cells, ["cell", "n_stars"]) if known else None,
        "n_stars": n_stars.get("selected") if isinstance(n_stars, dict) else n_stars,
    }


def run(
    *,
    cells: Path | None,
    posterior: Path,
    summary: Path,
    fit_map: Path,
    profile: Path,
    loci: Path,
    gallery: Path,
    degeneracy: Path,
    arms: Path,
    other_arms: Path,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    z_sun_kpc: float,
    references: Mapping[str, float],
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw `pages` of a fit, each into its own PDF and PNG.

    Parameters
    ----------
    cells : Path or None
        The map that was fitted, for the numbers of stars; without it errors take their place.
    posterior, summary, fit_map : Path
        Of rule ``fit_spiral_response``; the summary is JSON.
    profile, loci, gallery, degeneracy : Path
        Of rule ``predict_spiral_response``.
    arms, other_arms : Path
        Published arms (CSV): those of Reid et al. (2019), and of others.
    pages : list of str
        Some of `discatlas.spiral_pages.RESPONSE_PAGES`.
    references : mapping of str to float
        Values of parameters to mark in the corner plot by column name, such as the truth; may be empty.
    """
    paths = {"posterior": posterior, "fit_map": fit_map, "profile": profile, "loci": loci}
    paths |= {"gallery": gallery, "degeneracy": degeneracy}
    tables = Tables(**{name: read_columns(path) for name, path in paths.items()}, **_counts(cells))
    context = Context(
        summary=json.loads(summary.read_text(encoding="utf-8")),
        z_sun_kpc=z_sun_kpc,
        arms=tuple(read_arms(arms)),
        other_arms=tuple(read_arms(other_arms)),
        references=dict(references),
        title=title,
        objects=objects,
        percentile=percentile,
        where=str(posterior),
    )
    for page, *files in zip(pages, pdf, png, strict=True):
        save_figure(draw_response_page(page, tables, context), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells) if snakemake.input.get("cells") else None,
            posterior=Path(snakemake.input.posterior),
            summary=Path(snakemake.input.summary),
            fit_map=Path(snakemake.input.fit_map),
            profile=Path(snakemake.input.profile),
            loci=Path(snakemake.input.loci),
            gallery=Path(snakemake.input.gallery),
            degeneracy=Path(snakemake.input.degeneracy),
            arms=Path(snakemake.input.arms),
            other_arms=Path(snakemake.input.other_arms),
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            z_sun_kpc=snakemake.params.z_sun_kpc,
            references=snakemake.params.references,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
