"""Mean deviation of a quantity from the stars at the same R against azimuth, with its waves (rule ``fit_azimuthal_variation``)."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.azimuthal.annulus import Settings, measure_annulus
from discatlas.azimuthal.deviations import PhiBins, annulus_stars
from discatlas.azimuthal.significance import check_null
from discatlas.azimuthal.stars import read_disc_stars
from discatlas.contracts import join_unit, load_contract, split_unit
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)


def _stack(parts: Sequence[dict[str, NDArray | float]]) -> dict[str, NDArray]:
    """Return columns of all parts, one after the other; a single number stands for all rows of its part."""
    rows = [np.broadcast_arrays(*part.values()) for part in parts]
    return {name: np.concatenate([row[k] for row in rows]) for k, name in enumerate(parts[0])}


def _named(columns: dict[str, NDArray], quantity: str) -> dict[str, NDArray]:
    """Return columns with those of the quantity under its name: ``deviation`` gives ``feh_deviation_dex``."""
    base, unit = split_unit(quantity)
    own = ("deviation", "deviation_error", "star_error", "amplitude", "amplitude_error")
    return {join_unit(f"{base}_{key}", unit) if key in own else key: column for key, column in columns.items()}


def _sentence(record: dict) -> str:
    where = f"{record['R_low_kpc']:g} to {record['R_high_kpc']:g} kpc"
    return f"{where}: {record['n_stars']:,} stars, p-value {record['p_value']:.3g} of a pattern"


def _write(variation: Path, waves: Path, quantity: str, parts: list[tuple], about: dict[str, Any]) -> None:
    """Write the tables of bins and of waves of all annuli."""
    of_bins, of_waves = [], []
    for k, (in_bins, in_waves, record) in enumerate(parts):
        of_bins.append({"annulus": k, "R_low_kpc": record["R_low_kpc"], "R_high_kpc": record["R_high_kpc"]} | in_bins)
        of_waves.append({"annulus": k} | in_waves)
    columns = _named(_stack(of_bins), quantity)
    write_table(variation, load_contract("azimuthal_variation").expand(q=[quantity]), columns, about)
    columns = _named(_stack(of_waves), quantity)
    write_table(waves, load_contract("azimuthal_waves").expand(q=[quantity]), columns, about)


def run(
    *,
    stars: Path,
    membership: Path | None,
    variation: Path,
    waves: Path,
    summary: Path,
    quantity: str,
    selection: str | None,
    annuli_kpc: Sequence[Sequence[float]],
    R_window_kpc: float,
    trend: str,
    phi_limits_deg: Sequence[float],
    phi_width_deg: float,
    min_stars: int,
    block_kpc: float,
    null: str,
    n_permutations: int,
    max_wavenumber: int,
    seed: int,
    sample: str,
    name: str,
    threads: int,
) -> None:
    """Write the deviations per bin, the waves per annulus, and what chance makes of them (JSON).

    Parameters
    ----------
    membership : Path
        Memberships of the stars if the halo is to be left out.
    R_window_kpc, trend
        The reference: see `discatlas.azimuthal.deviations.annulus_stars`.
    block_kpc : float
        Size of the blocks in R and along azimuth; what stars share reaches 1.6 times that at most (`azimuthal.noise`).
    null : str
        ``blocks`` or ``stars``: see `discatlas.azimuthal.significance`.
    seed, sample, name
        Name the stream of random numbers.

    Raises
    ------
    DiscatlasError
        For bad limits, missing columns, an annulus without stars in the bins, and a quantity that is constant.
    """
    use_threads(threads)
    check_null(null, n_permutations, max_wavenumber)
    bins = PhiBins.between(phi_limits_deg, phi_width_deg)
    settings = Settings(bins, min_stars, block_kpc, null, n_permutations, max_wavenumber)
    table, counts = read_disc_stars(stars, membership, ["R_kpc", "phi_deg", "Z_kpc", quantity], selection)
    parts = []
    for k, limits in enumerate(annuli_kpc):
        part = annulus_stars(*table.values(), limits, R_window_kpc, trend)
        rng = stream_generator(seed, "fit_azimuthal_variation", sample, name, str(k))
        parts.append(measure_annulus(part, settings, rng))
        log.info(_sentence(parts[-1][2]))
    provenance = {"quantity": quantity, "selection": selection, "halo_cut": membership is not None, "n_stars": counts}
    provenance |= {"R_window_kpc": R_window_kpc, "trend": trend, "phi_limits_deg": list(phi_limits_deg), "seed": seed}
    provenance |= {"min_stars": min_stars, "block_kpc": block_kpc, "null": null, "n_permutations": n_permutations}
    _write(variation, waves, quantity, parts, provenance | {"phase_space": read_provenance(stars)})
    write_json(summary, provenance | {"annuli": [{"annulus": k} | record for k, (_, _, record) in enumerate(parts)]})


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            membership=Path(snakemake.input.membership) if snakemake.input.get("membership") else None,
            variation=Path(snakemake.output.variation),
            waves=Path(snakemake.output.waves),
            summary=Path(snakemake.output.summary),
            quantity=snakemake.params.quantity,
            selection=snakemake.params.selection,
            annuli_kpc=snakemake.params.annuli_kpc,
            R_window_kpc=snakemake.params.R_window_kpc,
            trend=snakemake.params.trend,
            phi_limits_deg=snakemake.params.phi_limits_deg,
            phi_width_deg=snakemake.params.phi_width_deg,
            min_stars=snakemake.params.min_stars,
            block_kpc=snakemake.params.block_kpc,
            null=snakemake.params.null,
            n_permutations=snakemake.params.n_permutations,
            max_wavenumber=snakemake.params.max_wavenumber,
            seed=snakemake.params.seed,
            sample=snakemake.wildcards.sample,
            name=snakemake.wildcards.variation,
            threads=snakemake.threads,
        )
