"""Deviations from the stars at the same R in one bin of azimuth, and the wave m = 2, one disc per simulation.

The truth of a deviation is 0: there is no pattern. That of the wave is its own amplitude and phase, in a disc seen all around.
What neighbours share is the sum of clumps, Gaussian in the plane.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.annulus import bin_columns, covariance_of
from discatlas.azimuthal.blocks import Layout, gather_blocks
from discatlas.azimuthal.deviations import AnnulusStars, PhiBins, annulus_stars
from discatlas.azimuthal.noise import estimate_noise
from discatlas.azimuthal.waves import fit_wave
from discatlas.calibration.coverage import Intervals, symmetric
from discatlas.calibration.study import Key, Study

Array = NDArray[np.float64]
LIMITS_KPC, R_WINDOW_KPC, BLOCK_KPC, SCATTER_DEX = (7.0, 9.0), 0.2, 0.5, 0.3
N_STARS = 8_000
PARTIAL = PhiBins.between((-30, 30), 3.0)
CIRCLE = PhiBins.between((-180, 180), 6.0)
CLUMP_KPC, CLUMPS_PER_KPC2 = 0.2, 4.0
AMPLITUDE_DEX, PHASE_DEG, WAVENUMBER, MAX_WAVENUMBER = 0.05, 30.0, 2, 3
DEVIATION = "azimuthal deviation"


def draw(rng: np.random.Generator, shared_dex: float) -> dict[Key, Intervals]:
    """Measure a bin of a part of an annulus without a pattern, and the wave of a whole one."""
    rows = {}
    layout, stars = Layout.of_size(LIMITS_KPC, PARTIAL, BLOCK_KPC), _annulus(rng, PARTIAL, shared_dex, 0.0)
    blocks = gather_blocks(stars, layout)
    bins = bin_columns(stars, layout, blocks.scatter, estimate_noise(blocks, BLOCK_KPC, MAX_WAVENUMBER), 20)
    j = int(rng.integers(PARTIAL.n_bins))
    for kind, column in (("", "deviation_error"), (", standard error of stars", "star_error")):
        rows[Key(f"{DEVIATION}{kind}", "deviation")] = symmetric(bins["deviation"][j], bins[column][j], 0.0)
    stars = _annulus(rng, CIRCLE, shared_dex, AMPLITUDE_DEX)
    blocks = gather_blocks(stars, Layout.of_size(LIMITS_KPC, CIRCLE, 2 * BLOCK_KPC))
    covariance = covariance_of(blocks, estimate_noise(blocks, 2 * BLOCK_KPC, MAX_WAVENUMBER))
    wave = fit_wave(blocks, covariance, WAVENUMBER)
    rows[Key("azimuthal wave", "amplitude")] = symmetric(wave.amplitude, wave.amplitude_error, AMPLITUDE_DEX)
    rows[Key("azimuthal wave", "phase")] = symmetric(wave.phase_deg, wave.phase_error_deg, PHASE_DEG)
    return rows


def _annulus(rng: np.random.Generator, bins: PhiBins, shared_dex: float, amplitude_dex: float) -> AnnulusStars:
    """Draw the stars of an annulus, evenly in the plane and over the bins and 10 degrees beyond."""
    half = min(0.5 * bins.n_bins * bins.width_deg + 10.0, 180.0)
    low, high = LIMITS_KPC[0] - R_WINDOW_KPC, LIMITS_KPC[1] + R_WINDOW_KPC
    n = N_STARS if half < 180 else 2 * N_STARS
    R, phi = np.sqrt(rng.uniform(low**2, high**2, n)), rng.uniform(-half, half, n)
    values = SCATTER_DEX * rng.standard_normal(n) + amplitude_dex * np.cos(np.deg2rad(WAVENUMBER * (phi - PHASE_DEG)))
    if shared_dex:
        values += shared_dex * _clumps(R, phi, half, rng)
    return annulus_stars(R, phi, np.zeros(n), values, LIMITS_KPC, R_WINDOW_KPC)


def _clumps(R: Array, phi_deg: Array, half_deg: float, rng: np.random.Generator) -> Array:
    """Return a field of variance about 1, correlated as exp(-d^2 / (2 CLUMP_KPC)^2), at places."""
    low, high = LIMITS_KPC[0] - 1.0, LIMITS_KPC[1] + 1.0
    n = rng.poisson(CLUMPS_PER_KPC2 * np.deg2rad(half_deg) * (high**2 - low**2))
    place = np.sqrt(rng.uniform(low**2, high**2, n)) * np.exp(1j * np.deg2rad(rng.uniform(-half_deg, half_deg, n)))
    height = rng.standard_normal(n) / np.sqrt(CLUMPS_PER_KPC2 * np.pi * CLUMP_KPC**2)
    total, stars = np.zeros(R.size), R * np.exp(1j * np.deg2rad(phi_deg))
    order = np.argsort(phi_deg, kind="stable")
    reach = np.rad2deg(4.0 * CLUMP_KPC / LIMITS_KPC[0])
    for centre, size in zip(place, height, strict=True):
        middle = np.rad2deg(np.angle(centre))
        near = order[slice(*np.searchsorted(phi_deg[order], [middle - reach, middle + reach]))]
        apart = np.abs(stars[near] - centre) / CLUMP_KPC
        total[near] += size * np.exp(-0.5 * apart**2)
    return total


def _study(shared_dex: float) -> Study:
    case = f"neighbours share {shared_dex:g} dex" if shared_dex else "independent stars"
    reasons = {f"{DEVIATION}, standard error of stars": "the reference is not exact and holds the bin's own stars"}
    reasons |= dict.fromkeys((DEVIATION, "azimuthal wave"), "what is shared is never found to be exactly nothing")
    if shared_dex:
        reasons = {f"{DEVIATION}, standard error of stars": "stars near each other share a part of their scatter"}
        reasons["azimuthal wave"] = (
            "what is shared is taken to reach rather too far where few blocks tell; an amplitude is never negative"
        )
    note = f"no pattern; wave of {AMPLITUDE_DEX:g} dex, m = 2, all around; scatter of stars {SCATTER_DEX:g} dex"
    return Study(f"azimuthal variation, {case}", case, partial(draw, shared_dex=shared_dex), note, reasons)


STUDIES = tuple(_study(shared) for shared in (0.0, 0.06))
