"""Forward mocks: drawn from the distribution function, still in equilibrium where nothing stirs, and as backward integration says where bar and spirals do."""

import numpy as np
import pytest
from made_barred import DISTRIBUTION, PLANE, mock_entry, model, spec
from orbit_models import BAR, spiral_config
from scipy import stats
from scipy.integrate import quad

from discatlas.bar_spirals.mock import CHUNK_PARTICLES, BarredMock, draw_birth, simulate_chunks
from discatlas.bar_spirals.mock_map import ERRORS, MapDeclaration, MapStars, cell_medians, expected_cells, pulls
from discatlas.checks import chi_square_deviation
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.backward import map_medians
from discatlas.errors import DiscatlasError

N = 60_000


def make(seed=1, n=N, made=None, **changes):
    """A mock, its model, and particles at birth."""
    made = made or model()
    mock = BarredMock.from_config(mock_entry(**changes), made, "barred_mocks.made")
    return mock, made, draw_birth(mock, made, n, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def birth():
    return make(sampling_scale_kpc=None)


def test_actions_and_angles_have_the_distribution_they_must(birth):
    """J_R kappa / sigma^2 is exponential, guiding radii have R exp(-R/h), azimuths are uniform."""
    mock, _, drawn = birth
    assert np.all(drawn["weight"] == 1.0)
    R_guide = PLANE.guiding_radius(drawn["L_z_kpc_kms"])
    low, high = mock.R_limits_kpc

    def within(R):
        mass = -(R + 2.4) * np.exp(-R / 2.4)
        first, last = (-(x + 2.4) * np.exp(-x / 2.4) for x in (low, high))
        return (mass - first) / (last - first)

    _, kappa, _ = PLANE.frequencies(R_guide)
    scaled = drawn["J_R_kpc_kms"] * kappa / np.exp(-(R_guide - 8.275) / 10) ** 2
    hot, share = (55 / 30) ** 2, 1 / 1.05
    assert stats.kstest(R_guide, within).pvalue > 1e-3
    assert stats.kstest(scaled / 900, lambda J: 1 - share * np.exp(-J) - (1 - share) * np.exp(-J / hot)).pvalue > 1e-3
    assert stats.kstest(drawn["phi_deg"], stats.uniform(-180, 360).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(scaled, R_guide)[0, 1]) < 4 / np.sqrt(N)


def test_places_and_velocities_have_the_actions_that_were_drawn(birth):
    _, _, drawn = birth
    some = {name: values[:3000] for name, values in drawn.items()}
    J_R = radial_action(some["R_kpc"], some["v_R_kms"], some["v_phi_kms"], PLANE)
    np.testing.assert_allclose(J_R, some["J_R_kpc_kms"], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(some["R_kpc"] * some["v_phi_kms"], some["L_z_kpc_kms"], rtol=1e-12)
    assert np.all(some["R_peri_kpc"] <= some["R_kpc"] + 1e-6)


def function(made, R, v_R, v_phi):
    return made.distribution.of_actions(R * v_phi, radial_action(R, v_R, v_phi, PLANE), PLANE)


V_R, V_PHI = np.arange(-199.0, 200, 2), np.arange(42.0, 400, 4)


def test_density_and_velocities_are_those_of_the_distribution_function(birth):
    """In rings, of f integrated over velocities by brute force: numbers to Poisson noise, v_R by Kolmogorov and Smirnov."""
    mock, made, drawn = birth
    for R in (6.0, 8.0, 9.5):
        ring = np.abs(drawn["R_kpc"] - R) < 0.15
        f = function(made, R, V_R[:, None], V_PHI)
        expected = N * f.sum() * 8 * 2 * np.pi * R * 0.3 / mock.mass(made.distribution)
        assert abs(ring.sum() - expected) < 4 * np.sqrt(expected) + 0.003 * expected
        for name, edges, profile in (("v_R_kms", V_R + 1, f.sum(axis=1)), ("v_phi_kms", V_PHI + 2, f.sum(axis=0))):
            below = np.cumsum(profile) / profile.sum()
            test = stats.kstest(drawn[name][ring], lambda v, edges=edges, below=below: np.interp(v, edges, below))
            assert test.pvalue > 1e-3, (R, name)
    assert mock.mass(made.distribution) == pytest.approx(
        1.05 * 2 * np.pi**2 * quad(lambda R: R * np.exp(-R / 2.4), *mock.R_limits_kpc)[0], rel=1e-9
    )


def test_weights_make_up_for_radii_drawn_evenly(birth):
    """More particles outside, the same weighted density and mean of J_R."""
    _, _, even = make()
    _, _, natural = birth
    assert even["weight"].mean() == pytest.approx(1.0, abs=4 * even["weight"].std() / np.sqrt(N))
    edges = np.arange(4.0, 13.1, 0.5)
    counts, _ = np.histogram(natural["R_kpc"], edges)
    weighted, _ = np.histogram(even["R_kpc"], edges, weights=even["weight"])
    squares, _ = np.histogram(even["R_kpc"], edges, weights=even["weight"] ** 2)
    pull = (weighted - counts) / np.sqrt(squares + counts)
    assert np.abs(pull).max() < 3.8
    assert np.sum(even["R_kpc"] > 10) > 3 * np.sum(natural["R_kpc"] > 10)


def today(made, entry, seed=2):
    """All particles of a mock today, and its map."""
    mock = BarredMock.from_config(entry, made, "barred_mocks.made")
    declaration = MapDeclaration.from_config(entry["map"])
    stars, chunks = MapStars(declaration), []
    for chunk in simulate_chunks(mock, made, np.random.default_rng(seed), np.random.default_rng(seed)):
        stars.add(chunk)
        chunks.append(chunk)
    return mock, declaration, chunks, stars.columns(PLANE)


def test_without_bar_and_spirals_it_stays_in_equilibrium():
    """After half a gigayear radii and velocities are distributed as at birth, and nothing moves outward."""
    made, entry = model(bar=None, spirals=[]), mock_entry(n_particles=20_000, map_spacing_kpc=1.5)
    mock, _, (later,), cells = today(made, entry)
    born = draw_birth(mock, made, 20_000, np.random.default_rng(3))
    R = np.hypot(later["X_kpc"], later["Y_kpc"])
    assert stats.ks_2samp(R, born["R_kpc"]).pvalue > 1e-3
    for low in (5.0, 7.0, 9.0):
        ring, ring_born = np.abs(R - low - 1) < 1, np.abs(born["R_kpc"] - low - 1) < 1
        for name in ("v_R_kms", "v_phi_kms"):
            assert stats.ks_2samp(later[name][ring], born[name][ring_born]).pvalue > 1e-3
        sigma = np.std(later["v_R_kms"][ring])
        assert sigma / np.std(born["v_R_kms"][ring_born]) == pytest.approx(1.0, abs=0.06)
    deviation, n = chi_square_deviation(cells["v_R_kms"], cells["v_R_error_kms"], np.zeros(cells["cell"].size))
    assert n >= 40
    assert abs(deviation) < 4
    J_R, L_z = (later[name] for name in ("J_R_birth_kpc_kms", "L_z_birth_kpc_kms"))
    v_phi = later["v_phi_kms"]
    np.testing.assert_allclose(R * v_phi, L_z, rtol=1e-6)  # conserved
    np.testing.assert_allclose(radial_action(R, later["v_R_kms"], v_phi, PLANE), J_R, rtol=1e-3, atol=1e-2)


@pytest.fixture(scope="module")
def stirred():
    made = model()
    return made, *today(made, mock_entry())


def compare(stirred, made, every=2):
    """Deviations of chi-square from its expectation in standard deviations, and the cells where the whole mock arrives."""
    _, mock, declaration, _, cells = stirred
    used = np.flatnonzero(np.abs(cells["R_kpc"] - 8) < 1)[::every]
    cells = {name: values[used] for name, values in cells.items()}
    expected = expected_cells(made, mock, declaration, np.stack([cells["X_kpc"], cells["Y_kpc"]], axis=1), 2)
    one, zero = np.ones(used.size), np.zeros(used.size)
    deviations = {name: chi_square_deviation(pull, one, zero)[0] for name, pull in pulls(cells, expected).items()}
    return deviations, cells


def test_forward_and_backward_agree_within_the_noise(stirred):
    """All around the centre: medians of both velocities, and the density, whose normalisation is known."""
    deviations, cells = compare(stirred, stirred[0])
    assert cells["cell"].size > 40
    print(deviations)
    assert np.abs(list(deviations.values())).max() < 4, deviations
    v_R = cells["v_R_kms"]
    assert chi_square_deviation(v_R, cells["v_R_error_kms"], np.zeros(v_R.size))[0] > 10  # something moves


WRONG = {
    "sign of the spiral": {"spirals": [spec()["spirals"][0] | {"phase_deg": spiral_config(2)["phase_deg"] + 90}]},
    "pattern speed of the bar": {"bar": BAR | {"Omega_kms_kpc": 47.0}},
}


@pytest.mark.parametrize("name", WRONG)
def test_another_model_is_told_apart(stirred, name):
    deviations, _ = compare(stirred, model(**WRONG[name]), every=4)
    print(deviations)
    assert max(deviations.values()) > 6, deviations


def test_expectation_of_a_cell_pools_its_places(stirred):
    """One place per side is the cell's centre; a wide cell has another density than its centre."""
    made, mock, declaration, _, _ = stirred
    centre = np.array([[-7.5, 0.5]])
    one = expected_cells(made, mock, declaration, centre, 1)
    R, phi = np.hypot(*centre[0]), np.degrees(np.arctan2(0.5, 7.5))
    medians = map_medians(made, R, phi, declaration.velocities)
    assert one["v_R_kms"] == pytest.approx(medians.v_R_kms, abs=1e-9)
    assert one["v_phi_kms"] == pytest.approx(medians.v_phi_kms, abs=1e-9)
    assert one["density"] == pytest.approx(medians.density / mock.mass(made.distribution), rel=1e-9)
    places = centre + np.array([[-0.25, -0.25], [-0.25, 0.25], [0.25, -0.25], [0.25, 0.25]])
    two = expected_cells(made, mock, declaration, centre, 2)
    four = expected_cells(made, mock, declaration, places, 1)
    assert two["density"] == pytest.approx(four["density"].mean(), rel=1e-9)
    assert two["density"] != pytest.approx(one["density"], rel=1e-4)


def test_medians_of_cells_and_their_errors():
    rng = np.random.default_rng(4)
    cell = np.repeat(np.arange(1500), 60)
    values = rng.normal(5.0, 10.0, cell.size)
    shuffled = rng.permutation(cell.size)
    median, error = cell_medians(cell[shuffled], values[shuffled], np.ones(cell.size), np.arange(1500))
    np.testing.assert_allclose(median, np.median(values.reshape(1500, 60), axis=1))
    assert np.std((median - 5.0) / error) == pytest.approx(1.0, abs=0.08)
    assert np.median(error) == pytest.approx(10 * np.sqrt(np.pi / 2 / 60), rel=0.08)
    weight = rng.exponential(1.0, cell.size)  # of half the effective number
    median, error = cell_medians(cell, values, weight, np.arange(1500))
    assert np.std((median - 5.0) / error) == pytest.approx(1.0, abs=0.1)
    twice = cell_medians(np.zeros(5, int), np.array([1.0, 2, 3, 4, 9]), np.array([1.0, 1, 1, 1, 4]), np.array([0]))
    assert twice[0][0] == pytest.approx(5.0)  # between 4 and 9, whose middles are at 3.5 and 6 of 8


def test_errors_widen_velocities_and_leave_the_particles(stirred):
    made, entry = stirred[0], mock_entry(n_particles=2000, velocity_error_kms=30.0)
    noisy = today(made, entry)[2][0]
    exact = today(made, entry | {"velocity_error_kms": 0.0})[2][0]
    for name in ("X_kpc", "Y_kpc", "J_R_birth_kpc_kms", "weight"):
        np.testing.assert_array_equal(noisy[name], exact[name])
    for name in ("v_R_kms", "v_phi_kms"):
        assert np.std(noisy[name] - exact[name]) == pytest.approx(30.0, rel=0.08)


def test_the_window_of_velocities_is_that_of_the_bins():
    declaration = MapDeclaration.from_config(mock_entry()["map"])
    v_R, v_phi = np.array([-120.0, 119.99, 120.0, 0.0, 0.0]), np.array([80.0, 367.99, 200.0, 79.9, 368.0])
    assert declaration.is_in_window(v_R, v_phi).tolist() == [True, True, False, False, False]
    assert set(ERRORS) == {"density", "v_R_kms", "v_phi_kms", "J_R_kpc_kms"}
    assert CHUNK_PARTICLES <= 1_000_000  # memory is bounded


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_particles": 0}, r"barred_mocks\.made\.n_particles: got 0, expected more than 0"),
        ({"radians_per_step": 0.0}, r"radians_per_step: got 0\.0"),
        ({"velocity_error_kms": -1.0}, r"velocity_error_kms: got -1, expected 0 or more"),
        ({"R_limits_kpc": [9.0, 4.0]}, r"R_limits_kpc: got \[9, 4\], expected two radii in order within"),
        ({"R_limits_kpc": [3.0, 55.0]}, r"the potential's table, 0\.01 to 40 kpc"),
    ],
)
def test_impossible_mocks(changes, message):
    with pytest.raises(DiscatlasError, match=message):
        BarredMock.from_config(mock_entry(**changes), model(), "barred_mocks.made")


def test_components_of_no_weight_are_never_drawn():
    parts = [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 300.0, "weight": 0.0}]
    _, _, drawn = make(n=5000, made=model(distribution=DISTRIBUTION | {"components": parts}))
    R_guide = PLANE.guiding_radius(drawn["L_z_kpc_kms"])
    scaled = drawn["J_R_kpc_kms"] * PLANE.frequencies(R_guide)[1] / (30 * np.exp(-(R_guide - 8.275) / 10)) ** 2
    assert stats.kstest(scaled, stats.expon.cdf).pvalue > 1e-3
