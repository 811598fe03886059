"""Count the stars that tables have in common, and write them as CSV and LaTeX (rule ``tabulate_overlaps``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.crossmatch import SkyTable, read_sky_table
from discatlas.files import write_text
from discatlas.overlaps import count_overlaps, overlaps_latex
from discatlas.publish import to_csv
from discatlas.runtime import script_log
from discatlas.tables import read_provenance, write_table


def run(
    *,
    rows: Sequence[tuple[str, Path, float]],
    columns: Sequence[tuple[str, Path, float]],
    table: Path,
    csv: Path,
    tex: Path,
    radius_arcsec: float,
    epoch_yr: float,
    shift_arcsec: float,
    title: str,
    threads: int,
) -> None:
    """Match every table of `rows` with every one of `columns` on the sky (contract ``overlaps``).

    Parameters
    ----------
    rows, columns : sequence of (title, path, epoch)
        Tables with source_id, ra and dec; the epoch [Julian year] is that of stars without ref_epoch.
    radius_arcsec, epoch_yr, shift_arcsec
        As in `match_catalogues`.
    title : str
        Caption of the LaTeX table.

    Raises
    ------
    DiscatlasError
        For a table that cannot be matched, no table, and two of one title on one side.
    """
    read: dict[tuple[Path, float], SkyTable] = {}
    for _, path, epoch in (*rows, *columns):
        if (path, epoch) not in read:
            read[path, epoch] = read_sky_table(path, epoch_yr, epoch)
    sides = [[(name, read[path, epoch]) for name, path, epoch in side] for side in (rows, columns)]
    found = count_overlaps(*sides, radius_arcsec, shift_arcsec, threads)
    provenance = {
        "radius_arcsec": radius_arcsec,
        "epoch_yr": epoch_yr,
        "shift_arcsec": shift_arcsec,
        "rows": _provenance(rows, read),
        "columns": _provenance(columns, read),
    }
    write_table(table, load_contract("overlaps"), found, provenance)
    write_text(csv, to_csv({name: np.array(values) for name, values in found.items()}))
    write_text(tex, overlaps_latex(found, title))


def _provenance(side: Sequence[tuple[str, Path, float]], read: Mapping[tuple[Path, float], SkyTable]) -> dict[str, Any]:
    return {
        name: {"epoch_yr": epoch, "counts": dict(read[path, epoch].counts), "table": read_provenance(path)}
        for name, path, epoch in side
    }


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            rows=list(
                zip(
                    snakemake.params.row_titles,
                    map(Path, snakemake.input.rows),
                    snakemake.params.row_epochs_yr,
                    strict=True,
                )
            ),
            columns=list(
                zip(
                    snakemake.params.column_titles,
                    map(Path, snakemake.input.columns),
                    snakemake.params.column_epochs_yr,
                    strict=True,
                )
            ),
            table=Path(snakemake.output.table),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            radius_arcsec=snakemake.params.radius_arcsec,
            epoch_yr=snakemake.params.epoch_yr,
            shift_arcsec=snakemake.params.shift_arcsec,
            title=snakemake.params.title,
            threads=snakemake.threads,
        )
