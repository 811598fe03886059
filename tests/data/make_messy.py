"""Make messy.csv: stars of a disc in closed form in a file as untidy as those that people send around.

Run with: PYTHONPATH=workflow/scripts python tests/data/make_messy.py
"""

from pathlib import Path

import numpy as np
from pygaia.errors.astrometric import parallax_uncertainty, position_uncertainty, proper_motion_uncertainty
from pygaia.errors.spectroscopic import radial_velocity_uncertainty

from discatlas.frames import Sun, cartesian_position, cartesian_velocity, cylindrical_position, observe
from discatlas.streams import stream_generator

SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")
N_STARS = 400
HEADER = '"Star","RA, ICRS",DE,Plx,e_Plx,pmRA,e_pmRA,pmDE,e_pmDE,RV,e_RV,dist,e_dist,[Fe/H],e_[Fe/H],remark'
GAPS = ["nan", "", "   ", "null", "NaN"]


def draw_disc(rng: np.random.Generator) -> tuple:
    """Draw true observables within 2 kpc of the Sun, and [Fe/H]: exponential disc, flat rotation curve, a wave in v_R."""
    X, Y = np.empty(0), np.empty(0)
    while X.size < N_STARS:
        n_try = 2 * (N_STARS - X.size) + 1000
        distance, angle = 2.0 * np.sqrt(rng.random(n_try)), 2 * np.pi * rng.random(n_try)
        x, y = SUN.position_kpc[0] + distance * np.cos(angle), distance * np.sin(angle)
        kept = rng.random(n_try) < np.exp(-(np.hypot(x, y) - SUN.R0_kpc + 2.0) / 2.6)
        X, Y = np.append(X, x[kept]), np.append(Y, y[kept])
    R, phi = cylindrical_position(X[:N_STARS], Y[:N_STARS])
    Z = rng.laplace(scale=0.3, size=N_STARS)
    sigma = 33.0 * np.exp(-(R - SUN.R0_kpc) / 9.0)
    drift = sigma**2 / (2 * 235.0) * (R * (1 / 2.6 + 2 / 9.0) - 0.5)
    wave = 8.0 * np.sin(2 * np.pi * (R - SUN.R0_kpc) / 4.0 - np.radians(2 * phi - 30.0))
    v_R, v_phi = rng.normal(wave, sigma), rng.normal(235.0 - drift, sigma / np.sqrt(2))
    v_Z = rng.normal(0.0, 18.0 * sigma / 33.0)
    position, velocity = (*cartesian_position(R, phi), Z), (*cartesian_velocity(phi, v_R, v_phi), v_Z)
    return observe(np.stack(position), np.stack(velocity), SUN), rng.normal(-0.06 * (R - SUN.R0_kpc), 0.15)


def draw_stars(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw luminous stars with Gaia's errors (PyGaia); one in 25 has a bad astrometric solution."""
    truth, feh = draw_disc(rng)
    G = rng.normal(-1.0, 0.8, N_STARS) + 5 * np.log10(truth["distance_kpc"]) + 10
    scale = np.where(rng.random(N_STARS) < 0.04, 8.0, 1.0) * 1e-3
    (ra, dec), (pmra, pmdec) = position_uncertainty(G, release="dr3"), proper_motion_uncertainty(G, release="dr3")
    clump = np.full(N_STARS, 4700.0), np.full(N_STARS, 2.5)
    error = {
        "ra": ra * scale,
        "dec": dec * scale,
        "parallax": parallax_uncertainty(G, release="dr3") * scale,
        "pmra": pmra * scale,
        "pmdec": pmdec * scale,
        "radial_velocity": radial_velocity_uncertainty(np.minimum(G - 0.9, 16.0), *clump, release="dr3"),
    }
    noise = {name: rng.standard_normal(N_STARS) * sigma for name, sigma in error.items()}
    rng.exponential(1.0, N_STARS), rng.normal(1.0, 0.05, N_STARS)  # unused, so that the file stays as it is
    stars = {f"{name}_error": sigma for name, sigma in error.items()}
    stars |= {name: truth[name] + noise[name] for name in ("pmra", "pmdec", "radial_velocity")}
    return stars | {
        "ra": (truth["ra"] + noise["ra"] / 3.6e6 / np.cos(np.radians(truth["dec"]))) % 360.0,
        "dec": truth["dec"] + noise["dec"] / 3.6e6,
        "parallax": 1.0 / truth["distance_kpc"] + noise["parallax"],
        "feh_dex": feh + rng.standard_normal(N_STARS) * 0.05,
    }


def main() -> None:
    """Write the file: quoted commas, padded blanks, five spellings of missing, repeated stars, impossible values."""
    stars = draw_stars(stream_generator(1, "messy"))
    distance = 1000 / stars["parallax"]
    lines = [HEADER]
    for i in range(N_STARS):
        error = distance[i] * stars["parallax_error"][i] / stars["parallax"][i]
        cells = [f'"star {i:03d}, main"   ', f"{np.radians(stars['ra'][i]):.12f}", f" {stars['dec'][i]:.9f} "]
        cells += [f"{stars[name][i] / 1000:.9e}" for name in ("parallax", "parallax_error")]
        cells += [
            f"{stars[name][i]:.6f}"
            for name in ("pmra", "pmra_error", "pmdec", "pmdec_error", "radial_velocity", "radial_velocity_error")
        ]
        cells += [
            f"{distance[i]:.3f}",
            f"{error:.3f}",
            f"{stars['feh_dex'][i]:.3f}",
            "0.05",
            '"a remark, with a comma"',
        ]
        if i % 20 == 3:
            cells[9] = cells[10] = GAPS[(i // 20) % len(GAPS)]
        if i % 50 == 7:
            cells[13] = GAPS[(i // 50) % len(GAPS)]
        if i == 100:
            cells[2] = "123.0"  # no declination
        lines.append(",".join(cells))
        if i % 80 == 5:
            lines.append(",".join([*cells[:4], f"{2 * stars['parallax_error'][i] / 1000:.9e}", *cells[5:]]))
    (Path(__file__).parent / "messy.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
