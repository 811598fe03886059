"""Draw the cut flow of a sample as a flow chart (rule ``plot_cut_flow``)."""

from pathlib import Path

from discatlas.plotting.cut_flow import draw_cut_flow_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, cut_flow: Path, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the steps in the table `cut_flow`."""
    columns = ["step", "name", "expression", "n_after", "n_removed", "n_missing", "n_published"]
    save_figure(draw_cut_flow_figure(read_columns(cut_flow, columns), title), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cut_flow=Path(snakemake.input.cut_flow),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
