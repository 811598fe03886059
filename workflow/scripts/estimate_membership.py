"""Probabilities of thin disc, thick disc and halo from the stars' velocities (rule ``estimate_membership``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.files import write_json
from discatlas.membership import POPULATIONS, membership_probabilities, star_velocities
from discatlas.runtime import script_log, use_threads
from discatlas.tables import TableWriter, read_batches, read_provenance

log = logging.getLogger(__name__)
COLUMNS = ("source_id", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms", "v_Z_kms")
SURE = 0.9  # share of stars above this probability of the thin disc, to set beside the paper's 95 %


def run(
    *,
    stars: Path,
    membership: Path,
    summary: Path,
    set_name: str,
    ellipsoids: Mapping[str, Any],
    frame: str,
    v_c_kms: float,
    v_c_slope: float,
    R0_kpc: float,
    max_halo_probability: float,
    n_published: int | None,
    threads: int,
) -> None:
    """Write the membership of each star, in the order of the phase-space table (contract ``membership``).

    `ellipsoids` is a set of `discatlas.membership.membership_probabilities` with its source, `frame` and the circular
    velocity are those of `star_velocities`. A star with P_halo of `max_halo_probability` or more, or without all three
    velocities, is not in the disc. The JSON counts the stars of each kind; `n_published` is what a paper had in the disc.

    Raises
    ------
    DiscatlasError
        For a bad set of ellipsoids, an unknown frame, and missing columns.
    """
    use_threads(threads)
    settings = {
        "set": set_name,
        "source": ellipsoids["source"],
        "ellipsoids": {name: dict(ellipsoids[name]) for name in POPULATIONS},
        "frame": frame,
        "v_c_kms": v_c_kms,
        "v_c_slope": v_c_slope,
        "R0_kpc": R0_kpc,
        "max_halo_probability": max_halo_probability,
    }
    counts = dict.fromkeys(("read", "with_velocities", *POPULATIONS, "surely_thin", "in_disc"), 0)
    provenance = settings | {"phase_space": read_provenance(stars)}
    with TableWriter(membership, load_contract("membership"), None, provenance) as writer:
        for batch in read_batches(stars, COLUMNS):
            source_id, *columns = batch.values()
            velocities = star_velocities(*columns, frame, v_c_kms, v_c_slope, R0_kpc)
            shares = membership_probabilities(velocities, ellipsoids)
            known = np.isfinite(shares[0])
            in_disc = known & (shares[2] < max_halo_probability)
            names = [f"P_{name}" for name in POPULATIONS]
            writer.write({"source_id": source_id, **dict(zip(names, shares, strict=True)), "in_disc": in_disc})
            likeliest = np.bincount(shares[:, known].argmax(axis=0), minlength=len(POPULATIONS))
            found = [known.size, known.sum(), *likeliest, (shares[0][known] > SURE).sum(), in_disc.sum()]
            counts = {key: counts[key] + int(n) for key, n in zip(counts, found, strict=True)}
    write_json(summary, settings | {"n_stars": counts, "n_published": n_published})
    log.info(f"{membership}: {counts['in_disc']:,} of {counts['read']:,} stars in the disc")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            membership=Path(snakemake.output.membership),
            summary=Path(snakemake.output.summary),
            set_name=snakemake.params.set,
            ellipsoids=snakemake.params.ellipsoids,
            frame=snakemake.params.frame,
            v_c_kms=snakemake.params.v_c_kms,
            v_c_slope=snakemake.params.v_c_slope,
            R0_kpc=snakemake.params.R0_kpc,
            max_halo_probability=snakemake.params.max_halo_probability,
            n_published=snakemake.params.n_published,
            threads=snakemake.threads,
        )
