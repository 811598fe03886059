"""Rows of volumes of phase space, and the distribution of v_phi in each of them.

A row runs along one coordinate, its volumes side by side without overlap, at fixed values of the two others: along R at the
azimuth of the Sun and along azimuth at its radius, both at some v_R; or along v_R at some place (Bernet et al. 2022, 2024;
Khalil et al. 2025, Figs. 9 and 10).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.wavelets import REACH, Wavelet
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
COORDINATES = ("R_kpc", "phi_deg", "v_R_kms")
AXES = {"R": "R_kpc", "phi": "phi_deg", "v_R": "v_R_kms"}


@dataclass(frozen=True)
class Row:
    """Volumes side by side.

    Parameters
    ----------
    axis : str
        ``R``, ``phi`` or ``v_R``: along what.
    places : array, shape (n,)
        Centres along it, uniform.
    width : float
        Extent of a volume along it.
    fixed, half : mapping of str to float
        Centre and half width of the two other coordinates, by column.
    """

    axis: str
    places: Array
    width: float
    fixed: Mapping[str, float]
    half: Mapping[str, float]

    @property
    def along(self) -> str:
        """The column along which the row runs."""
        return AXES[self.axis]

    @property
    def key(self) -> tuple[str, float, float, float]:
        """What tells rows apart: axis, R, azimuth and v_R, of which that along the row is NaN."""
        return (self.axis, *(self.fixed.get(name, np.nan) for name in COORDINATES))

    def coordinates(self) -> dict[str, Array]:
        """Return R_kpc, phi_deg and v_R_kms of all places, shape (n,) each."""
        return {
            name: self.places if name == self.along else np.full(self.places.size, self.fixed[name])
            for name in COORDINATES
        }

    def refined(self, factor: int) -> Self:
        """Return the row with `factor` places for each, an odd number so that the old ones stay."""
        width = self.width / factor
        places = self.places[0] + width * (np.arange(self.places.size * factor) - (factor - 1) / 2)
        return type(self)(self.axis, places, width, self.fixed, self.half)

    def count(
        self, stars: Mapping[str, Array], v_phi_low_kms: float, step_kms: float, n_bins: int
    ) -> NDArray[np.int64]:
        """Return how many stars lie in the volumes and bins of v_phi, shape (n, n_bins); unknown velocities in none."""
        inside = np.ones(stars["R_kpc"].size, dtype=bool)
        for name, centre in self.fixed.items():
            inside &= np.abs(stars[name] - centre) < self.half[name]
        first = self.places[0] - self.width / 2
        with np.errstate(invalid="ignore"):
            place = np.floor((stars[self.along][inside] - first) / self.width)
            velocity = np.floor((stars["v_phi_kms"][inside] - v_phi_low_kms) / step_kms)
            held = (place >= 0) & (place < self.places.size) & (velocity >= 0) & (velocity < n_bins)
        flat = (place[held] * n_bins + velocity[held]).astype(np.int64)
        return np.bincount(flat, minlength=self.places.size * n_bins).reshape(self.places.size, n_bins)


def _steps(name: str, limits: Sequence[float], width: float) -> Array:
    """Return centres of whole steps between limits."""
    low, high = (float(value) for value in limits)
    n = (high - low) / width if width > 0 else 0.0
    if n < 0.99 or abs(n - round(n)) > 1e-6:
        raise DiscatlasError(
            f"ridges: {name}: a width of {width:g} does not divide {low:g} to {high:g}; expected whole steps"
        )
    return low + width * (np.arange(round(n)) + 0.5)


@dataclass(frozen=True)
class VolumeSettings:
    """Where ridges are sought.

    Parameters
    ----------
    R0_kpc : float
        Radius of the rows along azimuth and along v_R.
    v_R_kms, v_R_width_kms : sequence of float, float
        Centres and width of the slices in v_R.
    R_limits_kpc, R_width_kpc, phi_half_deg : (float, float), float, float
        Rows along R: limits, extent of a volume, and half its extent in azimuth.
    phi_limits_deg, phi_width_deg, R_half_kpc : (float, float), float, float
        Rows along azimuth: limits, extent of a volume, and half its extent in R.
    R_places_kpc, phi_places_deg : sequence of float
        Rows along v_R: their radii at the azimuth of the Sun, and their azimuths at `R0_kpc`; volumes as above.
    v_R_limits_kms, v_R_step_kms : (float, float), float
        Limits of the rows along v_R and the extent of a volume.
    v_phi_limits_kms, v_phi_step_kms, scale_kms : (float, float), float, float
        Where peaks are sought, the bins, and the scale of the wavelet.
    """

    R0_kpc: float
    v_R_kms: tuple[float, ...]
    v_R_width_kms: float
    R_limits_kpc: tuple[float, float]
    R_width_kpc: float
    phi_half_deg: float
    phi_limits_deg: tuple[float, float]
    phi_width_deg: float
    R_half_kpc: float
    R_places_kpc: tuple[float, ...]
    phi_places_deg: tuple[float, ...]
    v_R_limits_kms: tuple[float, float]
    v_R_step_kms: float
    v_phi_limits_kms: tuple[float, float]
    v_phi_step_kms: float
    scale_kms: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the settings from a config entry; other keys are left alone."""
        values = {name: config[name] for name in VOLUME_KEYS}
        return cls(
            **{
                name: tuple(float(x) for x in value) if isinstance(value, (list, tuple)) else float(value)
                for name, value in values.items()
            }
        )

    def rows(self) -> Iterator[Row]:
        """Yield all rows: along R, along azimuth, along v_R.

        Raises
        ------
        DiscatlasError
            For a width that does not divide its limits, and slices in v_R that overlap.
        """
        slices = np.sort(self.v_R_kms)
        if slices.size > 1 and np.diff(slices).min() < self.v_R_width_kms - 1e-9:
            raise DiscatlasError(
                f"ridges: v_R_kms {list(self.v_R_kms)}: slices of v_R_width_kms {self.v_R_width_kms:g} overlap"
            )
        half = {"v_R_kms": self.v_R_width_kms / 2, "R_kpc": self.R_half_kpc, "phi_deg": self.phi_half_deg}
        for axis, limits, width, other in (
            ("R", self.R_limits_kpc, self.R_width_kpc, {"phi_deg": 0.0}),
            ("phi", self.phi_limits_deg, self.phi_width_deg, {"R_kpc": self.R0_kpc}),
        ):
            places = _steps(f"{AXES[axis]} of the rows along it", limits, width)
            for v_R in self.v_R_kms:
                yield Row(axis, places, width, other | {"v_R_kms": v_R}, half)
        places = _steps("v_R_kms of the rows along it", self.v_R_limits_kms, self.v_R_step_kms)
        sites = [(R, 0.0) for R in self.R_places_kpc] + [(self.R0_kpc, phi) for phi in self.phi_places_deg]
        for R, phi in dict.fromkeys(sites):
            yield Row("v_R", places, self.v_R_step_kms, {"R_kpc": R, "phi_deg": phi}, half)

    def wavelet(self) -> Wavelet:
        """Return the transform, its bins reaching so far beyond the limits that peaks are found up to these."""
        centres = _steps("v_phi_kms", self.v_phi_limits_kms, self.v_phi_step_kms)
        more = int(np.ceil(REACH * self.scale_kms / self.v_phi_step_kms))
        n = centres.size + 2 * more
        return Wavelet(centres[0] + self.v_phi_step_kms * (np.arange(n) - more), self.scale_kms)

    def within_limits(self, v_phi_kms: Array) -> NDArray[np.bool_]:
        """Whether velocities lie within the limits."""
        low, high = self.v_phi_limits_kms
        return (v_phi_kms >= low) & (v_phi_kms <= high)


VOLUME_KEYS = tuple(VolumeSettings.__dataclass_fields__)  # of a config entry
