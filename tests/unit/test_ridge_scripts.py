"""Scripts of the ridges: from stars or the fiducial model to tables, with known slopes and the moving groups of the Sun."""

import json

import numpy as np
import pytest
from made_ridges import GROUPS, R0, SETTINGS, made_stars, write_stars
from orbit_models import BAR, LIFE_KPC_KMS, khalil_plane, spiral_config

import compare_ridges
import fit_ridges
import predict_ridges
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import column_names, read_columns, read_provenance, write_table

N_STARS = 1_000_000
SPEC = {
    "bar": BAR,
    "spirals": [spiral_config(2), spiral_config(3)],
    "distribution": {
        "scale_length_kpc": 2.4,
        "sigma_scale_kpc": 10.0,
        "R0_kpc": R0,
        "components": [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}],
        "source": "Khalil et al. 2025",
    },
    "integration_kpc_kms": LIFE_KPC_KMS,
}
OF_MODEL = SETTINGS | {
    "phi_limits_deg": [-18.0, 18.0],
    "R_width_kpc": 0.4,
    "phi_width_deg": 6.0,
    "v_R_kms": [-56.0, 0.0, 100.0],
}


def paths(folder, name):
    return {
        "ridges": folder / f"{name}.parquet",
        "density": folder / f"{name}_density.parquet",
        "summary": folder / f"{name}.json",
    }


def fit(stars, folder, name="sample", selection="abs(Z_kpc) < 0.5", threads=1, **changes):
    files = paths(folder, name)
    fit_ridges.run(stars=stars, **files, settings=SETTINGS | changes, selection=selection, threads=threads)
    return files


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    columns = made_stars(N_STARS, 11)
    columns["v_phi_kms"][np.abs(columns["Z_kpc"]) > 0.5] = 180.0
    columns["v_R_kms"][::50] = np.nan
    return write_stars(tmp_path_factory.mktemp("stars") / "stars.parquet", columns)


@pytest.fixture(scope="module")
def sample(stars, tmp_path_factory):
    return fit(stars, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    profile = khalil_plane()
    columns = {name: getattr(profile, name) for name in profile.__dataclass_fields__}
    columns["v_c_kms"] = columns["R_kpc"] * columns["Omega_kms_kpc"]
    write_table(folder / "plane.parquet", load_contract("potential_plane"), columns, {})
    (folder / "model.json").write_text(json.dumps(SPEC), encoding="utf-8")
    files = paths(folder, "ridges")
    inputs = {"model": folder / "model.json", "plane": folder / "plane.parquet"}
    predict_ridges.run(**inputs, **files, settings=OF_MODEL, refinement=1, accuracy="fast", threads=1)
    return files | inputs


def records(files, **where):
    found = json.loads(files["summary"].read_text(encoding="utf-8"))["ridges"]
    return [record for record in found if all(record.get(key) == value for key, value in where.items())]


def test_tables_of_a_sample_keep_their_contracts(stars, sample):
    assert column_names(sample["ridges"]) == load_contract("ridges").names
    assert column_names(sample["density"]) == [
        name for name in load_contract("ridges_density").names if name != "density"
    ]
    about = read_provenance(sample["ridges"])
    assert about["settings"] == SETTINGS
    table = read_columns(stars, ["R_kpc", "phi_deg", "Z_kpc", "v_R_kms", "v_phi_kms"])
    near = np.abs(table["Z_kpc"]) < 0.5
    assert about["n_stars"] == {"read": N_STARS, "selected": int(near.sum())}
    density = read_columns(sample["density"])
    assert np.unique(density["row"]).tolist() == list(range(7))
    ridges = read_columns(sample["ridges"])
    assert ridges["significance"].min() >= 3
    inside = (np.abs(density["v_phi_kms"] - 200) <= 6) & (density["row"] == 1) & (np.abs(density["R_kpc"] - R0) < 0.14)
    near &= (np.abs(table["R_kpc"] - 8.26) < 0.14) & (np.abs(table["phi_deg"]) < 3) & (np.abs(table["v_R_kms"]) < 10)
    assert density["n_stars"][inside].sum() == (near & (np.abs(table["v_phi_kms"] - 200) < 6)).sum() > 100


@pytest.mark.parametrize("v_R", [0.0, -56.0])
def test_groups_come_back_with_their_slopes(sample, v_R):
    for v, in_R, in_phi, _ in GROUPS:
        along_R = min(
            records(sample, axis="R", v_R_kms=v_R), key=lambda r: abs(r["v_phi_kms"] - v - in_R * (r["at"] - R0))
        )
        assert abs(along_R["v_phi_kms"] - v - in_R * (along_R["at"] - R0)) < 2.5
        assert abs(along_R["slope_kms_kpc"] - in_R) < max(4 * along_R["slope_kms_kpc_error"], 2)
        along_phi = min(
            records(sample, axis="phi", v_R_kms=v_R), key=lambda r: abs(r["v_phi_kms"] - v - in_phi * r["at"])
        )
        assert abs(along_phi["v_phi_kms"] - v - in_phi * along_phi["at"]) < 2.5
        assert abs(along_phi["slope_kms_deg"] - in_phi) < max(4 * along_phi["slope_kms_deg_error"], 0.08)


def test_same_bytes_on_any_number_of_threads(stars, sample, tmp_path):
    again = fit(stars, tmp_path, threads=2)
    for name, path in sample.items():
        assert path.read_bytes() == again[name].read_bytes()


def test_the_selection_counts(stars, tmp_path):
    """Stars far from the plane all have one velocity: it is a ridge where they are let in."""
    everything = fit(stars, tmp_path, selection=None)
    assert any(abs(record["v_phi_kms"] - 180) < 1 for record in records(everything, axis="R"))


def test_a_sample_with_few_stars_gives_empty_tables(tmp_path):
    few = write_stars(tmp_path / "few.parquet", made_stars(500, 12))
    files = fit(few, tmp_path)
    assert read_columns(files["ridges"])["row"].size == 0
    assert records(files) == []
    assert read_columns(files["density"])["n_stars"].sum() > 0
    comparison, summary = tmp_path / "comparison.parquet", tmp_path / "comparison.json"
    rules = {"min_common": 3, "max_separation_kms": 12.0}
    compare_ridges.run(
        sample_ridges=files["ridges"], model_ridges=files["ridges"], comparison=comparison, summary=summary, **rules
    )
    assert read_columns(comparison)["row"].size == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "Z_kpc > 90"}, r"none of 1,000,000 stars .0 selected. lies in the volumes; widen them"),
        ({"selection": "Z_kp > 90"}, "nearest: 'Z_kpc'"),
        ({"R_width_kpc": 0.3}, "a width of 0.3 does not divide"),
    ],
)
def test_failures_leave_no_file(stars, tmp_path, changes, words):
    with pytest.raises(DiscatlasError, match=words):
        fit(stars, tmp_path, **changes)
    assert not list(tmp_path.iterdir())


# -- the fiducial model


def at_the_sun(files, axis, v_R, v_phi):
    """The ridge that passes the Sun nearest to a velocity, and its velocity there."""
    table = read_columns(files["ridges"])
    along, place = ("R_kpc", R0) if axis == "R" else ("phi_deg", 0.0)
    found = []
    for record in records(files, axis=axis, v_R_kms=v_R):
        rows = (table["row"] == record["row"]) & (table["ridge"] == record["ridge"])
        v = np.interp(place, table[along][rows], table["v_phi_kms"][rows], left=np.nan, right=np.nan)
        if np.isfinite(v):
            found.append((abs(v - v_phi), float(v), record))
    return min(found, key=lambda item: item[0])[1:]


@pytest.mark.parametrize(
    ("group", "v_R", "v_phi", "within"),
    [("Hercules", 0.0, 205.0, 4.0), ("Hercules", 100.0, 205.0, 4.0), ("Hat", -56.0, 285.0, 4.0)],
)
def test_moving_groups_of_the_sun_are_in_the_fiducial_model(model, group, v_R, v_phi, within):
    v, record = at_the_sun(model, "R", v_R, v_phi)
    assert abs(v - v_phi) < within
    assert -45 < record["slope_kms_kpc"] < -15
    v, record = at_the_sun(model, "phi", v_R, v_phi)
    assert abs(v - v_phi) < within
    assert -1.5 < record["slope_kms_deg"] < -0.1


def test_tables_of_a_model_keep_their_contracts(model):
    assert column_names(model["ridges"]) == [name for name in load_contract("ridges").names if name != "n_stars"]
    ridges, density = read_columns(model["ridges"]), read_columns(model["density"])
    assert np.isnan(ridges["v_phi_error_kms"]).all()
    assert ridges["prominence"].min() >= SETTINGS["min_prominence"]
    assert read_provenance(model["density"])["model"]["bar"]["Omega_kms_kpc"] == 37.0
    assert density["density"].min() >= 0
    places = {
        axis: np.unique(ridges[name][ridges["axis"] == axis]).size
        for axis, name in (("R", "R_kpc"), ("phi", "phi_deg"))
    }
    assert places["R"] == 7
    assert places["phi"] == 6


def test_a_refined_model_has_the_same_ridges_at_the_same_places(model, tmp_path):
    only = OF_MODEL | {"v_R_kms": [0.0], "R_places_kpc": [], "phi_places_deg": []}
    files = paths(tmp_path, "fine")
    inputs = {name: model[name] for name in ("model", "plane")}
    predict_ridges.run(**inputs, **files, settings=only, refinement=3, accuracy="fast", threads=1)
    fine, _ = at_the_sun(files, "R", 0.0, 205.0)
    coarse, _ = at_the_sun(model, "R", 0.0, 205.0)
    assert abs(fine - coarse) < 1.0
    assert read_columns(files["density"])["row"].max() == 1
    with pytest.raises(DiscatlasError, match="refinement 2: expected an odd number"):
        predict_ridges.run(**inputs, **files, settings=only, refinement=2, accuracy="fast", threads=1)


def test_a_comparison_needs_the_same_settings(sample, model, tmp_path):
    files = {"comparison": tmp_path / "c.parquet", "summary": tmp_path / "c.json"}
    rules = {"min_common": 3, "max_separation_kms": 12.0}
    with pytest.raises(DiscatlasError, match="their volumes or links differ; make both with the same settings"):
        compare_ridges.run(sample_ridges=sample["ridges"], model_ridges=model["ridges"], **files, **rules)
    assert not list(tmp_path.iterdir())
    compare_ridges.run(sample_ridges=sample["ridges"], model_ridges=sample["ridges"], **files, **rules)
    table, record = read_columns(files["comparison"]), json.loads(files["summary"].read_text(encoding="utf-8"))["axes"]
    assert column_names(files["comparison"]) == load_contract("ridges_comparison").names
    np.testing.assert_array_equal(table["ridge"], table["model_ridge"])
    np.testing.assert_allclose(table["separation_rms_kms"], 0, atol=1e-9)
    assert record["R"]["n_matched"] == record["R"]["n_ridges"] > 2
    assert np.isnan(table["slope"][table["axis"] == "v_R"]).all()
