"""The audit finds what is wrong: one broken figure for each of its checks."""

import numpy as np
import pytest

from discatlas.plotting.audit import audit_figure
from discatlas.plotting.style import add_axes_mm, figure_style, new_figure


@figure_style()
def sound_figure():
    figure = new_figure(88, 70)
    ax = add_axes_mm(figure, 14, 6, 50, 50)
    mesh = ax.pcolormesh(np.arange(11), np.arange(11), np.arange(100.0).reshape(10, 10))
    ax.set_xlabel("$X$ [kpc]")
    ax.set_ylabel("$Y$ [kpc]")
    bar = add_axes_mm(figure, 66, 6, 3, 50)
    bar.set_label("<colorbar>")
    figure.colorbar(mesh, cax=bar).set_label("$v_R$ [km s$^{-1}$]")
    return figure, ax, mesh, bar


def test_a_sound_figure_passes():
    assert audit_figure(sound_figure()[0]) == []


def break_label(figure, ax, mesh, bar):
    ax.set_xlabel("")


def break_unit(figure, ax, mesh, bar):
    ax.set_ylabel("$Y$")


def break_bar_label(figure, ax, mesh, bar):
    bar.set_ylabel("velocity")


def break_limits(figure, ax, mesh, bar):
    mesh.set_clim(5, 99)


def saturate(figure, ax, mesh, bar):
    mesh.set_clim(0, 90)


def empty(figure, ax, mesh, bar):
    mesh.remove()


def only_nan(figure, ax, mesh, bar):
    mesh.set_array(np.full((10, 10), np.nan))


def flatten(figure, ax, mesh, bar):
    ax.fill_between([0, 10], 0, 10, color="k", zorder=9)


def clip_text(figure, ax, mesh, bar):
    ax.set_title("a title that is far too long for a figure of this width, " * 3)


def overlap_texts(figure, ax, mesh, bar):
    ax.text(5, 5, "Perseus")
    ax.text(5.2, 5.1, "Local")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (break_label, "no x label"),
        (break_unit, "has no unit"),
        (break_bar_label, "colour-bar label 'velocity' has no unit"),
        (break_limits, "cut the central 96 %"),
        (saturate, "9.0 % of the cells are saturated"),
        (empty, "no finite data in view"),
        (only_nan, "no finite data in view"),
        (flatten, "rendered in one colour"),
        (clip_text, "clipped at the figure's edge"),
        (overlap_texts, "'Perseus' and 'Local' overlap"),
    ],
)
def test_each_check_can_fail(damage, found):
    figure, ax, mesh, bar = sound_figure()
    damage(figure, ax, mesh, bar)
    assert any(found in problem for problem in audit_figure(figure))


def test_a_label_without_unit_passes_only_where_it_is_allowed():
    figure, ax, _, _ = sound_figure()
    ax.set_ylabel("eccentricity")
    assert len(audit_figure(figure)) == 1
    assert audit_figure(figure, dimensionless=["eccentricity"]) == []


def test_lines_outside_the_view_are_no_data():
    figure, ax, mesh, _ = sound_figure()
    mesh.remove()
    ax.plot([20, 21], [20, 21])
    ax.set_xlim(0, 10)
    ax.set_ylim(0, 10)
    assert any("no finite data in view" in problem for problem in audit_figure(figure))
    ax.plot([1, 9], [2, 8])
    assert audit_figure(figure) == []


@figure_style()
def grid_of_panels():
    """Two by two panels, of which the lowest and the leftmost carry numbers and labels."""
    figure = new_figure(100, 100)
    panels = [[add_axes_mm(figure, 14 + 40 * j, 6 + 40 * i, 34, 34) for j in range(2)] for i in range(2)]
    for i, line in enumerate(panels):
        for j, ax in enumerate(line):
            ax.plot([0, 1], [0, 1 + i])
            ax.set(xlim=(0, 1), ylim=(0, 1 + i), xlabel="$X$ [kpc]" if i else "", ylabel="" if j else "$Y$ [kpc]")
            ax.tick_params(labelbottom=i == 1, labelleft=j == 0)
    return figure, panels


def test_in_a_grid_the_lowest_and_the_leftmost_panels_carry_the_labels():
    assert audit_figure(grid_of_panels()[0]) == []
    for break_grid, words in (
        (lambda panels: panels[0][0].set_xlim(0, 2), "no x label"),
        (lambda panels: panels[0][1].set_ylim(0, 2), "no y label"),
        (lambda panels: panels[0][1].tick_params(labelleft=True), "no y label"),
        (lambda panels: panels[1][1].set_xlabel(""), "no x label"),
    ):
        figure, panels = grid_of_panels()
        break_grid(panels)
        assert any(words in problem for problem in audit_figure(figure)), words
