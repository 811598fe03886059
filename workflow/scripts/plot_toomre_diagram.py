"""Draw the Toomre diagram of a sample with the lines of a kinematic cut (rule ``plot_toomre_diagram``)."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from discatlas.cuts import compile_cut
from discatlas.plotting.save import save_figure
from discatlas.plotting.toomre import ToomreCounts, ToomreCuts, draw_toomre_figure
from discatlas.runtime import script_log
from discatlas.tables import check_columns, column_names, frame_batches

VELOCITIES = ("v_R_kms", "v_phi_kms", "v_Z_kms")


def run(
    *,
    stars: Path,
    pdf: Path,
    png: Path,
    V_reference_kms: float,
    V_limits_kms: Sequence[float] | None,
    UW_max_kms: float | None,
    selection: str | None,
    limits_kms: Sequence,
    bin_kms: float,
    title: str,
    objects: str,
    dpi: int,
) -> None:
    """Draw sqrt(U^2 + W^2) against V of the stars of a phase space.

    Parameters
    ----------
    stars : Path
        Table of contract ``phase_space``.
    V_reference_kms, V_limits_kms, UW_max_kms
        Reference and cut (Zari et al. 2025, App. D: -600 < V < 200 and 400 km/s): see `discatlas.plotting.toomre.ToomreCuts`.
    selection : str or None
        A condition of `discatlas.cuts`.
    limits_kms, bin_kms
        What is drawn, [[lowest V, highest V], highest sqrt(U^2 + W^2)], and the side of the cells.

    Raises
    ------
    DiscatlasError
        For a missing column, a bad selection or range, and no star to draw.
    """
    present = column_names(stars)
    check_columns(stars, VELOCITIES, present)
    cut = compile_cut(selection, present) if selection else None
    (low, high), top = limits_kms
    limits_V = None if V_limits_kms is None else (float(V_limits_kms[0]), float(V_limits_kms[1]))
    found = ToomreCounts(((low, high), top), bin_kms, ToomreCuts(V_reference_kms, limits_V, UW_max_kms))
    for frame in frame_batches(stars, list(dict.fromkeys([*VELOCITIES, *(cut.columns if cut else ())]))):
        chosen = frame.filter(cut.expression) if cut else frame
        found.add({name: chosen[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in VELOCITIES})
    save_figure(draw_toomre_figure(found, title=title, objects=objects, selection=selection), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            V_reference_kms=snakemake.params.V_reference_kms,
            V_limits_kms=snakemake.params.V_limits_kms,
            UW_max_kms=snakemake.params.UW_max_kms,
            selection=snakemake.params.selection,
            limits_kms=snakemake.params.limits_kms,
            bin_kms=snakemake.params.bin_kms,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            dpi=snakemake.params.dpi,
        )
