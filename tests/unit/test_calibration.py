"""The calibration finds wrong error bars, passes right ones, and repeats itself; known failures come out as known."""

import numpy as np
import pytest
from scipy.stats import binomtest

from discatlas.calibration import distances, local_oort, maps, phase_space, velocity_field
from discatlas.calibration.coverage import NOMINAL, Intervals, clopper_pearson, join, pulls, summarise, symmetric
from discatlas.calibration.galaxy import R0_KPC, draw_stars, galaxy
from discatlas.calibration.registry import STUDIES, calibrate, collect
from discatlas.calibration.study import Key, Study
from discatlas.distances import ESTIMATORS as DISTANCES
from discatlas.errors import DiscatlasError
from discatlas.maps.likelihood import ESTIMATORS as LIKELIHOODS
from discatlas.phase_space import COORDINATES
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator
from discatlas.velocity_field import COMPONENTS, TERMS

SEED = 20260101
VARIANTS = (
    "first order",
    "second order, akhmetov2024",
    "weighted, second order",
    "north minus south, means",
    "north minus south, first order",
)
GAUSS = Key("gauss", "mean")


@pytest.fixture(autouse=True)
def one_thread():
    """Small simulations are fastest on one thread; more only wait for each other."""
    use_threads(1)
    yield
    use_threads(2)


def gaussian(factor=1.0, missing=0.0):
    """A study of unit normals whose stated errors are `factor`, some of them missing."""

    def draw(rng):
        value = rng.standard_normal(100)
        value[rng.random(100) < missing] = np.nan
        return {GAUSS: symmetric(value, factor, 0.0)}

    return Study("gauss", "one", draw, "unit normals", {GAUSS: "made to fail"})


def rows_of(table):
    """Rows of a table by estimator, case and quantity."""
    keys = zip(table["estimator"], table["case"], table["quantity"], strict=True)
    return {key: {name: table[name][k] for name in table} for k, key in enumerate(keys)}


@pytest.mark.parametrize(("n", "k"), [(1000, 683), (1000, 0), (1000, 1000), (7, 3), (1, 1), (20_000, 19_999)])
def test_binomial_interval_is_the_exact_one(n, k):
    expected = binomtest(k, n).proportion_ci(0.997, "exact")
    np.testing.assert_allclose(clopper_pearson(k, n), [expected.low, expected.high], rtol=1e-9, atol=1e-12)


def test_verdict_changes_where_the_binomial_interval_leaves_the_nominal_share():
    verdicts = []
    for n_covered in range(1001):
        found = binomtest(n_covered, 1000).proportion_ci(0.997, "exact")
        truth = np.where(np.arange(1000) < n_covered, 0.5, 2.0)
        row = summarise(symmetric(np.zeros(1000), 1.0, truth))
        assert row["n_covered"] == n_covered
        assert row["verdict"] == ("pass" if found.low <= NOMINAL <= found.high else "fail")
        verdicts.append(row["verdict"])
    assert verdicts.index("pass") == 639
    assert verdicts[::-1].index("pass") == 1000 - 726


@pytest.mark.parametrize(
    ("factor", "verdict", "share"),
    [(1.0, "pass", 0.6827), (0.5, "fail", 0.3829), (2.0, "fail", 0.9545), (0.85, "fail", 0.6047)],
)
def test_errors_that_are_wrong_by_a_factor_fail_and_right_ones_pass(factor, verdict, share):
    row = rows_of(calibrate([gaussian(factor)], 2000, SEED))["gauss", "one", "mean"]
    assert row["verdict"] == verdict
    assert row["coverage_lo"] <= share <= row["coverage_hi"]
    assert row["error_ratio"] == pytest.approx(factor, rel=0.1)
    assert abs(row["pull_mean"]) < 0.1 / factor
    assert row["remark"] == ("unit normals" if verdict == "pass" else "made to fail")


def test_an_estimator_of_the_code_fails_with_its_errors_halved_or_doubled():
    study = phase_space.STUDIES[0]
    found = collect(study, 1000, SEED)[Key(phase_space.SAMPLED, "v_phi")]
    assert [summarise(found.scaled(factor))["verdict"] for factor in (0.5, 1.0, 2.0)] == ["fail", "pass", "fail"]


def test_a_bias_of_half_an_error_fails_and_is_named():
    def draw(rng):
        return {GAUSS: symmetric(0.5 + rng.standard_normal(100), 1.0, 0.0)}

    row = rows_of(calibrate([Study("biased", "one", draw)], 2000, SEED))["gauss", "one", "mean"]
    assert row["verdict"] == "fail"
    assert row["remark"].startswith("biased by +0.5")


def test_pulls_take_the_arm_that_points_to_the_truth():
    intervals = Intervals(*np.array([[0.0, 0, 0, 1], [-1, -1, 0, 1], [3, 3, 1, 1], [1.5, -2, -1, 1]]))
    assert pulls(intervals).tolist() == [-0.5, 2.0, np.inf, 0.0]
    assert intervals.is_covered.tolist() == [True, False, False, True]
    assert summarise(join([intervals, intervals]))["n_covered"] == 4


def test_missing_intervals_are_counted_and_not_used():
    row = rows_of(calibrate([gaussian(missing=0.3)], 1000, SEED))["gauss", "one", "mean"]
    assert row["n_intervals"] == 1000
    assert row["n_missing"] == pytest.approx(1000 * 0.3 / 0.7, abs=100)
    assert row["verdict"] == "pass"


def test_bad_input_is_said():
    with pytest.raises(DiscatlasError, match="got n_intervals 0, expected 1 or more"):
        calibrate([gaussian()], 0, SEED)
    with pytest.raises(DiscatlasError, match="gauss, mean gave 0 intervals in 60 simulations, expected 3"):
        calibrate([gaussian(missing=1.0)], 3, SEED)


@pytest.mark.parametrize("module", [phase_space, maps, velocity_field, local_oort])
def test_the_table_does_not_depend_on_threads_or_on_other_studies(module):
    study, tables = module.STUDIES[0], []
    for threads in (1, 2):
        use_threads(threads)
        tables.append(calibrate([study], 4, SEED))
    tables.append(calibrate([gaussian(), study], 4, SEED))
    for name, column in tables[0].items():
        np.testing.assert_array_equal(column, tables[1][name])
        np.testing.assert_array_equal(column, tables[2][name][1:])


def test_simulations_are_those_of_their_number_whatever_is_asked():
    study = maps.STUDIES[3]
    few, many = (collect(study, n, SEED) for n in (60, 200))
    for key, intervals in few.items():
        n = intervals.value.size
        np.testing.assert_array_equal(np.array(intervals), np.array(many[key])[:, :n])
    again = study.draw(stream_generator(SEED, "check_calibration", study.name, "1"))
    for key, intervals in again.items():
        np.testing.assert_array_equal(intervals.value, many[key].value[50:100])


@pytest.mark.parametrize("study", [phase_space.STUDIES[0], distances.STUDIES[1], maps.STUDIES[0]], ids=lambda s: s.name)
def test_intervals_of_a_row_are_independent(study):
    """Whether one interval contains the truth says nothing of the next: the correlation of neighbours vanishes."""
    for key, intervals in collect(study, 2000, SEED).items():
        covered = intervals.is_covered[intervals.is_known].astype(float)
        assert abs(np.corrcoef(covered[1:], covered[:-1])[0, 1]) < 4 / np.sqrt(covered.size), key


@pytest.mark.parametrize(("case", "share"), [("N = 6", 0.374), ("N = 20", 0.495), ("N = 100", 0.544)])
def test_the_published_error_of_the_mean_fails_as_it_is_known_to(case, share):
    """Zari et al.'s sigma/sqrt(N) at sigma = 15 and errors of 13 km/s: 37.4, 49.5 and 54.4 %."""
    study = next(study for study in maps.STUDIES if study.case == f"{case}, errors 13 km/s")
    row = rows_of(calibrate([study], 1000, SEED))["likelihood zari2025", study.case, "mean"]
    assert row["coverage_lo"] < share < row["coverage_hi"]
    assert row["verdict"] == "fail"
    assert "leaves the measurement errors out" in row["remark"]


def test_students_t_is_what_the_plain_mean_of_six_stars_follows():
    study = next(study for study in maps.STUDIES if study.case == "N = 6, errors 13 km/s")
    row = rows_of(calibrate([study], 3000, SEED))["moments", study.case, "mean"]
    assert row["coverage_lo"] < 0.6368 < row["coverage_hi"]  # P(|t| < 1) of 5 degrees of freedom
    assert row["verdict"] == "fail"
    assert "63.7 % at N = 6" in row["remark"]


def test_distances_are_calibrated_for_stars_of_the_prior_and_not_for_others():
    prior, disc = (rows_of(calibrate([distances.STUDIES[k]], 1000, SEED)) for k in (2, 4))
    for kind in ("geometric", "photogeometric"):
        assert prior[f"distance {kind}", "prior, 0.5 mas", "percentiles"]["verdict"] == "pass"
    assert prior["distance inverse_parallax", "prior, 0.5 mas", "1 sigma error"]["verdict"] == "fail"
    assert disc["distance geometric", "disc, 0.1 mas", "percentiles"]["verdict"] == "fail"


def test_true_oort_constants_of_the_series_are_those_of_its_galaxy():
    for order in (1, 2):
        model = velocity_field.local_galaxy(order)
        np.testing.assert_allclose(velocity_field.true_oort(), model.oort_constants(R0_KPC, 0.0), rtol=0, atol=1e-8)
    np.testing.assert_allclose(velocity_field.true_oort()[:2], [14.86, -13.86], atol=0.01)  # B&T 2008, Eq. 3.83


def test_robust_errors_pass_where_cells_differ_and_those_for_cells_alike_are_off():
    """Cells far from the plane hold the fewest stars: by akhmetov2024 errors of ZZ are too small, those of R too large."""
    found, ratio = collect(velocity_field.STUDIES[0], 400, SEED), {}
    for term in ("ZZ", "R"):
        rows = [f"{velocity_field.CELLS}, second order{kind}" for kind in ("", ", akhmetov2024")]
        robust, alike = (join([found[Key(row, f"{c}_{term}")] for c in COMPONENTS]) for row in rows)
        assert summarise(robust)["verdict"] == "pass"
        ratio[term] = np.median((alike.hi - alike.lo) / (robust.hi - robust.lo))
    assert 0.90 < ratio["ZZ"] < 0.97
    assert 1.02 < ratio["R"] < 1.10


def test_the_linear_flow_has_the_constants_that_it_is_said_to_have(monkeypatch):
    cold = galaxy(radius_kpc=2.0, sigma_R_kms=1e-6, sigma_Z_kms=1e-6)
    monkeypatch.setattr(local_oort, "local_galaxy", lambda: cold)
    stars = local_oort.straighten(draw_stars(cold, 500, np.random.default_rng(1)))
    x, y = stars["X_kpc"] + R0_KPC, stars["Y_kpc"]
    design = np.stack([np.ones(500), x, y], axis=1)
    (_, a, b), (v_0, c, d) = (np.linalg.lstsq(design, stars[v], rcond=None)[0] for v in ("v_X_kms", "v_Y_kms"))
    found = np.array([(b + c) / 2, (c - b) / 2, (a - d) / 2, (a + d) / 2])
    np.testing.assert_allclose(found, local_oort.LINEAR_FLOW, rtol=0, atol=1e-6)
    assert v_0 == pytest.approx(27.0 * R0_KPC)  # A - B is the angular speed
    # through observation and fit: the axes of Galactic latitude are tilted by 0.2 deg, worth 27 times that at most
    routes = local_oort.draw(np.random.default_rng(1), is_linear=True, distance_error=0.0, with_field=False)
    assert len(routes) == 8
    for intervals in routes.values():
        np.testing.assert_allclose(intervals.value, intervals.truth, rtol=0, atol=27.0 * np.deg2rad(0.2))


def test_every_estimator_has_its_rows():
    assert len({study.name for study in STUDIES}) == len(STUDIES)
    rng = np.random.default_rng(1)
    keys = {key for study in STUDIES for key in study.draw(rng)}
    estimators = {key.estimator for key in keys}
    assert {f"distance {name}" for name in DISTANCES if name != "catalogue"} <= estimators
    assert {f"likelihood {name}" for name in LIKELIHOODS} <= estimators
    for kind in (phase_space.LINEAR, phase_space.SAMPLED):
        assert sum(key.estimator == kind for key in keys) == len(COORDINATES)
    for field in ("velocity field of cells, second order", "velocity field of stars, second order"):
        names = {key.quantity for key in keys if key.estimator == field}
        assert names == {f"{c}_{t}" for c in COMPONENTS for t in TERMS} | set("ABCK")
    assert {f"velocity field of cells, {name}" for name in VARIANTS} <= estimators
    routes = {name for name in estimators if name.startswith("Oort at the Sun")}
    assert len(routes) == 4
    curves = {key.quantity for key in keys if key.estimator == "rotation curve"}
    assert {"v_mean", "v_axisymmetric", "v_nonaxisymmetric", "v_second_order", "v_c"} <= curves
