"""The simulated disc: its truth is what it says, its errors are Gaia's, its streams are its own."""

import numpy as np
import pytest
from pygaia.errors.astrometric import parallax_uncertainty

from discatlas.contracts import load_contract
from discatlas.frames import Sun
from discatlas.simulation import COLUMNS
from discatlas.simulation.disc import CHUNK_STARS, DiscModel, draw_positions, simulate_disc
from discatlas.streams import stream_generator
from discatlas.tables import read_columns
from places import ROOT

SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")


@pytest.fixture
def entry(config):
    return {key: value for key, value in config["catalogues"]["simulated_disc"].items() if key not in ("source", "sun")}


def model(entry, **changes):
    return DiscModel.from_config(entry | changes)


def catalogue(disc, seed=5):
    chunks = list(simulate_disc(disc, SUN, seed, "disc"))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in COLUMNS}


def test_density_falls_with_the_scale_length_and_height(entry):
    disc = model(entry, radius_kpc=5.0)
    R, phi, Z = draw_positions(disc, SUN, 400_000, stream_generator(1, "x"))
    # in a narrow wedge towards and away from the centre the area of a ring grows as R
    wedge = np.abs(phi) < 5
    counts, edges = np.histogram(R[wedge], bins=20, range=(4.5, 12.0))
    centres = (edges[1:] + edges[:-1]) / 2
    slope, error = np.polyfit(centres, np.log(counts / centres), 1, w=np.sqrt(counts), cov="unscaled")
    assert abs(slope[0] + 1 / disc.scale_length_kpc) < 4 * np.sqrt(error[0, 0])
    assert abs(np.mean(np.abs(Z)) - disc.scale_height_kpc) < 4 * disc.scale_height_kpc / np.sqrt(Z.size)


def test_velocities_have_the_declared_means_and_dispersions(entry):
    """Observed without noise to speak of (bright stars), converted back with astropy's own frame."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    from discatlas.frames import astropy_frame

    stars = catalogue(
        model(
            entry, n_stars=60_000, absolute_magnitude_mag=-6.0, bad_fraction=0.0, duplicate_fraction=0.0, radius_kpc=3.0
        )
    )
    good = stars["parallax"] / stars["parallax_error"] > 50
    stars = {name: values[good] for name, values in stars.items()}
    here = SkyCoord(
        ra=stars["ra"] * u.deg,
        dec=stars["dec"] * u.deg,
        distance=(1 / stars["parallax"]) * u.kpc,
        pm_ra_cosdec=stars["pmra"] * u.mas / u.yr,
        pm_dec=stars["pmdec"] * u.mas / u.yr,
        radial_velocity=stars["radial_velocity"] * u.km / u.s,
    ).transform_to(astropy_frame(SUN))
    X, Y, vX, vY, vZ = here.x.value, here.y.value, here.v_x.value, here.v_y.value, here.v_z.value
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    v_R, v_phi = (X * vX + Y * vY) / R, -(X * vY - Y * vX) / R
    disc = model(entry)
    for value, mean, sigma in (
        (v_R, disc.mean_v_R(R, phi, SUN), disc.sigma_R(R, SUN)),
        (v_phi, disc.mean_v_phi(R, SUN), disc.sigma_R(R, SUN) / np.sqrt(2)),
        (vZ, 0.0, disc.sigma_R(R, SUN) * disc.sigma_Z_kms / disc.sigma_R_kms),
    ):
        pull = (value - mean) / sigma
        assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
        assert abs(pull.std() - 1) < 0.02
    # and the wave is there: without it the same residuals scatter more than chance allows
    wave = np.mean((v_R / disc.sigma_R(R, SUN)) * np.sin(2 * np.pi * (R - 8.122) / 4 - np.radians(2 * phi - 30)))
    assert wave > 0.08


def test_asymmetric_drift_obeys_the_jeans_equation(entry):
    """v_c^2 - <v_phi>^2 - sigma_phi^2 = -sigma_R^2 [1 + dln(nu sigma_R^2)/dln R], to first order in the drift."""
    disc = model(entry)
    R = np.linspace(5, 12, 8)
    step = 1e-4
    log_pressure = lambda r: -r / disc.scale_length_kpc + 2 * np.log(disc.sigma_R(r, SUN))  # noqa: E731
    gradient = R * (log_pressure(R + step) - log_pressure(R - step)) / (2 * step)
    s2 = disc.sigma_R(R, SUN) ** 2
    drift = (-s2 * (1 + gradient) + s2 / 2) / (2 * disc.v_c_kms)
    assert np.allclose(disc.v_c_kms - disc.mean_v_phi(R, SUN), drift, rtol=1e-6)


def test_errors_are_gaias_and_the_noise_has_their_size(entry):
    stars = catalogue(model(entry, n_stars=50_000, duplicate_fraction=0.0, bad_fraction=0.0))
    assert np.allclose(stars["parallax_error"], parallax_uncertainty(stars["phot_g_mean_mag"], release="dr3") / 1000)
    bright = catalogue(
        model(
            entry,
            n_stars=50_000,
            duplicate_fraction=0.0,
            bad_fraction=0.0,
            absolute_magnitude_mag=-30.0,
            absolute_magnitude_scatter_mag=0.0,
        )
    )
    # the same stream draws the same stars and deviates, so the difference of the two is deviate times difference
    difference = stars["parallax_error"] - bright["parallax_error"]
    pull = (stars["parallax"] - bright["parallax"])[difference > 1e-3] / difference[difference > 1e-3]
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * pull.size)
    faint = stars["phot_g_mean_mag"] >= 14
    assert np.array_equal(np.isnan(stars["radial_velocity"]), faint)
    assert np.array_equal(np.isnan(stars["radial_velocity_error"]), faint)


def test_bad_solutions_and_duplicates_come_in_the_declared_numbers(entry):
    stars = catalogue(model(entry, n_stars=50_000, bad_fraction=0.1, duplicate_fraction=0.02))
    n_twice = stars["source_id"].size - 50_000
    assert abs(n_twice - 1000) < 4 * np.sqrt(1000)
    assert np.unique(stars["source_id"]).size == 50_000
    assert abs(np.mean(stars["ruwe"] > 1.4) - 0.1) < 0.006


def test_chunks_do_not_depend_on_the_number_of_stars(entry):
    small = next(simulate_disc(model(entry, n_stars=CHUNK_STARS), SUN, 5, "disc"))
    large = simulate_disc(model(entry, n_stars=CHUNK_STARS + 500), SUN, 5, "disc")
    first, second = next(large), next(large)
    assert all(np.array_equal(small[name], first[name], equal_nan=True) for name in COLUMNS)
    assert second["source_id"].min() == CHUNK_STARS
    other = next(simulate_disc(model(entry, n_stars=500), SUN, 6, "disc"))
    assert not np.array_equal(other["ra"][:100], second["ra"][:100])


def test_script_writes_the_declared_columns(entry, tmp_path):
    from simulate_galaxy import run

    path = tmp_path / "x.parquet"
    run(catalogue=path, model=entry | {"n_stars": 500}, sun=SUN.as_dict(), seed=1, name="disc")
    columns = read_columns(path)
    assert tuple(columns) == tuple(name for name in load_contract("catalogue").names if name in COLUMNS)
    assert columns["ra"].size >= 500


def test_columns_are_in_the_order_of_the_contract():
    assert list(COLUMNS) == load_contract("catalogue").select(COLUMNS)
    assert (ROOT / "workflow/scripts/simulate_galaxy.py").exists()
