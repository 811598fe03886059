"""Hold the cells of a forward mock against backward integration (rule ``check_barred_mock``)."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.mock import BarredMock
from discatlas.bar_spirals.mock_map import MapDeclaration, expected_cells, pulls
from discatlas.checks import Check, chi_square_deviation
from discatlas.contracts import join_unit, load_contract, split_unit
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def _read_cells(
    cells: Path, model: Mapping[str, Any], mock: Mapping[str, Any], R_limits_kpc: list[float], n_most: int | None
) -> dict[str, NDArray]:
    """Return the compared cells of the map: those within the limits, or every second, third ... row and column of them."""
    provenance = read_provenance(cells)
    if provenance.get("model") != model or provenance.get("mock") != dict(mock):
        raise DiscatlasError(f"{cells}: not made with this model and this config entry; make it anew")
    if mock["velocity_error_kms"]:
        raise DiscatlasError(
            f"{cells}: its velocities have errors of {mock['velocity_error_kms']:g} km/s, which backward integration does not know; compare a mock with velocity_error_kms 0"
        )
    columns = read_columns(cells)
    low, high = R_limits_kpc
    used = np.flatnonzero((columns["R_kpc"] >= low) & (columns["R_kpc"] <= high))
    if not used.size:
        raise DiscatlasError(f"{cells}: no cell from {low:g} to {high:g} kpc; change R_limits_kpc of the check")
    spacing, stride = mock["map"]["spacing_kpc"], 1
    numbers = [np.rint(columns[axis][used] / spacing - 0.25).astype(int) for axis in ("X_kpc", "Y_kpc")]
    kept = np.ones(used.size, bool)
    while n_most is not None and kept.sum() > n_most:
        stride += 1
        kept = (numbers[0] % stride == 0) & (numbers[1] % stride == 0)
    return {key: values[used[kept]] for key, values in columns.items()}


def _checks(name: str, columns: Mapping[str, NDArray], pull: Mapping[str, NDArray], tolerance: float) -> list[Check]:
    checks = []
    for key, values in pull.items():
        deviation, n = chi_square_deviation(values, np.ones_like(values), np.zeros_like(values))
        mean = float(values.sum() / np.sqrt(n))
        source = f"{n} cells of the mock against backward integration, in standard deviations"
        checks.append(Check(f"{name}: chi-square of {key}", deviation, 0.0, tolerance, "", source))
        checks.append(Check(f"{name}: mean of {key}", mean, 0.0, tolerance, "", source))
        log.info(f"{key}: chi-square {deviation:+.2f}, mean {mean:+.2f} standard deviations from their expectations")
    at_rest, n = chi_square_deviation(columns["v_R_kms"], columns["v_R_error_kms"], np.zeros(n))
    log.info(f"chi-square of v_R = 0 in all of {n} cells: {at_rest:+.1f}")
    return checks


def run(
    *,
    cells: Path,
    model: Path,
    plane: Path,
    result: Path,
    compared: Path,
    name: str,
    mock: Mapping[str, Any],
    R_limits_kpc: list[float],
    n_cells: int | None,
    places_per_side: int,
    accuracy: str | int,
    max_deviation: float,
) -> None:
    """Write the checks, and the compared cells (contract ``barred_mock_check``).

    Parameters
    ----------
    cells : Path
        Map of rule simulate_barred_mock, of particles without errors.
    model, plane : Path
        As that rule had them.
    mock : mapping
        Config entry of the mock.
    R_limits_kpc : list of two float
        Centres of the cells that are compared: where the whole distribution function of the mock arrives.
    n_cells : int or None
        Most cells that are compared, a lattice of them; None for all.
    places_per_side : int
        Places per side of a cell whose velocities are pooled.
    accuracy : str or int
        Of the backward integration.
    max_deviation : float
        Largest deviation of chi-square, and of the mean of the pulls, from its expectation that passes, in standard
        deviations.

    Raises
    ------
    DiscatlasError
        If no cell can be compared, for the map of another mock or model, or one of particles with errors.
    """
    spec = json.loads(model.read_text(encoding="utf-8"))
    columns = _read_cells(cells, spec, mock, R_limits_kpc, n_cells)
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(plane)), spec)
    declared, declaration = BarredMock.from_config(mock, barred, name), MapDeclaration.from_config(mock["map"])
    centres = np.stack([columns["X_kpc"], columns["Y_kpc"]], axis=1)
    expected = expected_cells(barred, declared, declaration, centres, places_per_side, accuracy)
    pull = pulls(columns, expected)
    contract = load_contract("barred_mock_check")
    table = {key: values for key, values in columns.items() if key in contract.names}
    for key, values in expected.items():
        base, unit = split_unit(key)
        table |= {join_unit(f"{base}_backward", unit): values, f"{base}_pull": pull[key]}
    provenance = {"mock": dict(mock), "model": spec, "accuracy": accuracy, "places_per_side": places_per_side}
    write_table(compared, contract, table, provenance)
    write_json(result, [check.record() for check in _checks(name, columns, pull, max_deviation)])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            cells=Path(snakemake.input.cells),
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            result=Path(snakemake.output.result),
            compared=Path(snakemake.output.compared),
            name=snakemake.wildcards.check,
            mock=snakemake.params.mock,
            R_limits_kpc=snakemake.params.R_limits_kpc,
            n_cells=snakemake.params.n_cells,
            places_per_side=snakemake.params.places_per_side,
            accuracy=snakemake.params.accuracy,
            max_deviation=snakemake.params.max_deviation,
        )
