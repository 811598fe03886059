"""The one style of all figures: sizes, fonts, colour maps. Nothing is set on import, only by `figure_style`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

MM_PER_INCH = 25.4
COLUMN_MM = 88.0  # one column of Astronomy & Astrophysics
PAGE_MM = 180.0  # both columns

FONT_PT = 8.0
SMALL_PT = 6.5
TINY_PT = 5.5

FEW_STARS = "0.83"  # cells that hold too few stars
SEQUENTIAL = "viridis"
DISPERSION = "magma"
ERROR = "cividis"

_RC = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # both come with matplotlib: the same glyphs on every machine
    "mathtext.fontset": "stix",
    "font.size": FONT_PT,
    "axes.labelsize": FONT_PT,
    "axes.titlesize": FONT_PT,
    "xtick.labelsize": FONT_PT - 1,
    "ytick.labelsize": FONT_PT - 1,
    "legend.fontsize": SMALL_PT,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "savefig.bbox": None,
    "figure.dpi": 100.0,
    "text.usetex": False,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the house style, whatever the user's own matplotlibrc says, and restore the settings at the end.

    Use it as a context or, with a call, as a decorator: ``@figure_style()``.
    """
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    with mpl.rc_context():
        mpl.rcParams.update(defaults | _RC)
        yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Return an empty figure of the given size with an Agg canvas, outside pyplot's global list."""
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    FigureCanvasAgg(figure)
    return figure


def add_axes_mm(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at `left` and `top` [mm from the figure's left and upper edge] of the given width and height [mm]."""
    full_width, full_height = figure.get_size_inches() * MM_PER_INCH
    bottom = 1 - (top + height) / full_height
    return figure.add_axes((left / full_width, bottom, width / full_width, height / full_height))


def text_mm(figure: Figure, left: float, top: float, lines: Sequence[str], pitch: float, **style: object) -> None:
    """Write `lines` verbatim (no TeX), the first at `left`, `top` [mm from the upper left], `pitch` mm apart."""
    full_width, full_height = figure.get_size_inches() * MM_PER_INCH
    for number, line in enumerate(lines):
        y = 1 - (top + pitch * (number + 0.75)) / full_height
        figure.text(left / full_width, y, line, ha="left", va="baseline", parse_math=False, **style)


@cache
def diverging_map() -> ListedColormap:
    """Return the diverging colour map: blue for negative, cream for zero, red for positive values.

    Both arms run through the same lightness and chroma in CIE L*a*b* and are spaced evenly there, so that equal steps
    of the data are equal steps to the eye and neither sign weighs more. The centre is cream, not white: an empty
    cell stays distinct from a cell of zero mean, also beside the grey of cells with too few stars.
    """
    t = np.linspace(0, 1, 513)
    halves = [_arm_lab(t, *hue) for hue in ((255.0, 27.0), (55.0, -20.0))]
    # One spacing for both, the mean of their lengths, keeps them alike to the last digit in lightness.
    steps = np.mean([np.linalg.norm(np.diff(half, axis=0), axis=1) for half in halves], axis=0)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.interp(np.linspace(0, length[-1], 129), length, t)
    blue, red = (_arm_lab(even, *hue) for hue in ((255.0, 27.0), (55.0, -20.0)))
    return ListedColormap(np.clip(lab_to_srgb(np.vstack([blue[::-1], red[1:]])), 0, 1), name="discatlas_diverging")


def _arm_lab(t: NDArray[np.float64], hue_deg: float, turn_deg: float) -> NDArray[np.float64]:
    """One half of the diverging map in L*a*b*: lightness falls, chroma rises; shape (n, 3)."""
    hue = np.radians(hue_deg + turn_deg * t)
    chroma = 45.0 * np.sin(np.pi / 2 * t)
    return np.stack([94.0 - 64.0 * t, chroma * np.cos(hue), chroma * np.sin(hue) + 10.0 * (1 - t) ** 2], axis=-1)


def lab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert CIE L*a*b* (D65) of shape (n, 3) to sRGB (IEC 61966-2-1), outside 0...1 where out of gamut."""
    f_y = (lab[:, 0] + 16) / 116
    f = np.stack([f_y + lab[:, 1] / 500, f_y, f_y - lab[:, 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array([0.95047, 1.0, 1.08883])
    to_linear = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
    )
    linear = xyz @ to_linear.T
    return np.where(linear > 0.0031308, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055, 12.92 * linear)
