"""Mean velocities given by their Taylor series about a node, in the convention of `discatlas.velocity_field`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column

Array = NDArray[np.float64]
COEFFICIENTS = {coefficient_column(c, term, 2): (c, term) for c in COMPONENTS for term in TERMS}


def check_number(where: str, name: str, value: object) -> None:
    """Raise a DiscatlasError unless `value` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise DiscatlasError(f"{where}: got {name} {value!r}, expected a finite number")


@dataclass(frozen=True)
class TaylorField:
    """Second-order series of mean velocities about a node in the plane (Akhmetov et al. 2024).

    V = V_0 + V_R dR + V_phi s + V_Z z + V_RR dR^2/2 + V_phiphi s^2/2 + V_ZZ z^2/2 + V_Rphi dR s + V_RZ dR z + V_phiZ s z,
    with dR = R - R_node, s = R_node (phi - phi_node), the angle wrapped, and z = Z.

    Parameters
    ----------
    R_node_kpc, phi_node_deg : float
        The node.
    coefficients : mapping of str to float
        Named as the columns of a second-order fit, such as ``v_R_phi_kms_kpc`` or ``v_phi_RR_kms_kpc2``
        (`COEFFICIENTS`). Those not given are 0; a component with none has no series.
    """

    R_node_kpc: float
    phi_node_deg: float
    coefficients: Mapping[str, float]

    def __post_init__(self) -> None:
        for name in self.coefficients:
            if name not in COEFFICIENTS:
                close = nearest(str(name), COEFFICIENTS)
                raise DiscatlasError(
                    f"taylor: unknown coefficient {name!r}{close}; expected names such as v_R_phi_kms_kpc"
                )
        for name, value in {
            "R_node_kpc": self.R_node_kpc,
            "phi_node_deg": self.phi_node_deg,
            **self.coefficients,
        }.items():
            check_number("taylor", name, value)
        if self.R_node_kpc <= 0:
            raise DiscatlasError(f"taylor: got R_node_kpc {self.R_node_kpc}, expected more than 0")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the field from a config mapping of exactly its parameters."""
        known = [field.name for field in fields(cls)]
        for key in config:
            if key not in known:
                raise DiscatlasError(
                    f"taylor: unknown key {key!r}{nearest(str(key), known)}; expected {', '.join(known)}"
                )
        for key in known:
            if key not in config:
                raise DiscatlasError(f"taylor: key {key!r} is missing; expected {', '.join(known)}")
        return cls(**config)

    @property
    def components(self) -> tuple[str, ...]:
        """The components that have a series, of v_R, v_phi, v_Z."""
        return tuple(c for c in COMPONENTS if any(COEFFICIENTS[name][0] == c for name in self.coefficients))

    def mean(self, component: str, R_kpc: Array, phi_deg: Array, Z_kpc: Array) -> Array:
        """Return the series of a component [km/s]."""
        V = dict.fromkeys(TERMS, 0.0)
        V |= {COEFFICIENTS[name][1]: v for name, v in self.coefficients.items() if COEFFICIENTS[name][0] == component}
        turn = (phi_deg - self.phi_node_deg + 180.0) % 360.0 - 180.0
        dR, s, z = R_kpc - self.R_node_kpc, self.R_node_kpc * np.deg2rad(turn), Z_kpc
        value = V["0"] + V["R"] * dR + V["phi"] * s + V["Z"] * z
        value = value + 0.5 * (V["RR"] * dR**2 + V["phiphi"] * s**2 + V["ZZ"] * z**2)
        return value + V["Rphi"] * dR * s + V["RZ"] * dR * z + V["phiZ"] * s * z
