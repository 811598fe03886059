"""Distances of Cepheids from a period-Wesenheit-metallicity relation: known answers, recovery, bad input."""

import numpy as np
import pytest

from discatlas import cepheids
from discatlas.distances import estimate_distance, required_columns
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun, galactic_rotation, observe

R0_KPC = 8.2
SUN = Sun(R0_KPC, 0.0, (0.0, 0.0, 0.0), "test")


def observed(distance_kpc, l_deg, b_deg, period_d, feh_dex, extinction_mag=0.0):
    """Columns of Cepheids of the relation at these places; the intrinsic BP - RP is 0.8."""
    distance, l, b, period, feh = np.broadcast_arrays(distance_kpc, l_deg, b_deg, period_d, feh_dex)  # noqa: E741
    l_rad, b_rad = np.radians(l), np.radians(b)
    galactic = np.stack([np.cos(b_rad) * np.cos(l_rad), np.cos(b_rad) * np.sin(l_rad), np.sin(b_rad)])
    x, y, z = galactic_rotation().T @ galactic
    M_W = -5.988 - 3.176 * (np.log10(period) - 1.0) - 0.520 * feh
    colour = 0.8 + extinction_mag / 1.90
    g = M_W + 5 * np.log10(distance) + 10 + 1.90 * 0.8 + extinction_mag
    return {
        "ra": np.degrees(np.arctan2(y, x)) % 360,
        "dec": np.degrees(np.arcsin(z)),
        "period_d": np.array(period, float),
        "pulsation_mode": np.full(period.shape, "FUNDAMENTAL", object),
        "phot_g_mean_mag": g,
        "phot_bp_mean_mag": g + 0.5 * colour,
        "phot_rp_mean_mag": g - 0.5 * colour,
    }


def test_a_ten_day_cepheid_of_solar_metallicity():
    """At 10 d and [Fe/H] = 0 M_W is the zero point: W = 9.012 puts it at 10 kpc, whatever the extinction."""
    for extinction in (0.0, 3.0):
        stars = observed([10.0], 90.0, 0.0, 10.0, 0.0, extinction) | {"feh_dex": np.zeros(1)}
        assert cepheids.wesenheit_mag(stars) == pytest.approx(9.012)
        assert estimate_distance(stars, "period_wesenheit", R0_KPC)["distance_kpc"] == pytest.approx(10.0, rel=1e-12)


def test_interval_is_that_of_the_scatter_and_of_known_errors():
    stars = observed([4.0], 90.0, 0.0, 5.0, 0.0) | {"feh_dex": np.zeros(1)}
    made = {name: float(value[0]) for name, value in estimate_distance(stars, "period_wesenheit", R0_KPC).items()}
    assert made["distance_lo_kpc"] == pytest.approx(4.0 * 10 ** (-0.2 * 0.15))
    assert made["distance_hi_kpc"] == pytest.approx(4.0 * 10 ** (0.2 * 0.15))
    assert made["distance_error_kpc"] == pytest.approx(0.5 * (made["distance_hi_kpc"] - made["distance_lo_kpc"]))
    errors = {"phot_g_mean_mag_error": 0.03, "phot_bp_mean_mag_error": 0.04, "phot_rp_mean_mag_error": 0.02}
    stars |= {name: np.array([value]) for name, value in errors.items()} | {"feh_error_dex": np.array([0.2])}
    sigma = np.sqrt(0.15**2 + 0.03**2 + 1.9**2 * (0.04**2 + 0.02**2) + (0.52 * 0.2) ** 2)
    hi = estimate_distance(stars, "period_wesenheit", R0_KPC)["distance_hi_kpc"]
    assert hi == pytest.approx(4.0 * 10 ** (0.2 * sigma))


def test_distance_and_mean_metallicity_are_solved_together():
    """Stars that have the mean metallicity of their own radius come back to their places, in all directions."""
    rng = np.random.default_rng(3)
    l_deg, b_deg, distance = rng.uniform(0, 360, 400), rng.uniform(-5, 5, 400), rng.uniform(0.2, 14.0, 400)
    in_plane = distance * np.cos(np.radians(b_deg))
    R = np.sqrt(R0_KPC**2 + in_plane**2 - 2 * R0_KPC * in_plane * np.cos(np.radians(l_deg)))
    stars = observed(distance, l_deg, b_deg, 10 ** rng.uniform(0.5, 1.6, 400), cepheids.mean_metallicity(R))
    made = estimate_distance(stars, "period_wesenheit", R0_KPC)["distance_kpc"]
    np.testing.assert_allclose(made, distance, rtol=1e-9)
    solar = estimate_distance(stars | {"feh_dex": np.zeros(400)}, "period_wesenheit", R0_KPC)["distance_kpc"]
    is_far = R > 13
    assert (solar[is_far] / distance[is_far] > 1.07).all()


def test_the_radius_is_that_of_the_frame():
    """R from Galactic angles and distance is that of the Galactocentric frame."""
    position = np.array([[-12.0, -5.0, 3.0], [4.0, -6.0, 2.0], [0.3, -0.2, 0.1]])
    seen = observe(position, np.zeros((3, 3)), SUN)
    feh = cepheids.mean_metallicity(np.hypot(position[0], position[1]))
    g = -5.988 - 0.520 * feh + 5 * np.log10(seen["distance_kpc"]) + 10 + 1.90 * 0.8
    stars = {"ra": seen["ra"], "dec": seen["dec"], "period_d": np.full(3, 10.0), "phot_g_mean_mag": g}
    stars |= {
        "phot_bp_mean_mag": g + 0.4,
        "phot_rp_mean_mag": g - 0.4,
        "pulsation_mode": np.full(3, "FUNDAMENTAL", object),
    }
    made = estimate_distance(stars, "period_wesenheit", R0_KPC)["distance_kpc"]
    np.testing.assert_allclose(
        made, seen["distance_kpc"], rtol=2e-4
    )  # the Galactic pole is a little off that of the frame


def test_metallicity_is_held_beyond_the_radii_of_cepheids():
    assert cepheids.mean_metallicity(np.array([0.0, 4.0, 20.0, 60.0])) == pytest.approx([0.2748, 0.2748, -0.81, -0.81])


def test_first_overtones_are_fundamentalised():
    """A period ratio P1/P0 = 0.716 - 0.027 log P1: 0.716 at 1 d, 0.697 at 5 d."""
    mode = np.array(["FUNDAMENTAL", "FIRST_OVERTONE", "FIRST_OVERTONE", "MULTI", None], object)
    made = cepheids.fundamental_period(np.array([5.0, 1.0, 5.0, 5.0, 5.0]), mode)
    assert made[:3] == pytest.approx([5.0, 1.0 / 0.716, 5.0 / (0.716 - 0.027 * np.log10(5.0))])
    assert np.isnan(made[3:]).all()
    stars = observed(np.full(2, 3.0), 90.0, 0.0, 5.0, 0.0) | {"feh_dex": np.zeros(2)}
    stars["pulsation_mode"] = np.array(["FUNDAMENTAL", "FIRST_OVERTONE"], object)
    fundamental, overtone = estimate_distance(stars, "period_wesenheit", R0_KPC)["distance_kpc"]
    longer = -np.log10(0.716 - 0.027 * np.log10(5.0))
    assert overtone / fundamental == pytest.approx(10 ** (0.2 * 3.176 * longer))  # brighter, so farther


def test_what_is_missing_or_wrong():
    stars = observed(np.full(5, 3.0), 90.0, 0.0, 5.0, 0.0)
    stars["period_d"][0], stars["period_d"][1] = np.nan, 0.0
    stars["phot_bp_mean_mag"][2] = np.nan
    stars["pulsation_mode"][3] = "SECOND_OVERTONE"
    made = estimate_distance(stars, "period_wesenheit", R0_KPC)
    assert all(np.isnan(values).tolist() == [True] * 4 + [False] for values in made.values())
    with pytest.raises(DiscatlasError, match="needs the Sun's radius"):
        estimate_distance(stars, "period_wesenheit")
    with pytest.raises(DiscatlasError, match=r"needs column 'pulsation_mode'"):
        required_columns("period_wesenheit", ["ra", "dec", "period_d"])
    assert required_columns("period_wesenheit", [*stars, "feh_dex"])[-1] == "feh_dex"
    stars["pulsation_mode"][4] = "FUNDAMENTALS"
    with pytest.raises(DiscatlasError, match=r"got 'FUNDAMENTALS'.*nearest: 'FUNDAMENTAL'"):
        estimate_distance(stars, "period_wesenheit", R0_KPC)
