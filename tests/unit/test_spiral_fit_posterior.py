"""Posteriors of the spiral fit: the truth comes back, evidences are integrals, two samplers agree."""

from dataclasses import replace

import numpy as np
import pytest
from made_spiral_map import MODEL, PRIORS, TRUTH, changed, grid, made_likelihood

from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.spiral_fit.ensemble import walk
from discatlas.spiral_fit.evidence import fit_measures, null_evidences, parameter_records, predictive_checks
from discatlas.spiral_fit.likelihood import Likelihood
from discatlas.spiral_fit.parameters import MEAN, PATTERN_SPEED, PHASE, PITCH, SCALE_LENGTH, SURFACE_DENSITY
from discatlas.spiral_fit.sampling import sample
from discatlas.streams import stream_generator

NARROW = replace(PRIORS, scale_length_kpc=(5.0, 30.0), surface_density_msun_kpc2=(1e6, 1.2e7), pitch_deg=(8.0, 20.0))


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def rng_of(name):
    return stream_generator(20260101, "test", name)


def offsets(found, truth, priors):
    """Return (median - truth)/error of each free parameter."""
    points = found.points.copy()
    points[:, PHASE] = truth[PHASE] + np.angle(np.exp(1j * (points[:, PHASE] - truth[PHASE])))
    return (np.median(points, axis=0) - truth)[priors.free] / points.std(axis=0)[priors.free]


@pytest.fixture(scope="module")
def recovered():
    likelihood = made_likelihood(error=1.0)
    return likelihood, sample(likelihood, PRIORS, rng_of("recovered"), 100, 2000)


def test_a_spiral_comes_back(recovered):
    likelihood, found = recovered
    assert np.abs(offsets(found, TRUTH, PRIORS)).max() < 3.5
    assert found.points[:, PITCH].std() < 0.5
    assert found.best_ln_likelihood >= likelihood(TRUTH)
    assert found.best_ln_likelihood >= found.ln_likelihood.max() - 1e-9
    assert abs(found.grid_ln_likelihood - found.best_ln_likelihood) < 0.01
    measures = fit_measures(likelihood, found.best, PRIORS)
    assert 0.8 < measures["chi_square_reduced"] < 1.2
    assert measures["explained_variance"] > 0.9
    assert found.ln_evidence - null_evidences(likelihood)["zero"] > 100
    np.testing.assert_allclose(found.points[:, PATTERN_SPEED], 12.0)
    np.testing.assert_array_equal(found.points[:, MEAN], 0.0)


def test_the_same_stream_gives_the_same_posterior(recovered):
    likelihood, _ = recovered
    some = sample(likelihood, NARROW, rng_of("twice"), 30, 100)
    again = sample(likelihood, NARROW, rng_of("twice"), 30, 100)
    np.testing.assert_array_equal(some.points, again.points)
    assert some.ln_evidence == again.ln_evidence
    other = sample(likelihood, NARROW, rng_of("other"), 30, 100)
    assert other.ln_evidence != some.ln_evidence


def test_the_walkers_find_the_posterior_of_the_nested_sampling(recovered):
    likelihood, found = recovered
    points = walk(likelihood, PRIORS, rng_of("walk"), 40, 300, 600)
    for k in PRIORS.free:
        nested, walked = found.points[:, k], points[:, k]
        if k == PHASE:
            nested = walked.mean() + np.angle(np.exp(1j * (nested - walked.mean())))
        for share in (16, 50, 84):
            assert abs(np.percentile(nested, share) - np.percentile(walked, share)) < 0.25 * walked.std()
        assert 0.85 < nested.std() / walked.std() < 1.18


def grid_of(priors, likelihood, shape=(12, 20, 24, 24)):
    """Points at the middles of the cells of a grid over the priors, and ln L there."""
    axes = [(np.arange(n) + 0.5) / n for n in shape]
    points = priors.point(np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], axis=1), MODEL)
    return points, likelihood.many(points)


def test_the_walkers_have_the_moments_of_the_posterior():
    """Mean to 6 % and width to 4 % of the width, against sums over a grid of all parameters."""
    likelihood = made_likelihood(error=10.0)
    points, ln = grid_of(NARROW, likelihood, (14, 24, 24, 36))
    weights = np.exp(ln - ln.max())
    walked = walk(likelihood, NARROW, rng_of("moments"), 40, 300, 4000)
    for k in (SCALE_LENGTH, SURFACE_DENSITY, PITCH):
        mean = np.average(points[:, k], weights=weights)
        width = np.sqrt(np.average((points[:, k] - mean) ** 2, weights=weights))
        assert abs(walked[:, k].mean() - mean) < 0.06 * width
        assert abs(walked[:, k].std() / width - 1) < 0.04


@pytest.mark.parametrize("parametrisation", ["phase", "time"])
def test_evidence_is_the_integral_over_the_priors(parametrisation):
    """By the mean of the likelihood over a grid of the four parameters, for a map so noisy that the grid resolves it."""
    likelihood = made_likelihood(error=12.0)
    priors = replace(NARROW, parametrisation=parametrisation)
    points, ln = grid_of(NARROW, likelihood)
    integral = np.log(np.mean(np.exp(ln - ln.max()))) + ln.max()
    found = sample(likelihood, priors, rng_of(f"evidence {parametrisation}"), 150, 1000)
    assert abs(found.ln_evidence - integral) < max(3.5 * found.ln_evidence_error, 0.2)
    # and the posterior mean is that of the grid
    weights = np.exp(ln - ln.max())
    for k in (SCALE_LENGTH, SURFACE_DENSITY, PITCH):
        values = points[:, k]
        mean = np.average(values, weights=weights)
        assert abs(found.points[:, k].mean() - mean) < 0.2 * np.sqrt(np.average((values - mean) ** 2, weights=weights))


def test_a_free_pattern_speed_and_mean_come_back():
    priors = replace(PRIORS, pattern_speed_kms_kpc=(5.0, 30.0), mean="free")
    truth = TRUTH.copy()
    truth[[PATTERN_SPEED, MEAN]] = 19.0, -2.0
    likelihood = made_likelihood(truth, error=0.5, priors=priors, step=0.7)
    found = sample(likelihood, priors, rng_of("free"), 80, 1000)
    assert np.abs(offsets(found, truth, priors)).max() < 3.5
    records = parameter_records(found.points, found.best, priors)
    assert records["pattern_speed_kms_kpc"]["at_bound"] is None
    assert abs(records["pattern_speed_kms_kpc"]["median"] - 19.0) < 1.0


def test_the_sine_term_alone_fits_as_well_with_another_phase_and_amplitude():
    """chi^2 does not tell the models apart: the phase moves by about -70 deg and the amplitude grows (Op = 2)."""
    model, priors = changed(pivot_kpc=10.0), replace(PRIORS, pattern_speed_kms_kpc=2.0)
    truth = TRUTH.copy()
    truth[PATTERN_SPEED], truth[PHASE] = 2.0, 2.0
    likelihood = made_likelihood(truth, error=0.5, model=model, priors=priors, step=0.7)
    sine = replace(likelihood.response, model=replace(model, terms="sin_only"))
    alone = Likelihood(sine, likelihood.v_R_kms, likelihood.noise)
    points = [walk(each, priors, rng_of("sine"), 24, 200, 200) for each in (likelihood, alone)]
    best = [each.chi_squares(some).min() for each, some in zip((likelihood, alone), points, strict=True)]
    assert best[1] < 1.15 * best[0]
    full, wrong = (np.median(some, axis=0) for some in points)
    turn = np.degrees(np.angle(np.exp(1j * (wrong[PHASE] - full[PHASE]))))
    assert -85 < turn < -60
    assert 2.3 < wrong[SURFACE_DENSITY] / full[SURFACE_DENSITY] < 3.5


def test_predictive_checks_see_what_a_model_leaves():
    X, Y = grid()
    likelihood = made_likelihood(error=1.0)
    points = walk(likelihood, PRIORS, rng_of("predict"), 24, 150, 40)
    good = predictive_checks(likelihood, points, X, Y, rng_of("check"))
    assert 0.01 < good["chi_square_p"] < 0.99
    assert 0.01 < good["block_rms_p"] < 0.99
    other = Likelihood(likelihood.response, likelihood.v_R_kms + 1.5 * np.sin(1.5 * X) * np.cos(Y), likelihood.noise)
    bad = predictive_checks(other, points, X, Y, rng_of("check"))
    assert bad["block_rms_p"] < 0.01


def test_too_few_live_points_are_refused():
    with pytest.raises(DiscatlasError, match="n_live: got 5, expected at least 10"):
        sample(made_likelihood(), PRIORS, rng_of("few"), 5, 100)
