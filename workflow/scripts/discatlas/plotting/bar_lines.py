"""Bar and spiral arms of a model as lines over a map of the plane."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from discatlas.plotting import overlays
from discatlas.plotting.cells import DECORATION

Columns = Mapping[str, NDArray]
COLOURS = ("black", "0.45", "#8c564b", "#2a6f4e")  # of the first mode, the second, ...
STYLES = {"arm": "-", "cut_off": (0, (1, 1.4)), "bar": (0, (4, 2))}
WIDTHS = {"arm": 1.1, "cut_off": 1.0, "bar": 0.9}


def _style(kind: str, mode: int) -> dict[str, object]:
    colour = "black" if kind == "bar" else COLOURS[mode % len(COLOURS)]
    return {"color": colour, "linestyle": STYLES[kind], "linewidth": WIDTHS[kind]}


def draw_bar_and_arms(ax: Axes, loci: Columns) -> None:
    """Draw the lines of a table ``disc_map_loci``: arms full, arcs at cut-offs dotted, the bar dashed."""
    for line in np.unique(loci["line"]):
        rows = np.flatnonzero(loci["line"] == line)
        style = _style(str(loci["kind"][rows[0]]), int(loci["mode"][rows[0]]))
        points = loci["X_kpc"][rows], loci["Y_kpc"][rows]
        ax.plot(*points, gid=DECORATION, zorder=5, path_effects=overlays.HALO, **style)


def line_points(loci: Columns) -> NDArray[np.float64]:
    """Return points along all lines, shape (k, 2), which labels shun."""
    return np.stack([loci["X_kpc"], loci["Y_kpc"]], axis=1)


def legend_handles(tables: Sequence[Columns]) -> list[Line2D]:
    """Return what a legend says of the lines of all models of a page."""
    handles = {}
    for loci in tables:
        for line in np.unique(loci["line"]):
            row = np.flatnonzero(loci["line"] == line)[0]
            kind, mode, m = str(loci["kind"][row]), int(loci["mode"][row]), int(loci["m"][row])
            name = {
                "arm": f"arms of a mode with m = {m}",
                "cut_off": "along its cut-off radius",
                "bar": "bar: half of its deepest potential",
            }[kind]
            key = (("arm", "cut_off", "bar").index(kind), mode if kind == "arm" else 0, m if kind == "arm" else 0)
            handles.setdefault(key, Line2D([], [], label=name, **_style(kind, max(mode, 0))))
    return [handles[key] for key in sorted(handles)]
