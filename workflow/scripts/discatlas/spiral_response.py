"""Linear response of a cold disc to a steady logarithmic spiral (Tang et al. 2026; Binney & Tremaine 2008, Sect. 6.2).

Potential    Phi_1 = A(R) cos Psi, A < 0: the crest of the density is at Psi = 0, where the potential is lowest.
Phase        Psi = m [phi + cot(p) ln(R/R_pivot)] - psi, with psi its phase at the pivot radius, for which the crest
             lies at phi = psi/m. By time t: Psi = m [phi - Omega_p t + cot(p) ln(R/h_R)], so psi = m Omega_p t at the
             pivot h_R. phi grows with rotation, so a pitch angle p > 0 trails and p < 0 leads; k = m cot(p)/R.
Response     Delta = kappa^2 - m^2 (Omega - Omega_p)^2, and
             v_R   = (m/Delta) {[(Omega - Omega_p) A' + 2 Omega A/R] sin Psi + (Omega - Omega_p) k A cos Psi}
             v_phi = (1/Delta) {[kappa^2/(2 Omega) A' + m^2 (Omega - Omega_p) A/R] cos Psi - kappa^2/(2 Omega) k A sin Psi}
             at a fixed place, v_phi relative to the circular speed. Nothing is singular at corotation. At the Lindblad
             resonances 1/Delta is replaced by Delta/(Delta^2 + (eps kappa^2)^2).
Amplitude    from the surface density S(R) = S(R0) exp(-(R - R0)/h_R) of the crest above the mean (`NORMALISATIONS`):
             exponential       |A| = 2 pi G S/(h_z k^2): a potential that falls as exp(-|z|/h_z), Poisson's equation over z
             razor_thin        |A| = 2 pi G S/|k|
             exponential_disc  |A| = 2 pi G S/(|k| (1 + |k| h_z)): a disc of scale height h_z

Everything is that of the plane. Units: kpc, km/s, km/s/kpc, solar masses per kpc^2, degrees; time in kpc/(km/s). Arrays
of R_kpc, phi_deg, Omega_kms_kpc and kappa_kms_kpc broadcast against each other; R_kpc is above zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
NORMALISATIONS = ("exponential", "razor_thin", "exponential_disc")
MAX_CROWDING = 0.25  # beyond it streamlines crowd and the response is not linear
ULTRAHARMONIC_MARGIN, LINDBLAD_MARGIN = 0.08, 0.15  # in |nu|, about 1/2 (4:1 for two arms) and about 1
POSITIVE = ("R0_kpc", "scale_length_kpc", "scale_height_kpc", "pivot_kpc")


@dataclass(frozen=True)
class Spiral:
    """A steady logarithmic spiral.

    Parameters
    ----------
    m : int
        Number of arms.
    pattern_speed_kms_kpc : float
        Omega_p, positive with rotation.
    pitch_deg : float
        Pitch angle, positive for trailing arms, negative for leading ones; between 0 and 90 in size.
    surface_density_msun_kpc2 : float
        Surface density of the crest above the mean, at `R0_kpc`.
    R0_kpc : float
        Radius of that surface density.
    scale_length_kpc : float
        h_R, with which the crest's surface density falls outward.
    scale_height_kpc : float
        h_z; without effect for ``razor_thin``.
    normalisation : str
        One of `NORMALISATIONS`.
    pivot_kpc, phase_deg : float
        Pivot radius and psi there, [deg]: the crests cross the pivot radius at phi = (psi + 360 j)/m.

    Raises
    ------
    DiscatlasError
        For values that make no spiral.
    """

    m: int
    pattern_speed_kms_kpc: float
    pitch_deg: float
    surface_density_msun_kpc2: float
    R0_kpc: float
    scale_length_kpc: float
    scale_height_kpc: float
    normalisation: str
    pivot_kpc: float
    phase_deg: float

    def __post_init__(self) -> None:
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "normalisation"}
        for name, value in numbers.items():
            if not isinstance(value, (int, float, np.number)) or isinstance(value, bool) or not math.isfinite(value):
                raise DiscatlasError(f"spiral: got {name} {value!r}, expected a finite number")
        for name in POSITIVE:
            if numbers[name] <= 0:
                raise DiscatlasError(f"spiral: got {name} {numbers[name]}, expected more than 0")
        if self.m < 1 or self.m != int(self.m):
            raise DiscatlasError(f"spiral: got m {self.m}, expected a whole number of arms, at least 1")
        if not 0 < abs(self.pitch_deg) < 90:
            raise DiscatlasError(
                f"spiral: got pitch_deg {self.pitch_deg}, expected 0 to 90 (trailing) or 0 to -90 (leading), ends excluded"
            )
        if self.surface_density_msun_kpc2 < 0:
            got = f"surface_density_msun_kpc2 {self.surface_density_msun_kpc2}"
            raise DiscatlasError(f"spiral: got {got}, expected 0 or more; turn phase_deg by 180 instead")
        if self.normalisation not in NORMALISATIONS:
            close = nearest(str(self.normalisation), NORMALISATIONS)
            raise DiscatlasError(
                f"spiral: unknown normalisation {self.normalisation!r}{close}; expected {', '.join(NORMALISATIONS)}"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any], R0_kpc: float, where: str) -> Self:
        """Build a spiral from a config mapping of all parameters but `R0_kpc`; `where` names the entry in errors."""
        known = [field.name for field in fields(cls) if field.name != "R0_kpc"]
        for key in config:
            if key not in known:
                raise DiscatlasError(
                    f"{where}: unknown key {key!r}{nearest(str(key), known)}; expected {', '.join(known)}"
                )
        for key in known:
            if key not in config:
                raise DiscatlasError(f"{where}: key {key!r} is missing; expected {', '.join(known)}")
        try:
            return cls(**config, R0_kpc=R0_kpc)
        except DiscatlasError as error:
            raise DiscatlasError(f"{where}: {error}") from None

    @classmethod
    def at_time(cls, time_kpc_kms: float, **parameters: Any) -> Self:  # noqa: ANN401
        """Build a spiral from the time t since Psi = m [phi + cot(p) ln(R/h_R)] (Tang et al. 2026).

        `parameters` are all others but `pivot_kpc` and `phase_deg`. Only Omega_p t, modulo a turn by 2 pi/m, matters.
        """
        turn = parameters["m"] * parameters["pattern_speed_kms_kpc"] * time_kpc_kms
        return cls(**parameters, pivot_kpc=parameters["scale_length_kpc"], phase_deg=math.degrees(turn) % 360.0)

    @property
    def time_kpc_kms(self) -> float:
        """The smallest t >= 0 for which `at_time` gives this spiral [kpc/(km/s)]; DiscatlasError if it does not turn."""
        if self.pattern_speed_kms_kpc == 0:
            raise DiscatlasError("spiral: a pattern speed of 0 gives no time; use the phase at the pivot radius")
        turn = math.radians(self.with_pivot(self.scale_length_kpc).phase_deg) / self.m
        return turn / self.pattern_speed_kms_kpc % (2 * math.pi / (self.m * abs(self.pattern_speed_kms_kpc)))

    @property
    def cot_pitch(self) -> float:
        """cot(p), with the sign of the pitch angle."""
        return 1.0 / math.tan(math.radians(self.pitch_deg))

    def with_pivot(self, pivot_kpc: float) -> Self:
        """Return the same spiral with its phase, in [0, 360), given at another radius."""
        shift = self.m * self.cot_pitch * math.log(pivot_kpc / self.pivot_kpc)
        return replace(self, pivot_kpc=pivot_kpc, phase_deg=(self.phase_deg - math.degrees(shift)) % 360.0)

    def phase(self, R_kpc: ArrayLike, phi_deg: ArrayLike) -> Array:
        """Return Psi [rad], not wrapped."""
        winding = self.cot_pitch * np.log(np.asarray(R_kpc, dtype=np.float64) / self.pivot_kpc)
        return self.m * (np.deg2rad(phi_deg) + winding) - math.radians(self.phase_deg)

    def wavenumber(self, R_kpc: ArrayLike) -> Array:
        """Return k = dPsi/dR [1/kpc], positive for trailing arms."""
        return self.m * self.cot_pitch / np.asarray(R_kpc, dtype=np.float64)

    def crest_azimuth_deg(self, R_kpc: ArrayLike, arm: int = 0) -> Array:
        """Return phi [deg] of the crest of an arm (0 ... m - 1) at R, where Psi = 2 pi arm; not wrapped."""
        winding = self.cot_pitch * np.log(np.asarray(R_kpc, dtype=np.float64) / self.pivot_kpc)
        return (self.phase_deg + 360.0 * arm) / self.m - np.rad2deg(winding)

    def crest_surface_density(self, R_kpc: ArrayLike) -> Array:
        """Return the surface density of the crest above the mean [Msun/kpc^2]."""
        falling = np.exp((self.R0_kpc - np.asarray(R_kpc, dtype=np.float64)) / self.scale_length_kpc)
        return self.surface_density_msun_kpc2 * falling

    def surface_density(self, R_kpc: ArrayLike, phi_deg: ArrayLike) -> Array:
        """Return the spiral's surface density, crest times cos Psi, above the mean [Msun/kpc^2]."""
        return self.crest_surface_density(R_kpc) * np.cos(self.phase(R_kpc, phi_deg))

    def amplitude(self, R_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return A, which is negative [(km/s)^2], and dA/dR [(km/s)^2/kpc]."""
        R = np.asarray(R_kpc, dtype=np.float64)
        k, h_z = np.abs(self.wavenumber(R)), self.scale_height_kpc
        A = -2 * math.pi * G_KPC_KMS2_MSUN * self.crest_surface_density(R) / k
        power: Array | float = 1.0  # dln|A|/dln R at a constant surface density
        if self.normalisation == "exponential":
            A, power = A / (k * h_z), 2.0
        elif self.normalisation == "exponential_disc":
            A, power = A / (1 + k * h_z), 1 + k * h_z / (1 + k * h_z)
        return A, A * (power / R - 1 / self.scale_length_kpc)

    def potential(self, R_kpc: ArrayLike, phi_deg: ArrayLike) -> Array:
        """Return Phi_1 in the plane [(km/s)^2]."""
        return self.amplitude(R_kpc)[0] * np.cos(self.phase(R_kpc, phi_deg))


class ResponseCoefficients(NamedTuple):
    """Factors of sin Psi and cos Psi in v_R and v_phi [km/s]; they depend on R alone."""

    v_R_sin_kms: Array
    v_R_cos_kms: Array
    v_phi_sin_kms: Array
    v_phi_cos_kms: Array


class SpiralResponse(NamedTuple):
    """Velocity perturbations [km/s]: v_R in its two terms, that with sin Psi and that with cos Psi, and v_phi whole."""

    v_R_sin_kms: Array
    v_R_cos_kms: Array
    v_phi_kms: Array

    @property
    def v_R_kms(self) -> Array:
        """Both terms of v_R."""
        return self.v_R_sin_kms + self.v_R_cos_kms


def power_law_frequencies(R_kpc: ArrayLike, v_c_kms: float, R0_kpc: float, slope: float) -> tuple[Array, Array]:
    """Return Omega and kappa [km/s/kpc] of v_c (R/R0)^slope; slope 0 is a flat rotation curve."""
    R = np.asarray(R_kpc, dtype=np.float64)
    Omega = v_c_kms * (R / R0_kpc) ** slope / R
    return Omega, Omega * math.sqrt(2 * (1 + slope))


def cored_frequencies(R_kpc: ArrayLike, v_c_kms: float, core_kpc: float) -> tuple[Array, Array]:
    """Return Omega and kappa [km/s/kpc] of the potential v_c^2/2 ln(R^2 + core^2)."""
    square = np.asarray(R_kpc, dtype=np.float64) ** 2 + core_kpc**2
    Omega = v_c_kms / np.sqrt(square)
    return Omega, Omega * np.sqrt(2 * (1 + core_kpc**2 / square))


def lindblad_distance(spiral: Spiral, Omega_kms_kpc: ArrayLike, kappa_kms_kpc: ArrayLike) -> Array:
    """Return Delta = kappa^2 - m^2 (Omega - Omega_p)^2 [(km/s/kpc)^2], zero at the Lindblad resonances."""
    drift = np.asarray(Omega_kms_kpc, dtype=np.float64) - spiral.pattern_speed_kms_kpc
    return np.asarray(kappa_kms_kpc, dtype=np.float64) ** 2 - (spiral.m * drift) ** 2


def frequency_ratio(spiral: Spiral, Omega_kms_kpc: ArrayLike, kappa_kms_kpc: ArrayLike) -> Array:
    """Return nu = m (Omega_p - Omega)/kappa: -1 and 1 at the inner and outer Lindblad resonance, 0 at corotation."""
    drift = spiral.pattern_speed_kms_kpc - np.asarray(Omega_kms_kpc, dtype=np.float64)
    return spiral.m * drift / np.asarray(kappa_kms_kpc, dtype=np.float64)


def response_coefficients(
    spiral: Spiral, R_kpc: ArrayLike, Omega_kms_kpc: ArrayLike, kappa_kms_kpc: ArrayLike, regularisation: float = 0.05
) -> ResponseCoefficients:
    """Return the factors of sin Psi and cos Psi in a rotation curve given by its frequencies at R.

    Parameters
    ----------
    regularisation : float
        eps, 0 or more: how much of kappa^2 smooths the Lindblad resonances. With 0 the response is infinite or NaN on
        a resonance itself.
    """
    R, Omega = np.asarray(R_kpc, dtype=np.float64), np.asarray(Omega_kms_kpc, dtype=np.float64)
    kappa2 = np.asarray(kappa_kms_kpc, dtype=np.float64) ** 2
    drift = Omega - spiral.pattern_speed_kms_kpc
    Delta = kappa2 - (spiral.m * drift) ** 2
    A, slope = spiral.amplitude(R)
    kA = spiral.wavenumber(R) * A
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = Delta / (Delta**2 + (regularisation * kappa2) ** 2)
        return ResponseCoefficients(
            v_R_sin_kms=inverse * spiral.m * (drift * slope + 2 * Omega * A / R),
            v_R_cos_kms=inverse * spiral.m * drift * kA,
            v_phi_sin_kms=-inverse * kappa2 / (2 * Omega) * kA,
            v_phi_cos_kms=inverse * (kappa2 / (2 * Omega) * slope + spiral.m**2 * drift * A / R),
        )


def spiral_response(
    spiral: Spiral,
    R_kpc: ArrayLike,
    phi_deg: ArrayLike,
    Omega_kms_kpc: ArrayLike,
    kappa_kms_kpc: ArrayLike,
    regularisation: float = 0.05,
) -> SpiralResponse:
    """Return the mean velocities that the spiral adds to circular motion at places in the plane.

    `Omega_kms_kpc` and `kappa_kms_kpc` are those of the rotation curve at R; `regularisation` as in
    `response_coefficients`. v_R_sin_kms alone is the model of Eilers et al. (2020).
    """
    terms = response_coefficients(spiral, R_kpc, Omega_kms_kpc, kappa_kms_kpc, regularisation)
    Psi = spiral.phase(R_kpc, phi_deg)
    sin, cos = np.sin(Psi), np.cos(Psi)
    return SpiralResponse(
        terms.v_R_sin_kms * sin, terms.v_R_cos_kms * cos, terms.v_phi_sin_kms * sin + terms.v_phi_cos_kms * cos
    )


def crowding(spiral: Spiral, R_kpc: ArrayLike, Omega_kms_kpc: ArrayLike, kappa_kms_kpc: ArrayLike) -> Array:
    """Return q = k^2 |A|/|Delta|: the radial displacement times the wavenumber; infinite on a Lindblad resonance."""
    A, _ = spiral.amplitude(R_kpc)
    with np.errstate(divide="ignore"):
        return (
            spiral.wavenumber(R_kpc) ** 2 * np.abs(A) / np.abs(lindblad_distance(spiral, Omega_kms_kpc, kappa_kms_kpc))
        )


def linear_places(
    spiral: Spiral,
    R_kpc: ArrayLike,
    Omega_kms_kpc: ArrayLike,
    kappa_kms_kpc: ArrayLike,
    max_crowding: float = MAX_CROWDING,
    ultraharmonic_margin: float = ULTRAHARMONIC_MARGIN,
    lindblad_margin: float = LINDBLAD_MARGIN,
) -> NDArray[np.bool_]:
    """Return where the linear response can be trusted: crowding below its limit, nu away from 1/2 and 1 in size.

    |nu| = 1/2 is the 2m:1 resonance (4:1 for two arms), which the linear response does not know.
    """
    nu = np.abs(frequency_ratio(spiral, Omega_kms_kpc, kappa_kms_kpc))
    smooth = crowding(spiral, R_kpc, Omega_kms_kpc, kappa_kms_kpc) < max_crowding
    return smooth & (np.abs(nu - 0.5) > ultraharmonic_margin) & (np.abs(nu - 1.0) > lindblad_margin)
