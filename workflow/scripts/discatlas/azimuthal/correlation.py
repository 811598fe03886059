"""Correlation of a map of cells with a map on a grid, and how often maps that know nothing of each other have as much.

Most nulls keep both maps as they are, each with its own autocorrelation, and move one against the other:

shifts            rotation about the Galactic centre by an angle together with a stretch of all radii, both at random. A
                  logarithmic spiral stays one of the same pitch, so that arms are compared with arms.
rotations_centre  rotations about the Galactic centre alone, evenly spaced. A moved map soon leaves the cells, so few moves are
                  independent: p-values below about 0.02 are never reached.
rotations_sun     rotations about the Sun, evenly spaced. All cells stay in, but arms are turned into spokes: where both maps
                  have long features along azimuth, those meet less often than arms meet arms by chance, and p-values are
                  too small. Right for maps without a preferred direction, or for effects of distance from the Sun.

effective_cells   no moves: the number of independent cells by the autocorrelations of both maps (`effective_cells`), and the
                  distribution of r for so many. It is given beside every other null too.

Range of validity, by Gaussian random fields that know nothing of each other, seen by surveys with gaps within 4 to 5 kpc, at a
level of 5 %: with features up to 0.6 by 1.8 kpc (across and along azimuth) shifts and effective_cells fire in 4 to 7 %. With
1 by 3 kpc shifts fire in 7 to 12 %: what overlaps after a move is hardly larger than a feature, its own mean is taken off, and
moved maps scatter less than the map as it is; effective_cells stay at 2 to 7 %. Waves of one pitch through the whole field are
rarely called significant at all, by either. Above 0.2 p-values of effective_cells are too small by up to a quarter.

A moved map covers fewer cells, which makes r scatter more, so moves are compared by score = r sqrt(number of cells) (the
variance correction of Mrkvicka, Dvorak, Gonzalez & Mateu 2021, Spatial Statistics 42, 100430), and those that cover less
than a least share of the cells are left out. The p-value is two-sided: (1 + number of moves with as large a score) / (1 +
number of moves).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.azimuthal.effective_cells import EffectiveCells, effective_cells
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
NULLS = ("shifts", "rotations_centre", "rotations_sun", "effective_cells")
MIN_CELLS = 10
MAX_ANGLE_DEG = 60.0  # of shifts; the least overlap is the tighter limit unless the maps are wide
MAX_STRETCH = 1.6
TRIES = 40  # moves that are tried for one that is wanted
MOVES_AT_ONCE = 100
FEWEST_MOVES = 19
TINY = 1e-9  # of a step of the grid


@dataclass(frozen=True)
class GriddedMap:
    """Values at the nodes of a regular grid, NaN where there is no data; shape (nx, ny)."""

    X_0_kpc: float
    Y_0_kpc: float
    step_kpc: tuple[float, float]
    values: Array

    @classmethod
    def from_columns(cls, X_kpc: Array, Y_kpc: Array, values: Array) -> "GriddedMap":
        """Build the map from one row per node, in any order; nodes that are not there have no data.

        Raises
        ------
        DiscatlasError
            If the places are not the nodes of a grid of even spacing, or two rows are one node.
        """
        first, steps, places = [], [], []
        for name, axis in (("X_kpc", X_kpc), ("Y_kpc", Y_kpc)):
            nodes = np.unique(np.round(axis, 9))
            if nodes.size < 2:
                raise DiscatlasError(
                    f"gridded map: {name} has {nodes.size} different values, expected a grid in the plane"
                )
            step = float(np.median(np.diff(nodes)))
            place = (axis - nodes[0]) / step
            if np.abs(place - np.round(place)).max() > 0.01:
                raise DiscatlasError(
                    f"gridded map: {name} is not evenly spaced: steps of {np.diff(nodes).min():g} to {np.diff(nodes).max():g} kpc"
                )
            first.append(float(nodes[0]))
            steps.append(step)
            places.append(np.round(place).astype(np.int64))
        grid = np.full((places[0].max() + 1, places[1].max() + 1), np.nan)
        flat = np.ravel_multi_index(places, grid.shape)
        if np.unique(flat).size != flat.size:
            raise DiscatlasError("gridded map: two rows lie at one node; expected one row per node")
        grid.ravel()[flat] = values
        return cls(first[0], first[1], (steps[0], steps[1]), grid)

    def at(self, X_kpc: Array, Y_kpc: Array) -> Array:
        """Return the bilinear interpolation, NaN where one of the nodes around has no data; shape of the places."""
        out = np.empty(np.shape(X_kpc))
        u = np.ascontiguousarray((X_kpc - self.X_0_kpc) / self.step_kpc[0])
        v = np.ascontiguousarray((Y_kpc - self.Y_0_kpc) / self.step_kpc[1])
        _interpolate(self.values, u.ravel(), v.ravel(), out.ravel())
        return out


@dataclass(frozen=True)
class Move:
    """A way to move a map: rotation about a centre, then all radii times `stretch`; the Galactic centre is at 0, 0."""

    kind: str
    angle_deg: float
    stretch: float
    centre_kpc: tuple[float, float] = (0.0, 0.0)

    def back(self, X_kpc: Array, Y_kpc: Array) -> tuple[Array, Array]:
        """Return where the places lie in the map before it was moved; angles count with growing phi."""
        angle = np.deg2rad(self.angle_deg)
        x, y = X_kpc - self.centre_kpc[0], Y_kpc - self.centre_kpc[1]
        # phi grows clockwise as seen with X to the right and Y up; the inverse move turns back, by -angle in phi
        x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
        return x / self.stretch + self.centre_kpc[0], y / self.stretch + self.centre_kpc[1]


@dataclass(frozen=True)
class Comparison:
    """The outcome: the correlation as it is, those of the moves, shape (n,) each, and what the maps are worth to each other."""

    r: float
    n_cells: int
    p_value: float
    moves: tuple[Move, ...]
    r_moved: Array
    n_moved: NDArray[np.int64]
    effective: EffectiveCells

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of contract ``overdensity_comparison``."""
        r, n = np.append(self.r, self.r_moved), np.append(self.n_cells, self.n_moved)
        return {
            "kind": np.array(["observed", *(move.kind for move in self.moves)], dtype=object),
            "parameter_deg": np.array([0.0, *(move.angle_deg for move in self.moves)]),
            "stretch": np.array([1.0, *(move.stretch for move in self.moves)]),
            "n_cells": n,
            "r": r,
            "score": r * np.sqrt(n),
        }

    def record(self) -> dict[str, Any]:
        """Return the summary; `r_scatter` is the standard deviation of r in the null, at the number of cells observed."""
        score = self.r_moved * np.sqrt(self.n_moved)
        moved = (
            float(np.sqrt(np.mean(score**2) / self.n_cells)) if self.moves else float(np.sqrt(self.effective.variance))
        )
        return {
            "r": self.r,
            "n_cells": self.n_cells,
            "p_value": self.p_value,
            "n_moves": len(self.moves),
            "r_scatter": moved,
        } | self.effective.record(self.r)


def compare_maps(
    X_kpc: Array,
    Y_kpc: Array,
    values: Array,
    grid: GriddedMap,
    null: str,
    n_null: int,
    min_overlap: float,
    sun_kpc: tuple[float, float],
    rng: np.random.Generator,
) -> Comparison:
    """Correlate a map of cells with a map on a grid, and with moved copies of it.

    Parameters
    ----------
    X_kpc, Y_kpc, values : array, shape (m,)
        Centres of the cells and what is in them; NaN is no data.
    grid : GriddedMap
        The other map.
    null : str
        One of `NULLS`.
    n_null : int
        Moves; none for effective_cells.
    min_overlap : float
        Least number of cells with data in both maps after a move, as a share of that before it, 0 to 1.
    sun_kpc, rng
        X and Y of the Sun; random numbers for shifts.

    Raises
    ------
    DiscatlasError
        For an unknown null, too few cells in both or moves that leave enough, a constant map, an unknown effective number.
    """
    if null not in NULLS or n_null < 1 or not 0 < min_overlap <= 1:
        raise DiscatlasError(
            f"map comparison: got null {null!r}{nearest(str(null), NULLS)}, n_null {n_null}, min_overlap {min_overlap}; expected "
            f"one of {', '.join(NULLS)}, 1 or more, and a share above 0 up to 1"
        )
    known = np.isfinite(values)
    X, Y, values = X_kpc[known], Y_kpc[known], values[known]
    other = grid.at(X, Y)
    r, n = correlations(values, other[None])
    n_cells = int(n[0])
    if n_cells < MIN_CELLS:
        raise DiscatlasError(
            f"map comparison: {n_cells} of {X.size} cells with data have data in the other map, expected {MIN_CELLS} or more: do "
            "the maps overlap?"
        )
    if not np.isfinite(r[0]):
        raise DiscatlasError(f"map comparison: one of the maps is constant over the {n_cells} cells that both have")
    both = np.isfinite(other)
    effective = effective_cells(X[both], Y[both], values[both], other[both])
    if null == "effective_cells":
        p_value = _known_p(effective, float(r[0]), n_cells)
        return Comparison(float(r[0]), n_cells, p_value, (), np.empty(0), np.empty(0, np.int64), effective)
    moves, r_null, n_of_null = _move_all(X, Y, values, grid, null, n_null, min_overlap * n_cells, sun_kpc, rng)
    as_large = np.abs(r_null) * np.sqrt(n_of_null) >= abs(r[0]) * np.sqrt(n_cells) * (1 - 1e-12)
    return Comparison(
        float(r[0]), n_cells, float((1 + as_large.sum()) / (1 + len(moves))), moves, r_null, n_of_null, effective
    )


def _known_p(effective: EffectiveCells, r: float, n_cells: int) -> float:
    p_value = effective.p_value(r)
    if not np.isfinite(p_value):
        raise DiscatlasError(
            f"map comparison: {n_cells} cells are too few, or their features too large, to tell how many are independent; "
            "take smaller cells or another null"
        )
    return p_value


def _move_all(
    X: Array,
    Y: Array,
    values: Array,
    grid: GriddedMap,
    null: str,
    n_null: int,
    fewest_cells: float,
    sun_kpc: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[tuple[Move, ...], Array, NDArray[np.int64]]:
    """Return the moves that leave enough cells, at most n_null, with r and the number of cells of each."""
    kept: list[Move] = []
    r_moved, n_moved = [], []
    tried = 0
    for moves in _proposals(null, n_null, sun_kpc, rng):
        places = [move.back(X, Y) for move in moves]
        found, n = correlations(values, grid.at(*(np.array(axis) for axis in zip(*places, strict=True))))
        good = np.flatnonzero((n >= fewest_cells) & np.isfinite(found))[: n_null - len(kept)]
        kept += [moves[k] for k in good]
        r_moved.append(found[good])
        n_moved.append(n[good])
        tried += len(moves)
        if len(kept) >= n_null:
            break
    if len(kept) < min(n_null, FEWEST_MOVES):
        raise DiscatlasError(
            f"map comparison: {len(kept)} of {tried:,} moves ({null}) leave the {fewest_cells:.0f} cells that min_overlap asks "
            f"for, expected {FEWEST_MOVES} moves or more; lower min_overlap"
        )
    return tuple(kept), np.concatenate(r_moved), np.concatenate(n_moved)


def _proposals(null: str, n: int, sun_kpc: tuple[float, float], rng: np.random.Generator) -> Iterator[list[Move]]:
    """Yield moves, some at a time: all rotations, or shifts until the tries are spent."""
    if null == "shifts":
        for _ in range(-(-TRIES * n // MOVES_AT_ONCE)):
            angles = rng.uniform(-MAX_ANGLE_DEG, MAX_ANGLE_DEG, MOVES_AT_ONCE)
            stretches = np.exp(rng.uniform(-np.log(MAX_STRETCH), np.log(MAX_STRETCH), MOVES_AT_ONCE))
            yield [Move(null, float(a), float(s)) for a, s in zip(angles, stretches, strict=True)]
        return
    centre = sun_kpc if null == "rotations_sun" else (0.0, 0.0)
    angles = (360.0 * np.arange(1, n + 1) / (n + 1) + 180.0) % 360.0 - 180.0
    for first in range(0, n, MOVES_AT_ONCE):
        yield [Move(null, float(angle), 1.0, centre) for angle in angles[first : first + MOVES_AT_ONCE]]


def correlations(values: Array, others: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return Pearson's r of values, shape (m,), with each row of `others`, shape (k, m), over cells without NaN, and their number.

    r is NaN for fewer than 3 cells or where one side is constant.
    """
    known = np.isfinite(others)
    n = known.sum(axis=1)
    a, b = np.where(known, values, 0.0), np.where(known, others, 0.0)
    count = np.maximum(n, 1)[:, None]
    a = np.where(known, a - a.sum(axis=1, keepdims=True) / count, 0.0)
    b = np.where(known, b - b.sum(axis=1, keepdims=True) / count, 0.0)
    size = np.sqrt(np.sum(a * a, axis=1) * np.sum(b * b, axis=1))
    smallest = 1e-12 * np.sqrt(
        np.sum(np.where(known, values, 0.0) ** 2, axis=1) * np.sum(np.where(known, others, 0.0) ** 2, axis=1)
    )
    good = (n >= 3) & (size > smallest)
    return np.divide(np.sum(a * b, axis=1), size, out=np.full(n.size, np.nan), where=good), n


@njit(cache=True, parallel=True)
def _interpolate(values: Array, u: Array, v: Array, out: Array) -> None:
    """Bilinear; a place that is a node but for rounding needs that node alone."""
    n, m = values.shape
    for k in prange(u.size):
        i, j = int(np.floor(u[k] + TINY)), int(np.floor(v[k] + TINY))
        a, b = max(u[k] - i, 0.0), max(v[k] - j, 0.0)
        a, b = (0.0 if a < TINY else a), (0.0 if b < TINY else b)
        if i < 0 or j < 0 or i + (a > 0) >= n or j + (b > 0) >= m:
            out[k] = np.nan
            continue
        total = (1 - a) * (1 - b) * values[i, j]
        if a > 0:
            total += a * (1 - b) * values[i + 1, j]
        if b > 0:
            total += (1 - a) * b * values[i, j + 1]
        if a > 0 and b > 0:
            total += a * b * values[i + 1, j + 1]
        out[k] = total
