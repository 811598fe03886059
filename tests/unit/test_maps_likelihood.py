"""Maximum-likelihood mean and dispersion: closed forms, brute force, invariances, coverage of the stated errors."""

import numba
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaln

from discatlas.errors import DiscatlasError
from discatlas.maps.likelihood import ESTIMATORS, estimate, estimate_cells, expected_dispersion, mean_thresholds


def log_likelihood(s, mu, v, e, restricted):
    """Ln L for arrays of s; the best mean if mu is None."""
    w = 1 / (np.atleast_1d(s)[:, None] + e**2)
    mu = (w * v).sum(1) / w.sum(1) if mu is None else np.full(w.shape[0], mu)
    value = 0.5 * np.log(w).sum(1) - 0.5 * (w * (v - mu[:, None]) ** 2).sum(1)
    return value - 0.5 * np.log(w.sum(1)) if restricted else value


def brute_force(v, e, restricted):
    """Highest maximum over s from a dense scan, refined by scipy."""
    s = np.concatenate([[0], np.geomspace(1e-4 * e.min() ** 2, 1e3 * np.ptp(v) ** 2, 2000)])
    k = np.argmax(log_likelihood(s, None, v, e, restricted))
    if k == 0:
        return 0.0
    return brentq(lambda x: slope(x, v, e, restricted), s[k - 1], s[k + 1], xtol=1e-13 * s[k], rtol=1e-14)


def slope(s, v, e, restricted):
    w = 1 / (s + e**2)
    d = v - (w * v).sum() / w.sum()
    return 0.5 * ((w * d) ** 2 - w).sum() + (0.5 * (w**2).sum() / w.sum() if restricted else 0.0)


def simulate(n, sigma, error, estimator, cells=10000, spread=0.0):
    rng = np.random.default_rng([n, 11])
    e = error * np.exp(spread * rng.normal(size=(cells, n)))
    v = rng.normal(size=(cells, n)) * np.hypot(sigma, e)
    offsets, blocks = np.arange(0, cells * n + 1, n), np.array([0, cells // 2, cells])
    return estimate_cells(v.ravel(), e.ravel() ** 2, offsets, np.zeros(cells), blocks, estimator)


@pytest.mark.parametrize("n", [2, 3, 6, 50, 1000])
@pytest.mark.parametrize("error", [0.0, 2.0, 13.0, 60.0])
def test_closed_form_for_equal_errors(n, error):
    v = np.random.default_rng(n).normal(-12, 20, n)
    squares = np.sum((v - v.mean()) ** 2)
    for estimator in ESTIMATORS:
        result = estimate(v, np.full(n, error), estimator)
        expected = max(0.0, squares / (n - 1 if estimator == "restricted" else n) - error**2)
        np.testing.assert_allclose(result.sigma**2, expected, rtol=1e-10)
        np.testing.assert_allclose(result.mean, v.mean(), rtol=1e-12)
        assert (result.sigma == 0.0) == (expected == 0.0)


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("spread", [1e-4, 0.5, 1.5, 3.0])
def test_equals_brute_force_on_unequal_errors(restricted, spread):
    rng = np.random.default_rng(21)
    for _ in range(60):
        n = int(rng.integers(2, 30))
        e = 10 ** rng.uniform(-1, 1.5) * np.exp(spread * rng.normal(size=n))
        v = 220 + rng.normal(size=n) * np.hypot(rng.choice([0.0, 5.0, 15.0, 50.0]), e)
        result, s = estimate(v, e, "restricted" if restricted else "plain"), brute_force(v, e, restricted)
        if abs(result.sigma**2 - s) > 1e-6 * s:  # two maxima of the same height
            both = log_likelihood([result.sigma**2, s], None, v, e, restricted)
            np.testing.assert_allclose(both[0], both[1], atol=1e-9)
        w = 1 / (result.sigma**2 + e**2)
        np.testing.assert_allclose(result.mean, (w * v).sum() / w.sum(), rtol=1e-9)


@pytest.mark.parametrize(("scatter", "sigma_below"), [(7.0, 0.01), (12.0, 20.0)])
def test_the_highest_of_two_maxima_is_taken(scatter, sigma_below):
    """Two precise stars that agree call for a small sigma, eight poor ones for a large one: the likelihood decides."""
    v = np.concatenate([[0.0, 3e-3], scatter * np.array([1, -1, 1.1, -0.9, 0.8, -1.2, 1, -1])])
    e = np.concatenate([[1e-4, 1e-4], np.full(8, 4.0)])
    value = log_likelihood(np.geomspace(1e-9, 1e4, 4000), None, v, e, restricted=True)
    assert np.sum((value[1:-1] > value[:-2]) & (value[1:-1] > value[2:])) == 2
    sigma = estimate(v, e).sigma
    np.testing.assert_allclose(sigma**2, brute_force(v, e, restricted=True), rtol=1e-6)
    assert sigma_below / 20 < sigma < sigma_below


def test_mean_error_below_20_stars_is_the_profile_interval():
    rng = np.random.default_rng(8)
    for n in (3, 6, 12, 19):
        e = 13 * np.exp(rng.normal(size=n))
        v = rng.normal(size=n) * np.hypot(15, e)
        result = estimate(v, e)

        def height(mu, v=v, e=e):
            scan = np.concatenate([[0], np.geomspace(1e-2, 1e6, 400)])
            k = np.argmax(log_likelihood(scan, mu, v, e, restricted=True))
            inner = (scan[max(k - 1, 0)], scan[min(k + 1, 400)])
            return -minimize_scalar(
                lambda s: -log_likelihood(s, mu, v, e, restricted=True)[0],
                bounds=inner,
                method="bounded",
                options={"xatol": 1e-9},
            ).fun

        floor, reach = height(result.mean) - mean_thresholds(restricted=True)[n], 10 * result.mean_error
        high = brentq(lambda mu, floor=floor: height(mu) - floor, result.mean, result.mean + reach)
        low = brentq(lambda mu, floor=floor: height(mu) - floor, result.mean - reach, result.mean)
        np.testing.assert_allclose(result.mean_error, (high - low) / 2, rtol=1e-4)


@pytest.mark.parametrize("estimator", ["restricted", "plain"])
def test_without_errors_the_interval_of_the_mean_is_students(estimator):
    from scipy import stats

    for n in (2, 6, 19):
        v = np.random.default_rng(n).normal(5, 3, n)
        t = stats.t.ppf(stats.norm.cdf(1), n - 1)
        np.testing.assert_allclose(
            estimate(v, np.zeros(n), estimator).mean_error, t * v.std(ddof=1) / np.sqrt(n), rtol=1e-5
        )


@pytest.mark.parametrize("n", [8, 40])
def test_shift_and_scale_invariance(n):
    rng = np.random.default_rng(9)
    e = 10 * np.exp(rng.normal(size=n))
    v = rng.normal(size=n) * np.hypot(15, e)
    result = np.array(estimate(v, e))
    moved = np.array(estimate(1e-2 * v + 3.0, 1e-2 * e)) - [3.0, 0, 0, 0, 0]
    np.testing.assert_allclose(1e2 * moved, result, rtol=1e-5)
    np.testing.assert_allclose(1e2 * moved[[0, 2]], result[[0, 2]], rtol=1e-8)


def test_an_outlier_with_a_huge_error_changes_nothing():
    rng = np.random.default_rng(10)
    v, e = rng.normal(0, 20, 40), np.full(40, 8.0) * rng.uniform(0.5, 2, 40)
    with_outlier = estimate(np.append(v, 5000.0), np.append(e, 1e8))
    np.testing.assert_allclose(with_outlier, estimate(v, e), rtol=1e-5)
    np.testing.assert_allclose(with_outlier.sigma, estimate(v, e).sigma, rtol=1e-8)


def test_errors_that_explain_the_scatter_give_exactly_zero():
    result = estimate(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), np.array([5.0, 6.0, 7.0, 8.0, 9.0, 10.0]))
    assert result.sigma == result.sigma_lo == 0.0
    assert result.sigma_hi > 0


def test_zero_errors_are_allowed():
    assert tuple(estimate(np.full(6, 3.0), np.zeros(6))) == (3.0, 0.0, 0.0, 0.0, 0.0)
    mixed = estimate(np.array([0.0, 10.0, -7.0, 4.0, 12.0, -9.0]), np.array([0.0, 0.0, 1.0, 1.0, 2.0, 0.5]))
    floored = estimate(np.array([0.0, 10.0, -7.0, 4.0, 12.0, -9.0]), np.array([1e-9, 1e-9, 1.0, 1.0, 2.0, 0.5]))
    np.testing.assert_allclose(mixed, floored, rtol=1e-5)
    assert all(
        np.isfinite(estimate(np.full(6, 3.0), np.array([0.0, 1, 1, 2, 3, 4]), name)).all() for name in ESTIMATORS
    )
    assert np.all(np.isnan(estimate(np.array([3.0]), np.array([1.0]))))


@pytest.mark.parametrize(("n", "published"), [(6, 0.38), (20, 0.51), (100, 0.56)])
def test_coverage_of_the_mean_against_the_published_error(n, published):
    """sigma 15, errors 13 km/s: the paper's error covers in 38, 51, 56 % (N = 6, 20, 100), ours in 68."""
    theirs, ours = (simulate(n, 15, 13, name, 5000 if n == 100 else 20000) for name in ("zari2025", "restricted"))
    assert np.mean(np.abs(theirs[:, 0]) < theirs[:, 1]) == pytest.approx(published, abs=0.025)
    assert np.mean(np.abs(ours[:, 0]) < ours[:, 1]) == pytest.approx(0.6827, abs=0.02)


@pytest.mark.parametrize("n", [6, 10, 19, 20])
@pytest.mark.parametrize(("sigma", "error", "spread"), [(15, 13, 0), (15, 2, 0), (15, 13, 0.8)])
def test_both_intervals_cover_the_truth(n, sigma, error, spread):
    out = simulate(n, sigma, error, "restricted", spread=spread)
    assert np.mean(np.abs(out[:, 0]) < out[:, 1]) == pytest.approx(0.6827, abs=0.035)
    assert np.mean((out[:, 3] <= sigma) & (sigma <= out[:, 4])) == pytest.approx(0.6827, abs=0.05)


@pytest.mark.parametrize("n", [6, 19, 20])
def test_intervals_are_conservative_without_dispersion(n):
    out = simulate(n, 0, 13, "restricted")
    assert 0.68 < np.mean(np.abs(out[:, 0]) < out[:, 1]) < 0.78
    assert np.mean(out[:, 3] == 0) > 0.8


def test_bias_of_the_plain_dispersion():
    """12.9 for a true 15 km/s in cells of 6 stars (with errors of 3 km/s); less than 0.1 % low with 1,000 stars."""
    bias = expected_dispersion(np.array([6, 20, 100, 1000]), 15, 3, "plain")
    np.testing.assert_allclose(bias, [12.89, 14.40, 14.88, 14.99], atol=0.006)
    c4 = np.sqrt(2 / 5) * np.exp(gammaln(3) - gammaln(2.5))  # of 6 Gaussian values
    np.testing.assert_allclose(expected_dispersion(np.array([6]), 15, 0, "restricted"), 15 * c4, rtol=1e-6)
    np.testing.assert_allclose(expected_dispersion(np.array([6]), 15, 0, "plain"), 15 * c4 * np.sqrt(5 / 6), rtol=1e-6)
    for estimator in ("plain", "restricted"):
        drawn = simulate(6, 15, 13, estimator)[:, 2]
        np.testing.assert_allclose(
            expected_dispersion(np.array([6]), 15, 13, estimator), drawn.mean(), atol=4 * drawn.std() / 100
        )


def test_number_of_threads_and_blocks_do_not_change_a_bit():
    rng = np.random.default_rng(12)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 60, 300))])
    v, e2 = rng.normal(0, 20, offsets[-1]), rng.uniform(1, 400, offsets[-1])
    threads = numba.config.NUMBA_NUM_THREADS
    try:
        numba.set_num_threads(1)
        one = estimate_cells(v, e2, offsets, np.zeros(300), np.array([0, 300]), "restricted")
    finally:
        numba.set_num_threads(threads)
    many = estimate_cells(v, e2, offsets, np.zeros(300), np.array([0, 7, 100, 250, 300]), "restricted")
    np.testing.assert_array_equal(one, many)


def test_unknown_estimator_names_the_nearest():
    with pytest.raises(DiscatlasError, match="nearest: 'restricted'"):
        estimate(np.arange(6.0), np.ones(6), "restrictd")
