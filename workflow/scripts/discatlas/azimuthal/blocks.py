"""Blocks of an annulus: rings in R by sectors in azimuth, with the means of their stars and the scatter about these."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.deviations import AnnulusStars, PhiBins
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Rings of equal width across an annulus, and sectors of `bins_per_sector` bins of azimuth."""

    R_low_kpc: float
    ring_kpc: float
    n_rings: int
    bins: PhiBins
    bins_per_sector: int

    @classmethod
    def of_size(cls, limits_kpc: tuple[float, float], bins: PhiBins, block_kpc: float) -> "Layout":
        """Lay out blocks of about `block_kpc` along R and along azimuth at the middle of the annulus.

        Raises
        ------
        DiscatlasError
            For a size that is not above zero.
        """
        if not block_kpc > 0:
            raise DiscatlasError(f"azimuthal variation: got block_kpc {block_kpc}, expected more than 0")
        low, high = limits_kpc
        n_rings = max(1, round((high - low) / block_kpc))
        width_kpc = 0.5 * (low + high) * np.deg2rad(bins.width_deg)
        return cls(low, (high - low) / n_rings, n_rings, bins, max(1, round(block_kpc / width_kpc)))

    def with_sectors_of_one_bin(self) -> "Layout":
        """Return the same rings with every bin a sector."""
        return Layout(self.R_low_kpc, self.ring_kpc, self.n_rings, self.bins, 1)

    @property
    def n_sectors(self) -> int:
        """Number of sectors; the last may be narrower."""
        return -(-self.bins.n_bins // self.bins_per_sector)

    def rings_and_sectors(self, stars: AnnulusStars) -> tuple[Integers, Integers]:
        """Return ring and sector of each star, also beyond the annulus and the bins, where the numbers go on."""
        ring = np.floor((stars.R_kpc - self.R_low_kpc) / self.ring_kpc).astype(np.int64)
        return ring, self.bins.steps(stars.phi_deg) // self.bins_per_sector

    def everywhere(self, stars: AnnulusStars) -> tuple[Integers, Array, Array]:
        """Return the number of each star's block, in the bins or not, and mean R and phi of the stars of all blocks."""
        ring, sector = self.rings_and_sectors(stars)
        ring, sector = ring - ring.min(), sector - sector.min()
        _, block, n = np.unique(ring * (sector.max() + 1) + sector, return_inverse=True, return_counts=True)
        R, phi = (np.bincount(block, column) / n for column in (stars.R_kpc, stars.phi_deg))
        return block, R, phi


@dataclass(frozen=True)
class Blocks:
    """The blocks that hold stars, by ring and sector, shape (b,) each.

    `R_kpc`, `phi_deg` and `mean` are means of the stars' places and deviations, `scatter` is the standard deviation of stars
    about the means of their blocks, `star` holds the rows of the stars in the order of the blocks.
    """

    ring: Integers
    sector: Integers
    n: Integers
    mean: Array
    R_kpc: Array
    phi_deg: Array
    scatter: float
    star: Integers

    @property
    def levels(self) -> Array:
        """A column of zeros and ones for each ring, shape (b, rings)."""
        return indicators(self.ring)


def gather_blocks(stars: AnnulusStars, layout: Layout) -> Blocks:
    """Return the blocks of the stars within annulus and bins.

    Raises
    ------
    DiscatlasError
        If no star lies in the bins, or all have one value.
    """
    used = np.flatnonzero(stars.is_inside & (layout.bins.numbers(stars.phi_deg) >= 0))
    low, high = stars.limits_kpc
    if not used.size:
        raise DiscatlasError(
            f"azimuthal variation: no star of the annulus {low:g} to {high:g} kpc lies in phi_limits_deg"
        )
    ring, sector = (part[used] for part in layout.rings_and_sectors(stars))
    ring = np.clip(ring, 0, layout.n_rings - 1)  # rounding at the upper limit
    found, block, n = np.unique(ring * layout.n_sectors + sector, return_inverse=True, return_counts=True)
    order = np.argsort(block, kind="stable")
    values = stars.deviation[used]
    mean = np.bincount(block, values) / n
    rest = values - mean[block]
    freedom = used.size - found.size
    scatter = float(np.sqrt(np.sum(rest**2) / freedom)) if freedom > 0 else np.nan
    if not scatter > 0:
        raise DiscatlasError(
            f"azimuthal variation: the values of {used.size:,} stars in the annulus {low:g} to {high:g} kpc do not scatter "
            "within blocks: is the quantity constant, or are there fewer stars than blocks?"
        )
    R, phi = (np.bincount(block, column[used]) / n for column in (stars.R_kpc, stars.phi_deg))
    return Blocks(found // layout.n_sectors, found % layout.n_sectors, n, mean, R, phi, scatter, used[order])


def indicators(groups: Integers) -> Array:
    """Return a column of zeros and ones for each group that occurs, shape (b, g)."""
    return (groups[:, None] == np.unique(groups)[None, :]).astype(float)
