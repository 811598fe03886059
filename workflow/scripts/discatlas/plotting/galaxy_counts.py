"""What the page of a simulated galaxy shows, gathered from its particles batch by batch.

Particles are counted unweighted. Kinematics are those of the old populations: the young stars are oversampled, and
colder.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.plotting.histograms import Axis, Histogram

Array = NDArray[np.float64]
COLUMNS = ("population", "X_kpc", "Y_kpc", "Z_kpc", "v_R_kms", "v_phi_kms")
YOUNG = "young"
MIN_PARTICLES = 1000  # old ones, for a page
MIN_LOCAL, ENOUGH_LOCAL = 100, 2000  # old ones near the Sun: needed, and those for which the distance is widened
WIDER = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the distance from the Sun
_PLANE = Axis(-24.0, 0.1, 480)  # X and Y [kpc]
_RADIUS = Axis(0.0, 0.1, 240)  # R [kpc]
_RING = Axis(0.0, 0.2, 120)  # R of the rings of which azimuthal means are taken [kpc]
_SPEED = Axis(-240.0, 2.0, 240)  # v_R [km/s]
_ROTATION = Axis(-200.0, 2.5, 240)  # v_phi against R [km/s]
_LOCAL_ROTATION = Axis(-60.0, 2.0, 240)  # v_phi near the Sun [km/s]


class GalaxyCounts:
    """Histograms of the particles of a galaxy.

    Parameters
    ----------
    R0_kpc : float
        Radius of the Sun's place in the plane, at azimuth zero.
    radius_kpc : float
        Particles within this distance from there, in the plane, make the velocity plane; it is widened, up to six
        times, as long as there are fewer than 2,000.
    Z_max_kpc : float
        Particles nearer to the plane than this make the velocity plane.

    Attributes
    ----------
    old, young : Histogram
        Particles in (X, Y); `old` with the sums of v_R, v_phi and R.
    rings : Histogram
        Old particles in R, with the sums of R and v_phi.
    rotation : Histogram
        Old particles in (R, v_phi).
    populations : dict of str to int
        Number of particles of each population.
    """

    def __init__(self, R0_kpc: float, radius_kpc: float = 0.5, Z_max_kpc: float = 1.0) -> None:
        self.R0_kpc, self.Z_max_kpc = R0_kpc, Z_max_kpc
        self.old = Histogram((_PLANE, _PLANE), ("v_R", "v_phi", "R"))
        self.young = Histogram((_PLANE, _PLANE))
        self.rings = Histogram((_RING,), ("R", "v_phi"))
        self.rotation = Histogram((_RADIUS, _ROTATION))
        self.populations: dict[str, int] = {}
        self.n_missing = 0
        self._local = [(radius_kpc * factor, Histogram((_SPEED, _LOCAL_ROTATION))) for factor in WIDER]

    def add(self, batch: pl.DataFrame) -> None:
        """Add a batch with the columns `COLUMNS`; rows that lack a number are left out and counted."""
        columns = {name: batch[name].cast(pl.Float64).to_numpy() for name in COLUMNS[1:]}
        known = np.all([np.isfinite(column) for column in columns.values()], axis=0)
        self.n_missing += int(np.count_nonzero(~known))
        for name, n in batch["population"].filter(pl.Series(known)).value_counts().iter_rows():
            self.populations[name] = self.populations.get(name, 0) + n
        young = (batch["population"] == YOUNG).to_numpy()
        self.young.add([columns[name][known & young] for name in ("X_kpc", "Y_kpc")])
        self._add_old({name: column[known & ~young] for name, column in columns.items()})

    def _add_old(self, of: Mapping[str, Array]) -> None:
        X, Y, v_R, v_phi = (of[name] for name in ("X_kpc", "Y_kpc", "v_R_kms", "v_phi_kms"))
        R = cylindrical_position(X, Y)[0]
        self.old.add((X, Y), {"v_R": v_R, "v_phi": v_phi, "R": R})
        self.rings.add((R,), {"R": R, "v_phi": v_phi})
        self.rotation.add((R, v_phi))
        distance = np.where(np.abs(of["Z_kpc"]) < self.Z_max_kpc, np.hypot(X + self.R0_kpc, Y), np.inf)
        for radius_kpc, histogram in self._local:
            near = distance < radius_kpc
            histogram.add((v_R[near], v_phi[near]))

    @property
    def n_young(self) -> int:
        """Number of young particles."""
        return self.populations.get(YOUNG, 0)

    @property
    def n_old(self) -> int:
        """Number of particles of the other populations."""
        return sum(self.populations.values()) - self.n_young

    def check(self, where: str) -> None:
        """Raise a DiscatlasError that names `where` if there are too few particles for a page."""
        if not self.populations:
            raise DiscatlasError(f"{where}: no particles to draw; make the galaxy anew with rule simulate_galaxy")
        if self.n_old < MIN_PARTICLES:
            got = f"{self.n_old:,} particles of the old populations"
            raise DiscatlasError(f"{where}: {got}, expected at least {MIN_PARTICLES:,}; raise n_particles")
        radius_kpc, local = self.local()
        n = local.n_inside + local.n_outside
        if n < MIN_LOCAL:
            got = f"{n:,} old particles within {radius_kpc:g} kpc of the Sun's place"
            raise DiscatlasError(f"{where}: {got}, expected at least {MIN_LOCAL:,}; raise n_particles")

    def local(self) -> tuple[float, Histogram]:
        """Return the least distance within which there are 2,000 old particles (else the widest) and their velocities."""
        enough = [item for item in self._local if item[1].n_inside + item[1].n_outside >= ENOUGH_LOCAL]
        return (enough or self._local[-1:])[0]

    def azimuthal_mean(self, min_count: int = 1) -> tuple[Array, Array]:
        """Return mean radius and mean v_phi of the old particles in each ring that holds at least `min_count`."""
        held = self.rings.counts >= min_count
        return self.rings.mean("R")[held], self.rings.mean("v_phi")[held]

    def with_residual(self) -> Histogram:
        """Return `old` with one more sum: v_phi minus its azimuthal mean, interpolated between rings to each cell's mean R."""
        R, mean = self.azimuthal_mean()
        expected = np.interp(self.old.mean("R"), R, mean)
        self.old.sums["residual"] = self.old.sums["v_phi"] - np.where(
            self.old.counts > 0, self.old.counts * expected, 0
        )
        return self.old


def count_galaxy(batches: Iterable[pl.DataFrame], **options: float) -> GalaxyCounts:
    """Return the histograms of all `batches`; `options` are those of `GalaxyCounts`."""
    counts = GalaxyCounts(**options)
    for batch in batches:
        counts.add(batch)
    return counts
