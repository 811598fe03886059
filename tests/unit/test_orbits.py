"""The orbit kernel's method: its order, also across the plane and sharp cut-offs, reversibility, and independent integrators."""

import hashlib
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from khalil2025 import MODEL
from orbit_models import (
    DEPTH,
    LIFE_KPC_KMS,
    C,
    Part,
    background,
    bar,
    cartesian,
    exact_grid,
    exact_plane,
    khalil_engine,
    khalil_grid,
    khalil_plane,
    polynomial_mode,
    published,
    reference_orbit,
    spiral,
)

from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, energies, integrate

AXISYMMETRIC = Perturbation(None, ())
START = cartesian([8.0, 6.0, 9.0], [0, 50, 100], [60, -30, 20], [200, 230, 215])
START_IN_SPACE = cartesian(
    [8.0, 6.0, 9.0], [0, 50, 100], [60, -30, 20], [200, 230, 215], [0.1, 0.2, -0.3], [20, 30, -40]
)


def forces(*modes, in_space=False):
    return ForceTables.build(exact_plane(), Perturbation(None, modes), exact_grid() if in_space else None)


@pytest.mark.parametrize(
    ("tables", "start", "steps"),
    [
        (forces(), START, 200),
        (forces(polynomial_mode()), START, 200),
        (forces(polynomial_mode(turns=5.0)), START, 200),
        (forces(polynomial_mode(limits=(7.0, 8.5))), START, 200),
        (forces(in_space=True), START_IN_SPACE, 400),
    ],
    ids=["smooth", "mode", "growing mode", "cut-offs", "plane's cusp"],
)
def test_the_method_is_of_fifth_order(tables, start, steps):
    """Four turns; steps land on cut-offs and on the plane, or the order would be lost."""
    exact, _ = integrate(tables, *start, -1.0, 0.0, np.full(3, 12800))
    errors = [
        np.linalg.norm(integrate(tables, *start, -1.0, 0.0, np.full(3, n))[0] - exact, axis=1)
        for n in (steps, 4 * steps)
    ]
    order = np.log(np.mean(errors[0]) / np.mean(errors[1])) / np.log(4)
    assert 4.75 < order < 5.3
    assert np.all(errors[1] < 2e-5)


def test_cut_offs_are_crossed():
    """For the test above: the orbits do pass both radii, and the mode does change them."""
    tables, uncut = forces(polynomial_mode(limits=(7.0, 8.5))), forces(polynomial_mode())
    R = [np.hypot(*integrate(tables, *START, -1.0, t, np.full(3, 400))[0][:, :2].T) for t in np.linspace(-0.99, 0, 40)]
    for radius in (7.0, 8.5):
        assert np.any(np.diff(np.sign(np.array(R) - radius), axis=0))
    moved = (
        integrate(tables, *START, -1.0, 0.0, np.full(3, 400))[0]
        - integrate(uncut, *START, -1.0, 0.0, np.full(3, 400))[0]
    )
    assert np.all(np.linalg.norm(moved, axis=1) > 0.1)


def test_a_circular_orbit_turns_with_rotation():
    """Phi grows at Omega, v_phi is positive: the analytic orbit."""
    R, t = 8.275, 0.3
    v_c = float(np.sqrt(DEPTH * R * C) / (R + C))
    place, velocity = integrate(forces(), *cartesian(R, 10.0, 0.0, v_c), 0.0, t, np.full(1, 400))
    expected = cartesian(R, 10.0 + np.degrees(v_c / R * t), 0.0, v_c)
    np.testing.assert_allclose(place, expected[0], atol=1e-9)
    np.testing.assert_allclose(velocity, expected[1], atol=1e-7)


@pytest.mark.parametrize("in_space", [False, True])
def test_there_and_back(in_space):
    start = START_IN_SPACE if in_space else START
    tables = ForceTables.build(exact_plane(), published(), exact_grid(240, 72) if in_space else None)
    today = integrate(tables, *start, -LIFE_KPC_KMS, 0.0, np.full(3, 4000))
    back = integrate(tables, *today, 0.0, -LIFE_KPC_KMS, np.full(3, 4000))
    np.testing.assert_allclose(back[0], start[0], atol=2e-6)
    np.testing.assert_allclose(back[1], start[1], atol=2e-4)


REFERENCE = cartesian(
    [8.275, 5.0, 7.2, 9.0],
    [0, 50, 200, -120],
    [60, -30, 0, 40],
    [200, 230, 225, 240],
    [0.1, 0.2, 0.0, 0.5],
    [20, 0, 30, 40],
)


@pytest.mark.parametrize("in_space", [False, True])
def test_bar_and_spirals_as_an_independent_integrator_has_them(in_space):
    """The published potential written down anew, with forces by differences: signs, phases, growth, cut-offs, heights."""
    flat = np.array([1.0, 1.0, float(in_space)])
    place, velocity = REFERENCE[0] * flat, REFERENCE[1] * flat
    tables = ForceTables.build(exact_plane(1000), published(), exact_grid(240, 72) if in_space else None)
    ours = integrate(tables, place, velocity, -LIFE_KPC_KMS, 0.0, np.full(4, 3000))
    parts = [Part(background), Part(bar), spiral(2, in_space), spiral(3, in_space)]
    for i in range(4):
        theirs = reference_orbit(parts, place[i], velocity[i], -LIFE_KPC_KMS, 0.0)
        np.testing.assert_allclose(ours[0][i], theirs[0], atol=5e-7)
        np.testing.assert_allclose(ours[1][i], theirs[1], atol=3e-5)


@pytest.mark.parametrize("in_space", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_orbits_as_the_engine_has_them(in_space, backward):
    flat = np.array([1.0, 1.0, float(in_space)])
    place, velocity = REFERENCE[0][:2] * flat, REFERENCE[1][:2] * flat
    start, end = (0.0, -LIFE_KPC_KMS) if backward else (-LIFE_KPC_KMS, 0.0)
    tables = ForceTables.build(khalil_plane(), AXISYMMETRIC, khalil_grid() if in_space else None)
    ours = integrate(tables, place, velocity, start, end, np.full(2, 2000))
    for i in range(2):
        theirs = khalil_engine().orbit(place[i], velocity[i], [start, end])[-1]
        np.testing.assert_allclose(ours[0][i], theirs[:3], atol=2e-6)
        np.testing.assert_allclose(ours[1][i], theirs[3:], atol=2e-4)


def test_orbits_as_agama_has_them():
    pytest.importorskip("agama", reason="AGAMA is not installed; its orbits are compared wherever it is")
    engine = open_engine("agama", MODEL)
    R, Z = khalil_grid().R_kpc[:, None], khalil_grid().Z_kpc[None, :]
    plane = PlaneProfile(khalil_plane().R_kpc, *engine.plane(khalil_plane().R_kpc))
    grid = PotentialGrid(
        R.ravel(), Z.ravel(), engine.potential(R, Z), *engine.gradient(R, Z), engine.mixed_derivative(R, Z)
    )
    tables = ForceTables.build(plane, AXISYMMETRIC, grid)
    place, velocity = integrate(tables, *REFERENCE, -LIFE_KPC_KMS, 0.0, np.full(4, 2000))
    for i in range(4):
        theirs = engine.orbit(REFERENCE[0][i], REFERENCE[1][i], [-LIFE_KPC_KMS, 0.0])[-1]
        np.testing.assert_allclose(place[i], theirs[:3], atol=1e-5)
        np.testing.assert_allclose(velocity[i], theirs[3:], atol=1e-3)


def many(n, seed):
    rng = np.random.default_rng(seed)
    R, speeds = rng.uniform(2, 14, n), rng.standard_normal((3, n)) * 30
    return cartesian(R, rng.uniform(-180, 180, n), speeds[0], 220 + speeds[1], rng.standard_normal(n) * 0.3, speeds[2])


@pytest.fixture(scope="module")
def crowd():
    return make_crowd()


def make_crowd():
    """Particles with a start and a number of steps each, and their tables."""
    place, velocity = many(3000, 1)
    tables = ForceTables.build(exact_plane(), published(), exact_grid(120, 40))
    start = -np.random.default_rng(2).uniform(0, LIFE_KPC_KMS, 3000)
    steps = count_steps(exact_plane(), 0.7 * np.hypot(*place[:, :2].T), start, 0.3)
    return place, velocity, start, steps, tables


def follow(crowd, chosen=slice(None)):
    place, velocity, start, steps, tables = crowd
    return np.hstack(integrate(tables, place[chosen], velocity[chosen], start[chosen], 0.0, steps[chosen], 0.3))


def test_the_same_to_the_bit_for_any_number_of_threads(crowd):
    """A process of its own, as the number of threads cannot grow beyond that at the start."""
    program = f"import sys; sys.path[:0] = {sys.path!r}; import test_orbits; test_orbits.print_digests()"
    environment = os.environ | {"NUMBA_NUM_THREADS": "3"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == 3 * [hashlib.sha256(follow(crowd).tobytes()).hexdigest()]


def print_digests():
    """For the test above: the digest of the particles today by 1, 2 and 3 threads."""
    for threads in (1, 2, 3):
        numba.set_num_threads(threads)
        print(hashlib.sha256(follow(make_crowd()).tobytes()).hexdigest())


def test_particles_know_nothing_of_one_another(crowd):
    """In any order, alone, and each from its own start."""
    together, order = follow(crowd), np.random.default_rng(3).permutation(3000)
    np.testing.assert_array_equal(follow(crowd, order), together[order])
    np.testing.assert_array_equal(follow(crowd, slice(77, 78)), together[77:78])
    assert np.isfinite(together).all()


def test_arguments_are_left_alone_and_planar_orbits_keep_their_heights():
    place, velocity = many(50, 4)
    kept = place.copy(), velocity.copy()
    tables = ForceTables.build(exact_plane(), published())
    today = integrate(tables, place, velocity, -0.2, 0.0, np.full(50, 100))
    np.testing.assert_array_equal((place, velocity), kept)
    for before, after in zip(kept, today, strict=True):
        np.testing.assert_array_equal(after[:, 2], before[:, 2])
        assert np.all(after[:, :2] != before[:, :2])


def test_a_star_born_today_has_not_moved():
    place, velocity = many(5, 5)
    today = integrate(forces(in_space=True), place, velocity, 0.0, 0.0, np.full(5, 1))
    np.testing.assert_allclose(np.hstack(today), np.hstack([place, velocity]), rtol=1e-14)


def test_energy_is_that_of_the_potential():
    place, velocity = many(100, 6)
    expected = 0.5 * np.sum(velocity**2, axis=1)
    R = np.hypot(*place[:, :2].T)
    tables = ForceTables.build(exact_plane(1000), published(), exact_grid(240, 72))
    t = -0.1
    for part in (Part(background), Part(bar), spiral(2), spiral(3)):
        acting = (part.limits[0] < R) & (part.limits[1] > R)
        expected = expected + np.where(acting, part.potential(*place.T, t), 0.0)
    np.testing.assert_allclose(energies(tables, place, velocity, t), expected, atol=1e-4)
    assert np.any(np.abs(place[:, 2]) > 0.5)
