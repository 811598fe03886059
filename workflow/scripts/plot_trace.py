"""Draw associations traced back with and without bar and spirals (rule ``plot_trace``)."""

import json
from pathlib import Path

from discatlas.plotting.bar_trace import draw_trace
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, trace_table: Path, summary: Path, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the table `trace_table` with the offsets of its `summary`."""
    record = json.loads(summary.read_text(encoding="utf-8"))
    figure = draw_trace(read_columns(trace_table), record["associations"], title, float(record["duration_Myr"]))
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            trace_table=Path(snakemake.input.trace_table),
            summary=Path(snakemake.input.summary),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
