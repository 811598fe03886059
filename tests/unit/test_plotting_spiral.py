"""Every page of a spiral fit passes the audit and shows what the tables hold; the published arms are as published."""

import csv
from dataclasses import replace

import made_spiral_fit as made
import numpy as np
import pytest
from matplotlib.colors import AsinhNorm

import plot_spiral_response
from discatlas.arms import arm_locus, arm_radius, read_arms
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.spiral_context import Context, Tables
from discatlas.plotting.spiral_corner import drawn_parameters
from discatlas.plotting.spiral_degeneracies import is_resolved
from discatlas.plotting.spiral_figures import DIMENSIONLESS, draw_response_page
from discatlas.plotting.spiral_gallery import shared_asinh
from discatlas.plotting.spiral_labels import PARAMETERS, rounded, unwrap_deg
from discatlas.spiral_pages import RESPONSE_PAGES
from discatlas.tables import write_table
from places import ROOT

RESOURCES = ROOT / "resources"
ARMS, OTHERS = RESOURCES / "reid2019_arms.csv", RESOURCES / "other_arms.csv"


def make(free=True, **changes):
    tables = made.made_tables(free)
    chart = tables["fit_map"]
    counts = {"cell": chart["cell"][::-1], "n_stars": 10 + chart["cell"][::-1]}
    context = Context(
        summary=made.summary(free),
        z_sun_kpc=0.02,
        arms=tuple(read_arms(ARMS)),
        other_arms=tuple(read_arms(OTHERS)),
        references={"pitch_deg": 12.3, "surface_density_msun_kpc2": 3.1e6},
        title="a made fit of giants with a long title",
        objects="giants",
        percentile=96.0,
        where="made.parquet",
    )
    return Tables(**tables, counts=counts, n_stars=12345), replace(context, **changes)


@pytest.fixture(scope="module")
def fit():
    return make()


@pytest.fixture(scope="module")
def figures(fit):
    return {page: draw_response_page(page, *fit) for page in RESPONSE_PAGES}


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def words(figure):
    return " ".join(text.get_text() for text in figure.texts)


def lines(ax):
    """Lines of an axes in data coordinates."""
    return [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]


def mesh(ax):
    """Values of the last coloured mesh of a panel."""
    values = [artist.get_array() for artist in ax.collections if artist.get_array() is not None]
    return np.ma.masked_invalid(values[-1]).compressed()


@pytest.mark.parametrize("page", RESPONSE_PAGES)
def test_every_page_passes_the_audit(figures, page):
    assert audit_figure(figures[page], DIMENSIONLESS) == []
    assert max(figures[page].get_size_inches()) < 10.0
    text = words(figures[page])
    for number in ("400 cells", "explained variance 0.012", "\N{MINUS SIGN}12.3", "chi-square 432", "12.0"):
        assert number in text


@pytest.mark.parametrize("page", ["corner", "resonances", "degeneracies"])
def test_a_fixed_pattern_speed_is_named_and_drawn_as_such(page):
    tables, context = make(free=False)
    figure = draw_response_page(page, tables, context)
    assert audit_figure(figure, DIMENSIONLESS) == []
    assert "fixed pattern speed 12 km/s/kpc" in words(figure)
    assert "pattern_speed_kms_kpc" not in drawn_parameters(tables.posterior, context)
    assert "cold disc" in words(figure)
    warm = replace(context, summary=context.summary | {"settings": made.SETTINGS | {"reduction_sigma_R_kms": 35.0}})
    assert "warm disc (35 km/s at R0)" in words(draw_response_page(page, tables, warm))


def test_maps_hold_data_of_all_cells_and_the_rest_of_the_fitted_ones(fit, figures):
    chart, axes = fit[0].fit_map, panels(figures["maps"])
    used = chart["used"]
    known = chart["v_R_kms"][np.isfinite(chart["v_R_kms"])]
    with_errors = chart["residual_kms"][used] / chart["v_R_error_kms"][used]
    inside = (chart["R_kpc"] >= 6.0) & (chart["R_kpc"] <= 13.0)
    shown = [known, chart["model_kms"][used], chart["residual_kms"][used], with_errors]
    shown += [100 * chart["overdensity_model"][inside], 10 + chart["cell"]]
    for ax, values in zip(axes, shown, strict=True):
        np.testing.assert_allclose(np.sort(mesh(ax)), np.sort(values))
    limits = {[c for c in ax.collections if c.get_array() is not None][-1].get_clim() for ax in axes[:2]}
    assert len(limits) == 1  # map and model have one scale
    low, high = limits.pop()
    assert low == -high
    assert "12,345 giants" in words(figures["maps"])


def test_without_numbers_of_stars_the_error_of_the_model_takes_their_place(fit):
    tables, context = fit
    figure = draw_response_page("maps", replace(tables, counts=None, n_stars=None), context)
    assert audit_figure(figure, DIMENSIONLESS) == []
    used = tables.fit_map["used"]
    np.testing.assert_allclose(np.sort(mesh(panels(figure)[5])), np.sort(tables.fit_map["model_error_kms"][used]))


def test_the_corner_keeps_a_phase_about_zero_together_and_marks_values_in_their_units(fit, figures):
    tables, context = fit
    draws = drawn_parameters(tables.posterior, context)
    assert list(draws) == [
        "scale_length_kpc",
        "surface_density_msun_kpc2",
        "pitch_deg",
        "phase_deg",
        "pattern_speed_kms_kpc",
    ]
    assert np.ptp(draws["phase_deg"]) < 40.0
    turns = (draws["phase_deg"] - tables.posterior["phase_deg"]) / 360.0
    np.testing.assert_allclose(turns, np.rint(turns), atol=1e-9)
    np.testing.assert_allclose(draws["surface_density_msun_kpc2"], tables.posterior["surface_density_msun_kpc2"] / 1e6)
    axes = panels(figures["corner"])
    assert len(axes) == 15  # the empty half is gone
    histogram = axes[2]  # surface density
    marks = {round(float(line.get_xdata()[0]), 6) for line in histogram.lines if len(set(line.get_xdata())) == 1}
    assert {3.0, 3.1} <= marks
    timed = replace(context, summary=context.summary | {"settings": made.SETTINGS | {"parametrisation": "time"}})
    assert "time_Gyr" in drawn_parameters(tables.posterior, timed)
    assert "phase_deg" not in drawn_parameters(tables.posterior, timed)


def test_phases_are_unwrapped_about_their_circular_mean():
    np.testing.assert_allclose(unwrap_deg(np.array([350.0, 10.0, 5.0, 355.0])) % 360, [350.0, 10.0, 5.0, 355.0])
    assert np.ptp(unwrap_deg(np.array([350.0, 10.0, 5.0, 355.0]))) == pytest.approx(20.0)
    assert rounded(11.997, 11.954, 12.035) == "$11.997_{-0.043}^{+0.038}$"
    assert PARAMETERS["contrast"].factor == 100.0


def test_resonances_lie_where_the_pattern_speed_meets_the_frequencies(figures):
    ax = panels(figures["resonances"])[0]
    dots = {round(float(xy[0, 0]), 3): xy[0, 1] for xy in lines(ax) if len(xy) == 1}
    flat = 229.0 / np.median(made.made_tables()["posterior"]["pattern_speed_kms_kpc"])
    expected = [0.29289, 0.64645, 1.0, 1.35355, 1.70711]
    np.testing.assert_allclose(sorted(dots), flat * np.array(expected), rtol=1e-3)
    curves = [xy for xy in lines(ax) if len(xy) > 100]
    assert len(curves) == 5
    for (x, y), curve in zip(sorted(dots.items()), curves, strict=True):
        assert np.interp(x, curve[:, 0], curve[:, 1]) == pytest.approx(y, rel=1e-3)


def test_the_resonances_of_four_arms_are_close_and_their_names_stay_apart(fit):
    tables, context = fit
    four = replace(context, summary=context.summary | {"settings": made.SETTINGS | {"m": 4}})
    figure = draw_response_page("resonances", tables, four)
    assert audit_figure(figure, DIMENSIONLESS) == []
    names = [text.get_text().split("\n")[0] for text in panels(figure)[0].texts]
    assert [name for name in names if name in ("ILR", "8:1", "CR", "OLR")] == ["ILR", "8:1", "CR", "8:1", "OLR"]


def test_the_spread_shows_the_table_and_the_resonances(fit, figures):
    profile, (upper, lower) = fit[0].profile, panels(figures["spread"])
    for ax, name, unit in ((upper, "spread", "kms"), (lower, "gradient", "kms_kpc")):
        np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), profile[f"{name}_{unit}"])
        drawn = [line.get_ydata() for line in ax.lines]
        assert any(np.array_equal(values, profile[f"{name}_model_{unit}"]) for values in drawn)
        upright = {round(float(line.get_xdata()[0]), 2) for line in ax.lines if len(line.get_xdata()) == 2}
        assert {12.34, made.R0.__round__(2)} <= upright  # 4:1 and the Sun, the other resonances lie outside


def test_crests_are_drawn_where_they_are_and_never_across_the_plot(fit, figures):
    loci, (plane, azimuth) = fit[0].loci, panels(figures["loci"])
    for arm in (0, 1):
        rows = loci["arm"] == arm
        place = np.stack([loci["X_kpc"][rows], loci["Y_kpc"][rows]], axis=1)
        assert any(xy.shape == place.shape and np.allclose(xy, place) for xy in lines(plane))
        assert np.abs(np.diff(loci["phi_deg"])).max() > 180.0  # an arm passes behind the centre
    for xy in lines(azimuth):
        assert len(xy) < 2 or np.abs(np.diff(xy[:, 0])).max() < 30.0
    R_of = {arm.label: arm_locus(arm, 300)[0] for arm in fit[1].arms}
    assert any(len(xy) == 300 and np.allclose(xy[:, 1], R_of["Perseus"]) for xy in lines(azimuth))


def test_a_gallery_has_one_scale_and_the_resonances_of_each_pattern_speed(fit, figures):
    axes = panels(figures["gallery"])
    assert len(axes) == 4
    norms = {id(ax.collections[0].norm) for ax in axes}
    assert len(norms) == 1
    assert isinstance(axes[0].collections[0].norm, AsinhNorm)
    for ax, speed in zip(axes, (2.0, 10.0, 20.0, 30.0), strict=True):
        radii = {round(float(np.hypot(*xy[0])), 2) for xy in lines(ax) if len(xy) == 721}
        expected = 229.0 / speed * np.array([0.29289, 0.64645, 1.0, 1.35355, 1.70711])
        np.testing.assert_allclose(sorted(radii), expected[expected < 100.0], atol=0.01)
    assert len(panels(figures["parameters"])) == 4
    norm = shared_asinh([np.array([1.0, -2.0, 3.0]), np.array([np.nan, 30.0, -50.0])], 96.0)
    assert (norm.vmin, norm.vmax) == (-50.0, 50.0)


def test_the_likelihood_is_brightest_where_it_is_highest(fit, figures):
    _, peak = made.degeneracy()
    axes = panels(figures["degeneracies"])
    assert len(axes) == 6
    names = list(peak)
    pairs = [(x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
    for ax, pair in zip(axes, pairs, strict=True):
        quad = next(artist for artist in ax.collections if artist.get_array() is not None)
        values, corners = np.asarray(quad.get_array()), quad.get_coordinates()
        j, i = np.unravel_index(np.argmin(values), values.shape)
        place = corners[j : j + 2, i : i + 2].mean(axis=(0, 1))
        step = corners[1, 1] - corners[0, 0]
        truth = [PARAMETERS[name].factor * peak[name] for name in pair]
        assert np.all(np.abs(place - truth) <= 0.51 * step)
        assert ax.get_xlabel() == PARAMETERS[pair[0]].label


def test_a_contour_is_drawn_only_where_the_grid_resolves_it():
    ridge, spot = np.eye(9, dtype=bool), np.zeros((9, 9), bool)
    spot[3:6, 3:6] = True
    assert not is_resolved(ridge)
    assert is_resolved(spot)
    assert not is_resolved(np.ones((5, 5), bool))


def test_other_published_arms_are_those_of_the_cepheids():
    with OTHERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all("Drimmel et al. 2025" in row["source"] and "SpiralMap" in row["source"] for row in rows)
    arms = {arm.arm: arm for arm in read_arms(OTHERS)}
    published = {"Scutum": (10.2, 10.6, 1.556, 1.552), "Sagittarius-Carina": (14.5, 14.8, 1.997, 1.996)}
    published |= {"Orion": (16.0, 15.6, 2.244, 2.250), "Perseus": (22.0, 20.9, 2.459, 2.477)}
    assert set(arms) == set(published)
    for name, (pitch_a, pitch_b, ln_a, ln_b) in published.items():
        pitch, ln_R = np.radians((pitch_a + pitch_b) / 2), (ln_a + ln_b) / 2
        phi = np.array([-90.0, -40.0, 0.0])
        np.testing.assert_allclose(
            np.log(arm_radius(arms[name], phi)), ln_R - np.tan(pitch) * np.radians(phi), atol=2e-4
        )


def test_what_cannot_be_drawn_says_why(fit):
    tables, context = fit
    with pytest.raises(DiscatlasError, match=r"no page 'locus' \(nearest: 'loci'\)"):
        draw_response_page("locus", tables, context)
    with pytest.raises(DiscatlasError, match=r"references: unknown parameter 'pitch' \(nearest: 'pitch_deg'\)"):
        draw_response_page("corner", tables, replace(context, references={"pitch": 3.0}))
    none = tables.fit_map | {"used": np.zeros_like(tables.fit_map["used"])}
    with pytest.raises(DiscatlasError, match="no cell of the map entered the fit"):
        draw_response_page("maps", replace(tables, fit_map=none), context)
    empty = {name: column[:0] for name, column in tables.gallery.items()}
    with pytest.raises(DiscatlasError, match="no map for other values of pattern_speed"):
        draw_response_page("gallery", replace(tables, gallery=empty), context)
    bare = tables.profile | {"spread_kms": np.full_like(tables.profile["spread_kms"], np.nan)}
    with pytest.raises(DiscatlasError, match="no annulus has enough cells"):
        draw_response_page("spread", replace(tables, profile=bare), context)
    empty = {name: column[:0] for name, column in tables.degeneracy.items()}
    with pytest.raises(DiscatlasError, match="no pair of parameters"):
        draw_response_page("degeneracies", replace(tables, degeneracy=empty), context)
    fixed = {name: np.full_like(column, column[0]) for name, column in tables.posterior.items()}
    with pytest.raises(DiscatlasError, match="0 parameters vary"):
        draw_response_page("corner", replace(tables, posterior=fixed), context)
    with pytest.raises(DiscatlasError, match=r"made.parquet: no 'fit' in the summary beside it.*remake it"):
        replace(context, summary={key: value for key, value in context.summary.items() if key != "fit"})


def test_the_script_reads_the_tables_and_writes_the_same_bytes_twice(tmp_path):
    paths, pages, written = made.write_fit(tmp_path), ["maps", "corner", "spread"], []
    chart = made.made_tables()["fit_map"]
    cells = {name: chart[name] for name in ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg")}
    cells |= {"n_stars": np.full(chart["cell"].size, np.nan), "v_R_kms": np.nan_to_num(chart["v_R_kms"])}
    cells |= {"v_R_error_kms": chart["v_R_error_kms"]}
    write_table(tmp_path / "cells.parquet", load_contract("published_map").expand(q=["v_R_kms"]), cells, {})
    settings = {"z_sun_kpc": 0.0, "references": {}, "title": "t", "objects": "stars", "percentile": 96.0, "dpi": 60}
    for name in ("one", "two"):
        files = [[tmp_path / f"{name}-{page}.{kind}" for page in pages] for kind in ("pdf", "png")]
        given = {"cells": tmp_path / "cells.parquet", "arms": ARMS, "other_arms": OTHERS}
        plot_spiral_response.run(**paths, **given, pdf=files[0], png=files[1], pages=pages, **settings)
        written.append([file.read_bytes() for kind in files for file in kind])
    assert written[0] == written[1]
    assert len(set(written[0])) == 6
