"""Radii between which a spiral mode acts: from its inner Lindblad resonance or the bar's corotation to its outer one.

``resonances`` takes the true radii. ``literal`` takes those of the published code, which compares pattern speeds in
rad/Gyr with frequencies in km/s/kpc and so finds the resonances of a pattern that is 2.2 % slower.
"""

import numpy as np
from numpy.typing import NDArray

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
CUT_OFFS = ("resonances", "literal")
ORDERS = {"corotation": 0, "inner_lindblad": 1, "outer_lindblad": -1}


def resonance_radii(plane: PlaneProfile, Omega_pattern_kms_kpc: float, m: int, order: int) -> Array:
    """Return all radii [kpc], growing, where m (Omega - Omega_p) = order * kappa; an empty array where there is none.

    Order 0 is corotation, 1 the inner and -1 the outer Lindblad resonance. Linear between the nodes of the plane.
    """
    R = plane.R_kpc
    f = m * (plane.Omega_kms_kpc - Omega_pattern_kms_kpc) - order * plane.kappa_kms_kpc
    i = np.flatnonzero((f[1:] < 0) != (f[:-1] < 0))
    return R[i] + (R[i + 1] - R[i]) * f[i] / (f[i] - f[i + 1])


def pattern_resonances(plane: PlaneProfile, Omega_pattern_kms_kpc: float, m: int) -> dict[str, float | None]:
    """Return the radius [kpc] of each resonance of `ORDERS`, the outermost where there are several, None where none."""
    radii = {name: resonance_radii(plane, Omega_pattern_kms_kpc, m, order) for name, order in ORDERS.items()}
    return {name: float(found[-1]) if found.size else None for name, found in radii.items()}


def spiral_limits(
    plane: PlaneProfile, Omega_kms_kpc: float, m: int, Omega_bar_kms_kpc: float | None, kind: str = "resonances"
) -> tuple[float, float]:
    """Return the radii [kpc] between which a spiral mode acts (Khalil et al. 2025, Sect. 4.2).

    The inner one is the larger of the bar's corotation and the mode's inner Lindblad resonance; without that, as for one
    arm, the bar's corotation, and without a bar zero. The outer one is the mode's outer Lindblad resonance, infinite
    where that lies beyond the table of the plane.

    Parameters
    ----------
    plane : PlaneProfile
        Frequencies of the axisymmetric background.
    Omega_kms_kpc, m : float, int
        Pattern speed and number of arms.
    Omega_bar_kms_kpc : float or None
        Pattern speed of the bar, None for no bar.
    kind : str
        One of `CUT_OFFS`.

    Raises
    ------
    DiscatlasError
        For an unknown kind, a pattern speed that is not positive or has no resonance in the plane, and a mode without
        a range.
    """
    if kind not in CUT_OFFS:
        raise DiscatlasError(f"cut_offs: got {kind!r}{nearest(str(kind), CUT_OFFS)}; expected {' or '.join(CUT_OFFS)}")
    factor = GYR_PER_KPC_KMS if kind == "literal" else 1.0
    where = f"spiral m = {m} of {Omega_kms_kpc:g} km/s/kpc"
    found = _found(plane, factor * Omega_kms_kpc, m, where)
    beyond = m * (plane.Omega_kms_kpc[-1] - factor * Omega_kms_kpc) + plane.kappa_kms_kpc[-1] > 0
    outer = np.inf if found["outer_lindblad"] is None and beyond else found["outer_lindblad"]
    edges = [found["inner_lindblad"] or 0.0]
    if Omega_bar_kms_kpc is not None:
        edges.append(_corotation(plane, factor * Omega_bar_kms_kpc))
    inner = max(edges)
    if outer is None or not inner < outer:
        end = "none" if outer is None else f"{outer:.4g} kpc"
        raise DiscatlasError(
            f"{where}: it has no range, its outer Lindblad resonance ({end}) is not outside its inner limit ({inner:.4g} "
            f"kpc, the larger of the bar's corotation and its inner Lindblad resonance); lower its pattern speed"
        )
    return inner, float(outer)


def _found(plane: PlaneProfile, Omega: float, m: int, where: str) -> dict[str, float | None]:
    """Return the resonances of a mode, of which there must be one."""
    if not (np.isfinite(Omega) and Omega > 0):
        raise DiscatlasError(f"{where}: expected a positive pattern speed")
    found = pattern_resonances(plane, Omega, m)
    if all(radius is None for radius in found.values()):
        fastest, slowest = plane.Omega_kms_kpc[0], plane.Omega_kms_kpc[-1]
        raise DiscatlasError(
            f"{where}: a pattern speed without resonances between {plane.R_kpc[0]:g} and {plane.R_kpc[-1]:g} kpc, where "
            f"circular orbits have {slowest:.4g} to {fastest:.4g} km/s/kpc; expected one between these"
        )
    return found


def _corotation(plane: PlaneProfile, Omega_bar: float) -> float:
    """Return the bar's corotation [kpc], which must exist."""
    radii = resonance_radii(plane, Omega_bar, 2, 0)
    if not radii.size:
        raise DiscatlasError(
            f"bar of {Omega_bar:g} km/s/kpc: no corotation between {plane.R_kpc[0]:g} and {plane.R_kpc[-1]:g} kpc, so "
            "spirals have no inner limit; expected a pattern speed of circular orbits there"
        )
    return float(radii[-1])
