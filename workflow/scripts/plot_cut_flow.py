"""Draw the cut flow of a sample as a flow chart (rule ``plot_cut_flow``)."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.plotting.cut_flow import draw_cut_flow_figure
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns

COLUMNS = ("step", "name", "expression", "n_after", "n_removed", "n_missing", "n_published")


def run(*, cut_flow: Path, membership: Path | None, pdf: Path, png: Path, title: str, dpi: int) -> None:
    """Draw the steps in the table `cut_flow`, and the cut on the halo by the summary of the `membership`, if there is one."""
    rows = read_columns(cut_flow, COLUMNS)
    if membership is not None:
        rows = _with_membership(rows, json.loads(membership.read_text(encoding="utf-8")))
    save_figure(draw_cut_flow_figure(rows, title), pdf, png, dpi)


def _with_membership(rows: dict[str, NDArray], summary: dict) -> dict[str, NDArray]:
    """Return the steps with that of the disc's stars at the end."""
    counts, published = summary["n_stars"], summary["n_published"]
    step = {
        "step": rows["step"].max() + 1,
        "name": "stars of the disc",
        "expression": f"P_halo < {summary['max_halo_probability']:g}",
        "n_after": counts["in_disc"],
        "n_removed": counts["read"] - counts["in_disc"],
        "n_missing": counts["read"] - counts["with_velocities"],
        "n_published": np.nan if published is None else published,
    }
    return {name: np.append(rows[name], value) for name, value in step.items()}


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cut_flow=Path(snakemake.input.cut_flow),
            membership=Path(snakemake.input.membership) if snakemake.input.get("membership") else None,
            pdf=Path(snakemake.output.pdf),
            png=Path(snakemake.output.png),
            title=snakemake.params.title,
            dpi=snakemake.params.dpi,
        )
