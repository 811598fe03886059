"""Binaries on circular orbits, with the periods and mass ratios of massive stars."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Sana et al. (2012, Science 337, 444): f(log10 P/d) ~ (log10 P)^-0.55, f(q) ~ q^-0.1
LOG_PERIOD_LIMITS, LOG_PERIOD_POWER = (0.15, 3.5), -0.55
MASS_RATIO_LIMITS, MASS_RATIO_POWER = (0.1, 1.0), -0.1
GM_SUN_KM3_S2, DAY_S = 1.32712440018e11, 86_400.0


def draw_power_law(limits: tuple[float, float], power: float, size: int, rng: np.random.Generator) -> Array:
    """Draw from a density proportional to x^power between `limits`, for a power other than -1."""
    low, high = (limit ** (power + 1) for limit in limits)
    return (low + (high - low) * rng.random(size)) ** (1 / (power + 1))


def semi_amplitude(period_d: Array, mass_msun: Array, mass_ratio: Array, sin_i: Array) -> Array:
    """Return K [km/s] of the primary of mass `mass_msun` on a circular orbit: (2 pi G / P)^(1/3) m_2 sin i / M^(2/3)."""
    speed = np.cbrt(2 * np.pi * GM_SUN_KM3_S2 / (period_d * DAY_S))
    return speed * np.cbrt(mass_msun) * mass_ratio * sin_i / (1 + mass_ratio) ** (2 / 3)


def draw_orbits(mass_msun: Array, fraction: float, rng: np.random.Generator) -> dict[str, NDArray]:
    """Draw which stars are primaries of binaries, and their orbits in random directions.

    The distributions are those of O stars for all masses; the companion adds no light, and the orbits are circular.

    Returns
    -------
    dict
        is_binary (bool), semi_amplitude_kms, period_d, phase (radians at MJD 0), each of shape (n,), NaN for single
        stars.
    """
    n_stars = mass_msun.size
    is_binary = rng.random(n_stars) < fraction
    period = 10 ** draw_power_law(LOG_PERIOD_LIMITS, LOG_PERIOD_POWER, n_stars, rng)
    mass_ratio = draw_power_law(MASS_RATIO_LIMITS, MASS_RATIO_POWER, n_stars, rng)
    sin_i = np.sqrt(1 - rng.random(n_stars) ** 2)
    phase = 2 * np.pi * rng.random(n_stars)
    orbits = {
        "semi_amplitude_kms": semi_amplitude(period, mass_msun, mass_ratio, sin_i),
        "period_d": period,
        "phase": phase,
    }
    return {"is_binary": is_binary} | {name: np.where(is_binary, value, np.nan) for name, value in orbits.items()}


def orbital_velocity(orbits: dict[str, NDArray], mjd: Array) -> Array:
    """Return the primary's line-of-sight velocity about the centre of mass [km/s] at `mjd`; 0 for single stars."""
    angle = 2 * np.pi * mjd / orbits["period_d"] + orbits["phase"]
    return np.where(orbits["is_binary"], orbits["semi_amplitude_kms"] * np.cos(angle), 0.0)
