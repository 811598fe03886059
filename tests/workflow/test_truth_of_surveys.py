"""The truth of the simulated surveys: only checks read it, the atlas builds without it, and another star's truth fails."""

import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from harness import alone, digests, planned, run

from places import ROOT

CHECKS_OF_TRUTH = ("check_truth", "check_map_truth", "check_gradient_truth")


def rules_with_input(text):
    """Names of the rules of the workflow whose inputs hold `text`."""
    found = []
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            inputs = re.search(r"^    input:(.*?)^    output:", block, re.DOTALL | re.MULTILINE)
            if inputs and text in inputs.group(1):
                found.append(block.split(":", 1)[0])
    return found


def test_only_checks_read_the_truth():
    readers = rules_with_input("catalogues/truth")
    assert set(CHECKS_OF_TRUTH) <= set(readers)
    assert all(name.startswith("check_") for name in readers)


@pytest.fixture
def copy(baseline, tmp_path):
    """A copy of a finished run, times and all, to spoil."""
    folder, options = baseline
    with alone(folder):
        shutil.copytree(folder / "atlas", tmp_path / "atlas", copy_function=shutil.copy2)
        yield tmp_path / "atlas", options


def test_without_the_truth_the_atlas_builds_and_only_checks_fail(copy):
    """All maps and figures are planned without it; those of two samples are made."""
    folder, options = copy
    for path in (folder / "results/catalogues/truth").glob("*.parquet"):
        path.unlink()
    for path in (folder / "results/checks").glob("*.json"):
        path.unlink()
    made = ("figures", "maps")
    for part in made:
        (folder / "results" / part).rename(folder / part)
    jobs = planned(folder, *made, **options)
    assert {"plot_survey", "plot_map", "plot_spiral_response", "bin_map", "smooth_map"} <= set(jobs)
    assert [name for name in jobs if name.startswith(("simulate_", "check_"))] == []
    for part in made:
        (folder / part).rename(folder / "results" / part)
        for sample in ("gaia_rvs", "lamost_hot"):
            shutil.rmtree(folder / "results" / part / sample)
    before = digests(folder)
    run(folder, *made, **options)
    after = digests(folder)
    assert {name.split("/")[0] for name in set(after) - set(before)} == {"figures", "maps"}
    assert all(after[name] == digest for name, digest in before.items())
    # the checks themselves, with the truth still missing, say so
    missing = {
        rule: run(
            folder, "--allowed-rules", rule, "--force", f"results/checks/{stem}.json", check=False, **options
        ).stdout
        for rule, stem in zip(
            CHECKS_OF_TRUTH,
            ("truth_gaia_rvs", "map_truth_gaia_rvs_radial", "gradient_truth_lamost_hot_feh"),
            strict=True,
        )
    }
    for text in missing.values():
        assert "results/catalogues/truth/" in text
        assert "MissingInput" in text or "Missing input files" in text


def test_another_stars_truth_makes_every_check_of_it_fail(copy):
    folder, options = copy
    for path in (folder / "results/catalogues/truth").glob("*.parquet"):
        table = pq.read_table(path)
        ids = table["source_id"].to_numpy()
        different = np.unique(ids)
        other = dict(zip(different.tolist(), np.random.default_rng(1).permutation(different).tolist(), strict=True))
        shuffled = table.set_column(0, table.schema.field(0), [np.array([other[i] for i in ids.tolist()])])
        pq.write_table(shuffled, path)
    checks = sorted(path for path in (folder / "results/checks").glob("*truth_*.json"))
    assert len(checks) >= 9
    done = run(folder, "--forcerun", *CHECKS_OF_TRUTH, "--keep-going", check=False, **options)
    assert done.returncode != 0
    import json

    for path in checks:
        records = json.loads(path.read_text(encoding="utf-8"))
        assert not all(record["pass"] for record in records), path.name
