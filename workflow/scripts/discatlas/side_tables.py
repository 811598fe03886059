"""Columns from other tables beside the rows of a catalogue: velocities of several epochs, and matched catalogues.

A side table holds one row per star and is small enough to be held in memory: of a matched catalogue of any size only the
rows that were matched are kept. The catalogue itself streams by, batch by batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from discatlas.contracts import Column
from discatlas.errors import DiscatlasError, nearest
from discatlas.tables import (
    check_columns,
    column_names,
    described_columns,
    frame_batches,
    open_parquet,
    read_provenance,
)
from discatlas.velocities import CORRECTIONS

KEY = "source_id"
VELOCITY = ("radial_velocity", "radial_velocity_error")
VELOCITY_COLUMNS = (*VELOCITY, "n_epochs", "v_scatter_kms", "v_constant_p_value")


@dataclass
class SideTable:
    """One row per star, to be joined to a catalogue by ``source_id``; stars without an entry get null.

    Attributes
    ----------
    frame : polars.DataFrame
        ``source_id``, without repetition, and the columns under their new names.
    columns : tuple of Column
        The contracts of these columns.
    about : dict
        Counts and provenance, for the record.
    n_rows_without, n_sample_rows_without : int
        Rows of the catalogue, and of what the cuts left of it, that have no entry: counted by `join` and `count_kept`.
    """

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    about: dict[str, Any] = field(default_factory=dict)
    n_rows_without: int = 0
    n_sample_rows_without: int = 0

    @property
    def names(self) -> list[str]:
        """The new names of the columns."""
        return [column.name for column in self.columns]

    def join(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return a batch of the catalogue with the columns, which replace those of the same name; count its rows."""
        self.n_rows_without += self._without(batch)
        bare = batch.drop(self.names, strict=False)
        return bare.join(self.frame, on=KEY, how="left", maintain_order="left").select(
            [*batch.columns, *(name for name in self.names if name not in batch.columns)]
        )

    def count_kept(self, rows: pl.DataFrame) -> None:
        """Count rows that the cuts have left."""
        self.n_sample_rows_without += self._without(rows)

    def _without(self, rows: pl.DataFrame) -> int:
        return rows.height - int(rows[KEY].is_in(self.frame[KEY].implode()).sum())

    def record(self) -> dict[str, Any]:
        """Return the counts for the JSON of the cut flow."""
        counts = {"n_rows_without": self.n_rows_without, "n_sample_rows_without": self.n_sample_rows_without}
        return self.about | {"n_entries": self.frame.height} | counts


def read_side_tables(
    catalogue: Path, velocities: Path | None, matches: Sequence[Mapping[str, Any]], corrections: Sequence[str]
) -> dict[str, SideTable]:
    """Return what is joined to a catalogue, by name: ``velocities`` first, then ``match {name}``.

    Parameters
    ----------
    catalogue : Path
        Table with ``source_id``.
    velocities : Path or None
        Table of contract ``velocities``. Its velocity and error replace those of the catalogue.
    matches : sequence of mapping
        name, path (table of contract ``match``, whose left side is the catalogue or a sample of it), table (its right
        side, a Parquet table with ``source_id``) and columns (old names in `table` by their new names here).
    corrections : sequence of str
        Of the sample. Those of velocities are for the catalogue's own and would be lost.

    Raises
    ------
    DiscatlasError
        For a column that is missing or a new name that is taken, a match made with another table, and corrections of
        velocities that are replaced.
    """
    taken, found = column_names(catalogue), {}
    if velocities is not None:
        for name in corrections:
            if name in CORRECTIONS and set(VELOCITY) & set(CORRECTIONS[name].columns):
                raise DiscatlasError(
                    f"{velocities}: replaces the velocities that correction {name!r} is for; leave out one of the two"
                )
        found["velocities"] = _read_velocities(velocities, taken)
        taken = list(dict.fromkeys([*taken, *VELOCITY_COLUMNS]))
    for match in matches:
        for name in match["columns"]:
            if name in taken:
                raise DiscatlasError(
                    f"match {match['name']!r}: column {name!r} is in the catalogue already; give it another name, such as "
                    f"{match['name']}_{name}"
                )
        found[f"match {match['name']}"] = _read_match(**match)
        taken = [*taken, *match["columns"]]
    return found


def _read_velocities(path: Path, taken: Sequence[str]) -> SideTable:
    frame = _filtered(path, [KEY, *VELOCITY_COLUMNS])
    if frame[KEY].is_duplicated().any():
        twice = frame.filter(pl.col(KEY).is_duplicated())[KEY][0]
        raise DiscatlasError(f"{path}: source_id {twice} has two rows, expected one for each star")
    columns = _nullable(described_columns(path, VELOCITY_COLUMNS))
    replaced = [name for name in VELOCITY_COLUMNS if name in taken]
    return SideTable(frame, columns, {"replaced_columns": replaced, "table": read_provenance(path)})


def _read_match(name: str, path: Path, table: Path, columns: Mapping[str, str]) -> SideTable:
    """Return the columns of the matches that are best on both sides."""
    best, counts = _best_pairs(path)
    present = column_names(table)
    for old in columns.values():
        if old not in present:
            raise DiscatlasError(f"match {name!r}: {table} has no column {old!r}{nearest(old, present)}")
    old = list(dict.fromkeys(columns.values()))
    found = _filtered(table, list(dict.fromkeys([KEY, *old])), best["right_source_id"].unique())
    right = found.unique(KEY, keep="first", maintain_order=True)
    n_repeated = found.height - right.height
    if right.height < best["right_source_id"].n_unique():
        lost = best.filter(~pl.col("right_source_id").is_in(right[KEY].implode()))["right_source_id"]
        raise DiscatlasError(
            f"match {name!r}: {table} lacks {lost.n_unique():,} stars of {path}, the first with source_id {lost[0]}; "
            "the match was made with another table"
        )
    renamed = right.select(
        pl.col(KEY).alias("right_source_id"), *(pl.col(old).alias(new) for new, old in columns.items())
    )
    joined = best.join(renamed, on="right_source_id", how="left", maintain_order="left")
    described = {column.name: column for column in described_columns(table, old)}
    contracts = _nullable([replace(described[old], name=new) for new, old in columns.items()])
    about = {
        **counts,
        "n_rows_repeated_in_table": n_repeated,
        "columns": dict(columns),
        "match": read_provenance(path),
    }
    return SideTable(joined.select(pl.col("left_source_id").alias(KEY), *columns), contracts, about)


def _best_pairs(path: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the pairs of stars that are each other's nearest, at most one for each star of either side; and counts."""
    pairs = _filtered(path, ["left_source_id", "right_source_id", "is_best", "separation_arcsec"])
    best = pairs.filter(pl.col("is_best")).sort("left_source_id", "separation_arcsec", "right_source_id")
    best = best.unique("left_source_id", keep="first", maintain_order=True)
    n_left = pairs["left_source_id"].n_unique()
    several = pairs.filter(pl.col("left_source_id").is_duplicated())["left_source_id"]
    counts = {
        "n_pairs": pairs.height,
        "n_stars_with_several": several.n_unique(),
        "n_stars_whose_nearest_is_anothers": n_left - best.height,
    }
    return best.select("left_source_id", "right_source_id"), counts


def _filtered(path: Path, columns: Sequence[str], keys: pl.Series | None = None) -> pl.DataFrame:
    """Return the rows whose ``source_id`` is among `keys`, by default all, read batch by batch."""
    with open_parquet(path) as file:
        check_columns(path, columns, file.schema_arrow.names)
        empty = pl.from_arrow(file.schema_arrow.empty_table().select(columns))
    parts = frame_batches(path, columns)
    if keys is not None:
        parts = (part.filter(pl.col(KEY).is_in(keys.implode())) for part in parts)
    return pl.concat([empty, *parts])


def _nullable(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Stars without an entry have null, whatever the other table allows."""
    return tuple(replace(column, nullable=True) for column in columns)
