"""The map of v_R, the fitted response, what it leaves, and the density contrast that it implies."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane_page, draw_sky_marks, shared_norm
from discatlas.plotting.spiral_context import Context, Tables, draw_loci
from discatlas.plotting.style import ERROR, SEQUENTIAL, diverging_map

CONTRAST_LABEL = r"implied $\Sigma_1/\Sigma_\mathrm{disc}$ [%]"
PULL_LABEL = "residual / error"
DIMENSIONLESS = (PULL_LABEL,)


def draw_maps_page(tables: Tables, context: Context) -> Figure:
    """Draw map, model, residual, the residual over its error, the implied density contrast with the arms, and stars."""
    chart = tables.fit_map
    used = chart["used"].astype(bool)
    if not used.any():
        raise DiscatlasError(f"{context.where}: no cell of the map entered the fit: nothing to draw")
    grid = PlaneGrid.of(chart["X_kpc"], chart["Y_kpc"], context.where)
    panels = _panels(tables, context, used)
    rings = context.resonances

    def decorate(ax: Axes, number: int, placer: overlays.LabelPlacer) -> None:
        ax.add_collection(grid.outline(used), autolim=False)
        draw_sky_marks(ax, context.R0_kpc, context.z_sun_kpc, placer, named=number == 5)
        if number in (0, 1, 4):
            draw_loci(ax, tables.loci)
        if number in (1, 2):
            context.draw_rings(ax, rings)

    stars = f"{tables.n_stars:,} {context.objects}; " if tables.n_stars else ""
    fit = context.summary["fit"]
    words = (
        f"{stars}rms of v_R {fit['rms_v_R_kms']:.2f}, of the residual {fit['rms_residual_kms']:.2f} km/s. Outlined: cells of the "
        "fit; black: crests of the fitted arms; rings: Lindblad resonances (full), corotation (dashed), "
        f"{2 * context.m}:1 (dotted)"
    )
    return draw_plane_page(grid, panels, 3, context.head(tables.posterior, words), decorate)


def _panels(tables: Tables, context: Context, used: NDArray[np.bool_]) -> list[PlanePanel]:
    chart, percentile = tables.fit_map, context.percentile
    data, error, model = (chart[name] for name in ("v_R_kms", "v_R_error_kms", "model_kms"))
    residual = np.where(used, chart["residual_kms"], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.where(error > 0, residual / error, np.nan)
    # where there is no window there is no data either
    model = np.where(np.isfinite(data), model, np.nan)
    # where the fit says nothing of the density there is none
    (low, high), R = context.R_limits_kpc, chart["R_kpc"]
    contrast = np.where((low <= R) & (high >= R), 100 * chart["overdensity_model"], np.nan)
    signed = shared_norm([data, np.where(used, model, np.nan)], percentile, centred=True)
    symbol, unit = labels.symbol("v_R_kms"), labels.column_unit("v_R_kms")
    missing = ~np.isfinite(data)
    return [
        PlanePanel(labels.mean_label("v_R_kms"), data, diverging_map(), signed, missing, "data"),
        PlanePanel(
            labels.with_unit(f"model ${symbol}$", unit),
            np.where(used, model, np.nan),
            diverging_map(),
            signed,
            ~used,
            "model",
        ),
        PlanePanel(
            labels.with_unit(rf"residual $\Delta {symbol}$", unit),
            residual,
            diverging_map(),
            limits.linear_norm(residual, percentile, centred=True),
            ~used,
            "residual",
        ),
        PlanePanel(PULL_LABEL, pull, diverging_map(), limits.linear_norm(pull, percentile, centred=True), ~used),
        PlanePanel(
            CONTRAST_LABEL,
            contrast,
            diverging_map(),
            limits.linear_norm(contrast, percentile, centred=True),
            ~np.isfinite(contrast),
        ),
        _last(tables.counts, chart, context),
    ]


def _last(counts: Mapping[str, NDArray] | None, chart: Mapping[str, NDArray], context: Context) -> PlanePanel:
    """Return the panel of the numbers of stars, or the error of the model where the map does not know them."""
    if counts is not None:
        held = dict(zip(counts["cell"].tolist(), counts["n_stars"].tolist(), strict=True))
        n = np.array([held.get(cell, np.nan) for cell in chart["cell"].tolist()], dtype=np.float64)
        if np.isfinite(n).any():
            return PlanePanel(f"{labels.COUNT} {context.objects}", n, SEQUENTIAL, limits.count_norm(n))
    used = chart["used"].astype(bool)
    error = np.where(used, chart["model_error_kms"], np.nan)
    label = labels.with_unit(r"error of the model $v_R$", labels.column_unit("v_R_kms"))
    return PlanePanel(label, error, ERROR, limits.linear_norm(error, context.percentile), ~used)
