"""Overlapping windows hold the stars that they should, and averages over them are those of their stars."""

import numpy as np
import pytest

from discatlas.errors import DiscatlasError
from discatlas.maps.windows import Windows, is_usable, member_weights, window_average, window_members

LIMITS = ((-10.0, -6.0), (-2.0, 2.0))
WINDOWS = Windows(LIMITS, 0.25, 0.625)


def scatter(n, seed=1, decimals=2):
    """Positions on a fine lattice, so that many lie on edges of windows exactly."""
    rng = np.random.default_rng(seed)
    return np.round(rng.uniform(-10.5, -5.5, n), decimals), np.round(rng.uniform(-2.5, 2.5, n), decimals)


@pytest.mark.parametrize("windows", [WINDOWS, Windows(LIMITS, 0.5, 0.5), Windows(((-9.0, -8.5), (0.0, 2.0)), 0.5, 3.0)])
def test_members_are_those_of_brute_force(windows):
    X, Y = scatter(4000)
    X[:5], Y[5:10] = np.nan, np.nan
    offsets, indices = window_members(X, Y, windows)
    centres = windows.grid.centres(np.arange(windows.n_windows))
    half = windows.window_kpc / 2
    assert offsets[-1] == indices.size > 1000
    for k, (x, y) in enumerate(centres):
        # decimal positions and edges: beyond 1e-10 only rounding is left
        d_x, d_y = np.round(X - x, 10), np.round(Y - y, 10)
        inside = (-half <= d_x) & (d_x < half) & (-half <= d_y) & (d_y < half)
        np.testing.assert_array_equal(indices[offsets[k] : offsets[k + 1]], np.flatnonzero(inside))


def test_every_star_lies_in_as_many_windows_as_their_area_covers():
    """Windows of 0.625 every 0.25 kpc: 6.25 on average, 2 or 3 along each axis, 4, 6 or 9 in all."""
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-9, -7, 20_000), rng.uniform(-1, 1, 20_000)
    _, indices = window_members(X, Y, WINDOWS)
    times = np.bincount(indices, minlength=X.size)
    assert set(np.unique(times)) == {4, 6, 9}
    # along an axis 3 windows with probability 1/2
    assert times.mean() == pytest.approx(6.25, abs=4 * np.sqrt((6.5**2 - 6.25**2) / X.size))


def test_windows_without_overlap_share_the_stars_as_the_cells_do():
    windows = Windows(LIMITS, 0.5, 0.5)
    X, Y = scatter(3000)
    offsets, indices = window_members(X, Y, windows)
    cells = windows.grid.cell_of(X, Y)
    np.testing.assert_array_equal(np.sort(indices), np.flatnonzero(cells >= 0))
    np.testing.assert_array_equal(cells[indices], np.repeat(np.arange(windows.n_windows), np.diff(offsets)))
    assert windows.overlap() == []


def test_steps_to_overlapping_windows():
    steps = WINDOWS.overlap()
    assert len(steps) == 12
    assert len(set(steps) | {(-i, -j) for i, j in steps}) == 24
    assert max(max(map(abs, step)) for step in steps) == 2
    assert len(Windows(LIMITS, 0.25, 0.75).overlap()) == 12  # three spacings apart they only touch


def test_averages_are_weighted_means_of_the_members():
    X, Y = scatter(2000, seed=3)
    rng = np.random.default_rng(4)
    values, errors, variances = rng.normal(size=X.size), rng.uniform(1, 5, X.size), rng.uniform(0, 9, WINDOWS.n_windows)
    offsets, indices = window_members(X, Y, WINDOWS)
    weights = member_weights(errors, variances, offsets, indices)
    found = window_average(values, weights, offsets, indices)
    for k in range(0, WINDOWS.n_windows, 7):
        mine = indices[offsets[k] : offsets[k + 1]]
        expected = np.average(values[mine], weights=1 / (variances[k] + errors[mine] ** 2)) if mine.size else np.nan
        np.testing.assert_allclose(found[k], expected, rtol=1e-12)
    empty = np.diff(offsets) == 0
    np.testing.assert_array_equal(np.isnan(found), empty)
    constant = window_average(np.full(X.size, 7.0), weights, offsets, indices)
    np.testing.assert_allclose(constant[~empty], 7.0, rtol=1e-14)


def test_a_window_damps_a_wave_by_the_sinc_of_its_half_phase():
    """Averaged over a window of width w, cos(k x) becomes sin(k w/2)/(k w/2) cos(k x)."""
    x = np.linspace(-10.5, -5.5, 40_001)
    windows = Windows(((-10.0, -6.0), (-0.5, 0.5)), 1.0, 1.0)
    offsets, indices = window_members(x, np.zeros(x.size), windows)
    centres = windows.grid.centres(np.arange(windows.n_windows))[:, 0]
    for k in (0.5, 1.1, 2.0):
        found = window_average(np.cos(k * x), np.ones(indices.size), offsets, indices)
        np.testing.assert_allclose(found, np.sin(k / 2) / (k / 2) * np.cos(k * centres), atol=2e-4)


def test_usable_stars_have_a_value_and_an_error():
    values, errors = np.array([1.0, np.nan, 2.0, np.inf, 3.0]), np.array([1.0, 1.0, np.nan, 1.0, 2.0])
    np.testing.assert_array_equal(is_usable(values, errors), [True, False, False, False, True])
    for bad in (0.0, -1.0, np.inf):
        with pytest.raises(DiscatlasError, match=rf"v_R: 1 errors are not positive \(first: {bad:g} in row 4\)"):
            is_usable(values, np.array([1.0, 1.0, np.nan, 1.0, bad]), "v_R")
    with pytest.raises(DiscatlasError, match="none of 2 stars has a value and an error"):
        is_usable(np.array([1.0, np.nan]), np.array([np.nan, 1.0]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((LIMITS, 0.5, 0.25), "window_kpc = 0.25 is narrower than spacing_kpc = 0.5"),
        ((LIMITS, 0.5, np.nan), "narrower"),
        ((LIMITS, 0.3, 0.6), "whole number"),
        ((((-6.0, -10.0), (-2.0, 2.0)), 0.5, 0.5), "reversed"),
        ((LIMITS, 0.0, 0.5), "not positive"),
    ],
)
def test_bad_windows_are_said(arguments, words):
    with pytest.raises(DiscatlasError, match=words):
        Windows(*arguments)
