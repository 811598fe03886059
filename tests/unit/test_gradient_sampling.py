"""Chains of a gradient: the posterior they sample, that they repeat, and the numbers that call them converged."""

import numpy as np
import pytest

from discatlas.calibration.gradients import flat_stars, gaussian_stars
from discatlas.errors import DiscatlasError
from discatlas.gradients import MODELS
from discatlas.gradients.fit import evaluate, table_parameters
from discatlas.gradients.likelihood import make_line, maxima
from discatlas.gradients.sampling import Mixture, SamplerSettings, autocorrelation_steps, sample_line, split_r_hat
from discatlas.runtime import use_threads

LONG = SamplerSettings("mixture", 32, 100, 1000, 4000, 1.01, 1000)
PAPER = SamplerSettings("stretch", 10, 0, 1000, 1000, 1.01, 400)


def problem(model="linear", n=600, seed=1):
    line = make_line(model, "hogg2010", *flat_stars(np.random.default_rng(seed), n, sigma_x=0.1))
    return line, maxima(line)


def settings(**changes):
    return SamplerSettings(**(vars(LONG) | changes))


def weighted(line, model):
    """Mean and standard deviation of each parameter by a sum of the posterior over draws from `Mixture`, shape (2, p)."""
    mixture = Mixture(line, maxima(line)[1])
    theta = mixture.draw(200_000, np.random.RandomState(5))
    logs = line.log_posterior(theta) - mixture.log_density(theta)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    mean = weight @ theta
    return mean, np.sqrt(weight @ (theta - mean) ** 2)


@pytest.mark.parametrize("model", MODELS)
def test_chains_have_the_moments_of_the_posterior(model):
    line, (_, starts) = problem(model, 400)
    chains = sample_line(line, starts, LONG, np.random.default_rng(2))
    mean, spread = weighted(line, model)
    assert chains.converged
    error = spread / np.sqrt(chains.n_effective)
    assert (np.abs(chains.flat.mean(axis=0) - mean) < 4.0 * error).all()
    np.testing.assert_allclose(chains.flat.std(axis=0), spread, rtol=6.0 / np.sqrt(chains.n_effective))


def test_the_papers_moves_sample_the_same_posterior_in_many_more_steps():
    line, (_, starts) = problem()
    few = sample_line(line, starts, PAPER, np.random.default_rng(3))
    many = sample_line(line, starts, settings(moves="stretch", n_steps=6000, max_steps=6000), np.random.default_rng(3))
    mixture = sample_line(line, starts, LONG, np.random.default_rng(3))
    assert not few.converged  # 10 walkers, 1,000 steps
    assert few.r_hat > 1.01
    assert few.theta.shape == (1000, 10, 3)
    assert many.autocorrelation > 8.0 * mixture.autocorrelation
    error = many.flat.std(axis=0) / np.sqrt(many.n_effective)
    assert (np.abs(many.flat.mean(axis=0) - mixture.flat.mean(axis=0)) < 5.0 * error).all()


def test_chains_repeat_with_their_stream_and_on_any_number_of_threads():
    line, (_, starts) = problem("linear", 40_000)
    brief = settings(n_burn=5, n_steps=20, max_steps=20)
    chains = []
    for threads, seed in ((1, 1), (2, 1), (2, 2)):
        use_threads(threads)
        chains.append(sample_line(line, starts, brief, np.random.default_rng(seed)).theta)
    np.testing.assert_array_equal(chains[0], chains[1])
    assert not np.array_equal(chains[1], chains[2])


def test_chains_go_on_until_they_have_converged_and_stop_at_the_limit():
    line, (_, starts) = problem()
    enough = sample_line(line, starts, settings(n_steps=100, max_steps=2000), np.random.default_rng(4))
    assert enough.converged
    assert 100 < enough.theta.shape[0] < 2000
    never = sample_line(line, starts, settings(n_steps=50, max_steps=220, min_effective=1e9), np.random.default_rng(4))
    assert not never.converged
    assert never.theta.shape[0] == 200 - 200 // 4


def test_r_hat_of_known_chains():
    rng = np.random.default_rng(5)
    same = rng.standard_normal((1000, 8, 2))
    assert split_r_hat(same) == pytest.approx(1.0, abs=0.005)
    apart = same + np.arange(8)[None, :, None]
    within, between = 1.0, np.repeat(np.arange(8.0), 2).var(ddof=1)
    assert split_r_hat(apart) == pytest.approx(np.sqrt(1.0 + between / within), rel=0.02)
    # walkers that agree with each other but drift: halves of means 0.75 and 2.25, with the drift's own variance
    drifting = same + np.linspace(0.0, 3.0, 1000)[:, None, None]
    expected = np.sqrt(1.0 + 0.75**2 * 16 / 15 / (1.0 + 1.5**2 / 12))
    assert split_r_hat(drifting) == pytest.approx(expected, abs=0.02)
    assert split_r_hat(np.ones((10, 4, 1))) == np.inf


@pytest.mark.parametrize("rho", [0.0, 0.8, 0.95])
def test_autocorrelation_of_a_known_process(rho):
    rng, chain = np.random.default_rng(6), np.zeros((20_000, 16))
    noise = rng.standard_normal(chain.shape) * np.sqrt(1.0 - rho**2)
    for k in range(1, len(chain)):
        chain[k] = rho * chain[k - 1] + noise[k]
    tau = (1.0 + rho) / (1.0 - rho)
    error = np.sqrt(2.0 * (10.0 * tau + 1.0) / chain.size)  # of a sum over 5 tau to both sides (Sokal 1989)
    assert autocorrelation_steps(chain[:, :, None]) == pytest.approx(tau, rel=3.0 * error)


def test_intervals_of_the_chains_cover_the_truth():
    from scipy.stats import binomtest

    n_covered = 0
    for k in range(60):
        line = make_line("linear", "kelly2007", *gaussian_stars(np.random.default_rng((7, k)), 300))
        chains = sample_line(line, maxima(line)[1], settings(n_steps=200), np.random.default_rng(k))
        low, high = np.percentile(chains.flat[:, 0], [16, 84])
        n_covered += low <= -0.08 <= high
    interval = binomtest(n_covered, 60).proportion_ci(0.997)
    assert interval.low <= 0.6827 <= interval.high


def test_walkers_start_inside_the_priors_even_where_the_maximum_lies_outside():
    """Scatter taken as across the line makes any vertical gradient as steep as the prior allows."""
    rng = np.random.default_rng(8)
    x = np.abs(rng.laplace(0.0, 0.05, 1000))
    y = -0.2 * x + 0.15 * rng.standard_normal(1000)
    line = make_line("linear", "robotham2015", x, y, 1e-6 + 0 * x, 0 * x, 1e-4 + 0 * x)
    top, starts = maxima(line)
    assert not np.isfinite(line.log_posterior(top.theta[None]))[0]
    chains = sample_line(line, starts, settings(n_steps=100, max_steps=100), np.random.default_rng(9))
    assert np.isfinite(chains.log_probability).all()
    assert np.median(chains.flat[:, 0]) < -1.9


def test_thinned_chains_keep_to_their_number():
    line, (_, starts) = problem()
    chains = sample_line(line, starts, settings(n_steps=300, max_steps=300), np.random.default_rng(1))
    steps, theta, log_probability = chains.thinned(1000)
    assert theta.shape[0] * theta.shape[1] <= 1000
    assert (np.diff(steps) == 10).all()
    np.testing.assert_array_equal(theta, chains.theta[steps])
    np.testing.assert_array_equal(line.log_posterior(theta[0]), log_probability[0])


@pytest.mark.parametrize("model", MODELS)
def test_columns_of_the_table_give_the_line_back(model):
    line, (top, _) = problem(model)
    named = table_parameters(line, top.theta[None])
    x = np.linspace(7.0, 11.0, 50)
    found = evaluate(
        model, x, named["slope"][0], named["intercept"][0], line.pivot,
        edge=named.get("break", [np.nan])[0], outer_slope=named.get("outer_slope", [np.nan])[0],
        curvature=named.get("curvature", [np.nan])[0],
    )  # fmt: skip
    value = dict(zip(MODELS[model], top.theta, strict=True))
    u = x - line.pivot
    expected = value["value"] + value["slope"] * u + 0.5 * value.get("curvature", 0.0) * u**2
    if model == "broken":
        expected = value["value"] + np.where(
            u < value["break"],
            value["slope"] * u,
            value["slope"] * value["break"] + value["outer_slope"] * (u - value["break"]),
        )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_settings_that_no_ensemble_has_are_refused():
    with pytest.raises(
        DiscatlasError, match="n_walkers is 8, expected an even number of 10 or more for model 'broken'"
    ):
        settings(n_walkers=8).check(["linear", "broken"])
    with pytest.raises(DiscatlasError, match="n_walkers is 11, expected an even number"):
        settings(n_walkers=11).check(["linear"])
    with pytest.raises(DiscatlasError, match="4 <= n_steps <= max_steps"):
        settings(n_steps=5000).check(["linear"])
    with pytest.raises(DiscatlasError, match=r"moves 'stretchy' are unknown \(nearest: 'stretch'\)"):
        settings(moves="stretchy").check(["linear"])
