"""Correlation of maps: moves that undo themselves, uniform p-values for maps of their own autocorrelation, and power."""

import numpy as np
import pytest
from made_azimuthal import R0, hexagons, is_north, round_field, spiral_field
from scipy.stats import binomtest, kstest

from discatlas.azimuthal.correlation import GriddedMap, Move, compare_maps, correlations
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position, cylindrical_position
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

AXIS = np.linspace(-6, 6, 121)
GRID_X, GRID_Y = np.meshgrid(AXIS - R0, AXIS, indexing="ij")
SUN = (-R0, 0.0)
FIELDS = {"round": lambda rng: round_field(0.6, rng), "spiral": lambda rng: spiral_field(0.6, rng)}


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def is_everywhere(x, y):
    return np.full(np.shape(x), True)


def gridded(field, radius=4.7):
    """A field on the grid of Poggio et al. 2021, without data beyond a radius of the Sun."""
    values = np.where(np.hypot(GRID_X + R0, GRID_Y) < radius, field.at(GRID_X, GRID_Y), np.nan)
    return GriddedMap(AXIS[0] - R0, AXIS[0], (0.1, 0.1), values)


def compare(name, k, footprint, kind, null="shifts", r=0.0, other=None):
    """Two maps of one kind of field, the cells with half as much noise, that share r of their variation."""
    rng = stream_generator(20260101, "test_map_correlation", name, str(k))
    X, Y = hexagons(0.6, footprint)
    cells = FIELDS[kind](rng).at(X, Y) + 0.5 * rng.standard_normal(X.size)
    field = FIELDS[kind](rng) if other is None else None
    grid = gridded(field) if other is None else other
    if r:
        cells = r * np.sqrt(1.25) * field.at(X, Y) + np.sqrt(1 - r**2) * cells
    return compare_maps(X, Y, cells, grid, null, 199, 0.6, SUN, rng)


def assert_uniform(p):
    assert kstest(p, "uniform").pvalue > 0.003
    found = binomtest(int(np.sum(p <= 0.05)), p.size).proportion_ci(0.997, "exact")
    assert found.low <= 0.05 <= found.high


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("footprint", [is_everywhere, is_north])
def test_shifts_give_uniform_p_values_for_independent_maps(kind, footprint):
    p = np.array([compare(f"null {kind}", k, footprint, kind).p_value for k in range(200)])
    assert_uniform(p)


def test_rotations_about_the_sun_are_right_for_round_fields_and_too_sure_for_spirals():
    round_ones = np.array(
        [compare("sun round", k, is_everywhere, "round", "rotations_sun").p_value for k in range(200)]
    )
    assert_uniform(round_ones)
    spirals = np.array([compare("sun spiral", k, is_everywhere, "spiral", "rotations_sun").p_value for k in range(200)])
    assert kstest(spirals, "uniform", alternative="greater").pvalue < 0.01
    assert np.mean(spirals <= 0.2) > 0.25


def test_rotations_about_the_centre_are_right_for_spirals():
    p = np.array([compare("centre", k, is_everywhere, "spiral", "rotations_centre").p_value for k in range(200)])
    assert kstest(p, "uniform").pvalue > 0.003


def test_a_correlation_of_three_tenths_is_found():
    found = [compare("power", k, is_everywhere, "round", r=0.3) for k in range(100)]
    assert np.mean([comparison.p_value <= 0.05 for comparison in found]) >= 0.8
    assert np.mean([comparison.r for comparison in found]) == pytest.approx(0.3, abs=0.03)


def test_scatter_of_the_moves_is_that_of_independent_maps():
    found = [compare("scatter", k, is_everywhere, "round") for k in range(80)]
    told = np.sqrt(np.mean([comparison.record()["r_scatter"] ** 2 for comparison in found]))
    assert np.std([comparison.r for comparison in found]) == pytest.approx(told, rel=3.5 / np.sqrt(160))


def test_sign_and_scale_of_a_map_do_not_matter_and_swapping_shape_does():
    rng = stream_generator(20260101, "test_map_correlation", "scale")
    X, Y = hexagons(0.6, is_everywhere)
    grid, values = gridded(round_field(0.6, rng)), rng.standard_normal(X.size)
    results = [compare_maps(X, Y, v, grid, "rotations_sun", 99, 0.6, SUN, rng) for v in (values, -3.0 * values + 1e3)]
    assert results[0].p_value == results[1].p_value
    assert results[0].r == pytest.approx(-results[1].r)


def test_moves_go_where_they_say():
    X, Y = cartesian_position(np.array([8.0, 9.5]), np.array([10.0, -20.0]))
    R, phi = cylindrical_position(*Move("shifts", 15.0, 1.25).back(X, Y))
    np.testing.assert_allclose(R, [6.4, 7.6])
    np.testing.assert_allclose(phi, [-5.0, -35.0])
    x, y = Move("rotations_sun", 90.0, 1.0, SUN).back(X, Y)
    np.testing.assert_allclose(np.hypot(x + R0, y), np.hypot(X + R0, Y))
    np.testing.assert_allclose(np.hypot(x - X, y - Y), np.sqrt(2) * np.hypot(X + R0, Y))


def test_cells_without_data_are_left_out_and_do_not_dilute():
    rng = stream_generator(20260101, "test_map_correlation", "mask")
    field = round_field(1.0, rng)
    X, Y = hexagons(0.6, is_everywhere)
    values = field.at(X, Y)
    masked = gridded(field, 2.5)
    found = compare_maps(X, Y, values, masked, "rotations_sun", 99, 0.5, SUN, rng)
    assert found.r > 0.999
    assert found.n_cells == np.sum(np.hypot(X + R0, Y) < 2.5) - np.sum(
        np.isnan(masked.at(X, Y)) & (np.hypot(X + R0, Y) < 2.5)
    )
    zeros = GriddedMap(masked.X_0_kpc, masked.Y_0_kpc, masked.step_kpc, np.nan_to_num(masked.values))
    assert compare_maps(X, Y, values, zeros, "rotations_sun", 99, 0.5, SUN, rng).r < 0.9
    some = np.where(rng.random(X.size) < 0.3, np.nan, values)
    assert compare_maps(X, Y, some, masked, "rotations_sun", 99, 0.5, SUN, rng).n_cells < found.n_cells


def test_bilinear_interpolation_is_exact_for_a_plane_and_null_at_holes():
    values = 2.0 * GRID_X - GRID_Y
    values[60, 60] = np.nan
    grid = GriddedMap(AXIS[0] - R0, AXIS[0], (0.1, 0.1), values)
    x, y = np.array([-9.03, -2.2, -14.2, -8.15, -2.1]), np.array([0.77, 6.0, -6.0, 0.05, 0.0])
    np.testing.assert_allclose(grid.at(x, y)[:3], (2 * x - y)[:3])
    assert np.isnan(grid.at(x, y)[3:]).all()


def test_correlation_is_numpys():
    rng = stream_generator(20260101, "test_map_correlation", "numpy")
    values, others = rng.standard_normal(50) + 100, rng.standard_normal((3, 50))
    others[1, :20] = np.nan
    others[2] = 7.0
    r, n = correlations(values, others)
    assert r[0] == pytest.approx(np.corrcoef(values, others[0])[0, 1])
    assert r[1] == pytest.approx(np.corrcoef(values[20:], others[1, 20:])[0, 1])
    assert np.isnan(r[2])
    assert n.tolist() == [50, 30, 50]


def test_grid_is_read_from_rows_in_any_order():
    rng = stream_generator(20260101, "test_map_correlation", "rows")
    field = gridded(round_field(0.6, rng))
    order = rng.permutation(GRID_X.size)
    grid = GriddedMap.from_columns(*(part.ravel()[order] for part in (GRID_X, GRID_Y, field.values)))
    np.testing.assert_array_equal(grid.values, field.values)
    assert (grid.X_0_kpc, grid.step_kpc[0]) == pytest.approx((field.X_0_kpc, 0.1))
    x = GRID_X.ravel() + np.where(np.arange(GRID_X.size) == 5, 0.03, 0.0)
    with pytest.raises(DiscatlasError, match="X_kpc is not evenly spaced"):
        GriddedMap.from_columns(x, GRID_Y.ravel(), field.values.ravel())
    with pytest.raises(DiscatlasError, match="two rows lie at one node"):
        GriddedMap.from_columns(np.array([0.0, 1, 0]), np.array([0.0, 1, 0]), np.ones(3))
    with pytest.raises(DiscatlasError, match="Y_kpc has 1 different values"):
        GriddedMap.from_columns(np.array([0.0, 1]), np.zeros(2), np.ones(2))


def test_bad_input_is_said():
    rng = stream_generator(20260101, "test_map_correlation", "bad")
    X, Y = hexagons(0.6, is_everywhere)
    grid, values = gridded(round_field(0.6, rng)), rng.standard_normal(X.size)
    with pytest.raises(
        DiscatlasError,
        match=r"got null 'rotations'.*expected one of shifts, rotations_centre, rotations_sun, effective_cells",
    ):
        compare_maps(X, Y, values, grid, "rotations", 99, 0.6, SUN, rng)
    with pytest.raises(DiscatlasError, match=r"0 of \d+ cells with data have data in the other map"):
        compare_maps(X + 30, Y, values, grid, "shifts", 99, 0.6, SUN, rng)
    with pytest.raises(DiscatlasError, match="one of the maps is constant"):
        compare_maps(X, Y, values * 0, grid, "shifts", 99, 0.6, SUN, rng)
    with pytest.raises(DiscatlasError, match="cells that min_overlap asks for"):
        compare_maps(X, Y, values, gridded(round_field(0.6, rng), 3.9), "rotations_centre", 99, 1.0, SUN, rng)


def test_p_values_with_the_published_map_are_not_too_small(real_data):
    """Poggio et al. 2021 against fields of its own kind, spirals; its masked cells are exactly 0.

    The map is one realisation, stronger and smoother toward its border, where moves take the cells: p-values are a little
    too large.
    """
    values = np.load(real_data / "poggio2021_overdensity/overdens_grid_locscale03.npy")
    grid = GriddedMap(AXIS[0] - R0, AXIS[0], (0.1, 0.1), np.where(values == 0.0, np.nan, values))
    assert np.isfinite(grid.values).sum() == 6660
    for footprint in (is_everywhere, is_north):
        p = np.array([compare("poggio", k, footprint, "spiral", other=grid).p_value for k in range(200)])
        assert kstest(p, "uniform", alternative="greater").pvalue > 0.003
        assert binomtest(int(np.sum(p <= 0.05)), p.size).proportion_ci(0.997, "exact").low <= 0.05
