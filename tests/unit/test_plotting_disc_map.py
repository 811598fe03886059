"""Figures of maps of the disc and of the plane of azimuth and angular momentum."""

import numpy as np
import pytest
from made_disc_maps import made_observation, made_prediction, perturbation, plane

import plot_angular_momentum_plane
import plot_disc_map
from discatlas.bar_spirals.arm_loci import loci_columns
from discatlas.bar_spirals.disc_map_pages import DISC_MAP_PAGES, WIDE_PAGES
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.bar_angular_momentum import MomentumPlanes, draw_angular_momentum
from discatlas.plotting.bar_map import DiscMaps, draw_disc_map_page
from discatlas.plotting.contrast import CONTRAST_LABEL, ContrastGrid
from discatlas.tables import write_table

NEAR, WIDE = [[-12.0, -4.0], [-4.0, 4.0]], [[-13.0, 13.0], [-13.0, 13.0]]
LABELS = {"R0_kpc": 8.275, "z_sun_kpc": 0.015, "title": "a made disc", "objects": "stars", "percentile": 98.0}
PAPER = "Khalil et al. (2025), Astronomy & Astrophysics 699, A263"  # the title of two maps
MODELS = {"bar and spirals of Khalil et al. (2025), published cut-offs": {}, "bar_only": {"arms": ()}}


def lines(**which):
    return loci_columns(perturbation(**which), plane(), 18.0)


def published(quantity):
    cells = made_prediction(NEAR, 0.25)
    rng = np.random.default_rng(2)
    names = ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg")
    error = quantity.replace("_kms", "_error_kms")
    noisy = cells[quantity] + rng.normal(0, 1, cells["cell"].size)
    nothing = np.full(cells["cell"].size, np.nan)
    return {name: cells[name] for name in names} | {quantity: noisy, error: nothing, "n_stars": nothing}


def maps(limits=NEAR, spacing=0.5, observed=True, **changes):
    predicted = [(name, made_prediction(limits, spacing, phase=0.9 * k)) for k, name in enumerate(MODELS)]
    sources = [(PAPER, published("v_R_kms")), (PAPER, published("v_phi_kms"))]
    sources.append(("Gaia RVS", made_observation(NEAR, 0.5)))
    loci = [lines(**which) for which in MODELS.values()]
    settings = LABELS | {"where": "disc_map.pdf"} | changes
    return DiscMaps(predicted=predicted, loci=loci, observed=sources if observed else [], **settings)


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def image(ax):
    return np.ma.masked_invalid([artist.get_array() for artist in ax.collections if artist.get_array() is not None][-1])


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize("page", DISC_MAP_PAGES)
def test_every_page_passes_the_audit(page, observed):
    figure = draw_disc_map_page(page, maps(observed=observed))
    assert audit_figure(figure) == []
    assert max(figure.get_size_inches()) < 9.9
    rows = {"radial": 2, "action": 1, "azimuthal": 2}[page] if observed else 0
    assert len(panels(figure)) == 2 + 3 * rows


def test_the_wide_page_has_bar_arms_and_young_stars():
    x = np.linspace(-11, -5, 30)
    contrast = ContrastGrid(x, x + 8, np.add.outer(np.sin(x), np.cos(x)))
    figure = draw_disc_map_page(*WIDE_PAGES, maps(WIDE, 1.0, observed=False, overdensity=contrast))
    assert audit_figure(figure, [CONTRAST_LABEL]) == []
    first, second, third = panels(figure)
    assert len(first.lines) - len(second.lines) == 10 == len(third.lines) - len(second.lines)  # arms and their arcs
    dashed = [line for line in second.lines if line.get_linestyle() == "--" and len(line.get_xdata()) > 100]
    assert len(dashed) >= 2


def test_radial_velocities_of_models_data_and_residuals_have_one_scale():
    tables = maps()
    figure = draw_disc_map_page("radial", tables)
    axes = panels(figure)
    meshes = [[a for a in ax.collections if a.get_array() is not None and a.get_gid() is None][-1] for ax in axes]
    scales = {mesh.get_clim() for mesh in meshes}
    assert len(scales) == 1
    low, high = scales.pop()
    assert low == -high
    model, published_map = image(axes[0]), image(axes[2])
    np.testing.assert_array_equal(np.sort(model.compressed()), np.sort(tables.predicted[0][1]["v_R_kms"]))
    np.testing.assert_array_equal(np.sort(published_map.compressed()), np.sort(tables.observed[0][1]["v_R_kms"]))
    # the made data are the first model with noise of 1 km/s, and the second model with another phase
    first, second = (np.std(image(ax).compressed()) for ax in axes[3:5])
    assert first == pytest.approx(1.0, abs=0.25)
    assert second > 2 * first
    text = " ".join(text.get_text() for ax in axes for text in ax.texts)
    assert "A263, rms" in text.replace("\n", " ")
    assert "corr. 0.9" in text


def test_the_azimuthal_page_shows_velocities_less_those_without_perturbation():
    tables = maps()
    axes = panels(draw_disc_map_page("azimuthal", tables))
    cells = tables.predicted[1][1]
    left = cells["v_phi_kms"] - cells["v_phi_equilibrium_kms"]
    np.testing.assert_array_equal(np.sort(image(axes[1]).compressed()), np.sort(left))
    assert np.std(image(axes[2])) < 8
    assert abs(np.mean(image(axes[2]))) < 1.5


def test_pages_that_cannot_be_drawn_say_why():
    with pytest.raises(DiscatlasError, match=r"disc_map.pdf: no page 'radail' \(nearest: 'radial'\)"):
        draw_disc_map_page("radail", maps())
    with pytest.raises(DiscatlasError, match="no model to draw"):
        draw_disc_map_page("radial", DiscMaps(predicted=[], loci=[], observed=[], where="x", **LABELS))
    cells = published("v_phi_kms")
    mirrored = [("a survey", cells | {"X_kpc": -16.0 - cells["X_kpc"]})]
    wrong = DiscMaps(predicted=maps().predicted, loci=maps().loci, observed=mirrored, where="x", **LABELS)
    with pytest.raises(DiscatlasError, match=r"a survey: .* its gradient has the wrong sign"):
        draw_disc_map_page("azimuthal", wrong)


def test_a_page_without_data_of_its_quantity_has_the_models_alone():
    tables = maps()
    only_v_R = DiscMaps(predicted=tables.predicted, loci=tables.loci, observed=tables.observed[:1], where="x", **LABELS)
    assert len(panels(draw_disc_map_page("action", only_v_R))) == 2
    assert len(panels(draw_disc_map_page("radial", only_v_R))) == 5


def test_the_script_writes_the_same_bytes_twice(tmp_path):
    tables, contract = maps(), load_contract("disc_map")
    predicted, loci, observed = [], [], [("Gaia RVS", tmp_path / "sample.parquet")]
    write_table(observed[0][1], contract, tables.observed[-1][1], {})
    for k, (title, cells) in enumerate(tables.predicted):
        predicted.append((title, tmp_path / f"{k}.parquet"))
        loci.append(tmp_path / f"{k}_loci.parquet")
        write_table(predicted[-1][1], contract, cells, {})
        write_table(loci[-1], load_contract("disc_map_loci"), tables.loci[k], {})
    found = []
    for name in ("one", "two"):
        files = [[tmp_path / f"{name}.{kind}"] for kind in ("pdf", "png")]
        common = {"overdensity": None, "pages": ["radial"], "dpi": 40} | LABELS
        plot_disc_map.run(predicted=predicted, loci=loci, observed=observed, pdf=files[0], png=files[1], **common)
        found.append([file[0].read_bytes() for file in files])
    assert found[0] == found[1]


def momentum_cells(sample, phase=0.0):
    phi, L_z = (
        axis.ravel() for axis in np.meshgrid(np.arange(-39, 40, 2.0), np.arange(1310, 3000, 20.0), indexing="ij")
    )
    cells = {"cell": np.arange(phi.size), "phi_deg": phi, "L_z_kpc_kms": L_z}
    v_R = 8 * np.sin(L_z / 150 + np.radians(3 * phi) + phase)
    if not sample:
        nothing = np.full(phi.size, np.nan)
        more = {"n_stars": np.ma.masked_all(phi.size, np.int64), "v_R_error_kms": nothing, "density": np.ones(phi.size)}
        return cells | {"v_R_kms": v_R} | more
    rng = np.random.default_rng(6)
    n_stars = rng.poisson(300 * np.exp(-(((L_z - 1900) / 300) ** 2) - (phi / 20) ** 2)) + 1
    noisy = np.where(n_stars < 20, np.nan, v_R + rng.normal(0, 40 / np.sqrt(n_stars)))
    error = np.where(n_stars < 20, np.nan, 40 / np.sqrt(n_stars))
    return cells | {"n_stars": n_stars, "v_R_kms": noisy, "v_R_error_kms": error}


RESONANCES = {"corotation": 1553.0, "6:1": 1940.0, "4:1": 2110.0, "2:1": 2590.0}


@pytest.mark.parametrize("observed", [True, False])
def test_the_plane_of_angular_momentum_passes_the_audit(observed):
    predicted = [(name, momentum_cells(False, 0.3 * k)) for k, name in enumerate(MODELS)]
    samples = [("Gaia RVS", momentum_cells(True))] if observed else []
    labels = {"title": "a made disc", "objects": "stars", "percentile": 98.0, "where": "x.pdf"}
    planes = MomentumPlanes(predicted, samples, **labels, resonances=[RESONANCES, {}])
    figure = draw_angular_momentum(planes)
    assert audit_figure(figure) == []
    axes = panels(figure)
    assert len(axes) == (5 if observed else 2)
    assert [text.get_text() for text in axes[0].texts[1:]] == list(RESONANCES)
    if observed:
        first, second = (np.std(image(ax).compressed()) for ax in axes[3:])
        assert first < second
    with pytest.raises(DiscatlasError, match="no model to draw"):
        draw_angular_momentum(MomentumPlanes([], samples, **labels))
    empty = [("a", momentum_cells(False) | {"v_R_kms": np.full(predicted[0][1]["cell"].size, np.nan)})]
    with pytest.raises(DiscatlasError, match="no cell has a median"):
        draw_angular_momentum(MomentumPlanes(empty, [], **labels))


def test_the_script_draws_the_plane_with_the_resonances_of_its_table(tmp_path):
    files = {name: tmp_path / f"{name}.parquet" for name in ("model", "sample")}
    contract = load_contract("angular_momentum")
    write_table(files["model"], contract, momentum_cells(False), {"resonances_kpc_kms": RESONANCES})
    write_table(files["sample"], contract, momentum_cells(True), {})
    found = []
    for name in ("one", "two"):
        outputs = {kind: tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")}
        settings = {"title": "t", "objects": "stars", "percentile": 98.0, "dpi": 40}
        tables = {"predicted": [("m", files["model"])], "observed": [("s", files["sample"])]}
        plot_angular_momentum_plane.run(**tables, **outputs, **settings)
        found.append([path.read_bytes() for path in outputs.values()])
    assert found[0] == found[1]
