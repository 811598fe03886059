"""Hot stars of LAMOST: the northern sky, Teff above 7500 K, the columns of HotPayne and a cross-match with Gaia.

Confirmed names are SpecID, Teff, e_Teff, logg, e_logg, [Fe/H], e_[Fe/H]; vsini, chi2ratio, snr, RV are from memory, and
RA, DEC and e_RV are assumed, all in the spelling of the file (Xiang et al. 2022, A&A 662, A66). The columns of Gaia
stand under the archive's names, as a cross-match adds them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.simulation.surveys.astrometry import measure_astrometry
from discatlas.simulation.surveys.parameters import Parameters, check_order
from discatlas.simulation.surveys.spectra import error_growth, measure, signal_to_noise
from discatlas.simulation.surveys.stars import Limits, Stars, take
from discatlas.simulation.surveys.tables import SurveyTables
from discatlas.simulation.surveys.truth import true_columns

Array = NDArray[np.float64]
SNR_KNEE = 30.0
MISFIT_FACTOR = 4.0  # on the errors of a spectrum that the model does not fit
MISFIT_CHI2_RATIO = 10.0
VSINI_KMS = 90.0  # of the Maxwell distribution of v sin i


@dataclass(frozen=True)
class Settings(Parameters):
    """Parameters of the survey beside those of `Parameters`.

    Parameters
    ----------
    dec_min_deg : float
        Stars north of this declination are observed.
    g_min_mag, g_limit_mag : float
        Range of the apparent G [mag].
    teff_min_K, teff_max_K : float
        Stars whose true temperature lies between are in the catalogue; hotter ones (Wolf-Rayet stars, nuclei of planetary
        nebulae) have no model spectrum.
    teff_error, logg_error_dex, feh_error_dex, velocity_error_kms : float
        Floors of the standard errors (of Teff: relative), sqrt(2) times larger at S/N = 30.
    snr_at_g15 : float
        Median S/N at G = 15.
    misfit_fraction : float
        Fraction of the spectra with chi2ratio above 10 and errors four times as large.
    """

    dec_min_deg: float = -10.0
    g_min_mag: float = 9.0
    g_limit_mag: float = 17.8
    teff_min_K: float = 7500.0
    teff_max_K: float = 60000.0
    teff_error: float = 0.02
    logg_error_dex: float = 0.1
    feh_error_dex: float = 0.1
    velocity_error_kms: float = 5.0
    snr_at_g15: float = 40.0
    misfit_fraction: float = 0.02

    def __post_init__(self) -> None:
        check_order("g_min_mag", self.g_min_mag, "g_limit_mag", self.g_limit_mag)
        check_order("teff_min_K", self.teff_min_K, "teff_max_K", self.teff_max_K)


def observe(stars: Stars, settings: Settings, rng: np.random.Generator) -> SurveyTables:
    """Return the survey's table of these stars and the truth behind it."""
    G = stars["G"]
    limits = Limits(G.size)
    has_model = (settings.teff_min_K < stars["teff_K"]) & (stars["teff_K"] < settings.teff_max_K)
    limits.keep(f"{settings.teff_min_K:g} < Teff < {settings.teff_max_K:g} K", has_model)
    limits.keep(f"dec > {settings.dec_min_deg:g} deg", stars["dec"] > settings.dec_min_deg)
    between = (settings.g_min_mag < G) & (settings.g_limit_mag > G)
    limits.keep(f"{settings.g_min_mag:g} < G < {settings.g_limit_mag:g} mag", between)
    seen = take(stars, limits.alive)
    gaia = measure_astrometry(seen, settings)
    raw = {
        "SpecID": np.array([spectrum_name(number) for number in seen["particle"].tolist()], object),
        "RA": gaia.pop("ra"),
        "DEC": gaia.pop("dec"),
        **_spectra(seen, settings, rng),
        "source_id": seen["particle"],
        **gaia,
        "phot_g_mean_mag": seen["G"],
        "phot_bp_mean_mag": seen["BP"],
        "phot_rp_mean_mag": seen["RP"],
    }
    return SurveyTables(raw, true_columns(seen), None, limits.passed)


def spectrum_name(number: int) -> str:
    """Return a name in the form of LAMOST's, obsdate-planid-spid-fiberid, of its own for every number.

    >>> spectrum_name(4321)
    '20111102-SIM000001-02-072'
    """
    plan, rest = divmod(number, 16 * 250)
    return f"{20111101 + plan % 28}-SIM{plan:06d}-{1 + rest // 250:02d}-{1 + rest % 250:03d}"


def _spectra(stars: Stars, settings: Settings, rng: np.random.Generator) -> dict[str, Array]:
    n_stars = stars["particle"].size
    snr = signal_to_noise(stars["G"], 15.0, settings.snr_at_g15, 0.12, rng)
    is_misfit = rng.random(n_stars) < settings.misfit_fraction
    growth = error_growth(snr, SNR_KNEE) * np.where(is_misfit, MISFIT_FACTOR, 1.0)
    chi2_ratio = np.where(
        is_misfit, MISFIT_CHI2_RATIO * (1 + rng.exponential(0.5, n_stars)), rng.lognormal(0.2, 0.25, n_stars)
    )
    result = {
        "snr": snr,
        "chi2ratio": chi2_ratio,
        "vsini": VSINI_KMS * np.sqrt(rng.chisquare(3, n_stars)),
    }
    for name, truth, floor in (
        ("Teff", stars["teff_K"], settings.teff_error * stars["teff_K"]),
        ("logg", stars["logg_dex"], settings.logg_error_dex),
        ("[Fe/H]", stars["feh_dex"], settings.feh_error_dex),
        ("RV", stars["radial_velocity"], settings.velocity_error_kms),
    ):
        error = floor * growth
        result |= {name: measure(truth, error, rng), f"e_{name}": error}
    return result
