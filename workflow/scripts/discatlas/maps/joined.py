"""Stars with columns of further tables of stars, such as ages or memberships, joined by ``source_id``.

The phase space may be of any size, so neither side is held whole: the tables are read in parts of at most `max_rows` rows,
each part is looked up while the identifiers of the stars stream by, and what is found is written into files of one row per
star in a scratch folder. Afterwards the stars stream in their own order with these columns beside them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.tables import check_columns, column_names, count_rows, frame_batches, read_provenance

KEY = "source_id"
NUMPY_TYPES = {
    pl.Float64: np.float64,
    pl.Float32: np.float32,
    pl.Int64: np.int64,
    pl.Int32: np.int32,
    pl.Boolean: np.bool_,
    pl.String: np.int32,
}


@dataclass
class JoinedStars:
    """The stars of a Parquet table with the columns of further tables.

    Parameters
    ----------
    stars : Path
        A phase space, or any table; with `tables` it needs ``source_id``.
    tables : sequence of Path
        Tables with ``source_id``, each at most once, of any stars in any order. A star without an entry has null in their
        columns, entries of other stars are left out and counted.

    Raises
    ------
    DiscatlasError
        If a table has no ``source_id``, or a column that the stars or another table have too.
    """

    stars: Path
    tables: Sequence[Path] = ()
    _sources: dict[str, int] = field(init=False)
    _aligned: dict[str, "_Aligned"] = field(init=False, default_factory=dict)
    _entries: list[dict[str, Any]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._sources = dict.fromkeys(column_names(self.stars), -1)
        if self.tables:
            check_columns(self.stars, [KEY], self.columns)
        for number, path in enumerate(self.tables):
            names = column_names(path)
            check_columns(path, [KEY], names)
            for name in names:
                if name != KEY and name in self._sources:
                    other = self.stars if self._sources[name] < 0 else self.tables[self._sources[name]]
                    raise DiscatlasError(
                        f"{path}: column {name!r} is in {other} too; expected other names in a table that is joined to it: "
                        "rename one of them, or leave the table out"
                    )
                self._sources.setdefault(name, number)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, those of the stars first."""
        return list(self._sources)

    def join(self, wanted: Sequence[str], scratch: Path, max_rows: int) -> None:
        """Look up what `frames` will be asked for.

        Parameters
        ----------
        wanted : sequence of str
            Columns; those of the stars themselves need no look.
        scratch : Path
            Folder for one file per column, kept until the last use of `frames`.
        max_rows : int
            Rows of a table in memory at a time.

        Raises
        ------
        DiscatlasError
            For a column that is not there, one of a type that cannot be joined, and two entries of one star in a table.
        """
        check_columns(self.stars, wanted, self.columns)
        n_stars = count_rows(self.stars) if self.tables else 0
        for number, path in enumerate(self.tables):
            names = [name for name in dict.fromkeys(wanted) if self._sources[name] == number]
            found = np.lib.format.open_memmap(scratch / f"found_{number}.npy", "w+", np.bool_, (max(n_stars, 1),))
            aligned = {
                name: _Aligned(scratch / f"{number}_{k}", found, max(n_stars, 1)) for k, name in enumerate(names)
            }
            entries, matched = 0, 0
            for part in _parts(path, [KEY, *names], max_rows):
                entries += part.height
                matched += _look_up(self.stars, path, part, found, aligned)
            self._aligned |= aligned
            about = {"columns": names, "entries": entries, "of_these_stars": matched, "stars": n_stars}
            self._entries.append(about | {"table": read_provenance(path)})

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the stars with the named columns in file order, part by part; errors as in `frame_batches`."""
        own = [name for name in columns if self._sources.get(name, -1) < 0]
        first = 0
        # without any column of the stars themselves one is read for its number of rows
        for frame in frame_batches(self.stars, own or [next(iter(self._sources))]):
            rows = slice(first, first + frame.height)
            first += frame.height
            others = [self._aligned[name].series(name, rows) for name in columns if name not in own]
            yield frame.with_columns(others).select(columns) if others else frame

    def record(self) -> list[dict[str, Any]]:
        """Return for each table the columns taken, its entries, those of the stars here, and its own provenance."""
        return self._entries


class _Aligned:
    """One column of a table in the order of the stars, in files."""

    def __init__(self, stem: Path, found: NDArray[np.bool_], n_stars: int) -> None:
        self.stem, self.found, self.n_stars = stem, found, n_stars
        self.values: NDArray[Any] | None = None
        self.known: NDArray[np.bool_] | None = None
        self.texts: dict[str, int] = {}
        self.dtype: Any = None

    def write(self, where: NDArray[np.int64], values: pl.Series, path: Path) -> None:
        """Write values into rows."""
        if self.values is None:
            self.dtype = values.dtype
            if values.dtype not in NUMPY_TYPES:
                known = ", ".join(str(kind) for kind in NUMPY_TYPES)
                raise DiscatlasError(
                    f"{path}: column {values.name!r} is of type {values.dtype}; expected one of {known}"
                )
            kind = NUMPY_TYPES[values.dtype]
            self.values = np.lib.format.open_memmap(f"{self.stem}_values.npy", "w+", kind, (self.n_stars,))
            self.known = np.lib.format.open_memmap(f"{self.stem}_known.npy", "w+", np.bool_, (self.n_stars,))
        assert self.known is not None
        known = values.is_not_null().to_numpy()
        if self.dtype == pl.String:
            codes = [self.texts.setdefault(text, len(self.texts)) for text in values.fill_null("")]
            self.values[where] = np.array(codes, np.int32)
        else:
            filler = False if self.dtype == pl.Boolean else 0
            self.values[where] = values.fill_null(filler).to_numpy()
        self.known[where] = known

    def series(self, name: str, rows: slice) -> pl.Series:
        """Return the column for some rows, null where a star has no entry."""
        n = rows.stop - rows.start
        if self.values is None or self.known is None:
            return pl.Series(name, [None] * n, dtype=pl.Float64)
        values = pl.Series(name, np.array(self.values[rows]))
        if self.dtype == pl.String:
            texts = np.array(list(self.texts), dtype=object)
            values = pl.Series(name, texts[np.array(self.values[rows])].tolist(), dtype=pl.String)
        known = pl.Series("known", np.array(self.known[rows]))
        return pl.select(pl.when(known).then(values).otherwise(None).alias(name)).to_series()


def _parts(path: Path, columns: Sequence[str], max_rows: int) -> Iterator[pl.DataFrame]:
    """Yield a table in parts of about `max_rows` rows, at least one batch each."""
    kept: list[pl.DataFrame] = []
    for frame in frame_batches(path, columns):
        if kept and sum(part.height for part in kept) + frame.height > max_rows:
            yield pl.concat(kept)
            kept = []
        kept.append(frame)
    if kept:
        yield pl.concat(kept)


def _look_up(
    stars: Path, path: Path, part: pl.DataFrame, found: NDArray[np.bool_], aligned: dict[str, _Aligned]
) -> int:
    """Write the values of a part of a table into the rows of its stars; return how many of its entries have a star."""
    ids = part[KEY].to_numpy()
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    twice = np.flatnonzero(ids[1:] == ids[:-1])
    if twice.size:
        raise _repeated(path, ids[twice[0]])
    used = np.zeros(ids.size, np.bool_)
    first = 0
    for frame in frame_batches(stars, [KEY]):
        here = frame[KEY].to_numpy()
        by_id = np.argsort(here, kind="stable")
        place = np.minimum(np.searchsorted(ids, here[by_id]), ids.size - 1)
        is_match = ids[place] == here[by_id]
        rows, place = first + by_id[is_match], place[is_match]
        first += here.size
        if found[rows].any():
            raise _repeated(path, ids[place[np.argmax(found[rows])]])
        found[rows] = True
        used[place] = True
        for name, column in aligned.items():
            column.write(rows, part[name].gather(order[place]), path)
    return int(used.sum())


def _repeated(path: Path, source_id: int) -> DiscatlasError:
    return DiscatlasError(
        f"{path}: source_id {source_id} has two entries, expected one row per star; which of them counts is not known"
    )
