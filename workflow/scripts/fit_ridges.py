"""Find the ridges of moving groups in a sample by wavelets and graph grouping (rule ``fit_ridges``)."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.bar_spirals.ridge_tables import density_columns, read_ridges, ridge_columns, ridge_record
from discatlas.bar_spirals.ridges import LINK_KEYS, LinkSettings, find_ridges
from discatlas.bar_spirals.volumes import VOLUME_KEYS, Row, VolumeSettings
from discatlas.contracts import load_contract
from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.tables import check_columns, column_names, frame_batches, read_provenance, write_table

log = logging.getLogger(__name__)
COLUMNS = ("R_kpc", "phi_deg", "v_R_kms", "v_phi_kms")


def _count(
    stars: Path, selection: str | None, rows: Sequence[Row], centres: NDArray[np.float64]
) -> tuple[list[NDArray[np.int64]], dict[str, int]]:
    """Return the counts of all rows, shape (n, n_bins) each, and the numbers of stars read, selected and in any volume."""
    present = column_names(stars)
    check_columns(stars, COLUMNS, present)
    cut = compile_cut(selection, present) if selection else None
    step = centres[1] - centres[0]
    counts = [np.zeros((row.places.size, centres.size), np.int64) for row in rows]
    numbers = {"read": 0, "selected": 0}
    for frame in frame_batches(stars, list(dict.fromkeys([*COLUMNS, *(cut.columns if cut else ())]))):
        kept = frame.filter(cut.expression) if cut else frame
        numbers["read"] += frame.height
        numbers["selected"] += kept.height
        batch = {name: kept[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in COLUMNS}
        for k, row in enumerate(rows):
            counts[k] += row.count(batch, centres[0] - step / 2, step, centres.size)
    if not any(total.any() for total in counts):
        raise DiscatlasError(
            f"{stars}: none of {numbers['read']:,} stars ({numbers['selected']:,} selected) lies in the volumes; widen them, or "
            "drop the sample"
        )
    return counts, numbers


def run(
    *,
    stars: Path,
    ridges: Path,
    density: Path,
    summary: Path,
    settings: Mapping[str, Any],
    selection: str | None,
    threads: int,
) -> None:
    """Write the ridges (contract ``ridges``), the counts behind them (``ridges_density``) and their slopes (JSON).

    Parameters
    ----------
    stars : Path
        Table of contract ``phase_space``; stars without velocities are in no volume.
    settings : mapping
        All fields of `discatlas.bar_spirals.volumes.VolumeSettings` and of `discatlas.bar_spirals.ridges.LinkSettings`
        (`VOLUME_KEYS` and `LINK_KEYS`).
    selection : str or None
        A condition of `discatlas.cuts`.

    Raises
    ------
    DiscatlasError
        For bad settings, a selection that cannot be read, a column that is not there, and no star in any volume.
    """
    use_threads(threads)
    volumes, links = VolumeSettings.from_config(settings), LinkSettings.from_config(settings)
    wavelet, rows = volumes.wavelet(), list(volumes.rows())
    counts, numbers = _count(stars, selection, rows, wavelet.centres_kms)
    found = [find_ridges(row, wavelet, table, True, links) for row, table in zip(rows, counts, strict=True)]
    columns = ridge_columns(rows, found, noise=True)
    provenance = {"settings": dict(settings), "selection": selection, "n_stars": numbers}
    about = provenance | {"phase_space": read_provenance(stars)}
    write_table(ridges, load_contract("ridges"), columns, about)
    write_table(density, load_contract("ridges_density"), density_columns(rows, counts, volumes, "n_stars"), about)
    records = [ridge_record(ridge) for ridge in read_ridges(columns)]
    write_json(summary, provenance | {"ridges": records})
    n_enough = sum(int((table.sum(axis=1) >= links.min_stars).sum()) for table in counts)
    log.info(
        f"{ridges}: {len(records)} ridges in {len(rows)} rows; {n_enough:,} of {sum(map(len, counts)):,} volumes have "
        f"{links.min_stars} stars or more"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            ridges=Path(snakemake.output.ridges),
            density=Path(snakemake.output.density),
            summary=Path(snakemake.output.summary),
            settings={name: snakemake.params[name] for name in (*VOLUME_KEYS, *LINK_KEYS)},
            selection=snakemake.params.selection,
            threads=snakemake.threads,
        )
