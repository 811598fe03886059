"""Kinematic membership: against scipy's Gaussians, circular orbits in both frames, and what is missing or wrong."""

import json
from copy import deepcopy

import numpy as np
import polars as pl
import pytest
from scipy.stats import multivariate_normal

import estimate_membership
from discatlas.errors import DiscatlasError
from discatlas.membership import POPULATIONS, membership_probabilities, star_velocities
from discatlas.tables import read_columns, read_provenance

BENSBY = {
    "source": "Bensby et al. 2003, Table 1",
    "thin": {"sigma_U_kms": 35.0, "sigma_V_kms": 20.0, "sigma_W_kms": 16.0, "V_asym_kms": -15.0, "fraction": 0.94},
    "thick": {"sigma_U_kms": 67.0, "sigma_V_kms": 38.0, "sigma_W_kms": 35.0, "V_asym_kms": -46.0, "fraction": 0.06},
    "halo": {"sigma_U_kms": 160.0, "sigma_V_kms": 90.0, "sigma_W_kms": 90.0, "V_asym_kms": -220.0, "fraction": 0.0015},
}


def circular(phi_deg, frame, v_c=235.0):
    """Probabilities of stars on circular orbits at these azimuths."""
    phi = np.asarray(phi_deg, float)
    still = np.zeros_like(phi)
    velocities = star_velocities(still + 8.0, phi, still, still + v_c, still, frame, v_c, 0.0, 8.0)
    return membership_probabilities(velocities, BENSBY)


def test_probabilities_are_those_of_gaussians():
    velocities = np.random.default_rng(1).normal(0.0, 120.0, (3, 500))
    density = []
    for name in POPULATIONS:
        spec = BENSBY[name]
        sigmas = np.array([spec[f"sigma_{axis}_kms"] for axis in "UVW"])
        gauss = multivariate_normal([0.0, spec["V_asym_kms"], 0.0], np.diag(sigmas**2))
        density.append(spec["fraction"] * gauss.pdf(velocities.T))
    found = membership_probabilities(velocities, BENSBY)
    np.testing.assert_allclose(found, np.array(density) / np.sum(density, axis=0), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-14)


def test_extreme_velocities_leave_no_hole():
    found = membership_probabilities(np.array([[5e3, -5e3], [5e3, 0.0], [0.0, 5e3]]), BENSBY)
    np.testing.assert_allclose(found[2], 1.0)


def test_the_papers_frame_calls_circular_orbits_thick_and_the_local_one_does_not():
    """SCIENCE 2.3: 39 % thick at phi = 30 deg and 98 % at 40 deg relative to the Sun's LSR."""
    np.testing.assert_allclose(circular([30.0, -30.0, 40.0], "lsr")[1], [0.387, 0.387, 0.978], atol=0.001)
    local = circular([0.0, 30.0, 40.0, 170.0], "local")
    np.testing.assert_allclose(local, local[:, :1] * np.ones(4), rtol=1e-12)
    assert (local[0] > 0.99).all()
    np.testing.assert_allclose(circular([0.0], "lsr"), circular([0.0], "local"), rtol=1e-12)


def test_signs_and_the_slope_of_the_rotation_curve():
    one = np.ones(1)
    outward = star_velocities(8.0 * one, 0.0 * one, 30.0 * one, 220.0 * one, -5.0 * one, "local", 230.0, 0.0, 8.0)
    np.testing.assert_allclose(outward[:, 0], [-30.0, -10.0, -5.0])
    quarter = star_velocities(8.0 * one, 90.0 * one, 30.0 * one, 220.0 * one, 0.0 * one, "lsr", 230.0, 0.0, 8.0)
    np.testing.assert_allclose(
        quarter[:, 0], [220.0, 30.0 - 230.0, 0.0], atol=1e-12
    )  # +Y is outward there, +X rotation
    rising = star_velocities(16.0 * one, 0.0 * one, 0.0 * one, 230.0 * one, 0.0 * one, "local", 230.0, 0.5, 8.0)
    assert rising[1, 0] == pytest.approx(230.0 * (1.0 - np.sqrt(2.0)))


def test_what_cannot_be_is_said():
    with pytest.raises(DiscatlasError, match=r"frame 'locale' is unknown \(nearest: 'local'\)"):
        circular([0.0], "locale")
    for key in ("sigma_V_kms", "fraction"):
        bad = deepcopy(BENSBY)
        bad["thick"][key] = 0.0
        with pytest.raises(DiscatlasError, match=f"{key} of the thick is 0, expected a number above zero"):
            membership_probabilities(np.zeros((3, 1)), bad)


def test_the_rule_writes_probabilities_row_by_row(tmp_path):
    columns = {
        "source_id": [5, 3, 9, 7],
        "R_kpc": [8.0, 9.0, 8.0, 8.0],
        "phi_deg": [0.0, 20.0, 0.0, 0.0],
        "v_R_kms": [0.0, 10.0, None, 150.0],
        "v_phi_kms": [230.0, 225.0, 220.0, -20.0],
        "v_Z_kms": [0.0, 5.0, 3.0, 90.0],
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "stars.parquet")
    out, summary = tmp_path / "membership.parquet", tmp_path / "membership.json"
    estimate_membership.run(
        stars=tmp_path / "stars.parquet", membership=out, summary=summary, set_name="bensby2003", ellipsoids=BENSBY,
        frame="local", v_c_kms=230.0, v_c_slope=0.0, R0_kpc=8.2, max_halo_probability=0.01, threads=1,
        n_published=129148,
    )  # fmt: skip
    table = read_columns(out)
    assert table["source_id"].tolist() == [5, 3, 9, 7]
    assert table["in_disc"].tolist() == [True, True, False, False]
    assert np.isnan(table["P_halo"]).tolist() == [False, False, True, False]
    assert table["P_halo"][3] > 0.99
    counts = json.loads(summary.read_text())["n_stars"]
    assert counts == {
        "read": 4, "with_velocities": 3, "thin": 2, "thick": 0, "halo": 1, "surely_thin": 2, "in_disc": 2
    }  # fmt: skip
    assert read_provenance(out)["source"] == BENSBY["source"]
