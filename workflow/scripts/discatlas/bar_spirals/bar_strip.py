"""The bar's pattern speed from the profile of v_phi in a strip of v_R (Khalil et al. 2025, Sect. 4.1).

Far from the middle of the velocity ellipse the bar's resonances dominate over those of spirals. The pattern speed moves the
peaks, the time since the bar's birth makes them sharper. Compared are smoothed shares of stars, those of the data and of a
model with the bar alone, by the sum of squared differences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import savgol_coeffs, savgol_filter

from discatlas.bar_spirals.resonant_lines import exact_line, resonant_line
from discatlas.bar_spirals.velocity_histogram import edges_of
from discatlas.dynamics.backward import BarredModel, distribution_at
from discatlas.dynamics.modes import Pattern, Perturbation
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
LEAST_STARS = 50
FINER = 5  # steps of the refined grid in one of the grid of models
REACH_KMS = 420.0  # largest v_phi of a resonance


@dataclass(frozen=True)
class Strip:
    """The strip and what is compared in it.

    Parameters
    ----------
    v_R_kms, width_kms : float
        Middle and width in v_R; bins that overlap it enter whole.
    v_phi_limits_kms : (float, float)
        Range of the profile.
    window, order : int
        Savitzky-Golay filter: number of bins, odd, and degree of its polynomial.
    """

    v_R_kms: float
    width_kms: float
    v_phi_limits_kms: tuple[float, float]
    window: int
    order: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the strip from its config entry.

        Raises
        ------
        DiscatlasError
            For a width below 0, limits that do not grow, and a filter that does not exist.
        """
        low, high = (float(value) for value in config["v_phi_limits_kms"])
        window, order = (int(config["smoothing"][name]) for name in ("window", "order"))
        if not (config["width_kms"] > 0 and low < high):
            raise DiscatlasError(
                f"bar strip: got width_kms {config['width_kms']}, v_phi_limits_kms {[low, high]}; expected a width above 0 and growing limits"
            )
        if not (window % 2 == 1 and 0 <= order < window):
            raise DiscatlasError(
                f"bar strip: smoothing: got window {window}, order {order}; expected an odd number of bins above the order"
            )
        return cls(float(config["v_R_kms"]), float(config["width_kms"]), (low, high), window, order)

    def bins(self, grid: VelocityGrid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of the bins of v_R and of v_phi in the strip.

        Raises
        ------
        DiscatlasError
            If the grid lacks a part of the strip, or has fewer bins than the filter.
        """
        half, low_high = self.width_kms / 2, self.v_phi_limits_kms
        wanted = ((self.v_R_kms - half, self.v_R_kms + half), low_high)
        edges = edges_of(grid.v_R_kms), edges_of(grid.v_phi_kms)
        if any(low < edge[0] or high > edge[-1] for (low, high), edge in zip(wanted, edges, strict=True)):
            raise DiscatlasError(
                f"bar strip: v_R {self.v_R_kms:g} +- {half:g} and v_phi {low_high[0]:g} to {low_high[1]:g} km/s are not within the histogram's "
                f"{edges[0][0]:g} to {edges[0][-1]:g} and {edges[1][0]:g} to {edges[1][-1]:g} km/s"
            )
        reach = half + (grid.v_R_kms[1] - grid.v_R_kms[0]) / 2
        in_R = np.flatnonzero(np.abs(grid.v_R_kms - self.v_R_kms) < reach * (1 - 1e-9))
        in_phi = np.flatnonzero((grid.v_phi_kms > low_high[0]) & (grid.v_phi_kms < low_high[1]))
        if in_phi.size < self.window:
            raise DiscatlasError(
                f"bar strip: {in_phi.size} bins of v_phi are fewer than the {self.window} of the filter; choose a smaller smoothing window"
            )
        return in_R, in_phi

    def shares(self, profiles: Array) -> Array:
        """Return smoothed profiles over their sum, along the last axis."""
        smooth = savgol_filter(profiles, self.window, self.order, axis=-1) if self.window > 1 else np.asarray(profiles)
        return smooth / smooth.sum(axis=-1, keepdims=True)

    @property
    def noise_gain(self) -> float:
        """By how much smoothing lowers the variance of white noise: 1 over the number of bins that act as one."""
        return float(np.sum(savgol_coeffs(self.window, self.order) ** 2)) if self.window > 1 else 1.0


def strip_profile(
    model: BarredModel, R_kpc: float, phi_deg: float, v_R_kms: Array, v_phi_kms: Array, accuracy: str | int
) -> Array:
    """Return the distribution function of a model, summed over the bins `v_R_kms` of a strip, shape of `v_phi_kms`."""
    return distribution_at(model, R_kpc, phi_deg, v_R_kms[:, None], v_phi_kms[None, :], accuracy).sum(axis=0)


def bar_alone(model: BarredModel, Omega_kms_kpc: float, turns: float) -> BarredModel:
    """Return the model without spirals, its bar of another pattern speed and age; what is integrated is its life.

    Raises
    ------
    DiscatlasError
        If the model has no bar, or the number of turns is not above 0.
    """
    bar = model.perturbation.bar
    if bar is None:
        raise DiscatlasError("bar strip: the model has no bar; name one that has")
    pattern = Pattern(float(Omega_kms_kpc), float(turns))
    if not (pattern.Omega_kms_kpc > 0 and turns > 0):
        raise DiscatlasError(f"bar strip: got {Omega_kms_kpc:g} km/s/kpc and {turns:g} turns, expected both above 0")
    perturbation = Perturbation(replace(bar, pattern=pattern), ())
    return BarredModel(model.plane, perturbation, model.distribution, pattern.life_kpc_kms)


class Scan(NamedTuple):
    """Models on the grid of pattern speeds (n,) and turns (m,): profiles of shape (n, m, n_phi), not smoothed."""

    Omega_kms_kpc: Array
    turns: Array
    profiles: Array


def scan_models(
    model: BarredModel,
    R_kpc: float,
    phi_deg: float,
    velocities: tuple[Array, Array],
    Omega_kms_kpc: Array,
    turns: Array,
    accuracy: str | int,
) -> Scan:
    """Return the profiles of a bar alone on a grid; `velocities` are the bins of v_R and of v_phi in the strip [km/s]."""
    profiles = np.empty((Omega_kms_kpc.size, turns.size, velocities[1].size))
    for i, speed in enumerate(Omega_kms_kpc):
        for j, turn in enumerate(turns):
            profiles[i, j] = strip_profile(bar_alone(model, speed, turn), R_kpc, phi_deg, *velocities, accuracy)
    return Scan(Omega_kms_kpc, turns, profiles)


def declared_axis(name: str, spec: Sequence[float]) -> Array:
    """Return the values from first to last (included) with a step.

    Raises
    ------
    DiscatlasError
        If they are not three values or more, whole steps apart.
    """
    first, last, step = (float(value) for value in spec)
    n = (last - first) / step if step > 0 else 0.0
    if round(n) < 2 or abs(n - round(n)) > 1e-6:
        raise DiscatlasError(
            f"bar strip: {name} {[first, last, step]}: expected [first, last, step], whole steps, three values or more"
        )
    return first + step * np.arange(round(n) + 1)


def objectives(scan: Scan, strip: Strip, counts: Array) -> Array:
    """Return the sum of squared differences of smoothed shares, shape (..., n, m), for counts of shape (..., n_phi)."""
    model = strip.shares(scan.profiles).reshape(-1, counts.shape[-1])
    data = strip.shares(np.asarray(counts, float))
    cross = data @ model.T
    total = np.sum(data**2, axis=-1)[..., None] + np.sum(model**2, axis=-1) - 2 * cross
    return total.reshape(*data.shape[:-1], *scan.profiles.shape[:2])


def deviances(scan: Scan, counts: NDArray) -> Array:
    """Return twice the logarithm of the Poisson likelihood of the counts below that of a perfect model, shape (n, m)."""
    expected = scan.profiles / scan.profiles.sum(axis=-1, keepdims=True) * counts.sum()
    has_stars = counts > 0
    with np.errstate(divide="ignore"):
        logs = np.log(counts[has_stars] / expected[..., has_stars])
    total = 2 * np.sum(counts[has_stars] * logs, axis=-1)
    return np.where(np.isfinite(total), total, np.nan)


def refine(scan: Scan) -> Scan:
    """Return the scan on a grid `FINER` times as fine, its profiles interpolated by cubic splines along both axes."""
    axes = [np.linspace(axis[0], axis[-1], FINER * (axis.size - 1) + 1) for axis in scan[:2]]
    profiles = scan.profiles
    for number, (coarse, fine) in enumerate(zip(scan[:2], axes, strict=True)):
        profiles = CubicSpline(coarse, profiles, axis=number)(fine)
    return Scan(*axes, profiles)


class Optimum(NamedTuple):
    """The lowest point of an objective: its place on the grid, pattern speed and turns between the nodes; `bend` is d2/dOmega2."""

    row: int
    column: int
    Omega_kms_kpc: float
    turns: float
    bend: float
    is_at_edge: bool


def find_optimum(scan: Scan, objective: Array) -> Optimum:
    """Return the lowest point of an objective, shape (n, m), on the grid of a scan that `refine` gave.

    Along either axis a parabola goes through the lowest values over the other one, within a step of the models.
    """
    row, column = np.unravel_index(np.argmin(objective), objective.shape)
    Omega, bend = _vertex(scan.Omega_kms_kpc, objective.min(axis=1), row)
    turns, _ = _vertex(scan.turns, objective.min(axis=0), column)
    is_at_edge = row in (0, objective.shape[0] - 1) or column in (0, objective.shape[1] - 1)
    return Optimum(int(row), int(column), Omega, turns, bend, bool(is_at_edge))


def _vertex(x: Array, y: Array, k: int) -> tuple[float, float]:
    """Return the vertex, within a step of x[k], and the second derivative of the parabola through points about x[k]."""
    near = slice(max(k - FINER, 0), k + FINER + 1)
    scale = 0.5 * np.ptp(x)
    square, slope, _ = np.polyfit((x[near] - x[k]) / scale, y[near], 2)
    if square <= 0:
        return float(x[k]), 0.0
    step = x[1] - x[0]
    return float(x[k] + np.clip(-0.5 * slope / square * scale, -step, step)), float(2 * square / scale**2)


def bootstrap(scan: Scan, strip: Strip, counts: NDArray, n_draws: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return optima of Poisson draws of the counts, shape (n_draws, 2), and their smoothed shares, shape (n_draws, n_phi)."""
    draws = rng.poisson(counts, (n_draws, counts.size))
    optima = (find_optimum(scan, objective) for objective in objectives(scan, strip, draws))
    return np.array([[found.Omega_kms_kpc, found.turns] for found in optima]), strip.shares(draws.astype(float))


def curvature_error(strip: Strip, lowest: float, bend: float, n_bins: int) -> float | None:
    """Return the error of the pattern speed if what the model leaves were noise that is alike over the filter's window [km/s/kpc].

    For a sum of squares S it is sqrt(2 s^2 c / S''), with c bins acting as one and s^2 = S / (n - 2 c).
    """
    alike = 1 / strip.noise_gain
    if not (bend > 0 and n_bins > 2 * alike):
        return None
    return float(np.sqrt(2 * lowest / (n_bins - 2 * alike) * alike / bend))


def resonance_marks(
    model: BarredModel, R_kpc: float, v_R_kms: float, Omega_kms_kpc: float, resonances: Sequence[Sequence[int]]
) -> list[dict[str, float | None]]:
    """Return v_phi of a pattern's resonances at one v_R by Eq. A.5, and by the frequencies of the orbits; None where none is."""
    marks = []
    for l, m in resonances:  # noqa: E741
        mark: dict[str, float | None] = {"l": int(l), "m": int(m), "v_phi_kms": None, "v_phi_exact_kms": None}
        try:
            found = resonant_line(model.plane, R_kpc, [v_R_kms], Omega_kms_kpc, l, m)
        except DiscatlasError:
            marks.append(mark)
            continue
        exact = exact_line(model.plane, R_kpc, [v_R_kms], Omega_kms_kpc, l, m, (1.0, REACH_KMS))
        for name, value in (("v_phi_kms", found[0]), ("v_phi_exact_kms", exact[0])):
            mark[name] = float(value) if np.isfinite(value) else None
        marks.append(mark)
    return marks
