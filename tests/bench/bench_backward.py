"""Backward integration: orbits, points, a 33 x 33 map and the fit of the 16 points, against scipy, with each setting's error.

The model is the published one on its own grid of velocities, 4,480 orbits a point, distribution function and median
included. The error of a setting is that of its medians from those of a converged integration at some places, on a coarser
grid, which averages less. The peer is what one would write with scipy: DOP853 over 200 stars together with the modes in
closed form and sharp cut-offs left to the step control. CPU times are those of all threads; compilation is timed apart.
Run with: PYTHONPATH=workflow/scripts python tests/bench/bench_backward.py [--peer N] [--map-share F]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from scipy.integrate import solve_ivp

from discatlas.config import complete_config
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, v_R_medians
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.planar_orbits import end_states, planar_state
from discatlas.dynamics.potential_nodes import radial_nodes
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.runtime import use_threads

ROOT = Path(__file__).parents[2]
BUDGETS = {"point": 0.050, "map": 60.0, "fit": 1.0}
GRID = VelocityGrid.from_config({"v_R_kms": [-79, 79, 2], "v_phi_kms": [110, 330, 4]})
COARSE = VelocityGrid.from_config({"v_R_kms": [-78, 78, 4], "v_phi_kms": [118, 322, 17]})
# SCIENCE: x, y [kpc] of the points of the published fit
POINTS = (
    (8.275, 0), (7, 3.5), (7, 1), (9, 0), (6.5, 0), (10, 0), (7, -3), (10, -3),
    (6, -2.5), (7.5, -2.5), (11.5, 1), (12, 0), (9, -3), (9, 3.5), (10, 3.5), (12, 3.5),
)  # fmt: skip
CONVERGED = 800
TOLERANCES = {"rtol": 1e-8, "atol": 1e-7}


class Clock(NamedTuple):
    """Wall and processor seconds, and what was made in them."""

    wall: float
    cpu: float
    result: object


def timed(function: Callable) -> Clock:
    """Call and time."""
    start = time.perf_counter(), time.process_time()
    result = function()
    return Clock(time.perf_counter() - start[0], time.process_time() - start[1], result)


def default_model() -> tuple[BarredModel, int]:
    """The published model, and the threads of the default config."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    config = complete_config(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")), schema)
    entry = config["barred_models"]["khalil2025"]
    potential = config["potentials"][entry["potential"]]
    R = radial_nodes(1000, 0.01, potential["R_max_kpc"])
    engine = open_engine("galpy", DensityModel.from_config(potential["model"]), threads=config["threads"])
    spec = {
        "bar": config["bars"][entry["bar"]],
        "spirals": [config["spirals"][name] for name in entry["spirals"]],
        "distribution": config["distribution_functions"][entry["distribution"]],
        "integration_kpc_kms": entry["integration_kpc_kms"],
    }
    return BarredModel.from_spec(PlaneProfile(R, *engine.plane(R)), spec), config["threads"]


def polar(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R [kpc] and azimuth [deg]."""
    return np.hypot(*places.T), np.degrees(np.arctan2(places[:, 1], places[:, 0]))


def bench_points(model: BarredModel) -> None:
    """Print times of each setting at the 16 points, and errors there."""
    R, phi = polar(np.array(POINTS))
    n = R.size * GRID.v_R_kms.size * GRID.v_phi_kms.size
    print(f"  compilation (or reading its cache) {timed(lambda: v_R_medians(model, R[:1], phi[:1], GRID)).wall:.1f} s")
    v_R_medians(model, R[:1], phi[:1], COARSE, 10)
    converged = v_R_medians(model, R, phi, COARSE, CONVERGED)
    for accuracy, chosen in (("fast", slice(None)), (150, slice(None)), (400, slice(4)), ("reference", slice(1))):
        share = R[chosen].size / R.size
        fresh = model.replace(model.perturbation)
        repeats = 3 if accuracy == "fast" else 1
        clocks = [
            timed(lambda made=fresh, a=accuracy, s=chosen: v_R_medians(made, R[s], phi[s], GRID, a))
            for _ in range(repeats)
        ]
        clock = min(clocks, key=lambda found: found.wall)
        errors = v_R_medians(model, R[chosen], phi[chosen], COARSE, accuracy) - converged[chosen]
        print(
            f"{accuracy!s:>9}: {clock.cpu / n / share * 1e6:7.1f} us CPU/orbit, {clock.wall / R.size / share * 1e3:8.1f} ms/point, "
            f"16 points {clock.wall / share:7.2f} s, {3600 * share / clock.wall:8,.0f} evaluations of the fit an hour; "
            f"medians within {np.abs(errors).max():.2g} km/s (rms {np.sqrt(np.mean(errors**2)):.2g})"
        )
    print(f"  budgets: {BUDGETS['point'] * 1e3:g} ms/point, {BUDGETS['fit']:g} s for the 16 points")


def bench_map(model: BarredModel, share: float) -> None:
    """Print the time of the map of 33 x 33 places, or of a share of them."""
    places = np.stack(np.meshgrid(np.linspace(4, 12, 33), np.linspace(-4, 4, 33)), axis=-1).reshape(-1, 2)
    some = places[:: max(round(1 / share), 1)]
    clock = timed(lambda: v_R_medians(model, *polar(some), GRID))
    whole = len(places) / len(some)
    print(
        f"33 x 33 map at the fast setting: {clock.wall * whole:.1f} s wall, {clock.cpu * whole:.1f} s CPU, from {len(some):,} places "
        f"(budget {BUDGETS['map']:g} s)"
    )


class Peer:
    """Forces in the plane as one would write them with numpy."""

    def __init__(self, model: BarredModel) -> None:
        self.model = model

    def slopes(self, R: np.ndarray, phi: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the potential along R and phi."""
        plane, perturbation = self.model.plane, self.model.perturbation
        Phi, along_R = plane.potential(R), np.interp(R, plane.R_kpc, plane.dPhi_dR_km2_s2_kpc)
        total, across, bar = along_R, np.zeros_like(R), perturbation.bar
        for mode in bar.modes:
            value, slope = bar.fraction(mode, R)
            wave = np.exp(1j * mode.m * (phi - bar.pattern.Omega_kms_kpc * t)) * bar.phase(mode) * bar.pattern.growth(t)
            total = total + wave.real * (slope * Phi + value * along_R)
            across = across - wave.imag * mode.m * value * Phi
        for spiral in perturbation.spirals:
            value, slope = spiral.amplitude(R)
            inside = (spiral.R_limits_kpc[0] < R) & (spiral.R_limits_kpc[1] > R)
            wave = np.exp(1j * spiral.m * (phi - spiral.pattern.Omega_kms_kpc * t)) * spiral.pattern.growth(t) * inside
            total, across = total + (wave * slope).real, across - (wave * value).imag * spiral.m
        return total, across

    def follow(self, state: np.ndarray, duration: float) -> np.ndarray:
        """States a time before, shape (4, n)."""

        def motion(t: float, flat: np.ndarray) -> np.ndarray:
            x, y, u, v = flat.reshape(4, -1)
            R, phi = np.hypot(x, y), np.arctan2(y, x)
            along, across = self.slopes(R, phi, t)
            return np.concatenate([u, v, (-along * x + across * y / R) / R, (-along * y - across * x / R) / R])

        return solve_ivp(motion, (0.0, -duration), state.ravel(), "DOP853", **TOLERANCES).y[:, -1].reshape(4, -1)


def bench_peer(model: BarredModel, n_peer: int) -> None:
    """Print the time of scipy for some of the orbits through the Sun, and how far apart both are."""
    v_R, v_phi = GRID.velocities()
    state = planar_state(np.full(v_R.size, POINTS[0][0]), np.zeros(v_R.size), v_R, v_phi)
    some = np.random.default_rng(1).choice(v_R.size, n_peer, replace=False)
    slow = timed(lambda: Peer(model).follow(state[:, some], model.integration_kpc_kms))
    fast = min(
        (timed(lambda: end_states(model.tables, model.integration_kpc_kms, state, "fast")) for _ in range(5)),
        key=lambda clock: clock.cpu,
    )
    apart = 1e3 * np.hypot(*(fast.result[:, some] - slow.result)[:2])
    print(
        f"scipy DOP853, {n_peer} orbits through the Sun: {slow.cpu / n_peer * 1e3:.1f} ms CPU/orbit; ours {fast.cpu / v_R.size * 1e6:.1f} us, "
        f"{slow.cpu / n_peer / (fast.cpu / v_R.size):,.0f}x; apart: median {np.median(apart):.2g} pc, 90 % below {np.quantile(apart, 0.9):.2g} pc"
    )


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=int, default=200)
    parser.add_argument("--map-share", type=float, default=1.0)
    arguments = parser.parse_args()
    model, threads = default_model()
    use_threads(threads)
    print(f"{threads} threads; {GRID.v_R_kms.size * GRID.v_phi_kms.size:,} orbits a point")
    bench_points(model)
    bench_map(model, arguments.map_share)
    bench_peer(model, arguments.peer)


if __name__ == "__main__":
    main()
