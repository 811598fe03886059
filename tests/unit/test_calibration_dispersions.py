"""The table of dispersions: biases in closed form, the default unbiased in variance, intervals of mean and dispersion."""

import numpy as np
import pytest

from discatlas.calibration.coverage import NOMINAL
from discatlas.calibration.dispersions import ERRORS, N_STARS, SIGMA_KMS, expected_variance, tabulate_dispersions
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.maps.likelihood import ESTIMATORS
from discatlas.runtime import use_threads

N_CELLS = 4000


@pytest.fixture(scope="module")
def rows():
    use_threads(2)
    return tabulate_dispersions(N_CELLS, 20260101)


def where(rows, estimator, error=None, spread=None, n_stars=None):
    chosen = rows["estimator"] == estimator
    for name, value in (("velocity_error_kms", error), ("velocity_error_spread", spread), ("n_stars", n_stars)):
        chosen &= (rows[name] == value) if value is not None else True
    return {name: values[chosen] for name, values in rows.items()}


def test_every_estimator_errors_and_number_has_a_row(rows):
    assert len(rows["n_stars"]) == len(ESTIMATORS) * len(ERRORS) * len(N_STARS)
    assert set(load_contract("calibration_dispersions").names) == set(rows)
    assert (rows["n_cells"] == N_CELLS).all()


def test_found_biases_are_those_of_the_closed_form(rows):
    equal = rows["velocity_error_spread"] == 0
    for name, unit in (("sigma", "kms"), ("variance", "km2_s2")):
        found, expected = rows[f"{name}_bias_{unit}"][equal], rows[f"expected_{name}_bias_{unit}"][equal]
        pull = (found - expected) / rows[f"{name}_bias_error_{unit}"][equal]
        assert np.isfinite(expected).all()
        assert np.abs(pull).max() < 4


def test_the_default_is_unbiased_in_variance_where_no_cell_ends_at_zero(rows):
    """From 6 to 1,000 stars; with errors of 13 km/s small cells end at 0, which is all that is left of a bias."""
    default = where(rows, "restricted")
    pull = default["variance_bias_km2_s2"] / default["variance_bias_error_km2_s2"]
    assert np.abs(pull[default["zero_share"] < 0.003]).max() < 4
    small_errors = where(rows, "restricted", 3.0, 0.0)
    assert np.abs(small_errors["expected_variance_bias_km2_s2"]).max() < 0.003
    assert (default["variance_bias_km2_s2"] < 0.15 * SIGMA_KMS**2).all()
    for n in N_STARS:
        for error, spread in ERRORS:
            one, other = (where(rows, name, error, spread, n) for name in ("restricted", "plain"))
            assert abs(one["variance_bias_km2_s2"][0]) < abs(other["variance_bias_km2_s2"][0]) or n == 1000


def test_the_plain_dispersion_is_low_as_published_numbers_say(rows):
    """12.9 for 15 km/s in cells of 6, from the sums of squares over n: -(sigma^2 + error^2)/n in variance."""
    assert SIGMA_KMS + where(rows, "plain", 3.0, 0.0, 6)["expected_sigma_bias_kms"][0] == pytest.approx(
        12.89, abs=0.005
    )
    for n in (6, 20, 1000):
        bias = where(rows, "plain", 3.0, 0.0, n)["expected_variance_bias_km2_s2"][0]
        assert bias == pytest.approx(-(15.0**2 + 3.0**2) / n, abs=0.01)
    plain, paper = where(rows, "plain"), where(rows, "zari2025")
    for name in ("sigma_bias_kms", "variance_bias_km2_s2", "sigma_coverage", "zero_share"):
        np.testing.assert_array_equal(plain[name], paper[name])


def test_intervals_of_the_default_are_calibrated_and_those_of_the_paper_are_not(rows):
    default, paper = where(rows, "restricted"), where(rows, "zari2025")
    assert np.abs(default["mean_coverage"] - NOMINAL).max() < 0.05  # 65.3 % at 20 stars of very unequal errors
    assert np.abs(default["sigma_coverage"] - NOMINAL).max() < 0.045
    assert np.abs(default["mean_coverage"] - NOMINAL).mean() < 0.018
    for n, share in ((6, 0.38), (20, 0.50), (100, 0.545)):
        row = where(rows, "zari2025", 13.0, 0.0, n)
        assert row["mean_coverage_lo"][0] < share < row["mean_coverage_hi"][0]
    assert (paper["mean_coverage"] <= default["mean_coverage"]).all()


def test_expected_variance_by_integration():
    rng = np.random.default_rng(2)
    S = (15.0**2 + 13.0**2) * rng.chisquare(5, 400_000)
    for estimator, divisor in (("restricted", 5), ("plain", 6)):
        drawn = np.maximum(S / divisor - 13.0**2, 0)
        expected = expected_variance(6, 15.0, 13.0, estimator)
        assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / np.sqrt(S.size))
    assert expected_variance(6, 15.0, 0.0, "restricted") == pytest.approx(225.0)
    assert expected_variance(6, 15.0, 0.0, "plain") == pytest.approx(225.0 * 5 / 6)


def test_threads_and_seed():
    tables = []
    for threads, seed in ((1, 1), (2, 1), (2, 2)):
        use_threads(threads)
        tables.append(tabulate_dispersions(20, seed))
    for name, values in tables[0].items():
        np.testing.assert_array_equal(values, tables[1][name])
    assert (tables[0]["sigma_bias_kms"] != tables[2]["sigma_bias_kms"]).any()
    with pytest.raises(DiscatlasError, match="got n_cells 1, expected 2 or more"):
        tabulate_dispersions(1, 1)
