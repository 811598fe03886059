"""Toomre diagram: speed across the rotation against speed along it, relative to a circular orbit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, panels
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.style import FONT_PT, PAGE_MM, SEQUENTIAL, add_axes_mm, figure_style, new_figure

V_LABEL, UW_LABEL = r"$V$ [km s$^{-1}$]", r"$\sqrt{U^2 + W^2}$ [km s$^{-1}$]"
MOST_BINS = 4_000_000
_LEFT, _WIDTH, _BAR_GAP, _BAR, _BELOW = 16.0, 140.0, 1.5, 2.6, 10.0  # [mm]
_HEIGHTS = (40.0, 110.0)  # least and greatest height of the panel [mm]
_LINE = "#b5321f"


@dataclass(frozen=True)
class ToomreCuts:
    """The reference and the cut: V = v_phi - V_reference_kms; None for an end that is not there.

    V_reference_kms : circular velocity that is subtracted, 0 for Galactocentric velocities [km/s].
    V_limits_kms : lowest and highest V that is kept. UW_max_kms : highest sqrt(U^2 + W^2).
    """

    V_reference_kms: float
    V_limits_kms: tuple[float, float] | None = None
    UW_max_kms: float | None = None

    def keeps(self, along: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which stars of speeds V along and sqrt(U^2 + W^2) across the rotation pass, shape (n,)."""
        low, high = self.V_limits_kms or (-np.inf, np.inf)
        most = np.inf if self.UW_max_kms is None else self.UW_max_kms
        return (along > low) & (along < high) & (across < most)


@dataclass
class ToomreCounts:
    """Counts of stars in cells of V and sqrt(U^2 + W^2), to which batches are added.

    Parameters
    ----------
    limits_kms : ((float, float), float)
        Lowest and highest V, and highest sqrt(U^2 + W^2), that are drawn.
    bin_kms : float
        Side of the cells, which divides both ranges.

    Raises
    ------
    DiscatlasError
        For ranges that are not in order or no whole number of bins.
    """

    limits_kms: tuple[tuple[float, float], float]
    bin_kms: float
    cuts: ToomreCuts
    counts: NDArray[np.int64] = field(init=False)
    n_stars: int = field(init=False, default=0)
    n_kept: int = field(init=False, default=0)
    n_unknown: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        (low, high), top = self.limits_kms
        shape = [span / self.bin_kms if self.bin_kms > 0 else 0.0 for span in (high - low, top)]
        if any(round(n) < 1 or abs(n - round(n)) > 1e-6 for n in shape) or shape[0] * shape[1] > MOST_BINS:
            raise DiscatlasError(
                f"Toomre diagram: got limits_kms [[{low:g}, {high:g}], {top:g}] and bin_kms {self.bin_kms:g}; expected "
                f"low < high, a highest value above 0, both ranges a whole number of bins, at most {MOST_BINS:,} bins"
            )
        self.counts = np.zeros([round(n) for n in shape], np.int64)

    @property
    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Edges of the cells in V and in sqrt(U^2 + W^2) [km/s]."""
        n, m = self.counts.shape
        return self.limits_kms[0][0] + self.bin_kms * np.arange(n + 1), self.bin_kms * np.arange(m + 1)

    @property
    def n_outside(self) -> int:
        """Stars with all velocities beyond what is drawn."""
        return self.n_stars - int(self.counts.sum())

    def add(self, batch: Mapping[str, NDArray]) -> None:
        """Add stars by their v_R_kms, v_phi_kms and v_Z_kms: (U, V, W) = (-v_R, v_phi - reference, v_Z) at the star.

        Stars without one of the three are counted in `n_unknown` alone.
        """
        UW = np.hypot(batch["v_R_kms"], batch["v_Z_kms"])
        V = batch["v_phi_kms"] - self.cuts.V_reference_kms
        known = np.isfinite(UW) & np.isfinite(V)
        V, UW = V[known], UW[known]
        self.n_unknown += int((~known).sum())
        self.n_stars += V.size
        self.n_kept += int(self.cuts.keeps(V, UW).sum())
        self.counts += np.histogram2d(V, UW, bins=self.edges)[0].astype(np.int64)


@figure_style()
def draw_toomre_figure(found: ToomreCounts, *, title: str, objects: str, selection: str | None) -> Figure:
    """Draw the counts on a logarithmic scale, the cut lines, and circles of constant total speed every 100 km/s.

    Raises
    ------
    DiscatlasError
        If no star lies in what is drawn.
    """
    if not found.counts.any():
        raise DiscatlasError(
            f"Toomre diagram: none of {found.n_stars:,} {objects} with three velocities lies within limits_kms "
            f"{found.limits_kms}, {found.n_unknown:,} have none; widen the limits or the selection"
        )
    (low, high), top = found.limits_kms
    height = float(np.clip(_WIDTH * top / (high - low), *_HEIGHTS))
    head = panels.Head(title, _note(found, objects, selection))
    figure = new_figure(PAGE_MM, head.height + height + _BELOW + 1.5)
    head.write(figure)
    ax = add_axes_mm(figure, _LEFT, head.height, _WIDTH, height)
    positive = panels.positive(found.counts)
    most = float(np.nanmax(positive))
    mesh = panels.draw_mesh(ax, found.edges, positive, SEQUENTIAL, LogNorm(1, max(most, 10.0)))
    bar = add_axes_mm(figure, _LEFT + _WIDTH + _BAR_GAP, head.height, _BAR, height)
    panels.draw_colour_bar(bar, mesh, f"{labels.COUNT} {objects}")
    angle = np.linspace(0, np.pi, 181)
    for speed in np.arange(100.0, np.hypot(max(-low, high), top), 100.0):
        points = speed * np.cos(angle), speed * np.sin(angle)
        ax.plot(*points, color="0.35", linewidth=0.4, linestyle=(0, (4, 3)), zorder=3, gid=DECORATION)
    _draw_cuts(ax, found.cuts, top, (low, high))
    ax.set_xlabel(V_LABEL, labelpad=2, fontsize=FONT_PT)
    ax.set_ylabel(UW_LABEL, labelpad=2, fontsize=FONT_PT)
    return figure


def _draw_cuts(ax: Axes, cuts: ToomreCuts, top: float, ends: tuple[float, float]) -> None:
    """Draw the border of what is kept, where it lies within the panel."""
    style = {"color": _LINE, "linewidth": 1.1, "zorder": 4}
    low, high = cuts.V_limits_kms or ends
    edge = top if cuts.UW_max_kms is None else cuts.UW_max_kms
    for V in cuts.V_limits_kms or ():
        ax.plot([V, V], [0.0, min(edge, top)], **style)
    if cuts.UW_max_kms is not None:
        ax.plot([max(low, ends[0]), min(high, ends[1])], [edge, edge], **style)
    ax.set_xlim(*ends)
    ax.set_ylim(0.0, top)


def _note(found: ToomreCounts, objects: str, selection: str | None) -> Sequence[str]:
    cuts, share = found.cuts, 100.0 * found.n_kept / max(found.n_stars, 1)
    words = (
        f"{found.n_stars:,} {objects} with three velocities, {found.n_unknown:,} without; {found.n_outside:,} not drawn"
    )
    if cuts.V_limits_kms is not None or cuts.UW_max_kms is not None:
        words += f"; {found.n_kept:,} ({share:.2f} %) within the red lines"
    reference = f"V = v_φ − {cuts.V_reference_kms:g} km/s" if cuts.V_reference_kms else "V = v_φ"
    return [
        f"{words}; selection: {selection or 'none'}",
        f"(U, W) = (−v_R, v_Z) and {reference} at the place of each star. Dashed: speeds of 100, 200 … km/s",
    ]
