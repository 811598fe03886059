"""Tables of epochs, read with their columns and units checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from astropy import units

from discatlas.epochs import Epochs, Pipeline, choose_velocities, epoch_columns
from discatlas.errors import DiscatlasError
from discatlas.tables import described_columns, frame_batches


def read_epochs(
    path: Path, identifier: str, time: str, pipelines: Sequence[Mapping[str, Any]]
) -> tuple[Epochs, dict[str, Any]]:
    """Return the epochs of a Parquet table and the counts of its rows; arguments as in `choose_velocities`.

    Raises
    ------
    DiscatlasError
        For a column that is not there, or one whose field metadata names another unit than is meant: km/s for velocities
        and errors, days for the time. Columns without that metadata are taken as they are.
    """
    declared = [Pipeline.from_config(entry) for entry in pipelines]
    expected = epoch_columns(identifier, time, declared)
    for column in described_columns(path, list(expected)):
        if column.unit and units.Unit(column.unit) != units.Unit(expected[column.name]):
            raise DiscatlasError(
                f"{path}: column {column.name!r} is in {column.unit}, expected {expected[column.name] or 'no unit'}; convert it"
            )
    table = pl.concat(list(frame_batches(path, list(expected))) or [pl.DataFrame()])
    if not table.height:
        raise DiscatlasError(f"{path}: no rows")
    return choose_velocities(table, identifier, time, declared)
