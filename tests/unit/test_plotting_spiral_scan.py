"""The scan over pattern speeds: figure, its table, and the tables to publish."""

import csv
import io

import numpy as np
import pytest

import plot_spiral_scan
import tabulate_spiral_scan
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure
from discatlas.plotting.spiral_scan import DIMENSIONLESS, draw_scan_figure
from discatlas.publish_spirals import scan_latex
from discatlas.tables import write_table

RED = "#b5321f"


def made_scan():
    """Six pattern speeds out of order, the largest evidence at 10."""
    speed = np.array([20.0, 5.0, 10.0, 15.0, 25.0, 30.0])
    n = speed.size
    flat = 229.0 / speed
    return {
        "pattern_speed_kms_kpc": speed,
        "scale_length_kpc": np.linspace(3.0, 80.0, n),
        "scale_length_error_kpc": np.linspace(0.1, 12.0, n),
        "surface_density_msun_kpc2": np.linspace(3e5, 2e7, n),
        "surface_density_error_msun_kpc2": np.full(n, 1.2e5),
        "contrast": np.linspace(3e5, 2e7, n) / 3.8e7,
        "contrast_error": np.full(n, 1.2e5 / 3.8e7),
        "pitch_deg": np.linspace(8.0, 20.0, n),
        "pitch_error_deg": np.full(n, 0.37),
        "phase_deg": np.linspace(10.0, 300.0, n),
        "phase_error_deg": np.full(n, 3.0),
        "ln_evidence": -2000.0 - (speed - 10.0) ** 2,
        "ln_evidence_error": np.full(n, 0.3),
        "ln_bayes_factor": 55.5 - (speed - 10.0) ** 2,
        "ln_likelihood": -1990.0 - (speed - 10.0) ** 2,
        "chi_square": 1234.0 + (speed - 10.0) ** 2,
        "n_cells": np.full(n, 1000),
        "explained_variance": 0.321 - 0.002 * (speed - 10.0) ** 2,
        "rms_residual_kms": np.full(n, 4.5),
        "R_ilr_kpc": 0.29289 * flat,
        "R_inner_ultraharmonic_kpc": 0.64645 * flat,
        "R_corotation_kpc": flat,
        "R_outer_ultraharmonic_kpc": 1.35355 * flat,
        "R_olr_kpc": np.where(speed == 5.0, np.nan, 1.70711 * flat),
    }


@pytest.fixture(scope="module")
def figure():
    return draw_scan_figure(made_scan(), (5.0, 15.0), 2, "a made fit", "scan.parquet")


def test_the_figure_passes_the_audit_and_marks_the_largest_evidence(figure):
    assert audit_figure(figure, DIMENSIONLESS) == []
    scan, axes = made_scan(), figure.axes
    assert len(axes) == 6
    columns = ("ln_bayes_factor", "explained_variance", None, "contrast", "pitch_deg", "scale_length_kpc")
    for ax, name, factor in zip(axes, columns, (1.0, 100.0, 1.0, 100.0, 1.0, 1.0), strict=True):
        if name is None:
            continue
        joined = ax.lines[0].get_xydata()
        order = np.argsort(scan["pattern_speed_kms_kpc"])
        np.testing.assert_allclose(
            joined, np.stack([scan["pattern_speed_kms_kpc"], factor * scan[name]], axis=1)[order]
        )
        red = [bars.lines[0].get_xdata()[0] for bars in ax.containers if bars.lines[0].get_color() == RED]
        assert red == [10.0]
    texts = [text.get_text() for text in figure.texts]
    assert any("1,000 cells" in text and "5 to 15 kpc" in text for text in texts)
    assert "32.1 % of the variance" in " ".join(texts)


def test_the_table_below_holds_a_row_for_each_speed_in_order(figure):
    rows = {}
    for text in figure.texts:
        rows.setdefault(round(text.get_position()[1], 5), []).append(text)
    table = [row for _, row in sorted(rows.items(), reverse=True) if len(row) == 10]
    assert [row[0].get_text() for row in table[2:]] == ["5", "10", "15", "20", "25", "30"]
    best = table[3]
    assert {text.get_color() for text in best} == {RED}
    shown = [text.get_text() for text in best]
    assert shown[1] == r"$33.8 \pm 4.9$"
    assert shown[2] == r"$8.18 \pm 0.12$"
    assert shown[-4:] == ["1.23", "32.1", "4.50", r"$55.5 \pm 0.3$"]


def test_resonances_are_those_of_the_table_and_missing_ones_leave_a_gap(figure):
    ax, scan = figure.axes[2], made_scan()
    order = np.argsort(scan["pattern_speed_kms_kpc"])
    names = ("ilr", "inner_ultraharmonic", "corotation", "outer_ultraharmonic", "olr")
    for line, name in zip(ax.lines, names, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), scan[f"R_{name}_kpc"][order])


def test_one_pattern_speed_is_drawn_and_none_is_an_error():
    one = {name: column[:1] for name, column in made_scan().items()}
    assert audit_figure(draw_scan_figure(one, (5.0, 15.0), 2, "one", "scan.parquet"), DIMENSIONLESS) == []
    none = {name: column[:0] for name, column in made_scan().items()}
    with pytest.raises(DiscatlasError, match="no pattern speed: nothing to draw"):
        draw_scan_figure(none, (5.0, 15.0), 2, "none", "scan.parquet")


def test_latex_rounds_to_the_errors_and_leaves_out_what_is_not_there():
    scan = made_scan()
    text = scan_latex(scan, "100 % of a_b")
    assert r"\caption{100 \% of a\_b}" in text
    row = next(line for line in text.splitlines() if line.startswith("10 &"))
    cells = [cell.strip() for cell in row.removesuffix(r"\\").split("&")]
    assert cells[1:3] == [r"$33.8 \pm 4.9$", r"$8.18 \pm 0.12$"]
    assert cells[-3:] == ["$1.23$", "$0.321$", r"$55.50 \pm 0.30$"]
    assert r"\bar{v}_R" not in text
    n = scan["pattern_speed_kms_kpc"].size
    free = scan | {"v_R_mean_kms": np.full(n, -1.234), "v_R_mean_error_kms": np.full(n, 0.25)}
    assert r"$-1.23 \pm 0.25$" in scan_latex(free, "")
    gap = scan | {"chi_square": np.where(scan["pattern_speed_kms_kpc"] == 5.0, np.nan, scan["chi_square"])}
    assert r"\dots" in next(line for line in scan_latex(gap, "").splitlines() if line.startswith("5 &"))


def test_the_scripts_write_figure_csv_and_latex(tmp_path):
    scan, path = made_scan(), tmp_path / "scan.parquet"
    write_table(path, load_contract("spiral_scan"), scan, {})
    files = {"pdf": tmp_path / "scan.pdf", "png": tmp_path / "scan.png"}
    plot_spiral_scan.run(scan=path, **files, R_limits_kpc=[5.0, 15.0], m=2, title="a made fit", dpi=50)
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    tabulate_spiral_scan.run(scan=path, csv=tmp_path / "scan.csv", tex=tmp_path / "scan.tex", title="giants")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "scan.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == [name for name in load_contract("spiral_scan").names if name in scan]
    np.testing.assert_allclose([float(row["ln_evidence"]) for row in rows], scan["ln_evidence"], rtol=1e-5)
    assert rows[1]["R_olr_kpc"] == ""
    assert "giants" in (tmp_path / "scan.tex").read_text(encoding="utf-8")
