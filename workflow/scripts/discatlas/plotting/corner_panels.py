"""The panels of a corner plot, in a page with a head: what all posteriors share."""

from collections.abc import Mapping
from typing import NamedTuple

import corner
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.plotting.style import PAGE_MM

LEVELS = (0.393, 0.865)  # one and two sigma of a Gaussian in two dimensions


class Frame(NamedTuple):
    """Margins of the panels and the gap between them [mm]."""

    left: float
    right: float
    top: float
    below: float
    gap: float


def draw_panels(
    figure: Figure, draws: Mapping[str, NDArray[np.float64]], frame: Frame, colour: str, max_n_ticks: int, widths: tuple
) -> float:
    """Draw the panels of `draws` within the frame; `widths` are those of the histograms' and contours' lines. Return their side [mm]."""
    corner.corner(
        np.stack(list(draws.values()), axis=1),
        fig=figure,
        bins=20,
        color=colour,
        levels=LEVELS,
        plot_datapoints=False,
        max_n_ticks=max_n_ticks,
        quiet=True,
        hist_kwargs={"linewidth": widths[0]},
        contour_kwargs={"linewidths": widths[1]},
        range=[_range(values) for values in draws.values()],
    )
    height = figure.get_figheight() * 25.4
    panel = (PAGE_MM - frame.left - frame.right - (len(draws) - 1) * frame.gap) / len(draws)
    figure.subplots_adjust(
        left=frame.left / PAGE_MM,
        right=1 - frame.right / PAGE_MM,
        bottom=frame.below / height,
        top=1 - frame.top / height,
        wspace=frame.gap / panel,
        hspace=frame.gap / panel,
    )
    return panel


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [0.3, 99.7])
    margin = 0.06 * (high - low) or 0.5
    return float(low - margin), float(high + margin)
