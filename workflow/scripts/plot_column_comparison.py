"""Draw columns of a sample against each other (rule ``plot_column_comparison``)."""

from collections.abc import Sequence
from pathlib import Path

from discatlas.plotting.column_comparison import draw_column_comparison
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(
    *,
    comparison: Path,
    histogram: Path,
    pdf: Path,
    png: Path,
    titles: Sequence[str],
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw the tables ``columns_comparison`` and ``columns_histogram`` of a sample, one panel for each pair of columns.

    `titles` has a text for each pair, or is empty.
    """
    figure = draw_column_comparison(read_columns(comparison), read_columns(histogram), titles, title, objects)
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            comparison=Path(snakemake.input.comparison),
            histogram=Path(snakemake.input.histogram),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            titles=snakemake.params.titles,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
