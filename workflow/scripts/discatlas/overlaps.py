"""Stars in common of several tables, as Table 1 of Zari et al. (2025)."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.crossmatch import SkyTable, chance_matches, count_matches, match_stars
from discatlas.errors import DiscatlasError
from discatlas.publish import latex_text

Named = Sequence[tuple[str, SkyTable]]


def count_overlaps(
    rows: Named, columns: Named, radius_arcsec: float, shift_arcsec: float, threads: int = 1
) -> dict[str, list]:
    """Return the columns of contract ``overlaps``: every table of `rows` with every one of `columns`, row by row.

    A pair of stars counts where each is the nearest of the other within the radius; tables have the titles given.

    Raises
    ------
    DiscatlasError
        For no table, two tables of one title on one side, and a bad radius or shift.
    """
    for side, tables in (("rows", rows), ("columns", columns)):
        titles = [title for title, _ in tables]
        if not titles or len(set(titles)) < len(titles):
            raise DiscatlasError(f"table of overlaps: {side} are {titles}, expected some tables, each title once")
    found: dict[str, list] = {}
    for row, left in rows:
        for column, right in columns:
            n_common = count_matches(match_stars(left, right, radius_arcsec, threads))["best"]
            n_row, n_column = left.counts["stars"], right.counts["stars"]
            values = {"row": row, "column": column, "n_row": n_row, "n_column": n_column, "n_common": n_common}
            values["n_chance"] = chance_matches(left, right, radius_arcsec, shift_arcsec, threads)["best"]
            values |= {"share_row": _share(n_common, n_row), "share_column": _share(n_common, n_column)}
            for name, value in values.items():
                found.setdefault(name, []).append(value)
    return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan


def overlaps_latex(columns: Mapping[str, NDArray | Sequence], caption: str) -> str:
    """Return a LaTeX table of the numbers in common, with the number of stars of each table beside its title."""
    cells = dict(zip(zip(columns["row"], columns["column"], strict=True), columns["n_common"], strict=True))
    rows, heads = (dict(zip(columns[side], columns[f"n_{side}"], strict=True)) for side in ("row", "column"))
    names = ["catalogue", *(latex_text(title) for title in heads)]
    units = dict(zip(names, ["", *(f"$N = {_thousands(n)}$" for n in heads.values())], strict=True))
    body = [
        [f"{latex_text(row)}, $N = {_thousands(n)}$", *(f"${_thousands(cells[row, head])}$" for head in heads)]
        for row, n in rows.items()
    ]
    stream = io.StringIO()
    latex = {"tabletype": "table", "caption": latex_text(caption), "units": units}
    Table(rows=body, names=names).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _thousands(n: int) -> str:
    return f"{n:,}".replace(",", r"\,")
