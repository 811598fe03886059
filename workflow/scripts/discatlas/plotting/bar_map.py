"""Maps of the disc of models with bar and spirals beside observed ones (Khalil et al. 2025, Figs. 4-7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.bar_spirals.disc_map_pages import DISC_MAP_PAGES, WIDE_PAGES
from discatlas.bar_spirals.map_comparison import check_orientation, observed_values, predicted_values, summary
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.bar_lines import draw_bar_and_arms, legend_handles, line_points
from discatlas.plotting.bar_page import BarPanel, Frame, Rows, draw_page
from discatlas.plotting.contrast import CONTRAST_LABEL, ContrastGrid
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, shared_norm
from discatlas.plotting.style import SEQUENTIAL, diverging_map

Columns = Mapping[str, NDArray]
Named = Sequence[tuple[str, Columns]]
_NARROW_KPC = 12.0  # maps below have a circle every 2 kpc, others every 4
QUANTITY = {"radial": "v_R_kms", "action": "J_R_kpc_kms", "azimuthal": "v_phi_kms", "wide": "v_R_kms"}
CAPTIONS = {
    "radial": "Median radial velocity, positive outward; all panels have one scale",
    "action": "Median radial action of the motion in the plane of the axisymmetric potential",
    "azimuthal": "Median azimuthal velocity: of a model less that without bar and spirals, of data less the median at the same "
    "radius, and residuals of both less their medians at the same radius",
    "wide": "Median radial velocity, positive outward",
}


@dataclass(frozen=True)
class DiscMaps:
    """Tables of a page with the titles of models and of observed sources, and the Sun's place.

    Parameters
    ----------
    predicted : sequence of (str, columns)
        Title and contract ``disc_map`` of each model.
    loci : sequence of columns
        Contract ``disc_map_loci`` of each model.
    observed : sequence of (str, columns)
        Title and contract ``disc_map`` or ``published_map`` of each source; titles may be alike.
    overdensity : ContrastGrid or None
        Density contrast of young stars, beside the models of the wide page.
    where : str
        The file that is made, for messages.
    """

    predicted: Named
    loci: Sequence[Columns]
    observed: Named
    R0_kpc: float
    z_sun_kpc: float
    title: str
    objects: str
    percentile: float
    where: str
    overdensity: ContrastGrid | None = None

    @cached_property
    def leading(self) -> int:
        """Number of the model whose lines are drawn over data: the first that has arms."""
        with_arms = [k for k, lines in enumerate(self.loci) if np.any(lines["kind"] == "arm")]
        return with_arms[0] if with_arms else 0

    def sources(self, quantity: str) -> list[tuple[str, Columns]]:
        """Titles and tables of the observed maps that have a quantity."""
        return [one for one in self.observed if quantity in one[1] and np.isfinite(one[1][quantity]).any()]

    def grid(self, columns: Columns) -> PlaneGrid:
        """Return the grid of a table."""
        return PlaneGrid.of(columns["X_kpc"], columns["Y_kpc"], self.where)


def draw_disc_map_page(page: str, maps: DiscMaps) -> Figure:
    """Draw one of `DISC_MAP_PAGES` or `WIDE_PAGES`.

    Models stand above; below, each row has an observed map and what each model leaves of it, data - model, in the
    observed cells. The wide page has models alone, as the others where no observed map has their quantity.

    Raises
    ------
    DiscatlasError
        For an unknown page, a page without a model, and a map of v_phi in the wrong orientation.
    """
    known = (*DISC_MAP_PAGES, *WIDE_PAGES)
    if page not in known:
        raise DiscatlasError(f"{maps.where}: no page {page!r}{nearest(page, known)}; pages: {', '.join(known)}")
    if not maps.predicted:
        raise DiscatlasError(f"{maps.where}: no model to draw; give the map some models")
    first = maps.predicted[0][1]
    for title, cells in maps.sources("v_phi_kms"):
        check_orientation(cells, first, title)
    rows = _wide(maps) if page == "wide" else _table(page, maps)
    (x0, x1), (y0, y1) = ((float(e[0]), float(e[-1])) for e in maps.grid(first).edges)
    frame = Frame(("X_kpc", "Y_kpc"), ((x0, x1), (y0, y1)), (y1 - y0) / (x1 - x0))
    first_panel = next(panel for row in rows for panel in row if panel is not None)
    circles_kpc = 2.0 if max(x1 - x0, y1 - y0) < _NARROW_KPC else 4.0

    def decorate(ax: Axes, panel: BarPanel, placer: overlays.LabelPlacer) -> None:
        loci = maps.loci[panel.of]
        draw_bar_and_arms(ax, loci)
        placer.avoid(line_points(loci))
        overlays.draw_sun(ax, frame.axes, overlays.sun_coordinates(maps.R0_kpc, maps.z_sun_kpc), placer)
        overlays.draw_circles(ax, placer if panel is first_panel else None, circles_kpc)
        overlays.draw_centre(ax)

    return draw_page(rows, frame, Head(maps.title, _note(page, maps)), legend_handles(maps.loci), decorate)


def _note(page: str, maps: DiscMaps) -> list[str]:
    lines = [f"{CAPTIONS[page]}."]
    sources = [] if page == "wide" else maps.sources(QUANTITY[page])
    if not sources:
        words = "Full: arms, at the minima of each mode's potential (black: first mode, grey: second); dotted: along a "
        return [
            *lines,
            f"{words}cut-off radius to where the potential is zero; dashed: bar, at half of its deepest potential",
        ]
    words, counted = [f"Lines over data: {maps.predicted[maps.leading][0]}"], False
    for title, cells in sources:
        n = int(np.nansum(np.asarray(cells.get("n_stars", np.zeros(1)), float)))
        words += [f"{title}: {n:,} {maps.objects}"] if n else []
        counted |= n > 0
    return [*lines, f"{'; '.join(words)}{' (grey: cells with too few)' if counted else ''}"]


def _table(page: str, maps: DiscMaps) -> Rows:
    """Return the models' row, and a row for each source."""
    quantity = QUANTITY[page]
    sources = maps.sources(quantity)
    models = [_shown(cells, quantity) for _, cells in maps.predicted]
    data = [observed_values(cells, quantity) for _, cells in sources]
    fitted = [
        [predicted_values(model, cells, quantity, title) for title, model in maps.predicted] for _, cells in sources
    ]
    left = [[one - values for values in row] for one, row in zip(data, fitted, strict=True)]
    scale, difference = _scales(page, maps.percentile, [*models, *data], [values for row in left for values in row])
    symbol, unit = labels.symbol(quantity), labels.column_unit(quantity)
    delta = rf"\Delta {symbol}" if page == "azimuthal" else symbol
    label = labels.with_unit(f"median ${delta}$" if page != "azimuthal" else f"${delta}$", unit)
    residual_label = labels.with_unit(rf"data $-$ model, ${delta}$", unit)
    top = [
        BarPanel.on(maps.grid(cells), label, values, *scale, text=title, of=k)
        for k, ((title, cells), values) in enumerate(zip(maps.predicted, models, strict=True))
    ]
    rows = [[*([None] if sources else []), *top]]
    for (title, cells), values, predictions, residuals in zip(sources, data, fitted, left, strict=True):
        grid, few = maps.grid(cells), ~np.isfinite(cells[quantity])
        words = f"{title}, rms {_number(_rms(values))}"
        row = [BarPanel.on(grid, label, values, *scale, text=words, of=maps.leading, few=few)]
        for k, (prediction, residual) in enumerate(zip(predictions, residuals, strict=True)):
            numbers = summary(values, prediction, None)
            words = f"rms {_number(numbers.get('rms_residual'))}, corr. {_number(numbers.get('correlation'))}"
            few = ~np.isfinite(residual)
            row.append(BarPanel.on(grid, residual_label, residual, *difference, text=words, of=k, few=few))
        rows.append(row)
    return rows


def _shown(cells: Columns, quantity: str) -> NDArray[np.float64]:
    """Return what the panel of a model shows: v_phi less that of the equilibrium, else the quantity itself."""
    values = cells[quantity]
    return values - cells["v_phi_equilibrium_kms"] if quantity == "v_phi_kms" else values


def _scales(page: str, percentile: float, shown: list[NDArray], left: list[NDArray]) -> tuple[tuple, tuple]:
    """Return colour map and norm of models and data, and of residuals."""
    if page == "action":
        difference = diverging_map(), shared_norm(left, percentile, centred=True)
        return (SEQUENTIAL, shared_norm(shown, percentile)), difference
    both = diverging_map(), shared_norm([*shown, *left], percentile, centred=True)
    return both, both


def _wide(maps: DiscMaps) -> Rows:
    scale = (
        diverging_map(),
        shared_norm([cells["v_R_kms"] for _, cells in maps.predicted], maps.percentile, centred=True),
    )
    label = labels.with_unit(f"median ${labels.symbol('v_R_kms')}$", labels.column_unit("v_R_kms"))
    panels = [
        BarPanel.on(maps.grid(cells), label, cells["v_R_kms"], *scale, text=title, of=k)
        for k, (title, cells) in enumerate(maps.predicted)
    ]
    if maps.overdensity is not None:
        contrast = maps.overdensity
        norm = limits.linear_norm(contrast.values, maps.percentile, centred=True)
        more = {"text": "young stars", "of": maps.leading}
        panels.append(BarPanel(CONTRAST_LABEL, contrast.edges(), contrast.values, diverging_map(), norm, **more))
    n_columns = 2 if len(panels) in (2, 4) else min(len(panels), 3)
    return [panels[k : k + n_columns] for k in range(0, len(panels), n_columns)]


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def _number(value: float | None) -> str:
    """Return a number with three digits, its minus not a hyphen."""
    return "unknown" if value is None else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
