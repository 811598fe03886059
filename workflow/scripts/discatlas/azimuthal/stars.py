"""Stars of a phase space that pass a selection and, where a table of memberships is given, belong to the disc."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError
from discatlas.tables import check_columns, column_names, frame_batches, read_columns

Array = NDArray[np.float64]


def read_disc_stars(
    stars: Path, membership: Path | None, columns: Sequence[str], selection: str | None
) -> tuple[dict[str, Array], dict[str, int]]:
    """Return columns of the stars that are selected, in the disc and have them all, and how many are left after each step.

    Parameters
    ----------
    stars : Path
        Table of contract ``phase_space``.
    membership : Path or None
        Table of contract ``membership`` of the same stars in the same order; stars that are not `in_disc` are left out.
        None keeps all.
    columns : sequence of str
        Columns to read, as float64.
    selection : str or None
        A condition of `discatlas.cuts`.

    Returns
    -------
    dict
        Arrays by name, shape (n,) each, all finite.
    dict
        Numbers of stars read, selected, in_disc (of the selected ones) and with_values (of these).

    Raises
    ------
    DiscatlasError
        For a column that is not there, memberships of other stars, and no star left.
    """
    present = column_names(stars)
    check_columns(stars, columns, present)
    cut = compile_cut(selection, present) if selection else None
    in_disc = _memberships(membership)
    needed = list(dict.fromkeys(["source_id", *columns, *(cut.columns if cut else ())]))
    counts = {"read": 0, "selected": 0, "in_disc": 0, "with_values": 0}
    parts: list[pl.DataFrame] = []
    for frame in frame_batches(stars, needed):
        first, batch = counts["read"], frame
        counts["read"] += frame.height
        if in_disc is not None:
            batch = frame.with_columns(in_disc_=_disc_column(frame, in_disc, first, stars, membership))
        batch = batch.filter(cut.expression) if cut else batch
        counts["selected"] += batch.height
        batch = batch.filter(pl.col("in_disc_")) if in_disc is not None else batch
        counts["in_disc"] += batch.height
        batch = batch.select(pl.col(list(columns)).cast(pl.Float64)).filter(
            pl.all_horizontal(pl.col(list(columns)).is_finite().fill_null(value=False))
        )
        counts["with_values"] += batch.height
        parts.append(batch)
    if in_disc is not None and in_disc[0].size != counts["read"]:
        raise DiscatlasError(f"{membership}: {in_disc[0].size:,} rows for {counts['read']:,} stars of {stars}")
    if not counts["with_values"]:
        raise DiscatlasError(
            f"{stars}: no star is left to use: {_steps(counts)}; see selection, and whether {columns} are known"
        )
    whole = pl.concat(parts)
    return {name: whole[name].to_numpy() for name in columns}, counts


def _memberships(path: Path | None) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    if path is None:
        return None
    table = read_columns(path, ["source_id", "in_disc"])
    return table["source_id"], table["in_disc"].astype(bool)


def _disc_column(
    frame: pl.DataFrame,
    in_disc: tuple[NDArray[np.int64], NDArray[np.bool_]],
    first: int,
    stars: Path,
    membership: Path | None,
) -> NDArray[np.bool_]:
    """Return whether the stars of a batch belong to the disc, after a look at their identifiers."""
    rows = slice(first, first + frame.height)
    if not np.array_equal(frame["source_id"].to_numpy(), in_disc[0][rows]):
        raise DiscatlasError(
            f"{membership}: its stars are not those of {stars}, in their order; run estimate_membership again"
        )
    return in_disc[1][rows]


def _steps(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
