"""Pairs of columns: shares and scatters of known Gaussians, slopes with errors in both, temperatures, histograms."""

import json

import numpy as np
import pytest

import compare_columns
from discatlas import column_comparison
from discatlas.column_comparison import Pair, bin_pair, binomial_error, compare_pair, fit_slope
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import extra_columns, read_columns, write_table

N = 40_000


def gaussian_pair(rng, n=N, understated=1.0, offset=0.0):
    """Two measurements of one quantity, with errors of each star's own."""
    truth = rng.normal(-20, 35, n)
    errors = rng.uniform(5, 15, n), rng.uniform(1, 4, n)
    x, y = truth + errors[0] * rng.normal(size=n), truth + offset + errors[1] * rng.normal(size=n)
    return Pair.of(x, y, errors[0] / understated, errors[1] / understated, is_log=False)


def test_shares_of_gaussian_errors_are_those_of_a_gaussian():
    row = compare_pair(gaussian_pair(np.random.default_rng(1)))
    for k, expected in ((1, 0.6827), (2, 0.9545)):
        error = row[f"share_within_{k}_error"]
        assert error == pytest.approx(np.sqrt(expected * (1 - expected) / N), rel=0.02)
        assert abs(row[f"share_within_{k}"] - expected) < 3.5 * error
    assert row["pull_scatter"] == pytest.approx(1.0, abs=0.02)
    assert abs(row["pull_median"]) < 0.02
    assert abs(row["slope"] - 1) < 3.5 * row["slope_error"] < 0.02


def test_understated_errors_and_offsets_are_seen():
    row = compare_pair(gaussian_pair(np.random.default_rng(2), understated=2.0, offset=3.0))
    # a Gaussian of twice the width is within 1 in 38.3 % and within 2 in 68.3 %, less a little for the offset
    assert row["share_within_1"] == pytest.approx(0.3647, abs=0.009)
    assert row["share_within_2"] == pytest.approx(0.6575, abs=0.009)
    assert row["pull_scatter"] == pytest.approx(2.0, abs=0.04)
    assert abs(row["difference_median"] - 3.0) < 3.5 * row["difference_median_error"]


@pytest.mark.parametrize("outliers", [0.0, 0.3])
def test_error_of_the_median_is_calibrated(outliers):
    rng, medians, errors = np.random.default_rng(3), [], []
    for _ in range(600):
        width = np.where(rng.random(400) < outliers, 20.0, 1.0)
        difference = width * rng.normal(size=400)
        row = compare_pair(Pair.of(np.zeros(400), difference, None, None, is_log=False))
        medians.append(row["difference_median"])
        errors.append(row["difference_median_error"])
    # the error itself is uncertain, so its mean is compared with the true one: 600 trials tell it to 3 %
    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.1)


@pytest.mark.parametrize(("true_slope", "x_noise", "y_noise"), [(1.0, 0.6, 0.3), (-1.5, 0.6, 0.3), (0.8, 1.0, 0.9)])
def test_slope_is_unbiased_with_errors_in_both_and_its_error_calibrated(true_slope, x_noise, y_noise):
    rng, pulls, n = np.random.default_rng(4), [], 1500
    for _ in range(150):
        truth, errors = rng.normal(0, 1.0, n), (np.full(n, x_noise), np.full(n, y_noise))
        x, y = truth + errors[0] * rng.normal(size=n), true_slope * truth + 7 + errors[1] * rng.normal(size=n)
        slope, error = fit_slope(x, y, *errors)
        pulls.append((slope - true_slope) / error)
    assert abs(np.mean(pulls)) < 0.35
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_slope_is_of_one_line_whichever_column_is_x_and_outliers_leave_it():
    rng = np.random.default_rng(5)
    truth, errors = rng.normal(0, 10.0, 2000), (np.full(2000, 2.0), np.full(2000, 1.0))
    x, y = truth + errors[0] * rng.normal(size=2000), 1.3 * truth + errors[1] * rng.normal(size=2000)
    slope, error = fit_slope(x, y, *errors)
    assert fit_slope(y, x, *errors[::-1])[0] == pytest.approx(1 / slope, rel=1e-10)
    wild = y.copy()
    wild[:60] = 800.0
    assert abs(fit_slope(x, wild, *errors)[0] - slope) < error
    order = rng.permutation(2000)
    assert fit_slope(x[order], y[order], *errors) == pytest.approx((slope, error), rel=1e-9)


def test_slope_with_one_exact_column_is_least_squares():
    rng = np.random.default_rng(6)
    x, y = rng.normal(0, 3, 500), rng.normal(0, 1, 500)
    y += 2 * x
    none, one = np.zeros(500), np.ones(500)
    assert fit_slope(x, y, none, one)[0] == pytest.approx(np.polyfit(x, y, 1)[0])
    assert fit_slope(x, y, one, none)[0] == pytest.approx(1 / np.polyfit(y, x, 1)[0])
    assert np.isnan(fit_slope(np.ones(9), np.arange(9.0), none[:9], one[:9])[0])


def test_temperatures_are_compared_as_logarithms_but_agree_in_their_own_errors():
    rng = np.random.default_rng(7)
    teff = 10 ** rng.uniform(4.0, 4.6, N)
    errors = 0.04 * teff, 0.03 * teff
    x, y = teff + errors[0] * rng.normal(size=N), 1.1 * teff + errors[1] * rng.normal(size=N)
    row = compare_pair(Pair.of(x, y, *errors, is_log=True))
    assert row["difference_median"] == pytest.approx(np.log10(1.1), abs=0.001)
    assert row["difference_scatter"] == pytest.approx(np.hypot(0.04, 0.03 / 1.1) / np.log(10), rel=0.03)
    inside = np.mean(np.abs(y - x) <= np.hypot(*errors))
    assert row["share_within_1"] == pytest.approx(inside)


def test_missing_values_and_errors_are_counted():
    x = np.array([1.0, np.nan, 3.0, 4.0, -1.0, 6.0])
    y = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 9.0])
    error = np.array([1.0, 1.0, 1.0, np.nan, 1.0, 0.0])
    pair = Pair.of(x, y, error, error, is_log=False)
    row = compare_pair(pair)
    assert (row["n_stars"], row["n_missing"], row["n_with_errors"]) == (4, 2, 2)
    assert row["share_within_1"] == 0.5
    assert Pair.of(x, y, error, error, is_log=True).n_missing == 3
    bare = compare_pair(Pair.of(x, y, None, error, is_log=False))
    assert bare["n_with_errors"] == 0
    assert np.isnan(bare["share_within_2"])


def test_binomial_error_never_vanishes_and_tends_to_the_usual_one():
    assert binomial_error(0, 10) > 0.04
    assert binomial_error(300, 1000) == pytest.approx(np.sqrt(0.3 * 0.7 / 1000), rel=0.01)


@pytest.mark.parametrize("is_log", [True, False])
def test_histogram_holds_all_but_those_outside(is_log):
    rng = np.random.default_rng(8)
    x = 10 ** rng.normal(4, 0.1, 5000)
    pair = Pair.of(x, x * rng.uniform(0.9, 1.1, 5000), None, None, is_log)
    cells, n_outside = bin_pair(pair, 40)
    assert cells["n_stars"].sum() + n_outside == 5000
    assert 0 < n_outside < 100
    k = int(np.argmax(cells["n_stars"]))
    low, high = cells["x_low"][k], cells["x_high"][k]
    inside = (pair.x >= low) & (pair.x < high) & (pair.y >= cells["y_low"][k]) & (pair.y < cells["y_high"][k])
    assert np.count_nonzero(inside) == cells["n_stars"][k]
    assert (high / low == pytest.approx(cells["y_high"][0] / cells["y_low"][0])) == is_log
    assert bin_pair(Pair.of(np.ones(5), np.ones(5), None, None, is_log), 4)[1] == 0


@pytest.fixture
def sample(tmp_path):
    rng = np.random.default_rng(9)
    teff = rng.uniform(1e4, 3e4, 500)
    columns = {"source_id": np.arange(500), "ra": teff * 0, "dec": teff * 0, "distance_kpc": teff * 0 + 1}
    columns |= dict.fromkeys(("distance_error_kpc", "distance_lo_kpc", "distance_hi_kpc"), teff * 0)
    columns |= {"teff_K": teff, "teff_error_K": 0.05 * teff, "logg_dex": rng.normal(4, 0.2, 500)}
    columns |= {"radial_velocity": rng.normal(0, 9, 500), "radial_velocity_error": np.full(500, 3.0)}
    write_table(tmp_path / "s.parquet", load_contract("sample"), columns, {})
    return tmp_path / "s.parquet"


def compare(sample, pairs, **setting):
    folder = sample.parent
    files = {"comparison": folder / "c.parquet", "histogram": folder / "h.parquet", "summary": folder / "c.json"}
    compare_columns.run(sample=sample, **files, pairs=pairs, **({"n_bins": 20, "min_stars": 10} | setting))
    return (
        read_columns(folder / "c.parquet"),
        read_columns(folder / "h.parquet"),
        json.loads((folder / "c.json").read_text()),
    )


def test_script_writes_tables_that_keep_their_contracts(sample):
    pairs = [{"x": "teff_K", "y": "teff_K"}, {"x": "logg_dex", "y": "logg_dex"}]
    table, cells, record = compare(sample, pairs)
    assert not extra_columns(sample.parent / "c.parquet", load_contract("columns_comparison"))
    assert table["scale"].tolist() == ["log10", "linear"]
    assert table["unit"].tolist() == ["dex", "dex"]
    assert table["slope"].tolist() == pytest.approx([1, 1])
    assert table["share_within_1"][0] == 1.0
    assert record["pairs"][1]["share_within_1"] is None  # log g has no errors here
    for k in range(2):
        assert cells["n_stars"][cells["pair"] == k].sum() == 500 - table["n_outside"][k]


def test_errors_name_what_is_wrong(sample):
    for pairs, words in (
        ([], "no pairs of columns"),
        ([{"x": "teff_K", "y": "tef_K"}], r"no column 'tef_K' \(nearest: 'teff_K'\)"),
        ([{"x": "teff_K", "y": "logg_dex"}], "teff_K is in K, logg_dex in dex; compare columns of one unit"),
    ):
        with pytest.raises(DiscatlasError, match=words):
            compare(sample, pairs)
    with pytest.raises(DiscatlasError, match=r"500 stars have both .* expected at least 1,000"):
        compare(sample, [{"x": "teff_K", "y": "teff_K"}], min_stars=1000)


def test_expected_shares_are_of_the_normal_distribution():
    from scipy.stats import norm

    expected = [norm.cdf(k) - norm.cdf(-k) for k in (1, 2)]
    assert pytest.approx(expected, abs=1e-14) == column_comparison.GAUSSIAN_SHARES
