"""Cut-offs at the true resonances, contrasts, and the vector of parameters of spiral modes."""

import numpy as np
import pytest
from khalil2025 import MODEL, RESONANCES
from made_spiral_modes import BAR_ONLY, PUBLISHED, parameters
from orbit_models import BAR, K_2, K_3, R0_KPC, khalil_plane, published

from discatlas.bar_spirals.contrast import baryonic_surface_density, mode_surface_density, surface_density_contrast
from discatlas.bar_spirals.cut_offs import pattern_resonances, resonance_radii, spiral_limits
from discatlas.bar_spirals.parameters import SpiralParameters, default_bounds
from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.modes import Perturbation
from discatlas.errors import DiscatlasError


def radii(plane):
    """The outermost radius of each of the resonances."""
    m_of = {0.0: 2, 1 / 6: 6, 1 / 4: 4, 1 / 2: 2, -1 / 3: 3, 1 / 3: 3}
    return [resonance_radii(plane, Omega, m_of[part], -round(m_of[part] * part))[-1] for Omega, part, _ in RESONANCES]


def test_the_true_resonances():
    """To 1e-4, 1e-3 kpc at the Sun; galpy's circular velocity is nearer than 2e-4 to the reference's."""
    np.testing.assert_allclose(radii(khalil_plane()), RESONANCES[:, 2], rtol=1e-4)


def test_the_true_resonances_in_their_own_potential():
    pytest.importorskip("agama", reason="AGAMA is not installed; the resonances are compared wherever it is")
    R = khalil_plane().R_kpc
    plane = PlaneProfile(R, *open_engine("agama", MODEL).plane(R))
    np.testing.assert_allclose(radii(plane), RESONANCES[:, 2], atol=1e-3)


# pattern speed, m, kind of cut-offs, inner and outer radius of SCIENCE
LIMITS = [
    (13.070959, 2, "resonances", 6.4898, 25.944),
    (16.406153, 3, "resonances", 7.766, 19.288),
    (13.070959, 2, "literal", 6.6461, 26.404),
    (16.406153, 3, "literal", 7.9695, 19.653),
]


@pytest.mark.parametrize(("Omega", "m", "kind", "inner", "outer"), LIMITS)
def test_cut_offs_of_the_published_modes(Omega, m, kind, inner, outer):
    """With the slip of the published code its own literal radii come back."""
    limits = spiral_limits(khalil_plane(), Omega, m, 37.0, kind)
    for value, reference in zip(limits, (inner, outer), strict=True):
        assert abs(value / reference - 1) < 1e-4


def test_cut_offs_where_a_resonance_is_missing():
    plane = khalil_plane()
    corotation = pattern_resonances(plane, 37.0, 2)["corotation"]
    assert pattern_resonances(plane, 13.0, 1)["inner_lindblad"] is None
    assert spiral_limits(plane, 13.0, 1, 37.0)[0] == corotation
    assert spiral_limits(plane, 13.0, 1, None)[0] == 0.0
    low, high = spiral_limits(plane, 4.0, 2, 37.0)
    assert high == np.inf
    assert low == resonance_radii(plane, 4.0, 2, 1)[-1] > corotation


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((90.0, 2, 37.0), "it has no range, its outer Lindblad resonance .* is not outside its inner limit"),
        ((1e6, 2, 37.0), "a pattern speed without resonances between 0.01 and 40 kpc"),
        ((-3.0, 2, 37.0), "expected a positive pattern speed"),
        ((13.0, 2, 1e6), "bar of 1e.06 km/s/kpc: no corotation"),
        ((13.0, 2, 37.0, "resonance"), r"got 'resonance' \(nearest: 'resonances'\)"),
    ],
)
def test_cut_offs_that_make_no_sense(arguments, words):
    with pytest.raises(DiscatlasError, match=words):
        spiral_limits(khalil_plane(), *arguments)


def spiral(m=2, **changes):
    return published(bar=False, arms=(m,), **changes).spirals[0]


def test_the_published_contrast():
    assert abs(surface_density_contrast(spiral(), MODEL, R0_KPC) - 0.249) < 5e-4


def test_the_contrast_hardly_depends_on_the_height():
    for m in (2, 3):
        thin, thick = (surface_density_contrast(spiral(m, h_kpc=h), MODEL, R0_KPC) for h in (0.1, 0.3))
        assert abs(thick / thin - 1) < 0.002


def test_the_exact_contrast_is_that_of_the_potential_in_space():
    """The Laplacian of the potential by differences, summed over heights, at its greatest over azimuth."""
    mode, step = spiral(), 2e-3
    Z = np.linspace(-6, 6, 4001)[:, None]
    phi = np.radians(np.arange(0.0, 180.0, 0.5))

    def potential(R, at):
        return (mode.amplitude(R)[0] * np.exp(1j * mode.m * phi)).real * mode.height_factor(R, at)[0]

    R = np.full_like(Z, R0_KPC)
    here, out, inward = potential(R, Z), potential(R + step, Z), potential(R - step, Z)
    vertical = (potential(R, Z + step) - 2 * here + potential(R, Z - step)) / step**2
    laplacian = (out - 2 * here + inward) / step**2 + (out - inward) / (2 * step * R) + vertical
    density = (laplacian - mode.m**2 * here / R**2).sum(axis=0) * (Z[1] - Z[0]) / (4 * np.pi * G_KPC_KMS2_MSUN)
    assert abs(np.max(density) / mode_surface_density(mode, R0_KPC, exact=True) - 1) < 1e-3


def test_baryons_are_discs_and_bulge():
    """At 1.5 kpc, where the bulge counts; at the Sun it has nothing left."""
    for R in (1.5, R0_KPC):
        discs = sum(disc.Sigma0_msun_kpc2 * np.exp(-R / disc.h_R_kpc) for disc in MODEL.discs)
        z = np.linspace(-8, 8, 8001)
        bulge = np.trapezoid(MODEL.spheroids[0].density(R, z), z)
        assert abs(baryonic_surface_density(MODEL, R) / (discs + bulge) - 1) < 1e-6


def test_hamilton_gives_the_published_amplitude():
    made = parameters()
    vector = made.vector(PUBLISHED, khalil_plane())
    first, second = made.spec(vector, khalil_plane())["spirals"]
    assert abs(first["K_km2_s2"] / K_2 - 1) < 1e-12
    assert abs(second["K_km2_s2"] / K_3 - 1) < 1e-12


def test_a_vector_is_the_model_that_it_stands_for():
    """Forces of the published model from its vector, and the vector from the model, with a phase in another period."""
    plane = khalil_plane()
    for made in (parameters(), parameters(second_amplitude="free"), parameters(modes=(3,))):
        vector = made.vector(PUBLISHED, plane)
        spec = made.spec(vector, plane)
        np.testing.assert_allclose(made.vector(spec, plane), vector, rtol=1e-12)
        phases = np.isfinite(made.periods)
        turned = made.canonical(vector + np.where(phases, 3 * np.where(phases, made.periods, 0.0), 0.0))
        np.testing.assert_allclose(turned, vector, rtol=1e-12)
        for mode in made.perturbation(turned, plane).spirals:
            reference = published(arms=(mode.m,)).spirals[0]
            np.testing.assert_allclose(mode.amplitude(9.0), reference.amplitude(9.0), rtol=1e-9)
            assert mode.pattern == reference.pattern
    amplitude = parameters().vector(PUBLISHED, plane)[0]
    share = 100 * abs(published(arms=(2,)).spirals[0].amplitude(R0_KPC)[0]) / abs(plane.potential(R0_KPC))
    assert abs(amplitude / share - 1) < 1e-12


def test_a_free_bar_turns_and_grows_with_its_parameters():
    bounds = {"Omega_bar_kms_kpc": [30.0, 42.0], "bar_factor": [0.5, 1.5]}
    made, plane = parameters(modes=(2,), bounds=bounds), khalil_plane()
    vector = made.vector(PUBLISHED, plane)
    assert vector[-2:].tolist() == [37.0, 1.0]
    spec = made.spec(np.array([*vector[:-2], 34.0, 1.2]), plane)
    bar = Perturbation.from_config(spec["bar"], []).bar
    original = Perturbation.from_config(BAR, []).bar
    assert bar.pattern.Omega_kms_kpc == 34.0
    assert abs(bar.pattern.life_kpc_kms - original.pattern.life_kpc_kms) < 1e-12
    for mode, before in zip(bar.modes, original.modes, strict=True):
        np.testing.assert_allclose(bar.fraction(mode, 4.0)[0], 1.2 * original.fraction(before, 4.0)[0])
    assert spec["spirals"][0]["R_limits_kpc"][0] == pattern_resonances(plane, 34.0, 2)["corotation"]


def test_a_slow_spiral_is_integrated_for_its_whole_life():
    made, plane = parameters(modes=(2,)), khalil_plane()
    lives = [made.spec(np.array([0.1, 10.0, 50.0, Omega]), plane)["integration_kpc_kms"] for Omega in (10.0, 20.0)]
    np.testing.assert_allclose(lives, [2 * np.pi / 10.0, 3.2 * 2 * np.pi / 37.0])


def test_the_published_bounds():
    made = parameters()
    assert made.names == (
        *("amplitude_2_percent", "pitch_2_deg", "phase_2_deg", "Omega_2_kms_kpc"),
        *("pitch_3_deg", "phase_3_deg", "Omega_3_kms_kpc"),
    )
    assert made.lower.tolist() == [0, 6, 0, 10, 6, 0, 10]
    assert made.upper.tolist() == [0.2, 30, 180, 14, 30, 120, 37]


BOUNDS = default_bounds((2,), "free", 37.0)


@pytest.mark.parametrize(
    ("bounds", "base", "options", "words"),
    [
        (BOUNDS | {"pitch_2_dge": [6, 30]}, BAR_ONLY, {}, "unknown parameter 'pitch_2_dge' .nearest: 'pitch_2_deg'"),
        ({name: BOUNDS[name] for name in list(BOUNDS)[:2]}, BAR_ONLY, {}, "bounds of 'phase_2_deg' are missing"),
        (BOUNDS | {"pitch_2_deg": [30, 6]}, BAR_ONLY, {}, "expected a lower below an upper one"),
        (BOUNDS | {"pitch_2_deg": [0, 30]}, BAR_ONLY, {}, "expected angles between 0 and 90"),
        (BOUNDS | {"amplitude_2_percent": [-1, 1]}, BAR_ONLY, {}, "expected zero or more"),
        (BOUNDS | {"bar_factor": [0, 2]}, BAR_ONLY | {"bar": None}, {}, "the model has no bar"),
        (BOUNDS, BAR_ONLY, {"second_amplitude": "hamilton"}, "nearest: 'hamilton2024'"),
        (BOUNDS, BAR_ONLY, {"cut_offs": "true"}, "expected resonances or literal"),
    ],
)
def test_parameters_that_fit_no_model(bounds, base, options, words):
    with pytest.raises(DiscatlasError, match=words):
        SpiralParameters.from_config(bounds, base, R0_KPC, **options)


def test_other_misuse_of_parameters():
    with pytest.raises(DiscatlasError, match=r"got m = \[2, 2\]"):
        default_bounds((2, 2), "free", 37.0)
    with pytest.raises(DiscatlasError, match=r"a vector of shape \(3,\); expected \(7,\)"):
        parameters().spec(np.zeros(3), khalil_plane())
    with pytest.raises(DiscatlasError, match="has no mode m = 4"):
        parameters(modes=(2, 4)).vector(PUBLISHED, khalil_plane())
