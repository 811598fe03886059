"""Smoothed maps: exact maxima, bootstrap errors that cover, and a covariance that agrees with one bootstrap of all stars."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, t

from discatlas.calibration import smoothing as calibration
from discatlas.calibration.coverage import NOMINAL
from discatlas.calibration.registry import calibrate
from discatlas.calibration.study import Key
from discatlas.errors import DiscatlasError
from discatlas.maps.smoothing import correlation_matrix, correlations, covariance_factor, smooth, star_bootstrap
from discatlas.maps.smoothing_kernels import draw_counts, means_of_counts
from discatlas.maps.windows import Windows, window_members
from discatlas.runtime import use_threads

ONE = Windows(((0.0, 1.0), (0.0, 1.0)), 1.0, 1.0)
PATCH = Windows(((-9.0, -8.0), (0.0, 1.0)), 0.25, 0.625)
# dispersion, spread of ln error, error
KINDS = {"warm": (35.0, 0.7, 4.0), "cold": (0.0, 0.5, 10.0), "wild": (3.0, 2.5, 2.0), "mixed": (10.0, 1.5, 10.0)}


def draw(n, kind, seed):
    """Velocities and errors of n stars with mean 3 km/s."""
    rng = np.random.default_rng(seed)
    sigma, spread, error = KINDS[kind]
    errors = error * np.exp(spread * rng.normal(size=n))
    return 3 + np.hypot(sigma, errors) * rng.normal(size=n), errors


def in_one(n):
    """The members of one window with n stars."""
    return np.array([0, n]), np.arange(n)


def profile(V, x, e, c):
    """Mean and ln L of the model at given V."""
    w = 1 / (np.atleast_1d(V)[:, None] + e**2)
    mu = (c * w * x).sum(1) / (c * w).sum(1)
    return mu, -0.5 * (c * (w * (x - mu[:, None]) ** 2 - np.log(w))).sum(1)


def direct(x, e, c):
    """Mean and V at the highest maximum of ln L, by a dense scan and scipy's bounded minimiser about each maximum."""
    V = np.concatenate([[0.0], np.geomspace(1e-5 * e.min() ** 2, 4 * np.ptp(x) ** 2 + 1, 1500)])
    _, log = profile(V, x, e, c)
    best = (log[0], 0.0)
    for g in 1 + np.flatnonzero((log[1:-1] >= log[:-2]) & (log[1:-1] >= log[2:])):
        found = minimize_scalar(
            lambda v: -profile(v, x, e, c)[1][0], bounds=(V[g - 1], V[g + 1]), method="bounded", options={"xatol": 1e-9}
        )
        best = max(best, (-found.fun, found.x))
    return profile(best[1], x, e, c)[0][0], best[1]


def patch_of_stars(n_per_window, kind, seed):
    """Stars about a patch of overlapping windows, with a gradient of 5 km/s/kpc, and the members of the windows."""
    rng = np.random.default_rng(seed)
    n = round(n_per_window * (1.5 / 0.625) ** 2)
    X, Y = rng.uniform(-9.25, -7.75, n), rng.uniform(-0.25, 1.25, n)
    v, e = draw(n, kind, seed)
    return v + 5 * X, e, window_members(X, Y, PATCH)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3, 8, 30, 100])
def test_means_of_samples_are_exact(n, kind):
    """Against direct optimisation, 1e-3 km/s is asked for; in cold samples V is 0 as a rule."""
    v, e = draw(n, kind, n)
    counts = np.random.default_rng(n + 1).multinomial(n, np.full(n, 1 / n), 40).astype(np.int32)
    found = np.empty((40, 1))
    means_of_counts(v, e**2, *in_one(n), np.array([0]), counts, found)
    expected = [direct(v[c > 0], e[c > 0], c[c > 0]) for c in counts]
    np.testing.assert_allclose(found[:, 0], [mu for mu, _ in expected], rtol=0, atol=1e-5)
    if kind == "cold":
        assert np.mean([V == 0 for _, V in expected]) > 0.2


def test_two_equal_maxima_are_told_apart():
    """A precise pair far from a scattered crowd: V = 0 with the pair's mean, or a wide Gaussian; ln L decides."""
    for gap in (30.0, 60.0, 100.0, 150.0):
        x, e = np.array([0.0, 0.05, gap, -gap, 0.6 * gap]), np.array([0.05, 0.05, 40.0, 40.0, 40.0])
        found = smooth(x, e, in_one(5), 2, 2, np.random.default_rng(1))
        mu, V = direct(x, e, np.ones(5))
        assert found.ml[0] == pytest.approx(mu, abs=1e-6), gap
        assert found.sigma[0] ** 2 == pytest.approx(V, rel=1e-4, abs=1e-9)


def test_equal_errors_give_the_closed_form():
    for error in (2.0, 60.0):
        v = draw(40, "warm", 5)[0]
        found = smooth(v, np.full(40, error), in_one(40), 2, 20_000, np.random.default_rng(1))
        assert found.ml[0] == pytest.approx(v.mean(), abs=1e-9)
        assert found.sigma[0] == pytest.approx(np.sqrt(max(v.var() - error**2, 0)), abs=1e-4)
        # the bootstrap of a plain mean: variance/n, to the chance of 20,000 samples
        assert found.error[0] == pytest.approx(v.std() / np.sqrt(40), rel=4 / np.sqrt(2 * 20_000))
        assert found.value[0] == pytest.approx(v.mean(), abs=4 * found.error[0] / np.sqrt(20_000))


def test_the_error_of_few_samples_has_no_bias():
    """Its square, over 400 windows of the same stars and 5 samples each: variance/n, to the chance of 1,600 numbers."""
    v = draw(40, "warm", 6)[0]
    members = np.arange(0, 40 * 401, 40), np.tile(np.arange(40), 400)
    found = smooth(v, np.full(40, 2.0), members, 2, 5, np.random.default_rng(2))
    assert np.mean(found.error**2) == pytest.approx(v.var() / 40, rel=4 * np.sqrt(2 / 1600))
    assert np.var(found.value) == pytest.approx(v.var() / 40 / 5, rel=4 * np.sqrt(2 / 400))


def test_errors_that_explain_the_scatter_give_the_inverse_variance_mean():
    v, e = draw(30, "cold", 13)
    v = 3 + 0.5 * (v - 3)
    found = smooth(v, e, in_one(30), 2, 2, np.random.default_rng(1))
    assert found.sigma[0] == 0
    assert found.ml[0] == pytest.approx(np.average(v, weights=e**-2), abs=1e-12)


def test_extreme_deconvolution_stays_where_it_is_put():
    """Bovy et al.'s expectation maximisation, another algorithm: its fixed point is our maximum."""
    v, e = draw(60, "mixed", 8)
    found = smooth(v, e, in_one(60), 2, 2, np.random.default_rng(1))
    mu, V = 0.0, 400.0
    for _ in range(3000):
        gain = V / (V + e**2)
        expected = mu + gain * (v - mu)
        mu, V = expected.mean(), np.mean((expected - expected.mean()) ** 2 + gain * e**2)
    assert found.sigma[0] > 1
    assert found.ml[0] == pytest.approx(mu, abs=1e-6)
    assert found.sigma[0] ** 2 == pytest.approx(V, rel=1e-6)


def test_shift_scale_and_mirror_go_through():
    stars = patch_of_stars(25, "mixed", 3)
    v, e, members = stars
    found = smooth(v, e, members, 8, 50, np.random.default_rng(1))
    for scale, shift in ((1.0, 200.0), (3.0, 0.0), (-1.0, 10.0)):
        moved = smooth(scale * v + shift, abs(scale) * e, members, 8, 50, np.random.default_rng(1))
        np.testing.assert_allclose(moved.value, scale * found.value + shift, atol=1e-6)
        np.testing.assert_allclose(moved.error, abs(scale) * found.error, atol=1e-6)
        np.testing.assert_allclose(moved.sigma, abs(scale) * found.sigma, atol=1e-3)
        pairs, others = (
            correlations(*data, members, result, PATCH)
            for data, result in (((v, e), found), ((scale * v + shift, abs(scale) * e), moved))
        )
        np.testing.assert_allclose(others.correlation, pairs.correlation, atol=1e-4)


def test_numbers_depend_neither_on_threads_nor_on_other_windows():
    v, e, (offsets, indices) = patch_of_stars(30, "warm", 4)
    results = []
    for threads in (1, 2):
        use_threads(threads)
        results.append(smooth(v, e, (offsets, indices), 8, 60, np.random.default_rng(5)))
        results.append(star_bootstrap(v, e, (offsets, indices), 8, 60, np.random.default_rng(5)))
    for a, b in zip(results[0], results[2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(results[1], results[3])
    few = np.where(np.arange(offsets.size - 1) % 3 == 0, np.diff(offsets), 0)
    kept = np.repeat(few > 0, np.diff(offsets))
    alone = smooth(v, e, (np.concatenate([[0], np.cumsum(few)]), indices[kept]), 8, 60, np.random.default_rng(5))
    np.testing.assert_array_equal(alone.value[::3], results[0].value[::3])
    assert np.isnan(alone.value[1::3]).all()
    other = smooth(v, e, (offsets, indices), 8, 60, np.random.default_rng(6))
    assert (other.value != results[0].value).all()


def test_samples_draw_every_star_alike_and_n_in_all():
    counts = np.empty((4000, 50), np.int32)
    draw_counts(np.uint64(3), 0, counts)
    assert (counts.sum(axis=1) == 50).all()
    total = counts.sum(axis=0)
    assert ((total - 4000) ** 2 / 4000).sum() < chi2(49).isf(1e-4)
    # variance of one multinomial count and correlation of two
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.03)
    assert np.corrcoef(counts[:, 3], counts[:, 4])[0, 1] == pytest.approx(-1 / 49, abs=4 / np.sqrt(4000))
    assert abs(np.corrcoef(counts[:-1, 7], counts[1:, 7])[0, 1]) < 4 / np.sqrt(4000)


@pytest.mark.parametrize("kind", ["warm", "cold", "mixed"])
def test_covariance_agrees_with_a_bootstrap_of_all_stars(kind):
    v, e, members = patch_of_stars(60, kind, 7)
    found = smooth(v, e, members, 8, 4000, np.random.default_rng(1))
    pairs = correlations(v, e, members, found, PATCH)
    expected = np.cov(star_bootstrap(v, e, members, 8, 8000, np.random.default_rng(2)).T)
    ours = pairs.correlation * found.error[pairs.a] * found.error[pairs.b]
    theirs = expected[pairs.a, pairs.b]
    strong = pairs.correlation > 0.25
    assert strong.sum() > 40
    assert np.sum(ours * theirs) / np.sum(theirs**2) == pytest.approx(1.0, abs=0.03)
    ratio = ours[strong] / theirs[strong]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    assert np.mean(np.abs(ratio - 1) < 0.1) > 0.9
    # the mean of all windows, whose variance is mostly covariance, to 10 %; a diagonal would be wrong by a factor
    cells = np.arange(PATCH.n_windows)
    matrix = correlation_matrix(cells, pairs.a, pairs.b, pairs.correlation) * np.outer(found.error, found.error)
    assert matrix.sum() == pytest.approx(expected.sum(), rel=0.1)
    assert np.trace(matrix) < 0.35 * expected.sum()


def test_equal_weights_correlate_by_the_share_of_common_stars():
    v, _, members = patch_of_stars(3000, "warm", 9)
    e = np.full(v.size, 1.0)
    found = smooth(v - v.mean(), e, members, 8, 2, np.random.default_rng(1))
    pairs = correlations(v - v.mean(), e, members, found, PATCH)
    n = np.diff(members[0])
    share = pairs.n_shared / np.sqrt(n[pairs.a] * n[pairs.b])
    np.testing.assert_allclose(pairs.correlation, share, atol=0.03)
    neighbours = pairs.b - pairs.a == 1
    assert pairs.correlation[neighbours].mean() == pytest.approx(0.6, abs=0.01)  # 0.375 of 0.625 kpc


@pytest.mark.parametrize("n", [3, 12, 60])
def test_the_matrix_is_positive_with_the_errors_on_its_diagonal(n):
    v, e, members = patch_of_stars(n, "mixed", 11)
    found = smooth(v, e, members, 2, 200, np.random.default_rng(1))
    pairs = correlations(v, e, members, found, PATCH)
    cells = np.flatnonzero(np.isfinite(found.value))
    matrix = correlation_matrix(cells, pairs.a, pairs.b, pairs.correlation)
    np.testing.assert_array_equal(np.diag(matrix), 1.0)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12
    factor = covariance_factor(matrix, found.error[cells], 200, floor=0.5)
    np.testing.assert_allclose(np.diag(factor @ factor.T), found.error[cells] ** 2 * (1 + 1 / 200) + 0.25, rtol=1e-10)
    assert np.linalg.eigvalsh(factor @ factor.T)[0] > 0.25


def test_windows_with_the_same_stars_are_wholly_correlated():
    """Their matrix is singular; the noise of the bootstrap itself makes it definite."""
    rng = np.random.default_rng(3)
    v, e = draw(20, "warm", 3)
    members = window_members(np.full(20, -8.44) + 1e-3 * rng.random(20), np.full(20, 0.44), PATCH)
    found = smooth(v, e, members, 8, 400, rng)
    pairs = correlations(v, e, members, found, PATCH)
    cells = np.flatnonzero(np.isfinite(found.value))
    assert cells.size == 4
    np.testing.assert_allclose(pairs.correlation, 1.0, rtol=1e-12)
    matrix = correlation_matrix(cells, pairs.a, pairs.b, pairs.correlation)
    assert np.linalg.matrix_rank(matrix, tol=1e-9) == 1
    factor = covariance_factor(matrix, found.error[cells], 400)
    # what the windows differ by is their own bootstraps' noise: chi-square of 4 values about their common mean
    shifted = np.linalg.solve(factor, found.value[cells] - found.ml[cells])
    assert shifted @ shifted < chi2(4).isf(1e-4)
    with pytest.raises(DiscatlasError, match="not positive definite with 1/400"):
        covariance_factor(np.where(np.eye(4) > 0, 1.0, -0.9), found.error[cells], 400)
    with pytest.raises(DiscatlasError, match="1 standard errors are not above zero"):
        covariance_factor(matrix, np.array([1.0, 1.0, 0.0, 1.0]), 400)


def test_pairs_of_other_windows_are_left_out_of_the_matrix():
    cells = np.array([7, 2, 9])
    a, b, rho = np.array([2, 2, 7, 1]), np.array([7, 3, 9, 2]), np.array([0.5, 0.9, np.nan, 0.8])
    expected = [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_array_equal(correlation_matrix(cells, a, b, rho), expected)


def rows_of(study, n_intervals=1500):
    """Coverage of a study by quantity; small simulations are fastest on one thread."""
    use_threads(1)
    table = calibrate([study], n_intervals, 20260101)
    use_threads(2)
    return {name: {column: table[column][k] for column in table} for k, name in enumerate(table["quantity"])}


def study_of(case):
    return next(study for study in calibration.STUDIES if study.case == case)


@pytest.mark.parametrize("n", [8, 20, 100, 300])
def test_coverage_of_windows_is_that_of_the_bootstrap_of_n_stars(n):
    """Nominal for many stars; for few, the bootstrap's variance is (n - 1)/n of that of Student's t: known and stated."""
    row = rows_of(study_of(f"n = {n}, dispersion 35"))["mean"]
    share = 2 * t.cdf(np.sqrt(1 - 1 / n), n - 1) - 1
    assert row["coverage_lo"] < share < row["coverage_hi"]
    if n >= 100:
        assert row["verdict"] == "pass"
    if n == 8:
        assert row["verdict"] == "fail"
        assert "61.9 % at n = 8" in row["remark"]


@pytest.mark.parametrize("n", [8, 30])
def test_coverage_where_the_errors_explain_the_scatter(n):
    assert rows_of(study_of(f"n = {n}, dispersion 0"))["mean"]["verdict"] == "pass"


def test_coverage_of_overlapping_windows_needs_the_covariance():
    rows = rows_of(study_of("n = 30, dispersion 35, blocks"), 1000)
    assert rows["mean of 16 windows"]["verdict"] == "pass"
    assert rows["difference of neighbours"]["verdict"] == "pass"
    assert rows["mean of 16 windows taken as independent"]["coverage"] < 0.45 < NOMINAL
    assert "share stars" in rows["mean of 16 windows taken as independent"]["remark"]
    assert {Key(calibration.OVERLAP, name) for name in rows} >= {Key(calibration.OVERLAP, "difference of neighbours")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"errors": np.array([1.0, 0.0, 1.0])}, "error of star 1 is 0, expected a number above zero"),
        ({"errors": np.array([1.0, np.nan, 1.0])}, "error of star 1 is nan"),
        ({"errors": np.array([-1.0, 1.0, 1.0])}, "error of star 0 is -1"),
        ({"values": np.array([1.0, 1.0, np.inf])}, "value of star 2 is inf"),
        ({"min_stars": 5}, "no window reaches min_stars = 5 stars, the fullest has 3; lower min_stars"),
        ({"min_stars": 1}, "got min_stars 1, expected 2 or more"),
        ({"n_bootstraps": 1}, "got n_bootstraps 1, expected 2 or more"),
        ({"members": (np.array([0, 0]), np.empty(0, np.int64))}, "the fullest has 0; widen the limits"),
    ],
)
def test_bad_input_is_said(changes, words):
    settings = {
        "values": np.arange(3.0),
        "errors": np.ones(3),
        "members": in_one(3),
        "min_stars": 2,
        "n_bootstraps": 10,
    }
    for function in (smooth, star_bootstrap):
        with pytest.raises(DiscatlasError, match=words):
            function(**(settings | changes), rng=np.random.default_rng(1))
