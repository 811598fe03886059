"""Ages of the stars of a sample from isochrones (rule ``estimate_ages``)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.ages.estimate import AgeSettings, Tally, estimate_batch
from discatlas.ages.grid import load_grid
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.isochrones import CITATIONS
from discatlas.photometry import read_bolometric_corrections
from discatlas.runtime import script_log, use_threads
from discatlas.tables import TableWriter, count_rows, read_batches, read_provenance

log = logging.getLogger(__name__)
BATCH = 16_384


def run(
    *,
    sample: Path,
    stars: Path,
    bolometric_corrections: Path,
    grid_folder: Path | None,
    ages: Path,
    posteriors: Path,
    summary: Path,
    grid: str,
    log_age: Sequence[float],
    feh_dex: Sequence[float],
    observables: Mapping[str, Any],
    min_observables: int,
    extinction: Mapping[str, Any] | None,
    metallicity: Mapping[str, Any],
    imf_slope: float,
    age_prior: str,
    max_chi2: float,
    edge_share: float,
    threads: int,
) -> None:
    """Write ages and marginal likelihoods of the stars of `sample`, in the order of their phase space `stars`.

    The isochrones are those of `discatlas.ages.grid.load_grid` (grid, grid_folder, log_age, feh_dex, imf_slope); the
    rest is explained at `discatlas.ages.estimate.AgeSettings`.

    Raises
    ------
    DiscatlasError
        For bad settings, missing columns, and tables that are not of the same stars.
    """
    use_threads(threads)
    settings = AgeSettings(observables, min_observables, extinction, metallicity, age_prior, max_chi2, edge_share)
    corrections = read_bolometric_corrections(bolometric_corrections)
    isochrones = load_grid(grid, grid_folder, log_age, feh_dex, imf_slope, corrections)
    record = {
        "grid": grid,
        "log_age": isochrones.log_age.tolist(),
        "feh_dex": isochrones.feh_dex.tolist(),
        "n_points_beyond_corrections": isochrones.n_beyond,
        "imf_slope": imf_slope,
        **settings.record(),
        "citations": list(CITATIONS),
    }
    provenance = record | {"phase_space": read_provenance(stars)}
    tally = Tally()
    with (
        TableWriter(ages, load_contract("ages"), None, provenance) as table,
        TableWriter(posteriors, load_contract("age_posteriors"), None, provenance) as densities,
    ):
        for columns, R_kpc in _batches(sample, stars, settings.columns()):
            made, likelihood = estimate_batch(columns, R_kpc, isochrones, settings)
            table.write({"source_id": columns["source_id"], **made})
            densities.write({"source_id": columns["source_id"], "likelihood": likelihood})
            tally.add(made)
    counts = tally.record()
    write_json(summary, record | counts)
    n = counts["n_stars"]
    log.info(f"{ages}: {n['with_age']:,} of {n['all']:,} stars have an age, {n['good']:,} without a flag")


def _batches(sample: Path, stars: Path, names: Sequence[str]) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Yield the columns of the sample and the radii of the same stars."""
    n_sample, n_stars = count_rows(sample), count_rows(stars)
    if n_sample != n_stars:
        raise DiscatlasError(f"{sample} has {n_sample:,} stars, {stars} has {n_stars:,}; make both anew, of one sample")
    both = (
        read_batches(path, wanted, BATCH)
        for path, wanted in ((sample, list(dict.fromkeys(["source_id", *names]))), (stars, ["source_id", "R_kpc"]))
    )
    for columns, place in zip(*both, strict=True):
        if not np.array_equal(columns["source_id"], place["source_id"]):
            raise DiscatlasError(f"{sample} and {stars}: their stars differ or stand in another order; make both anew")
        yield columns, place["R_kpc"]


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            stars=Path(snakemake.input.stars),
            bolometric_corrections=Path(snakemake.input.bolometric_corrections),
            grid_folder=Path(str(snakemake.input.grid_folder)) if snakemake.input.get("grid_folder") else None,
            ages=Path(snakemake.output.ages),
            posteriors=Path(snakemake.output.posteriors),
            summary=Path(snakemake.output.summary),
            grid=snakemake.params.grid,
            log_age=snakemake.params.log_age,
            feh_dex=snakemake.params.feh_dex,
            observables=snakemake.params.observables,
            min_observables=snakemake.params.min_observables,
            extinction=snakemake.params.extinction,
            metallicity=snakemake.params.metallicity,
            imf_slope=snakemake.params.imf_slope,
            age_prior=snakemake.params.age_prior,
            max_chi2=snakemake.params.max_chi2,
            edge_share=snakemake.params.edge_share,
            threads=snakemake.threads,
        )
