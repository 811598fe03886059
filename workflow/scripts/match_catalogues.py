"""Match the stars of two tables on the sky at one epoch (rule ``match_catalogues``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import load_contract
from discatlas.crossmatch import SkyTable, chance_matches, count_matches, match_stars, read_sky_table
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    left: Path,
    right: Path,
    matches: Path,
    summary: Path,
    radius_arcsec: float,
    epoch_yr: float,
    left_epoch_yr: float,
    right_epoch_yr: float,
    shift_arcsec: float,
    threads: int,
) -> None:
    """Write every pair of stars within a radius (contract ``match``), and the counts as JSON.

    Parameters
    ----------
    left, right : Path
        Tables with source_id, ra and dec; pmra, pmdec and ref_epoch are used where they are there.
    radius_arcsec : float
        Largest separation, inclusive [arcsec].
    epoch_yr : float
        Epoch at which the stars are compared [Julian year]: that of the table that has no proper motions, if one has none.
    left_epoch_yr, right_epoch_yr : float
        Epochs of rows without ref_epoch.
    shift_arcsec : float
        Shift of the positions that tells how many matches chance makes.
    threads : int
        Threads of the search; they change no digit.

    Raises
    ------
    DiscatlasError
        For a table without rows or positions, a source_id at two places, and a bad radius or shift.
    """
    first, second = read_sky_table(left, epoch_yr, left_epoch_yr), read_sky_table(right, epoch_yr, right_epoch_yr)
    found = match_stars(first, second, radius_arcsec, threads)
    chance = chance_matches(first, second, radius_arcsec, shift_arcsec, threads)
    setting = {
        "radius_arcsec": radius_arcsec,
        "epoch_yr": epoch_yr,
        "left_epoch_yr": left_epoch_yr,
        "right_epoch_yr": right_epoch_yr,
    }
    record = setting | _record(first, second, found, chance)
    provenance = setting | {"left": read_provenance(left), "right": read_provenance(right)}
    write_table(matches, load_contract("match"), found, provenance)
    write_json(summary, record)
    counts = record["matches"]
    log.info(
        f"{matches}: {counts['best']:,} best matches of {first.counts['stars']:,} and {second.counts['stars']:,} stars "
        f"within {radius_arcsec:g} arcsec, {chance['best']:,.1f} expected by chance"
    )
    if not counts["pairs"]:
        log.warning(f"{matches}: no pair within {radius_arcsec:g} arcsec; are both tables of the same sky?")


def _record(first: SkyTable, second: SkyTable, found: dict[str, NDArray], chance: dict[str, float]) -> dict[str, Any]:
    best = found["separation_arcsec"][found["is_best"]]
    quantiles = np.quantile(best, (0.5, 0.84, 0.95)).tolist() if best.size else [None] * 3
    return {
        "left": dict(first.counts),
        "right": dict(second.counts),
        "matches": count_matches(found),
        "separation_of_best_arcsec": dict(zip(("median", "p84", "p95"), quantiles, strict=True)),
        "by_chance": chance,
    }


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            left=Path(snakemake.input.left),
            right=Path(snakemake.input.right),
            matches=Path(snakemake.output.matches),
            summary=Path(snakemake.output.summary),
            radius_arcsec=snakemake.params.radius_arcsec,
            epoch_yr=snakemake.params.epoch_yr,
            left_epoch_yr=snakemake.params.left_epoch_yr,
            right_epoch_yr=snakemake.params.right_epoch_yr,
            shift_arcsec=snakemake.params.shift_arcsec,
            threads=snakemake.threads,
        )
