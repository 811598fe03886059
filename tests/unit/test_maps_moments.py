"""Moments and medians per cell: equal to numpy, right order statistics, same bits for any number of threads."""

from itertools import pairwise

import numba
import numpy as np
import pytest

from discatlas.maps.moments import cell_moments, divide_blocks, median_ranks, sort_by_cell


def moments_of(values, offsets):
    return cell_moments(values, offsets, divide_blocks(offsets))


@pytest.mark.parametrize("kind", ["gauss", "ties", "sorted", "organ_pipe", "constant"])
def test_moments_equal_numpy(kind):
    rng = np.random.default_rng(2)
    counts = [0, 1, 2, 3, 4, 5, 6, 7, 19, 20, 1001, 20000]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    values = rng.normal(230, 30, offsets[-1])
    if kind == "ties":
        values = np.round(values, -1)
    if kind == "sorted":
        values = np.sort(values)
    if kind == "organ_pipe":
        values = np.concatenate([np.minimum(np.arange(n), np.arange(n)[::-1]) for n in counts]).astype(float)
    if kind == "constant":
        values[:] = 7.0
    out = moments_of(values, offsets)
    assert np.all(np.isnan(out[0]))
    for row, (a, b) in zip(out[1:], pairwise(offsets[1:]), strict=True):
        x = values[a:b]
        assert row[0] == np.median(x)
        np.testing.assert_allclose(row[2], x.mean(), rtol=1e-13)
        if x.size > 1:
            np.testing.assert_allclose(row[4], x.std(ddof=1), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(row[3], x.std(ddof=1) / np.sqrt(x.size), rtol=1e-12, atol=1e-12)
            ranks, fractions = median_ranks(np.array([x.size]))
            k, f, ordered = ranks[0], fractions[0], np.sort(x)
            inner = ordered[x.size - k] - ordered[k - 1]
            step = ordered[k] - ordered[k - 1] + ordered[x.size - k] - ordered[x.size - k - 1]
            np.testing.assert_allclose(row[1], 0.5 * (inner - f * step), rtol=1e-12, atol=1e-12)
        else:
            assert np.all(np.isnan(row[[1, 3, 4]]))


def test_std_survives_a_large_offset():
    values = 1e9 + np.tile([-1.0, 1.0], 500)
    out = moments_of(values, np.array([0, 1000]))
    np.testing.assert_allclose(out[0, 4], np.sqrt(1000 / 999), rtol=1e-12)


def test_ranks_are_those_of_the_binomial():
    ranks, fractions = median_ranks(np.array([2, 3, 6, 100]))
    # P(B < k) of binomial(n, 1/2) by hand: 1/8 for (3, 1); 7/64 for (6, 2); 0.1356 for (100, 45).
    np.testing.assert_array_equal(ranks, [1, 1, 2, 45])
    assert fractions[0] == 0
    assert np.all((fractions >= 0) & (fractions < 1))


@pytest.mark.parametrize("n", [3, 6, 11, 30])
@pytest.mark.parametrize("law", ["gauss", "exponential"])
def test_median_interval_covers_the_truth(n, law):
    rng = np.random.default_rng(4)
    x = np.sort(rng.normal(size=(20000, n)) if law == "gauss" else rng.exponential(size=(20000, n)) - np.log(2), axis=1)
    ranks, fractions = median_ranks(np.array([n]))
    k, f = ranks[0], fractions[0]
    low = x[:, k - 1] + f * (x[:, k] - x[:, k - 1])
    high = x[:, n - k] - f * (x[:, n - k] - x[:, n - k - 1])
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.6827, abs=0.02)


def test_median_error_of_many_stars_is_that_of_a_gaussian():
    offsets = np.arange(0, 400 * 1000 + 1, 1000)
    out = moments_of(np.random.default_rng(5).normal(0, 20, offsets[-1]), offsets)
    expected = np.sqrt(np.pi / 2) * 20 / np.sqrt(1000)
    np.testing.assert_allclose(out[:, 1].mean(), expected, rtol=0.02)
    np.testing.assert_allclose(out[:, 0].std(), expected, rtol=0.1)


def test_sorting_by_cell_keeps_the_row_order():
    cells = np.random.default_rng(6).integers(0, 50, 10000).astype(np.int32)
    offsets, rows, copy = sort_by_cell(cells, (np.arange(10000.0), np.arange(10000.0)), 51)
    np.testing.assert_array_equal(rows, np.argsort(cells, kind="stable"))
    np.testing.assert_array_equal(np.diff(offsets), np.bincount(cells, minlength=51))
    np.testing.assert_array_equal(rows, copy)


def test_number_of_threads_does_not_change_a_bit():
    rng = np.random.default_rng(7)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 300, 500))])
    values = rng.normal(size=offsets[-1])
    threads = numba.config.NUMBA_NUM_THREADS
    try:
        numba.set_num_threads(1)
        one = moments_of(values, offsets)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one, moments_of(values, offsets))


def test_blocks_cover_all_cells_in_order():
    for offsets in (
        np.array([0, 5]),
        np.array([0, 0, 0, 10]),
        np.arange(0, 100001, 10),
        np.array([0, 1_000_000, 1_000_001]),
    ):
        blocks = divide_blocks(offsets)
        assert blocks[0] == 0
        assert blocks[-1] == offsets.size - 1
        assert np.all(np.diff(blocks) > 0)
