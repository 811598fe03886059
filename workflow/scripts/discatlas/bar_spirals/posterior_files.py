"""The tables of a spiral posterior: reading what it is made of, and the columns of what it gives."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.evaluations import Problem
from discatlas.bar_spirals.model_record import resolved_spec
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.posterior_setting import PosteriorSettings
from discatlas.bar_spirals.setting import FitSettings
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.errors import DiscatlasError
from discatlas.tables import column_names, read_columns, read_provenance

Array = NDArray[np.float64]
CELLS = ("cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_R_error_kms")


def state_file(product: Path) -> Path:
    """Return the file beside a product in which evaluations are kept until it is whole."""
    return product.with_name(f".{product.stem}.npz")


def posterior_parameters(
    fit: FitSettings, settings: PosteriorSettings, model: Mapping[str, Any], R0_kpc: float
) -> SpiralParameters:
    """Return the free parameters of a posterior: those of the fit, with the posterior's choices."""
    second = settings.second_amplitude or fit.second_amplitude
    bounds = dict(fit.bounds) | dict(settings.bounds)
    if second == "hamilton2024" and len(fit.modes) == 2:
        bounds.pop(f"amplitude_{fit.modes[1]}_percent", None)
    chosen = replace(fit, second_amplitude=second, bounds=bounds)
    return chosen.parameters(resolved_spec(dict(model) | {"spirals": []}), R0_kpc)


def read_problem(
    cells: Path,
    plane: Path,
    fit: Path,
    model: Mapping[str, Any],
    fit_settings: Mapping[str, Any],
    settings: Mapping[str, Any],
    R0_kpc: float,
    posterior: str,
) -> tuple[Problem, Array]:
    """Return the problem of a posterior, and the best vector of the fit in its parameters, within their bounds.

    ``correlation_kpc`` of the settings may be ``map``: that of the published map's own record.

    Raises
    ------
    DiscatlasError
        For settings that make no problem, and a fit of other modes.
    """
    settings = dict(settings)
    if settings.get("correlation_kpc") == "map":
        settings["correlation_kpc"] = read_provenance(cells).get("error_model", {}).get("correlation_kpc")
    chosen = PosteriorSettings.from_config(settings, f"spiral_posteriors.{posterior}")
    fitted = FitSettings.from_config(fit_settings, f"spiral_posteriors.{posterior}.fit")
    parameters = posterior_parameters(fitted, chosen, model, R0_kpc)
    potential = PlaneProfile.from_columns(read_columns(plane))
    spec = json.loads(fit.read_text(encoding="utf-8"))["model"]
    best = np.clip(parameters.vector(spec, potential), parameters.lower, parameters.upper)
    columns = list(CELLS) + (["n_stars"] if "n_stars" in column_names(cells) else [])
    return Problem.prepare(chosen, parameters, potential, read_columns(cells, columns)), best


def varied_parameters(parameters: SpiralParameters, settings: PosteriorSettings) -> SpiralParameters:
    """Return the parameters of a variant, whose second amplitude may be tied where the posterior's is free."""
    second = settings.second_amplitude or parameters.second_amplitude
    if second == parameters.second_amplitude or len(parameters.modes) < 2:
        return parameters
    if second == "free":
        raise DiscatlasError(
            "spiral posterior: a variant can tie the second amplitude, not free it: let the posterior be free"
        )
    kept = tuple(part for part in parameters.parameters if part.name != f"amplitude_{parameters.modes[1]}_percent")
    return replace(parameters, parameters=kept, second_amplitude=second)


def parameter_columns(parameters: SpiralParameters, vectors: Array) -> dict[str, Array]:
    """Return vectors, shape (n, d), as columns by name."""
    return {name: vectors[:, k] for k, name in enumerate(parameters.names)}


def evaluation_columns(
    problem: Problem, vectors: Array, medians: Array, part: int | None = None, rounds: NDArray[np.int64] | None = None
) -> dict[str, NDArray]:
    """Return the columns of contract ``spiral_evaluations``: one row per model and node."""
    n, k = medians.shape
    columns = {
        "part": np.full(n * k, -1 if part is None else part),
        "round": np.repeat(np.zeros(n, np.int64) if rounds is None else rounds, k),
        "model": np.repeat(np.arange(n), k),
        "node": np.tile(np.arange(k), n),
        "R_kpc": np.tile(problem.nodes.R_kpc, n),
        "phi_deg": np.tile(problem.nodes.phi_deg, n),
        "v_R_kms": medians.ravel(),
    }
    return columns | {
        name: np.repeat(values, k) for name, values in parameter_columns(problem.parameters, vectors).items()
    }


def read_evaluations(paths: Sequence[Path], problem: Problem) -> tuple[Array, Array]:
    """Return vectors and medians of the parts of a design, in the order of the parts.

    Raises
    ------
    DiscatlasError
        For a part that was made with other settings.
    """
    vectors, medians, k = [], [], problem.nodes.rows.size
    for path in paths:
        if read_provenance(path).get("digest") != problem.digest():
            raise DiscatlasError(f"{path}: was made with other settings, or for another map; delete it and run again")
        columns = read_columns(path)
        medians.append(columns["v_R_kms"].reshape(-1, k))
        vectors.append(np.stack([columns[name][::k] for name in problem.parameters.names], axis=1))
    return np.concatenate(vectors), np.concatenate(medians)
