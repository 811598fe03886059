"""Hold metallicity gradients against the truth of the very stars in their bins (rule ``check_metallicity_gradient``)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.checks import Check
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.gradients.stars import GradientStars, read_gradient_stars
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, read_provenance
from discatlas.truth import match_truth

MAX_ERROR_SHARE = 0.05
NAMES = ("slope_dex_per_kpc", "slope_error_dex_per_kpc", "scatter_dex", "scatter_error_dex")


def run(
    *,
    gradient: Path,
    stars: Path,
    membership: Path | None,
    truth: Path,
    result: Path,
    name: str,
    max_chi_square: float,
    max_noise_chi_square: float,
    threads: int,
) -> None:
    """Compare the straight lines' slopes and scatters with least squares through the true places and metallicities.

    The truth has the stars of each bin, so that no sampling noise is left. In units of the stated errors, which allow
    for it, the chi-square per bin is well below 1; for stars with another's truth it is far above. In units of what the
    stars' measurement errors alone make of a slope it is near 1, unless the fit is biased (as one that takes x as evenly
    spread is, by the share of the errors in the variance of x). Bins where that share is above `MAX_ERROR_SHARE` are
    left out: errors have brought many of their stars there, and those have the gradient of another place.

    Raises
    ------
    DiscatlasError
        If no bin is left that was fitted by a straight line, or the stars are not those of the fit.
    """
    use_threads(threads)
    about = read_provenance(gradient)
    table = read_columns(gradient, ["bin", "model", "status", "n_stars", "x_error_share", *NAMES])
    keys = ("quantity", "x", "bin_by", "selection")
    chosen = read_gradient_stars(stars, membership, *(about[key] for key in keys))
    fitted = (table["model"] == "linear") & (table["status"] == "fitted")
    rows = np.flatnonzero(fitted & (table["x_error_share"] <= MAX_ERROR_SHARE))
    if not rows.size:
        raise DiscatlasError(
            f"{gradient}: {fitted.sum()} bins were fitted by a straight line, none with errors of x below "
            f"{MAX_ERROR_SHARE:.0%} of its variance; add linear to models, or choose stars with better distances"
        )
    slope, slope_error, scatter, scatter_error = (table[column][rows] for column in NAMES)
    edges, found = about["edges_kpc"], []
    for row in rows:
        k = int(table["bin"][row])
        inside = chosen.in_bin(edges[k], edges[k + 1])
        if inside.x.size != table["n_stars"][row]:
            raise DiscatlasError(
                f"{gradient}: bin {k} has {table['n_stars'][row]:,} stars, {stars} has {inside.x.size:,} there: not the stars of the fit"
            )
        found.append(_true_line(inside, truth, about["x"], about["quantity"]))
    true_slope, true_scatter, noise = np.array(found).T
    compared = (
        (f"{name}: slope", (slope - true_slope) / slope_error, max_chi_square),
        (f"{name}: scatter", (scatter - true_scatter) / scatter_error, max_chi_square),
        (f"{name}: slope, by the stars' errors alone", (slope - true_slope) / noise, max_noise_chi_square),
    )
    facts = "; ".join(f"{a:.4f} for {b:.4f}" for a, b in zip(slope, true_slope, strict=True))
    records = []
    for what, deviations, limit in compared:
        source = f"chi-square per bin of {rows.size} of {fitted.sum()} bins against the truth of their stars, at most {limit:g}; slopes {facts}"
        records.append(Check(what, float(np.mean(deviations**2)), 0.0, limit, "", source).record())
    write_json(result, records)


def _true_line(stars: GradientStars, truth: Path, x: str, quantity: str) -> tuple[float, float, float]:
    """Return slope and scatter of the true values, and the error that measurement makes of the slope."""
    position = x.removeprefix("abs_")
    true = match_truth(truth, stars.source_id, [position, quantity])
    place: NDArray = np.abs(true[position]) if x == "abs_Z_kpc" else true[position]
    off = place - place.mean()
    slope = float(np.sum(off * true[quantity]) / np.sum(off * off))
    rest = true[quantity] - true[quantity].mean() - slope * off
    variance = stars.V_yy - 2.0 * slope * stars.V_xy + slope**2 * stars.V_xx
    noise = np.sqrt(np.sum(off * off * variance)) / np.sum(off * off)
    return slope, float(np.sqrt(np.sum(rest**2) / (rest.size - 2))), float(noise)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            gradient=Path(snakemake.input.gradient),
            stars=Path(snakemake.input.stars),
            membership=Path(str(snakemake.input.membership)) if snakemake.input.get("membership") else None,
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            max_chi_square=snakemake.params.max_chi_square,
            max_noise_chi_square=snakemake.params.max_noise_chi_square,
            threads=snakemake.threads,
        )
