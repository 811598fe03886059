"""The scripts of spiral mocks: their tables, their random numbers, and checks that pass and fail as they should."""

import json

import numpy as np
import polars as pl
import pytest
from made_spirals import mock_entry

import check_spiral_mock
import simulate_spiral_mock
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.simulation.mock_recovery import observe_mock
from discatlas.tables import column_names, read_columns, read_provenance

SMOOTHED = {
    "selection": "Y_kpc > -90",
    "limits_kpc": [[-14.0, -3.0], [-5.5, 5.5]],
    "spacing_kpc": 0.5,
    "window_kpc": 0.75,
    "min_stars": 8,
    "n_bootstraps": 100,
}
RESPONSE = {
    "m": 4,  # that of the mock is taken
    "terms": "full",
    "pattern_speed_kms_kpc": 99.0,  # as is its pattern speed
    "R_limits_kpc": [5.0, 14.0],
    "scale_length_kpc": [2.0, 60.0],
    "surface_density_msun_kpc2": [1e4, 1e7],
    "pitch_deg": [6.0, 30.0],
    "normalisation": "razor_thin",
    "scale_height_kpc": 0.3,
    "disc_surface_density_msun_kpc2": 3.8e7,
    "v_c_kms": 200.0,
    "v_c_slope": 0.1,
    "core_kpc": None,
    "regularisation": 0.0,
    "resonance_margin": 0.08,
    "covariance": "windows",
    "floor_kms": 3.0,
    "mean": "zero",
    "n_live": 60,
}


def simulate(folder, entry, seed=1, name="made"):
    paths = {"particles": folder / "particles.parquet", "annuli": folder / "annuli.parquet"}
    simulate_spiral_mock.run(**paths, model=entry, seed=seed, name=name)
    return paths


@pytest.fixture(scope="module")
def entry():
    return mock_entry(2.0, n_particles=16_000)


@pytest.fixture(scope="module")
def made(entry, tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("mock"), entry)


def check(made, folder, entry, **changes):
    arguments = {
        "stars": None,
        "result": folder / "result.json",
        "recovered": folder / "recovered.parquet",
        "name": "slow",
        "model": entry,
        "R_limits_kpc": [5.0, 19.0],
        "ratio_tolerance": 0.02,
        "phase_tolerance_deg": 0.5,
        "recovery": None,
        "seed": 1,
        "threads": 1,
    }
    check_spiral_mock.run(**made, **(arguments | changes))
    records = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {record["name"]: record for record in records}, read_columns(folder / "recovered.parquet")


def test_tables_keep_their_contracts(made, entry):
    for key, name in (("particles", "spiral_mock"), ("annuli", "spiral_mock_annuli")):
        assert column_names(made[key]) == load_contract(name).names
        assert read_provenance(made[key])["model"] == entry
    rows, columns = read_columns(made["particles"]), read_columns(made["annuli"])
    assert np.all(np.bincount(rows["output"]) == 16_000)
    assert rows["output"].max() == 10
    inside = np.abs(rows["R_kpc"][:, None] - columns["R_kpc"]) < 0.5
    np.testing.assert_array_equal(columns["n"], inside.sum(axis=0))
    assert columns["valid"].dtype == bool


def test_bytes_are_the_same_for_any_number_of_threads_and_not_for_another_seed(tmp_path):
    entry, digests = mock_entry(n_particles=1600, n_outputs=2, sigma_R_kms=30.0, annulus_kpc=3.0), []
    for threads, seed in ((1, 1), (2, 1), (1, 2)):
        use_threads(threads)
        folder = tmp_path / f"{threads}{seed}"
        folder.mkdir()
        digests.append([path.read_bytes() for path in simulate(folder, entry, seed).values()])
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]


def test_too_little_memory_is_said_before_anything_is_made(tmp_path, entry, monkeypatch):
    monkeypatch.setattr("discatlas.runtime.available_memory", lambda: 1e6)
    with pytest.raises(DiscatlasError, match=r"spiral_mocks\.made: needs about 0\.0 GB of memory"):
        simulate(tmp_path, entry)
    assert list(tmp_path.iterdir()) == []


def test_the_linear_mock_passes(made, entry, tmp_path):
    records, recovered = check(made, tmp_path, entry)
    assert set(records) == {"slow: amplitude", "slow: phase"}
    assert all(record["pass"] for record in records.values())
    assert recovered["parameter"].size == 0


def test_a_mock_that_is_not_linear_fails(tmp_path):
    entry = mock_entry(2.0, growth_Gyr=1.0)
    records, _ = check(simulate(tmp_path, entry), tmp_path, entry)
    assert not records["slow: amplitude"]["pass"]
    assert not records["slow: phase"]["pass"]


def test_radii_without_an_annulus_and_tables_of_another_mock(made, entry, tmp_path):
    with pytest.raises(DiscatlasError, match=r"no annulus from 22 to 26 kpc is away from resonances .* check 'slow'"):
        check(made, tmp_path, entry, R_limits_kpc=[22.0, 26.0])
    with pytest.raises(DiscatlasError, match=r"annuli\.parquet: not made with the config entry of this mock"):
        check(made, tmp_path, entry | {"amplitude": 0.2})
    assert not (tmp_path / "result.json").exists()


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """Places about the Sun with large errors, a few of them without, or far away."""
    rng, n = np.random.default_rng(5), 12_000
    columns = {"X_kpc": -8.1 + 3.0 * rng.standard_normal(n), "Y_kpc": 2.5 * rng.standard_normal(n)}
    columns["v_R_error_kms"] = np.full(n, 5.0)
    columns["X_kpc"][:5], columns["v_R_error_kms"][5:10] = np.nan, np.nan
    columns["Y_kpc"][10:15] = 80.0
    path = tmp_path_factory.mktemp("stars") / "stars.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def test_the_input_comes_back_from_the_places_of_stars(made, entry, stars, tmp_path):
    recovery = {
        "smoothed": SMOOTHED,
        "response": RESPONSE,
        "error_kms": 0.3,
        "tolerances": {"pitch_deg": 0.5, "surface_density_msun_kpc2": 3e4},
    }
    records, recovered = check(made, tmp_path, entry, stars=stars, recovery=recovery)
    assert set(records) == {"slow: amplitude", "slow: phase", "slow: pitch_deg", "slow: surface_density_msun_kpc2"}
    assert all(record["pass"] for record in records.values())
    names = ["scale_length_kpc", "surface_density_msun_kpc2", "pitch_deg", "phase_deg"]
    assert list(recovered["parameter"]) == names
    np.testing.assert_allclose(recovered["truth"][:3], [11.36, 6e5, 12.66])
    relative = np.abs(recovered["median"] / recovered["truth"] - 1)
    assert np.all(relative[:3] < [0.06, 0.03, 0.02])
    assert abs(recovered["median"][3] - recovered["truth"][3]) < 2.0
    np.testing.assert_array_equal(np.isfinite(recovered["tolerance"]), [False, True, True, False])
    with pytest.raises(DiscatlasError, match=r"'pitch' is not a free parameter of the fit \(nearest: 'pitch_deg'"):
        check(made, tmp_path, entry, stars=stars, recovery=recovery | {"tolerances": {"pitch": 1.0}})


def test_stars_get_the_velocity_of_the_mock_where_they_are():
    rng, i = np.random.default_rng(2), np.arange(40_000)
    X, Y = rng.uniform(-9, -7, i.size), rng.uniform(-1, 1, i.size)
    particles = {"X_kpc": X, "Y_kpc": Y, "v_R_kms": 100 * X + Y}
    stars = {"X_kpc": np.array([-8.0, -8.5, 3.0, -8.2]), "Y_kpc": np.array([0.5, -0.5, 0.0, 0.0])}
    stars["v_R_error_kms"] = np.array([1e-9, 1e-9, 1e-9, np.nan])
    observed = observe_mock(stars, particles, rng)
    np.testing.assert_allclose(observed.X_kpc, [-8.0, -8.5], atol=0.05)
    np.testing.assert_allclose(observed.v_R_kms, 100 * observed.X_kpc + observed.Y_kpc, atol=1e-6)
    many = {name: np.repeat(values[:1], 20_000) for name, values in stars.items()} | {
        "v_R_error_kms": np.full(20_000, 7.0)
    }
    noise = observe_mock(many, particles, rng)
    assert np.std(noise.v_R_kms) == pytest.approx(7.0, rel=0.02)
    with pytest.raises(DiscatlasError, match=r"none of 1 stars lies within 0\.1 kpc of a particle"):
        observe_mock({name: values[2:3] for name, values in stars.items()}, particles, rng)
