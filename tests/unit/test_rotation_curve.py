"""Rotation curves: what each of the four returns, errors of overlapping spheres, and the Jeans equation."""

import numpy as np
import pytest
from made_field import draw_cells, field_table, operators

from discatlas.errors import DiscatlasError
from discatlas.velocity_field import rotation

EDGES = np.array([7.5, 8.0, 8.5])
NODES = [(R, phi) for R in (7.6, 7.75, 7.9, 8.1, 8.25, 8.4) for phi in (-12.0, -4.0, 0.0, 4.0, 12.0)]
CURVES = ("axisymmetric", "nonaxisymmetric", "second_order")


def make_cells(v_phi, v_R=lambda R, phi: 0.0, noise=0.0, n=30_000):
    rng = np.random.default_rng(1)
    cells = draw_cells(rng, (6.4, 9.6), 25.0, 0.5, n)
    R, phi, Z = cells["R_kpc"], np.deg2rad(cells["phi_deg"]), cells["Z_kpc"]
    cells["v_phi_kms"] = v_phi(R, Z) + noise * rng.normal(size=n)
    cells["v_R_kms"] = v_R(R, phi) + noise * rng.normal(size=n)
    return cells


@pytest.mark.parametrize("slope", [0.0, 6.0, -9.0])
def test_every_curve_returns_the_rotation_of_an_axisymmetric_disc(slope):
    cells = make_cells(lambda R, _: 230.0 + slope * (R - 8.0))
    curves = rotation.field_curves(field_table(cells, NODES, 1.0), EDGES, 30.0, 1.0)
    expected = 230.0 + slope * np.array([-0.25, 0.25])
    for curve in CURVES:
        np.testing.assert_allclose(curves[f"v_{curve}_kms"], expected, rtol=0, atol=1e-8)
    assert curves["n_nodes"].tolist() == [15, 15]
    number = rotation.bin_numbers(cells["R_kpc"], cells["phi_deg"], EDGES, 30.0)
    mean = rotation.mean_curve(number, cells["v_phi_kms"], 2)
    np.testing.assert_allclose(mean["v_mean_kms"], expected, rtol=0, atol=0.01 * abs(slope) + 1e-9)


def test_a_radial_velocity_that_turns_with_azimuth_deceives_the_axisymmetric_curve_alone():
    turning = 20.0  # dv_R/dphi [km/s per rad]
    cells = make_cells(lambda R, _: 230.0 + 0 * R, lambda R, phi: turning * phi)
    curves = rotation.field_curves(field_table(cells, NODES, 1.0), EDGES, 30.0, 1.0)
    # A - B = v_phi/R - (1/R) dv_R/dphi; over the sphere the arc of one angle changes with R by 12 %
    np.testing.assert_allclose(curves["v_axisymmetric_kms"], 230.0 - turning, rtol=0, atol=0.1)
    np.testing.assert_allclose(curves["v_nonaxisymmetric_kms"], 230.0, rtol=0, atol=1e-8)
    np.testing.assert_allclose(curves["v_second_order_kms"], 230.0, rtol=0, atol=1e-8)


def test_only_the_second_order_curve_is_that_of_the_plane():
    cells = make_cells(lambda R, Z: 230.0 - 0.5 * 50.0 * Z**2 + 0 * R)
    curves = rotation.field_curves(field_table(cells, NODES, 1.0), EDGES, 30.0, 1.0)
    np.testing.assert_allclose(curves["v_second_order_kms"], 230.0, rtol=0, atol=1e-8)
    assert (curves["v_nonaxisymmetric_kms"] < 228.5).all()


def test_the_third_curve_is_the_velocity_of_its_own_fit():
    cells = make_cells(lambda R, Z: 200.0 + R**2 - 30 * Z**2, lambda R, phi: R * np.sin(3 * phi), noise=20.0)
    table = field_table(cells, NODES, 1.0)
    curves = rotation.field_curves(table, EDGES, 30.0, 1.0)
    inner = table["R_kpc"] < 8.0
    own = [table["linear_v_phi_0_kms"][inner].mean(), table["linear_v_phi_0_kms"][~inner].mean()]
    np.testing.assert_allclose(curves["v_nonaxisymmetric_kms"], own, rtol=0, atol=1e-9)


def test_nodes_without_a_trusted_fit_and_outside_the_wedge_are_left_out():
    table = field_table(make_cells(lambda R, _: 230.0 + 0 * R), NODES, 1.0)
    table["quality"][:5] = ["few", "inner", "ill_conditioned", "sparse", "good"]
    table["v_phi_0_kms"][:3] = np.nan
    curves = rotation.field_curves(table, np.append(EDGES, 9.0), 12.0, 1.0)
    assert curves["n_nodes"].tolist() == [7, 9, 0]  # |phi| = 12 is outside |phi| < 12
    assert np.isnan([curves[f"v_{curve}{part}_kms"][2] for curve in CURVES for part in ("", "_error")]).all()


def test_what_two_circles_share():
    """Correlations of level and slope against a brute sum over points of the plane."""
    rng, radius = np.random.default_rng(6), 1.3
    step = 0.005
    x, y = np.meshgrid(*[np.arange(-4, 4, step) + step / 2] * 2)
    for dx, dy in [(0.0, 0.0), (2.6, 0.0), *rng.uniform(-1.6, 1.6, (8, 2))]:
        shared = (np.hypot(x, y) < radius) & (np.hypot(x - dx, y - dy) < radius)
        level, slope = rotation.circle_overlap(np.array([np.hypot(dx, dy)]), np.array([dx]), radius)
        assert level[0] == pytest.approx(shared.sum() * step**2 / (np.pi * radius**2), abs=2e-3)
        product = (x * (x - dx))[shared].sum() * step**2
        assert slope[0] == pytest.approx(product / (np.pi * radius**4 / 4), abs=2e-3)


def effective_number(X, Y, radius):
    nodes = {"X_kpc": X, "Y_kpc": Y, "R_kpc": np.hypot(X, Y), "phi_deg": np.rad2deg(np.arctan2(Y, -X))}
    one, none = np.ones((1, X.size)), np.zeros((1, X.size))
    error, n_effective = rotation.average_errors(nodes, one, none, radius)
    assert error[0] == pytest.approx(n_effective**-0.5)
    return n_effective


def test_effective_number_of_nodes():
    zero, some = np.zeros(5), np.arange(5.0)
    assert effective_number(zero[:1], zero[:1], 1.0) == pytest.approx(1.0)
    assert effective_number(zero, zero, 1.0) == pytest.approx(1.0)
    assert effective_number(2.0 * some, zero, 1.0) == pytest.approx(5.0)
    # two circles of radius 1 whose centres are 1 apart share 2/3 - sqrt(3)/(2 pi) = 0.391 of each
    assert effective_number(some[:2], zero[:2], 1.0) == pytest.approx(4 / (2 + 2 * (2 / 3 - 3**0.5 / 2 / np.pi)))
    # many nodes in a large square: area over that of a circle, plus what the margin adds
    x, y = (a.ravel() for a in np.meshgrid(*[np.arange(0, 20, 0.5)] * 2))
    area = 400 / np.pi
    assert area < effective_number(x, y, 1.0) < 1.1 * area
    # twice as many nodes in the same place are not worth more
    x2, y2 = (a.ravel() for a in np.meshgrid(*[np.arange(0, 20, 0.4)] * 2))
    assert effective_number(x2, y2, 1.0) == pytest.approx(effective_number(x, y, 1.0), rel=0.02)
    # a bin thinner than the spheres counts along its length: on a line the mean shared length is 16/(3 pi) r
    line = np.arange(0, 60, 0.1)
    assert effective_number(line, 0 * line, 1.0) == pytest.approx(60 / (16 / 3 / np.pi), rel=0.02)


@pytest.mark.parametrize(("phi_max", "n_phi"), [(4.0, 5), (28.0, 29), (28.0, 15)])
def test_errors_of_averages_over_overlapping_spheres_hold(phi_max, n_phi):
    """The exact error of the mean over nodes, from the linear fits themselves, against the predicted one.

    With few nodes the mean of their slopes, which are anticorrelated, is better than that of as many independent ones.
    """
    rng, radius, n = np.random.default_rng(2), 1.0, 30_000
    cells = draw_cells(rng, (6.4, 9.1), phi_max + 12.0, 0.5, n)
    places = [(R, phi) for R in (7.5, 7.75, 8.0) for phi in np.linspace(-phi_max, phi_max, n_phi)]
    R, phi = np.array(places).T
    nodes = {"X_kpc": -R * np.cos(np.deg2rad(phi)), "Y_kpc": R * np.sin(np.deg2rad(phi)), "R_kpc": R, "phi_deg": phi}
    level, slope, weights = np.zeros((3, R.size)), np.zeros((3, R.size)), np.zeros((3, 2, n))
    for i, place in enumerate(places):
        rows, ((_, linear, cofactor), (_, quadratic, cofactor_2)) = operators(cells, *place, radius)
        level[:, i] = np.sqrt([cofactor[0, 0], cofactor[0, 0], cofactor_2[0, 0]])
        slope[0, i] = R[i] * np.sqrt(cofactor[2, 2])
        weights[0, 0, rows] -= R[i] * linear[2]
        weights[:, 1, rows] += np.stack([linear[0], linear[0], quadratic[0]])
    true = np.sqrt(np.sum((weights / R.size) ** 2, axis=(1, 2)))
    errors, n_effective = rotation.average_errors(nodes, level, slope, radius)
    ratio = errors / true
    assert (ratio > 0.9).all()
    assert (ratio[:2] < 1.1).all()
    assert ratio[2] < 1.5
    naive = np.sqrt(np.mean(level[1] ** 2) / R.size) / true[1]
    assert naive < 0.5
    assert 1 < n_effective < n_phi / 2


def test_plain_mean_and_its_error():
    number, v = np.array([0, 0, 0, 2, -1]), np.array([10.0, 12.0, 14.0, 5.0, 1000.0])
    mean = rotation.mean_curve(number, v, 3)
    assert mean["n_cells"].tolist() == [3, 0, 1]
    np.testing.assert_allclose(mean["v_mean_kms"], [12.0, np.nan, 5.0])
    np.testing.assert_allclose(mean["v_mean_error_kms"], [2.0 / 3**0.5, np.nan, np.nan])


def test_bins_hold_their_edges_and_refuse_nonsense():
    edges = rotation.bin_edges([4.0, 18.0], 0.1)
    assert edges.size == 141
    assert edges[[0, -1]] == pytest.approx([4.0, 18.0])
    number = rotation.bin_numbers(np.array([3.99, 4.0, 8.0, 18.0, 5.0]), np.array([0, 0, 29.9, 0, 30.0]), edges, 30.0)
    assert number.tolist() == [-1, 0, 40, -1, -1]
    for limits, step in (([4.0, 18.0], 0.3), ([4.0, 4.0], 0.1), ([-1.0, 4.0], 1.0), ([4.0, 18.0], 0.0)):
        with pytest.raises(DiscatlasError, match="R_step_kpc"):
            rotation.bin_edges(limits, step)
    with pytest.raises(DiscatlasError, match="density_scale_kpc 0 "):
        rotation.drift_factor(np.array([8.0]), 0.0, 20.0)


def stationary_stars(rng, n, v_c=235.0, sigma=38.0, R=8.0, density_scale=2.6, error=15.0):
    """Stars at R of the exact equilibrium f = L_z^q exp(-E / sigma^2) in the potential v_c^2 ln R.

    There v_R is Gaussian, v_phi^q exp(-v_phi^2 / 2 sigma^2) a chi distribution, sigma is constant and the density a
    power R^(q - v_c^2/sigma^2), whose slope at R is that of an exponential of the given scale.
    """
    q = v_c**2 / sigma**2 - R / density_scale
    v_R, v_phi = sigma * rng.normal(size=n), sigma * np.sqrt(rng.chisquare(q + 1, n))
    errors = error * rng.uniform(0.3, 1.7, (2, n))
    v_R, v_phi = np.array([v_R, v_phi]) + errors * rng.normal(size=(2, n))
    return {"v_R_kms": v_R, "v_phi_kms": v_phi, "v_R_error_kms": errors[0], "v_phi_error_kms": errors[1]}


def test_the_jeans_equation_gives_the_circular_velocity_of_an_exact_equilibrium():
    factor = rotation.drift_factor(np.array([8.0]), 2.6, np.inf)
    stars = stationary_stars(np.random.default_rng(3), 400_000)
    curve = rotation.jeans_curve(np.zeros(400_000, dtype=np.int64), stars, np.array([7.9, 8.1]), factor)
    assert curve["v_c_kms"][0] == pytest.approx(235.0, abs=4 * curve["v_c_error_kms"][0])
    assert curve["v_c_error_kms"][0] < 0.15
    assert curve["sigma_v_R_kms"][0] == pytest.approx(38.0, abs=0.3)
    assert curve["v_stars_kms"][0] < 229.5  # the drift that was corrected
    assert curve["n_stars"].tolist() == [400_000]


def test_errors_of_the_circular_velocity_are_calibrated():
    rng, factor, pulls = np.random.default_rng(4), rotation.drift_factor(np.array([8.0]), 2.6, np.inf), []
    for _ in range(300):
        curve = rotation.jeans_curve(np.zeros(400, dtype=np.int64), stationary_stars(rng, 400), EDGES[:2], factor)
        pulls.append((curve["v_c_kms"][0] - 235.0) / curve["v_c_error_kms"][0])
    assert 0.60 < np.mean(np.abs(pulls) < 1) < 0.76  # binomial 99.7 % about 0.683
    assert abs(np.mean(pulls)) < 0.2


def test_the_drift_knows_the_fall_of_density_and_dispersion():
    R = np.array([4.0, 8.0, 12.0])
    np.testing.assert_allclose(rotation.drift_factor(R, 3.0, 21.0), 1 - R / 3 - 2 * R / 21)
    estimate = rotation.Estimate(220.0, 0.0, 25.0, 25.0, 25.0), rotation.Estimate(0.0, 0.0, 36.0, 36.0, 36.0)
    v_c, error = rotation.circular_velocity(*estimate, -2.0)
    assert v_c == pytest.approx(np.sqrt(220**2 + 25**2 + 2 * 36**2))
    assert error == 0.0
    assert np.isnan(rotation.circular_velocity(*estimate, 100.0)).all()


def test_bins_of_few_stars_have_no_dispersion():
    stars = stationary_stars(np.random.default_rng(5), 25)
    number = np.array([1] * 6 + [0] * 19)
    curve = rotation.jeans_curve(number, stars, EDGES, np.array([-3.0, -3.0]))
    assert curve["n_stars"].tolist() == [19, 6]
    assert np.isnan(curve["v_c_kms"]).all()
