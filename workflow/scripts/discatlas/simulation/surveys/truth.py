"""The truth behind a survey's rows, in the columns of contract ``truth``."""

import numpy as np
from numpy.typing import NDArray

from discatlas.simulation.surveys.stars import Stars

SAME = (
    "X_kpc", "Y_kpc", "Z_kpc", "v_X_kms", "v_Y_kms", "v_Z_kms", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms",
    "distance_kpc", "age_Gyr", "feh_dex", "teff_K", "logg_dex", "initial_mass_msun", "mass_msun", "population", "weight",
)  # fmt: skip


def true_columns(stars: Stars, orbits: dict[str, NDArray] | None = None) -> dict[str, NDArray]:
    """Return the truth of each row; `orbits` are is_binary, semi_amplitude_kms and period_d, by default single stars."""
    n_stars = stars["particle"].size
    single = {
        "is_binary": np.zeros(n_stars, dtype=bool),
        "semi_amplitude_kms": np.full(n_stars, np.nan),
        "period_d": np.full(n_stars, np.nan),
    }
    return {
        "source_id": stars["particle"],
        **{name: stars[name] for name in SAME},
        "radial_velocity_kms": stars["radial_velocity"],
        "A_V_mag": stars["A_V"],
        **(single if orbits is None else {name: orbits[name] for name in single}),
    }
