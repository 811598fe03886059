"""Phase space against astropy on the same stars in one run: ``python tests/bench/bench_phase_space.py [threads]``.

The peer is what a user of astropy writes for the same columns: SkyCoord, Galactocentric, cylindrical components (no errors),
and for Monte-Carlo errors a loop over stars with one SkyCoord of 1,000 draws each and numpy's percentiles.
Both get the stars in the workflow's batches. Times are the least of several repeats; compilation (the first call, or
the loading of its cache) is apart.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import CylindricalDifferential, CylindricalRepresentation, SkyCoord

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from discatlas import phase_space as ps
from discatlas.frames import Sun, astropy_frame
from discatlas.phase_space.names import CORRELATIONS, ERRORS, OBSERVABLES
from discatlas.runtime import use_threads

Columns = dict[str, np.ndarray]
SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")
N_STARS, N_SAMPLED, N_PEER, N_DRAWS = 1_000_000, 5_000, 50, 1_000
BATCH = 131_072  # as the workflow streams them; it suits both
BUDGETS = {"conversion": None, "with covariance": 10.0, "with correlations": None, "Monte-Carlo": 25.0}


def make_stars(n: int) -> Columns:
    """Return stars within 5 kpc with 10 % distance errors and small correlations."""
    rng = np.random.default_rng(1)
    distance = rng.uniform(0.1, 5.0, n)
    values = (
        rng.uniform(0, 360, n),
        np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
        distance,
        rng.normal(0, 5, n),
        rng.normal(0, 5, n),
        rng.normal(0, 50, n),
    )
    sigma = (np.full(n, 0.02), np.full(n, 0.02), 0.1 * distance, np.full(n, 0.03), np.full(n, 0.03), np.full(n, 2.0))
    columns = dict(zip(OBSERVABLES, values, strict=True)) | dict(zip(ERRORS, sigma, strict=True))
    return columns | {name: rng.uniform(-0.2, 0.2, n) for name in CORRELATIONS}


def by_astropy(values: list[np.ndarray]) -> list[np.ndarray]:
    """Return the nine coordinates from the six observables with astropy."""
    ra, dec, distance, pmra, pmdec, rv = values
    proper = units.mas / units.yr
    sky = SkyCoord(
        ra=ra * units.deg,
        dec=dec * units.deg,
        distance=distance * units.kpc,
        pm_ra_cosdec=pmra * proper,
        pm_dec=pmdec * proper,
        radial_velocity=rv * units.km / units.s,
        frame="icrs",
    )
    centred = sky.transform_to(astropy_frame(SUN))
    polar = centred.represent_as(CylindricalRepresentation, CylindricalDifferential)
    R, phi = polar.rho.to_value(units.kpc), 180.0 - polar.phi.to_value(units.deg)
    motion = polar.differentials["s"]
    v_R, v_Z = motion.d_rho.to_value(units.km / units.s), motion.d_z.to_value(units.km / units.s)
    v_phi = -(polar.rho * motion.d_phi).to_value(units.km / units.s, units.dimensionless_angles())
    X, Y, Z = (part.to_value(units.kpc) for part in (centred.x, centred.y, centred.z))
    return [X, Y, Z, R, (phi + 180.0) % 360.0 - 180.0, v_R, v_phi, v_Z, R * v_phi]


def sample_by_astropy(columns: Columns, n: int) -> np.ndarray:
    """Return the percentiles of the nine coordinates, shape (n, 27), star by star."""
    rng, rows = np.random.default_rng(2), []
    for i in range(n):
        draws = [
            columns[name][i] + columns[error][i] * rng.normal(size=N_DRAWS)
            for name, error in zip(OBSERVABLES[2:], ERRORS[2:], strict=True)
        ]
        draws[0] = np.abs(draws[0])
        place = [np.full(N_DRAWS, columns[name][i]) for name in OBSERVABLES[:2]]
        rows.append(np.percentile(by_astropy(place + draws), [16, 50, 84], axis=1).T.ravel())
    return np.array(rows)


def least(function: Callable[[], object], repeats: int) -> float:
    """Return the least time of several calls [s]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def run_all(job: Callable[[Columns], object], batches: list[Columns]) -> None:
    """Run a job on every batch and drop what it makes."""
    for batch in batches:
        job(batch)


def report(name: str, peer: float, ours: float, compiled: float, agreement: str) -> None:
    """Print one line: times per star [microseconds], ratio, budget, compilation [s] and how well the outputs agree."""
    budget = f"{BUDGETS[name]:.0f}x" if BUDGETS[name] else ""
    print(
        f"{name:18s} {peer * 1e6:12.3f} {ours * 1e6:10.3f} {peer / ours:8.1f}x {budget:>7s} {compiled:9.1f}   {agreement}"
    )


def main() -> None:
    """Run the four comparisons."""
    use_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    columns = make_stars(N_STARS)
    batches = [{name: array[i : i + BATCH] for name, array in columns.items()} for i in range(0, N_STARS, BATCH)]
    # the plain conversion, errors from Gaia's ten correlations, and 15 correlations on top
    jobs: dict[str, Callable[[Columns], Columns]] = {
        "conversion": lambda batch: ps.convert(*(batch[name] for name in OBSERVABLES), SUN),
        "with covariance": lambda batch: ps.propagate(batch, SUN, "inverse_parallax"),
        "with correlations": lambda batch: ps.propagate(batch, SUN, "inverse_parallax", correlations=True),
    }
    print(
        f"{'':18s} {'astropy us':>12s} {'ours us':>10s} {'ratio':>9s} {'budget':>7s} {'compile s':>9s}   greatest difference"
    )
    theirs = by_astropy([columns[name] for name in OBSERVABLES])
    peer = least(lambda: run_all(lambda batch: by_astropy([batch[name] for name in OBSERVABLES]), batches), 5)
    scales = [SUN.R0_kpc] * 4 + [180.0] + [250.0] * 3 + [2000.0]
    for name, job in jobs.items():
        compiled = least(lambda job=job: job(batches[0]), 1)
        made = job(columns)
        worst = max(
            np.abs(made[q] - value).max() / scale
            for q, value, scale in zip(ps.COORDINATES, theirs, scales, strict=True)
        )
        report(
            name,
            peer / N_STARS,
            least(lambda job=job: run_all(job, batches), 25) / N_STARS,
            compiled,
            f"{worst:.1e} relative",
        )
    few = {name: array[:N_SAMPLED] for name, array in columns.items() if "corr" not in name}
    rows = np.arange(N_SAMPLED)
    first = {name: array[:2] for name, array in few.items()}
    compiled = least(lambda: ps.sample_percentiles(first, SUN, "geometric", N_DRAWS, 1, rows[:2]), 1)
    made = np.stack(list(ps.sample_percentiles(few, SUN, "geometric", N_DRAWS, 1, rows).values()), axis=1)[:N_PEER]
    theirs = sample_by_astropy(few, N_PEER)
    sigma = np.repeat(0.5 * (theirs[:, 2::3] - theirs[:, ::3]), 3, axis=1)
    worst = np.abs((made - theirs) / sigma).max()
    ours = least(lambda: ps.sample_percentiles(few, SUN, "geometric", N_DRAWS, 1, rows), 3) / N_SAMPLED
    peer = least(lambda: sample_by_astropy(few, N_PEER), 3) / N_PEER
    report("Monte-Carlo", peer, ours, compiled, f"{worst:.2f} sigma (two sets of {N_DRAWS:,} draws)")


if __name__ == "__main__":
    main()
