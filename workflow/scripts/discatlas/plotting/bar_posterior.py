"""Pages of a posterior of spiral modes: its corner plot and map; the other pages are in `bar_posterior_pages`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from discatlas.bar_spirals.posterior_pages import POSTERIOR_PAGES
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.bar_posterior_pages import (
    LABELS_WITHOUT_UNIT,
    draw_degeneracies_page,
    draw_emulator_page,
    draw_variants_page,
    parameter_label,
)
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.corner_panels import Frame, draw_panels
from discatlas.plotting.labels import COUNT
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane_page, draw_sky_marks, shared_norm
from discatlas.plotting.spiral_labels import number, rounded
from discatlas.plotting.style import (
    ERROR,
    PAGE_MM,
    SEQUENTIAL,
    SMALL_PT,
    TINY_PT,
    diverging_map,
    figure_style,
    new_figure,
)

Columns = Mapping[str, NDArray]
PULL_LABEL = "residual / predictive standard deviation"
DIMENSIONLESS = (PULL_LABEL, *LABELS_WITHOUT_UNIT)
_LEFT, _RIGHT, _BELOW, _GAP = 15.0, 5.0, 13.0, 1.2  # [mm]
_INNER = 0.36  # how far from the middle of a panel its numbers may be, in its width
_COLOUR, _REFERENCE, _FIT = "#14397a", "#0b6b3a", "#b5321f"


@dataclass(frozen=True)
class PosteriorFit:
    """Tables and summary of a posterior (rule ``fit_spiral_posterior``); `references` are published values, `where` is for messages."""

    draws: Columns
    predictive_map: Columns
    validation: Columns
    summary: Mapping[str, Any]
    references: Mapping[str, float]
    fitted: Mapping[str, float]
    R0_kpc: float
    z_sun_kpc: float
    title: str
    objects: str
    percentile: float
    where: str

    def __post_init__(self) -> None:
        """Raise a DiscatlasError for a summary of something else, and for references that are no parameters."""
        for key in ("parameters", "fit", "validation", "rounds", "degeneracies", "variants"):
            if key not in self.summary:
                raise DiscatlasError(
                    f"{self.where}: no {key!r} in its summary: no posterior of this workflow; remake it with fit_spiral_posterior"
                )

    @property
    def names(self) -> list[str]:
        """Names of the parameters."""
        return list(self.summary["parameters"])

    @property
    def head(self) -> str:
        """The line that all pages have."""
        fit, floor = self.summary["fit"], self.summary["floor"]
        low, high = self.summary["settings"]["R_limits_kpc"]
        ends = f"{f'from R = {low:g} kpc' if low else ''}{f' to {high:g} kpc' if high else ''}".strip()
        return (
            f"{fit['n_cells']:,} cells{f' {ends}' if ends else ''}; misfit of the model {floor['mean_kms']:.1f} km/s over "
            f"{floor['mean_length_kpc']:.1f} kpc; ln evidence {number(self.summary['ln_evidence'], 1)} "
            f"(v_R = 0 {number(self.summary['ln_likelihood_of']['zero'], 1)}, bar alone "
            f"{number(self.summary['ln_likelihood_of']['bar_only'], 1)})."
        )

    def values(self, name: str) -> NDArray[np.float64]:
        """Return the draws of a parameter, those of an angle within half a period of the median."""
        record = self.summary["parameters"][name]
        values = np.asarray(self.draws[name], float)
        if not name.startswith("phase"):
            return values
        period = record["prior"][1] - record["prior"][0]
        return record["median"] + (values - record["median"] + period / 2) % period - period / 2

    def near(self, name: str, value: float) -> float:
        """Return a value of a parameter, that of an angle within half a period of the median."""
        record = self.summary["parameters"][name]
        if not name.startswith("phase"):
            return value
        period = record["prior"][1] - record["prior"][0]
        return record["median"] + (value - record["median"] + period / 2) % period - period / 2


def draw_posterior_page(page: str, fit: PosteriorFit) -> Figure:
    """Draw one of `POSTERIOR_PAGES`; an unknown page is a DiscatlasError."""
    makers = {
        "corner": lambda: _draw_corner_page(fit),
        "maps": lambda: _draw_maps_page(fit),
        "emulator": lambda: draw_emulator_page(
            fit.validation, fit.summary, Head(fit.title, [fit.head, _emulator_words(fit)])
        ),
        "degeneracies": lambda: draw_degeneracies_page(fit.summary, Head(fit.title, [fit.head, _DEGENERACY_WORDS])),
        "variants": lambda: draw_variants_page(
            fit.summary,
            {name: fit.references.get(name) for name in fit.names},
            Head(fit.title, [fit.head, _VARIANT_WORDS]),
        ),
    }
    if page not in makers:
        raise DiscatlasError(
            f"{fit.where}: no page {page!r}{nearest(page, POSTERIOR_PAGES)}; pages: {', '.join(POSTERIOR_PAGES)}"
        )
    return makers[page]()


_DEGENERACY_WORDS = "Linear correlation of each pair of parameters over the draws of the posterior"
_VARIANT_WORDS = (
    "Median with 68 % (thick) and 95 % (thin) intervals, of the posterior and of its variants with other choices; dashed: "
    "published value"
)


def _emulator_words(fit: PosteriorFit) -> str:
    found = fit.summary["validation"]
    return (
        f"{fit.summary['n_models']:,} models learned from; at {found['n']} draws of the posterior that were not: rms "
        f"{found['emulator_rms_kms']:.2f} km/s; full less quick evaluation at {found['n_full']}: rms {found['bias_rms_kms']:.2f}, "
        f"after the correction {found['bias_rms_after_correction_kms']:.2f} km/s; effective share of the importance weights "
        f"{100 * found['importance_effective_share']:.0f} %"
    )


@figure_style()
def _draw_corner_page(fit: PosteriorFit) -> Figure:
    draws = {name: fit.values(name) for name in fit.names}
    words = (
        f"{fit.draws[fit.names[0]].size:,} draws; contours hold 39 and 86 % of them (one and two sigma in two dimensions), "
        "dashed blue: the central 68 %; titles: median and that interval"
    )
    head = Head(fit.title, [fit.head, words])
    side, top = PAGE_MM - _LEFT - _RIGHT, head.height + 5.0
    figure = new_figure(PAGE_MM, top + side + _BELOW)
    head.write(figure)
    panel = draw_panels(figure, draws, Frame(_LEFT, _RIGHT, top, _BELOW, _GAP), _COLOUR, 3, (0.8, 0.6))
    _finish(figure, draws, fit, panel)
    return figure


def _finish(figure: Figure, draws: Mapping[str, NDArray], fit: PosteriorFit, side_mm: float) -> None:
    """Label the outer panels, mark fitted and published values, and take away the empty half."""
    names, n = list(draws), len(draws)
    axes = np.array(figure.axes[: n * n]).reshape(n, n)
    marks = [
        ({name: fit.near(name, values[name]) for name in names if name in values}, colour, dashes)
        for values, colour, dashes in ((fit.fitted, _FIT, (0, (1, 1.2))), (fit.references, _REFERENCE, (0, (4, 2))))
    ]
    for i in range(n):
        for j in range(n):
            ax = axes[i, j]
            if j > i:
                figure.delaxes(ax)
                continue
            _label(ax, names, i, j, side_mm)
            for artist in ax.collections:
                if isinstance(artist, ContourSet):
                    artist.set_gid(DECORATION)
            if i == j:
                lo, middle, hi = np.percentile(draws[names[i]], [15.87, 50.0, 84.13])
                ax.set_title(rounded(middle, lo, hi), fontsize=SMALL_PT, pad=2)
                for end in (lo, hi):
                    ax.axvline(end, color=_COLOUR, linestyle=(0, (4, 2)), linewidth=0.6)
            for values, colour, dashes in marks:
                style = {"color": colour, "linestyle": dashes, "linewidth": 0.8, "zorder": 6}
                if names[j] in values:
                    ax.axvline(values[names[j]], **style)
                if i != j and names[i] in values:
                    ax.axhline(values[names[i]], **style)
    texts = ("best of the fit at points", "published value")
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=0.9, label=text)
        for (values, colour, dashes), text in zip(marks, texts, strict=True)
        if values
    ]
    if handles:
        figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.97, axes[0, 0].get_position().y1 - 0.02))


def _label(ax: Axes, names: list[str], i: int, j: int, side_mm: float) -> None:
    ax.tick_params(labelsize=TINY_PT, labelbottom=i == len(names) - 1, labelleft=j == 0 and i > 0, length=2, pad=1.5)
    ax.tick_params(which="minor", length=0)
    for axis in (ax.xaxis, ax.yaxis):  # numbers at the ends would meet those of the next panel
        low, high = axis.get_view_interval()
        ticks = MaxNLocator(3).tick_values(low, high)
        axis.set_major_locator(FixedLocator(ticks[np.abs(ticks - (low + high) / 2) < _INNER * (high - low)]))
        axis.set_tick_params(labelrotation=0)
    ax.set_xlabel(parameter_label(names[j]) if i == len(names) - 1 else "", fontsize=SMALL_PT)
    ax.set_ylabel(parameter_label(names[i]) if j == 0 and i > 0 else "", fontsize=SMALL_PT)
    for axis, at in ((ax.xaxis, (0.5, -7.5 / side_mm)), (ax.yaxis, (-9.5 / side_mm, 0.5))):
        axis.set_label_coords(*at)
    if i == j:
        ax.yaxis.set_label_position("right")
        ax.set_ylabel(f"{COUNT} draws", fontsize=TINY_PT)
        ax.yaxis.set_label_coords(1 + 1.4 / side_mm, 0.5)


def _draw_maps_page(fit: PosteriorFit) -> Figure:
    """Draw map, mean model, residual, the model's standard deviation, the predictive one, and the residual over it or stars."""
    chart = fit.predictive_map
    used = chart["used"].astype(bool)
    grid = PlaneGrid.of(chart["X_kpc"], chart["Y_kpc"], fit.where)
    nodes = chart["is_node"].astype(bool)

    def decorate(ax: Axes, which: int, placer: overlays.LabelPlacer) -> None:
        if not used.all():
            ax.add_collection(grid.outline(used), autolim=False)
        draw_sky_marks(ax, fit.R0_kpc, fit.z_sun_kpc, placer, named=which == 0)
        if which == 3:
            style = {"s": 3.0, "color": "black", "linewidths": 0, "zorder": 6}
            ax.scatter(chart["X_kpc"][nodes], chart["Y_kpc"][nodes], **style).set_gid(DECORATION)

    record = fit.summary["fit"]
    stars = (
        f"{int(np.sum(chart['n_stars'][np.isfinite(chart['n_stars'])])):,} {fit.objects}; " if _has_stars(chart) else ""
    )
    outlined = "" if used.all() else " Outlined: cells that count."
    words = (
        f"{stars}rms of v_R {record['rms_v_R_kms']:.2f}, of the residual {record['rms_residual_kms']:.2f} km/s over the cells that "
        f"count; explained variance {number(record['explained_variance'], 2)}. Dots: the {int(nodes.sum())} cells at which models are "
        f"evaluated.{outlined}"
    )
    return draw_plane_page(grid, _panels(fit), 3, Head(fit.title, [fit.head, words]), decorate)


def _has_stars(chart: Columns) -> bool:
    return "n_stars" in chart and bool(np.isfinite(chart["n_stars"].astype(float)).any())


def _panels(fit: PosteriorFit) -> list[PlanePanel]:
    chart, percentile = fit.predictive_map, fit.percentile
    names = ("v_R_kms", "model_kms", "residual_kms", "model_sd_kms", "predictive_sd_kms")
    data, model, residual, sd, predictive = (chart[name] for name in names)
    signed = shared_norm([data, model], percentile, centred=True)
    unit, symbol = labels.column_unit("v_R_kms"), labels.symbol("v_R_kms")
    median, cmap = labels.with_unit(f"median ${symbol}$", unit), diverging_map()
    pull = residual / predictive
    panels = [
        PlanePanel(median, data, cmap, signed, None, "data"),
        PlanePanel(median, model, cmap, signed, None, "posterior mean"),
        PlanePanel(
            labels.with_unit(rf"residual $\Delta {symbol}$", unit), residual, cmap,
            limits.linear_norm(residual, percentile, centred=True), None, "data less mean",
        ),
        PlanePanel(
            labels.with_unit("standard deviation of the model", unit), sd, ERROR, limits.linear_norm(sd, percentile), None, "model"
        ),
        PlanePanel(
            labels.with_unit("standard deviation of a new map", unit), predictive, ERROR,
            limits.linear_norm(predictive, percentile), None, "prediction",
        ),
        PlanePanel(PULL_LABEL, pull, cmap, limits.linear_norm(pull, percentile, centred=True), None, ""),
    ]  # fmt: skip
    if _has_stars(chart):
        stars = chart["n_stars"].astype(float)
        label = f"{COUNT} {fit.objects} per cell"
        panels.append(PlanePanel(label, stars, SEQUENTIAL, limits.linear_norm(stars, percentile), None, ""))
    return panels
