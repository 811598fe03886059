"""What bad input gets: one or two lines that say what, where and what to do; earlier products stay."""

import pytest
from harness import DATA, digests, overlay, run

ONE_SAMPLE = "atlas: {samples: [tiny_file]}\n"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of the sample from a file alone, in a folder with its own data."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "data").mkdir()
    (folder / "data/messy.csv").write_bytes((DATA / "messy.csv").read_bytes())
    base = overlay(folder / "base.yaml", ONE_SAMPLE)
    run(folder / "run", overlays=[base], data=folder / "data")
    return folder, base


def failure(finished, tmp_path, text, **options):
    """The lines that a failing run prints about the mistake, after checking that it fails without a traceback of ours."""
    folder, base = finished
    done = run(
        folder / "run",
        overlays=[base, overlay(tmp_path / "edit.yaml", text)],
        check=False,
        data=folder / "data",
        **options,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    return done.stdout


WRONG_BEFORE_ANYTHING_RUNS = [
    ("sunn: {}", ["unknown key 'sunn' (nearest: 'sun')"]),
    ("samples: {tiny_file: {distance: geometrical}}", ["samples.tiny_file.distance", "geometric"]),
    ("samples: {tiny_file: {corrections: [hot_star_velocity]}}", ["samples.tiny_file.corrections", "grvs_mag"]),
    ("catalogues: {tiny_file: {path: absent.csv}}", ["catalogues.tiny_file.path: no file", "absent.csv"]),
    ("samples: {tiny_file: {keep_columns: [feh]}}", ["'feh' is not in catalogue 'tiny_file' (nearest: 'feh_dex')"]),
    (
        "samples: {tiny_file: {cuts: [{name: x, expression: 'pmra <'}]}}",
        ["samples.tiny_file.cuts.0.expression", "cannot be read"],
    ),
    (
        "potentials: {khalil2025: {model: {discs: [{Sigma0_msun_kpc2: -1.0, h_R_kpc: 2.4, h_Z_kpc: 0.3}]}}}",
        ["potentials.khalil2025", "discs[0]: Sigma0_msun_kpc2 is -1", "expected a positive number"],
    ),
    (
        "galaxies: {milky_way: {populations: {thin: {sigma_R_kms: -40.0}}}}",
        ["galaxies.milky_way", "populations.thin.sigma_R_kms: got -40.0", "cannot be negative"],
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"), WRONG_BEFORE_ANYTHING_RUNS, ids=[text for text, _ in WRONG_BEFORE_ANYTHING_RUNS]
)
def test_a_wrong_config_stops_before_anything_runs(finished, tmp_path, text, expected):
    before = digests(finished[0] / "run")
    output = failure(finished, tmp_path, text)
    for part in expected:
        assert part in output
    assert len(output.strip().splitlines()) <= 6
    assert digests(finished[0] / "run") == before


WRONG_DATA = [
    (
        "samples: {tiny_file: {cuts: [{name: near, expression: distance_kpc < 0.001}]}}",
        ["clean_sample", "rows pass 'near' (distance_kpc < 0.001)"],
    ),
    ("catalogues: {tiny_file: {columns: {pmra: pmRa}}}", ["clean_catalogue", "'pmRa'", "nearest: 'pmRA'"]),
    (
        "catalogues: {tiny_file: {columns: {pmra: {column: pmRA, unit: kpc}}}}",
        ["clean_catalogue", "pmRA", "kpc", "mas / yr"],
    ),
    (
        "catalogues: {tiny_file: {digest: 'md5:00000000000000000000000000000000'}}",
        ["clean_catalogue", "md5", "00000000000000000000000000000000"],
    ),
    ("catalogues: {tiny_file: {format: fits}}", ["clean_catalogue", "messy.csv"]),
    ("catalogues: {tiny_file: {format: parquet}}", ["clean_catalogue", "messy.csv"]),
    ("catalogues: {tiny_file: {columns: {ruwe: remark}}}", ["clean_catalogue", "'remark'", "a remark, with a comma"]),
    ("maps: {face_on: {min_stars: 100000}}", ["bin_map", "100"]),
    ("maps: {face_on: {selection: R_kpc > 100}}", ["bin_map", "R_kpc > 100"]),
    (
        "samples: {tiny_file: {duplicates: {by: name, keep: error}}}",
        ["clean_sample", "star 005, main", "duplicates.keep"],
    ),
]


LAST_OF_RULE = {expected[0]: text for text, expected in WRONG_DATA}


@pytest.mark.parametrize(("text", "expected"), WRONG_DATA, ids=[text for text, _ in WRONG_DATA])
def test_wrong_data_names_the_rule_the_place_and_the_value(finished, tmp_path, text, expected):
    folder = finished[0]
    output = failure(finished, tmp_path, text)
    for part in expected:
        assert part in output
    assert not list((folder / "run/results").rglob(".*partial"))
    if text == LAST_OF_RULE[expected[0]]:  # mended, it goes on
        run(folder / "run", overlays=[finished[1]], data=folder / "data")


def test_a_failure_leaves_all_products_but_its_own(finished, tmp_path):
    before = digests(finished[0] / "run")
    text = "samples: {tiny_file: {cuts: [{name: near, expression: distance_kpc < 0.001}]}}"
    assert "rows pass 'near'" in failure(finished, tmp_path, text)
    its_own = {name for name in before if name.startswith("samples/")}
    assert len(its_own) == 3
    assert digests(finished[0] / "run") == {name: digest for name, digest in before.items() if name not in its_own}
    run(finished[0] / "run", overlays=[finished[1]], data=finished[0] / "data")
    assert digests(finished[0] / "run") == before


def test_a_failed_check_stops_the_run_with_its_numbers(finished, tmp_path):
    text = "checks: {statistics: {impossible: {sample: tiny_file, column: v_phi_kms, statistic: median, expected: 500, tolerance: 1, source: a test}}}"
    output = failure(finished, tmp_path, text)
    assert "checks failed: impossible:" in output
    assert "expected 500 +- 1 (a test)" in output


def test_a_survey_that_sees_no_star_says_which_limit_left_none(tmp_path):
    text = "atlas: {samples: [lamost_hot]}\nsurveys: {lamost_hot: {g_min_mag: 3.0, g_limit_mag: 3.1}}\ngalaxies: {milky_way: {n_particles: 2000}}\n"
    done = run(tmp_path / "run", overlays=[overlay(tmp_path / "edit.yaml", text)], check=False)
    assert done.returncode != 0
    assert "simulate_survey" in done.stdout
    assert "catalogue 'lamost_hot': none of" in done.stdout
    assert "passes the limit 3 < G < 3.1 mag" in done.stdout
    assert not (tmp_path / "run/results/catalogues/raw/lamost_hot").exists()
    assert not (tmp_path / "run/results/catalogues/truth/lamost_hot.parquet").exists()


def test_an_html_page_in_place_of_a_catalogue(finished, tmp_path):
    (finished[0] / "data/page.csv").write_text(
        "<!DOCTYPE html>\n<html><body>Service is down</body></html>\n", encoding="utf-8"
    )
    output = failure(finished, tmp_path, "catalogues: {tiny_file: {path: page.csv}}")
    assert "page.csv" in output
    assert "HTML" in output
