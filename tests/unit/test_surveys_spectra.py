"""APOGEE, LAMOST and SDSS-V simulated: limits and footprints, stated errors, visits and binaries."""

import numpy as np
import pytest
from made_particles import make_particles
from scipy.stats import kstest
from survey_tools import assert_pulls, assert_unit, survey, true_sky

from discatlas.errors import DiscatlasError
from discatlas.simulation.surveys.apogee import two_mass_name
from discatlas.simulation.surveys.binaries import draw_orbits, orbital_velocity, semi_amplitude
from discatlas.simulation.surveys.extinction import BAND_EXTINCTION
from discatlas.simulation.surveys.lamost_hot import spectrum_name
from discatlas.simulation.surveys.sdssv_ob import average_visits, is_hot_colour
from discatlas.streams import stream_generator


@pytest.fixture(scope="module")
def apogee():
    return survey("apogee")


@pytest.fixture(scope="module")
def lamost():
    return survey("lamost_hot")


@pytest.fixture(scope="module")
def sdssv():
    return survey("sdssv_ob")


def true_magnitude(truth, band):
    """Apparent magnitude of the rows of a truth table, from the particles."""
    absolute = make_particles(40_000)[f"M_{band}_mag"][truth["source_id"]]
    return absolute + 5 * np.log10(truth["distance_kpc"]) + 10 + BAND_EXTINCTION[band] * truth["A_V_mag"]


def test_apogee_errors_are_as_stated(apogee):
    raw, truth, sky = apogee.raw, apogee.truth, true_sky(apogee.truth)
    pairs = [
        ("TEFF", "TEFF_ERR", truth["teff_K"]),
        ("LOGG", "LOGG_ERR", truth["logg_dex"]),
        ("FE_H", "FE_H_ERR", truth["feh_dex"]),
        ("M_H", "M_H_ERR", truth["feh_dex"]),
        ("VHELIO_AVG", "VERR", truth["radial_velocity_kms"]),
        ("GAIAEDR3_PARALLAX", "GAIAEDR3_PARALLAX_ERROR", 1 / truth["distance_kpc"]),
        ("GAIAEDR3_PMRA", "GAIAEDR3_PMRA_ERROR", sky["pmra"]),
        ("GAIAEDR3_PMDEC", "GAIAEDR3_PMDEC_ERROR", sky["pmdec"]),
        ("K", "K_ERR", true_magnitude(truth, "Ks")),
    ]
    assert_pulls(raw, pairs)
    parallax, distance = 1 / truth["distance_kpc"], raw["weighted_dist"] / 1000
    assert_unit((1 / distance - parallax) / (raw["weighted_dist_error"] / 1000 / distance**2))
    assert np.nanmin(raw["TEFF_ERR"]) >= 80
    assert np.nanmedian(raw["TEFF_ERR"]) < 120
    assert np.nanmedian(raw["FE_H_ERR"]) < 0.045


def test_apogee_sees_red_bright_stars_in_its_fields(apogee):
    raw = apogee.raw
    assert raw["H"].min() > 7
    assert raw["H"].max() < 12.8
    A_J = raw["AK_TARG"] * BAND_EXTINCTION["J"] / BAND_EXTINCTION["Ks"]
    assert (raw["J"] - A_J - raw["K"] + raw["AK_TARG"]).min() >= 0.5
    assert np.mean(apogee.truth["logg_dex"] < 3.6) > 0.8
    centre_b = np.array([int(name[-3:]) for name in raw["FIELD"]])
    assert np.abs(raw["GLAT"] - centre_b).max() < 1.5
    assert set(raw["TELESCOPE"]) == {"apo25m", "lco25m"}
    assert raw["DEC"].min() < -50
    assert raw["DEC"].max() > 50


def test_apogee_flags_and_visits(apogee):
    raw = apogee.raw
    bad = raw["ASPCAPFLAG"] == 1 << 23
    assert abs(bad.mean() - 0.02) < 4 * np.sqrt(0.02 / bad.size)
    assert np.array_equal(bad, np.isnan(raw["TEFF"]))
    again = raw["EXTRATARG"] == 1 << 4
    assert np.array_equal(again, np.arange(again.size) >= np.unique(raw["GAIAEDR3_SOURCE_ID"]).size)
    single = raw["NVISITS"] == 1
    assert np.array_equal(single, raw["VSCATTER"] == 0)
    # the scatter of N visits has the variance of one
    chi2 = (raw["NVISITS"] - 1) * (raw["VSCATTER"] / (raw["VERR"] * np.sqrt(raw["NVISITS"]))) ** 2
    freedom = (raw["NVISITS"] - 1).sum()
    assert abs(chi2.sum() - freedom) < 4 * np.sqrt(2 * freedom)
    assert abs(raw["NVISITS"].mean() - 3) < 4 * np.sqrt(2 / bad.size)


def test_names_are_positions():
    assert two_mass_name(266.4051, -28.936175) == "2M17453722-2856102"
    assert two_mass_name(0.0, 0.5) == "2M00000000+0030000"
    assert two_mass_name(359.99999999, -0.001) == "2M23595999-0000036"
    assert len({spectrum_name(number) for number in range(10_000)}) == 10_000


def test_lamost_errors_are_as_stated(lamost):
    raw, truth, sky = lamost.raw, lamost.truth, true_sky(lamost.truth)
    pairs = [
        ("Teff", "e_Teff", truth["teff_K"]),
        ("logg", "e_logg", truth["logg_dex"]),
        ("[Fe/H]", "e_[Fe/H]", truth["feh_dex"]),
        ("RV", "e_RV", truth["radial_velocity_kms"]),
        ("parallax", "parallax_error", 1 / truth["distance_kpc"]),
        ("pmra", "pmra_error", sky["pmra"]),
    ]
    assert_pulls(raw, pairs)
    assert (raw["e_Teff"] >= 0.02 * truth["teff_K"]).all()
    misfit = raw["chi2ratio"] > 10
    assert abs(misfit.mean() - 0.02) < 4 * np.sqrt(0.02 / misfit.size)
    assert np.median(raw["e_logg"][misfit]) > 2.5 * np.median(raw["e_logg"][~misfit])


def test_lamost_sees_the_hot_stars_of_the_north(lamost):
    raw, truth = lamost.raw, lamost.truth
    assert truth["teff_K"].min() > 7500
    assert raw["DEC"].min() > -10.001
    assert raw["phot_g_mean_mag"].min() > 9
    assert raw["phot_g_mean_mag"].max() < 17.8
    everyone = survey("gaia_rvs", grvs_limit_mag=50.0, duplicate_fraction=0.0)
    hot = (everyone.truth["teff_K"] > 7500) & (true_sky(everyone.truth)["dec"] > -10)
    hot &= (everyone.raw["phot_g_mean_mag"] > 9) & (everyone.raw["phot_g_mean_mag"] < 17.8)
    assert np.array_equal(everyone.raw["source_id"][hot], raw["source_id"])


def test_sdssv_errors_are_as_stated(sdssv):
    raw, truth, sky = sdssv.raw, sdssv.truth, true_sky(sdssv.truth)
    pairs = [
        ("teff", "e_teff", truth["teff_K"]),
        ("logg", "e_logg", truth["logg_dex"]),
        ("fe_h", "e_fe_h", truth["feh_dex"]),
        ("xcsao_teff", "xcsao_e_teff", truth["teff_K"]),
        ("xcsao_logg", "xcsao_e_logg", truth["logg_dex"]),
        ("xcsao_fe_h", "xcsao_e_fe_h", truth["feh_dex"]),
        ("ebv", "e_ebv", truth["A_V_mag"] / 3.1),
        ("h_mag", "e_h_mag", true_magnitude(truth, "H")),
        ("pmra", "e_pmra", sky["pmra"]),
        ("pmde", "e_pmde", sky["pmdec"]),
    ]
    assert_pulls(raw, pairs)
    single = ~truth["is_binary"]
    assert_unit(((raw["v_rad"] - truth["radial_velocity_kms"]) / raw["e_v_rad"])[single])
    assert np.array_equal(raw["flag_bad"], np.isnan(raw["teff"]))
    assert np.array_equal(raw["flag_bad"], raw["result_flags"] == 1)


def test_sdssv_targets_are_hot_and_luminous(sdssv):
    raw, truth = sdssv.raw, sdssv.truth
    assert raw["g_mag"].max() < 16
    assert (raw["plx"] < 10 ** ((10 - raw["k_mag"] - 0.61) / 5)).all()
    assert is_hot_colour(raw["g_mag"], {"J": raw["j_mag"], "H": raw["h_mag"], "Ks": raw["k_mag"]}).all()
    assert np.mean(truth["teff_K"] > 7500) > 0.95


def test_colours_of_an_o_star_pass_and_those_of_a_giant_do_not():
    """Intrinsic colours of an O star, one reddened by A_V = 3, an A0 star, a G dwarf and a K giant, at G = 11."""
    J_Ks, J_H, G_Ks = (
        np.array(values)
        for values in ([-0.22, 0.275, 0.0, 0.37, 0.68], [-0.15, 0.186, 0.0, 0.3, 0.55], [-0.8, 1.333, 0.0, 1.37, 1.95])
    )
    Ks = 11.0 - G_Ks
    passed = is_hot_colour(np.full(5, 11.0), {"J": Ks + J_Ks, "H": Ks + J_Ks - J_H, "Ks": Ks})
    assert passed.tolist() == [True, True, True, False, False]


def test_star_velocities_are_the_means_of_the_visits(sdssv):
    raw, visits = sdssv.raw, sdssv.visits
    ids, n = np.unique(visits["sdss_id"], return_counts=True)
    assert np.array_equal(ids, raw["sdss_id"])
    assert np.array_equal(n, raw["n_good_visits"])
    best = visits["xcsao_rxc"] > 6
    v = np.where(best, visits["xcsao_v_rad"], visits["v_rad"])
    error = np.where(best, visits["xcsao_e_v_rad"], visits["e_v_rad"])
    for i in range(0, ids.size, 97):
        mine = visits["sdss_id"] == ids[i]
        assert np.isclose(raw["v_rad"][i], v[mine].mean())
        assert np.isclose(raw["e_v_rad"][i], np.sqrt((error[mine] ** 2).sum()) / n[i])
        assert np.isclose(raw["median_e_v_rad"][i], np.median(error[mine]))
        scatter = v[mine].std(ddof=1) if n[i] > 1 else np.nan
        assert np.isclose(raw["std_v_rad"][i], scatter, equal_nan=True)
        assert (np.diff(visits["mjd"][mine]) >= 0).all()


def test_visits_have_the_errors_that_they_state_where_they_can_be_trusted(sdssv):
    visits, truth = sdssv.visits, sdssv.truth
    star = np.searchsorted(sdssv.raw["sdss_id"], visits["sdss_id"])
    single = ~truth["is_binary"][star]
    true = truth["radial_velocity_kms"][star]
    trusted = visits["xcsao_rxc"] > 6
    assert_unit(((visits["xcsao_v_rad"] - true) / visits["xcsao_e_v_rad"])[single & trusted])
    assert_unit(((visits["v_rad"] - true) / visits["e_v_rad"])[single])
    wild = np.abs(visits["xcsao_v_rad"] - true) > 6 * visits["xcsao_e_v_rad"]
    assert wild[single & ~trusted].mean() > 0.3
    assert 0.02 < np.mean(~trusted) < 0.4


def test_binaries_scatter_as_their_orbits_say(sdssv):
    """For periods far below the survey's length the variance of the visits is that of the errors plus K^2/2."""
    raw, truth = sdssv.raw, sdssv.truth
    assert abs(truth["is_binary"].mean() - 0.5) < 4 * 0.5 / np.sqrt(truth["is_binary"].size)
    short = (truth["period_d"] < 50) & (raw["n_good_visits"] > 1)
    star = np.searchsorted(sdssv.raw["sdss_id"], sdssv.visits["sdss_id"])
    best = sdssv.visits["xcsao_rxc"] > 6
    error = np.where(best, sdssv.visits["xcsao_e_v_rad"], sdssv.visits["e_v_rad"])
    mean_square = np.bincount(star, error**2) / raw["n_good_visits"]
    excess = (raw["std_v_rad"] ** 2 - mean_square)[short] / truth["semi_amplitude_kms"][short] ** 2
    weight = truth["semi_amplitude_kms"][short] > 20
    scatter = excess[weight].std() / np.sqrt(weight.sum())
    assert abs(excess[weight].mean() - 0.5) < 4 * scatter
    single = ~truth["is_binary"] & (raw["n_good_visits"] > 1)
    pull = raw["std_v_rad"][single] ** 2 / mean_square[single]
    assert abs(pull.mean() - 1) < 4 * pull.std() / np.sqrt(single.sum())
    assert np.isnan(truth["period_d"][~truth["is_binary"]]).all()


def test_orbits_follow_kepler_and_the_published_distributions():
    jupiter = semi_amplitude(np.array([4332.6]), np.array([1.0]), np.array([9.546e-4]), np.array([1.0]))
    assert np.allclose(jupiter, 0.01246, rtol=2e-3)  # Jupiter moves the Sun by 12.5 m/s on a circular orbit
    orbits = draw_orbits(np.full(40_000, 10.0), 0.7, stream_generator(1, "x"))
    period = orbits["period_d"][orbits["is_binary"]]
    low, high = 0.15**0.45, 3.5**0.45
    assert kstest((np.log10(period) ** 0.45 - low) / (high - low), "uniform").pvalue > 1e-3
    # random directions: <sin^2 i> = 2/3, so K^2 P^(2/3) has a known mean over the mass ratios
    q = np.linspace(0.1, 1, 20001)
    expected = np.average(q**2 / (1 + q) ** (4 / 3), weights=q**-0.1) * 2 / 3
    reduced = orbits["semi_amplitude_kms"] ** 2 * orbits["period_d"] ** (2 / 3) / (212.92**2 * 10 ** (2 / 3))
    reduced = reduced[orbits["is_binary"]]
    assert abs(reduced.mean() - expected) < 4 * reduced.std() / np.sqrt(reduced.size)
    v = orbital_velocity(orbits, np.full(40_000, 59_000.0))
    assert (v[~orbits["is_binary"]] == 0).all()
    later = orbital_velocity(orbits, 59_000.0 + np.nan_to_num(orbits["period_d"]))
    assert np.allclose(v, later, atol=1e-6 * np.nanmax(orbits["semi_amplitude_kms"]))


def test_one_visit_gives_no_scatter():
    visits = {
        "xcsao_rxc": np.array([9.0, 3.0, 9.0]),
        "xcsao_v_rad": np.array([10.0, 900.0, 30.0]),
        "xcsao_e_v_rad": np.array([3.0, 3.0, 5.0]),
        "v_rad": np.array([11.0, 20.0, 31.0]),
        "e_v_rad": np.array([6.0, 4.0, 8.0]),
        "snr": np.array([30.0, 40.0, 50.0]),
    }
    star = average_visits(visits, np.array([0, 0, 1]), 2)
    assert star["v_rad"].tolist() == [15.0, 30.0]
    assert np.allclose(star["e_v_rad"], [2.5, 5.0])
    assert np.allclose(star["std_v_rad"], [np.sqrt(50), np.nan], equal_nan=True)
    assert star["median_e_v_rad"].tolist() == [3.5, 5.0]


def test_a_star_has_the_same_gaia_numbers_in_every_survey(apogee, lamost, sdssv):
    gaia = survey("gaia_rvs", duplicate_fraction=0.0).raw
    for raw, ids, parallax in (
        (apogee.raw, "GAIAEDR3_SOURCE_ID", "GAIAEDR3_PARALLAX"),
        (lamost.raw, "source_id", "parallax"),
        (sdssv.raw, "gaia_dr3_source_id", "plx"),
    ):
        _, here, there = np.intersect1d(raw[ids], gaia["source_id"], return_indices=True)
        assert here.size > 100
        assert np.array_equal(raw[parallax][here], gaia["parallax"][there])


@pytest.mark.parametrize(
    ("kind", "option"),
    [("apogee", {"h_limit_mag": 5.0}), ("lamost_hot", {"g_min_mag": 18.0}), ("sdssv_ob", {"mjd_start": 70000.0})],
)
def test_reversed_limits_are_refused(kind, option):
    with pytest.raises(DiscatlasError, match=r"expected \w+ < \w+"):
        survey(kind, n=10, **option)


def test_stars_behind_much_dust_are_in_apogee_but_not_in_gaia():
    particles = make_particles(40_000)
    particles["X_kpc"], particles["Y_kpc"] = particles["X_kpc"] + 11.0, 0.3 * particles["Y_kpc"]  # toward the centre
    particles |= {f"M_{band}_mag": particles[f"M_{band}_mag"] - 4.0 for band in BAND_EXTINCTION}
    tables = survey("apogee", particles=particles)
    raw, missing = tables.raw, np.isnan(tables.raw["GAIAEDR3_PARALLAX"])
    A_G, M_G = 0.789 * tables.truth["A_V_mag"], particles["M_G_mag"][tables.truth["source_id"]]
    faint = M_G + 5 * np.log10(tables.truth["distance_kpc"]) + 10 + A_G > 21
    assert missing.any()
    assert np.array_equal(missing, faint)
    assert np.array_equal(missing, np.isnan(raw["GAIAEDR3_R_MED_GEO"]))
    assert np.isfinite(raw["RA"]).all()
    parallax, distance = 1 / tables.truth["distance_kpc"], raw["weighted_dist"] / 1000
    assert_unit(((1 / distance - parallax) / (raw["weighted_dist_error"] / 1000 / distance**2))[missing])
