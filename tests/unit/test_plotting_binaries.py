"""The figure of simulated binaries: a panel for each group that has stars, its numbers those of the summary."""

import copy

import numpy as np
import pytest

import plot_binaries
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.binaries import draw_binaries_figure
from discatlas.simulation.binary_population import MeanVelocities, bin_edges, summarise
from discatlas.tables import write_table


def make(numbers, fraction=0.5, limit=80.0):
    rng = np.random.default_rng(1)
    n = np.repeat(numbers, 2000)
    single = rng.normal(0, 10, n.size) / np.sqrt(n)
    is_binary = rng.random(n.size) < fraction
    mixed = single + np.where(is_binary, rng.normal(0, 40, n.size) / np.sqrt(n), 0.0)
    table, groups = summarise([MeanVelocities(single, mixed, is_binary)] * 2, n, bin_edges(limit, 4.0))
    counts = {"n_sample": n.size, "n_without_epochs": 3, "n_without_mass": 4, "n_realisations": 2}
    return table, counts | {
        "groups": groups, "mean": "plain", "binary_fraction": fraction, "primary_mass": 6.0, "median_mass_msun": 6.0,
    }  # fmt: skip


@pytest.mark.parametrize(("numbers", "n_panels"), [([1, 3], 3), ([1], 2), ([2], 2)])
def test_groups_with_stars_have_a_panel(numbers, n_panels):
    table, summary = make(numbers)
    figure = draw_binaries_figure(table, summary, title="stars", objects="stars")
    assert audit_figure(figure) == []
    assert len(figure.axes) == n_panels
    text = " ".join(text.get_text() for text in visible_texts(figure))
    assert f"{2000 * len(numbers):,} stars" in text
    assert "50 % binaries" in text
    assert "without epochs: 3" in text


def test_no_binaries_and_masses_of_a_column():
    table, summary = make([1, 3], fraction=0.0)
    figure = draw_binaries_figure(table, summary | {"primary_mass": "mass_msun"})
    assert audit_figure(figure) == []
    text = " ".join(text.get_text() for text in visible_texts(figure))
    assert "binaries alone: none" in text
    assert "primaries of mass_msun, median 6 solar masses" in text


def test_the_lines_stand_at_the_percentiles_and_bins_hold_the_stars():
    table, summary = make([1, 3])
    ax = draw_binaries_figure(table, summary).axes[1]
    about = summary["groups"]["one_epoch"]
    drawn = sorted(line.get_xdata()[0] for line in ax.lines)
    expected = sorted(about[population][name] for population in ("single", "mixed") for name in ("p16_kms", "p84_kms"))
    np.testing.assert_allclose(drawn, expected)
    heights = max(patch.get_data().values.sum() for patch in ax.patches)
    assert heights == about["n_stars"] - about["single"]["n_outside"] / 2


def test_no_star_at_all_is_told():
    table, summary = make([1])
    empty = copy.deepcopy(summary)
    for about in empty["groups"].values():
        about["n_stars"] = 0
    with pytest.raises(DiscatlasError, match="no group of stars to draw"):
        draw_binaries_figure(table, empty)


def test_the_files_are_the_same_on_every_run(tmp_path):
    table, summary = make([1, 3])
    write_table(tmp_path / "b.parquet", load_contract("binaries"), table, {})
    write_json(tmp_path / "b.json", summary)
    made = []
    for name in ("one", "two"):
        paths = {kind: tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")}
        plot_binaries.run(
            binaries=tmp_path / "b.parquet", summary=tmp_path / "b.json", title="t", objects="stars", dpi=60, **paths
        )
        made.append([path.read_bytes() for path in paths.values()])
    assert made[0] == made[1]
