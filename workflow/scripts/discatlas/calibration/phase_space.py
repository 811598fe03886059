"""Coordinates of single stars with linear and with Monte-Carlo errors; the truth is where each star is and how it moves.

Astrometry is that of the simulated Gaia with its correlations; its errors are scaled so that the parallax has a chosen
relative error. No star is selected by what is measured.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.galaxy import R0_KPC, SUN, draw_stars, galaxy
from discatlas.calibration.study import Key, Study
from discatlas.contracts import error_column, join_unit, split_unit
from discatlas.distances import estimate_distance
from discatlas.frames import observe
from discatlas.phase_space import COORDINATES, convert, propagate, sample_percentiles
from discatlas.simulation.surveys.astrometry import astrometric_errors, measure_astrometry
from discatlas.simulation.surveys.parameters import Parameters

Array = NDArray[np.float64]
N_STARS, N_DRAWS = 250, 1000
LINEAR, SAMPLED = "phase space linear", "phase space monte_carlo"
RADIUS_KPC = 3.0
G_MAG = 15.0  # sets the ratios of Gaia's errors
RV_ERRORS_KMS = (0.5, 8.0)
SKEW = "1/parallax is skew: the symmetric error of the distance covers 69 % at a relative error of 0.1, 72 % at 0.2"
NEARBY = galaxy(radius_kpc=RADIUS_KPC, R_min_kpc=R0_KPC - RADIUS_KPC, R_max_kpc=R0_KPC + RADIUS_KPC)


def _measure(true: dict[str, Array], relative_error: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return what Gaia measures of stars with these true observables, under standard names."""
    n_stars = relative_error.size
    G = np.full(n_stars, G_MAG)
    factor = relative_error / true["distance_kpc"] / astrometric_errors(G, np.ones(n_stars))[:, 2]
    deviates = {name: rng.standard_normal(n_stars) for name in ("z_ruwe", "z_modulus")}
    stars = {"G": G, "BP": G + 0.5, "RP": G - 0.5, "u_bad": np.ones(n_stars)} | deviates | true
    columns = measure_astrometry(stars | {"z_astrometry": rng.standard_normal((n_stars, 5))}, Parameters(), factor)
    error = rng.uniform(*RV_ERRORS_KMS, n_stars)
    velocity = true["radial_velocity"] + error * rng.standard_normal(n_stars)
    return columns | {"radial_velocity": velocity, "radial_velocity_error": error}


def draw(rng: np.random.Generator, estimator: str, relative_errors: tuple[float, float]) -> dict[Key, Intervals]:
    """Observe stars within 3 kpc; distances from the parallax or a catalogue have errors in a range of relative errors."""
    particles = draw_stars(NEARBY, N_STARS, rng)
    where, motion = ([particles[f"{v}{axis}_{unit}"] for axis in "XYZ"] for v, unit in (("", "kpc"), ("v_", "kms")))
    true = observe(np.stack(where), np.stack(motion), SUN)
    relative_error = rng.uniform(*relative_errors, N_STARS)
    columns = _measure(true, relative_error, rng)
    error = relative_error * true["distance_kpc"]
    distance = true["distance_kpc"] + error * rng.standard_normal(N_STARS)
    columns |= {"catalogue_distance_kpc": distance, "catalogue_distance_error_kpc": error}
    columns |= estimate_distance(columns, estimator)
    return _intervals(columns, convert(**true, sun=SUN), estimator, int(rng.integers(2**63)))


def _intervals(columns: dict[str, Any], truth: dict[str, Array], estimator: str, seed: int) -> dict[Key, Intervals]:
    linear = propagate(columns, SUN, estimator)
    sampled = sample_percentiles(columns, SUN, estimator, N_DRAWS, seed, np.arange(N_STARS))
    rows = {}
    for name in COORDINATES:
        base, unit = split_unit(name)
        rows[Key(LINEAR, base)] = symmetric(linear[name], linear[error_column(name)], truth[name])
        lo, median, hi = (sampled[join_unit(f"{base}_p{percent}", unit)] for percent in (16, 50, 84))
        rows[Key(SAMPLED, base)] = Intervals(median, lo, hi, truth[name])
    return rows


def _study(what: str, estimator: str, percent: tuple[float, float]) -> Study:
    case = f"{what} to {percent[0]:g}-{percent[1]:g} %"
    return Study(
        f"phase space, {case}",
        case,
        partial(draw, estimator=estimator, relative_errors=(percent[0] / 100, percent[1] / 100)),
        reasons={LINEAR: SKEW},
    )


STUDIES = (
    _study("parallax", "inverse_parallax", (2, 10)),
    _study("parallax", "inverse_parallax", (10, 20)),
    _study("catalogue distance", "catalogue", (2, 10)),
)
