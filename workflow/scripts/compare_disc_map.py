"""Compare predicted maps of the disc with observed ones in numbers (rule ``compare_disc_map``)."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from discatlas.bar_spirals.map_comparison import (
    ANNULUS_KPC,
    QUANTITIES,
    check_orientation,
    observed_values,
    predicted_values,
    summary,
)
from discatlas.contracts import error_column
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns

log = logging.getLogger(__name__)


def run(*, predicted: Mapping[str, Path], observed: Mapping[str, Path], numbers: Path) -> None:
    """Write how well each model reproduces each observed map, for each quantity that it has.

    Observed cells are compared with the prediction interpolated bilinearly at their centres; of v_phi both are taken
    less their own medians at the same radius. `rms_data` is the residual of a model without bar and spirals, v_R = 0.

    Parameters
    ----------
    predicted : mapping of str to Path
        Tables ``disc_map`` of models, by name.
    observed : mapping of str to Path
        Tables ``disc_map`` of samples, or ``published_map``, by name.
    numbers : Path
        JSON: observed name, quantity, model, then the numbers of `discatlas.bar_spirals.map_comparison.summary`.

    Raises
    ------
    DiscatlasError
        If there is no model, an observed map has no quantity that models have, or is in the wrong orientation.
    """
    if not predicted:
        raise DiscatlasError(f"{numbers}: no model to compare with; give the map some models")
    models = {name: read_columns(path) for name, path in predicted.items()}
    first = next(iter(models))
    record = {"annulus_kpc": ANNULUS_KPC, "rotation": {}, "maps": {}}
    for name, path in observed.items():
        cells = read_columns(path)
        quantities = [quantity for quantity in QUANTITIES if quantity in cells]
        if not quantities:
            raise DiscatlasError(f"{path}: none of {', '.join(QUANTITIES)} among its columns; give another map")
        if "v_phi_kms" in quantities:
            record["rotation"][name] = check_orientation(cells, models[first], str(path))
        record["maps"][name] = {}
        for quantity in quantities:
            data = observed_values(cells, quantity)
            error = cells.get(error_column(quantity))
            found = {
                model: summary(data, predicted_values(columns, cells, quantity, str(predicted[model])), error)
                for model, columns in models.items()
            }
            record["maps"][name][quantity] = found
            words = ", ".join(f"{model} {one.get('rms_residual', np.nan):.3g}" for model, one in found.items())
            log.info(f"{name}, {quantity}: rms {found[first].get('rms_data', np.nan):.3g}, residual: {words}")
    write_json(numbers, record)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            predicted=dict(zip(snakemake.params.models, map(Path, snakemake.input.predicted), strict=True)),
            observed=dict(zip(snakemake.params.sources, map(Path, snakemake.input.observed), strict=True)),
            numbers=Path(snakemake.output.numbers),
        )
