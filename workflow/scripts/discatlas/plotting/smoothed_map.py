"""Maps of velocities in overlapping windows: smoothed with errors, dispersions and numbers, and the unsmoothed means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.contracts import error_column, join_unit, split_unit
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting import labels, limits, overlays
from discatlas.plotting.cells import infix
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane_page, draw_sky_marks, shared_norm
from discatlas.plotting.style import DISPERSION, ERROR, SEQUENTIAL, diverging_map
from discatlas.spiral_pages import SMOOTHED_PAGES
from discatlas.tables import check_columns

Columns = Mapping[str, NDArray]


@dataclass(frozen=True)
class SmoothedFacts:
    """What the provenance of a smoothed map says, the Sun's place, and the arms to draw."""

    quantities: tuple[str, ...]
    spacing_kpc: float
    window_kpc: float
    min_stars: int
    n_bootstraps: int
    selection: str | None
    n_stars: int
    objects: str
    R0_kpc: float
    z_sun_kpc: float
    arms: tuple[Arm, ...] = ()

    @classmethod
    def from_provenance(cls, provenance: Mapping[str, Any], where: str, **more: Any) -> Self:  # noqa: ANN401
        """Build the facts; a missing key is a DiscatlasError that names `where`. `more` is what no file says."""
        try:
            windows = provenance["windows"]
            return cls(
                quantities=tuple(provenance["quantities"]),
                spacing_kpc=float(windows["spacing_kpc"]),
                window_kpc=float(windows["window_kpc"]),
                min_stars=int(provenance["min_stars"]),
                n_bootstraps=int(provenance["n_bootstraps"]),
                selection=provenance["selection"] or None,
                n_stars=int(provenance["n_stars"]["selected"]),
                **more,
            )
        except KeyError as error:
            raise DiscatlasError(
                f"{where}: no {error} in its provenance: no smoothed map of this workflow; remake it with smooth_map"
            ) from None


def draw_smoothed_page(
    page: str, cells: Columns, facts: SmoothedFacts, title: str, percentile: float, where: str
) -> Figure:
    """Draw one of `SMOOTHED_PAGES`.

    ``smoothed`` has a row for each quantity: mean, its standard error, intrinsic dispersion, number of stars.
    ``unsmoothed`` has the plain means of the grid's cells above the smoothed ones.

    Parameters
    ----------
    cells : mapping of str to ndarray, shape (m,)
        Columns of contract ``map_smoothed``; windows without a mean are grey.
    percentile : float
        Central share of the windows [per cent] inside the colour limits, 96 or more.
    where : str
        The file, for messages.

    Raises
    ------
    DiscatlasError
        For an unknown page, a missing column, and a quantity that no window has.
    """
    if page not in SMOOTHED_PAGES:
        raise DiscatlasError(
            f"{where}: no page {page!r}{nearest(page, SMOOTHED_PAGES)}; pages: {', '.join(SMOOTHED_PAGES)}"
        )
    for name in facts.quantities:
        check_columns(where, [name, error_column(name), infix(name, "plain")], list(cells))
        if not np.isfinite(cells[name]).any():
            raise DiscatlasError(f"{where}: no window has {facts.min_stars} stars with {name}; lower min_stars")
    grid = PlaneGrid.of(cells["X_kpc"], cells["Y_kpc"], where)
    panels, n_columns, note = (_smoothed if page == "smoothed" else _unsmoothed)(cells, facts, percentile)
    arms = (
        "Black: spiral arms of Reid et al. (2019); dashed: circles of constant R"
        if facts.arms
        else "Dashed: constant R"
    )
    selection = f"selection: {facts.selection or 'none'}"
    named = len(panels) - 1

    def decorate(ax: Axes, number: int, placer: overlays.LabelPlacer) -> None:
        overlays.draw_arms(ax, ("X_kpc", "Y_kpc"), facts.arms, placer if number == named else None)
        placer.avoid(overlays.arm_points(facts.arms))
        draw_sky_marks(ax, facts.R0_kpc, facts.z_sun_kpc, placer, named=number in (0, named))

    return draw_plane_page(grid, panels, n_columns, Head(title, [*note, f"{selection}. {arms}"]), decorate)


def _norm_of(name: str, values: list[NDArray], percentile: float) -> tuple[Any, Any]:
    signed = labels.is_signed(name)
    return diverging_map() if signed else SEQUENTIAL, shared_norm(values, percentile, signed)


def _smoothed(cells: Columns, facts: SmoothedFacts, percentile: float) -> tuple[list[PlanePanel], int, list[str]]:
    panels = []
    for name in facts.quantities:
        base, unit = split_unit(name)
        mean, error, sigma = (cells[key] for key in (name, error_column(name), join_unit(f"sigma_{base}", unit)))
        few = ~np.isfinite(mean)
        counts = cells[f"{base}_n_stars"].astype(np.float64)
        counts[counts == 0] = np.nan
        panels += [
            PlanePanel(labels.mean_label(name), mean, *_norm_of(name, [mean], percentile), few),
            PlanePanel(labels.error_label(name), error, ERROR, limits.linear_norm(error, percentile), few),
            PlanePanel(labels.dispersion_label(name), sigma, DISPERSION, limits.linear_norm(sigma, percentile), few),
            PlanePanel(f"{labels.COUNT} {facts.objects}", counts, SEQUENTIAL, limits.count_norm(counts)),
        ]
    n_known = int(np.isfinite(cells[facts.quantities[0]]).sum())
    note = (
        f"{facts.n_stars:,} {facts.objects}; {cells['n_stars'].size:,} windows of {facts.window_kpc:g} kpc, "
        f"{facts.spacing_kpc:g} kpc apart; means in the {n_known:,} with at least {facts.min_stars} (grey: fewer), errors "
        f"from {facts.n_bootstraps:,} bootstrap samples"
    )
    return panels, 4 if len(facts.quantities) > 1 else 2, [note]


def _unsmoothed(cells: Columns, facts: SmoothedFacts, percentile: float) -> tuple[list[PlanePanel], int, list[str]]:
    plain, smooth = [], []
    for name in facts.quantities:
        for row, values, word in ((plain, cells[infix(name, "plain")], "cells"), (smooth, cells[name], "windows")):
            few = ~np.isfinite(values) if word == "windows" else None
            row.append(PlanePanel(labels.mean_label(name), values, *_norm_of(name, [values], percentile), few, word))
    held = np.concatenate([cells[f"{split_unit(name)[0]}_plain_n"] for name in facts.quantities[:1]])
    note = (
        f"{facts.n_stars:,} {facts.objects}. Upper row: plain means of the {np.count_nonzero(held):,} cells of "
        f"{facts.spacing_kpc:g} kpc, {np.median(held[held > 0]):g} {facts.objects} in half of them or more; lower row: "
        f"smoothed in windows of {facts.window_kpc:g} kpc (grey: fewer than {facts.min_stars} {facts.objects})"
    )
    return [*plain, *smooth], len(facts.quantities), [note]
