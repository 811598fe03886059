"""Pages of populations, Toomre diagrams, contours over maps and comparisons of velocity maps show what the tables hold."""

import json

import numpy as np
import polars as pl
import pytest
from made_populations import LIMITS, R0, V_C, Z_SUN, made_map, made_overdensity, made_population
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.contour import ContourSet

import compare_overdensity
import plot_map
import plot_overdensity_comparison
import plot_population_page
import plot_toomre_diagram
from discatlas.arms import read_arms
from discatlas.errors import DiscatlasError
from discatlas.plotting import contrast_comparison
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.cells import map_facts
from discatlas.plotting.contrast import contrast_grid
from discatlas.plotting.contrast_comparison import describe_column, draw_comparison_figure
from discatlas.plotting.maps import draw_map_figure
from discatlas.plotting.population_page import Population, draw_population_page
from discatlas.plotting.residual_maps import Overlay
from discatlas.plotting.toomre import ToomreCounts, ToomreCuts, draw_toomre_figure
from discatlas.tables import read_columns, read_provenance
from places import ROOT

ARMS = ROOT / "resources/reid2019_arms.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("populations")
    for name in ("young", "old"):
        made_population(folder / f"{name}_stars.parquet", name == "young")
        made_map(folder / f"{name}.parquet", folder / f"{name}_stars.parquet")
    made_map(folder / "hexagons.parquet", folder / "old_stars.parquet", 0.4, "hexagon")
    made_overdensity(folder / "contrast.parquet", folder / "young_stars.parquet")
    return folder


def contrast(folder):
    return contrast_grid(read_columns(folder / "contrast.parquet"), "contrast")


def population(folder, name="young", R_min=None, **changed):
    path = folder / f"{name}.parquet"
    facts = map_facts(read_provenance(path), str(path), "giants" if name == "old" else "hot stars")
    return Population(read_columns(path) | changed, facts, f"{name} stars", R0, Z_SUN, R_min)


def page(folder, populations, statistics=("density", "mean"), quantities=("v_R_kms",), over=None):
    settings = {"contrast": over, "arms": read_arms(ARMS), "title": "young and old", "percentile": 96.0}
    return draw_population_page(populations, quantities, statistics, **settings)


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def shown(ax):
    return [a for a in ax.collections if isinstance(a, (PolyCollection, QuadMesh)) and a.get_gid() is None][-1]


def contours(ax):
    return [a for a in ax.collections if isinstance(a, ContourSet)]


@pytest.mark.parametrize(
    ("names", "statistics"),
    [
        (("young", "old"), ("density", "mean")),
        (("young", "old", "hexagons"), ("dispersion", "error")),
        (("young", "old", "hexagons", "young"), ("density", "mean", "dispersion", "error")),
        (("young", "old", "hexagons", "young", "old", "young"), ("density", "mean")),
        (("young", "old", "hexagons", "young", "old"), ("mean",)),
    ],
)
def test_two_to_six_populations_pass_the_audit_and_fit_a_page(folder, names, statistics):
    figure = page(folder, [population(folder, name) for name in names], statistics)
    assert audit_figure(figure, ()) == []
    assert figure.get_size_inches()[1] < 10.7
    drawn = panels(figure)
    assert len(drawn) == len(names) * len(statistics)
    for ax in drawn:
        assert ax.get_xlim() == tuple(LIMITS[0])
        assert ax.get_ylim() == tuple(LIMITS[1])
    for number in range(len(statistics)):
        assert len({shown(ax).get_clim() for ax in drawn[number :: len(statistics)]}) == 1
    width, height = drawn[0].get_position().width * figure.get_figwidth(), drawn[0].get_position().height
    assert width == pytest.approx(height * figure.get_figheight())
    assert width * 25.4 > 30


def test_panels_hold_the_columns_and_stars_per_area(folder):
    figure = page(folder, [population(folder), population(folder, "hexagons")])
    young, hexagons = read_columns(folder / "young.parquet"), read_columns(folder / "hexagons.parquet")
    density, mean, density_of_hexagons, _ = (shown(ax) for ax in panels(figure))
    np.testing.assert_allclose(np.sort(density.get_array().compressed()), np.sort(young["n_stars"] / 0.25**2))
    found = np.sort(mean.get_array().compressed())
    np.testing.assert_allclose(found, np.sort(young["v_R_ml_mean_kms"][np.isfinite(young["v_R_ml_mean_kms"])]))
    np.testing.assert_allclose(density_of_hexagons.get_array(), hexagons["n_stars"] / (0.4**2 * np.sqrt(0.75)))
    low, high = mean.get_clim()
    assert low == -high
    words = " ".join(text.get_text() for text in figure.texts)
    assert f"{young['n_stars'].sum():,} hot stars" in words
    assert "enclose 25, 50 and 75 %" in words


def test_contours_of_density_enclose_the_shares(folder):
    figure = page(folder, [population(folder, "old"), population(folder)])
    first = contours(panels(figure)[0])[0]
    stars = pl.read_parquet(folder / "old_stars.parquet").filter(pl.col("Z_kpc").abs() < 1)
    points = stars.select("X_kpc", "Y_kpc").to_numpy()
    assert len(first.levels) == 3
    for path, share in zip(first.get_paths(), (0.75, 0.5, 0.25), strict=True):
        assert np.mean(path.contains_points(points)) == pytest.approx(share, abs=0.08)
    assert all(len(contours(ax)) == 1 for ax in panels(figure))


def test_a_contrast_lies_over_densities_and_means_alone(folder):
    populations = [population(folder), population(folder, "old")]
    figure = page(folder, populations, ("density", "mean", "error"), over=contrast(folder))
    assert [len(contours(ax)) for ax in panels(figure)] == [1, 1, 0] * 2
    assert contours(panels(figure)[1])[0].levels.tolist() == [0.0, 0.5]
    assert "density contrast of 0" in " ".join(text.get_text() for text in figure.texts)


def test_the_inner_disc_is_left_out_and_counted_out(folder):
    figure = page(folder, [population(folder), population(folder, "old", 7.0)])
    cells = read_columns(folder / "old.parquet")
    beyond = np.hypot(cells["X_centre_kpc"], cells["Y_centre_kpc"]) >= 7.0
    assert shown(panels(figure)[2]).get_array().count() == beyond.sum() < beyond.size
    words = " ".join(text.get_text() for text in figure.texts)
    assert f"{cells['n_stars'][beyond].sum():,} giants at R ≥ 7 kpc" in words


def test_pages_that_cannot_be_drawn_say_why(folder):
    one = population(folder)
    with pytest.raises(DiscatlasError, match="1 maps with 2 columns; expected 2 to 6 maps and 1 to 4 columns"):
        page(folder, [one])
    with pytest.raises(DiscatlasError, match="2 maps with 5 columns"):
        page(folder, [one, one], ("density", "mean", "error"), ("v_R_kms", "v_R_kms"))
    with pytest.raises(DiscatlasError, match=r"unknown statistic 'meen' .nearest: 'mean'."):
        page(folder, [one, one], ("meen",))
    with pytest.raises(DiscatlasError, match=r"map 'young stars': no column 'v_Z_ml_mean_kms'"):
        page(folder, [one, one], quantities=("v_Z_kms",))
    empty = {"v_R_ml_mean_kms": np.full(one.cells["cell"].size, np.nan)}
    with pytest.raises(DiscatlasError, match="no cell of any map has v_R_ml_mean_kms"):
        page(folder, [population(folder, **empty)] * 2)
    settings = {"titles": ["a"], "objects": ["stars"], "R_min_kpc": [None], "R0_kpc": [R0], "z_sun_kpc": [Z_SUN]}
    with pytest.raises(DiscatlasError, match="2 maps, but 1, 1, 1, 1, 1 titles"):
        plot_population_page.run(
            maps=[folder / "young.parquet"] * 2,
            overdensity=None,
            arms=None,
            pdf=folder / "a.pdf",
            png=folder / "a.png",
            quantities=["v_R_kms"],
            statistics=["mean"],
            title="t",
            percentile=96.0,
            dpi=50,
            **settings,
        )


def test_contours_lie_over_the_mean_of_a_map(folder):
    one = population(folder)
    settings = {"R0_kpc": R0, "z_sun_kpc": Z_SUN, "arms": read_arms(ARMS), "title": "t", "percentile": 96.0}
    figure = draw_map_figure(one.cells, one.facts, "v_R_kms", contrast=contrast(folder), **settings)
    assert [len(contours(ax)) for ax in panels(figure)] == [1, 0, 0, 0]
    assert audit_figure(figure, ()) == []
    assert "Green in (a)" in " ".join(text.get_text() for text in figure.texts)
    plain = draw_map_figure(one.cells, one.facts, "v_R_kms", **settings)
    assert not any(contours(ax) for ax in panels(plain))
    assert "Green" not in " ".join(text.get_text() for text in plain.texts)


def compared(folder, tmp_path, null):
    compare_overdensity.run(
        cells=folder / "young.parquet",
        overdensity=folder / "contrast.parquet",
        null_distribution=tmp_path / "null.parquet",
        summary=tmp_path / "summary.json",
        cell_column="v_R_ml_mean_kms",
        grid_column="overdensity",
        null=null,
        n_null=199,
        min_overlap=0.6,
        R0_kpc=R0,
        z_sun_kpc=Z_SUN,
        seed=1,
        sample="made",
        name="v_R",
        threads=1,
    )
    return read_columns(tmp_path / "null.parquet"), json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("null", ["shifts", "effective_cells"])
def test_a_map_of_velocities_is_compared_with_a_contrast(folder, tmp_path, null):
    """The streams are a quarter of a wave off the arms: no correlation, although both maps have the same features."""
    rows, summary = compared(folder, tmp_path, null)
    assert abs(summary["r"]) < 0.25
    assert summary["p_value"] > 0.02
    assert 5 < summary["n_effective"] < summary["n_cells"] / 3
    one = population(folder)
    over = Overlay(R0, Z_SUN, read_arms(ARMS), contrast(folder))
    figure = draw_comparison_figure(
        one.cells, one.facts, "v_R_ml_mean_kms", rows, summary, over, title="t", percentile=96.0
    )
    assert audit_figure(figure, contrast_comparison.DIMENSIONLESS) == []
    words = " ".join(text.get_text() for text in figure.texts)
    assert f"{summary['n_effective']:.0f} independent cells" in words
    bars = [ax.get_xlabel() for ax in figure.axes if is_colour_bar(ax)]
    assert bars[1] == r"mean $v_R$ [km s$^{-1}$]"
    low, high = shown(panels(figure)[1]).get_clim()
    assert low == -high
    lower = panels(figure)[3]
    assert ("autocorrelation" in lower.get_ylabel()) == (null == "effective_cells")
    curve = next(line for line in panels(figure)[2].lines if line.get_color() == "#14397a")
    x, y = curve.get_data()
    if null == "effective_cells":
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.02)
        spread = np.sqrt(np.trapezoid(y * x**2, x))
        assert spread == pytest.approx(1 / np.sqrt(summary["n_effective"] - 1), rel=0.05)


def test_columns_are_described():
    assert describe_column("feh_residual_dex") == (r"residual $\Delta[\mathrm{Fe/H}]$ [dex]", "a residual", True)
    assert describe_column("v_R_median_kms") == (r"median $v_R$ [km s$^{-1}$]", "a median", True)
    label, words, is_centred = describe_column("log_age_mean_dex")
    assert (words, is_centred) == ("a mean", False)
    assert label.endswith("[dex]")
    assert describe_column("sigma_v_R_kms")[0] == r"$\sigma_{R}$ [km s$^{-1}$]"


def test_toomre_counts_are_those_of_numpy_and_the_cut_is_the_papers():
    rng = np.random.default_rng(4)
    v_R, v_phi, v_Z = rng.normal(0, 150, 4000), rng.normal(200, 200, 4000), rng.normal(0, 120, 4000)
    v_phi[:100] = np.nan
    found = ToomreCounts(((-700.0, 300.0), 600.0), 10.0, ToomreCuts(V_C, (-600.0, 200.0), 400.0))
    for part in (slice(0, 1500), slice(1500, 4000)):
        found.add({"v_R_kms": v_R[part], "v_phi_kms": v_phi[part], "v_Z_kms": v_Z[part]})
    V, UW = (v_phi - V_C)[100:], np.hypot(v_R, v_Z)[100:]
    assert (found.n_stars, found.n_unknown) == (3900, 100)
    assert found.n_kept == np.sum((V > -600) & (V < 200) & (UW < 400))
    assert found.counts.sum() == np.sum((V >= -700) & (V <= 300) & (UW <= 600))
    assert found.n_outside == 3900 - found.counts.sum()
    i, j = np.searchsorted(found.edges[0], 3.0) - 1, np.searchsorted(found.edges[1], 95.0) - 1
    assert found.counts[i, j] == np.sum((V >= 0) & (V < 10) & (UW >= 90) & (UW < 100))
    figure = draw_toomre_figure(found, title="made", objects="giants", selection=None)
    assert audit_figure(figure, ()) == []
    assert f"{found.n_kept:,}" in " ".join(text.get_text() for text in figure.texts)
    ax = panels(figure)[0]
    lines = [line for line in ax.lines if line.get_color() == "#b5321f"]
    assert [list(line.get_xdata()) for line in lines] == [[-600, -600], [200, 200], [-600, 200]]
    assert list(lines[2].get_ydata()) == [400, 400]


def test_toomre_diagrams_that_cannot_be_drawn_say_why():
    for limits, size in ((((1.0, 0.0), 5.0), 1.0), (((0.0, 1.0), 5.0), 0.3), (((0.0, 1.0), 5.0), 0.0)):
        with pytest.raises(DiscatlasError, match="a whole number of bins"):
            ToomreCounts(limits, size, ToomreCuts(0.0))
    found = ToomreCounts(((-10.0, 10.0), 10.0), 1.0, ToomreCuts(0.0))
    found.add({name: np.array([500.0, np.nan]) for name in ("v_R_kms", "v_phi_kms", "v_Z_kms")})
    with pytest.raises(DiscatlasError, match="none of 1 stars with three velocities lies within limits_kms"):
        draw_toomre_figure(found, title="", objects="stars", selection=None)


def test_scripts_draw_the_same_bytes_twice(folder, tmp_path):
    compared(folder, tmp_path, "effective_cells")
    sun = {"R0_kpc": R0, "z_sun_kpc": Z_SUN}
    common = {"title": "t", "dpi": 60}
    maps = {"overdensity": folder / "contrast.parquet", "arms": ARMS, "percentile": 96.0}
    toomre = {"V_reference_kms": V_C, "V_limits_kms": [-600, 200], "UW_max_kms": 400, "selection": "Z_kpc > 0"}
    toomre |= {"limits_kms": [[-300, 100], 300], "bin_kms": 10.0, "objects": "giants"}
    pages = {"titles": ["young", "old"], "objects": ["stars"] * 2, "quantities": ["v_R_kms"]}
    pages |= {"statistics": ["density", "mean"], "R_min_kpc": [None, 5.0]} | {name: [x, x] for name, x in sun.items()}
    written = []
    for name in ("one", "two"):
        paths = [tmp_path / f"{name}{k}.{kind}" for k in range(4) for kind in ("pdf", "png")]
        files = [{"pdf": paths[2 * k], "png": paths[2 * k + 1]} for k in range(4)]
        cells = {"cells": folder / "young.parquet", "objects": "stars"}
        plot_map.run(**cells, quantity="v_R_kms", **maps, **sun, **common, **files[0])
        plot_population_page.run(
            maps=[folder / "young.parquet", folder / "old.parquet"], **pages, **maps, **common, **files[1]
        )
        plot_toomre_diagram.run(stars=folder / "old_stars.parquet", **toomre, **common, **files[2])
        tables = {"comparison": tmp_path / "null.parquet", "summary": tmp_path / "summary.json"}
        column = {"cell_column": "v_R_ml_mean_kms"}
        plot_overdensity_comparison.run(**tables, **cells, **column, **maps, **sun, **common, **files[3])
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
