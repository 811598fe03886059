"""Significance of a pattern in azimuth: p-values are uniform without one, small with one, and the plain permutation is too sure."""

import numpy as np
import pytest
from made_azimuthal import draw_places, is_north, polar, round_field
from made_particles import make_particles
from scipy.stats import binomtest, kstest
from survey_tools import SUN, survey

from discatlas.azimuthal.annulus import Settings, measure_annulus
from discatlas.azimuthal.deviations import PhiBins, annulus_stars
from discatlas.calibration.galaxy import galaxy
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_velocity, galactocentric_rotation, unit_vectors
from discatlas.runtime import use_threads
from discatlas.simulation.chemistry import Chemistry
from discatlas.simulation.mean_field import draw_positions
from discatlas.streams import stream_generator

BINS = PhiBins.between((-30, 30), 3.0)
N_NULLS = 200
LEVEL = 0.05
AMPLITUDE_DEX, WAVENUMBER, PHASE_DEG = 0.03, 2, 30.0


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def p_values(X, Y, feh, rng, null="blocks", limits=(7.0, 9.0), Z=None, trend="mean"):
    """p-values of sectors, of any wave, and of the wave m = 2."""
    R, phi = polar(X, Y)
    stars = annulus_stars(R, phi, R * 0 if Z is None else Z, feh, limits, 0.2, trend)
    _, waves, record = measure_annulus(stars, Settings(BINS, 20, 0.5, null, 199, 6), rng)
    return record["p_value"], record["p_any_wave"], waves["p_value"][WAVENUMBER - 1]


def simulate(name, n_stars, k, footprint=None, shared=None, amplitude=0.0, null="blocks"):
    """p-values of one simulation: a gradient, independent scatter of 0.3 dex, what neighbours share, and a wave."""
    rng = stream_generator(20260101, "test_azimuthal_significance", name, str(k))
    X, Y = draw_places(n_stars, rng, footprint)
    R, phi = polar(X, Y)
    feh = -0.07 * (R - 8.2) + 0.3 * rng.standard_normal(R.size)
    if shared:
        scatter, length, form = shared
        feh += scatter * round_field(length, rng, form).at(X, Y)
    feh += amplitude * np.cos(np.deg2rad(WAVENUMBER * (phi - PHASE_DEG)))
    return p_values(X, Y, feh, rng, null)


def assert_uniform(p):
    """Kolmogorov's test at 99.7 %, and no more below 5 % than the 99.7 % binomial interval of that allows."""
    assert kstest(p, "uniform").pvalue > 0.003
    assert binomtest(int(np.sum(p <= LEVEL)), p.size).proportion_ci(0.997, "exact").low <= LEVEL


NULLS = {
    "independent": (None, None),
    "independent, north": (None, is_north),
    "shared": ((0.05, 0.3, "gaussian"), None),
    "shared, north": ((0.05, 0.3, "gaussian"), is_north),
    "shared far": ((0.05, 0.5, "gaussian"), None),
}


@pytest.mark.parametrize("name", NULLS)
def test_p_values_of_blocks_are_uniform_without_a_pattern(name):
    shared, footprint = NULLS[name]
    p = np.array([simulate(name, 20_000, k, footprint, shared) for k in range(N_NULLS)])
    for column in p.T:
        assert_uniform(column)


def test_p_values_are_a_little_small_where_what_is_shared_has_a_long_tail():
    """Correlation exp(-d/0.3 kpc): the form is among those that are fitted, its tail cannot be told from a pattern."""
    p = np.array([simulate("long tail", 20_000, k, None, (0.05, 0.3, "exponential")) for k in range(N_NULLS)])
    for column in p.T:
        assert np.mean(column <= LEVEL) < 0.15
        assert np.mean(column <= 0.01) < 0.07


def test_plain_permutation_of_stars_is_right_for_independent_stars_alone():
    p = np.array([simulate("stars", 10_000, k, null="stars") for k in range(N_NULLS)])
    for column in p.T:
        assert_uniform(column)
    wrong = np.array(
        [simulate("stars shared", 10_000, k, None, (0.05, 0.3, "gaussian"), null="stars") for k in range(60)]
    )
    assert np.mean(wrong[:, 0] <= LEVEL) > 0.4
    assert kstest(wrong[:, 0], "uniform").pvalue < 1e-6


@pytest.mark.parametrize("shared", [None, (0.01, 0.3, "gaussian")], ids=["independent", "shared"])
def test_a_wave_of_three_hundredths_of_a_dex_is_found(shared):
    """In 80 % of cases or more, with a sample of about the size of the paper's; the sectors, 19 at once, are less sharp."""
    p = np.array([simulate(f"wave {shared}", 80_000, k, None, shared, AMPLITUDE_DEX) for k in range(60)])
    assert np.mean(p[:, 1] <= LEVEL) >= 0.8
    assert np.mean(p[:, 2] <= LEVEL) >= 0.8
    assert np.mean(p[:, 0] <= LEVEL) > 0.5


@pytest.mark.parametrize("kind", ["lamost_hot", "apogee"])
def test_a_footprint_makes_no_pattern(kind):
    """A disc in closed form without a pattern, with gradients in R and |Z|, seen by a survey with its errors and limits."""
    model = galaxy(radius_kpc=4.5, scale_height_kpc=0.2)
    chemistry = Chemistry(0.0, -0.07, -0.15, 0.2, 0.0, 2, 0.0)
    names = {
        "lamost_hot": ("RA", "DEC", "parallax", "parallax_error", "[Fe/H]"),
        "apogee": ("RA", "DEC", "GAIAEDR3_PARALLAX", "GAIAEDR3_PARALLAX_ERROR", "FE_H"),
    }[kind]
    p, n_used = [], []
    for k in range(120):
        rng = stream_generator(20260101, "test_azimuthal_significance", kind, str(k))
        particles = make_particles(
            12_000, seed=k, hot=0.95 if kind == "lamost_hot" else 0.02, giants=0.03 if kind == "lamost_hot" else 0.96
        )
        R, phi, Z = draw_positions(model, 12_000, rng)
        turn = np.deg2rad(phi)
        v_X, v_Y = cartesian_velocity(phi, particles["v_R_kms"], particles["v_phi_kms"])
        particles |= {"X_kpc": -R * np.cos(turn), "Y_kpc": R * np.sin(turn), "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
        particles |= {"v_X_kms": v_X, "v_Y_kms": v_Y, "feh_dex": chemistry.draw_feh(R, phi, Z, 8.2, rng)}
        raw = survey(kind, seed=k, particles=particles).raw
        ra, dec, parallax, error, feh = (np.ma.filled(np.ma.asarray(raw[name], dtype=float), np.nan) for name in names)
        good = np.isfinite(parallax + error + feh) & (parallax > 0)
        good[good] = error[good] / parallax[good] < 0.2
        place = galactocentric_rotation(SUN) @ unit_vectors(ra[good], dec[good])[2] / parallax[good]
        place = place + np.array(SUN.position_kpc)[:, None]
        low = np.abs(place[2]) < 0.3
        X, Y, Z = place[:, low]
        n_used.append(X.size)
        p.append(p_values(X, Y, feh[good][low], rng, Z=Z, trend="linear")[:2])
    assert np.median(n_used) > 1_000
    for column in np.array(p).T:
        assert_uniform(column)


def test_the_same_seed_gives_the_same_p_value_on_any_number_of_threads():
    for null in ("blocks", "stars"):
        found = []
        for threads in (1, 2):
            use_threads(threads)
            found.append(simulate("threads", 5_000, 0, None, (0.05, 0.3, "gaussian"), null=null))
        assert found[0] == found[1]


def test_turning_the_pattern_does_not_change_the_significance_of_a_whole_circle():
    rng = stream_generator(20260101, "test_azimuthal_significance", "circle")
    R, phi = np.sqrt(rng.uniform(36, 100, 8000)), rng.uniform(-180, 180, 8000)
    circle = PhiBins.between((-180, 180), 10.0)
    powers = []
    for turn in (0.0, 50.0):
        feh = 0.1 * np.cos(np.deg2rad(3 * phi)) + 0.1 * np.cos(np.deg2rad(phi * 7.0))
        stars = annulus_stars(R, (phi + turn + 180) % 360 - 180, R * 0, feh, (7, 9), 0.2)
        _, waves, _ = measure_annulus(stars, Settings(circle, 20, 0.8, "stars", 99, 4), rng)
        powers.append(waves["power"])
        assert waves["p_value"][2] == 0.01
    np.testing.assert_allclose(powers[0][2], powers[1][2], rtol=0.02)


@pytest.mark.parametrize(
    "change",
    [{"null": "rotations"}, {"n_permutations": 0}, {"max_wavenumber": 0}],
    ids=["null", "permutations", "waves"],
)
def test_bad_settings_are_said(change):
    settings = {"null": "blocks", "n_permutations": 9, "max_wavenumber": 2} | change
    rng = stream_generator(1, "bad")
    X, Y = draw_places(3000, rng)
    R, phi = polar(X, Y)
    stars = annulus_stars(R, phi, R * 0, rng.standard_normal(3000), (7, 9), 0.2)
    with pytest.raises(DiscatlasError, match="expected one of blocks, stars, and 1 or more of both"):
        measure_annulus(stars, Settings(BINS, 20, 0.5, **settings), rng)
