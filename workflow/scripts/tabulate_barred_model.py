"""Resolve a model of bar and spirals into one file, with its resonances and contrasts (rule ``tabulate_barred_model``)."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.bar_spirals.model_record import SPEC_KEYS, model_record, resolved_spec
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance

log = logging.getLogger(__name__)


def _entries(fit: Path | None, entries: Mapping[str, Any] | None, model: str) -> dict[str, Any]:
    """Return the model's entries, of its fit where it has one."""
    if fit is None:
        if entries is None:
            raise DiscatlasError(f"barred_models.{model}: neither a fit nor entries of its own; expected one of them")
        return dict(entries)
    record = json.loads(fit.read_text(encoding="utf-8"))
    if "model" not in record:
        raise DiscatlasError(f"{fit}: no 'model' in it; expected the summary of rule fit_spiral_modes")
    return {key: record["model"][key] for key in SPEC_KEYS}


def run(
    *,
    plane: Path,
    fit: Path | None,
    table: Path,
    model: str,
    potential: str,
    entries: Mapping[str, Any] | None,
    R0_kpc: float,
) -> None:
    """Write a model as JSON: its spec (`discatlas.dynamics.backward.BarredModel.from_spec`) and what follows from it.

    Parameters
    ----------
    plane : Path
        The potential in the plane (rule ``tabulate_potential``).
    fit : Path or None
        Summary of rule ``fit_spiral_modes``, for the model of a fit.
    entries : mapping or None
        ``bar``, ``spirals``, ``distribution`` and ``integration_kpc_kms`` (null: the longest life of a mode) of any other.
    model, potential : str
        Names, for the record.

    Raises
    ------
    DiscatlasError
        For a missing entry, a mode without a range, and a pattern speed without resonances.
    """
    profile = PlaneProfile.from_columns(read_columns(plane))
    density = DensityModel.from_config(read_provenance(plane)["model"])
    record = model_record(resolved_spec(_entries(fit, entries, model)), profile, density, R0_kpc)
    write_json(table, {"model": model, "potential": potential} | record)
    limits = {name: part["used"] for name, part in record["cut_offs_kpc"].items()}
    log.info(f"{table}: integrated for {record['integration_kpc_kms']:.5f} kpc/(km/s); cut-offs {limits}")
    for name, part in record["contrasts"].items():
        log.info(f"{name}: contrast of surface density at R0 {100 * part['winding']:.1f} %")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            plane=Path(snakemake.input.plane),
            fit=Path(snakemake.input.fit) if snakemake.input.get("fit") else None,
            table=Path(snakemake.output.table),
            model=snakemake.wildcards.model,
            potential=snakemake.params.potential,
            entries=snakemake.params.entries,
            R0_kpc=snakemake.params.R0_kpc,
        )
