"""Write metallicity gradients as CSV and LaTeX tables (rule ``tabulate_metallicity_gradient``)."""

from pathlib import Path

from discatlas.files import write_text
from discatlas.gradients.latex import gradient_latex
from discatlas.publish import to_csv
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance

WORDS = {"R_kpc": "Radial", "abs_Z_kpc": "Vertical"}


def run(*, gradient: Path, csv: Path, tex: Path, title: str) -> None:
    """Write every column of the gradients as CSV, and a LaTeX table of each model, as in Hawkins (2023).

    `title` names the sample. Bins with too few stars are rows without values.
    """
    columns, provenance = read_columns(gradient), read_provenance(gradient)
    write_text(csv, to_csv(columns))
    tables = [
        gradient_latex(
            columns,
            provenance["bin_by"],
            model,
            f"{WORDS[provenance['x']]} metallicity gradient of the {title}: {model} model, {provenance['likelihood']}.",
        )
        for model in dict.fromkeys(columns["model"])
    ]
    write_text(tex, "\n".join(tables))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            gradient=Path(snakemake.input.gradient),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            title=snakemake.params.title,
        )
