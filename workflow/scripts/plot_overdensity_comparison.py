"""Draw a map beside a density contrast, and the null of their correlation (rule ``plot_overdensity_comparison``)."""

import json
from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.contrast_comparison import draw_comparison_figure
from discatlas.plotting.residual_maps import Overlay, residual_facts
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    comparison: Path,
    summary: Path,
    cells: Path,
    overdensity: Path,
    arms: Path | None,
    pdf: Path,
    png: Path,
    R0_kpc: float,
    z_sun_kpc: float,
    cell_column: str,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw the contrast `overdensity`, `cell_column` of the map `cells`, and the null draws of `comparison` with its `summary`."""
    figure = draw_comparison_figure(
        read_columns(cells),
        residual_facts(read_provenance(cells), str(cells), objects),
        cell_column,
        read_columns(comparison),
        json.loads(summary.read_text(encoding="utf-8")),
        Overlay(
            R0_kpc,
            z_sun_kpc,
            arms=read_arms(arms) if arms else (),
            contrast=contrast_grid(read_columns(overdensity), str(overdensity)),
        ),
        title=title,
        percentile=percentile,
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            comparison=Path(snakemake.input.comparison),
            summary=Path(snakemake.input.summary),
            cells=Path(snakemake.input.cells),
            overdensity=Path(snakemake.input.overdensity),
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            cell_column=snakemake.params.cell_column,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
