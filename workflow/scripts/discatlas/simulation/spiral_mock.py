"""Test particles that answer a logarithmic spiral in a flat rotation curve: the mock of Tang et al. (2026), Sect. 4.

The spiral grows over `growth_Gyr` as the quintic of `modes.Pattern`; the disc then settles, and is seen at several
times in the frame that turns with the pattern, where nothing changes any more. What such a mock is made of, and its
harmonic by annulus, stand here; `mock_orbits` makes its particles.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.dynamics.modes import Pattern
from discatlas.errors import DiscatlasError, nearest
from discatlas.simulation.warm_disc import WarmDisc
from discatlas.spiral_response import Spiral, linear_places, response_coefficients

Array = NDArray[np.float64]
Columns = dict[str, Array]
ENGINES = ("kernel", "agama")
AZIMUTHS = 4  # of each orbit within a period: they cancel what is not the spiral's harmonic, and its next two
REGULARISATION = 1e-3  # keeps the cold response finite where an annulus lies on a Lindblad resonance


@dataclass(frozen=True)
class SpiralMode:
    """A spiral of `spiral_response` as a mode of the orbit kernel, in the plane."""

    spiral: Spiral
    pattern: Pattern
    vertical: str = "constant"
    R_limits_kpc: tuple[float, float] = (0.0, np.inf)

    @property
    def m(self) -> int:
        """Number of arms."""
        return self.spiral.m

    def amplitude(self, R_kpc: Array) -> tuple[Array, Array]:
        """Return C(R) of Phi_1 = Re[C exp(i m (phi - Omega_p t))] [(km/s)^2] and dC/dR."""
        A, slope = self.spiral.amplitude(R_kpc)
        turned = np.exp(1j * self.spiral.phase(R_kpc, 0.0))
        return A * turned, (slope + 1j * self.spiral.wavenumber(R_kpc) * A) * turned

    def height_factor(self, R_kpc: Array, Z_kpc: Array) -> tuple[Array, Array, Array]:
        """Return 1 and no slopes: a planar mode."""
        one = np.ones(np.broadcast_shapes(np.shape(R_kpc), np.shape(Z_kpc)))
        return one, 0 * one, 0 * one


@dataclass(frozen=True)
class SpiralMock:
    """A mock, as its config entry declares it; `spiral` has the `amplitude` of the entry in it already."""

    potential: Logarithmic
    spiral: Spiral
    disc: WarmDisc | None
    engine: str
    R_limits_kpc: tuple[float, float]
    n_particles: int
    growth_Gyr: float
    settle_Gyr: float
    output_Gyr: float
    n_outputs: int
    radians_per_step: float
    annulus_kpc: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """Build the mock of a config entry; `where` names the entry in errors.

        Raises
        ------
        DiscatlasError
            For an impossible potential, spiral or population, an unknown engine, times or numbers out of range.
        """
        spiral = Spiral.from_config(config["spiral"], config["R0_kpc"], f"{where}.spiral")
        spiral = replace(spiral, surface_density_msun_kpc2=config["amplitude"] * spiral.surface_density_msun_kpc2)
        potential = Logarithmic(config["v_c_kms"], config["core_kpc"])
        names = ("engine", "n_particles", "growth_Gyr", "settle_Gyr", "output_Gyr", "n_outputs", "radians_per_step")
        mock = cls(
            potential=potential,
            spiral=spiral,
            disc=warm_disc(config, potential, config["sigma_R_kms"]) if config["sigma_R_kms"] else None,
            R_limits_kpc=tuple(map(float, config["R_limits_kpc"])),
            annulus_kpc=config["annulus_kpc"],
            **{name: config[name] for name in names},
        )
        mock.check(where)
        return mock

    def check(self, where: str) -> None:
        """Raise a DiscatlasError for what makes no mock."""
        if self.engine not in ENGINES:
            raise DiscatlasError(
                f"{where}.engine: got {self.engine!r}{nearest(str(self.engine), ENGINES)}; expected one of {', '.join(ENGINES)}"
            )
        if self.spiral.pattern_speed_kms_kpc <= 0:
            raise DiscatlasError(
                f"{where}.spiral.pattern_speed_kms_kpc: got {self.spiral.pattern_speed_kms_kpc}, expected more than 0: the spiral grows by its turns"
            )
        if self.spiral.surface_density_msun_kpc2 == 0:
            raise DiscatlasError(
                f"{where}: amplitude times spiral.surface_density_msun_kpc2 is 0: nothing would respond; expected more"
            )
        for name in ("growth_Gyr", "annulus_kpc", "radians_per_step", "output_Gyr"):
            if not getattr(self, name) > 0:
                raise DiscatlasError(f"{where}.{name}: got {getattr(self, name)}, expected more than 0")
        if self.settle_Gyr < 0 or self.n_outputs < 1:
            raise DiscatlasError(
                f"{where}: got settle_Gyr {self.settle_Gyr}, n_outputs {self.n_outputs}; expected 0 or more, and at least 1"
            )
        low, high = self.R_limits_kpc
        if not 0.1 <= low < high <= 60:
            raise DiscatlasError(
                f"{where}.R_limits_kpc: got [{low:g}, {high:g}], expected two radii in order between 0.1 and 60 kpc"
            )
        if self.n_particles < self.copies:
            raise DiscatlasError(
                f"{where}.n_particles: got {self.n_particles}, expected at least the {self.copies} that start on one orbit"
            )

    @property
    def copies(self) -> int:
        """Number of particles that start on one orbit, at several azimuths."""
        return self.spiral.m * AZIMUTHS

    @property
    def times_kpc_kms(self) -> Array:
        """The birth of the spiral, and the times of the outputs; 0 is where its phase is that of the config."""
        growth, settle, span = (
            t / GYR_PER_KPC_KMS for t in (self.growth_Gyr, self.settle_Gyr, self.output_Gyr * (self.n_outputs > 1))
        )
        return np.array([-2 * growth, *(settle - growth + np.linspace(0, span, self.n_outputs))])

    @property
    def mode(self) -> SpiralMode:
        """The growing spiral: it is steady in the second half of its life, so it lives twice as long as it grows."""
        Omega = self.spiral.pattern_speed_kms_kpc
        return SpiralMode(self.spiral, Pattern(Omega, 2 * self.growth_Gyr / GYR_PER_KPC_KMS * Omega / (2 * np.pi)))


def warm_disc(config: Mapping[str, Any], potential: Logarithmic, sigma_R_kms: float) -> WarmDisc:
    """Return the warm population of a config entry; null scale lengths stand for none."""
    scales = (np.inf if config[key] is None else config[key] for key in ("sigma_scale_kpc", "scale_length_kpc"))
    return WarmDisc(potential, sigma_R_kms, config["R0_kpc"], *scales)


def annulus_columns(mock: SpiralMock, R_kpc: Array, phi_deg: Array, v_R_kms: Array) -> Columns:
    """Return the harmonic of v_R in annuli beside that of the linear cold response (contract ``spiral_mock_annuli``).

    A harmonic is V of v_R = constant + Re[V exp(i Psi)], fitted by least squares, to the mock as to the response at the same
    places; the fit knows that places crowd. Weights fall linearly to zero at the edges of the annulus, lest stars that
    cross them add noise. Annuli lie within the limits of the mock, less an epicycle's reach of a warm population.

    Raises
    ------
    DiscatlasError
        For an annulus with too few particles.
    """
    width, spiral = mock.annulus_kpc, mock.spiral
    reach = 0.0
    if mock.disc:
        reach = 2 * float(mock.disc.dispersion(spiral.R0_kpc) / mock.potential.frequencies(spiral.R0_kpc)[1])
    low, high = mock.R_limits_kpc[0] + reach, mock.R_limits_kpc[1] - reach
    middles = np.arange(np.ceil(low / width), np.floor(high / width)) * width + width / 2
    near = np.floor(R_kpc / width).astype(int) - round(middles[0] / width - 0.5)
    inside = (near >= 0) & (near < middles.size)
    near, R, phi = near[inside], R_kpc[inside], phi_deg[inside]
    Psi = spiral.phase(R, phi)
    terms = response_coefficients(spiral, R, *mock.potential.frequencies(R), REGULARISATION)
    sine = terms.v_R_sin_kms * np.sin(Psi)
    values = np.stack([v_R_kms[inside], sine + terms.v_R_cos_kms * np.cos(Psi), sine])
    weight = 1.0 - np.abs(R - middles[near]) / (width / 2)
    measured, model, sin_only = _harmonics(near, weight, Psi, values, middles)
    across = middles[:, None] + np.linspace(-0.5, 0.5, 21) * width
    valid = linear_places(spiral, across, *mock.potential.frequencies(across)).all(axis=1)
    return {
        "R_kpc": middles,
        "n": np.bincount(near, minlength=middles.size),
        "amplitude_kms": np.abs(measured),
        "phase_deg": np.angle(measured, deg=True),
        "model_amplitude_kms": np.abs(model),
        "model_phase_deg": np.angle(model, deg=True),
        "ratio": np.abs(measured / model),
        "phase_error_deg": np.angle(measured / model, deg=True),
        "valid": valid,
        "sin_only_ratio": np.abs(measured / sin_only),
        "sin_only_phase_error_deg": np.angle(measured / sin_only, deg=True),
    }


def _harmonics(
    row: NDArray[np.int64], weight: Array, Psi: Array, values: Array, middles: Array
) -> NDArray[np.complex128]:
    """Return V of each of `values`, shape (k, n), in each row, shape (k, rows), by least squares with a constant."""
    basis = np.stack([np.ones_like(Psi), np.cos(Psi), np.sin(Psi)])
    normal, moments = np.empty((middles.size, 3, 3)), np.empty((middles.size, 3, len(values)))
    for i in range(3):
        for j in range(3):
            normal[:, i, j] = np.bincount(row, weight * basis[i] * basis[j], middles.size)
        for k, value in enumerate(values):
            moments[:, i, k] = np.bincount(row, weight * basis[i] * value, middles.size)
    empty = ~(np.linalg.eigvalsh(normal)[:, 0] > 1e-6 * normal[:, 0, 0])
    if empty.any():
        raise DiscatlasError(
            f"spiral mock: too few particles in the annulus at R = {middles[empty][0]:g} kpc; take more particles or wider annuli"
        )
    _, cosine, sine = np.moveaxis(np.linalg.solve(normal, moments), 1, 0)
    return (cosine - 1j * sine).T
