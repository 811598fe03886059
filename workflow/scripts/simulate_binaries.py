"""What binaries do to the mean velocities of a sample with its own epochs and errors (rule ``simulate_binaries``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import load_contract
from discatlas.epoch_tables import read_epochs
from discatlas.epochs import ERROR_RULES, Epochs, check_rules
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.simulation.binary_population import bin_edges, simulate_means, summarise
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)


def run(
    *,
    sample: Path,
    epochs: Path,
    binaries: Path,
    summary: Path,
    id: str,  # noqa: A002 - the key of the config
    time: str,
    pipelines: list[dict[str, Any]],
    mean: str,
    binary_fraction: float,
    primary_mass: float | str,
    n_realisations: int,
    bin_kms: float,
    limit_kms: float,
    seed: int,
    name: str,
) -> None:
    """Write histograms (contract ``binaries``) and, as JSON, percentiles of mean minus systemic velocity.

    Every star of `sample` keeps the times and errors of its own `epochs` (arguments as of rule ``combine_epochs``), once
    as a single star and once in a population of which `binary_fraction` are binaries (Zari et al. 2025, appendix C).

    Parameters
    ----------
    primary_mass : float or str
        Mass of all primaries [solar masses], or the column of the sample that holds it.
    n_realisations : int
        Number of simulations, whose stars are counted together.
    bin_kms, limit_kms : float
        Width of the bins, and largest velocity of the histograms [km/s].
    seed, name
        Name the streams of random numbers, one for each realisation.

    Raises
    ------
    DiscatlasError
        If no star of the sample has epochs and a mass.
    """
    check_rules(mean, ERROR_RULES[0])
    edges = bin_edges(limit_kms, bin_kms)
    chosen, counts = read_epochs(epochs, id, time, pipelines)
    inside, mass, left_out = _stars_of(sample, chosen, primary_mass, str(epochs))
    realisations = [
        simulate_means(inside, mass, binary_fraction, mean, stream_generator(seed, "simulate_binaries", name, str(k)))
        for k in range(n_realisations)
    ]
    table, groups = summarise(realisations, inside.n_epochs, edges)
    settings = {
        "binary_fraction": binary_fraction,
        "primary_mass": primary_mass,
        "median_mass_msun": float(np.median(mass)),
        "n_realisations": n_realisations,
        "mean": mean,
        "seed": seed,
    }
    write_table(binaries, load_contract("binaries"), table, settings | {"pipelines": pipelines})
    write_json(summary, settings | left_out | {"epochs": counts, "groups": groups})
    for group, about in groups.items():
        log.info(f"{group}: {about}")


def _stars_of(
    sample: Path, epochs: Epochs, primary_mass: float | str, where: str
) -> tuple[Epochs, NDArray[np.float64], dict[str, int]]:
    """Return the epochs and masses of the stars of the sample, and the numbers of those that have none."""
    columns = ["source_id", *([primary_mass] if isinstance(primary_mass, str) else [])]
    stars = read_columns(sample, columns)
    ids, row = np.unique(stars["source_id"], return_index=True)
    masses = (
        stars[primary_mass][row].astype(float) if isinstance(primary_mass, str) else np.full(ids.size, primary_mass)
    )
    place = np.clip(np.searchsorted(ids, epochs.source_id), 0, ids.size - 1)
    is_in_sample = ids[place] == epochs.source_id
    has_mass = masses[place] > 0
    wanted = is_in_sample & has_mass
    counts = {
        "n_sample": int(ids.size),
        "n_without_epochs": int(ids.size - is_in_sample.sum()),
        "n_without_mass": int((is_in_sample & ~has_mass).sum()),
    }
    if not wanted.any():
        raise DiscatlasError(
            f"{sample}: of {ids.size:,} stars {is_in_sample.sum():,} have epochs in {where} and none of these a mass "
            f"({primary_mass}); check id, which must be the sample's source_id, and primary_mass"
        )
    return epochs.select(wanted), masses[place][wanted], counts


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            epochs=Path(snakemake.input.epochs),
            binaries=Path(snakemake.output.binaries),
            summary=Path(snakemake.output.summary),
            id=snakemake.params.id,
            time=snakemake.params.time,
            pipelines=snakemake.params.pipelines,
            mean=snakemake.params.mean,
            binary_fraction=snakemake.params.binary_fraction,
            primary_mass=snakemake.params.primary_mass,
            n_realisations=snakemake.params.n_realisations,
            bin_kms=snakemake.params.bin_kms,
            limit_kms=snakemake.params.limit_kms,
            seed=snakemake.params.seed,
            name=f"{snakemake.wildcards.sample} {snakemake.wildcards.binaries}",
        )
