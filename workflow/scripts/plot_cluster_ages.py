"""Draw the ages of clusters against those of a catalogue (rule ``plot_cluster_ages``)."""

from pathlib import Path

from discatlas.plotting.cluster_ages import draw_cluster_ages
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, table: Path, pdf: Path, png: Path, title: str, catalogue_title: str, dpi: int) -> None:
    """Draw the rows of `table` (contract ``cluster_ages``)."""
    save_figure(draw_cluster_ages(read_columns(table), title, catalogue_title), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            table=Path(snakemake.input.table),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            catalogue_title=snakemake.params.catalogue_title,
            dpi=snakemake.params.dpi,
        )
