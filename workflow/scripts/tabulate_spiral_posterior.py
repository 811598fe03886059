"""Write the error bars and degeneracies of spiral modes as CSV and LaTeX (rule ``tabulate_spiral_posterior``)."""

import json
from pathlib import Path

from discatlas.files import write_text
from discatlas.publish import to_csv
from discatlas.publish_spiral_posterior import degeneracy_columns, posterior_columns, posterior_latex
from discatlas.runtime import script_log


def run(*, summary: Path, csv: Path, degeneracies: Path, tex: Path, title: str) -> None:
    """Write the parameters of a posterior (the JSON of rule ``fit_spiral_posterior``) and of its variants, and their degeneracies."""
    record = json.loads(summary.read_text(encoding="utf-8"))
    write_text(csv, to_csv(posterior_columns(record)))
    write_text(degeneracies, to_csv(degeneracy_columns(record)))
    write_text(tex, posterior_latex(record, f"Posterior of spiral modes given the {title}."))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            summary=Path(snakemake.input.summary),
            csv=Path(snakemake.output.csv),
            degeneracies=Path(snakemake.output.degeneracies),
            tex=Path(snakemake.output.tex),
            title=snakemake.params.title,
        )
