"""Binaries at a sample's own epochs: noise alone is known, orbits only add, more epochs take them away."""

import json

import numpy as np
import polars as pl
import pytest
from made_visits import EPOCHS, make_visits

import simulate_binaries
from discatlas.epochs import Epochs
from discatlas.errors import DiscatlasError
from discatlas.simulation.binary_population import GROUPS, POPULATIONS, bin_edges, simulate_means, summarise
from discatlas.simulation.surveys.binaries import GM_SUN_KM3_S2
from discatlas.streams import stream_generator
from discatlas.tables import read_columns

SETTINGS = {"mean": "plain", "binary_fraction": 0.5, "primary_mass": 8.0, "n_realisations": 2, "bin_kms": 4.0}
SETTINGS |= {"limit_kms": 200.0, "seed": 3, "name": "x"}


def cadence(n_epochs, n_stars=20_000, error=10.0):
    time = stream_generator(1, "cadence").uniform(59200, 60300, n_stars * n_epochs)
    first = np.arange(n_stars) * n_epochs
    zero = np.zeros(time.size)
    return Epochs(np.arange(n_stars), first, time, zero, zero + error, zero.astype(np.int64))


def simulate(epochs, fraction, mass=8.0, mean="plain"):
    return simulate_means(epochs, np.full(epochs.first.size, mass), fraction, mean, stream_generator(2, "orbits"))


@pytest.mark.parametrize("n_epochs", [1, 2, 4])
def test_single_stars_scatter_by_their_errors(n_epochs):
    made = simulate(cadence(n_epochs), 0.5)
    expected = 10.0 / np.sqrt(n_epochs)
    assert abs(made.single.mean()) < 4 * expected / np.sqrt(20_000)
    assert made.single.std() == pytest.approx(expected, rel=0.02)


def test_without_binaries_both_populations_are_the_same():
    made = simulate(cadence(2), 0.0)
    assert not made.is_binary.any()
    np.testing.assert_array_equal(made.single, made.mixed)


def test_noise_is_the_same_for_single_stars_of_both_populations():
    made = simulate(cadence(3), 0.5)
    assert abs(made.is_binary.mean() - 0.5) < 4 * np.sqrt(0.25 / 20_000)
    np.testing.assert_array_equal(made.single[~made.is_binary], made.mixed[~made.is_binary])
    assert (made.single[made.is_binary] != made.mixed[made.is_binary]).all()


def test_epochs_at_random_phases_average_the_orbits():
    """The variance that orbits add falls as one over the number of epochs, but for the longest periods."""
    added = {n: np.var(made.mixed - made.single) for n in (1, 4) for made in [simulate(cadence(n), 1.0)]}
    assert added[1] / added[4] == pytest.approx(4.0, rel=0.1)
    assert added[1] > 30.0**2


def test_heavier_primaries_move_faster_by_the_cube_root_of_the_mass():
    light, heavy = (simulate(cadence(1), 1.0, mass) for mass in (2.0, 16.0))
    np.testing.assert_allclose(heavy.mixed - heavy.single, 2.0 * (light.mixed - light.single), rtol=1e-9, atol=1e-9)
    fastest = np.cbrt(2 * np.pi * GM_SUN_KM3_S2 / (10**0.15 * 86_400)) * np.cbrt(16.0) / 2 ** (2 / 3)
    assert np.abs(heavy.mixed - heavy.single).max() < fastest


def test_histograms_hold_every_star():
    number = np.repeat([1, 3], 500)
    epochs = cadence(1, 1000)
    made = [simulate(epochs, 0.5), simulate(epochs, 0.5)]
    table, groups = summarise(made, number, bin_edges(100.0, 10.0))
    assert table["n_stars"].size == len(POPULATIONS) * len(GROUPS) * 20
    for group, n_stars in (("all", 1000), ("one_epoch", 500), ("several_epochs", 500)):
        assert groups[group]["n_stars"] == n_stars
        for population in POPULATIONS:
            about = groups[group][population]
            rows = (table["group"] == group) & (table["population"] == population)
            assert table["n_stars"][rows].sum() + about["n_outside"] == about["n_simulated"]
            if population != "binary":
                assert about["n_simulated"] == 2 * n_stars
    together = np.concatenate([one.single[:500] for one in made])
    assert groups["one_epoch"]["single"]["p84_kms"] == pytest.approx(np.quantile(together, 0.841345))


def test_a_group_without_stars_has_no_percentiles():
    table, groups = summarise([simulate(cadence(1, 50), 0.5)], np.ones(50, np.int64), bin_edges(100.0, 10.0))
    assert groups["several_epochs"]["single"] == {
        "n_simulated": 0, "n_outside": 0, "mean_kms": None, "std_kms": None, "p16_kms": None, "p50_kms": None, "p84_kms": None,
    }  # fmt: skip
    assert table["n_stars"][table["group"] == "several_epochs"].sum() == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("survey")
    make_visits(path, 20_000)
    return path


def run(folder, out, sample=None, visits=None, **changes):
    paths = {"binaries": out / "b.parquet", "summary": out / "b.json"}
    inputs = {"sample": sample or folder / "sample.parquet", "epochs": visits or folder / "visits.parquet"}
    simulate_binaries.run(**(EPOCHS | SETTINGS | changes), **inputs, **paths)
    return read_columns(paths["binaries"]), json.loads(paths["summary"].read_text(encoding="utf-8"))


def test_zari_appendix_c(folder, tmp_path):
    """Single stars scatter by the errors; binaries more, mostly those of one epoch."""
    _, summary = run(folder, tmp_path)
    half = {
        (group, population): (about[population]["p84_kms"] - about[population]["p16_kms"]) / 2
        for group, about in summary["groups"].items()
        for population in POPULATIONS
    }
    assert 8 < half["one_epoch", "single"] < 20
    assert half["several_epochs", "single"] < 0.8 * half["one_epoch", "single"]
    for group in GROUPS:
        assert half[group, "single"] < half[group, "mixed"] < half[group, "binary"]
    assert half["several_epochs", "mixed"] < half["one_epoch", "mixed"]
    for about in summary["groups"].values():
        for population in POPULATIONS:
            assert abs(about[population]["mean_kms"]) < 4 * about[population]["std_kms"] / np.sqrt(
                about[population]["n_simulated"]
            )
    assert summary["groups"]["all"]["n_stars"] == summary["n_sample"]


def test_only_the_stars_of_the_sample_enter_and_the_others_are_counted(folder, tmp_path):
    sample = pl.read_parquet(folder / "sample.parquet")
    mass = np.where(np.arange(sample.height) < 3, np.nan, 5.0)
    part = sample.with_columns(mass_msun=pl.Series(mass, nan_to_null=True))[:101].with_columns(
        source_id=pl.when(pl.int_range(pl.len()) == 100).then(-1).otherwise(pl.col("source_id"))
    )
    part.write_parquet(tmp_path / "part.parquet")
    _, summary = run(folder, tmp_path, tmp_path / "part.parquet", primary_mass="mass_msun")
    counts = {name: summary[name] for name in ("n_sample", "n_without_epochs", "n_without_mass", "median_mass_msun")}
    assert counts == {"n_sample": 101, "n_without_epochs": 1, "n_without_mass": 3, "median_mass_msun": 5.0}
    assert summary["groups"]["all"]["n_stars"] == 97


def test_the_order_of_the_files_and_repeated_runs_make_no_difference(folder, tmp_path):
    first = run(folder, tmp_path)
    for name in ("sample", "visits"):
        pl.read_parquet(folder / f"{name}.parquet").sample(fraction=1.0, shuffle=True, seed=1).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    again = run(folder, tmp_path, tmp_path / "sample.parquet", tmp_path / "visits.parquet")
    np.testing.assert_array_equal(first[0]["n_stars"], again[0]["n_stars"])
    assert first[1] == again[1]
    assert run(folder, tmp_path, seed=4)[1]["groups"] != first[1]["groups"]


def test_bad_input_is_told(folder, tmp_path):
    with pytest.raises(DiscatlasError, match=r"bins of 7 km/s do not fill -200 to 200 km/s"):
        run(folder, tmp_path, bin_kms=7.0)
    with pytest.raises(DiscatlasError, match=r"no column 'teff' \(nearest: 'teff_K'\)"):
        run(folder, tmp_path, primary_mass="teff")
    with pytest.raises(DiscatlasError, match=r"mean 'plane' is unknown \(nearest: 'plain'\)"):
        run(folder, tmp_path, mean="plane")
    with pytest.raises(DiscatlasError, match=r"stars 0 have epochs in .*; check id"):
        run(folder, tmp_path, id="sdss_id")
