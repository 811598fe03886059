"""The figure of azimuthal variations passes the audit, shows bins, waves and p-values, and where arms cross."""

import json

import numpy as np
import pytest
from made_chemistry import made_variation
from matplotlib.colors import to_hex

import plot_azimuthal_variation
from discatlas.arms import Arm, read_arms
from discatlas.errors import DiscatlasError
from discatlas.plotting import azimuthal
from discatlas.plotting.audit import audit_figure
from discatlas.tables import read_columns, read_provenance
from places import ROOT

ARMS = ROOT / "resources/reid2019_arms.csv"


def draw(paths, arms=ARMS, **changed):
    bins, waves = (read_columns(path) for path in paths[:2])
    record = json.loads(paths[2].read_text(encoding="utf-8"))
    note = azimuthal.azimuthal_note(read_provenance(paths[0]), "giants", with_arms=arms is not None)
    settings = {"title": "a made sample", "objects": "giants", "note": note}
    arms = read_arms(arms) if arms else ()
    return azimuthal.draw_azimuthal_figure(bins | changed, waves, record["annuli"], "feh_dex", arms=arms, **settings)


@pytest.mark.parametrize("annuli", [((7.0, 9.0), (9.0, 11.0)), ((6.0, 7.0), (7.0, 8.0), (8.0, 9.0)), ((5.0, 13.0),)])
def test_the_figure_passes_the_audit(tmp_path, annuli):
    paths = made_variation(tmp_path, annuli)
    for arms in (ARMS, None):
        figure = draw(paths, arms)
        assert audit_figure(figure, azimuthal.DIMENSIONLESS) == []
        assert len(figure.axes) == 2 * len(annuli)
        assert max(figure.get_size_inches()) < 10.7


def test_bins_and_waves_are_those_of_the_tables(tmp_path):
    paths = made_variation(tmp_path)
    figure = draw(paths)
    bins, waves = (read_columns(path) for path in paths[:2])
    assert len({ax.get_ylim() for ax in figure.axes[::2]}) == 1
    assert len({ax.get_xlim() for ax in figure.axes[::2]}) == 1
    known = bins["phi_centre_deg"][np.isfinite(bins["feh_deviation_dex"])]
    assert figure.axes[0].get_xlim() == (known.min() - 6, known.max() + 6)  # one bin of 4 deg more on each side
    for k in (0, 1):
        left, right = figure.axes[2 * k : 2 * k + 2]
        here = (bins["annulus"] == k) & np.isfinite(bins["feh_deviation_dex"])
        assert 0 < here.sum() < (bins["annulus"] == k).sum()
        points, plain = left.containers
        np.testing.assert_array_equal(points.lines[0].get_xdata(), bins["phi_mean_deg"][here])
        np.testing.assert_array_equal(points.lines[0].get_ydata(), bins["feh_deviation_dex"][here])
        for bars, name in ((points, "feh_deviation_error_dex"), (plain, "feh_star_error_dex")):
            segments = np.array(bars.lines[2][0].get_segments())
            np.testing.assert_allclose(np.diff(segments[:, :, 1], axis=1)[:, 0] / 2, bins[name][here])
        wave = waves["annulus"] == k
        np.testing.assert_array_equal([bar.get_height() for bar in right.patches], waves["power"][wave])
        colours = [to_hex(bar.get_facecolor()) for bar in right.patches]
        grey, blue, red = to_hex(azimuthal._FAINT), azimuthal._POINT, azimuthal._SIGNIFICANT
        assert colours == [grey, grey, blue, grey, blue, red]
        assert [text.get_text() for text in right.texts] == ["0.60", "0.30", "0.04", "0.20", "0.011", "0.001"]
    assert "$p$ = 0.03, best wave $p$ = 0.004" in figure.axes[0].get_title(loc="right")
    assert "$p$ = 0.43" in figure.axes[2].get_title(loc="right")


def test_arms_are_shaded_where_their_locus_lies_in_the_annulus(tmp_path):
    straight = Arm("a", "Ring", -30.0, 50.0, 0.0, 8.0, 0.0, 0.0, 0.3, "made")
    assert azimuthal.arm_crossings(straight, 7.0, 9.0) == [(-30.0, 50.0)]
    assert azimuthal.arm_crossings(straight, 8.5, 9.0) == []
    pitch = np.rad2deg(np.arctan(np.log(10 / 8) / np.deg2rad(40.0)))  # from 8 kpc at phi = 0 to 10 kpc at -40 deg
    spiral = Arm("b", "Spiral", -40.0, 40.0, 0.0, 8.0, pitch, pitch, 0.3, "made")
    (low, high), *rest = azimuthal.arm_crossings(spiral, 8.0, 9.0)
    assert rest == []
    inner = -40.0 * np.log(9 / 8) / np.log(10 / 8)
    assert (low, high) == pytest.approx((inner, 0.0), abs=0.05)
    kinked = Arm("c", "Kink", -40.0, 40.0, 0.0, 8.0, pitch, -pitch, 0.3, "made")
    assert len(azimuthal.arm_crossings(kinked, 8.5, 9.5)) == 2  # outward on both sides
    figure = draw(made_variation(tmp_path))
    names = {text.get_text() for text in figure.axes[0].texts}
    assert "Local" in names
    spans = [patch.get_extents().transformed(figure.axes[0].transData.inverted()) for patch in figure.axes[0].patches]
    low, high = figure.axes[0].get_xlim()
    assert spans
    assert all(low - 1e-9 <= span.x0 < span.x1 <= high + 1e-9 for span in spans)


def test_p_values_as_they_are_printed():
    assert azimuthal.format_p(0.0123) == "$p$ = 0.012"
    assert azimuthal.format_p(0.456) == "$p$ = 0.46"
    assert azimuthal.format_p(None) == azimuthal.format_p(float("nan")) == "$p$ unknown"


def test_what_cannot_be_drawn_says_why(tmp_path):
    paths = made_variation(tmp_path)
    n = read_columns(paths[0])["annulus"].size
    with pytest.raises(DiscatlasError, match="no bin has a deviation: nothing to draw; see min_stars"):
        draw(paths, feh_deviation_dex=np.full(n, np.nan))
    with pytest.raises(DiscatlasError, match="t: no column of deviations; it has: annulus"):
        azimuthal.deviation_quantity({"annulus": np.arange(n)}, "t")


def test_the_script_draws_the_same_bytes_twice(tmp_path):
    variation, waves, summary = made_variation(tmp_path)
    written = []
    for name in ("one", "two"):
        pdf, png = tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"
        tables = {"variation": variation, "waves": waves, "summary": summary, "arms": ARMS}
        plot_azimuthal_variation.run(**tables, pdf=pdf, png=png, title="t", objects="stars", dpi=60)
        written.append((pdf.read_bytes(), png.read_bytes()))
    assert written[0] == written[1]
