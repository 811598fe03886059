"""Deviations from the stars at the same R: known answers, invariances, and errors that hold."""

import numpy as np
import pytest
from made_azimuthal import draw_places, is_north, polar, round_field
from scipy.stats import binomtest

from discatlas.azimuthal.annulus import Settings, bin_columns, covariance_of, measure_annulus
from discatlas.azimuthal.blocks import Layout, gather_blocks
from discatlas.azimuthal.deviations import PhiBins, annulus_stars, bin_weights, window_deviation
from discatlas.azimuthal.noise import NO_SHARED_NOISE, SharedNoise, band_columns, estimate_noise
from discatlas.azimuthal.waves import fit_wave
from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

BINS = PhiBins.between((-30, 30), 3.0)


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def stream(*names):
    return stream_generator(20260101, "test_azimuthal_deviations", *names)


def annulus(X, Y, values, limits=(7.0, 9.0), Z=None, window=0.2, trend="mean"):
    R, phi = polar(X, Y)
    return annulus_stars(R, phi, np.zeros_like(R) if Z is None else Z, values, limits, window, trend)


def test_deviation_is_what_a_loop_over_stars_gives():
    rng = stream("loop")
    X, Y = draw_places(600, rng)
    values = rng.normal(5.0, 0.3, 600)
    R, phi = polar(X, Y)
    stars = annulus(X, Y, values)
    for k in np.flatnonzero(stars.is_inside)[::7]:
        i = np.argmin(np.abs(R - stars.R_kpc[k]))
        assert stars.phi_deg[k] == phi[i]
        near = np.abs(R - R[i]) <= 0.2
        assert stars.deviation[k] == pytest.approx(values[i] - values[near].mean(), abs=1e-12)
    assert stars.is_inside.sum() == ((R >= 7) & (R < 9)).sum()
    assert np.isnan(stars.deviation[~stars.is_inside]).all()


def test_gradient_in_radius_and_level_drop_out():
    """A quantity of R alone deviates by its change across the window only; a level not at all, whatever its size."""
    X, Y = draw_places(20_000, stream("gradient"))
    R, _ = polar(X, Y)
    level = annulus(X, Y, np.full(R.size, 1e6))
    assert np.nanmax(np.abs(level.deviation)) < 1e-9
    plain = annulus(X, Y, -0.07 * R)
    assert 1e-4 < np.nanstd(plain.deviation) < 0.07 * 0.02
    straight = annulus(X, Y, -0.07 * R, trend="linear")
    assert np.nanmax(np.abs(straight.deviation)) < 1e-9
    assert straight.slopes["R_per_kpc"] == pytest.approx(-0.07, abs=1e-9)


def test_height_that_depends_on_azimuth_is_a_pattern_for_the_mean_and_none_for_the_linear_trend():
    rng = stream("height")
    X, Y = draw_places(60_000, rng)
    R, phi = polar(X, Y)
    Z = rng.laplace(scale=0.1 + 0.1 * (phi > 0), size=R.size)
    values = -0.07 * R - 0.3 * np.abs(Z) + 0.2 * rng.standard_normal(R.size)
    p = {}
    for trend in ("mean", "linear"):
        stars = annulus(X, Y, values, Z=Z, trend=trend)
        _, _, record = measure_annulus(stars, Settings(BINS, 20, 0.5, "stars", 199, 3), stream("height", trend))
        p[trend] = record["p_any_wave"]
    assert p["mean"] < 0.01
    assert p["linear"] > 0.05
    assert record["slopes_in_window"]["abs_Z_per_kpc"] == pytest.approx(-0.3, abs=0.03)


def test_turning_the_disc_turns_the_deviations():
    rng = stream("turn")
    X, Y = draw_places(5_000, rng)
    R, phi = polar(X, Y)
    values = rng.standard_normal(R.size)
    here = annulus_stars(R, phi, R * 0, values, (7, 9), 0.2)
    there = annulus_stars(R, phi + 12.0, R * 0, values, (7, 9), 0.2)
    layout = Layout.of_size((7, 9), BINS, 0.5)
    first, second = (bin_columns(stars, layout, 1.0, NO_SHARED_NOISE, 20) for stars in (here, there))
    np.testing.assert_allclose(first["deviation"][4:-4], second["deviation"][8:], atol=1e-12)
    np.testing.assert_allclose(first["deviation_error"][4:-4], second["deviation_error"][8:], atol=1e-12)


def test_weights_of_a_bin_are_those_of_the_mean_that_it_is():
    """The mean of a bin is linear in the stars' values: its coefficients from unit values, star by star."""
    rng = stream("weights")
    X, Y = draw_places(300, rng)
    R, phi = polar(X, Y)
    coarse = PhiBins.between((-30, 30), 15.0)

    def means(values):
        stars = annulus_stars(R, phi, R * 0, values, (7, 9), 0.5)
        number = np.where(stars.is_inside, coarse.numbers(stars.phi_deg), -1)
        return np.array([stars.deviation[number == j].mean() for j in range(4)]), stars, number

    coefficients = np.stack([means(row)[0] for row in np.eye(R.size)], axis=1)
    _, stars, number = means(R)
    block, _, _ = Layout.of_size((7, 9), coarse, 1.0).everywhere(stars)
    of_stars, of_blocks = bin_weights(stars, number, 4, block, block.max() + 1)
    np.testing.assert_allclose(of_stars, np.sum(coefficients**2, axis=1), rtol=1e-9)
    near = np.flatnonzero((R >= 6.5) & (R < 9.5))
    order = near[np.argsort(R[near], kind="stable")]
    expected = np.stack([np.bincount(block, coefficients[j, order]) for j in range(4)])
    np.testing.assert_allclose(of_blocks, expected, atol=1e-12)


def test_bins_hold_their_lower_edges_and_reject_bad_limits():
    assert BINS.numbers(np.array([-30.0, -27.0, 29.999, 30.0, -30.001])).tolist() == [0, 1, 19, -1, -1]
    for limits, width in (((-30, 30), 7.0), ((30, -30), 3.0), ((-200, 30), 3.0), ((-30, 30), 0.0)):
        with pytest.raises(DiscatlasError, match="expected -180 <= lower < upper"):
            PhiBins.between(limits, width)


def test_bad_input_is_said():
    X, Y = draw_places(500, stream("bad"))
    R, phi = polar(X, Y)
    with pytest.raises(DiscatlasError, match=r"annulus \[9, 7\].*expected 0 <= lower < upper"):
        annulus(X, Y, R, (9, 7))
    with pytest.raises(DiscatlasError, match="one of mean, linear"):
        annulus(X, Y, R, trend="cubic")
    with pytest.raises(DiscatlasError, match="no star with a value in the annulus 30 to 31 kpc"):
        annulus(X, Y, R, (30, 31))
    with pytest.raises(DiscatlasError, match="is the quantity constant"):
        gather_blocks(annulus(X, Y, np.zeros(500)), Layout.of_size((7, 9), BINS, 0.5))
    stars = annulus_stars(R, phi + 90, R * 0, phi, (7, 9), 0.2)
    with pytest.raises(DiscatlasError, match="no star of the annulus 7 to 9 kpc lies in phi_limits_deg"):
        gather_blocks(stars, Layout.of_size((7, 9), PhiBins.between((-120, -60), 3.0), 0.5))
    with pytest.raises(DiscatlasError, match="got block_kpc 0"):
        Layout.of_size((7, 9), BINS, 0.0)


def covered(pulls):
    """Whether 68.27 % lies in the 99.7 % binomial interval of the share within 1."""
    found = binomtest(int(np.sum(np.abs(pulls) < 1)), pulls.size).proportion_ci(0.997, "exact")
    return found.low <= 0.6827 <= found.high


@pytest.mark.parametrize("footprint", [None, is_north], ids=["round", "north"])
def test_errors_of_the_bins_hold_for_independent_stars(footprint):
    """One bin of each simulation; s/sqrt(n) is too large where a bin makes up much of its own reference."""
    pulls, plain = [], []
    layout = Layout.of_size((7, 9), BINS, 0.5)
    for k in range(400):
        rng = stream("independent", str(footprint), str(k))
        X, Y = draw_places(3_000, rng, footprint)
        stars = annulus(X, Y, 0.3 * rng.standard_normal(X.size))
        scatter = gather_blocks(stars, layout).scatter
        columns = bin_columns(stars, layout, scatter, NO_SHARED_NOISE, 5)
        j = np.argmax(columns["n_stars"])
        pulls.append(columns["deviation"][j] / columns["deviation_error"][j])
        plain.append(columns["deviation"][j] / columns["star_error"][j])
    assert covered(np.array(pulls))
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(400)
    assert np.std(plain) < 0.95 * np.std(pulls)


def test_errors_hold_for_what_neighbours_share_and_star_errors_do_not():
    pulls, plain = [], []
    for k in range(300):
        rng = stream("shared", str(k))
        X, Y = draw_places(20_000, rng)
        values = 0.3 * rng.standard_normal(X.size) + 0.06 * round_field(0.3, rng).at(X, Y)
        columns, _, _ = measure_annulus(annulus(X, Y, values), Settings(BINS, 20, 0.5, "blocks", 1, 4), rng)
        j = k % 10 + 5
        pulls.append(columns["deviation"][j] / columns["deviation_error"][j])
        plain.append(columns["deviation"][j] / columns["star_error"][j])
    assert covered(np.array(pulls))
    assert not covered(np.array(plain))
    assert np.std(plain) > 1.4


def test_shared_noise_is_recovered():
    found, reach = [], []
    for k in range(60):
        rng = stream("noise", str(k))
        X, Y = draw_places(40_000, rng)
        _, phi = polar(X, Y)
        values = 0.2 * rng.standard_normal(X.size) + 0.05 * round_field(0.6, rng).at(X, Y)
        values += 0.2 * np.cos(np.deg2rad(2 * phi))  # a pattern is no noise
        noise = estimate_noise(gather_blocks(annulus(X, Y, values), Layout.of_size((7, 9), BINS, 0.5)), 0.5, 4)
        found.append(noise.scatter)
        reach.append(noise.mean_reach_kpc)
    assert np.median(found) == pytest.approx(0.05 * 0.87, rel=0.15)  # a block averages over part of it
    assert 0.4 < np.median(reach) < 0.8
    assert SharedNoise((), (), ()).covariance(np.ones(3), np.arange(3.0)).tolist() == np.zeros((3, 3)).tolist()


def test_waves_over_part_of_the_circle_are_few():
    assert band_columns(np.linspace(-30, 30, 40), 6).shape[1] <= 5
    assert band_columns(np.linspace(-180, 177, 120), 6).shape[1] == 12


def test_a_wave_without_noise_comes_back_exactly():
    """The levels of the rings take the level of the reference; ring by ring, what is left is the wave itself."""
    X, Y = draw_places(50_000, stream("exact"))
    R, phi = polar(X, Y)
    stars = annulus_stars(R, phi, R * 0, 0.03 * np.cos(np.deg2rad(2 * (phi - 20.0))), (7, 9), 0.01)
    narrow = PhiBins.between((-30, 30), 1.0)
    blocks = gather_blocks(stars, Layout.of_size((7, 9), narrow, 0.1))
    wave = fit_wave(blocks, covariance_of(blocks, NO_SHARED_NOISE), 2)
    assert wave.amplitude == pytest.approx(0.03, rel=0.03)
    assert wave.phase_deg == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("shared", [0.0, 0.03])
def test_amplitude_and_phase_are_recovered_within_their_errors(shared):
    """Of a wave over the whole circle, where it is nothing else; components along and across the truth."""
    pulls = []
    circle = PhiBins.between((-180, 180), 6.0)
    truth = 0.05 * np.exp(2j * np.deg2rad(30.0))
    for k in range(150):
        rng = stream("recovery", str(shared), str(k))
        R, phi = np.sqrt(rng.uniform(36, 100, 20_000)), rng.uniform(-180, 180, 20_000)
        values = 0.25 * rng.standard_normal(R.size) + 0.05 * np.cos(np.deg2rad(2 * (phi - 30.0)))
        if shared:
            X, Y = -R * np.cos(np.deg2rad(phi)), R * np.sin(np.deg2rad(phi))
            values += shared * round_field(0.5, rng).at(X, Y)
        stars = annulus_stars(R, phi, R * 0, values, (7, 9), 0.2)
        _, waves, _ = measure_annulus(stars, Settings(circle, 20, 0.8, "blocks", 1, 3), rng)
        found = waves["amplitude"][1] * np.exp(2j * np.deg2rad(waves["phase_deg"][1]))
        pulls.append((np.abs(found) - np.abs(truth)) / waves["amplitude_error"][1])
        pulls.append((waves["phase_deg"][1] - 30.0) / waves["phase_error_deg"][1])
    assert covered(np.array(pulls))
    assert np.abs(np.mean(pulls)) < 0.25


def test_window_deviation_keeps_its_digits_far_from_zero():
    values = 1e8 + np.arange(1000.0)
    low, high = np.maximum(np.arange(1000) - 5, 0), np.minimum(np.arange(1000) + 6, 1000)
    assert np.abs(window_deviation(values, low, high)[5:-5]).max() < 1e-6
