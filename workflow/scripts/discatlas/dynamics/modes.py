"""Bar and spiral modes of the potential, as complex functions of radius times a factor of height.

A mode of multiplicity m is  Phi_m = G(t) Re[C(R) exp(i m (phi - Omega t))] W(R, Z), with t = 0 today, phi and Omega
positive with rotation. A sharp cut-off in radius acts on the force: inside it is that of the uncut mode, outside zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
BAR_VERTICAL = ("thomas2023", "constant")
SPIRAL_VERTICAL = ("cox_gomez2002", "constant")


class Background(Protocol):
    """What the bar needs of the axisymmetric potential: its value and slope in the plane."""

    def potential(self, R_kpc: Array) -> Array:
        """Return Phi_0 [(km/s)^2]."""
        ...


class RotatingMode(Protocol):
    """What the orbit kernel needs of a mode other than a bar's: `Spiral` here, and those that declare other radial functions."""

    m: int
    vertical: str
    R_limits_kpc: tuple[float, float]
    pattern: "Pattern"

    def amplitude(self, R_kpc: Array) -> tuple[Array, Array]:
        """Return the complex function C(R) [(km/s)^2] and its radial derivative."""
        ...

    def height_factor(self, R_kpc: Array, Z_kpc: Array) -> tuple[Array, Array, Array]:
        """Return W, dW/dR and dW/dZ; asked for only of a mode whose `vertical` is not ``constant``, in space."""
        ...


@dataclass(frozen=True)
class Pattern:
    """A rotating pattern that grew over the first half of its life and is steady since.

    Parameters
    ----------
    Omega_kms_kpc : float
        Pattern speed.
    turns : float
        Turns from its birth to today; 0 for one that was always there, at full strength.
    """

    Omega_kms_kpc: float
    turns: float

    @property
    def life_kpc_kms(self) -> float:
        """Time since its birth [kpc/(km/s)]; infinite for a steady pattern."""
        return self.turns * 2 * np.pi / self.Omega_kms_kpc if self.turns > 0 else np.inf

    def growth(self, t_kpc_kms: Array) -> Array:
        """Return G(t): 0 before the birth, 1 in the second half of the life (Khalil et al. 2025, Eq. 12)."""
        if not np.isfinite(self.life_kpc_kms):
            return np.ones_like(t_kpc_kms, dtype=float)
        T = np.clip((4 * np.asarray(t_kpc_kms, float) + 3 * self.life_kpc_kms) / self.life_kpc_kms, -1.0, 1.0)
        return 3 / 16 * T**5 - 5 / 8 * T**3 + 15 / 16 * T + 0.5


@dataclass(frozen=True)
class BarMode:
    """One multiplicity of a bar: amplitude relative to Phi_0 is K x^(a - 1) (1 - x)^(b - 1), x = R / R_max."""

    m: int
    K: float
    a: float
    b: float


@dataclass(frozen=True)
class Bar:
    """A bar after Thomas et al. (2023): modes of which each is a fraction of the axisymmetric potential.

    `vertical` is ``thomas2023`` (the same fraction of Phi_0(R, Z) at every height) or ``constant`` (that of the plane).
    """

    modes: tuple[BarMode, ...]
    R_max_kpc: float
    angle_deg: float
    pattern: Pattern
    vertical: str
    source: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the bar from its config entry."""
        modes = (BarMode(int(mode["m"]), *(float(mode[key]) for key in "Kab")) for mode in config["modes"])
        modes = tuple(sorted(modes, key=lambda mode: mode.m))  # the kernel multiplies its way up from one m to the next
        for mode in modes:
            if mode.a < 1 or mode.b <= 2:
                raise DiscatlasError(
                    f"bar mode m = {mode.m}: got a {mode.a}, b {mode.b}; its force is finite only for a >= 1 and b > 2"
                )
        pattern = Pattern(float(config["Omega_kms_kpc"]), float(config["turns"]))
        return cls(
            modes,
            float(config["R_max_kpc"]),
            float(config["angle_deg"]),
            pattern,
            config["vertical"],
            config["source"],
        )

    def fraction(self, mode: BarMode, R_kpc: Array) -> tuple[Array, Array]:
        """Return the amplitude relative to Phi_0 and its slope [1/kpc], zero beyond R_max (Khalil et al. 2025, Eq. 7)."""
        x = np.clip(np.asarray(R_kpc, float) / self.R_max_kpc, 1e-12, 1.0)
        value = mode.K * x ** (mode.a - 1) * (1 - x) ** (mode.b - 1)
        slope = mode.K * x ** (mode.a - 2) * (1 - x) ** (mode.b - 2) * ((mode.a - 1) * (1 - x) - (mode.b - 1) * x)
        return value, slope / self.R_max_kpc

    def phase(self, mode: BarMode) -> complex:
        """Return exp(-i m phi_bar)."""
        return complex(np.exp(-1j * mode.m * np.radians(self.angle_deg)))


@dataclass(frozen=True)
class Spiral:
    """One logarithmic spiral mode, trailing for a positive pitch angle (Cox & Gomez 2002; Monari et al. 2016).

    Parameters
    ----------
    m : int
        Number of arms.
    K_km2_s2 : float
        Amplitude factor.
    pitch_deg, phase_deg : float
        Pitch angle, and azimuth of the potential's minimum at `R0_kpc` today.
    h_kpc : float
        Scale height.
    R_limits_kpc : tuple of two float
        Sharp cut-offs of the force.
    vertical : str
        ``cox_gomez2002`` (sech^beta in height) or ``constant``.
    """

    m: int
    K_km2_s2: float
    pitch_deg: float
    phase_deg: float
    h_kpc: float
    R0_kpc: float
    R_limits_kpc: tuple[float, float]
    pattern: Pattern
    vertical: str
    source: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the mode from its config entry; null cut-offs stand for 0 and infinity."""
        low, high = config["R_limits_kpc"]
        limits = (0.0 if low is None else float(low), np.inf if high is None else float(high))
        if not limits[0] < limits[1]:
            raise DiscatlasError(f"spiral: R_limits_kpc {list(limits)}: the first must be below the second")
        numbers = {key: float(config[key]) for key in ("K_km2_s2", "pitch_deg", "phase_deg", "h_kpc", "R0_kpc")}
        pattern = Pattern(float(config["Omega_kms_kpc"]), float(config["turns"]))
        return cls(
            m=int(config["m"]),
            R_limits_kpc=limits,
            pattern=pattern,
            vertical=config["vertical"],
            source=config["source"],
            **numbers,
        )

    def wave_number(self, R_kpc: Array) -> Array:
        """Return u = m / (R sin p) [1/kpc]."""
        return self.m / (np.asarray(R_kpc, float) * np.sin(np.radians(self.pitch_deg)))

    def amplitude(self, R_kpc: Array) -> tuple[Array, Array]:
        """Return the complex function C(R) of the uncut mode [(km/s)^2] and its radial derivative (Eqs. 8-10)."""
        R = np.asarray(R_kpc, float)
        u = self.wave_number(R)
        q = u * self.h_kpc
        D = (1 + q + 0.3 * q**2) / (1 + 0.3 * q)
        dD_dq = ((1 + 0.6 * q) * (1 + 0.3 * q) - 0.3 * (1 + q + 0.3 * q**2)) / (1 + 0.3 * q) ** 2
        winding = self.m / np.tan(np.radians(self.pitch_deg))
        phase = winding * np.log(R / self.R0_kpc) - self.m * np.radians(self.phase_deg)
        value = -self.K_km2_s2 / (self.R0_kpc * u * D) * np.exp(1j * phase)
        return value, value * (1 + q * dD_dq / D + 1j * winding) / R

    def height_factor(self, R_kpc: Array, Z_kpc: Array) -> tuple[Array, Array, Array]:
        """Return W = sech^beta(u Z / beta), dW/dR and dW/dZ, with beta = u h (1 + 0.4 u h)."""
        R, Z = np.broadcast_arrays(np.asarray(R_kpc, float), np.asarray(Z_kpc, float))
        if self.vertical == "constant":
            return np.ones_like(R), np.zeros_like(R), np.zeros_like(R)
        u = self.wave_number(R)
        q = u * self.h_kpc
        beta, d_beta = q * (1 + 0.4 * q), -q / R * (1 + 0.8 * q)
        x = u * Z / beta
        dx_dR = Z * (-u / R / beta - u * d_beta / beta**2)
        log_cosh = np.logaddexp(x, -x) - np.log(2.0)
        W = np.exp(-beta * log_cosh)
        return W, -W * (d_beta * log_cosh + beta * np.tanh(x) * dx_dR), -W * u * np.tanh(x)


@dataclass(frozen=True)
class Perturbation:
    """A bar, or none, and any number of spirals on one background."""

    bar: Bar | None
    spirals: tuple[RotatingMode, ...]

    @classmethod
    def from_config(cls, bar: Mapping[str, Any] | None, spirals: Sequence[Mapping[str, Any]]) -> Self:
        """Build from the config entries of the bar (null for none) and of the spirals."""
        return cls(Bar.from_config(bar) if bar else None, tuple(Spiral.from_config(spiral) for spiral in spirals))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The rotating patterns, the bar's first."""
        return (*((self.bar.pattern,) if self.bar else ()), *(spiral.pattern for spiral in self.spirals))

    @property
    def life_kpc_kms(self) -> float:
        """The longest finite life of a pattern [kpc/(km/s)], 0 if there is none."""
        return max((p.life_kpc_kms for p in self.patterns if np.isfinite(p.life_kpc_kms)), default=0.0)
