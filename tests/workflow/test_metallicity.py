"""The metallicity of the tiny surveys: memberships, gradients, residuals, azimuthal waves, and the tables to publish."""

import numpy as np
from harness import read_json

from discatlas.tables import read_columns, read_provenance

TRUE_SLOPE = -0.06  # of the simulated galaxy, by its config [dex/kpc]


def test_memberships_are_probabilities_and_counted(baseline):
    folder = baseline[0] / "atlas/results/phase_space/membership"
    for sample in ("apogee_giants", "lamost_hot"):
        table = read_columns(folder / f"{sample}.parquet")
        total = table["P_thin"] + table["P_thick"] + table["P_halo"]
        assert np.allclose(total[np.isfinite(total)], 1.0, atol=1e-12)
        assert np.array_equal(table["in_disc"], table["P_halo"] < 0.01)
        assert read_json(folder / f"{sample}.json")["n_stars"]["in_disc"] == table["in_disc"].sum()


def test_gradients_of_the_surveys_are_those_of_the_galaxy(baseline):
    fits = baseline[0] / "atlas/results/fits"
    for sample in ("apogee_giants", "lamost_hot"):
        table = read_columns(fits / sample / "metallicity_gradient_radial.parquet")
        first = (table["bin"] == 0) & (table["model"] == "linear")
        slope, error = table["slope_dex_per_kpc"][first], table["slope_error_dex_per_kpc"][first]
        assert np.all(np.abs(slope - TRUE_SLOPE) < 4 * error)
        assert np.all(np.abs(slope - table["second_slope_dex_per_kpc"][first]) < 4 * error)
        assert table["converged"][first].all()
        for suffix in ("csv", "tex"):
            assert (fits / sample / f"metallicity_gradient_radial.{suffix}").read_text(encoding="utf-8").strip()


def test_chains_are_those_of_the_table(baseline):
    fits = baseline[0] / "atlas/results/fits/apogee_giants"
    table = read_columns(fits / "metallicity_gradient_plane.parquet")
    chains = read_columns(fits / "metallicity_gradient_plane_chains.parquet")
    for model in ("linear", "broken", "quadratic"):
        of_model = chains["model"] == model
        row = np.flatnonzero(table["model"] == model)[0]
        median = np.median(chains["slope_dex_per_kpc"][of_model])
        assert abs(median - table["slope_dex_per_kpc"][row]) < 0.3 * table["slope_error_dex_per_kpc"][row]
    assert table["best"].sum() == 1


def test_residuals_scatter_about_zero_as_their_errors_say(baseline):
    fits = baseline[0] / "atlas/results/fits/apogee_giants"
    table = read_columns(fits / "metallicity_residual_face_on.parquet")
    pull = table["feh_residual_dex"] / table["feh_residual_error_dex"]
    pull = pull[np.isfinite(pull)]
    assert pull.size >= 5
    assert abs(np.median(pull)) < 1.25 * 4 / np.sqrt(pull.size)
    comparison = read_json(fits / "overdensity_comparison_feh.json")
    assert 0 < comparison["p_value"] <= 1
    assert -1 <= comparison["r"] <= 1


def test_azimuthal_p_values_are_probabilities(baseline):
    fits = baseline[0] / "atlas/results/fits/lamost_hot"
    waves = read_columns(fits / "azimuthal_variation_feh_waves.parquet")
    assert set(waves["m"]) <= {1, 2, 3}
    assert np.all((waves["p_value"] > 0) & (waves["p_value"] <= 1))
    assert read_provenance(fits / "azimuthal_variation_feh.parquet")["null"] == "blocks"
