"""Both rules of a posterior on a small map: what they write, that a killed run goes on to the same numbers, and bad input."""

import json

import numpy as np
import pytest
from made_posterior import FIT, MODEL, R0_KPC, SETTINGS, write_files

import evaluate_spiral_models
import fit_spiral_posterior
from discatlas.bar_spirals import evaluations
from discatlas.bar_spirals.evaluations import Evaluations
from discatlas.bar_spirals.posterior_setting import PosteriorSettings
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns

N_PARTS = 2
OUTPUTS = ("draws", "training", "predictive_map", "validation")


def arguments(paths, **changes):
    return {
        **paths, "source": "made", "posterior": "small", "model": MODEL, "fit_settings": FIT, "settings": SETTINGS | changes,
        "R0_kpc": R0_KPC, "seed": 1, "threads": 1,
    }  # fmt: skip


def outputs(folder):
    return {name: folder / f"posterior_{name}.parquet" for name in OUTPUTS} | {"summary": folder / "posterior.json"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files of a run, with its inputs."""
    folder = tmp_path_factory.mktemp("posterior")
    paths = write_files(folder)
    parts = [folder / f"part_{k}.parquet" for k in range(N_PARTS)]
    for k, part in enumerate(parts):
        evaluate_spiral_models.run(evaluations=part, part=k, n_parts=N_PARTS, **arguments(paths))
    fit_spiral_posterior.run(parts=parts, **outputs(folder), **arguments(paths))
    return folder, paths, parts


def test_parts_make_the_whole_design(made):
    _, _, parts = made
    columns = [read_columns(part) for part in parts]
    vectors = [np.stack([part["pitch_2_deg"], part["phase_2_deg"]], axis=1)[:: SETTINGS["n_nodes"]] for part in columns]
    assert sum(len(part) for part in vectors) == SETTINGS["n_initial"]
    assert len(np.unique(np.concatenate(vectors), axis=0)) == SETTINGS["n_initial"]
    assert all(np.isfinite(part["v_R_kms"]).all() for part in columns)


def test_the_posterior_is_written(made):
    folder, _, _ = made
    draws, cells = (read_columns(outputs(folder)[name]) for name in ("draws", "predictive_map"))
    summary = json.loads(outputs(folder)["summary"].read_text(encoding="utf-8"))
    assert draws["pitch_2_deg"].size == SETTINGS["n_draws"]
    record = summary["parameters"]["pitch_2_deg"]
    assert record["median"] == pytest.approx(np.median(draws["pitch_2_deg"]))
    assert record["lo"] < record["median"] < record["hi"]
    np.testing.assert_allclose(cells["residual_kms"], cells["v_R_kms"] - cells["model_kms"])
    assert np.all(cells["predictive_sd_kms"] > np.hypot(cells["model_sd_kms"], cells["error_kms"]))
    assert cells["is_node"].sum() == SETTINGS["n_nodes"]
    assert summary["n_models"] == SETTINGS["n_initial"] + SETTINGS["n_per_round"]
    assert summary["variants"]["outside"]["n_cells"] < cells["cell"].size
    assert set(summary["ln_likelihood_of"]) == {"zero", "bar_only", "fit"}
    validation = read_columns(outputs(folder)["validation"])
    assert np.isfinite(validation["full_kms"]).sum() == SETTINGS["n_predictive"] * SETTINGS["n_nodes"]
    assert not list(folder.glob(".*.npz"))


def test_a_killed_run_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch):
    folder, paths, parts = made

    class KilledError(Exception):
        pass

    whole, calls = evaluations.Problem.medians, []

    def dying(problem, vector, full=False):
        calls.append(full)
        if len(calls) > SETTINGS["n_per_round"] + 1:
            raise KilledError
        return whole(problem, vector, full)

    monkeypatch.setattr(evaluations, "SAVE_EVERY", 5)
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(evaluations.Problem, "medians", dying)
        fit_spiral_posterior.run(parts=parts, **outputs(tmp_path), **arguments(paths))
    assert not outputs(tmp_path)["draws"].exists()
    counted = []
    monkeypatch.setattr(
        evaluations.Problem,
        "medians",
        lambda problem, vector, full=False: counted.append(1) or whole(problem, vector, full),
    )
    fit_spiral_posterior.run(parts=parts, **outputs(tmp_path), **arguments(paths))
    expected = SETTINGS["n_validation"] + SETTINGS["n_predictive"] + 2 + 3  # 2 references, 3 of the round in full
    assert len(counted) == expected
    for name in OUTPUTS:
        new, old = (read_columns(outputs(where)[name]) for where in (tmp_path, folder))
        for column, values in old.items():
            np.testing.assert_array_equal(new[column], values)


def test_the_bar_may_be_free(made, tmp_path):
    """Pattern speed and strength of the bar are two more parameters, and change the medians."""
    _, paths, _ = made
    bounds = {"Omega_bar_kms_kpc": [34.0, 40.0], "bar_factor": [0.5, 1.5]}
    part = tmp_path / "part.parquet"
    options = arguments(paths, bounds=bounds, n_initial=4, box_share=1.0)
    evaluate_spiral_models.run(evaluations=part, part=0, n_parts=1, **options)
    columns = read_columns(part)
    k = SETTINGS["n_nodes"]
    assert np.ptp(columns["Omega_bar_kms_kpc"]) > 0
    assert np.abs(columns["bar_factor"] - 1).max() <= SETTINGS["box"]["bar"]
    assert np.all(np.abs(np.diff(columns["v_R_kms"].reshape(-1, k), axis=0)).max(axis=1) > 0.1)


def test_parts_of_other_settings_are_refused(made, tmp_path):
    _, paths, parts = made
    with pytest.raises(DiscatlasError, match="other settings"):
        fit_spiral_posterior.run(parts=parts, **outputs(tmp_path), **arguments(paths, n_nodes=10))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"errors": "guessed"}, "stated or scatter"),
        ({"temperature": 0.0}, "temperature"),
        ({"n_predictive": 9}, "n_validation"),
        ({"variants": {"odd": {"n_live": 30}}}, "cannot vary"),
        ({"n_node": 3}, "n_nodes"),
        ({"R_limits_kpc": [20.0, None]}, "at least 10"),
    ],
)
def test_bad_settings_are_refused(made, tmp_path, changes, words):
    _, paths, _ = made
    with pytest.raises(DiscatlasError, match=words):
        evaluate_spiral_models.run(
            evaluations=tmp_path / "part.parquet", part=0, n_parts=1, **arguments(paths, **changes)
        )


def test_a_missing_setting_is_named():
    with pytest.raises(DiscatlasError, match="'n_live' is missing"):
        PosteriorSettings.from_config({k: v for k, v in SETTINGS.items() if k != "n_live"}, "spiral_posteriors.small")


def test_evaluations_of_other_settings_are_not_taken(tmp_path):
    path, vectors = tmp_path / "state.npz", np.arange(6.0).reshape(3, 2)
    first = Evaluations(path, "one").complete("design", vectors, lambda v: v * 2)
    same = Evaluations(path, "one").complete("design", vectors, lambda _: pytest.fail("evaluated again"))
    np.testing.assert_array_equal(first, same)
    other = Evaluations(path, "two").complete("design", vectors, lambda v: v * 3)
    np.testing.assert_array_equal(other, vectors * 3)
    moved = Evaluations(path, "two").complete("design", vectors + 1, lambda v: v * 3)
    np.testing.assert_array_equal(moved, (vectors + 1) * 3)
