"""Hold a map of an analytic galaxy against the mean field that was put in (rule ``check_mean_field``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.checks import Check, chi_square_deviation
from discatlas.contracts import join_unit, split_unit
from discatlas.files import write_json
from discatlas.frames import cylindrical_position
from discatlas.runtime import script_log
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.tables import read_columns

COMPONENTS = ("v_R_kms", "v_phi_kms", "v_Z_kms")


def run(
    *,
    cells: Path,
    result: Path,
    name: str,
    model: Mapping[str, Any],
    quantity: str,
    radius_kpc: float,
    max_deviation: float,
) -> None:
    """Compare the likelihood means near the Sun, in units of their errors, with the field at the stars' mean place."""
    base, unit = split_unit(quantity)
    mean = join_unit(f"{base}_ml_mean", unit)
    error = join_unit(f"{base}_ml_mean_error", unit)
    columns = read_columns(cells, ["X_mean_kpc", "Y_mean_kpc", mean, error])
    field = MeanFieldModel.from_config(model)
    X, Y = columns["X_mean_kpc"], columns["Y_mean_kpc"]
    near = np.hypot(X + field.R0_kpc, Y) < radius_kpc
    R, phi = cylindrical_position(X[near], Y[near])
    truth = field.mean_velocity_cylindrical(R, phi, np.zeros_like(R))[COMPONENTS.index(quantity)]
    value, n_cells = chi_square_deviation(columns[mean][near], columns[error][near], truth)
    source = f"(chi-square - n) / sqrt(2 n) of {n_cells} cells against the simulated mean field"
    record = Check(f"{name}: {quantity}", value, 0.0, max_deviation, "standard deviations", source).record()
    write_json(result, [record])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            model=snakemake.params.model,
            quantity=snakemake.params.quantity,
            radius_kpc=snakemake.params.radius_kpc,
            max_deviation=snakemake.params.max_deviation,
        )
