"""Convert a sample to six-dimensional phase space with errors (rule ``convert_phase_space``)."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from discatlas import phase_space as ps
from discatlas import tables
from discatlas.contracts import Column, error_column, join_unit, load_contract, split_unit
from discatlas.distances import check_estimator
from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import Sun, galactic_angles, residual_sgr_a_velocity
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_seed

ERROR_METHODS = ("linear", "monte_carlo")


def run(
    *,
    stars: Path,
    phase_space: Path,
    sun: Mapping[str, Any],
    distance_estimator: str,
    error_method: str,
    n_draws: int,
    seed: int,
    correlations: bool,
    keep_columns: Sequence[str],
    threads: int,
) -> None:
    """Write the phase space of a sample, star by star in the sample's order.

    Parameters
    ----------
    stars, phase_space : Path
        The sample to read and the table to write.
    sun : mapping
        The Sun's position and velocity (see `Sun.from_config`).
    distance_estimator : str
        The estimator that made the sample's distances; it decides which correlations they have.
    error_method : str
        ``linear``, or ``monte_carlo``: percentiles are written too, and each ``_error`` is half of p84 - p16.
    n_draws, seed : int
        Draws per star and the config's seed, for ``monte_carlo``. The stream is that of the sample's file name.
    correlations : bool
        Write the correlations of (R, phi, Z, v_R, v_phi, v_Z); they are those of the linear propagation.
    keep_columns : sequence of str
        Columns of the sample to carry along with their units and descriptions.
    threads : int
        Threads of the kernels; the result does not depend on it.
    """
    use_threads(threads)
    observer = Sun.from_config(sun)
    check_estimator(distance_estimator)
    _check_error_method(error_method)
    kept = tables.described_columns(stars, keep_columns)
    inputs = ps.input_columns(tables.column_names(stars))
    contract = load_contract("phase_space").extend(kept)
    is_sampled = error_method == "monte_carlo"
    names = _output_names(kept, correlations, is_sampled)
    record = {"sun": observer.as_dict(), "distance_estimator": distance_estimator, "error_method": error_method}
    record |= {"n_draws": n_draws, "seed": seed} if is_sampled else {"n_draws": None, "seed": None}
    record["sgr_a_residual_kms"] = [round(float(v), 3) for v in residual_sgr_a_velocity(observer)]
    record["sample"] = tables.read_provenance(stars)
    stream = stream_seed(seed, "convert_phase_space", stars.stem)
    wanted = list(dict.fromkeys(["source_id", *inputs, *(column.name for column in kept)]))
    with tables.TableWriter(phase_space, contract, names, record) as writer:
        for batch in tables.read_batches(stars, wanted):
            made = ps.propagate(batch, observer, distance_estimator, correlations)
            if is_sampled:
                rows = np.arange(writer.n_rows, writer.n_rows + len(batch["ra"]))
                sampled = ps.sample_percentiles(batch, observer, distance_estimator, n_draws, stream, rows)
                made |= sampled | _sampled_errors(sampled)
            made["l_deg"], made["b_deg"] = galactic_angles(batch["ra"], batch["dec"])
            writer.write(batch | made)
    logging.info("converted %s stars, errors: %s", f"{writer.n_rows:,}", error_method)
    logging.info("this solar set leaves Sgr A* at (vX, vY, vZ) = %s km/s", record["sgr_a_residual_kms"])


def _check_error_method(name: str) -> None:
    if name not in ERROR_METHODS:
        raise DiscatlasError(
            f"error method {name!r} is unknown{nearest(name, ERROR_METHODS)}; expected one of {', '.join(ERROR_METHODS)}"
        )


def _output_names(kept: Sequence[Column], correlations: bool, is_sampled: bool) -> list[str]:
    names = [column.name for column in load_contract("phase_space").columns if not column.optional]
    names += ps.correlation_columns() * correlations + ps.percentile_columns() * is_sampled
    return names + [column.name for column in kept if column.name not in names]


def _sampled_errors(percentiles: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return half of p84 - p16 as the standard error of each coordinate."""
    errors = {}
    for name in ps.COORDINATES:
        base, unit = split_unit(name)
        low, high = (percentiles[join_unit(f"{base}_p{percent}", unit)] for percent in (16, 84))
        errors[error_column(name)] = 0.5 * (high - low)
    return errors


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            phase_space=Path(snakemake.output.phase_space),
            sun=snakemake.params.sun,
            distance_estimator=snakemake.params.distance_estimator,
            error_method=snakemake.params.error_method,
            n_draws=snakemake.params.n_draws,
            seed=snakemake.params.seed,
            correlations=snakemake.params.correlations,
            keep_columns=snakemake.params.keep_columns,
            threads=snakemake.threads,
        )
