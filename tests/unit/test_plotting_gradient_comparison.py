"""One gradient of several samples: points, lines and slopes of each, beside published ones."""

import numpy as np
import pytest
from made_chemistry import made_gradient, made_stars

import plot_gradient_comparison
from discatlas.errors import DiscatlasError
from discatlas.plotting import gradient_comparison as comparison
from discatlas.plotting.audit import audit_figure
from discatlas.plotting.gradient_data import gradient_facts, model_rows
from discatlas.plotting.gradient_published import read_published
from discatlas.plotting.gradients import GradientTables
from discatlas.tables import read_columns, read_provenance
from places import ROOT

PUBLISHED = [ROOT / "resources" / f"{name}_gradients.csv" for name in ("hawkins2023", "published")]
SIZES = {"few": 900, "many": 7000}
EDGES = {"one": [0.0, 2.0], "several": [0.0, 0.2, 0.4, 0.6]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    for number, (sample, n) in enumerate(SIZES.items()):
        stars = made_stars(folder / f"{sample}_stars.parquet", n=n, seed=number)
        for name, edges in EDGES.items():
            made_gradient(folder, stars, edges=edges, models=("linear",), name=f"{sample}_{name}")
        made_gradient(folder, stars, x="abs_Z_kpc", bin_by="R_kpc", edges=[7.0, 9.0], name=f"{sample}_vertical")
    return folder


def sample_of(folder, sample, name):
    path = folder / f"{sample}_{name}.parquet"
    chains, stars = folder / f"{sample}_{name}_chains.parquet", folder / f"{sample}_stars.parquet"
    tables = GradientTables(*(read_columns(file) for file in (path, chains, stars)))
    return comparison.SampleGradient(
        sample, gradient_facts(read_provenance(path), str(path), "stars"), tables, str(path)
    )


def draw(folder, name, published=PUBLISHED):
    samples = [sample_of(folder, sample, name) for sample in SIZES]
    return comparison.draw_gradient_comparison(
        samples, read_published(published, samples[0].facts), "two samples"
    ), samples


@pytest.mark.parametrize("name", [*EDGES, "vertical"])
@pytest.mark.parametrize("published", [PUBLISHED, []], ids=["published", "alone"])
def test_the_figure_passes_the_audit(folder, name, published):
    figure, _ = draw(folder, name, published)
    assert audit_figure(figure, comparison.DIMENSIONLESS) == []
    assert max(figure.get_size_inches()) < 10.7


def test_one_bin_shows_stars_lines_and_slopes_of_each_sample(folder):
    figure, samples = draw(folder, "one")
    stars, slopes = figure.axes
    names = [text.get_text() for text in stars.get_legend().get_texts()]
    assert [name.split(":")[0] for name in names] == list(SIZES)
    clouds = [line for line in stars.lines if line.get_linestyle() == "None" and len(line.get_xdata()) > 500]
    inside = np.abs(samples[0].tables.stars["Z_kpc"]) < 2
    assert [len(line.get_xdata()) for line in clouds] == [int(inside.sum())]  # of many stars only medians
    for k, sample in enumerate(samples):
        row = model_rows(sample.tables.fits, "linear")
        assert slopes.containers[k].lines[0].get_xdata()[0] == row["slope_dex_per_kpc"][0]
        line = next(line for line in stars.lines if line.get_label().startswith(sample.name))
        x, y = line.get_data()
        assert x[[0, -1]] == pytest.approx([row["x_low_kpc"][0], row["x_high_kpc"][0]])
        assert np.polyfit(x, y, 1)[0] == pytest.approx(
            row["slope_dex_per_kpc"][0], abs=row["slope_error_dex_per_kpc"][0]
        )
    labels = [text.get_text().replace("\n", " ") for text in slopes.get_yticklabels()]
    nearest = next(label for label in labels if label.startswith("Hawkins"))
    assert nearest.endswith("bin 0.2\N{EN DASH}0.4 kpc")  # where the stars are
    assert len(labels) == len(slopes.containers)


def test_several_bins_show_the_slopes_of_each_sample(folder):
    figure, samples = draw(folder, "several")
    ax, strip = figure.axes
    for k, sample in enumerate(samples):
        rows = model_rows(sample.tables.fits, "linear")
        known = rows["status"] == "fitted"
        np.testing.assert_array_equal(ax.containers[k].lines[0].get_ydata(), rows["slope_dex_per_kpc"][known])
    assert len(strip.get_legend().get_texts()) == 2 + len(read_published(PUBLISHED, samples[0].facts))
    assert strip.get_ylim() == ax.get_ylim()


def test_what_cannot_be_compared_says_why(folder):
    with pytest.raises(DiscatlasError, match="comparison of gradients: no sample"):
        comparison.draw_gradient_comparison([], [], "")
    mixed = [sample_of(folder, "few", "one"), sample_of(folder, "many", "vertical")]
    with pytest.raises(DiscatlasError, match=r"many_vertical.*abs_Z_kpc in bins of R_kpc, unlike .*few_one"):
        comparison.draw_gradient_comparison(mixed, [], "")


def test_the_script_draws_the_same_bytes_twice(folder, tmp_path):
    written = []
    for name in ("one", "two"):
        plot_gradient_comparison.run(
            gradients=[folder / f"{sample}_one.parquet" for sample in SIZES],
            chains=[folder / f"{sample}_one_chains.parquet" for sample in SIZES],
            stars=[folder / f"{sample}_stars.parquet" for sample in SIZES],
            memberships=[],
            published=PUBLISHED,
            pdf=tmp_path / f"{name}.pdf",
            png=tmp_path / f"{name}.png",
            titles=list(SIZES),
            objects=["stars", "giants"],
            title="t",
            dpi=60,
        )
        written.append([(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("pdf", "png")])
    assert written[0] == written[1]
