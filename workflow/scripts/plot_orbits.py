"""Draw the page of a sample's orbits (rule ``plot_orbits``)."""

from pathlib import Path

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.plotting.bar_orbits import COLUMNS, count_orbits, draw_orbits_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_batches, read_provenance


def run(*, orbits: Path, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the orbits of contract ``orbits``: shapes, actions, heights and the change of apocentres by bar and spirals."""
    duration = float(read_provenance(orbits)["duration_kpc_kms"]) * GYR_PER_KPC_KMS
    words = f"over {abs(duration):.2f} Gyr " + ("after today" if duration > 0 else "before today")
    counts = count_orbits(read_batches(orbits, COLUMNS))
    save_figure(draw_orbits_figure(counts, title, words, str(orbits)), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            orbits=Path(snakemake.input.orbits),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
