"""The record of a barred potential that `barred_potential` reads, and how far its forces are from the orbit kernel's."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals import barred_potential
from discatlas.bar_spirals.barred_potential import BarredPotential
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.density import DensityModel, Disc, Spheroid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbit_limits import accelerations
from discatlas.dynamics.orbits import ForceTables
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC

Array = NDArray[np.float64]
DIGITS = 10  # of the tabulated potential
N_PLACES, R_LIMITS_KPC, Z_LIMIT_KPC, TIMES = 2000, (1.0, 20.0), 3.0, (0.0, 0.1)  # where forces are compared


def export_record(
    model: DensityModel, grid: PotentialGrid, spec: Mapping[str, Any], draws: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the JSON record of a barred potential and of draws of its posterior.

    Parameters
    ----------
    model, grid : DensityModel, PotentialGrid
        Components and table of the axisymmetric potential.
    spec, draws : mapping, sequence of mappings
        Specs of the model and of the draws: their ``bar`` and ``spirals`` count.
    """
    rows = [[float(f"{value:.{DIGITS}g}") for value in row] for row in grid.Phi_km2_s2]
    scales = {"R_scale_kpc": RADIAL_SCALE_KPC, "Z_scale_kpc": VERTICAL_SCALE_KPC}
    return {
        "units": "kpc, km/s, solar masses; time in kpc/(km/s), zero today; azimuth zero at the Sun, positive with rotation",
        "source": model.source,
        "model": _modes(spec),
        "draws": [_modes(draw) for draw in draws],
        "components": [_agama_component(component) for component in (*model.discs, *model.spheroids)],
        "table": {"R_kpc": grid.R_kpc.tolist(), "Z_kpc": grid.Z_kpc.tolist(), "Phi_km2_s2": rows} | scales,
    }


def _agama_component(component: Disc | Spheroid) -> dict[str, Any]:
    """Return the keys of one component in a file of AGAMA's, whose alpha is the sharpness of the knee."""
    if isinstance(component, Disc):
        values = component.Sigma0_msun_kpc2, component.h_R_kpc, component.h_Z_kpc
        return {"type": "Disk"} | dict(zip(("surfaceDensity", "scaleRadius", "scaleHeight"), values, strict=True))
    shape = {"type": "Spheroid", "densityNorm": component.rho0_msun_kpc3, "scaleRadius": component.a_kpc}
    shape |= {"gamma": component.gamma, "beta": component.beta, "alpha": 1, "axisRatioZ": component.q}
    if math.isinf(component.r_cut_kpc):
        return shape
    return shape | {"outerCutoffRadius": component.r_cut_kpc, "cutoffStrength": component.alpha}


def _modes(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"bar": spec["bar"], "spirals": list(spec["spirals"])}


def force_errors(
    record: Mapping[str, Any], plane: PlaneProfile, grid: PotentialGrid, rng: np.random.Generator
) -> dict[str, float]:
    """Return how far the forces of the record's model are from those of the orbit kernel, relative to their size.

    At random places in and about the disc, at two times: the median, the 99th percentile and the largest.
    """
    field = BarredPotential(dict(record), record["model"])
    modes = record["model"]
    tables = ForceTables.build(plane, Perturbation.from_config(modes["bar"], modes["spirals"]), grid)
    errors = []
    for t in TIMES:
        places = random_places(rng, N_PLACES)
        kernel = accelerations(tables, places, t)
        error = np.linalg.norm(field.cartesian(places, t)[1] + kernel, axis=1)
        errors.append(error / np.linalg.norm(kernel, axis=1))
    median, far, largest = np.percentile(errors, [50, 99, 100]).tolist()
    return {"median": median, "percentile_99": far, "largest": largest}


def random_places(rng: np.random.Generator, n: int) -> Array:
    """Return X, Y, Z of places in and about the disc, shape (n, 3)."""
    R, phi = rng.uniform(*R_LIMITS_KPC, n), rng.uniform(-np.pi, np.pi, n)
    Z = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(-Z_LIMIT_KPC, Z_LIMIT_KPC, n))
    return np.stack([-R * np.cos(phi), R * np.sin(phi), Z], axis=1)


def loader_text() -> str:
    """Return the source of the module that reads the record, which needs nothing of this project."""
    return Path(barred_potential.__file__).read_text(encoding="utf-8")
