"""Figures of velocity planes and of the bar's strip pass the audit and show what their tables hold."""

import numpy as np
import pytest

from discatlas.bar_spirals.velocity_plane import LINE_COLUMNS
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting import bar_strip, bar_velocity_plane
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.bar_strip import draw_bar_strip
from discatlas.plotting.bar_velocity_plane import ModelTables, draw_velocity_plane

R0 = 8.275
V_R, V_PHI = np.arange(-147.0, 148.0, 6.0), np.arange(103.0, 338.0, 6.0)


def grid_of(x, y):
    return tuple(axis.ravel() for axis in np.meshgrid(x, y, indexing="ij"))


def gaussian(x, y, at, size):
    values = np.exp(-0.5 * ((x - at[0]) / size[0]) ** 2 - 0.5 * ((y - at[1]) / size[1]) ** 2)
    return values / values.sum()


def made_model(name, shift=0.0, n_stars=20_000, has_bar=True, v_R=V_R):
    x, y = grid_of(v_R, V_PHI)
    plane = {"v_R_kms": x, "v_phi_kms": y, "L_z_kpc_kms": R0 * y, "J_R_kpc_kms": x**2 / 80 + 0.02 * (y - 240) ** 2}
    shape = (38, 26)
    plane["density_equilibrium"] = gaussian(x, y, (0, 235), shape) / 36
    plane["density"] = gaussian(x, y, (shift, 235), shape) / 36
    L, J = grid_of(np.arange(1025.0, 2800, 50), np.arange(5.0, 300, 10))
    actions = {"L_z_kpc_kms": L, "J_R_kpc_kms": J}
    actions["density_equilibrium"] = gaussian(L, J, (1950, 0), (200, 40)) / 500
    actions["density"] = gaussian(L, J, (1950 + shift, 0), (200, 40)) / 500
    summary = {"R_kpc": R0, "phi_deg": 0.0, "model": {"sirius_ratio": 0.05}, "equilibrium": {"sirius_ratio": -0.083}}
    if n_stars:
        rng = np.random.default_rng(3)
        plane["n_stars"] = rng.multinomial(n_stars, plane["density"] * 36)
        actions["density_data"] = rng.multinomial(n_stars, actions["density"] * 500) / n_stars / 500
        summary["data"] = {"sirius_ratio": 0.183, "sirius_ratio_error": 0.013}
    rows = [(l, m, v) for l, m in ((0, 1), (1, 2)) for v in v_R] if has_bar else []  # noqa: E741
    columns = dict(zip(("l", "m", "v_R_kms"), np.array(rows).reshape(-1, 3).T, strict=True))
    columns |= {name: columns[name].astype(np.int64) for name in ("l", "m")}
    line = 170 + 110 * columns["l"] - 0.002 * columns["v_R_kms"] ** 2
    for word in ("", "exact_"):
        v_phi = line + (5 if word else 0)
        columns |= {
            f"v_phi_{word}kms": v_phi,
            f"L_z_{word}kpc_kms": R0 * v_phi,
            f"J_R_{word}kpc_kms": columns["v_R_kms"] ** 2 / 80,
        }
    columns["R_resonance_kpc"] = 6.5 + columns["l"]
    assert set(columns) == set(LINE_COLUMNS)
    assert load_contract("velocity_plane").select(plane)
    assert load_contract("velocity_plane_actions").select(actions)
    return ModelTables(name, plane, columns, actions, summary)


def draw(models, **changes):
    settings = {"data_name": "made survey", "sun_v_kms": (-9.3, 251.5), "title": "Velocities", "where": "made"}
    return draw_velocity_plane(models, **(settings | changes))


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax) and ax.axison]


def mesh(ax):
    return np.ma.masked_invalid(next(c for c in ax.collections if c.get_array() is not None).get_array())


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_data_axisymmetric_and_models_stand_side_by_side():
    models = [made_model("bar only"), made_model("fiducial", 6.0)]
    figure = draw(models)
    assert audit_figure(figure, bar_velocity_plane.DIMENSIONLESS) == []
    first = [title.split("\n")[0] for title in titles(figure)]
    assert first == ["made survey", "axisymmetric", "bar only", "fiducial"]
    assert titles(figure)[0].endswith("20,000 stars\nSirius +18 ± 1 %")
    assert "Sirius \N{MINUS SIGN}8 %" in titles(figure)[1]
    axes = panels(figure)
    assert len(axes) == 4 + 3 + 4  # the axisymmetric disc has no excess over itself
    counts = models[0].plane["n_stars"].reshape(V_R.size, V_PHI.size).T / 20_000 / 36 * 1e6
    shown = mesh(axes[0])
    np.testing.assert_allclose(shown.compressed(), counts[counts > 0])
    excess = (
        np.log2(models[1].plane["density"] / models[1].plane["density_equilibrium"]).reshape(V_R.size, V_PHI.size).T
    )
    drawn = mesh(axes[6])
    np.testing.assert_allclose(drawn.compressed(), excess[~np.ma.getmaskarray(drawn)], atol=1e-9)
    density = models[1].actions["density"].reshape(36, 30).T * 1e6
    drawn = mesh(axes[10])
    np.testing.assert_allclose(drawn.compressed(), density[~np.ma.getmaskarray(drawn)])


def test_lines_and_the_sun_lie_where_the_tables_have_them():
    model = made_model("bar only")
    axes = panels(draw([model]))
    assert len(axes) == 3 + 2 + 3
    for ax, x, y in ((axes[0], "v_R_kms", "v_phi_kms"), (axes[5], "L_z_kpc_kms", "J_R_kpc_kms")):
        rows = model.lines["l"] == 1
        curve = np.stack([model.lines[x][rows], model.lines[y][rows]], axis=1)
        assert any(np.array_equal(line.get_xydata(), curve) for line in ax.lines)
    assert {"0:1", "1:2"} <= {text.get_text() for text in axes[0].texts}
    assert len(axes[1].lines) == 2  # the axisymmetric disc: the Sun alone
    marks = [line.get_xydata()[0] for line in axes[5].lines if len(line.get_xydata()) == 1]
    J_R = np.interp(-9.3, V_R, V_R**2 / 80) + np.interp(251.5, V_PHI, 0.02 * (V_PHI - 240) ** 2)
    np.testing.assert_allclose(marks[0], [R0 * 251.5, J_R])
    assert not any(len(line.get_xydata()) == 1 for line in panels(draw([model], sun_v_kms=None))[0].lines)


def test_without_data_or_bar_there_are_fewer_columns_and_no_lines():
    figure = draw([made_model("no bar", 4.0, n_stars=0, has_bar=False)])
    assert audit_figure(figure, bar_velocity_plane.DIMENSIONLESS) == []
    assert [title.split("\n")[0] for title in titles(figure)] == ["axisymmetric", "no bar"]
    assert all(len(line.get_xydata()) == 1 for ax in panels(figure) for line in ax.lines)


def test_few_stars_are_drawn_in_wider_bins_than_the_models():
    figure = draw([made_model("bar only", 6.0, n_stars=600)])
    assert audit_figure(figure, bar_velocity_plane.DIMENSIONLESS) == []
    axes, model = panels(figure), made_model("bar only", 6.0, n_stars=600)
    counts = model.plane["n_stars"].reshape(V_R.size, V_PHI.size)
    merged = counts.reshape(25, 2, 20, 2).sum(axis=(1, 3)).T / 600 / 144 * 1e6
    drawn = mesh(axes[0])
    np.testing.assert_allclose(drawn.compressed(), merged[merged > 0])
    assert mesh(axes[2]).shape == (V_PHI.size, V_R.size)
    assert "stars in bins of 12 km/s by 12 km/s" in " ".join(text.get_text() for text in figure.texts)


def test_models_on_different_grids_are_refused():
    with pytest.raises(DiscatlasError, match="other bins of v_R_kms"):
        draw([made_model("a"), made_model("b", v_R=V_R + 3)])
    with pytest.raises(DiscatlasError, match="no model"):
        draw([])


def made_strip(reference=55.0):
    v_phi, speeds, turns = np.arange(91.0, 330.0, 2.0), np.arange(33.0, 41.1, 0.5), np.arange(2.4, 4.01, 0.2)
    Omega, turn = grid_of(speeds, turns)
    scan = {"Omega_kms_kpc": Omega, "turns": turn, "integration_Gyr": 0.9778 * turn * 2 * np.pi / Omega}
    scan |= {"objective": 1e-3 + 1e-4 * (Omega - 37) ** 2 + 1e-3 * (turn - 3.2) ** 2, "deviance": Omega}
    share = np.exp(-0.5 * ((v_phi - 220) / 30) ** 2)
    share /= share.sum()
    counts = np.random.default_rng(1).poisson(3000 * share)
    profile = {"v_phi_kms": v_phi, "n_stars": counts, "share": share, "share_low": 0.95 * share}
    profile |= {"share_high": 1.05 * share, "share_best": 0.9 * share, "share_equilibrium": 1.1 * share}
    profile["share_reference"] = 5 * share if reference else np.full(v_phi.size, np.nan)
    mark = [{"l": 1, "m": m, "v_phi_kms": v, "v_phi_exact_kms": v + 4} for m, v in ((6, 214.0), (4, 234.0), (2, 272.0))]
    mark.append({"l": 0, "m": 1, "v_phi_kms": None, "v_phi_exact_kms": None})
    spread = {"median": 37.0, "lo": 36.7, "hi": 37.3, "sd": 0.3}
    summary = {
        "n_stars": 3152,
        "Omega_kms_kpc": 36.9,
        "turns": 3.21,
        "integration_Myr": 533.0,
        "curvature_error_kms_kpc": 0.5,
    }
    summary |= {"bootstrap": {"Omega_kms_kpc": spread, "turns": spread | {"sd": 0.1}}, "resonances": {"best": mark}}
    settings = {
        "v_R_kms": 100.0,
        "width_kms": 2.0,
        "v_phi_limits_kms": [90, 330],
        "smoothing": {"window": 11, "order": 3},
    }
    summary["settings"] = settings | {"reference_Omega_kms_kpc": reference}
    if reference:
        summary["resonances"]["reference"] = [m | {"v_phi_kms": 195.0} for m in mark[:1]]
    assert load_contract("bar_strip").select(scan)
    assert load_contract("bar_strip_profile").select(profile)
    return scan, profile, summary


@pytest.mark.parametrize("reference", [55.0, None])
def test_the_strip_shows_profile_resonances_and_objective(reference):
    scan, profile, summary = made_strip(reference)
    figure = draw_bar_strip(scan, profile, summary, "Strip", "made")
    assert audit_figure(figure, bar_strip.DIMENSIONLESS) == []
    left, right = panels(figure)
    curves = [line.get_ydata() for line in left.lines if line.get_xydata().shape[0] == profile["share"].size]
    for name in ("share", "share_best", "share_equilibrium"):
        assert any(np.allclose(curve, 100 * profile[name]) for curve in curves)
    assert len(curves) == (5 if reference else 4)
    assert {"1:6", "1:4", "1:2"} <= {text.get_text() for text in left.texts}
    np.testing.assert_allclose(np.sort(mesh(right).compressed()), np.sort(1e4 * scan["objective"]))
    words = " ".join(text.get_text() for text in figure.texts)
    for fact in ("3,152 stars", "36.90 ± 0.30", "3.21 turns", "533 Myr"):
        assert fact in words


def test_a_scan_that_is_no_grid_is_refused():
    scan, profile, summary = made_strip()
    with pytest.raises(DiscatlasError, match="no grid of speeds"):
        draw_bar_strip({name: column[1:] for name, column in scan.items()}, profile, summary, "Strip", "made")
