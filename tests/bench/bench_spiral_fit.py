"""Spiral fit: one likelihood of 3,000 cells against plain numpy, with and without covariance, and a whole posterior.

The numpy likelihood takes the response at the centres of the cells, ours the mean over the squares of the windows or over
46,000 stars at the same cost; outputs are compared with numpy's over the same places. Compilation and the making of the
matrices are timed apart. The posterior is that of four parameters by dynesty with the settings of the config.
Run with: OMP_NUM_THREADS=1 PYTHONPATH=workflow/scripts python tests/bench/bench_spiral_fit.py [--live N]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from discatlas.maps.windows import Windows, window_members
from discatlas.runtime import use_threads
from discatlas.spiral_fit.covariance import Noise, shared_correlations
from discatlas.spiral_fit.likelihood import Likelihood, Response
from discatlas.spiral_fit.nodes import Places, centres, make_nodes, star_places
from discatlas.spiral_fit.parameters import Priors, SpiralModel
from discatlas.spiral_fit.reference import plain_ln_likelihood
from discatlas.spiral_fit.sampling import sample
from discatlas.streams import stream_generator

INSIDE = SpiralModel(2, "full", "exponential", 1.0, 8.122, 229.0, 0.0, None, 0.05, 10.0)
PRIORS = Priors((2.0, 100.0), (1e5, 3e7), (4.0, 30.0), 2.0)
FREE = replace(PRIORS, pattern_speed_kms_kpc=(1.0, 30.0))
TRUTH = np.array([11.36, 6e6, 12.66, 0.28, 2.0, 0.0])
N_STARS, SIGMA_KMS = 46_000, 35.0
WINDOWS = Windows(((-18.0, -3.0), (-7.0, 7.0)), 0.25, 0.625)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least time of one call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def call_all(likelihood: Likelihood, points: np.ndarray) -> None:
    """Call the likelihood of one point after the other, as the sampler does."""
    for point in points:
        likelihood(point)


def make_windows(rng: np.random.Generator) -> Places:
    """Stars that thin out from the Sun, in the windows of at least 4 between 5 and 20 kpc."""
    distance, angle = rng.gamma(1.6, 2.0, N_STARS), rng.uniform(0, 2 * np.pi, N_STARS)
    X, Y = -8.122 + distance * np.cos(angle), distance * np.sin(angle)
    offsets, indices = window_members(X, Y, WINDOWS)
    places = star_places(X, Y, offsets, indices, np.ones(indices.size))
    R = np.hypot(*WINDOWS.grid.centres(np.arange(WINDOWS.n_windows)).T)
    return places.take(np.flatnonzero((np.diff(offsets) >= 4) & (R > 5.3) & (R < 20)))


def bench_likelihoods(rng: np.random.Generator) -> Likelihood:
    """Print the times of a likelihood, and return the one with stars and covariance."""
    cells = make_windows(rng)
    X, Y = (
        cells.average(part)
        for part in (-cells.R_kpc * np.cos(np.radians(cells.phi_deg)), cells.R_kpc * np.sin(np.radians(cells.phi_deg)))
    )
    n = cells.n_cells
    errors = SIGMA_KMS / np.sqrt(np.diff(cells.offsets))
    correlated = Noise.windows(errors, *shared_correlations(cells), 1 / 500)
    plain = Noise.diagonal(errors)
    print(f"{n:,} cells of {cells.indices.size / n:.0f} stars, {correlated.n_effective:.0f} independent ones")
    cases = (
        ("centres, diagonal", centres(X, Y), plain, PRIORS),
        ("stars, diagonal", cells, plain, PRIORS),
        ("stars, covariance", cells, correlated, PRIORS),
        ("stars, diagonal, free pattern speed", cells, plain, FREE),
        ("stars, covariance, free pattern speed", cells, correlated, FREE),
    )
    kept = None
    for name, places, noise, priors in cases:
        start = time.perf_counter()
        response = Response(INSIDE, make_nodes(INSIDE, priors, places.R_limits_kpc), places)
        v_R = response.v_R(TRUTH) + noise.colour(rng.standard_normal(n))
        likelihood = Likelihood(response, v_R, noise)
        likelihood(TRUTH)
        setup = time.perf_counter() - start
        points = priors.point(rng.random((20, priors.free.size)), INSIDE)
        plainly = partial(plain_ln_likelihood, INSIDE, places, v_R, noise)
        fast = seconds(partial(call_all, likelihood, points), 40) / 20
        slow = seconds(partial(plainly, points[0]), 5)
        worst = max(abs(likelihood(point) / plainly(point) - 1) for point in points)
        print(
            f"  {name}: {fast * 1e6:.0f} us ({response.nodes.n} nodes, made in {setup:.2f} s); numpy {slow * 1e6:,.0f} us, "
            f"{slow / fast:.0f}x; largest relative difference of ln L {worst:.1g}"
        )
        kept = likelihood if name == "stars, covariance" else kept
    return kept


def bench_posterior(likelihood: Likelihood, n_live: int) -> None:
    """Print the time of a posterior."""
    start, cpu = time.perf_counter(), time.process_time()
    found = sample(likelihood, PRIORS, stream_generator(1, "bench"), n_live, 4000)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    off = (found.points.mean(axis=0) - TRUTH)[:4] / found.points.std(axis=0)[:4]
    print(
        f"dynesty, 4 parameters, {n_live} live points: {wall:.1f} s ({cpu:.1f} s of one core), {found.n_calls:,} likelihoods, "
        f"ln Z {found.ln_evidence:.1f} +- {found.ln_evidence_error:.1f}; deviations from the truth {np.round(off, 1)} errors"
    )


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=300)
    arguments = parser.parse_args()
    use_threads(1)
    bench_posterior(bench_likelihoods(np.random.default_rng(0)), arguments.live)


if __name__ == "__main__":
    main()
