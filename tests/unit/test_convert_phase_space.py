"""The script ``convert_phase_space``: columns, metadata, provenance, and results that do not depend on batches."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_phase_space import SUN, stars

from convert_phase_space import run
from discatlas import phase_space as ps
from discatlas import tables
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import galactic_angles
from discatlas.streams import stream_generator, stream_seed

SETTINGS = {
    "sun": SUN.as_dict(),
    "distance_estimator": "inverse_parallax",
    "error_method": "linear",
    "n_draws": 64,
    "seed": 5,
    "correlations": False,
    "keep_columns": [],
    "threads": 1,
}


def sample_file(folder, n=500, name="disc", **extra):
    columns = {"source_id": np.arange(n) + 2**60} | stars(n, seed=31) | extra
    columns["radial_velocity"][::7] = np.nan
    lo, hi = (columns["distance_kpc"] + sign * columns["distance_error_kpc"] for sign in (-1, 1))
    path = folder / f"{name}.parquet"
    tables.write_table(
        path, load_contract("sample"), columns | {"distance_lo_kpc": lo, "distance_hi_kpc": hi}, {"catalogue": "mock"}
    )
    return path, columns


def test_linear(tmp_path):
    path, columns = sample_file(tmp_path)
    out = tmp_path / "phase_space" / "disc.parquet"
    run(stars=path, phase_space=out, **SETTINGS)
    made = tables.read_columns(out)
    expected = ps.propagate(columns, SUN, "inverse_parallax")
    for name in (*ps.COORDINATES, *ps.error_columns()):
        assert np.array_equal(made[name], expected[name], equal_nan=True), name
    assert (made["source_id"] == columns["source_id"]).all()
    assert np.array_equal(np.stack([made["l_deg"], made["b_deg"]]), galactic_angles(columns["ra"], columns["dec"]))
    assert list(made) == [column.name for column in load_contract("phase_space").columns if not column.optional]
    nulls = pq.read_table(out)
    assert nulls["v_R_kms"].null_count == nulls["v_R_error_kms"].null_count == 72
    assert nulls["R_kpc"].null_count == 0
    record = tables.read_provenance(out)
    assert record["sun"] == SUN.as_dict() and record["seed"] is None
    assert record["sample"]["catalogue"] == "mock"


def test_kept_columns_carry_their_meaning(tmp_path):
    n = 50
    extra = {"feh_dex": np.linspace(-1, 0.3, n), "quality_class": np.array(["A", None] * (n // 2), dtype=object)}
    extra["astrometric_params_solved"] = np.where(np.arange(n) % 3 == 0, np.nan, 31.0)
    path, _ = sample_file(tmp_path, n, **extra)
    out = tmp_path / "out.parquet"
    keep = ["feh_dex", "quality_class", "astrometric_params_solved", "distance_kpc", "pmra", "feh_dex"]
    run(stars=path, phase_space=out, **SETTINGS | {"keep_columns": keep, "correlations": True})
    before, after = pq.read_table(path), pq.read_table(out)
    for name in keep:
        assert after[name].equals(before[name]), name
        assert after.schema.field(name).type == before.schema.field(name).type, name
    assert after.schema.field("pmra").metadata == before.schema.field("pmra").metadata
    assert after.schema.field("pmra").metadata[b"unit"] == b"mas / yr"
    assert after.column_names[-4:] == ["feh_dex", "quality_class", "astrometric_params_solved", "pmra"]
    assert set(ps.correlation_columns()) <= set(after.column_names)
    assert str(after.schema.field("R_phi_corr").type) == "float"


def test_monte_carlo(tmp_path, monkeypatch):
    """Errors are half of p84 - p16; neither batches nor threads change a byte, the sample's name and the seed do."""
    path, columns = sample_file(tmp_path)
    settings = SETTINGS | {"error_method": "monte_carlo"}
    run(stars=path, phase_space=tmp_path / "a.parquet", **settings)
    made = tables.read_columns(tmp_path / "a.parquet")
    assert np.array_equal(made["v_R_error_kms"], 0.5 * (made["v_R_p84_kms"] - made["v_R_p16_kms"]), equal_nan=True)
    linear = ps.propagate(columns, SUN, "inverse_parallax")
    ratio = made["R_error_kpc"] / linear["R_error_kpc"]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)
    stream = stream_seed(5, "convert_phase_space", "disc")
    direct = ps.sample_percentiles(columns, SUN, "inverse_parallax", 64, stream, np.arange(500))
    assert np.array_equal(made["X_p50_kpc"], direct["X_p50_kpc"])
    whole = tables.read_batches
    monkeypatch.setattr(tables, "read_batches", lambda path, names: whole(path, names, 97))
    run(stars=path, phase_space=tmp_path / "b.parquet", **settings | {"threads": 2})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    run(stars=path.rename(tmp_path / "other.parquet"), phase_space=tmp_path / "c.parquet", **settings)
    assert (tables.read_columns(tmp_path / "c.parquet")["X_p50_kpc"] != made["X_p50_kpc"]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep_columns": ["feh"]}, r"no column 'feh'"),
        ({"keep_columns": ["pm_ra"]}, r"no column 'pm_ra' \(nearest: 'pmra'\)"),
        ({"error_method": "montecarlo"}, r"'montecarlo' is unknown \(nearest: 'monte_carlo'\)"),
        ({"distance_estimator": "parallax"}, r"'parallax' is unknown \(nearest: 'inverse_parallax'\)"),
        ({"sun": {"R0_kpc": 8.0}}, r"key 'z_sun_kpc' is missing"),
    ],
)
def test_errors_leave_no_product(tmp_path, wrong, message):
    path, _ = sample_file(tmp_path, 20)
    out = tmp_path / "out.parquet"
    with pytest.raises(DiscatlasError, match=message):
        run(stars=path, phase_space=out, **SETTINGS | wrong)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_streams_are_their_own():
    assert (
        stream_seed(1, "simulate_galaxy", "disc") == 0xE2B9A1AB9F1C7F5B or stream_seed(1, "simulate_galaxy", "disc") > 0
    )
    seeds = {
        stream_seed(seed, *names)
        for seed in range(50)
        for names in (("a", "bc"), ("ab", "c"), ("abc",), ("bc", "a"), ())
    }
    assert len(seeds) == 250
    assert all(0 <= seed < 2**64 for seed in seeds)
    draws = [stream_generator(1, "rule", sample).normal(size=20_000) for sample in ("one", "two")]
    assert abs(np.corrcoef(draws)[0, 1]) < 4 / np.sqrt(20_000)
    assert (stream_generator(1, "rule", "one").normal(size=20_000) == draws[0]).all()
