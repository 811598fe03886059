"""The count of intervals over forward mocks: cells find their nodes, right intervals are found, and the script writes what it counts."""

import json

import numpy as np
import pytest
from made_posterior import MODEL, R0_KPC, parameters
from made_potential import plane_columns
from orbit_models import exact_plane

import check_spiral_posterior
from discatlas.bar_spirals.likelihood import Floor
from discatlas.bar_spirals.mock_map import MapDeclaration
from discatlas.bar_spirals.posterior_coverage import Study, intervals_of, train
from discatlas.contracts import load_contract
from discatlas.tables import read_columns, write_table

MAP = {
    "limits_kpc": [[-10.0, -6.0], [-2.0, 2.0]],
    "spacing_kpc": 0.5,
    "v_R_kms": [-75, 75, 10],
    "v_phi_kms": [120, 320, 20],
}
MAP |= {"min_particles": 3}
BOUNDS = {"pitch_2_deg": [8.0, 16.0], "phase_2_deg": [20.0, 80.0], "Omega_2_kms_kpc": [12.0, 16.0]}
BOUNDS |= {"amplitude_2_percent": [0.03, 0.15]}


@pytest.fixture(scope="module")
def study():
    floor = Floor.from_limits("matern52", (0.05, 1.0), 4, (1.0, 1.0), 1)
    declaration = MapDeclaration.from_config(MAP)
    return Study.prepare(parameters((2,), **BOUNDS), exact_plane(), declaration, (6.5, 9.5), 25, floor)


def wave(vector, R, phi_deg):
    """A map of v_R that is linear in the amplitude."""
    amplitude, pitch, phase, Omega = vector
    angle = 2 * np.radians(phi_deg - phase) + np.log(R / R0_KPC) / np.tan(np.radians(pitch))
    return 60 * amplitude * np.cos(angle) * (1 + 0.1 * (Omega - 14) * (R - R0_KPC))


def test_intervals_of_known_maps(study):
    """Maps of a wave with noise: truths lie within 4 half-widths of the medians, and the half-widths shrink with the noise."""
    rng, widths = np.random.default_rng(0), []
    learned = train(
        study, lambda vectors: np.array([wave(v, study.nodes.R_kpc, study.nodes.phi_deg) for v in vectors]), 120, rng
    )
    assert learned.rms_kms < 0.3
    X, Y = study.declaration.cells.centres(study.cells).T
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    truth = np.array([0.09, 11.0, 50.0, 14.0])
    for noise in (0.3, 1.5):
        v_R = wave(truth, R, phi) + noise * rng.standard_normal(R.size)
        columns = {"cell": study.cells, "X_kpc": X, "Y_kpc": Y, "v_R_kms": v_R, "v_R_error_kms": np.full(R.size, noise)}
        kept = rng.random(R.size) < 0.9  # cells without enough particles
        found = intervals_of(study, learned, {k: v[kept] for k, v in columns.items()}, truth, rng, 60)
        narrow, wide = found[0.68], found[0.95]
        assert np.all(np.abs(narrow.value - narrow.truth) < 4 * (narrow.hi - narrow.lo) / 2)
        assert np.all((wide.lo < narrow.lo) & (wide.hi > narrow.hi))
        widths.append(narrow.hi - narrow.lo)
    assert np.all(widths[0] < widths[1])


def test_a_forward_map_has_the_cells_of_the_study(study):
    mock = {
        "n_particles": 4000,
        "R_limits_kpc": [5.0, 11.0],
        "sampling_scale_kpc": None,
        "radians_per_step": 1.0,
        "velocity_error_kms": 0.0,
    }
    columns = study.forward_map(np.array([0.1, 10.0, 50.0, 14.0]), mock, np.random.default_rng(1))
    assert 10 < np.isin(columns["cell"], study.cells).sum() < study.cells.size
    assert study.forms(columns).matrix.shape == (4, 25, 25)


def test_the_script_counts(tmp_path, monkeypatch):
    plane, result, intervals = tmp_path / "plane.parquet", tmp_path / "check.json", tmp_path / "check.parquet"
    write_table(plane, load_contract("potential_plane"), plane_columns(), {})
    settings = {
        "bounds": BOUNDS, "mock": {}, "map": MAP, "R_limits_kpc": [6.5, 9.5], "n_nodes": 25, "v_R_kms": [-75, 75, 10],
        "v_phi_kms": [120, 320, 20], "accuracy": "fast", "floor_kms": [0.05, 1.0], "n_floor": 4, "n_design": 60, "n_mocks": 2,
        "n_live": 40,
    }  # fmt: skip

    def forward_map(study, vector, _, rng):
        X, Y = study.declaration.cells.centres(study.cells).T
        v_R = wave(vector, np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))) + rng.standard_normal(X.size)
        return {"cell": study.cells, "X_kpc": X, "Y_kpc": Y, "v_R_kms": v_R, "v_R_error_kms": np.ones(X.size)}

    monkeypatch.setattr(Study, "forward_map", forward_map)
    monkeypatch.setattr(Study, "medians", lambda study, v, *_: wave(v, study.nodes.R_kpc, study.nodes.phi_deg))
    options = {"check": "made", "model": MODEL, "settings": settings, "R0_kpc": R0_KPC, "seed": 1, "threads": 1}
    check_spiral_posterior.run(plane=plane, result=result, intervals=intervals, **options)
    record, rows = json.loads(result.read_text(encoding="utf-8")), read_columns(intervals)
    assert record["n_mocks"] == 2
    assert rows["truth"].size == 2 * 4
    for name, part in record["parameters"].items():
        mine = rows["parameter"] == name
        covered = np.sum((rows["lo"] <= rows["truth"])[mine] & (rows["truth"] <= rows["hi"])[mine])
        assert part["coverage"] == covered / 2
    assert not list(tmp_path.glob(".*.npz"))
