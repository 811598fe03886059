"""The Kiel diagram of a sample over the stars it was selected from, with the numbers in spectral classes (Zari et al. 2025, Fig. 4)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, top_bars
from discatlas.plotting.panels import LEFT, Head, draw_mesh, positive
from discatlas.plotting.style import (
    FONT_PT,
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    TINY_PT,
    add_axes_mm,
    figure_style,
    new_figure,
)
from discatlas.plotting.wrapping import wrap

Columns = Mapping[str, NDArray]
_WIDTH, _HEIGHT, _BELOW, _GAP = 96.0, 88.0, 10.0, 6.0  # panel, axis label, to the table [mm]
_ROW, _FIRST = 5.2, 19.0  # from row to row, width of the names of the classes [mm]
_NUMBER = 16.0  # width of a column of numbers [mm]
_SHARE = 0.999  # of the background within the panel along either axis
_GREYS = ListedColormap(np.repeat(np.linspace(0.9, 0.35, 256)[:, None], 3, axis=1), name="discatlas_greys")
_TICKS = (4000, 5000, 6000, 8000, 10_000, 15_000, 20_000, 30_000, 50_000, 100_000)
_STEPS = tuple(k * 10**power for power in (3, 4, 5) for k in range(1, 10))


@figure_style()
def draw_kiel_figure(
    classes: Columns,
    kiel: Columns,
    titles: Mapping[str, str],
    left_out: Sequence[str] = (),
    title: str = "",
    objects: str = "stars",
) -> Figure:
    """Draw temperature and gravity: the background in grey, the sample in colour, lines and a table of the classes.

    Parameters
    ----------
    classes, kiel : mapping of str to ndarray
        Tables of contracts ``spectral_classes`` and ``kiel_diagram``.
    titles : mapping of str to str
        What the groups ``sample`` and ``background`` are.
    left_out : sequence of str
        Names of the sample's cuts that were not made on the background.

    Raises
    ------
    DiscatlasError
        If the sample has no star with temperature and gravity.
    """
    if not (kiel["group"] == "sample").any():
        raise DiscatlasError("Kiel diagram: no star of the sample has temperature and gravity; leave this sample out")
    groups = [group for group in ("background", "sample") if (kiel["group"] == group).any()]
    head = Head(title, _note(kiel, groups, titles, left_out, objects))
    figure = new_figure(PAGE_MM, head.height + top_bars.OVER_PANEL + _HEIGHT + _BELOW)
    head.write(figure)
    top = head.height + top_bars.OVER_PANEL
    ax = add_axes_mm(figure, LEFT, top, _WIDTH, _HEIGHT)
    edges = _edges(kiel)
    ax.set_xscale("log")
    width = (_WIDTH - 4.0 * (len(groups) - 1)) / len(groups)
    for k, group in enumerate(groups):
        values = positive(_counts(kiel, group, edges))
        colours = SEQUENTIAL if group == "sample" else _GREYS
        mesh = draw_mesh(ax, (10 ** edges[0], edges[1]), values, colours, limits.count_norm(values))
        bar = add_axes_mm(figure, LEFT + k * (width + 4.0), head.height + top_bars.ABOVE, width, top_bars.BAR)
        top_bars.draw_top_bar(bar, mesh, f"{labels.COUNT} {objects} per cell, {group}")
    _finish(ax, kiel)
    _draw_classes(ax, classes)
    _draw_table(figure, (LEFT + _WIDTH + _GAP, top), classes, titles)
    return figure


def _note(
    kiel: Columns, groups: Sequence[str], titles: Mapping[str, str], left_out: Sequence[str], objects: str
) -> list[str]:
    of = {group: int(kiel["n_stars"][kiel["group"] == group].sum()) for group in groups}
    words = [f"In colour: {titles['sample']}, {of['sample']:,} {objects}."]
    if "background" in of:
        words.append(
            f"In grey: {titles['background']}, {of['background']:,} {objects}, cuts made but for: {', '.join(left_out) or 'none'}."
        )
    return [
        " ".join(words),
        "Dashed: limits of the spectral classes. The panel holds the whole sample, and 99.8 % of all along either axis.",
    ]


def _edges(kiel: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of all cells along both axes, whole multiples of the size of a cell."""
    edges = []
    for axis in ("log_teff", "logg"):
        low, high = kiel[f"{axis}_low_dex"], kiel[f"{axis}_high_dex"]
        size = float(np.median(high - low))
        edges.append(size * np.arange(np.rint(low.min() / size), np.rint(high.max() / size) + 1))
    return edges[0], edges[1]


def _counts(kiel: Columns, group: str, edges: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    mine = kiel["group"] == group
    middle = [0.5 * (kiel[f"{axis}_low_dex"] + kiel[f"{axis}_high_dex"])[mine] for axis in ("log_teff", "logg")]
    return np.histogram2d(*middle, bins=list(edges), weights=kiel["n_stars"][mine].astype(np.float64))[0]


def _finish(ax: Axes, kiel: Columns) -> None:
    """Set limits that hold the whole sample and nearly all of the background; hot and giant to the left and above."""
    ends = []
    for axis in ("log_teff", "logg"):
        low, high = kiel[f"{axis}_low_dex"], kiel[f"{axis}_high_dex"]
        order = np.argsort(low, kind="stable")
        share = np.cumsum(kiel["n_stars"][order]) / kiel["n_stars"].sum()
        inside = order[(share >= 1 - _SHARE) & (share <= _SHARE)]
        which = np.union1d(inside if inside.size else order, np.flatnonzero(kiel["group"] == "sample"))
        margin = 0.02 * (high[which].max() - low[which].min())
        ends.append((low[which].min() - margin, high[which].max() + margin))
    ax.set_xlim(*(10.0**end for end in reversed(ends[0])))
    ax.set_ylim(*reversed(ends[1]))
    low, high = 10 ** ends[0][0], 10 ** ends[0][1]
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low < tick < high]))
    ax.xaxis.set_minor_locator(FixedLocator([step for step in _STEPS if low < step < high]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(labels.axis_label("teff_K"), labelpad=2)
    ax.set_ylabel(labels.axis_label("logg_dex"), labelpad=2)


def _draw_classes(ax: Axes, classes: Columns) -> None:
    """Draw the lower limits of the classes, each with its temperature beside the line."""
    low, high = sorted(ax.get_xlim())
    for limit in np.unique(classes["teff_min_K"][np.isfinite(classes["teff_min_K"])]):
        if low < limit < high:
            ax.axvline(limit, color="0.2", linewidth=0.6, linestyle=(0, (4, 3)), zorder=4)
            style = {"rotation": 90, "fontsize": TINY_PT, "ha": "right", "va": "top", "color": "0.2", "zorder": 5}
            ax.text(limit, 0.985, f"{limit:,.0f} K ", transform=ax.get_xaxis_transform(), **style)


def _draw_table(figure: Figure, place: tuple[float, float], classes: Columns, titles: Mapping[str, str]) -> None:
    """Write the numbers of stars by class to the right of the panel: sample, background, and those of a paper."""
    groups = [group for group in ("sample", "background") if (classes["group"] == group).any()]
    width = PAGE_MM - place[0] - 2.0
    ax = add_axes_mm(figure, *place, width, _HEIGHT)
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(_HEIGHT, 0)
    first = classes["group"] == groups[0]
    columns = [(group, classes["n_stars"][classes["group"] == group]) for group in groups]
    if np.isfinite(classes["n_published"][first].astype(np.float64)).any():
        columns.append(("paper", classes["n_published"][first]))
    # columns of numbers end where the room is shared evenly among them
    step = min((width - _FIRST) / len(columns), _NUMBER)
    style = {"fontsize": SMALL_PT, "va": "baseline", "parse_math": False}
    y = 5.0
    for k, (name, _) in enumerate(columns):
        ax.text(_FIRST + step * (k + 1), y, name, ha="right", fontweight="bold", **style)
    for number, name in enumerate(classes["spectral_class"][first]):
        y += _ROW
        ax.text(0.0, y, str(name), ha="left", **style)
        for k, (_, values) in enumerate(columns):
            known = np.isfinite(float(values[number]))
            text = f"{int(values[number]):,}" if known else "\N{EN DASH}"
            ax.text(_FIRST + step * (k + 1), y, text, ha="right", **style)
    y += _ROW + 2.0
    for group in groups:
        for line in wrap(f"{group}: {titles[group]}", width, SMALL_PT):
            ax.text(0.0, y, line, color="0.3", **style)
            y += 0.36 * FONT_PT + 0.3
