"""The page of a survey: places on the sky, known stars in known cells, panels that come and go, batches that add up."""

import numpy as np
import polars as pl
import pytest

import plot_survey
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.sky import EqualAreaPixels, SkyCounts, mollweide
from discatlas.plotting.survey import draw_survey_figure
from discatlas.plotting.survey_counts import COLUMNS, count_survey

PHOTOMETRY = ["phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"]


def make_survey(n=20_000, seed=8):
    """Stars along the Galactic plane: dwarfs on a line and giants of the clump."""
    rng = np.random.default_rng(seed)
    giant = rng.random(n) < 0.3
    teff = np.where(giant, rng.normal(4800, 150, n), rng.uniform(4500, 9000, n))
    absolute = np.where(giant, rng.normal(0.6, 0.2, n), 4.5 + (6000 - teff) / 900)
    colour = np.where(giant, 1.2, 0.82 + (5800 - teff) / 4500) + rng.normal(0, 0.03, n)
    distance = rng.gamma(2.0, 0.7, n)
    G = absolute + 5 * np.log10(distance * 100)
    return pl.DataFrame(
        {
            "ra": rng.uniform(0, 360, n),
            "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            "distance_kpc": distance,
            "phot_g_mean_mag": G,
            "phot_bp_mean_mag": G + 0.6 * colour,
            "phot_rp_mean_mag": G - 0.4 * colour,
            "teff_K": teff,
            "logg_dex": np.where(giant, 2.4, 4.4) + rng.normal(0, 0.1, n),
        }
    )


@pytest.fixture(scope="module")
def table():
    return make_survey()


def counted(table, rows=None):
    return count_survey(table.iter_slices(rows or max(table.height, 1)), table.columns)


def panel(figure, words):
    return next(ax for ax in figure.axes if words in ax.get_title(loc="left"))


def mesh_cell(ax, x, y):
    """Number drawn in the cell of a diagram that holds (x, y)."""
    mesh = ax.collections[0]
    corners = mesh.get_coordinates()
    values = np.ma.filled(mesh.get_array(), 0).reshape(corners.shape[0] - 1, corners.shape[1] - 1)
    return values[np.searchsorted(corners[:, 0, 1], y) - 1, np.searchsorted(corners[0, :, 0], x) - 1]


def same_star(**values):
    """A table in which 100 of 200 stars are one and the same, the others as in `make_survey`."""
    table = make_survey(200)
    first = pl.int_range(pl.len()) < 100
    return table.with_columns(pl.when(first).then(value).otherwise(name).alias(name) for name, value in values.items())


def test_mollweide_has_the_centre_in_the_middle_and_longitude_to_the_left():
    x, y = mollweide(np.array([0.0, 90, 270, 180, 360, 123, 45]), np.array([0.0, 0, 0, 0, 0, 90, -90]))
    np.testing.assert_allclose(x, [0, -1, 1, -2, 0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(y, [0, 0, 0, 0, 0, 1, -1], atol=1e-12)


def test_mollweide_keeps_areas():
    l_deg, b_deg, step = np.array([10.0, 100, 250, 340]), np.array([0.0, 35, -60, 80]), 1e-4
    east, north = mollweide(l_deg + step, b_deg), mollweide(l_deg, b_deg + step)
    here = mollweide(l_deg, b_deg)
    jacobian = (east[0] - here[0]) * (north[1] - here[1]) - (east[1] - here[1]) * (north[0] - here[0])
    # The ellipse of area 2 pi holds a sphere of 4 pi.
    expected = 0.5 * np.radians(step) ** 2 * np.cos(np.radians(b_deg))
    np.testing.assert_allclose(np.abs(jacobian), expected, rtol=1e-4)


@pytest.mark.parametrize("size_deg", [1.0, 3.0, 10.0])
def test_pixels_share_the_sky_evenly(size_deg):
    grid = EqualAreaPixels(size_deg)
    assert grid.area_deg2 == pytest.approx(size_deg**2, rel=0.02)
    corners = grid.corners(np.arange(grid.n))
    x, y = corners[..., 0], corners[..., 1]
    area = 0.5 * np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)
    # Straight sides cut a little off the bent meridians, which shows only in wide pixels.
    assert area.sum() == pytest.approx(2 * np.pi, rel=1e-2 * size_deg / 3)
    sine = np.diff(grid.sin_b)
    np.testing.assert_allclose(2 * np.pi * sine / grid.per_band, 4 * np.pi / grid.n, rtol=1e-9)


def test_every_place_lies_in_its_pixel():
    rng = np.random.default_rng(5)
    l_deg, b_deg = rng.uniform(-180, 360, 4000), np.degrees(np.arcsin(rng.uniform(-1, 1, 4000)))
    l_deg, b_deg = np.append(l_deg, [0, 180, -180, 360, 12, 12]), np.append(b_deg, [0, 0, 0, 0, 90, -90])
    grid = EqualAreaPixels(2.0)
    pixels = grid.index(l_deg, b_deg)
    assert pixels.min() >= 0 and pixels.max() < grid.n
    corners, (x, y) = grid.corners(pixels), mollweide(l_deg, b_deg)
    assert np.all((y >= corners[..., 1].min(axis=1) - 1e-9) & (y <= corners[..., 1].max(axis=1) + 1e-9))
    assert np.all((x >= corners[..., 0].min(axis=1) - 0.02) & (x <= corners[..., 0].max(axis=1) + 0.02))


def test_even_sky_gives_even_counts():
    rng = np.random.default_rng(6)
    counts = SkyCounts((5.0,))
    counts.add(rng.uniform(0, 360, 200_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000))))
    grid, pixels = counts.suitable()
    expected = 200_000 / grid.n
    chi2 = np.sum((pixels - expected) ** 2 / expected)
    assert abs(chi2 - (grid.n - 1)) < 4 * np.sqrt(2 * grid.n)


def test_sky_map_puts_longitude_90_left_of_the_centre_and_north_up():
    # Deneb: l = 84 deg, b = 2 deg; the north Galactic pole is at ra 192.859, dec 27.128.
    for ra, dec, place in ((310.358, 45.280, (-84.28 / 90, 0.03)), (192.859, 27.128, (0.0, 1.0))):
        figure = draw_survey_figure(counted(same_star(ra=ra, dec=dec)))
        drawn = panel(figure, "sky").collections[0]
        fullest = drawn.get_paths()[int(np.argmax(drawn.get_array()))].vertices[:-1].mean(axis=0)
        assert drawn.get_array().max() >= 100
        np.testing.assert_allclose(fullest, place, atol=0.06)


def test_sky_is_the_same_from_equatorial_and_galactic_coordinates(table):
    from discatlas.frames import galactic_angles

    l_deg, b_deg = galactic_angles(table["ra"].to_numpy(), table["dec"].to_numpy())
    galactic = table.drop("ra", "dec").with_columns(l=pl.Series(l_deg), b=pl.Series(b_deg))
    one, other = counted(table).sky.suitable(), counted(galactic).sky.suitable()
    np.testing.assert_array_equal(one[1], other[1])


def test_a_known_star_lies_in_its_cells():
    star = {"teff_K": 5010.0, "logg_dex": 2.51, "distance_kpc": 2.0}
    star |= dict(zip(PHOTOMETRY, (12.2, 12.81, 11.5), strict=True))
    figure = draw_survey_figure(counted(same_star(**star)))
    kiel, diagram = panel(figure, "Kiel"), panel(figure, "absolute")
    assert mesh_cell(kiel, 5010, 2.51) >= 100
    # M_G = 12.2 - 5 log10(200), BP - RP = 1.31
    assert mesh_cell(diagram, 1.31, 12.2 - 5 * np.log10(200)) >= 100
    assert np.nansum(kiel.collections[0].get_array()) >= 0.98 * 200
    assert kiel.get_xscale() == "log"
    assert kiel.get_xlim()[0] > kiel.get_xlim()[1] and kiel.get_ylim()[0] > kiel.get_ylim()[1]
    assert diagram.get_xlim()[0] < diagram.get_xlim()[1] and diagram.get_ylim()[0] > diagram.get_ylim()[1]


def test_histograms_hold_the_stars(table):
    figure = draw_survey_figure(counted(table))
    stairs = panel(figure, "distances").patches[0].get_data()
    expected = np.histogram(table["distance_kpc"], stairs.edges)[0]
    np.testing.assert_allclose(stairs.values, expected, atol=2)  # a star on an edge may fall to either side
    assert np.sum(stairs.values) > 0.998 * table.height
    assert f"median {table['distance_kpc'].median():.2f} kpc" in panel(figure, "distances").get_title(loc="left")
    assert len(panel(figure, "magnitudes").patches) == 4


REFLOW = {
    "everything": ([], ["sky", "Kiel", "absolute", "distances", "magnitudes"]),
    "no spectra": (["teff_K", "logg_dex"], ["sky", "absolute", "distances", "magnitudes"]),
    "no photometry": (PHOTOMETRY, ["sky", "Kiel", "distances"]),
    "only G": (PHOTOMETRY[1:], ["sky", "Kiel", "distances", "magnitudes"]),
    "no places": (["ra", "dec"], ["Kiel", "absolute", "distances", "magnitudes"]),
    "no distances": (["distance_kpc"], ["sky", "Kiel", "magnitudes"]),
    "nothing else": (["ra", "dec", "distance_kpc", *PHOTOMETRY], ["Kiel"]),
}


@pytest.mark.parametrize("name", REFLOW)
def test_what_is_missing_is_left_out_and_the_page_flows(table, name):
    missing, panels = REFLOW[name]
    figure = draw_survey_figure(counted(table.drop(missing)), title="a survey")
    assert audit_figure(figure) == []
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert [title[:3] for title in titles] == [f"({letter})" for letter in "abcdef"[: len(panels)]]
    assert all(word in title for word, title in zip(panels, titles, strict=True))
    boxes = [ax.get_window_extent() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_a_column_without_values_counts_as_missing(table):
    empty = table.with_columns(pl.lit(None, pl.Float64).alias("teff_K"))
    figure = draw_survey_figure(counted(empty))
    assert not any("Kiel" in ax.get_title(loc="left") for ax in figure.axes)


@pytest.mark.parametrize("n", [10, 300, 100_000])
def test_small_and_large_surveys_are_sound(n):
    figure = draw_survey_figure(counted(make_survey(n)), title="a survey " * 30, objects="clusters")
    assert audit_figure(figure) == []
    words = " ".join(text.get_text() for text in visible_texts(figure))
    assert f"{n:,} clusters" in words
    assert "not corrected for extinction" in words
    assert "stars" not in words


def test_batches_add_up_to_the_whole(table):
    whole, parts = counted(table), counted(table, 997)
    assert whole.n_rows == parts.n_rows == table.height
    np.testing.assert_array_equal(whole.sky.suitable()[1], parts.sky.suitable()[1])
    for name in ("kiel", "colour_magnitude", "distances"):
        np.testing.assert_array_equal(getattr(whole, name).counts, getattr(parts, name).counts)
    for band in whole.magnitudes:
        np.testing.assert_array_equal(whole.magnitudes[band].counts, parts.magnitudes[band].counts)


def test_surveys_that_cannot_be_drawn_say_why(table, tmp_path):
    with pytest.raises(DiscatlasError, match=r"s\.parquet: 0 stars, expected at least 10"):
        draw_survey_figure(counted(table.head(0)), where="s.parquet")
    with pytest.raises(DiscatlasError, match="no stars with teff_K and logg_dex, or distance_kpc and phot_g_mean_mag"):
        draw_survey_figure(counted(table.drop("logg_dex", "phot_bp_mean_mag")))
    table.select("ra", "dec").write_parquet(tmp_path / "s.parquet")
    out = {"pdf": tmp_path / "s.pdf", "png": tmp_path / "s.png", "title": "", "objects": "stars", "dpi": 60}
    with pytest.raises(DiscatlasError, match=r"s\.parquet: no stars with"):
        plot_survey.run(sample=tmp_path / "s.parquet", **out)
    assert not (tmp_path / "s.pdf").exists()


def test_script_draws_the_same_bytes_every_time_and_ignores_other_columns(table, tmp_path):
    more = table.with_columns(source_id=pl.int_range(pl.len()), ruwe=pl.lit(1.0))
    more.write_parquet(tmp_path / "sample.parquet", row_group_size=3_000)
    assert not set(more.columns) <= set(COLUMNS)
    for name in ("one", "two"):
        plot_survey.run(
            sample=tmp_path / "sample.parquet",
            pdf=tmp_path / f"{name}.pdf",
            png=tmp_path / f"{name}.png",
            title="a survey",
            objects="stars",
            dpi=60,
        )
    for kind in ("pdf", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
