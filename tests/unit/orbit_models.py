"""Potentials for tests of orbits: one whose tables are exact, the published one, and bar and spirals written down anew.

Tables interpolate with cubics in u = R / (R + c) and v = |Z| / (|Z| + b), so a potential that is such a polynomial has no
error of interpolation. Its flat v^2 has a cusp |Z|^3 in the plane, as an exponential disc has.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from khalil2025 import MODEL
from scipy.integrate import solve_ivp

from discatlas.dynamics.adiabatic import VerticalTables, place_orbits
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Pattern, Perturbation, Spiral
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC as C
from discatlas.dynamics.potential_nodes import VERTICAL_SCALE_KPC as B
from discatlas.dynamics.potential_nodes import radial_nodes, vertical_nodes
from discatlas.simulation.populations import Population

DEPTH, STIFFNESS = 4 * 220.0**2, 5000.0  # (km/s)^2: v_c is 220 km/s at R = c, nu about 50 km/s/kpc

# SCIENCE: the published bar and spirals; the cut-offs are its literal ones
BAR = {
    "modes": [
        {"m": 2, "K": 0.25552453, "a": 1.80362025, "b": 5.08270614},
        {"m": 4, "K": 8.45479173, "a": 4.08573902, "b": 10.69978858},
        {"m": 6, "K": 210.40997238, "a": 5.95902218, "b": 16.06541472},
    ],
    "R_max_kpc": 12.0,
    "angle_deg": 28.0,
    "Omega_kms_kpc": 37.0,
    "turns": 3.2,
    "vertical": "thomas2023",
    "source": "Khalil et al. 2025",
}
# of each spiral mode: number of arms, amplitude, pitch angle, phase, limits and pattern speed
# arms, amplitude [(km/s)^2], pitch and phase [rad], limits [kpc] and pattern speed [km/s/kpc] of each spiral
K_2 = 2818.0911
K_3 = K_2 / ((16.406153 / 13.070959) ** 2 * np.tan(0.23862412) / np.tan(0.14147012))
ARMS = {
    2: (2, K_2, 0.14147012, 3.97648541, (6.6461, 26.404), 13.070959),
    3: (3, K_3, 0.23862412, 1.42613550, (7.9695, 19.653), 16.406153),
}
R0_KPC, H_KPC, LIFE_KPC_KMS = 8.275, 0.13, 3.2 * 2 * np.pi / 37.0


def spiral_config(arms, **changes):
    m, K, pitch, phase, limits, Omega = ARMS[arms]
    config = {"m": m, "K_km2_s2": K, "pitch_deg": np.degrees(pitch), "phase_deg": np.degrees(phase), "h_kpc": H_KPC}
    config |= {"R0_kpc": R0_KPC, "R_limits_kpc": limits, "Omega_kms_kpc": Omega, "turns": 1.0}
    return config | {"vertical": "cox_gomez2002", "source": "Khalil et al. 2025"} | changes


def published(bar=True, arms=(2, 3), **changes):
    """The published bar and spirals, or some of them."""
    return Perturbation.from_config(BAR | changes if bar else None, [spiral_config(m, **changes) for m in arms])


def exact_potential(R, Z=0.0):
    u, v = R / (R + C), np.abs(Z) / (np.abs(Z) + B)
    return DEPTH * (u - 1) + STIFFNESS * ((1 - u) * v) ** 2


def exact_plane(n=400):
    R = radial_nodes(n, 0.01, 40.0)
    Omega_squared = DEPTH * C / (R * (R + C) ** 2)
    kappa_squared = 3 * Omega_squared - 2 * DEPTH * C / (R + C) ** 3
    nu = np.sqrt(2 * STIFFNESS) * C / (R + C) / B
    return PlaneProfile(R, exact_potential(R), R * Omega_squared, np.sqrt(Omega_squared), np.sqrt(kappa_squared), nu)


def exact_grid(n_R=60, n_Z=40):
    R, Z = radial_nodes(n_R, 0.01, 40.0), vertical_nodes(n_Z, 20.0)
    s, v = (C / (R + C))[:, None], (Z / (Z + B))[None]
    ds, dv = -s / (R[:, None] + C), B / (Z[None] + B) ** 2
    d_R = -DEPTH * ds + 2 * STIFFNESS * s * ds * v**2
    d_Z, d_RZ = 2 * STIFFNESS * s**2 * v * dv, 4 * STIFFNESS * s * ds * v * dv
    return PotentialGrid(R, Z, exact_potential(R[:, None], Z[None]), d_R, d_Z, d_RZ)


class PolynomialMode(Spiral):
    """A mode whose amplitude is a cubic in u, so that its table is exact: for the order of the method."""

    def amplitude(self, R_kpc):
        u, du = R_kpc / (R_kpc + C), C / (R_kpc + C) ** 2
        value = (u**2 * (1 - u) + 0.5j * u * (1 - u)) * self.K_km2_s2
        return value, (2 * u - 3 * u**2 + 0.5j * (1 - 2 * u)) * du * self.K_km2_s2


def polynomial_mode(m=2, K=4000.0, limits=(0.0, np.inf), Omega=37.0, turns=0.0):
    return PolynomialMode(m, K, 10.0, 0.0, H_KPC, R0_KPC, limits, Pattern(Omega, turns), "constant", "test")


@cache
def khalil_engine():
    from discatlas.dynamics.engine import open_engine

    return open_engine("galpy", MODEL, threads=2)


@cache
def khalil_plane(n=1000):
    R = radial_nodes(n, 0.01, 40.0)
    return PlaneProfile(R, *khalil_engine().plane(R))


@cache
def khalil_grid(n_R=240, n_Z=72):
    R, Z = radial_nodes(n_R, 0.01, 40.0), vertical_nodes(n_Z, 20.0)
    places = R[:, None], Z[None, :]
    engine = khalil_engine()
    return PotentialGrid(R, Z, engine.potential(*places), *engine.gradient(*places), engine.mixed_derivative(*places))


@cache
def khalil_vertical():
    return VerticalTables.build(khalil_grid())


def growth(t, life):
    T = np.clip((4 * t + 3 * life) / life, -1, 1)
    return 3 / 16 * T**5 - 5 / 8 * T**3 + 15 / 16 * T + 1 / 2


class Part(NamedTuple):
    """A part of the potential, a function of X, Y, Z and t, that acts between two radii."""

    potential: Callable
    limits: tuple[float, float] = (0.0, np.inf)


def background(X, Y, Z, t):
    return exact_potential(np.hypot(X, Y), Z)


def bar(X, Y, Z, t):
    x, phi = np.hypot(X, Y) / 12, np.arctan2(Y, -X)
    total = 0.0
    for mode in BAR["modes"]:
        fraction = mode["K"] * x ** (mode["a"] - 1) * np.maximum(1 - x, 0) ** (mode["b"] - 1)
        total = total + fraction * np.cos(mode["m"] * (phi - np.radians(28) - 37 * t))
    return growth(t, LIFE_KPC_KMS) * total * background(X, Y, Z, t)


def spiral(arms, in_space=True):
    m, K, pitch, phase, limits, Omega = ARMS[arms]

    def potential(X, Y, Z, t):
        R, phi = np.hypot(X, Y), np.arctan2(Y, -X)
        u = m / (R * np.sin(pitch))
        D = (1 + u * H_KPC + 0.3 * u**2 * H_KPC**2) / (1 + 0.3 * u * H_KPC)
        wave = np.cos(m * (phi - phase - Omega * t + np.log(R / R0_KPC) / np.tan(pitch)))
        beta = u * H_KPC * (1 + 0.4 * u * H_KPC)
        height = np.cosh(u * Z / beta) ** -beta if in_space else 1.0
        return -growth(t, 2 * np.pi / Omega) * K / (R0_KPC * u * D) * wave * height

    return Part(potential, limits)


STENCIL, WEIGHT = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1.0, -8.0, 8.0, -1.0]) / 12
STEP_KPC = 1e-3


def gradient(part, place, t):
    """The gradient by differences of the potential, of fourth order."""
    X, Y, Z = place[:, None] + STEP_KPC * np.kron(np.eye(3), STENCIL)
    return part.potential(X, Y, Z, t).reshape(3, 4) @ WEIGHT / STEP_KPC


def reference_orbit(parts, place, velocity, start, end):
    """Integrate with scipy, piece by piece between the radii where parts begin or end to act."""
    radii = sorted({radius for part in parts for radius in part.limits if 0 < radius < np.inf})
    state, t, planar = np.concatenate([place, velocity]), start, place[2] == velocity[2] == 0

    def crossing(radius):
        def distance(_, s):
            return np.hypot(s[0], s[1]) - radius

        distance.terminal = True
        return distance

    events, is_landed = [crossing(radius) for radius in radii], False
    while t != end:
        ahead = np.hypot(*(state[:2] + np.sign(end - t) * 1e-9 * state[3:5]))
        acting = [part for part in parts if part.limits[0] < ahead < part.limits[1]]

        def motion(time, s, acting=acting):
            force = -sum(gradient(part, s[:3], time) for part in acting)
            return np.concatenate([s[3:], force * (np.array([1, 1, 0]) if planar else 1)])

        stop = t + np.sign(end - t) * min(abs(end - t), 1e-6) if is_landed else end  # off the radius first
        watched = [] if is_landed else events
        piece = solve_ivp(motion, (t, stop), state, "DOP853", rtol=1e-11, atol=1e-10, events=watched or None)
        t, state, is_landed = piece.t[-1], piece.y[:, -1], piece.status == 1
    return state[:3], state[3:]


def cartesian(R, phi_deg, v_R, v_phi, Z=0.0, v_Z=0.0):
    """Places and velocities, shape (n, 3) each."""
    R, phi, v_R, v_phi, Z, v_Z = np.broadcast_arrays(R, np.radians(phi_deg), v_R, v_phi, Z, v_Z)
    place = np.stack([-R * np.cos(phi), R * np.sin(phi), Z], axis=-1)
    speed = [v_phi * np.sin(phi) - v_R * np.cos(phi), v_phi * np.cos(phi) + v_R * np.sin(phi), v_Z]
    return np.atleast_2d(place), np.atleast_2d(np.stack(speed, axis=-1))


def equilibrium(config, plane, vertical, n, seed):
    """Places and velocities of a population of the config, mixed in phase, and the radii of its pericentres."""
    population, rng = Population.from_config("thin", config), np.random.default_rng(seed)
    R_guide, age = population.draw_radii(n, rng), population.draw_ages(n, rng)[0]
    J_R, J_Z = population.draw_actions(R_guide, age, plane, R0_KPC, rng)
    L_z = R_guide**2 * plane.frequencies(R_guide)[0]
    start = place_orbits(vertical, L_z, J_R, J_Z, R_guide, *rng.random((2, n)))
    velocity = start["v_R_kms"], start["v_phi_kms"], start["Z_kpc"], start["v_Z_kms"]
    return *cartesian(start["R_kpc"], rng.uniform(-180, 180, n), *velocity), start["R_peri_kpc"]
