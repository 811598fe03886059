"""Barred models of the draws of a posterior, for predictions with error bands and for the export."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.parameters import BAR_PARAMETERS, SpiralParameters, default_bounds, parameter_names
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
BAR_BOUNDS = {"Omega_bar_kms_kpc": [1.0, 1000.0], "bar_factor": [0.0, 1000.0]}  # nothing depends on them here
CONSTANTS = ("h_kpc", "turns", "vertical")


def posterior_specs(
    columns: Mapping[str, Array], spec: Mapping[str, Any], plane: PlaneProfile, cut_offs: str, n_draws: int
) -> list[dict[str, Any]]:
    """Return the specs of models at even steps through the equal-weight draws of a posterior.

    Parameters
    ----------
    columns : mapping of str to array
        Draws, with the names of `parameters`; others are left alone.
    spec : mapping
        The model of the fit: what is not among the parameters is taken from it.
    plane : PlaneProfile
        Its axisymmetric potential.
    cut_offs : str
        The fit's choice of cut-offs.
    n_draws : int
        How many models; no more than there are draws.

    Raises
    ------
    DiscatlasError
        For a model without spirals, or draws that lack one of its parameters.
    """
    if not spec["spirals"]:
        raise DiscatlasError("posterior: the model has no spirals, so no draws of their parameters belong to it")
    modes = tuple(int(entry["m"]) for entry in spec["spirals"])
    free = f"amplitude_{modes[-1]}_percent" in columns or len(modes) == 1
    amplitude = "free" if free else "hamilton2024"
    names = parameter_names(modes, amplitude)
    if missing := [name for name in names if name not in columns]:
        raise DiscatlasError(
            f"posterior: no column {missing[0]!r} of the model's spirals m = {list(modes)}; it has: {', '.join(list(columns)[:20])}"
        )
    first = spec["spirals"][0]
    speed = spec["bar"]["Omega_kms_kpc"] if spec["bar"] else 100.0
    bounds = default_bounds(modes, amplitude, speed) | {k: b for k, b in BAR_BOUNDS.items() if k in columns}
    options = {"second_amplitude": amplitude, "cut_offs": cut_offs, "constants": {key: first[key] for key in CONSTANTS}}
    parameters = SpiralParameters.from_config(bounds, spec, float(first["R0_kpc"]), **options)
    vectors = np.stack([np.asarray(columns[name], float) for name in parameters.names], axis=1)
    rows = np.unique(np.linspace(0, len(vectors) - 1, min(n_draws, len(vectors))).round().astype(int))
    return [parameters.spec(vectors[row], plane) for row in rows]


def posterior_columns(present: list[str]) -> list[str]:
    """Return the columns of a posterior's table that are parameters of bar and spirals."""
    kinds = ("amplitude_", "pitch_", "phase_", "Omega_")
    return [
        name for name in present if name in BAR_PARAMETERS or (name.startswith(kinds) and name.split("_")[1].isdigit())
    ]
