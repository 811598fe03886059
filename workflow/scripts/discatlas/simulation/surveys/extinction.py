"""Extinction by a smooth disc of dust: exponential in R and in |Z|, integrated along each line of sight."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import Sun

Array = NDArray[np.float64]

# A_X / A_V of Gaia's and of 2MASS's bands (Wang & Chen 2019, ApJ 877, 116, Table 3), the same for all colours
BAND_EXTINCTION = {"G": 0.789, "BP": 1.002, "RP": 0.589, "J": 0.243, "H": 0.131, "Ks": 0.078}
R_V = 3.1  # A_V / E(B-V)

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_SCALE_HEIGHTS = 20.0  # the integral ends where the dust has fallen by exp(-20)


@dataclass(frozen=True)
class DustDisc:
    """Dust whose extinction per length is ``A_V_mag_per_kpc`` in the plane at the Sun's radius.

    The default is of the size of published smooth models (Li et al. 2018, ApJ 858, 75: scale length 3.2 kpc, scale
    height 0.10 kpc); there are no clouds, no arms, no warp.

    Parameters
    ----------
    A_V_mag_per_kpc : float
        Extinction in V per length at R = R0, Z = 0 [mag/kpc], not negative; 0 for none.
    scale_length_kpc, scale_height_kpc : float
        Of the density of the dust [kpc], positive.
    """

    A_V_mag_per_kpc: float = 0.8
    scale_length_kpc: float = 3.2
    scale_height_kpc: float = 0.1

    def __post_init__(self) -> None:
        if not (self.A_V_mag_per_kpc >= 0 and self.scale_length_kpc > 0 and self.scale_height_kpc > 0):
            raise DiscatlasError(
                f"extinction: got {self.A_V_mag_per_kpc} mag/kpc with scales {self.scale_length_kpc} and "
                f"{self.scale_height_kpc} kpc; expected no negative extinction and positive scales"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the disc of dust from a config entry; missing keys take the defaults, an unknown one is an error."""
        known = [field.name for field in fields(cls)]
        for key in config:
            if key not in known:
                raise DiscatlasError(f"extinction: unknown key {key!r}{nearest(key, known)}; known: {', '.join(known)}")
        return cls(**{key: float(value) for key, value in config.items()})

    def extinction(self, X_kpc: Array, Y_kpc: Array, Z_kpc: Array, sun: Sun) -> Array:
        """Return A_V [mag] between the Sun and Galactocentric positions, shape (n,)."""
        position = np.array(sun.position_kpc)
        stars = np.stack([X_kpc, Y_kpc, Z_kpc], axis=1).astype(np.float64)
        return self.A_V_mag_per_kpc * _column(
            stars, position, np.hypot(*position[:2]), self.scale_length_kpc, self.scale_height_kpc, _NODES, _WEIGHTS
        )


@njit(cache=True, error_model="numpy")
def _segment(
    start: Array, step: Array, lower: float, upper: float, R0: float, h_R: float, h_Z: float, x: Array, w: Array
) -> float:
    """Integrate the relative density over the fractions `lower` to `upper` of the line start + t step."""
    middle, half = 0.5 * (upper + lower), 0.5 * (upper - lower)
    total = 0.0
    for k in range(x.size):
        t = middle + half * x[k]
        R = np.hypot(start[0] + t * step[0], start[1] + t * step[1])
        total += w[k] * np.exp(-(R - R0) / h_R - abs(start[2] + t * step[2]) / h_Z)
    return half * total


@njit(cache=True, parallel=True, error_model="numpy")
def _column(stars: Array, sun: Array, R0: float, h_R: float, h_Z: float, x: Array, w: Array) -> Array:
    """Integrate the relative density from the Sun to each star [kpc], shape (n,).

    The line is cut where it crosses the plane and where it is nearest to the axis, since the density has a cusp in
    both, and it ends where it has left the dust.
    """
    result = np.empty(stars.shape[0])
    for i in prange(stars.shape[0]):
        step = stars[i] - sun
        length = np.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
        end = 1.0
        if abs(stars[i, 2]) > _SCALE_HEIGHTS * h_Z + abs(sun[2]):
            end = (_SCALE_HEIGHTS * h_Z * np.sign(stars[i, 2]) - sun[2]) / step[2]
        plane, axis = 0.0, 0.0
        if sun[2] * stars[i, 2] < 0.0:
            plane = -sun[2] / step[2]
        across = step[0] ** 2 + step[1] ** 2
        if across > 0.0:
            axis = -(sun[0] * step[0] + sun[1] * step[1]) / across
        plane, axis = min(max(plane, 0.0), end), min(max(axis, 0.0), end)
        first, second = min(plane, axis), max(plane, axis)
        total = 0.0
        if first > 0.0:
            total += _segment(sun, step, 0.0, first, R0, h_R, h_Z, x, w)
        if second > first:
            total += _segment(sun, step, first, second, R0, h_R, h_Z, x, w)
        if end > second:
            total += _segment(sun, step, second, end, R0, h_R, h_Z, x, w)
        result[i] = length * total
    return result
