"""The potential by AGAMA, where it imports: the published reference values, and the two engines against each other."""

import numpy as np
import pytest
from khalil2025 import J_R, LAST_DIGIT, MODEL, PLANE, RESONANCES
from scipy.optimize import brentq

from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.dynamics.engine import open_engine
from discatlas.errors import DiscatlasError

agama = pytest.importorskip("agama", reason="AGAMA is not installed; its engine is compared wherever it is")

R = np.array([0.5, 2.0, 5.0, 8.275, 15.0, 30.0])
Z = np.array([0.05, 0.3, 1.0, 4.0])


@pytest.fixture(scope="module")
def engine():
    return open_engine("agama", MODEL)


@pytest.fixture(scope="module")
def exact():
    return open_engine("galpy", MODEL)


def test_name_and_version(engine):
    assert engine.name == "agama"
    assert engine.version == agama.__version__.split()[0]


def test_the_reference_values_of_the_plane(engine):
    """To 1e-6, or to the rounding of the table where that is coarser."""
    plane = engine.plane(PLANE[:, 0])
    values = np.stack([plane.Phi, PLANE[:, 0] * plane.Omega, plane.Omega, plane.kappa], axis=1)
    assert np.all(np.abs(values - PLANE[:, 1:]) < 1e-6 * np.abs(PLANE[:, 1:]) + LAST_DIGIT / 2)


def test_the_reference_actions(engine):
    radial, vertical, azimuthal = engine.actions(J_R[:, 0], 0.0, J_R[:, 1], 0.0, J_R[:, 2])
    np.testing.assert_allclose(radial, J_R[:, 3], rtol=1e-4)
    np.testing.assert_allclose(azimuthal, J_R[:, 0] * J_R[:, 2], rtol=1e-12)
    assert np.all(vertical == 0)
    assert np.isnan(engine.actions(8.0, 0.0, 0.0, 0.0, 900.0)[0])


@pytest.mark.parametrize(("pattern", "part", "radius"), RESONANCES)
def test_resonances(engine, pattern, part, radius):
    def detuning(R):
        plane = engine.plane(R)
        return plane.Omega + part * plane.kappa - pattern

    assert abs(brentq(detuning, 3, 40) - radius) < 5e-4


def test_derivatives_are_those_of_the_potential(engine):
    """Of force and second derivatives: AGAMA's potential is a spline, so differences are wrong where its pieces meet."""
    R, Z, h = np.array([2.0, 8.275, 15.0])[:, None], np.array([0.3, 1.0, 4.0]), 1e-4
    d_R, d_Z = engine.gradient(R, Z)
    np.testing.assert_allclose(d_R, (engine.potential(R + h, Z) - engine.potential(R - h, Z)) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(d_Z, (engine.potential(R, Z + h) - engine.potential(R, Z - h)) / (2 * h), rtol=1e-6)
    d_RR, d_ZZ, d_RZ = engine.hessian(R, Z)
    scale = np.abs(d_ZZ).max()
    forward, backward = engine.gradient(R + h, Z), engine.gradient(R - h, Z)
    np.testing.assert_allclose(d_RR, (forward[0] - backward[0]) / (2 * h), atol=1e-5 * scale)
    np.testing.assert_allclose(d_RZ, (forward[1] - backward[1]) / (2 * h), atol=1e-5 * scale)
    d_ZZ_numeric = (engine.gradient(R, Z + h)[1] - engine.gradient(R, Z - h)[1]) / (2 * h)
    np.testing.assert_allclose(d_ZZ, d_ZZ_numeric, atol=1e-5 * scale)


def test_poisson_to_the_error_of_agamas_disc(engine):
    points = R[:, None], Z
    d_RR, d_ZZ, _ = engine.hessian(*points)
    density = (d_RR + d_ZZ + engine.gradient(*points)[0] / points[0]) / (4 * np.pi * G_KPC_KMS2_MSUN)
    np.testing.assert_allclose(density, MODEL.density(*points), rtol=0.01)


def test_the_two_engines_agree_to_the_error_of_agamas_disc(engine, exact):
    points = R[:, None], Z
    np.testing.assert_allclose(engine.potential(*points), exact.potential(*points), rtol=1.5e-4)
    force = np.hypot(*exact.gradient(*points))
    for ours, theirs in zip(engine.gradient(*points), exact.gradient(*points), strict=True):
        assert np.all(np.abs(ours - theirs) < 1e-3 * force)
    plane, other = engine.plane(R), exact.plane(R)
    np.testing.assert_allclose(plane.Omega, other.Omega, rtol=2e-4)
    np.testing.assert_allclose(plane.kappa, other.kappa, rtol=5e-4)
    np.testing.assert_allclose(plane.nu, other.nu, rtol=5e-3)


def test_actions_out_of_the_plane_agree(engine, exact):
    """Both take the Staeckel approximation, with focal distances chosen differently."""
    stars = np.array([8.0, 6.0, 9.0]), np.array([0.3, 0.2, 1.0]), np.array([20.0, -30.0, 10.0])
    stars = *stars, np.array([10.0, 20.0, 30.0]), np.array([220.0, 230.0, 190.0])
    for ours, theirs in zip(engine.actions(*stars), exact.actions(*stars), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.05)


def test_orbits_agree_and_keep_their_energy(engine, exact):
    times = np.linspace(0, 0.54, 28)
    start = [8.0, 0, 0.1], [10.0, 220, 20]
    orbit = engine.orbit(*start, times)
    energy = engine.potential(np.hypot(orbit[:, 0], orbit[:, 1]), orbit[:, 2]) + 0.5 * (orbit[:, 3:] ** 2).sum(axis=1)
    np.testing.assert_allclose(energy, energy[0], rtol=2e-7)
    np.testing.assert_allclose(engine.orbit(orbit[-1, :3], orbit[-1, 3:], times[::-1])[-1], orbit[0], atol=1e-5)
    assert np.abs(orbit[:, :3] - exact.orbit(*start, times)[:, :3]).max() < 0.01


def test_threads_change_nothing(engine):
    shared = open_engine("agama", MODEL, threads=2)
    points = np.linspace(0.1, 30, 500)[:, None], Z
    np.testing.assert_array_equal(shared.potential(*points), engine.potential(*points))
    np.testing.assert_array_equal(shared.gradient(*points), engine.gradient(*points))


def test_agamas_own_refusal_is_an_error_of_ours(monkeypatch, engine):
    def refuse(**_):
        raise RuntimeError("Error in creating potential")

    monkeypatch.setattr(agama, "Potential", refuse)
    with pytest.raises(DiscatlasError, match=r"engine 'agama': Disc\(.*Error in creating potential"):
        open_engine("agama", MODEL)
