"""How often chance makes as much of a pattern in azimuth: permutations within an annulus.

Two nulls:

blocks  Blocks of stars trade places and signs within the annulus, after their means were freed of the levels of their rings
        and of what neighbouring blocks share (`discatlas.azimuthal.noise`), which is put back afterwards: the null has the
        stars' own autocorrelation.
stars   Single stars trade places within their ring: the plain permutation. It takes every star for an independent witness;
        where stars near each other share anything, it finds patterns that are not there.

The statistics are the same for both: the chi-square of the levels of sectors beyond those of rings, and for each wavenumber
the power, by how much the wave lowers chi-square. Each p-value is (1 + number of permutations with as much) / (1 + number).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.azimuthal.blocks import Blocks, indicators
from discatlas.azimuthal.waves import beyond, wave_columns
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
NULLS = ("blocks", "stars")


@dataclass(frozen=True)
class Significance:
    """Chi-square of the sectors with its degrees of freedom; the power of the waves 1, 2 ...; and their p-values.

    `p_any_wave` is that of the most significant wave among all that were tried.
    """

    chi_square: float
    degrees_of_freedom: int
    p_value: float
    power: Array
    p_waves: Array
    p_any_wave: float


def check_null(null: str, n_permutations: int, max_wavenumber: int) -> None:
    """Raise a DiscatlasError for an unknown null, and for no permutation or wave."""
    if null not in NULLS or n_permutations < 1 or max_wavenumber < 1:
        raise DiscatlasError(
            f"azimuthal variation: got null {null!r}, n_permutations {n_permutations}, max_wavenumber {max_wavenumber}; "
            f"expected one of {', '.join(NULLS)}, and 1 or more of both"
        )


def find_significance(
    blocks: Blocks,
    deviation: Array,
    covariance: Array,
    max_wavenumber: int,
    null: str,
    n_permutations: int,
    rng: np.random.Generator,
) -> Significance:
    """Hold the pattern of the blocks against permutations.

    Parameters
    ----------
    blocks : Blocks
        From `gather_blocks`.
    deviation : array, shape (n,)
        Of the stars that the blocks' rows mean.
    covariance : array, shape (b, b)
        Of the block means; for ``stars`` that of independent stars.
    null : str
        One of `NULLS` (see `check_null`).

    Raises
    ------
    DiscatlasError
        For blocks that lie in one sector of each ring.
    """
    factor = np.linalg.cholesky(covariance)

    def white(columns: Array) -> Array:
        return np.linalg.solve(factor, columns)

    base, _ = np.linalg.qr(white(blocks.levels))
    parts = [beyond(white(indicators(blocks.sector)), base)]
    parts += [beyond(white(wave_columns(blocks.phi_deg, m)), base) for m in range(1, max_wavenumber + 1)]
    if parts[0].shape[1] < 1:
        raise DiscatlasError(
            "azimuthal variation: the stars of an annulus lie in one sector of each ring; widen phi_limits_deg or lower block_kpc"
        )
    mean = white(blocks.mean)
    found = np.array([np.sum((part.T @ mean) ** 2) for part in parts])
    if null == "blocks":
        rest = _complement(base)
        chance = _squares(_shuffle_blocks(rest.T @ mean, n_permutations, rng), [rest.T @ part for part in parts])
    else:
        chance = _squares(white(_shuffle_stars(deviation, blocks, n_permutations, rng).T).T, parts)
    p = (1 + np.sum(chance >= found * (1 - 1e-12), axis=0)) / (1 + n_permutations)
    known = np.array([part.shape[1] == 2 for part in parts[1:]])
    power, p_waves = (np.where(known, values[1:], np.nan) for values in (found, p))
    any_wave = _least(p[1:][known], chance[:, 1:][:, known])
    return Significance(float(found[0]), parts[0].shape[1], float(p[0]), power, p_waves, any_wave)


def _squares(means: Array, parts: list[Array]) -> Array:
    """Return the statistic of each part for each row of means, shape (n, parts)."""
    return np.stack([np.sum((means @ part) ** 2, axis=1) for part in parts], axis=1)


def _complement(base: Array) -> Array:
    """Return an orthonormal basis of all that is orthogonal to the columns of `base`, shape (b, b - k)."""
    whole, _ = np.linalg.qr(np.concatenate([base, np.eye(len(base))], axis=1))
    return whole[:, base.shape[1] :]


def _least(p_values: Array, chance: Array) -> float:
    """Return the p-value of the least of some p-values, from the same permutations."""
    if not p_values.size:
        return np.nan
    n = len(chance)
    order = np.argsort(np.argsort(-chance, axis=0, kind="stable"), axis=0)
    least = np.min((2 + order) / (1 + n), axis=1)
    return float((1 + np.sum(least <= p_values.min() + 1e-12)) / (1 + n))


def _shuffle_blocks(values: Array, n: int, rng: np.random.Generator) -> Array:
    """Return the values at each other's places and with random signs, shape (n, b)."""
    return rng.permuted(np.tile(values, (n, 1)), axis=1) * rng.choice([-1.0, 1.0], (n, values.size))


def _shuffle_stars(deviation: Array, blocks: Blocks, n: int, rng: np.random.Generator) -> Array:
    """Return block means after the stars of each ring traded places, shape (n, b)."""
    edges = np.concatenate([[0], np.cumsum(blocks.n)])
    first_of_ring = np.concatenate([[True], np.diff(blocks.ring) > 0])
    rings = np.append(edges[:-1][first_of_ring], edges[-1])
    sums = np.empty((n, blocks.n.size))
    _permute(deviation[blocks.star], edges, rings, rng.integers(0, 2**63, n, dtype=np.uint64), sums)
    return sums / blocks.n


@njit(cache=True)
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, parallel=True)
def _permute(values: Array, edges: NDArray, rings: NDArray, seeds: NDArray, sums: Array) -> None:
    """Fisher-Yates within rings, by a counter of each permutation's own; then sums over the blocks' rows."""
    for k in prange(seeds.size):
        x, state = values.copy(), seeds[k]
        for r in range(rings.size - 1):
            first, last = rings[r], rings[r + 1]
            for i in range(last - 1, first, -1):
                state += np.uint64(0x9E3779B97F4A7C15)
                fraction = np.float64(_mix(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
                j = first + int(fraction * (i - first + 1))
                x[i], x[j] = x[j], x[i]
        for b in range(edges.size - 1):
            total = 0.0
            for i in range(edges[b], edges[b + 1]):
                total += x[i]
            sums[k, b] = total
