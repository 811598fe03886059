"""Draw the fit of the bar's pattern speed to a strip of velocities (rule ``plot_bar_strip``)."""

import json
from pathlib import Path

from discatlas.plotting.bar_strip import draw_bar_strip
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, scan: Path, profile: Path, summary: Path, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the profile of the data and of models, and the objective over pattern speed and turns.

    `scan`, `profile` and `summary` (JSON) are those of rule ``fit_bar_strip``.
    """
    found = json.loads(summary.read_text(encoding="utf-8"))
    figure = draw_bar_strip(read_columns(scan), read_columns(profile), found, title, str(scan))
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            scan=Path(snakemake.input.scan),
            profile=Path(snakemake.input.profile),
            summary=Path(snakemake.input.summary),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
