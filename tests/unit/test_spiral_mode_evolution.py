"""Differential evolution that goes on exactly where it was killed, angles on a circle, and the gradient descent."""

import json

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from discatlas.bar_spirals.evolution import Domain, Evolution, evolve, polish
from discatlas.errors import DiscatlasError

# an angle whose best value lies on the seam, and two lengths on a tilted valley
DOMAIN = Domain(np.array([0.0, -3.0, -3.0]), np.array([180.0, 3.0, 3.0]), np.array([180.0, np.inf, np.inf]))
FLAT = Domain(DOMAIN.lower, DOMAIN.upper, np.full(3, np.inf))
SEAM_DEG = 179.0
OPTIONS = {"population": 6, "tolerance": 0.0, "max_generations": 7}


class KilledError(Exception):
    """What ends a run in these tests."""


def valley(vectors):
    angle, x, y = vectors.T
    return 2 - 2 * np.cos(np.radians(2 * (angle - SEAM_DEG))) + (x - 1) ** 2 + 5 * (y - x**2) ** 2 + 0.1


def rng():
    return np.random.Generator(np.random.PCG64(5))


def interrupted(path, generation, where):
    """Run, be killed while or after a generation, and go on from the file."""
    calls = []

    def evaluate(vectors):
        calls.append(len(vectors))
        if where == "while" and len(calls) == generation + 1:
            raise KilledError
        return valley(vectors)

    def keep(state):
        state.save(path, "digest")
        if where == "after" and len(state.energies) == generation + 1:
            raise KilledError

    with pytest.raises(KilledError):
        evolve(evaluate, DOMAIN, rng(), **OPTIONS, keep=keep)
    state = Evolution.load(path, "digest")
    return evolve(valley, DOMAIN, np.random.Generator(np.random.PCG64(99)), **OPTIONS, state=state)


@pytest.fixture(scope="module")
def whole():
    return evolve(valley, DOMAIN, rng(), **OPTIONS)


@pytest.mark.parametrize("where", ["while", "after"])
def test_a_killed_run_goes_on_to_exactly_the_same_result(tmp_path, whole, where):
    for generation in range(1, OPTIONS["max_generations"] + 1):
        again = interrupted(tmp_path / f"{generation}.npz", generation, where)
        assert np.array_equal(again.populations, whole.populations)
        assert np.array_equal(again.energies, whole.energies)
        assert again.rng_state == whole.rng_state


def test_killed_in_the_first_generation_nothing_is_kept(tmp_path):
    with pytest.raises(KilledError):
        evolve(
            lambda _: (_ for _ in ()).throw(KilledError),
            DOMAIN,
            rng(),
            **OPTIONS,
            keep=lambda s: s.save(tmp_path / "s", ""),
        )
    assert Evolution.load(tmp_path / "s", "") is None


def test_a_generation_is_that_of_scipy():
    """Without angles, the first two calls do what one call of scipy does, to the rounding of the scaling."""
    ours = evolve(valley, FLAT, rng(), **OPTIONS | {"max_generations": 1})
    settings = {"strategy": "best1bin", "mutation": (0.5, 1.0), "recombination": 0.7, "init": "latinhypercube"}
    settings |= {"maxiter": 1, "popsize": OPTIONS["population"], "vectorized": True, "updating": "deferred"}
    bounds = np.stack([FLAT.lower, FLAT.upper], axis=1)
    theirs = differential_evolution(lambda x: valley(x.T), bounds, rng=rng(), polish=False, **settings)
    np.testing.assert_allclose(ours.populations[-1], theirs.population, rtol=1e-9)
    np.testing.assert_allclose(ours.energies[-1], theirs.population_energies, rtol=1e-9)


def test_the_population_improves_and_its_first_member_is_the_best(whole):
    assert whole.populations.shape == (8, 18, 3)
    np.testing.assert_array_equal(whole.energies.min(axis=1), whole.energies[:, 0])
    assert np.all(np.diff(whole.energies[:, 0]) <= 0)
    np.testing.assert_allclose(valley(whole.populations.reshape(-1, 3)), whole.energies.ravel(), rtol=1e-9)
    assert np.all(whole.populations >= DOMAIN.lower)
    assert np.all(whole.populations <= DOMAIN.upper)


def test_it_stops_when_the_spread_is_small_and_finds_an_angle_on_the_seam():
    found = evolve(valley, DOMAIN, rng(), population=10, tolerance=0.01, max_generations=200)
    assert len(found.energies) < 200
    assert found.spread <= 0.01
    assert np.std(found.energies[-2]) / np.mean(found.energies[-2]) > 0.01
    assert abs((found.best[0] - SEAM_DEG + 90) % 180 - 90) < 3.0
    np.testing.assert_allclose(found.best[1:], 1.0, atol=0.1)


def test_an_angle_has_no_edge():
    """Of a population about the seam no mutant lies far from it: bounds follow the best member, and nothing is drawn anew."""
    draws, trials = rng(), []
    angle = (SEAM_DEG + draws.uniform(-3, 3, 18)) % 180
    assert np.ptp(angle) > 170
    members = np.stack([angle, *draws.uniform(0.5, 1.5, (2, 18))], axis=1)
    order = np.argsort(valley(members))
    state = Evolution(members[None, order], valley(members)[None, order], json.dumps(draws.bit_generator.state))

    def evaluate(vectors):
        trials.append(vectors)
        return valley(vectors)

    evolve(evaluate, DOMAIN, rng(), **OPTIONS | {"max_generations": 4}, state=state)
    assert [len(vectors) for vectors in trials] == [18] * 4  # known energies are not evaluated again
    offsets = (np.concatenate(trials)[:, 0] - SEAM_DEG + 90) % 180 - 90
    assert np.abs(offsets).max() < 15
    assert np.concatenate(trials)[:, 0].min() >= 0
    assert np.concatenate(trials)[:, 0].max() <= 180


def test_states_of_other_settings_and_damaged_ones(tmp_path, whole):
    path = tmp_path / "state.npz"
    whole.save(path, "a")
    assert Evolution.load(path, "b") is None
    assert np.array_equal(Evolution.load(path, "a").populations, whole.populations)
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DiscatlasError, match=r"no readable state of a fit .*; delete it to start anew"):
        Evolution.load(path, "a")


def test_nothing_to_begin_with():
    with pytest.raises(DiscatlasError, match="no member of the first generation has a finite objective"):
        evolve(lambda vectors: np.full(len(vectors), np.inf), DOMAIN, rng(), **OPTIONS)


def test_the_gradient_descent_finds_the_minimum_in_its_box():
    """Over the seam of an angle too, and not beyond the bounds."""
    start, widths = np.array([1.5, 0.8, 0.7]), np.array([6.0, 1.0, 1.0])
    point, value = polish(valley, DOMAIN, start, widths, 60)
    assert abs((point[0] - SEAM_DEG + 90) % 180 - 90) < 0.1
    np.testing.assert_allclose(point[1:], 1.0, atol=0.02)
    assert abs(value - 0.1) < 1e-3
    narrow = Domain(DOMAIN.lower, np.array([180.0, 0.9, 3.0]), DOMAIN.period)
    assert polish(valley, narrow, start, widths, 60)[0][1] <= 0.9


def test_the_gradient_descent_never_makes_it_worse():
    best = np.array([SEAM_DEG, 1.0, 1.0])
    noisy = np.random.Generator(np.random.PCG64(1))
    point, value = polish(
        lambda v: valley(v) + 0.3 * noisy.random(len(v)) * (v != best).any(axis=1), DOMAIN, best, np.ones(3), 3
    )
    assert value <= 0.1 + 1e-9
    np.testing.assert_allclose(point, best)
