"""Peaks of neighbouring volumes linked into ridges: groups of a graph, found by breadth-first search.

Peaks are followed from volume to volume. Each is linked to at most one peak before and one after it, so a ridge has at most
one peak per volume: where two ridges cross, the peaks nearest to their continuations go on with them; where they merge into
one peak, one ridge takes it and the other may bridge `max_gap` volumes.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.volumes import Row
from discatlas.bar_spirals.wavelets import Peaks, Wavelet
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
_REMEMBERED = 4  # peaks from which a ridge is continued
_ERRORS = 2.0  # of a difference, by which linked peaks may be farther apart
_SLOPES = {"R": "R_slopes_kms_kpc", "phi": "phi_slopes_kms_deg", "v_R": "v_R_slopes"}
_NUMBERS = ("min_stars", "min_significance", "min_prominence", "tolerance_kms", "max_gap", "min_places")
LINK_KEYS = (*_NUMBERS, *_SLOPES.values())  # of a config entry


@dataclass(frozen=True)
class LinkSettings:
    """Which peaks count, and which are linked.

    Parameters
    ----------
    min_stars, min_significance : int, float
        Least number of stars in a volume, and least significance of a peak, for counts of stars.
    min_prominence : float
        Least prominence of a peak, for densities.
    slopes : mapping of str to (float, float)
        Limits of dv_phi/dR [km/s/kpc], dv_phi/dphi [km/s/deg] and dv_phi/dv_R by axis.
    tolerance_kms : float
        By how much linked peaks may depart from these limits, and per volume from the continuation of a ridge.
    max_gap, min_places : int
        Volumes without a peak that a link may bridge, and the least number of peaks of a ridge.
    """

    min_stars: int
    min_significance: float
    min_prominence: float
    slopes: Mapping[str, tuple[float, float]]
    tolerance_kms: float
    max_gap: int
    min_places: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the settings from a config entry; other keys are left alone.

        Raises
        ------
        DiscatlasError
            For limits in the wrong order and ridges of fewer than three peaks.
        """
        slopes = {axis: (float(config[name][0]), float(config[name][1])) for axis, name in _SLOPES.items()}
        for axis, (low, high) in slopes.items():
            if not low <= high:
                raise DiscatlasError(
                    f"ridges: {_SLOPES[axis]} [{low:g}, {high:g}]: expected a lower and an upper limit"
                )
        if config["min_places"] < 3:
            raise DiscatlasError(
                f"ridges: min_places {config['min_places']}: expected 3 or more, for a slope with an error"
            )
        return cls(**{name: config[name] for name in _NUMBERS}, slopes=slopes)

    def refined(self, factor: int) -> Self:
        """Return the settings for rows with `factor` places for each."""
        changed = {"max_gap": self.max_gap * factor, "min_places": self.min_places * factor}
        changed["tolerance_kms"] = self.tolerance_kms / factor
        return type(self)(**{**self.__dict__, **changed})


class Ridge(NamedTuple):
    """A ridge: numbers of its places in the row, growing, and its peaks there."""

    places: NDArray[np.int64]
    peaks: Peaks


def components(n_nodes: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected groups of nodes of a graph, by breadth-first search, in the order of their first nodes."""
    neighbours: list[list[int]] = [[] for _ in range(n_nodes)]
    for a, b in edges:
        neighbours[a].append(b)
        neighbours[b].append(a)
    seen, groups = [False] * n_nodes, []
    for first in range(n_nodes):
        if seen[first]:
            continue
        seen[first], queue, group = True, deque([first]), []
        while queue:
            node = queue.popleft()
            group.append(node)
            for other in neighbours[node]:
                if not seen[other]:
                    seen[other] = True
                    queue.append(other)
        groups.append(sorted(group))
    return groups


def link_peaks(
    place: NDArray[np.int64],
    v_kms: Array,
    v_error_kms: Array,
    width: float,
    slopes: tuple[float, float],
    tolerance_kms: float,
    max_gap: int,
) -> list[tuple[int, int]]:
    """Return the links between peaks at the numbered places of a row, each from an earlier to a later place.

    From place to place the nearest pairs are linked first, nearest to where a chain of three or more peaks would go on, or
    to the middle of the `slopes`. Two standard errors of a difference, where known, add to the tolerance.
    """
    variance = np.nan_to_num(v_error_kms) ** 2
    edges: list[tuple[int, int]] = []
    chains: list[list[int]] = []
    for i in np.unique(place):
        nodes = np.flatnonzero(place == i)
        chains = [chain for chain in chains if i - place[chain[-1]] <= max_gap + 1]
        pairs = []
        for k, chain in enumerate(chains):
            last = chain[-1]
            steps = int(i - place[last])
            moves, distance = v_kms[nodes] - v_kms[last], steps * width
            noise = _ERRORS * np.sqrt(variance[nodes] + variance[last])
            allowed = moves >= slopes[0] * distance - tolerance_kms - noise
            allowed &= moves <= slopes[1] * distance + tolerance_kms + noise
            slope = _continuation(place[chain], v_kms[chain], width, slopes)
            cost = np.abs(moves - (np.mean(slopes) if slope is None else slope) * distance)
            if slope is not None:
                allowed &= cost <= tolerance_kms * steps + noise
            pairs += [(cost[j], steps, k, int(nodes[j])) for j in np.flatnonzero(allowed)]
        taken_chains, taken_nodes = set(), set()
        for _, _, k, node in sorted(pairs):
            if k not in taken_chains and node not in taken_nodes:
                taken_chains.add(k)
                taken_nodes.add(node)
                edges.append((chains[k][-1], node))
                chains[k].append(node)
        chains += [[int(node)] for node in nodes if int(node) not in taken_nodes]
    return edges


def _continuation(place: NDArray[np.int64], v_kms: Array, width: float, slopes: tuple[float, float]) -> float | None:
    """Return the slope of the last peaks of a chain within the limits; None for fewer than three."""
    if place.size < 3:
        return None
    x, v = place[-_REMEMBERED:] * width, v_kms[-_REMEMBERED:]
    x = x - x.mean()
    return float(np.clip(x @ v / (x @ x), *slopes))


def accepted_peaks(wavelet: Wavelet, values: Array, noise: bool, settings: LinkSettings) -> Peaks:
    """Return the peaks of one volume that count: of counts of stars (`noise`) or of a density, shape (n_bins,).

    Peaks of counts that are not placed to within one scale are left out.
    """
    if not noise:
        return wavelet.peaks(values, noise, settings.min_prominence)
    peaks = wavelet.peaks(
        values if values.sum() >= settings.min_stars else 0 * values, noise, settings.min_significance
    )
    return peaks.select(peaks.v_error_kms <= wavelet.scale_kms)


def find_ridges(row: Row, wavelet: Wavelet, values: Array, noise: bool, settings: LinkSettings) -> list[Ridge]:
    """Return the ridges of a row from its distributions of shape (n, n_bins), in the order of their mean v_phi."""
    found = [accepted_peaks(wavelet, distribution, noise, settings) for distribution in values]
    place = np.repeat(np.arange(len(found)), [peaks.size for peaks in found])
    every = Peaks(*(np.concatenate([getattr(p, name) for p in found]) for name in Peaks.__dataclass_fields__))
    limits = settings.slopes[row.axis]
    edges = link_peaks(
        place, every.v_kms, every.v_error_kms, row.width, limits, settings.tolerance_kms, settings.max_gap
    )
    groups = [np.array(group) for group in components(place.size, edges) if len(group) >= settings.min_places]
    ridges = [Ridge(place[group], every.select(group)) for group in groups]
    return sorted(ridges, key=lambda ridge: float(ridge.peaks.v_kms.mean()))


class Line(NamedTuple):
    """A straight line through a ridge: value at the mean place, slope and its standard error, mean place."""

    v_phi_kms: float
    slope: float
    slope_error: float
    place: float


def fit_line(x: Array, v_kms: Array, v_error_kms: Array) -> Line:
    """Return the weighted least-squares line of three points or more.

    The error of the slope is that of the errors, and larger by the root of the reduced chi-square where this exceeds 1;
    without errors it follows from the residuals.
    """
    known = np.isfinite(v_error_kms).all() and (v_error_kms > 0).all()
    weight = 1 / v_error_kms**2 if known else np.ones(x.size)
    centre, mean = np.average(x, weights=weight), np.average(v_kms, weights=weight)
    spread = weight @ (x - centre) ** 2
    slope = float(weight @ ((x - centre) * (v_kms - mean)) / spread)
    chi_square = float(weight @ (v_kms - mean - slope * (x - centre)) ** 2) / max(x.size - 2, 1)
    variance = (max(chi_square, 1.0) if known else chi_square) / spread
    return Line(float(mean), slope, float(np.sqrt(variance)), float(centre))
