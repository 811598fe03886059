"""Draw the page of a survey: sky, diagrams of its stars, distances and magnitudes (rule ``plot_survey``)."""

from pathlib import Path

from discatlas.plotting.save import save_figure
from discatlas.plotting.survey import draw_survey_figure
from discatlas.plotting.survey_counts import COLUMNS, count_survey
from discatlas.runtime import script_log
from discatlas.tables import column_names, frame_batches


def run(*, sample: Path, pdf: Path, png: Path, title: str, objects: str, dpi: int) -> None:
    """Draw the cleaned stars in the table `sample`; panels whose columns it lacks are left out."""
    present = column_names(sample)
    columns = [name for name in COLUMNS if name in present]
    counts = count_survey(frame_batches(sample, columns), columns)
    save_figure(draw_survey_figure(counts, title=title, objects=objects, where=str(sample)), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
