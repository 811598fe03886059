"""The emulator: its kernel's gradient, what it learns exactly, its error at models it has not seen, and its design."""

import numpy as np
import pytest
from khalil2025 import CONFIG
from made_posterior import BOX, parameters
from orbit_models import exact_plane
from scipy.optimize import approx_fprime

from discatlas.bar_spirals.designs import box_limits, initial_design, part_of
from discatlas.bar_spirals.emulator import Emulator, FeatureMap
from discatlas.bar_spirals.gaussian_process import Features, GaussianProcess, kernel, negative_ln_likelihood
from discatlas.bar_spirals.mode_contrasts import ModeContrasts
from discatlas.bar_spirals.objective import contrasts
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError

TWO = Features(((0, 1), (4, 5)), ((2, 3), (6, 7)), 8)
R, PHI = np.linspace(6, 12, 30), np.radians(np.linspace(-25, 25, 30))


def response(vectors, modes=(2, 3)):
    """Medians that a weak response would give: linear in each mode's amplitude, and a small term of second order."""
    total, size = 0.0, 0.0
    for k, m in enumerate(modes):
        amplitude, pitch, phase, Omega = vectors[:, 4 * k : 4 * k + 4].T[:, :, None]
        angle = m * (PHI - np.radians(phase) + np.log(R / 8.275) / np.tan(np.radians(pitch)))
        total = total + 40 * amplitude * np.cos(angle) * (1 + 0.05 * (Omega - 15) * (R - 8))
        size = size + amplitude
    return total + 1.5 + 20 * size**2 * np.sin(R)


@pytest.fixture(scope="module")
def free():
    return parameters((2, 3), "free")


def draws(free, n, seed):
    return free.lower + np.random.default_rng(seed).random((n, 8)) * (free.upper - free.lower)


def test_the_gradient_of_the_likelihood():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(30, 8)), rng.normal(size=(30, 3))
    logs = TWO.start() + 0.3 * rng.normal(size=TWO.n_parameters)
    value, gradient = negative_ln_likelihood(logs, TWO, x, z)
    expected = approx_fprime(logs, lambda at: negative_ln_likelihood(at, TWO, x, z)[0], 1e-6)
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient, expected, atol=2e-5)


def test_predictions_are_the_kernel_times_the_solution():
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=(40, 8)), rng.normal(size=(7, 8)), rng.normal(size=(40, 3))
    process = GaussianProcess.train(TWO, x, z, np.arange(40))
    matrix = kernel(TWO, process.logs, x, x) + np.exp(process.logs[-1]) * np.eye(40)
    expected = kernel(TWO, process.logs, y, x) @ np.linalg.solve(matrix, z)
    np.testing.assert_allclose(process.predict(y), expected, rtol=1e-6, atol=1e-8)


def test_a_response_is_emulated(free):
    """300 models of two modes in all of the bounds; signal of 6 km/s, error at unseen models below a tenth of it."""
    vectors, unseen = draws(free, 300, 2), draws(free, 100, 3)
    emulator = Emulator.train(FeatureMap(free), vectors, response(vectors), lost_kms=0.05, groups=[6], n_subset=200)
    truth = response(unseen)
    error = np.sqrt(np.mean((emulator.medians(unseen) - truth) ** 2))
    print(emulator.basis.shape, error, truth.std())
    assert error < 0.1 * truth.std()
    turned = unseen + np.array([0, 0, 180.0, 0, 0, 0, -120.0, 0])
    np.testing.assert_allclose(emulator.medians(turned), emulator.medians(unseen), atol=1e-8)
    again = emulator.mean + emulator.project(truth) @ emulator.basis.T
    assert np.sqrt(np.mean((again - truth) ** 2)) < 0.3


def test_features_of_a_tied_amplitude_are_those_of_the_models(free):
    """The amplitude of the second mode is that of the model's own entry, by Hamilton's relation."""
    tied, plane = parameters((2, 3), "hamilton2024"), exact_plane()
    vectors = tied.lower + np.random.default_rng(4).random((5, 7)) * (tied.upper - tied.lower)
    features, amplitudes = FeatureMap(tied)(vectors), FeatureMap(tied).amplitudes(vectors)
    for row, vector in enumerate(vectors):
        whole = free.vector(tied.spec(vector, plane), plane)
        np.testing.assert_allclose(amplitudes[row], whole[[0, 4]], rtol=1e-9)
        np.testing.assert_allclose(features[row], FeatureMap(free)(whole[None])[0], rtol=1e-9, atol=1e-12)


def test_a_free_bar_has_features_of_its_own():
    bar = parameters((2,), "hamilton2024", Omega_bar_kms_kpc=[34.0, 40.0], bar_factor=[0.8, 1.2])
    features = FeatureMap(bar).features
    assert features.n == 6
    assert features.smooth == ((2, 3, 4, 5),)
    vector = np.array([[0.1, 10.0, 30.0, 12.0, 36.0, 1.1]])
    np.testing.assert_allclose(FeatureMap(bar)(vector)[0, 4:], [36.0, 1.1])


def test_contrasts_are_those_of_the_models(free):
    plane, density = exact_plane(), DensityModel.from_config(CONFIG)
    quick = ModeContrasts.build(FeatureMap(free), density, plane)
    vectors = draws(free, 4, 5)
    for row, vector in zip(quick(vectors), vectors, strict=True):
        found = contrasts(free.spec(vector, plane), density, free.R0_kpc)
        np.testing.assert_allclose(row, [found[2], found[3]], rtol=2e-3)


def test_too_few_models_are_refused(free):
    vectors = draws(free, 20, 6)
    with pytest.raises(DiscatlasError, match="20 models"):
        Emulator.train(FeatureMap(free), vectors, response(vectors), lost_kms=0.1, groups=[], n_subset=20)


def test_the_design_is_in_the_box_then_everywhere(free):
    best = np.array([0.1, 10.0, 2.0, 12.0, 0.05, 8.0, 60.0, 20.0])
    design = initial_design(best, free, 200, 0.6, BOX, np.random.default_rng(7))
    low, high = box_limits(best, free, BOX)
    assert np.all((design >= free.lower) & (design < free.upper))
    near = (design - best + 90) % 180 - 90
    assert np.abs(near[:120, 2]).max() <= BOX["phase"]
    assert np.abs(near[:120, 2]).max() > 0.9 * BOX["phase"]  # across 0 deg, which is 180
    for k in (0, 1, 3, 4, 5, 7):
        assert np.all((design[:120, k] >= low[k]) & (design[:120, k] <= high[k]))
    assert low[5] == free.lower[5]
    assert np.ptp(design[120:, 7]) > 0.9 * (free.upper[7] - free.lower[7])
    parts = [part_of(design, k, 3) for k in range(3)]
    assert sorted(map(tuple, np.concatenate(parts))) == sorted(map(tuple, design))
    with pytest.raises(DiscatlasError, match="part 3 of 3"):
        part_of(design, 3, 3)
    with pytest.raises(DiscatlasError, match="'pitch' is 0"):
        box_limits(best, free, BOX | {"pitch": 0})
