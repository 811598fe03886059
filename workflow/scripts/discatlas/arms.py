"""Log-periodic spiral arms of Reid et al. 2019 (ApJ 885, 131).

An arm follows ln(R / R_kink) = -(beta - beta_kink) tan(psi), with one pitch angle psi on either side of the kink.
Reid's azimuth beta is zero towards the Sun and grows with Galactic rotation: it is our phi. The radii belong to
Reid's R0 = 8.15 kpc. They are Galactocentric and are used as they are, whatever R0 the stars have: with the Sun at
8.2 kpc the Local arm is then 0.05 kpc nearer to the Sun than Reid et al. measured, far less than its width.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.errors import DiscatlasError

REID_R0_KPC = 8.15


@dataclass(frozen=True)
class Arm:
    """One arm: range of azimuth with data, kink, pitch angles on both sides of the kink [deg] and width [kpc]."""

    arm: str
    label: str
    beta_min_deg: float
    beta_max_deg: float
    beta_kink_deg: float
    R_kink_kpc: float
    pitch_below_deg: float
    pitch_above_deg: float
    width_kpc: float
    source: str


def read_arms(path: Path) -> list[Arm]:
    """Read the table of arms (CSV with one column per field of `Arm`).

    Raises
    ------
    DiscatlasError
        If the file is missing, lacks a column or holds a value that is not a number.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            return parse_arms(csv.DictReader(file), str(path))
    except FileNotFoundError:
        raise DiscatlasError(f"{path}: no such file (the table of spiral arms)") from None


def parse_arms(rows: Iterable[dict[str, str]], where: str) -> list[Arm]:
    """Turn rows of text into arms; `where` names the table in errors."""
    arms = []
    for row in rows:
        values: dict[str, str | float] = {}
        for field in fields(Arm):
            text = row.get(field.name)
            if text is None:
                raise DiscatlasError(f"{where}: no column {field.name!r}; it has: {', '.join(map(str, row))}")
            try:
                values[field.name] = float(text) if field.type is float else text
            except ValueError:
                got = f"{field.name} of arm {row.get('arm')!r} is {text!r}"
                raise DiscatlasError(f"{where}: {got}, expected a number") from None
        arms.append(Arm(**values))
    return arms


def arm_radius(arm: Arm, phi_deg: ArrayLike) -> NDArray[np.float64]:
    """Return the Galactocentric radius [kpc] of an arm at azimuths `phi_deg` [deg] (zero at the Sun, with rotation).

    The azimuth may lie outside the arm's range of data: the extrapolation is the caller's.
    """
    beta = np.asarray(phi_deg, dtype=np.float64)
    pitch_deg = np.where(beta < arm.beta_kink_deg, arm.pitch_below_deg, arm.pitch_above_deg)
    return arm.R_kink_kpc * np.exp(-np.radians(beta - arm.beta_kink_deg) * np.tan(np.radians(pitch_deg)))


def arm_locus(arm: Arm, n: int = 200) -> tuple[NDArray[np.float64], ...]:
    """Return R_kpc, phi_deg, X_kpc, Y_kpc, each of shape (n,), along the arm's range of data, the kink among them.

    X = -R cos(phi) and Y = R sin(phi): the Galactocentric frame of the maps, in Reid's scale (R0 = 8.15 kpc).
    """
    phi_deg = np.linspace(arm.beta_min_deg, arm.beta_max_deg, n)
    phi_deg[np.argmin(np.abs(phi_deg - arm.beta_kink_deg))] = arm.beta_kink_deg
    R_kpc = arm_radius(arm, phi_deg)
    phi = np.radians(phi_deg)
    return R_kpc, phi_deg, -R_kpc * np.cos(phi), R_kpc * np.sin(phi)
