"""Draw the Sun's orbit and the surface density along it (rule ``plot_solar_orbit``)."""

import json
from pathlib import Path

from discatlas.plotting.bar_solar_orbit import draw_solar_orbit
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, solar_orbit: Path, summary: Path, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the table `solar_orbit` with the periods of its `summary`."""
    record = json.loads(summary.read_text(encoding="utf-8"))
    save_figure(draw_solar_orbit(read_columns(solar_orbit), record, title), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            solar_orbit=Path(snakemake.input.solar_orbit),
            summary=Path(snakemake.input.summary),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
