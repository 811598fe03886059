"""The reduction of the response of a warm disc, from its table to the nodes of a fit.

The factor is that of the table's rotation curve, scale length and dispersion, whatever the fit's: it is bilinear in
pattern speed and pitch angle and linear in R between tabulated values, and kept beyond the tabulated radii.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.spiral_fit.kernels import Reduction
from discatlas.spiral_fit.nodes import Nodes
from discatlas.spiral_fit.parameters import Priors

COLUMNS = ("sigma_R_kms", "pitch_deg", "pattern_speed_kms_kpc", "R_kpc", "factor_real", "factor_imag")


def reduction_at(
    nodes: Nodes, priors: Priors, table: Mapping[str, NDArray[Any]], sigma_R_kms: float | None, where: str
) -> Reduction:
    """Return the factor at the nodes.

    Parameters
    ----------
    table : mapping
        Columns `COLUMNS` of the contract ``spiral_reduction``.
    sigma_R_kms : float or None
        Which of the tabulated dispersions at R0; None if there is one alone.

    Raises
    ------
    DiscatlasError
        For a dispersion that is not in the table, a table that is no grid, and a prior of the pattern speed or the pitch
        angle beyond it (one tabulated pitch angle holds for all).
    """
    sigmas = np.unique(table["sigma_R_kms"])
    if sigma_R_kms is None and sigmas.size == 1:
        sigma_R_kms = float(sigmas[0])
    if sigma_R_kms is None or not np.any(np.isclose(sigmas, sigma_R_kms)):
        known = ", ".join(f"{sigma:g}" for sigma in sigmas)
        raise DiscatlasError(f"{where}: got sigma_R_kms {sigma_R_kms}, expected one of {known} km/s")
    rows = np.isclose(table["sigma_R_kms"], sigma_R_kms)
    speed, pitch, R = (table[name][rows] for name in ("pattern_speed_kms_kpc", "pitch_deg", "R_kpc"))
    speeds, pitches, radii = np.unique(speed), np.unique(pitch), np.unique(R)
    if speed.size != speeds.size * pitches.size * radii.size:
        raise DiscatlasError(f"{where}: {speed.size:,} rows are no full grid of pattern speeds, pitch angles and radii")
    if pitches.size > 1:
        _require_range(where, "pitch_deg", priors.pitch_deg, pitches)
    _require_range(where, "pattern_speed_kms_kpc", priors.speed_limits, speeds)
    order = np.lexsort((R, pitch, speed))
    shape = (speeds.size, pitches.size, radii.size)
    parts = []
    for name in ("factor_real", "factor_imag"):
        grid = table[name][rows][order].reshape(shape)
        lines = [np.interp(nodes.R_kpc, radii, line) for line in grid.reshape(-1, radii.size)]
        parts.append(np.ascontiguousarray(np.reshape(lines, (*shape[:2], nodes.n))))
    return Reduction(speeds.astype(np.float64), pitches.astype(np.float64), *parts)


def _require_range(where: str, name: str, limits: tuple[float, float], values: NDArray[Any]) -> None:
    if not (values[0] - 1e-9 <= limits[0] and limits[1] <= values[-1] + 1e-9):
        raise DiscatlasError(
            f"{where}: {name} is tabulated from {values[0]:g} to {values[-1]:g}, the fit needs {limits[0]:g} to {limits[1]:g}; "
            "tabulate these in spiral_reductions, or take a narrower prior"
        )
