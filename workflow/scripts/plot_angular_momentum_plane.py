"""Draw median radial velocities over azimuth and angular momentum, models and data (rule ``plot_angular_momentum_plane``)."""

from collections.abc import Sequence
from pathlib import Path

from discatlas.plotting.bar_angular_momentum import MomentumPlanes, draw_angular_momentum
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def run(
    *,
    predicted: Sequence[tuple[str, Path]],
    observed: Sequence[tuple[str, Path]],
    pdf: Path,
    png: Path,
    title: str,
    objects: str,
    percentile: float,
    dpi: int,
) -> None:
    """Draw the tables ``angular_momentum`` of models (`predicted`) and of samples (`observed`), each with its title.

    Raises
    ------
    DiscatlasError
        If there is no model, or no cell has a median.
    """
    planes = MomentumPlanes(
        predicted=[(title, read_columns(path)) for title, path in predicted],
        observed=[(title, read_columns(path)) for title, path in observed],
        title=title,
        objects=objects,
        percentile=percentile,
        where=str(pdf),
        resonances=[read_provenance(path).get("resonances_kpc_kms", {}) for _, path in predicted],
    )
    save_figure(draw_angular_momentum(planes), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            predicted=list(zip(snakemake.params.models, map(Path, snakemake.input.predicted), strict=True)),
            observed=list(zip(snakemake.params.samples, map(Path, snakemake.input.observed), strict=True)),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            percentile=snakemake.params.percentile,
            dpi=snakemake.params.dpi,
        )
