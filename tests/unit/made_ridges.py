"""For tests of ridges: settings, and stars in a smooth disc with groups along known lines."""

import numpy as np

from discatlas.contracts import load_contract
from discatlas.tables import TableWriter

R0 = 8.275
SETTINGS = {
    "R0_kpc": R0,
    "v_R_kms": [-56.0, 0.0],
    "v_R_width_kms": 20.0,
    "R_limits_kpc": [7.0, 9.8],
    "R_width_kpc": 0.28,
    "phi_half_deg": 3.0,
    "phi_limits_deg": [-20.0, 20.0],
    "phi_width_deg": 4.0,
    "R_half_kpc": 0.3,
    "R_places_kpc": [8.0],
    "phi_places_deg": [0.0, 10.0],
    "v_R_limits_kms": [-60.0, 60.0],
    "v_R_step_kms": 10.0,
    "v_phi_limits_kms": [140.0, 320.0],
    "v_phi_step_kms": 2.0,
    "scale_kms": 6.0,
    "min_stars": 30,
    "min_significance": 3.0,
    "min_prominence": 0.02,
    "R_slopes_kms_kpc": [-60.0, 10.0],
    "phi_slopes_kms_deg": [-2.0, 2.0],
    "v_R_slopes": [-1.0, 1.0],
    "tolerance_kms": 6.0,
    "max_gap": 1,
    "min_places": 4,
}
# v_phi at the Sun [km/s], slopes in R [km/s/kpc] and in azimuth [km/s/deg], share of the stars
GROUPS = ((200.0, -28.0, -0.7, 0.15), (272.0, -20.0, -0.1, 0.1))
GROUP_KMS, SMOOTH_KMS = 6.0, 30.0


def made_stars(n, seed, groups=GROUPS):
    """Columns of stars: uniform in R and azimuth, v_R normal with 40 km/s; a smooth disc and the groups."""
    rng = np.random.default_rng(seed)
    R, phi = rng.uniform(6.9, 9.9, n), rng.uniform(-21, 21, n)
    member = rng.choice(len(groups) + 1, n, p=[*(share for *_, share in groups), 1 - sum(g[3] for g in groups)])
    v_phi = rng.normal(232 - 2 * (R - R0), SMOOTH_KMS, n)
    for k, (v, in_R, in_phi, _) in enumerate(groups):
        here = member == k
        v_phi[here] = rng.normal(v + in_R * (R[here] - R0) + in_phi * phi[here], GROUP_KMS)
    return {
        "R_kpc": R,
        "phi_deg": phi,
        "Z_kpc": rng.normal(0, 0.3, n),
        "v_R_kms": rng.normal(0, 40, n),
        "v_phi_kms": v_phi,
    }


def write_stars(path, columns):
    """A phase space of these stars; what ridges do not need is made up."""
    n = columns["R_kpc"].size
    angle = np.radians(columns["phi_deg"])
    table = {"X_kpc": -columns["R_kpc"] * np.cos(angle), "Y_kpc": columns["R_kpc"] * np.sin(angle)} | columns
    table |= {"source_id": np.arange(n), "v_Z_kms": np.zeros(n)}
    contract = load_contract("phase_space")
    names = [name for name in contract.names if name in table]
    with TableWriter(path, contract, names, {"sample": "made"}) as writer:
        writer.write({name: table[name] for name in names})
    return path
