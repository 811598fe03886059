"""The particles as they stand on the sky, and the deviates of the measurements that all surveys share.

``Stars`` are arrays of shape (n,) or (n, k) by name: the columns of the particle table, and
distance_kpc, ra, dec, pmra, pmdec, radial_velocity   true observables as `frames.observe` gives them
l, b [deg], A_V [mag]                       direction and extinction
G, BP, RP, J, H, Ks [mag]                   true apparent magnitudes, reddened
z_astrometry (n, 5), z_2mass (n, 3), z_modulus, z_ruwe, u_bad    deviates of Gaia and of 2MASS

The deviates come from a stream of their own, one number for each particle of the chunk, so that a star has the same
parallax and the same magnitudes in every survey that lists it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from discatlas.frames import Sun, galactic_angles, observe
from discatlas.simulation.surveys.extinction import BAND_EXTINCTION, DustDisc
from discatlas.streams import stream_generator

Array = NDArray[np.float64]
Stars = dict[str, NDArray]

PARTICLE_COLUMNS = (
    "particle", "population", "weight",
    "X_kpc", "Y_kpc", "Z_kpc", "v_X_kms", "v_Y_kms", "v_Z_kms", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms",
    "age_Gyr", "feh_dex", "initial_mass_msun", "mass_msun", "teff_K", "logg_dex",
    "M_G_mag", "M_BP_mag", "M_RP_mag", "M_J_mag", "M_H_mag", "M_Ks_mag",
)  # fmt: skip

# 2MASS: magnitude at which the signal is 10 sigma, and the floor of bright stars (Skrutskie et al. 2006, AJ 131, 1163)
TEN_SIGMA_MAG = {"J": 15.8, "H": 15.1, "Ks": 14.3}
FLOOR_MAG = 0.02
DETECTION_MAG = 0.3  # a star whose error would be larger is not in 2MASS


def place_stars(particles: Mapping[str, NDArray], sun: Sun, dust: DustDisc) -> Stars:
    """Return the particles (contract ``galaxy``) with their true observables and apparent magnitudes."""
    position = np.stack([particles[f"{axis}_kpc"] for axis in "XYZ"])
    velocity = np.stack([particles[f"v_{axis}_kms"] for axis in "XYZ"])
    stars = {name: particles[name] for name in PARTICLE_COLUMNS} | observe(position, velocity, sun)
    stars["l"], stars["b"] = galactic_angles(stars["ra"], stars["dec"])
    stars["A_V"] = dust.extinction(*position, sun)
    modulus = true_modulus(stars)
    for band, ratio in BAND_EXTINCTION.items():
        stars[band] = particles[f"M_{band}_mag"] + modulus + ratio * stars["A_V"]
    return stars


def true_modulus(stars: Stars) -> Array:
    """Return the true distance modulus 5 log10(d / 10 pc) [mag]."""
    return 5 * np.log10(stars["distance_kpc"]) + 10


def share_deviates(stars: Stars, seed: int, chunk: int) -> Stars:
    """Return the stars of a whole chunk with the deviates that all surveys share."""
    rng = stream_generator(seed, "simulate_survey", "gaia and 2mass", str(chunk))
    n_stars = stars["particle"].size
    return stars | {
        "z_astrometry": rng.standard_normal((n_stars, 5)),
        "z_2mass": rng.standard_normal((n_stars, 3)),
        "z_modulus": rng.standard_normal(n_stars),
        "z_ruwe": rng.standard_normal(n_stars),
        "u_bad": rng.random(n_stars),
    }


def take(stars: Stars, rows: NDArray) -> Stars:
    """Return the stars of these row numbers, or where a mask is True."""
    return {name: values[rows] for name, values in stars.items()}


def repeat_some(n_stars: int, fraction: float, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return row numbers in which a fraction of the stars comes again at the end, and where those are."""
    again = np.flatnonzero(rng.random(n_stars) < fraction)
    rows = np.concatenate([np.arange(n_stars), again])
    return rows, np.arange(rows.size) >= n_stars


def near_infrared(stars: Stars) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the magnitudes J, H and Ks as 2MASS measures them, and their standard errors [mag]; missing if too faint."""
    magnitudes, errors = {}, {}
    for k, (band, limit) in enumerate(TEN_SIGMA_MAG.items()):
        error = np.hypot(FLOOR_MAG, 0.1 * 10 ** (0.4 * (stars[band] - limit)))
        errors[band] = np.where(error < DETECTION_MAG, error, np.nan)
        magnitudes[band] = stars[band] + stars["z_2mass"][:, k] * errors[band]
    return magnitudes, errors


class Limits:
    """The limits of a survey one after the other, and how many stars each left."""

    def __init__(self, n_stars: int) -> None:
        self.alive = np.ones(n_stars, dtype=bool)
        self.passed = {"particles": n_stars}

    def keep(self, name: str, mask: NDArray[np.bool_]) -> None:
        """Drop the stars where `mask` is False, and count the rest under `name`."""
        self.alive &= mask
        self.passed[name] = int(np.count_nonzero(self.alive))
