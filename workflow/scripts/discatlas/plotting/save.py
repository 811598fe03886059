"""Save a figure as PDF and PNG: whole or not at all, and the same bytes on every run."""

from pathlib import Path

from matplotlib.figure import Figure

from discatlas.plotting.style import figure_style

# No dates and no program names: the bytes depend on the figure alone.
_METADATA = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@figure_style()
def save_figure(figure: Figure, pdf: Path, png: Path, dpi: int = 200) -> None:
    """Write `figure` to `pdf` and `png` (`dpi` dots per inch) under temporary names; rename both when whole.

    Rastered parts of the PDF have the same resolution. Raises OSError if the folder cannot be written.
    """
    partial = {}
    try:
        for kind, path in (("pdf", Path(pdf)), ("png", Path(png))):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial[path] = path.with_name(f".{path.name}.partial")
            figure.savefig(partial[path], format=kind, dpi=dpi, metadata=_METADATA[kind])
        for path, temporary in partial.items():
            temporary.replace(path)
    finally:
        for temporary in partial.values():
            temporary.unlink(missing_ok=True)
