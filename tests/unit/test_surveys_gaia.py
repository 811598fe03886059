"""Gaia RVS simulated: errors are what they state and are correlated as they state, limits hold, systematics come off."""

from itertools import combinations

import numpy as np
import pytest
from pygaia.errors.astrometric import parallax_uncertainty
from survey_tools import assert_pulls, assert_unit, survey, true_sky

from discatlas.frames import MAS_PER_DEG
from discatlas.simulation.surveys.astrometry import ASTROMETRY
from discatlas.simulation.surveys.gaia_rvs import grvs_magnitude, scramble
from discatlas.velocities import apply_corrections


@pytest.fixture(scope="module")
def gaia():
    return survey("gaia_rvs")


def astrometric_pulls(raw, truth):
    sky = true_sky(truth)
    ra = ((raw["ra"] - sky["ra"] + 180) % 360 - 180) * np.cos(np.radians(sky["dec"])) * MAS_PER_DEG
    offsets = {
        "ra": ra,
        "dec": (raw["dec"] - sky["dec"]) * MAS_PER_DEG,
        "parallax": raw["parallax"] - 1 / sky["distance_kpc"],
        "pmra": raw["pmra"] - sky["pmra"],
        "pmdec": raw["pmdec"] - sky["pmdec"],
    }
    return np.stack([offsets[name] / raw[f"{name}_error"] for name in ASTROMETRY], axis=1)


def test_astrometric_errors_are_as_stated(gaia):
    for pull in astrometric_pulls(gaia.raw, gaia.truth).T:
        assert_unit(pull)


def test_correlations_are_as_stated(gaia):
    """Pulls decorrelated with each row's own matrix are independent."""
    pulls = astrometric_pulls(gaia.raw, gaia.truth)
    matrix = np.tile(np.eye(5), (len(pulls), 1, 1))
    for i, j in combinations(range(5), 2):
        matrix[:, i, j] = matrix[:, j, i] = gaia.raw[f"{ASTROMETRY[i]}_{ASTROMETRY[j]}_corr"]
    white = np.linalg.solve(np.linalg.cholesky(matrix), pulls[:, :, None])[:, :, 0]
    covariance = np.cov(white.T)
    assert np.abs(covariance - np.eye(5)).max() < 4 * np.sqrt(2 / len(white))
    # and the noise itself is correlated: products of pulls follow the stated correlations
    for i, j in combinations(range(5), 2):
        product, stated = pulls[:, i] * pulls[:, j], matrix[:, i, j]
        slope = (product * stated).sum() / (stated**2).sum()
        assert abs(slope - 1) < 4 * np.sqrt(np.sum(stated**2 * (1 + stated**2))) / np.sum(stated**2)


def test_errors_are_pygaias(gaia):
    good = (gaia.raw["ruwe"] < 1.4) & (np.arange(gaia.raw["ruwe"].size) < np.unique(gaia.raw["source_id"]).size)
    expected = parallax_uncertainty(gaia.raw["phot_g_mean_mag"], release="dr3") / 1000
    assert np.allclose(gaia.raw["parallax_error"][good], expected[good])
    bad = gaia.raw["ruwe"] >= 1.4
    assert abs(bad.mean() - 0.04) < 4 * np.sqrt(0.04 / bad.size)
    assert np.array_equal(bad, gaia.raw["astrometric_params_solved"] == 95)
    assert np.array_equal(bad, np.isnan(gaia.raw["nu_eff_used_in_astrometry"]))
    assert np.array_equal(bad, ~np.isnan(gaia.raw["pseudocolour"]))
    assert (gaia.raw["parallax_error"][bad] >= 7.99 * expected[bad]).all()


def test_spectra_are_as_stated(gaia):
    raw, truth = gaia.raw, gaia.truth
    assert_pulls(
        raw,
        [
            ("radial_velocity", "radial_velocity_error", truth["radial_velocity_kms"]),
            ("teff_gspspec", "teff_gspspec_error", truth["teff_K"]),
            ("logg_gspspec", "logg_gspspec_error", truth["logg_dex"]),
            ("mh_gspspec", "mh_gspspec_error", truth["feh_dex"]),
        ],
    )
    A_G = 0.789 * truth["A_V_mag"]
    assert_unit((raw["ag_gspphot"] - A_G) / (raw["ag_gspphot_upper"] - raw["ag_gspphot"]))
    known = ~np.isnan(raw["mh_gspspec"])
    assert np.allclose((raw["mh_gspspec_upper"] - raw["mh_gspspec_lower"])[known] / 2, raw["mh_gspspec_error"][known])
    assert [len(flags) for flags in raw["flags_gspspec"][known]] == [41] * known.sum()
    assert all(flags is None for flags in raw["flags_gspspec"][~known])
    assert truth["logg_dex"][known].max() < 3.5


def test_velocities_are_there_where_dr3_has_them(gaia):
    raw, teff = gaia.raw, gaia.truth["teff_K"]
    assert raw["grvs_mag"].max() < 14
    has = ~np.isnan(raw["radial_velocity"])
    assert np.array_equal(has, ~np.isnan(raw["radial_velocity_error"]))
    assert np.array_equal(has, ~np.isnan(raw["rv_template_teff"]))
    assert not has[(teff > 14500) | ((teff > 7200) & (raw["grvs_mag"] > 12))].any()
    # every cool star, and the bright hot ones, whatever their gravity
    assert has[(teff < 6800) & (teff > 3200)].all()
    assert has[(teff > 7200) & (teff < 14000) & (raw["grvs_mag"] < 11)].all()
    assert has[(teff > 7200) & (teff < 14000)].mean() < 0.7
    assert (np.abs(raw["rv_template_teff"] - teff)[has] <= 125).all()


def test_grvs_is_near_rp_for_red_stars():
    """G_RVS - RP by Sartoretti et al. 2023 at G - RP = 0.5 and 1.5, and finite beyond its colours."""
    difference = grvs_magnitude(np.array([10.5, 11.5, 13.0]), np.array([10.0, 10.0, 10.0])) - 10.0
    assert np.allclose(difference[:2], [-0.201388, -0.598410], atol=2e-4)
    assert np.isfinite(difference[2])


def test_some_stars_are_listed_twice_with_errors_of_their_own():
    tables = survey("gaia_rvs", n=20_000, duplicate_fraction=0.2, bad_fraction=0.0)
    raw, n_stars = tables.raw, np.unique(tables.raw["source_id"]).size
    n_again = raw["source_id"].size - n_stars
    assert abs(n_again - 0.2 * n_stars) < 4 * np.sqrt(0.16 * n_stars)
    first = np.searchsorted(raw["source_id"][:n_stars], raw["source_id"][n_stars:])
    assert np.array_equal(raw["source_id"][first], raw["source_id"][n_stars:])
    assert np.allclose(raw["parallax_error"][n_stars:], 1.5 * raw["parallax_error"][first])
    assert np.array_equal(raw["radial_velocity"][n_stars:], raw["radial_velocity"][first], equal_nan=True)
    again = astrometric_pulls(raw, tables.truth)[n_stars:]
    for pull in again.T:
        assert_unit(pull)
    assert abs(np.corrcoef(again[:, 2], astrometric_pulls(raw, tables.truth)[first, 2])[0, 1]) < 4 / np.sqrt(n_again)
    assert np.array_equal(tables.truth["source_id"], raw["source_id"])


def test_corrections_undo_the_systematic_errors(gaia):
    """With the same seed the corrected table is the one without systematic errors, where the corrections are defined."""
    raw = survey("gaia_rvs", systematics=True).raw
    assert np.nanmedian(np.abs(raw["parallax"] - gaia.raw["parallax"])) > 0.01
    names = ["parallax_zero_point", "hot_star_velocity", "cool_star_velocity", "velocity_error"]
    corrected, counts = apply_corrections(raw, names)
    assert all(counts[name] > 100 for name in names)
    for name in ("parallax", "radial_velocity", "radial_velocity_error"):
        known = ~np.isnan(corrected[name])
        assert known.mean() > 0.6
        assert np.allclose(corrected[name][known], gaia.raw[name][known], rtol=0, atol=1e-9)
    assert np.array_equal(raw["r_med_geo"], gaia.raw["r_med_geo"])


def test_random_index_is_a_number_for_every_star_in_no_order():
    index = scramble(np.arange(100_000))
    assert index.min() >= 0
    assert np.unique(index).size == index.size
    assert abs(np.corrcoef(index, np.arange(index.size))[0, 1]) < 4 / np.sqrt(index.size)
