"""Cleaning, Parquet in to Parquet out: rows per second and peak memory, beside one streaming query of polars.

The peer does the same cuts and distance as one polars query, sunk to Parquet, without cut flow, duplicates, contract
or fixed row groups. Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_cleaning.py [rows]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import yaml

from clean_sample import run
from discatlas.contracts import load_contract
from discatlas.cuts import compile_cut
from discatlas.frames import Sun
from discatlas.simulation import COLUMNS
from discatlas.simulation.disc import DiscModel, simulate_disc
from discatlas.tables import TableWriter, column_names

ROOT = Path(__file__).parents[2]


def make_catalogue(path: Path, n_rows: int, config: dict) -> None:
    """Write a simulated catalogue of `n_rows` rows, repeating one chunk with new identifiers."""
    entry = {k: v for k, v in config["catalogues"]["simulated_disc"].items() if k not in ("source", "sun")}
    model = DiscModel.from_config(entry | {"n_stars": 100_000, "duplicate_fraction": 0.0})
    chunk = next(simulate_disc(model, Sun.from_config(config["sun"]["astropy_v4.0"]), 1, "bench"))
    with TableWriter(path, load_contract("catalogue"), COLUMNS, {}) as writer:
        for start in range(0, n_rows, 100_000):
            writer.write(chunk | {"source_id": chunk["source_id"] + start})


def clean_with_polars(catalogue: Path, sample: Path, cuts: list[dict]) -> int:
    """The peer: the same distance and cuts as one lazy query."""
    names = column_names(catalogue)
    query = pl.scan_parquet(catalogue).with_columns(
        distance_kpc=1 / pl.col("parallax"), distance_error_kpc=pl.col("parallax_error") / pl.col("parallax") ** 2
    )
    for cut in cuts:
        query = query.filter(compile_cut(cut["expression"], names).expression)
    query.sink_parquet(sample)
    return pl.scan_parquet(sample).select(pl.len()).collect().item()


def main() -> None:
    """Print one line for the peer and one for ours."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 4_000_000
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    sample = config["samples"]["simulated_disc"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_catalogue(folder / "catalogue.parquet", n_rows, config)
        times = {"polars, one query": [], "discatlas": []}
        for _ in range(2):
            start = time.perf_counter()
            peer = clean_with_polars(folder / "catalogue.parquet", folder / "peer.parquet", sample["cuts"])
            times["polars, one query"].append(time.perf_counter() - start)
            start = time.perf_counter()
            run(
                catalogue=folder / "catalogue.parquet",
                sample=folder / "sample.parquet",
                cut_flow=folder / "flow.parquet",
                cut_flow_json=folder / "flow.json",
                corrections=[],
                distance="inverse_parallax",
                duplicates=sample["duplicates"],
                cuts=sample["cuts"],
            )
            times["discatlas"].append(time.perf_counter() - start)
        ours = pl.scan_parquet(folder / "sample.parquet").select(pl.len()).collect().item()
    assert ours == peer, (ours, peer)
    for label, seconds in times.items():
        print(f"{label:20s} {n_rows:,} rows in {min(seconds):.2f} s: {n_rows / min(seconds) / 1e6:.2f} M rows/s")
    print(
        f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (target: under 2000 MB, 2 M rows/s)"
    )


if __name__ == "__main__":
    main()
