"""Oort constants at the Sun from proper motions and line-of-sight velocities: formulas, signs, errors, open clusters."""

import csv

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from scipy.stats import binom

from discatlas import frames
from discatlas.errors import DiscatlasError
from discatlas.frames import KMS_PER_KPC_MASYR
from discatlas.velocity_field import local_oort

TRUTH = np.array([15.3, -11.9, -3.2, -3.3, 11.1, 12.2, 7.3])
SCATTER = np.array([20.0, 12.0, 30.0])


def draw_places(rng, n, b_max_deg=15.0, distance=(0.3, 2.0)):
    b_max = np.sin(np.deg2rad(b_max_deg))
    b = np.rad2deg(np.arcsin(rng.uniform(-b_max, b_max, n)))
    return rng.uniform(0, 360, n), b, rng.uniform(*distance, n)


def bovy_velocities(l_deg, b_deg, d, p=TRUTH):
    """The equations of Bovy (2017), written out; velocities along l, b and the line of sight, shape (n, 3)."""
    A, B, C, K, u0, v0, w0 = p
    lon, b = np.deg2rad(l_deg), np.deg2rad(b_deg)
    sin2, cos2 = np.sin(2 * lon), np.cos(2 * lon)
    pm_l = (A * cos2 - C * sin2 + B) * np.cos(b) + (u0 * np.sin(lon) - v0 * np.cos(lon)) / d
    pm_b = -(A * sin2 + C * cos2 + K) * np.sin(b) * np.cos(b)
    pm_b += ((u0 * np.cos(lon) + v0 * np.sin(lon)) * np.sin(b) - w0 * np.cos(b)) / d
    los = d * np.cos(b) ** 2 * (K + C * cos2 + A * sin2)
    los -= (u0 * np.cos(lon) + v0 * np.sin(lon)) * np.cos(b) + w0 * np.sin(b)
    return np.stack([d * pm_l, d * pm_b, los], axis=1)


def observed(places, velocity):
    """Arguments of fit_oort."""
    per_distance = 1.0 / (KMS_PER_KPC_MASYR * places[2])
    return (*places, velocity[:, 0] * per_distance, velocity[:, 1] * per_distance, velocity[:, 2])


def draw_stars(rng, n, **changes):
    places = draw_places(rng, n, **changes)
    return observed(places, bovy_velocities(*places) + SCATTER * rng.normal(size=(n, 3)))


def test_the_design_is_that_of_bovy():
    places = draw_places(np.random.default_rng(1), 300, b_max_deg=90.0)
    X = local_oort.design(*places, 3)
    np.testing.assert_allclose(np.einsum("nkp,p->nk", X, TRUTH), bovy_velocities(*places), rtol=0, atol=1e-11)


def test_proper_motions_turn_as_in_astropy():
    rng = np.random.default_rng(2)
    ra, dec, pmra, pmdec = rng.uniform(0, 360, 200), rng.uniform(-89, 89, 200), *rng.normal(0, 10, (2, 200))
    lon, b, pm_l, pm_b = local_oort.galactic_motion(ra, dec, pmra, pmdec)
    unit = units.mas / units.yr
    sky = SkyCoord(ra=ra * units.deg, dec=dec * units.deg, pm_ra_cosdec=pmra * unit, pm_dec=pmdec * unit).galactic
    np.testing.assert_allclose(lon, sky.l.deg, rtol=0, atol=1e-9)
    np.testing.assert_allclose(b, sky.b.deg, rtol=0, atol=1e-9)
    np.testing.assert_allclose(pm_l, sky.pm_l_cosb.to_value(unit), rtol=0, atol=1e-9)
    np.testing.assert_allclose(pm_b, sky.pm_b.to_value(unit), rtol=0, atol=1e-9)


@pytest.mark.parametrize("with_los", [False, True])
def test_a_linear_field_without_scatter_comes_back_exactly(with_los):
    stars = draw_stars(np.random.default_rng(3), 2000, b_max_deg=40.0)
    exact = observed(stars[:3], bovy_velocities(*stars[:3]) + 1e-6 * np.random.default_rng(4).normal(size=(2000, 3)))
    fit = local_oort.fit_oort(*exact[: 6 if with_los else 5])
    np.testing.assert_allclose(fit.values, TRUTH, rtol=0, atol=1e-5)


@pytest.mark.parametrize("with_los", [False, True])
def test_errors_are_calibrated(with_los):
    rng, n_draws, pulls = np.random.default_rng(5), 1000, []
    for _ in range(n_draws):
        fit = local_oort.fit_oort(*draw_stars(rng, 150)[: 6 if with_los else 5])
        pulls.append((fit.values - TRUTH) / fit.errors)
    covered = np.sum(np.abs(pulls) < 1.0, axis=0)
    low, high = binom.interval(0.997, n_draws, 0.6827)
    assert (covered >= low).all()
    assert (covered <= high).all(), covered
    np.testing.assert_allclose(np.mean(pulls, axis=0), 0.0, atol=3.5 / np.sqrt(n_draws))


def test_outliers_and_stars_without_a_normal_scatter_do_not_matter():
    rng, n_draws, pulls = np.random.default_rng(6), 300, []
    for _ in range(n_draws):
        places = draw_places(rng, 400)
        noise = SCATTER * rng.normal(size=(400, 3))
        noise[:, 2] += 1.2 * noise[:, 0]  # residuals of a star that go together
        noise[:20] += 1000.0
        fit = local_oort.fit_oort(*observed(places, bovy_velocities(*places) + noise))
        assert not fit.is_kept[:20].any()
        assert fit.is_kept.sum() > 360
        pulls.append((fit.values - TRUTH) / fit.errors)
    covered = np.sum(np.abs(pulls) < 1.0, axis=0)
    low, high = binom.interval(0.997, n_draws, 0.6827)
    assert (covered >= low).all()
    assert (covered <= high).all(), covered


def test_clipping_gaussian_stars_costs_what_the_factor_says():
    factor = local_oort._clipping_factor(3.0)
    assert factor == pytest.approx(0.9973002 / 0.9707091, rel=1e-5)
    stars = draw_stars(np.random.default_rng(7), 20_000)
    clipped, whole = local_oort.fit_oort(*stars), local_oort.fit_oort(*stars, clip_sigma=np.inf)
    assert whole.is_kept.all()
    n_clipped = np.sum(~clipped.is_kept)
    assert n_clipped == pytest.approx(20_000 * (1 - 0.9973002**3), rel=0.2)
    # a skipped mean has the variance 1 / 0.9707 of the plain one
    np.testing.assert_allclose(clipped.errors / whole.errors, 0.9707**-0.5, rtol=0.01)


def test_a_flat_rotation_curve_and_the_moving_sun_come_back_through_the_observables():
    R0, v_c, n = 8.2, 230.0, 20_000
    sun = frames.Sun(R0, 0.0, (11.0, v_c + 12.0, 7.0), "test")
    rng = np.random.default_rng(8)
    distance, angle = 0.02 * np.sqrt(rng.uniform(0, 1, n)), rng.uniform(0, 2 * np.pi, n)
    X, Y, Z = -R0 + distance * np.cos(angle), distance * np.sin(angle), rng.uniform(-0.01, 0.01, n)
    _, phi = frames.cylindrical_position(X, Y)
    v_X, v_Y = frames.cartesian_velocity(phi, np.zeros(n), np.full(n, v_c))
    star = frames.observe(np.stack([X, Y, Z]), np.stack([v_X, v_Y, np.zeros(n)]), sun)
    motion = local_oort.galactic_motion(star["ra"], star["dec"], star["pmra"], star["pmdec"])
    fit = local_oort.fit_oort(*motion[:2], star["distance_kpc"], *motion[2:], star["radial_velocity"], np.inf)
    # Sgr A* is 0.07 deg from l = b = 0: the axes differ by 1e-3, and u0 of the 12 km/s along rotation by 0.012
    np.testing.assert_allclose(fit.values, [v_c / R0 / 2, -v_c / R0 / 2, 0, 0, 11, 12, 7], rtol=0, atol=0.06)


def cluster_arguments(folder):
    with (folder / "hunt2023_open_clusters.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("RA_ICRS", "DE_ICRS", "dist50", "pmRA", "pmDE", "RV")
    ra, dec, distance, pmra, pmdec, rv = (np.array([float(row[name]) for row in rows]) for name in names)
    lon, b, pm_l, pm_b = local_oort.galactic_motion(ra, dec, pmra, pmdec)
    shell = local_oort.select_shell(b, distance / 1000, [0.3, 2.0], 15.0)
    return [values[shell] for values in (lon, b, distance / 1000, pm_l, pm_b, rv)]


def test_open_clusters_give_the_known_constants(real_data):
    *stars, rv = cluster_arguments(real_data)
    fit = local_oort.fit_oort(*stars)
    A, B, C, K, *reflex = fit.values
    assert pytest.approx(15.6, abs=1.0) == A
    assert pytest.approx(-12.5, abs=1.0) == B
    assert pytest.approx(-0.6, abs=1.0) == C
    assert pytest.approx(-6.5, abs=4.5) == K  # from proper motions alone it is K - dv_Z/dZ, and |b| is small
    np.testing.assert_allclose(reflex, [10.5, 13.0, 7.7], rtol=0, atol=2.0)
    assert (fit.errors[:3] < 0.5).all()
    has_rv = np.isfinite(rv)
    both = local_oort.fit_oort(*(values[has_rv] for values in (*stars, rv)))
    np.testing.assert_allclose(both.values[:3], fit.values[:3], rtol=0, atol=1.5)
    assert abs(both.values[3]) < 3.5
    assert both.errors[3] < 0.5 * fit.errors[3]


def test_open_clusters_with_the_sign_of_longitude_turned_do_not(real_data):
    lon, b, distance, pm_l, pm_b, _ = cluster_arguments(real_data)
    A, B = local_oort.fit_oort(lon, b, distance, -pm_l, pm_b).values[:2]
    assert A < 0 < B
    # a longitude that runs backwards leaves A and B, which are even in it, but turns the Sun's motion and C
    A, B, C, _, u0, v0, _ = local_oort.fit_oort(-lon, b, distance, pm_l, pm_b).values
    assert u0 < -5 < 0 < C
    assert v0 > 5
    assert pytest.approx(28.1, abs=1.5) == A - B


def test_the_nearest_node_with_a_fit_speaks_for_the_sun():
    field = {
        "node": np.arange(4),
        "n_cells": np.array([10, 600, 3000, 4000]),
        "X_kpc": np.array([-8.2, -8.25, -8.3, -9.0]),
        "Y_kpc": np.array([0.0, 0.05, 0.0, 0.0]),
        "quality": np.array(["few", "sparse", "good", "good"], dtype=object),
    }
    for prefix, shift in (("", 0.0), ("linear_", 1.0)):
        for i, name in enumerate(local_oort.oort_columns(prefix)):
            field[name] = np.arange(4) + 10.0 * i + 100 * shift
            field[name][0] = np.nan
    record = local_oort.field_oort(field, 8.2, 1.0, "linear_")
    assert (record["node"], record["n_cells"], record["X_kpc"]) == (1, 600, -8.25)
    assert (record["A_kms_kpc"], record["A_error_kms_kpc"], record["K_error_kms_kpc"]) == (101.0, 111.0, 171.0)
    assert local_oort.field_oort(field, 8.2, 1.0, "")["A_kms_kpc"] == 1.0
    with pytest.raises(DiscatlasError, match=r"within 0\.01 kpc"):
        local_oort.field_oort(field, 8.2, 0.01, "")


def test_what_cannot_be_fitted_says_why():
    stars = draw_stars(np.random.default_rng(9), 60)
    with pytest.raises(DiscatlasError, match="20 stars are left, expected at least 21"):
        local_oort.fit_oort(*(values[:20] for values in stars))
    with pytest.raises(DiscatlasError, match="too little of the sky"):
        local_oort.fit_oort(np.full(60, 40.0), *stars[1:5])
    with pytest.raises(DiscatlasError, match=r"\[2\.0, 0\.3\]"):
        local_oort.select_shell(stars[1], stars[2], [2.0, 0.3], 15.0)
    with pytest.raises(DiscatlasError, match="b_max_deg 0"):
        local_oort.select_shell(stars[1], stars[2], [0.3, 2.0], 0.0)


def test_the_shell_keeps_its_limits_and_no_nan():
    b, distance = np.array([0.0, 15.0, -15.1, np.nan, 0.0, 0.0]), np.array([0.3, 2.0, 1.0, 1.0, np.nan, 2.1])
    inside = local_oort.select_shell(b, distance, [0.3, 2.0], 15.0)
    assert inside.tolist() == [True, True, False, False, False, False]
    fit = local_oort.fit_oort(*draw_stars(np.random.default_rng(10), 100))
    record = local_oort.summarise(fit)
    assert record["n_stars"] + record["n_clipped"] == 100
    assert {"A_kms_kpc", "A_error_kms_kpc", "w0_kms", "w0_error_kms", "scatter_los_kms"} <= set(record)
