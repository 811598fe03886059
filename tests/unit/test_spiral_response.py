"""The linear response to a spiral: known values, the equations that it must solve, its limits and symmetries."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from discatlas.errors import DiscatlasError
from discatlas.spiral_response import (
    NORMALISATIONS,
    Spiral,
    cored_frequencies,
    crowding,
    frequency_ratio,
    lindblad_distance,
    linear_places,
    power_law_frequencies,
    response_coefficients,
    spiral_response,
)

TANG = {
    "m": 2,
    "pitch_deg": 12.66,
    "surface_density_msun_kpc2": 6e6,
    "R0_kpc": 8.122,
    "scale_length_kpc": 11.36,
    "scale_height_kpc": 1.0,
    "normalisation": "exponential",
}
# pattern speed, R, phi [rad], Psi [rad], Delta, factors of cos Psi and sin Psi, v_R, its sine term, v_phi
VECTORS = """
2    8.122  0   -2.98738 -1154.799  6.71009  2.59078 -7.02841 -0.39795  -1.44969
2    15    -0.3  1.87479  -237.876 16.63064  5.56819  0.33472  5.31287 -10.46698
12   8.122  0   -2.98738   540.804 -8.85845 -4.74276  9.48183  0.72850   1.88149
12   10     0.5 -0.13534   573.580 -5.86663 -3.50637 -5.33989  0.47310  -2.90517
19.5 8.122  0   -2.98738  1287.505 -1.99773 -1.74345  2.24182  0.26780   0.40783
19.5 15    -0.3  1.87479   394.458  3.20021 -2.34814 -3.19841 -2.24047   5.42253
"""


def tang(pattern_speed=12.0, time=0.0, **changes):
    return Spiral.at_time(time, **(TANG | {"pattern_speed_kms_kpc": pattern_speed} | changes))


def flat(R, v_c=229.0):
    return power_law_frequencies(R, v_c, 8.122, 0.0)


@pytest.mark.parametrize("line", VECTORS.split("\n")[1:-1])
def test_known_values(line):
    texts = line.split()
    speed, R, phi, *expected = map(float, texts)
    spiral, frequencies, phi_deg = tang(speed), flat(R), np.degrees(phi)
    terms = response_coefficients(spiral, R, *frequencies, 0.0)
    response = spiral_response(spiral, R, phi_deg, *frequencies, 0.0)
    got = (
        spiral.phase(R, phi_deg),
        lindblad_distance(spiral, *frequencies),
        terms.v_R_cos_kms,
        terms.v_R_sin_kms,
        response.v_R_kms,
        response.v_R_sin_kms,
        response.v_phi_kms,
    )
    for value, printed, text in zip(got, expected, texts[3:], strict=True):
        assert abs(value - printed) <= 0.5001 * 10.0 ** -len(text.split(".")[1])


def test_known_value_at_another_time():
    response = spiral_response(tang(12.0, time=0.1), 10.0, np.degrees(0.5), *flat(10.0), 0.0)
    assert abs(response.v_R_kms - 6.81904) < 5.01e-6


@pytest.mark.parametrize(("normalisation", "printed"), list(zip(NORMALISATIONS, (134.92, 147.91, 70.56), strict=True)))
def test_known_amplitudes_at_the_sun(normalisation, printed):
    spiral = tang(normalisation=normalisation)
    assert abs(spiral.amplitude(8.122)[0] + printed) < 0.00501
    assert abs(spiral.wavenumber(8.122) - 1.09624) < 5.01e-6


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("curve", ["rising", "falling", "cored"])
def test_it_solves_the_linear_equations_of_motion(normalisation, m, curve):
    """(Omega - Omega_p) dv_R/dphi - 2 Omega v_phi = -dPhi/dR and its partner, with derivatives by differences."""
    R, phi = np.meshgrid(np.linspace(5, 16, 23), np.linspace(-170, 170, 31))
    if curve == "cored":
        Omega, kappa = cored_frequencies(R, 229.0, 2.0)
    else:
        Omega, kappa = power_law_frequencies(R, 229.0, 8.122, 0.2 if curve == "rising" else -0.2)
    spiral = tang(17.0, time=0.03, m=m, normalisation=normalisation, pitch_deg=20.0)

    def slope(function, step):
        weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
        return sum(w * (function(n * step) - function(-n * step)) for n, w in weights.items()) / step

    here = spiral_response(spiral, R, phi, Omega, kappa, 0.0)
    turned = lambda d, name: getattr(spiral_response(spiral, R, phi + np.degrees(d), Omega, kappa, 0.0), name)  # noqa: E731
    along_R = slope(lambda d: spiral.potential(R + d, phi), 0.01)
    along_phi = slope(lambda d: spiral.potential(R, phi + np.degrees(d)), 0.01)
    radial = (Omega - 17.0) * slope(lambda d: turned(d, "v_R_kms"), 0.01) - 2 * Omega * here.v_phi_kms
    azimuthal = (Omega - 17.0) * slope(lambda d: turned(d, "v_phi_kms"), 0.01) + kappa**2 / (2 * Omega) * here.v_R_kms
    scale = np.abs(Omega * here.v_R_kms).max() + np.abs(Omega * here.v_phi_kms).max()
    assert np.abs(radial + along_R).max() < 1e-9 * scale
    assert np.abs(azimuthal + along_phi / R).max() < 1e-9 * scale


@pytest.mark.parametrize(("speed", "R"), [(2.0, 9.0), (12.0, 10.0), (19.5, 11.0), (19.5, 13.5)])
def test_orbits_stream_with_the_response(speed, R):
    """A star that starts with the mean velocity keeps it, up to the square of the amplitude."""

    def deviation(factor):
        spiral = tang(speed, surface_density_msun_kpc2=6e6 * factor)

        def mean(r, phi):
            response = spiral_response(spiral, r, np.degrees(phi), *flat(r), 0.0)
            return float(response.v_R_kms), 229.0 + float(response.v_phi_kms)

        def motion(t, y):
            r, phi, v_R, v_phi = y
            A, dA = spiral.amplitude(r)
            Psi = float(spiral.phase(r, np.degrees(phi - speed * t)))
            force_R = -dA * np.cos(Psi) + A * spiral.wavenumber(r) * np.sin(Psi)
            force_phi = spiral.m * A / r * np.sin(Psi)
            return [v_R, v_phi / r, v_phi**2 / r - 229.0**2 / r + force_R, -v_R * v_phi / r + force_phi]

        orbit = solve_ivp(motion, (0, 0.15), [R, 0.4, *mean(R, 0.4)], method="DOP853", rtol=1e-11, atol=1e-11)
        r, phi, v_R, v_phi = orbit.y[:, -1]
        expected = mean(r, phi - speed * 0.15)
        return np.hypot(v_R - expected[0], v_phi - expected[1]) / factor

    coarse, fine = deviation(0.02), deviation(0.01)
    assert coarse < 0.1  # km/s, per unit amplitude, where the response itself is of 5 to 10
    assert fine < 0.55 * coarse


def test_corotation_is_regular():
    R_c = 229.0 / 19.5
    spiral = tang(19.5)
    R = R_c + np.array([-1e-7, 0.0, 1e-7])
    terms = response_coefficients(spiral, R, *flat(R), 0.0)
    Omega, kappa = flat(R_c)
    assert abs(terms.v_R_cos_kms[1]) < 1e-12
    assert np.isclose(terms.v_R_sin_kms[1], 2 * 2 * Omega * spiral.amplitude(R_c)[0] / (R_c * kappa**2), rtol=1e-12)
    for values in terms:
        assert np.ptp(values) < 1e-5


@pytest.mark.parametrize(
    ("speed", "radii"),
    [(12.0, (5.59, 12.34, 19.08, 25.83, 32.58)), (19.5, (3.44, 7.59, 11.74, 15.90, 20.05))],
)
def test_resonances_lie_where_they_must(speed, radii):
    nu = frequency_ratio(tang(speed), *flat(np.array(radii)))
    assert np.allclose(nu, [-1, -0.5, 0, 0.5, 1], atol=0.003)


def test_arms_move_outward_inside_the_inner_lindblad_resonance_and_inward_from_there_to_corotation():
    for speed, sign in ((2.0, 1), (12.0, -1)):
        R = np.linspace(7, 15, 20)
        spiral = tang(speed, time=0.07)
        response = spiral_response(spiral, R, spiral.crest_azimuth_deg(R), *flat(R), 0.0)
        assert np.all(sign * response.v_R_kms > 0)
        assert np.allclose(response.v_R_sin_kms, 0, atol=1e-9)


def test_regularisation_bounds_the_lindblad_resonance_and_is_harmless_far_from_it():
    R_ilr = (1 - np.sqrt(0.5)) * 229.0 / 12.0
    spiral = tang(12.0)
    R = np.linspace(R_ilr - 0.5, R_ilr + 0.5, 101)
    bound = response_coefficients(spiral, R, *flat(R), 0.05)
    assert all(np.all(np.isfinite(values)) for values in bound)
    at_resonance = response_coefficients(spiral, R_ilr, *flat(R_ilr), 0.05)
    assert np.abs(at_resonance.v_R_cos_kms) < 1e-9
    free, smooth = (response_coefficients(spiral, 10.0, *flat(10.0), eps) for eps in (0.0, 1e-4))
    assert np.allclose(free, smooth, rtol=1e-6)
    # both terms change sign across the resonance
    inside, outside = (response_coefficients(spiral, R_ilr + d, *flat(R_ilr + d), 0.0) for d in (-0.01, 0.01))
    assert inside.v_R_cos_kms * outside.v_R_cos_kms < 0


def test_the_mirror_image_rotates_backward_with_the_same_radial_velocities():
    R, phi = np.meshgrid(np.linspace(5, 18, 14), np.linspace(-180, 180, 25))
    Omega, kappa = flat(R)
    spiral = tang(12.0, time=0.02)
    mirrored = replace(spiral, pattern_speed_kms_kpc=-12.0, pitch_deg=-12.66, phase_deg=-spiral.phase_deg)
    here, there = spiral_response(spiral, R, phi, Omega, kappa), spiral_response(mirrored, R, -phi, -Omega, kappa)
    np.testing.assert_allclose(there.v_R_kms, here.v_R_kms, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(there.v_phi_kms, -here.v_phi_kms, rtol=1e-12, atol=1e-12)


def test_the_crest_is_where_density_is_highest_and_trails():
    R = np.array([6.0, 8.122, 12.0])
    for m, pitch in ((2, 12.66), (3, 9.0), (2, -12.66)):
        spiral = tang(time=0.04, m=m, pitch_deg=pitch)
        phi = np.linspace(-180, 180, 36001)
        for arm in range(m):
            crest = spiral.crest_azimuth_deg(R, arm)
            np.testing.assert_allclose(spiral.surface_density(R, crest), spiral.crest_surface_density(R), rtol=1e-12)
            assert np.all(np.sign(np.diff(crest)) == -np.sign(pitch))
            # pitch angle: tan p = -dR/(R dphi)
            slope = np.diff(spiral.crest_azimuth_deg(np.array([8.0, 8.0001]), arm)) / np.diff(np.log([8.0, 8.0001]))
            assert np.isclose(np.degrees(np.arctan(-1 / np.radians(slope[0]))), pitch, rtol=1e-6)
        assert np.all(spiral.surface_density(R[:, None], phi).max(axis=1) <= spiral.crest_surface_density(R))
        np.testing.assert_allclose(spiral.potential(R, crest), spiral.amplitude(R)[0], rtol=1e-12)
        assert np.all(spiral.amplitude(R)[0] < 0)
    assert tang().crest_surface_density(8.122) == 6e6
    assert np.isclose(tang().crest_surface_density(8.122 + 11.36), 6e6 / np.e)


def test_time_and_phase_at_a_pivot_are_two_ways_to_say_the_same():
    R, phi = np.meshgrid(np.linspace(5, 18, 14), np.linspace(-180, 180, 25))
    for speed in (12.0, -12.0):
        spiral = tang(speed, time=0.1)
        assert np.isclose(spiral.time_kpc_kms, 0.1)
        moved = spiral.with_pivot(10.0)
        assert 0 <= moved.phase_deg < 360
        assert np.isclose(moved.time_kpc_kms, 0.1)
        for one in (moved, tang(speed, time=0.1 + np.pi / 12.0)):
            np.testing.assert_allclose(one.potential(R, phi), spiral.potential(R, phi), rtol=0, atol=1e-9)
    # psi = m [Omega_p t - cot p ln(R_pivot/h_R)]
    psi = 2 * (12.0 * 0.1 - np.log(10 / 11.36) / np.tan(np.radians(12.66)))
    assert np.isclose(tang(12.0, time=0.1).with_pivot(10.0).phase_deg, np.degrees(psi) % 360)
    # time carries the pattern with its speed
    np.testing.assert_allclose(
        tang(12.0, 0.1).potential(R, phi), tang(12.0).potential(R, phi - np.degrees(1.2)), atol=1e-9
    )


def test_crowding_does_not_depend_on_the_pitch_angle_for_the_exponential_potential():
    R = np.linspace(5, 20, 16)
    q = [crowding(tang(2.0, pitch_deg=p), R, *flat(R)) for p in (5.0, 12.66, 25.0)]
    np.testing.assert_allclose(q[0], q[1], rtol=1e-12)
    np.testing.assert_allclose(q[0], q[2], rtol=1e-12)
    # Sigma 6e6 with h_z 0.3 crowds by 0.47 at the Sun, by 0.9 at 12 and 2.0 at 20 kpc
    q = crowding(tang(2.0, scale_height_kpc=0.3), np.array([8.122, 12.0, 20.0]), *flat(np.array([8.122, 12.0, 20.0])))
    np.testing.assert_allclose(q, [0.47, 0.9, 2.0], rtol=0.03)


def test_the_mask_leaves_out_resonances_and_crowded_places():
    R = np.linspace(3, 30, 2701)
    Omega, kappa = flat(R)
    weak = tang(12.0, surface_density_msun_kpc2=1e2)
    kept = linear_places(weak, R, Omega, kappa)
    nu = np.abs(frequency_ratio(weak, Omega, kappa))
    assert np.array_equal(kept, (np.abs(nu - 0.5) > 0.08) & (np.abs(nu - 1) > 0.15))
    strong = linear_places(tang(12.0), R, Omega, kappa)
    assert np.array_equal(strong, kept & (crowding(tang(12.0), R, Omega, kappa) < 0.25))
    assert strong.sum() < kept.sum()
    # a spiral of no mass is linear everywhere, and moves nothing
    none = tang(surface_density_msun_kpc2=0.0)
    assert np.all(spiral_response(none, R, 20.0, Omega, kappa).v_R_kms == 0)


def test_limits_of_the_normalisations():
    """A disc without height is razor thin; a flat potential of height h_z and a thin disc agree where k h_z = 1."""
    R = np.linspace(5, 15, 11)
    thin, flattened = (tang(normalisation=n, scale_height_kpc=1e-12) for n in ("razor_thin", "exponential_disc"))
    np.testing.assert_allclose(flattened.amplitude(R), thin.amplitude(R), rtol=1e-9)
    k = float(tang().wavenumber(9.0))
    equal = [tang(normalisation=n, scale_height_kpc=1 / k).amplitude(9.0)[0] for n in ("exponential", "razor_thin")]
    assert np.isclose(*equal)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"m": 0}, "m 0"),
        ({"m": 2.5}, "m 2.5"),
        ({"pitch_deg": 0.0}, "pitch_deg 0.0"),
        ({"pitch_deg": 90.0}, "pitch_deg 90.0"),
        ({"surface_density_msun_kpc2": -1.0}, "phase_deg by 180"),
        ({"scale_length_kpc": 0.0}, "scale_length_kpc 0.0, expected more than 0"),
        ({"scale_height_kpc": -1.0}, "scale_height_kpc"),
        ({"normalisation": "exponentail"}, "nearest: 'exponential'"),
        ({"R0_kpc": float("nan")}, "R0_kpc nan"),
        ({"phase_deg": "x"}, "phase_deg 'x'"),
    ],
)
def test_bad_parameters_are_refused(changes, match):
    with pytest.raises(DiscatlasError, match=match):
        Spiral(**(asdict(tang()) | changes))


def test_config_entries_are_strict():
    entry = asdict(tang())
    R0 = entry.pop("R0_kpc")
    assert Spiral.from_config(entry, R0, "spirals[0]") == tang()
    with pytest.raises(DiscatlasError, match=r"spirals\[0\]: unknown key 'pich_deg' \(nearest: 'pitch_deg'\)"):
        Spiral.from_config(entry | {"pich_deg": 1}, R0, "spirals[0]")
    with pytest.raises(DiscatlasError, match=r"spirals\[0\]: key 'm' is missing"):
        Spiral.from_config({k: v for k, v in entry.items() if k != "m"}, R0, "spirals[0]")
    with pytest.raises(DiscatlasError, match=r"spirals\[0\]: spiral: got m 0"):
        Spiral.from_config(entry | {"m": 0}, R0, "spirals[0]")


def test_a_pattern_that_does_not_turn_has_no_time():
    with pytest.raises(DiscatlasError, match="pattern speed of 0"):
        _ = tang(0.0).time_kpc_kms
