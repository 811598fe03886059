"""Resonant lines: frequencies of the isochrone, agreement for round orbits, their ends, and one curve in actions for all radii."""

import numpy as np
import pytest
from made_potential import plane_columns

from discatlas.bar_spirals.resonant_lines import exact_line, orbital_frequencies, resonance_radius, resonant_line
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.potential_nodes import radial_nodes
from discatlas.errors import DiscatlasError

GM, B = 8e5, 3.0
SPEED = 37.0


@pytest.fixture(scope="module")
def plane():
    return PlaneProfile.from_columns(plane_columns(800))


def isochrone():
    """Henon's isochrone, whose frequencies are known for every orbit."""
    R = radial_nodes(1000, 0.01, 400.0)
    a = np.sqrt(B**2 + R**2)
    force = GM * R / (a * (B + a) ** 2)
    slope = GM * (1 / (a * (B + a) ** 2) - R**2 * (B + 3 * a) / (a**3 * (B + a) ** 3))
    Omega, kappa = np.sqrt(force / R), np.sqrt(slope + 3 * force / R)
    return PlaneProfile(R, -GM / (B + a), force, Omega, kappa, Omega)


def test_frequencies_of_the_isochrone():
    """Omega_R = (-2 E)^1.5 / GM, Omega_phi = Omega_R (1 + |L| / sqrt(L^2 + 4 GM b)) / 2; the sign is that of v_phi."""
    R, v_R, v_phi = (
        np.array([8, 8, 2, 5, 12, 8.0]),
        np.array([0, 60, -90, 1, 150, 0]),
        np.array([230, 200, 100, 40, 90, -180.0]),
    )
    E = 0.5 * (v_R**2 + v_phi**2) - GM / (B + np.sqrt(B**2 + R**2))
    L = R * v_phi
    Omega_R = (-2 * E) ** 1.5 / GM
    Omega_phi = np.sign(L) * Omega_R * 0.5 * (1 + np.abs(L) / np.sqrt(L**2 + 4 * GM * B))
    found = orbital_frequencies(isochrone(), R, v_R, v_phi)
    np.testing.assert_allclose(found, [Omega_R, Omega_phi], rtol=2e-6)


def test_frequencies_are_unknown_for_orbits_that_leave_the_table(plane):
    assert np.isnan(orbital_frequencies(plane, 10.0, 900.0, 200.0)).all()


def test_frequencies_of_round_orbits_are_those_of_the_plane(plane):
    R = np.array([5.0, 8.0, 12.0])
    Omega, kappa, _ = plane.frequencies(R)
    found = orbital_frequencies(plane, R, 1.0, R * Omega)
    np.testing.assert_allclose(found, [kappa, Omega], rtol=2e-4)


@pytest.mark.parametrize(("l", "m"), [(0, 1), (1, 6), (1, 4), (1, 2), (1, 1)])
def test_round_orbits_on_a_line_are_in_resonance(plane, l, m):  # noqa: E741
    """Near the resonance's own radius formula and frequencies agree, the better the rounder the orbits."""
    radius = resonance_radius(plane, SPEED, l, m)
    errors = []
    for off in (0.02, 0.01):
        R, v_R = radius * (1 - off), np.array([-200 * off, 0.0, 200 * off])
        v_phi = resonant_line(plane, R, v_R, SPEED, l, m)
        Omega_R, Omega_phi = orbital_frequencies(plane, R, v_R, v_phi)
        errors.append(np.abs(l * Omega_R + m * (Omega_phi - SPEED)) / (m * SPEED))
        limits = v_phi.min() - 20, v_phi.max() + 20
        assert np.abs(exact_line(plane, R, v_R, SPEED, l, m, limits) - v_phi).max() < 3 * off
    assert errors[0].max() < 2e-3
    assert (errors[1] < 0.4 * errors[0] + 2e-5).all()


def test_a_line_is_even_in_v_R_and_ends_where_its_energy_does(plane):
    """At x = R / R_res the end is v_R^2 = (x v_c)^2 (2 x^(-2 / gamma) - 1); farther out than x^(2 / gamma) = 2 there is no line."""
    radius, R = resonance_radius(plane, SPEED, 0, 1), 8.275
    Omega, kappa, _ = (float(f) for f in plane.frequencies(radius))
    gamma, x = 2 * Omega / kappa, R / radius
    end = x * radius * Omega * np.sqrt(2 * x ** (-2 / gamma) - 1)
    v_R = np.array([-end * 1.001, -end * 0.999, -50, 50, end * 0.999, end * 1.001])
    line = resonant_line(plane, R, v_R, SPEED, 0, 1)
    np.testing.assert_array_equal(np.isfinite(line), [False, True, True, True, True, False])
    np.testing.assert_allclose(line, line[::-1])
    assert line[1] < 0.1 * line[2]
    assert np.isfinite(resonant_line(plane, 0.99 * radius * 2 ** (gamma / 2), [0.0], SPEED, 0, 1)).all()
    assert np.isnan(resonant_line(plane, 1.01 * radius * 2 ** (gamma / 2), [0.0], SPEED, 0, 1)).all()


def test_exact_lines_of_all_radii_are_one_curve_in_actions(plane):
    v_R, curves = np.linspace(0.0, 90.0, 31), []
    for R in (8.0, 8.4):
        v_phi = exact_line(plane, R, v_R, SPEED, 1, 4, (100.0, 360.0))
        np.testing.assert_array_equal(v_phi, exact_line(plane, R, -v_R, SPEED, 1, 4, (100.0, 360.0)))
        curves.append((radial_action(R, v_R, v_phi, plane), R * v_phi))
    (J, L), (J_other, L_other) = curves
    common = np.abs(J - J_other[[0, -1]].mean()) < np.ptp(J_other) / 2
    assert common.sum() > 20
    np.testing.assert_allclose(np.interp(J[common], J_other, L_other), L[common], atol=0.5)
    assert np.ptp(L[common]) > 50


def test_an_exact_line_that_leaves_the_range_is_unknown(plane):
    assert np.isnan(exact_line(plane, 8.275, [0.0], SPEED, 1, 2, (100.0, 150.0))).all()


@pytest.mark.parametrize(("l", "m"), [(0, 1), (1, 6), (1, 2), (-1, 6)])
def test_radii_meet_the_condition_and_lie_on_their_side(plane, l, m):  # noqa: E741
    radius = resonance_radius(plane, SPEED, l, m)
    Omega, kappa, _ = plane.frequencies(radius)
    assert abs(l * kappa + m * (Omega - SPEED)) < 1e-3 * SPEED
    assert np.sign(radius - resonance_radius(plane, SPEED, 0, 1)) == np.sign(l)


def test_a_speed_without_the_resonance_is_named(plane):
    with pytest.raises(DiscatlasError, match=r"l:m = 1:2.*5000.*found 0 radii.*leave it out"):
        resonant_line(plane, 8.0, [0.0], 5000.0, 1, 2)
    with pytest.raises(DiscatlasError, match=r"l:m = -1:2.*15.*found 2 radii"):
        resonant_line(plane, 8.0, [0.0], 15.0, -1, 2)
    with pytest.raises(DiscatlasError, match=r"resonance 1:0: expected whole numbers"):
        resonance_radius(plane, SPEED, 1, 0)
