"""Draw the maps of several populations on one page with the same scales (rule ``plot_population_page``)."""

from collections.abc import Sequence
from pathlib import Path

from discatlas.arms import read_arms
from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import map_facts
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.population_page import Population, draw_population_page
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    maps: Sequence[Path],
    overdensity: Path | None,
    arms: Path | None,
    pdf: Path,
    png: Path,
    titles: Sequence[str],
    objects: Sequence[str],
    quantities: Sequence[str],
    statistics: Sequence[str],
    R_min_kpc: Sequence[float | None],
    R0_kpc: Sequence[float],
    z_sun_kpc: Sequence[float],
    title: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw the tables `maps` (contract ``map``), one population each.

    Parameters
    ----------
    overdensity : Path or None
        A density contrast whose contours are drawn in every panel; None draws those of each population's density.
    titles, objects, R_min_kpc, R0_kpc, z_sun_kpc : sequence
        One entry per map: its title, what it holds in words, the radius within which it is left out, and the Sun's place.
    quantities, statistics, percentile
        See `discatlas.plotting.population_page.draw_population_page`.

    Raises
    ------
    DiscatlasError
        If the numbers of entries differ, and for what cannot be drawn.
    """
    given = (titles, objects, R_min_kpc, R0_kpc, z_sun_kpc)
    if any(len(values) != len(maps) for values in given):
        raise DiscatlasError(
            f"population page: {len(maps)} maps, but {', '.join(str(len(values)) for values in given)} titles, objects, "
            "R_min_kpc, R0_kpc and z_sun_kpc; expected one of each per map"
        )
    populations = [
        Population(read_columns(path), map_facts(read_provenance(path), str(path), words), name, R0, z_sun, R_min)
        for path, name, words, R_min, R0, z_sun in zip(maps, *given, strict=True)
    ]
    figure = draw_population_page(
        populations,
        quantities,
        statistics,
        contrast=contrast_grid(read_columns(overdensity), str(overdensity)) if overdensity else None,
        arms=read_arms(arms) if arms else (),
        title=title,
        percentile=percentile,
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            maps=[Path(path) for path in snakemake.input.maps],
            overdensity=Path(snakemake.input.overdensity) if snakemake.input.get("overdensity") else None,
            arms=Path(snakemake.input.arms) if snakemake.input.get("arms") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            titles=snakemake.params.titles,
            objects=snakemake.params.objects,
            quantities=snakemake.params.quantities,
            statistics=snakemake.params.statistics,
            R_min_kpc=snakemake.params.R_min_kpc,
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            title=snakemake.params.title,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
