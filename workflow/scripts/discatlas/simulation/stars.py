"""What simulated stars are made of: initial masses from an IMF, parameters from isochrones, magnitudes, and weights.

A survey sees few of the stars that the IMF makes, so the masses are drawn from a proposal that favours what is seen:
with probability `evolved_fraction` from the IMF between the end of the main sequence and the tip of the star's own
isochrone, else from the IMF between a lower limit and the tip; young stars from a flatter power law. No star is drawn dead. The weight is the density of the
IMF over that of the proposal, with the IMF normalised over its whole range: the number of living stars that one drawn
star stands for, per star ever formed. Sums of weights over stars of one age and [Fe/H] reproduce the IMF.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.isochrones import IsochroneGrid, living_masses, star_parameters
from discatlas.photometry import BolometricCorrections, absolute_magnitudes

Array = NDArray[np.float64]
POPULATIONS = ("thin", "thick", "young")
INSIDE = 1.0 - 1e-12  # of the tip's mass: rounding must not put a star beyond it


@dataclass(frozen=True)
class InitialMassFunction:
    """A broken power law: stars per mass as m^(-slope) between neighbouring `limits_msun`, continuous, of integral 1."""

    limits_msun: tuple[float, ...]
    slopes: tuple[float, ...]

    def density(self, mass_msun: ArrayLike) -> Array:
        """Return the number of stars per solar mass; zero outside the limits."""
        mass = np.asarray(mass_msun, dtype=np.float64)
        heights, _ = self._segments()
        k = self._segment(mass, np.array(self.limits_msun))
        inside = (mass >= self.limits_msun[0]) & (mass <= self.limits_msun[-1])
        with np.errstate(divide="ignore"):
            return np.where(inside, heights[k] * mass ** -np.array(self.slopes)[k], 0.0)

    def cumulative(self, mass_msun: ArrayLike) -> Array:
        """Return the fraction of stars below a mass [msun]."""
        limits = np.array(self.limits_msun)
        mass = np.clip(np.asarray(mass_msun, dtype=np.float64), limits[0], limits[-1])
        heights, steps = self._segments()
        k = self._segment(mass, limits)
        power = 1.0 - np.array(self.slopes)[k]
        return steps[k] + heights[k] / power * (mass**power - limits[k] ** power)

    def quantile(self, fraction: ArrayLike) -> Array:
        """Return the mass [msun] below which a fraction of the stars lies."""
        fraction, limits = np.asarray(fraction, dtype=np.float64), np.array(self.limits_msun)
        heights, steps = self._segments()
        k = self._segment(fraction, steps)
        power = 1.0 - np.array(self.slopes)[k]
        return ((fraction - steps[k]) * power / heights[k] + limits[k] ** power) ** (1.0 / power)

    @staticmethod
    def _segment(values: Array, edges: Array) -> NDArray[np.int64]:
        return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)

    def _segments(self) -> tuple[Array, Array]:
        """Return the factor of each power law, and the cumulative fraction at each limit."""
        limits, slopes = np.array(self.limits_msun), np.array(self.slopes)
        heights = np.concatenate([[1.0], np.cumprod(limits[1:-1] ** np.diff(slopes))])
        numbers = heights / (1.0 - slopes) * (limits[1:] ** (1.0 - slopes) - limits[:-1] ** (1.0 - slopes))
        steps = np.concatenate([[0.0], np.cumsum(numbers)])
        return heights / steps[-1], steps / steps[-1]


IMFS = {
    "kroupa2001": InitialMassFunction((0.08, 0.5, 120.0), (1.3, 2.3)),  # Kroupa 2001, MNRAS 322, 231, Eq. 2
    "salpeter1955": InitialMassFunction((0.08, 120.0), (2.35,)),  # Salpeter 1955, ApJ 121, 161
}


def initial_mass_function(name: str) -> InitialMassFunction:
    """Return one of `IMFS` by name.

    Raises
    ------
    DiscatlasError
        If there is none of that name.
    """
    if name not in IMFS:
        raise DiscatlasError(f"unknown IMF {name!r}{nearest(name, IMFS)}; expected one of {', '.join(IMFS)}")
    return IMFS[name]


def draw_initial_masses(
    n: int, rng: np.random.Generator, imf: InitialMassFunction, mass_min: ArrayLike, mass_max: ArrayLike
) -> Array:
    """Draw n initial masses [msun] from the IMF between two limits, each one number or one per star."""
    low, high = imf.cumulative(mass_min), imf.cumulative(mass_max)
    return imf.quantile(low + rng.random(n) * (high - low))


@dataclass(frozen=True)
class StarSampling:
    """How stars are drawn, named and in units as in config/config.yaml."""

    imf: str
    evolved_fraction: float
    mass_min_msun: float
    young_mass_min_msun: float
    young_mass_slope: float
    mass_max_msun: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the sampling from its config entry, which holds exactly these keys.

        Raises
        ------
        DiscatlasError
            For a least mass that is not below the largest.
        """
        for key in ("mass_min_msun", "young_mass_min_msun"):
            if config[key] >= config["mass_max_msun"]:
                raise DiscatlasError(
                    f"stars.{key}: got {config[key]:g}, not below mass_max_msun ({config['mass_max_msun']:g})"
                )
        return cls(**{field.name: config[field.name] for field in fields(cls)})


def draw_stars(
    age_Gyr: ArrayLike,
    feh_dex: ArrayLike,
    population: ArrayLike,
    rng: np.random.Generator,
    *,
    grid: IsochroneGrid,
    corrections: BolometricCorrections,
    sampling: StarSampling,
) -> tuple[dict[str, Array], dict[str, int]]:
    """Draw one living star for each age [Gyr], [Fe/H] [dex] and population ("thin", "thick" or "young"), shapes (n,).

    Young stars come from the power law m^-young_mass_slope above `young_mass_min_msun`, the others from the mixture of the module's docstring
    with `evolved_fraction` above `mass_min_msun`; where no star has left the main sequence yet, all come from the IMF.

    Returns
    -------
    columns : dict of ndarray, shape (n,)
        initial_mass_msun, mass_msun, teff_K, logg_dex, log_luminosity_dex, phase, ``M_{band}_mag`` and weight.
    counts : dict of int
        Stars of an age or [Fe/H] beyond the isochrones, which got those of the edge, and stars beyond the table of
        bolometric corrections.

    Raises
    ------
    DiscatlasError
        For a population of another name, an age that is not positive, or no living star within the limits of mass.
    """
    age, feh, young = _check_input(age_Gyr, feh_dex, population)
    log_age = np.clip(np.log10(age) + 9.0, grid.log_age[0], grid.log_age[-1])
    nearest_feh = np.clip(feh, grid.feh_dex[0], grid.feh_dex[-1])
    limits = _mass_limits(log_age, nearest_feh, young, grid, sampling)
    imf = initial_mass_function(sampling.imf)
    mass, weight = _draw_masses(limits, sampling.evolved_fraction, imf, rng)
    young_mass, young_weight = _draw_young_masses(limits, sampling.young_mass_slope, imf, rng)
    mass, weight = np.where(young, young_mass, mass), np.where(young, young_weight, weight)
    stars = star_parameters(grid, mass, log_age, nearest_feh)
    magnitudes, n_beyond = absolute_magnitudes(
        corrections, stars.log_luminosity_dex, stars.teff_K, stars.logg_dex, nearest_feh
    )
    columns = {
        "initial_mass_msun": mass,
        "mass_msun": stars.mass_msun,
        "teff_K": stars.teff_K,
        "logg_dex": stars.logg_dex,
        "log_luminosity_dex": stars.log_luminosity_dex,
        "phase": stars.phase,
        **magnitudes,
        "weight": weight,
    }
    counts = {
        "age_beyond_isochrones": int((np.abs(log_age - np.log10(age) - 9.0) > 1e-9).sum()),
        "feh_beyond_isochrones": int((nearest_feh != feh).sum()),
        "beyond_bolometric_corrections": n_beyond,
    }
    return columns, counts


def _check_input(
    age_Gyr: ArrayLike, feh_dex: ArrayLike, population: ArrayLike
) -> tuple[Array, Array, NDArray[np.bool_]]:
    names = np.atleast_1d(np.asarray(population, dtype=str))
    for name in sorted(set(names.tolist()) - set(POPULATIONS)):
        known = ", ".join(POPULATIONS)
        raise DiscatlasError(f"unknown population {name!r}{nearest(name, POPULATIONS)}; expected one of {known}")
    age, feh, young = np.broadcast_arrays(
        np.asarray(age_Gyr, dtype=np.float64), np.asarray(feh_dex, dtype=np.float64), names == "young"
    )
    for what, good, values in (("age_Gyr", age > 0, age), ("feh_dex", np.isfinite(feh), feh)):
        if not good.all():
            row = np.flatnonzero(~good)[0]
            expected = "a positive age" if what == "age_Gyr" else "a number"
            raise DiscatlasError(f"{what} of star {row:,} is {values[row]:g}, expected {expected}")
    return age, feh, young


def _mass_limits(
    log_age: Array, feh: Array, young: NDArray[np.bool_], grid: IsochroneGrid, sampling: StarSampling
) -> tuple[Array, Array, Array]:
    """Return the lowest mass to draw, the end of the main sequence within the limits, and the highest mass [msun]."""
    masses = living_masses(grid, log_age, feh)
    low = np.where(young, sampling.young_mass_min_msun, sampling.mass_min_msun)
    high = np.minimum(masses.tip, sampling.mass_max_msun)
    for bad, what in ((low >= high, "the heaviest living star has"), (low < masses.lowest, "the isochrones begin at")):
        if bad.any():
            row = np.flatnonzero(bad)[0]
            option = "young_mass_min_msun" if young[row] else "mass_min_msun"
            edge = high[row] if low[row] >= high[row] else masses.lowest[row]
            raise DiscatlasError(
                f"{option} is {low[row]:g} msun, but at an age of {10 ** (log_age[row] - 9):.3g} Gyr and [Fe/H] {feh[row]:.2f} "
                f"{what} {edge:.3g} msun ({bad.sum():,} stars); change {option} or the ages"
            )
    return low, np.clip(masses.turnoff, low, high), high


def _draw_masses(
    limits: tuple[Array, Array, Array], evolved_fraction: float, imf: InitialMassFunction, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return masses [msun] drawn from the mixture, and the density of the IMF over that of the mixture."""
    low, turnoff, high = limits
    n_all, n_evolved = (imf.cumulative(high) - imf.cumulative(edge) for edge in (low, turnoff))
    has_evolved = n_evolved > 0.0
    probability = np.where(has_evolved, evolved_fraction, 0.0)
    evolved = rng.random(low.size) < probability
    least = np.where(evolved, turnoff, low)
    mass = np.clip(draw_initial_masses(low.size, rng, imf, least, high), least, high * INSIDE)
    per_evolved = np.divide(probability, n_evolved, out=np.zeros(low.size), where=has_evolved)
    return mass, 1.0 / ((1.0 - probability) / n_all + np.where(mass >= turnoff, per_evolved, 0.0))


def _draw_young_masses(
    limits: tuple[Array, Array, Array], slope: float, imf: InitialMassFunction, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return masses [msun] drawn from m^-slope between the limits, and the density of the IMF over that of the proposal."""
    low, _, high = limits
    power = 1.0 - slope
    share = rng.random(low.size)
    if abs(power) < 1e-9:
        mass, norm = low * (high / low) ** share, np.log(high / low)
    else:
        norm = (high**power - low**power) / power
        mass = (low**power + share * power * norm) ** (1.0 / power)
    mass = np.clip(mass, low, high * INSIDE)
    return mass, imf.density(mass) * norm * mass**slope
