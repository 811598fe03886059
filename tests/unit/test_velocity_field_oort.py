"""Oort's constants of known fields, and their identities with the tensors of the Ogorodnikov-Milne field."""

import numpy as np
import pytest

from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position, cylindrical_velocity
from discatlas.velocity_field.nodes import fit_nodes, sort_cells
from discatlas.velocity_field.oort import (
    TENSORS,
    cartesian_gradient,
    deformation_tensor,
    milne_tensors,
    oort_constants,
    rotation_tensor,
    velocity_gradient,
)

R0, V0 = 8.2, 230.0


def random_linear(n=50):
    rng = np.random.default_rng(4)
    linear = rng.normal(0, 5, (n, 3, 4))
    linear[:, 1, 0] += 230
    return rng.uniform(3, 14, n), rng.uniform(-180, 180, n), linear


@pytest.mark.parametrize("order", ["linear", "quadratic"])
def test_a_flat_rotation_curve_with_a_radial_flow(order):
    """v_phi = V0 gives A = -B = V0 / 2R; v_R = a + b (R - R0) adds (b - a/R)/2 to C and (b + a/R)/2 to K."""
    a, b = -4.0, 1.5
    rng = np.random.default_rng(6)
    positions = rng.uniform(-0.7, 0.7, (800, 3)) + np.array([-R0, 0, 0])
    R, _ = cylindrical_position(positions[:, 0], positions[:, 1])
    velocities = np.stack([a + b * (R - R0), np.full(R.size, V0), np.zeros(R.size)], axis=1)
    fits = fit_nodes(sort_cells(positions, velocities, None, 0.8), np.array([-R0]), np.array([0.0]), 100)
    expansion = getattr(fits, order)
    value, _ = oort_constants(np.array([R0]), expansion.coefficients, expansion.covariance)
    expected = [V0 / R0 / 2, -V0 / R0 / 2, (b - a / R0) / 2, (b + a / R0) / 2]
    np.testing.assert_allclose(value[0], expected, rtol=1e-9)


def test_solid_rotation_has_neither_shear_nor_divergence():
    linear = np.zeros((1, 3, 4))
    linear[0, 1, :2] = 28.0 * 7.0, 28.0
    value, error = oort_constants(np.array([7.0]), linear, np.zeros((1, 3, 4, 4)))
    np.testing.assert_allclose(value[0], [0, -28.0, 0, 0], atol=1e-12)
    assert np.all(error == 0)


def test_errors_are_those_of_the_sums():
    """Propagated by a numerical gradient over all six coefficients, with the covariance within each component."""
    R, _, linear = random_linear(1)
    root = np.random.default_rng(7).normal(size=(1, 3, 4, 4))
    covariance = root @ np.swapaxes(root, 2, 3)
    value, error = oort_constants(R, linear, covariance)
    variance = np.zeros(4)
    for component in (0, 1):
        slopes = np.zeros((4, 4))
        for term in range(4):
            moved = linear.copy()
            moved[0, component, term] += 1.0
            slopes[term] = oort_constants(R, moved, covariance)[0][0] - value[0]
        variance += np.einsum("tk,tu,uk->k", slopes, covariance[0, component], slopes)
    np.testing.assert_allclose(error[0], np.sqrt(variance), rtol=1e-9)


def test_the_gradient_is_that_of_the_cartesian_velocity():
    """Against central differences of the whole linear field in X, Y, Z."""
    R_node, phi_node, linear = random_linear()

    def velocity(X, Y, Z):
        R, phi = cylindrical_position(X, Y)
        s = R_node * np.deg2rad((phi - phi_node + 180) % 360 - 180)
        v = [
            linear[:, c, 0] + linear[:, c, 1] * (R - R_node) + linear[:, c, 2] * s + linear[:, c, 3] * Z
            for c in range(3)
        ]
        return np.stack([*cartesian_velocity(phi, v[0], v[1]), v[2]], axis=1)

    X, Y = cartesian_position(R_node, phi_node)
    here, h = np.stack([X, Y, np.zeros_like(X)]), 1e-4
    slopes = [(velocity(*(here + h * e)) - velocity(*(here - h * e))) / (2 * h) for e in np.eye(3)[:, :, None]]
    gradient = cartesian_gradient(velocity_gradient(R_node, linear), phi_node)
    np.testing.assert_allclose(gradient, np.stack(slopes, axis=2), atol=1e-5)
    back = cylindrical_velocity(X, Y, *velocity(*here).T[:2])
    np.testing.assert_allclose(back, linear[:, :2, 0].T, rtol=1e-12)


def test_oort_constants_are_elements_of_the_tensors():
    """A and C shear, K dilates, B rotates, in the axes (R, phi); trace and spin do not know the axes."""
    R, phi, linear = random_linear()
    A, B, C, K = oort_constants(R, linear, np.zeros((R.size, 3, 4, 4)))[0].T
    gradient = velocity_gradient(R, linear)
    plus, minus = deformation_tensor(gradient), rotation_tensor(gradient)
    np.testing.assert_allclose(plus + minus, gradient)
    np.testing.assert_allclose(-plus[:, 0, 1], A, rtol=1e-10)
    np.testing.assert_allclose(minus[:, 0, 1], B, rtol=1e-10)
    np.testing.assert_allclose((plus[:, 0, 0] - plus[:, 1, 1]) / 2, C, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((plus[:, 0, 0] + plus[:, 1, 1]) / 2, K, rtol=1e-9, atol=1e-12)
    cartesian = cartesian_gradient(gradient, phi)
    np.testing.assert_allclose(np.trace(cartesian, axis1=1, axis2=2), 2 * K + linear[:, 2, 3], rtol=1e-9, atol=1e-10)
    # (X, Y) is right-handed and rotation runs from -X to +Y, which is clockwise
    np.testing.assert_allclose(rotation_tensor(cartesian)[:, 0, 1], -B, rtol=1e-9, atol=1e-10)
    shear = deformation_tensor(cartesian)
    size = np.hypot(shear[:, 0, 1], (shear[:, 0, 0] - shear[:, 1, 1]) / 2)
    np.testing.assert_allclose(size, np.hypot(A, C), rtol=1e-9)


def test_the_columns_of_the_tensors_are_their_elements_with_the_identities():
    R, phi, linear = random_linear()
    root = np.random.default_rng(7).normal(size=(R.size, 3, 4, 4))
    covariance = root @ np.swapaxes(root, 2, 3)
    value, error = milne_tensors(R, phi, linear, covariance)
    named = dict(zip(TENSORS, value.T, strict=True))
    gradient = cartesian_gradient(velocity_gradient(R, linear), phi)
    for half, tensor in (("deformation", deformation_tensor(gradient)), ("rotation", rotation_tensor(gradient))):
        for i, j in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]:
            if half == "deformation" or i != j:
                np.testing.assert_allclose(named[f"{half}_{'XYZ'[i]}{'XYZ'[j]}"], tensor[:, i, j])
    A, B, C, K = oort_constants(R, linear, covariance)[0].T
    angle = 2 * np.deg2rad(phi)
    spin, half = named["rotation_XY"], (named["deformation_XX"] - named["deformation_YY"]) / 2
    np.testing.assert_allclose(spin, -B, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose((named["deformation_XX"] + named["deformation_YY"]) / 2, K, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(named["deformation_ZZ"], linear[:, 2, 3])
    # at the Sun X points inward and Y along phi, so the shear is (A, C); elsewhere it is turned by twice phi
    np.testing.assert_allclose(named["deformation_XY"], A * np.cos(angle) - C * np.sin(angle), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(half, C * np.cos(angle) + A * np.sin(angle), rtol=1e-9, atol=1e-9)
    variance = np.zeros_like(error)
    for component in range(3):
        slopes = np.zeros((4, *value.shape))
        for term in range(4):
            moved = linear.copy()
            moved[:, component, term] += 1.0
            slopes[term] = milne_tensors(R, phi, moved, covariance)[0] - value
        variance += np.einsum("tnk,ntu,unk->nk", slopes, covariance[:, component], slopes)
    np.testing.assert_allclose(error, np.sqrt(variance), rtol=1e-8)


def test_a_change_of_the_suns_velocity_moves_the_field_rigidly():
    """Every star gains the same Cartesian velocity: no gradient but that of the turning axes, so A, B, C, K stay."""
    rng = np.random.default_rng(5)
    phi_node, change = 20.0, np.array([3.0, -5.0, 2.0])
    node = np.array(cartesian_position(np.array([R0]), np.array([phi_node])))
    positions = np.column_stack([rng.uniform(-0.5, 0.5, (900, 2)) + node[:, 0], rng.uniform(-0.5, 0.5, 900)])
    X, Y, _ = positions.T
    _, phi = cylindrical_position(X, Y)
    v_R, v_phi, v_Z = rng.normal([[0.0], [230.0], [0.0]], 15.0, (3, 900))
    v_X, v_Y = cartesian_velocity(phi, v_R, v_phi)
    moved = np.stack([*cylindrical_velocity(X, Y, v_X + change[0], v_Y + change[1]), v_Z + change[2]], axis=1)
    before, after = (
        fit_nodes(sort_cells(positions, v, None, 0.8), *node, 100) for v in (np.stack([v_R, v_phi, v_Z], axis=1), moved)
    )
    turn = np.deg2rad(phi_node)
    along_R = -change[0] * np.cos(turn) + change[1] * np.sin(turn)
    along_phi = change[0] * np.sin(turn) + change[1] * np.cos(turn)
    for old, new, tolerance in ((before.linear, after.linear, 0.02), (before.quadratic, after.quadratic, 2e-3)):
        difference = (new.coefficients - old.coefficients)[0]
        np.testing.assert_allclose(difference[:, 0], [along_R, along_phi, change[2]], atol=tolerance)
        np.testing.assert_allclose(difference[:, 1], 0, atol=0.02)  # along R
        np.testing.assert_allclose(difference[:, 2], [along_phi / R0, -along_R / R0, 0], atol=0.02)
        constants = [oort_constants(np.array([R0]), e.coefficients, e.covariance)[0] for e in (old, new)]
        np.testing.assert_allclose(*constants, atol=0.02)
