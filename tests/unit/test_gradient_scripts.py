"""The rules of the gradients: tables, summaries, LaTeX, the check against the truth, and what is wrong with an input."""

import json
import re

import numpy as np
import polars as pl
import pytest
from astropy.table import Table
from made_gradients import phase_space

import check_metallicity_gradient
import fit_metallicity_gradient
import tabulate_metallicity_gradient
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, read_provenance

SETTINGS = {
    "membership": None, "quantity": "feh_dex", "x": "R_kpc", "bin_by": "abs_Z_kpc",
    "edges_kpc": [0.0, 0.2, 0.4, 1.5, 1.6], "selection": None, "min_stars": 300, "likelihood": "kelly2007",
    "models": ["linear"], "moves": "mixture", "n_walkers": 20, "n_burn": 50, "n_steps": 300, "max_steps": 3000,
    "max_r_hat": 1.01, "min_effective": 400, "on_unconverged": "fail", "seed": 1, "threads": 2,
}  # fmt: skip


def paths(folder):
    return {name: folder / f"{name}{end}" for name, end in (("gradient", ".parquet"), ("chains", ".parquet"), ("summary", ".json"))}  # fmt: skip


def fit(folder, stars, **changes):
    folder.mkdir(exist_ok=True)
    out = paths(folder)
    fit_metallicity_gradient.run(stars=stars, **out, **(SETTINGS | changes))
    return out


@pytest.fixture
def disc(tmp_path):
    stars = tmp_path / "disc.parquet"
    return stars, phase_space(stars, np.random.default_rng(1))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """All three models of a disc, in bins of |Z|, with what they were made from."""
    folder = tmp_path_factory.mktemp("gradient")
    truth = phase_space(folder / "disc.parquet", np.random.default_rng(1))
    truth.write_parquet(folder / "truth.parquet")
    return folder, fit(folder, folder / "disc.parquet", models=["linear", "broken", "quadratic"])


def test_every_bin_and_model_is_a_row(fitted):
    table = read_columns(fitted[1]["gradient"])
    assert table["bin"].tolist() == np.repeat([0, 1, 2, 3], 3).tolist()
    assert table["model"].tolist() == ["linear", "broken", "quadratic"] * 4
    few = table["status"] == "too_few_stars"
    assert few.tolist() == [False] * 9 + [True] * 3
    assert 0 < table["n_stars"][-1] < 300
    assert np.isfinite(table["bin_mean_kpc"][-1])
    assert np.isnan(table["slope_dex_per_kpc"][few]).all()
    assert table["best"].reshape(4, 3).sum(axis=1).tolist() == [1, 1, 1, 0]
    has = {"break_kpc": "broken", "outer_slope_dex_per_kpc": "broken", "curvature_dex_per_kpc2": "quadratic",
           "second_slope_dex_per_kpc": "linear", "scatter_orthogonal_dex": "linear"}  # fmt: skip
    for column, model in has.items():
        np.testing.assert_array_equal(np.isfinite(table[column][~few]), table["model"][~few] == model)


def test_slopes_are_those_of_the_disc(fitted):
    table = read_columns(fitted[1]["gradient"])
    linear = (table["model"] == "linear") & (table["status"] == "fitted")
    slope, error = (table[f"slope{part}_dex_per_kpc"][linear] for part in ("", "_error"))
    assert (np.abs(slope + 0.07) < 4.0 * error).all()
    np.testing.assert_allclose(table["scatter_dex"][linear], 0.15, atol=0.02)
    assert (table["slope_lo_dex_per_kpc"][linear] < slope).all()
    np.testing.assert_allclose(table["second_slope_dex_per_kpc"][linear], slope, atol=0.5 * error.max())
    np.testing.assert_allclose(table["second_slope_error_dex_per_kpc"][linear], error, rtol=0.25)
    centre = table["intercept_dex"][linear] + slope * table["pivot_kpc"][linear]
    np.testing.assert_allclose(centre, 0.6 - 0.07 * table["pivot_kpc"][linear] - 0.2 * table["bin_mean_kpc"][linear], atol=0.05)  # fmt: skip
    assert table["best"][linear].all()
    assert (table["aic"][linear] < table["bic"][linear]).all()
    lam = table["scatter_dex"][linear] / np.sqrt(1.0 + slope**2)
    np.testing.assert_allclose(table["scatter_orthogonal_dex"][linear], lam, rtol=1e-3)


def test_chains_and_summary_say_the_same_as_the_table(fitted):
    out = fitted[1]
    table, chains = read_columns(out["gradient"]), read_columns(out["chains"])
    for k in np.flatnonzero(table["status"] == "fitted"):
        mine = (chains["bin"] == table["bin"][k]) & (chains["model"] == table["model"][k])
        assert 1000 < mine.sum() <= 4000
        slope = chains["slope_dex_per_kpc"][mine]
        assert np.median(slope) == pytest.approx(table["slope_dex_per_kpc"][k], abs=0.2 * table["slope_error_dex_per_kpc"][k])  # fmt: skip
        assert np.isfinite(chains["break_kpc"][mine]).all() == (table["model"][k] == "broken")
    summary = json.loads(out["summary"].read_text())
    assert len(summary["fits"]) == table["bin"].size
    assert set(summary["fits"][0]) == set(load_contract("metallicity_gradient").names)
    assert summary["n_stars"] == {"read": 3000, "selected": 3000, "in_disc": 3000, "complete": 3000}
    moments = summary["slopes_by_moments"][0]
    assert moments["kelly2007_slope_dex_per_kpc"] == table["second_slope_dex_per_kpc"][0]
    assert abs(moments["hogg2010_slope_dex_per_kpc"]) < abs(moments["kelly2007_slope_dex_per_kpc"])
    assert read_provenance(out["gradient"])["sampler"]["moves"] == "mixture"


def test_the_same_bytes_again_on_any_number_of_threads_and_beside_other_bins(disc, tmp_path):
    stars, _ = disc
    first, again = (fit(tmp_path / str(threads), stars, threads=threads) for threads in (1, 2))
    for name in first:
        assert first[name].read_bytes() == again[name].read_bytes()
    alone = fit(tmp_path / "alone", stars, edges_kpc=[0.0, 0.2])
    assert read_columns(alone["gradient"])["slope_dex_per_kpc"][0] == read_columns(first["gradient"])["slope_dex_per_kpc"][0]  # fmt: skip


def test_vertical_gradients(disc, tmp_path):
    stars, _ = disc
    out = fit(tmp_path / "vertical", stars, x="abs_Z_kpc", bin_by="R_kpc", edges_kpc=[7.0, 9.0, 11.0], selection="abs(Z_kpc) < 1")  # fmt: skip
    table = read_columns(out["gradient"])
    assert (np.abs(table["slope_dex_per_kpc"] + 0.2) < 3.5 * table["slope_error_dex_per_kpc"]).all()
    assert (table["x_low_kpc"] >= 0).all()
    assert (table["x_high_kpc"] <= 1.001).all()


def test_halo_cut_and_missing_values_are_counted(disc, tmp_path):
    stars, _ = disc
    frame = pl.read_parquet(stars)
    feh = frame["feh_dex"].to_numpy().copy()
    feh[:7] = np.nan
    in_disc = np.arange(frame.height) >= 5
    frame.with_columns(feh_dex=feh).write_parquet(stars)
    membership = tmp_path / "membership.parquet"
    pl.DataFrame({"source_id": frame["source_id"], "in_disc": in_disc}).write_parquet(membership)
    out = fit(tmp_path / "cut", stars, membership=membership, edges_kpc=[0.0, 0.2])
    counts = json.loads(out["summary"].read_text())["n_stars"]
    assert counts == {"read": 3000, "selected": 3000, "in_disc": 2995, "complete": 2993}
    pl.DataFrame({"source_id": frame["source_id"].reverse(), "in_disc": in_disc}).write_parquet(membership)
    with pytest.raises(DiscatlasError, match=r"not the stars of .*disc\.parquet, row by row"):
        fit(tmp_path / "cut", stars, membership=membership)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("feh_error_dex", 0.0, r"feh_error_dex of 1 of 3,000 stars is not above zero \(source_id 103 has 0\)"),
        ("R_error_kpc", -0.1, r"R_error_kpc of 1 of 3,000 stars is not above zero \(source_id 103 has -0.1\).*selection R_error_kpc > 0"),
        ("R_feh_corr", 1.5, r"R_feh_corr of 1 stars is not between -1 and 1 \(source_id 103 has 1.5\)"),
    ],
)  # fmt: skip
def test_impossible_errors_are_refused(disc, tmp_path, column, value, message):
    stars, _ = disc
    frame = pl.read_parquet(stars)
    values = frame[column].to_numpy().copy() if column in frame.columns else np.zeros(frame.height)
    values[3] = value
    frame.with_columns(pl.Series(column, values)).write_parquet(stars)
    with pytest.raises(DiscatlasError, match=message):
        fit(tmp_path / "out", stars)
    assert not (tmp_path / "out" / "gradient.parquet").exists()


def test_missing_covariances_are_counted_and_known_ones_used(disc, tmp_path):
    stars, _ = disc
    frame = pl.read_parquet(stars)
    correlation = np.full(frame.height, 0.5)
    correlation[:11] = np.nan
    frame.with_columns(R_feh_corr=correlation).write_parquet(stars)
    with_it = fit(tmp_path / "with", stars, edges_kpc=[0.0, 0.2], likelihood="hogg2010")
    assert json.loads(with_it["summary"].read_text())["n_stars"]["complete"] == 3000 - 11
    frame[11:].write_parquet(stars)
    without = fit(tmp_path / "without", stars, edges_kpc=[0.0, 0.2], likelihood="hogg2010")
    a, b = (read_columns(out["gradient"])["ln_likelihood"][0] for out in (with_it, without))
    assert a != b


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_stars": 2500}, r"no bin has min_stars = 2500 stars \(the fullest has 1,\d+\)"),
        ({"selection": "R_kpc > 90"}, "selection 'R_kpc > 90' keeps none of 3,000 stars"),
        ({"quantity": "fe_dex"}, r"no column 'fe_dex' \(nearest: 'feh_dex'\)"),
        ({"x": "Z_kpc"}, "coordinate 'Z_kpc' is unknown"),
        ({"edges_kpc": [0.2, 0.1]}, "expected two or more that grow"),
        ({"min_stars": 5}, "min_stars is 5, expected 20 or more"),
        ({"models": ["line"]}, r"model 'line' is unknown \(nearest: 'linear'\)"),
        ({"likelihood": "kelly"}, "likelihood 'kelly' is unknown"),
        ({"on_unconverged": "ignore"}, "on_unconverged 'ignore' is unknown"),
    ],
)
def test_bad_settings_are_said(disc, tmp_path, changes, message):
    with pytest.raises(DiscatlasError, match=message):
        fit(tmp_path / "out", disc[0], **changes)


def test_constant_metallicity_is_refused(tmp_path):
    stars = tmp_path / "disc.parquet"
    phase_space(stars, np.random.default_rng(1), feh_dex=np.full(3000, -0.1))
    with pytest.raises(
        DiscatlasError, match=r"disc.parquet: bin 0-0.2 kpc: all 1,\d+ stars have one metallicity, -0.1"
    ):
        fit(tmp_path / "out", stars)


def test_unconverged_chains_fail_with_their_numbers_or_are_marked(disc, tmp_path, caplog):
    stars, _ = disc
    short = {
        "moves": "stretch",
        "n_walkers": 10,
        "n_burn": 0,
        "n_steps": 200,
        "max_steps": 200,
        "edges_kpc": [0.0, 0.2],
    }
    numbers = r"1 of 1 fits have not converged, first bin 0-0.2 kpc, linear: R-hat 1\.\d{4}, effective size \d+, autocorrelation [\d.]+ of 200 steps, acceptance 0\.\d\d"  # fmt: skip
    with pytest.raises(DiscatlasError, match=numbers):
        fit(tmp_path / "out", stars, **short)
    assert not (tmp_path / "out" / "gradient.parquet").exists()
    out = fit(tmp_path / "out", stars, **short, on_unconverged="report")
    assert read_columns(out["gradient"])["converged"].tolist() == [False]
    assert re.search(r"bin 0-0.2 kpc, linear: R-hat", caplog.text)
    tex = tmp_path / "out.tex"
    tabulate_metallicity_gradient.run(gradient=out["gradient"], csv=tmp_path / "out.csv", tex=tex, title="disc")
    assert "0.10$^*$ &" in tex.read_text()


def test_a_slope_that_hangs_on_its_assumption_is_warned_of(disc, tmp_path, caplog):
    fit(tmp_path / "out", disc[0], x="abs_Z_kpc", bin_by="R_kpc", edges_kpc=[7.0, 11.0], likelihood="robotham2015")
    assert "by moments as of hogg2010 -0." in caplog.text


def test_tables_like_the_papers(fitted, tmp_path):
    csv, tex = tmp_path / "g.csv", tmp_path / "g.tex"
    tabulate_metallicity_gradient.run(gradient=fitted[1]["gradient"], csv=csv, tex=tex, title="disc & halo")
    table = read_columns(fitted[1]["gradient"])
    back = Table.read(csv.read_text(), format="ascii.csv")
    assert back.colnames == list(table)
    np.testing.assert_allclose(back["slope_dex_per_kpc"][:9], table["slope_dex_per_kpc"][:9], rtol=1e-5)
    assert back["slope_dex_per_kpc"].mask[9:].all()
    text = tex.read_text()
    assert text.count(r"\begin{table}") == 3
    assert r"\caption{Radial metallicity gradient of the disc \& halo: linear model, kelly2007.}" in text
    linear = text.split(r"\end{table}")[0].splitlines()
    row = next(line for line in linear if line.startswith("0.10"))
    value, error = re.search(r"\$(-0\.\d+) \\pm (0\.\d+)\$", row).groups()
    assert float(value) == pytest.approx(table["slope_dex_per_kpc"][0], abs=float(error) / 10)
    assert row.split("&")[-1].split()[0] == str(table["n_stars"][0])
    assert next(line for line in linear if line.startswith("1.55")).count(r"\dots") == 3
    assert all(line.count("&") == 4 for line in linear if "&" in line and "caption" not in line)


def check(folder, out, truth, **changes):
    result = folder / "check.json"
    limits = {"max_chi_square": 1.0, "max_noise_chi_square": 4.0}
    check_metallicity_gradient.run(
        gradient=out["gradient"], stars=folder / "disc.parquet", membership=None, truth=truth, result=result, name="disc",
        threads=1, **(limits | changes),
    )  # fmt: skip
    return {record["name"]: record for record in json.loads(result.read_text())}


def test_slopes_hold_against_the_truth_of_their_stars_and_not_against_anothers(fitted, tmp_path):
    folder, out = fitted
    records = check(folder, out, folder / "truth.parquet")
    assert [record["pass"] for record in records.values()] == [True] * 3
    truth = pl.read_parquet(folder / "truth.parquet")
    other = truth.with_columns(feh_dex=truth["feh_dex"] + 0.02 * (truth["R_kpc"] - 9.0))
    other.write_parquet(tmp_path / "other.parquet")
    records = check(folder, out, tmp_path / "other.parquet")
    assert not records["disc: slope"]["pass"]
    assert not records["disc: slope, by the stars' errors alone"]["pass"]
    wide = truth.with_columns(feh_dex=truth["feh_dex"] + 0.1 * np.random.default_rng(2).standard_normal(truth.height))
    wide.write_parquet(tmp_path / "wide.parquet")
    assert not check(folder, out, tmp_path / "wide.parquet")["disc: scatter"]["pass"]


def test_the_check_wants_the_stars_of_the_fit(fitted, tmp_path):
    folder, out = fitted
    pl.read_parquet(folder / "disc.parquet")[:2000].write_parquet(tmp_path / "disc.parquet")
    with pytest.raises(DiscatlasError, match="not the stars of the fit"):
        check(tmp_path, out, folder / "truth.parquet")


def test_bins_that_errors_of_x_have_filled_are_not_checked(tmp_path):
    stars = tmp_path / "disc.parquet"
    truth = phase_space(stars, np.random.default_rng(1), R_error_kpc=np.full(3000, 0.5))
    truth.write_parquet(tmp_path / "truth.parquet")
    out = fit(tmp_path / "out", stars, edges_kpc=[0.0, 0.2])
    assert read_columns(out["gradient"])["x_error_share"][0] > 0.05
    with pytest.raises(DiscatlasError, match="1 bins were fitted by a straight line, none with errors of x below 5%"):
        check(tmp_path, out, tmp_path / "truth.parquet")
