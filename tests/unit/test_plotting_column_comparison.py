"""The figure of columns against each other: audited, with the numbers of its table, the same bytes on every run."""

import doctest

import numpy as np
import pytest

import plot_column_comparison
from discatlas.column_comparison import Pair, bin_pair, compare_pair
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting import column_comparison
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.column_comparison import draw_column_comparison
from discatlas.tables import write_table


def made_tables(n=4000):
    """Temperatures, gravities and velocities of hot stars from two pipelines; the velocities have outliers."""
    rng = np.random.default_rng(1)
    teff = 10 ** rng.normal(4.15, 0.12, n)
    logg, velocity = rng.normal(4.0, 0.35, n), rng.normal(-10, 35, n)
    broad = np.where(rng.random(n) < 0.1, 60.0, 8.0)
    makers = [
        ("teff_K", "esphs_teff_K", teff, 1.05 * teff, 0.04 * teff, 0.05 * teff, "K"),
        ("logg_dex", "esphs_logg_dex", logg, logg + 0.1, 0.15, 0.2, "dex"),
        ("radial_velocity", "gaia_radial_velocity", velocity, velocity, 9.0, broad, "km / s"),
    ]
    rows, cells = [], []
    for number, (x_name, y_name, x, y, x_error, y_error, unit) in enumerate(makers):
        errors = (np.broadcast_to(x_error, n), np.broadcast_to(y_error, n))
        noise = rng.normal(size=(2, n))
        pair = Pair.of(x + errors[0] * noise[0], y + errors[1] * noise[1], *errors, is_log=unit == "K")
        words = {"pair": number, "x": x_name, "y": y_name, "scale": "log10" if unit == "K" else "linear"}
        found, n_outside = bin_pair(pair, 60)
        rows.append(words | {"unit": "dex" if unit == "K" else unit, "n_outside": n_outside} | compare_pair(pair))
        cells.append({"pair": np.full(found["n_stars"].size, number)} | found)
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return columns, {name: np.concatenate([part[name] for part in cells]) for name in cells[0]}


@pytest.fixture(scope="module")
def tables():
    return made_tables()


def test_page_passes_the_audit_and_shows_the_numbers(tables):
    comparison, histogram = tables
    figure = draw_column_comparison(comparison, histogram, ["temperature", "gravity", "velocity"], "Hot stars", "stars")
    assert audit_figure(figure) == []
    texts = " ".join(text.get_text() for text in visible_texts(figure))
    assert texts.count("n = 4,000") == 3
    for share in (comparison["share_within_1"], comparison["share_within_2"]):
        for value in share:
            assert f"{100 * value:.1f} \\pm" in texts
    assert r"gaia $v_\mathrm{los}$ [km s$^{-1}$]" in texts
    meshes = [ax.collections[0].get_array() for ax in figure.axes if ax.collections and not ax.get_label()]
    totals = [int(np.ma.filled(mesh, 0).sum()) for mesh in meshes]
    assert totals == (comparison["n_stars"] - comparison["n_outside"]).tolist()


@pytest.mark.parametrize("n", [1, 4])
def test_other_numbers_of_panels(tables, n):
    comparison, histogram = tables
    which = np.arange(n) % 3
    some = {name: values[which] for name, values in comparison.items()}
    assert audit_figure(draw_column_comparison(some, histogram)) == []


def test_cells_stand_where_they_are():
    """One full cell far from the others: its centre is drawn at its own edges, whichever cells are empty."""
    rng = np.random.default_rng(2)
    x = np.append(rng.uniform(0, 1, 500), 10.0)
    comparison, _ = made_tables(200)
    pair = Pair.of(x, x, None, None, is_log=False)
    found, _ = bin_pair(pair, 37)
    found |= {"pair": np.full(found["n_stars"].size, 1)}
    one = {name: values[1:2] for name, values in comparison.items()}
    figure = draw_column_comparison(one, found)
    ax = next(ax for ax in figure.axes if ax.collections and not ax.get_label())
    corners = ax.collections[0].get_coordinates()[0, :, 0]
    assert np.abs(corners[:, None] - found["x_low"]).min(axis=0).max() < 1e-9


def test_script_writes_the_same_bytes_and_errors_are_clear(tmp_path, tables):
    comparison, histogram = tables
    names = {"comparison": "columns_comparison", "histogram": "columns_histogram"}
    files = {name: tmp_path / f"{name}.parquet" for name in names}
    for (name, contract), columns in zip(names.items(), (comparison, histogram), strict=True):
        write_table(files[name], load_contract(contract), columns, {})
    words = {"title": "Hot stars", "objects": "stars", "dpi": 60}
    for k in range(2):
        figures = {"pdf": tmp_path / f"{k}.pdf", "png": tmp_path / f"{k}.png"}
        plot_column_comparison.run(**files, **figures, titles=[], **words)
    for kind in ("pdf", "png"):
        assert (tmp_path / f"0.{kind}").read_bytes() == (tmp_path / f"1.{kind}").read_bytes()
    with pytest.raises(DiscatlasError, match="3 pairs and 1 titles"):
        draw_column_comparison(comparison, histogram, ["one"])
    with pytest.raises(DiscatlasError, match="no cells for teff_K"):
        draw_column_comparison(comparison, {name: values[:0] for name, values in histogram.items()})


def test_doctests():
    assert doctest.testmod(column_comparison).failed == 0
