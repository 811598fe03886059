"""Write a profile as CSV and LaTeX tables (rule ``tabulate_profile``)."""

from pathlib import Path

from discatlas.files import write_text
from discatlas.publish import profile_latex, to_csv
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, profile: Path, csv: Path, tex: Path, axis: str, quantities: list[str], title: str) -> None:
    """Write every column of the one-axis map in `profile` as CSV, and its means and dispersions as LaTeX."""
    columns = read_columns(profile)
    write_text(csv, to_csv(columns))
    write_text(tex, profile_latex(columns, axis, quantities, f"Profile of the {title}."))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            profile=Path(snakemake.input.profile),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            axis=snakemake.params.axis,
            quantities=snakemake.params.quantities,
            title=snakemake.params.title,
        )
