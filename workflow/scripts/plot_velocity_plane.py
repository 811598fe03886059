"""Draw velocities and actions at a place, of data and models (rule ``plot_velocity_plane``)."""

import json
from pathlib import Path

from discatlas.plotting.bar_velocity_plane import ModelTables, draw_velocity_plane
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(
    *,
    tables: list[Path],
    lines: list[Path],
    actions: list[Path],
    summaries: list[Path],
    pdf: Path,
    png: Path,
    names: list[str],
    data_name: str | None,
    v_sun_kms: list[float] | None,
    title: str,
    dpi: int,
) -> None:
    """Draw data, axisymmetric disc and models side by side.

    `tables`, `lines`, `actions` and `summaries` are those of rule ``predict_velocity_plane``, one per model, and `names` what the
    models are called. `data_name` is what the data are called; `v_sun_kms` the Sun's (U, V, W) about the Galactic centre, or
    None for a place that is not the Sun's.
    """
    models = [
        ModelTables(name, read_columns(table), read_columns(line), read_columns(action), json.loads(text))
        for name, table, line, action, text in zip(
            names, tables, lines, actions, (path.read_text(encoding="utf-8") for path in summaries), strict=True
        )
    ]
    sun = None if v_sun_kms is None else (-float(v_sun_kms[0]), float(v_sun_kms[1]))
    where = ", ".join(map(str, tables))
    save_figure(draw_velocity_plane(models, data_name, sun, title, where), pdf, png, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            tables=[Path(path) for path in snakemake.input.tables],
            lines=[Path(path) for path in snakemake.input.lines],
            actions=[Path(path) for path in snakemake.input.actions],
            summaries=[Path(path) for path in snakemake.input.summaries],
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            names=snakemake.params.names,
            data_name=snakemake.params.data_name,
            v_sun_kms=snakemake.params.v_sun_kms,
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
