"""The scripts of fits of spiral modes: products that keep their contracts, a killed job that goes on, and models from fits."""

import json

import numpy as np
import pytest
from made_spiral_modes import BAR_ONLY, FIT, PUBLISHED, grid_of_cells, write_plane
from orbit_models import R0_KPC

import fit_spiral_modes
import tabulate_barred_model
import tabulate_spiral_modes
from discatlas.bar_spirals.evolution import Evolution
from discatlas.bar_spirals.points import FitPoints
from discatlas.contracts import load_contract
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.modes import Spiral
from discatlas.errors import DiscatlasError
from discatlas.sources.grid_map import GridMap, map_columns
from discatlas.tables import check_table, read_columns, to_table, write_table

PRODUCTS = ("generations", "fit_map", "summary")
CHEAP = {"modes": [2], "polish_iterations": 1, "max_generations": 2}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A map of 5 x 5 cells and the plane."""
    folder = tmp_path_factory.mktemp("inputs")
    x, y = np.linspace(4, 12, 5), np.linspace(-4, 4, 5)
    cells = grid_of_cells(5 * np.sin(x)[:, None] * np.cos(0.5 * y), x, y)
    chart = GridMap(cells["cell"], cells["X_kpc"], cells["Y_kpc"], cells["v_R_kms"])
    columns = map_columns(chart, "v_R_kms", "v_R_error_kms", 1.0)
    write_table(folder / "cells.parquet", load_contract("published_map").expand(q=["v_R_kms"]), columns, {})
    return {"cells": folder / "cells.parquet", "plane": write_plane(folder / "plane.parquet"), "histogram": None}


def fit(folder, tables, **changes):
    files = {name: folder / f"{name}.{'json' if name == 'summary' else 'parquet'}" for name in PRODUCTS}
    names = {"source": "made", "modes_fit": "one", "R0_kpc": R0_KPC, "seed": 1, "threads": 1}
    settings = {"model": BAR_ONLY, "compare": PUBLISHED, "fit": FIT | CHEAP | changes}
    fit_spiral_modes.run(**tables, **files, **names, **settings)
    return files, json.loads(files["summary"].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory, tables):
    return fit(tmp_path_factory.mktemp("fit"), tables)


def test_products_keep_their_contracts(made):
    files, record = made
    for product, name in (("generations", "spiral_modes_generations"), ("fit_map", "spiral_modes_map")):
        contract, columns = load_contract(name), read_columns(files[product])
        check_table(to_table(columns, contract.schema(contract.select(columns))), contract, product)
    generations = read_columns(files["generations"])
    assert generations["generation"].tolist() == np.repeat([0, 1, 2], 8).tolist()
    assert generations["objective"][-8] == record["evolution"]["best_on_coarse_grid"]
    assert [file.name for file in files["summary"].parent.glob(".*")] == []


def test_the_summary_reports_objectives_both_ways_and_the_rms_of_all_cells(made, tables):
    files, record = made
    chart, cells = read_columns(files["fit_map"]), read_columns(tables["cells"])
    assert record["local_constraint"].startswith("off: it needs velocities at the Sun")
    data = FitPoints.of_map(cells, FIT["points"], 1.0)
    assert abs(record["objective"]["zero"]["unbiased"] / data.chi_square(np.zeros(16)) - 1) < 1e-12
    for name in ("best", "best_literal", "before_polish", "compared"):
        assert record["objective"][name]["unbiased"] != record["objective"][name]["khalil2025"]
    assert "compared_resonances" not in record["objective"]  # the published model has two modes, the fit one
    assert record["objective"]["best"]["unbiased"] <= record["objective"]["before_polish"]["unbiased"]
    rms, n = record["rms"], record["rms"]["n_cells"]
    assert n["all"] == 25
    assert n["outside"] == int((~chart["near_point"]).sum()) < 25
    for name, column in (("best", "model_kms"), ("compared", "compared_kms")):
        residual = chart["v_R_kms"] - chart[column]
        assert abs(rms["all_kms"][name] - np.sqrt(np.mean(residual**2))) < 1e-9
        assert abs(rms["outside_kms"][name] - np.sqrt(np.mean(residual[~chart["near_point"]] ** 2))) < 1e-9
    np.testing.assert_allclose(chart["residual_kms"], chart["v_R_kms"] - chart["model_kms"])


def test_a_killed_job_goes_on_to_the_same_products(tmp_path, tables, made, monkeypatch):
    save = Evolution.save

    def killed(state, path, digest):
        save(state, path, digest)
        if len(state.energies) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Evolution, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path, tables)
    assert (tmp_path / ".summary.npz").exists()
    files, record = fit(tmp_path, tables)
    assert record == made[1]
    assert files["generations"].read_bytes() == made[0]["generations"].read_bytes()
    assert files["fit_map"].read_bytes() == made[0]["fit_map"].read_bytes()


def test_a_local_constraint_needs_a_histogram(tmp_path, tables):
    with pytest.raises(DiscatlasError, match="a local constraint needs a histogram of velocities at the Sun"):
        fit(tmp_path, tables, local={"v_phi_kms": [250, 260], "sigma_kms": 3.0})


def model(tmp_path, tables, fit_file=None, entries=None):
    table = tmp_path / "barred_model.json"
    names = {"model": "any", "potential": "khalil2025", "R0_kpc": R0_KPC}
    tabulate_barred_model.run(plane=tables["plane"], fit=fit_file, table=table, entries=entries, **names)
    return json.loads(table.read_text(encoding="utf-8"))


def test_a_model_of_the_config(tmp_path, tables):
    """Its literal cut-offs stay; the true ones, resonances and contrasts stand beside them."""
    record = model(tmp_path, tables, entries=PUBLISHED)
    assert abs(record["integration_kpc_kms"] - 0.54342) < 1e-5
    assert record["cut_offs_kpc"]["spiral_m2"]["used"] == [6.6461, 26.404]
    np.testing.assert_allclose(record["cut_offs_kpc"]["spiral_m3"]["resonances"], [7.766, 19.288], rtol=1e-4)
    assert abs(record["contrasts"]["spiral_m2"]["winding"] - 0.249) < 5e-4
    assert abs(record["resonances_kpc"]["bar_m4"]["outer_lindblad"] - 8.7842) < 1e-3
    assert set(record["resonances_kpc"]) == {"bar_m2", "bar_m4", "bar_m6", "spiral_m2", "spiral_m3"}
    kept = [Spiral.from_config(entry) for entry in record["spirals"]]
    assert kept == [Spiral.from_config(entry) for entry in PUBLISHED["spirals"]]


def test_a_model_of_a_fit_is_that_of_the_fit(tmp_path, tables, made):
    record = model(tmp_path, tables, fit_file=made[0]["summary"])
    best = {name: part["best"] for name, part in made[1]["parameters"].items()}
    (entry,) = record["spirals"]
    assert entry["pitch_deg"] == best["pitch_2_deg"]
    assert entry["R_limits_kpc"] == record["cut_offs_kpc"]["spiral_m2"]["resonances"]
    assert record["bar"]["Omega_kms_kpc"] == 37.0
    assert BarredModel.from_spec(None, record).integration_kpc_kms >= 2 * np.pi / entry["Omega_kms_kpc"] - 1e-12


def test_models_that_cannot_be_resolved(tmp_path, tables):
    with pytest.raises(DiscatlasError, match=r"barred_models\.any: neither a fit nor entries of its own"):
        model(tmp_path, tables)
    with pytest.raises(DiscatlasError, match="'distribution' is missing"):
        model(tmp_path, tables, entries={"bar": None, "spirals": []})
    entries = BAR_ONLY | {"bar": None}
    with pytest.raises(DiscatlasError, match="nothing in it grew; state a time"):
        model(tmp_path, tables, entries=entries)
    other = tmp_path / "other.json"
    other.write_text("{}", encoding="utf-8")
    with pytest.raises(DiscatlasError, match="no 'model' in it; expected the summary of rule fit_spiral_modes"):
        model(tmp_path, tables, fit_file=other)


def test_tables_to_publish(tmp_path, made):
    csv, tex = tmp_path / "modes.csv", tmp_path / "modes.tex"
    tabulate_spiral_modes.run(summary=made[0]["summary"], csv=csv, tex=tex, title="Gaia & others")
    lines = csv.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "quantity,unit,lower,upper,best,before_polish,compared"
    rows = {line.split(",")[0]: line.split(",") for line in lines[1:]}
    record = made[1]
    assert abs(float(rows["pitch_2_deg"][4]) / record["parameters"]["pitch_2_deg"]["best"] - 1) < 1e-5
    assert abs(float(rows["K_2_km2_s2"][4]) / record["model"]["spirals"][0]["K_km2_s2"] - 1) < 1e-5
    assert rows["objective_unbiased"][2:4] == ["", ""]
    text = tex.read_text(encoding="utf-8")
    for words in (
        r"$\Omega_{2}$",
        r"Gaia \& others",
        f"${record['objective']['best']['unbiased']:.1f}$",
        r"km\,s$^{-1}$\,kpc$^{-1}$",
    ):
        assert words in text
