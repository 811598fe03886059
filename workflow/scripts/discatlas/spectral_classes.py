"""Stars by spectral class, which here is a range of effective temperature, and their Kiel diagram.

The limits are those of Zari et al. (2025, Fig. 4), after Pecaut & Mamajek (2013): 31,900 K for O9.5V (their text has
"319 000" and their caption 31,000), 17,000 K for B3V, 10,400 K for B9V, 7,400 K for A9V and 6,050 K for F9V.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.cuts import CompiledCut, compile_cut
from discatlas.errors import DiscatlasError, nearest
from discatlas.publish import MISSING, latex_text

Array = NDArray[np.float64]
PARAMETERS = ("teff_K", "logg_dex")


@dataclass(frozen=True)
class SpectralClass:
    """A class: short name, name, and its temperatures [K], the lower limit belonging to it."""

    key: str
    name: str
    teff_min_K: float
    teff_max_K: float


CLASSES = (
    SpectralClass("O", "O9.5 and earlier", 31_900.0, np.inf),
    SpectralClass("early B", "B3 to O9.5", 17_000.0, 31_900.0),
    SpectralClass("late B", "B9 to B3", 10_400.0, 17_000.0),
    SpectralClass("A", "A", 7_400.0, 10_400.0),
    SpectralClass("F", "F", 6_050.0, 7_400.0),
    SpectralClass("later", "later", 0.0, 6_050.0),
)


def class_counts(teff_K: Array) -> NDArray[np.int64]:
    """Return the number of stars in each of `CLASSES`; those without temperature are in none."""
    known = teff_K[np.isfinite(teff_K)]
    edges = np.array([spectral.teff_min_K for spectral in CLASSES])
    # limits fall, so that the first one reached decides
    place = (known[:, None] < edges).sum(axis=1)
    return np.bincount(place, minlength=len(CLASSES))[: len(CLASSES)]


def other_cuts(
    cuts: Sequence[Mapping[str, Any]], sample: Sequence[str], background: Sequence[str]
) -> tuple[list[CompiledCut], list[str]]:
    """Return the cuts of a sample that can be made on its background, and the names of those that are left out.

    `sample` and `background` are the columns of both. Left out are cuts on temperature and gravity, which the diagram is to
    show, and cuts on what only the sample has, such as its distance.
    """
    compiled = [(cut["name"], compile_cut(cut["expression"], [*sample, *background])) for cut in cuts]
    usable = set(background) - set(PARAMETERS)
    left_out = [name for name, cut in compiled if not set(cut.columns) <= usable]
    return [cut for name, cut in compiled if name not in left_out], left_out


class StarCounts:
    """Temperatures and counts of one group of stars, to which batches are added.

    Parameters
    ----------
    cuts : sequence of CompiledCut
        A row that fails one is left out.
    log_teff_bin_dex, logg_bin_dex : float
        Sizes of the cells of the Kiel diagram; their edges are whole multiples.

    Attributes
    ----------
    counts : dict of str to int
        Rows read, stars that pass, and of these without temperature, and without temperature or gravity.
    classes : ndarray, shape (6,)
        Stars in each of `CLASSES`.
    cells : dict of (int, int) to int
        Stars in the cells of the Kiel diagram, by number of the cell in log10 Teff and log g.
    """

    def __init__(self, cuts: Sequence[CompiledCut], log_teff_bin_dex: float, logg_bin_dex: float) -> None:
        self.cuts, self.bins = tuple(cuts), (log_teff_bin_dex, logg_bin_dex)
        self.counts = dict.fromkeys(("rows", "stars", "without_temperature", "without_both"), 0)
        self.classes = np.zeros(len(CLASSES), np.int64)
        self.cells: dict[tuple[int, int], int] = {}

    def add(self, batches: Iterable[pl.DataFrame]) -> None:
        """Add all rows of some batches."""
        for batch in batches:
            kept = batch
            for cut in self.cuts:
                kept = kept.filter(cut.expression)
            teff, logg = (kept[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in PARAMETERS)
            both = np.isfinite(teff) & np.isfinite(logg) & (teff > 0)
            self.counts["rows"] += batch.height
            self.counts["stars"] += kept.height
            self.counts["without_temperature"] += int(np.isnan(teff).sum())
            self.counts["without_both"] += int((~both).sum())
            self.classes += class_counts(teff)
            places = [
                np.floor(values / size).astype(np.int64)
                for values, size in zip((np.log10(teff[both]), logg[both]), self.bins, strict=True)
            ]
            unique, number = np.unique(np.stack(places, axis=1), axis=0, return_counts=True)
            for cell, n in zip(map(tuple, unique.tolist()), number.tolist(), strict=True):
                self.cells[cell] = self.cells.get(cell, 0) + n

    def class_rows(self, group: str, published: Mapping[str, int] | None) -> list[dict[str, Any]]:
        """Return the rows of contract ``spectral_classes`` for this group; `published` counts by short name of the class.

        Raises
        ------
        DiscatlasError
            If `published` names a class that is none.
        """
        keys = [spectral.key for spectral in CLASSES]
        for key in published or {}:
            if key not in keys:
                raise DiscatlasError(
                    f"published counts: no class {key!r}{nearest(key, keys)}; expected {', '.join(keys)}"
                )
        total = int(self.classes.sum())
        return [
            {
                "group": group,
                "spectral_class": spectral.name,
                "teff_min_K": spectral.teff_min_K or None,
                "teff_max_K": spectral.teff_max_K if np.isfinite(spectral.teff_max_K) else None,
                "n_stars": int(n),
                "share": int(n) / total if total else None,
                "n_published": (published or {}).get(spectral.key),
            }
            for spectral, n in zip(CLASSES, self.classes, strict=True)
        ]

    def kiel_columns(self, group: str) -> dict[str, list]:
        """Return the columns of contract ``kiel_diagram`` for this group, cells in order."""
        cells = sorted(self.cells)
        columns: dict[str, list] = {"group": [group] * len(cells)}
        for axis, (name, size) in enumerate(zip(("log_teff", "logg"), self.bins, strict=True)):
            columns[f"{name}_low_dex"] = [cell[axis] * size for cell in cells]
            columns[f"{name}_high_dex"] = [(cell[axis] + 1) * size for cell in cells]
        return columns | {"n_stars": [self.cells[cell] for cell in cells]}


def classes_latex(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str], caption: str) -> str:
    """Return a LaTeX table of the classes: temperatures and the number of stars of each group, published ones beside."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    head = {"class": "", r"$T_\mathrm{eff}$": "[K]"} | {latex_text(titles[group]): "" for group in groups}
    has_published = any(row["n_published"] is not None for row in rows)
    if has_published:
        head["published"] = ""
    by = {(row["group"], row["spectral_class"]): row for row in rows}
    body = []
    for spectral in CLASSES:
        line = [spectral.name, _range(spectral)]
        of = [by[group, spectral.name] for group in groups]
        line += [f"{row['n_stars']:,}" for row in of]
        if has_published:
            published = [row["n_published"] for row in of if row["n_published"] is not None]
            line.append(f"{published[0]:,}" if published else MISSING)
        body.append([text.replace(",", r"\,") if text[0].isdigit() else text for text in line])
    stream = io.StringIO()
    latex = {"tabletype": "table", "caption": latex_text(caption), "units": head}
    Table(rows=body, names=list(head)).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _range(spectral: SpectralClass) -> str:
    if not np.isfinite(spectral.teff_max_K):
        return f"$\\geq {spectral.teff_min_K:.0f}$"
    if not spectral.teff_min_K:
        return f"$< {spectral.teff_max_K:.0f}$"
    return f"{spectral.teff_min_K:.0f}--{spectral.teff_max_K:.0f}"
