"""Mean deviation of a quantity from the stars at the same R against azimuth, with its waves (rule ``fit_azimuthal_variation``)."""

import logging
from collections.abc import Sequence
from pathlib import Path

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
    stars, membership : Path
        Phase space, and memberships of its stars if the halo is to be left out.
    quantity : str
        Column whose deviations are taken, such as ``feh_dex``.
    R_window_kpc, trend
        The reference: see `discatlas.azimuthal.deviations.annulus_stars`.
    min_stars : int
        Bins of fewer stars get no deviation.
    block_kpc : float
        Size of the blocks of stars, in R and along azimuth; what stars share is sought to 2.4 times that (see
        `discatlas.azimuthal.noise`).
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
    bins = PhiBins.between(phi_limits_deg, phi_width_deg)
    check_null(null, n_permutations, max_wavenumber)
    settings = Settings(bins, min_stars, block_kpc, null, n_permutations, max_wavenumber)
    table, counts = read_disc_stars(stars, membership, ["R_kpc", "phi_deg", "Z_kpc", quantity], selection)
    rows: list[dict[str, NDArray]] = []
    wave_rows: list[dict[str, NDArray]] = []
    records = []
    for k, limits in enumerate(annuli_kpc):
        part = annulus_stars(*table.values(), limits, R_window_kpc, trend)
        rng = stream_generator(seed, "fit_azimuthal_variation", sample, name, str(k))
        in_bins, in_waves, record = measure_annulus(part, settings, rng)
        here = {"annulus": k, "R_low_kpc": limits[0], "R_high_kpc": limits[1]}
        rows.append({key: np.full(bins.n_bins, value) for key, value in here.items()} | in_bins)
        rows[-1] |= {"phi_centre_deg": bins.centres_deg}
        wave_rows.append({"annulus": np.full(max_wavenumber, k)} | in_waves)
        records.append({"annulus": k} | record)
        log.info(
            f"{limits[0]:g} to {limits[1]:g} kpc: {record['n_stars']:,} stars, p-value {record['p_value']:.3g} of a pattern"
        )
    provenance = {
        "quantity": quantity,
        "selection": selection,
        "halo_cut": membership is not None,
        "R_window_kpc": R_window_kpc,
        "trend": trend,
        "phi_limits_deg": list(phi_limits_deg),
        "phi_width_deg": phi_width_deg,
        "min_stars": min_stars,
        "block_kpc": block_kpc,
        "null": null,
        "n_permutations": n_permutations,
        "seed": seed,
        "n_stars": counts,
    }
    about = provenance | {"phase_space": read_provenance(stars)}
    for path, contract, parts in ((variation, "azimuthal_variation", rows), (waves, "azimuthal_waves", wave_rows)):
        columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        write_table(path, load_contract(contract).expand(q=[quantity]), _named(columns, quantity), about)
    write_json(summary, provenance | {"annuli": records})


def _named(columns: dict[str, NDArray], quantity: str) -> dict[str, NDArray]:
    """Return columns with those of the quantity under its name: ``deviation`` gives ``feh_deviation_dex``."""
    base, unit = split_unit(quantity)
    own = ("deviation", "deviation_error", "star_error", "amplitude", "amplitude_error")
    return {join_unit(f"{base}_{key}", unit) if key in own else key: column for key, column in columns.items()}


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
