"""A spiral mock beside the linear response: amplitude and phase by annulus, and maps of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.plotting import limits, overlays, top_bars
from discatlas.plotting.cells import DECORATION
from discatlas.plotting.labels import axis_label, symbol, unit_label
from discatlas.plotting.panels import Head
from discatlas.plotting.plane import PlaneGrid, PlanePanel, draw_plane, label_plane, shared_norm, write_corner
from discatlas.plotting.spiral_labels import RESONANCE_COLOURS, resonance_name
from discatlas.plotting.style import (
    PAGE_MM,
    TINY_PT,
    add_axes_mm,
    diverging_map,
    figure_style,
    new_figure,
)
from discatlas.spiral_response import (
    LINDBLAD_MARGIN,
    ULTRAHARMONIC_MARGIN,
    Spiral,
    cored_frequencies,
    frequency_ratio,
    spiral_response,
)

RATIO_LABEL = "amplitude, mock / model"
DEVIATION_LABEL = "mock / model \N{MINUS SIGN} 1 [%]"
PHASE_LABEL = "phase, mock \N{MINUS SIGN} model [deg]"
DIMENSIONLESS = (RATIO_LABEL,)
_LEFT, _RIGHT, _GAP, _HEIGHT, _BELOW = 13.0, 2.5, 15.0, 38.0, 9.0  # [mm]
_PER_CELL = 20.0  # particles in a cell of the map, on average
_FULL, _SINE = "#14397a", "#c2571a"
Columns = Mapping[str, NDArray]
# nu of each resonance and how far on either side the linear response is not trusted
_SHADED = {
    "ilr": (-1.0, LINDBLAD_MARGIN),
    "inner_ultraharmonic": (-0.5, ULTRAHARMONIC_MARGIN),
    "outer_ultraharmonic": (0.5, ULTRAHARMONIC_MARGIN),
    "olr": (1.0, LINDBLAD_MARGIN),
}


@dataclass(frozen=True)
class MockFacts:
    """What the provenance of a mock says: its spiral, the factor of the amplitude in it, rotation curve, particles."""

    spiral: Spiral
    amplitude: float
    v_c_kms: float
    core_kpc: float
    sigma_R_kms: float
    engine: str
    n_particles: int
    n_outputs: int
    growth_Gyr: float

    def frequencies(self, R_kpc: NDArray) -> tuple[NDArray, NDArray]:
        """Return Omega and kappa [km/s/kpc]."""
        return cored_frequencies(R_kpc, self.v_c_kms, self.core_kpc)

    def ratio(self, R_kpc: NDArray) -> NDArray[np.float64]:
        """Return nu = m (Omega_p - Omega)/kappa."""
        return frequency_ratio(self.spiral, *self.frequencies(R_kpc))

    @property
    def note(self) -> str:
        """The mock in words."""
        kind = f"dispersion {self.sigma_R_kms:g} km/s at R0" if self.sigma_R_kms else "cold"
        return (
            f"{self.n_particles:,} {kind} particles at {self.n_outputs} times, engine {self.engine}; {self.spiral.m} arms, "
            f"pattern speed {self.spiral.pattern_speed_kms_kpc:g} km/s/kpc, pitch angle {self.spiral.pitch_deg:g} deg, "
            f"{self.amplitude:g} of the amplitude, grown over {self.growth_Gyr:g} Gyr"
        )


def mock_facts(provenance: Mapping[str, Any], where: str) -> MockFacts:
    """Return the facts of a mock; a table without them is a DiscatlasError that names `where`."""
    model = provenance.get("model")
    try:
        spiral = Spiral.from_config(model["spiral"], model["R0_kpc"], where)
        factor = model["amplitude"]
        names = ("v_c_kms", "core_kpc", "sigma_R_kms", "engine", "n_particles", "n_outputs", "growth_Gyr")
        spiral = replace(spiral, surface_density_msun_kpc2=factor * spiral.surface_density_msun_kpc2)
        return MockFacts(spiral, factor, **{name: model[name] for name in names})
    except (KeyError, TypeError) as error:
        raise DiscatlasError(
            f"{where}: its provenance holds no spiral mock ({error}); remake it with simulate_spiral_mock"
        ) from None


@figure_style()
def draw_mock_figure(annuli: Columns, particles: Columns, facts: MockFacts, title: str, percentile: float) -> Figure:
    """Draw the harmonic of a mock by annulus against the linear response, and maps of v_R.

    Parameters
    ----------
    annuli, particles : mapping of str to ndarray
        Columns of contracts ``spiral_mock_annuli`` and ``spiral_mock``.

    Raises
    ------
    DiscatlasError
        For a mock without an annulus or without particles in them.
    """
    if not annuli["R_kpc"].size or not particles["X_kpc"].size:
        raise DiscatlasError("spiral mock: no annulus, or no particle: nothing to draw; see R_limits_kpc")
    words = (
        "Both terms of the response (dots; open where it is not to be trusted: near the shaded Lindblad and "
        f"{2 * facts.spiral.m}:1 resonances, or crowded) and the sin term alone (squares); right: both terms, enlarged"
    )
    head = Head(title, [f"{facts.note}.", words])
    top, width = head.height + 4.0, (PAGE_MM - _LEFT - _RIGHT - _GAP) / 2
    maps_top = top + 2 * _HEIGHT + 15.0
    side = (PAGE_MM - 10.0 - _RIGHT - 3 * 3.0) / 4
    figure = new_figure(PAGE_MM, maps_top + top_bars.OVER_PANEL + side + _BELOW)
    head.write(figure)
    axes = [
        add_axes_mm(figure, _LEFT + j * (width + _GAP), top + i * (_HEIGHT + 4.0), width, _HEIGHT)
        for i in range(2)
        for j in range(2)
    ]
    _draw_annuli(axes, annuli, facts)
    _draw_maps(figure, maps_top, side, annuli, particles, facts, percentile)
    return figure


def _draw_annuli(axes: Sequence[Axes], annuli: Columns, facts: MockFacts) -> None:
    R, valid = annuli["R_kpc"], annuli["valid"].astype(bool)
    deviation = 100 * (annuli["ratio"] - 1)
    shown = (
        (axes[0], annuli["ratio"], annuli["sin_only_ratio"], RATIO_LABEL, 1.0),
        (axes[1], deviation, None, DEVIATION_LABEL, 0.0),
        (axes[2], annuli["phase_error_deg"], annuli["sin_only_phase_error_deg"], PHASE_LABEL, 0.0),
        (axes[3], annuli["phase_error_deg"], None, PHASE_LABEL, 0.0),
    )
    half = float(np.median(np.diff(R))) / 2 if R.size > 1 else 0.5
    for k, (ax, full, sine, label, level) in enumerate(shown):
        ax.axhline(level, color="0.5", linewidth=0.5, gid=DECORATION)
        for which, face in ((valid, _FULL), (~valid, "white")):
            ax.plot(R[which], full[which], "o", color=_FULL, markerfacecolor=face, markersize=3.2, zorder=4)
        if sine is not None:
            ax.plot(R, sine, "s", color=_SINE, markersize=2.4, zorder=3)
        ax.set_xlim(R.min() - half, R.max() + half)
        ax.set_ylim(*_limits(k, full, sine, valid))
        _shade(ax, facts, named=k < 2)
        ax.set_ylabel(label, labelpad=2)
        ax.tick_params(labelbottom=k > 1)
        ax.set_xlabel(axis_label("R_kpc") if k > 1 else "", labelpad=1)
        write_corner(ax, f"({'abcd'[k]})")


def _limits(k: int, full: NDArray, sine: NDArray | None, valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the range of a panel: all annuli on the left but the wildest, the trusted ones on the right."""
    if sine is not None:
        values = np.concatenate([full, sine])
        low, high = np.nanpercentile(values, [2, 98])
        margin = 0.15 * (high - low) or 0.1
        return (0.0, max(high + margin, 1.5)) if k == 0 else (low - margin, high + margin)
    trusted = full[valid & np.isfinite(full)]
    reach = 1.4 * float(np.abs(trusted).max()) if trusted.size else 0.0
    reach = max(reach, 3.0 if k == 1 else 0.75)
    return -reach, reach


def _shade(ax: Axes, facts: MockFacts, named: bool) -> None:
    """Shade the radii near resonances."""
    R = np.linspace(*ax.get_xlim(), 2000)
    nu = facts.ratio(R)
    for name, (value, margin) in _SHADED.items():
        near = R[np.abs(nu - value) < margin]
        if not near.size:
            continue
        ax.axvspan(near[0], near[-1], color=RESONANCE_COLOURS[name], alpha=0.15, linewidth=0, zorder=0)
        if named:
            where = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom", "clip_on": False}
            text = resonance_name(name, facts.spiral.m)
            ax.text((near[0] + near[-1]) / 2, 1.01, text, fontsize=TINY_PT, color=RESONANCE_COLOURS[name], **where)


def mock_cells(particles: Columns, reach_kpc: float) -> tuple[PlaneGrid, NDArray[np.float64], NDArray[np.float64]]:
    """Return a grid over -reach to reach in X and Y, mean v_R of each of its cells (NaN without one), and its radii."""
    n_inside = int(np.count_nonzero(np.hypot(particles["X_kpc"], particles["Y_kpc"]) < reach_kpc))
    n = int(np.clip(np.sqrt(4 / np.pi * n_inside / _PER_CELL), 8, 2 * reach_kpc / 0.25))
    spacing = 2 * reach_kpc / n
    column, row = (np.floor((particles[name] + reach_kpc) / spacing).astype(np.int64) for name in ("X_kpc", "Y_kpc"))
    inside = (column >= 0) & (column < n) & (row >= 0) & (row < n)
    at = column[inside] * n + row[inside]
    counts = np.bincount(at, minlength=n * n)
    total = np.bincount(at, particles["v_R_kms"][inside], minlength=n * n)
    with np.errstate(invalid="ignore"):
        mean = total / counts
    centres = -reach_kpc + spacing * (np.arange(n) + 0.5)
    X, Y = (values.ravel() for values in np.meshgrid(centres, centres, indexing="ij"))
    return PlaneGrid.of(X, Y, "spiral mock"), mean, np.stack([X, Y])


def _draw_maps(
    figure: Figure, top: float, side: float, annuli: Columns, particles: Columns, facts: MockFacts, percentile: float
) -> None:
    R = annuli["R_kpc"]
    half = float(np.median(np.diff(R))) / 2 if R.size > 1 else 0.5
    reach = R.max() + half
    grid, mock, (X, Y) = mock_cells(particles, reach)
    R_cell, phi = cylindrical_position(X, Y)
    inside = (R_cell >= R.min() - half) & (R_cell <= reach) & np.isfinite(mock)
    R_cell = np.where(inside, R_cell, reach)  # not the centre
    response = spiral_response(facts.spiral, R_cell, phi, *facts.frequencies(R_cell))
    values = [
        np.where(inside, v, np.nan) for v in (mock, response.v_R_kms, mock - response.v_R_kms, response.v_R_sin_kms)
    ]
    norm = shared_norm([values[0], values[1], values[3]], percentile, centred=True)
    label = axis_label("v_R_kms")
    words = (
        ("mock", label),
        ("model", label),
        ("mock \N{MINUS SIGN} model", f"$\\Delta {symbol('v_R_kms')}$ [{unit_label('km / s')}]"),
        ("sin term alone", label),
    )
    for k, (value, (text, bar_label)) in enumerate(zip(values, words, strict=True)):
        scale = limits.linear_norm(value, percentile, centred=True) if k == 2 else norm
        ax, bar = top_bars.add_panel(figure, 10.0 + k * (side + 3.0), top, side, side)
        mappable = draw_plane(ax, grid, PlanePanel(bar_label, value, diverging_map(), scale))
        top_bars.draw_top_bar(bar, mappable, bar_label)
        label_plane(ax, side, lowest=True, leftmost=k == 0)
        write_corner(ax, f"({'efgh'[k]}) {text}")
        _draw_crests(ax, facts.spiral, float(R.min() - half), float(reach))


def _draw_crests(ax: Axes, spiral: Spiral, low: float, high: float) -> None:
    R = np.geomspace(low, high, 300)
    for arm in range(spiral.m):
        turn = np.radians(spiral.crest_azimuth_deg(R, arm))
        style = {"color": "black", "linewidth": 0.7, "zorder": 4, "path_effects": overlays.HALO}
        ax.plot(-R * np.cos(turn), R * np.sin(turn), gid=DECORATION, **style)
