"""Distances of classical Cepheids from their periods and mean Gaia magnitudes: a period-Wesenheit-metallicity relation.

W = G - 1.90 (BP - RP) is free of extinction as far as the ratio 1.90 holds, and M_W = -5.988 - 3.176 (log P - 1)
- 0.520 [Fe/H] (Ripepi et al. 2022, A&A 659, A167: 499 Cepheids with Gaia EDR3 parallaxes; the errors of the three numbers
are 0.018, 0.044 and 0.090 mag). Cruz Reyes & Anderson (2023, A&A 672, A85) have -6.004, -3.242 and -0.384 from clusters.

What Gaia DR3 says (parallaxes of the 1,503 Cepheids off the Magellanic Clouds, `tests/unit/test_young_tracers.py`): for
BP - RP < 2.5 the parallax is 1.00 (within 0.03) times 1/distance minus 0.014 mas. **For redder stars the ratio 1.90 takes off
too much extinction**: distances are right to 3 % up to BP - RP = 2.25, 7 % short at 2.25 to 2.5, 10 % at 2.5 to 3, 24 % at 3 to
3.5, 31 % at 3.5 to 4 and 59 % beyond. A sample cuts at BP - RP < 2.5 (see `config/young_tracers.yaml`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import galactic_angles

Array = NDArray[np.float64]

COLOUR_RATIO = 1.90  # A_G / E(BP - RP), Ripepi et al. (2019, A&A 625, A14)
ZERO_POINT_MAG, SLOPE_MAG, METALLICITY_TERM_MAG = -5.988, -3.176, -0.520  # at 10 d and solar; per dex of P; per dex
SCATTER_MAG = 0.15  # of W about the relation: of DR3's mean magnitudes, brighter than G = 11, against parallaxes
# mean [Fe/H] of young stars, slope * R + intercept: Zari et al. 2025, Eq. 9; held constant beyond the radii of Cepheids
FEH_SLOPE_DEX_KPC, FEH_INTERCEPT_DEX, FEH_RADII_KPC = -0.0678, 0.546, (4.0, 20.0)
N_STEPS = 40  # each shortens the error of the distance by 2 or more
FUNDAMENTAL, FIRST_OVERTONE = "FUNDAMENTAL", "FIRST_OVERTONE"
OTHER_MODES = ("SECOND_OVERTONE", "MULTI", "UNDEFINED", "NOT_AVAILABLE")  # in Gaia's tables, without a relation
MAGNITUDES = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag")
COLUMNS = ("ra", "dec", "period_d", "pulsation_mode", *MAGNITUDES)
OPTIONAL_COLUMNS = ("feh_dex", "feh_error_dex", *(f"{name}_error" for name in MAGNITUDES))


def fundamental_period(period_d: Array, mode: NDArray[Any]) -> Array:
    """Return the period of the fundamental mode [d], shape (n,).

    The first overtone's P_1 becomes P_1 / (0.716 - 0.027 log P_1) (Feast & Catchpole 1997, MNRAS 286, L1).

    Parameters
    ----------
    period_d : array, shape (n,)
        Period of the mode that is named [d].
    mode : array of text, shape (n,)
        ``FUNDAMENTAL`` or ``FIRST_OVERTONE``, as in Gaia's mode_best_classification; the result is NaN for its other
        modes and for None.

    Raises
    ------
    DiscatlasError
        For a mode that is not Gaia's.
    """
    known = (FUNDAMENTAL, FIRST_OVERTONE, *OTHER_MODES)
    for name in {str(value) for value in mode if value is not None} - set(known):
        raise DiscatlasError(
            f"pulsation_mode: got {name!r}{nearest(name, known)}; expected one of {', '.join(known)}, or nothing"
        )
    period = np.where(np.asarray(period_d, float) > 0, period_d, np.nan).astype(float)
    factor = np.select([mode == FUNDAMENTAL, mode == FIRST_OVERTONE], [1.0, 0.716 - 0.027 * np.log10(period)], np.nan)
    return period / factor


def wesenheit_mag(columns: Mapping[str, Array]) -> Array:
    """Return W = G - 1.90 (BP - RP) [mag], shape (n,)."""
    g, bp, rp = (np.asarray(columns[name], float) for name in MAGNITUDES)
    return g - COLOUR_RATIO * (bp - rp)


def absolute_wesenheit_mag(period_d: Array, feh_dex: Array | float) -> Array:
    """Return M_W [mag] of fundamental periods [d] and [Fe/H] [dex]."""
    return ZERO_POINT_MAG + SLOPE_MAG * (np.log10(period_d) - 1.0) + METALLICITY_TERM_MAG * np.asarray(feh_dex)


def mean_metallicity(R_kpc: Array) -> Array:
    """Return the mean [Fe/H] [dex] of young stars at Galactocentric radii [kpc], constant within 4 and beyond 20 kpc."""
    return FEH_INTERCEPT_DEX + FEH_SLOPE_DEX_KPC * np.clip(R_kpc, *FEH_RADII_KPC)


def period_wesenheit_distance(columns: Mapping[str, Array], R0_kpc: float) -> tuple[Array, Array, Array, Array]:
    """Return the distance of Cepheids, its error and its 68 % interval [kpc], each of shape (n,).

    Parameters
    ----------
    columns : mapping of array, shape (n,)
        `COLUMNS`: ra and dec [deg], period_d, pulsation_mode (text), the three magnitudes; of `OPTIONAL_COLUMNS` feh_dex
        takes the place of the mean metallicity where it is known, and its error and those of the magnitudes add to
        `SCATTER_MAG`.
    R0_kpc : float
        Distance of the Sun from the centre, for the metallicity at the star's radius.

    Notes
    -----
    Where [Fe/H] is not known, distance and mean metallicity at that distance are solved together, by iteration. That
    shortens a distance to R = 14 kpc by 9 % against solar metallicity. The ends are the distances at W -+ its error; the
    errors of the relation's own numbers, common to all stars, are not in it.
    A missing magnitude or period, or a mode without a relation, gives NaN.
    """
    W = wesenheit_mag(columns)
    period = fundamental_period(columns["period_d"], np.asarray(columns["pulsation_mode"], object))
    measured = np.asarray(columns.get("feh_dex", np.full(W.size, np.nan)), float)
    l_deg, b_deg = galactic_angles(np.asarray(columns["ra"], float), np.asarray(columns["dec"], float))
    cos_l, cos_b = np.cos(np.radians(l_deg)), np.cos(np.radians(b_deg))

    def solve(W_mag: Array) -> Array:
        distance = np.zeros(W.size)
        for _ in range(N_STEPS):
            in_plane = distance * cos_b
            R = np.sqrt(R0_kpc**2 + in_plane**2 - 2.0 * R0_kpc * in_plane * cos_l)
            feh = np.where(np.isnan(measured), mean_metallicity(R), measured)
            distance = 10.0 ** (0.2 * (W_mag - absolute_wesenheit_mag(period, feh)) - 2.0)
        return distance

    sigma = _wesenheit_error(columns, measured)
    lo, hi = solve(W - sigma), solve(W + sigma)
    return solve(W), 0.5 * (hi - lo), lo, hi


def _wesenheit_error(columns: Mapping[str, Array], feh: Array) -> Array:
    """Return the error of W - M_W [mag]: scatter, errors of the magnitudes and of [Fe/H] where they are known."""
    factors = dict(zip(MAGNITUDES, (1.0, COLOUR_RATIO, COLOUR_RATIO), strict=True))
    variance = np.full(feh.size, SCATTER_MAG**2)
    for name, factor in factors.items():
        if f"{name}_error" in columns:
            variance += np.nan_to_num(factor * np.asarray(columns[f"{name}_error"], float)) ** 2
    if "feh_error_dex" in columns:
        error = np.where(np.isnan(feh), 0.0, np.nan_to_num(np.asarray(columns["feh_error_dex"], float)))
        variance += (METALLICITY_TERM_MAG * error) ** 2
    return np.sqrt(variance)
