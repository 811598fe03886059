"""Made tables of chemical cartography: stars with a gradient and a wave in azimuth, fits and chains of them, and maps."""

from itertools import pairwise

import numpy as np
import polars as pl

from discatlas.contracts import load_contract
from discatlas.files import write_json
from discatlas.frames import cylindrical_position
from discatlas.maps.grids import Grid
from discatlas.tables import write_table

R0, Z_SUN = 8.2, 0.02
SLOPE, INTERCEPT, SCATTER = -0.07, 0.45, 0.15  # in the plane; flatter and lower away from it
MIN_STARS = 150
WALKERS, STEPS = 20, 100


def made_stars(path, n=12_000, seed=5, amplitude=0.05):
    """A phase space of stars within 4 kpc of the Sun; [Fe/H] has a gradient that flattens with |Z|, and a wave."""
    rng = np.random.default_rng(seed)
    distance, angle = 4 * rng.power(2.0, n), rng.uniform(0, 2 * np.pi, n)
    X, Y = -R0 + distance * np.cos(angle), distance * np.sin(angle)
    Z = np.clip(rng.laplace(0, 0.28, n), -1.9, 1.9)
    R, phi = cylindrical_position(X, Y)
    height = np.abs(Z)
    mean = INTERCEPT - 0.35 * height + (SLOPE + 0.05 * height) * R
    mean = mean + amplitude * np.cos(np.deg2rad(6 * phi) + 1.5 * (R - 8))
    error = rng.uniform(0.04, 0.12, n)
    stars = {"source_id": np.arange(n), "X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}
    stars |= {"R_error_kpc": np.full(n, 0.08), "Z_error_kpc": np.full(n, 0.03)}
    stars |= {"feh_dex": mean + rng.normal(0, SCATTER, n) + error * rng.normal(0, 1, n), "feh_error_dex": error}
    pl.DataFrame(stars).write_parquet(path)
    return path


def _chain(model, x, y, rng):
    """Draws about the least squares of a model, and its chi-square; x counts from the pivot."""
    pivot = x.mean()
    columns = [x - pivot, np.ones_like(x)]
    edge = np.quantile(x, 0.6)
    columns += {"linear": [], "broken": [np.maximum(x - edge, 0.0)], "quadratic": [(x - pivot) ** 2 / 2]}[model]
    design = np.stack(columns, axis=1)
    best, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    sigma = np.sqrt(residual[0] / y.size)
    found = rng.multivariate_normal(best, np.linalg.inv(design.T @ design) * sigma**2, WALKERS * STEPS)
    slope = found[:, 0]
    chain = {"slope_dex_per_kpc": slope, "intercept_dex": found[:, 1] - slope * pivot}
    chain["scatter_dex"] = rng.normal(SCATTER, sigma / np.sqrt(2 * y.size), slope.size)
    if model == "broken":
        chain |= {"break_kpc": rng.normal(edge, 0.1, slope.size), "outer_slope_dex_per_kpc": slope + found[:, 2]}
    if model == "quadratic":
        chain |= {"curvature_dex_per_kpc2": found[:, 2]}
        chain["intercept_dex"] = chain["intercept_dex"] + found[:, 2] * pivot**2 / 2
    return chain, pivot, y.size * np.log(sigma**2) + (design.shape[1] + 1) * np.log(y.size)


def _fitted(model, x, y, place, rng):
    chain, pivot, bic = _chain(model, x, y, rng)
    row = {"bin_mean_kpc": place.mean(), "x_low_kpc": x.min(), "x_high_kpc": x.max(), "pivot_kpc": pivot}
    for name, values in chain.items():
        base, unit = name.split("_dex", 1) if "_dex" in name else name.split("_kpc", 1)
        low, middle, high = np.percentile(values, [15.865, 50, 84.135])
        row |= {name: middle, f"{base}_error{name.removeprefix(base)}": (high - low) / 2}
        if base == "slope":
            row |= {"slope_lo_dex_per_kpc": low, "slope_hi_dex_per_kpc": high}
        assert unit is not None
    row |= {"n_steps": 2000, "autocorrelation_steps": 38.0, "n_effective": 1684.0, "r_hat": 1.004, "acceptance": 0.61}
    row |= {"ln_likelihood": -bic / 2, "aic": bic, "bic": bic, "converged": True}
    if model == "linear":
        row |= {"second_slope_dex_per_kpc": row["slope_dex_per_kpc"] + 0.3 * row["slope_error_dex_per_kpc"]}
        row |= {"second_slope_error_dex_per_kpc": 1.2 * row["slope_error_dex_per_kpc"]}
    return row, chain


def made_gradient(
    folder, stars, *, x="R_kpc", bin_by="abs_Z_kpc", edges, models=("linear", "broken", "quadratic"), name="g"
):
    """Tables of fits and chains of a gradient as `fit_metallicity_gradient` makes them; returns their paths."""
    rng = np.random.default_rng(11)
    table = pl.read_parquet(stars).with_columns(pl.col("Z_kpc").abs().alias("abs_Z_kpc"))
    rows, chains = [], []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = table.filter((pl.col(bin_by) >= low) & (pl.col(bin_by) < high))
        for model in models:
            row = {"bin": number, "bin_low_kpc": low, "bin_high_kpc": high, "n_stars": inside.height, "model": model}
            if inside.height < MIN_STARS:
                rows.append(row | {"status": "too_few_stars"})
                continue
            fit, chain = _fitted(model, *(inside[key].to_numpy() for key in (x, "feh_dex", bin_by)), rng)
            rows.append(row | fit | {"status": "fitted"})
            walker, step = np.divmod(np.arange(WALKERS * STEPS), STEPS)
            chains.append(
                pl.DataFrame(
                    {"bin": number, "model": model, "walker": walker, "step": step, "ln_probability": -step * 0.0}
                    | chain
                )
            )
    least = {
        n: min((r["bic"] for r in rows if r["bin"] == n and "bic" in r), default=None) for n in range(len(edges) - 1)
    }
    rows = [row | {"best": row.get("bic") is not None and row["bic"] == least[row["bin"]]} for row in rows]
    contract = load_contract("metallicity_gradient")
    data = pl.DataFrame(rows, infer_schema_length=None)
    missing = [column.name for column in contract.columns if column.name not in data.columns]
    data = data.with_columns(pl.lit(None, pl.Float64).alias(column) for column in missing)
    about = {"quantity": "feh_dex", "x": x, "bin_by": bin_by, "selection": None, "halo_cut": False}
    about |= {"min_stars": MIN_STARS, "likelihood": "hogg2010"}
    paths = folder / f"{name}.parquet", folder / f"{name}_chains.parquet"
    write_table(paths[0], contract, data.to_arrow(), about)
    whole = pl.concat(chains, how="diagonal") if chains else pl.DataFrame()
    contract = load_contract("metallicity_gradient_chains")
    missing = [column.name for column in contract.columns if column.name not in whole.columns]
    write_table(
        paths[1], contract, whole.with_columns(pl.lit(None, pl.Float64).alias(c) for c in missing).to_arrow(), about
    )
    return paths


def made_residual(path, axes=("X_kpc", "Y_kpc"), shape="hexagon", seed=3):
    """A residual map as `predict_metallicity_residual` makes it: a stripe pattern about a linear model; the rim lacks stars."""
    rng = np.random.default_rng(seed)
    limits = {"X_kpc": (-12.2, -4.2), "Y_kpc": (-4.0, 4.0), "R_kpc": (4.2, 12.2), "Z_kpc": (-2.0, 2.0)}
    sizes = {"X_kpc": 0.5, "Y_kpc": 0.5, "R_kpc": 0.5, "Z_kpc": 0.25}
    grid = Grid(tuple(axes), shape, tuple(sizes[axis] for axis in axes), tuple(limits[axis] for axis in axes))
    points = np.stack([rng.uniform(*limits[axis], 9000) for axis in axes])
    cell = grid.cell_of(*points)
    number = np.unique(cell[cell >= 0])
    a, b = grid.centres(number).T
    R = np.hypot(a, b) if axes[0] == "X_kpc" else a
    n_stars = rng.integers(1, 60, number.size)
    residual, error = 0.06 * np.cos(2.5 * R) + rng.normal(0, 0.02, R.size), 0.15 / np.sqrt(n_stars)
    few = n_stars < 5
    values = {"median": INTERCEPT + SLOPE * R + residual, "model": INTERCEPT + SLOPE * R, "residual": residual}
    columns = {"cell": number, "n_stars": n_stars}
    columns |= {axis.replace("_kpc", "_centre_kpc"): centre for axis, centre in zip(axes, (a, b), strict=True)}
    for name, value in values.items():
        columns[f"feh_{name}_dex"] = np.where(few & (name != "model"), np.nan, value)
        columns[f"feh_{name}_error_dex"] = np.where(few, np.nan, np.maximum(error, 1e-3) if name != "model" else 0.002)
    about = {"grid": {"axes": list(axes), "cell_shape": shape, "cell_size": list(grid.cell_size)}}
    about["grid"]["limits"] = [list(pair) for pair in grid.limits]
    about |= {"selection": "abs(Z_kpc) < 0.5", "min_stars": 5, "n_stars": {"in_cells": int(n_stars.sum())}}
    about |= {"quantity": "feh_dex", "halo_cut": False}
    write_table(path, load_contract("metallicity_residual").expand(a=list(axes), q=["feh_dex"]), columns, about)
    return path


def made_contrast(path, spacing=0.2):
    """A density contrast, positive in a stripe about X = -9.6 kpc and at Y > 2 kpc, null beyond 4 kpc from the Sun."""
    X, Y = np.meshgrid(np.arange(-13.0, -3.4, spacing), np.arange(-5.0, 5.01, spacing), indexing="ij")
    X, Y = X.ravel(), Y.ravel()
    value = 0.9 * np.exp(-(((X + 9.6) / 0.5) ** 2)) + 0.4 * (Y > 2) - 0.25
    R, phi = cylindrical_position(X, Y)
    columns = {"X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi, "n_effective": np.full(X.size, 40.0)}
    columns |= {"density_per_kpc2": np.full(X.size, 3.0), "mean_density_per_kpc2": np.full(X.size, 3.0)}
    columns["overdensity"] = np.where(np.hypot(X + R0, Y) < 4, value, np.nan)
    columns["overdensity_error"] = np.full(X.size, 0.1)
    write_table(path, load_contract("overdensity"), columns, {})
    return path


def made_comparison(folder, n=499, seed=8):
    """Null draws of a correlation, and their summary."""
    rng = np.random.default_rng(seed)
    angle, shared = rng.uniform(-180, 180, n), rng.integers(60, 200, n)
    r = np.tanh(rng.normal(0, 0.12, n))
    columns = {"kind": np.array(["observed"] + ["rotations_centre"] * n, dtype=object)}
    columns |= {"parameter_deg": np.append(0.0, angle), "stretch": np.ones(n + 1), "n_cells": np.append(180, shared)}
    columns |= {"r": np.append(-0.33, r)}
    columns["score"] = columns["r"] * np.sqrt(columns["n_cells"])
    write_table(folder / "comparison.parquet", load_contract("overdensity_comparison"), columns, {})
    summary = {"r": -0.33, "p_value": 0.004, "null": "rotations_centre", "n_cells": 180}
    write_json(folder / "comparison.json", summary)
    return folder / "comparison.parquet", folder / "comparison.json"


def made_variation(folder, annuli=((7.0, 9.0), (9.0, 11.0)), seed=9):
    """Deviations and waves of annuli as `fit_azimuthal_variation` makes them; the outermost bins lack stars."""
    rng = np.random.default_rng(seed)
    phi = np.arange(-38.0, 38.1, 4.0)
    rows, waves, records = [], [], []
    for k, (low, high) in enumerate(annuli):
        n = np.maximum(400 - 12 * np.abs(phi), 0).astype(np.int64) // (1 + k)
        error = np.where(n > 20, 0.2 / np.sqrt(np.maximum(n, 1)), np.nan)
        value = 0.04 * np.cos(np.deg2rad(6 * phi)) + error * rng.normal(0, 1, phi.size)
        row = {
            "annulus": np.full(phi.size, k),
            "R_low_kpc": np.full(phi.size, low),
            "R_high_kpc": np.full(phi.size, high),
        }
        row |= {"phi_centre_deg": phi, "phi_mean_deg": np.where(n > 0, phi + 0.3, np.nan), "n_stars": n}
        row |= {"feh_deviation_dex": value, "feh_deviation_error_dex": 1.4 * error, "feh_star_error_dex": error}
        rows.append(row)
        p_value = np.array([0.6, 0.3, 0.04, 0.2, 0.011, 0.001])
        wave = {
            "annulus": np.full(6, k),
            "m": np.arange(1, 7),
            "power": np.array([1.0, 2.4, 6.5, 3.1, 9.0, 19.0]) / (1 + k),
        }
        wave |= {"feh_amplitude_dex": np.full(6, 0.03), "feh_amplitude_error_dex": np.full(6, 0.01)}
        waves.append(wave | {"phase_deg": np.zeros(6), "phase_error_deg": np.full(6, 3.0), "p_value": p_value})
        records.append({"annulus": k, "n_stars": int(n.sum()), "p_value": 0.03 + 0.4 * k, "p_any_wave": 0.004})
    about = {"quantity": "feh_dex", "selection": "abs(Z_kpc) < 0.3", "halo_cut": True, "R_window_kpc": 0.2}
    about |= {"null": "blocks", "block_kpc": 0.5, "n_permutations": 999}
    for name, parts, contract in (("variation", rows, "azimuthal_variation"), ("waves", waves, "azimuthal_waves")):
        columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        write_table(folder / f"{name}.parquet", load_contract(contract).expand(q=["feh_dex"]), columns, about)
    write_json(folder / "variation.json", about | {"annuli": records})
    return tuple(folder / name for name in ("variation.parquet", "waves.parquet", "variation.json"))
