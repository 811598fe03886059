"""The likelihood of a gradient: against matrices, its maximum against scipy, its evidence against a sum, its symmetries."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

from discatlas.calibration.gradients import flat_stars, gaussian_stars
from discatlas.errors import DiscatlasError
from discatlas.gradients import LIKELIHOODS, MODELS, kernels
from discatlas.gradients.likelihood import LIMITS, Line, make_line, maxima, maximise, shrink
from discatlas.gradients.stars import fold
from discatlas.runtime import use_threads

THETA = {
    "linear": [-0.3, 0.1, 0.2],
    "broken": [-0.3, 0.1, 0.4, 0.05, 0.2],
    "quadratic": [-0.3, 0.1, 0.25, 0.2],
}


def stars(n=400, correlation=0.6, seed=1):
    return gaussian_stars(np.random.default_rng(seed), n, correlation=correlation)


def by_matrices(model, theta, columns, pivot, orthogonal):
    """SCIENCE 2.4 star by star: v = (-m, 1), S and Lambda as 2 x 2 matrices, Lambda across the line."""
    total = 0.0
    for x, y, xx, xy, yy in np.stack(columns, axis=1):
        u = x - pivot
        m, f = theta[0], theta[1] + theta[0] * u
        if model == "quadratic":
            m, f = theta[0] + theta[2] * u, f + 0.5 * theta[2] * u**2
        if model == "broken" and u >= theta[2]:
            m, f = theta[3], theta[1] + theta[0] * theta[2] + theta[3] * (u - theta[2])
        v = np.array([-m, 1.0])
        lam2 = theta[-1] ** 2 / (1.0 + m * m)
        matrix = np.array([[xx, xy], [xy, yy]]) + lam2 / (1.0 + m * m) * np.array([[m * m, -m], [-m, 1.0]])
        variance = v @ matrix @ v
        total -= 0.5 * (np.log(2.0 * np.pi * variance) + (y - f) ** 2 / variance)
        total += 0.5 * np.log(1.0 + m * m) if orthogonal else 0.0
    return total


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("likelihood", ["hogg2010", "robotham2015"])
def test_likelihood_is_that_of_the_matrices(model, likelihood):
    columns = stars(200)
    line = make_line(model, likelihood, *columns)
    theta = np.array(THETA[model])
    expected = by_matrices(model, theta, columns, columns[0].mean(), likelihood == "robotham2015")
    mirrored = np.append(theta[:-1], -theta[-1])
    np.testing.assert_allclose(line.log_likelihood(np.stack([theta, mirrored])), expected, rtol=1e-11)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 2047, 2048, 2049, 5000])
def test_no_star_is_lost_at_the_ends_of_groups_and_chunks(n):
    rng = np.random.default_rng(n)
    data = np.stack([rng.normal(size=n), rng.normal(size=n), *rng.uniform(0.01, 1.0, (3, n))])
    data[3] *= 0.1
    for row in ([-0.3, 0.1, np.inf, 0.0, 0.0, 0.2], [-0.3, 0.1, 0.4, 0.05, 0.2, 0.2]):
        slope, value, edge, outer, curvature, scatter = row
        u = data[0]
        m = np.where(u < edge, slope + curvature * u, outer)
        f = value + slope * u + 0.5 * curvature * u * u
        if edge < np.inf:
            f = np.where(u < edge, f, value + slope * edge + 0.5 * curvature * edge**2 + outer * (u - edge))
        V = scatter**2 + data[4] - 2.0 * m * data[3] + m * m * data[2]
        expected = norm.logpdf(data[1], f, np.sqrt(V)).sum()
        assert kernels.log_likelihoods(data, np.array([row]), False)[0] == pytest.approx(expected, rel=1e-12)


def test_the_same_bits_on_any_number_of_threads():
    columns = stars(60_000)
    line, found = make_line("linear", "hogg2010", *columns), []
    theta = np.tile(THETA["linear"], (40, 1)) + np.linspace(0, 0.01, 40)[:, None]
    assert theta.shape[0] * columns[0].size > kernels.PARALLEL_FROM
    for threads in (1, 2):
        use_threads(threads)
        found.append(line.log_likelihood(theta))
    few = np.concatenate([line.log_likelihood(part) for part in np.split(theta, 10)])  # below PARALLEL_FROM
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], few)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_maximum_is_scipys(model, likelihood):
    line = make_line(model, likelihood, *stars(800))
    found, starts = maxima(line)
    others = [
        minimize(lambda t: -line.log_posterior(t[None])[0], start.theta, method="Nelder-Mead",
                 options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})
        for start in [found, *starts[:: max(1, len(starts) // 4)]]
    ]  # fmt: skip
    best = max(-other.fun for other in others)
    # ln L of a broken line has a step of this size wherever the break passes a star, whose slope and variance change
    assert found.log_likelihood >= best - (0.05 if model == "broken" else 1e-6)
    assert found.log_likelihood == line.log_likelihood(found.theta[None])[0]
    if model != "broken":
        np.testing.assert_allclose(found.theta, others[0].x, rtol=1e-3, atol=1e-5)


def test_errors_of_the_maximum_are_those_of_least_squares_where_x_has_no_errors():
    x, y, V_xx, V_xy, V_yy = stars(2000, correlation=0.0)
    found = maximise(make_line("linear", "hogg2010", x, y, 1e-12 + 0 * V_xx, V_xy, 0 * V_yy + 1e-12))
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - slope * x - intercept
    assert found.theta[0] == pytest.approx(slope, rel=1e-6)
    assert found.theta[2] == pytest.approx(rest.std(), rel=1e-6)
    expected = np.sqrt([rest.var() / x.size / x.var(), rest.var() / x.size, rest.var() / 2.0 / x.size])
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), expected, rtol=2e-3)


def test_scatter_that_errors_explain_is_zero_and_has_no_evidence_of_a_peak():
    x, y, V_xx, V_xy, V_yy = stars(500, correlation=0.0)
    found = maximise(make_line("linear", "hogg2010", x, y, V_xx, V_xy, V_yy + 1.0))
    assert found.theta[2] < 0.02
    assert np.isfinite(found.log_likelihood)


@pytest.mark.parametrize("model", ["linear", "broken"])
def test_laplaces_evidence_is_the_integral(model):
    """Over a grid of every parameter; for a broken line over the break, the other parameters being known from that."""
    line = make_line("linear", "hogg2010", *stars(1500))  # Laplace's error goes as 1/n
    if model == "broken":
        edges = np.linspace(-1.5, 1.5, 33)
        broken = Line("broken", "hogg2010", line.stars, line.pivot, np.array(
            [LIMITS["slope"], LIMITS["value"], (-1.5, 1.5), LIMITS["outer_slope"], LIMITS["scatter"]]))  # fmt: skip
        parts = np.array([maximise(broken, edge).log_evidence for edge in edges])
        low = parts.max()
        mean = np.trapezoid(np.exp(parts - low), edges) / 3.0
        assert maxima(broken)[0].log_evidence == pytest.approx(low + np.log(mean), abs=0.02)
        return
    found = maximise(line)
    axes = [
        found.theta[k] + np.sqrt(found.covariance[k, k]) * np.linspace(-6.0, 6.0, 49) for k in range(found.theta.size)
    ]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    steps = np.prod([axis[1] - axis[0] for axis in axes])
    values = line.log_posterior(grid)
    widths = np.diff(line.limits, axis=1).prod()
    total = found.log_likelihood + np.log(np.exp(values - found.log_likelihood).sum() * steps / widths)
    assert found.log_evidence == pytest.approx(total, abs=0.01)


def test_slopes_do_not_depend_on_where_x_begins_nor_on_the_sign_of_y():
    x, y, V_xx, V_xy, V_yy = stars(500)
    first = maximise(make_line("linear", "kelly2007", x, y, V_xx, V_xy, V_yy))
    moved = maximise(make_line("linear", "kelly2007", x - 7.3, y, V_xx, V_xy, V_yy))
    turned = maximise(make_line("linear", "kelly2007", x, -y, V_xx, -V_xy, V_yy))
    np.testing.assert_allclose(moved.theta, first.theta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(turned.theta * [-1, -1, 1], first.theta, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("bend", "best"), [("none", "linear"), ("break", "broken"), ("curve", "quadratic")])
def test_criteria_and_evidence_choose_the_model_that_made_the_stars(bend, best):
    rng = np.random.default_rng(3)
    x, y, *V = flat_stars(rng, 4000, sigma_x=0.05)
    y = y + {"none": 0.0, "break": 0.3 * np.maximum(x - 9.5, 0.0), "curve": 0.08 * (x - 9.0) ** 2}[bend]
    bic, evidence = {}, {}
    for model in MODELS:
        line = make_line(model, "hogg2010", x, y, *V)
        top, _ = maxima(line)
        bic[model] = line.n_parameters * np.log(x.size) - 2.0 * top.log_likelihood
        evidence[model] = top.log_evidence
        if model == "broken" and bend == "break":
            assert top.theta[2] + line.pivot == pytest.approx(9.5, abs=0.1)
            assert top.theta[3] - top.theta[0] == pytest.approx(0.3, abs=0.04)
        if model == "quadratic" and bend == "curve":
            assert top.theta[2] == pytest.approx(0.16, abs=0.03)
    assert min(bic, key=bic.get) == best
    assert max(evidence, key=evidence.get) == best


@pytest.mark.parametrize("Z", [0.0, 0.02, -0.05, 0.1, -0.5])
def test_folded_height_has_the_moments_of_its_posterior(Z):
    sigma, cov = 0.05, 0.05 * 0.1 * 0.5
    mean, variance, covariance = fold(np.array([Z]), np.array([sigma]), np.array([cov]))

    def moment(function):
        return quad(lambda z: function(z) * norm.pdf(z, Z, sigma), Z - 9 * sigma, Z + 9 * sigma, points=[0.0])[0]

    first = moment(abs)
    np.testing.assert_allclose(mean, first, rtol=1e-7)
    np.testing.assert_allclose(variance, moment(lambda z: z * z) - first**2, rtol=1e-6)
    # the error of y is cov / sigma^2 of that of Z, Z - z, and noise: measured less true |Z| times it
    expected = cov / sigma**2 * moment(lambda z: (abs(Z) - abs(z)) * (Z - z))
    assert covariance[0] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    if abs(Z) > 0.4:
        np.testing.assert_allclose(
            [mean[0], variance[0], covariance[0]], [abs(Z), sigma**2, np.sign(Z) * cov], rtol=1e-9
        )


def test_shrunk_stars_lie_where_they_are_on_average():
    """For a Gaussian x with errors that grow with distance from 8 kpc: mean of true x given the shrunk one, and its variance."""
    rng = np.random.default_rng(5)
    true = rng.normal(9.5, 1.2, 400_000)
    sigma = 0.05 + 0.2 * np.abs(true - 8.0)
    x = true + sigma * rng.standard_normal(true.size)
    y, none = np.zeros_like(x), np.zeros_like(x)
    shrunk, _, V, _, _ = shrink(x, y, sigma**2, none, none)
    slope = np.cov(true, shrunk)[0, 1] / shrunk.var()
    assert slope == pytest.approx(1.0, abs=0.004)
    assert np.cov(true, x)[0, 1] / x.var() < 0.95  # unlike the measured x
    assert V.mean() == pytest.approx(np.mean((true - shrunk) ** 2), rel=0.05)


def test_bad_stars_are_refused_with_reasons():
    x, y, V_xx, V_xy, V_yy = stars(50)
    with pytest.raises(DiscatlasError, match=r"all 50 stars have one metallicity, 0\.1"):
        make_line("linear", "hogg2010", x, 0.0 * y + 0.1, V_xx, V_xy, V_yy)
    with pytest.raises(DiscatlasError, match="all 50 stars have one x, 9"):
        make_line("linear", "hogg2010", 0.0 * x + 9.0, y, V_xx, V_xy, V_yy)
    with pytest.raises(DiscatlasError, match="kelly2007 cannot tell these stars apart"):
        make_line("linear", "kelly2007", x, y, V_xx + 9.0, V_xy, V_yy)
    with pytest.raises(DiscatlasError, match=r"model 'linearr' is unknown \(nearest: 'linear'\)"):
        make_line("linearr", "hogg2010", x, y, V_xx, V_xy, V_yy)
    with pytest.raises(DiscatlasError, match=r"likelihood 'hogg' is unknown \(nearest: 'hogg2010'\)"):
        make_line("linear", "hogg", x, y, V_xx, V_xy, V_yy)
