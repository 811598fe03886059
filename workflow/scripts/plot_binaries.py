"""Draw mean velocities of simulated single stars and binaries (rule ``plot_binaries``)."""

import json
from pathlib import Path

from discatlas.plotting.binaries import draw_binaries_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, binaries: Path, summary: Path, pdf: Path, png: Path, title: str, objects: str, dpi: int) -> None:
    """Draw the histograms in `binaries` with the percentiles in `summary`, both of rule ``simulate_binaries``."""
    about = json.loads(summary.read_text(encoding="utf-8"))
    save_figure(draw_binaries_figure(read_columns(binaries), about, title=title, objects=objects), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            binaries=Path(snakemake.input.binaries),
            summary=Path(snakemake.input.summary),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
