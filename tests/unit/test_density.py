"""Densities of potentials: masses and slopes that are known, and models that have no potential."""

import math

import numpy as np
import pytest
from khalil2025 import CONFIG, MODEL
from scipy import integrate

from discatlas.dynamics.density import DensityModel, Disc, Spheroid
from discatlas.errors import DiscatlasError

DISC, BULGE = CONFIG["discs"][0], CONFIG["spheroids"][0]


def test_a_disc_has_its_surface_density_and_mass():
    disc = Disc(5e8, 2.5, 0.3)
    R = np.array([0.0, 2.5, 8.0])
    Z = np.linspace(-12, 12, 240_001)
    column = integrate.simpson(disc.density(R[:, None], Z), x=Z)
    np.testing.assert_allclose(column, 5e8 * np.exp(-R / 2.5), rtol=1e-6)
    assert disc.density(3.0, 0.4) == disc.density(3.0, -0.4)
    R = np.linspace(0, 150, 200_001)
    mass = integrate.simpson(2 * np.pi * R * 2 * 0.3 * disc.density(R, 0.0), x=R)
    np.testing.assert_allclose(mass, 2 * np.pi * 5e8 * 2.5**2, rtol=1e-8)


def test_a_spheroid_is_the_formula_and_its_slope_the_derivative():
    spheroid = Spheroid(1e8, 3.0, 1.2, 3.4, 5.0, 1.5, 0.7)
    R, Z = np.array([0.1, 2.0, 9.0]), np.array([0.3, -1.0, 0.0])
    m = np.sqrt(R**2 + Z**2 / 0.49)
    expected = 1e8 * (m / 3) ** -1.2 * (1 + m / 3) ** (1.2 - 3.4) * np.exp(-((m / 5) ** 1.5))
    np.testing.assert_allclose(spheroid.density(R, Z), expected, rtol=1e-13)
    step, log_m = 1e-5, np.log(m)
    slope = (spheroid.log_profile(log_m + step) - spheroid.log_profile(log_m - step)) / (2 * step)
    np.testing.assert_allclose(spheroid.log_slope(log_m), slope, rtol=1e-8)


def test_without_a_cut_the_outer_slope_is_beta():
    hernquist = Spheroid(1e8, 0.5, 1, 4, math.inf, 1, 1)
    np.testing.assert_allclose(hernquist.log_slope(np.log([1e-6, 0.5, 1e6])), [-1, -2.5, -4], atol=1e-5)
    assert hernquist.density(0.0, 0.0) == np.inf


def test_a_model_sums_its_components_and_goes_through_a_config():
    R, Z = np.array([0.5, 8.275])[:, None], np.array([0.0, 0.4, -2.0])
    parts = [part.density(R, Z) for part in (*MODEL.discs, *MODEL.spheroids)]
    np.testing.assert_allclose(MODEL.density(R, Z), sum(parts), rtol=1e-14)
    assert DensityModel.from_config(MODEL.as_dict()) == MODEL
    uncut = DensityModel.from_config(CONFIG | {"spheroids": [BULGE | {"beta": 4, "r_cut_kpc": None}]})
    assert uncut.spheroids[0].r_cut_kpc == math.inf
    assert uncut.as_dict()["spheroids"][0]["r_cut_kpc"] is None
    assert DensityModel.from_config(uncut.as_dict()) == uncut


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            {"discs": [DISC | {"Sigma0_msun_kpc2": -1e8}]},
            r"discs\[0\]: Sigma0_msun_kpc2 is -1e\+08; expected a positive",
        ),
        ({"discs": [DISC, DISC | {"h_R_kpc": 0}]}, r"discs\[1\]: h_R_kpc is 0; expected a positive"),
        ({"discs": [DISC | {"h_Z_kpc": float("nan")}]}, r"discs\[0\]: h_Z_kpc is nan"),
        ({"discs": [DISC | {"h_Z_kpc": "thin"}]}, r"discs\[0\]: h_Z_kpc is 'thin'; expected a number"),
        ({"spheroids": [BULGE | {"rho0_msun_kpc3": float("inf")}]}, r"spheroids\[0\]: rho0_msun_kpc3 is inf"),
        ({"spheroids": [BULGE | {"a_kpc": -2}]}, r"spheroids\[0\]: a_kpc is -2; expected a positive"),
        ({"spheroids": [BULGE | {"gamma": 3}]}, r"spheroids\[0\]: gamma is 3; expected less than 3"),
        ({"spheroids": [BULGE | {"gamma": float("nan")}]}, r"spheroids\[0\]: gamma is nan; expected a finite"),
        ({"spheroids": [BULGE | {"r_cut_kpc": -1}]}, r"spheroids\[0\]: r_cut_kpc is -1; expected a positive"),
        (
            {"spheroids": [BULGE | {"r_cut_kpc": None}]},
            r"spheroids\[0\]: beta is 2.90665 without a cut.*mass is infinite",
        ),
        ({"spheroids": [BULGE | {"beta": 3, "r_cut_kpc": float("inf")}]}, r"beta is 3 without a cut"),
        ({"spheroids": [BULGE | {"alpha": 0}]}, r"spheroids\[0\]: alpha is 0"),
        ({"spheroids": [BULGE | {"q": 0}]}, r"spheroids\[0\]: q is 0"),
        ({"discs": [], "spheroids": []}, "no component"),
        ({"discs": [{"h_R": 2.0}]}, r"discs\[0\]: unknown key 'h_R' \(nearest: 'h_R_kpc'\)"),
        ({"discs": [{"h_R_kpc": 2.0}]}, r"discs\[0\]: key 'Sigma0_msun_kpc2' is missing"),
        ({"discs": [2.4]}, r"discs\[0\]: got 2.4; expected the keys"),
        ({"halos": []}, "unknown key 'halos'"),
    ],
)
def test_impossible_potentials_are_named_in_one_line(change, what):
    with pytest.raises(DiscatlasError, match=what) as caught:
        DensityModel.from_config(CONFIG | change)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("potential: ")
