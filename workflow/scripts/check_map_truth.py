"""Hold the means and dispersions of a map against the truth of the very stars in its cells (rule ``check_map_truth``)."""

from pathlib import Path

import numpy as np

from discatlas.checks import Check
from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns
from discatlas.truth import stars_in_cells


def run(
    *,
    cells: Path,
    stars: Path,
    truth: Path,
    result: Path,
    name: str,
    quantity: str,
    min_stars: int,
    max_chi_square: float,
    max_noise_chi_square: float,
) -> None:
    """Compare likelihood means and dispersions with those of the true values of the same stars.

    The truth has the stars and the weights of the map, so that no sampling noise is left. In units of the stated errors,
    which allow for it, the chi-square per cell is below 1 where they are honest; for stars with another's truth it is 2 or
    more. In units of what the stars' measurement errors alone make of the mean, sqrt(sum(w^2 e^2)) / sum(w), it is near 1,
    and 4 where those errors are half of what they should be.
    """
    base, unit = split_unit(quantity)
    columns = [f"{base}_ml_mean", f"{base}_ml_mean_error", f"sigma_{base}", f"sigma_{base}_lo", f"sigma_{base}_hi"]
    mean, mean_error, sigma, low, high = read_columns(cells, [join_unit(column, unit) for column in columns]).values()
    inside = stars_in_cells(cells, stars, truth, quantity)
    n = np.bincount(inside.row, minlength=inside.n_cells)
    weight = 1.0 / (sigma[inside.row] ** 2 + inside.error**2)
    true_mean = inside.mean(weight, inside.true)
    variance = inside.mean(weight, (inside.true - true_mean[inside.row]) ** 2) * n / np.maximum(n - 1, 1)
    compared = (
        (f"{name}: mean", mean, mean_error, true_mean, max_chi_square),
        (f"{name}: dispersion", sigma, (high - low) / 2, np.sqrt(variance), max_chi_square),
        (f"{name}: mean, by the stars' errors alone", mean, inside.noise(weight), true_mean, max_noise_chi_square),
    )
    records = []
    for what, value, error, true, limit in compared:
        good = (n >= min_stars) & np.isfinite(value) & (error > 0)
        if not good.any():
            raise DiscatlasError(f"{cells}: no cell of {min_stars} stars to compare; lower min_stars of check {name!r}")
        chi_square = float(np.mean(((value - true)[good] / error[good]) ** 2))
        source = f"chi-square per cell of {good.sum()} cells against the truth of their stars, at most {limit:g}"
        records.append(Check(what, chi_square, 0.0, limit, "", source).record())
    write_json(result, records)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            stars=Path(snakemake.input.stars),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            quantity=snakemake.params.quantity,
            min_stars=snakemake.params.min_stars,
            max_chi_square=snakemake.params.max_chi_square,
            max_noise_chi_square=snakemake.params.max_noise_chi_square,
        )
