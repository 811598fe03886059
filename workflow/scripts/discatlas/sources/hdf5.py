"""Raw columns of an HDF5 file, slice by slice: the datasets of one group, or the fields of one compound dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py

from discatlas.errors import DiscatlasError, nearest
from discatlas.sources.files import whole_file
from discatlas.sources.raw import RawBatch, RawField, RawTable, array_column


def open_hdf5_table(path: Path, table: str | None) -> RawTable:
    """Read the columns of the group or compound dataset `table` (the root group if None).

    Units come from the attribute ``Units`` (or ``units``, ``unit``) of each dataset.

    Raises
    ------
    DiscatlasError
        If there is no such group or dataset (with the nearest name) or it holds no column.
    """
    with whole_file(path, "HDF5"), h5py.File(path, "r") as file:
        node = _node(path, file, table)
        if isinstance(node, h5py.Dataset):
            fields = {name: RawField(None, _width(node.dtype[name].shape)) for name in node.dtype.names}
        else:
            fields = {name: RawField(_unit(item), _width(item.shape[1:])) for name, item in _datasets(node).items()}
    if not fields:
        raise DiscatlasError(
            f"{path}: group {table or '/'!r} holds no columns; name the group with 'table'{_known(path)}"
        )
    return RawTable(fields, lambda names, rows: _batches(path, table, names, rows))


def _node(path: Path, file: h5py.File, table: str | None) -> h5py.Group | h5py.Dataset:
    node = file if table is None else file.get(table)
    if node is None:
        raise DiscatlasError(f"{path}: no group {table!r}{nearest(str(table), list(file))}; it has: {', '.join(file)}")
    if isinstance(node, h5py.Dataset) and not node.dtype.names:
        raise DiscatlasError(
            f"{path}: {table!r} is one dataset without named columns; 'table' must name the group that holds it"
        )
    return node


def _known(path: Path) -> str:
    with h5py.File(path, "r") as file:
        return f"; it has: {', '.join(file)}" if len(file) else ""


def _datasets(group: h5py.Group) -> dict[str, h5py.Dataset]:
    items = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset)}
    return {name: item for name, item in items.items() if item.ndim in {1, 2} and not item.dtype.names}


def _width(shape: tuple[int, ...]) -> int | None:
    return shape[0] if shape else None


def _unit(dataset: h5py.Dataset) -> str | None:
    for key in ("Units", "units", "Unit", "unit"):
        if key in dataset.attrs:
            value = dataset.attrs[key]
            parts = value.tolist() if hasattr(value, "tolist") else value
            parts = parts if isinstance(parts, list) else [parts]
            return ",".join(part.decode() if isinstance(part, bytes) else str(part) for part in parts).strip() or None
    return None


def _batches(path: Path, table: str | None, names: Sequence[str], rows: int) -> Iterator[RawBatch]:
    with whole_file(path, "HDF5"), h5py.File(path, "r") as file:
        node = _node(path, file, table)
        if isinstance(node, h5py.Dataset):
            for start in range(0, len(node), rows):
                block = node[start : start + rows]
                yield {name: array_column(block[name]) for name in names}
            return
        columns = {name: node[name] for name in names}
        n_rows = _common_length(path, columns)
        for start in range(0, n_rows, rows):
            yield {name: array_column(dataset[start : start + rows]) for name, dataset in columns.items()}


def _common_length(path: Path, columns: dict[str, h5py.Dataset]) -> int:
    lengths = {name: len(dataset) for name, dataset in columns.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise DiscatlasError(
                f"{path}: dataset {name!r} has {length:,} rows but {first!r} has {lengths[first]:,}; map columns of "
                "one table"
            )
    return lengths[first]
