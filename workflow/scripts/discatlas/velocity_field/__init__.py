"""The mean velocity field of the disc, expanded to second order about every node of a grid in the plane.

Source       Akhmetov et al. (2024). Stars are averaged in cubes (`cells`), the cells within a sphere about each node are
             fitted (`nodes`), and Oort's constants and the tensors of the linear field follow (`oort`).
Expansion    V = V_0 + V_R dR + V_phi s + V_Z z + V_RR dR^2/2 + V_phiphi s^2/2 + V_ZZ z^2/2 + V_Rphi dR s + V_RZ dR z
             + V_phiZ s z for V = v_R, v_phi, v_Z, with dR = R - R_node, s = R_node (phi - phi_node) along the arc, the
             angle wrapped, and z = Z. So V_phi = (1/R) dV/dphi, V_phiphi = (1/R^2) d2V/dphi2, and so on.
Signs        phi and v_phi are positive with rotation, v_R outward, as everywhere (`discatlas.frames`); the paper's
             v_theta and its derivatives have the opposite sign.
Units        km/s, km/s/kpc and km/s/kpc^2 for terms of degree 0, 1 and 2.
"""

from discatlas.contracts import join_unit

COMPONENTS = ("v_R", "v_phi", "v_Z")
TERMS = ("0", "R", "phi", "Z", "RR", "phiphi", "ZZ", "Rphi", "RZ", "phiZ")
DEGREES = (0, 1, 1, 1, 2, 2, 2, 2, 2, 2)
N_LINEAR = 4
PREFIXES = {1: "linear_", 2: ""}
_SUFFIXES = ("kms", "kms_kpc", "kms_kpc2")


def coefficient_column(component: str, term: str, order: int) -> str:
    """Return the column of a coefficient: ``("v_R", "RR", 2)`` gives ``"v_R_RR_kms_kpc2"``; order 1 adds ``linear_``."""
    return join_unit(f"{PREFIXES[order]}{component}_{term}", _SUFFIXES[DEGREES[TERMS.index(term)]])
