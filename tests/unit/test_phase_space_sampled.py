"""Monte-Carlo errors: the normal deviates, the percentiles, and that threads and batches do not matter."""

import numba
import numpy as np
import pytest
from scipy import stats
from test_phase_space import SUN, stars

from discatlas import frames
from discatlas import phase_space as ps
from discatlas.errors import DiscatlasError
from discatlas.phase_space.names import OBSERVABLES
from discatlas.phase_space.sampled import normal_deviates


@pytest.fixture(scope="module")
def deviates():
    return normal_deviates(12345, np.arange(2000), 200)  # 2.4 million


def test_deviates_are_normal(deviates):
    z, n = deviates.ravel(), deviates.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(stats.skew(z)) < 4 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(z)) < 4 * np.sqrt(24 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    for limit in (2.0, 3.0, 3.6541528853610088, 4.0, 4.5):  # the edge of the ziggurat's base among them
        for tail in (z > limit, z < -limit):
            expected = n * stats.norm.sf(limit)
            assert abs(tail.sum() - expected) < 4 * np.sqrt(expected) + 1, limit
    counts = np.histogram(z, stats.norm.ppf(np.linspace(0, 1, 513)))[0]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_deviates_are_independent(deviates):
    """Between components, draws, neighbouring rows and neighbouring seeds."""
    n = 400_000
    limit = 4.5 / np.sqrt(n)
    between = np.corrcoef(deviates.reshape(-1, 6).T) - np.eye(6)
    assert np.abs(between).max() < limit
    assert abs(np.corrcoef(deviates[:, :-1, 0].ravel(), deviates[:, 1:, 0].ravel())[0, 1]) < limit
    assert abs(np.corrcoef(deviates[:-1, :, 0].ravel(), deviates[1:, :, 0].ravel())[0, 1]) < limit
    other = normal_deviates(12346, np.arange(2000), 200)
    assert abs(np.corrcoef(deviates[..., 0].ravel(), other[..., 0].ravel())[0, 1]) < limit
    assert np.unique(deviates).size == deviates.size


def test_same_bits_for_any_threads_and_batches():
    columns, rows = stars(203, seed=3), np.arange(203)
    whole = ps.sample_percentiles(columns, SUN, "inverse_parallax", 200, 7, rows)
    numba.set_num_threads(1)
    try:
        alone = ps.sample_percentiles(columns, SUN, "inverse_parallax", 200, 7, rows)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    part = {name: values[50:121] for name, values in columns.items()}
    parts = ps.sample_percentiles(part, SUN, "inverse_parallax", 200, 7, rows[50:121])
    other = ps.sample_percentiles(columns, SUN, "inverse_parallax", 200, 8, rows)
    for name, values in whole.items():
        assert values.tobytes() == alone[name].tobytes(), name
        assert values[50:121].tobytes() == parts[name].tobytes(), name
        assert (values != other[name]).all(), name


def by_numpy(columns, n_draws, seed):
    """The same draws turned into percentiles by plain numpy: the parallax drawn with its correlations."""
    z = normal_deviates(seed, np.arange(len(columns["ra"])), n_draws)
    rows = []
    for i in range(len(columns["ra"])):
        order = ("parallax", "ra", "dec", "pmra", "pmdec")
        matrix = np.eye(5)
        for one in range(5):
            for two in range(one):
                a, b = order[one], order[two]
                matrix[one, two] = matrix[two, one] = columns.get(f"{a}_{b}_corr", columns.get(f"{b}_{a}_corr"))[i]
        u = z[i, :, :5] @ np.linalg.cholesky(matrix).T
        parallax = 1 / columns["distance_kpc"][i]
        drawn = parallax + columns["distance_error_kpc"][i] * parallax**2 * u[:, 0]
        keep = drawn > 0
        cos_dec = np.cos(np.deg2rad(columns["dec"][i]))
        observed = (
            columns["ra"][i] + columns["ra_error"][i] / 3.6e6 / cos_dec * u[:, 1],
            columns["dec"][i] + columns["dec_error"][i] / 3.6e6 * u[:, 2],
            1 / np.where(keep, drawn, 1.0),
            columns["pmra"][i] + columns["pmra_error"][i] * u[:, 3],
            columns["pmdec"][i] + columns["pmdec_error"][i] * u[:, 4],
            columns["radial_velocity"][i] + columns["radial_velocity_error"][i] * z[i, :, 5],
        )
        made = ps.convert(*(np.ascontiguousarray(values[keep]) for values in observed), SUN)
        own = ps.convert(*(columns[name][i : i + 1] for name in OBSERVABLES), SUN)["phi_deg"][0]
        made["phi_deg"] = own + (made["phi_deg"] - own + 180) % 360 - 180
        rows.append(np.concatenate([np.percentile(made[name], [16, 50, 84]) for name in ps.COORDINATES]))
    return np.array(rows)


@pytest.mark.parametrize("n_draws", [2, 101, 1000])
def test_percentiles_equal_numpy(n_draws):
    """Selection, interpolation, correlated draws and the discarded parallaxes, against plain numpy on the same draws."""
    columns = stars(60, seed=5, spread=4.0)  # parallaxes with 40 % error: some draws are not positive
    made = ps.sample_percentiles(columns, SUN, "inverse_parallax", n_draws, 99, np.arange(60))
    expected = by_numpy(columns, n_draws, 99)
    scale = np.array([8.0] * 12 + [100.0] * 3 + [200.0] * 9 + [1600.0] * 3)
    assert list(made) == ps.percentile_columns()
    size = np.maximum(np.abs(expected), scale)
    assert np.abs((np.stack(list(made.values()), axis=1) - expected) / size).max() < 1e-9


def test_agrees_with_linear_errors_where_these_are_small():
    n_draws = 4000
    columns = stars(400, seed=8, spread=0.05)
    linear = ps.propagate(columns, SUN, "inverse_parallax")
    sampled = ps.sample_percentiles(columns, SUN, "inverse_parallax", n_draws, 4, np.arange(400))
    for q, (name, error) in enumerate(zip(ps.COORDINATES, ps.error_columns(), strict=True)):
        low, middle, high = (sampled[column] for column in ps.percentile_columns()[3 * q : 3 * q + 3])
        # sampling errors of half of p84 - p16 and of the median of a normal distribution
        pull = (0.5 * (high - low) / linear[error] / 0.994458 - 1) / (1.05 / np.sqrt(n_draws))
        assert abs(pull.mean()) < 0.5 and pull.std() < 1.3 and np.abs(pull).max() < 4.5, name
        shift = (middle - linear[name]) / linear[error] / (1.2533 / np.sqrt(n_draws))
        assert np.abs(shift).max() < 5.0, name


def test_intervals_cover_the_truth():
    """Noisy observations of known stars: 16 to 84 % holds the true coordinate in 68 % of the cases."""
    n, rng = 4000, np.random.default_rng(21)
    truth = stars(n, seed=22, spread=0.3, correlated=False)
    values = ps.convert(*(truth[name] for name in OBSERVABLES), SUN)
    seen = dict(truth)
    for name in ("pmra", "pmdec", "radial_velocity"):
        seen[name] = truth[name] + truth[f"{name}_error"] * rng.normal(size=n)
    seen["distance_kpc"] = truth["distance_kpc"] + truth["distance_error_kpc"] * rng.normal(size=n)
    made = ps.sample_percentiles(seen, SUN, "geometric", 500, 23, np.arange(n))
    columns = ps.percentile_columns()
    for q, name in enumerate(ps.COORDINATES):
        covered = (made[columns[3 * q]] <= values[name]) & (values[name] <= made[columns[3 * q + 2]])
        assert covered.mean() == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / n) + 0.004), name


def test_asymmetric_distances():
    """Two half normals: their percentiles along the line of sight are lo, median and hi."""
    columns = {
        name: np.full(200, value) for name, value in zip(OBSERVABLES, (266.4, -28.9, 3.0, 0.0, 0.0, 0.0), strict=True)
    }
    columns |= {"distance_lo_kpc": np.full(200, 2.8), "distance_hi_kpc": np.full(200, 3.6)}
    columns["distance_error_kpc"] = np.full(200, np.nan)
    made = ps.sample_percentiles(columns, SUN, "photogeometric", 2000, 1, np.arange(200))
    X_sun = SUN.position_kpc[0]
    for percent, distance in ((16, 2.8), (50, 3.0), (84, 3.6)):
        assert np.mean(made[f"X_p{percent}_kpc"] - X_sun) == pytest.approx(distance, abs=0.006), percent
    assert np.isnan(made["v_R_p50_kms"]).all()  # no errors of the motion were given


def test_missing_values():
    columns = stars(4)
    columns["distance_error_kpc"][0] = np.nan
    columns["pmra_error"][1] = np.nan
    columns["radial_velocity"][2] = np.nan
    made = ps.sample_percentiles(columns, SUN, "inverse_parallax", 50, 1, np.arange(4))
    assert all(np.isnan(values[0]) for values in made.values())
    assert np.isnan(made["v_phi_p16_kms"]).tolist() == [True, True, True, False]
    assert np.isfinite(made["R_p84_kpc"][1:]).all()
    with pytest.raises(DiscatlasError, match="at least 2 draws"):
        ps.sample_percentiles(columns, SUN, "inverse_parallax", 1, 1, np.arange(4))


def test_azimuth_beyond_the_centre():
    """A star behind the Galactic centre, whose draws lie on both sides of phi = 180 degrees."""
    observed = frames.observe(np.array([[4.0], [0.0], [0.0]]), np.zeros((3, 1)), SUN)
    columns = observed | {
        "distance_error_kpc": np.array([0.1]),
        "ra_error": np.array([9e6]),
        "dec_error": np.array([0.0]),
    }
    made = ps.sample_percentiles(columns, SUN, "geometric", 1000, 5, np.arange(1))
    width = made["phi_p84_deg"][0] - made["phi_p16_deg"][0]
    assert 1.0 < width < 20.0  # 2.5 degrees on our sky at 12 kpc, seen from 4 kpc on the other side
    assert abs(abs(made["phi_p50_deg"][0]) - 180.0) < 1.0
