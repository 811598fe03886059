"""The scripts of forward mocks and of the checks of backward integration: tables, random numbers, verdicts, the figure."""

import json

import numpy as np
import pytest
from made_barred import mock_entry, spec, write_model

import check_backward_model
import check_barred_mock
import plot_barred_mock
import simulate_barred_mock
from discatlas.bar_spirals import mock as mock_module
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure
from discatlas.plotting.bar_mock import DIMENSIONLESS, draw_mock_figure
from discatlas.runtime import use_threads
from discatlas.tables import column_names, read_columns, read_provenance, write_table

ENTRY = mock_entry(n_particles=12_000, map_spacing_kpc=1.5, map_min_particles=20)


def simulate(folder, paths, entry=ENTRY, seed=1):
    products = {"particles": folder / "particles.parquet", "cells": folder / "cells.parquet"}
    simulate_barred_mock.run(**paths, **products, mock=entry, seed=seed, name="made")
    return products


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def made(paths, tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("mock"), paths)


def check(made, paths, folder, entry=ENTRY, **changes):
    products = {"result": folder / "result.json", "compared": folder / "compared.parquet"}
    arguments = {"name": "made", "R_limits_kpc": [6.5, 9.5], "n_cells": 20, "places_per_side": 2, "accuracy": "fast"}
    arguments |= {"max_deviation": 4.0} | changes
    check_barred_mock.run(cells=made["cells"], **paths, **products, mock=entry, **arguments)
    records = json.loads(products["result"].read_text(encoding="utf-8"))
    return {record["name"]: record for record in records}, products["compared"]


def test_tables_keep_their_contracts(made):
    for key, name in (("particles", "barred_mock"), ("cells", "barred_mock_map")):
        assert column_names(made[key]) == load_contract(name).names
        assert read_provenance(made[key])["model"] == json.loads(json.dumps(spec()))
        assert read_provenance(made[key])["mock"] == ENTRY
    particles, cells = read_columns(made["particles"]), read_columns(made["cells"])
    assert particles["X_kpc"].size == 12_000
    assert cells["n_stars"].min() >= 20
    assert np.all(cells["n_effective"] <= cells["n_stars"])
    at = np.argmax(cells["n_stars"])
    near = (np.abs(particles["X_kpc"] - cells["X_kpc"][at]) < 0.75) & (
        np.abs(particles["Y_kpc"] - cells["Y_kpc"][at]) < 0.75
    )
    near &= (np.abs(particles["v_R_kms"]) < 120) & (np.abs(particles["v_phi_kms"] - 224) < 144)
    assert near.sum() == cells["n_stars"][at]
    below = particles["v_R_kms"][near] < cells["v_R_kms"][at]
    weight = particles["weight"][near]
    assert abs(weight[below].sum() / weight.sum() - 0.5) < weight.max() / weight.sum()


def test_bytes_are_the_same_for_any_number_of_threads_and_not_for_another_seed(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(mock_module, "CHUNK_PARTICLES", 400)  # several chunks, the last one smaller
    entry, digests = mock_entry(n_particles=1000, map_spacing_kpc=6.0), []
    for threads, seed in ((1, 1), (2, 1), (1, 2)):
        use_threads(threads)
        folder = tmp_path / f"{threads}{seed}"
        folder.mkdir()
        digests.append([path.read_bytes() for path in simulate(folder, paths, entry, seed).values()])
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]
    assert read_columns(tmp_path / "11/particles.parquet", ["weight"])["weight"].size == 1000


def test_too_little_memory_is_said_before_anything_is_made(paths, tmp_path, monkeypatch):
    monkeypatch.setattr("discatlas.runtime.available_memory", lambda: 1e6)
    with pytest.raises(DiscatlasError, match=r"barred_mocks\.made: needs about 0\.0 GB of memory"):
        simulate(tmp_path, paths)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def verdict(made, paths, tmp_path_factory):
    return check(made, paths, tmp_path_factory.mktemp("check"))


def test_the_mock_passes_and_its_figure_the_audit(verdict, tmp_path):
    records, compared = verdict
    names = [f"{what} of {key}" for key in ("v_R_kms", "v_phi_kms", "density") for what in ("chi-square", "mean")]
    assert sorted(records) == sorted(f"made: {name}" for name in names)
    assert all(record["pass"] for record in records.values()), records
    assert column_names(compared) == load_contract("barred_mock_check").names
    columns = read_columns(compared)
    assert 10 <= columns["cell"].size <= 20
    for axis in ("X_kpc", "Y_kpc"):  # a lattice
        steps = np.diff(np.unique(columns[axis])) / 3.0
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)
    pull = (columns["v_R_kms"] - columns["v_R_backward_kms"]) / columns["v_R_error_kms"]
    np.testing.assert_allclose(columns["v_R_pull"], pull, rtol=1e-12)
    assert audit_figure(draw_mock_figure(columns, "a mock", 96.0, "made"), DIMENSIONLESS) == []
    pages = {kind: tmp_path / f"mock.{kind}" for kind in ("pdf", "png")}
    plot_barred_mock.run(compared=compared, **pages, title="a mock", percentile=96.0, dpi=60)
    assert min(page.stat().st_size for page in pages.values()) > 5000
    with pytest.raises(DiscatlasError, match=r"made: no cell was compared: nothing to draw"):
        draw_mock_figure({name: values[:0] for name, values in columns.items()}, "a mock", 96.0, "made")


def test_a_mock_of_another_model_fails(made, tmp_path):
    """Its arms lie where those of the model's are not, though the tables claim otherwise."""
    spiral = spec()["spirals"][0]
    wrong = write_model(tmp_path, spirals=[spiral | {"phase_deg": spiral["phase_deg"] + 90}])
    with pytest.raises(DiscatlasError, match=r"cells\.parquet: not made with this model and this config entry"):
        check(made, wrong, tmp_path)
    mock = simulate(tmp_path, wrong)
    right = write_model(tmp_path)
    columns, contract = read_columns(mock["cells"]), load_contract("barred_mock_map")
    write_table(mock["cells"], contract, columns, read_provenance(made["cells"]))
    records, _ = check(mock, right, tmp_path)
    assert not records["made: chi-square of v_R_kms"]["pass"]


def test_what_cannot_be_compared(made, paths, tmp_path):
    with pytest.raises(DiscatlasError, match=r"no cell from 22 to 26 kpc; change R_limits_kpc of the check"):
        check(made, paths, tmp_path, R_limits_kpc=[22.0, 26.0])
    entry = mock_entry(n_particles=1000, map_spacing_kpc=6.0, velocity_error_kms=5.0)
    with pytest.raises(DiscatlasError, match=r"its velocities have errors of 5 km/s.*\n?.*velocity_error_kms 0"):
        check(simulate(tmp_path, paths, entry), paths, tmp_path, entry)
    assert not (tmp_path / "result.json").exists()


POINTS = [[8.275, 0.0, None], [7.0, 1.0, None]]


def check_model(paths, folder, **changes):
    arguments = {"points": POINTS, "definition": "unbiased", "source": "a test", "tolerance_kms": 0.05}
    arguments |= {"accuracy_tolerance_kms": 0.5, "unperturbed_tolerance_kms": 0.01}
    grid = {"v_R_kms": [-114.0, 114.0, 12.0], "v_phi_kms": [110.0, 330.0, 20.0]}
    result = folder / "result.json"
    check_backward_model.run(**paths, result=result, name="made", **(arguments | grid | changes))
    return {record["name"]: record for record in json.loads(result.read_text(encoding="utf-8"))}


def test_the_model_against_its_own_medians_and_others(paths, tmp_path):
    records = check_model(paths, tmp_path)
    assert len(records) == 4  # no expected medians: fast against reference, and without bar and spirals
    assert all(record["pass"] for record in records.values())
    places = [f"made: v_R at ({x:g}, {y:g}) kpc" for x, y, _ in POINTS]
    reference = [records[f"{place}, fast"]["expected"] for place in places]
    assert min(np.abs(reference)) > 0.1  # far from the unperturbed 0
    points = [[8.275, 0.0, reference[0]], [7.0, 1.0, reference[1] + 0.2]]
    records = check_model(paths, tmp_path, points=points)
    assert [records[place]["pass"] for place in places] == [True, False]
    biased = check_model(paths, tmp_path, points=points[:1], definition="khalil2025")[places[0]]
    assert biased["value"] == pytest.approx(reference[0] - 6.0, abs=1e-9)  # half a bin
    with pytest.raises(DiscatlasError, match=r"check 'made': no points; expected at least one"):
        check_model(paths, tmp_path, points=[])
