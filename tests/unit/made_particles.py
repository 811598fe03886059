"""Particles made by hand for the tests of the surveys: an exponential disc of dwarfs, giants and hot stars."""

import numpy as np

from discatlas.frames import cartesian_position, cartesian_velocity
from discatlas.streams import stream_generator

# intrinsic colours against Teff, about those of real stars: BP - RP, G - RP, G - Ks, J - Ks, J - H
TEFF = np.array([3000, 3500, 4500, 5000, 5800, 7000, 8500, 10000, 15000, 40000], float)
COLOURS = {
    "BP-RP": [3.0, 2.2, 1.30, 1.05, 0.82, 0.45, 0.15, 0.0, -0.20, -0.45],
    "G-RP": [1.3, 1.1, 0.65, 0.54, 0.44, 0.26, 0.10, 0.0, -0.10, -0.20],
    "G-Ks": [4.0, 3.2, 1.95, 1.55, 1.37, 0.70, 0.25, 0.0, -0.35, -0.80],
    "J-Ks": [1.0, 0.95, 0.68, 0.53, 0.37, 0.20, 0.07, 0.0, -0.10, -0.22],
    "J-H": [0.75, 0.72, 0.55, 0.42, 0.30, 0.16, 0.05, 0.0, -0.08, -0.15],
}


def make_particles(n, seed=1, hot=0.3, giants=0.4, first=0):
    """Columns of contract ``galaxy`` that the surveys read; the shares of hot stars and giants are given."""
    rng = stream_generator(seed, "made_particles")
    share = rng.random(n)
    is_hot, is_giant = share < hot, (share >= hot) & (share < hot + giants)
    R, phi = 8.0 + rng.normal(0, 2.0, n), rng.normal(0, 20, n)
    Z = rng.laplace(scale=np.where(is_hot, 0.08, 0.3), size=n)
    X, Y = cartesian_position(np.abs(R) + 0.1, phi)
    R = np.hypot(X, Y)
    sigma = np.where(is_hot, 8.0, 35.0)
    v_R, v_phi, v_Z = rng.normal(0, sigma), rng.normal(225, sigma / np.sqrt(2)), rng.normal(0, sigma / 2)
    v_X, v_Y = cartesian_velocity(phi, v_R, v_phi)
    teff = np.select(
        [is_hot, is_giant], [10 ** rng.uniform(3.9, 4.5, n), rng.uniform(3900, 5100, n)], rng.uniform(4000, 7000, n)
    )
    logg = np.select([is_hot, is_giant], [rng.uniform(3.3, 4.3, n), 2.3 + (teff - 4500) / 500], 4.5)
    M_G = np.select(
        [is_hot, is_giant],
        [
            np.interp(np.log10(teff), [3.9, 4.0, 4.15, 4.3, 4.5], [1.5, 0.7, -0.5, -1.5, -3.0]),
            0.5 + (teff - 4500) / 600,
        ],
        4.5 + (6000 - teff) / 700,
    ) + rng.normal(0, 0.3, n)
    colour = {name: np.interp(teff, TEFF, values) for name, values in COLOURS.items()}
    M_Ks = M_G - colour["G-Ks"]
    mass = np.where(is_hot, (teff / 9000) ** 1.8 * 2.0, 1.0)
    return {
        "particle": np.arange(first, first + n),
        "population": np.where(is_hot, "young", np.where(rng.random(n) < 0.2, "thick", "thin")).astype(object),
        "weight": np.where(is_hot, 0.1, 1.0),
        "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "v_X_kms": v_X, "v_Y_kms": v_Y, "v_Z_kms": v_Z,
        "R_kpc": R, "phi_deg": phi, "v_R_kms": v_R, "v_phi_kms": v_phi,
        "age_Gyr": np.where(is_hot, 0.05, 5.0), "feh_dex": rng.normal(-0.07 * (R - 8), 0.2),
        "initial_mass_msun": mass, "mass_msun": mass, "teff_K": teff, "logg_dex": logg,
        "M_G_mag": M_G, "M_BP_mag": M_G - colour["G-RP"] + colour["BP-RP"], "M_RP_mag": M_G - colour["G-RP"],
        "M_J_mag": M_Ks + colour["J-Ks"], "M_H_mag": M_Ks + colour["J-Ks"] - colour["J-H"], "M_Ks_mag": M_Ks,
    }  # fmt: skip
