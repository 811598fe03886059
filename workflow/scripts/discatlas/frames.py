"""The Sun, and every coordinate convention of the project; nothing else in the code converts between frames.

Units        kpc, km/s, mas, mas/yr and degrees at the border; radians only inside.
Cartesian    Galactocentric (X, Y, Z), right-handed, as astropy's ``Galactocentric`` with its tilt: Sgr A* (ICRS ra
             266.4051, dec -28.936175 deg, roll 0) at the origin, the Sun at (-sqrt(R0^2 - z_sun^2), 0, z_sun);
             Y positive along rotation at the Sun, Z to the north Galactic pole.
The Sun      `Sun`: R0 is the distance to Sgr A*; v_sun = (v_X, v_Y, v_Z) of the Sun in these axes, so v_X is positive
             **toward** the centre (astropy's ``galcen_v_sun``). Always given, never a default.
Cylindrical  R = sqrt(X^2 + Y^2); phi = atan2(Y, -X), zero at the Sun, **positive with rotation**, in [-180, 180];
             v_R = (X v_X + Y v_Y)/R outward; v_phi = (v_X Y - v_Y X)/R, **positive with rotation** (about +230
             km/s at the Sun); v_Z up; L_z = R v_phi. Left-handed on purpose, and the only one used elsewhere.
Observables  ICRS ra, dec [deg], distance [kpc], pmra (times cos dec), pmdec [mas/yr], radial_velocity [km/s], all
             barycentric, which here means heliocentric.
Papers       Khalil et al. 2025: x = -X, y = Y, same phi and v_phi (`khalil_position`, `khalil_velocity`).
             Hawkins 2023: left-handed (U, V, W) = (-v_X, v_Y, v_Z) (`hawkins_velocity`).
             Akhmetov et al. 2024: heliocentric x, y (`heliocentric_position`); v_theta = -v_phi (`akhmetov_velocity`).

Arguments named X, Y, ... are arrays of one shape (n,); results are new arrays of that shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from astropy import units
from astropy.coordinates import ICRS, CartesianRepresentation, Galactic, Galactocentric, SkyCoord
from astropy.coordinates.matrix_utilities import rotation_matrix
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]

GALCEN_RA_DEG, GALCEN_DEC_DEG, GALCEN_ROLL_DEG = 266.4051, -28.936175, 0.0  # Sgr A*, Reid & Brunthaler (2004)
KMS_PER_KPC_MASYR = 149_597_870.7 / (365.25 * 86_400.0)  # 4.740470...: the IAU au [km] over the Julian year [s]
MAS_PER_DEG = 3.6e6


@dataclass(frozen=True)
class Sun:
    """Position and velocity of the Sun, with their source.

    Parameters
    ----------
    R0_kpc : float
        Distance from the Sun to the Galactic centre, positive.
    z_sun_kpc : float
        Height of the Sun above the plane, less than R0 in size.
    v_sun_kms : tuple of three float
        Velocity along (X, Y, Z): toward the centre, along rotation, up.
    source : str
        Where the numbers are from.
    """

    R0_kpc: float
    z_sun_kpc: float
    v_sun_kms: tuple[float, float, float]
    source: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the Sun from a config mapping with exactly the keys R0_kpc, z_sun_kpc, v_sun_kms and source.

        Raises
        ------
        DiscatlasError
            For a missing or unknown key, or values that are no position or velocity.
        """
        known = ("R0_kpc", "z_sun_kpc", "v_sun_kms", "source")
        for key in config:
            if key not in known:
                raise DiscatlasError(f"sun: unknown key {key!r}{nearest(str(key), known)}; expected {', '.join(known)}")
        for key in known:
            if key not in config:
                raise DiscatlasError(f"sun: key {key!r} is missing; expected {', '.join(known)}")
        try:
            R0, z, v_sun = float(config["R0_kpc"]), float(config["z_sun_kpc"]), tuple(map(float, config["v_sun_kms"]))
        except (TypeError, ValueError):
            raise DiscatlasError(
                f"sun: got {dict(config)}, expected numbers R0_kpc, z_sun_kpc and three of v_sun_kms"
            ) from None
        if not np.isfinite((R0, z, *v_sun)).all() or len(v_sun) != 3 or R0 <= 0 or abs(z) >= R0:
            raise DiscatlasError(
                f"sun: got R0_kpc {R0}, z_sun_kpc {z}, v_sun_kms {list(v_sun)}; expected R0_kpc > |z_sun_kpc| and three finite velocities"
            )
        return cls(R0, z, v_sun, str(config["source"]))

    def as_dict(self) -> dict[str, Any]:
        """Return the set as plain values, for provenance; `from_config` takes it back."""
        return {
            "R0_kpc": self.R0_kpc,
            "z_sun_kpc": self.z_sun_kpc,
            "v_sun_kms": list(self.v_sun_kms),
            "source": self.source,
        }

    @property
    def position_kpc(self) -> tuple[float, float, float]:
        """The Sun's (X, Y, Z)."""
        return (-float(np.sqrt(self.R0_kpc**2 - self.z_sun_kpc**2)), 0.0, self.z_sun_kpc)


def astropy_frame(sun: Sun) -> Galactocentric:
    """Return astropy's Galactocentric frame of this Sun, with every attribute stated."""
    return Galactocentric(
        galcen_coord=ICRS(ra=GALCEN_RA_DEG * units.deg, dec=GALCEN_DEC_DEG * units.deg),
        galcen_distance=sun.R0_kpc * units.kpc,
        galcen_v_sun=list(sun.v_sun_kms) * (units.km / units.s),
        z_sun=sun.z_sun_kpc * units.kpc,
        roll=GALCEN_ROLL_DEG * units.deg,
    )


@cache
def _rotation(R0_kpc: float, z_sun_kpc: float) -> Array:
    to_centre = rotation_matrix(-GALCEN_DEC_DEG * units.deg, "y") @ rotation_matrix(GALCEN_RA_DEG * units.deg, "z")
    roll = rotation_matrix(Galactocentric.get_roll0() - GALCEN_ROLL_DEG * units.deg, "x")
    tilt = rotation_matrix(-np.arcsin(z_sun_kpc / R0_kpc) * units.rad, "y")
    matrix = np.ascontiguousarray(tilt @ roll @ to_centre)
    matrix.flags.writeable = False
    return matrix


def galactocentric_rotation(sun: Sun) -> Array:
    """Return the rotation A from ICRS to Galactocentric axes, shape (3, 3), read-only.

    A position is A r + `Sun.position_kpc` for the ICRS Cartesian vector r from the Sun [kpc]; a velocity is A v + v_sun.
    The rotations are those documented for astropy's ``Galactocentric`` (centre, roll, tilt by asin(z_sun/R0)).
    """
    return _rotation(sun.R0_kpc, sun.z_sun_kpc)


@cache
def galactic_rotation() -> Array:
    """Return the rotation from ICRS to Galactic axes, shape (3, 3), read-only, as astropy has it."""
    basis = SkyCoord(CartesianRepresentation(np.eye(3)), frame=ICRS()).transform_to(Galactic())
    matrix = np.ascontiguousarray(basis.cartesian.xyz.value)
    matrix.flags.writeable = False
    return matrix


def unit_vectors(longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array, Array]:
    """Return the unit vectors along growing longitude, growing latitude and outward, each of shape (3, n)."""
    lon, lat = np.deg2rad(longitude_deg), np.deg2rad(latitude_deg)
    sin_lon, cos_lon, sin_lat, cos_lat = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    east = np.stack([-sin_lon, cos_lon, np.zeros_like(lon)])
    north = np.stack([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat])
    return east, north, np.stack([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])


def _angles(vector: Array) -> tuple[Array, Array]:
    longitude = np.rad2deg(np.arctan2(vector[1], vector[0])) % 360.0
    return longitude, np.rad2deg(np.arctan2(vector[2], np.hypot(vector[0], vector[1])))


def galactic_angles(ra_deg: Array, dec_deg: Array) -> tuple[Array, Array]:
    """Return Galactic l in [0, 360) and b [deg] of ICRS ra and dec [deg]."""
    return _angles(galactic_rotation() @ unit_vectors(ra_deg, dec_deg)[2])


def cylindrical_position(X_kpc: Array, Y_kpc: Array) -> tuple[Array, Array]:
    """Return R [kpc] and phi [deg], zero at the Sun and positive with rotation."""
    return np.hypot(X_kpc, Y_kpc), np.rad2deg(np.arctan2(Y_kpc, -X_kpc))


def cylindrical_velocity(X_kpc: Array, Y_kpc: Array, v_X_kms: Array, v_Y_kms: Array) -> tuple[Array, Array]:
    """Return v_R (outward) and v_phi (with rotation) [km/s] of Cartesian velocities; NaN on the axis itself."""
    R = np.hypot(X_kpc, Y_kpc)
    with np.errstate(invalid="ignore"):
        return (X_kpc * v_X_kms + Y_kpc * v_Y_kms) / R, (v_X_kms * Y_kpc - v_Y_kms * X_kpc) / R


def cartesian_position(R_kpc: Array, phi_deg: Array) -> tuple[Array, Array]:
    """Return X and Y [kpc], the inverse of `cylindrical_position`."""
    phi = np.deg2rad(phi_deg)
    return -R_kpc * np.cos(phi), R_kpc * np.sin(phi)


def cartesian_velocity(phi_deg: Array, v_R_kms: Array, v_phi_kms: Array) -> tuple[Array, Array]:
    """Return v_X and v_Y [km/s], the inverse of `cylindrical_velocity`."""
    phi = np.deg2rad(phi_deg)
    return v_phi_kms * np.sin(phi) - v_R_kms * np.cos(phi), v_phi_kms * np.cos(phi) + v_R_kms * np.sin(phi)


def observe(position_kpc: Array, velocity_kms: Array, sun: Sun) -> dict[str, Array]:
    """Return the ICRS observables of Galactocentric positions and velocities, the inverse of the conversion.

    Parameters
    ----------
    position_kpc, velocity_kms : array, shape (3, n)
        Cartesian (X, Y, Z) and (v_X, v_Y, v_Z).

    Returns
    -------
    dict
        ra, dec [deg], distance_kpc, pmra, pmdec [mas/yr], radial_velocity [km/s], each of shape (n,).
    """
    to_icrs = galactocentric_rotation(sun).T
    from_sun = to_icrs @ (position_kpc - np.array(sun.position_kpc)[:, None])
    velocity = to_icrs @ (velocity_kms - np.array(sun.v_sun_kms)[:, None])
    distance = np.sqrt(np.sum(from_sun**2, axis=0))
    ra, dec = _angles(from_sun)
    east, north, outward = unit_vectors(ra, dec)
    per_distance = 1.0 / (KMS_PER_KPC_MASYR * distance)
    return {
        "ra": ra,
        "dec": dec,
        "distance_kpc": distance,
        "pmra": np.sum(east * velocity, axis=0) * per_distance,
        "pmdec": np.sum(north * velocity, axis=0) * per_distance,
        "radial_velocity": np.sum(outward * velocity, axis=0),
    }


def galactic_to_icrs_motion(ra_deg: float, dec_deg: float, pm_l: float, pm_b: float) -> tuple[float, float]:
    """Return (pmra, pmdec) of a proper motion along Galactic l (times cos b) and b at one place on the sky [mas/yr]."""
    east, north, outward = (vector[:, 0] for vector in unit_vectors(np.array([ra_deg]), np.array([dec_deg])))
    l_deg, b_deg = _angles((galactic_rotation() @ outward)[:, None])
    along_l, along_b, _ = (galactic_rotation().T @ vector[:, 0] for vector in unit_vectors(l_deg, b_deg))
    motion = pm_l * along_l + pm_b * along_b
    return float(motion @ east), float(motion @ north)


def residual_sgr_a_velocity(sun: Sun, pm_l: float = -6.379, pm_b: float = -0.202, rv_kms: float = -12.9) -> Array:
    """Return the Galactocentric velocity (v_X, v_Y, v_Z) [km/s] that a Sun set gives Sgr A*, which should be at rest.

    The proper motion [mas/yr] is that of Reid & Brunthaler (2004) unless given. `rv_kms` is the line-of-sight
    velocity of Sgr A*; its default is minus the v_X of Drimmel & Poggio (2018), so that their set (astropy's v4.0)
    leaves it at rest. Another set of the same R0 leaves about its own v_sun minus theirs.
    """
    pmra, pmdec = galactic_to_icrs_motion(GALCEN_RA_DEG, GALCEN_DEC_DEG, pm_l, pm_b)
    east, north, outward = unit_vectors(np.array([GALCEN_RA_DEG]), np.array([GALCEN_DEC_DEG]))
    tangential = KMS_PER_KPC_MASYR * sun.R0_kpc * (pmra * east + pmdec * north)
    return (galactocentric_rotation(sun) @ (tangential + rv_kms * outward))[:, 0] + np.array(sun.v_sun_kms)


def khalil_position(X_kpc: Array, Y_kpc: Array) -> tuple[Array, Array]:
    """Return the (x, y) of Khalil et al. (2025): the Sun at positive x, y along rotation; phi is ours."""
    return -X_kpc, Y_kpc


def khalil_velocity(v_X_kms: Array, v_Y_kms: Array) -> tuple[Array, Array]:
    """Return the (v_x, v_y) of Khalil et al. (2025) [km/s]; v_R and v_phi are ours."""
    return -v_X_kms, v_Y_kms


def hawkins_velocity(v_X_kms: Array, v_Y_kms: Array, v_Z_kms: Array) -> tuple[Array, Array, Array]:
    """Return the left-handed (U, V, W) of Hawkins (2023) [km/s], U positive away from the centre at the Sun."""
    return -v_X_kms, v_Y_kms, v_Z_kms


def heliocentric_position(X_kpc: Array, Y_kpc: Array, sun: Sun) -> tuple[Array, Array]:
    """Return (x, y) from the Sun in the plane, along our X (toward the centre) and Y (along rotation) [kpc]."""
    return X_kpc - sun.position_kpc[0], Y_kpc - sun.position_kpc[1]


def akhmetov_velocity(v_R_kms: Array, v_phi_kms: Array) -> tuple[Array, Array]:
    """Return (v_R, v_theta) of Akhmetov et al. (2024) [km/s]: v_theta is negative for the disc's rotation."""
    return v_R_kms, -v_phi_kms
