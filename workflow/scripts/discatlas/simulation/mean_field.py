"""A disc in closed form: Gaussian velocities about a mean field that is known at every point, for exact recovery tests.

Density      exponential in R and in |Z|, without a wave, in an annulus or in the part of it about the Sun's place.
Rotation     v_c = v_c0 (R/R0)^slope at every height.
Dispersion   sigma_R^2 = (s^2 - f^2) exp(-2 (R - R0)/h_sigma) + f^2 with s its value at R0 and f its floor, sigma_Z alike;
             sigma_phi/sigma_R = kappa/(2 Omega) = sqrt((1 + slope)/2) (epicycles: Binney & Tremaine 2008, Sect. 3.2.3);
             the ellipsoid is aligned with the cylinder.
Mean         v_R = v_Z = 0, v_phi from the radial Jeans equation (Binney & Tremaine 2008, Eq. 4.222a), in full and not
             to first order in the drift: v_phi^2 = v_c^2 - sigma_phi^2 + (R/nu) d(nu sigma_R^2)/dR.
             To v_R and v_phi are added the linear responses to the spirals (`discatlas.spiral_response`) in the plane,
             the same at every height. A Taylor series replaces the mean of its component (`discatlas.simulation.taylor_field`).

It obeys no Boltzmann equation: nothing streams, and sigma_Z and the scale height are independent of each other.
Conventions as in `discatlas.frames`. Stars lie in [R_min, R_max] and, unless the radius is None, within it of (-R0, 0).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincinv

from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import cartesian_position, cartesian_velocity, cylindrical_position
from discatlas.simulation.taylor_field import TaylorField, check_number
from discatlas.spiral_response import Spiral, power_law_frequencies, spiral_response

Array = NDArray[np.float64]
POSITIVE = ("R0_kpc", "R_min_kpc", "scale_length_kpc", "scale_height_kpc", "sigma_scale_kpc", "v_c_kms")
NOT_NEGATIVE = ("sigma_R_kms", "sigma_R_floor_kms", "sigma_Z_kms", "sigma_Z_floor_kms", "age_min_Gyr", "n_particles")
STENCIL_KPC = 0.004
STENCIL = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))  # first derivative, central, exact to degree 8
LEAST_SHARE = 1e-9  # of an endless disc that the range of radii must hold
CHECKED_HEIGHTS = 5.0  # scale heights from the plane up to which the mean rotation is checked


class OortConstants(NamedTuple):
    """Oort's constants [km/s/kpc], signs as in `discatlas.velocity_field.oort`."""

    A: Array
    B: Array
    C: Array
    K: Array


@dataclass(frozen=True)
class MeanFieldModel:
    """Parameters of the disc, named and in units as in config/config.yaml; `from_config` also takes `kind`.

    Raises
    ------
    DiscatlasError
        For numbers that make no disc: a negative dispersion, a floor above the dispersion, an empty region, or a mean
        rotation that vanishes somewhere in the region, within five scale heights of the plane.
    """

    n_particles: int
    R0_kpc: float
    radius_kpc: float | None
    R_min_kpc: float
    R_max_kpc: float
    scale_length_kpc: float
    scale_height_kpc: float
    v_c_kms: float
    v_c_slope: float
    sigma_R_kms: float
    sigma_R_floor_kms: float
    sigma_Z_kms: float
    sigma_Z_floor_kms: float
    sigma_scale_kpc: float
    population: str
    age_min_Gyr: float
    age_max_Gyr: float
    spirals: tuple[Spiral, ...]
    regularisation: float
    taylor: TaylorField | None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the model from its config entry; keys that belong to others are left alone, none of ours may lack."""
        if config.get("kind", "mean_field") != "mean_field":
            raise DiscatlasError(f"mean_field: got kind {config['kind']!r}, expected 'mean_field'")
        for field in fields(cls):
            if field.name not in config:
                raise DiscatlasError(f"mean_field: key {field.name!r} is missing{nearest(field.name, config)}")
        values = {field.name: config[field.name] for field in fields(cls)}
        check_number("mean_field", "R0_kpc", values["R0_kpc"])
        spirals = enumerate(values["spirals"])
        values["spirals"] = tuple(Spiral.from_config(s, values["R0_kpc"], f"spirals[{i}]") for i, s in spirals)
        if values["taylor"] is not None:
            values["taylor"] = TaylorField.from_config(values["taylor"])
        return cls(**values)

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_region(self)
        _check_rotation(self)

    def circular_speed(self, R_kpc: ArrayLike) -> Array:
        """Return v_c [km/s]."""
        return self.v_c_kms * (np.asarray(R_kpc, dtype=np.float64) / self.R0_kpc) ** self.v_c_slope

    def frequencies(self, R_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return Omega and kappa [km/s/kpc]."""
        return power_law_frequencies(R_kpc, self.v_c_kms, self.R0_kpc, self.v_c_slope)

    def dispersion(self, R_kpc: ArrayLike) -> tuple[Array, Array, Array]:
        """Return sigma_R, sigma_phi, sigma_Z [km/s]."""
        sigma_R = np.sqrt(self._variance(R_kpc, self.sigma_R_kms, self.sigma_R_floor_kms)[0])
        sigma_Z = np.sqrt(self._variance(R_kpc, self.sigma_Z_kms, self.sigma_Z_floor_kms)[0])
        return sigma_R, sigma_R * math.sqrt((1 + self.v_c_slope) / 2), sigma_Z

    def _variance(self, R_kpc: ArrayLike, sigma_kms: float, floor_kms: float) -> tuple[Array, Array]:
        """Return sigma^2 and its derivative with R."""
        falling = np.exp(-2 * (np.asarray(R_kpc, dtype=np.float64) - self.R0_kpc) / self.sigma_scale_kpc)
        falling = (sigma_kms**2 - floor_kms**2) * falling
        return falling + floor_kms**2, -2 / self.sigma_scale_kpc * falling

    def jeans_v_phi(self, R_kpc: ArrayLike) -> Array:
        """Return the mean rotation without spirals and series [km/s]; NaN where pressure exceeds gravity."""
        R = np.asarray(R_kpc, dtype=np.float64)
        variance, slope = self._variance(R, self.sigma_R_kms, self.sigma_R_floor_kms)
        azimuthal = variance * (1 + self.v_c_slope) / 2
        square = self.circular_speed(R) ** 2 - azimuthal + variance * (1 - R / self.scale_length_kpc) + R * slope
        with np.errstate(invalid="ignore"):
            return np.sqrt(square)

    def mean_velocity_cylindrical(
        self, R_kpc: ArrayLike, phi_deg: ArrayLike, Z_kpc: ArrayLike
    ) -> tuple[Array, Array, Array]:
        """Return the mean v_R, v_phi, v_Z [km/s] at places that broadcast against each other."""
        R, phi, Z = (np.array(x, dtype=np.float64) for x in np.broadcast_arrays(R_kpc, phi_deg, Z_kpc))
        mean = {"v_R": np.zeros_like(R), "v_phi": self.jeans_v_phi(R), "v_Z": np.zeros_like(R)}
        for spiral in self.spirals:
            response = spiral_response(spiral, R, phi, *self.frequencies(R), self.regularisation)
            mean["v_R"], mean["v_phi"] = mean["v_R"] + response.v_R_kms, mean["v_phi"] + response.v_phi_kms
        if self.taylor is not None:
            mean |= {component: self.taylor.mean(component, R, phi, Z) for component in self.taylor.components}
        return mean["v_R"], mean["v_phi"], mean["v_Z"]

    def mean_velocity(self, X_kpc: ArrayLike, Y_kpc: ArrayLike, Z_kpc: ArrayLike) -> tuple[Array, Array, Array]:
        """Return the mean v_R, v_phi, v_Z [km/s] at places that broadcast against each other: the truth of the checks."""
        X, Y = np.asarray(X_kpc, dtype=np.float64), np.asarray(Y_kpc, dtype=np.float64)
        return self.mean_velocity_cylindrical(*cylindrical_position(X, Y), Z_kpc)

    def oort_constants(self, R_kpc: ArrayLike, phi_deg: ArrayLike) -> OortConstants:
        """Return Oort's constants of the mean field in the plane.

        The derivatives are central differences of eighth order: exact for a series, else to about 1e-10 km/s/kpc
        unless the regularisation is so small that a Lindblad resonance is a few hundredths of a kpc wide.
        """
        R, phi = np.asarray(R_kpc, dtype=np.float64), np.asarray(phi_deg, dtype=np.float64)
        v_R, v_phi, _ = self.mean_velocity_cylindrical(R, phi, 0.0)
        along_R, along_phi = np.zeros((2, *v_R.shape)), np.zeros((2, *v_R.shape))
        for n, weight in STENCIL:
            for sign in (1, -1):
                step, factor = sign * n * STENCIL_KPC, sign * weight / STENCIL_KPC
                outward = self.mean_velocity_cylindrical(R + step, phi, 0.0)
                turned = self.mean_velocity_cylindrical(R, phi + np.rad2deg(step / R), 0.0)
                along_R += factor * np.stack(outward[:2])
                along_phi += factor * np.stack(turned[:2])
        return OortConstants(
            A=0.5 * (v_phi / R - along_R[1] - along_phi[0]),
            B=0.5 * (-v_phi / R - along_R[1] + along_phi[0]),
            C=0.5 * (-v_R / R + along_R[0] - along_phi[1]),
            K=0.5 * (v_R / R + along_R[0] + along_phi[1]),
        )

    def radial_range(self) -> tuple[float, float]:
        """Return the smallest and largest radius at which stars can lie [kpc]."""
        if self.radius_kpc is None:
            return self.R_min_kpc, self.R_max_kpc
        return max(self.R_min_kpc, self.R0_kpc - self.radius_kpc), min(self.R_max_kpc, self.R0_kpc + self.radius_kpc)

    def azimuthal_half_range_deg(self) -> float:
        """Return the largest |phi| at which stars can lie [deg]."""
        if self.radius_kpc is None:
            return 180.0
        square = self.R0_kpc**2 - self.radius_kpc**2
        R = min(max(math.sqrt(max(square, 0.0)), self.radial_range()[0]), self.radial_range()[1])
        return math.degrees(math.acos(min(max((R**2 + square) / (2 * R * self.R0_kpc), -1.0), 1.0)))

    def in_region(self, R_kpc: Array, phi_deg: Array) -> NDArray[np.bool_]:
        """Return where stars can lie in the plane."""
        lowest, highest = self.radial_range()
        inside = (R_kpc >= lowest) & (R_kpc <= highest)
        if self.radius_kpc is None:
            return inside
        X, Y = cartesian_position(R_kpc, phi_deg)
        return inside & (np.hypot(X + self.R0_kpc, Y) <= self.radius_kpc)


def _enclosed(model: MeanFieldModel) -> tuple[float, float]:
    """Return the shares of an endless disc inside the smallest and the largest radius."""
    low, high = (float(gammainc(2, edge / model.scale_length_kpc)) for edge in model.radial_range())
    return low, high


def draw_positions(model: MeanFieldModel, n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw R [kpc], phi [deg] and Z [kpc], shape (n,) each: R from the disc's R exp(-R/h_R), cut to the region."""
    low, high = _enclosed(model)
    half = model.azimuthal_half_range_deg()
    R, phi = np.empty(0), np.empty(0)
    while R.size < n:
        n_try = 2 * (n - R.size) + 1000
        r = gammaincinv(2, rng.uniform(low, high, n_try)) * model.scale_length_kpc
        azimuth = rng.uniform(-half, half, n_try)
        kept = model.in_region(r, azimuth)
        R, phi = np.append(R, r[kept]), np.append(phi, azimuth[kept])
    return R[:n], phi[:n], rng.laplace(scale=model.scale_height_kpc, size=n)


def simulate_mean_field(
    model: MeanFieldModel, n: int, rng: np.random.Generator, first_particle: int
) -> dict[str, NDArray[Any]]:
    """Draw n stars.

    Parameters
    ----------
    n : int
        Stars of this call, whatever `model.n_particles` is: the caller goes by chunks, each with its own stream.
    rng : numpy.random.Generator
        From `discatlas.streams`.
    first_particle : int
        Number of the first star.

    Returns
    -------
    dict
        Columns of the contract ``galaxy``, shape (n,) each: particle, population, weight (1), positions, velocities,
        R_birth_kpc = R_kpc, R_guide_kpc where a circular orbit has the size of L_z, age_Gyr (uniform).
    """
    R, phi, Z = draw_positions(model, n, rng)
    X, Y = cartesian_position(R, phi)
    means, sigmas = model.mean_velocity_cylindrical(R, phi, Z), model.dispersion(R)
    v_R, v_phi, v_Z = (mean + sigma * rng.standard_normal(n) for mean, sigma in zip(means, sigmas, strict=True))
    v_X, v_Y = cartesian_velocity(phi, v_R, v_phi)
    momentum = R * np.abs(v_phi) / (model.R0_kpc * model.v_c_kms)
    return {
        "particle": np.arange(first_particle, first_particle + n, dtype=np.int64),
        "population": np.full(n, model.population),
        "weight": np.ones(n),
        "X_kpc": X,
        "Y_kpc": Y,
        "Z_kpc": Z,
        "v_X_kms": v_X,
        "v_Y_kms": v_Y,
        "v_Z_kms": v_Z,
        "R_kpc": R,
        "phi_deg": phi,
        "v_R_kms": v_R,
        "v_phi_kms": v_phi,
        "R_birth_kpc": R.copy(),
        "R_guide_kpc": model.R0_kpc * momentum ** (1 / (1 + model.v_c_slope)),
        "age_Gyr": rng.uniform(model.age_min_Gyr, model.age_max_Gyr, n),
    }


def _check_numbers(model: MeanFieldModel) -> None:
    """Raise for numbers that are none, of the wrong sign, or at odds with each other."""
    for field in fields(model):
        value = getattr(model, field.name)
        if field.name not in ("population", "spirals", "taylor") and not (field.name == "radius_kpc" and value is None):
            check_number("mean_field", field.name, value)
            if (field.name in POSITIVE and value <= 0) or (
                field.name in (*NOT_NEGATIVE, "regularisation") and value < 0
            ):
                expected = "more than 0" if field.name in POSITIVE else "0 or more"
                raise DiscatlasError(f"mean_field: got {field.name} {value}, expected {expected}")
    for axis in ("R", "Z"):
        sigma, floor = getattr(model, f"sigma_{axis}_kms"), getattr(model, f"sigma_{axis}_floor_kms")
        if floor > sigma:
            got = f"sigma_{axis}_floor_kms {floor} and sigma_{axis}_kms {sigma}"
            raise DiscatlasError(f"mean_field: got {got}, expected a floor no higher than the dispersion at R0")
    if not -0.5 <= model.v_c_slope <= 1:
        raise DiscatlasError(
            f"mean_field: got v_c_slope {model.v_c_slope}, expected -0.5 (point mass) to 1 (solid body)"
        )
    if model.age_min_Gyr > model.age_max_Gyr:
        got = f"age_min_Gyr {model.age_min_Gyr} above age_max_Gyr {model.age_max_Gyr}"
        raise DiscatlasError(f"mean_field: got {got}, expected an age range in growing order")


def _check_region(model: MeanFieldModel) -> None:
    """Raise if no star can lie anywhere."""
    radius = model.radius_kpc
    if radius is not None and radius <= 0:
        raise DiscatlasError(
            f"mean_field: got radius_kpc {radius}, expected more than 0, or null for the whole annulus"
        )
    lowest, highest = model.radial_range()
    if lowest >= highest:
        about = "" if radius is None else f" within radius_kpc {radius} of R0_kpc {model.R0_kpc}"
        got = f"R_min_kpc {model.R_min_kpc} and R_max_kpc {model.R_max_kpc}"
        raise DiscatlasError(f"mean_field: got {got}, which leave no place for stars{about}; widen the range")
    low, high = _enclosed(model)
    if high - low < LEAST_SHARE:
        got = f"R = {lowest:g} to {highest:g} kpc at scale_length_kpc {model.scale_length_kpc}"
        raise DiscatlasError(
            f"mean_field: got {got}, a share of {high - low:.0e} of the disc; expected {LEAST_SHARE:.0e} or more"
        )


def _check_rotation(model: MeanFieldModel) -> None:
    """Raise if the mean rotation is not positive somewhere in the region, or the mean is not finite."""
    half, top = model.azimuthal_half_range_deg(), CHECKED_HEIGHTS * model.scale_height_kpc
    R = np.linspace(*model.radial_range(), 200)[:, None, None]
    phi, Z = np.linspace(-half, half, 181)[:, None], np.array([-top, 0.0, top])
    v_R, v_phi, v_Z = model.mean_velocity_cylindrical(R, phi, Z)
    bad = ~(v_phi > 0) | ~np.isfinite(v_R + v_Z)
    bad &= model.in_region(*np.broadcast_arrays(R, phi, Z)[:2])
    if bad.any():
        i, j, k = np.argwhere(bad)[0]
        place = f"R = {R[i, 0, 0]:.2f} kpc, phi = {phi[j, 0]:.0f} deg, Z = {Z[k]:.2f} kpc"
        got = f"v_R {v_R[i, j, k]:.1f}, v_phi {v_phi[i, j, k]:.1f} km/s"
        raise DiscatlasError(
            f"mean_field: the mean velocity at {place} is {got} (nan: the asymmetric drift exceeds the rotation), expected\n"
            "finite values and v_phi > 0: lower sigma_R_kms, raise R_min_kpc or scale_length_kpc, or mend spirals and taylor"
        )
