"""Make a sample: columns joined, corrections, one distance, duplicates resolved, cuts, cut flow (rule ``clean_sample``)."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.cleaning import CutFlow, Step, clean_batches, duplicate_rows
from discatlas.contracts import Contract, load_contract
from discatlas.cuts import compile_cut
from discatlas.distances import estimate_distance
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.side_tables import SideTable, read_side_tables
from discatlas.tables import (
    TableWriter,
    check_columns,
    column_names,
    count_rows,
    extra_columns,
    frame_batches,
    read_provenance,
    write_table,
)
from discatlas.velocities import apply_corrections

MAX_DISTANCE_KPC = 1000.0  # no star of the Galaxy is farther: such an inverse parallax is noise
DISTANCE_COLUMNS = ["distance_kpc", "distance_error_kpc", "distance_lo_kpc", "distance_hi_kpc"]


def run(
    *,
    catalogue: Path,
    sample: Path,
    cut_flow: Path,
    cut_flow_json: Path,
    corrections: list[str],
    distance: str,
    duplicates: dict[str, str],
    cuts: list[dict[str, Any]],
    n_published: int | None = None,
    R0_kpc: float | None = None,
    velocities: Path | None = None,
    matches: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Clean `catalogue` into `sample` in batches; write the cut flow as a table and as JSON.

    `n_published`, and that of each cut, are what a paper had: they stand beside our counts and change none. `R0_kpc` is
    the Sun's radius, for distances from Galactocentric radii alone. `velocities` of several epochs replace those of the
    catalogue, and columns of catalogues in `matches` are joined, both before anything else; see
    `discatlas.side_tables.read_side_tables`. Stars without an entry have null there, and are counted.
    """
    names, n_rows = column_names(catalogue), count_rows(catalogue)
    if not n_rows:
        raise DiscatlasError(f"{catalogue}: no rows")
    sides = read_side_tables(catalogue, velocities, matches, corrections)
    contract = _extended_contract(catalogue, sides)
    superfluous = _superfluous_rows(catalogue, names, n_rows, duplicates)
    joined = [name for side in sides.values() for name in side.names if name not in names]
    columns = names + joined + DISTANCE_COLUMNS
    compiled = [compile_cut(cut["expression"], columns) for cut in cuts]
    flow = _new_flow(distance, duplicates, cuts, n_published)
    changed: dict[str, int] = {}

    def prepare(batch: pl.DataFrame) -> pl.DataFrame:
        for side in sides.values():
            batch = side.join(batch)
        return _add_distance(_correct(batch, corrections, changed), distance, R0_kpc)

    provenance = {
        "distance": distance,
        "corrections": corrections,
        "duplicates": duplicates,
        "cuts": cuts,
        "catalogue": read_provenance(catalogue),
    } | {name: side.about for name, side in sides.items()}
    with TableWriter(sample, contract, columns, provenance) as writer:
        for i, clean in enumerate(clean_batches(frame_batches(catalogue), prepare, superfluous, compiled, flow)):
            writer.write(clean)
            for side in sides.values():
                side.count_kept(clean)
            if i % 20 == 0:
                logging.info("%d of %d rows read, %d kept", flow.steps[0].n_after, n_rows, writer.n_rows)
        flow.require_stars()
    joins = {name: side.record() for name, side in sides.items()}
    _write_flow(cut_flow, cut_flow_json, flow, {"corrected": changed, "joined": joins}, provenance)


def _superfluous_rows(catalogue: Path, names: list[str], n_rows: int, duplicates: dict[str, str]) -> NDArray[np.int64]:
    by, keep, order_by = duplicates["by"], duplicates["keep"], duplicates.get("order_by")
    check_columns(catalogue, [by] if keep in ("first", "error") or order_by is None else [by, order_by], names)
    return duplicate_rows(lambda columns: frame_batches(catalogue, columns), n_rows, by, keep, order_by)


def _extended_contract(catalogue: Path, sides: Mapping[str, SideTable]) -> Contract:
    """Return the contract of samples with the columns of this catalogue and of what is joined to it."""
    contract = load_contract("sample")
    for side in sides.values():
        contract = contract.extend(side.columns)
    return contract.extend(extra_columns(catalogue, contract))


def _new_flow(
    distance: str, duplicates: dict[str, str], cuts: list[dict[str, Any]], n_published: int | None
) -> CutFlow:
    where = f"known ra, dec and distance ({distance}), below {MAX_DISTANCE_KPC:,.0f} kpc"
    steps = [
        Step("catalogue", "all rows", n_published),
        Step("duplicates", _rule_in_words(duplicates)),
        Step("position and distance", where),
    ]
    return CutFlow(steps + [Step(cut["name"], cut["expression"], cut.get("n_published")) for cut in cuts])


def _rule_in_words(duplicates: dict[str, str]) -> str:
    by, keep, order_by = duplicates["by"], duplicates["keep"], duplicates.get("order_by")
    which = {"first": "the first row stays", "error": "any other is an error"}.get(keep, f"the {keep} {order_by} stays")
    return f"one row for each {by}: {which}"


def _correct(batch: pl.DataFrame, corrections: list[str], changed: dict[str, int]) -> pl.DataFrame:
    if not corrections:
        return batch
    arrays = {name: batch[name].to_numpy() for name in batch.columns if batch[name].dtype.is_numeric()}
    corrected, counts = apply_corrections(arrays, corrections)
    for name, count in counts.items():
        changed[name] = changed.get(name, 0) + count
    new = [
        pl.Series(name, values, nan_to_null=True) for name, values in corrected.items() if values is not arrays[name]
    ]
    return batch.with_columns(new)


def _add_distance(batch: pl.DataFrame, estimator: str, R0_kpc: float | None) -> pl.DataFrame:
    kinds = (pl.Float32, pl.Float64, pl.String)  # text, for the modes of Cepheids
    arrays = {name: batch[name].to_numpy() for name in batch.columns if batch[name].dtype in kinds}
    distance = estimate_distance(arrays, estimator, R0_kpc)
    beyond = ~(distance["distance_kpc"] <= MAX_DISTANCE_KPC)
    distance = {name: np.where(beyond, np.nan, values) for name, values in distance.items()}
    return batch.with_columns([pl.Series(name, distance[name], nan_to_null=True) for name in DISTANCE_COLUMNS])


def _write_flow(table: Path, text: Path, flow: CutFlow, done: dict[str, Any], provenance: dict[str, Any]) -> None:
    columns = flow.columns()
    write_table(table, load_contract("cut_flow"), columns, provenance)
    source = provenance["catalogue"]
    record = {
        "steps": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "corrected": done["corrected"],
        "missing_in_catalogue": source.get("missing", {}),
        "out_of_range_in_catalogue": source.get("out_of_range", {}),
    }
    write_json(text, record | ({"joined": done["joined"]} if done["joined"] else {}))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            catalogue=Path(snakemake.input.catalogue),
            sample=Path(snakemake.output.sample),
            cut_flow=Path(snakemake.output.cut_flow),
            cut_flow_json=Path(snakemake.output.cut_flow_json),
            corrections=snakemake.params.corrections,
            distance=snakemake.params.distance,
            duplicates=snakemake.params.duplicates,
            cuts=snakemake.params.cuts,
            n_published=snakemake.params.n_published,
            R0_kpc=snakemake.params.R0_kpc,
            velocities=Path(str(snakemake.input.velocities)) if snakemake.input.get("velocities") else None,
            matches=[
                {"name": name, "path": Path(path), "table": Path(table), "columns": columns}
                for name, path, table, columns in zip(
                    snakemake.params.match_names,
                    snakemake.input.get("matches", []),
                    snakemake.input.get("match_tables", []),
                    snakemake.params.match_columns,
                    strict=True,
                )
            ],
        )
