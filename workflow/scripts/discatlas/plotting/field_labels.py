"""Symbols and labels of the columns of a velocity field."""

from discatlas.contracts import error_column, split_unit
from discatlas.plotting.labels import SYMBOLS, column_unit, with_unit
from discatlas.velocity_field import COMPONENTS, TERMS, coefficient_column
from discatlas.velocity_field.oort import CONSTANTS

# each term before its component; d/dphi goes with 1/R, as the coefficients do
_OPERATORS = {
    "0": "",
    "R": r"\partial_R ",
    "phi": r"R^{-1}\partial_\varphi ",
    "Z": r"\partial_Z ",
    "RR": r"\partial_R^2 ",
    "phiphi": r"R^{-2}\partial_\varphi^2 ",
    "ZZ": r"\partial_Z^2 ",
    "Rphi": r"R^{-1}\partial_{R\varphi}^2 ",
    "RZ": r"\partial_{RZ}^2 ",
    "phiZ": r"R^{-1}\partial_{\varphi Z}^2 ",
}
_DIFFERENCE = r"\Delta\,"  # north minus south


def _symbols() -> dict[str, str]:
    table = {name: name for name in CONSTANTS} | {"n_cells": "n", "condition": r"\kappa"}
    for component in COMPONENTS:
        tex = SYMBOLS[component]
        table[f"{component}_residual"] = rf"\sigma({tex})"
        table[f"north_minus_south_{component}"] = rf"{_DIFFERENCE}\langle {tex}\rangle"
        for term in TERMS:
            base = split_unit(coefficient_column(component, term, 2))[0]
            table[base] = _OPERATORS[term] + tex
            operator = r"\partial_{|Z|} " if term == "Z" else _OPERATORS[term]
            table[f"north_minus_south_{base}"] = _DIFFERENCE + operator + tex
    return table


_TABLE = _symbols()


def column_symbol(column: str) -> str:
    """Return the TeX symbol, without dollar signs, of a column; those of both orders have the same."""
    return _TABLE[split_unit(column.removeprefix("linear_"))[0]]


def column_label(column: str) -> str:
    """Return the label of a column with its unit."""
    return with_unit(f"${column_symbol(column)}$", column_unit(column))


def column_error_label(column: str) -> str:
    """Return the label of the standard error of a column with its unit."""
    return with_unit(rf"$\varepsilon({column_symbol(column)})$", column_unit(error_column(column)))
