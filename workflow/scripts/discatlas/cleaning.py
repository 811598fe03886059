"""Cleaning: duplicates resolved by a declared rule, cuts in order, and the cut flow that counts every row.

Works on batches of bounded size: each batch is one lazy polars query, so memory does not grow with the catalogue.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from discatlas.cuts import CompiledCut
from discatlas.errors import DiscatlasError

ROWS_PER_PASS = 20_000_000


@dataclass
class Step:
    """One step of the cut flow; the counts grow batch by batch. A row is missing if it fails and a value it needs is null.

    `n_published` is how many rows a paper had left after the same step, for comparison; None where it gives no number.
    """

    name: str
    expression: str
    n_published: int | None = None
    n_before: int = 0
    n_after: int = 0
    n_missing: int = 0


@dataclass
class CutFlow:
    """The cut flow of a sample: what each step in order left, removed, and removed for a missing value."""

    steps: list[Step] = field(default_factory=list)

    def count(self, i: int, alive: np.ndarray, passed: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Count one batch in step `i` and return the rows that are still alive after it (boolean arrays, shape (n,))."""
        step = self.steps[i]
        after = alive & passed
        step.n_before += int(alive.sum())
        step.n_after += int(after.sum())
        step.n_missing += int((alive & missing).sum())
        return after

    def columns(self) -> dict[str, list]:
        """Return the cut flow as columns of the contract ``cut_flow``."""
        steps = self.steps
        return {
            "step": list(range(len(steps))),
            "name": [step.name for step in steps],
            "expression": [step.expression for step in steps],
            "n_before": [step.n_before for step in steps],
            "n_after": [step.n_after for step in steps],
            "n_removed": [step.n_before - step.n_after for step in steps],
            "n_missing": [step.n_missing for step in steps],
            "n_published": [step.n_published for step in steps],
        }

    def require_stars(self) -> None:
        """Raise a DiscatlasError naming the step that kept no row, with its expression."""
        for step in self.steps:
            if step.n_after == 0:
                missing = f", {step.n_missing:,} for a missing value" if step.n_missing else ""
                raise DiscatlasError(
                    f"0 of {step.n_before:,} rows pass {step.name!r} ({step.expression}){missing}; relax this step in the config"
                )


def duplicate_rows(
    batches: Callable[[Sequence[str]], Iterable[pl.DataFrame]], n_rows: int, by: str, keep: str, order_by: str | None
) -> np.ndarray:
    """Return the row numbers that duplicates of the identifier `by` make superfluous, sorted, int64.

    Parameters
    ----------
    batches : callable
        Gives the named columns in file order each time it is called.
    n_rows : int
        Rows in all; beyond `ROWS_PER_PASS` the identifiers are looked through in several passes, to bound memory.
    by, keep, order_by : str
        Of the rows that share `by`, keep the ``first``, or the one with the ``lowest`` or ``highest`` `order_by`
        (missing last, then the first); ``error`` raises a DiscatlasError. Rows without identifier are no duplicates.
    """
    n_passes = -(-n_rows // ROWS_PER_PASS)
    repeated = np.concatenate([_repeated_keys(batches([by]), by, part, n_passes) for part in range(n_passes)])
    if not repeated.size:
        return np.empty(0, dtype=np.int64)
    order = [order_by] if keep in ("lowest", "highest") and order_by else []
    rows = _rows_of_keys(batches([by, *order]), by, repeated)
    if keep == "error" and rows.height:
        first = rows.row(0, named=True)
        raise DiscatlasError(
            f"{by} {first[by]!r} stands in more than one row (first: row {first['row']:,}; {rows.height:,} such rows); set duplicates.keep to first, lowest or highest"
        )
    ranked = rows.sort([*order, "row"], descending=[keep == "highest"] * len(order) + [False], nulls_last=True)
    kept = ranked.unique(subset=by, keep="first", maintain_order=True)["row"]
    return np.setdiff1d(rows["row"].to_numpy(), kept.to_numpy())


def _keys(column: pl.Series) -> pl.Series:
    """Integers stand for themselves, texts for their hash: two texts with one hash are told apart later."""
    return column if column.dtype.is_integer() else column.hash(0)


def _repeated_keys(batches: Iterable[pl.DataFrame], by: str, part: int, n_passes: int) -> np.ndarray:
    parts = []
    for batch in batches:
        keys = _keys(batch[by].drop_nulls()).to_numpy()
        parts.append(keys if n_passes == 1 else keys[keys % n_passes == part])
    keys = np.concatenate(parts)
    keys.sort()
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def _rows_of_keys(batches: Iterable[pl.DataFrame], by: str, keys: np.ndarray) -> pl.DataFrame:
    """Return identifier, order and row number of the rows whose identifier really stands in more than one row."""
    start, parts, wanted = 0, [], pl.Series(keys).implode()
    for batch in batches:
        rows = batch.with_columns(row=pl.int_range(start, start + batch.height, dtype=pl.Int64))
        start += batch.height
        parts.append(rows.filter(pl.col(by).is_not_null() & _keys(batch[by]).is_in(wanted)))
    return pl.concat(parts).filter(pl.col(by).is_duplicated())


def clean_batches(
    batches: Iterable[pl.DataFrame],
    prepare: Callable[[pl.DataFrame], pl.DataFrame],
    superfluous: np.ndarray,
    cuts: Sequence[CompiledCut],
    flow: CutFlow,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of each batch that pass every step, and count them all in `flow`.

    `prepare` adds corrections and the distance; `flow` holds one step for each of: the catalogue, the duplicates, the
    position and distance, and the cuts. `superfluous` are the row numbers from `duplicate_rows`.
    """
    start = 0
    for batch in batches:
        alive = np.ones(batch.height, dtype=bool)
        none = np.zeros(batch.height, dtype=bool)
        alive = flow.count(0, alive, alive, none)
        low, high = np.searchsorted(superfluous, (start, start + batch.height))
        unique = np.ones(batch.height, dtype=bool)
        unique[superfluous[low:high] - start] = False
        alive = flow.count(1, alive, unique, none)
        start += batch.height
        ready = prepare(batch)
        placed = pl.all_horizontal(pl.col("ra", "dec", "distance_kpc").is_not_null()).alias("placed")
        masks = [cut.expression.alias(f"cut_{i}") for i, cut in enumerate(cuts)]
        gaps = [
            pl.any_horizontal(pl.col(cut.columns).is_null()).alias(f"gap_{i}")
            for i, cut in enumerate(cuts)
            if cut.columns
        ]
        verdict = ready.lazy().select(placed, *masks, *gaps).collect()
        known = verdict["placed"].to_numpy()
        alive = flow.count(2, alive, known, ~known)
        for i, cut in enumerate(cuts):
            passed = verdict[f"cut_{i}"].fill_null(value=False).to_numpy()
            gap = verdict[f"gap_{i}"].to_numpy() if cut.columns else none
            alive = flow.count(3 + i, alive, passed, ~passed & (gap | verdict[f"cut_{i}"].is_null().to_numpy()))
        yield ready.filter(pl.Series(alive))
