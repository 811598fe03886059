"""Density contrast by two kernels: known answers, and the same as a loop."""

import numpy as np
import pytest

from discatlas.errors import DiscatlasError
from discatlas.overdensity import KERNELS, density_contrast, grid_axes, kernel_sums
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

X, Y = grid_axes([[-10.0, -6.0], [-2.0, 2.0]], 0.1)


def stars(n, name):
    rng = stream_generator(20260101, "test_overdensity", name)
    return rng.uniform(-11, -5, n), rng.uniform(-3, 3, n)


def test_one_star_gives_the_kernel_itself():
    for kernel in KERNELS:
        total, squares = kernel_sums(np.array([-8.03]), np.array([0.01]), X, Y, 0.3, kernel)
        u, v = (X[:, None] + 8.03) / 0.3, (Y[None, :] - 0.01) / 0.3
        if kernel == "gaussian":
            expected = np.exp(-0.5 * (u**2 + v**2)) / (2 * np.pi * 0.09 * (1 - np.exp(-4.5)))
            expected = np.where(u**2 + v**2 < 9, expected, 0.0)
        else:
            expected = 9 / 16 / 0.09 * np.maximum(1 - u**2, 0) * np.maximum(1 - v**2, 0)
        np.testing.assert_allclose(total, expected, atol=1e-12)
        np.testing.assert_allclose(squares, expected**2, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("width", [0.3, 0.55])
def test_kernels_have_integral_one(kernel, width):
    fine_X, fine_Y = grid_axes([[-10.0, -6.0], [-2.0, 2.0]], 0.01)
    total, _ = kernel_sums(np.array([-8.0]), np.array([0.0]), fine_X, fine_Y, width, kernel)
    assert total.sum() * 0.01**2 == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_contrast_is_that_of_a_loop_over_stars(kernel):
    x, y = stars(400, "loop")
    found = density_contrast(x, y, X[::8], Y[::8], 0.3, 0.9, kernel, 0.0)
    for k in (0, 17, 30):
        node = X[::8][k // Y[::8].size], Y[::8][k % Y[::8].size]
        densities = []
        for width in (0.3, 0.9):
            u, v = (x - node[0]) / width, (y - node[1]) / width
            if kernel == "gaussian":
                weight = np.where(u**2 + v**2 <= 9, np.exp(-0.5 * (u**2 + v**2)), 0) / (
                    2 * np.pi * width**2 * (1 - np.exp(-4.5))
                )
            else:
                weight = np.maximum(1 - u**2, 0) * np.maximum(1 - v**2, 0) * 9 / 16 / width**2
            densities.append(weight)
        local, mean = (weight.sum() for weight in densities)
        assert found["density_per_kpc2"][k] == pytest.approx(local)
        assert found["overdensity"][k] == pytest.approx(local / mean - 1)
        assert found["n_effective"][k] == pytest.approx(local**2 / np.sum(densities[0] ** 2))
        assert found["overdensity_error"][k] == pytest.approx(np.sqrt(np.sum(densities[0] ** 2)) / mean)


def test_even_density_has_no_contrast_and_a_wave_has_its_own():
    """A Gaussian of width h leaves exp(-(k h)^2 / 2) of a wave: stars on a fine lattice, weighted by their number."""
    step = 0.02
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-14, -2, step), np.arange(-6, 6, step), indexing="ij"))
    flat = density_contrast(x, y, X[10:31], Y[10:31], 0.2, 1.0, "gaussian", 0.0)
    assert np.abs(flat["overdensity"]).max() < 2e-3
    k = 2 * np.pi / 2.0
    rows = np.repeat(np.arange(x.size), np.round(10 * (1 + 0.5 * np.cos(k * x))).astype(int))
    wave = density_contrast(x[rows], y[rows], X[10:31], Y[10:31], 0.2, 1.0, "gaussian", 0.0)
    node_X = np.repeat(X[10:31], 21)
    amplitude = 2 * np.mean(wave["overdensity"][: 21 * 20] * np.cos(k * node_X[: 21 * 20]))
    expected = 0.5 * (np.exp(-0.5 * (k * 0.2) ** 2) - np.exp(-0.5 * k**2))
    assert amplitude == pytest.approx(expected, abs=0.02)


def test_errors_of_the_contrast_hold():
    """Poisson stars of even density: the contrast over its error scatters by 1 (the mean is much wider)."""
    pulls = []
    for k in range(40):
        rng = stream_generator(20260101, "test_overdensity", "errors", str(k))
        x, y = rng.uniform(-14, -2, 20_000), rng.uniform(-6, 6, 20_000)
        found = density_contrast(x, y, np.array([-9.0, -8.0]), np.array([-1.0, 0.0]), 0.3, 3.0, "epanechnikov", 0.0)
        pulls += list(found["overdensity"] / found["overdensity_error"])
    assert np.std(pulls) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * 160))


def test_no_contrast_where_the_mean_density_is_low():
    x, y = stars(2000, "mask")
    inside = x < -8
    found = density_contrast(x[inside], y[inside], X, Y, 0.3, 0.9, "epanechnikov", 0.02)
    known = np.isfinite(found["overdensity"]).reshape(X.size, Y.size)
    assert known[X < -8.2].all()
    assert not known[X > -7.1].any()
    mean = found["mean_density_per_kpc2"].reshape(X.size, Y.size) / inside.sum()
    np.testing.assert_array_equal(known, mean >= 0.02)


def test_same_bits_on_any_number_of_threads():
    x, y = stars(5000, "threads")
    results = []
    for threads in (1, 2):
        use_threads(threads)
        results.append(density_contrast(x, y, X, Y, 0.3, 1.0, "gaussian", 0.0))
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_bad_input_is_said():
    x, y = stars(100, "bad")
    with pytest.raises(DiscatlasError, match=r"got kernel 'gaussia'.*nearest: 'gaussian'"):
        kernel_sums(x, y, X, Y, 0.3, "gaussia")
    with pytest.raises(DiscatlasError, match="expected the first to be smaller"):
        density_contrast(x, y, X, Y, 2.0, 0.3, "gaussian", 0.0)
    with pytest.raises(DiscatlasError, match="at every node"):
        density_contrast(x + 50, y, X, Y, 0.3, 2.0, "gaussian", 0.003)
    for limits, spacing in (([[0, 1], [0, 1]], 0.3), ([[1, 0], [0, 1]], 0.1), ([[0, 1], [0, 1]], 0.0)):
        with pytest.raises(DiscatlasError, match="a whole number of spacings apart"):
            grid_axes(limits, spacing)
    with pytest.raises(DiscatlasError, match="take a wider spacing"):
        grid_axes([[-100, 100], [-100, 100]], 0.01)


def brute_force(x, y, z, node, width, kernel, Z_limits, step):
    """Smooth in a fine column of nodes above and below `node` and add them up: the integral over Z as a sum."""
    low, high = Z_limits
    Z = np.arange(low + step / 2, high, step)
    u, v, w = (x - node[0]) / width, (y - node[1]) / width, (Z[:, None] - z) / width
    s2 = u**2 + v**2 + w**2
    if kernel == "gaussian":
        r = np.linspace(0, 3, 300_001)
        norm = np.trapezoid(4 * np.pi * r**2 * np.exp(-0.5 * r**2), r) * width**3
        density = np.where(s2 <= 9, np.exp(-0.5 * s2), 0.0) / norm
    else:
        shape = np.maximum(1 - u**2, 0) * np.maximum(1 - v**2, 0) * np.maximum(1 - w**2, 0)
        density = (0.75 / width) ** 3 * shape
    return density.sum() * step


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("limits", [None, (-0.5, 0.25), (0.4, 3.0)])
def test_projection_of_three_dimensions_is_that_of_a_fine_grid(kernel, limits):
    """The closed form per star is the integral along Z of the smoothed density, also where limits cut the kernels."""
    x, y = stars(300, "depth")
    z = stream_generator(20260101, "test_overdensity", "z").laplace(scale=0.3, size=300)
    for width in (0.3, 0.9):
        total, _ = kernel_sums(x, y, X[::8], Y[::8], width, kernel, True, z, limits)
        for i, j in ((0, 0), (2, 3), (4, 1)):
            node = X[::8][i], Y[::8][j]
            expected = brute_force(x, y, z, node, width, kernel, limits or (-6.0, 6.0), 2e-4)
            assert total[i, j] == pytest.approx(expected, rel=2e-4)


def test_one_star_in_three_dimensions_has_integral_one_over_all_z_and_its_share_within_limits():
    fine_X, fine_Y = grid_axes([[-10.0, -6.0], [-2.0, 2.0]], 0.01)
    place = np.array([-8.0]), np.array([0.0])
    for kernel in KERNELS:
        sums = []
        for height, limits in ((5.0, None), (0.0, (0.0, 9.0)), (0.1, (-9.0, 0.1)), (4.0, (-2.0, 2.0))):
            total, squares = kernel_sums(*place, fine_X, fine_Y, 0.4, kernel, True, np.array([height]), limits)
            sums.append(total.sum() * 0.01**2)
            np.testing.assert_allclose(squares, total**2, atol=1e-12)
        np.testing.assert_allclose(sums, [1.0, 0.5, 0.5, 0.0], atol=1e-3)


def test_without_limits_heights_do_not_matter():
    """The integral over all Z undoes the smoothing along Z: only the cut of the Gaussian on a sphere is left of it."""
    x, y = stars(2000, "flat")
    z = stream_generator(20260101, "test_overdensity", "flat z").normal(size=2000)
    flat, high, plane = (
        density_contrast(x, y, X, Y, 0.3, 0.9, "gaussian", 0.02, heights)["overdensity"]
        for heights in (np.zeros(2000), z, None)
    )
    np.testing.assert_array_equal(flat, high)
    known = np.isfinite(plane)
    assert np.std((flat - plane)[known]) < 0.03 * np.std(plane[known])
    boxes = (
        density_contrast(x, y, X, Y, 0.3, 0.9, "epanechnikov", 0.02, heights)["overdensity"] for heights in (z, None)
    )
    np.testing.assert_allclose(*boxes)


def test_limits_tighter_than_the_wide_kernel_raise_the_contrast():
    """They lose more of the mean density than of the local one; a thin even disc has no contrast within wide limits."""
    step = 0.05
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-14, -2, step), np.arange(-6, 6, step), indexing="ij"))
    z = np.zeros(x.size)
    wide, tight = (
        density_contrast(x, y, X[10:31:4], Y[10:31:4], 0.2, 1.0, "gaussian", 0.0, z, limits)["overdensity"]
        for limits in ((-4.0, 4.0), (-0.6, 0.6))
    )
    assert np.abs(wide).max() < 2e-3
    kept = 0.4515 / 0.9973  # share of a Gaussian of width 1 within 0.6
    assert tight.mean() == pytest.approx(1 / kept - 1, rel=0.05)


def test_three_dimensions_have_the_same_bits_on_any_number_of_threads():
    x, y = stars(3000, "threads")
    z, results = x + 8, []
    for threads in (1, 2):
        use_threads(threads)
        results.append(density_contrast(x, y, X, Y, 0.3, 1.0, "gaussian", 0.0, z, (-1.0, 0.5)))
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_bad_limits_of_height_are_said():
    x, y = stars(100, "bad")
    with pytest.raises(DiscatlasError, match=r"got Z_limits_kpc \[1, -1\]; expected .* low < high"):
        kernel_sums(x, y, X, Y, 0.3, "gaussian", True, x, (1.0, -1.0))
    with pytest.raises(DiscatlasError, match=r"got Z_limits_kpc \[-1, 1\] in two dimensions"):
        kernel_sums(x, y, X, Y, 0.3, "gaussian", True, None, (-1.0, 1.0))
