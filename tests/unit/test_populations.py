"""Populations of the simulated disc: radii, ages and weights, dispersions and actions, births, chemistry, and impossible entries."""

from copy import deepcopy

import numpy as np
import pytest
from orbit_models import R0_KPC, exact_grid, exact_plane, published
from scipy.stats import kstest

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.modes import Perturbation
from discatlas.errors import DiscatlasError
from discatlas.simulation.chemistry import Chemistry
from discatlas.simulation.orbits import Mechanics, OrbitModel
from discatlas.simulation.populations import Population, birth_velocities

N = 40_000


@pytest.fixture
def galaxy(config):
    return config["galaxies"]["milky_way"]


def population(galaxy, name, **changes):
    return Population.from_config(name, galaxy["populations"][name] | changes)


def rng(seed=1):
    return np.random.default_rng(seed)


def ks(values, cumulated):
    """Probability that the values are of that distribution."""
    return kstest(values, cumulated).pvalue


@pytest.mark.parametrize("name", ["thin", "thick", "young"])
def test_radii_and_ages(galaxy, name):
    drawn, entry = population(galaxy, name), galaxy["populations"][name]
    h, (low, high) = entry["scale_length_kpc"], entry["R_limits_kpc"]

    def enclosed(R):
        mass = [-(1 + x / h) * np.exp(-x / h) for x in (R, low, high)]
        return (mass[0] - mass[1]) / (mass[2] - mass[1])

    assert ks(drawn.draw_radii(N, rng()), enclosed) > 0.01
    age, weight = drawn.draw_ages(N, rng())
    youngest, oldest = entry["age_limits_Gyr"]
    if entry["age_sampling"] == "uniform":
        assert ks(age, lambda t: (t - youngest) / (oldest - youngest)) > 0.01
        np.testing.assert_array_equal(weight, 1.0)
    else:
        assert ks(age, lambda t: np.log(t / youngest) / np.log(oldest / youngest)) > 0.01
        assert weight.mean() == pytest.approx(1.0, abs=4 * weight.std() / np.sqrt(N))
        counts, edges = np.histogram(age, np.linspace(youngest, oldest, 7), weights=weight)
        spread = np.sqrt(np.histogram(age, edges, weights=weight**2)[0])
        np.testing.assert_allclose(counts, N / 6, atol=4 * spread.max())


def test_dispersions_grow_with_age_and_fall_outward(galaxy):
    thin, entry = population(galaxy, "thin"), galaxy["populations"]["thin"]
    oldest = entry["age_limits_Gyr"][1]
    R, age = np.array([R0_KPC, R0_KPC, R0_KPC + 10.0]), np.array([oldest, 0.0, oldest])
    sigma_R, sigma_Z = thin.dispersions(R, age, R0_KPC)
    factor = np.array([1.0, (0.1 / (oldest + 0.1)) ** 0.33, np.exp(-1)])
    np.testing.assert_allclose(sigma_R, 40.0 * factor, rtol=1e-12)
    np.testing.assert_allclose(sigma_Z, 24.0 * factor, rtol=1e-12)


def test_actions_are_exponential_with_the_epicyclic_means(galaxy):
    plane, R = exact_plane(2000), np.full(N, 7.0)
    thick = population(galaxy, "thick")
    _, kappa, nu = (float(f) for f in plane.frequencies(7.0))
    factor = np.exp((R0_KPC - 7) / 10)
    actions = thick.draw_actions(R, np.full(N, 10.0), plane, R0_KPC, rng())
    for action, sigma, frequency in zip(actions, (58 * factor, 45 * factor), (kappa, nu), strict=True):
        assert ks(action, lambda J, mean=sigma**2 / frequency: 1 - np.exp(-J / mean)) > 0.01
    assert abs(np.corrcoef(*actions)[0, 1]) < 4 / np.sqrt(N)


def test_births_are_near_circular_with_the_dispersions_of_young_stars(galaxy):
    """5 to 10 km/s in v_R for every population that is born, epicyclic in v_phi, around the circular speed."""
    plane, R = exact_plane(2000), np.full(N, 8.0)
    Omega, kappa, _ = (float(f) for f in plane.frequencies(8.0))
    for name, sigma in (("young", 8.0), ("thin", 40 * np.exp(0.0275) * (0.1 / 10.1) ** 0.33)):
        drawn = population(galaxy, name, sigma_scale_kpc=10.0 if name == "thin" else 1e9)
        v_R, v_phi = birth_velocities(drawn, R, plane, R0_KPC, rng())
        assert 5 < v_R.std() < 10
        for values, mean, spread in ((v_R, 0.0, sigma), (v_phi, 8 * Omega, sigma * kappa / (2 * Omega))):
            assert values.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(N))
            assert values.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * N))
        assert abs(np.corrcoef(v_R, v_phi)[0, 1]) < 4 / np.sqrt(N)


def test_azimuths_of_births_lead_to_the_wedge(galaxy):
    plane, R = exact_plane(2000), np.linspace(5, 13, N)
    young = population(galaxy, "young")
    duration, born = np.linspace(0.0, 0.5, N), np.arange(N) % 4 > 0
    phi, weight = young.draw_azimuths(R, duration, born, plane, rng())
    today = (phi + np.degrees(plane.frequencies(R)[0] * duration) + 180) % 360 - 180
    assert ks(today[born], lambda x: (x + 50) / 100) > 0.01
    assert ks(phi[~born], lambda x: (x + 180) / 360) > 0.01
    np.testing.assert_allclose(weight, np.where(born, 50 / 180, 1.0))
    assert np.all(np.abs(phi) <= 180)


@pytest.fixture
def small(galaxy):
    """A function that simulates a galaxy of given entries in the exact potential, without bar and spirals."""

    def simulate(n=20_000, perturbation=None, **changes):
        entry = deepcopy(galaxy)
        for name, values in changes.pop("populations", {}).items():
            entry["populations"][name] = entry["populations"][name] | values if values else None
        model = OrbitModel.from_config(entry | changes, perturbation or Perturbation(None, ()))
        return Mechanics.build(model, exact_plane(1000), exact_grid(120, 60)).simulate(n, rng(3))

    return simulate


def test_what_is_born_during_the_integration_is_cold_today(small):
    """Without bar and spirals nothing heats it: younger stars of the thin disc as cold as at birth, older ones as their age says."""
    stars = small(
        populations={"young": None, "thick": None, "thin": {"age_limits_Gyr": [0.01, 2.0], "sigma_scale_kpc": 1e9}}
    )
    born = stars["age_Gyr"] < 0.54342 * GYR_PER_KPC_KMS
    at_birth = 40 * (0.1 / 2.1) ** 0.33
    assert 0.2 < born.mean() < 0.35
    assert stars["v_R_kms"][born].std() == pytest.approx(at_birth, rel=0.05)
    older = ~born & (stars["age_Gyr"] > 1.5)
    assert stars["v_R_kms"][older].std() == pytest.approx(
        40 * np.mean(((stars["age_Gyr"][older] + 0.1) / 2.1) ** 0.66) ** 0.5, rel=0.06
    )
    np.testing.assert_allclose(stars["R_birth_kpc"][~born], stars["R_guide_kpc"][~born], rtol=1e-12)
    assert np.all(np.abs(stars["R_birth_kpc"] - stars["R_guide_kpc"])[born] > 0)


def test_the_youngest_are_where_they_were_born(small):
    """Stars of 1 Myr have gone 0.2 kpc."""
    stars = small(populations={"thin": None, "thick": None, "young": {"age_limits_Gyr": [1e-4, 1e-3]}})
    np.testing.assert_allclose(stars["R_kpc"], stars["R_birth_kpc"], atol=0.05)
    assert np.all(stars["age_Gyr"] < 1e-3)
    assert ks(stars["phi_deg"], lambda x: np.clip((x + 50) / 100, 0, 1)) > 0.01


def test_stars_without_dispersion_go_round_for_their_age_from_birth_to_the_wedge(small):
    cold = {"sigma_R_kms": 0.0, "sigma_Z_kms": 0.0}
    stars = small(4000, populations={"thin": None, "thick": None, "young": cold})
    np.testing.assert_allclose(stars["R_kpc"], stars["R_birth_kpc"], rtol=1e-4)
    assert np.all(np.abs(stars["phi_deg"]) < 50.05)
    assert ks(stars["phi_deg"], lambda x: np.clip((x + 50) / 100, 0, 1)) > 0.01


def test_the_columns_agree_with_one_another(small):
    stars = small(2000, published())
    phi, (outward, along) = np.radians(stars["phi_deg"]), (stars["v_R_kms"], stars["v_phi_kms"])
    np.testing.assert_allclose(stars["X_kpc"], -stars["R_kpc"] * np.cos(phi), atol=1e-12)
    np.testing.assert_allclose(stars["Y_kpc"], stars["R_kpc"] * np.sin(phi), atol=1e-12)
    np.testing.assert_allclose(stars["v_X_kms"], along * np.sin(phi) - outward * np.cos(phi), atol=1e-9)
    np.testing.assert_allclose(stars["v_Y_kms"], along * np.cos(phi) + outward * np.sin(phi), atol=1e-9)
    assert np.median(along) > 150
    assert all(np.isfinite(values).all() for key, values in stars.items() if key != "population")


def test_an_independent_oscillator_in_height(small):
    """Harmonic with the vertical frequency at the guiding radius: nu^2 <Z^2> = <v_Z^2> = sigma_Z^2."""
    cold = {"sigma_R_kms": 1.0, "sigma_Z_kms": 20.0, "sigma_scale_kpc": 1e9}
    stars = small(vertical="oscillator", populations={"young": None, "thin": None, "thick": cold})
    nu = exact_plane(1000).frequencies(stars["R_guide_kpc"])[2]
    for speed in (stars["v_Z_kms"], nu * stars["Z_kpc"]):
        assert speed.mean() == pytest.approx(0, abs=4 * 20 / np.sqrt(speed.size))
        assert speed.std() == pytest.approx(20, rel=4 / np.sqrt(2 * speed.size))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("thin", {"sigma_R_kms": -1.0}, "populations.thin.sigma_R_kms: got -1.0; a dispersion cannot be negative"),
        ("thick", {"sigma_Z_kms": -5.0}, "populations.thick.sigma_Z_kms: got -5.0"),
        (
            "thin",
            {"R_limits_kpc": [9.0, 3.0]},
            r"populations.thin.R_limits_kpc: got \[9.0, 3.0\]; expected 0 <= first < second",
        ),
        ("young", {"age_limits_Gyr": [0.0, 0.3]}, "populations.young.age_limits_Gyr"),
        (
            "thin",
            {"scale_length_kpc": 0.0},
            "populations.thin: particle_fraction and scale_length_kpc must be positive",
        ),
    ],
)
def test_impossible_populations_are_refused(galaxy, name, change, message):
    with pytest.raises(DiscatlasError, match=message):
        population(galaxy, name, **change)


def test_an_integration_shorter_than_the_life_of_a_pattern_is_refused(galaxy):
    with pytest.raises(DiscatlasError, match=r"integration_kpc_kms: got 0\.2, shorter than the life 0\.5434"):
        OrbitModel.from_config(galaxy | {"integration_kpc_kms": 0.2}, published())
    with pytest.raises(DiscatlasError, match="populations: none declared"):
        OrbitModel.from_config(galaxy | {"populations": {"thin": None}}, published())


def test_chemistry(galaxy):
    """Gradients, wave and scatter are those declared, at today's place."""
    entry = galaxy["chemistry"]
    chemistry = Chemistry.from_config(entry)
    base = {"R_kpc": R0_KPC, "phi_deg": 30.0 + 45.0, "Z_kpc": 0.0, "R0_kpc": R0_KPC}  # a node of the wave
    assert chemistry.mean_feh(**base) == pytest.approx(0.0, abs=1e-12)
    assert chemistry.mean_feh(**base | {"R_kpc": R0_KPC + 2}) == pytest.approx(-0.12)
    for Z in (0.4, -0.4):
        assert chemistry.mean_feh(**base | {"Z_kpc": Z}) == pytest.approx(-0.1)
    for phi, wave in ((30.0, 0.03), (120.0, -0.03), (-150.0, 0.03)):
        assert chemistry.mean_feh(**base | {"phi_deg": phi}) == pytest.approx(wave)
    drawn = chemistry.draw_feh(np.full(N, R0_KPC), np.full(N, 75.0), np.zeros(N), R0_KPC, rng())
    assert ks(drawn / 0.15, "norm") > 0.01
    with pytest.raises(DiscatlasError, match="a scatter cannot be negative"):
        Chemistry.from_config(entry | {"scatter_dex": -0.1})
