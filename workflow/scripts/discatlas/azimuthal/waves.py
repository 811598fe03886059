"""Waves a cos(m phi) + b sin(m phi) fitted to block means, each with a free level in every ring."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.blocks import Blocks

Array = NDArray[np.float64]
MIN_SHARE = 1e-6  # of a wave that must be left beside the levels


class Wave(NamedTuple):
    """A wave amplitude cos(m (phi - phase)); errors are standard errors, the phase's for amplitudes well above theirs."""

    amplitude: float
    amplitude_error: float
    phase_deg: float
    phase_error_deg: float


def wave_columns(phi_deg: Array, m: int) -> Array:
    """Return cos(m phi) and sin(m phi), shape (n, 2)."""
    angle = np.deg2rad(m * phi_deg)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def beyond(columns: Array, base: Array) -> Array:
    """Return an orthonormal basis of what `columns` add to those of an orthonormal `base`, shape (b, k)."""
    rest = columns - base @ (base.T @ columns)
    u, s, _ = np.linalg.svd(rest, full_matrices=False)
    return u[:, s > MIN_SHARE * np.linalg.norm(columns, axis=0).max()]


def fit_wave(blocks: Blocks, covariance: Array, m: int) -> Wave:
    """Fit a wave by generalised least squares; NaN where the azimuths of the blocks cannot tell it from a level.

    Parameters
    ----------
    covariance : array, shape (b, b)
        Of the block means: noise of the stars and what they share.
    """
    factor = np.linalg.cholesky(covariance)
    base, _ = np.linalg.qr(np.linalg.solve(factor, blocks.levels))
    columns = np.linalg.solve(factor, wave_columns(blocks.phi_deg, m))
    if beyond(columns, base).shape[1] < 2:
        return Wave(*4 * (np.nan,))
    columns = columns - base @ (base.T @ columns)
    found = np.linalg.inv(columns.T @ columns)
    a, b = found @ (columns.T @ np.linalg.solve(factor, blocks.mean))
    amplitude = float(np.hypot(a, b))
    along, across = np.array([a, b]) / amplitude, np.array([-b, a]) / amplitude
    return Wave(
        amplitude,
        float(np.sqrt(along @ found @ along)),
        float(np.rad2deg(np.arctan2(b, a)) / m),
        float(np.rad2deg(np.sqrt(across @ found @ across) / amplitude) / m),
    )
