"""Motions of the simulated galaxy: its populations in equilibrium, stars that are born, and what bar and spirals change."""

import json
from functools import cache

import made_potential
import numpy as np
import pytest
from made_potential import entries
from scipy.stats import ks_2samp

from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.simulation.orbits import Mechanics, OrbitModel
from discatlas.streams import stream_generator
from discatlas.tables import read_columns

N = 20_000
OFF = {"bar": None, "spirals": []}


@pytest.fixture(scope="session")
def mechanics(tmp_path_factory, _default_config):
    """A function that returns the particles of a model without their stars."""
    tables = made_potential.write_tables(tmp_path_factory.mktemp("made_potential"))
    plane, grid = (
        PlaneProfile.from_columns(read_columns(tables[0])),
        PotentialGrid.from_columns(read_columns(tables[1])),
    )

    @cache
    def build(text):
        changes = json.loads(text)
        seed, populations = changes.pop("seed", 1), changes.pop("populations", {})
        parts = entries(_default_config, **changes)
        for name, values in populations.items():
            parts["model"]["populations"][name] |= values
        model = OrbitModel.from_config(parts["model"], Perturbation.from_config(parts["bar"], parts["spirals"]))
        return Mechanics.build(model, plane, grid).simulate(N, stream_generator(seed, "test"))

    def particles(**changes):
        return build(json.dumps(changes, sort_keys=True))

    particles.plane = plane
    return particles


def guide_today(particles, plane):
    return plane.guiding_radius(particles["R_kpc"] * particles["v_phi_kms"])


def test_without_bar_and_spirals_each_keeps_its_angular_momentum(mechanics):
    still, moved = mechanics(**OFF), mechanics()
    np.testing.assert_allclose(guide_today(still, mechanics.plane), still["R_guide_kpc"], rtol=1e-6)
    changed = np.abs(guide_today(moved, mechanics.plane) - moved["R_guide_kpc"])
    assert np.median(changed) > 0.05
    for name in ("R_guide_kpc", "age_Gyr", "weight", "population"):
        np.testing.assert_array_equal(still[name], moved[name])  # the same draws


@pytest.mark.parametrize("arms", [[], ["khalil2025_m2"], ["khalil2025_m3"]])
def test_each_switch_moves_the_particles_where_it_acts(mechanics, config, arms):
    """A spiral leaves alone what stays inside its cut-off, a bar what is far outside."""
    still = mechanics(**OFF)
    moved = mechanics(bar=None if arms else "khalil2025", spirals=arms)
    shift = np.hypot(moved["X_kpc"] - still["X_kpc"], moved["Y_kpc"] - still["Y_kpc"])
    old = still["age_Gyr"] > 0.6
    for spiral in arms:
        inner = config["spirals"][spiral]["R_limits_kpc"][0]
        safe = old & (still["R_guide_kpc"] < 0.4 * inner)
        assert safe.sum() > 300
        assert np.quantile(shift[safe], 0.9) < 1e-6
        assert np.median(shift[old & (still["R_guide_kpc"] > inner)]) > 0.1
    if not arms:
        inner, outer = old & (still["R_guide_kpc"] < 6), old & (still["R_guide_kpc"] > 14)
        assert np.median(shift[inner]) > 1.0
        assert np.median(shift[outer]) < 0.1 * np.median(shift[inner])


def pattern(particles, m, chosen):
    """Mean of exp(i m phi) in units of its noise."""
    phase = np.exp(1j * m * np.radians(particles["phi_deg"][chosen]))
    return phase.sum() / np.sqrt(chosen.sum() / 2)


def test_the_bar_shows_in_the_density_and_nothing_without_it(mechanics, config):
    angle = config["bars"]["khalil2025"]["angle_deg"]
    for changes, seen in ((OFF, False), ({"spirals": []}, True)):
        particles = mechanics(**changes)
        chosen = (particles["age_Gyr"] > 0.6) & (particles["R_kpc"] > 1) & (particles["R_kpc"] < 4)
        signal = pattern(particles, 2, chosen) * np.exp(-2j * np.radians(angle))
        assert (signal.real > 5) == seen
        assert abs(signal.imag) < max(4, 0.5 * signal.real)


def test_an_independent_oscillator_leaves_the_plane_alone(mechanics):
    """Height and its velocity are harmonic, whatever bar and spirals do in the plane."""
    changes = {"vertical": "oscillator"}
    moved, still, coupled = mechanics(**changes), mechanics(**changes, **OFF), mechanics()
    np.testing.assert_array_equal(moved["Z_kpc"], still["Z_kpc"])
    np.testing.assert_array_equal(moved["v_Z_kms"], still["v_Z_kms"])
    assert np.abs(moved["X_kpc"] - still["X_kpc"]).max() > 1
    assert np.abs(moved["X_kpc"] - coupled["X_kpc"]).max() > 0.1
    thick = still["population"] == "thick"
    potential, kinetic = still["Z_kpc"][thick] ** 2, still["v_Z_kms"][thick] ** 2
    nu = mechanics.plane.frequencies(still["R_guide_kpc"][thick])[2]
    ratio = np.mean(nu**2 * potential / (nu**2 * potential + kinetic))
    assert abs(ratio - 0.5) < 4 * np.sqrt(0.125 / thick.sum())  # mean and variance of sin^2


def test_heights_are_those_of_the_potential_when_coupled(mechanics):
    """In space the thick disc's Z and v_Z obey the vertical Jeans equation in the mean: <v_Z^2> = <Z dPhi/dZ> (virial)."""
    particles = mechanics(**OFF)
    thick = particles["population"] == "thick"
    R, Z, v_Z = (particles[name][thick] for name in ("R_kpc", "Z_kpc", "v_Z_kms"))
    virial = Z * made_potential.potential(R, Z)[2]
    difference = v_Z**2 - virial
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(thick.sum())
    assert abs(Z.mean()) < 4 * Z.std() / np.sqrt(thick.sum())


def test_old_populations_start_in_equilibrium(mechanics):
    """After 0.02 and after 0.54 kpc/(km/s) their places and velocities have the same distribution."""
    early, late = (mechanics(integration_kpc_kms=t, seed=s, **OFF) for t, s in ((0.02, 1), (0.54342, 2)))
    for population in ("thin", "thick"):
        a, b = ((p["population"] == population) & (p["age_Gyr"] > 0.6) for p in (early, late))
        for name in ("R_kpc", "Z_kpc", "phi_deg", "v_R_kms", "v_phi_kms", "v_Z_kms"):
            assert ks_2samp(early[name][a], late[name][b]).pvalue > 1e-4, (population, name)


def test_populations_have_their_shares_of_particles_and_of_stars(mechanics, config):
    particles = mechanics(**OFF)
    declared = config["galaxies"]["milky_way"]["populations"]
    for name, spec in declared.items():
        mine, p = particles["population"] == name, spec["particle_fraction"]
        assert abs(mine.mean() - p) < 4 * np.sqrt(p * (1 - p) / N)
        weight = np.where(mine, particles["weight"], 0.0)
        wedge = spec["azimuth_half_range_deg"] / 180  # stars of the young ones outside it are not drawn
        assert abs(weight.mean() - spec["star_fraction"] * wedge) < 4 * weight.std() / np.sqrt(N)


def test_ages_are_those_of_a_constant_birth_rate_once_weighted(mechanics, config):
    particles = mechanics(**OFF)
    for name, spec in config["galaxies"]["milky_way"]["populations"].items():
        mine = particles["population"] == name
        low, high = spec["age_limits_Gyr"]
        age, weight = particles["age_Gyr"][mine], particles["weight"][mine]
        assert age.min() >= low
        assert age.max() <= high
        mean = np.average(age, weights=weight)
        error = np.sqrt(np.sum((weight * (age - mean)) ** 2)) / weight.sum()
        assert abs(mean - (low + high) / 2) < 4 * error
    young = particles["age_Gyr"][particles["population"] == "young"]
    assert abs(np.median(young) / np.sqrt(0.003 * 0.3) - 1) < 0.1  # drawn evenly in ln(age)


def test_guiding_radii_have_the_declared_scale_length_and_range(mechanics, config):
    particles = mechanics(**OFF)
    for name in ("thin", "thick"):
        spec = config["galaxies"]["milky_way"]["populations"][name]
        low, high = spec["R_limits_kpc"]
        R = particles["R_guide_kpc"][(particles["population"] == name) & (particles["age_Gyr"] > 0.6)]
        assert R.min() > low - 1e-6
        assert R.max() < high + 1e-6
        grid = np.linspace(low, high, 20_001)
        density = grid * np.exp(-grid / spec["scale_length_kpc"])
        expected = np.average(grid, weights=density)
        assert abs(R.mean() - expected) < 4 * R.std() / np.sqrt(R.size)


def test_stars_born_cold_stay_on_circles_in_their_wedge(mechanics):
    cold = {"sigma_R_kms": 0.0, "sigma_Z_kms": 0.0}
    particles = mechanics(populations={"young": cold}, **OFF)
    young = particles["population"] == "young"
    R, plane = particles["R_kpc"][young], mechanics.plane
    np.testing.assert_allclose(R, particles["R_birth_kpc"][young], rtol=1e-3)
    np.testing.assert_allclose(particles["v_phi_kms"][young], plane.circular_velocity(R), rtol=1e-3)
    assert np.abs(particles["v_R_kms"][young]).max() < 0.5
    assert np.abs(particles["Z_kpc"][young]).max() < 1e-9
    assert np.abs(particles["phi_deg"][young]).max() < 50.1
    assert np.abs(particles["phi_deg"][young]).max() > 49.9
