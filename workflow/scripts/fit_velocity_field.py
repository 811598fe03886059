"""Fit the Taylor expansion of the mean velocity about every node of a grid (rule ``fit_velocity_field``)."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import error_column, load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun, cylindrical_position
from discatlas.runtime import script_log, use_threads
from discatlas.tables import TableWriter, read_columns, read_provenance
from discatlas.velocity_field import COMPONENTS, N_LINEAR, PREFIXES, TERMS, coefficient_column
from discatlas.velocity_field.cells import ERRORS, POSITIONS, VELOCITIES
from discatlas.velocity_field.hemispheres import north_minus_south, sort_hemispheres
from discatlas.velocity_field.nodes import NodeFits, fit_nodes, node_grid, sort_cells
from discatlas.velocity_field.oort import CONSTANTS, TENSORS, milne_tensors, oort_constants

log = logging.getLogger(__name__)
NODES_AT_ONCE = 4096
MAX_NODES = 4_000_000
FITTED = ("good", "sparse")


@dataclass(frozen=True)
class _Limits:
    """What a node needs to be fitted (see `run`)."""

    R_min_kpc: float
    min_fit: int
    min_trust: int
    max_condition: float

    def judge(self, R: NDArray, fits: NodeFits) -> NDArray[np.str_]:
        """Return the quality of each node, as the contract names it."""
        n, singular = fits.n_cells, ~(fits.condition <= self.max_condition)
        cases = [self.R_min_kpc > R, n < self.min_fit, singular, n < self.min_trust]
        return np.select(cases, ["inner", "few", "ill_conditioned", "sparse"], "good")


def run(
    *,
    cells: Path,
    field: Path,
    radii_kpc: list[float],
    half_width_kpc: float,
    spacing_kpc: float,
    R_min_kpc: float,
    min_fit: int,
    min_trust: int,
    max_condition: float,
    weighted: bool,
    errors: str,
    R0_kpc: float,
    z_sun_kpc: float,
    threads: int,
) -> None:
    """Write the velocity field, one row per radius and node (contract ``velocity_field``).

    The nodes lie in the plane on a square grid about the Sun. Those at R < `R_min_kpc`, with fewer than `min_fit` cells,
    or with a condition number beyond `max_condition` are marked and have no coefficients. The differences of the
    hemispheres are empty also where one of them has fewer than half of `min_fit` cells. With `weighted` each cell
    counts by its velocity errors^-2, and cells that lack an error of any component are left out. That needs cells of 30
    stars or more: errors estimated from 3 stars make fits scatter twice as much, with standard errors under half of that.
    `errors` is robust (cells scatter differently) or akhmetov2024 (all alike, as in the paper): see `fit_nodes`.

    Raises
    ------
    DiscatlasError
        For too many nodes, a grid that misses the cells, cells without errors where weights are asked for, and no
        node that can be fitted.
    """
    use_threads(threads)
    X, Y = _nodes(half_width_kpc, spacing_kpc, Sun(R0_kpc, z_sun_kpc, (0.0, 0.0, 0.0), "position only"))
    positions, velocities, weights, n_left = _read_cells(cells, weighted)
    limits = _Limits(R_min_kpc, min_fit, min_trust, max_condition)
    provenance = asdict(limits) | {
        "radii_kpc": radii_kpc,
        "grid": {"half_width_kpc": half_width_kpc, "spacing_kpc": spacing_kpc},
        "sun": {"R0_kpc": R0_kpc, "z_sun_kpc": z_sun_kpc},
        "weighted": weighted,
        "errors": errors,
        "n_cells": {"used": len(positions), "without_errors": n_left},
        "cells": read_provenance(cells),
    }
    largest, n_fitted = 0, 0
    with TableWriter(field, load_contract("velocity_field"), None, provenance) as writer:
        for radius in radii_kpc:
            for columns in _fit_radius((positions, velocities, weights), radius, X, Y, limits, errors == "robust"):
                writer.write(columns)
                largest = max(largest, int(columns["n_cells"].max()))
                n_fitted += int(np.isin(columns["quality"], FITTED).sum())
        if not n_fitted:
            raise DiscatlasError(_explain(cells, positions, X, largest, max(radii_kpc), min_fit))
    log.info(f"{field}: {n_fitted:,} fits at {X.size:,} nodes and {len(radii_kpc)} radii to {len(positions):,} cells")


def _nodes(half_width_kpc: float, spacing_kpc: float, sun: Sun) -> tuple[NDArray, NDArray]:
    """Return X and Y of the nodes, unless they are too many."""
    if (2 * half_width_kpc / spacing_kpc + 1) ** 2 > MAX_NODES:
        raise DiscatlasError(
            f"spacing_kpc = {spacing_kpc:g} over half_width_kpc = {half_width_kpc:g} gives more than {MAX_NODES:,} "
            "nodes; take a wider spacing"
        )
    return node_grid(half_width_kpc, spacing_kpc, sun.position_kpc[0])


def _fit_radius(
    cells: tuple[NDArray, NDArray, NDArray | None],
    radius: float,
    X: NDArray,
    Y: NDArray,
    limits: _Limits,
    robust: bool,
) -> Iterator[dict[str, NDArray]]:
    """Yield the columns of the table for one radius, some nodes at a time."""
    both, halves = sort_cells(*cells, radius), sort_hemispheres(*cells, radius)
    for first in range(0, X.size, NODES_AT_ONCE):
        block = slice(first, first + NODES_AT_ONCE)
        fits = fit_nodes(both, X[block], Y[block], limits.min_fit, robust=robust)
        R, phi = cylindrical_position(X[block], Y[block])
        quality = limits.judge(R, fits)
        columns = _fit_columns(R, phi, fits)
        for order, parts in north_minus_south(halves, X[block], Y[block], limits.min_fit, robust).items():
            columns |= _difference_columns(*parts, order)
        fitted = np.isin(quality, FITTED)
        yield {
            "radius_kpc": np.full(R.size, radius),
            "node": np.arange(first, first + R.size),
            "X_kpc": X[block],
            "Y_kpc": Y[block],
            "R_kpc": R,
            "phi_deg": phi,
            "n_cells": fits.n_cells,
            "condition": np.where(quality == "inner", np.nan, fits.condition),
            "quality": quality.astype(object),
        } | {name: np.where(fitted, values, np.nan) for name, values in columns.items()}


def _read_cells(cells: Path, weighted: bool) -> tuple[NDArray, NDArray, NDArray | None, int]:
    """Return positions, velocities and weights (n, 3) of the cells, and how many are left out for want of errors."""
    table = read_columns(cells, [*POSITIONS, *VELOCITIES, *(ERRORS if weighted else ())])
    positions, velocities = (np.column_stack([table[name] for name in names]) for names in (POSITIONS, VELOCITIES))
    if not len(positions):
        raise DiscatlasError(f"{cells}: the table has no rows")
    if not weighted:
        return positions, velocities, None, 0
    errors = np.column_stack([table[name] for name in ERRORS])
    known = (np.isfinite(errors) & (errors > 0)).all(axis=1)
    if not known.any():
        raise DiscatlasError(
            f"{cells}: none of {known.size:,} cells has velocity errors above zero; set weighted to false, or min_stars to 2 or more"
        )
    return positions[known], velocities[known], errors[known] ** -2, int((~known).sum())


def _fit_columns(R: NDArray, phi_deg: NDArray, fits: NodeFits) -> dict[str, NDArray]:
    """Return coefficients, Oort's constants and the tensors of the linear field, each with its error."""
    columns = {}
    for order, expansion in ((2, fits.quadratic), (1, fits.linear)):
        prefix, errors = PREFIXES[order], expansion.errors
        for c, component in enumerate(COMPONENTS):
            for t, term in enumerate(TERMS[: errors.shape[2]]):
                name = coefficient_column(component, term, order)
                columns |= {name: expansion.coefficients[:, c, t], error_column(name): errors[:, c, t]}
            columns[f"{prefix}{component}_residual_kms"] = expansion.residual[:, c]
        with np.errstate(divide="ignore", invalid="ignore"):  # a node on the axis
            constants = oort_constants(R, expansion.coefficients, expansion.covariance)
        columns |= _with_errors([f"{prefix}{name}_kms_kpc" for name in CONSTANTS], *constants)
    with np.errstate(divide="ignore", invalid="ignore"):
        tensors = milne_tensors(R, phi_deg, fits.linear.coefficients, fits.linear.covariance)
    return columns | _with_errors([f"{name}_kms_kpc" for name in TENSORS], *tensors)


def _difference_columns(difference: NDArray, error: NDArray, order: int) -> dict[str, NDArray]:
    """Return north minus south: of the mean velocities (order 0), or of the linear expansions of the hemispheres."""
    columns = {}
    for c, component in enumerate(COMPONENTS):
        names = [coefficient_column(component, term, 2) for term in TERMS[:N_LINEAR]] if order else [f"{component}_kms"]
        columns |= _with_errors([f"north_minus_south_{name}" for name in names], difference[:, c], error[:, c])
    return columns


def _with_errors(names: list[str], values: NDArray, errors: NDArray) -> dict[str, NDArray]:
    """Return columns from arrays of shape (n, k) of k values and their errors."""
    parts = {name: (values[:, k], errors[:, k]) for k, name in enumerate(names)}
    return {
        key: part for name, pair in parts.items() for key, part in zip((name, error_column(name)), pair, strict=True)
    }


def _explain(cells: Path, positions: NDArray, X: NDArray, largest: int, radius: float, min_fit: int) -> str:
    """Say why no node was fitted, and what to change."""
    if not largest:
        low, high = positions[:, 0].min(), positions[:, 0].max()
        return (
            f"{cells}: no cell lies within {radius:g} kpc of any node; the cells have X {low:.2f} to {high:.2f}, the "
            f"nodes X {X.min():.2f} to {X.max():.2f} kpc: check half_width_kpc and the Sun"
        )
    if largest < min_fit:
        return (
            f"{cells}: no node has min_fit = {min_fit} cells within {radius:g} kpc (the fullest has {largest:,}); "
            "take a larger radius in radii_kpc, a smaller min_fit, or smaller cells"
        )
    return (
        f"{cells}: no node can be fitted: all with min_fit = {min_fit} cells (the fullest has {largest:,}) lie within "
        "R_min_kpc or have cells that do not fix all terms; see max_condition, and whether all cells have one Z"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            field=Path(snakemake.output.field),
            radii_kpc=snakemake.params.radii_kpc,
            half_width_kpc=snakemake.params.half_width_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
            R_min_kpc=snakemake.params.R_min_kpc,
            min_fit=snakemake.params.min_fit,
            min_trust=snakemake.params.min_trust,
            max_condition=snakemake.params.max_condition,
            weighted=snakemake.params.weighted,
            errors=snakemake.params.errors,
            R0_kpc=snakemake.params.R0_kpc,
            z_sun_kpc=snakemake.params.z_sun_kpc,
            threads=snakemake.threads,
        )
