"""One finished tiny run, shared by the tests that only look at it or plan on top of it, in all workers of pytest."""

import os
import shutil

import pytest
from harness import DATA, alone, run

from places import ROOT


@pytest.fixture(scope="session")
def baseline(tmp_path_factory):
    """A copy of the code, its data and a finished tiny run in it; tests restore what they edit, and are `alone` while they do.

    The first worker that asks for it makes it, with all cores; the others wait.
    """
    whole_run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        whole_run = whole_run.parent
    folder = whole_run / "baseline"
    folder.mkdir(exist_ok=True)
    code = folder / "code"
    options = {"snakefile": code / "Snakefile", "data": folder / "data"}
    with alone(folder):
        if not (folder / "finished").exists():
            unwanted = (".venv", ".git", ".snakemake", "results", "logs", "benchmarks", "data", ".cache")
            shutil.copytree(ROOT, code, ignore=shutil.ignore_patterns(*unwanted), dirs_exist_ok=True)
            shutil.copytree(DATA, folder / "data", dirs_exist_ok=True)
            run(folder / "atlas", **options)
            (folder / "finished").touch()
    return folder, options
