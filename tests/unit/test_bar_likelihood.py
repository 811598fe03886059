"""The likelihood of a map with a correlated misfit of the model: exact, for all cells, and integrated over what is not known."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from discatlas.bar_spirals import likelihood as module
from discatlas.bar_spirals.cell_nodes import CellNodes, places
from discatlas.bar_spirals.likelihood import KERNELS, Cells, Floor, QuadraticForms, low_rank
from discatlas.bar_spirals.map_noise import local_scatter
from discatlas.errors import DiscatlasError

N = 12


def grid(n=N, size=3.0):
    X, Y = (values.ravel() for values in np.meshgrid(np.linspace(0, size, n), np.linspace(0, size, n), indexing="ij"))
    return X, Y


def small_map(seed=1):
    rng = np.random.default_rng(seed)
    X, Y = grid()
    cells = Cells(X, Y, rng.normal(0, 5, X.size), rng.uniform(0.5, 2.0, X.size))
    return cells, rng.normal(size=(X.size, 4)), rng


def covariance(cells, sigma, length, kernel="matern52", correlation_kpc=None):
    r = np.hypot(cells.X_kpc[:, None] - cells.X_kpc, cells.Y_kpc[:, None] - cells.Y_kpc)
    measured = np.diag(cells.error_kms**2)
    if correlation_kpc:
        measured = 0.95 * np.exp(-0.5 * (r / correlation_kpc) ** 2) * np.outer(cells.error_kms, cells.error_kms)
        measured[np.diag_indices_from(measured)] = cells.error_kms**2
    misfit = np.eye(r.shape[0]) if kernel == "independent" else KERNELS[kernel](r / length)
    return measured + sigma**2 * misfit


@pytest.mark.parametrize("kernel", [*KERNELS, "independent"])
@pytest.mark.parametrize("correlation_kpc", [None, 0.4])
def test_the_likelihood_is_the_density_of_a_gaussian(monkeypatch, kernel, correlation_kpc):
    monkeypatch.setattr(module, "TOLERANCE", 1e-9)
    cells, weights, rng = small_map()
    floor = Floor.from_limits(kernel, (0.5, 6.0), 3, (0.5, 1.5), 2)
    forms = QuadraticForms.build(cells, weights, floor, correlation_kpc)
    x = rng.normal(0, 2, (3, 4))
    joint = forms.ln_joint(x) - forms.ln_prior
    for g, (sigma, length) in enumerate(zip(*floor.pairs, strict=True)):
        expected = [
            multivariate_normal.logpdf(
                cells.v_R_kms, weights @ row, covariance(cells, sigma, length, kernel, correlation_kpc)
            )
            for row in x
        ]
        np.testing.assert_allclose(joint[:, g], expected, rtol=1e-6)


def test_the_rank_that_is_kept_does_not_matter():
    """With the tolerance that is used ln L differs by less than 0.1 from the exact one, and its differences by less than 0.05."""
    cells, weights, rng = small_map(2)
    floor = Floor.from_limits("matern52", (3.0, 3.0), 1, (0.8, 0.8), 1)
    forms = QuadraticForms.build(cells, weights, floor)
    x = rng.normal(0, 2, (6, 4))
    exact = [multivariate_normal.logpdf(cells.v_R_kms, weights @ row, covariance(cells, 3.0, 0.8)) for row in x]
    error = forms.ln_likelihood(x) - exact
    assert np.abs(error).max() < 0.1
    assert np.ptp(error) < 0.05


def test_low_rank_is_the_kernel():
    X, Y = grid()
    factor = low_rank(X, Y, KERNELS["gaussian"], 1.0)
    r = np.hypot(X[:, None] - X, Y[:, None] - Y)
    assert factor.shape[1] < X.size
    assert np.abs(factor @ factor.T - KERNELS["gaussian"](r)).max() < 2 * module.TOLERANCE


def test_the_misfit_is_integrated_over():
    """The sum over the grid is the integral of the likelihood over a prior that is uniform in the logarithm."""
    cells, weights, rng = small_map(3)
    x = rng.normal(0, 2, 4)
    v_R = weights @ x + np.linalg.cholesky(covariance(cells, 3.0, 0.8)) @ rng.standard_normal(cells.X_kpc.size)
    cells = cells._replace(v_R_kms=v_R)
    floor = Floor.from_limits("matern52", (0.5, 15.0), 40, (0.8, 0.8), 1)
    forms = QuadraticForms.build(cells, weights, floor)

    def density(ln_sigma):
        value = multivariate_normal.logpdf(cells.v_R_kms, weights @ x, covariance(cells, np.exp(ln_sigma), 0.8))
        return np.exp(value - forms.ln_likelihood(x[None])[0])

    integral = quad(density, np.log(0.5), np.log(15.0))[0] / np.log(30.0)
    assert abs(integral - 1) < 0.05


def test_errors_of_an_emulator_are_integrated_over():
    """ln L in the coefficients z with an error V is that of data with the covariance C + A B V B' A'."""
    cells, weights, rng = small_map(4)
    floor = Floor.from_limits("matern52", (2.0, 2.0), 1, (0.8, 0.8), 1)
    mean, basis = rng.normal(size=4), np.linalg.qr(rng.normal(size=(4, 3)))[0]
    root = rng.normal(size=(3, 3))
    variance = root @ root.T * 0.1
    projected = QuadraticForms.build(cells, weights, floor).project(mean, basis, variance)
    z = rng.normal(size=(5, 3))
    across = weights @ basis
    whole = covariance(cells, 2.0, 0.8) + across @ variance @ across.T
    expected = [multivariate_normal.logpdf(cells.v_R_kms, weights @ (mean + basis @ row), whole) for row in z]
    np.testing.assert_allclose(projected.ln_likelihood(z), expected, atol=0.1)
    plain = QuadraticForms.build(cells, weights, floor)
    at_nodes = plain.ln_likelihood(mean + z @ basis.T)
    np.testing.assert_allclose(plain.project(mean, basis).ln_likelihood(z), at_nodes, rtol=1e-9)
    assert np.ptp(projected.ln_likelihood(z)) < np.ptp(at_nodes)


def test_pairs_without_weight_are_left_out():
    """The likelihood of points near the best one stays as it is, with fewer pairs; pairs keep their numbers."""
    cells, weights, rng = small_map(7)
    truth = rng.normal(size=4)
    v_R = weights @ truth + np.linalg.cholesky(covariance(cells, 2.0, 0.8)) @ rng.standard_normal(cells.X_kpc.size)
    floor = Floor.from_limits("matern52", (0.2, 40.0), 30, (0.8, 0.8), 1)
    forms = QuadraticForms.build(cells._replace(v_R_kms=v_R), weights, floor)
    x = truth + 0.3 * rng.normal(size=(50, 4))
    pruned = forms.pruned(x)
    assert pruned.pair.size < 20
    np.testing.assert_allclose(pruned.ln_likelihood(x), forms.ln_likelihood(x), atol=1e-6)
    drawn = floor.pairs[0][pruned.draw_pairs(x, rng)]
    assert 1.0 < np.median(drawn) < 3.0


def test_pairs_are_drawn_with_their_probability():
    cells, weights, rng = small_map(5)
    floor = Floor.from_limits("matern52", (2.0, 8.0), 4, (0.5, 1.0), 2)
    forms, x = QuadraticForms.build(cells, weights, floor), rng.normal(size=4)
    joint = forms.ln_joint(x[None])[0]
    drawn = forms.draw_pairs(np.repeat(x[None], 4000, axis=0), rng)
    expected = np.exp(joint - joint.max())
    expected /= expected.sum()
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert np.all(np.abs(np.bincount(drawn, minlength=8) / 4000 - expected) < 4 * error + 1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("matern", (1.0, 2.0), 2, (1.0, 1.0), 1), "kernel 'matern'"),
        (("gaussian", (2.0, 1.0), 2, (1.0, 1.0), 1), "sigma_kms"),
        (("gaussian", (1.0, 2.0), 1, (1.0, 1.0), 1), "one value only"),
        (("gaussian", (1.0, 2.0), 2, (0.0, 1.0), 2), "length_kpc"),
    ],
)
def test_a_bad_floor_is_refused(arguments, words):
    with pytest.raises(DiscatlasError, match=words):
        Floor.from_limits(*arguments)


def test_cells_without_errors_are_refused():
    cells, weights, _ = small_map()
    cells.error_kms[3] = 0.0
    with pytest.raises(DiscatlasError, match=r"1 of 144 cells"):
        QuadraticForms.build(cells, weights, Floor.from_limits("gaussian", (1.0, 1.0), 1, (1.0, 1.0), 1))


def test_nodes_fill_the_map_and_interpolate_waves():
    """A spiral wave is interpolated to 3 % of its amplitude, a constant exactly, and nodes stand at the map's edges."""
    X, Y = (values.ravel() for values in np.meshgrid(np.linspace(6, 12, 40), np.linspace(-4, 4, 50), indexing="ij"))
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, X))
    nodes = CellNodes.choose(R, phi, 120)
    assert np.unique(nodes.rows).size == 120
    np.testing.assert_allclose(nodes.weights.sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(nodes.weights[nodes.rows], np.eye(120), atol=1e-4)
    wave = np.cos(2 * np.radians(phi) + 2 * np.log(R / 8) / np.tan(0.14))
    error = nodes.weights @ wave[nodes.rows] - wave
    assert np.sqrt(np.mean(error**2)) < 0.03
    fewer = nodes.thinned(R, phi, 60)
    assert np.count_nonzero(np.abs(fewer.weights).max(axis=0)) == 60
    np.testing.assert_allclose(fewer.weights.sum(axis=1), 1.0, atol=1e-9)
    worse = fewer.weights @ wave[nodes.rows] - wave
    assert np.sqrt(np.mean(error**2)) < np.sqrt(np.mean(worse**2)) < 0.2
    where = places(R, phi)
    for column in where.T:
        assert column[nodes.rows].min() < column.min() + 0.3
        assert column[nodes.rows].max() > column.max() - 0.3


def test_too_few_nodes_are_refused():
    with pytest.raises(DiscatlasError, match="at least 4"):
        CellNodes.choose(np.array([8.0, 9.0]), np.zeros(2), 2)


def test_the_scatter_of_a_map_is_its_noise():
    rng = np.random.default_rng(6)
    X, Y = grid(40, 5.0)
    sigma = np.where(X < 2.5, 1.0, 4.0)
    values = 15 * np.sin(2 * np.pi * X / 4) + Y + sigma * rng.standard_normal(X.size)
    found = local_scatter(X, Y, values)
    for side, true in ((X < 1.5, 1.0), (X > 3.5, 4.0)):
        # chi^2 of the cells of a half has a relative width of sqrt(1 / 2n)
        assert abs(found[side].mean() / true - 1) < 0.05


def test_a_map_too_coarse_for_its_scatter_is_refused():
    with pytest.raises(DiscatlasError, match="10 neighbours"):
        local_scatter(*grid(5, 8.0), np.zeros(25))
