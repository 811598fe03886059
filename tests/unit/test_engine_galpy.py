"""The potential by galpy and by quadrature: closed forms, Poisson's equation, actions, and an import without side effects."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from khalil2025 import J_R, MODEL, PLANE, RESONANCES
from scipy import integrate, special
from scipy.optimize import brentq

from discatlas.constants import G_KPC_KMS2_MSUN as G
from discatlas.dynamics.density import DensityModel, Disc, Spheroid
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.galpy_engine import import_galpy
from discatlas.errors import DiscatlasError
from places import ROOT

R = np.array([0.05, 0.5, 2.0, 8.275, 15.0, 38.0])
Z = np.array([0.02, 0.3, 1.0, -4.0])


@pytest.fixture(scope="module")
def engine():
    return open_engine("galpy", MODEL)


def only(*components):
    discs = tuple(part for part in components if isinstance(part, Disc))
    return DensityModel(discs, tuple(part for part in components if isinstance(part, Spheroid)), "test")


def laplacian(engine, R, Z):
    d_RR, d_ZZ, _ = engine.hessian(R, Z)
    return d_RR + d_ZZ + engine.gradient(R, Z)[0] / R


def test_the_reference_values_of_the_plane(engine):
    """The reference is AGAMA's, whose discs are off by a few 1e-4."""
    plane = engine.plane(PLANE[:, 0])
    values = np.stack([plane.Phi, PLANE[:, 0] * plane.Omega, plane.Omega, plane.kappa], axis=1)
    np.testing.assert_allclose(values, PLANE[:, 1:], rtol=3e-4)


@pytest.mark.parametrize(("pattern", "part", "radius"), RESONANCES)
def test_resonances(engine, pattern, part, radius):
    def detuning(R):
        plane = engine.plane(R)
        return plane.Omega + part * plane.kappa - pattern

    assert abs(brentq(detuning, 3, 39) - radius) < 2e-4 * radius


def test_poisson(engine):
    """With the right behaviour far out, this makes it the potential of the density."""
    np.testing.assert_allclose(
        laplacian(engine, R[:, None], Z), 4 * np.pi * G * MODEL.density(R[:, None], Z), rtol=1e-9
    )


def test_poisson_of_a_disc_alone_toward_its_centre():
    disc = Disc(1e9, 3.0, 0.3)
    R = 3.0 * np.array([6e-4, 3e-3, 0.03, 0.1, 0.12, 1.0])
    expected = 4 * np.pi * G * disc.density(R[:, None], Z)
    np.testing.assert_allclose(laplacian(open_engine("galpy", only(disc)), R[:, None], Z), expected, rtol=1e-6)


def test_far_out_it_is_a_point_mass():
    disc, bulge = Disc(1e9, 0.05, 0.01), Spheroid(1e9, 0.02, 1.5, 3, 0.1, 2, 0.7)
    m = np.linspace(0, 3, 300_001)[1:]
    mass = 2 * np.pi * 1e9 * 0.05**2 + 4 * np.pi * 0.7 * integrate.simpson(m**2 * bulge.density(m, 0.0), x=m)
    engine = open_engine("galpy", only(disc, bulge))
    np.testing.assert_allclose(engine.potential([24.0, 32.0], [32.0, 24.0]), -G * mass / 40, rtol=2e-5)
    np.testing.assert_allclose(engine.gradient(40.0, 0.0)[0], G * mass / 40**2, rtol=2e-5)


def test_derivatives_are_those_of_the_potential(engine):
    rows, h = R[1:, None], 1e-3

    def slope(of, dR, dZ):
        """Fourth-order difference."""
        a, b = (of(rows + k * h * dR, Z + k * h * dZ) - of(rows - k * h * dR, Z - k * h * dZ) for k in (1, 2))
        return (8 * a - b) / (12 * h)

    d_R, d_Z = engine.gradient(rows, Z)
    np.testing.assert_allclose(d_R, slope(engine.potential, 1, 0), rtol=1e-7)
    np.testing.assert_allclose(d_Z, slope(engine.potential, 0, 1), rtol=1e-7)
    d_RR, d_ZZ, d_RZ = engine.hessian(rows, Z)
    scale = np.abs(d_ZZ)
    assert np.all(np.abs(d_RR - slope(lambda *point: engine.gradient(*point)[0], 1, 0)) < 1e-6 * scale)
    assert np.all(np.abs(d_ZZ - slope(lambda *point: engine.gradient(*point)[1], 0, 1)) < 1e-6 * scale)
    assert np.all(np.abs(d_RZ - slope(lambda *point: engine.gradient(*point)[1], 1, 0)) < 1e-6 * scale)
    np.testing.assert_allclose(engine.mixed_derivative(rows, Z), d_RZ, rtol=1e-12)


def test_it_is_even_in_Z_and_flat_in_the_plane(engine):
    np.testing.assert_array_equal(engine.potential(R, 0.4), engine.potential(R, -0.4))
    np.testing.assert_array_equal(engine.gradient(R, 0.4)[1], -engine.gradient(R, -0.4)[1])
    np.testing.assert_array_equal(engine.gradient(R, 0.0)[1], 0)
    np.testing.assert_array_equal(engine.mixed_derivative(R, 0.0), 0)


def test_a_thin_disc_has_freemans_rotation_curve():
    """Freeman (1970): v_c^2 = 4 pi G Sigma0 h y^2 (I0 K0 - I1 K1), y = R / 2h."""
    R, h = np.array([1.0, 3.0, 8.0, 20.0]), 3.0
    y = R / (2 * h)
    expected = 4 * np.pi * G * 1e9 * h * y**2 * (special.i0(y) * special.k0(y) - special.i1(y) * special.k1(y))
    force = open_engine("galpy", only(Disc(1e9, h, 1e-4))).gradient(R, 0.0)[0]
    np.testing.assert_allclose(R * force, expected, rtol=3e-4)


@pytest.mark.parametrize("a", [0.003, 1.0, 20.0])
def test_a_hernquist_sphere(a):
    sphere, r = Spheroid(1e9, a, 1, 4, math.inf, 1, 1), np.hypot(R[:, None], Z)
    mass = 2 * np.pi * 1e9 * a**3
    engine = open_engine("galpy", only(sphere))
    np.testing.assert_allclose(engine.potential(R[:, None], Z), -G * mass / (r + a), rtol=1e-8)
    d_R, d_Z = engine.gradient(R[:, None], Z)
    np.testing.assert_allclose(d_R, G * mass / (r + a) ** 2 * R[:, None] / r, rtol=1e-10)
    np.testing.assert_allclose(d_Z, G * mass / (r + a) ** 2 * Z / r, rtol=1e-10)


@pytest.mark.parametrize(
    ("gamma", "beta", "r_cut", "alpha", "q"), [(2.5, 4, math.inf, 1, 0.6), (1, 2, 3.0, 4, 1.4), (-1, 5, 2.0, 0.5, 0.3)]
)
def test_poisson_of_any_spheroid(gamma, beta, r_cut, alpha, q):
    spheroid = Spheroid(1e8, 2.0, gamma, beta, r_cut, alpha, q)
    within = np.array([0.05, 0.5, 2.0])[:, None], np.array([0.0, 0.3, -1.0])
    expected = 4 * np.pi * G * spheroid.density(*within)
    np.testing.assert_allclose(laplacian(open_engine("galpy", only(spheroid)), *within), expected, rtol=1e-7)


def test_a_flattened_cusp_is_galpys_triaxial_hernquist():
    peer = import_galpy().TriaxialHernquistPotential(amp=4 * np.pi * G * 1e9 * 2.0**3, a=2.0, b=1.0, c=0.6, glorder=400)
    engine = open_engine("galpy", only(Spheroid(1e9, 2.0, 1, 4, math.inf, 1, 0.6)))
    rows = R[1:, None]
    at = np.broadcast_arrays(rows, Z)
    np.testing.assert_allclose(engine.potential(rows, Z), peer(*at), rtol=1e-6)
    np.testing.assert_allclose(engine.gradient(rows, Z)[0], -peer.Rforce(*at), rtol=1e-6)
    np.testing.assert_allclose(engine.gradient(rows, Z)[1], -peer.zforce(*at), rtol=1e-6)


def test_actions_in_the_plane_are_the_exact_integral(engine):
    """J_R = (1/pi) int v_R dR between the turning points."""
    radial, vertical, azimuthal = engine.actions(J_R[:, 0], 0.0, J_R[:, 1], 0.0, J_R[:, 2])
    np.testing.assert_allclose(azimuthal, J_R[:, 0] * J_R[:, 2], rtol=1e-12)
    assert np.all(vertical == 0)
    nodes, weights = np.polynomial.legendre.leggauss(100)
    angle = 0.5 * np.pi * (nodes + 1)
    for (R, v_R, v_phi, _), action in zip(J_R, radial, strict=True):
        energy, L = engine.potential(R, 0.0) + 0.5 * (v_R**2 + v_phi**2), R * v_phi

        def square(r, energy=energy, L=L):
            return 2 * (energy - engine.potential(r, 0.0)) - (L / r) ** 2

        guide = brentq(lambda r, L=L: (L / r) ** 2 / r - engine.gradient(r, 0.0)[0], 1, 30)
        inner, outer = brentq(square, guide / 5, guide), brentq(square, guide, 5 * guide)
        r = 0.5 * (inner + outer) - 0.5 * (outer - inner) * np.cos(angle)
        speed = np.sqrt(np.maximum(square(r), 0)) * 0.5 * (outer - inner) * np.sin(angle)
        np.testing.assert_allclose(action, 0.5 * weights @ speed, rtol=1e-6)


def test_the_reference_actions(engine):
    np.testing.assert_allclose(engine.actions(J_R[:, 0], 0.0, J_R[:, 1], 0.0, J_R[:, 2])[0], J_R[:, 3], rtol=1e-3)


def test_actions_are_conserved_along_an_orbit(engine):
    """To the error of the Staeckel approximation for a star of the thin disc."""
    orbit = engine.orbit([8.0, 0, 0.1], [20.0, 215, 15], np.linspace(0, 0.3, 13))
    x, y, z, v_x, v_y, v_z = orbit.T
    R = np.hypot(x, y)
    radial, vertical, azimuthal = engine.actions(R, z, (x * v_x + y * v_y) / R, v_z, (x * v_y - y * v_x) / R)
    np.testing.assert_allclose(azimuthal, azimuthal[0], rtol=1e-7)
    assert np.ptp(radial) < 0.02 * radial.mean()
    assert np.ptp(vertical) < 0.05 * vertical.mean()
    energy = engine.potential(R, z) + 0.5 * (v_x**2 + v_y**2 + v_z**2)
    np.testing.assert_allclose(energy, energy[0], rtol=1e-8)


def test_a_star_that_escapes_has_no_actions(engine):
    radial, vertical, azimuthal = engine.actions(8.0, 0.0, 0.0, 0.0, [220.0, 900.0])
    assert np.isfinite(radial[0])
    assert np.isnan([radial[1], vertical[1]]).all()
    assert azimuthal[1] == 7200


def test_too_near_to_the_centre(engine):
    with pytest.raises(
        DiscatlasError, match=r"R is 0.0001 kpc, but a disc of scale length 2.4 kpc is resolved at 0.0011"
    ):
        engine.potential(1e-4, 0.0)


def test_the_import_writes_nothing_asks_nobody_and_works_without_a_home(tmp_path):
    """Its home is a file here, so nothing can be written; warnings are errors."""
    home = tmp_path / "home"
    home.write_text("")
    code = (
        "import http.client, os, sys, warnings\n"
        "http.client.HTTPConnection = lambda *_, **__: os._exit(3)  # galpy asks the network so\n"
        "from discatlas.dynamics.galpy_engine import import_galpy\n"
        "import_galpy()\n"
        "assert 'galpy' not in warnings.showwarning.__module__\n"
        "assert os.environ['HOME'] == sys.argv[1]\n"
    )
    environment = os.environ | {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT / "workflow" / "scripts"),
        "MPLCONFIGDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(home)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert home.read_text() == ""
    assert not (tmp_path / ".galpyrc").exists()
