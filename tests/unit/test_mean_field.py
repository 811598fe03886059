"""The analytic galaxy: stars scatter about its mean field as declared, and the field is what physics and series say."""

import numpy as np
import pytest
from scipy import stats

from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position, cylindrical_velocity
from discatlas.simulation.mean_field import MeanFieldModel, draw_positions, simulate_mean_field
from discatlas.simulation.taylor_field import COEFFICIENTS, TaylorField
from discatlas.spiral_response import Spiral, power_law_frequencies, spiral_response
from discatlas.streams import stream_generator
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column
from discatlas.velocity_field.nodes import fit_nodes, sort_cells

SPIRAL = {
    "m": 2,
    "pattern_speed_kms_kpc": 12.0,
    "pitch_deg": 12.66,
    "surface_density_msun_kpc2": 3.0e6,
    "scale_length_kpc": 11.36,
    "scale_height_kpc": 1.0,
    "normalisation": "exponential",
    "pivot_kpc": 8.2,
    "phase_deg": 70.0,
}
ENTRY = {
    "kind": "mean_field",
    "n_particles": 1000,
    "R0_kpc": 8.2,
    "radius_kpc": 5.0,
    "R_min_kpc": 2.0,
    "R_max_kpc": 16.0,
    "scale_length_kpc": 2.6,
    "scale_height_kpc": 0.3,
    "v_c_kms": 230.0,
    "v_c_slope": 0.0,
    "sigma_R_kms": 35.0,
    "sigma_R_floor_kms": 10.0,
    "sigma_Z_kms": 18.0,
    "sigma_Z_floor_kms": 5.0,
    "sigma_scale_kpc": 8.0,
    "population": "thin",
    "age_min_Gyr": 1.0,
    "age_max_Gyr": 9.0,
    "spirals": [SPIRAL],
    "regularisation": 0.05,
    "taylor": None,
}
N = 200_000


def model(**changes):
    return MeanFieldModel.from_config(ENTRY | changes)


def draw(of, n=N, step="0"):
    return simulate_mean_field(of, n, stream_generator(3, "simulate_galaxy", "test", step), 0)


def whole_series(seed=1):
    rng = np.random.default_rng(seed)
    coefficients = {name: float(rng.normal(0, 2)) for name in COEFFICIENTS}
    return {"R_node_kpc": 8.0, "phi_node_deg": -5.0, "coefficients": coefficients | {"v_phi_0_kms": 225.0}}


def cells(stars, side=1.0):
    """Number of the square cell of every star, of the cells of at least 50 stars; -1 elsewhere."""
    i, j = np.floor(stars["X_kpc"] / side).astype(int), np.floor(stars["Y_kpc"] / side).astype(int)
    _, cell, count = np.unique(i * 1000 + j, return_inverse=True, return_counts=True)
    order = np.cumsum(count >= 50) - 1
    return np.where(count[cell] >= 50, order[cell], -1)


def test_binned_means_and_dispersions_are_those_of_the_model():
    """Chi-square over cells of 1 kpc against the known means; the mean of v_R, v_phi from their parts."""
    galaxy = model()
    stars = draw(galaxy)
    R, phi = stars["R_kpc"], stars["phi_deg"]
    spiral = Spiral(**SPIRAL, R0_kpc=8.2)
    wave = spiral_response(spiral, R, phi, *power_law_frequencies(R, 230.0, 8.2, 0.0), 0.05)
    means = {"v_R": wave.v_R_kms, "v_phi": galaxy.jeans_v_phi(R) + wave.v_phi_kms, "v_Z": np.zeros(N)}
    sigma_R = np.sqrt((35.0**2 - 10.0**2) * np.exp(-(R - 8.2) / 4.0) + 10.0**2)
    sigmas = {
        "v_R": sigma_R,
        "v_phi": sigma_R / np.sqrt(2),
        "v_Z": np.sqrt((18.0**2 - 5.0**2) * np.exp(-(R - 8.2) / 4.0) + 5.0**2),
    }
    cell = cells(stars)
    used, n_cells = cell >= 0, cell.max() + 1
    count = np.bincount(cell[used])
    assert n_cells > 60
    pulls = {c: ((stars[f"{c}_kms"] - means[c]) / sigmas[c])[used] for c in COMPONENTS}
    for pull in pulls.values():
        chi_square = np.sum(np.bincount(cell[used], pull) ** 2 / count)
        assert 0.001 < stats.chi2.sf(chi_square, n_cells) < 0.999
        chi_square = np.bincount(cell[used], pull**2)  # of count degrees of freedom in each cell
        assert stats.kstest(stats.chi2.cdf(chi_square, count), "uniform").pvalue > 0.001
        assert stats.kstest(pull, "norm").pvalue > 0.001
    for one, other in (("v_R", "v_phi"), ("v_R", "v_Z"), ("v_phi", "v_Z")):
        assert abs(np.mean(pulls[one] * pulls[other])) < 4 / np.sqrt(N)  # no vertex deviation, no tilt
        tilt = np.mean(pulls[one] * pulls[other] * np.sign(stars["Z_kpc"][used]))
        assert abs(tilt) < 4 / np.sqrt(N)
    # the wave is really there: without it chi-square is impossible
    still = ((stars["v_R_kms"]) / sigma_R)[used]
    assert stats.chi2.sf(np.sum(np.bincount(cell[used], still) ** 2 / count), n_cells) < 1e-30


def test_columns_say_the_same_in_both_frames():
    galaxy = model(v_c_slope=-0.1)
    stars = draw(galaxy, 5000)
    R, phi = cylindrical_position(stars["X_kpc"], stars["Y_kpc"])
    v_R, v_phi = cylindrical_velocity(*(stars[c] for c in ("X_kpc", "Y_kpc", "v_X_kms", "v_Y_kms")))
    for name, value in {"R_kpc": R, "phi_deg": phi, "v_R_kms": v_R, "v_phi_kms": v_phi, "R_birth_kpc": R}.items():
        np.testing.assert_allclose(stars[name], value, rtol=1e-12, atol=1e-10)
    # the circular orbit of R_guide has the star's angular momentum
    guide = stars["R_guide_kpc"]
    np.testing.assert_allclose(guide * galaxy.circular_speed(guide), R * np.abs(v_phi), rtol=1e-12)
    assert set(stars["population"]) == {"thin"}
    assert np.all(stars["weight"] == 1)
    assert stats.kstest(stars["age_Gyr"], stats.uniform(1.0, 8.0).cdf).pvalue > 0.001


def test_the_density_is_the_declared_one():
    annulus = model(radius_kpc=None, spirals=[])
    R, phi, Z = draw_positions(annulus, N, np.random.default_rng(5))
    mass = lambda r: -(1 + r / 2.6) * np.exp(-r / 2.6)  # noqa: E731
    cdf = lambda r: (mass(r) - mass(2.0)) / (mass(16.0) - mass(2.0))  # noqa: E731
    assert stats.kstest(R, cdf).pvalue > 0.001
    assert stats.kstest(phi, stats.uniform(-180, 360).cdf).pvalue > 0.001
    assert stats.kstest(Z, stats.laplace(scale=0.3).cdf).pvalue > 0.001


@pytest.mark.parametrize(
    ("radius", "R_min", "R_max"),
    [
        (0.05, 2.0, 16.0),
        (1.0, 2.0, 16.0),
        (5.0, 2.0, 16.0),
        (5.0, 2.0, 3.21),
        (5.0, 13.1, 16.0),
        (8.2, 2, 16),
        (9, 2, 16),
    ],
)
def test_stars_lie_about_the_sun_and_nowhere_else(radius, R_min, R_max):
    """Numbers in R against the area of the circle at R times exp(-R/h), by quadrature."""
    galaxy = model(radius_kpc=radius, R_min_kpc=R_min, R_max_kpc=R_max, spirals=[])
    R, phi, _ = draw_positions(galaxy, N, np.random.default_rng(6))
    X, Y = cartesian_position(R, phi)
    assert np.hypot(X + 8.2, Y).max() <= radius
    assert np.hypot(X + 8.2, Y).max() > 0.99 * radius
    assert R.min() >= max(R_min, 8.2 - radius)
    assert R.max() <= min(R_max, 8.2 + radius)
    edges = np.linspace(*galaxy.radial_range(), 40_001)
    r = 0.5 * (edges[1:] + edges[:-1])
    half = np.arccos(np.clip((r**2 + 8.2**2 - radius**2) / (2 * r * 8.2), -1, 1))
    expected = (2 * half * r * np.exp(-r / 2.6)).reshape(40, -1).sum(axis=1)
    expected *= N / expected.sum()
    counts = np.histogram(R, edges[::1000])[0]
    full = expected > 20
    assert stats.chi2.sf(np.sum((counts - expected)[full] ** 2 / expected[full]), full.sum() - 1) > 0.001
    assert stats.binomtest(int(np.sum(Y > 0)), N).pvalue > 0.001


def test_a_series_is_exact_without_and_with_dispersion():
    """Means equal the polynomial written out, to 1e-10; without dispersion so do the stars; the fit returns it."""
    series = whole_series()
    V = series["coefficients"]
    cold = model(
        sigma_R_kms=0.0, sigma_R_floor_kms=0.0, sigma_Z_kms=0.0, sigma_Z_floor_kms=0.0, taylor=series, radius_kpc=1.5
    )
    stars = draw(cold, 20_000)
    R, phi, z = (stars[name] for name in ("R_kpc", "phi_deg", "Z_kpc"))
    dR, s = R - 8.0, 8.0 * np.radians(phi + 5.0)
    terms = [np.ones(R.size), dR, s, z, dR**2 / 2, s**2 / 2, z**2 / 2, dR * s, dR * z, s * z]
    means = cold.mean_velocity(stars["X_kpc"], stars["Y_kpc"], z)
    for component, mean in zip(COMPONENTS, means, strict=True):
        expected = sum(V[coefficient_column(component, t, 2)] * x for t, x in zip(TERMS, terms, strict=True))
        np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(stars[f"{component}_kms"], expected, rtol=0, atol=1e-10)
    positions = np.stack([stars["X_kpc"], stars["Y_kpc"], z], axis=1)
    velocities = np.stack([stars[f"{c}_kms"] for c in COMPONENTS], axis=1)
    X, Y = cartesian_position(np.array([8.0]), np.array([-5.0]))
    fit = fit_nodes(sort_cells(positions, velocities, None, 0.8), X, Y, 100).quadratic
    truth = [[V[coefficient_column(c, t, 2)] for t in TERMS] for c in COMPONENTS]
    np.testing.assert_allclose(fit.coefficients[0], truth, rtol=0, atol=1e-9)
    # a warm disc has the same means
    warm = model(taylor=series, radius_kpc=1.5).mean_velocity(stars["X_kpc"], stars["Y_kpc"], z)
    assert all(np.array_equal(a, b) for a, b in zip(warm, means, strict=True))


def test_a_series_replaces_its_own_component_only():
    here = (np.array([7.0, 9.0]), np.array([10.0, -10.0]), np.array([0.1, -0.2]))
    plain = model().mean_velocity_cylindrical(*here)
    series = {"R_node_kpc": 8.0, "phi_node_deg": 0.0, "coefficients": {"v_Z_Z_kms_kpc": 3.0}}
    v_R, v_phi, v_Z = model(taylor=series).mean_velocity_cylindrical(*here)
    assert np.array_equal(v_R, plain[0])
    assert np.array_equal(v_phi, plain[1])
    np.testing.assert_allclose(v_Z, 3.0 * here[2], rtol=1e-15)


def test_the_angle_of_a_series_is_wrapped():
    series = TaylorField(8.0, 175.0, {"v_R_phi_kms_kpc": 1.0})
    value = series.mean("v_R", np.array([8.0, 8.0]), np.array([-175.0, 165.0]), np.zeros(2))
    np.testing.assert_allclose(value, 8.0 * np.radians([10.0, -10.0]), rtol=1e-12)


@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.4])
def test_rotation_solves_the_jeans_equation(slope):
    """d(nu sigma_R^2)/dR / nu + (sigma_R^2 - sigma_phi^2 - v_phi^2)/R + v_c^2/R = 0, the gradient by differences."""
    galaxy = model(v_c_slope=slope, spirals=[])
    R, step = np.linspace(4, 15, 30), 1e-4
    pressure = lambda r: np.exp(-r / 2.6) * galaxy.dispersion(r)[0] ** 2  # noqa: E731
    gradient = (pressure(R + step) - pressure(R - step)) / (2 * step) / np.exp(-R / 2.6)
    sigma_R, sigma_phi, _ = galaxy.dispersion(R)
    balance = gradient + (sigma_R**2 - sigma_phi**2 - galaxy.jeans_v_phi(R) ** 2 + galaxy.circular_speed(R) ** 2) / R
    assert np.abs(balance).max() < 1e-5 * (230.0**2 / R).max()
    # epicycles: sigma_phi / sigma_R = kappa / (2 Omega), kappa^2 = R d(Omega^2)/dR + 4 Omega^2
    Omega2 = lambda r: (galaxy.circular_speed(r) / r) ** 2  # noqa: E731
    kappa2 = R * (Omega2(R + step) - Omega2(R - step)) / (2 * step) + 4 * Omega2(R)
    np.testing.assert_allclose(sigma_phi / sigma_R, np.sqrt(kappa2 / Omega2(R)) / 2, rtol=1e-6)


def test_drawn_stars_obey_the_jeans_equation():
    """Density and dispersion measured from the stars in rings; their gradient by a straight line over five rings."""
    galaxy = model(radius_kpc=None, R_min_kpc=4.0, R_max_kpc=12.0, spirals=[])
    stars = draw(galaxy, 4 * N)
    edges = np.linspace(4, 12, 33)
    ring = np.digitize(stars["R_kpc"], edges) - 1
    n = np.bincount(ring, minlength=32)
    R = np.bincount(ring, stars["R_kpc"]) / n
    variance = [
        np.bincount(ring, (stars[f"v_{c}_kms"] - np.bincount(ring, stars[f"v_{c}_kms"])[ring] / n[ring]) ** 2) / n
        for c in ("R", "phi")
    ]
    rotation = np.bincount(ring, stars["v_phi_kms"]) / n
    log_pressure = np.log(n / (edges[1:] ** 2 - edges[:-1] ** 2) * variance[0])
    error = np.sqrt(1 / n + 2 / n)  # of the logarithms of number and variance
    for i in range(2, 30, 5):
        part = slice(i - 2, i + 3)
        slope, covariance = np.polyfit(np.log(R[part]), log_pressure[part], 1, w=1 / error[part], cov="unscaled")
        predicted = 230.0**2 - variance[1][i] + variance[0][i] * (1 + slope[0])
        scatter = np.hypot(variance[0][i] * np.sqrt(covariance[0, 0]), 2 * rotation[i] * np.sqrt(variance[1][i] / n[i]))
        assert abs(rotation[i] ** 2 - predicted) < 4 * scatter
        assert 230.0**2 - predicted > 8 * scatter  # the drift itself is seen


def test_oort_constants_of_rotation_curves():
    """A cold disc: A = (1 - slope) Omega/2, B = -(1 + slope) Omega/2, C = K = 0."""
    R, phi = np.array([4.0, 8.2, 12.0]), np.array([-30.0, 0.0, 100.0])
    for slope in (-0.5, 0.0, 0.2, 1.0):
        cold = model(sigma_R_kms=0.0, sigma_R_floor_kms=0.0, v_c_slope=slope, spirals=[])
        oort = cold.oort_constants(R, phi)
        Omega = 230.0 * (R / 8.2) ** slope / R
        np.testing.assert_allclose(oort.A, (1 - slope) * Omega / 2, rtol=0, atol=1e-9)
        np.testing.assert_allclose(oort.B, -(1 + slope) * Omega / 2, rtol=0, atol=1e-9)
        np.testing.assert_allclose([oort.C, oort.K], 0, atol=1e-9)


def test_oort_constants_of_a_series_are_its_coefficients():
    series = whole_series()
    V = series["coefficients"]
    oort = model(taylor=series, radius_kpc=1.5).oort_constants(8.0, -5.0)
    u, v = ([V[coefficient_column(c, t, 2)] for t in ("0", "R", "phi")] for c in ("v_R", "v_phi"))
    twice = [v[0] / 8 - v[1] - u[2], -v[0] / 8 - v[1] + u[2], -u[0] / 8 + u[1] - v[2], u[0] / 8 + u[1] + v[2]]
    np.testing.assert_allclose(oort, np.array(twice) / 2, rtol=0, atol=1e-9)


def test_oort_constants_are_shear_rotation_and_divergence_of_the_velocity_field():
    """At the Sun's azimuth X = -R, so radial is -X: from differences of v_X, v_Y over X, Y."""
    galaxy, h = model(), 1e-3
    X, Y = np.array([-6.0, -8.2, -11.0]), np.zeros(3)

    def velocity(x, y):
        phi = cylindrical_position(x, y)[1]
        return np.stack(cartesian_velocity(phi, *galaxy.mean_velocity(x, y, np.zeros(3))[:2]))

    along_X = (velocity(X + h, Y) - velocity(X - h, Y)) / (2 * h)
    along_Y = (velocity(X, Y + h) - velocity(X, Y - h)) / (2 * h)
    oort = galaxy.oort_constants(-X, Y)
    np.testing.assert_allclose(2 * oort.K, along_X[0] + along_Y[1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(2 * oort.C, along_X[0] - along_Y[1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(2 * oort.A, along_Y[0] + along_X[1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(2 * oort.B, along_X[1] - along_Y[0], rtol=0, atol=1e-4)
    assert np.abs(oort.K).min() > 0.05  # the spiral is felt


def test_derivatives_of_the_oort_constants_are_converged(monkeypatch):
    """Half the step changes nothing; along phi against the exact derivative, m times a quarter turn of the phase."""
    R, phi = np.linspace(4, 12, 81), np.linspace(-40, 40, 81)
    galaxy = model()
    oort = galaxy.oort_constants(R, phi)
    monkeypatch.setattr("discatlas.simulation.mean_field.STENCIL_KPC", 0.002)
    np.testing.assert_allclose(galaxy.oort_constants(R, phi), oort, rtol=0, atol=1e-9)
    spiral, frequencies = galaxy.spirals[0], galaxy.frequencies(R)
    turned = spiral_response(spiral, R, phi + 90.0 / spiral.m, *frequencies, 0.05).v_phi_kms
    here = spiral_response(spiral, R, phi, *frequencies, 0.05).v_R_kms
    np.testing.assert_allclose(oort.K - oort.C, (here + spiral.m * turned) / R, rtol=0, atol=1e-9)


def test_superposed_spirals_add():
    R, phi, Z = np.linspace(5, 12, 8), 20.0, 0.0
    other = SPIRAL | {"m": 3, "pattern_speed_kms_kpc": 16.4}
    none, first, second, both = (
        model(spirals=s).mean_velocity_cylindrical(R, phi, Z) for s in ([], [SPIRAL], [other], [SPIRAL, other])
    )
    for c in range(2):
        np.testing.assert_allclose(both[c] - none[c], first[c] + second[c] - 2 * none[c], rtol=0, atol=1e-11)


def test_the_same_stream_draws_the_same_stars_and_chunks_are_numbered_on():
    galaxy = model()
    one, same, other = draw(galaxy, 1000), draw(galaxy, 1000), draw(galaxy, 1000, "1000")
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.any(one["X_kpc"] == other["X_kpc"])
    later = simulate_mean_field(galaxy, 10, np.random.default_rng(1), 5000)
    assert np.array_equal(later["particle"], np.arange(5000, 5010))
    assert later["particle"].dtype == np.int64
    assert all(values.shape == (0,) for values in draw(galaxy, 0).values())


def test_the_wave_does_not_move_the_stars_or_their_deviates():
    """Two galaxies that differ in the mean field alone hold the same stars, displaced in velocity by the difference."""
    plain, wavy = draw(model(spirals=[]), 2000), draw(model(), 2000)
    assert np.array_equal(plain["X_kpc"], wavy["X_kpc"])
    here = (plain["R_kpc"], plain["phi_deg"], plain["Z_kpc"])
    difference = model().mean_velocity_cylindrical(*here)[0]
    np.testing.assert_allclose(wavy["v_R_kms"] - plain["v_R_kms"], difference, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"sigma_R_kms": -1.0}, "sigma_R_kms -1.0, expected 0 or more"),
        ({"sigma_Z_floor_kms": -1.0}, "sigma_Z_floor_kms -1.0"),
        ({"sigma_R_floor_kms": 50.0}, "floor no higher than the dispersion"),
        ({"sigma_R_kms": 160.0}, "asymmetric drift exceeds the rotation"),
        ({"R_min_kpc": 14.0}, "no place for stars within radius_kpc 5.0"),
        ({"R_min_kpc": 17.0, "radius_kpc": None}, "no place for stars;"),
        ({"R_min_kpc": 12.0, "scale_length_kpc": 0.4}, "a share of 3e-12 of the disc"),
        ({"R_min_kpc": 0.0}, "R_min_kpc 0.0, expected more than 0"),
        ({"radius_kpc": 0.0}, "radius_kpc 0.0"),
        ({"v_c_slope": 1.5}, "v_c_slope 1.5"),
        ({"v_c_kms": "fast"}, "v_c_kms 'fast', expected a finite number"),
        ({"R0_kpc": float("inf")}, "R0_kpc inf"),
        ({"age_min_Gyr": 10.0}, "age range"),
        ({"kind": "orbits"}, "kind 'orbits'"),
        ({"spirals": [SPIRAL, SPIRAL | {"m": -2}]}, r"spirals\[1\]: spiral: got m -2"),
        ({"taylor": {"R_node_kpc": 8.0, "phi_node_deg": 0.0}}, "'coefficients' is missing"),
        ({"taylor": whole_series() | {"node": 1}}, "unknown key 'node'"),
        (
            {"taylor": {"R_node_kpc": 8.0, "phi_node_deg": 0.0, "coefficients": {"v_R_RP_kms_kpc2": 1.0}}},
            r"unknown coefficient 'v_R_RP_kms_kpc2' \(nearest: 'v_R_",
        ),
        (
            {"taylor": {"R_node_kpc": 8.0, "phi_node_deg": 0.0, "coefficients": {"v_phi_R_kms_kpc": -20.0}}},
            "expected\nfinite values and v_phi > 0",
        ),
        ({"spirals": [SPIRAL | {"surface_density_msun_kpc2": 1e9}]}, "the mean velocity at R = "),
    ],
)
def test_impossible_galaxies_are_refused(changes, match):
    with pytest.raises(DiscatlasError, match=match):
        model(**changes)


def test_a_missing_key_is_named_with_what_was_written_instead():
    entry = {key: value for key, value in ENTRY.items() if key != "taylor"} | {"tailor": None}
    with pytest.raises(DiscatlasError, match=r"key 'taylor' is missing \(nearest: 'tailor'\)"):
        MeanFieldModel.from_config(entry)
