"""Draw a forward mock with bar and spirals beside backward integration (rule ``plot_barred_mock``)."""

from pathlib import Path

from discatlas.plotting.bar_mock import draw_mock_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, compared: Path, pdf: Path, png: Path, title: str, percentile: float, dpi: int) -> None:
    """Draw the cells of a mock, what backward integration gives for them, and their pulls (table of check_barred_mock)."""
    save_figure(draw_mock_figure(read_columns(compared), title, percentile, str(compared)), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            compared=Path(snakemake.input.compared),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
