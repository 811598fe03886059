"""The response of a warm disc: its limits, symmetries, published values, and the particles of a warm mock."""

from dataclasses import replace

import numpy as np
import pytest
from made_spirals import TANG, annuli, mock_entry, reduction_entry, simulate
from scipy.integrate import quad

import tabulate_spiral_reduction
from discatlas.contracts import load_contract
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.dynamics.modes import Pattern, Perturbation
from discatlas.dynamics.orbits import ForceTables, integrate
from discatlas.errors import DiscatlasError
from discatlas.simulation.spiral_mock import SpiralMode
from discatlas.simulation.spiral_reduction import (
    ReductionGrid,
    cold_response,
    reduction_columns,
    tight_winding_factor,
    warm_response,
)
from discatlas.simulation.warm_disc import WarmDisc
from discatlas.spiral_response import Spiral, frequency_ratio, spiral_response
from discatlas.tables import column_names, read_columns, read_provenance

POTENTIAL = Logarithmic(229.0, 0.1)
SPEEDS = np.array([2.0, 12.0, 19.5])


def spiral(pattern_speed=0.0, **changes):
    return Spiral(**(TANG | {"pattern_speed_kms_kpc": pattern_speed, "R0_kpc": 8.122} | changes))


def disc(sigma, potential=POTENTIAL, **changes):
    return WarmDisc(
        potential, sigma, **({"R0_kpc": 8.122, "sigma_scale_kpc": 20.0, "scale_length_kpc": np.inf} | changes)
    )


def factors(sigma, R, speeds=SPEEDS, growth_Gyr=10.0, of=None, steps=(5.0, 2.0), **changes):
    """Complex factors of pattern speeds at R for a dispersion at R0."""
    shape = spiral(**changes)
    response, _ = warm_response([of or disc(sigma)], [shape], speeds, R, growth_Gyr, steps)
    potential = of.potential if of else POTENTIAL
    return response[0, 0] / [cold_response(replace(shape, pattern_speed_kms_kpc=s), R, potential) for s in speeds]


def test_the_cold_response_is_that_of_the_library():
    R, phi, pattern = 9.0, 35.0, spiral(12.0)
    V = cold_response(pattern, R, POTENTIAL)
    expected = spiral_response(pattern, R, phi, *POTENTIAL.frequencies(R), 0.0).v_R_kms
    assert (V * np.exp(2j * np.radians(phi))).real == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("R", [6.5, 14.0])
def test_a_cold_disc_is_not_reduced(R):
    """The difference from 1 is of the square of the dispersion."""
    coarse, fine = (np.abs(factors(sigma, R, growth_Gyr=1000.0, steps=(2.5, 1.0)) - 1) for sigma in (6.0, 3.0))
    far = np.abs(np.abs([frequency_ratio(spiral(s), *POTENTIAL.frequencies(R)) for s in SPEEDS]) - 1) > 0.15
    assert np.all(fine[far] < 0.02)
    np.testing.assert_allclose(coarse[far] / fine[far], 4.0, rtol=0.15)


def test_tight_winding_is_the_limit_of_lin_shu_and_kalnajs():
    """At fixed k sigma/kappa the difference falls with the tangent of the pitch angle, as the next order of 1/(k R)."""
    R, k_sigma = 8.122, 0.9
    kappa = POTENTIAL.frequencies(R)[1]
    differences = []
    for pitch in (8.0, 4.0, 2.0):
        shape = spiral(pitch_deg=pitch)
        of = disc(k_sigma * kappa / float(shape.wavenumber(R)))
        _, sigma = warm_response([of], [shape], SPEEDS, R, 30.0)
        nu = np.array([frequency_ratio(spiral(s), *POTENTIAL.frequencies(R)) for s in SPEEDS])
        expected = tight_winding_factor(nu, (shape.wavenumber(R) * sigma[0] / kappa) ** 2)
        differences.append(np.abs(factors(0, R, growth_Gyr=30.0, of=of, steps=(2.5, 1.0), pitch_deg=pitch) - expected))
    assert np.all(differences[2] < 0.04)
    np.testing.assert_allclose(differences[0] / differences[1], 2.0, rtol=0.3)
    np.testing.assert_allclose(differences[1] / differences[2], 2.0, rtol=0.3)


@pytest.mark.parametrize("nu", [-1.3, -0.8, 0.0, 0.45])
@pytest.mark.parametrize("chi", [0.1, 1.0, 6.0])
def test_the_factor_of_lin_shu_and_kalnajs_as_an_integral(nu, chi):
    """The other form of Binney & Tremaine (2008), Eq. 6.63, and the limits of both ends."""
    if nu:
        inner = quad(lambda t: np.exp(-chi * (1 + np.cos(t))) * np.sin(nu * t) * np.sin(t), 0, np.pi)[0]
        assert tight_winding_factor(nu, chi) == pytest.approx((1 - nu**2) / np.sin(np.pi * nu) * inner, rel=1e-8)
    assert tight_winding_factor(nu, 1e-6) == pytest.approx(1.0, abs=1e-5)
    assert tight_winding_factor(0.5, chi * 20) < tight_winding_factor(0.5, chi) < 1


# pattern speed, R and factor of test particles with sigma_R = 35 km/s at R0: SPIRAL_RESPONSE, Sect. 4, annuli of 2.5 kpc
PUBLISHED = [(2.0, 8.75, 0.385), (2.0, 11.25, 0.47), (2.0, 13.75, 0.55), (2.0, 16.25, 0.61), (12.0, 8.25, 0.45)]


@pytest.mark.parametrize(("pattern_speed", "R", "factor"), PUBLISHED)
def test_factors_as_test_particles_had_them(pattern_speed, R, factor):
    """To 0.05: their noise is some 0.03, and at full amplitude the response is saturated by 0.02 to 0.07 of itself."""
    found = factors(35.0, R, np.array([pattern_speed]))[0]
    assert abs(found) == pytest.approx(factor, abs=0.05)
    lead = np.angle(found, deg=True)
    assert 11 <= lead <= 65 if pattern_speed == 2.0 else 7 <= lead <= 15


def test_the_linearised_boltzmann_equation_along_orbits_in_time():
    """No harmonics and no angles: f_1 is the integral over the past of each orbit, with derivatives of f by differences.

    f_1 = integral of [i m (Omega_p df/dE + df/dL) - gamma df/dE] Phi_1 dt, and a term that v_R averages away.
    """
    R, pattern_speed, growth = 9.0, 12.0, 0.1
    of, gamma = disc(35.0, sigma_scale_kpc=6.0, scale_length_kpc=2.6), 0.9777922216807891 / growth
    v_R, v_phi = (grid.ravel() for grid in np.meshgrid(np.arange(-167.5, 170, 5.0), np.arange(70.0, 361.0, 3.0)))
    plane = POTENTIAL.plane()

    def ln_f(dE, dL):
        L = R * v_phi + dL
        outward = np.sqrt(v_R**2 + v_phi**2 + 2 * dE - (L / R) ** 2)
        a, b, _, _ = of.density_terms(L)
        return a - b * radial_action(R, outward, L / R, plane)

    f = np.exp(ln_f(0.0, 0.0) - ln_f(0.0, 0.0).max())
    f_E, f_L = (
        f * (ln_f(*step) - ln_f(*-step)) / (2 * step.sum()) for step in (np.array([1.0, 0.0]), np.array([0.0, 0.04]))
    )
    mode = SpiralMode(spiral(), Pattern(0.0, 0.0))
    tables, step = ForceTables.build(plane, Perturbation(None, ())), 0.0015
    zero, past = np.zeros(v_R.size), np.zeros(v_R.size, complex)
    place, speed = np.stack([zero - R, zero, zero], axis=1), np.stack([-v_R, v_phi, zero], axis=1)
    for t in -step * np.arange(int(9 / gamma / step)):
        r, phi = np.hypot(place[:, 0], place[:, 1]), np.arctan2(place[:, 1], -place[:, 0])
        wave = mode.amplitude(r)[0] * np.exp(2j * (phi - pattern_speed * t) + gamma * t)
        past += wave * step * (0.5 if t == 0 else 1.0)
        place, speed = integrate(tables, place, speed, zero + t, t - step, np.ones(v_R.size, int))
    expected = np.sum(v_R * (2j * (pattern_speed * f_E + f_L) - gamma * f_E) * past) / f.sum()
    found, sigma = warm_response([of], [spiral()], np.array([pattern_speed]), R, growth)
    assert abs(found[0, 0, 0] / expected - 1) < 2e-3
    assert sigma[0] == pytest.approx(np.sqrt(np.sum(v_R**2 * f) / f.sum()), rel=1e-3)


def test_steps_and_growth_are_fine_enough():
    for sigma, R in ((35.0, 8.0), (20.0, 14.0)):
        usual, fine = factors(sigma, R, steps=(2.5, 1.0)), factors(sigma, R, steps=(1.5, 0.6))
        np.testing.assert_allclose(usual, fine, atol=2e-4)
        np.testing.assert_allclose(usual, factors(sigma, R, growth_Gyr=20.0, steps=(2.5, 0.7)), atol=0.03)


def test_amplitude_phase_and_pivot_do_not_matter():
    changed = {"surface_density_msun_kpc2": 1e5, "phase_deg": -77.0, "pivot_kpc": 11.0, "scale_height_kpc": 0.2}
    np.testing.assert_allclose(factors(35.0, 9.0, **changed), factors(35.0, 9.0), rtol=1e-9)


def test_a_flat_rotation_curve_has_no_scale():
    """Twice the lengths, half the pattern speed: the same factor."""
    flat = Logarithmic(229.0, 0.0)
    twice = {"R0_kpc": 16.244, "sigma_scale_kpc": 40.0, "scale_length_kpc": 6.0}
    large = factors(0, 18.0, SPEEDS / 2, 20.0, disc(35.0, flat, **twice), scale_length_kpc=22.72)
    small = factors(0, 9.0, SPEEDS, 10.0, disc(35.0, flat, scale_length_kpc=3.0))
    np.testing.assert_allclose(large, small, atol=1e-5)


def test_a_warm_mock_answers_as_the_sum_over_orbits_does():
    """Mocks, each through the growth of the spiral: their orbits know nothing of linear theory, of harmonics or of angles.

    The density falls outward, which weakens the response and turns it by 10 degrees; a uniform disc is another.
    """
    changes = {"sigma_R_kms": 35.0, "scale_length_kpc": 2.6, "R_limits_kpc": [5.0, 14.0], "annulus_kpc": 2.0}
    changes |= {"growth_Gyr": 2.0, "n_outputs": 4, "radians_per_step": 0.8}
    found = []
    for seed in range(8):
        mock, outputs = simulate(mock_entry(n_particles=20_000, **changes), seed)
        columns = annuli(mock, outputs)
        found.append(columns["ratio"] * np.exp(1j * np.radians(columns["phase_error_deg"])))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    i, uniform = int(np.flatnonzero(columns["R_kpc"] == 9.0)[0]), disc(35.0)
    falling, even = (
        np.mean([factors(0, R, np.array([12.0]), 2.0, of)[0] for R in (8.6, 9.0, 9.4)]) for of in (mock.disc, uniform)
    )
    assert error[i] < 0.025
    assert abs(mean[i] - falling) < 3.5 * error[i]
    assert abs(mean[i] - even) > 5 * error[i]


def test_the_population_is_in_equilibrium_with_its_dispersion():
    """Half a Gyr of orbits in the background change nothing; v_R has the dispersion that f has, density is uniform."""
    entry = mock_entry(sigma_R_kms=35.0, amplitude=1e-6, n_particles=160_000, growth_Gyr=0.25, settle_Gyr=0.0)
    mock, outputs = simulate(entry | {"n_outputs": 2, "output_Gyr": 0.5})
    for R in (8.0, 12.0, 16.0):
        early, late = (rows["v_R_kms"][np.abs(rows["R_kpc"] - R) < 0.5] for rows in outputs)
        n = early.size
        _, sigma = warm_response([mock.disc], [spiral()], SPEEDS[:1], R, 10.0, (5.0, 2.0))
        assert sigma[0] == pytest.approx(float(mock.disc.dispersion(R)), rel=0.05)
        for v_R in (early, late):
            assert v_R.std() == pytest.approx(sigma[0], rel=4 / np.sqrt(n))
            assert abs(v_R.mean()) < 4 * sigma[0] / np.sqrt(n)
        assert n == pytest.approx(late.size, abs=4 * np.sqrt(n))
    inner, outer = (np.sum(np.abs(outputs[1]["R_kpc"] - R) < 1) / R for R in (10.0, 16.0))
    assert inner == pytest.approx(outer, rel=0.04)


def test_the_distribution_function():
    """Its derivatives, and the actions of what is drawn: exponential about sigma^2/kappa."""
    of = disc(35.0, scale_length_kpc=3.0)
    L = np.linspace(400.0, 5000.0, 24)
    _, _, da, db = of.density_terms(L)
    ahead, behind = (of.density_terms(L + step) for step in (1e-3, -1e-3))
    np.testing.assert_allclose(da, (ahead[0] - behind[0]) / 2e-3, rtol=1e-5)
    np.testing.assert_allclose(db, (ahead[1] - behind[1]) / 2e-3, rtol=1e-5)
    stars = of.draw(20_000, (4.0, 14.0), np.random.default_rng(1))
    J = radial_action(stars["R_kpc"], stars["v_R_kms"], stars["v_phi_kms"], POTENTIAL.plane())
    scaled = J * of.density_terms(stars["R_kpc"] * stars["v_phi_kms"])[1]
    for power in (1, 2):
        assert np.mean(scaled**power) == pytest.approx(power, rel=0.02)
    guide = POTENTIAL.guiding_radius(stars["R_kpc"] * stars["v_phi_kms"])
    edges = np.array([4.0, 6.0, 9.0, 14.0])
    mass = np.diff(-(1 + edges / 3) * np.exp(-edges / 3))
    np.testing.assert_allclose(np.histogram(guide, edges)[0] / 20_000, mass / mass.sum(), atol=2e-4)
    assert np.all(stars["R_peri_kpc"] <= stars["R_kpc"] + 1e-9)
    assert np.mean(stars["v_R_kms"] > 0) == pytest.approx(0.5, abs=0.01)


def test_the_table_keeps_its_contract(tmp_path):
    path, entry = tmp_path / "reduction.parquet", reduction_entry()
    tabulate_spiral_reduction.run(reduction=path, model=entry, name="made")
    assert column_names(path) == load_contract("spiral_reduction").names
    assert read_provenance(path)["model"] == entry
    table = read_columns(path)
    assert table["R_kpc"].size == 2 * 2 * 3 * 2
    np.testing.assert_array_equal(table["R_kpc"][:4], [7.0, 10.0, 7.0, 10.0])
    row = np.flatnonzero(
        (table["sigma_R_kms"] == 35.0)
        & (table["pitch_deg"] == 12.66)
        & (table["pattern_speed_kms_kpc"] == 2.0)
        & (table["R_kpc"] == 10.0)
    )[0]
    expected = factors(35.0, 10.0, np.array([2.0]))[0]
    assert table["factor_real"][row] + 1j * table["factor_imag"][row] == pytest.approx(expected, abs=1e-4)
    assert table["factor"][row] == pytest.approx(abs(expected), abs=1e-4)
    assert table["phase_lead_deg"][row] == pytest.approx(np.angle(expected, deg=True), abs=0.02)
    assert np.all(table["factor"][table["sigma_R_kms"] == 20.0][table["valid"][:12]] > 0.3)
    assert table["sigma_R_local_kms"][row] == pytest.approx(float(disc(35.0).dispersion(10.0)), rel=0.03)


def test_a_resonance_is_a_number_and_not_valid():
    lindblad = 229.0 / 12.0 * (1 - 0.5**0.5)
    grid = ReductionGrid.from_config(reduction_entry(R_kpc=[lindblad], pattern_speed_kms_kpc=[12.0], core_kpc=0.0), "x")
    columns = reduction_columns(grid)
    assert np.all(np.isfinite(columns["factor"]))
    assert not columns["valid"].any()


IMPOSSIBLE = [
    ({"sigma_R_kms": []}, r"spiral_reductions\.made\.sigma_R_kms: got \[\], expected growing values"),
    ({"R_kpc": [9.0, 7.0]}, r"R_kpc: got \[9\.0, 7\.0\], expected growing values"),
    ({"R_kpc": [7.0, 70.0]}, r"R_kpc: got \[7\.0, 70\.0\], expected radii from 0\.5 to 40 kpc"),
    ({"sigma_R_kms": [0.0, 20.0]}, r"warm disc: got sigma_R_kms 0\.0, expected more than 0"),
    ({"growth_Gyr": 0.0}, r"growth_Gyr: got 0\.0, expected more than 0"),
    ({"pitch_deg": [12.0, 95.0]}, r"got pitch_deg 95\.0, expected 0 to 90"),
]


@pytest.mark.parametrize(("changes", "what"), IMPOSSIBLE, ids=[what[:30] for _, what in IMPOSSIBLE])
def test_impossible_grids_leave_no_table(tmp_path, changes, what):
    with pytest.raises(DiscatlasError, match=what):
        tabulate_spiral_reduction.run(reduction=tmp_path / "x.parquet", model=reduction_entry(**changes), name="made")
    assert list(tmp_path.iterdir()) == []
