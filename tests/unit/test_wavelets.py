"""The wavelet sees neither level nor slope, knows a Gaussian's coefficient, and its peaks have calibrated errors."""

import numpy as np
import pytest
from scipy.stats import binom

from discatlas.bar_spirals.wavelets import Wavelet, mexican_hat
from discatlas.errors import DiscatlasError

STEP, SCALE = 2.0, 6.0
BINS = np.arange(61.0, 400.0, STEP)
WAVELET = Wavelet(BINS, SCALE)


def gaussian(mean, sigma, bins=BINS):
    return STEP / np.sqrt(2 * np.pi) / sigma * np.exp(-0.5 * ((bins - mean) / sigma) ** 2)


def skewed(bins=BINS):
    """A smooth distribution with one maximum and a tail to low velocities, as asymmetric drift makes it."""
    return 0.75 * gaussian(228, 16, bins) + 0.25 * gaussian(205, 35, bins)


def grouped(bins=BINS):
    return 0.8 * gaussian(228, 28, bins) + 0.2 * gaussian(185, 6, bins)


def test_derivatives_are_those_of_the_wavelet():
    u, h = np.linspace(-4, 4, 81), 1e-5
    below, here, above = (mexican_hat(u + k * h) for k in (-1, 0, 1))
    np.testing.assert_allclose((above[0] - below[0]) / (2 * h), here[1], atol=1e-8)
    np.testing.assert_allclose((above[1] - below[1]) / (2 * h), here[2], atol=1e-8)


def test_level_and_slope_are_not_seen():
    inner = slice(20, -20)
    for values in (np.full(BINS.size, 7.0), 3.0 * BINS):
        assert np.abs(WAVELET.transform(values)[inner]).max() < 1e-6 * values.max()


@pytest.mark.parametrize("sigma", [6.0, 15.0, 40.0])
def test_coefficient_of_a_gaussian(sigma):
    u = (BINS - 221.0) ** 2 / (SCALE**2 + sigma**2)
    expected = SCALE**3 / (SCALE**2 + sigma**2) ** 1.5 * (1 - u) * np.exp(-u / 2)
    np.testing.assert_allclose(WAVELET.transform(gaussian(221.0, sigma)), expected, atol=1e-5)


def test_errors_are_those_of_poisson_noise():
    rng, expected = np.random.default_rng(1), 2000 * grouped()
    coefficients = WAVELET.transform(rng.poisson(expected, (4000, BINS.size)))
    seen = WAVELET.error(expected) > 0.1
    # the standard deviation of 4,000 draws is known to 1.1 % for Gaussian noise, and less well for few stars
    np.testing.assert_allclose(coefficients.std(axis=0)[seen], WAVELET.error(expected)[seen], rtol=0.1)
    many = expected > 20
    np.testing.assert_allclose(coefficients.std(axis=0)[many], WAVELET.error(expected)[many], rtol=0.05)


@pytest.mark.parametrize("n_stars", [2000, 200_000])
def test_groups_are_placed_with_calibrated_errors(n_stars):
    """The pulls of the group's place about that without noise are standard normal."""
    rng, n = np.random.default_rng(2), 400
    quiet = WAVELET.peaks(grouped(), noise=False)
    place = quiet.v_kms[np.argmin(np.abs(quiet.v_kms - 185))]
    assert abs(place - 185) < 0.3  # the slope of the background draws it by little
    pulls = []
    for counts in rng.poisson(n_stars * grouped(), (n, BINS.size)):
        peaks = WAVELET.peaks(counts, noise=True)
        k = np.argmin(np.abs(peaks.v_kms - place))
        assert peaks.significance[k] > 3
        pulls.append((peaks.v_kms[k] - place) / peaks.v_error_kms[k])
    within = np.abs(pulls)
    for reach, share in ((1, 0.6827), (2, 0.9545)):
        low, high = binom.interval(0.999, n, share)
        assert low <= (within < reach).sum() <= high
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(n)


@pytest.mark.parametrize("n_stars", [100, 3000, 100_000, 3_000_000])
@pytest.mark.parametrize("smooth", [gaussian(225, 28), skewed()], ids=["gaussian", "skewed"])
def test_a_smooth_distribution_has_one_peak(n_stars, smooth):
    """Beyond its own maximum fewer than one in twenty volumes has a peak of significance 3."""
    rng, n = np.random.default_rng(n_stars), 300
    found = [WAVELET.peaks(counts, noise=True) for counts in rng.poisson(n_stars * smooth, (n, BINS.size))]
    n_peaks = np.array([(peaks.significance >= 3).sum() for peaks in found])
    assert np.maximum(n_peaks - 1, 0).sum() < binom.ppf(0.999, n, 0.05)
    if n_stars > 10_000:
        assert n_peaks.min() == 1


def test_noise_does_not_look_like_groups_to_any_lower_bar():
    """The significance is in units of noise: below 3 there are many peaks more."""
    rng = np.random.default_rng(4)
    found = [WAVELET.peaks(counts, noise=True) for counts in rng.poisson(3e5 * skewed(), (200, BINS.size))]
    extra = [sum((peaks.significance >= bar).sum() - 1 for peaks in found) for bar in (1.0, 2.0, 3.0)]
    assert extra[0] > 200
    assert extra[0] > 4 * extra[1] > 16 * max(extra[2], 1)


@pytest.mark.parametrize("shift", [1.0, 0.37, -14.6])
def test_peaks_move_with_the_distribution(shift):
    quiet = WAVELET.peaks(grouped(), noise=False)
    moved = WAVELET.peaks(grouped(BINS - shift), noise=False)
    np.testing.assert_allclose(moved.v_kms, quiet.v_kms + shift, atol=0.002)
    np.testing.assert_allclose(moved.prominence, quiet.prominence, rtol=0.05)


def test_density_changes_errors_and_significance_alone():
    counts = np.random.default_rng(5).poisson(5000 * grouped()).astype(float)
    one, hundred = WAVELET.peaks(counts, noise=True), WAVELET.peaks(100 * counts, noise=True)
    np.testing.assert_allclose(hundred.v_kms, one.v_kms, atol=1e-9)
    k = np.argmin(np.abs(one.v_kms - 185))  # the sharp one
    assert hundred.v_error_kms[k] == pytest.approx(one.v_error_kms[k] / 10, rel=0.02)
    np.testing.assert_allclose(hundred.significance, 10 * one.significance, rtol=1e-9)
    np.testing.assert_allclose(hundred.prominence, one.prominence, rtol=1e-9)
    np.testing.assert_allclose(hundred.n_near, 100 * one.n_near, rtol=1e-9)


def test_a_shoulder_is_a_peak_and_bins_hardly_matter():
    shoulder = gaussian(225, 30) + 0.03 * gaussian(285, 7)
    assert (np.diff(shoulder)[BINS[1:] > 230] < 0).all()  # no maximum of the distribution itself
    peaks = WAVELET.peaks(shoulder, noise=False)
    assert np.abs(peaks.v_kms - 285).min() < 2
    fine = np.arange(60.25, 400.0, 0.5)
    finer = Wavelet(fine, SCALE).peaks(gaussian(225, 30, fine) + 0.03 * gaussian(285, 7, fine), noise=False)
    np.testing.assert_allclose(finer.v_kms, peaks.v_kms, atol=0.01)


@pytest.mark.parametrize(("v_R", "groups"), [(0, (202, 228, 257)), (100, (205, 243)), (-56, (225, 254))])
def test_moving_groups_of_the_solar_neighbourhood(real_data, v_R, groups):
    """Hercules, Hyades and Horn, Sirius in the published histogram of 2 million stars, to 4 km/s, all beyond doubt."""
    histogram = np.load(
        real_data / "gaia_rvs_disc_maps/solar_velocity_histogram.npy"
    )  # (v_phi, v_R) from (0, -200) by 2
    first = (v_R - 10 + 200) // 2
    counts = histogram[:, first : first + 10].sum(axis=1)
    peaks = Wavelet(np.arange(1.0, 400.0, 2.0), SCALE).peaks(counts, noise=True, least=6.0)
    for v_phi in groups:
        assert np.abs(peaks.v_kms - v_phi).min() < 4
        assert peaks.v_error_kms[np.argmin(np.abs(peaks.v_kms - v_phi))] < 1.5


def test_no_peak_near_the_ends_or_without_stars():
    step_at_the_end = np.full(BINS.size, 100.0)
    assert WAVELET.peaks(step_at_the_end, noise=True).select(slice(None)).significance.max(initial=0) < 3
    falling = np.exp(-(BINS - 60) / 30)
    assert WAVELET.peaks(falling, noise=False).prominence.max(initial=0) < 1e-3
    assert WAVELET.peaks(np.zeros(BINS.size, int), noise=True).size == 0


@pytest.mark.parametrize(
    ("bins", "words"),
    [
        (np.array([1.0, 2.0, 4.0]), "equal steps"),
        (np.arange(0.0, 400.0, 3.0), r"bins of 3 km/s for a scale of 6 km/s; expected at most 2"),
        (np.arange(200.0, 240.0, 2.0), "leave no room for a scale of 6 km/s; expected more than 48 km/s"),
    ],
)
def test_bad_bins_say_why(bins, words):
    with pytest.raises(DiscatlasError, match=words):
        Wavelet(bins, SCALE)
