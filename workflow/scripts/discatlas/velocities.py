"""Published corrections of catalogue columns, as declared steps: each is named, has a source, and is counted.

Radial velocities and magnitudes are Gaia DR3's, but for `radio_lsr_velocity`. In the formulas g = grvs_mag,
T = rv_template_teff, v = radial_velocity. The domains of `hot_star_velocity` and `cool_star_velocity` are disjoint: at
most one acts on a star. A star outside a correction's domain, or whose g or T is missing, is outside its published range
and stays as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from astropy import units
from astropy.coordinates import FK4, ICRS
from numpy.typing import NDArray

from discatlas.astrometry import ZERO_POINT_COLUMNS, parallax_zero_point
from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import unit_vectors

Array = NDArray[np.float64]
Columns = Mapping[str, Array]


def hot_star_velocity(columns: Columns) -> dict[str, Array]:
    """Return v - (7.98 - 1.135 g) [km/s] for 8500 <= T <= 14500 K and 6 <= g <= 12."""
    g, T, v = (np.asarray(columns[name], float) for name in ("grvs_mag", "rv_template_teff", "radial_velocity"))
    acts = (T >= 8500) & (T <= 14500) & (g >= 6) & (g <= 12)
    return {"radial_velocity": np.where(acts, v - (7.98 - 1.135 * g), v)}


def cool_star_velocity(columns: Columns) -> dict[str, Array]:
    """Return v - (0.02755 g^2 - 0.55863 g + 2.81129) [km/s] for T < 8500 K and g >= 11."""
    g, T, v = (np.asarray(columns[name], float) for name in ("grvs_mag", "rv_template_teff", "radial_velocity"))
    acts = (T < 8500) & (g >= 11)
    return {"radial_velocity": np.where(acts, v - (0.02755 * g**2 - 0.55863 * g + 2.81129), v)}


def velocity_error(columns: Columns) -> dict[str, Array]:
    """Return the standard error of v times f [km/s].

    f = 0.318 + 0.3884 g - 0.02778 g^2 for 8 < g <= 12, 16.554 - 2.4899 g + 0.09933 g^2 for g > 12, else 1. As
    published it jumps from 1 to 1.647 at g = 8 and is 0.979 at g = 12.
    """
    g, error = np.asarray(columns["grvs_mag"], float), np.asarray(columns["radial_velocity_error"], float)
    bright, faint = 0.318 + 0.3884 * g - 0.02778 * g**2, 16.554 - 2.4899 * g + 0.09933 * g**2
    return {"radial_velocity_error": error * np.where(g > 12, faint, np.where(g > 8, bright, 1.0))}


def spurious_velocity(columns: Columns) -> dict[str, Array]:
    """Return v [km/s], missing where grvs_mag - phot_g_mean_mag < -3 (874 sources of Gaia DR3)."""
    v = np.asarray(columns["radial_velocity"], float)
    is_spurious = np.asarray(columns["grvs_mag"], float) - np.asarray(columns["phot_g_mean_mag"], float) < -3.0
    return {"radial_velocity": np.where(is_spurious, np.nan, v)}


@cache
def radio_solar_motion() -> tuple[float, float, float]:
    """Return the motion of the Sun that defines the radio LSR, along ICRS axes [km/s].

    20 km/s toward right ascension 18 h, declination +30 deg of equinox 1900 (Gordon 1975), which is (U, V, W) = (10.3,
    15.3, 7.7) km/s in Galactic axes (Reid et al. 2009, ApJ 700, 137). It is a convention of observatories: the true
    motion of the Sun is another.
    """
    apex = FK4(ra=270 * units.deg, dec=30 * units.deg, equinox="B1900").transform_to(ICRS())
    x, y, z = 20.0 * apex.cartesian.xyz.value
    return float(x), float(y), float(z)


def radio_lsr_velocity(columns: Columns) -> dict[str, Array]:
    """Return v - V.n [km/s]: a velocity relative to the radio LSR made barycentric.

    V is the motion of `radio_solar_motion`, n the direction of the star. Every star that has a velocity is corrected.
    """
    outward = unit_vectors(np.asarray(columns["ra"], float), np.asarray(columns["dec"], float))[2]
    return {"radial_velocity": np.asarray(columns["radial_velocity"], float) - np.array(radio_solar_motion()) @ outward}


@dataclass(frozen=True)
class Correction:
    """One correction: its function of the columns, the columns that it reads, and where it is from."""

    function: Callable[[Columns], dict[str, Array]]
    columns: tuple[str, ...]
    source: str


CORRECTIONS = {
    "parallax_zero_point": Correction(
        parallax_zero_point, ("parallax", *ZERO_POINT_COLUMNS), "Lindegren et al. 2021, A&A 649, A4"
    ),
    "hot_star_velocity": Correction(
        hot_star_velocity, ("radial_velocity", "grvs_mag", "rv_template_teff"), "Blomme et al. 2023, A&A 674, A7"
    ),
    "cool_star_velocity": Correction(
        cool_star_velocity, ("radial_velocity", "grvs_mag", "rv_template_teff"), "Katz et al. 2023, A&A 674, A5"
    ),
    "velocity_error": Correction(
        velocity_error, ("radial_velocity_error", "grvs_mag"), "Babusiaux et al. 2023, A&A 674, A32"
    ),
    "spurious_velocity": Correction(
        spurious_velocity,
        ("radial_velocity", "grvs_mag", "phot_g_mean_mag"),
        "as in Brown's milkyway-rotation-curve code",
    ),
    "radio_lsr_velocity": Correction(
        radio_lsr_velocity, ("radial_velocity", "ra", "dec"), "Gordon 1975; Reid et al. 2009, ApJ 700, 137"
    ),
}


def check_corrections(names: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the columns that the named corrections read.

    Raises
    ------
    DiscatlasError
        For an unknown correction, one named twice, or a column that is not present, with the nearest name.
    """
    for name in names:
        if name not in CORRECTIONS:
            raise DiscatlasError(
                f"correction {name!r} is unknown{nearest(name, CORRECTIONS)}; expected some of {', '.join(CORRECTIONS)}"
            )
        if list(names).count(name) > 1:
            raise DiscatlasError(f"correction {name!r} is listed twice; each may act once")
        for column in CORRECTIONS[name].columns:
            if column not in present:
                raise DiscatlasError(
                    f"correction {name!r} needs column {column!r}, which the catalogue lacks{nearest(column, present)}"
                )
    return list(dict.fromkeys(column for name in names for column in CORRECTIONS[name].columns))


def apply_corrections(columns: Columns, names: Sequence[str]) -> tuple[dict[str, Array], dict[str, int]]:
    """Apply the named corrections in the order given.

    Returns
    -------
    columns : dict
        All columns, the corrected ones replaced by new arrays.
    counts : dict of int
        For each name the number of values changed; and under ``{name}_set_missing``, where there are any, the number of
        those that it had to set missing (the zero point where it is not defined, the spurious velocities).
    """
    check_corrections(names, list(columns))
    corrected, counts = dict(columns), {}
    for name in names:
        changed, missing = 0, 0
        for column, after in CORRECTIONS[name].function(corrected).items():
            before = np.asarray(corrected[column], float)
            is_new_missing = np.isnan(after) & ~np.isnan(before)
            missing += int(is_new_missing.sum())
            changed += int((is_new_missing | ((after != before) & ~np.isnan(after))).sum())
            corrected[column] = after
        counts[name] = changed
        if missing:
            counts[f"{name}_set_missing"] = missing
    return corrected, counts
