"""Draw a spiral mock beside the linear response (rule ``plot_spiral_mock``)."""

from pathlib import Path

from discatlas.plotting.save import save_figure
from discatlas.plotting.spiral_mock import draw_mock_figure, mock_facts
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(*, particles: Path, annuli: Path, pdf: Path, png: Path, title: str, percentile: float, dpi: int) -> None:
    """Draw the harmonic of `annuli` against the radius, and maps of the `particles` beside those of the model."""
    facts = mock_facts(read_provenance(annuli), str(annuli))
    stars = read_columns(particles, ["X_kpc", "Y_kpc", "v_R_kms"])
    save_figure(draw_mock_figure(read_columns(annuli), stars, facts, title, percentile), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            particles=Path(snakemake.input.particles),
            annuli=Path(snakemake.input.annuli),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
