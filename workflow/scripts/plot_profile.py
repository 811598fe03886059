"""Draw the profile of one quantity along one axis (rule ``plot_profile``)."""

from pathlib import Path

from discatlas.plotting.cells import map_facts
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
    objects: str,
    density: Path | None,
    R0_kpc: float,
    dpi: int,
) -> None:
    """Draw `quantity` of the one-axis map in `profile`, over the counts in `density`, if given."""
    facts = map_facts(read_provenance(profile), str(profile), objects)
    background = None
    if density:
        background = Background(cells=read_columns(density), facts=map_facts(read_provenance(density), str(density)))
    figure = draw_profile_figure(
        read_columns(profile), facts, quantity, R0_kpc=R0_kpc, title=title, background=background
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            profile=Path(snakemake.input.profile),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            quantity=snakemake.params.quantity,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            density=Path(str(snakemake.input.density)) if snakemake.input.get("density") else None,
            R0_kpc=snakemake.params.R0_kpc,
            dpi=snakemake.params.dpi,
        )
