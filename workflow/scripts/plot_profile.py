"""Draw the profile of one quantity along one axis (rule ``plot_profile``)."""

import logging
from pathlib import Path

from discatlas.plotting.cells import MapFacts, map_facts
from discatlas.plotting.profiles import Background, draw_profile_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    profile: Path,
    pdf: Path,
    png: Path,
    quantity: str,
    title: str,
    density: Path | None,
    R0_kpc: float,
    dpi: int,
) -> None:
    """Draw `quantity` of the one-axis map in `profile`, over the counts in `density` where those fit."""
    facts = map_facts(read_provenance(profile), str(profile))
    background = read_background(density, facts, quantity) if density else None
    figure = draw_profile_figure(
        read_columns(profile), facts, quantity, R0_kpc=R0_kpc, title=title, background=background
    )
    save_figure(figure, pdf, png, dpi)


def read_background(density: Path, facts: MapFacts, quantity: str) -> Background | None:
    """Read the map of counts behind a profile; None, with a line in the log, if it is of another plane."""
    behind = map_facts(read_provenance(density), str(density))
    if behind.axes != (facts.axes[0], quantity):
        logging.info("%s is of %s, not of %s, %s: not drawn", density, ", ".join(behind.axes), facts.axes[0], quantity)
        return None
    return Background(cells=read_columns(density), facts=behind)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            profile=Path(snakemake.input.profile),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            quantity=snakemake.params.quantity,
            title=snakemake.params.title,
            density=Path(str(snakemake.input.density)) if snakemake.input.get("density") else None,
            R0_kpc=snakemake.params.R0_kpc,
            dpi=snakemake.params.dpi,
        )
