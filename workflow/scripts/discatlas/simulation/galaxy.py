"""A simulated galaxy: particles with orbits or about a mean field, their chemistry, and the stars that they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from discatlas.isochrones import IsochroneGrid
from discatlas.photometry import BolometricCorrections
from discatlas.simulation.chemistry import Chemistry
from discatlas.simulation.mean_field import MeanFieldModel, simulate_mean_field
from discatlas.simulation.stars import StarSampling, draw_stars
from discatlas.streams import stream_generator

Array = NDArray[np.float64]
Columns = dict[str, Array]
CHUNK_PARTICLES = 100_000  # each chunk has a stream of its own, so that memory does not grow with the particles
BYTES_PER_PARTICLE = 4_000  # of a chunk at work, measured and rounded up
BYTES_ON_DISK = 260  # per particle, measured and rounded up
FEH_LIMITS_DEX, LOG_AGE_LIMITS = (-1.5, 0.5), (6.0, 10.2)  # of the isochrones that are read


class Motion(Protocol):
    """What makes places, velocities, ages and populations: integrated orbits, or a mean field."""

    def simulate(self, n: int, rng: np.random.Generator) -> Columns:
        """Return n particles today."""
        ...


@dataclass(frozen=True)
class MeanFieldMotion:
    """Velocities about a mean field that is known at every point."""

    model: MeanFieldModel

    def simulate(self, n: int, rng: np.random.Generator) -> Columns:
        """Return n particles today."""
        return simulate_mean_field(self.model, n, rng, 0)


@dataclass(frozen=True)
class Galaxy:
    """Everything that a particle's row needs."""

    motion: Motion
    chemistry: Chemistry
    sampling: StarSampling
    isochrones: IsochroneGrid
    corrections: BolometricCorrections
    R0_kpc: float

    def simulate_chunk(self, n: int, first: int, rng: np.random.Generator) -> tuple[Columns, dict[str, int]]:
        """Return the columns of contract ``galaxy`` for n particles numbered from `first`, and counts of clamped stars."""
        particles = self.motion.simulate(n, rng)
        R, phi, Z = particles["R_kpc"], particles["phi_deg"], particles["Z_kpc"]
        feh = self.chemistry.draw_feh(R, phi, Z, self.R0_kpc, rng)
        stars, counts = draw_stars(
            particles["age_Gyr"],
            feh,
            particles["population"],
            rng,
            grid=self.isochrones,
            corrections=self.corrections,
            sampling=self.sampling,
        )
        weight = particles["weight"] * stars.pop("weight")
        number = np.arange(first, first + n, dtype=np.int64)
        return particles | stars | {"particle": number, "weight": weight, "feh_dex": feh}, counts


def simulate_chunks(
    galaxy: Galaxy, n_particles: int, seed: int, name: str
) -> Iterator[tuple[Columns, Mapping[str, int]]]:
    """Yield the galaxy chunk by chunk, each from a stream of its own."""
    for first in range(0, n_particles, CHUNK_PARTICLES):
        rng = stream_generator(seed, "simulate_galaxy", name, str(first))
        yield galaxy.simulate_chunk(min(CHUNK_PARTICLES, n_particles - first), first, rng)


def chemistry_of(config: Mapping[str, Any]) -> Chemistry:
    """Return the chemistry of a galaxy's config entry: the truth for checks."""
    return Chemistry.from_config(config["chemistry"])
