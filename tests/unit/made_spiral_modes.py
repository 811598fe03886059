"""Problems for the fits of spiral modes: the published model and its points, and a small one whose answer is known."""

from functools import cache

import numpy as np
import pytest
from khalil2025 import CONFIG, MODEL
from orbit_models import BAR, R0_KPC, khalil_plane, spiral_config

from discatlas.bar_spirals.parameters import SpiralParameters, default_bounds
from discatlas.bar_spirals.points import FitPoints
from discatlas.contracts import load_contract
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.tables import write_table
from places import REAL_DATA

# SCIENCE: x = -X, y [kpc], sigma / sigma_0 (Khalil et al. 2025, Sect. 4.2)
POINTS = [[8.275, 0, 1], [7, 3.5, 2], [7, 1, 2], [9, 0, 2], [6.5, 0, 3], [10, 0, 3], [7, -3, 3], [10, -3, 3]]
POINTS += [[6, -2.5, 5], [7.5, -2.5, 5], [11.5, 1, 5], [12, 0, 5]]
POINTS += [[9, -3, 100], [9, 3.5, 100], [10, 3.5, 100], [12, 3.5, 100]]
COMPONENTS = [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}]
DISTRIBUTION = {"scale_length_kpc": 2.4, "sigma_scale_kpc": 10.0, "R0_kpc": R0_KPC, "components": COMPONENTS}
BAR_ONLY = {"bar": BAR, "spirals": [], "distribution": DISTRIBUTION, "integration_kpc_kms": None}
PUBLISHED = BAR_ONLY | {"spirals": [spiral_config(2), spiral_config(3)]}
FULL = VelocityGrid.from_config({"v_R_kms": [-79, 79, 2], "v_phi_kms": [110, 330, 4]})
FIT = {
    "modes": [2, 3],
    "bounds": {},
    "points": POINTS,
    "sigma_kms": 1.0,
    "local": None,
    "second_amplitude": "hamilton2024",
    "cut_offs": "resonances",
    "max_contrast": 0.35,
    "h_kpc": 0.13,
    "turns": 1.0,
    "v_R_kms": [-60, 60, 20],
    "v_phi_kms": [120, 320, 40],
    "coarse_v_R_kms": [-60, 60, 20],
    "coarse_v_phi_kms": [120, 320, 40],
    "accuracy": "fast",
    "population": 2,
    "tolerance": 0.01,
    "max_generations": 3,
    "polish_iterations": 1,
}


def parameters(modes=(2, 3), second_amplitude="hamilton2024", base=BAR_ONLY, bounds=None, **options):
    chosen = default_bounds(modes, second_amplitude, 37.0) | (bounds or {})
    return SpiralParameters.from_config(chosen, base, R0_KPC, second_amplitude=second_amplitude, **options)


def grid_of_cells(values, x, y):
    """Columns of a map from an array [ix, iy] on the papers' x and y."""
    X, Y = (axis.ravel() for axis in np.meshgrid(-x, y, indexing="ij"))
    columns = {"cell": np.arange(X.size), "X_kpc": X, "Y_kpc": Y, "R_kpc": np.hypot(X, Y)}
    columns["phi_deg"] = np.degrees(np.arctan2(Y, -X))
    return columns | {"v_R_kms": values.ravel(), "v_R_error_kms": np.ones(X.size)}


@cache
def gaia_points():
    """The published points with the data of the ready-made map."""
    path = REAL_DATA / "gaia_rvs_disc_maps" / "median_v_R.npy"
    if not path.exists():
        pytest.skip("the ready-made Gaia map is not beside this checkout")
    cells = grid_of_cells(np.load(path), np.linspace(4, 12, 65), np.linspace(-4, 4, 65))
    return FitPoints.of_map(cells, POINTS, 1.0)


def write_plane(path):
    """The potential in the plane as rule ``tabulate_potential`` writes it."""
    plane = khalil_plane()
    columns = {name: getattr(plane, name) for name in type(plane).__dataclass_fields__}
    columns |= {"v_c_kms": plane.R_kpc * plane.Omega_kms_kpc}
    write_table(path, load_contract("potential_plane"), columns, {"model": MODEL.as_dict(), "source": CONFIG["source"]})
    return path
