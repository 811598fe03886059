"""Distances of single stars from their parallaxes, for stars that follow the prior and for stars of the disc."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.galaxy import SUN, draw_stars, galaxy
from discatlas.calibration.study import Key, Study
from discatlas.cepheids import COLOUR_RATIO, FUNDAMENTAL, SCATTER_MAG, absolute_wesenheit_mag, mean_metallicity
from discatlas.distances import estimate_distance
from discatlas.frames import galactic_angles
from discatlas.simulation.surveys.distances import estimate_distances
from discatlas.simulation.surveys.parameters import Parameters

Array = NDArray[np.float64]
N_STARS = 250
PRIOR_KPC, MODULUS_ERROR_MAG = Parameters.prior_length_kpc, Parameters.modulus_error_mag
DISC = galaxy(radius_kpc=5.0)


def prior_distances(rng: np.random.Generator) -> Array:
    """Draw distances [kpc] from the prior of the survey, r^2 exp(-r/L)."""
    return rng.gamma(3.0, PRIOR_KPC, N_STARS)


def disc_distances(rng: np.random.Generator) -> Array:
    """Draw distances [kpc] of disc stars within 5 kpc."""
    stars = draw_stars(DISC, N_STARS, rng)
    return np.sqrt(sum((stars[f"{axis}_kpc"] - x) ** 2 for axis, x in zip("XYZ", SUN.position_kpc, strict=True)))


def draw(rng: np.random.Generator, is_prior: bool, error_mas: float) -> dict[Key, Intervals]:
    """Measure parallax and photometric modulus of stars, and estimate their distances."""
    truth = prior_distances(rng) if is_prior else disc_distances(rng)
    error = np.full(N_STARS, error_mas)
    parallax = 1.0 / truth + error * rng.standard_normal(N_STARS)
    modulus = 5.0 * np.log10(truth) + 10.0 + MODULUS_ERROR_MAG * rng.standard_normal(N_STARS)
    columns = {"parallax": parallax, "parallax_error": error}
    columns |= estimate_distances(parallax, error, modulus, MODULUS_ERROR_MAG, PRIOR_KPC)
    rows = {}
    for estimator in ("inverse_parallax", "geometric", "photogeometric"):
        value, sigma, lo, hi = estimate_distance(columns, estimator).values()
        rows[Key(f"distance {estimator}", "percentiles")] = Intervals(value, lo, hi, truth)
        if estimator == "inverse_parallax":
            rows[Key(f"distance {estimator}", "1 sigma error")] = symmetric(value, sigma, truth)
    return rows


def draw_radii(rng: np.random.Generator) -> dict[Key, Intervals]:
    """Measure Galactocentric radii of clusters near the plane beyond the solar circle, and solve them for distances."""
    R0, error_kpc = SUN.R0_kpc, 0.1
    ra, dec = rng.uniform(0, 360, 60 * N_STARS), np.degrees(np.arcsin(rng.uniform(-1, 1, 60 * N_STARS)))
    l_deg, b_deg = galactic_angles(ra, dec)
    distance = rng.uniform(0.5, 5.0, ra.size)
    rho = distance * np.cos(np.radians(b_deg))
    R = np.sqrt(R0**2 + rho**2 - 2 * R0 * rho * np.cos(np.radians(l_deg)))
    seen = np.flatnonzero((np.abs(b_deg) < 8) & (R > R0 + 0.5))[:N_STARS]
    columns = {"ra": ra[seen], "dec": dec[seen], "galactocentric_radius_error_kpc": np.full(seen.size, error_kpc)}
    columns["galactocentric_radius_kpc"] = R[seen] + error_kpc * rng.standard_normal(seen.size)
    value, _, lo, hi = estimate_distance(columns, "galactocentric_radius", R0).values()
    return {Key("distance galactocentric_radius", "1 sigma error"): Intervals(value, lo, hi, distance[seen])}


def draw_cepheids(rng: np.random.Generator) -> dict[Key, Intervals]:
    """Observe Cepheids that scatter about the relation, with the mean metallicity of their radius, behind dust."""
    R0 = SUN.R0_kpc
    ra, dec = rng.uniform(0, 360, 60 * N_STARS), np.degrees(np.arcsin(rng.uniform(-1, 1, 60 * N_STARS)))
    l_deg, b_deg = galactic_angles(ra, dec)
    seen = np.flatnonzero(np.abs(b_deg) < 8)[:N_STARS]
    distance, period = rng.uniform(0.5, 12.0, seen.size), 10.0 ** rng.uniform(0.4, 1.6, seen.size)
    rho = distance * np.cos(np.radians(b_deg[seen]))
    R = np.sqrt(R0**2 + rho**2 - 2 * R0 * rho * np.cos(np.radians(l_deg[seen])))
    W = absolute_wesenheit_mag(period, mean_metallicity(R)) + 5 * np.log10(distance) + 10
    W += SCATTER_MAG * rng.standard_normal(seen.size)
    colour = 0.8 + rng.uniform(0, 1.7, seen.size)
    bands = {"g": COLOUR_RATIO * colour, "bp": COLOUR_RATIO * colour + 0.5 * colour}
    bands["rp"] = bands["bp"] - colour
    columns = {f"phot_{band}_mean_mag": W + offset for band, offset in bands.items()}
    columns |= {"ra": ra[seen], "dec": dec[seen], "period_d": period}
    columns["pulsation_mode"] = np.full(seen.size, FUNDAMENTAL, object)
    value, _, lo, hi = estimate_distance(columns, "period_wesenheit", R0).values()
    return {Key("distance period_wesenheit", "percentiles"): Intervals(value, lo, hi, distance)}


REASONS = {
    Key("distance inverse_parallax", "percentiles"): (
        "1/(parallax - error) exists only where the parallax exceeds its error, which selects by the noise"
    ),
    Key("distance inverse_parallax", "1 sigma error"): (
        "1/parallax is skew, and missing where the parallax is negative: not for errors beyond 20 %"
    ),
    Key("distance geometric", "percentiles"): (
        "the stars do not follow the prior: the disc seen here ends at 5 kpc, the posterior of a poor parallax does not"
    ),
}


def _study(is_prior: bool, error_mas: float) -> Study:
    stars = "prior" if is_prior else "disc"
    note = f"truth drawn from the prior of the survey, r^2 exp(-r/{PRIOR_KPC:g} kpc)"
    note = note if is_prior else "truth: stars of the disc within 5 kpc, not of the prior"
    case = f"{stars}, {error_mas:g} mas"
    draw_them = partial(draw, is_prior=is_prior, error_mas=error_mas)
    return Study(f"distances, {case}", case, draw_them, f"{note}; parallax error {error_mas:g} mas", REASONS)


RADII = Study(
    "distances, radii",
    "beyond the solar circle",
    draw_radii,
    "clusters within 8 deg of the plane, 0.5 to 5 kpc away and 0.5 kpc or more beyond the solar circle; radii to 0.1 kpc",
)
CEPHEIDS = Study(
    "distances, Cepheids",
    "Cepheids",
    draw_cepheids,
    f"Cepheids within 8 deg of the plane, 0.5 to 12 kpc away, {SCATTER_MAG:g} mag about the relation, of mean metallicity",
)
STUDIES = (
    *(_study(True, error_mas) for error_mas in (0.02, 0.1, 0.5)),
    *(_study(False, error_mas) for error_mas in (0.02, 0.1)),
    RADII,
    CEPHEIDS,
)
