"""Write the best parameters of a fit of spiral modes as CSV and LaTeX (rule ``tabulate_spiral_modes``)."""

import json
from pathlib import Path

from discatlas.files import write_text
from discatlas.publish import to_csv
from discatlas.publish_spiral_modes import modes_columns, modes_latex
from discatlas.runtime import script_log


def run(*, summary: Path, csv: Path, tex: Path, title: str) -> None:
    """Write parameters and objectives of a fit (the JSON of rule ``fit_spiral_modes``) beside the model it is compared with."""
    record = json.loads(summary.read_text(encoding="utf-8"))
    write_text(csv, to_csv(modes_columns(record)))
    write_text(tex, modes_latex(record, f"Spiral modes fitted to the {title}."))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            summary=Path(snakemake.input.summary),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            title=snakemake.params.title,
        )
