"""Maps: medians and likelihoods against scipy on the same stars, and 20 M stars from Parquet to a map of three velocities.

Peers: `scipy.stats.binned_statistic_2d` for medians; a loop over (some) cells with `scipy.optimize.minimize` of the same
restricted likelihood, which gives mean and dispersion but no intervals (ours are timed with them). Outputs are compared
in the run; compilation is timed apart. Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_maps.py [--stars N]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import binned_statistic_2d

import bin_map
from discatlas.contracts import error_column, load_contract
from discatlas.maps.grids import Grid
from discatlas.maps.likelihood import estimate_cells
from discatlas.maps.moments import cell_moments, divide_blocks, sort_by_cell
from discatlas.tables import TableWriter, count_rows

COMPONENTS = {"v_R_kms": (0.0, 35.0), "v_phi_kms": (230.0, 25.0), "v_Z_kms": (0.0, 18.0)}
SIZE, LIMITS = 0.2, ((-18.2, 1.8), (-10.0, 10.0))
GRID = Grid(("X_kpc", "Y_kpc"), "square", (SIZE, SIZE), LIMITS)
SMALL, PEER_CELLS, REPEATS = 1_000_000, 200, 3


def make_stars(n: int, seed: int) -> dict[str, np.ndarray]:
    """Stars thinning out from the Sun, with errors that grow with distance."""
    rng = np.random.default_rng(seed)
    distance, angle = np.abs(rng.normal(0, 2, n)) + 0.05, rng.uniform(0, 2 * np.pi, n)
    stars = {"X_kpc": -8.2 + distance * np.cos(angle), "Y_kpc": distance * np.sin(angle)}
    for name, (mean, sigma) in COMPONENTS.items():
        error = 2 * np.exp(0.7 * rng.normal(size=n)) * (1 + distance)
        stars |= {name: rng.normal(mean, np.hypot(sigma, error)), error_column(name): error}
    return stars


def best_of(function, repeats=REPEATS):
    """Smallest time of some calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def minimise_cell(v, e):
    """The peer: -ln L (restricted) over mean and ln sigma, by scipy."""

    def loss(parameters):
        w = 1 / (np.exp(2 * parameters[1]) + e**2)
        return 0.5 * (np.sum(w * (v - parameters[0]) ** 2) - np.sum(np.log(w)) + np.log(w.sum()))

    start = np.array([v.mean(), np.log(v.std())])
    simplex = start + np.array([[0.0, 0.0], [v.std() / np.sqrt(v.size), 0.0], [0.0, 0.1]])
    options = {"xatol": 1e-6, "fatol": 1e-9, "initial_simplex": simplex}
    result = minimize(loss, start, method="Nelder-Mead", options=options)
    return result.x[0], np.exp(result.x[1])


def report(what: str, n: int, seconds: float, note: str = "") -> None:
    print(f"{what:<52}{n:>12,} stars {seconds:>9.3f} s {n / seconds / 1e6:>9.3f} M/s  {note}")


def bench_medians(stars):
    """Medians of all cells: the same bits as scipy's."""
    edges = [np.append(GRID.edges[k][:-1], np.nextafter(LIMITS[k][1], -99)) for k in range(2)]
    x, y, v = stars["X_kpc"], stars["Y_kpc"], stars["v_R_kms"]
    seconds, peer = best_of(lambda: binned_statistic_2d(x, y, v, "median", edges).statistic, 1)
    report("scipy binned_statistic_2d: median", v.size, seconds)

    def ours():
        cells = GRID.cell_of(x, y)
        inside = cells >= 0
        offsets, values, _ = sort_by_cell(cells[inside], (v[inside], v[inside]), GRID.n_cells)
        return cell_moments(values, offsets, divide_blocks(offsets))

    start = time.perf_counter()
    ours()
    print(f"  compilation (or reading its cache) {time.perf_counter() - start:.1f} s")
    fast, moments = best_of(ours)
    worst = np.nanmax(np.abs(moments[:, 0] - peer.ravel()))
    report(
        "discatlas: median, its error, mean, std",
        v.size,
        fast,
        f"{seconds / fast:.0f}x, largest difference {worst:g} km/s",
    )


def bench_likelihood(stars):
    """Mean and dispersion of some cells against a loop with scipy's minimiser."""
    cells, v, e = GRID.cell_of(stars["X_kpc"], stars["Y_kpc"]), stars["v_R_kms"], stars["v_R_error_kms"]
    inside = cells >= 0
    offsets, v, e = sort_by_cell(cells[inside], (v[inside], e[inside]), GRID.n_cells)
    blocks, centres = divide_blocks(offsets), cell_moments(v, offsets, divide_blocks(offsets))[:, 0]
    deviations = v - np.repeat(centres, np.diff(offsets))
    start = time.perf_counter()
    estimate_cells(deviations, e**2, offsets, centres, blocks, "restricted")
    print(f"  compilation (or reading its cache) {time.perf_counter() - start:.1f} s")
    fast, ours = best_of(lambda: estimate_cells(deviations, e**2, offsets, centres, blocks, "restricted"))
    full = np.flatnonzero((np.diff(offsets) >= 30) & (ours[:, 2] > 5))
    some = full[:: max(1, full.size // PEER_CELLS)]
    seconds, peer = best_of(
        lambda: [minimise_cell(v[offsets[k] : offsets[k + 1]], e[offsets[k] : offsets[k + 1]]) for k in some], 1
    )
    n_peer = int(np.diff(offsets)[some].sum())
    report(f"scipy minimize, {some.size} cells: mean, sigma", n_peer, seconds)
    worst = np.abs(np.array(peer) - ours[some][:, [0, 2]]).max()
    report(
        "discatlas, all cells: mean, sigma, three intervals",
        v.size,
        fast,
        f"{seconds / n_peer / fast * v.size:.0f}x, largest difference {worst:.1g} km/s",
    )


def bench_whole(n_stars, folder):
    """From a Parquet file to the map of three components, in a process of its own."""
    path = folder / "stars.parquet"
    names = ["X_kpc", "Y_kpc", *(name for v in COMPONENTS for name in (v, error_column(v)))]
    with TableWriter(path, load_contract("phase_space"), names) as writer:
        for seed, first in enumerate(range(0, n_stars, SMALL)):
            writer.write(make_stars(min(SMALL, n_stars - first), seed))
    for size in (0.2, 20.0):
        output = subprocess.run(
            [sys.executable, __file__, "--map", str(path), str(size)], check=True, capture_output=True, text=True
        ).stdout.split()
        seconds, memory, in_cells = float(output[0]), float(output[1]), int(output[2])
        report(
            f"bin_map, 3 components, {in_cells:,} cell(s) of {size:g} kpc",
            n_stars,
            seconds,
            f"peak memory {memory:.2f} GB",
        )


def map_once(path, size):
    """Print seconds, peak memory in GB and number of cells of one run of the script (started with --map)."""
    start = time.perf_counter()
    cells = Path(path).with_name("map.parquet")
    bin_map.run(
        stars=Path(path),
        cells=cells,
        axes=list(GRID.axes),
        cell_shape="square",
        cell_size=[float(size)] * 2,
        limits=[list(pair) for pair in LIMITS],
        selection=None,
        quantities=list(COMPONENTS),
        min_stars=6,
        estimator="restricted",
        threads=2,
    )
    print(
        time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, count_rows(cells)
    )


def main() -> None:
    """Run the comparison and the whole map."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=float, default=20_000_000)
    parser.add_argument("--map", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.map:
        map_once(*arguments.map)
        return
    stars = make_stars(SMALL, 0)
    bench_medians(stars)
    bench_likelihood(stars)
    with tempfile.TemporaryDirectory() as folder:
        bench_whole(int(arguments.stars), Path(folder))


if __name__ == "__main__":
    main()
