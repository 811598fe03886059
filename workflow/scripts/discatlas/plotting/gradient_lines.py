"""The stars of each bin with lines of the posterior over them, and the models of a gradient beside each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.gradient_data import (
    OURS,
    PER_KPC,
    SECOND,
    BinStars,
    Columns,
    GradientFacts,
    chain_of,
    coordinate_label,
    count_words,
    draws,
    grid_shape,
    is_fitted,
    letters,
    model_curves,
    model_rows,
    require_fits,
    running_median,
)
from discatlas.plotting.panels import Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SMALL_PT, add_axes_mm, figure_style, new_figure

N_LINES = 100
_LEFT, _RIGHT, _GAP, _BELOW, _TITLE = 12.0, 16.0, 2.0, 9.0, 1.5  # [mm]
_HIGHEST = 62.0  # of a panel [mm]
_CENTRAL_X, _CENTRAL_Y = 99.8, 99.0  # shares of the stars inside the limits of a panel [per cent]


@figure_style()
def draw_lines_page(
    table: Columns, chains: Columns, bins: Sequence[BinStars], facts: GradientFacts, title: str, where: str
) -> Figure:
    """Draw each bin with stars: their density, running medians, `N_LINES` lines of the posterior, slope and number.

    Parameters
    ----------
    table, chains : mapping of str to ndarray
        Columns of contracts ``metallicity_gradient`` and ``metallicity_gradient_chains``.
    bins : sequence of BinStars
        Stars of each row of the linear model, in order of the bins.

    Raises
    ------
    DiscatlasError
        If no bin was fitted.
    """
    rows = model_rows(table, "linear")
    require_fits(rows, facts, where)
    words = f"red: {N_LINES} lines of the posterior of the linear model; blue: running medians with standard errors"
    ranges = _ranges(bins)
    shown = [k for k, stars in enumerate(bins) if _any_inside(stars, ranges) or is_fitted(rows)[k]]
    if len(shown) < len(bins):
        words += "; bins without stars are left out"
    head = Head(title, [count_words(facts, rows), words])
    n_rows, n_columns = grid_shape(len(shown))
    width = (PAGE_MM - _LEFT - _RIGHT - (n_columns - 1) * _GAP) / n_columns
    height = min(0.78 * width, _HIGHEST)
    top = head.height + _TITLE
    figure = new_figure(PAGE_MM, top + n_rows * (height + _GAP) - _GAP + _BELOW)
    head.write(figure)
    density = _Density([bins[k] for k in shown], ranges, (width, height))
    panels = []
    for place, k in enumerate(shown):
        line, column = divmod(place, n_columns)
        ax = add_axes_mm(figure, _LEFT + column * (width + _GAP), top + line * (height + _GAP), width, height)
        panels.append(density.draw(ax, place))
        row = {name: values[k] for name, values in rows.items()}
        _draw_fit(ax, row, chains, bins[k])
        _write_bin(ax, row, facts, place)
        lowest, leftmost = place + n_columns >= len(shown), column == 0
        ax.tick_params(labelbottom=lowest, labelleft=leftmost)
        ax.set_xlabel(coordinate_label(facts.x) if lowest else "", labelpad=1.5)
        ax.set_ylabel(labels.axis_label(facts.quantity) if leftmost else "", labelpad=2)
    full = n_rows * (height + _GAP) - _GAP
    bar = add_axes_mm(figure, PAGE_MM - _RIGHT + 1.5, top, 2.4, min(full, 90.0))
    draw_colour_bar(bar, next(mesh for mesh in panels if mesh is not None), f"{labels.COUNT} {facts.objects}")
    return figure


def _ranges(bins: Sequence[BinStars]) -> list[tuple[float, float]]:
    """Return the ranges of x and metallicity that hold nearly all stars."""
    x, y = (np.concatenate([getattr(stars, name) for stars in bins]) for name in ("x", "y"))
    return [limits.central_range(values, share) for values, share in ((x, _CENTRAL_X), (y, _CENTRAL_Y))]


def _any_inside(stars: BinStars, ranges: Sequence[tuple[float, float]]) -> bool:
    inside = [
        (values >= low) & (values <= high) for values, (low, high) in zip((stars.x, stars.y), ranges, strict=True)
    ]
    return bool((inside[0] & inside[1]).any())


class _Density:
    """Numbers of stars in cells of a few, on the same cells and the same scale in all panels."""

    def __init__(
        self, bins: Sequence[BinStars], ranges: Sequence[tuple[float, float]], size_mm: Sequence[float]
    ) -> None:
        mean = sum(stars.x.size for stars in bins) / len(bins)
        cell = float(np.clip(110.0 / np.sqrt(mean), 1.3, 2.6))  # [mm]
        self.edges = tuple(
            np.linspace(*ends, int(length / cell) + 1) for ends, length in zip(ranges, size_mm, strict=True)
        )
        self.counts = [np.histogram2d(stars.x, stars.y, bins=self.edges)[0] for stars in bins]
        self.norm = limits.count_norm(np.concatenate([count.ravel() for count in self.counts]))

    def draw(self, ax: Axes, number: int) -> ScalarMappable | None:
        """Draw the density of the stars of a bin, with room for words above; None where it has no star in view."""
        (x0, x1), (y0, y1) = ((edges[0], edges[-1]) for edges in self.edges)
        norm = LogNorm(self.norm.vmin, self.norm.vmax)
        any_star = self.counts[number].any()
        mesh = draw_mesh(ax, self.edges, positive(self.counts[number]), greys(), norm) if any_star else None
        ax.set_xlim(x0, x1)
        ax.set_ylim(y0, y1 + 0.16 * (y1 - y0))
        return mesh


def greys() -> ListedColormap:
    """Return greys that stay light enough for the lines over them."""
    return ListedColormap(colormaps["Greys"](np.linspace(0.06, 0.62, 256)), name="discatlas_greys")


def _draw_fit(ax: Axes, row: Columns, chains: Columns, stars: BinStars) -> None:
    if stars.x.size:
        x, median, error = running_median(stars.x, stars.y)
        style = {"fmt": "o", "color": SECOND, "markersize": 3.0, "elinewidth": 0.9, "zorder": 5}
        ax.errorbar(x, median, yerr=error, markeredgecolor="white", markeredgewidth=0.3, **style)
    chain = draws(chain_of(chains, int(row["bin"]), "linear"), N_LINES)
    if row["status"] == "fitted" and chain["bin"].size:
        ends = np.array([row["x_low_kpc"], row["x_high_kpc"]])
        curves = model_curves("linear", chain, float(row["pivot_kpc"]), ends)
        ax.plot(ends, curves.T, color=OURS, linewidth=0.35, alpha=0.25, zorder=3)
        middle = row["intercept_dex"] + row["slope_dex_per_kpc"] * ends
        ax.plot(ends, middle, color=OURS, linewidth=1.0, zorder=4)


def _write_bin(ax: Axes, row: Columns, facts: GradientFacts, number: int) -> None:
    halo = {"transform": ax.transAxes, "path_effects": overlays.HALO, "zorder": 8, "fontsize": SMALL_PT + 0.5}
    words = f"{letters(number)} {facts.bin_words(row['bin_low_kpc'], row['bin_high_kpc'])}"
    ax.text(0.025, 0.965, words, va="top", **halo)
    n_stars = f"{int(row['n_stars']):,} {facts.objects}"
    fitted = row["status"] == "fitted"
    ax.text(0.975, 0.965, n_stars if fitted else f"too few: {n_stars}", va="top", ha="right", **halo)
    if fitted:
        slope = f"{signed(row['slope_dex_per_kpc'], row['slope_error_dex_per_kpc'])} {PER_KPC[1:-1]}"
        ax.text(0.025, 0.035, slope if row["converged"] else f"not converged: {slope}", va="bottom", **halo)


def signed(value: float, error: float) -> str:
    """Return value and error with as many digits as two of the error: ``-0.0782 ± 0.0011``, as a formula."""
    digits = int(np.clip(1 - np.floor(np.log10(error)), 1, 6)) if error > 0 else 4
    return rf"${value:.{digits}f} \pm {error:.{digits}f}$"
