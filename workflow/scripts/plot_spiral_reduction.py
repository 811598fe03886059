"""Draw the response of a warm disc over that of a cold one (rule ``plot_spiral_reduction``)."""

from pathlib import Path

from discatlas.plotting.save import save_figure
from discatlas.plotting.spiral_reduction import draw_reduction_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, reduction: Path, pdf: Path, png: Path, pitch_deg: float | None, title: str, dpi: int) -> None:
    """Draw reduction factor and phase lead of the table `reduction` against the radius.

    `pitch_deg` is the pitch angle that is drawn, the nearest in the table; null takes the middle one.
    """
    figure = draw_reduction_figure(read_columns(reduction), pitch_deg, title, str(reduction))
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            reduction=Path(snakemake.input.reduction),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            pitch_deg=snakemake.params.pitch_deg,
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
