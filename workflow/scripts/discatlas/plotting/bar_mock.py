"""A forward mock with bar and spirals beside backward integration: maps of both, their pulls, and histograms of these."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import limits, top_bars
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label, unit_label
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane, label_plane, shared_norm, write_corner
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, add_axes_mm, diverging_map, figure_style, new_figure

PULL_LABEL = "(mock \N{MINUS SIGN} backward) / error"
DIMENSIONLESS = (PULL_LABEL,)
_QUANTITIES = ("v_R_kms", "v_phi_kms", "density")
_LEFT, _RIGHT, _BETWEEN, _BEFORE, _BELOW = 10.0, 2.5, 3.0, 13.0, 9.0  # [mm]
_REACH = 4.0  # of the histograms
Columns = Mapping[str, NDArray]


@figure_style()
def draw_mock_figure(cells: Columns, title: str, percentile: float, where: str) -> Figure:
    """Draw medians and density of a mock, those of backward integration, and how they differ.

    Parameters
    ----------
    cells : mapping of str to ndarray
        Columns of contract ``barred_mock_check``.
    where : str
        What errors call the table.

    Raises
    ------
    DiscatlasError
        For a table without cells, or with cells that are no grid.
    """
    if not cells["X_kpc"].size:
        raise DiscatlasError(f"{where}: no cell was compared: nothing to draw")
    grid = PlaneGrid.of(cells["X_kpc"], cells["Y_kpc"], where)
    note = (
        f"{cells['X_kpc'].size:,} cells: medians of particles that started in equilibrium before bar and spirals grew and "
        "moved forward; those by backward integration from places all over each cell; their difference in standard errors, "
        "and its histogram with what chance alone gives (line)."
    )
    head = Head(title, [note])
    width = (PAGE_MM - _LEFT - _RIGHT - 2 * _BETWEEN - _BEFORE) / 4
    (x0, *_, x1), (y0, *_, y1) = grid.edges
    height = min(width * (y1 - y0) / (x1 - x0), 60.0)
    pitch = top_bars.OVER_PANEL + height + 3.0
    figure = new_figure(PAGE_MM, head.height + 3 * pitch - 2.0 + _BELOW)
    head.write(figure)
    for row, name in enumerate(_QUANTITIES):
        top = head.height + row * pitch
        pull = _draw_maps(figure, grid, cells, name, (top, width, height), row, percentile)
        left = _LEFT + 3 * width + 2 * _BETWEEN + _BEFORE
        ax = add_axes_mm(figure, left, top + top_bars.OVER_PANEL, width, height)
        _draw_histogram(ax, pull, "dhl"[row], lowest=row == 2)
    return figure


def _label(name: str) -> str:
    return axis_label(name) if name != "density" else f"density [{unit_label('1 / kpc2')}]"


def _draw_maps(
    figure: Figure,
    grid: PlaneGrid,
    cells: Columns,
    name: str,
    box_mm: tuple[float, float, float],
    row: int,
    percentile: float,
) -> NDArray[np.float64]:
    """Draw the three maps of a quantity and return its pulls."""
    top, width, height = box_mm
    base, unit = split_unit(name)
    values = [cells[name], cells[join_unit(f"{base}_backward", unit)]]
    pull, is_signed = cells[f"{base}_pull"], name == "v_R_kms"
    norm, cmap = shared_norm(values, percentile, centred=is_signed), diverging_map() if is_signed else SEQUENTIAL
    pull_norm = limits.linear_norm(pull, percentile, centred=True)
    panels = [
        PlanePanel(_label(name), values[0], cmap, norm, text="mock"),
        PlanePanel(_label(name), values[1], cmap, norm, text="backward"),
        PlanePanel(PULL_LABEL, pull, diverging_map(), Normalize(min(pull_norm.vmin, -3.0), max(pull_norm.vmax, 3.0))),
    ]
    for k, panel in enumerate(panels):
        ax, bar = top_bars.add_panel(figure, _LEFT + k * (width + _BETWEEN), top, width, height)
        top_bars.draw_top_bar(bar, draw_plane(ax, grid, panel), panel.label)
        label_plane(ax, width, lowest=row == 2, leftmost=k == 0)
        write_corner(ax, f"({'abcdefghijkl'[4 * row + k]}) {panel.text}".rstrip())
    return pull


def _draw_histogram(ax: Axes, pull: NDArray[np.float64], letter: str, lowest: bool) -> None:
    step = 0.5 if pull.size < 400 else 0.25
    edges = np.arange(-_REACH, _REACH + step / 2, step)
    counts, _ = np.histogram(np.clip(pull, edges[0], edges[-1]), edges)
    ax.stairs(counts, edges, fill=True, color="0.75")
    x = np.linspace(-_REACH, _REACH, 200)
    normal = pull.size * step * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    ax.plot(x, normal, color="black", linewidth=0.8, gid=DECORATION)
    ax.set_xlim(-_REACH, _REACH)
    ax.set_ylim(0, 1.25 * max(counts.max(), normal.max()))
    words = f"{pull.mean():+.2f} \N{PLUS-MINUS SIGN} {pull.std():.2f}".replace("-", "\N{MINUS SIGN}")
    write_corner(ax, f"({letter})")
    ax.text(0.97, 0.975, words, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL_PT)
    ax.set_ylabel("number of cells", labelpad=2)
    ax.tick_params(labelbottom=lowest)
    ax.set_xlabel(PULL_LABEL if lowest else "", labelpad=1.5)
