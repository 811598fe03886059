"""APOGEE DR17: red stars, mostly giants, in circular fields of both hemispheres; the columns of allStar and astroNN."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.simulation.surveys.astrometry import measure_astrometry
from discatlas.simulation.surveys.distances import PARTS
from discatlas.simulation.surveys.extinction import BAND_EXTINCTION
from discatlas.simulation.surveys.footprints import FieldGrid
from discatlas.simulation.surveys.parameters import Parameters, check_order
from discatlas.simulation.surveys.spectra import error_growth, measure, signal_to_noise
from discatlas.simulation.surveys.stars import Limits, Stars, near_infrared, repeat_some, take
from discatlas.simulation.surveys.tables import SurveyTables
from discatlas.simulation.surveys.truth import true_columns

Array = NDArray[np.float64]
STAR_BAD_BIT = 23  # of ASPCAPFLAG
DUPLICATE_BIT = 4  # of EXTRATARG
SNR_KNEE = 70.0
AGAIN = 1.5  # factor on the errors of the spectrum of a duplicate
NORTH_DEC_DEG = -10.0  # fields north of it are observed from the northern site
AK_ERROR_MAG = 0.02
GAIA_LIMIT_MAG = 21.0  # fainter stars, behind much dust, are not in Gaia's catalogue


@dataclass(frozen=True)
class Settings(Parameters):
    """Parameters of the survey beside those of `Parameters`.

    Parameters
    ----------
    h_min_mag, h_limit_mag : float
        Range of the apparent H [mag].
    colour_min_mag : float
        Stars with (J - Ks)_0 of at least this [mag] are observed.
    field_radius_deg, plane_spacing_deg, plane_b_max_deg, halo_spacing_deg : float
        See `footprints.FieldGrid`.
    teff_error_K, logg_error_dex, feh_error_dex : float
        Floors of the standard errors, sqrt(2) times larger at S/N = 70. M_H and ALPHA_M have the error of FE_H.
    visit_velocity_error_kms : float
        Standard error of the velocity of one visit.
    visits_mean : float
        Mean number of visits, of 1 or more.
    distance_error : float
        Relative error of the spectroscopic parallax that is combined with Gaia's to the astroNN distance.
    star_bad_fraction : float
        Fraction of the spectra with STAR_BAD set and no parameters.
    duplicate_fraction : float
        Fraction of the stars with a second row, marked in EXTRATARG.
    """

    h_min_mag: float = 7.0
    h_limit_mag: float = 12.8
    colour_min_mag: float = 0.5
    field_radius_deg: float = 1.5
    plane_spacing_deg: float = 4.0
    plane_b_max_deg: float = 12.0
    halo_spacing_deg: float = 10.0
    teff_error_K: float = 80.0
    logg_error_dex: float = 0.06
    feh_error_dex: float = 0.03
    visit_velocity_error_kms: float = 0.1
    visits_mean: float = 3.0
    distance_error: float = 0.1
    star_bad_fraction: float = 0.02
    duplicate_fraction: float = 0.005

    def __post_init__(self) -> None:
        check_order("h_min_mag", self.h_min_mag, "h_limit_mag", self.h_limit_mag)


def observe(stars: Stars, settings: Settings, rng: np.random.Generator) -> SurveyTables:
    """Return the survey's table of these stars and the truth behind it."""
    magnitudes, _ = near_infrared(stars)
    A_K = BAND_EXTINCTION["Ks"] * stars["A_V"]
    A_K = measure(A_K, np.hypot(AK_ERROR_MAG, 0.1 * A_K), rng)
    reddening = A_K * (BAND_EXTINCTION["J"] - BAND_EXTINCTION["Ks"]) / BAND_EXTINCTION["Ks"]
    grid = FieldGrid(
        settings.field_radius_deg, settings.plane_spacing_deg, settings.plane_b_max_deg, settings.halo_spacing_deg
    )
    field_l, field_b, separation = grid.nearest(stars["l"], stars["b"])
    H, colour = magnitudes["H"], magnitudes["J"] - magnitudes["Ks"] - reddening
    limits = Limits(H.size)
    limits.keep(f"within {settings.field_radius_deg:g} deg of a field's centre", separation < settings.field_radius_deg)
    limits.keep(f"{settings.h_min_mag:g} < H < {settings.h_limit_mag:g} mag", _between(H, settings))
    limits.keep(f"(J - Ks)_0 >= {settings.colour_min_mag:g} mag", colour >= settings.colour_min_mag)
    rows, is_again = repeat_some(int(limits.alive.sum()), settings.duplicate_fraction, rng)
    rows = np.flatnonzero(limits.alive)[rows]
    seen = take(stars, rows)
    gaia = _in_gaia(seen, measure_astrometry(seen, settings))
    raw = {
        **_names(seen, gaia, field_l[rows], field_b[rows]),
        **_photometry(seen, A_K[rows]),
        **_spectra(seen, is_again, settings, rng),
        **_gaia_columns(seen, gaia),
        **_weighted_distance(seen, gaia, settings.distance_error, rng),
    }
    return SurveyTables(raw, true_columns(seen), None, limits.passed)


def _between(H: Array, settings: Settings) -> NDArray[np.bool_]:
    return (settings.h_min_mag < H) & (settings.h_limit_mag > H)


def _names(stars: Stars, gaia: dict[str, Array], field_l: Array, field_b: Array) -> dict[str, NDArray]:
    fields = zip(np.round(field_l).astype(int) % 360, np.round(field_b).astype(int), strict=True)
    return {
        "APOGEE_ID": np.array([two_mass_name(*place) for place in zip(gaia["ra"], gaia["dec"], strict=True)], object),
        "TELESCOPE": np.where(stars["dec"] > NORTH_DEC_DEG, "apo25m", "lco25m").astype(object),
        "FIELD": np.array([f"{l:03d}{b:+03d}" for l, b in fields], object),  # noqa: E741
        "RA": gaia["ra"],
        "DEC": gaia["dec"],
        "GLON": stars["l"],
        "GLAT": stars["b"],
    }


def two_mass_name(ra_deg: float, dec_deg: float) -> str:
    """Return the name of a position as 2MASS gives it, truncated: ``2M`` hhmmssss+ddmmsss.

    >>> two_mass_name(266.4051, -28.936175)
    '2M17453722-2856102'
    """
    hundredths = int(ra_deg / 15 * 360_000) % 8_640_000
    tenths = int(abs(dec_deg) * 36_000)
    hours, minutes, seconds = hundredths // 360_000, hundredths // 6_000 % 60, hundredths % 6_000
    degrees, arcmin, arcsec = tenths // 36_000, tenths // 600 % 60, tenths % 600
    sign = "-" if dec_deg < 0 else "+"
    return f"2M{hours:02d}{minutes:02d}{seconds:04d}{sign}{degrees:02d}{arcmin:02d}{arcsec:03d}"


def _photometry(stars: Stars, A_K: Array) -> dict[str, Array]:
    magnitudes, errors = near_infrared(stars)
    names = {"J": "J", "H": "H", "K": "Ks"}
    columns = {name: magnitudes[band] for name, band in names.items()}
    return columns | {f"{name}_ERR": errors[band] for name, band in names.items()} | {"AK_TARG": A_K}


def alpha_enhancement(stars: Stars) -> Array:
    """Return the simulated [alpha/M] [dex]: high in the thick disc, low elsewhere, both falling with [Fe/H]."""
    is_thick = stars["population"] == "thick"
    return np.where(is_thick, 0.2 - 0.1 * stars["feh_dex"], 0.02 - 0.1 * stars["feh_dex"])


def _spectra(
    stars: Stars, is_again: NDArray[np.bool_], settings: Settings, rng: np.random.Generator
) -> dict[str, NDArray]:
    """Return parameters, velocities and flags; a star listed again has a second spectrum with larger errors."""
    n_rows, factor = is_again.size, np.where(is_again, AGAIN, 1.0)
    n_visits = 1 + rng.poisson(settings.visits_mean - 1, n_rows)
    snr = signal_to_noise(stars["H"], 12.2, 60.0, 0.1, rng) * np.sqrt(n_visits)
    growth = error_growth(snr, SNR_KNEE) * factor
    is_bad = rng.random(n_rows) < settings.star_bad_fraction
    result: dict[str, NDArray] = {}
    for name, error_name, truth, floor in (
        ("TEFF", "TEFF_ERR", stars["teff_K"], settings.teff_error_K),
        ("LOGG", "LOGG_ERR", stars["logg_dex"], settings.logg_error_dex),
        ("FE_H", "FE_H_ERR", stars["feh_dex"], settings.feh_error_dex),
        ("M_H", "M_H_ERR", stars["feh_dex"], settings.feh_error_dex),
        ("ALPHA_M", "ALPHA_M_ERR", alpha_enhancement(stars), settings.feh_error_dex),
    ):
        error = np.where(is_bad, np.nan, floor * growth)
        result |= {name: measure(truth, error, rng), error_name: error}
    error = settings.visit_velocity_error_kms * factor / np.sqrt(n_visits)
    return result | {
        "VHELIO_AVG": measure(stars["radial_velocity"], error, rng),
        "VERR": error,
        "VSCATTER": error * np.sqrt(n_visits) * _scatter_of_visits(n_visits, rng),
        "NVISITS": n_visits,
        "SNR": snr,
        "ASPCAPFLAG": np.where(is_bad, 1 << STAR_BAD_BIT, 0),
        "STARFLAG": np.zeros(n_rows, dtype=np.int64),
        "EXTRATARG": np.where(is_again, 1 << DUPLICATE_BIT, 0),
    }


def _scatter_of_visits(n_visits: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Draw the standard deviation of so many unit normals, which is independent of their mean; 0 for one."""
    freedom = np.maximum(n_visits - 1, 1)
    return np.where(n_visits > 1, np.sqrt(rng.chisquare(freedom) / freedom), 0.0)


def _in_gaia(stars: Stars, gaia: dict[str, Array]) -> dict[str, Array]:
    """Return Gaia's measurements, missing for stars that are too faint for it; 2MASS knows where those are."""
    is_seen = stars["G"] < GAIA_LIMIT_MAG
    columns = {name: np.where(is_seen, values, np.nan) for name, values in gaia.items()}
    columns |= {f"phot_{band}": np.where(is_seen, stars[band], np.nan) for band in ("G", "BP", "RP")}
    return columns | {name: np.where(is_seen, gaia[name], stars[name]) for name in ("ra", "dec")}


def _gaia_columns(stars: Stars, gaia: dict[str, Array]) -> dict[str, NDArray]:
    columns = {"GAIAEDR3_SOURCE_ID": stars["particle"]}
    for name in ("parallax", "pmra", "pmdec"):
        columns |= {f"GAIAEDR3_{name.upper()}{end.upper()}": gaia[f"{name}{end}"] for end in ("", "_error")}
    columns |= {f"GAIAEDR3_PHOT_{band}_MEAN_MAG": gaia[f"phot_{band}"] for band in ("G", "BP", "RP")}
    for kind in ("geo", "photogeo"):
        columns |= {f"GAIAEDR3_R_{part}_{kind}".upper(): gaia[f"r_{part}_{kind}"] for part in PARTS}
    return columns


def _weighted_distance(
    stars: Stars, gaia: dict[str, Array], distance_error: float, rng: np.random.Generator
) -> dict[str, Array]:
    """Return the distance from the mean of Gaia's and a spectroscopic parallax, weighted by their errors [pc]."""
    true = 1.0 / stars["distance_kpc"]
    error = distance_error * true
    weight, gaia_weight = error**-2, np.nan_to_num(gaia["parallax_error"] ** -2)
    spectroscopic = measure(true, error, rng)
    parallax = (spectroscopic * weight + np.nan_to_num(gaia["parallax"]) * gaia_weight) / (weight + gaia_weight)
    parallax = np.where(parallax > 0, parallax, np.nan)
    distance = 1.0 / parallax
    error = distance**2 / np.sqrt(weight + gaia_weight)
    return {"weighted_dist": 1000.0 * distance, "weighted_dist_error": 1000.0 * error}
