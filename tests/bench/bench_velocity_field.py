"""Velocity field: 28,000 nodes and 270,000 cells, and a plain loop (cKDTree and numpy's lstsq) over some of the nodes.

The loop fits the second order alone, with errors; ours fits both orders, with robust covariances and conditions, and the
cells of each hemisphere. Outputs are compared in the run; compilation is timed apart. Also: 20 M stars to cells.
Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_velocity_field.py [--stars N] [--threads N]
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import bin_phase_space_cells
from discatlas.contracts import load_contract
from discatlas.runtime import use_threads
from discatlas.tables import TableWriter, count_rows
from discatlas.velocity_field.hemispheres import north_minus_south, sort_hemispheres
from discatlas.velocity_field.nodes import fit_nodes, node_grid, sort_cells
from discatlas.velocity_field.reference import fit_plainly

RADIUS, X_SUN, N_CELLS, PEER_NODES, BLOCK = 1.0, -8.249, 270_000, 300, 4096
MEANS = {"v_R": 0.0, "v_phi": 230.0, "v_Z": 0.0}


def make_cells(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cells thinning out from the Sun, up to 4,000 and more within the radius, with a wavy velocity field."""
    rng = np.random.default_rng(seed)
    distance, angle = 10 * rng.beta(1.6, 1.25, N_CELLS), rng.uniform(0, 2 * np.pi, N_CELLS)
    Z = np.clip(rng.laplace(0, 0.35, N_CELLS), -3, 3)
    positions = np.stack([X_SUN + distance * np.cos(angle), distance * np.sin(angle), Z], axis=1)
    R, phi = np.hypot(positions[:, 0], positions[:, 1]), np.arctan2(positions[:, 1], -positions[:, 0])
    mean = np.stack([8 * np.sin(R + 2 * phi), 230 + 6 * np.cos(R + 2 * phi), 3 * Z], axis=1)
    return positions, mean + rng.normal(0, 12, mean.shape)


def ours(positions: np.ndarray, velocities: np.ndarray, X: np.ndarray, Y: np.ndarray) -> list:
    """Sort and fit, block by block as the script does, and the hemispheres."""
    cells, fits = sort_cells(positions, velocities, None, RADIUS), []
    halves = sort_hemispheres(positions, velocities, None, RADIUS)
    for block in (slice(k, k + BLOCK) for k in range(0, X.size, BLOCK)):
        fits.append(fit_nodes(cells, X[block], Y[block], 500))
        north_minus_south(halves, X[block], Y[block], 500, True)
    return fits


def bench_fits() -> None:
    """Print the time of the loop over some nodes, and of ours over all, with the largest differences."""
    positions, velocities = make_cells()
    X, Y = node_grid(10.0, 0.1, X_SUN)
    inside = (np.hypot(X - X_SUN, Y) < 9.45) & (np.hypot(X, Y) > 0.5)
    X, Y = X[inside], Y[inside]
    some = np.linspace(0, X.size - 1, PEER_NODES).astype(int)
    start = time.perf_counter()
    tree = cKDTree(positions)
    loop = [fit_plainly(tree, positions, velocities, X[k], Y[k], RADIUS) for k in some]
    seconds = time.perf_counter() - start
    per_node = seconds / some.size
    print(f"cKDTree + lstsq, second order: {some.size} nodes {seconds:.2f} s, {per_node * 1e3:.2f} ms/node")
    start = time.perf_counter()
    ours(positions, velocities, X[:2], Y[:2])
    print(f"  compilation (or reading its cache) {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    fits = ours(positions, velocities, X, Y)
    fast = time.perf_counter() - start
    n_cells = np.concatenate([fit.n_cells for fit in fits])
    values, errors = (
        np.concatenate([getattr(fit.quadratic, name) for fit in fits])[some] for name in ("coefficients", "errors")
    )
    expected, expected_errors = (np.stack([result[k] for result in loop]) for k in (0, 1))
    fitted = n_cells[some] >= 500
    worst = np.abs((values - expected)[fitted] / expected_errors[fitted]).max()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(
        f"discatlas, both orders and hemispheres: {X.size:,} nodes {fast:.2f} s, {fast / X.size * 1e3:.3f} ms/node, "
        f"{per_node * X.size / fast:.0f}x; cells per node {n_cells.mean():,.0f} (largest {n_cells.max():,}); "
        f"peak memory {memory:.2f} GB\n"
        f"  largest difference of a coefficient: {worst:.1g} of its error; robust errors over plain ones: "
        f"{np.median(errors[fitted] / expected_errors[fitted]):.3f} (median)"
    )


def bench_cells(n_stars: int, threads: int, folder: Path) -> None:
    """Print the time from a Parquet file of stars to its cells."""
    path, rng = folder / "stars.parquet", np.random.default_rng(1)
    names = ["X_kpc", "Y_kpc", "Z_kpc", *(f"{name}_kms" for name in MEANS)]
    with TableWriter(path, load_contract("phase_space"), names) as writer:
        for first in range(0, n_stars, 1_000_000):
            n = min(1_000_000, n_stars - first)
            distance, angle = np.abs(rng.normal(0, 3, n)), rng.uniform(0, 2 * np.pi, n)
            stars = {"X_kpc": X_SUN + distance * np.cos(angle), "Y_kpc": distance * np.sin(angle)}
            stars |= {"Z_kpc": rng.laplace(0, 0.35, n)}
            writer.write(stars | {f"{name}_kms": rng.normal(mean, 25, n) for name, mean in MEANS.items()})
    start = time.perf_counter()
    bin_phase_space_cells.run(
        stars=path,
        cells=folder / "cells.parquet",
        cell_kpc=0.1,
        min_stars=3,
        half_width_kpc=10.0,
        Z_max_kpc=3.0,
        max_speed_kms=1000.0,
        R0_kpc=-X_SUN,
        threads=threads,
    )
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(
        f"bin_phase_space_cells: {n_stars:,} stars {seconds:.2f} s, {n_stars / seconds / 1e6:.2f} M/s, "
        f"{count_rows(folder / 'cells.parquet'):,} cells; peak memory of all {memory:.2f} GB"
    )


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=float, default=20_000_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    bench_fits()
    with tempfile.TemporaryDirectory() as folder:
        bench_cells(int(arguments.stars), arguments.threads, Path(folder))


if __name__ == "__main__":
    main()
