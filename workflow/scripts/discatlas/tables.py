"""Tables that keep their contract: Parquet with units, descriptions and provenance, written whole or not at all.

A contract names each column of a table with its unit, dtype, nullability and range (`contracts.py`). The writer
checks every batch against it, cuts row groups at fixed row numbers (so the bytes do not depend on how
the rows arrived), writes under a temporary name and renames at the end.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from discatlas.contracts import TYPES, Column, Contract
from discatlas.errors import DiscatlasError, nearest

ROW_GROUP_ROWS = 131_072
PROVENANCE_KEY = b"discatlas"


def to_table(data: Mapping[str, Any] | pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `data` (arrays by name, a polars frame or an Arrow table) as an Arrow table of exactly `schema`.

    NaN in a float array becomes null; masked arrays keep their mask as null. A list column takes an array of shape
    (n, k), of which a row that begins with NaN becomes null.
    """
    if hasattr(data, "to_arrow"):
        data = data.to_arrow()
    columns = []
    for field in schema:
        column = data[field.name]
        if pa.types.is_list(field.type) and isinstance(column, np.ndarray):
            column = _to_lists(column, field.type)
        elif isinstance(column, np.ndarray):
            mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
            column = pa.array(np.asarray(column), type=field.type, from_pandas=True, mask=mask)
        elif not isinstance(column, (pa.Array, pa.ChunkedArray)):
            column = pa.array(column, type=field.type, from_pandas=True)
        columns.append(_nan_to_null(column).cast(field.type))
    return pa.table(columns, schema=schema)


def _to_lists(rows: np.ndarray, kind: pa.ListType) -> pa.ListArray:
    """Return the rows of an array of shape (n, k) as lists."""
    offsets = pa.array(np.arange(rows.shape[0] + 1, dtype=np.int32) * rows.shape[1])
    values = pa.array(np.ascontiguousarray(rows).ravel(), type=kind.value_type)
    missing = pa.array(np.isnan(rows[:, 0])) if rows.shape[1] else None
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=missing)


def _nan_to_null(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def check_table(table: pa.Table, contract: Contract, where: str) -> None:
    """Check nullability and ranges of `table` against its contract.

    Raises
    ------
    DiscatlasError
        Names the table, the column, the first offending value, its row and the allowed range.
    """
    for name in table.column_names:
        column, values = contract.column(name), table[name]
        if not column.nullable and values.null_count:
            row = pc.index(pc.is_null(values), value=True).as_py()
            raise DiscatlasError(
                f"{where}: column {name!r} is missing in {values.null_count:,} rows (first: row {row:,}), but {contract.name} tables need it"
            )
        if column.minimum is None and column.maximum is None:
            continue
        bounds = pc.min_max(values).as_py()
        low, high = bounds["min"], bounds["max"]
        if low is not None and column.minimum is not None and low < column.minimum:
            _range_error(where, column.name, low, column)
        if high is not None and column.maximum is not None and high > column.maximum:
            _range_error(where, column.name, high, column)


def _range_error(where: str, name: str, value: float, column: Any) -> None:  # noqa: ANN401
    unit = f" {column.unit}" if column.unit else ""
    raise DiscatlasError(
        f"{where}: column {name!r} holds {value:g}{unit}, expected {column.minimum} to {column.maximum}{unit}"
    )


class TableWriter:
    """Write one Parquet table batch by batch; the file appears under its name only when it is whole.

    Parameters
    ----------
    path : Path
        Final name; the rows go to a temporary name beside it until the context closes without an error.
    contract : Contract
        The table's contract; each batch is checked against it.
    columns : sequence of str, optional
        Columns of this file in order; default: every column of the contract that is not optional.
    provenance : mapping
        Goes as JSON into the file's metadata. No wall-clock times.
    """

    def __init__(
        self,
        path: Path,
        contract: Contract,
        columns: Sequence[str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.path, self.contract, self.n_rows = Path(path), contract, 0
        self.schema = contract.schema(columns)
        self._provenance = {"table": contract.name} | dict(provenance or {})
        self._temporary = self.path.with_name(f".{self.path.name}.partial")
        self._pending: list[pa.Table] = []
        self._n_pending = 0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_float = [field.name for field in self.schema if pa.types.is_floating(field.type)]
        others = [field.name for field in self.schema if field.name not in is_float]
        self._writer = pq.ParquetWriter(self._temporary, self.schema, compression="lz4", use_dictionary=others)
        self._behind, self._writing = ThreadPoolExecutor(1), None
        return self

    def write(self, data: Mapping[str, Any] | pa.Table) -> None:
        """Check and append a batch; see `to_table` for what `data` may be."""
        table = to_table(data, self.schema)
        check_table(table, self.contract, str(self.path))
        self._pending.append(table)
        self._n_pending += table.num_rows
        self.n_rows += table.num_rows
        if self._n_pending >= ROW_GROUP_ROWS:
            self._flush(self._n_pending - self._n_pending % ROW_GROUP_ROWS)

    def add_provenance(self, more: Mapping[str, Any]) -> None:
        """Add what is known only after the rows, such as counts, to the provenance, which is written at the end."""
        self._provenance |= more

    def _flush(self, n_rows: int) -> None:
        rows = pa.concat_tables(self._pending) if self._pending else self.schema.empty_table()
        self._wait()  # one write at a time bounds the memory; meanwhile the caller makes the next batch
        self._writing = self._behind.submit(self._writer.write_table, rows.slice(0, n_rows), ROW_GROUP_ROWS)
        self._pending, self._n_pending = [rows.slice(n_rows)], rows.num_rows - n_rows

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and (self._n_pending or not self.n_rows):
                self._flush(self._n_pending)
            self._wait()
            self._writer.add_key_value_metadata({PROVENANCE_KEY: json.dumps(self._provenance, sort_keys=True)})
            self._writer.close()
            if kind is None:
                self._temporary.replace(self.path)
        finally:
            self._behind.shutdown()
            self._temporary.unlink(missing_ok=True)


def write_table(
    path: Path, contract: Contract, data: Mapping[str, Any] | pa.Table, provenance: Mapping[str, Any]
) -> None:
    """Write a whole table; its columns are those of the contract that `data` holds, in the contract's order.

    Raises
    ------
    DiscatlasError
        If `data` lacks a column that the contract requires or holds one that it does not know.
    """
    given = list(getattr(data, "column_names", None) or getattr(data, "columns", None) or data)
    with TableWriter(path, contract, contract.select(given), provenance) as writer:
        writer.write(data)


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file, turning a truncated or foreign file into a clear error."""
    try:
        return pq.ParquetFile(path, pre_buffer=False)  # the default keeps all that was read in memory
    except FileNotFoundError:
        raise DiscatlasError(f"{path}: no such file") from None
    except pa.ArrowInvalid as error:
        raise DiscatlasError(
            f"{path}: not a whole Parquet file ({str(error).splitlines()[0][:120]}); delete it and run again, or fetch it anew"
        ) from None


def read_batches(
    path: Path, columns: Sequence[str] | None = None, rows: int = ROW_GROUP_ROWS
) -> Iterator[dict[str, np.ndarray]]:
    """Yield a Parquet table as arrays by column name, at most `rows` rows at a time, in file order.

    Floats and nullable integers come as float64 with NaN for null, complete integers as they are, strings as objects,
    lists of one length k as an array of shape (n, k) with NaN in the rows that are null.

    Raises
    ------
    DiscatlasError
        If the file is damaged, or lacks a column (with the nearest known name).
    """
    for batch in _record_batches(path, columns, rows):
        yield {name: _to_numpy(batch.column(name)) for name in batch.schema.names}


def _record_batches(path: Path, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
    """Read one batch ahead in a thread, so that reading and working overlap; the order is that of the file."""
    batches = _read_record_batches(path, columns, rows)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = ahead.submit(next, batches, None)
            yield batch


def _read_record_batches(path: Path, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
    with open_parquet(path) as file:
        check_columns(path, columns or [], file.schema_arrow.names)
        try:
            yield from file.iter_batches(batch_size=rows, columns=list(columns) if columns is not None else None)
        except (OSError, pa.ArrowException) as error:
            raise DiscatlasError(
                f"{path}: damaged ({str(error).splitlines()[0][:120]}); delete it and run again"
            ) from None


def _to_numpy(column: pa.Array) -> np.ndarray:
    if pa.types.is_list(column.type):
        return _from_lists(column)
    if pa.types.is_floating(column.type) or (pa.types.is_integer(column.type) and column.null_count):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return column.to_numpy(zero_copy_only=False)


def _from_lists(column: pa.ListArray) -> np.ndarray:
    """Return lists of one length as an array of shape (n, k)."""
    known = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    lengths = np.unique(pc.list_value_length(column.drop_null()).to_numpy())
    if lengths.size > 1:
        raise DiscatlasError(f"a list column holds lists of {lengths[0]} to {lengths[-1]} values, expected one length")
    values = column.drop_null().flatten().to_numpy(zero_copy_only=False)
    rows = np.full((len(column), int(lengths[0]) if lengths.size else 0), np.nan, dtype=values.dtype)
    rows[known] = values.reshape(known.size, -1) if known.size else 0.0
    return rows


def frame_batches(
    path: Path, columns: Sequence[str] | None = None, rows: int = ROW_GROUP_ROWS
) -> Iterator[pl.DataFrame]:
    """Yield a Parquet table as polars frames of at most `rows` rows, in file order; errors as in `read_batches`."""
    for batch in _record_batches(path, columns, rows):
        yield pl.from_arrow(pa.Table.from_batches([batch]))


def read_columns(path: Path, columns: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return whole columns of a Parquet table as arrays by name (see `read_batches`)."""
    with open_parquet(path) as file:
        names = list(columns) if columns is not None else file.schema_arrow.names
        check_columns(path, names, file.schema_arrow.names)
        table = file.read(columns=names).combine_chunks()
    return {
        name: _to_numpy(pa.concat_arrays(table[name].chunks) if table.num_rows else pa.array([], table[name].type))
        for name in names
    }


def check_columns(where: Path | str, wanted: Sequence[str], present: Sequence[str]) -> None:
    """Raise a DiscatlasError for the first of `wanted` that is not in `present`, with the nearest name there."""
    for name in wanted:
        if name not in present:
            raise DiscatlasError(
                f"{where}: no column {name!r}{nearest(name, present)}; it has: {', '.join(list(present)[:40])}"
            )


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the provenance that `TableWriter` stored in the file's metadata (empty for a foreign file)."""
    with open_parquet(path) as file:
        return json.loads((file.metadata.metadata or {}).get(PROVENANCE_KEY, b"{}"))


def column_names(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns."""
    with open_parquet(path) as file:
        return file.schema_arrow.names


def extra_columns(path: Path, contract: Contract) -> list[Column]:
    """Return the columns of a Parquet file that `contract` lacks, described by the file's own field metadata."""
    return described_columns(path, [name for name in column_names(path) if name not in contract.names])


def described_columns(path: Path, names: Sequence[str]) -> list[Column]:
    """Return the contracts of columns of a Parquet file from its own field metadata.

    Raises
    ------
    DiscatlasError
        For a column that is not there, or whose type no contract can have.
    """
    with open_parquet(path) as file:
        schema = file.schema_arrow
    check_columns(path, names, schema.names)
    dtypes = {kind: name for name, kind in TYPES.items()}
    columns = []
    for name in dict.fromkeys(names):
        field = schema.field(name)
        if field.type not in dtypes:
            raise DiscatlasError(f"{path}: column {name!r} is of type {field.type}, expected one of {', '.join(TYPES)}")
        about = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        unit, description = about.get("unit", ""), about.get("description", "")
        columns.append(Column(name, unit, dtypes[field.type], field.nullable, None, None, True, description))
    return columns


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file."""
    with open_parquet(path) as file:
        return file.metadata.num_rows
