"""The simulated Milky Way: 400,000 orbits and 4,480 planar ones against scipy, and the whole default simulation.

The peer is what one would write with scipy: DOP853 over a few stars together, the background from bicubic splines of the
same tables, bar and spirals in closed form, sharp cut-offs left to the step control. Outputs are compared in the run;
compilation is timed apart. The whole simulation runs script by script, each in a process of its own, as the workflow does.
CPU times are those of all threads. Run with:
PYTHONPATH=workflow/scripts python tests/bench/bench_simulation.py [--particles N] [--peer N] [--skip-whole]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline

from discatlas.config import complete_config
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, integrate
from discatlas.dynamics.potential_nodes import RADIAL_SCALE_KPC, VERTICAL_SCALE_KPC
from discatlas.runtime import use_threads
from discatlas.simulation.orbits import Mechanics, OrbitModel
from discatlas.streams import stream_generator
from discatlas.tables import read_columns

ROOT = Path(__file__).parents[2]
BUDGETS = {"orbits": 30.0, "planar": 0.050, "whole": 120.0, "memory": 3.0}
CHUNK, FEW, ALL_OLD, AT_ONCE, R_SUN = 100_000, 2_000, 0.55, 1e-9, 8.275
PLANAR = (70, 64)  # velocities v_R times v_phi at the Sun
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


def default_config() -> dict:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    return complete_config(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")), schema)


class Peer:
    """Accelerations as one would write them with numpy and scipy, for stars together."""

    def __init__(self, grid: PotentialGrid, perturbation: Perturbation) -> None:
        self.perturbation = perturbation
        u, v = grid.R_kpc / (grid.R_kpc + RADIAL_SCALE_KPC), grid.Z_kpc / (grid.Z_kpc + VERTICAL_SCALE_KPC)
        self.spline = RectBivariateSpline(u, v, grid.Phi_km2_s2)

    def background(self, R: np.ndarray, Z: np.ndarray) -> tuple:
        """Potential and its slopes; Z >= 0."""
        u, v = R / (R + RADIAL_SCALE_KPC), Z / (Z + VERTICAL_SCALE_KPC)
        per_u, per_v = (
            RADIAL_SCALE_KPC / (R + RADIAL_SCALE_KPC) ** 2,
            VERTICAL_SCALE_KPC / (Z + VERTICAL_SCALE_KPC) ** 2,
        )
        return self.spline.ev(u, v), self.spline.ev(u, v, dx=1) * per_u, self.spline.ev(u, v, dy=1) * per_v

    def slopes(self, R: np.ndarray, phi: np.ndarray, Z: np.ndarray, t: float) -> tuple:
        """Derivatives of the whole potential along R, phi and Z."""
        side, Z = np.sign(Z), np.abs(Z)
        Phi, along_R, along_Z = self.background(R, Z)
        total = [along_R, np.zeros_like(R), along_Z]
        bar = self.perturbation.bar
        for mode in bar.modes if bar else ():
            value, slope = bar.fraction(mode, R)
            wave = np.exp(1j * mode.m * (phi - bar.pattern.Omega_kms_kpc * t)) * bar.phase(mode) * bar.pattern.growth(t)
            total[0] = total[0] + wave.real * (slope * Phi + value * along_R)
            total[1] = total[1] - wave.imag * mode.m * value * Phi
            total[2] = total[2] + wave.real * value * along_Z
        for spiral in self.perturbation.spirals:
            value, slope = spiral.amplitude(R)
            height, height_R, height_Z = spiral.height_factor(R, Z)
            low, high = spiral.R_limits_kpc
            inside = (low < R) & (high > R)
            wave = np.exp(1j * spiral.m * (phi - spiral.pattern.Omega_kms_kpc * t)) * spiral.pattern.growth(t) * inside
            total[0] = total[0] + (wave * (slope * height + value * height_R)).real
            total[1] = total[1] - (wave * value).imag * spiral.m * height
            total[2] = total[2] + (wave * value).real * height_Z
        return total[0], total[1], side * total[2]

    def follow(self, position: np.ndarray, velocity: np.ndarray, start: float, end: float) -> np.ndarray:
        """Positions at the end, shape (n, 3)."""
        n = len(position)

        def motion(t: float, state: np.ndarray) -> np.ndarray:
            x, y, z, *velocities = state.reshape(6, n)
            R, phi = np.hypot(x, y), np.arctan2(y, x)
            along_R, along_phi, along_Z = self.slopes(R, phi, z, t)
            force_x, force_y = -along_R * x / R + along_phi * y / R**2, -along_R * y / R - along_phi * x / R**2
            return np.concatenate([*velocities, force_x, force_y, -along_Z])

        sign = np.array([[-1.0], [1.0], [1.0]])
        state = np.concatenate([position.T * sign, velocity.T * sign]).ravel()
        return (solve_ivp(motion, (start, end), state, "DOP853", **TOLERANCES).y[:, -1].reshape(6, n)[:3] * sign).T


def report(what: str, n: int, clock: Clock, note: str = "") -> None:
    print(f"{what:<46}{n:>9,} orbits {clock.wall:>9.3f} s wall {clock.cpu:>9.3f} s CPU  {note}")


def compare(ours: np.ndarray, theirs: np.ndarray) -> str:
    apart = 1e3 * np.linalg.norm(ours - theirs, axis=1)
    return f"difference: median {np.median(apart):.2g} pc, 90 % below {np.quantile(apart, 0.9):.2g} pc"


def old_galaxy(config: dict, off: bool) -> tuple[dict, Perturbation]:
    """The default galaxy without stars younger than the integration; `off`: at its start, as it is drawn."""
    galaxy = deepcopy(config["galaxies"]["milky_way"])
    for population in galaxy["populations"].values():
        population["age_limits_Gyr"] = [max(age, ALL_OLD + k) for k, age in enumerate(population["age_limits_Gyr"])]
    if off:
        return galaxy | {"integration_kpc_kms": AT_ONCE}, Perturbation(None, ())
    spirals = [config["spirals"][name] for name in galaxy["spirals"]]
    return galaxy, Perturbation.from_config(config["bars"][galaxy["bar"]], spirals)


def simulate_all(mechanics: Mechanics, n: int) -> dict[str, np.ndarray]:
    """Particles chunk by chunk, as the script makes them; the first chunk is returned."""
    chunks = [mechanics.simulate(min(CHUNK, n - k), stream_generator(1, "bench", str(k))) for k in range(0, n, CHUNK)]
    return chunks[0]


def state_of(particles: dict[str, np.ndarray], n: int) -> list[np.ndarray]:
    names = ("X_kpc", "Y_kpc", "Z_kpc"), ("v_X_kms", "v_Y_kms", "v_Z_kms")
    return [np.stack([particles[name][:n] for name in group], axis=1) for group in names]


def bench_orbits(config: dict, plane: PlaneProfile, grid: PotentialGrid, n: int, n_peer: int) -> None:
    """Print the time of all orbits in space through bar and spirals, all through the whole time, and the peer's of some."""
    models = {}
    for off in (True, False):
        galaxy, perturbation = old_galaxy(config, off)
        models[off] = Mechanics.build(OrbitModel.from_config(galaxy, perturbation), plane, grid)
    first = timed(lambda: simulate_all(models[False], 100))
    print(f"  compilation (or reading its cache) {first.wall:.1f} s")
    drawn, moved = (timed(lambda off=off: simulate_all(models[off], n)) for off in (True, False))
    orbits = Clock(moved.wall - drawn.wall, moved.cpu - drawn.cpu, None)
    peer = Peer(grid, models[False].model.perturbation)
    duration = models[False].model.integration_kpc_kms
    slow = timed(lambda: peer.follow(*state_of(drawn.result, n_peer), -duration, 0.0))
    report("scipy DOP853, bar and spirals, in space", n_peer, slow, f"{slow.cpu / n_peer * 1e3:.1f} ms/orbit")
    speed_up = slow.cpu / n_peer / (orbits.cpu / n)
    note = f"{orbits.cpu / n * 1e6:.1f} us/orbit, {speed_up:.0f}x, budget {BUDGETS['orbits']:g} s"
    report("discatlas, the same", n, orbits, note)
    print(f"  {compare(state_of(moved.result, n_peer)[0], slow.result)}; drawing them: {drawn.cpu:.1f} s CPU")


def pericentres(plane: PlaneProfile, v_R: np.ndarray, v_phi: np.ndarray) -> np.ndarray:
    """Innermost radii of planar orbits through the Sun's radius, in the background."""
    R = np.linspace(0.5, R_SUN, 400)
    energy = plane.potential(R_SUN) + 0.5 * (v_R**2 + v_phi**2)
    forbidden = plane.potential(R) + 0.5 * (R_SUN * v_phi[:, None] / R) ** 2 > energy[:, None]
    return R[np.where(forbidden.any(axis=1), R.size - 1 - np.argmax(forbidden[:, ::-1], axis=1), 0)]


def bench_planar(config: dict, plane: PlaneProfile, grid: PotentialGrid, n_peer: int) -> None:
    """Print the time of a velocity plane at the Sun, integrated backward in the plane."""
    galaxy, perturbation = old_galaxy(config, off=False)
    tables, duration = ForceTables.build(plane, perturbation), galaxy["integration_kpc_kms"]
    v_R, v_phi = (v.ravel() for v in np.meshgrid(np.linspace(-120, 120, PLANAR[0]), np.linspace(130, 320, PLANAR[1])))
    zero, n, radians = np.zeros(v_R.size), v_R.size, galaxy["radians_per_step"]
    position = np.stack([zero - R_SUN, zero, zero], axis=1)
    velocity = np.stack([-v_R, v_phi, zero], axis=1)
    steps = count_steps(plane, pericentres(plane, v_R, v_phi), np.full(n, duration), radians)

    def ours() -> np.ndarray:
        return integrate(tables, position, velocity, zero, -duration, steps, radians)[0]

    print(f"  compilation (or reading its cache) {timed(ours).wall:.1f} s")
    fast = min((timed(ours) for _ in range(5)), key=lambda clock: clock.wall)
    some = np.linspace(0, n - 1, n_peer).astype(int)
    slow = timed(lambda: Peer(grid, perturbation).follow(position[some], velocity[some], 0.0, -duration))
    report("scipy DOP853, in the plane, backward", n_peer, slow, f"{slow.cpu / n_peer * 1e3:.1f} ms/orbit")
    speed_up = slow.cpu / n_peer / (fast.cpu / n)
    note = f"{steps.mean():.0f} steps, {speed_up:.0f}x, budget {BUDGETS['planar'] * 1e3:g} ms"
    report("discatlas, the same", n, fast, note)
    print(f"  {compare(fast.result[some], slow.result)}")


def run_stage(stage: str, name: str, folder: Path, n_particles: int) -> None:
    """Run one script of the default simulation, and print wall and CPU time and peak memory (started with --stage)."""
    import simulate_galaxy
    import simulate_survey
    import simulate_visits
    import tabulate_potential

    config = default_config()
    use_threads(config["threads"])
    galaxy = config["galaxies"]["milky_way"] | {"n_particles": n_particles}
    plane, grid, stars = folder / "plane.parquet", folder / "grid.parquet", folder / "galaxy.parquet"
    catalogue = config["catalogues"].get(name, {})
    observe = {"galaxy": stars, "seed": config["seed"], "name": name, "extinction": galaxy["extinction"]}
    if catalogue:
        observe |= {"survey": config["surveys"][catalogue["survey"]], "sun": config["sun"][catalogue["sun"]]}
    potential = config["potentials"][galaxy["potential"]]
    calls = {
        "tabulate_potential": lambda: tabulate_potential.run(
            plane=plane, grid=grid, threads=config["threads"], **potential
        ),
        "simulate_galaxy": lambda: simulate_galaxy.run(
            plane=plane,
            grid=grid,
            bolometric_corrections=ROOT / "resources/mist_bolometric_corrections.csv",
            galaxy=stars,
            model={key: value for key, value in galaxy.items() if key != "extinction"},
            bar=config["bars"][galaxy["bar"]],
            spirals=[config["spirals"][spiral] for spiral in galaxy["spirals"]],
            seed=config["seed"],
            name="milky_way",
        ),
        "simulate_survey": lambda: simulate_survey.run(raw=folder / name, truth=folder / f"truth_{name}", **observe),
        "simulate_visits": lambda: simulate_visits.run(visits=folder / f"visits_{name}", **observe),
    }
    start = time.perf_counter()
    calls[stage]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print("STAGE", time.perf_counter() - start, time.process_time(), peak)


def run_stages(folder: Path, n_particles: int) -> list[tuple]:
    """Run all scripts, each in a process of its own: what, wall time, wall time at work, CPU time, peak memory."""
    surveys = ("gaia_rvs", "apogee", "lamost_hot", "sdssv_ob")
    stages = [("tabulate_potential", "khalil2025"), ("simulate_galaxy", "milky_way")]
    stages += [*(("simulate_survey", name) for name in surveys), ("simulate_visits", "sdssv_ob")]
    lines = []
    for stage in stages:
        start = time.perf_counter()
        command = [sys.executable, __file__, "--stage", *stage, str(folder), str(n_particles)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        wall = time.perf_counter() - start
        lines.append((" ".join(stage), wall, *map(float, output.rsplit("STAGE", 1)[1].split())))
    return lines


def bench_whole(folder: Path, n_particles: int) -> None:
    """Print times and peak memory of all scripts; the times of processes hold their imports."""
    first = timed(lambda: run_stages(folder, FEW))
    print(f"all scripts with {FEW:,} particles, with compilation (or reading its cache) {first.wall:.1f} s")
    for what, wall, inside, cpu, peak in (lines := run_stages(folder, n_particles)):
        print(f"{what:<30} {wall:7.1f} s wall ({inside:6.1f} s at work) {cpu:7.1f} s CPU {peak:6.2f} GB")
    _, walls, insides, cpus, peaks = zip(*lines, strict=True)
    print(
        f"{f'all, {n_particles:,} particles':<30} {sum(walls):7.1f} s wall ({sum(insides):6.1f} s at work) "
        f"{sum(cpus):7.1f} s CPU {max(peaks):6.2f} GB (budget {BUDGETS['whole']:g} s, {BUDGETS['memory']:g} GB)"
    )


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=float, default=400_000)
    parser.add_argument("--peer", type=int, default=40)
    parser.add_argument("--skip-whole", action="store_true")
    parser.add_argument("--stage", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        stage, name, folder, n = arguments.stage
        run_stage(stage, name, Path(folder), int(n))
        return
    n_particles, config = int(arguments.particles), default_config()
    use_threads(config["threads"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.skip_whole:
            run_stage("tabulate_potential", "khalil2025", folder, FEW)
        else:
            bench_whole(folder, n_particles)
        plane = PlaneProfile.from_columns(read_columns(folder / "plane.parquet"))
        grid = PotentialGrid.from_columns(read_columns(folder / "grid.parquet"))
        bench_orbits(config, plane, grid, n_particles, arguments.peer)
        bench_planar(config, plane, grid, arguments.peer)


if __name__ == "__main__":
    main()
