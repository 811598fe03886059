"""Orbits of a sample: limits in the barred potential, errors that are calibrated, stars without an orbit, and the script."""

import json

import numpy as np
import polars as pl
import pytest
from made_potential import grid_columns, plane_columns, write_tables
from orbit_models import BAR, cartesian, published, spiral_config
from scipy.stats import binom

import compute_orbits
from discatlas.bar_spirals.orbit_elements import (
    COORDINATES,
    ELEMENTS,
    OrbitModel,
    orbit_elements,
    principal_errors,
    with_linear_errors,
    with_sampled_errors,
)
from discatlas.contracts import error_column, load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import energies, integrate
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position
from discatlas.phase_space.names import correlation_columns
from discatlas.runtime import use_threads
from discatlas.tables import read_columns, read_provenance, write_table

PLANE = PlaneProfile.from_columns(plane_columns(400))
GRID = PotentialGrid.from_columns(grid_columns(120, 50))
BARRED = published()
# errors of a distance move all coordinates of a star together
ALONG = np.array([0.3, 1.2, 0.03, 6.0, 10.0, 3.0])
ALONE = np.array([0.02, 0.1, 0.01, 1.5, 1.5, 1.0])


def orbit_model(perturbation=BARRED, duration=0.3, radians=0.45):
    return OrbitModel.build(PLANE, GRID, perturbation, duration, radians)


def places(n=60, seed=1):
    """COORDINATES of disc stars near the Sun, shape (n, 6)."""
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((n, 6)) * [0.0, 10.0, 0.3, 35.0, 25.0, 20.0]
    spread[:, 0] = rng.uniform(7.0, 10.0, n)
    spread[:, 4] += 215.0
    return spread


def covariance(n, correlated=True):
    shared = np.outer(ALONG, ALONG) if correlated else np.diag(ALONG**2)
    return np.broadcast_to(shared + np.diag(ALONE**2), (n, 6, 6))


def columns_of(stars, correlated=True):
    """Columns of contract ``phase_space`` with errors and correlations."""
    n, cov = len(stars), covariance(len(stars), correlated)
    sigma = np.sqrt(np.einsum("nii->ni", cov))
    found = dict(zip(COORDINATES, stars.T, strict=True))
    found |= {error_column(name): sigma[:, i] for i, name in enumerate(COORDINATES)}
    i, j = np.triu_indices(6, 1)
    correlation = cov[:, i, j] / (sigma[:, i] * sigma[:, j])
    found |= dict(zip(correlation_columns(), correlation.T, strict=True))
    X, Y = cartesian_position(found["R_kpc"], found["phi_deg"])
    found |= {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "L_z_kpc_kms": found["R_kpc"] * found["v_phi_kms"]}
    found |= {name: np.zeros(n) for name in ("l_deg", "b_deg", "X_error_kpc", "Y_error_kpc", "L_z_error_kpc_kms")}
    return found | {"distance_kpc": np.ones(n)}


@pytest.fixture(scope="module")
def model():
    return orbit_model()


@pytest.mark.parametrize("duration", [0.15, -0.15])
def test_barred_limits_are_those_of_the_orbit_in_small_steps(duration):
    """Forward with the strength of today, backward with less of it: not the same limits."""
    stars = places(12)
    found, _ = orbit_elements(orbit_model(duration=duration), stars)
    tables = orbit_model().forces
    x, v = cartesian(stars[:, 0], stars[:, 1], stars[:, 3], stars[:, 4], stars[:, 2], stars[:, 5])
    r, Z, L_z, now = [], [], [], 0.0
    for time in np.linspace(0.0, duration, 201):
        if time != now:
            x, v = integrate(tables, x, v, now, time, np.full(12, 2))
        r.append(np.linalg.norm(x, axis=1))
        Z.append(np.abs(x[:, 2]))
        L_z.append(x[:, 1] * v[:, 0] - x[:, 0] * v[:, 1])
        now = time
    expected = {"r_peri_barred_kpc": np.min(r, axis=0), "r_apo_barred_kpc": np.max(r, axis=0)}
    expected |= {"Z_max_barred_kpc": np.max(Z, axis=0)}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-3)
    for name, of in (("min", np.min), ("max", np.max), ("mean", np.mean)):
        np.testing.assert_allclose(found[f"L_z_{name}_barred_kpc_kms"], of(L_z, axis=0), atol=3.0)
    spread = found["L_z_max_barred_kpc_kms"] - found["L_z_min_barred_kpc_kms"]
    assert np.median(spread) > 20


def test_without_bar_and_spirals_both_orbits_are_the_same():
    stars = places(40)
    found, status = orbit_elements(orbit_model(Perturbation(None, ()), duration=1.0, radians=0.2), stars)
    assert np.all(status == 0)
    for name, tolerance in (("r_peri", 0.01), ("r_apo", 0.01), ("Z_max", 0.05)):
        error = np.abs(found[f"{name}_barred_kpc"] / found[f"{name}_kpc"] - 1)
        assert np.quantile(error, 0.9) < tolerance, name
    np.testing.assert_allclose(found["L_z_min_barred_kpc_kms"], found["J_phi_kpc_kms"], rtol=1e-6)
    np.testing.assert_allclose(found["L_z_max_barred_kpc_kms"], found["J_phi_kpc_kms"], rtol=1e-6)
    assert np.all(np.isnan(found["jacobi_energy_km2_s2"]))


def test_jacobi_energy_is_that_at_the_end_of_the_orbit_too():
    bar = published(arms=(), turns=0.0)
    stars = places(30)
    model = orbit_model(bar)
    found, _ = orbit_elements(model, stars)
    x, v = cartesian(stars[:, 0], stars[:, 1], stars[:, 3], stars[:, 4], stars[:, 2], stars[:, 5])
    x, v = integrate(model.forces, x, v, 0.0, 0.3, np.full(30, 200))
    L_z = x[:, 1] * v[:, 0] - x[:, 0] * v[:, 1]
    end = energies(model.forces, x, v, 0.3) - BAR["Omega_kms_kpc"] * L_z
    np.testing.assert_allclose(found["jacobi_energy_km2_s2"], end, rtol=1e-5)
    assert np.median(np.abs(L_z / found["J_phi_kpc_kms"] - 1)) > 1e-3


def coverage(model, errors, n=250, n_draws=30):
    """Share of stars whose true element is between percentiles 16 and 84, of each element."""
    rng = np.random.default_rng(5)
    truth = places(n, seed=6)
    true, _ = orbit_elements(model, truth)
    exact = principal_errors(columns_of(truth), "made")
    observed = truth + np.einsum("nij,nj->ni", exact, rng.standard_normal((n, 6)))
    found = with_sampled_errors(model, observed, errors(observed), rng.standard_normal((n, n_draws, 6)))
    names = {"J_R_kpc_kms": "J_R_p{}_kpc_kms", "J_phi_kpc_kms": "J_phi_p{}_kpc_kms", "r_apo_kpc": "r_apo_p{}_kpc"}
    names |= {"energy_km2_s2": "energy_p{}_km2_s2", "r_apo_barred_kpc": "r_apo_barred_p{}_kpc"}
    names |= {"L_z_mean_barred_kpc_kms": "L_z_mean_barred_p{}_kpc_kms"}
    inside = {}
    for name, template in names.items():
        low, high = found[template.format(16)], found[template.format(84)]
        inside[name] = int(np.sum((true[name] >= low) & (true[name] <= high)))
    return inside, n


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 250 stars; without the correlations of the errors they do not."""
    model = orbit_model(duration=0.05)
    inside, n = coverage(model, lambda stars: principal_errors(columns_of(stars), "made"))
    low, high = binom.ppf([1e-3, 1 - 1e-3], n, 0.68)
    for name, count in inside.items():
        assert low <= count <= high, name
    wrong, _ = coverage(model, lambda stars: principal_errors(columns_of(stars, correlated=False), "made"))
    assert not all(low <= count <= high for count in wrong.values())


def test_linear_errors_are_those_of_small_draws(model):
    stars = places(40)
    errors = 0.1 * principal_errors(columns_of(stars), "made")
    linear = with_linear_errors(model, stars, errors)
    draws = np.random.default_rng(2).standard_normal((40, 100, 6))
    sampled = with_sampled_errors(model, stars, errors, draws)
    for name in ("J_phi_kpc_kms", "energy_km2_s2", "r_apo_kpc", "J_Z_kpc_kms", "jacobi_energy_km2_s2"):
        ratio = linear[error_column(name)] / sampled[error_column(name)]
        assert abs(np.median(ratio) - 1) < 0.1, name


def test_stars_without_an_orbit_are_told_apart(model):
    stars = places(5)
    stars[1, 3] = np.nan
    stars[2, 4] = 900.0
    stars[3, 4] = 495.0
    stars[4, 0] = 60.0
    errors = principal_errors(columns_of(stars), "made")
    found = with_sampled_errors(model, stars, errors, np.zeros((5, 4, 6)))
    assert found["status"].tolist() == ["bound", "missing", "unbound", "beyond_table", "beyond_table"]
    assert np.isfinite(found["J_R_kpc_kms"]).tolist() == [True, False, False, False, False]
    assert np.isfinite(found["J_phi_kpc_kms"]).tolist() == [True, False, True, True, True]
    assert np.isfinite(found["R_guide_kpc"]).tolist() == [True, False, False, True, True]
    assert np.isfinite(found["r_apo_barred_kpc"]).tolist() == [True, False, False, False, False]
    np.testing.assert_array_equal(found["bound_share"], [1.0, np.nan, 0.0, 0.0, 0.0])
    assert np.isfinite(found["r_apo_error_kpc"]).tolist() == [True, False, False, False, False]


def test_a_place_across_the_axis_is_the_same_place(model):
    """A draw may have a negative radius."""
    star = places(1)
    across = star * [-1, 1, 1, -1, -1, 1] + [0, 180, 0, 0, 0, 0]
    one, _ = orbit_elements(model, star)
    other, _ = orbit_elements(model, across)
    for name in ELEMENTS:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-9)


def test_numbers_do_not_depend_on_threads(model):
    stars = places(30)
    results = []
    for threads in (1, 2):
        use_threads(threads)
        results.append(orbit_elements(model, stars)[0])
    for name in ELEMENTS:
        np.testing.assert_array_equal(results[0][name], results[1][name])


@pytest.fixture
def run_script(tmp_path):
    plane, grid = write_tables(tmp_path)
    spec = {"bar": BAR, "spirals": [spiral_config(2), spiral_config(3)]}
    (tmp_path / "model.json").write_text(json.dumps(spec, default=float), encoding="utf-8")
    stars = places(30)
    stars[7, 3] = np.nan
    columns = columns_of(stars)
    write_table(tmp_path / "stars.parquet", load_contract("phase_space"), columns, {})

    def run(name="orbits", errors=True, n_draws=0, stars=tmp_path / "stars.parquet", duration=0.1):
        path = tmp_path / f"{name}.parquet"
        compute_orbits.run(
            stars=stars, model=tmp_path / "model.json", plane=plane, grid=grid, orbits=path, sample="made",
            duration_kpc_kms=duration, radians_per_step=0.45, errors=errors, n_draws=n_draws, seed=1, threads=2,
        )  # fmt: skip
        return path

    return run


def test_the_script_writes_what_was_asked_for(run_script, monkeypatch):
    plain, linear, sampled = run_script("plain", errors=False), run_script("linear"), run_script("sampled", n_draws=8)
    found = pl.read_parquet(sampled)
    assert found["status"].to_list().count("missing") == 1
    assert found["source_id"].to_list() == list(range(30))
    assert not [name for name in pl.read_parquet(plain).columns if "error" in name or "_p50" in name]
    assert "J_R_error_kpc_kms" in pl.read_parquet(linear).columns
    assert "J_R_p50_kpc_kms" not in pl.read_parquet(linear).columns
    assert {"bound_share", "J_R_p16_kpc_kms", "eccentricity_p84", "r_apo_barred_error_kpc"} <= set(found.columns)
    assert read_provenance(sampled)["errors"] == "monte_carlo"
    for name in ELEMENTS:
        assert found[name].equals(pl.read_parquet(linear)[name])
    monkeypatch.setattr(compute_orbits, "ROWS", 11)
    again = pl.read_parquet(run_script("again", n_draws=8))
    assert again.equals(found)


def test_errors_need_their_correlations(run_script, tmp_path):
    columns = read_columns(tmp_path / "stars.parquet")
    bare = {name: values for name, values in columns.items() if not name.endswith("_corr")}
    write_table(tmp_path / "bare.parquet", load_contract("phase_space"), bare, {})
    with pytest.raises(DiscatlasError, match="R_phi_corr"):
        run_script(stars=tmp_path / "bare.parquet")
    assert run_script(errors=False, stars=tmp_path / "bare.parquet").exists()
    with pytest.raises(DiscatlasError, match="duration_kpc_kms 0"):
        run_script(duration=0.0)
