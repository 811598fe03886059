"""Which cells a spiral is fitted to.

A cell that left the data where the parameters make the response nonlinear would change the likelihood's norm as well as
its terms: a fit would gain by parameters that throw cells out, and evidences would belong to different data. So the mask is
that of fixed reference parameters, and the same for every point of the prior. With a fixed pattern speed the resonances
lie at fixed radii; with a free one they do not, and are smoothed (regularisation) instead of masked. Crowding depends on
surface density, scale length and, for two of the three normalisations, the pitch angle: the reference gives them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.spiral_fit.parameters import (
    MEAN,
    PATTERN_SPEED,
    PHASE,
    PITCH,
    SCALE_LENGTH,
    SURFACE_DENSITY,
    Priors,
    SpiralModel,
)
from discatlas.spiral_response import crowding, frequency_ratio

Array = NDArray[np.float64]
REASONS = ("no_value", "no_error", "outside", "resonance", "crowding")
RESONANCES = {
    "ilr": -1.0,
    "inner_ultraharmonic": -0.5,
    "corotation": 0.0,
    "outer_ultraharmonic": 0.5,
    "olr": 1.0,
}  # m (Omega_p - Omega)/kappa
SEARCH_KPC = (0.1, 100.0)
CROWDING_KEYS = ("limit", "surface_density_msun_kpc2", "scale_length_kpc", "pitch_deg")


@dataclass(frozen=True)
class Mask:
    """Rules for cells; see the module.

    Parameters
    ----------
    R_limits_kpc : (float, float)
        Range of the centres.
    resonance_margin : float or None
        Cells with ||nu| - 1| or ||nu| - 1/2| below it are left out, nu = m (Omega_p - Omega)/kappa; None keeps them.
    crowding : mapping or None
        ``limit`` on k^2 |A|/|Delta| with the reference ``surface_density_msun_kpc2``, ``scale_length_kpc`` and
        ``pitch_deg``; None keeps all.
    """

    R_limits_kpc: tuple[float, float]
    resonance_margin: float | None
    crowding: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        low, high = self.R_limits_kpc
        if not 0 < low < high:
            raise DiscatlasError(f"R_limits_kpc: got {[low, high]}, expected 0 < low < high")
        if self.resonance_margin is not None and not 0 <= self.resonance_margin < 0.25:
            raise DiscatlasError(
                f"resonance_margin: got {self.resonance_margin}, expected 0 to 0.25: beyond it no cell is left"
            )
        for key in [] if self.crowding is None else [*self.crowding, *CROWDING_KEYS]:
            if key not in CROWDING_KEYS:
                raise DiscatlasError(
                    f"crowding: unknown key {key!r}{nearest(key, CROWDING_KEYS)}; expected {', '.join(CROWDING_KEYS)}"
                )
            if key not in self.crowding:
                raise DiscatlasError(f"crowding: key {key!r} is missing; expected {', '.join(CROWDING_KEYS)}")

    def judge(
        self, R_kpc: Array, v_R_kms: Array, errors: Array, model: SpiralModel, priors: Priors, where: str
    ) -> NDArray[np.str_]:
        """Return ``used`` or why not (`REASONS`, the first that holds) for each cell.

        Raises
        ------
        DiscatlasError
            If the rules need a pattern speed and it is free, if an unregularised resonance is not masked, and if no cell
            is left.
        """
        cases = {
            "no_value": ~np.isfinite(v_R_kms),
            "no_error": ~(np.isfinite(errors) & (errors > 0)),
            "outside": ~((self.R_limits_kpc[0] <= R_kpc) & (R_kpc <= self.R_limits_kpc[1])),
        }
        if priors.has_free_speed and (self.resonance_margin is not None or self.crowding is not None):
            raise DiscatlasError(
                f"{where}: resonance_margin {self.resonance_margin} and crowding need a fixed pattern speed, the fit has "
                f"{list(priors.speed_limits)}; set both to null: the regularisation smooths the resonances of a free one"
            )
        if not priors.has_free_speed:
            cases |= self._resonant(np.maximum(R_kpc, 0.5 * self.R_limits_kpc[0]), model, priors)  # the centre has none
        reason = np.select(list(cases.values()), list(cases), "used")
        self._require(R_kpc, reason, model, priors, where)
        return reason

    def _resonant(self, R_kpc: Array, model: SpiralModel, priors: Priors) -> dict[str, NDArray[np.bool_]]:
        point = np.zeros(6)
        point[[SCALE_LENGTH, PITCH, PHASE, MEAN]] = 10.0, 10.0, 0.0, 0.0
        point[PATTERN_SPEED] = priors.speed_limits[0]
        if self.crowding is not None:
            keys = ("scale_length_kpc", "surface_density_msun_kpc2", "pitch_deg")
            point[[SCALE_LENGTH, SURFACE_DENSITY, PITCH]] = [self.crowding[key] for key in keys]
        spiral, frequencies = model.spiral(point), model.frequencies(R_kpc)
        nu = np.abs(frequency_ratio(spiral, *frequencies))
        cases = {}
        if self.resonance_margin is not None:
            cases["resonance"] = np.minimum(np.abs(nu - 1.0), np.abs(nu - 0.5)) < self.resonance_margin
        if self.crowding is not None:
            cases["crowding"] = ~(crowding(spiral, R_kpc, *frequencies) < self.crowding["limit"])
        return cases

    def _require(self, R_kpc: Array, reason: NDArray[np.str_], model: SpiralModel, priors: Priors, where: str) -> None:
        """Raise an error that says what to change if no cell is left, or a resonance is neither masked nor smoothed."""
        n_free = priors.free.size
        if np.count_nonzero(reason == "used") <= n_free:
            names, counts = np.unique(reason, return_counts=True)
            found = ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
            advice = {
                "no_value": "no cell has a v_R",
                "no_error": "the errors are zero or missing: set floor_kms above 0, or state an error of the map",
                "outside": f"the cells have R {R_kpc.min():.2f} to {R_kpc.max():.2f} kpc: change R_limits_kpc",
                "resonance": "take a smaller resonance_margin, another pattern speed or another range of R",
                "crowding": "raise the limit of crowding or lower its reference surface density",
            } | {"used": "take a wider range of R"}
            last = next((name for name in reversed(REASONS) if name in names), "used")
            raise DiscatlasError(
                f"{where}: no valid cells: {n_free} parameters need more than {n_free} cells in R {self.R_limits_kpc[0]:g} to "
                f"{self.R_limits_kpc[1]:g} kpc, of {reason.size:,} cells: {found}; {advice[last]}"
            )
        if model.regularisation > 0:
            return
        if priors.has_free_speed:
            raise DiscatlasError(
                f"{where}: regularisation 0 with a free pattern speed meets resonances; set it above 0 (0.05)"
            )
        radii = resonance_radii(model, priors.speed_limits[0])
        used = R_kpc[reason == "used"]
        for name in ("ilr", "olr"):
            if self.resonance_margin is None and used.min() < radii[name] < used.max():
                raise DiscatlasError(
                    f"{where}: the {name.upper()} at {radii[name]:.2f} kpc lies among the cells and is neither masked nor "
                    "smoothed; set resonance_margin (0.08) or regularisation (0.05)"
                )


def resonance_radii(model: SpiralModel, speed: float) -> dict[str, float]:
    """Return the radii [kpc] of the resonances of `RESONANCES`, the outermost of each within `SEARCH_KPC`, NaN without one."""
    ln_R = np.linspace(*np.log(SEARCH_KPC), 20001)
    Omega, kappa = model.frequencies(np.exp(ln_R))
    nu = model.m * (speed - Omega) / kappa
    radii = {}
    for name, value in RESONANCES.items():
        off = nu - value
        at = np.flatnonzero(np.signbit(off[:-1]) != np.signbit(off[1:]))
        share = off[at] / (off[at] - off[at + 1])
        found = np.exp(ln_R[at] + share * (ln_R[1] - ln_R[0]))
        radii[name] = float(found[-1]) if found.size else float("nan")
    return radii
