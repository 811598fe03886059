"""Published corrections against their check values (CATALOGUES.md section 11)."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS, LSRK

from discatlas import velocities
from discatlas.errors import DiscatlasError
from discatlas.frames import galactic_rotation


def stars(g, T, v=0.0, error=1.0, G=None):
    g, T = np.atleast_1d(np.asarray(g, float)), np.atleast_1d(np.asarray(T, float))
    g, T = np.broadcast_arrays(g, T)
    G = g + 1.0 if G is None else np.broadcast_to(np.asarray(G, float), g.shape)
    return {
        "grvs_mag": g,
        "rv_template_teff": T,
        "phot_g_mean_mag": G,
        "radial_velocity": np.full(g.shape, v),
        "radial_velocity_error": np.full(g.shape, error),
    }


def test_hot_stars():
    made = velocities.hot_star_velocity(stars([8.0, 12.0], 10000.0))["radial_velocity"]
    assert made == pytest.approx([1.10, 5.64], abs=1e-12)
    outside = stars([5.9, 12.1, 8.0, 8.0, np.nan], [1e4, 1e4, 8499.0, 14501.0, 1e4], v=20.0)
    assert (velocities.hot_star_velocity(outside)["radial_velocity"] == 20.0).all()


def test_cool_stars():
    made = velocities.cool_star_velocity(stars([14.0, 11.0, 10.9, 14.0], [5000.0, 5000.0, 5000.0, 8500.0], v=0.0))
    assert made["radial_velocity"] == pytest.approx([-0.390, 0.0, 0.0, 0.0], abs=5e-4)
    assert made["radial_velocity"][1] == pytest.approx(-(0.02755 * 121 - 0.55863 * 11 + 2.81129), abs=1e-12)


def test_error_factor():
    made = velocities.velocity_error(stars([10.0, 12.0, 14.0, 8.0, np.nan], 5000.0))["radial_velocity_error"]
    assert made == pytest.approx([1.424, 0.9785, 1.164, 1.0, 1.0], abs=5e-4)
    just_above = velocities.velocity_error(stars(np.nextafter(8.0, 9.0), 5000.0))["radial_velocity_error"]
    assert just_above == pytest.approx(1.647, abs=5e-4)


def test_steps_are_counted_and_pure():
    columns = stars([8.0, 14.0, 12.0, 9.0], [1e4, 5000.0, 5000.0, 5000.0], v=10.0, G=[9.0, 15.0, 15.5, 10.0])
    before = {name: values.copy() for name, values in columns.items()}
    names = ["hot_star_velocity", "cool_star_velocity", "velocity_error", "spurious_velocity"]
    made, counts = velocities.apply_corrections(columns, names)
    assert counts == {
        "hot_star_velocity": 1,
        "cool_star_velocity": 2,
        "velocity_error": 3,
        "spurious_velocity": 1,
        "spurious_velocity_set_missing": 1,
    }
    assert made["radial_velocity"][0] == pytest.approx(11.1)
    assert np.isnan(made["radial_velocity"]).tolist() == [False, False, True, False]
    assert all((columns[name] == values).all() for name, values in before.items())
    assert made["grvs_mag"] is columns["grvs_mag"]


def test_at_most_one_velocity_correction_acts():
    g, T = (values.ravel() for values in np.meshgrid(np.linspace(5, 16, 111), np.linspace(3000, 20000, 171)))
    columns = stars(g, T)
    hot = velocities.hot_star_velocity(columns)["radial_velocity"] != 0.0
    cool = velocities.cool_star_velocity(columns)["radial_velocity"] != 0.0
    assert hot.any() and cool.any() and not (hot & cool).any()


def test_undefined_zero_point_is_counted_not_silent():
    columns = {
        "parallax": np.array([1.0, 1.0, np.nan]),
        "phot_g_mean_mag": np.array([15.0, 5.0, 15.0]),
        "nu_eff_used_in_astrometry": np.full(3, 1.5),
        "pseudocolour": np.full(3, np.nan),
        "ecl_lat": np.zeros(3),
        "astrometric_params_solved": np.array([31, 31, 31]),
    }
    made, counts = velocities.apply_corrections(columns, ["parallax_zero_point"])
    assert counts == {"parallax_zero_point": 2, "parallax_zero_point_set_missing": 1}
    assert made["parallax"][0] == pytest.approx(1.03, abs=0.02)  # parallaxes are too small by 20 to 40 microarcsec
    assert np.isnan(made["parallax"][1:]).all()


def test_errors_name_the_nearest():
    with pytest.raises(DiscatlasError, match=r"'hot_star' is unknown.*nearest: 'hot_star_velocity'"):
        velocities.apply_corrections({}, ["hot_star"])
    with pytest.raises(DiscatlasError, match=r"needs column 'grvs_mag'.*nearest: 'grvs'"):
        velocities.apply_corrections({"radial_velocity": np.ones(1), "grvs": np.ones(1)}, ["hot_star_velocity"])
    with pytest.raises(DiscatlasError, match=r"twice"):
        velocities.check_corrections(["velocity_error", "velocity_error"], ["grvs_mag", "radial_velocity_error"])


def test_the_radio_lsr_is_that_of_its_definition():
    """Reid et al. (2009) give (U, V, W) = (10.3, 15.3, 7.7) km/s for 20 km/s toward 18 h, +30 deg of 1900."""
    motion = np.array(velocities.radio_solar_motion())
    assert np.linalg.norm(motion) == pytest.approx(20.0, abs=1e-9)
    np.testing.assert_allclose(galactic_rotation() @ motion, [10.3, 15.3, 7.7], rtol=0, atol=0.05)


def test_radio_lsr_velocities_become_those_of_astropy():
    rng = np.random.default_rng(5)
    ra, dec, v = rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), rng.normal(0, 60, 300)
    nothing = np.zeros(300) * u.mas / u.yr
    stars = LSRK(
        ra=ra * u.deg, dec=dec * u.deg, distance=np.ones(300) * u.kpc, pm_ra_cosdec=nothing, pm_dec=nothing,
        radial_velocity=v * u.km / u.s,
    )  # fmt: skip
    expected = stars.transform_to(ICRS()).radial_velocity.to_value(u.km / u.s)
    columns = {"ra": ra, "dec": dec, "radial_velocity": v}
    made, counts = velocities.apply_corrections(columns, ["radio_lsr_velocity"])
    np.testing.assert_allclose(made["radial_velocity"], expected, rtol=0, atol=1e-9)
    assert counts == {"radio_lsr_velocity": 300}
    assert (columns["radial_velocity"] == v).all()


def test_toward_the_solar_apex_the_lsr_moves_away():
    """Toward 18 h, +30 deg an object at rest in the radio LSR comes at us with 20 km/s, opposite it leaves with 20."""
    columns = {"ra": np.array([270.6, 90.6]), "dec": np.array([30.0, -30.0]), "radial_velocity": np.zeros(2)}
    made = velocities.radio_lsr_velocity(columns)["radial_velocity"]
    assert made == pytest.approx([-20.0, 20.0], abs=0.02)
    missing = velocities.radio_lsr_velocity(columns | {"radial_velocity": np.full(2, np.nan)})["radial_velocity"]
    assert np.isnan(missing).all()
