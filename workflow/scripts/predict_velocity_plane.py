"""Predict the planes of velocities and of actions at a place from a barred model (rule ``predict_velocity_plane``)."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.action_plane import ActionBins, ActionMap
from discatlas.bar_spirals.velocity_histogram import provenance_of_grid, read_grid
from discatlas.bar_spirals.velocity_plane import (
    Prediction,
    cell_area,
    group_places,
    line_columns,
    predict_plane,
    sirius_error,
    sirius_ratio,
)
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)


def _read_counts(path: Path | None, grid: VelocityGrid) -> NDArray[np.int64] | None:
    """Return the counts of the data, whose bins must be those of the plane."""
    if path is None:
        return None
    given, counts = read_grid(read_columns(path), str(path))
    if given.shape != grid.shape or not all(
        np.allclose(theirs, ours) for theirs, ours in ((given.v_R_kms, grid.v_R_kms), (given.v_phi_kms, grid.v_phi_kms))
    ):
        raise DiscatlasError(
            f"{path}: its bins are {provenance_of_grid(given)}, those of the plane {provenance_of_grid(grid)}; give the plane the bins of its data"
        )
    if not counts.any():
        raise DiscatlasError(f"{path}: holds no star")
    return counts


def _plane_columns(
    model: BarredModel, R_kpc: float, grid: VelocityGrid, found: Prediction, counts: NDArray | None
) -> dict[str, NDArray]:
    """Return the columns of the contract ``velocity_plane``."""
    v_R, v_phi = grid.velocities()
    columns = {
        "v_R_kms": v_R,
        "v_phi_kms": v_phi,
        "L_z_kpc_kms": R_kpc * v_phi,
        "J_R_kpc_kms": model.equilibrium_tables.actions.radial_action(R_kpc, v_R, v_phi),
        "density": found.density.ravel(),
        "density_equilibrium": found.density_equilibrium.ravel(),
    }
    return columns if counts is None else columns | {"n_stars": counts.ravel()}


def _action_columns(
    model: BarredModel, R_kpc: float, grid: VelocityGrid, bins: ActionBins, found: Prediction, counts: NDArray | None
) -> dict[str, NDArray]:
    """Return the columns of the contract ``velocity_plane_actions``."""
    shares = {name: getattr(found, name) * cell_area(grid) for name in ("density", "density_equilibrium")}
    if counts is not None:
        shares["density_data"] = counts / counts.sum()
    held = ActionMap(grid, R_kpc, model.equilibrium_tables.actions, bins).spread(list(shares.values()))
    L_z, J_R = bins.centres()
    densities = {name: total.ravel() / bins.area for name, total in zip(shares, held, strict=True)}
    return {"L_z_kpc_kms": L_z, "J_R_kpc_kms": J_R} | densities


def _record(model: BarredModel, R_kpc: float, grid: VelocityGrid, found: Prediction, counts: NDArray | None) -> dict:
    """Return what is read off the plane: Sirius, Hercules, the Hat."""
    v_c = float(model.plane.circular_velocity(R_kpc))
    planes = {"model": found.density, "equilibrium": found.density_equilibrium}
    if counts is not None:
        planes["data"] = counts
    record: dict[str, Any] = {"v_c_kms": v_c, "surface_density_ratio": found.surface_density_ratio}
    for name, values in planes.items():
        record[name] = {"sirius_ratio": sirius_ratio(values, grid)}
        if name != "equilibrium":
            record[name]["v_phi_kms"] = group_places(values, found.density_equilibrium, grid, v_c)
    if counts is not None:
        record["data"] |= {"sirius_ratio_error": sirius_error(counts, grid), "n_stars": int(counts.sum())}
    return record


def run(
    *,
    model: Path,
    potential: Path,
    counts: Path | None,
    table: Path,
    lines: Path,
    actions: Path,
    summary: Path,
    R_kpc: float,
    phi_deg: float,
    v_R_kms: list[float],
    v_phi_kms: list[float],
    L_z_kpc_kms: list[float],
    J_R_kpc_kms: list[float],
    accuracy: str | int,
    resonances: list[list[int]],
    threads: int,
) -> None:
    """Write the density of a model on a grid of velocities, the same in actions, and the bar's resonances (Khalil et al. 2025).

    Contracts ``velocity_plane``, ``velocity_plane_actions`` and ``velocity_plane_lines``, and a JSON with the contrast of Sirius and the places
    of Hercules and the Hat. `model` is the specification of a barred model, `potential` the table ``potential_plane``, `counts` a
    ``velocity_histogram`` with the same bins, or None. `v_R_kms` and `v_phi_kms` are first and last centre of the bins and
    their width, `L_z_kpc_kms` and `J_R_kpc_kms` first and last edge and width, `resonances` the pairs l, m.

    Raises
    ------
    DiscatlasError
        For bad bins, data in other bins, and a resonance that the bar does not have.
    """
    use_threads(threads)
    grid = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
    bins = ActionBins.from_config({"L_z_kpc_kms": L_z_kpc_kms, "J_R_kpc_kms": J_R_kpc_kms})
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(potential)), spec)
    stars = _read_counts(counts, grid)
    found_lines = line_columns(barred, R_kpc, grid, resonances)
    found = predict_plane(barred, R_kpc, phi_deg, grid, accuracy)
    binned = _action_columns(barred, R_kpc, grid, bins, found, stars)
    record = {"R_kpc": R_kpc, "phi_deg": phi_deg} | _record(barred, R_kpc, grid, found, stars)
    names = [name for name in binned if name.startswith("density")]
    record["share_outside_action_bins"] = {name: float(1 - binned[name].sum() * bins.area) for name in names}
    provenance = {"model": spec, "R_kpc": R_kpc, "phi_deg": phi_deg, "grid": provenance_of_grid(grid)}
    provenance |= {"accuracy": accuracy, "has_data": stars is not None}
    write_table(table, load_contract("velocity_plane"), _plane_columns(barred, R_kpc, grid, found, stars), provenance)
    write_table(lines, load_contract("velocity_plane_lines"), found_lines, provenance)
    write_table(actions, load_contract("velocity_plane_actions"), binned, provenance)
    write_json(summary, record)
    log.info(f"{table}: Sirius {record['model']['sirius_ratio']}, groups {record['model']['v_phi_kms']}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            potential=Path(snakemake.input.potential),
            counts=Path(snakemake.input.counts) if snakemake.input.get("counts") else None,
            table=Path(snakemake.output.table),
            lines=Path(snakemake.output.lines),
            actions=Path(snakemake.output.actions),
            summary=Path(snakemake.output.summary),
            R_kpc=snakemake.params.R_kpc,
            phi_deg=snakemake.params.phi_deg,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            L_z_kpc_kms=snakemake.params.L_z_kpc_kms,
            J_R_kpc_kms=snakemake.params.J_R_kpc_kms,
            accuracy=snakemake.params.accuracy,
            resonances=snakemake.params.resonances,
            threads=snakemake.threads,
        )
