"""Hold the gradient of a profile against that of the true values of its stars (rule ``check_gradient_truth``)."""

from pathlib import Path

import numpy as np

from discatlas.checks import Check
from discatlas.contracts import join_unit, split_unit
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance
from discatlas.truth import stars_in_cells


def run(
    *,
    cells: Path,
    stars: Path,
    truth: Path,
    result: Path,
    name: str,
    quantity: str,
    max_deviation: float,
) -> None:
    """Compare the weighted least-squares slope of the likelihood means with the slope of the true means of the same stars.

    Both slopes have the weights of the profile's errors, so their difference is due to measurement errors alone.
    """
    base, unit = split_unit(quantity)
    axis, axis_unit = split_unit(read_provenance(cells)["grid"]["axes"][0])
    names = {
        "x": join_unit(f"{axis}_mean", axis_unit),
        "y": join_unit(f"{base}_ml_mean", unit),
        "error": join_unit(f"{base}_ml_mean_error", unit),
        "sigma": join_unit(f"sigma_{base}", unit),
    }
    table = dict(zip(names, read_columns(cells, list(names.values())).values(), strict=True))
    inside = stars_in_cells(cells, stars, truth, quantity)
    weight = 1.0 / (table["sigma"][inside.row] ** 2 + inside.error**2)
    good = np.isfinite(table["y"]) & (table["error"] > 0)
    x, w = table["x"][good], 1.0 / table["error"][good] ** 2
    lever = w * (x - np.average(x, weights=w))
    lever /= np.sum(lever * x)
    slope = float(np.sum(lever * table["y"][good]))
    true = float(np.sum(lever * inside.mean(weight, inside.true)[good]))
    error = float(np.sqrt(np.sum((lever * inside.noise(weight)[good]) ** 2)))
    source = f"slope {slope:.5f}, true slope {true:.5f}, error {error:.5f} of {good.sum()} cells"
    record = Check(f"{name}: slope", (slope - true) / error, 0.0, max_deviation, "standard errors", source).record()
    write_json(result, [record])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            stars=Path(snakemake.input.stars),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            quantity=snakemake.params.quantity,
            max_deviation=snakemake.params.max_deviation,
        )
