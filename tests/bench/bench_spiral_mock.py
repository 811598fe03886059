"""Spiral mocks and the reduction of a warm disc, beside what one would use instead.

A mock of 40,000 cold particles through 7 Gyr with 21 outputs; the same orbits by AGAMA where it is installed, and a few by
scipy's DOP853 with the same forces in closed form. The peer of the reduction is a warm mock: how many orbits, and how
long, for a factor of the same radius to some per cent. CPU times; compilation (or reading its cache) apart. Run with:
PYTHONPATH=workflow/scripts:tests/unit python tests/bench/bench_spiral_mock.py [--particles N] [--peer N]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from made_spirals import annuli, mock_entry, reduction_entry, simulate
from scipy.integrate import solve_ivp

from discatlas.dynamics.agama_engine import import_agama
from discatlas.errors import DiscatlasError
from discatlas.simulation.spiral_mock import SpiralMock
from discatlas.simulation.spiral_reduction import ReductionGrid, reduction_columns


def timed(function: Callable) -> tuple[float, object]:
    """Call; return processor seconds and the result."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def scipy_orbit(mock: SpiralMock, R: float, phi: float) -> np.ndarray:
    """Follow one circular orbit through the growth as one would write it with scipy."""
    birth, end = mock.times_kpc_kms[[0, -1]]
    spiral, potential = mock.spiral, mock.potential
    winding, speed = spiral.m * spiral.cot_pitch, spiral.pattern_speed_kms_kpc

    def motion(t: float, y: np.ndarray) -> list[float]:
        r, at, v_R, L = y
        s = min((t - birth) / (-birth / 2), 1.0)
        A, slope = spiral.amplitude(r)
        Psi = spiral.m * (at - speed * t) + winding * np.log(r / spiral.pivot_kpc) - np.radians(spiral.phase_deg)
        G, square = s**3 * (10 - 15 * s + 6 * s**2), r**2 + potential.core_kpc**2
        force = -(potential.v_c_kms**2) * r / square - G * (slope * np.cos(Psi) - A * winding / r * np.sin(Psi))
        return [v_R, L / r**2, L**2 / r**3 + force, G * spiral.m * A * np.sin(Psi)]

    start = [R, phi, 0.0, R**2 * float(potential.frequencies(R)[0])]
    return solve_ivp(motion, (birth, end), start, method="DOP853", rtol=1e-8, atol=1e-8).y[:, -1]


def bench_mock(n_particles: int, n_peer: int) -> None:
    """Print the three acceptance runs, and the peers."""
    timed(lambda: simulate(mock_entry(n_particles=80, n_outputs=1)))
    for pattern_speed in (2.0, 12.0, 19.5):
        entry = mock_entry(pattern_speed, n_particles=n_particles, n_outputs=21, radians_per_step=0.3)
        cpu, made = timed(lambda entry=entry: simulate(entry))
        after, columns = timed(lambda made=made: annuli(*made))
        used = columns["valid"] & (columns["R_kpc"] > 5) & (columns["R_kpc"] < 20)
        ratio, phase = columns["ratio"][used], columns["phase_error_deg"][used]
        print(
            f"Omega_p {pattern_speed:4}: {n_particles:,} particles, 21 outputs {cpu:5.1f} s CPU, annuli {after:.1f} s; "
            f"ratio {ratio.min():.4f} to {ratio.max():.4f}, phase {phase.min():+.3f} to {phase.max():+.3f} deg"
        )
    few = mock_entry(n_particles=4000, n_outputs=1, radians_per_step=0.3)
    cpu, (mock, ours) = timed(lambda: simulate(few))
    print(
        f"kernel  {cpu / 2000 * 1e6:8.0f} us CPU per orbit of {few['growth_Gyr'] + 0.3:.1f} Gyr (half of the particles)"
    )
    try:
        import_agama()
        cpu, (_, theirs) = timed(lambda: simulate(few | {"engine": "agama"}))
        apart = np.hypot(ours[0]["X_kpc"] - theirs[0]["X_kpc"], ours[0]["Y_kpc"] - theirs[0]["Y_kpc"])
        print(f"AGAMA   {cpu / 2000 * 1e6:8.0f} us CPU per orbit; places differ by {apart.max():.1e} kpc at most")
    except DiscatlasError as error:
        print(f"AGAMA: {error}")
    cpu, _ = timed(lambda: [scipy_orbit(mock, R, 0.3) for R in np.linspace(3, 26, n_peer)])
    print(f"scipy   {cpu / n_peer * 1e6:8.0f} us CPU per orbit")


def bench_reduction() -> None:
    """Print the time of a table, and the noise of a warm mock of the same time."""
    grid = reduction_entry(
        sigma_R_kms=[20.0, 35.0, 50.0],
        pitch_deg=[6.0, 9.0, 12.66, 16.0, 24.0],
        pattern_speed_kms_kpc=np.linspace(1, 30, 30).tolist(),
        R_kpc=np.linspace(5, 20, 16).tolist(),
    )
    timed(lambda: reduction_columns(ReductionGrid.from_config(reduction_entry(), "bench")))
    cpu, columns = timed(lambda: reduction_columns(ReductionGrid.from_config(grid, "bench")))
    n = columns["factor"].size
    print(f"reduction: {n:,} factors in {cpu:.1f} s CPU, {cpu / n * 1e3:.2f} ms each")
    entry = mock_entry(sigma_R_kms=35.0, n_particles=24_000, n_outputs=3, radians_per_step=0.6, annulus_kpc=2.0)
    cpu, made = timed(lambda: [annuli(*simulate(entry, seed)) for seed in range(4)])
    ratio = [columns["ratio"][columns["R_kpc"] == 9.0][0] for columns in made]
    print(
        f"by a warm mock: {cpu / 4:.1f} s CPU for 24,000 particles; factor at 9 kpc {np.mean(ratio):.3f} +- {np.std(ratio):.3f}"
    )


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=40_000)
    parser.add_argument("--peer", type=int, default=12)
    arguments = parser.parse_args()
    bench_mock(arguments.particles, arguments.peer)
    bench_reduction()


if __name__ == "__main__":
    main()
