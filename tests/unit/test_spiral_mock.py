"""The mock of a spiral: the linear response at low amplitude, its known limits, and independent integrators."""

from dataclasses import replace

import numpy as np
import pytest
from made_spirals import TANG, annuli, mock_entry, simulate
from scipy.integrate import solve_ivp

from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, energies, integrate
from discatlas.errors import DiscatlasError
from discatlas.simulation.spiral_mock import SpiralMock, annulus_columns
from discatlas.spiral_response import spiral_response

FITTED = {2.0: (5.0, 20.0), 12.0: (7.0, 18.0), 19.5: (5.0, 17.0)}  # ranges of radii, of Tang et al. (2026)


def trusted(columns, pattern_speed):
    low, high = FITTED[pattern_speed]
    return columns["valid"] & (columns["R_kpc"] > low) & (columns["R_kpc"] < high)


@pytest.fixture(scope="module")
def slow():
    """The mock of pattern speed 12, its outputs and its annuli."""
    mock, outputs = simulate(mock_entry())
    return mock, outputs, annuli(mock, outputs)


@pytest.mark.parametrize("pattern_speed", FITTED)
def test_at_low_amplitude_the_response_is_the_linear_one(pattern_speed):
    mock, outputs = simulate(mock_entry(pattern_speed))
    columns = annuli(mock, outputs)
    used = trusted(columns, pattern_speed)
    assert used.sum() >= 6
    tolerance = np.where(columns["R_kpc"] > 19, 0.03, 0.02)
    assert np.all(np.abs(columns["ratio"] - 1)[used] < tolerance[used])
    assert np.all(np.abs(columns["phase_error_deg"][used]) < 0.5)


def test_the_sine_term_alone_is_another_response():
    """SPIRAL_RESPONSE, Sect. 4: 2.7 to 3.4 times too weak, and 68 to 73 degrees off."""
    mock, outputs = simulate(mock_entry(2.0))
    columns = annuli(mock, outputs)
    used = trusted(columns, 2.0)
    assert columns["sin_only_ratio"][used].min() > 2.6
    assert columns["sin_only_ratio"][used].max() < 3.5
    assert np.all(np.abs(columns["sin_only_phase_error_deg"][used] - 70.5) < 4)


def test_at_full_amplitude_streamlines_crowd():
    """SPIRAL_RESPONSE, Sect. 4: the ratio falls from 1.01 at 5 kpc to 0.95 at 14.5 and 0.89 at 19.5 kpc, the phase is 4 deg off."""
    mock, outputs = simulate(mock_entry(2.0, amplitude=1.0, n_particles=20_000, n_outputs=21))
    columns = annuli(mock, outputs)
    for R, ratio in ((5.5, 1.01), (14.5, 0.95), (19.5, 0.89)):
        assert columns["ratio"][columns["R_kpc"] == R] == pytest.approx(ratio, abs=0.015)
    assert columns["phase_error_deg"][columns["R_kpc"] == 19.5] == pytest.approx(4.1, abs=1.0)
    assert not columns["valid"][columns["R_kpc"] > 15].any()


def test_a_fast_growth_leaves_free_oscillations():
    """Why the growth takes 6 Gyr: near its inner Lindblad resonance a slow pattern is not followed in one."""
    mock, outputs = simulate(mock_entry(2.0, growth_Gyr=1.0))
    columns = annuli(mock, outputs)
    used = trusted(columns, 2.0) & (columns["R_kpc"] > 16)
    assert np.abs(columns["ratio"] - 1)[used].max() > 0.05


def test_nothing_changes_in_the_frame_of_the_pattern(slow):
    mock, outputs, together = slow
    used = trusted(together, 12.0)
    for rows in (outputs[0], outputs[5], outputs[10]):
        alone = annuli(mock, [rows])
        assert np.all(np.abs(alone["ratio"] - together["ratio"])[used] < 0.02)
        assert np.all(np.abs(alone["phase_error_deg"] - together["phase_error_deg"])[used] < 0.5)


def test_any_number_of_arms():
    spiral = {"m": 3, "pitch_deg": 20.0, "normalisation": "exponential_disc", "scale_height_kpc": 0.3}
    mock, outputs = simulate(mock_entry(17.0, spiral, n_particles=3000))
    columns = annuli(mock, outputs)
    used = columns["valid"] & (columns["R_kpc"] > 8) & (columns["R_kpc"] < 18)
    assert used.sum() >= 3
    assert np.all(np.abs(columns["ratio"] - 1)[used] < 0.02)
    assert np.all(np.abs(columns["phase_error_deg"][used]) < 0.5)


def test_the_places_have_the_symmetry_of_the_spiral(slow):
    _, outputs, _ = slow
    rows = outputs[-1]
    half = rows["R_kpc"].size // 2
    np.testing.assert_array_equal(rows["R_kpc"][:half], rows["R_kpc"][half:])
    turned = (rows["phi_deg"][half:] - rows["phi_deg"][:half]) % 360.0
    np.testing.assert_allclose(turned, 180.0, atol=1e-9)
    np.testing.assert_allclose(rows["R_kpc"], np.hypot(rows["X_kpc"], rows["Y_kpc"]), rtol=1e-13)
    np.testing.assert_allclose(np.radians(rows["phi_deg"]), np.arctan2(rows["Y_kpc"], -rows["X_kpc"]), atol=1e-12)


def test_the_mode_is_the_spiral():
    mode = SpiralMock.from_config(mock_entry(), "x").mode
    R, phi = np.linspace(1, 30, 59), np.linspace(-170, 170, 59)
    value, slope = mode.amplitude(R)
    np.testing.assert_allclose((value * np.exp(2j * np.radians(phi))).real, mode.spiral.potential(R, phi), rtol=1e-12)
    ahead, behind = (mode.amplitude(R + step)[0] for step in (1e-5, -1e-5))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-7)


def test_the_potential_is_logarithmic():
    """Tables and closed forms agree with each other, and derivatives with differences."""
    potential, R, step = Logarithmic(229.0, 0.7), np.linspace(0.5, 30.0, 60), 1e-5
    plane, grid = potential.plane(), potential.grid()
    np.testing.assert_allclose(plane.potential(R), 229.0**2 / 2 * np.log(R**2 + 0.49), rtol=1e-9)
    Omega, kappa = potential.frequencies(R)
    force = (plane.potential(R + step) - plane.potential(R - step)) / (2 * step)
    np.testing.assert_allclose(R * Omega**2, force, rtol=1e-6)
    L = lambda r: r**2 * potential.frequencies(r)[0]  # noqa: E731
    np.testing.assert_allclose(kappa**2, 2 * Omega / R * (L(R + step) - L(R - step)) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(potential.guiding_radius(L(R)), R, rtol=1e-12)
    for slope, one, other in zip(
        potential.log_slopes(R), potential.frequencies(R + step), potential.frequencies(R - step), strict=True
    ):
        np.testing.assert_allclose(slope, np.log(one / other) / (2 * step), rtol=1e-7)
    i = 200
    up, down = (np.gradient(field[i], grid.Z_kpc) for field in (grid.Phi_km2_s2, grid.dPhi_dR_km2_s2_kpc))
    assert np.all(np.diff(grid.Phi_km2_s2[i]) > 0)
    assert np.all(up[1:] > 0)
    assert np.all(down[1:] < 0)
    assert np.all(grid.dPhi_dZ_km2_s2_kpc[i, 1:] > 0)
    assert np.all(grid.d2Phi_dRdZ_km2_s2_kpc2[i, 1:] < 0)


def test_orbits_as_an_independent_integrator_has_them():
    """Forces and growth written down anew; through the growth and beyond, far from and near resonances."""
    mock = SpiralMock.from_config(mock_entry(19.5, amplitude=1.0), "x")
    tables = ForceTables.build(mock.potential.plane(), Perturbation(None, (mock.mode,)))
    birth, end = mock.times_kpc_kms[[0, -1]]
    growth = -birth / 2

    def motion(t, y):
        x, Y, u, v = y
        R, phi = np.hypot(x, Y), np.arctan2(Y, x)
        s = min((t - birth) / growth, 1.0)
        G = s**3 * (10 - 15 * s + 6 * s**2)
        A, slope = mock.spiral.amplitude(R)
        Psi = mock.spiral.phase(R, np.degrees(phi - 19.5 * t))
        outward = -(229.0**2) * R / (R**2 + 0.01) - G * (
            slope * np.cos(Psi) - A * mock.spiral.wavenumber(R) * np.sin(Psi)
        )
        around = G * 2 * A / R * np.sin(Psi)
        return [u, v, outward * np.cos(phi) - around * np.sin(phi), outward * np.sin(phi) + around * np.cos(phi)]

    place = np.array([[-9.0, 2.0, 0.0], [4.0, -12.0, 0.0]])
    speed = np.array([[10.0, 220.0, 0.0], [-215.0, -60.0, 0.0]])
    got = integrate(tables, place, speed, birth, end, np.full(2, 20_000))
    for i in range(2):
        start = [-place[i, 0], place[i, 1], -speed[i, 0], speed[i, 1]]
        x, Y, u, v = solve_ivp(motion, (birth, end), start, method="DOP853", rtol=1e-11, atol=1e-10).y[:, -1]
        np.testing.assert_allclose(got[0][i, :2], [-x, Y], atol=2e-5)
        np.testing.assert_allclose(got[1][i, :2], [-u, v], atol=1e-3)


def test_the_energy_in_the_frame_of_a_steady_pattern_is_kept():
    """Jacobi's integral, with the default step."""
    mock, outputs = simulate(mock_entry(n_particles=400, n_outputs=2, output_Gyr=2.0, amplitude=1.0))
    tables = ForceTables.build(mock.potential.plane(), Perturbation(None, (mock.mode,)))

    def jacobi(rows):
        phi = np.radians(rows["phi_deg"])
        place = np.stack([rows["X_kpc"], rows["Y_kpc"], 0 * phi], axis=1)
        v_R, v_phi = rows["v_R_kms"], rows["v_phi_kms"]
        speed = np.stack(
            [-v_R * np.cos(phi) + v_phi * np.sin(phi), v_R * np.sin(phi) + v_phi * np.cos(phi), 0 * phi], axis=1
        )
        return energies(tables, place, speed, 0.0) - 12.0 * rows["R_kpc"] * v_phi

    before, after = (jacobi(rows) for rows in outputs)
    assert np.abs(after - before).max() < 1.0  # of some 50,000 (km/s)^2, where the spiral has 100


@pytest.mark.parametrize("pattern_speed", [2.0, 19.5])
def test_particles_as_agama_has_them(pattern_speed):
    pytest.importorskip("agama", reason="AGAMA is not installed; its orbits are compared wherever it is")
    entry = mock_entry(pattern_speed, n_particles=800, n_outputs=2, radians_per_step=0.15)
    ours, theirs = (simulate(entry | {"engine": engine}) for engine in ("kernel", "agama"))
    for one, other in zip(ours[1], theirs[1], strict=True):
        for name, tolerance in (("X_kpc", 1e-3), ("Y_kpc", 1e-3), ("v_R_kms", 1e-2), ("v_phi_kms", 1e-2)):
            np.testing.assert_allclose(one[name], other[name], atol=tolerance)
    one, other = (annuli(*made) for made in (ours, theirs))
    used = one["valid"]
    np.testing.assert_allclose(one["ratio"][used], other["ratio"][used], atol=2e-6)
    np.testing.assert_allclose(one["phase_error_deg"][used], other["phase_error_deg"][used], atol=2e-4)


def test_the_harmonic_of_a_made_field_is_found(slow):
    """Twice the linear response, turned by 30 degrees in Psi, with an axisymmetric part and other harmonics."""
    mock, _, _ = slow
    i = np.arange(400_000)
    R, phi = np.sqrt(2.5**2 + i / i.size * 720), (i * 0.6180339887498949 % 1.0) * 360 - 180
    turned = replace(mock.spiral, phase_deg=mock.spiral.phase_deg - 30.0)
    v_R = 2 * spiral_response(turned, R, phi, *mock.potential.frequencies(R), 0.0).v_R_kms
    Psi = mock.spiral.phase(R, phi)
    columns = annulus_columns(mock, R, phi, v_R + 3.0 + np.cos(2 * Psi) + np.sin(np.radians(phi)))
    used = trusted(columns, 12.0)
    np.testing.assert_allclose(columns["ratio"][used], 2.0, atol=0.01)
    np.testing.assert_allclose(columns["phase_error_deg"][used], 30.0, atol=0.3)
    assert np.all(np.abs((columns["phase_deg"] - columns["model_phase_deg"])[used] % 360 - 30.0) < 0.3)


IMPOSSIBLE = [
    ({"engine": "galpy"}, r"spiral_mocks\.made\.engine: got 'galpy'; expected one of kernel, agama"),
    ({"growth_Gyr": 0.0}, r"growth_Gyr: got 0\.0, expected more than 0"),
    ({"amplitude": 0.0}, "nothing would respond"),
    ({"n_outputs": 0}, "n_outputs 0; expected 0 or more, and at least 1"),
    ({"R_limits_kpc": [9.0, 2.0]}, r"R_limits_kpc: got \[9, 2\], expected two radii in order"),
    ({"n_particles": 1}, "n_particles: got 1, expected at least the 8 that start on one orbit"),
    ({"sigma_R_kms": -3.0}, r"warm disc: got sigma_R_kms -3\.0, expected more than 0"),
    ({"v_c_kms": 0.0}, r"logarithmic potential: got v_c_kms 0\.0"),
    ({"spiral": TANG | {"pattern_speed_kms_kpc": -5.0}}, r"pattern_speed_kms_kpc: got -5\.0, expected more than 0"),
    ({"spiral": TANG | {"pitch": 3.0}}, r"spiral_mocks\.made\.spiral: unknown key 'pitch'"),
]


@pytest.mark.parametrize(("changes", "what"), IMPOSSIBLE, ids=[what[:30] for _, what in IMPOSSIBLE])
def test_impossible_mocks(changes, what):
    with pytest.raises(DiscatlasError, match=what):
        SpiralMock.from_config(mock_entry() | changes, "spiral_mocks.made")
