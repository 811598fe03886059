"""Raw columns of a comma-separated file, plain or gzipped, batch by batch and all as text."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import csv

from discatlas.errors import DiscatlasError
from discatlas.sources.files import is_gzip, whole_file
from discatlas.sources.raw import RawBatch, RawColumn, RawField, RawTable

BLOCK_BYTES = 4 << 20


def open_csv_table(path: Path) -> RawTable:
    """Read the header line of a CSV file; names are stripped of the blanks around them, and no unit is stated."""
    with whole_file(path, "CSV"), _open(path, None) as reader:
        header: dict[str, list[str]] = {}
        for label in reader.schema.names:
            header.setdefault(label.strip(), []).append(label)
    return RawTable(dict.fromkeys(header, RawField()), lambda names, rows: _batches(path, header, names, rows))


def _open(path: Path, columns: list[str] | None) -> csv.CSVStreamingReader:
    stream = pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None)
    types = dict.fromkeys(columns or [], pa.string())
    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(include_columns=columns, column_types=types, strings_can_be_null=False),
    )


def _batches(path: Path, header: dict[str, list[str]], names: Sequence[str], rows: int) -> Iterator[RawBatch]:
    """Yield the blocks of the file as they come, cut to `rows` rows.

    Arrow reads the file here because polars unpacks a gzipped one whole in memory.
    """
    for name in names:
        if len(header[name]) > 1:
            raise DiscatlasError(
                f"{path}: {len(header[name])} columns are named {name!r}; rename all but one in the header line"
            )
    columns = {name: header[name][0] for name in names}
    with whole_file(path, "CSV"), _open(path, list(columns.values())) as reader:
        for block in reader:
            for start in range(0, block.num_rows, rows):
                part = block.slice(start, rows)
                yield {name: RawColumn(pl.from_arrow(part.column(label))) for name, label in columns.items()}
