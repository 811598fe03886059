"""The page of a galaxy: known patterns come back in sign and place, batches add up, and the page is sound."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import plot_galaxy
from discatlas.arms import read_arms
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.cells import COLOUR_BAR, DECORATION
from discatlas.plotting.galaxy import draw_galaxy_figure, enclosing_levels
from discatlas.plotting.galaxy_counts import count_galaxy
from discatlas.plotting.histograms import Axis, Histogram, merge_cells, smooth

ARMS = Path(__file__).parents[2] / "resources" / "reid2019_arms.csv"
SUN = {"R0_kpc": 8.122, "z_sun_kpc": 0.0208}
AMPLITUDE, PHASE_DEG = 12.0, 30.0


def make_galaxy(n=120_000, young=0.2, seed=4, noise_kms=20.0):
    """A disc with v_R = 12 sin 2(phi - 30 deg) and v_phi = 220 - 3 (R - 8) + 10 cos 2 phi, old stars with scatter."""
    rng = np.random.default_rng(seed)
    R, phi = rng.gamma(2.0, 2.6, n), rng.uniform(-180, 180, n)
    X, Y = cartesian_position(R, phi)
    is_young = rng.random(n) < young
    sigma = np.where(is_young, 5.0, noise_kms)
    angle = np.radians(phi)
    return pl.DataFrame(
        {
            "population": np.where(is_young, "young", np.where(rng.random(n) < 0.2, "thick", "thin")),
            "X_kpc": X,
            "Y_kpc": Y,
            "Z_kpc": rng.laplace(scale=0.3, size=n),
            "v_R_kms": AMPLITUDE * np.sin(2 * (angle - np.radians(PHASE_DEG))) + rng.normal(0, sigma),
            "v_phi_kms": 220 - 3 * (R - 8) + 10 * np.cos(2 * angle) + rng.normal(0, 0.7 * sigma),
        }
    )


@pytest.fixture(scope="module")
def table():
    return make_galaxy()


@pytest.fixture(scope="module")
def figure(table):
    curve = {"R_kpc": np.linspace(0, 40, 81), "v_c_kms": np.full(81, 232.0)}
    counts = count_galaxy([table], R0_kpc=SUN["R0_kpc"])
    return draw_galaxy_figure(counts, **SUN, title="a galaxy", arms=read_arms(ARMS), curve=curve)


def panel(figure, words):
    return next(ax for ax in figure.axes if words in ax.get_title(loc="left"))


def cells(ax):
    """Centres (x, y) and drawn values of a panel's mesh, NaN where nothing is drawn."""
    mesh = next(c for c in ax.collections if c.get_array() is not None and c.get_gid() != DECORATION)
    corners = mesh.get_coordinates()
    x, y = 0.5 * (corners[0, 1:, 0] + corners[0, :-1, 0]), 0.5 * (corners[1:, 0, 1] + corners[:-1, 0, 1])
    values = np.ma.filled(np.ma.masked_invalid(mesh.get_array()), np.nan).reshape(y.size, x.size)
    return x, y, values


def near(ax, R_kpc, phi_deg, radius_kpc=1.0):
    """Mean of the drawn cells about a place in the disc."""
    x, y, values = cells(ax)
    X, Y = cartesian_position(np.array(R_kpc), np.array(phi_deg))
    distance = np.hypot(*np.meshgrid(x - X, y - Y))
    return np.nanmean(values[distance < radius_kpc])


def test_page_is_sound_and_says_what_it_counts(table, figure):
    assert audit_figure(figure) == []
    words = " ".join(text.get_text() for text in visible_texts(figure))
    sizes = dict(table["population"].value_counts().iter_rows())
    assert "120,000 particles, unweighted" in words
    for name, n in sizes.items():
        assert f"{n:,} {name}" in words
    assert words.count("Perseus") == 1
    assert [ax.get_title(loc="left")[:3] for ax in figure.axes if ax.get_label() != COLOUR_BAR] == [
        f"({letter})" for letter in "abcdef"
    ]


def test_radial_velocity_has_the_sign_and_place_of_the_pattern(figure):
    ax = panel(figure, "mean $v_R$")
    for phi_deg in (-165, -120, -75, -30, 15, 60, 105, 150):
        expected = AMPLITUDE * np.sin(2 * np.radians(phi_deg - PHASE_DEG))
        assert near(ax, 6.0, phi_deg) == pytest.approx(expected, abs=3.0)
    low, high = next(c for c in ax.collections if c.get_gid() != DECORATION).get_clim()
    assert low == -high


def test_azimuthal_velocity_is_taken_relative_to_its_ring(figure):
    ax = panel(figure, "less its azimuthal mean")
    for phi_deg, expected in ((0, 10), (90, -10), (180, 10), (-90, -10), (45, 0)):
        assert near(ax, 6.0, phi_deg) == pytest.approx(expected, abs=3.0)


def test_residual_of_an_axisymmetric_disc_is_zero_to_rounding_of_the_rings():
    n = 20_000
    table = make_galaxy(n, young=0.0, noise_kms=0.0)
    R = np.hypot(table["X_kpc"], table["Y_kpc"])
    counts = count_galaxy([table.with_columns(pl.Series("v_phi_kms", 250 - 4 * R))], R0_kpc=8.122)
    inside = (counts.with_residual().counts > 0) & (counts.old.mean("R") > 0.5) & (counts.old.mean("R") < 12)
    # The mean of a ring is linear in R here: only rings and cells of unlike mean radius differ, by rounding.
    assert np.max(np.abs(counts.old.mean("residual")[inside])) < 1e-9


def test_densities_add_up_to_the_particles(table, figure):
    for words, young in (("old populations", False), ("young stars", True)):
        x, _, values = cells(panel(figure, f"surface density, {words}"))
        chosen = table.filter((pl.col("population") == "young") == young)
        half = (x[-1] - x[0] + x[1] - x[0]) / 2
        inside = chosen.filter((pl.col("X_kpc").abs() < half) & (pl.col("Y_kpc").abs() < half)).height
        assert np.nansum(values) * (x[1] - x[0]) ** 2 == pytest.approx(inside, rel=1e-9)


def test_the_velocity_plane_holds_the_particles_that_it_states(table, figure):
    ax = panel(figure, "of the Sun")
    old = table.filter(pl.col("population") != "young", pl.col("Z_kpc").abs() < 1.0)
    distance = np.hypot(old["X_kpc"].to_numpy() + SUN["R0_kpc"], old["Y_kpc"].to_numpy())
    counted = [(radius, int(np.sum(distance < radius))) for radius in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)]
    radius, n = next(item for item in counted if item[1] >= 2000)
    assert radius > 0.5
    assert f"within {radius:g} kpc of the Sun" in ax.get_title(loc="left")
    words = " ".join(text.get_text() for text in visible_texts(figure))
    assert f"{n:,} old particles within {radius:g} kpc" in words
    v_R, v_phi, values = cells(ax)
    assert 0.96 * n < np.nansum(values) <= n
    assert np.nansum(values * v_R) / np.nansum(values) == pytest.approx(AMPLITUDE * np.sin(np.radians(-60)), abs=3)
    assert np.nansum(values.T * v_phi) / np.nansum(values) == pytest.approx(229, abs=3)


def test_rotation_is_relative_to_each_column_and_has_the_curve(figure):
    ax = panel(figure, "rotation")
    x, y, values = cells(ax)
    held = np.isfinite(values).any(axis=0)
    np.testing.assert_allclose(np.nanmax(values[:, held], axis=0), 100)
    middle = np.abs(x - 6.0) < 1.0
    shares = np.nan_to_num(values[:, middle])
    assert np.sum(shares * y[:, None]) / np.sum(shares) == pytest.approx(226, abs=3)
    curve = next(line for line in ax.lines if line.get_label() == "circular velocity")
    assert np.all(curve.get_ydata() == 232)


@pytest.mark.parametrize("rows", [997, 20_000])
def test_batches_add_up_to_the_whole(table, rows):
    whole = count_galaxy([table], R0_kpc=8.122)
    parts = count_galaxy(table.iter_slices(rows), R0_kpc=8.122)
    assert whole.populations == parts.populations
    for name in ("old", "young", "rings", "rotation"):
        one, many = getattr(whole, name), getattr(parts, name)
        np.testing.assert_array_equal(one.counts, many.counts)
        for key in one.sums:
            np.testing.assert_allclose(one.sums[key], many.sums[key], rtol=1e-12, atol=1e-9)
    assert whole.local()[0] == parts.local()[0]
    np.testing.assert_array_equal(whole.local()[1].counts, parts.local()[1].counts)


def test_without_young_stars_their_panel_is_left_out():
    counts = count_galaxy([make_galaxy(30_000, young=0.0)], R0_kpc=8.122)
    figure = draw_galaxy_figure(counts, **SUN)
    assert audit_figure(figure) == []
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert [title[:3] for title in titles] == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    assert "(b) mean $v_R$" in titles
    widths = [ax.get_position().width for ax in figure.axes if ax.get_title(loc="left")]
    assert widths[-1] > 2 * widths[0]
    assert "(e) number in each column" in " ".join(text.get_text() for text in visible_texts(figure))


@pytest.mark.parametrize("n", [6_000, 400_000])
def test_small_and_large_galaxies_are_sound(n):
    figure = draw_galaxy_figure(count_galaxy([make_galaxy(n)], R0_kpc=8.122), **SUN, title="a galaxy " * 20)
    assert audit_figure(figure) == []


def test_rows_without_numbers_are_counted_and_left_out(table):
    holes = table.with_columns(
        pl.when(pl.int_range(pl.len()) < 50).then(None).otherwise(pl.col("X_kpc")).alias("X_kpc")
    )
    counts = count_galaxy([holes], R0_kpc=8.122)
    assert counts.n_missing == 50
    assert sum(counts.populations.values()) == table.height - 50
    words = " ".join(text.get_text() for text in visible_texts(draw_galaxy_figure(counts, **SUN)))
    assert "50 more lack a position or velocity" in words


def test_galaxies_that_cannot_be_drawn_say_why(table, tmp_path):
    def draw(part):
        draw_galaxy_figure(count_galaxy([part], R0_kpc=8.122), **SUN, where="g.parquet")

    with pytest.raises(DiscatlasError, match=r"g.parquet: no particles to draw"):
        draw(table.head(0))
    with pytest.raises(DiscatlasError, match="particles of the old populations, expected at least 1,000"):
        draw(table.head(300))
    with pytest.raises(DiscatlasError, match=r"0 old particles within 3 kpc of the Sun's place, expected at least 100"):
        draw(table.filter(pl.col("X_kpc") > 0))
    table.drop("v_R_kms").write_parquet(tmp_path / "g.parquet")
    out = {"pdf": tmp_path / "g.pdf", "png": tmp_path / "g.png", "title": "", "arms": None, "dpi": 60}
    with pytest.raises(DiscatlasError, match="no column 'v_R_kms'"):
        plot_galaxy.run(galaxy=tmp_path / "g.parquet", **SUN, **out)
    assert not (tmp_path / "g.pdf").exists()


def test_script_draws_the_same_bytes_every_time(table, tmp_path):
    table.write_parquet(tmp_path / "galaxy.parquet", row_group_size=7_000)
    plane = pl.DataFrame({"R_kpc": np.linspace(0, 30, 61), "v_c_kms": np.full(61, 230.0)})
    plane.write_parquet(tmp_path / "plane.parquet")
    for name in ("one", "two"):
        plot_galaxy.run(
            galaxy=tmp_path / "galaxy.parquet",
            plane=tmp_path / "plane.parquet",
            pdf=tmp_path / f"{name}.pdf",
            png=tmp_path / f"{name}.png",
            title="a galaxy",
            arms=ARMS,
            dpi=60,
            **SUN,
        )
    for kind in ("pdf", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_histogram_counts_sums_and_windows():
    histogram = Histogram((Axis(0.0, 0.5, 8), Axis(-2.0, 1.0, 4)), ("q",))
    histogram.add(([0.1, 0.6, 3.9, 4.0, np.nan], [-1.5, -1.5, 1.5, 0, 0]), {"q": [1.0, 2.0, 3.0, 9.0, 9.0]})
    assert (histogram.n_inside, histogram.n_outside) == (3, 2)
    part = histogram.window([(0, 2), (-2, 0)], (2, 2))
    np.testing.assert_array_equal(part.counts, [[2], [0]])
    np.testing.assert_array_equal(part.axes[0].edges, [0, 1, 2])
    assert part.mean("q")[0, 0] == 1.5 and np.isnan(part.mean("q")[1, 0])
    assert np.isnan(part.mean("q", 3)).all()
    assert part.n_outside == 3
    np.testing.assert_array_equal(merge_cells(np.arange(8).reshape(2, 4), (2, 2)), [[10, 18]])


def test_quantiles_of_many_rows_are_those_of_the_rows():
    rng = np.random.default_rng(2)
    values = rng.normal(5, 1, 50_000)
    histogram = Histogram((Axis(0.0, 0.01, 1000),))
    histogram.add((values,))
    np.testing.assert_allclose(histogram.quantiles(0, [0.1, 0.5, 0.9]), np.quantile(values, [0.1, 0.5, 0.9]), atol=0.01)


def test_merging_suits_the_numbers():
    rng = np.random.default_rng(3)
    histogram = Histogram((Axis(-2.0, 0.1, 40), Axis(-2.0, 0.1, 40)))
    histogram.add(rng.uniform(-2, 2, (2, 16_000)))  # ten in each cell
    assert histogram.suitable_width(1, 0.9) == 1
    assert histogram.suitable_width(30, 0.9) == 2
    assert histogram.fitted([(-2, 2), (-2, 2)], 1, 0.9).counts.shape == (40, 40)


def test_smoothing_keeps_the_sum_and_widens_by_its_width():
    point = np.zeros((81, 81))
    point[40, 40] = 7.0
    blurred = smooth(point, 3.0)
    place = np.arange(81) - 40
    assert blurred.sum() == pytest.approx(7.0)
    for axis in (0, 1):
        assert np.sum(blurred.sum(axis=axis) * place**2) / 7 == pytest.approx(9.0, rel=1e-6)


def test_contours_enclose_their_share_of_a_gaussian():
    x = np.linspace(-6, 6, 601)
    density = np.exp(-0.5 * (x[:, None] ** 2 + x**2))
    # Beyond the level f of its peak a Gaussian in two dimensions holds the share f.
    np.testing.assert_allclose(enclosing_levels(density, [0.3, 0.6, 0.9]), [0.1, 0.4, 0.7], rtol=2e-3)
