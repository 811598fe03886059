"""The table of coverages and its page: the contract, every row drawn once, failures told."""

import numpy as np
import polars as pl
import pytest

import check_calibration
import plot_calibration
from discatlas.calibration.registry import STUDIES
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.calibration import Line, arrange, break_columns, draw_calibration_figure, quantity_label
from discatlas.tables import read_columns, read_provenance


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    paths = {"table": folder / "calibration.parquet", "csv": folder / "calibration.csv"}
    paths |= {"dispersions": folder / "dispersions.parquet", "dispersions_csv": folder / "dispersions.csv"}
    check_calibration.run(**paths, n_intervals=5, seed=3, threads=2)
    return folder


def made_rows(verdicts):
    """Rows of one estimator with coverages of 68 or 40 %."""
    n = len(verdicts)
    coverage = np.where(np.array(verdicts) == "pass", 0.68, 0.40)
    columns = {"estimator": ["plain"] * n, "case": ["N = 6"] * n, "quantity": [f"q{k}" for k in range(n)]}
    columns |= {"verdict": verdicts, "remark": ["" if v == "pass" else "biased low" for v in verdicts]}
    columns = {name: np.array(values, dtype=object) for name, values in columns.items()}
    interval = {"coverage_lo": coverage - 0.04, "coverage_hi": coverage + 0.04}
    return columns | interval | {"coverage": coverage, "n_intervals": np.full(n, 1000)}


def test_the_table_keeps_its_contract_and_is_the_same_as_csv(table):
    rows = pl.read_parquet(table / "calibration.parquet")
    assert (rows["n_intervals"] == 5).all()
    assert rows.select("estimator", "case", "quantity").is_unique().all()
    assert rows["verdict"].is_in(["pass", "fail"]).all()
    assert (rows.filter(pl.col("verdict") == "fail")["remark"] != "").all()
    as_text = pl.read_csv(table / "calibration.csv")
    assert as_text.columns == rows.columns
    assert as_text["estimator"].to_list() == rows["estimator"].to_list()
    np.testing.assert_allclose(as_text["coverage"], rows["coverage"], atol=1e-6)
    assert read_provenance(table / "calibration.parquet") == {"table": "calibration", "n_intervals": 5, "seed": 3}
    assert rows["case"].n_unique() <= len(STUDIES)


def test_the_table_of_dispersions_is_written_beside_it(table):
    rows, as_text = pl.read_parquet(table / "dispersions.parquet"), pl.read_csv(table / "dispersions.csv")
    assert rows.select("estimator", "n_stars", "velocity_error_kms", "velocity_error_spread").is_unique().all()
    assert rows["n_stars"].unique().sort().to_list() == [6, 10, 20, 50, 100, 1000]
    assert (rows["n_cells"] == 50).all()
    assert as_text.columns == rows.columns
    np.testing.assert_allclose(as_text["sigma_coverage"], rows["sigma_coverage"], atol=1e-6)
    assert read_provenance(table / "dispersions.parquet")["n_cells"] == 50


def test_the_page_shows_every_row_and_nothing_overlaps(table):
    rows = read_columns(table / "calibration.parquet")
    lines = arrange(rows)
    assert sorted(line.row for line in lines if line.level == 0) == list(range(rows["estimator"].size))
    figure = draw_calibration_figure(rows)
    assert audit_figure(figure) == []
    width, height = figure.get_size_inches() * 25.4
    assert width < 300
    assert height < 300


def test_the_files_are_the_same_on_every_run(table, tmp_path):
    for name in ("a", "b"):
        files = {"pdf": tmp_path / f"{name}.pdf", "png": tmp_path / f"{name}.png"}
        plot_calibration.run(table=table / "calibration.parquet", **files, dpi=60)
    for kind in ("pdf", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_failures_are_told_with_coverage_letter_and_reason():
    figure = draw_calibration_figure(made_rows(["pass", "fail", "pass", "fail"]))
    texts = [text.get_text() for text in visible_texts(figure)]
    assert texts.count("40.0  a") == 2
    assert "(a) biased low" in texts
    assert "4 rows of 1,000 independent intervals each: 2 pass, 2 fail" in " ".join(texts)
    assert audit_figure(figure) == []
    assert audit_figure(draw_calibration_figure(made_rows(["pass"] * 3))) == []


def test_columns_hold_all_lines_and_repeat_their_headings():
    lines = [Line(1, "one"), Line(2, "case"), *(Line(0, "q", k) for k in range(30)), Line(1, "two"), Line(2, "case")]
    lines += [Line(0, "q", k) for k in range(30, 36)]
    columns = break_columns(lines, 18)
    assert [line.row for column in columns for line in column if line.level == 0] == list(range(36))
    assert all(len(column) <= 18 for column in columns)
    assert [column[0].text for column in columns] == ["one", "one (cont.)", "two"]
    assert all(column[-1].level == 0 for column in columns)


def test_quantities_are_printed_as_symbols():
    assert quantity_label("v_phi_RR") == r"$v_{\varphi,RR}$"
    assert quantity_label("v_Z_0") == "$v_Z$"
    assert quantity_label("north minus south v_R") == "north minus south $v_R$"
    assert quantity_label("A") == "$A$"
    assert quantity_label("rotation_XY") == "$M^-_{XY}$"
    assert quantity_label("median") == "median"


def test_an_empty_table_is_said():
    with pytest.raises(DiscatlasError, match="no rows to draw"):
        draw_calibration_figure(made_rows([]))
