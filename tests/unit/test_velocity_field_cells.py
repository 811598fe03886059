"""Cells of stars: means and errors are numpy's, cubes are aligned on the centre, nothing depends on batches or threads."""

import numpy as np
import pytest

import bin_phase_space_cells
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.tables import TableWriter, column_names, read_columns, read_provenance

R0 = 8.2
SETTINGS = {
    "cell_kpc": 0.25,
    "min_stars": 3,
    "half_width_kpc": 2.1,
    "Z_max_kpc": 0.9,
    "max_speed_kms": 1000.0,
    "R0_kpc": R0,
    "threads": 2,
}
COMPONENTS = ("v_R", "v_phi", "v_Z")


def make_stars(n=30_000):
    rng = np.random.default_rng(17)
    X, Y, Z = rng.uniform(-11, -5.5, n), rng.uniform(-2.6, 2.6, n), rng.normal(0, 0.4, n)
    R, phi = cylindrical_position(X, Y)
    stars = {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
    for name, mean in zip(COMPONENTS, (0, 230, 0), strict=True):
        stars |= {f"{name}_kms": rng.normal(mean, 20, n), f"{name}_error_kms": rng.uniform(1, 5, n)}
    stars["v_R_kms"][::40] = np.nan
    stars["v_Z_kms"][1::40] = np.nan
    stars["v_Z_kms"][2::400] = 990.0  # faster than 1,000 km/s together with the rotation
    return stars


def write_stars(path, stars):
    with TableWriter(path, load_contract("phase_space"), list(stars), {"sample": "mock"}) as writer:
        writer.write(stars)
    return path


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    return write_stars(tmp_path_factory.mktemp("stars") / "stars.parquet", make_stars())


def bin_cells(stars, folder, **changes):
    path = folder / "cells.parquet"
    bin_phase_space_cells.run(stars=stars, cells=path, **(SETTINGS | changes))
    assert [file.name for file in folder.iterdir()] == ["cells.parquet"]
    assert column_names(path) == load_contract("phase_space_cells").names
    return read_columns(path)


def used_stars():
    table = make_stars()
    box = (np.abs(table["X_kpc"] + R0) <= 2.1) & (np.abs(table["Y_kpc"]) <= 2.1) & (np.abs(table["Z_kpc"]) <= 0.9)
    velocity = np.stack([table[f"{name}_kms"] for name in COMPONENTS])
    known, slow = np.isfinite(velocity).all(axis=0), ~(np.sqrt(np.sum(velocity**2, axis=0)) > 1000)
    return table, box, known, slow


def test_means_and_errors_are_those_of_numpy(stars, tmp_path):
    cells = bin_cells(stars, tmp_path, min_stars=1)
    table, box, known, slow = used_stars()
    table = {name: values[box & known & slow] for name, values in table.items()}
    cubes = np.stack([np.floor(table[f"{axis}_kpc"] / 0.25) for axis in "XYZ"], axis=1)
    distinct, inverse, counts = np.unique(cubes, axis=0, return_inverse=True, return_counts=True)
    assert np.array_equal(cells["n_stars"], counts)  # both in the order of X, Y, Z
    for name in ("X_kpc", "Y_kpc", "Z_kpc", *(f"{name}_kms" for name in COMPONENTS)):
        mean = np.bincount(inverse, table[name]) / counts
        np.testing.assert_allclose(cells[name], mean, rtol=1e-12, atol=1e-12)
        if name.startswith("v"):
            squares = np.bincount(inverse, (table[name] - mean[inverse]) ** 2)
            with np.errstate(invalid="ignore"):
                error = np.sqrt(squares / (counts - 1) / counts)
            np.testing.assert_allclose(cells[name.replace("_kms", "_error_kms")], error, rtol=1e-9)
    assert np.array_equal(np.isnan(cells["v_Z_error_kms"]), counts == 1)
    assert np.all(distinct[:, 0] * 0.25 <= cells["X_kpc"])
    R, phi = cylindrical_position(cells["X_kpc"], cells["Y_kpc"])
    np.testing.assert_allclose([cells["R_kpc"], cells["phi_deg"]], [R, phi])


def test_every_star_is_accounted_for(stars, tmp_path):
    cells = bin_cells(stars, tmp_path, min_stars=5)
    _, box, known, slow = used_stars()
    provenance = read_provenance(tmp_path / "cells.parquet")
    assert provenance["n_stars"] == {
        "read": 30_000,
        "outside": (~box).sum(),
        "without_velocity": (box & ~known).sum(),
        "too_fast": (box & known & ~slow).sum(),
        "used": (box & known & slow).sum(),
        "in_cells": cells["n_stars"].sum(),
    }
    assert (box & known & ~slow).sum() > 20
    assert cells["n_stars"].min() == 5
    assert provenance["phase_space"]["sample"] == "mock"


@pytest.mark.parametrize("cell_kpc", [0.25, None])
def test_same_bytes_for_any_batches_and_threads(stars, tmp_path, cell_kpc):
    paths = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    bin_phase_space_cells.run(stars=stars, cells=paths[0], **(SETTINGS | {"cell_kpc": cell_kpc}))
    changes = {"cell_kpc": cell_kpc, "threads": 1, "batch_rows": 777}
    bin_phase_space_cells.run(stars=stars, cells=paths[1], **(SETTINGS | changes))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_stars_may_be_cells_themselves(stars, tmp_path):
    cells = bin_cells(stars, tmp_path, cell_kpc=None)
    table, box, known, slow = used_stars()
    rows = np.flatnonzero(box & known & slow)
    assert np.array_equal(cells["cell"], rows)
    assert np.all(cells["n_stars"] == 1)
    for name in ("X_kpc", "Z_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_phi_kms", "v_Z_error_kms"):
        np.testing.assert_allclose(cells[name], table[name][rows], rtol=1e-14)


def test_stars_on_the_faces_of_the_box_are_in(tmp_path):
    """On a face of cubes and box at once, where rounding decides; cubes are half open and their faces hold zero."""
    edge = 2.1
    table = {name: values[:6].copy() for name, values in make_stars().items()}
    table["X_kpc"] = np.array([-R0 - edge, -R0 + edge, -R0, -R0, -8.0, np.nextafter(-8.0, -9)])
    table["Y_kpc"] = np.array([0.0, 0.0, edge, -edge, 0.0, -1e-17])
    table["Z_kpc"] = np.array([0.0, 0.0, 0.9, -0.9, 0.0, 0.0])
    for k, name in enumerate(COMPONENTS):
        table[f"{name}_kms"] = np.arange(6.0) + k
    path = write_stars(tmp_path / "stars.parquet", table)
    (tmp_path / "out").mkdir()
    cells = bin_cells(path, tmp_path / "out", cell_kpc=0.1, min_stars=1)
    assert cells["n_stars"].sum() == 6
    assert cells["cell"].size == 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_stars": 500}, r"no cube of 0.25 kpc holds min_stars = 500 stars \(the fullest has \d+\)"),
        ({"cell_kpc": 0.004}, "cubes, expected at most 20,000,000; take larger cubes or a smaller box"),
        ({"R0_kpc": 50.0}, "none of 30,000 stars is left: 30,000 outside.*; enlarge half_width_kpc"),
        ({"max_speed_kms": 0.1, "cell_kpc": None}, "beyond max_speed_kms; raise max_speed_kms"),
    ],
)
def test_failures_leave_no_file(stars, tmp_path, changes, words):
    with pytest.raises(DiscatlasError, match=words) as error:
        bin_phase_space_cells.run(stars=stars, cells=tmp_path / "cells.parquet", **(SETTINGS | changes))
    assert str(error.value).startswith(str(stars))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cell_kpc", [0.25, None])
def test_stars_without_velocities_are_told(tmp_path, cell_kpc):
    table = make_stars(2000)
    table["v_Z_kms"] = np.full(2000, np.nan)
    path = write_stars(tmp_path / "stars.parquet", table)
    with pytest.raises(DiscatlasError, match=r"[\d,]+ without velocity, 0 beyond.*six dimensions: check the sample's"):
        bin_phase_space_cells.run(stars=path, cells=tmp_path / "cells.parquet", **(SETTINGS | {"cell_kpc": cell_kpc}))
    assert [file.name for file in tmp_path.iterdir()] == ["stars.parquet"]


def test_a_table_without_rows_is_told(tmp_path):
    path = write_stars(tmp_path / "empty.parquet", {name: values[:0] for name, values in make_stars().items()})
    with pytest.raises(DiscatlasError, match="the table has no rows"):
        bin_phase_space_cells.run(stars=path, cells=tmp_path / "cells.parquet", **SETTINGS)
