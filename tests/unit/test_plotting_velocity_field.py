"""Every page of a velocity field and the figure of the rotation curves pass the audit and show what the tables hold."""

import json

import numpy as np
import pytest
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import LogNorm

import fit_rotation_curve
import fit_velocity_field
import plot_rotation_curve
import plot_velocity_field
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.plotting import rotation_curve as curves
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.field_labels import column_label, column_symbol
from discatlas.plotting.field_profiles import along_ray, common_nodes
from discatlas.plotting.nodes import field_facts
from discatlas.plotting.velocity_field import DIMENSIONLESS, FEATURES, draw_field_page, significance
from discatlas.tables import TableWriter, read_columns, read_provenance, write_table
from discatlas.velocity_field.cells import cell_columns
from discatlas.velocity_field.pages import PAGES
from places import ROOT

R0 = 8.2
RESOURCES = ROOT / "resources"


def write_cells(path, n=5000, is_sheet=lambda X: X > -7.0):
    """Cells of a disc with a wave in v_R; those of a part of it lie so near the plane that fits are ill-conditioned."""
    rng = np.random.default_rng(23)
    X, Y, Z = rng.uniform(-2.4, 2.4, n) - R0, rng.uniform(-2.4, 2.4, n), rng.normal(0, 0.35, n)
    Z = np.where(is_sheet(X), 0.002 * Z, Z)
    R, phi = cylindrical_position(X, Y)
    mean = np.stack([9 * np.sin(1.5 * R + np.deg2rad(2 * phi)), 232 - 2 * (R - R0), 4 * Z], axis=1)
    columns = cell_columns(
        np.arange(n), np.full(n, 5), np.stack([X, Y, Z], axis=1), mean + rng.normal(0, 12, (n, 3)), np.full((n, 3), 5.0)
    )
    write_table(path, load_contract("phase_space_cells"), columns, {"cell_kpc": 0.1, "n_stars": {"in_cells": 5 * n}})
    return path


@pytest.fixture(scope="module")
def field_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("field")
    fit_velocity_field.run(
        cells=write_cells(folder / "cells.parquet"),
        field=folder / "field.parquet",
        radii_kpc=[0.5, 1.0, 1.5],
        half_width_kpc=3.0,
        spacing_kpc=0.3,
        R_min_kpc=2.0,
        min_fit=60,
        min_trust=400,
        max_condition=300.0,
        weighted=False,
        errors="robust",
        R0_kpc=R0,
        z_sun_kpc=0.02,
        threads=1,
    )
    return folder / "field.parquet"


@pytest.fixture(scope="module")
def field(field_path):
    columns = read_columns(field_path)
    assert set(columns["quality"]) == {"good", "sparse", "few", "ill_conditioned"}
    return columns, field_facts(read_provenance(field_path), str(field_path), "clusters")


def draw(field, page, radius=1.0):
    return draw_field_page(page, *field, radius, "a made field with a long title", 96.0, "field.parquet")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_passes_the_audit(field, page):
    figure = draw(field, page)
    assert audit_figure(figure, DIMENSIONLESS) == []
    assert max(figure.get_size_inches()) < 10.7  # it fits on a page
    words = " ".join(text.get_text() for text in figure.texts)
    assert "25,000 clusters" in words


def maps(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def test_maps_hold_the_values_of_the_fitted_nodes_and_marks_for_the_others(field):
    columns, _ = field
    rows = np.isclose(columns["radius_kpc"], 1.0)
    fitted = rows & np.isin(columns["quality"], ["good", "sparse"])
    first = maps(draw(field, "value"))[0]
    grey, values = [artist for artist in first.collections if isinstance(artist, QuadMesh)]
    drawn = np.ma.masked_invalid(values.get_array()).compressed()
    np.testing.assert_array_equal(np.sort(drawn), np.sort(columns["v_R_0_kms"][fitted]))
    few = rows & (columns["quality"] == "few") & (columns["n_cells"] > 0)
    assert np.ma.masked_invalid(grey.get_array()).count() == few.sum()
    hatched = next(artist for artist in first.collections if isinstance(artist, PolyCollection) and artist.get_hatch())
    assert len(hatched.get_paths()) == (rows & (columns["quality"] == "ill_conditioned")).sum() > 0
    low, high = values.get_clim()
    assert low == -high < 0  # centred on zero
    square = values.get_coordinates()
    nodes = columns["X_kpc"][rows]
    assert square[0, 0, 0] == pytest.approx(nodes.min() - 0.15)


def test_pages_hold_all_coefficients_each_beside_its_error(field):
    labels = {page: [ax.get_xlabel() for ax in draw(field, page).axes if is_colour_bar(ax)] for page in PAGES[:5]}
    assert [len(labels[page]) for page in PAGES[:5]] == [11, 18, 36, 8, 30]
    for page in ("first", "second", "oort", "north_minus_south"):
        assert sum(label.startswith(r"$\varepsilon") for label in labels[page]) == len(labels[page]) / 2
        assert len(set(labels[page])) == len(labels[page])
    errors = draw(field, "oort").axes[8:]
    assert all(isinstance(ax.collections[1].norm, LogNorm) for ax in errors if not is_colour_bar(ax))


def test_significance_is_the_value_over_its_error_on_one_scale_for_all_radii(field):
    columns, _ = field
    panels = maps(draw(field, "significance"))
    assert len(panels) == 3 * len(FEATURES)
    for k, name in enumerate(FEATURES):
        scales = [panels[radius * len(FEATURES) + k].collections[1].get_clim() for radius in range(3)]
        assert len(set(scales)) == 1
        ratio = significance(columns, name)
        fitted = np.isin(columns["quality"], ["good", "sparse"])
        base, unit = (name[:-4], "kms") if name.endswith("_0_kms") else (name[:-8], "kms_kpc")
        np.testing.assert_allclose(ratio[fitted], (columns[name] / columns[f"{base}_error_{unit}"])[fitted])
        assert np.isnan(ratio[~fitted]).all()


def test_rays_follow_their_azimuth_and_break_at_gaps(field):
    columns, facts = field
    rows = {name: column[np.isclose(columns["radius_kpc"], 1.0)] for name, column in columns.items()}
    for phi in (0.0, 15.0, -15.0):
        order = along_ray(rows, facts, phi)
        order = order[order >= 0]
        offset = rows["R_kpc"][order] * np.sin(np.deg2rad(rows["phi_deg"][order] - phi))
        assert order.size > 2
        assert np.all(np.abs(offset) <= 0.1501)
        assert np.all(np.diff(rows["R_kpc"][order]) > 0)
    hole = rows | {"quality": np.where(np.abs(rows["X_kpc"] + R0) < 0.7, "few", rows["quality"])}
    assert (along_ray(hole, facts, 0.0) == -1).sum() == 1


def test_radii_are_compared_at_the_same_nodes(field):
    parts = common_nodes(field[0])
    nodes = [part["node"].tolist() for part in parts.values()]
    assert nodes[0] == nodes[1] == nodes[2] != []
    assert [set(part["radius_kpc"].tolist()) for part in parts.values()] == [{0.5}, {1.0}, {1.5}]


def test_labels_have_symbol_and_unit():
    assert column_label("v_R_RR_kms_kpc2") == r"$\partial_R^2 v_R$ [km s$^{-1}$ kpc$^{-2}$]"
    assert column_symbol("north_minus_south_v_phi_Z_kms_kpc") == r"\Delta\,\partial_{|Z|} v_\varphi"
    assert column_symbol("linear_A_kms_kpc") == "A"


def test_a_field_that_cannot_be_drawn_says_why(field, field_path, tmp_path):
    with pytest.raises(DiscatlasError, match=r"no page 'seconds' \(nearest: 'second'\)"):
        draw(field, "seconds")
    with pytest.raises(DiscatlasError, match=r"no node was fitted with radius_kpc 0.7: nothing to draw; see min_fit"):
        draw(field, "value", radius=0.7)
    with pytest.raises(DiscatlasError, match=r"cells.parquet: no 'grid' in its provenance.*remake it"):
        field_facts(read_provenance(field_path.with_name("cells.parquet")), "cells.parquet")


def test_the_script_writes_the_same_bytes_twice(field_path, tmp_path):
    written = []
    for name in ("one", "two"):
        pages = ["oort", "radii"]
        files = [[tmp_path / f"{name}-{page}.{kind}" for page in pages] for kind in ("pdf", "png")]
        settings = {"radius_kpc": 1.0, "title": "t", "objects": "stars", "percentile": 96.0, "dpi": 60}
        plot_velocity_field.run(field=field_path, pdf=files[0], png=files[1], pages=pages, **settings)
        written.append([file.read_bytes() for kind in files for file in kind])
    assert written[0] == written[1]
    assert len(set(written[0])) == 4


@pytest.fixture(scope="module")
def curve_paths(field_path):
    """Rotation curves of the made field; its stars have no sample columns for proper motions."""
    folder, rng, n = field_path.parent, np.random.default_rng(4), 4000
    X, Y, Z = rng.uniform(-2, 2, n) - R0, rng.uniform(-2, 2, n), rng.normal(0, 0.3, n)
    R, phi = cylindrical_position(X, Y)
    stars = {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
    for name, mean, sigma in (("v_R", 0.0, 30.0), ("v_phi", 225.0, 20.0), ("v_Z", 0.0, 15.0)):
        stars |= {f"{name}_kms": rng.normal(mean, sigma, n), f"{name}_error_kms": np.full(n, 2.0)}
    with TableWriter(folder / "stars.parquet", load_contract("phase_space"), list(stars)) as writer:
        writer.write(stars)
    fit_rotation_curve.run(
        field=field_path,
        cells=folder / "cells.parquet",
        phase_space=folder / "stars.parquet",
        sample=folder / "stars.parquet",
        curve=folder / "curve.parquet",
        oort=folder / "curve.json",
        radius_kpc=1.0,
        R_limits_kpc=[6.0, 10.5],
        R_step_kpc=0.5,
        phi_max_deg=30.0,
        density_scale_kpc=2.6,
        dispersion_scale_kpc=9.0,
        distance_limits_kpc=[0.3, 2.0],
        b_max_deg=15.0,
        R0_kpc=R0,
        threads=1,
    )
    return folder / "curve.parquet", folder / "curve.json"


def published_tables():
    names = {"akhmetov_curves": "akhmetov2024_rotation_curves", "akhmetov_oort": "akhmetov2024_oort"}
    names |= {"bovy_oort": "bovy2017_oort", "eilers": "eilers2019_rotation_curve"}
    return {key: RESOURCES / f"{name}.csv" for key, name in names.items()}


def test_the_rotation_curves_pass_the_audit_beside_the_published_ones(curve_paths, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot_rotation_curve, "save_figure", lambda figure, *_: figures.append(figure))
    settings = {"R0_kpc": R0, "title": "a made field", "objects": "stars", "dpi": 60}
    paths = {"curve": curve_paths[0], "oort": curve_paths[1], "pdf": tmp_path / "a.pdf", "png": tmp_path / "a.png"}
    plot_rotation_curve.run(**paths, **published_tables(), **settings)
    assert audit_figure(figures[0], (curves.ROUTE_LABEL,)) == []
    main, *four = figures[0].axes[:5]
    table = read_columns(curve_paths[0])
    for ax, name in zip(four, curves.CURVES, strict=True):
        np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), table[f"v_{name}_kms"])
    assert len(main.containers) == 4
    routes = json.loads(curve_paths[1].read_text(encoding="utf-8"))["routes"]
    missing = sum("reason" in route for route in routes)
    assert missing == 2
    for ax in figures[0].axes[5:]:
        assert [text.get_text() for text in ax.texts] == ["no value"] * missing
        assert len(ax.containers) == len(routes) - missing + 2
    plot = {"routes": routes, "R0_kpc": R0, "title": "", "objects": "stars"}
    empty = {name: np.full_like(column, np.nan, dtype=float) for name, column in table.items()}
    with pytest.raises(DiscatlasError, match="no bin has a value: nothing to draw"):
        curves.draw_rotation_figure(empty, {}, published=None, **plot)
