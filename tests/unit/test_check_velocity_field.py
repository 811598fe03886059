"""The check of a velocity field against its truth: an honest field passes, and each mistake fails."""

import json

import numpy as np
import polars as pl
import pytest
import yaml

import bin_phase_space_cells
import check_velocity_field
import fit_velocity_field
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.tables import TableWriter, read_columns, read_provenance, write_table
from places import ROOT

R0, RADIUS = 8.2, 0.8
TOLERANCE = {"stars": 0.8, "mean": 0.25}


SERIES = {"v_R_0_kms": 2.0, "v_R_R_kms_kpc": 12.0, "v_R_RR_kms_kpc2": -60.0, "v_R_phi_kms_kpc": 9.0}
SERIES |= {"v_R_phiphi_kms_kpc2": 40.0, "v_phi_0_kms": 225.0, "v_phi_R_kms_kpc": -8.0, "v_phi_ZZ_kms_kpc2": -90.0}
SERIES |= {"v_Z_Z_kms_kpc": 9.0}


def model():
    """An analytic galaxy whose mean velocities are a series about the Sun's place."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["galaxies"]["analytic"]
    return config | {"taylor": {"R_node_kpc": R0, "phi_node_deg": 0.0, "coefficients": SERIES}}


def make_stars(n=80_000):
    """Stars about the mean field of the model: truth, and what is observed of it."""
    rng = np.random.default_rng(41)
    X, Y, Z = rng.uniform(-1.6, 1.6, n) - R0, rng.uniform(-1.6, 1.6, n), rng.laplace(0, 0.3, n)
    mean = MeanFieldModel.from_config(model()).mean_velocity_cylindrical(*cylindrical_position(X, Y), Z)
    mean = np.stack(mean, axis=1)
    velocities = mean + rng.normal(0, [24, 17, 13], (n, 3))
    truth = {"source_id": rng.permutation(n) + 10**6, "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z}
    for k, name in enumerate(("v_R", "v_phi", "v_Z")):
        truth[f"{name}_kms"] = velocities[:, k]
    stretch = 1 + 0.03 * rng.normal(size=n)
    seen = {"X_kpc": (X + R0) * stretch - R0, "Y_kpc": Y * stretch, "Z_kpc": Z * stretch}
    R, phi = cylindrical_position(seen["X_kpc"], seen["Y_kpc"])
    stars = {"source_id": truth["source_id"]} | seen | {"R_kpc": R, "phi_deg": phi}
    for name in ("v_R", "v_phi", "v_Z"):
        noise = rng.normal(0, 3, n)
        stars |= {f"{name}_kms": truth[f"{name}_kms"] + noise, f"{name}_error_kms": np.full(n, 3.0)}
    return stars, pl.DataFrame(truth).sort("source_id")


@pytest.fixture(scope="module")
def truth_table(tmp_path_factory):
    return make_stars()[1]


@pytest.fixture(scope="module", params=[0.15, None], ids=["cells", "stars"])
def folder(request, tmp_path_factory):
    """The products of the workflow for the observed stars, in cells and star by star."""
    path = tmp_path_factory.mktemp("products")
    stars, truth = make_stars()
    with TableWriter(path / "stars.parquet", load_contract("phase_space"), list(stars)) as writer:
        writer.write(stars)
    bin_phase_space_cells.run(
        stars=path / "stars.parquet",
        cells=path / "cells.parquet",
        cell_kpc=request.param,
        min_stars=3,
        half_width_kpc=1.6,
        Z_max_kpc=1.5,
        max_speed_kms=1000.0,
        R0_kpc=R0,
        threads=1,
    )
    fit_velocity_field.run(
        cells=path / "cells.parquet",
        field=path / "field.parquet",
        radii_kpc=[RADIUS],
        half_width_kpc=1.0,
        spacing_kpc=0.25,
        R_min_kpc=2.0,
        min_fit=100,
        min_trust=300,
        max_condition=1000.0,
        weighted=False,
        errors="robust",
        R0_kpc=R0,
        z_sun_kpc=0.0,
        threads=1,
    )
    truth.write_parquet(path / "truth.parquet")
    return path


def check(folder, tmp_path, against="stars", **replaced):
    files = {name: folder / f"{name}.parquet" for name in ("field", "cells", "stars", "truth")} | replaced
    result = tmp_path / "result.json"
    check_velocity_field.run(
        **files,
        result=result,
        name="made",
        radius_kpc=RADIUS,
        against=against,
        model=model(),
        tolerance=TOLERANCE[against],
    )
    (record,) = json.loads(result.read_text(encoding="utf-8"))
    return record


@pytest.mark.parametrize("against", ["stars", "mean"])
def test_an_honest_field_passes(folder, tmp_path, against):
    record = check(folder, tmp_path, against)
    assert record["pass"]
    assert 0.01 < record["value"] < 1.25
    assert "at 81 nodes against" in record["source"]


def test_a_star_that_is_listed_twice_does_not_matter(folder, truth_table, tmp_path):
    once = check(folder, tmp_path)
    pl.concat([truth_table, truth_table.head(9000)]).write_parquet(tmp_path / "twice.parquet")
    assert check(folder, tmp_path, truth=tmp_path / "twice.parquet") == once


@pytest.mark.parametrize("against", ["stars", "mean"])
def test_shuffled_ids_fail(folder, truth_table, tmp_path, against):
    shuffled = truth_table.with_columns(pl.col("source_id").shuffle(seed=1))
    shuffled.write_parquet(tmp_path / "shuffled.parquet")
    assert not check(folder, tmp_path, against, truth=tmp_path / "shuffled.parquet")["pass"]


MUTATIONS = {
    "sign of v_phi flipped": lambda name, column, R: -column if name.startswith("v_phi_") else column,
    "1/2 dropped": lambda name, column, R: (
        column / 2 if any(f"_{term}_" in name for term in ("RR", "phiphi", "ZZ")) else column
    ),
    "R_node left out": lambda name, column, R: column * R if "_phi_kms_kpc" in name or "_Rphi" in name else column,
    "rotation 3 km/s too fast": lambda name, column, R: column + 3 if name == "v_phi_0_kms" else column,
}


@pytest.mark.parametrize("against", ["stars", "mean"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_field_fails(folder, tmp_path, name, against):
    columns = read_columns(folder / "field.parquet")
    values = [key for key in columns if key.startswith("v_") and "error" not in key and "residual" not in key]
    wrong = columns | {key: MUTATIONS[name](key, columns[key], columns["R_kpc"]) for key in values}
    path = tmp_path / "wrong.parquet"
    write_table(path, load_contract("velocity_field"), wrong, read_provenance(folder / "field.parquet"))
    assert not check(folder, tmp_path, against, field=path)["pass"]


def test_a_node_that_the_truth_cannot_fit_does_not_pass(folder, truth_table, tmp_path):
    far = truth_table.with_columns(pl.col("Z_kpc") + pl.when(pl.col("X_kpc") > -8.4).then(0.79).otherwise(0.0))
    far.write_parquet(tmp_path / "far.parquet")
    assert not check(folder, tmp_path, truth=tmp_path / "far.parquet")["pass"]


def test_what_is_no_truth_of_these_stars_says_so(folder, truth_table, tmp_path):
    path, other = tmp_path / "truth.parquet", truth_table.head(1).with_columns(pl.col("X_kpc") + 1)
    for table, message in (
        (
            truth_table.with_columns(pl.col("source_id") + 10**7),
            "stars are not in the truth: it is of another catalogue",
        ),
        (pl.concat([truth_table, other]), "the truth has two different rows of one source_id"),
        (truth_table.drop("v_R_kms"), "no column 'v_R_kms'"),
    ):
        table.write_parquet(path)
        with pytest.raises(DiscatlasError, match=message):
            check(folder, tmp_path, truth=path)
    assert not (tmp_path / "result.json").exists()
