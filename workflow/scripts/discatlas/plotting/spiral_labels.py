"""How the parameters of a spiral are printed: symbols, units, and the factor from a table's unit to the printed one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discatlas.plotting.labels import unit_label

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Printed:
    """Symbol (TeX without dollars), unit as printed, factor, and digits after the point."""

    symbol: str
    unit: str
    factor: float = 1.0

    @property
    def label(self) -> str:
        """Axis label."""
        return f"${self.symbol}$ [{self.unit}]"


PARAMETERS = {
    "scale_length_kpc": Printed("h_R", "kpc"),
    "surface_density_msun_kpc2": Printed(r"\Sigma_\mathrm{max}", r"M$_\odot$ pc$^{-2}$", 1e-6),
    "pitch_deg": Printed("p", "deg"),
    "phase_deg": Printed(r"\psi", "deg"),
    "pattern_speed_kms_kpc": Printed(r"\Omega_\mathrm{p}", unit_label("km / (s kpc)")),
    "v_R_mean_kms": Printed(r"\bar{v}_R", unit_label("km / s")),
    "time_Gyr": Printed("t", "Gyr"),
    "contrast": Printed(r"\xi", "%", 100.0),
}
RESONANCES = {
    "ilr": "ILR",
    "inner_ultraharmonic": "{n}:1",
    "corotation": "CR",
    "outer_ultraharmonic": "{n}:1",
    "olr": "OLR",
}
RESONANCE_COLOURS = {
    "ilr": "#b5321f",
    "inner_ultraharmonic": "#c98a1b",
    "corotation": "#0b6b3a",
    "outer_ultraharmonic": "#c98a1b",
    "olr": "#b5321f",
}
RESONANCE_LINES = {
    "ilr": "-",
    "inner_ultraharmonic": (0, (1, 1.5)),
    "corotation": (0, (5, 2)),
    "outer_ultraharmonic": (0, (1, 1.5)),
    "olr": "-",
}


def resonance_name(name: str, m: int) -> str:
    """Return what a resonance is called; the ultraharmonic one of m arms is 2m:1."""
    return RESONANCES[name].format(n=2 * m)


def known_resonances(radii_kpc: Mapping[str, float | None]) -> dict[str, float]:
    """Return the radii of the resonances that exist, in the order of `RESONANCES`."""
    return {name: float(radii_kpc[name]) for name in RESONANCES if np.isfinite(radii_kpc.get(name) or np.nan)}


def number(value: float, digits: int) -> str:
    """Return a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def digits_of(*errors: float) -> int:
    """Return the digits after the point with which the smallest error has two."""
    above = [error for error in errors if error > 0]
    return int(np.clip(1 - np.floor(np.log10(min(above))), 0, 4)) if above else 2


def rounded(value: float, lo: float, hi: float) -> str:
    """Return a value with its interval in TeX, two digits of the smaller distance."""
    digits = digits_of(value - lo, hi - value)
    return rf"${value:.{digits}f}_{{-{value - lo:.{digits}f}}}^{{+{hi - value:.{digits}f}}}$"


def unwrap_deg(phase_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return phases within 180 deg of their circular mean, which is within 0 to 360 deg."""
    turn = np.radians(phase_deg)
    middle = np.degrees(np.angle(np.mean(np.exp(1j * turn)))) % 360.0
    return middle + (phase_deg - middle + 180.0) % 360.0 - 180.0
