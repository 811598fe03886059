"""Compare the ridges of moving groups of a sample with those of a model (rule ``compare_ridges``)."""

import logging
from pathlib import Path

from discatlas.bar_spirals.ridge_comparison import comparison_columns, comparison_record, match_ridges
from discatlas.bar_spirals.ridge_tables import read_ridges
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)


def run(
    *,
    sample_ridges: Path,
    model_ridges: Path,
    comparison: Path,
    summary: Path,
    min_common: int,
    max_separation_kms: float,
) -> None:
    """Write which ridges belong together and how they differ (contract ``ridges_comparison``), and all of it in short (JSON).

    Parameters
    ----------
    sample_ridges, model_ridges : Path
        Of rules ``fit_ridges`` and ``predict_ridges`` with the same settings.
    min_common : int
        Least number of the sample's peaks at which the model has the ridge too.
    max_separation_kms : float
        Largest rms separation in v_phi of ridges that belong together.

    Raises
    ------
    DiscatlasError
        For tables of different settings.
    """
    settings = [read_provenance(path).get("settings") for path in (sample_ridges, model_ridges)]
    if settings[0] is None or settings[0] != settings[1]:
        raise DiscatlasError(
            f"{sample_ridges} and {model_ridges}: their volumes or links differ; make both with the same settings"
        )
    ridges = [list(read_ridges(read_columns(path))) for path in (sample_ridges, model_ridges)]
    columns = comparison_columns(match_ridges(*ridges, min_common, max_separation_kms))
    rules = {"min_common": min_common, "max_separation_kms": max_separation_kms}
    write_table(comparison, load_contract("ridges_comparison"), columns, rules | {"settings": settings[0]})
    record = comparison_record(columns)
    write_json(summary, rules | {"axes": record})
    for axis, found in record.items():
        log.info(f"along {axis}: {found['n_matched']} of {found['n_ridges']} ridges are in the model too")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample_ridges=Path(snakemake.input.sample_ridges),
            model_ridges=Path(snakemake.input.model_ridges),
            comparison=Path(snakemake.output.comparison),
            summary=Path(snakemake.output.summary),
            min_common=snakemake.params.min_common,
            max_separation_kms=snakemake.params.max_separation_kms,
        )
