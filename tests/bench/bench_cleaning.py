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
from discatlas.isochrones import load_isochrones
from discatlas.photometry import read_bolometric_corrections
from discatlas.simulation.galaxy import FEH_LIMITS_DEX, LOG_AGE_LIMITS, Galaxy, MeanFieldMotion, chemistry_of
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.simulation.stars import StarSampling
from discatlas.simulation.surveys.extinction import DustDisc
from discatlas.simulation.surveys.observe import observe_survey, survey_parameters
from discatlas.streams import stream_generator
from discatlas.tables import TableWriter, column_names, count_rows

ROOT = Path(__file__).parents[2]
NAMES = ("ra", "dec", "parallax", "pmra", "pmdec", "radial_velocity")
COLUMNS = ["source_id", *(column for name in NAMES for column in (name, f"{name}_error")), "ruwe"]
COLUMNS += ["phot_g_mean_mag", "feh_dex", "feh_error_dex"]
N_PARTICLES = 100_000


def observe_disc(config: dict) -> dict:
    """Return what Gaia's survey sees of one chunk of the analytic disc, in standard columns; bright giants have [Fe/H]."""
    entry = config["galaxies"]["analytic"]
    galaxy = Galaxy(
        motion=MeanFieldMotion(MeanFieldModel.from_config(entry)),
        chemistry=chemistry_of(entry),
        sampling=StarSampling.from_config(entry["stars"]),
        isochrones=load_isochrones(FEH_LIMITS_DEX, LOG_AGE_LIMITS),
        corrections=read_bolometric_corrections(ROOT / "resources/mist_bolometric_corrections.csv"),
        R0_kpc=entry["R0_kpc"],
    )
    particles, _ = galaxy.simulate_chunk(N_PARTICLES, 0, stream_generator(1, "bench"))
    kind, parameters = survey_parameters(config["surveys"]["gaia_rvs"] | {"duplicate_fraction": 0.0})
    sun, dust = Sun.from_config(config["sun"]["khalil2025"]), DustDisc.from_config(entry["extinction"])
    raw = observe_survey(kind, parameters, particles, sun, dust, 1, "bench", 0).raw
    raw |= {"feh_dex": raw["mh_gspspec"], "feh_error_dex": raw["mh_gspspec_error"]}
    return {name: raw[name] for name in COLUMNS}


def make_catalogue(path: Path, n_rows: int, config: dict) -> None:
    """Write a simulated catalogue of about `n_rows` rows, repeating one chunk with new identifiers."""
    chunk = observe_disc(config)
    with TableWriter(path, load_contract("catalogue"), COLUMNS, {}) as writer:
        for start in range(max(1, round(n_rows / chunk["ra"].size))):
            writer.write(chunk | {"source_id": chunk["source_id"] + start * N_PARTICLES})


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
    sample = config["samples"]["gaia_rvs"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_catalogue(folder / "catalogue.parquet", n_rows, config)
        n_rows = count_rows(folder / "catalogue.parquet")
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
