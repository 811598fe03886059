"""The conventions of `frames`, held against astropy and against what is known of Sgr A*."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Galactic, SkyCoord

from discatlas import frames
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun

SUNS = {
    "astropy v4.0": Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0"),
    "Drimmel 2023": Sun(8.277, 0.0208, (9.3, 251.5, 8.59), "Drimmel et al. 2023"),
    "Reid 2019": Sun(8.15, 0.0055, (10.6, 247.0, 7.7), "Reid et al. 2019"),
    "in the plane": Sun(8.0, 0.0, (11.1, 232.24, 7.25), "Schönrich 2010"),
}
every_sun = pytest.mark.parametrize("sun", SUNS.values(), ids=SUNS)


def test_config_round_trip_and_errors():
    sun = SUNS["astropy v4.0"]
    assert Sun.from_config(sun.as_dict()) == sun
    with pytest.raises(DiscatlasError, match=r"unknown key 'R0'.*nearest: 'R0_kpc'"):
        Sun.from_config({"R0": 8.0})
    with pytest.raises(DiscatlasError, match=r"'source' is missing"):
        Sun.from_config({"R0_kpc": 8.0, "z_sun_kpc": 0.0, "v_sun_kms": [1, 2, 3]})
    for wrong in ({"R0_kpc": -8.0}, {"z_sun_kpc": 9.0}, {"v_sun_kms": [1.0, 2.0]}, {"R0_kpc": "far"}):
        with pytest.raises(DiscatlasError, match=r"expected"):
            Sun.from_config(sun.as_dict() | wrong)


@every_sun
def test_rotation_is_that_of_astropy(sun):
    basis = SkyCoord(np.eye(3), unit="kpc", representation_type="cartesian", frame="icrs")
    theirs = basis.transform_to(frames.astropy_frame(sun)).cartesian.xyz.to_value(units.kpc)
    ours = frames.galactocentric_rotation(sun) + np.array(sun.position_kpc)[:, None]
    assert np.abs(ours - theirs).max() < 4e-15
    assert frames.galactocentric_rotation(sun) @ frames.galactocentric_rotation(sun).T == pytest.approx(
        np.eye(3), abs=1e-15
    )


@every_sun
def test_galactic_centre_is_the_origin(sun):
    outward = frames.unit_vectors(np.array([frames.GALCEN_RA_DEG]), np.array([frames.GALCEN_DEC_DEG]))[2]
    centre = frames.galactocentric_rotation(sun) @ (sun.R0_kpc * outward[:, 0]) + np.array(sun.position_kpc)
    assert np.abs(centre).max() < 1e-14


def test_galactic_axes():
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 1000), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 1000)))
    theirs = SkyCoord(ra, dec, unit="deg", frame="icrs").transform_to(Galactic())
    l_deg, b_deg = frames.galactic_angles(ra, dec)
    assert np.abs((l_deg - theirs.l.deg + 180) % 360 - 180).max() < 1e-11
    assert np.abs(b_deg - theirs.b.deg).max() < 1e-11
    assert l_deg.min() >= 0.0 and l_deg.max() < 360.0


def test_sgr_a_is_at_rest_for_the_set_made_from_it():
    residual = frames.residual_sgr_a_velocity(SUNS["astropy v4.0"])
    assert np.abs(residual).max() < 0.1


def test_sgr_a_for_other_sets():
    """Another v_sun at the same R0 leaves just the difference; another R0 scales the proper motion's part."""
    v4 = SUNS["astropy v4.0"]
    shifted = Sun(v4.R0_kpc, v4.z_sun_kpc, (11.1, 232.24, 7.25), "shifted")
    difference = frames.residual_sgr_a_velocity(shifted) - frames.residual_sgr_a_velocity(v4)
    assert difference == pytest.approx([11.1 - 12.9, 232.24 - 245.6, 7.25 - 7.78], abs=1e-9)
    for name, sun in SUNS.items():
        tangential = 4.740470463533349 * sun.R0_kpc * np.array([-6.379, -0.202])
        expected = np.array(sun.v_sun_kms) + np.array([-12.9, *tangential])
        assert frames.residual_sgr_a_velocity(sun) == pytest.approx(expected, abs=0.1), name


def test_reid_brunthaler_motion_in_equatorial_axes():
    """-6.411, -0.219 mas/yr along l and b are -3.156, -5.585 in right ascension and declination (2020)."""
    motion = frames.galactic_to_icrs_motion(frames.GALCEN_RA_DEG, frames.GALCEN_DEC_DEG, -6.411, -0.219)
    assert motion == pytest.approx((-3.156, -5.585), abs=0.006)  # their error of pmra


def test_signs_of_the_cylindrical_frame():
    zero = np.zeros(1)
    assert frames.cylindrical_position(np.array([-8.0]), zero) == (8.0, 0.0)
    v_R, v_phi = frames.cylindrical_velocity(np.array([-8.0]), zero, np.array([11.0]), np.array([240.0]))
    assert v_R == -11.0 and v_phi == 240.0  # toward the centre is inward; along +Y is with rotation
    # a quarter of a turn ahead of the Sun, at +Y, a circular orbit moves toward +X
    R, phi = frames.cylindrical_position(zero, np.array([8.0]))
    assert R == 8.0 and phi == 90.0
    v_R, v_phi = frames.cylindrical_velocity(zero, np.array([8.0]), np.array([230.0]), zero)
    assert v_R == 0.0 and v_phi == 230.0


def test_cylindrical_round_trip():
    rng = np.random.default_rng(4)
    X, Y, v_X, v_Y = rng.normal(0, 8, 500), rng.normal(0, 8, 500), rng.normal(0, 200, 500), rng.normal(0, 200, 500)
    R, phi = frames.cylindrical_position(X, Y)
    assert np.abs(np.stack(frames.cartesian_position(R, phi)) - [X, Y]).max() < 1e-13
    v_R, v_phi = frames.cylindrical_velocity(X, Y, v_X, v_Y)
    assert np.abs(np.stack(frames.cartesian_velocity(phi, v_R, v_phi)) - [v_X, v_Y]).max() < 1e-11
    # a turn of the whole system about the centre changes phi only
    X2, Y2 = frames.cartesian_position(R, phi + 40.0)
    turned = frames.cylindrical_velocity(X2, Y2, *frames.cartesian_velocity(phi + 40.0, v_R, v_phi))
    assert np.abs(np.stack(turned) - [v_R, v_phi]).max() < 1e-11


@every_sun
def test_observe_is_that_of_astropy(sun):
    rng = np.random.default_rng(5)
    position, velocity = rng.normal(0, 6, (3, 200)), rng.normal(0, 150, (3, 200))
    ours = frames.observe(position, velocity, sun)
    theirs = SkyCoord(
        **dict(zip("xyz", position * units.kpc, strict=True)),
        **dict(zip(("v_x", "v_y", "v_z"), velocity * units.km / units.s, strict=True)),
        frame=frames.astropy_frame(sun),
        representation_type="cartesian",
        differential_type="cartesian",
    ).icrs
    assert np.abs(ours["ra"] - theirs.ra.deg).max() < 1e-10
    assert np.abs(ours["dec"] - theirs.dec.deg).max() < 1e-10
    assert np.abs(ours["distance_kpc"] / theirs.distance.kpc - 1).max() < 1e-13
    assert np.abs(ours["pmra"] - theirs.pm_ra_cosdec.value).max() < 1e-10
    assert np.abs(ours["pmdec"] - theirs.pm_dec.value).max() < 1e-10
    assert np.abs(ours["radial_velocity"] - theirs.radial_velocity.value).max() < 1e-10


def test_frames_of_the_papers():
    sun = SUNS["astropy v4.0"]
    X, Y, Z = (np.array([value]) for value in sun.position_kpc)
    v_X, v_Y, v_Z = (np.array([value]) for value in sun.v_sun_kms)
    assert frames.khalil_position(X, Y)[0] > 8.0  # the Sun at positive x
    assert frames.khalil_velocity(v_X, v_Y) == (-12.9, 245.6)
    assert frames.hawkins_velocity(v_X, v_Y, v_Z) == (-12.9, 245.6, 7.78)  # as printed, SCIENCE section 2
    assert frames.heliocentric_position(X, Y, sun) == (0.0, 0.0)
    assert frames.akhmetov_velocity(np.array([-12.9]), np.array([245.6])) == (-12.9, -245.6)
    assert Z == 0.0208
