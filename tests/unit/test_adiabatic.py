"""Placement by actions and angles: exact in the plane, uniform in phase, and in space as good as stationarity shows."""

import numpy as np
import pytest
from khalil2025 import J_R
from orbit_models import (
    LIFE_KPC_KMS,
    STIFFNESS,
    B,
    C,
    equilibrium,
    exact_grid,
    exact_plane,
    exact_potential,
    khalil_grid,
    khalil_plane,
    khalil_vertical,
)
from scipy.integrate import quad
from scipy.interpolate import RegularGridInterpolator

from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.adiabatic import VerticalTables, place_heights, place_orbits
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, energies, integrate

AXISYMMETRIC = Perturbation(None, ())


@pytest.fixture(scope="module")
def tables():
    return VerticalTables.build(exact_grid(240, 120))


def draws(n, seed):
    """Angular momenta, guiding radii, radial actions and two phases."""
    rng, plane = np.random.default_rng(seed), exact_plane(2000)
    R_guide = rng.uniform(3, 14, n)
    L = R_guide**2 * plane.frequencies(R_guide)[0]
    return L, R_guide, rng.exponential(40, n), *rng.random((2, n))


def test_the_radial_action_in_the_plane_is_exact(tables):
    L, R_guide, action, *angles = draws(2000, 1)
    start = place_orbits(tables, L, action, np.zeros(2000), R_guide, *angles)
    placed = radial_action(start["R_kpc"], start["v_R_kms"], start["v_phi_kms"], exact_plane(2000))
    np.testing.assert_allclose(placed, action, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(start["R_kpc"] * start["v_phi_kms"], L, rtol=1e-12)
    np.testing.assert_array_equal((start["Z_kpc"], start["v_Z_kms"]), 0.0)
    assert np.all(start["R_peri_kpc"] <= start["R_kpc"] * (1 + 1e-9))


def test_the_reference_orbits():
    """An orbit of the action and L_z of a reference point has its energy, at any phase."""
    plane, vertical = khalil_plane(), khalil_vertical()
    for R, v_R, v_phi in J_R[:, :3]:
        action = np.full(20, radial_action(R, v_R, v_phi, plane))
        angles = np.linspace(0.01, 0.99, 20)
        start = place_orbits(vertical, np.full(20, R * v_phi), action, np.zeros(20), np.full(20, R), angles, angles)
        speed_squared = start["v_R_kms"] ** 2 + start["v_phi_kms"] ** 2
        energy = 0.5 * speed_squared + plane.potential(start["R_kpc"])
        np.testing.assert_allclose(energy, 0.5 * (v_R**2 + v_phi**2) + plane.potential(R), atol=0.5)


def test_phases_of_the_radial_motion_are_those_of_time(tables):
    """An orbit placed at one phase is, after that share of its period, where it is placed at a later one."""
    n, plane = 300, exact_plane(2000)
    L, R_guide, action, *_ = draws(n, 2)
    zero = np.zeros(n)
    early, late = (place_orbits(tables, L, action, zero, R_guide, np.full(n, a), zero) for a in (0.55, 0.9))
    step = 1e-3 * early["v_R_kms"]
    energy_step = early["v_R_kms"] * step + 0.5 * step**2
    period = (
        2
        * np.pi
        * (radial_action(early["R_kpc"], early["v_R_kms"] + step, early["v_phi_kms"], plane) - action)
        / energy_step
    )
    place = np.stack([-early["R_kpc"], zero, zero], axis=1)
    velocity = np.stack([-early["v_R_kms"], early["v_phi_kms"], zero], axis=1)
    forces = ForceTables.build(plane, AXISYMMETRIC)
    place, velocity = integrate(forces, place, velocity, -0.35 * period, 0.0, np.full(n, 400))
    R = np.hypot(place[:, 0], place[:, 1])
    amplitude = R_guide * np.sqrt(action / L)
    assert np.percentile(np.abs(R - late["R_kpc"]) / amplitude, 95) < 5e-3
    outward = (place[:, 0] * velocity[:, 0] + place[:, 1] * velocity[:, 1]) / R
    assert np.all(outward > 0)
    assert np.all(place_orbits(tables, L, action, zero, R_guide, np.full(n, 0.3), zero)["v_R_kms"] < 0)


def vertical_action(R, energy):
    """J_Z by quadrature in the exact potential, from the energy above the plane."""
    # energy = STIFFNESS s^2 v^2 with v = z / (z + b)
    v = np.sqrt(energy / STIFFNESS) * (R + C) / C
    top = v * B / (1 - v)

    def speed(z):
        return np.sqrt(max(2 * (energy - exact_potential(R, z) + exact_potential(R)), 0.0))

    return 2 / np.pi * quad(lambda eta: speed(top * np.sin(eta)) * top * np.cos(eta), 0, np.pi / 2)[0]


def test_the_vertical_action_is_exact(tables):
    rng, action = np.random.default_rng(3), np.array([0.3, 2.0, 8.0, 30.0, 60.0])
    R = np.array([8.0, 4.0, 8.0, 6.0, 3.0])
    Z, v_Z = place_heights(tables, R, action, rng.random(5))
    energy = 0.5 * v_Z**2 + exact_potential(R, Z) - exact_potential(R)
    placed = [vertical_action(*values) for values in zip(R, energy, strict=True)]
    np.testing.assert_allclose(placed, action, rtol=2e-3)


def test_phases_of_the_vertical_motion_are_uniform(tables):
    """All four quadrants, and time shares: equal numbers of phases in z > 0, v_Z > 0, and the mean energies of a cycle."""
    n = 40000
    angle = (np.arange(n) + 0.5) / n
    Z, v_Z = place_heights(tables, np.full(n, 8.0), np.full(n, 5.0), angle)
    for positive in (Z > 0, v_Z > 0, (Z > 0) == (v_Z > 0)):
        assert np.mean(positive) == pytest.approx(0.5, abs=1e-3)
    energy = 0.5 * v_Z**2 + exact_potential(8.0, Z) - exact_potential(8.0)
    np.testing.assert_allclose(energy, energy.mean(), rtol=1e-4)
    u, v = C / (8.0 + C), np.abs(Z) / (np.abs(Z) + B)
    virial = np.abs(Z) * 2 * STIFFNESS * u**2 * v * B / (np.abs(Z) + B) ** 2
    assert np.mean(v_Z**2) == pytest.approx(np.mean(virial), rel=2e-3)


def test_energies_do_not_depend_on_the_phases():
    """In space the adiabatic energy is the true one at every phase."""
    n = 3000
    rng, plane, vertical = np.random.default_rng(4), khalil_plane(), khalil_vertical()
    R_guide = np.full(n, 8.0)
    L = R_guide**2 * plane.frequencies(R_guide)[0]
    start = place_orbits(vertical, L, np.full(n, 25.0), np.full(n, 10.0), R_guide, *rng.random((2, n)))
    place = np.stack([-start["R_kpc"], np.zeros(n), start["Z_kpc"]], axis=1)
    velocity = np.stack([-start["v_R_kms"], start["v_phi_kms"], start["v_Z_kms"]], axis=1)
    energy = energies(ForceTables.build(plane, AXISYMMETRIC, khalil_grid()), place, velocity, 0.0)
    assert np.ptp(energy) < 2.0  # (km/s)^2, of a kinetic energy of 700 in Z and 1000 in R


def test_orbits_on_circles_in_the_plane_and_at_rest_in_height(tables):
    zero, R_guide = np.zeros(3), np.array([4.0, 8.0, 12.0])
    plane = exact_plane(2000)
    start = place_orbits(tables, R_guide * plane.circular_velocity(R_guide), zero, zero, R_guide, *np.full((2, 3), 0.3))
    np.testing.assert_allclose(start["R_kpc"], R_guide, rtol=1e-4)
    np.testing.assert_allclose(start["v_R_kms"], 0.0, atol=0.01)
    assert np.all(np.isfinite(list(start.values())))
    np.testing.assert_array_equal(place_heights(tables, R_guide, zero, np.full(3, 0.7)), 0.0)


def cylindrical(place, velocity):
    (X, Y, Z), (v_X, v_Y, v_Z) = place.T, velocity.T
    R = np.hypot(X, Y)
    return {"R": R, "v_R": (X * v_X + Y * v_Y) / R, "v_phi": (Y * v_X - X * v_Y) / R, "Z": Z, "v_Z": v_Z}


@pytest.fixture(scope="module", params=["thin", "thick"])
def before_and_after(request, _default_config):
    """50,000 stars of a default disc, as placed and after 0.54 kpc/(km/s)."""
    config = _default_config["galaxies"]["milky_way"]["populations"][request.param]
    place, velocity, R_peri = equilibrium(config, khalil_plane(), khalil_vertical(), 50000, 5)
    steps = count_steps(khalil_plane(), R_peri, LIFE_KPC_KMS, 0.3)
    forces = ForceTables.build(khalil_plane(), AXISYMMETRIC, khalil_grid())
    today = integrate(forces, place, velocity, -LIFE_KPC_KMS, 0.0, steps, 0.3)
    return request.param, cylindrical(place, velocity), cylindrical(*today)


ANNULI = ((3, 5), (5, 7), (7, 9), (9, 11), (11, 14))


def test_what_is_placed_is_stationary(before_and_after):
    """Numbers, means and dispersions in annuli: the thin disc within the errors, the thick one within 5 % in height."""
    name, before, after = before_and_after
    pulls = []
    for low, high in ANNULI:
        early, late = ({k: v[(p["R"] > low) & (p["R"] < high)] for k, v in p.items()} for p in (before, after))
        counts = early["R"].size, late["R"].size
        pulls.append((counts[1] - counts[0]) / np.sqrt(counts[0]))
        for key in ("v_R", "v_phi", "v_Z", "Z"):
            for power in (1, 2):
                a, b = ((p[key] - early[key].mean()) ** power for p in (early, late))
                pull = (b.mean() - a.mean()) / np.hypot(a.std() / np.sqrt(a.size), b.std() / np.sqrt(b.size))
                if (name, key, power) != ("thick", "Z", 2):
                    pulls.append(pull)
        heights = np.mean(np.abs(early["Z"])), np.mean(np.abs(late["Z"]))
        print(name, low, high, "height after / before", heights[1] / heights[0], "largest pull", np.abs(pulls).max())
        assert heights[1] / heights[0] == pytest.approx(1.0, abs=0.03 if name == "thin" else 0.05)
    assert np.abs(pulls).max() < 3.5
    assert np.mean(np.square(pulls)) < 2


def test_jeans(before_and_after):
    """The asymmetric drift obeys the radial Jeans equation of the particles' own density and dispersions.

    In its weak form: for a stationary disc the mean of d(g(R) v_R)/dt = g' v_R^2 + g (v_phi^2/R - dPhi/dR) is zero for any
    g, which stands for the derivative of density times dispersion. Written as a difference in v_phi.
    """
    name, _, stars = before_and_after
    forces = khalil_grid()
    force = grid_force(forces, stars["R"], np.abs(stars["Z"]))
    for centre, width in ((5.0, 1.0), (8.0, 1.5), (11.0, 2.0)):
        g = np.exp(-0.5 * ((stars["R"] - centre) / width) ** 2)
        slope = -(stars["R"] - centre) / width**2 * g
        pressure = slope * stars["v_R"] ** 2 + g * (stars["v_phi"] ** 2 / stars["R"] - force)
        scale = np.mean(2 * g * stars["v_phi"] / stars["R"])
        error = pressure.std() / np.sqrt(pressure.size) / scale
        drift = np.average(np.sqrt(stars["R"] * force) - stars["v_phi"], weights=g)
        print(name, centre, "v_phi minus Jeans", pressure.mean() / scale, "+-", error, "drift", drift)
        assert abs(pressure.mean() / scale) < max(3 * error, 0.01 * drift)
        assert drift > 10 * error


def grid_force(grid, R, Z):
    """dPhi/dR at places, linear between the nodes."""
    table = RegularGridInterpolator((grid.R_kpc, grid.Z_kpc), grid.dPhi_dR_km2_s2_kpc)
    return table(np.stack([R, Z], axis=1))


@pytest.fixture(scope="module")
def cold():
    """A disc with the dispersion parameters 4 and 1 km/s and the scale length 2.5 kpc."""
    plane, rng = khalil_plane(), np.random.default_rng(6)
    R_guide = rng.gamma(2, 2.5, 200000)
    R_guide = R_guide[(R_guide > 3.5) & (R_guide < 15)]
    Omega, kappa, nu = plane.frequencies(R_guide)
    actions = rng.exponential(16 / kappa), rng.exponential(1 / nu)
    start = place_orbits(khalil_vertical(), R_guide**2 * Omega, *actions, R_guide, *rng.random((2, R_guide.size)))
    return {key.rsplit("_", 1)[0]: values for key, values in start.items()}


@pytest.mark.parametrize(("low", "high"), [(5, 5.5), (8, 9), (10, 12)])
def test_the_velocity_ellipsoid_of_a_cold_disc(cold, low, high):
    """Epicycles: sigma_phi / sigma_R = kappa / (2 Omega), and the dispersions are those of the distribution function."""
    plane, chosen = khalil_plane(), (cold["R"] > low) & (cold["R"] < high)
    v_R, v_phi = cold["v_R"][chosen], (cold["v_phi"] - plane.circular_velocity(cold["R"]))[chosen]
    error = 1 / np.sqrt(2 * chosen.sum())
    Omega, kappa, _ = plane.frequencies(cold["R"][chosen])
    expected = np.sqrt(np.mean((kappa / (2 * Omega)) ** 2))
    print(low, v_phi.std() / v_R.std(), expected, error)
    assert v_phi.std() / v_R.std() == pytest.approx(expected, rel=4.5 * error)
    assert v_R.std() == pytest.approx(4.0, rel=3 * error)
    assert cold["v_Z"][chosen].std() == pytest.approx(1.0, rel=0.02 + 3 * error)
    assert -0.5 < v_phi.mean() < 0.0
    assert abs(v_R.mean()) < 3 * 4.0 / np.sqrt(v_R.size)


def scale_length(R, low, high):
    """By maximum likelihood for R exp(-R / h) between two radii, and its error."""
    R = R[(low < R) & (high > R)]
    h, fine = np.linspace(1.5, 4.0, 2001)[:, None], np.linspace(low, high, 2001)[None]
    norm = np.trapezoid(fine * np.exp(-fine / h), fine[0], axis=1)
    likelihood = -R.mean() / h[:, 0] - np.log(norm)
    near = likelihood > likelihood.max() - 0.5 / R.size
    return h[np.argmax(likelihood), 0], np.ptp(h[near]) / 2


def test_the_scale_length(cold, before_and_after):
    """That of the guiding radii for a cold disc; up to 20 % longer for a hot one, whose stars are seen far from them."""
    length, error = scale_length(cold["R"], 5, 12)
    assert abs(length - 2.5) < 3 * error
    name, _, stars = before_and_after
    guiding = {"thin": 2.6, "thick": 2.2}[name]
    length, error = scale_length(stars["R"], 5, 12)
    print(name, "scale length", length, "+-", error, "of the guiding radii", guiding)
    assert guiding - 3 * error < length < {"thin": 1.06, "thick": 1.2}[name] * guiding


def test_the_thick_disc_is_thicker_and_both_flare(before_and_after):
    name, _, stars = before_and_after
    heights = [np.mean(np.abs(stars["Z"][np.abs(stars["R"] - R) < 1])) for R in (4, 8, 12)]
    print(name, "mean height at 4, 8, 12 kpc", heights)
    assert np.all(np.diff(heights) > 0)
    assert (0.15 < heights[1] < 0.3) if name == "thin" else (0.5 < heights[1] < 1.0)
