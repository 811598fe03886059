"""The pages of a metallicity gradient pass the audit, show what the tables hold, and cite what was published."""

import numpy as np
import pytest
from made_chemistry import MIN_STARS, made_gradient, made_stars
from matplotlib.collections import QuadMesh

import plot_metallicity_gradient
from discatlas.errors import DiscatlasError
from discatlas.gradients.pages import PAGES
from discatlas.plotting import gradient_data as data
from discatlas.plotting.audit import audit_figure
from discatlas.plotting.gradient_lines import N_LINES, signed
from discatlas.plotting.gradient_models import criteria
from discatlas.plotting.gradient_published import read_published
from discatlas.plotting.gradients import DIMENSIONLESS, GradientTables, draw_gradient_page
from discatlas.tables import read_columns, read_provenance
from places import ROOT

PUBLISHED = [ROOT / "resources" / f"{name}_gradients.csv" for name in ("hawkins2023", "published")]
GRADIENTS = {
    "radial": {"edges": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]},
    "plane": {"edges": [0.0, 0.3]},
    "vertical": {"x": "abs_Z_kpc", "bin_by": "R_kpc", "edges": [6.0, 7.0, 8.0, 9.0, 10.0]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gradients")
    made_stars(folder / "stars.parquet")
    for name, spec in GRADIENTS.items():
        made_gradient(folder, folder / "stars.parquet", name=name, **spec)
    return folder


def tables_of(folder, name):
    fits = folder / f"{name}.parquet"
    facts = data.gradient_facts(read_provenance(fits), str(fits), "stars")
    chains, stars = (read_columns(folder / file) for file in (f"{name}_chains.parquet", "stars.parquet"))
    return GradientTables(read_columns(fits), chains, stars), facts


def draw(folder, name, page, published=PUBLISHED):
    tables, facts = tables_of(folder, name)
    return draw_gradient_page(page, tables, facts, read_published(published, facts), "a made sample", f"{name}.parquet")


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_passes_the_audit(folder, name, page):
    figure = draw(folder, name, page)
    assert audit_figure(figure, DIMENSIONLESS) == []
    assert max(figure.get_size_inches()) < 10.7  # it fits on a page


def test_slopes_are_those_of_the_table_beside_published_ones_with_their_citations(folder):
    tables, facts = tables_of(folder, "radial")
    rows = data.model_rows(tables.fits, "linear")
    few = rows["status"] == "too_few_stars"
    assert few.sum() == 1
    figure = draw(folder, "radial", "slopes")
    slopes, intercepts, scatters, strip = figure.axes
    ours, second = slopes.containers[:2]
    np.testing.assert_array_equal(ours.lines[0].get_xdata(), rows["bin_mean_kpc"][~few])
    np.testing.assert_array_equal(ours.lines[0].get_ydata(), rows["slope_dex_per_kpc"][~few])
    np.testing.assert_array_equal(second.lines[0].get_ydata(), rows["second_slope_dex_per_kpc"][~few])
    for ax, name in ((intercepts, "intercept_dex"), (scatters, "scatter_dex")):
        np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), rows[name][~few])
        assert ax.get_xlim() == slopes.get_xlim()
    names = [text.get_text().replace("\n", " ") for text in strip.get_legend().get_texts()]
    theirs = read_published(PUBLISHED, facts)
    assert names[2:] == [source.label for source in theirs]
    assert any("Hawkins 2023" in name for name in names)
    without_bin = sum(np.isnan(source.place).sum() for source in theirs)
    assert len(strip.containers) + len(strip.texts) == without_bin > 0
    assert strip.get_ylim() == slopes.get_ylim()


def test_a_published_slope_beyond_the_panel_is_an_arrow(folder, tmp_path):
    head = "# made\ngradient,tracer,citation,bin_low_kpc,bin_high_kpc,slope_dex_per_kpc,slope_error_dex_per_kpc\n"
    (tmp_path / "far.csv").write_text(head + "radial,moons,Nobody 1900,,,-3.0,0.1\n", encoding="utf-8")
    figure = draw(folder, "radial", "slopes", [tmp_path / "far.csv"])
    strip = figure.axes[-1]
    assert not strip.containers
    assert len(strip.texts) == 1
    assert strip.texts[0].arrow_patch.get_path().vertices is not None
    assert figure.axes[0].get_ylim()[0] > -0.2


def test_lines_are_drawn_from_the_posterior_over_the_stars_of_each_bin(folder):
    tables, _ = tables_of(folder, "radial")
    rows = data.model_rows(tables.fits, "linear")
    panels = draw(folder, "radial", "lines").axes[:-1]
    assert len(panels) == len(rows["bin"]) == 7
    for k, ax in enumerate(panels):
        fitted = rows["status"][k] == "fitted"
        lines = [line for line in ax.lines if line.get_color() == data.OURS]
        assert len(lines) == (N_LINES + 1 if fitted else 0)
        place = np.abs(tables.stars["Z_kpc"])
        inside = (place >= rows["bin_low_kpc"][k]) & (place < rows["bin_high_kpc"][k])
        assert inside.sum() == rows["n_stars"][k]
        mesh = next(artist for artist in ax.collections if isinstance(artist, QuadMesh))
        assert 0.95 * inside.sum() <= mesh.get_array().sum() <= inside.sum()
        words = " ".join(text.get_text() for text in ax.texts)
        assert f"{inside.sum():,} stars" in words
        assert ("too few" in words) == (not fitted)
        if fitted:
            assert signed(rows["slope_dex_per_kpc"][k], rows["slope_error_dex_per_kpc"][k]) in words
            slopes = np.array([np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in lines[:-1]])
            chain = data.chain_of(tables.chains, k, "linear")["slope_dex_per_kpc"]
            assert np.isin(np.round(slopes, 9), np.round(chain, 9)).all()


def test_bins_without_stars_have_no_panel(folder, tmp_path):
    made_gradient(tmp_path, folder / "stars.parquet", edges=[0.0, 0.4, 0.8, 2.0, 3.0, 4.0], name="tall")
    fits, chains = (read_columns(tmp_path / f"tall{end}.parquet") for end in ("", "_chains"))
    facts = data.gradient_facts(read_provenance(tmp_path / "tall.parquet"), "tall", "stars")
    tables = GradientTables(fits, chains, read_columns(folder / "stars.parquet"))
    figure = draw_gradient_page("lines", tables, facts, [], "a made sample", "tall")
    assert len(figure.axes) == 3 + 1
    assert "bins without stars are left out" in " ".join(text.get_text() for text in figure.texts)
    for page in PAGES:
        assert audit_figure(draw_gradient_page(page, tables, facts, [], "t", "tall"), DIMENSIONLESS) == []


def test_density_is_not_turned_over(folder):
    tables, _ = tables_of(folder, "plane")
    ax = draw(folder, "plane", "lines").axes[0]
    mesh = next(artist for artist in ax.collections if isinstance(artist, QuadMesh))
    corners, counts = mesh.get_coordinates(), np.ma.filled(mesh.get_array(), 0.0)
    x, y = corners[:-1, :-1, 0], corners[:-1, :-1, 1]
    slope = np.polynomial.polynomial.polyfit(x.ravel(), y.ravel(), 1, w=np.sqrt(counts.ravel()))[1]
    assert slope == pytest.approx(float(tables.fits["slope_dex_per_kpc"][0]), abs=0.01)


def test_the_corner_plot_is_of_the_fullest_bin(folder):
    figure = draw(folder, "radial", "corner")
    axes = np.reshape(figure.axes, (3, 3))
    assert [ax.get_visible() for ax in axes.ravel()] == [i >= j for i in range(3) for j in range(3)]
    tables, facts = tables_of(folder, "radial")
    chain = data.chain_of(tables.chains, 0, "linear")
    lines = [line.get_xdata()[0] for line in axes[0, 0].lines]
    np.testing.assert_allclose(lines, np.percentile(chain["slope_dex_per_kpc"], [15.865, 50, 84.135]), rtol=1e-4)
    assert axes[2, 0].get_xlabel() == facts.slope_label


def test_models_page_shows_criteria_above_the_least_and_open_marks_for_unconverged_chains(folder):
    tables, facts = tables_of(folder, "radial")
    parts = criteria(tables.fits)
    whole = np.stack(list(parts.values()))
    assert (np.nanmin(whole[:, :6], axis=0) == 0).all()
    assert np.isnan(whole[:, 6]).all()
    best = tables.fits["best"].astype(bool)
    for k in range(6):
        winner = tables.fits["model"][best & (tables.fits["bin"] == k)][0]
        assert parts[winner][k] == 0
    doubtful = dict(tables.fits)
    doubtful["converged"] = np.array(
        [
            False if name == "broken" else known
            for name, known in zip(doubtful["model"], doubtful["converged"], strict=True)
        ],
        dtype=object,
    )
    figure = draw_gradient_page("models", GradientTables(doubtful, tables.chains, tables.stars), facts, [], "t", "f")
    upper, words = figure.axes[0], " ".join(text.get_text() for text in figure.texts)
    white = [
        line for line in upper.lines if line.get_markerfacecolor() == "white" and np.isfinite(line.get_ydata()).any()
    ]
    assert len(white) == 1
    np.testing.assert_array_equal(white[0].get_ydata(), parts["broken"])
    assert "open marks" in words
    assert audit_figure(figure, DIMENSIONLESS) == []


def test_curves_of_the_models_have_their_slopes_and_meet_at_the_break():
    x = np.linspace(2.0, 14.0, 1201)
    parameters = {
        "slope_dex_per_kpc": np.array([-0.08]),
        "intercept_dex": np.array([0.5]),
        "break_kpc": np.array([11.0]),
        "outer_slope_dex_per_kpc": np.array([-0.01]),
        "curvature_dex_per_kpc2": np.array([0.02]),
    }
    straight = data.model_curves("linear", parameters, 9.0, x)[0]
    np.testing.assert_allclose(straight, 0.5 - 0.08 * x)
    broken = data.model_curves("broken", parameters, 9.0, x)[0]
    np.testing.assert_allclose(broken[x <= 11], straight[x <= 11])
    np.testing.assert_allclose(np.gradient(broken, x)[x > 11.02], -0.01)
    assert np.abs(np.diff(broken)).max() < 0.081 * (x[1] - x[0])  # no jump
    curved = data.model_curves("quadratic", parameters, 9.0, x)[0]
    np.testing.assert_allclose(np.gradient(curved, x)[1:-1], -0.08 + 0.02 * (x[1:-1] - 9.0), atol=1e-9)
    assert data.model_curves("quadratic", parameters, 9.0, np.zeros(1))[0, 0] == pytest.approx(0.5)


def test_errors_of_running_medians_cover_the_truth():
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(400):
        y = rng.standard_exponential(80)  # no symmetric law
        _, median, error = data.running_median(np.arange(80.0), y, n_points=1)
        inside += abs(median[0] - np.log(2)) <= error[0]
    assert (
        400 * 0.6827 - 3 * np.sqrt(400 * 0.6827 * 0.3173) < inside < 400 * 0.6827 + 3 * np.sqrt(400 * 0.6827 * 0.3173)
    )
    x, median, _ = data.running_median(np.arange(100.0), 2 * np.arange(100.0), n_points=4)
    np.testing.assert_allclose(x, [12, 37, 62, 87])
    np.testing.assert_allclose(median, 2 * x)


def test_every_published_value_has_a_source(tmp_path):
    facts = data.GradientFacts("feh_dex", "R_kpc", "abs_Z_kpc", None, False, 500, "hogg2010")
    radial = read_published(PUBLISHED, facts)
    vertical = read_published(
        PUBLISHED, data.GradientFacts("feh_dex", "abs_Z_kpc", "R_kpc", None, False, 500, "hogg2010")
    )
    hawkins = radial[0]
    assert hawkins.place[:2].tolist() == pytest.approx([0.1, 0.3])
    assert hawkins.slope[0] == -0.078
    assert vertical[0].slope[0] == -0.221
    others = read_published(PUBLISHED, data.GradientFacts("mg_fe", "R_kpc", "abs_Z_kpc", None, False, 500, "hogg2010"))
    assert others == []
    text = PUBLISHED[0].read_text(encoding="utf-8")
    for old, new, message in (
        ("Table 1,Hawkins 2023", "Table 1,", "row 1: no citation"),
        ("radial,hot", "azimuthal,hot", "gradient is 'azimuthal', expected one of radial, vertical"),
        ("-0.078", "minus", "column 'slope_dex_per_kpc': got 'minus', expected a number"),
        ("slope_error_dex_per_kpc", "error", "no column 'slope_error_dex_per_kpc'; it has: gradient"),
    ):
        (tmp_path / "bad.csv").write_text(
            text.replace(old, new, 1) if old != "slope_error_dex_per_kpc" else text.replace(old, new), encoding="utf-8"
        )
        with pytest.raises(DiscatlasError, match=message):
            read_published([tmp_path / "bad.csv"], facts)
    with pytest.raises(DiscatlasError, match=r"none.csv: no such file \(a table of published gradients\)"):
        read_published([tmp_path / "none.csv"], facts)


def test_what_cannot_be_drawn_says_why(folder):
    tables, facts = tables_of(folder, "radial")
    with pytest.raises(DiscatlasError, match=r"no page 'slope' \(nearest: 'slopes'\); pages: slopes, lines"):
        draw(folder, "radial", "slope")
    empty = dict(tables.fits) | {"status": np.full(tables.fits["bin"].size, "too_few_stars", dtype=object)}
    for page in PAGES:
        with pytest.raises(DiscatlasError, match=rf"f: no bin has a linear fit.*min_stars is {MIN_STARS}"):
            draw_gradient_page(page, GradientTables(empty, tables.chains, tables.stars), facts, [], "t", "f")
    no_chains = {name: column[:2] for name, column in tables.chains.items()}
    with pytest.raises(DiscatlasError, match="its chains hold 2 useful rows of bin 0; fit it again"):
        draw_gradient_page("corner", GradientTables(tables.fits, no_chains, tables.stars), facts, [], "t", "f")
    with pytest.raises(DiscatlasError, match=r"no 'quantity' in its provenance.*fit_metallicity_gradient"):
        data.gradient_facts({}, "f", "stars")


def test_the_script_draws_the_stars_of_the_fit_and_writes_the_same_bytes_twice(folder, tmp_path):
    written = []
    for name in ("one", "two"):
        pages = ["slopes", "corner"]
        pdf, png = ([tmp_path / f"{name}-{page}.{kind}" for page in pages] for kind in ("pdf", "png"))
        plot_metallicity_gradient.run(
            gradient=folder / "plane.parquet",
            chains=folder / "plane_chains.parquet",
            stars=folder / "stars.parquet",
            membership=None,
            published=PUBLISHED,
            pdf=pdf,
            png=png,
            pages=pages,
            title="t",
            objects="stars",
            dpi=60,
        )
        written.append([file.read_bytes() for file in (*pdf, *png)])
    assert written[0] == written[1]
    assert len(set(written[0])) == 4
