"""Columns of a sample against each other (Zari et al. 2025, Figs. 3 and 5): a histogram for each pair, and the line of equality."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from discatlas.contracts import split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, top_bars
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.panels import LEFT, Head, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, figure_style, new_figure

_COLUMNS = 3  # of panels at most
_SIZE, _BETWEEN, _BELOW = 62.0, 14.0, 10.0  # largest side, room for the labels between and below [mm]
_LINE = "#c2410c"
_SYMBOLS = {"radial_velocity": r"v_\mathrm{los}"}
_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)  # tick labels of a decade


@figure_style()
def draw_column_comparison(
    comparison: Mapping[str, NDArray],
    histogram: Mapping[str, NDArray],
    titles: Sequence[str] = (),
    title: str = "",
    objects: str = "stars",
) -> Figure:
    """Draw one panel for each row of a table ``columns_comparison`` from the cells of its table ``columns_histogram``.

    `titles` name the panels, `title` the page; `objects` is what the rows of the sample are.

    Raises
    ------
    DiscatlasError
        If there is no pair, a pair without cells, or not one title for each.
    """
    n = len(comparison["pair"])
    if not n or (titles and len(titles) != n):
        raise DiscatlasError(
            f"comparison of columns: {n} pairs and {len(titles)} titles; expected some pairs, and a title for each"
        )
    n_columns = min(n, _COLUMNS)
    side = min((PAGE_MM - LEFT - 4.0 - (n_columns - 1) * _BETWEEN) / n_columns, _SIZE)
    pitch = top_bars.OVER_PANEL + side + _BELOW
    head = Head(title, _note(comparison, objects))
    figure = new_figure(PAGE_MM, head.height + pitch * -(-n // n_columns) + 1.0)
    head.write(figure)
    for k in range(n):
        row, column = divmod(k, n_columns)
        place = (LEFT + column * (side + _BETWEEN), head.height + row * pitch)
        ax, bar = top_bars.add_panel(figure, *place, side, side)
        one = {name: values[k] for name, values in comparison.items()}
        cells = {name: values[histogram["pair"] == one["pair"]] for name, values in histogram.items()}
        mesh = _draw_cells(ax, one, cells)
        name = f"({'abcdefghijklmnopqrstuvwxyz'[k % 26]}) {titles[k] if titles else ''}".rstrip()
        top_bars.draw_top_bar(bar, mesh, f"{labels.COUNT} {objects} per cell")
        _finish(ax, one, name)
    return figure


def _note(comparison: Mapping[str, NDArray], objects: str) -> list[str]:
    lines = [
        f"n: {objects} with both values. Below: how many differ by at most 1 and 2 combined errors (68.3 and 95.4 % if "
        "errors are Gaussian); median and half of p84 \N{MINUS SIGN} p16 of the differences. Dashed: equality."
    ]
    outside = int(np.sum(comparison["n_outside"]))
    return lines + (
        [f"Panels hold the central 99 % of either column; {outside:,} {objects} lie outside."] if outside else []
    )


def _draw_cells(ax: Axes, one: Mapping, cells: Mapping[str, NDArray]) -> ScalarMappable:
    if not cells["n_stars"].size:
        raise DiscatlasError(f"comparison of columns: no cells for {one['x']} and {one['y']}; make both tables anew")
    ends = [np.concatenate([cells[f"{axis}_low"], cells[f"{axis}_high"]]) for axis in "xy"]
    edges = np.unique(np.concatenate(ends))
    # cells of both axes share one set of edges: those that lie between the outermost are filled in from the widths
    edges = _all_edges(edges, one["scale"] == "log10")
    counts = np.zeros((edges.size - 1, edges.size - 1))
    place = [np.searchsorted(edges, 0.5 * (cells[f"{axis}_low"] + cells[f"{axis}_high"])) - 1 for axis in "xy"]
    counts[place[0], place[1]] = cells["n_stars"]
    if one["scale"] == "log10":
        ax.set_xscale("log")
        ax.set_yscale("log")
    values = positive(counts)
    mesh = draw_mesh(ax, (edges, edges), values, SEQUENTIAL, limits.count_norm(values))
    ax.plot(edges[[0, -1]], edges[[0, -1]], color=_LINE, linewidth=0.9, linestyle=(0, (5, 3)), zorder=4, gid=DECORATION)
    return mesh


def _all_edges(edges: NDArray[np.float64], is_log: bool) -> NDArray[np.float64]:
    """Return evenly spaced edges through those that are known, which are so up to rounding."""
    scaled = np.log10(edges) if is_log else edges
    gaps = np.diff(scaled)
    span = scaled[-1] - scaled[0]
    step = gaps[gaps > 1e-6 * span].min()
    even = np.linspace(scaled[0], scaled[-1], round(span / step) + 1)
    return 10**even if is_log else even


def _finish(ax: Axes, one: Mapping, name: str) -> None:
    unit = "K" if one["scale"] == "log10" else str(one["unit"])
    ax.set_xlabel(labels.with_unit(column_symbol(str(one["x"])), unit), labelpad=1.5)
    ax.set_ylabel(labels.with_unit(column_symbol(str(one["y"])), unit), labelpad=1.5)
    ax.tick_params(labelsize=SMALL_PT)
    for axis in (ax.xaxis, ax.yaxis):
        if one["scale"] == "log10":
            low, high = sorted(axis.get_view_interval())
            ticks = [step * 10.0**power for power in range(2, 6) for step in _STEPS if low < step * 10.0**power < high]
            axis.set_major_locator(FixedLocator(ticks[:: 1 + len(ticks) // 7]))
            axis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.0f}"))
            axis.set_minor_formatter(NullFormatter())
        else:
            axis.set_major_locator(MaxNLocator(nbins=6))
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}
    style = {"transform": ax.transAxes, "fontsize": SMALL_PT, "bbox": box, "zorder": 8}
    lines = [name, f"n = {int(one['n_stars']):,}"]
    ax.text(0.03, 0.97, "\n".join(lines), va="top", parse_math=False, **style)
    ax.text(0.97, 0.03, "\n".join(_numbers(one)), ha="right", va="bottom", **style)


def _numbers(one: Mapping) -> list[str]:
    """Return the shares with their binomial errors, and the difference, as lines of text."""
    lines = []
    for k in (1, 2):
        share, error = one[f"share_within_{k}"], one[f"share_within_{k}_error"]
        if np.isfinite(share):
            lines.append(rf"${k}\sigma$: ${100 * share:.1f} \pm {100 * error:.1f}$ %")
    unit = labels.unit_label(str(one["unit"]))
    median, scatter = one["difference_median"], one["difference_scatter"]
    places = _digits(one["difference_median_error"])
    difference = rf"$\Delta = {median:+.{places}f}$, $s = {scatter:.{_digits(scatter)}f}$ {unit}"
    return [*lines, difference.rstrip()]


def _digits(error: float) -> int:
    """Return the decimals that show two digits of an error."""
    return max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 2


def column_symbol(name: str) -> str:
    r"""Return a column as it is printed; what stands before a known quantity is its origin.

    >>> column_symbol("xcsao_teff_K")
    'xcsao $T_\\mathrm{eff}$'
    """
    base = split_unit(name)[0]
    known = labels.SYMBOLS | _SYMBOLS
    for quantity in sorted(known, key=len, reverse=True):
        if base == quantity:
            return f"${known[quantity]}$"
        if base.endswith(f"_{quantity}"):
            return f"{base.removesuffix(f'_{quantity}').replace('_', ' ')} ${known[quantity]}$"
    return f"${labels.symbol(name)}$"
