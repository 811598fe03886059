"""Further tables joined to the stars: every star gets its own entry or null, whatever the order, parts and batches."""

import numpy as np
import polars as pl
import pytest

import bin_map
import smooth_overdensity
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.maps.joined import JoinedStars
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

N = 3000
YOUNG = 7.477  # log10 of 30 Myr in yr
SETTINGS = {
    "axes": ["X_kpc", "Y_kpc"],
    "cell_shape": "square",
    "cell_size": [1.0, 1.0],
    "limits": [[-10.0, -6.0], [-2.0, 2.0]],
    "selection": None,
    "quantities": ["log_age_dex"],
    "min_stars": 6,
    "estimator": "restricted",
    "threads": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stars in the order of shuffled identifiers, ages of two thirds of them and of others in another order, memberships."""
    folder = tmp_path_factory.mktemp("joined")
    rng = stream_generator(20260101, "test_maps_joined", "stars")
    ids = 2**60 + rng.permutation(10 * N)[:N]
    X, Y, Z = rng.uniform(-10, -6, N), rng.uniform(-2, 2, N), rng.laplace(scale=0.1, size=N)
    stars = {"source_id": ids, "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "v_R_kms": rng.standard_normal(N)}
    pl.DataFrame(stars).write_parquet(folder / "stars.parquet", row_group_size=700)
    log_age = 7.0 + 0.25 * (X + 10) + 0.05 * rng.standard_normal(N)
    log_age[::40] = np.nan
    aged = rng.permutation(np.flatnonzero(rng.random(N) < 2 / 3))
    strangers = np.arange(50)
    ages = {
        "source_id": np.append(ids[aged], strangers),
        "log_age_dex": np.append(log_age[aged], np.full(50, 9.0)),
        "log_age_error_dex": np.full(aged.size + 50, 0.05),
        "n_points": np.append(aged, strangers),
        "is_good": np.append(aged % 2 == 0, strangers < 0),
        "phase": ["young" if a < YOUNG else "old" for a in np.append(np.nan_to_num(log_age[aged]), np.full(50, 9.0))],
    }
    frame = pl.DataFrame(ages).with_columns(pl.col("log_age_dex").fill_nan(None))
    frame.write_parquet(folder / "ages.parquet", row_group_size=300)
    pl.DataFrame({"source_id": ids, "in_disc": np.abs(Z) < 0.2}).write_parquet(folder / "membership.parquet")
    return folder


def expected(folder):
    stars = pl.read_parquet(folder / "stars.parquet")
    ages, membership = (pl.read_parquet(folder / f"{name}.parquet") for name in ("ages", "membership"))
    return stars.join(ages, "source_id", "left", maintain_order="left").join(
        membership, "source_id", "left", maintain_order="left"
    )


@pytest.mark.parametrize("max_rows", [100, 777, 10**6])
def test_the_join_is_that_of_whole_tables(folder, tmp_path, max_rows):
    joined = JoinedStars(folder / "stars.parquet", [folder / "ages.parquet", folder / "membership.parquet"])
    wanted = ["n_points", "X_kpc", "log_age_dex", "is_good", "in_disc", "phase", "log_age_error_dex"]
    joined.join(wanted, tmp_path, max_rows)
    found = pl.concat(list(joined.frames(wanted)))
    truth = expected(folder)
    assert found.equals(truth.select(wanted))
    ages = joined.record()[0]
    known = truth["log_age_error_dex"].count()
    assert (ages["entries"], ages["of_these_stars"], ages["stars"]) == (known + 50, known, N)
    assert 0 < truth["log_age_dex"].count() < known < N
    only = pl.concat(list(joined.frames(["is_good"])))
    assert only.equals(truth.select("is_good"))


def test_without_tables_nothing_is_written_and_all_is_read(folder, tmp_path):
    joined = JoinedStars(folder / "stars.parquet")
    joined.join(["X_kpc"], tmp_path, 100)
    assert not list(tmp_path.iterdir())
    assert joined.record() == []
    assert pl.concat(list(joined.frames(["X_kpc", "Z_kpc"]))).equals(expected(folder).select("X_kpc", "Z_kpc"))


def test_a_map_of_ages_with_their_errors_is_that_of_one_table(folder, tmp_path):
    whole = expected(folder)
    whole.write_parquet(tmp_path / "whole.parquet")
    tables = [folder / "ages.parquet", folder / "membership.parquet"]
    selection = "in_disc == true and log_age_dex > 7.1"
    maps = []
    for k, (stars, others) in enumerate([(folder / "stars.parquet", tables), (tmp_path / "whole.parquet", [])]):
        path = tmp_path / f"map_{k}.parquet"
        settings = SETTINGS | {"selection": selection}
        bin_map.run(stars=stars, cells=path, tables=others, max_rows=400, **settings)
        maps.append(read_columns(path))
    for name, values in maps[0].items():
        np.testing.assert_array_equal(values, maps[1][name])
    chosen = whole.filter(pl.col("in_disc") & (pl.col("log_age_dex") > 7.1))
    assert maps[0]["n_stars"].sum() == chosen.height
    provenance = read_provenance(tmp_path / "map_0.parquet")
    assert provenance["errors"] == {"log_age_dex": "log_age_error_dex"}
    assert provenance["tables"][0]["columns"] == ["log_age_dex", "log_age_error_dex"]
    assert provenance["tables"][1]["columns"] == ["in_disc"]
    assert "tables" not in read_provenance(tmp_path / "map_1.parquet")
    # the ages grow by 0.25 dex from cell to cell of 1 kpc
    by_X = [np.nanmean(maps[0]["log_age_ml_mean_dex"][maps[0]["X_centre_kpc"] == X]) for X in (-8.5, -7.5, -6.5)]
    np.testing.assert_allclose(np.diff(by_X), 0.25, atol=0.03)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map_0.parquet", "map_1.parquet", "whole.parquet"]


def test_ages_may_be_an_axis_and_stars_without_them_are_in_no_cell(folder, tmp_path):
    changes = {"axes": ["log_age_dex"], "cell_size": [0.25], "limits": [[6.5, 8.5]], "quantities": ["v_R_kms"]}
    path = tmp_path / "map.parquet"
    bin_map.run(stars=folder / "stars.parquet", cells=path, tables=[folder / "ages.parquet"], **(SETTINGS | changes))
    assert read_columns(path)["n_stars"].sum() == expected(folder)["log_age_dex"].count()


def test_young_and_old_densities(folder, tmp_path):
    common = {"limits_kpc": [[-10.0, -6.0], [-2.0, 2.0]], "spacing_kpc": 0.5, "local_kpc": 0.3, "mean_kpc": 1.0}
    common |= {"kernel": "gaussian", "min_density_share_per_kpc2": 0.0, "threads": 1}
    path, counts = tmp_path / "overdensity.parquet", {}
    for name, selection in (("young", f"log_age_dex < {YOUNG}"), ("old", f"log_age_dex >= {YOUNG}"), ("all", None)):
        smooth_overdensity.run(
            stars=folder / "stars.parquet",
            overdensity=path,
            selection=selection,
            dimensions=3,
            tables=[folder / "ages.parquet"],
            **common,
        )
        counts[name] = read_provenance(path)["n_stars"]["selected"]
        columns = read_columns(path)
        weights = columns["density_per_kpc2"]
        if selection:
            assert (np.average(columns["X_kpc"], weights=weights) < -8) == (name == "young")
        assert [file.name for file in tmp_path.iterdir()] == ["overdensity.parquet"]
    assert counts["young"] + counts["old"] == expected(folder)["log_age_dex"].count()
    assert counts["all"] == N
    with pytest.raises(DiscatlasError, match=r"no star is left to use of 3,000, 0 of them selected; see selection"):
        smooth_overdensity.run(
            stars=folder / "stars.parquet",
            overdensity=path,
            selection="log_age_dex > 12",
            tables=[folder / "ages.parquet"],
            **common,
        )


def test_bad_tables_are_said(folder, tmp_path):
    stars, ages = folder / "stars.parquet", folder / "ages.parquet"
    with pytest.raises(DiscatlasError, match=r"ages.parquet: column 'log_age_dex' is in .*ages.parquet too"):
        JoinedStars(stars, [ages, ages])
    pl.read_parquet(ages).rename({"n_points": "X_kpc"}).write_parquet(tmp_path / "clash.parquet")
    with pytest.raises(DiscatlasError, match=r"clash.parquet: column 'X_kpc' is in .*stars.parquet too"):
        JoinedStars(stars, [tmp_path / "clash.parquet"])
    pl.read_parquet(ages).drop("source_id").write_parquet(tmp_path / "nameless.parquet")
    with pytest.raises(DiscatlasError, match=r"nameless.parquet: no column 'source_id'"):
        JoinedStars(stars, [tmp_path / "nameless.parquet"])
    frame = pl.read_parquet(ages)
    pl.concat([frame, frame.slice(1000, 1)]).write_parquet(tmp_path / "twice.parquet", row_group_size=500)
    for max_rows in (100, 10**6):
        with pytest.raises(DiscatlasError, match=rf"source_id {frame['source_id'][1000]} has two entries"):
            JoinedStars(stars, [tmp_path / "twice.parquet"]).join(["log_age_dex"], tmp_path, max_rows)
    frame.with_columns(pl.lit([1.0]).alias("many")).write_parquet(tmp_path / "lists.parquet")
    with pytest.raises(DiscatlasError, match="column 'many' is of type List"):
        JoinedStars(stars, [tmp_path / "lists.parquet"]).join(["many"], tmp_path, 10**6)
    with pytest.raises(DiscatlasError, match=r"no column 'log_ag_dex'; nearest: 'log_age_dex'|nearest: 'log_age_dex'"):
        bin_map.run(
            stars=stars, cells=tmp_path / "m.parquet", tables=[ages], **(SETTINGS | {"quantities": ["log_ag_dex"]})
        )


def test_a_table_of_the_workflow_joins_itself(folder, tmp_path):
    """The contract's own membership, with a null."""
    truth = expected(folder)
    P = np.where(np.arange(N) % 3 == 0, np.nan, 0.25)
    columns = {"source_id": truth["source_id"].to_numpy(), "P_thin": P, "P_thick": P, "P_halo": P}
    columns["in_disc"] = np.isfinite(P)
    path = tmp_path / "membership.parquet"
    write_table(path, load_contract("membership"), columns, {"rule": "made"})
    joined = JoinedStars(folder / "stars.parquet", [path])
    joined.join(["P_thin", "in_disc"], tmp_path, 1000)
    found = pl.concat(list(joined.frames(["P_thin", "in_disc"])))
    assert found["P_thin"].null_count() == np.isnan(P).sum()
    np.testing.assert_array_equal(found["in_disc"].to_numpy(), np.isfinite(P))
    assert joined.record()[0]["table"]["rule"] == "made"
