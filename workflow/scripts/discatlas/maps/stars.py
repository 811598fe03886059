"""Whole columns of the stars of a Parquet table that pass a selection."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError
from discatlas.tables import column_names, frame_batches


def read_selected(
    path: Path, columns: Sequence[str], selection: str | None
) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    """Return the named columns as float64 (NaN for null) and the numbers of stars read and selected.

    Parameters
    ----------
    path : Path
        A Parquet table, such as a phase space.
    selection : str or None
        A condition of `discatlas.cuts`; stars for which it is unknown are left out. None takes all.

    Raises
    ------
    DiscatlasError
        For a column that is not there, a selection that cannot be read, and one that keeps no star.
    """
    cut = compile_cut(selection, column_names(path)) if selection else None
    names = list(dict.fromkeys(columns))
    parts: list[pl.DataFrame] = []
    n_read = 0
    for frame in frame_batches(path, list(dict.fromkeys([*names, *(cut.columns if cut else ())]))):
        n_read += frame.height
        stars = frame.filter(cut.expression) if cut else frame
        parts.append(stars.select(pl.col(names).cast(pl.Float64)))
    n_selected = sum(part.height for part in parts)
    if not n_selected:
        reason = f"selection {selection!r} keeps none of {n_read:,} stars" if n_read else "the table has no rows"
        raise DiscatlasError(f"{path}: {reason}")
    whole = pl.concat(parts)
    counts = {"read": n_read, "selected": n_selected}
    return {name: whole[name].fill_null(np.nan).to_numpy() for name in names}, counts
