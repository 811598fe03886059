"""Hold the v_R map of a simulated disc against the wave that was put in (rule ``check_simulation``)."""

from pathlib import Path
from typing import Any

import numpy as np

from discatlas.checks import Check, chi_square_deviation
from discatlas.files import write_json
from discatlas.frames import Sun, cylindrical_position
from discatlas.runtime import script_log
from discatlas.simulation.disc import DiscModel
from discatlas.tables import read_columns


def run(
    *,
    cells: Path,
    result: Path,
    name: str,
    model: dict[str, Any],
    sun: dict[str, Any],
    radius_kpc: float,
    max_deviation: float,
) -> None:
    """Compare the likelihood means near the Sun, in units of their errors, with the truth at the stars' mean place."""
    columns = read_columns(cells, ["X_mean_kpc", "Y_mean_kpc", "v_R_ml_mean_kms", "v_R_ml_mean_error_kms"])
    where = Sun.from_config(sun)
    X, Y = columns["X_mean_kpc"], columns["Y_mean_kpc"]
    near = np.hypot(X - where.position_kpc[0], Y) < radius_kpc
    truth = DiscModel.from_config(model).mean_v_R(*cylindrical_position(X[near], Y[near]), where)
    value, n_cells = chi_square_deviation(
        columns["v_R_ml_mean_kms"][near], columns["v_R_ml_mean_error_kms"][near], truth
    )
    source = f"(chi-square - n) / sqrt(2 n) of {n_cells} cells against the simulated wave"
    write_json(result, Check(name, value, 0.0, max_deviation, "standard deviations", source).record())


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            model=snakemake.params.model,
            sun=snakemake.params.sun,
            radius_kpc=snakemake.params.radius_kpc,
            max_deviation=snakemake.params.max_deviation,
        )
