"""What binaries do to mean velocities of a few epochs: stars of known cadence and errors, simulated single and mixed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.epochs import Epochs, mean_velocity
from discatlas.errors import DiscatlasError
from discatlas.simulation.surveys.binaries import draw_orbits, orbital_velocity

Array = NDArray[np.float64]
SHARES = {"p16": 0.158655, "p50": 0.5, "p84": 0.841345}  # within one standard deviation of a normal distribution
GROUPS = {"all": (1, np.inf), "one_epoch": (1, 1), "several_epochs": (2, np.inf)}  # least and most epochs
POPULATIONS = ("single", "mixed", "binary")


@dataclass(frozen=True)
class MeanVelocities:
    """Mean velocities minus the systemic one [km/s] of one realisation, shape (n_stars,) each.

    `single` is measurement noise alone; `mixed` has the same noise and the orbits of those that `is_binary` marks.
    """

    single: Array
    mixed: Array
    is_binary: NDArray[np.bool_]

    def populations(self) -> dict[str, tuple[Array, NDArray[np.bool_]]]:
        """Return for each of `POPULATIONS` the velocities and which stars it has."""
        everyone = np.ones(self.single.size, dtype=bool)
        return {
            "single": (self.single, everyone),
            "mixed": (self.mixed, everyone),
            "binary": (self.mixed, self.is_binary),
        }


def simulate_means(
    epochs: Epochs, mass_msun: Array, binary_fraction: float, mean: str, rng: np.random.Generator
) -> MeanVelocities:
    """Return mean velocities of stars at rest, observed at their own epochs with their own errors.

    Parameters
    ----------
    epochs : Epochs
        Times and errors; the velocities are not used.
    mass_msun : ndarray, shape (n_stars,)
        Masses of the primaries.
    binary_fraction : float
        Chance of each star to be the primary of a binary of the periods and mass ratios of O stars (Sana et al. 2012,
        Science 337, 444) on a circular orbit in a random direction.
    mean : str
        ``plain`` or ``weighted``, as in `discatlas.epochs.mean_velocity`.
    """
    orbits = draw_orbits(mass_msun, binary_fraction, rng)
    noise = epochs.error * rng.standard_normal(epochs.error.size)
    star = epochs.star
    motion = orbital_velocity({name: values[star] for name, values in orbits.items()}, epochs.time_d)
    single, mixed = (
        mean_velocity(epochs.first, velocity, epochs.error, mean)[0] for velocity in (noise, noise + motion)
    )
    return MeanVelocities(single, mixed, orbits["is_binary"])


def bin_edges(limit_kms: float, bin_kms: float) -> Array:
    """Return the edges of bins from -limit to limit, of which one is centred on zero or one edge is zero.

    Raises
    ------
    DiscatlasError
        If the bins do not fill the range.
    """
    n = 2 * limit_kms / bin_kms
    if abs(n - round(n)) > 1e-9 or n < 2:
        raise DiscatlasError(
            f"bins of {bin_kms:g} km/s do not fill -{limit_kms:g} to {limit_kms:g} km/s; make 2 limit_kms / bin_kms whole"
        )
    return np.linspace(-limit_kms, limit_kms, round(n) + 1)


def _selections(realisations: list[MeanVelocities], n_epochs: NDArray[np.int64]) -> Iterator[tuple[str, str, Array]]:
    """Yield population, group and the velocities of all realisations together."""
    for group, (least, most) in GROUPS.items():
        inside = (n_epochs >= least) & (n_epochs <= most)
        for population in POPULATIONS:
            parts = (one.populations()[population] for one in realisations)
            yield population, group, np.concatenate([velocity[inside & has] for velocity, has in parts])


def summarise(
    realisations: list[MeanVelocities], n_epochs: NDArray[np.int64], edges: Array
) -> tuple[dict[str, NDArray], dict[str, dict]]:
    """Return histograms in the columns of contract ``binaries``, and mean, scatter and percentiles by group.

    Parameters
    ----------
    realisations : list of MeanVelocities
        Of the same stars.
    n_epochs : ndarray of int64, shape (n_stars,)
        Their numbers of epochs.
    edges : ndarray, shape (n_bins + 1,)
        Of the bins [km/s]; velocities beyond are counted in the second result alone.

    Returns
    -------
    table : dict of ndarray
        One row per population, group and bin.
    groups : dict
        For each group n_stars (of one realisation), and for each population n_simulated, n_outside, mean_kms, std_kms
        and the percentiles p16_kms, p50_kms, p84_kms; None where there is no star.
    """
    rows: dict[str, list] = {name: [] for name in ("population", "group", "v_lo_kms", "v_hi_kms", "n_stars")}
    groups: dict[str, dict] = {}
    for population, group, velocity in _selections(realisations, n_epochs):
        counts = np.histogram(velocity, edges)[0]
        rows["population"].append(np.full(counts.size, population, dtype=object))
        rows["group"].append(np.full(counts.size, group, dtype=object))
        for name, values in (("v_lo_kms", edges[:-1]), ("v_hi_kms", edges[1:]), ("n_stars", counts)):
            rows[name].append(values)
        least, most = GROUPS[group]
        about = groups.setdefault(group, {"n_stars": int(np.sum((n_epochs >= least) & (n_epochs <= most)))})
        about[population] = {
            "n_simulated": velocity.size,
            "n_outside": int(velocity.size - counts.sum()),
            **_moments(velocity),
        }
    return {name: np.concatenate(parts) for name, parts in rows.items()}, groups


def _moments(velocity: Array) -> Mapping[str, float | None]:
    names = ("mean_kms", "std_kms", *(f"{name}_kms" for name in SHARES))
    if not velocity.size:
        return dict.fromkeys(names)
    values = (velocity.mean(), velocity.std(), *np.quantile(velocity, list(SHARES.values())))
    return {name: float(value) for name, value in zip(names, values, strict=True)}
