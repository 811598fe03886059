"""Same config, same bytes: on one, two or three threads, and after being killed in mid-run.

All runs are of one copy of the code, so of the same compiled kernels: others, compiled beside those of unit tests, may
differ in the last digits.
"""

import os
import random
import signal
import subprocess
import time

import pytest
import yaml
from harness import alone, command, digests, environment, overlay, run


@pytest.fixture
def undisturbed(baseline):
    """A run on two cores, never interrupted."""
    return baseline[0] / "atlas"


@pytest.fixture(scope="module")
def one_thread(baseline, tmp_path_factory):
    """A run on one core: tables, fits and checks; the figures are drawn from these by one thread anyway."""
    folder = tmp_path_factory.mktemp("one_thread")
    edit = overlay(folder / "threads.yaml", "threads: 1\n")
    with alone(baseline[0]):
        run(folder / "run", "maps", "fits", "results/checks/atlas.json", overlays=[edit], cores=1, **baseline[1])
    return folder / "run"


def test_digests_do_not_depend_on_the_number_of_threads(undisturbed, one_thread):
    """One against two; three are those of the run that is killed."""
    made, expected = digests(one_thread), digests(undisturbed)
    assert made == {
        name: digest for name, digest in expected.items() if not name.startswith(("figures/", "catalogues/visits/"))
    }


def test_killed_at_random_and_run_again_gives_the_same_bytes(baseline, undisturbed, tmp_path):
    """On three threads, where the run that is not disturbed has two."""
    seed = int.from_bytes(os.urandom(4), "little")
    rng = random.Random(seed)
    finished = 0
    three = {"overlays": [overlay(tmp_path / "threads.yaml", "threads: 3\n")], "cores": 3} | baseline[1]
    with alone(baseline[0]):
        for attempt in range(2):
            process = subprocess.Popen(
                command(tmp_path, "--rerun-incomplete", **three),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=environment(),
            )
            time.sleep(rng.uniform(10, 30) + 10 * attempt)
            finished += process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            run(tmp_path, "--unlock", **three)
        assert finished, "both runs were over before they could be killed"
        leftovers = [path for path in (tmp_path / "results").rglob("*.parquet") if not path.name.startswith(".")]
        for path in leftovers:  # whatever has its final name is whole
            assert path.read_bytes()[-4:] == b"PAR1", f"seed {seed}"
        run(tmp_path, "--rerun-incomplete", **three)
    whole = {name: digest for name, digest in digests(tmp_path).items() if ".partial" not in name}
    assert whole == digests(undisturbed), f"seed {seed}"


def test_the_record_of_the_run_holds_every_option_versions_and_commit(tmp_path):
    """Of a run of the repository itself: the copy of the other runs has no history."""
    run(tmp_path, "results/catalogues/tiny_file.parquet")
    record = yaml.safe_load((tmp_path / "results/run_config.yaml").read_text(encoding="utf-8"))
    assert record["galaxies"]["milky_way"]["n_particles"] == 20000
    assert record["samples"]["tiny_file"]["correlations"] is False  # a default that the overlay does not mention
    assert record["discatlas"]["libraries"]["numba"]
    assert record["discatlas"]["commit"]


def test_every_rule_left_its_log_and_benchmark(undisturbed):
    ran = {path.name for path in (undisturbed / "benchmarks").iterdir()}
    assert {"simulate_galaxy", "clean_catalogue", "clean_sample", "convert_phase_space", "bin_map", "plot_map"} <= ran
    assert ran == {path.name for path in (undisturbed / "logs").iterdir()}


def test_a_second_run_does_nothing(baseline):
    folder, options = baseline
    with alone(folder):
        assert "Nothing to be done" in run(folder / "atlas", **options).stdout


def test_report_holds_every_figure(baseline, undisturbed):
    folder, options = baseline
    with alone(folder):
        run(undisturbed, "--report", "report.html", **options)
    text = (undisturbed / "report.html").read_text(encoding="utf-8")
    for figure in (undisturbed / "results/figures").rglob("*.png"):
        assert figure.name in text
