"""For tests of maps of the disc: models in a potential whose tables are exact, and made tables for figures."""

from functools import cache

import numpy as np
from orbit_models import BAR, LIFE_KPC_KMS, exact_plane, spiral_config

from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.modes import Perturbation

DISTRIBUTION = {
    "scale_length_kpc": 2.4,
    "sigma_scale_kpc": 10.0,
    "R0_kpc": 8.275,
    "components": [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}],
    "source": "Khalil et al. 2025",
}
COARSE = {"v_R_kms": [-75.0, 75.0, 10.0], "v_phi_kms": [115.0, 325.0, 15.0]}


def spec(bar=True, arms=(2, 3)):
    """What a model's JSON holds."""
    spirals = [spiral_config(m) | {"R_limits_kpc": list(spiral_config(m)["R_limits_kpc"])} for m in arms]
    return {
        "potential": "exact",
        "bar": BAR if bar else None,
        "spirals": spirals,
        "distribution": DISTRIBUTION,
        "integration_kpc_kms": LIFE_KPC_KMS,
    }


@cache
def plane():
    return exact_plane()


@cache
def model(bar=True, arms=(2, 3)):
    return BarredModel.from_spec(plane(), spec(bar, arms))


def perturbation(**which):
    entry = spec(**which)
    return Perturbation.from_config(entry["bar"], entry["spirals"])


def plane_columns():
    """Columns of contract ``potential_plane``."""
    profile = plane()
    columns = {name: getattr(profile, name) for name in profile.__dataclass_fields__}
    return columns | {"v_c_kms": profile.R_kpc * profile.Omega_kms_kpc}


def made_prediction(limits, spacing, phase=0.0, amplitude=7.0):
    """A made table ``disc_map`` of a model: waves along R and phi."""
    X, Y = (
        axis.ravel()
        for axis in np.meshgrid(*(np.arange(low + spacing / 2, high, spacing) for low, high in limits), indexing="ij")
    )
    R, phi = np.hypot(X, Y), np.degrees(np.arctan2(Y, -X))
    wave = amplitude * np.sin(2 * R + np.radians(2 * phi) + phase)
    rotation = 228 - 6 * (R / 8 - 1) ** 2 - 14 * np.maximum(7 - R, 0)
    n = X.size
    nothing = np.full(n, np.nan)
    cells = {"cell": np.arange(n), "X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi}
    cells |= {"n_stars": np.ma.masked_all(n, np.int64), "v_R_kms": wave, "v_phi_kms": rotation + 0.7 * wave}
    cells |= {"J_R_kpc_kms": 17 + 0.3 * wave, "density": np.exp(-R / 2.5)}
    cells |= {"v_R_error_kms": nothing, "v_phi_error_kms": nothing, "J_R_error_kpc_kms": nothing}
    equilibrium = {"v_phi_equilibrium_kms": rotation, "J_R_equilibrium_kpc_kms": np.full(n, 17.0)}
    return cells | equilibrium | {"density_equilibrium": np.exp(-R / 2.5)}


def made_observation(limits, spacing, seed=3, min_stars=20):
    """A made table ``disc_map`` of a sample about the Sun, the same wave with noise."""
    rng = np.random.default_rng(seed)
    cells = made_prediction(limits, spacing)
    names = [name for name in cells if "density" in name or "equilibrium" in name]
    for name in names:
        del cells[name]
    n_stars = rng.poisson(400 * np.exp(-np.hypot(cells["X_kpc"] + 8.2, cells["Y_kpc"]) / 1.2))
    held = n_stars > 0
    cells = {name: np.asarray(values)[held] for name, values in cells.items()} | {"n_stars": n_stars[held]}
    few = cells["n_stars"] < min_stars
    for base, unit, scatter in (("v_R", "kms", 35.0), ("v_phi", "kms", 25.0), ("J_R", "kpc_kms", 15.0)):
        error = 1.25 * scatter / np.sqrt(cells["n_stars"])
        noisy = cells[f"{base}_{unit}"] + rng.normal(0, error)
        cells |= {f"{base}_{unit}": np.where(few, np.nan, noisy), f"{base}_error_{unit}": np.where(few, np.nan, error)}
    return cells
