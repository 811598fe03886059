"""Hold a statistic of one phase-space column against its expectation (rule ``check_statistic``)."""

from pathlib import Path

import numpy as np
import polars as pl

from discatlas.checks import Check, statistic
from discatlas.contracts import SUFFIX_UNITS, split_unit
from discatlas.cuts import compile_cut
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import check_columns, column_names


def run(
    *,
    stars: Path,
    result: Path,
    name: str,
    column: str,
    statistic_name: str,
    selection: str | None,
    expected: float,
    tolerance: float,
    source: str,
) -> None:
    """Write the check; it passes or not, the rule check_atlas judges."""
    names = column_names(stars)
    check_columns(stars, [column], names)
    frame = pl.scan_parquet(stars)
    if selection:
        frame = frame.filter(compile_cut(selection, names).expression)
    values = frame.select(pl.col(column).cast(pl.Float64)).collect()[column].fill_null(np.nan).to_numpy()
    unit = "" if statistic_name == "count" else SUFFIX_UNITS.get(split_unit(column)[1], "")
    value = statistic(values, statistic_name)
    write_json(result, [Check(name, value, expected, tolerance, unit, source).record()])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            column=snakemake.params.column,
            statistic_name=snakemake.params.statistic,
            selection=snakemake.params.selection,
            expected=snakemake.params.expected,
            tolerance=snakemake.params.tolerance,
            source=snakemake.params.source,
        )
