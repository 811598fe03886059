"""Gradients of metallicity: slope and scatter from the chains, and the slope by moments, for stars of three models.

Each simulation is one bin of stars, fitted as rule ``fit_metallicity_gradient`` does. The truth is the line that made
the stars; no estimator is right for all models, and which is right for which is what the rows show.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.study import Key, Study
from discatlas.gradients.fit import summarise, table_parameters
from discatlas.gradients.likelihood import make_line, maxima
from discatlas.gradients.moments import moment_slope
from discatlas.gradients.sampling import SamplerSettings, sample_line

Array = NDArray[np.float64]
Stars = tuple[Array, Array, Array, Array, Array]
N_STARS = 300
SLOPE, INTERCEPT, SCATTER = -0.08, 0.6, 0.25
MEAN_KPC, SPREAD_KPC = 9.0, 1.2
HALF_WIDTH_KPC, RANGE_KPC = 2.0, (2.0, 16.0)
SETTINGS = SamplerSettings("mixture", 20, 10, 100, 1000, 1.03, 400)


def draw_errors(
    rng: np.random.Generator, n: int, sigma_x: float, sigma_y: float, correlation: float
) -> tuple[Array, ...]:
    """Return errors of x and y, and their variances and covariance, unequal by 30 per cent from star to star."""
    scales = np.exp(0.3 * rng.standard_normal((2, n))) * np.array([[sigma_x], [sigma_y]])
    a, b = rng.standard_normal((2, n))
    e_y = scales[1] * (correlation * a + np.sqrt(1.0 - correlation**2) * b)
    return scales[0] * a, e_y, scales[0] ** 2, correlation * scales[0] * scales[1], scales[1] ** 2


def flat_stars(
    rng: np.random.Generator,
    n: int,
    sigma_x: float = 0.4,
    sigma_y: float = 0.08,
    correlation: float = 0.0,
    slope: float = SLOPE,
) -> Stars:
    """Draw x, y, V_xx, V_xy, V_yy of stars evenly spread in x, chosen by their measured x; scatter along y."""
    many = 5 * n
    e_x, e_y, *V = draw_errors(rng, many, sigma_x, sigma_y, correlation)
    x = rng.uniform(*RANGE_KPC, many)
    y = slope * x + INTERCEPT + SCATTER * rng.standard_normal(many) + e_y
    chosen = np.flatnonzero(np.abs(x + e_x - MEAN_KPC) < HALF_WIDTH_KPC)[:n]
    return tuple(column[chosen] for column in (x + e_x, y, *V))


def gaussian_stars(
    rng: np.random.Generator,
    n: int,
    sigma_x: float = 0.4,
    sigma_y: float = 0.08,
    correlation: float = 0.0,
    slope: float = SLOPE,
    across: bool = False,
) -> Stars:
    """Draw stars of Gaussian x with scatter along y, or across the line (Robotham & Obreschkow 2015, Sect. 2)."""
    e_x, e_y, *V = draw_errors(rng, n, sigma_x, sigma_y, correlation)
    x, off = rng.normal(MEAN_KPC, SPREAD_KPC, n), SCATTER * rng.standard_normal(n)
    y, norm = slope * x + INTERCEPT, np.sqrt(1.0 + slope**2)
    if across:
        return x - slope / norm * off + e_x, y + off / norm + e_y, *V
    return x + e_x, y + off + e_y, *V


def draw(
    rng: np.random.Generator, make: Callable[..., Stars], likelihoods: tuple[str, ...], scatter: float
) -> dict[Key, Intervals]:
    """Fit a straight line to one sample by some likelihoods and by the moments that belong to them."""
    stars, rows = make(rng, N_STARS), {}
    for likelihood in likelihoods:
        line = make_line("linear", likelihood, *stars)
        chains = sample_line(line, maxima(line)[1], SETTINGS, rng)
        found = table_parameters(line, chains.flat)
        row = summarise(found)
        ends = (row[f"slope_{end}_dex_per_kpc"] for end in ("lo", "hi"))
        name = f"gradient {likelihood}"
        interval = (np.atleast_1d(value) for value in (row["slope_dex_per_kpc"], *ends, SLOPE))
        rows[Key(name, "slope")] = Intervals(*interval)
        rows[Key(name, "scatter")] = symmetric(row["scatter_dex"], row["scatter_error_dex"], scatter)
        slope = moment_slope(likelihood, *stars)
        rows[Key(f"gradient by moments, {likelihood}", "slope")] = symmetric(*slope, SLOPE)
    return rows


FLATTENED = "x is no evenly spread coordinate here: the slope is too flat by the errors' share of its variance, {}"
ROBOTHAM = "scatter along y taken as across the line steepens the slope by scatter^2 / variance of x, 4 %, and more"


def _study(name: str, right: str, wrong: str, make: Callable[..., Stars], note: str, reason: str) -> Study:
    scatter = SCATTER * np.sqrt(1.0 + SLOPE**2) if right == "robotham2015" else SCATTER
    settings = {"make": make, "likelihoods": (right, wrong), "scatter": scatter}
    reasons = {f"gradient {wrong}": reason, f"gradient by moments, {wrong}": reason}
    return Study(f"metallicity gradient, {name}", name, partial(draw, **settings), note, reasons)


STUDIES = (
    _study(
        "x evenly spread",
        "hogg2010",
        "robotham2015",
        flat_stars,
        "300 stars of measured x within 2 kpc out of many, errors 0.4 kpc and 0.08 dex, scatter 0.25 dex along y",
        ROBOTHAM,
    ),
    _study(
        "Gaussian x",
        "kelly2007",
        "hogg2010",
        gaussian_stars,
        "300 stars, x of 1.2 kpc with errors 0.4 kpc, scatter 0.25 dex along y, errors 0.08 dex",
        FLATTENED.format("11 %"),
    ),
    _study(
        "scatter across the line",
        "robotham2015",
        "hogg2010",
        partial(gaussian_stars, sigma_x=0.1, sigma_y=0.1, across=True),
        "300 stars, x of 1.2 kpc, scatter of 0.25 across the line, errors 0.1 in x and y",
        FLATTENED.format("to which the scatter adds 5 %"),
    ),
)
