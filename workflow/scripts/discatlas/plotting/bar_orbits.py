"""The page of a sample's orbits: guiding radius and eccentricity, actions, heights, and what bar and spirals change."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.plotting import limits
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.histograms import Axis, Histogram
from discatlas.plotting.labels import COUNT, with_unit
from discatlas.plotting.panels import LEFT, Head, draw_colour_bar, draw_mesh, positive
from discatlas.plotting.style import PAGE_MM, SEQUENTIAL, add_axes_mm, figure_style, new_figure

Array = NDArray[np.float64]
COLUMNS = (
    "status", "R_guide_kpc", "eccentricity", "J_phi_kpc_kms", "J_R_kpc_kms", "Z_max_kpc", "Z_max_barred_kpc",
    "r_apo_kpc", "r_apo_barred_kpc", "eccentricity_barred",
)  # fmt: skip
ECCENTRICITY = "eccentricity"
_SIZE, _PITCH, _ABOVE, _BELOW, _BAR_GAP, _BAR = 58.0, 87.0, 6.0, 10.0, 1.5, 2.4  # [mm]
_AXISYMMETRIC, _BARRED = "#e08a2c", "#14397a"
_APOCENTRE = with_unit(r"$r_\mathrm{apo}$, axisymmetric", "kpc")
_R_GUIDE, _J_PHI, _J_R = (
    with_unit(r"$R_\mathrm{guide}$", "kpc"),
    with_unit(r"$J_\varphi$", "kpc km / s"),
    with_unit(r"$J_R^{1/2}$", "kpc km / s").replace("[", "[(").replace("]", ")$^{1/2}$]"),
)


class OrbitCounts:
    """Histograms of the orbits of a sample, filled batch by batch."""

    def __init__(self) -> None:
        radius, unit = Axis(0.0, 0.05, 800), Axis(0.0, 0.005, 200)
        self.shape = Histogram([radius, unit])
        self.actions = Histogram([Axis(-4000.0, 20.0, 500), Axis(0.0, 0.1, 400)])
        self.change = Histogram([radius, Axis(-10.0, 0.05, 400)])
        self.heights = [Histogram([Axis(0.0, 0.02, 1000)]) for _ in range(2)]
        self.status: Counter[str] = Counter()

    def add(self, columns: Mapping[str, NDArray]) -> None:
        """Add rows of contract ``orbits``."""
        self.status.update(columns["status"].tolist())
        self.shape.add([columns["R_guide_kpc"], columns["eccentricity"]])
        with np.errstate(invalid="ignore"):
            self.actions.add([columns["J_phi_kpc_kms"], np.sqrt(columns["J_R_kpc_kms"])])
        self.change.add([columns["r_apo_kpc"], columns["r_apo_barred_kpc"] - columns["r_apo_kpc"]])
        for histogram, name in zip(self.heights, ("Z_max_kpc", "Z_max_barred_kpc"), strict=True):
            histogram.add([columns[name]])


def count_orbits(batches: Iterable[Mapping[str, NDArray]]) -> OrbitCounts:
    """Return the histograms of a table that comes in batches of COLUMNS."""
    counts = OrbitCounts()
    for batch in batches:
        counts.add(batch)
    return counts


@figure_style()
def draw_orbits_figure(counts: OrbitCounts, title: str, duration: str, where: str) -> Figure:
    """Draw the page; `duration` says in words how long barred orbits were followed.

    Raises
    ------
    DiscatlasError
        If no star has an orbit.
    """
    if not counts.shape.n_inside:
        raise DiscatlasError(f"{where}: no star has a bound orbit: nothing to draw")
    stars = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.status.most_common())
    head = Head(title, [f"Orbits: {stars}. Barred orbits {duration}"])
    figure = new_figure(PAGE_MM, head.height + 2 * (_ABOVE + _SIZE + _BELOW))
    head.write(figure)
    panels = (
        ("(a) shape of the orbits", counts.shape, (_R_GUIDE, ECCENTRICITY)),
        ("(b) actions", counts.actions, (_J_PHI, _J_R)),
        (
            "(d) apocentres: barred less axisymmetric",
            counts.change,
            (_APOCENTRE, with_unit(r"$\Delta r_\mathrm{apo}$", "kpc")),
        ),
    )
    for place, (name, histogram, names) in zip((0, 1, 3), panels, strict=True):
        _draw_plane(figure, place, head.height, name, histogram, names)
    ax = _axes(figure, 2, head.height, "(c) heights")
    _draw_heights(ax, counts)
    return figure


def _place(place: int, top: float) -> tuple[float, float]:
    return LEFT + _PITCH * (place % 2), top + _ABOVE + (place // 2) * (_ABOVE + _SIZE + _BELOW)


def _axes(figure: Figure, place: int, top: float, name: str) -> Axes:
    ax = add_axes_mm(figure, *_place(place, top), _SIZE, _SIZE)
    ax.set_title(name, loc="left", pad=3)
    return ax


def _draw_plane(
    figure: Figure, place: int, top: float, name: str, histogram: Histogram, names: tuple[str, str]
) -> None:
    """Draw the number of stars over two quantities, with its colour bar."""
    window = [tuple(_range(histogram, axis)) for axis in (0, 1)]
    part = histogram.fitted(window, 3, 0.9)
    ax = _axes(figure, place, top, name)
    counts = positive(part.counts)
    mesh = draw_mesh(ax, tuple(axis.edges for axis in part.axes), counts, SEQUENTIAL, limits.count_norm(counts))
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    if place == 3:
        ax.axhline(0.0, color="0.3", linewidth=0.5, gid=DECORATION)
    left, upper = _place(place, top)
    draw_colour_bar(add_axes_mm(figure, left + _SIZE + _BAR_GAP, upper, _BAR, _SIZE), mesh, f"{COUNT} stars")


def _range(histogram: Histogram, axis: int) -> Array:
    """Return the range of an axis that holds all but a few stars, a little widened."""
    low, high = histogram.quantiles(axis, [0.002, 0.998])
    margin = 0.05 * (high - low) + histogram.axes[axis].size
    return np.clip([low - margin, high + margin], histogram.axes[axis].edges[0], histogram.axes[axis].edges[-1])


def _draw_heights(ax: Axes, counts: OrbitCounts) -> None:
    """Draw the histograms of the largest heights in both potentials."""
    high = max(float(histogram.quantiles(0, [0.99])[0]) for histogram in counts.heights if histogram.n_inside)
    width = max(round(high / 40 / counts.heights[0].axes[0].size), 1)
    styles, lowest, highest = (("axisymmetric", _AXISYMMETRIC, 1.6), ("barred", _BARRED, 0.8)), np.inf, 1.0
    for histogram, (label, colour, linewidth) in zip(counts.heights, styles, strict=True):
        n = histogram.counts.size // width * width
        merged = histogram.counts[:n].reshape(-1, width).sum(axis=1)
        edges = histogram.axes[0].edges[: n + 1 : width]
        ax.stairs(positive(merged), edges, color=colour, linewidth=linewidth, label=label)
        shown = merged[(edges[1:] <= high) & (merged > 0)]
        lowest, highest = min([lowest, *shown]), max([highest, *shown])
    ax.set_yscale("log")
    ax.set_xlim(0.0, high)
    ax.set_ylim(0.7 * lowest, 2.0 * highest)
    ax.set_xlabel(with_unit(r"$Z_\mathrm{max}$", "kpc"))
    ax.set_ylabel(f"{COUNT} stars")
    ax.legend(loc="upper right")
