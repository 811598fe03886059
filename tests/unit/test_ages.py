"""Isochrone ages: the integral against plain sums, calibrated intervals, priors, flags, invariances, bad input."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from made_ages import EXTINCTION, IMF, OBSERVABLES, RADIAL, as_columns, draw_stars, observe, star_at, toy_grid
from scipy.stats import binomtest

from discatlas.ages.estimate import AgeSettings, Tally, estimate_batch
from discatlas.ages.grid import load_grid, mass_integrals
from discatlas.ages.kernels import marginal_likelihood
from discatlas.ages.posterior import log_age_prior, log_likelihood, normalise, stack, summarise, trapezoid_weights
from discatlas.ages.priors import log_metallicity_prior, metallicity_moments
from discatlas.errors import DiscatlasError
from discatlas.photometry import read_bolometric_corrections
from discatlas.streams import stream_generator
from places import ROOT

SETTINGS = AgeSettings(OBSERVABLES, 3, EXTINCTION, RADIAL, "time", 16.0, 0.05)
R_SUN = 0.546 / 0.0678  # where the mean metallicity of the prior is zero


@pytest.fixture(scope="module")
def grid():
    table = read_bolometric_corrections(ROOT / "resources/mist_bolometric_corrections.csv")
    return load_grid("lachesis", None, (6.0, 9.0, 0.05), (-0.2, 0.2, 0.1), IMF, table)


@pytest.fixture(scope="module")
def drawn(grid):
    """400 stars drawn from the priors, measured, and hotter than 10,000 K as measured."""
    rng = stream_generator(1, "test_ages")
    age, true = draw_stars(grid, 1400, rng)
    values, errors = observe(true, rng)
    hot = np.flatnonzero(values[:, 0] > 10_000)[:400]
    return age[hot], true[hot], values[hot], errors[hot]


def estimate(columns, grid, settings=SETTINGS, R_kpc=R_SUN):
    return estimate_batch(columns, np.full(len(columns["source_id"]), R_kpc), grid, settings)


@pytest.fixture(scope="module")
def ages(grid, drawn):
    return estimate(as_columns(*drawn[2:]), grid)


def by_sums(grid, star, error, log_phi, parts=200):
    """G at each age by brute force: each segment cut into many parts, every point summed."""
    G = np.zeros(grid.log_age.size)
    s = (np.arange(parts) + 0.5) / parts
    for k, row in enumerate(grid.isochrones):
        for j, one in enumerate(row):
            first, last = one.values[:-1, None], one.values[1:, None]
            q = first + s[None, :, None] * (last - first)
            chi2 = (((q - star) / error) ** 2).sum(axis=2)
            G[k] += np.exp(log_phi[j]) * np.sum(
                mass_integrals(one.mass_msun, IMF)[:-1] * np.exp(-0.5 * chi2).mean(axis=1)
            )
    return G


@pytest.mark.parametrize("size", [0.2, 1.0, 5.0])
def test_integral_is_that_of_brute_force_whatever_the_errors(size):
    grid = toy_grid(np.arange(6.6, 7.45, 0.1), n=40)
    log_phi = log_metallicity_prior(np.array([0.03]), np.array([0.1]), grid.feh_dex)
    star = star_at(grid, 7.03, 1, 4.321)
    error = size * np.array([500.0, 0.15, 0.2])
    G, chi2 = marginal_likelihood(grid.arrays, star[None], 1.0 / error[None], log_phi)
    expected = by_sums(grid, star, error, log_phi[0])
    scale = G[0].max() / expected.max()
    np.testing.assert_allclose(G[0], scale * expected, rtol=3e-3, atol=1e-9 * G[0].max())
    assert scale == pytest.approx(np.exp(0.5 * chi2[0]), rel=3e-3)


def test_points_need_not_be_dense():
    """Three in four points taken away from isochrones that are straight leave the posterior as it is."""
    ages = np.arange(6.6, 7.45, 0.1)
    star = star_at(toy_grid(ages, n=600), 7.0, 1, 4.3)
    weight = 1.0 / np.array([[40.0, 0.01, 0.02]])  # errors of a tenth of the distance between the points
    found = []
    for n in (600, 150):
        grid = toy_grid(ages, n=n)
        found.append(marginal_likelihood(grid.arrays, star[None], weight, np.zeros((1, 3)))[0][0])
    found = [normalise(G[None], ages)[0] for G in found]
    np.testing.assert_allclose(found[0], found[1], atol=0.03 * found[0].max())


def test_intervals_are_calibrated_on_stars_drawn_from_the_priors(drawn, ages):
    true, made = drawn[0], ages[0]
    inside = int(np.sum((true > made["log_age_p16_dex"]) & (true < made["log_age_p84_dex"])))
    below = int(np.sum(true < made["log_age_p50_dex"]))
    assert binomtest(inside, true.size, 0.6827).pvalue > 0.01
    assert binomtest(below, true.size, 0.5).pvalue > 0.01
    assert made["chi2_min"].max() < 16.0
    assert np.median(made["log_age_error_dex"]) < 0.3


def test_main_sequence_is_broad_and_turn_off_is_narrow(grid):
    """A star of 5 Msun can have any age below 50 Myr or so while it is near the zero-age main sequence."""
    j = 2
    errors = np.array([[600.0, 0.15, 0.2], [600.0, 0.15, 0.2]])
    near_zero = star_at(grid, 7.0, j, 5.0)
    evolved = star_at(grid, 7.45, j, 9.0)
    made, _ = estimate(as_columns(np.array([near_zero, evolved]), errors * [[1.0], [0.5]]), grid)
    assert made["log_age_error_dex"][0] > 2.5 * made["log_age_error_dex"][1]
    assert made["log_age_error_dex"][1] < 0.12
    assert abs(made["log_age_p50_dex"][1] - 7.45) < 0.15


@pytest.mark.parametrize("sigma", [0.04, 0.07, 0.3])
@pytest.mark.parametrize("centre", [7.5, 7.511, 7.525, 7.539])
def test_symmetric_posterior_returns_its_centre_and_width(sigma, centre):
    log_age = np.linspace(6.0, 9.0, 61)
    made = summarise(-0.5 * ((log_age[None] - centre) / sigma) ** 2, np.zeros(61), log_age)
    for value in (made.p50, made.mean, made.mode):
        assert value[0] == pytest.approx(centre, abs=1e-3)
    assert 0.5 * (made.p84[0] - made.p16[0]) == pytest.approx(sigma, rel=0.01)
    assert made.p84[0] + made.p16[0] == pytest.approx(2 * centre, abs=2e-3)


def test_flat_posterior_has_the_percentiles_of_its_prior():
    log_age = np.linspace(6.0, 9.0, 61)
    made = summarise(np.zeros((1, 61)), log_age_prior(log_age, "time"), log_age)
    expected = np.log10(1e6 + np.array([0.158655, 0.5, 0.841345]) * (1e9 - 1e6))
    np.testing.assert_allclose([made.p16[0], made.p50[0], made.p84[0]], expected, atol=1e-3)
    flat = summarise(np.zeros((1, 61)), log_age_prior(log_age, "log_age"), log_age)
    assert flat.p50[0] == pytest.approx(7.5, abs=1e-9)
    np.testing.assert_allclose([flat.young_share[0], flat.old_share[0]], 1 / 60)


def test_prior_on_age_shifts_a_gaussian_by_ln10_sigma2(ages):
    log_age, sigma = np.linspace(6.0, 9.0, 61), 0.12
    like = -0.5 * ((log_age[None] - 7.5) / sigma) ** 2
    shift = summarise(like, log_age_prior(log_age, "time"), log_age).p50[0] - 7.5
    assert shift == pytest.approx(np.log(10) * sigma**2, rel=1e-3)


def test_signs_a_star_far_from_the_isochrone_is_less_likely(grid):
    """The minus signs that the paper's Eqs. 8 and 11 lack."""
    star = star_at(grid, 7.5, 2, 7.0)
    G = estimate(as_columns(star[None], np.array([[500.0, 0.1, 0.1]])), grid)[1][0]
    assert abs(grid.log_age[np.argmax(G)] - 7.5) < 0.15
    assert G[0] < 1e-3 * G.max()
    phi = log_metallicity_prior(np.array([0.0]), np.array([0.1]), grid.feh_dex)[0]
    assert np.argmax(phi) == 2


def test_results_do_not_depend_on_threads_batches_or_distance(grid, drawn, ages):
    values, errors = drawn[2][:60], drawn[3][:60]
    columns = as_columns(values, errors)
    numba.set_num_threads(1)
    alone = estimate(columns, grid)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    np.testing.assert_array_equal(alone[1], ages[1][:60])
    parts = [estimate({key: column[a : a + 20] for key, column in columns.items()}, grid)[1] for a in (0, 20, 40)]
    np.testing.assert_array_equal(np.concatenate(parts), alone[1])
    far = estimate(as_columns(values, errors, distance_kpc=5.0), grid)[0]
    np.testing.assert_allclose(far["log_age_p50_dex"], alone[0]["log_age_p50_dex"], atol=1e-9)


def test_magnitude_takes_distance_and_extinction_with_all_errors(grid):
    columns = as_columns(np.array([[15_000.0, 4.0, -1.0]]), np.array([[600.0, 0.1, 0.03]]), distance_kpc=2.0)
    columns |= {"distance_error_kpc": np.array([0.2]), "ebv_error_mag": np.array([0.1])}
    made, _ = estimate(columns, grid)
    assert made["M_Ks_mag"][0] == pytest.approx(-1.0)
    assert made["A_Ks_mag"][0] == pytest.approx(3.1 * 0.078 * 0.5)
    expected = np.sqrt(0.03**2 + (5 / np.log(10) * 0.1) ** 2 + (0.2418 * 0.1) ** 2)
    assert made["M_Ks_error_mag"][0] == pytest.approx(expected)
    bare = replace(SETTINGS, extinction=None)
    assert estimate(columns, grid, bare)[0]["M_Ks_mag"][0] == pytest.approx(-1.0 + 0.2418 * 0.5)
    floors = OBSERVABLES | {"M_Ks_mag": {"error_floor": 0.5, "relative_error_floor": 0.0}}
    assert estimate(columns, grid, replace(SETTINGS, observables=floors))[0]["M_Ks_error_mag"][0] == 0.5


def test_missing_inputs_are_named_and_give_no_age(grid):
    columns = as_columns(np.tile([15_000.0, 4.0, -1.0], (6, 1)), np.tile([600.0, 0.1, 0.1], (6, 1)))
    columns["ebv_mag"][1] = np.nan
    columns["teff_K"][2], columns["logg_dex"][2] = np.nan, np.nan
    columns["logg_error_dex"][3] = 0.0
    columns["distance_kpc"][4] = -1.0
    made, likelihood = estimate(columns, grid)
    assert made["missing"].tolist() == [None, "ebv_mag", "teff_K, logg_dex", "logg_error_dex", "distance_kpc", None]
    assert made["n_observables"].tolist() == [3, 2, 1, 2, 2, 3]
    gone = np.array([False, True, True, True, True, False])
    np.testing.assert_array_equal(made["is_missing_input"], gone)
    np.testing.assert_array_equal(np.isnan(made["log_age_p50_dex"]), gone)
    np.testing.assert_array_equal(np.isnan(likelihood[:, 0]), gone)
    fewer, _ = estimate(columns, grid, replace(SETTINGS, min_observables=2))
    np.testing.assert_array_equal(np.isnan(fewer["log_age_p50_dex"]), [False, False, True, False, False, False])
    assert fewer["log_age_error_dex"][1] >= made["log_age_error_dex"][0]
    tally = Tally()
    tally.add(made)
    counts = tally.record()["n_stars"]
    assert counts["missing"] == {"distance_kpc": 1, "ebv_mag": 1, "logg_dex": 1, "logg_error_dex": 1, "teff_K": 1}
    assert (counts["all"], counts["with_age"], counts["flagged"]["is_missing_input"]) == (6, 2, 4)


def test_flags_of_edges_bad_fits_and_narrow_posteriors(grid):
    young, old = star_at(grid, 6.02, 2, 35.0), star_at(grid, 8.99, 2, 1.9)
    unlike = np.array([90_000.0, 1.0, 12.0])
    sharp = star_at(grid, 7.5, 2, 8.2)
    errors = np.array([[800.0, 0.1, 0.1], [100.0, 0.05, 0.1], [600.0, 0.1, 0.1], [10.0, 0.005, 0.005]])
    made, likelihood = estimate(as_columns(np.array([young, old, unlike, sharp]), errors), grid)
    assert made["is_at_young_edge"].tolist()[:2] == [True, False]
    assert made["is_at_old_edge"].tolist()[:2] == [False, True]
    np.testing.assert_array_equal(made["is_poor_fit"], [False, False, True, False])
    assert made["is_unresolved"][3]
    assert np.isfinite(made["log_age_p50_dex"]).all()
    assert np.isfinite(likelihood).all()
    assert made["is_good"].tolist() == [False, False, False, True]


def test_metallicity_priors(grid):
    R = np.array([4.0, R_SUN, 30.0])
    columns = {"feh_dex": np.array([0.0, np.nan, 0.0]), "feh_error_dex": np.array([0.01, 0.1, 0.2])}
    mean, sigma = metallicity_moments(RADIAL, R, columns)
    np.testing.assert_allclose(mean, -0.0678 * R + 0.546)
    assert sigma.tolist() == [0.1] * 3
    log_phi = log_metallicity_prior(*metallicity_moments({"prior": "measured"}, R, columns), grid.feh_dex)
    assert np.isnan(log_phi[1]).all()
    assert np.argmax(log_phi[0]) == 2
    # known to 0.01 dex counts as known to 3/4 of the step; the outer nodes have half the weight
    np.testing.assert_allclose(np.exp(log_phi[0, 2:]), np.exp(-0.5 * np.array([0, 1, 4]) / 0.75**2) * [1, 1, 0.5])
    flat = log_metallicity_prior(*metallicity_moments({"prior": "flat"}, R, columns), grid.feh_dex)
    np.testing.assert_allclose(np.exp(flat), np.tile([0.5, 1, 1, 1, 0.5], (3, 1)))
    star = as_columns(star_at(grid, 7.5, 4, 7.0)[None], np.array([[300.0, 0.05, 0.05]]))
    assert estimate(star, grid, R_kpc=15.0)[0]["is_metallicity_outside"][0]
    own = replace(SETTINGS, metallicity={"prior": "measured"})
    star |= {"feh_dex": np.array([np.nan])}
    assert estimate(star, grid, own)[0]["missing"][0] == "feh_dex"
    # a star of high metallicity that is believed to be poor in metals looks older, being cooler
    poor = estimate(star, grid, R_kpc=R_SUN + 2.5)[0]["log_age_p50_dex"][0]
    rich = estimate(star, grid, R_kpc=R_SUN - 2.5)[0]["log_age_p50_dex"][0]
    assert poor > rich


def test_stacked_posterior_is_the_sum_of_the_stars(ages, grid):
    log_prior = log_age_prior(grid.log_age, "time")
    total = stack(ages[1], log_prior, grid.log_age)
    assert total @ trapezoid_weights(grid.log_age) == pytest.approx(len(ages[1]), rel=1e-5)
    made = summarise(log_likelihood(ages[1]), log_prior, grid.log_age)
    np.testing.assert_allclose(made.p50, ages[0]["log_age_p50_dex"], atol=1e-5)


def test_bad_settings_are_refused(grid):
    cases = [
        ({"observables": {"teff": {}}}, "observable 'teff' is unknown.*teff_K"),
        ({"min_observables": 4}, "min_observables is 4, expected 1 to"),
        ({"age_prior": "times"}, "age_prior 'times' is unknown.*'time'"),
        ({"metallicity": {"prior": "radials"}}, "'radials' is unknown.*'radial'"),
        ({"metallicity": RADIAL | {"sigma_dex": 0.0}}, "sigma_dex of the metallicity is 0"),
        ({"edge_share": 0.0}, "edge_share is 0"),
    ]
    for change, message in cases:
        with pytest.raises(DiscatlasError, match=message):
            replace(SETTINGS, **change)
