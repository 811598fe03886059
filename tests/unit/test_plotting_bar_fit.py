"""Every page of a fit of spiral modes passes the audit and shows what tables and summary hold."""

import json

import numpy as np
import pytest
from made_spiral_modes import POINTS, grid_of_cells
from orbit_models import R0_KPC, spiral_config

import plot_spiral_modes
from discatlas.bar_spirals.mode_pages import MODES_PAGES
from discatlas.contracts import load_contract
from discatlas.dynamics.modes import Spiral
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.bar_fit import DIMENSIONLESS, ModesFit, crest_azimuth, draw_modes_page
from discatlas.plotting.bar_fit_pages import BROKEN, parameter_symbol
from discatlas.tables import write_table

BOUNDS = {
    "amplitude_2_percent": ("percent", 0.0, 0.2),
    "pitch_2_deg": ("deg", 6.0, 30.0),
    "phase_2_deg": ("deg", 0.0, 180.0),
    "Omega_2_kms_kpc": ("km / (s kpc)", 10.0, 14.0),
    "pitch_3_deg": ("deg", 6.0, 30.0),
    "phase_3_deg": ("deg", 0.0, 120.0),
    "Omega_3_kms_kpc": ("km / (s kpc)", 10.0, 37.0),
}


def generations(rng, n=30, members=21):
    """Members that close in on the middle of the bounds; some of the first break a constraint."""
    generation = np.repeat(np.arange(n), members)
    columns = {"generation": generation, "member": np.tile(np.arange(members), n)}
    objective = 15 + 60 * np.exp(-generation / 6) * rng.random(generation.size)
    objective[(generation < 2) & (columns["member"] > 15)] = 2 * BROKEN
    objective = np.sort(objective.reshape(n, members), axis=1).ravel()
    columns["objective"] = objective
    for name, (_, low, high) in BOUNDS.items():
        width = 0.5 * (high - low) * np.exp(-generation / 8)
        columns[name] = 0.5 * (low + high) + width * rng.uniform(-1, 1, generation.size)
    return columns


def fit_map(rng, compared=True):
    x, y = np.linspace(4, 12, 25), np.linspace(-4, 4, 25)
    cells = grid_of_cells(5 * np.sin(x)[:, None] * np.cos(0.4 * y), x, y)
    model = 0.8 * cells["v_R_kms"]
    columns = cells | {"near_point": rng.random(625) < 0.1, "model_kms": model}
    columns |= {"v_R_kms": cells["v_R_kms"] + rng.normal(0, 1, 625)}
    columns["residual_kms"] = columns["v_R_kms"] - model
    return columns | ({"compared_kms": 0.3 * model + 2.0} if compared else {})


def summary(compared=True):
    names = ("best", "before_polish", "compared") if compared else ("best", "before_polish")
    objective = {name: {"unbiased": 15.0 + k, "khalil2025": 17.0 + k} for k, name in enumerate(names)}
    parameters = {
        name: {"unit": unit, "bounds": [low, high], "best": 0.4 * low + 0.6 * high, "before_polish": 0.5 * (low + high)}
        | {"compared": 0.3 * high + 0.7 * low if compared else None}
        for name, (unit, low, high) in BOUNDS.items()
    }
    rms = {name: 4.0 + k for k, name in enumerate(("zero", "best", *names[2:]))}
    spirals = [spiral_config(2), spiral_config(3, R_limits_kpc=[7.766, None])]
    points = [
        {"x_kpc": x, "y_kpc": y, "sigma_kms": s, "v_R_kms": 5 * np.sin(x), "best_kms": 4 * np.sin(x)}
        for x, y, s in POINTS
    ]
    return {
        "modes": [2, 3],
        "parameters": parameters,
        "objective": objective | {"zero": {"unbiased": 37.4, "khalil2025": 37.4}},
        "rms": {"n_cells": {"all": 625, "outside": 560, "beyond_bar": 500}}
        | {f"{name}_kms": rms for name in ("all", "outside", "beyond_bar")},
        "evolution": {"n_generations": 29, "n_members": 21, "n_evaluations": 630, "spread": 0.009, "converged": True},
        "points": [point | ({"compared_kms": 1.0} if compared else {}) for point in points],
        "model": {
            "R0_kpc": R0_KPC,
            "spirals": spirals,
            "contrasts": {
                "spiral_m2": {"winding": 0.249, "exact": 0.254},
                "spiral_m3": {"winding": 0.092, "exact": 0.09},
            },
            "cut_offs_kpc": {"spiral_m2": {"used": [6.49, 25.9]}, "spiral_m3": {"used": [7.77, None]}},
        },
        "settings": {"tolerance": 0.01},
    }


def make(compared=True, **changes):
    rng = np.random.default_rng(4)
    kept = {"z_sun_kpc": 0.015, "title": "a made fit with a long title", "objects": "giants", "percentile": 98.0}
    tables = {"generations": generations(rng), "fit_map": fit_map(rng, compared), "summary": summary(compared)}
    return ModesFit(**tables | kept | {"where": "made.parquet"} | changes)


@pytest.fixture(scope="module")
def figures():
    fit = make()
    return {page: draw_modes_page(page, fit) for page in MODES_PAGES}


def words(figure):
    return " ".join(text.get_text() for text in figure.texts)


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


@pytest.mark.parametrize("page", MODES_PAGES)
def test_every_page_passes_the_audit(figures, page):
    assert audit_figure(figures[page], DIMENSIONLESS) == []
    assert max(figures[page].get_size_inches()) < 10.0
    assert "m = 2 and m = 3 beside the bar" in words(figures[page])
    assert "fit 15.0, compared model 17.0, v_R = 0 37.4" in words(figures[page])


@pytest.mark.parametrize("page", MODES_PAGES)
def test_pages_of_a_fit_that_is_not_compared(page):
    figure = draw_modes_page(page, make(compared=False))
    assert audit_figure(figure, DIMENSIONLESS) == []
    assert "compared model 1" not in words(figure)


def test_maps_hold_data_model_and_residuals_of_all_cells(figures):
    fit, axes = make(), panels(figures["maps"])
    chart = fit.fit_map
    left = chart["v_R_kms"] - chart["compared_kms"]
    gain = np.abs(left) - np.abs(chart["residual_kms"])
    shown = [chart["v_R_kms"], chart["model_kms"], chart["residual_kms"], gain, chart["compared_kms"], left]
    meshes = [[c for c in ax.collections if c.get_array() is not None][-1] for ax in axes]
    for mesh, values in zip(meshes, shown, strict=True):
        np.testing.assert_allclose(np.sort(np.ma.compressed(mesh.get_array())), np.sort(values))
    limits = [mesh.get_clim() for mesh in meshes]
    assert limits[0] == limits[1] == limits[4]
    assert limits[2] == limits[5]
    assert "all (625): v_R = 0 4.00, compared model 6.00, fit 5.00; those farther" in words(figures["maps"])


def test_points_are_larger_for_more_weight(figures):
    circles = [c for c in panels(figures["maps"])[0].collections if c.get_array() is None][-1]
    np.testing.assert_allclose(circles.get_offsets(), np.array([[-x, y] for x, y, _ in POINTS]))
    sizes = circles.get_sizes()
    assert sizes[0] == sizes.max() == 60.0
    assert sizes[1] == 30.0


def test_crests_are_minima_of_the_potential():
    """Along them the mode's potential is minus its amplitude, and all arms are alike."""
    for m in (2, 3):
        mode = Spiral.from_config(spiral_config(m))
        R = np.linspace(7, 15, 9)
        value, _ = mode.amplitude(R)
        for phi in crest_azimuth(spiral_config(m), R):
            potential = (value * np.exp(1j * m * np.radians(phi))).real
            np.testing.assert_allclose(potential, -np.abs(value), rtol=1e-9)


def test_members_that_break_a_constraint_are_not_drawn(figures):
    ax = panels(figures["convergence"])[0]
    dots = ax.lines[0].get_ydata()
    table = make().generations["objective"]
    assert (table >= BROKEN).any()
    assert dots.size == (table < BROKEN).sum()
    assert ax.get_ylim()[1] < BROKEN


def test_the_table_has_all_parameters(figures):
    text = words(figures["parameters"])
    for name in BOUNDS:
        assert parameter_symbol(name) in text
    for number in ("0.120", "20.4", "24.9", "15.00 (17.00)", "from 7.77", "6.49 to 25.90"):
        assert number in text
    assert parameter_symbol("Omega_bar_kms_kpc") == r"$\Omega_\mathrm{b}$"


def test_unknown_pages_and_foreign_summaries():
    with pytest.raises(DiscatlasError, match=r"no page 'map' .nearest: 'maps'.; pages: convergence, maps, parameters"):
        draw_modes_page("map", make())
    with pytest.raises(DiscatlasError, match="no 'rms' in its summary"):
        make(summary={name: value for name, value in summary().items() if name != "rms"})


def test_the_script_writes_its_pages(tmp_path):
    fit, names = make(), {"generations": "spiral_modes_generations", "fit_map": "spiral_modes_map"}
    files = {name: tmp_path / f"{name}.parquet" for name in names}
    for name, contract in names.items():
        write_table(files[name], load_contract(contract), getattr(fit, name), {})
    (tmp_path / "fit.json").write_text(json.dumps(fit.summary), encoding="utf-8")
    made = {kind: [tmp_path / f"{page}.{kind}" for page in ("maps",)] for kind in ("pdf", "png")}
    settings = {"z_sun_kpc": 0.015, "title": "a fit", "objects": "stars", "percentile": 98.0, "dpi": 60}
    plot_spiral_modes.run(**files, summary=tmp_path / "fit.json", **made, pages=["maps"], **settings)
    assert all(path.stat().st_size > 10_000 for paths in made.values() for path in paths)
