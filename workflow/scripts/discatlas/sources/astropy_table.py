"""Raw columns of a VOTable or an ECSV file, read whole through astropy."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import votable
from astropy.table import Table

from discatlas.errors import DiscatlasError, nearest
from discatlas.sources.files import whole_file
from discatlas.sources.raw import RawBatch, RawColumn, RawField, RawTable, array_column

logger = logging.getLogger(__name__)


def open_votable(path: Path, table: str | int | None) -> RawTable:
    """Read one table of a VOTable, by number, ID or name (the first if None); columns have their names, not IDs."""
    # the standard is broken in harmless ways by most archives: astropy's warnings about them are silenced
    with whole_file(path, "VOTable"), warnings.catch_warnings(action="ignore"):
        document = votable.parse(path)
        for info in (info for resource in document.resources for info in resource.infos):
            if info.name == "QUERY_STATUS" and info.value == "OVERFLOW":
                logger.warning("%s: the server cut this result at its row limit; it is not the whole table", path)
        data = _select(path, document, table).to_table(use_names_over_ids=True)
    return _raw_table(data)


def _select(path: Path, document: votable.tree.VOTableFile, table: str | int | None) -> votable.tree.TableElement:
    tables = list(document.iter_tables())
    if table is None and tables:
        return tables[0]
    if isinstance(table, int) and 0 <= table < len(tables):
        return tables[table]
    for element in tables:
        if table is not None and str(table) in {element.ID, element.name}:
            return element
    names = [str(element.name or element.ID or number) for number, element in enumerate(tables)]
    raise DiscatlasError(
        f"{path}: no table {table!r}{nearest(str(table), names)}; it has: {', '.join(names) or 'none'}"
    )


def open_ecsv(path: Path) -> RawTable:
    """Read an ECSV file."""
    with whole_file(path, "ECSV"), warnings.catch_warnings(action="ignore"):
        data = Table.read(path, format="ascii.ecsv")
    return _raw_table(data)


def _raw_table(data: Table) -> RawTable:
    fields = {}
    for name in data.colnames:
        column = data[name]
        unit = getattr(column, "unit", None)
        shape = getattr(column, "shape", (len(column),))
        fields[name] = RawField(str(unit) if unit is not None else None, shape[1] if len(shape) > 1 else None)

    def batches(names: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for start in range(0, len(data), rows):
            yield {name: _column(data[name][start : start + rows]) for name in names}

    return RawTable(fields, batches)


def _column(column: np.ndarray) -> RawColumn:
    masked = hasattr(column, "mask")
    return array_column(np.ma.MaskedArray(column.data, column.mask) if masked else np.asarray(column))
