"""Metallicity gradients: the compiled likelihood against plain numpy, and whole fits by both kinds of moves.

Peer: the same likelihood as numpy array expressions, as a user of emcee would write it. Values are compared in the run;
compilation is timed apart. Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_gradients.py [--stars N]
"""

import argparse
import time

import numpy as np

from discatlas.gradients import MODELS
from discatlas.gradients.likelihood import Line, make_line, maxima
from discatlas.gradients.sampling import SamplerSettings, sample_line
from discatlas.runtime import use_threads

N_EVALUATIONS, N_PEER, TOGETHER = 10_000, 100, 16
LIMIT_S = 20.0


def make_stars(n: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    x, V_xx, V_yy = rng.normal(9.3, 1.2, n), rng.uniform(0.01, 0.5, n) ** 2, rng.uniform(0.03, 0.15, n) ** 2
    y = 0.4 - 0.08 * x + np.sqrt(0.3**2 + V_yy) * rng.standard_normal(n)
    return x + np.sqrt(V_xx) * rng.standard_normal(n), y, V_xx, 0.1 * np.sqrt(V_xx * V_yy), V_yy


def by_numpy(line: Line, theta: np.ndarray) -> float:
    """The peer, for straight lines."""
    u, y, V_xx, V_xy, V_yy = line.stars
    m, b, scatter = theta
    variance = scatter**2 + V_yy - 2.0 * m * V_xy + m * m * V_xx
    return -0.5 * np.sum(np.log(2.0 * np.pi * variance) + (y - m * u - b) ** 2 / variance)


def clock(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def bench_likelihood(columns: tuple[np.ndarray, ...]) -> None:
    """10,000 evaluations, 16 at a time as half of 32 walkers are."""
    n = columns[0].size
    line = make_line("linear", "hogg2010", *columns)
    rng = np.random.default_rng(2)
    theta = np.array([-0.08, -0.3, 0.3]) + 0.01 * rng.standard_normal((N_EVALUATIONS, 3))
    seconds, _ = clock(lambda: line.log_likelihood(theta[:TOGETHER]))
    print(f"compilation (or reading its cache) {seconds:.1f} s")
    seconds, peer = clock(lambda: np.array([by_numpy(line, row) for row in theta[:N_PEER]]))
    each = seconds / N_PEER
    print(
        f"numpy, {N_PEER} evaluations of {n:,} stars: {seconds:.2f} s, so {each * N_EVALUATIONS:.1f} s for {N_EVALUATIONS:,}"
    )
    for threads in (1, 2):
        use_threads(threads)
        parts = np.array_split(theta, N_EVALUATIONS // TOGETHER)
        seconds, found = clock(lambda parts=parts: np.concatenate([line.log_likelihood(part) for part in parts]))
        worst = np.abs(found[:N_PEER] / peer - 1.0).max()
        print(
            f"discatlas, {threads} thread(s), {N_EVALUATIONS:,} evaluations of {n:,} stars: {seconds:.2f} s "
            f"({seconds / N_EVALUATIONS / n * 1e9:.2f} ns per star; limit {LIMIT_S:g} s), {each * N_EVALUATIONS / seconds:.0f}x, "
            f"largest relative difference {worst:.1g}"
        )


def bench_fits(columns: tuple[np.ndarray, ...]) -> None:
    """Maximum and chains of each model, to R-hat 1.01 and 1,000 effective samples."""
    for model in MODELS:
        line = make_line(model, "kelly2007", *columns)
        seconds, (_, starts) = clock(lambda line=line: maxima(line))
        print(f"{model}: maxima and evidence {seconds:.2f} s")
        for moves, n_steps in (("mixture", 500), ("stretch", 2000)):
            if moves == "stretch" and model == "broken":
                continue  # it takes tens of thousands of steps
            settings = SamplerSettings(moves, 32, 100, n_steps, 20_000, 1.01, 1000)
            seconds, chains = clock(
                lambda line=line, starts=starts, settings=settings: sample_line(
                    line, starts, settings, np.random.default_rng(3)
                )
            )
            print(
                f"  {moves}: {seconds:.1f} s, {chains.theta.shape[0]:,} steps of 32 walkers, autocorrelation "
                f"{chains.autocorrelation:.1f}, {chains.n_effective / seconds:.0f} effective samples per second, converged {chains.converged}"
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stars", type=int, default=50_000)
    n = parser.parse_args().stars
    columns = make_stars(n)
    bench_likelihood(columns)
    bench_fits(tuple(column[: n // 10] for column in columns))


if __name__ == "__main__":
    main()
