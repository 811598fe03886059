"""Draw the coverage of every estimator's intervals (rule ``plot_calibration``)."""

from pathlib import Path

from discatlas.plotting.calibration import draw_calibration_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, table: Path, pdf: Path, png: Path, dpi: int) -> None:
    """Draw the rows of `table` (contract ``calibration``)."""
    save_figure(draw_calibration_figure(read_columns(table)), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            table=Path(snakemake.input.table),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            dpi=snakemake.params.dpi,
        )
