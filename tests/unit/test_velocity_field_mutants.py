"""The check of the whole chain bites: from Cartesian velocities to coefficients and Oort's constants, with mutations.

Each mutation is made in a copy of a module's source, which runs uncompiled; the check must pass with the sources as they
are and fail with each of the mutants.
"""

import sys
import types

import numpy as np
import pytest

from discatlas.velocity_field import TERMS
from places import ROOT

LIBRARY = ROOT / "workflow/scripts/discatlas"
FILES = {"frames": "frames.py", "nodes": "velocity_field/nodes.py", "oort": "velocity_field/oort.py"}
UNCOMPILED = {"from numba import njit, prange": "njit, prange = lambda **_: lambda function: function, range"}
R_NODE, PHI_NODE, RADIUS = 6.3, np.deg2rad(178.0), 0.8

MUTANTS = {
    "sign of v_phi flipped": ("frames", "(v_X_kms * Y_kpc - v_Y_kms * X_kpc)", "(v_Y_kms * X_kpc - v_X_kms * Y_kpc)"),
    "sign of v_phi flipped in Oort's constants": ("oort", "[1.0, -1.0, 0.0]", "[-1.0, 1.0, 0.0]"),
    "1/2 of dR^2 dropped": ("nodes", "0.5 * dR * dR", "dR * dR"),
    "1/2 of s^2 dropped": ("nodes", "0.5 * s * s", "s * s"),
    "1/2 of Z^2 dropped": ("nodes", "0.5 * z * z", "z * z"),
    "1/2 of Oort's constants dropped": ("oort", "0.5 * np.broadcast_to", "np.broadcast_to"),
    "R_node left out": ("nodes", "R_kpc - R_node_kpc, R_node_kpc * turn", "R_kpc - R_node_kpc, turn"),
    "R of the cell for R_node": ("nodes", "R_kpc - R_node_kpc, R_node_kpc * turn", "R_kpc - R_node_kpc, R_kpc * turn"),
    "R_node left out of Oort's constants": ("oort", "factors[..., 0] /= R_kpc[:, None, None]", "pass"),
    "angle not wrapped": ("nodes", "turn -= 2.0 * math.pi * math.floor(turn / (2.0 * math.pi) + 0.5)", "pass"),
}


def load(name, old="", new=""):
    """A module from its source with `old` replaced once."""
    text = (LIBRARY / FILES[name]).read_text(encoding="utf-8")
    assert not old or text.count(old) == 1, old
    for before, after in (({old: new} if old else {}) | (UNCOMPILED if name == "nodes" else {})).items():
        text = text.replace(before, after)
    module = types.ModuleType(f"mutated_{name}")
    sys.modules[module.__name__] = module  # dataclasses look there
    exec(compile(text, FILES[name], "exec"), module.__dict__)
    return module


def failures(modules):
    """What does not come back of a quadratic field that is given by its Cartesian velocities, and of its A to K."""
    rng = np.random.default_rng(3)
    truth = rng.choice([-1, 1], (3, 10)) * rng.uniform(2, 9, (3, 10))
    truth[1, 0] = 231.0
    dR, s, z = rng.uniform(-0.4, 0.4, (3, 60))
    R, phi = R_NODE + dR, PHI_NODE + s / R_NODE
    design = np.stack([np.ones(60), dR, s, z, dR**2 / 2, s**2 / 2, z**2 / 2, dR * s, dR * z, s * z])
    v_R, v_phi, v_Z = truth @ design
    X, Y = -R * np.cos(phi), R * np.sin(phi)
    # e_R = (-cos, sin), e_phi = (sin, cos): phi is zero at the Sun, where rotation is along +Y
    v_X, v_Y = -np.cos(phi) * v_R + np.sin(phi) * v_phi, np.sin(phi) * v_R + np.cos(phi) * v_phi
    seen = np.stack([*modules["frames"].cylindrical_velocity(X, Y, v_X, v_Y), v_Z], axis=1)
    nodes = modules["nodes"]
    place = np.array([-R_NODE * np.cos(PHI_NODE)]), np.array([R_NODE * np.sin(PHI_NODE)])
    fits = nodes.fit_nodes(nodes.sort_cells(np.stack([X, Y, z], axis=1), seen, None, RADIUS), *place, 20).quadratic
    off = np.abs(fits.coefficients[0] - truth) > 1e-8 * np.abs(truth)
    found = [f"{component}, {TERMS[t]}" for component, t in np.argwhere(off)]
    constants, _ = modules["oort"].oort_constants(np.array([R_NODE]), fits.coefficients, fits.covariance)
    (u, u_R, u_phi), (v, v_slope, v_turn) = truth[:2, :3]
    twice = [v / R_NODE - v_slope - u_phi, -v / R_NODE - v_slope + u_phi]
    twice += [-u / R_NODE + u_R - v_turn, u / R_NODE + u_R + v_turn]
    return found + [name for name, a, b in zip("ABCK", constants[0], twice, strict=True) if abs(a - b / 2) > 1e-7]


def test_the_sources_as_they_are_pass():
    assert failures({name: load(name) for name in FILES}) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails(name):
    module, old, new = MUTANTS[name]
    assert failures({key: load(key, *((old, new) if key == module else ())) for key in FILES})
