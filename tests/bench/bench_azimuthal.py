"""Azimuthal structure and over-densities against plain numpy on the same data; outputs are compared in the run.

Peers: a loop over stars for the deviations, `rng.permutation` for the permutations of stars, a loop over nodes for the kernel
densities, a loop over moves with scipy's interpolation and numpy's correlation for the comparison of maps. Slow peers do a
part of the work, and the rate is compared. Run with:
PYTHONPATH=workflow/scripts:tests/unit python tests/bench/bench_azimuthal.py [--stars N] [--threads N]
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from made_azimuthal import R0, draw_places, hexagons, polar, round_field
from scipy.interpolate import RegularGridInterpolator

from discatlas.azimuthal.annulus import Settings, covariance_of, measure_annulus
from discatlas.azimuthal.blocks import Layout, gather_blocks
from discatlas.azimuthal.correlation import GriddedMap, compare_maps
from discatlas.azimuthal.deviations import PhiBins, annulus_stars
from discatlas.azimuthal.noise import NO_SHARED_NOISE
from discatlas.azimuthal.significance import _shuffle_stars, find_significance
from discatlas.overdensity import grid_axes, kernel_sums
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

BINS = PhiBins.between((-30, 30), 3.0)
REPEATS = 3


def best_of(function, repeats=REPEATS):
    """Smallest time of some calls, and the last result."""
    function()  # compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def report(what, seconds, per, n):
    print(f"{what:<66}{seconds:>9.3f} s {seconds / n * 1e6:>12.3f} us per {per}")
    return seconds / n


def bench_deviations(R, phi, feh):
    seconds, stars = best_of(lambda: annulus_stars(R, phi, R * 0, feh, (7, 9), 0.2))
    ours = report("deviations of an annulus", seconds, "star", stars.R_kpc.size)
    some = np.flatnonzero(stars.is_inside)[::997]
    order = np.argsort(R, kind="stable")
    R_sorted, feh_sorted = R[order], feh[order]
    start = time.perf_counter()
    peer = []
    for r, deviation in zip(stars.R_kpc[some], stars.deviation[some], strict=True):
        near = np.abs(R_sorted - r) <= 0.2
        i = np.searchsorted(R_sorted, r)
        peer.append(feh_sorted[i] - feh_sorted[near].mean() - deviation)
    theirs = report("  peer: loop over stars with a mask", time.perf_counter() - start, "star", some.size)
    assert np.abs(peer).max() < 1e-9
    print(f"  {theirs / ours:.0f} times faster")
    return stars


def bench_permutations(stars, n, rng):
    blocks = gather_blocks(stars, Layout.of_size((7, 9), BINS, 0.5))
    seconds, means = best_of(lambda: _shuffle_stars(stars.deviation, blocks, n, rng), 1)
    ours = report(f"{n} permutations of {blocks.n.sum():,} stars within rings", seconds, "permutation", n)
    values, edges = stars.deviation[blocks.star], np.concatenate([[0], np.cumsum(blocks.n)])
    starts = edges[:-1][np.concatenate([[True], np.diff(blocks.ring) > 0])]
    rings = np.append(starts, edges[-1])
    start, n_peer, peer = time.perf_counter(), max(n // 20, 5), []
    for _ in range(n_peer):
        shuffled = np.concatenate([rng.permutation(values[a:b]) for a, b in pairwise(rings)])
        peer.append(np.add.reduceat(shuffled, edges[:-1]) / blocks.n)
    theirs = report("  peer: rng.permutation and add.reduceat", time.perf_counter() - start, "permutation", n_peer)
    np.testing.assert_allclose(np.std(means, axis=0).mean(), np.std(peer, axis=0).mean(), rtol=0.3)
    print(f"  {theirs / ours:.1f} times faster")
    for null in ("blocks", "stars"):
        settings = Settings(BINS, 20, 0.5, null, n, 6)
        seconds, _ = best_of(lambda settings=settings: measure_annulus(stars, settings, rng), 1)
        report(f"whole annulus, null {null}, {n} permutations", seconds, "star", stars.R_kpc.size)
    covariance = covariance_of(blocks, NO_SHARED_NOISE)
    seconds, _ = best_of(lambda: find_significance(blocks, stars.deviation, covariance, 6, "blocks", n, rng))
    report(f"significance by {n} permutations of {blocks.n.size} blocks", seconds, "permutation", n)


def bench_overdensity(x, y):
    X, Y = grid_axes([[-14.0, -3.0], [-5.5, 5.5]], 0.1)
    for kernel, width in (("epanechnikov", 0.3), ("epanechnikov", 2.0), ("gaussian", 2.0)):
        seconds, (total, _) = best_of(
            lambda kernel=kernel, width=width: kernel_sums(x, y, X, Y, width, kernel, width < 1), 1
        )
        ours = report(f"{kernel} of {width:g} kpc at {X.size * Y.size:,} nodes", seconds, "star", x.size)
        start, nodes = time.perf_counter(), [(i, j) for i in range(5, X.size, 12) for j in range(5, Y.size, 12)]
        for i, j in nodes:
            u, v = ((x - X[i]) / width) ** 2, ((y - Y[j]) / width) ** 2
            if kernel == "gaussian":
                peer = np.sum(np.exp(-0.5 * (u + v)) * (u + v <= 9)) / (2 * np.pi * width**2 * (1 - np.exp(-4.5)))
            else:
                peer = np.sum(np.maximum(1 - u, 0) * np.maximum(1 - v, 0)) * 9 / 16 / width**2
            assert abs(peer - total[i, j]) <= 1e-9 * max(peer, 1.0)
        theirs = (time.perf_counter() - start) / len(nodes) * X.size * Y.size / x.size
        print(
            f"{'  peer: loop over nodes':<66}{'':>11} {theirs * 1e6:>12.3f} us per star\n  {theirs / ours:.1f} times faster"
        )


def bench_comparison(rng):
    axis = np.linspace(-6, 6, 121)
    grid_X, grid_Y = np.meshgrid(axis - R0, axis, indexing="ij")
    values = round_field(0.6, rng).at(grid_X, grid_Y)
    X, Y = hexagons(0.25, lambda x, y: np.full(np.shape(x), True), 2.9)
    cells = round_field(0.6, rng).at(X, Y)
    grid = GriddedMap(axis[0] - R0, axis[0], (0.1, 0.1), values)
    n = 999
    seconds, found = best_of(lambda: compare_maps(X, Y, cells, grid, "rotations_sun", n, 0.6, (-R0, 0.0), rng))
    ours = report(f"{n} rotations of a map over {X.size} cells", seconds, "move", n)
    start, peer = time.perf_counter(), []
    interpolate = RegularGridInterpolator((axis - R0, axis), values)
    for move in found.moves[::10]:
        peer.append(np.corrcoef(cells, interpolate(np.stack(move.back(X, Y), axis=1)))[0, 1])
    theirs = report("  peer: scipy's interpolator, numpy's corrcoef", time.perf_counter() - start, "move", len(peer))
    np.testing.assert_allclose(found.r_moved[::10], peer, atol=1e-9)
    print(f"  {theirs / ours:.1f} times faster")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stars", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    rng = stream_generator(1, "bench_azimuthal")
    X, Y = draw_places(arguments.stars, rng)
    R, phi = polar(X, Y)
    feh = -0.07 * R + 0.3 * rng.standard_normal(R.size)
    stars = bench_deviations(R, phi, feh)
    bench_permutations(stars, 999, rng)
    bench_overdensity(X, Y)
    bench_comparison(rng)


if __name__ == "__main__":
    main()
