"""A small disc with bar and spirals for tests of forward mocks: its potential, model and config entries."""

import json

from made_potential import plane_columns
from orbit_models import BAR, LIFE_KPC_KMS, spiral_config

from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.tables import write_table

DISTRIBUTION = {
    "scale_length_kpc": 2.4,
    "sigma_scale_kpc": 10.0,
    "R0_kpc": 8.275,
    "components": [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}],
}
PLANE = PlaneProfile.from_columns(plane_columns())


def spec(**changes):
    """A model as rule tabulate_barred_model writes it: the published bar, and its m = 2 spiral of twice the amplitude."""
    spiral = spiral_config(2)
    spiral["K_km2_s2"] *= 2
    parts = {"bar": BAR, "spirals": [spiral], "distribution": DISTRIBUTION, "integration_kpc_kms": LIFE_KPC_KMS}
    return parts | changes


def model(**changes):
    return BarredModel.from_spec(PLANE, spec(**changes))


def write_model(folder, **changes):
    """Write specification and plane; return the paths as scripts take them."""
    paths = {"model": folder / "model.json", "plane": folder / "plane.parquet"}
    paths["model"].write_text(json.dumps(spec(**changes)), encoding="utf-8")
    write_table(paths["plane"], load_contract("potential_plane"), plane_columns(), {})
    return paths


def mock_entry(**changes):
    """A config entry; changes of the map are given as ``map_...``."""
    of_map = {"limits_kpc": [[-9.0, 9.0], [-9.0, 9.0]], "spacing_kpc": 1.0, "min_particles": 30}
    of_map |= {"v_R_kms": [-116.0, 116.0, 8.0], "v_phi_kms": [88.0, 360.0, 16.0]}
    entry = {"model": "made", "n_particles": 40_000, "R_limits_kpc": [4.0, 12.0], "sampling_scale_kpc": 20.0}
    entry |= {"radians_per_step": 0.3, "velocity_error_kms": 0.0}
    of_map |= {key.removeprefix("map_"): value for key, value in changes.items() if key.startswith("map_")}
    return entry | {key: value for key, value in changes.items() if not key.startswith("map_")} | {"map": of_map}
