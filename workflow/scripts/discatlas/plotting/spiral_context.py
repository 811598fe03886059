"""What the pages of a spiral fit share: its tables, its summary, the resonances, and what the notes say."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from discatlas.arms import Arm
from discatlas.errors import DiscatlasError
from discatlas.plotting import overlays
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.panels import Head
from discatlas.plotting.spiral_labels import (
    MINUS,
    RESONANCE_COLOURS,
    RESONANCE_LINES,
    digits_of,
    known_resonances,
    number,
    resonance_name,
)
from discatlas.plotting.style import TINY_PT
from discatlas.spiral_fit.masks import resonance_radii
from discatlas.spiral_fit.parameters import SpiralModel

Columns = Mapping[str, NDArray]


@dataclass(frozen=True)
class Tables:
    """Tables of a fit, columns by name; `counts` are the stars of the map's cells, and `n_stars` all, where known."""

    posterior: Columns
    fit_map: Columns
    profile: Columns
    loci: Columns
    gallery: Columns
    degeneracy: Columns
    counts: Columns | None = None
    n_stars: int | None = None


@dataclass(frozen=True)
class Context:
    """What is not in the tables: the fit's summary, the Sun's height, published arms, titles; `where` is for messages."""

    summary: Mapping[str, Any]
    z_sun_kpc: float
    arms: tuple[Arm, ...]
    other_arms: tuple[Arm, ...]
    references: Mapping[str, float]
    title: str
    objects: str
    percentile: float
    where: str

    def __post_init__(self) -> None:
        for key in ("settings", "fit", "parameters", "resonances_kpc", "ln_bayes_factor"):
            if key not in self.summary:
                raise DiscatlasError(
                    f"{self.where}: no {key!r} in the summary beside it: no fit of this workflow; remake it with fit_spiral_response"
                )

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the fit."""
        return self.summary["settings"]

    @property
    def m(self) -> int:
        """Number of arms."""
        return int(self.settings["m"])

    @property
    def R0_kpc(self) -> float:
        """The Sun's distance to the centre."""
        return float(self.settings["R0_kpc"])

    @property
    def R_limits_kpc(self) -> tuple[float, float]:
        """Range of radii of the fit."""
        low, high = self.settings["R_limits_kpc"]
        return float(low), float(high)

    @property
    def has_free_speed(self) -> bool:
        """Whether the pattern speed is a parameter."""
        return "pattern_speed_kms_kpc" in self.summary["parameters"]

    def speeds(self, posterior: Columns) -> tuple[float, float, float]:
        """Return the 16 %, 50 % and 84 % points of the pattern speed [km/s/kpc]."""
        low, middle, high = np.percentile(posterior["pattern_speed_kms_kpc"], [15.87, 50.0, 84.13])
        return float(low), float(middle), float(high)

    @cached_property
    def model(self) -> SpiralModel:
        """The rotation curve and what else is fixed."""
        low, high = self.R_limits_kpc
        names = ("m", "terms", "normalisation", "scale_height_kpc", "R0_kpc", "v_c_kms", "v_c_slope", "core_kpc")
        values = {name: self.settings[name] for name in (*names, "regularisation")}
        return SpiralModel(**values, pivot_kpc=float(np.sqrt(low * high)))

    def radii(self, speed_kms_kpc: float) -> dict[str, float]:
        """Return the radii of the resonances of a pattern speed [kpc]."""
        return known_resonances(resonance_radii(self.model, speed_kms_kpc))

    @property
    def resonances(self) -> dict[str, float]:
        """Radii of the resonances of the most likely spiral [kpc]."""
        return known_resonances(self.summary["resonances_kpc"])

    def speed_words(self, posterior: Columns) -> str:
        """Return the pattern speed in words."""
        low, middle, high = self.speeds(posterior)
        if not self.has_free_speed:
            return f"fixed pattern speed {middle:g} km/s/kpc"
        d = digits_of(middle - low, high - middle)
        return f"pattern speed {middle:.{d}f} (+{high - middle:.{d}f}, {MINUS}{middle - low:.{d}f}) km/s/kpc"

    def head(self, posterior: Columns, words: str) -> Head:
        """Return title and note: model, numbers of the fit, and `words` about the page."""
        terms = {"full": "both terms", "sin_only": "sin term alone"}[self.settings["terms"]]
        sigma = self.settings.get("reduction_sigma_R_kms")
        disc = "cold disc" if sigma is None else f"warm disc ({sigma:g} km/s at R0)"
        fit = self.summary["fit"]
        # TeX is off in notes
        low, high = self.R_limits_kpc
        line = (
            f"{self.m} arms, {terms}, {disc}, {self.speed_words(posterior)}, R {low:g} to {high:g} kpc; {fit['n_cells']:,} cells; "
            f"explained variance {number(fit['explained_variance'], 3)}; ln Bayes factor against an axisymmetric disc "
            f"{number(self.summary['ln_bayes_factor'], 1)}; chi-square {fit['chi_square']:,.0f}"
        )
        return Head(self.title, [f"{line}.", words])

    def draw_rings(self, ax: Axes, radii: Mapping[str, float]) -> None:
        """Draw the resonances of a face-on map as circles."""
        turn = np.linspace(-np.pi, np.pi, 721)
        for name, R in radii.items():
            style = {"color": RESONANCE_COLOURS[name], "linestyle": RESONANCE_LINES[name], "linewidth": 0.9}
            ax.plot(
                -R * np.cos(turn), R * np.sin(turn), gid=DECORATION, zorder=3.5, path_effects=overlays.HALO, **style
            )

    def draw_lines(self, ax: Axes, radii: Mapping[str, float], low: float, high: float, named: bool = True) -> None:
        """Draw the resonances within [low, high] as upright lines, named above the axes."""
        for name, R in radii.items():
            if not low < R < high:
                continue
            style = {"color": RESONANCE_COLOURS[name], "linestyle": RESONANCE_LINES[name], "linewidth": 0.8}
            ax.axvline(R, zorder=1, **style)
            if named:
                where = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom"}
                text = resonance_name(name, self.m)
                ax.text(R, 1.01, text, fontsize=TINY_PT, color=RESONANCE_COLOURS[name], **where)


def draw_loci(ax: Axes, loci: Columns, colour: str = "black", width: float = 1.0) -> None:
    """Draw the crests of the arms on a face-on map; the halo keeps them apart from dark colours."""
    for arm in np.unique(loci["arm"]):
        rows = loci["arm"] == arm
        style = {"color": colour, "linewidth": width, "zorder": 5, "path_effects": overlays.HALO}
        ax.plot(loci["X_kpc"][rows], loci["Y_kpc"][rows], gid=DECORATION, **style)
