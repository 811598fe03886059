"""Samples with velocities of several epochs and with columns of matched catalogues: who gets what, and the counts."""

import json

import numpy as np
import pytest

import clean_sample
from discatlas import side_tables, tables
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import TableWriter, column_names, described_columns, read_columns, read_provenance, write_table

RULE = {"corrections": [], "distance": "inverse_parallax", "duplicates": {"by": "source_id", "keep": "first"}}


def write(path, contract, columns):
    with TableWriter(path, load_contract(contract), list(columns), {"from": path.stem}) as writer:
        writer.write(columns)
    return path


@pytest.fixture
def made(tmp_path):
    """A catalogue of stars 1 to 5, the epochs of 4, 2 and 1, and matches in another catalogue."""
    stars = {
        "source_id": np.array([5, 1, 2, 3, 4]),
        "ra": np.arange(5.0),
        "dec": np.zeros(5),
        "parallax": np.array([1.0, 1.0, 1.0, 1.0, -1.0]),
        "parallax_error": np.full(5, 0.1),
        "radial_velocity": np.array([50.0, 51.0, 52.0, 53.0, 54.0]),
        "radial_velocity_error": np.ones(5),
    }
    epochs = {
        "source_id": np.array([1, 2, 4, 99]),
        "radial_velocity": np.array([1.0, 2.0, 4.0, 0.0]),
        "radial_velocity_error": np.array([10.0, 20.0, 40.0, 1.0]),
        "n_epochs": np.array([1, 3, 2, 2]),
        "n_first_pipeline": np.array([1, 3, 2, 2]),
        "v_scatter_kms": np.array([np.nan, 12.0, 13.0, 1.0]),
        "v_combined_error_kms": np.full(4, 5.0),
        "v_constant_p_value": np.array([np.nan, 0.2, 0.3, 0.4]),
        "time_span_d": np.array([0.0, 5.0, 6.0, 7.0]),
    }
    # star 1 has two matches, star 3 only one that is nearer to star 2
    pairs = [(1, 101, 0.1, 1, 2, 1, 1), (1, 102, 0.3, 2, 2, 1, 1), (2, 103, 0.1, 1, 1, 1, 2), (3, 103, 0.2, 1, 1, 2, 2)]
    names = ["left_source_id", "right_source_id", "separation_arcsec", "left_rank", "n_left", "right_rank", "n_right"]
    match = {name: np.array(values) for name, values in zip(names, zip(*pairs, strict=True), strict=True)}
    match["is_best"] = (match["left_rank"] == 1) & (match["right_rank"] == 1)
    other = {
        "source_id": np.array([103, 102, 101, 101, 7]),
        "name": np.array(["c", "b", "a", "again", "none"], dtype=object),
        "radial_velocity": np.array([3.0, np.nan, 1.5, 8.0, 7.0]),
        "astrometric_params_solved": np.array([31, 31, 95, 95, 3]),
    }
    return {
        "catalogue": write(tmp_path / "catalogue.parquet", "catalogue", stars),
        "velocities": write(tmp_path / "velocities.parquet", "velocities", epochs),
        "match": write(tmp_path / "match.parquet", "match", match),
        "other": write(tmp_path / "other.parquet", "catalogue", other),
        "arrays": (stars, epochs, match, other),
    }


def clean(made, folder, cuts=(), **changes):
    out = {name: folder / name for name in ("sample", "cut_flow", "cut_flow_json")}
    cuts = [{"name": text, "expression": text} for text in cuts]
    clean_sample.run(catalogue=made["catalogue"], cuts=cuts, **out, **(RULE | changes))
    return read_columns(out["sample"]), json.loads(out["cut_flow_json"].read_text(encoding="utf-8")), out


def matched(made, **columns):
    return {"name": "gaia", "path": made["match"], "table": made["other"], "columns": columns}


def test_velocities_replace_those_of_the_catalogue(made, tmp_path):
    stars, record, out = clean(made, tmp_path, velocities=made["velocities"])
    assert stars["source_id"].tolist() == [5, 1, 2, 3]
    np.testing.assert_array_equal(stars["radial_velocity"], [np.nan, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(stars["radial_velocity_error"], [np.nan, 10.0, 20.0, np.nan])
    np.testing.assert_array_equal(stars["n_epochs"], [np.nan, 1, 3, np.nan])
    np.testing.assert_array_equal(stars["v_scatter_kms"], [np.nan, np.nan, 12.0, np.nan])
    about = record["joined"]["velocities"]
    assert about["replaced_columns"] == ["radial_velocity", "radial_velocity_error"]
    assert (about["n_entries"], about["n_rows_without"], about["n_sample_rows_without"]) == (4, 2, 2)
    assert read_provenance(out["sample"])["velocities"]["table"]["from"] == "velocities"
    units = {
        column.name: (column.unit, column.dtype)
        for column in described_columns(out["sample"], ["n_epochs", "v_scatter_kms"])
    }
    assert units == {"n_epochs": ("", "int64"), "v_scatter_kms": ("km / s", "float64")}


def test_cuts_see_the_new_columns_and_missing_ones_do_not_pass(made, tmp_path):
    stars, record, _ = clean(made, tmp_path, ["n_epochs >= 1", "radial_velocity < 10"], velocities=made["velocities"])
    assert stars["source_id"].tolist() == [1, 2]
    assert record["steps"][3]["n_missing"] == 2
    assert record["joined"]["velocities"]["n_sample_rows_without"] == 0
    assert clean(made, tmp_path, ["n_epochs >= 2"], velocities=made["velocities"])[0]["source_id"].tolist() == [2]


def test_best_matches_are_joined_under_new_names(made, tmp_path):
    columns = {"gaia_velocity": "radial_velocity", "gaia_name": "name", "gaia_solved": "astrometric_params_solved"}
    stars, record, out = clean(made, tmp_path, matches=[matched(made, **columns)])
    assert stars["source_id"].tolist() == [5, 1, 2, 3]
    np.testing.assert_array_equal(stars["gaia_velocity"], [np.nan, 1.5, 3.0, np.nan])
    assert stars["gaia_name"].tolist() == [None, "a", "c", None]
    np.testing.assert_array_equal(stars["gaia_solved"], [np.nan, 95, 31, np.nan])
    np.testing.assert_array_equal(stars["radial_velocity"], [50, 51, 52, 53])
    about = record["joined"]["match gaia"]
    counts = {name: value for name, value in about.items() if name.startswith("n_")}
    assert counts == {
        "n_pairs": 4, "n_stars_with_several": 1, "n_stars_whose_nearest_is_anothers": 1, "n_rows_repeated_in_table": 1,
        "n_entries": 2, "n_rows_without": 3, "n_sample_rows_without": 2,
    }  # fmt: skip
    about = described_columns(out["sample"], ["gaia_velocity"])[0]
    assert (about.unit, about.description) == ("km / s", "Line-of-sight velocity, barycentric")


def test_both_at_once_and_two_matches(made, tmp_path):
    second = matched(made, second_velocity="radial_velocity") | {"name": "second"}
    matches = [matched(made, gaia_velocity="radial_velocity"), second]
    stars, record, _ = clean(
        made, tmp_path, ["abs(radial_velocity - gaia_velocity) < 5"], velocities=made["velocities"], matches=matches
    )
    assert stars["source_id"].tolist() == [1, 2]
    assert list(record["joined"]) == ["velocities", "match gaia", "match second"]
    assert stars["second_velocity"].tolist() == [1.5, 3.0]


def test_batches_make_no_difference(made, tmp_path, monkeypatch):
    options = {"velocities": made["velocities"], "matches": [matched(made, gaia_velocity="radial_velocity")]}
    whole, record, _ = clean(made, tmp_path, **options)

    def small(path, columns=None):
        return tables.frame_batches(path, columns, rows=2)

    monkeypatch.setattr(clean_sample, "frame_batches", small)
    monkeypatch.setattr(side_tables, "frame_batches", small)
    parts, again, _ = clean(made, tmp_path, **options)
    assert record == again
    for name, values in whole.items():
        np.testing.assert_array_equal(values, parts[name])


def test_without_either_the_file_is_as_before(made, tmp_path):
    _, record, out = clean(made, tmp_path)
    assert column_names(out["sample"]) == [*made["arrays"][0], *clean_sample.DISTANCE_COLUMNS]
    assert "joined" not in record
    assert set(read_provenance(out["sample"])) == {
        "table",
        "distance",
        "corrections",
        "duplicates",
        "cuts",
        "catalogue",
    }


def test_a_column_of_the_catalogue_with_the_same_name_is_replaced(made, tmp_path):
    stars = made["arrays"][0] | {"v_scatter_kms": np.full(5, 777.0)}
    extra = [column for column in load_contract("velocities").columns if column.name == "v_scatter_kms"]
    write_table(made["catalogue"], load_contract("catalogue").extend(extra), stars, {})
    found, record, _ = clean(made, tmp_path, velocities=made["velocities"])
    np.testing.assert_array_equal(found["v_scatter_kms"], [np.nan, np.nan, 12.0, np.nan])
    assert "v_scatter_kms" in record["joined"]["velocities"]["replaced_columns"]
    assert list(found).count("v_scatter_kms") == 1


def test_bad_input_is_told(made, tmp_path):
    with pytest.raises(DiscatlasError, match=r"match 'gaia': column 'ra' is in the catalogue already; .* gaia_ra"):
        clean(made, tmp_path, matches=[matched(made, ra="ra")])
    with pytest.raises(
        DiscatlasError, match=r"match 'gaia': .*no column 'radial_velocty' \(nearest: 'radial_velocity'\)"
    ):
        clean(made, tmp_path, matches=[matched(made, v="radial_velocty")])
    with pytest.raises(DiscatlasError, match=r"replaces the velocities that correction 'cool_star_velocity' is for"):
        clean(made, tmp_path, velocities=made["velocities"], corrections=["cool_star_velocity"])
    fewer = {name: values[1:] for name, values in made["arrays"][3].items()}
    write(made["other"], "catalogue", fewer)
    with pytest.raises(DiscatlasError, match=r"lacks 1 stars of .*match\.parquet, the first with source_id 103"):
        clean(made, tmp_path, matches=[matched(made, v="radial_velocity")])
    twice = {name: np.append(values, values[:1]) for name, values in made["arrays"][1].items()}
    write(made["velocities"], "velocities", twice)
    with pytest.raises(DiscatlasError, match=r"source_id 1 has two rows, expected one for each star"):
        clean(made, tmp_path, velocities=made["velocities"])
    assert not (tmp_path / "sample").exists()


def test_no_match_at_all_leaves_all_missing(made, tmp_path):
    write(made["match"], "match", {name: values[:0] for name, values in made["arrays"][2].items()})
    stars, record, _ = clean(
        made, tmp_path, matches=[matched(made, gaia_name="name", gaia_solved="astrometric_params_solved")]
    )
    assert stars["gaia_name"].tolist() == [None] * 4
    assert np.isnan(stars["gaia_solved"]).all()
    assert record["joined"]["match gaia"]["n_rows_without"] == 5
