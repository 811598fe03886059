"""Compare pairs of columns of a sample: differences, shares within the errors, histograms (rule ``compare_columns``)."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.column_comparison import GAUSSIAN_SHARES, Pair, bin_pair, compare_pair, require_stars
from discatlas.contracts import error_column, load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import (
    check_columns,
    column_names,
    described_columns,
    read_columns,
    read_provenance,
    write_table,
)

log = logging.getLogger(__name__)


def run(
    *,
    sample: Path,
    comparison: Path,
    histogram: Path,
    summary: Path,
    pairs: Sequence[Mapping[str, str]],
    n_bins: int,
    min_stars: int,
) -> None:
    """Write the table of comparisons (contract ``columns_comparison``), its histograms (``columns_histogram``) and JSON.

    Parameters
    ----------
    sample : Path
        A table with the columns. Their errors are the columns of `error_column`; where the table has none, the pair has
        differences but no shares.
    pairs : sequence of mapping
        Names of the columns `x` and `y`, of one unit.
    n_bins : int
        Bins of a histogram along an axis.
    min_stars : int
        Least number of stars that have both values.

    Raises
    ------
    DiscatlasError
        For no pair, a column that is not there, two columns of different units, and too few stars.
    """
    if not pairs:
        raise DiscatlasError(f"{sample}: no pairs of columns to compare; declare some")
    rows: list[dict[str, Any]] = []
    cells: list[dict[str, NDArray]] = []
    for number, names in enumerate(pairs):
        pair, unit = _read_pair(sample, names)
        require_stars(pair, names, min_stars, str(sample))
        found, n_outside = bin_pair(pair, n_bins)
        words = {"scale": "log10" if pair.is_log else "linear", "unit": "dex" if pair.is_log else unit}
        rows.append(
            {"pair": number, "x": names["x"], "y": names["y"]} | words | compare_pair(pair) | {"n_outside": n_outside}
        )
        cells.append({"pair": np.full(found["n_stars"].size, number)} | found)
        _report(rows[-1])
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    provenance = {"pairs": [dict(names) for names in pairs], "n_bins": n_bins, "sample": read_provenance(sample)}
    write_table(comparison, load_contract("columns_comparison"), columns, provenance)
    stacked = {name: np.concatenate([part[name] for part in cells]) for name in cells[0]}
    write_table(histogram, load_contract("columns_histogram"), stacked, provenance)
    plain = [{name: None if _is_unknown(value) else value for name, value in row.items()} for row in rows]
    write_json(summary, {"gaussian_shares": list(GAUSSIAN_SHARES), "pairs": plain})


def _is_unknown(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def _read_pair(sample: Path, names: Mapping[str, str]) -> tuple[Pair, str]:
    present = column_names(sample)
    x, y = names["x"], names["y"]
    check_columns(sample, (x, y), present)
    units = {column.name: column.unit for column in described_columns(sample, [x, y])}
    if units[x] != units[y]:
        raise DiscatlasError(
            f"{sample}: {x} is in {units[x] or 'no unit'}, {y} in {units[y] or 'no unit'}; compare columns of one unit"
        )
    errors = {name: error_column(name) for name in (x, y)}
    columns = read_columns(sample, list(dict.fromkeys([x, y, *(name for name in errors.values() if name in present)])))
    values = [columns[x], columns[y], columns.get(errors[x]), columns.get(errors[y])]
    for name in errors.values():
        if name not in present:
            log.warning(f"{sample}: no column {name!r}: no shares within the errors for {x} and {y}")
    return Pair.of(*values, is_log=units[x] == "K"), units[x]


def _report(row: Mapping[str, Any]) -> None:
    log.info(
        f"{row['y']} - {row['x']}: median {row['difference_median']:.4g}, scatter {row['difference_scatter']:.4g} {row['unit']} "
        f"of {row['n_stars']:,} stars; {100 * row['share_within_1']:.1f} and {100 * row['share_within_2']:.1f} % within 1 and 2 errors"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            comparison=Path(snakemake.output.comparison),
            histogram=Path(snakemake.output.histogram),
            summary=Path(snakemake.output.summary),
            pairs=snakemake.params.pairs,
            n_bins=snakemake.params.n_bins,
            min_stars=snakemake.params.min_stars,
        )
