"""Oort's constants of known fields, and their identities with the tensors of the Ogorodnikov-Milne field."""

import numpy as np
import pytest

from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position, cylindrical_velocity
from discatlas.velocity_field.nodes import fit_nodes, sort_cells
from discatlas.velocity_field.oort import (
    cartesian_gradient,
    deformation_tensor,
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
