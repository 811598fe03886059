"""Grids: which cell a star falls in, exact edges, hexagons, azimuth, bad declarations."""

import numpy as np
import pytest

from discatlas.errors import DiscatlasError
from discatlas.maps.grids import Grid

SQUARE = Grid(("X_kpc", "Y_kpc"), "square", (0.1, 0.2), ((-5.0, 5.0), (-2.0, 3.0)))
HEXAGON = Grid(("phi_deg", "L_z_kpc_kms"), "hexagon", (5.0, 100.0), ((-40.0, 40.0), (500.0, 3000.0)))


def test_cells_hold_lower_edges_and_not_upper_ones():
    grid = Grid(("R_kpc",), "square", (0.1,), ((0.0, 10.0),))
    edges = np.array([k / 10 for k in range(100)])
    np.testing.assert_array_equal(grid.cell_of(edges), np.arange(100))
    np.testing.assert_array_equal(grid.cell_of(np.nextafter(edges[1:], 0)), np.arange(99))
    np.testing.assert_array_equal(
        grid.cell_of(np.array([10.0, np.nextafter(10, 0), -1e-300, np.nan, np.inf])), [-1, 99, -1, -1, -1]
    )


def test_edges_do_not_drift_far_from_the_limit():
    grid = Grid(("X_kpc",), "square", (0.1,), ((-1000.0, 1000.0),))
    edges = np.array([k / 10 for k in range(-10000, 10000)])
    np.testing.assert_array_equal(grid.cell_of(edges), np.arange(20000))


def test_second_axis_runs_fastest():
    assert SQUARE.n_cells == 100 * 25
    assert SQUARE.cell_of(np.array([-4.85]), np.array([-1.35]))[0] == 1 * 25 + 3
    np.testing.assert_allclose(SQUARE.centres(np.array([28])), [[-4.85, -1.3]], atol=1e-12)


@pytest.mark.parametrize("grid", [SQUARE, HEXAGON])
def test_centres_lie_in_their_own_cells(grid):
    cells = np.arange(grid.n_cells)
    centres = grid.centres(cells)
    found = grid.cell_of(centres[:, 0], centres[:, 1])
    inside = np.all([(low <= c) & (c < high) for c, (low, high) in zip(centres.T, grid.limits, strict=True)], axis=0)
    assert inside.sum() > 0.7 * grid.n_cells
    np.testing.assert_array_equal(found[inside], cells[inside])
    assert np.all(found[~inside] == -1)


def test_hexagons_take_the_nearest_centre_in_scaled_coordinates():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-40, 40, 3000), rng.uniform(500, 3000, 3000)
    centres = HEXAGON.centres(np.arange(HEXAGON.n_cells)) / HEXAGON.cell_size
    stars = np.stack([x, y], axis=1) / HEXAGON.cell_size
    nearest = np.argmin(((stars[:, None] - centres[None]) ** 2).sum(axis=2), axis=1)
    np.testing.assert_array_equal(HEXAGON.cell_of(x, y), nearest)


def test_hexagons_are_regular_and_fill_the_plane():
    cell = HEXAGON.cell_of(np.array([0.0]), np.array([1750.0]))
    np.testing.assert_allclose(HEXAGON.centres(cell), [[0.0, 1750.0]])
    corners = (HEXAGON.corners(cell)[0] - HEXAGON.centres(cell)) / HEXAGON.cell_size
    x, y = corners.T
    area = 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    np.testing.assert_allclose(area, np.sqrt(3) / 2)
    np.testing.assert_allclose(np.hypot(*(corners - np.roll(corners, 1, axis=0)).T), 1 / np.sqrt(3))
    centres = HEXAGON.centres(np.arange(HEXAGON.n_cells)) / HEXAGON.cell_size
    distances = np.hypot(*(centres - [0.0, 17.5]).T)
    assert np.sum(np.abs(distances - 1) < 1e-9) == 6


def test_points_just_inside_the_corners_belong_to_the_cell():
    for grid, number in ((SQUARE, 260), (HEXAGON, HEXAGON.cell_of(np.array([10.0]), np.array([1500.0]))[0])):
        cell = np.array([number])
        corners, centre = grid.corners(cell)[0], grid.centres(cell)
        inside, outside = centre + 0.999 * (corners - centre), centre + 1.001 * (corners - centre)
        assert np.all(grid.cell_of(*inside.T) == number)
        assert np.all(grid.cell_of(*outside.T) != number)


def test_azimuth_is_wrapped():
    grid = Grid(("phi_deg",), "square", (10.0,), ((-180.0, 180.0),))
    np.testing.assert_array_equal(
        grid.cell_of(np.array([-180.0, 180.0, 190.0, -190.0, 359.0, 0.0])), [0, 0, 1, 35, 17, 18]
    )
    np.testing.assert_array_equal(grid.wrap(0, np.array([-179.9, 12.3, 180.0, 540.0])), [-179.9, 12.3, -180.0, -180.0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((("X_kpc",), "round", (1.0,), ((0.0, 1.0),)), "'round'"),
        ((("X_kpc",), "hexagon", (1.0,), ((0.0, 1.0),)), "hexagon cells need 2"),
        ((("X_kpc", "X_kpc"), "square", (1.0, 1.0), ((0.0, 1.0), (0.0, 1.0))), "different axes"),
        ((("X_kpc", "Y_kpc"), "square", (1.0,), ((0.0, 1.0), (0.0, 1.0))), "cell_size has 1 entries for 2"),
        ((("X_kpc",), "square", (0.0,), ((0.0, 1.0),)), "not positive"),
        ((("X_kpc",), "square", (0.5,), ((1.0, 0.0),)), "reversed"),
        ((("X_kpc",), "square", (0.3,), ((0.0, 1.0),)), "3.33333 cells"),
        ((("X_kpc",), "square", (0.5,), ((0.0, np.nan),)), "finite"),
        ((("phi_deg",), "square", (10.0,), ((170.0, 190.0),)), "may not cross"),
        ((("X_kpc", "Y_kpc"), "hexagon", (3.0, 0.1), ((0.0, 1.0), (0.0, 1.0))), "does not hold one"),
        ((("X_kpc", "Y_kpc"), "square", (1e-4, 1e-4), ((0.0, 1.0), (0.0, 1.0))), "100,000,000 cells"),
    ],
)
def test_bad_declarations_are_refused(arguments, words):
    with pytest.raises(DiscatlasError, match=words):
        Grid(*arguments)
