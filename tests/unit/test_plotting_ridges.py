"""Pages of ridges pass the audit and show the ridges and densities of the tables."""

import numpy as np
import pytest
from made_ridges import R0, SETTINGS, made_stars, write_stars
from matplotlib.colors import to_hex

import fit_ridges
import plot_ridges
from discatlas.bar_spirals.ridge_pages import MODEL_PAGES, RIDGE_PAGES
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.plotting import bar_ridges
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.tables import read_columns, read_provenance, write_table

SUMMARY = {
    "axes": {
        "R": {"n_ridges": 4, "n_matched": 3, "n_model_ridges": 5, "separation_kms": -1.25, "separation_rms_kms": 3.5},
        "phi": {"n_ridges": 2, "n_matched": 0, "n_model_ridges": 5},
        "v_R": {"n_ridges": 0, "n_matched": 0, "n_model_ridges": 1},
    }
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A sample, and a model that is the same with its counts as a density and its ridges 3 km/s higher."""
    folder = tmp_path_factory.mktemp("ridges")
    stars = write_stars(folder / "stars.parquet", made_stars(150_000, 13))
    sample = {name: folder / f"{name}.parquet" for name in ("ridges", "density")}
    settings = SETTINGS | {"v_R_kms": [-56.0, 0.0, 56.0], "R_places_kpc": [7.3, 8.3, 9.3]}
    fit_ridges.run(stars=stars, **sample, summary=folder / "s.json", settings=settings, selection=None, threads=1)
    ridges, density = (read_columns(path) for path in sample.values())
    ridges["v_phi_kms"] = ridges["v_phi_kms"] + 3
    ridges |= {name: np.full(ridges["row"].size, np.nan) for name in ("v_phi_error_kms", "significance")}
    density["density"] = density.pop("n_stars") * 1e-3
    about = read_provenance(sample["ridges"])
    ridges.pop("n_stars")
    write_table(folder / "m.parquet", load_contract("ridges"), ridges, about)
    write_table(folder / "md.parquet", load_contract("ridges_density"), density, about)
    write_json(folder / "c.json", SUMMARY)
    return {
        "sample_ridges": sample["ridges"],
        "sample_density": sample["density"],
        "model_ridges": folder / "m.parquet",
        "model_density": folder / "md.parquet",
        "summary": folder / "c.json",
    }


def sets(files):
    tables = {name: read_columns(path) for name, path in files.items() if name != "summary"}
    sample = bar_ridges.RidgeSet.of(tables["sample_ridges"], tables["sample_density"], "ridges of giants")
    model = bar_ridges.RidgeSet.of(tables["model_ridges"], tables["model_density"], "ridges of a model")
    return sample, model, read_provenance(files["model_ridges"])["settings"]


def draw(page, files, with_sample=True, marked_kms=205.0):
    sample, model, settings = sets(files)
    words = {"marked_kms": marked_kms, "title": "made ridges", "note": ["A note"], "where": "m.parquet"}
    return bar_ridges.draw_ridge_page(page, sample if with_sample else None, model, settings, **words)


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def lines(ax, colour):
    return [line for line in ax.lines if to_hex(line.get_color()) == to_hex(colour) and len(line.get_xdata()) > 2]


@pytest.mark.parametrize("with_sample", [True, False])
@pytest.mark.parametrize("page", RIDGE_PAGES)
def test_pages_pass_the_audit(files, page, with_sample):
    if page not in MODEL_PAGES and not with_sample:
        with pytest.raises(DiscatlasError, match=f"page '{page}' needs a sample"):
            draw(page, files, with_sample)
        return
    figure = draw(page, files, with_sample)
    assert audit_figure(figure, bar_ridges.DIMENSIONLESS) == []
    assert max(figure.get_size_inches()) < 10.7
    text = " ".join(text.get_text() for text in figure.texts)
    assert "A note" in text
    assert ("ridges of giants" in text) == with_sample


def test_panels_show_the_ridges_of_their_rows(files):
    sample, model, settings = sets(files)
    figure = draw("model", files)
    axes = panels(figure)
    assert len(axes) == 6
    shown = {ax.texts[0].get_text(): ax for ax in axes}
    for row in sample.rows("R", "phi"):
        image = model.image(row)
        other = "varphi" if image.axis == "R" else "$R = "
        (ax,) = [ax for text, ax in shown.items() if f"$v_R = {image.fixed['v_R_kms']:g}$" in text and other in text]
        theirs = lines(ax, bar_ridges._THEIRS)
        for line, ridge in zip(theirs, model.of_row(row), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), ridge.places)
            np.testing.assert_array_equal(line.get_ydata(), ridge.columns["v_phi_kms"])
        ours = lines(ax, bar_ridges._OURS) + lines(ax, bar_ridges._MARKED)
        assert {tuple(line.get_ydata()) for line in ours} == {tuple(r.columns["v_phi_kms"]) for r in sample.of_row(row)}
        mesh = ax.collections[0].get_array()
        np.testing.assert_allclose(np.ma.max(mesh, axis=0), 1.0)
        place = R0 if image.axis == "R" else 0.0
        marked = bar_ridges.marked_ridge(sample.of_row(row), place, 205.0)
        green = lines(ax, bar_ridges._MARKED)
        assert len(green) == (marked is not None)
        if marked is not None:
            assert abs(float(marked.velocity(np.array([place]))[0]) - 205) < 15
    assert any(lines(ax, bar_ridges._MARKED) for ax in axes)
    assert not any(lines(ax, bar_ridges._MARKED) for ax in panels(draw("model", files, marked_kms=None)))
    assert settings["v_R_kms"] == [-56.0, 0.0, 56.0]


def test_planes_show_the_counts(files):
    sample, _, _ = sets(files)
    axes = panels(draw("planes", files))
    assert len(axes) == 5
    for ax, row in zip(axes, sample.rows("v_R"), strict=True):
        image = sample.image(row)
        assert image.places.size == 12
        mesh = ax.collections[0].get_array()
        assert mesh.sum() == image.values[:, : image.velocities.size // 5 * 5].sum()  # bins of 2 km/s in fives
        assert mesh.shape == (18, 12)


def test_volumes_with_few_stars_are_grey(files):
    sample, model, settings = sets(files)
    many = settings | {"min_stars": 10_000}
    words = {"marked_kms": None, "title": "", "note": [], "where": "m.parquet"}
    figure = bar_ridges.draw_ridge_page("sample", sample, model, many, **words)
    meshes = panels(figure)[0].collections[:2]
    assert np.ma.count(meshes[0].get_array()) == meshes[0].get_array().size  # grey
    assert np.ma.count(meshes[1].get_array()) == 0


def test_no_such_page(files):
    with pytest.raises(DiscatlasError, match=r"m.parquet: no page 'plane' \(nearest: 'planes'\)"):
        draw("plane", files)


def test_the_script_writes_the_same_bytes_twice(files, tmp_path):
    written = []
    words = {"marked_kms": 205.0, "title": "t", "objects": "stars", "model_words": "a model", "dpi": 50}
    for name in ("one", "two"):
        pages = ["planes"]
        pdf, png = ([tmp_path / f"{name}-{page}.{kind}" for page in pages] for kind in ("pdf", "png"))
        plot_ridges.run(**files, pdf=pdf, png=png, pages=pages, **words)
        written.append([path.read_bytes() for path in (*pdf, *png)])
    assert written[0] == written[1]
    (note,) = plot_ridges._note(files["summary"])
    assert "3 of 4 ridges of the sample are in the model (model minus sample -1.2, rms 3.5 km/s)" in note
    assert note.startswith("Along R")
    assert "along φ 0 of 2" in note
    alone = files | {"sample_ridges": None, "sample_density": None, "summary": None}
    pages = list(MODEL_PAGES)
    plot_ridges.run(**alone, pdf=[tmp_path / "m.pdf"], png=[tmp_path / "m.png"], pages=pages, **words)
    assert (tmp_path / "m.png").stat().st_size > 1000
