"""The engine interface: which engine is opened, what every engine refuses, frequencies and orbits of a known potential."""

import sys

import numpy as np
import pytest
from khalil2025 import MODEL

from discatlas.dynamics import agama_engine, galpy_engine
from discatlas.dynamics.engine import Engine, open_engine
from discatlas.errors import DiscatlasError
from places import ROOT


class Logarithmic(Engine):
    """Phi = V^2/2 ln(R^2 + Z^2/q^2), whose frequencies are known."""

    name, version = "logarithmic", "1"
    V, q = 220.0, 0.8

    def _potential(self, R, Z):
        return 0.5 * self.V**2 * np.log(R**2 + Z**2 / self.q**2)

    def _gradient(self, R, Z):
        m2 = R**2 + Z**2 / self.q**2
        return self.V**2 * np.stack([R / m2, Z / self.q**2 / m2])

    def _hessian(self, R, Z):
        m2 = R**2 + Z**2 / self.q**2
        zz = 1 / (self.q**2 * m2) - 2 * Z**2 / (self.q**4 * m2**2)
        return self.V**2 * np.stack([1 / m2 - 2 * R**2 / m2**2, zz, -2 * R * Z / self.q**2 / m2**2])

    def _actions(self, points):
        return points[:3]


class Outward(Logarithmic):
    """A force that points outward beyond 5 kpc."""

    def _gradient(self, R, Z):
        return np.where(R < 5, 1.0, -1.0) * super()._gradient(R, Z)


def test_frequencies_in_the_plane():
    R = np.array([2.0, 8.0])
    plane = Logarithmic(MODEL).plane(R)
    np.testing.assert_allclose(plane.Omega, 220 / R, rtol=1e-14)
    np.testing.assert_allclose(plane.kappa, np.sqrt(2) * 220 / R, rtol=1e-14)
    np.testing.assert_allclose(plane.nu, 220 / R / 0.8, rtol=1e-14)
    np.testing.assert_allclose(plane.dPhi_dR, 220**2 / R, rtol=1e-14)


def test_shapes_are_broadcast():
    engine = Logarithmic(MODEL)
    R, Z = np.array([[2.0], [8.0]]), np.array([0.0, 0.5, -1.0])
    assert engine.potential(R, Z).shape == (2, 3)
    assert engine.potential(8.0, 0.0).shape == ()
    assert [part.shape for part in engine.hessian(R, Z)] == [(2, 3)] * 3
    np.testing.assert_array_equal(engine.mixed_derivative(R, Z), engine.hessian(R, Z)[2])


def test_a_circular_orbit_comes_back_after_its_period_and_runs_backward():
    engine = Logarithmic(MODEL)
    times = np.linspace(0, 2 * np.pi * 8 / 220, 9)
    orbit = engine.orbit([8.0, 0, 0], [0, 220.0, 0], times)
    assert orbit.shape == (9, 6)
    np.testing.assert_allclose(np.hypot(orbit[:, 0], orbit[:, 1]), 8, rtol=1e-9)
    np.testing.assert_allclose(orbit[2], [0, 8, 0, -220, 0, 0], atol=1e-6)  # counter-clockwise
    np.testing.assert_allclose(orbit[-1], orbit[0], atol=1e-6)
    back = engine.orbit([8.0, 0, 0], [0, 220.0, 0], -times)
    np.testing.assert_allclose(back[1:-1, :2], orbit[-2:0:-1, :2], atol=1e-6)
    assert engine.orbit([8.0, 0, 0], [0, 220.0, 0], [0.3]).tolist() == [[8, 0, 0, 0, 220, 0]]


def test_refusals():
    engine = Logarithmic(MODEL)
    with pytest.raises(DiscatlasError, match=r"got the point \(0, 1\); expected R > 0"):
        engine.potential([1.0, 0.0], 1.0)
    with pytest.raises(DiscatlasError, match=r"got the point \(1, nan\)"):
        engine.gradient(1.0, np.nan)
    with pytest.raises(DiscatlasError, match=r"Omega\^2 is -1936 .* at R = 5 kpc; .*no stable circular orbit"):
        Outward(MODEL).plane([1.0, 5.0])
    with pytest.raises(DiscatlasError, match="growing or falling"):
        engine.orbit([8.0, 0, 0], [0, 220.0, 0], [0, 1, 1])
    with pytest.raises(DiscatlasError, match="of 4 numbers"):
        engine.orbit([8.0], [0, 220.0, 0], [0, 1])


def test_an_unknown_engine_is_named_with_the_nearest():
    with pytest.raises(DiscatlasError, match=r"got 'galpi' \(nearest: 'galpy'\); expected one of agama, galpy"):
        open_engine("galpi", MODEL)


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "agama", None)
    monkeypatch.setattr(galpy_engine, "find_spec", lambda name: None)
    agama_engine.import_agama.cache_clear()
    yield
    agama_engine.import_agama.cache_clear()


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(("name", "other"), [("agama", "galpy"), ("galpy", "agama")])
def test_an_engine_that_is_not_installed_is_not_replaced(name, other):
    with pytest.raises(
        DiscatlasError, match=f"engine '{name}' is not installed.*install|compile.* or name the engine '{other}'"
    ):
        open_engine(name, MODEL)


def test_only_one_file_imports_agama():
    scripts = ROOT / "workflow" / "scripts"
    users = [
        path.name
        for path in scripts.rglob("*.py")
        if "import agama" in path.read_text() or '("agama")' in path.read_text()
    ]
    assert users == ["agama_engine.py"]
