"""Tables to publish: a profile as CSV with every column, and as LaTeX with values rounded to their errors."""

import io
import re
from collections.abc import Mapping, Sequence
from math import floor, log10

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.contracts import SUFFIX_UNITS, join_unit, split_unit

MISSING = r"\dots"


def to_csv(columns: Mapping[str, NDArray]) -> str:
    """Return the columns as CSV with six significant digits; missing values are empty."""
    table = Table({k: np.ma.masked_invalid(v) if v.dtype.kind == "f" else v for k, v in columns.items()})
    formats = {name: "%.6g" for name in table.colnames if table[name].dtype.kind == "f"}
    stream = io.StringIO()
    table.write(stream, format="ascii.csv", formats=formats, fill_values=[("--", ""), ("nan", "")])
    return stream.getvalue()


def latex_text(text: str) -> str:
    r"""Return a text with the characters plain that LaTeX reads as commands: ``5 %`` gives ``5 \%``."""
    return re.sub(r"([&%#_$])", r"\\\1", text)


def with_error(value: float, minus: float, plus: float | None = None) -> str:
    r"""Return ``$v \pm e$`` (or ``$v_{-a}^{+b}$`` if `plus` is given) with two digits of the smaller error.

    >>> with_error(231.2345, 1.234)
    '$231.2 \\pm 1.2$'
    """
    ends = [minus] if plus is None else [minus, plus]
    if not np.isfinite([value, *ends]).all():
        return MISSING
    smallest = min((end for end in ends if end > 0), default=1.0)
    digits = max(0, 1 - floor(log10(smallest)))
    if plus is None:
        return rf"${value:.{digits}f} \pm {minus:.{digits}f}$"
    return rf"${value:.{digits}f}_{{-{minus:.{digits}f}}}^{{+{plus:.{digits}f}}}$"


def profile_latex(columns: Mapping[str, NDArray], axis: str, quantities: Sequence[str], caption: str) -> str:
    """Return a profile as a LaTeX table: coordinate, number, and mean and intrinsic dispersion of each quantity.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (m,)
        Columns of contract ``map`` with one axis.
    axis, quantities : str
        Column names with their units, such as ``R_kpc`` and ``v_phi_kms``.
    """
    base, suffix = split_unit(axis)
    head = {_name(base): f"[{_unit(suffix)}]", "$N$": ""}
    rows = [
        [f"{x:.3f}", f"{n:d}"]
        for x, n in zip(columns[join_unit(f"{base}_mean", suffix)], columns["n_stars"], strict=True)
    ]
    for quantity in quantities:
        base, suffix = split_unit(quantity)
        head |= {
            rf"$\langle${_name(base)}$\rangle$": f"[{_unit(suffix)}]",
            rf"$\sigma$({_name(base)})": f"[{_unit(suffix)}]",
        }
        mean, error = (columns[join_unit(f"{base}_{word}", suffix)] for word in ("ml_mean", "ml_mean_error"))
        sigma, low, high = (columns[join_unit(f"sigma_{base}{end}", suffix)] for end in ("", "_lo", "_hi"))
        for i, row in enumerate(rows):
            row += [with_error(mean[i], error[i]), with_error(sigma[i], sigma[i] - low[i], high[i] - sigma[i])]
    table = Table(rows=rows, names=list(head))
    stream = io.StringIO()
    latex = {
        "tabletype": "table",
        "caption": latex_text(caption),
        "units": {name: unit for name, unit in head.items() if unit},
    }
    table.write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _name(base: str) -> str:
    r"""Return a column's base name as LaTeX: ``v_phi`` gives ``$v_{\phi}$``."""
    special = {"feh": "[Fe/H]", "v_phi": r"$v_{\phi}$", "phi": r"$\phi$"}
    first, _, index = base.partition("_")
    return special.get(base, rf"${first}_{{{index}}}$" if index else f"${first}$")


def _unit(suffix: str) -> str:
    return SUFFIX_UNITS.get(suffix, "").replace("km / s", r"km\,s$^{-1}$")
