"""Epochs averaged: which pipeline is used, errors that are calibrated, and rows that leave are counted."""

import json

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

import combine_epochs
from discatlas.epochs import Epochs, Pipeline, average_epochs, choose_velocities, expected_coverage, mean_velocity
from discatlas.errors import DiscatlasError
from discatlas.simulation.surveys.binaries import draw_orbits, orbital_velocity
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance

PIPELINES = [
    {"name": "XCSAO", "velocity": "x", "error": "x_error", "quality": "rxc", "min_quality": 6.0},
    {"name": "BossNet", "velocity": "b", "error": "b_error", "quality": None, "min_quality": None},
]
DECLARED = [Pipeline.from_config(entry) for entry in PIPELINES]
GIVEN = {"id": "star", "time": "mjd", "pipelines": PIPELINES}


def table(rows):
    """Epochs given as (star, mjd, x, x_error, rxc, b, b_error)."""
    names = ["star", "mjd", "x", "x_error", "rxc", "b", "b_error"]
    kinds = {name: pl.Int64 if name == "star" else pl.Float64 for name in names}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def observe(n_epochs, n_stars, binary_fraction=0.0, seed=1):
    """Epochs of stars at rest: errors of 8 to 16 km/s, binaries of primaries of 8 solar masses."""
    rng = stream_generator(seed, "test_epochs", str(n_epochs))
    orbits = draw_orbits(np.full(n_stars, 8.0), binary_fraction, rng)
    first = np.arange(n_stars) * n_epochs
    star = np.repeat(np.arange(n_stars), n_epochs)
    time = rng.uniform(59200, 60300, star.size)
    error = rng.uniform(8, 16, star.size)
    motion = orbital_velocity({name: values[star] for name, values in orbits.items()}, time)
    velocity = motion + error * rng.standard_normal(star.size)
    return Epochs(np.arange(n_stars), first, time, velocity, error, np.zeros(star.size, np.int64)), orbits["is_binary"]


def coverage(stars):
    return np.mean(np.abs(stars["radial_velocity"]) < stars["radial_velocity_error"])


def test_the_first_pipeline_that_is_good_enough_is_used():
    rows = table(
        [(1, 10.0, 5.0, 1.0, 6.1, 50.0, 2.0), (1, 11.0, 6.0, 1.0, 6.0, 60.0, 2.0), (1, 12.0, 7.0, 1.0, None, 70.0, 3.0)]
    )
    epochs, counts = choose_velocities(rows, "star", "mjd", DECLARED)
    assert epochs.velocity.tolist() == [5.0, 60.0, 70.0]  # the quality must exceed its limit
    assert epochs.error.tolist() == [1.0, 2.0, 3.0]
    assert epochs.pipeline.tolist() == [0, 1, 1]
    assert counts["epochs_by_pipeline"] == {"XCSAO": 1, "BossNet": 2}


def test_every_row_that_leaves_is_counted_once():
    rows = [
        (1, 10.0, 5.0, 1.0, 9.0, 5.0, 1.0),
        (1, 10.0, 7.0, 0.5, 9.0, 5.0, 1.0),  # the same epoch again, with a smaller error
        (1, 10.0, 7.0, 0.1, 2.0, 9.0, 0.1),  # and by the second pipeline
        (1, 11.0, None, 1.0, 9.0, 5.0, 1.0),  # the second pipeline is not asked
        (2, 10.0, 5.0, 0.0, 9.0, 5.0, 1.0),
        (2, 11.0, 5.0, float("nan"), 9.0, 5.0, 1.0),
        (2, 12.0, -9999.0, 1.0, 9.0, 5.0, 1.0),
        (None, 10.0, 5.0, 1.0, 9.0, 5.0, 1.0),
        (3, None, 5.0, 1.0, 9.0, 5.0, 1.0),
    ]
    epochs, counts = choose_velocities(table(rows), "star", "mjd", DECLARED)
    assert (epochs.source_id.tolist(), epochs.velocity.tolist(), epochs.error.tolist()) == ([1], [7.0], [0.5])
    expected = {"n_rows": 9, "n_without_identifier_or_time": 2, "n_without_pipeline": 0, "n_missing": 3}
    expected |= {"n_out_of_range": 1, "n_repeated": 2, "n_epochs": 1, "n_stars": 1, "n_stars_without_velocity": 2}
    assert {name: counts[name] for name in expected} == expected
    reasons = [
        name
        for name in expected
        if name.startswith("n_") and name not in ("n_rows", "n_stars", "n_stars_without_velocity")
    ]
    assert sum(expected[name] for name in reasons) == 9
    none = choose_velocities(table([*rows, (4, 1.0, 5.0, 1.0, 3.0, 1.0, 1.0)]), "star", "mjd", DECLARED[:1])[1]
    assert none["n_without_pipeline"] == 2


def test_one_star_by_hand():
    epochs = Epochs(
        np.array([7]),
        np.array([0]),
        np.array([1.0, 3.0, 8.0]),
        np.array([10.0, 14.0, 30.0]),
        np.array([1.0, 2.0, 2.0]),
        np.array([0, 1, 0]),
    )
    plain, paper, weighted = (
        average_epochs(epochs, *rule)
        for rule in (("plain", "combined"), ("plain", "zari2025"), ("weighted", "combined"))
    )
    s = np.std([10, 14, 30], ddof=1)
    assert plain["radial_velocity"] == pytest.approx(18.0)
    assert plain["v_combined_error_kms"] == pytest.approx(1.0)  # sqrt(1 + 4 + 4) / 3
    assert plain["radial_velocity_error"] == pytest.approx(s / np.sqrt(3))
    assert plain["v_scatter_kms"] == pytest.approx(s)
    assert paper["radial_velocity_error"] == pytest.approx(np.std([10, 14, 30]) / np.sqrt(3))
    mean = (10 + 14 / 4 + 30 / 4) / 1.5
    chi_square = (10 - mean) ** 2 + (14 - mean) ** 2 / 4 + (30 - mean) ** 2 / 4
    assert weighted["radial_velocity"] == pytest.approx(mean)
    assert weighted["radial_velocity_error"] == pytest.approx(np.sqrt(chi_square / 2 / 1.5))
    for stars in (plain, paper, weighted):
        assert stars["v_constant_p_value"] == pytest.approx(stats.chi2.sf(chi_square, 2), rel=1e-9)
        assert (stars["n_epochs"][0], stars["n_first_pipeline"][0], stars["time_span_d"][0]) == (3, 2, 7.0)


def test_two_epochs_that_agree_have_no_error_by_the_papers_rule_alone():
    epochs = Epochs(
        np.array([1, 2]),
        np.array([0, 2]),
        np.arange(3.0),
        np.array([20.3, 20.3, 5.0]),
        np.array([10.0, 10.0, 12.0]),
        np.zeros(3, np.int64),
    )
    paper, ours = (average_epochs(epochs, "plain", rule) for rule in ("zari2025", "combined"))
    assert paper["radial_velocity_error"].tolist() == [0.0, 12.0]
    assert ours["radial_velocity_error"] == pytest.approx([10 / np.sqrt(2), 12.0])
    assert np.isnan(ours["v_scatter_kms"]).tolist() == np.isnan(ours["v_constant_p_value"]).tolist() == [False, True]


@pytest.mark.parametrize("mean", ["plain", "weighted"])
@pytest.mark.parametrize("n_epochs", [1, 2, 3, 5])
def test_single_stars_are_covered_as_expected(n_epochs, mean):
    n_stars = 6000
    epochs, _ = observe(n_epochs, n_stars)
    ours = average_epochs(epochs, mean, "combined")
    expected = expected_coverage(np.array([n_epochs]), "combined")[0]
    assert 0.6826 <= expected < 0.734
    assert coverage(ours) == pytest.approx(expected, abs=0.02)
    assert (ours["radial_velocity_error"] >= ours["v_combined_error_kms"]).all()
    pull = ours["radial_velocity"] / ours["v_combined_error_kms"]
    assert abs(pull.var() - 1) < 4 * np.sqrt(2 / n_stars)
    if n_epochs > 1:
        p = ours["v_constant_p_value"]
        assert np.mean(p < 0.1) == pytest.approx(0.1, abs=0.016)
        assert np.mean(p < 0.5) == pytest.approx(0.5, abs=0.026)


@pytest.mark.parametrize(("n_epochs", "share"), [(2, 0.392), (3, 0.500), (4, 0.550)])
def test_the_papers_rule_covers_too_rarely(n_epochs, share):
    assert expected_coverage(np.array([n_epochs]), "zari2025")[0] == pytest.approx(share, abs=5e-4)
    epochs, _ = observe(n_epochs, 6000)
    assert coverage(average_epochs(epochs, "plain", "zari2025")) == pytest.approx(share, abs=0.026)


def test_expected_coverage_tends_to_that_of_a_normal_distribution():
    for rule in ("combined", "zari2025"):
        made = expected_coverage(np.array([1, 100_000, 1]), rule)
        assert made == pytest.approx([0.682689, 0.682689, 0.682689], abs=2e-3)
    falls = expected_coverage(np.arange(2, 60), "combined")
    assert (np.diff(falls) < 0).all()


def test_the_scatter_tells_of_binaries_where_there_are_several_epochs():
    """The stated error misses the orbit of a single epoch; of four epochs the interval is nearly right."""
    found = {}
    for n_epochs in (1, 4):
        epochs, is_binary = observe(n_epochs, 8000, 0.5)
        stars = average_epochs(epochs)
        found[n_epochs] = coverage({name: values[is_binary] for name, values in stars.items()})
        if n_epochs > 1:
            p = stars["v_constant_p_value"]
            assert np.mean(p[is_binary] < 0.01) > 0.3
            assert np.mean(p[~is_binary] < 0.01) < 0.02
    assert found[1] < 0.45
    assert found[4] > 0.62


def test_equal_errors_make_both_means_and_errors_the_same():
    epochs, _ = observe(3, 200)
    equal = Epochs(
        epochs.source_id,
        epochs.first,
        epochs.time_d,
        epochs.velocity,
        np.full_like(epochs.error, 11.0),
        epochs.pipeline,
    )
    plain, weighted = average_epochs(equal, "plain"), average_epochs(equal, "weighted")
    for name in plain:
        np.testing.assert_allclose(plain[name], weighted[name], rtol=1e-12, atol=1e-12)


def test_a_shift_of_all_epochs_shifts_the_mean_alone():
    epochs, _ = observe(3, 200)
    shifted = Epochs(
        epochs.source_id, epochs.first, epochs.time_d, epochs.velocity + 100.0, epochs.error, epochs.pipeline
    )
    before, after = average_epochs(epochs), average_epochs(shifted)
    np.testing.assert_allclose(after.pop("radial_velocity"), before.pop("radial_velocity") + 100.0, rtol=1e-12)
    for name in after:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-8, atol=1e-10)


def test_selected_stars_keep_their_epochs():
    epochs, _ = choose_velocities(
        table([(k // 3, float(k), k, 1.0, 9.0, 0.0, 1.0) for k in range(12)]), "star", "mjd", DECLARED
    )
    part = epochs.select(np.array([False, True, False, True]))
    assert part.source_id.tolist() == [1, 3]
    assert part.first.tolist() == [0, 3]
    assert part.velocity.tolist() == [3, 4, 5, 9, 10, 11]
    assert part.star.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.fixture
def messy(tmp_path):
    """A file of epochs of 300 stars with gaps, repeated epochs that differ, and both pipelines."""
    rng = stream_generator(3, "messy")
    n = 1500
    star, mjd = rng.integers(0, 300, n), rng.integers(59000, 59020, n).astype(float)
    values = {"star": star, "mjd": mjd, "x": rng.normal(0, 20, n), "x_error": rng.uniform(5, 15, n)}
    values |= {"rxc": rng.uniform(0, 20, n), "b": rng.normal(0, 20, n), "b_error": rng.uniform(5, 15, n)}
    values["x"][::17] = np.nan
    frame = pl.DataFrame(values)
    frame.write_parquet(tmp_path / "epochs.parquet")
    return frame


def combine(folder, name="epochs", **changes):
    out = {"velocities": folder / f"{name}_v.parquet", "summary": folder / f"{name}_v.json"}
    combine_epochs.run(
        **{"epochs": folder / f"{name}.parquet", "mean": "plain", "errors": "combined"} | GIVEN | changes, **out
    )
    return read_columns(out["velocities"]), json.loads(out["summary"].read_text(encoding="utf-8")), out["velocities"]


@pytest.mark.parametrize("mean", ["plain", "weighted"])
def test_the_order_of_the_rows_does_not_matter(messy, tmp_path, mean):
    stars, counts, path = combine(tmp_path, mean=mean)
    messy.sample(fraction=1.0, shuffle=True, seed=5).write_parquet(tmp_path / "shuffled.parquet")
    again, counts_again, _ = combine(tmp_path, "shuffled", mean=mean)
    assert counts == counts_again
    assert counts["n_repeated"] > 100
    for name, values in stars.items():
        np.testing.assert_array_equal(values, again[name])
    assert read_provenance(path)["mean"] == mean
    assert stars["n_epochs"].sum() == counts["n_epochs"] == sum(counts["epochs_by_pipeline"].values())
    assert sum(counts["stars_by_epochs"].values()) == counts["n_stars"] == stars["source_id"].size


def test_the_mean_is_that_of_a_loop(messy, tmp_path):
    stars, *_ = combine(tmp_path)
    for k in np.flatnonzero(stars["n_epochs"] > 1)[::90]:
        rows = messy.filter(pl.col("star") == stars["source_id"][k])
        kept = {}
        for row in rows.iter_rows(named=True):
            which = (0, row["x_error"], row["x"]) if row["rxc"] > 6 else (1, row["b_error"], row["b"])
            if np.isfinite(which[2]):
                kept[row["mjd"]] = min(kept.get(row["mjd"], which), which)
        velocity = np.array([value[2] for value in kept.values()])
        assert stars["n_epochs"][k] == velocity.size
        assert stars["n_first_pipeline"][k] == sum(value[0] == 0 for value in kept.values())
        assert stars["radial_velocity"][k] == pytest.approx(velocity.mean())
        combined = np.sqrt(sum(value[1] ** 2 for value in kept.values())) / velocity.size
        assert stars["v_combined_error_kms"][k] == pytest.approx(combined)
        error = max(combined, velocity.std(ddof=1) / np.sqrt(velocity.size))
        assert stars["radial_velocity_error"][k] == pytest.approx(error)


def test_bad_input_is_told(messy, tmp_path):
    with pytest.raises(DiscatlasError, match=r"errors 'zari2024' is unknown \(nearest: 'zari2025'\)"):
        combine(tmp_path, errors="zari2024")
    with pytest.raises(DiscatlasError, match=r"no column 'mjdd' \(nearest: 'mjd'\)"):
        combine(tmp_path, time="mjdd")
    with pytest.raises(DiscatlasError, match=r"none of 1,500 rows has a velocity \(without pipeline: 1,500\)"):
        combine(tmp_path, pipelines=[PIPELINES[0] | {"min_quality": 100.0}])
    with pytest.raises(DiscatlasError, match=r"'XCSAO': quality and min_quality go together"):
        combine(tmp_path, pipelines=[PIPELINES[0] | {"min_quality": None}])
    with pytest.raises(DiscatlasError, match=r"pipeline: unknown key 'min_qualty' \(nearest: 'min_quality'\)"):
        combine(tmp_path, pipelines=[PIPELINES[1] | {"min_qualty": 3.0}])
    with pytest.raises(DiscatlasError, match=r"column 'x' holds Float64, expected whole numbers"):
        combine(tmp_path, id="x")
    texts = pa.array(["now"] * messy.height)
    rows = messy.to_arrow()
    pq.write_table(rows.set_column(rows.schema.get_field_index("mjd"), "mjd", texts), tmp_path / "text.parquet")
    with pytest.raises(DiscatlasError, match=r"column 'mjd' holds String, expected numbers"):
        combine(tmp_path, "text")
    with pytest.raises(DiscatlasError, match="no pipeline"):
        combine(tmp_path, pipelines=[])
    messy.head(0).write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DiscatlasError, match="no rows"):
        combine(tmp_path, "empty")
    assert not list(tmp_path.glob("*_v.parquet"))


def test_a_wrong_unit_is_told(messy, tmp_path):
    rows = messy.to_arrow()
    field = rows.schema.field("x_error").with_metadata({"unit": "m / s"})
    number = rows.schema.get_field_index("x_error")
    pq.write_table(rows.cast(rows.schema.set(number, field)), tmp_path / "metres.parquet")
    with pytest.raises(DiscatlasError, match=r"column 'x_error' is in m / s, expected km / s"):
        combine(tmp_path, "metres")


def test_a_weighted_mean_of_unequal_errors_is_nearer_the_truth():
    epochs, _ = observe(4, 4000)
    means = {mean: mean_velocity(epochs.first, epochs.velocity, epochs.error, mean) for mean in ("plain", "weighted")}
    assert (means["weighted"][1] < means["plain"][1]).all()
    assert means["weighted"][0].std() < means["plain"][0].std()
