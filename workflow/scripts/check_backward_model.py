"""Hold a model with bar and spirals against what backward integration must give (rule ``check_backward_model``)."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.checks import Check
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, v_R_medians
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns

log = logging.getLogger(__name__)


def _medians(
    barred: BarredModel, points: NDArray[np.float64], grid: VelocityGrid, definition: str
) -> tuple[NDArray[np.float64], ...]:
    """Return medians of v_R in the fast and the reference setting, and those without bar and spirals."""
    x, y, _ = points.T
    where = np.hypot(x, y), np.degrees(np.arctan2(y, x))
    fast, reference = (v_R_medians(barred, *where, grid, accuracy, definition) for accuracy in ("fast", "reference"))
    return fast, reference, v_R_medians(barred.equilibrium(), *where, grid, "fast")


def run(
    *,
    model: Path,
    plane: Path,
    result: Path,
    name: str,
    v_R_kms: list[float],
    v_phi_kms: list[float],
    points: Sequence[Sequence[float]],
    definition: str,
    tolerance_kms: float,
    accuracy_tolerance_kms: float,
    unperturbed_tolerance_kms: float,
    source: str,
) -> None:
    """Write the checks of medians of v_R.

    Parameters
    ----------
    model, plane : Path
        Specification of the model, and table of its potential in the plane.
    v_R_kms, v_phi_kms : list of float
        First and last centre and step of the velocity grid.
    points : sequence of [x, y, median]
        Places in the frame of Khalil et al. (x from the centre through the Sun, y along rotation) [kpc], and the expected
        median of v_R there [km/s], or None for one that is not known: the other checks remain.
    definition : str
        Of these medians: see `medians.weighted_median`.
    tolerance_kms, accuracy_tolerance_kms, unperturbed_tolerance_kms : float
        Largest difference that passes: of the reference setting from the expected medians, of the fast from the reference
        setting, and of the fast median without bar and spirals from 0.
    source : str
        Where the expected medians come from.

    Raises
    ------
    DiscatlasError
        If there is no point, or as `BarredModel` and `VelocityGrid`.
    """
    if not len(points):
        raise DiscatlasError(f"check {name!r}: no points; expected at least one [x, y, median of v_R or null]")
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(plane)), spec)
    grid = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
    numbers = np.array([[np.nan if value is None else value for value in point] for point in points], float)
    rows = zip(*numbers.T, *_medians(barred, numbers, grid, definition), strict=True)
    checks = []
    for x, y, expected, fast, reference, still in rows:
        at = f"{name}: v_R at ({x:g}, {y:g}) kpc"
        if np.isfinite(expected):
            checks.append(Check(at, reference, expected, tolerance_kms, "km / s", source))
        against, alone = "fast against reference setting", "no bar and no spirals"
        checks.append(Check(f"{at}, fast", fast, reference, accuracy_tolerance_kms, "km / s", against))
        checks.append(Check(f"{at}, unperturbed", still, 0.0, unperturbed_tolerance_kms, "km / s", alone))
        log.info(f"{at}: {reference:+.4f}, fast {fast:+.4f}, expected {expected:+.4f}, unperturbed {still:+.1e}")
    write_json(result, [check.record() for check in checks])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            points=snakemake.params.points,
            definition=snakemake.params.definition,
            tolerance_kms=snakemake.params.tolerance_kms,
            accuracy_tolerance_kms=snakemake.params.accuracy_tolerance_kms,
            unperturbed_tolerance_kms=snakemake.params.unperturbed_tolerance_kms,
            source=snakemake.params.source,
        )
