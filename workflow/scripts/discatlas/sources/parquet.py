"""Raw columns of a Parquet file, batch by batch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from discatlas.errors import DiscatlasError
from discatlas.sources.files import whole_file
from discatlas.sources.raw import RawBatch, RawColumn, RawField, RawTable


def open_parquet_table(path: Path) -> RawTable:
    """Read the columns of a Parquet file; units come from the key ``unit`` of each field's metadata."""
    with whole_file(path, "Parquet"), pq.ParquetFile(path) as file:
        fields = {field.name: RawField(_unit(field)) for field in file.schema_arrow}
    return RawTable(fields, lambda names, rows: _batches(path, names, rows))


def _unit(field: pa.Field) -> str | None:
    return (field.metadata or {}).get(b"unit", b"").decode() or None


def _batches(path: Path, names: Sequence[str], rows: int) -> Iterator[RawBatch]:
    with whole_file(path, "Parquet"), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=list(names)):
            yield {name: _column(path, name, batch.column(name)) for name in names}


def _column(path: Path, name: str, column: pa.Array) -> RawColumn:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(path, name, column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return RawColumn(pl.from_arrow(column))
    if pa.types.is_null(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return RawColumn(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise DiscatlasError(f"{path}: column {name!r} holds {kind}, expected numbers or text")
    if not column.null_count:
        return RawColumn(column.to_numpy(zero_copy_only=False))
    filled = pc.fill_null(column, pa.scalar(0).cast(kind))
    return RawColumn(filled.to_numpy(zero_copy_only=False), column.is_null().to_numpy(zero_copy_only=False))
