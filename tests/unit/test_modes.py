"""Bar and spiral modes against the published formulas, by differences, and by the density that would make them."""

import numpy as np
import pytest
from orbit_models import (
    ARMS,
    BAR,
    H_KPC,
    LIFE_KPC_KMS,
    R0_KPC,
    exact_plane,
    exact_potential,
    growth,
    published,
    spiral_config,
)

from discatlas.constants import G_KPC_KMS2_MSUN as G
from discatlas.dynamics.modes import Bar, Pattern, Perturbation, Spiral
from discatlas.dynamics.orbits import ForceTables, energies
from discatlas.errors import DiscatlasError

R = np.linspace(2.0, 25.0, 60)
PHI = np.radians(np.arange(-180.0, 180.0, 0.25))


def spiral(arms, **changes):
    return Spiral.from_config(spiral_config(arms, **changes))


def field(mode, radius, t=0.0):
    """Potential of an uncut spiral mode over azimuth: Re[C(R) exp(i m (phi - Omega t))] G(t)."""
    wave = np.exp(1j * mode.m * (PHI - mode.pattern.Omega_kms_kpc * t))
    return mode.pattern.growth(t) * np.real(mode.amplitude(radius)[0] * wave)


def minimum(mode, radius, t=0.0):
    """Azimuth of the deepest point, up to the symmetry of the mode."""
    return PHI[np.argmin(field(mode, radius, t))] % (2 * np.pi / mode.m)


@pytest.mark.parametrize("arms", [2, 3])
def test_the_amplitude_is_that_of_the_paper(arms):
    """Khalil et al. 2025, Eqs. 8-10: xi(R), which is K at R0 after a factor of R0 u D, times Phi_0(R0) cancelling."""
    m, K, pitch, _, _, _ = ARMS[arms]
    s = np.sin(pitch)

    def xi(radius, K_relative):
        above = R0_KPC**2 * s**2 + m * H_KPC * R0_KPC * s + 0.3 * m**2 * H_KPC**2
        below = radius**2 * s**2 + m * H_KPC * radius * s + 0.3 * m**2 * H_KPC**2
        rise = (radius**3 * s + 0.3 * m * H_KPC * radius**2) / (R0_KPC**3 * s + 0.3 * m * H_KPC * R0_KPC**2)
        return K_relative * above / below * rise

    u = m / (R0_KPC * s)
    D = (1 + u * H_KPC + 0.3 * u**2 * H_KPC**2) / (1 + 0.3 * u * H_KPC)
    at_R0 = K / (R0_KPC * u * D)  # (km/s)^2
    np.testing.assert_allclose(np.abs(spiral(arms).amplitude(R)[0]), xi(R, at_R0), rtol=1e-12)
    assert at_R0 / 115506.09 < 0.002  # the paper's bound on the amplitude relative to Phi_0(R0)


def test_amplitudes_at_the_sun():
    """K / (R0 u D) with the numbers of SCIENCE: u = 1.71414 and 1.53380 per kpc, D = 1.16018 and 1.14295."""
    depth = [np.abs(spiral(arms).amplitude(R0_KPC)[0]) for arms in (2, 3)]
    np.testing.assert_allclose(depth, [171.244, 72.194], atol=1e-3)


@pytest.mark.parametrize("arms", [2, 3])
def test_slopes_of_the_amplitude(arms):
    mode, step = spiral(arms), 1e-5
    difference = (mode.amplitude(R + step)[0] - mode.amplitude(R - step)[0]) / (2 * step)
    np.testing.assert_allclose(mode.amplitude(R)[1], difference, rtol=1e-7)


@pytest.mark.parametrize("arms", [2, 3])
def test_arms_trail_and_turn_with_rotation(arms):
    """The minimum is at the phase at R0, farther out at lower azimuths by ln(R/R0)/tan p, and moves forward at Omega."""
    mode, (m, _, pitch, phase, _, Omega) = spiral(arms, turns=0.0), ARMS[arms]
    width, turn = 2 * np.pi / m, np.radians(0.3)
    for radius, t in ((R0_KPC, 0.0), (9.0, 0.0), (7.0, 0.0), (9.0, 0.01), (7.0, -0.02)):
        expected = phase - np.log(radius / R0_KPC) / np.tan(pitch) + Omega * t
        assert abs((minimum(mode, radius, t) - expected + width / 2) % width - width / 2) < turn
    ahead = minimum(mode, R0_KPC + 0.05)
    assert -0.2 < (ahead - minimum(mode, R0_KPC) + width / 2) % width - width / 2 < -np.radians(0.5)


def test_the_second_amplitude_follows_from_the_first():
    K, Omega, tangent = zip(*((p[1], p[5], np.tan(p[2])) for p in ARMS.values()), strict=True)
    assert K[0] / K[1] == pytest.approx((Omega[1] / Omega[0]) ** 2 * tangent[1] / tangent[0], rel=1e-12)
    assert K[1] == pytest.approx(1047.2811, abs=1e-4)


@pytest.mark.parametrize("turns", [1.0, 3.2])
def test_growth(turns):
    pattern, step = Pattern(37.0, turns), 1e-5
    life = turns * 2 * np.pi / 37
    assert pattern.life_kpc_kms == pytest.approx(life, rel=1e-14)
    t = np.array([-2, -1, -0.75, -0.5, -0.25, 0]) * life
    np.testing.assert_allclose(pattern.growth(t), [0, 0, 0.5, 1, 1, 1], atol=1e-14)
    fine = np.linspace(-1.2 * life, 0.0, 4001)
    assert np.all(np.diff(pattern.growth(fine)) >= -1e-15)
    np.testing.assert_allclose(pattern.growth(fine), growth(fine, life), atol=1e-14)
    for end in (-life, -life / 2):  # value, slope and curvature go over into the constant
        around = pattern.growth(end + step * life * np.array([-1, 0, 1]))
        np.testing.assert_allclose(around, around[1], atol=100 * step**3)
    middle = np.diff(pattern.growth(-0.75 * life + np.array([-step, step]) * life)) / (2 * step * life)
    assert middle == pytest.approx(15 / 16 * 4 / life, rel=1e-6)


def test_a_steady_pattern_was_always_there():
    pattern = Pattern(37.0, 0.0)
    np.testing.assert_array_equal(pattern.growth(np.array([-1e3, 0.0])), 1.0)
    assert published(turns=0.0).life_kpc_kms == 0.0
    assert published().life_kpc_kms == pytest.approx(LIFE_KPC_KMS, rel=1e-14)
    assert pytest.approx(0.54342, abs=1e-5) == LIFE_KPC_KMS
    assert published(bar=False).life_kpc_kms == pytest.approx(2 * np.pi / 13.070959, rel=1e-14)


def test_the_bar_is_deepest_along_its_axis():
    """At azimuths 28 and 208 degrees, at all radii of the bar; zero beyond 12 kpc."""
    tables = ForceTables.build(exact_plane(), published(arms=(), turns=0.0))
    for radius in (1.0, 2.0, 4.0, 6.0, 13.0):
        place = np.stack([-radius * np.cos(PHI), radius * np.sin(PHI), 0 * PHI], axis=1)
        depth = energies(tables, place, np.zeros_like(place), 0.0) - exact_potential(radius)
        if radius > 12:
            np.testing.assert_allclose(depth, 0.0, atol=1e-6)
        else:
            assert np.degrees(PHI[np.argmin(depth)]) % 180 == pytest.approx(28.0, abs=0.5)
            assert depth.min() < -1.0


def test_modes_of_a_bar_in_any_order():
    tables = [
        ForceTables.build(exact_plane(), Perturbation.from_config(config, []))
        for config in (BAR, BAR | {"modes": BAR["modes"][::-1]})
    ]
    place, rest = np.array([[-5.0, 1.0, 0.0], [2.0, 3.0, 0.0]]), np.zeros((2, 3))
    np.testing.assert_allclose(energies(tables[1], place, rest, 0.0), energies(tables[0], place, rest, 0.0), rtol=1e-13)


def test_slopes_of_the_bar():
    bar, step, x = Bar.from_config(BAR), 1e-5, np.linspace(0.1, 11.5, 40)
    for mode in bar.modes:
        difference = (bar.fraction(mode, x + step)[0] - bar.fraction(mode, x - step)[0]) / (2 * step)
        np.testing.assert_allclose(bar.fraction(mode, x)[1], difference, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(bar.fraction(mode, np.array([12.0, 12.5, 30.0])), 0.0)


@pytest.mark.parametrize("arms", [2, 3])
def test_height_factor(arms):
    """Cox & Gomez (2002): sech^beta(K Z / beta), K = m / (R sin p), beta = K h (1 + 0.4 K h)."""
    mode, step = spiral(arms), 1e-5
    radius, Z = np.meshgrid(np.array([3.0, 8.0, 15.0]), np.array([-2.0, -0.3, 0.0, 0.1, 1.0]))
    u = arms / (radius * np.sin(ARMS[arms][2]))
    beta = u * H_KPC * (1 + 0.4 * u * H_KPC)
    W, d_R, d_Z = mode.height_factor(radius, Z)
    np.testing.assert_allclose(W, np.cosh(u * Z / beta) ** -beta, rtol=1e-12)
    difference_R = (mode.height_factor(radius + step, Z)[0] - mode.height_factor(radius - step, Z)[0]) / (2 * step)
    difference_Z = (mode.height_factor(radius, Z + step)[0] - mode.height_factor(radius, Z - step)[0]) / (2 * step)
    np.testing.assert_allclose(d_R, difference_R, atol=1e-9)
    np.testing.assert_allclose(d_Z, difference_Z, atol=1e-8)
    assert np.all(np.isfinite(mode.height_factor(8.0, np.array([100.0, 1e4]))))


def test_a_constant_height_factor():
    W, d_R, d_Z = spiral(2, vertical="constant").height_factor(8.0, np.array([0.0, 3.0]))
    np.testing.assert_array_equal((W, d_R, d_Z), [[1, 1], [0, 0], [0, 0]])


def test_the_surface_density_of_the_arms_at_the_sun():
    """Poisson's equation over all heights: 24.9 % of the baryons for m = 2 where arms are tightly wound (the paper's value).

    With the terms of lower order in the wave number u it is 25.4 %. Vertical derivatives integrate to zero.
    """
    mode, step, Z = spiral(2), 1e-3, np.linspace(0, 12, 24001)

    def column(radius):
        return 2 * np.trapezoid(mode.amplitude(radius)[0] * mode.height_factor(radius, Z)[0], Z)

    here, out, back = column(R0_KPC), column(R0_KPC + step), column(R0_KPC - step)
    laplacian = (out + back - 2 * here) / step**2 + (out - back) / (2 * step * R0_KPC) - (2 / R0_KPC) ** 2 * here
    baryons = 1.18814284404e9 * np.exp(-R0_KPC / 2.4) + 7.177198e7 * np.exp(-R0_KPC / 4.8)
    tight = mode.wave_number(R0_KPC) ** 2 * np.abs(here) / (4 * np.pi * G)
    assert tight / baryons == pytest.approx(0.249, abs=5e-4)
    assert np.abs(laplacian) / (4 * np.pi * G) == pytest.approx(tight, rel=0.03)


def test_the_config_has_the_published_modes(config):
    """Bar, spirals, cut-offs and life, as typed here from SCIENCE."""
    bar, spirals = config["bars"]["khalil2025"], [config["spirals"][f"khalil2025_m{m}"] for m in (2, 3)]
    assert {key: bar[key] for key in BAR if key != "source"} == {key: BAR[key] for key in BAR if key != "source"}
    for entry, arms in zip(spirals, (2, 3), strict=True):
        expected = spiral_config(arms)
        numbers = [key for key, value in expected.items() if isinstance(value, (int, float))]
        assert [entry[key] for key in numbers] == pytest.approx([expected[key] for key in numbers], rel=1e-8)
        assert tuple(entry["R_limits_kpc"]) == expected["R_limits_kpc"]
        assert entry["vertical"] == expected["vertical"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"a": 0.9}, "a 0.9"), ({"b": 2.0}, "b 2.0")],
)
def test_a_bar_of_infinite_force_is_refused(change, message):
    with pytest.raises(DiscatlasError, match=message):
        Bar.from_config(BAR | {"modes": [BAR["modes"][0] | change]})


def test_cut_offs_in_the_wrong_order_are_refused():
    with pytest.raises(DiscatlasError, match="first must be below"):
        spiral(2, R_limits_kpc=(9.0, 7.0))
    assert spiral(2, R_limits_kpc=(None, None)).R_limits_kpc == (0.0, np.inf)


def test_the_cut_offs_act_on_the_potential_that_energies_have():
    tables = ForceTables.build(exact_plane(), published(bar=False, arms=(2,), turns=0.0))
    place = np.array([[-radius, 0.0, 0.0] for radius in (6.64, 6.65, 26.40, 26.41)])
    depth = energies(tables, place, np.zeros_like(place), 0.0) - exact_potential(-place[:, 0])
    assert np.all((np.abs(depth) > 1) == [False, True, True, False])
