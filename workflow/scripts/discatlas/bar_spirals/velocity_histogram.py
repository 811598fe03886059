"""Stars counted in the plane of (v_R, v_phi): those of a sample near a place, and published arrays of counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError, nearest
from discatlas.sources.grid_map import load_array

Array = NDArray[np.float64]
INDICES = ("phi_R", "R_phi")


@dataclass(frozen=True)
class Neighbourhood:
    """A cylinder about a place in the disc: its radius in the plane, and its half height about Z = 0 [kpc]."""

    R_kpc: float
    phi_deg: float
    radius_kpc: float
    height_kpc: float

    @classmethod
    def from_config(cls, config: Mapping[str, float]) -> Self:
        """Build the cylinder from its config entry.

        Raises
        ------
        DiscatlasError
            For a size that is not above 0.
        """
        sizes = {name: float(config[name]) for name in ("radius_kpc", "height_kpc")}
        if not min(sizes.values()) > 0:
            raise DiscatlasError(f"velocity plane: got {sizes}, expected a radius and a height above 0")
        return cls(float(config["R_kpc"]), float(config["phi_deg"]), **sizes)

    def holds(self, X_kpc: Array, Y_kpc: Array, Z_kpc: Array) -> NDArray[np.bool_]:
        """Return which places lie in the cylinder."""
        phi = np.radians(self.phi_deg)
        distance = np.hypot(X_kpc + self.R_kpc * np.cos(phi), Y_kpc - self.R_kpc * np.sin(phi))
        return (distance < self.radius_kpc) & (np.abs(Z_kpc) < self.height_kpc)


def count_stars(grid: VelocityGrid, v_R_kms: Array, v_phi_kms: Array) -> NDArray[np.int64]:
    """Return the number of stars in each bin, shape `grid.shape`; those outside the grid are left out."""
    counts = np.histogram2d(v_R_kms, v_phi_kms, bins=(edges_of(grid.v_R_kms), edges_of(grid.v_phi_kms)))[0]
    return np.rint(counts).astype(np.int64)


def edges_of(centres: Array) -> Array:
    """Return the edges of bins of equal width, shape (n + 1,), from their centres."""
    step = centres[1] - centres[0]
    return np.append(centres - step / 2, centres[-1] + step / 2)


def histogram_columns(grid: VelocityGrid, counts: NDArray[np.int64]) -> dict[str, NDArray]:
    """Return the columns of the contract ``velocity_histogram``, one row per bin, v_phi fast."""
    v_R, v_phi = grid.velocities()
    return {"v_R_kms": v_R, "v_phi_kms": v_phi, "n_stars": np.asarray(counts, np.int64).ravel()}


def read_grid(columns: Mapping[str, NDArray], where: str) -> tuple[VelocityGrid, NDArray[np.int64]]:
    """Return the grid and the counts, shape `grid.shape`, of a table with the columns of ``velocity_histogram``.

    Raises
    ------
    DiscatlasError
        For rows that are not all bins of a grid, v_phi fast; `where` names the table.
    """
    grid = VelocityGrid(np.unique(columns["v_R_kms"]), np.unique(columns["v_phi_kms"]))
    v_R, v_phi = grid.velocities()
    n = columns["v_R_kms"].size
    if n != v_R.size or not (np.array_equal(v_R, columns["v_R_kms"]) and np.array_equal(v_phi, columns["v_phi_kms"])):
        raise DiscatlasError(f"{where}: {n:,} rows are not the {v_R.size:,} bins of a grid in order; make it anew")
    return grid, columns["n_stars"].reshape(grid.shape)


def read_published_histogram(
    path: Path, v_R_kms: Sequence[float], v_phi_kms: Sequence[float], index: str
) -> tuple[VelocityGrid, NDArray[np.int64]]:
    """Return the grid and the counts, shape `grid.shape`, of a published array.

    Parameters
    ----------
    path : Path
        A .npy file with an array of two dimensions.
    v_R_kms, v_phi_kms : (float, float, float)
        First and last edge of the bins, and their width.
    index : str
        ``phi_R`` where the array is indexed [i_phi, i_R], ``R_phi`` for the other order.

    Raises
    ------
    DiscatlasError
        For a bad file, an unknown order, a shape that is not that of the bins, and values that are no counts.
    """
    if index not in INDICES:
        raise DiscatlasError(
            f"published histogram: unknown index {index!r}{nearest(index, INDICES)}; expected one of {', '.join(INDICES)}"
        )
    centres = {}
    for name, spec in (("v_R_kms", v_R_kms), ("v_phi_kms", v_phi_kms)):
        first, last, width = (float(value) for value in spec)
        centres[name] = [first + width / 2, last - width / 2, width]
    grid = VelocityGrid.from_config(centres)
    values = load_array(path)
    expected = grid.shape if index == "R_phi" else grid.shape[::-1]
    if values.shape != expected:
        raise DiscatlasError(
            f"{path}: has shape {values.shape}, expected {expected} for {grid.shape[0]} bins of v_R, {grid.shape[1]} of v_phi "
            f"and index {index!r}"
        )
    counts = np.rint(values)
    if not (np.isfinite(values).all() and (values >= 0).all() and np.array_equal(counts, values) and counts.any()):
        raise DiscatlasError(
            f"{path}: holds values from {values.min():g} to {values.max():g}, expected numbers of stars"
        )
    return grid, (counts if index == "R_phi" else counts.T).astype(np.int64)


def check_orientation(where: str, grid: VelocityGrid, counts: NDArray[np.int64]) -> dict[str, float]:
    """Hold a histogram of a disc against rotation, and return its means and dispersions [km/s].

    In a disc v_phi is that of rotation, its spread below that of v_R, its tail on the side of slow rotation, and v_R lies
    about 0.

    Raises
    ------
    DiscatlasError
        For a histogram that is not so: the index order or the direction of an axis is another one.
    """
    n = counts.sum()
    mean_R, mean_phi = grid.v_R_kms @ counts.sum(axis=1) / n, grid.v_phi_kms @ counts.sum(axis=0) / n
    from_R, from_phi = grid.v_R_kms - mean_R, grid.v_phi_kms - mean_phi
    sigma_R, sigma_phi = np.sqrt(from_R**2 @ counts.sum(axis=1) / n), np.sqrt(from_phi**2 @ counts.sum(axis=0) / n)
    skewness = from_phi**3 @ counts.sum(axis=0) / n / sigma_phi**3
    facts = f"mean v_R {mean_R:.1f} and v_phi {mean_phi:.1f}, dispersions {sigma_R:.1f} and {sigma_phi:.1f} km/s"
    if mean_phi <= 0:
        raise DiscatlasError(f"{where}: v_phi is negative ({facts}); here it is positive with rotation")
    if sigma_phi > sigma_R or abs(mean_R) > sigma_R / 2:
        raise DiscatlasError(
            f"{where}: this is no disc ({facts}): v_R must spread more than v_phi, about 0; set index to R_phi instead of phi_R, or the reverse"
        )
    if skewness > 0:
        raise DiscatlasError(
            f"{where}: the tail of v_phi is on the side of fast rotation (skewness {skewness:.2f}); is its axis reversed?"
        )
    return {
        "v_R_mean_kms": float(mean_R),
        "v_phi_mean_kms": float(mean_phi),
        "v_R_dispersion_kms": float(sigma_R),
        "v_phi_dispersion_kms": float(sigma_phi),
        "v_phi_skewness": float(skewness),
    }


def provenance_of_grid(grid: VelocityGrid) -> dict[str, Any]:
    """Return first and last centre and step of either axis, for the record."""
    return {
        name: [float(axis[0]), float(axis[-1]), float(axis[1] - axis[0])]
        for name, axis in (("v_R_kms", grid.v_R_kms), ("v_phi_kms", grid.v_phi_kms))
    }
