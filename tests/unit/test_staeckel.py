"""Actions and limits of orbits: closed forms, invariances, integrated orbits, galpy, and AGAMA where it imports."""

import numpy as np
import pytest
from khalil2025 import MODEL
from made_potential import A_KPC, B_KPC, CORE_KPC, FAR_KPC, MASS_MSUN, V_HALO_KMS, grid_columns, plane_columns
from orbit_models import cartesian

from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.galpy_engine import import_galpy
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbit_limits import orbit_limits
from discatlas.dynamics.orbits import ForceTables, count_steps, integrate
from discatlas.dynamics.potential_nodes import radial_nodes, vertical_nodes
from discatlas.dynamics.staeckel import BEYOND_TABLE, BOUND, UNBOUND, StaeckelTables, staeckel_elements

GM, CORE = 2.0e6, 3.0  # of the isochrone [kpc (km/s)^2, kpc]
ACTIONS, LIMITS = ("J_R_kpc_kms", "J_Z_kpc_kms"), ("r_peri_kpc", "r_apo_kpc", "Z_max_kpc")


def stars(n=400, seed=1, heat=1.0):
    """R, Z, v_R, v_Z, v_phi of disc stars, shape (n,) each."""
    rng = np.random.default_rng(seed)
    R = rng.uniform(5.0, 12.0, n)
    spread = heat * rng.standard_normal((4, n)) * np.array([[0.35], [40.0], [25.0], [30.0]])
    return R, spread[0], spread[1], spread[2], 215.0 + spread[3]


@pytest.fixture(scope="module")
def plane():
    return PlaneProfile.from_columns(plane_columns(1000))


@pytest.fixture(scope="module")
def grid():
    return PotentialGrid.from_columns(grid_columns(240, 72))


@pytest.fixture(scope="module")
def tables(plane, grid):
    return StaeckelTables.build(plane, grid)


def isochrone(R, Z):
    """Phi, dPhi/dR, dPhi/dZ and the mixed derivative."""
    a = np.sqrt(CORE**2 + R**2 + Z**2)
    per_r = GM / (a * (CORE + a) ** 2)
    slope = -GM * (CORE + 3 * a) / (a**3 * (CORE + a) ** 3)
    return -GM / (CORE + a), per_r * R, per_r * Z, slope * R * Z


@pytest.fixture(scope="module")
def isochrone_tables():
    R, Z = radial_nodes(240, 0.01, 40.0), vertical_nodes(72, 20.0)
    fine = radial_nodes(1000, 0.01, 40.0)
    Phi, force, _, _ = isochrone(fine, 0.0)
    a = np.sqrt(CORE**2 + fine**2)
    Omega = np.sqrt(force / fine)
    kappa = np.sqrt(4 * Omega**2 - GM * fine**2 * (CORE + 3 * a) / (a**3 * (CORE + a) ** 3))
    profile = PlaneProfile(fine, Phi, force, Omega, kappa, Omega)
    return StaeckelTables.build(profile, PotentialGrid(R, Z, *isochrone(R[:, None], Z[None])))


def test_the_isochrone_has_its_closed_forms(isochrone_tables):
    R, Z, v_R, v_Z, v_phi = stars(heat=1.5)
    found, status = staeckel_elements(isochrone_tables, R, Z, v_R, v_Z, v_phi)
    E = isochrone(R, Z)[0] + 0.5 * (v_R**2 + v_Z**2 + v_phi**2)
    L_z = R * v_phi
    L = np.sqrt(L_z**2 + (R * v_Z - Z * v_R) ** 2 + (Z * v_phi) ** 2)
    J_R = GM / np.sqrt(-2 * E) - 0.5 * (L + np.sqrt(L**2 + 4 * GM * CORE))
    assert np.all(status == BOUND)
    np.testing.assert_allclose(found["energy_km2_s2"], E, rtol=1e-6)
    np.testing.assert_allclose(found["J_R_kpc_kms"], J_R, rtol=2e-3, atol=0.01)
    np.testing.assert_allclose(found["J_Z_kpc_kms"], L - np.abs(L_z), rtol=2e-3, atol=0.01)
    for name in ("r_peri_kpc", "r_apo_kpc"):
        r = found[name]
        turning = isochrone(r, 0.0)[0] + 0.5 * (L / r) ** 2
        np.testing.assert_allclose(turning, E, rtol=2e-4)
    np.testing.assert_allclose(
        found["Z_max_kpc"], found["r_apo_kpc"] * np.sqrt(1 - (L_z / L) ** 2), rtol=2e-3, atol=1e-3
    )


def test_in_the_plane_actions_are_exact(tables, plane):
    R, _, v_R, _, v_phi = stars(heat=1.5)
    found, _ = staeckel_elements(tables, R, 0 * R, v_R, 0 * R, v_phi)
    np.testing.assert_allclose(found["J_R_kpc_kms"], radial_action(R, v_R, v_phi, plane), rtol=1e-4, atol=1e-3)
    assert np.all(found["J_Z_kpc_kms"] < 1e-3)


def test_a_circular_orbit_is_a_point(tables, plane):
    R = np.array([2.0, 8.0, 20.0])
    found, _ = staeckel_elements(tables, R, 0 * R, 0 * R, 0 * R, plane.circular_velocity(R))
    for name in ("r_peri_kpc", "r_apo_kpc"):
        np.testing.assert_allclose(found[name], R, rtol=2e-3)
    assert np.all(found["J_R_kpc_kms"] < 1e-2)
    assert np.all(found["Z_max_kpc"] < 1e-3)


def test_mirrors_and_time_reversal_change_nothing(tables):
    R, Z, v_R, v_Z, v_phi = stars(50)
    found, _ = staeckel_elements(tables, R, Z, v_R, v_Z, v_phi)
    for other in ((R, -Z, v_R, -v_Z, v_phi), (R, Z, -v_R, -v_Z, -v_phi)):
        for name, values in staeckel_elements(tables, *other)[0].items():
            np.testing.assert_allclose(values, found[name], rtol=1e-9, atol=1e-9)


def test_elements_are_constant_along_orbits(tables, plane, grid):
    """The fudge is no more than an approximation: to 1 % of the actions and 0.3 % of the limits, for disc stars."""
    R, Z, v_R, v_Z, v_phi = stars(100)
    forces = ForceTables.build(plane, Perturbation(None, ()), grid)
    x, v = cartesian(R, 0.0, v_R, v_phi, Z, v_Z)
    rows = []
    for _ in range(10):
        x, v = integrate(forces, x, v, 0.0, 0.03, np.full(100, 40))
        R = np.hypot(x[:, 0], x[:, 1])
        v_R, v_phi = (x[:, :2] * v[:, :2]).sum(axis=1) / R, (v[:, 0] * x[:, 1] - v[:, 1] * x[:, 0]) / R
        rows.append(staeckel_elements(tables, R, x[:, 2], v_R, v[:, 2], v_phi)[0])
    for names, tolerance in ((ACTIONS, 0.01), (LIMITS[:2], 3e-3), (LIMITS[2:], 0.02)):
        for name in names:
            values = np.array([row[name] for row in rows])
            scatter = values.std(axis=0) / values.mean(axis=0)
            assert np.median(scatter) < tolerance, name


def test_limits_are_those_of_integrated_orbits(tables, plane, grid):
    R, Z, v_R, v_Z, v_phi = stars(200)
    found, _ = staeckel_elements(tables, R, Z, v_R, v_Z, v_phi)
    forces = ForceTables.build(plane, Perturbation(None, ()), grid)
    start = cartesian(R, 0.0, v_R, v_phi, Z, v_Z)
    steps = count_steps(plane, found["r_peri_kpc"], np.array(3.0), 0.3)
    limits = orbit_limits(forces, *start, 3.0, steps, 0.3, (40.0, 20.0))
    for name, other, tolerance in (
        ("r_peri_kpc", "r_min_kpc", 0.01),
        ("r_apo_kpc", "r_max_kpc", 0.01),
        ("Z_max_kpc", "Z_max_kpc", 0.05),
    ):
        error = np.abs(found[name] / limits[other] - 1)
        assert np.median(error) < tolerance / 5, name
        assert np.percentile(error, 95) < tolerance, name


def test_galpys_orbits_have_the_same_limits(tables, plane, grid):
    """galpy integrates its own Miyamoto-Nagai disc in its own logarithmic halo; ours over the same time agree to 1e-3 kpc."""
    galpy = import_galpy()
    from galpy.orbit import Orbit

    halo = galpy.LogarithmicHaloPotential(amp=V_HALO_KMS**2, core=CORE_KPC)
    disc = galpy.MiyamotoNagaiPotential(amp=G_KPC_KMS2_MSUN * MASS_MSUN, a=A_KPC, b=B_KPC)
    R, Z, v_R, v_Z, v_phi = stars(3, seed=4)
    orbits = Orbit(np.stack([R, v_R, v_phi, Z, v_Z, 0 * R], axis=1))
    orbits.integrate(np.linspace(0.0, 0.5, 2001), disc + halo, method="dop853", progressbar=False)
    start = cartesian(R, 0.0, v_R, v_phi, Z, v_Z)
    forces = ForceTables.build(plane, Perturbation(None, ()), grid)
    limits = orbit_limits(forces, *start, 0.5, np.full(3, 600), 0.3, (40.0, 20.0))
    for name, theirs in (("r_min_kpc", orbits.rperi()), ("r_max_kpc", orbits.rap()), ("Z_max_kpc", orbits.zmax())):
        np.testing.assert_allclose(limits[name], theirs, atol=1e-3)
    energy = staeckel_elements(tables, R, Z, v_R, v_Z, v_phi)[0]["energy_km2_s2"]
    np.testing.assert_allclose(energy + V_HALO_KMS**2 * np.log(FAR_KPC), orbits.E(), rtol=1e-5)


def test_agamas_actions_agree():
    pytest.importorskip("agama", reason="AGAMA is not installed; its actions are compared wherever it is")
    engine = open_engine("agama", MODEL)
    fine, R, Z = radial_nodes(1000, 0.01, 40.0), radial_nodes(240, 0.01, 40.0), vertical_nodes(72, 20.0)
    places = R[:, None], Z[None, :]
    space = PotentialGrid(R, Z, engine.potential(*places), *engine.gradient(*places), engine.mixed_derivative(*places))
    tables = StaeckelTables.build(PlaneProfile(fine, *engine.plane(fine)), space)
    sample = stars()
    found, _ = staeckel_elements(tables, *sample)
    theirs = engine.actions(*sample)
    for name, values in zip(ACTIONS, theirs[:2], strict=True):
        error = np.abs(found[name] - values) / (values + 0.1)
        assert np.median(error) < 2e-3, name
        assert np.percentile(error, 99) < 0.02, name


def test_unbound_and_far_orbits_are_told_apart(tables):
    place = np.array([8.0, 8.0, 8.0, 45.0]), np.zeros(4), np.array([0.0, 0.0, 0.0, 0.0]), np.zeros(4)
    found, status = staeckel_elements(tables, *place, np.array([220.0, 490.0, 900.0, 100.0]))
    assert status.tolist() == [BOUND, BEYOND_TABLE, UNBOUND, BEYOND_TABLE]
    for name in (*ACTIONS, *LIMITS):
        assert np.isfinite(found[name]).tolist() == [True, False, False, False]
    assert np.all(np.isfinite(found["energy_km2_s2"][:3]))
    assert found["energy_km2_s2"][2] > 0
