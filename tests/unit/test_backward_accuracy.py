"""How near the fast setting of backward integration comes to the converged one, and what must not change at all."""

import numba
import numpy as np
import pytest
from backward_models import COARSE_GRID, PUBLISHED_GRID, drawn_orbits, model, polar, powerless
from orbit_models import BAR, exact_plane, exact_potential, khalil_plane, spiral_config

from discatlas.dynamics.backward import distribution_at, v_R_medians, velocity_planes
from discatlas.dynamics.medians import weighted_median
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import energies
from discatlas.dynamics.planar_orbits import PlanarTables, end_states, planar_state
from discatlas.errors import DiscatlasError

x, y = (values.ravel() for values in np.meshgrid(np.linspace(4, 12, 8), np.linspace(-4, 4, 5)))
FAR = np.array([(13, 13), (-13, 5), (-5, 3), (0, 7), (-9, -6), (2, -12), (3, 4), (-3, -3.5)]).T
PLACES = polar(np.append(x, FAR[0]), np.append(y, FAR[1]))  # 40 on the map about the Sun, and 8 beyond
CONVERGED = 300  # steps of the exact kernel that are as good as its 1,600 to 1e-3 km/s, as a test shows


def arm(m, pitch, K, limits, Omega):
    return spiral_config(2) | {
        "m": m, "pitch_deg": pitch, "phase_deg": 40.0, "K_km2_s2": K, "R_limits_kpc": limits, "Omega_kms_kpc": Omega
    }  # fmt: skip


def test_fast_medians_are_within_0_05_of_the_converged_ones():
    """At 48 places of 4-12 and 13 kpc, on a velocity grid that averages less than the published one."""
    converged = v_R_medians(model(), *PLACES, COARSE_GRID, CONVERGED)
    deviations = v_R_medians(model(), *PLACES, COARSE_GRID) - converged
    print("rms", deviations.std(), "largest", np.abs(deviations).max(), "of medians up to", np.abs(converged).max())
    assert np.abs(converged).max() > 10
    assert np.abs(deviations).max() < 0.05
    assert deviations.std() < 0.01


def test_fast_medians_with_tight_arms_of_the_largest_amplitude():
    """0.2 % of the potential in two and four arms of 6 degrees: more waves to cross, and a force that jumps by more."""
    arms = [arm(2, 6.0, 5383.0, [4.616, 27.73], 12.0), arm(4, 6.0, 12804.0, [7.7994, 15.2416], 20.0)]
    for spirals in (arms[:1], arms[1:]):
        made = model(Perturbation.from_config(BAR, spirals))
        places = PLACES[0][3::6], PLACES[1][3::6]
        deviations = v_R_medians(made, *places, COARSE_GRID) - v_R_medians(made, *places, COARSE_GRID, CONVERGED)
        print("rms", deviations.std(), "largest", np.abs(deviations).max())
        assert np.abs(deviations).max() < 0.05


def test_converged_is_converged():
    """Also inside the bar."""
    places = np.array([4.0, 7.5]), np.array([0.0, 20.0])
    few, many = (v_R_medians(model(), *places, COARSE_GRID, accuracy) for accuracy in (CONVERGED, "reference"))
    np.testing.assert_allclose(few, many, atol=1e-3)


def test_amplitudes_of_zero_change_nothing():
    """At the reference setting, with all modes followed: f to 1e-6, and the median is 0 to 1e-6."""
    made, orbits = model(powerless()), drawn_orbits(100)
    R, _, v_R, v_phi = orbits
    f = made.equilibrium_tables.density(R, v_R, v_phi)
    np.testing.assert_allclose(distribution_at(made, *orbits, "reference"), f, rtol=1e-6)
    np.testing.assert_allclose(distribution_at(made, *orbits), f, rtol=1e-3)
    profile = velocity_planes(made, 8.0, 30.0, COARSE_GRID, "reference")[0].sum(axis=1)
    assert abs(weighted_median(profile, COARSE_GRID.v_R_kms)) < 1e-6


def test_unperturbed_fast_medians_are_zero():
    for made in (model().equilibrium(), model(powerless())):
        assert np.abs(v_R_medians(made, PLACES[0][::5], PLACES[1][::5], PUBLISHED_GRID)).max() < 0.01


def test_axisymmetric_orbits_come_back():
    """99 % of them to 1e-7 kpc at the reference setting."""
    tables, start = PlanarTables.build(khalil_plane(), Perturbation(None, ())), planar_state(*drawn_orbits(200))
    end = end_states(tables, 0.5, start, "reference")
    back = end_states(tables, -0.5, end, "reference")
    assert np.abs(end[:2] - start[:2]).max() > 1
    assert np.quantile(np.hypot(*(back - start)[:2]), 0.99) < 1e-7


def steady(modes):
    return modes | {"turns": 0.0}


@pytest.mark.parametrize(
    ("perturbation", "Omega"),
    [
        (Perturbation.from_config(steady(BAR), []), 37.0),
        (Perturbation.from_config(None, [steady(arm(2, 12.0, 2818.0, [None, None], 16.0))]), 16.0),
    ],
)
def test_jacobi_energy(perturbation, Omega):
    """E - Omega L of a steady bar, and of a steady spiral without cut-offs, while E and L change."""
    tables, start = PlanarTables.build(khalil_plane(), perturbation), planar_state(*drawn_orbits(200))
    for accuracy, tolerance in (("fast", 20.0), ("reference", 0.01)):
        end = end_states(tables, 0.5, start, accuracy)
        L = [state[0] * state[3] - state[1] * state[2] for state in (start, end)]
        E = [energy(tables, state, t) for state, t in ((start, 0.0), (end, -0.5))]
        assert np.median(np.abs(L[1] - L[0])) > 5
        assert np.abs((E[1] - Omega * L[1]) - (E[0] - Omega * L[0])).max() < tolerance  # (km/s)^2, of E near -1e5


def energy(tables, state, t):
    place = np.stack([-state[0], state[1], 0 * state[0]], axis=1)
    velocity = np.stack([-state[2], state[3], 0 * state[0]], axis=1)
    return energies(tables.exact, place, velocity, t)


def test_the_two_kernels_agree():
    """To 1 pc; few graze a cut-off within a step, which the fast one does not see."""
    tables, start = model().tables, planar_state(*drawn_orbits(400, seed=3))
    fast, exact = (end_states(tables, 0.5, start, accuracy) for accuracy in ("fast", 400))
    apart = np.hypot(*(fast - exact)[:2])
    print("median", np.median(apart), "99 %", np.quantile(apart, 0.99))
    assert np.median(apart) < 1e-3
    assert np.quantile(apart, 0.99) < 0.05


def steady_bar(places):
    """Potential of a bar that was always there, in its own frame: x = -X, y = Y."""
    R, phi = np.hypot(*places[:, :2].T), np.arctan2(places[:, 1], places[:, 0])
    x, total = R / BAR["R_max_kpc"], 1.0
    for mode in BAR["modes"]:
        fraction = mode["K"] * x ** (mode["a"] - 1) * np.maximum(1 - x, 0) ** (mode["b"] - 1)
        total = total + fraction * np.cos(mode["m"] * (phi - np.radians(BAR["angle_deg"])))
    return total * exact_potential(R, places[:, 2])


def test_orbits_of_agama():
    """Its own integrator in the same potential, in the frame of a bar that was always there: radius and angular momentum."""
    agama = pytest.importorskip("agama", reason="AGAMA is not installed; its orbits are compared wherever it is")
    agama.setUnits(mass=1, length=1, velocity=1)
    R, phi, v_R, v_phi = drawn_orbits(12, seed=5)
    start = planar_state(R, phi, v_R, v_phi)
    zero = np.zeros(R.size)
    places = np.stack([start[0], start[1], zero, start[2], start[3], zero], axis=1)
    potential = agama.Potential(steady_bar, symmetry="Bisymmetric")
    ends = [
        orbit[-1]
        for _, orbit in agama.orbit(potential=potential, ic=places, time=-0.5, trajsize=2, Omega=37.0, accuracy=1e-10)
    ]
    x, y, _, u, v, _ = np.array(ends).T
    tables = PlanarTables.build(exact_plane(), Perturbation.from_config(BAR | {"turns": 0.0}, []))
    for accuracy, tolerance in (("fast", 1e-2), (400, 1e-3)):
        own = end_states(tables, 0.5, start, accuracy)
        np.testing.assert_allclose(np.hypot(own[0], own[1]), np.hypot(x, y), atol=tolerance)
        np.testing.assert_allclose(own[0] * own[3] - own[1] * own[2], x * v - y * u, atol=300 * tolerance)


def test_numbers_do_not_depend_on_threads_or_company():
    made, (R, phi, v_R, v_phi) = model(), drawn_orbits(300)
    together = distribution_at(made, R, phi, v_R, v_phi)
    assert np.all(together > 0)
    np.testing.assert_array_equal(distribution_at(made, R[::-7], phi[::-7], v_R[::-7], v_phi[::-7]), together[::-7])
    assert distribution_at(made, R[4], phi[4], v_R[4], v_phi[4]) == together[4]
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(distribution_at(made, R, phi, v_R, v_phi), together)
    finally:
        numba.set_num_threads(threads)


def test_turning_the_disc_turns_the_answer():
    turned = model(
        Perturbation.from_config(
            BAR | {"angle_deg": 28.0 + 50.0},
            [entry | {"phase_deg": entry["phase_deg"] + 50.0} for entry in (spiral_config(2), spiral_config(3))],
        )
    )
    R, phi, v_R, v_phi = drawn_orbits(100)
    np.testing.assert_allclose(
        distribution_at(turned, R, phi + 50.0, v_R, v_phi), distribution_at(model(), R, phi, v_R, v_phi), rtol=1e-6
    )


def test_bad_input():
    made = model()
    with pytest.raises(DiscatlasError, match=r"1 of 2 places lie outside the potential's table, 0.01 to 40 kpc"):
        v_R_medians(made, [8.0, 50.0], 0.0, COARSE_GRID)
    for accuracy in ("fastest", 0, 1.5):
        with pytest.raises(DiscatlasError, match="expected fast, fast_gpu, reference or a number of steps above 0"):
            v_R_medians(made, 8.0, 0.0, COARSE_GRID, accuracy)
    with pytest.raises(DiscatlasError, match=r"mode m = 2: acts from 50 to 60 kpc, outside the potential's table"):
        v_R_medians(model(Perturbation.from_config(None, [arm(2, 9.0, 1.0, [50, 60], 15.0)])), 8.0, 0.0, COARSE_GRID)
    with pytest.raises(DiscatlasError, match="expected a time above 0"):
        model(integration_kpc_kms=0.0)
