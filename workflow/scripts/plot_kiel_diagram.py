"""Draw the Kiel diagram of a sample and its spectral classes (rule ``plot_kiel_diagram``)."""

from pathlib import Path

from discatlas.plotting.kiel_diagram import draw_kiel_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(*, classes: Path, kiel: Path, pdf: Path, png: Path, title: str, objects: str, dpi: int) -> None:
    """Draw the tables ``spectral_classes`` and ``kiel_diagram`` of a sample."""
    about = read_provenance(kiel)
    tables = read_columns(classes), read_columns(kiel)
    figure = draw_kiel_figure(*tables, about["titles"], about["cuts_left_out"], title, objects)
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            classes=Path(snakemake.input.classes),
            kiel=Path(snakemake.input.kiel),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
