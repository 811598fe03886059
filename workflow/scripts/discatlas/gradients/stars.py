"""The stars of a gradient: x, y and the covariance of their errors, in bins, with what was left out counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import erf

from discatlas.contracts import error_column, split_unit
from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError, nearest
from discatlas.gradients import X_COLUMNS
from discatlas.tables import check_columns, column_names, frame_batches

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GradientStars:
    """Stars with all that a fit needs, arrays of shape (n,), and the counts of those left out.

    x [kpc], y [dex], V_xx [kpc^2], V_xy [kpc dex] and V_yy [dex^2] of the errors; `place` [kpc] is the coordinate that
    the stars are binned by.
    """

    source_id: NDArray[np.int64]
    x: Array
    y: Array
    V_xx: Array
    V_xy: Array
    V_yy: Array
    place: Array
    counts: dict[str, int]

    def in_bin(self, low: float, high: float) -> "GradientStars":
        """Return the stars with low <= place < high."""
        inside = (self.place >= low) & (self.place < high)
        columns = [getattr(self, name)[inside] for name in ("source_id", "x", "y", "V_xx", "V_xy", "V_yy", "place")]
        return GradientStars(*columns, self.counts)


def read_gradient_stars(
    path: Path, membership: Path | None, quantity: str, x: str, bin_by: str, selection: str | None
) -> GradientStars:
    """Read the stars of a phase-space table that enter a gradient.

    Stars that lack the metallicity, the position or an error of theirs (or the correlation of both errors, where the
    table has a column of it, named such as ``R_feh_corr``) are counted and left out. Without that column, the errors are
    taken as independent: metallicities are from spectra, positions from astrometry.

    Parameters
    ----------
    path, membership : Path
        Phase space, and the membership with ``in_disc`` for a halo cut, or None.
    quantity : str
        Metallicity column, with its unit; it must have an error column.
    x, bin_by : str
        ``R_kpc`` or ``abs_Z_kpc``.
    selection : str or None
        A condition of `discatlas.cuts`.

    Raises
    ------
    DiscatlasError
        For missing columns, an unknown coordinate, a membership of other stars, a selection that keeps none, errors
        that are zero or negative, and correlations beyond 1.
    """
    for name in (x, bin_by):
        if name not in X_COLUMNS:
            raise DiscatlasError(
                f"gradient: coordinate {name!r} is unknown{nearest(name, X_COLUMNS)}; expected one of {', '.join(X_COLUMNS)}"
            )
    present = column_names(path)
    position = x.removeprefix("abs_")
    correlation = f"{split_unit(position)[0]}_{split_unit(quantity)[0]}_corr"
    columns = [position, error_column(position), quantity, error_column(quantity)]
    check_columns(path, columns, present)
    columns += [correlation] if correlation in present else []
    cut = compile_cut(selection, present) if selection else None
    place = bin_by.removeprefix("abs_")
    wanted = dict.fromkeys(["source_id", *columns, place, *(cut.columns if cut else ())])
    counts, frames = dict.fromkeys(("read", "selected", "in_disc", "complete"), 0), []
    for batch in _with_membership(path, list(wanted), membership):
        counts["read"] += batch.height
        frame = batch.filter(cut.expression) if cut else batch
        counts["selected"] += frame.height
        frame = frame.filter("in_disc")
        counts["in_disc"] += frame.height
        frame = frame.select("source_id", pl.col(list(dict.fromkeys([*columns, place]))).cast(pl.Float64))
        frames.append(frame.drop_nulls().drop_nans())
        counts["complete"] += frames[-1].height
    if not counts["complete"]:
        raise DiscatlasError(_explain(path, quantity, selection, counts))
    table = pl.concat(frames)
    _refuse_impossible(path, table, columns)
    return _make_stars(table, columns, x, table[place].to_numpy(), bin_by, counts)


def _with_membership(path: Path, columns: list[str], membership: Path | None) -> Iterator[pl.DataFrame]:
    """Yield the stars with in_disc: their membership's, or true without one."""
    members, offset = None, 0
    if membership:
        check_columns(membership, ["source_id", "in_disc"], column_names(membership))
        members = pl.read_parquet(membership, columns=["source_id", "in_disc"])
    for batch in frame_batches(path, columns):
        if members is None:
            yield batch.with_columns(in_disc=True)
            continue
        rows = members.slice(offset, batch.height)
        if rows.height != batch.height or not (rows["source_id"] == batch["source_id"]).all():
            raise DiscatlasError(f"{membership}: not the stars of {path}, row by row; delete it and run again")
        yield batch.with_columns(rows["in_disc"])
        offset += batch.height


def _explain(path: Path, quantity: str, selection: str | None, counts: dict[str, int]) -> str:
    """Say why no star is left."""
    if not counts["selected"]:
        return f"{path}: selection {selection!r} keeps none of {counts['read']:,} stars"
    if not counts["in_disc"]:
        return (
            f"{path}: none of {counts['selected']:,} stars is in the disc by its membership; see max_halo_probability"
        )
    return f"{path}: none of {counts['in_disc']:,} stars has {quantity}, its position and both errors"


def _refuse_impossible(path: Path, table: pl.DataFrame, columns: Sequence[str]) -> None:
    """Complain of errors that are not above zero and of correlations that no covariance has."""
    for name in (columns[1], columns[3]):
        bad = table.filter(~(pl.col(name) > 0) | pl.col(name).is_infinite())
        if bad.height:
            raise DiscatlasError(
                f"{path}: {name} of {bad.height:,} of {table.height:,} stars is not above zero (source_id "
                f"{bad['source_id'][0]} has {bad[name][0]:g}); mend the catalogue, or leave them out: selection {name} > 0"
            )
    for name in columns[4:]:
        bad = table.filter(pl.col(name).abs() >= 1)
        if bad.height:
            raise DiscatlasError(
                f"{path}: {name} of {bad.height:,} stars is not between -1 and 1 (source_id {bad['source_id'][0]} has "
                f"{bad[name][0]:g})"
            )


def _make_stars(
    table: pl.DataFrame, columns: Sequence[str], x: str, place: Array, bin_by: str, counts: dict[str, int]
) -> GradientStars:
    position, error, y, y_error = (table[name].to_numpy() for name in columns[:4])
    V_xx, V_xy = error**2, np.zeros(table.height)
    if len(columns) > 4:
        V_xy = table[columns[4]].to_numpy() * error * y_error
    if x == "abs_Z_kpc":
        position, V_xx, V_xy = fold(position, error, V_xy)
    place = np.abs(place) if bin_by == "abs_Z_kpc" else place
    return GradientStars(table["source_id"].to_numpy(), position, y, V_xx, V_xy, y_error**2, place, counts)


def fold(Z: Array, error: Array, V_Zy: Array) -> tuple[Array, Array, Array]:
    """Return the mean and variance of |Z|, and its covariance with the error of y, given a measured Z.

    Near the plane |Z| has no Gaussian error: for a true Z spread evenly over a few errors about the measured one its
    posterior is a folded normal, whose mean is error sqrt(2/pi) at Z = 0. From three errors on this is |Z| and error^2
    within 0.04 %. The covariance follows from Stein's lemma with the mean slope erf(Z / (error sqrt 2)) of |Z|.
    """
    t = Z / error
    slope = erf(t / np.sqrt(2.0))
    mean = Z * slope + error * np.sqrt(2.0 / np.pi) * np.exp(-0.5 * t * t)
    return mean, np.maximum(Z * Z + error**2 - mean * mean, 0.0), slope * V_Zy
