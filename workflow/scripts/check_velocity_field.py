"""Hold a velocity field against the one that the truth of the same stars gives (rule ``check_velocity_field``)."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.checks import Check
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.frames import cylindrical_position
from discatlas.runtime import script_log
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.tables import read_batches, read_columns, read_provenance
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column
from discatlas.velocity_field.cells import POSITIONS, VELOCITIES, CubeSums, Window
from discatlas.velocity_field.truth import TrueCells, pulls, rms_pull

log = logging.getLogger(__name__)
EXPECTED = {"stars": 0.0, "mean": 1.0}  # root mean square of the pulls


def _true_values(truth: Path, against: str, model: Mapping[str, Any] | None) -> tuple[NDArray[np.int64], NDArray]:
    """Return source_id and, shape (t, 6), true positions and true velocities or those of the mean field there."""
    known = read_columns(truth, ["source_id", *POSITIONS, *(VELOCITIES if against == "stars" else ())])
    positions = np.column_stack([known[name] for name in POSITIONS])
    if against == "stars":
        return known["source_id"], np.column_stack([positions, *(known[name] for name in VELOCITIES)])
    X, Y, Z = positions.T
    mean = MeanFieldModel.from_config(model).mean_velocity_cylindrical(*cylindrical_position(X, Y), Z)
    return known["source_id"], np.column_stack([positions, *mean])


def _stars_in_cells(
    stars: Path, cells: Path
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Yield cell, source_id and position (n, 3) of the stars that the cells were made of, as rule bin_phase_space_cells did."""
    about = read_provenance(cells)
    window = Window(*(about[name] for name in ("half_width_kpc", "Z_max_kpc", "max_speed_kms", "R0_kpc")))
    cubes = None if about["cell_kpc"] is None else CubeSums(window, about["cell_kpc"])
    first = 0
    for batch in read_batches(stars, ["source_id", *POSITIONS, *VELOCITIES]):
        positions, velocities = (np.column_stack([batch[name] for name in names]) for names in (POSITIONS, VELOCITIES))
        used, _ = window.select(positions, velocities)
        cell = np.flatnonzero(used) + first if cubes is None else cubes.numbers(positions[used])
        first += used.size
        yield cell, batch["source_id"][used], positions[used]


def run(
    *,
    field: Path,
    cells: Path,
    stars: Path,
    truth: Path,
    result: Path,
    name: str,
    radius_kpc: float,
    against: str,
    model: Mapping[str, Any] | None,
    tolerance: float,
) -> None:
    """Write the check: the root mean square over nodes and 30 coefficients of (field - truth) / error.

    Parameters
    ----------
    field, cells, stars : Path
        The velocity field, the cells it was fitted to, and the phase space that these were made of.
    truth : Path
        Table of the true ``source_id``, ``X_kpc``, ``Y_kpc``, ``Z_kpc``, ``v_R_kms``, ``v_phi_kms`` and ``v_Z_kms``.
    against : str
        ``stars``: the true velocities of the same stars; the errors are mostly the stars' own scatter, which is common to
        both, so 0 is expected. ``mean``: the mean field of the `model` of an analytic galaxy at their true places; 1 is
        expected.
    tolerance : float
        Largest difference from that expectation that passes.

    Raises
    ------
    DiscatlasError
        For missing columns, a truth of another catalogue, and a field without a fit.
    """
    try:
        true_cells = TrueCells(read_columns(cells, ["cell"])["cell"], *_true_values(truth, against, model))
        for batch in _stars_in_cells(stars, cells):
            true_cells.add(*batch)
        positions, means, displacement = true_cells.means()
    except DiscatlasError as error:
        raise DiscatlasError(f"{truth}: {error}") from None
    table = read_columns(field)
    rows = {column: part[np.isclose(table["radius_kpc"], radius_kpc)] for column, part in table.items()}
    differences = pulls(rows, positions, means, radius_kpc)
    if not differences.size:
        raise DiscatlasError(f"{field}: no node was fitted with radius_kpc {radius_kpc:g}: nothing to check")
    value = rms_pull(differences, displacement, radius_kpc)
    by_coefficient = np.sqrt(np.mean(differences**2, axis=0))
    c, t = np.unravel_index(np.argmax(by_coefficient), by_coefficient.shape)
    worst = f"largest for {coefficient_column(COMPONENTS[c], TERMS[t], 2)}: {by_coefficient[c, t]:.3g}"
    log.info(f"cells displaced by {displacement:.3g} kpc (median); rms pull {value:.3g}, {worst}")
    what = "true velocities of the same stars" if against == "stars" else "the true mean field at the same stars"
    source = f"rms pull of the coefficients at {len(differences)} nodes against {what}"
    write_json(result, [Check(name, value, EXPECTED[against], tolerance, "standard errors", source).record()])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            field=Path(snakemake.input.field),
            cells=Path(snakemake.input.cells),
            stars=Path(snakemake.input.stars),
            truth=Path(snakemake.input.truth),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            radius_kpc=snakemake.params.radius_kpc,
            against=snakemake.params.against,
            model=snakemake.params.model,
            tolerance=snakemake.params.tolerance,
        )
