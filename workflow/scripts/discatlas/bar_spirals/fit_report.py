"""What a fit of spiral modes found, as a record of plain values, and its map."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.cut_offs import pattern_resonances
from discatlas.bar_spirals.objective import Objective, model_peaks
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.points import FitPoints
from discatlas.dynamics.backward import BarredModel, v_R_medians

Array = NDArray[np.float64]
NEAR_KPC = 0.25  # of a point of the fit, SCIENCE: the size of the published bins
AT_BOUND = 0.01  # of the range


def model_map(objective: Objective, spec: Mapping[str, Any], cells: Mapping[str, Array]) -> Array:
    """Return the unbiased medians of v_R of a model at all cells, shape (m,)."""
    model = BarredModel.from_spec(objective.plane, spec)
    return v_R_medians(model, cells["R_kpc"], cells["phi_deg"], objective.grid, objective.accuracy)


def near_points(points: FitPoints, cells: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Return which cells lie within 0.25 kpc of a point, shape (m,)."""
    offsets = [
        np.hypot(cells["X_kpc"] + x, cells["Y_kpc"] - y) for x, y in zip(points.x_kpc, points.y_kpc, strict=True)
    ]
    return np.min(offsets, axis=0) <= NEAR_KPC + 1e-9


def cell_groups(objective: Objective, cells: Mapping[str, Array]) -> dict[str, NDArray[np.bool_]]:
    """Return which cells are in each group of which the rms is reported: all, those that are not near a point, and those beyond the bar's corotation, where spirals act."""
    bar = objective.parameters.base.get("bar")
    corotation = pattern_resonances(objective.plane, float(bar["Omega_kms_kpc"]), 2)["corotation"] if bar else None
    return {
        "all": np.ones(cells["R_kpc"].shape, bool),
        "outside": ~near_points(objective.points, cells),
        "beyond_bar": cells["R_kpc"] > (corotation or 0.0),
    }


def rms_record(
    data_kms: Array, models: Mapping[str, Array], groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, dict[str, Any]]:
    """Return the number of cells in each group, and the rms [km/s] of data minus each model over it."""
    record: dict[str, dict[str, Any]] = {"n_cells": {name: int(np.sum(group)) for name, group in groups.items()}}
    for which, group in groups.items():
        record[f"{which}_kms"] = {name: _rms((data_kms - model)[group]) for name, model in models.items()}
    return record


def _rms(values: Array) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if values.size else None


def objective_record(objective: Objective, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objective of a model with the unbiased and with the published median, and its terms."""
    points = objective.points
    medians = objective.medians(BarredModel.from_spec(objective.plane, spec))
    bias = 0.5 * (objective.grid.v_R_kms[1] - objective.grid.v_R_kms[0])
    record = {"map": points.chi_square(medians), "map_khalil2025": points.chi_square(medians - bias)}
    local = 0.0
    if objective.peaks is not None:
        model = BarredModel.from_spec(objective.plane, spec)
        local = objective.peaks.chi_square(model_peaks(model, objective.peaks, objective.grid, objective.accuracy))
        record["local"] = local
    return record | {"unbiased": record["map"] + local, "khalil2025": record["map_khalil2025"] + local}


def point_records(objective: Objective, specs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, float]]:
    """Return each point with its data, and the median of each model."""
    points = objective.points
    medians = {
        f"{name}_kms": objective.medians(BarredModel.from_spec(objective.plane, spec)) for name, spec in specs.items()
    }
    columns = {"x_kpc": points.x_kpc, "y_kpc": points.y_kpc, "sigma_kms": points.sigma_kms, "v_R_kms": points.v_R_kms}
    rows = zip(*(values.tolist() for values in (columns | medians).values()), strict=True)
    return [dict(zip(columns | medians, row, strict=True)) for row in rows]


def parameter_records(
    parameters: SpiralParameters, best: Array, before: Array, compared: Array | None
) -> dict[str, dict[str, Any]]:
    """Return of each parameter its unit, bounds, values, and whether the best one lies at a bound (angles have none)."""
    records = {}
    for i, parameter in enumerate(parameters.parameters):
        share = (best[i] - parameter.lower) / (parameter.upper - parameter.lower)
        end = "lower" if share < AT_BOUND else "upper" if share > 1 - AT_BOUND else None
        records[parameter.name] = {
            "unit": parameter.unit,
            "bounds": [parameter.lower, parameter.upper],
            "period": parameter.period,
            "best": float(best[i]),
            "before_polish": float(before[i]),
            "compared": None if compared is None else float(compared[i]),
            "at_bound": None if parameter.period else end,
        }
    return records


def specs_of(
    objective: Objective, best: Array, before: Array, compared: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Return the models that are reported: the fit before and after the gradient descent, with the published code's cut-offs, and others.

    ``compared`` is the model to compare with as it stands, ``compared_resonances`` the same with cut-offs at the true
    resonances.
    """
    parameters, plane = objective.parameters, objective.plane
    literal = replace(parameters, cut_offs="literal")
    specs = {"best": parameters.spec(best, plane), "before_polish": parameters.spec(before, plane)}
    specs["best_literal"] = literal.spec(best, plane)
    if compared is not None:
        specs["compared"] = dict(compared)
        vector = compared_vector(parameters, compared, objective)
        if vector is not None:
            true = replace(parameters, cut_offs="resonances")
            specs["compared_resonances"] = true.spec(vector, plane)
    return specs


def compared_vector(parameters: SpiralParameters, compared: Mapping[str, Any], objective: Objective) -> Array | None:
    """Return the compared model as a vector, None if it has other modes."""
    if {int(entry["m"]) for entry in compared["spirals"]} != set(parameters.modes):
        return None
    return parameters.vector(compared, objective.plane)
