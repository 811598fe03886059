"""Conversion and linear propagation: against astropy, finite differences and numpy's Monte-Carlo."""

import numba
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from discatlas import frames
from discatlas import phase_space as ps
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun
from discatlas.phase_space.names import CORRELATIONS, ERRORS, OBSERVABLES

SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")
SUNS = [
    SUN,
    Sun(8.277, 0.0208, (9.3, 251.5, 8.59), "Drimmel 2023"),
    Sun(8.0, 0.0, (11.1, 232.24, 7.25), "flat"),
    Sun(8.2, 0.025, (11.0, 232.24, 7.25), "Zari 2025"),
]


def stars(n, seed=1, spread=0.3, correlated=True):
    """Stars all over the sky with Gaia-like errors and one valid correlation matrix each."""
    rng = np.random.default_rng(seed)
    parallax = rng.uniform(0.1, 5.0, n)
    columns = {
        "ra": rng.uniform(0, 360, n),
        "dec": np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
        "distance_kpc": 1.0 / parallax,
        "pmra": rng.normal(0, 6, n),
        "pmdec": rng.normal(0, 6, n),
        "radial_velocity": rng.normal(0, 60, n),
        "ra_error": rng.uniform(0.01, 0.1, n),
        "dec_error": rng.uniform(0.01, 0.1, n),
        "distance_error_kpc": spread * 0.1 / parallax,
        "pmra_error": rng.uniform(0.01, 0.1, n),
        "pmdec_error": rng.uniform(0.01, 0.1, n),
        "radial_velocity_error": rng.uniform(0.2, 5, n),
    }
    if correlated:
        factor = rng.normal(size=(n, 5, 8))
        covariance = factor @ factor.transpose(0, 2, 1)
        scale = np.sqrt(np.einsum("nii->ni", covariance))
        matrix = covariance / (scale[:, :, None] * scale[:, None, :])
        first, second = np.triu_indices(5, 1)
        columns |= dict(zip(CORRELATIONS, np.ascontiguousarray(matrix[:, first, second].T), strict=True))
    return columns


def convert(columns, sun=SUN):
    return ps.convert(*(columns[name] for name in OBSERVABLES), sun)


def by_astropy(columns, sun):
    units_of = (units.deg, units.deg, units.kpc, units.mas / units.yr, units.mas / units.yr, units.km / units.s)
    names = ("ra", "dec", "distance", "pm_ra_cosdec", "pm_dec", "radial_velocity")
    values = (columns[name] * unit for name, unit in zip(OBSERVABLES, units_of, strict=True))
    return SkyCoord(**dict(zip(names, values, strict=True)), frame="icrs").transform_to(frames.astropy_frame(sun))


@pytest.mark.parametrize("sun", SUNS, ids=lambda sun: sun.source)
def test_conversion_equals_astropy(sun):
    columns = stars(10_000)
    made, theirs = convert(columns, sun), by_astropy(columns, sun)
    position, velocity = theirs.cartesian.xyz.to_value(units.kpc), theirs.velocity.d_xyz.to_value(units.km / units.s)
    R, phi = frames.cylindrical_position(position[0], position[1])
    v_R, v_phi = frames.cylindrical_velocity(position[0], position[1], velocity[0], velocity[1])
    expected = [*position, R, phi, v_R, v_phi, velocity[2], R * v_phi]
    speed = np.sqrt(np.sum(velocity**2, axis=0))
    scales = [sun.R0_kpc] * 4 + [360.0] + [speed] * 3 + [sun.R0_kpc * speed]
    for name, value, scale in zip(ps.COORDINATES, expected, scales, strict=True):
        assert np.abs((made[name] - value) / scale).max() < 1e-12, name


@pytest.mark.parametrize("sun", SUNS, ids=lambda sun: sun.source)
def test_round_trip(sun):
    columns = stars(5_000, seed=2)
    made = convert(columns, sun)
    v_X, v_Y = frames.cartesian_velocity(made["phi_deg"], made["v_R_kms"], made["v_phi_kms"])
    position = np.stack([made["X_kpc"], made["Y_kpc"], made["Z_kpc"]])
    back = frames.observe(position, np.stack([v_X, v_Y, made["v_Z_kms"]]), sun)
    for name in OBSERVABLES:
        assert np.abs((back[name] - columns[name]) / np.maximum(np.abs(columns[name]), 1.0)).max() < 1e-10, name


@pytest.mark.parametrize("sun", SUNS, ids=lambda sun: sun.source)
def test_the_sun_itself(sun):
    """A star at rest beside us is at the Sun's place and has its velocity."""
    made = ps.convert(*(np.array([value]) for value in (123.0, -45.0, 1e-12, 0.0, 0.0, 0.0)), sun)
    assert [made[name][0] for name in ("X_kpc", "Y_kpc", "Z_kpc")] == pytest.approx(sun.position_kpc, abs=1e-11)
    assert made["v_R_kms"][0] == pytest.approx(-sun.v_sun_kms[0], abs=1e-9)
    assert made["v_phi_kms"][0] == pytest.approx(sun.v_sun_kms[1], abs=1e-9) and made["v_phi_kms"][0] > 0
    assert made["v_Z_kms"][0] == pytest.approx(sun.v_sun_kms[2], abs=1e-9)
    assert made["phi_deg"][0] == pytest.approx(0.0, abs=1e-10)


def test_circular_orbits_at_every_azimuth():
    """v_R = 0, v_phi = v_c and L_z = R v_c, wherever on the circle, phi along rotation."""
    phi = np.linspace(-175.0, 180.0, 72)
    X, Y = frames.cartesian_position(np.full(phi.size, 6.0), phi)
    v_X, v_Y = frames.cartesian_velocity(phi, np.zeros(phi.size), np.full(phi.size, 229.0))
    assert Y[phi == 90.0] == 6.0 and v_X[phi == 90.0] == 229.0
    observed = frames.observe(np.stack([X, Y, 0 * X]), np.stack([v_X, v_Y, 0 * X]), SUN)
    made = convert(observed)
    assert np.abs(made["v_R_kms"]).max() < 1e-10 and np.abs(made["v_phi_kms"] - 229.0).max() < 1e-10
    assert np.abs(made["L_z_kpc_kms"] - 6.0 * 229.0).max() < 1e-9
    assert np.abs((made["phi_deg"] - phi + 180) % 360 - 180).max() < 1e-11


def test_special_directions():
    """Poles, quadrant edges and negative right ascensions go through the kernel's own sine and cosine."""
    ra = np.array([-360.0, -270, -90, -1e-9, 0, 45, 90, 135, 180, 225, 270, 315, 360, 10, 10, 720.5])
    dec = np.array([0.0, 10, -80, 0, 1e-9, 45, 44.999999, -45, 90, 0, 30, -30, 0, 90, -90, 3.0])
    made = ps.convert(ra, dec, np.full(16, 2.0), *np.zeros((3, 16)), SUN)
    outward = frames.unit_vectors(ra, dec)[2]
    expected = frames.galactocentric_rotation(SUN) @ (2.0 * outward) + np.array(SUN.position_kpc)[:, None]
    assert np.abs([made["X_kpc"], made["Y_kpc"], made["Z_kpc"]] - expected).max() < 3e-15


def test_missing_values():
    columns = stars(4)
    columns["radial_velocity"][1] = np.nan
    columns["pmra"][2] = np.nan
    columns["distance_error_kpc"][3] = np.nan
    made = ps.propagate(columns, SUN, "geometric", correlations=True)
    for name in ("v_R_kms", "v_phi_kms", "v_Z_kms", "L_z_kpc_kms", "v_R_error_kms", "v_Z_error_kms"):
        assert np.isnan(made[name][1:3]).all() and np.isfinite(made[name][0]), name
    for name in ("X_kpc", "phi_deg", "R_error_kpc", "phi_error_deg", "R_Z_corr"):
        assert np.isfinite(made[name][:3]).all(), name
    assert all(np.isnan(made[name][3]) for name in (*ps.error_columns(), *ps.correlation_columns()))
    without = {name: values for name, values in stars(4).items() if "pm" not in name and "corr" not in name}
    made = ps.propagate(without, SUN, "geometric")
    assert np.isnan(made["v_phi_kms"]).all() and np.isfinite(made["X_error_kpc"]).all()
    with pytest.raises(DiscatlasError, match=r"needs column 'distance_kpc'.*nearest: 'distance'"):
        ps.input_columns(["ra", "dec", "distance"])


def test_errors_that_are_not_needed_do_not_spread():
    """A missing error of the motion leaves positions; a missing position error or correlation counts as none."""
    columns = stars(3)
    columns["radial_velocity_error"][0] = np.nan
    columns["ra_error"][1], columns["dec_error"][1] = np.nan, 0.0
    columns["pmra_pmdec_corr"][2] = np.nan
    made = ps.propagate(columns, SUN, "inverse_parallax")
    assert np.isnan(made["v_R_error_kms"][0]) and np.isfinite(made["Y_error_kpc"][0])
    columns["ra_error"][1], columns["pmra_pmdec_corr"][2] = 0.0, 0.0
    again = ps.propagate(columns, SUN, "inverse_parallax")
    for name in ps.error_columns():
        assert (made[name][1:] == again[name][1:]).all(), name


def covariance(columns, i, with_distance=True):
    """The covariance of (ra [deg], dec [deg], distance, pmra, pmdec, radial_velocity) of one star, by hand."""
    matrix = np.eye(6)
    first, second = np.triu_indices(5, 1)
    for name, one, two in zip(CORRELATIONS, first, second, strict=True):
        sign = -1.0 if "parallax" in name else 1.0
        value = columns[name][i] * sign * (with_distance or sign > 0)
        matrix[one, two] = matrix[two, one] = value
    sigma = np.array([columns[name][i] for name in ERRORS])
    sigma[0] /= 3.6e6 * np.cos(np.deg2rad(columns["dec"][i]))
    sigma[1] /= 3.6e6
    return matrix * np.outer(sigma, sigma)


def jacobian(columns, i):
    """Central differences of the nine coordinates, shape (9, 6)."""
    centre = np.array([columns[name][i] for name in OBSERVABLES])
    steps = np.array([1e-4, 1e-4, 1e-4 * centre[2], 1e-3, 1e-3, 1e-2])
    points = centre[:, None] + np.hstack([np.diag(steps), -np.diag(steps)])
    made = ps.convert(*points, SUN)
    return np.stack([(made[name][:6] - made[name][6:]) / (2 * steps) for name in ps.COORDINATES])


@pytest.mark.parametrize("estimator", ["inverse_parallax", "geometric"])
def test_errors_equal_finite_differences(estimator):
    """Also with position errors of an arcsecond, so that their part of the Jacobian is seen."""
    columns = stars(40, seed=6)
    columns["ra_error"][20:], columns["dec_error"][20:] = 3e5, 2e5
    made = ps.propagate(columns, SUN, estimator, correlations=True)
    six = [3, 4, 2, 5, 6, 7]  # R, phi, Z, v_R, v_phi, v_Z among the nine
    for i in range(40):
        J = jacobian(columns, i)
        expected = J @ covariance(columns, i, estimator == "inverse_parallax") @ J.T
        sigma = np.sqrt(np.diag(expected))
        assert [made[name][i] for name in ps.error_columns()] == pytest.approx(sigma, rel=1e-6)
        correlation = (expected / np.outer(sigma, sigma))[np.ix_(six, six)][np.triu_indices(6, 1)]
        assert [made[name][i] for name in ps.correlation_columns()] == pytest.approx(correlation, abs=2e-6)


def test_correlations_matter():
    """One star whose errors numpy samples: ignoring the correlations misses the answer by far."""
    columns = {name: values[:1] for name, values in stars(1, seed=9, spread=0.2).items()}
    for name in CORRELATIONS:
        columns[name] = np.array(
            [0.9 if name in ("parallax_pmra", "pmra_pmdec_corr", "parallax_pmra_corr", "parallax_pmdec_corr") else 0.0]
        )
    columns["pmra"], columns["pmdec"] = np.array([12.0]), np.array([-3.0])
    columns["pmra_error"], columns["pmdec_error"] = np.array([0.8]), np.array([0.8])
    columns["radial_velocity_error"] = np.array([0.1])
    rng = np.random.default_rng(0)
    centre = np.array([columns[name][0] for name in OBSERVABLES])
    draws = rng.multivariate_normal(centre, covariance(columns, 0), size=200_000, method="eigh")
    sampled = ps.convert(*draws.T, SUN)
    linear = ps.propagate(columns, SUN, "inverse_parallax")
    ignored = ps.propagate(
        {name: values for name, values in columns.items() if "corr" not in name}, SUN, "inverse_parallax"
    )
    for name in ("v_R_kms", "v_phi_kms", "v_Z_kms"):
        error = f"{name.removesuffix('_kms')}_error_kms"
        assert linear[error][0] == pytest.approx(sampled[name].std(), rel=0.02), name
    assert (
        max(
            abs(ignored[name][0] / linear[name][0] - 1)
            for name in ("v_R_error_kms", "v_phi_error_kms", "v_Z_error_kms")
        )
        > 0.2
    )


def test_same_bits_for_any_threads_and_batches():
    columns = stars(3_001, seed=11)
    whole = ps.propagate(columns, SUN, "inverse_parallax", correlations=True)
    numba.set_num_threads(1)
    try:
        alone = ps.propagate(columns, SUN, "inverse_parallax", correlations=True)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    part = {name: values[777:2000] for name, values in columns.items()}
    parts = ps.propagate(part, SUN, "inverse_parallax", correlations=True)
    for name, values in whole.items():
        assert values.tobytes() == alone[name].tobytes(), name
        assert values[777:2000].tobytes() == parts[name].tobytes(), name


def test_plain_and_propagated_values_agree():
    columns = stars(300, seed=12)
    made, plain = ps.propagate(columns, SUN, "geometric"), convert(columns)
    for name in ps.COORDINATES:
        assert np.abs(made[name] - plain[name]).max() == 0.0, name


def test_read_only_and_single_precision_columns():
    columns = {name: values.astype(np.float32) for name, values in stars(10).items()}
    for values in columns.values():
        values.flags.writeable = False
    doubles = {name: values.astype(float) for name, values in columns.items()}
    made, expected = ps.propagate(columns, SUN, "geometric"), ps.propagate(doubles, SUN, "geometric")
    assert all((made[name] == expected[name]).all() for name in expected)
