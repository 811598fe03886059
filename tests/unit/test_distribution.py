"""The table of radial actions, the distribution function of equilibrium, velocity grids and medians."""

import numpy as np
import pytest
from backward_models import DISTRIBUTION, drawn_orbits, model
from khalil2025 import J_R, MODEL
from orbit_models import exact_plane, khalil_plane

from discatlas.dynamics.action_table import RadialActionTable
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.distribution import DistributionFunction
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.medians import sample_median, weighted_median
from discatlas.dynamics.potential_nodes import radial_nodes
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError


def isochrone(R, GM=8e5, b=3.0):
    """Potential and force of Henon's isochrone."""
    a = np.sqrt(b**2 + R**2)
    return -GM / (b + a), GM * R / (a * (b + a) ** 2)


def isochrone_plane():
    """With its epicyclic frequency: kappa^2 = R dOmega^2/dR + 4 Omega^2."""
    R = radial_nodes(1000, 0.01, 400.0)
    potential, force = isochrone(R)
    a = np.sqrt(9.0 + R**2)
    Omega_squared = force / R
    slope = -Omega_squared * (1 / a**2 + 2 / (a * (3.0 + a)))  # dOmega^2 / (R dR)
    Omega, kappa = np.sqrt(Omega_squared), np.sqrt(R**2 * slope + 4 * Omega_squared)
    return PlaneProfile(R, potential, force, Omega, kappa, Omega)


def test_radial_action_of_the_isochrone():
    """J_R = GM / sqrt(-2 E) - (|L| + sqrt(L^2 + 4 GM b)) / 2, for round and for plunging orbits, of either sense."""
    plane = isochrone_plane()
    R, v_R, v_phi = (
        np.array([8, 8, 2, 5, 12, 8, 8.0]),
        np.array([0, 60, -90, 1, 150, 0, -40]),
        np.array([230, 200, 100, 20, 90, -180, -5.0]),
    )
    E, L = isochrone(R)[0] + 0.5 * (v_R**2 + v_phi**2), np.abs(R * v_phi)
    expected = 8e5 / np.sqrt(-2 * E) - 0.5 * (L + np.sqrt(L**2 + 4 * 8e5 * 3))
    np.testing.assert_allclose(radial_action(R, v_R, v_phi, plane), expected, rtol=1e-5)
    np.testing.assert_allclose(RadialActionTable.build(plane).radial_action(R, v_R, v_phi), expected, rtol=1e-4)


@pytest.fixture(scope="module")
def actions():
    return RadialActionTable.build(khalil_plane())


def test_the_reference_radial_actions(actions):
    """They have AGAMA's potential, which differs by 2e-4 in v_c; the first is of an orbit near its apocentre."""
    for found in (radial_action(*J_R[:, :3].T, khalil_plane()), actions.radial_action(*J_R[:, :3].T)):
        np.testing.assert_allclose(found, J_R[:, 3], rtol=1e-3)


def test_the_reference_radial_actions_in_their_own_potential():
    pytest.importorskip("agama", reason="AGAMA is not installed; its radial actions are compared wherever it is")
    R = khalil_plane().R_kpc
    plane = PlaneProfile(R, *open_engine("agama", MODEL).plane(R))
    np.testing.assert_allclose(radial_action(*J_R[:, :3].T, plane), J_R[:, 3], rtol=2e-5)
    np.testing.assert_allclose(RadialActionTable.build(plane).radial_action(*J_R[:, :3].T), J_R[:, 3], rtol=1e-4)


def test_the_table_interpolates_to_1e_5(actions):
    """From circles (J_R of 1e-6) to orbits through the inner kiloparsec."""
    R, _, v_R, v_phi = drawn_orbits(3000)
    v_R[:500], v_phi[500:1500] = v_R[:500] * 1e-2, np.linspace(40, 330, 1000)
    v_phi[:100] = khalil_plane().circular_velocity(R[:100])
    v_R[:100] *= 1e-2
    exact = radial_action(R, v_R, v_phi, khalil_plane())
    np.testing.assert_allclose(actions.radial_action(R, v_R, v_phi), exact, rtol=1e-5, atol=1e-4)
    assert np.quantile(np.abs(actions.radial_action(R, v_R, v_phi) / exact - 1)[100:], 0.99) < 1e-6


@pytest.mark.parametrize("as_table", [False, True])
def test_radial_action_is_zero_on_circles_and_unknown_beyond_the_table(as_table):
    plane = exact_plane()
    table = RadialActionTable.build(plane)

    def action(*place):
        return table.radial_action(*place) if as_table else radial_action(*place, plane)

    v_c = float(plane.circular_velocity(10.0))
    assert action(10.0, 0.0, v_c) < 1e-3
    assert np.isnan(action(10.0, 500.0, 400.0))
    assert action([[8.0], [9.0]], 0.0, [200.0, 210.0, 220.0]).shape == (2, 3)


def test_the_tabulated_distribution_is_the_formula(actions):
    """Component by component as SCIENCE has it."""
    R, _, v_R, v_phi = drawn_orbits(2000)
    made, plane = model(), khalil_plane()
    L, J = R * v_phi, actions.radial_action(R, v_R, v_phi)
    R_guide = plane.guiding_radius(L)
    Omega, kappa, _ = plane.frequencies(R_guide)
    expected = 0.0
    for sigma_0, weight in ((30.0, 1.0), (55.0, 0.05)):
        squared = (sigma_0 * np.exp(-(R_guide - 8.275) / 10)) ** 2
        expected = expected + weight * Omega / (kappa * squared) * np.exp(-R_guide / 2.4 - J * kappa / squared)
    np.testing.assert_allclose(made.equilibrium_tables.density(R, v_R, v_phi), expected, rtol=1e-3)
    np.testing.assert_allclose(made.distribution.of_actions(L, J, plane), expected, rtol=1e-12)


def test_the_distribution_is_zero_for_stars_that_do_not_rotate_or_are_not_bound():
    tables, made = model().equilibrium_tables, model()
    R, v_R, v_phi = np.full(4, 8.0), np.array([0.0, 0, 0, 900]), np.array([0.0, -220, 1000, 220])
    np.testing.assert_array_equal(tables.density(R, v_R, v_phi), 0.0)
    np.testing.assert_array_equal(
        made.distribution.of_actions([-1700.0, 0.0, 1700.0], [1.0, 1.0, np.nan], made.plane), 0.0
    )


def test_tables_are_made_once_for_a_potential_and_a_distribution():
    made = model()
    assert made.equilibrium().equilibrium_tables is made.equilibrium_tables
    other = model(distribution=DISTRIBUTION | {"scale_length_kpc": 3.0}).equilibrium_tables
    assert other is not made.equilibrium_tables
    assert other.actions is made.equilibrium_tables.actions


@pytest.mark.parametrize(
    "change", [{"components": []}, {"sigma_scale_kpc": 0.0}, {"components": [{"sigma_R_kms": 0.0, "weight": 1.0}]}]
)
def test_distributions_that_cannot_be(change):
    with pytest.raises(DiscatlasError, match="expected scales and dispersions above 0"):
        DistributionFunction.from_config(DISTRIBUTION | change)


def test_median_of_an_even_density_is_its_middle():
    """The density is constant in each bin, so the median lies within the bins, too."""
    centres = np.arange(-5.0, 6, 2)
    np.testing.assert_allclose(weighted_median(np.ones(6), centres), 0.0, atol=1e-12)
    np.testing.assert_allclose(weighted_median([[0, 0, 4, 0, 0, 0], [2, 0, 0, 0, 0, 0.0]], centres), [-1, -5])
    assert weighted_median([0, 3, 1, 0, 0, 0.0], centres) == pytest.approx(-4 + 2 * 2 / 3)
    assert np.isnan(weighted_median(np.zeros(6), centres))


def test_median_of_a_gaussian():
    """It is found to the curvature of the density within a bin."""
    centres = np.arange(-79.0, 80, 2)
    for mean in (0.0, 0.7, -13.2):
        weights = np.exp(-0.5 * ((centres - mean) / 30) ** 2)
        tails = 40 * np.exp(-0.5 * ((80 - abs(mean)) / 30) ** 2)
        assert abs(weighted_median(weights, centres) - mean) < 1e-3 + (tails if mean else 0)
        assert weighted_median(weights, centres, "khalil2025") == pytest.approx(weighted_median(weights, centres) - 1)


def test_median_of_weighted_values():
    values = np.random.default_rng(2).permutation(np.arange(1001.0))
    assert sample_median(values, np.ones(1001)) == pytest.approx(500)
    assert sample_median(values, np.where(values < 100, 1.0, 0.0)) == pytest.approx(49.5)
    assert np.isnan(sample_median(values, np.zeros(1001)))


def test_velocity_grids():
    grid = VelocityGrid.from_config({"v_R_kms": [-79, 79, 2], "v_phi_kms": [110, 330, 4]})
    assert grid.shape == (80, 56)
    assert [values[57] for values in grid.velocities()] == [-77.0, 114.0]
    assert grid.v_phi_kms[-1] == 330.0
    with pytest.raises(DiscatlasError, match="v_R_kms has 1 bins; expected at least 2"):
        VelocityGrid.from_config({"v_R_kms": [0, 0, 2], "v_phi_kms": [110, 330, 4]})
    with pytest.raises(DiscatlasError, match="a whole number of steps above the first"):
        VelocityGrid.from_config({"v_R_kms": [-79, 80, 2], "v_phi_kms": [110, 330, 4]})
    with pytest.raises(DiscatlasError, match="must grow in equal steps"):
        VelocityGrid(np.array([0.0, 1.0, 3.0]), grid.v_phi_kms)
    with pytest.raises(DiscatlasError, match="expected one of unbiased, khalil2025"):
        weighted_median(np.ones(3), np.arange(3.0), "median")
    with pytest.raises(DiscatlasError, match="3 weights for 4 bins"):
        weighted_median(np.ones(3), np.arange(4.0))
