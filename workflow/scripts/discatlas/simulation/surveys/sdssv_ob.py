"""OB stars of SDSS-V (Milky Way Mapper): hot luminous stars over the whole sky, several epochs, many binaries.

The star table has the columns of Astra's BossNet file; ``ruwe`` comes from a cross-match with Gaia. The visit table has
the velocities of both pipelines at every epoch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.simulation.surveys.astrometry import measure_astrometry
from discatlas.simulation.surveys.binaries import draw_orbits, orbital_velocity
from discatlas.simulation.surveys.distances import PARTS
from discatlas.simulation.surveys.extinction import R_V
from discatlas.simulation.surveys.parameters import Parameters, check_order
from discatlas.simulation.surveys.spectra import error_growth, measure, signal_to_noise
from discatlas.simulation.surveys.stars import Limits, Stars, near_infrared, take
from discatlas.simulation.surveys.tables import SurveyTables
from discatlas.simulation.surveys.truth import true_columns

Array = NDArray[np.float64]
FIRST_SDSS_ID = 50_000_000
NORTH_DEC_DEG = -10.0
SNR_KNEE = 30.0
RXC_TRUSTED = 6.0  # cross-correlations below it may give any velocity
UNTRUSTED_LIMIT_KMS = 1000.0
NO_RESULT_BIT = 0  # of result_flags
EBV_ERROR_MAG = 0.02


@dataclass(frozen=True)
class Settings(Parameters):
    """Parameters of the survey beside those of `Parameters`.

    Parameters
    ----------
    g_limit_mag : float
        Faint limit in apparent G [mag].
    m_ks_limit_mag : float
        Stars brighter than this in Ks + 5 log10(parallax / 100 mas) are targets [mag].
    teff_max_K : float
        Stars whose true temperature is higher (Wolf-Rayet stars) have spectra that the pipelines do not model, and are left out.
    teff_error, logg_error_dex, feh_error_dex : float
        Floors of the standard errors of BossNet (of Teff: relative), sqrt(2) times larger at S/N = 30. Those of XCSAO
        are twice as large.
    snr_at_g13 : float
        Median S/N of a visit at G = 13.
    xcsao_error_kms, bossnet_error_kms : float
        Floors of the standard errors of a visit's velocity, likewise.
    rxc_median : float
        Median strength of the cross-correlation at high S/N; values below 6 may go with any velocity.
    visits_mean : float
        Mean number of visits, of 1 or more.
    mjd_start, mjd_end : float
        The visits are spread evenly between these [d].
    binary_fraction : float
        Fraction of the stars that are primaries of binaries (see `binaries`).
    bad_result_fraction : float
        Fraction of the stars without parameters, marked in flag_bad.
    """

    g_limit_mag: float = 16.0
    m_ks_limit_mag: float = -0.61
    teff_max_K: float = 60000.0
    teff_error: float = 0.04
    logg_error_dex: float = 0.15
    feh_error_dex: float = 0.2
    snr_at_g13: float = 80.0
    xcsao_error_kms: float = 10.0
    bossnet_error_kms: float = 13.0
    rxc_median: float = 14.0
    visits_mean: float = 3.0
    mjd_start: float = 59200.0
    mjd_end: float = 60300.0
    binary_fraction: float = 0.5
    bad_result_fraction: float = 0.01

    def __post_init__(self) -> None:
        check_order("mjd_start", self.mjd_start, "mjd_end", self.mjd_end)


def observe(stars: Stars, settings: Settings, rng: np.random.Generator) -> SurveyTables:
    """Return the star table, the truth behind it, and the visits."""
    magnitudes, errors = near_infrared(stars)
    limits = Limits(stars["G"].size)
    limits.keep(f"G < {settings.g_limit_mag:g} mag", stars["G"] < settings.g_limit_mag)
    limits.keep("colours of hot stars", is_hot_colour(stars["G"], magnitudes))
    limits.keep(f"Teff < {settings.teff_max_K:g} K", stars["teff_K"] < settings.teff_max_K)
    coloured = limits.alive.copy()
    gaia = measure_astrometry(take(stars, coloured), settings)
    # in the cut's own form, which keeps parallaxes that are not positive
    is_luminous = coloured.copy()
    faintest = 10 ** ((10 - magnitudes["Ks"][coloured] + settings.m_ks_limit_mag) / 5)
    is_luminous[coloured] = gaia["parallax"] < faintest
    sign = "-" if settings.m_ks_limit_mag < 0 else "+"
    limits.keep(f"parallax < 10^((10 - Ks {sign} {abs(settings.m_ks_limit_mag):g}) / 5)", is_luminous)
    gaia = take(gaia, is_luminous[coloured])
    seen, magnitudes, errors = (take(columns, limits.alive) for columns in (stars, magnitudes, errors))
    orbits = draw_orbits(seen["mass_msun"], settings.binary_fraction, rng)
    visits = _visits(seen, orbits, settings, rng)
    star = visits.pop("star")
    raw = {
        **_names(seen, gaia),
        **_photometry(seen, magnitudes, errors, rng),
        **{f"r_{part}_{kind}": gaia[f"r_{part}_{kind}"] for kind in ("geo", "photogeo") for part in PARTS},
        **average_visits(visits, star, seen["particle"].size),
        **_parameters(seen, visits, star, settings, rng),
    }
    ids = {name: raw[name][star] for name in ("sdss_id", "gaia_dr3_source_id", "telescope")}
    return SurveyTables(raw, true_columns(seen, orbits), ids | visits, limits.passed)


def is_hot_colour(G: Array, magnitudes: dict[str, Array]) -> NDArray[np.bool_]:
    """Tell which stars have the colours of OB and A stars: the photometric cuts of carton mwm_ob but for parallax and G."""
    J, H, Ks = magnitudes["J"], magnitudes["H"], magnitudes["Ks"]
    colour = G - Ks
    long, short = J - Ks - 0.25 * colour, J - H - 0.15 * colour
    is_on_sequence = (long > -0.30) & (long < 0.10) & (short > -0.15) & (short < 0.05)
    return is_on_sequence & (J - Ks - 0.23 * colour < 0.03) & (G - 2 * colour > 3.0)


def _names(stars: Stars, gaia: dict[str, Array]) -> dict[str, NDArray]:
    astrometry = {
        "plx": "parallax",
        "e_plx": "parallax_error",
        "pmra": "pmra",
        "e_pmra": "pmra_error",
        "pmde": "pmdec",
        "e_pmde": "pmdec_error",
    }
    return {
        "sdss_id": FIRST_SDSS_ID + stars["particle"],
        "gaia_dr3_source_id": stars["particle"],
        "telescope": np.where(stars["dec"] > NORTH_DEC_DEG, "apo25m", "lco25m").astype(object),
        "ra": gaia["ra"],
        "dec": gaia["dec"],
        "l": stars["l"],
        "b": stars["b"],
        **{name: gaia[column] for name, column in astrometry.items()},
        "ruwe": gaia["ruwe"],
    }


def _photometry(
    stars: Stars, magnitudes: dict[str, Array], errors: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    columns = {"g_mag": stars["G"], "bp_mag": stars["BP"], "rp_mag": stars["RP"]}
    for name, band in (("j", "J"), ("h", "H"), ("k", "Ks")):
        columns |= {f"{name}_mag": magnitudes[band], f"e_{name}_mag": errors[band]}
    ebv = stars["A_V"] / R_V
    error = np.hypot(EBV_ERROR_MAG, 0.1 * ebv)
    return columns | {"ebv": measure(ebv, error, rng), "e_ebv": error}


def _visits(stars: Stars, orbits: dict[str, NDArray], settings: Settings, rng: np.random.Generator) -> dict[str, Array]:
    """Draw the visits in order of star and time; ``star`` is the row number of the star."""
    n_stars = stars["particle"].size
    star = np.repeat(np.arange(n_stars), 1 + rng.poisson(settings.visits_mean - 1, n_stars))
    mjd = rng.uniform(settings.mjd_start, settings.mjd_end, star.size)
    mjd = mjd[np.lexsort((mjd, star))]
    snr = signal_to_noise(stars["G"][star], 13.0, settings.snr_at_g13, 0.12, rng)
    truth = stars["radial_velocity"][star] + orbital_velocity(take(orbits, star), mjd)
    growth = error_growth(snr, SNR_KNEE)
    xcsao_error, bossnet_error = settings.xcsao_error_kms * growth, settings.bossnet_error_kms * growth
    xcsao, bossnet = measure(truth, xcsao_error, rng), measure(truth, bossnet_error, rng)
    rxc = settings.rxc_median / growth * rng.lognormal(0.0, 0.4, star.size)
    is_wild = (rxc < RXC_TRUSTED) & (rng.random(star.size) < 0.5)
    wild = rng.uniform(-UNTRUSTED_LIMIT_KMS, UNTRUSTED_LIMIT_KMS, star.size)
    return {
        "star": star,
        "mjd": mjd,
        "snr": snr,
        "xcsao_v_rad": np.where(is_wild, wild, xcsao),
        "xcsao_e_v_rad": xcsao_error,
        "xcsao_rxc": rxc,
        "v_rad": bossnet,
        "e_v_rad": bossnet_error,
    }


def average_visits(visits: dict[str, Array], star: NDArray[np.int64], n_stars: int) -> dict[str, NDArray]:
    """Return the velocities of the stars from those of their visits: of XCSAO where its rxc exceeds 6, else of BossNet.

    v_rad is the plain mean, e_v_rad its standard error from those of the visits, std_v_rad the standard deviation of
    the visits (N - 1 in the denominator; missing for one visit).
    """
    is_xcsao = visits["xcsao_rxc"] > RXC_TRUSTED
    v = np.where(is_xcsao, visits["xcsao_v_rad"], visits["v_rad"])
    error = np.where(is_xcsao, visits["xcsao_e_v_rad"], visits["e_v_rad"])
    n = np.bincount(star, minlength=n_stars)
    mean = np.bincount(star, v, n_stars) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        scatter = np.sqrt(np.bincount(star, (v - mean[star]) ** 2, n_stars) / (n - 1))
    first = np.concatenate([[0], np.cumsum(n)[:-1]]).astype(np.int64)
    ordered = error[np.lexsort((error, star))]
    return {
        "n_good_visits": n,
        "n_good_rvs": n,
        "v_rad": mean,
        "e_v_rad": np.sqrt(np.bincount(star, error**2, n_stars)) / n,
        "std_v_rad": np.where(n > 1, scatter, np.nan),
        "median_e_v_rad": 0.5 * (ordered[first + (n - 1) // 2] + ordered[first + n // 2]),
        "xcsao_meanrxc": np.bincount(star, visits["xcsao_rxc"], n_stars) / n,
        "snr": np.sqrt(np.bincount(star, visits["snr"] ** 2, n_stars)),
    }


def _parameters(
    stars: Stars, visits: dict[str, Array], star: NDArray[np.int64], settings: Settings, rng: np.random.Generator
) -> dict[str, NDArray]:
    n_stars = stars["particle"].size
    growth = error_growth(np.sqrt(np.bincount(star, visits["snr"] ** 2, n_stars)), SNR_KNEE)
    is_bad = rng.random(n_stars) < settings.bad_result_fraction
    result: dict[str, NDArray] = {}
    for name, truth, floor in (
        ("teff", stars["teff_K"], settings.teff_error * stars["teff_K"]),
        ("logg", stars["logg_dex"], settings.logg_error_dex),
        ("fe_h", stars["feh_dex"], settings.feh_error_dex),
    ):
        error = 2 * floor * growth
        result |= {f"xcsao_{name}": measure(truth, error, rng), f"xcsao_e_{name}": error}
        error = np.where(is_bad, np.nan, floor * growth)
        result |= {name: measure(truth, error, rng), f"e_{name}": error}
    result["result_flags"] = np.where(is_bad, 1 << NO_RESULT_BIT, 0)
    return result | {"zwarning_flags": np.zeros(n_stars, dtype=np.int64), "flag_bad": is_bad}
