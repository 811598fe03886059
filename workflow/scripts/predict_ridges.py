"""Find the ridges of moving groups in a model with bar and spirals (rule ``predict_ridges``)."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.ridge_tables import density_columns, read_ridges, ridge_columns, ridge_record
from discatlas.bar_spirals.ridges import LINK_KEYS, LinkSettings, find_ridges
from discatlas.bar_spirals.volumes import VOLUME_KEYS, Row, VolumeSettings
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, distribution_at
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)


def _density(model: BarredModel, row: Row, centres: NDArray[np.float64], accuracy: str | int) -> NDArray[np.float64]:
    """Return the distribution function at the centres of a row's volumes, shape (n, n_bins)."""
    where = row.coordinates()
    places = (where[name][:, None] for name in ("R_kpc", "phi_deg", "v_R_kms"))
    return distribution_at(model, *places, centres[None, :], accuracy)


def run(
    *,
    model: Path,
    plane: Path,
    ridges: Path,
    density: Path,
    summary: Path,
    settings: Mapping[str, Any],
    refinement: int,
    accuracy: str | int,
    threads: int,
) -> None:
    """Write the ridges (contract ``ridges``), the density behind them (``ridges_density``) and their slopes (JSON).

    Parameters
    ----------
    model, plane : Path
        The model's JSON, and the axisymmetric potential in the plane (contract ``potential_plane``).
    settings : mapping
        As for a sample: see rule ``fit_ridges``. The model is taken at the centres of volumes and slices.
    refinement : int
        Places per volume along R and along azimuth, an odd number.
    accuracy : str or int
        See `discatlas.dynamics.backward.distribution_at`.

    Raises
    ------
    DiscatlasError
        For bad settings, an even refinement, and places outside the potential's table.
    """
    use_threads(threads)
    if refinement < 1 or refinement % 2 == 0:
        raise DiscatlasError(f"ridges: refinement {refinement}: expected an odd number, 1 or more")
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(plane)), spec)
    volumes, links = VolumeSettings.from_config(settings), LinkSettings.from_config(settings)
    wavelet = volumes.wavelet()
    finer = [1 if row.axis == "v_R" else refinement for row in volumes.rows()]
    rows = [row.refined(factor) for row, factor in zip(volumes.rows(), finer, strict=True)]
    tables = [_density(barred, row, wavelet.centres_kms, accuracy) for row in rows]
    found = [
        find_ridges(row, wavelet, table, False, links.refined(factor))
        for row, table, factor in zip(rows, tables, finer, strict=True)
    ]
    columns = ridge_columns(rows, found, noise=False)
    provenance = {"settings": dict(settings), "refinement": refinement, "accuracy": accuracy}
    about = provenance | {"model": spec}
    write_table(ridges, load_contract("ridges"), columns, about)
    write_table(density, load_contract("ridges_density"), density_columns(rows, tables, volumes, "density"), about)
    records = [ridge_record(ridge) for ridge in read_ridges(columns)]
    write_json(summary, provenance | {"ridges": records})
    log.info(f"{ridges}: {len(records)} ridges in {len(rows)} rows of {sum(row.places.size for row in rows):,} places")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            ridges=Path(snakemake.output.ridges),
            density=Path(snakemake.output.density),
            summary=Path(snakemake.output.summary),
            settings={name: snakemake.params[name] for name in (*VOLUME_KEYS, *LINK_KEYS)},
            refinement=snakemake.params.refinement,
            accuracy=snakemake.params.accuracy,
            threads=snakemake.threads,
        )
