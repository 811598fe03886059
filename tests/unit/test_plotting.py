"""Figures: labels, colour limits, geometry, and whole figures read back by the audit; the same bytes on every run."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import plot_cut_flow
import plot_map
import plot_profile
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, style
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.cells import MapFacts, hexagon_corners, map_facts
from discatlas.plotting.cut_flow import draw_cut_flow_figure
from discatlas.plotting.maps import draw_map_figure
from discatlas.plotting.overlays import sun_coordinates
from discatlas.plotting.profiles import Background, draw_profile_figure, with_gaps
from discatlas.tables import write_table

ARMS = Path(__file__).parents[2] / "resources" / "reid2019_arms.csv"
SUN = {"R0_kpc": 8.122, "z_sun_kpc": 0.0208}


def statistics(base, unit, n_stars, mean, rng, min_stars=6):
    """Columns of one quantity with plausible noise; null where a cell has too few stars."""
    sigma = 30.0 + rng.normal(size=n_stars.size)
    error = sigma / np.sqrt(n_stars)
    columns = {
        f"{base}_median_{unit}": mean + error,
        f"{base}_median_error_{unit}": 1.25 * error,
        f"{base}_mean_{unit}": mean,
        f"{base}_mean_error_{unit}": error,
        f"{base}_std_{unit}": sigma,
        f"{base}_ml_mean_{unit}": mean,
        f"{base}_ml_mean_error_{unit}": error,
        f"sigma_{base}_{unit}": sigma,
        f"sigma_{base}_lo_{unit}": sigma - 3.0,
        f"sigma_{base}_hi_{unit}": sigma + 3.5,
    }
    few = n_stars < min_stars
    return {f"{base}_n_stars": n_stars} | {name: np.where(few, np.nan, values) for name, values in columns.items()}


def make_map(shape="square", size=0.5):
    """A face-on map: counts fall outwards from the Sun, v_R is a wave of 8 km/s."""
    rng = np.random.default_rng(5)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-11.75, -4.0, size), np.arange(-3.75, 4.0, size)))
    if shape == "hexagon":
        row = np.arange(-8, 9)
        x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-7, 8), row))
        x, y = -8.0 + size * (x + 0.5 * (y % 2)), y * size * np.sqrt(0.75)
    n_stars = rng.poisson(200 * np.exp(-np.hypot(x + 8.1, y) / 1.2)) + 1
    wave = 8 * np.sin(2 * np.pi * np.hypot(x, y) / 4) + rng.normal(size=x.size)
    cells = {
        "cell": np.arange(x.size),
        "n_stars": n_stars,
        "X_centre_kpc": x,
        "X_mean_kpc": x,
        "Y_centre_kpc": y,
        "Y_mean_kpc": y,
    }
    cells |= statistics("v_R", "kms", n_stars, wave, rng)
    facts = MapFacts(
        ("X_kpc", "Y_kpc"), shape, (size, size), ((-12.0, -4.0), (-4.0, 4.0)), "abs(Z_kpc) < 0.8", 6, int(n_stars.sum())
    )
    return cells, facts


def make_profile():
    rng = np.random.default_rng(6)
    centres = 4.25 + 0.5 * np.arange(16)
    n_stars = (2000 * np.exp(-np.abs(centres - 8.1))).astype(np.int64)
    profile = {"cell": np.arange(16), "n_stars": n_stars, "R_centre_kpc": centres, "R_mean_kpc": centres + 0.02}
    profile |= statistics("v_phi", "kms", n_stars, 235 - 2 * (centres - 8), rng)
    return profile, MapFacts(("R_kpc",), "square", (0.5,), ((4.0, 12.0),), "abs(Z_kpc) < 0.8", 6, int(n_stars.sum()))


def make_density():
    R, v = (grid.ravel() for grid in np.meshgrid(np.arange(4.05, 12, 0.1), np.arange(122.0, 320, 4.0)))
    counts = (1 + 80 * np.exp(-(((v - 230) / 30) ** 2) - np.abs(R - 8) / 2)).astype(np.int64)
    cells = {
        "cell": np.arange(R.size),
        "n_stars": counts,
        "R_centre_kpc": R,
        "R_mean_kpc": R,
        "v_phi_centre_kms": v,
        "v_phi_mean_kms": v,
    }
    return cells, MapFacts(
        ("R_kpc", "v_phi_kms"), "square", (0.1, 4.0), ((4.0, 12.0), (120.0, 320.0)), None, 1, int(counts.sum())
    )


def make_flow(n_steps, expression="parallax > 0 and parallax_error / parallax < 0.2", n_start=320_000):
    n_removed = np.array([0] + [1000 * k for k in range(1, n_steps)])
    n_after = n_start - np.cumsum(n_removed)
    return {
        "step": np.arange(n_steps),
        "name": np.array(["catalogue"] + [f"step {k}" for k in range(1, n_steps)], dtype=object),
        "expression": np.array(["all rows"] + [expression] * (n_steps - 1), dtype=object),
        "n_before": n_after + n_removed,
        "n_after": n_after,
        "n_removed": n_removed,
        "n_missing": n_removed // 3,
        "n_published": np.where(np.arange(n_steps) % 2, np.nan, 1000.0 * np.arange(n_steps) + 7),  # every other step
    }


def test_hexagon_corners_are_regular_after_scaling():
    corners = hexagon_corners(np.array([[1.0, 2.0]]), (0.4, 0.2))[0]
    radius = np.hypot((corners[:, 0] - 1.0) / 0.4, (corners[:, 1] - 2.0) / 0.2)
    np.testing.assert_allclose(radius, 1 / np.sqrt(3))
    assert np.ptp(corners[:, 0]) == pytest.approx(0.4)


def test_sun_stands_where_the_conventions_say():
    sun = sun_coordinates(8.2, 0.025)
    assert sun["X_kpc"] == pytest.approx(-np.sqrt(8.2**2 - 0.025**2))
    assert (sun["Y_kpc"], sun["Z_kpc"], sun["phi_deg"]) == (0.0, 0.025, 0.0)


def test_style_changes_nothing_outside():
    before = dict(mpl.rcParams)
    with style.figure_style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    draw_map_figure(*make_map(), "v_R_kms", **SUN)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("shape", ["square", "hexagon"])
def test_map_shows_the_data_in_four_sound_panels(shape):
    cells, facts = make_map(shape)
    figure = draw_map_figure(cells, facts, "v_R_kms", **SUN, arms=plot_map.read_arms(ARMS), title="a disc")
    assert audit_figure(figure) == []
    mean = next(c for c in figure.axes[0].collections if c.get_gid() is None)
    drawn = np.sort(np.ma.compressed(np.ma.masked_invalid(mean.get_array())))
    np.testing.assert_array_equal(drawn, np.sort(cells["v_R_ml_mean_kms"][np.isfinite(cells["v_R_ml_mean_kms"])]))
    words = " ".join(text.get_text() for text in visible_texts(figure))
    assert f"{facts.n_stars:,} stars" in words
    assert "abs(Z_kpc) < 0.8" in words
    assert words.count("Perseus") == 1
    box = figure.axes[0].get_window_extent()
    assert box.width == pytest.approx(box.height)


def test_square_cells_lie_where_their_centres_are():
    cells, facts = make_map()
    one = {name: values[100:101] for name, values in cells.items()}
    one["v_R_n_stars"], one["v_R_ml_mean_kms"] = np.array([9]), np.array([3.0])
    for name in ("v_R_ml_mean_error_kms", "sigma_v_R_kms"):
        one[name] = np.array([1.0])
    mesh = draw_map_figure(one, facts, "v_R_kms", **SUN).axes[0].collections[0]
    corners = mesh.get_coordinates().reshape(-1, 2)
    np.testing.assert_allclose(corners.mean(axis=0), [one["X_centre_kpc"][0], one["Y_centre_kpc"][0]])
    np.testing.assert_allclose(np.ptp(corners, axis=0), facts.cell_size)


@pytest.mark.parametrize(
    ("axes", "edges"),
    [
        (("R_kpc", "Z_kpc"), ((4, 12), (-2, 2))),
        (("phi_deg", "R_kpc"), ((-40, 40), (4, 12))),
        (("phi_deg", "L_z_kpc_kms"), ((-40, 40), (800, 3000))),
    ],
)
def test_other_planes_are_sound_too(axes, edges):
    cells, _ = make_map()
    cells = {name: values for name, values in cells.items() if not name.startswith(("X", "Y"))}
    x, y = (
        grid.ravel()
        for grid in np.meshgrid(*[np.linspace(low, high, 17)[:-1] + (high - low) / 32 for low, high in edges])
    )
    for axis, values in zip(axes, (x, y), strict=True):
        cells[labels.split_unit(axis)[0] + "_centre_" + labels.split_unit(axis)[1]] = values
    size = tuple((high - low) / 16 for low, high in edges)
    facts = MapFacts(axes, "square", size, edges, None, 6, 1)
    figure = draw_map_figure(cells, facts, "v_R_kms", **SUN, arms=plot_map.read_arms(ARMS))
    assert audit_figure(figure) == []
    named = any(text.get_text() == "Local" for text in visible_texts(figure))
    assert named == (axes == ("phi_deg", "R_kpc"))


def test_map_that_cannot_be_drawn_says_why():
    cells, facts = make_map()
    with pytest.raises(DiscatlasError, match="nearest: 'v_R_ml_mean_kms'"):
        draw_map_figure(cells, facts, "v_r_kms", **SUN)
    nothing = cells | {"v_R_ml_mean_kms": np.full(cells["cell"].size, np.nan)}
    with pytest.raises(DiscatlasError, match="it needs 6 stars with v_R_kms; lower min_stars"):
        draw_map_figure(nothing, facts, "v_R_kms", **SUN)
    with pytest.raises(DiscatlasError, match="no 'axes' in its provenance"):
        map_facts({}, "x.parquet")


def test_profile_is_sound_with_and_without_stars_behind():
    profile, facts = make_profile()
    stars = np.random.default_rng(3).normal([8, 230], [1.5, 25], size=(500, 2))
    behinds = [None, Background(*make_density()), Background(points=stars)]
    for behind in behinds:
        figure = draw_profile_figure(profile, facts, "v_phi_kms", R0_kpc=8.122, title="a disc", background=behind)
        assert audit_figure(figure) == []
        low, high = figure.axes[0].get_ylim()
        assert low < np.nanmin(profile["v_phi_ml_mean_kms"]) and np.nanmax(profile["v_phi_ml_mean_kms"]) < high
    with pytest.raises(DiscatlasError, match="20,001 points, at most 20,000"):
        draw_profile_figure(
            profile, facts, "v_phi_kms", R0_kpc=8.122, background=Background(points=np.zeros((20_001, 2)))
        )


def test_profile_breaks_at_bins_without_stars():
    gapped = with_gaps({"cell": np.array([7, 4, 5]), "x": np.array([3.0, 1.0, 2.0])})
    np.testing.assert_array_equal(gapped["x"], [1.0, 2.0, np.nan, 3.0])


@pytest.mark.parametrize("n_steps", [1, 2, 8, 15])
def test_cut_flow_says_every_count_and_nothing_is_clipped(n_steps):
    rows = make_flow(n_steps)
    figure = draw_cut_flow_figure(rows, "a sample of stars")
    assert audit_figure(figure) == []
    words = [text.get_text() for text in visible_texts(figure)]
    for k in range(n_steps):
        assert f"{rows['n_after'][k]:,}" in words
        assert (f"paper: {1000 * k + 7:,}" in words) == (k % 2 == 0)
    for k in range(1, n_steps):
        assert f"{rows['n_removed'][k]:,} removed" in words
        assert f"{rows['n_missing'][k]:,} for missing values" in words


@pytest.mark.parametrize("expression", ["x" * 300, "a < 1 and " * 30 + "$b < 2", "W" * 200, "", "abs(ß_Ω) < 1"])
def test_cut_flow_texts_stay_inside_their_boxes(expression):
    rows = make_flow(3, expression, n_start=1_811_709_771_000)
    rows["name"][1] = "W" * 90
    figure = draw_cut_flow_figure(rows)
    assert audit_figure(figure) == []
    renderer = figure.canvas.get_renderer()
    boxes = [patch.get_window_extent(renderer) for patch in figure.axes[0].patches if hasattr(patch, "get_width")]
    texts = [text.get_window_extent(renderer) for text in visible_texts(figure)]
    inside = [any(box.x0 < t.x0 and t.x1 < box.x1 and box.y0 < t.y0 and t.y1 < box.y1 for box in boxes) for t in texts]
    beside = [t.x0 > max(box.x1 for box in boxes) for t in texts]
    assert all(a or b for a, b in zip(inside, beside, strict=True))


def test_cut_flow_ends_with_the_stars_of_the_disc_where_memberships_are():
    counts = {"read": 300, "with_velocities": 290, "in_disc": 250}
    summary = {"n_stars": counts, "n_published": 129148, "max_halo_probability": 0.01}
    rows = plot_cut_flow._with_membership(make_flow(3), summary)
    words = [text.get_text() for text in visible_texts(draw_cut_flow_figure(rows))]
    assert {
        "stars of the disc",
        "P_halo < 0.01",
        "250",
        "50 removed",
        "10 for missing values",
        "paper: 129,148",
    } <= set(words)


def test_empty_cut_flow_is_an_error():
    with pytest.raises(DiscatlasError, match="no steps"):
        draw_cut_flow_figure({name: values[:0] for name, values in make_flow(2).items()})


def provenance(facts):
    """What rule bin_map writes about a map."""
    about = vars(facts)
    grid = {name: about[name] for name in ("axes", "cell_shape", "cell_size", "limits")}
    return {
        "grid": grid,
        "selection": facts.selection,
        "min_stars": facts.min_stars,
        "n_stars": {"in_cells": facts.n_stars},
    }


def test_facts_come_back_from_the_provenance():
    facts = make_map("hexagon")[1]
    assert map_facts(provenance(facts), "map.parquet") == facts


def write_inputs(folder):
    cells, facts = make_map()
    profile, profile_facts = make_profile()
    density, density_facts = make_density()
    contract = load_contract("map")
    for name, table, about, quantities in (
        ("map", cells, facts, ["v_R_kms"]),
        ("profile", profile, profile_facts, ["v_phi_kms"]),
        ("density", density, density_facts, []),
    ):
        write_table(
            folder / f"{name}.parquet", contract.expand(a=list(about.axes), q=quantities), table, provenance(about)
        )
    write_table(folder / "flow.parquet", load_contract("cut_flow"), make_flow(4), {})


def test_scripts_draw_the_same_bytes_every_time(tmp_path):
    write_inputs(tmp_path)
    for run in ("one", "two"):
        out = tmp_path / run
        common = {"title": "a disc", "dpi": 80}
        plot_map.run(
            cells=tmp_path / "map.parquet",
            pdf=out / "map.pdf",
            png=out / "map.png",
            quantity="v_R_kms",
            arms=ARMS,
            percentile=98.0,
            objects="stars",
            **SUN,
            **common,
        )
        plot_cut_flow.run(
            cut_flow=tmp_path / "flow.parquet", membership=None, pdf=out / "flow.pdf", png=out / "flow.png", **common
        )
        plot_profile.run(
            profile=tmp_path / "profile.parquet",
            pdf=out / "profile.pdf",
            png=out / "profile.png",
            quantity="v_phi_kms",
            density=tmp_path / "density.parquet",
            R0_kpc=8.122,
            objects="stars",
            **common,
        )
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["flow.pdf", "flow.png", "map.pdf", "map.png", "profile.pdf", "profile.png"]
    for name in names:
        data = (tmp_path / "one" / name).read_bytes()
        assert data == (tmp_path / "two" / name).read_bytes()
        assert b"CreationDate" not in data and b"Type3" not in data


def test_density_of_another_plane_is_an_error(tmp_path):
    write_inputs(tmp_path)
    out = {"pdf": tmp_path / "x.pdf", "png": tmp_path / "x.png"}
    with pytest.raises(DiscatlasError, match="a profile needs one axis"):
        plot_profile.run(
            profile=tmp_path / "map.parquet",
            quantity="v_R_kms",
            density=tmp_path / "density.parquet",
            R0_kpc=8.122,
            title="x",
            objects="stars",
            dpi=80,
            **out,
        )


def test_figures_name_what_the_rows_are():
    cells, facts = make_map()
    figure = draw_map_figure(cells, replace(facts, objects="clusters"), "v_R_kms", **SUN)
    words = " ".join(text.get_text() for text in visible_texts(figure))
    assert "clusters in" in words
    assert "number of clusters" in words
    assert "stars per cell" not in words
    assert audit_figure(figure) == []


def test_figures_say_where_the_dispersion_holds_unknown_errors():
    cells, facts = make_map()
    with_errors = draw_map_figure(cells, facts, "v_R_kms", **SUN)
    without = draw_map_figure(cells, replace(facts, without_errors=("v_R_kms",)), "v_R_kms", **SUN)
    assert not any("errors unknown" in text.get_text() for text in visible_texts(with_errors))
    assert any("errors unknown" in text.get_text() for text in visible_texts(without))
    about = provenance(facts) | {"errors": {"v_R_kms": "none", "feh_dex": "feh_error_dex"}}
    assert map_facts(about, "map.parquet").without_errors == ("v_R_kms",)
