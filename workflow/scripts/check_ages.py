"""Hold the ages of a simulated sample against the truth: coverage and bias (rule ``check_ages``)."""

from pathlib import Path

import numpy as np

from discatlas.ages.posterior import cumulative_at, log_age_prior, log_likelihood
from discatlas.checks import Check
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, read_provenance
from discatlas.truth import match_truth

INTERVALS = {"68 %": 0.6827, "95 %": 0.9545}


def run(
    *,
    ages: Path,
    posteriors: Path,
    truth: Path,
    result: Path,
    name: str,
    weighted: bool,
    coverage_tolerance: float,
    bias_tolerance: float,
    threads: int,
) -> None:
    """Write how often the true age lies in the central 68 and 95 % of the posterior, and the median deviation.

    Stars without a flag count. With `weighted` each counts as many times as the real stars that it stands for: the
    posterior is calibrated for stars that are as frequent as its priors say, not for those that a simulation draws more
    often. The deviation is that of the median of the posterior, in its errors.

    Raises
    ------
    DiscatlasError
        If no star has an age without a flag, or the truth lacks one.
    """
    use_threads(threads)
    table = read_columns(ages, ["source_id", "log_age_p50_dex", "log_age_error_dex", "is_good"])
    good = table["is_good"].astype(bool)
    if not good.any():
        raise DiscatlasError(f"{ages}: none of {good.size:,} stars has an age without a flag; look at its summary")
    true = match_truth(truth, table["source_id"][good], ["age_Gyr", "weight"])
    log_age = np.log10(true["age_Gyr"]) + 9.0
    provenance = read_provenance(posteriors)
    nodes = np.array(provenance["log_age"])
    likelihood = read_columns(posteriors, ["likelihood"])["likelihood"][good]
    below = cumulative_at(log_likelihood(likelihood), log_age_prior(nodes, provenance["age_prior"]), nodes, log_age)
    weight = true["weight"] if weighted else np.ones(below.size)
    weight = weight / weight.sum()
    n = f"{good.sum():,} of {good.size:,} stars against their truth"
    source = f"{n}, weighted as {1.0 / np.sum(weight**2):,.0f} equal ones" if weighted else n
    records = [
        Check(
            f"{name}: true age within the central {words}",
            float(weight @ (np.abs(below - 0.5) < 0.5 * share)),
            share,
            coverage_tolerance,
            "",
            source,
        )
        for words, share in INTERVALS.items()
    ]
    pull = (table["log_age_p50_dex"][good] - log_age) / table["log_age_error_dex"][good]
    median = _weighted_median(pull, weight)
    records.append(Check(f"{name}: median deviation of the log age", median, 0.0, bias_tolerance, "errors", source))
    write_json(result, [record.record() for record in records])


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weight[order]) - 0.5 * weight[order]
    return float(np.interp(0.5, cumulated, values[order]))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            ages=Path(snakemake.input.ages),
            posteriors=Path(snakemake.input.posteriors),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            weighted=snakemake.params.weighted,
            coverage_tolerance=snakemake.params.coverage_tolerance,
            bias_tolerance=snakemake.params.bias_tolerance,
            threads=snakemake.threads,
        )
