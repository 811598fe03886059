"""Run the real workflow in a folder of its own, as a user would, and see which rules run."""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from places import ROOT

TINY = ROOT / "tests/config/tiny.yaml"
DATA = ROOT / "tests/data"


def command(folder, *arguments, overlays=(), cores=2, snakefile=ROOT / "Snakefile", data=DATA):
    """The command line of a run in `folder` with the tiny config and further overlays."""
    files = [str(path) for path in (TINY, *overlays)]
    return [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(snakefile),
        "-d",
        str(folder),
        "--cores",
        str(cores),
        "--nocolor",
        *map(str, arguments),
        "--configfile",
        *files,
        "--config",
        f"data_folder={data}",
    ]


def environment():
    """The environment without what pytest-xdist or an outer run put there."""
    return {key: value for key, value in os.environ.items() if key != "POLARS_MAX_THREADS"}


def run(folder, *arguments, check=True, **options):
    """Run the workflow; return the finished process, its stderr and stdout as one text in `.stdout`."""
    done = subprocess.run(
        command(folder, *arguments, **options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
        env=environment(),
    )
    if check and done.returncode:
        raise AssertionError(done.stdout[-6000:])
    return done


@contextmanager
def alone(folder):
    """Hold a folder that the workers of pytest share, so that none edits what another runs."""
    with (Path(folder) / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def planned(folder, *arguments, **options):
    """Return {rule: number of jobs} that a run would do."""
    text = run(folder, "--dry-run", *arguments, **options).stdout
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", text, re.DOTALL | re.MULTILINE)
    if not table:
        assert "Nothing to be done" in text, text[-3000:]
        return {}
    jobs = dict(line.split() for line in table.group(1).strip().splitlines())
    jobs.pop("all", None)
    return {rule: int(count) for rule, count in jobs.items()}


def overlay(path, text):
    """Write an overlay and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def digests(folder):
    """Return {product: digest} of every file under results but the record of the run."""
    results = Path(folder) / "results"
    files = sorted(path for path in results.rglob("*") if path.is_file() and path.name != "run_config.yaml")
    return {path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_json(path):
    """Return a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
