"""Cluster ages: simulated clusters of coeval stars, the prior counted once or N times, members, bad input."""

import json

import numpy as np
import polars as pl
import pytest
from made_ages import EXTINCTION, OBSERVABLES, RADIAL, as_columns, draw_stars, observe, toy_grid
from scipy.stats import binomtest

import fit_cluster_ages
from discatlas.ages.clusters import combine, find_members
from discatlas.ages.estimate import AgeSettings, estimate_batch
from discatlas.ages.posterior import log_age_prior
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, write_table

LOG_AGE = np.round(np.arange(6.5, 8.51, 0.05), 9)
R_SUN = 0.546 / 0.0678
N_CLUSTERS, N_MEMBERS = 150, 8


@pytest.fixture(scope="module")
def simulated():
    """Clusters with ages uniform in time, far from the ends; their stars, observed, with ages."""
    rng = stream_generator(5, "test_cluster_ages")
    grid = toy_grid(LOG_AGE)
    true = np.log10(rng.uniform(10**7.0, 10**8.0, N_CLUSTERS))
    _, stars = draw_stars(grid, N_CLUSTERS * N_MEMBERS, rng, np.repeat(true, N_MEMBERS), teff_min=0.0, mass_min=2.4)
    values, errors = observe(stars, rng)
    settings = AgeSettings(OBSERVABLES, 3, EXTINCTION, RADIAL, "time", 50.0, 0.9)
    made, likelihood = estimate_batch(as_columns(values, errors), np.full(len(values), R_SUN), grid, settings)
    return true, made | {"source_id": np.arange(1, len(values) + 1)}, likelihood


def fitted(simulated, method):
    _, _, likelihood = simulated
    prior = log_age_prior(LOG_AGE, "time")
    groups = likelihood.reshape(N_CLUSTERS, N_MEMBERS, -1)
    return [combine(group, prior, LOG_AGE, method) for group in groups]


def test_coeval_stars_give_back_their_age_with_calibrated_intervals(simulated):
    true = simulated[0]
    made = fitted(simulated, "product")
    low, middle, high = (np.array([getattr(m, name)[0] for m in made]) for name in ("p16", "p50", "p84"))
    assert binomtest(int(np.sum((true > low) & (true < high))), N_CLUSTERS, 0.6827).pvalue > 0.01
    assert binomtest(int(np.sum(true < middle)), N_CLUSTERS, 0.5).pvalue > 0.01
    assert np.median(high - low) < 0.16


def test_the_papers_way_is_older_by_ln10_sigma2(simulated):
    """Each of N - 1 further priors moves a Gaussian of variance sigma^2 / N by ln10 sigma^2 / N."""
    once, often = fitted(simulated, "product"), fitted(simulated, "zari2025")
    shift = np.array([b.p50[0] - a.p50[0] for a, b in zip(once, often, strict=True)])
    sigma = np.array([0.5 * (a.p84[0] - a.p16[0]) for a in once])  # of the cluster
    np.testing.assert_allclose(shift, np.log(10) * (N_MEMBERS - 1) * sigma**2, rtol=0.15, atol=1e-3)
    bias = np.median([m.p50[0] for m in often] - simulated[0])
    assert bias > 0.5 * np.median(shift) > 0.005


@pytest.mark.parametrize("centre", [7.5, 7.513, 7.532])
def test_product_of_many_stars_is_narrower_than_the_step_and_in_its_place(centre):
    sigma, n = 0.1, 100
    likelihood = np.tile(np.exp(-0.5 * ((LOG_AGE - centre) / sigma) ** 2), (n, 1)).astype(np.float32)
    made = combine(likelihood, np.zeros(LOG_AGE.size), LOG_AGE, "product")
    assert made.p50[0] == pytest.approx(centre, abs=3e-4)
    assert 0.5 * (made.p84[0] - made.p16[0]) == pytest.approx(sigma / np.sqrt(n), rel=0.05)
    older = combine(likelihood, log_age_prior(LOG_AGE, "time"), LOG_AGE, "zari2025").p50[0]
    assert older - centre == pytest.approx(np.log(10) * sigma**2, rel=0.03)


def test_one_star_has_its_own_posterior_in_both_ways(simulated):
    _, ages, likelihood = simulated
    for method in ("product", "zari2025"):
        made = combine(likelihood[:1], log_age_prior(LOG_AGE, "time"), LOG_AGE, method)
        assert made.p50[0] == pytest.approx(ages["log_age_p50_dex"][0], abs=1e-3)
    with pytest.raises(DiscatlasError, match=r"'products' is unknown.*'product'"):
        combine(likelihood[:1], np.zeros(LOG_AGE.size), LOG_AGE, "products")


def test_members_are_found_by_number_or_by_pairs():
    members = {
        "source_id": np.array([3, 1, 1, 9, 4, 4, 2]),
        "cluster": np.array(["b", "a", "b", "b", "c", "c", None], dtype=object),
        "probability": np.array([0.9, 0.5, 0.6, 1.0, np.nan, 0.4, 1.0]),
    }
    found = find_members(np.array([5, 3, 1, 4, 2]), members, 0.5, None)
    assert list(zip(found.cluster, found.row, strict=True)) == [("a", 2), ("b", 1), ("b", 2)]
    pairs = np.array([70, 50, 99]), np.array([1, 9, 3])
    found = find_members(np.array([50, 60, 70]), members, 0.55, pairs)
    assert list(zip(found.cluster, found.row, strict=True)) == [("b", 0), ("b", 2)]
    assert find_members(np.empty(0, np.int64), members, 0.5, None).row.size == 0


@pytest.fixture
def files(tmp_path, simulated):
    true, ages, likelihood = simulated
    provenance = {"log_age": LOG_AGE.tolist(), "age_prior": "time"}
    ids = ages["source_id"]
    write_table(tmp_path / "ages.parquet", load_contract("ages"), ages, provenance)
    posteriors = {"source_id": ids, "likelihood": likelihood}
    write_table(tmp_path / "posteriors.parquet", load_contract("age_posteriors"), posteriors, provenance)
    names = np.repeat([f"NGC_{k}" for k in range(N_CLUSTERS)], N_MEMBERS).astype(object)
    chance = np.where(ids % N_MEMBERS == 0, 0.2, 0.9)
    members = {"source_id": ids, "name": names, "quality": chance}
    write_table(tmp_path / "members.parquet", load_contract("catalogue"), members, {})
    clusters = {"source_id": np.arange(140), "name": names[::N_MEMBERS][:140], "log_age_dex": true[:140] + 0.1}
    write_table(tmp_path / "clusters.parquet", load_contract("catalogue"), clusters, {})
    return tmp_path


def run_fit(folder, **changes):
    arguments = {
        **{name: folder / f"{name}.parquet" for name in ("ages", "posteriors", "members", "clusters", "table")},
        **{name: folder / f"table.{name}" for name in ("csv", "tex")},
        "summary": folder / "table.json",
        "match": None,
        "cluster_column": "name",
        "probability_column": "quality",
        "min_probability": 0.5,
        "min_members": 5,
        "max_width_dex": 0.4,
        "method": "product",
        "catalogue_title": "a catalogue",
        "threads": 2,
    }
    fit_cluster_ages.run(**arguments | changes)
    return read_columns(folder / "table.parquet")


def test_script_writes_clusters_beside_the_catalogue(files, simulated):
    rows = run_fit(files)
    assert (rows["n_matched"] == N_MEMBERS - 1).all()
    assert (rows["n_members"] >= 5).all()
    order = [int(name.removeprefix("NGC_")) for name in rows["cluster"]]
    pull = (rows["log_age_p50_dex"] - simulated[0][order]) / rows["log_age_error_dex"]
    assert abs(np.median(pull)) < 0.4
    known = np.array(order) < 140
    np.testing.assert_array_equal(np.isfinite(rows["deviation_dex"]), known)
    assert np.median(rows["deviation_dex"][known]) == pytest.approx(-0.1, abs=0.03)
    assert (rows["log_age_zari2025_dex"] > rows["log_age_p50_dex"]).all()
    assert 0.5 < np.median(rows["chi2_members"] / rows["n_members"]) < 1.5
    counts = json.loads((files / "table.json").read_text(encoding="utf-8"))["counts"]
    assert counts["clusters_matched"] == N_CLUSTERS
    assert counts["clusters_fitted"] == len(order)
    assert counts["members_matched"] == N_CLUSTERS * (N_MEMBERS - 1)
    text = (files / "table.tex").read_text(encoding="utf-8")
    assert r"NGC\_" in text
    assert len(pl.read_csv(files / "table.csv")) == len(order)
    other = run_fit(files, method="zari2025")
    np.testing.assert_allclose(other["log_age_p50_dex"], rows["log_age_zari2025_dex"])


def test_script_takes_members_through_a_match(files):
    plain = run_fit(files)
    ids = read_columns(files / "members.parquet", ["source_id", "name", "quality"])
    write_table(files / "members.parquet", load_contract("catalogue"), ids | {"source_id": ids["source_id"] + 7000}, {})
    pairs = {"left_source_id": ids["source_id"], "right_source_id": ids["source_id"] + 7000}
    pl.DataFrame(pairs | {"is_best": ids["source_id"] > 0}).write_parquet(files / "match.parquet")
    matched = run_fit(files, match=files / "match.parquet")
    for name, values in plain.items():
        np.testing.assert_array_equal(matched[name], values)
    with pytest.raises(DiscatlasError, match="none of 0 clusters has 5 members"):
        run_fit(files)


def test_script_refuses_what_cannot_be(files):
    with pytest.raises(DiscatlasError, match="none of 150 clusters has 9 members"):
        run_fit(files, min_members=9)
    with pytest.raises(DiscatlasError, match=r"no column 'qualities'.*'quality'"):
        run_fit(files, probability_column="qualities")
    write_table(
        files / "clusters.parquet", load_contract("catalogue"), {"source_id": np.arange(1), "ra": np.zeros(1)}, {}
    )
    with pytest.raises(DiscatlasError, match="no column 'name'"):
        run_fit(files)
