"""Which estimator of a gradient is unbiased for which generating model, and by how much the others are off.

Three models (SCIENCE 2.4): stars evenly spread in x far beyond the range, chosen by their measured x, with scatter along
y; Gaussian x with scatter across the line and errors alike in x and y (Robotham & Obreschkow 2015); Gaussian x with
scatter along y and large errors of x (Kelly 2007). A slope is called unbiased where the mean over the simulations is
within its 99.7 % interval of the truth.
"""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from discatlas.calibration.coverage import NOMINAL
from discatlas.calibration.gradients import SCATTER, SLOPE, draw_errors, flat_stars, gaussian_stars
from discatlas.gradients import LIKELIHOODS
from discatlas.gradients.likelihood import make_line, maximise
from discatlas.gradients.moments import moment_slope
from discatlas.runtime import use_threads

N_SIMULATIONS, N_STARS = 300, 800
MODELS = {
    "flat": lambda rng: flat_stars(rng, N_STARS),
    "across": lambda rng: gaussian_stars(rng, N_STARS, sigma_x=0.1, sigma_y=0.1, across=True),
    "gaussian": lambda rng: gaussian_stars(rng, N_STARS),
}
RIGHT = {"flat": "hogg2010", "across": "robotham2015", "gaussian": "kelly2007"}
CONFIDENCE = 0.997


@pytest.fixture(scope="module")
def found():
    """Slope, its error and scatter by likelihood, and slope and error by moments: (model, likelihood) to (5, n)."""
    use_threads(1)
    values = {}
    for number, (model, make) in enumerate(MODELS.items()):
        for k in range(N_SIMULATIONS):
            columns = make(np.random.default_rng((number, k)))
            for likelihood in LIKELIHOODS:
                top = maximise(make_line("linear", likelihood, *columns))
                row = (top.theta[0], np.sqrt(top.covariance[0, 0]), top.theta[2], *moment_slope(likelihood, *columns))
                values.setdefault((model, likelihood), []).append(row)
    use_threads(2)
    return {key: np.array(rows).T for key, rows in values.items()}


def deviation(slopes, truth=SLOPE):
    """Mean bias in units of the standard error of the mean."""
    return (slopes.mean() - truth) / (slopes.std(ddof=1) / np.sqrt(slopes.size))


def inside(values, truth=SLOPE):
    return abs(deviation(values, truth)) < norm.isf((1.0 - CONFIDENCE) / 2.0)


@pytest.mark.parametrize("model", MODELS)
def test_each_likelihood_is_unbiased_for_its_own_model(found, model):
    slope, _, scatter, second, _ = found[model, RIGHT[model]]
    assert inside(slope)
    assert inside(second)
    along = SCATTER * (np.sqrt(1.0 + SLOPE**2) if model == "across" else 1.0)
    assert scatter.mean() == pytest.approx(along, rel=0.005)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("route", ["likelihood", "moments"])
def test_its_intervals_cover_the_truth_as_often_as_they_say(found, model, route):
    slope, error = found[model, RIGHT[model]][[0, 1] if route == "likelihood" else [3, 4]]
    n_covered = int(np.sum(np.abs(slope - SLOPE) <= error))
    interval = binomtest(n_covered, slope.size).proportion_ci(CONFIDENCE)
    assert interval.low <= NOMINAL <= interval.high


@pytest.mark.parametrize("model", MODELS)
def test_both_routes_agree_star_sample_by_star_sample(found, model):
    """They see the same stars, so they differ by a fraction of their errors."""
    slope, error, _, second, _ = found[model, RIGHT[model]]
    assert np.abs(slope - second).mean() < 0.35 * error.mean()


def expected_slope(model, likelihood):
    """What the moments of the generating model make of a slope, to first order in the biases."""
    V = draw_errors(np.random.default_rng(1), 1_000_000, 0.4, 0.08, 0.0)[2].mean()
    m, t = SLOPE, 1.2**2
    if model == "gaussian":
        return m * t / (t + V) if likelihood == "hogg2010" else None
    if model == "across" and likelihood == "hogg2010":
        along, across = t * (1.0 + m * m), SCATTER**2
        noise = draw_errors(np.random.default_rng(1), 1_000_000, 0.1, 0.1, 0.0)[2].mean()
        C_xy = m * (along - across) / (1.0 + m * m)
        return C_xy / ((along + m * m * across) / (1.0 + m * m) + noise)
    if model == "flat" and likelihood == "kelly2007":
        return m / (1.0 - V / (4.0**2 / 12.0))
    return None


@pytest.mark.parametrize(
    ("model", "likelihood"), [("gaussian", "hogg2010"), ("across", "hogg2010"), ("flat", "kelly2007")]
)
def test_the_others_are_off_by_what_moments_say(found, model, likelihood):
    slope = found[model, likelihood][0]
    expected = expected_slope(model, likelihood)
    assert not inside(slope)
    assert slope.mean() / SLOPE - 1.0 == pytest.approx(expected / SLOPE - 1.0, abs=0.02)
    assert abs(expected / SLOPE - 1.0) > 0.03


@pytest.mark.parametrize("model", ["flat", "gaussian"])
def test_robothams_form_moves_the_slope_by_per_cents(found, model):
    """Scatter along y is no scatter across the line: it steepens the slope by scatter^2 / var(x), several per cent."""
    plain, orthogonal = found[model, "hogg2010"][0], found[model, "robotham2015"][0]
    assert 1.02 < orthogonal.mean() / plain.mean() < 1.12
    assert not inside(orthogonal)


def test_the_sign_of_a_covariance_counts():
    """With S_xy taken with the wrong sign scatter^2 comes out wrong by 4 m S_xy."""
    right, wrong = [], []
    for k in range(40):
        x, y, V_xx, V_xy, V_yy = flat_stars(np.random.default_rng((9, k)), N_STARS, 0.5, 0.2, 0.9, slope=-0.3)
        right.append(maximise(make_line("linear", "hogg2010", x, y, V_xx, V_xy, V_yy)).theta)
        wrong.append(maximise(make_line("linear", "hogg2010", x, y, V_xx, -V_xy, V_yy)).theta)
    right, wrong = np.array(right), np.array(wrong)
    assert inside(right[:, 0], -0.3)
    assert inside(right[:, 2], SCATTER)
    assert not inside(wrong[:, 2], SCATTER)
    assert wrong[:, 2].mean() ** 2 - SCATTER**2 == pytest.approx(4.0 * 0.3 * 0.9 * 0.5 * 0.2 * np.exp(0.09), rel=0.1)


def test_errors_that_grow_with_x_do_not_spoil_the_gaussian_of_true_x():
    """Distances err more far away: one Gaussian for all stars would steepen the slope, one for each error does not."""
    slopes, second = [], []
    for k in range(150):
        rng = np.random.default_rng((11, k))
        x = rng.normal(9.0, 1.2, 2000)
        sigma = 0.05 + 0.25 * np.abs(x - 8.2)
        y = SLOPE * x + SCATTER * rng.standard_normal(x.size) + 0.05 * rng.standard_normal(x.size)
        columns = (x + sigma * rng.standard_normal(x.size), y, sigma**2, 0 * x, 0 * x + 0.0025)
        slopes.append(maximise(make_line("linear", "kelly2007", *columns)).theta[0])
        second.append(moment_slope("kelly2007", *columns)[0])
    assert inside(np.array(second))
    assert np.mean(slopes) == pytest.approx(SLOPE, rel=0.01)


def test_moments_without_spread_of_x_are_missing():
    x, y, V_xx, V_xy, V_yy = gaussian_stars(np.random.default_rng(1), 200)
    for likelihood in ("kelly2007", "robotham2015"):
        assert np.isnan(moment_slope(likelihood, x, y, V_xx + 10.0, V_xy, V_yy)).all()
    steep, _ = moment_slope("robotham2015", y, x, V_yy, V_xy, V_xx)  # axes exchanged: the same line
    flat, _ = moment_slope("robotham2015", x, y, V_xx, V_xy, V_yy)
    assert steep == pytest.approx(1.0 / flat, rel=1e-9)
