"""Node fits: known fields come back exactly, errors are calibrated, symmetries hold, nothing depends on threads."""

import numba
import numpy as np
import pytest
from scipy import stats

from discatlas.contracts import SUFFIX_UNITS, error_column, load_contract, split_unit
from discatlas.frames import cartesian_position
from discatlas.velocity_field import COMPONENTS, DEGREES, TERMS, coefficient_column
from discatlas.velocity_field.hemispheres import north_minus_south, sort_hemispheres
from discatlas.velocity_field.nodes import fill_design_row, fit_nodes, local_coordinates, node_grid, sort_cells
from discatlas.velocity_field.oort import oort_constants

RADIUS = 0.8
PLACES = [(8.2, 0.0), (5.0, 180.0), (5.0, -179.9), (11.0, 37.0), (3.0, -120.0)]


def cells_about(R, phi_deg, n=600, seed=0, thickness=0.7):
    """Positions (n, 3) of cells within RADIUS of a node, and their (dR, s, z)."""
    rng = np.random.default_rng(seed)
    X, Y = cartesian_position(R, phi_deg)
    offsets = rng.uniform(-RADIUS, RADIUS, (3 * n, 3)) * [1, 1, thickness]
    offsets = offsets[np.sum(offsets**2, axis=1) < 0.99 * RADIUS**2][:n]
    positions = offsets + np.array([X, Y, 0])
    turn = np.deg2rad((np.rad2deg(np.arctan2(positions[:, 1], -positions[:, 0])) - phi_deg + 180) % 360 - 180)
    return positions, np.stack([np.hypot(positions[:, 0], positions[:, 1]) - R, R * turn, positions[:, 2]])


def taylor(coefficients, dR, s, z):
    """The expansion written out, apart from the code under test."""
    c = dict(zip(TERMS, coefficients, strict=True))
    return (
        c["0"]
        + c["R"] * dR
        + c["phi"] * s
        + c["Z"] * z
        + c["RR"] * dR**2 / 2
        + c["phiphi"] * s**2 / 2
        + c["ZZ"] * z**2 / 2
        + c["Rphi"] * dR * s
        + c["RZ"] * dR * z
        + c["phiZ"] * s * z
    )


def some_coefficients():
    scale = np.array([1, 4, 4, 4, 9, 9, 9, 9, 9, 9.0])
    coefficients = np.random.default_rng(5).choice([-1, 1], (3, 10)) * scale * np.linspace(0.4, 1.3, 30).reshape(3, 10)
    coefficients[1, 0] = 231.0
    return coefficients


def fit_one(positions, velocities, R, phi_deg, weights=None, min_fit=11, robust=True):
    X, Y = cartesian_position(np.array([R]), np.array([phi_deg]))
    return fit_nodes(sort_cells(positions, velocities, weights, RADIUS), X, Y, min_fit, robust=robust)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("R", "phi_deg"), PLACES)
def test_a_quadratic_field_comes_back_exactly(R, phi_deg, weighted):
    positions, local = cells_about(R, phi_deg)
    truth = some_coefficients()
    velocities = np.stack([taylor(row, *local) for row in truth], axis=1)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, positions.shape) if weighted else None
    fits = fit_one(positions, velocities, R, phi_deg, weights)
    np.testing.assert_allclose(fits.quadratic.coefficients[0], truth, rtol=1e-8)
    assert fits.n_cells[0] == len(positions)
    assert 3 < fits.condition[0] < 100
    assert np.all(fits.quadratic.residual < 1e-9)
    assert np.all(fits.linear.residual > 0.3)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_field_needs_no_second_order(weighted):
    positions, local = cells_about(8.2, 10.0)
    truth = some_coefficients()
    truth[:, 4:] = 0
    velocities = np.stack([taylor(row, *local) for row in truth], axis=1)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, positions.shape) if weighted else None
    fits = fit_one(positions, velocities, 8.2, 10.0, weights)
    assert np.abs(fits.quadratic.coefficients[0, :, 4:]).max() < 1e-9
    np.testing.assert_allclose(fits.linear.coefficients[0], truth[:, :4], rtol=1e-9)
    np.testing.assert_allclose(fits.quadratic.coefficients[0, :, :4], fits.linear.coefficients[0], rtol=1e-9)


def wavy(R, phi, Z):
    return np.sin(1.3 * R) * np.cos(2 * phi + 0.4) + 0.5 * R * Z * np.sin(phi) + np.exp(-0.2 * R) * Z**2


def derivatives(R, phi, h=1e-3):
    """The ten coefficients of `wavy` at a node, by central differences with R's factors of the arc."""

    def at(i, j, k):
        return wavy(R + i * h, phi + j * h / R, k * h)

    steps = np.eye(3, dtype=int)
    first = [(at(*e) - at(*-e)) / (2 * h) for e in steps]
    second = [(at(*e) - 2 * at(0, 0, 0) + at(*-e)) / h**2 for e in steps]
    mixed = [
        (
            at(*(steps[a] + steps[b]))
            - at(*(steps[a] - steps[b]))
            - at(*(steps[b] - steps[a]))
            + at(*-(steps[a] + steps[b]))
        )
        / (4 * h * h)
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    return np.array([at(0, 0, 0), *first, *second, *mixed])


def remainder(size, halve=1.0, arc=1.0):
    """Mean error of the expansion of `wavy` at displacements of a size; the mutants lose 1/2 or the node's radius."""
    R, phi = 6.0, 0.7
    coefficients, total = derivatives(R, phi), []
    for direction in np.random.default_rng(3).normal(size=(50, 3)):
        dR, s, z = size * direction / np.linalg.norm(direction)
        got = local_coordinates(R + dR, phi + s / R + 2 * np.pi, R, phi)
        np.testing.assert_allclose(got, (dR, s), atol=1e-12)
        row = np.empty(10)
        fill_design_row(got[0], got[1] * arc, z, row)
        row[4:7] *= halve
        total.append(abs(coefficients @ row - wavy(R + dR, phi + s / R, z)))
    return np.mean(total)


def test_the_design_is_a_taylor_expansion_of_second_order():
    """What remains is of third order: an eighth at half the distance; a quarter without the 1/2, a half without R_node."""
    assert remainder(0.2) / remainder(0.1) == pytest.approx(8, rel=0.08)
    assert remainder(0.2, halve=2.0) / remainder(0.1, halve=2.0) < 5
    assert remainder(0.2, arc=1 / 6.0) / remainder(0.1, arc=1 / 6.0) < 3


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fit_is_that_of_numpy(robust, weighted):
    """Coefficients, covariance, dispersion and condition of all orders against lstsq, with both kinds of errors."""
    positions, (dR, s, z) = cells_about(8.2, -20.0, n=150)
    rng = np.random.default_rng(8)
    velocities = rng.normal([0, 230, 0], 10, positions.shape)
    weights = rng.uniform(0.1, 3.0, positions.shape) if weighted else None
    X, Y = cartesian_position(np.array([8.2]), np.array([-20.0]))
    fits = fit_nodes(sort_cells(positions, velocities, weights, RADIUS), X, Y, 11, (0, 1, 2), robust)
    design = np.stack([np.ones_like(z), dR, s, z, dR**2 / 2, s**2 / 2, z**2 / 2, dR * s, dR * z, s * z], axis=1)
    conditions = []
    for component in range(3):
        w = np.ones(len(z)) if weights is None else weights[:, component]
        for order, p in ((0, 1), (1, 4), (2, 10)):
            expansion, x = fits.expansions[order], np.sqrt(w)[:, None] * design[:, :p]
            y = np.sqrt(w) * velocities[:, component]
            solution = np.linalg.lstsq(x, y)[0]
            residual, inverse = y - x @ solution, np.linalg.inv(x.T @ x)
            variance = np.sum(residual**2) / (len(z) - p)
            np.testing.assert_allclose(expansion.coefficients[0, component], solution, rtol=1e-8)
            np.testing.assert_allclose(expansion.residual[0, component], np.sqrt(variance / w.mean()), rtol=1e-10)
            leverage = np.einsum("na,ab,nb->n", x, inverse, x)
            middle = (x.T * (residual**2 / (1 - leverage))) @ x
            expected = inverse @ middle @ inverse if robust else variance * inverse
            np.testing.assert_allclose(expansion.covariance[0, component], expected, rtol=1e-7, atol=1e-10)
        conditions.append(np.linalg.cond(np.sqrt(w)[:, None] * design / RADIUS ** np.array(DEGREES)))
    assert fits.condition[0] == pytest.approx(max(conditions), rel=1e-9)


def test_weights_count_as_copies_do():
    """A cell of weight 2 moves the fit as two cells do; the size of all weights does not matter."""
    positions, _ = cells_about(8.2, 0.0, n=100)
    velocities = np.random.default_rng(9).normal(0, 10, positions.shape)
    twice = np.arange(100) % 3 == 0
    weights = np.where(twice, 2.0, 1.0)[:, None] * np.ones(3)
    both = np.concatenate([positions, positions[twice]]), np.concatenate([velocities, velocities[twice]])
    copied = fit_one(*both, 8.2, 0, robust=False)
    for scale in (1.0, 1e-3):
        fits = fit_one(positions, velocities, 8.2, 0.0, scale * weights, robust=False)
        np.testing.assert_allclose(fits.quadratic.coefficients, copied.quadratic.coefficients, rtol=1e-8)
        ratio = np.sqrt((copied.n_cells[0] - 10) / (fits.n_cells[0] - 10))
        np.testing.assert_allclose(fits.quadratic.errors, ratio * copied.quadratic.errors, rtol=1e-8)
        np.testing.assert_allclose(fits.condition, copied.condition, rtol=1e-9)
    robust = [fit_one(positions, velocities, 8.2, 0.0, f * weights).quadratic.errors for f in (1.0, 1e-3)]
    np.testing.assert_allclose(*robust, rtol=1e-9)


def separate_nodes():
    """1,225 nodes with 300 cells each, which share none: X, Y of the nodes, offsets of the cells."""
    rng = np.random.default_rng(12)
    X, Y = (part[:1225] for part in node_grid(35.0 * RADIUS * 1.05, 2.1 * RADIUS, -41.3))
    offsets = rng.normal(size=(X.size, 300, 3))
    offsets *= (
        RADIUS * rng.uniform(0, 0.999, (X.size, 300, 1)) ** (1 / 3) / np.linalg.norm(offsets, axis=2, keepdims=True)
    )
    return X, Y, offsets, rng


@pytest.fixture(scope="module", params=["alike", "weighted", "stars of a disc"])
def noisy_nodes(request):
    """A flat field with Gaussian noise: the same in all cells, known and used as weight, or of cells of unequal stars.

    The numbers of stars fall with R and |Z| as in a disc, from 60 to 3, and the noise is 30 km/s over their root.
    """
    X, Y, offsets, rng = separate_nodes()
    positions = (offsets + np.stack([X, Y, 0 * X], axis=1)[:, None]).reshape(-1, 3)
    sigma = np.full(positions.shape, 12.0)
    if request.param == "weighted":
        sigma = np.exp(rng.normal(0, 0.6, positions.shape)) * 12
    elif request.param == "stars of a disc":
        n_stars = 3 + rng.poisson(30 * np.exp(offsets[..., 0] / 2.6 - np.abs(offsets[..., 2]) / 0.3)).reshape(-1, 1)
        assert n_stars.max() > 15 * n_stars.min()
        sigma = 30 / np.sqrt(n_stars) * np.ones(3)
    velocities = rng.normal([0, 230.0, 0], sigma)
    weights = sigma**-2 if request.param == "weighted" else None
    cells = sort_cells(positions, velocities, weights, RADIUS)
    return np.hypot(X, Y), fit_nodes(cells, X, Y, 100), (positions, velocities, weights, X, Y)


def assert_calibrated(pulls):
    low, high = stats.binom.interval(0.997, len(pulls), 0.6827)
    inside = (np.abs(pulls) < 1).sum(axis=0)
    assert np.all((inside >= low) & (inside <= high)), (low, inside, high)
    assert np.all(np.abs(pulls.mean(axis=0)) < 4 / np.sqrt(len(pulls)))


@pytest.mark.parametrize("order", ["linear", "quadratic"])
def test_errors_of_the_coefficients_are_calibrated(noisy_nodes, order):
    expansion = getattr(noisy_nodes[1], order)
    truth = np.zeros(expansion.coefficients.shape[1:])
    truth[1, 0] = 230.0
    assert np.all(noisy_nodes[1].n_cells == 300)
    assert_calibrated((expansion.coefficients - truth) / expansion.errors)


def test_errors_of_oort_and_of_north_minus_south_are_calibrated(noisy_nodes):
    R, fits, (*cells, X, Y) = noisy_nodes
    for expansion in (fits.linear, fits.quadratic):
        value, error = oort_constants(R, expansion.coefficients, expansion.covariance)
        truth = np.stack([115 / R, -115 / R, 0 * R, 0 * R], axis=1)
        assert_calibrated((value - truth) / error)
    halves = sort_hemispheres(*cells, RADIUS)
    for value, error in north_minus_south(halves, X, Y, 60, True).values():
        assert_calibrated(value / error)


def test_errors_that_take_all_cells_as_alike_are_too_small_where_cells_near_the_plane_hold_more_stars():
    """Why robust errors are the default: those of Akhmetov et al. (2024) miss the truth of Z and ZZ too often."""
    X, Y, offsets, rng = separate_nodes()
    positions = (offsets + np.stack([X, Y, 0 * X], axis=1)[:, None]).reshape(-1, 3)
    n_stars = 3 + rng.poisson(60 * np.exp(-np.abs(positions[:, 2:]) / 0.3))
    velocities = rng.normal(0, 30 / np.sqrt(n_stars) * np.ones(3))
    inside = {}
    for robust in (False, True):
        fit = fit_nodes(sort_cells(positions, velocities, None, RADIUS), X, Y, 100, (2,), robust).quadratic
        inside[robust] = np.mean(np.abs(fit.coefficients / fit.errors) < 1, axis=(0, 1))
    for term in ("Z", "ZZ"):
        assert inside[False][TERMS.index(term)] < 0.62
    np.testing.assert_allclose(inside[True], 0.6827, rtol=0, atol=0.03)


def a_disc(seed=2, n=20_000):
    rng = np.random.default_rng(seed)
    positions = np.stack([rng.uniform(-10, -6, n), rng.uniform(-2, 2, n), rng.normal(0, 0.3, n)], axis=1)
    return positions, rng.normal([0, 230, 0], 15.0, (n, 3)) + positions


def test_a_turned_disc_has_the_same_field():
    positions, velocities = a_disc()
    X, Y = node_grid(1.0, 0.5, -8.0)
    reference = fit_nodes(sort_cells(positions, velocities, None, RADIUS), X, Y, 100)
    for angle in np.deg2rad([100.0, 180.0, -70.0]):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = np.column_stack([positions[:, :2] @ turn.T, positions[:, 2]])
        fits = fit_nodes(sort_cells(turned, velocities, None, RADIUS), *(turn @ np.stack([X, Y])), 100)
        assert np.array_equal(fits.n_cells, reference.n_cells)
        for got, expected in ((fits.linear, reference.linear), (fits.quadratic, reference.quadratic)):
            np.testing.assert_allclose(got.coefficients, expected.coefficients, rtol=1e-7, atol=1e-8)
            np.testing.assert_allclose(got.errors, expected.errors, rtol=1e-8)


def test_a_disc_in_a_mirror_turns_the_other_way():
    positions, velocities = a_disc()
    X, Y = node_grid(1.0, 0.5, -8.0)
    fits = fit_nodes(sort_cells(positions, velocities, None, RADIUS), X, Y, 100)
    mirrored = fit_nodes(sort_cells(positions * [1, -1, 1], velocities * [1, -1, 1], None, RADIUS), X, -Y, 100)
    odd = np.array([(-1) ** term.count("phi") for term in TERMS])
    sign = odd * np.array([1, -1, 1])[:, None]
    np.testing.assert_allclose(
        mirrored.quadratic.coefficients, sign * fits.quadratic.coefficients, rtol=1e-7, atol=1e-8
    )
    R = np.hypot(X, Y)
    ours, theirs = (oort_constants(R, f.linear.coefficients, f.linear.covariance)[0] for f in (fits, mirrored))
    np.testing.assert_allclose(theirs, ours * [-1, -1, 1, 1], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_number_of_threads_changes_no_bit(weighted):
    positions, velocities = a_disc()
    weights = np.random.default_rng(1).uniform(0.1, 3.0, positions.shape) if weighted else None
    cells = sort_cells(positions, velocities, weights, RADIUS)
    X, Y = node_grid(2.5, 0.3, -8.0)
    results, before = [], numba.get_num_threads()
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        fits = fit_nodes(cells, X, Y, 100)
        results.append([fits.n_cells, fits.condition, fits.linear.covariance, fits.quadratic.covariance])
        results[-1] += [fits.linear.coefficients, fits.quadratic.coefficients, fits.quadratic.residual]
    numba.set_num_threads(before)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("radius", [0.11, 0.8, 30.0])
def test_exactly_the_cells_within_the_radius_are_counted(radius):
    positions, velocities = a_disc(n=3000)
    X, Y = node_grid(8.0, 0.7, -9.0)
    fits = fit_nodes(sort_cells(positions, velocities, None, radius), X, Y, 10**6)
    distance2 = (X[:, None] - positions[:, 0]) ** 2 + (Y[:, None] - positions[:, 1]) ** 2 + positions[:, 2] ** 2
    assert np.array_equal(fits.n_cells, (distance2 <= radius**2).sum(axis=1))
    assert np.isnan(fits.quadratic.coefficients).all()
    assert np.isnan(fits.condition).all()


def test_cells_that_do_not_fix_all_terms_are_ill_conditioned():
    """In one plane no vertical term is fixed; in a thin sheet the condition number grows as the sheet thins."""
    positions, _ = cells_about(8.2, 0.0)
    flat = fit_one(positions * [1, 1, 0], positions, 8.2, 0.0)
    assert np.isinf(flat.condition[0])
    assert np.isnan(flat.quadratic.coefficients).all()
    assert np.isnan(flat.linear.errors).all()
    thin, thinner = (fit_one(positions * [1, 1, f], positions, 8.2, 0.0).condition[0] for f in (0.1, 0.05))
    assert thinner / thin == pytest.approx(4, rel=0.2)


def test_the_grid_has_the_sun_among_its_nodes():
    X, Y = node_grid(0.3, 0.1, -8.2)
    assert X.size == 49
    assert (X[24], Y[24]) == (-8.2, 0.0)
    np.testing.assert_allclose([X[0], X[-1], Y[0], Y[1]], [-8.5, -7.9, -0.3, -0.2])
    assert node_grid(0.25, 0.1, -8.2)[0].size == 25


def test_names_carry_their_units():
    assert coefficient_column("v_R", "0", 2) == "v_R_0_kms"
    assert coefficient_column("v_phi", "phi", 1) == "linear_v_phi_phi_kms_kpc"
    assert error_column("v_R_phi_kms_kpc") == "v_R_phi_error_kms_kpc"
    assert error_column("v_Z_RR_kms_kpc2") == "v_Z_RR_error_kms_kpc2"
    assert split_unit("L_z_kpc_kms") == ("L_z", "kpc_kms")
    contract = load_contract("velocity_field")
    names = [coefficient_column(c, t, order) for c in COMPONENTS for order, p in ((1, 4), (2, 10)) for t in TERMS[:p]]
    for name in names:
        for column in (contract.column(name), contract.column(error_column(name))):
            assert column.unit == SUFFIX_UNITS[split_unit(name)[1]]
