"""What all surveys share: dust against numerical integration, fields on the sky, distances against their posterior."""

import numba
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from made_particles import make_particles
from scipy.integrate import quad
from scipy.optimize import brentq

from discatlas.errors import DiscatlasError
from discatlas.frames import Sun
from discatlas.simulation.surveys.astrometry import correlation_factor, ecliptic_angles, effective_wavenumber
from discatlas.simulation.surveys.distances import estimate_distances
from discatlas.simulation.surveys.extinction import BAND_EXTINCTION, DustDisc
from discatlas.simulation.surveys.footprints import FieldGrid, angular_separation
from discatlas.simulation.surveys.stars import near_infrared, place_stars, share_deviates
from discatlas.streams import stream_generator

SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")


def integrated(dust, star, sun):
    start, step = np.array(sun.position_kpc), np.array(star) - np.array(sun.position_kpc)
    R0 = np.hypot(*start[:2])

    def density(t):
        x, y, z = start + t * step
        return np.exp(-(np.hypot(x, y) - R0) / dust.scale_length_kpc - abs(z) / dust.scale_height_kpc)

    cusps = [t for t in (-start[2] / step[2], -(start[:2] @ step[:2]) / (step[:2] @ step[:2])) if 0 < t < 1]
    return dust.A_V_mag_per_kpc * np.linalg.norm(step) * quad(density, 0, 1, points=cusps, limit=500, epsabs=1e-12)[0]


@pytest.mark.parametrize(
    "star",
    [(-8, 0.1, 0.03), (-7, 1, -0.05), (3, 0.2, 0.01), (-20, 5, -2), (-8.2, 0.1, 6), (-0.5, 4, 0.4), (10, -3, 0.05)],
)
def test_extinction_is_the_integral_of_the_dust_along_the_line_of_sight(star):
    dust = DustDisc(0.8, 3.2, 0.1)
    A_V = dust.extinction(*(np.array([value], float) for value in star), SUN)
    assert np.allclose(A_V, integrated(dust, star, SUN), rtol=1e-5)


def test_extinction_has_its_limits():
    d, zero = np.array([0.5, 2.0, 4.0]), np.zeros(3)
    sun = Sun(8.0, 0.0, (0.0, 230.0, 0.0), "in the plane")
    assert np.allclose(DustDisc(0.7, 1e9, 0.1).extinction(-8 + d, zero, zero, sun), 0.7 * d)
    vertical = 0.7 * 0.1 * (1 - np.exp(-d / 0.1))
    assert np.allclose(DustDisc(0.7, 3.0, 0.1).extinction(zero - 8, zero, -d, sun), vertical, rtol=1e-6)
    # toward the centre the radial exponential integrates in closed form
    assert np.allclose(DustDisc(0.7, 3.0, 0.1).extinction(-8 + d, zero, zero, sun), 0.7 * 3 * (np.exp(d / 3) - 1))
    assert (DustDisc(0.0).extinction(-8 + d, d, d, sun) == 0).all()


def test_impossible_dust_is_refused():
    with pytest.raises(DiscatlasError, match="positive scales"):
        DustDisc(1.0, -3.0, 0.1)
    with pytest.raises(DiscatlasError, match="nearest: 'scale_length_kpc'"):
        DustDisc.from_config({"scale_lenght_kpc": 3})


def test_magnitudes_are_absolute_ones_with_distance_and_dust():
    particles = make_particles(2000)
    stars = place_stars(particles, SUN, DustDisc())
    position = np.stack([particles[f"{axis}_kpc"] for axis in "XYZ"]) - np.array(SUN.position_kpc)[:, None]
    modulus = 5 * np.log10(np.linalg.norm(position, axis=0) * 100)
    for band, ratio in BAND_EXTINCTION.items():
        assert np.allclose(stars[band], particles[f"M_{band}_mag"] + modulus + ratio * stars["A_V"])
    galactic = SkyCoord(stars["ra"] * u.deg, stars["dec"] * u.deg).galactic
    assert np.allclose(galactic.l.deg, stars["l"])
    assert np.allclose(galactic.b.deg, stars["b"])


def test_shared_deviates_depend_on_seed_and_chunk_only():
    stars = {"particle": np.arange(10)}
    first, again = share_deviates(stars, 1, 0), share_deviates(stars, 1, 0)
    assert np.array_equal(first["z_astrometry"], again["z_astrometry"])
    assert not np.array_equal(first["u_bad"], share_deviates(stars, 1, 10)["u_bad"])
    assert not np.array_equal(first["u_bad"], share_deviates(stars, 2, 0)["u_bad"])


def test_2mass_sees_stars_down_to_its_limit():
    H = np.repeat(np.arange(8.0, 30.0), 2000)
    stars = share_deviates({"particle": np.arange(H.size), "J": H, "H": H, "Ks": H}, 1, 0)
    magnitudes, errors = near_infrared(stars)
    for band, limit in (("J", 15.8), ("H", 15.1), ("Ks", 14.3)):
        depth = H - limit
        assert np.array_equal(np.isnan(magnitudes[band]), depth > 1.19)
        pull = ((magnitudes[band] - H) / errors[band])[depth < 0]
        assert abs(pull.var() - 1) < 4 * np.sqrt(2 / pull.size)
        assert np.allclose(errors[band][H < 10], 0.02, rtol=0.02)


def test_ecliptic_is_astropys():
    rng = stream_generator(1, "x")
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    theirs = SkyCoord(ra * u.deg, dec * u.deg).transform_to("barycentricmeanecliptic")
    longitude, latitude = ecliptic_angles(ra, dec)
    # Gaia's ecliptic and the one of J2000 differ by a fraction of an arcsecond
    assert np.abs((longitude - theirs.lon.deg + 180) % 360 - 180).max() < 1e-3
    assert np.abs(latitude - theirs.lat.deg).max() < 1e-3


def test_blue_stars_have_large_wavenumbers():
    """They fall with colour, and stay where the zero point is defined above 1.1 per um, up to 6 mag."""
    wavenumber = effective_wavenumber(np.linspace(-0.5, 6, 50))
    assert (np.diff(wavenumber) < 0).all()
    assert wavenumber.min() > 1.1
    assert wavenumber.max() < 2.0
    assert np.allclose(effective_wavenumber(np.array([1.0])), 2 - 1.81 / np.pi * np.arctan(0.934))


@pytest.mark.parametrize("largest", [0.0, 0.4, 0.9])
def test_correlations_are_those_of_a_positive_definite_matrix(largest):
    longitude, latitude = np.meshgrid(np.linspace(0, 360, 40), np.linspace(-90, 90, 19))
    factor = correlation_factor(longitude.ravel(), latitude.ravel(), largest)
    matrix = factor @ factor.transpose(0, 2, 1)
    assert np.allclose(np.diagonal(matrix, axis1=1, axis2=2), 1)
    assert np.linalg.eigvalsh(matrix).min() > 0
    off_diagonal = np.abs(matrix - np.eye(5)).max()
    assert off_diagonal == 0 if largest == 0 else off_diagonal > 0.5 * largest


def quantile(level, parallax, error, length, modulus=None, modulus_error=0.3):
    def posterior(r):
        photometric = 0 if modulus is None else (5 * np.log10(r) + 10 - modulus) / modulus_error
        return r**2 * np.exp(-r / length - 0.5 * ((parallax - 1 / r) / error) ** 2 - 0.5 * photometric**2)

    low = 1 / max(parallax + 8 * error, error)
    high = 1 / (parallax - 8 * error) if parallax > 8 * error else 40 * length
    total = quad(posterior, low, high, limit=500, points=[min(max(1 / abs(parallax), low), high)])[0]
    return brentq(lambda r: quad(posterior, low, r, limit=500)[0] / total - level, low, high)


@pytest.mark.parametrize(
    ("parallax", "error"), [(5.0, 0.02), (1.0, 0.05), (0.5, 0.1), (0.2, 0.1), (0.1, 0.3), (-0.1, 0.1)]
)
def test_distances_are_quantiles_of_the_posterior(parallax, error):
    modulus = 5 * np.log10(1 / max(parallax, 0.3)) + 10.2
    r = estimate_distances(np.array([parallax]), np.array([error]), np.array([modulus]), 0.3, 1.35)
    for kind, photometry in (("geo", None), ("photogeo", modulus)):
        width = r[f"r_hi_{kind}"][0] - r[f"r_lo_{kind}"][0]
        for part, level in (("lo", 0.16), ("med", 0.5), ("hi", 0.84)):
            expected = 1000 * quantile(level, parallax, error, 1.35, photometry)
            assert abs(r[f"r_{part}_{kind}"][0] - expected) < 0.005 * width


def test_intervals_contain_the_truth_as_they_say_for_stars_of_the_prior():
    n, rng = 40_000, stream_generator(2, "x")
    true = rng.gamma(3.0, 1.35, n)
    error = 10 ** rng.uniform(-2, -0.3, n)
    parallax, modulus = 1 / true + rng.normal(0, error), 5 * np.log10(true) + 10 + rng.normal(0, 0.3, n)
    r = estimate_distances(parallax, error, modulus, 0.3, 1.35)
    for kind in ("geo", "photogeo"):
        for part, level in (("lo", 0.16), ("med", 0.5), ("hi", 0.84)):
            below = np.mean(1000 * true < r[f"r_{part}_{kind}"])
            assert abs(below - level) < 4 * np.sqrt(level * (1 - level) / n)
    # photometry makes the interval narrower where the parallax is poor
    poor = error > 0.2
    width = {kind: (r[f"r_hi_{kind}"] - r[f"r_lo_{kind}"])[poor] for kind in ("geo", "photogeo")}
    assert np.median(width["photogeo"]) < 0.5 * np.median(width["geo"])


GRID = FieldGrid(1.5, 4.0, 12.0, 10.0)


def test_fields_cover_both_hemispheres_and_more_of_the_plane():
    rng = stream_generator(3, "x")
    l, b = rng.uniform(0, 360, 200_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000)))  # noqa: E741
    inside = GRID.nearest(l, b)[2] < 1.5
    in_plane, beyond = np.abs(b) < 14, (np.abs(b) > 20) & (np.abs(b) < 80)
    # the share of the area: pi r^2 over the square of the spacing
    assert abs(inside[in_plane].mean() - np.pi * 1.5**2 / 16) < 0.03
    assert abs(inside[beyond].mean() - np.pi * 1.5**2 / 100) < 0.02
    assert abs(inside[b > 0].mean() - inside[b < 0].mean()) < 0.01


def test_the_nearest_centre_is_the_nearest_of_all():
    latitude, n_fields = GRID.rows()
    centres = np.array([(360 / n * k, row) for row, n in zip(latitude, n_fields, strict=True) for k in range(n)]).T
    rng = stream_generator(4, "x")
    l, b = rng.uniform(0, 360, 300), rng.uniform(-90, 90, 300)  # noqa: E741
    sky, fields = SkyCoord(l, b, unit="deg", frame="galactic"), SkyCoord(*centres, unit="deg", frame="galactic")
    nearest = sky.match_to_catalog_sky(fields)[1].deg
    centre_l, centre_b, separation = GRID.nearest(l, b)
    near = nearest < 1.5
    assert np.array_equal(separation < 1.5, near)
    assert np.allclose(separation[near], nearest[near], atol=1e-9)
    assert np.allclose(angular_separation(l, b, centre_l, centre_b)[near], nearest[near], atol=1e-9)


def test_kernels_give_the_same_bits_on_one_thread_and_on_more():
    n, rng = 5_000, stream_generator(5, "x")
    parallax, error = rng.normal(1, 0.5, n), rng.uniform(0.02, 0.3, n)
    position = rng.normal([-8.0, 0.0, 0.0], [3.0, 3.0, 0.3], (n, 3)).T
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        r = estimate_distances(parallax, error, np.full(n, 10.0), 0.3, 1.35)
        results.append([*r.values(), DustDisc().extinction(*position, SUN)])
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))
