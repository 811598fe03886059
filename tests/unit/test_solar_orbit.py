"""The Sun's orbit: the published periods, orbits that are known, the density along it, error bands, and the script."""

import json

import numpy as np
import pytest
from khalil2025 import MODEL
from made_potential import grid_columns, plane_columns
from orbit_models import BAR, khalil_engine, published, spiral_config

import predict_solar_orbit
from discatlas.bar_spirals.contrast import baryonic_surface_density, surface_density_contrast
from discatlas.bar_spirals.posterior_models import posterior_columns, posterior_specs
from discatlas.bar_spirals.solar_orbit import PlanarOrbit, SurfaceDensity, around_today, extremes, follow
from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.potential_nodes import radial_nodes, vertical_nodes
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun
from discatlas.tables import read_columns, write_table

SUN = {"R0_kpc": 8.275, "z_sun_kpc": 0.01529, "v_sun_kms": [9.3, 251.5, 8.59], "source": "Khalil et al. 2025"}
MYR = 1e3 * GYR_PER_KPC_KMS
TIMES = np.arange(-300, 101) * 1e-3
SPEC = {"bar": BAR, "spirals": [spiral_config(2), spiral_config(3)], "integration_kpc_kms": 0.54342}
PLANE, GRID = PlaneProfile.from_columns(plane_columns(400)), PotentialGrid.from_columns(grid_columns(120, 50))


@pytest.fixture(scope="module")
def orbits():
    R = radial_nodes(200, 2.0, 30.0)
    plane = PlaneProfile(R, *khalil_engine().plane(R))
    return follow(plane, published(), Sun.from_config(SUN), TIMES)


@pytest.fixture(scope="module")
def grid():
    """The published potential beyond 1 kpc; nothing but its values and slopes in Z are asked for."""
    R, Z = radial_nodes(50, 1.0, 30.0), vertical_nodes(16, 5.0)
    places = R[:, None], Z[None, :]
    d_R, d_Z = khalil_engine().gradient(*places)
    return PotentialGrid(R, Z, khalil_engine().potential(*places), d_R, d_Z, 0 * d_Z)


def test_radial_periods_are_the_published_ones(orbits):
    """157.9 and 151.1 Myr: 161.5 and 154.5 of the paper's units."""
    periods = [around_today(extremes(orbit.time_kpc_kms, orbit.R_kpc)[0]) * MYR for orbit in orbits]
    np.testing.assert_allclose(periods, [157.9, 151.1], atol=0.1)
    axisymmetric, barred = orbits
    last = [extremes(orbit.time_kpc_kms, orbit.R_kpc)[0] for orbit in orbits]
    assert max(last[1][last[1] < 0]) > max(last[0][last[0] < 0]), "the last pericentre was later with bar and spirals"
    assert barred.R_kpc.min() < axisymmetric.R_kpc.min() - 0.1
    assert barred.R_kpc.max() > axisymmetric.R_kpc.max() + 0.3


def test_the_density_maxima_are_the_published_ones(orbits, grid):
    """180.9 Myr apart, and one near -250 of the paper's Myr; the bar's density, within a few kpc, is part of it."""
    density = SurfaceDensity(MODEL, published(), grid, 3.0)
    _, maxima = extremes(TIMES, density.along(orbits[1]))
    assert abs(around_today(maxima) * MYR - 180.9) < 1.5
    assert np.abs(maxima * 1000 + 250).min() < 12
    without = SurfaceDensity(MODEL, published(), grid, None)
    assert abs(around_today(extremes(TIMES, without.along(orbits[1]))[1]) * MYR - 175.0) < 1.0


def test_the_contrast_of_a_spiral_is_that_of_its_surface_density():
    perturbation = Perturbation.from_config(None, [spiral_config(2)])
    density = SurfaceDensity(MODEL, perturbation, GRID, None)
    phi = np.radians(np.linspace(-180, 180, 721))
    zero = np.zeros(phi.size)
    circle = PlanarOrbit(zero, -8.275 * np.cos(phi), 8.275 * np.sin(phi), zero, zero)
    values = density.along(circle)
    baryons = baryonic_surface_density(MODEL, 8.275)
    assert np.mean(values[:-1]) == pytest.approx(baryons, rel=1e-4)
    contrast = surface_density_contrast(perturbation.spirals[0], MODEL, 8.275, exact=True)
    assert (values.max() - values.min()) / 2 / baryons == pytest.approx(contrast, rel=1e-3)
    minimum = perturbation.spirals[0].phase_deg % 180
    peak = np.degrees(phi[np.argmax(values)]) % 180
    assert abs(peak - minimum) < 10, "the winding of the phase shifts the density by some degrees"


def test_the_bars_density_is_that_of_poissons_equation():
    """Within 0.1 kpc of the plane, where it is the density times the height."""
    perturbation = published(arms=())
    height, R, phi, step = 0.05, 6.0, np.radians(28.0 + 45.0), 0.02
    density = SurfaceDensity(MODEL, perturbation, GRID, height)
    orbit = PlanarOrbit(
        np.zeros(1), np.array([-R * np.cos(phi)]), np.array([R * np.sin(phi)]), np.zeros(1), np.zeros(1)
    )
    ours = density.along(orbit) - density.axisymmetric(np.array([R]))

    def potential(x, y, z):
        radius = np.hypot(x, y)
        shares = [perturbation.bar.fraction(mode, radius)[0] for mode in perturbation.bar.modes]
        angle = np.arctan2(y, x) - np.radians(28.0)
        wave = sum(share * np.cos(mode.m * angle) for share, mode in zip(shares, perturbation.bar.modes, strict=True))
        from made_potential import potential as background

        return wave * background(radius, z)[0]

    x, y, heights = R * np.cos(phi), R * np.sin(phi), np.linspace(0, height, 11)
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]) * step
    laplacian = [
        (sum(potential(x + a, y + b, z + c) for a, b, c in corners) - 6 * potential(x, y, z)) / step**2 for z in heights
    ]
    expected = 2 * np.trapezoid(laplacian, heights) / (4 * np.pi * 4.30091727e-6)
    assert ours[0] == pytest.approx(expected, rel=0.02)


def test_a_circular_orbit_stays_and_without_modes_both_are_one():
    v_c = float(PLANE.circular_velocity(8.0))
    sun = Sun(8.0, 0.0, (0.0, v_c, 7.0), "made")
    axisymmetric, barred = follow(PLANE, Perturbation(None, ()), sun, np.linspace(-0.2, 0.1, 31))
    np.testing.assert_allclose(axisymmetric.R_kpc, 8.0, rtol=1e-4)
    np.testing.assert_array_equal(axisymmetric.X_kpc, barred.X_kpc)
    np.testing.assert_allclose(axisymmetric.phi_deg, np.degrees(v_c / 8.0 * axisymmetric.time_kpc_kms) % 360 - 360 * (np.degrees(v_c / 8.0 * axisymmetric.time_kpc_kms) % 360 > 180), atol=0.02)  # fmt: skip


def test_extremes_of_a_wave():
    t = np.linspace(-5.0, 5.0, 501)
    minima, maxima = extremes(t, np.cos(2 * t - 0.4))
    np.testing.assert_allclose(np.diff(minima), np.pi, atol=1e-4)
    assert around_today(maxima) == pytest.approx(np.pi, abs=1e-4)
    assert np.isnan(around_today(maxima[maxima > 0]))


def made_posterior(n=12, spread=1.0):
    rng = np.random.default_rng(1)
    centre = {"amplitude_2_percent": 0.16, "pitch_2_deg": 8.1, "phase_2_deg": 47.8, "Omega_2_kms_kpc": 13.1}
    centre |= {"pitch_3_deg": 13.7, "phase_3_deg": 81.7, "Omega_3_kms_kpc": 16.4}
    columns = {name: value * (1 + 0.02 * spread * rng.standard_normal(n)) for name, value in centre.items()}
    return columns | {"ln_likelihood": np.zeros(n)}


def test_draws_of_a_posterior_become_models():
    columns = made_posterior()
    specs = posterior_specs(columns, SPEC, PLANE, "literal", 5)
    assert len(specs) == 5
    assert specs[0]["spirals"][0]["pitch_deg"] == columns["pitch_2_deg"][0]
    assert specs[-1]["spirals"][1]["Omega_kms_kpc"] == columns["Omega_3_kms_kpc"][-1]
    assert specs[0]["bar"]["Omega_kms_kpc"] == 37.0
    assert posterior_columns(list(columns)) == list(columns)[:-1]
    with pytest.raises(DiscatlasError, match="pitch_3_deg"):
        posterior_specs({k: v for k, v in columns.items() if k != "pitch_3_deg"}, SPEC, PLANE, "literal", 5)
    with pytest.raises(DiscatlasError, match="no spirals"):
        posterior_specs(columns, SPEC | {"spirals": []}, PLANE, "literal", 5)


@pytest.fixture
def run_script(tmp_path):
    about = {"model": MODEL.as_dict()}
    write_table(tmp_path / "plane.parquet", load_contract("potential_plane"), plane_columns(), about)
    write_table(tmp_path / "bare.parquet", load_contract("potential_plane"), plane_columns(), {})
    write_table(tmp_path / "grid.parquet", load_contract("potential_grid"), grid_columns(), about)
    (tmp_path / "model.json").write_text(json.dumps(SPEC, default=float), encoding="utf-8")

    def run(plane="plane", posterior=None, limits=(-0.06, 0.03), **changes):
        path = tmp_path / "solar_orbit.parquet"
        settings = {"bar_height_kpc": None, "cut_offs": "literal", "n_draws": 3} | changes
        predict_solar_orbit.run(
            model=tmp_path / "model.json", plane=tmp_path / f"{plane}.parquet", grid=tmp_path / "grid.parquet",
            posterior=posterior, solar_orbit=path, summary=tmp_path / "solar_orbit.json", sun=SUN,
            time_limits_Gyr=limits, step_Gyr=0.001, threads=1, **settings,
        )  # fmt: skip
        return read_columns(path), json.loads((tmp_path / "solar_orbit.json").read_text(encoding="utf-8"))

    return run


def test_the_script_writes_orbits_and_bands(run_script, tmp_path, monkeypatch):
    columns, summary = run_script()
    assert columns["t_Gyr"].size == 91
    today = np.argmin(np.abs(columns["t_Gyr"]))
    for name in ("axisymmetric", "barred"):
        assert columns[f"X_{name}_kpc"][today] == pytest.approx(-np.sqrt(8.275**2 - 0.01529**2))
        assert columns[f"v_R_{name}_kms"][today] == pytest.approx(-9.3, abs=1e-9)
    assert summary["barred"]["radial_period_Myr"] is None, "too short a time for two pericentres"
    assert "R_barred_lo_kpc" not in columns
    specs = [SPEC, SPEC | {"spirals": []}, SPEC | {"bar": None}]
    monkeypatch.setattr(predict_solar_orbit, "posterior_specs", lambda *_: specs)
    draws = tmp_path / "solar_orbit.parquet"  # any table: its draws are the three above
    columns, summary = run_script(posterior=draws)
    assert summary["posterior"]["n_draws"] == 3
    assert np.all(columns["R_barred_lo_kpc"] <= columns["R_barred_hi_kpc"])
    assert columns["R_barred_hi_kpc"][0] - columns["R_barred_lo_kpc"][0] > 1e-4


def test_bad_input_is_told(run_script):
    with pytest.raises(DiscatlasError, match="provenance lacks the components"):
        run_script(plane="bare")
    with pytest.raises(DiscatlasError, match="time_limits_Gyr"):
        run_script(limits=(0.1, 0.2))
    with pytest.raises(DiscatlasError, match="bar_height_kpc is 99"):
        run_script(bar_height_kpc=99.0)
