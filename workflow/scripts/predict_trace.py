"""Follow associations of stars in the barred potential and trace them back without the bar and spirals (rule ``predict_trace``)."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from discatlas.bar_spirals.trace import STAGES, describe, draw_associations, trace
from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Perturbation
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.frames import khalil_position
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def _rows(
    number: np.ndarray, n_stars: int, times: np.ndarray, places: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the columns of the table: stages, in them times, in them stars."""
    n, n_times, stages = number.size, times.size, len(STAGES)
    return {
        "association": np.tile(number, n_times * stages),
        "star": np.tile(np.arange(n) % n_stars + 1, n_times * stages),
        "stage": np.repeat(np.array(STAGES, dtype=object), n * n_times),
        "t_Gyr": np.tile(np.repeat(times * GYR_PER_KPC_KMS, n), stages),
        "X_kpc": np.concatenate([places[stage][:, :, 0].ravel() for stage in STAGES]),
        "Y_kpc": np.concatenate([places[stage][:, :, 1].ravel() for stage in STAGES]),
    }


def run(
    *,
    model: Path,
    plane: Path,
    trace_table: Path,
    summary: Path,
    trace_name: str,
    places_kpc: Sequence[Sequence[float]],
    n_stars: int,
    sigma_kpc: float,
    sigma_kms: float,
    duration_Myr: float,
    n_times: int,
    seed: int,
    threads: int,
) -> None:
    """Write the table ``trace``: the places of all stars at birth, until now, and traced back in either potential.

    Parameters
    ----------
    model, plane : Path
        Specification of the barred model, and table of its axisymmetric potential.
    trace_table, summary : Path
        Products: the table, and JSON with offset and shape of each traced association.
    trace_name : str
        Name of the entry; with the seed it decides the draws.
    places_kpc : sequence of (x, y)
        Centres of the associations at birth, in the axes of Khalil et al. (2025): x = -X, y = Y.
    n_stars, sigma_kpc, sigma_kms
        Stars in each, standard deviation in X and Y, and in v_R and v_phi about the circular velocity.
    duration_Myr, n_times
        Age of the associations, and rows of each orbit.

    Raises
    ------
    DiscatlasError
        For a duration or a number of times that is none, or places outside the potential's table.
    """
    use_threads(threads)
    if not (duration_Myr > 0 and n_times >= 2):
        raise DiscatlasError(
            f"trace: got duration_Myr {duration_Myr}, n_times {n_times}; expected a positive number, and two or more"
        )
    spec = json.loads(model.read_text(encoding="utf-8"))
    perturbation = Perturbation.from_config(spec["bar"], spec["spirals"])
    profile = PlaneProfile.from_columns(read_columns(plane))
    centres = np.stack(khalil_position(*np.asarray(places_kpc, float).reshape(-1, 2).T), axis=1)
    rng = stream_generator(seed, "predict_trace", trace_name)
    number, position, velocity = draw_associations(profile, centres, n_stars, sigma_kpc, sigma_kms, rng)
    times = np.linspace(0.0, duration_Myr / 1e3 / GYR_PER_KPC_KMS, n_times)
    places = trace(profile, perturbation, position, velocity, times)
    about = {"duration_Myr": duration_Myr, "n_stars": n_stars, "sigma_kpc": sigma_kpc, "sigma_kms": sigma_kms}
    about |= {"seed": seed, "associations": (records := describe(number, places))}
    provenance = {"model": spec, "potential": read_provenance(plane)} | about
    write_table(trace_table, load_contract("trace"), _rows(number, n_stars, times, places), provenance)
    write_json(summary, about)
    for record in records:
        log.info(
            f"association {record['association']} at R = {record['R_kpc']:.2f} kpc: traced {record['back_barred']['offset_pc']:.2f} pc off in the barred potential, {record['back_axisymmetric']['offset_pc']:.0f} pc in the axisymmetric"
        )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            trace_table=Path(snakemake.output.trace_table),
            summary=Path(snakemake.output.summary),
            trace_name=snakemake.wildcards.trace,
            places_kpc=snakemake.params.places_kpc,
            n_stars=snakemake.params.n_stars,
            sigma_kpc=snakemake.params.sigma_kpc,
            sigma_kms=snakemake.params.sigma_kms,
            duration_Myr=snakemake.params.duration_Myr,
            n_times=snakemake.params.n_times,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
