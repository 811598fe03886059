"""Isochrone ages: the compiled integral against plain numpy sums on the same stars, and how it converges.

Peer: all points of all isochrones at once as array expressions, chunk by chunk of stars, each point with half of the
mass on either side (Zari et al. 2025, Eq. 14). It is compared where the points are dense beside the errors.
Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_ages.py [--stars N]
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from discatlas.ages import kernels
from discatlas.ages.grid import AgeGrid, load_grid
from discatlas.ages.posterior import log_age_prior, log_likelihood, normalise, summarise
from discatlas.ages.priors import log_metallicity_prior
from discatlas.photometry import read_bolometric_corrections
from discatlas.runtime import use_threads

AXES = ((6.0, 9.0, 0.05), (-0.5, 0.4, 0.1))
FRACTIONS = (0.04, 0.15, 0.2)  # errors of the simulated survey: Teff (relative), log g [dex], M_Ks [mag]
N_PEER = 24
LIMIT_S, LIMIT_GB = 60.0, 3.0


def make_stars(grid: AgeGrid, n: int) -> tuple[np.ndarray, ...]:
    """Stars hotter than 10,000 K at random points of random isochrones, by the mass that stands for each."""
    rng = np.random.default_rng(1)
    points, masses = grid.arrays[0], grid.arrays[1]
    chance = np.where(points[:, 0] > 10_000, masses, 0.0)
    true = points[rng.choice(len(points), n, p=chance / chance.sum())]
    errors = np.column_stack([FRACTIONS[0] * true[:, 0], np.full((n, 2), FRACTIONS[1:])])
    values = true + errors * rng.standard_normal(true.shape)
    mean = rng.normal(0.0, 0.1, n)
    return values, 1.0 / errors, log_metallicity_prior(mean, np.full(n, 0.1), grid.feh_dex)


def by_numpy(grid: AgeGrid, values: np.ndarray, weights: np.ndarray, log_phi: np.ndarray) -> np.ndarray:
    """The peer: G at each age up to a factor, shape (n, n_age)."""
    points, masses = grid.arrays[0], grid.arrays[1]
    sizes = [one.mass_msun.size for row in grid.isochrones for one in row]
    age, feh = np.divmod(np.repeat(np.arange(len(sizes)), sizes), grid.feh_dex.size)
    dm = 0.5 * (masses + np.concatenate([[0.0], masses[:-1]]))
    G = np.empty((len(values), grid.log_age.size))
    for s, (star, weight) in enumerate(zip(values, weights, strict=True)):
        chi2 = (((points - star) * weight) ** 2).sum(axis=1)
        G[s] = np.bincount(age, dm * np.exp(log_phi[s][feh] - 0.5 * (chi2 - chi2.min())), grid.log_age.size)
    return G


def clock(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def percentiles(grid: AgeGrid, G: np.ndarray) -> np.ndarray:
    return np.array(summarise(log_likelihood(G), log_age_prior(grid.log_age, "time"), grid.log_age)[:3])


def bench_speed(grid: AgeGrid, n: int) -> None:
    stars = make_stars(grid, n)
    few = tuple(column[:N_PEER] for column in stars)
    seconds, _ = clock(lambda: kernels.marginal_likelihood(grid.arrays, *few))
    print(f"compilation (or reading its cache) {seconds:.1f} s")
    seconds, peer = clock(lambda: by_numpy(grid, *few))
    each = seconds / N_PEER
    print(f"numpy, {N_PEER} stars: {seconds:.1f} s, so {each * n:,.0f} s for {n:,}")
    for threads in (1, 2):
        use_threads(threads)
        part = n if threads == 2 else n // 5
        some = tuple(column[:part] for column in stars)
        seconds, (G, _) = clock(lambda some=some: kernels.marginal_likelihood(grid.arrays, *some))
        rate = seconds / part
        worst = np.abs(normalise(G[:N_PEER], grid.log_age) - normalise(peer, grid.log_age)).max(axis=1)
        shift = np.abs(percentiles(grid, G[:N_PEER]) - percentiles(grid, peer)).max()
        print(
            f"discatlas, {threads} thread(s), {part:,} stars: {seconds:.1f} s ({rate * 1e6:.0f} us per star, "
            f"{rate * 50_000:.0f} s for 50,000; limit {LIMIT_S:g} s), {each / rate:.0f}x; "
            f"largest difference of a density {worst.max():.2g} per dex, of a percentile {shift:.2g} dex"
        )
    seconds, _ = clock(lambda: percentiles(grid, G))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"percentiles of {n:,} posteriors {seconds:.2f} s; peak memory {memory:.2f} GB (limit {LIMIT_GB:g} GB)")


def bench_convergence(grid: AgeGrid) -> None:
    """Errors ever smaller: sums over the points fail where the points are too far apart, the integral does not."""
    table = read_corrections()
    half = load_grid("lachesis", None, (6.0, 9.0, 0.025), AXES[1], 2.7, table)
    values, weights, log_phi = (column[:N_PEER] for column in make_stars(grid, N_PEER))
    for factor in (1.0, 3.0, 10.0):
        G, finer = (kernels.marginal_likelihood(g.arrays, values, factor * weights, log_phi)[0] for g in (grid, half))
        sums = by_numpy(grid, values, factor * weights, log_phi)
        mine, theirs, ages = percentiles(grid, G), percentiles(grid, sums), percentiles(half, finer)
        width = np.median(mine[2] - mine[0])
        print(
            f"errors / {factor:g}: median p84 - p16 {width:.3f} dex; percentiles differ from sums over the points by "
            f"{np.abs(mine - theirs).max():.2g} dex, from half the step in age by {np.abs(mine - ages).max():.2g} (median "
            f"{np.median(np.abs(mine - ages)):.2g}) dex"
        )


def read_corrections():
    return read_bolometric_corrections(Path(__file__).parents[2] / "resources/mist_bolometric_corrections.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=50_000)
    arguments = parser.parse_args()
    seconds, grid = clock(lambda: load_grid("lachesis", None, *AXES, 2.7, read_corrections()))
    print(
        f"grid of {grid.log_age.size} ages and {grid.feh_dex.size} [Fe/H], {len(grid.arrays[0]):,} points: {seconds:.1f} s"
    )
    bench_speed(grid, arguments.stars)
    bench_convergence(grid)


if __name__ == "__main__":
    main()
