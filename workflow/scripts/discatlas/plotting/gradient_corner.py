"""The posterior of the linear gradient of one bin as a corner plot."""

from collections.abc import Sequence

import corner
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.gradient_data import (
    OURS,
    PER_KPC,
    SECOND,
    Columns,
    GradientFacts,
    chain_of,
    is_fitted,
    model_rows,
    require_fits,
)
from discatlas.plotting.gradient_lines import signed
from discatlas.plotting.labels import COUNT
from discatlas.plotting.panels import Head
from discatlas.plotting.style import MM_PER_INCH, PAGE_MM, SMALL_PT, figure_style, new_figure

COLUMNS = ("slope_dex_per_kpc", "intercept_dex", "scatter_dex")
_LEVELS = (0.393, 0.865, 0.989)  # 1, 2, 3 sigma of a two-dimensional Gaussian
_SIDE, _LEFT, _BELOW = 134.0, 24.0, 11.0  # of the square of panels, its margins [mm]


@figure_style()
def draw_corner_page(table: Columns, chains: Columns, facts: GradientFacts, title: str, where: str) -> Figure:
    """Draw slope, intercept and scatter of the fullest fitted bin against each other, with package ``corner``.

    Raises
    ------
    DiscatlasError
        If no bin was fitted, or if its chains are missing.
    """
    rows = model_rows(table, "linear")
    require_fits(rows, facts, where)
    fullest = int(np.argmax(np.where(is_fitted(rows), rows["n_stars"], -1)))
    row = {name: column[fullest] for name, column in rows.items()}
    chain = chain_of(chains, int(row["bin"]), "linear")
    samples = np.stack([chain[name] for name in COLUMNS], axis=1)
    if len(samples) <= samples.shape[1] or not np.all(np.ptp(samples, axis=0) > 0):
        raise DiscatlasError(
            f"{where}: its chains hold {len(samples)} useful rows of bin {int(row['bin'])}; fit it again"
        )
    head = Head(
        title,
        [_note(row, facts), "contours: 39, 86 and 99 % of the posterior (1, 2, 3 sigma); dashed: 16, 50 and 84 %"],
    )
    top = head.height + 3.0
    height = top + _SIDE + _BELOW
    figure = new_figure(PAGE_MM, height)
    head.write(figure)
    names = [facts.slope_label, "intercept [dex]", "intrinsic scatter [dex]"]
    shades = [to_rgba(SECOND, alpha) for alpha in (0.0, 0.16, 0.34, 0.55)]
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.06 * (high - low)  # so that the outermost contour closes
    corner.corner(
        samples,
        fig=figure,
        range=list(zip(low - margin, high + margin, strict=True)),
        bins=int(np.clip(np.sqrt(len(samples)) / 3, 10, 22)),
        hist_bin_factor=1.4,
        quantiles=(0.15865, 0.5, 0.84135),
        levels=_LEVELS,
        color=SECOND,
        max_n_ticks=4,
        plot_density=False,
        fill_contours=True,
        no_fill_contours=True,
        data_kwargs={"ms": 1.1, "alpha": 0.3},
        contourf_kwargs={"colors": shades},
        contour_kwargs={"linewidths": 0.6},
        hist_kwargs={"linewidth": 0.9},
    )
    edges = {"left": _LEFT / PAGE_MM, "right": (_LEFT + _SIDE) / PAGE_MM}
    figure.subplots_adjust(top=1 - top / height, bottom=_BELOW / height, wspace=0.07, hspace=0.07, **edges)
    _finish(figure, row, names)
    return figure


def _note(row: Columns, facts: GradientFacts) -> str:
    chain = (
        f"acceptance {row['acceptance']:.2f}, autocorrelation time {row['autocorrelation_steps']:.3g} steps, "
        f"effective sample {row['n_effective']:,.0f}, split R-hat {row['r_hat']:.4f}"
    )
    place = facts.bin_words(row["bin_low_kpc"], row["bin_high_kpc"]).replace("$", "").replace(r"\,", " ")
    return f"Fullest bin, {place}: {int(row['n_stars']):,} {facts.objects}; likelihood: {facts.likelihood}; {chain}"


def _finish(figure: Figure, row: Columns, names: Sequence[str]) -> None:
    """Bring the panels to the house style: labels with units, numbers on the outer panels, the results in the free corner."""
    axes = np.reshape(figure.axes, (3, 3))
    for i in range(3):
        for j in range(3):
            ax = axes[i, j]
            if j > i:
                ax.set_visible(False)
                continue
            outer = {"labelbottom": i == 2, "labelleft": j == 0 and i > 0}
            ax.tick_params(labelsize=SMALL_PT, labelrotation=0, **outer)
            for axis in (ax.xaxis, ax.yaxis) if i != j else (ax.xaxis,):
                _thin(axis)
            if i == 2:
                ax.set_xlabel(names[j])
                ax.xaxis.set_label_coords(0.5, -0.13)
            if j == 0 and i > 0:
                ax.set_ylabel(names[i])
                ax.yaxis.set_label_coords(-0.27, 0.5)
            for artist in ax.collections:
                artist.set_gid(DECORATION)
            if i == j:
                _finish_histogram(ax)
    words = [
        f"slope {signed(row['slope_dex_per_kpc'], row['slope_error_dex_per_kpc'])} {PER_KPC[1:-1]}",
        f"intercept {signed(row['intercept_dex'], row['intercept_error_dex'])} dex",
        f"intrinsic scatter {signed(row['scatter_dex'], row['scatter_error_dex'])} dex",
    ]
    box = axes[0, 1].get_position()
    step = 5.0 / (figure.get_size_inches()[1] * MM_PER_INCH)
    for k, text in enumerate(words):
        figure.text(box.x0 + 0.25 * box.width, box.y1 - (k + 1) * step, text, va="baseline")


def _finish_histogram(ax: Axes) -> None:
    for line in ax.lines:
        line.set(color=OURS, linewidth=0.7, linestyle=(0, (4, 2)))
    ax.yaxis.set_label_position("right")
    ax.set_ylabel(f"{COUNT} draws", fontsize=SMALL_PT, labelpad=3)


def _thin(axis: Axis) -> None:
    """Keep few numbers, none near the ends, where they would meet those of the next panel."""
    low, high = sorted(axis.get_view_interval())
    ticks = np.asarray(MaxNLocator(nbins=4).tick_values(low, high))
    margin = 0.12 * (high - low)
    axis.set_major_locator(FixedLocator(ticks[(ticks > low + margin) & (ticks < high - margin)]))
