"""Epochs, matches, ages and what is made of them, through the whole workflow, and what an edit of their options makes run again."""

import shutil

import numpy as np
import polars as pl
import pytest
from harness import alone, overlay, planned, read_json, run

from places import ROOT

YOUNG = ROOT / "tests/config/young_stars.yaml"


@pytest.fixture(scope="module")
def finished(baseline, tmp_path_factory):
    """A copy of the tiny atlas with its young stars."""
    folder, options = baseline
    mine = tmp_path_factory.mktemp("young_stars")
    with alone(folder):
        shutil.copytree(folder / "atlas", mine / "atlas", copy_function=shutil.copy2)
        run(mine / "atlas", overlays=[YOUNG], **options)
        yield mine, options


def results(finished):
    return finished[0] / "atlas/results"


def test_velocities_of_the_sample_are_those_of_its_epochs(finished):
    made = results(finished)
    sample = pl.read_parquet(made / "samples/sdssv_ob.parquet")
    combined = pl.read_parquet(made / "catalogues/velocities/sdssv_ob.parquet")
    both = sample.join(combined, on="source_id", suffix="_combined")
    assert both.height == sample.height
    for name in ("radial_velocity", "radial_velocity_error", "n_epochs"):
        assert both[name].equals(both[f"{name}_combined"].alias(name), null_equal=True)
    visits = pl.read_parquet(made / "catalogues/visits/sdssv_ob.parquet")
    assert combined["n_epochs"].sum() == visits.height


def test_matches_are_of_the_same_particles(finished):
    """Both surveys see the same galaxy, whose particles are the identifiers."""
    made = results(finished)
    match = pl.read_parquet(made / "catalogues/matches/sdssv_gaia.parquet").filter("is_best")
    assert match.height > 20
    assert (match["left_source_id"] == match["right_source_id"]).mean() > 0.99
    sample = pl.read_parquet(made / "samples/sdssv_ob.parquet")
    gaia = pl.read_parquet(made / "samples/gaia_rvs.parquet").select("source_id", "radial_velocity")
    joined = sample.filter(pl.col("gaia_radial_velocity").is_not_null())
    joined = joined.join(gaia, on="source_id", suffix="_gaia")
    assert joined.height > 5
    np.testing.assert_array_equal(joined["gaia_radial_velocity"], joined["radial_velocity_gaia"])


def test_ages_follow_the_temperature(finished):
    made = results(finished)
    ages = pl.read_parquet(made / "phase_space/ages/sdssv_ob.parquet")
    sample = pl.read_parquet(made / "samples/sdssv_ob.parquet")
    assert ages["source_id"].equals(sample["source_id"])
    good = ages.with_columns(sample["teff_K"]).filter("is_good")
    assert good.height > 0.9 * ages.height
    hot, cool = good.filter(pl.col("teff_K") > 25000), good.filter(pl.col("teff_K") < 15000)
    assert hot["log_age_p50_dex"].median() + 0.5 < cool["log_age_p50_dex"].median()
    assert (good["log_age_p16_dex"] <= good["log_age_p50_dex"]).all()
    assert (good["log_age_p50_dex"] <= good["log_age_p84_dex"]).all()


def test_maps_by_age_count_the_stars_of_that_age(finished):
    made = results(finished)
    stars = pl.read_parquet(made / "phase_space/sdssv_ob.parquet").join(
        pl.read_parquet(made / "phase_space/ages/sdssv_ob.parquet"), on="source_id"
    )
    chosen = stars.filter(
        (pl.col("log_age_p50_dex") <= 7.477)
        & (pl.col("v_phi_kms") > 209)
        & (pl.col("v_phi_kms") < 269)
        & pl.col("X_kpc").is_between(-13, -4)
        & pl.col("Y_kpc").is_between(-4.5, 4.5)
    )
    assert pl.read_parquet(made / "maps/sdssv_ob/map_young.parquet")["n_stars"].sum() == chosen.height


def test_comparisons_and_classes_count_the_sample(finished):
    made = results(finished)
    n = pl.read_parquet(made / "samples/sdssv_ob.parquet").height
    classes = pl.read_parquet(made / "samples/spectral_classes_sdssv_ob.parquet").filter(pl.col("group") == "sample")
    assert classes["n_stars"].sum() == n
    comparison = pl.read_parquet(made / "fits/sdssv_ob/columns_sdssv.parquet")
    assert (comparison["n_stars"] + comparison["n_missing"] == n).all()
    r = read_json(made / "fits/sdssv_ob/overdensity_comparison_young.json")
    assert -1 <= r["r"] <= 1
    assert 0 < r["p_value"] <= 1


def test_a_prior_makes_ages_and_their_maps_again(finished, tmp_path):
    edit = overlay(tmp_path / "prior.yaml", "ages: {hot_stars: {imf_slope: 2.3}}\n")
    jobs = planned(finished[0] / "atlas", overlays=[YOUNG, edit], **finished[1])
    assert jobs["estimate_ages"] == 1
    assert {"bin_map", "plot_ages", "check_ages", "plot_population_page"} <= set(jobs)
    assert not {"combine_epochs", "clean_sample", "convert_phase_space", "match_catalogues"} & set(jobs)


def test_a_rule_of_the_epochs_makes_the_sample_again(finished, tmp_path):
    edit = overlay(tmp_path / "epochs.yaml", "epochs: {sdssv_ob: {errors: zari2025}}\n")
    jobs = planned(finished[0] / "atlas", overlays=[YOUNG, edit], **finished[1])
    assert jobs["combine_epochs"] == 1
    assert jobs["clean_sample"] == 1
    assert not {"simulate_visits", "simulate_survey", "match_catalogues"} & set(jobs)
