"""Kinematic membership: the probabilities that a star belongs to the thin disc, the thick disc or the halo.

Each population is a Gaussian velocity ellipsoid about the asymmetric drift (Bensby et al. 2003, Eqs. 1 and 2; the
method of Ramírez et al. 2013, as used by Hawkins 2023): P_i is proportional to
f_i (2 pi)^(-3/2) / (s_U s_V s_W) exp(-U^2/2 s_U^2 - (V - V_asym)^2/2 s_V^2 - W^2/2 s_W^2), and the three add up to 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
POPULATIONS = ("thin", "thick", "halo")
FRAMES = ("local", "lsr")
SIGMAS = ("sigma_U_kms", "sigma_V_kms", "sigma_W_kms")


def star_velocities(
    R: Array,
    phi_deg: Array,
    v_R: Array,
    v_phi: Array,
    v_Z: Array,
    frame: str,
    v_c_kms: float,
    v_c_slope: float,
    R0_kpc: float,
) -> Array:
    """Return (U, V, W) of stars relative to a circular orbit [km/s], shape (3, n).

    Parameters
    ----------
    R, phi_deg, v_R, v_phi, v_Z : ndarray, shape (n,)
        R [kpc], azimuth [deg], and velocities [km/s]: v_R outward, v_phi and phi positive with rotation, v_Z northward.
    frame : str
        ``local``: (-v_R, v_phi - v_c(R), v_Z), relative to the circular orbit at the star. ``lsr``: Cartesian
        velocities toward the centre, along rotation and northward as seen from the Sun, relative to the circular orbit
        at the Sun, as printed in Hawkins (2023); away from phi = 0 it turns rotation into U.
    v_c_kms, v_c_slope : float
        Circular velocity at `R0_kpc` [km/s] and d ln v_c / d ln R.

    Raises
    ------
    DiscatlasError
        For an unknown frame.
    """
    if frame == "local":
        return np.stack([-v_R, v_phi - v_c_kms * (R / R0_kpc) ** v_c_slope, v_Z])
    if frame == "lsr":
        cosine, sine = np.cos(np.deg2rad(phi_deg)), np.sin(np.deg2rad(phi_deg))
        return np.stack([v_phi * sine - v_R * cosine, v_phi * cosine + v_R * sine - v_c_kms, v_Z])
    raise DiscatlasError(
        f"membership: frame {frame!r} is unknown{nearest(frame, FRAMES)}; expected one of {', '.join(FRAMES)}"
    )


def membership_probabilities(velocities: Array, ellipsoids: Mapping[str, Mapping[str, Any]]) -> Array:
    """Return the probabilities of `POPULATIONS`, shape (3, n); NaN where a velocity is missing.

    Parameters
    ----------
    velocities : ndarray, shape (3, n)
        U, V, W [km/s] of `star_velocities`.
    ellipsoids : mapping
        For each of `POPULATIONS`: sigma_U_kms, sigma_V_kms, sigma_W_kms, V_asym_kms, and fraction, its share near the
        Sun. The fractions need not add up to 1.

    Raises
    ------
    DiscatlasError
        For a dispersion or a fraction that is not positive.
    """
    logs = np.empty((len(POPULATIONS), velocities.shape[1]))
    for k, name in enumerate(POPULATIONS):
        spec = ellipsoids[name]
        for key in (*SIGMAS, "fraction"):
            if not spec[key] > 0:
                raise DiscatlasError(f"membership: {key} of the {name} is {spec[key]:g}, expected a number above zero")
        sigmas = np.array([spec[key] for key in SIGMAS])
        offsets = velocities - np.array([0.0, spec["V_asym_kms"], 0.0])[:, None]
        logs[k] = np.log(spec["fraction"] / np.prod(sigmas)) - 0.5 * np.sum((offsets / sigmas[:, None]) ** 2, axis=0)
    shares = np.exp(logs - logs.max(axis=0))
    return shares / shares.sum(axis=0)
