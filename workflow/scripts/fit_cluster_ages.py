"""Ages of clusters from the ages of their members (rule ``fit_cluster_ages``)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.ages.clusters import Members, add_catalogue, find_members, fit_clusters
from discatlas.ages.latex import cluster_latex
from discatlas.ages.posterior import log_age_prior
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json, write_text
from discatlas.publish import to_csv
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    ages: Path,
    posteriors: Path,
    members: Path,
    match: Path | None,
    clusters: Path,
    table: Path,
    summary: Path,
    csv: Path,
    tex: Path,
    cluster_column: str,
    probability_column: str,
    min_probability: float,
    min_members: int,
    max_width_dex: float,
    method: str,
    catalogue_title: str,
    threads: int,
) -> None:
    """Write the age of each cluster with enough members, beside that of the catalogue `clusters`.

    `members` has ``source_id``, `cluster_column` and `probability_column`; `match` (contract ``match``; the mutually
    nearest count) leads from the sample (left) to it (right), without a match it has the sample's own source_id.
    `clusters` has ``name``, ``log_age_dex`` and perhaps ``log_age_error_dex``, and is called `catalogue_title` in the
    LaTeX table. The other arguments are those of `discatlas.ages.clusters.fit_clusters`.

    Raises
    ------
    DiscatlasError
        For an unknown method, missing columns, tables of different stars, and if no cluster has enough members.
    """
    use_threads(threads)
    stars, likelihood = read_columns(ages), read_columns(posteriors)
    if not np.array_equal(stars["source_id"], likelihood["source_id"]):
        raise DiscatlasError(f"{ages} and {posteriors} are not of the same stars; make both anew with estimate_ages")
    provenance = read_provenance(posteriors)
    nodes = np.array(provenance["log_age"])
    found = _members(stars["source_id"], members, match, cluster_column, probability_column, min_probability)
    log_prior = log_age_prior(nodes, provenance["age_prior"])
    columns, counts = fit_clusters(
        found, stars, likelihood["likelihood"], log_prior, nodes, min_members, max_width_dex, method
    )
    columns = add_catalogue(columns, *_catalogue(clusters))
    record = {"method": method, "min_probability": min_probability, "min_members": min_members}
    record |= {"max_width_dex": max_width_dex, "age_prior": provenance["age_prior"], "catalogue": catalogue_title}
    write_table(table, load_contract("cluster_ages"), columns, record | {"ages": provenance, "counts": counts})
    write_json(summary, record | {"counts": counts | _agreement(columns)})
    write_text(csv, to_csv(columns))
    caption = f"Ages of clusters from the isochrone ages of their members, and those of {catalogue_title}."
    write_text(tex, cluster_latex(columns, caption))
    log.info(f"{table}: {counts['clusters_fitted']:,} of {counts['clusters_matched']:,} clusters have an age")


def _members(
    source_id: np.ndarray, members: Path, match: Path | None, cluster: str, probability: str, least: float
) -> Members:
    theirs = read_columns(members, ["source_id", cluster, probability])
    pairs = None
    if match is not None:
        pair = read_columns(match, ["left_source_id", "right_source_id", "is_best"])
        best = pair["is_best"].astype(bool)
        pairs = pair["left_source_id"][best], pair["right_source_id"][best]
    named = {"source_id": theirs["source_id"], "cluster": theirs[cluster], "probability": theirs[probability]}
    return find_members(source_id, named, least, pairs)


def _catalogue(clusters: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return names, ages and errors of the catalogue's clusters."""
    theirs = read_columns(clusters)
    for name in ("name", "log_age_dex"):
        if name not in theirs:
            raise DiscatlasError(f"{clusters}: no column {name!r}; declare it among the catalogue's columns")
    log_age = theirs["log_age_dex"].astype(np.float64)
    return theirs["name"], log_age, theirs.get("log_age_error_dex", np.full(log_age.size, np.nan)).astype(np.float64)


def _agreement(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return how the ages compare with the catalogue's, where it has them."""
    deviation = columns["deviation_dex"]
    known = np.isfinite(deviation)
    spread = [float(x) for x in np.percentile(deviation[known], [16, 50, 84])] if known.any() else None
    return {"clusters_in_catalogue": int(known.sum()), "deviation_p16_p50_p84_dex": spread}


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            ages=Path(snakemake.input.ages),
            posteriors=Path(snakemake.input.posteriors),
            members=Path(snakemake.input.members),
            match=Path(str(snakemake.input.match)) if snakemake.input.get("match") else None,
            clusters=Path(snakemake.input.clusters),
            table=Path(snakemake.output.table),
            summary=Path(snakemake.output.summary),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            cluster_column=snakemake.params.cluster_column,
            probability_column=snakemake.params.probability_column,
            min_probability=snakemake.params.min_probability,
            min_members=snakemake.params.min_members,
            max_width_dex=snakemake.params.max_width_dex,
            method=snakemake.params.method,
            catalogue_title=snakemake.params.catalogue_title,
            threads=snakemake.threads,
        )
