"""Where bar and spirals of a model are today: lines along the minima of their potential (Khalil et al. 2025, Fig. 5).

An arm follows the minimum of its mode's potential between the cut-off radii. Along the circle of a cut-off the density
stays high from the arm's end to where the potential is zero: an arc that goes on in the direction in which the arm came.
The bar is outlined where the potential of its modes is half of the deepest.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Bar, Perturbation, RotatingMode
from discatlas.frames import cartesian_position

Array = NDArray[np.float64]
ARM, ARC, BAR = "arm", "cut_off", "bar"
N_POINTS = 400  # of an arm or a half of the bar's outline
N_ARC = 40
OUTLINE = 0.5  # of the deepest potential of the bar
LEAST_R_KPC = 0.5  # a logarithmic spiral without a cut-off has no inner end


class Line(NamedTuple):
    """A line in the plane: kind, m of the mode, number of the arm (or of the bar's half), radii and azimuths, shape (n,)."""

    kind: str
    m: int
    arm: int
    R_kpc: Array
    phi_deg: Array


def arm_lines(mode: RotatingMode, R_max_kpc: float) -> Iterator[Line]:
    """Yield the arms of a spiral mode within `R_max_kpc`, and the arcs at its cut-offs."""
    low, high = max(mode.R_limits_kpc[0], LEAST_R_KPC), min(mode.R_limits_kpc[1], R_max_kpc)
    if not low < high:
        return
    R = np.geomspace(low, high, N_POINTS)
    phase = np.unwrap(np.angle(mode.amplitude(R)[0]))
    winding = np.sign(phase[-1] - phase[0])  # of the phase m phi + arg C with radius: a trailing arm has +1
    for arm in range(mode.m):
        phi = (np.pi * (1 + 2 * arm) - phase) / mode.m
        yield Line(ARM, mode.m, arm, R, np.degrees(phi))
        quarter = np.linspace(0.0, np.pi / (2 * mode.m), N_ARC)
        for end, is_cut, sign in (
            (0, mode.R_limits_kpc[0] == low, winding),
            (-1, mode.R_limits_kpc[1] == high, -winding),
        ):
            if is_cut:
                yield Line(ARC, mode.m, arm, np.full(N_ARC, R[end]), np.degrees(phi[end] + sign * quarter))


def bar_lines(bar: Bar, plane: PlaneProfile) -> Iterator[Line]:
    """Yield the outlines of the two halves of a bar, each closed."""
    R = np.linspace(plane.R_kpc[0], min(bar.R_max_kpc, plane.R_kpc[-1]), 4 * N_POINTS)
    depth = np.stack([-bar.fraction(mode, R)[0] * plane.potential(R) for mode in bar.modes])
    m = np.array([mode.m for mode in bar.modes])
    offset = np.linspace(0.0, np.pi / 2, 721)
    level = OUTLINE * np.max(depth.sum(axis=0))
    # the azimuth from the bar's axis at which the depth falls below the level, at each radius where the axis is deeper
    inside = np.flatnonzero(depth.sum(axis=0) >= level)
    half = np.empty(inside.size)
    for k, i in enumerate(inside):
        profile = np.cos(np.outer(offset, m)) @ depth[:, i]
        beyond = np.flatnonzero(profile < level)
        j = beyond[0] if beyond.size else offset.size - 1
        fraction = (profile[j - 1] - level) / (profile[j - 1] - profile[j]) if j and beyond.size else 1.0
        half[k] = offset[max(j - 1, 0)] + fraction * (offset[1] - offset[0]) * bool(j)
    R_closed = np.concatenate([R[inside], R[inside][::-1], R[inside][:1]])
    phi_closed = np.concatenate([half, -half[::-1], half[:1]])
    for number in range(2):
        yield Line(BAR, int(m[0]), number, R_closed, np.degrees(phi_closed) + bar.angle_deg + 180.0 * number)


def loci_columns(perturbation: Perturbation, plane: PlaneProfile, R_max_kpc: float) -> dict[str, NDArray]:
    """Return the columns of contract ``disc_map_loci``: the lines of all modes one after the other."""
    lines = list(bar_lines(perturbation.bar, plane)) if perturbation.bar else []
    owners = [-1] * len(lines)
    for number, mode in enumerate(perturbation.spirals):
        found = list(arm_lines(mode, R_max_kpc))
        lines += found
        owners += [number] * len(found)
    sizes = [line.R_kpc.size for line in lines]
    R = np.concatenate([np.empty(0), *(line.R_kpc for line in lines)])
    phi = np.concatenate([np.empty(0), *(line.phi_deg for line in lines)])
    phi = (phi + 180.0) % 360.0 - 180.0
    X, Y = cartesian_position(R, phi)
    return {
        "line": np.repeat(np.arange(len(lines)), sizes),
        "kind": np.repeat(np.array([line.kind for line in lines], object), sizes),
        "mode": np.repeat(np.array(owners, np.int64), sizes),
        "m": np.repeat(np.array([line.m for line in lines], np.int64), sizes),
        "arm": np.repeat(np.array([line.arm for line in lines], np.int64), sizes),
        "R_kpc": R,
        "phi_deg": phi,
        "X_kpc": X,
        "Y_kpc": Y,
    }
