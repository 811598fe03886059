"""Ready-made maps: right cells in the right frame, and clear words for a wrong orientation, shape or axis."""

import numpy as np
import polars as pl
import pytest

import clean_published_map
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import (
    KMS_PER_KPC_MASYR,
    Sun,
    cylindrical_velocity,
    galactocentric_rotation,
    khalil_position,
    unit_vectors,
)
from discatlas.sources.grid_map import check_rotation, load_array, read_axis, read_grid_map
from discatlas.tables import column_names, read_columns, read_provenance

X_AXIS, Y_AXIS = {"start": 4.0, "stop": 12.0, "n": 33}, {"start": -4.0, "stop": 4.0, "n": 33}
SETTINGS = {
    "x_file": None,
    "y_file": None,
    "quantity": "v_R_kms",
    "x_kpc": X_AXIS,
    "y_kpc": Y_AXIS,
    "frame": "khalil2025",
    "R0_kpc": None,
    "index": "xy",
    "no_data": None,
    "error": 1.5,
    "correlation_kpc": 0.25,
    "citation": "made for a test",
}


def axes():
    return read_axis("x_kpc", X_AXIS), read_axis("y_kpc", Y_AXIS)


def rotation(x, y, seed=1):
    """A map of v_phi, [ix, iy]: slow inside, flat outside, with noise and a wave."""
    R = np.hypot(*np.meshgrid(x, y, indexing="ij"))
    noise = np.random.default_rng(seed).normal(0, 2, R.shape)
    return 230 - 40 * np.exp(-(R - 4) / 1.5) + 3 * np.cos(2 * R) + noise


def save(folder, values, name="values.npy"):
    path = folder / name
    np.save(path, values)
    return path


def clean(folder, values, **changes):
    table = folder / "published_map.parquet"
    path = values if hasattr(values, "suffix") else save(folder, values)
    clean_published_map.run(values=path, table=table, **(SETTINGS | changes))
    return read_columns(table)


def test_every_cell_lies_where_its_axes_put_it(tmp_path):
    x, y = axes()
    cells = clean(tmp_path, 100 * x[:, None] + y[None, :])
    assert cells["cell"].size == 33 * 33
    np.testing.assert_allclose(cells["v_R_kms"], -100 * cells["X_kpc"] + cells["Y_kpc"], rtol=1e-14)
    ours = khalil_position(cells["X_kpc"], cells["Y_kpc"])
    np.testing.assert_array_equal(ours[0], x[cells["cell"] // 33])
    np.testing.assert_array_equal(ours[1], y[cells["cell"] % 33])
    np.testing.assert_allclose(cells["R_kpc"], np.hypot(x[cells["cell"] // 33], y[cells["cell"] % 33]))
    assert (np.sign(cells["phi_deg"]) == np.sign(cells["Y_kpc"])).all()
    assert (np.abs(cells["phi_deg"]) <= 45).all()
    np.testing.assert_array_equal(cells["v_R_error_kms"], 1.5)
    assert np.isnan(cells["n_stars"]).all()


@pytest.mark.parametrize(("n_x", "n_y"), [(33, 33), (9, 5)])
def test_index_order_frame_and_byte_order_are_only_ways_to_write_one_map(tmp_path, n_x, n_y):
    x, y = np.linspace(-11, -5, n_x), np.linspace(-3, 3, n_y)
    values = np.sin(x)[:, None] * np.exp(y / 5)[None, :]
    spec = [{"start": axis[0], "stop": axis[-1], "n": axis.size} for axis in (x, y)]
    one = clean(tmp_path, values, frame="galactocentric", x_kpc=spec[0], y_kpc=spec[1])
    others = [
        (values.T, {"frame": "galactocentric", "index": "yx", "x_kpc": spec[0]}),
        (values[::-1], {"x_kpc": {"start": 5.0, "stop": 11.0, "n": n_x}}),
        (values, {"frame": "heliocentric", "R0_kpc": 8.0, "x_kpc": {"start": -3.0, "stop": 3.0, "n": n_x}}),
        (values.astype(">f8"), {"frame": "galactocentric", "x_kpc": spec[0]}),
    ]
    order = np.lexsort((one["Y_kpc"], one["X_kpc"]))
    for array, changes in others:
        other = clean(tmp_path, array, **({"y_kpc": spec[1]} | changes))
        same = np.lexsort((other["Y_kpc"], other["X_kpc"]))
        for name in ("X_kpc", "Y_kpc", "v_R_kms"):
            np.testing.assert_allclose(other[name][same], one[name][order], atol=1e-13)


def test_cells_without_data_are_left_out(tmp_path):
    x, y = axes()
    values = 1.0 + x[:, None] * y[None, :] ** 2
    values[3], values[:, 7], values[5, 5] = 0.0, np.nan, 1e-9
    cells = clean(tmp_path, values, no_data=0.0)
    assert cells["cell"].size == 33 * 33 - 33 - 32
    assert 1e-9 in cells["v_R_kms"]
    assert 0.0 not in cells["v_R_kms"]
    assert clean(tmp_path, values)["cell"].size == 33 * 33 - 33


def test_axes_come_from_files_too_and_contract_and_provenance_are_kept(tmp_path):
    x, y = axes()
    values = save(tmp_path, np.ones((33, 33)))
    files = {"x_file": save(tmp_path, x, "x.npy"), "y_file": save(tmp_path, y, "y.npy")}
    changes = {"x_kpc": "x.npy", "y_kpc": "y.npy", "quantity": "overdensity", "error": None, "correlation_kpc": None}
    cells = clean(tmp_path, values, **files, **changes)
    table = tmp_path / "published_map.parquet"
    assert column_names(table) == load_contract("published_map").expand(q=["overdensity"]).names
    assert column_names(table)[-2:] == ["overdensity", "overdensity_error"]
    assert np.isnan(cells["overdensity_error"]).all()
    provenance = read_provenance(table)
    assert provenance["file"] == "values.npy"
    assert provenance["citation"] == "made for a test"
    assert provenance["error_model"] == {"error": None, "correlation_kpc": None}
    assert provenance["n_cells"] == {"all": 1089, "with_data": 1089}


def test_a_rotation_map_passes_one_way_and_fails_the_other(tmp_path):
    values = rotation(*axes())
    clean(tmp_path, values, quantity="v_phi_kms")
    found = read_provenance(tmp_path / "published_map.parquet")["rotation"]
    assert found["explained_by_R"] > 0.8
    assert found["gradient_X_kms_kpc"] < -2 < abs(found["gradient_Y_kms_kpc"])
    clean(tmp_path, values.T, quantity="v_phi_kms", index="yx")
    for array, index in ((values.T, "xy"), (values, "yx")):
        with pytest.raises(DiscatlasError, match=r"with x and y exchanged in 9. %.*set index to yx instead of xy"):
            clean(tmp_path, array, quantity="v_phi_kms", index=index)
    with pytest.raises(DiscatlasError, match=r"v_phi is negative in most cells \(median -2.*change the sign"):
        clean(tmp_path, -values, quantity="v_phi_kms")


def test_a_flat_or_noisy_rotation_map_is_not_accused(tmp_path):
    """Nothing follows R here: neither order does clearly better."""
    for values in (np.full((33, 33), 230.0), np.random.default_rng(3).normal(230, 5, (33, 33))):
        for index in ("xy", "yx"):
            clean(tmp_path, values, quantity="v_phi_kms", index=index)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame": "galactic"}, "unknown frame 'galactic' .nearest: 'galactocentric'"),
        ({"index": "yz"}, "unknown index 'yz'"),
        ({"frame": "heliocentric"}, "frame heliocentric needs R0_kpc above zero, got None"),
        (
            {"frame": "galactocentric"},
            "every cell lies beyond the Galactic centre .X 4 to 12 kpc. in frame 'galactocentric'",
        ),
        ({"x_kpc": X_AXIS | {"n": 32}}, r"has shape \(33, 33\), expected \(32, 33\) for 32 centres in x, 33 in y"),
        ({"x_kpc": X_AXIS | {"n": 1}}, "x_kpc: got n 1, expected a whole number from 2"),
        ({"y_kpc": {"start": 0.0, "stop": 1.0}}, "y_kpc: got start, stop, expected start, stop and n"),
        ({"y_kpc": None}, "y_kpc: got nothing"),
        ({"x_kpc": X_AXIS | {"stop": 4.0}}, "x_kpc: got 4 before 4, expected two or more centres that grow"),
        ({"x_kpc": X_AXIS | {"stop": np.inf}}, "x_kpc: entry .* expected finite centres"),
        ({"error": 0.0}, "got error 0.0 of v_R_kms, expected one above zero"),
        ({"error": np.nan}, "got error nan"),
    ],
)
def test_wrong_declarations_are_said(tmp_path, changes, words):
    with np.errstate(invalid="ignore"), pytest.raises(DiscatlasError, match=words):
        clean(tmp_path, np.ones((33, 33)), **changes)
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones((33, 33, 2)), "has 3 dimensions"),
        (np.full((33, 33), np.nan), "none of 1,089 cells has data"),
        (np.where(np.eye(33) > 0, np.inf, 1.0), r"33 cells are infinite \(first: x 4, y -4\)"),
        (np.ones((33, 33), complex), "type complex128, expected real numbers"),
        (np.array([{"a": 1}] * 3, object), "not a whole .npy file .Object arrays cannot be loaded"),
    ],
)
def test_wrong_arrays_are_said(tmp_path, values, words):
    path = tmp_path / "values.npy"
    np.save(path, values, allow_pickle=True)
    with pytest.raises(DiscatlasError, match=words):
        clean(tmp_path, path)


def test_wrong_files_are_said(tmp_path):
    whole = save(tmp_path, np.ones((33, 33))).read_bytes()
    cases = {
        "missing.npy": (None, "no such file"),
        "empty.npy": (b"", "is empty"),
        "page.npy": (b"<!DOCTYPE html><html>404</html>", "is an HTML page"),
        "text.npy": (b"1 2 3\n", "is no .npy file"),
        "cut.npy": (whole[:5000], "not a whole .npy file"),
    }
    for name, (content, words) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DiscatlasError, match=words):
            load_array(tmp_path / name)
    with pytest.raises(DiscatlasError, match=r"x.npy: has shape \(2, 2\), expected one dimension"):
        read_axis("x_kpc", save(tmp_path, np.ones((2, 2)), "x.npy"))
    with pytest.raises(DiscatlasError, match="entry 1 is nan"):
        read_axis("x_kpc", save(tmp_path, np.array([1.0, np.nan, 2.0]), "x.npy"))


def test_swapped_axes_of_unequal_length_get_a_hint(tmp_path):
    with pytest.raises(DiscatlasError, match=r"expected .* the index order may be the other one"):
        clean(tmp_path, np.ones((33, 17)), y_kpc=Y_AXIS | {"n": 17}, index="yx")


def test_the_gaia_maps_as_their_readme_says(real_data, tmp_path):
    """v_R is indexed [ix, iy], v_phi the other way round, which rotation itself tells."""
    folder = real_data / "gaia_rvs_disc_maps"
    axes_65 = {"x_kpc": X_AXIS | {"n": 65}, "y_kpc": Y_AXIS | {"n": 65}}
    cells = clean(tmp_path, folder / "median_v_R.npy", **axes_65)
    assert cells["cell"].size == 65 * 65
    assert np.median(cells["v_R_kms"]) == pytest.approx(3.0, abs=0.1)
    assert (cells["X_kpc"].min(), cells["X_kpc"].max()) == (-12.0, -4.0)
    v_phi = folder / "median_v_phi.npy"
    with pytest.raises(DiscatlasError, match=r"v_phi follows R in 1 % .* with x and y exchanged in 8. %"):
        clean(tmp_path, v_phi, quantity="v_phi_kms", **axes_65)
    cells = clean(tmp_path, v_phi, quantity="v_phi_kms", index="yx", **axes_65)
    near = np.hypot(cells["X_kpc"] + 8.275, cells["Y_kpc"]) < 0.3
    counts = np.load(folder / "solar_velocity_histogram.npy").sum(axis=1)  # of v_phi, of the stars within 300 pc
    median = np.interp(0.5, np.cumsum(counts) / counts.sum(), np.arange(2.0, 401.0, 2.0))
    assert cells["v_phi_kms"][near].mean() == pytest.approx(median, abs=2)
    x, y = (read_axis(name, spec) for name, spec in axes_65.items())
    found = check_rotation("map", read_grid_map(v_phi, x, y, frame="khalil2025", index="yx"), x, y)
    assert found["gradient_X_kms_kpc"] == pytest.approx(-1.2, abs=0.1)
    assert abs(found["gradient_Y_kms_kpc"]) < 0.2


def test_the_overdensity_of_poggio_2021(real_data, tmp_path):
    folder = real_data / "poggio2021_overdensity"
    files = {"x_file": folder / "xvalues.npy", "y_file": folder / "yvalues.npy"}
    changes = {"frame": "heliocentric", "R0_kpc": 8.122, "no_data": 0.0, "quantity": "overdensity", "error": None}
    cells = clean(tmp_path, folder / "overdens_grid_locscale03.npy", **files, **changes)
    assert cells["cell"].size == 14_641 - 7_981
    assert cells["overdensity"].min() == pytest.approx(-0.71, abs=0.01)
    assert cells["overdensity"].max() == pytest.approx(1.18, abs=0.01)
    assert np.hypot(cells["X_kpc"] + 8.122, cells["Y_kpc"]).max() < 6.5


def test_open_clusters_move_as_the_gaia_map_of_v_R_says_in_one_orientation_only(real_data):
    """v_R of a map gives no hint of its orientation; that of 3,384 clusters more than 1 kpc away correlates with one."""
    catalogue = pl.read_csv(real_data / "hunt2023_open_clusters.csv", null_values="nan", infer_schema_length=None)
    names = ["RA_ICRS", "DE_ICRS", "dist50", "pmRA", "pmDE", "RV"]
    ra, dec, distance, pmra, pmdec, rv = catalogue.select(pl.col(names).cast(pl.Float64)).drop_nulls().to_numpy().T
    sun = Sun(8.275, 0.0208, (11.1, 250.0, 7.8), "test")
    east, north, outward = unit_vectors(ra, dec)
    distance = distance / 1000
    motion = KMS_PER_KPC_MASYR * distance * (pmra * east + pmdec * north) + rv * outward
    X, Y, _ = galactocentric_rotation(sun) @ (distance * outward) + np.array(sun.position_kpc)[:, None]
    v_X, v_Y, _ = galactocentric_rotation(sun) @ motion + np.array(sun.v_sun_kms)[:, None]
    v_R, _ = cylindrical_velocity(X, Y, v_X, v_Y)
    x, y = (read_axis("axis", axis | {"n": 65}) for axis in (X_AXIS, Y_AXIS))
    used = (np.abs(v_R) < 60) & (np.hypot(X + 8.275, Y) > 1) & (X > -12) & (X < -4) & (np.abs(Y) < 4)
    assert used.sum() > 3000
    found = {}
    for index in ("xy", "yx"):
        cells = read_grid_map(real_data / "gaia_rvs_disc_maps/median_v_R.npy", x, y, frame="khalil2025", index=index)
        nearest = np.rint((-X[used] - 4) * 8).astype(int) * 65 + np.rint((Y[used] + 4) * 8).astype(int)
        found[index] = np.corrcoef(cells.value[nearest], v_R[used])[0, 1]
    by_chance = 1 / np.sqrt(used.sum())
    assert found["xy"] > 7 * by_chance
    assert abs(found["yx"]) < 5 * by_chance
