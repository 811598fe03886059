"""Cells of a map: mean and dispersion by likelihood, plain mean and median, through the whole of `bin_stream`.

The likelihood's truth is the mean and the dispersion of the stars without their measurement errors; that of mean and
median is the same mean, since measurement errors are symmetric.
"""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.study import Key, Study
from discatlas.maps.grids import Grid
from discatlas.maps.likelihood import ESTIMATORS
from discatlas.maps.partition import bin_stream

Array = NDArray[np.float64]
N_CELLS = 50
SIGMA_KMS, ERROR_KMS = 15.0, 13.0
SPREAD = 0.8  # of the logarithm of unequal errors
MEAN_KMS = 220.0


def draw(
    rng: np.random.Generator, n_stars: int, spread: float, gradient_kms_kpc: float, cell_kpc: float
) -> dict[Key, Intervals]:
    """Fill each cell of a row of cells with n stars whose mean velocity grows across it; truth is that at its centre."""
    shape = (N_CELLS, n_stars)
    offset = rng.uniform(-0.5, 0.5, shape) * cell_kpc
    error = ERROR_KMS * np.exp(spread * rng.standard_normal(shape))
    mean = MEAN_KMS + gradient_kms_kpc * offset
    stars = {
        "X_kpc": ((np.arange(N_CELLS)[:, None] + 0.5) * cell_kpc + offset).ravel(),
        "v_phi_kms": (mean + np.hypot(SIGMA_KMS, error) * rng.standard_normal(shape)).ravel(),
        "v_phi_error_kms": error.ravel(),
    }
    grid = Grid(("X_kpc",), "square", (cell_kpc,), ((0.0, N_CELLS * cell_kpc),))
    rows = {}
    for estimator in ESTIMATORS:
        cells = bin_stream(
            lambda names: iter([{name: stars[name] for name in names}]),
            grid, ["v_phi_kms"], {"v_phi_kms": "v_phi_error_kms"}, 2, estimator, Path(), stars["X_kpc"].size,
        )  # fmt: skip
        mean_ml, error_ml = cells["v_phi_ml_mean_kms"], cells["v_phi_ml_mean_error_kms"]
        rows[Key(f"likelihood {estimator}", "mean")] = symmetric(mean_ml, error_ml, MEAN_KMS)
        if estimator == "zari2025":  # its dispersion is that of plain
            continue
        sigma, lo, hi = (cells[f"sigma_v_phi{end}_kms"] for end in ("", "_lo", "_hi"))
        truth = np.full(N_CELLS, SIGMA_KMS)
        rows[Key(f"likelihood {estimator}", "dispersion")] = Intervals(sigma, lo, hi, truth)
    for quantity in ("mean", "median"):
        value, error = (cells[f"v_phi_{quantity}{part}_kms"] for part in ("", "_error"))
        rows[Key("moments", quantity)] = symmetric(value, error, MEAN_KMS)
    return rows


PLAIN_LOW = "the plain likelihood takes the mean as known: its variance is low by (sigma^2 + error^2)/N"
REASONS = {
    Key("likelihood restricted", "mean"): "from 20 stars on the error takes sigma as known: 66.6 % at N = 20",
    Key("likelihood restricted", "dispersion"): (
        "a drop of 1/2 in ln L holds for many stars only, and here one or two precise ones carry the weight"
    ),
    Key(
        "likelihood plain", "mean"
    ): f"{PLAIN_LOW}, and with it the error; the threshold below 20 stars is exact only without errors",
    Key("likelihood plain", "dispersion"): PLAIN_LOW,
    Key(
        "likelihood zari2025", "mean"
    ): "sigma/sqrt(N) leaves the measurement errors out, and sigma is low, in small cells often 0",
    Key(
        "moments", "median"
    ): "half of an exact interval, laid to both sides of the median, covers less than the interval: 65-67 %",
}
STUDENT = "std/sqrt(N) is no Gaussian error: by Student's t it covers {:.1f} % at N = {}, less where errors are unequal"
SMEARED = "the gradient smears the velocities by 30/sqrt(12) = 8.7 km/s, which counts as dispersion: 17.3 for 15 km/s"


def _study(n_stars: int, spread: float, gradient_kms_kpc: float = 0.0) -> Study:
    kind = "gradient" if gradient_kms_kpc else ("unequal errors" if spread else f"errors {ERROR_KMS:g} km/s")
    settings = {"n_stars": n_stars, "spread": spread, "gradient_kms_kpc": gradient_kms_kpc, "cell_kpc": 1.0}
    degrees = n_stars - 1
    share = 100.0 * (2.0 * student_t.cdf(1.0, degrees) - 1.0)
    reasons = REASONS | {Key("moments", "mean"): STUDENT.format(share, n_stars)}
    if gradient_kms_kpc:
        reasons |= {Key(f"likelihood {estimator}", "dispersion"): SMEARED for estimator in ESTIMATORS}
    errors = f"{ERROR_KMS:g} exp({spread:g} x) km/s, x normal" if spread else f"{ERROR_KMS:g} km/s"
    note = f"dispersion {SIGMA_KMS:g}, errors {errors}"
    note += f"; mean grows by {gradient_kms_kpc:g} km/s across the cell" if gradient_kms_kpc else ""
    case = f"N = {n_stars}, {kind}"
    return Study(f"map cells, {case}", case, partial(draw, **settings), note, reasons)


STUDIES = (
    *(_study(n, spread) for spread, n in product((0.0, SPREAD), (6, 20, 100))),
    _study(100, SPREAD, 30.0),
)
