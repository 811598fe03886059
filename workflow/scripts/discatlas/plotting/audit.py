"""An audit of finished figures: labels with units, limits that keep the data, no blank panel, no clipped text."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from discatlas.plotting.cells import COLOUR_BAR, DECORATION
from discatlas.plotting.labels import COUNT
from discatlas.plotting.style import figure_style

CENTRAL_PERCENT = 96.0
MOST_SATURATED = 0.05
MOST_OVERLAP = 0.15  # of the smaller of two texts


@figure_style()
def audit_figure(figure: Figure, dimensionless: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a figure, one line per problem; an empty list means that nothing was found.

    Checked: each data axis and colour bar has labels with a unit in brackets (or a label among `dimensionless`, or one
    that begins as `labels.COUNT`); colour limits hold the central 96 % of what they colour and saturate at most 5 %; each
    data axis holds finite data in view and is not one flat colour when rendered; texts lie inside the figure and do not
    cover one another.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    allowed = set(dimensionless)
    problems = []
    for number, ax in enumerate(figure.axes):
        if not ax.get_visible():
            continue
        name = f"axes {number} ({ax.get_title(loc='left') or ax.get_title() or ax.get_label() or 'untitled'})"
        problems += [f"{name}: {problem}" for problem in _audit_axes(ax, allowed, pixels)]
    return problems + _audit_texts(figure, canvas)


def _audit_axes(ax: Axes, allowed: set[str], pixels: NDArray[np.uint8]) -> Iterator[str]:
    yield from _label_problems(ax, allowed)
    if is_colour_bar(ax):
        return
    for mappable in _mappables(ax):
        yield from _limit_problems(mappable)
    if ax.axison and not _has_data(ax):
        yield "blank: no finite data in view"
    if _is_flat(ax, pixels):
        yield "blank: rendered in one colour"


def is_colour_bar(ax: Axes) -> bool:
    """Whether axes are a colour bar (by matplotlib's label for them)."""
    return ax.get_label() == COLOUR_BAR


def _label_problems(ax: Axes, allowed: set[str]) -> Iterator[str]:
    if not ax.axison:
        return
    wanted = {"x": ax.get_xlabel(), "y": ax.get_ylabel()}
    if is_colour_bar(ax):
        wanted = {"colour-bar": ax.get_ylabel() or ax.get_xlabel()}
    else:
        # in a grid of panels the lowest and the leftmost carry the labels
        wanted = {which: label for which, label in wanted.items() if label or not _is_labelled_elsewhere(ax, which)}
    for which, label in wanted.items():
        if not label.strip():
            yield f"no {which} label"
        elif (
            label not in allowed and not label.startswith(COUNT) and not ("[" in label and label.rstrip().endswith("]"))
        ):
            yield f"{which} label {label!r} has no unit in brackets"


def _is_labelled_elsewhere(ax: Axes, which: str) -> bool:
    """Whether the axis shows no numbers, and a panel below (x) or to the left (y) with the same limits is labelled."""
    axis, shown = (ax.xaxis, "labelbottom") if which == "x" else (ax.yaxis, "labelleft")
    if axis.get_tick_params(which="major").get(shown, True):
        return False
    across, along = (0, 1) if which == "x" else (1, 0)
    box = ax.get_position().get_points()
    for other in ax.figure.axes:
        theirs, their_axis = other.get_position().get_points(), (other.xaxis if which == "x" else other.yaxis)
        aligned = np.allclose(box[:, across], theirs[:, across], atol=0.01) and theirs[0, along] < box[0, along]
        same_limits = np.array_equal(axis.get_view_interval(), their_axis.get_view_interval())
        if other is not ax and aligned and same_limits and their_axis.get_label_text():
            return True
    return False


def _mappables(ax: Axes) -> list[ScalarMappable]:
    artists = [*ax.collections, *ax.images]
    return [artist for artist in artists if artist.get_array() is not None and artist.get_gid() != DECORATION]


def _finite(mappable: ScalarMappable) -> NDArray[np.float64]:
    values = np.ma.masked_invalid(np.ma.asarray(mappable.get_array(), dtype=np.float64)).compressed()
    return values.ravel()


def _limit_problems(mappable: ScalarMappable) -> Iterator[str]:
    values = _finite(mappable)
    if not values.size:
        return
    low, high = mappable.get_clim()
    tail = (100 - CENTRAL_PERCENT) / 2
    first, last = np.percentile(values, [tail, 100 - tail])
    if first < low or last > high:
        central = f"the central {CENTRAL_PERCENT:g} % of the data, {first:g}...{last:g}"
        yield f"colour limits {low:g}...{high:g} cut {central}"
    saturated = np.count_nonzero((values < low) | (values > high)) / values.size
    if saturated > MOST_SATURATED:
        yield f"{100 * saturated:.1f} % of the cells are saturated"


def _has_data(ax: Axes) -> bool:
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    if any(_finite(mappable).size for mappable in _mappables(ax)):
        return True
    offsets = [c.get_offsets() for c in ax.collections if isinstance(c, Collection) and c.get_array() is None]
    points = [np.ma.filled(o, np.nan) for o in offsets] + [_data_line(line) for line in ax.lines]
    in_data = [patch for patch in ax.patches if patch.get_data_transform().contains_branch(ax.transData)]
    points += [patch.get_patch_transform().transform(patch.get_path().vertices) for patch in in_data]
    for xy in points:
        inside = (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)
        if inside.any():
            return True
    return False


def _data_line(line: Artist) -> NDArray[np.float64]:
    """Points of a line in data coordinates; none for guides such as axvline, which are no data."""
    if line.get_gid() == DECORATION or line.get_transform() != line.axes.transData:
        return np.empty((0, 2))
    return np.asarray(line.get_xydata(), dtype=np.float64)


def _is_flat(ax: Axes, pixels: NDArray[np.uint8]) -> bool:
    box, height = ax.get_window_extent(), pixels.shape[0]
    x0, x1 = int(np.ceil(box.x0)) + 3, int(box.x1) - 3
    y0, y1 = height - int(box.y1) + 3, height - int(np.ceil(box.y0)) - 3
    panel = pixels[max(y0, 0) : y1, max(x0, 0) : x1].reshape(-1, pixels.shape[2])
    return not panel.size or bool(np.all(panel == panel[0]))


def visible_texts(figure: Figure) -> list[Text]:
    """Return the texts that a finished figure shows: titles, labels, notes, and the tick labels in view."""
    tick_labels, shown = set(), []
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                tick_labels |= {tick.label1, tick.label2}
                if ax.get_visible() and ax.axison and low - margin <= tick.get_loc() <= high + margin:
                    shown += [tick.label1, tick.label2]
    others = [text for text in figure.findobj(Text) if text not in tick_labels]
    bare = [ax for ax in figure.axes if not (ax.get_visible() and ax.axison)]
    hidden = {label for ax in bare for label in (ax.xaxis.label, ax.yaxis.label)}
    return [text for text in shown + others if text.get_visible() and text.get_text().strip() and text not in hidden]


def _audit_texts(figure: Figure, canvas: FigureCanvasAgg) -> list[str]:
    renderer = canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in visible_texts(figure)]
    frame, problems = figure.bbox, []
    for text, box in boxes:
        if box.x0 < frame.x0 - 0.5 or box.y0 < frame.y0 - 0.5 or box.x1 > frame.x1 + 0.5 or box.y1 > frame.y1 + 0.5:
            problems.append(f"text {text[:40]!r} is clipped at the figure's edge")
    for i, (text, box) in enumerate(boxes):
        for other, other_box in boxes[i + 1 :]:
            if _overlap(box, other_box) > MOST_OVERLAP:
                problems.append(f"texts {text[:40]!r} and {other[:40]!r} overlap")
    return problems


def _overlap(a: Bbox, b: Bbox) -> float:
    """Share of the smaller box that lies in both."""
    common = Bbox.intersection(a, b)
    smaller = min(a.width * a.height, b.width * b.height)
    return common.width * common.height / smaller if common is not None and smaller > 0 else 0.0
