"""Count a sample's stars by spectral class and in the Kiel diagram (rule ``tabulate_spectral_classes``)."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json, write_text
from discatlas.publish import to_csv
from discatlas.runtime import script_log
from discatlas.spectral_classes import PARAMETERS, StarCounts, classes_latex, other_cuts
from discatlas.tables import check_columns, column_names, frame_batches, read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    sample: Path,
    background: Path | None,
    classes: Path,
    kiel: Path,
    csv: Path,
    tex: Path,
    summary: Path,
    cuts: Sequence[Mapping[str, Any]],
    log_teff_bin_dex: float,
    logg_bin_dex: float,
    published: Mapping[str, int] | None,
    title: str,
    background_title: str,
) -> None:
    """Write the numbers of stars by class (contract ``spectral_classes``) and by cell (``kiel_diagram``).

    Parameters
    ----------
    sample, background : Path
        Tables with teff_K and logg_dex: the sample, and the catalogue from which it was selected or another sample. Rows of
        a catalogue that lists a star twice count twice, and its columns are as they are before corrections.
    cuts : sequence of mapping
        Cuts of the sample, with name and expression: those that read neither temperature nor gravity, and only columns of
        the background, are made on it.
    log_teff_bin_dex, logg_bin_dex : float
        Sizes of the cells [dex].
    published : mapping of str to int, optional
        What a paper has for the sample and the background, by class: O, early B, late B, A, F, later.
    title, background_title : str
        What both hold, for the LaTeX table.

    Raises
    ------
    DiscatlasError
        For a missing column, and a sample or a background without temperatures.
    """
    bins = (log_teff_bin_dex, logg_bin_dex)
    groups, left_out = _count_groups(sample, background, cuts, bins)
    rows = [row for group, (_, stars) in groups.items() for row in stars.class_rows(group, published)]
    record = {
        "bins_dex": bins,
        "titles": {"sample": title, "background": background_title},
        "cuts_of_background": [cut.text for cut in groups["background"][1].cuts] if background else [],
        "cuts_left_out": left_out,
        "n_stars": {group: stars.counts for group, (_, stars) in groups.items()},
    }
    provenance = record | {"tables": {group: read_provenance(path) for group, (path, _) in groups.items()}}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    parts = [stars.kiel_columns(group) for group, (_, stars) in groups.items()]
    cells = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    write_table(classes, load_contract("spectral_classes"), columns, provenance)
    write_table(kiel, load_contract("kiel_diagram"), cells, provenance)
    write_text(csv, to_csv(_with_gaps(columns)))
    write_text(tex, classes_latex(rows, record["titles"], f"Spectral classes of the {title}."))
    write_json(summary, record | {"classes": rows})


def _with_gaps(columns: Mapping[str, list]) -> dict[str, NDArray]:
    """Return columns as arrays, those that may miss a number as floats with NaN."""
    optional = ("teff_min_K", "teff_max_K", "n_published", "share")
    return {name: np.array(values, np.float64 if name in optional else None) for name, values in columns.items()}


def _count_groups(
    sample: Path, background: Path | None, cuts: Sequence[Mapping[str, Any]], bins: tuple[float, float]
) -> tuple[dict[str, tuple[Path, StarCounts]], list[str]]:
    """Return the stars of each group with their table, and the names of the cuts that the background does without."""
    groups, left_out = {"sample": (sample, StarCounts([], *bins))}, []
    if background is not None:
        check_columns(background, PARAMETERS, column_names(background))
        kept, left_out = other_cuts(cuts, column_names(sample), column_names(background))
        log.info(f"{background}: without the cuts {', '.join(left_out) or '(none)'}")
        groups["background"] = (background, StarCounts(kept, *bins))
    for path, stars in groups.values():
        _count(path, stars)
    return groups, left_out


def _count(path: Path, stars: StarCounts) -> None:
    needed = [*PARAMETERS, *(name for cut in stars.cuts for name in cut.columns)]
    check_columns(path, needed, column_names(path))
    stars.add(frame_batches(path, list(dict.fromkeys(needed))))
    counts = stars.counts
    if counts["without_temperature"] == counts["stars"]:
        raise DiscatlasError(
            f"{path}: none of {counts['rows']:,} rows passes the cuts and has a temperature: no spectral classes; "
            "leave this sample out"
        )
    log.info(f"{path}: {counts['stars']:,} stars, {counts['without_temperature']:,} without temperature")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample=Path(snakemake.input.sample),
            background=Path(snakemake.input.background) if snakemake.input.get("background") else None,
            classes=Path(snakemake.output.classes),
            kiel=Path(snakemake.output.kiel),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            summary=Path(snakemake.output.summary),
            cuts=snakemake.params.cuts,
            log_teff_bin_dex=snakemake.params.log_teff_bin_dex,
            logg_bin_dex=snakemake.params.logg_bin_dex,
            published=snakemake.params.published,
            title=snakemake.params.title,
            background_title=snakemake.params.background_title,
        )
