"""The spiral response in the workflow: an analytic spiral comes back, and a ready-made map is fitted without any sample."""

import numpy as np
import pytest
from harness import overlay, read_json, run

from discatlas.spiral_response import Spiral, power_law_frequencies, spiral_response
from discatlas.tables import read_columns

PIVOT_KPC = np.sqrt(5.5 * 11.5)  # of the fit; the galaxy gives its phase of 70 deg at 8.275 kpc
PHASE_DEG = 70.0 + np.degrees(2 / np.tan(np.radians(12.66)) * np.log(8.275 / PIVOT_KPC))
INPUT = {"surface_density_msun_kpc2": 3.0e6, "pitch_deg": 12.66, "phase_deg": PHASE_DEG}  # of the galaxy `analytic`


def test_the_spiral_of_the_analytic_galaxy_comes_back(baseline):
    fits = baseline[0] / "atlas/results/fits/analytic"
    posterior = read_columns(fits / "spiral_response_between.parquet")
    for name, true in INPUT.items():
        values = posterior[name]
        if name == "phase_deg":
            values = (values - true + 180) % 360 - 180 + true
        assert np.percentile(values, 0.15) < true < np.percentile(values, 99.85), name
    summary = read_json(fits / "spiral_response_between.json")
    assert summary["ln_evidence"] > max(summary["ln_evidence_axisymmetric"].values()) + 5


def test_the_scan_prefers_the_pattern_speed_of_the_galaxy(baseline):
    scan = read_columns(baseline[0] / "atlas/results/fits/analytic/spiral_scan_between.parquet")
    assert scan["pattern_speed_kms_kpc"][np.argmax(scan["ln_evidence"])] == 12.0


@pytest.fixture(scope="module")
def made_map(tmp_path_factory):
    """A map of v_R as an array in the frame of Khalil et al. (2025), with noise, and its axes."""
    folder = tmp_path_factory.mktemp("published")
    x, y = np.linspace(5.0, 11.0, 25), np.linspace(-3.0, 3.0, 25)
    X, Y = np.meshgrid(-x, y, indexing="ij")
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    spiral = Spiral(
        m=2, pattern_speed_kms_kpc=12.0, pitch_deg=14.0, surface_density_msun_kpc2=4.0e6, scale_length_kpc=20.0,
        scale_height_kpc=1.0, normalisation="exponential", pivot_kpc=8.0, phase_deg=40.0, R0_kpc=8.275,
    )  # fmt: skip
    v_R = spiral_response(spiral, R, phi, *power_law_frequencies(R, 230.0, 8.275, 0.0)).v_R_kms
    noise = 0.5 * np.random.Generator(np.random.PCG64(5)).standard_normal(v_R.shape)
    np.save(folder / "v_R.npy", v_R + noise)
    np.save(folder / "y.npy", y)
    return folder


OVERLAY = """
atlas: {samples: []}
published_maps:
  made:
    path: v_R.npy
    x_kpc: {start: 5.0, stop: 11.0, n: 25}
    y_kpc: y.npy
    frame: khalil2025
    sun: khalil2025
    index: xy
    quantity: v_R_kms
    error: 0.5
    citation: made here
spiral_responses:
  between: {sources: [made], map: null, R_limits_kpc: [6.0, 11.0], scan_kms_kpc: [], mean: zero, n_live: 60}
"""


def test_a_published_map_is_fitted_without_any_sample(made_map, tmp_path):
    run(tmp_path / "atlas", overlays=[overlay(tmp_path / "made.yaml", OVERLAY)], data=made_map)
    results = tmp_path / "atlas/results"
    table = read_columns(results / "maps/made/published_map.parquet")
    assert table["X_kpc"].max() < 0  # the Sun is at negative X
    posterior = read_columns(results / "fits/made/spiral_response_between.parquet")
    assert np.percentile(posterior["pitch_deg"], 0.15) < 14.0 < np.percentile(posterior["pitch_deg"], 99.85)
    assert (results / "figures/made/spiral_response_between-maps.png").exists()


def test_a_missing_map_is_named_with_its_citation(tmp_path):
    done = run(
        tmp_path / "atlas", "--dry-run", overlays=[overlay(tmp_path / "made.yaml", OVERLAY)], data=tmp_path, check=False
    )
    assert done.returncode
    assert "published_maps.made.path: no file" in done.stdout
    assert "(made here)" in done.stdout
