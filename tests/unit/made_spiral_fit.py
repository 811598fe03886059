"""A made spiral fit: tables that keep their contracts and a summary, from the linear response itself."""

import json
from dataclasses import replace

import numpy as np

from discatlas.contracts import load_contract
from discatlas.frames import cylindrical_position
from discatlas.spiral_fit.masks import resonance_radii
from discatlas.spiral_fit.parameters import SpiralModel
from discatlas.spiral_response import Spiral, spiral_response
from discatlas.tables import write_table

R0, SPEED, DISC = 8.122, 12.0, 3.8e7
MODEL = SpiralModel(2, "full", "exponential", 1.0, R0, 229.0, 0.0, None, 0.05, 9.0)
SPIRAL = Spiral(2, SPEED, 12.0, 3e6, R0, 11.0, 1.0, "exponential", 9.0, 70.0)
SETTINGS = {"m": 2, "terms": "full", "normalisation": "exponential", "scale_height_kpc": 1.0, "R0_kpc": R0}
SETTINGS |= {"v_c_kms": 229.0, "v_c_slope": 0.0, "core_kpc": None, "regularisation": 0.05, "R_limits_kpc": [6.0, 13.0]}
SETTINGS |= {"parametrisation": "phase", "disc_surface_density_msun_kpc2": DISC}
NAMES = {
    "posterior": "spiral_response",
    "fit_map": "spiral_response_map",
    "profile": "spiral_profile",
    "loci": "spiral_loci",
    "gallery": "spiral_gallery",
    "degeneracy": "spiral_degeneracy",
}


def v_R(spiral, X, Y):
    R, phi = cylindrical_position(X, Y)
    return spiral_response(spiral, R, phi, *MODEL.frequencies(R), 0.05).v_R_kms


def posterior(rng, n=900, free=True):
    """Draws about the made spiral; their phases lie on both sides of 0."""
    draws = {
        "scale_length_kpc": rng.gamma(4.0, 4.0, n) + 2.0,
        "surface_density_msun_kpc2": rng.normal(3e6, 2e5, n),
        "pitch_deg": rng.normal(12.0, 0.4, n),
        "phase_deg": rng.normal(0.0, 4.0, n) % 360.0,
        "pattern_speed_kms_kpc": rng.normal(SPEED, 0.3, n) if free else np.full(n, SPEED),
        "time_Gyr": rng.uniform(0.0, 0.25, n),
        "ln_likelihood": rng.normal(-900.0, 1.0, n),
    }
    return draws | {"contrast": draws["surface_density_msun_kpc2"] / DISC}


def fit_map(rng):
    """A map on a grid with holes; cells near an annulus and far out are not used, some have no value."""
    X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(-14, -3, 0.4), np.arange(-5, 5.1, 0.4), indexing="ij"))
    keep = rng.random(X.size) > 0.03
    X, Y = X[keep], Y[keep]
    R, phi = cylindrical_position(X, Y)
    reason = np.select([(R < 6.0) | (R > 13.0), np.abs(R - 12.3) < 0.3], ["outside", "resonance"], "used").astype(
        object
    )
    model = v_R(SPIRAL, X, Y)
    error = 1.0 + 0.1 * np.abs(R - R0)
    data = model + rng.normal(0.0, error)
    data[R > 13.7] = np.nan
    density = SPIRAL.surface_density(R, phi)
    return {
        "cell": np.arange(X.size),
        "X_kpc": X,
        "Y_kpc": Y,
        "R_kpc": R,
        "phi_deg": phi,
        "used": reason == "used",
        "reason": reason,
        "v_R_kms": data,
        "v_R_error_kms": error,
        "model_kms": model,
        "model_error_kms": 0.1 * error,
        "residual_kms": data - model,
        "surface_density_msun_kpc2": density,
        "overdensity_model": density / DISC,
    }


def profile(rng):
    R = np.arange(6.5, 13.0)
    spread, model = 5.0 - 0.3 * (R - 9) + rng.normal(0, 0.3, R.size), 4.5 - 0.3 * (R - 9)
    spread[-1] = np.nan
    return {
        "R_kpc": R,
        "n_cells": np.full(R.size, 40),
        "spread_kms": spread,
        "spread_error_kms": np.full(R.size, 0.3),
        "spread_model_kms": model,
        "spread_model_lo_kms": model + 0.2,
        "spread_model_hi_kms": model + 0.8,
        "gradient_kms_kpc": np.gradient(spread, R),
        "gradient_error_kms_kpc": np.full(R.size, 0.4),
        "gradient_model_kms_kpc": np.gradient(model, R),
    }


def loci():
    R = np.geomspace(6.0, 13.0, 60)
    rows = []
    for arm in range(2):
        phi = (SPIRAL.crest_azimuth_deg(R, arm) + 180.0) % 360.0 - 180.0
        turn = np.radians(phi)
        rows.append(
            [
                np.full(60, arm),
                np.full(60, "crest", object),
                R,
                phi,
                phi - 3,
                phi + 3,
                -R * np.cos(turn),
                R * np.sin(turn),
            ]
        )
    names = ("arm", "kind", "R_kpc", "phi_deg", "phi_lo_deg", "phi_hi_deg", "X_kpc", "Y_kpc")
    return {name: np.concatenate([row[k] for row in rows]) for k, name in enumerate(names)}


def gallery():
    X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(-14, 14.1, 0.7), np.arange(-14, 14.1, 0.7), indexing="ij"))
    inside = (np.hypot(X, Y) > 6.0) & (np.hypot(X, Y) < 13.0)
    shown = {"pattern_speed": (2.0, 10.0, 20.0, 30.0), "scale_length": (5.0, 50.0), "surface_density": (1e6, 1e7)}
    fields = {
        "pattern_speed": "pattern_speed_kms_kpc",
        "scale_length": "scale_length_kpc",
        "surface_density": "surface_density_msun_kpc2",
    }
    parts = []
    for panel, values in shown.items():
        for value in values:
            field = np.where(inside, v_R(replace(SPIRAL, **{fields[panel]: value}), X, Y), np.nan)
            parts.append([np.full(X.size, panel, object), np.full(X.size, value), X, Y, field])
    names = ("panel", "value", "X_kpc", "Y_kpc", "v_R_kms")
    return {name: np.concatenate([part[k] for part in parts]) for k, name in enumerate(names)}


def degeneracy():
    """Parabolas about places that differ in x and y, on grids that are not square."""
    axes = {"scale_length_kpc": np.linspace(2, 100, 31), "surface_density_msun_kpc2": np.linspace(1e5, 3e7, 25)}
    axes |= {"pitch_deg": np.linspace(4, 30, 40), "time_Gyr": np.linspace(0, 0.25, 20)}
    peak = {"scale_length_kpc": 20.0, "surface_density_msun_kpc2": 2e7, "pitch_deg": 12.0, "time_Gyr": 0.2}
    names, parts = list(axes), []
    for i, x_name in enumerate(names):
        for y_name in names[i + 1 :]:
            x, y = (grid.ravel() for grid in np.meshgrid(axes[x_name], axes[y_name], indexing="ij"))
            off = [(v - peak[n]) / np.ptp(axes[n]) for v, n in ((x, x_name), (y, y_name))]
            ln_L = -900.0 - 400.0 * (off[0] ** 2 + off[1] ** 2)
            parts.append([np.full(x.size, x_name, object), np.full(x.size, y_name, object), x, y, ln_L])
    columns = ("x_name", "y_name", "x", "y", "ln_likelihood")
    return {name: np.concatenate([part[k] for part in parts]) for k, name in enumerate(columns)}, peak


def summary(free=True):
    best = {"scale_length_kpc": 11.0, "surface_density_msun_kpc2": 3e6, "pitch_deg": 12.0, "phase_deg": 1.0}
    best |= {"pattern_speed_kms_kpc": SPEED} if free else {}
    radii = resonance_radii(MODEL, SPEED)
    return {
        "settings": SETTINGS,
        "parameters": {name: {"best": value} for name, value in best.items()},
        "time_Gyr": {"best": 0.1},
        "pivot_kpc": 9.0,
        "ln_bayes_factor": -12.34,
        "ln_likelihood": -900.0,
        "fit": {
            "n_cells": 400,
            "chi_square": 432.1,
            "explained_variance": 0.0123,
            "rms_v_R_kms": 6.0,
            "rms_residual_kms": 5.9,
        },
        "resonances_kpc": {name: None if np.isnan(radius) else radius for name, radius in radii.items()},
    }


def made_tables(free=True):
    rng = np.random.default_rng(4)
    return {
        "posterior": posterior(rng, free=free),
        "fit_map": fit_map(rng),
        "profile": profile(rng),
        "loci": loci(),
        "gallery": gallery(),
        "degeneracy": degeneracy()[0],
    }


def write_fit(folder):
    """Write all tables by their contracts and the summary; return the paths by name."""
    paths = {}
    for name, columns in made_tables().items():
        paths[name] = folder / f"{name}.parquet"
        write_table(paths[name], load_contract(NAMES[name]), columns, {})
    paths["summary"] = folder / "summary.json"
    paths["summary"].write_text(json.dumps(summary()), encoding="utf-8")
    return paths
