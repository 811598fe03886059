"""Hold the phase space of a simulated sample against the truth, star by star (rule ``check_truth``)."""

from pathlib import Path

import numpy as np

from discatlas.checks import Check
from discatlas.contracts import error_column
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns
from discatlas.truth import match_truth

COVERAGE = 0.6827  # of an interval of one standard error, if errors are normal


def run(
    *,
    stars: Path,
    truth: Path,
    result: Path,
    name: str,
    columns: list[str],
    coverage_tolerance: float,
    bias_tolerance: float,
) -> None:
    """Write for each column the share of stars within one error of the truth, and the median deviation in errors."""
    table = read_columns(stars, ["source_id", *columns, *map(error_column, columns)])
    true = match_truth(truth, table["source_id"], columns)
    records = []
    for column in columns:
        deviation = table[column] - true[column]
        if column == "phi_deg":
            deviation = (deviation + 180.0) % 360.0 - 180.0
        pull = deviation / table[error_column(column)]
        pull = pull[np.isfinite(pull)]
        source = f"{pull.size:,} stars against their truth"
        within = float(np.mean(np.abs(pull) < 1.0)) if pull.size else np.nan
        median = float(np.median(pull)) if pull.size else np.nan
        records += [
            Check(f"{name}: {column} within one error", within, COVERAGE, coverage_tolerance, "", source),
            Check(f"{name}: median deviation of {column}", median, 0.0, bias_tolerance, "errors", source),
        ]
    write_json(result, [record.record() for record in records])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            columns=snakemake.params.columns,
            coverage_tolerance=snakemake.params.coverage_tolerance,
            bias_tolerance=snakemake.params.bias_tolerance,
        )
