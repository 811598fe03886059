"""A disc in closed form: exponential density, flat rotation curve, asymmetric drift, and a wave in v_R.

The means and dispersions are known at every point, so a map made from the simulated catalogue can be held against
them. Conventions as in `frames`: phi positive with rotation, v_R outward.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pygaia.errors.astrometric import parallax_uncertainty, position_uncertainty, proper_motion_uncertainty
from pygaia.errors.spectroscopic import radial_velocity_uncertainty

from discatlas.frames import Sun, cartesian_position, cartesian_velocity, cylindrical_position, observe
from discatlas.streams import stream_generator

Array = NDArray[np.float64]
CHUNK_STARS = 100_000
GIANT_TEFF_K, GIANT_LOGG = 4700.0, 2.5  # a red-clump star, for the radial-velocity errors
ERROR_INFLATION = 8.0  # of a bad astrometric solution
RELEASE = "dr3"


@dataclass(frozen=True)
class DiscModel:
    """Parameters of the disc and its survey, named and in units as in config/config.yaml."""

    n_stars: int
    radius_kpc: float
    scale_length_kpc: float
    scale_height_kpc: float
    v_c_kms: float
    sigma_R_kms: float
    sigma_Z_kms: float
    sigma_scale_kpc: float
    wave_amplitude_kms: float
    wave_length_kpc: float
    wave_number: int
    wave_phase_deg: float
    feh_dex: float
    feh_gradient_dex_per_kpc: float
    feh_scatter_dex: float
    feh_error_dex: float
    absolute_magnitude_mag: float
    absolute_magnitude_scatter_mag: float
    rv_limit_mag: float
    bad_fraction: float
    duplicate_fraction: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the model from its config entry, which holds exactly these keys."""
        return cls(**{field.name: config[field.name] for field in fields(cls)})

    def mean_v_R(self, R_kpc: Array, phi_deg: Array, sun: Sun) -> Array:
        """Return the mean radial velocity [km/s]: A sin(2 pi (R - R0) / lambda - m phi + phase)."""
        phase = 2 * np.pi * (R_kpc - sun.R0_kpc) / self.wave_length_kpc
        return self.wave_amplitude_kms * np.sin(phase - np.radians(self.wave_number * phi_deg - self.wave_phase_deg))

    def sigma_R(self, R_kpc: Array, sun: Sun) -> Array:
        """Return the radial dispersion [km/s]; the azimuthal one is 1/sqrt(2) of it in a flat rotation curve."""
        return self.sigma_R_kms * np.exp(-(R_kpc - sun.R0_kpc) / self.sigma_scale_kpc)

    def mean_v_phi(self, R_kpc: Array, sun: Sun) -> Array:
        """Return the mean azimuthal velocity [km/s]: v_c less the asymmetric drift of the Jeans equation.

        v_a = sigma_R^2 / (2 v_c) [R (1/h_R + 2/h_sigma) - 1 + sigma_phi^2/sigma_R^2], with the velocity ellipsoid
        aligned with the cylinder (Binney & Tremaine 2008, Eq. 4.228).
        """
        slope = R_kpc * (1 / self.scale_length_kpc + 2 / self.sigma_scale_kpc)
        return self.v_c_kms - self.sigma_R(R_kpc, sun) ** 2 / (2 * self.v_c_kms) * (slope - 0.5)

    def mean_feh(self, R_kpc: Array, sun: Sun) -> Array:
        """Return the mean [Fe/H] [dex]."""
        return self.feh_dex + self.feh_gradient_dex_per_kpc * (R_kpc - sun.R0_kpc)


def draw_positions(model: DiscModel, sun: Sun, n_stars: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw R [kpc], phi [deg] and Z [kpc] of the disc within `radius_kpc` of the Sun in the plane, shape (n_stars,) each."""
    X, Y = np.empty(0), np.empty(0)
    lowest = max(0.0, sun.R0_kpc - model.radius_kpc)
    while X.size < n_stars:
        n_try = 2 * (n_stars - X.size) + 1000
        distance = model.radius_kpc * np.sqrt(rng.random(n_try))
        angle = 2 * np.pi * rng.random(n_try)
        x, y = sun.position_kpc[0] + distance * np.cos(angle), distance * np.sin(angle)
        kept = rng.random(n_try) < np.exp(-(np.hypot(x, y) - lowest) / model.scale_length_kpc)
        X, Y = np.append(X, x[kept]), np.append(Y, y[kept])
    R, phi = cylindrical_position(X[:n_stars], Y[:n_stars])
    return R, phi, rng.laplace(scale=model.scale_height_kpc, size=n_stars)


def simulate_chunk(model: DiscModel, sun: Sun, n_stars: int, rng: np.random.Generator) -> dict[str, Array]:
    """Draw stars and observe them with Gaia's errors; the columns of `simulation.COLUMNS` but source_id."""
    R, phi, Z = draw_positions(model, sun, n_stars, rng)
    sigma_R = model.sigma_R(R, sun)
    v_R = rng.normal(model.mean_v_R(R, phi, sun), sigma_R)
    v_phi = rng.normal(model.mean_v_phi(R, sun), sigma_R / np.sqrt(2))
    v_Z = rng.normal(0.0, model.sigma_Z_kms * sigma_R / model.sigma_R_kms if model.sigma_R_kms else 0.0)
    position = np.stack([*cartesian_position(R, phi), Z])
    velocity = np.stack([*cartesian_velocity(phi, v_R, v_phi), v_Z])
    truth = observe(position, velocity, sun)
    feh = rng.normal(model.mean_feh(R, sun), model.feh_scatter_dex)
    magnitude = rng.normal(model.absolute_magnitude_mag, model.absolute_magnitude_scatter_mag, n_stars)
    return observe_with_errors(model, truth, feh, magnitude + 5 * np.log10(truth["distance_kpc"]) + 10, rng)


def observe_with_errors(
    model: DiscModel, truth: dict[str, Array], feh: Array, G: Array, rng: np.random.Generator
) -> dict[str, Array]:
    """Return the catalogue columns of true observables: Gaia's errors at magnitude `G` (PyGaia), and its gaps."""
    n_stars = G.size
    bad = rng.random(n_stars) < model.bad_fraction
    scale = np.where(bad, ERROR_INFLATION, 1.0) * 1e-3  # micro- to milliarcseconds
    right_ascension, declination = position_uncertainty(G, release=RELEASE)
    motion_ra, motion_dec = proper_motion_uncertainty(G, release=RELEASE)
    errors = {
        "ra_error": right_ascension * scale,
        "dec_error": declination * scale,
        "parallax_error": parallax_uncertainty(G, release=RELEASE) * scale,
        "pmra_error": motion_ra * scale,
        "pmdec_error": motion_dec * scale,
        "radial_velocity_error": radial_velocity_uncertainty(
            np.minimum(G - 0.9, 16.0), np.full(n_stars, GIANT_TEFF_K), np.full(n_stars, GIANT_LOGG), release=RELEASE
        ),
    }
    noise = {name: rng.standard_normal(n_stars) * error for name, error in errors.items()}
    has_velocity = model.rv_limit_mag > G
    for name in ("radial_velocity_error",):
        errors[name] = np.where(has_velocity, errors[name], np.nan)
    return {
        "ra": (truth["ra"] + noise["ra_error"] / 3.6e6 / np.cos(np.radians(truth["dec"]))) % 360.0,
        "dec": np.clip(truth["dec"] + noise["dec_error"] / 3.6e6, -90.0, 90.0),
        "parallax": 1.0 / truth["distance_kpc"] + noise["parallax_error"],
        "pmra": truth["pmra"] + noise["pmra_error"],
        "pmdec": truth["pmdec"] + noise["pmdec_error"],
        **errors,
        "radial_velocity": np.where(has_velocity, truth["radial_velocity"] + noise["radial_velocity_error"], np.nan),
        "ruwe": np.where(bad, 1.4 + rng.exponential(1.0, n_stars), rng.normal(1.0, 0.05, n_stars).clip(0.7, 1.39)),
        "phot_g_mean_mag": G,
        "feh_dex": feh + rng.standard_normal(n_stars) * model.feh_error_dex,
        "feh_error_dex": np.full(n_stars, model.feh_error_dex),
    }


def simulate_disc(model: DiscModel, sun: Sun, seed: int, name: str) -> Iterator[dict[str, Array]]:
    """Yield the catalogue in chunks, each from a stream of its own, so that memory does not grow with the stars.

    A fraction of the stars is listed twice, the second time with errors half as large again.
    """
    for start in range(0, model.n_stars, CHUNK_STARS):
        rng = stream_generator(seed, "simulate_galaxy", name, str(start))
        n_stars = min(CHUNK_STARS, model.n_stars - start)
        stars = simulate_chunk(model, sun, n_stars, rng)
        stars["source_id"] = np.arange(start, start + n_stars, dtype=np.int64)
        twice = np.flatnonzero(rng.random(n_stars) < model.duplicate_fraction)
        again = {column: values[twice] for column, values in stars.items()}
        again["parallax"] = again["parallax"] + rng.standard_normal(twice.size) * again["parallax_error"]
        again["parallax_error"] = again["parallax_error"] * 1.5
        yield {column: np.append(values, again[column]) for column, values in stars.items()}
