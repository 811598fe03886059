"""Tabulate an axisymmetric potential in the plane and on a grid (rule ``tabulate_potential``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.engine import Engine, open_engine
from discatlas.dynamics.potential_nodes import (
    R_MIN_KPC,
    RADIAL_SCALE_KPC,
    VERTICAL_SCALE_KPC,
    radial_nodes,
    vertical_nodes,
)
from discatlas.runtime import script_log
from discatlas.tables import write_table

log = logging.getLogger(__name__)

N_PLANE = 1000  # radii of the table of the plane


def _plane_columns(engine: Engine, R_kpc: np.ndarray) -> dict[str, np.ndarray]:
    plane = engine.plane(R_kpc)
    return {
        "R_kpc": R_kpc,
        "Phi_km2_s2": plane.Phi,
        "dPhi_dR_km2_s2_kpc": plane.dPhi_dR,
        "v_c_kms": R_kpc * plane.Omega,
        "Omega_kms_kpc": plane.Omega,
        "kappa_kms_kpc": plane.kappa,
        "nu_kms_kpc": plane.nu,
    }


def _grid_columns(engine: Engine, R_kpc: np.ndarray, Z_kpc: np.ndarray) -> dict[str, np.ndarray]:
    R, Z = (nodes.ravel() for nodes in np.meshgrid(R_kpc, Z_kpc, indexing="ij"))
    d_R, d_Z = engine.gradient(R, Z)
    return {
        "R_kpc": R,
        "Z_kpc": Z,
        "Phi_km2_s2": engine.potential(R, Z),
        "dPhi_dR_km2_s2_kpc": d_R,
        "dPhi_dZ_km2_s2_kpc": d_Z,
        "d2Phi_dRdZ_km2_s2_kpc2": engine.mixed_derivative(R, Z),
    }


def run(
    *,
    plane: Path,
    grid: Path,
    engine: str,
    model: dict[str, Any],
    R_max_kpc: float,
    n_R: int,
    n_Z: int,
    Z_max_kpc: float,
    threads: int,
) -> None:
    """Write the tables ``potential_plane`` and ``potential_grid`` of a density model.

    Nodes are those of `discatlas.dynamics.potential_nodes`: N_PLANE radii in the plane, and n_R radii times n_Z heights from
    0 to Z_max on the grid, from R_MIN_KPC to R_max.

    Raises
    ------
    DiscatlasError
        For a model that has no potential, an engine that is not there, or limits that are no grid.
    """
    density = DensityModel.from_config(model)
    radii, heights = radial_nodes(n_R, R_MIN_KPC, R_max_kpc), vertical_nodes(n_Z, Z_max_kpc)
    chosen = open_engine(engine, density, threads)
    log.info(f"{chosen.name} {chosen.version}: {len(density.discs)} discs, {len(density.spheroids)} spheroids")
    provenance = {
        "engine": chosen.name,
        "engine_version": chosen.version,
        "model": density.as_dict(),
        "source": density.source,
        "nodes": {"R_min_kpc": R_MIN_KPC, "R_scale_kpc": RADIAL_SCALE_KPC, "Z_scale_kpc": VERTICAL_SCALE_KPC},
    }
    columns = _plane_columns(chosen, radial_nodes(N_PLANE, R_MIN_KPC, R_max_kpc))
    write_table(plane, load_contract("potential_plane"), columns, provenance)
    write_table(grid, load_contract("potential_grid"), _grid_columns(chosen, radii, heights), provenance)
    log.info(f"{plane}: {N_PLANE} radii; {grid}: {n_R} radii times {n_Z} heights")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            plane=Path(snakemake.output.plane),
            grid=Path(snakemake.output.grid),
            engine=snakemake.params.engine,
            model=snakemake.params.model,
            R_max_kpc=snakemake.params.R_max_kpc,
            n_R=snakemake.params.n_R,
            n_Z=snakemake.params.n_Z,
            Z_max_kpc=snakemake.params.Z_max_kpc,
            threads=snakemake.threads,
        )
