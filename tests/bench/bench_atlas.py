"""The whole: the default atlas from nothing, a run with nothing to do, and millions of stars from catalogue to maps.

Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_atlas.py [stars]
The large run has no peer: nothing else makes the same maps. Its parts have theirs in the other files of this folder.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from bench_cleaning import COLUMNS, make_catalogue

ROOT = Path(__file__).parents[2]


def seconds(*arguments: str) -> float:
    """Run Snakemake on two cores and return the wall time [s]."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    start = time.perf_counter()
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return time.perf_counter() - start


def main() -> None:
    """Print the times, and the peak memory of the largest job of the large run."""
    n_stars = int(float(sys.argv[1])) if len(sys.argv) > 1 else 18_000_000
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"default atlas from nothing   {seconds('-d', str(folder / 'default')):7.1f} s (target 600)")
        print(f"again, with nothing to do    {seconds('-d', str(folder / 'default')):7.1f} s (target 10)")
        make_catalogue(folder / "stars.parquet", n_stars, config)
        overlay = folder / "large.yaml"
        columns = {column: column for column in COLUMNS}
        catalogue = {"source": "file", "path": str(folder / "stars.parquet"), "format": "parquet", "citation": "bench", "columns": columns}  # fmt: skip
        sample = config["samples"]["gaia_rvs"] | {"corrections": [], "keep_columns": ["feh_dex", "feh_error_dex"]}
        edit = {
            "atlas": {"samples": ["large"]},
            "catalogues": {"large": catalogue},
            "samples": {"large": sample | {"catalogue": "large"}},
            "maps": {name: {"samples": ["large"]} for name in config["maps"]},
        }
        overlay.write_text(yaml.safe_dump(edit), encoding="utf-8")
        run = ("-d", str(folder / "large"), "--configfile", str(overlay))
        print(f"{n_stars:,} rows to the sample {seconds('results/samples/large.parquet', *run):7.1f} s")
        print(f"sample to all maps           {seconds('maps', *run):7.1f} s (target 900 for 18 M stars)")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(f"largest job: {peak:.2f} GB (target: under 6)")


if __name__ == "__main__":
    main()
