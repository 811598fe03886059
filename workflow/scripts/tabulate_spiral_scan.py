"""Write the fits of a spiral response at fixed pattern speeds as CSV and LaTeX (rule ``tabulate_spiral_scan``)."""

from pathlib import Path

from discatlas.files import write_text
from discatlas.publish import to_csv
from discatlas.publish_spirals import scan_latex
from discatlas.runtime import script_log
from discatlas.tables import read_columns


def run(*, scan: Path, csv: Path, tex: Path, title: str) -> None:
    """Write every column of the table `scan` as CSV, and parameters, chi-square and evidence as LaTeX."""
    columns = read_columns(scan)
    write_text(csv, to_csv(columns))
    write_text(tex, scan_latex(columns, f"Spiral response of the {title} at fixed pattern speeds."))


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            scan=Path(snakemake.input.scan),
            csv=Path(snakemake.output.csv),
            tex=Path(snakemake.output.tex),
            title=snakemake.params.title,
        )
