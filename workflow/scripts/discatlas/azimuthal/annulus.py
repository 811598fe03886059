"""All that is measured in one annulus: deviations per bin, waves, and what chance makes of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.blocks import Blocks, Layout, gather_blocks
from discatlas.azimuthal.deviations import AnnulusStars, PhiBins, bin_weights
from discatlas.azimuthal.noise import NO_SHARED_NOISE, SharedNoise, estimate_noise
from discatlas.azimuthal.significance import check_null, find_significance
from discatlas.azimuthal.waves import fit_wave

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How annuli are measured.

    Parameters
    ----------
    bins : PhiBins
        Bins of azimuth.
    min_stars : int
        Bins of fewer stars have no deviation.
    block_kpc : float
        Size of the blocks in R and along azimuth.
    null : str
        ``blocks`` or ``stars`` (see `significance`); with ``stars`` also the errors are those of independent stars.
    n_permutations, max_wavenumber : int
        Permutations, and waves from 1 to.
    """

    bins: PhiBins
    min_stars: int
    block_kpc: float
    null: str
    n_permutations: int
    max_wavenumber: int


def bin_columns(
    stars: AnnulusStars, layout: Layout, scatter: float, noise: SharedNoise, min_stars: int
) -> dict[str, NDArray]:
    """Return n_stars, phi_centre_deg, phi_mean_deg, deviation, deviation_error and star_error per bin, shape (n_bins,) each.

    Parameters
    ----------
    layout : Layout
        Blocks of the annulus; here each bin is a sector.
    scatter : float
        Standard deviation of single stars.
    noise : SharedNoise
        What stars share.
    """
    n_bins = layout.bins.n_bins
    number = np.where(stars.is_inside, layout.bins.numbers(stars.phi_deg), -1)
    inside = number >= 0
    n, sums, squares, phi = (
        np.bincount(number[inside], weights, n_bins)
        for weights in (None, stars.deviation[inside], stars.deviation[inside] ** 2, stars.phi_deg[inside])
    )
    block, R_block, phi_block = layout.with_sectors_of_one_bin().everywhere(stars)
    of_stars, of_blocks = bin_weights(stars, number, n_bins, block, R_block.size)
    variance = scatter**2 * of_stars
    if noise.scatter > 0:
        variance = variance + np.sum((of_blocks @ noise.covariance(R_block, phi_block)) * of_blocks, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / n
        star_error = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1) / n)
        columns = {"deviation": mean, "deviation_error": np.sqrt(variance), "star_error": star_error}
        phi = phi / n
    is_enough = n >= max(min_stars, 2)
    columns = {name: np.where(is_enough, values, np.nan) for name, values in columns.items()}
    places = {"phi_centre_deg": layout.bins.centres_deg, "phi_mean_deg": phi}
    return columns | places | {"n_stars": n.astype(np.int64)}


def covariance_of(blocks: Blocks, noise: SharedNoise) -> Array:
    """Return the covariance of block means, shape (b, b)."""
    return np.diag(blocks.scatter**2 / blocks.n) + noise.covariance(blocks.R_kpc, blocks.phi_deg)


def measure_annulus(
    stars: AnnulusStars, settings: Settings, rng: np.random.Generator
) -> tuple[dict[str, NDArray], dict[str, NDArray], dict[str, Any]]:
    """Return the columns of the bins, those of the waves, and the record of one annulus."""
    check_null(settings.null, settings.n_permutations, settings.max_wavenumber)
    low, high = stars.limits_kpc
    layout = Layout.of_size(stars.limits_kpc, settings.bins, settings.block_kpc)
    blocks = gather_blocks(stars, layout)
    is_shared = settings.null == "blocks"
    noise = estimate_noise(blocks, settings.block_kpc, settings.max_wavenumber) if is_shared else NO_SHARED_NOISE
    covariance = covariance_of(blocks, noise)
    bins = bin_columns(stars, layout, blocks.scatter, noise, settings.min_stars)
    chance = find_significance(
        blocks, stars.deviation, covariance, settings.max_wavenumber, settings.null, settings.n_permutations, rng
    )
    fits = [fit_wave(blocks, covariance, m) for m in range(1, settings.max_wavenumber + 1)]
    waves = {name: np.array([getattr(fit, name) for fit in fits]) for name in fits[0]._fields}
    waves |= {"m": np.arange(1, len(fits) + 1), "power": chance.power, "p_value": chance.p_waves}
    record = {
        "R_low_kpc": low,
        "R_high_kpc": high,
        "n_stars": int(blocks.n.sum()),
        "chi_square": chance.chi_square,
        "degrees_of_freedom": chance.degrees_of_freedom,
        "p_value": chance.p_value,
        "p_any_wave": None if np.isnan(chance.p_any_wave) else chance.p_any_wave,
        "n_blocks": int(blocks.n.size),
        "n_rings": layout.n_rings,
        "sector_deg": layout.bins_per_sector * settings.bins.width_deg,
        "star_scatter": blocks.scatter,
        "shared_scatter": noise.scatter,
        "shared_reach_kpc": noise.mean_reach_kpc if noise.scatter > 0 else None,
        "slopes_in_window": stars.slopes,
    }
    return bins, waves, record
