"""Draw the rotation curves and Oort's constants at the Sun beside the published ones (rule ``plot_rotation_curve``)."""

import json
from pathlib import Path

from discatlas.plotting.rotation_curve import PublishedCurves, draw_rotation_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance
from discatlas.velocity_field.published import read_circular_velocity, read_rotation_curves, read_values


def run(
    *,
    curve: Path,
    oort: Path,
    akhmetov_curves: Path,
    akhmetov_oort: Path,
    bovy_oort: Path,
    eilers: Path,
    pdf: Path,
    png: Path,
    R0_kpc: float,
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw the table `curve` and the routes of `oort` beside the published tables."""
    published = PublishedCurves(
        akhmetov=read_rotation_curves(akhmetov_curves),
        eilers=read_circular_velocity(eilers),
        constants={"Akhmetov et al. (2024)": read_values(akhmetov_oort), "Bovy (2017)": read_values(bovy_oort)},
    )
    figure = draw_rotation_figure(
        read_columns(curve),
        read_provenance(curve),
        json.loads(oort.read_text(encoding="utf-8"))["routes"],
        published,
        R0_kpc=R0_kpc,
        title=title,
        objects=objects,
    )
    save_figure(figure, pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            curve=Path(snakemake.input.curve),
            oort=Path(snakemake.input.oort),
            akhmetov_curves=Path(snakemake.input.akhmetov_curves),
            akhmetov_oort=Path(snakemake.input.akhmetov_oort),
            bovy_oort=Path(snakemake.input.bovy_oort),
            eilers=Path(snakemake.input.eilers),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            R0_kpc=snakemake.params.R0_kpc,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
