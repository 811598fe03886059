"""Models with a bar and spirals through the whole workflow: beside the stars, fitted to them, and what an edit makes run again."""

import shutil

import numpy as np
import polars as pl
import pytest
from harness import alone, overlay, planned, read_json, run

from places import ROOT

MODELS = ROOT / "tests/config/models.yaml"
PLOTS = {
    "plot_velocity_plane": 1, "plot_disc_map": 4, "plot_angular_momentum_plane": 1, "plot_ridges": 1, "plot_orbits": 1,
    "plot_solar_orbit": 1, "plot_trace": 1,
}  # fmt: skip
PREDICTIONS = {
    "predict_velocity_plane": 1, "predict_disc_map_part": 4, "predict_disc_map": 2, "compare_disc_map": 1,
    "predict_angular_momentum_plane": 1, "predict_ridges": 1, "compare_ridges": 1, "predict_solar_orbit": 1, "predict_trace": 1,
    "compute_orbits": 1, "export_barred_potential": 1, "check_backward_model": 1, "check_atlas": 1,
}  # fmt: skip

STARS = {"bin_velocity_plane": 1, "bin_disc_map": 1, "bin_angular_momentum_plane": 1, "fit_ridges": 1}


@pytest.fixture(scope="module")
def finished(baseline, tmp_path_factory):
    """A copy of the tiny atlas with its models, and the fits that are made on demand."""
    folder, options = baseline
    mine = tmp_path_factory.mktemp("models")
    with alone(folder):
        shutil.copytree(folder / "atlas", mine / "atlas", copy_function=shutil.copy2)
        run(mine / "atlas", "models", "all", overlays=[MODELS], **options)
        yield mine, options


def test_the_model_is_beside_the_stars(finished):
    results = finished[0] / "atlas/results"
    model = pl.read_parquet(results / "fits/barred_models/khalil2025/disc_map_near.parquet")
    stars = pl.read_parquet(results / "maps/gaia_rvs/disc_map_near.parquet")
    both = stars.join(model, on="cell", suffix="_model").filter(pl.col("n_stars") > 20)
    assert both.height > 5
    for name in ("X_kpc", "Y_kpc"):
        np.testing.assert_allclose(both[name], both[f"{name}_model"])
    difference = (both["v_phi_kms"] - both["v_phi_kms_model"]).abs()
    assert difference.median() < 20
    numbers = read_json(results / "fits/disc_map_near.json")["maps"]["gaia_rvs"]["v_R_kms"]["khalil2025"]
    assert numbers["n_cells"] > 5
    assert numbers["rms_residual"] > numbers["rms_error"]


def test_orbits_are_those_of_the_sample(finished):
    results = finished[0] / "atlas/results"
    orbits, stars = (pl.read_parquet(results / f"phase_space/{name}gaia_rvs.parquet") for name in ("orbits/", ""))
    assert orbits["source_id"].to_list() == stars["source_id"].to_list()
    is_bound = orbits["status"] == "bound"
    bound, places = orbits.filter(is_bound), stars.filter(is_bound)
    assert bound.height > 0.9 * stars.height
    r = np.sqrt(sum(places[name].to_numpy() ** 2 for name in ("X_kpc", "Y_kpc", "Z_kpc")))
    assert np.all(bound["r_peri_kpc"].to_numpy() <= r * (1 + 1e-3))
    assert np.all(bound["r_apo_kpc"].to_numpy() >= r * (1 - 1e-3))


def test_the_fit_is_resumable_and_whole(finished):
    results = finished[0] / "atlas/results"
    summary = read_json(results / "fits/gaia_rvs/spiral_modes_two_modes.json")
    assert summary["evolution"]["n_generations"] <= 2
    assert not list((results / "fits/gaia_rvs").glob(".spiral_modes*"))


EDITS = {
    "nothing": ("{}", {}),
    "colours": ("figures: {dpi: 61}", PLOTS),
    "spiral": (
        "spirals: {khalil2025_m3: {pitch_deg: 14.0}}",
        {"tabulate_barred_model": 1} | STARS | PREDICTIONS | PLOTS,
    ),
    "strip": ("bar_strips: {hat: {n_bootstraps: 21}}", {}),
    "cells": (
        "disc_maps: {near: {min_stars: 6}}",
        {"bin_disc_map": 1, "compare_disc_map": 1, "plot_disc_map": 3},
    ),
    "orbits": ("orbits: {disc: {duration_kpc_kms: 0.11}}", {"compute_orbits": 1, "plot_orbits": 1}),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit(finished, tmp_path, name):
    folder, options = finished
    text, expected = EDITS[name]
    found = planned(folder / "atlas", overlays=[MODELS, overlay(tmp_path / "edit.yaml", text)], **options)
    of_models = {*PLOTS, *PREDICTIONS, *STARS, "tabulate_barred_model"}
    assert {rule: count for rule, count in found.items() if rule in of_models} == expected
