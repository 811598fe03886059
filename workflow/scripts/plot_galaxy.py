"""Draw the page of a simulated galaxy (rule ``plot_galaxy``)."""

from pathlib import Path

from discatlas.arms import read_arms
from discatlas.plotting.galaxy import draw_galaxy_figure
from discatlas.plotting.galaxy_counts import COLUMNS, count_galaxy
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import frame_batches, read_columns


def run(
    *,
    galaxy: Path,
    pdf: Path,
    png: Path,
    R0_kpc: float,
    z_sun_kpc: float,
    title: str,
    arms: Path | None,
    dpi: int,
    plane: Path | None = None,
    percentile: float = 96.0,
    radius_kpc: float = 0.5,
) -> None:
    """Draw the particles in `galaxy`; the circular velocity from the table `plane`, spiral arms from `arms`, if given."""
    counts = count_galaxy(frame_batches(galaxy, COLUMNS), R0_kpc=R0_kpc, radius_kpc=radius_kpc)
    figure = draw_galaxy_figure(
        counts,
        R0_kpc=R0_kpc,
        z_sun_kpc=z_sun_kpc,
        title=title,
        arms=read_arms(arms) if arms else (),
        curve=read_columns(plane, ["R_kpc", "v_c_kms"]) if plane else None,
        percentile=percentile,
        where=str(galaxy),
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            galaxy=Path(snakemake.input.galaxy),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            arms=Path(str(snakemake.input.arms)) if snakemake.input.get("arms") else None,
            dpi=snakemake.params.dpi,
            plane=Path(str(snakemake.input.plane)) if snakemake.input.get("plane") else None,
            percentile=snakemake.params.percentile,
        )
