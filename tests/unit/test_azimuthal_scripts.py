"""Scripts of the azimuthal structure end to end on small tables: what is written, what is checked, what is refused."""

import json

import numpy as np
import polars as pl
import pytest
from made_azimuthal import R0, draw_places, polar

import check_azimuthal_variation
import compare_overdensity
import fit_azimuthal_variation
import smooth_overdensity
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

N_STARS = 30_000


def phase_space(path, amplitude):
    """Stars with a wave m = 2 of this amplitude and phase 30 deg; some without metallicity."""
    rng = stream_generator(20260101, "test_azimuthal_scripts", str(amplitude))
    X, Y = draw_places(N_STARS, rng)
    R, phi = polar(X, Y)
    Z = rng.laplace(scale=0.2, size=N_STARS)
    feh = -0.07 * (R - R0) - 0.1 * np.abs(Z) + 0.1 * rng.standard_normal(N_STARS)
    feh += amplitude * np.cos(np.deg2rad(2 * (phi - 30.0)))
    feh[::20] = np.nan
    stars = {"source_id": 2**60 + np.arange(N_STARS), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
    frame = pl.DataFrame(stars | {"feh_dex": feh}).with_columns(pl.col("feh_dex").fill_nan(None))
    frame.write_parquet(path)
    return frame


def fit(folder, **changes):
    settings = {
        "stars": folder / "stars.parquet",
        "membership": None,
        "variation": folder / "variation.parquet",
        "waves": folder / "waves.parquet",
        "summary": folder / "summary.json",
        "quantity": "feh_dex",
        "selection": "abs(Z_kpc) < 0.3",
        "annuli_kpc": [[7.0, 9.0], [9.0, 11.0]],
        "R_window_kpc": 0.2,
        "trend": "linear",
        "phi_limits_deg": [-30.0, 30.0],
        "phi_width_deg": 3.0,
        "min_stars": 20,
        "block_kpc": 0.5,
        "null": "blocks",
        "n_permutations": 199,
        "max_wavenumber": 4,
        "seed": 1,
        "sample": "made",
        "name": "feh",
        "threads": 1,
    }
    fit_azimuthal_variation.run(**settings | changes)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return read_columns(folder / "variation.parquet"), read_columns(folder / "waves.parquet"), summary


def check(folder, **changes):
    settings = {"summary": folder / "summary.json", "waves": folder / "waves.parquet", "result": folder / "check.json"}
    settings |= {"name": "made", "expected": "pattern", "level": 0.05, "m": 2, "amplitude": 0.05, "phase_deg": 30.0}
    settings |= {"amplitude_tolerance": 0.02, "phase_tolerance_deg": 15.0}
    check_azimuthal_variation.run(**settings | changes)
    return json.loads((folder / "check.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def with_wave(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wave")
    return folder, phase_space(folder / "stars.parquet", 0.05), fit(folder)


def test_table_of_the_variation_holds_the_stars_of_each_bin(with_wave):
    folder, frame, (table, _, summary) = with_wave
    assert len(table["annulus"]) == 40
    used = frame.filter(pl.col("feh_dex").is_not_null() & (pl.col("Z_kpc").abs() < 0.3))
    low, high = table["phi_centre_deg"][7] - 1.5, table["phi_centre_deg"][7] + 1.5
    here = used.filter(pl.col("R_kpc").is_between(7, 9, "left") & pl.col("phi_deg").is_between(low, high, "left"))
    assert table["n_stars"][7] == here.height
    assert table["phi_mean_deg"][7] == pytest.approx(here["phi_deg"].mean())
    few = table["n_stars"] < 20
    assert (np.isnan(table["feh_deviation_dex"]) == few).all()
    assert summary["n_stars"]["with_values"] == used.height
    assert [annulus["n_stars"] for annulus in summary["annuli"]] == [
        table["n_stars"][part].sum() for part in (slice(20), slice(20, 40))
    ]
    assert read_provenance(folder / "variation.parquet")["null"] == "blocks"


def test_the_wave_is_found_with_its_amplitude_and_phase(with_wave):
    folder, _, (_, waves, summary) = with_wave
    assert all(annulus["p_any_wave"] <= 0.01 for annulus in summary["annuli"])
    row = np.flatnonzero((waves["annulus"] == 0) & (waves["m"] == 2))[0]
    assert waves["p_value"][row] <= 0.01
    assert abs(waves["feh_amplitude_dex"][row] - 0.05) < 4 * waves["feh_amplitude_error_dex"][row]
    records = check(folder)
    assert [record["pass"] for record in records[:3]] == [True] * 3
    assert len(records) == 5
    assert check(folder, phase_deg=30.0 + 180.0)[2]["value"] == pytest.approx(records[2]["value"] + 180.0)
    assert not check(folder, amplitude=0.15)[1]["pass"]
    assert not check(folder, phase_deg=-45.0)[2]["pass"]
    assert not check(folder, expected="none")[0]["pass"]
    assert len(check(folder, m=None)) == 1


def test_without_a_wave_there_is_none(tmp_path):
    phase_space(tmp_path / "stars.parquet", 0.0)
    fit(tmp_path)
    none = {"m": None, "amplitude": None, "phase_deg": None, "amplitude_tolerance": None, "phase_tolerance_deg": None}
    assert check(tmp_path, expected="none", **none)[0]["pass"]
    assert not check(tmp_path, **none)[0]["pass"]


def test_halo_stars_are_left_out_and_results_repeat(with_wave, tmp_path):
    folder, frame, (table, _, _) = with_wave
    frame.write_parquet(tmp_path / "stars.parquet")
    disc = pl.DataFrame({"source_id": frame["source_id"], "in_disc": np.arange(N_STARS) % 3 > 0})
    disc.write_parquet(tmp_path / "membership.parquet")
    cut, _, summary = fit(tmp_path, membership=tmp_path / "membership.parquet")
    assert summary["n_stars"]["in_disc"] == pytest.approx(summary["n_stars"]["selected"] * 2 / 3, rel=0.05)
    assert (cut["n_stars"] <= table["n_stars"]).all()
    fit(tmp_path)
    for name in ("variation.parquet", "waves.parquet", "summary.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_bad_input_is_said(with_wave, tmp_path):
    _, frame, _ = with_wave
    frame.with_columns(feh_dex=pl.lit(0.1)).write_parquet(tmp_path / "stars.parquet")
    with pytest.raises(DiscatlasError, match="is the quantity constant"):
        fit(tmp_path)
    with pytest.raises(DiscatlasError, match="no star with a value in the annulus 30 to 31"):
        fit(tmp_path, annuli_kpc=[[30.0, 31.0]])
    with pytest.raises(DiscatlasError, match="no star is left to use"):
        fit(tmp_path, selection="Z_kpc > 100")
    with pytest.raises(DiscatlasError, match="no column 'fe_h'"):
        fit(tmp_path, quantity="fe_h")
    (tmp_path / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DiscatlasError, match="not a record of rule fit_azimuthal_variation"):
        check(tmp_path)
    with pytest.raises(DiscatlasError, match="got expected 'some'"):
        check(tmp_path, expected="some")


def test_check_of_a_wavenumber_that_was_not_fitted(with_wave):
    folder, _, _ = with_wave
    with pytest.raises(DiscatlasError, match="no wave of m = 7; it has m up to 4"):
        check(folder, m=7)


def smooth(folder, stars):
    smooth_overdensity.run(
        stars=stars,
        overdensity=folder / "overdensity.parquet",
        limits_kpc=[[-12.2, -4.2], [-4.0, 4.0]],
        spacing_kpc=0.1,
        local_kpc=0.3,
        mean_kpc=2.0,
        kernel="epanechnikov",
        min_density_share_per_kpc2=0.003,
        selection="abs(Z_kpc) < 0.5",
        threads=1,
    )
    return read_columns(folder / "overdensity.parquet")


def compare(folder, cells, grid_column="overdensity", cell_column="feh_residual_dex", grid=None, **changes):
    settings = {"null": "shifts", "n_null": 199, "min_overlap": 0.6, "R0_kpc": R0, "z_sun_kpc": 0.02, "seed": 1}
    compare_overdensity.run(
        cells=cells,
        overdensity=grid or folder / "overdensity.parquet",
        null_distribution=folder / "null.parquet",
        summary=folder / "comparison.json",
        cell_column=cell_column,
        grid_column=grid_column,
        sample="made",
        name="feh",
        threads=1,
        **settings | changes,
    )
    return read_columns(folder / "null.parquet"), json.loads((folder / "comparison.json").read_text(encoding="utf-8"))


def test_contrast_of_a_sample_is_compared_with_cells_and_with_any_map(with_wave, tmp_path):
    folder, _, _ = with_wave
    density = smooth(tmp_path, folder / "stars.parquet")
    known = np.isfinite(density["overdensity"])
    assert 0.3 < known.mean() <= 1.0
    assert density["overdensity"][known].min() >= -1
    X, Y = (density[name].reshape(81, 81)[::5, ::5].ravel() for name in ("X_kpc", "Y_kpc"))
    values = density["overdensity"].reshape(81, 81)[::5, ::5].ravel()
    contract = load_contract("metallicity_residual").expand(a=["X_kpc", "Y_kpc"], q=["feh_dex"])
    rows = {"cell": np.arange(X.size), "n_stars": np.full(X.size, 9), "X_centre_kpc": X, "Y_centre_kpc": Y}
    empty = [column.name for column in contract.columns if column.name.startswith("feh_")]
    rows |= dict.fromkeys(empty, np.full(X.size, np.nan)) | {"feh_residual_dex": 0.1 * values}
    write_table(tmp_path / "cells.parquet", contract, rows, {})
    null, summary = compare(tmp_path, tmp_path / "cells.parquet")
    assert summary["r"] == pytest.approx(1.0)
    assert summary["p_value"] == 1 / 200
    assert summary["n_cells"] == np.isfinite(values).sum()
    assert null["kind"][0] == "observed"
    assert (null["kind"][1:] == "shifts").all()
    assert len(null["r"]) == 200
    np.testing.assert_allclose(null["score"], null["r"] * np.sqrt(null["n_cells"]))
    # any table with X_kpc and Y_kpc, any column: here the contrast with its own mean density
    _, other = compare(
        tmp_path,
        tmp_path / "overdensity.parquet",
        "mean_density_per_kpc2",
        "overdensity",
        null="rotations_sun",
        n_null=99,
    )
    assert abs(other["r"]) < 0.9
    with pytest.raises(DiscatlasError, match="no column 'v_R_kms'"):
        compare(tmp_path, tmp_path / "cells.parquet", cell_column="v_R_kms")
    with pytest.raises(DiscatlasError, match="the cells have no place in the plane"):
        compare(tmp_path, folder / "waves.parquet", cell_column="power")


def test_published_over_density_is_read_without_its_masked_cells(real_data, tmp_path):
    folder = real_data / "poggio2021_overdensity"
    values = np.load(folder / "overdens_grid_locscale03.npy").ravel()
    x, y = (np.load(folder / f"{axis}values.npy") for axis in "xy")
    X, Y = (axis.ravel() for axis in np.meshgrid(x - R0, y, indexing="ij"))
    frame = pl.DataFrame({"X_kpc": X, "Y_kpc": Y, "overdensity": np.where(values == 0.0, np.nan, values)})
    frame.with_columns(pl.col("overdensity").fill_nan(None)).write_parquet(tmp_path / "overdensity.parquet")
    chosen = np.abs(np.round(X / 0.7) * 0.7 - X) + np.abs(np.round(Y / 0.7) * 0.7 - Y) < 0.1
    cells = pl.DataFrame({"X_kpc": X[chosen], "Y_kpc": Y[chosen], "v_R_kms": 5.0 * values[chosen]})
    cells.write_parquet(tmp_path / "cells.parquet")
    _, summary = compare(tmp_path, tmp_path / "cells.parquet", cell_column="v_R_kms")
    assert summary["r"] == pytest.approx(1.0)
    assert summary["p_value"] == 1 / 200
    assert summary["n_cells"] <= np.sum(values[chosen] != 0.0)
