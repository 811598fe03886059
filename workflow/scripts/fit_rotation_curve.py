"""Rotation curves of a velocity field, and the Oort constants at the Sun by four routes (rule ``fit_rotation_curve``)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.tables import check_columns, column_names, read_batches, read_columns, read_provenance, write_table
from discatlas.velocity_field import local_oort, rotation

log = logging.getLogger(__name__)

VELOCITIES = ("v_R_kms", "v_R_error_kms", "v_phi_kms", "v_phi_error_kms")
ASTROMETRY = ("ra", "dec", "distance_kpc", "pmra", "pmdec")


def _field_of_radius(path: Path, radius_kpc: float) -> dict[str, np.ndarray]:
    """Read the columns that are needed, the rows of one radius; the Oort constants only if they are there."""
    present = column_names(path)
    oort = [name for prefix in ("", "linear_") for name in local_oort.oort_columns(prefix) if name in present]
    field = read_columns(path, list(dict.fromkeys([*rotation.FIELD_COLUMNS, *oort])))
    is_chosen = np.isclose(field["radius_kpc"], radius_kpc)
    if not is_chosen.any():
        radii = ", ".join(f"{radius:g}" for radius in np.unique(field["radius_kpc"]))
        raise DiscatlasError(f"{path}: no node of radius_kpc {radius_kpc:g}; it has {radii or 'no rows'}")
    return {name: values[is_chosen] for name, values in field.items()}


def _stars_in_bins(
    path: Path, edges: np.ndarray, phi_max_deg: float, Z_max_kpc: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the bin of each star with velocities and errors, and these; batch by batch, so that few are in memory."""
    numbers, batches = [np.zeros(0, dtype=np.int64)], [{name: np.zeros(0) for name in VELOCITIES}]
    for stars in read_batches(path, ["R_kpc", "phi_deg", "Z_kpc", *VELOCITIES]):
        number = rotation.bin_numbers(stars["R_kpc"], stars["phi_deg"], edges, phi_max_deg)
        is_used = (number >= 0) & (np.abs(stars["Z_kpc"]) <= Z_max_kpc)
        is_used &= np.isfinite([stars[name] for name in VELOCITIES]).all(axis=0)
        numbers.append(number[is_used])
        batches.append({name: stars[name][is_used] for name in VELOCITIES})
    return np.concatenate(numbers), {name: np.concatenate([batch[name] for batch in batches]) for name in VELOCITIES}


def _motions_in_shell(
    path: Path, columns: tuple[str, ...], distance_limits_kpc: list[float], b_max_deg: float
) -> tuple[np.ndarray, ...]:
    """Return l, b, distance, pm_l, pm_b and the further columns of the stars of the shell that have them all."""
    parts = [np.zeros((len(columns), 0))]
    for stars in read_batches(path, columns):
        is_known = np.isfinite([stars[name] for name in columns]).all(axis=0)
        ra, dec, distance, pmra, pmdec, *rest = (stars[name][is_known] for name in columns)
        l_deg, b_deg, pm_l, pm_b = local_oort.galactic_motion(ra, dec, pmra, pmdec)
        is_inside = local_oort.select_shell(b_deg, distance, distance_limits_kpc, b_max_deg)
        parts.append(np.stack([l_deg, b_deg, distance, pm_l, pm_b, *rest])[:, is_inside])
    return tuple(np.concatenate(parts, axis=1))


def _route(name: str, selection: dict[str, Any], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the record of one route; one that cannot be gone says why."""
    try:
        return {"route": name, "selection": selection} | work()
    except DiscatlasError as error:
        log.warning(f"Oort constants, {name}: {error}")
        return {"route": name, "selection": selection, "reason": str(error)}


def _field_route(name: str, field: dict[str, np.ndarray], R0_kpc: float, radius_kpc: float, prefix: str) -> dict:
    def work() -> dict[str, Any]:
        check_columns("velocity field", local_oort.oort_columns(prefix), list(field))
        return local_oort.field_oort(field, R0_kpc, radius_kpc, prefix)

    return _route(name, {"radius_kpc": radius_kpc, "R0_kpc": R0_kpc}, work)


def _motion_route(name: str, sample: Path, further: tuple[str, ...], limits: list[float], b_max_deg: float) -> dict:
    columns, present = (*ASTROMETRY, *further), column_names(sample)
    is_there = set(columns) <= set(present)
    motions = _motions_in_shell(sample, columns, limits, b_max_deg) if is_there else ()

    def work() -> dict[str, Any]:
        check_columns(sample, columns, present)
        return local_oort.summarise(local_oort.fit_oort(*motions))

    selection = {"distance_limits_kpc": list(limits), "b_max_deg": b_max_deg, "clip_sigma": local_oort.CLIP_SIGMA}
    return _route(name, selection, work)


def _curves(
    nodes: dict[str, np.ndarray],
    cells: Path,
    phase_space: Path,
    edges: np.ndarray,
    phi_max_deg: float,
    radius_kpc: float,
    factor: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the columns of the table of curves; cells and stars count within `radius_kpc` of the plane."""
    columns = {"R_kpc": 0.5 * (edges[:-1] + edges[1:]), "R_lo_kpc": edges[:-1], "R_hi_kpc": edges[1:]}
    columns |= rotation.field_curves(nodes, edges, phi_max_deg, radius_kpc)
    table = read_columns(cells, ["R_kpc", "phi_deg", "Z_kpc", "v_phi_kms"])
    number = rotation.bin_numbers(table["R_kpc"], table["phi_deg"], edges, phi_max_deg)
    is_used = (np.abs(table["Z_kpc"]) <= radius_kpc) & np.isfinite(table["v_phi_kms"])
    columns |= rotation.mean_curve(np.where(is_used, number, -1), table["v_phi_kms"], edges.size - 1)
    columns |= rotation.jeans_curve(*_stars_in_bins(phase_space, edges, phi_max_deg, radius_kpc), edges, factor)
    if not (columns["n_nodes"].any() or columns["n_cells"].any() or columns["n_stars"].any()):
        raise DiscatlasError(
            f"{cells}: no cell, node or star in R {edges[0]:g} to {edges[-1]:g} kpc, |phi| < {phi_max_deg:g} deg"
        )
    if not np.isfinite(columns["v_c_kms"]).any():
        log.warning(f"{phase_space}: no bin has {rotation.MIN_STARS} stars with errors: no circular velocity")
    return columns


def run(
    *,
    field: Path,
    cells: Path,
    phase_space: Path,
    sample: Path,
    curve: Path,
    oort: Path,
    radius_kpc: float,
    R_limits_kpc: list[float],
    R_step_kpc: float,
    phi_max_deg: float,
    density_scale_kpc: float,
    dispersion_scale_kpc: float,
    distance_limits_kpc: list[float],
    b_max_deg: float,
    R0_kpc: float,
    threads: int,
) -> None:
    """Write the rotation curves (contract ``rotation_curve``) and the Oort constants at the Sun (JSON).

    Bins, curves and scale lengths are those of `discatlas.velocity_field.rotation`; cells and stars count within
    `radius_kpc` of the plane, as they do in the fits of the field. The JSON has one record per route: the node of the
    field nearest to the Sun with the first- and the second-order fit, and the stars of `sample` in the shell of
    `distance_limits_kpc` and `b_max_deg` (`discatlas.velocity_field.local_oort`), from proper motions alone
    and with line-of-sight velocities. A route without its columns or stars holds the reason.

    Raises
    ------
    DiscatlasError
        For bad bins, shell or scales, missing columns, no node of this radius, and a curve without any value.
    """
    use_threads(threads)
    edges = rotation.bin_edges(R_limits_kpc, R_step_kpc)
    factor = rotation.drift_factor(0.5 * (edges[:-1] + edges[1:]), density_scale_kpc, dispersion_scale_kpc)
    local_oort.select_shell(np.zeros(0), np.zeros(0), distance_limits_kpc, b_max_deg)  # complains early
    nodes = _field_of_radius(field, radius_kpc)
    columns = _curves(nodes, cells, phase_space, edges, phi_max_deg, radius_kpc, factor)
    settings = {
        "radius_kpc": radius_kpc,
        "phi_max_deg": phi_max_deg,
        "density_scale_kpc": density_scale_kpc,
        "dispersion_scale_kpc": dispersion_scale_kpc,
    }
    shell, both = (distance_limits_kpc, b_max_deg), "proper motions and line-of-sight velocities"
    routes = [
        _field_route("velocity field, first order", nodes, R0_kpc, radius_kpc, "linear_"),
        _field_route("velocity field, second order", nodes, R0_kpc, radius_kpc, ""),
        _motion_route("proper motions", sample, (), *shell),
        _motion_route(both, sample, ("radial_velocity",), *shell),
    ]
    write_table(curve, load_contract("rotation_curve"), columns, settings | {"velocity_field": read_provenance(field)})
    write_json(oort, {"routes": routes})
    n_bins = np.count_nonzero(columns["n_nodes"])
    log.info(f"{curve}: {n_bins} of {edges.size - 1} bins with nodes; {oort}: {len(routes)} routes")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            field=Path(snakemake.input.field),
            cells=Path(snakemake.input.cells),
            phase_space=Path(snakemake.input.phase_space),
            sample=Path(snakemake.input.sample),
            curve=Path(snakemake.output.curve),
            oort=Path(snakemake.output.oort),
            radius_kpc=snakemake.params.radius_kpc,
            R_limits_kpc=snakemake.params.R_limits_kpc,
            R_step_kpc=snakemake.params.R_step_kpc,
            phi_max_deg=snakemake.params.phi_max_deg,
            density_scale_kpc=snakemake.params.density_scale_kpc,
            dispersion_scale_kpc=snakemake.params.dispersion_scale_kpc,
            distance_limits_kpc=snakemake.params.distance_limits_kpc,
            b_max_deg=snakemake.params.b_max_deg,
            R0_kpc=snakemake.params.R0_kpc,
            threads=snakemake.threads,
        )
