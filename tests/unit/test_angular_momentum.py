"""Median radial velocities over azimuth and angular momentum, of models and of samples."""

import json

import numpy as np
import polars as pl
import pytest
from made_disc_maps import model, plane, plane_columns, spec

import bin_angular_momentum_plane
import predict_angular_momentum_plane
from discatlas.bar_spirals.angular_momentum import AngularMomentumPlane, predict_azimuths, resonant_momenta
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, read_provenance, write_table

SETTINGS = {
    "phi_deg": [-12.0, 12.0, 8.0],
    "L_z_kpc_kms": [1400.0, 2000.0, 100.0],
    "window_kpc": [[-12.0, -5.0], [-4.0, 4.0]],
    "R_step_kpc": 0.25,
    "v_R_kms": [-75.0, 75.0, 10.0],
    "v_phi_kms": [110.0, 330.0, 4.0],
}


def whole(**changes):
    return AngularMomentumPlane.build(**SETTINGS | changes)


def test_the_equilibrium_has_no_radial_motion_and_the_number_of_its_distribution_function():
    everywhere = {"window_kpc": [[-30.0, -0.5], [-1.0, 1.0]], "R_step_kpc": 0.1}
    velocities = {"v_R_kms": [-297.5, 297.5, 5.0], "v_phi_kms": [1.0, 1201.0, 2.0]}
    cuts = whole(phi_deg=[-1.0, 1.0, 2.0], L_z_kpc_kms=[1200.0, 2400.0, 200.0], **everywhere, **velocities)
    (found,) = predict_azimuths(model(bar=False, arms=()), cuts, "fast")
    assert np.abs(found["v_R_kms"]).max() < 0.01  # as the fast setting promises
    # int dR dv_R f = 2 pi int dJ_R f, which no dispersion enters
    R = plane().guiding_radius(found["L_z_kpc_kms"])
    Omega, kappa, _ = plane().frequencies(R)
    np.testing.assert_allclose(found["density"], 1.05 * 2 * np.pi * Omega / kappa**2 * np.exp(-R / 2.4), rtol=2e-3)


def test_radii_lie_in_the_window():
    cuts = whole()
    for phi in (0.0, -20.0, 30.0, 80.0):
        R = cuts.radii(phi)
        X, Y = -R * np.cos(np.radians(phi)), R * np.sin(np.radians(phi))
        assert np.all((X >= -12) & (X < -5) & (np.abs(Y) <= 4))
        allowed = [12 / np.cos(np.radians(phi)), 4 / max(np.sin(np.radians(abs(phi))), 1e-9)]
        expected = max(min(allowed) - 5 / np.cos(np.radians(phi)), 0)
        assert abs(R.size * 0.25 - expected) <= 0.26
    assert cuts.radii(0.0)[0] == 5.125


def test_a_bar_moves_stars_and_the_table_holds_its_resonances(tmp_path):
    entry, profile = tmp_path / "model.json", tmp_path / "plane.parquet"
    entry.write_text(json.dumps(spec(arms=())), encoding="utf-8")
    write_table(profile, load_contract("potential_plane"), plane_columns(), {})
    files = [tmp_path / f"{threads}.parquet" for threads in (1, 2)]
    for threads, file in zip((1, 2), files, strict=True):
        common = {"model": entry, "plane": profile, "cells": file, "accuracy": "fast", "threads": threads}
        predict_angular_momentum_plane.run(**common, **SETTINGS)
    assert files[0].read_bytes() == files[1].read_bytes()
    found = read_columns(files[0])
    assert np.std(found["v_R_kms"]) > 0.5
    assert found["cell"].tolist() == list(range(18))
    assert set(found["phi_deg"]) == {-8.0, 0.0, 8.0}
    levels = read_provenance(files[0])["resonances_kpc_kms"]
    for name, (m, order) in {"corotation": (2, 0), "4:1": (4, -1), "2:1": (2, -1)}.items():
        R = plane().guiding_radius(levels[name])
        Omega, kappa, _ = plane().frequencies(R)
        assert m * (Omega - 37.0) == pytest.approx(order * kappa, abs=0.05)
    assert sorted(levels, key=levels.get) == ["corotation", "6:1", "4:1", "2:1"]
    assert resonant_momenta(plane(), 3e4) == {}


def test_stars_are_counted_where_the_model_counts_them(tmp_path):
    rng = np.random.default_rng(8)
    n = 40_000
    R, phi = rng.uniform(3, 14, n), rng.uniform(-40, 40, n)
    v_phi, v_R = rng.normal(230, 30, n), rng.normal(0, 30, n)
    v_R += np.where(R * v_phi > 1700, 12.0, -12.0)
    X, Y = -R * np.cos(np.radians(phi)), R * np.sin(np.radians(phi))
    L_z = R * v_phi
    stars, cells = tmp_path / "stars.parquet", tmp_path / "cells.parquet"
    columns = {"X_kpc": X, "Y_kpc": Y, "phi_deg": phi, "L_z_kpc_kms": L_z, "v_R_kms": v_R, "v_phi_kms": v_phi}
    pl.DataFrame(columns | {"R_kpc": R}).write_parquet(stars)
    settings = {name: value for name, value in SETTINGS.items() if name != "R_step_kpc"}
    common = {"stars": stars, "cells": cells, "selection": "R_kpc > 0", "min_stars": 30, "threads": 1} | settings
    bin_angular_momentum_plane.run(**common, velocity_cut=True)
    found = read_columns(cells)
    inside = (X >= -12) & (X < -5) & (np.abs(Y) < 4) & (np.abs(phi) < 12) & (L_z >= 1400) & (L_z < 2000)
    inside &= (np.abs(v_R) < 80) & (v_phi >= 108) & (v_phi < 332)
    assert found["n_stars"].sum() == inside.sum()
    known = np.isfinite(found["v_R_kms"])
    np.testing.assert_array_equal(known, found["n_stars"] >= 30)
    for cell in np.flatnonzero(known)[:3]:
        here = inside & (np.abs(phi - found["phi_deg"][cell]) < 4) & (np.abs(L_z - found["L_z_kpc_kms"][cell]) < 50)
        assert found["v_R_kms"][cell] == pytest.approx(np.median(v_R[here]))
    sides = np.where(found["L_z_kpc_kms"] > 1700, 12.0, -12.0)
    pulls = (found["v_R_kms"] - sides)[known] / found["v_R_error_kms"][known]
    assert np.abs(pulls).max() < 4
    assert read_provenance(cells)["n_stars"]["in_cells"] == inside.sum()
    with pytest.raises(DiscatlasError, match="no cell has 9999 stars, the fullest has"):
        bin_angular_momentum_plane.run(**common | {"min_stars": 9999}, velocity_cut=True)


def test_bad_planes_are_refused():
    with pytest.raises(DiscatlasError, match="L_z_kpc_kms from -100, expected 0 or more"):
        whole(L_z_kpc_kms=[-100.0, 100.0, 50.0])
    with pytest.raises(DiscatlasError, match=r"window_kpc .* expected growing ranges"):
        whole(window_kpc=[[-5.0, -12.0], [-4.0, 4.0]])
    with pytest.raises(DiscatlasError, match="a step above 0"):
        whole(R_step_kpc=0.0)
