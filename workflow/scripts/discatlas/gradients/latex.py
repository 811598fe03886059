"""Gradients as a LaTeX table like Tables 1 and 2 of Hawkins (2023): one row per bin."""

import io
import re
from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.contracts import error_column, split_unit
from discatlas.errors import DiscatlasError
from discatlas.publish import MISSING, with_error

COLUMNS = {
    "linear": (("slope_dex_per_kpc", "slope"), ("intercept_dex", "$b$"), ("scatter_orthogonal_dex", r"$\lambda$")),
    "broken": (
        ("slope_dex_per_kpc", "slope"),
        ("outer_slope_dex_per_kpc", "outer slope"),
        ("break_kpc", "break"),
        ("intercept_dex", "$b$"),
        ("scatter_dex", r"$\sigma$"),
    ),
    "quadratic": (
        ("slope_dex_per_kpc", "slope"),
        ("curvature_dex_per_kpc2", "curvature"),
        ("intercept_dex", "$b$"),
        ("scatter_dex", r"$\sigma$"),
    ),
}
UNITS = {"dex_per_kpc2": "[dex/kpc$^2$]", "dex_per_kpc": "[dex/kpc]", "kpc": "[kpc]", "dex": "[dex]"}
PLACES = {"abs_Z_kpc": "$|Z|$", "R_kpc": "$R$"}


def gradient_latex(columns: Mapping[str, NDArray], bin_by: str, model: str, caption: str) -> str:
    """Return the fits of one model as a LaTeX table: middle of the bin, parameters with errors, number of stars.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (m,)
        Columns of the contract ``metallicity_gradient``.
    bin_by : str
        ``abs_Z_kpc`` or ``R_kpc``.

    Raises
    ------
    DiscatlasError
        If the table has no row of the model.
    """
    chosen = np.flatnonzero(np.asarray(columns["model"]) == model)
    if not chosen.size:
        found = ", ".join(dict.fromkeys(columns["model"]))
        raise DiscatlasError(f"no fit of model {model!r} to tabulate; the table has: {found}")
    head = {PLACES[bin_by]: "[kpc]"}
    rows = [[f"{0.5 * (columns['bin_low_kpc'][k] + columns['bin_high_kpc'][k]):.2f}"] for k in chosen]
    for name, title in COLUMNS[model]:
        head[title] = UNITS[split_unit(name)[1]]
        for row, k in zip(rows, chosen, strict=True):
            row.append(with_error(columns[name][k], columns[error_column(name)][k]))
    head["$N$"] = ""
    for row, k in zip(rows, chosen, strict=True):
        row.append(f"{columns['n_stars'][k]:d}")
        converged = columns["converged"][k]
        if converged is not None and not converged and row[1] != MISSING:
            row[0] += "$^*$"
    stream = io.StringIO()
    latex = {
        "tabletype": "table",
        "caption": re.sub(r"([&%#_$])", r"\\\1", caption),
        "units": {name: unit for name, unit in head.items() if unit},
        "tablefoot": _foot(model),
    }
    Table(rows=rows, names=list(head)).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _foot(model: str) -> str:
    scatter = (
        r"$\lambda$: intrinsic scatter across the line"
        if model == "linear"
        else r"$\sigma$: intrinsic scatter along [Fe/H]"
    )
    place = "; the slope is that at the mean coordinate of the stars" if model == "quadratic" else ""
    return f"$b$: value at zero{place}. {scatter}. {MISSING}: too few stars. $^*$: chains that have not converged."
