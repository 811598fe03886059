"""What a fitted spiral implies: maps for other parameters, degeneracies, the spread of v_R against R, the arms."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.spiral_fit.likelihood import Likelihood
from discatlas.spiral_fit.parameters import (
    COLUMNS,
    MEAN,
    PATTERN_SPEED,
    PHASE,
    PITCH,
    SCALE_LENGTH,
    SURFACE_DENSITY,
    Priors,
    SpiralModel,
)
from discatlas.spiral_response import spiral_response

Array = NDArray[np.float64]
PANELS = {"pattern_speed": PATTERN_SPEED, "scale_length": SCALE_LENGTH, "surface_density": SURFACE_DENSITY}
GRID_KEYS = ("limits_kpc", "spacing_kpc")
MIN_CELLS = 5  # of an annulus
N_DRAWS = 300
PAIR_ORDER = (SCALE_LENGTH, SURFACE_DENSITY, PITCH)


def posterior_points(columns: Mapping[str, Array]) -> Array:
    """Return the points, shape (n, 6), of the table ``spiral_response``."""
    parts = [columns.get(name, np.zeros_like(columns["pitch_deg"])) for name in COLUMNS]
    points = np.stack(parts, axis=1)
    points[:, PHASE] = np.radians(points[:, PHASE])
    return points


def point_v_R(model: SpiralModel, point: Array, R_kpc: Array, phi_deg: Array) -> Array:
    """Return v_R [km/s] of one point at places of the plane, without the reduction of a warm disc."""
    response = spiral_response(model.spiral(point), R_kpc, phi_deg, *model.frequencies(R_kpc), model.regularisation)
    wave = response.v_R_sin_kms if model.terms == "sin_only" else response.v_R_kms
    return wave + point[MEAN]


def gallery_maps(
    model: SpiralModel, best: Array, wanted: Mapping[str, Any], R_limits: tuple[float, float]
) -> dict[str, NDArray[Any]]:
    """Return the columns of ``spiral_gallery``: v_R on a face-on grid for several values of each parameter of `PANELS`.

    Parameters
    ----------
    wanted : mapping
        Values of ``pattern_speed`` [km/s/kpc], ``scale_length`` [kpc] and ``surface_density`` [Msun/kpc^2]; ``limits_kpc``
        (low and high of X and of Y) and ``spacing_kpc`` of the grid.
    R_limits : (float, float)
        Radii beyond which v_R is NaN [kpc].

    Raises
    ------
    DiscatlasError
        For unknown and missing keys, and a grid without a place within the radii.
    """
    keys = [*PANELS, *GRID_KEYS]
    for key in [*wanted, *keys]:
        if key not in keys or key not in wanted:
            what = "unknown key" if key not in keys else "missing key"
            raise DiscatlasError(f"gallery: {what} {key!r}; expected {', '.join(keys)}")
    X, Y = _grid(wanted["limits_kpc"], wanted["spacing_kpc"])
    R, phi = cylindrical_position(X, Y)
    inside = (R_limits[0] <= R) & (R_limits[1] >= R)
    if not inside.any():
        raise DiscatlasError(
            f"gallery: no place of limits_kpc {wanted['limits_kpc']} has R {R_limits[0]:g} to {R_limits[1]:g} kpc"
        )
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("panel", "value", "X_kpc", "Y_kpc", "v_R_kms")}
    for panel, k in PANELS.items():
        for value in wanted[panel]:
            point = best.copy()
            point[k], point[MEAN] = value, 0.0
            v_R = np.full(X.size, np.nan)
            with np.errstate(divide="ignore", invalid="ignore"):
                v_R[inside] = point_v_R(model, point, R[inside], phi[inside])
            v_R[~np.isfinite(v_R)] = np.nan
            columns = (np.full(X.size, panel, dtype=object), np.full(X.size, float(value)), X, Y, v_R)
            for name, values in zip(parts, columns, strict=True):
                parts[name].append(values)
    if not parts["value"]:
        raise DiscatlasError("gallery: got no value of any parameter, expected one or more")
    return {name: np.concatenate(values) for name, values in parts.items()}


def _grid(limits_kpc: Sequence[Sequence[float]], spacing_kpc: float) -> tuple[Array, Array]:
    if not spacing_kpc > 0:
        raise DiscatlasError(f"gallery: got spacing_kpc {spacing_kpc}, expected above 0")
    axes = [np.arange(low, high + 0.5 * spacing_kpc, spacing_kpc) for low, high in limits_kpc]
    X, Y = np.meshgrid(*axes, indexing="ij")
    return X.ravel(), Y.ravel()


def degeneracies(likelihood: Likelihood, priors: Priors, best: Array, n_points: int) -> dict[str, NDArray[Any]]:
    """Return the columns of ``spiral_degeneracy``: ln L over pairs of the paper's parameters, within their priors.

    The parameters are h_R, the surface density, the pitch angle, the time within one period, and the pattern speed where
    it is free. Without the time in a pair its own value is kept, not the phase (Tang et al. 2026, Fig. C1).
    """
    model = likelihood.response.model
    axes = {COLUMNS[k]: np.linspace(*priors.limits[k], n_points) for k in PAIR_ORDER}
    axes["time_Gyr"] = np.linspace(0.0, model.period_gyr(best), n_points)
    if priors.has_free_speed:
        axes[COLUMNS[PATTERN_SPEED]] = np.linspace(*priors.speed_limits, n_points)
    time = float(model.time_gyr(best))
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("x_name", "y_name", "x", "y", "ln_likelihood")}
    for x_name, y_name in combinations(axes, 2):
        x, y = (grid.ravel() for grid in np.meshgrid(axes[x_name], axes[y_name], indexing="ij"))
        points, times = np.repeat(best[None], x.size, axis=0), np.full(x.size, time)
        for name, values in ((x_name, x), (y_name, y)):
            if name == "time_Gyr":
                times = values
            else:
                points[:, COLUMNS.index(name)] = values
        ln_L = likelihood.many(model.with_time(points, times))
        names = (np.full(x.size, name, dtype=object) for name in (x_name, y_name))
        for name, column in zip(parts, (*names, x, y, ln_L), strict=True):
            parts[name].append(column)
    return {name: np.concatenate(column) for name, column in parts.items()}


def spread(values: Array) -> Array:
    """Return (84th - 16th percentile)/2 along the last axis."""
    low, high = np.percentile(values, [16.0, 84.0], axis=-1)
    return (high - low) / 2


def spread_profile(
    likelihood: Likelihood, points: Array, best: Array, R_kpc: Array, step_kpc: float, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Return the columns of ``spiral_profile`` for annuli of a width; `R_kpc` is that of the fitted cells."""
    edges = np.arange(np.floor(R_kpc.min() / step_kpc), np.ceil(R_kpc.max() / step_kpc) + 1) * step_kpc
    number = np.clip(np.searchsorted(edges, R_kpc, side="right") - 1, 0, edges.size - 2)
    held = np.flatnonzero(np.bincount(number, minlength=edges.size - 1))
    rows = [np.flatnonzero(number == k) for k in held]
    R = 0.5 * (edges[held] + edges[held + 1])

    def profile(values: Array) -> Array:
        return np.stack(
            [spread(values[..., at]) if at.size >= MIN_CELLS else np.full(values.shape[:-1], np.nan) for at in rows], -1
        )

    response, noise = likelihood.response, likelihood.noise
    noises = np.stack([noise.colour(rng.standard_normal(R_kpc.size)) for _ in range(N_DRAWS)])
    some = points[np.linspace(0, len(points) - 1, N_DRAWS).astype(int)]
    models = np.stack([response.v_R(point) for point in some])
    data, drawn = profile(likelihood.v_R_kms), profile(likelihood.v_R_kms + noises)
    model, noisy = profile(response.v_R(best)), profile(models + noises)
    low, high = np.percentile(noisy, [16.0, 84.0], axis=0)
    return {
        "R_kpc": R,
        "n_cells": np.array([at.size for at in rows]),
        "spread_kms": data,
        "spread_error_kms": drawn.std(axis=0, ddof=1),
        "spread_model_kms": model,
        "spread_model_lo_kms": low,
        "spread_model_hi_kms": high,
        "gradient_kms_kpc": _gradient(data, R),
        "gradient_error_kms_kpc": _gradient(drawn, R).std(axis=0, ddof=1),
        "gradient_model_kms_kpc": _gradient(model, R),
    }


def _gradient(values: Array, R: Array) -> Array:
    return np.gradient(values, R, axis=-1) if R.size > 1 else np.full_like(values, np.nan)


def arm_loci(
    model: SpiralModel, points: Array, best: Array, R_limits: tuple[float, float], n: int = 200
) -> dict[str, NDArray[Any]]:
    """Return the columns of ``spiral_loci``: the crest of each arm between two radii, with its range over the posterior."""
    R = np.geomspace(*R_limits, n)
    ln_R = np.log(R / model.pivot_kpc)
    centre = best[PHASE] / model.m - ln_R / np.tan(np.radians(best[PITCH]))
    every = points[:, PHASE, None] / model.m - ln_R / np.tan(np.radians(points[:, PITCH, None]))
    spacing = 2 * np.pi / model.m
    off = np.mod(every - centre + spacing / 2, spacing) - spacing / 2
    low, high = np.degrees(np.percentile(off, [15.865525393145708, 84.13447460685429], axis=0))
    parts = []
    for arm in range(model.m):
        phi = np.mod(np.degrees(centre + arm * spacing) + 180.0, 360.0) - 180.0
        turn = np.radians(phi)
        parts.append(
            {
                "arm": np.full(n, arm),
                "kind": np.full(n, "crest", dtype=object),
                "R_kpc": R,
                "phi_deg": phi,
                "phi_lo_deg": phi + low,
                "phi_hi_deg": phi + high,
                "X_kpc": -R * np.cos(turn),
                "Y_kpc": R * np.sin(turn),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
