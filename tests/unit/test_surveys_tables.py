"""The scripts of the surveys: contracts, chunks, the mapping to standard columns, and what bad input gets."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_particles import make_particles
from survey_tools import DUST, SUN

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.simulation.surveys import observe as surveys
from discatlas.simulation.surveys.observe import KINDS, observe_galaxy, require_stars, survey_parameters
from discatlas.sources.catalogue import read_catalogue
from discatlas.tables import column_names, read_columns
from simulate_survey import run
from simulate_visits import run as run_visits

EXTINCTION = {"A_V_mag_per_kpc": 0.8, "scale_length_kpc": 3.2, "scale_height_kpc": 0.1}
COMMON = {"sun": SUN.as_dict(), "extinction": EXTINCTION, "seed": 3}


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory):
    path = tmp_path_factory.mktemp("galaxy") / "milky_way.parquet"
    pq.write_table(pa.table(make_particles(12_000)), path, row_group_size=5_000)
    return path


@pytest.fixture(scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surveys, "CHUNK_PARTICLES", 5_000)
        yield


@pytest.fixture(scope="module")
def written(galaxy, small_chunks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveys")
    for kind in KINDS:
        run(
            galaxy=galaxy, raw=folder / kind, truth=folder / f"{kind}.truth", survey={"kind": kind}, name=kind, **COMMON
        )
    visits = folder / "visits"
    run_visits(galaxy=galaxy, visits=visits, survey={"kind": "sdssv_ob"}, name="sdssv_ob", **COMMON)
    return folder


def ids(kind):
    return {"apogee": "GAIAEDR3_SOURCE_ID", "sdssv_ob": "gaia_dr3_source_id"}.get(kind, "source_id")


@pytest.mark.parametrize("kind", KINDS)
def test_tables_hold_what_their_contracts_say(written, kind):
    raw, truth = read_columns(written / kind), read_columns(written / f"{kind}.truth")
    assert list(raw) == load_contract(f"survey_{kind}").names
    assert list(truth) == load_contract("truth").names
    assert np.array_equal(raw[ids(kind)], truth["source_id"])
    assert truth["source_id"].max() > 10_000
    particles = make_particles(12_000)
    for name in ("X_kpc", "v_phi_kms", "age_Gyr", "population"):
        assert np.array_equal(truth[name], particles[name][truth["source_id"]])
    assert not set(raw) & {"distance_kpc", "population", "age_Gyr", "is_binary"}


def mapping(config, kind):
    """Columns of the catalogue in the default config that this kind of survey makes."""
    for entry in config["catalogues"].values():
        if entry["source"] == "simulation" and config["surveys"][entry["survey"]]["kind"] == kind:
            return entry["columns"]
    raise AssertionError(f"no catalogue of kind {kind} in config/config.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_is_mapped_to_a_standard_one(written, config, kind):
    columns = mapping(config, kind)
    sources = {entry if isinstance(entry, str) else entry["column"] for entry in columns.values()}
    assert sources == set(column_names(written / kind))
    catalogue = read_catalogue(written / kind, "parquet", columns, load_contract("catalogue"))
    batches = list(catalogue.batches)
    raw = read_columns(written / kind)
    assert sum(catalogue.report.out_of_range.values()) == 0
    assert catalogue.report.rows == raw[ids(kind)].size
    mapped = {name: np.ma.concatenate([batch[name] for batch in batches]) for name in catalogue.names}
    assert np.array_equal(mapped["source_id"], raw[ids(kind)])
    assert np.isfinite(mapped["parallax"]).all()
    # parallaxes [mas] and distances [pc] are of one another's size once their units are right
    assert 0.9 < np.ma.median(mapped["parallax"] * mapped["r_med_geo"]) / 1000 < 1.1
    if "catalogue_distance_kpc" in mapped:
        assert 0.9 < np.ma.median(mapped["catalogue_distance_kpc"] * 1000 / mapped["r_med_geo"]) < 1.1


def test_visits_are_those_of_the_stars(written):
    raw, visits = read_columns(written / "sdssv_ob"), read_columns(written / "visits")
    assert list(visits) == load_contract("visits_sdssv_ob").names
    stars, n = np.unique(visits["sdss_id"], return_counts=True)
    assert np.array_equal(stars, raw["sdss_id"])
    assert np.array_equal(n, raw["n_good_visits"])
    v = np.where(visits["xcsao_rxc"] > 6, visits["xcsao_v_rad"], visits["v_rad"])
    assert np.allclose(np.bincount(np.searchsorted(stars, visits["sdss_id"]), v) / n, raw["v_rad"])


def observed(galaxy, kind, chunk, monkeypatch):
    monkeypatch.setattr(surveys, "CHUNK_PARTICLES", chunk)
    return [tables.raw for tables in observe_galaxy(galaxy, {"kind": kind}, SUN, DUST, 3, kind)]


@pytest.mark.parametrize("kind", ["gaia_rvs", "lamost_hot"])
def test_chunks_of_another_size_list_the_same_stars_with_other_noise(galaxy, kind, monkeypatch):
    """Both surveys select by what is free of noise; the streams go by chunk, so the noise is another realisation."""
    small, large = observed(galaxy, kind, 5_000, monkeypatch), observed(galaxy, kind, 12_000, monkeypatch)
    assert len(small) == 3
    assert len(large) == 1
    one, other = (
        {
            name: np.concatenate([chunk[name] for chunk in chunks])
            for name in ("source_id", "phot_g_mean_mag", "parallax", "ecl_lat")
        }
        for chunks in (small, large)
    )
    (stars, i), (same, j) = (np.unique(columns["source_id"], return_index=True) for columns in (one, other))
    assert np.array_equal(stars, same)
    assert np.array_equal(one["phot_g_mean_mag"][i], other["phot_g_mean_mag"][j])
    assert np.array_equal(one["ecl_lat"][i], other["ecl_lat"][j])
    later = stars >= 5_000
    assert (one["parallax"][i][later] != other["parallax"][j][later]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_does_not_depend_on_what_follows(galaxy, kind, monkeypatch, tmp_path):
    short = tmp_path / "short.parquet"
    pq.write_table(pq.read_table(galaxy).slice(0, 5_000), short)
    first, only = observed(galaxy, kind, 5_000, monkeypatch)[0], observed(short, kind, 5_000, monkeypatch)[0]
    for name, values in first.items():
        equal_nan = values.dtype.kind == "f"
        assert np.array_equal(values, only[name], equal_nan=equal_nan), name


@pytest.mark.parametrize(
    ("survey", "limit"),
    [
        ({"kind": "gaia_rvs", "grvs_limit_mag": -20.0}, "G_RVS < -20 mag"),
        ({"kind": "apogee", "colour_min_mag": 9.0}, r"\(J - Ks\)_0 >= 9 mag"),
        ({"kind": "apogee", "h_min_mag": -9.0, "h_limit_mag": -8.0}, "-9 < H < -8 mag"),
        ({"kind": "lamost_hot", "teff_min_K": 59999.0}, "none of 12,000 stars passes the limit 59999 < Teff < 60000 K"),
        ({"kind": "sdssv_ob", "g_limit_mag": -20.0}, "G < -20 mag"),
    ],
)
def test_a_survey_that_sees_nothing_names_the_limit_and_writes_nothing(galaxy, tmp_path, survey, limit):
    with pytest.raises(DiscatlasError, match=limit):
        run(galaxy=galaxy, raw=tmp_path / "raw", truth=tmp_path / "truth", survey=survey, name="empty", **COMMON)
    assert list(tmp_path.iterdir()) == []
    if survey["kind"] == "sdssv_ob":
        with pytest.raises(DiscatlasError, match=limit):
            run_visits(galaxy=galaxy, visits=tmp_path / "visits", survey=survey, name="empty", **COMMON)
        assert list(tmp_path.iterdir()) == []


def test_unknown_kinds_and_keys_are_named(galaxy, tmp_path):
    with pytest.raises(DiscatlasError, match="nearest: 'apogee'"):
        survey_parameters({"kind": "apogea"})
    with pytest.raises(DiscatlasError, match="nearest: 'h_limit_mag'"):
        survey_parameters({"kind": "apogee", "h_limit": 13})
    with pytest.raises(DiscatlasError, match="no visits"):
        run_visits(galaxy=galaxy, visits=tmp_path / "visits", survey={"kind": "apogee"}, name="x", **COMMON)
    with pytest.raises(DiscatlasError, match="holds no rows"):
        require_stars({"particles": 0}, "x")


def test_a_galaxy_without_a_column_is_named(tmp_path):
    particles = make_particles(100)
    del particles["M_H_mag"]
    pq.write_table(pa.table(particles), tmp_path / "galaxy.parquet")
    with pytest.raises(DiscatlasError, match="no column 'M_H_mag'"):
        run(
            galaxy=tmp_path / "galaxy.parquet",
            raw=tmp_path / "raw",
            truth=tmp_path / "truth",
            survey={"kind": "apogee"},
            name="x",
            **COMMON,
        )
