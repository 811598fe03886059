"""Smoothed maps: 3,000 windows x 500 bootstraps of 46,000 stars, against a plain loop with scipy's minimiser.

The peer takes some windows and some bootstrap samples and maximises the same likelihood over ln V (and V = 0) for each;
means of the same samples are compared. The covariance is compared to one bootstrap of all stars. Budget: 30 s on 2 cores.
Compilation is timed apart. Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_smoothing.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

import smooth_map
from discatlas.contracts import error_column, load_contract
from discatlas.frames import cylindrical_position
from discatlas.maps.smoothing import correlations, smooth, star_bootstrap
from discatlas.maps.smoothing_kernels import draw_counts, means_of_counts
from discatlas.maps.windows import Windows, window_members
from discatlas.runtime import use_threads
from discatlas.tables import TableWriter, count_rows

N_STARS, MIN_STARS, N_BOOTSTRAPS, SEED = 46_000, 8, 500, 1
LIMITS = ((-16.0, -2.0), (-7.0, 7.0))
WINDOWS = Windows(LIMITS, 0.25, 0.625)
PEER_WINDOWS, PEER_SAMPLES, STAR_SAMPLES = 60, 10, 1000
SIGMAS = {"v_R_kms": (0.0, 35.0), "v_phi_kms": (225.0, 25.0), "v_Z_kms": (0.0, 18.0)}


def make_stars():
    """Giants thinning out from the Sun over most windows, with errors that grow with distance."""
    rng = np.random.default_rng(SEED)
    distance, angle = np.abs(rng.normal(0, 3.8, N_STARS)), rng.uniform(0, 2 * np.pi, N_STARS)
    X, Y = -8.6 + distance * np.cos(angle), distance * np.sin(angle)
    R, phi = cylindrical_position(X, Y)
    stars = {"source_id": np.arange(N_STARS), "X_kpc": X, "Y_kpc": Y, "Z_kpc": 0 * X, "R_kpc": R, "phi_deg": phi}
    for name, (mean, sigma) in SIGMAS.items():
        error = 2 * np.exp(0.7 * rng.normal(size=N_STARS)) * (1 + 0.3 * distance)
        stars |= {name: rng.normal(mean, np.hypot(sigma, error)), error_column(name): error}
    return stars


def peer_mean(v, e, counts):
    """Mean of one bootstrap sample: scipy over ln V, and V = 0."""
    kept = counts > 0
    v, e2, c = v[kept], e[kept] ** 2, counts[kept]

    def loss(V):
        w = 1 / (V + e2)
        mu = np.sum(c * w * v) / np.sum(c * w)
        return 0.5 * np.sum(c * (w * (v - mu) ** 2 - np.log(w))), mu

    top = np.log(np.ptp(v) ** 2 + e2.max())
    found = minimize_scalar(
        lambda u: loss(np.exp(u))[0], bounds=(top - 12, top), method="bounded", options={"xatol": 1e-7}
    )
    return min(loss(np.exp(found.x)), loss(0.0))[1]


def timed(what, function, budget=""):
    """Print the seconds of a call and return its result and them."""
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    print(f"{what:<64}{seconds:>9.3f} s  {budget}")
    return result, seconds


def bench_windows(v, e, members):
    """All windows, and the peer on some of them."""
    n_windows = int((np.diff(members[0]) >= MIN_STARS).sum())
    rng = np.random.default_rng
    timed(
        "compilation, or reading its cache",
        lambda: smooth(v[:50], e[:50], (np.array([0, 50]), np.arange(50)), 8, 2, rng(1)),
    )
    what = f"{n_windows:,} windows x {N_BOOTSTRAPS} bootstraps, {members[1].size:,} members"
    smoothed, fast = timed(
        f"{what}, 2 threads", lambda: smooth(v, e, members, MIN_STARS, N_BOOTSTRAPS, rng(2)), "budget 30 s"
    )
    use_threads(1)
    again, _ = timed("the same on 1 thread", lambda: smooth(v, e, members, MIN_STARS, N_BOOTSTRAPS, rng(2)))
    use_threads(2)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(smoothed, again, strict=True))
    offsets, indices = members
    rows = rng(3).choice(np.flatnonzero(np.diff(offsets) >= MIN_STARS), PEER_WINDOWS, replace=False)
    counts = np.empty((PEER_SAMPLES, v.size), np.int32)
    draw_counts(np.uint64(7), 0, counts)
    ours = np.empty((PEER_SAMPLES, rows.size))
    means_of_counts(v, e**2, offsets, indices, rows, counts, ours)
    inside = [indices[offsets[row] : offsets[row + 1]] for row in rows]
    what = f"scipy: {PEER_WINDOWS} windows x {PEER_SAMPLES} samples"
    peer, seconds = timed(what, lambda: [[peer_mean(v[k], e[k], c[k]) for k in inside] for c in counts])
    whole = seconds / (PEER_WINDOWS * PEER_SAMPLES) * n_windows * N_BOOTSTRAPS
    worst = np.nanmax(np.abs(np.array(peer) - ours))
    print(f"  for all that is {whole:,.0f} s, {whole / fast:,.0f} times ours; largest difference {worst:.1g} km/s")
    return smoothed


def bench_covariance(v, e, members, smoothed):
    """Correlations of all pairs, and one bootstrap of all stars."""
    correlations(v, e, members, smoothed, WINDOWS)
    pairs, fast = timed("correlations of overlapping windows", lambda: correlations(v, e, members, smoothed, WINDOWS))
    what = f"bootstrap of all stars, {STAR_SAMPLES:,} samples"
    means, slow = timed(what, lambda: star_bootstrap(v, e, members, MIN_STARS, STAR_SAMPLES, np.random.default_rng(4)))
    n = np.diff(members[0])
    full = (n[pairs.a] >= 20) & (n[pairs.b] >= 20)
    a, b = pairs.a[full], pairs.b[full]
    offset = means - means.mean(axis=0)
    theirs = np.sum(offset[:, a] * offset[:, b], axis=0) / (STAR_SAMPLES - 1)
    ours = pairs.correlation[full] * smoothed.error[a] * smoothed.error[b]
    print(
        f"  {pairs.a.size:,} pairs; {slow / fast:,.0f} times faster; slope of ours on theirs, windows of 20 stars or more: "
        f"{np.sum(ours * theirs) / np.sum(theirs**2):.3f}"
    )


def bench_script(stars, folder):
    """From a Parquet file to both tables, three velocities."""
    path = folder / "stars.parquet"
    with TableWriter(path, load_contract("phase_space"), list(stars)) as writer:
        writer.write(stars)
    paths = {"stars": path, "cells": folder / "map.parquet", "covariance_table": folder / "pairs.parquet"}
    settings = {"sample": "bench", "smoothed": "bench", "quantities": list(SIGMAS), "selection": None, "seed": SEED}
    settings |= {"limits_kpc": [list(pair) for pair in LIMITS], "spacing_kpc": 0.25, "window_kpc": 0.625, "threads": 2}
    settings |= {"min_stars": MIN_STARS, "n_bootstraps": N_BOOTSTRAPS}
    timed("smooth_map, three velocities, with both tables", lambda: smooth_map.run(**paths, **settings))
    print(f"  {count_rows(paths['cells']):,} windows, {count_rows(paths['covariance_table']):,} pairs")


def main() -> None:
    """Run the comparisons and the whole script."""
    use_threads(2)
    stars = make_stars()
    v, e = stars["v_R_kms"], stars["v_R_error_kms"]
    members = window_members(stars["X_kpc"], stars["Y_kpc"], WINDOWS)
    smoothed = bench_windows(v, e, members)
    bench_covariance(v, e, members, smoothed)
    with tempfile.TemporaryDirectory() as folder:
        bench_script(stars, Path(folder))


if __name__ == "__main__":
    main()
