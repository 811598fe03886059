"""Stars of two tables that lie within a radius of each other on the sphere, at one epoch.

Places are unit vectors, so neither the poles nor ra = 0 are special. Stars move along great circles: with position u0 and
proper motion mu (the vector pmra east + pmdec north) the direction after t years is that of u0 + mu t, uniform motion
without a radial one (ESA 1997, The Hipparcos and Tycho Catalogues, vol. 1, sect. 1.5.5). What the radial motion adds is
0.4 arcsec in 25 years for Barnard's star, the extreme, and some mas at most for almost all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from discatlas.errors import DiscatlasError
from discatlas.frames import MAS_PER_DEG, unit_vectors
from discatlas.tables import check_columns, column_names, frame_batches

Array = NDArray[np.float64]
Index = NDArray[np.int64]
PLACE = ("ra", "dec", "pmra", "pmdec", "ref_epoch")  # of a star; the last three may be absent
MAX_RADIUS_ARCSEC = 3600.0
SAME_PLACE_ARCSEC = 0.1  # rows of one source_id that lie closer are one star
MAX_PAIRS = 200_000_000  # beyond this the radius is a mistake
N_SHIFTS = 4  # north, east, south and west
_ARCSEC = np.pi / 648_000.0  # [rad]
_QUERIES = 2_000_000  # neighbours looked for at a time


@dataclass(frozen=True)
class SkyTable:
    """Stars of a table at one epoch.

    Parameters
    ----------
    source_id : ndarray, shape (n,)
        Identifiers of the stars with a position, ascending, each once.
    vectors : ndarray, shape (n, 3)
        ICRS unit vectors at the epoch.
    counts : mapping of str to int or float
        Rows, rows without source_id, repeated rows, stars, stars without position; of those with one: without proper
        motion, and unmoved though observed at another epoch; the longest motion [arcsec].
    """

    source_id: Index
    vectors: Array
    counts: Mapping[str, int | float]


def read_sky_table(path: Path, epoch_yr: float, table_epoch_yr: float) -> SkyTable:
    """Return the stars of a table, moved to `epoch_yr`.

    A row's own epoch is its ref_epoch; `table_epoch_yr` is that of rows without. A star without both components of its
    proper motion is not moved. Rows that repeat a source_id within 0.1 arcsec are one star, at the first place in order of
    ra, dec and proper motion, whatever the order of the rows.

    Raises
    ------
    DiscatlasError
        For a table without rows or without source_id, ra or dec, and a source_id that stands at two places.
    """
    present = column_names(path)
    check_columns(path, ("source_id", "ra", "dec"), present)
    place = [name for name in PLACE if name in present]
    batches = list(frame_batches(path, ["source_id", *place]))
    if not batches:
        raise DiscatlasError(f"{path}: no rows to match")
    rows = pl.concat(batches)
    absent = [pl.lit(None, pl.Float64).alias(name) for name in PLACE if name not in place]
    known = rows.with_columns(absent).drop_nulls("source_id").unique()
    n_known = rows.height - rows["source_id"].null_count()
    # in an order of their own, so that the order of the rows decides nothing; the known before the unknown
    placed = known.drop_nulls(["ra", "dec"]).sort("source_id", *PLACE, nulls_last=True)
    n_stars = known["source_id"].n_unique()
    ra, dec, pmra, pmdec, ref_epoch = (placed[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in PLACE)
    years = epoch_yr - np.where(np.isnan(ref_epoch), table_epoch_yr, ref_epoch)
    vectors, motion = move_stars(ra, dec, pmra, pmdec, years)
    source_id, first = np.unique(placed["source_id"].to_numpy(), return_index=True)
    _require_one_place(placed["source_id"].to_numpy(), vectors, first, path)
    is_unmoved = (np.isnan(pmra) | np.isnan(pmdec))[first]
    counts = {
        "rows": rows.height,
        "without_source_id": rows.height - n_known,
        "repeated_rows": n_known - n_stars,
        "stars": n_stars,
        "without_position": n_stars - source_id.size,
        "without_proper_motion": int(is_unmoved.sum()),
        "unmoved_at_another_epoch": int((is_unmoved & (years[first] != 0)).sum()),
        "longest_motion_arcsec": float(motion[first].max(initial=0.0)),
    }
    return SkyTable(source_id, vectors[first], counts)


def _require_one_place(source_id: Index, vectors: Array, first: Index, path: Path) -> None:
    """Raise a DiscatlasError if rows of one source_id, which stand together, are not at the place of the first of them."""
    leader = np.repeat(first, np.diff(np.append(first, source_id.size)))
    repeated = np.flatnonzero(leader != np.arange(source_id.size))
    apart = separation_arcsec(vectors[repeated], vectors[leader[repeated]])
    bad = np.flatnonzero(apart > SAME_PLACE_ARCSEC)
    if bad.size:
        raise DiscatlasError(
            f"{path}: source_id {source_id[repeated[bad[0]]]} stands at two places {apart[bad[0]]:.3g} arcsec apart, {bad.size:,} such "
            "rows; is it the identifier of a star? Match a sample of this catalogue, whose duplicates are resolved"
        )


def move_stars(ra: Array, dec: Array, pmra: Array, pmdec: Array, years: Array) -> tuple[Array, Array]:
    """Return where stars are after some years.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        Positions [deg].
    pmra, pmdec : ndarray, shape (n,)
        Proper motions, pmra times cos(dec) [mas/yr]; where either is NaN the star is not moved.
    years : ndarray, shape (n,)
        Julian years from the epoch of the positions.

    Returns
    -------
    vectors : ndarray, shape (n, 3)
        Unit vectors.
    motion : ndarray, shape (n,)
        Angles by which the stars were moved [arcsec].
    """
    east, north, outward = unit_vectors(ra, dec)
    # degrees and years first: the product is then exact to the last digits for slow stars
    step = np.deg2rad(np.stack([pmra, pmdec]) * years / MAS_PER_DEG)
    step = np.where(np.isnan(step).any(axis=0), 0.0, step)
    vectors = outward + east * step[0] + north * step[1]
    vectors /= np.sqrt((vectors**2).sum(axis=0))
    return np.ascontiguousarray(vectors.T), np.arctan(np.hypot(*step)) / _ARCSEC


def separation_arcsec(first: Array, second: Array) -> Array:
    """Return the angles [arcsec] between unit vectors of shape (n, 3), accurate from 0 to 180 degrees."""
    crossed = np.cross(first, second)
    return np.arctan2(np.sqrt((crossed**2).sum(axis=1)), (first * second).sum(axis=1)) / _ARCSEC


def find_pairs(left: Array, right: Array, radius_arcsec: float, threads: int = 1) -> tuple[Index, Index, Array]:
    """Return all pairs of unit vectors within a radius (inclusive): rows in `left`, in `right`, and separations [arcsec].

    `left` and `right` have shape (n, 3) and (m, 3). Ordered by left row, separation and right row, whatever the number of
    threads.

    Raises
    ------
    DiscatlasError
        For a radius that is not in 0...3600 arcsec, and more than 200 million pairs.
    """
    if not 0 < radius_arcsec <= MAX_RADIUS_ARCSEC:
        raise DiscatlasError(f"radius_arcsec {radius_arcsec:g}: expected more than 0, {MAX_RADIUS_ARCSEC:g} at most")
    if not (len(left) and len(right)):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    swapped = len(left) < len(right)  # the tree holds the smaller table, which bounds its memory
    nodes, points = (left, right) if swapped else (right, left)
    # a little wider than the chord of the radius: the exact angle decides
    chord = 2 * np.sin(radius_arcsec * _ARCSEC / 2) * (1 + 1e-9) + 1e-15
    tree, found, n_pairs = cKDTree(nodes), [], 0
    for i, j in _neighbours(tree, points, chord, threads):
        found.append((i, j))
        n_pairs += i.size
        if n_pairs > MAX_PAIRS:
            raise DiscatlasError(
                f"more than {MAX_PAIRS:,} pairs within {radius_arcsec:g} arcsec; choose a smaller radius_arcsec"
            )
    i, j = (np.concatenate(part) for part in zip(*found, strict=True))
    i, j = (j, i) if swapped else (i, j)
    separation = separation_arcsec(left[i], right[j])
    inside = separation <= radius_arcsec
    i, j, separation = i[inside], j[inside], separation[inside]
    order = np.lexsort((j, separation, i))
    return i[order], j[order], separation[order]


def _neighbours(tree: cKDTree, points: Array, chord: float, threads: int) -> Iterator[tuple[Index, Index]]:
    """Yield pairs (point, node) within a chord; points with more neighbours than asked for are asked again for more."""
    wanted, k = np.arange(len(points)), 2
    while wanted.size:
        k = min(k, tree.n)
        crowded = []
        for start in range(0, wanted.size, max(_QUERIES // k, 1)):
            some = wanted[start : start + max(_QUERIES // k, 1)]
            distance, node = tree.query(
                points[some], k=np.arange(1, k + 1), distance_upper_bound=chord, workers=threads
            )
            near = np.isfinite(distance)
            again = near[:, -1] & (k < tree.n)
            crowded.append(some[again])
            row, place = np.nonzero(near & ~again[:, None])
            yield some[row], node[row, place].astype(np.int64)
        wanted, k = np.concatenate(crowded), 4 * k


def ranks(group: Index, separation: Array, other: Index) -> tuple[Index, Index]:
    """Return for each pair its place within its group by separation, then `other` (from 1), and the size of the group."""
    order = np.lexsort((other, separation, group))
    _, first, size = np.unique(group[order], return_index=True, return_counts=True)
    rank, n = np.empty(group.size, np.int64), np.empty(group.size, np.int64)
    rank[order] = np.arange(group.size) - np.repeat(first, size) + 1
    n[order] = np.repeat(size, size)
    return rank, n


def match_stars(left: SkyTable, right: SkyTable, radius_arcsec: float, threads: int = 1) -> dict[str, NDArray]:
    """Return the columns of contract ``match``, ordered by left star and separation; equal ones by right identifier."""
    i, j, separation = find_pairs(left.vectors, right.vectors, radius_arcsec, threads)
    left_rank, n_left = ranks(i, separation, j)
    right_rank, n_right = ranks(j, separation, i)
    return {
        "left_source_id": left.source_id[i],
        "right_source_id": right.source_id[j],
        "separation_arcsec": separation,
        "left_rank": left_rank,
        "n_left": n_left,
        "right_rank": right_rank,
        "n_right": n_right,
        "is_best": (left_rank == 1) & (right_rank == 1),
    }


def count_matches(matches: Mapping[str, NDArray]) -> dict[str, int]:
    """Return the numbers of pairs, of stars matched and matched more than once on either side, and of best pairs."""
    counts = {"pairs": int(matches["left_source_id"].size)}
    for side in ("left", "right"):
        first = matches[f"{side}_rank"] == 1
        counts[f"{side}_matched"] = int(first.sum())
        counts[f"{side}_matched_more_than_once"] = int((matches[f"n_{side}"][first] > 1).sum())
    return counts | {"best": int(matches["is_best"].sum())}


def chance_matches(
    left: SkyTable, right: SkyTable, radius_arcsec: float, shift_arcsec: float, threads: int = 1
) -> dict[str, float]:
    """Return how many matches chance makes: means over shifts of the left table to the north, east, south and west.

    Companions and clusters as wide as the shift count as chance. The standard error of a mean is that of the sum of the
    counts, sqrt(sum) / 4 (at least 1/4).

    Raises
    ------
    DiscatlasError
        If the shift is not more than twice the radius: a star could meet its own counterpart; or above 3600 arcsec.
    """
    if not 2 * radius_arcsec < shift_arcsec <= MAX_RADIUS_ARCSEC:
        raise DiscatlasError(
            f"shift_arcsec {shift_arcsec:g}: expected more than twice radius_arcsec ({radius_arcsec:g}) and {MAX_RADIUS_ARCSEC:g} at most"
        )
    total = dict.fromkeys(("pairs", "left_matched", "best"), 0)
    for number in range(N_SHIFTS):
        moved = SkyTable(left.source_id, shifted(left.vectors, shift_arcsec, 90.0 * number), {})
        counts = count_matches(match_stars(moved, right, radius_arcsec, threads))
        total = {name: value + counts[name] for name, value in total.items()}
    means = {name: value / N_SHIFTS for name, value in total.items()}
    errors = {f"{name}_error": float(np.sqrt(max(value, 1))) / N_SHIFTS for name, value in total.items()}
    return {"shift_arcsec": shift_arcsec, "n_shifts": N_SHIFTS} | means | errors


def shifted(vectors: Array, shift_arcsec: float, position_angle_deg: float) -> Array:
    """Return unit vectors, shape (n, 3), moved along great circles that leave at an angle from north through east."""
    x, y, _ = vectors.T
    level = np.hypot(x, y)
    safe = np.where(level > 0, level, 1.0)
    east = np.stack([np.where(level > 0, -y / safe, 0.0), np.where(level > 0, x / safe, 1.0), np.zeros_like(x)], axis=1)
    north = np.cross(vectors, east)
    angle, shift = np.deg2rad(position_angle_deg), shift_arcsec * _ARCSEC
    return vectors * np.cos(shift) + (north * np.cos(angle) + east * np.sin(angle)) * np.sin(shift)
