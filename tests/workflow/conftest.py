"""One finished tiny run, shared by the tests that only look at it or plan on top of it."""

import shutil

import pytest
from harness import DATA, run

from places import ROOT


@pytest.fixture(scope="session")
def baseline(tmp_path_factory):
    """A copy of the code, its data and a finished tiny run in it; tests restore what they edit."""
    folder = tmp_path_factory.mktemp("baseline")
    code = folder / "code"
    ignore = shutil.ignore_patterns(".venv", ".git", ".snakemake", "results", "logs", "benchmarks", "data", ".cache")
    shutil.copytree(ROOT, code, ignore=ignore)
    shutil.copytree(DATA, folder / "data")
    options = {"snakefile": code / "Snakefile", "data": folder / "data"}
    run(folder / "atlas", **options)
    return folder, options
