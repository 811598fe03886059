"""A catalogue file as batches of standard columns, with counts of what was missing or out of range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import Contract
from discatlas.errors import DiscatlasError, nearest
from discatlas.sources.astropy_table import open_ecsv, open_votable
from discatlas.sources.csv_text import open_csv_table
from discatlas.sources.files import check_file
from discatlas.sources.fits_table import open_fits_table
from discatlas.sources.hdf5 import open_hdf5_table
from discatlas.sources.mapping import ColumnMapping, Entry, parse_mapping
from discatlas.sources.parquet import open_parquet_table
from discatlas.sources.raw import RawBatch, RawField, RawTable
from discatlas.sources.unit_conversion import conversion_factor
from discatlas.sources.values import Place, standardise
from discatlas.tables import ROW_GROUP_ROWS

FORMATS = ("parquet", "fits", "votable", "ecsv", "hdf5", "csv")
FORMATS_WITH_TABLES = ("fits", "votable", "hdf5")


@dataclass
class Report:
    """Counts that grow while the batches are read: rows, and per column the missing and the out-of-range values."""

    rows: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    out_of_range: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """A catalogue about to be read: contract and names of its standard columns, its batches, and the report on them.

    Each batch maps the names to arrays of shape (rows,): floats with NaN for missing, integers (masked arrays where
    some are missing), text as objects with None. The report is complete when the batches are used up.
    """

    contract: Contract
    names: list[str]
    batches: Iterator[dict[str, NDArray]]
    report: Report


def read_catalogue(
    path: Path,
    file_format: str,
    columns: Mapping[str, str | Mapping[str, Any]],
    contract: Contract,
    table: str | int | None = None,
    batch_rows: int = ROW_GROUP_ROWS,
) -> Catalogue:
    """Open a catalogue file and return its standard columns, batch by batch.

    Parameters
    ----------
    path : Path
        The file; CSV, FITS, VOTable and ECSV may be gzipped.
    file_format : str
        One of ``parquet fits votable ecsv hdf5 csv``.
    columns : mapping
        Standard column to source column; see `mapping.parse_mapping`.
    contract : Contract
        Of the table of standard columns (``catalogue``).
    table : str or int, optional
        Extension of a FITS file, table of a VOTable, group of an HDF5 file.
    batch_rows : int
        Upper limit of the rows in a batch; the values do not depend on it.

    Raises
    ------
    DiscatlasError
        At once for a file, column or unit that is wrong; while the batches are read for a damaged file, a value that
        is no number, and a table of zero rows.
    """
    path = Path(path)
    mapping = parse_mapping(columns, contract)
    raw = _open(path, file_format, table)
    factors = [_check_entry(path, entry, raw.fields) for entry in mapping.entries]
    report = Report(missing=dict.fromkeys(mapping.names, 0), out_of_range=dict.fromkeys(mapping.names, 0))
    batches = _batches(path, raw, mapping, factors, report, batch_rows)
    return Catalogue(mapping.contract, mapping.names, batches, report)


def _open(path: Path, file_format: str, table: str | int | None) -> RawTable:
    if file_format not in FORMATS:
        raise DiscatlasError(
            f"{path}: unknown format {file_format!r}{nearest(file_format, FORMATS)}; expected one of "
            f"{', '.join(FORMATS)}"
        )
    if table is not None and file_format not in FORMATS_WITH_TABLES:
        raise DiscatlasError(
            f"{path}: table {table!r} is given, but a {file_format} file holds one table only; remove 'table'"
        )
    check_file(path, file_format)
    if file_format == "fits":
        return open_fits_table(path, table)
    if file_format == "votable":
        return open_votable(path, table)
    if file_format == "hdf5":
        return open_hdf5_table(path, None if table is None else str(table))
    return {"parquet": open_parquet_table, "ecsv": open_ecsv, "csv": open_csv_table}[file_format](path)


def _check_entry(path: Path, entry: Entry, fields: Mapping[str, RawField]) -> float:
    """Return the unit factor of one entry once its source column, component and unit are known to be right."""
    if entry.source not in fields:
        known = ", ".join(list(fields)[:40])
        raise DiscatlasError(
            f"{path}: no column {entry.source!r}{nearest(entry.source, fields)}, mapped to {entry.target.name!r}; it "
            f"has: {known}"
        )
    source, where = fields[entry.source], f"{path}: column {entry.source!r}"
    if source.width is None and entry.index is not None:
        raise DiscatlasError(
            f"{where}: index {entry.index} is given for {entry.target.name!r}, but the column has no components; "
            "remove 'index'"
        )
    if source.width is not None and (entry.index is None or entry.index >= source.width):
        raise DiscatlasError(
            f"{where}: index for {entry.target.name!r} is {entry.index}, expected 0 to {source.width - 1}: the column "
            f"has {source.width} components"
        )
    return conversion_factor(entry.target, _component_unit(source, entry.index), entry.unit, where)


def _component_unit(source: RawField, index: int | None) -> str | None:
    """Return the unit of a component: a 2-D column may state one unit for all, or a list with one for each."""
    parts = source.unit.strip("()[] ").split(",") if source.unit else []
    return parts[index].strip() if index is not None and len(parts) == source.width > 1 else source.unit


def _batches(
    path: Path, raw: RawTable, mapping: ColumnMapping, factors: list[float], report: Report, batch_rows: int
) -> Iterator[dict[str, NDArray]]:
    sources = list(dict.fromkeys(entry.source for entry in mapping.entries))
    for batch in raw.batches(sources, batch_rows):
        n_rows = len(next(iter(batch.values())).values)
        if not n_rows:
            continue
        yield _standard_batch(path, batch, mapping, factors, report, n_rows)
    if not report.rows:
        raise DiscatlasError(f"{path}: holds zero rows; check the file, or the query that made it")


def _standard_batch(
    path: Path, batch: RawBatch, mapping: ColumnMapping, factors: list[float], report: Report, n_rows: int
) -> dict[str, NDArray]:
    numbers = np.arange(report.rows, report.rows + n_rows, dtype=np.int64)
    result: dict[str, NDArray] = dict.fromkeys(mapping.names, numbers)
    for entry, factor in zip(mapping.entries, factors, strict=True):
        column = batch[entry.source] if entry.index is None else batch[entry.source].component(entry.index)
        place = Place(f"{path}: column {entry.source!r}", report.rows)
        standard = standardise(column, entry.target, factor, place)
        result[entry.target.name] = standard.values
        report.missing[entry.target.name] += standard.n_missing
        report.out_of_range[entry.target.name] += standard.n_out_of_range
    report.rows += n_rows
    return result
