"""Pages of a fit of spiral modes to a map of the median v_R: its evolution, its map, its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.bar_spirals.mode_pages import MODES_PAGES
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.bar_fit_pages import OBJECTIVE_LABEL, draw_convergence_page, draw_parameters_page
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane_page, draw_sky_marks, shared_norm
from discatlas.plotting.style import diverging_map

Columns = Mapping[str, NDArray]
DIMENSIONLESS = (OBJECTIVE_LABEL,)
ARM_STYLES = ({"color": "black", "linewidth": 1.2}, {"color": "0.35", "linewidth": 1.0, "linestyle": (0, (4, 1.5))})


@dataclass(frozen=True)
class ModesFit:
    """Tables and summary of a fit (rule ``fit_spiral_modes``); `where` is for messages."""

    generations: Columns
    fit_map: Columns
    summary: Mapping[str, Any]
    z_sun_kpc: float
    title: str
    objects: str
    percentile: float
    where: str

    def __post_init__(self) -> None:
        """Raise a DiscatlasError for a summary of something else."""
        for key in ("parameters", "objective", "rms", "points", "model", "evolution"):
            if key not in self.summary:
                raise DiscatlasError(
                    f"{self.where}: no {key!r} in its summary: no fit of this workflow; remake it with fit_spiral_modes"
                )

    @property
    def head(self) -> str:
        """The line that all pages have: modes, objectives."""
        modes = " and ".join(f"m = {m}" for m in self.summary["modes"])
        objective = self.summary["objective"]
        words = f"{modes} beside the bar; objective at {len(self.summary['points'])} points (unbiased medians): fit "
        words += f"{objective['best']['unbiased']:.1f}"
        if "compared" in objective:
            words += f", compared model {objective['compared']['unbiased']:.1f}"
        return f"{words}, v_R = 0 {objective['zero']['unbiased']:.1f}."


def draw_modes_page(page: str, fit: ModesFit) -> Figure:
    """Draw one of `MODES_PAGES`; an unknown page is a DiscatlasError."""
    makers = {
        "convergence": lambda: draw_convergence_page(fit.generations, fit.summary, fit.title, fit.head),
        "maps": lambda: _draw_maps_page(fit),
        "parameters": lambda: draw_parameters_page(fit.summary, fit.title, fit.head),
    }
    if page not in makers:
        raise DiscatlasError(
            f"{fit.where}: no page {page!r}{nearest(page, MODES_PAGES)}; pages: {', '.join(MODES_PAGES)}"
        )
    return makers[page]()


def crest_azimuth(entry: Mapping[str, Any], R_kpc: NDArray) -> NDArray:
    """Return the azimuths [deg] of the arms of a mode, the minima of its potential, shape (m, n), not wrapped."""
    turn = np.degrees(np.log(R_kpc / entry["R0_kpc"]) / np.tan(np.radians(entry["pitch_deg"])))
    return entry["phase_deg"] - turn + 360.0 / entry["m"] * np.arange(entry["m"])[:, None]


def _draw_maps_page(fit: ModesFit) -> Figure:
    """Draw data, model and residual, and the same of the model that the fit is compared with."""
    chart = fit.fit_map
    grid = PlaneGrid.of(chart["X_kpc"], chart["Y_kpc"], fit.where)
    panels = _panels(fit)
    model, R0 = fit.summary["model"], float(fit.summary["model"]["R0_kpc"])
    R = np.linspace(3.0, 16.0, 400)

    def decorate(ax: Axes, number: int, placer: overlays.LabelPlacer) -> None:
        draw_sky_marks(ax, R0, fit.z_sun_kpc, placer, named=number == 2)
        if number in (0, 1, 2):
            _draw_arms(ax, model, R)
        if number in (0, 2):
            _draw_points(ax, fit.summary["points"])

    rms = fit.summary["rms"]
    names = {"zero": "v_R = 0", "compared": "compared model", "best": "fit"}
    parts = []
    for which, text in (
        ("all", "all"),
        ("outside", "those farther than 0.25 kpc from a point"),
        ("beyond_bar", "those beyond the bar's corotation"),
    ):
        values = [
            f"{names[name]} {rms[f'{which}_kms'][name]:.2f}"
            for name in names
            if rms[f"{which}_kms"].get(name) is not None
        ]
        parts.append(f"{text} ({rms['n_cells'][which]:,}): {', '.join(values)}")
    arms = " and ".join(f"m = {m} {style}" for m, style in zip(fit.summary["modes"], ("full", "dashed"), strict=False))
    words = (
        f"rms of data less model [km/s] over cells: {'; '.join(parts)}. Circles: points of the fit, "
        f"larger for more weight. Lines: minima of the fitted spirals' potential, {arms}"
    )
    return draw_plane_page(grid, panels, 3, Head(fit.title, [fit.head, words]), decorate)


def _panels(fit: ModesFit) -> list[PlanePanel]:
    chart, percentile = fit.fit_map, fit.percentile
    data, model = chart["v_R_kms"], chart["model_kms"]
    others = [chart["compared_kms"]] if "compared_kms" in chart else []
    signed = shared_norm([data, model, *others], percentile, centred=True)
    unit, symbol = labels.column_unit("v_R_kms"), labels.symbol("v_R_kms")
    median = labels.with_unit(f"median ${symbol}$", unit)
    residual = labels.with_unit(rf"residual $\Delta {symbol}$", unit)
    left = [chart["residual_kms"], *(data - other for other in others)]
    rest = shared_norm(left, percentile, centred=True)
    cmap = diverging_map()
    panels = [
        PlanePanel(median, data, cmap, signed, None, "data"),
        PlanePanel(median, model, cmap, signed, None, "fit"),
        PlanePanel(residual, left[0], cmap, rest, None, "data less fit"),
    ]
    for other in others:
        gain = np.abs(left[1]) - np.abs(left[0])
        norm = limits.linear_norm(gain, percentile, centred=True)
        nearer = labels.with_unit("how much nearer the fit is", unit)
        panels += [
            PlanePanel(nearer, gain, cmap, norm, None, "fit against compared"),
            PlanePanel(median, other, cmap, signed, None, "compared model"),
            PlanePanel(residual, left[1], cmap, rest, None, "data less compared"),
        ]
    return panels


def _draw_arms(ax: Axes, model: Mapping[str, Any], R_kpc: NDArray) -> None:
    """Draw the loci of the arms where their mode acts."""
    for entry, style in zip(model["spirals"], ARM_STYLES, strict=False):
        low, high = (
            limit if limit is not None else fallback
            for limit, fallback in zip(entry["R_limits_kpc"], (0.0, np.inf), strict=True)
        )
        R = R_kpc[(R_kpc >= low) & (R_kpc <= high)]
        for phi in np.radians(crest_azimuth(entry, R)):
            line = {"zorder": 5, "path_effects": overlays.HALO, "gid": DECORATION, "scalex": False, "scaley": False}
            ax.plot(-R * np.cos(phi), R * np.sin(phi), **style, **line)


def _draw_points(ax: Axes, points: list[Mapping[str, float]]) -> None:
    """Draw the points of the fit as circles, larger for more weight."""
    sigma = np.array([point["sigma_kms"] for point in points])
    size = np.maximum(60.0 * sigma.min() / sigma, 3.0)
    x, y = (np.array([point[name] for point in points]) for name in ("x_kpc", "y_kpc"))
    style = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.8, "zorder": 6}
    ax.scatter(-x, y, s=size, **style).set_gid(DECORATION)
