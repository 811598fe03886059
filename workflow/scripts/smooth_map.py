"""Smooth the velocities of a sample in overlapping windows, with errors and their covariance (rule ``smooth_map``)."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from discatlas.contracts import error_column, join_unit, load_contract, split_unit
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.maps.smoothing import Pairs, correlations, smooth
from discatlas.maps.stars import read_selected
from discatlas.maps.windows import Windows, is_usable, window_average, window_members
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


class _Settings(NamedTuple):
    """How every quantity is smoothed (see `run`)."""

    windows: Windows
    min_stars: int
    n_bootstraps: int


def _smooth_quantity(
    name: str, stars: dict[str, np.ndarray], settings: _Settings, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], Pairs]:
    """Return the columns of one quantity over all windows, and the correlations of its windows."""
    windows, (base, unit) = settings.windows, split_unit(name)
    values, errors = stars[name], stars[error_column(name)]
    usable = is_usable(values, errors, error_column(name))
    values, errors = values[usable], errors[usable]
    members = window_members(stars["X_kpc"][usable], stars["Y_kpc"][usable], windows)
    smoothed = smooth(values, errors, members, settings.min_stars, settings.n_bootstraps, rng)
    cell, known = windows.grid.cell_of(stars["X_kpc"], stars["Y_kpc"]), np.isfinite(stars[name])
    inside = known & (cell >= 0)
    n_plain = np.bincount(cell[inside], minlength=windows.n_windows)
    total = np.bincount(cell[inside], stars[name][inside], minlength=windows.n_windows)
    columns = {
        f"{base}_n_stars": np.diff(members[0]),
        name: smoothed.value,
        error_column(name): smoothed.error,
        join_unit(f"{base}_ml", unit): smoothed.ml,
        join_unit(f"sigma_{base}", unit): smoothed.sigma,
        join_unit(f"{base}_plain", unit): np.where(n_plain > 0, total / np.maximum(n_plain, 1), np.nan),
        f"{base}_plain_n": n_plain,
    }
    return columns, correlations(values, errors, members, smoothed, windows)


def _window_columns(X: np.ndarray, Y: np.ndarray, windows: Windows) -> dict[str, np.ndarray]:
    """Return number, centre, mean position of the stars and their number, for all windows."""
    offsets, indices = window_members(X, Y, windows)
    cells = np.arange(windows.n_windows)
    centre_X, centre_Y = windows.grid.centres(cells).T
    R, phi = cylindrical_position(centre_X, centre_Y)
    columns = {"cell": cells, "X_kpc": centre_X, "Y_kpc": centre_Y, "R_kpc": R, "phi_deg": phi}
    for axis, where in (("X", X), ("Y", Y)):
        columns[f"{axis}_mean_kpc"] = window_average(where, np.ones(indices.size), offsets, indices)
    return columns | {"n_stars": np.diff(offsets)}


def _join_pairs(pairs: dict[str, Pairs], n_windows: int) -> dict[str, np.ndarray]:
    """Return the columns of the table of pairs: those of any quantity, in order."""
    keys = {name: part.a * n_windows + part.b for name, part in pairs.items()}
    every = np.unique(np.concatenate([*keys.values(), np.empty(0, np.int64)]))
    columns = {"cell_a": every // n_windows, "cell_b": every % n_windows}
    for name, part in pairs.items():
        columns[f"correlation_{split_unit(name)[0]}"] = np.full(every.size, np.nan)
        columns[f"correlation_{split_unit(name)[0]}"][np.searchsorted(every, keys[name])] = part.correlation
    return columns


def run(
    *,
    stars: Path,
    cells: Path,
    covariance_table: Path,
    sample: str,
    smoothed: str,
    quantities: list[str],
    limits_kpc: list[list[float]],
    spacing_kpc: float,
    window_kpc: float,
    selection: str | None,
    min_stars: int,
    n_bootstraps: int,
    seed: int,
    threads: int,
) -> None:
    """Write the smoothed map (contract ``map_smoothed``) and its correlations (contract ``map_smoothed_covariance``).

    Grid and windows are those of `discatlas.maps.windows.Windows`; `selection` is a condition of `discatlas.cuts`;
    `min_stars` and `n_bootstraps` are those of `discatlas.maps.smoothing.smooth`. Each
    quantity has the random stream (seed, ``smooth_map``, sample, name of the map, quantity).

    Raises
    ------
    DiscatlasError
        For bad windows, a column that is not there, a selection that keeps no star, errors that are not above zero, and
        no window with `min_stars` stars.
    """
    use_threads(threads)
    settings = _Settings(Windows(limits_kpc, spacing_kpc, window_kpc), min_stars, n_bootstraps)
    errors = [error_column(name) for name in quantities]
    columns, counts = read_selected(stars, ["X_kpc", "Y_kpc", *quantities, *errors], selection)
    table = _window_columns(columns["X_kpc"], columns["Y_kpc"], settings.windows)
    pairs: dict[str, Pairs] = {}
    for name in quantities:
        rng = stream_generator(seed, "smooth_map", sample, smoothed, name)
        try:
            more, pairs[name] = _smooth_quantity(name, columns, settings, rng)
        except DiscatlasError as error:
            raise DiscatlasError(f"{stars}: {name}: {error}") from None
        table |= more
    held = table["n_stars"] > 0
    provenance = {
        "windows": {"limits_kpc": limits_kpc, "spacing_kpc": spacing_kpc, "window_kpc": window_kpc},
        "selection": selection,
        "min_stars": min_stars,
        "n_bootstraps": n_bootstraps,
        "quantities": quantities,
        "n_stars": counts,
        "phase_space": read_provenance(stars),
    }
    contract = load_contract("map_smoothed").expand(q=quantities)
    write_table(cells, contract, {name: values[held] for name, values in table.items()}, provenance)
    contract = load_contract("map_smoothed_covariance").expand(q=quantities)
    write_table(covariance_table, contract, _join_pairs(pairs, settings.windows.n_windows), provenance)
    n_known = [int(np.isfinite(table[name]).sum()) for name in quantities]
    log.info(f"{cells}: {counts['selected']:,} of {counts['read']:,} stars; {n_known} windows of {held.sum():,}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            cells=Path(snakemake.output.cells),
            covariance_table=Path(snakemake.output.covariance_table),
            sample=snakemake.wildcards.sample,
            smoothed=snakemake.wildcards.smoothed,
            quantities=snakemake.params.quantities,
            limits_kpc=snakemake.params.limits_kpc,
            spacing_kpc=snakemake.params.spacing_kpc,
            window_kpc=snakemake.params.window_kpc,
            selection=snakemake.params.selection,
            min_stars=snakemake.params.min_stars,
            n_bootstraps=snakemake.params.n_bootstraps,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
