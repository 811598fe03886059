"""The Kiel diagram: audited, with and without a background, every star of the sample in view, numbers of the classes."""

import numpy as np
import polars as pl
import pytest

import plot_kiel_diagram
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.kiel_diagram import draw_kiel_figure
from discatlas.spectral_classes import StarCounts
from discatlas.tables import write_table

TITLES = {"sample": "simulated SDSS-V OB stars, Teff above 10,000 K", "background": "simulated SDSS-V OB stars"}


def made_tables(n=30_000, published=None, background=True):
    """Dwarfs from F to O with some giants; the sample is what is hotter than 10,000 K."""
    rng = np.random.default_rng(3)
    log_teff = np.concatenate([rng.normal(4.0, 0.12, n), rng.normal(4.3, 0.1, n // 5), rng.normal(3.72, 0.03, n // 50)])
    logg = np.concatenate([rng.normal(4.1, 0.2, n), rng.normal(3.9, 0.25, n // 5), rng.normal(2.5, 0.3, n // 50)])
    stars = pl.DataFrame({"teff_K": 10**log_teff, "logg_dex": logg})
    groups = {"sample": stars.filter(pl.col("teff_K") > 10_000)} | ({"background": stars} if background else {})
    rows, cells = [], {}
    for group, frame in groups.items():
        counts = StarCounts([], 0.01, 0.04)
        counts.add([frame])
        rows += counts.class_rows(group, published)
        for name, values in counts.kiel_columns(group).items():
            cells[name] = np.concatenate([cells.get(name, np.array([], np.array(values).dtype)), np.array(values)])
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name in ("teff_min_K", "teff_max_K", "n_published"):
        columns[name] = columns[name].astype(np.float64)
    return columns, cells


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("published", [None, {"O": 213, "early B": 10_632, "late B": 29_503}])
def test_figure_passes_the_audit_and_holds_all_numbers(background, published):
    classes, kiel = made_tables(published=published, background=background)
    figure = draw_kiel_figure(classes, kiel, TITLES, ["hot"], "Hot stars", "stars")
    assert audit_figure(figure) == []
    assert any("cuts made but for: hot" in text.get_text() for text in visible_texts(figure)) == background
    texts = [text.get_text() for text in visible_texts(figure)]
    for n in classes["n_stars"]:
        assert f"{n:,}" in texts
    assert ("29,503" in texts) == (published is not None)
    assert {"31,900 K ", "17,000 K ", "10,400 K "} <= set(texts)
    ax = figure.axes[0]
    sample = kiel["group"] == "sample"
    (x_low, x_high), (y_low, y_high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert 10 ** kiel["log_teff_low_dex"][sample].min() > x_low
    assert 10 ** kiel["log_teff_high_dex"][sample].max() < x_high
    assert y_low < kiel["logg_low_dex"][sample].min() < kiel["logg_high_dex"][sample].max() < y_high
    meshes = [mesh for mesh in ax.collections if mesh.get_array() is not None]
    totals = [int(np.ma.filled(mesh.get_array(), 0).sum()) for mesh in meshes]
    groups = (["background"] if background else []) + ["sample"]
    assert totals == [kiel["n_stars"][kiel["group"] == group].sum() for group in groups]


def test_script_writes_the_same_bytes_and_an_empty_sample_is_an_error(tmp_path):
    classes, kiel = made_tables(3000)
    names = {"classes": ("spectral_classes", classes), "kiel": ("kiel_diagram", kiel)}
    files = {name: tmp_path / f"{name}.parquet" for name in names}
    for name, (contract, columns) in names.items():
        write_table(files[name], load_contract(contract), columns, {"titles": TITLES, "cuts_left_out": ["hot"]})
    for k in range(2):
        figures = {"pdf": tmp_path / f"{k}.pdf", "png": tmp_path / f"{k}.png"}
        plot_kiel_diagram.run(**files, **figures, title="Hot stars", objects="stars", dpi=60)
    for kind in ("pdf", "png"):
        assert (tmp_path / f"0.{kind}").read_bytes() == (tmp_path / f"1.{kind}").read_bytes()
    others = kiel["group"] == "background"
    with pytest.raises(DiscatlasError, match="no star of the sample"):
        draw_kiel_figure(classes, {name: values[others] for name, values in kiel.items()}, TITLES)
