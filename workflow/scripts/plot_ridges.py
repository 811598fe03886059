"""Draw the ridges of moving groups of a sample and of a model over the density of either (rule ``plot_ridges``)."""

import json
from pathlib import Path

from discatlas.bar_spirals.volumes import AXES
from discatlas.plotting.bar_ridges import RidgeSet, draw_ridge_page
from discatlas.plotting.save import save_figure
from discatlas.runtime import script_log
from discatlas.tables import read_columns, read_provenance


def _note(summary: Path) -> list[str]:
    """Return what the comparison found, in a line."""
    parts = []
    for axis, found in json.loads(summary.read_text(encoding="utf-8"))["axes"].items():
        if axis not in AXES or not found["n_ridges"]:
            continue
        words = {"R": "R", "phi": "φ", "v_R": "radial velocity"}[axis]
        part = f"along {words} {found['n_matched']} of {found['n_ridges']} ridges of the sample are in the model"
        if found["n_matched"]:
            part += f" (model minus sample {found['separation_kms']:+.1f}, rms {found['separation_rms_kms']:.1f} km/s)"
        parts.append(part)
    return [f"{'; '.join(parts)[:1].upper()}{'; '.join(parts)[1:]}"] if parts else []


def run(
    *,
    sample_ridges: Path | None,
    sample_density: Path | None,
    model_ridges: Path,
    model_density: Path,
    summary: Path | None,
    pdf: list[Path],
    png: list[Path],
    pages: list[str],
    marked_kms: float | None,
    title: str,
    objects: str,
    model_words: str,
    dpi: int,
) -> None:
    """Draw `pages` of `discatlas.bar_spirals.ridge_pages.RIDGE_PAGES`, each into its own PDF and PNG.

    Parameters
    ----------
    sample_ridges, sample_density : Path or None
        Of rule ``fit_ridges``; None for a model alone.
    model_ridges, model_density : Path
        Of rule ``predict_ridges``.
    summary : Path or None
        JSON of rule ``compare_ridges``, for the note.
    marked_kms : float or None
        The sample's ridge nearest to this v_phi at the Sun is green.
    objects, model_words : str
        What sample and model are called in the note.
    """
    model = RidgeSet.of(read_columns(model_ridges), read_columns(model_density), f"ridges of {model_words}")
    sample = None
    if sample_ridges and sample_density:
        sample = RidgeSet.of(read_columns(sample_ridges), read_columns(sample_density), f"ridges of {objects}")
    settings = read_provenance(model_ridges)["settings"]
    note = _note(summary) if summary else []
    for page, *files in zip(pages, pdf, png, strict=True):
        words = {"marked_kms": marked_kms, "title": title, "note": note, "where": str(model_ridges)}
        save_figure(draw_ridge_page(page, sample, model, settings, **words), *files, dpi)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            sample_ridges=Path(snakemake.input.sample_ridges) if snakemake.input.get("sample_ridges") else None,
            sample_density=Path(snakemake.input.sample_density) if snakemake.input.get("sample_density") else None,
            model_ridges=Path(snakemake.input.model_ridges),
            model_density=Path(snakemake.input.model_density),
            summary=Path(snakemake.input.summary) if snakemake.input.get("summary") else None,
            pdf=[Path(path) for path in snakemake.output.pdf],
            png=[Path(path) for path in snakemake.output.png],
            pages=list(snakemake.params.pages),
            marked_kms=snakemake.params.marked_kms,
            title=snakemake.params.title,
            objects=snakemake.params.objects,
            model_words=snakemake.params.model_words,
            dpi=snakemake.params.dpi,
        )
