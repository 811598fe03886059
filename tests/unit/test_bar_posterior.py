"""The posterior: of a linear model as computed by hand, calibrated over many maps, with two peaks, and by importance weights."""

import numpy as np
import pytest
from made_posterior import parameters
from scipy.stats import binom, qmc

from discatlas.bar_spirals.cell_nodes import CellNodes
from discatlas.bar_spirals.likelihood import KERNELS, Cells, Floor, QuadraticForms
from discatlas.bar_spirals.posterior import centred, degeneracies, importance, peaks, sample, shift, summaries
from discatlas.errors import DiscatlasError

NOMINAL = 0.6826894921370859


@pytest.fixture(scope="module")
def one():
    """One mode: amplitude, pitch angle, phase, pattern speed."""
    return parameters((2,), "hamilton2024", phase_2_deg=[0.0, 180.0])


def gaussian(mean, sd):
    def ln_likelihood(vector):
        away = (vector - mean) / sd
        away[2] = ((vector[2] - mean[2] + 90) % 180 - 90) / sd[2]
        return -0.5 * float(away @ away)

    return ln_likelihood


def test_a_gaussian_posterior_is_sampled(one):
    """Means within 4 errors of the mean, standard deviations within 10 %, the evidence within 4 of its own errors; the phase crosses 0."""
    mean, sd = np.array([0.1, 15.0, 2.0, 15.0]), np.array([0.01, 1.0, 8.0, 1.0])
    run = sample(gaussian(mean, sd), one, np.random.default_rng(0), 150)
    draws = run.vectors[run.draw(3000, np.random.default_rng(1))]
    near = centred(one.canonical(draws), one, mean)
    assert run.n_effective > 500
    assert np.all(np.abs(near.mean(axis=0) - mean) < 4 * sd / np.sqrt(run.n_effective))
    assert np.all(np.abs(near.std(axis=0) / sd - 1) < 0.1)
    ln_evidence = np.log(np.prod(sd * np.sqrt(2 * np.pi) / (one.upper - one.lower)))
    assert abs(run.ln_evidence - ln_evidence) < 4 * run.ln_evidence_error
    flatter = run.vectors[run.draw(3000, np.random.default_rng(2), 0.25)]
    assert np.all(np.abs(centred(flatter, one, mean).std(axis=0) / (2 * sd) - 1) < 0.2)
    record = summaries(one.canonical(draws), one)["phase_2_deg"]
    assert 0 <= record["median"] < 180
    assert record["hi"] - record["lo"] == pytest.approx(2 * sd[2], rel=0.15)


def test_two_peaks_are_found(one):
    first = gaussian(np.array([0.1, 10.0, 30.0, 12.0]), np.array([0.01, 0.8, 4.0, 0.5]))
    second = gaussian(np.array([0.1, 22.0, 120.0, 25.0]), np.array([0.01, 0.8, 4.0, 0.5]))
    run = sample(lambda v: float(np.logaddexp(first(v), second(v))), one, np.random.default_rng(3), 200)
    draws = run.vectors[run.draw(3000, np.random.default_rng(4))]
    found = peaks(draws, one)
    assert len(found) == 2
    assert all(0.3 < peak["share"] < 0.7 for peak in found)
    assert {round(peak["means"]["pitch_2_deg"]) for peak in found} == {10, 22}


def test_degeneracies_and_bounds_are_named(one):
    rng = np.random.default_rng(5)
    draws = np.stack(
        [rng.uniform(0, 0.2, 2000), rng.normal(10, 1, 2000), rng.normal(90, 3, 2000), np.full(2000, 10.05)], axis=1
    )
    draws[:, 1] += 0.5 * (draws[:, 2] - 90)
    draws[:, 3] += np.abs(rng.normal(0, 0.3, 2000))
    strongest = degeneracies(draws, one)[0]
    assert (strongest["x"], strongest["y"]) == ("pitch_2_deg", "phase_2_deg")
    assert strongest["correlation"] == pytest.approx(np.corrcoef(draws[:, 1], draws[:, 2])[0, 1])
    records = summaries(draws, one)
    assert records["Omega_2_kms_kpc"]["at_bound"] == ["lower"]
    assert records["pitch_2_deg"]["at_bound"] == []


def test_importance_weights_move_a_posterior():
    rng = np.random.default_rng(6)
    x = rng.normal(0, 1, 20_000)
    weights, share = importance(-0.5 * (x - 0.5) ** 2, -0.5 * x**2)
    assert weights @ x == pytest.approx(0.5, abs=0.05)
    assert share == pytest.approx(np.exp(-0.25), abs=0.05)
    assert importance(x, x)[1] == pytest.approx(1.0)


def test_a_shift_is_in_standard_deviations(one):
    rng = np.random.default_rng(7)
    before = one.canonical(rng.normal([0.1, 15, 1, 15], [0.01, 1, 4, 1], (4000, 4)))
    after = one.canonical(before + np.array([0, 0, 2.0, 0]))
    assert shift(before, after, one) == pytest.approx(0.5, abs=0.03)


def test_too_few_live_points_are_refused(one):
    with pytest.raises(DiscatlasError, match="at least 10"):
        sample(lambda _: 0.0, one, np.random.default_rng(0), 5)


N_MAPS, N_DRAWS = 120, 2**12


def test_intervals_are_calibrated():
    """Truths from the priors, maps of a linear model with a correlated misfit of unknown size and length: 68 % intervals cover 68 %.

    The posterior comes from weights on a Sobol sequence, so that 120 maps take seconds; a misfit taken for independent
    fails the same test, which shows that the test can tell.
    """
    rng = np.random.default_rng(8)
    X, Y = (values.ravel() for values in np.meshgrid(np.linspace(-11, -6, 11), np.linspace(-3, 3, 11), indexing="ij"))
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    nodes = CellNodes.choose(R, phi, 40)
    angle = np.radians(phi) * 2 + np.log(R / 8.275) / np.tan(0.2)
    at_nodes = np.stack([np.cos(angle), np.sin(angle), (R - 8.275) / 2], axis=1)[nodes.rows]
    floor = Floor.from_limits("matern52", (1.0, 6.0), 6, (0.8, 2.0), 3)
    prior = 15.0 * (qmc.Sobol(3, rng=rng).random_base2(12) - 0.5)
    distance = np.hypot(X[:, None] - X, Y[:, None] - Y)
    error = np.full(X.size, 1.0)
    covered = {"correlated": np.zeros(3, int), "independent": np.zeros(3, int)}
    for _ in range(N_MAPS):
        truth = 15.0 * (rng.random(3) - 0.5)
        # the misfit's parameters from their prior on the grid
        pair = rng.choice(floor.ln_prior.size, p=np.exp(floor.ln_prior))
        sigma, length = (values[pair] for values in floor.pairs)
        covariance = sigma**2 * KERNELS["matern52"](distance / length) + np.diag(error**2)
        v_R = nodes.weights @ at_nodes @ truth + np.linalg.cholesky(covariance) @ rng.standard_normal(X.size)
        cells = Cells(X, Y, v_R, error)
        forms = QuadraticForms.build(cells, nodes.weights, floor).project(np.zeros(40), at_nodes)
        left = v_R - prior @ (nodes.weights @ at_nodes).T
        total = error**2 + sigma**2
        for name, ln in (
            ("correlated", forms.ln_likelihood(prior)),
            ("independent", -0.5 * (left**2 / total).sum(axis=1)),
        ):
            weights = np.exp(ln - ln.max())
            for k in range(3):
                order = np.argsort(prior[:, k])
                share = np.cumsum(weights[order])
                lo, hi = np.interp([0.1587, 0.8413], share / share[-1], prior[order, k])
                covered[name][k] += lo <= truth[k] <= hi
    print(covered)
    low, high = binom.interval(0.997, N_MAPS, NOMINAL)
    assert np.all((covered["correlated"] >= low) & (covered["correlated"] <= high))
    assert covered["independent"].sum() < 3 * low
