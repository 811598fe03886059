"""Cross-match of two tables of a million stars, Parquet in to Parquet out, beside astropy's search_around_sky on arrays.

Both find the same pairs. Ours reads, moves stars by their proper motions, ranks, writes, and looks four times more for matches by chance.
Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_crossmatch.py [rows]
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord, match_coordinates_sky, search_around_sky

from discatlas.contracts import load_contract
from discatlas.tables import read_columns, write_table
from match_catalogues import run

RADIUS_ARCSEC = 1.0
TARGET_S = 20.0
SETTING = {"radius_arcsec": RADIUS_ARCSEC, "epoch_yr": 2016.0, "left_epoch_yr": 2016.0, "right_epoch_yr": 2016.0}


def make_sky(n: int, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Return two tables of stars near the plane; half of the second are those of the first, 0.2 arcsec away."""
    ra, dec = rng.uniform(0, 360, n), np.rad2deg(np.arcsin(np.clip(rng.normal(0, 0.1, n), -1, 1)))
    other_ra, other_dec = rng.uniform(0, 360, n), np.rad2deg(np.arcsin(np.clip(rng.normal(0, 0.1, n), -1, 1)))
    half = n // 2
    other_ra[:half] = (ra[:half] + rng.normal(0, 0.2, half) / 3600) % 360
    other_dec[:half] = dec[:half] + rng.normal(0, 0.2, half) / 3600
    zero = {"pmra": np.zeros(n), "pmdec": np.zeros(n), "ref_epoch": np.full(n, 2000.0)}
    return [
        {"source_id": np.arange(n)} | {"ra": a, "dec": np.clip(d, -90, 90)} | zero
        for a, d in ((ra, dec), (other_ra, other_dec))
    ]


def main() -> None:
    """Print one line for each, after a comparison of all pairs."""
    n = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    tables = make_sky(n, np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{side}.parquet" for side in ("left", "right")]
        for path, table in zip(paths, tables, strict=True):
            write_table(path, load_contract("catalogue"), table, {})
        files = {"matches": Path(name) / "match.parquet", "summary": Path(name) / "match.json"}
        start = time.perf_counter()
        run(left=paths[0], right=paths[1], **files, **SETTING, shift_arcsec=30.0, threads=2)
        ours = time.perf_counter() - start
        found = read_columns(files["matches"])
    sky = [SkyCoord(table["ra"] * units.deg, table["dec"] * units.deg) for table in tables]
    start = time.perf_counter()
    i, j, separation, _ = search_around_sky(*sky, RADIUS_ARCSEC * units.arcsec)
    around = time.perf_counter() - start
    start = time.perf_counter()
    nearest, distance, _ = match_coordinates_sky(*sky)
    first = time.perf_counter() - start
    order = np.lexsort((j, separation.arcsec, i))
    assert np.array_equal(i[order], found["left_source_id"])
    assert np.array_equal(j[order], found["right_source_id"])
    assert np.abs(separation.arcsec[order] - found["separation_arcsec"]).max() < 1e-8
    matched = np.flatnonzero(distance.arcsec <= RADIUS_ARCSEC)
    rank_1 = found["left_rank"] == 1
    assert np.array_equal(matched, found["left_source_id"][rank_1])
    assert np.array_equal(nearest[matched], found["right_source_id"][rank_1])
    print(f"{n:,} x {n:,} stars, {i.size:,} pairs, the same in all three")
    print(f"astropy search_around_sky, arrays, one thread      {around:6.2f} s")
    print(f"astropy match_coordinates_sky, arrays, one thread  {first:6.2f} s")
    print(f"discatlas, files, five searches, two threads       {ours:6.2f} s (target: under {TARGET_S:g} s)")


if __name__ == "__main__":
    main()
