"""Pages of a smoothed map, and grids in the plane."""

import numpy as np
import pytest

import plot_smoothed_map
from discatlas.arms import read_arms
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.plane import PlaneGrid, shared_norm
from discatlas.plotting.smoothed_map import SmoothedFacts, draw_smoothed_page
from discatlas.spiral_pages import SMOOTHED_PAGES
from discatlas.tables import write_table
from places import ROOT

QUANTITIES = ["v_R_kms", "v_phi_kms", "v_Z_kms"]
PROVENANCE = {
    "windows": {"limits_kpc": [[-14, -3], [-5, 5]], "spacing_kpc": 0.5, "window_kpc": 1.25},
    "selection": "abs(Z_kpc) < 0.5",
    "min_stars": 20,
    "n_bootstraps": 500,
    "quantities": QUANTITIES,
    "n_stars": {"read": 9000, "selected": 7654},
}
ARMS = ROOT / "resources/reid2019_arms.csv"


def made_cells():
    rng = np.random.default_rng(3)
    X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(-13.75, -3, 0.5), np.arange(-4.75, 5, 0.5), indexing="ij"))
    n_stars = rng.poisson(300 * np.exp(-np.hypot(X + 8.2, Y) / 1.5))
    held = n_stars > 0
    X, Y, n_stars = X[held], Y[held], n_stars[held]
    R, phi = cylindrical_position(X, Y)
    few = n_stars < 20
    cells = {"cell": np.arange(X.size), "X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi}
    cells |= {"X_mean_kpc": X, "Y_mean_kpc": Y, "n_stars": n_stars}
    for name, level in (("v_R", 0.0), ("v_phi", 225.0), ("v_Z", 0.0)):
        mean = level + 8 * np.sin(R + np.radians(2 * phi)) + rng.normal(0, 1, X.size)
        plain_n = np.minimum(n_stars // 6, 50)
        cells |= {
            f"{name}_n_stars": n_stars - 1,
            f"{name}_kms": np.where(few, np.nan, mean),
            f"{name}_error_kms": np.where(few, np.nan, 30 / np.sqrt(n_stars)),
            f"{name}_ml_kms": np.where(few, np.nan, mean),
            f"sigma_{name}_kms": np.where(few, np.nan, 30 + rng.normal(0, 2, X.size)),
            f"{name}_plain_kms": np.where(plain_n > 0, mean + rng.normal(0, 9, X.size), np.nan),
            f"{name}_plain_n": plain_n,
        }
    return cells


def facts(**changes):
    more = {"objects": "giants", "R0_kpc": 8.2, "z_sun_kpc": 0.02, "arms": tuple(read_arms(ARMS))}
    return SmoothedFacts.from_provenance(PROVENANCE | changes, "cells.parquet", **more)


def draw(page, **changes):
    return draw_smoothed_page(page, made_cells(), facts(**changes), "a made map", 96.0, "cells.parquet")


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def mesh(ax):
    values = [artist.get_array() for artist in ax.collections if artist.get_array() is not None]
    return np.sort(np.ma.masked_invalid(values[-1]).compressed())


def finite(values):
    return np.sort(values[np.isfinite(values)])


@pytest.mark.parametrize("quantities", [QUANTITIES, QUANTITIES[:1]])
@pytest.mark.parametrize("page", SMOOTHED_PAGES)
def test_every_page_passes_the_audit(page, quantities):
    figure = draw(page, quantities=quantities)
    assert audit_figure(figure) == []
    assert max(figure.get_size_inches()) < 10.7
    text = " ".join(text.get_text() for text in figure.texts)
    assert "7,654 giants" in text
    assert "abs(Z_kpc) < 0.5" in text


def test_rows_are_mean_error_dispersion_and_number_of_each_velocity():
    cells, axes = made_cells(), panels(draw("smoothed"))
    assert len(axes) == 12
    for i, name in enumerate(("v_R", "v_phi", "v_Z")):
        columns = (f"{name}_kms", f"{name}_error_kms", f"sigma_{name}_kms")
        for ax, column in zip(axes[4 * i :], columns, strict=False):
            np.testing.assert_array_equal(mesh(ax), finite(cells[column]))
        counts = cells[f"{name}_n_stars"]
        np.testing.assert_array_equal(mesh(axes[4 * i + 3]), np.sort(counts[counts > 0]))
        grey = np.ma.masked_invalid(axes[4 * i].collections[0].get_array())
        assert grey.count() == np.isnan(cells[f"{name}_kms"]).sum() > 0
    assert axes[0].collections[-1].get_clim()[0] == -axes[0].collections[-1].get_clim()[1]


def test_unsmoothed_means_stand_above_the_smoothed():
    cells, axes = made_cells(), panels(draw("unsmoothed"))
    for k, name in enumerate(("v_R", "v_phi", "v_Z")):
        np.testing.assert_array_equal(mesh(axes[k]), finite(cells[f"{name}_plain_kms"]))
        np.testing.assert_array_equal(mesh(axes[3 + k]), finite(cells[f"{name}_kms"]))


def test_a_map_that_cannot_be_drawn_says_why():
    with pytest.raises(DiscatlasError, match=r"no page 'smooth' \(nearest: 'smoothed'\)"):
        draw("smooth")
    with pytest.raises(DiscatlasError, match="no column 'v_X_kms'"):
        draw("smoothed", quantities=["v_X_kms"])
    bare = {key: value for key, value in PROVENANCE.items() if key != "windows"}
    with pytest.raises(
        DiscatlasError, match=r"cells.parquet: no 'windows' in its provenance.*remake it with smooth_map"
    ):
        SmoothedFacts.from_provenance(bare, "cells.parquet", objects="", R0_kpc=8.0, z_sun_kpc=0.0)
    none = made_cells() | {"v_R_kms": np.full(made_cells()["cell"].size, np.nan)}
    with pytest.raises(DiscatlasError, match="no window has 20 stars with v_R_kms; lower min_stars"):
        draw_smoothed_page("smoothed", none, facts(), "", 96.0, "cells.parquet")


def test_the_script_writes_the_same_bytes_twice(tmp_path):
    table = tmp_path / "cells.parquet"
    write_table(table, load_contract("map_smoothed").expand(q=QUANTITIES), made_cells(), PROVENANCE)
    written = []
    for name in ("one", "two"):
        files = [[tmp_path / f"{name}-{page}.{kind}" for page in SMOOTHED_PAGES] for kind in ("pdf", "png")]
        settings = {"R0_kpc": 8.2, "z_sun_kpc": 0.02, "title": "t", "objects": "stars", "percentile": 96.0, "dpi": 50}
        pages = list(SMOOTHED_PAGES)
        plot_smoothed_map.run(cells=table, pdf=files[0], png=files[1], pages=pages, arms=ARMS, **settings)
        written.append([file.read_bytes() for kind in files for file in kind])
    assert written[0] == written[1]
    assert len(set(written[0])) == 4


def test_a_grid_puts_each_place_into_its_cell_also_with_gaps():
    X, Y = np.array([1.0, 1.5, 4.0, 4.0]), np.array([-2.0, 0.5, 0.5, 0.0])
    grid = PlaneGrid.of(X, Y, "a table")
    assert grid.spacing_kpc == (0.5, 0.5)
    image = grid.fill(np.arange(4.0))
    assert image.shape == (7, 6)
    assert [image[0, 0], image[1, 5], image[6, 5], image[6, 4]] == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(image).sum() == 38
    x, y = grid.edges
    assert (x[0], x[-1], y[0], y[-1]) == (0.75, 4.25, -2.25, 0.75)
    oblong = PlaneGrid.of(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.25, 0.0]), "a table")
    assert [edge.tolist() for edge in oblong.edges] == [[-0.5, 0.5, 1.5, 2.5], [-0.125, 0.125, 0.375]]
    flat = PlaneGrid.of(np.array([0.0, 1.0]), np.zeros(2), "a table")
    assert flat.edges[1].tolist() == [-0.5, 0.5]
    with pytest.raises(DiscatlasError, match=r"a table: places .* no regular grid"):
        PlaneGrid.of(np.array([0.0, 1.0, 2.45]), np.array([0.0, 1.0, 2.0]), "a table")
    with pytest.raises(DiscatlasError, match="a table: 1 places are no grid"):
        PlaneGrid.of(np.ones(1), np.ones(1), "a table")


def test_an_outline_has_the_length_of_the_border():
    X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(5.0), np.arange(4.0), indexing="ij"))
    grid = PlaneGrid.of(X, Y, "a table")
    chosen = (X >= 3) & (Y >= 1)  # a corner of 2 x 3 cells
    segments = grid.outline(chosen).get_segments()
    assert sum(np.abs(np.diff(segment, axis=0)).sum() for segment in segments) == pytest.approx(10.0)
    ends = np.concatenate(segments)
    assert (ends[:, 0].min(), ends[:, 0].max(), ends[:, 1].min(), ends[:, 1].max()) == (2.5, 4.5, 0.5, 3.5)


def test_a_shared_scale_holds_the_centre_of_each():
    norm = shared_norm([np.arange(100.0), np.arange(-50.0, 0.0), np.full(3, np.nan)], 98.0)
    assert norm.vmin <= -49.0
    assert norm.vmax >= 98.0
    norm = shared_norm([np.array([1.0, 2.0]), np.array([-5.0, 1.0])], 98.0, centred=True)
    assert (norm.vmin, norm.vmax) == (-5.0, 5.0)
    assert shared_norm([np.full(2, np.nan)], 98.0).vmax == 1.0
