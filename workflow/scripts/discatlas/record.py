"""The record of a run: the effective config with the versions of the code and of the libraries that matter."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

LIBRARIES = (
    "snakemake",
    "numpy",
    "scipy",
    "astropy",
    "polars",
    "pyarrow",
    "numba",
    "matplotlib",
    "gaiadr3-zeropoint",
    "pygaia",
    "galpy",
    "agama",
    "lachesis-grids",
)


def run_record(config: dict[str, Any], folder: Path) -> str:
    """Return the effective config as YAML, headed by the git commit and library versions. No wall-clock time."""
    record = {"discatlas": {"commit": git_commit(folder), "libraries": library_versions()}}
    head = "# What this run was made with: code, libraries and every option in force.\n"
    return head + yaml.safe_dump(record, sort_keys=False) + yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def git_commit(folder: Path) -> str:
    """Return the commit of the checkout in `folder`, marked where files differ from it; 'unknown' outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Return the installed version of each library that numbers depend on."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
