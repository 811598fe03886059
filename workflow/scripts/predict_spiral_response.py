"""What a fitted spiral implies: other parameters, degeneracies, the spread of v_R, the arms (rule ``predict_spiral_response``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import script_log, use_threads
from discatlas.spiral_fit.predictions import arm_loci, degeneracies, gallery_maps, posterior_points, spread_profile
from discatlas.spiral_fit.setting import Settings, prepare, read_map
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def _check_steps(degeneracy_points: int, profile_step_kpc: float) -> None:
    if degeneracy_points < 2 or not profile_step_kpc > 0:
        raise DiscatlasError(
            f"got degeneracy_points {degeneracy_points} and profile_step_kpc {profile_step_kpc}, expected 2 or more points "
            "and a step above 0"
        )


def run(
    *,
    posterior: Path,
    cells: Path,
    covariance_table: Path | None,
    stars: Path | None,
    reduction_table: Path | None,
    gallery_table: Path,
    degeneracy: Path,
    profile: Path,
    loci: Path,
    source: str,
    response: str,
    gallery: Mapping[str, Any],
    degeneracy_points: int,
    profile_step_kpc: float,
    seed: int,
    threads: int,
) -> None:
    """Write the contracts ``spiral_gallery``, ``spiral_degeneracy``, ``spiral_profile`` and ``spiral_loci``.

    Parameters
    ----------
    posterior : Path
        Table ``spiral_response``; the settings of the fit are in its provenance.
    cells, covariance_table, stars, reduction_table : Path or None
        Those of the fit.
    gallery : mapping
        Values that are shown, and the grid: see `discatlas.spiral_fit.predictions.gallery_maps`.
    degeneracy_points, profile_step_kpc : int, float
        Points along each parameter over its prior, and width of an annulus.

    Raises
    ------
    DiscatlasError
        For a posterior of another make, and bad grids.
    """
    use_threads(threads)
    _check_steps(degeneracy_points, profile_step_kpc)
    about = read_provenance(posterior)
    settings = Settings.from_record(about.get("settings"), str(posterior))
    points, best = posterior_points(read_columns(posterior)), np.array(about["best"])
    problem = prepare(settings, read_map(cells, covariance_table, stars, settings.window_kpc), reduction_table)
    R_limits, model = (settings.R_limits_kpc[0], settings.R_limits_kpc[1]), settings.model
    rng = stream_generator(seed, "predict_spiral_response", source, response, "profile")
    R = problem.chart.columns["R_kpc"][problem.rows]
    provenance = {"settings": settings.record, "best": about["best"]}
    shown = gallery_maps(model, best, gallery, R_limits)
    write_table(gallery_table, load_contract("spiral_gallery"), shown, provenance)
    ln_L = degeneracies(problem.likelihood, settings.priors, best, degeneracy_points)
    write_table(degeneracy, load_contract("spiral_degeneracy"), ln_L, provenance)
    spreads = spread_profile(problem.likelihood, points, best, R, profile_step_kpc, rng)
    write_table(profile, load_contract("spiral_profile"), spreads, provenance)
    write_table(loci, load_contract("spiral_loci"), arm_loci(model, points, best, R_limits), provenance)
    log.info(
        f"{posterior}: gallery of {shown['value'].size:,} rows, {ln_L['x'].size:,} likelihoods, {spreads['R_kpc'].size} annuli"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            posterior=Path(snakemake.input.posterior),
            cells=Path(snakemake.input.cells),
            covariance_table=Path(snakemake.input.covariance_table) if snakemake.input.covariance_table else None,
            stars=Path(snakemake.input.stars) if snakemake.input.stars else None,
            reduction_table=Path(snakemake.input.reduction_table) if snakemake.input.reduction_table else None,
            gallery_table=Path(snakemake.output.gallery_table),
            degeneracy=Path(snakemake.output.degeneracy),
            profile=Path(snakemake.output.profile),
            loci=Path(snakemake.output.loci),
            source=snakemake.wildcards.source,
            response=snakemake.wildcards.response,
            gallery=dict(
                snakemake.params.gallery_values,
                limits_kpc=snakemake.params.gallery_limits_kpc,
                spacing_kpc=snakemake.params.gallery_spacing_kpc,
            ),
            degeneracy_points=snakemake.params.degeneracy_points,
            profile_step_kpc=snakemake.params.profile_step_kpc,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
