"""North minus south: what mirrors itself does not differ, what does not comes back exactly, and what is missing is empty."""

import numpy as np
import pytest

from discatlas.velocity_field.hemispheres import north_minus_south, sort_hemispheres

R0, RADIUS = 8.2, 0.8
NODE = np.array([-R0]), np.array([0.0])


def half_positions(n=400, seed=0):
    offsets = np.random.default_rng(seed).uniform(-0.45, 0.45, (n, 3))
    return np.abs(offsets * [0, 0, 1]) + offsets * [1, 1, 0] + np.array([-R0, 0, 0])


def differences(positions, velocities, min_fit=50):
    result = north_minus_south(sort_hemispheres(positions, velocities, None, RADIUS), *NODE, min_fit, True)
    return {order: (value[0], error[0]) for order, (value, error) in result.items()}


def test_a_mirrored_disc_differs_in_v_Z_alone():
    north = half_positions()
    v = np.random.default_rng(1).normal([0, 230, 4], 10, north.shape)
    both = np.concatenate([north, north * [1, 1, -1]]), np.concatenate([v, v * [1, 1, -1]])
    result = differences(*both)
    for order, n_terms in ((0, 1), (1, 4)):
        value, error = result[order]
        assert value.shape == error.shape == (3, n_terms)
        np.testing.assert_allclose(value[:2], 0, atol=1e-9)
        assert np.all(error > 0)
    np.testing.assert_allclose(result[0][0][2, 0], 2 * v[:, 2].mean(), rtol=1e-9)


def test_linear_fields_of_both_sides_come_back():
    """Different planes above and below: the differences are theirs, the gradient along Z that away from the plane."""
    positions = np.concatenate([half_positions(seed=2), half_positions(seed=3) * [1, 1, -1]])
    is_north = positions[:, 2] > 0
    R, s = np.hypot(*positions[:, :2].T), R0 * np.arctan2(positions[:, 1], -positions[:, 0])
    terms = np.stack([np.ones_like(R), R - R0, s, np.abs(positions[:, 2])], axis=1)
    north, south = np.random.default_rng(4).normal(0, 5, (2, 3, 4))
    velocities = np.where(is_north[:, None], terms @ north.T, terms @ south.T)
    value, error = differences(positions, velocities)[1]
    np.testing.assert_allclose(value, north - south, rtol=1e-9)
    assert np.all(error < 1e-9)


def test_a_breathing_disc_has_twice_its_gradient_and_a_bending_one_none():
    positions = np.concatenate([half_positions(seed=2), half_positions(seed=3) * [1, 1, -1]])
    Z = positions[:, 2]
    zero = np.zeros_like(Z)
    value = differences(positions, np.stack([zero, zero, 5 * Z], axis=1))[1][0]
    np.testing.assert_allclose(value[2], [0, 0, 0, 10], atol=1e-9)
    value = differences(positions, np.stack([zero, zero, zero + 5], axis=1))[1][0]
    np.testing.assert_allclose(value[2], 0, atol=1e-9)


@pytest.mark.parametrize("n_south", [0, 24, 25])
def test_a_side_needs_half_of_the_cells(n_south):
    positions = np.concatenate([half_positions(), half_positions(n=400)[:n_south] * [1, 1, -1]])
    result = differences(positions, np.random.default_rng(1).normal(0, 1, positions.shape))
    for value, error in result.values():
        assert np.isfinite(value).all() == np.isfinite(error).all() == (n_south == 25)
        assert np.isnan(value).all() == (n_south < 25)
