"""Stars of the generating models of a gradient, and a phase-space table made of them, for tests."""

import numpy as np
import polars as pl

SLOPE, INTERCEPT, SCATTER = -0.08, 0.6, 0.25
NAMES = ("x", "y", "V_xx", "V_xy", "V_yy")


def errors(rng, n, sigma_x, sigma_y, correlation=0.0):
    """Errors of x and y, and their variances and covariance; unequal by 30 per cent from star to star."""
    sx, sy = (sigma * np.exp(0.3 * rng.standard_normal(n)) for sigma in (sigma_x, sigma_y))
    a, b = rng.standard_normal((2, n))
    e_y = sy * (correlation * a + np.sqrt(1.0 - correlation**2) * b)
    return sx * a, e_y, sx**2, correlation * sx * sy, sy**2


def flat_stars(rng, n, sigma_x=0.4, sigma_y=0.08, correlation=0.0, slope=SLOPE):
    """Stars evenly spread in x over 2 to 16 kpc, chosen by their measured x of 7 to 11 kpc; scatter along y."""
    many = 5 * n
    e_x, e_y, *V = errors(rng, many, sigma_x, sigma_y, correlation)
    x = rng.uniform(2.0, 16.0, many)
    y = slope * x + INTERCEPT + SCATTER * rng.standard_normal(many) + e_y
    chosen = np.flatnonzero(np.abs(x + e_x - 9.0) < 2.0)[:n]
    assert chosen.size == n
    return tuple(column[chosen] for column in (x + e_x, y, *V))


def gaussian_stars(rng, n, sigma_x=0.4, sigma_y=0.08, correlation=0.0, slope=SLOPE, across=False):
    """Stars whose x is Gaussian (9, 1.2 kpc), with scatter along y, or across the line, as Robotham & Obreschkow (2015)."""
    e_x, e_y, *V = errors(rng, n, sigma_x, sigma_y, correlation)
    x, off = rng.normal(9.0, 1.2, n), SCATTER * rng.standard_normal(n)
    y = slope * x + INTERCEPT
    if across:
        norm = np.sqrt(1.0 + slope**2)
        x, y = x - slope / norm * off, y + off / norm
    else:
        y = y + off
    return (x + e_x, y + e_y, *V)


def phase_space(path, rng, n=3000, **changes):
    """Write a phase-space table of a disc with [Fe/H] = 0.6 - 0.07 R - 0.2 |Z| and its truth; return the truth's frame."""
    R, Z = rng.normal(9.0, 1.2, n), rng.laplace(0.0, 0.3, n)
    feh = 0.6 - 0.07 * R - 0.2 * np.abs(Z) + 0.15 * rng.standard_normal(n)
    R_error, Z_error, feh_error = (rng.uniform(*limits, n) for limits in ((0.02, 0.3), (0.002, 0.02), (0.03, 0.1)))
    columns = {
        "source_id": np.arange(100, 100 + n),
        "R_kpc": R + R_error * rng.standard_normal(n),
        "R_error_kpc": R_error,
        "Z_kpc": Z + Z_error * rng.standard_normal(n),
        "Z_error_kpc": Z_error,
        "feh_dex": feh + feh_error * rng.standard_normal(n),
        "feh_error_dex": feh_error,
    }
    pl.DataFrame(columns | changes).write_parquet(path)
    truth = pl.DataFrame({"source_id": columns["source_id"], "R_kpc": R, "Z_kpc": Z, "feh_dex": feh})
    return truth.sample(fraction=1.0, shuffle=True, seed=1)
