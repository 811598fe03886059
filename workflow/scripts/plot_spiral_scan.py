"""Draw the fits of a spiral response at fixed pattern speeds (rule ``plot_spiral_scan``)."""

from pathlib import Path

from discatlas.plotting.save import save_figure
from discatlas.plotting.spiral_scan import draw_scan_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, scan: Path, pdf: Path, png: Path, R_limits_kpc: list[float], m: int, title: str, dpi: int) -> None:
    """Draw evidence, explained variance, parameters and resonances of the table `scan` against the pattern speed.

    `R_limits_kpc` and `m` are those of the fit.
    """
    columns = read_columns(scan)
    limits = (float(R_limits_kpc[0]), float(R_limits_kpc[1]))
    save_figure(draw_scan_figure(columns, limits, m, title, str(scan)), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            scan=Path(snakemake.input.scan),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            R_limits_kpc=snakemake.params.R_limits_kpc,
            m=snakemake.params.m,
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
