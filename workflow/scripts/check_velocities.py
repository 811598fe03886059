"""Hold the mean velocities of simulated stars against their systemic ones (rule ``check_velocities``)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.checks import Check
from discatlas.epochs import expected_coverage
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance
from discatlas.truth import match_truth

Array = NDArray[np.float64]
NUMBERS = {
    "1 epoch": (1, 1),
    "2 epochs": (2, 2),
    "3 epochs": (3, 3),
    "4 or more": (4, np.inf),
    "any number": (1, np.inf),
}
RULES = {"combined": "the larger of combined errors and scatter", "zari2025": "the rule of Zari et al. 2025"}
RARE = 0.05  # p-value below which a velocity is taken to vary
MIN_STARS = 20  # of a group that is judged


def run(
    *, velocities: Path, truth: Path, result: Path, name: str, coverage_tolerance: float, bias_tolerance: float
) -> None:
    """Write shares of stars within one error of their true velocity, by number of epochs and rule, single stars first.

    For single stars they must be what the rule gives if the errors of the epochs are Gaussian and honest
    (`discatlas.epochs.expected_coverage`), within `coverage_tolerance` and four binomial standard deviations; their
    median deviation must be zero within `bias_tolerance` errors, widened likewise; and as many as chance makes must have
    a small v_constant_p_value. Rule ``zari2025`` stands beside that of the table. Binaries are shown and pass whatever
    they are: one epoch tells nothing of an orbit. Groups of fewer than 20 stars are left out.

    Raises
    ------
    DiscatlasError
        If there are not 20 single stars, or a star has no truth.
    """
    columns = ["source_id", "radial_velocity", "radial_velocity_error", "v_combined_error_kms", "n_epochs"]
    stars = read_columns(velocities, [*columns, "v_scatter_kms", "v_constant_p_value"])
    true = match_truth(truth, stars["source_id"], ["radial_velocity_kms", "is_binary"])
    kinds = {"single stars": true["is_binary"] == 0, "binaries": true["is_binary"] > 0}
    if kinds["single stars"].sum() < MIN_STARS:
        raise DiscatlasError(
            f"{velocities}: {kinds['single stars'].sum()} single stars, expected {MIN_STARS} or more; simulate more stars, "
            "or a smaller binary_fraction"
        )
    deviation = stars["radial_velocity"] - true["radial_velocity_kms"]
    records = []
    for rule, error in _errors(stars, read_provenance(velocities)["errors"]).items():
        for kind, members in kinds.items():
            records += _coverages(
                f"{name}: {kind}", members, deviation, error, stars["n_epochs"], rule, coverage_tolerance
            )
    records.append(_bias(name, (deviation / stars["v_combined_error_kms"])[kinds["single stars"]], bias_tolerance))
    for kind, members in kinds.items():
        p_value = stars["v_constant_p_value"][members]
        records += _variable(f"{name}: {kind}", p_value[np.isfinite(p_value)], coverage_tolerance)
    write_json(result, [record.record() for record in records])


def _errors(stars: dict[str, NDArray], rule: str) -> dict[str, Array]:
    """Return the errors of the table by its own rule, and those of Zari et al. (2025) beside them."""
    n = stars["n_epochs"]
    paper = np.where(n > 1, stars["v_scatter_kms"] * np.sqrt(n - 1) / n, stars["v_combined_error_kms"])
    return {"zari2025": paper} | {rule: stars["radial_velocity_error"]}


def _coverages(
    kind: str, members: NDArray[np.bool_], deviation: Array, error: Array, n: NDArray, rule: str, tolerance: float
) -> list[Check]:
    records = []
    for number, (least, most) in NUMBERS.items():
        chosen = members & (n >= least) & (n <= most)
        if chosen.sum() < MIN_STARS:
            continue
        within = float(np.mean(np.abs(deviation[chosen]) < error[chosen]))
        expected = float(expected_coverage(n[chosen], rule).mean())
        label, shown = f"{kind}, {number}, errors {rule}: within one error", kind.endswith("binaries")
        source = (
            f"{chosen.sum():,} stars; expected of {RULES[rule]} for single stars of honest errors; 0.683 is calibrated"
        )
        records.append(_check(label, within, expected, tolerance, chosen.sum(), source, shown))
    return records


def _bias(name: str, pull: Array, tolerance: float) -> Check:
    allowed = tolerance + 4.0 * np.sqrt(np.pi / 2.0 / pull.size)
    source = f"{pull.size:,} stars, in their combined errors"
    return Check(
        f"{name}: single stars: median deviation", float(np.median(pull)), 0.0, float(allowed), "errors", source
    )


def _variable(kind: str, p_value: Array, tolerance: float) -> list[Check]:
    if p_value.size < MIN_STARS:
        return []
    label, share = f"{kind}: variable at {RARE:g}", float(np.mean(p_value < RARE))
    source = f"{p_value.size:,} stars of several epochs; expected of constant velocities"
    return [_check(label, share, RARE, tolerance, p_value.size, source, kind.endswith("binaries"))]


def _check(label: str, share: float, expected: float, tolerance: float, n: int, source: str, shown: bool) -> Check:
    """Return the check of a share of `n` stars; one that is `shown` passes whatever it is."""
    allowed = 1.0 if shown else float(tolerance + 4.0 * np.sqrt(expected * (1.0 - expected) / n))
    return Check(label, share, expected, allowed, "", f"{source}; shown, not required" if shown else source)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            velocities=Path(snakemake.input.velocities),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            coverage_tolerance=snakemake.params.coverage_tolerance,
            bias_tolerance=snakemake.params.bias_tolerance,
        )
