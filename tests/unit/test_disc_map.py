"""Maps of the disc: of models in parts, of samples, lines of bar and arms, and the numbers of their comparison."""

import json

import numpy as np
import polars as pl
import pytest
from made_disc_maps import COARSE, made_prediction, model, perturbation, plane, plane_columns, spec

import bin_disc_map
import compare_disc_map
import predict_disc_map
import predict_disc_map_part
from discatlas.bar_spirals.arm_loci import loci_columns
from discatlas.bar_spirals.disc_cells import all_cells, disc_grid
from discatlas.bar_spirals.disc_map import predict_map
from discatlas.bar_spirals.map_comparison import RegularMap, about_radius, check_orientation, summary
from discatlas.bar_spirals.star_medians import cell_medians
from discatlas.contracts import load_contract
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, read_provenance, write_table

LIMITS, SPACING = [[-10.0, -6.0], [-2.0, 2.0]], 1.0
GRID = {"limits_kpc": LIMITS, "spacing_kpc": SPACING}
VELOCITIES = VelocityGrid.from_config(COARSE)


def places(limits=LIMITS, spacing=SPACING):
    return all_cells(disc_grid(limits, spacing))


def test_the_equilibrium_has_no_radial_motion_and_looks_alike_from_everywhere():
    found = predict_map(model(bar=False, arms=()), places(), VELOCITIES, "fast")
    # what the fast setting promises of an unperturbed median; that of the action steps from bin to bin, which are few
    assert np.abs(found["v_R_kms"]).max() < 0.01
    np.testing.assert_allclose(found["v_phi_kms"], found["v_phi_equilibrium_kms"], atol=0.01)
    np.testing.assert_allclose(found["J_R_kpc_kms"], found["J_R_equilibrium_kpc_kms"], rtol=1e-3)
    np.testing.assert_allclose(found["density"], found["density_equilibrium"], rtol=1e-3)
    mirrored = np.lexsort((-found["Y_kpc"], found["X_kpc"]))
    for name, precision in (("v_phi_kms", 1e-5), ("J_R_kpc_kms", 1e-3), ("density", 1e-5)):
        np.testing.assert_allclose(found[name][mirrored], found[name], rtol=precision)
    assert np.all(np.diff(found["density"][found["Y_kpc"] == 0.5]) > 0)  # inward, with X


def test_a_bar_looks_the_same_from_the_other_side_and_does_something():
    found = predict_map(model(arms=()), places(), VELOCITIES, "fast")
    turned = predict_map(model(arms=()), places([[6.0, 10.0], [-2.0, 2.0]]), VELOCITIES, "fast")
    for name in ("v_R_kms", "v_phi_kms", "density"):
        np.testing.assert_allclose(turned[name][::-1], found[name], rtol=1e-6, atol=1e-6)
    assert np.std(found["v_R_kms"]) > 0.5
    np.testing.assert_array_equal(found["v_phi_equilibrium_kms"], turned["v_phi_equilibrium_kms"][::-1])


def written(folder, n_parts, threads, **changes):
    """Write all parts of a map and the whole; return the table, its lines and their paths."""
    folder.mkdir()
    entry, profile = folder / "model.json", folder / "plane.parquet"
    entry.write_text(json.dumps(spec()), encoding="utf-8")
    write_table(profile, load_contract("potential_plane"), plane_columns(), {})
    parts = [folder / f"part_{part}.parquet" for part in range(n_parts)]
    common = GRID | COARSE | {"model": entry, "plane": profile, "accuracy": "fast"}
    for part, path in enumerate(parts):
        predict_disc_map_part.run(**common | changes, cells=path, part=part, n_parts=n_parts, threads=threads)
    files = folder / "map.parquet", folder / "loci.parquet"
    predict_disc_map.run(parts=parts, model=entry, plane=profile, cells=files[0], loci=files[1], **GRID)
    return *files, parts, entry, profile


def test_parts_joined_are_the_whole_bit_for_bit_on_any_number_of_threads(tmp_path):
    whole, loci, *_ = written(tmp_path / "whole", 1, 1)
    joined, *_ = written(tmp_path / "parts", 3, 2)
    assert whole.read_bytes() == joined.read_bytes()
    found, lines = read_columns(whole), read_columns(loci)
    assert found["cell"].tolist() == list(range(16))
    assert np.isnan(np.asarray(found["n_stars"], float)).all()
    assert read_provenance(whole)["accuracy"] == "fast"
    assert set(lines["kind"]) == {"arm", "cut_off", "bar"}


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    cells, loci, parts, entry, profile = written(tmp_path / "parts", 2, 1)
    rest = {"model": entry, "plane": profile, "cells": cells, "loci": loci} | GRID
    with pytest.raises(DiscatlasError, match=r"8 cells in 1 parts, expected each of 16 once \(8 are missing\)"):
        predict_disc_map.run(parts=parts[:1], **rest)
    with pytest.raises(DiscatlasError, match="16 cells in 2 parts"):
        predict_disc_map.run(parts=parts[:1] * 2, **rest)
    common = GRID | COARSE | {"model": entry, "plane": profile, "cells": parts[1], "n_parts": 2, "threads": 1}
    predict_disc_map_part.run(**common | {"v_R_kms": [-70.0, 70.0, 10.0]}, accuracy="fast", part=1)
    with pytest.raises(DiscatlasError, match="made with other settings than"):
        predict_disc_map.run(parts=parts, **rest)
    with pytest.raises(DiscatlasError, match="part 2 of 2 of 16 cells: expected 0 to n_parts - 1"):
        predict_disc_map_part.run(**common, accuracy="fast", part=2)


def test_no_cell_is_at_the_centre():
    found = places([[-1.5, 1.5], [-1.5, 1.5]])
    assert found["cell"].size == 8
    assert found["R_kpc"].min() == 1.0


def lines_of(loci, kind, mode):
    rows = (loci["kind"] == kind) & (loci["mode"] == mode)
    for line in np.unique(loci["line"][rows]):
        yield {name: values[loci["line"] == line] for name, values in loci.items()}


def mode_potential(mode, R, phi_deg):
    return np.real(mode.amplitude(R)[0] * np.exp(1j * mode.m * np.radians(phi_deg)))


@pytest.mark.parametrize("number", [0, 1])
def test_arms_lie_at_the_minima_of_the_potential_and_arcs_end_where_it_is_zero(number):
    modes, turn = perturbation(), np.linspace(-180, 180, 7201)
    mode = modes.spirals[number]
    loci = loci_columns(modes, plane(), 18.0)
    arms, arcs = list(lines_of(loci, "arm", number)), list(lines_of(loci, "cut_off", number))
    assert len(arms) == mode.m == len(arcs)  # the outer cut-off is off the map
    for arm in arms:
        assert mode.R_limits_kpc[0] == pytest.approx(arm["R_kpc"][0])
        assert arm["R_kpc"][-1] == pytest.approx(18.0)
        R = arm["R_kpc"][::50]
        lowest = mode_potential(mode, R[:, None], turn).min(axis=1)
        np.testing.assert_allclose(mode_potential(mode, R, arm["phi_deg"][::50]), lowest, rtol=1e-6)
        trailing = np.diff(np.unwrap(arm["phi_deg"], period=360.0))
        assert np.all(trailing < 0)
        np.testing.assert_allclose(np.hypot(arm["X_kpc"], arm["Y_kpc"]), arm["R_kpc"])
    for arm, arc in zip(arms, arcs, strict=True):
        assert arc["phi_deg"][0] == pytest.approx(arm["phi_deg"][0])
        np.testing.assert_allclose(arc["R_kpc"], mode.R_limits_kpc[0])
        along = mode_potential(mode, arc["R_kpc"], arc["phi_deg"])
        assert np.all(np.diff(along) > 0)
        assert abs(along[-1]) < 1e-9 * abs(along[0])
        # the arc goes on as the arm came: inward, with rotation
        assert np.all(np.diff(np.unwrap(arc["phi_deg"], period=360.0)) > 0)


def test_the_outer_cut_off_has_its_arc_where_it_is_on_the_map():
    loci = loci_columns(perturbation(), plane(), 30.0)
    outer = [arc for arc in lines_of(loci, "cut_off", 1) if arc["R_kpc"][0] > 15]
    assert len(outer) == 3
    for arc in outer:
        np.testing.assert_allclose(arc["R_kpc"], 19.653)
        assert np.all(np.diff(np.unwrap(arc["phi_deg"], period=360.0)) < 0)
    assert not any(loci_columns(perturbation(bar=False, arms=()), plane(), 18.0)["line"])


def test_the_bar_is_outlined_where_its_potential_is_half_of_the_deepest():
    modes = perturbation(arms=())
    halves = list(lines_of(loci_columns(modes, plane(), 18.0), "bar", -1))
    assert len(halves) == 2

    def depth(R, phi_deg):
        at = np.radians(phi_deg - 28.0)
        return -sum(
            modes.bar.fraction(mode, R)[0] * np.cos(mode.m * at) for mode in modes.bar.modes
        ) * plane().potential(R)

    deepest = depth(np.linspace(0.05, 12, 4000), 28.0).max()
    for half in halves:
        inner = slice(2, 400)
        np.testing.assert_allclose(depth(half["R_kpc"], half["phi_deg"])[inner], deepest / 2, rtol=5e-3)
        assert half["X_kpc"][0] == half["X_kpc"][-1]
    along = np.degrees(np.arctan2(halves[0]["Y_kpc"].mean(), -halves[0]["X_kpc"].mean()))
    assert along == pytest.approx(28.0, abs=0.1)  # ahead of the Sun


def test_errors_of_medians_are_calibrated_also_of_a_skew_quantity():
    rng = np.random.default_rng(5)
    n_cells, n_stars = 3000, 200
    cell = np.repeat(np.arange(n_cells, dtype=np.int32), n_stars)
    values = {"J_R_kpc_kms": rng.exponential(17.0, cell.size), "v_R_kms": rng.normal(5.0, 30.0, cell.size)}
    counts, medians = cell_medians(cell, n_cells, values, n_stars)
    assert np.all(counts == n_stars)
    spread = np.sqrt(0.6827 * 0.3173 / n_cells)
    for name, truth in (("J_R_kpc_kms", 17.0 * np.log(2)), ("v_R_kms", 5.0)):
        median, error = medians[name]
        inside = np.abs(median - truth) < error
        assert abs(inside.mean() - 0.6827) < 3 * spread


def test_stars_without_a_bound_orbit_count_as_the_largest():
    values = np.array([1.0, 2.0, 3.0, np.inf, np.inf, 5.0, 6.0])
    cell = np.array([0, 0, 0, 0, 0, 1, 1], np.int32)
    counts, medians = cell_medians(cell, 3, {"a": values, "b": values, "c": values}, 3)
    assert counts.tolist() == [5, 2, 0]
    for median, _ in medians.values():
        np.testing.assert_array_equal(median, [3.0, np.nan, np.nan])


def equilibrium_stars(n_tries, seed, limits):
    """Stars drawn from the equilibrium: places at random, velocities from wide normal distributions, then rejection."""
    rng = np.random.default_rng(seed)
    X, Y = (rng.uniform(low, high, n_tries) for low, high in limits)
    v_R, v_phi = rng.normal(0, 60, n_tries), rng.normal(220, 50, n_tries)
    R = np.hypot(X, Y)
    proposed = np.exp(-0.5 * ((v_R / 60) ** 2 + ((v_phi - 220) / 50) ** 2))
    ratio = model(bar=False, arms=()).equilibrium_tables.density(R, v_R, v_phi) / proposed
    kept = rng.random(n_tries) < ratio / ratio.max()
    stars = {"X_kpc": X, "Y_kpc": Y, "Z_kpc": np.zeros(n_tries), "R_kpc": R, "v_R_kms": v_R, "v_phi_kms": v_phi}
    return pl.DataFrame({name: values[kept] for name, values in stars.items()})


def test_a_sample_drawn_from_the_model_has_its_medians(tmp_path):
    limits, spacing = [[-9.0, -7.0], [-1.0, 1.0]], 0.5
    stars, profile, cells = (tmp_path / f"{name}.parquet" for name in ("stars", "plane", "cells"))
    equilibrium_stars(600_000, 11, limits).write_parquet(stars)
    write_table(profile, load_contract("potential_plane"), plane_columns(), {})
    fine = {"v_R_kms": [-79.0, 79.0, 2.0], "v_phi_kms": [110.0, 330.0, 4.0]}
    common = {"stars": stars, "plane": profile, "cells": cells, "limits_kpc": limits, "spacing_kpc": spacing} | fine
    common |= {"velocity_cut": True, "selection": "abs(Z_kpc) < 0.3", "min_stars": 50, "threads": 2}
    bin_disc_map.run(**common)
    found = read_columns(cells)
    expected = predict_map(model(bar=False, arms=()), places(limits, spacing), VelocityGrid.from_config(fine), "fast")
    assert found["cell"].tolist() == expected["cell"].tolist()
    pulls = np.concatenate(
        [
            (found[f"{base}_{unit}"] - expected[f"{base}_{unit}"]) / found[f"{base}_error_{unit}"]
            for base, unit in (("v_R", "kms"), ("v_phi", "kms"), ("J_R", "kpc_kms"))
        ]
    )
    assert found["n_stars"].min() > 1000
    assert abs(np.mean(pulls)) < 4 / np.sqrt(pulls.size)
    assert abs(np.mean(np.abs(pulls) < 1) - 0.683) < 3 * np.sqrt(0.683 * 0.317 / pulls.size)
    # stars beyond the model's velocities would move the median action
    bin_disc_map.run(**common | {"velocity_cut": False})
    every = read_columns(cells)
    assert every["n_stars"].sum() > found["n_stars"].sum()
    assert np.mean((every["J_R_kpc_kms"] - expected["J_R_kpc_kms"]) / every["J_R_error_kpc_kms"]) > 1


def test_a_map_that_rotates_backward_or_has_no_full_cell_is_refused(tmp_path):
    stars, profile, cells = (tmp_path / f"{name}.parquet" for name in ("stars", "plane", "cells"))
    frame = equilibrium_stars(30_000, 2, LIMITS)
    frame.with_columns(v_phi_kms=-pl.col("v_phi_kms")).write_parquet(stars)
    write_table(profile, load_contract("potential_plane"), plane_columns(), {})
    common = {"stars": stars, "plane": profile, "cells": cells, "selection": None, "threads": 1} | GRID | COARSE
    with pytest.raises(DiscatlasError, match="v_phi is negative in most cells"):
        bin_disc_map.run(**common, velocity_cut=False, min_stars=5)
    with pytest.raises(DiscatlasError, match=r"no star lies in the cells \(.* 0 in window"):
        bin_disc_map.run(**common, velocity_cut=True, min_stars=5)
    frame.write_parquet(stars)
    with pytest.raises(DiscatlasError, match="no cell has 100000 stars"):
        bin_disc_map.run(**common, velocity_cut=True, min_stars=100_000)


def test_a_map_with_the_wrong_gradient_is_refused():
    limits = [[-12.0, -4.0], [-4.0, 4.0]]
    predicted = made_prediction(limits, 0.5)
    assert check_orientation(made_prediction(limits, 0.25), predicted, "a map") > 0.8
    reversed_X = made_prediction(limits, 0.25) | {"X_kpc": -16.0 - made_prediction(limits, 0.25)["X_kpc"]}
    with pytest.raises(
        DiscatlasError, match=r"a map: v_phi follows .* with X reversed .* its gradient has the wrong sign"
    ):
        check_orientation(reversed_X, predicted, "a map")
    cells = made_prediction(limits, 0.25)
    exchanged = cells | {"X_kpc": cells["Y_kpc"] - 8.0, "Y_kpc": cells["X_kpc"] + 8.0}
    with pytest.raises(DiscatlasError, match="with X and Y exchanged"):
        check_orientation(exchanged, predicted, "a map")
    rng = np.random.default_rng(7)
    noise = cells | {"v_phi_kms": 225 + rng.normal(0, 20, cells["cell"].size)}
    assert abs(check_orientation(noise, predicted, "a map")) < 0.1  # of no orientation, as a small sample's
    backward = cells | {"v_phi_kms": -cells["v_phi_kms"]}
    with pytest.raises(DiscatlasError, match="positive with rotation"):
        check_orientation(backward, predicted, "a map")


def test_a_prediction_is_interpolated_at_the_observed_cells():
    cells = made_prediction(LIMITS, 0.5)
    plane_map = RegularMap.of(cells | {"v_R_kms": 2 * cells["X_kpc"] - cells["Y_kpc"]}, "v_R_kms", "a map")
    X, Y = np.array([-8.1, -9.75, -7.25, -6.1, -5.0]), np.array([0.3, -1.75, 1.0, 0.0, 0.0])
    np.testing.assert_allclose(plane_map.at(X, Y), [*(2 * X - Y)[:3], np.nan, np.nan], rtol=1e-12)
    holed = RegularMap(plane_map.x, plane_map.y, np.where(plane_map.values == plane_map.values[3, 3], np.nan, 1.0))
    at = holed.at(plane_map.x[[2, 3, 2]], plane_map.y[[2, 3, 2]] + np.array([0.0, 0.0, 0.2]))
    np.testing.assert_array_equal(at, [1.0, np.nan, 1.0])  # a node without a value counts only where it has a weight
    with pytest.raises(DiscatlasError, match="are no grid"):
        RegularMap.of({name: values[:1] for name, values in cells.items()}, "v_R_kms", "a map")


def test_velocities_about_a_radius_lose_what_depends_on_it_alone():
    rng = np.random.default_rng(1)
    R, phi = rng.uniform(5, 11, 4000), rng.uniform(-30, 30, 4000)
    left = about_radius(R, 230 + 5 * R + phi / 10)
    assert np.abs(left - phi / 10).max() < 0.8
    assert abs(np.corrcoef(left, R)[0, 1]) < 0.05
    assert np.isnan(about_radius(R, np.full(R.size, np.nan))).all()


def test_numbers_of_a_comparison(tmp_path):
    rng = np.random.default_rng(4)
    data = rng.normal(0, 5, 500)
    numbers = summary(data, np.append(data[:-1] - 2.0, np.nan), np.full(500, 0.5))
    assert numbers["n_cells"] == 499
    assert numbers["rms_residual"] == pytest.approx(2.0)
    assert numbers["mean_residual"] == pytest.approx(2.0)
    assert numbers["correlation"] == pytest.approx(1.0)
    assert numbers["rms_error"] == 0.5
    assert numbers["rms_data"] == pytest.approx(np.sqrt(np.mean(data[:-1] ** 2)))
    assert summary(data, np.full(500, np.nan), None) == {"n_cells": 0}
    limits = [[-12.0, -4.0], [-4.0, 4.0]]
    paths = {name: tmp_path / f"{name}.parquet" for name in ("same", "other", "data")}
    contract = load_contract("disc_map")
    for name, phase in (("same", 0.0), ("other", 1.5), ("data", 0.0)):
        write_table(paths[name], contract, made_prediction(limits, 0.5, phase), {})
    predicted = {name: paths[name] for name in ("same", "other")}
    compare_disc_map.run(predicted=predicted, observed={"gaia": paths["data"]}, numbers=tmp_path / "numbers.json")
    record = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    radial = record["maps"]["gaia"]["v_R_kms"]
    assert radial["same"]["rms_residual"] == pytest.approx(0.0, abs=1e-9)
    for quantity, level in (("v_phi_kms", 0.0), ("J_R_kpc_kms", 17.0)):
        numbers = record["maps"]["gaia"][quantity]["same"]
        assert numbers["rms_residual"] == pytest.approx(0.0, abs=1e-9)
        assert numbers["rms_data"] == pytest.approx(level, abs=6)  # of v_phi what depends on the radius is gone
    assert radial["other"]["rms_residual"] > radial["other"]["rms_data"] > 0
    assert record["rotation"]["gaia"] > 0.8
    with pytest.raises(DiscatlasError, match="no model to compare with"):
        compare_disc_map.run(predicted={}, observed={}, numbers=tmp_path / "numbers.json")
