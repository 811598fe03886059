"""The published disc for tests of backward integration, and places and velocities at which to look."""

import numpy as np
from orbit_models import BAR, LIFE_KPC_KMS, khalil_plane, spiral_config

from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.velocity_grid import VelocityGrid

DISTRIBUTION = {
    "scale_length_kpc": 2.4,
    "sigma_scale_kpc": 10.0,
    "R0_kpc": 8.275,
    "components": [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}],
}
SPEC = {
    "bar": BAR,
    "spirals": [spiral_config(2), spiral_config(3)],
    "distribution": DISTRIBUTION,
    "integration_kpc_kms": LIFE_KPC_KMS,
}
PUBLISHED_GRID = VelocityGrid.from_config({"v_R_kms": [-79, 79, 2], "v_phi_kms": [110, 330, 4]})
COARSE_GRID = VelocityGrid.from_config({"v_R_kms": [-78, 78, 4], "v_phi_kms": [118, 322, 17]})


def model(perturbation=None, plane=None, **changes):
    """The published model, or with other entries of the spec, another perturbation or potential."""
    made = BarredModel.from_spec(plane or khalil_plane(), SPEC | changes)
    return made if perturbation is None else made.replace(perturbation)


def powerless():
    """Bar and spirals of amplitude zero, which are followed all the same."""
    modes = [mode | {"K": 0.0} for mode in BAR["modes"]]
    return Perturbation.from_config(BAR | {"modes": modes}, [spiral_config(m, K_km2_s2=0.0) for m in (2, 3)])


def polar(x, y):
    """R [kpc] and azimuth [deg] of places of the papers' frame."""
    return np.hypot(x, y), np.degrees(np.arctan2(y, x))


def drawn_orbits(n, seed=1):
    """Places and velocities of stars of the disc between 5 and 12 kpc: R, phi_deg, v_R, v_phi."""
    rng = np.random.default_rng(seed)
    return rng.uniform(5, 12, n), rng.uniform(-180, 180, n), rng.normal(0, 40, n), rng.normal(225, 25, n)
