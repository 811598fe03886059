"""Footprints in simple form: circular fields on a grid in Galactic coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FieldGrid:
    """Circular fields in rows of constant latitude, closer to each other near the plane.

    Up to `plane_b_max_deg` on both sides the rows, and the fields within them, are `plane_spacing_deg` apart, beyond
    `halo_spacing_deg`; fields that would overlap belong to the nearest centre.
    """

    radius_deg: float
    plane_spacing_deg: float
    plane_b_max_deg: float
    halo_spacing_deg: float

    def rows(self) -> tuple[Array, NDArray[np.int64]]:
        """Return the latitude [deg] of each row and the number of its fields."""
        in_plane = np.arange(0.0, self.plane_b_max_deg + 1e-9, self.plane_spacing_deg)
        beyond = np.arange(in_plane[-1] + self.halo_spacing_deg, 90.0 - self.radius_deg, self.halo_spacing_deg)
        latitude = np.concatenate([in_plane, beyond])
        spacing = np.where(latitude <= in_plane[-1], self.plane_spacing_deg, self.halo_spacing_deg)
        latitude, spacing = np.concatenate([latitude, -latitude[1:]]), np.concatenate([spacing, spacing[1:]])
        return latitude, np.maximum(1, np.floor(360.0 * np.cos(np.radians(latitude)) / spacing)).astype(np.int64)

    def nearest(self, l_deg: Array, b_deg: Array) -> tuple[Array, Array, Array]:
        """Return l and b of the nearest centre and the separation from it [deg], each of shape (n,)."""
        separation = np.full(l_deg.size, np.inf)
        centre_l, centre_b = np.zeros(l_deg.size), np.zeros(l_deg.size)
        for b, n_fields in zip(*self.rows(), strict=True):
            near = np.flatnonzero(np.abs(b_deg - b) <= self.radius_deg)
            step = 360.0 / n_fields
            l = (np.round(l_deg[near] / step) % n_fields) * step  # noqa: E741
            distance = angular_separation(l_deg[near], b_deg[near], l, b)
            closer = distance < separation[near]
            rows = near[closer]
            separation[rows], centre_l[rows], centre_b[rows] = distance[closer], l[closer], b
        return centre_l, centre_b, separation


def angular_separation(l_deg: Array, b_deg: Array, other_l_deg: Array, other_b_deg: Array | float) -> Array:
    """Return the angle between directions [deg], exact also where it is small (haversine)."""
    b, other_b = np.radians(b_deg), np.radians(other_b_deg)
    across = np.sin(0.5 * np.radians(l_deg - other_l_deg)) ** 2 * np.cos(b) * np.cos(other_b)
    return np.degrees(2 * np.arcsin(np.sqrt(np.sin(0.5 * (b - other_b)) ** 2 + across)))
