"""Draw deviations against azimuth in annuli and the power of azimuthal waves (rule ``plot_azimuthal_variation``)."""

import json
from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.azimuthal import azimuthal_note, deviation_quantity, draw_azimuthal_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    variation: Path,
    waves: Path,
    summary: Path,
    arms: Path | None,
    pdf: Path,
    png: Path,
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw the tables `variation` and `waves` with the p-values of the JSON `summary`, and where arms cross the annuli."""
    bins = read_columns(variation)
    record = json.loads(summary.read_text(encoding="utf-8"))
    figure = draw_azimuthal_figure(
        bins,
        read_columns(waves),
        record["annuli"],
        deviation_quantity(bins, str(variation)),
        arms=read_arms(arms) if arms else (),
        title=title,
        objects=objects,
        note=azimuthal_note(read_provenance(variation), objects, with_arms=arms is not None),
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            variation=Path(snakemake.input.variation),
            waves=Path(snakemake.input.waves),
            summary=Path(snakemake.input.summary),
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
