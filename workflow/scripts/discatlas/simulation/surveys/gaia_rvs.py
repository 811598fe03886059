"""Gaia's Radial Velocity Spectrometer: all sky, limited in G_RVS, with the archive's own column names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pygaia.errors.spectroscopic import radial_velocity_uncertainty
from pygaia.photometry.transformations import grvs_from_gmingrp

from discatlas.astrometry import zero_point_mas
from discatlas.simulation.surveys.astrometry import RELEASE, measure_astrometry
from discatlas.simulation.surveys.extinction import BAND_EXTINCTION
from discatlas.simulation.surveys.parameters import Parameters
from discatlas.simulation.surveys.spectra import error_growth, measure
from discatlas.simulation.surveys.stars import Limits, Stars, repeat_some, take
from discatlas.simulation.surveys.tables import SurveyTables
from discatlas.simulation.surveys.truth import true_columns
from discatlas.velocities import cool_star_velocity, hot_star_velocity, velocity_error

Array = NDArray[np.float64]
TEMPLATES_K = (3100.0, 14500.0)  # of the radial velocities of DR3 (Katz et al. 2023, A&A 674, A5)
TEMPLATE_STEP_K = 250.0
HOT_TEMPLATE_K = 7000.0  # from here on DR3 has velocities only of bright stars (Blomme et al. 2023, A&A 674, A7)
GSPSPEC_TEFF_K = (3500.0, 8000.0)
AGAIN = 1.5  # factor on the errors of a star listed again
A_G_ERROR_MAG = 0.06


@dataclass(frozen=True)
class Settings(Parameters):
    """Parameters of the survey beside those of `Parameters`.

    Parameters
    ----------
    grvs_limit_mag, hot_limit_mag : float
        Stars brighter than this in G_RVS are listed; those hotter than 7000 K have velocities down to the second.
    gspspec_limit_mag, gspspec_logg_max_dex : float
        Giants with lower gravity, brighter than this in G_RVS, have GSP-Spec parameters.
    teff_error_K, logg_error_dex, mh_error_dex : float
        Floors of the standard errors of GSP-Spec, sqrt(2) times larger at G_RVS = 11.5.
    duplicate_fraction : float
        Fraction of the stars that are listed twice, the second time with errors half as large again.
    systematics : bool
        Add the published systematic errors: parallax zero point, velocities of hot and of cool stars, velocity errors
        stated too small. The corrections of `velocities` undo them.
    """

    grvs_limit_mag: float = 14.0
    hot_limit_mag: float = 12.0
    gspspec_limit_mag: float = 12.5
    gspspec_logg_max_dex: float = 3.5
    teff_error_K: float = 80.0
    logg_error_dex: float = 0.15
    mh_error_dex: float = 0.08
    duplicate_fraction: float = 0.005
    systematics: bool = False


def observe(stars: Stars, settings: Settings, rng: np.random.Generator) -> SurveyTables:
    """Return the survey's table of these stars and the truth behind it; a repeated star keeps its spectra."""
    grvs = grvs_magnitude(stars["G"], stars["RP"])
    limits = Limits(grvs.size)
    limits.keep(f"G_RVS < {settings.grvs_limit_mag:g} mag", grvs < settings.grvs_limit_mag)
    seen, grvs = take(stars, limits.alive), grvs[limits.alive]
    spectra = {"grvs_mag": grvs} | _velocities(seen, grvs, settings, rng) | _gspspec(seen, grvs, settings, rng)
    spectra |= _extinction(seen, rng)
    rows, is_again = repeat_some(grvs.size, settings.duplicate_fraction, rng)
    seen, spectra = take(seen, rows), take(spectra, rows)
    again = rng.standard_normal((int(is_again.sum()), 5))
    seen["z_astrometry"] = np.concatenate([seen["z_astrometry"][~is_again], again])
    astrometry = measure_astrometry(seen, settings, np.where(is_again, AGAIN, 1.0))
    raw = {
        "source_id": seen["particle"],
        "random_index": scramble(seen["particle"]),
        **astrometry,
        "l": seen["l"],
        "b": seen["b"],
        "phot_g_mean_mag": seen["G"],
        "phot_bp_mean_mag": seen["BP"],
        "phot_rp_mean_mag": seen["RP"],
        **spectra,
    }
    if settings.systematics:
        raw |= systematic_errors(raw)
    return SurveyTables(raw, true_columns(seen), None, limits.passed)


def grvs_magnitude(G: Array, RP: Array) -> Array:
    """Return G_RVS from G and RP by Sartoretti et al. (2023, A&A 674, A6), at the ends of their colours beyond them."""
    return RP + grvs_from_gmingrp(np.clip(G - RP, -0.15, 1.7))


def scramble(particle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a non-negative number for each particle, in no order (the finaliser of splitmix64)."""
    x = particle.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


def _velocities(stars: Stars, grvs: Array, settings: Settings, rng: np.random.Generator) -> dict[str, Array]:
    """Velocities with PyGaia's errors of DR3; missing where DR3 has none."""
    teff = stars["teff_K"]
    template = np.clip(np.round(teff / TEMPLATE_STEP_K) * TEMPLATE_STEP_K, *TEMPLATES_K)
    error = radial_velocity_uncertainty(grvs, *_nearest_class(template, stars["logg_dex"]), release=RELEASE)
    has_velocity = (teff >= TEMPLATES_K[0]) & (teff <= TEMPLATES_K[1]) & np.isfinite(error)
    has_velocity &= (template < HOT_TEMPLATE_K) | (grvs < settings.hot_limit_mag)
    return {
        "radial_velocity": np.where(has_velocity, measure(stars["radial_velocity"], error, rng), np.nan),
        "radial_velocity_error": np.where(has_velocity, error, np.nan),
        "rv_template_teff": np.where(has_velocity, template, np.nan),
    }


def _nearest_class(teff: Array, logg: Array) -> tuple[Array, Array]:
    """Return temperatures and gravities moved into the nearest class of star that PyGaia's model covers."""
    logg = np.where(teff > 5500.0, np.clip(logg, 3.5, 5.0), np.clip(logg, -0.5, 5.0))
    bins = [logg < 1.0, logg < 2.0, logg < 3.0, logg < 4.0]
    low = np.select(bins, [3000.0, 3500.0, 4000.0, 4500.0], 3000.0)
    high = np.select(bins[:3], [4750.0, 5250.0, 5500.0], TEMPLATES_K[1])
    return np.clip(teff, low, high), logg


def _gspspec(stars: Stars, grvs: Array, settings: Settings, rng: np.random.Generator) -> dict[str, NDArray]:
    """GSP-Spec parameters of bright giants, with 16th and 84th percentiles; missing for all others.

    The ``_error`` columns are half of upper - lower, as a query would compute them: the archive has no such columns.
    """
    teff, logg = stars["teff_K"], stars["logg_dex"]
    has = (grvs < settings.gspspec_limit_mag) & (logg < settings.gspspec_logg_max_dex)
    has &= (teff > GSPSPEC_TEFF_K[0]) & (teff < GSPSPEC_TEFF_K[1])
    growth = error_growth(10 ** (-0.2 * (grvs - 11.5)), 1.0)
    result: dict[str, NDArray] = {}
    for name, truth, floor in (
        ("teff", teff, settings.teff_error_K),
        ("logg", logg, settings.logg_error_dex),
        ("mh", stars["feh_dex"], settings.mh_error_dex),
    ):
        error = np.where(has, floor * growth, np.nan)
        value = measure(truth, error, rng)
        result |= {f"{name}_gspspec": value, f"{name}_gspspec_error": error}
        result |= {f"{name}_gspspec_lower": value - error, f"{name}_gspspec_upper": value + error}
    noise = np.select([grvs < 10.5, grvs < 11.5], ["0", "1"], "2")  # the seventh flag tells the noise of the spectrum
    flags = np.char.add(np.char.add("0" * 6, noise), "0" * 34).astype(object)
    flags[~has] = None
    return result | {"flags_gspspec": flags}


def _extinction(stars: Stars, rng: np.random.Generator) -> dict[str, Array]:
    """A_G as of GSP-Phot, which allows no negative value where this one does, with its percentiles [mag]."""
    A_G = BAND_EXTINCTION["G"] * stars["A_V"]
    error = np.hypot(A_G_ERROR_MAG, 0.1 * A_G)
    value = measure(A_G, error, rng)
    return {"ag_gspphot": value, "ag_gspphot_lower": value - error, "ag_gspphot_upper": value + error}


def systematic_errors(raw: dict[str, NDArray]) -> dict[str, Array]:
    """Return parallax, velocity and velocity error with the systematic errors that the published corrections undo.

    No zero point is added where it is not defined. The distances r_* are left as they are: they are made from corrected
    parallaxes.
    """
    at_rest = {
        "grvs_mag": raw["grvs_mag"],
        "rv_template_teff": raw["rv_template_teff"],
        "radial_velocity": np.zeros_like(raw["radial_velocity"]),
    }
    offset = hot_star_velocity(at_rest)["radial_velocity"] + cool_star_velocity(at_rest)["radial_velocity"]
    unit = {"grvs_mag": raw["grvs_mag"], "radial_velocity_error": np.ones_like(raw["radial_velocity"])}
    return {
        "parallax": raw["parallax"] + np.nan_to_num(zero_point_mas(raw)),
        "radial_velocity": raw["radial_velocity"] - offset,
        "radial_velocity_error": raw["radial_velocity_error"] / velocity_error(unit)["radial_velocity_error"],
    }
