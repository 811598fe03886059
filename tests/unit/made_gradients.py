"""A phase-space table of a disc with a gradient, and its truth, for tests."""

import numpy as np
import polars as pl


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
