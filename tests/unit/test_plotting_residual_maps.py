"""Residual maps and their comparison with a density contrast pass the audit and show what the tables hold."""

import json

import numpy as np
import pytest
from made_chemistry import R0, Z_SUN, made_comparison, made_contrast, made_residual
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.contour import ContourSet

import plot_metallicity_residual
import plot_overdensity_comparison
from discatlas.arms import read_arms
from discatlas.errors import DiscatlasError
from discatlas.plotting import contrast_comparison, residual_maps
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.residual_maps import Overlay, draw_residual_figure, residual_facts, residual_quantity
from discatlas.tables import read_columns, read_provenance
from places import ROOT

ARMS = ROOT / "resources/reid2019_arms.csv"
MAPS = {
    "hexagons": (("X_kpc", "Y_kpc"), "hexagon"),
    "squares": (("X_kpc", "Y_kpc"), "square"),
    "meridional": (("R_kpc", "Z_kpc"), "hexagon"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("residuals")
    for name, (axes, shape) in MAPS.items():
        made_residual(folder / f"{name}.parquet", axes, shape)
    made_contrast(folder / "contrast.parquet")
    made_comparison(folder)
    return folder


def overlay(folder, with_contrast=True):
    contrast = contrast_grid(read_columns(folder / "contrast.parquet"), "contrast") if with_contrast else None
    return Overlay(R0, Z_SUN, read_arms(ARMS), contrast)


def draw(folder, name, over=None, **changed):
    path = folder / f"{name}.parquet"
    cells = read_columns(path) | changed
    facts = residual_facts(read_provenance(path), str(path), "giants")
    over = over or overlay(folder)
    note = residual_maps.residual_note(cells, facts, "feh_dex", over)
    settings = {"title": "a made sample", "note": note, "percentile": 96.0}
    return draw_residual_figure(cells, facts, "feh_dex", over, **settings), cells


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def cells_of(ax):
    """Values that a panel shows by colour, grey cells left out."""
    found = [a for a in ax.collections if isinstance(a, (PolyCollection, QuadMesh)) and a.get_gid() is None]
    return found[-1]


@pytest.mark.parametrize("name", MAPS)
def test_residual_maps_pass_the_audit(folder, name):
    figure, _ = draw(folder, name)
    assert audit_figure(figure, residual_maps.DIMENSIONLESS) == []
    assert max(figure.get_size_inches()) < 10.7


def test_panels_hold_the_columns_of_the_table(folder):
    figure, cells = draw(folder, "hexagons")
    known = np.isfinite(cells["feh_median_dex"])
    assert 0 < known.sum() < known.size
    error = cells["feh_residual_error_dex"][known]
    wanted = [cells[f"feh_{name}_dex"][known] for name in ("median", "model", "residual")]
    wanted += [error, cells["feh_residual_dex"][known] / error, cells["n_stars"]]
    for ax, values in zip(panels(figure), wanted, strict=True):
        np.testing.assert_allclose(cells_of(ax).get_array(), values)
    median, model, residual, _, significance, _ = (cells_of(ax).get_clim() for ax in panels(figure))
    assert median == model
    for low, high in (residual, significance):
        assert low == -high
    bars = [ax.get_xlabel() for ax in figure.axes if is_colour_bar(ax)]
    assert bars[2] == r"residual $\Delta[\mathrm{Fe/H}]$ [dex]"
    assert bars[5] == "number of giants"


def test_contours_of_the_contrast_lie_over_the_residual_alone_and_where_the_contrast_changes_sign(folder):
    figure, _ = draw(folder, "squares")
    sets = [[c for c in ax.collections if isinstance(c, ContourSet)] for ax in panels(figure)]
    assert [len(found) for found in sets] == [0, 0, 1, 0, 0, 0]
    contours = sets[2][0]
    assert contours.levels.tolist() == [0.0, 0.5]
    zero, half = (np.concatenate([path.vertices for path in (paths,)]) for paths in contours.get_paths())
    edge = 0.5 * np.sqrt(np.log(0.9 / 0.25))  # of the stripe about X = -9.6 kpc, below Y = 2 kpc
    below = zero[zero[:, 1] < 1.5]
    assert np.abs(np.abs(below[:, 0] + 9.6) - edge).max() < 0.05
    assert np.abs(half[half[:, 1] < 1.5][:, 0] + 9.6).max() < edge
    words = " ".join(text.get_text() for text in figure.texts)
    assert "density contrast of 0" in words
    assert "Reid et al. (2019)" in words


def test_no_arms_nor_contours_where_the_axes_are_not_of_the_plane(folder):
    figure, _ = draw(folder, "meridional")
    assert not any(isinstance(artist, ContourSet) for ax in panels(figure) for artist in ax.collections)
    assert "Reid" not in " ".join(text.get_text() for text in figure.texts)
    plane, _ = draw(folder, "hexagons", Overlay(R0, Z_SUN))
    assert "Reid" not in " ".join(text.get_text() for text in plane.texts)
    assert audit_figure(plane, residual_maps.DIMENSIONLESS) == []


def compare(folder, name="hexagons", contrast=None, **changed):
    path = folder / f"{name}.parquet"
    cells, facts = read_columns(path), residual_facts(read_provenance(path), str(path), "giants")
    null = read_columns(folder / "comparison.parquet") | changed
    summary = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    over = overlay(folder) if contrast is None else Overlay(R0, Z_SUN, read_arms(ARMS), contrast)
    settings = {"title": "a made sample", "percentile": 96.0}
    return contrast_comparison.draw_comparison_figure(cells, facts, "feh_residual_dex", null, summary, over, **settings)


def test_the_comparison_passes_the_audit_and_shows_the_null(folder):
    figure = compare(folder)
    assert audit_figure(figure, contrast_comparison.DIMENSIONLESS) == []
    contrast, residual, null, moves = panels(figure)
    rows = read_columns(folder / "comparison.parquet")
    edges = [patch.get_x() for patch in null.patches]
    edges.append(edges[-1] + null.patches[-1].get_width())
    weighted = rows["r"][1:] * np.sqrt(rows["n_cells"][1:] / rows["n_cells"][0])
    np.testing.assert_array_equal([patch.get_height() for patch in null.patches], np.histogram(weighted, edges)[0])
    assert sum(patch.get_height() for patch in null.patches) == rows["r"].size - 1
    observed = next(line for line in null.lines if line.get_color() == "#b5321f")
    assert observed.get_xdata()[0] == pytest.approx(-0.33)
    assert "0.004" in null.get_title(loc="left")
    assert "\N{MINUS SIGN}0.33" in null.get_title(loc="left")
    points = moves.collections[0].get_offsets()
    np.testing.assert_allclose(points[:, 0], rows["parameter_deg"][1:])
    np.testing.assert_allclose(points[:, 1], rows["r"][1:])
    assert contrast.get_xlim() == residual.get_xlim()


def test_the_contrast_is_not_turned_over(folder):
    mesh = next(a for a in panels(compare(folder))[0].collections if isinstance(a, QuadMesh))
    corners, values = mesh.get_coordinates(), mesh.get_array()
    X, Y = corners[:-1, :-1, 0] + 0.1, corners[:-1, :-1, 1] + 0.1
    true = 0.9 * np.exp(-(((X + 9.6) / 0.5) ** 2)) + 0.4 * (Y > 2) - 0.25
    far = np.abs(Y - 2) > 0.3
    np.testing.assert_allclose(values[far].compressed(), true[far][~np.ma.getmaskarray(values)[far]], atol=1e-6)
    assert np.ma.getmaskarray(values)[np.hypot(X + R0, Y) > 4.01].all()


def test_nodes_that_a_table_lacks_have_no_data():
    x, y = np.meshgrid([0.0, 0.1, 0.2, 0.3], [1.0, 1.5, 2.0], indexing="ij")
    columns = {"X_kpc": x.ravel()[1:], "Y_kpc": y.ravel()[1:], "overdensity": np.arange(12.0)[1:]}
    grid = contrast_grid(columns, "t")
    assert grid.values.shape == (4, 3)
    assert np.isnan(grid.values[0, 0])
    assert grid.values[3, 1] == 10.0
    np.testing.assert_allclose(grid.edges()[0], [-0.05, 0.05, 0.15, 0.25, 0.35])
    np.testing.assert_array_equal(grid.inside((0.05, 0.15), (1.4, 9.0)), [4.0, 5.0])


def test_what_cannot_be_drawn_says_why(folder):
    empty = np.full(read_columns(folder / "squares.parquet")["cell"].size, np.nan)
    with pytest.raises(DiscatlasError, match="residual map of X_kpc, Y_kpc: no cell has 5 stars; lower its min_stars"):
        draw(folder, "squares", feh_residual_dex=empty)
    with pytest.raises(DiscatlasError, match=r"t: no column of residuals; it has: cell"):
        residual_quantity({"cell": empty}, "t")
    with pytest.raises(DiscatlasError, match="no 'axes' in its provenance"):
        residual_facts({}, "t", "stars")
    with pytest.raises(DiscatlasError, match="a map of R_kpc, Z_kpc; expected one of X_kpc, Y_kpc"):
        compare(folder, "meridional")
    r = read_columns(folder / "comparison.parquet")["r"]
    with pytest.raises(DiscatlasError, match="no correlation: the maps share too few cells"):
        compare(folder, r=np.append(np.nan, r[1:]))
    columns = read_columns(folder / "contrast.parquet")
    with pytest.raises(DiscatlasError, match="no node has a density contrast"):
        contrast_grid(columns | {"overdensity": np.full(columns["X_kpc"].size, np.nan)}, "t")
    with pytest.raises(DiscatlasError, match="nodes are no grid"):
        contrast_grid(columns | {"X_kpc": np.linspace(0, 1, columns["X_kpc"].size)}, "t")
    with pytest.raises(DiscatlasError, match=r"no column 'overdensity'"):
        contrast_grid({"X_kpc": empty, "Y_kpc": empty}, "t")


def test_scripts_draw_the_same_bytes_twice(folder, tmp_path):
    common = {"arms": ARMS, "R0_kpc": R0, "z_sun_kpc": Z_SUN, "title": "t", "objects": "stars", "percentile": 96.0}
    written = []
    for name in ("one", "two"):
        paths = [tmp_path / f"{name}-{kind}" for kind in ("a.pdf", "a.png", "b.pdf", "b.png")]
        residual, contrast = folder / "hexagons.parquet", folder / "contrast.parquet"
        plot_metallicity_residual.run(residual=residual, overdensity=None, pdf=paths[0], png=paths[1], dpi=60, **common)
        plot_overdensity_comparison.run(
            comparison=folder / "comparison.parquet",
            summary=folder / "comparison.json",
            cells=residual,
            cell_column="feh_residual_dex",
            overdensity=contrast,
            pdf=paths[2],
            png=paths[3],
            dpi=60,
            **common,
        )
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert len(set(written[0])) == 4
