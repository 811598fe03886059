"""The page of a sample's ages: Kiel diagram with isochrones, distribution, errors, and posteriors of some stars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from discatlas.ages.grid import OBSERVABLES, Points
from discatlas.ages.posterior import fine_density, log_age_prior, stack
from discatlas.errors import DiscatlasError
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label
from discatlas.plotting.panels import Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, SMALL_PT, TINY_PT, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
LOG_AGE = axis_label("log_age_dex")
AGE_ERROR = r"error of $\log_{10}(\tau/\mathrm{yr})$ [dex]"
PER_DEX = "stars per dex [dex$^{-1}$]"
DENSITY = "posterior density [dex$^{-1}$]"
MANY = 3000  # more stars are drawn as means in cells
EXAMPLES = (5.0, 50.0, 95.0)  # percentiles of the error of the stars whose posteriors are drawn
_LEFT, _WIDTH, _HEIGHT, _GAP, _BAR = 13.0, 60.0, 58.0, 31.0, 2.5  # [mm]
_COLOURS = ("#14397a", "#b5321f", "#4f8f5b")
_CELLS = 60


@dataclass(frozen=True)
class AgeTables:
    """What is drawn: Teff [K] and log g [dex] of the sample, the columns of ``ages``, and G at the nodes (n, n_age)."""

    teff_K: Array
    logg_dex: Array
    ages: Mapping[str, NDArray]
    likelihood: NDArray


@figure_style()
def draw_ages_figure(
    tables: AgeTables,
    provenance: Mapping[str, Any],
    isochrones: Mapping[float, Points],
    title: str,
    objects: str = "stars",
) -> Figure:
    """Draw the ages of the stars without a flag.

    Parameters
    ----------
    tables : AgeTables
    provenance : mapping
        Of the table ``age_posteriors``: nodes, priors, observables.
    isochrones : mapping of float to Points
        Isochrones over the Kiel diagram, by log10(age/yr); their values are Teff [K] and log g [dex].
    title, objects : str
        Head of the page, and what the stars are called.

    Raises
    ------
    DiscatlasError
        If no star has an age without a flag.
    """
    good = np.asarray(tables.ages["is_good"], bool)
    if not good.any():
        raise DiscatlasError(f"ages: none of {good.size:,} {objects} has an age without a flag; look at their summary")
    head = Head(title, _notes(tables, provenance, objects, good))
    top, low = head.height + 3.0, head.height + 3.0 + _HEIGHT + 14.0
    figure = new_figure(PAGE_MM, low + _HEIGHT + 11.0)
    head.write(figure)
    right = _LEFT + _WIDTH + _GAP
    bar = add_axes_mm(figure, _LEFT + _WIDTH + 1.5, top, _BAR, _HEIGHT)
    kiel = add_axes_mm(figure, _LEFT, top, _WIDTH, _HEIGHT)
    draw_colour_bar(bar, _draw_kiel(kiel, tables, good, isochrones), LOG_AGE)
    nodes, log_prior = _nodes(provenance)
    _draw_distribution(add_axes_mm(figure, right, top, _WIDTH + 8.0, _HEIGHT), tables, good, nodes, log_prior)
    bar = add_axes_mm(figure, _LEFT + _WIDTH + 1.5, low, _BAR, _HEIGHT)
    errors = add_axes_mm(figure, _LEFT, low, _WIDTH, _HEIGHT)
    draw_colour_bar(bar, _draw_errors(errors, tables, good), f"number of {objects}")
    _draw_examples(add_axes_mm(figure, right, low, _WIDTH + 8.0, _HEIGHT), tables, good, nodes, log_prior)
    return figure


def _nodes(provenance: Mapping[str, Any]) -> tuple[Array, Array]:
    nodes = np.array(provenance["log_age"])
    return nodes, log_age_prior(nodes, provenance["age_prior"])


def _notes(tables: AgeTables, provenance: Mapping[str, Any], objects: str, good: NDArray[np.bool_]) -> list[str]:
    n_known = int(np.isfinite(tables.ages["log_age_p50_dex"]).sum())
    prior = {"time": "uniform in time", "log_age": "uniform in log age"}[provenance["age_prior"]]
    words = {"teff_K": "Teff", "logg_dex": "log g", "M_Ks_mag": "M_Ks"}
    metallicity = {
        "radial": "metallicity about a radial line",
        "measured": "metallicity as measured",
        "flat": "any metallicity of the grid alike",
    }[provenance["metallicity"]["prior"]]
    return [
        f"{good.size:,} {objects}: {n_known:,} have an age, {good.sum():,} of them without a flag, which are drawn; from "
        f"{', '.join(words[name] for name in OBSERVABLES if name in provenance['observables'])}; isochrones: {provenance['grid']}",
        f"priors: ages {prior}; {metallicity}; initial masses m^-{provenance['imf_slope']:g}",
    ]


def _limits(values: Array, share: float = 0.5) -> tuple[float, float]:
    """Return the range of all but `share` per cent at either end, with a margin."""
    low, high = np.percentile(values, [share, 100.0 - share])
    margin = max(0.08 * (high - low), 1e-3 * max(abs(high), 1e-9))
    return low - margin, high + margin


def _draw_kiel(
    ax: Axes, tables: AgeTables, good: NDArray[np.bool_], isochrones: Mapping[float, Points]
) -> ScalarMappable:
    known = good & np.isfinite(tables.teff_K) & np.isfinite(tables.logg_dex) & (tables.teff_K > 0)
    teff, logg, age = np.log10(tables.teff_K[known]), tables.logg_dex[known], tables.ages["log_age_p50_dex"][known]
    x_limits, y_limits = _limits(teff), _limits(logg)
    low, high = np.percentile(age, [1.0, 99.0])
    norm = Normalize(low - 0.01, high + 0.01)
    if age.size > MANY:
        edges = tuple(np.linspace(*limits, _CELLS + 1) for limits in (x_limits, y_limits))
        counts = np.histogram2d(teff, logg, edges)[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.histogram2d(teff, logg, edges, weights=age)[0] / counts
        mappable = draw_mesh(ax, edges, mean, SEQUENTIAL, norm)
    else:
        mappable = ax.scatter(teff, logg, c=age, s=3.0, cmap=SEQUENTIAL, norm=norm, linewidth=0, zorder=2)
    for log_age, points in isochrones.items():
        _draw_isochrone(ax, log_age, np.log10(points.values[:, 0]), points.values[:, 1], x_limits, y_limits)
    ax.set_xlim(x_limits[::-1])
    ax.set_ylim(y_limits[::-1])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{10.0**x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(_temperature_ticks(x_limits))
    ax.set_xlabel(axis_label("teff_K"))
    ax.set_ylabel(axis_label("logg_dex"))
    ax.set_title("(a) median age of each star", loc="left")
    return mappable


def _temperature_ticks(limits: tuple[float, float]) -> list[float]:
    """Return some round temperatures within the limits, as logarithms."""
    low, high = (10.0**limit for limit in limits)
    for step in (500, 1000, 2000, 5000, 10_000, 20_000):
        ticks = np.arange(np.ceil(low / step) * step, high, step)
        if ticks.size <= 5:
            return list(np.log10(ticks))
    return list(limits)


def _draw_isochrone(
    ax: Axes, log_age: float, x: Array, y: Array, x_limits: tuple[float, float], y_limits: tuple[float, float]
) -> None:
    inside = (x > x_limits[0]) & (x < x_limits[1]) & (y > y_limits[0]) & (y < y_limits[1])
    if inside.sum() < 2:
        return
    (line,) = ax.plot(np.where(inside, x, np.nan), np.where(inside, y, np.nan), color="black", linewidth=0.6, zorder=3)
    line.set_gid(DECORATION)
    top = np.flatnonzero(inside)[np.argmin(y[inside])]
    is_left = x[top] > np.mean(x_limits)  # temperatures grow to the left
    ax.annotate(
        f"{log_age:g}", (x[top], y[top]), (2.0 if is_left else -2.0, -2.5), textcoords="offset points",
        fontsize=TINY_PT, ha="left" if is_left else "right", va="top", zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8},
    )  # fmt: skip


def _draw_distribution(ax: Axes, tables: AgeTables, good: NDArray[np.bool_], nodes: Array, log_prior: Array) -> None:
    total = stack(tables.likelihood[good], log_prior, nodes)
    median = tables.ages["log_age_p50_dex"][good]
    width = max(nodes[1] - nodes[0], (nodes[-1] - nodes[0]) / 40.0)
    bins = np.arange(nodes[0], nodes[-1] + width, width)
    counts = np.histogram(median, bins)[0] / width
    ax.stairs(counts, bins, color="0.55", fill=True, alpha=0.6, label="histogram of medians")
    ax.plot(nodes, total, color=_COLOURS[0], linewidth=1.2, label="sum of posteriors")
    ax.set_xlim(nodes[0], nodes[-1])
    ax.set_ylim(0.0, 1.18 * max(counts.max(), total.max()))
    ax.set_xlabel(LOG_AGE)
    ax.set_ylabel(PER_DEX)
    ax.legend(loc="upper left")
    ax.set_title(f"(b) ages of {good.sum():,} stars", loc="left")


def _draw_errors(ax: Axes, tables: AgeTables, good: NDArray[np.bool_]) -> ScalarMappable:
    age, error = (tables.ages[name][good] for name in ("log_age_p50_dex", "log_age_error_dex"))
    limits = _limits(age), (0.0, _limits(error)[1])
    n = int(np.clip(np.sqrt(age.size), 12, 60))
    edges = tuple(np.linspace(*limit, n + 1) for limit in limits)
    counts = np.histogram2d(age, error, edges)[0]
    mesh = draw_mesh(ax, edges, positive(counts), SEQUENTIAL, LogNorm(1, max(counts.max(), 2)))
    bins = np.linspace(*limits[0], 13)
    which = np.digitize(age, bins) - 1
    middle = [np.median(error[which == b]) if np.sum(which == b) >= 10 else np.nan for b in range(12)]
    ax.plot(0.5 * (bins[1:] + bins[:-1]), middle, color=_COLOURS[1], marker="o", markersize=2.5, label="median")
    ax.legend(loc="upper right")
    ax.set_xlabel(LOG_AGE)
    ax.set_ylabel(AGE_ERROR)
    ax.set_title("(c) error, half of p84 \N{MINUS SIGN} p16", loc="left")
    return mesh


def _draw_examples(ax: Axes, tables: AgeTables, good: NDArray[np.bool_], nodes: Array, log_prior: Array) -> None:
    rows = example_rows(tables.ages["log_age_error_dex"], good)
    fine, posterior = fine_density(tables.likelihood[rows], log_prior, nodes)
    for row, density, colour, percent in zip(rows, posterior, _COLOURS, EXAMPLES, strict=False):
        age, error = tables.ages["log_age_p50_dex"][row], tables.ages["log_age_error_dex"][row]
        label = f"{percent:g} % of errors are smaller: {age:.2f} $\\pm$ {error:.2f} dex"
        ax.plot(fine, density, color=colour, linewidth=1.0, label=label)
        low, high = (tables.ages[f"log_age_p{p}_dex"][row] for p in (16, 84))
        inner = np.linspace(low, high, 60)
        ax.fill_between(inner, np.interp(inner, fine, density), color=colour, alpha=0.2, linewidth=0)
    ax.set_xlim(nodes[0], nodes[-1])
    ax.set_ylim(0.0, 1.35 * posterior.max())
    ax.set_xlabel(LOG_AGE)
    ax.set_ylabel(DENSITY)
    ax.legend(loc="upper left", fontsize=SMALL_PT - 0.5)
    ax.set_title("(d) posteriors of three stars", loc="left")


def example_rows(error: Array, good: NDArray[np.bool_], percentiles: Sequence[float] = EXAMPLES) -> NDArray[np.int64]:
    """Return the rows of the good stars whose errors stand at the percentiles, shape (n,)."""
    rows = np.flatnonzero(good)
    order = rows[np.argsort(error[rows], kind="stable")]
    return order[[round(p / 100.0 * (order.size - 1)) for p in percentiles]]
