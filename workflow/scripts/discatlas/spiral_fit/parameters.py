"""The model of a fit: what is fixed, the priors of what is free, and the ways to write the parameters.

A point is an array of six numbers, `COLUMNS` in order: h_R [kpc], the crest's surface density at R0 [Msun/kpc^2], the
pitch angle [deg], the phase psi at the pivot radius [rad], the pattern speed [km/s/kpc] and the disc's mean v_R [km/s].
Tang et al. (2026) have the time t in place of psi, with psi = m [Omega_p t - cot(p) ln(R_pivot/h_R)]: psi at a radius
within the data is hardly correlated with h_R and the pattern speed, whereas t is. Priors are uniform. At given other
parameters a uniform psi is a uniform t within one period, so both ways have one posterior and one evidence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.spiral_response import NORMALISATIONS, Spiral, cored_frequencies, power_law_frequencies

Array = NDArray[np.float64]
KPC_KMS_GYR = 0.9777922216807891  # Gyr in one kpc/(km/s)
COLUMNS = (
    "scale_length_kpc",
    "surface_density_msun_kpc2",
    "pitch_deg",
    "phase_deg",
    "pattern_speed_kms_kpc",
    "v_R_mean_kms",
)
SCALE_LENGTH, SURFACE_DENSITY, PITCH, PHASE, PATTERN_SPEED, MEAN = range(6)
TERMS = ("full", "sin_only")
PARAMETRISATIONS = ("phase", "time")
MEANS = ("zero", "free")
MEAN_LIMITS_KMS = (-20.0, 20.0)
# what is physical: a scale length above zero, a pattern that turns with the disc
BOUNDS = {
    "scale_length_kpc": (1e-3, 1e5),
    "surface_density_msun_kpc2": (0.0, 1e10),
    "pitch_deg": (0.1, 89.9),
    "pattern_speed_kms_kpc": (1e-3, 1e3),
}


def _choice(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        close = nearest(str(value), known)
        raise DiscatlasError(f"spiral fit: unknown {name} {value!r}{close}; expected {', '.join(known)}")


@dataclass(frozen=True)
class SpiralModel:
    """What does not change during a fit.

    Parameters
    ----------
    m : int
        Number of arms.
    terms : str
        ``full``, or ``sin_only``: without the term of v_R with cos Psi, as Eilers et al. (2020).
    normalisation, scale_height_kpc : str, float
        How a surface density gives a potential (`discatlas.spiral_response.NORMALISATIONS`).
    R0_kpc : float
        Radius of the surface density, and of `v_c_kms`.
    v_c_kms, v_c_slope, core_kpc : float, float, float or None
        The rotation curve: v_c (R/R0)^slope, or with a core that of the potential v_c^2/2 ln(R^2 + core^2).
    regularisation : float
        How much of kappa^2 smooths the Lindblad resonances.
    pivot_kpc : float
        Radius of the phase.

    Raises
    ------
    DiscatlasError
        For values that make no model.
    """

    m: int
    terms: str
    normalisation: str
    scale_height_kpc: float
    R0_kpc: float
    v_c_kms: float
    v_c_slope: float
    core_kpc: float | None
    regularisation: float
    pivot_kpc: float

    def __post_init__(self) -> None:
        _choice("terms", self.terms, TERMS)
        _choice("normalisation", self.normalisation, NORMALISATIONS)
        for name in ("v_c_kms", "R0_kpc", "pivot_kpc", "scale_height_kpc"):
            if not getattr(self, name) > 0:
                raise DiscatlasError(f"spiral fit: got {name} {getattr(self, name)!r}, expected more than 0")
        if not self.v_c_slope > -1:
            raise DiscatlasError(
                f"spiral fit: got v_c_slope {self.v_c_slope!r}, expected more than -1: kappa would be imaginary"
            )
        if not self.regularisation >= 0:
            raise DiscatlasError(f"spiral fit: got regularisation {self.regularisation!r}, expected 0 or more")

    def frequencies(self, R_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return Omega and kappa [km/s/kpc] of the rotation curve."""
        if self.core_kpc is not None:
            return cored_frequencies(R_kpc, self.v_c_kms, self.core_kpc)
        return power_law_frequencies(R_kpc, self.v_c_kms, self.R0_kpc, self.v_c_slope)

    def spiral(self, point: ArrayLike) -> Spiral:
        """Return the spiral of one point."""
        point = np.asarray(point, np.float64)
        return Spiral(
            m=self.m,
            pattern_speed_kms_kpc=float(point[PATTERN_SPEED]),
            pitch_deg=float(point[PITCH]),
            surface_density_msun_kpc2=float(point[SURFACE_DENSITY]),
            R0_kpc=self.R0_kpc,
            scale_length_kpc=float(point[SCALE_LENGTH]),
            scale_height_kpc=self.scale_height_kpc,
            normalisation=self.normalisation,
            pivot_kpc=self.pivot_kpc,
            phase_deg=math.degrees(float(point[PHASE])),
        )

    def point(self, spiral: Spiral, mean_kms: float = 0.0) -> Array:
        """Return the point of a spiral."""
        turned = spiral.with_pivot(self.pivot_kpc)
        values = (turned.scale_length_kpc, turned.surface_density_msun_kpc2, turned.pitch_deg)
        return np.array([*values, math.radians(turned.phase_deg), turned.pattern_speed_kms_kpc, mean_kms])

    def winding(self, points: Array) -> Array:
        """Return m cot(p) ln(R_pivot/h_R) [rad] of points, shape (..., 6)."""
        return self.m / np.tan(np.radians(points[..., PITCH])) * np.log(self.pivot_kpc / points[..., SCALE_LENGTH])

    def time_gyr(self, points: Array) -> Array:
        """Return the smallest time t >= 0 [Gyr] of points, shape (..., 6)."""
        turn = np.mod(points[..., PHASE] + self.winding(points), 2 * np.pi)
        return turn / (self.m * points[..., PATTERN_SPEED]) * KPC_KMS_GYR

    def period_gyr(self, point: Array) -> float:
        """Return the time [Gyr] in which the pattern turns by 2 pi/m: t is known modulo that."""
        return float(2 * np.pi / (self.m * point[PATTERN_SPEED]) * KPC_KMS_GYR)

    def with_time(self, points: Array, time_gyr: ArrayLike) -> Array:
        """Return points with the phase that belongs to a time; the inverse of `time_gyr`."""
        out = np.array(points, dtype=np.float64)
        turn = self.m * out[..., PATTERN_SPEED] * np.asarray(time_gyr) / KPC_KMS_GYR
        out[..., PHASE] = np.mod(turn - self.winding(out), 2 * np.pi)
        return out


@dataclass(frozen=True)
class Priors:
    """Uniform priors: limits of each free parameter.

    Parameters
    ----------
    scale_length_kpc, surface_density_msun_kpc2, pitch_deg : (float, float)
        Low and high.
    pattern_speed_kms_kpc : float or (float, float)
        Fixed, or low and high.
    mean : str
        ``zero``, or ``free``: the disc's mean v_R is a parameter within `MEAN_LIMITS_KMS`.
    parametrisation : str
        ``phase`` at the pivot radius, or ``time`` (Tang et al. 2026): what the sampler moves in.

    Raises
    ------
    DiscatlasError
        For limits out of order or outside what is physical.
    """

    scale_length_kpc: tuple[float, float]
    surface_density_msun_kpc2: tuple[float, float]
    pitch_deg: tuple[float, float]
    pattern_speed_kms_kpc: float | tuple[float, float]
    mean: str = "zero"
    parametrisation: str = "phase"

    def __post_init__(self) -> None:
        _choice("mean", self.mean, MEANS)
        _choice("parametrisation", self.parametrisation, PARAMETRISATIONS)
        for name, (low, high) in BOUNDS.items():
            value: Any = getattr(self, name)
            limits = (value, value) if isinstance(value, (int, float)) else tuple(value)
            if len(limits) != 2 or not all(isinstance(x, (int, float)) and math.isfinite(x) for x in limits):
                raise DiscatlasError(f"prior of {name}: got {value!r}, expected two numbers, low and high")
            if limits[0] > limits[1] or (limits[0] == limits[1] and not isinstance(value, (int, float))):
                raise DiscatlasError(f"prior of {name}: got {list(limits)}, expected low below high")
            if not (low <= limits[0] and limits[1] <= high):
                raise DiscatlasError(
                    f"prior of {name}: got {list(limits)}, expected within {low:g} to {high:g}: beyond it is not physical"
                )

    @property
    def has_free_speed(self) -> bool:
        """Whether the pattern speed is a parameter."""
        return not isinstance(self.pattern_speed_kms_kpc, (int, float))

    @property
    def speed_limits(self) -> tuple[float, float]:
        """Lowest and highest pattern speed, equal where it is fixed."""
        speed: Any = self.pattern_speed_kms_kpc
        return (float(speed[0]), float(speed[1])) if self.has_free_speed else (float(speed), float(speed))

    @property
    def limits(self) -> Array:
        """Limits of all six numbers of a point, shape (6, 2); the two are equal where it is fixed."""
        mean = MEAN_LIMITS_KMS if self.mean == "free" else (0.0, 0.0)
        rows = [self.scale_length_kpc, self.surface_density_msun_kpc2, self.pitch_deg, (0.0, 2 * math.pi)]
        return np.array([*rows, self.speed_limits, mean], dtype=np.float64)

    @property
    def free(self) -> NDArray[np.int64]:
        """Numbers of the free parameters."""
        return np.flatnonzero(self.limits[:, 1] > self.limits[:, 0])

    @property
    def names(self) -> list[str]:
        """Names of the free parameters."""
        return [COLUMNS[k] for k in self.free]

    def point(self, cube: Array, model: SpiralModel) -> Array:
        """Return the points of places in the unit cube, shape (..., number of free parameters)."""
        limits, free = self.limits, self.free
        out = np.broadcast_to(limits[:, 0], (*np.shape(cube)[:-1], 6)).copy()
        out[..., free] += cube * (limits[free, 1] - limits[free, 0])
        if self.parametrisation == "time":
            out[..., PHASE] = np.mod(out[..., PHASE] - model.winding(out), 2 * np.pi)
        return out
