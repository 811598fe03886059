"""The scripts of the spiral response: a published map, a smoothed map of stars, the scan and the predictions."""

import json

import numpy as np
import pytest
from made_spiral_map import FIT, MODEL, TRUTH, changed, grid, write_published

import fit_spiral_response
import fit_spiral_scan
import predict_spiral_response
import smooth_map
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.spiral_fit.parameters import PATTERN_SPEED
from discatlas.spiral_fit.predictions import point_v_R
from discatlas.spiral_response import spiral_response
from discatlas.tables import TableWriter, read_columns, read_provenance, write_table

TRUE_MODEL = changed(pivot_kpc=np.sqrt(6.5 * 13.0))


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def fit(folder, cells, name="made", covariance_table=None, stars=None, reduction_table=None, n_live=60, **changes):
    paths = {
        key: folder / f"{name}{end}"
        for key, end in (("posterior", ".parquet"), ("response_map", "_map.parquet"), ("summary", ".json"))
    }
    fit_spiral_response.run(
        cells=cells, covariance_table=covariance_table, stars=stars, reduction_table=reduction_table, **paths,
        source="made", response=name, fit=FIT | changes, n_live=n_live, n_posterior=500, R0_kpc=8.122, seed=1, threads=1,
    )  # fmt: skip
    return paths


def summary_of(paths):
    return json.loads(paths["summary"].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A published map of 1 km/s errors, and its fit."""
    folder = tmp_path_factory.mktemp("published")
    X, Y = grid(0.5, (5.0, 14.0))
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    v_R = point_v_R(TRUE_MODEL, TRUTH, R, phi) + np.random.default_rng(1).standard_normal(X.size)
    cells = folder / "published_map.parquet"
    write_published(cells, v_R, X, Y)
    return folder, cells, fit(folder, cells)


def test_products_agree_with_each_other(published):
    _, cells, paths = published
    posterior, chart, summary = read_columns(paths["posterior"]), read_columns(paths["response_map"]), summary_of(paths)
    assert posterior["phase_deg"].size == 500
    assert "v_R_mean_kms" not in posterior
    for name, part in summary["parameters"].items():
        assert part["lo"] < part["median"] < part["hi"], name
    assert abs(summary["parameters"]["pitch_deg"]["median"] - 12.66) < 1.5
    np.testing.assert_allclose(posterior["contrast"], posterior["surface_density_msun_kpc2"] / 3.8e7)
    assert np.all(posterior["time_Gyr"] <= summary["time_Gyr"]["period"])
    used = chart["used"]
    assert used.sum() == summary["cells"]["used"] == summary["fit"]["n_cells"]
    assert set(chart["reason"]) == {"used", "outside"}
    assert np.array_equal(used, (chart["R_kpc"] >= 6.5) & (chart["R_kpc"] <= 13.0))
    np.testing.assert_allclose(chart["residual_kms"], chart["v_R_kms"] - chart["model_kms"])
    chi_square = np.sum((chart["residual_kms"] / chart["v_R_error_kms"])[used] ** 2)
    assert np.isclose(chi_square, summary["fit"]["chi_square"], rtol=1e-6)
    assert summary["fit"]["chi_square"] < summary["fit"]["chi_square_null"]
    # the model is that of the library, at the best point
    best = np.array(read_provenance(paths["posterior"])["best"])
    spiral = TRUE_MODEL.spiral(best)
    response = spiral_response(spiral, chart["R_kpc"], chart["phi_deg"], *MODEL.frequencies(chart["R_kpc"]), 0.05)
    np.testing.assert_allclose(
        chart["model_kms"], response.v_R_kms, rtol=1e-4, atol=5e-3
    )  # most at the Lindblad resonance
    density = spiral.surface_density(chart["R_kpc"], chart["phi_deg"])
    np.testing.assert_allclose(chart["overdensity_model"], density / 3.8e7)
    assert summary["averaging"]["of"] == "centre"
    assert summary["averaging"]["largest_error_kms"] < 1e-3
    assert abs(summary["resonances_kpc"]["ilr"] - 5.59) < 0.01
    assert summary["settings"]["R0_kpc"] == 8.122
    assert read_columns(cells)["cell"].size == chart["cell"].size


def test_cells_far_from_the_fitted_radii_have_no_model(published, tmp_path):
    """A cell at the very centre must not ask for radial nodes down to there."""
    table = read_columns(published[1])
    X, Y, v_R = (np.append(table[name], 0.0) for name in ("X_kpc", "Y_kpc", "v_R_kms"))
    cells = tmp_path / "centre.parquet"
    write_published(cells, v_R, X, Y)
    chart = read_columns(fit(tmp_path, cells, n_live=20, regularisation=0.0, resonance_margin=0.08)["response_map"])
    assert np.isnan(chart["model_kms"][-1])
    assert np.isfinite(chart["model_kms"][:-1]).sum() > 400
    assert chart["reason"][-1] == "outside"
    assert "resonance" in chart["reason"]


def test_the_same_seed_writes_the_same_bytes(published):
    folder, cells, _ = published
    some, again = (fit(folder, cells, "again", n_live=30)["posterior"].read_bytes() for _ in range(2))
    assert some == again


def test_predictions_follow_the_fit(published):
    folder, cells, paths = published
    names = ("gallery_table", "degeneracy", "profile", "loci")
    tables = {name: folder / f"{name}.parquet" for name in names}
    wanted = {"pattern_speed": [2.0, 12.0], "scale_length": [5.0], "surface_density": [2e6, 8e6]}
    wanted |= {"limits_kpc": [[-13.0, -4.0], [-5.0, 5.0]], "spacing_kpc": 1.0}
    arguments = {
        "posterior": paths["posterior"], "cells": cells, "covariance_table": None, "stars": None, "reduction_table": None,
        "source": "made", "response": "made", "gallery": wanted, "degeneracy_points": 12, "profile_step_kpc": 1.0,
        "seed": 1, "threads": 1,
    }  # fmt: skip
    predict_spiral_response.run(**arguments, **tables)
    best = np.array(read_provenance(paths["posterior"])["best"])
    gallery = read_columns(tables["gallery_table"])
    for panel, value in (("pattern_speed", 2.0), ("surface_density", 8e6)):
        rows = (gallery["panel"] == panel) & (gallery["value"] == value)
        R = np.hypot(gallery["X_kpc"][rows], gallery["Y_kpc"][rows])
        point = best.copy()
        point[PATTERN_SPEED if panel == "pattern_speed" else 1] = value
        phi = np.degrees(np.arctan2(gallery["Y_kpc"][rows], -gallery["X_kpc"][rows]))
        inside = (R >= 6.5) & (R <= 13.0)
        np.testing.assert_array_equal(np.isfinite(gallery["v_R_kms"][rows]), inside)
        expected = point_v_R(TRUE_MODEL, point, R, phi)
        np.testing.assert_allclose(gallery["v_R_kms"][rows][inside], expected[inside], rtol=1e-9)
    degeneracy = read_columns(tables["degeneracy"])
    pairs = set(zip(degeneracy["x_name"], degeneracy["y_name"], strict=True))
    assert len(pairs) == 6
    assert degeneracy["x"].size == 6 * 12**2
    assert degeneracy["ln_likelihood"].max() <= summary_of(paths)["ln_likelihood"] + 1e-6
    # the time at the ends of its period is the same time
    rows = (degeneracy["x_name"] == "pitch_deg") & (degeneracy["y_name"] == "time_Gyr")
    ln = degeneracy["ln_likelihood"][rows].reshape(12, 12)
    np.testing.assert_allclose(ln[:, 0], ln[:, -1], rtol=1e-9)
    profile = read_columns(tables["profile"])
    chart = read_columns(paths["response_map"])
    at = chart["used"] & (np.floor(chart["R_kpc"]) == 9)
    row = np.flatnonzero(profile["R_kpc"] == 9.5)[0]
    low, high = np.percentile(chart["v_R_kms"][at], [16, 84])
    assert np.isclose(profile["spread_kms"][row], (high - low) / 2)
    assert profile["n_cells"].sum() == chart["used"].sum()
    assert profile["spread_model_lo_kms"][row] < profile["spread_kms"][row] < profile["spread_model_hi_kms"][row] + 1.5
    loci = read_columns(tables["loci"])
    spiral = TRUE_MODEL.spiral(best)
    assert set(loci["arm"]) == {0, 1}
    np.testing.assert_allclose(np.cos(spiral.phase(loci["R_kpc"], loci["phi_deg"])), 1.0, atol=1e-9)
    assert np.all((loci["phi_lo_deg"] < loci["phi_hi_deg"]) & (loci["phi_hi_deg"] - loci["phi_lo_deg"] < 60))
    with pytest.raises(DiscatlasError, match="missing key 'scale_length'"):
        predict_spiral_response.run(
            **arguments | {"gallery": {k: v for k, v in wanted.items() if k != "scale_length"}}, **tables
        )
    with pytest.raises(DiscatlasError, match="no settings of a fit"):
        predict_spiral_response.run(**arguments | {"posterior": cells}, **tables)


def test_the_scan_finds_the_pattern_speed_among_the_same_cells(published):
    folder, cells, _ = published
    arguments = {
        "cells": cells, "covariance_table": None, "stars": None, "reduction_table": None, "scan": folder / "scan.parquet",
        "source": "made", "response": "made", "n_live": 40, "n_posterior": 200, "R0_kpc": 8.122, "seed": 1, "threads": 1,
    }  # fmt: skip
    chosen = FIT | {"resonance_margin": 0.08}
    fit_spiral_scan.run(**arguments, scan_kms_kpc=[6.0, 12.0, 20.0], fit=chosen)
    scan = read_columns(arguments["scan"])
    assert scan["pattern_speed_kms_kpc"].tolist() == [6.0, 12.0, 20.0]
    assert np.argmax(scan["ln_evidence"]) == 1
    assert np.argmin(scan["chi_square"]) == 1
    assert set(scan["n_cells"]) == {read_columns(folder / "made_map.parquet", ["used"])["used"].sum()}
    assert np.all(scan["R_ilr_kpc"] < scan["R_corotation_kpc"])
    assert np.all(scan["explained_variance"] <= 1)
    with pytest.raises(DiscatlasError, match=r"regularisation: got 0\.0, expected above 0"):
        fit_spiral_scan.run(**arguments, scan_kms_kpc=[6.0], fit=chosen | {"regularisation": 0.0})
    with pytest.raises(DiscatlasError, match="got no pattern speed"):
        fit_spiral_scan.run(**arguments, scan_kms_kpc=[], fit=chosen)


@pytest.fixture(scope="module")
def smoothed(tmp_path_factory):
    """Stars of a spiral in the phase space of a sample, and their smoothed map."""
    folder, rng = tmp_path_factory.mktemp("smoothed"), np.random.default_rng(2)
    n = 12_000
    X, Y, errors = rng.uniform(-12.5, -5.5, n), rng.uniform(-4.5, 4.5, n), rng.uniform(1, 8, n)
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    v_R = point_v_R(TRUE_MODEL, TRUTH, R, phi) + np.hypot(20.0, errors) * rng.standard_normal(n)
    stars, cells, covariance = (folder / f"{name}.parquet" for name in ("stars", "cells", "covariance"))
    columns = {"X_kpc": X, "Y_kpc": Y, "Z_kpc": rng.normal(0, 0.1, n), "v_R_kms": v_R, "v_R_error_kms": errors}
    contract = load_contract("phase_space")
    with TableWriter(stars, contract, contract_order(contract, columns), {}) as writer:
        writer.write(columns)
    smooth_map.run(
        stars=stars, cells=cells, covariance_table=covariance, sample="made", smoothed="made", quantities=["v_R_kms"],
        limits_kpc=[[-12.0, -6.0], [-4.0, 4.0]], spacing_kpc=0.5, window_kpc=1.25, selection="abs(Z_kpc) < 0.2",
        min_stars=20, n_bootstraps=100, seed=1, threads=1,
    )  # fmt: skip
    return folder, cells, covariance, stars


def contract_order(contract, columns):
    return [name for name in contract.names if name in columns]


def test_a_smoothed_map_is_fitted_over_its_own_stars_with_its_covariance(smoothed):
    folder, cells, covariance, stars = smoothed
    summaries = {}
    for kind in ("pooled", "windows", "diagonal"):
        paths = fit(folder, cells, kind, covariance, stars, covariance=kind)
        summaries[kind] = summary_of(paths)
        assert summaries[kind]["averaging"]["of"] == "stars"
        assert summaries[kind]["averaging"]["largest_error_kms"] < 1e-3
    widths = {
        kind: part["parameters"]["pitch_deg"]["hi"] - part["parameters"]["pitch_deg"]["lo"]
        for kind, part in summaries.items()
    }
    assert 0.3 < widths["diagonal"] / widths["pooled"] < 0.8
    assert summaries["pooled"]["covariance"]["jitter"] == 0.01
    n = summaries["pooled"]["fit"]["n_cells"]
    assert 4 < n / summaries["pooled"]["fit"]["n_effective_cells"] < 7
    for kind in ("pooled", "windows"):
        pitch = summaries[kind]["parameters"]["pitch_deg"]
        assert abs(pitch["median"] - 12.66) < 2.5 * (pitch["hi"] - pitch["lo"])
        assert summaries[kind]["predictive"]["chi_square_p"] > 0.001
    # taken at the centres alone the model is not damped, and the amplitude comes out lower
    centre = fit(folder, cells, "centre", covariance, None, covariance="windows")
    assert summary_of(centre)["averaging"]["of"] == "centre"
    density = [summary_of(centre)["parameters"]["surface_density_msun_kpc2"]["best"]]
    density.append(summaries["windows"]["parameters"]["surface_density_msun_kpc2"]["best"])
    assert density[0] < density[1]


def test_bad_maps_are_explained(smoothed, published, tmp_path):
    _, cells, covariance, stars = smoothed
    with pytest.raises(DiscatlasError, match=r"no valid cells.*change R_limits_kpc"):
        fit(tmp_path, cells, covariance_table=covariance, stars=stars, R_limits_kpc=[20.0, 25.0])
    with pytest.raises(DiscatlasError, match="holds no windows; expected a map made by rule smooth_map"):
        table = read_columns(published[1])
        fake = tmp_path / "fake.parquet"
        contract = load_contract("map_smoothed").expand(q=["v_R_kms"])
        zeros = {name: np.zeros(table["cell"].size) for name in contract.names if name not in table}
        write_table(fake, contract, table | zeros | {"n_stars": np.ones(table["cell"].size)}, {})
        fit(tmp_path, fake, covariance_table=covariance, stars=stars)
    X, Y = grid(0.8)
    zero = tmp_path / "zero.parquet"
    write_published(zero, np.ones(X.size), X, Y, error=0.0)
    with pytest.raises(DiscatlasError, match="errors are zero or missing: set floor_kms above 0"):
        fit(tmp_path, zero)
    with pytest.raises(DiscatlasError, match=r"spiral_responses.made: prior of pitch_deg: got \[0.0, 95.0\]"):
        fit(tmp_path, zero, pitch_deg=[0.0, 95.0])
    with pytest.raises(DiscatlasError, match=r"unknown key 'pich_deg' \(nearest: 'pitch_deg'\)"):
        fit(tmp_path, zero, pich_deg=[4.0, 30.0])
    with pytest.raises(DiscatlasError, match="covariance: got 'diag'"):
        fit(tmp_path, zero, covariance="diag")


def test_a_declared_correlation_makes_intervals_longer(published):
    folder, cells, paths = published
    table = read_columns(cells)
    other = folder / "correlated.parquet"
    write_published(other, table["v_R_kms"], table["X_kpc"], table["Y_kpc"], correlation_kpc=0.5)
    summary = summary_of(fit(folder, other, "correlated"))
    factor = summary["fit"]["n_cells"] / summary["fit"]["n_effective_cells"]
    assert 4 < factor < 2 * np.pi * 0.5**2 / 0.5**2
    widths = [
        part["parameters"]["pitch_deg"]["hi"] - part["parameters"]["pitch_deg"]["lo"]
        for part in (summary, summary_of(paths))
    ]
    assert 0.7 < widths[0] / widths[1] / np.sqrt(factor) < 1.6


def test_the_observed_gaia_map(real_data, tmp_path):
    """Khalil et al. 2025: the response leaves most of it, whatever the pattern speed (rms 4.5 km/s at R 7 to 12)."""
    v_R = np.load(real_data / "gaia_rvs_disc_maps/median_v_R.npy")[::3, ::3].ravel()
    x, y = np.linspace(4, 12, 65)[::3], np.linspace(-4, 4, 65)[::3]
    X, Y = (part.ravel() for part in np.meshgrid(-x, y, indexing="ij"))
    cells = tmp_path / "gaia.parquet"
    write_published(cells, v_R, X, Y, error=1.0, correlation_kpc=0.25)
    summary = summary_of(
        fit(tmp_path, cells, R_limits_kpc=[7.0, 12.0], floor_kms=3.0, mean="free", scale_length_kpc=[2.0, 100.0])
    )
    measures = summary["fit"]
    assert 4.2 < measures["rms_v_R_kms"] < 4.8
    assert 3.6 < measures["rms_residual_kms"] < 4.4
    assert 0.1 < measures["explained_variance"] < 0.4
