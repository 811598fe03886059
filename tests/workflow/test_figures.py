"""Every figure of a real run, drawn again from its tables, passes the audit."""

import pytest

from discatlas.arms import read_arms
from discatlas.plotting.audit import audit_figure
from discatlas.plotting.cells import map_facts
from discatlas.plotting.cut_flow import draw_cut_flow_figure
from discatlas.plotting.maps import draw_map_figure
from discatlas.plotting.nodes import field_facts
from discatlas.plotting.profiles import Background, draw_profile_figure
from discatlas.plotting.velocity_field import DIMENSIONLESS, draw_field_page
from discatlas.tables import read_columns, read_provenance
from discatlas.velocity_field.pages import PAGES
from places import ROOT

SUN = {"R0_kpc": 8.275, "z_sun_kpc": 0.01529}


def load(path):
    return read_columns(path), map_facts(read_provenance(path), path.name)


def test_maps(baseline):
    results = baseline[0] / "atlas/results"
    drawn = 0
    for path in sorted((results / "figures").rglob("map_*.png")):
        name, quantity = path.stem.removeprefix("map_").split("-")
        cells, facts = load(results / "maps" / path.parent.name / f"map_{name}.parquet")
        figure = draw_map_figure(
            cells,
            facts,
            quantity,
            arms=read_arms(ROOT / "resources/reid2019_arms.csv"),
            percentile=96.0,
            title="a map",
            **SUN,
        )
        assert audit_figure(figure) == [], path.name
        drawn += 1
    assert drawn == 8


def test_profile_and_cut_flows(baseline):
    results = baseline[0] / "atlas/results"
    maps = results / "maps/gaia_rvs"
    background = Background(*load(maps / "map_rotation_density.parquet"))
    figure = draw_profile_figure(
        *load(maps / "map_rotation.parquet"), "v_phi_kms", title="a profile", background=background, **SUN
    )
    assert audit_figure(figure) == []
    for sample in ("gaia_rvs", "apogee_giants", "lamost_hot", "sdssv_ob", "analytic", "tiny_file"):
        rows = read_columns(results / f"samples/cut_flow_{sample}.parquet")
        assert audit_figure(draw_cut_flow_figure(rows, "a sample")) == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_the_velocity_field(baseline, page):
    results = baseline[0] / "atlas/results"
    path = next((results / "fits").glob("*/velocity_field_taylor.parquet"))
    figures = results / "figures" / path.parent.name
    facts = field_facts(read_provenance(path), path.name)
    figure = draw_field_page(page, read_columns(path), facts, 1.0, "a field", 96.0, path.name)
    assert audit_figure(figure, DIMENSIONLESS) == []
    for kind in ("pdf", "png"):
        assert (figures / f"velocity_field_taylor-{page}.{kind}").stat().st_size > 1000
        assert (figures / f"rotation_curve_taylor.{kind}").stat().st_size > 1000
