"""For tests of the posterior of spiral modes: a small map, settings, and the files that the rules read."""

import json

import numpy as np
from khalil2025 import CONFIG
from made_potential import plane_columns
from orbit_models import BAR, spiral_config

from discatlas.bar_spirals.parameters import SpiralParameters, default_bounds
from discatlas.contracts import load_contract
from discatlas.tables import write_table

R0_KPC = 8.275
DISTRIBUTION = {
    "scale_length_kpc": 2.4,
    "sigma_scale_kpc": 10.0,
    "R0_kpc": R0_KPC,
    "components": [{"sigma_R_kms": 30.0, "weight": 1.0}],
    "source": "test",
}
MODEL = {"bar": BAR, "spirals": [], "distribution": DISTRIBUTION, "integration_kpc_kms": None}
BOX = {"amplitude": 0.5, "pitch": 2.0, "phase": 15.0, "Omega": 1.0, "bar": 0.1}
SETTINGS = {
    "second_amplitude": None, "bounds": {}, "max_contrast": None, "R_limits_kpc": [None, None], "errors": "stated",
    "correlation_kpc": None, "floor_kernel": "matern52", "floor_kms": [0.5, 8.0], "n_floor": 6,
    "floor_length_kpc": [1.0, 1.0], "n_floor_length": 1, "n_nodes": 12, "v_R_kms": [-70, 70, 20],
    "v_phi_kms": [135, 305, 34], "accuracy": "fast", "full_v_R_kms": [-75, 75, 10], "full_v_phi_kms": [126.5, 313.5, 17],
    "full_accuracy": "fast", "n_initial": 60, "box_share": 0.5, "box": BOX, "n_rounds": 1, "n_per_round": 12,
    "temperature": 0.3, "target_rms_kms": 0.3, "target_shift": 0.2, "lost_kms": 0.3, "groups": [], "n_subset": 60,
    "n_live_rounds": 40, "n_live": 60, "n_effective_min": 50, "n_draws": 200, "n_validation": 6, "n_predictive": 2,
    "n_interpolation": 2, "variants": {"outside": {"R_limits_kpc": [7.0, None]}},
}  # fmt: skip
FIT = {
    "modes": [2], "bounds": {}, "points": [], "sigma_kms": 1.0, "local": None, "second_amplitude": "hamilton2024",
    "cut_offs": "resonances", "max_contrast": 0.35, "h_kpc": 0.13, "turns": 1.0, "v_R_kms": [-79, 79, 2],
    "v_phi_kms": [110, 330, 4], "coarse_v_R_kms": [-76, 76, 4], "coarse_v_phi_kms": [112, 328, 7.2], "accuracy": "fast",
    "population": 15, "tolerance": 0.01, "max_generations": 400, "polish_iterations": 20,
}  # fmt: skip


def parameters(modes=(2,), second_amplitude="hamilton2024", **bounds):
    base = MODEL | {"integration_kpc_kms": 3.2 * 2 * np.pi / 37}
    every = default_bounds(modes, second_amplitude, 37.0) | bounds
    return SpiralParameters.from_config(every, base, R0_KPC, second_amplitude=second_amplitude)


def map_columns(v_R=None, n=7, seed=0):
    """A map of n x n cells before the Sun and behind it."""
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(6, 10, n), np.linspace(-2, 2, n), indexing="ij"))
    R, phi = np.hypot(x, y), np.degrees(np.arctan2(y, x))
    noise = np.random.default_rng(seed).standard_normal(R.size)
    value = 4 * np.cos(np.radians(2 * phi) + R) if v_R is None else v_R(R, phi)
    places = {"cell": np.arange(R.size), "X_kpc": -x, "Y_kpc": y, "R_kpc": R, "phi_deg": phi}
    return places | {"n_stars": np.full(R.size, 100), "v_R_kms": value + noise, "v_R_error_kms": np.ones(R.size)}


def write_files(folder):
    """Write map, potential and the summary of a fit; return their paths."""
    cells, plane, fit = folder / "cells.parquet", folder / "plane.parquet", folder / "fit.json"
    write_table(cells, load_contract("published_map").expand(q=["v_R_kms"]), map_columns(), {})
    write_table(plane, load_contract("potential_plane"), plane_columns(), {"model": CONFIG})
    fit.write_text(json.dumps({"model": MODEL | {"spirals": [spiral_config(2)]}}), encoding="utf-8")
    return {"cells": cells, "plane": plane, "fit": fit}
