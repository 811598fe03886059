"""Bring a catalogue file to the standard columns (rule ``clean_catalogue``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discatlas.contracts import load_contract
from discatlas.runtime import script_log
from discatlas.sources.catalogue import Report, read_catalogue
from discatlas.sources.files import check_digest, check_file, file_digest
from discatlas.tables import TableWriter

logger = logging.getLogger(__name__)


def run(
    *,
    raw: Path,
    catalogue: Path,
    file_format: str,
    table: str | int | None,
    columns: Mapping[str, str | Mapping[str, Any]],
    digest: str | None,
    date: str | None,
    citation: str,
    query: str | None,
    origin: str,
) -> None:
    """Verify the file's digest and write its mapped columns as a table of contract ``catalogue``.

    Parameters
    ----------
    raw, catalogue : Path
        The file as its source gives it, and the Parquet table to write.
    file_format, table, columns
        As `sources.catalogue.read_catalogue` takes them.
    digest : str or None
        Declared digest, ``"sha256:…"`` or ``"md5:…"``.
    date, citation, query, origin
        The source's own date, the reference to cite, the query that made the file, and the source as the config
        declares it; they go into the table's provenance.
    """
    check_file(raw, file_format)
    if digest is not None:
        check_digest(raw, digest)
    source = read_catalogue(raw, file_format, columns, load_contract("catalogue"), table)
    provenance = {"source": origin, "sha256": file_digest(raw), "query": query, "date": date, "citation": citation}
    with TableWriter(catalogue, source.contract, source.names, provenance) as writer:
        for batch in source.batches:
            writer.write(batch)
        report = source.report
        writer.add_provenance({"rows": report.rows, "missing": report.missing, "out_of_range": report.out_of_range})
    _log(origin, report)


def _log(origin: str, report: Report) -> None:
    logger.info("%s: %s rows", origin, f"{report.rows:,}")
    for name, n_missing in report.missing.items():
        n_out_of_range = report.out_of_range[name]
        if n_missing or n_out_of_range:
            logger.info(
                "  %s: %s missing, %s out of range (set to missing)", name, f"{n_missing:,}", f"{n_out_of_range:,}"
            )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            raw=Path(snakemake.input.raw),
            catalogue=Path(snakemake.output.catalogue),
            file_format=snakemake.params.file_format,
            table=snakemake.params.table,
            columns=snakemake.params.columns,
            digest=snakemake.params.digest,
            date=snakemake.params.date,
            citation=snakemake.params.citation,
            query=snakemake.params.query,
            origin=snakemake.params.origin,
        )
