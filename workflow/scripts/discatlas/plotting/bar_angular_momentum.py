"""Median radial velocity over azimuth and angular momentum, of models and of samples (Khalil et al. 2025, Fig. 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.bar_spirals.map_comparison import summary
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels
from discatlas.plotting.bar_page import BarPanel, Frame, draw_page, name_levels
from discatlas.plotting.overlays import LabelPlacer
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, shared_norm
from discatlas.plotting.style import diverging_map

Columns = Mapping[str, NDArray]
Named = Sequence[tuple[str, Columns]]
AXES = ("phi_deg", "L_z_kpc_kms")


@dataclass(frozen=True)
class MomentumPlanes:
    """Titles and tables ``angular_momentum`` of models and of samples, and each model's resonances [kpc km/s]."""

    predicted: Named
    observed: Named
    title: str
    objects: str
    percentile: float
    where: str
    resonances: Sequence[Mapping[str, float]] = ()

    def grid(self, columns: Columns) -> PlaneGrid:
        """Return the grid of a table in azimuth and angular momentum."""
        return PlaneGrid.of(columns["phi_deg"], columns["L_z_kpc_kms"], self.where)

    @property
    def tables(self) -> list[Columns]:
        """All tables, the models' first."""
        return [cells for _, cells in (*self.predicted, *self.observed)]


def draw_angular_momentum(planes: MomentumPlanes) -> Figure:
    """Draw the models above; below, each row has a sample and what each model leaves of it; lines are the bar's resonances.

    Raises
    ------
    DiscatlasError
        If there is no model, or no cell with a median.
    """
    if not planes.predicted:
        raise DiscatlasError(f"{planes.where}: no model to draw; give the plane some models")
    values = [cells["v_R_kms"] for cells in planes.tables]
    if not any(np.isfinite(some).any() for some in values):
        raise DiscatlasError(f"{planes.where}: no cell has a median; lower min_stars or widen the cells")
    left = [[_residual(cells, model) for _, model in planes.predicted] for _, cells in planes.observed]
    every = [*values, *(residual for row in left for residual in row)]
    scale = diverging_map(), shared_norm(every, planes.percentile, centred=True)
    symbol, unit = labels.symbol("v_R_kms"), labels.column_unit("v_R_kms")
    texts = (f"median ${symbol}$", f"data $-$ model, ${symbol}$")
    label, residual_label = (labels.with_unit(text, unit) for text in texts)
    top = [
        BarPanel.on(planes.grid(cells), label, cells["v_R_kms"], *scale, text=title, of=k)
        for k, (title, cells) in enumerate(planes.predicted)
    ]
    rows = [[*([None] if planes.observed else []), *top]]
    for (title, cells), residuals in zip(planes.observed, left, strict=True):
        grid, few, data = planes.grid(cells), ~np.isfinite(cells["v_R_kms"]), cells["v_R_kms"]
        row = [BarPanel.on(grid, label, data, *scale, text=title, few=few)]
        for k, residual in enumerate(residuals):
            numbers = summary(data, data - residual, None)
            words = f"rms {numbers['rms_residual']:.3g} (data {numbers['rms_data']:.3g})" if numbers["n_cells"] else ""
            more = {"text": words, "of": k, "few": ~np.isfinite(residual)}
            row.append(BarPanel.on(grid, residual_label, residual, *scale, **more))
        rows.append(row)

    def decorate(ax: Axes, panel: BarPanel, placer: LabelPlacer) -> None:
        levels = planes.resonances[panel.of] if planes.resonances else {}
        name_levels(ax, levels, placer)

    return draw_page(rows, _frame(planes), Head(planes.title, _note(planes)), (), decorate)


def _residual(observed: Columns, predicted: Columns) -> NDArray[np.float64]:
    """Return data - model in the observed cells, NaN where either has no median."""
    held = dict(zip(predicted["cell"].tolist(), predicted["v_R_kms"].tolist(), strict=True))
    return observed["v_R_kms"] - np.array([held.get(cell, np.nan) for cell in observed["cell"].tolist()])


def _frame(planes: MomentumPlanes) -> Frame:
    edges = [planes.grid(cells).edges for cells in planes.tables]
    limits = [(min(float(e[k][0]) for e in edges), max(float(e[k][-1]) for e in edges)) for k in range(2)]
    return Frame(AXES, (limits[0], limits[1]), 0.85)


def _note(planes: MomentumPlanes) -> list[str]:
    counted = [
        f"{title}: {int(np.nansum(np.asarray(cells['n_stars'], float))):,} {planes.objects}"
        for title, cells in planes.observed
    ]
    lines = [
        "Median radial velocity, positive outward, at an azimuth and an angular momentum; all panels have one scale"
    ]
    if any(planes.resonances):
        lines.append("Dashed: angular momentum of circular orbits in resonance with the bar")
    return [". ".join([*lines, *([f"{'; '.join(counted)} (grey: cells with too few)"] if counted else [])])]
