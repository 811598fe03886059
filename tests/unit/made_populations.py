"""Made stars of two populations in the footprint of a survey: young in clumps with streams in v_R, old smooth and hot."""

import numpy as np
import polars as pl

import bin_map
import smooth_overdensity
from discatlas.frames import cylindrical_position
from discatlas.streams import stream_generator

R0, Z_SUN, V_C = 8.2, 0.025, 232.0
LIMITS = [[-13.2, -3.2], [-5.0, 5.0]]


def is_seen(x, y):
    """Heliocentric places that the survey reaches: three gaps in longitude, 3.4 to 5 kpc deep."""
    l_deg, d = np.rad2deg(np.arctan2(y, x)) % 360, np.hypot(x, y)
    gaps = ((l_deg > 160) & (l_deg < 200)) | ((l_deg > 250) & (l_deg < 262)) | ((l_deg > 325) & (l_deg < 332))
    return (d < 4.2 + 0.8 * np.cos(np.deg2rad(3 * l_deg))) & ~gaps


def contrast_at(X, Y):
    """The density over its mean of the young: arms of pitch 12 degrees."""
    R, phi = cylindrical_position(X, Y)
    return 1.0 + 0.9 * np.cos(4 * (np.deg2rad(phi) - np.log(R / R0) / np.tan(np.deg2rad(12.0)) / 1.0))


def mean_v_R(X, Y):
    """Streams of 12 km/s, a quarter of a wave off the arms."""
    R, phi = cylindrical_position(X, Y)
    return 12.0 * np.sin(4 * (np.deg2rad(phi) - np.log(R / R0) / np.tan(np.deg2rad(12.0)) / 1.0))


def made_population(path, young=True, n=12_000, seed=1):
    """A phase space; without v_phi for one star in twenty."""
    rng = stream_generator(seed, "made_populations", "young" if young else "old")
    X, Y = np.empty(0), np.empty(0)
    while X.size < n:
        x, y, u = rng.uniform(-5, 5, n), rng.uniform(-5, 5, n), rng.uniform(0, 1.9, n)
        kept = is_seen(x, y) & ((u < contrast_at(x - R0, y)) if young else (u < 3.0 * np.exp(-(x + 5) / 6)))
        X, Y = np.append(X, x[kept] - R0), np.append(Y, y[kept])
    X, Y = X[:n], Y[:n]
    R, phi = cylindrical_position(X, Y)
    hot = (12.0, 8.0, 6.0) if young else (45.0, 30.0, 25.0)
    v_R = hot[0] * rng.standard_normal(n) + (mean_v_R(X, Y) if young else mean_v_R(X, Y) / 4)
    v_phi = V_C - (2 if young else 20) + hot[1] * rng.standard_normal(n)
    v_phi[::20] = np.nan
    stars = {"source_id": np.arange(n) + (0 if young else 10**6), "X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi}
    stars |= {
        "Z_kpc": rng.laplace(scale=0.08 if young else 0.3, size=n),
        "v_R_kms": v_R,
        "v_R_error_kms": np.full(n, 4.0),
    }
    stars |= {"v_phi_kms": v_phi, "v_Z_kms": hot[2] * rng.standard_normal(n)}
    pl.DataFrame(stars).with_columns(pl.col("v_phi_kms").fill_nan(None)).write_parquet(path)
    return path


def made_map(path, stars, size=0.25, shape="square"):
    """The map of v_R."""
    bin_map.run(
        stars=stars,
        cells=path,
        axes=["X_kpc", "Y_kpc"],
        cell_shape=shape,
        cell_size=[size, size],
        limits=LIMITS,
        selection="abs(Z_kpc) < 1",
        quantities=["v_R_kms"],
        min_stars=6,
        estimator="restricted",
        threads=1,
    )
    return path


def made_overdensity(path, stars):
    """The contrast of the density in three dimensions."""
    smooth_overdensity.run(
        stars=stars,
        overdensity=path,
        limits_kpc=LIMITS,
        spacing_kpc=0.1,
        local_kpc=0.2,
        mean_kpc=0.8,
        kernel="gaussian",
        min_density_share_per_kpc2=0.003,
        selection=None,
        dimensions=3,
        threads=1,
    )
    return path
