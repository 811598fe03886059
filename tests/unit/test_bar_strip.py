"""The bar's pattern speed from a strip of velocities: recovered from drawn stars with errors that hold, and clear messages."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_potential import plane_columns, write_tables
from orbit_models import BAR, LIFE_KPC_KMS, published, spiral_config
from scipy.stats import binomtest
from test_velocity_plane import DISTRIBUTION, R0

import fit_bar_strip
from discatlas.bar_spirals import bar_strip
from discatlas.bar_spirals.bar_strip import Scan, Strip
from discatlas.bar_spirals.velocity_histogram import histogram_columns
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.distribution import DistributionFunction
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, write_table

STRIP = Strip(100.0, 2.0, (90.0, 330.0), 5, 2)
V_PHI = np.arange(92.0, 330.0, 4.0)
SPEEDS, TURNS = np.arange(34.0, 40.01, 0.25), np.arange(2.6, 3.81, 0.4)


@pytest.fixture(scope="module")
def model():
    plane = PlaneProfile.from_columns(plane_columns())
    return BarredModel(plane, published(), DistributionFunction.from_config(DISTRIBUTION), LIFE_KPC_KMS)


@pytest.fixture(scope="module")
def scan(model):
    return bar_strip.scan_models(model, R0, 0.0, (np.array([100.0]), V_PHI), SPEEDS, TURNS, "fast")


def profile_of(model, speed, turns):
    return bar_strip.strip_profile(bar_strip.bar_alone(model, speed, turns), R0, 0.0, np.array([100.0]), V_PHI, "fast")


@pytest.mark.parametrize(("speed", "turns"), [(35.2, 3.1), (38.6, 3.3)])
def test_the_pattern_speed_of_drawn_stars_is_recovered(model, scan, speed, turns):
    """Stars of a bar between the nodes of the grid: the error of draws holds the true speed as often as it should."""
    truth, fine = profile_of(model, speed, turns), bar_strip.refine(scan)
    rng, n_mocks = np.random.default_rng(7), 60
    found, errors = np.empty(n_mocks), np.empty(n_mocks)
    for k in range(n_mocks):
        counts = rng.poisson(3000 * truth / truth.sum())
        found[k] = bar_strip.find_optimum(fine, bar_strip.objectives(fine, STRIP, counts)).Omega_kms_kpc
        errors[k] = bar_strip.bootstrap(fine, STRIP, counts, 60, rng)[0][:, 0].std(ddof=1)
    assert abs(found.mean() - speed) < 0.1
    assert errors.max() < 0.5
    for width, share in ((1, 0.683), (2, 0.954)):
        inside = np.count_nonzero(np.abs(found - speed) < width * errors)
        assert binomtest(inside, n_mocks, share).pvalue > 0.003


def test_without_noise_the_grid_finds_its_own_models(scan):
    fine = bar_strip.refine(scan)
    step = bar_strip.FINER
    for i, j in ((4, 1), (20, 2)):
        np.testing.assert_allclose(fine.profiles[step * i, step * j], scan.profiles[i, j], rtol=1e-9)
        objective = bar_strip.objectives(fine, STRIP, 1e6 * scan.profiles[i, j])
        best = bar_strip.find_optimum(fine, objective)
        assert (best.row, best.column) == (step * i, step * j)
        assert objective[best.row, best.column] < 1e-15
        assert abs(best.Omega_kms_kpc - SPEEDS[i]) < 0.05
        assert not best.is_at_edge
        deviance = bar_strip.deviances(scan, np.rint(1e6 * scan.profiles[i, j] / scan.profiles[i, j].sum()))
        assert np.unravel_index(np.argmin(deviance), deviance.shape) == (i, j)
    edge = bar_strip.find_optimum(fine, bar_strip.objectives(fine, STRIP, scan.profiles[0, 1]))
    assert edge.is_at_edge


def test_the_objective_is_the_sum_of_squares_of_normalised_shares(scan):
    counts = np.random.default_rng(1).poisson(30.0, V_PHI.size)
    expected = np.sum((STRIP.shares(scan.profiles) - STRIP.shares(counts.astype(float))) ** 2, axis=-1)
    np.testing.assert_allclose(bar_strip.objectives(scan, STRIP, counts), expected, rtol=1e-9)
    stacked = bar_strip.objectives(scan, STRIP, np.stack([counts, 3 * counts]))
    np.testing.assert_allclose(stacked[0], stacked[1], rtol=1e-9)  # neither stars nor the model's density count
    raw = replace(STRIP, window=1, order=0)
    assert np.array_equal(raw.shares(counts), counts / counts.sum())
    assert raw.noise_gain == 1.0
    noise = np.random.default_rng(2).normal(size=(4000, 41))
    smoothed = bar_strip.savgol_filter(noise, STRIP.window, STRIP.order, axis=-1)[:, 20]
    assert smoothed.var() == pytest.approx(STRIP.noise_gain, rel=0.1)


def test_a_bar_alone_has_lost_its_spirals_and_is_integrated_for_its_life(model):
    alone = bar_strip.bar_alone(model, 40.0, 2.5)
    assert alone.perturbation.spirals == ()
    assert alone.perturbation.bar.modes == model.perturbation.bar.modes
    assert alone.integration_kpc_kms == pytest.approx(2.5 * 2 * np.pi / 40.0)
    with pytest.raises(DiscatlasError, match="has no bar"):
        bar_strip.bar_alone(model.replace(Perturbation(None, ())), 40.0, 2.5)
    with pytest.raises(DiscatlasError, match="both above 0"):
        bar_strip.bar_alone(model, 40.0, 0.0)


def test_the_parabola_finds_a_vertex_and_its_bend():
    x = np.arange(33.0, 41.0, 0.5)
    y = 3.0 * (x - 36.83) ** 2
    scan = Scan(x, np.arange(3.0), np.ones((x.size, 3, 4)))
    best = bar_strip.find_optimum(scan, y[:, None] + np.array([1.0, 0.0, 0.8]))
    assert best.Omega_kms_kpc == pytest.approx(36.83, abs=1e-6)
    assert best.bend == pytest.approx(6.0)
    assert 1.0 < best.turns < 1.1
    # S = n s^2 at the vertex of a straight-line fit: the error is that of least squares
    raw = replace(STRIP, window=1, order=0)
    assert bar_strip.curvature_error(raw, 98 * 0.01, 6.0, 100) == pytest.approx(np.sqrt(2 * 0.01 / 6.0))
    assert bar_strip.curvature_error(raw, 1.0, 0.0, 100) is None


def test_bins_that_overlap_the_strip_enter_whole():
    grid = VelocityGrid.from_config({"v_R_kms": [-199, 199, 2], "v_phi_kms": [1, 399, 2]})
    in_R, in_phi = Strip(100.0, 2.0, (90.0, 330.0), 11, 3).bins(grid)
    np.testing.assert_array_equal(grid.v_R_kms[in_R], [99.0, 101.0])
    assert (grid.v_phi_kms[in_phi][[0, -1]] == [91.0, 329.0]).all()
    assert Strip(100.0, 4.0, (90.0, 330.0), 11, 3).bins(grid)[0].size == 2
    assert Strip(100.0, 4.1, (90.0, 330.0), 11, 3).bins(grid)[0].size == 4
    for strip in (Strip(199.5, 2.0, (90.0, 330.0), 11, 3), Strip(100.0, 2.0, (90.0, 401.0), 11, 3)):
        with pytest.raises(DiscatlasError, match="not within the histogram"):
            strip.bins(grid)
    with pytest.raises(DiscatlasError, match="fewer than the 201"):
        Strip(100.0, 2.0, (90.0, 330.0), 201, 3).bins(grid)


def test_resonances_that_are_not_there_have_no_mark(model):
    marks = bar_strip.resonance_marks(model, R0, 100.0, 37.0, [[0, 1], [1, 2]])
    assert [(mark["l"], mark["m"]) for mark in marks] == [(0, 1), (1, 2)]
    assert marks[0]["v_phi_kms"] < marks[1]["v_phi_kms"]
    assert bar_strip.resonance_marks(model, R0, 100.0, 5000.0, [[1, 2]])[0]["v_phi_kms"] is None


SETTINGS = {
    "v_R_kms": 100.0,
    "width_kms": 2.0,
    "v_phi_limits_kms": [90, 330],
    "smoothing": {"window": 5, "order": 2},
    "Omega_kms_kpc": [36.0, 39.0, 0.5],
    "turns": [3.0, 3.4, 0.2],
    "accuracy": "fast",
    "n_bootstraps": 50,
    "reference_Omega_kms_kpc": 55.0,
    "resonances": [[0, 1], [1, 6], [1, 4], [1, 2]],
}
NAMES = ("scan", "profile", "summary")


def fit(folder, counts, name, **changes):
    grid = VelocityGrid.from_config({"v_R_kms": [97, 103, 2], "v_phi_kms": [92, 328, 4]})
    write_table(folder / "counts.parquet", load_contract("velocity_histogram"), histogram_columns(grid, counts), {})
    potential, _ = write_tables(folder)
    spec = {
        "bar": BAR,
        "spirals": [spiral_config(2)],
        "distribution": DISTRIBUTION,
        "integration_kpc_kms": LIFE_KPC_KMS,
    }
    (folder / "model.json").write_text(json.dumps(spec))
    files = {part: folder / f"{name}_{part}" for part in NAMES}
    place = {"R_kpc": R0, "phi_deg": 0.0, "seed": 3, "threads": 1, "source": "made", "strip": "hat"}
    inputs = {"counts": folder / "counts.parquet", "model": folder / "model.json", "potential": potential}
    fit_bar_strip.run(**inputs, **files, **place, settings=SETTINGS | changes)
    return read_columns(files["scan"]), read_columns(files["profile"]), json.loads(files["summary"].read_text())


@pytest.fixture(scope="module")
def strip_counts(model):
    truth = profile_of(model, 37.4, 3.2)
    counts = np.zeros((4, V_PHI.size), np.int64)
    counts[1:3] = np.random.default_rng(11).poisson(2000 * truth / truth.sum(), (2, V_PHI.size))
    return counts


def test_the_fit_writes_what_it_found(tmp_path, strip_counts):
    scan, profile, summary = fit(tmp_path, strip_counts, "a")
    assert summary["n_stars"] == strip_counts.sum()
    assert summary["v_R_bins_kms"] == [99.0, 101.0]
    assert abs(summary["Omega_kms_kpc"] - 37.4) < 0.5
    assert summary["integration_Myr"] == pytest.approx(977.792 * summary["integration_kpc_kms"], rel=1e-5)
    assert scan["objective"].size == 7 * 3
    assert scan["objective"].min() == pytest.approx(summary["least_objective"]["objective"])
    np.testing.assert_allclose(scan["integration_Gyr"], 0.9777922 * scan["turns"] * 2 * np.pi / scan["Omega_kms_kpc"])
    np.testing.assert_array_equal(profile["n_stars"], strip_counts.sum(axis=0))
    for name in ("share", "share_best", "share_reference", "share_equilibrium"):
        assert profile[name].sum() == pytest.approx(1.0, abs=1e-12)
    assert (profile["share_low"] <= profile["share_high"]).all()
    assert {name: len(marks) for name, marks in summary["resonances"].items()} == {"best": 4, "reference": 4}
    again = fit(tmp_path, strip_counts, "b")
    assert again[2] == summary
    assert all((tmp_path / f"a_{part}").read_bytes() == (tmp_path / f"b_{part}").read_bytes() for part in NAMES)
    other = fit(tmp_path, strip_counts, "c", reference_Omega_kms_kpc=None, turns=[3.6, 4.0, 0.2])
    assert np.isnan(other[1]["share_reference"]).all()
    assert other[2]["is_at_edge"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"v_R_kms": 150.0}, "not within the histogram"),
        ({"smoothing": {"window": 4, "order": 2}}, "an odd number of bins"),
        ({"width_kms": 0.0}, "a width above 0"),
        ({"turns": [3.0, 3.1, 0.2]}, "turns .* three values or more"),
    ],
)
def test_bad_settings_are_named(tmp_path, strip_counts, changes, words):
    with pytest.raises(DiscatlasError, match=words):
        fit(tmp_path, strip_counts, "bad", **changes)


def test_too_few_stars_are_named(tmp_path, strip_counts):
    with pytest.raises(DiscatlasError, match="widen width_kms"):
        fit(tmp_path, strip_counts // 1000, "few")
