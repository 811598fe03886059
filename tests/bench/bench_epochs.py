"""Epochs to mean velocities: stars per second beside one grouped query of polars, which only takes mean and scatter.

The peer chooses the pipeline, and takes mean, scatter and number of the epochs of each star, without repeated epochs,
counts, errors, p-values, contract or provenance. Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_epochs.py
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from combine_epochs import run
from discatlas.streams import stream_generator

PIPELINES = [
    {"name": "XCSAO", "velocity": "x", "error": "x_error", "quality": "rxc", "min_quality": 6.0},
    {"name": "BossNet", "velocity": "b", "error": "b_error", "quality": None, "min_quality": None},
]


def make_epochs(path: Path, n_epochs: int) -> None:
    """Write epochs of a third as many stars, in random order."""
    rng = stream_generator(1, "bench_epochs")
    columns = {"star": rng.integers(0, max(n_epochs // 3, 1), n_epochs), "mjd": rng.uniform(59200, 60300, n_epochs)}
    columns |= {name: rng.normal(0, 12, n_epochs) for name in ("x", "b")}
    columns |= {name: rng.uniform(8, 16, n_epochs) for name in ("x_error", "b_error")}
    pl.DataFrame(columns | {"rxc": rng.uniform(2, 20, n_epochs)}).write_parquet(path)


def average_with_polars(path: Path) -> pl.DataFrame:
    """The peer: one grouped query."""
    velocity = pl.when(pl.col("rxc") > 6).then("x").otherwise("b")
    query = pl.scan_parquet(path).with_columns(v=velocity).group_by("star")
    return query.agg(mean=pl.col("v").mean(), scatter=pl.col("v").std(), n=pl.len()).sort("star").collect()


def main() -> None:
    """Print one line for the peer and one for ours."""
    n_epochs = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    seconds: dict[str, list[float]] = {"polars, one query": [], "discatlas": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_epochs(folder / "epochs.parquet", n_epochs)
        for _ in range(2):
            start = time.perf_counter()
            peer = average_with_polars(folder / "epochs.parquet")
            seconds["polars, one query"].append(time.perf_counter() - start)
            start = time.perf_counter()
            run(
                epochs=folder / "epochs.parquet",
                velocities=folder / "velocities.parquet",
                summary=folder / "velocities.json",
                id="star",
                time="mjd",
                pipelines=PIPELINES,
                mean="plain",
                errors="combined",
            )
            seconds["discatlas"].append(time.perf_counter() - start)
        ours = pl.read_parquet(folder / "velocities.parquet")
    assert (ours["n_epochs"] == peer["n"]).all()
    for mine, theirs in (("radial_velocity", "mean"), ("v_scatter_kms", "scatter")):
        np.testing.assert_allclose(ours[mine].to_numpy(), peer[theirs].to_numpy(), rtol=1e-9, atol=1e-9)
    for label, times in seconds.items():
        print(f"{label:20s} {n_epochs:,} epochs in {min(times):.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
