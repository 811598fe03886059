"""Ages of coeval stars: the product of what the members' data say, with the prior on age counted once.

psi(tau) prod_i [f_i(tau) / psi(tau)] = psi(tau) prod_i G_i(tau). By name, `zari2025` multiplies the posteriors f_i as they
are (Zari et al. 2025, Sect. 3.2), which counts the prior N times. With psi = 10^tau and N equal stars of error sigma that
ages the cluster by (N - 1) / N ln10 sigma^2 dex.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.ages.posterior import Summary, log_likelihood, summarise
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
METHODS = ("product", "zari2025")
FINE = 40  # parts of a step between nodes: the product of many stars is narrow


@dataclass(frozen=True)
class Members:
    """Stars of a sample that are members of clusters: row in the sample's table and name of the cluster, shape (n,)."""

    row: NDArray[np.int64]
    cluster: NDArray[np.object_]


def find_members(
    source_id: NDArray[np.int64],
    members: Mapping[str, NDArray],
    min_probability: float,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
) -> Members:
    """Return the stars of a sample among the members of clusters, in the order of cluster and row.

    Parameters
    ----------
    source_id : ndarray of int64, shape (n,)
        The sample's.
    members : mapping
        ``source_id``, ``cluster`` and ``probability`` of the members; a star may belong to more than one cluster.
    min_probability : float
        Members with less, or without a probability, do not count.
    pairs : tuple of two ndarrays of int64, optional
        source_id in the sample and in `members` of the same star, where the two catalogues number their stars
        differently; without it they are the same numbers.
    """
    with np.errstate(invalid="ignore"):
        sure = np.asarray(members["probability"], np.float64) >= min_probability
    sure &= np.array([name is not None for name in members["cluster"]])
    ids, names = members["source_id"][sure], members["cluster"][sure]
    if pairs is None:
        pairs = source_id, source_id
    order = np.argsort(ids, kind="stable")
    first = np.searchsorted(ids[order], pairs[1], side="left")
    count = np.searchsorted(ids[order], pairs[1], side="right") - first
    which = np.repeat(np.arange(count.size), count)
    entry = order[np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)]
    row = _rows(source_id, pairs[0][which])
    found = sorted({(str(name), int(r)) for name, r in zip(names[entry], row, strict=True) if r >= 0})
    return Members(np.array([r for _, r in found], np.int64), np.array([name for name, _ in found], dtype=object))


def _rows(source_id: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each wanted star, -1 where the sample lacks it."""
    if not source_id.size:
        return np.full(wanted.size, -1)
    order = np.argsort(source_id, kind="stable")
    place = np.minimum(np.searchsorted(source_id[order], wanted), source_id.size - 1)
    row = order[place]
    return np.where(source_id[row] == wanted, row, -1)


def combine(likelihood: NDArray, log_prior: Array, log_age: Array, method: str) -> Summary:
    """Return the posterior of coeval stars in log age, arrays of shape (1,).

    Parameters
    ----------
    likelihood : ndarray, shape (n, n_age)
        Marginal likelihoods of the members at the nodes.
    log_prior : ndarray, shape (n_age,)
        ln psi at the nodes.
    method : str
        ``product``: the prior once. ``zari2025``: the product of the posteriors, the prior n times.

    Raises
    ------
    DiscatlasError
        For an unknown method.
    """
    if method not in METHODS:
        raise DiscatlasError(
            f"cluster ages: method {method!r} is unknown{nearest(method, METHODS)}; expected one of {', '.join(METHODS)}"
        )
    times = 1 if method == "product" else likelihood.shape[0]
    total = log_likelihood(likelihood).sum(axis=0)
    return summarise(total[None], times * log_prior, log_age, FINE)


def fit_clusters(
    members: Members,
    ages: Mapping[str, NDArray],
    likelihood: NDArray,
    log_prior: Array,
    log_age: Array,
    min_members: int,
    max_width_dex: float,
    method: str,
) -> tuple[dict[str, NDArray], dict[str, int]]:
    """Return the columns of contract ``cluster_ages`` but for the catalogue's, and the counts.

    Members count that have a good age (`is_good`) and a posterior narrower than `max_width_dex` from p16 to p84; clusters
    with `min_members` of them. A product of stars that contradict one another
    is narrow all the same: `chi2_members` tells.

    Raises
    ------
    DiscatlasError
        For an unknown method, and if no cluster has enough members.
    """
    width = ages["log_age_p84_dex"] - ages["log_age_p16_dex"]
    usable = np.isfinite(width) & (width < max_width_dex) & ages["is_good"].astype(bool)
    rows = []
    names = list(dict.fromkeys(members.cluster))
    for name in names:
        matched = members.row[members.cluster == name]
        used = matched[usable[matched]]
        if used.size < min_members:
            continue
        made, paper = (combine(likelihood[used], log_prior, log_age, way) for way in (method, "zari2025"))
        pull = (ages["log_age_p50_dex"][used] - made.p50[0]) / ages["log_age_error_dex"][used]
        rows.append(
            {
                "cluster": name,
                "n_matched": matched.size,
                "n_members": used.size,
                "log_age_p16_dex": made.p16[0],
                "log_age_p50_dex": made.p50[0],
                "log_age_p84_dex": made.p84[0],
                "log_age_dex": made.mean[0],
                "log_age_error_dex": 0.5 * (made.p84[0] - made.p16[0]),
                "log_age_zari2025_dex": paper.p50[0],
                "log_age_zari2025_error_dex": 0.5 * (paper.p84[0] - paper.p16[0]),
                "chi2_members": float(np.sum(pull**2)),
            }
        )
    counts = {
        "clusters_matched": len(names),
        "clusters_fitted": len(rows),
        "members_matched": int(members.row.size),
        "members_usable": int(usable[members.row].sum()),
    }
    if not rows:
        raise DiscatlasError(
            f"cluster ages: none of {len(names):,} clusters has {min_members} members with a posterior narrower than "
            f"{max_width_dex:g} dex; {counts['members_usable']:,} of {counts['members_matched']:,} members are"
        )
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}, counts


def add_catalogue(
    columns: Mapping[str, NDArray], names: NDArray[np.object_], log_age: Array, error: Array
) -> dict[str, NDArray]:
    """Return the columns with those of a catalogue's ages by name; NaN for a cluster that it lacks."""
    place = {str(name): row for row, name in enumerate(names) if name is not None}
    rows = np.array([place.get(str(name), -1) for name in columns["cluster"]], dtype=np.int64)
    known = rows >= 0
    theirs, their_error = (np.where(known, values[rows], np.nan) for values in (log_age, error))
    return dict(columns) | {
        "catalogue_log_age_dex": theirs,
        "catalogue_log_age_error_dex": their_error,
        "deviation_dex": columns["log_age_p50_dex"] - theirs,
    }
