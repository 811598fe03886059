"""What a posterior of spiral modes says of the map, and how well its emulator did."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from discatlas.bar_spirals.evaluations import Problem
from discatlas.bar_spirals.likelihood import Floor, QuadraticForms
from discatlas.bar_spirals.map_noise import smoothed
from discatlas.bar_spirals.posterior import centred, importance
from discatlas.bar_spirals.rounds import Lesson, Target

Array = NDArray[np.float64]
SMOOTHING_KPC = 0.5  # over which squared errors of the interpolation are averaged
RINGS_KPC = (0.0, 5.0, 6.5, 8.0, 10.0, 100.0)
N_MAP = 500  # draws of which maps are made


def interpolation_errors(problem: Problem, medians: Array, maps: Array) -> Array:
    """Return the error of the interpolation at each cell [km/s], shape (n,): the rms over models, averaged over neighbours.

    `medians`, shape (m, k), are at the nodes, `maps`, shape (m, n), at all cells, of the same models.
    """
    square = np.mean((medians @ problem.nodes.weights.T - maps) ** 2, axis=0)
    table = problem.table
    return np.sqrt(smoothed(table["X_kpc"], table["Y_kpc"], square, np.ones(square.size), SMOOTHING_KPC))


def by_ring(R_kpc: Array, values: Array) -> list[dict[str, float]]:
    """Return the rms of values in rings of radius that have cells."""
    rows = []
    for low, high in itertools.pairwise(RINGS_KPC):
        inside = (R_kpc >= low) & (R_kpc < high)
        if inside.any():
            rms = float(np.sqrt(np.mean(values[inside] ** 2)))
            rows.append({"R_kpc": [low, high], "n_cells": int(inside.sum()), "rms_kms": rms})
    return rows


class Validation(NamedTuple):
    """Draws evaluated again: vectors (n, d), and medians at the nodes (n, k): emulated, quick, and full for the first ones."""

    vectors: Array
    emulated: Array
    coarse: Array
    full: Array


def validation_record(found: Validation, lesson: Lesson, target: Target, forms: QuadraticForms) -> dict[str, Any]:
    """Return the errors of the emulator and of the quick evaluation, and what importance weights make of the posterior.

    The weights turn the emulated likelihood into that of the evaluated models; the posterior is as it should be where their
    effective share is near one, and the means they give are those of the draws.
    """
    parameters = target.emulator.feature_map.parameters
    error = found.coarse - found.emulated
    bias = found.full - found.coarse[: len(found.full)]
    left = bias - lesson.mean_bias
    ln_true = forms.ln_likelihood(found.coarse + lesson.mean_bias)
    ln_emulated = target.many(found.vectors)
    weights, share = importance(ln_true, ln_emulated)
    n_full = len(found.full)
    _, share_full = importance(forms.ln_likelihood(found.full), ln_emulated[:n_full])
    near = centred(found.vectors, parameters)
    moved = (weights @ near - near.mean(axis=0)) / near.std(axis=0, ddof=1)
    return {
        "n": len(found.coarse),
        "emulator_rms_kms": _rms(error),
        "emulator_rms_worst_node_kms": float(np.sqrt(np.mean(error**2, axis=0)).max()),
        "n_full": n_full,
        "bias_mean_kms": float(bias.mean()),
        "bias_rms_kms": _rms(bias),
        "bias_rms_after_correction_kms": _rms(left),
        "importance_effective_share": share,
        "importance_effective_share_full": share_full,
        "importance_shift": dict(zip(parameters.names, moved.tolist(), strict=True)),
        "ln_likelihood_error_sd": float(np.std(ln_true - ln_emulated)),
    }


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def map_columns(
    problem: Problem, target: Target, lesson: Lesson, vectors: Array, floor_kms: Array, extra_kms: Array
) -> dict[str, NDArray]:
    """Return the columns of contract ``spiral_posterior_map``; `floor_kms` are the draws of the misfit's amplitude."""
    table, nodes = problem.table, problem.nodes
    some = vectors[np.linspace(0, len(vectors) - 1, N_MAP).astype(np.int64)]
    maps = (target.emulator.medians(some) + lesson.mean_bias) @ nodes.weights.T
    mean, sd = maps.mean(axis=0), maps.std(axis=0, ddof=1)
    errors = np.hypot(table[f"{problem.settings.errors}_kms"], extra_kms)
    names = [name for name in ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg", "n_stars", "v_R_kms") if name in table]
    is_node = np.zeros(mean.size, bool)
    is_node[nodes.rows] = True
    return {name: table[name] for name in names} | {
        "used": problem.cells(problem.settings)[1],
        "is_node": is_node,
        "error_kms": errors,
        "interpolation_kms": extra_kms,
        "model_kms": mean,
        "model_sd_kms": sd,
        "predictive_sd_kms": np.sqrt(sd**2 + np.mean(floor_kms**2) + errors**2),
        "residual_kms": table["v_R_kms"] - mean,
    }


def fit_record(
    columns: Mapping[str, Array], forms: QuadraticForms, medians: Array, pairs: NDArray[np.int64]
) -> dict[str, Any]:
    """Return how well the mean model and the draws, with their `pairs` of the misfit's grid, describe the map."""
    used = columns["used"]
    names = ("v_R_kms", "model_kms", "residual_kms", "error_kms", "predictive_sd_kms", "R_kpc")
    data, model, residual, error, predictive, R = (columns[name][used] for name in names)
    chi_square = np.array([forms.chi_squares(x[None])[0, pair] for x, pair in zip(medians, pairs, strict=True)])
    return {
        "n_cells": data.size,
        "rms_v_R_kms": _rms(data),
        "rms_residual_kms": _rms(residual),
        "rms_error_kms": _rms(error),
        "explained_variance": float(1 - np.var(residual) / np.var(data)),
        "correlation": float(np.corrcoef(data, model)[0, 1]),
        "chi_square": float(chi_square.mean()),
        "chi_square_p": float(np.mean(chi2.sf(chi_square, data.size))),
        "normalised_residual_sd": float(np.std(residual / predictive)),
        "residuals_by_ring": by_ring(R, residual),
        "data_by_ring": by_ring(R, data),
    }


def floor_record(floor: Floor, pairs: NDArray[np.int64]) -> dict[str, Any]:
    """Return amplitude and length of the misfit: their grids, and the share of the draws at each value."""
    sigma, length = (values[pairs] for values in floor.pairs)
    shares = {
        "kms": [{"value": float(v), "share": float(np.mean(sigma == v))} for v in floor.sigma_kms],
        "length_kpc": [{"value": float(v), "share": float(np.mean(length == v))} for v in floor.length_kpc],
    }
    return {
        "kernel": floor.kernel,
        "mean_kms": float(sigma.mean()),
        "sd_kms": float(sigma.std()),
        "mean_length_kpc": float(length.mean()),
        "grid": shares,
    }
